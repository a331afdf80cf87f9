#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function of lines in Python, and the loop over a Gio.DataInputStream that one would write
instead: the one that blocks, which takes a tenth of the other one's time. Called like a contestant
of gopipe-bench."""

import sys
import time

import gi

gi.require_version('Gp', '1')

from gi.repository import Gio, GLib, Gp


def gopipe(size):
    total = 0

    def count(lines, output):
        nonlocal total
        for line in lines:
            total += 1
        return Gp.LineAction.DROP

    pipeline = Gp.Pipeline()
    pipeline.append_command(['/usr/bin/seq', str(size)])
    pipeline.append(Gp.LineStage.new_in_context('count', count))

    done = []
    pipeline.run_async(None, lambda source, result: done.append(source.run_finish(result)))
    while not done:
        GLib.MainContext.default().iteration(True)
    return total


def start_seq(size):
    process = Gio.Subprocess.new(['/usr/bin/seq', str(size)], Gio.SubprocessFlags.STDOUT_PIPE)
    stream = Gio.DataInputStream.new(process.get_stdout_pipe())
    stream.set_buffer_size(64 * 1024)
    return process, stream


def gsubprocess(size):
    total = 0
    process, stream = start_seq(size)
    while True:
        line, _ = stream.read_line_utf8(None)
        if line is None:
            break
        total += 1
    process.wait_check(None)
    return total


def main():
    _, contestant, size, iterations, _ = sys.argv[1:]
    work = globals()[contestant]
    for number in range(1 + int(iterations)):
        lines = int(size) if number > 0 else 1000
        begin = time.monotonic()
        if (total := work(lines)) != lines:
            sys.exit(f'{total} lines instead of {lines}')
        if number > 0:
            print('time', f'{time.monotonic() - begin:.9f}', flush=True)

    with open('/proc/self/status', encoding='ascii') as status:
        print('peak', next(line.split()[1] for line in status if line.startswith('VmHWM:')))


if __name__ == '__main__':
    main()
