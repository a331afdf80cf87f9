/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"

/* As in the table of test-outcome.c: what each stage says, and whose error the pipeline's is */
typedef struct
{
  const char *stages;
  int         culprit; /* or -1: success */
} Row;

static const Row rows[] = {
  { "---", -1 },  { "1", 0 },      { "-1-", 1 },   { "-12-", 1 },  { "-P1-", 2 },  { "-1P-", 1 },
  { "-1-2-", 1 }, { "-F-F-", -1 }, { "1F", 0 },    { "F1", 1 },    { "PF", -1 },   { "PFF", -1 },
  { "PPF", -1 },  { "P-F", 0 },    { "FP", 1 },    { "1PF", 0 },   { "P1F", 1 },   { "PP", 1 },
};

/* Each failure is told, and then once that of the pipeline. */
static void
test_outcome (gconstpointer data)
{
  const Row *row = data;
  guint n = strlen (row->stages);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GPtrArray) probes = g_ptr_array_new ();
  g_auto (Recorder) recorder;
  guint n_failed = 0;

  recorder_init (&recorder);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (probes, gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD));
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  for (guint i = 0; i < n; i++)
    gp_test_probe_end (probes->pdata[i], gp_test_end_from_letter (row->stages[i]));
  g_assert_cmpint (gp_test_wait (pipeline, NULL), ==, row->culprit < 0);

  for (guint i = 0; i < n; i++)
    {
      GpEvent *event = get_event (&recorder, n + i);
      gboolean failed = strchr ("-F", row->stages[i]) == NULL;

      g_assert_true (gp_event_get_stage (event) == probes->pdata[i]);
      g_assert_cmpint (gp_event_get_kind (event), ==,
                       failed ? GP_EVENT_KIND_STAGE_FAILED : GP_EVENT_KIND_STAGE_FINISHED);
      n_failed += failed;
    }
  g_assert_cmpuint (recorder.events->len, ==, 2 * n + (row->culprit >= 0));
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_FAILED), ==, n_failed);
  if (row->culprit >= 0)
    {
      GpEvent *last = get_event (&recorder, 2 * n);

      g_assert_cmpint (gp_event_get_kind (last), ==, GP_EVENT_KIND_PIPELINE_FAILED);
      g_assert_true (gp_event_get_stage (last) == probes->pdata[row->culprit]);
    }
}

#define N_MIXED 6

/* One with a stage twice: none of its stages is started. */
static void
append_broken_pipeline (GpPipeline *pipeline,
                        const char *name)
{
  GpPipeline *broken = gp_test_pipeline_new ();
  GpCommandStage *twice = append_child (broken, "twice", "cat", NULL);

  gp_pipeline_append (broken, GP_STAGE (g_object_ref (twice)));
  gp_pipeline_set_name (broken, name);
  gp_pipeline_append (pipeline, GP_STAGE (broken));
}

/* Commands, stages in the main context, and functions; the one at @broken cannot be started. */
static void
append_mixed (GpPipeline *pipeline,
              guint       broken)
{
  for (guint i = 0; i < N_MIXED; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      GpTestProbe *probe;

      switch (i % 3)
        {
        case 0:
          if (i == broken)
            gp_command_stage_set_name (gp_pipeline_append_command (pipeline, "/nonexistent", NULL),
                                       name);
          else
            append_child (pipeline, name, "wait", NULL);
          break;
        case 1:
          probe = gp_test_starter_new (name, GP_TEST_END_SUCCESS);
          gp_test_probe_set_start_fails (probe, i == broken);
          gp_pipeline_append (pipeline, GP_STAGE (probe));
          break;
        default:
          if (i == broken)
            append_broken_pipeline (pipeline, name);
          else
            append_function (pipeline, name, nothing_func);
        }
    }
}

