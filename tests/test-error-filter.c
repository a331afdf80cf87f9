/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-filter.h"
#include "gp-test-streams.h"

/* What becomes of the errors of a stage that is filtered */

/* --- Matchers --------------------------------------------------------------------------------- */

static void
test_ignore_exit_status (void)
{
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_append_ignoring (pipeline, child ("child", "exit", "1"),
                                   gp_test_watch (gp_error_matcher_new_exit_status (1)));
      g_assert_true (blocking ? gp_pipeline_run (pipeline, NULL, &error)
                              : gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_no_error (error);
      assert_state (pipeline, 0, GP_STAGE_STATE_SUCCEEDED);
      g_assert_null (gp_stage_status_dup_error (gp_pipeline_get_status (pipeline, 0)));
      /* What really happened stays readable */
      g_assert_cmpint (gp_stage_status_get_exit_status (gp_pipeline_get_status (pipeline, 0)),
                       ==, 1);
    }
}

static void
test_other_errors_stay (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_ignoring (pipeline, child ("child", "exit", "2"),
                               gp_error_matcher_new_exit_status (1));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_exit_status (error, 2));
  gp_test_assert_message (error, "child: exit status 2");
  assert_state (pipeline, 0, GP_STAGE_STATE_FAILED);
}

static void
test_any_of (void)
{
  static const struct
  {
    const char *mode;
    const char *argument;
    gboolean    success;
  } rows[] = {
    { "exit", "0", TRUE },
    { "exit", "1", TRUE },
    { "exit", "2", FALSE },
    { "exit", "3", TRUE },
    { "kill-self", "15", TRUE },
    { "kill-self", "9", FALSE },
    { "kill-self", "13", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpErrorMatcher *matcher = gp_error_matcher_new_exit_status (1);

      gp_error_matcher_add (matcher, gp_error_matcher_new_exit_status (3));
      gp_error_matcher_add (matcher, gp_error_matcher_new_signal (SIGTERM));
      gp_error_matcher_add (matcher, gp_error_matcher_new_pipe ());
      gp_pipeline_append_ignoring (pipeline, child ("child", rows[i].mode, rows[i].argument),
                                   matcher);
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, rows[i].success);
    }
}

/* A consumer that has had enough: not an early finish, just the end of its work */
static GpPipeline *
new_spewer (gboolean ignoring)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  if (ignoring)
    gp_pipeline_append_ignoring (pipeline, child ("spew", "spew", "100000000"),
                                 gp_error_matcher_new_signal (SIGPIPE));
  else
    gp_pipeline_append (pipeline, child ("spew", "spew", "100000000"));
  gp_test_add_child (pipeline, "exit", "0", NULL);
  return pipeline;
}

static void
test_ignore_sigpipe (void)
{
  g_autoptr (GpPipeline) without = new_spewer (FALSE);
  g_autoptr (GpPipeline) with = new_spewer (TRUE);
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (without, NULL, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE);
  g_clear_error (&error);
  g_assert_true (gp_test_run_pipeline (with, NULL, &error));
  g_assert_no_error (error);
}

static void
test_output_before_ignored_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_pipeline_append_ignoring (pipeline,
                               GP_STAGE (gp_function_stage_new ("seven", write_seven_lines_func,
                                                                NULL, NULL)),
                               gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_FAILED));
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "1\n2\n3\n4\n5\n6\n7\n");
}

typedef struct
{
  int      code;
  guint    n_calls;
  GThread *thread;
} Match;

static GpErrorMatch
match_func (const GError *error,
            gpointer      user_data)
{
  Match *self = user_data;

  self->n_calls++;
  self->thread = g_thread_self ();
  return error->code == self->code ? GP_ERROR_MATCH_YES : GP_ERROR_MATCH_NO;
}

static void
test_matcher_function (void)
{
  for (int code = 3; code < 5; code++)
    {
      Match match = { 3, 0, NULL };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *status = g_strdup_printf ("%d", code);

      gp_pipeline_append_ignoring (pipeline, child ("child", "exit", status),
                                   gp_error_matcher_new (match_func, &match, NULL));
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, code == 3);
      g_assert_cmpuint (match.n_calls, ==, 1);
      g_assert_true (match.thread == g_thread_self ());
    }
}

