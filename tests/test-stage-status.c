/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-util.h"

static void
assert_summary (GpStageStatus *status,
                const char    *part)
{
  g_autofree char *summary = gp_stage_status_dup_summary (status);

  gp_test_assert_contains (summary, part);
}

static void
test_life (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  g_autofree char *name = NULL;
  gint64 before = g_get_monotonic_time ();

  g_assert_true (GP_IS_STAGE_STATUS (status));
  g_assert_true (gp_stage_status_get_stage (status) == GP_STAGE (probe));
  name = gp_stage_status_dup_name (status);
  g_assert_cmpstr (name, ==, "probe");
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_WAITING);
  g_assert_cmpint (gp_stage_status_get_started_at (status), ==, 0);
  assert_summary (status, "waiting");

  gp_test_start (pipeline, NULL, NULL);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_RUNNING);
  g_assert_cmpint (gp_stage_status_get_started_at (status), >=, before);
  g_assert_cmpint (gp_stage_status_get_ended_at (status), ==, 0);
  assert_summary (status, "running");

  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_SUCCEEDED);
  g_assert_cmpint (gp_stage_status_get_ended_at (status), >=,
                   gp_stage_status_get_started_at (status));
  g_assert_cmpint (gp_stage_status_get_ended_at (status), <=, g_get_monotonic_time ());
  assert_summary (status, "succeeded");
}

static void
test_function_has_no_process (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStageStatus *status;

  gp_test_add_probe (pipeline, "probe", GP_TEST_END_FINISH_EARLY);
  gp_test_run_pipeline (pipeline, NULL, NULL);
  status = gp_pipeline_get_status (pipeline, 0);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_FINISHED_EARLY);
  assert_summary (status, "finished early");
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_term_signal (status), ==, 0);
  g_assert_cmpint (gp_stage_status_get_pid (status), <=, 0);
}

static void
test_exit_status (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStageStatus *status;

  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_add_child (pipeline, "exit", "7", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  status = gp_pipeline_get_status (pipeline, 0);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, 0);
  g_assert_cmpint (gp_stage_status_get_pid (status), >, 0);
  g_assert_null (gp_stage_status_dup_error (status));
  status = gp_pipeline_get_status (pipeline, 1);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_FAILED);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, 7);
  g_assert_cmpint (gp_stage_status_get_term_signal (status), ==, 0);
  assert_summary (status, "exit status 7");
  error = gp_stage_status_dup_error (status);
  g_assert_true (gp_error_matches_exit_status (error, 7));
}

static void
test_signal (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStageStatus *status;

  gp_test_add_child (pipeline, "kill-self", "9", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  status = gp_pipeline_get_status (pipeline, 0);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_term_signal (status), ==, SIGKILL);
  assert_summary (status, "SIGKILL");
}

static void
test_stderr (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  GpStageStatus *status;

  gp_test_add_child (pipeline, "stderr", "some words\n", "0", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  status = gp_pipeline_get_status (pipeline, 0);
  text = gp_stage_status_dup_stderr_text (status);
  bytes = gp_stage_status_dup_stderr_bytes (status);
  g_assert_cmpstr (text, ==, "some words\n");
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 11);
  g_assert_cmpuint (gp_stage_status_get_stderr_dropped (status), ==, 0);
}

static void
test_stderr_invalid (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  GpStageStatus *status;

  gp_test_add_child (pipeline, "invalid-utf8", "stderr", "1", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  status = gp_pipeline_get_status (pipeline, 0);
  text = gp_stage_status_dup_stderr_text (status);
  bytes = gp_stage_status_dup_stderr_bytes (status);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "caf\xe9\xff\n", 6);
}

static void
test_not_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStageStatus *status;

  gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  status = gp_pipeline_get_status (pipeline, 0);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_FAILED);
  status = gp_pipeline_get_status (pipeline, 1);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_NOT_STARTED);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, -1);
  assert_summary (status, "not started");
}

/* In the main context of the starter, and in order; a quick command may skip states */
static void
state_cb (GObject    *object,
          GParamSpec *pspec,
          gpointer    user_data)
{
  GArray *states = user_data;
  GpStageState state = gp_stage_status_get_state (GP_STAGE_STATUS (object));

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  if (states->len == 0 || g_array_index (states, GpStageState, states->len - 1) != state)
    g_array_append_val (states, state);
}

static void
test_notifies (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GArray) states = g_array_new (FALSE, FALSE, sizeof (GpStageState));
  GpStageStatus *status;

  gp_test_add_child (pipeline, "exit", "1", NULL);
  status = gp_pipeline_get_status (pipeline, 0);
  g_signal_connect (status, "notify::state", G_CALLBACK (state_cb), states);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (states->len, >=, 1);
  for (guint i = 1; i < states->len; i++)
    g_assert_cmpint (g_array_index (states, GpStageState, i - 1), <,
                     g_array_index (states, GpStageState, i));
  g_assert_cmpint (g_array_index (states, GpStageState, states->len - 1), ==,
                   GP_STAGE_STATE_FAILED);
}

