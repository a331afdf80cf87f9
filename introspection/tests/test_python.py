#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library from Python, through its typelib. Prints TAP."""

import faulthandler
import gc
import os
import sys
import unittest
import weakref

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, GLib, GObject, Gp  # noqa: E402

CHILD = os.environ['GP_TEST_CHILD']
WATCHDOG_SECONDS = 60


def command(*arguments, name=None):
    stage = Gp.CommandStage.new([CHILD, *arguments])
    stage.set_name(name or arguments[0])
    return stage


def pipeline_of(*stages):
    pipeline = Gp.Pipeline.new()
    for stage in stages:
        pipeline.append(stage)
    return pipeline


def iterate_until(condition):
    """Runs the default main context until `condition ()` holds; the watchdog bounds it."""
    context = GLib.MainContext.default()
    while not condition():
        if not context.iteration(False):
            os.sched_yield()


class Call:
    """An asynchronous call that is waited for in the default main context."""

    def __init__(self, method, *arguments):
        self.result = None
        method(*arguments, self.done)

    def done(self, source, result, *unused):
        self.result = result

    def wait(self):
        while self.result is None:
            GLib.MainContext.default().iteration(True)
        return self.result


def communicate(pipeline, data=None):
    stdin = GLib.Bytes.new(data) if data is not None else None
    call = Call(pipeline.communicate_async, stdin, None)
    output = pipeline.communicate_finish(call.wait())
    return output if isinstance(output, bytes) else output.get_data() or b''


def run(pipeline, cancellable=None):
    call = Call(pipeline.run_async, cancellable)
    return pipeline.run_finish(call.wait())


def upper(stdin, stdout, context, *unused):
    """A function stage: blocks, in a thread of the library's."""
    cancellable = context.get_cancellable()
    while True:
        data = stdin.read_bytes(65536, cancellable).get_data()
        if not data:
            return True
        stdout.write_all(data.upper(), cancellable)


class UpperInContext(GObject.Object, Gp.Stage):
    """A stage that must not block: it works in the main context of the pipeline's starter."""

    def do_get_name(self):
        return 'upper-in-context'

    def do_run(self, context):
        self.read(context)
        return True

    def read(self, context):
        context.get_stdin().read_bytes_async(65536, GLib.PRIORITY_DEFAULT,
                                             context.get_cancellable(), self.have_read, context)

    def have_read(self, stdin, result, context):
        try:
            data = stdin.read_bytes_finish(result).get_data()
        except GLib.Error as error:
            context.return_error(error)
            return
        if not data:
            context.return_success()
            return
        self.write(context, data.upper())

    def write(self, context, data):
        # Not write_all_async (): the bytes of a Python object would not live that long
        context.get_stdout().write_bytes_async(GLib.Bytes.new(data), GLib.PRIORITY_DEFAULT,
                                               context.get_cancellable(), self.have_written,
                                               context, data)

    def have_written(self, stdout, result, context, data):
        try:
            n_written = stdout.write_bytes_finish(result)
        except GLib.Error as error:
            context.return_error(error)
            return
        if n_written < len(data):
            self.write(context, data[n_written:])
        else:
            self.read(context)


class UpperInThread(Gp.ThreadStage):
    """A stage that blocks, in a thread of the library's."""

    def do_process(self, context, cancellable):
        return upper(context.get_stdin(), context.get_stdout(), context)


class ErrorInContext(GObject.Object, Gp.Stage):
    def do_get_name(self):
        return 'broken'

    def do_run(self, context):
        raise GLib.Error.new_literal(Gio.io_error_quark(), 'no room', Gio.IOErrorEnum.NO_SPACE)


class FaultInContext(GObject.Object, Gp.Stage):
    """Forgets to return anything."""

    def do_get_name(self):
        return 'forgetful'

    def do_run(self, context):
        pass


def count_fds():
    return len(os.listdir('/proc/self/fd'))


def has_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def has_busy_threads():
    for task in os.listdir('/proc/self/task'):
        try:
            with open(f'/proc/self/task/{task}/comm', encoding='utf-8') as file:
                if file.read().startswith('gp:'):
                    return True
        except FileNotFoundError:
            pass
    return False


class BindingTestCase(unittest.TestCase):
    """Each test has a watchdog, and leaves no process, busy thread or descriptor behind."""

    @classmethod
    def setUpClass(cls):
        # What GLib and the library open once and keep
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
        for _ in range(2):
            communicate(pipeline_of(command('cat'), command('cat')), b'x')
            pipeline_of(command('exit', '0')).run(None)
        iterate_until(lambda: not has_children() and not has_busy_threads())

    def setUp(self):
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True)
        gc.collect()
        self.n_fds = count_fds()

    def tearDown(self):
        gc.collect()
        iterate_until(lambda: not has_busy_threads())
        iterate_until(lambda: not has_children())
        gc.collect()
        iterate_until(lambda: count_fds() <= self.n_fds)
        iterate_until(lambda: not GLib.MainContext.default().pending())
        faulthandler.cancel_dump_traceback_later()


