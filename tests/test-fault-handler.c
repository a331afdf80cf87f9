/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* What becomes of a stage that breaks the rules of its interface */

typedef struct
{
  GpErrorAction  action;
  GError        *error; /* or NULL */
  GString       *seen;  /* "name: message" of each, in lines */
  GpStage       *stage; /* (unowned) the last one */
  guint          n_calls;
  guint          n_destroyed;
  GThread       *thread;
} Handler;

static gboolean
is_destroyed (gpointer data)
{
  return ((Handler *) data)->n_destroyed > 0;
}

/* The pipeline was dropped, but whoever has run it may hold it a little longer. */
static void
handler_clear (Handler *self)
{
  gp_test_wait_until ("the data to be freed", is_destroyed, self);
  g_assert_cmpuint (self->n_destroyed, ==, 1);
  g_clear_error (&self->error);
  g_string_free (self->seen, TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Handler, handler_clear)

static GpErrorAction
handler_func (GpStage     *stage,
              const char  *message,
              gpointer     user_data,
              GError     **error)
{
  Handler *self = user_data;
  g_autofree char *name = gp_stage_get_name (stage);

  g_assert_true (g_utf8_validate (message, -1, NULL));
  g_string_append_printf (self->seen, "%s: %s\n", name, message);
  self->n_calls++;
  self->stage = stage;
  self->thread = g_thread_self ();
  if (self->error != NULL)
    g_propagate_error (error, g_error_copy (self->error));
  return self->action;
}

static void
destroy_func (gpointer user_data)
{
  ((Handler *) user_data)->n_destroyed++;
}

static void
handler_init (Handler       *self,
              GpPipeline    *pipeline,
              GpErrorAction  action)
{
  *self = (Handler) { .action = action, .seen = g_string_new (NULL) };
  gp_pipeline_set_fault_handler (pipeline, handler_func, self, destroy_func);
}

/* --- Kinds of faults -------------------------------------------------------------------------- */

static gboolean
nothing_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  return FALSE;
}

static gboolean
both_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "both");
  return TRUE;
}

/* As an exception of another language arrives */
static gboolean
exception_func (GInputStream    *input,
                GOutputStream   *output,
                GpStageContext  *context,
                gpointer         user_data,
                GError         **error)
{
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT, "ValueError: no \xff");
  return FALSE;
}

static GpStage *
function (const char *name,
          GpFunction  func)
{
  return GP_STAGE (gp_function_stage_new (name, func, NULL, NULL));
}

static GpStage *
make_fault (void)
{
  return GP_STAGE (gp_test_probe_new ("stage", GP_TEST_END_FAULT));
}

static GpStage *
make_drop (void)
{
  return GP_STAGE (gp_test_probe_new ("stage", GP_TEST_END_DROP));
}

static GpStage *
make_run_nothing (void)
{
  return GP_STAGE (gp_test_probe_new ("stage", GP_TEST_END_RUN_NOTHING));
}

static GpStage *
make_run_both (void)
{
  return GP_STAGE (gp_test_probe_new ("stage", GP_TEST_END_RUN_BOTH));
}

static GpStage *
make_nothing (void)
{
  return function ("stage", nothing_func);
}

static GpStage *
make_both (void)
{
  return function ("stage", both_func);
}

static GpStage *
make_exception (void)
{
  return function ("stage", exception_func);
}

typedef struct
{
  const char  *path;
  GpStage   *(*make) (void);
  const char  *message;
  gboolean     fit; /* for synchronous calls */
} Row;

static const Row rows[] = {
  { "told", make_fault, "told by the test", FALSE },
  { "dropped", make_drop, "the stage dropped its context without reporting its end", FALSE },
  { "run-nothing", make_run_nothing, "run () returned FALSE without an error", FALSE },
  { "run-both", make_run_both, "run () returned TRUE and set an error", FALSE },
  { "nothing", make_nothing, "the function returned FALSE without an error", TRUE },
  { "both", make_both, "the function returned TRUE and set an error", TRUE },
  { "exception", make_exception, "ValueError: no \xef\xbf\xbd", TRUE },
};