static void
test_start_failed (gconstpointer data)
{
  guint broken = GPOINTER_TO_UINT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;
  g_autofree char *broken_name = g_strdup_printf ("%u", broken);
  g_autofree char *expected = g_strdup_printf ("start-failed %u\n", broken);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) event_error = NULL;
  GpEvent *last;

  recorder_init (&recorder);
  append_mixed (pipeline, broken);
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_contains (recorder.text->str, expected);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_START_FAILED), ==, 1);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_STARTED), ==, broken);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_FINISHED) +
                    count_kind (&recorder, GP_EVENT_KIND_STAGE_FAILED), ==, broken);

  /* Nothing else of the broken stage, and nothing of those after it */
  for (guint i = 0; i < recorder.events->len; i++)
    {
      GpEvent *event = get_event (&recorder, i);
      int difference = g_strcmp0 (gp_event_get_stage_name (event), broken_name);

      if (gp_event_get_kind (event) == GP_EVENT_KIND_START_FAILED ||
          gp_event_get_kind (event) == GP_EVENT_KIND_PIPELINE_FAILED)
        g_assert_cmpint (difference, ==, 0);
      else
        g_assert_cmpint (difference, <, 0);
    }

  last = get_event (&recorder, recorder.events->len - 1);
  event_error = gp_event_dup_error (last);
  g_assert_cmpint (gp_event_get_kind (last), ==, GP_EVENT_KIND_PIPELINE_FAILED);
  g_assert_error (event_error, error->domain, error->code);
  gp_test_assert_message (event_error, error->message);
}

static void
test_invalid (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = append_child (pipeline, "a", "cat", NULL);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  gp_pipeline_append (pipeline, GP_STAGE (g_object_ref (command)));
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==, "pipeline-failed -\n");
  g_assert_null (gp_event_get_stage (get_event (&recorder, 0)));
}

static void
test_cancelled (gconstpointer data)
{
  gboolean by_time = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) outcome = NULL;
  g_auto (Recorder) recorder;
  int code = by_time ? G_IO_ERROR_TIMED_OUT : G_IO_ERROR_CANCELLED;

  recorder_init (&recorder);
  append_child (pipeline, "a", "wait", NULL);
  record (&recorder, pipeline);
  if (by_time)
    gp_pipeline_set_time_limit (pipeline, 300);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  if (!by_time)
    gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed -\n");
  error = gp_event_dup_error (get_event (&recorder, 1));
  g_assert_error (error, G_IO_ERROR, code);
  outcome = gp_event_dup_error (get_event (&recorder, 2));
  g_assert_error (outcome, G_IO_ERROR, code);
}

/* At every moment of the start: each stage has a start and an end, or neither, or one failure. */
static void
test_cancelled_while_starting (void)
{
  for (int steps = 0; steps < 20; steps++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Recorder) recorder;
      guint n_started, n_ended;

      recorder_init (&recorder);
      append_mixed (pipeline, G_MAXUINT);
      record (&recorder, pipeline);
      gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
      for (int i = 0; i < steps; i++)
        g_main_context_iteration (NULL, FALSE);
      gp_pipeline_cancel (pipeline);
      g_assert_false (gp_test_wait (pipeline, NULL));
      n_started = count_kind (&recorder, GP_EVENT_KIND_STAGE_STARTED);
      n_ended = count_kind (&recorder, GP_EVENT_KIND_STAGE_FINISHED) +
                count_kind (&recorder, GP_EVENT_KIND_STAGE_FAILED);
      g_assert_cmpuint (n_started, ==, n_ended);
      g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_START_FAILED), <=, 1);
      g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_PIPELINE_FAILED), ==, 1);
      g_assert_true (g_str_has_suffix (recorder.text->str, "pipeline-failed -\n"));
    }
}

/* A stage that is given up, and says something afterwards */
static void
test_abandoned (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed -\n");
}

/* A stage that has ended before its start is complete, which it never says */
struct _EndedStage
{
  GObject parent_instance;
};

#define TYPE_ENDED_STAGE (ended_stage_get_type ())
G_DECLARE_FINAL_TYPE (EndedStage, ended_stage, TEST, ENDED_STAGE, GObject)

