/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the most frequent words in all C headers below a directory: commands list, read, sort and
 * count, and two functions of this program split the text into words and pick the first ten. */

#include <gopipe/gopipe.h>

#define N_WORDS 10

/* Writes each run of letters and underscores, in lower case, on a line of its own */
static gboolean
split_words (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  static const gsize size = 256 * 1024;
  g_autofree char *text = g_malloc (size);
  gboolean in_word = FALSE;
  gssize n;

  while ((n = g_input_stream_read (input, text, size, cancellable, error)) > 0)
    {
      gsize length = 0;

      for (gssize i = 0; i < n; i++)
        {
          if (g_ascii_isalpha (text[i]) || text[i] == '_')
            {
              text[length++] = g_ascii_tolower (text[i]);
              in_word = TRUE;
            }
          else if (in_word)
            {
              text[length++] = '\n';
              in_word = FALSE;
            }
        }
      if (!g_output_stream_write_all (output, text, length, NULL, cancellable, error))
        return FALSE;
    }
  if (n == 0 && in_word)
    return g_output_stream_write_all (output, "\n", 1, NULL, cancellable, error);
  return n == 0;
}

/* Copies the first lines, and then tells the stage before that it has had enough */
static gboolean
first_lines (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (input);

  for (guint i = 0; i < N_WORDS; i++)
    {
      g_autoptr (GError) local_error = NULL;
      g_autofree char *line = g_data_input_stream_read_line (lines, NULL, cancellable, &local_error);

      if (line == NULL && local_error == NULL)
        return TRUE;
      if (line == NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (!g_output_stream_printf (output, NULL, cancellable, error, "%s\n", line))
        return FALSE;
    }
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY,
                       "enough words");
  return FALSE;
}

static GpPipeline *
build_pipeline (const char *directory)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  gp_pipeline_setenv (pipeline, "LC_ALL", "C", TRUE);
  gp_pipeline_append_command (pipeline, "find", directory, "-name", "*.h", "-type", "f", "-print0",
                              NULL);
  gp_pipeline_append_command (pipeline, "xargs", "-0", "cat", NULL);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("split-words", split_words, NULL, NULL)));
  gp_pipeline_append_command (pipeline, "sort", NULL);
  gp_pipeline_append_command (pipeline, "uniq", "-c", NULL);
  gp_pipeline_append_command (pipeline, "sort", "-k1,1rn", "-k2", NULL);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("first-lines", first_lines, NULL, NULL)));
  return pipeline;
}

static const char *
edge_name (GpPipeline *pipeline,
           guint       index)
{
  g_autoptr (GEnumClass) kinds = g_type_class_ref (GP_TYPE_EDGE_KIND);

  return g_enum_get_value (kinds, gp_pipeline_get_edge_kind (pipeline, index))->value_nick;
}

static void
print_stages (GpPipeline *pipeline,
              double      seconds)
{
  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    {
      GpStageStatus *status = gp_pipeline_get_status (pipeline, i);
      g_autofree char *name = gp_stage_status_dup_name (status);
      g_autofree char *summary = gp_stage_status_dup_summary (status);

      g_printerr ("  %-12s %-18s then %s\n", name, summary, edge_name (pipeline, i + 1));
    }
  g_printerr ("  %.2f seconds\n", seconds);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GpPipeline) pipeline = build_pipeline (argc > 1 ? argv[1] : "/usr/include");
  g_autoptr (GTimer) timer = g_timer_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);

  if (output == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  g_print ("%s", output);
  print_stages (pipeline, g_timer_elapsed (timer, NULL));
  return 0;
}
