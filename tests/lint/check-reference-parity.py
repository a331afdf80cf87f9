#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares doc/reference-parity.md with the tests: whatever it says is shown by one.

usage: check-reference-parity.py SOURCE-ROOT

In its tables, the column "tests" has the names of tests in C, and the column "languages" has cases
of introspection/tests/cases.txt, all of them in backticks. A test without a slash in front is in the
folder that a sentence above the table names:

    The tests are in `/reference/features/`.
"""

import pathlib
import re
import sys

from tap import Report

PAGE = 'doc/reference-parity.md'
# All tests below these are there for the page.
FOLDERS = ('/reference/', '/weak-points/')

QUOTED = re.compile(r'`([^`]+)`')
FOLDER = re.compile(r'\b[Tt]he tests are in\s+`(/[^`]+/)`')
CELLS = re.compile(r'\s*\|\s*')
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
PROGRAM = re.compile(r"^  '([\w-]+)': \{", re.M)
CASE = re.compile(r'^\d_\w+', re.M)


class Row:
    def __init__(self, line, folder, cells):
        names = QUOTED.findall(cells.get('tests', ''))
        self.where = f'{PAGE}:{line}'
        self.tests = [name if name.startswith('/') else folder + name for name in names]
        self.languages = cells.get('languages', '')
        self.cases = [name for name in QUOTED.findall(self.languages) if CASE.match(name)]


def read_rows(page):
    rows, folder, titles, sentence = [], '', None, ''
    for number, line in enumerate(page.read_text(encoding='utf-8').splitlines(), 1):
        if not line.startswith('|'):
            # A sentence may go on in the next line.
            sentence = f'{sentence} {line}' if line else ''
            match = FOLDER.search(sentence)
            folder, titles = match.group(1) if match else folder, None
            continue
        cells = CELLS.split(line.strip().removeprefix('|').removesuffix('|').strip())
        if titles is None:
            titles = cells
        elif not set(line) <= set('|- '):
            rows.append(Row(number, folder, dict(zip(titles, cells))))
    return rows


class Source:
    """The strings of a test program; the names of its tests are among them, or made of them."""

    def __init__(self, path):
        self.strings = set(STRING.findall(path.read_text(encoding='utf-8')))
        self.patterns = [re.compile(re.escape(string).replace('%s', '(.+)').replace('%u', r'\d+'))
                         for string in self.strings if string.startswith('/') and '%' in string]

    def has_test(self, name):
        return name in self.strings or any(
            match and set(match.groups()) <= self.strings
            for match in (pattern.fullmatch(name) for pattern in self.patterns))


def read_sources(folder):
    """Of the programs that are run"""
    programs = PROGRAM.findall((folder / 'meson.build').read_text(encoding='utf-8'))
    return [Source(path) for path in sorted(folder.glob('test-*.c'))
            if path.stem.removeprefix('test-') in programs]


def main():
    root = pathlib.Path(sys.argv[1])
    rows = read_rows(root / PAGE)
    sources = read_sources(root / 'tests')
    named = {test for row in rows for test in row.tests}
    there = {string for source in sources for string in source.strings
             if string.startswith(FOLDERS)}
    cases = set(CASE.findall((root / 'introspection/tests/cases.txt').read_text(encoding='utf-8')))

    report = Report()
    report.check('the page has rows', [] if rows else ['none was found'])
    report.check('each row has a test', [f'{row.where}: no test' for row in rows if not row.tests])
    report.check('each row says something about languages',
                 [f'{row.where}: nothing' for row in rows if not row.languages])
    report.check('each test of the page is there',
                 [f'{row.where}: {test} is not in the tests' for row in rows for test in row.tests
                  if not any(source.has_test(test) for source in sources)])
    report.check('the page has each test that is there for it',
                 [f'{test} is not in {PAGE}' for test in sorted(there - named)])
    report.check('each case of the page is there',
                 [f'{row.where}: {case} is not in cases.txt' for row in rows for case in row.cases
                  if case not in cases])
    report.finish()


if __name__ == '__main__':
    main()
