/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

/* A stage class as an application writes it: it counts bytes while it copies. */
#define TEST_TYPE_COUNTER (test_counter_get_type ())
G_DECLARE_FINAL_TYPE (TestCounter, test_counter, TEST, COUNTER, GpThreadStage)

struct _TestCounter
{
  GpThreadStage parent_instance;

  guint64 n_bytes;
  GThread *thread;
  GError *error; /* to end with; owned, (nullable) */
  gboolean forgets_error;
};

G_DEFINE_FINAL_TYPE (TestCounter, test_counter, GP_TYPE_THREAD_STAGE)

static gboolean
test_counter_process (GpThreadStage   *stage,
                      GpStageContext  *context,
                      GCancellable    *cancellable,
                      GError         **error)
{
  TestCounter *self = TEST_COUNTER (stage);
  GInputStream *input = gp_stage_context_get_stdin (context);
  GOutputStream *output = gp_stage_context_get_stdout (context);
  guint8 buffer[1000];
  gssize n = 0;

  self->thread = g_thread_self ();
  while (input != NULL && (n = g_input_stream_read (input, buffer, sizeof buffer, cancellable, error)) > 0)
    {
      self->n_bytes += (guint64) n;
      if (output != NULL && !g_output_stream_write_all (output, buffer, (gsize) n, NULL, cancellable, error))
        return FALSE;
    }
  if (n < 0)
    return FALSE;
  if (self->error != NULL)
    g_propagate_error (error, g_error_copy (self->error));
  return self->error == NULL && !self->forgets_error;
}

static void
test_counter_finalize (GObject *object)
{
  g_clear_error (&TEST_COUNTER (object)->error);
  G_OBJECT_CLASS (test_counter_parent_class)->finalize (object);
}

static void
test_counter_class_init (TestCounterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_counter_finalize;
  GP_THREAD_STAGE_CLASS (klass)->process = test_counter_process;
}

static void
test_counter_init (TestCounter *self)
{
}

static TestCounter *
add_counter (GpPipeline *pipeline)
{
  TestCounter *self = gp_test_watch (g_object_new (TEST_TYPE_COUNTER, NULL));

  gp_pipeline_append (pipeline, GP_STAGE (self));
  return self;
}

static void
test_in_the_middle (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;
  TestCounter *counter;

  gp_test_add_child (pipeline, "cat", NULL);
  counter = add_counter (pipeline);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, "twelve bytes");
  g_assert_cmpstr (output, ==, "twelve bytes");
  g_assert_cmpuint (counter->n_bytes, ==, 12);
  g_assert_true (counter->thread != g_thread_self ());
}

static void
test_alone (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestCounter *counter = add_counter (pipeline);
  g_autoptr (GError) error = NULL;

  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (counter->n_bytes, ==, 0);
}

static void
test_needs_no_main_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  add_counter (pipeline);
  g_assert_true (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_no_error (error);
}

static void
test_name_and_preferences (void)
{
  g_autoptr (GpStage) stage = gp_test_watch (g_object_new (TEST_TYPE_COUNTER, NULL));
  g_autofree char *name = gp_stage_get_name (stage);
  GpIOPreference in;
  GpIOPreference out;

  g_assert_cmpstr (name, ==, "TestCounter");
  gp_stage_preferences (stage, &in, &out);
  g_assert_cmpint (in, ==, GP_IO_ANY);
  g_assert_cmpint (out, ==, GP_IO_ANY);
}

static void
test_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  add_counter (pipeline)->error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  gp_test_assert_message (error, "TestCounter: full");
}

static void
test_false_without_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  add_counter (pipeline)->forgets_error = TRUE;
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "TestCounter");
}

static void
test_reads_callers_stream (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (5000, FALSE);
  TestCounter *counter = add_counter (pipeline);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (counter->n_bytes, ==, 5000);
}

static void
test_cancelled_while_reading (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (5000, TRUE);
  g_autoptr (GError) error = NULL;

  add_counter (pipeline);
  gp_pipeline_set_stdin (pipeline, input);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the read to block", gp_test_source_is_blocked, input);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/thread-stage/in-the-middle", test_in_the_middle);
  gp_test_add ("/thread-stage/alone", test_alone);
  gp_test_add ("/thread-stage/needs-no-main-context", test_needs_no_main_context);
  gp_test_add ("/thread-stage/name-and-preferences", test_name_and_preferences);
  gp_test_add ("/thread-stage/error", test_error);
  gp_test_add ("/thread-stage/false-without-error", test_false_without_error);
  gp_test_add ("/thread-stage/reads-callers-stream", test_reads_callers_stream);
  gp_test_add ("/thread-stage/cancelled-while-reading", test_cancelled_while_reading);
  return gp_test_run ();
}
