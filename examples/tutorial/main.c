/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the guides explain, one function for each thing. */

#include <gopipe/gopipe.h>

static void
print_error (const GError *error)
{
  g_print ("error: %s\n", error->message);
}

/* --- Commands ------------------------------------------------------------------------------ */

/* excerpt: commands */
static void
sort_fruits (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new_from_string ("sort | uniq -c", &error);
  g_autofree char *output = NULL;

  if (pipeline != NULL)
    output = gp_pipeline_communicate_utf8 (pipeline, "pear\nfig\npear\n", NULL, &error);

  if (output != NULL)
    g_print ("%s", output);
  else
    print_error (error);
}
/* end of excerpt */

/* --- A function ---------------------------------------------------------------------------- */

/* excerpt: function */
static gboolean
number_lines (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  g_autoptr (GDataInputStream) lines = g_data_input_stream_new (input);
  g_autoptr (GError) local_error = NULL;
  guint number = 0;
  char *next;

  while ((next = g_data_input_stream_read_line (lines, NULL, cancellable, &local_error)) != NULL)
    {
      g_autofree char *line = next;

      if (!g_output_stream_printf (output, NULL, cancellable, error, "%u %s\n", ++number, line))
        return FALSE;
    }

  if (local_error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}
/* end of excerpt */

/* excerpt: append-function */
static GpPipeline *
new_numbered_list (void)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  gp_pipeline_append_command (pipeline, "printf", "fig\\napple\\n", NULL);
  gp_pipeline_append_command (pipeline, "sort", NULL);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("number", number_lines, NULL, NULL)));

  return pipeline;
}
/* end of excerpt */

/* --- Without blocking ---------------------------------------------------------------------- */

/* excerpt: async */
static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  output = gp_pipeline_communicate_utf8_finish (GP_PIPELINE (source), result, &error);
  if (output != NULL)
    g_print ("%s", output);
  else
    print_error (error);

  g_main_loop_quit (data);
}

static void
number_without_blocking (GMainLoop *loop)
{
  g_autoptr (GpPipeline) pipeline = new_numbered_list ();

  gp_pipeline_communicate_utf8_async (pipeline, NULL, NULL, listed_cb, loop);
}
/* end of excerpt */

/* --- Reading what comes -------------------------------------------------------------------- */

/* excerpt: open-output */
static gboolean
print_first_lines (GpPipeline  *pipeline,
                   guint        n_lines,
                   GError     **error)
{
  g_autoptr (GInputStream) output = gp_pipeline_open_output (pipeline, error);
  g_autoptr (GDataInputStream) lines = NULL;

  if (output == NULL || !gp_pipeline_start (pipeline, NULL, error))
    return FALSE;

  lines = g_data_input_stream_new (output);
  for (guint i = 0; i < n_lines; i++)
    {
      g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, NULL);

      if (line == NULL)
        break;
      g_print ("%s\n", line);
    }

  /* Enough: the last stage is told so, and that is no error. */
  g_input_stream_close (G_INPUT_STREAM (lines), NULL, NULL);

  return gp_pipeline_wait (pipeline, NULL, error);
}
/* end of excerpt */

static void
print_two_of_many (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "yes", "again", NULL);
  if (!print_first_lines (pipeline, 2, &error))
    print_error (error);
}

/* --- What went wrong ----------------------------------------------------------------------- */

/* excerpt: statuses */
static void
print_statuses (GpPipeline *pipeline)
{
  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    {
      GpStageStatus *status = gp_pipeline_get_status (pipeline, i);
      g_autofree char *name = gp_stage_status_dup_name (status);
      g_autofree char *summary = gp_stage_status_dup_summary (status);

      g_print ("%s: %s\n", name, summary);
    }
}
/* end of excerpt */

/* excerpt: failure */
static void
fail (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "sh", "-c", "echo 'no fruits today' >&2; exit 3", NULL);
  gp_pipeline_append_command (pipeline, "cat", NULL);

  if (!gp_pipeline_run (pipeline, NULL, &error))
    {
      if (gp_error_matches_exit_status (error, 3))
        g_print ("The shop is closed.\n");
      print_error (error);
      print_statuses (pipeline);
    }
}
/* end of excerpt */

