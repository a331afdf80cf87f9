/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <signal.h>

#include "gp-test-leash.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* Ends that a command does not notice by itself, such as those of a terminal, or that are not its
 * doing, and signals in large numbers */

/* A terminal does not break when nobody reads it any more. */
static void
test_reader_gone (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  GpCommandStage *command = gp_pipeline_append_command (pipeline, "yes", NULL);

  gp_command_stage_set_terminal (command, TRUE);
  gp_pipeline_append_command (pipeline, "head", "-n", "1", NULL);
  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);

  output = gp_test_communicate (pipeline, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), "y\n", 2);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==, SIGPIPE);
}

/* Nor does who does not mind the signal go on for ever. */
static void
test_reader_gone_ignored (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;

  command = gp_pipeline_append_command (pipeline, "sh", "-c", "trap '' PIPE; yes", NULL);
  gp_command_stage_set_terminal (command, TRUE);
  gp_pipeline_append_command (pipeline, "head", "-n", "1", NULL);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
}

#define TEST_TYPE_BROKEN_INPUT (broken_input_get_type ())
G_DECLARE_FINAL_TYPE (BrokenInput, broken_input, TEST, BROKEN_INPUT, GInputStream)

struct _BrokenInput
{
  GInputStream parent_instance;
};

G_DEFINE_FINAL_TYPE (BrokenInput, broken_input, G_TYPE_INPUT_STREAM)

static gssize
broken_input_read (GInputStream  *stream,
                   void          *buffer,
                   gsize          count,
                   GCancellable  *cancellable,
                   GError       **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "disk broken");

  return -1;
}

static void
broken_input_class_init (BrokenInputClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = broken_input_read;
}

static void
broken_input_init (BrokenInput *self)
{
}

static void
test_input_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_object_new (TEST_TYPE_BROKEN_INPUT, NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_terminal (gp_pipeline_append_command (pipeline, "cat", NULL), TRUE);
  gp_pipeline_set_stdin (pipeline, input);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "cat: reading standard input: disk broken");
}

/* What a command makes of an input that has broken off explains nothing. */
static void
test_input_fails_command (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_object_new (TEST_TYPE_BROKEN_INPUT, NULL);
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "exit-later", "3", NULL);
  gp_pipeline_set_stdin (pipeline, input);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "exit-later: reading standard input: disk broken");
}

/* A command that fails has its own reasons, wherever its output could not go. */
static void
test_output_fails (gconstpointer exit_status)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = NULL;
  g_autoptr (GError) error = NULL;

  sink = gp_test_sink_new (1, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  gp_test_add_child (pipeline, "both", "text", "", exit_status, NULL);
  gp_pipeline_set_stdout (pipeline, sink);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, g_str_equal (exit_status, "0")
                                 ? "both: writing standard output: full"
                                 : "both: exit status 3");
}

/* More signals than can be under way at once: the last one must not be the one that is lost. */
static void
test_many_signals (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;
  char ready[6];

  command = gp_pipeline_append_command (pipeline, "sh", "-c",
                                        "trap '' USR1; echo ready; while :; do sleep 1000; done", NULL);
  output = gp_pipeline_open_output (pipeline, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, &error));
  g_assert_true (g_input_stream_read_all (output, ready, sizeof ready, NULL, NULL, NULL));

  for (int i = 0; i < 20000; i++)
    g_assert_true (gp_command_stage_send_signal (command, SIGUSR1));
  g_assert_true (gp_command_stage_send_signal (command, SIGTERM));

  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, SIGTERM);
}

/* Of real time signals each one counts. */
static void
test_real_time_signals (gconstpointer supervised)
{
  g_auto (Leash) leash;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "leave", "", "terms", NULL);
  const int n_signals = 500;

  leash_attach (&leash, command);
  gp_command_stage_set_supervised (command, GPOINTER_TO_INT (supervised));
  gp_command_stage_set_kill_delay (command, 1);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  leash_await_ready (&leash);
  for (int i = 0; i < n_signals; i++)
    g_assert_true (gp_command_stage_send_signal (command, SIGRTMIN));
  for (int i = 0; i < n_signals; i++)
    g_assert_cmpint (leash_read (&leash), ==, 'R');
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  leash_await_end (&leash);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/process-ends/reader-gone", test_reader_gone);
  gp_test_add ("/process-ends/reader-gone-ignored", test_reader_gone_ignored);
  gp_test_add ("/process-ends/input-fails", test_input_fails);
  gp_test_add ("/process-ends/input-fails-command", test_input_fails_command);
  gp_test_add_data ("/process-ends/output-fails/well", "0", test_output_fails);
  gp_test_add_data ("/process-ends/output-fails/not-well", "3", test_output_fails);
  gp_test_add ("/process-ends/many-signals", test_many_signals);
  gp_test_add_data ("/process-ends/real-time-signals/supervised", GINT_TO_POINTER (TRUE),
                    test_real_time_signals);
  gp_test_add_data ("/process-ends/real-time-signals/unsupervised", GINT_TO_POINTER (FALSE),
                    test_real_time_signals);

  return gp_test_run ();
}
