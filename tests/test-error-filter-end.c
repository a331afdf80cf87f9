/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-filter.h"
#include "gp-test-gates.h"

/* Where and when a filter is asked, and who waits for the answer */

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

/* --- Where ------------------------------------------------------------------------------------ */

static gpointer
run_in_thread (gpointer data)
{
  g_assert_true (gp_pipeline_run (data, NULL, NULL));
  return g_thread_self ();
}

static void
test_thread_of_synchronous_run (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  gpointer thread;

  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
  thread = g_thread_join (g_thread_new ("run", run_in_thread, pipeline));
  g_assert_true (filter.thread == thread);
}

static void
test_start_and_wait (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
  g_assert_true (gp_pipeline_start (pipeline, NULL, NULL));
  g_assert_true (gp_pipeline_wait (pipeline, NULL, NULL));
  g_assert_true (filter.thread == g_thread_self ());
}

typedef struct
{
  GpPipeline    *pipeline;
  guint          index;
  GpStageState   state;
} Expectation;

static GpErrorAction
wait_for_neighbour_func (const GError  *error,
                         gpointer       user_data,
                         GError       **replacement)
{
  Expectation *self = user_data;
  GpStageStatus *status = gp_pipeline_get_status (self->pipeline, self->index);

  /* No iteration of this context: whatever the neighbour needs it must have already. */
  while (gp_stage_status_get_state (status) != self->state)
    g_thread_yield ();
  return GP_ERROR_ACTION_FORGIVE;
}

/* The stage after it sees the end of its input before anybody is asked. */
static void
test_next_stage_need_not_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Expectation expectation = { pipeline, 1, GP_STAGE_STATE_SUCCEEDED };
  GpStage *stage = GP_STAGE (gp_function_stage_new ("seven", write_seven_lines_func, NULL, NULL));

  gp_pipeline_append (pipeline, GP_STAGE (gp_error_filter_stage_new (stage, wait_for_neighbour_func,
                                                                     &expectation, NULL)));
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

/* Neither need one that lies beyond the pipeline which the stage is in. */
static void
test_next_of_nested_need_not_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = gp_test_pipeline_new ();
  Expectation expectation = { pipeline, 1, GP_STAGE_STATE_SUCCEEDED };
  GpStage *stage = GP_STAGE (gp_function_stage_new ("seven", write_seven_lines_func, NULL, NULL));

  gp_pipeline_append (nested, GP_STAGE (gp_error_filter_stage_new (stage, wait_for_neighbour_func,
                                                                   &expectation, NULL)));
  gp_pipeline_append (pipeline, GP_STAGE (nested));
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

/* And the stage before it learns that nobody reads any more. */
static void
test_stage_before_need_not_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Expectation expectation = { pipeline, 0, GP_STAGE_STATE_FAILED };
  GpStage *stage = GP_STAGE (gp_function_stage_new ("fail", fail_func, NULL, NULL));
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, child ("spew", "spew", "100000000"));
  gp_pipeline_append (pipeline, GP_STAGE (gp_error_filter_stage_new (stage, wait_for_neighbour_func,
                                                                     &expectation, NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_pipe (error));
}

typedef struct
{
  gsize   n_bytes;
  GError *error;
} Reader;

static gboolean
read_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  Reader *self = user_data;
  char buffer[64];

  g_input_stream_read_all (input, buffer, sizeof buffer, &self->n_bytes, NULL, &self->error);
  return TRUE;
}

/* Where a failed end is told from an end, the reader waits for the answer, and believes it. */
static void
test_partial_input (gconstpointer data)
{
  GpErrorAction action = GPOINTER_TO_INT (data);
  g_auto (Filter) filter = { action };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStage *stage = GP_STAGE (gp_function_stage_new ("seven", write_seven_lines_func, NULL, NULL));
  Reader reader = { 0, NULL };

  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  gp_pipeline_append (pipeline, filtered (stage, &filter));
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("read", read_func, &reader, NULL)));
  g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==,
                   action == GP_ERROR_ACTION_FORGIVE);
  g_assert_cmpuint (reader.n_bytes, ==, 14);
  if (action == GP_ERROR_ACTION_FORGIVE)
    g_assert_no_error (reader.error);
  else
    g_assert_error (reader.error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
  g_clear_error (&reader.error);
}

/* A context that nobody runs */
typedef struct
{
  GpPipeline   *pipeline;
  GMainContext *context;
} Home;

static gpointer
start_in_thread (gpointer data)
{
  Home *home = data;

  g_main_context_push_thread_default (home->context);
  g_assert_true (gp_pipeline_start (home->pipeline, NULL, NULL));
  g_main_context_pop_thread_default (home->context);
  return NULL;
}

