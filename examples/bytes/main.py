#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bytes in and bytes out, and an exit status that is no failure."""

import gi

gi.require_version('Gp', '1')
from gi.repository import GLib, Gp  # noqa: E402

# File names, each ended by a zero. The first is in Latin-1, which is no valid UTF-8.
NAMES = b'caf\xe9\0tea\0'


def grep(pattern, names):
    pipeline = Gp.Pipeline.new()
    # Bytes are characters in this locale, so that none of them is invalid.
    pipeline.setenv('LC_ALL', 'C', True)
    pipeline.append_command(['grep', '-az', pattern])
    try:
        return pipeline.communicate(names)
    except GLib.Error as error:
        # It only found nothing. What it wrote is not lost. Any other status is a failure.
        if Gp.error_matches_exit_status(error, 1):
            return pipeline.dup_output()
        raise


for pattern in '^c', '^x':
    found = grep(pattern, NAMES)
    print(f'{pattern}: {len(found)} bytes', *(f'{byte:02x}' for byte in found))
