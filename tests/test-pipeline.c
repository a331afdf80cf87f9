/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib/gstdio.h>
#include <unistd.h>

static void
test_empty_without_stdout (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      g_assert_true (i == 0 ? gp_test_run_pipeline (pipeline, NULL, &error)
                            : gp_pipeline_run (pipeline, NULL, &error));
      g_assert_no_error (error);
      g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_SUCCEEDED);
    }
}

static void
test_empty_copies (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (200000, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 200000);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 0);
}

static void
test_empty_communicates (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) sync = gp_test_pipeline_new ();
  g_autofree char *output = gp_test_output_of (pipeline, "unchanged");
  g_autofree char *sync_output = gp_pipeline_communicate_utf8 (sync, "unchanged", NULL, NULL);

  g_assert_cmpstr (output, ==, "unchanged");
  g_assert_cmpstr (sync_output, ==, "unchanged");
}

static void
test_empty_with_stdout_only (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
}

static void
test_started_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) sync_error = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) communicate_error = NULL;

  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_assert_false (gp_pipeline_start (pipeline, NULL, &sync_error));
  g_assert_error (sync_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_assert_null (gp_test_communicate (pipeline, NULL, NULL, &communicate_error));
  g_assert_error (communicate_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
}

static void
test_wait_before_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) sync_error = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NOT_STARTED);
  g_assert_false (gp_pipeline_wait (pipeline, NULL, &sync_error));
  g_assert_error (sync_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NOT_STARTED);
}

static void
test_append_after_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;

  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_start (pipeline, NULL, NULL);
  gp_test_begin_criticals ();
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_probe_new ("late", GP_TEST_END_SUCCESS)));
  g_assert_cmpuint (gp_test_end_criticals (&text), ==, 1);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpuint (gp_pipeline_get_n_stages (pipeline), ==, 1);
}

/* A quick pipeline may have gone further by the time that one is told of a step */
static void
state_cb (GObject    *object,
          GParamSpec *pspec,
          gpointer    user_data)
{
  GpPipelineState *seen = user_data;
  GpPipelineState state = gp_pipeline_get_state (GP_PIPELINE (object));

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  g_assert_cmpint (state, >=, *seen);
  *seen = state;
}

static void
test_state (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpPipelineState seen = GP_PIPELINE_STATE_BUILDING;

      g_signal_connect (pipeline, "notify::state", G_CALLBACK (state_cb), &seen);
      g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_BUILDING);
      gp_test_add_child (pipeline, "exit", i == 0 ? "0" : "1", NULL);
      gp_test_start (pipeline, NULL, NULL);
      gp_test_wait (pipeline, NULL);
      g_assert_cmpint (seen, ==, i == 0 ? GP_PIPELINE_STATE_SUCCEEDED : GP_PIPELINE_STATE_FAILED);
    }
}

static void
test_sync_needs_main_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_probe (pipeline, "custom", GP_TEST_END_SUCCESS);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  gp_test_assert_contains (error->message, "custom");
}

/* After a refusal everything is as before. */
static void
test_sync_communicate_refused (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) input = g_bytes_new_static ("words", 5);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_probe (pipeline, "custom", GP_TEST_END_SUCCESS);
  g_assert_null (gp_pipeline_communicate (pipeline, input, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  g_clear_error (&error);
  g_assert_null (gp_pipeline_get_stdin (pipeline));
  g_assert_null (gp_pipeline_dup_output (pipeline));
  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (output);
}

static void
test_sync_in_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_probe (inner, "custom", GP_TEST_END_SUCCESS);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
}

static void
test_sync_fit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_probe_set_fit (gp_test_add_probe (pipeline, "custom", GP_TEST_END_SUCCESS), TRUE);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_true (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_no_error (error);
}

