#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A window that stays alive while its pipeline is started, and while it runs: main.c tells how
that is seen."""

import os
import queue
import sys

import gi

gi.require_version('Gp', '1')
gi.require_version('Gtk', '4.0')
from gi.repository import Gio, GLib, Gp, Gtk  # noqa: E402

N_FRAMES = 30


class App:
    def __init__(self):
        self.loop = GLib.MainLoop()
        self.frames = queue.SimpleQueue()
        self.n_while_starting = 0
        self.n_while_running = 0
        self.lines = []
        self.results = []

        self.pipeline = Gp.Pipeline.new()
        self.pipeline.append(Gp.FunctionStage.new('frames', self.write_frames))
        self.pipeline.append_command([os.environ['GP_TEST_CHILD'], 'cat'])

        self.bar = Gtk.ProgressBar()
        self.label = Gtk.Label(label='starting')
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        box.append(self.bar)
        box.append(self.label)
        self.window = Gtk.Window(child=box, default_width=320, default_height=120)
        self.bar.add_tick_callback(self.on_frame)

    def check(self, ok, what):
        self.results.append(ok)
        print(f'{"ok" if ok else "not ok"} {len(self.results)} - {what}', flush=True)

    def write_frames(self, stdin, stdout, context, *unused):
        """Called in a thread: writes a line for each frame."""
        for number in range(1, N_FRAMES + 1):
            self.frames.get()
            stdout.write_all(f'frame {number}\n'.encode(), None)
        return True

    def on_frame(self, widget, clock, *unused):
        state = self.pipeline.get_state()
        if state == Gp.PipelineState.BUILDING:
            self.start()
        elif state == Gp.PipelineState.STARTING:
            self.bar.pulse()
            self.n_while_starting += 1
            if self.n_while_starting == N_FRAMES:
                with open(os.environ['GP_TEST_GATE'], 'wb'):
                    pass
        else:
            self.n_while_running += 1
            self.frames.put(None)
        return GLib.SOURCE_CONTINUE

    def start(self):
        self.output = Gio.DataInputStream.new(self.pipeline.open_output())
        self.pipeline.run_async(None, self.on_end)
        self.check(self.pipeline.get_state() == Gp.PipelineState.STARTING
                   and self.pipeline.get_status(1).get_pid() == 0,
                   'the call that starts does not wait')
        self.read_line()

    def read_line(self):
        self.output.read_line_async(GLib.PRIORITY_DEFAULT, None, self.on_line)

    def on_line(self, source, result, *unused):
        line, _ = source.read_line_finish_utf8(result)
        if line is None:
            return
        self.lines.append(line)
        self.label.set_text(line)
        self.bar.set_fraction(len(self.lines) / N_FRAMES)
        self.read_line()

    def on_end(self, source, result, *unused):
        try:
            self.check(source.run_finish(result), 'the pipeline succeeds')
        except GLib.Error as error:
            self.check(False, error.message)
        self.check(self.n_while_starting >= N_FRAMES, 'frames while a command does not start')
        self.check(self.n_while_running >= N_FRAMES, 'frames while the pipeline runs')
        self.check(self.lines == [f'frame {n}' for n in range(1, N_FRAMES + 1)], 'all the output')
        self.loop.quit()

    def run(self):
        print('1..5')
        self.window.present()
        self.loop.run()
        self.window.destroy()
        return all(self.results)


if __name__ == '__main__':
    sys.exit(not App().run())
