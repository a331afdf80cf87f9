/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-engine-private.h"
#include "gopipe/gp-exec-private.h"
#include "gopipe/gp-spawn-private.h"
#include "gopipe/gp-user-function-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gp-test-util.h"

/* Who runs the engine: whoever waits for a pipeline anyway, or the engine's own thread, and each time
 * somebody does */

/* In the environment of a command: the FIFO that its helper waits for */
#define SLOW_HELPER "GP_TEST_SLOW_HELPER"

static char *self_path;

typedef struct
{
  GpStageStatus *status;
  const char    *fifo;
} Slow;

static void
ensure_engine (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gp_engine_ensure (&error));
  g_assert_no_error (error);
}

/* In the thread that runs the engine: which one it is */
static void
note_thread_cb (gpointer data)
{
  g_atomic_pointer_set ((GThread **) data, g_thread_self ());
}

/* Somebody else must do it: nothing here iterates the engine. */
static void
await_thread (GThread **thread)
{
  while (g_atomic_pointer_get (thread) == NULL)
    g_thread_yield ();
}

static void
lead_until_noted (GThread **thread)
{
  g_assert_true (gp_engine_lead ());
  while (g_atomic_pointer_get (thread) == NULL)
    gp_engine_iterate ();
}

/* Until anybody could lead: who has led before may still be about to leave. */
static void
await_nobody (void)
{
  gboolean leads = FALSE;

  while (!leads)
    {
      gp_engine_be_patient ();
      gp_engine_hold ();
      leads = gp_engine_lead ();
      gp_engine_release ();
      if (leads)
        gp_engine_leave ();
      else
        gp_engine_lose_patience ();
    }
}

/* How often the engine's own thread has gone to sleep; -1 before there is one */
static gint64
count_sleeps (void)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;

  while ((task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", task, "status", NULL);
      g_autofree char *status = NULL;
      const char *count;

      if (!g_file_get_contents (path, &status, NULL, NULL) ||
          !g_str_has_prefix (status, "Name:\tgp-engine\n"))
        continue;
      count = strstr (status, "\nvoluntary_ctxt_switches:");
      g_assert_nonnull (count);
      return g_ascii_strtoll (strchr (count, ':') + 1, NULL, 10);
    }

  return -1;
}

static void
test_own_thread (void)
{
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_invoke (note_thread_cb, &thread);
  await_thread (&thread);
  g_assert_true (thread != g_thread_self ());
}

static void
test_patient (void)
{
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (note_thread_cb, &thread);
  lead_until_noted (&thread);
  gp_engine_leave ();
  g_assert_true (thread == g_thread_self ());
}

static void
test_loses_patience (void)
{
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (note_thread_cb, &thread);
  gp_engine_lose_patience ();
  await_thread (&thread);
  g_assert_true (thread != g_thread_self ());
}

/* Each is asked for later than the one before, until the first was kept too long. */
static void
test_no_endless_patience (void)
{
  GThread *first = NULL;
  GThread *others = NULL;
  GThread *last = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (note_thread_cb, &first);
  while (g_atomic_pointer_get (&first) == NULL)
    gp_engine_invoke (note_thread_cb, &others);
  g_assert_true (first != g_thread_self ());

  gp_engine_lose_patience ();
  gp_engine_invoke (note_thread_cb, &last);
  await_thread (&last);
}

/* What is left when somebody stops leading */
static void
test_handed_on (void)
{
  g_autoptr (GSource) timer = NULL;
  GThread *first = NULL;
  GThread *second = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (note_thread_cb, &first);
  g_assert_true (gp_engine_lead ());
  g_assert_false (gp_engine_lead ());
  timer = gp_engine_add_timeout (1, note_thread_cb, &second, NULL);
  gp_engine_leave ();

  await_thread (&first);
  await_thread (&second);
  g_assert_true (first == second);
  g_assert_true (first != g_thread_self ());
}

static gpointer
try_to_lead_thread (gpointer data)
{
  gboolean leads = gp_engine_lead ();

  if (leads)
    gp_engine_leave ();

  return GINT_TO_POINTER (leads);
}

static void
test_one_leads (void)
{
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (note_thread_cb, &thread);
  g_assert_true (gp_engine_lead ());
  g_assert_null (g_thread_join (g_thread_new ("second", try_to_lead_thread, NULL)));
  while (g_atomic_pointer_get (&thread) == NULL)
    gp_engine_iterate ();
  gp_engine_leave ();

  /* And nobody where there is nothing to be done */
  g_assert_false (gp_engine_lead ());
}

static gpointer
wake_thread (gpointer data)
{
  gp_engine_wake ();

  return NULL;
}

static void
test_woken (void)
{
  GThread *waker;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_hold ();
  g_assert_true (gp_engine_lead ());
  waker = g_thread_new ("waker", wake_thread, NULL);
  gp_engine_iterate ();
  gp_engine_release ();
  gp_engine_leave ();
  g_thread_join (waker);
}

