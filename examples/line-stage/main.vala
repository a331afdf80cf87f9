/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function that sees each line, and says what becomes of it. */

using Gp;

const string FRUITS = "pear\n# a comment\nfig\npear\nend\nnever seen\n";

int main ()
{
  int number = 0;
  var pipeline = new Pipeline ();

  pipeline.append (new BytesStage.text (FRUITS));
  // Called in a thread of the stage's own, so it may block
  pipeline.append (new LineStage ("number", (line, output) => {
    if (line.has_prefix ("#"))
      return LineAction.DROP;
    // No more lines are wanted.
    if (line == "end")
      return LineAction.FINISH;
    // What is written here comes before the line.
    number++;
    output.put_string (@"$number: ");
    return LineAction.KEEP;
  }));

  try {
    print ("%s", pipeline.communicate_utf8 ());
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  return 0;
}
