/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

/* A failed end is not an end of file: who reads what a failed stage has written can tell. */

#define WRITTEN "half of it\n"

/* What a reader has seen */
typedef struct
{
  GString      *data;
  GError       *error;       /* in place of the end */
  GpInputState  state;       /* asked for at the end */
  GMainLoop    *loop;
} Seen;

static void
seen_init (Seen *seen)
{
  *seen = (Seen) { .data = g_string_new (NULL) };
}

static void
seen_clear (Seen *seen)
{
  g_string_free (seen->data, TRUE);
  g_clear_error (&seen->error);
}

static gboolean
read_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  Seen *seen = user_data;
  char buffer[64];
  gssize size;

  while ((size = g_input_stream_read (input, buffer, sizeof buffer,
                                      gp_stage_context_get_cancellable (context),
                                      &seen->error)) > 0)
    g_string_append_len (seen->data, buffer, size);
  seen->state = gp_stage_context_get_input_state (context);

  if (seen->error == NULL)
    return TRUE;

  g_propagate_error (error, g_error_copy (seen->error));

  return FALSE;
}

static gboolean
fail_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  if (!g_output_stream_write_all (output, WRITTEN, strlen (WRITTEN), NULL, NULL, error))
    return FALSE;

  /* It ends its output long before it fails. */
  if (user_data != NULL)
    gp_stage_context_close_stdout (context);

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "broken");

  return FALSE;
}

/* A letter for each stage before the reader: f and e are functions that fail (e ends its output
 * first), x is a command that fails, s one that succeeds, c one that copies and m a function that
 * does */
static void
append_stages (GpPipeline *pipeline,
               const char *kinds)
{
  for (const char *kind = kinds; *kind != '\0'; kind++)
    {
      switch (*kind)
        {
        case 'f':
          gp_test_add_function (pipeline, "broken", fail_func, NULL);
          break;
        case 'e':
          gp_test_add_function (pipeline, "broken", fail_func, pipeline);
          break;
        case 'x':
          gp_pipeline_append_command (pipeline, "/bin/sh", "-c", "echo half of it; exit 3", NULL);
          break;
        case 's':
          gp_pipeline_append_command (pipeline, "/bin/sh", "-c", "echo half of it", NULL);
          break;
        case 'c':
          gp_test_add_child (pipeline, "cat", NULL);
          break;
        default:
          gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
          break;
        }
    }
}

typedef struct
{
  const char   *kinds;
  GpInputState  state;
  gboolean      is_nested; /* what is before the reader is a pipeline of its own */
  gboolean      reader_is_nested;
} Case;

/* A pipeline as the next stage (transfer none) */
static GpPipeline *
append_inner (GpPipeline *pipeline)
{
  GpPipeline *inner = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (inner));

  return inner;
}

static void
test_function (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Seen seen;

  seen_init (&seen);
  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  append_stages (test->is_nested ? append_inner (pipeline) : pipeline, test->kinds);
  gp_test_add_function (test->reader_is_nested ? append_inner (pipeline) : pipeline,
                        "reader", read_func, &seen);

  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error) ==
                 (test->state == GP_INPUT_STATE_COMPLETE));
  g_assert_cmpstr (seen.data->str, ==, WRITTEN);
  g_assert_cmpint (seen.state, ==, test->state);

  if (test->state == GP_INPUT_STATE_PARTIAL)
    {
      g_assert_error (seen.error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
      gp_test_assert_contains (seen.error->message, "the input is not complete: ");
      /* The cause is the pipeline's error, not the consequence. */
      g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT));
    }
  else
    g_assert_no_error (seen.error);

  seen_clear (&seen);
}

/* Without the option it is an end like any other, but can be asked for what it is. */
static void
test_default (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Seen seen;

  seen_init (&seen);
  g_assert_false (gp_pipeline_get_partial_input_is_error (pipeline));
  append_stages (pipeline, "f");
  gp_test_add_function (pipeline, "reader", read_func, &seen);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "broken: broken");
  g_assert_no_error (seen.error);
  g_assert_cmpstr (seen.data->str, ==, WRITTEN);

  seen_clear (&seen);
}

/* Nothing is missing where a stage had simply enough. */
static void
test_pipe_errors_ignored (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Seen seen;

  seen_init (&seen);
  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
  gp_pipeline_append_command (pipeline, "yes", "half of it", NULL);
  gp_pipeline_append_command (pipeline, "head", "-n", "1", NULL);
  gp_test_add_function (pipeline, "reader", read_func, &seen);

  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_no_error (error);
  g_assert_no_error (seen.error);
  g_assert_cmpstr (seen.data->str, ==, WRITTEN);

  seen_clear (&seen);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  Seen *seen = data;
  g_autoptr (GBytes) bytes = NULL;

  bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &seen->error);
  if (bytes == NULL || g_bytes_get_size (bytes) == 0)
    {
      g_main_loop_quit (seen->loop);
      return;
    }

  g_string_append_len (seen->data, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_input_stream_read_bytes_async (G_INPUT_STREAM (source), 4, 0, NULL, read_cb, seen);
}

