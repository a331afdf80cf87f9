/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-test-hog.h"
#include "gp-test-stages.h"

static guint
count_watchers (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", name);
      g_autofree char *comm = NULL;

      if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_has_prefix (comm, "gp:memory"))
        n++;
    }

  return n;
}

/* --- Limit and observation ---------------------------------------------------------------------- */

static void
test_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (90, 90);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 3);
  g_assert_cmpuint (hog->n_kills, ==, 0);
  hog_set (hog, 100, 90);
  wait_for_looks (hog, 3);
  g_assert_cmpuint (hog->n_kills, ==, 0);

  hog_set (hog, 101, 90);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  gp_test_assert_message (error, "hog: exceeded its memory limit of 100 bytes: 101 bytes in use");
  g_assert_cmpuint (hog->n_kills, ==, 1);
  g_assert_cmpint (get_tree_peak (pipeline), ==, 101);
  assert_events (events, "limit(hog 101/100) peak(hog 101/100) failed ");
}

/* A peak that was between two looks, and that the kernel has kept */
static void
test_process_peak (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog_new (50, 300), 100)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "hog: exceeded its memory limit of 100 bytes: 300 bytes in use");
  g_assert_cmpint (get_tree_peak (pipeline), ==, 300);
}

static void
test_observe (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (1, 1);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 0)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  hog_set (hog, 700, 20);
  wait_for_looks (hog, 3);
  hog_set (hog, 5, 20);
  wait_for_looks (hog, 3);
  end_hog (hog, NULL);

  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpuint (hog->n_kills, ==, 0);
  g_assert_cmpint (get_tree_peak (pipeline), ==, 700);
  assert_events (events, "peak(hog 700) finished ");
}

/* What only one look has seen may be a process that is just being made. */
static void
test_spike (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (50, 20);

  hog->spike_at = 5;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("ten looks", has_looks, &(Looks) { hog, 10 });
  end_hog (hog, NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (get_tree_peak (pipeline), ==, 50);
  assert_events (events, "peak(hog 50/100) finished ");
}

/* It is killed once, even if that takes its time. */
static void
test_killed_once (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (200, 0);

  hog->quiet = TRUE;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 3);
  hog_set (hog, 1000, 0);
  wait_for_looks (hog, 3);
  g_assert_cmpuint (hog->n_kills, ==, 1);
  end_hog (hog, hog->reason);

  g_assert_false (gp_test_wait (pipeline, NULL));
  assert_events (events, "limit(hog 200/100) peak(hog 1000/100) failed ");
}

/* --- The last word ---------------------------------------------------------------------------- */

/* The kernel tells at the end what no look has seen. */
static void
check_last_word (gint64      peak_memory,
                 GError     *end, /* (transfer full) */
                 const char *message,
                 const char *expected_events)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) own_error = end;
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (10, 10);
  GpMemoryWatchStage *watch = watch_new (hog, 100);

  gp_pipeline_append (pipeline, GP_STAGE (watch));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 2);
  gp_stage_status_set_usage (gp_pipeline_get_status (pipeline, 0), 1, 1, peak_memory);
  end_hog (hog, own_error);

  g_assert_cmpint (gp_test_wait (pipeline, &error), ==, message == NULL);
  if (message != NULL)
    gp_test_assert_message (error, message);
  g_assert_cmpuint (hog->n_kills, ==, 0);
  g_assert_cmpint (get_tree_peak (pipeline), ==, MAX (peak_memory, 10));
  assert_events (events, expected_events);
}

static GError *
new_exit_status (void)
{
  return g_error_new_literal (G_SPAWN_EXIT_ERROR, 3, "exit status 3");
}

static void
test_last_word (void)
{
  check_last_word (-1, NULL, NULL, "peak(hog 10/100) finished ");
  check_last_word (5, NULL, NULL, "peak(hog 10/100) finished ");
  check_last_word (100, NULL, NULL, "peak(hog 100/100) finished ");
  check_last_word (101, NULL, "hog: exceeded its memory limit of 100 bytes: 101 bytes in use",
                   "limit(hog 101/100) peak(hog 101/100) failed ");
  check_last_word (50, new_exit_status (), "hog: exit status 3", "peak(hog 50/100) failed ");
  check_last_word (101, new_exit_status (),
                   "hog: exceeded its memory limit of 100 bytes: 101 bytes in use",
                   "limit(hog 101/100) peak(hog 101/100) failed ");
  check_last_word (101, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "too late"),
                   "hog: too late", "limit(hog 101/100) peak(hog 101/100) failed ");
}

static void
test_finish_early (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) early = g_error_new_literal (GP_PIPELINE_ERROR,
                                                  GP_PIPELINE_ERROR_FINISH_EARLY, "enough");
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (10, 10);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_stage_status_set_usage (gp_pipeline_get_status (pipeline, 0), -1, -1, 5000);
  end_hog (hog, early);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
}

