/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

typedef struct
{
  guint   n_calls;
  GError *error;
} Told;

/* Copies with asynchronous calls, and reports when done */
static void
spliced_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GpStageContext) context = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_success (context);
}

static gboolean
copy_func (GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  Told *told = user_data;

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  if (told != NULL)
    told->n_calls++;
  g_output_stream_splice_async (gp_stage_context_get_stdout (context),
                                gp_stage_context_get_stdin (context),
                                G_OUTPUT_STREAM_SPLICE_NONE,
                                G_PRIORITY_DEFAULT,
                                gp_stage_context_get_cancellable (context),
                                spliced_cb,
                                g_object_ref (context));
  return TRUE;
}

static gboolean
fail_func (GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  Told *told = user_data;

  if (told->error != NULL)
    g_propagate_error (error, g_error_copy (told->error));
  return FALSE;
}

static gboolean
forget_func (GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  return TRUE;
}

static gboolean
both_func (GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "forgotten");
  return TRUE;
}

static void
append_async (GpPipeline      *pipeline,
              const char      *name,
              GpAsyncFunction  func,
              gpointer         user_data)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_test_watch (gp_async_stage_new (name, func, user_data, NULL))));
}

static void
test_positions (void)
{
  static const char *const rows[] = { "a", "ca", "ac", "cac", "aa" };
  g_autofree char *text = g_strnfill (100000, 'x');

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      for (const char *p = rows[i]; *p != '\0'; p++)
        {
          if (*p == 'a')
            append_async (pipeline, "copy", copy_func, NULL);
          else
            gp_test_add_child (pipeline, "cat", NULL);
        }
      output = gp_test_output_of (pipeline, text);
      g_assert_cmpstr (output, ==, text);
    }
}

static void
test_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) given = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
  Told told = { 0, given };

  append_async (pipeline, "failing", fail_func, &told);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  gp_test_assert_message (error, "failing: full");
}

static void
test_faults (void)
{
  static const GpAsyncFunction funcs[] = { fail_func, forget_func, both_func };
  Told told = { 0, NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      append_async (pipeline, "wild", funcs[i], &told);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      gp_test_assert_contains (error->message, "wild");
    }
}

static void
test_needs_main_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) communicating = gp_test_pipeline_new ();
  g_autoptr (GError) run_error = NULL;
  g_autoptr (GError) communicate_error = NULL;
  Told told = { 0, NULL };

  append_async (pipeline, "async", copy_func, &told);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &run_error));
  g_assert_error (run_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  gp_test_assert_contains (run_error->message, "async");
  append_async (communicating, "async", copy_func, &told);
  g_assert_null (gp_pipeline_communicate (communicating, NULL, NULL, &communicate_error));
  g_assert_error (communicate_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  g_assert_cmpuint (told.n_calls, ==, 0);
}

static void
test_cancel (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Told told = { 0, NULL };

  gp_test_add_child (pipeline, "wait", NULL);
  append_async (pipeline, "copy", copy_func, &told);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (told.n_calls, ==, 1);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* Called in the context of whoever started it, also if that is not the default one */
static gboolean
check_context_func (GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  gp_stage_context_return_success (context);
  g_assert_true (g_main_context_is_owner (user_data));
  g_assert_true (g_main_context_get_thread_default () == user_data);
  return TRUE;
}

static void
test_other_context (void)
{
  g_autoptr (GMainContext) other = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GpPipeline *pipeline = gp_test_pipeline_new ();

  g_main_context_push_thread_default (other);
  append_async (pipeline, "async", check_context_func, other);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (other, TRUE);
  g_assert_true (gp_pipeline_run_finish (pipeline, result, &error));
  g_assert_no_error (error);
  g_clear_object (&result);
  g_object_unref (pipeline);
  while (g_main_context_iteration (other, FALSE))
    continue;
  g_main_context_pop_thread_default (other);
}

/* As bindings can make one that know nothing of the constructor */
static void
test_without_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, g_object_new (GP_TYPE_ASYNC_STAGE, NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/async-stage/positions", test_positions);
  gp_test_add ("/async-stage/error", test_error);
  gp_test_add ("/async-stage/faults", test_faults);
  gp_test_add ("/async-stage/needs-main-context", test_needs_main_context);
  gp_test_add ("/async-stage/cancel", test_cancel);
  gp_test_add ("/async-stage/other-context", test_other_context);
  gp_test_add ("/async-stage/without-function", test_without_function);
  return gp_test_run ();
}
