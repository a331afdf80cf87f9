#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the guides explain, one function for each thing."""

import os
import tempfile

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, GLib, GObject, Gp  # noqa: E402


def show(text):
    print(text, end='', flush=True)


# excerpt: commands
def sort_fruits():
    pipeline = Gp.Pipeline.new_from_string('sort | uniq -c')
    show(pipeline.communicate_utf8('pear\nfig\npear\n', None))
# end of excerpt


# excerpt: function
def number_lines(stdin, stdout, context, *unused):
    cancellable = context.get_cancellable()
    lines = Gio.DataInputStream.new(stdin)
    number = 0
    while (line := lines.read_line_utf8(cancellable)[0]) is not None:
        number += 1
        stdout.write_all(f'{number} {line}\n'.encode(), cancellable)
    return True


def new_numbered_list():
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['printf', 'fig\\napple\\n'])
    pipeline.append_command(['sort'])
    pipeline.append(Gp.FunctionStage.new('number', number_lines))
    return pipeline
# end of excerpt


# excerpt: async
def listed(pipeline, result, loop):
    try:
        show(pipeline.communicate_utf8_finish(result))
    except GLib.Error as error:
        print('error:', error.message)
    loop.quit()


def number_without_blocking(loop):
    new_numbered_list().communicate_utf8_async(None, None, listed, loop)
# end of excerpt


# excerpt: open-output
def print_first_lines(pipeline, n_lines):
    lines = Gio.DataInputStream.new(pipeline.open_output())
    pipeline.start(None)
    for _ in range(n_lines):
        print(lines.read_line_utf8(None)[0])
    lines.close(None)
    pipeline.wait(None)
# end of excerpt


def print_two_of_many():
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['yes', 'again'])
    print_first_lines(pipeline, 2)


# excerpt: failure
def fail():
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['sh', '-c', "echo 'no fruits today' >&2; exit 3"])
    pipeline.append_command(['cat'])
    try:
        pipeline.run(None)
    except GLib.Error as error:
        if Gp.error_matches_exit_status(error, 3):
            print('The shop is closed.')
        print('error:', error.message)
        for status in pipeline.get_stages():
            print(f'{status.dup_name()}: {status.dup_summary()}')
# end of excerpt


# excerpt: time-limit
def wait_too_long():
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['sleep', '1000'])
    pipeline.set_time_limit(100)
    try:
        pipeline.run(None)
    except GLib.Error as error:
        if error.matches(Gio.io_error_quark(), Gio.IOErrorEnum.TIMED_OUT):
            print('It took too long.')
# end of excerpt


# excerpt: replace-file
def sort_into_file(text, file):
    output = file.replace(None, False, Gio.FileCreateFlags.NONE, None)
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['sort'])
    pipeline.set_stdin(Gio.MemoryInputStream.new_from_data(text))
    pipeline.set_stdout(output)
    pipeline.set_close_stdout(True)
    pipeline.run(None)
# end of excerpt


def write_and_print_file():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'fruits')
        sort_into_file(b'pear\nfig\n', Gio.File.new_for_path(path))
        with open(path, encoding='utf-8') as file:
            show(file.read())


# excerpt: class
class TakeStage(Gp.ThreadStage):
    """Passes on the first bytes, and then has had enough."""

    n_bytes = GObject.Property(type=int, default=0)

    def do_process(self, context, cancellable):
        data = b''
        while len(data) < self.n_bytes:
            size = self.n_bytes - len(data)
            if not (piece := context.get_stdin().read_bytes(size, cancellable).get_data()):
                break
            data += piece
        context.get_stdout().write_all(data, cancellable)
        raise GLib.Error.new_literal(Gp.PipelineError.quark(), 'enough',
                                     Gp.PipelineError.FINISH_EARLY)
# end of excerpt


def take_some():
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['yes'])
    pipeline.append(TakeStage(n_bytes=4))
    show(pipeline.communicate_utf8(None, None))


# excerpt: async-stage
def copied(stdout, result, context):
    try:
        stdout.splice_finish(result)
        context.return_success()
    except GLib.Error as error:
        context.return_error(error)


def copy(context, *unused):
    stdout = context.get_stdout()
    stdout.splice_async(context.get_stdin(), Gio.OutputStreamSpliceFlags.NONE,
                        GLib.PRIORITY_DEFAULT, context.get_cancellable(), copied, context)
    return True
# end of excerpt


def copy_in_main_context(loop):
    pipeline = Gp.Pipeline.new()
    pipeline.append_command(['echo', 'copied'])
    pipeline.append(Gp.AsyncStage.new('copy', copy))
    pipeline.append_command(['cat'])
    pipeline.communicate_utf8_async(None, None, listed, loop)


def main():
    loop = GLib.MainLoop()
    sort_fruits()
    number_without_blocking(loop)
    loop.run()
    print_two_of_many()
    fail()
    wait_too_long()
    write_and_print_file()
    take_some()
    copy_in_main_context(loop)
    loop.run()


if __name__ == '__main__':
    main()
