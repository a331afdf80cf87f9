#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a program with a display of its own, and with a gate that it must open before any command
starts; a program whose main loop stands still never gets to that, and is ended.

usage: with-display.py COMMAND...
"""

import os
import pathlib
import subprocess
import sys
import tempfile

WATCHDOG_SECONDS = 60


def start_display():
    """Starts a server on the first free display. It tells which one as soon as it is ready."""
    reader, writer = os.pipe()
    command = ['Xvfb', '-displayfd', str(writer), '-screen', '0', '640x480x24', '-nolisten', 'tcp',
               '-noreset']
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with open(reader, encoding='ascii') as ready:
        number = ready.readline().strip()
    if not number:
        sys.exit(f'Xvfb: exit status {server.wait()}')
    return server, f':{number}'


def environment(display, folder):
    gate = folder / 'gate'
    os.mkfifo(gate)
    return {
        **os.environ,
        'DBUS_SESSION_BUS_ADDRESS': 'disabled:',
        'DISPLAY': display,
        'GDK_BACKEND': 'x11',
        'GIO_USE_VFS': 'local',
        'GSETTINGS_BACKEND': 'memory',
        'GSK_RENDERER': 'cairo',
        'GTK_A11Y': 'none',
        'HOME': str(folder),
        'XDG_RUNTIME_DIR': str(folder),
        'GOPIPE_EXEC': str(pathlib.Path(__file__).with_name('slow-exec.sh').resolve()),
        'GP_TEST_GATE': str(gate),
    }


def main():
    server, display = start_display()
    try:
        with tempfile.TemporaryDirectory() as folder:
            program = subprocess.run(sys.argv[1:], env=environment(display, pathlib.Path(folder)),
                                     timeout=WATCHDOG_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        sys.exit(f'watchdog: {error}')
    finally:
        server.terminate()
        server.wait()
    sys.exit(program.returncode)


if __name__ == '__main__':
    main()
