#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rest of the library from Python: whatever the other tests have no use for is tried here.

The cases have the names and numbers that they have in the other languages. Prints TAP.
"""

import os
import subprocess
import sys
import textwrap

from test_python import (BindingTestCase, CHILD, Call, UpperInContext, UpperInThread, command,
                         communicate, iterate_until, main, pipeline_of, run, upper)

from gi.repository import Gio, GLib, GObject, Gp

PIPELINE_ERROR = Gp.PipelineError.quark()
SIGNAL_ERROR = Gp.SignalError.quark()


class Event(GObject.Object, Gp.Stage):
    """Calls a function in the main context."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def do_run(self, context):
        return self.function(context)


class Picky(GObject.Object, Gp.Stage):
    """Wants a descriptor to read from, and no main context."""

    def do_preferences(self):
        return Gp.IOPreference.FD, Gp.IOPreference.ANY

    def do_needs_main_context(self):
        return False

    def do_run(self, context):
        context.return_success()
        return True


class Wrapper(GObject.Object, Gp.Stage):
    """A stage that is another one"""

    def __init__(self, inner_stage):
        super().__init__()
        self.inner_stage = inner_stage

    def do_get_name(self):
        return f'<{self.inner_stage.get_name()}>'

    def do_preferences(self):
        preferences = self.inner_stage.preferences()
        return preferences.stdin_preference, preferences.stdout_preference

    def do_run(self, context):
        self.inner_stage.start_async(context, context.get_cancellable(), self.started, context)
        return True

    def started(self, source, result, context):
        try:
            self.inner_stage.start_finish(result)
        except GLib.Error as error:
            context.return_error(error)


class ApiTestCase(BindingTestCase):
    def assert_raises(self, domain, code, function, *arguments):
        with self.assertRaises(GLib.Error) as caught:
            function(*arguments)
        self.assertTrue(caught.exception.matches(domain, code), caught.exception)
        return caught.exception

    def assert_all_notified(self, source, notified):
        """Of each property that can be changed"""
        settable = {pspec.name for pspec in source.list_properties()
                    if pspec.flags & GObject.ParamFlags.WRITABLE
                    and not pspec.flags & GObject.ParamFlags.CONSTRUCT_ONLY}
        self.assertEqual(notified, settable)


class TestConstruction(ApiTestCase):
    def test_1_versions(self):
        numbers = (Gp.MAJOR_VERSION, Gp.MINOR_VERSION, Gp.MICRO_VERSION)
        self.assertEqual('.'.join(map(str, numbers)), Gp.VERSION_S)

    def test_1_constructors(self):
        self.assertEqual(Gp.CommandStage.new(['a', 'b c']).get_argv(), ['a', 'b c'])
        self.assertEqual(Gp.CommandStage.new_from_string("a 'b c'").get_argv(), ['a', 'b c'])
        self.assertEqual(Gp.CommandStage(argv=['a'], name='b').get_name(), 'b')
        self.assertEqual(Gp.Pipeline.new().get_n_stages(), 0)
        self.assertEqual(Gp.Pipeline.new_from_string('a b | c').get_n_stages(), 2)
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.INVALID,
                           Gp.CommandStage.new_from_string, "a 'b")
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.INVALID,
                           Gp.Pipeline.new_from_string, 'a | | b')

    def test_1_appended(self):
        pipeline = Gp.Pipeline.new()
        first_command = pipeline.append_command([CHILD, 'env', 'GREETING'])
        first_command.setenv('GREETING', 'hello', True)
        pipeline.append_command([CHILD, 'cat'])
        self.assertEqual(pipeline.get_n_stages(), 2)
        self.assertEqual(communicate(pipeline), b'hello\n')

    def test_1_calls(self):
        def new_pipeline():
            return pipeline_of(command('cat'))

        pipeline = new_pipeline()
        self.assertTrue(pipeline.start() and pipeline.wait() and pipeline.wait())
        self.assertTrue(new_pipeline().run())
        self.assertEqual(new_pipeline().communicate(b'x'), b'x')
        self.assertEqual(new_pipeline().communicate_utf8('x'), 'x')

        pipeline = new_pipeline()
        self.assertTrue(pipeline.start_finish(Call(pipeline.start_async, None).wait()))
        self.assertTrue(pipeline.wait_finish(Call(pipeline.wait_async, None).wait()))
        pipeline = new_pipeline()
        self.assertTrue(pipeline.run_finish(Call(pipeline.run_async, None).wait()))
        pipeline = new_pipeline()
        call = Call(pipeline.communicate_async, b'x', None)
        self.assertEqual(pipeline.communicate_finish(call.wait()), b'x')
        pipeline = new_pipeline()
        call = Call(pipeline.communicate_utf8_async, 'x', None)
        self.assertEqual(pipeline.communicate_utf8_finish(call.wait()), 'x')


