/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-util.h"

/* Which error is reported: each letter is a stage from left to right. "-" success, "1" and "2"
 * real errors, "P" pipe error, "F" finished early; the result likewise, "-" being success. */
typedef struct
{
  const char *stages;
  char        result;
} Row;

static const Row rows[] = {
  { "---", '-' },
  { "1", '1' },
  { "-1-", '1' },
  { "-12-", '1' },
  { "-P1-", '1' },
  { "-1P-", '1' },
  { "-1-2-", '1' },
  { "-F-F-", '-' },
  { "1F", '1' },
  { "F1", '1' },
  { "PF", '-' },
  { "PFF", '-' },
  { "PPF", '-' },
  { "P-F", 'P' },
  { "FP", 'P' },
  { "1PF", '1' },
  { "P1F", '1' },
};

typedef enum
{
  ORDER_FORWARD,
  ORDER_BACKWARD,
} Order;

static void
assert_is (const GError *error,
           char          letter)
{
  g_autofree char *name = g_strdup_printf ("stage-%c", letter);

  switch (letter)
    {
    case '-':
      g_assert_no_error (error);
      break;
    case 'P':
      g_assert_true (gp_error_matches_pipe (error));
      break;
    case 'F':
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY);
      break;
    default:
      g_assert_error (error, G_FILE_ERROR, letter);
      g_assert_true (g_str_has_prefix (error->message, name));
    }
}

static GpTestProbe *
add_stage (GpPipeline *pipeline,
           char        letter)
{
  g_autofree char *name = g_strdup_printf ("stage-%c", letter);
  GpTestProbe *probe = gp_test_add_probe (pipeline, name, GP_TEST_END_HOLD);

  /* The code tells the errors apart */
  gp_test_probe_set_error (probe, g_error_new_literal (G_FILE_ERROR, letter, "told"));
  return probe;
}

static void
assert_status (GpPipeline *pipeline,
               guint       index,
               char        letter)
{
  GpStageStatus *status = gp_pipeline_get_status (pipeline, index);
  g_autoptr (GError) error = gp_stage_status_dup_error (status);
  GpStageState state = gp_stage_status_get_state (status);

  switch (letter)
    {
    case '-':
      g_assert_cmpint (state, ==, GP_STAGE_STATE_SUCCEEDED);
      g_assert_no_error (error);
      break;
    case 'F':
      g_assert_cmpint (state, ==, GP_STAGE_STATE_FINISHED_EARLY);
      break;
    default:
      g_assert_cmpint (state, ==, GP_STAGE_STATE_FAILED);
      assert_is (error, letter);
    }
}

static void
run_row (const Row *row,
         Order      order)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *probes[8];
  guint n = strlen (row->stages);

  for (guint i = 0; i < n; i++)
    probes[i] = add_stage (pipeline, row->stages[i]);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < n; i++)
    {
      guint at = order == ORDER_FORWARD ? i : n - 1 - i;

      gp_test_probe_end (probes[at], gp_test_end_from_letter (row->stages[at]));
    }
  g_assert_cmpint (gp_test_wait (pipeline, &error), ==, row->result == '-');
  assert_is (error, row->result);
  for (guint i = 0; i < n; i++)
    assert_status (pipeline, i, row->stages[i]);
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==,
                   row->result == '-' ? GP_PIPELINE_STATE_SUCCEEDED : GP_PIPELINE_STATE_FAILED);
}

static void
test_forward (gconstpointer data)
{
  run_row (data, ORDER_FORWARD);
}

static void
test_backward (gconstpointer data)
{
  run_row (data, ORDER_BACKWARD);
}

static void
test_ignore_pipe_errors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
  gp_test_add_probe (pipeline, "stage-P", GP_TEST_END_PIPE);
  gp_test_add_probe (pipeline, "stage--", GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_no_error (error);
  /* Its own outcome stays readable */
  assert_status (pipeline, 0, 'P');
}

static void
test_ignore_pipe_errors_keeps_others (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
  gp_test_add_probe (pipeline, "pipe", GP_TEST_END_PIPE);
  gp_test_add_probe (pipeline, "real", GP_TEST_END_ERROR);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "real: broken");
}

static void
test_every_waiter_hears_it (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GAsyncResult) first = NULL;
  g_autoptr (GAsyncResult) second = NULL;
  GpTestProbe *probe = gp_test_add_probe (pipeline, "bad", GP_TEST_END_HOLD);

  gp_test_start (pipeline, NULL, NULL);
  gp_pipeline_wait_async (pipeline, NULL, gp_test_result_cb, &first);
  gp_pipeline_wait_async (pipeline, NULL, gp_test_result_cb, &second);
  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  gp_test_await ("the first wait", &first);
  gp_test_await ("the second wait", &second);
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GError) error = NULL;

      if (i < 2)
        g_assert_false (gp_pipeline_wait_finish (pipeline, i == 0 ? first : second, &error));
      else
        g_assert_false (gp_test_wait (pipeline, &error));
      gp_test_assert_message (error, "bad: broken");
    }
}

static void
test_cancelled_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe = gp_test_add_probe (pipeline, "good", GP_TEST_END_HOLD);

  gp_test_start (pipeline, NULL, NULL);
  gp_pipeline_wait_async (pipeline, cancellable, gp_test_result_cb, &result);
  g_cancellable_cancel (cancellable);
  gp_test_await ("the cancelled wait", &result);
  g_assert_false (gp_pipeline_wait_finish (pipeline, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  /* Only the wait was cancelled */
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_RUNNING);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *forward = g_strdup_printf ("/outcome/forward/%s", rows[i].stages);
      g_autofree char *backward = g_strdup_printf ("/outcome/backward/%s", rows[i].stages);

      gp_test_add_data (forward, &rows[i], test_forward);
      gp_test_add_data (backward, &rows[i], test_backward);
    }
  gp_test_add ("/outcome/ignore-pipe-errors", test_ignore_pipe_errors);
  gp_test_add ("/outcome/ignore-pipe-errors-keeps-others", test_ignore_pipe_errors_keeps_others);
  gp_test_add ("/outcome/every-waiter-hears-it", test_every_waiter_hears_it);
  gp_test_add ("/outcome/cancelled-wait", test_cancelled_wait);
  return gp_test_run ();
}
