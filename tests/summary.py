#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums up a run of `meson test`: each single check of each test counts.

usage: summary.py TESTLOG.JSON

The last line is `N passed, N failed`. Fails when something failed, and when nothing ran.
"""

import collections
import json
import re
import sys

RESULT = re.compile(r'^( *)(not )?ok\b[^#]*(#\s*SKIP\b)?', re.IGNORECASE)
GOOD = {'OK', 'EXPECTEDFAIL', 'SKIP'}


def count_tap(output):
    """Counts passed, failed and skipped checks. A line that ends a group of deeper ones only
    repeats what they say."""
    counts = collections.Counter()
    depth = 0
    for line in output.splitlines():
        match = RESULT.match(line)
        if not match:
            continue
        indent, failed, skipped = match.groups()
        if len(indent) >= depth:
            counts['skipped' if skipped else 'failed' if failed else 'passed'] += 1
        depth = len(indent)
    return counts


def count(test):
    counts = count_tap(test.get('stdout') or '')
    if test['result'] not in GOOD and not counts['failed']:
        counts['failed'] += 1  # it crashed, hung, or said less than it had promised
    elif not counts:
        counts['skipped' if test['result'] == 'SKIP' else 'passed'] += 1
    return counts


def suite_of(test):
    """Meson's name of a test is "project:suite+suite / name" or only "name"."""
    return test['name'].split(' / ')[0].split(':')[-1].split('+')[0] if ' / ' in test['name'] else 'other'


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        tests = [json.loads(line) for line in file]

    total = collections.Counter()
    suites = collections.defaultdict(collections.Counter)
    bad = []
    for test in tests:
        counts = count(test)
        total += counts
        suites[suite_of(test)] += counts
        if counts['failed']:
            bad.append(f'{test["name"]}: {test["result"]}')

    print()
    for name, counts in sorted(suites.items()):
        print(f'{name:10}' + ', '.join(f'{counts[key]} {key}' for key in sorted(counts)))
    for line in bad:
        print(f'FAILED: {line}')
    print(f'{total["passed"]} passed, {total["failed"]} failed')
    sys.exit(1 if total['failed'] or not total['passed'] else 0)


if __name__ == '__main__':
    main()