class TestStages(ApiTestCase):
    def test_3_function_in_context(self):
        async_stage = Gp.AsyncStage.new('upper', UpperInContext().do_run)
        self.assertEqual(async_stage.props.name, 'upper')
        self.assertEqual(communicate(pipeline_of(command('cat'), async_stage, command('cat')),
                                     b'some words'), b'SOME WORDS')

    def test_4_stage_with_preferences(self):
        pipeline = pipeline_of(Gp.FunctionStage.new('upper', upper), Picky(), Picky())
        self.assertTrue(pipeline.run())
        self.assertEqual(pipeline.get_edge_kind(1), Gp.EdgeKind.PIPE)

    def test_4_stage_that_wraps(self):
        for inner_stage in UpperInContext(), UpperInThread(), Gp.FunctionStage.new('f', upper):
            pipeline = pipeline_of(command('cat'), Wrapper(inner_stage), command('cat'))
            self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')
        pipeline = pipeline_of(Wrapper(command('cat')), UpperInContext())
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')
        broken_stage = Gp.CommandStage.new(['/nonexistent'])
        self.assert_raises(GLib.spawn_error_quark(), GLib.SpawnError.NOENT,
                           run, pipeline_of(Wrapper(broken_stage)))

    def test_4_stage_methods(self):
        for stage, name, preference, needs in (
                (command('cat'), 'cat', Gp.IOPreference.FD, False),
                (Gp.FunctionStage.new('f', upper), 'f', Gp.IOPreference.ANY, False),
                (Gp.AsyncStage.new('a', lambda context: None), 'a', Gp.IOPreference.ANY, True),
                (UpperInThread(name='mine'), 'mine', Gp.IOPreference.ANY, False),
                (UpperInContext(), 'upper-in-context', Gp.IOPreference.ANY, True),
                (Gp.Pipeline(name='inner'), 'inner', Gp.IOPreference.ANY, False)):
            self.assertEqual(Gp.Stage.get_name(stage), name)
            self.assertEqual(tuple(stage.preferences()), (preference, preference))
            self.assertEqual(stage.needs_main_context(), needs)
        in_thread = UpperInThread(name='mine')
        self.assertEqual(in_thread.props.name, 'mine')

    def test_4_context(self):
        def look(context):
            seen.append((context.get_directory(), context.dup_environ(), context.get_stdin_lent(),
                         context.get_stdout_lent(), context.get_cancellable().is_cancelled()))
            context.return_success()

        def close(context):
            self.assertTrue(context.get_stdin() and context.get_stdout())
            for _ in range(2):
                context.close_stdin()
                context.close_stdout()
            seen.append((context.get_stdin(), context.get_stdout()))
            context.return_success()

        seen = []
        pipeline = pipeline_of(Event(look))
        pipeline.set_directory('/')
        pipeline.set_environ(['A=b'])
        pipeline.set_stdin(Gio.MemoryInputStream())
        pipeline.set_stdout(Gio.MemoryOutputStream.new_resizable())
        pipeline.set_close_stdout(True)
        run(pipeline)
        self.assertFalse(pipeline.get_stdin().is_closed())
        self.assertTrue(pipeline.get_stdout().is_closed())
        run(pipeline_of(command('cat'), Event(close), command('cat')))
        self.assertEqual(seen, [('/', ['A=b'], True, False, False), (None, None)])


