/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A class of stages of one's own, between two commands. */

using Gp;

/* Puts a prefix before each line */
class PrefixStage : ThreadStage {
  public string prefix { get; set; default = ""; }

  // It runs in a thread, so it may block; the cancellable ends the blocking.
  public override bool process (StageContext context, Cancellable? cancellable) throws Error
  {
    var lines = new DataInputStream (context.get_stdin ());
    var output = context.get_stdout ();
    string? line;

    while ((line = lines.read_line (null, cancellable)) != null)
      output.write_all (@"$prefix$line\n".data, null, cancellable);
    return true;
  }
}

int main ()
{
  var pipeline = new Pipeline ();

  pipeline.append_command ({ "printf", "pear\\nfig\\n" });
  pipeline.append (new PrefixStage () { prefix = "a " });
  pipeline.append_command ({ "sort" });

  try {
    print ("%s", pipeline.communicate_utf8 ());
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  return 0;
}
