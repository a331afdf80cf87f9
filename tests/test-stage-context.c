/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* A pipeline with one stage that waits for what the test does with its context */
typedef struct
{
  GpPipeline     *pipeline;
  GpTestProbe    *probe;   /* the pipeline's */
  GpStageContext *context; /* owned */
} Running;

static void
running_start (Running *self)
{
  g_autoptr (GError) error = NULL;

  self->pipeline = gp_test_pipeline_new ();
  gp_pipeline_set_abandon_delay (self->pipeline, 1);
  self->probe = gp_test_add_probe (self->pipeline, "probe", GP_TEST_END_HOLD);
  gp_test_start (self->pipeline, NULL, &error);
  g_assert_no_error (error);
  self->context = g_object_ref (gp_test_probe_get_context (self->probe));
}

static void
running_clear (Running *self)
{
  g_clear_object (&self->context);
  if (gp_test_probe_get_context (self->probe) != NULL)
    gp_test_probe_end (self->probe, GP_TEST_END_HOLD);
  g_clear_object (&self->pipeline);
}

static void
test_nothing_connected (void)
{
  Running running;

  running_start (&running);
  g_assert_null (gp_stage_context_get_stdin (running.context));
  g_assert_null (gp_stage_context_get_stdout (running.context));
  gp_stage_context_close_stdin (running.context);
  gp_stage_context_close_stdout (running.context);
  gp_stage_context_return_success (running.context);
  g_assert_true (gp_test_wait (running.pipeline, NULL));
  running_clear (&running);
}

static void
test_directory_and_environ (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  static const char *const environment[] = { "A=1", "B=x=y", NULL };
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  GpStageContext *context;
  g_auto (GStrv) got = NULL;

  gp_pipeline_set_directory (pipeline, "/tmp");
  gp_pipeline_set_environ (pipeline, environment);
  gp_pipeline_setenv (pipeline, "C", "3", TRUE);
  gp_pipeline_unsetenv (pipeline, "A");
  gp_test_start (pipeline, NULL, NULL);
  context = gp_test_probe_get_context (probe);
  g_assert_cmpstr (gp_stage_context_get_directory (context), ==, "/tmp");
  got = gp_stage_context_dup_environ (context);
  g_assert_cmpstr (g_environ_getenv (got, "B"), ==, "x=y");
  g_assert_cmpstr (g_environ_getenv (got, "C"), ==, "3");
  g_assert_null (g_environ_getenv (got, "A"));
  g_assert_cmpuint (g_strv_length (got), ==, 2);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

static void
test_default_environ (void)
{
  Running running;
  g_auto (GStrv) got = NULL;

  g_setenv ("GP_TEST_INHERITED", "yes", TRUE);
  running_start (&running);
  got = gp_stage_context_dup_environ (running.context);
  g_assert_cmpstr (g_environ_getenv (got, "GP_TEST_INHERITED"), ==, "yes");
  g_assert_null (gp_stage_context_get_directory (running.context));
  gp_stage_context_return_success (running.context);
  g_assert_true (gp_test_wait (running.pipeline, NULL));
  running_clear (&running);
  g_unsetenv ("GP_TEST_INHERITED");
}

static void
test_cancellable (void)
{
  Running running;
  g_autoptr (GError) error = NULL;
  GCancellable *cancellable;

  running_start (&running);
  cancellable = gp_stage_context_get_cancellable (running.context);
  g_assert_true (G_IS_CANCELLABLE (cancellable));
  g_assert_false (g_cancellable_is_cancelled (cancellable));
  gp_pipeline_cancel (running.pipeline);
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  /* The stage has been given up; its report is too late, but no mistake */
  gp_stage_context_return_success (running.context);
  running_clear (&running);
}

/* What comes before a stage may still go wrong as long as it runs. */
static void
test_input_state (void)
{
  static const GpTestEnd ends[] = { GP_TEST_END_SUCCESS, GP_TEST_END_ERROR };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpTestProbe *first = gp_test_add_probe (pipeline, "first", GP_TEST_END_HOLD);
      GpTestProbe *second = gp_test_add_probe (pipeline, "second", GP_TEST_END_HOLD);
      GpStageContext *context;

      gp_test_start (pipeline, NULL, NULL);
      context = gp_test_probe_get_context (first);
      g_assert_cmpint (gp_stage_context_get_input_state (context), ==, GP_INPUT_STATE_COMPLETE);
      context = gp_test_probe_get_context (second);
      g_assert_cmpint (gp_stage_context_get_input_state (context), ==, GP_INPUT_STATE_UNKNOWN);
      gp_test_probe_end (first, ends[i]);
      g_assert_cmpint (gp_stage_context_get_input_state (context), ==,
                       i == 0 ? GP_INPUT_STATE_COMPLETE : GP_INPUT_STATE_PARTIAL);
      gp_test_probe_end (second, GP_TEST_END_SUCCESS);
      g_assert_cmpint (gp_test_wait (pipeline, NULL), ==, i == 0);
    }
}

