/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-test-stages.h"
#include "gp-test-util.h"

#include <signal.h>
#include <string.h>

static void
assert_usage (GpStageStatus *status,
              gint64         user_time,
              gint64         system_time,
              gint64         peak_memory,
              gint64         tree_memory_peak)
{
  gint64 user, system, peak, tree;

  g_assert_cmpint (gp_stage_status_get_user_time (status), ==, user_time);
  g_assert_cmpint (gp_stage_status_get_system_time (status), ==, system_time);
  g_assert_cmpint (gp_stage_status_get_peak_memory (status), ==, peak_memory);
  g_assert_cmpint (gp_stage_status_get_tree_memory_peak (status), ==, tree_memory_peak);

  g_object_get (status, "user-time", &user, "system-time", &system, "peak-memory", &peak,
                "tree-memory-peak", &tree, NULL);
  g_assert_cmpint (user, ==, user_time);
  g_assert_cmpint (system, ==, system_time);
  g_assert_cmpint (peak, ==, peak_memory);
  g_assert_cmpint (tree, ==, tree_memory_peak);
}

static void
assert_summary (GpStageStatus *status,
                GpStageState   state,
                const char    *summary)
{
  g_autofree char *text = gp_stage_status_dup_summary (status);

  g_assert_cmpint (gp_stage_status_get_state (status), ==, state);
  g_assert_cmpstr (text, ==, summary);
}

static void
notify_cb (GObject    *object,
           GParamSpec *pspec,
           gpointer    data)
{
  g_string_append_printf (data, "%s ", pspec->name);
}

static void
test_unknown (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  gint64 wall;

  assert_usage (status, -1, -1, -1, -1);
  g_assert_cmpint (gp_stage_status_get_wall_time (status), ==, -1);

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_assert_cmpint (gp_stage_status_get_wall_time (status), ==, -1);

  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  assert_usage (status, -1, -1, -1, -1);
  wall = gp_stage_status_get_wall_time (status);
  g_assert_cmpint (wall, >=, 0);
  g_assert_cmpint (wall, ==, gp_stage_status_get_ended_at (status) -
                             gp_stage_status_get_started_at (status));
}

static void
test_never_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_starter_new ("first", GP_TEST_END_SUCCESS);

  gp_test_probe_set_start_fails (probe, TRUE);
  gp_pipeline_append (pipeline, GP_STAGE (probe));
  gp_test_add_probe (pipeline, "second", GP_TEST_END_SUCCESS);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));

  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1)), ==,
                   GP_STAGE_STATE_NOT_STARTED);
  g_assert_cmpint (gp_stage_status_get_wall_time (gp_pipeline_get_status (pipeline, 1)), ==, -1);
  assert_usage (gp_pipeline_get_status (pipeline, 1), -1, -1, -1, -1);
}

static void
test_set (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GString) notified = g_string_new ("");
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_signal_connect (status, "notify", G_CALLBACK (notify_cb), notified);
  gp_stage_status_set_usage (status, 7, 0, -1);
  assert_usage (status, 7, 0, -1, -1);
  gp_stage_status_set_tree_peak (status, 500);
  gp_stage_status_set_tree_peak (status, 400);
  assert_usage (status, 7, 0, -1, 500);
  /* Whatever is below -1 is a mistake of somebody's, and not known either. */
  gp_stage_status_set_usage (status, 7, -5, G_GINT64_CONSTANT (1) << 40);
  assert_usage (status, 7, -1, G_GINT64_CONSTANT (1) << 40, 500);

  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  g_assert_false (gp_test_wait (pipeline, NULL));
  assert_usage (status, 7, -1, G_GINT64_CONSTANT (1) << 40, 500);

  gp_test_assert_contains (notified->str, "user-time ");
  gp_test_assert_contains (notified->str, "system-time ");
  gp_test_assert_contains (notified->str, "peak-memory ");
  gp_test_assert_contains (notified->str, "tree-memory-peak ");
  gp_test_assert_contains (notified->str, "wall-time ");
}

