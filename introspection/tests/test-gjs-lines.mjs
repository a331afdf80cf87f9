// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Lines, bytes, converters, files and the choice of errors, from JavaScript. The cases have the
// names and numbers that they have in the other languages.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';

import {
    assert, assertEqual, assertError, assertIncludes, assertTypeError, asyncStage, caught, command,
    pipelineOf, run, runScript, test, until,
} from './tap.mjs';

const {IOErrorEnum} = Gio;
const {
    ErrorAction, ErrorMatch, FileMode, InputState, LineAction, LineSeparator, PipelineError,
    SignalError, SplitResult, StageState,
} = Gp;
const SIGTERM = 15;

function ioError(message, code = IOErrorEnum.NO_SPACE) {
    return new GLib.Error(IOErrorEnum, code, message);
}

// Any kind of function: fails by itself
function broken() {
    throw new RangeError('by nothing');
}

function keep() {
    return LineAction.KEEP;
}

function lines(func, name = 'lines') {
    return Gp.LineStage.new_in_context(name, func);
}

function communicate(text, ...stages) {
    return pipelineOf(...stages).communicate_utf8_async(text);
}

function toText(bytes) {
    return new TextDecoder().decode(bytes.toArray());
}

async function assertFault(part, ...stages) {
    const error = await assertError(() => pipelineOf(...stages).run_async(), PipelineError,
        PipelineError.FAULT);
    assertIncludes(error.message, part);
}

test('2_lines_in_context', async () => {
    const seen = [];
    const batch = (some, output) => {
        seen.push(...some);
        output.put_string(some.map(line => `<${line}>`).join(''), null);
        return LineAction.DROP;
    };
    assertEqual(await communicate('a\né\r\n\n', lines(batch), command('cat')), '<a><é\r><>');
    assertEqual(seen, ['a', 'é\r', '']);

    const data = Array.from({length: 20000}, (_, i) => `${i}\n`).join('');
    assert(await communicate(data, lines(keep), command('cat')) === data);

    const pipeline = pipelineOf(command('echo', 'a'), lines(() => LineAction.FINISH));
    assertEqual(await pipeline.communicate_utf8_async(), '');
    assertEqual(pipeline.get_status(1).get_state(), StageState.FINISHED_EARLY);
});

test('2_bytes', async () => {
    const bytesStage = Gp.BytesStage.new(null, new Uint8Array([97, 0, 255]));
    assertEqual([...(await pipelineOf(bytesStage).communicate_async()).toArray()], [97, 0, 255]);
    assertEqual([...bytesStage.get_bytes().toArray()], [97, 0, 255]);
    for (const [stage, name, text] of [
        [Gp.BytesStage.new('own', 'é'), 'own', 'é'],
        [Gp.BytesStage.new(null, new GLib.Bytes('x')), 'bytes', 'x'],
        [new Gp.BytesStage({name: 'object', bytes: 'x'}), 'object', 'x'],
        [Gp.BytesStage.new_text('text'), 'print', 'text'],
        [Gp.BytesStage.new_line('line'), 'print', 'line\n'],
    ]) {
        assertEqual([stage.get_name(), stage.name], [name, name]);
        const threadStage = stage;
        assertEqual(threadStage.name, name);
        const printBytesStage = stage;
        assertEqual(toText(printBytesStage.bytes), text);
        assertEqual(await communicate(null, stage, command('cat')), text);
    }
    assertEqual(new Gp.BytesStage().get_bytes(), null);
    await assertTypeError(() => Gp.BytesStage.new(null, 7), 'Uint8Array');
});

test('2_converter', async () => {
    const newUnpacker = () => new Gio.ZlibDecompressor({format: Gio.ZlibCompressorFormat.GZIP});
    const compressor = new Gio.ZlibCompressor({format: Gio.ZlibCompressorFormat.GZIP});
    const converterStage = Gp.ConverterStage.new('pack', compressor);
    assert(converterStage.get_converter() === compressor);
    const unpacker = newUnpacker();
    const otherConverter = new Gp.ConverterStage({name: 'unpack', converter: unpacker});
    assert(otherConverter.converter === unpacker);
    assertEqual(otherConverter.get_name(), 'unpack');
    const text = 'text'.repeat(5000);
    assert(await communicate(text, converterStage, command('cat'), otherConverter) === text);

    await assertError(() => communicate('no gzip', Gp.ConverterStage.new(null, newUnpacker())),
        IOErrorEnum, IOErrorEnum.INVALID_DATA);
});

