/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A command that stops reading early, as in `yes | head`. */

using Gp;

/* "head" ends after three lines, and "yes", which would never end, is killed by SIGPIPE then. As it
 * cannot know whether that was meant, a pipeline takes it for a failure unless told otherwise. */
void print_first (bool ignore_pipe_errors)
{
  var pipeline = new Pipeline () { ignore_pipe_errors = ignore_pipe_errors };

  pipeline.append_command ({ "yes", "fig" });
  pipeline.append_command ({ "head", "-n", "3" });

  try {
    print ("%s", pipeline.communicate_utf8 ());
  } catch (Error e) {
    print ("error: %s\n", e.message);
  }
}

int main ()
{
  print_first (true);
  print_first (false);
  return 0;
}
