/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text through commands, written as in a shell. */

#include <gopipe/gopipe.h>

#define FRUITS "pear\n# a comment\nfig\npear\n"

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autofree char *output = NULL;

  /* No shell is involved: a variable or a redirection would be an error here. */
  pipeline = gp_pipeline_new_from_string ("grep -v '^#' | sort | uniq", &error);
  if (pipeline != NULL)
    output = gp_pipeline_communicate_utf8 (pipeline, FRUITS, NULL, &error);

  if (output == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_print ("%s", output);

  return 0;
}
