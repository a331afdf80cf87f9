/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

static void
append (GpPipeline   *pipeline,
        GpBytesStage *stage)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
}

/* Takes @stage */
static void
assert_writes (GpBytesStage *stage,
               const char   *name,
               const char   *expected)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *own_name = gp_stage_get_name (GP_STAGE (stage));
  g_autofree char *output = NULL;

  g_assert_cmpstr (own_name, ==, name);
  append (pipeline, stage);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, expected);
}

static void
test_constructors (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("bytes", 5);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);

  assert_writes (gp_bytes_stage_new (NULL, bytes), "bytes", "bytes");
  assert_writes (gp_bytes_stage_new ("my bytes", bytes), "my bytes", "bytes");
  assert_writes (gp_bytes_stage_new (NULL, empty), "bytes", "");
  assert_writes (gp_bytes_stage_new_text ("text"), "print", "text");
  assert_writes (gp_bytes_stage_new_text (""), "print", "");
  assert_writes (gp_bytes_stage_new_line ("line"), "print", "line\n");
  assert_writes (gp_bytes_stage_new_line (""), "print", "\n");
  assert_writes (gp_bytes_stage_new_printf ("%d %s", 12, "words"), "print", "12 words");
  assert_writes (g_object_new (GP_TYPE_BYTES_STAGE, NULL), "GpBytesStage", "");
}

static void
test_property (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\0\377", 2);
  g_autoptr (GpBytesStage) stage = gp_bytes_stage_new (NULL, bytes);
  g_autoptr (GBytes) found = NULL;

  g_object_get (stage, "bytes", &found, NULL);
  g_assert_true (found == bytes);
  g_assert_true (gp_bytes_stage_get_bytes (stage) == bytes);
}

static void
test_no_output (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  append (pipeline, gp_bytes_stage_new_text ("nobody reads this"));
  gp_pipeline_run (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* What is written into a buffer arrives, although nobody closes that. */
static void
test_flush (void)
{
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (sink);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  append (pipeline, gp_bytes_stage_new_text ("text"));
  gp_pipeline_set_stdout (pipeline, buffered);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 4);
}

/* It reads nothing: an input that never ends does not matter, and who writes to it is told. */
static void
test_input (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) second = gp_test_pipeline_new ();
  g_autoptr (GInputStream) source = gp_test_source_new (0, TRUE);
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, source);
  append (pipeline, gp_bytes_stage_new_text ("text"));
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "text");
  g_assert_false (gp_test_source_is_blocked (source));

  gp_test_add_child (second, "spew", "10000000", NULL);
  append (second, gp_bytes_stage_new_text ("text"));
  g_assert_false (gp_test_run_pipeline (second, NULL, &error));
  g_assert_true (gp_error_matches_pipe (error));
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (second, 1)), ==,
                   GP_STAGE_STATE_SUCCEEDED);
}

static void
test_big (void)
{
  const gsize size = gp_test_is_thorough () ? 300000001 : 10000001;
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (size), size);

  append (pipeline, gp_bytes_stage_new (NULL, bytes));
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_set_stdout (pipeline, sink);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, size);
}

/* Who writes to it need not wait until it has ended. */
static void
test_input_is_closed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (0, NULL);
  g_autoptr (GError) error = NULL;

  append (pipeline, gp_bytes_stage_new_text ("text"));
  gp_pipeline_set_stdout (pipeline, sink);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the write to block", gp_test_sink_is_blocked, sink);
  g_assert_false (g_output_stream_write_all (
    gp_stage_context_get_stdout (gp_test_probe_get_context (probe)), "x", 1, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
}

/* Its reader has gone, or reads no more and is cancelled. */
static void
test_reader_goes (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (10000000), 10000000);
  g_autoptr (GError) error = NULL;

  append (pipeline, gp_bytes_stage_new ("big", bytes));
  gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_pipe (error));
  g_assert_true (g_str_has_prefix (error->message, "big: "));
}

static void
test_cancel (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_sink_new (0, NULL);
  g_autoptr (GError) error = NULL;

  append (pipeline, gp_bytes_stage_new_text ("text"));
  gp_pipeline_set_stdout (pipeline, sink);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the write to block", gp_test_sink_is_blocked, sink);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/bytes-stage/constructors", test_constructors);
  gp_test_add ("/bytes-stage/property", test_property);
  gp_test_add ("/bytes-stage/no-output", test_no_output);
  gp_test_add ("/bytes-stage/flush", test_flush);
  gp_test_add ("/bytes-stage/input", test_input);
  gp_test_add ("/bytes-stage/input-is-closed", test_input_is_closed);
  gp_test_add ("/bytes-stage/big", test_big);
  gp_test_add ("/bytes-stage/reader-goes", test_reader_goes);
  gp_test_add ("/bytes-stage/cancel", test_cancel);

  return gp_test_run ();
}