static void
test_error_is_copied (void)
{
  Running running;
  g_autoptr (GError) given = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no room");
  g_autoptr (GError) error = NULL;

  running_start (&running);
  gp_stage_context_return_error (running.context, given);
  g_assert_cmpstr (given->message, ==, "no room");
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_cmpstr (error->message, ==, "probe: no room");
  running_clear (&running);
}

static void
test_fault_message (void)
{
  Running running;
  g_autoptr (GError) error = NULL;

  running_start (&running);
  gp_stage_context_return_fault (running.context, "ValueError in line 3");
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "probe");
  gp_test_assert_contains (error->message, "ValueError in line 3");
  running_clear (&running);
}

static void
test_message_becomes_valid (void)
{
  Running running;
  g_autoptr (GError) given = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "caf\xe9");
  g_autoptr (GError) error = NULL;

  running_start (&running);
  gp_stage_context_return_error (running.context, given);
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  gp_test_assert_contains (error->message, "caf");
  running_clear (&running);
}

static void
test_reported_twice (void)
{
  Running running;
  g_autofree char *text = NULL;

  running_start (&running);
  gp_test_begin_criticals ();
  gp_stage_context_return_success (running.context);
  gp_stage_context_return_fault (running.context, "second");
  g_assert_cmpuint (gp_test_end_criticals (&text), ==, 1);
  gp_test_assert_contains (text, "probe");
  /* The first report counts */
  g_assert_true (gp_test_wait (running.pipeline, NULL));
  running_clear (&running);
}

static void
test_dropped (void)
{
  Running running;
  g_autoptr (GError) error = NULL;

  running_start (&running);
  g_clear_object (&running.context);
  gp_test_probe_end (running.probe, GP_TEST_END_HOLD);
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "probe");
  running_clear (&running);
}

static gpointer
report_thread (gpointer data)
{
  GpStageContext *context = data;

  gp_stage_context_close_stdin (context);
  gp_stage_context_close_stdout (context);
  gp_stage_context_return_success (context);
  g_object_unref (context);
  return NULL;
}

static void
test_from_another_thread (void)
{
  Running running;
  GThread *thread;

  running_start (&running);
  thread = g_thread_new ("reporter", report_thread, g_steal_pointer (&running.context));
  g_assert_true (gp_test_wait (running.pipeline, NULL));
  g_thread_join (thread);
  running_clear (&running);
}