class TestErrors(ApiTestCase):
    def test_5_error_of_signal(self):
        self.assert_raises(SIGNAL_ERROR, Gp.SignalError.KILL, run,
                           pipeline_of(command('kill-self', '9')))

    def test_5_error_of_start(self):
        error = self.assert_raises(GLib.spawn_error_quark(), GLib.SpawnError.NOENT, run,
                                   pipeline_of(Gp.CommandStage.new(['/nonexistent/program'])))
        self.assertIn('/nonexistent/program', error.message)

    def test_5_never_reported(self):
        for stage in Event(lambda context: True), Gp.AsyncStage.new(None, lambda context: True):
            pipeline = pipeline_of(command('cat'), stage, command('cat'))
            error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run, pipeline)
            self.assertIn('without reporting its end', error.message)

    def test_5_reported_twice(self):
        """A critical, and the first report counts."""
        script = '''
            import gi
            gi.require_version('Gp', '1')
            from gi.repository import GLib, GObject, Gp

            class Twice(GObject.Object, Gp.Stage):
                def do_run(self, context):
                    context.return_success()
                    raise ValueError('too late')

            def done(source, result):
                print(source.run_finish(result))
                loop.quit()

            loop = GLib.MainLoop()
            pipeline = Gp.Pipeline()
            pipeline.append(Twice())
            pipeline.run_async(None, done)
            loop.run()
        '''
        environ = {name: value for name, value in os.environ.items() if name != 'G_DEBUG'}
        result = subprocess.run([sys.executable, '-c', textwrap.dedent(script)], env=environ,
                                capture_output=True, text=True, check=True, timeout=60)
        self.assertEqual(result.stdout, 'True\n')
        self.assertIn('reported its end more than once', result.stderr)

    def test_5_wrong_order(self):
        pipeline = pipeline_of(command('exit', '0'))
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.NOT_STARTED, pipeline.wait)
        run(pipeline)
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.ALREADY_STARTED, run, pipeline)

    def test_5_error_codes(self):
        """Each arrives as it was when it is raised by a stage."""
        for code in (Gp.PipelineError.FAILED, Gp.PipelineError.FAULT, Gp.PipelineError.STATUS_LOST,
                     Gp.PipelineError.NEEDS_MAIN_CONTEXT, Gp.PipelineError.ALREADY_STARTED,
                     Gp.PipelineError.NOT_STARTED, Gp.PipelineError.INVALID):
            def fail(context, code=code):
                raise GLib.Error.new_literal(PIPELINE_ERROR, code.value_nick, code)

            error = self.assert_raises(PIPELINE_ERROR, code, run,
                                       pipeline_of(Gp.AsyncStage.new('f', fail)))
            self.assertEqual(error.message, f'f: {code.value_nick}')
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.FAULT, run, pipeline_of(
            Gp.AsyncStage.new('f', lambda context: context.return_fault('not like this'))))

    def test_5_signals_as_errors(self):
        for name, code in (
                ('HUP', Gp.SignalError.HUP), ('INT', Gp.SignalError.INT),
                ('QUIT', Gp.SignalError.QUIT), ('ILL', Gp.SignalError.ILL),
                ('TRAP', Gp.SignalError.TRAP), ('ABRT', Gp.SignalError.ABRT),
                ('BUS', Gp.SignalError.BUS), ('FPE', Gp.SignalError.FPE),
                ('KILL', Gp.SignalError.KILL), ('USR1', Gp.SignalError.USR1),
                ('SEGV', Gp.SignalError.SEGV), ('USR2', Gp.SignalError.USR2),
                ('PIPE', Gp.SignalError.PIPE), ('ALRM', Gp.SignalError.ALRM),
                ('TERM', Gp.SignalError.TERM), ('XCPU', Gp.SignalError.XCPU),
                ('XFSZ', Gp.SignalError.XFSZ), ('SYS', Gp.SignalError.SYS)):
            pipeline = pipeline_of(command('kill-self', str(int(code))))
            error = self.assert_raises(SIGNAL_ERROR, code, pipeline.run)
            self.assertIn(f'SIG{name}', error.message)
            self.assertEqual(pipeline.get_status(0).get_term_signal(), code)

    def test_5_error_matches(self):
        exit_error = self.assert_raises(GLib.quark_from_string('g-spawn-exit-error-quark'), 3,
                                        pipeline_of(command('exit', '3')).run)
        pipe_error = GLib.Error.new_literal(Gio.io_error_quark(), 'x', Gio.IOErrorEnum.BROKEN_PIPE)
        self.assertTrue(Gp.error_matches_exit_status(exit_error, 3))
        self.assertFalse(Gp.error_matches_exit_status(exit_error, 4))
        self.assertTrue(Gp.error_matches_pipe(pipe_error))
        self.assertFalse(Gp.error_matches_pipe(exit_error))
        self.assertFalse(Gp.error_matches_exit_status(None, 3))
        self.assertFalse(Gp.error_matches_pipe(None))

    def test_6_cancel_pending(self):
        def wait(context):
            context.get_cancellable().connect(lambda *unused: GLib.idle_add(end, context))

        def end(context):
            context.return_error(GLib.Error.new_literal(Gio.io_error_quark(), 'told to stop',
                                                        Gio.IOErrorEnum.CANCELLED))

        for stage in UpperInContext(), UpperInThread(), Event(wait), Gp.AsyncStage.new(None, wait):
            pipeline = pipeline_of(command('wait'), stage, command('cat'))
            call = Call(pipeline.run_async, None)
            iterate_until(lambda: pipeline.get_state() == Gp.PipelineState.RUNNING)
            pipeline.cancel()
            self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED,
                               pipeline.run_finish, call.wait())


