#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what no test has reached with what is known not to be reached, and why.

usage: check-coverage.py GCOVR-JSON UNCOVERED

A line of UNCOVERED is FILE: TEXT: REASON, where TEXT is a part of the line of code. Lines with
nothing but a brace, and `default:` labels, are not looked at.
"""

import json
import pathlib
import re
import sys

TRIVIAL = re.compile(r'^[\s{}();]*$|^\s*(default:|break;)$')


def read_known(path):
    known = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.strip() and not line.startswith('#'):
            name, text, reason = line.split(': ', 2)
            known.append((name, text.strip(), reason))
    return known


def find_uncovered(root, files):
    for entry in files:
        name = entry['file']
        source = (root / name).read_text(encoding='utf-8').splitlines()
        for line in entry['lines']:
            number = line['line_number']
            text = source[number - 1]
            if line['count'] == 0 and not line.get('gcovr/noncode') and not TRIVIAL.match(text):
                yield name, number, text.strip()


def main():
    coverage = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding='utf-8'))
    known = read_known(pathlib.Path(sys.argv[2]))
    root = pathlib.Path(__file__).resolve().parent.parent

    n_lines = sum(len(entry['lines']) for entry in coverage['files'])
    n_uncovered = 0
    surprises = []
    used = set()
    for name, number, text in find_uncovered(root, coverage['files']):
        n_uncovered += 1
        matches = [one for one in known if name.endswith(one[0]) and one[1] in text]
        used.update(matches)
        if not matches:
            surprises.append(f'{name}:{number}: {text}')

    for surprise in surprises:
        print(f'no test reaches {surprise}')
    for one in known:
        if one not in used:
            print(f'{one[0]}: "{one[1]}" is reached, or is not there any more')
    print(f'{n_lines - n_uncovered} of {n_lines} lines are reached, '
          f'{n_uncovered - len(surprises)} are known not to be')
    sys.exit(1 if surprises else 0)


if __name__ == '__main__':
    main()