/* What is to happen at a time does not wait for anybody. */
static void
test_timer (void)
{
  g_autoptr (GSource) timer = NULL;
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  timer = gp_engine_add_timeout (1, note_thread_cb, &thread, NULL);
  await_thread (&thread);
  g_assert_true (thread != g_thread_self ());
}

/* A timer that is none any more does not keep the engine's own thread. */
static void
test_timer_gone (void)
{
  GThread *thread = NULL;
  GSource *timer;

  ensure_engine ();
  timer = gp_engine_add_timeout (G_MAXINT, note_thread_cb, &thread, NULL);
  gp_engine_clear_source (&timer);
  await_nobody ();
}

static void
drop_function_cb (gpointer function)
{
  gp_user_function_unref (function);
}

static void
note_freed (gpointer freed)
{
  *(gboolean *) freed = TRUE;
}

/* Data of the application is freed in its thread, but not while that leads: it is in a call of ours. */
static void
test_no_code_of_application (void)
{
  gboolean freed = FALSE;
  GpUserFunction *function = gp_user_function_new (NULL, &freed, note_freed);
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_be_patient ();
  gp_engine_invoke (drop_function_cb, function);
  gp_engine_invoke (note_thread_cb, &thread);
  lead_until_noted (&thread);
  gp_engine_leave ();
  g_assert_true (thread == g_thread_self ());
  g_assert_false (freed);

  gp_test_wait_flag ("the data to be freed", &freed);
}

/* --- Pipelines ---------------------------------------------------------------------------- */

static void
run_true (gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_supervised (gp_test_add_child (pipeline, "exit", "0", NULL), supervised);
  g_assert_true (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_no_error (error);
}

/* Who blocks until a command has ended hears of that without the engine's own thread. */
static void
test_run (void)
{
  gint64 n_sleeps;

  run_true (TRUE);
  await_nobody ();
  n_sleeps = count_sleeps ();
  g_assert_cmpint (n_sleeps, >=, 0);

  run_true (TRUE);
  run_true (FALSE);
  /* It may just have been about to go to sleep. */
  g_assert_cmpint (count_sleeps (), <=, n_sleeps + 1);
}

static gboolean
has_succeeded (gpointer pipeline)
{
  g_assert_cmpint (gp_pipeline_get_state (pipeline), !=, GP_PIPELINE_STATE_FAILED);

  return gp_pipeline_get_state (pipeline) == GP_PIPELINE_STATE_SUCCEEDED;
}

static char **
await_engine_func (gpointer   data,
                   GError   **error)
{
  GThread *thread = NULL;

  ensure_engine ();
  gp_engine_invoke (note_thread_cb, &thread);
  await_thread (&thread);

  return g_new0 (char *, 1);
}

/* What the application does for the start is not yet the start. */
static void
test_environment_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_add_environ_function (stage, await_engine_func, NULL, NULL);
  g_assert_true (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_no_error (error);
}

/* A pipeline that lasts until what it reads ends */
static GpPipeline *
start_copy (GOutputStream **input)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  *input = gp_pipeline_open_input (pipeline, &error);
  g_assert_no_error (error);
  g_assert_true (gp_pipeline_start (pipeline, NULL, &error));
  g_assert_no_error (error);

  return g_steal_pointer (&pipeline);
}

static void
close_and_clear (GOutputStream **input)
{
  g_assert_true (g_output_stream_close (*input, NULL, NULL));
  g_clear_object (input);
}

/* After a blocking start nobody waits, and the engine runs nevertheless. */
static void
test_start (void)
{
  GOutputStream *input;
  g_autoptr (GpPipeline) pipeline = start_copy (&input);

  close_and_clear (&input);
  gp_test_wait_until ("the end", has_succeeded, pipeline);
}

/* Who waits for one pipeline and leaves, leaves another one that runs. */
static void
test_others_go_on (void)
{
  GOutputStream *input;
  g_autoptr (GpPipeline) pipeline = start_copy (&input);

  run_true (TRUE);
  run_true (FALSE);
  close_and_clear (&input);
  gp_test_wait_until ("the end", has_succeeded, pipeline);
}

static gpointer
wait_thread (gpointer pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_pipeline_wait (pipeline, NULL, &error);
  g_assert_no_error (error);

  return NULL;
}

/* Several threads wait, for one pipeline and for others: only one of them can lead. */
static void
test_many_wait (void)
{
  GOutputStream *inputs[3];
  GpPipeline *pipelines[G_N_ELEMENTS (inputs)];
  GThread *threads[2 * G_N_ELEMENTS (inputs)];

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    pipelines[i] = start_copy (&inputs[i]);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("wait", wait_thread, pipelines[i / 2]);

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    {
      run_true (i % 2 == 0);
      close_and_clear (&inputs[i]);
      g_thread_join (threads[2 * i]);
      g_thread_join (threads[2 * i + 1]);
      g_object_unref (pipelines[i]);
    }
}

typedef struct
{
  GOutputStream *input;
  GpPipeline    *pipeline;
  gboolean       called;
} Other;

