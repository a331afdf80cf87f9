#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function between two commands. The README shows it."""

# excerpt: hello
import gi

gi.require_version('Gp', '1')
from gi.repository import Gp


def to_upper(stdin, stdout, context, *unused):
    while data := stdin.read_bytes(4096, None).get_data():
        stdout.write_all(data.upper(), None)
    return True


pipeline = Gp.Pipeline.new()
pipeline.append_command(['printf', 'pear\\nfig\\napple\\n'])
pipeline.append(Gp.FunctionStage.new('upper', to_upper))
pipeline.append_command(['sort'])

print(pipeline.communicate_utf8(None, None), end='')
# end of excerpt
