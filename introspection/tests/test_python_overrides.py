#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the overrides add to the library in Python. Prints TAP."""

import array
import ast
import gc
import os
import pathlib
import tempfile
import unittest

import gi
from test_python import (BindingTestCase, CHILD, Call, command, iterate_until, main,
                         pipeline_of)

from gi.repository import Gio, GLib, GObject, Gp

STUBS = pathlib.Path(__file__).parents[1] / 'python/gi-stubs/repository/Gp.pyi'
HAS_AWAIT = gi.version_info >= (3, 50)

IO_ERROR = Gio.io_error_quark()
PIPELINE_ERROR = Gp.PipelineError.quark()


def numbers(lines):
    for number in range(100000):
        yield f'{number}\n'


def copy(stdin, stdout, context):
    while data := stdin.read_bytes(65536, context.get_cancellable()).get_data():
        stdout.write_all(data, context.get_cancellable())


class Event(GObject.Object, Gp.Stage):
    """Does in the main context what the test wants."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def do_run(self, context):
        return self.function(context)


class OverridesTestCase(BindingTestCase):
    def assert_raises(self, domain, code, function, *arguments):
        with self.assertRaises(GLib.Error) as caught:
            function(*arguments)
        self.assertTrue(caught.exception.matches(domain, code), caught.exception)
        return caught.exception.message

    def assert_fault(self, function, *arguments):
        return self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, function, *arguments)

    def assert_gone(self, *references):
        def all_gone():
            gc.collect()
            return not any(reference() for reference in references)

        iterate_until(all_gone)


class TestValues(OverridesTestCase):
    def test_argv_is_no_string(self):
        pipeline = Gp.Pipeline()
        for argv in 'git log', b'git log':
            for function in Gp.CommandStage.new, pipeline.append_command:
                with self.assertRaisesRegex(TypeError, 'list.*CommandStage.new_from_string'):
                    function(argv)
        self.assertEqual(pipeline.get_n_stages(), 0)

    def test_take_fd_of_object(self):
        """The command has a copy, so that the object remains its owner's."""
        with tempfile.TemporaryFile() as file:
            pipeline = Gp.Pipeline()
            pipeline.append_command(['/bin/sh', '-c', 'echo from the command >&5']).take_fd(file, 5)
            pipeline.run()
            file.seek(0)
            self.assertEqual(file.read(), b'from the command\n')
        for nothing in None, 'a name', 1.5:
            with self.assertRaises((TypeError, AttributeError)):
                command('cat').take_fd(nothing, 5)

    def test_argv_of_other_things(self):
        for argv in ['echo', 5], 5, None:
            with self.assertRaises(TypeError):
                Gp.CommandStage.new(argv)

    def test_argv_of_paths(self):
        argv = (pathlib.Path(CHILD), b'echo', 'one', os.fsencode('tw\xf6'), 'odd\udcff')
        stage = Gp.CommandStage.new(argv)
        self.assertEqual(stage.get_argv(), [CHILD, 'echo', 'one', 'tw\xf6', 'odd\udcff'])
        pipeline = Gp.Pipeline()
        self.assertIsInstance(pipeline.append_command(iter(argv)), Gp.CommandStage)
        self.assertEqual(pipeline.communicate(), b'one tw\xc3\xb6 odd\xff\n')

    def test_bytes(self):
        for data in (b'caf\xc3\xa9', bytearray(b'caf\xc3\xa9'), memoryview(b'caf\xc3\xa9'),
                     array.array('B', b'caf\xc3\xa9'), GLib.Bytes.new(b'caf\xc3\xa9'), 'caf\xe9'):
            output = pipeline_of(command('cat')).communicate(data)
            self.assertIs(type(output), bytes)
            self.assertEqual(output, b'caf\xc3\xa9')

    def test_no_bytes(self):
        for data in b'', '', None, GLib.Bytes.new(b''):
            self.assertEqual(pipeline_of(command('cat')).communicate(data), b'')
        for data in 5, [b'x']:
            with self.assertRaises(TypeError):
                Gp.Pipeline().communicate(data)
            with self.assertRaises(TypeError):
                Gp.Pipeline().communicate_async(data, None, None)

    def test_named_arguments(self):
        pipeline = pipeline_of(command('cat'))
        cancellable = Gio.Cancellable()
        self.assertEqual(pipeline.communicate(stdin_bytes=b'x', cancellable=cancellable), b'x')

    def test_text_with_nul(self):
        for call in (lambda pipeline: pipeline.communicate_utf8('a\0b'),
                     lambda pipeline: pipeline.communicate_utf8(stdin_text='a\0b'),
                     lambda pipeline: pipeline.communicate_utf8_async('a\0b', None, None)):
            pipeline = pipeline_of(command('cat'))
            with self.assertRaisesRegex(ValueError, 'NUL'):
                call(pipeline)
            self.assertEqual(pipeline.communicate('a\0b'), b'a\0b')

    def test_bytes_async(self):
        seen = []

        def done(source, result, *user_data):
            seen.extend((source.communicate_finish(result), *user_data))

        pipeline = pipeline_of(command('cat'))
        pipeline.communicate_async('words', None, done, 'data', 5)
        iterate_until(lambda: seen)
        self.assertEqual(seen, [b'words', 'data', 5])

    def test_output_after_an_error(self):
        pipeline = pipeline_of(command('invalid-utf8', 'stdout', '3'))
        self.assertIsNone(pipeline.dup_output())
        with self.assertRaises(GLib.Error):
            pipeline.communicate()
        self.assertEqual(pipeline.dup_output(), b'caf\xe9\xff\n')

    def test_stderr_bytes(self):
        pipeline = pipeline_of(command('invalid-utf8', 'stderr', '3'))
        with self.assertRaises(GLib.Error):
            pipeline.run()
        self.assertEqual(pipeline.get_status(0).dup_stderr_bytes(), b'caf\xe9\xff\n')

    def test_statuses(self):
        pipeline = pipeline_of(command('cat'), command('cat', name='dog'))
        self.assertEqual([status.dup_name() for status in pipeline], ['cat', 'dog'])
        pipeline.communicate(b'x')
        for status in pipeline:
            self.assertIsInstance(status, Gp.StageStatus)

    def test_empty_is_true(self):
        pipeline = Gp.Pipeline()
        self.assertTrue(pipeline)
        self.assertEqual(list(pipeline), [])
        with self.assertRaises(TypeError):
            len(pipeline)

    def test_stubs(self):
        """Everything that the stubs promise exists."""
        for node in ast.parse(STUBS.read_text()).body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                self.assertTrue(hasattr(Gp, node.name), node.name)
            if not isinstance(node, ast.ClassDef):
                continue
            for child in node.body:
                name = getattr(child, 'name', None)
                # Interfaces have no attributes for their virtual methods
                if name and name != 'Props' and not (node.name == 'Stage' and name[:3] == 'do_'):
                    self.assertTrue(hasattr(getattr(Gp, node.name), name), f'{node.name}.{name}')