static gboolean
run (GpPipeline  *pipeline,
     gboolean     blocking,
     GError     **error)
{
  return blocking ? gp_pipeline_run (pipeline, NULL, error)
                  : gp_test_run_pipeline (pipeline, NULL, error);
}

static void
test_without_handler (gconstpointer data)
{
  const Row *row = data;

  for (int blocking = 0; blocking <= row->fit; blocking++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *message = g_strconcat ("stage: ", row->message, NULL);

      gp_pipeline_append (pipeline, row->make ());
      g_assert_false (run (pipeline, blocking, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      gp_test_assert_message (error, message);
    }
}

static void
test_keep (gconstpointer data)
{
  const Row *row = data;

  for (int blocking = 0; blocking <= row->fit; blocking++)
    {
      g_auto (Handler) handler = { 0, };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *message = g_strconcat ("stage: ", row->message, NULL);
      g_autofree char *line = g_strconcat (message, "\n", NULL);
      GpStage *stage = row->make ();

      handler_init (&handler, pipeline, GP_ERROR_ACTION_KEEP);
      gp_pipeline_append (pipeline, stage);
      g_assert_false (run (pipeline, blocking, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      gp_test_assert_message (error, message);
      g_assert_cmpstr (handler.seen->str, ==, line);
      g_assert_true (handler.stage == stage);
      g_assert_true (handler.thread == g_thread_self ());
    }
}

static void
test_replace (gconstpointer data)
{
  const Row *row = data;
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  handler_init (&handler, pipeline, GP_ERROR_ACTION_KEEP);
  handler.error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "handled");
  gp_pipeline_append (pipeline, row->make ());
  g_assert_false (run (pipeline, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  gp_test_assert_message (error, "stage: handled");
  g_assert_cmpuint (handler.n_calls, ==, 1);
}

static void
test_forgive (gconstpointer data)
{
  const Row *row = data;

  for (int blocking = 0; blocking <= row->fit; blocking++)
    {
      g_auto (Handler) handler = { 0, };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
      g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_close_stdin (pipeline, TRUE);
      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_set_close_stdout (pipeline, TRUE);
      handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
      gp_pipeline_append (pipeline, row->make ());
      g_assert_true (run (pipeline, blocking, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (handler.n_calls, ==, 1);
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)), ==,
                       GP_STAGE_STATE_SUCCEEDED);
      g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
      g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
    }
}

/* Reporting success in the middle of a write is a fault as well. */
static void
test_still_writing (void)
{
  g_auto (GpTestGate) gate = { 0, };
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) output = gp_test_gated_output_new (memory, &gate, NULL);
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_autoptr (GAsyncResult) result = NULL;

  gp_test_gate_init (&gate);
  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_set_stdout (pipeline, output);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_output_stream_write_async (gp_stage_context_get_stdout (gp_test_probe_get_context (probe)),
                               "text", 4, 0, NULL, gp_test_result_cb, &result);
  gp_test_wait_until ("the write", gp_test_gate_is_waited_at, &gate);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpstr (handler.seen->str, ==,
                   "probe: the stage reported success while it was still writing\n");
  gp_test_gate_open (&gate);
  gp_test_await ("the write", &result);
}

static void
test_replace_by_finish_early (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  handler_init (&handler, pipeline, GP_ERROR_ACTION_KEEP);
  handler.error = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "enough");
  gp_test_add_child (pipeline, "spew", "100000000", NULL);
  gp_pipeline_append (pipeline, make_exception ());
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1)), ==,
                   GP_STAGE_STATE_FINISHED_EARLY);
}

