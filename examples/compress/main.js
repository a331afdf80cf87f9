// SPDX-License-Identifier: LGPL-2.1-or-later

// A file is compressed into another one, which is read again: without a process for that.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Gp from 'gi://Gp?version=1';

const SIZE = 400000;
const format = Gio.ZlibCompressorFormat.GZIP;

// The pipeline opens the files when it starts. The new one is there when all has succeeded, and never
// half of it.
async function pack(source, target) {
    // It knows how much will come, so its fraction can be bound to a progress bar.
    const meter = Gp.MeterStage.new('progress', SIZE);
    const pipeline = new Gp.Pipeline();

    pipeline.set_stdin_file(source);
    pipeline.append(meter);
    pipeline.append(Gp.ConverterStage.new('gzip', new Gio.ZlibCompressor({format})));
    pipeline.set_stdout_file(target, Gp.FileMode.REPLACE);
    await pipeline.run_async();
    print(`read ${meter.bytes} bytes, ${Math.round(meter.fraction * 100)} %`);
}

// What a converter writes can be read by a command as well.
async function countLines(packed) {
    const pipeline = new Gp.Pipeline();

    pipeline.set_stdin_file(packed);
    pipeline.append(Gp.ConverterStage.new('gunzip', new Gio.ZlibDecompressor({format})));
    pipeline.append_command(['wc', '-l']);

    const output = await pipeline.communicate_utf8_async();
    return output.trim();
}

const folder = Gio.File.new_for_path(GLib.Dir.make_tmp('compress-XXXXXX'));
const source = folder.get_child('fruits');
const target = folder.get_child('fruits.gz');

GLib.file_set_contents(source.get_path(), 'fig\n'.repeat(SIZE / 4));
await pack(source, target);
const info = target.query_info('standard::size', Gio.FileQueryInfoFlags.NONE, null);
if (info.get_size() < SIZE)
    print('the new file is smaller');
print(`${await countLines(target)} lines came back`);

for (const file of [source, target, folder])
    file.delete(null);
