/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixoutputstream.h>
#include <sched.h>
#include <unistd.h>

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

#define N_ROUNDS 200

/* As gp_test_wait_until (), but runs no main context: what needs one must not happen */
static void
spin_until (GpTestCondition condition,
            gpointer        data)
{
  while (!condition (data))
    sched_yield ();
}

static gboolean
is_running (gpointer data)
{
  return gp_pipeline_get_state (data) == GP_PIPELINE_STATE_RUNNING;
}

static gboolean
has_failed (gpointer data)
{
  return gp_pipeline_get_state (data) == GP_PIPELINE_STATE_FAILED;
}

static void
append_function (GpPipeline *pipeline,
                 GpFunction  func,
                 gpointer    user_data)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("function", func, user_data, NULL)));
}

static gboolean
is_starting (gpointer data)
{
  return gp_stage_status_get_state (data) == GP_STAGE_STATE_STARTING;
}

/* An application's stage is not bothered with a pipeline that has ended */
static void
test_late_start (gconstpointer data)
{
  gboolean is_starter = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStageStatus *status;
  GpTestProbe *probe = is_starter ? gp_test_starter_new ("probe", GP_TEST_END_SUCCESS)
                                  : gp_test_probe_new ("probe", GP_TEST_END_SUCCESS);
  g_autoptr (GAsyncResult) result = NULL;

  g_object_ref (probe);
  gp_pipeline_append (pipeline, GP_STAGE (probe));
  gp_pipeline_set_abandon_delay (pipeline, 50);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  /* From here on the stage waits for the main context */
  status = gp_pipeline_get_status (pipeline, 0);
  spin_until (is_starting, status);
  gp_pipeline_cancel (pipeline);
  spin_until (has_failed, pipeline);
  gp_test_await ("the cancelled run", &result);
  g_assert_false (gp_pipeline_run_finish (pipeline, result, NULL));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 0);
  g_object_unref (probe);
}

/* A thread that blocks in a synchronous call */
typedef struct
{
  GpPipeline *pipeline; /* the test's */
  gboolean    success;
  int         done;     /* atomic */
} Blocked;

static gpointer
run_thread (gpointer data)
{
  Blocked *self = data;

  self->success = gp_pipeline_run (self->pipeline, NULL, NULL);
  g_atomic_int_set (&self->done, TRUE);
  return NULL;
}

static gpointer
start_and_wait_thread (gpointer data)
{
  Blocked *self = data;

  self->success = gp_pipeline_start (self->pipeline, NULL, NULL) &&
                  gp_pipeline_wait (self->pipeline, NULL, NULL);
  g_atomic_int_set (&self->done, TRUE);
  return NULL;
}

static gpointer
communicate_thread (gpointer data)
{
  Blocked *self = data;
  g_autoptr (GBytes) output = gp_pipeline_communicate (self->pipeline, NULL, NULL, NULL);

  self->success = output != NULL;
  g_atomic_int_set (&self->done, TRUE);
  return NULL;
}

static gboolean
set_flag_cb (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static gboolean
pass_gate_func (GInputStream    *input,
                GOutputStream   *output,
                GpStageContext  *context,
                gpointer         user_data,
                GError         **error)
{
  gp_test_gate_pass (user_data);
  return TRUE;
}

/* The main thread goes on with its work while another one waits for a pipeline. */
static void
test_default_context_is_free (gconstpointer data)
{
  GThreadFunc func = (GThreadFunc) data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestGate) gate;
  Blocked blocked = { pipeline, };
  gboolean called = FALSE;
  GThread *thread;

  gp_test_gate_init (&gate);
  append_function (pipeline, pass_gate_func, &gate);
  gp_test_add_child (pipeline, "cat", NULL);
  thread = g_thread_new ("blocked", func, &blocked);
  spin_until (gp_test_gate_is_waited_at, &gate);
  spin_until (is_running, pipeline);
  g_idle_add (set_flag_cb, &called);
  gp_test_wait_flag ("the main context to be run", &called);
  g_assert_false (g_atomic_int_get (&blocked.done));
  gp_test_gate_open (&gate);
  g_thread_join (thread);
  g_assert_true (blocked.success);
}

static int n_alive; /* atomic */

static void
gone_cb (gpointer  data,
         GObject  *where_the_object_was)
{
  g_atomic_int_add (&n_alive, -1);
}

static gpointer
many_runs_thread (gpointer data)
{
  for (int i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

      g_atomic_int_inc (&n_alive);
      g_object_weak_ref (G_OBJECT (pipeline), gone_cb, NULL);
      gp_test_add_child (pipeline, "exit", "0", NULL);
      g_assert_true (gp_pipeline_run (pipeline, NULL, NULL));
    }
  return NULL;
}

