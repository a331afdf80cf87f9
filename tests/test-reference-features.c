/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <stdlib.h>
#include <unistd.h>

/* What the reference system can do, row by row: see doc/reference-parity.md, which names every test
 * here. Each shows in a few lines that a row is true; other files have the details. This one has what
 * is there for any pipeline, whatever its stages are. */

/* --- new-with-options ------------------------------------------------------------------------- */

typedef enum
{
  BY_CONSTRUCTOR,
  BY_SETTERS,
} How;

static GpPipeline *
new_with_options (How            how,
                  const char    *directory,
                  GInputStream  *input,
                  GOutputStream *output,
                  gboolean       given)
{
  GpPipeline *pipeline;

  if (how == BY_CONSTRUCTOR)
    return gp_test_watch (g_object_new (GP_TYPE_PIPELINE,
                                        "directory", directory,
                                        "stdin", input,
                                        "stdout", output,
                                        "close-stdout", given,
                                        NULL));

  pipeline = gp_test_pipeline_new ();
  gp_pipeline_set_directory (pipeline, directory);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, given);
  return pipeline;
}

/* The command reads the one stream, sees the directory, and writes to the other stream. */
static void
check_options (How      how,
               gboolean given)
{
  g_autofree char *made = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  char *directory = realpath (made, NULL);
  g_autofree char *expected = g_strconcat ("input\n", directory, "\n", NULL);
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("input\n", 6, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GpPipeline) pipeline = new_with_options (how, directory, input, output, given);
  GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM (output);
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "sh", "-c", "cat; pwd -P", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_memory_output_stream_get_data (memory),
                   g_memory_output_stream_get_data_size (memory),
                   expected, strlen (expected));
  g_assert_false (g_input_stream_is_closed (input));
  g_assert_cmpint (g_output_stream_is_closed (output), ==, given);
  g_assert_cmpint (rmdir (directory), ==, 0);
  free (directory);
}

static void
test_options (gconstpointer data)
{
  check_options (GPOINTER_TO_INT (data), FALSE);
  check_options (GPOINTER_TO_INT (data), TRUE);
}

/* --- append ----------------------------------------------------------------------------------- */

static void
test_append_one (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_test_child_new ("echo", "one", NULL)));
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "one\n");
}

/* They stand in the order in which they were appended: each cuts off a byte more. */
static void
test_append_several (void)
{
  static const char * const lengths[] = { "6", "5", "4", "3" };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    gp_test_add_child (pipeline, "head", lengths[i], NULL);
  g_assert_cmpuint (gp_pipeline_get_n_stages (pipeline), ==, 4);
  for (guint i = 0; i < 4; i++)
    {
      GpStageStatus *status = gp_pipeline_get_status (pipeline, i);
      GpCommandStage *command = GP_COMMAND_STAGE (gp_stage_status_get_stage (status));

      g_assert_cmpstr (gp_command_stage_get_argv (command)[2], ==, lengths[i]);
    }
  output = gp_test_output_of (pipeline, "abcdef");
  g_assert_cmpstr (output, ==, "abc");
}

static void
test_append_ignoring (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) other = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_ignoring (pipeline, GP_STAGE (gp_test_child_new ("exit", "3", NULL)),
                               gp_error_matcher_new_exit_status (3));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_no_error (error);

  gp_pipeline_append_ignoring (other, GP_STAGE (gp_test_child_new ("exit", "4", NULL)),
                               gp_error_matcher_new_exit_status (3));
  g_assert_false (gp_test_run_pipeline (other, NULL, &error));
  g_assert_true (gp_error_matches_exit_status (error, 4));
}

/* --- run -------------------------------------------------------------------------------------- */

static void
test_start_and_wait (void)
{
  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) input = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "exit-later", "3", NULL);
      input = gp_pipeline_open_input (pipeline, &error);
      g_assert_true (synchronous ? gp_pipeline_start (pipeline, NULL, &error)
                                 : gp_test_start (pipeline, NULL, &error));
      /* Started, and far from its end */
      g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_RUNNING);
      g_output_stream_close (input, NULL, NULL);
      g_assert_false (synchronous ? gp_pipeline_wait (pipeline, NULL, &error)
                                  : gp_test_wait (pipeline, &error));
      gp_test_assert_message (error, "exit-later: exit status 3");
    }
}

static void
test_run (void)
{
  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("cfc");
      g_autoptr (GInputStream) input = gp_test_source_new (300000, FALSE);
      g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_stdout (pipeline, output);
      g_assert_true (synchronous ? gp_pipeline_run (pipeline, NULL, &error)
                                 : gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 300000);
    }
}

static void
test_output (void)
{
  static const char text[] = { 'a', '\0', '\xff', 'b' };

  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("cf");
      g_autoptr (GBytes) input = g_bytes_new_static (text, sizeof text);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      output = synchronous ? gp_pipeline_communicate (pipeline, input, NULL, &error)
                           : gp_test_communicate (pipeline, input, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (g_bytes_equal (output, input));
    }
}

