/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"
#include "gp-test-gates.h"
#include "gp-test-leash.h"
#include "gp-test-lines.h"
#include "gp-test-streams.h"

#include <gio/gunixinputstream.h>
#include <signal.h>
#include <unistd.h>

/* What the reference system, a library of this kind in another language, waits for in vain; one test
 * for each. A comment tells what that is, and the test fails if we did so, too. No time is measured:
 * what could wait for ever is seen by the watchdog; and that something was not waited for, by its
 * still being there afterwards. test-weak-points.c has the others. */

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

static void
start (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
await_success (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
}

static void
read_text (int         fd,
           const char *expected)
{
  gsize size = strlen (expected);
  g_autofree char *text = g_malloc0 (size + 1);

  for (gsize n = 0; n < size; n++)
    g_assert_cmpint (read (fd, text + n, 1), ==, 1);
  g_assert_cmpstr (text, ==, expected);
}

/* --- What blocks ---------------------------------------------------------------------------- */

/* The reference system waits for the end of such a stream for ever, even when cancelled. */
static void
check_endless_stdin (GInputStream    *input,
                     GpTestCondition  is_blocked,
                     gpointer         what,
                     gboolean         cancel)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);
  GpCommandStage *command = gp_test_add_child (pipeline, "term-exit", "0", "ready", NULL);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_command_stage_set_kill_delay (command, NEVER);
  start (pipeline);
  read_text (fd, "ready\n");
  gp_test_wait_until ("the stream to block", is_blocked, what);
  if (cancel)
    gp_pipeline_cancel (pipeline);
  else
    g_assert_true (gp_command_stage_send_signal (command, SIGTERM));
  if (cancel)
    gp_test_assert_cancelled (pipeline);
  else
    await_success (pipeline);
  close (fd);
}

static void
test_endless_stdin (void)
{
  for (int cancel = 0; cancel < 2; cancel++)
    {
      g_autoptr (GInputStream) willing = gp_test_source_new (10, TRUE);
      g_autoptr (GInputStream) deaf = NULL;
      g_auto (GpTestGate) gate;

      check_endless_stdin (willing, gp_test_source_is_blocked, willing, cancel);

      /* Not even its own cancellable ends the read, which goes on behind our back. */
      gp_test_gate_init (&gate);
      deaf = gp_test_gated_input_new (&gate, "");
      check_endless_stdin (deaf, gp_test_gate_is_waited_at, &gate, cancel);
      g_assert_true (gp_test_gate_is_waited_at (&gate));
      gp_test_gate_open (&gate);
      gp_test_wait_busy_threads ();
    }
}

static gboolean
write_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  return g_output_stream_write_all (output, "text", 4, NULL, NULL, error);
}

/* The reference system waits for a write into the caller's stream for ever, even when cancelled. */
static void
test_blocked_stdout (void)
{
  for (int is_function = 0; is_function < 2; is_function++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
      g_autoptr (GOutputStream) output = NULL;
      g_auto (GpTestGate) gate;

      gp_test_gate_init (&gate);
      output = gp_test_gated_output_new (memory, &gate, NULL);
      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_set_abandon_delay (pipeline, is_function ? 1 : NEVER);
      if (is_function)
        gp_test_add_function (pipeline, "function", write_func, NULL);
      else
        gp_test_add_child (pipeline, "spew", NULL);
      start (pipeline);
      gp_test_wait_until ("the write to block", gp_test_gate_is_waited_at, &gate);
      gp_pipeline_cancel (pipeline);
      gp_test_assert_cancelled (pipeline);
      g_assert_true (gp_test_gate_is_waited_at (&gate));
      gp_test_gate_open (&gate);
      gp_test_wait_busy_threads ();
    }
}

static gboolean
read_for_ever_func (GInputStream    *input,
                    GOutputStream   *output,
                    GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  char byte;

  gp_test_announce_thread (user_data);
  return g_input_stream_read (input, &byte, 1, NULL, error) >= 0;
}

static void
cancel_reading (GpPipeline *pipeline)
{
  int thread = 0;

  gp_test_add_function (pipeline, "function", read_for_ever_func, &thread);
  start (pipeline);
  gp_test_wait_until ("the function to block", gp_test_thread_sleeps, &thread);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

/* The reference system waits for ever for a function that is blocked in a read without looking at
 * its cancellable. Here such a read ends, wherever it is ours. */
static void
test_blocked_function (void)
{
  for (int is_own_pipe = 0; is_own_pipe < 2; is_own_pipe++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = NULL;
      int fds[2] = { -1, -1 };

      gp_pipeline_set_abandon_delay (pipeline, NEVER);
      if (is_own_pipe)
        {
          gp_test_open_pipe (fds);
          input = g_unix_input_stream_new (fds[0], TRUE);
          gp_pipeline_set_stdin (pipeline, input);
        }
      else
        {
          gp_test_add_child (pipeline, "wait", NULL);
        }
      cancel_reading (pipeline);
      if (is_own_pipe)
        close (fds[1]);
    }
}

/* And where it is not, the function is given up. */
static void
test_blocked_function_elsewhere (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = NULL;
  g_auto (GpTestGate) gate;

  gp_test_gate_init (&gate);
  input = gp_test_gated_input_new (&gate, "");
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  cancel_reading (pipeline);
  g_assert_true (gp_test_gate_is_waited_at (&gate));
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
}

/* --- What is left behind ---------------------------------------------------------------------- */

static void
assert_stderr (GpPipeline *pipeline,
               const char *expected)
{
  g_autofree char *text = gp_stage_status_dup_stderr_text (gp_pipeline_get_status (pipeline, 0));

  g_assert_cmpstr (text, ==, expected);
}

/* The reference system waits three seconds for what "sleep 3 &" may write to standard error. */
static void
test_held_stderr (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Leash) leash;

  leash_attach (&leash, gp_test_add_child (pipeline, "leave", "2", "0", NULL));
  start (pipeline);
  leash_await_ready (&leash);
  await_success (pipeline);
  leash_assert_alive (&leash);
  assert_stderr (pipeline, "err\n");
  leash_release (&leash);
  leash_await_end (&leash);
}