static gboolean
gated_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  gp_test_gate_pass (user_data);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "too late");
  return FALSE;
}

/* Whoever should answer does not: when it is cancelled, the pipeline ends all the same, and the
 * stage has the error that it had. */
static void
test_nobody_answers (void)
{
  g_auto (GpTestGate) gate = { 0, };
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Home home = { pipeline, context };
  GpStage *stage = GP_STAGE (gp_function_stage_new ("gated", gated_func, &gate, NULL));
  GpStageStatus *status;

  gp_test_gate_init (&gate);
  gp_pipeline_set_abandon_delay (pipeline, 20);
  gp_pipeline_append (pipeline, filtered (stage, &filter));
  gp_test_add_child (pipeline, "wait", NULL);
  g_thread_join (g_thread_new ("start", start_in_thread, &home));
  while (g_main_context_iteration (context, FALSE))
    continue;
  gp_test_gate_open (&gate);

  status = gp_pipeline_get_status (pipeline, 0);
  gp_test_wait_busy_threads ();
  g_assert_true (g_main_context_pending (context));
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_RUNNING);

  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_pipeline_wait (pipeline, NULL, &error));
  gp_test_assert_message (error, "gated: too late");
  assert_state (pipeline, 0, GP_STAGE_STATE_FAILED);
  g_assert_cmpuint (filter.n_calls, ==, 0);

  /* Late is too late. */
  while (g_main_context_iteration (context, FALSE))
    continue;
  g_assert_cmpuint (filter.n_calls, ==, 0);
  assert_state (pipeline, 0, GP_STAGE_STATE_FAILED);
}

/* A matcher without a function needs nobody. */
static void
test_matcher_needs_nobody (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Home home = { pipeline, context };

  gp_pipeline_append_ignoring (pipeline, child ("child", "exit", "2"),
                               gp_error_matcher_new_exit_status (2));
  g_thread_join (g_thread_new ("start", start_in_thread, &home));
  g_assert_true (gp_pipeline_wait (pipeline, NULL, NULL));
  while (g_main_context_iteration (context, FALSE))
    continue;
}

/* --- The end from outside --------------------------------------------------------------------- */

/* What was ended by us is explained by the reason, and nobody is asked. */
static void
test_cancelled (gconstpointer data)
{
  gboolean by_time = GPOINTER_TO_INT (data);
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpErrorMatcher *matcher = gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_CANCELLED);

  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_pipeline_append (pipeline, filtered (child ("one", "wait", NULL), &filter));
  gp_pipeline_append_ignoring (pipeline, child ("two", "wait", NULL), matcher);
  if (by_time)
    {
      gp_pipeline_set_time_limit (pipeline, 50);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
    }
  else
    {
      g_assert_true (gp_test_start (pipeline, NULL, NULL));
      gp_pipeline_cancel (pipeline);
      g_assert_false (gp_test_wait (pipeline, &error));
    }
  g_assert_error (error, G_IO_ERROR, (by_time ? G_IO_ERROR_TIMED_OUT : G_IO_ERROR_CANCELLED));
  g_assert_cmpuint (filter.n_calls, ==, 0);
}

/* A real error is asked about even then. */
static void
test_real_error_after_cancel (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe = gp_test_probe_new ("probe", GP_TEST_END_HOLD);

  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_pipeline_append (pipeline, filtered (probe, &filter));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  /* What it did is forgiven, that the pipeline was cancelled is not. */
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_assert_message (filter.seen, "probe: broken");
}

static GpErrorAction
cancel_func (const GError  *error,
             gpointer       user_data,
             GError       **replacement)
{
  gp_pipeline_cancel (user_data);
  return GP_ERROR_ACTION_FORGIVE;
}

static void
test_cancel_in_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_error_filter_stage_new (child ("child", "exit", "2"),
                                                                     cancel_func, pipeline, NULL)));
  gp_test_add_child (pipeline, "wait", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_state (pipeline, 0, GP_STAGE_STATE_SUCCEEDED);
}

static gboolean
is_failed (gpointer data)
{
  return gp_stage_status_get_state (data) == GP_STAGE_STATE_FAILED;
}

/* A function that cannot be stopped is given up while its filter is asked, or before. */
static void
test_given_up (void)
{
  g_auto (GpTestGate) gate = { 0, };
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStage *stage = GP_STAGE (gp_function_stage_new ("gated", gated_func, &gate, NULL));

  gp_test_gate_init (&gate);
  gp_pipeline_set_abandon_delay (pipeline, 10);
  gp_pipeline_append (pipeline, filtered (stage, &filter));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the function", gp_test_gate_is_waited_at, &gate);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
  g_assert_cmpuint (filter.n_calls, ==, 0);
}