static void
test_only_faults (void)
{
  static const GpTestEnd ends[] = {
    GP_TEST_END_SUCCESS, GP_TEST_END_ERROR, GP_TEST_END_FINISH_EARLY, GP_TEST_END_PIPE,
    GP_TEST_END_RUN_ERROR,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_auto (Handler) handler = { 0, };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

      handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
      gp_test_add_probe (pipeline, "probe", ends[i]);
      gp_test_add_child (pipeline, "exit", "3", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpuint (handler.n_calls, ==, 0);
    }
}

static void
test_several_faults (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    gp_pipeline_append (pipeline, rows[i].make ());
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (handler.n_calls, ==, G_N_ELEMENTS (rows));
}

/* --- Decorators ------------------------------------------------------------------------------- */

typedef struct
{
  guint          n_calls;
  GpErrorAction  action;
  GError        *seen;
} Filter;

static GpErrorAction
filter_func (const GError  *error,
             gpointer       user_data,
             GError       **replacement)
{
  Filter *self = user_data;

  self->n_calls++;
  g_clear_error (&self->seen);
  self->seen = g_error_copy (error);
  return self->action;
}

/* The handler comes first, and filters see what it has made of the fault. */
static void
test_stack (gconstpointer data)
{
  gboolean handler_forgives = GPOINTER_TO_INT (data);
  g_auto (Handler) handler = { 0, };
  Filter filter = { 0, GP_ERROR_ACTION_FORGIVE, NULL };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpStage *stage = make_exception ();

  handler_init (&handler, pipeline,
                handler_forgives ? GP_ERROR_ACTION_FORGIVE : GP_ERROR_ACTION_KEEP);
  if (!handler_forgives)
    handler.error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "handled");
  stage = GP_STAGE (gp_error_filter_stage_new_ignoring (stage, gp_error_matcher_new_pipe ()));
  stage = GP_STAGE (gp_error_filter_stage_new (stage, filter_func, &filter, NULL));
  stage = GP_STAGE (gp_error_filter_stage_new_ignoring (stage, gp_error_matcher_new_pipe ()));
  gp_pipeline_append (pipeline, stage);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (handler.n_calls, ==, 1);
  /* The stage that was appended, as in events and the status */
  g_assert_true (handler.stage == stage);
  g_assert_cmpuint (filter.n_calls, ==, !handler_forgives);
  if (!handler_forgives)
    gp_test_assert_message (filter.seen, "stage: handled");
  g_clear_error (&filter.seen);
}

/* --- Nested pipelines ------------------------------------------------------------------------- */

static void
test_inherited (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *middle = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStage *stage = make_exception ();

  handler_init (&handler, pipeline, GP_ERROR_ACTION_KEEP);
  gp_pipeline_append (inner, stage);
  gp_pipeline_append (middle, GP_STAGE (gp_memory_watch_stage_new (GP_STAGE (inner), 0)));
  gp_pipeline_append_command (inner, gp_test_child (), "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (middle));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  /* Once, where it happened, and not again for each pipeline around it */
  g_assert_cmpuint (handler.n_calls, ==, 1);
  g_assert_true (handler.stage == stage);
}

static void
test_own (void)
{
  g_auto (Handler) outer_handler = { 0, };
  g_auto (Handler) inner_handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();

  handler_init (&outer_handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  handler_init (&inner_handler, inner, GP_ERROR_ACTION_KEEP);
  gp_pipeline_append (inner, make_exception ());
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (inner_handler.n_calls, ==, 1);
  g_assert_cmpuint (outer_handler.n_calls, ==, 0);
}

static void
test_own_only_inside (void)
{
  g_auto (Handler) inner_handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  handler_init (&inner_handler, inner, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_append (inner, make_exception ());
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  gp_pipeline_append (pipeline, function ("outer", nothing_func));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "outer: the function returned FALSE without an error");
  g_assert_cmpuint (inner_handler.n_calls, ==, 1);
}

/* --- The handler itself ----------------------------------------------------------------------- */

static void
test_replaced (void)
{
  g_auto (Handler) first = { 0, };
  g_auto (Handler) second = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  handler_init (&first, pipeline, GP_ERROR_ACTION_KEEP);
  handler_init (&second, pipeline, GP_ERROR_ACTION_FORGIVE);
  g_assert_cmpuint (first.n_destroyed, ==, 1);
  gp_pipeline_append (pipeline, make_exception ());
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (first.n_calls, ==, 0);
  g_assert_cmpuint (second.n_calls, ==, 1);
}

static void
test_removed (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_set_fault_handler (pipeline, NULL, NULL, NULL);
  g_assert_cmpuint (handler.n_destroyed, ==, 1);
  gp_pipeline_append (pipeline, make_exception ());
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  g_assert_cmpuint (handler.n_calls, ==, 0);
}

static void
test_sealed (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_append (pipeline, make_exception ());
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_begin_criticals ();
  gp_pipeline_set_fault_handler (pipeline, NULL, NULL, NULL);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 1);
}

static gpointer
run_in_thread (gpointer data)
{
  g_assert_true (gp_pipeline_run (data, NULL, NULL));
  return g_thread_self ();
}

static void
test_thread (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  gpointer thread;

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_append (pipeline, make_exception ());
  thread = g_thread_join (g_thread_new ("run", run_in_thread, pipeline));
  g_assert_true (handler.thread == thread);
}

/* A second report is no fault of the run, only a critical warning. */
static void
test_twice (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  handler_init (&handler, pipeline, GP_ERROR_ACTION_KEEP);
  gp_test_add_probe (pipeline, "probe", GP_TEST_END_TWICE);
  gp_test_begin_criticals ();
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 1);
  g_assert_cmpuint (handler.n_calls, ==, 0);
}