/* Rules that were added too late for a run make no difference to it. */
static void
test_matcher_changes_later (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_exit_status (1);
  GpTestProbe *probe = gp_test_probe_new ("probe", GP_TEST_END_HOLD);

  gp_pipeline_append_ignoring (pipeline, GP_STAGE (probe), g_object_ref (matcher));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_error_matcher_add (matcher, gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_FAILED));
  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  g_assert_false (gp_test_wait (pipeline, NULL));
}

static void
test_matcher_for_several (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpErrorMatcher *matcher = gp_test_watch (gp_error_matcher_new_exit_status (1));

  gp_pipeline_append_ignoring (pipeline, child ("one", "exit", "1"), g_object_ref (matcher));
  gp_pipeline_append_ignoring (pipeline, child ("two", "exit", "1"), g_object_ref (matcher));
  gp_pipeline_append_ignoring (pipeline, child ("three", "exit", "1"), matcher);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

/* The messages and events of a stage that was forgiven are those of a success. */
static void
note_event_cb (GpPipeline *pipeline,
               GpEvent    *event,
               gpointer    user_data)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (GP_TYPE_EVENT_KIND);

  g_string_append_printf (user_data, "%s ",
                          g_enum_get_value (klass, gp_event_get_kind (event))->value_nick);
}

static void
test_events (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GString) events = g_string_new (NULL);

  g_signal_connect (pipeline, "event", G_CALLBACK (note_event_cb), events);
  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "1"), &filter));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (events->str, ==, "stage-started stage-finished ");
}

/* --- Functions -------------------------------------------------------------------------------- */

static void
test_forgive (void)
{
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

      gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
      g_assert_true (blocking ? gp_pipeline_run (pipeline, NULL, NULL)
                              : gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpuint (filter.n_calls, ==, 1);
      g_assert_true (filter.thread == g_thread_self ());
      g_assert_true (gp_error_matches_exit_status (filter.seen, 2));
      gp_test_assert_message (filter.seen, "child: exit status 2");
    }
}

static void
test_keep (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_KEEP };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "child: exit status 2");
  g_assert_cmpuint (filter.n_calls, ==, 1);
}

static void
test_replace (void)
{
  static const struct
  {
    GpErrorAction  action;
    const char    *message;
    const char    *expected;
  } rows[] = {
    { GP_ERROR_ACTION_KEEP, "nothing found", "child: nothing found" },
    { GP_ERROR_ACTION_KEEP, "child: nothing found", "child: nothing found" },
    { GP_ERROR_ACTION_KEEP, "children: nothing found", "child: children: nothing found" },
    { GP_ERROR_ACTION_KEEP, "no \xff", "child: no \xef\xbf\xbd" },
    { GP_ERROR_ACTION_KEEP, "child: no \xff", "child: no \xef\xbf\xbd" },
    /* An error is never lost */
    { GP_ERROR_ACTION_FORGIVE, "nothing found", "child: nothing found" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto (Filter) filter = { rows[i].action };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      filter.replacement = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, rows[i].message);
      gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      gp_test_assert_message (error, rows[i].expected);
    }
}

static GpErrorAction
parts_func (GQuark       domain,
            int          code,
            const char  *message,
            gpointer     user_data,
            GError     **replacement)
{
  g_autoptr (GError) error = g_error_new_literal (domain, code, message);

  return filter_func (error, user_data, replacement);
}

/* With what an error is made of, the function can do all the same. */
static void
test_parts (void)
{
  static const char *const messages[] = { "child: exit status 2", "child: replaced", NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      g_auto (Filter) filter = { messages[i] == NULL ? GP_ERROR_ACTION_FORGIVE
                                                     : GP_ERROR_ACTION_KEEP };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      if (i == 1)
        filter.replacement = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "replaced");
      gp_pipeline_append (pipeline, gp_test_watch (gp_error_filter_stage_new_with_parts (
                                      child ("child", "exit", "2"), parts_func, &filter,
                                      destroy_func)));
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, messages[i] == NULL);
      g_assert_cmpstr (error != NULL ? error->message : NULL, ==, messages[i]);
      g_assert_cmpuint (filter.n_calls, ==, 1);
      g_assert_true (gp_error_matches_exit_status (filter.seen, 2));
      gp_test_assert_message (filter.seen, "child: exit status 2");
    }
}

