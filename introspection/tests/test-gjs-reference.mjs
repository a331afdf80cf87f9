// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a pipeline promises, row by row, from JavaScript: ends, errors, starts that fail, limits. The
// cases have the names and numbers that they have in the other languages.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';

import {
    CHILD, assert, assertEqual, assertError, assertIncludes, asyncStage, caught, command,
    pipelineOf, run, test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;
const {
    EdgeKind, ErrorAction, EventKind, LineAction, LineSeparator, PipelineError, SignalError,
    StageState,
} = Gp;
const MIB = 1024 * 1024;
const [SIGKILL, SIGPIPE, SIGTERM] = [9, 13, 15];
// Copies, and says what its ends are
const TELL_ENDS = 'ends=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo "$ends" >&2; cat';

function shell(script) {
    return Gp.CommandStage.new(['/bin/sh', '-c', script]);
}

function missing() {
    return Gp.CommandStage.new(['/nonexistent']);
}

function named(name, ...args) {
    const stage = command(...args);
    stage.set_name(name);
    return stage;
}

function lines(func, name = 'lines') {
    return Gp.LineStage.new_in_context(name, func);
}

async function upper(context) {
    for await (const line of context.lines())
        await context.write(line.toUpperCase());
}

function ioError(message, code = IOErrorEnum.NO_SPACE) {
    return new GLib.Error(IOErrorEnum, code, message);
}

function finishEarly() {
    return new GLib.Error(PipelineError, PipelineError.FINISH_EARLY, 'enough');
}

function statesOf(pipeline) {
    return [...pipeline].map(status => status.get_state());
}

function bytesOf(bytes) {
    return [...bytes.toArray()];
}

function toText(bytes) {
    return new TextDecoder().decode(bytes.toArray());
}

function memoryInput(text) {
    return Gio.MemoryInputStream.new_from_bytes(new GLib.Bytes(text));
}

function failing(pipeline, domain, code) {
    return assertError(() => pipeline.run_async(), domain, code);
}

// Another program with pipes at both ends, which the library knows nothing of
class Helper {
    constructor(...args) {
        const {STDIN_PIPE, STDOUT_PIPE} = Gio.SubprocessFlags;
        this.process = Gio.Subprocess.new([CHILD, ...args], STDIN_PIPE | STDOUT_PIPE);
        this.stdin = this.process.get_stdin_pipe();
        this.stdout = this.process.get_stdout_pipe();
    }

    end() {
        this.process.force_exit();
        this.process.wait(null);
        this.stdin.close(null);
        this.stdout.close(null);
    }
}

function readSome(stream) {
    return new Promise((resolve, reject) => {
        stream.read_bytes_async(65536, GLib.PRIORITY_DEFAULT, null, (_, result) => {
            try {
                resolve(stream.read_bytes_finish(result).toArray().length);
            } catch (error) {
                reject(error);
            }
        });
    });
}

// The ends

// A command gets the very files of the caller
test('1_descriptors_at_the_ends', async () => {
    const folder = GLib.Dir.make_tmp('XXXXXX');
    const files = ['in', 'out'].map(name => Gio.File.new_for_path(`${folder}/${name}`));
    const [source, target] = files;
    GLib.file_set_contents(source.get_path(), 'text');
    const stdin = source.read(null);
    const stdout = target.create(Gio.FileCreateFlags.NONE, null);
    const pipeline = pipelineOf(shell(TELL_ENDS));
    pipeline.set_stdin(stdin);
    pipeline.set_stdout(stdout);
    await pipeline.run_async();
    assertEqual([0, 1].map(index => pipeline.get_edge_kind(index)),
        [EdgeKind.DESCRIPTOR, EdgeKind.DESCRIPTOR]);
    assertEqual(pipeline.get_status(0).dup_stderr_text().trim().split('\n'),
        files.map(file => file.get_path()));
    assert(!stdin.is_closed() && !stdout.is_closed());
    assertEqual(toText(target.load_bytes(null)[0]), 'text');
    stdin.close(null);
    stdout.close(null);
    for (const file of [...files, Gio.File.new_for_path(folder)])
        file.delete(null);
});

// It never ends, but nobody waits for it: with a descriptor, and copied by a thread
test('1_unread_input', async () => {
    for (const kind of [EdgeKind.DESCRIPTOR, EdgeKind.PUMP]) {
        const silent = new Helper('wait');
        const pipeline = pipelineOf(command('exit', '0'));
        pipeline.set_stdin(kind === EdgeKind.PUMP
            ? Gio.BufferedInputStream.new(silent.stdout) : silent.stdout);
        assert(await pipeline.run_async());
        assertEqual(pipeline.get_edge_kind(0), kind);
        assert(!silent.stdout.is_closed());
        silent.end();
    }
});

test('1_empty_pipeline', async () => {
    assert(await new Gp.Pipeline().run_async());
    assert(new Gp.Pipeline().run());
    const data = new Uint8Array([97, 255]);
    assertEqual(bytesOf(await new Gp.Pipeline().communicate_async(data)), [97, 255]);

    const stdout = Gio.MemoryOutputStream.new_resizable();
    const pipeline = new Gp.Pipeline({stdin: memoryInput('copied'), stdout, closeStdout: true});
    await pipeline.run_async();
    assert(stdout.is_closed());
    assertEqual(toText(stdout.steal_as_bytes()), 'copied');
});

// A slow reader gets every byte, and then the end of file, for the pipe was given
test('8_given_pipe', async () => {
    const reader = new Helper('slow-cat');
    const pipeline = pipelineOf(command('spew', '100000'));
    pipeline.set_stdout(reader.stdin);
    pipeline.set_close_stdout(true);
    const ended = pipeline.run_async();
    let n = 0;
    for (let size = 1; size > 0; n += size)
        size = await readSome(reader.stdout);
    assertEqual(n, 100000);
    assert(await ended);
    assert(reader.stdin.is_closed());
    reader.end();
});

test('8_directory_of_pipeline', async () => {
    const ownCommand = command('cwd');
    ownCommand.set_directory('/usr');
    for (const [stage, expected] of [[command('cwd'), '/proc\n'], [ownCommand, '/usr\n']]) {
        const pipeline = pipelineOf(stage);
        pipeline.set_directory('/proc');
        assertEqual(await pipeline.communicate_utf8_async(), expected);
    }
});

// Later ones win, and only the first '=' is a separator
test('8_environment_values', async () => {
    const pipeline = pipelineOf(command('environ'));
    pipeline.set_environ(['A=b=c', 'B==', 'C=', 'D=1', 'E=1', 'F=1']);
    pipeline.setenv('D', '2=', true);
    pipeline.add_environ(['E=2', 'F=2']);
    pipeline.add_environ_function(() => ['F=3', 'G=3']);
    pipeline.add_environ_function(() => ['G=4']);
    assertEqual((await pipeline.communicate_utf8_async()).trim().split('\n').sort(),
        ['A=b=c', 'B==', 'C=', 'D=2=', 'E=2', 'F=3', 'G=4']);

    let nCalls = 0;
    const latePipeline = new Gp.Pipeline();
    latePipeline.add_environ_function(() => {
        nCalls++;
        return [];
    });
    latePipeline.append(command('exit', '0'));
    assertEqual(nCalls, 0);
    await latePipeline.run_async();
    assertEqual(nCalls, 1);

    const wrongPipeline = pipelineOf(command('environ'));
    wrongPipeline.set_environ(['NOTHING']);
    const error = await failing(wrongPipeline, PipelineError, PipelineError.INVALID);
    assertIncludes(error.message, 'NOTHING');
});

// Lines, and stages beside each other

// What a line is, with each separator; and what is kept has not changed
test('2_lines_separated', async () => {
    for (const [separator, data, expected] of [
        [LineSeparator.NEWLINE, 'a\r\n\n b', ['a\r', '', ' b']],
        [LineSeparator.NUL, 'a\n\0\0b', ['a\n', '', 'b']],
        [LineSeparator.WORDS, 'a\tb\nc', ['a', 'b', 'c']],
    ]) {
        const seen = [];
        const lineStage = lines(some => {
            seen.push(...some);
            return LineAction.KEEP;
        });
        lineStage.set_separator(separator);
        assertEqual(toText(await pipelineOf(lineStage).communicate_async(data)), data);
        assertEqual(seen, expected);
    }
});

// What a function wrote arrives, although it fails then
test('2_lines_flushed', async () => {
    const pipeline = pipelineOf(lines((some, output) => {
        output.put_string('so far', null);
        throw ioError('full');
    }), command('cat'));
    const error = await caught(() => pipeline.communicate_async('a\nb\n'));
    assertEqual(error.message, 'lines: full');
    assertEqual(toText(pipeline.dup_output()), 'so far');
});

test('2_mixed_stages', async () => {
    const shout = lines((some, output) => {
        output.put_string(some.map(line => `${line.toUpperCase()}\n`).join(''), null);
        return LineAction.DROP;
    });
    const wordStage = lines((words, output) => {
        output.put_string(words.map(word => `[${word}]`).join(''), null);
        return LineAction.DROP;
    });
    wordStage.set_separator(LineSeparator.WORDS);
    const pipeline = pipelineOf(asyncStage(context => context.write('one two\nthree four\n')),
        shout, wordStage, Gp.MeterStage.new(null, 0), command('cat'));
    assertEqual(await pipeline.communicate_utf8_async(), '[ONE][TWO][THREE][FOUR]');
});

test('4_pipeline_as_stage', async () => {
    const innerPipeline = pipelineOf(named('cat', 'cat'), asyncStage(upper, 'upper'));
    const pipeline = pipelineOf(command('cat'), innerPipeline, command('cat'));
    assertEqual(await pipeline.communicate_utf8_async('some words'), 'SOME WORDS');
    assertEqual(statesOf(pipeline), Array(3).fill(StageState.SUCCEEDED));
    const children = pipeline.get_status(1).get_children();
    assertEqual([0, 1].map(index => children.get_item(index).dup_name()), ['cat', 'upper']);

    const brokenPipeline = pipelineOf(named('exit', 'exit', '3'), command('cat'));
    const error = await caught(() => pipelineOf(command('cat'), brokenPipeline).run_async());
    assert(Gp.error_matches_exit_status(error, 3));
    assertEqual(error.message, 'exit: exit status 3');
});

// Errors

test('5_messages', async () => {
    const messageOf = async text =>
        (await caught(() => Gp.Pipeline.new_from_string(text).run_async())).message;
    assertEqual(await messageOf('false | true'), 'false: exit status 1');
    const message = await messageOf('ls doesnotexist');
    assertIncludes(message, 'ls: exit status');
    assertIncludes(message, 'doesnotexist');
});

// The start says so; until then and afterwards the pipeline can be asked anything
test('5_empty_command', async () => {
    for (const argv of [[''], []]) {
        const pipeline = pipelineOf(Gp.CommandStage.new(argv), command('cat'));
        assertEqual(pipeline.get_n_stages(), 2);
        const error = await failing(pipeline, PipelineError, PipelineError.INVALID);
        assertEqual(error.message, 'starting stage "command": the command is empty');
        assertEqual(statesOf(pipeline), [StageState.FAILED, StageState.NOT_STARTED]);
        assertEqual((await caught(() => pipeline.wait())).message, error.message);
    }
});

test('5_killed_by_sigpipe', async () => {
    const seq = () => Gp.CommandStage.new(['seq', '100000']);
    const error = await failing(pipelineOf(seq(), Gp.CommandStage.new(['true'])), SignalError,
        SignalError.PIPE);
    assert(Gp.error_matches_pipe(error));
    assert(error.message.startsWith('seq: killed by SIGPIPE'), error.message);
    for (const matcher of [Gp.ErrorMatcher.new_signal(SIGPIPE), Gp.ErrorMatcher.new_pipe()]) {
        const pipeline = new Gp.Pipeline();
        pipeline.append_ignoring(seq(), matcher);
        pipeline.append_command(['true']);
        assert(await pipeline.run_async());
    }

    // One that writes when the other has long ended
    const pipeline = pipelineOf(shell('read line; echo foo'), Gp.CommandStage.new(['true']));
    const stdin = pipeline.open_input();
    const ended = caught(() => pipeline.run_async());
    await until(() => pipeline.get_status(1).get_state() === StageState.SUCCEEDED);
    stdin.write_all('go\n', null);
    stdin.close(null);
    assert((await ended).matches(SignalError, SignalError.PIPE));
});

// Stages from left to right: - success, 1 and 2 errors, P pipe error, F finished early
test('5_which_error', async () => {
    const errors = {
        1: ioError('1', IOErrorEnum.EXISTS),
        2: ioError('2', IOErrorEnum.BUSY),
        P: ioError('P', IOErrorEnum.BROKEN_PIPE),
        F: finishEarly(),
    };
    for (const [letters, winner] of Object.entries({
        '---': '-', '1': '1', '-1-': '1', '-12-': '1', '-P1-': '1', '-1P-': '1', '-1-2-': '1',
        '-F-F-': '-', '1F': '1', 'F1': '1', 'PF': '-', 'PFF': '-', 'PPF': '-', 'P-F': 'P',
        'FP': 'P', '1PF': '1', 'P1F': '1',
    })) {
        const pipeline = pipelineOf(...[...letters].map(letter => asyncStage(async () => {
            if (letter !== '-')
                throw errors[letter];
        }, letter)));
        const failed = [];
        pipeline.connect('event::pipeline-failed', (_, event) =>
            failed.push(event.get_stage_name()));
        if (winner === '-') {
            assert(await pipeline.run_async());
        } else {
            const error = await caught(() => pipeline.run_async());
            assertEqual(error.message, `${winner}: ${winner}`);
        }
        assertEqual(failed, winner === '-' ? [] : [winner]);
    }
});

// A command killed by SIGPIPE because the function after it had enough
test('5_finish_early_excuses', async () => {
    const pipeline = pipelineOf(command('spew'), asyncStage(async context => {
        await readSome(context.get_stdin());
        throw finishEarly();
    }));
    assert(await pipeline.run_async());
    assertEqual(statesOf(pipeline), [StageState.FAILED, StageState.FINISHED_EARLY]);
    assert(Gp.error_matches_pipe(pipeline.get_status(0).error));
});

// An error, which loses no byte
test('5_invalid_utf8', async () => {
    for (const method of ['communicate_utf8', 'communicate_utf8_async']) {
        const pipeline = pipelineOf(command('invalid-utf8'));
        await assertError(() => pipeline[method](), IOErrorEnum, IOErrorEnum.INVALID_DATA);
        assertEqual(bytesOf(pipeline.dup_output()), [99, 97, 102, 0xe9, 0xff, 10]);
    }
});

test('5_output_before_ignored_error', async () => {
    const pipeline = new Gp.Pipeline();
    pipeline.append_ignoring(asyncStage(async context => {
        for (let i = 1; i <= 7; i++)
            await context.write(`${i}\n`);
        throw ioError('after seven');
    }), Gp.ErrorMatcher.new_error(Gio.io_error_quark(), IOErrorEnum.NO_SPACE));
    pipeline.append(command('cat'));
    assertEqual(await pipeline.communicate_utf8_async(), '1\n2\n3\n4\n5\n6\n7\n');
});

// Starts that fail

// Who runs is stopped, who comes later never starts, and what was given is closed
test('5_start_failure', async () => {
    const {FAILED, NOT_STARTED} = StageState;
    for (const [stages, states] of [
        [[missing(), command('wait')], [FAILED, NOT_STARTED]],
        [[command('wait'), missing(), command('wait')], [FAILED, FAILED, NOT_STARTED]],
        [[asyncStage(upper), missing()], [FAILED, FAILED]],
    ]) {
        const stdout = Gio.MemoryOutputStream.new_resizable();
        const pipeline = pipelineOf(...stages);
        // Somebody may still write to it: only a stage that is stopped ends
        const stdin = pipeline.open_input();
        pipeline.set_stdout(stdout);
        pipeline.set_close_stdout(true);
        const error = await failing(pipeline, GLib.SpawnError, GLib.SpawnError.NOENT);
        assertIncludes(error.message, '/nonexistent');
        assertEqual(statesOf(pipeline), states);
        assert(stdout.is_closed());
        stdin.close(null);
    }
});

// Nothing is left behind by many of them: it is counted around each case
test('5_failed_starts', async () => {
    for (let i = 0; i < 50; i++) {
        const pipeline = pipelineOf(missing());
        pipeline.set_stdout(Gio.MemoryOutputStream.new_resizable());
        await failing(pipeline, GLib.SpawnError, GLib.SpawnError.NOENT);
    }
});

// Control

// Starts a pipeline whose last stage says something when it is ready, and waits for that
async function start(...stages) {
    const pipeline = pipelineOf(...stages);
    const stdout = Gio.DataInputStream.new(pipeline.open_output());
    await pipeline.start_async();
    assertEqual(stdout.read_line_utf8(null)[0], 'ready');
    stdout.close(null);
    return pipeline;
}

// Five processes count together, whatever is around them; and the peak is told after a kill as
// after a failure
test('5_memory_tree', async () => {
    const watch = async (commandStage, limit) => {
        const stage = Gp.ErrorFilterStage.new(commandStage, () => ErrorAction.KEEP);
        const pipeline = pipelineOf(new Gp.MemoryWatchStage({stage, limit, interval: 5}));
        const peaks = [];
        pipeline.connect('event::memory-peak', (_, event) =>
            peaks.push(event.get_details().recursiveUnpack().used));
        const error = await caught(() => pipeline.run_async());
        assertEqual(peaks, [pipeline.get_status(0).get_tree_memory_peak()]);
        return [error, peaks[0]];
    };

    const [error, peak] = await watch(command('descend', '5', `${8 * MIB}`), 24 * MIB);
    assert(error.matches(PipelineError, PipelineError.MEMORY_LIMIT), error.message);
    assert(peak > 24 * MIB);
    const [exitError, exitPeak] = await watch(
        command('allocate-and-exit', `${16 * MIB}`, '3'), 0);
    assert(Gp.error_matches_exit_status(exitError, 3), exitError.message);
    assert(exitPeak >= 16 * MIB);
});

// It is asked to terminate, and killed if it does not; the error is why it was
test('6_cancel_by_signals', async () => {
    for (const [mode, killDelay, signum] of [
        ['wait', 60000, SIGTERM], ['ignore-term-and-wait', 20, SIGKILL],
    ]) {
        const commandStage = command(mode, 'ready');
        commandStage.set_kill_delay(killDelay);
        const pipeline = await start(commandStage);
        pipeline.cancel();
        await assertError(() => pipeline.wait_async(), IOErrorEnum, IOErrorEnum.CANCELLED);
        assertEqual(pipeline.get_status(0).get_term_signal(), signum);
    }
});

test('6_kill_what_does_not_run', async () => {
    const disturb = (pipeline, commandStage) => {
        commandStage.kill(ioError('too early, or too late'));
        pipeline.cancel();
        assert(!commandStage.send_signal(SIGTERM));
    };

    const [exitCommand, missingCommand] = [command('exit', '0'), missing()];
    const pipeline = pipelineOf(exitCommand);
    disturb(pipeline, exitCommand);
    assert(await pipeline.run_async());
    disturb(pipeline, exitCommand);
    assertEqual(statesOf(pipeline), [StageState.SUCCEEDED]);

    const brokenPipeline = pipelineOf(missingCommand);
    disturb(brokenPipeline, missingCommand);
    await failing(brokenPipeline, GLib.SpawnError, GLib.SpawnError.NOENT);
    disturb(brokenPipeline, missingCommand);
    assertEqual(statesOf(brokenPipeline), [StageState.FAILED]);
});

test('8_event_order', async () => {
    for (const [pipeline, expected] of [
        [pipelineOf(command('exit', '0')), [EventKind.STAGE_STARTED, EventKind.STAGE_FINISHED]],
        [pipelineOf(command('exit', '3')),
            [EventKind.STAGE_STARTED, EventKind.STAGE_FAILED, EventKind.PIPELINE_FAILED]],
        [pipelineOf(command('wait'), missing()),
            [EventKind.STAGE_STARTED, EventKind.START_FAILED, EventKind.STAGE_FAILED,
                EventKind.PIPELINE_FAILED]],
    ]) {
        const seen = [];
        pipeline.connect('event', (_, event) => seen.push(event.get_kind()));
        await pipeline.run_async().catch(() => {});
        assertEqual(seen, expected);
    }
});

await run();
