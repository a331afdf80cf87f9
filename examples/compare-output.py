#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs an example and compares what it prints with a file. Prints TAP.

usage: compare-output.py EXPECTED-OUTPUT COMMAND...
"""

import difflib
import pathlib
import subprocess
import sys


def main():
    expected = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')
    result = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, text=True, check=False)
    differences = list(difflib.unified_diff(expected.splitlines(), result.stdout.splitlines(),
                                            'expected', 'printed', lineterm=''))
    print('1..2')
    print(f'{"ok" if result.returncode == 0 else "not ok"} 1 - succeeds')
    print(f'{"not ok" if differences else "ok"} 2 - prints what it should')
    for line in differences:
        print(line, file=sys.stderr)


if __name__ == '__main__':
    main()