/* It excuses who wrote to it, as any early finish does. */
static void
test_replace_by_finish_early (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_KEEP };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  filter.replacement = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "");
  gp_pipeline_append (pipeline, child ("spew", "spew", "100000000"));
  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "2"), &filter));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_no_error (error);
  assert_state (pipeline, 1, GP_STAGE_STATE_FINISHED_EARLY);
}

static void
test_not_asked (void)
{
  static const GpTestEnd ends[] = { GP_TEST_END_SUCCESS, GP_TEST_END_FINISH_EARLY };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_auto (Filter) filter = { GP_ERROR_ACTION_KEEP };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

      gp_pipeline_append (pipeline, filtered (gp_test_probe_new ("probe", ends[i]), &filter));
      g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpuint (filter.n_calls, ==, 0);
      assert_state (pipeline, 0, ends[i] == GP_TEST_END_SUCCESS ? GP_STAGE_STATE_SUCCEEDED
                                                                : GP_STAGE_STATE_FINISHED_EARLY);
    }
}

/* Not even who says so can make an error of it, or a plain success. */
static void
test_finish_early_stays (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpErrorMatcher *matcher = gp_error_matcher_new_error (GP_PIPELINE_ERROR,
                                                        GP_PIPELINE_ERROR_FINISH_EARLY);

  gp_pipeline_append (pipeline, child ("spew", "spew", "100000000"));
  gp_pipeline_append_ignoring (pipeline,
                               GP_STAGE (gp_test_probe_new ("probe", GP_TEST_END_FINISH_EARLY)),
                               matcher);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  assert_state (pipeline, 1, GP_STAGE_STATE_FINISHED_EARLY);
}

static void
test_start_failure_not_asked (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *starter = gp_test_starter_new ("starter", GP_TEST_END_SUCCESS);

  gp_test_probe_set_start_fails (starter, TRUE);
  gp_pipeline_append (pipeline, filtered (starter, &filter));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "starting stage \"starter\": broken");
  g_assert_cmpuint (filter.n_calls, ==, 0);
}

static void
test_missing_program (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpErrorMatcher *matcher = gp_error_matcher_new_error (G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  GpStage *stage = GP_STAGE (gp_command_stage_new ("/nonexistent/program", NULL));

  stage = GP_STAGE (gp_error_filter_stage_new_ignoring (stage, matcher));
  gp_pipeline_append (pipeline, filtered (stage, &filter));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  g_assert_cmpuint (filter.n_calls, ==, 0);
}

/* Every way in which a stage of the application can end with an error */
static void
test_all_ends (void)
{
  static const GpTestEnd ends[] = {
    GP_TEST_END_ERROR, GP_TEST_END_PIPE, GP_TEST_END_FAULT, GP_TEST_END_DROP,
    GP_TEST_END_RUN_ERROR, GP_TEST_END_RUN_NOTHING, GP_TEST_END_RUN_BOTH,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    /* run () of a starter that fails is an error of the start. */
    for (int starter = 0; starter < (ends[i] < GP_TEST_END_RUN_ERROR ? 2 : 1); starter++)
      {
        g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
        g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
        g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
        g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
        g_autoptr (GError) error = NULL;

        gp_pipeline_set_stdin (pipeline, input);
        gp_pipeline_set_close_stdin (pipeline, TRUE);
        gp_pipeline_set_stdout (pipeline, output);
        gp_pipeline_set_close_stdout (pipeline, TRUE);
        gp_pipeline_append (pipeline,
                            filtered (starter ? gp_test_starter_new ("probe", ends[i])
                                              : gp_test_probe_new ("probe", ends[i]), &filter));
        g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
        g_assert_no_error (error);
        g_assert_cmpuint (filter.n_calls, ==, 1);
        g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
        g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
        /* What was forgiven is kept. */
        g_assert_false (gp_test_sink_was_discarded (output));
      }
}

static void
test_output_of_failure_is_discarded (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_KEEP };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "3"), &filter));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  g_assert_true (gp_test_sink_was_discarded (output));
}