/* The last reference, in another thread */
static gpointer
drop_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static void
test_dropped_in_another_thread (void)
{
  Running running;
  g_autoptr (GError) error = NULL;
  GThread *thread;

  running_start (&running);
  gp_test_probe_end (running.probe, GP_TEST_END_HOLD);
  thread = g_thread_new ("dropper", drop_thread, g_steal_pointer (&running.context));
  g_assert_false (gp_test_wait (running.pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  g_thread_join (thread);
  running_clear (&running);
}

static void
test_after_cancel (void)
{
  Running running;
  g_autoptr (GError) error = NULL;

  running_start (&running);
  gp_pipeline_cancel (running.pipeline);
  gp_stage_context_return_success (running.context);
  gp_test_wait (running.pipeline, &error);
  if (error != NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  running_clear (&running);
}

/* Longer than its run, and longer than its pipeline */
static void
test_outlives_its_run (void)
{
  Running running;
  g_autoptr (GpStageContext) context = NULL;

  running_start (&running);
  gp_stage_context_return_success (running.context);
  g_assert_true (gp_test_wait (running.pipeline, NULL));
  context = g_object_ref (running.context);
  running_clear (&running);
  g_clear_pointer (&context, g_object_unref);
}

static void
test_closed_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *left = gp_test_add_probe (pipeline, "left", GP_TEST_END_HOLD);
  GpTestProbe *right = gp_test_add_probe (pipeline, "right", GP_TEST_END_HOLD);
  GpStageContext *contexts[2];
  GInputStream *input;
  GOutputStream *output;
  char byte;

  gp_test_start (pipeline, NULL, NULL);
  contexts[0] = gp_test_probe_get_context (left);
  contexts[1] = gp_test_probe_get_context (right);
  output = gp_stage_context_get_stdout (contexts[0]);
  input = gp_stage_context_get_stdin (contexts[1]);
  g_assert_true (g_output_stream_write_all (output, "x", 1, NULL, NULL, NULL));
  for (int i = 0; i < 3; i++)
    {
      gp_stage_context_close_stdout (contexts[0]);
      gp_stage_context_close_stdin (contexts[0]);
    }
  g_assert_cmpint (g_input_stream_read (input, &byte, 1, NULL, NULL), ==, 1);
  g_assert_cmpint (g_input_stream_read (input, &byte, 1, NULL, NULL), ==, 0);
  gp_stage_context_close_stdin (contexts[1]);
  gp_stage_context_close_stdin (contexts[1]);
  gp_test_probe_end (left, GP_TEST_END_SUCCESS);
  gp_test_probe_end (right, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* A stage that has closed a given stream is not writing any more, however long the closing takes. */
static void
test_closed_slowly (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_auto (GpTestGate) gate;

  gp_test_gate_init (&gate);
  output = gp_test_gated_output_new (sink, NULL, &gate);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_stage_context_close_stdout (gp_test_probe_get_context (probe));
  gp_test_wait_until ("the close to block", gp_test_gate_is_waited_at, &gate);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  gp_test_gate_open (&gate);
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_closes (sink), ==, 1);
}

static void
test_left_open (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
  g_autofree char *output = NULL;

  gp_test_probe_set_close (probe, FALSE);
  gp_test_add_child (pipeline, "cat", NULL);
  /* It ends only when the probe's output was closed for it */
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "");
}

static void
test_null_arguments (void)
{
  gp_test_begin_criticals ();
  g_assert_null (gp_stage_context_get_stdin (NULL));
  g_assert_null (gp_stage_context_get_stdout (NULL));
  gp_stage_context_return_success (NULL);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 3);
}

static gboolean
return_nothing_func (GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  gp_stage_context_return_error (context, NULL);

  return TRUE;
}

static void
test_error_without_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("mute", return_nothing_func, NULL, NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "without an error");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/stage-context/nothing-connected", test_nothing_connected);
  gp_test_add ("/stage-context/directory-and-environ", test_directory_and_environ);
  gp_test_add ("/stage-context/default-environ", test_default_environ);
  gp_test_add ("/stage-context/cancellable", test_cancellable);
  gp_test_add ("/stage-context/input-state", test_input_state);
  gp_test_add ("/stage-context/error-is-copied", test_error_is_copied);
  gp_test_add ("/stage-context/fault-message", test_fault_message);
  gp_test_add ("/stage-context/message-becomes-valid", test_message_becomes_valid);
  gp_test_add ("/stage-context/reported-twice", test_reported_twice);
  gp_test_add ("/stage-context/dropped", test_dropped);
  gp_test_add ("/stage-context/from-another-thread", test_from_another_thread);
  gp_test_add ("/stage-context/dropped-in-another-thread", test_dropped_in_another_thread);
  gp_test_add ("/stage-context/after-cancel", test_after_cancel);
  gp_test_add ("/stage-context/outlives-its-run", test_outlives_its_run);
  gp_test_add ("/stage-context/closed-twice", test_closed_twice);
  gp_test_add ("/stage-context/closed-slowly", test_closed_slowly);
  gp_test_add ("/stage-context/left-open", test_left_open);
  gp_test_add ("/stage-context/null-arguments", test_null_arguments);
  gp_test_add ("/stage-context/error-without-error", test_error_without_error);
  return gp_test_run ();
}
