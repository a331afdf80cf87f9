/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes in and bytes out, and an exit status that is no failure. */

#include <gopipe/gopipe.h>

/* File names, each ended by a zero. The first is in Latin-1, which is no valid UTF-8. */
static const char NAMES[] = { 'c', 'a', 'f', '\xe9', 0, 't', 'e', 'a', 0 };

static GBytes *
grep (const char  *pattern,
      GBytes      *names,
      GError     **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  GpCommandStage *command;

  /* Bytes are characters in this locale, so that none of them is invalid. */
  gp_pipeline_setenv (pipeline, "LC_ALL", "C", TRUE);

  command = gp_pipeline_append_command (pipeline, "grep", "-az", pattern, NULL);
  /* It only found nothing. Any other status is a failure. */
  gp_command_stage_accept_exit_status (command, 1);

  return gp_pipeline_communicate (pipeline, names, NULL, error);
}

int
main (void)
{
  const char *patterns[] = { "^c", "^x" };
  g_autoptr (GBytes) names = g_bytes_new_static (NAMES, sizeof NAMES);

  for (gsize i = 0; i < G_N_ELEMENTS (patterns); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) found = grep (patterns[i], names, &error);

      if (found == NULL)
        {
          g_printerr ("%s\n", error->message);
          return 1;
        }

      g_print ("%s: %" G_GSIZE_FORMAT " bytes", patterns[i], g_bytes_get_size (found));
      for (gsize j = 0; j < g_bytes_get_size (found); j++)
        g_print (" %02x", ((const guint8 *) g_bytes_get_data (found, NULL))[j]);
      g_print ("\n");
    }

  return 0;
}