/* --- Stacks ----------------------------------------------------------------------------------- */

static void
test_stack_order (void)
{
  g_auto (Filter) inner = { GP_ERROR_ACTION_KEEP };
  g_auto (Filter) middle = { GP_ERROR_ACTION_KEEP };
  g_auto (Filter) outer = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStage *stage = child ("child", "exit", "2");

  inner.replacement = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "inner");
  stage = filtered (stage, &inner);
  stage = GP_STAGE (gp_error_filter_stage_new_ignoring (stage,
                                                        gp_error_matcher_new_exit_status (2)));
  stage = filtered (stage, &middle);
  stage = GP_STAGE (gp_memory_watch_stage_new (stage, 0));
  stage = filtered (stage, &outer);
  gp_pipeline_append (pipeline, stage);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_assert_message (inner.seen, "child: exit status 2");
  gp_test_assert_message (middle.seen, "child: inner");
  gp_test_assert_message (outer.seen, "child: inner");
}

static void
test_inner_forgives (void)
{
  g_auto (Filter) inner = { GP_ERROR_ACTION_FORGIVE };
  g_auto (Filter) outer = { GP_ERROR_ACTION_KEEP };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline,
                      filtered (filtered (gp_test_probe_new ("probe", GP_TEST_END_ERROR), &inner),
                                &outer));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (inner.n_calls, ==, 1);
  g_assert_cmpuint (outer.n_calls, ==, 0);
}

/* A limit that is exceeded below a filter can be forgiven, above it not. */
static void
test_memory_limit (gconstpointer data)
{
  gboolean outside = GPOINTER_TO_INT (data);
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStage *stage = child ("hog", "allocate", "67108864");

  if (outside)
    stage = GP_STAGE (gp_memory_watch_stage_new (filtered (stage, &filter), 16777216));
  else
    stage = filtered (GP_STAGE (gp_memory_watch_stage_new (stage, 16777216)), &filter);
  gp_pipeline_append (pipeline, stage);
  g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, !outside);
  if (outside)
    {
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
      return;
    }
  g_assert_error (filter.seen, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
}

static void
test_nested (void)
{
  g_auto (Filter) inside = { GP_ERROR_ACTION_KEEP };
  g_auto (Filter) outside = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_name (nested, "nested");
  gp_pipeline_append (nested, filtered (child ("child", "exit", "2"), &inside));
  gp_pipeline_append (pipeline, filtered (nested, &outside));
  g_object_ref (nested);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_assert_message (inside.seen, "child: exit status 2");
  gp_test_assert_message (outside.seen, "child: exit status 2");
  g_assert_cmpuint (inside.n_calls, ==, 1);
  g_assert_cmpuint (outside.n_calls, ==, 1);
  /* For itself it has failed. */
  g_assert_false (gp_test_wait (nested, &error));
  gp_test_assert_message (error, "child: exit status 2");
  g_object_unref (nested);
}

static void
test_needs_main_context (void)
{
  g_auto (Filter) filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline,
                      filtered (gp_test_probe_new ("probe", GP_TEST_END_SUCCESS), &filter));
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
}

/* --- What cannot be --------------------------------------------------------------------------- */

static void
assert_invalid (gpointer    stage,
                const char *message)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, stage);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, message);
}

static void
test_made_without (void)
{
  g_autoptr (GpStage) inner = child ("child", "exit", "0");
  GpErrorMatcher *matcher = gp_error_matcher_new_pipe ();

  assert_invalid (g_object_new (GP_TYPE_ERROR_FILTER_STAGE, "stage", inner, NULL),
                  "starting stage \"child\": its errors are filtered, "
                  "but there is neither a function nor a matcher");
  assert_invalid (g_object_new (GP_TYPE_ERROR_FILTER_STAGE, "matcher", matcher, NULL),
                  "starting stage \"GpErrorFilterStage\": a stage of class GpErrorFilterStage "
                  "needs another one that it wraps");
  g_object_unref (matcher);
}

