/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"
#include "gp-test-filter.h"
#include "gp-test-lines.h"
#include "gp-test-streams.h"

/* As test-reference-features.c: the rows about functions, lines, text, errors and events */

/* --- function --------------------------------------------------------------------------------- */

static gboolean
upper_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  char buffer[100];
  gssize n;

  while ((n = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    {
      for (gssize i = 0; i < n; i++)
        buffer[i] = g_ascii_toupper (buffer[i]);
      if (!g_output_stream_write_all (output, buffer, n, NULL, NULL, error))
        return FALSE;
    }
  return n == 0;
}

static void
test_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) failing = gp_test_pipeline_new ();
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_function (pipeline, "upper", upper_func, NULL);
  output = gp_test_output_of (pipeline, "text");
  g_assert_cmpstr (output, ==, "TEXT");

  gp_test_add_function (failing, "mine", fail_func, NULL);
  g_assert_false (gp_test_run_pipeline (failing, NULL, &error));
  gp_test_assert_message (error, "mine: at once");
}

/* --- line-function, scanner ------------------------------------------------------------------- */

typedef struct
{
  GpLineSeparator  separator;
  const char      *input;
  gsize            size;
  const char      *seen;
  const char      *output;
} Lines;

static void
check_lines (const Lines *row)
{
  for (int kind = 0; kind < GP_TEST_N_LINES_KINDS; kind++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage = gp_test_append_lines (pipeline, kind, &lines);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_line_stage_set_separator (stage, row->separator);
      output = gp_test_lines_output (pipeline, row->input, row->size, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (lines.seen->str, ==, row->seen);
      gp_test_assert_bytes (output, row->output, strlen (row->seen) == 0 ? 0 : row->size);
    }
}

static void
test_line_feed (void)
{
  check_lines (&(Lines) { GP_LINE_SEPARATOR_NEWLINE, "a\n\nb\n", 5, "a||b|", "a\n\nb\n" });
  check_lines (&(Lines) { GP_LINE_SEPARATOR_NEWLINE, "", 0, "", "" });
}

static void
test_carriage_return (void)
{
  check_lines (&(Lines) { GP_LINE_SEPARATOR_NEWLINE, "a\r\nb\rc\n", 7, "a\r|b\rc|", "a\r\nb\rc\n" });
}

static void
test_last_line (void)
{
  check_lines (&(Lines) { GP_LINE_SEPARATOR_NEWLINE, "a\nb", 3, "a|b|", "a\nb" });
}

static void
test_words (void)
{
  check_lines (&(Lines) { GP_LINE_SEPARATOR_WORDS, "a bc\td\n", 7, "a|bc|d|", "a bc\td\n" });
}

static void
test_nul (void)
{
  check_lines (&(Lines) { GP_LINE_SEPARATOR_NUL, "a b\0c\nd\0", 8, "a b|c\nd|", "a b\0c\nd\0" });
}

/* How often it is written to */
struct _Counter
{
  GOutputStream parent_instance;
  guint         n_writes;
  gsize         n_bytes;
};

#define TEST_TYPE_COUNTER (counter_get_type ())
G_DECLARE_FINAL_TYPE (Counter, counter, TEST, COUNTER, GOutputStream)
G_DEFINE_FINAL_TYPE (Counter, counter, G_TYPE_OUTPUT_STREAM)

static gssize
counter_write (GOutputStream  *stream,
               const void     *buffer,
               gsize           count,
               GCancellable   *cancellable,
               GError        **error)
{
  Counter *self = TEST_COUNTER (stream);

  self->n_writes++;
  self->n_bytes += count;
  return (gssize) count;
}

static void
counter_class_init (CounterClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = counter_write;
}

static void
counter_init (Counter *self)
{
}

static void
test_buffered (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP, .write = "short\n" };
  g_autoptr (GOutputStream) output = g_object_new (TEST_TYPE_COUNTER, NULL);
  Counter *counter = TEST_COUNTER (output);
  guint n_lines = 1000;

  gp_test_append_numbers (pipeline, &n_lines);
  gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  gp_pipeline_set_stdout (pipeline, output);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (counter->n_bytes, ==, 6 * n_lines);
  g_assert_cmpuint (counter->n_writes, <, n_lines / 10);
}

