#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands under control, from Python: limits, usage, events, descriptors, terminals, signals.

The cases have the names and numbers that they have in the other languages. Prints TAP.
"""

import os
import signal

from test_python import (BindingTestCase, Call, command, communicate, iterate_until, main,
                         pipeline_of, run, upper)

from gi.repository import Gio, GLib, GObject, Gp

PIPELINE_ERROR = Gp.PipelineError.quark()
MIB = 1 << 20


class ProcessTestCase(BindingTestCase):
    def assert_raises(self, domain, code, function, *arguments):
        with self.assertRaises(GLib.Error) as caught:
            function(*arguments)
        self.assertTrue(caught.exception.matches(domain, code), caught.exception)
        return caught.exception

    def assert_invalid(self, part, *stages):
        error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.INVALID, run,
                                   pipeline_of(*stages))
        self.assertIn(part, error.message)

    def start(self, *stages):
        """Starts a pipeline whose last stage says something when it is ready, and waits for that"""
        pipeline = pipeline_of(*stages)
        stdout = pipeline.open_output()
        pipeline.start_finish(Call(pipeline.start_async, None).wait())
        self.assertEqual(stdout.read_bytes(64, None).get_data(), b'ready\n')
        stdout.close()
        return pipeline

    def wait(self, pipeline):
        return pipeline.wait_finish(Call(pipeline.wait_async, None).wait())


class TestCommands(ProcessTestCase):
    def test_1_own_streams(self):
        stdin = Gio.MemoryInputStream.new_from_data(b'its own')
        stdout = Gio.MemoryOutputStream.new_resizable()
        command_stage = command('cat')
        command_stage.set_stdin(stdin)
        command_stage.set_stdout(stdout)
        run(pipeline_of(command_stage))
        self.assertFalse(stdin.is_closed() or stdout.is_closed())
        stdout.close()
        self.assertEqual(stdout.steal_as_bytes().get_data(), b'its own')

        second_command = command('cat')
        second_command.set_stdin(stdin)
        self.assert_invalid('standard input of its own', command('cat'), second_command)
        first_command = command('cat')
        first_command.set_stdout(stdout)
        self.assert_invalid('standard output of its own', first_command, command('cat'))

    def test_1_descriptors(self):
        fd, path = GLib.file_open_tmp('XXXXXX')
        command_stage = Gp.CommandStage.new(['/bin/sh', '-c', 'echo text >&7'])
        command_stage.take_fd(fd, 7)
        run(pipeline_of(command_stage))
        with open(path, 'rb') as file:
            self.assertEqual(file.read(), b'text\n')
        os.unlink(path)
        # The stage has closed what it was given
        with self.assertRaises(OSError):
            os.fstat(fd)

        command_stage = command('exit', '0', name='twice')
        for _ in range(2):
            command_stage.take_fd(os.open('/dev/null', os.O_RDONLY), 7)
        self.assert_invalid('twice', command_stage)

    def test_1_terminal(self):
        self.assertEqual(communicate(pipeline_of(command('is-tty'))), b'0 0 0\n')
        tty_command = command('is-tty')
        tty_command.set_terminal(True)
        self.assertEqual(communicate(pipeline_of(tty_command)), b'1 1 0\n')

        size_command = Gp.CommandStage.new(['stty', 'size'])
        size_command.set_terminal(True)
        self.assertEqual(tuple(size_command.get_terminal_size()), (80, 24))
        size_command.set_terminal_size(100, 40)
        self.assertEqual(tuple(size_command.get_terminal_size()), (100, 40))
        self.assertEqual(communicate(pipeline_of(size_command)), b'40 100\n')

    def test_1_send_signal(self):
        command_stage = command('term-exit', '3', 'ready')
        command_stage.accept_exit_status(3)
        self.assertFalse(command_stage.send_signal(signal.SIGTERM))
        pipeline = self.start(command_stage)
        self.assertTrue(command_stage.send_signal(signal.SIGTERM))
        self.assertTrue(self.wait(pipeline))
        self.assertEqual(pipeline.get_status(0).get_exit_status(), 3)
        self.assertFalse(command_stage.send_signal(signal.SIGTERM))

    def test_1_descendants(self):
        # Somebody who holds the output is left behind, and is ended with the command
        command_stage = command('grandchild-hold', 'stdout')
        command_stage.set_kill_descendants(True)
        pid = int(communicate(pipeline_of(command_stage)))
        iterate_until(lambda: not os.path.exists(f'/proc/{pid}'))

        for change in Gp.CommandStage.set_kill_descendants, Gp.CommandStage.set_die_with_parent:
            command_stage = command('exit', '0')
            command_stage.set_supervised(False)
            change(command_stage, True)
            self.assert_invalid('not supervised', command_stage)

        command_stage = command('exit', '0')
        command_stage.set_die_with_parent(True)
        self.assertTrue(run(pipeline_of(command_stage)))


class TestLimits(ProcessTestCase):
    def test_5_accepted_exit_status(self):
        command_stage = command('both', 'out', 'err', '3')
        command_stage.accept_exit_status(3)
        pipeline = pipeline_of(command_stage)
        self.assertEqual(communicate(pipeline), b'out')
        status = pipeline.get_status(0)
        self.assertEqual(status.get_state(), Gp.StageState.SUCCEEDED)
        self.assertEqual(status.get_exit_status(), 3)

        command_stage = command('exit', '4')
        command_stage.accept_exit_status(3)
        with self.assertRaises(GLib.Error) as caught:
            run(pipeline_of(command_stage))
        self.assertTrue(Gp.error_matches_exit_status(caught.exception, 4))

        command_stage = command('exit', '0')
        command_stage.accept_exit_status(256)
        self.assert_invalid('256', command_stage)

    def test_5_time_limit(self):
        command_stage = command('wait', name='sleepy')
        command_stage.set_time_limit(50)
        error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT, run,
                                   pipeline_of(command_stage, command('cat')))
        self.assertIn('sleepy', error.message)

    def test_5_memory_limit(self):
        command_stage = command('allocate', str(64 * MIB), name='hungry')
        command_stage.set_memory_limit(16 * MIB)
        command_stage.set_memory_interval(5)
        pipeline = pipeline_of(command_stage)
        events = []
        pipeline.connect('event::memory-limit', lambda source, event: events.append(event))
        error = self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.MEMORY_LIMIT, run, pipeline)
        self.assertIn('hungry', error.message)
        self.assertGreater(pipeline.get_status(0).get_tree_memory_peak(), 16 * MIB)
        event, = events
        self.assertEqual(event.get_kind(), Gp.EventKind.MEMORY_LIMIT)
        self.assertEqual(event.get_details()['limit'], 16 * MIB)
        self.assertGreater(event.get_details()['used'], 16 * MIB)

    def test_5_memory_watch(self):
        command_stage = command('allocate-and-exit', str(16 * MIB))
        memory_watch = Gp.MemoryWatchStage.new(command_stage, 0)
        self.assertIs(memory_watch.get_stage(), command_stage)
        pipeline = pipeline_of(memory_watch)
        events = []
        pipeline.connect('event::memory-peak', lambda source, event: events.append(event))
        run(pipeline)
        status = pipeline.get_status(0)
        self.assertGreaterEqual(status.get_tree_memory_peak(), 16 * MIB)
        event, = events
        self.assertEqual(event.get_kind(), Gp.EventKind.MEMORY_PEAK)
        self.assertEqual(event.get_details().unpack(), {'used': status.props.tree_memory_peak})

        memory_watch = Gp.MemoryWatchStage(stage=pipeline_of(command('allocate', str(64 * MIB))),
                                           limit=16 * MIB, interval=5)
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.MEMORY_LIMIT, run,
                           pipeline_of(memory_watch))
        self.assert_invalid('', Gp.MemoryWatchStage.new(Gp.FunctionStage.new('f', upper), 0))

    def test_5_limitable(self):
        command_stage = command('allocate', str(16 * MIB), 'ready')
        self.assertTrue(command_stage.check())
        self.assertEqual(tuple(command_stage.measure()), (False, 0, 0))
        pipeline = self.start(command_stage)
        measured, memory, peak = command_stage.measure()
        self.assertTrue(measured and memory >= 16 * MIB and peak >= 16 * MIB)
        command_stage.kill(GLib.Error.new_literal(Gio.io_error_quark(), 'go',
                                                  Gio.IOErrorEnum.NO_SPACE))
        error = self.assert_raises(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE,
                                   self.wait, pipeline)
        self.assertIn('go', error.message)
        self.assertEqual(tuple(command_stage.measure()), (False, 0, 0))

        memory_watch = Gp.MemoryWatchStage.new(Gp.FunctionStage.new('f', upper), 0)
        self.assert_raises(PIPELINE_ERROR, Gp.PipelineError.INVALID, memory_watch.check)

    def test_8_resource_limits(self):
        limits = {Gp.Resource.CPU_TIME: 77, Gp.Resource.FILE_SIZE: 512 * 88,
                  Gp.Resource.OPEN_FILES: 99, Gp.Resource.ADDRESS_SPACE: 1024 * 999999,
                  Gp.Resource.CORE_SIZE: 0}
        command_stage = Gp.CommandStage.new(
            ['/bin/sh', '-c', 'ulimit -t; ulimit -f; ulimit -n; ulimit -v; ulimit -c'])
        for resource, limit in limits.items():
            self.assertEqual(command_stage.get_resource_limit(resource), -1)
            command_stage.set_resource_limit(resource, limit)
            self.assertEqual(command_stage.get_resource_limit(resource), limit)
        self.assertEqual(communicate(pipeline_of(command_stage)), b'77\n88\n99\n999999\n0\n')

        nice_command = Gp.CommandStage.new(['nice'])
        nice_command.set_nice(3)
        self.assertEqual(int(communicate(pipeline_of(nice_command))),
                         min(os.getpriority(os.PRIO_PROCESS, 0) + 3, 19))


class TestKnowledge(ProcessTestCase):
    def test_8_usage(self):
        pipeline = pipeline_of(command('burn', '50'))
        status = pipeline.get_status(0)
        self.assertEqual((status.get_user_time(), status.get_system_time(), status.get_wall_time(),
                          status.get_peak_memory(), status.get_tree_memory_peak()), (-1,) * 5)
        run(pipeline)
        used = status.get_user_time() + status.get_system_time()
        self.assertTrue(used >= 45000 and status.get_wall_time() > 0)
        self.assertEqual(status.get_wall_time(), status.get_ended_at() - status.get_started_at())
        self.assertGreater(status.get_peak_memory(), 4096)
        self.assertEqual(status.get_tree_memory_peak(), -1)
        self.assertEqual((status.props.user_time, status.props.system_time, status.props.wall_time,
                          status.props.peak_memory, status.props.tree_memory_peak),
                         (status.get_user_time(), status.get_system_time(), status.get_wall_time(),
                          status.get_peak_memory(), -1))

        alone_command = command('burn', '1')
        alone_command.set_supervised(False)
        pipeline = pipeline_of(alone_command)
        run(pipeline)
        status = pipeline.get_status(0)
        self.assertEqual((status.get_user_time(), status.get_system_time(),
                          status.get_peak_memory()), (-1, -1, -1))
        self.assertGreaterEqual(status.get_wall_time(), 0)

    def test_8_events(self):
        """They are kept, and looked at when the pipeline has long been freed."""
        def watch(*stages):
            pipeline = pipeline_of(*stages)
            events, failures = [], []
            pipeline.connect('event', lambda source, event: events.append(event))
            pipeline.connect('event::stage-failed', lambda source, event: failures.append(event))
            with self.assertRaises(GLib.Error):
                run(pipeline)
            return events, failures

        stage = command('exit', '3', name='broken')
        events, failures = watch(command('exit', '0', name='fine'), stage)
        self.assertEqual(sorted((event.get_kind(), event.get_stage_name()) for event in events),
                         sorted([(Gp.EventKind.STAGE_STARTED, 'fine'),
                                 (Gp.EventKind.STAGE_STARTED, 'broken'),
                                 (Gp.EventKind.STAGE_FINISHED, 'fine'),
                                 (Gp.EventKind.STAGE_FAILED, 'broken'),
                                 (Gp.EventKind.PIPELINE_FAILED, 'broken')]))
        self.assertEqual(events[-1].get_kind(), Gp.EventKind.PIPELINE_FAILED)
        event, = failures
        self.assertIs(event.get_stage(), stage)
        self.assertTrue(Gp.error_matches_exit_status(event.dup_error(), 3))
        self.assertIn('broken', event.get_message())
        details = event.get_details().unpack()
        self.assertEqual(details.pop('exit-status'), 3)
        self.assertGreater(details.pop('pid'), 0)
        self.assertEqual(details, {})
        self.assertIsNone(events[0].dup_error())

        events, failures = watch(Gp.CommandStage.new(['/nonexistent']))
        self.assertEqual([event.get_kind() for event in events],
                         [Gp.EventKind.START_FAILED, Gp.EventKind.PIPELINE_FAILED])
        self.assertEqual(failures, [])

    def test_8_stopped(self):
        def add(source, event):
            seen.append((event.get_kind(), event.get_details().unpack().get('signal'),
                         status.get_state()))

        command_stage = command('wait', 'ready')
        pipeline = pipeline_of(command_stage)
        status, seen = pipeline.get_status(0), []
        pipeline.connect('event::stage-stopped', add)
        pipeline.connect('event::stage-continued', add)
        stdout = pipeline.open_output()
        pipeline.start_finish(Call(pipeline.start_async, None).wait())
        self.assertEqual(stdout.read_bytes(64, None).get_data(), b'ready\n')
        stdout.close()

        command_stage.send_signal(signal.SIGSTOP)
        iterate_until(lambda: len(seen) == 1)
        self.assertIn('SIGSTOP', status.dup_summary())
        command_stage.send_signal(signal.SIGCONT)
        iterate_until(lambda: len(seen) == 2)
        self.assertEqual(seen, [
            (Gp.EventKind.STAGE_STOPPED, signal.SIGSTOP, Gp.StageState.STOPPED),
            (Gp.EventKind.STAGE_CONTINUED, None, Gp.StageState.RUNNING)])
        command_stage.send_signal(signal.SIGKILL)
        self.assert_raises(Gp.SignalError.quark(), Gp.SignalError.KILL, self.wait, pipeline)


class TestSettings(ProcessTestCase):
    def assert_all_notified(self, source, notified):
        """Of each property that can be changed"""
        settable = {pspec.name for pspec in source.list_properties()
                    if pspec.flags & GObject.ParamFlags.WRITABLE
                    and not pspec.flags & GObject.ParamFlags.CONSTRUCT_ONLY}
        self.assertEqual(notified, settable)

    def watch(self, source):
        notified = set()
        source.connect('notify', lambda source, pspec: notified.add(pspec.name))
        return notified

    def test_8_command_settings(self):
        command_stage = Gp.CommandStage(argv=['/bin/a', 'b'])
        notified = self.watch(command_stage)
        self.assertEqual(command_stage.get_argv(), ['/bin/a', 'b'])
        self.assertEqual(command_stage.props.argv, ['/bin/a', 'b'])
        self.assertEqual(command_stage.get_name(), 'a')

        command_stage.set_name('b')
        self.assertEqual((command_stage.get_name(), command_stage.props.name), ('b', 'b'))
        command_stage.props.name = None
        self.assertEqual((command_stage.get_name(), command_stage.props.name), ('a', 'a'))
        command_stage.set_directory('/')
        self.assertEqual((command_stage.get_directory(), command_stage.props.directory), ('/', '/'))
        command_stage.props.directory = None
        self.assertIsNone(command_stage.get_directory())
        command_stage.set_environ(['A=b', 'C=d'])
        self.assertEqual(command_stage.get_environ(), ['A=b', 'C=d'])
        command_stage.props.environ = ['A=b']
        self.assertEqual(command_stage.props.environ, ['A=b'])
        # PyGObject makes an empty list of NULL
        command_stage.set_environ(None)
        self.assertFalse(command_stage.get_environ())
        command_stage.set_kill_delay(7)
        self.assertEqual((command_stage.get_kill_delay(), command_stage.props.kill_delay), (7, 7))
        command_stage.props.kill_delay = 0
        self.assertEqual(command_stage.get_kill_delay(), 0)
        command_stage.set_process_group(Gp.ProcessGroup.OWN)
        self.assertEqual(command_stage.get_process_group(), Gp.ProcessGroup.OWN)
        command_stage.props.process_group = Gp.ProcessGroup.CALLER
        self.assertEqual(command_stage.props.process_group, Gp.ProcessGroup.CALLER)
        command_stage.set_stderr_limit(1 << 40)
        self.assertEqual(command_stage.get_stderr_limit(), 1 << 40)
        command_stage.props.stderr_limit = 5
        self.assertEqual(command_stage.props.stderr_limit, 5)
        command_stage.set_stderr_mode(Gp.StderrMode.MERGE)
        self.assertEqual(command_stage.get_stderr_mode(), Gp.StderrMode.MERGE)
        command_stage.props.stderr_mode = Gp.StderrMode.DISCARD
        self.assertEqual(command_stage.props.stderr_mode, Gp.StderrMode.DISCARD)
        self.set_streams(command_stage)
        self.set_processes(command_stage)
        self.set_limits(command_stage)
        self.assert_all_notified(command_stage, notified)

    def set_streams(self, command_stage):
        stdin, stream = Gio.MemoryInputStream(), Gio.MemoryOutputStream.new_resizable()
        command_stage.set_stdin(stdin)
        self.assertIs(command_stage.get_stdin(), stdin)
        command_stage.props.stdin = None
        self.assertIsNone(command_stage.props.stdin)
        command_stage.set_stdout(stream)
        self.assertIs(command_stage.get_stdout(), stream)
        command_stage.props.stdout = None
        self.assertIsNone(command_stage.props.stdout)
        command_stage.set_stderr_stream(stream)
        self.assertIs(command_stage.get_stderr_stream(), stream)
        command_stage.props.stderr_stream = None
        self.assertIsNone(command_stage.props.stderr_stream)

    def set_processes(self, command_stage):
        self.assertTrue(command_stage.props.supervised)
        command_stage.set_supervised(False)
        self.assertFalse(command_stage.get_supervised())
        command_stage.props.supervised = True
        self.assertTrue(command_stage.get_supervised())
        command_stage.set_die_with_parent(True)
        self.assertTrue(command_stage.get_die_with_parent())
        command_stage.props.die_with_parent = False
        self.assertFalse(command_stage.props.die_with_parent)
        command_stage.set_kill_descendants(True)
        self.assertTrue(command_stage.get_kill_descendants())
        command_stage.props.kill_descendants = False
        self.assertFalse(command_stage.props.kill_descendants)
        command_stage.set_terminal(True)
        self.assertTrue(command_stage.get_terminal())
        command_stage.props.terminal = False
        self.assertFalse(command_stage.props.terminal)

    def set_limits(self, command_stage):
        command_stage.set_time_limit(7)
        self.assertEqual((command_stage.get_time_limit(), command_stage.props.time_limit), (7, 7))
        command_stage.props.time_limit = 0
        self.assertEqual(command_stage.get_time_limit(), 0)
        command_stage.set_memory_limit(1 << 40)
        self.assertEqual(command_stage.get_memory_limit(), 1 << 40)
        command_stage.props.memory_limit = 5
        self.assertEqual(command_stage.props.memory_limit, 5)
        self.assertEqual(command_stage.get_memory_interval(), 100)
        command_stage.set_memory_interval(7)
        self.assertEqual(command_stage.get_memory_interval(), 7)
        command_stage.props.memory_interval = 8
        self.assertEqual(command_stage.props.memory_interval, 8)
        command_stage.set_nice(-7)
        self.assertEqual(command_stage.get_nice(), -7)
        command_stage.props.nice = 0
        self.assertEqual(command_stage.props.nice, 0)

    def test_8_memory_watch_settings(self):
        command_stage = command('cat')
        memory_watch = Gp.MemoryWatchStage(stage=command_stage)
        notified = self.watch(memory_watch)
        self.assertIs(memory_watch.props.stage, command_stage)
        self.assertEqual(memory_watch.get_name(), 'cat')
        self.assertEqual((memory_watch.get_limit(), memory_watch.get_interval()), (0, 100))
        memory_watch.set_limit(1 << 40)
        self.assertEqual((memory_watch.get_limit(), memory_watch.props.limit), (1 << 40,) * 2)
        memory_watch.props.limit = 5
        self.assertEqual(memory_watch.get_limit(), 5)
        memory_watch.set_interval(7)
        self.assertEqual((memory_watch.get_interval(), memory_watch.props.interval), (7, 7))
        memory_watch.props.interval = 8
        self.assertEqual(memory_watch.get_interval(), 8)
        self.assert_all_notified(memory_watch, notified)


if __name__ == '__main__':
    main(TestCommands, TestLimits, TestKnowledge, TestSettings)
