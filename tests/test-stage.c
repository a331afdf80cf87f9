/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-util.h"

static void
test_defaults (void)
{
  g_autoptr (GpStage) stage = g_object_new (GP_TYPE_TEST_PLAIN_STAGE, NULL);
  g_autofree char *name = gp_stage_get_name (stage);
  GpIOPreference in = GP_IO_FD;
  GpIOPreference out = GP_IO_FD;

  gp_test_watch (stage);
  g_assert_cmpstr (name, ==, "GpTestPlainStage");
  gp_stage_preferences (stage, &in, &out);
  g_assert_cmpint (in, ==, GP_IO_ANY);
  g_assert_cmpint (out, ==, GP_IO_ANY);
  g_assert_true (gp_stage_needs_main_context (stage));
}

static void
test_plain (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, g_object_new (GP_TYPE_TEST_PLAIN_STAGE, NULL));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_overrides (void)
{
  g_autoptr (GpTestProbe) probe = gp_test_probe_new ("a name", GP_TEST_END_SUCCESS);
  g_autofree char *name = gp_stage_get_name (GP_STAGE (probe));
  GpIOPreference in;
  GpIOPreference out;

  gp_test_probe_set_preference (probe, GP_IO_ANY, GP_IO_FD);
  gp_test_probe_set_fit (probe, TRUE);
  g_assert_cmpstr (name, ==, "a name");
  gp_stage_preferences (GP_STAGE (probe), &in, &out);
  g_assert_cmpint (in, ==, GP_IO_ANY);
  g_assert_cmpint (out, ==, GP_IO_FD);
  g_assert_false (gp_stage_needs_main_context (GP_STAGE (probe)));
}

static gboolean
unused_func (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  g_assert_not_reached ();
}

static void
test_preferences_of_kinds (void)
{
  g_autoptr (GpCommandStage) command = gp_test_child_new ("cat", NULL);
  g_autoptr (GpFunctionStage) function = gp_function_stage_new ("f", unused_func, NULL, NULL);
  GpIOPreference in;
  GpIOPreference out;

  gp_stage_preferences (GP_STAGE (command), &in, &out);
  g_assert_cmpint (in, ==, GP_IO_FD);
  g_assert_cmpint (out, ==, GP_IO_FD);
  g_assert_false (gp_stage_needs_main_context (GP_STAGE (command)));
  gp_stage_preferences (GP_STAGE (function), &in, &out);
  g_assert_cmpint (in, ==, GP_IO_ANY);
  g_assert_cmpint (out, ==, GP_IO_ANY);
  g_assert_false (gp_stage_needs_main_context (GP_STAGE (function)));
}

typedef struct
{
  const char *path;
  GpTestEnd   end;
  int         code; /* of GP_PIPELINE_ERROR, or -1: the stage's own error */
} End;

static const End ends[] = {
  { "run-error", GP_TEST_END_RUN_ERROR, -1 },
  { "run-false-without-error", GP_TEST_END_RUN_NOTHING, GP_PIPELINE_ERROR_FAULT },
  { "run-true-with-error", GP_TEST_END_RUN_BOTH, GP_PIPELINE_ERROR_FAULT },
  { "context-dropped", GP_TEST_END_DROP, GP_PIPELINE_ERROR_FAULT },
  { "fault", GP_TEST_END_FAULT, GP_PIPELINE_ERROR_FAULT },
  { "error", GP_TEST_END_ERROR, -1 },
};

static void
run_end (GpTestProbe *probe,
         const End   *end)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (probe));
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  if (end->code >= 0)
    g_assert_error (error, GP_PIPELINE_ERROR, end->code);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  gp_test_assert_contains (error->message, "wild");
  g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 1);
}

static void
test_end_of_run (gconstpointer data)
{
  const End *end = data;

  run_end (gp_test_probe_new ("wild", end->end), end);
}

static void
test_end_of_start (gconstpointer data)
{
  const End *end = data;

  run_end (gp_test_starter_new ("wild", end->end), end);
}

