/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-lines.h"
#include "gp-test-streams.h"

static GThread *main_thread;

/* Everything kept is everything unchanged, wherever the stage stands, and whoever is beside it. */
static void
test_keep (void)
{
  static const char *const texts[] = {
    "", "a", "a\n", "a\nb", "a\r\nb\r\n", "\n\n", "\xc3\xa4\n\xf0\x9f\x98\x80\n",
  };
  static const char *const rows[] = { "t", "ct", "tc", "ctc", "tt", "bt", "tbt", "cbc",
                                      "m", "cm", "mc", "cmc", "mm", "tmt" };
  static const char kinds[] = "tbm"; /* in the order of the enumeration */
  g_autofree char *big = gp_test_big_text ();

  for (gsize r = 0; r < G_N_ELEMENTS (rows); r++)
    {
      for (gsize i = 0; i <= G_N_ELEMENTS (texts); i++)
        {
          const char *text = i < G_N_ELEMENTS (texts) ? texts[i] : big;
          g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
          GpTestLines lines[3] = { 0, };
          g_autoptr (GBytes) output = NULL;
          g_autoptr (GError) error = NULL;

          for (gsize n = 0; rows[r][n] != '\0'; n++)
            {
              lines[n].action = GP_LINE_ACTION_KEEP;
              if (rows[r][n] == 'c')
                gp_test_add_child (pipeline, "cat", NULL);
              else
                gp_test_append_lines (pipeline, strchr (kinds, rows[r][n]) - kinds, &lines[n]);
            }
          output = gp_test_lines_output (pipeline, text, -1, &error);
          g_assert_no_error (error);
          gp_test_assert_bytes (output, text, -1);
          for (gsize n = 0; n < G_N_ELEMENTS (lines); n++)
            gp_test_lines_clear (&lines[n]);
        }
    }
}

static void
test_lines_seen (void)
{
  static const struct
  {
    GpLineSeparator  separator;
    const char      *input;
    gsize            size;
    const char      *seen;
    const char      *kept;
    gsize            kept_size;
  } rows[] = {
    { GP_LINE_SEPARATOR_NEWLINE, "a\nb\n", 4, "a|b|", "a\nb\n", 4 },
    { GP_LINE_SEPARATOR_NEWLINE, "a\nb", 3, "a|b|", "a\nb", 3 },
    { GP_LINE_SEPARATOR_NEWLINE, "a\r\n\r\nb\r", 7, "a\r|\r|b\r|", "a\r\n\r\nb\r", 7 },
    { GP_LINE_SEPARATOR_NEWLINE, "\n\n", 2, "||", "\n\n", 2 },
    { GP_LINE_SEPARATOR_NUL, "a b\0c\nd\0e", 9, "a b|c\nd|e|", "a b\0c\nd\0e", 9 },
    { GP_LINE_SEPARATOR_WORDS, "  a  b\tc\n\nd", 11, "a|b|c|d|", "a b\tc\nd", 7 },
    { GP_LINE_SEPARATOR_WORDS, " \n ", 3, "", "", 0 },
  };

  for (gsize i = 0; i < GP_TEST_N_LINES_KINDS * G_N_ELEMENTS (rows); i++)
    {
      gsize row = i / GP_TEST_N_LINES_KINDS;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage = gp_test_append_lines (pipeline, i % GP_TEST_N_LINES_KINDS, &lines);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_line_stage_set_separator (stage, rows[row].separator);
      output = gp_test_lines_output (pipeline, rows[row].input, rows[row].size, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (lines.seen->str, ==, rows[row].seen);
      gp_test_assert_bytes (output, rows[row].kept, rows[row].kept_size);
    }
}

/* What is written comes before the line that it belongs to, and is written whatever happens. */
static void
test_actions (void)
{
  static const struct
  {
    GpTestLines lines;
    const char *output;
    int         code; /* of the domain below, or -1 */
    const char *message;
  } rows[] = {
    { { .action = GP_LINE_ACTION_KEEP, .write = "+" }, "+a\n+b\n+c", -1, NULL },
    { { .action = GP_LINE_ACTION_DROP, .write = "+" }, "+++", -1, NULL },
    { { .action = GP_LINE_ACTION_DROP }, "", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_DROP }, "a\n", -1, NULL },
    { { .action = GP_LINE_ACTION_DROP, .last = 2, .last_action = GP_LINE_ACTION_KEEP }, "b\nc", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FINISH, .write = "+" },
      "+a\n+", -1, NULL },
    { { .action = GP_LINE_ACTION_FINISH }, "", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FAULT, .write = "+" },
      "+a\n+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned FAULT without an error" },
    { { .action = GP_LINE_ACTION_KEEP, .last = 3, .last_action = 17, .write = "+" },
      "+a\n+b\n+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned an unknown action" },
  };

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (rows); i++)
    {
      gsize row = i / 2;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = rows[row].lines;
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_append_lines (pipeline, i % 2, &lines);
      output = gp_test_lines_output (pipeline, "a\nb\nc", -1, &error);
      gp_test_assert_bytes (output, rows[row].output, -1);
      if (rows[row].code < 0)
        {
          g_assert_no_error (error);
        }
      else
        {
          g_assert_error (error, GP_PIPELINE_ERROR, rows[row].code);
          gp_test_assert_message (error, rows[row].message);
        }
    }
}

