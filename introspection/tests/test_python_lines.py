#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines, bytes, converters, files and the choice of errors, from Python.

The cases have the names and numbers that they have in the other languages. Prints TAP.
"""

import os
import signal
import tempfile
import threading

from test_python import (BindingTestCase, Call, command, communicate, iterate_until, main,
                         pipeline_of, run, upper)

from gi.repository import Gio, GLib, Gp

PIPELINE_ERROR = Gp.PipelineError.quark()
LineAction = Gp.LineAction


def io_error(message, code=Gio.IOErrorEnum.NO_SPACE):
    return GLib.Error.new_literal(Gio.io_error_quark(), message, code)


def broken(*unused):
    """Any kind of function: fails by itself"""
    raise ZeroDivisionError('by nothing')


def keep(line, output):
    return LineAction.KEEP


class LinesTestCase(BindingTestCase):
    def assert_raises(self, domain, code, function, *arguments):
        with self.assertRaises(GLib.Error) as caught:
            function(*arguments)
        self.assertTrue(caught.exception.matches(domain, code), caught.exception)
        return caught.exception

    def assert_fault(self, part, *stages):
        error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run,
                                   pipeline_of(*stages))
        self.assertIn(part, error.message)
        return error

    def assert_settings(self, instance, **values):
        """Sets each property by itself, and sees it by its getter"""
        for name, value in values.items():
            notified = []
            handler = instance.connect(f'notify::{name.replace("_", "-")}',
                                       lambda source, pspec: notified.append(pspec.name))
            getattr(instance, f'set_{name}')(value)
            instance.disconnect(handler)
            self.assertEqual(getattr(instance, f'get_{name}')(), value)
            self.assertEqual(getattr(instance.props, name), value)
            self.assertEqual(notified, [name.replace('_', '-')])


class TestLines(LinesTestCase):
    def test_2_lines(self):
        main_thread = threading.get_ident()
        seen = []

        def number(line, output, *prefixes):
            seen.append((line, threading.get_ident() != main_thread))
            if line == 'drop':
                return LineAction.DROP
            if line == 'end':
                output.put_string('last')
                return LineAction.FINISH
            output.put_string(f'{prefixes[0]}{len(seen)} ')
            return LineAction.KEEP

        line_stage = Gp.LineStage.new(None, number, '#')
        self.assertEqual(line_stage.props.name, 'number')
        self.assertEqual(communicate(pipeline_of(line_stage), 'café\ndrop\nc\r\nd'.encode()),
                         '#1 café\n#3 c\r\n#4 d'.encode())
        self.assertEqual(seen, [('café', True), ('drop', True), ('c\r', True), ('d', True)])

        pipeline = pipeline_of(command('spew'), Gp.LineStage.new_bytes(
            'first', lambda line, output: LineAction.FINISH))
        self.assertEqual(communicate(pipeline), b'')
        self.assertEqual(pipeline.get_status(1).get_state(), Gp.StageState.FINISHED_EARLY)

    def test_2_lines_of_bytes(self):
        def shout(line, output, *unused):
            output.write(line.upper() + b'!')
            return LineAction.KEEP

        line_stage = Gp.LineStage.new_bytes('shout', shout)
        line_stage.props.separator = Gp.LineSeparator.NUL
        self.assertEqual(communicate(pipeline_of(command('cat'), line_stage), b'a\xff\0\0b'),
                         b'A\xff!a\xff\0!\0B!b')

    def test_2_lines_in_context(self):
        main_thread = threading.get_ident()
        seen = []

        def batch(lines, output, *unused):
            self.assertEqual(threading.get_ident(), main_thread)
            seen.extend(lines)
            output.put_string(''.join(f'<{line}>' for line in lines))
            return LineAction.DROP

        line_stage = Gp.LineStage.new_in_context('batch', batch)
        self.assertEqual(communicate(pipeline_of(line_stage, command('cat')), 'a\né\n'.encode()),
                         '<a><é>'.encode())
        self.assertEqual(seen, ['a', 'é'])

        line_stage = Gp.LineStage.new_in_context(None, keep)
        data = b''.join(b'%d\n' % i for i in range(20000))
        self.assertEqual(communicate(pipeline_of(line_stage), data), data)

    def test_2_lines_split(self):
        was_at_end = []

        def split(data, at_end, *unused):
            was_at_end.append(at_end)
            if data.startswith(b'.'):
                return Gp.SplitResult.SKIP, 0, 1
            if data.startswith(b'!'):
                raise io_error('no record')
            if data.startswith(b'?'):
                return Gp.SplitResult.FAULT
            end = data.find(b';')
            return Gp.SplitResult.MORE if end < 0 else (Gp.SplitResult.LINE, end, end + 1)

        def pipeline_for(func, *user_data):
            line_stage = Gp.LineStage.new('lines', bracket)
            line_stage.set_split_function(func, *user_data)
            return pipeline_of(line_stage)

        def bracket(line, output):
            output.put_string(f'[{line}]')
            return LineAction.DROP

        self.assertEqual(communicate(pipeline_for(split, 'data'), b'.a;..b\n;c'), b'[a][b\n][c]')
        self.assertTrue(was_at_end[-1])
        error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE, communicate,
                                   pipeline_for(split), b'a;!')
        self.assertEqual(error.message, 'lines: no record')
        for func, part in (split, 'no error'), (broken, 'by nothing'), (keep, 'LineAction'):
            error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, communicate,
                                       pipeline_for(func), b'?')
            if func is not split:
                self.assertIn(part, error.message)
        self.assertEqual(communicate(pipeline_for(None), b'a;\n'), b'[a;]')

    def test_2_bytes(self):
        for bytes_stage, name, data in (
                (Gp.BytesStage.new(None, b'a\0\xff'), 'bytes', b'a\0\xff'),
                (Gp.BytesStage.new('own', 'é'), 'own', 'é'.encode()),
                (Gp.BytesStage(name='object', bytes=GLib.Bytes.new(b'x')), 'object', b'x'),
                (Gp.BytesStage.new_text('text'), 'print', b'text'),
                (Gp.BytesStage.new_line('line'), 'print', b'line\n')):
            self.assertEqual(bytes_stage.get_name(), name)
            self.assertEqual(bytes_stage.get_bytes(), data)
            self.assertEqual(bytes_stage.props.bytes.get_data(), data)
            self.assertEqual(communicate(pipeline_of(bytes_stage, command('cat'))), data)
        self.assertIsNone(Gp.BytesStage().get_bytes())

    def test_2_converter(self):
        compressor = Gio.ZlibCompressor.new(Gio.ZlibCompressorFormat.GZIP, 6)
        converter_stage = Gp.ConverterStage.new('pack', compressor)
        self.assertIs(converter_stage.get_converter(), compressor)
        unpacker = Gio.ZlibDecompressor.new(Gio.ZlibCompressorFormat.GZIP)
        other_converter = Gp.ConverterStage(name='unpack', converter=unpacker)
        self.assertIs(other_converter.props.converter, unpacker)
        self.assertEqual(other_converter.get_name(), 'unpack')
        self.assertEqual(communicate(pipeline_of(converter_stage, command('cat'), other_converter),
                                     b'text' * 5000), b'text' * 5000)

        converter_stage = Gp.ConverterStage.new(
            'unpack', Gio.ZlibDecompressor.new(Gio.ZlibCompressorFormat.GZIP))
        self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_DATA, communicate,
                           pipeline_of(converter_stage), b'no gzip')

    def test_2_meter(self):
        meter_stage = Gp.MeterStage.new(None, 8)
        notified = set()
        meter_stage.connect('notify', lambda source, pspec: notified.add(pspec.name))
        self.assertEqual(communicate(pipeline_of(meter_stage, command('cat')), b'text'), b'text')
        self.assertEqual(meter_stage.get_bytes(), 4)
        self.assertEqual(meter_stage.props.bytes, 4)
        self.assertEqual(meter_stage.get_fraction(), 0.5)
        self.assertEqual(meter_stage.props.fraction, 0.5)
        self.assertGreater(meter_stage.get_rate(), 0)
        self.assertEqual(meter_stage.props.rate, meter_stage.get_rate())
        self.assertEqual(notified, {'bytes', 'rate', 'fraction'})

        self.assertEqual(meter_stage.get_total(), 8)
        meter_stage.set_total(16)
        self.assertEqual(meter_stage.props.total, 16)
        meter_stage.props.total = 4
        self.assertEqual(meter_stage.get_fraction(), 1)
        self.assertEqual(notified, {'bytes', 'rate', 'fraction', 'total'})


class TestErrors(LinesTestCase):
    def test_5_line_errors(self):
        def fill(*unused):
            raise io_error('full')

        for new in Gp.LineStage.new, Gp.LineStage.new_bytes, Gp.LineStage.new_in_context:
            error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE, communicate,
                                       pipeline_of(new('lines', fill)), b'a\n')
            self.assertEqual(error.message, 'lines: full')

            text = Gp.BytesStage.new_text('a\n')
            error = self.assert_fault('ZeroDivisionError: by nothing', text, new('lines', broken))
            self.assertIn('test_python_lines.py', error.message)
            for wrong in None, True, 17:
                self.assert_fault(f'returned {wrong!r}', Gp.BytesStage.new_text('a\n'),
                                  new('lines', lambda *unused: wrong))
            self.assert_fault('lines: ', Gp.BytesStage.new_text('a\n'),
                              new('lines', lambda *unused: LineAction.FAULT))

        line_stage = Gp.LineStage.new('lines', keep)
        line_stage.set_max_length(3)
        error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.LINE_TOO_LONG, communicate,
                                   pipeline_of(line_stage), b'abc\nabcd\n')
        self.assertIn('line 2', error.message)
        for new in Gp.LineStage.new, Gp.LineStage.new_in_context:
            error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.INVALID_DATA,
                                       communicate, pipeline_of(new('lines', keep)), b'\xff\n')
            self.assertEqual(error.message, 'lines: line 1 is not valid UTF-8')

        line_stage = Gp.LineStage.new_in_context('lines', keep)
        line_stage.set_split_function(keep)
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.INVALID, run, pipeline_of(line_stage))
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.NEEDS_MAIN_CONTEXT,
                           pipeline_of(Gp.LineStage.new_in_context('lines', keep)).run)

        async def keep_async(line, output):
            pass

        with self.assertRaises(TypeError):
            Gp.LineStage.new('lines', keep_async)

    def test_5_matchers(self):
        def error_of(*arguments):
            with self.assertRaises(GLib.Error) as caught:
                run(pipeline_of(command(*arguments)))
            return caught.exception

        full = io_error('full')
        matcher = Gp.ErrorMatcher.new_error(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE)
        self.assertTrue(matcher.matches(full))
        self.assertFalse(matcher.matches(io_error('none', Gio.IOErrorEnum.NOT_FOUND)))
        exit_matcher = Gp.ErrorMatcher.new_exit_status(3)
        self.assertTrue(exit_matcher.matches(error_of('exit', '3')))
        self.assertFalse(exit_matcher.matches(error_of('exit', '4')))
        signal_matcher = Gp.ErrorMatcher.new_signal(signal.SIGTERM)
        self.assertTrue(signal_matcher.matches(error_of('kill-self', str(int(signal.SIGTERM)))))
        pipe_matcher = Gp.ErrorMatcher.new_pipe()
        self.assertTrue(pipe_matcher.matches(io_error('', Gio.IOErrorEnum.BROKEN_PIPE)))
        self.assertFalse(pipe_matcher.matches(full))
        pipe_matcher.add(matcher)
        self.assertTrue(pipe_matcher.matches(full))

        def is_short(error, *unused):
            return Gp.ErrorMatch.YES if len(error.message) < 3 else Gp.ErrorMatch.NO

        own_matcher = Gp.ErrorMatcher.new(is_short)
        self.assertTrue(own_matcher.matches(io_error('no')))
        self.assertFalse(own_matcher.matches(full))
        parts_matcher = Gp.ErrorMatcher.new_with_parts(
            lambda domain, code, message, *unused: is_short(
                GLib.Error.new_literal(domain, message, code)))
        self.assertTrue(parts_matcher.matches(io_error('no')))
        self.assertFalse(parts_matcher.matches(full))

    def test_5_ignored(self):
        pipeline = pipeline_of()
        pipeline.append_ignoring(command('both', 'out', 'err', '1'),
                                 Gp.ErrorMatcher.new_exit_status(1))
        pipeline.append_ignoring(upper, Gp.ErrorMatcher.new_pipe())
        self.assertEqual(communicate(pipeline), b'OUT')
        self.assertEqual(pipeline.get_status(0).get_state(), Gp.StageState.SUCCEEDED)
        self.assertEqual(pipeline.get_status(0).get_exit_status(), 1)

        command_stage = command('exit', '1')
        matcher = Gp.ErrorMatcher.new_exit_status(2)
        error_filter_stage = Gp.ErrorFilterStage.new_ignoring(command_stage, matcher)
        self.assertIs(error_filter_stage.get_stage(), command_stage)
        self.assertIs(error_filter_stage.get_matcher(), matcher)
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline_of(error_filter_stage))
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 1))

        error_filter_stage = Gp.ErrorFilterStage(stage=command('exit', '2'), matcher=matcher)
        self.assertEqual(error_filter_stage.props.stage.get_name(), 'exit')
        self.assertIs(error_filter_stage.props.matcher, matcher)
        self.assertTrue(run(pipeline_of(error_filter_stage)))

    def test_5_ignored_by_function(self):
        """Called by the main loop, and by a blocking call"""
        seen = []

        def is_three(error, *unused):
            seen.append(error.message)
            three = Gp.error_matches_exit_status(error, 3)
            return Gp.ErrorMatch.YES if three else Gp.ErrorMatch.NO

        def new_pipeline(*arguments):
            pipeline = pipeline_of()
            pipeline.append_ignoring(command(*arguments), Gp.ErrorMatcher.new(is_three))
            return pipeline

        self.assertTrue(run(new_pipeline('exit', '3')))
        self.assertTrue(new_pipeline('exit', '3').run())
        with self.assertRaises(GLib.Error) as caught:
            run(new_pipeline('stderr', 'oh no', '4'))
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 4))
        self.assert_raises(Gp.SignalError.quark(), Gp.SignalError.TERM,
                           new_pipeline('kill-self', str(int(signal.SIGTERM))).run)
        self.assertEqual(seen, ['exit: exit status 3', 'exit: exit status 3',
                                'stderr: exit status 4: oh no', 'kill-self: killed by SIGTERM'])

    def test_5_filtered(self):
        def decide(error, *codes):
            if Gp.error_matches_exit_status(error, codes[0]):
                return Gp.ErrorAction.FORGIVE
            if Gp.error_matches_exit_status(error, 3):
                raise io_error('replaced')
            return Gp.ErrorAction.KEEP

        def filtered(status, func=decide):
            error_filter = Gp.ErrorFilterStage.new(command('exit', status), func, 2)
            self.assertIsNone(error_filter.get_matcher())
            return pipeline_of(error_filter)

        self.assertTrue(run(filtered('2')))
        with self.assertRaises(GLib.Error) as caught:
            run(filtered('1'))
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 1))
        error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE, run,
                                   filtered('3'))
        self.assertIn('replaced', error.message)
        for func, part in (broken, 'by nothing'), (lambda *unused: None, 'returned None'):
            error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run,
                                       filtered('1', func))
            self.assertIn(part, error.message)

        def decide_by_parts(domain, code, message, *unused):
            return decide(GLib.Error.new_literal(domain, message, code), 2)

        self.assertTrue(run(pipeline_of(Gp.ErrorFilterStage.new_with_parts(
            command('exit', '2'), decide_by_parts))))

    def test_5_fault_handler(self):
        told = []

        def handle(stage, message, *unused):
            told.append((stage.get_name(), message.splitlines()[0]))
            if len(told) == 1:
                return Gp.ErrorAction.FORGIVE
            if len(told) == 2:
                return Gp.ErrorAction.KEEP
            raise io_error('handled')

        def faulty(handler=handle):
            stage = Gp.AsyncStage.new('faulty', lambda context: context.return_fault('mistake'))
            pipeline = pipeline_of(stage)
            pipeline.set_fault_handler(handler)
            return pipeline

        self.assertTrue(run(faulty()))
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run, faulty())
        self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE, run, faulty())
        self.assertEqual(told, [('faulty', 'mistake')] * 3)
        for handler, part in ((None, 'mistake'), (broken, 'by nothing'),
                              (lambda *unused: None, 'returned None')):
            error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run,
                                       faulty(handler))
            self.assertIn(part, error.message)

    def test_5_partial_input(self):
        def states_of(end):
            """What the second stage is told before and after the first has ended"""
            contexts = []
            pipeline = pipeline_of(Gp.AsyncStage.new('first', contexts.append),
                                   Gp.AsyncStage.new('second', contexts.append))
            call = Call(pipeline.run_async, None)
            iterate_until(lambda: len(contexts) == 2)
            first_context, context = contexts
            states = [first_context.get_input_state(), context.get_input_state()]
            end(first_context)
            iterate_until(lambda: context.get_input_state() != Gp.InputState.UNKNOWN)
            states.append(context.get_input_state())
            context.return_success()
            call.wait()
            return states

        unchanged = [Gp.InputState.COMPLETE, Gp.InputState.UNKNOWN]
        self.assertEqual(states_of(lambda context: context.return_success()),
                         [*unchanged, Gp.InputState.COMPLETE])
        self.assertEqual(states_of(lambda context: context.return_error(io_error('full'))),
                         [*unchanged, Gp.InputState.PARTIAL])


class TestSettings(LinesTestCase):
    def test_8_line_settings(self):
        line_stage = Gp.LineStage.new('lines', keep)
        self.assertEqual(line_stage.get_name(), 'lines')
        self.assertEqual(line_stage.props.name, 'lines')
        self.assertEqual(line_stage.get_separator(), Gp.LineSeparator.NEWLINE)
        self.assertEqual(line_stage.get_max_length(), 1 << 20)
        self.assert_settings(line_stage, separator=Gp.LineSeparator.WORDS, max_length=1 << 40)
        line_stage.set_max_length(0)
        line_stage.props.max_length = 7
        self.assertEqual(line_stage.get_max_length(), 7)
        self.assertEqual(line_stage.props.max_length, 7)
        line_stage.set_separator(Gp.LineSeparator.NUL)
        line_stage.props.separator = Gp.LineSeparator.WORDS
        self.assertEqual(line_stage.props.separator, Gp.LineSeparator.WORDS)
        self.assertEqual(communicate(pipeline_of(line_stage), b' a\tb'), b'a\tb')

    def test_8_files(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = (Gio.File.new_for_path(os.path.join(folder, name)) for name in 'ab')

            def write(mode, *stages):
                pipeline = pipeline_of(*stages, command('cat'))
                pipeline.set_stdin_file(first)
                pipeline.set_stdout_file(second, mode)
                self.assertTrue(pipeline.get_stdin_file().equal(first))
                self.assertTrue(pipeline.get_stdout_file().equal(second))
                self.assertEqual(pipeline.get_stdout_file_mode(), mode)
                run(pipeline)
                return second.load_contents(None)[1]

            error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND, write,
                                       Gp.FileMode.TRUNCATE)
            self.assertIn(first.get_path(), error.message)
            first.replace_contents(b'text', None, False, Gio.FileCreateFlags.NONE, None)
            self.assertEqual(write(Gp.FileMode.REPLACE), b'text')
            self.assertEqual(write(Gp.FileMode.APPEND), b'texttext')
            self.assertEqual(write(Gp.FileMode.TRUNCATE), b'text')
            with self.assertRaises(GLib.Error):
                write(Gp.FileMode.REPLACE, command('cat'), command('exit', '1'))
            self.assertEqual(second.load_contents(None)[1], b'text')
            self.assertEqual(sorted(os.listdir(folder)), ['a', 'b'])

        pipeline = pipeline_of(command('cat'))
        pipeline.set_stdin_file(first)
        pipeline.set_stdin_file(None)
        self.assertIsNone(pipeline.get_stdin_file())
        pipeline.set_stdout_file(None, Gp.FileMode.REPLACE)
        self.assertIsNone(pipeline.get_stdout_file())

    def test_8_environment_functions(self):
        command_stage = command('environ')
        command_stage.clearenv()
        command_stage.add_environ(['A=1', 'B=2', 'C=3'])
        command_stage.add_environ_function(lambda *values: ['B=é', f'D={values[0]}'], 4)
        self.assertEqual(sorted(communicate(pipeline_of(command_stage)).decode().split()),
                         ['A=1', 'B=é', 'C=3', 'D=4'])

        pipeline = pipeline_of(command('environ'))
        pipeline.setenv('A', '0', True)
        pipeline.clearenv()
        pipeline.add_environ([b'B=\xff'])
        pipeline.add_environ_function(lambda: [])
        pipeline.add_environ_function(lambda: ['C=3'])
        self.assertEqual(sorted(communicate(pipeline).split()), [b'B=\xff', b'C=3'])

        for add in Gp.Pipeline.add_environ_function, Gp.CommandStage.add_environ_function:
            for func, part in ((broken, 'by nothing'), (lambda: None, 'returned None'),
                               (lambda: 'A=b', "'A=b'")):
                command_stage = command('environ')
                pipeline = pipeline_of(command_stage)
                add(pipeline if add is Gp.Pipeline.add_environ_function else command_stage, func)
                error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run, pipeline)
                self.assertIn(part, error.message)


if __name__ == '__main__':
    main(TestLines, TestErrors, TestSettings)