static gboolean
is_none_alive (gpointer data)
{
  return g_atomic_int_get (&n_alive) == 0;
}

static gboolean
are_fds_closed (gpointer data)
{
  return gp_test_count_fds () <= *(guint *) data;
}

/* Nothing waits for a main context that nobody may ever run. */
static void
test_threads_leave_nothing (void)
{
  guint n_fds = gp_test_count_fds ();
  GThread *threads[2];

  for (int i = 0; i < 2; i++)
    threads[i] = g_thread_new ("runs", many_runs_thread, NULL);
  for (int i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  spin_until (is_none_alive, NULL);
  spin_until (are_fds_closed, &n_fds);
}

static gpointer
start_thread (gpointer data)
{
  gp_pipeline_start_async (data, NULL, NULL, NULL);
  return NULL;
}

/* The stage can only be started in the default context, and we would keep it from being run. */
static void
test_wait_is_refused (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  g_thread_join (g_thread_new ("starter", start_thread, pipeline));
  g_assert_false (gp_pipeline_wait (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

typedef struct
{
  GpPipeline *pipeline;
  GMainLoop  *loop;
  int         thread;
  gboolean    success;
} Waiter;

static gpointer
wait_thread (gpointer data)
{
  Waiter *waiter = data;

  gp_test_announce_thread (&waiter->thread);
  waiter->success = gp_pipeline_wait (waiter->pipeline, NULL, NULL);
  g_main_loop_quit (waiter->loop);
  return NULL;
}

static gboolean
start_waiter_cb (gpointer data)
{
  Waiter *waiter = data;

  gp_pipeline_start_async (waiter->pipeline, NULL, NULL, NULL);
  g_thread_unref (g_thread_new ("waiter", wait_thread, waiter));
  /* It has begun to wait before the stage can be started. */
  while (!gp_test_thread_sleeps (&waiter->thread))
    g_thread_yield ();
  return G_SOURCE_REMOVE;
}

/* As long as somebody else runs it, all is well. */
static void
test_wait_elsewhere (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Waiter waiter = { pipeline, loop, 0, FALSE };

  gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  g_idle_add (start_waiter_cb, &waiter);
  g_main_loop_run (loop);
  g_assert_true (waiter.success);
}

typedef struct
{
  GpPipeline *pipeline;
  GpTestGate  gate;
} SelfCanceller;

static gboolean
cancel_and_block_func (GInputStream    *input,
                       GOutputStream   *output,
                       GpStageContext  *context,
                       gpointer         user_data,
                       GError         **error)
{
  SelfCanceller *self = user_data;

  gp_pipeline_cancel (self->pipeline);
  gp_test_gate_pass (&self->gate);
  return TRUE;
}

/* Whether the start of the function is complete when it is given up at once, is a race. */
static void
test_abandoned_at_once (void)
{
  for (int i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GError) error = NULL;
      SelfCanceller self = { gp_test_pipeline_new (), };

      gp_test_gate_init (&self.gate);
      gp_pipeline_set_abandon_delay (self.pipeline, 0);
      append_function (self.pipeline, cancel_and_block_func, &self);
      g_assert_false (gp_pipeline_run (self.pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      gp_test_gate_open (&self.gate);
      gp_test_wait_busy_threads ();
      g_object_unref (self.pipeline);
      gp_test_gate_clear (&self.gate);
    }
}

/* A run that ends while it is still being cancelled by somebody else */
typedef struct
{
  GCancellable *cancellable;
  GpTestGate    emission; /* where the cancelling thread is held up */
  GpTestGate    end;      /* where the function is, until the cancelling has begun */
} SlowCancel;

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  SlowCancel *self = user_data;

  gp_test_gate_open (&self->end);
  gp_test_gate_pass (&self->emission);
}

static gboolean
slow_cancel_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  SlowCancel *self = user_data;

  g_signal_connect (gp_stage_context_get_cancellable (context), "cancelled",
                    G_CALLBACK (cancelled_cb), self);
  gp_test_gate_pass (&self->end);
  return TRUE;
}

static gpointer
slow_cancel_thread (gpointer data)
{
  SlowCancel *self = data;

  spin_until (gp_test_gate_is_waited_at, &self->end);
  g_cancellable_cancel (self->cancellable);
  return NULL;
}

static void
end_while_cancelling (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  SlowCancel self = { cancellable, };
  GThread *thread;

  gp_test_gate_init (&self.emission);
  gp_test_gate_init (&self.end);
  append_function (pipeline, slow_cancel_func, &self);
  thread = g_thread_new ("canceller", slow_cancel_thread, &self);
  g_assert_false (gp_pipeline_run (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_gate_open (&self.emission);
  g_thread_join (thread);
  gp_test_gate_clear (&self.emission);
  gp_test_gate_clear (&self.end);
}

static void
test_ended_while_cancelling (void)
{
  guint n_fds = gp_test_count_fds ();

  /* More often than there may be descriptors of earlier runs about to be closed */
  for (int i = 0; i < 20; i++)
    end_while_cancelling ();
  spin_until (are_fds_closed, &n_fds);
}

static gpointer
cancel_thread (gpointer data)
{
  g_cancellable_cancel (data);
  return NULL;
}

/* The same, at any moment */
static void
test_cancelled_from_elsewhere (void)
{
  guint n_fds = gp_test_count_fds ();

  for (int i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_auto (GpTestGate) gate;
      GThread *thread;

      gp_test_gate_init (&gate);
      gp_test_gate_open (&gate);
      append_function (pipeline, pass_gate_func, &gate);
      thread = g_thread_new ("canceller", cancel_thread, cancellable);
      gp_pipeline_run (pipeline, cancellable, NULL);
      g_thread_join (thread);
      /* The function may have been given up */
      gp_test_wait_busy_threads ();
    }
  spin_until (are_fds_closed, &n_fds);
}

static gboolean
has_exited (gpointer data)
{
  return gp_stage_status_get_exit_status (data) >= 0;
}

/* The stream for standard error takes nothing, and cannot be stopped. */
static void
test_stderr_blocks (gconstpointer data)
{
  gboolean exits = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) output = NULL;
  g_auto (GpTestGate) gate;
  GpCommandStage *stage;

  gp_test_gate_init (&gate);
  output = gp_test_gated_output_new (sink, &gate, NULL);
  if (exits)
    stage = gp_test_add_child (pipeline, "stderr", "unheard", "0", NULL);
  else
    stage = gp_test_add_child (pipeline, "spew-stderr", "100000000", NULL);
  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_STREAM);
  gp_command_stage_set_stderr_stream (stage, output);
  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the pump to block", gp_test_gate_is_waited_at, &gate);
  if (exits)
    gp_test_wait_until ("the command to end", has_exited, gp_pipeline_get_status (pipeline, 0));
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 0);
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
}

/* Commands of which some process stays although it was asked to end; $0 is the child program */
/* While the home is busy, a stage of the application waits for its start: after a cancel it is not
 * bothered with that any more. */
static void
test_cancelled_while_busy (void)
{
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GAsyncResult) result = NULL;
      GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);

      gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
      spin_until (is_starting, gp_pipeline_get_status (pipeline, 0));
      /* Its start is queued soon after that. */
      for (guint n = 0; n < i * 10; n++)
        g_thread_yield ();
      gp_pipeline_cancel (pipeline);
      gp_test_await ("the cancelled run", &result);
      gp_test_assert_cancelled (pipeline);
      g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 0);
    }
}

