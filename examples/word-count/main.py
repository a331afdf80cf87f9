#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the most frequent words in all C headers below a directory: commands list, read, sort and
count, and two functions of this program split the text into words and pick the first ten."""

import sys
import time

import gi

gi.require_version('Gp', '1')
from gi.repository import GLib, Gp  # noqa: E402

N_WORDS = 10
WORD_BYTES = b'abcdefghijklmnopqrstuvwxyz_'
# Letters become lower case, and all that is no word becomes a space
TO_WORDS = bytes(b if b in WORD_BYTES else 32 for b in bytes(range(256)).lower())


def split_words(stdin, stdout, context, *unused):
    """Writes each run of letters and underscores, in lower case, on a line of its own."""
    cancellable = context.get_cancellable()
    rest = b''
    while data := stdin.read_bytes(1 << 20, cancellable).get_data():
        text = rest + data.translate(TO_WORDS)
        words = text.split()
        # The last word may go on in the next piece
        rest = words.pop() if words and not text.endswith(b' ') else b''
        words.append(b'')
        stdout.write_all(b'\n'.join(words), cancellable)
    if rest:
        stdout.write_all(rest + b'\n', cancellable)
    return True


def first_lines(stdin, stdout, context, *unused):
    """Copies the first lines, and then tells the stage before that it has had enough."""
    cancellable = context.get_cancellable()
    text = b''
    while text.count(b'\n') < N_WORDS:
        data = stdin.read_bytes(4096, cancellable).get_data()
        if not data:
            stdout.write_all(text, cancellable)
            return True
        text += data
    stdout.write_all(b''.join(text.splitlines(keepends=True)[:N_WORDS]), cancellable)
    raise GLib.Error.new_literal(GLib.quark_from_string('gp-pipeline-error-quark'),
                                 'enough words', Gp.PipelineError.FINISH_EARLY)


def build_pipeline(directory):
    pipeline = Gp.Pipeline.new()
    pipeline.setenv('LC_ALL', 'C', True)
    pipeline.append_command(['find', directory, '-name', '*.h', '-type', 'f', '-print0'])
    pipeline.append_command(['xargs', '-0', 'cat'])
    pipeline.append(Gp.FunctionStage.new('split-words', split_words))
    pipeline.append_command(['sort'])
    pipeline.append_command(['uniq', '-c'])
    pipeline.append_command(['sort', '-k1,1rn', '-k2'])
    pipeline.append(Gp.FunctionStage.new('first-lines', first_lines))
    return pipeline


def main():
    pipeline = build_pipeline(sys.argv[1] if len(sys.argv) > 1 else '/usr/include')
    start = time.monotonic()
    try:
        output = pipeline.communicate_utf8(None, None)
    except GLib.Error as error:
        sys.exit(error.message)
    seconds = time.monotonic() - start
    print(output, end='')
    for index, status in enumerate(pipeline.get_stages()):
        edge = pipeline.get_edge_kind(index + 1).value_nick
        print(f'  {status.dup_name():12} {status.dup_summary():18} then {edge}', file=sys.stderr)
    print(f'  {seconds:.2f} seconds', file=sys.stderr)


if __name__ == '__main__':
    main()
