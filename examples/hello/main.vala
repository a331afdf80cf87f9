/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function between two commands. */

/* excerpt: hello */
using Gp;

bool to_upper (InputStream input, OutputStream output, StageContext context) throws Error
{
  uint8[] text = new uint8[4096];
  ssize_t size;

  while ((size = input.read (text)) > 0) {
    for (ssize_t i = 0; i < size; i++)
      text[i] = ((char) text[i]).toupper ();
    output.write_all (text[0:size], null);
  }
  return true;
}

int main ()
{
  var pipeline = new Pipeline ();

  pipeline.append_command ({ "printf", "pear\\nfig\\napple\\n" });
  pipeline.append (new FunctionStage ("upper", to_upper));
  pipeline.append_command ({ "sort" });

  try {
    print ("%s", pipeline.communicate_utf8 ());
  } catch (Error e) {
    printerr ("%s\n", e.message);
    return 1;
  }
  return 0;
}
/* end of excerpt */