static void
test_function_error (void)
{
  static const GpLineAction actions[] = { GP_LINE_ACTION_FAULT, GP_LINE_ACTION_KEEP,
                                          GP_LINE_ACTION_DROP, GP_LINE_ACTION_FINISH };

  for (gsize i = 0; i < GP_TEST_N_LINES_KINDS * G_N_ELEMENTS (actions); i++)
    {
      GpLineAction action = actions[i / GP_TEST_N_LINES_KINDS];
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP, .last = 2 };
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      lines.last_action = action;
      lines.last_error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
      gp_test_append_lines (pipeline, i % GP_TEST_N_LINES_KINDS, &lines);
      output = gp_test_lines_output (pipeline, "a\nb\nc", -1, &error);
      gp_test_assert_bytes (output, "a\n", -1);
      g_assert_cmpuint (lines.n_calls, ==, 2);
      if (action == GP_LINE_ACTION_FAULT)
        {
          g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
          gp_test_assert_message (error, "lines: full");
        }
      else
        {
          g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
          gp_test_assert_message (error, "lines: the function set an error and did not return FAULT");
        }
    }
}

/* The stage before is forgiven, and ends although it would never have. */
static void
test_finish_early (void)
{
  for (int i = 0; i < 2 * GP_TEST_N_LINES_KINDS; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP, .last = 1000,
                                     .last_action = GP_LINE_ACTION_FINISH };
      guint index = 1 + i % 2;
      g_autoptr (GError) error = NULL;

      gp_test_append_endless (pipeline);
      if (index == 2)
        gp_test_add_child (pipeline, "cat", NULL);
      gp_test_append_lines (pipeline, i / 2, &lines);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (lines.n_lines, >=, 1000);
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, index)), ==,
                       GP_STAGE_STATE_FINISHED_EARLY);
    }
}

static void
test_not_utf8 (void)
{
  static const char *const inputs[] = { "a\nb\n\xff\nc\n", "a\nb\nx\0y\n", "a\nb\nx\xc3" };
  static const gsize sizes[] = { 8, 8, 6 };

  for (gsize i = 0; i < G_N_ELEMENTS (inputs); i++)
    {
      for (int kind = 0; kind < GP_TEST_N_LINES_KINDS; kind++)
        {
          g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
          g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
          g_autoptr (GBytes) output = NULL;
          g_autoptr (GError) error = NULL;

          gp_test_append_lines (pipeline, kind, &lines);
          output = gp_test_lines_output (pipeline, inputs[i], sizes[i], &error);
          if (kind == GP_TEST_BYTES_LINES)
            {
              g_assert_no_error (error);
              continue;
            }
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
          gp_test_assert_message (error, "lines: line 3 is not valid UTF-8");
          gp_test_assert_bytes (output, "a\nb\n", -1);
          g_assert_cmpstr (lines.seen->str, ==, "a|b|");
        }
    }
}

static void
test_too_long (void)
{
  g_autofree char *mebibyte = g_strnfill (1024 * 1024 + 1, 'x');
  g_autofree char *fits = g_strconcat ("a\n", mebibyte + 1, "\nb", NULL);
  g_autofree char *too_long = g_strconcat ("a\n", mebibyte, "\nb", NULL);
  const struct
  {
    guint64     max_length; /* 1: the default */
    const char *input;
    const char *output;
    const char *message;
  } rows[] = {
    { 5, "12345\n12345", "12345\n12345", NULL },
    { 5, "1\n123456\n1\n", "1\n", "lines: line 2 is longer than 5 bytes" },
    { 5, "1\n123456", "1\n", "lines: line 2 is longer than 5 bytes" },
    { 1, fits, fits, NULL },
    { 1, too_long, "a\n", "lines: line 2 is longer than 1048576 bytes" },
    { 0, too_long, too_long, NULL },
  };

  for (gsize i = 0; i < GP_TEST_N_LINES_KINDS * G_N_ELEMENTS (rows); i++)
    {
      gsize row = i / GP_TEST_N_LINES_KINDS;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage = gp_test_append_lines (pipeline, i % GP_TEST_N_LINES_KINDS, &lines);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      if (rows[row].max_length != 1)
        gp_line_stage_set_max_length (stage, rows[row].max_length);
      output = gp_test_lines_output (pipeline, rows[row].input, -1, &error);
      gp_test_assert_bytes (output, rows[row].output, -1);
      if (rows[row].message == NULL)
        {
          g_assert_no_error (error);
        }
      else
        {
          g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG);
          gp_test_assert_message (error, rows[row].message);
        }
    }
}