static gboolean
ran_cb (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* A synchronous call leaves the caller's context alone */
static void
test_sync_does_not_iterate (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  gboolean ran = FALSE;

  g_idle_add_full (G_PRIORITY_HIGH, ran_cb, &ran, NULL);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_true (gp_pipeline_run (pipeline, NULL, NULL));
  g_assert_false (ran);
  gp_test_wait_flag ("the idle source", &ran);
}

static void
test_sync_start_and_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "exit", "3", NULL);
  g_assert_true (gp_pipeline_start (pipeline, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (gp_pipeline_wait (pipeline, NULL, &error));
  gp_test_assert_message (error, "exit: exit status 3");
}

static gpointer
sync_thread (gpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_test_add_child (pipeline, "cat", NULL);
  return gp_pipeline_communicate_utf8 (pipeline, data, NULL, NULL);
}

static void
test_sync_in_threads (void)
{
  GThread *threads[10];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("sync", sync_thread, (gpointer) "words");
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      g_autofree char *output = g_thread_join (threads[i]);

      g_assert_cmpstr (output, ==, "words");
    }
}

static void
test_communicate_utf8 (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_communicate_utf8_async (pipeline, "caf\xc3\xa9", NULL, gp_test_result_cb, &result);
  gp_test_await ("gp_pipeline_communicate_utf8_async", &result);
  output = gp_pipeline_communicate_utf8_finish (pipeline, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, "caf\xc3\xa9");
}

static void
test_communicate_invalid_utf8 (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) kept = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "invalid-utf8", NULL);
  g_assert_null (gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  kept = gp_pipeline_dup_output (pipeline);
  g_assert_cmpmem (g_bytes_get_data (kept, NULL), g_bytes_get_size (kept), "caf\xe9\xff\n", 6);
}

static void
test_communicate_failure (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) kept = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "both", "some output", "", "3", NULL);
  g_assert_null (gp_test_communicate (pipeline, NULL, NULL, &error));
  gp_test_assert_message (error, "both: exit status 3");
  kept = gp_pipeline_dup_output (pipeline);
  g_assert_cmpmem (g_bytes_get_data (kept, NULL), g_bytes_get_size (kept), "some output", 11);
}

/* A function that does not hear that it was cancelled */
typedef struct
{
  GpTestGate  gate;
  GError     *error; /* of writing after that */
  int         done;  /* atomic: it is known */
} LateWriter;

static gboolean
write_late_func (GInputStream    *input,
                 GOutputStream   *output,
                 GpStageContext  *context,
                 gpointer         user_data,
                 GError         **error)
{
  LateWriter *late = user_data;

  gp_test_gate_pass (&late->gate);
  g_output_stream_write_all (output, "late", 4, NULL, NULL, &late->error);
  g_atomic_int_set (&late->done, TRUE);
  return TRUE;
}

static gboolean
has_written_late (gpointer data)
{
  LateWriter *late = data;

  return g_atomic_int_get (&late->done);
}

/* Who was given up and writes nevertheless is told that it is too late. */
static void
test_communicate_too_late (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) output = NULL;
  LateWriter late = { 0, };

  gp_test_gate_init (&late.gate);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_test_add_function (pipeline, "late", write_late_func, &late);
  gp_pipeline_communicate_async (pipeline, NULL, NULL, gp_test_result_cb, &result);
  gp_test_wait_until ("the function", gp_test_gate_is_waited_at, &late.gate);
  gp_pipeline_cancel (pipeline);
  gp_test_await ("the end", &result);
  g_assert_null (gp_pipeline_communicate_finish (pipeline, result, NULL));
  gp_test_gate_open (&late.gate);
  gp_test_wait_until ("the late write", has_written_late, &late);
  gp_test_wait_busy_threads ();
  g_assert_error (late.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  output = gp_pipeline_dup_output (pipeline);
  g_assert_cmpuint (g_bytes_get_size (output), ==, 0);
  g_clear_error (&late.error);
  gp_test_gate_clear (&late.gate);
}

static void
test_communicate_unread_input (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = g_strnfill (1000000, 'x');
  g_autofree char *output = NULL;

  /* A command that does not read all of its input is no mistake */
  gp_test_add_child (pipeline, "echo", "did not read", NULL);
  output = gp_test_output_of (pipeline, text);
  g_assert_cmpstr (output, ==, "did not read\n");
}