/* Of a run that was cancelled, too */
static void
test_cancelled (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) cancelled = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped");
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (77, 77);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 2);
  gp_pipeline_cancel (pipeline);
  end_hog (hog, cancelled);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (get_tree_peak (pipeline), ==, 77);
  g_assert_true (g_str_has_prefix (events->str, "peak(hog 77/100) "));
  g_string_free (events, TRUE);
}

/* --- Starts and ends ---------------------------------------------------------------------------- */

static void
test_run_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1000, 1000);

  hog->run_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not there");
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "hog: not there");
  g_assert_cmpint (get_tree_peak (pipeline), ==, -1);
}

static void
test_real_start_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1, 1);
  GpTestProbe *starter = gp_test_starter_new ("starter", GP_TEST_END_SUCCESS);

  gp_test_probe_set_start_fails (starter, TRUE);
  gp_pipeline_append (inner, GP_STAGE (starter));
  gp_pipeline_append (inner, GP_STAGE (hog));
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (inner, 100)));
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  gp_test_assert_contains (error->message, "starting stage \"pipeline\": starting stage \"starter\"");
  g_assert_cmpuint (hog->n_kills, ==, 0);
}

/* The watch must not keep the context alive. */
static void
test_dropped_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1, 1);

  hog->drop = TRUE;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
}

/* The stage reports its end within kill (), in the watcher's thread. */
static void
test_end_in_kill (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1000, 1);

  hog->end_in_kill = TRUE;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
}

static void
test_synchronous (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1000, 1);

  hog->fit = TRUE;
  hog->end_in_kill = TRUE;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (watch_new (hog, 100), 0)));
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  gp_test_assert_message (error, "hog: exceeded its memory limit of 100 bytes: 1000 bytes in use");
}

typedef struct
{
  TestHog *hog;
  int      done; /* atomic */
} Ender;

static gpointer
end_thread (gpointer data)
{
  Ender *ender = data;

  end_hog (ender->hog, NULL);
  g_atomic_int_set (&ender->done, TRUE);

  return NULL;
}

static gboolean
is_at_gate (gpointer data)
{
  TestHog *hog = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&hog->lock);

  return hog->at_gate;
}

static gboolean
has_no_context (gpointer data)
{
  TestHog *hog = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&hog->lock);

  return hog->context == NULL;
}

/* The end waits for a look that is under way: afterwards nothing is called any more. */
static void
test_end_during_look (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1000, 1);
  Ender ender = { hog, FALSE };
  GMutex gate;
  GThread *thread;

  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  hog->quiet = TRUE;
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the kill", has_looks, &(Looks) { hog, 3 });
  g_mutex_lock (&hog->lock);
  hog->gate = &gate;
  g_mutex_unlock (&hog->lock);
  gp_test_wait_until ("a look", is_at_gate, hog);

  thread = g_thread_new ("ender", end_thread, &ender);
  gp_test_wait_until ("the end to begin", has_no_context, hog);
  for (int i = 0; i < 1000; i++)
    g_thread_yield ();
  g_assert_false (g_atomic_int_get (&ender.done));
  g_mutex_unlock (&gate);
  g_thread_join (thread);

  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  g_mutex_clear (&gate);
}

/* --- The watcher --------------------------------------------------------------------------------- */

/* Many watches have one thread, which goes when they do. */
static void
test_one_watcher (void)
{
  g_autoptr (GPtrArray) pipelines = g_ptr_array_new_with_free_func (g_object_unref);
  TestHog *hogs[20];

  g_assert_cmpuint (count_watchers (), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (hogs); i++)
    {
      GpPipeline *pipeline = gp_test_pipeline_new ();

      hogs[i] = hog_new (i, i);
      gp_pipeline_append (pipeline, GP_STAGE (watch_new (hogs[i], 0)));
      g_assert_true (gp_test_start (pipeline, NULL, NULL));
      g_ptr_array_add (pipelines, pipeline);
    }
  for (guint i = 0; i < G_N_ELEMENTS (hogs); i++)
    wait_for_looks (hogs[i], 2);
  g_assert_cmpuint (count_watchers (), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (hogs); i++)
    {
      GThread *looker = g_atomic_pointer_get (&hogs[i]->looker);

      g_assert_true (looker == g_atomic_pointer_get (&hogs[0]->looker));
      g_assert_true (looker != g_thread_self ());
    }

  for (guint i = 0; i < G_N_ELEMENTS (hogs); i++)
    {
      end_hog (hogs[i], NULL);
      g_assert_true (gp_test_wait (pipelines->pdata[i], NULL));
      g_assert_cmpint (get_tree_peak (pipelines->pdata[i]), ==, i);
    }
  gp_test_wait_busy_threads ();
  g_assert_cmpuint (count_watchers (), ==, 0);
}

