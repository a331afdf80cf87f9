#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a pipeline promises, row by row, from Python: ends, errors, starts that fail, limits.

The cases have the names and numbers that they have in the other languages. Prints TAP.
"""

import os
import signal
import tempfile

from test_python import (BindingTestCase, CHILD, Call, command, communicate, iterate_until, main,
                         pipeline_of, run, upper)

from gi.repository import Gio, GLib, Gp

IO_ERROR = Gio.io_error_quark()
PIPELINE_ERROR = Gp.PipelineError.quark()
SIGNAL_ERROR = Gp.SignalError.quark()
SPAWN_ERROR = GLib.spawn_error_quark()
LineAction = Gp.LineAction
StageState = Gp.StageState
MIB = 1 << 20
# Copies, and says what its ends are
TELL_ENDS = 'ends=$(readlink /proc/$$/fd/0 /proc/$$/fd/1); echo "$ends" >&2; cat'


def shell(script):
    return Gp.CommandStage.new(['/bin/sh', '-c', script])


def io_error(message, code=Gio.IOErrorEnum.NO_SPACE):
    return GLib.Error.new_literal(IO_ERROR, message, code)


def finish_early():
    return GLib.Error.new_literal(PIPELINE_ERROR, 'enough', Gp.PipelineError.FINISH_EARLY)


def states_of(pipeline):
    return [status.get_state() for status in pipeline]


class Helper:
    """Another program with pipes at both ends, which the library knows nothing of"""

    def __init__(self, *arguments):
        self.process = Gio.Subprocess.new(
            [CHILD, *arguments],
            Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE)
        self.stdin = self.process.get_stdin_pipe()
        self.stdout = self.process.get_stdout_pipe()

    def end(self):
        self.process.force_exit()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


class ReferenceTestCase(BindingTestCase):
    def error_of(self, pipeline):
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline)
        return caught.exception

    def assert_error(self, pipeline, domain, code):
        error = self.error_of(pipeline)
        self.assertTrue(error.matches(domain, code), error)
        return error


class TestEnds(ReferenceTestCase):
    def test_1_descriptors_at_the_ends(self):
        """A command gets the very files of the caller"""
        with tempfile.TemporaryDirectory() as folder:
            paths = [os.path.join(folder, name) for name in ('in', 'out')]
            source, target = map(Gio.File.new_for_path, paths)
            source.replace_contents(b'text', None, False, Gio.FileCreateFlags.NONE, None)
            stdin = source.read()
            stdout = target.create(Gio.FileCreateFlags.NONE)
            pipeline = pipeline_of(shell(TELL_ENDS))
            pipeline.set_stdin(stdin)
            pipeline.set_stdout(stdout)
            run(pipeline)
            self.assertEqual([pipeline.get_edge_kind(index) for index in (0, 1)],
                             [Gp.EdgeKind.DESCRIPTOR] * 2)
            self.assertEqual(pipeline.get_status(0).dup_stderr_text().split(), paths)
            self.assertFalse(stdin.is_closed() or stdout.is_closed())
            self.assertEqual(target.load_contents()[1], b'text')
            stdin.close()
            stdout.close()

    def test_1_unread_input(self):
        """It never ends, but nobody waits for it: with a descriptor, and copied by a thread"""
        for kind in Gp.EdgeKind.DESCRIPTOR, Gp.EdgeKind.PUMP:
            silent = Helper('wait')
            stdin = silent.stdout
            if kind == Gp.EdgeKind.PUMP:
                stdin = Gio.BufferedInputStream.new(stdin)
            pipeline = pipeline_of(command('exit', '0'))
            pipeline.set_stdin(stdin)
            self.assertTrue(run(pipeline))
            self.assertEqual(pipeline.get_edge_kind(0), kind)
            self.assertFalse(silent.stdout.is_closed())
            silent.end()

    def test_1_empty_pipeline(self):
        self.assertTrue(run(Gp.Pipeline()))
        self.assertTrue(Gp.Pipeline().run())
        self.assertEqual(communicate(Gp.Pipeline(), b'a\xff'), b'a\xff')

        stdout = Gio.MemoryOutputStream.new_resizable()
        pipeline = Gp.Pipeline()
        pipeline.set_stdin(Gio.MemoryInputStream.new_from_data(b'copied'))
        pipeline.set_stdout(stdout)
        pipeline.set_close_stdout(True)
        run(pipeline)
        self.assertTrue(stdout.is_closed())
        self.assertEqual(stdout.steal_as_bytes().get_data(), b'copied')

    def test_8_given_pipe(self):
        """A slow reader gets every byte, and then the end of file, for the pipe was given"""
        reader = Helper('slow-cat')
        pipeline = pipeline_of(command('spew', '100000'))
        pipeline.set_stdout(reader.stdin)
        pipeline.set_close_stdout(True)
        call = Call(pipeline.run_async, None)
        sizes = []
        while data := reader.stdout.read_bytes(65536, None).get_data():
            sizes.append(len(data))
        self.assertEqual(sum(sizes), 100000)
        self.assertTrue(pipeline.run_finish(call.wait()))
        self.assertTrue(reader.stdin.is_closed())
        reader.end()

    def test_8_directory_of_pipeline(self):
        own_command = command('cwd')
        own_command.set_directory('/usr')
        for cwd_command, expected in (command('cwd'), b'/proc\n'), (own_command, b'/usr\n'):
            pipeline = pipeline_of(cwd_command)
            pipeline.set_directory('/proc')
            self.assertEqual(communicate(pipeline), expected)

    def test_8_environment_values(self):
        """Later ones win, and only the first '=' is a separator"""
        pipeline = pipeline_of(command('environ'))
        pipeline.set_environ(['A=b=c', 'B==', 'C=', 'D=1', 'E=1', 'F=1'])
        pipeline.setenv('D', '2=', True)
        pipeline.add_environ(['E=2', 'F=2'])
        pipeline.add_environ_function(lambda: ['F=3', 'G=3'])
        pipeline.add_environ_function(lambda: ['G=4'])
        self.assertEqual(sorted(communicate(pipeline).split()),
                         [b'A=b=c', b'B==', b'C=', b'D=2=', b'E=2', b'F=3', b'G=4'])

        called = []
        pipeline = Gp.Pipeline()
        pipeline.add_environ_function(lambda: called.append(True) or [])
        pipeline.append(command('exit', '0'))
        self.assertEqual(called, [])
        run(pipeline)
        self.assertEqual(called, [True])

        pipeline = pipeline_of(command('environ'))
        pipeline.set_environ(['NOTHING'])
        error = self.assert_error(pipeline, PIPELINE_ERROR, Gp.PipelineError.INVALID)
        self.assertIn('NOTHING', error.message)


class TestLines(ReferenceTestCase):
    def test_2_lines_separated(self):
        """What a line is, with each separator; and what is kept has not changed"""
        for separator, data, expected in (
                (Gp.LineSeparator.NEWLINE, 'a\r\n\n b', ['a\r', '', ' b']),
                (Gp.LineSeparator.NUL, 'a\n\0\0b', ['a\n', '', 'b']),
                (Gp.LineSeparator.WORDS, 'a\tb\nc', ['a', 'b', 'c'])):
            for new in Gp.LineStage.new, Gp.LineStage.new_in_context:
                seen = []

                def look(lines, output):
                    seen.extend([lines] if isinstance(lines, str) else lines)
                    return LineAction.KEEP

                line_stage = new('lines', look)
                line_stage.set_separator(separator)
                self.assertEqual(communicate(pipeline_of(line_stage), data.encode()),
                                 data.encode())
                self.assertEqual(seen, expected)

    def test_2_lines_flushed(self):
        """What a function wrote arrives, although it fails then"""
        def fail(lines, output):
            output.put_string('so far')
            raise io_error('full')

        for new in Gp.LineStage.new, Gp.LineStage.new_in_context:
            pipeline = pipeline_of(new('lines', fail), command('cat'))
            with self.assertRaises(GLib.Error) as caught:
                communicate(pipeline, b'a\nb\n')
            self.assertEqual(caught.exception.message, 'lines: full')
            self.assertEqual(pipeline.dup_output(), b'so far')

    def test_2_mixed_stages(self):
        def write_lines(stdin, stdout, context):
            stdout.write_all(b'one two\nthree four\n', None)

        def shout(lines, output):
            output.put_string(''.join(f'{line.upper()}\n' for line in lines))
            return LineAction.DROP

        def bracket(words, output):
            output.put_string(''.join(f'[{word}]' for word in words))
            return LineAction.DROP

        word_stage = Gp.LineStage.new_in_context('words', bracket)
        word_stage.set_separator(Gp.LineSeparator.WORDS)
        pipeline = pipeline_of(Gp.FunctionStage.new('lines', write_lines),
                               Gp.LineStage.new_in_context('shout', shout), word_stage,
                               Gp.MeterStage.new(None, 0), command('cat'))
        self.assertEqual(communicate(pipeline), b'[ONE][TWO][THREE][FOUR]')

    def test_4_pipeline_as_stage(self):
        inner_pipeline = pipeline_of(command('cat'), Gp.FunctionStage.new('upper', upper))
        inner_pipeline.set_name('inner')
        pipeline = pipeline_of(command('cat'), inner_pipeline, command('cat'))
        self.assertEqual(communicate(pipeline, b'some words'), b'SOME WORDS')
        self.assertEqual(states_of(pipeline), [StageState.SUCCEEDED] * 3)
        self.assertEqual([status.dup_name() for status in pipeline.get_status(1).get_children()],
                         ['cat', 'upper'])

        inner_pipeline = pipeline_of(command('exit', '3'), command('cat'))
        inner_pipeline.set_name('inner')
        error = self.error_of(pipeline_of(command('cat'), inner_pipeline))
        self.assertTrue(Gp.error_matches_exit_status(error, 3))
        self.assertEqual(error.message, 'exit: exit status 3')


class TestErrors(ReferenceTestCase):
    def test_5_messages(self):
        error = self.error_of(Gp.Pipeline.new_from_string('false | true'))
        self.assertEqual(error.message, 'false: exit status 1')
        error = self.error_of(Gp.Pipeline.new_from_string('ls doesnotexist'))
        self.assertIn('ls: exit status', error.message)
        self.assertIn('doesnotexist', error.message)

    def test_5_empty_command(self):
        """The start says so; until then and afterwards the pipeline can be asked anything"""
        for argv in [''], []:
            pipeline = pipeline_of(Gp.CommandStage.new(argv), command('cat'))
            self.assertEqual(pipeline.get_n_stages(), 2)
            error = self.assert_error(pipeline, PIPELINE_ERROR, Gp.PipelineError.INVALID)
            self.assertEqual(error.message, 'starting stage "command": the command is empty')
            self.assertEqual(states_of(pipeline), [StageState.FAILED, StageState.NOT_STARTED])
            with self.assertRaises(GLib.Error) as caught:
                pipeline.wait()
            self.assertEqual(caught.exception.message, error.message)

    def test_5_killed_by_sigpipe(self):
        def new_pipeline(first, matcher=None):
            pipeline = Gp.Pipeline()
            if matcher:
                pipeline.append_ignoring(first, matcher)
            else:
                pipeline.append(first)
            pipeline.append_command(['true'])
            return pipeline

        error = self.assert_error(new_pipeline(Gp.CommandStage.new(['seq', '100000'])),
                                  SIGNAL_ERROR, Gp.SignalError.PIPE)
        self.assertTrue(Gp.error_matches_pipe(error))
        self.assertTrue(error.message.startswith('seq: killed by SIGPIPE'))
        for matcher in Gp.ErrorMatcher.new_signal(signal.SIGPIPE), Gp.ErrorMatcher.new_pipe():
            self.assertTrue(run(new_pipeline(Gp.CommandStage.new(['seq', '100000']), matcher)))

        # One that writes when the other has long ended
        pipeline = new_pipeline(shell('read line; echo foo'))
        stdin = pipeline.open_input()
        call = Call(pipeline.run_async, None)
        iterate_until(lambda: pipeline.get_status(1).get_state() == StageState.SUCCEEDED)
        stdin.write_all(b'go\n', None)
        stdin.close()
        with self.assertRaises(GLib.Error) as caught:
            pipeline.run_finish(call.wait())
        self.assertTrue(caught.exception.matches(SIGNAL_ERROR, Gp.SignalError.PIPE))

    def test_5_which_error(self):
        """Stages from left to right: - success, 1 and 2 errors, P pipe error, F finished early"""
        errors = {'1': io_error('1', Gio.IOErrorEnum.EXISTS),
                  '2': io_error('2', Gio.IOErrorEnum.BUSY),
                  'P': io_error('P', Gio.IOErrorEnum.BROKEN_PIPE),
                  'F': finish_early()}
        for letters, winner in (
                ('---', '-'), ('1', '1'), ('-1-', '1'), ('-12-', '1'), ('-P1-', '1'),
                ('-1P-', '1'), ('-1-2-', '1'), ('-F-F-', '-'), ('1F', '1'), ('F1', '1'),
                ('PF', '-'), ('PFF', '-'), ('PPF', '-'), ('P-F', 'P'), ('FP', 'P'),
                ('1PF', '1'), ('P1F', '1')):
            def end(context, letter):
                if letter == '-':
                    context.return_success()
                else:
                    context.return_error(errors[letter])

            pipeline = pipeline_of(*(Gp.AsyncStage.new(letter, end, letter) for letter in letters))
            failed = []
            pipeline.connect('event::pipeline-failed', lambda source, event: failed.append(event))
            if winner == '-':
                self.assertTrue(run(pipeline))
            else:
                self.assertEqual(self.error_of(pipeline).message, f'{winner}: {winner}')
            self.assertEqual([event.get_stage_name() for event in failed],
                             [] if winner == '-' else [winner])

    def test_5_finish_early_excuses(self):
        """A command killed by SIGPIPE because the function after it had enough"""
        def enough(stdin, stdout, context):
            stdin.read_bytes(3, context.get_cancellable())
            raise finish_early()

        pipeline = pipeline_of(command('spew'), Gp.FunctionStage.new('enough', enough))
        self.assertTrue(run(pipeline))
        self.assertEqual(states_of(pipeline), [StageState.FAILED, StageState.FINISHED_EARLY])
        self.assertTrue(Gp.error_matches_pipe(pipeline.get_status(0).props.error))

    def test_5_invalid_utf8(self):
        """An error, which loses no byte"""
        for blocking in True, False:
            pipeline = pipeline_of(command('invalid-utf8'))
            with self.assertRaises(GLib.Error) as caught:
                if blocking:
                    pipeline.communicate_utf8()
                else:
                    call = Call(pipeline.communicate_utf8_async, None, None)
                    pipeline.communicate_utf8_finish(call.wait())
            self.assertTrue(caught.exception.matches(IO_ERROR, Gio.IOErrorEnum.INVALID_DATA))
            self.assertEqual(pipeline.dup_output(), b'caf\xe9\xff\n')

    def test_5_output_before_ignored_error(self):
        def write_seven(stdin, stdout, context):
            for number in range(1, 8):
                stdout.write_all(b'%d\n' % number, None)
            raise io_error('after seven')

        pipeline = Gp.Pipeline()
        pipeline.append_ignoring(Gp.FunctionStage.new('seven', write_seven),
                                 Gp.ErrorMatcher.new_error(IO_ERROR, Gio.IOErrorEnum.NO_SPACE))
        pipeline.append(command('cat'))
        self.assertEqual(communicate(pipeline), b'1\n2\n3\n4\n5\n6\n7\n')


class TestStarts(ReferenceTestCase):
    def test_5_start_failure(self):
        """Who runs is stopped, who comes later never starts, and what was given is closed"""
        def missing():
            return Gp.CommandStage.new(['/nonexistent'])

        for stages, states in (
                ((missing(), command('wait')), [StageState.FAILED, StageState.NOT_STARTED]),
                ((command('wait'), missing(), command('wait')),
                 [StageState.FAILED, StageState.FAILED, StageState.NOT_STARTED]),
                ((Gp.FunctionStage.new('upper', upper), missing()), [StageState.FAILED] * 2)):
            stdout = Gio.MemoryOutputStream.new_resizable()
            pipeline = pipeline_of(*stages)
            # Somebody may still write to it: only a stage that is stopped ends
            stdin = pipeline.open_input()
            pipeline.set_stdout(stdout)
            pipeline.set_close_stdout(True)
            error = self.assert_error(pipeline, SPAWN_ERROR, GLib.SpawnError.NOENT)
            self.assertIn('/nonexistent', error.message)
            self.assertEqual(states_of(pipeline), states)
            self.assertTrue(stdout.is_closed())
            stdin.close()

    def test_5_failed_starts(self):
        """Nothing is left behind by many of them: it is counted around each case"""
        for _ in range(50):
            pipeline = pipeline_of(Gp.CommandStage.new(['/nonexistent']))
            pipeline.set_stdout(Gio.MemoryOutputStream.new_resizable())
            self.assert_error(pipeline, SPAWN_ERROR, GLib.SpawnError.NOENT)


class TestControl(ReferenceTestCase):
    def start(self, *stages):
        """Starts a pipeline whose last stage says something when it is ready, and waits for that"""
        pipeline = pipeline_of(*stages)
        stdout = pipeline.open_output()
        pipeline.start_finish(Call(pipeline.start_async, None).wait())
        self.assertEqual(stdout.read_bytes(64, None).get_data(), b'ready\n')
        stdout.close()
        return pipeline

    def wait_for_error(self, pipeline, domain, code):
        call = Call(pipeline.wait_async, None)
        with self.assertRaises(GLib.Error) as caught:
            pipeline.wait_finish(call.wait())
        self.assertTrue(caught.exception.matches(domain, code), caught.exception)
        return caught.exception

    def test_5_memory_tree(self):
        """Five processes count together, whatever is around them; and the peak is told after a
        kill as after a failure"""
        def watch(command_stage, limit):
            filtered = Gp.ErrorFilterStage.new(command_stage, lambda error: Gp.ErrorAction.KEEP)
            pipeline = pipeline_of(Gp.MemoryWatchStage(stage=filtered, limit=limit, interval=5))
            peaks = []
            pipeline.connect('event::memory-peak',
                             lambda source, event: peaks.append(event.get_details()['used']))
            error = self.error_of(pipeline)
            self.assertEqual(peaks, [pipeline.get_status(0).get_tree_memory_peak()])
            return error, peaks[0]

        error, peak = watch(command('descend', '5', str(8 * MIB)), 24 * MIB)
        self.assertTrue(error.matches(PIPELINE_ERROR, Gp.PipelineError.MEMORY_LIMIT), error)
        self.assertGreater(peak, 24 * MIB)
        error, peak = watch(command('allocate-and-exit', str(16 * MIB), '3'), 0)
        self.assertTrue(Gp.error_matches_exit_status(error, 3), error)
        self.assertGreaterEqual(peak, 16 * MIB)

    def test_6_cancel_by_signals(self):
        """It is asked to terminate, and killed if it does not; the error is why it was"""
        for mode, kill_delay, signum in (('wait', 60000, signal.SIGTERM),
                                         ('ignore-term-and-wait', 20, signal.SIGKILL)):
            command_stage = command(mode, 'ready')
            command_stage.set_kill_delay(kill_delay)
            pipeline = self.start(command_stage)
            pipeline.cancel()
            self.wait_for_error(pipeline, IO_ERROR, Gio.IOErrorEnum.CANCELLED)
            self.assertEqual(pipeline.get_status(0).get_term_signal(), signum)

    def test_6_kill_what_does_not_run(self):
        reason = io_error('too early, or too late')
        for argv, succeeds in ([CHILD, 'exit', '0'], True), (['/nonexistent'], False):
            command_stage = Gp.CommandStage.new(argv)
            pipeline = pipeline_of(command_stage)
            for when in 'before', 'after':
                command_stage.kill(reason)
                pipeline.cancel()
                self.assertFalse(command_stage.send_signal(signal.SIGTERM))
                if when == 'before' and succeeds:
                    self.assertTrue(run(pipeline))
                elif when == 'before':
                    self.assert_error(pipeline, SPAWN_ERROR, GLib.SpawnError.NOENT)
            self.assertEqual(states_of(pipeline),
                             [StageState.SUCCEEDED if succeeds else StageState.FAILED])

    def test_8_event_order(self):
        kind = Gp.EventKind
        for pipeline, expected in (
                (pipeline_of(command('exit', '0')), [kind.STAGE_STARTED, kind.STAGE_FINISHED]),
                (pipeline_of(command('exit', '3')),
                 [kind.STAGE_STARTED, kind.STAGE_FAILED, kind.PIPELINE_FAILED]),
                (pipeline_of(command('wait'), Gp.CommandStage.new(['/nonexistent'])),
                 [kind.STAGE_STARTED, kind.START_FAILED, kind.STAGE_FAILED, kind.PIPELINE_FAILED])):
            seen = []
            pipeline.connect('event', lambda source, event: seen.append(event.get_kind()))
            call = Call(pipeline.run_async, None)
            call.wait()
            self.assertEqual(seen, expected)


if __name__ == '__main__':
    main(TestEnds, TestLines, TestErrors, TestStarts, TestControl)
