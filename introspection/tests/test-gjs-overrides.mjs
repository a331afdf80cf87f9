// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the override for JavaScript adds, and every way in which a stage in JavaScript can fail.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gp from 'gi://Gp?version=1';
import System from 'system';

import {
    Watched, assert, assertEqual, assertError, assertIncludes, assertTypeError, asyncStage, caught,
    command, pipelineOf, run, runScript, test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;

function newStage(vfuncs) {
    const klass = class extends GObject.Object {};
    Object.assign(klass.prototype, vfuncs);
    return new (registerStage(klass))();
}

let nClasses = 0;

function registerStage(klass) {
    return GObject.registerClass({
        GTypeName: `TestStage${nClasses++}`,
        Implements: [Gp.Stage],
    }, klass);
}

// Both kinds of stages, which must not differ in how they fail
function stagesOf(func) {
    return [asyncStage(func), newStage({vfunc_run: func})];
}

async function assertFault(func, ...parts) {
    for (const stage of stagesOf(func)) {
        const error = await assertError(() => pipelineOf(stage).run_async(),
            Gp.PipelineError, Gp.PipelineError.FAULT);
        for (const part of parts)
            assertIncludes(error.message, part);
        assert(!error.message.includes('overrides/Gp.js'), 'frames of the override are no help');
    }
}

function newError(code, message) {
    return new GLib.Error(Gp.PipelineError, code, message);
}

test('append_functions', async () => {
    const pipeline = new Gp.Pipeline();
    const matcher = Gp.ErrorMatcher.new(error => error.message.includes('forgiven')
        ? Gp.ErrorMatch.YES : Gp.ErrorMatch.NO);

    pipeline.append_command(['printf', 'a\\nb\\n']);
    pipeline.append(async function upper(context) {
        for await (const line of context.lines())
            await context.write(`${line.toUpperCase()}\n`);
    });
    pipeline.append_ignoring(async context => {
        for await (const chunk of context.chunks())
            await context.write(chunk);
        throw new Error('forgiven');
    }, matcher);
    assertEqual(await pipeline.communicate_utf8_async(null, null), 'A\nB\n');
    assertEqual([...pipeline].map(status => status.get_stage().get_name()).join(), 'printf,upper,function');
});

// Ways of failing

function throwBug() {
    throw new RangeError('a bug');
}

test('throw', () => assertFault(() => throwBug(), 'RangeError: a bug', 'throwBug@'));
test('reject', () => assertFault(async () => throwBug(), 'RangeError: a bug', 'throwBug@'));
test('reject_later', () => assertFault(async context => {
    await context.write('x');
    throwBug();
}, 'RangeError: a bug', 'throwBug@'));
test('throw_what_is_no_error', () => assertFault(() => {
    throw Symbol('odd');
}, 'Symbol(odd)'));
test('throw_what_cannot_be_shown', () => assertFault(async () => {
    throw Object.create(null);
}, 'cannot be shown'));

for (const [name, func] of Object.entries({
    throw_gerror() {
        throw new GLib.Error(IOErrorEnum, IOErrorEnum.NO_SPACE, 'no room');
    },
    async reject_gerror() {
        throw new IOErrorEnum({code: IOErrorEnum.NO_SPACE, message: 'no room'});
    },
    report_gerror(context) {
        context.return_error(new GLib.Error(IOErrorEnum, IOErrorEnum.NO_SPACE, 'no room'));
        return true;
    },
})) {
    test(name, async () => {
        for (const stage of stagesOf(func)) {
            const error = await assertError(() => pipelineOf(stage).run_async(),
                IOErrorEnum, IOErrorEnum.NO_SPACE);
            assertIncludes(error.message, ': no room');
        }
    });
}

test('report_other_error', () => assertFault(context => {
    context.return_error(new RangeError('a bug'));
    return true;
}, 'RangeError: a bug'));

for (const value of [undefined, null, false, 5, 'true', new Uint8Array(1), Symbol('odd')]) {
    test(`return_${Object.prototype.toString.call(value).slice(8, -1)}`, () => assertFault(
        () => value, 'returned', 'make it an async function, or return true'));
}

test('return_generator', () => assertFault(async function* () {
    yield 1;
}, 'returned [object AsyncGenerator]'));
test('resolve_false', () => assertFault(async () => false, 'gave false', 'throw an error'));

test('resolve_anything_else', async () => {
    for (const value of [undefined, null, true, 0, '']) {
        for (const stage of stagesOf(async () => value))
            assert(await pipelineOf(stage).run_async());
    }
});

test('thenable', async () => {
    assert(await pipelineOf(asyncStage(() => ({then: resolve => resolve()}))).run_async());
    await assertFault(() => ({then: (_, reject) => reject(new RangeError('a bug'))}), 'a bug');
});

test('report_and_return_nothing', async () => {
    for (const stage of stagesOf(context => context.return_success()))
        assert(await pipelineOf(stage).run_async());
});

test('report_and_resolve', async () => {
    for (const stage of stagesOf(async context => context.return_error(newError(
        Gp.PipelineError.FAILED, 'reported')))) {
        const error = await assertError(() => pipelineOf(stage).run_async(),
            Gp.PipelineError, Gp.PipelineError.FAILED);
        assertIncludes(error.message, 'reported');
    }
});

test('5_reported_twice', async () => {
    let second = null;
    await pipelineOf(asyncStage(async context => {
        context.return_success();
        second = await caught(() => context.return_success());
    })).run_async();
    await until(() => second !== null);
    assertIncludes(second.message, 'reported before');
});

test('fail_after_report', async () => {
    const text = await runScript('gjs-fail-after-report.mjs');
    assertIncludes(text, 'after the end of the stage was reported');
    assertIncludes(text, 'too late');
    assertIncludes(text, 'tooLate@');
});

test('5_never_reported', async () => {
    for (const stage of [...stagesOf(() => true), ...stagesOf(() => new Promise(() => {}))]) {
        const promise = caught(() => pipelineOf(stage).run_async());
        let error = null;
        promise.then(value => {
            error = value;
        });
        // Nobody can know it before the context is collected.
        await until(() => {
            System.gc();
            return error !== null;
        });
        assert(error.matches(Gp.PipelineError, Gp.PipelineError.FAULT));
        assertIncludes(error.message, 'without reporting its end');
    }
});

test('success_while_writing', async () => {
    for (const stage of stagesOf(async context => {
        context.write(new Uint8Array(1 << 22)).catch(() => {});
    })) {
        const error = await assertError(() => pipelineOf(stage, command('cat')).communicate_async(),
            Gp.PipelineError, Gp.PipelineError.FAULT);
        assertIncludes(error.message, 'while it was still writing');
    }
});

test('cancelled_while_pending', async () => {
    const pending = [];
    for (const func of [
        // Hears of it
        async context => {
            for await (const line of context.lines())
                print(`# ${line}`);
        },
        // Does not
        () => new Promise(resolve => pending.push(resolve)),
    ]) {
        for (const stage of stagesOf(func)) {
            const pipeline = pipelineOf(command('wait'), stage);
            pipeline.abandon_delay = 10;
            const ended = pipeline.run_async();
            await until(() => pipeline.state === Gp.PipelineState.RUNNING);
            pipeline.cancel();
            await assertError(() => ended, IOErrorEnum, IOErrorEnum.CANCELLED);
        }
    }
    // It is too late to say how they ended, but until then they have their streams.
    for (const resolve of pending)
        resolve();
});

test('report_after_cancel', async () => {
    let report = null;
    const pipeline = pipelineOf(asyncStage(context => new Promise(resolve => {
        report = () => resolve(context.return_success());
    })));
    pipeline.abandon_delay = 10;
    const ended = pipeline.run_async();
    await until(() => report !== null);
    pipeline.cancel();
    await assertError(() => ended, IOErrorEnum, IOErrorEnum.CANCELLED);
    report();
});

test('time_limit', async () => {
    const [first, second] = [pipelineOf(command('wait')), pipelineOf(command('wait'))];
    first.time_limit = 10;
    second.append(asyncStage(async context => {
        for await (const chunk of context.chunks())
            await context.write(chunk);
    }));
    second.time_limit = 10;
    for (const limited of [first, second])
        await assertError(() => limited.run_async(), IOErrorEnum, IOErrorEnum.TIMED_OUT);
});

// Threads

test('thread_constructors', async () => {
    await assertTypeError(() => Gp.FunctionStage.new('f', () => true), 'Gp.AsyncStage.new');
    await assertTypeError(() => new Gp.FunctionStage(), 'Gp.AsyncStage.new');
    await assertTypeError(() => new Gp.ThreadStage(), 'Gp.AsyncStage.new');
    await assertTypeError(() => GObject.registerClass(class A extends Gp.ThreadStage {}),
        'async vfunc_run');
    await assertTypeError(() => GObject.registerClass(class B extends Gp.ThreadStage {
        vfunc_process() {
            return true;
        }
    }), 'async vfunc_run');
});

test('thread_methods', async () => {
    await assertTypeError(() => newStage({vfunc_needs_main_context: () => false}),
        'JavaScript always needs the main context');
    await assertTypeError(() => newStage({vfunc_start_async: () => {}}), 'async vfunc_run');
    await assertTypeError(() => GObject.registerClass({
        Implements: [Gp.Stage, Gp.Limitable],
    }, class C extends GObject.Object {}), 'Gp.Limitable cannot be implemented');
});

test('async_stage_without_function', async () => {
    await assertTypeError(() => new Gp.AsyncStage(), 'Gp.AsyncStage.new');
    await assertTypeError(() => Gp.AsyncStage.new('f'), 'a name and a function');
});

// Classes

test('derived_class', async () => {
    class Base extends GObject.Object {
        async vfunc_run(context) {
            for await (const chunk of context.chunks())
                await context.write(chunk);
        }
    }
    registerStage(Base);
    class Quoted extends Base {
        async vfunc_run(context) {
            await context.write('<');
            await super.vfunc_run(context);
            await context.write('>');
        }
    }
    registerStage(Quoted);
    assertEqual(await pipelineOf(new Quoted()).communicate_utf8_async('x'), '<x>');
    assertEqual(await pipelineOf(new Base()).communicate_utf8_async('x'), 'x');
});

// Also if nobody looks at the promises that are rejected
test('writes_at_the_same_time', async () => {
    const ignore = () => {};
    await assertFault(context => Promise.all([context.write('a'), context.write('b')]), 'await each');
    await assertFault(async context => {
        const written = context.write('a');
        context.write('b').catch(ignore);
        await written;
    }, 'await each');
});

test('stage_in_stage', async () => {
    const inner = newStage({vfunc_run: context => context.write('inner')});
    const outer = newStage({
        vfunc_run(context) {
            inner.start_async(context, null, (source, result) => source.start_finish(result));
            return true;
        },
    });
    assertEqual(await pipelineOf(outer).communicate_utf8_async(), 'inner');
});

test('4_stage_with_preferences', async () => {
    const stage = newStage({
        vfunc_preferences: () => [Gp.IOPreference.FD, Gp.IOPreference.ANY],
        vfunc_run: context => context.write('x'),
    });
    const pipeline = pipelineOf(asyncStage(async () => {}), stage, asyncStage(async () => {}));
    pipeline.ignore_pipe_errors = true;
    await pipeline.run_async();
    assertEqual([1, 2].map(index => pipeline.get_edge_kind(index)),
        [Gp.EdgeKind.PIPE, Gp.EdgeKind.MEMORY]);
});

// Bytes and promises

test('kinds_of_bytes', async () => {
    const text = 'caf\xe9';
    const array = new TextEncoder().encode(text);
    const wider = new Uint8Array([0, ...array, 0]).subarray(1, -1);
    for (const data of [text, array, wider, new GLib.Bytes(array)]) {
        const outputs = [
            await pipelineOf(command('cat')).communicate_async(data),
            pipelineOf(command('cat')).communicate(data),
            await pipelineOf(asyncStage(context => context.write(data))).communicate_async(),
        ].map(bytes => new TextDecoder().decode(bytes.toArray()));
        outputs.push(await pipelineOf(command('cat')).communicate_utf8_async(data));
        outputs.push(pipelineOf(command('cat')).communicate_utf8(data));
        assertEqual(outputs, Array(5).fill(text));
    }
});

test('no_bytes', async () => {
    for (const data of [undefined, null, '', new Uint8Array()]) {
        assertEqual((await pipelineOf(command('cat')).communicate_async(data)).toArray().length, 0);
        assertEqual(await pipelineOf(command('cat')).communicate_utf8_async(data), '');
    }
});

test('wrong_bytes', async () => {
    for (const data of [5, ['a'], {}]) {
        await assertTypeError(() => pipelineOf().communicate(data), 'expected a string');
        await assertTypeError(() => pipelineOf().communicate_utf8(data), 'expected a string');
    }
    await assertTypeError(() => pipelineOf().communicate_utf8('a\0b'), 'NUL');
    const bytes = await pipelineOf(command('cat')).communicate_async('a\0b');
    assertEqual([...bytes.toArray()], [97, 0, 98]);
});

test('callbacks', async () => {
    const pipeline = pipelineOf(command('cat'));
    let output = null;
    pipeline.communicate_utf8_async('x', null, (source, result) => {
        output = source.communicate_utf8_finish(result);
    });
    await until(() => output !== null);
    assertEqual(output, 'x');
});

test('start_and_wait', async () => {
    const pipeline = pipelineOf(command('exit', '3'));
    assert(await pipeline.start_async());
    for (let i = 0; i < 2; i++)
        assert(Gp.error_matches_exit_status(await caught(() => pipeline.wait_async(null)), 3));
    await assertError(() => pipeline.start_async(), Gp.PipelineError,
        Gp.PipelineError.ALREADY_STARTED);
});

test('promisified_again', async () => {
    Gio._promisify(Gp.Pipeline.prototype, 'run_async', 'run_finish');
    assert(await pipelineOf(command('exit', '0')).run_async());
});

// Iteration

test('statuses', async () => {
    const cat = command('cat');
    cat.name = 'cat';
    const pipeline = pipelineOf(cat, asyncStage(async () => {}, 'f'));
    await pipeline.run_async();
    assertEqual([...pipeline].map(status => [status.name, status.summary]),
        [['cat', 'succeeded'], ['f', 'succeeded']]);
    assertEqual([...new Gp.Pipeline()], []);
});

async function collect(lines) {
    const collected = [];
    for await (const line of lines)
        collected.push(line);
    return collected;
}

test('lines', async () => {
    for (const [text, lines] of [
        ['', []],
        ['\n', ['']],
        ['a', ['a']],
        ['a\n\nb', ['a', '', 'b']],
        ['caf\xe9\nx\r\n', ['caf\xe9', 'x\r']],
    ]) {
        const pipeline = pipelineOf(asyncStage(context => context.write(text)));
        assertEqual(await collect(pipeline.lines()), lines);
        const seen = [];
        await pipelineOf(asyncStage(async context => {
            seen.push(...await collect(context.lines()));
        })).communicate_async(text);
        assertEqual(seen, lines);
    }
});

test('line_in_pieces', async () => {
    const pipeline = pipelineOf(asyncStage(async context => {
        for (const byte of new TextEncoder().encode('caf\xe9\n\u20ac'))
            await context.write(new Uint8Array([byte]));
    }), command('slow-cat'));
    assertEqual(await collect(pipeline.lines()), ['caf\xe9', '\u20ac']);
});

test('long_line', async () => {
    const pipeline = pipelineOf(asyncStage(context => context.write('x'.repeat(1 << 20))));
    assertEqual((await collect(pipeline.lines())).map(line => line.length), [1 << 20]);
});

test('line_batches', async () => {
    const text = Array.from({length: 100000}, (_, index) => `${index}\n`).join('');
    const pipeline = pipelineOf(asyncStage(context => context.write(text)));
    const batches = await collect(pipeline.line_batches());
    assert(batches.length < 1000);
    assertEqual(batches.flat().length, 100000);
    assertEqual(batches.flat().at(-1), '99999');
});

// Enough for the collector to begin by itself, which in gjs 1.74 may be the end of all callbacks
test('many_objects', async () => {
    const line = 'some words\n';
    const pipeline = pipelineOf(asyncStage(context => context.write(line.repeat(2000000))));
    let kept = [];
    let n = 0;
    for await (const batch of pipeline.line_batches()) {
        kept.push(batch.map(text => ({text, words: [text]})));
        if (kept.length > 40)
            kept = [];
        n += batch.length;
    }
    assertEqual(n, 2000000);
});

test('invalid_utf8', async () => {
    assertIncludes((await collect(pipelineOf(command('invalid-utf8')).lines())).join(), '\ufffd');
});

test('lines_before_the_error', async () => {
    const seen = [];
    const pipeline = pipelineOf(command('both', 'out', 'err', '3'));
    const error = await caught(async () => {
        for await (const line of pipeline.lines())
            seen.push(line);
    });
    assert(Gp.error_matches_exit_status(error, 3));
    assertEqual(seen, ['out']);
});

test('lines_left_early', async () => {
    const pipeline = pipelineOf(asyncStage(async context => {
        for (;;)
            await context.write('y\n');
    }), command('cat'));
    for await (const line of pipeline.lines()) {
        assertEqual(line, 'y');
        break;
    }
    await pipeline.wait_async();
});

test('lines_left_by_throwing', async () => {
    const pipeline = pipelineOf(command('echo', 'x'), command('cat'));
    const error = await caught(async () => {
        for await (const line of pipeline.lines())
            throw new RangeError(line);
    });
    assertEqual(`${error}`, 'RangeError: x');
    await pipeline.wait_async();
});

test('lines_cannot_start', async () => {
    const pipeline = new Gp.Pipeline();
    pipeline.append_command(['/nonexistent']);
    await assertError(() => collect(pipeline.lines()), GLib.SpawnError, GLib.SpawnError.NOENT);
});

test('lines_twice', async () => {
    const pipeline = pipelineOf(command('echo', 'x'));
    assertEqual(await collect(pipeline.lines()), ['x']);
    await caught(() => collect(pipeline.lines()));
});

test('lines_never_begun', () => {
    pipelineOf(command('echo', 'x')).lines();
});

test('lines_cancelled', async () => {
    for (const early of [true, false]) {
        const cancellable = new Gio.Cancellable();
        if (early)
            cancellable.cancel();
        await assertError(async () => {
            for await (const line of pipelineOf(command('wait', 'ready')).lines(cancellable)) {
                assertEqual(line, 'ready');
                cancellable.cancel();
            }
        }, IOErrorEnum, IOErrorEnum.CANCELLED);
    }
});

test('lines_time_limit', async () => {
    const pipeline = pipelineOf(command('wait'));
    pipeline.time_limit = 10;
    await assertError(() => collect(pipeline.lines()), IOErrorEnum, IOErrorEnum.TIMED_OUT);
});

test('enough_input', async () => {
    const pipeline = pipelineOf(command('spew'), asyncStage(async context => {
        for await (const chunk of context.chunks()) {
            await context.write(chunk.subarray(0, 3));
            break;
        }
        assert(context.get_stdin() === null);
    }));
    assertEqual((await pipeline.communicate_async()).toArray().length, 3);
    assertEqual(pipeline.get_status(1).state, Gp.StageState.FINISHED_EARLY);
});

test('nobody_reads', async () => {
    for (const stage of stagesOf(async context => {
        for (;;)
            await context.write('y\n');
    }))
        await assertError(() => pipelineOf(stage, command('exit', '0')).run_async(),
            IOErrorEnum, IOErrorEnum.BROKEN_PIPE);
});

// Objects

test('freed_after_failures', async () => {
    const watched = await (async () => {
        const stages = [...stagesOf(throwBug), ...stagesOf(async () => throwBug())];
        const pipelines = stages.map(stage => pipelineOf(command('cat'), stage));
        for (const pipeline of pipelines)
            await caught(() => pipeline.run_async());
        return new Watched(...pipelines, ...stages);
    })();
    await watched.untilFreed();
});

test('freed_after_lines', async () => {
    const watched = await (async () => {
        const pipelines = [1, 2].map(() => pipelineOf(command('echo', 'x')));
        await collect(pipelines[0].lines());
        for await (const line of pipelines[1].lines()) {
            assertEqual(line, 'x');
            break;
        }
        await pipelines[1].wait_async();
        return new Watched(...pipelines);
    })();
    await watched.untilFreed();
});

test('memory_of_big_data', async () => {
    const peak = () => {
        const [, status] = GLib.file_get_contents('/proc/self/status');
        return Number(new TextDecoder().decode(status).match(/VmHWM:\s+(\d+)/)[1]) * 1024;
    };
    const size = 512 * 1024 * 1024;
    const before = peak();
    let n = 0;
    await pipelineOf(command('spew', `${size}`), asyncStage(async context => {
        for await (const chunk of context.chunks()) {
            n += chunk.length;
            await context.write(chunk);
        }
    }), command('checksum')).run_async();
    assertEqual(n, size);
    assert(peak() - before < size / 2, `${peak() - before} bytes for ${size}`);
});

await run();
