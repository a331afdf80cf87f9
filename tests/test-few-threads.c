/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-scenes.h"
#include "gp-test-streams.h"
#include "gp-thread-pool-private.h"

#include <errno.h>

/* A program that can have no more threads than it has: of those that the library keeps, all but a
 * few are taken. Whatever that leaves, pipelines end, with an error or without. */

/* More than a pipeline here wants at once */
#define MOST_THREADS 10

typedef struct
{
  const char *name;
  /* Returns a pipeline, to be started when there are few threads, or one that is running before */
  GpPipeline *(*make) (void);
  gboolean     is_running;
} Scene;

typedef struct
{
  const Scene *scene;
  guint        n_threads;
} Run;

static GMutex lock;
static GCond changed;
static guint n_holding;
static guint n_may_go;

/* --- The threads -------------------------------------------------------------------------- */

static void
hold_job (gpointer data)
{
  g_mutex_lock (&lock);
  n_holding++;
  g_cond_broadcast (&changed);
  while (n_may_go == 0)
    g_cond_wait (&changed, &lock);
  n_may_go--;
  g_mutex_unlock (&lock);
}

static void
release (guint n)
{
  g_mutex_lock (&lock);
  n_may_go += n;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);
}

/* From then on there are only @n for the library. Returns how many are held. */
static guint
leave_threads (guint n)
{
  guint n_held = 0;
  guint n_busy;

  for (; n_held < MOST_THREADS; n_held++)
    g_assert_true (gp_thread_pool_push ("held", hold_job, NULL, NULL));
  gp_test_fault_arm ();
  while (gp_thread_pool_push ("held", hold_job, NULL, NULL))
    n_held++;

  g_mutex_lock (&lock);
  while (n_holding < n_held)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);

  /* The others of the library may come and go. */
  n_busy = gp_test_count_busy_threads ();
  release (n);
  while (gp_test_count_busy_threads () > n_busy - n)
    g_thread_yield ();

  return n_held - n;
}

/* --- Pipelines ---------------------------------------------------------------------------- */

static GpLineAction
keep_line (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static gboolean
succeed_func (GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  gp_stage_context_return_success (context);

  return TRUE;
}

/* A bit of everything that wants a thread */
static GpPipeline *
make_mixed (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("a\nb\n", 4, NULL);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, TRUE);
  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new ("lines", keep_line, NULL, NULL)));
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_function (pipeline, "function", gp_test_copy_func, NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("async", succeed_func, NULL, NULL)));

  return pipeline;
}

/* After what is started in the main context, the start goes on in a thread. */
static GpPipeline *
make_async (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  for (guint i = 0; i < 3; i++)
    gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("async", succeed_func, NULL, NULL)));

  return pipeline;
}

/* What watches it is a thread. */
static GpPipeline *
make_watched (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "exit", "0", NULL);

  gp_command_stage_set_memory_limit (command, G_MAXINT64);

  return pipeline;
}

/* A limit of a nested pipeline, which is exceeded at once: somebody must tell it to end. */
static GpPipeline *
make_too_large (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  GpMemoryWatchStage *watch;

  gp_test_add_child (inner, "wait", NULL);
  watch = gp_memory_watch_stage_new (GP_STAGE (inner), 1);
  gp_memory_watch_stage_set_interval (watch, 10);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (watch)));

  return pipeline;
}

static GpPipeline *
make_timed (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (0, TRUE);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_time_limit (pipeline, 100);
  gp_test_add_function (pipeline, "function", gp_test_copy_func, NULL);

  return pipeline;
}

static const Scene scenes[] = {
  { "mixed", make_mixed, FALSE },
  { "mixed-running", make_mixed, TRUE },
  { "async", make_async, FALSE },
  { "watched", make_watched, FALSE },
  { "too-large", make_too_large, FALSE },
  { "too-large-running", make_too_large, TRUE },
  { "timed", make_timed, FALSE },
  { "timed-running", make_timed, TRUE },
};

/* --- Tests -------------------------------------------------------------------------------- */

/* The threads of GLib and the library, which are there before there are few */
static void
warm_up (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("fc");

  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

static void
run_scene (gconstpointer  data,
           GpTestReport  *report)
{
  const Run *run = data;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  gboolean success;
  guint n_fds;
  guint n_held;

  warm_up ();
  n_fds = gp_test_count_fds ();
  pipeline = run->scene->make ();
  if (run->scene->is_running)
    g_assert_true (gp_test_start (pipeline, NULL, NULL));
  n_held = leave_threads (run->n_threads);
  success = run->scene->is_running ? gp_test_wait (pipeline, &error)
                                   : gp_test_run_pipeline (pipeline, NULL, &error);

  report->success = success;
  g_strlcpy (report->message, error != NULL ? error->message : "success", sizeof report->message);
  release (n_held);
  g_clear_object (&pipeline);
  g_clear_error (&error);
  gp_test_scene_end (report, n_fds, 0);
}

static void
test_scene (gconstpointer data)
{
  for (guint n = 0; n < MOST_THREADS; n++)
    {
      const Run run = { data, n };
      g_auto (GpTestOutcome) outcome = { 0, };

      *gp_test_fault_get () = (GpTestFaults) {
        .calls = GP_TEST_CALL_BIT (THREAD), .errsv = EAGAIN, .scope = GP_TEST_SCOPE_PROGRAM,
        .first = 1, .last = G_MAXUINT,
      };
      gp_test_fault_run (run_scene, &run, &outcome);
      g_test_message ("%u threads: %s", n,
                      outcome.problem != NULL ? outcome.problem : outcome.report.message);
      if (outcome.end != GP_TEST_END_SUCCESS && outcome.end != GP_TEST_END_ERROR)
        g_test_fail ();
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_fault_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (scenes); i++)
    {
      g_autofree char *path = g_strconcat ("/few-threads/", scenes[i].name, NULL);

      gp_test_add_data (path, &scenes[i], test_scene);
    }

  return gp_test_run ();
}