class TestPython(BindingTestCase):
    # 1: commands

    def test_1_command_command(self):
        pipeline = pipeline_of(command('echo', 'two', 'words'), command('cat'))
        self.assertEqual(communicate(pipeline), b'two words\n')
        self.assertEqual(pipeline.get_edge_kind(1), Gp.EdgeKind.PIPE)

    def test_1_synchronous(self):
        pipeline = pipeline_of(command('cat'))
        self.assertEqual(pipeline.communicate_utf8('caf\xe9', None), 'caf\xe9')

    def test_1_from_string(self):
        pipeline = Gp.Pipeline.new_from_string(f"'{CHILD}' echo a | '{CHILD}' cat")
        self.assertEqual(communicate(pipeline), b'a\n')

    # 2 and 3: functions

    def test_2_function_in_the_middle(self):
        pipeline = pipeline_of(command('cat'), Gp.FunctionStage.new('upper', upper),
                               command('cat'))
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')

    def test_3_function_first(self):
        def first(stdin, stdout, context, *unused):
            stdout.write_all(b'from python', None)
            return True

        pipeline = pipeline_of(Gp.FunctionStage.new('first', first), command('cat'))
        self.assertEqual(communicate(pipeline), b'from python')

    def test_3_function_last(self):
        seen = []

        def last(stdin, stdout, context, *unused):
            while data := stdin.read_bytes(4096, None).get_data():
                seen.append(data)
            return True

        self.assertTrue(run(pipeline_of(command('echo', 'to python'),
                                        Gp.FunctionStage.new('last', last))))
        self.assertEqual(b''.join(seen), b'to python\n')

    def test_3_function_alone(self):
        pipeline = pipeline_of(Gp.FunctionStage.new('upper', upper))
        self.assertEqual(communicate(pipeline, b'alone'), b'ALONE')

    # 4: stage classes in Python

    def test_4_stage_in_context(self):
        pipeline = pipeline_of(command('cat'), UpperInContext(), command('cat'))
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')
        self.assertEqual(pipeline.get_status(1).dup_name(), 'upper-in-context')

    def test_4_stage_in_thread(self):
        pipeline = pipeline_of(command('cat'), UpperInThread(), command('cat'))
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')

    def test_4_stages_next_to_each_other(self):
        pipeline = pipeline_of(UpperInContext(), UpperInThread(), UpperInContext())
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')
        self.assertEqual(pipeline.get_edge_kind(1), Gp.EdgeKind.MEMORY)

    # 5: errors

    def test_5_error_of_command(self):
        pipeline = pipeline_of(command('stderr', 'oh no', '3', name='sort'))
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline)
        self.assertEqual(caught.exception.message, 'sort: exit status 3: oh no')
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 3))

    def test_5_error_of_function(self):
        def broken(stdin, stdout, context, *unused):
            raise GLib.Error.new_literal(Gio.io_error_quark(), 'no room',
                                         Gio.IOErrorEnum.NO_SPACE)

        with self.assertRaises(GLib.Error) as caught:
            run(pipeline_of(command('cat'), Gp.FunctionStage.new('broken', broken)))
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE))
        self.assertEqual(caught.exception.message, 'broken: no room')

    def test_5_error_of_class(self):
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline_of(command('cat'), ErrorInContext(), command('cat')))
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE))
        self.assertEqual(caught.exception.message, 'broken: no room')

    def test_5_fault(self):
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline_of(FaultInContext()))
        self.assertTrue(caught.exception.matches(GLib.quark_from_string('gp-pipeline-error-quark'),
                                                 Gp.PipelineError.FAULT))
        self.assertIn('forgetful', caught.exception.message)

    def test_5_needs_main_context(self):
        with self.assertRaises(GLib.Error) as caught:
            pipeline_of(UpperInContext()).run(None)
        self.assertTrue(caught.exception.matches(GLib.quark_from_string('gp-pipeline-error-quark'),
                                                 Gp.PipelineError.NEEDS_MAIN_CONTEXT))

    def test_5_finish_early(self):
        def first_bytes(stdin, stdout, context, *unused):
            stdout.write_all(stdin.read_bytes(3, None).get_data(), None)
            raise GLib.Error.new_literal(GLib.quark_from_string('gp-pipeline-error-quark'),
                                         'enough', Gp.PipelineError.FINISH_EARLY)

        pipeline = pipeline_of(command('spew'), Gp.FunctionStage.new('first', first_bytes))
        self.assertEqual(len(communicate(pipeline)), 3)
        self.assertEqual(pipeline.get_status(1).get_state(), Gp.StageState.FINISHED_EARLY)

    # 6: cancelling

    def assert_cancelled(self, pipeline, call):
        with self.assertRaises(GLib.Error) as caught:
            pipeline.run_finish(call.wait())
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))

    def test_6_cancel_command(self):
        pipeline = pipeline_of(command('wait'))
        call = Call(pipeline.run_async, None)
        iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
        pipeline.cancel()
        self.assert_cancelled(pipeline, call)

    def test_6_cancel_functions(self):
        pipeline = pipeline_of(command('wait'), Gp.FunctionStage.new('upper', upper),
                               UpperInThread(), UpperInContext())
        cancellable = Gio.Cancellable()
        call = Call(pipeline.run_async, cancellable)
        iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
        cancellable.cancel()
        self.assert_cancelled(pipeline, call)

    # 7: more than any buffer holds

    def test_7_big_data(self):
        data = bytes(range(256)) * 40000
        pipeline = pipeline_of(command('cat'), Gp.FunctionStage.new('upper', upper),
                               UpperInThread(), UpperInContext(), command('cat'))
        self.assertEqual(communicate(pipeline, data), data.upper())

    # 8: properties and signals

    def test_8_properties(self):
        pipeline = Gp.Pipeline(name='mine', ignore_pipe_errors=True)
        self.assertEqual(pipeline.props.name, 'mine')
        self.assertTrue(pipeline.props.ignore_pipe_errors)
        pipeline.props.time_limit = 5000
        self.assertEqual(pipeline.get_time_limit(), 5000)
        stage = command('stderr', 'oh', '4')
        stage.props.kill_delay = 7
        self.assertEqual(stage.get_kill_delay(), 7)
        self.assertEqual(stage.props.argv, [CHILD, 'stderr', 'oh', '4'])
        pipeline.append(stage)
        with self.assertRaises(GLib.Error):
            run(pipeline)
        status = pipeline.get_status(0)
        self.assertEqual(status.props.exit_status, 4)
        self.assertEqual(status.props.stderr_text, 'oh')
        self.assertIs(status.props.stage, stage)
        self.assertTrue(Gp.error_matches_exit_status(status.props.error, 4))

    def test_8_signals(self):
        states = []
        pipeline = pipeline_of(command('exit', '0'))
        pipeline.connect('notify::state', lambda source, pspec: states.append(source.get_state()))
        run(pipeline)
        # A quick pipeline may have gone further by the time that one is told of a step
        self.assertEqual(states, sorted(states))
        self.assertEqual(states[-1], Gp.PipelineState.SUCCEEDED)

    def test_8_list(self):
        pipeline = pipeline_of(command('exit', '0'), command('cat'))
        run(pipeline)
        names = [status.dup_name() for status in pipeline.get_stages()]
        self.assertEqual(names, ['exit', 'cat'])

    # 9: nothing keeps an object alive

    def test_9_freed(self):
        stage = UpperInThread()
        pipeline = pipeline_of(command('cat'), stage)
        references = [weakref.ref(pipeline), weakref.ref(stage)]
        communicate(pipeline, b'x')
        del pipeline, stage

        def all_gone():
            gc.collect()
            return not any(reference() for reference in references)

        iterate_until(all_gone)

    def test_9_closure_freed(self):
        class Held:
            pass

        held = Held()
        reference = weakref.ref(held)
        pipeline = pipeline_of(Gp.FunctionStage.new('f', lambda *unused, held=held: True))
        run(pipeline)
        del pipeline, held

        def gone():
            gc.collect()
            return reference() is None

        iterate_until(gone)


class TapResult(unittest.TestResult):
    """Prints one line per test case, and a failure's traceback as comments."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def say(self, ok, test, directive=''):
        self.count += 1
        print(f'{"ok" if ok else "not ok"} {self.count} - {test.id()}{directive}', flush=True)

    def explain(self, test, failure):
        self.say(False, test)
        for line in self._exc_info_to_string(failure, test).splitlines():
            print(f'# {line}', flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say(True, test)

    def addFailure(self, test, failure):
        super().addFailure(test, failure)
        self.explain(test, failure)

    def addError(self, test, failure):
        super().addError(test, failure)
        self.explain(test, failure)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say(True, test, f' # SKIP {reason}')


def main(*test_cases):
    result = TapResult()
    for test_case in test_cases:
        unittest.defaultTestLoader.loadTestsFromTestCase(test_case).run(result)
    print(f'1..{result.count}')
    sys.exit(not result.wasSuccessful())


if __name__ == '__main__':
    main(TestPython)
