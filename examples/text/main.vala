/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text through commands, written as in a shell. */

using Gp;

const string FRUITS = "pear\n# a comment\nfig\npear\n";

int main ()
{
  try {
    // No shell is involved: a variable or a redirection would be an error here.
    var pipeline = new Pipeline.from_string ("grep -v '^#' | sort | uniq");

    print ("%s", pipeline.communicate_utf8 (FRUITS));
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  return 0;
}
