#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Text through commands, written as in a shell."""

import gi

gi.require_version('Gp', '1')
from gi.repository import Gp  # noqa: E402

FRUITS = 'pear\n# a comment\nfig\npear\n'

# No shell is involved: a variable or a redirection would be an error here.
pipeline = Gp.Pipeline.new_from_string("grep -v '^#' | sort | uniq")

print(pipeline.communicate_utf8(FRUITS), end='')
