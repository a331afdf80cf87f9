#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes in and bytes out, and an exit status that is no failure."""

import gi

gi.require_version('Gp', '1')
from gi.repository import Gp  # noqa: E402

# File names, each ended by a zero. The first is in Latin-1, which is no valid UTF-8.
NAMES = b'caf\xe9\0tea\0'


def grep(pattern, names):
    pipeline = Gp.Pipeline.new()
    # Bytes are characters in this locale, so that none of them is invalid.
    pipeline.setenv('LC_ALL', 'C', True)
    command = pipeline.append_command(['grep', '-az', pattern])
    # It only found nothing. Any other status is a failure.
    command.accept_exit_status(1)
    return pipeline.communicate(names)


for pattern in '^c', '^x':
    found = grep(pattern, NAMES)
    print(f'{pattern}: {len(found)} bytes', *(f'{byte:02x}' for byte in found))