test('2_meter', async () => {
    const meterStage = Gp.MeterStage.new(null, 8);
    const notified = new Set();
    meterStage.connect('notify', (_, {name}) => notified.add(name));
    assertEqual(await communicate('text', meterStage, command('cat')), 'text');
    assertEqual([meterStage.get_bytes(), meterStage.bytes], [4, 4]);
    assertEqual([meterStage.get_fraction(), meterStage.fraction], [0.5, 0.5]);
    assert(meterStage.get_rate() > 0);
    assertEqual(meterStage.rate, meterStage.get_rate());
    assertEqual([...notified].sort(), ['bytes', 'fraction', 'rate']);

    assertEqual(meterStage.get_total(), 8);
    meterStage.set_total(16);
    assertEqual(meterStage.total, 16);
    meterStage.total = 4;
    assertEqual(meterStage.get_fraction(), 1);
    assertEqual([...notified].sort(), ['bytes', 'fraction', 'rate', 'total']);
});

test('5_line_errors', async () => {
    const full = () => {
        throw ioError('full');
    };
    const error = await assertError(() => communicate('a\n', lines(full)), IOErrorEnum,
        IOErrorEnum.NO_SPACE);
    assertEqual(error.message, 'lines: full');

    await assertFault('RangeError: by nothing', Gp.BytesStage.new_text('a\n'), lines(broken));
    for (const [func, part] of [
        [() => undefined, 'returned undefined'], [() => true, 'returned true'],
        [() => 17, 'returned 17'], [async () => LineAction.KEEP, 'returned [object Promise]'],
        [() => LineAction.FAULT, 'lines: '],
    ])
        await assertFault(part, Gp.BytesStage.new_text('a\n'), lines(func));

    const shortLineStage = lines(keep);
    shortLineStage.set_max_length(3);
    const tooLong = await assertError(() => communicate('abc\nabcd\n', shortLineStage),
        PipelineError, PipelineError.LINE_TOO_LONG);
    assertIncludes(tooLong.message, 'line 2');
    await assertError(() => pipelineOf(lines(keep)).communicate_async(new Uint8Array([255, 10])),
        IOErrorEnum, IOErrorEnum.INVALID_DATA);
    await assertError(() => pipelineOf(lines(keep)).run(), PipelineError,
        PipelineError.NEEDS_MAIN_CONTEXT);
});

test('lines in a thread are refused', async () => {
    const advice = 'Gp.LineStage.new_in_context (';
    await assertTypeError(() => Gp.LineStage.new('lines', keep), advice);
    await assertTypeError(() => Gp.LineStage.new_bytes('lines', keep), advice);
    await assertTypeError(() => new Gp.LineStage({name: 'lines'}), advice);
    await assertTypeError(() => lines(keep).set_split_function(() => SplitResult.MORE), advice);
    await assertTypeError(() => lines(null), 'Gp.LineAction');
});

