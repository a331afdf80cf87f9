#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions, generators and classes of Python as stages, and each way in which they can fail.

Prints TAP.
"""

import functools
import gc
import inspect
import itertools
import os
import weakref

from test_python import Call, command, iterate_until, main, pipeline_of, run
from test_python_overrides import (Event, IO_ERROR, OverridesTestCase, PIPELINE_ERROR, copy,
                                   numbers)

from gi.repository import Gio, GLib, GObject, Gp


def upper_lines(lines):
    for line in lines:
        yield line.upper() + '\n'


def finish_early():
    return GLib.Error.new_literal(PIPELINE_ERROR, 'enough', Gp.PipelineError.FINISH_EARLY)


def no_space():
    return GLib.Error.new_literal(IO_ERROR, 'no room', Gio.IOErrorEnum.NO_SPACE)


class Thread(Gp.ThreadStage):
    """Does in a thread what the test wants."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def do_process(self, context, cancellable):
        return self.function(context)


def as_generator(function):
    def generator(lines):
        function(None)
        yield from lines

    return generator


# Everything that runs code of the application's
RUNNERS = {
    'function': lambda function: Gp.FunctionStage.new('broken', lambda i, o, c: function(c)),
    'generator': lambda function: Gp.FunctionStage.new('broken', as_generator(function)),
    'async stage': lambda function: Gp.AsyncStage.new('broken', function),
    'do_process': Thread,
    'do_run': Event,
}
WITH_RESULT = {name: runner for name, runner in RUNNERS.items() if name != 'generator'}


