#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares the code in the documents with the examples that it was taken from, so that nobody
reads code which does not work.

usage: check-docs-excerpts.py SOURCE-ROOT [--update]

A block of C, JavaScript, Python or Vala follows a line like

    <!-- excerpt: examples/hello/main.c hello -->

and in that file the lines are between comments "excerpt: hello" and "end of excerpt". With
--update the documents are changed, and nothing is checked.
"""

import pathlib
import re
import subprocess
import sys
import textwrap

from tap import Report

BLOCK = re.compile(r'(?:<!-- excerpt: (?P<file>\S+) (?P<name>\S+) -->\n)?'
                   r'^```(?P<language>\w*)\n(?P<code>.*?)^```$', re.M | re.S)
LINK = re.compile(r'\]\((?!https?:|#)([^)#\s]+)[^)]*\)|(?:src|srcset)="(?!https?:)([^"]+)"')
CODE = {'c', 'js', 'python', 'vala'}


def find_documents(root):
    return [path for path in [*sorted(root.glob('*.md')), *sorted((root / 'doc').glob('*.md'))]]


def read_excerpt(root, file, name):
    """None: there is no such file or excerpt"""
    path = root / file
    if not path.is_file():
        return None
    pattern = (rf'^[^\n]*\bexcerpt: {re.escape(name)}\b[^\n]*\n(?P<code>.*?)'
               r'^[^\n]*\bend of excerpt\b')
    match = re.search(pattern, path.read_text(encoding='utf-8'), re.M | re.S)
    return textwrap.dedent(match.group('code')).strip('\n') + '\n' if match else None


def blocks(root, documents):
    for document in documents:
        text = document.read_text(encoding='utf-8')
        for match in BLOCK.finditer(text):
            if match.group('language') in CODE:
                line = text.count('\n', 0, match.start('code')) + 1
                yield f'{document.relative_to(root)}:{line}', match


def unmarked(root, documents):
    return [f'{where}: code that is no excerpt' for where, match in blocks(root, documents)
            if match.group('file') is None]


def different(root, documents):
    problems = []
    for where, match in blocks(root, documents):
        if match.group('file') is None:
            continue
        excerpt = read_excerpt(root, match.group('file'), match.group('name'))
        if excerpt is None:
            problems.append(f'{where}: no excerpt {match.group("name")} in {match.group("file")}')
        elif excerpt != match.group('code'):
            problems.append(f'{where}: differs from {match.group("file")}')
    return problems


def dead_links(root, documents):
    """The reference is generated with its pictures beside the pages; here they have a folder."""
    problems = []
    for document in documents:
        text = document.read_text(encoding='utf-8')
        for match in LINK.finditer(text):
            target = match.group(1) or match.group(2)
            places = [document.parent / target, document.parent / 'images' / target]
            if target.endswith('.html'):
                places.append(document.parent / (target.removesuffix('.html') + '.md'))
            if not any(place.exists() for place in places):
                line = text.count('\n', 0, match.start()) + 1
                problems.append(f'{document.relative_to(root)}:{line}: {target} is not there')
    return problems


def stale_pictures(root):
    script = root / 'doc/images/make-pictures.py'
    result = subprocess.run([sys.executable, script, '--check'], capture_output=True, text=True)
    return result.stderr.splitlines() if result.returncode != 0 else []


def update(root, documents):
    def replace(match):
        if match.group('file') is None:
            return match.group()
        excerpt = read_excerpt(root, match.group('file'), match.group('name'))
        return match.group() if excerpt is None else match.group().replace(
            f'```{match.group("language")}\n{match.group("code")}```',
            f'```{match.group("language")}\n{excerpt}```')

    for document in documents:
        text = document.read_text(encoding='utf-8')
        document.write_text(BLOCK.sub(replace, text), encoding='utf-8')


def main():
    root = pathlib.Path(sys.argv[1])
    documents = find_documents(root)
    if sys.argv[2:] == ['--update']:
        update(root, documents)
        return

    report = Report()
    report.check('there are documents', [] if documents else ['none was found'])
    report.check('all code in the documents comes from the examples', unmarked(root, documents))
    report.check('it is the same there', different(root, documents))
    report.check('what the documents link to is there', dead_links(root, documents))
    report.check('the pictures are what their script draws', stale_pictures(root))
    report.finish()


if __name__ == '__main__':
    main()
