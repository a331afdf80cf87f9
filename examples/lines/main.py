#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines as they come, while the pipeline runs, until there are enough or the time is up."""

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, GLib, Gp  # noqa: E402


def print_lines(commands, time_limit):
    pipeline = Gp.Pipeline.new_from_string(commands)
    pipeline.set_time_limit(time_limit)
    try:
        for number, line in enumerate(pipeline.lines(), 1):
            print(line)
            if number == 3:
                # Without this, the commands would only end when they write to the closed output.
                pipeline.cancel()
                break
        pipeline.wait()
    except GLib.Error as error:
        if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED):
            print('That was enough.')
        elif error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT):
            print('It took too long.')
        else:
            print('error:', error.message)


print_lines("yes fig | grep -n ''", 0)
print_lines('sleep 1000', 100)
