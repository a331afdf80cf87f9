/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines as they come, while the pipeline runs, until there are enough or the time is up. */

#include <gopipe/gopipe.h>

/* Lives on the stack of print_lines (), which holds what is in it until the loop was quit. */
typedef struct
{
  GMainLoop        *loop;
  GpPipeline       *pipeline;
  GDataInputStream *lines;
  guint             n_wanted;
} Reader;

static void
ended_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  Reader *reader = data;
  g_autoptr (GError) error = NULL;

  gp_pipeline_wait_finish (reader->pipeline, result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_print ("That was enough.\n");
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_print ("It took too long.\n");
  else if (error != NULL)
    g_print ("error: %s\n", error->message);

  g_main_loop_quit (reader->loop);
}

static void
line_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  Reader *reader = data;
  g_autofree char *line = NULL;

  /* No error is asked for: why there is nothing more to read, the pipeline knows better. */
  line = g_data_input_stream_read_line_finish (reader->lines, result, NULL, NULL);
  if (line != NULL)
    {
      g_print ("%s\n", line);
      if (--reader->n_wanted > 0)
        {
          g_data_input_stream_read_line_async (reader->lines, G_PRIORITY_DEFAULT, NULL,
                                               line_cb, reader);
          return;
        }
      /* Without this, the commands would only end when they write to the closed output. */
      gp_pipeline_cancel (reader->pipeline);
    }

  g_input_stream_close (G_INPUT_STREAM (reader->lines), NULL, NULL);
  gp_pipeline_wait_async (reader->pipeline, NULL, ended_cb, reader);
}

static void
print_lines (const char *commands,
             guint       time_limit)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new_from_string (commands, NULL);
  g_autoptr (GInputStream) output = gp_pipeline_open_output (pipeline, NULL);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (output);
  Reader reader = { loop, pipeline, lines, 3 };

  gp_pipeline_set_time_limit (pipeline, time_limit);
  /* Whether that fails, waiting tells as well. */
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  g_data_input_stream_read_line_async (lines, G_PRIORITY_DEFAULT, NULL, line_cb, &reader);
  g_main_loop_run (loop);
}

int
main (void)
{
  print_lines ("yes fig | grep -n ''", 0);
  print_lines ("sleep 1000", 100);

  return 0;
}