static void
test_no_output_without_communicate (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  g_assert_null (gp_pipeline_dup_output (pipeline));
}

static void
test_open_input_and_output (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[10];
  gsize n;

  for (const char *p = data; *p != '\0'; p++)
    gp_test_add_child (pipeline, "cat", NULL);
  input = gp_pipeline_open_input (pipeline, &error);
  g_assert_no_error (error);
  output = gp_pipeline_open_output (pipeline, &error);
  g_assert_no_error (error);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_output_stream_write_all (input, "ping", 4, NULL, NULL, &error));
  g_assert_true (g_input_stream_read_all (output, buffer, 4, &n, NULL, &error));
  g_assert_cmpmem (buffer, n, "ping", 4);
  g_assert_true (g_output_stream_close (input, NULL, &error));
  g_assert_true (g_input_stream_read_all (output, buffer, sizeof buffer, &n, NULL, &error));
  g_assert_cmpuint (n, ==, 0);
  g_assert_true (g_input_stream_close (output, NULL, &error));
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
}

static void
test_output_closed_early (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[100];

  gp_test_add_child (pipeline, "spew", NULL);
  output = gp_pipeline_open_output (pipeline, &error);
  g_assert_no_error (error);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_input_stream_read_all (output, buffer, sizeof buffer, NULL, NULL, NULL));
  g_assert_true (g_input_stream_close (output, NULL, NULL));
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
}

static void
test_output_dropped (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "spew", NULL);
  g_object_unref (gp_pipeline_open_output (pipeline, NULL));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_open_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) output = gp_pipeline_open_output (pipeline, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (output);
  g_assert_null (gp_pipeline_open_output (pipeline, &error));
  g_assert_nonnull (error);
}

static void
test_open_after_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) in_error = NULL;
  g_autoptr (GError) out_error = NULL;

  gp_test_run_pipeline (pipeline, NULL, NULL);
  g_assert_null (gp_pipeline_open_input (pipeline, &in_error));
  g_assert_error (in_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_assert_null (gp_pipeline_open_output (pipeline, &out_error));
  g_assert_error (out_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
}

static void
test_opened_but_never_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GOutputStream) input = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_pipeline_open_output (pipeline, NULL);
  input = gp_pipeline_open_input (pipeline, NULL);
  g_assert_nonnull (output);
  g_assert_nonnull (input);
}

static void
test_from_string (void)
{
  g_autofree char *text = NULL;
  g_autofree char *child = g_shell_quote (gp_test_child ());
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  text = g_strdup_printf ("%s echo \"a | b\" 'c  d' e\\|f|%s cat  |  %s cat", child, child, child);
  pipeline = gp_pipeline_new_from_string (text, &error);
  g_assert_no_error (error);
  gp_test_watch (pipeline);
  g_assert_cmpuint (gp_pipeline_get_n_stages (pipeline), ==, 3);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "a | b c  d e|f\n");
}

static void
test_from_bad_string (void)
{
  static const char *const texts[] = {
    "", "  ", "|", "a |", "| a", "a || b", "a | | b", "a > f", "a < f", "a & b", "a && b", "a ; b",
    "(a)", "a $HOME", "a `b`", "a 'b", "a \"b", "a | b > c", "a # b", "a \\",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *stripped = g_strstrip (g_strdup (texts[i]));
      GpPipeline *pipeline = gp_pipeline_new_from_string (texts[i], &error);

      if (pipeline != NULL)
        g_error ("accepted: %s", texts[i]);
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      gp_test_assert_contains (error->message, stripped);
    }
}

static void
test_time_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_time_limit (pipeline, 1);
  gp_test_add_child (pipeline, "wait", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
test_time_limit_not_reached (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_time_limit (pipeline, 1000000);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* g_file_replace () keeps the old content unless all of the new was written */
static void
test_replaced_file (gconstpointer data)
{
  const char *status = data;
  gboolean succeeds = g_str_equal (status, "0");
  g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "file", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileOutputStream) stream = NULL;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *contents = NULL;

  g_assert_true (g_file_set_contents (path, "old content", -1, NULL));
  stream = g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL, NULL);
  gp_pipeline_set_stdout (pipeline, G_OUTPUT_STREAM (stream));
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_child (pipeline, "both", "new content, longer", "", status, NULL);
  g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, succeeds);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==, GP_EDGE_KIND_DESCRIPTOR);
  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, succeeds ? "new content, longer" : "old content");
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