static void
test_interval (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestHog *often = hog_new (1, 1);
  TestHog *rarely = hog_new (1, 1);
  GpMemoryWatchStage *watch = watch_new (rarely, 0);

  /* Its times are those when a clock that began long ago shows a multiple of it: far away. */
  gp_memory_watch_stage_set_interval (watch, G_MAXUINT);
  gp_pipeline_append (pipeline, GP_STAGE (watch));
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (often, 0)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (often, 30);
  /* One at once, and if it ran already, one soon after that to make sure */
  g_assert_cmpuint (hog_get_looks (rarely), <=, 2);

  end_hog (rarely, NULL);
  end_hog (often, NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

static void
notify_cb (GObject    *object,
           GParamSpec *pspec,
           gpointer    data)
{
  g_string_append_printf (data, "%s ", pspec->name);
}

static void
test_properties (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GString) notified = g_string_new ("");
  g_autoptr (GpStage) stage = NULL;
  TestHog *hog = hog_new (1, 1);
  GpMemoryWatchStage *watch = gp_test_watch (gp_memory_watch_stage_new (GP_STAGE (hog), 100));
  guint64 limit;
  guint interval;

  g_assert_cmpuint (gp_memory_watch_stage_get_limit (watch), ==, 100);
  g_assert_cmpuint (gp_memory_watch_stage_get_interval (watch), ==, 100);
  g_assert_true (gp_memory_watch_stage_get_stage (watch) == GP_STAGE (hog));

  g_signal_connect (watch, "notify", G_CALLBACK (notify_cb), notified);
  gp_memory_watch_stage_set_limit (watch, 100);
  gp_memory_watch_stage_set_interval (watch, 100);
  g_assert_cmpstr (notified->str, ==, "");
  g_object_set (watch, "limit", G_MAXUINT64, "interval", 7, NULL);
  g_assert_cmpstr (notified->str, ==, "interval limit ");
  g_object_get (watch, "limit", &limit, "interval", &interval, "stage", &stage, NULL);
  g_assert_cmpuint (limit, ==, G_MAXUINT64);
  g_assert_cmpuint (interval, ==, 7);
  g_assert_true (stage == GP_STAGE (hog));

  gp_pipeline_append (pipeline, GP_STAGE (watch));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_begin_criticals ();
  gp_memory_watch_stage_set_limit (watch, 1);
  gp_memory_watch_stage_set_interval (watch, 1);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 2);
  g_assert_cmpuint (gp_memory_watch_stage_get_limit (watch), ==, G_MAXUINT64);
  g_assert_cmpuint (gp_memory_watch_stage_get_interval (watch), ==, 7);
  end_hog (hog, NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* Kills and ends at the same time, again and again */
static void
test_race (void)
{
  guint n_killed = 0, n = gp_test_is_thorough () ? 5000 : 300;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      TestHog *hog = hog_new (10, 10);
      Ender ender = { hog, FALSE };
      GThread *thread;

      gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 100)));
      g_assert_true (gp_test_start (pipeline, NULL, NULL));
      wait_for_looks (hog, 1);
      hog_set (hog, 1000, 10);
      if (i % 2 == 0)
        wait_for_looks (hog, 1);
      thread = g_thread_new ("ender", end_thread, &ender);
      /* It may have ended well, but not if anybody has seen that it was over the limit. */
      if (!gp_test_wait (pipeline, &error))
        {
          g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
          n_killed++;
        }
      g_assert_cmpint (error != NULL, ==, get_tree_peak (pipeline) == 1000);
      g_thread_join (thread);
    }
  g_test_message ("%u of %u were killed", n_killed, n);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/memory/limit", test_limit);
  gp_test_add ("/memory/process-peak", test_process_peak);
  gp_test_add ("/memory/observe", test_observe);
  gp_test_add ("/memory/spike", test_spike);
  gp_test_add ("/memory/killed-once", test_killed_once);
  gp_test_add ("/memory/last-word", test_last_word);
  gp_test_add ("/memory/finish-early", test_finish_early);
  gp_test_add ("/memory/cancelled", test_cancelled);
  gp_test_add ("/memory/run-fails", test_run_fails);
  gp_test_add ("/memory/start-fails", test_real_start_fails);
  gp_test_add ("/memory/dropped-context", test_dropped_context);
  gp_test_add ("/memory/end-in-kill", test_end_in_kill);
  gp_test_add ("/memory/synchronous", test_synchronous);
  gp_test_add ("/memory/end-during-look", test_end_during_look);
  gp_test_add ("/memory/one-watcher", test_one_watcher);
  gp_test_add ("/memory/interval", test_interval);
  gp_test_add ("/memory/properties", test_properties);
  gp_test_add ("/memory/race", test_race);

  return gp_test_run ();
}