static void
test_added_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStage *stage = child ("child", "exit", "0");

  gp_pipeline_append (pipeline, g_object_ref (stage));
  gp_pipeline_append_ignoring (pipeline, stage, gp_error_matcher_new_pipe ());
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
}

static void
test_properties (void)
{
  Filter filter = { GP_ERROR_ACTION_FORGIVE };
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_pipe ();
  GpStage *one = child ("one", "exit", "0");
  GpStage *two = child ("two", "exit", "0");
  g_autoptr (GpErrorFilterStage) with_matcher =
    gp_error_filter_stage_new_ignoring (one, g_object_ref (matcher));
  g_autoptr (GpErrorFilterStage) with_function =
    gp_error_filter_stage_new (two, filter_func, &filter, destroy_func);
  g_autoptr (GpStage) stage = NULL;
  g_autoptr (GpErrorMatcher) got = NULL;
  g_autofree char *name = gp_stage_get_name (GP_STAGE (with_matcher));

  g_assert_cmpstr (name, ==, "one");
  g_assert_true (gp_error_filter_stage_get_stage (with_matcher) == one);
  g_assert_true (gp_error_filter_stage_get_matcher (with_matcher) == matcher);
  g_object_get (with_matcher, "stage", &stage, "matcher", &got, NULL);
  g_assert_true (stage == one);
  g_assert_true (got == matcher);
  g_assert_true (gp_error_filter_stage_get_stage (with_function) == two);
  g_assert_null (gp_error_filter_stage_get_matcher (with_function));
  g_clear_object (&with_function);
  g_assert_cmpuint (filter.n_destroyed, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/error-filter/ignore/exit-status", test_ignore_exit_status);
  gp_test_add ("/error-filter/ignore/other-errors-stay", test_other_errors_stay);
  gp_test_add ("/error-filter/ignore/any-of", test_any_of);
  gp_test_add ("/error-filter/ignore/sigpipe", test_ignore_sigpipe);
  gp_test_add ("/error-filter/ignore/output-before-it", test_output_before_ignored_error);
  gp_test_add ("/error-filter/ignore/function", test_matcher_function);
  gp_test_add ("/error-filter/ignore/changes-later", test_matcher_changes_later);
  gp_test_add ("/error-filter/ignore/several-stages", test_matcher_for_several);
  gp_test_add ("/error-filter/events", test_events);
  gp_test_add ("/error-filter/forgive", test_forgive);
  gp_test_add ("/error-filter/keep", test_keep);
  gp_test_add ("/error-filter/replace", test_replace);
  gp_test_add ("/error-filter/parts", test_parts);
  gp_test_add ("/error-filter/replace-by-finish-early", test_replace_by_finish_early);
  gp_test_add ("/error-filter/not-asked/no-error", test_not_asked);
  gp_test_add ("/error-filter/not-asked/finish-early-stays", test_finish_early_stays);
  gp_test_add ("/error-filter/not-asked/start-failure", test_start_failure_not_asked);
  gp_test_add ("/error-filter/not-asked/missing-program", test_missing_program);
  gp_test_add ("/error-filter/all-ends", test_all_ends);
  gp_test_add ("/error-filter/output-of-failure-is-discarded", test_output_of_failure_is_discarded);
  gp_test_add ("/error-filter/stack/order", test_stack_order);
  gp_test_add ("/error-filter/stack/inner-forgives", test_inner_forgives);
  gp_test_add_data ("/error-filter/stack/memory-limit-inside", GINT_TO_POINTER (FALSE),
                    test_memory_limit);
  gp_test_add_data ("/error-filter/stack/memory-limit-outside", GINT_TO_POINTER (TRUE),
                    test_memory_limit);
  gp_test_add ("/error-filter/nested", test_nested);
  gp_test_add ("/error-filter/needs-main-context", test_needs_main_context);
  gp_test_add ("/error-filter/made-without", test_made_without);
  gp_test_add ("/error-filter/added-twice", test_added_twice);
  gp_test_add ("/error-filter/properties", test_properties);
  return gp_test_run ();
}