static void
test_dropped_while_running (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;

  /* The run goes on until its end, and frees all that it used */
  gp_test_add_child (pipeline, "cat", NULL);
  input = gp_pipeline_open_input (pipeline, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_object_unref (pipeline);
  g_assert_true (g_output_stream_write_all (input, "x", 1, NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (input, NULL, NULL));
}

static void
test_dropped_without_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) stream = gp_test_source_new (1, FALSE);

  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  gp_pipeline_set_stdin (pipeline, stream);
}

static void
test_properties (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) stream = gp_test_source_new (1, FALSE);
  g_autoptr (GInputStream) got = NULL;
  g_autofree char *name = NULL;
  gboolean close_stdin;
  guint time_limit;

  g_object_set (pipeline,
                "name", "mine",
                "stdin", stream,
                "close-stdin", TRUE,
                "time-limit", 12345,
                "abandon-delay", 77,
                "ignore-pipe-errors", TRUE,
                NULL);
  g_object_get (pipeline,
                "name", &name,
                "stdin", &got,
                "close-stdin", &close_stdin,
                "time-limit", &time_limit,
                NULL);
  g_assert_cmpstr (name, ==, "mine");
  g_assert_true (got == stream);
  g_assert_true (close_stdin);
  g_assert_cmpuint (time_limit, ==, 12345);
  g_assert_cmpuint (gp_pipeline_get_abandon_delay (pipeline), ==, 77);
  g_assert_true (gp_pipeline_get_ignore_pipe_errors (pipeline));
  g_assert_cmpstr (gp_pipeline_get_name (pipeline), ==, "mine");
  gp_pipeline_set_stdin (pipeline, NULL);
  g_assert_null (gp_pipeline_get_stdin (pipeline));
}

static void
test_null_arguments (void)
{
  gp_test_begin_criticals ();
  gp_pipeline_append (NULL, NULL);
  g_assert_false (gp_pipeline_run (NULL, NULL, NULL));
  gp_pipeline_run_async (NULL, NULL, NULL, NULL);
  g_assert_null (gp_pipeline_new_from_string (NULL, NULL));
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 4);
}

static void
test_added_after_open (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GObject) stream = NULL;
      g_autoptr (GError) error = NULL;

      stream = i == 0 ? G_OBJECT (gp_pipeline_open_input (pipeline, NULL))
                      : G_OBJECT (gp_pipeline_open_output (pipeline, NULL));
      g_assert_nonnull (stream);
      gp_test_add_child (pipeline, "cat", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      gp_test_assert_contains (error->message,
                               i == 0 ? "after open_input ()" : "after open_output ()");
    }
}