/* The reference system waits for one that has left the process group even when cancelled. Here it is
 * ended with the command; and where that cannot be, for want of a supervisor, it is not awaited. */
static void
test_held_stderr_outside_the_group (void)
{
  for (int supervised = 0; supervised < 2; supervised++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "leave", "2s", "wait", NULL);
      g_auto (Leash) leash;

      gp_command_stage_set_supervised (command, supervised);
      leash_attach (&leash, command);
      start (pipeline);
      leash_await_ready (&leash);
      gp_pipeline_cancel (pipeline);
      gp_test_assert_cancelled (pipeline);
      assert_stderr (pipeline, "err\n");
      if (!supervised)
        leash_assert_alive (&leash);
      if (!supervised)
        leash_release (&leash);
      leash_await_end (&leash);
    }
}

/* --- Who reads no more ------------------------------------------------------------------------ */

typedef enum
{
  READER_COMMAND,
  READER_FUNCTION,
  READER_CALLER,
  N_READERS
} Reader;

/* Like "head 10" */
static gboolean
take_ten_func (GInputStream    *input,
               GOutputStream   *output,
               GpStageContext  *context,
               gpointer         user_data,
               GError         **error)
{
  char text[10];

  return g_input_stream_read_all (input, text, sizeof text, NULL, NULL, error);
}

/* The reference system lets somebody who writes each three seconds write on, until one of these writes
 * has failed in a copy between two pipes. Here nothing is in between: a command can find out without
 * writing anything, whoever its reader was. */
static void
test_rare_producer (void)
{
  for (int reader = 0; reader < N_READERS; reader++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) output = NULL;

      gp_test_add_child (pipeline, "until-unread", "something", NULL);
      if (reader == READER_COMMAND)
        gp_test_add_child (pipeline, "head", "10", NULL);
      else if (reader == READER_FUNCTION)
        append_function (pipeline, "function", take_ten_func);
      else
        output = gp_pipeline_open_output (pipeline, NULL);
      start (pipeline);
      if (reader == READER_CALLER)
        gp_test_assert_comes (output, "something\n");
      if (reader == READER_CALLER)
        g_input_stream_close (output, NULL, NULL);
      await_success (pipeline);
    }
}

static gboolean
write_twice_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  gboolean written = g_output_stream_write_all (output, "something\n", 10, NULL, NULL, error);

  gp_test_gate_pass (user_data);
  return written && g_output_stream_write_all (output, "x", 1, NULL, NULL, error);
}

static gboolean
has_ended (gpointer status)
{
  return gp_stage_status_get_state (status) >= GP_STAGE_STATE_SUCCEEDED;
}

/* And a function finds out with the very next byte that it writes. */
static void
test_rare_producer_function (void)
{
  for (int reader = 0; reader < READER_CALLER; reader++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_auto (GpTestGate) gate;

      gp_test_gate_init (&gate);
      gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
      gp_test_add_function (pipeline, "producer", write_twice_func, &gate);
      if (reader == READER_COMMAND)
        gp_test_add_child (pipeline, "head", "10", NULL);
      else
        append_function (pipeline, "function", take_ten_func);
      start (pipeline);
      gp_test_wait_until ("the reader's end", has_ended, gp_pipeline_get_status (pipeline, 1));
      gp_test_gate_open (&gate);
      await_success (pipeline);
      error = gp_stage_status_dup_error (gp_pipeline_get_status (pipeline, 0));
      g_assert_true (gp_error_matches_pipe (error));
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/weak-points/endless-stdin", test_endless_stdin);
  gp_test_add ("/weak-points/blocked-stdout", test_blocked_stdout);
  gp_test_add ("/weak-points/blocked-function", test_blocked_function);
  gp_test_add ("/weak-points/blocked-function-elsewhere", test_blocked_function_elsewhere);
  gp_test_add ("/weak-points/held-stderr", test_held_stderr);
  gp_test_add ("/weak-points/held-stderr-outside-the-group", test_held_stderr_outside_the_group);
  gp_test_add ("/weak-points/rare-producer", test_rare_producer);
  gp_test_add ("/weak-points/rare-producer-function", test_rare_producer_function);
  return gp_test_run ();
}