/* What the function had written before it failed arrives. */
static void
test_flushed_on_failure (void)
{
  for (int kind = 0; kind < GP_TEST_BATCH_LINES; kind++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = {
        .action = GP_LINE_ACTION_DROP, .write = "x", .last = 3,
        .last_action = GP_LINE_ACTION_FAULT,
        .last_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "no fourth"),
      };
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_append_lines (pipeline, kind, &lines);
      output = gp_test_lines_output (pipeline, "1\n2\n3\n4\n5\n", -1, &error);
      gp_test_assert_message (error, "lines: no fourth");
      gp_test_assert_bytes (output, "xxx", -1);
    }
}

/* The limit, of @limit bytes or the default, and a line of so many */
static gboolean
run_long_line (guint    length,
               guint    limit,
               GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  g_autofree char *text = g_strnfill (length, 'x');
  GpLineStage *stage;

  gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_line (text)));
  stage = gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  if (limit > 0)
    gp_line_stage_set_max_length (stage, limit);
  return gp_test_run_pipeline (pipeline, NULL, error);
}

static void
test_long_lines (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (run_long_line (10, 10, NULL));
  g_assert_false (run_long_line (11, 10, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG);
  gp_test_assert_contains (error->message, "line 1");
  /* Far more than the fixed limit of the reference */
  g_assert_true (run_long_line (1000000, 0, NULL));
  g_assert_false (run_long_line (2000000, 0, NULL));
  g_assert_true (run_long_line (2000000, 2000000, NULL));
}

/* Records end with a semicolon, which is no part of them. */
static GpSplitResult
semicolon_split (GBytes    *data,
                 gboolean   at_end,
                 gsize     *length,
                 gsize     *consumed,
                 gpointer   user_data,
                 GError   **error)
{
  gsize size;
  const char *begin = g_bytes_get_data (data, &size);
  const char *end = memchr (begin, ';', size);

  if (end == NULL)
    return GP_SPLIT_RESULT_MORE;
  *length = end - begin;
  *consumed = *length + 1;
  return GP_SPLIT_RESULT_LINE;
}

static void
test_split_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP };
  GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  g_autoptr (GBytes) output = NULL;

  gp_line_stage_set_split_function (stage, semicolon_split, NULL, NULL);
  output = gp_test_lines_output (pipeline, "a b;c\nd;;e", -1, NULL);
  g_assert_cmpstr (lines.seen->str, ==, "a b|c\nd||e|");
}

/* --- print ------------------------------------------------------------------------------------ */

static void
test_print (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("\0\xff", 2);
  struct
  {
    GpBytesStage *stage;
    const char   *output;
    gsize         size;
  } rows[] = {
    { gp_bytes_stage_new_text ("text"), "text", 4 },
    { gp_bytes_stage_new_line ("line"), "line\n", 5 },
    { gp_bytes_stage_new_printf ("%s %d", "number", 7), "number 7", 8 },
    { gp_bytes_stage_new (NULL, bytes), "\0\xff", 2 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GBytes) output = NULL;

      gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (rows[i].stage)));
      gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_communicate (pipeline, NULL, NULL, NULL);
      gp_test_assert_bytes (output, rows[i].output, rows[i].size);
    }
}

/* --- finish-early ----------------------------------------------------------------------------- */

/* Has enough after a byte; says so if it was given data */
static gboolean
enough_func (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         says_so,
             GError         **error)
{
  char byte;

  if (g_input_stream_read (input, &byte, 1, NULL, error) != 1)
    return FALSE;
  if (says_so == NULL)
    return TRUE;
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "enough");
  return FALSE;
}