/* A stage that was given up is nobody's business any more. */
static void
test_given_up (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  gp_pipeline_set_abandon_delay (pipeline, 10);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_probe_end (probe, GP_TEST_END_FAULT);
  g_assert_cmpuint (handler.n_calls, ==, 0);
}

static void
add_rows (const char    *name,
          GTestDataFunc  func)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/fault-handler/%s/%s", name, rows[i].path);

      gp_test_add_data (path, &rows[i], func);
    }
}

static void
toggled_cb (gpointer  pipeline,
            GObject  *object,
            gboolean  is_last_ref)
{
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_RUNNING);
}

/* A language that hears of the first and the last reference may look at the pipeline meanwhile. */
static void
test_toggle (void)
{
  g_auto (Handler) handler = { 0, };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageContext *context;

  handler_init (&handler, pipeline, GP_ERROR_ACTION_FORGIVE);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  context = gp_test_probe_get_context (probe);
  g_object_add_toggle_ref (G_OBJECT (context), toggled_cb, pipeline);
  g_object_unref (context);
  gp_test_probe_end (probe, GP_TEST_END_FAULT);
  /* Until it is answered, the question holds the context. */
  g_object_ref (context);
  g_object_remove_toggle_ref (G_OBJECT (context), toggled_cb, pipeline);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpuint (handler.n_calls, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_rows ("without", test_without_handler);
  add_rows ("keep", test_keep);
  add_rows ("replace", test_replace);
  add_rows ("forgive", test_forgive);
  gp_test_add ("/fault-handler/still-writing", test_still_writing);
  gp_test_add ("/fault-handler/replace-by-finish-early", test_replace_by_finish_early);
  gp_test_add ("/fault-handler/only-faults", test_only_faults);
  gp_test_add ("/fault-handler/several-faults", test_several_faults);
  gp_test_add_data ("/fault-handler/stack/replaces", GINT_TO_POINTER (FALSE), test_stack);
  gp_test_add_data ("/fault-handler/stack/forgives", GINT_TO_POINTER (TRUE), test_stack);
  gp_test_add ("/fault-handler/nested/inherited", test_inherited);
  gp_test_add ("/fault-handler/nested/own", test_own);
  gp_test_add ("/fault-handler/nested/own-only-inside", test_own_only_inside);
  gp_test_add ("/fault-handler/replaced", test_replaced);
  gp_test_add ("/fault-handler/removed", test_removed);
  gp_test_add ("/fault-handler/sealed", test_sealed);
  gp_test_add ("/fault-handler/thread", test_thread);
  gp_test_add ("/fault-handler/twice", test_twice);
  gp_test_add ("/fault-handler/given-up", test_given_up);
  gp_test_add ("/fault-handler/toggle", test_toggle);
  return gp_test_run ();
}
