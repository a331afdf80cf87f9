/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>

/* Each kind of edge carries a lot: every byte arrives, and in order. */

#define BLOCK 65536

typedef struct
{
  guint64 n_bytes;
  guint64 checksum;
} Sum;

static guint64
amount (void)
{
  return gp_test_is_thorough () ? G_GUINT64_CONSTANT (1) << 30 : 64 << 20;
}

static const Sum *
expected_sum (void)
{
  static Sum sum;
  guint8 buffer[BLOCK];

  if (sum.n_bytes > 0)
    return &sum;
  sum.checksum = GP_TEST_CHECKSUM_INIT;
  for (; sum.n_bytes < amount (); sum.n_bytes += sizeof buffer)
    {
      gp_test_pattern_fill (buffer, sizeof buffer, sum.n_bytes);
      sum.checksum = gp_test_checksum (sum.checksum, buffer, sizeof buffer);
    }
  return &sum;
}

static gboolean
spew_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  guint8 buffer[BLOCK];

  for (guint64 done = 0; done < amount (); done += sizeof buffer)
    {
      gp_test_pattern_fill (buffer, sizeof buffer, done);
      if (!g_output_stream_write_all (output, buffer, sizeof buffer, NULL, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* Blocks of odd sizes, so that each end of a buffer is met in every position */
static gboolean
sum_func (GInputStream    *input,
          GOutputStream   *output,
          GpStageContext  *context,
          gpointer         user_data,
          GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  Sum *sum = user_data;
  guint8 buffer[BLOCK + 17];
  gssize n;

  sum->checksum = GP_TEST_CHECKSUM_INIT;
  while ((n = g_input_stream_read (input, buffer, sizeof buffer, cancellable, error)) > 0)
    {
      sum->checksum = gp_test_checksum (sum->checksum, buffer, (gsize) n);
      sum->n_bytes += (guint64) n;
    }
  return n == 0;
}

static void
append_spew (GpPipeline *pipeline,
             gboolean    function)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, amount ());

  if (function)
    gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("spew", spew_func, NULL, NULL)));
  else
    gp_test_add_child (pipeline, "spew", size, NULL);
}

static void
append_sum (GpPipeline *pipeline,
            Sum        *sum)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("sum", sum_func, sum, NULL)));
}

/* What the child program says of the sum */
static void
parse_sum (const char *text,
           Sum        *sum)
{
  g_auto (GStrv) words = g_strsplit (text, " ", 2);

  sum->n_bytes = g_ascii_strtoull (words[0], NULL, 10);
  sum->checksum = g_ascii_strtoull (words[1], NULL, 16);
}

static void
assert_sum (const Sum *sum)
{
  g_assert_cmpuint (sum->n_bytes, ==, expected_sum ()->n_bytes);
  g_assert_cmphex (sum->checksum, ==, expected_sum ()->checksum);
}

/* "c" command, "f" function: who writes, and who reads */
static void
test_between (gconstpointer data)
{
  const char *stages = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;
  Sum sum = { 0, };

  append_spew (pipeline, stages[0] == 'f');
  if (stages[1] == 'f')
    append_sum (pipeline, &sum);
  else
    gp_test_add_child (pipeline, "checksum", NULL);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==,
                   g_str_equal (stages, "ff") ? GP_EDGE_KIND_MEMORY : GP_EDGE_KIND_PIPE);
  if (stages[1] != 'f')
    parse_sum (text, &sum);
  assert_sum (&sum);
}

static void
test_pump_in (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (amount (), FALSE);
  g_autofree char *text = NULL;
  Sum sum;

  gp_pipeline_set_stdin (pipeline, input);
  gp_test_add_child (pipeline, "checksum", NULL);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 0), ==, GP_EDGE_KIND_PUMP);
  parse_sum (text, &sum);
  assert_sum (&sum);
}

static void
test_pump_out (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;
  Sum sum;

  gp_pipeline_set_stdout (pipeline, output);
  append_spew (pipeline, FALSE);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==, GP_EDGE_KIND_PUMP);
  sum.n_bytes = gp_test_sink_get_n_bytes (output);
  sum.checksum = gp_test_sink_get_checksum (output);
  assert_sum (&sum);
}

/* Out of one pipeline and into the other, through a pipe of the caller's: to a child, the
 * descriptor goes as it is ("c"); a function reads and writes the caller's stream ("f") */
static void
test_descriptors (gconstpointer data)
{
  const char *stages = data;
  g_autoptr (GpPipeline) left = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) right = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  Sum sum = { 0, };
  int fds[2];

  gp_test_open_pipe (fds);
  input = g_unix_input_stream_new (fds[0], TRUE);
  output = g_unix_output_stream_new (fds[1], TRUE);
  gp_pipeline_set_stdout (left, output);
  gp_pipeline_set_close_stdout (left, TRUE);
  gp_pipeline_set_stdin (right, input);
  gp_pipeline_set_close_stdin (right, TRUE);
  append_spew (left, stages[0] == 'f');
  if (stages[1] == 'f')
    append_sum (right, &sum);
  else
    gp_test_add_child (right, "checksum", NULL);
  gp_pipeline_run_async (left, NULL, gp_test_result_cb, &result);
  text = gp_test_output_of (right, NULL);
  gp_test_await ("the writing pipeline", &result);
  g_assert_true (gp_pipeline_run_finish (left, result, &error));
  g_assert_no_error (error);
  g_assert_cmpint (gp_pipeline_get_edge_kind (left, 1), ==,
                   stages[0] == 'f' ? GP_EDGE_KIND_STREAM : GP_EDGE_KIND_DESCRIPTOR);
  if (stages[1] != 'f')
    parse_sum (text, &sum);
  assert_sum (&sum);
}

static void
test_empty_pipeline (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (amount (), FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  Sum sum;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  sum.n_bytes = gp_test_sink_get_n_bytes (output);
  sum.checksum = gp_test_sink_get_checksum (output);
  assert_sum (&sum);
}

static void
test_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  Sum sum = { 0, };

  gp_test_add_child (inner, "cat", NULL);
  append_spew (pipeline, TRUE);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  append_sum (pipeline, &sum);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  assert_sum (&sum);
}

/* The whole way through communicate, which keeps everything */
static void
test_communicate (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  gsize size = 20000000;
  guint8 *data = g_malloc (size);
  g_autoptr (GBytes) input = NULL;
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_pattern_fill (data, size, 0);
  input = g_bytes_new_take (data, size);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (input, output));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add_data ("/big-data/command-to-command", "cc", test_between);
  gp_test_add_data ("/big-data/function-to-command", "fc", test_between);
  gp_test_add_data ("/big-data/command-to-function", "cf", test_between);
  gp_test_add_data ("/big-data/function-to-function", "ff", test_between);
  gp_test_add ("/big-data/pump-in", test_pump_in);
  gp_test_add ("/big-data/pump-out", test_pump_out);
  gp_test_add_data ("/big-data/descriptor-out-and-in", "cc", test_descriptors);
  gp_test_add_data ("/big-data/stream-out-and-in", "ff", test_descriptors);
  gp_test_add_data ("/big-data/descriptor-out-stream-in", "cf", test_descriptors);
  gp_test_add_data ("/big-data/stream-out-descriptor-in", "fc", test_descriptors);
  gp_test_add ("/big-data/empty-pipeline", test_empty_pipeline);
  gp_test_add ("/big-data/nested", test_nested);
  gp_test_add ("/big-data/communicate", test_communicate);
  return gp_test_run ();
}
