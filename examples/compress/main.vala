/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is compressed into another one, which is read again: without a process for that. */

using Gp;

const int SIZE = 400000;

/* The pipeline opens the files when it starts. The new one is there when all has succeeded, and
 * never half of it. */
void pack (File source, File target) throws Error
{
  var compressor = new ZlibCompressor (ZlibCompressorFormat.GZIP);
  // It knows how much will come, so its fraction can be bound to a progress bar.
  var meter = new MeterStage ("progress", SIZE);
  var pipeline = new Pipeline ();

  pipeline.set_stdin_file (source);
  pipeline.append (meter);
  pipeline.append (new ConverterStage ("gzip", compressor));
  pipeline.set_stdout_file (target, Gp.FileMode.REPLACE);
  pipeline.run ();
  print ("read %s bytes, %.0f %%\n", meter.bytes.to_string (), meter.fraction * 100);
}

// What a converter writes can be read by a command as well.
string count_lines (File packed) throws Error
{
  var decompressor = new ZlibDecompressor (ZlibCompressorFormat.GZIP);
  var pipeline = new Pipeline ();

  pipeline.set_stdin_file (packed);
  pipeline.append (new ConverterStage ("gunzip", decompressor));
  pipeline.append_command ({ "wc", "-l" });

  return pipeline.communicate_utf8 ().strip ();
}

void pack_and_unpack (File source, File target) throws Error
{
  var text = new StringBuilder ();

  while (text.len < SIZE)
    text.append ("fig\n");
  FileUtils.set_contents (source.get_path (), text.str);
  pack (source, target);
  if (target.query_info ("standard::size", FileQueryInfoFlags.NONE).get_size () < SIZE)
    print ("the new file is smaller\n");
  print ("%s lines came back\n", count_lines (target));
}

int main ()
{
  try {
    var folder = File.new_for_path (DirUtils.make_tmp ("compress-XXXXXX"));
    var source = folder.get_child ("fruits");
    var target = folder.get_child ("fruits.gz");

    pack_and_unpack (source, target);
    source.@delete ();
    target.@delete ();
    folder.@delete ();
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  return 0;
}
