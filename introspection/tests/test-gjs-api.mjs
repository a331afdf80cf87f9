// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The rest of the library from JavaScript: whatever the other tests have no use for is tried here.
// The cases have the names and numbers that they have in the other languages.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';

import {
    CHILD, assert, assertEqual, assertError, assertIncludes, asyncStage, caught, command,
    pipelineOf, run, test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;
const {EdgeKind, IOPreference, PipelineError, PipelineState, ProcessGroup, SignalError, StageState,
    StderrMode} = Gp;
const EXIT_ERROR = GLib.quark_from_string('g-spawn-exit-error-quark');

// Calls a function in the main context
const Event = GObject.registerClass({
    Implements: [Gp.Stage],
}, class Event extends GObject.Object {
    constructor(func) {
        super();
        this._func = func;
    }

    vfunc_run(context) {
        return this._func(context);
    }
});

// A stage that is another one
const Wrapper = GObject.registerClass({
    Implements: [Gp.Stage],
}, class Wrapper extends GObject.Object {
    constructor(innerStage) {
        super();
        this._innerStage = innerStage;
    }

    vfunc_get_name() {
        return `<${this._innerStage.get_name()}>`;
    }

    vfunc_preferences() {
        return this._innerStage.preferences();
    }

    vfunc_run(context) {
        this._innerStage.start_async(context, context.get_cancellable(), (source, result) => {
            try {
                this._innerStage.start_finish(result);
            } catch (error) {
                context.return_error(error);
            }
        });
        return true;
    }
});

async function upper(context) {
    for await (const line of context.lines())
        await context.write(line.toUpperCase());
}

// What was notified of must be all that can be changed
function assertAllNotified(object, notified) {
    const {WRITABLE, CONSTRUCT_ONLY} = GObject.ParamFlags;
    const settable = GObject.Object.list_properties.call(object.constructor)
        .filter(({flags}) => flags & WRITABLE && !(flags & CONSTRUCT_ONLY))
        .map(({name}) => name);
    assertEqual([...notified].sort(), settable.sort());
}

function toText(bytes) {
    return new TextDecoder().decode(bytes.toArray());
}

// 1: commands

test('1_versions', () => {
    assertEqual([Gp.MAJOR_VERSION, Gp.MINOR_VERSION, Gp.MICRO_VERSION].join('.'), Gp.VERSION_S);
});

test('1_constructors', async () => {
    assertEqual(Gp.CommandStage.new(['a', 'b c']).get_argv(), ['a', 'b c']);
    assertEqual(Gp.CommandStage.new_from_string("a 'b c'").get_argv(), ['a', 'b c']);
    assertEqual(new Gp.CommandStage({argv: ['a'], name: 'b'}).get_name(), 'b');
    assertEqual(Gp.Pipeline.new().get_n_stages(), 0);
    assertEqual(Gp.Pipeline.new_from_string('a b | c').get_n_stages(), 2);
    await assertError(() => Gp.CommandStage.new_from_string("a 'b"),
        Gp.PipelineError, Gp.PipelineError.INVALID);
    await assertError(() => Gp.Pipeline.new_from_string('a | | b'),
        Gp.PipelineError, Gp.PipelineError.INVALID);
});

test('1_appended', async () => {
    const pipeline = new Gp.Pipeline();
    const firstCommand = pipeline.append_command([CHILD, 'env', 'GREETING']);
    firstCommand.setenv('GREETING', 'hello', true);
    pipeline.append_command([CHILD, 'cat']);
    assertEqual(pipeline.get_n_stages(), 2);
    assertEqual(await pipeline.communicate_utf8_async(), 'hello\n');
});

test('1_calls', async () => {
    const newPipeline = () => pipelineOf(command('cat'));

    const pipeline = newPipeline();
    assert(pipeline.start() && pipeline.wait() && pipeline.wait());
    assert(newPipeline().run());
    assertEqual(toText(newPipeline().communicate('x')), 'x');
    assertEqual(newPipeline().communicate_utf8('x'), 'x');

    const promised = newPipeline();
    assert(await promised.start_async() && await promised.wait_async());
    assert(await newPipeline().run_async());
    assertEqual(toText(await newPipeline().communicate_async('x')), 'x');
    assertEqual(await newPipeline().communicate_utf8_async('x'), 'x');

    const results = [];
    const called = newPipeline();
    called.start_async(null, (pipeline, result) => results.push(pipeline.start_finish(result)));
    called.wait_async(null, (pipeline, result) => results.push(pipeline.wait_finish(result)));
    newPipeline().run_async(null, (pipeline, result) => results.push(pipeline.run_finish(result)));
    newPipeline().communicate_async('x', null,
        (pipeline, result) => results.push(toText(pipeline.communicate_finish(result)) === 'x'));
    newPipeline().communicate_utf8_async('x', null,
        (pipeline, result) => results.push(pipeline.communicate_utf8_finish(result) === 'x'));
    await until(() => results.length === 5);
    assertEqual(results, Array(5).fill(true));
});

// 3 and 4: functions and stages

test('3_function_in_context', async () => {
    const upperAsync = Gp.AsyncStage.new('upper', upper);
    assertEqual(upperAsync.name, 'upper');
    assertEqual(await pipelineOf(command('cat'), upperAsync, command('cat'))
        .communicate_utf8_async('some words'), 'SOME WORDS');
});

test('4_stage_that_wraps', async () => {
    for (const inner of [asyncStage(upper), new Event(upper)]) {
        assertEqual(await pipelineOf(command('cat'), new Wrapper(inner), command('cat'))
            .communicate_utf8_async('some words'), 'SOME WORDS');
    }
    assertEqual(await pipelineOf(new Wrapper(command('cat')), asyncStage(upper))
        .communicate_utf8_async('some words'), 'SOME WORDS');
    await assertError(() => pipelineOf(new Wrapper(Gp.CommandStage.new(['/nonexistent'])))
        .run_async(), GLib.SpawnError, GLib.SpawnError.NOENT);
});

test('4_stage_methods', () => {
    for (const [stage, name, preference, needs] of [
        [command('cat'), GLib.path_get_basename(CHILD), IOPreference.FD, false],
        [asyncStage(upper, 'a'), 'a', IOPreference.ANY, true],
        [new Event(upper), 'Event', IOPreference.ANY, true],
        [new Gp.Pipeline({name: 'inner'}), 'inner', IOPreference.ANY, false],
    ]) {
        assertEqual(stage.get_name(), name);
        assertEqual(stage.preferences(), [preference, preference]);
        assertEqual(stage.needs_main_context(), needs);
    }
});

test('4_context', async () => {
    const seen = [];
    const pipeline = pipelineOf(new Event(context => {
        seen.push(context.get_directory(), context.dup_environ(), context.get_stdin_lent(),
            context.get_stdout_lent(), context.get_cancellable().is_cancelled());
        context.return_success();
        return true;
    }));
    pipeline.directory = '/';
    pipeline.environ = ['A=b'];
    pipeline.stdin = new Gio.MemoryInputStream();
    pipeline.stdout = Gio.MemoryOutputStream.new_resizable();
    pipeline.close_stdout = true;
    await pipeline.run_async();
    assertEqual(seen, ['/', ['A=b'], true, false, false]);
    assert(!pipeline.stdin.is_closed());
    assert(pipeline.stdout.is_closed());

    await pipelineOf(command('cat'), new Event(context => {
        assert(context.get_stdin() !== null && context.get_stdout() !== null);
        for (let i = 0; i < 2; i++) {
            context.close_stdin();
            context.close_stdout();
        }
        assert(context.get_stdin() === null && context.get_stdout() === null);
        context.return_success();
        return true;
    }), command('cat')).run_async();
});

// 5: errors

test('5_error_of_signal', () => assertError(() => pipelineOf(command('kill-self', '9')).run_async(),
    Gp.SignalError, Gp.SignalError.KILL));

test('5_error_of_start', async () => {
    const error = await assertError(() => pipelineOf(
        Gp.CommandStage.new(['/nonexistent/program'])).run_async(),
    GLib.SpawnError, GLib.SpawnError.NOENT);
    assertIncludes(error.message, '/nonexistent/program');
});

test('5_wrong_order', async () => {
    const pipeline = pipelineOf(command('exit', '0'));
    await assertError(() => pipeline.wait(), Gp.PipelineError, Gp.PipelineError.NOT_STARTED);
    await pipeline.run_async();
    await assertError(() => pipeline.run_async(),
        Gp.PipelineError, Gp.PipelineError.ALREADY_STARTED);
});

// Each arrives as it was when it is thrown by a stage
test('5_error_codes', async () => {
    for (const code of [PipelineError.FAILED, PipelineError.FAULT, PipelineError.STATUS_LOST,
        PipelineError.NEEDS_MAIN_CONTEXT, PipelineError.ALREADY_STARTED, PipelineError.NOT_STARTED,
        PipelineError.INVALID]) {
        const error = await assertError(() => pipelineOf(asyncStage(() => {
            throw new GLib.Error(PipelineError.quark(), code, `code ${code}`);
        }, 'f')).run_async(), PipelineError, code);
        assert(error instanceof PipelineError);
        assertEqual(error.message, `f: code ${code}`);
    }
    await assertError(() => pipelineOf(asyncStage(context => {
        context.return_fault('not like this');
    })).run_async(), PipelineError, PipelineError.FAULT);
});

test('5_signals_as_errors', async () => {
    for (const [name, code] of Object.entries({
        HUP: SignalError.HUP, INT: SignalError.INT, QUIT: SignalError.QUIT, ILL: SignalError.ILL,
        TRAP: SignalError.TRAP, ABRT: SignalError.ABRT, BUS: SignalError.BUS, FPE: SignalError.FPE,
        KILL: SignalError.KILL, USR1: SignalError.USR1, SEGV: SignalError.SEGV,
        USR2: SignalError.USR2, PIPE: SignalError.PIPE, ALRM: SignalError.ALRM,
        TERM: SignalError.TERM, XCPU: SignalError.XCPU, XFSZ: SignalError.XFSZ,
        SYS: SignalError.SYS,
    })) {
        const pipeline = pipelineOf(command('kill-self', `${code}`));
        const error = await assertError(() => pipeline.run(), SignalError.quark(), code);
        assertIncludes(error.message, `SIG${name}`);
        assertEqual(pipeline.get_status(0).get_term_signal(), code);
    }
});

test('5_error_matches', async () => {
    const exitError = await assertError(() => pipelineOf(command('exit', '3')).run(),
        EXIT_ERROR, 3);
    const pipeError = new GLib.Error(IOErrorEnum, IOErrorEnum.BROKEN_PIPE, 'x');
    assert(Gp.error_matches_exit_status(exitError, 3));
    assert(!Gp.error_matches_exit_status(exitError, 4));
    assert(Gp.error_matches_pipe(pipeError));
    assert(!Gp.error_matches_pipe(exitError));
    assert(!Gp.error_matches_exit_status(null, 3));
    assert(!Gp.error_matches_pipe(null));
});

test('6_cancel_pending', async () => {
    for (const stage of [asyncStage(upper), new Event(upper)]) {
        const pipeline = pipelineOf(command('wait'), stage, command('cat'));
        const ended = pipeline.run_async();
        await until(() => pipeline.state === PipelineState.RUNNING);
        pipeline.cancel();
        await assertError(() => ended, IOErrorEnum, IOErrorEnum.CANCELLED);
    }
});

// 8: properties

test('8_pipeline_settings', () => {
    const stdin = new Gio.MemoryInputStream();
    const stdout = Gio.MemoryOutputStream.new_resizable();
    const pipeline = new Gp.Pipeline();
    const notified = new Set();
    pipeline.connect('notify', (_, {name}) => notified.add(name));

    pipeline.set_name('b');
    assertEqual([pipeline.get_name(), pipeline.name], ['b', 'b']);
    pipeline.name = null;
    assertEqual(pipeline.get_name(), null);
    pipeline.set_directory('/');
    assertEqual([pipeline.get_directory(), pipeline.directory], ['/', '/']);
    pipeline.directory = null;
    assertEqual(pipeline.get_directory(), null);
    pipeline.set_environ(['A=b', 'C=d']);
    assertEqual(pipeline.get_environ(), ['A=b', 'C=d']);
    pipeline.environ = ['A=b'];
    assertEqual(pipeline.environ, ['A=b']);
    pipeline.set_environ(null);
    assertEqual(pipeline.get_environ(), null);
    pipeline.set_time_limit(7);
    assertEqual([pipeline.get_time_limit(), pipeline.time_limit], [7, 7]);
    pipeline.timeLimit = 0;
    assertEqual(pipeline.get_time_limit(), 0);
    pipeline.set_abandon_delay(7);
    assertEqual([pipeline.get_abandon_delay(), pipeline.abandon_delay], [7, 7]);
    pipeline.abandonDelay = 8;
    assertEqual(pipeline.get_abandon_delay(), 8);
    pipeline.set_pipe_hold_timeout(7);
    assertEqual([pipeline.get_pipe_hold_timeout(), pipeline.pipe_hold_timeout], [7, 7]);
    pipeline.pipeHoldTimeout = 8;
    assertEqual(pipeline.get_pipe_hold_timeout(), 8);
    pipeline.set_ignore_pipe_errors(true);
    assert(pipeline.get_ignore_pipe_errors() && pipeline.ignore_pipe_errors);
    pipeline.ignorePipeErrors = false;
    assert(!pipeline.get_ignore_pipe_errors());
    pipeline.set_partial_input_is_error(true);
    assert(pipeline.get_partial_input_is_error() && pipeline.partial_input_is_error);
    pipeline.partialInputIsError = false;
    assert(!pipeline.get_partial_input_is_error());
    pipeline.set_stdin(stdin);
    assert(pipeline.get_stdin() === stdin);
    pipeline.stdin = null;
    assertEqual(pipeline.stdin, null);
    pipeline.set_stdout(stdout);
    assert(pipeline.get_stdout() === stdout);
    pipeline.stdout = null;
    assertEqual(pipeline.stdout, null);
    pipeline.set_close_stdin(true);
    assert(pipeline.get_close_stdin() && pipeline.close_stdin);
    pipeline.closeStdin = false;
    assert(!pipeline.get_close_stdin());
    pipeline.set_close_stdout(true);
    assert(pipeline.get_close_stdout() && pipeline.close_stdout);
    pipeline.closeStdout = false;
    assert(!pipeline.get_close_stdout());
    assertEqual(pipeline.get_state(), PipelineState.BUILDING);
    assertAllNotified(pipeline, notified);
});

test('8_environment', async () => {
    const pipeline = pipelineOf(command('environ'));
    const environCommand = command('environ');
    for (const settings of [pipeline, environCommand])
        settings.environ = ['A=b', 'C=d'];
    pipeline.setenv('A', 'kept', false);
    pipeline.setenv('E', 'f', true);
    pipeline.unsetenv('C');
    environCommand.setenv('A', 'kept', false);
    environCommand.setenv('E', 'f', true);
    environCommand.unsetenv('C');
    assertEqual(await pipeline.communicate_utf8_async(), 'A=b\nE=f\n');
    assertEqual(await pipelineOf(environCommand).communicate_utf8_async(), 'A=b\nE=f\n');

    const cwdCommand = command('cwd');
    cwdCommand.directory = '/';
    assertEqual(await pipelineOf(cwdCommand).communicate_utf8_async(), '/\n');
});

test('8_stderr_modes', async () => {
    const stream = Gio.MemoryOutputStream.new_resizable();
    for (const [mode, output, captured, streamed] of [
        [StderrMode.CAPTURE, 'out', 'err\n', 0],
        [StderrMode.INHERIT, 'out', '', 0],
        [StderrMode.DISCARD, 'out', '', 0],
        [StderrMode.MERGE, 'outerr\n', '', 0],
        [StderrMode.STREAM, 'out', '', 4],
    ]) {
        const bothCommand = command('both', 'out', 'err\n');
        bothCommand.set_stderr_stream(stream);
        bothCommand.set_stderr_mode(mode);
        const pipeline = pipelineOf(bothCommand);
        assertEqual(await pipeline.communicate_utf8_async(), output);
        assertEqual(pipeline.get_status(0).dup_stderr_text(), captured);
        assertEqual(stream.get_data_size(), streamed);
    }
});

test('8_process_groups', async () => {
    const [, stat] = GLib.file_get_contents('/proc/self/stat');
    const ownGroup = Number(new TextDecoder().decode(stat).split(') ').at(-1).split(' ')[2]);
    for (const [group, own] of [[ProcessGroup.AUTO, true], [ProcessGroup.OWN, true],
        [ProcessGroup.CALLER, false]]) {
        const pgidCommand = command('pgid');
        pgidCommand.set_process_group(group);
        const pipeline = pipelineOf(pgidCommand);
        const [pid, pgid] = (await pipeline.communicate_utf8_async()).split(' ').map(Number);
        assertEqual(pipeline.get_status(0).get_pid(), pid);
        assertEqual(pgid, own ? pid : ownGroup);
    }
});

test('8_edges', async () => {
    const kinds = async (stages, stdin = null, stdout = null) => {
        const pipeline = pipelineOf(...stages);
        pipeline.set_stdin(stdin);
        pipeline.set_stdout(stdout);
        await pipeline.run_async();
        return Array.from({length: pipeline.get_n_stages() + 1},
            (_, index) => pipeline.get_edge_kind(index));
    };

    assertEqual(await kinds([command('cat'), asyncStage(upper), asyncStage(upper), command('cat')]),
        [EdgeKind.NONE, EdgeKind.PIPE, EdgeKind.MEMORY, EdgeKind.PIPE, EdgeKind.NONE]);
    assertEqual(await kinds([command('cat')], new Gio.MemoryInputStream(),
        Gio.MemoryOutputStream.new_resizable()), [EdgeKind.PUMP, EdgeKind.PUMP]);
    assertEqual(await kinds([asyncStage(upper)], new Gio.MemoryInputStream()),
        [EdgeKind.STREAM, EdgeKind.NONE]);
    const file = Gio.File.new_for_path('/dev/null').read(null);
    assertEqual(await kinds([command('cat')], file), [EdgeKind.DESCRIPTOR, EdgeKind.NONE]);
    file.close(null);
});

test('8_states', async () => {
    const statesOf = pipeline =>
        [pipeline.get_state(), ...[...pipeline].map(status => status.get_state())];
    const seen = [];
    const pipeline = pipelineOf(command('cat'), asyncStage(() => {
        seen.push(...statesOf(pipeline));
        stdin.close(null);
        return Promise.resolve();
    }), command('cat'));
    const stdin = pipeline.open_input();
    assertEqual(statesOf(pipeline), [PipelineState.BUILDING, ...Array(3).fill(StageState.WAITING)]);
    await pipeline.run_async();
    assertEqual(seen, [PipelineState.STARTING, StageState.RUNNING, StageState.STARTING,
        StageState.WAITING]);
    assertEqual(statesOf(pipeline),
        [PipelineState.SUCCEEDED, ...Array(3).fill(StageState.SUCCEEDED)]);

    const broken = pipelineOf(Gp.CommandStage.new(['/nonexistent']), command('cat'));
    await caught(() => broken.run_async());
    assertEqual(statesOf(broken), [PipelineState.FAILED, StageState.FAILED,
        StageState.NOT_STARTED]);
});

test('8_status', async () => {
    const bothCommand = command('both', 'out', '0123456789', '3');
    bothCommand.name = 'both';
    bothCommand.set_stderr_limit(4);
    const pipeline = pipelineOf(bothCommand);
    await assertError(() => pipeline.communicate_async(), EXIT_ERROR, 3);
    const status = pipeline.get_status(0);
    assert(status.get_stage() === bothCommand);
    assertEqual([status.dup_name(), status.name], ['both', 'both']);
    assertEqual(status.get_state(), StageState.FAILED);
    assertEqual([status.dup_summary(), status.summary], ['exit status 3', 'exit status 3']);
    assertEqual(status.get_exit_status(), 3);
    assertEqual([status.get_term_signal(), status.term_signal], [0, 0]);
    assert(status.get_pid() > 0 && status.pid === status.get_pid());
    assertEqual([status.dup_stderr_text(), status.stderr_text], ['6789', '6789']);
    assertEqual(toText(status.dup_stderr_bytes()), '6789');
    assertEqual(toText(status.stderr_bytes), '6789');
    assertEqual([status.get_stderr_dropped(), status.stderr_dropped], [6, 6]);
    assert(status.get_started_at() > 0 && status.get_ended_at() >= status.get_started_at());
    assertEqual([status.started_at, status.ended_at],
        [status.get_started_at(), status.get_ended_at()]);
    assertEqual([status.get_children(), status.children], [null, null]);

    const outer = pipelineOf(pipelineOf(command('exit', '0'), command('cat')));
    outer.run();
    const outerStatus = outer.get_status(0);
    assertEqual(outerStatus.error, null);
    assertEqual(outerStatus.get_children().get_n_items(), 2);
    assert(outerStatus.children.get_item(1) instanceof Gp.StageStatus);
    assertEqual(outer.get_status(1), null);
});

test('8_streams', async () => {
    const output = Gio.MemoryOutputStream.new_resizable();
    const pipeline = pipelineOf(command('cat'));
    pipeline.stdin = Gio.MemoryInputStream.new_from_bytes(new GLib.Bytes('lent'));
    pipeline.stdout = output;
    await pipeline.run_async();
    assert(!output.is_closed());
    output.close(null);
    assertEqual(toText(output.steal_as_bytes()), 'lent');
});

test('8_opened_ends', () => {
    const pipeline = pipelineOf(command('cat'));
    const stdin = pipeline.open_input();
    const stdout = Gio.DataInputStream.new(pipeline.open_output());
    pipeline.start();
    stdin.write_all('one\ntwo\n', null);
    stdin.close(null);
    assertEqual([1, 2, 3].map(() => stdout.read_line_utf8(null)[0]), ['one', 'two', null]);
    stdout.close(null);
    pipeline.wait();
});

test('8_output_before_an_error', async () => {
    const pipeline = pipelineOf(command('both', 'so far', 'oh no', '2'));
    assertEqual(pipeline.dup_output(), null);
    await assertError(() => pipeline.communicate_async(), EXIT_ERROR, 2);
    assertEqual(toText(pipeline.dup_output()), 'so far');
});

await run();
