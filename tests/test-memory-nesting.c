/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-test-hog.h"
#include "gp-test-stages.h"

/* --- Around pipelines, and around each other ---------------------------------------------------- */

static GpPipeline *
inner_new (TestHog *first,
           TestHog *second)
{
  GpPipeline *inner = gp_test_pipeline_new ();

  gp_pipeline_set_name (inner, "inner");
  gp_pipeline_append (inner, GP_STAGE (first));
  gp_test_add_probe (inner, "function", GP_TEST_END_SUCCESS);
  gp_pipeline_append (inner, GP_STAGE (second));

  return inner;
}

static void
test_nested_sum (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GString *events = record_events (pipeline);
  TestHog *hogs[] = { hog_new (40, 90), hog_new (50, 95) };

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (inner_new (hogs[0], hogs[1]), 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hogs[1], 3);
  for (int i = 0; i < 2; i++)
    hogs[i]->quiet = TRUE;
  hog_set (hogs[0], 51, 90);

  /* It is cancelled as a whole, and its stages have to end like any that are cancelled. */
  while (!g_cancellable_is_cancelled (gp_stage_context_get_cancellable (hogs[0]->context)))
    g_main_context_iteration (NULL, TRUE);
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) cancelled = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "x");

      end_hog (hogs[i], cancelled);
    }
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  gp_test_assert_contains (error->message,
                           "inner: exceeded its memory limit of 100 bytes: 101 bytes in use");
  g_assert_cmpint (get_tree_peak (pipeline), ==, 101);
  gp_test_assert_contains (events->str, "limit(inner 101/100) ");
  g_assert_true (g_str_has_suffix (events->str, "peak(inner 101/100) failed "));
  g_string_free (events, TRUE);
}

/* The highest of the single processes, but not their sum: they may not have had it together. */
static void
test_nested_peaks (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestHog *hogs[] = { hog_new (40, 90), hog_new (50, 95) };
  GpPipeline *inner = inner_new (hogs[0], hogs[1]);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (inner, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hogs[0], 3);
  for (int i = 0; i < 2; i++)
    end_hog (hogs[i], NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (get_tree_peak (pipeline), ==, 95);
}

/* The last word on a pipeline is that on its stages. */
static void
test_nested_last_word (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hogs[] = { hog_new (40, 40), hog_new (50, 50) };
  GpPipeline *inner = inner_new (hogs[0], hogs[1]);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (inner, 100)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_stage_status_set_usage (gp_pipeline_get_status (inner, 2), 1, 1, 150);
  for (int i = 0; i < 2; i++)
    end_hog (hogs[i], NULL);
  g_assert_false (gp_test_wait (pipeline, &error));
  gp_test_assert_message (error, "inner: exceeded its memory limit of 100 bytes: 150 bytes in use");
}

static void
test_stack (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  GString *events = record_events (pipeline);
  TestHog *hog = hog_new (50, 50);
  GpMemoryWatchStage *inner = watch_new (hog, 0);
  GpMemoryWatchStage *middle = watch_new (inner, 100);
  GpMemoryWatchStage *outer = watch_new (middle, 1000);

  gp_pipeline_append (pipeline, GP_STAGE (outer));
  name = gp_stage_get_name (GP_STAGE (outer));
  g_assert_cmpstr (name, ==, "hog");
  g_assert_true (gp_stage_status_get_stage (gp_pipeline_get_status (pipeline, 0)) == GP_STAGE (outer));

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 6);
  hog_set (hog, 150, 50);
  g_assert_false (gp_test_wait (pipeline, &error));
  gp_test_assert_message (error, "hog: exceeded its memory limit of 100 bytes: 150 bytes in use");
  g_assert_cmpuint (hog->n_kills, ==, 1);
  g_assert_true (g_str_has_prefix (events->str, "limit(hog 150/100) "));
  g_assert_true (g_str_has_suffix (events->str, "failed "));
  g_string_free (events, TRUE);
}

/* The status of a pipeline keeps its children, whatever is around it. */
static void
test_stack_around_pipeline (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestHog *hogs[] = { hog_new (40, 40), hog_new (50, 50) };
  GpPipeline *inner = inner_new (hogs[0], hogs[1]);
  GpStageStatus *status;
  GListModel *children;

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (watch_new (inner, 0), 0)));
  status = gp_pipeline_get_status (pipeline, 0);
  children = gp_stage_status_get_children (status);
  g_assert_nonnull (children);
  g_assert_cmpuint (g_list_model_get_n_items (children), ==, 3);

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hogs[0], 4);
  for (int i = 0; i < 3; i++)
    gp_stage_status_set_usage (gp_pipeline_get_status (inner, i), 1, 10, 60);
  for (int i = 0; i < 2; i++)
    end_hog (hogs[i], NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (get_tree_peak (pipeline), ==, 90);
  g_assert_cmpint (gp_stage_status_get_user_time (status), ==, 3);
  g_assert_cmpint (gp_stage_status_get_system_time (status), ==, 30);
  g_assert_cmpint (gp_stage_status_get_peak_memory (status), ==, 60);
}