/* excerpt: time-limit */
static void
wait_too_long (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "sleep", "1000", NULL);
  gp_pipeline_set_time_limit (pipeline, 100);

  if (!gp_pipeline_run (pipeline, NULL, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_print ("It took too long.\n");
}
/* end of excerpt */

/* --- Files --------------------------------------------------------------------------------- */

/* excerpt: replace-file */
static gboolean
sort_into_file (const char  *text,
                GFile       *file,
                GError     **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data (text, -1, NULL);
  g_autoptr (GFileOutputStream) output = g_file_replace (file, NULL, FALSE, 0, NULL, error);

  if (output == NULL)
    return FALSE;

  gp_pipeline_append_command (pipeline, "sort", NULL);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, G_OUTPUT_STREAM (output));
  gp_pipeline_set_close_stdout (pipeline, TRUE);

  return gp_pipeline_run (pipeline, NULL, error);
}
/* end of excerpt */

static void
write_and_print_file (void)
{
  g_autofree char *name = g_build_filename (g_get_tmp_dir (), "gopipe-tutorial-XXXXXX", NULL);
  g_autoptr (GFile) directory = NULL;
  g_autoptr (GFile) file = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (g_mkdtemp (name) == NULL)
    return;

  directory = g_file_new_for_path (name);
  file = g_file_get_child (directory, "fruits");
  if (sort_into_file ("pear\nfig\n", file, &error) &&
      g_file_load_contents (file, NULL, &text, NULL, NULL, &error))
    g_print ("%s", text);
  else
    print_error (error);

  g_file_delete (file, NULL, NULL);
  g_file_delete (directory, NULL, NULL);
}

/* --- A class of stages --------------------------------------------------------------------- */

/* excerpt: class */
#define EXAMPLE_TYPE_TAKE_STAGE (example_take_stage_get_type ())
G_DECLARE_FINAL_TYPE (ExampleTakeStage, example_take_stage, EXAMPLE, TAKE_STAGE, GpThreadStage)

/* Passes on the first bytes, and then has had enough */
struct _ExampleTakeStage
{
  GpThreadStage parent_instance;
  gsize         n_bytes;
};

G_DEFINE_FINAL_TYPE (ExampleTakeStage, example_take_stage, GP_TYPE_THREAD_STAGE)

static gboolean
example_take_stage_process (GpThreadStage   *stage,
                            GpStageContext  *context,
                            GCancellable    *cancellable,
                            GError         **error)
{
  ExampleTakeStage *self = EXAMPLE_TAKE_STAGE (stage);
  g_autofree char *bytes = g_malloc (self->n_bytes);
  gsize size;

  if (!g_input_stream_read_all (gp_stage_context_get_stdin (context), bytes, self->n_bytes, &size,
                                cancellable, error) ||
      !g_output_stream_write_all (gp_stage_context_get_stdout (context), bytes, size, NULL,
                                  cancellable, error))
    return FALSE;

  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "enough");

  return FALSE;
}
/* end of excerpt */

static void
example_take_stage_class_init (ExampleTakeStageClass *klass)
{
  GP_THREAD_STAGE_CLASS (klass)->process = example_take_stage_process;
}

static void
example_take_stage_init (ExampleTakeStage *self)
{
}

static void
take_some (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  ExampleTakeStage *stage = g_object_new (EXAMPLE_TYPE_TAKE_STAGE, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  stage->n_bytes = 4;
  gp_pipeline_append_command (pipeline, "yes", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (stage));

  output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  if (output != NULL)
    g_print ("%s", output);
  else
    print_error (error);
}

/* --- A function in the main context -------------------------------------------------------- */

/* excerpt: async-stage */
static void
copied_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  g_autoptr (GpStageContext) context = data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) >= 0)
    gp_stage_context_return_success (context);
  else
    gp_stage_context_return_error (context, error);
}

static gboolean
copy (GpStageContext  *context,
      gpointer         user_data,
      GError         **error)
{
  g_output_stream_splice_async (gp_stage_context_get_stdout (context),
                                gp_stage_context_get_stdin (context),
                                G_OUTPUT_STREAM_SPLICE_NONE, G_PRIORITY_DEFAULT,
                                gp_stage_context_get_cancellable (context),
                                copied_cb, g_object_ref (context));

  return TRUE;
}
/* end of excerpt */

static void
copy_in_main_context (GMainLoop *loop)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  gp_pipeline_append_command (pipeline, "echo", "copied", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("copy", copy, NULL, NULL)));
  gp_pipeline_append_command (pipeline, "cat", NULL);
  gp_pipeline_communicate_utf8_async (pipeline, NULL, NULL, listed_cb, loop);
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  sort_fruits ();
  number_without_blocking (loop);
  g_main_loop_run (loop);
  print_two_of_many ();
  fail ();
  wait_too_long ();
  write_and_print_file ();
  take_some ();
  copy_in_main_context (loop);
  g_main_loop_run (loop);

  return 0;
}
