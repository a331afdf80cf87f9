#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what no test has reached with what is known not to be reached, and why.

usage: check-coverage.py LCOV UNCOVERED

LCOV may have many records for a file, one for each program that it is compiled into. A line of
UNCOVERED is FILE: FUNCTION: TEXT: REASON, where FILE is the end of its name, FUNCTION may be * for
any, and TEXT is a part of the line of code. Lines with nothing but a brace or a comment, and labels,
are not looked at.
"""

import collections
import pathlib
import re
import sys

TRIVIAL = re.compile(r'^\s*([{}();\s]*|(case .*|default):|break;|else|(/\*|\*).*|#.*)$')
FUNCTION = re.compile(r'^([a-z]\w+) \(')


def read_known(path):
    known = []
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.strip() and not line.startswith('#'):
            known.append(tuple(part.strip() for part in line.split(': ', 3)))
    return known


def read_counts(path, root):
    """How often each line of each file of the library was reached"""
    counts = collections.defaultdict(dict)
    lines = {}
    for record in path.read_text(encoding='utf-8').splitlines():
        kind, _, value = record.partition(':')
        if kind == 'SF':
            source = pathlib.Path(value).resolve()
            is_ours = source.parent == root / 'gopipe'
            lines = counts[str(source.relative_to(root))] if is_ours else {}
        elif kind == 'DA':
            number, count = map(int, value.split(',')[:2])
            lines[number] = max(lines.get(number, 0), count)
    return counts


def find_lines(root, counts):
    for name, lines in sorted(counts.items()):
        source = (root / name).read_text(encoding='utf-8').splitlines()
        function = ''
        for number, text in enumerate(source, 1):
            start = FUNCTION.match(text)
            if start:
                function = start.group(1)
            if number in lines and not TRIVIAL.match(text.strip()):
                yield name, number, function, text.strip(), lines[number]


def is_meant(known, name, function, text):
    return name.endswith(known[0]) and known[1] in ('*', function) and known[2] in text


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    counts = read_counts(pathlib.Path(sys.argv[1]), root)
    known = read_known(pathlib.Path(sys.argv[2]))

    n_lines = 0
    n_uncovered = 0
    surprises = []
    used = set()
    for name, number, function, text, count in find_lines(root, counts):
        n_lines += 1
        if count > 0:
            continue
        n_uncovered += 1
        matches = [one for one in known if is_meant(one, name, function, text)]
        used.update(matches)
        if not matches:
            surprises.append(f'{name}:{number}: {function}: {text}')

    for surprise in surprises:
        print(f'no test reaches {surprise}')
    for one in known:
        if one not in used:
            print(f'{one[0]}: {one[1]}: "{one[2]}" is reached, or is not there any more')
    print(f'{n_lines - n_uncovered} of {n_lines} lines are reached, '
          f'{n_uncovered - len(surprises)} are known not to be')
    sys.exit(1 if surprises or not n_lines else 0)


if __name__ == '__main__':
    main()
