#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file is compressed into another one, which is read again: without a process for that."""

import pathlib
import tempfile

import gi

gi.require_version('Gp', '1')
from gi.repository import Gio, Gp  # noqa: E402

SIZE = 400000
GZIP = Gio.ZlibCompressorFormat.GZIP


# The pipeline opens the files when it starts. The new one is there when all has succeeded, and never
# half of it.
def pack(source, target):
    # It knows how much will come, so its fraction can be bound to a progress bar.
    meter = Gp.MeterStage.new('progress', SIZE)
    pipeline = Gp.Pipeline.new()
    pipeline.set_stdin_file(Gio.File.new_for_path(str(source)))
    pipeline.append(meter)
    pipeline.append(Gp.ConverterStage.new('gzip', Gio.ZlibCompressor.new(GZIP, -1)))
    pipeline.set_stdout_file(Gio.File.new_for_path(str(target)), Gp.FileMode.REPLACE)
    pipeline.run()
    print(f'read {meter.get_bytes()} bytes, {meter.get_fraction() * 100:.0f} %')


# What a converter writes can be read by a command as well.
def count_lines(packed):
    pipeline = Gp.Pipeline.new()
    pipeline.set_stdin_file(Gio.File.new_for_path(str(packed)))
    pipeline.append(Gp.ConverterStage.new('gunzip', Gio.ZlibDecompressor.new(GZIP)))
    pipeline.append_command(['wc', '-l'])
    return pipeline.communicate_utf8().strip()


with tempfile.TemporaryDirectory() as folder:
    source = pathlib.Path(folder, 'fruits')
    target = pathlib.Path(folder, 'fruits.gz')

    source.write_text('fig\n' * (SIZE // 4), encoding='utf-8')
    pack(source, target)
    if target.stat().st_size < SIZE:
        print('the new file is smaller')
    print(f'{count_lines(target)} lines came back')