/* After that nobody is asked any more, since nobody would come by to give up the question. */
static void
test_after_giving_up (void)
{
  g_auto (GpTestGate) gate = { 0, };
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (nested, "probe", GP_TEST_END_HOLD);
  g_autoptr (GError) error = NULL;

  gp_test_gate_init (&gate);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_pipeline_set_abandon_delay (nested, NEVER);
  gp_pipeline_append (pipeline, filtered (nested, &filter));
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("gated", gated_func, &gate, NULL)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  /* The function was given up; the nested pipeline sees to its own end. */
  gp_test_wait_until ("the function to be given up", is_failed,
                      gp_pipeline_get_status (pipeline, 1));
  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  g_assert_false (gp_test_wait (pipeline, &error));
  gp_test_assert_message (error, "probe: broken");
  g_assert_cmpuint (filter.n_calls, ==, 0);
  gp_test_gate_open (&gate);
}

/* --- Often ------------------------------------------------------------------------------------ */

static void
test_many (void)
{
  const guint n = gp_test_is_thorough () ? 200 : 30;

  for (guint i = 0; i < n; i++)
    {
      Filter filters[6];
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

      for (guint k = 0; k < G_N_ELEMENTS (filters); k++)
        {
          GpStage *stage = k % 2 ? child ("child", "exit", "2")
                                 : GP_STAGE (gp_function_stage_new ("fail", fail_func, NULL, NULL));

          filters[k] = (Filter) { GP_ERROR_ACTION_FORGIVE };
          gp_pipeline_append (pipeline, filtered (stage, &filters[k]));
        }
      g_assert_true (i % 2 ? gp_pipeline_run (pipeline, NULL, NULL)
                           : gp_test_run_pipeline (pipeline, NULL, NULL));
      g_clear_object (&pipeline);
      for (guint k = 0; k < G_N_ELEMENTS (filters); k++)
        {
          g_assert_cmpuint (filters[k].n_calls, ==, 1);
          filter_clear (&filters[k]);
        }
    }
}

/* Cancelled at any moment: it ends, and the question is put at most once */
static void
test_cancel_races (void)
{
  const guint n = gp_test_is_thorough () ? 300 : 40;

  for (guint i = 0; i < n; i++)
    {
      g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpStage *stage = GP_STAGE (gp_function_stage_new ("fail", fail_func, NULL, NULL));

      gp_pipeline_set_abandon_delay (pipeline, i % 3 == 0 ? 0 : NEVER);
      gp_pipeline_append (pipeline, filtered (stage, &filter));
      gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
      for (guint k = 0; k < i * 20; k++)
        g_thread_yield ();
      gp_pipeline_cancel (pipeline);
      gp_test_wait (pipeline, NULL);
      g_assert_cmpuint (filter.n_calls, <=, 1);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/error-filter-end/thread-of-synchronous-run", test_thread_of_synchronous_run);
  gp_test_add ("/error-filter-end/start-and-wait", test_start_and_wait);
  gp_test_add ("/error-filter-end/neighbours/next", test_next_stage_need_not_wait);
  gp_test_add ("/error-filter-end/neighbours/next-of-nested", test_next_of_nested_need_not_wait);
  gp_test_add ("/error-filter-end/neighbours/before", test_stage_before_need_not_wait);
  gp_test_add_data ("/error-filter-end/partial-input/forgiven",
                    GINT_TO_POINTER (GP_ERROR_ACTION_FORGIVE), test_partial_input);
  gp_test_add_data ("/error-filter-end/partial-input/kept",
                    GINT_TO_POINTER (GP_ERROR_ACTION_KEEP), test_partial_input);
  gp_test_add ("/error-filter-end/nobody-answers", test_nobody_answers);
  gp_test_add ("/error-filter-end/matcher-needs-nobody", test_matcher_needs_nobody);
  gp_test_add_data ("/error-filter-end/cancelled", GINT_TO_POINTER (FALSE), test_cancelled);
  gp_test_add_data ("/error-filter-end/time-limit", GINT_TO_POINTER (TRUE), test_cancelled);
  gp_test_add ("/error-filter-end/real-error-after-cancel", test_real_error_after_cancel);
  gp_test_add ("/error-filter-end/cancel-in-function", test_cancel_in_function);
  gp_test_add ("/error-filter-end/given-up", test_given_up);
  gp_test_add ("/error-filter-end/after-giving-up", test_after_giving_up);
  gp_test_add ("/error-filter-end/many", test_many);
  gp_test_add ("/error-filter-end/cancel-races", test_cancel_races);
  return gp_test_run ();
}
