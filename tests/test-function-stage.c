/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <unistd.h>

#define N_WAITERS 200

static gboolean
upper_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  char buffer[100];
  gssize n;

  while ((n = g_input_stream_read (input, buffer, sizeof buffer, cancellable, error)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        buffer[i] = g_ascii_toupper (buffer[i]);
      if (!g_output_stream_write_all (output, buffer, (gsize) n, NULL, cancellable, error))
        return FALSE;
    }
  return n == 0;
}

static void
test_positions (void)
{
  /* "u" makes letters upper case, "c" is a command that copies */
  static const char *const rows[] = { "u", "cu", "uc", "cuc", "uu", "ucu", "cuuc" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      for (const char *p = rows[i]; *p != '\0'; p++)
        {
          if (*p == 'u')
            gp_test_add_function (pipeline, "upper", upper_func, NULL);
          else
            gp_test_add_child (pipeline, "cat", NULL);
        }
      output = gp_test_output_of (pipeline, "some words\n");
      g_assert_cmpstr (output, ==, "SOME WORDS\n");
    }
}

/* Nothing connected: the input is at its end, and the output takes everything */
static gboolean
unconnected_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  gsize *n_written = user_data;
  static char big[300000];
  char byte;

  if (gp_stage_context_get_stdin (context) != NULL || gp_stage_context_get_stdout (context) != NULL)
    return FALSE;
  if (input == NULL || output == NULL)
    return FALSE;
  if (g_input_stream_read (input, &byte, 1, NULL, error) != 0)
    return FALSE;
  return g_output_stream_write_all (output, big, sizeof big, n_written, NULL, error);
}

static void
test_unconnected (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  gsize n_written = 0;

  gp_test_add_function (pipeline, "unconnected", unconnected_func, &n_written);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_written, ==, 300000);
}

static gboolean
last_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return g_output_stream_splice (output, input, G_OUTPUT_STREAM_SPLICE_NONE, NULL, error) >= 0;
}

static void
test_last_without_stdout (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "spew", "1000000", NULL);
  gp_test_add_function (pipeline, "last", last_func, NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
end_func (GInputStream    *input,
          GOutputStream   *output,
          GpStageContext  *context,
          gpointer         user_data,
          GError         **error)
{
  const GError *given = user_data;

  g_output_stream_write_all (output, "before\n", 7, NULL, NULL, NULL);
  if (given != NULL)
    g_propagate_error (error, g_error_copy (given));
  return FALSE;
}

static void
test_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) given = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_function (pipeline, "writer", end_func, given);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_null (gp_test_communicate (pipeline, NULL, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  gp_test_assert_message (error, "writer: full");
  /* What came before the error stays readable */
  output = gp_pipeline_dup_output (pipeline);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), "before\n", 7);
}

static void
test_false_without_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_function (pipeline, "forgetful", end_func, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "forgetful");
}

static gboolean
true_with_error_func (GInputStream    *input,
                      GOutputStream   *output,
                      GpStageContext  *context,
                      gpointer         user_data,
                      GError         **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "forgotten");
  return TRUE;
}

static void
test_true_with_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_function (pipeline, "confused", true_with_error_func, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
  gp_test_assert_contains (error->message, "confused");
}

static gboolean
early_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  char buffer[5];
  gsize n;

  if (!g_input_stream_read_all (input, buffer, sizeof buffer, &n, NULL, error)
      || !g_output_stream_write_all (output, buffer, n, NULL, NULL, error))
    return FALSE;
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "had enough");
  return FALSE;
}

static gboolean
pattern_forever_func (GInputStream    *input,
                      GOutputStream   *output,
                      GpStageContext  *context,
                      gpointer         user_data,
                      GError         **error)
{
  while (g_output_stream_write_all (output, "12345", 5, NULL, NULL, error))
    continue;
  return FALSE;
}

static void
test_finish_early (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      if (i == 0)
        gp_test_add_child (pipeline, "spew", NULL);
      else
        gp_test_add_function (pipeline, "forever", pattern_forever_func, NULL);
      gp_test_add_function (pipeline, "early", early_func, NULL);
      output = gp_test_output_of (pipeline, NULL);
      if (i == 1)
        g_assert_cmpstr (output, ==, "12345");
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1)), ==,
                       GP_STAGE_STATE_FINISHED_EARLY);
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)), ==,
                       GP_STAGE_STATE_FAILED);
    }
}

