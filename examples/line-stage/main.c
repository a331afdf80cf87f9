/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function that sees each line, and says what becomes of it. */

#include <gopipe/gopipe.h>

#define FRUITS "pear\n# a comment\nfig\npear\nend\nnever seen\n"

/* Called in a thread of the stage's own, so it may block */
static GpLineAction
number_func (const char         *line,
             GDataOutputStream  *output,
             gpointer            user_data,
             GError            **error)
{
  guint *number = user_data;
  g_autofree char *prefix = NULL;

  if (g_str_has_prefix (line, "#"))
    return GP_LINE_ACTION_DROP;
  /* No more lines are wanted. */
  if (g_str_equal (line, "end"))
    return GP_LINE_ACTION_FINISH;

  /* What is written here comes before the line. */
  prefix = g_strdup_printf ("%u: ", ++*number);
  if (!g_data_output_stream_put_string (output, prefix, NULL, error))
    return GP_LINE_ACTION_FAULT;

  return GP_LINE_ACTION_KEEP;
}

int
main (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  guint number = 0;

  gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text (FRUITS)));
  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new ("number", number_func, &number,
                                                             NULL)));

  output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  if (output == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_print ("%s", output);

  return 0;
}