test('5_matchers', async () => {
    const errorOf = (...args) => caught(() => pipelineOf(command(...args)).run_async());
    const full = ioError('full');
    const matcher = Gp.ErrorMatcher.new_error(GLib.quark_from_string('g-io-error-quark'),
        IOErrorEnum.NO_SPACE);
    assert(matcher.matches(full));
    assert(!matcher.matches(ioError('none', IOErrorEnum.NOT_FOUND)));
    const exitMatcher = Gp.ErrorMatcher.new_exit_status(3);
    assert(exitMatcher.matches(await errorOf('exit', '3')));
    assert(!exitMatcher.matches(await errorOf('exit', '4')));
    const signalMatcher = Gp.ErrorMatcher.new_signal(SIGTERM);
    assert(signalMatcher.matches(await errorOf('kill-self', String(SIGTERM))));
    const pipeMatcher = Gp.ErrorMatcher.new_pipe();
    assert(pipeMatcher.matches(ioError('', IOErrorEnum.BROKEN_PIPE)));
    assert(!pipeMatcher.matches(full));
    pipeMatcher.add(matcher);
    assert(pipeMatcher.matches(full));

    const isShort = error => error.message.length < 3 ? ErrorMatch.YES : ErrorMatch.NO;
    const ownMatcher = Gp.ErrorMatcher.new(isShort);
    assert(ownMatcher.matches(ioError('no')));
    assert(!ownMatcher.matches(full));
    const partsMatcher = Gp.ErrorMatcher.new_with_parts((domain, code, message) =>
        isShort(new GLib.Error(domain, code, message)));
    assert(partsMatcher.matches(ioError('no')));
    assert(!partsMatcher.matches(full));
    await assertTypeError(() => Gp.ErrorMatcher.new(null), 'Gp.ErrorMatch');
});

test('5_ignored', async () => {
    const pipeline = new Gp.Pipeline();
    pipeline.append_ignoring(command('both', 'out', 'err', '1'),
        Gp.ErrorMatcher.new_exit_status(1));
    assertEqual(await pipeline.communicate_utf8_async(), 'out');
    const status = pipeline.get_status(0);
    assertEqual([status.get_state(), status.get_exit_status()], [StageState.SUCCEEDED, 1]);

    const commandStage = command('exit', '1');
    const matcher = Gp.ErrorMatcher.new_exit_status(2);
    const errorFilterStage = Gp.ErrorFilterStage.new_ignoring(commandStage, matcher);
    assert(errorFilterStage.get_stage() === commandStage);
    assert(errorFilterStage.get_matcher() === matcher);
    const error = await caught(() => pipelineOf(errorFilterStage).run_async());
    assert(Gp.error_matches_exit_status(error, 1));

    const otherErrorFilter = new Gp.ErrorFilterStage({stage: command('exit', '2'), matcher});
    assertEqual(otherErrorFilter.stage.get_name(), 'gp-test-child');
    assert(otherErrorFilter.matcher === matcher);
    assert(await pipelineOf(otherErrorFilter).run_async());
});

// Called by the main loop, and by a blocking call
test('5_ignored_by_function', async () => {
    const seen = [];
    const newPipeline = (...args) => {
        const ignoring = new Gp.Pipeline();
        ignoring.append_ignoring(command(...args), Gp.ErrorMatcher.new(error => {
            seen.push(error.message);
            return Gp.error_matches_exit_status(error, 3) ? ErrorMatch.YES : ErrorMatch.NO;
        }));
        return ignoring;
    };

    assert(await newPipeline('exit', '3').run_async());
    assert(newPipeline('exit', '3').run());
    const error = await caught(() => newPipeline('stderr', 'oh no', '4').run_async());
    assert(Gp.error_matches_exit_status(error, 4));
    await assertError(() => newPipeline('kill-self', `${SIGTERM}`).run(), SignalError,
        SignalError.TERM);
    assertEqual(seen.map(message => message.replace('gp-test-child: ', '')),
        ['exit status 3', 'exit status 3', 'exit status 4: oh no', 'killed by SIGTERM']);
});

