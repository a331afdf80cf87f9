/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-lines.h"

static GThread *main_thread;

/* Records of three bytes behind a star each, with dots between them that are no part of any */
static GpSplitResult
record_split (GBytes    *data,
              gboolean   at_end,
              gsize     *length,
              gsize     *consumed,
              gpointer   user_data,
              GError   **error)
{
  gsize size;
  const char *begin = g_bytes_get_data (data, &size);
  gboolean *was_at_end = user_data;

  g_assert_true (g_thread_self () != main_thread);
  *was_at_end = at_end;
  if (*begin == '.')
    {
      *consumed = 1;
      return GP_SPLIT_RESULT_SKIP;
    }
  if (*begin == '!')
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "no record");
      return GP_SPLIT_RESULT_FAULT;
    }
  if (size < 4)
    return GP_SPLIT_RESULT_MORE;
  *length = *consumed = 4;
  return GP_SPLIT_RESULT_LINE;
}

static void
test_split (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      gboolean was_at_end = FALSE;
      GpLineStage *stage;
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "cat", NULL);
      stage = gp_test_append_lines (pipeline, i, &lines);
      gp_line_stage_set_split_function (stage, record_split, &was_at_end, NULL);
      output = gp_test_lines_output (pipeline, "..*abc*def.*g\nh.*k", -1, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (lines.seen->str, ==, "*abc|*def|*g\nh|*k|");
      gp_test_assert_bytes (output, "*abc*def*g\nh*k", -1);
      g_assert_true (was_at_end);
    }
}

static void
test_split_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  gboolean was_at_end = FALSE;
  GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_line_stage_set_split_function (stage, record_split, &was_at_end, NULL);
  output = gp_test_lines_output (pipeline, "*abc!", -1, &error);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  gp_test_assert_message (error, "lines: no record");
  gp_test_assert_bytes (output, "*abc", -1);
}

/* A result that cannot be */
typedef struct
{
  GpSplitResult  result;
  gsize          length;
  gsize          consumed;
  gboolean       sets_error;
  const char    *message;
} Mistake;

static GpSplitResult
mistaken_split (GBytes    *data,
                gboolean   at_end,
                gsize     *length,
                gsize     *consumed,
                gpointer   user_data,
                GError   **error)
{
  const Mistake *mistake = user_data;

  *length = mistake->length;
  *consumed = mistake->consumed;
  if (mistake->sets_error)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "forgotten");
  return mistake->result;
}

static void
test_split_mistakes (void)
{
  static const Mistake mistakes[] = {
    { GP_SPLIT_RESULT_FAULT, 1, 1, FALSE, "returned FAULT without an error" },
    { GP_SPLIT_RESULT_LINE, 1, 1, TRUE, "set an error and did not return FAULT" },
    { GP_SPLIT_RESULT_MORE, 0, 0, TRUE, "set an error and did not return FAULT" },
    { GP_SPLIT_RESULT_LINE, 0, 0, FALSE, "consumed nothing" },
    { GP_SPLIT_RESULT_SKIP, 0, 0, FALSE, "consumed nothing" },
    { GP_SPLIT_RESULT_LINE, 1, 5, FALSE, "consumed more than there is" },
    { GP_SPLIT_RESULT_SKIP, 0, G_MAXSIZE, FALSE, "consumed more than there is" },
    { GP_SPLIT_RESULT_LINE, 2, 1, FALSE, "returned a line that is longer than what it consumed" },
    { 9, 1, 1, FALSE, "returned an unknown result" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (mistakes); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
      g_autofree char *message = g_strconcat ("lines: the split function ", mistakes[i].message, NULL);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_line_stage_set_split_function (stage, mistaken_split, (gpointer) &mistakes[i], NULL);
      output = gp_test_lines_output (pipeline, "abcd", -1, &error);
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      gp_test_assert_message (error, message);
      g_assert_cmpuint (lines.n_lines, ==, 0);
    }
}

static GpSplitResult
never_split (GBytes    *data,
             gboolean   at_end,
             gsize     *length,
             gsize     *consumed,
             gpointer   user_data,
             GError   **error)
{
  return GP_SPLIT_RESULT_MORE;
}

/* A function that finds no end does not collect everything. */
static void
test_split_too_long (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  GpLineStage *stage;
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "spew", NULL);
  stage = gp_test_append_lines (pipeline, GP_TEST_BYTES_LINES, &lines);
  gp_line_stage_set_max_length (stage, 1000);
  gp_line_stage_set_split_function (stage, never_split, NULL, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG);
  gp_test_assert_message (error, "lines: line 1 is longer than 1000 bytes");
}

/* It would be called in a thread, where JavaScript must never be. */
static void
test_in_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_line_stage_set_split_function (stage, never_split, NULL, NULL);
  output = gp_test_lines_output (pipeline, "a\n", -1, &error);
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_assert_cmpuint (lines.n_calls, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  main_thread = g_thread_self ();
  gp_test_add ("/line-split/records", test_split);
  gp_test_add ("/line-split/error", test_split_error);
  gp_test_add ("/line-split/mistakes", test_split_mistakes);
  gp_test_add ("/line-split/too-long", test_split_too_long);
  gp_test_add ("/line-split/in-context", test_in_context);
  return gp_test_run ();
}