static void
test_finish_early (void)
{
  for (int says_so = 0; says_so < 2; says_so++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "spew", NULL);
      gp_test_add_function (pipeline, "enough", enough_func, GINT_TO_POINTER (says_so));
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, says_so);
      if (says_so)
        g_assert_no_error (error);
      else
        g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE);
      /* It is explained, not undone. */
      g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                       SIGPIPE);
      assert_state (pipeline, 1,
                    says_so ? GP_STAGE_STATE_FINISHED_EARLY : GP_STAGE_STATE_SUCCEEDED);
    }
}

/* --- error-filter ----------------------------------------------------------------------------- */

static void
check_filter (GpErrorAction  action,
              GError        *replacement,
              const char    *message)
{
  g_auto (Filter) filter = { .action = action, .replacement = replacement };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, filtered (child ("child", "exit", "3"), &filter));
  g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, message == NULL);
  g_assert_true (gp_error_matches_exit_status (filter.seen, 3));
  if (message != NULL)
    gp_test_assert_message (error, message);
}

static void
test_filter_function (void)
{
  check_filter (GP_ERROR_ACTION_FORGIVE, NULL, NULL);
  check_filter (GP_ERROR_ACTION_KEEP, NULL, "child: exit status 3");
  check_filter (GP_ERROR_ACTION_KEEP,
                g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "a better one"),
                "child: a better one");
}

static gboolean
closed_func (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  g_output_stream_close (output, NULL, NULL);
  return g_output_stream_write_all (output, "x", 1, NULL, NULL, error);
}

/* Errors as they really come about, a letter each */
static GpStage *
make_failing (char letter)
{
  switch (letter)
    {
    case 'x':
      return child ("child", "exit", "3");
    case 't':
      return child ("child", "kill-self", "15");
    case 'p': /* SIGPIPE */
      return child ("child", "spew", NULL);
    case 'e': /* EPIPE, where the next stage is a command, and its like in memory */
      return GP_STAGE (gp_function_stage_new ("endless", upper_func, NULL, NULL));
    case 'c':
      return GP_STAGE (gp_function_stage_new ("closed", closed_func, NULL, NULL));
    default:
      return GP_STAGE (gp_function_stage_new ("failing", fail_func, NULL, NULL));
    }
}

/* Runs each of the errors before a command, and before a function: which ones are forgiven? */
static void
assert_forgives (GpErrorMatcher *matcher,
                 const char     *forgiven)
{
  for (const char *letter = "xtpecf"; *letter != '\0'; letter++)
    for (int is_function = 0; is_function < 2; is_function++)
      {
        g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
        g_autoptr (GInputStream) input = gp_test_source_new (G_MAXUINT64, FALSE);
        gboolean success;

        gp_pipeline_set_stdin (pipeline, input);
        gp_pipeline_append_ignoring (pipeline, make_failing (*letter), g_object_ref (matcher));
        if (is_function)
          gp_test_add_function (pipeline, "nothing", nothing_func, NULL);
        else
          gp_test_add_child (pipeline, "exit", "0", NULL);
        success = gp_test_run_pipeline (pipeline, NULL, NULL);
        if (success != (strchr (forgiven, *letter) != NULL))
          g_error ("'%c' was%s forgiven, and should be one of \"%s\"", *letter,
                   success ? "" : " not", forgiven);
      }
  g_object_unref (matcher);
}

static GpErrorMatch
code_is_three_func (const GError *error,
                    gpointer      user_data)
{
  return error->code == 3 ? GP_ERROR_MATCH_YES : GP_ERROR_MATCH_NO;
}

