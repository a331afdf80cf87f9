#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A class of stages of one's own, between two commands."""

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, GObject, Gp  # noqa: E402


class PrefixStage(Gp.ThreadStage):
    """Puts a prefix before each line."""

    prefix = GObject.Property(type=str, default='')

    # It runs in a thread, so it may block; the cancellable ends the blocking.
    def do_process(self, context, cancellable):
        lines = Gio.DataInputStream.new(context.get_stdin())
        while (line := lines.read_line_utf8(cancellable)[0]) is not None:
            context.get_stdout().write_all(f'{self.prefix}{line}\n'.encode(), cancellable)


pipeline = Gp.Pipeline.new()
pipeline.append_command(['printf', 'pear\\nfig\\n'])
pipeline.append(PrefixStage(prefix='a '))
pipeline.append_command(['sort'])

print(pipeline.communicate_utf8(), end='')