/* What @first and @second used, and what the pipeline around them is said to have */
static void
check_sum (const gint64 first[3],
           const gint64 second[3],
           const gint64 sum[3])
{
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  GpTestProbe *probes[2];
  GpStageStatus *status;

  for (int i = 0; i < 2; i++)
    probes[i] = gp_test_add_probe (inner, "probe", GP_TEST_END_HOLD);
  gp_pipeline_append (outer, GP_STAGE (inner));
  status = gp_pipeline_get_status (outer, 0);
  g_assert_true (gp_test_start (outer, NULL, NULL));

  gp_stage_status_set_usage (gp_pipeline_get_status (inner, 0), first[0], first[1], first[2]);
  gp_stage_status_set_usage (gp_pipeline_get_status (inner, 1), second[0], second[1], second[2]);
  assert_usage (status, -1, -1, -1, -1);

  for (int i = 0; i < 2; i++)
    gp_test_probe_end (probes[i], GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (outer, NULL));
  assert_usage (status, sum[0], sum[1], sum[2], -1);
}

static void
test_nested (void)
{
  check_sum ((gint64[]) { 1, 20, 300 }, (gint64[]) { 2, 30, 200 }, (gint64[]) { 3, 50, 300 });
  check_sum ((gint64[]) { 0, 0, 0 }, (gint64[]) { 0, 0, 0 }, (gint64[]) { 0, 0, 0 });
  check_sum ((gint64[]) { 1, 20, 300 }, (gint64[]) { -1, 30, -1 }, (gint64[]) { -1, 50, 300 });
  check_sum ((gint64[]) { -1, -1, -1 }, (gint64[]) { 1, 1, 1 }, (gint64[]) { -1, -1, 1 });
  check_sum ((gint64[]) { -1, -1, -1 }, (gint64[]) { -1, -1, -1 }, (gint64[]) { -1, -1, -1 });
}

static void
test_stopped (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  gint64 started_at;

  /* Continued before anybody has heard of it */
  gp_stage_status_set_stopped (status, 0);
  assert_summary (status, GP_STAGE_STATE_WAITING, "waiting");

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  started_at = gp_stage_status_get_started_at (status);
  gp_stage_status_set_stopped (status, SIGTTIN);
  assert_summary (status, GP_STAGE_STATE_STOPPED, "stopped by SIGTTIN");
  gp_stage_status_set_stopped (status, SIGSTOP);
  assert_summary (status, GP_STAGE_STATE_STOPPED, "stopped by SIGSTOP");
  gp_stage_status_set_state (status, GP_STAGE_STATE_RUNNING);
  assert_summary (status, GP_STAGE_STATE_STOPPED, "stopped by SIGSTOP");
  gp_stage_status_set_stopped (status, 0);
  assert_summary (status, GP_STAGE_STATE_RUNNING, "running");
  g_assert_cmpint (gp_stage_status_get_started_at (status), ==, started_at);

  gp_stage_status_set_stopped (status, SIGTTOU);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  assert_summary (status, GP_STAGE_STATE_SUCCEEDED, "succeeded");
  gp_stage_status_set_stopped (status, 0);
  gp_stage_status_set_stopped (status, SIGSTOP);
  assert_summary (status, GP_STAGE_STATE_SUCCEEDED, "succeeded");
}

/* The news of the stop may be quicker than that of the start. */
static void
test_stopped_before_running (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);

  gp_stage_status_set_stopped (status, SIGTTOU);
  assert_summary (status, GP_STAGE_STATE_WAITING, "waiting");
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  assert_summary (status, GP_STAGE_STATE_STOPPED, "stopped by SIGTTOU");
  g_assert_cmpint (gp_stage_status_get_started_at (status), >, 0);
  gp_stage_status_set_stopped (status, 0);
  assert_summary (status, GP_STAGE_STATE_RUNNING, "running");

  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/stage-usage/unknown", test_unknown);
  gp_test_add ("/stage-usage/never-started", test_never_started);
  gp_test_add ("/stage-usage/set", test_set);
  gp_test_add ("/stage-usage/nested", test_nested);
  gp_test_add ("/stage-usage/stopped", test_stopped);
  gp_test_add ("/stage-usage/stopped-before-running", test_stopped_before_running);

  return gp_test_run ();
}