class TestFunctions(OverridesTestCase):
    def tearDown(self):
        self.pipeline = None
        super().tearDown()

    def communicate(self, data, *stages):
        pipeline = Gp.Pipeline()
        for stage in stages:
            pipeline.append(stage)
        self.pipeline = pipeline
        return pipeline.communicate(data)

    def test_function(self):
        self.assertEqual(self.communicate(b'x', copy), b'x')
        self.assertEqual(self.communicate(b'x', command('cat'), copy, command('cat')), b'x')

    def test_generator(self):
        self.assertEqual(self.communicate(b'a\nb', upper_lines), b'A\nB\n')
        self.assertEqual(self.communicate(b'a\nb', command('cat'), upper_lines, command('cat')),
                         b'A\nB\n')
        self.assertEqual(self.communicate(b'', upper_lines), b'')

    def test_generator_first_and_last(self):
        seen = []

        def last(lines):
            seen.extend(lines)
            yield from ()

        self.assertEqual(self.communicate(None, numbers, command('cat'), last), b'')
        self.assertEqual(seen, [str(number) for number in range(100000)])
        states = {status.get_state() for status in self.pipeline}
        self.assertEqual(states, {Gp.StageState.SUCCEEDED})

    def test_generators_next_to_each_other(self):
        self.assertEqual(self.communicate(b'a\xe9\n' * 100000, upper_lines, upper_lines),
                         b'A\xe9\n' * 100000)

    def test_what_is_yielded(self):
        def pieces(lines):
            yield 'caf\xe9'
            yield b'\xff\0'
            yield bytearray(b'1')
            yield memoryview(b'2')
            yield ''
            yield 'odd\udcff'

        self.assertEqual(self.communicate(None, pieces), b'caf\xc3\xa9\xff\x0012odd\xff')

    def test_wrong_thing_yielded(self):
        def wrong(lines):
            yield 'x'
            yield 5

        message = self.assert_fault(self.communicate, None, wrong)
        self.assertIn('yielded 5', message)
        self.assertEqual(self.pipeline.dup_output(), b'x')

    def test_names(self):
        class Callable:
            def __call__(self, stdin, stdout, context):
                pass

            def generate(self, lines):
                yield from lines

        pipeline = Gp.Pipeline()
        for function in (copy, upper_lines, functools.partial(copy), Callable(),
                         Callable().generate):
            pipeline.append(function)
        pipeline.append(Gp.FunctionStage.new('mine', copy))
        self.assertEqual([status.dup_name() for status in pipeline],
                         ['copy', 'upper_lines', 'copy', 'Callable', 'generate', 'mine'])

    def test_other_generators(self):
        class Generator:
            def __call__(self, lines):
                yield from lines

            def method(self, suffix, lines):
                for line in lines:
                    yield line + suffix

        self.assertEqual(self.communicate(b'a\n', Generator(),
                                          functools.partial(Generator().method, 'b')), b'ab')

    def test_user_data(self):
        def function(stdin, stdout, context, *user_data):
            stdout.write_all(repr(user_data).encode(), None)

        def generator(lines, one, two):
            yield f'{one} {two}'

        def in_context(context, one):
            seen.append(one)
            context.return_success()

        seen = []
        self.assertEqual(self.communicate(None, Gp.FunctionStage.new('f', function, 1, 2)),
                         b'(1, 2)')
        self.assertEqual(self.communicate(None, Gp.FunctionStage.new('f', function)), b'()')
        self.assertEqual(self.communicate(None, Gp.FunctionStage.new('g', generator, 1, 2)),
                         b'1 2')
        run(pipeline_of(Gp.AsyncStage.new(None, in_context, 5)))
        self.assertEqual(seen, [5])

    def test_no_function(self):
        async def coroutine(stdin, stdout, context):
            pass

        async def generator(lines):
            yield ''

        pipeline = Gp.Pipeline()
        for stage in 5, None, 'cat', coroutine, generator, Thread:
            with self.assertRaises(TypeError):
                pipeline.append(stage)
        self.assertEqual(pipeline.get_n_stages(), 0)

    def test_nothing_waits_for_a_batch(self):
        """Each answer can be read before the next question is asked."""
        def answer(lines):
            for line in lines:
                if line != 'quiet':
                    yield f'<{line}>\n'

        pipeline = Gp.Pipeline()
        pipeline.append(answer)
        stdin, stdout = pipeline.open_input(), pipeline.open_output()
        pipeline.start()
        for question in b'one\n', b'two\nquiet\n', b'three\n':
            stdin.write_all(question, None)
            expected = b'<' + question.split(b'\n')[0] + b'>\n'
            self.assertEqual(stdout.read_bytes(100).get_data(), expected)
        stdin.close()
        self.assertEqual(stdout.read_bytes(100).get_size(), 0)
        stdout.close()
        pipeline.wait()

    def test_source_is_not_gathered(self):
        """A generator that asks for no input is not kept from being heard."""
        go_on, told = os.pipe()

        def source(lines):
            yield 'one\n'
            os.read(go_on, 1)
            yield 'two\n'

        pipeline = Gp.Pipeline()
        pipeline.append(source)
        lines = pipeline.lines()
        self.assertEqual(next(lines), 'one')
        os.write(told, b'x')
        self.assertEqual(list(lines), ['two'])
        os.close(go_on)
        os.close(told)

    def test_enough(self):
        def head(lines):
            for line in itertools.islice(lines, 2):
                yield line + '\n'

        def spew(stdin, stdout, context):
            while True:
                stdout.write_all(b'y\n' * 1000, None)

        for source in command('spew'), numbers, spew:
            self.assertEqual(self.communicate(None, source, head).count(b'\n'), 2)
            self.assertEqual(self.pipeline.get_status(1).get_state(),
                             Gp.StageState.FINISHED_EARLY)

    def test_enough_by_error(self):
        def head(lines):
            yield next(lines)
            raise finish_early()

        self.assertEqual(self.communicate(b'one\ntwo\n', command('cat'), head), b'one')
        self.assertEqual(self.pipeline.get_status(1).get_state(), Gp.StageState.FINISHED_EARLY)

    def test_broken_pipe(self):
        ended = []

        def endless(lines):
            try:
                while True:
                    yield b'x' * 1000
            finally:
                ended.append(True)

        with self.assertRaises(GLib.Error) as caught:
            self.communicate(None, endless, command('head', '5'))
        self.assertTrue(Gp.error_matches_pipe(caught.exception), caught.exception)
        self.assertEqual(ended, [True])
        self.assertEqual(self.pipeline.dup_output(), b'xxxxx')

    def test_broken_pipe_between_generators(self):
        ended = []

        def middle(lines):
            try:
                for line in lines:
                    yield line + '\n'
            finally:
                ended.append(True)

        def head(lines):
            yield next(lines)

        self.assertEqual(self.communicate(None, numbers, middle, head), b'0')
        self.assertEqual(ended, [True])

    def test_cancelled_in_generator(self):
        ended = []

        def waiting(lines):
            try:
                yield from lines
            finally:
                ended.append(True)

        pipeline = pipeline_of(command('wait'), Gp.FunctionStage.new(None, waiting))
        call = Call(pipeline.run_async, None)
        iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
        pipeline.cancel()
        self.assert_raises(IO_ERROR, Gio.IOErrorEnum.CANCELLED, pipeline.run_finish, call.wait())
        iterate_until(lambda: ended)

    def test_refuses_to_end(self):
        def stubborn(lines):
            try:
                while True:
                    yield 'x' * 1000
            except GeneratorExit:
                yield 'more'

        message = self.assert_fault(self.communicate, None, stubborn, command('head', '1'))
        self.assertIn('ignored GeneratorExit', message)