static void
test_properties (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpStage) stage = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL;
  g_autofree char *summary = NULL;
  g_autofree char *text = NULL;
  GpStageState state;
  int exit_status;
  int term_signal;
  int pid;
  guint64 dropped;
  gint64 started_at;
  gint64 ended_at;

  gp_test_add_child (pipeline, "stderr", "oh", "4", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_object_get (gp_pipeline_get_status (pipeline, 0),
                "stage", &stage,
                "name", &name,
                "state", &state,
                "summary", &summary,
                "error", &error,
                "exit-status", &exit_status,
                "term-signal", &term_signal,
                "pid", &pid,
                "stderr-text", &text,
                "stderr-dropped", &dropped,
                "started-at", &started_at,
                "ended-at", &ended_at,
                NULL);
  g_assert_true (GP_IS_COMMAND_STAGE (stage));
  g_assert_cmpstr (name, ==, "stderr");
  g_assert_cmpint (state, ==, GP_STAGE_STATE_FAILED);
  g_assert_cmpint (exit_status, ==, 4);
  g_assert_cmpint (term_signal, ==, 0);
  g_assert_cmpstr (text, ==, "oh");
  g_assert_cmpuint (dropped, ==, 0);
  g_assert_cmpint (ended_at, >=, started_at);
  g_assert_true (gp_error_matches_exit_status (error, 4));
}

static void
assert_in_list (GpPipeline *pipeline,
                guint       n_stages)
{
  GListModel *stages = gp_pipeline_get_stages (pipeline);

  g_assert_cmpuint (g_list_model_get_n_items (stages), ==, n_stages);
  for (guint i = 0; i < n_stages; i++)
    {
      g_autoptr (GpStageStatus) status = g_list_model_get_item (stages, i);

      g_assert_true (status == gp_pipeline_get_status (pipeline, i));
    }
}

static void
test_list (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GListModel *stages = gp_pipeline_get_stages (pipeline);

  g_assert_cmpuint (g_list_model_get_n_items (stages), ==, 0);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_true (stages == gp_pipeline_get_stages (pipeline));
  assert_in_list (pipeline, 2);
  g_assert_cmpuint (gp_pipeline_get_n_stages (pipeline), ==, 2);
  g_assert_true (g_list_model_get_item_type (stages) == GP_TYPE_STAGE_STATUS);
  g_assert_null (gp_pipeline_get_status (pipeline, 2));
  g_assert_null (gp_stage_status_get_children (gp_pipeline_get_status (pipeline, 0)));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

/* It is the same one at any time, and has what was added before and after it was asked for. */
static void
test_list_is_late (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GListModel *stages;

  gp_test_add_child (pipeline, "exit", "0", NULL);
  assert_in_list (pipeline, 1);
  stages = gp_pipeline_get_stages (pipeline);
  gp_test_add_child (pipeline, "cat", NULL);
  assert_in_list (pipeline, 2);
  g_assert_true (stages == gp_pipeline_get_stages (pipeline));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  assert_in_list (pipeline, 2);
}

static gpointer
ask_for_list (gpointer pipeline)
{
  return gp_pipeline_get_stages (pipeline);
}

static void
test_list_in_threads (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GThread *thread;
      gpointer here;

      gp_test_add_child (pipeline, "exit", "0", NULL);
      thread = g_thread_new ("list", ask_for_list, pipeline);
      here = gp_pipeline_get_stages (pipeline);
      g_assert_true (g_thread_join (thread) == here);
    }
}

static void
test_children_of_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GpStageStatus) status = NULL;
  GListModel *children;

  gp_test_add_child (inner, "cat", NULL);
  gp_test_add_child (inner, "exit", "6", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  children = gp_stage_status_get_children (gp_pipeline_get_status (pipeline, 0));
  g_assert_nonnull (children);
  g_assert_cmpuint (g_list_model_get_n_items (children), ==, 2);
  status = g_list_model_get_item (children, 1);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, 6);
}

/* A status can be kept longer than its pipeline */
static void
test_outlives_pipeline (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GpStageStatus) status = NULL;

  gp_test_add_child (pipeline, "exit", "2", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  status = gp_test_watch (g_object_ref (gp_pipeline_get_status (pipeline, 0)));
  g_object_unref (pipeline);
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, 2);
}

static gboolean
look_and_fail (GpStageContext  *context,
               gpointer         pipeline,
               GError         **error)
{
  assert_summary (gp_pipeline_get_status (pipeline, 0), "starting");
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "lost");

  return FALSE;
}

static void
test_function_starts_and_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("a", look_and_fail, pipeline, NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  assert_summary (gp_pipeline_get_status (pipeline, 0), "a: lost");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/stage-status/life", test_life);
  gp_test_add ("/stage-status/function-has-no-process", test_function_has_no_process);
  gp_test_add ("/stage-status/exit-status", test_exit_status);
  gp_test_add ("/stage-status/signal", test_signal);
  gp_test_add ("/stage-status/stderr", test_stderr);
  gp_test_add ("/stage-status/stderr-invalid", test_stderr_invalid);
  gp_test_add ("/stage-status/not-started", test_not_started);
  gp_test_add ("/stage-status/notifies", test_notifies);
  gp_test_add ("/stage-status/properties", test_properties);
  gp_test_add ("/stage-status/list", test_list);
  gp_test_add ("/stage-status/list/late", test_list_is_late);
  gp_test_add ("/stage-status/list/threads", test_list_in_threads);
  gp_test_add ("/stage-status/children-of-nested", test_children_of_nested);
  gp_test_add ("/stage-status/outlives-pipeline", test_outlives_pipeline);
  gp_test_add ("/stage-status/function-starts-and-fails", test_function_starts_and_fails);
  return gp_test_run ();
}