static char *
communicate_utf8 (GpPipeline  *pipeline,
                  gboolean     synchronous,
                  GError     **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (synchronous)
    return gp_pipeline_communicate_utf8 (pipeline, "", NULL, error);
  gp_pipeline_communicate_utf8_async (pipeline, "", NULL, gp_test_result_cb, &result);
  gp_test_await ("the text", &result);
  return gp_pipeline_communicate_utf8_finish (pipeline, result, error);
}

static void
test_output_as_text (void)
{
  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "echo", "caf\xc3\xa9", NULL);
      output = communicate_utf8 (pipeline, synchronous, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (output, ==, "caf\xc3\xa9\n");
    }
}

static void
test_output_is_no_text (void)
{
  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "invalid-utf8", NULL);
      g_assert_null (communicate_utf8 (pipeline, synchronous, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      bytes = gp_pipeline_dup_output (pipeline);
      g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                       "caf\xe9\xff\n", 6);
    }
}

/* --- empty-pipeline --------------------------------------------------------------------------- */

static void
test_empty_with_stdout (void)
{
  for (int given = 0; given < 2; given++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("same", 4, NULL);
      g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
      GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM (output);

      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_set_close_stdout (pipeline, given);
      g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpmem (g_memory_output_stream_get_data (memory),
                       g_memory_output_stream_get_data_size (memory), "same", 4);
      g_assert_cmpint (g_output_stream_is_closed (output), ==, given);
    }
}

static void
test_empty_without_stdout (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, TRUE);

  gp_pipeline_set_stdin (pipeline, input);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_source_get_n_bytes (input), ==, 0);
}

/* --- failed-start ----------------------------------------------------------------------------- */

/* A command that a pump feeds for ever, and whose output another one would take */
static void
test_failed_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, TRUE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;
  GpTestProbe *later;
  GpStageStatus *first;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  later = gp_test_add_probe (pipeline, "later", GP_TEST_END_SUCCESS);
  gp_test_add_child (pipeline, "cat", NULL);
  first = gp_pipeline_get_status (pipeline, 0);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);

  /* Stopped and waited for: it had been started, and is no more. */
  g_assert_cmpint (gp_stage_status_get_started_at (first), >, 0);
  g_assert_cmpint (gp_stage_status_get_ended_at (first), >, 0);
  g_assert_cmpint (gp_stage_status_get_term_signal (first), >, 0);
  g_assert_cmpuint (gp_test_probe_get_n_runs (later), ==, 0);
  for (guint i = 2; i < 4; i++)
    g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, i)), ==,
                     GP_STAGE_STATE_NOT_STARTED);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  gp_test_wait_busy_threads ();
  g_assert_false (gp_test_source_is_blocked (input));
}

/* --- streams ---------------------------------------------------------------------------------- */

/* What the pipeline was lent or given, the stage sees and can close, more than once. */
static void
check_closing (gboolean given)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, given);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, given);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_assert_cmpstr (gp_test_probe_get_seen (probe), ==, given ? "o→o" : "o!→o!");
  for (int i = 0; i < 2; i++)
    {
      gp_stage_context_close_stdin (gp_test_probe_get_context (probe));
      gp_stage_context_close_stdout (gp_test_probe_get_context (probe));
    }
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, given);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, given);
}

static void
test_closed_by_owner (void)
{
  check_closing (FALSE);
  check_closing (TRUE);
}

/* --- pipeline-as-a-stage ---------------------------------------------------------------------- */

static void
test_pipeline_as_stage (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("cnf");
  g_autoptr (GpPipeline) failing = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autofree char *output = gp_test_output_of (pipeline, "through all of them");
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (output, ==, "through all of them");

  gp_test_add_child (inner, "cat", NULL);
  gp_test_add_child (inner, "exit", "3", NULL);
  gp_pipeline_append (failing, GP_STAGE (inner));
  g_assert_false (gp_test_run_pipeline (failing, NULL, &error));
  gp_test_assert_message (error, "exit: exit status 3");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add_data ("/reference/features/new-with-options/constructor",
                    GINT_TO_POINTER (BY_CONSTRUCTOR), test_options);
  gp_test_add_data ("/reference/features/new-with-options/setters",
                    GINT_TO_POINTER (BY_SETTERS), test_options);
  gp_test_add ("/reference/features/append/one", test_append_one);
  gp_test_add ("/reference/features/append/several", test_append_several);
  gp_test_add ("/reference/features/append/ignoring", test_append_ignoring);
  gp_test_add ("/reference/features/run/start-and-wait", test_start_and_wait);
  gp_test_add ("/reference/features/run/run", test_run);
  gp_test_add ("/reference/features/run/output", test_output);
  gp_test_add ("/reference/features/run/output-as-text", test_output_as_text);
  gp_test_add ("/reference/features/run/output-is-no-text", test_output_is_no_text);
  gp_test_add ("/reference/features/empty-pipeline/with-stdout", test_empty_with_stdout);
  gp_test_add ("/reference/features/empty-pipeline/without-stdout", test_empty_without_stdout);
  gp_test_add ("/reference/features/failed-start", test_failed_start);
  gp_test_add ("/reference/features/streams-with-owners", test_closed_by_owner);
  gp_test_add ("/reference/features/pipeline-as-a-stage", test_pipeline_as_stage);
  return gp_test_run ();
}
