#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command that stops reading early, as in `yes | head`."""

import gi

gi.require_version('Gp', '1')
from gi.repository import GLib, Gp  # noqa: E402


# "head" ends after three lines, and "yes", which would never end, is killed by SIGPIPE then. As it
# cannot know whether that was meant, a pipeline takes it for a failure unless told otherwise.
def print_first(ignore_pipe_errors):
    pipeline = Gp.Pipeline(ignore_pipe_errors=ignore_pipe_errors)
    pipeline.append_command(['yes', 'fig'])
    pipeline.append_command(['head', '-n', '3'])
    try:
        print(pipeline.communicate_utf8(), end='')
    except GLib.Error as error:
        print('error:', error.message)


print_first(True)
print_first(False)