static void
ended_stage_start_async (GpStage             *stage,
                         GpStageContext      *context,
                         GCancellable        *cancellable,
                         GAsyncReadyCallback  callback,
                         gpointer             user_data)
{
  GTask **forgotten = g_object_get_data (G_OBJECT (stage), "forgotten");

  *forgotten = g_task_new (stage, NULL, callback, user_data);
  g_task_set_source_tag (*forgotten, ended_stage_start_async);
  gp_stage_context_return_success (context);
}

static gboolean
ended_stage_start_finish (GpStage       *stage,
                          GAsyncResult  *result,
                          GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
ended_stage_init_stage (GpStageInterface *iface)
{
  iface->start_async = ended_stage_start_async;
  iface->start_finish = ended_stage_start_finish;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (EndedStage, ended_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, ended_stage_init_stage))

static void
ended_stage_class_init (EndedStageClass *klass)
{
}

static void
ended_stage_init (EndedStage *self)
{
}

static gboolean
is_set (gpointer data)
{
  return *(gpointer *) data != NULL;
}

static void
test_start_never_complete (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GTask *forgotten = NULL;
  GObject *stage = g_object_new (TYPE_ENDED_STAGE, NULL);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  g_object_set_data (stage, "forgotten", &forgotten);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  gp_pipeline_set_abandon_delay (pipeline, 1);
  record (&recorder, pipeline);
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  gp_test_wait_until ("the stage to be started", is_set, &forgotten);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
  g_assert_cmpstr (recorder.text->str, ==, "start-failed EndedStage\npipeline-failed -\n");

  /* It says so after all. */
  g_task_return_boolean (forgotten, TRUE);
  g_clear_object (&forgotten);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (recorder.events->len, ==, 2);
}

/* --- Nested pipelines --------------------------------------------------------------------- */

/* Adds one with the name @name */
static GpPipeline *
append_nested (GpPipeline *outer,
               const char *name)
{
  GpPipeline *inner = gp_test_pipeline_new ();

  gp_pipeline_set_name (inner, name);
  gp_pipeline_append (outer, GP_STAGE (inner));
  return inner;
}

static void
test_nested (gconstpointer data)
{
  gboolean synchronous = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  GpPipeline *middle = append_nested (outer, "middle");
  GpPipeline *inner = append_nested (middle, "inner");
  GpCommandStage *command = append_child (inner, "a", "exit", "2");
  g_auto (Recorder) outer_recorder;
  g_auto (Recorder) middle_recorder;
  g_auto (Recorder) inner_recorder;

  recorder_init (&outer_recorder);
  recorder_init (&middle_recorder);
  recorder_init (&inner_recorder);
  record (&outer_recorder, outer);
  record (&middle_recorder, middle);
  record (&inner_recorder, inner);
  g_assert_false (synchronous ? gp_pipeline_run (outer, NULL, NULL)
                              : gp_test_run_pipeline (outer, NULL, NULL));

  g_assert_cmpstr (inner_recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed a\n");
  gp_test_assert_contains (middle_recorder.text->str, "stage-started a\n");
  gp_test_assert_contains (middle_recorder.text->str, "stage-failed a\n");
  gp_test_assert_contains (middle_recorder.text->str, "stage-started inner\n");
  g_assert_true (g_str_has_suffix (middle_recorder.text->str,
                                   "stage-failed inner\npipeline-failed inner\n"));
  g_assert_cmpuint (middle_recorder.events->len, ==, 5);
  g_assert_true (g_str_has_suffix (outer_recorder.text->str,
                                   "stage-failed middle\npipeline-failed middle\n"));
  g_assert_cmpuint (outer_recorder.events->len, ==, 7);
  g_assert_cmpuint (count_kind (&outer_recorder, GP_EVENT_KIND_PIPELINE_FAILED), ==, 1);
  g_assert_true (gp_event_get_stage (get_event (&outer_recorder, 0)) == GP_STAGE (command));
  /* It is the very same. */
  g_assert_true (get_event (&outer_recorder, 0) == get_event (&inner_recorder, 0));
}

static void
name_cb (GpPipeline *pipeline,
         GpEvent    *event,
         gpointer    data)
{
  const char *name = gp_pipeline_get_name (pipeline);

  g_string_append_printf (data, "%s ", name != NULL ? name : "outer");
}

/* Each event goes all the way from the inside to the outside before the next one comes. */
static void
test_nested_order (void)
{
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  GpPipeline *middle = append_nested (outer, "middle");
  GpPipeline *inner = append_nested (middle, "inner");
  g_autoptr (GString) names = g_string_new (NULL);

  append_function (inner, "a", nothing_func);
  g_signal_connect (inner, "event", G_CALLBACK (name_cb), names);
  g_signal_connect (middle, "event", G_CALLBACK (name_cb), names);
  g_signal_connect (outer, "event", G_CALLBACK (name_cb), names);
  g_assert_true (gp_test_run_pipeline (outer, NULL, NULL));
  g_assert_true (g_str_has_prefix (names->str, "inner middle outer "));
  g_assert_cmpuint (names->len, ==, strlen ("inner middle outer ") * 2 +
                                    strlen ("middle outer ") * 2 + strlen ("outer ") * 2);
}

/* Only the outermost one listens. */
static void
test_nested_heard_outside (void)
{
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  GpPipeline *middle = append_nested (outer, "middle");
  GpPipeline *inner = append_nested (middle, "inner");
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  append_function (inner, "a", nothing_func);
  g_signal_connect (outer, "event::stage-finished", G_CALLBACK (event_cb), &recorder);
  g_assert_true (gp_test_run_pipeline (outer, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-finished a\nstage-finished inner\nstage-finished middle\n");
}

static void
test_nested_start_failed (void)
{
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  GpPipeline *inner = append_nested (outer, "inner");
  g_auto (Recorder) recorder;
  g_auto (Recorder) inner_recorder;

  recorder_init (&recorder);
  recorder_init (&inner_recorder);
  gp_command_stage_set_name (gp_pipeline_append_command (inner, "/nonexistent", NULL), "a");
  record (&recorder, outer);
  record (&inner_recorder, inner);
  g_assert_false (gp_test_run_pipeline (outer, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "start-failed a\nstart-failed inner\npipeline-failed inner\n");
  g_assert_cmpstr (inner_recorder.text->str, ==, "start-failed a\npipeline-failed a\n");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/event-failures/outcome/%s", rows[i].stages);

      gp_test_add_data (path, &rows[i], test_outcome);
    }
  for (guint i = 0; i < N_MIXED; i++)
    {
      g_autofree char *path = g_strdup_printf ("/event-failures/start/%u", i);

      gp_test_add_data (path, GUINT_TO_POINTER (i), test_start_failed);
    }
  gp_test_add ("/event-failures/invalid", test_invalid);
  gp_test_add_data ("/event-failures/cancelled", GINT_TO_POINTER (FALSE), test_cancelled);
  gp_test_add_data ("/event-failures/timed-out", GINT_TO_POINTER (TRUE), test_cancelled);
  gp_test_add ("/event-failures/cancelled/while-starting", test_cancelled_while_starting);
  gp_test_add ("/event-failures/abandoned", test_abandoned);
  gp_test_add ("/event-failures/start-never-complete", test_start_never_complete);
  gp_test_add_data ("/event-failures/nested", GINT_TO_POINTER (FALSE), test_nested);
  gp_test_add_data ("/event-failures/nested/synchronous", GINT_TO_POINTER (TRUE), test_nested);
  gp_test_add ("/event-failures/nested/order", test_nested_order);
  gp_test_add ("/event-failures/nested/heard-outside", test_nested_heard_outside);
  gp_test_add ("/event-failures/nested/start-failed", test_nested_start_failed);
  return gp_test_run ();
}
