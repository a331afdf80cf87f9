#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what the library exports with the list that is kept here.

usage: symbols.py LIBRARY EXPECTED [--update]

A symbol that comes or goes is a change of the library's interface: it is meant, then the list
changes in the same commit (--update), or it is a mistake.
"""

import subprocess
import sys

from tap import Report


def exported(library):
    lines = subprocess.run(['nm', '--dynamic', '--defined-only', library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(line.split()[-1] for line in lines)


def main():
    library, expected_file, *options = sys.argv[1:]
    symbols = exported(library)
    if options == ['--update']:
        with open(expected_file, 'w', encoding='utf-8') as file:
            file.writelines(f'{symbol}\n' for symbol in symbols)
        return

    with open(expected_file, encoding='utf-8') as file:
        expected = file.read().split()

    report = Report()
    report.check('no exported symbol is missing', sorted(set(expected) - set(symbols)))
    report.check('no exported symbol is new', sorted(set(symbols) - set(expected)))
    report.check('every exported symbol begins with gp_',
                 [symbol for symbol in symbols if not symbol.startswith('gp_')])
    report.finish()


if __name__ == '__main__':
    main()