class TestLines(OverridesTestCase):
    def lines_of(self, data):
        def source(stdin, stdout, context):
            stdout.write_all(data, None)

        return list(pipeline_of(Gp.FunctionStage.new('source', source), command('cat')).lines())

    def test_lines(self):
        self.assertEqual(self.lines_of(b'one\n\ntwo\r\nthree\xe2\x80\xa8\x0b'),
                         ['one', '', 'two\r', 'three\u2028\x0b'])
        self.assertEqual(self.lines_of(b'one\n'), ['one'])
        self.assertEqual(self.lines_of(b'\n'), [''])
        self.assertEqual(self.lines_of(b''), [])

    def test_invalid_utf8(self):
        self.assertEqual(self.lines_of(b'caf\xe9\xff\n'), ['caf\udce9\udcff'])

    def test_long_line(self):
        data = b'x' * 1000001
        self.assertEqual(self.lines_of(data + b'\n' + data), [data.decode()] * 2)

    def test_many_lines(self):
        pipeline = pipeline_of(Gp.FunctionStage.new(None, numbers), command('cat'))
        self.assertEqual(list(pipeline.lines()), [str(number) for number in range(100000)])
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.SUCCEEDED)

    def test_error_comes_last(self):
        lines = pipeline_of(command('invalid-utf8', 'stdout', '3')).lines()
        self.assertEqual(next(lines), 'caf\udce9\udcff')
        with self.assertRaises(GLib.Error) as caught:
            next(lines)
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 3), caught.exception)

    def test_lines_before_the_error(self):
        def broken(stdin, stdout, context):
            stdout.write_all(b'one\ntwo', None)
            raise ValueError('no good')

        lines = pipeline_of(Gp.FunctionStage.new(None, broken)).lines()
        self.assertEqual([next(lines), next(lines)], ['one', 'two'])
        self.assertIn('no good', self.assert_fault(next, lines))

    def test_early_end(self):
        pipeline = pipeline_of(command('spew'), Gp.FunctionStage.new('copy', copy))
        for line in pipeline.lines():
            break
        del line
        pipeline.wait()
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.SUCCEEDED)

    def test_early_end_by_hand(self):
        pipeline = Gp.Pipeline()
        pipeline.append(numbers)
        lines = pipeline.lines()
        self.assertEqual(next(lines), '0')
        lines.close()
        self.assertEqual(list(lines), [])
        pipeline.wait()

    def test_never_begun(self):
        pipeline = pipeline_of(command('spew'))
        pipeline.lines()
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.BUILDING)

    def test_twice(self):
        pipeline = pipeline_of(command('echo', 'x'))
        self.assertEqual(list(pipeline.lines()), ['x'])
        with self.assertRaises(GLib.Error):
            list(pipeline.lines())

    def test_cannot_start(self):
        pipeline = Gp.Pipeline()
        pipeline.append_command(['/nonexistent/program'])
        self.assert_raises(GLib.spawn_error_quark(), GLib.SpawnError.NOENT, list, pipeline.lines())

    def test_needs_main_context(self):
        pipeline = pipeline_of(Event(lambda context: context.return_success()))
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.NEEDS_MAIN_CONTEXT,
                           list, pipeline.lines())

    def test_cancelled(self):
        cancellable = Gio.Cancellable()
        lines = pipeline_of(command('cat'), Gp.FunctionStage.new('copy', copy),
                            command('wait')).lines(cancellable)
        cancellable.cancel()
        self.assert_raises(IO_ERROR, Gio.IOErrorEnum.CANCELLED, list, lines)

    def test_cancelled_while_running(self):
        def source(stdin, stdout, context):
            stdout.write_all(b'first\n', None)
            stdin.read_bytes(1, context.get_cancellable())

        for cancel in 'cancellable', 'pipeline':
            cancellable = Gio.Cancellable()
            pipeline = pipeline_of(command('wait'), Gp.FunctionStage.new('source', source))
            lines = pipeline.lines(cancellable)
            self.assertEqual(next(lines), 'first')
            (cancellable if cancel == 'cancellable' else pipeline).cancel()
            self.assert_raises(IO_ERROR, Gio.IOErrorEnum.CANCELLED, next, lines)