static void
test_matchers (void)
{
  GpErrorMatcher *any_of = gp_error_matcher_new_exit_status (3);

  assert_forgives (gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_FAILED), "f");
  assert_forgives (gp_error_matcher_new_exit_status (3), "x");
  assert_forgives (gp_error_matcher_new_signal (SIGTERM), "t");
  assert_forgives (gp_error_matcher_new_signal (SIGPIPE), "p");
  assert_forgives (gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE), "e");
  assert_forgives (gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_CLOSED), "c");
  assert_forgives (gp_error_matcher_new_pipe (), "pe");
  assert_forgives (gp_error_matcher_new (code_is_three_func, NULL, NULL), "x");

  gp_error_matcher_add (any_of, gp_error_matcher_new_signal (SIGTERM));
  gp_error_matcher_add (any_of, gp_error_matcher_new_pipe ());
  assert_forgives (any_of, "xtpe");
}

/* --- events ----------------------------------------------------------------------------------- */

static void
test_events (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) failing = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;
  g_auto (Recorder) start_recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  append_child (pipeline, "good", "exit", "0");
  append_child (pipeline, "bad", "exit", "3");
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  for (guint i = 0; i < recorder.events->len; i++)
    if (gp_event_get_kind (get_event (&recorder, i)) == GP_EVENT_KIND_STAGE_FAILED)
      {
        g_autoptr (GError) error = gp_event_dup_error (get_event (&recorder, i));

        g_assert_true (gp_error_matches_exit_status (error, 3));
      }
  gp_test_assert_contains (recorder.text->str, "stage-started good\n");
  gp_test_assert_contains (recorder.text->str, "stage-started bad\n");
  gp_test_assert_contains (recorder.text->str, "stage-finished good\n");
  gp_test_assert_contains (recorder.text->str, "stage-failed bad\n");
  gp_test_assert_contains (recorder.text->str, "pipeline-failed bad\n");
  g_assert_cmpuint (recorder.events->len, ==, 5);

  recorder_init (&start_recorder);
  record (&start_recorder, failing);
  gp_command_stage_set_name (gp_pipeline_append_command (failing, "/nonexistent/program", NULL), "no");
  g_assert_false (gp_test_run_pipeline (failing, NULL, NULL));
  g_assert_cmpstr (start_recorder.text->str, ==, "start-failed no\npipeline-failed no\n");
}

/* --- fault-handler ---------------------------------------------------------------------------- */

static gboolean
faulty_func (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  return FALSE;
}

static GpErrorAction
fault_func (GpStage     *stage,
            const char  *message,
            gpointer     user_data,
            GError     **error)
{
  g_autofree char *name = gp_stage_get_name (stage);

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  g_string_append_printf (user_data, "%s: %s", name, message);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "handled");
  return GP_ERROR_ACTION_KEEP;
}

/* Handed over at the start, to a pipeline inside as well */
static void
test_fault_handler (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GString) seen = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  append_function (inner, "faulty", faulty_func);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  gp_pipeline_set_fault_handler (pipeline, fault_func, seen, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpstr (seen->str, ==, "faulty: the function returned FALSE without an error");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/reference/features/function", test_function);
  gp_test_add ("/reference/features/line-function/line-feed", test_line_feed);
  gp_test_add ("/reference/features/line-function/carriage-return", test_carriage_return);
  gp_test_add ("/reference/features/line-function/last-line", test_last_line);
  gp_test_add ("/reference/features/line-function/buffered", test_buffered);
  gp_test_add ("/reference/features/line-function/flushed-on-failure", test_flushed_on_failure);
  gp_test_add ("/reference/features/line-function/long-lines", test_long_lines);
  gp_test_add ("/reference/features/scanner/split-function", test_split_function);
  gp_test_add ("/reference/features/scanner/words", test_words);
  gp_test_add ("/reference/features/scanner/nul", test_nul);
  gp_test_add ("/reference/features/print", test_print);
  gp_test_add ("/reference/features/finish-early", test_finish_early);
  gp_test_add ("/reference/features/error-filter/function", test_filter_function);
  gp_test_add ("/reference/features/error-filter/matchers", test_matchers);
  gp_test_add ("/reference/features/events", test_events);
  gp_test_add ("/reference/features/fault-handler", test_fault_handler);
  return gp_test_run ();
}
