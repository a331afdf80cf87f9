/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the most frequent words in all C headers below a directory: commands list, read, sort and
 * count, and two functions of this program split the text into words and pick the first ten. */

using Gp;

const uint N_WORDS = 10;

/* Writes each run of letters and underscores, in lower case, on a line of its own */
bool split_words (InputStream input, OutputStream output, StageContext context) throws Error
{
  var cancellable = context.get_cancellable ();
  uint8[] text = new uint8[256 * 1024];
  bool in_word = false;
  ssize_t n;

  while ((n = input.read (text, cancellable)) > 0) {
    int length = 0;

    for (ssize_t i = 0; i < n; i++) {
      char c = (char) text[i];

      if (c.isalpha () || c == '_') {
        text[length++] = c.tolower ();
        in_word = true;
      } else if (in_word) {
        text[length++] = '\n';
        in_word = false;
      }
    }
    output.write_all (text[0:length], null, cancellable);
  }
  if (in_word)
    output.write_all ({ '\n' }, null, cancellable);
  return true;
}

/* Copies the first lines, and then tells the stage before that it has had enough */
bool first_lines (InputStream input, OutputStream output, StageContext context) throws Error
{
  var cancellable = context.get_cancellable ();
  var lines = new DataInputStream (input);

  for (uint i = 0; i < N_WORDS; i++) {
    string? line = lines.read_line (null, cancellable);

    if (line == null)
      return true;
    output.write_all (@"$line\n".data, null, cancellable);
  }
  throw new PipelineError.FINISH_EARLY ("enough words");
}

Pipeline build_pipeline (string directory)
{
  var pipeline = new Pipeline ();

  pipeline.setenv ("LC_ALL", "C", true);
  pipeline.append_command ({ "find", directory, "-name", "*.h", "-type", "f", "-print0" });
  pipeline.append_command ({ "xargs", "-0", "cat" });
  pipeline.append (new FunctionStage ("split-words", split_words));
  pipeline.append_command ({ "sort" });
  pipeline.append_command ({ "uniq", "-c" });
  pipeline.append_command ({ "sort", "-k1,1rn", "-k2" });
  pipeline.append (new FunctionStage ("first-lines", first_lines));
  return pipeline;
}

string edge_name (EdgeKind kind)
{
  return ((EnumClass) typeof (EdgeKind).class_ref ()).get_value (kind).value_nick;
}

void print_stages (Pipeline pipeline, double seconds)
{
  for (uint i = 0; i < pipeline.get_n_stages (); i++) {
    var status = pipeline.get_status (i);

    printerr ("  %-12s %-18s then %s\n", status.name, status.summary,
              edge_name (pipeline.get_edge_kind (i + 1)));
  }
  printerr ("  %.2f seconds\n", seconds);
}

int main (string[] args)
{
  var pipeline = build_pipeline (args.length > 1 ? args[1] : "/usr/include");
  var timer = new Timer ();

  try {
    print ("%s", pipeline.communicate_utf8 ());
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  print_stages (pipeline, timer.elapsed ());
  return 0;
}