static const char *const stubborn_scripts[] = {
  /* All ignore it */
  "trap '' TERM; \"$0\" grandchild-wait ready; exit 0",
  /* The command itself ends */
  "(trap '' TERM; exec \"$0\" wait ready) & wait",
};

static void
test_stubborn_group (gconstpointer script)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);
  GpCommandStage *stage = gp_pipeline_append_command (pipeline, "/bin/sh", "-c", script,
                                                      gp_test_child (), NULL);
  char line[6];
  char byte;

  gp_command_stage_set_kill_delay (stage, 1);
  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  for (gsize i = 0; i < sizeof line; i++)
    g_assert_cmpint (read (fd, &line[i], 1), ==, 1);
  g_assert_cmpmem (line, sizeof line, "ready\n", 6);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  /* Blocks until the last one has gone */
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
  close (fd);
}

static gpointer
wait_for_success_thread (gpointer pipeline)
{
  g_assert_true (gp_pipeline_wait (pipeline, NULL, NULL));

  return NULL;
}

/* Who finds that it still runs, and connects then, hears of an end that came in between: it is told in
 * the home context, which has not been run since. */
static void
test_state_before_connecting (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestGate) gate = { 0, };
  g_autoptr (GInputStream) input = NULL;
  int n_pipeline = 0;
  int n_stage = 0;

  gp_test_gate_init (&gate);
  input = gp_test_gated_input_new (&gate, "text");
  gp_pipeline_set_stdin (pipeline, input);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_start (pipeline, NULL, NULL);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_RUNNING);

  gp_test_gate_open (&gate);
  g_thread_join (g_thread_new ("wait", wait_for_success_thread, pipeline));
  g_signal_connect_swapped (pipeline, "notify::state", G_CALLBACK (g_atomic_int_inc), &n_pipeline);
  g_signal_connect_swapped (gp_pipeline_get_status (pipeline, 0), "notify::state",
                            G_CALLBACK (g_atomic_int_inc), &n_stage);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_SUCCEEDED);
  g_assert_cmpint (n_pipeline, >, 0);
  g_assert_cmpint (n_stage, >, 0);
}