class TestExceptions(OverridesTestCase):
    """Each way of failing, in all that runs code of the application's, alone and in between."""

    def each(self, function, runners=RUNNERS):
        for name, runner in runners.items():
            for before, after in ((), ()), ((command('cat'),), (command('cat'),)):
                with self.subTest(name):
                    yield pipeline_of(*before, runner(function), *after)

    def test_exception(self):
        def broken(context):
            raise ValueError('no good')

        for pipeline in self.each(broken):
            message = self.assert_fault(run, pipeline)
            self.assertRegex(message, r'^(broken|.*Event|.*Thread): ValueError: no good\n'
                                      r'Traceback \(most recent call last\):\n')
            self.assertIn("raise ValueError('no good')", message)
            self.assertIn(os.path.basename(__file__), message)
            # What the overrides do themselves is of no interest
            self.assertNotIn('overrides/Gp.py', message)

    def test_gerror(self):
        def broken(context):
            raise no_space()

        for pipeline in self.each(broken):
            message = self.assert_raises(IO_ERROR, Gio.IOErrorEnum.NO_SPACE, run, pipeline)
            self.assertRegex(message, '^[^ ]+: no room$')

    def test_finish_early(self):
        def enough(context):
            raise finish_early()

        for pipeline in self.each(enough):
            run(pipeline)
            self.assertIn(Gp.StageState.FINISHED_EARLY,
                          [status.get_state() for status in pipeline])

    def test_chain(self):
        def broken(context):
            try:
                {}['missing']
            except KeyError as error:
                raise RuntimeError('lost') from error

        for pipeline in self.each(broken):
            message = self.assert_fault(run, pipeline)
            self.assertIn("KeyError: 'missing'", message)
            self.assertIn('RuntimeError: lost', message)

    def test_odd_message(self):
        def broken(context):
            raise ValueError('caf\xe9 \udcff \0 end')

        for pipeline in self.each(broken):
            self.assertIn('caf\xe9 \\udcff \\0 end', self.assert_fault(run, pipeline))

    def test_false(self):
        for pipeline in self.each(lambda context: False, WITH_RESULT):
            self.assertIn('raise an exception', self.assert_fault(run, pipeline))

    def test_coroutine(self):
        async def function(context):
            pass

        for pipeline in self.each(function, WITH_RESULT):
            self.assertIn('returned a coroutine', self.assert_fault(run, pipeline))

    def test_forgotten_generator(self):
        def function(context):
            yield 'x'

        for pipeline in self.each(function, WITH_RESULT):
            self.assertIn('returned a generator', self.assert_fault(run, pipeline))

    def test_none_and_others(self):
        threads = {name: WITH_RESULT[name] for name in ('function', 'do_process')}
        for result in None, True, 0, 5, '', (True, 3):
            for pipeline in self.each(lambda context, result=result: result, threads):
                run(pipeline)

    def test_none_took_the_work(self):
        in_context = {name: WITH_RESULT[name] for name in ('async stage', 'do_run')}
        for pipeline in self.each(lambda context: GLib.idle_add(context.return_success) and None,
                                  in_context):
            run(pipeline)

    def test_wrong_arguments(self):
        pipeline = Gp.Pipeline()
        pipeline.append(lambda stdin: None)
        self.assertIn('positional argument', self.assert_fault(pipeline.run))

    def test_other_base_exceptions(self):
        for kind in SystemExit, GeneratorExit, StopIteration:
            def broken(context, kind=kind):
                raise kind(5)

            for pipeline in self.each(broken):
                self.assertIn(kind.__name__, self.assert_fault(run, pipeline))

    def test_interrupted(self):
        def broken(context):
            raise KeyboardInterrupt

        for pipeline in self.each(broken):
            self.assertIn('interrupted', self.assert_raises(
                IO_ERROR, Gio.IOErrorEnum.CANCELLED, run, pipeline))

    def test_never_reports(self):
        for pipeline in self.each(lambda context: None, {'do_run': Event}):
            self.assertIn('without reporting', self.assert_fault(run, pipeline))

    def test_cancelled_while_pending(self):
        """The stage has taken its work, and never hears of an end but by its cancellable."""
        def pending(context):
            def report():
                cancellable.disconnect(handler)
                context.return_error(GLib.Error.new_literal(IO_ERROR, 'told to stop',
                                                            Gio.IOErrorEnum.CANCELLED))

            cancellable = context.get_cancellable()
            # Not from the handler itself, which must not disconnect
            handler = cancellable.connect(lambda *unused: GLib.idle_add(report))

        for name in 'async stage', 'do_run':
            pipeline = pipeline_of(RUNNERS[name](pending))
            call = Call(pipeline.run_async, None)
            iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
            pipeline.cancel()
            self.assert_raises(IO_ERROR, Gio.IOErrorEnum.CANCELLED,
                               pipeline.run_finish, call.wait())

    def test_cancelled_while_reading(self):
        def read(context):
            context.get_stdin().read_bytes(1, context.get_cancellable())

        for runner in Thread, lambda function: Gp.FunctionStage.new(
                'function', lambda stdin, stdout, context: function(context)):
            pipeline = pipeline_of(command('wait'), runner(read))
            call = Call(pipeline.run_async, None)
            iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
            pipeline.cancel()
            self.assert_raises(IO_ERROR, Gio.IOErrorEnum.CANCELLED,
                               pipeline.run_finish, call.wait())

    def test_start_async(self):
        with self.assertRaisesRegex(TypeError, r'implement do_run \(\)'):
            class Broken(GObject.Object, Gp.Stage):
                def do_start_async(self, context, cancellable, callback, *unused):
                    pass

    def test_limitable(self):
        with self.assertRaisesRegex(TypeError, 'Measured implements Gp.Limitable'):
            class Measured(GObject.Object, Gp.Stage, Gp.Limitable):
                def do_measure(self):
                    return True, 5, 6

    def test_classes(self):
        class Mixin:
            def __init_subclass__(cls):
                super().__init_subclass__()
                cls.marked = True

        class Base(Gp.ThreadStage):
            def do_process(self, context, cancellable):
                """Documented."""
                raise ValueError('from the base')

        class Derived(Mixin, Base):
            def do_process(self, context, cancellable):
                super().do_process(context, cancellable)

        class Inherited(Base):
            pass

        self.assertTrue(Derived.marked)
        self.assertEqual(Base.do_process.__doc__, 'Documented.')
        self.assertEqual(len(inspect.signature(Base.do_process).parameters), 3)
        for stage in Derived(), Inherited():
            self.assertIn('from the base', self.assert_fault(pipeline_of(stage).run))