test('5_filtered', async () => {
    const decide = error => {
        if (Gp.error_matches_exit_status(error, 2))
            return ErrorAction.FORGIVE;
        if (Gp.error_matches_exit_status(error, 3))
            throw ioError('replaced');
        return ErrorAction.KEEP;
    };
    const filtered = (stage, func = decide) => {
        const errorFilterStage = Gp.ErrorFilterStage.new(stage, func);
        assertEqual(errorFilterStage.get_matcher(), null);
        return pipelineOf(errorFilterStage);
    };

    // Called by the main loop, and by a blocking call
    for (const method of ['run_async', 'run']) {
        assert(await filtered(command('exit', '2'))[method]());
        const error = await caught(() => filtered(command('exit', '1'))[method]());
        assert(Gp.error_matches_exit_status(error, 1));
        const replaced = await assertError(() => filtered(command('exit', '3'))[method](),
            IOErrorEnum, IOErrorEnum.NO_SPACE);
        assertEqual(replaced.message, 'gp-test-child: replaced');
    }
    for (const [func, part] of [
        [broken, 'by nothing'], [() => undefined, 'returned undefined'],
        [async () => ErrorAction.FORGIVE, 'returned [object Promise]'],
    ]) {
        const error = await assertError(() => filtered(command('exit', '1'), func).run_async(),
            PipelineError, PipelineError.FAULT);
        assertIncludes(error.message, part);
    }

    const seen = [];
    await filtered(asyncStage(async () => {
        throw ioError('full é');
    }), error => {
        seen.push(error instanceof IOErrorEnum, error.matches(IOErrorEnum, IOErrorEnum.NO_SPACE),
            error.message);
        return ErrorAction.FORGIVE;
    }).run_async();
    assertEqual(seen, [true, true, 'function: full é']);
    const partsFilter = Gp.ErrorFilterStage.new_with_parts(command('exit', '2'),
        (domain, code, message) => decide(new GLib.Error(domain, code, message)));
    assert(await pipelineOf(partsFilter).run_async());
    await assertTypeError(() => Gp.ErrorFilterStage.new(command('cat'), null), 'Gp.ErrorAction');
});

test('matcher that throws', async () => {
    const text = await runScript('gjs-broken-matcher.mjs');
    assertIncludes(text, 'in the function of a Gp.ErrorMatcher');
    assertIncludes(text, 'RangeError: a bug');
    assertIncludes(text, 'matchNothing@');
    assertIncludes(text, 'returned [object Promise]');
});

test('5_fault_handler', async () => {
    const told = [];
    const handle = (stage, message) => {
        told.push([stage.get_name(), message]);
        if (told.length === 1)
            return ErrorAction.FORGIVE;
        if (told.length === 2)
            return ErrorAction.KEEP;
        throw ioError('handled');
    };
    const runFaulty = handler => {
        const pipeline = pipelineOf(asyncStage(async context => context.return_fault('mistake')));
        pipeline.set_fault_handler(handler);
        return pipeline.run_async();
    };

    assert(await runFaulty(handle));
    await assertError(() => runFaulty(handle), PipelineError, PipelineError.FAULT);
    await assertError(() => runFaulty(handle), IOErrorEnum, IOErrorEnum.NO_SPACE);
    assertEqual(told, Array(3).fill(['function', 'mistake']));
    for (const [handler, part] of [
        [null, 'mistake'], [broken, 'by nothing'], [() => undefined, 'returned undefined'],
    ]) {
        const error = await assertError(() => runFaulty(handler), PipelineError,
            PipelineError.FAULT);
        assertIncludes(error.message, part);
    }
});

test('5_partial_input', async () => {
    // What the second stage is told before and after the first has ended
    const statesOf = async fail => {
        const contexts = [];
        const ends = [];
        const stage = () => asyncStage(context => new Promise((resolve, reject) => {
            contexts.push(context);
            ends.push({resolve, reject});
        }));
        const ended = caught(async () => {
            await pipelineOf(stage(), stage()).run_async();
            throw new Error('none');
        });
        await until(() => contexts.length === 2);
        const [firstContext, context] = contexts;
        const states = [firstContext.get_input_state(), context.get_input_state()];
        if (fail)
            ends[0].reject(ioError('full'));
        else
            ends[0].resolve();
        await until(() => context.get_input_state() !== InputState.UNKNOWN);
        states.push(context.get_input_state());
        ends[1].resolve();
        await ended;
        return states;
    };

    assertEqual(await statesOf(false),
        [InputState.COMPLETE, InputState.UNKNOWN, InputState.COMPLETE]);
    assertEqual(await statesOf(true),
        [InputState.COMPLETE, InputState.UNKNOWN, InputState.PARTIAL]);
});

