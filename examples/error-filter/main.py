#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A function that decides which errors of a stage are errors."""

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, GLib, Gp  # noqa: E402

FRUITS = 'pear\nfig\nred fig\n'


def explain(error):
    # It has found nothing. Where nothing else shall be decided, append_ignoring () needs no function
    # for that.
    if Gp.error_matches_exit_status(error, 1):
        return Gp.ErrorAction.FORGIVE
    if Gp.error_matches_exit_status(error, 2):
        raise GLib.Error.new_literal(Gio.io_error_quark(), 'this is no pattern',
                                     Gio.IOErrorEnum.INVALID_ARGUMENT)
    return Gp.ErrorAction.KEEP


def print_count(pattern):
    grep = Gp.CommandStage.new(['grep', '-c', pattern])
    pipeline = Gp.Pipeline.new()
    pipeline.append(Gp.BytesStage.new_text(FRUITS))
    pipeline.append(Gp.ErrorFilterStage.new(grep, explain))
    try:
        print(f'{pattern}: {pipeline.communicate_utf8()}', end='')
    except GLib.Error as error:
        print(f'{pattern}: {error.message}')


print_count('fig')
print_count('kiwi')
print_count('[')