class TestLifetimes(OverridesTestCase):
    class Held:
        pass

    def test_functions(self):
        held = self.Held()

        def function(stdin, stdout, context, unused, held=held):
            pass

        def generator(lines, unused, held=held):
            yield ''

        references = [weakref.ref(thing) for thing in (held, function, generator)]
        pipeline = pipeline_of(Gp.FunctionStage.new('f', function, held),
                               Gp.FunctionStage.new('g', generator, held))
        references.append(weakref.ref(pipeline))
        pipeline.run()
        del pipeline, held, function, generator
        self.assert_gone(*references)

    def test_after_failures(self):
        for name, runner in RUNNERS.items():
            held = self.Held()

            def broken(context, held=held):
                local = held
                raise ValueError(type(local).__name__)

            stage = runner(broken)
            pipeline = pipeline_of(stage)
            references = [weakref.ref(thing) for thing in (held, broken, stage, pipeline)]
            self.assert_fault(run, pipeline)
            del pipeline, held, broken, stage
            self.assert_gone(*references)

    def test_no_cycles(self):
        """What a stage was given is dropped without the help of the garbage collector."""
        dropped = []

        class Held:
            def __del__(self):
                dropped.append(True)

        def broken(context):
            local = Held()
            raise ValueError(type(local).__name__)

        gc.collect()
        gc.disable()
        try:
            for count, (name, runner) in enumerate(RUNNERS.items(), 1):
                self.assert_fault(run, pipeline_of(runner(broken)))
                iterate_until(lambda: len(dropped) == count)
        finally:
            gc.enable()

    def test_lines(self):
        pipeline = pipeline_of(command('spew'))
        lines = pipeline.lines()
        next(lines)
        references = [weakref.ref(pipeline), weakref.ref(lines)]
        del pipeline, lines
        self.assert_gone(*references)

    def test_unused(self):
        held = self.Held()
        reference = weakref.ref(held)
        pipeline = Gp.Pipeline()
        pipeline.append(lambda stdin, stdout, context, held=held: None)
        del held
        self.assertIsNotNone(reference())
        del pipeline
        self.assert_gone(reference)


if __name__ == '__main__':
    main(TestFunctions, TestExceptions, TestLifetimes)