/* Directly, and further in */
static void
test_stage_of_itself (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
      GpPipeline *inner = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_append (outer, GP_STAGE (inner));
      gp_pipeline_append (i == 0 ? outer : inner, GP_STAGE (g_object_ref (outer)));
      g_assert_false (gp_test_run_pipeline (outer, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      gp_test_assert_contains (error->message, "a stage of itself");
    }
}

static void
test_empty_cannot_write (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (100000, FALSE);
  g_autoptr (GOutputStream) output =
    gp_test_sink_new (10, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
}

static gpointer
cancel_when_waited_for (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);

  return NULL;
}

/* Cancelling the wait does nothing to the pipeline. */
static void
test_wait_cancelled (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GThread *thread;

  gp_test_add_child (pipeline, "wait", NULL);
  g_assert_true (gp_pipeline_start (pipeline, NULL, NULL));
  thread = g_thread_new ("cancel", cancel_when_waited_for, cancellable);
  g_assert_false (gp_pipeline_wait (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_RUNNING);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_pipeline_wait (pipeline, NULL, NULL));
}

static void
test_start_twice_blocking (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (gp_pipeline_start (pipeline, NULL, NULL));
  g_assert_false (gp_pipeline_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_assert_true (gp_pipeline_wait (pipeline, NULL, NULL));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/pipeline/empty/without-stdout", test_empty_without_stdout);
  gp_test_add ("/pipeline/empty/copies", test_empty_copies);
  gp_test_add ("/pipeline/empty/communicates", test_empty_communicates);
  gp_test_add ("/pipeline/empty/with-stdout-only", test_empty_with_stdout_only);
  gp_test_add ("/pipeline/started-twice", test_started_twice);
  gp_test_add ("/pipeline/wait-before-start", test_wait_before_start);
  gp_test_add ("/pipeline/append-after-start", test_append_after_start);
  gp_test_add ("/pipeline/state", test_state);
  gp_test_add ("/pipeline/sync/needs-main-context", test_sync_needs_main_context);
  gp_test_add ("/pipeline/sync/communicate-refused", test_sync_communicate_refused);
  gp_test_add ("/pipeline/sync/in-nested", test_sync_in_nested);
  gp_test_add ("/pipeline/sync/fit", test_sync_fit);
  gp_test_add ("/pipeline/sync/does-not-iterate", test_sync_does_not_iterate);
  gp_test_add ("/pipeline/sync/start-and-wait", test_sync_start_and_wait);
  gp_test_add ("/pipeline/sync/in-threads", test_sync_in_threads);
  gp_test_add ("/pipeline/communicate/utf8", test_communicate_utf8);
  gp_test_add ("/pipeline/communicate/invalid-utf8", test_communicate_invalid_utf8);
  gp_test_add ("/pipeline/communicate/failure", test_communicate_failure);
  gp_test_add ("/pipeline/communicate/too-late", test_communicate_too_late);
  gp_test_add ("/pipeline/communicate/unread-input", test_communicate_unread_input);
  gp_test_add ("/pipeline/communicate/no-output-without", test_no_output_without_communicate);
  gp_test_add_data ("/pipeline/open/one-stage", "c", test_open_input_and_output);
  gp_test_add_data ("/pipeline/open/two-stages", "cc", test_open_input_and_output);
  gp_test_add_data ("/pipeline/open/no-stage", "", test_open_input_and_output);
  gp_test_add ("/pipeline/open/output-closed-early", test_output_closed_early);
  gp_test_add ("/pipeline/open/output-dropped", test_output_dropped);
  gp_test_add ("/pipeline/open/twice", test_open_twice);
  gp_test_add ("/pipeline/open/after-start", test_open_after_start);
  gp_test_add ("/pipeline/open/never-started", test_opened_but_never_started);
  gp_test_add ("/pipeline/from-string", test_from_string);
  gp_test_add ("/pipeline/from-bad-string", test_from_bad_string);
  gp_test_add ("/pipeline/time-limit", test_time_limit);
  gp_test_add ("/pipeline/time-limit-not-reached", test_time_limit_not_reached);
  gp_test_add_data ("/pipeline/replaced-file/success", "0", test_replaced_file);
  gp_test_add_data ("/pipeline/replaced-file/failure", "1", test_replaced_file);
  gp_test_add ("/pipeline/dropped-while-running", test_dropped_while_running);
  gp_test_add ("/pipeline/dropped-without-start", test_dropped_without_start);
  gp_test_add ("/pipeline/properties", test_properties);
  gp_test_add ("/pipeline/null-arguments", test_null_arguments);
  gp_test_add ("/pipeline/added-after-open", test_added_after_open);
  gp_test_add ("/pipeline/stage-of-itself", test_stage_of_itself);
  gp_test_add ("/pipeline/empty-cannot-write", test_empty_cannot_write);
  gp_test_add ("/pipeline/wait-cancelled", test_wait_cancelled);
  gp_test_add ("/pipeline/start-twice-blocking", test_start_twice_blocking);
  return gp_test_run ();
}
