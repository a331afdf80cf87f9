/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function between two commands. The README shows it. */

#include <gopipe/gopipe.h>

/* excerpt: hello */
static gboolean
to_upper (GInputStream *input, GOutputStream *output, GpStageContext *context,
          gpointer user_data, GError **error)
{
  char text[4096];
  gssize size;

  while ((size = g_input_stream_read (input, text, sizeof text, NULL, error)) > 0)
    {
      for (gssize i = 0; i < size; i++)
        text[i] = g_ascii_toupper (text[i]);
      if (!g_output_stream_write_all (output, text, size, NULL, NULL, error))
        return FALSE;
    }
  return size == 0;
}

static char *
list_fruits (GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  gp_pipeline_append_command (pipeline, "printf", "pear\\nfig\\napple\\n", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("upper", to_upper, NULL, NULL)));
  gp_pipeline_append_command (pipeline, "sort", NULL);

  return gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, error);
}
/* end of excerpt */

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = list_fruits (&error);

  if (output == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_print ("%s", output);

  return 0;
}
