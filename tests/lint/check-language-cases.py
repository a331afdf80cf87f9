#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that the tests of all languages have the same cases.

usage: check-language-cases.py SOURCE-ROOT

The table is introspection/tests/cases.txt. A case has the number of its topic and a name, and below
it stand the languages that do not have it, each with the reason:

    4_stage_in_thread
      gjs: JavaScript cannot be called in a thread

Tests without a number are of one language alone.
"""

import pathlib
import re
import sys

from tap import Report

FOLDER = 'introspection/tests'
TOPICS = range(1, 10)
CASES = {
    'python': ('test_python*.py', re.compile(r'^    def test_(\d\w+)\(', re.M)),
    'gjs': ('test-gjs*.mjs', re.compile(r"^test\('(\d\w+)'", re.M)),
    'vala': ('test-vala*.vala', re.compile(r'^  GpTest\.add \("/vala/(\d/[\w-]+)"', re.M)),
}
COMMENT = re.compile(r'^\s*(#|$)')
CASE = re.compile(r'\d_\w+')
EXCEPTION = re.compile(r'  (\w+): \S.*')


def read_table(file):
    """{case: languages that do not have it}, and what is wrong with the table"""
    table, problems, case = {}, [], None
    for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1):
        exception = EXCEPTION.fullmatch(line)
        if COMMENT.match(line):
            continue
        if exception and case and exception.group(1) in CASES:
            table[case].add(exception.group(1))
        elif CASE.fullmatch(line) and line not in table:
            case = line
            table[case] = set()
        else:
            problems.append(f'{file.name}:{number}: neither a new case nor a language')
    return table, problems


def read_cases(folder, language):
    pattern, case = CASES[language]
    return [name.replace('/', '_').replace('-', '_')
            for path in sorted(folder.glob(pattern))
            for name in case.findall(path.read_text(encoding='utf-8'))]


def main():
    folder = pathlib.Path(sys.argv[1]) / FOLDER
    table, problems = read_table(folder / 'cases.txt')

    report = Report()
    report.check('the table can be read', problems)
    report.check('each topic has a case',
                 [f'topic {topic} has none' for topic in TOPICS
                  if not any(case.startswith(f'{topic}_') for case in table)])
    report.check('each case is there in some language',
                 [f'{case}: all have an exception' for case, without in table.items()
                  if without == set(CASES)])

    for language in CASES:
        cases = read_cases(folder, language)
        expected = {case for case, without in table.items() if language not in without}
        report.check(f'{language} has every case',
                     [f'{language}: {case} is missing' for case in sorted(expected - set(cases))])
        report.check(f'{language} has no other case',
                     [f'{language}: {case} is not in the table'
                      for case in sorted(set(cases) - set(table))])
        report.check(f'{language} has each case once',
                     [f'{language}: {case} is there again' for case in sorted(set(cases))
                      if cases.count(case) > 1])
        report.check(f'{language} needs its exceptions',
                     [f'{language}: {case} is there, and needs no exception'
                      for case in sorted(set(cases) & set(table) - expected)])
    report.finish()


if __name__ == '__main__':
    main()