static void
await_other_cb (GObject    *object,
                GParamSpec *pspec,
                gpointer    data)
{
  Other *other = data;

  if (other->called || gp_pipeline_get_state (GP_PIPELINE (object)) < GP_PIPELINE_STATE_RUNNING)
    return;

  other->called = TRUE;
  close_and_clear (&other->input);
  gp_test_wait_until ("the end of the other one", has_succeeded, other->pipeline);
}

/* Who leads is called, and runs a main loop until something of the engine's has happened. */
static void
test_handler_runs_loop (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Other other = { 0 };

  other.pipeline = start_copy (&other.input);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_signal_connect (pipeline, "notify::state", G_CALLBACK (await_other_cb), &other);
  g_assert_true (gp_pipeline_start (pipeline, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (gp_pipeline_wait (pipeline, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (other.called);
  g_object_unref (other.pipeline);
}

static gpointer
cancel_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);

  return NULL;
}

/* The waiting is given up while it leads, and the pipeline goes on. */
static void
test_waiting_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GOutputStream *input;
  g_autoptr (GpPipeline) pipeline = start_copy (&input);
  GThread *thread = g_thread_new ("cancel", cancel_thread, cancellable);

  g_assert_false (gp_pipeline_wait (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  close_and_clear (&input);
  gp_test_wait_until ("the end", has_succeeded, pipeline);
}

/* --- A slow start ------------------------------------------------------------------------- */

static gpointer
open_when_ended_thread (gpointer data)
{
  Slow *slow = data;
  int fd;

  while (gp_stage_status_get_state (slow->status) < GP_STAGE_STATE_SUCCEEDED)
    g_thread_yield ();

  fd = open (slow->fifo, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  close (fd);

  return NULL;
}

/* The second command is not executed before it was seen that the first one has ended: by the engine, while
 * this thread, which is about to wait, waits for something else. */
static void
test_slow_start (gconstpointer supervised)
{
  g_autofree char *directory = g_dir_make_tmp (NULL, NULL);
  g_autofree char *fifo = g_build_filename (directory, "fifo", NULL);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *stages[2];
  GThread *thread;
  Slow slow;

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  gp_spawn_set_helper (self_path);
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    {
      stages[i] = gp_test_add_child (pipeline, "exit", "0", NULL);
      gp_command_stage_set_supervised (stages[i], GPOINTER_TO_INT (supervised));
    }
  gp_command_stage_setenv (stages[1], SLOW_HELPER, fifo, TRUE);
  slow = (Slow) { gp_pipeline_get_status (pipeline, 0), fifo };
  thread = g_thread_new ("open", open_when_ended_thread, &slow);
  g_assert_true (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_no_error (error);

  g_thread_join (thread);
  gp_spawn_set_helper (g_getenv ("GOPIPE_EXEC"));
  g_assert_cmpint (unlink (fifo), ==, 0);
  g_assert_cmpint (rmdir (directory), ==, 0);
}

/* As the helper: waits until somebody has written to the FIFO that is named, and becomes the true one */
static int
helper_main (char **argv)
{
  const char *fifo = g_getenv (SLOW_HELPER);

  if (fifo != NULL && open (fifo, O_RDONLY | O_CLOEXEC) < 0)
    return 110;
  execv (g_getenv ("GOPIPE_EXEC"), argv);

  return 111;
}

int
main (int    argc,
      char **argv)
{
  if (argc > GP_EXEC_N_ARGUMENTS)
    return helper_main (argv);

  gp_test_init (&argc, &argv);
  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_spawn_set_helper (g_getenv ("GOPIPE_EXEC"));

  gp_test_add ("/engine/own-thread", test_own_thread);
  gp_test_add ("/engine/patient", test_patient);
  gp_test_add ("/engine/loses-patience", test_loses_patience);
  gp_test_add ("/engine/no-endless-patience", test_no_endless_patience);
  gp_test_add ("/engine/handed-on", test_handed_on);
  gp_test_add ("/engine/one-leads", test_one_leads);
  gp_test_add ("/engine/woken", test_woken);
  gp_test_add ("/engine/timer", test_timer);
  gp_test_add ("/engine/timer-gone", test_timer_gone);
  gp_test_add ("/engine/no-code-of-application", test_no_code_of_application);
  gp_test_add ("/engine/run", test_run);
  gp_test_add ("/engine/environment-function", test_environment_function);
  gp_test_add ("/engine/start", test_start);
  gp_test_add ("/engine/others-go-on", test_others_go_on);
  gp_test_add ("/engine/many-wait", test_many_wait);
  gp_test_add ("/engine/handler-runs-loop", test_handler_runs_loop);
  gp_test_add ("/engine/waiting-cancelled", test_waiting_cancelled);
  gp_test_add_data ("/engine/slow-start/supervised", GINT_TO_POINTER (TRUE), test_slow_start);
  gp_test_add_data ("/engine/slow-start/alone", GINT_TO_POINTER (FALSE), test_slow_start);

  return gp_test_run ();
}
