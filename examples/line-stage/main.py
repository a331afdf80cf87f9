#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function that sees each line, and says what becomes of it."""

import itertools

import gi

gi.require_version('Gp', '1')
from gi.repository import Gp  # noqa: E402

FRUITS = 'pear\n# a comment\nfig\npear\nend\nnever seen\n'

numbers = itertools.count(1)


# Called in a thread of the stage's own, so it may block
def number_line(line, output):
    if line.startswith('#'):
        return Gp.LineAction.DROP
    # No more lines are wanted.
    if line == 'end':
        return Gp.LineAction.FINISH
    # What is written here comes before the line.
    output.put_string(f'{next(numbers)}: ')
    return Gp.LineAction.KEEP


pipeline = Gp.Pipeline.new()
pipeline.append(Gp.BytesStage.new_text(FRUITS))
pipeline.append(Gp.LineStage.new('number', number_line))

print(pipeline.communicate_utf8(), end='')
