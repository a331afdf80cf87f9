#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the sources for mistakes that neither a compiler nor a test sees.

usage: sources.py SOURCE-ROOT
"""

import pathlib
import re
import sys

from tap import Report

FOLDERS = ['doc', 'examples', 'gopipe', 'introspection', 'tests']
FILES = ['.ci/run', 'dev', 'meson.build', 'meson_options.txt']
CODE = {'.build', '.c', '.h', '.in', '.js', '.metadata', '.mjs', '.py', '.sh', '.toml', '.vala'}

MAX_FILE = 800
MAX_FUNCTION = 60
# Split, so that this file does not contain them
BANNED = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X)\b')


class Source:
    def __init__(self, root, path):
        self.name = str(path.relative_to(root))
        self.suffix = path.suffix
        self.text = path.read_text(encoding='utf-8')
        self.lines = self.text.splitlines()

    def where(self, number, what):
        return f'{self.name}:{number}: {what}'

    def matches(self, pattern):
        for match in re.finditer(pattern, self.text):
            yield self.text.count('\n', 0, match.start()) + 1, match


def find_sources(root):
    paths = [root / name for name in FILES if (root / name).is_file()]
    for folder in FOLDERS:
        paths += [path for path in (root / folder).rglob('*')
                  if path.is_file() and path.suffix in CODE and '__pycache__' not in path.parts]
    return [Source(root, path) for path in sorted(paths)]


def without_license(sources):
    return [source.name for source in sources
            if not any('SPDX-License-Identifier: LGPL-2.1-or-later' in line
                       for line in source.lines[:3])]


def banned_words(sources):
    return [source.where(number, match.group())
            for source in sources for number, match in source.matches(BANNED)]


def too_long(sources):
    return [f'{source.name}: {len(source.lines)} lines, more than {MAX_FILE}'
            for source in sources if len(source.lines) > MAX_FILE]


def long_functions(sources):
    """In our style a function is what lies between braces in the first column. A class_init is
    rather a table of properties, and may be as long as that table."""
    problems = []
    for source in sources:
        begin = 0
        for number, line in enumerate(source.lines, 1):
            if line == '{':
                begin = number
            elif line == '}' and number - begin - 1 > MAX_FUNCTION:
                if '_class_init (' not in source.lines[begin - 2]:
                    length = number - begin - 1
                    problems.append(source.where(begin, f'{length} lines in one function'))
    return problems


def private_in_public(headers):
    return [source.where(number, match.group(1))
            for source in headers
            for number, match in source.matches(r'#\s*include\s+[<"](.*-private\.h)[>"]')]


def not_in_umbrella(headers, umbrella):
    return [source.name for source in headers
            if source is not umbrella
            and f'#include <gopipe/{pathlib.Path(source.name).name}>' not in umbrella.lines]


def without_guard(headers, umbrella):
    return [source.name for source in headers
            if source is not umbrella and '!defined (GOPIPE_INSIDE)' not in source.text]


def tasks_without_tag(sources):
    problems = []
    for source in sources:
        for number, _ in source.matches(r'\bg_task_new \('):
            after = '\n'.join(source.lines[number - 1:number + 9])
            if 'g_task_set_source_tag' not in after:
                problems.append(source.where(number, 'g_task_new () without a source tag'))
    return problems


def properties_with_nick(sources):
    pattern = r'g_param_spec_\w+ \(\s*"[^"]*",(?!\s*NULL,\s*NULL\b)'
    return [source.where(number, match.group().split('(')[1].strip())
            for source in sources for number, match in source.matches(pattern)]


def with_shell(sources):
    """Whatever would have a shell, or search for a program in the wrong environment"""
    pattern = r'\b(system|popen|execlp|execvp|execvpe|posix_spawnp) \(|"/bin/sh"|g_spawn_command_line'
    return [source.where(number, match.group())
            for source in sources for number, match in source.matches(pattern)]


def main():
    root = pathlib.Path(sys.argv[1])
    sources = find_sources(root)
    code = [source for source in sources if source.suffix in {'.c', '.h'}]
    library = [source for source in code if source.name.startswith('gopipe/')]
    headers = [source for source in library
               if source.suffix == '.h' and not source.name.endswith('-private.h')]
    umbrella = next(source for source in headers if source.name == 'gopipe/gopipe.h')

    report = Report()
    report.check('every file names its license', without_license(sources))
    report.check('nothing is left for later', banned_words(sources))
    report.check('no file is too long', too_long(sources))
    report.check('no function is too long', long_functions(library))
    report.check('no public header includes a private one', private_in_public(headers))
    report.check('gopipe.h includes every public header', not_in_umbrella(headers, umbrella))
    report.check('no public header can be included alone', without_guard(headers, umbrella))
    report.check('every task has a source tag', tasks_without_tag(library))
    report.check('no shell is called', with_shell(library))
    report.check('no property has a nick or a blurb', properties_with_nick(library))
    report.finish()


if __name__ == '__main__':
    main()