test('8_line_settings', async () => {
    const lineStage = lines(keep);
    const notified = [];
    lineStage.connect('notify', (_, {name}) => notified.push(name));
    assertEqual([lineStage.get_name(), lineStage.name], ['lines', 'lines']);
    assertEqual(lineStage.get_separator(), LineSeparator.NEWLINE);
    assertEqual(lineStage.get_max_length(), 1024 * 1024);
    lineStage.set_max_length(0);
    assertEqual(lineStage.maxLength, 0);
    lineStage.max_length = 7;
    assertEqual(lineStage.get_max_length(), 7);
    lineStage.set_separator(LineSeparator.NUL);
    assertEqual(lineStage.get_separator(), LineSeparator.NUL);
    lineStage.separator = LineSeparator.WORDS;
    assertEqual(lineStage.separator, LineSeparator.WORDS);
    assertEqual(notified, ['max-length', 'max-length', 'separator', 'separator']);
    assertEqual(await communicate(' a\tb', lineStage), 'a\tb');
});

test('8_files', async () => {
    const folder = GLib.Dir.make_tmp('XXXXXX');
    const [first, second] = ['a', 'b'].map(name => Gio.File.new_for_path(`${folder}/${name}`));
    const write = async (mode, ...stages) => {
        const pipeline = pipelineOf(...stages, command('cat'));
        pipeline.set_stdin_file(first);
        pipeline.set_stdout_file(second, mode);
        assert(pipeline.get_stdin_file().equal(first));
        assert(pipeline.get_stdout_file().equal(second));
        assertEqual(pipeline.get_stdout_file_mode(), mode);
        await pipeline.run_async();
        return toText(second.load_bytes(null)[0]);
    };

    const error = await assertError(() => write(FileMode.TRUNCATE), IOErrorEnum,
        IOErrorEnum.NOT_FOUND);
    assertIncludes(error.message, first.get_path());
    GLib.file_set_contents(first.get_path(), 'text');
    assertEqual(await write(FileMode.REPLACE), 'text');
    assertEqual(await write(FileMode.APPEND), 'texttext');
    assertEqual(await write(FileMode.TRUNCATE), 'text');
    await caught(() => write(FileMode.REPLACE, command('cat'), command('exit', '1')));
    assertEqual(toText(second.load_bytes(null)[0]), 'text');
    // Nothing else was left there
    for (const name of [first, second, Gio.File.new_for_path(folder)])
        name.delete(null);

    const pipeline = new Gp.Pipeline();
    pipeline.set_stdin_file(first);
    pipeline.set_stdin_file(null);
    assertEqual(pipeline.get_stdin_file(), null);
    pipeline.set_stdout_file(null, FileMode.REPLACE);
    assertEqual(pipeline.get_stdout_file(), null);
});

test('8_environment_functions', async () => {
    const commandStage = command('environ');
    commandStage.clearenv();
    commandStage.add_environ(['A=1', 'B=2', 'C=3']);
    commandStage.add_environ_function(() => ['B=é', 'D=4']);
    assertEqual((await communicate(null, commandStage)).trim().split('\n').sort(),
        ['A=1', 'B=é', 'C=3', 'D=4']);

    const pipeline = pipelineOf(command('environ'));
    pipeline.setenv('A', '0', true);
    pipeline.clearenv();
    pipeline.add_environ(['B=2']);
    pipeline.add_environ_function(() => []);
    pipeline.add_environ_function(() => ['C=3']);
    assertEqual((await pipeline.communicate_utf8_async()).trim().split('\n').sort(),
        ['B=2', 'C=3']);

    for (const [func, part] of [
        [broken, 'by nothing'], [() => undefined, 'undefined'], [() => 'A=b', 'A=b'],
    ]) {
        const brokenPipeline = pipelineOf(command('environ'));
        brokenPipeline.add_environ_function(func);
        const brokenCommand = command('environ');
        brokenCommand.add_environ_function(func);
        for (const broke of [brokenPipeline, pipelineOf(brokenCommand)]) {
            const error = await assertError(() => broke.run_async(), PipelineError,
                PipelineError.FAULT);
            assertIncludes(error.message, part);
        }
    }
});

await run();