typedef struct
{
  GpPipeline *pipeline;
  GpTestGate  gate;
  int         n_notified;
} Observer;

/* Runs the default context in the place of the main thread */
static gpointer
observe_thread (gpointer data)
{
  Observer *self = data;

  g_assert_true (g_main_context_acquire (NULL));
  g_assert_cmpint (gp_pipeline_get_state (self->pipeline), ==, GP_PIPELINE_STATE_BUILDING);
  gp_test_gate_pass (&self->gate);
  g_signal_connect_swapped (self->pipeline, "notify::state", G_CALLBACK (g_atomic_int_inc),
                            &self->n_notified);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_main_context_release (NULL);
  return NULL;
}

/* The thread that starts the pipeline need not be the one that runs its home. */
static void
test_state_seen_elsewhere (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Observer observer = { pipeline, };
  GThread *thread;

  gp_test_gate_init (&observer.gate);
  append_function (pipeline, gp_test_copy_func, NULL);
  gp_pipeline_setenv (pipeline, "=", "no name", TRUE);
  thread = g_thread_new ("observer", observe_thread, &observer);
  spin_until (gp_test_gate_is_waited_at, &observer.gate);
  g_assert_false (gp_pipeline_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_gate_open (&observer.gate);
  g_thread_join (thread);
  g_assert_cmpint (observer.n_notified, >, 0);
  gp_test_gate_clear (&observer.gate);
}

typedef struct
{
  GpPipeline   *second;
  GAsyncResult *result; /* owned */
} Sequel;

static void
start_sequel_cb (GpPipeline *pipeline,
                 GpEvent    *event,
                 Sequel     *self)
{
  gp_pipeline_run_async (self->second, NULL, gp_test_result_cb, &self->result);
}

/* What a handler begins while a call blocks goes on in the application's context afterwards. */
static void
test_begun_in_handler (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) second = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Sequel sequel = { second, NULL };

  append_function (pipeline, gp_test_copy_func, NULL);
  append_function (second, gp_test_copy_func, NULL);
  g_signal_connect (pipeline, "event::stage-started", G_CALLBACK (start_sequel_cb), &sequel);
  gp_pipeline_run (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_await ("the pipeline that the handler has started", &sequel.result);
  gp_pipeline_run_finish (second, sequel.result, &error);
  g_assert_no_error (error);
  g_object_unref (sequel.result);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add_data ("/contexts/late-start/run", GINT_TO_POINTER (FALSE), test_late_start);
  gp_test_add_data ("/contexts/late-start/start", GINT_TO_POINTER (TRUE), test_late_start);
  gp_test_add_data ("/contexts/default-is-free/run", run_thread, test_default_context_is_free);
  gp_test_add_data ("/contexts/default-is-free/start-and-wait", start_and_wait_thread,
                    test_default_context_is_free);
  gp_test_add_data ("/contexts/default-is-free/communicate", communicate_thread,
                    test_default_context_is_free);
  gp_test_add ("/contexts/threads-leave-nothing", test_threads_leave_nothing);
  gp_test_add ("/contexts/wait-is-refused", test_wait_is_refused);
  gp_test_add ("/contexts/wait-elsewhere", test_wait_elsewhere);
  gp_test_add ("/contexts/abandoned-at-once", test_abandoned_at_once);
  gp_test_add ("/contexts/ended-while-cancelling", test_ended_while_cancelling);
  gp_test_add ("/contexts/cancelled-from-elsewhere", test_cancelled_from_elsewhere);
  gp_test_add_data ("/contexts/stderr-blocks/running", GINT_TO_POINTER (FALSE),
                    test_stderr_blocks);
  gp_test_add_data ("/contexts/stderr-blocks/exited", GINT_TO_POINTER (TRUE), test_stderr_blocks);
  gp_test_add ("/contexts/cancelled-while-busy", test_cancelled_while_busy);
  gp_test_add_data ("/contexts/stubborn-group/all", stubborn_scripts[0], test_stubborn_group);
  gp_test_add_data ("/contexts/stubborn-group/member", stubborn_scripts[1], test_stubborn_group);
  gp_test_add ("/contexts/state-before-connecting", test_state_before_connecting);
  gp_test_add ("/contexts/state-seen-elsewhere", test_state_seen_elsewhere);
  gp_test_add ("/contexts/begun-in-handler", test_begun_in_handler);
  return gp_test_run ();
}