class TestSettings(ApiTestCase):
    def test_8_pipeline_settings(self):
        stdin, stdout = Gio.MemoryInputStream(), Gio.MemoryOutputStream.new_resizable()
        pipeline = Gp.Pipeline()
        notified = set()
        pipeline.connect('notify', lambda source, pspec: notified.add(pspec.name))

        pipeline.set_name('b')
        self.assertEqual((pipeline.get_name(), pipeline.props.name), ('b', 'b'))
        pipeline.props.name = None
        self.assertIsNone(pipeline.get_name())
        pipeline.set_directory('/')
        self.assertEqual((pipeline.get_directory(), pipeline.props.directory), ('/', '/'))
        pipeline.props.directory = None
        self.assertIsNone(pipeline.get_directory())
        pipeline.set_environ(['A=b', 'C=d'])
        self.assertEqual(pipeline.get_environ(), ['A=b', 'C=d'])
        pipeline.props.environ = ['A=b']
        self.assertEqual(pipeline.props.environ, ['A=b'])
        pipeline.set_environ(None)
        self.assertFalse(pipeline.get_environ())
        pipeline.set_time_limit(7)
        self.assertEqual((pipeline.get_time_limit(), pipeline.props.time_limit), (7, 7))
        pipeline.props.time_limit = 0
        self.assertEqual(pipeline.get_time_limit(), 0)
        pipeline.set_abandon_delay(7)
        self.assertEqual((pipeline.get_abandon_delay(), pipeline.props.abandon_delay), (7, 7))
        pipeline.props.abandon_delay = 8
        self.assertEqual(pipeline.get_abandon_delay(), 8)
        pipeline.set_pipe_hold_timeout(7)
        self.assertEqual(pipeline.get_pipe_hold_timeout(), 7)
        pipeline.props.pipe_hold_timeout = 8
        self.assertEqual(pipeline.props.pipe_hold_timeout, 8)
        pipeline.set_ignore_pipe_errors(True)
        self.assertTrue(pipeline.get_ignore_pipe_errors())
        pipeline.props.ignore_pipe_errors = False
        self.assertFalse(pipeline.props.ignore_pipe_errors)
        pipeline.set_partial_input_is_error(True)
        self.assertTrue(pipeline.get_partial_input_is_error())
        pipeline.props.partial_input_is_error = False
        self.assertFalse(pipeline.props.partial_input_is_error)
        pipeline.set_stdin(stdin)
        self.assertIs(pipeline.get_stdin(), stdin)
        pipeline.props.stdin = None
        self.assertIsNone(pipeline.props.stdin)
        pipeline.set_stdout(stdout)
        self.assertIs(pipeline.get_stdout(), stdout)
        pipeline.props.stdout = None
        self.assertIsNone(pipeline.props.stdout)
        pipeline.set_close_stdin(True)
        self.assertTrue(pipeline.get_close_stdin())
        pipeline.props.close_stdin = False
        self.assertFalse(pipeline.props.close_stdin)
        pipeline.set_close_stdout(True)
        self.assertTrue(pipeline.get_close_stdout())
        pipeline.props.close_stdout = False
        self.assertFalse(pipeline.props.close_stdout)
        self.assertEqual(pipeline.props.state, Gp.PipelineState.BUILDING)
        self.assert_all_notified(pipeline, notified)

    def test_8_environment(self):
        pipeline = pipeline_of(command('environ'))
        pipeline.set_environ(['A=b', 'C=d'])
        pipeline.setenv('A', 'kept', False)
        pipeline.setenv('E', 'f', True)
        pipeline.unsetenv('C')
        self.assertEqual(pipeline.communicate(), b'A=b\nE=f\n')

        pipeline = Gp.Pipeline()
        env_command = pipeline.append_command([CHILD, 'environ'])
        env_command.set_environ(['A=b', 'C=d'])
        env_command.setenv('A', 'kept', False)
        env_command.setenv('E', 'f', True)
        env_command.unsetenv('C')
        self.assertEqual(pipeline.communicate(), b'A=b\nE=f\n')

        cwd_command = command('cwd')
        cwd_command.set_directory('/')
        self.assertEqual(pipeline_of(cwd_command).communicate(), b'/\n')

    def test_8_stderr_modes(self):
        stream = Gio.MemoryOutputStream.new_resizable()
        for mode, output, captured, streamed in (
                (Gp.StderrMode.CAPTURE, b'out', 'err\n', b''),
                (Gp.StderrMode.INHERIT, b'out', '', b''),
                (Gp.StderrMode.DISCARD, b'out', '', b''),
                (Gp.StderrMode.MERGE, b'outerr\n', '', b''),
                (Gp.StderrMode.STREAM, b'out', '', b'err\n')):
            both_command = command('both', 'out', 'err\n')
            both_command.set_stderr_stream(stream)
            both_command.set_stderr_mode(mode)
            pipeline = pipeline_of(both_command)
            self.assertEqual(pipeline.communicate(), output)
            self.assertEqual(pipeline.get_status(0).dup_stderr_text(), captured)
            self.assertEqual(stream.get_data_size(), len(streamed))

    def test_8_process_groups(self):
        for group, own in ((Gp.ProcessGroup.AUTO, True), (Gp.ProcessGroup.OWN, True),
                           (Gp.ProcessGroup.CALLER, False)):
            pgid_command = command('pgid')
            pgid_command.set_process_group(group)
            pipeline = pipeline_of(pgid_command)
            pid, pgid = map(int, pipeline.communicate_utf8().split())
            self.assertEqual(pipeline.get_status(0).get_pid(), pid)
            self.assertEqual(pgid, pid if own else os.getpgrp())

    def test_8_edges(self):
        def kinds(*stages, stdin=None, stdout=None):
            pipeline = pipeline_of(*stages)
            pipeline.set_stdin(stdin)
            pipeline.set_stdout(stdout)
            pipeline.run()
            return [pipeline.get_edge_kind(index) for index in range(pipeline.get_n_stages() + 1)]

        kind = Gp.EdgeKind
        self.assertEqual(kinds(command('cat'), UpperInThread(), UpperInThread(), command('cat')),
                         [kind.NONE, kind.PIPE, kind.MEMORY, kind.PIPE, kind.NONE])
        self.assertEqual(kinds(command('cat'), stdin=Gio.MemoryInputStream(),
                               stdout=Gio.MemoryOutputStream.new_resizable()),
                         [Gp.EdgeKind.PUMP, Gp.EdgeKind.PUMP])
        self.assertEqual(kinds(UpperInThread(), stdin=Gio.MemoryInputStream()),
                         [Gp.EdgeKind.STREAM, Gp.EdgeKind.NONE])
        self.assertEqual(kinds(command('cat'), stdin=Gio.File.new_for_path('/dev/null').read()),
                         [Gp.EdgeKind.DESCRIPTOR, Gp.EdgeKind.NONE])

    def test_8_states(self):
        def states():
            return [pipeline.props.state, *(status.props.state for status in pipeline)]

        def look(context):
            seen.append(states())
            stdin.close()
            context.return_success()

        seen = []
        pipeline = pipeline_of(command('cat'), Gp.AsyncStage.new('look', look), command('cat'))
        stdin = pipeline.open_input()
        self.assertEqual(states(), [Gp.PipelineState.BUILDING] + [Gp.StageState.WAITING] * 3)
        run(pipeline)
        self.assertEqual(seen, [[Gp.PipelineState.STARTING, Gp.StageState.RUNNING,
                                 Gp.StageState.STARTING, Gp.StageState.WAITING]])
        self.assertEqual(states(), [Gp.PipelineState.SUCCEEDED] + [Gp.StageState.SUCCEEDED] * 3)

        pipeline = pipeline_of(Gp.CommandStage.new(['/nonexistent']), command('cat'))
        with self.assertRaises(GLib.Error):
            run(pipeline)
        self.assertEqual(states(), [Gp.PipelineState.FAILED, Gp.StageState.FAILED,
                                    Gp.StageState.NOT_STARTED])

    def test_8_status(self):
        both_command = command('both', 'out', '0123456789', '3')
        both_command.set_stderr_limit(4)
        pipeline = pipeline_of(both_command)
        with self.assertRaises(GLib.Error):
            pipeline.communicate()
        status = pipeline.get_status(0)
        self.assertIs(status.get_stage(), both_command)
        self.assertEqual((status.dup_name(), status.props.name), ('both', 'both'))
        self.assertEqual(status.get_state(), Gp.StageState.FAILED)
        self.assertEqual(status.dup_summary(), 'exit status 3')
        self.assertEqual(status.props.summary, 'exit status 3')
        self.assertEqual(status.get_exit_status(), 3)
        self.assertEqual((status.get_term_signal(), status.props.term_signal), (0, 0))
        self.assertGreater(status.get_pid(), 0)
        self.assertEqual(status.props.pid, status.get_pid())
        self.assertEqual((status.dup_stderr_text(), status.props.stderr_text), ('6789', '6789'))
        self.assertEqual(status.dup_stderr_bytes(), b'6789')
        self.assertEqual(status.props.stderr_bytes.get_data(), b'6789')
        self.assertEqual((status.get_stderr_dropped(), status.props.stderr_dropped), (6, 6))
        self.assertTrue(0 < status.get_started_at() <= status.get_ended_at()
                        <= GLib.get_monotonic_time())
        self.assertEqual(status.props.started_at, status.get_started_at())
        self.assertEqual(status.props.ended_at, status.get_ended_at())
        self.assertEqual((status.get_children(), status.props.children), (None, None))

        pipeline = pipeline_of(pipeline_of(command('exit', '0'), command('cat')))
        pipeline.run()
        outer_status = pipeline.get_status(0)
        self.assertIsNone(outer_status.props.error)
        self.assertEqual([status.dup_name() for status in outer_status.get_children()],
                         ['exit', 'cat'])
        self.assertEqual(outer_status.props.children.get_n_items(), 2)
        self.assertIsNone(pipeline.get_status(1))

    def test_8_streams(self):
        # Held, since PyGObject leaks what only a property is given
        stdin = Gio.MemoryInputStream.new_from_data(b'lent')
        output = Gio.MemoryOutputStream.new_resizable()
        pipeline = pipeline_of(command('cat'))
        pipeline.props.stdin = stdin
        pipeline.props.stdout = output
        run(pipeline)
        self.assertFalse(output.is_closed())
        output.close()
        self.assertEqual(output.steal_as_bytes().get_data(), b'lent')

    def test_8_opened_ends(self):
        pipeline = pipeline_of(command('cat'))
        stdin = pipeline.open_input()
        stdout = Gio.DataInputStream.new(pipeline.open_output())
        pipeline.start()
        stdin.write_all(b'one\ntwo\n', None)
        stdin.close()
        self.assertEqual([stdout.read_line_utf8()[0] for _ in range(3)], ['one', 'two', None])
        stdout.close()
        pipeline.wait()

    def test_8_output_before_an_error(self):
        pipeline = pipeline_of(command('both', 'so far', 'oh no', '2'))
        self.assertIsNone(pipeline.dup_output())
        with self.assertRaises(GLib.Error) as caught:
            communicate(pipeline)
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 2))
        self.assertEqual(pipeline.dup_output(), b'so far')


if __name__ == '__main__':
    main(TestConstruction, TestStages, TestErrors, TestSettings)