static void
test_start_pair (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *starter = gp_test_starter_new ("starter", GP_TEST_END_SUCCESS);
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (starter));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_probe_get_n_runs (starter), ==, 1);
}

static void
test_start_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *starter = gp_test_starter_new ("starter", GP_TEST_END_SUCCESS);
  GpTestProbe *later = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_probe_set_start_fails (starter, TRUE);
  gp_test_add_child (pipeline, "wait", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (starter));
  later = gp_test_add_probe (pipeline, "later", GP_TEST_END_SUCCESS);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  gp_test_assert_message (error, "starting stage \"starter\": broken");
  g_assert_null (gp_test_probe_get_seen (later));
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 2)), ==,
                   GP_STAGE_STATE_NOT_STARTED);
}

static void
test_pipeline_as_stage (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autofree char *name = NULL;
  g_autofree char *output = NULL;

  gp_pipeline_set_name (inner, "inner");
  gp_test_add_child (inner, "cat", NULL);
  gp_test_add_child (inner, "cat", NULL);
  name = gp_stage_get_name (GP_STAGE (inner));
  g_assert_cmpstr (name, ==, "inner");
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, "through all");
  g_assert_cmpstr (output, ==, "through all");
}

static void
test_pipeline_as_stage_ends (void)
{
  static const char *const statuses[] = { "0", "5" };

  for (guint position = 0; position < 3; position++)
    for (guint i = 0; i < 2; i++)
      {
        g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
        GpPipeline *inner = gp_test_pipeline_new ();
        g_autoptr (GError) error = NULL;

        gp_pipeline_set_name (inner, "inner");
        gp_test_add_child (inner, "exit", statuses[i], NULL);
        for (guint k = 0; k < position; k++)
          gp_test_add_child (pipeline, "exit", "0", NULL);
        gp_pipeline_append (pipeline, GP_STAGE (inner));
        gp_test_run_pipeline (pipeline, NULL, &error);
        if (i == 0)
          g_assert_no_error (error);
        else
          gp_test_assert_message (error, "exit: exit status 5");
      }
}

static void
test_empty_pipeline_as_stage (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_pipeline_new ()));
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, "unchanged");
  g_assert_cmpstr (output, ==, "unchanged");
}

static void
test_null_arguments (void)
{
  g_autofree char *text = NULL;

  gp_test_begin_criticals ();
  g_assert_null (gp_stage_get_name (NULL));
  gp_stage_start_async (NULL, NULL, NULL, NULL, NULL);
  g_assert_cmpuint (gp_test_end_criticals (&text), ==, 2);
  gp_test_assert_contains (text, "GP_IS_STAGE");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/stage/defaults", test_defaults);
  gp_test_add ("/stage/plain", test_plain);
  gp_test_add ("/stage/overrides", test_overrides);
  gp_test_add ("/stage/preferences-of-kinds", test_preferences_of_kinds);
  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autofree char *run = g_strdup_printf ("/stage/run/%s", ends[i].path);
      g_autofree char *start = g_strdup_printf ("/stage/start/%s", ends[i].path);

      gp_test_add_data (run, &ends[i], test_end_of_run);
      /* A start that fails, or says nothing, is for the next test */
      if (!g_str_has_prefix (ends[i].path, "run-"))
        gp_test_add_data (start, &ends[i], test_end_of_start);
    }
  gp_test_add ("/stage/start-pair", test_start_pair);
  gp_test_add ("/stage/start-fails", test_start_fails);
  gp_test_add ("/stage/pipeline-as-stage", test_pipeline_as_stage);
  gp_test_add ("/stage/pipeline-as-stage-ends", test_pipeline_as_stage_ends);
  gp_test_add ("/stage/empty-pipeline-as-stage", test_empty_pipeline_as_stage);
  gp_test_add ("/stage/null-arguments", test_null_arguments);
  return gp_test_run ();
}
