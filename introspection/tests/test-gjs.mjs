// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The library from JavaScript, through its typelib: the cases that all languages have, under the
// names that they have in Python.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';

import {
    Watched, assert, assertEqual, assertError, assertIncludes, asyncStage, command, pipelineOf, run,
    test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;

function byteToUpper(byte) {
    return byte >= 97 && byte <= 122 ? byte - 32 : byte;
}

async function upper(context) {
    for await (const chunk of context.chunks())
        await context.write(chunk.map(byteToUpper));
}

// A stage with a promise
const UpperInContext = GObject.registerClass({
    Implements: [Gp.Stage],
}, class UpperInContext extends GObject.Object {
    vfunc_get_name() {
        return 'upper-in-context';
    }

    async vfunc_run(context) {
        await upper(context);
    }
});

// A stage with callbacks, which reports its end itself
const UpperWithCallbacks = GObject.registerClass({
    Implements: [Gp.Stage],
}, class UpperWithCallbacks extends GObject.Object {
    vfunc_run(context) {
        this._read(context);
        return true;
    }

    _read(context) {
        context.get_stdin().read_bytes_async(4096, GLib.PRIORITY_DEFAULT,
            context.get_cancellable(), (stdin, result) => this._haveRead(context, stdin, result));
    }

    _haveRead(context, stdin, result) {
        try {
            const data = stdin.read_bytes_finish(result).toArray();
            if (data.length === 0)
                context.return_success();
            else
                this._write(context, data.map(byteToUpper));
        } catch (error) {
            context.return_error(error);
        }
    }

    _write(context, data) {
        context.get_stdout().write_bytes_async(new GLib.Bytes(data), GLib.PRIORITY_DEFAULT,
            context.get_cancellable(), (stdout, result) => {
                try {
                    const size = stdout.write_bytes_finish(result);
                    if (size < data.length)
                        this._write(context, data.subarray(size));
                    else
                        this._read(context);
                } catch (error) {
                    context.return_error(error);
                }
            });
    }
});

function noRoom() {
    throw new GLib.Error(IOErrorEnum, IOErrorEnum.NO_SPACE, 'no room');
}

const ErrorInContext = GObject.registerClass({
    Implements: [Gp.Stage],
}, class ErrorInContext extends GObject.Object {
    vfunc_get_name() {
        return 'broken';
    }

    vfunc_run() {
        noRoom();
    }
});

const FaultInContext = GObject.registerClass({
    Implements: [Gp.Stage],
}, class FaultInContext extends GObject.Object {
    vfunc_get_name() {
        return 'forgetful';
    }

    vfunc_run() {
    }
});

// 1: commands

test('1_command_command', async () => {
    const pipeline = pipelineOf(command('echo', 'two', 'words'), command('cat'));
    assertEqual(await pipeline.communicate_utf8_async(), 'two words\n');
    assertEqual(pipeline.get_edge_kind(1), Gp.EdgeKind.PIPE);
});

test('1_synchronous', () => {
    assertEqual(pipelineOf(command('cat')).communicate_utf8('caf\xe9'), 'caf\xe9');
});

test('1_from_string', async () => {
    const child = GLib.getenv('GP_TEST_CHILD');
    const pipeline = Gp.Pipeline.new_from_string(`'${child}' echo a | '${child}' cat`);
    assertEqual(await pipeline.communicate_utf8_async(), 'a\n');
});

// 2 and 3: functions

test('2_function_in_the_middle', async () => {
    const pipeline = pipelineOf(command('cat'), asyncStage(upper), command('cat'));
    assertEqual(await pipeline.communicate_utf8_async('some words'), 'SOME WORDS');
});

test('3_function_first', async () => {
    const pipeline = pipelineOf(asyncStage(context => context.write('from JavaScript')),
        command('cat'));
    assertEqual(await pipeline.communicate_utf8_async(), 'from JavaScript');
});

test('3_function_last', async () => {
    const seen = [];
    await pipelineOf(command('echo', 'to JavaScript'), asyncStage(async context => {
        for await (const line of context.lines())
            seen.push(line);
    })).run_async();
    assertEqual(seen, ['to JavaScript']);
});

test('3_function_alone', async () => {
    assertEqual(await pipelineOf(asyncStage(upper)).communicate_utf8_async('alone'), 'ALONE');
});

// 4: stage classes in JavaScript. There are none in a thread.

test('4_stage_in_context', async () => {
    const pipeline = pipelineOf(command('cat'), new UpperInContext(), command('cat'));
    assertEqual(await pipeline.communicate_utf8_async('some words'), 'SOME WORDS');
    assertEqual(pipeline.get_status(1).name, 'upper-in-context');
});

test('4_stage_with_callbacks', async () => {
    const pipeline = pipelineOf(command('cat'), new UpperWithCallbacks(), command('cat'));
    assertEqual(await pipeline.communicate_utf8_async('some words'), 'SOME WORDS');
    assertEqual(pipeline.get_status(1).name, 'UpperWithCallbacks');
});

test('4_stages_next_to_each_other', async () => {
    const pipeline = pipelineOf(new UpperInContext(), new UpperWithCallbacks(),
        new UpperInContext());
    assertEqual(await pipeline.communicate_utf8_async('some words'), 'SOME WORDS');
    assertEqual(pipeline.get_edge_kind(1), Gp.EdgeKind.MEMORY);
});

// 5: errors

test('5_error_of_command', async () => {
    const stage = command('stderr', 'oh no', '3');
    stage.name = 'sort';
    const error = await assertError(() => pipelineOf(stage).run_async(),
        GLib.quark_from_string('g-spawn-exit-error-quark'), 3);
    assertEqual(error.message, 'sort: exit status 3: oh no');
    assert(Gp.error_matches_exit_status(error, 3));
});

test('5_error_of_function', async () => {
    const error = await assertError(
        () => pipelineOf(command('cat'), asyncStage(noRoom, 'broken')).run_async(),
        IOErrorEnum, IOErrorEnum.NO_SPACE);
    assert(error instanceof IOErrorEnum);
    assertEqual(error.message, 'broken: no room');
});

test('5_error_of_class', async () => {
    const error = await assertError(
        () => pipelineOf(command('cat'), new ErrorInContext(), command('cat')).run_async(),
        IOErrorEnum, IOErrorEnum.NO_SPACE);
    assertEqual(error.message, 'broken: no room');
});

test('5_fault', async () => {
    const error = await assertError(() => pipelineOf(new FaultInContext()).run_async(),
        Gp.PipelineError, Gp.PipelineError.FAULT);
    assertIncludes(error.message, 'forgetful: vfunc_run () returned undefined');
});

test('5_needs_main_context', async () => {
    await assertError(() => pipelineOf(new UpperInContext()).run(),
        Gp.PipelineError, Gp.PipelineError.NEEDS_MAIN_CONTEXT);
});

test('5_finish_early', async () => {
    const pipeline = pipelineOf(command('spew'), asyncStage(async context => {
        await context.write('yes');
        throw new GLib.Error(Gp.PipelineError, Gp.PipelineError.FINISH_EARLY, 'enough');
    }));
    assertEqual(await pipeline.communicate_utf8_async(), 'yes');
    assertEqual(pipeline.get_status(1).state, Gp.StageState.FINISHED_EARLY);
});

// 6: cancelling

async function assertCancelled(promise) {
    await assertError(() => promise, IOErrorEnum, IOErrorEnum.CANCELLED);
}

test('6_cancel_command', async () => {
    const pipeline = pipelineOf(command('wait'));
    const ended = pipeline.run_async();
    await until(() => pipeline.state === Gp.PipelineState.RUNNING);
    pipeline.cancel();
    await assertCancelled(ended);
});

test('6_cancel_functions', async () => {
    const pipeline = pipelineOf(command('wait'), asyncStage(upper), new UpperWithCallbacks(),
        new UpperInContext());
    const cancellable = new Gio.Cancellable();
    const ended = pipeline.run_async(cancellable);
    await until(() => pipeline.state === Gp.PipelineState.RUNNING);
    cancellable.cancel();
    await assertCancelled(ended);
});

// 7: more than any buffer holds

test('7_big_data', async () => {
    const data = new Uint8Array(256 * 40000).map((_, index) => index & 127);
    const pipeline = pipelineOf(command('cat'), asyncStage(upper), new UpperWithCallbacks(),
        new UpperInContext(), command('cat'));
    const output = (await pipeline.communicate_async(data)).toArray();
    assertEqual(output.length, data.length);
    assert(output.every((byte, index) => byte === byteToUpper(data[index])));
});

// 8: properties and signals

test('8_properties', async () => {
    const pipeline = new Gp.Pipeline({name: 'mine', ignore_pipe_errors: true});
    assertEqual(pipeline.name, 'mine');
    assert(pipeline.ignorePipeErrors);
    pipeline.timeLimit = 5000;
    assertEqual(pipeline.get_time_limit(), 5000);
    const stage = command('stderr', 'oh', '4');
    stage.kill_delay = 7;
    assertEqual(stage.get_kill_delay(), 7);
    assertEqual(stage.argv.slice(1), ['stderr', 'oh', '4']);
    pipeline.append(stage);
    await assertError(() => pipeline.run_async(),
        GLib.quark_from_string('g-spawn-exit-error-quark'), 4);
    const status = pipeline.get_status(0);
    assertEqual(status.exit_status, 4);
    assertEqual(status.stderr_text, 'oh');
    assert(status.stage === stage);
    assert(Gp.error_matches_exit_status(status.error, 4));
});

test('8_signals', async () => {
    const states = [];
    const pipeline = pipelineOf(command('exit', '0'));
    pipeline.connect('notify::state', source => states.push(source.state));
    await pipeline.run_async();
    // A quick pipeline may have gone further by the time that one is told of a step
    assertEqual(states, [...states].sort());
    assertEqual(states.at(-1), Gp.PipelineState.SUCCEEDED);
});

test('8_list', async () => {
    const pipeline = pipelineOf(command('exit', '0'), command('cat'));
    const stages = pipeline.get_stages();
    await pipeline.run_async();
    assertEqual([0, 1].map(index => stages.get_item(index)).map(({name}) => name),
        [...pipeline].map(({name}) => name));
});

// 9: nothing keeps an object alive

test('9_freed', async () => {
    const watched = await (async () => {
        const stage = new UpperInContext();
        const pipeline = pipelineOf(command('cat'), stage);
        await pipeline.communicate_async('x');
        return new Watched(pipeline, stage);
    })();
    await watched.untilFreed();
});

test('9_closure_freed', async () => {
    const watched = await (async () => {
        const held = new Gio.Cancellable();
        await pipelineOf(asyncStage(async () => {
            held.is_cancelled();
        })).run_async();
        return new Watched(held);
    })();
    await watched.untilFreed();
});

await run();