/* --- What cannot be ---------------------------------------------------------------------------- */

static void
check_start_error (gpointer    stage,
                   int         code,
                   const char *message)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GString *events = record_events (pipeline);

  gp_pipeline_append (pipeline, stage);
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, code);
  gp_test_assert_message (error, message);
  g_assert_cmpint (get_tree_peak (pipeline), ==, -1);
  g_assert_false (gp_test_wait (pipeline, NULL));
  assert_events (events, "start-failed ");
}

static void
test_wrong_kind (void)
{
  GpPipeline *inner = gp_test_pipeline_new ();

  check_start_error (watch_new (gp_test_probe_new ("probe", GP_TEST_END_SUCCESS), 100),
                     GP_PIPELINE_ERROR_INVALID,
                     "starting stage \"probe\": its memory cannot be watched: it has no process");
  check_start_error (watch_new (gp_test_probe_new ("probe", GP_TEST_END_SUCCESS), 0),
                     GP_PIPELINE_ERROR_INVALID,
                     "starting stage \"probe\": its memory cannot be watched: it has no process");
  check_start_error (watch_new (watch_new (gp_test_starter_new ("probe", GP_TEST_END_SUCCESS), 1), 1),
                     GP_PIPELINE_ERROR_INVALID,
                     "starting stage \"probe\": its memory cannot be watched: it has no process");

  gp_test_add_probe (inner, "one", GP_TEST_END_SUCCESS);
  gp_test_add_probe (inner, "two", GP_TEST_END_SUCCESS);
  check_start_error (watch_new (inner, 100), GP_PIPELINE_ERROR_INVALID,
                     "starting stage \"pipeline\": its memory cannot be watched: "
                     "none of its stages has a process");

  check_start_error (gp_test_watch (g_object_new (GP_TYPE_MEMORY_WATCH_STAGE, NULL)),
                     GP_PIPELINE_ERROR_INVALID,
                     "starting stage \"GpMemoryWatchStage\": "
                     "a stage of class GpMemoryWatchStage needs another one that it wraps");
}

/* A limit that nobody can watch is an error, an observation that finds out nothing is none. */
static void
test_not_supported (void)
{
  for (guint64 limit = 0; limit <= 100; limit += 100)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      TestHog *hog = hog_new (1, 1);

      hog->check_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "no way");
      gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, limit)));
      g_assert_cmpint (gp_test_start (pipeline, NULL, &error), ==, limit == 0);
      if (limit == 0)
        end_hog (hog, NULL);
      else
        gp_test_assert_message (error, "starting stage \"hog\": no way");
      gp_test_wait (pipeline, NULL);
    }
}

static void
test_not_supported_nested (void)
{
  TestHog *hog = hog_new (1, 1);
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  hog->check_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "no way");
  gp_pipeline_append (inner, GP_STAGE (hog));
  gp_pipeline_append (pipeline, GP_STAGE (watch_new (inner, 100)));
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_false (gp_test_wait (pipeline, NULL));
}

static void
test_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  TestHog *hog = hog_new (1, 1);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (g_object_ref (hog), 0)));
  gp_pipeline_append (pipeline, GP_STAGE (hog));
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "was added twice");
}

static void
test_itself (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (watch_new (g_object_ref (pipeline), 0), 0)));
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "a stage of itself");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/memory-nesting/pipeline-sum", test_nested_sum);
  gp_test_add ("/memory-nesting/pipeline-peaks", test_nested_peaks);
  gp_test_add ("/memory-nesting/pipeline-last-word", test_nested_last_word);
  gp_test_add ("/memory-nesting/stack", test_stack);
  gp_test_add ("/memory-nesting/stack-around-pipeline", test_stack_around_pipeline);
  gp_test_add ("/memory-nesting/wrong-kind", test_wrong_kind);
  gp_test_add ("/memory-nesting/not-supported", test_not_supported);
  gp_test_add ("/memory-nesting/not-supported-nested", test_not_supported_nested);
  gp_test_add ("/memory-nesting/twice", test_twice);
  gp_test_add ("/memory-nesting/itself", test_itself);

  return gp_test_run ();
}