class TestWith(OverridesTestCase):
    def test_waits(self):
        with pipeline_of(command('echo', 'x')) as pipeline:
            output = pipeline.open_output()
            pipeline.start()
            self.assertEqual(output.read_bytes(1).get_data(), b'x')
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.SUCCEEDED)

    def test_raises_the_error(self):
        with self.assertRaises(GLib.Error) as caught:
            with pipeline_of(command('exit', '4')) as pipeline:
                pipeline.start()
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 4))

    def test_not_started(self):
        with pipeline_of(command('wait')) as pipeline:
            pass
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.BUILDING)
        with self.assertRaises(KeyError):
            with pipeline:
                raise KeyError

    def test_exception_cancels(self):
        with self.assertRaises(KeyError):
            with pipeline_of(command('wait'), Gp.FunctionStage.new('copy', copy)) as pipeline:
                pipeline.start()
                raise KeyError
        self.assertEqual(pipeline.get_state(), Gp.PipelineState.FAILED)

    def test_exception_while_reading_lines(self):
        with self.assertRaises(KeyboardInterrupt):
            with pipeline_of(command('spew'), Gp.FunctionStage.new('copy', copy)) as pipeline:
                for line in pipeline.lines():
                    raise KeyboardInterrupt
        self.assertIn(pipeline.get_state(),
                      (Gp.PipelineState.SUCCEEDED, Gp.PipelineState.FAILED))

    def test_main_context(self):
        """One cannot wait for what runs in the main context, and is told so."""
        pipeline = pipeline_of(Event(lambda context: context.return_success()))
        call = Call(pipeline.run_async, None)

        def leave():
            with pipeline:
                pass

        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.NEEDS_MAIN_CONTEXT, leave)
        self.assertTrue(pipeline.run_finish(call.wait()))


# Only run where PyGObject has it, since 3.50
class TestAwait(OverridesTestCase):
    @classmethod
    def setUpClass(cls):
        import asyncio
        from gi.events import GLibEventLoopPolicy

        super().setUpClass()
        asyncio.set_event_loop_policy(GLibEventLoopPolicy())
        cls.loop = asyncio.get_event_loop_policy().get_event_loop()
        cls.loop.run_until_complete(asyncio.sleep(0))

    @classmethod
    def tearDownClass(cls):
        cls.loop.close()
        super().tearDownClass()

    def run_loop(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def test_communicate(self):
        async def get():
            return await pipeline_of(command('cat')).communicate_async(b'words')

        self.assertEqual(self.run_loop(get()), b'words')

    def test_communicate_together(self):
        import asyncio

        async def get():
            return await asyncio.gather(pipeline_of(command('cat')).communicate_async('one'),
                                        pipeline_of(command('cat')).communicate_async('two'))

        self.assertEqual(self.run_loop(get()), [b'one', b'two'])

    def test_run(self):
        async def get():
            pipeline = pipeline_of(command('exit', '3'))
            await pipeline.start_async()
            await pipeline.wait_async()

        with self.assertRaises(GLib.Error) as caught:
            self.run_loop(get())
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 3))

    def test_cancel(self):
        async def get():
            awaitable = pipeline_of(command('wait')).communicate_async()
            awaitable.cancel()
            await awaitable

        # The base of asyncio's exception is one of GLib's or none, as PyGObject likes
        with self.assertRaises(BaseException) as caught:
            self.run_loop(get())
        self.assertIn('ancel', repr(caught.exception))


if __name__ == '__main__':
    main(TestValues, TestLines, TestWith, *([TestAwait] if HAS_AWAIT else []))