/* As bindings can make one that know nothing of the constructors */
static void
test_without_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, g_object_new (GP_TYPE_LINE_STAGE, NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
}

static GpSplitResult
no_split (GBytes    *data,
          gboolean   at_end,
          gsize     *length,
          gsize     *consumed,
          gpointer   user_data,
          GError   **error)
{
  return GP_SPLIT_RESULT_MORE;
}

static void
test_settings (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  g_autofree char *name = NULL;
  GpLineSeparator separator;
  guint64 max_length;

  g_object_get (stage, "name", &name, "separator", &separator, "max-length", &max_length, NULL);
  g_assert_cmpstr (name, ==, "lines");
  g_assert_cmpint (separator, ==, GP_LINE_SEPARATOR_NEWLINE);
  g_assert_cmpuint (max_length, ==, 1024 * 1024);
  g_object_set (stage, "separator", GP_LINE_SEPARATOR_NUL, "max-length", (guint64) 7, NULL);
  g_assert_cmpint (gp_line_stage_get_separator (stage), ==, GP_LINE_SEPARATOR_NUL);
  g_assert_cmpuint (gp_line_stage_get_max_length (stage), ==, 7);

  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_begin_criticals ();
  gp_line_stage_set_separator (stage, GP_LINE_SEPARATOR_WORDS);
  gp_line_stage_set_max_length (stage, 8);
  gp_line_stage_set_split_function (stage, no_split, NULL, NULL);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 3);
  g_assert_cmpint (gp_line_stage_get_separator (stage), ==, GP_LINE_SEPARATOR_NUL);
  g_assert_cmpuint (gp_line_stage_get_max_length (stage), ==, 7);
}

static void
count_cb (gpointer data)
{
  guint *count = data;

  g_assert_true (g_thread_self () == main_thread);
  (*count)++;
}

static GpLineAction
drop_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_DROP;
}

static void
test_destroy_notifies (void)
{
  guint n_destroyed = 0;
  guint n_replaced = 0;
  GpPipeline *pipeline = gp_test_pipeline_new ();
  GpLineStage *stage = gp_line_stage_new ("drop", drop_func, &n_destroyed, count_cb);

  gp_line_stage_set_split_function (stage, no_split, &n_replaced, count_cb);
  gp_line_stage_set_split_function (stage, no_split, &n_destroyed, count_cb);
  g_assert_cmpuint (n_replaced, ==, 1);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_object_unref (pipeline);
  while (n_destroyed < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (n_destroyed, ==, 2);
}

/* In a pipeline inside of another one, and a decorator around that */
static void
test_nested (void)
{
  for (int i = 0; i < 2 * GP_TEST_N_LINES_KINDS; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpPipeline *inner = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      g_autofree char *output = NULL;

      gp_test_add_child (inner, "cat", NULL);
      gp_test_append_lines (inner, i / 2, &lines);
      gp_test_add_child (pipeline, "cat", NULL);
      if (i % 2 == 0)
        gp_pipeline_append (pipeline, GP_STAGE (inner));
      else
        gp_pipeline_append (pipeline, GP_STAGE (gp_memory_watch_stage_new (GP_STAGE (inner), 0)));
      gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_output_of (pipeline, "a\nb");
      g_assert_cmpstr (output, ==, "a\nb");
      g_assert_cmpstr (lines.seen->str, ==, "a|b|");
    }
}

/* Writes more than is kept back, and does not care that it fails; neither does flushing it. */
static GpLineAction
careless_line (const char         *line,
               GDataOutputStream  *output,
               gpointer            user_data,
               GError            **error)
{
  g_autofree char *text = g_strnfill (1000000, 'x');

  g_assert_false (g_output_stream_write_all (G_OUTPUT_STREAM (output), text, 1000000, NULL, NULL,
                                             NULL));
  g_assert_false (g_output_stream_flush (G_OUTPUT_STREAM (output), NULL, NULL));

  return GP_LINE_ACTION_DROP;
}

static void
test_ignores_errors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("a\n", 2, NULL);
  g_autoptr (GOutputStream) output =
    gp_test_sink_new (10, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new ("careless", careless_line, NULL, NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  main_thread = g_thread_self ();
  gp_test_add ("/line-stage/keep", test_keep);
  gp_test_add ("/line-stage/lines-seen", test_lines_seen);
  gp_test_add ("/line-stage/actions", test_actions);
  gp_test_add ("/line-stage/function-error", test_function_error);
  gp_test_add ("/line-stage/finish-early", test_finish_early);
  gp_test_add ("/line-stage/not-utf8", test_not_utf8);
  gp_test_add ("/line-stage/too-long", test_too_long);
  gp_test_add ("/line-stage/without-function", test_without_function);
  gp_test_add ("/line-stage/settings", test_settings);
  gp_test_add ("/line-stage/destroy-notifies", test_destroy_notifies);
  gp_test_add ("/line-stage/nested", test_nested);
  gp_test_add ("/line-stage/ignores-errors", test_ignores_errors);
  return gp_test_run ();
}
