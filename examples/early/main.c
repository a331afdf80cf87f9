/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A command that stops reading early, as in `yes | head`. */

#include <gopipe/gopipe.h>

/* "head" ends after three lines, and "yes", which would never end, is killed by SIGPIPE then. As it
 * cannot know whether that was meant, a pipeline takes it for a failure unless told otherwise. */
static void
print_first (gboolean ignore_pipe_errors)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  gp_pipeline_append_command (pipeline, "yes", "fig", NULL);
  gp_pipeline_append_command (pipeline, "head", "-n", "3", NULL);
  gp_pipeline_set_ignore_pipe_errors (pipeline, ignore_pipe_errors);

  output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  if (output != NULL)
    g_print ("%s", output);
  else
    g_print ("error: %s\n", error->message);
}

int
main (void)
{
  print_first (TRUE);
  print_first (FALSE);

  return 0;
}