/* Reports of one's own, next to those of the stage, are no way to confuse it */
static gboolean
closes_twice_func (GInputStream    *input,
                   GOutputStream   *output,
                   GpStageContext  *context,
                   gpointer         user_data,
                   GError         **error)
{
  for (int i = 0; i < 2; i++)
    if (!g_input_stream_close (input, NULL, error) || !g_output_stream_close (output, NULL, error))
      return FALSE;
  gp_stage_context_close_stdin (context);
  gp_stage_context_close_stdout (context);
  return TRUE;
}

static void
test_closes_twice (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      if (i == 0)
        gp_test_add_child (pipeline, "exit", "0", NULL);
      gp_test_add_function (pipeline, "closer", closes_twice_func, NULL);
      if (i == 0)
        gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_output_of (pipeline, NULL);
      g_assert_cmpstr (output, ==, "");
    }
}

static GThread *main_thread;

static void
count_cb (gpointer data)
{
  guint *count = data;

  g_assert_true (g_thread_self () == main_thread);
  (*count)++;
}

static void
test_destroy_notify (void)
{
  guint n_destroyed = 0;
  GpPipeline *pipeline = gp_test_pipeline_new ();
  GpFunctionStage *stage = gp_function_stage_new ("upper", upper_func, &n_destroyed, count_cb);

  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_object_unref (pipeline);
  while (n_destroyed == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_destroyed, ==, 1);
}

/* Each waits for all others, as stages of a pipeline do */
typedef struct
{
  GMutex lock;
  GCond  cond;
  guint  n_arrived;
} Barrier;

static gboolean
barrier_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  Barrier *barrier = user_data;

  g_mutex_lock (&barrier->lock);
  barrier->n_arrived++;
  g_cond_broadcast (&barrier->cond);
  while (barrier->n_arrived < N_WAITERS + 1)
    g_cond_wait (&barrier->cond, &barrier->lock);
  g_mutex_unlock (&barrier->lock);
  return last_func (input, output, context, NULL, error);
}

static gboolean
all_have_arrived (gpointer data)
{
  Barrier *barrier = data;
  gboolean all;

  g_mutex_lock (&barrier->lock);
  all = barrier->n_arrived == N_WAITERS;
  g_mutex_unlock (&barrier->lock);
  return all;
}

static void
test_all_wait_for_each_other (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Barrier barrier = { 0, };
  g_autoptr (GAsyncResult) run = NULL;
  g_autoptr (GAsyncResult) load = NULL;
  g_autoptr (GFile) file = g_file_new_for_path (gp_test_child ());
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;

  g_mutex_init (&barrier.lock);
  g_cond_init (&barrier.cond);
  for (guint i = 0; i < N_WAITERS; i++)
    gp_test_add_function (pipeline, "waiter", barrier_func, &barrier);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &run);
  gp_test_wait_until ("all functions to run", all_have_arrived, &barrier);
  /* The application's own use of GLib's threads goes on meanwhile */
  g_file_load_contents_async (file, NULL, gp_test_result_cb, &load);
  gp_test_await ("g_file_load_contents_async", &load);
  g_assert_true (g_file_load_contents_finish (file, load, &contents, NULL, NULL, &error));
  g_assert_null (run);
  g_mutex_lock (&barrier.lock);
  barrier.n_arrived++;
  g_cond_broadcast (&barrier.cond);
  g_mutex_unlock (&barrier.lock);
  gp_test_await ("200 functions", &run);
  g_assert_true (gp_pipeline_run_finish (pipeline, run, &error));
  g_assert_no_error (error);
  g_cond_clear (&barrier.cond);
  g_mutex_clear (&barrier.lock);
}

/* As bindings can make one that know nothing of the constructor */
static void
test_without_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, g_object_new (GP_TYPE_FUNCTION_STAGE, NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  main_thread = g_thread_self ();
  gp_test_add ("/function-stage/positions", test_positions);
  gp_test_add ("/function-stage/unconnected", test_unconnected);
  gp_test_add ("/function-stage/last-without-stdout", test_last_without_stdout);
  gp_test_add ("/function-stage/error", test_error);
  gp_test_add ("/function-stage/false-without-error", test_false_without_error);
  gp_test_add ("/function-stage/true-with-error", test_true_with_error);
  gp_test_add ("/function-stage/finish-early", test_finish_early);
  gp_test_add ("/function-stage/closes-twice", test_closes_twice);
  gp_test_add ("/function-stage/destroy-notify", test_destroy_notify);
  gp_test_add ("/function-stage/all-wait-for-each-other", test_all_wait_for_each_other);
  gp_test_add ("/function-stage/without-function", test_without_function);
  return gp_test_run ();
}
