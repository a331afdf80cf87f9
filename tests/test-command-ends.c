/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* A command with a standard input or output of its own, where its neighbours or the pipeline have
 * others for it: nothing is started. */

#define STDIN_MESSAGE \
  "stage \"mine\": it has a standard input of its own, " \
  "but the stage before it or the pipeline gives it another one"
#define STDOUT_MESSAGE \
  "stage \"mine\": it has a standard output of its own, " \
  "but the stage after it or the pipeline wants its output"

typedef enum
{
  OWN_STDIN,
  OWN_STDOUT,
} Own;

static GpCommandStage *
new_mine (Own own)
{
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);
  g_autoptr (GInputStream) input = gp_test_source_new (0, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (0, NULL);

  gp_command_stage_set_name (stage, "mine");
  if (own == OWN_STDIN)
    gp_command_stage_set_stdin (stage, input);
  else
    gp_command_stage_set_stdout (stage, output);

  return stage;
}

static void
add_mine (GpPipeline *pipeline,
          Own         own)
{
  gp_pipeline_append (pipeline, GP_STAGE (new_mine (own)));
}

static void
assert_fails (GpPipeline *pipeline,
              Own         own)
{
  g_autoptr (GListModel) statuses = g_object_ref (gp_pipeline_get_stages (pipeline));
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, own == OWN_STDIN ? STDIN_MESSAGE : STDOUT_MESSAGE);

  for (guint i = 0; i < g_list_model_get_n_items (statuses); i++)
    {
      g_autoptr (GpStageStatus) status = g_list_model_get_item (statuses, i);

      g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_NOT_STARTED);
    }
}

static void
test_neighbour (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = NULL;

  if (own == OWN_STDIN)
    probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  add_mine (pipeline, own);
  if (own == OWN_STDOUT)
    probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  assert_fails (pipeline, own);
  g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 0);
}

static void
test_pipeline (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_watch (gp_test_source_new (0, FALSE));
  g_autoptr (GOutputStream) output = gp_test_watch (gp_test_sink_new (0, NULL));

  add_mine (pipeline, own);
  if (own == OWN_STDIN)
    gp_pipeline_set_stdin (pipeline, input);
  else
    gp_pipeline_set_stdout (pipeline, output);
  assert_fails (pipeline, own);
}

static void
test_opened (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;

  add_mine (pipeline, own);
  if (own == OWN_STDIN)
    input = gp_pipeline_open_input (pipeline, &error);
  else
    output = gp_pipeline_open_output (pipeline, &error);
  g_assert_no_error (error);
  assert_fails (pipeline, own);
}

static void
test_communicate (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  add_mine (pipeline, own);
  text = gp_pipeline_communicate_utf8 (pipeline, own == OWN_STDIN ? "input" : NULL, NULL, &error);
  g_assert_null (text);
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, own == OWN_STDIN ? STDIN_MESSAGE : STDOUT_MESSAGE);
}

/* Even within a nested pipeline that would be started last */
static void
test_nested (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = gp_test_pipeline_new ();
  GpTestProbe *first = gp_test_add_probe (pipeline, "first", GP_TEST_END_SUCCESS);
  GpTestProbe *last;

  add_mine (nested, own);
  gp_pipeline_append (pipeline, GP_STAGE (nested));
  last = gp_test_add_probe (pipeline, "last", GP_TEST_END_SUCCESS);
  assert_fails (pipeline, own);
  g_assert_cmpuint (gp_test_probe_get_n_runs (first), ==, 0);
  g_assert_cmpuint (gp_test_probe_get_n_runs (last), ==, 0);
}

/* Nor does it help to have it watched. */
static void
test_decorated (gconstpointer data)
{
  Own own = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *first = gp_test_add_probe (pipeline, "first", GP_TEST_END_SUCCESS);
  GpTestProbe *last;

  gp_pipeline_append (pipeline, GP_STAGE (gp_memory_watch_stage_new (GP_STAGE (new_mine (own)), 0)));
  last = gp_test_add_probe (pipeline, "last", GP_TEST_END_SUCCESS);
  assert_fails (pipeline, own);
  g_assert_cmpuint (gp_test_probe_get_n_runs (first), ==, 0);
  g_assert_cmpuint (gp_test_probe_get_n_runs (last), ==, 0);
}

static void
test_nested_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) nested = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (nested, "exit", "0", NULL);
  gp_test_run_pipeline (nested, NULL, &error);
  g_assert_no_error (error);

  gp_pipeline_append (pipeline, GP_STAGE (g_object_ref (nested)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
}

/* At the ends of a pipeline without streams there is nothing in the way. */
static void
test_free_ends (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  add_mine (pipeline, OWN_STDIN);
  add_mine (pipeline, OWN_STDOUT);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
add_both (const char    *path,
          GTestDataFunc  func)
{
  g_autofree char *stdin_path = g_strconcat (path, "/stdin", NULL);
  g_autofree char *stdout_path = g_strconcat (path, "/stdout", NULL);

  gp_test_add_data (stdin_path, GINT_TO_POINTER (OWN_STDIN), func);
  gp_test_add_data (stdout_path, GINT_TO_POINTER (OWN_STDOUT), func);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_both ("/command-ends/neighbour", test_neighbour);
  add_both ("/command-ends/pipeline", test_pipeline);
  add_both ("/command-ends/opened", test_opened);
  add_both ("/command-ends/communicate", test_communicate);
  add_both ("/command-ends/nested", test_nested);
  add_both ("/command-ends/decorated", test_decorated);
  gp_test_add ("/command-ends/nested-started", test_nested_started);
  gp_test_add ("/command-ends/free-ends", test_free_ends);
  return gp_test_run ();
}
