/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

static void
test_communicate_given_input (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) stream = gp_test_source_new (0, FALSE);
  g_autoptr (GBytes) input = g_bytes_new_static ("text", 4);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, stream);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_null (gp_test_communicate (pipeline, input, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "was given input");

  /* It was not started, so it can be now. */
  output = gp_test_communicate (pipeline, NULL, NULL, NULL);
  g_assert_cmpuint (g_bytes_get_size (output), ==, 0);
}

static void
test_no_text (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gp_test_add_child (pipeline, "exit", "0", NULL);
  text = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (text, ==, "");
}

static gboolean
write_and_hold_func (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         gate,
                     GError         **error)
{
  g_autoptr (GSource) source =
    g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (output), NULL);

  /* What collects is ready at any time. */
  g_assert_cmpint (g_source_get_ready_time (source), <=, 0);
  if (!g_output_stream_write_all (output, "begun", 5, NULL, NULL, error))
    return FALSE;
  gp_test_gate_pass (gate);

  return g_output_stream_write_all (output, ", ended", 7, NULL, NULL, error);
}

/* What is there can be looked at while it runs. */
static void
test_output_so_far (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) so_far = NULL;
  g_autoptr (GBytes) output = NULL;
  GpTestGate gate;

  gp_test_gate_init (&gate);
  gp_test_add_function (pipeline, "function", write_and_hold_func, &gate);
  gp_pipeline_communicate_async (pipeline, NULL, NULL, gp_test_result_cb, &result);
  gp_test_wait_until ("the function", gp_test_gate_is_waited_at, &gate);
  so_far = gp_pipeline_dup_output (pipeline);
  g_assert_cmpmem (g_bytes_get_data (so_far, NULL), g_bytes_get_size (so_far), "begun", 5);
  gp_test_gate_open (&gate);
  gp_test_await ("the end", &result);
  output = gp_pipeline_communicate_finish (pipeline, result, NULL);
  g_assert_cmpuint (g_bytes_get_size (output), ==, 12);
  gp_test_gate_clear (&gate);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/communicate/given-input", test_communicate_given_input);
  gp_test_add ("/communicate/no-text", test_no_text);
  gp_test_add ("/communicate/output-so-far", test_output_so_far);

  return gp_test_run ();
}
