// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Commands under control, from JavaScript: limits, usage, events, descriptors, terminals, signals.
// The cases have the names and numbers that they have in the other languages.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';

import {
    assert, assertEqual, assertError, assertIncludes, asyncStage, caught, command, pipelineOf, run,
    test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;
const {EventKind, PipelineError, ProcessGroup, Resource, SignalError, StageState, StderrMode} = Gp;
const MIB = 1024 * 1024;
const [SIGKILL, SIGTERM, SIGCONT, SIGSTOP] = [9, 15, 18, 19];

async function assertInvalid(part, ...stages) {
    const error = await assertError(() => pipelineOf(...stages).run_async(), PipelineError,
        PipelineError.INVALID);
    assertIncludes(error.message, part);
}

function communicate(...stages) {
    return pipelineOf(...stages).communicate_utf8_async();
}

function sh(script) {
    return Gp.CommandStage.new(['/bin/sh', '-c', script]);
}

// Starts a pipeline whose last stage says something when it is ready, and waits for that
async function start(pipeline) {
    const stdout = Gio.DataInputStream.new(pipeline.open_output());
    await pipeline.start_async();
    assertEqual(stdout.read_line_utf8(null)[0], 'ready');
    stdout.close(null);
}

// What was notified of must be all that can be changed
function assertAllNotified(object, notified) {
    const {WRITABLE, CONSTRUCT_ONLY} = GObject.ParamFlags;
    const settable = GObject.Object.list_properties.call(object.constructor)
        .filter(({flags}) => flags & WRITABLE && !(flags & CONSTRUCT_ONLY))
        .map(({name}) => name);
    assertEqual([...notified].sort(), settable.sort());
}

function watchNotify(object) {
    const notified = new Set();
    object.connect('notify', (_, {name}) => notified.add(name));
    return notified;
}

function toText(bytes) {
    return new TextDecoder().decode(bytes.toArray());
}

test('1_own_streams', async () => {
    const stdin = Gio.MemoryInputStream.new_from_bytes(new GLib.Bytes('its own'));
    const stdout = Gio.MemoryOutputStream.new_resizable();
    const commandStage = command('cat');
    commandStage.set_stdin(stdin);
    commandStage.set_stdout(stdout);
    await pipelineOf(commandStage).run_async();
    assert(!stdin.is_closed() && !stdout.is_closed());
    stdout.close(null);
    assertEqual(toText(stdout.steal_as_bytes()), 'its own');

    const secondCommand = command('cat');
    secondCommand.set_stdin(stdin);
    await assertInvalid('standard input of its own', command('cat'), secondCommand);
    const firstCommand = command('cat');
    firstCommand.set_stdout(stdout);
    await assertInvalid('standard output of its own', firstCommand, command('cat'));
});

test('1_descriptors', async () => {
    const [fd, path] = GLib.file_open_tmp('XXXXXX');
    const commandStage = sh('echo text >&7');
    commandStage.take_fd(fd, 7);
    await pipelineOf(commandStage).run_async();
    assertEqual(new TextDecoder().decode(GLib.file_get_contents(path)[1]), 'text\n');
    GLib.unlink(path);
    // The stage has closed what it was given
    assert(!GLib.file_test(`/proc/self/fd/${fd}`, GLib.FileTest.IS_SYMLINK));

    const twiceCommand = command('exit', '0');
    for (let i = 0; i < 2; i++) {
        const [other, name] = GLib.file_open_tmp('XXXXXX');
        twiceCommand.take_fd(other, 7);
        GLib.unlink(name);
    }
    await assertInvalid('twice', twiceCommand);
});

test('1_terminal', async () => {
    assertEqual(await communicate(command('is-tty')), '0 0 0\n');
    const ttyCommand = command('is-tty');
    ttyCommand.set_terminal(true);
    assertEqual(await communicate(ttyCommand), '1 1 0\n');

    const sizeCommand = Gp.CommandStage.new(['stty', 'size']);
    sizeCommand.set_terminal(true);
    assertEqual(sizeCommand.get_terminal_size(), [80, 24]);
    sizeCommand.set_terminal_size(100, 40);
    assertEqual(sizeCommand.get_terminal_size(), [100, 40]);
    assertEqual(await communicate(sizeCommand), '40 100\n');
});

test('1_send_signal', async () => {
    const commandStage = command('term-exit', '3', 'ready');
    commandStage.accept_exit_status(3);
    assert(!commandStage.send_signal(SIGTERM));
    const pipeline = pipelineOf(commandStage);
    await start(pipeline);
    assert(commandStage.send_signal(SIGTERM));
    assert(await pipeline.wait_async());
    assertEqual(pipeline.get_status(0).get_exit_status(), 3);
    assert(!commandStage.send_signal(SIGTERM));
});

test('1_descendants', async () => {
    // Somebody who holds the output is left behind, and is ended with the command
    const commandStage = command('grandchild-hold', 'stdout');
    commandStage.set_kill_descendants(true);
    const pid = (await communicate(commandStage)).trim();
    await until(() => !GLib.file_test(`/proc/${pid}`, GLib.FileTest.EXISTS));

    for (const name of ['kill_descendants', 'die_with_parent']) {
        await assertInvalid('not supervised', new Gp.CommandStage({
            argv: ['true'], supervised: false, [name]: true,
        }));
    }

    const dyingCommand = command('exit', '0');
    dyingCommand.set_die_with_parent(true);
    assert(await pipelineOf(dyingCommand).run_async());
});

test('5_accepted_exit_status', async () => {
    const commandStage = command('both', 'out', 'err', '3');
    commandStage.accept_exit_status(3);
    const pipeline = pipelineOf(commandStage);
    assertEqual(await pipeline.communicate_utf8_async(), 'out');
    const status = pipeline.get_status(0);
    assertEqual([status.get_state(), status.get_exit_status()], [StageState.SUCCEEDED, 3]);

    const otherCommand = command('exit', '4');
    otherCommand.accept_exit_status(3);
    const error = await caught(() => pipelineOf(otherCommand).run_async());
    assert(Gp.error_matches_exit_status(error, 4));

    const wrongCommand = command('exit', '0');
    wrongCommand.accept_exit_status(256);
    await assertInvalid('256', wrongCommand);
});

test('5_time_limit', async () => {
    const commandStage = command('wait');
    commandStage.set_name('sleepy');
    commandStage.set_time_limit(50);
    const error = await assertError(() => pipelineOf(commandStage, command('cat')).run_async(),
        Gio.io_error_quark(), IOErrorEnum.TIMED_OUT);
    assertIncludes(error.message, 'sleepy');
});

test('5_memory_limit', async () => {
    const commandStage = command('allocate', `${64 * MIB}`);
    commandStage.set_name('hungry');
    commandStage.set_memory_limit(16 * MIB);
    commandStage.set_memory_interval(5);
    const pipeline = pipelineOf(commandStage);
    const events = [];
    pipeline.connect('event::memory-limit', (_, event) => events.push(event));
    const error = await assertError(() => pipeline.run_async(), PipelineError,
        PipelineError.MEMORY_LIMIT);
    assertIncludes(error.message, 'hungry');
    assert(pipeline.get_status(0).get_tree_memory_peak() > 16 * MIB);
    assertEqual(events.map(event => event.get_kind()), [EventKind.MEMORY_LIMIT]);
    const {limit, used} = events[0].get_details().recursiveUnpack();
    assertEqual(limit, 16 * MIB);
    assert(used > 16 * MIB);
});

test('5_memory_watch', async () => {
    const commandStage = command('allocate-and-exit', `${16 * MIB}`);
    const memoryWatch = Gp.MemoryWatchStage.new(commandStage, 0);
    assert(memoryWatch.get_stage() === commandStage);
    const pipeline = pipelineOf(memoryWatch);
    const events = [];
    pipeline.connect('event::memory-peak', (_, event) => events.push(event));
    await pipeline.run_async();
    const status = pipeline.get_status(0);
    assert(status.get_tree_memory_peak() >= 16 * MIB);
    assertEqual(events.map(event => event.get_kind()), [EventKind.MEMORY_PEAK]);
    assertEqual(events[0].get_details().recursiveUnpack(), {used: status.tree_memory_peak});

    const stage = pipelineOf(command('allocate', `${64 * MIB}`));
    const outerWatch = new Gp.MemoryWatchStage({stage, limit: 16 * MIB, interval: 5});
    await assertError(() => pipelineOf(outerWatch).run_async(), PipelineError,
        PipelineError.MEMORY_LIMIT);
    await assertInvalid('', Gp.MemoryWatchStage.new(asyncStage(async () => {}), 0));
});

test('5_limitable', async () => {
    const commandStage = command('allocate', `${16 * MIB}`, 'ready');
    assert(commandStage.check());
    assertEqual(commandStage.measure(), [false, 0, 0]);
    const pipeline = pipelineOf(commandStage);
    await start(pipeline);
    const [measured, memory, peak] = commandStage.measure();
    assert(measured && memory >= 16 * MIB && peak >= 16 * MIB);
    commandStage.kill(new GLib.Error(IOErrorEnum, IOErrorEnum.NO_SPACE, 'go'));
    const error = await assertError(() => pipeline.wait_async(), IOErrorEnum, IOErrorEnum.NO_SPACE);
    assertIncludes(error.message, 'go');
    assertEqual(commandStage.measure(), [false, 0, 0]);

    const memoryWatch = Gp.MemoryWatchStage.new(asyncStage(async () => {}), 0);
    await assertError(() => memoryWatch.check(), PipelineError, PipelineError.INVALID);
});

test('8_resource_limits', async () => {
    const commandStage = sh('ulimit -t; ulimit -f; ulimit -n; ulimit -v; ulimit -c');
    for (const [resource, limit] of [
        [Resource.CPU_TIME, 77],
        [Resource.FILE_SIZE, 512 * 88],
        [Resource.OPEN_FILES, 99],
        [Resource.ADDRESS_SPACE, 1024 * 999999],
        [Resource.CORE_SIZE, 0],
    ]) {
        assertEqual(commandStage.get_resource_limit(resource), -1);
        commandStage.set_resource_limit(resource, limit);
        assertEqual(commandStage.get_resource_limit(resource), limit);
    }
    assertEqual(await communicate(commandStage), '77\n88\n99\n999999\n0\n');

    const niceCommand = Gp.CommandStage.new(['nice']);
    niceCommand.set_nice(3);
    const own = Number(await communicate(Gp.CommandStage.new(['nice'])));
    assertEqual(Number(await communicate(niceCommand)), Math.min(own + 3, 19));
});

test('8_usage', async () => {
    const usageOf = status => [status.get_user_time(), status.get_system_time(),
        status.get_wall_time(), status.get_peak_memory(), status.get_tree_memory_peak()];
    const pipeline = pipelineOf(command('burn', '50'));
    const status = pipeline.get_status(0);
    assertEqual(usageOf(status), [-1, -1, -1, -1, -1]);
    await pipeline.run_async();
    const [user, system, wall, peak, treePeak] = usageOf(status);
    assert(user + system >= 45000 && wall > 0);
    assertEqual(wall, status.get_ended_at() - status.get_started_at());
    assert(peak > 4096);
    assertEqual(treePeak, -1);
    assertEqual([status.user_time, status.system_time, status.wall_time, status.peak_memory,
        status.tree_memory_peak], [user, system, wall, peak, -1]);

    const aloneCommand = command('burn', '1');
    aloneCommand.set_supervised(false);
    const otherPipeline = pipelineOf(aloneCommand);
    await otherPipeline.run_async();
    const [otherUser, otherSystem, otherWall, otherPeak] = usageOf(otherPipeline.get_status(0));
    assertEqual([otherUser, otherSystem, otherPeak], [-1, -1, -1]);
    assert(otherWall >= 0);
});

// They are kept, and looked at when the signal is long over
test('8_events', async () => {
    const watch = async (...stages) => {
        const pipeline = pipelineOf(...stages);
        const [events, failures] = [[], []];
        pipeline.connect('event', (_, event) => events.push(event));
        pipeline.connect('event::stage-failed', (_, event) => failures.push(event));
        await caught(() => pipeline.run_async());
        return [events, failures];
    };

    const [fine, broken] = [command('exit', '0'), command('exit', '3')];
    fine.set_name('fine');
    broken.set_name('broken');
    const [events, failures] = await watch(fine, broken);
    assertEqual(events.map(event => [event.get_kind(), event.get_stage_name()]).sort(), [
        [EventKind.STAGE_STARTED, 'fine'], [EventKind.STAGE_STARTED, 'broken'],
        [EventKind.STAGE_FINISHED, 'fine'], [EventKind.STAGE_FAILED, 'broken'],
        [EventKind.PIPELINE_FAILED, 'broken'],
    ].sort());
    assertEqual(events.at(-1).get_kind(), EventKind.PIPELINE_FAILED);
    assertEqual(failures.length, 1);
    const [event] = failures;
    assert(event.get_stage() === broken);
    assert(Gp.error_matches_exit_status(event.dup_error(), 3));
    assertIncludes(event.get_message(), 'broken');
    const {pid, ...details} = event.get_details().recursiveUnpack();
    assert(pid > 0);
    assertEqual(details, {'exit-status': 3});
    assertEqual(events[0].dup_error(), null);

    const [otherEvents, otherFailures] = await watch(Gp.CommandStage.new(['/nonexistent']));
    assertEqual(otherEvents.map(other => other.get_kind()),
        [EventKind.START_FAILED, EventKind.PIPELINE_FAILED]);
    assertEqual(otherFailures.length, 0);
});

test('8_stopped', async () => {
    const commandStage = command('wait', 'ready');
    const pipeline = pipelineOf(commandStage);
    const status = pipeline.get_status(0);
    const seen = [];
    for (const nick of ['stage-stopped', 'stage-continued']) {
        pipeline.connect(`event::${nick}`, (_, event) => seen.push([event.get_kind(),
            event.get_details().recursiveUnpack().signal, status.get_state()]));
    }
    await start(pipeline);

    commandStage.send_signal(SIGSTOP);
    await until(() => seen.length === 1);
    assertIncludes(status.dup_summary(), 'SIGSTOP');
    commandStage.send_signal(SIGCONT);
    await until(() => seen.length === 2);
    assertEqual(seen, [[EventKind.STAGE_STOPPED, SIGSTOP, StageState.STOPPED],
        [EventKind.STAGE_CONTINUED, undefined, StageState.RUNNING]]);
    commandStage.send_signal(SIGKILL);
    await assertError(() => pipeline.wait_async(), SignalError, SignalError.KILL);
});

function setStreams(commandStage) {
    const [stdin, stream] = [new Gio.MemoryInputStream(), Gio.MemoryOutputStream.new_resizable()];
    commandStage.set_stdin(stdin);
    assert(commandStage.get_stdin() === stdin);
    commandStage.stdin = null;
    assertEqual(commandStage.stdin, null);
    commandStage.set_stdout(stream);
    assert(commandStage.get_stdout() === stream);
    commandStage.stdout = null;
    assertEqual(commandStage.stdout, null);
    commandStage.set_stderr_stream(stream);
    assert(commandStage.get_stderr_stream() === stream);
    commandStage.stderr_stream = null;
    assertEqual(commandStage.stderrStream, null);
}

function setProcesses(commandStage) {
    assert(commandStage.supervised);
    commandStage.set_supervised(false);
    assert(!commandStage.get_supervised());
    commandStage.supervised = true;
    assert(commandStage.get_supervised());
    commandStage.set_die_with_parent(true);
    assert(commandStage.get_die_with_parent());
    commandStage.die_with_parent = false;
    assert(!commandStage.dieWithParent);
    commandStage.set_kill_descendants(true);
    assert(commandStage.get_kill_descendants());
    commandStage.kill_descendants = false;
    assert(!commandStage.killDescendants);
    commandStage.set_terminal(true);
    assert(commandStage.get_terminal());
    commandStage.terminal = false;
    assert(!commandStage.terminal);
}

function setLimits(commandStage) {
    commandStage.set_time_limit(7);
    assertEqual([commandStage.get_time_limit(), commandStage.time_limit], [7, 7]);
    commandStage.timeLimit = 0;
    assertEqual(commandStage.get_time_limit(), 0);
    commandStage.set_memory_limit(2 ** 40);
    assertEqual(commandStage.get_memory_limit(), 2 ** 40);
    commandStage.memory_limit = 5;
    assertEqual(commandStage.memoryLimit, 5);
    assertEqual(commandStage.get_memory_interval(), 100);
    commandStage.set_memory_interval(7);
    assertEqual(commandStage.get_memory_interval(), 7);
    commandStage.memory_interval = 8;
    assertEqual(commandStage.memoryInterval, 8);
    commandStage.set_nice(-7);
    assertEqual(commandStage.get_nice(), -7);
    commandStage.nice = 0;
    assertEqual(commandStage.nice, 0);
}

test('8_command_settings', () => {
    const commandStage = new Gp.CommandStage({argv: ['/bin/a', 'b']});
    const notified = watchNotify(commandStage);
    assertEqual(commandStage.get_argv(), ['/bin/a', 'b']);
    assertEqual(commandStage.argv, ['/bin/a', 'b']);
    assertEqual(commandStage.get_name(), 'a');

    commandStage.set_name('b');
    assertEqual([commandStage.get_name(), commandStage.name], ['b', 'b']);
    commandStage.name = null;
    assertEqual([commandStage.get_name(), commandStage.name], ['a', 'a']);
    commandStage.set_directory('/');
    assertEqual([commandStage.get_directory(), commandStage.directory], ['/', '/']);
    commandStage.directory = null;
    assertEqual(commandStage.get_directory(), null);
    commandStage.set_environ(['A=b', 'C=d']);
    assertEqual(commandStage.get_environ(), ['A=b', 'C=d']);
    commandStage.environ = ['A=b'];
    assertEqual(commandStage.environ, ['A=b']);
    commandStage.set_environ(null);
    assertEqual(commandStage.get_environ(), null);
    commandStage.set_kill_delay(7);
    assertEqual([commandStage.get_kill_delay(), commandStage.kill_delay], [7, 7]);
    commandStage.killDelay = 0;
    assertEqual(commandStage.get_kill_delay(), 0);
    commandStage.set_process_group(ProcessGroup.OWN);
    assertEqual(commandStage.get_process_group(), ProcessGroup.OWN);
    commandStage.process_group = ProcessGroup.CALLER;
    assertEqual(commandStage.processGroup, ProcessGroup.CALLER);
    commandStage.set_stderr_limit(2 ** 40);
    assertEqual(commandStage.get_stderr_limit(), 2 ** 40);
    commandStage.stderr_limit = 5;
    assertEqual(commandStage.stderrLimit, 5);
    commandStage.set_stderr_mode(StderrMode.MERGE);
    assertEqual(commandStage.get_stderr_mode(), StderrMode.MERGE);
    commandStage.stderr_mode = StderrMode.DISCARD;
    assertEqual(commandStage.stderrMode, StderrMode.DISCARD);
    setStreams(commandStage);
    setProcesses(commandStage);
    setLimits(commandStage);
    assertAllNotified(commandStage, notified);
});

test('8_memory_watch_settings', () => {
    const commandStage = command('cat');
    const memoryWatch = new Gp.MemoryWatchStage({stage: commandStage});
    const notified = watchNotify(memoryWatch);
    assert(memoryWatch.stage === commandStage);
    assertEqual(memoryWatch.get_name(), commandStage.get_name());
    assertEqual([memoryWatch.get_limit(), memoryWatch.get_interval()], [0, 100]);
    memoryWatch.set_limit(2 ** 40);
    assertEqual([memoryWatch.get_limit(), memoryWatch.limit], [2 ** 40, 2 ** 40]);
    memoryWatch.limit = 5;
    assertEqual(memoryWatch.get_limit(), 5);
    memoryWatch.set_interval(7);
    assertEqual([memoryWatch.get_interval(), memoryWatch.interval], [7, 7]);
    memoryWatch.interval = 8;
    assertEqual(memoryWatch.get_interval(), 8);
    assertAllNotified(memoryWatch, notified);
});

await run();