/* The application reads the output, asynchronously: it must neither spin nor miss the end. */
static void
test_output (gconstpointer kinds)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  Seen seen;

  seen_init (&seen);
  seen.loop = g_main_loop_new (NULL, FALSE);
  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  append_stages (pipeline, kinds);
  output = gp_pipeline_open_output (pipeline, &error);
  g_assert_no_error (error);

  g_assert_true (gp_test_start (pipeline, NULL, &error));
  g_input_stream_read_bytes_async (output, 4, 0, NULL, read_cb, &seen);
  g_main_loop_run (seen.loop);

  g_assert_cmpstr (seen.data->str, ==, WRITTEN);
  if (strcmp (kinds, "s") == 0 || strcmp (kinds, "sm") == 0)
    g_assert_no_error (seen.error);
  else
    g_assert_error (seen.error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);

  g_clear_error (&error);
  gp_test_wait (pipeline, &error);
  g_assert_true (g_input_stream_close (output, NULL, NULL));
  g_main_loop_unref (seen.loop);
  seen_clear (&seen);
}

/* A command that ends its output but goes on: the reader waits at the gate, and is not kept
 * there when the pipeline is cancelled. */
static void
test_cancelled_at_the_end (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;
  int fds[2], never[2];
  char byte;
  Seen seen;

  seen_init (&seen);
  gp_test_open_pipe (fds);
  gp_test_open_pipe (never);
  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  command = gp_pipeline_append_command (pipeline, "/bin/sh", "-c",
                                        "echo half of it; exec >&-; echo >&5; exec 5>&-; read x <&6",
                                        NULL);
  gp_command_stage_take_fd (command, fds[1], 5);
  gp_command_stage_take_fd (command, never[0], 6);
  gp_test_add_function (pipeline, "reader", read_func, &seen);

  g_assert_true (gp_test_start (pipeline, cancellable, &error));
  g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (seen.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  close (fds[0]);
  close (never[1]);
  seen_clear (&seen);
}

static const Case cases[] = {
  { "f", GP_INPUT_STATE_PARTIAL },    { "e", GP_INPUT_STATE_PARTIAL },
  { "x", GP_INPUT_STATE_PARTIAL },    { "xc", GP_INPUT_STATE_PARTIAL },
  { "xm", GP_INPUT_STATE_PARTIAL },   { "fc", GP_INPUT_STATE_PARTIAL },
  { "fm", GP_INPUT_STATE_PARTIAL },   { "ec", GP_INPUT_STATE_PARTIAL },
  { "s", GP_INPUT_STATE_COMPLETE },   { "sc", GP_INPUT_STATE_COMPLETE },
  { "sm", GP_INPUT_STATE_COMPLETE },  { "scm", GP_INPUT_STATE_COMPLETE },
  { "x", GP_INPUT_STATE_PARTIAL, TRUE }, { "f", GP_INPUT_STATE_PARTIAL, TRUE },
  { "sc", GP_INPUT_STATE_COMPLETE, TRUE },
  { "x", GP_INPUT_STATE_PARTIAL, FALSE, TRUE }, { "f", GP_INPUT_STATE_PARTIAL, FALSE, TRUE },
  { "sc", GP_INPUT_STATE_COMPLETE, FALSE, TRUE }, { "fm", GP_INPUT_STATE_PARTIAL, TRUE, TRUE },
};

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/partial-input/function/%s%s%s", cases[i].kinds,
                                               cases[i].is_nested ? "-nested" : "",
                                               cases[i].reader_is_nested ? "-reader-nested" : "");

      gp_test_add_data (path, &cases[i], test_function);
    }

  gp_test_add ("/partial-input/default", test_default);
  gp_test_add ("/partial-input/pipe-errors-ignored", test_pipe_errors_ignored);
  gp_test_add_data ("/partial-input/output/command", "x", test_output);
  gp_test_add_data ("/partial-input/output/function", "e", test_output);
  gp_test_add_data ("/partial-input/output/complete", "s", test_output);
  gp_test_add_data ("/partial-input/output/complete-function", "sm", test_output);
  gp_test_add ("/partial-input/cancelled-at-the-end", test_cancelled_at_the_end);

  return gp_test_run ();
}
