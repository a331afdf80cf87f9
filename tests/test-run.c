/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-util.h"

#include "gp-engine-private.h"
#include "gp-pipeline-private.h"
#include "gp-run-core-private.h"

#include <sys/wait.h>
#include <unistd.h>

/* A run alone, without the pipeline that makes it */

/* Seconds */
#define CHILD_TIMEOUT 50

/* Milliseconds: whatever waits for that is not forgotten in time */
#define LONGER_THAN_A_TEST 3600000

static GpRun *
new_run (GObject *owner)
{
  g_autoptr (GpCallbackQueue) queue = gp_callback_queue_new ();
  g_autoptr (GPtrArray) nothing = g_ptr_array_new ();
  const GpRunConfig config = {
    .owner = owner,
    .stages = nothing,
    .statuses = nothing,
    .queue = queue,
    .abandon_delay = LONGER_THAN_A_TEST,
  };

  return gp_run_new (&config);
}

static void
cancel_cb (GpRun    *run,
           gpointer  user_data)
{
  gboolean *was_ended = user_data;
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");

  *was_ended = gp_run_is_ended (run);
  gp_run_cancel (run, reason);
}

static gboolean
is_ours_alone (gpointer data)
{
  GpRun *run = data;

  return g_atomic_ref_count_compare (&run->ref_count, 1);
}

/* Those who wait for its start are told between its end and those who wait for that. */
static void
test_cancelled_while_it_ends (void)
{
  g_autoptr (GpPipeline) owner = gp_test_pipeline_new ();
  g_autoptr (GError) mistake = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "a mistake");
  GpRun *run = new_run (G_OBJECT (owner));
  g_autoptr (GError) error = NULL;
  gboolean was_ended = TRUE;

  g_assert_true (gp_engine_ensure (NULL));
  gp_run_when_started (run, cancel_cb, &was_ended);
  gp_run_fail (run, mistake);

  g_assert_false (was_ended);
  g_assert_true (gp_run_is_ended (run));
  error = gp_run_dup_error (run);
  gp_test_assert_message (error, "a mistake");
  gp_test_wait_until ("others to let go of it", is_ours_alone, run);
  gp_run_unref (run);
}

static gboolean
pass_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  gp_test_gate_pass (user_data);
  return TRUE;
}

/* A thread of the original that holds the lock at the moment of a fork never releases it in the copy. */
static void
test_cancelled_in_copy (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (GpTestGate) gate;
  int status = -1;
  pid_t pid;

  gp_test_gate_init (&gate);
  gp_test_add_function (pipeline, "function", pass_func, &gate);
  g_assert_true (gp_test_start (pipeline, cancellable, NULL));
  gp_test_wait_until ("the function to wait", gp_test_gate_is_waited_at, &gate);
  g_mutex_lock (&pipeline->run->lock);
  pid = fork ();
  if (pid == 0)
    {
      alarm (CHILD_TIMEOUT);
      g_cancellable_cancel (cancellable);
      _exit (0);
    }
  g_mutex_unlock (&pipeline->run->lock);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  gp_test_gate_open (&gate);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/run/cancelled-while-it-ends", test_cancelled_while_it_ends);
  /* Valgrind looks for leaks in a copy as well, where what belonged to other threads is lost. */
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    gp_test_add ("/run/cancelled-in-copy", test_cancelled_in_copy);

  return gp_test_run ();
}
