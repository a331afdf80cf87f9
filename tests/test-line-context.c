/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* What a function of several lines is told to do, and what it saw */
typedef struct
{
  GString      *seen;        /* each line and a bar */
  const char   *write;       /* or NULL: once for each call */
  GpLineAction  action;
  guint         last;        /* from the call with this line on, counted from 1; 0: never */
  GpLineAction  last_action;
  GError       *last_error;
  GMainContext *home;        /* NULL: the default one */
  guint         n_lines;
  guint         n_calls;
  guint         most_lines;  /* in one call */
  guint         busy;        /* microseconds for each line */
  guint        *n_turns;     /* or NULL: of the main loop; at least one between two calls */
  guint         last_turn;
} Script;

static void
script_clear (Script *script)
{
  g_string_free (g_steal_pointer (&script->seen), TRUE);
  g_clear_error (&script->last_error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Script, script_clear)

static void
be_busy (guint microseconds)
{
  gint64 end = g_get_monotonic_time () + microseconds;

  while (g_get_monotonic_time () < end)
    continue;
}

static GpLineAction
lines_func (const char * const  *lines,
            GDataOutputStream   *output,
            gpointer             user_data,
            GError             **error)
{
  Script *script = user_data;
  guint n = g_strv_length ((char **) lines);

  g_assert_true (g_main_context_is_owner (script->home ? script->home : g_main_context_default ()));
  g_assert_true (g_main_context_get_thread_default () == script->home);
  g_assert_cmpuint (n, >, 0);
  if (script->n_turns != NULL)
    {
      g_assert_true (script->n_calls == 0 || *script->n_turns > script->last_turn);
      script->last_turn = *script->n_turns;
    }
  script->n_calls++;
  script->n_lines += n;
  script->most_lines = MAX (script->most_lines, n);
  be_busy (n * script->busy);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (g_utf8_validate (lines[i], -1, NULL));
      if (script->seen->len < 1000)
        g_string_append_printf (script->seen, "%s|", lines[i]);
    }
  if (script->write != NULL && !g_data_output_stream_put_string (output, script->write, NULL, error))
    return GP_LINE_ACTION_FAULT;
  if (script->last == 0 || script->n_lines < script->last)
    return script->action;
  if (script->last_error != NULL)
    g_propagate_error (error, g_error_copy (script->last_error));
  return script->last_action;
}

static GpLineStage *
append_lines (GpPipeline *pipeline,
              Script     *script)
{
  GpLineStage *stage = gp_line_stage_new_in_context ("lines", lines_func, script, NULL);

  if (script->seen == NULL)
    script->seen = g_string_new (NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
  return stage;
}

/* Runs it and returns the output, whatever the error */
static GBytes *
output_of (GpPipeline  *pipeline,
           const char  *data,
           gssize       size,
           GError     **error)
{
  g_autoptr (GBytes) input = g_bytes_new_static (data, size < 0 ? strlen (data) : (gsize) size);
  GBytes *output = gp_test_communicate (pipeline, input, NULL, error);

  return output != NULL ? output : gp_pipeline_dup_output (pipeline);
}

static void
assert_bytes (GBytes     *bytes,
              const char *data,
              gssize      size)
{
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data,
                   size < 0 ? strlen (data) : (gsize) size);
}

static GpLineAction
keep_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static void
test_keep (void)
{
  static const char *const texts[] = {
    "", "a", "a\n", "a\nb", "a\r\nb\r\n", "\n\n", "\xc3\xa4\n\xf0\x9f\x98\x80\n",
  };
  static const char *const rows[] = { "b", "cb", "bc", "cbc", "bb", "lbl" };
  g_autoptr (GString) big = g_string_new (NULL);

  for (guint i = 0; big->len < 3000000; i++)
    g_string_append_printf (big, "%u%*s\n", i, i % 1000 == 0 ? 100000 : (int) (i % 70), "");

  for (gsize r = 0; r < G_N_ELEMENTS (rows); r++)
    {
      for (gsize i = 0; i <= G_N_ELEMENTS (texts); i++)
        {
          const char *text = i < G_N_ELEMENTS (texts) ? texts[i] : big->str;
          g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
          g_auto (Script) first = { .action = GP_LINE_ACTION_KEEP };
          g_auto (Script) second = { .action = GP_LINE_ACTION_KEEP };
          Script *scripts[] = { &first, &second };
          g_autoptr (GBytes) output = NULL;
          g_autoptr (GError) error = NULL;

          first.seen = g_string_new (NULL);
          second.seen = g_string_new (NULL);
          for (gsize n = 0; rows[r][n] != '\0'; n++)
            {
              if (rows[r][n] == 'c')
                gp_test_add_child (pipeline, "cat", NULL);
              else if (rows[r][n] == 'b')
                append_lines (pipeline, scripts[n % 2]);
              else
                gp_pipeline_append (pipeline,
                                    GP_STAGE (gp_line_stage_new (NULL, keep_func, NULL, NULL)));
            }
          output = output_of (pipeline, text, -1, &error);
          g_assert_no_error (error);
          assert_bytes (output, text, -1);
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
    { GP_LINE_SEPARATOR_NEWLINE, "a\nb\nc", 5, "a|b|c|", "a\nb\nc", 5 },
    { GP_LINE_SEPARATOR_NEWLINE, "a\r\n\r\nb\r", 7, "a\r|\r|b\r|", "a\r\n\r\nb\r", 7 },
    { GP_LINE_SEPARATOR_NUL, "a b\0c\nd\0e", 9, "a b|c\nd|e|", "a b\0c\nd\0e", 9 },
    { GP_LINE_SEPARATOR_WORDS, "  a  b\tc\n\nd", 11, "a|b|c|d|", "a b\tc\nd", 7 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage = append_lines (pipeline, &script);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_line_stage_set_separator (stage, rows[i].separator);
      output = output_of (pipeline, rows[i].input, rows[i].size, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (script.seen->str, ==, rows[i].seen);
      assert_bytes (output, rows[i].kept, rows[i].kept_size);
    }
}

/* The first call gets one line, the second two: so the batches are known. */
static void
test_actions (void)
{
  static const struct
  {
    Script      script;
    const char *output;
    int         code; /* of the domain below, or -1 */
    const char *message;
  } rows[] = {
    { { .action = GP_LINE_ACTION_KEEP }, "a\nb\nc", -1, NULL },
    { { .action = GP_LINE_ACTION_DROP }, "", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 1, .last_action = GP_LINE_ACTION_FINISH, .write = "+" },
      "+", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FINISH, .write = "+" },
      "+a\n+", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_DROP }, "a\n", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FAULT, .write = "+" },
      "+a\n+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned FAULT without an error" },
    { { .action = GP_LINE_ACTION_KEEP, .last = 1, .last_action = 17, .write = "+" },
      "+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned an unknown action" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = rows[i].script;
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      append_lines (pipeline, &script);
      output = output_of (pipeline, "a\nb\nc", -1, &error);
      assert_bytes (output, rows[i].output, -1);
      if (rows[i].code < 0)
        {
          g_assert_no_error (error);
        }
      else
        {
          g_assert_error (error, GP_PIPELINE_ERROR, rows[i].code);
          gp_test_assert_message (error, rows[i].message);
        }
    }
}

static void
test_function_error (void)
{
  static const GpLineAction actions[] = { GP_LINE_ACTION_FAULT, GP_LINE_ACTION_KEEP,
                                          GP_LINE_ACTION_DROP, GP_LINE_ACTION_FINISH };

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP, .last = 2 };
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      script.last_action = actions[i];
      script.last_error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
      append_lines (pipeline, &script);
      output = output_of (pipeline, "a\nb\n", -1, &error);
      assert_bytes (output, "a\n", -1);
      if (actions[i] == GP_LINE_ACTION_FAULT)
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

/* The lines before a bad one are handled, also those of the same batch; an own error goes first. */
static void
test_bad_lines (void)
{
  static const struct
  {
    const char *input;
    guint64     max_length;
    const char *seen;
    const char *message;
  } rows[] = {
    { "a\nb\nc\xff\nd\n", 0, "a|b|", "lines: line 3 is not valid UTF-8" },
    { "\xff", 0, "", "lines: line 1 is not valid UTF-8" },
    { "a\nb\nc\nd\n\xc3", 0, "a|b|c|d|", "lines: line 5 is not valid UTF-8" },
    { "a\nb\nc\nd\n123456\ne", 5, "a|b|c|d|", "lines: line 5 is longer than 5 bytes" },
    { "123456", 5, "", "lines: line 1 is longer than 5 bytes" },
  };

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (rows); i++)
    {
      gsize row = i / 2;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
      GpLineStage *stage;
      g_autoptr (GString) kept = g_string_new (rows[row].seen);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      if (i % 2 == 1)
        {
          script.last = 2;
          script.last_action = GP_LINE_ACTION_FINISH;
        }
      stage = append_lines (pipeline, &script);
      gp_line_stage_set_max_length (stage, rows[row].max_length);
      output = output_of (pipeline, rows[row].input, -1, &error);
      if (i % 2 == 1 && kept->len > 0)
        {
          g_assert_no_error (error);
          assert_bytes (output, "a\n", -1);
          continue;
        }
      g_assert_cmpint (error->code, ==, rows[row].max_length == 0 ? (int) G_IO_ERROR_INVALID_DATA
                                                                  : (int) GP_PIPELINE_ERROR_LINE_TOO_LONG);
      gp_test_assert_message (error, rows[row].message);
      g_assert_cmpstr (script.seen->str, ==, rows[row].seen);
      g_string_replace (kept, "|", "\n", 0);
      assert_bytes (output, kept->str, -1);
    }
}

static gboolean
endless_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  while (g_output_stream_write_all (output, "an endless line\n", 16, NULL, NULL, error))
    continue;
  return FALSE;
}

static void
append_endless (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("endless", endless_func, NULL, NULL)));
}

static void
test_finish_early (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = { .action = GP_LINE_ACTION_DROP, .last = 1000, .write = "+",
                                 .last_action = GP_LINE_ACTION_FINISH };
      g_autoptr (GError) error = NULL;

      append_endless (pipeline);
      if (i == 1)
        gp_test_add_child (pipeline, "cat", NULL);
      append_lines (pipeline, &script);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1 + i)), ==,
                       GP_STAGE_STATE_FINISHED_EARLY);
    }
}

static gboolean
turn_cb (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_CONTINUE;
}

/* Between two calls everything else in the main context has its turn, and no call takes long. */
static void
test_main_loop_goes_on (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  guint n_turns = 0;
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP, .n_turns = &n_turns, .busy = 200,
                             .last = 1000, .last_action = GP_LINE_ACTION_FINISH };
  guint id = g_idle_add (turn_cb, &n_turns);
  g_autoptr (GError) error = NULL;

  append_endless (pipeline);
  append_lines (pipeline, &script);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_source_remove (id);
  /* Four lines take less than one millisecond, so eight may be the most; they take more than the
   * next calls need to grow further. */
  g_assert_cmpuint (script.most_lines, <=, 10);
  g_assert_cmpuint (script.n_calls, >=, 100);
}

/* A fast function gets many lines at once. */
static void
test_batches_grow (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *input = g_strnfill (100000, '\n');

  append_lines (pipeline, &script);
  output = output_of (pipeline, input, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (script.n_lines, ==, 100000);
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    g_assert_cmpuint (script.most_lines, >=, 64);
}

/* While the reader takes nothing, no more lines are read, and the main loop goes on. */
static void
test_back_pressure (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_watch (gp_test_sink_new (100000, NULL));
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;
  guint n_lines;

  append_endless (pipeline);
  append_lines (pipeline, &script);
  gp_pipeline_set_stdout (pipeline, sink);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the writer to block", gp_test_sink_is_blocked, sink);
  n_lines = script.n_lines;
  g_assert_cmpuint (n_lines, <, (100000 + 1024 * 1024) / 16);
  for (int i = 0; i < 1000; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
  g_assert_cmpuint (script.n_lines, ==, n_lines);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
assert_comes (GInputStream *output,
              const char   *text)
{
  g_autofree char *buffer = g_malloc0 (strlen (text) + 1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_input_stream_read_all_async (output, buffer, strlen (text), 0, NULL, gp_test_result_cb, &result);
  gp_test_await ("output", &result);
  g_input_stream_read_all_finish (output, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (buffer, ==, text);
}

/* What the function wrote does not wait for more input. */
static void
test_nothing_waits (void)
{
  static const char *const rows[] = { "b", "cb", "bc" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
      g_autoptr (GOutputStream) input = NULL;
      g_autoptr (GInputStream) output = NULL;
      g_autoptr (GError) error = NULL;

      for (const char *p = rows[i]; *p != '\0'; p++)
        {
          if (*p == 'b')
            append_lines (pipeline, &script);
          else
            gp_test_add_child (pipeline, "cat", NULL);
        }
      input = gp_pipeline_open_input (pipeline, &error);
      output = gp_pipeline_open_output (pipeline, &error);
      g_assert_no_error (error);
      gp_test_start (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_output_stream_write_all (input, "a\nb\nc", 5, NULL, NULL, NULL);
      assert_comes (output, "a\nb\n");
      g_output_stream_write_all (input, "d\n", 2, NULL, NULL, NULL);
      assert_comes (output, "cd\n");
      g_output_stream_close (input, NULL, NULL);
      gp_test_wait (pipeline, &error);
      g_assert_no_error (error);
    }
}

static void
test_without_streams (void)
{
  g_autoptr (GpPipeline) alone = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) last = gp_test_pipeline_new ();
  g_auto (Script) first_script = { .action = GP_LINE_ACTION_KEEP };
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP, .write = "+" };
  g_autoptr (GError) error = NULL;

  append_lines (alone, &first_script);
  gp_test_run_pipeline (alone, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (first_script.n_calls, ==, 0);

  gp_test_add_child (last, "echo", "a", NULL);
  append_lines (last, &script);
  gp_test_run_pipeline (last, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (script.seen->str, ==, "a|");
}

static void
test_cancel_reading (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "wait", NULL);
  append_lines (pipeline, &script);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static gboolean
has_lines (gpointer data)
{
  return ((Script *) data)->n_lines > 1000;
}

/* Between two calls, with lines still in the buffer */
static void
test_cancel_running (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GError) error = NULL;

  append_endless (pipeline);
  append_lines (pipeline, &script);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("lines", has_lines, &script);
  gp_pipeline_cancel (pipeline);
  script.n_lines = 0;
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (script.n_lines, ==, 0);
}

static void
test_reader_leaves (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  append_endless (pipeline);
  append_lines (pipeline, &script);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_pipe (error));
  gp_test_assert_contains (error->message, "lines: ");
}

static void
test_sink_fails (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GError *full = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full");
      g_autoptr (GOutputStream) sink = gp_test_watch (gp_test_sink_new (1, full));
      g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP, .write = "++" };
      g_autoptr (GError) error = NULL;

      /* Also where it finishes early, what cannot be written is no success. */
      if (i == 1)
        {
          script.last = 1;
          script.last_action = GP_LINE_ACTION_FINISH;
        }
      append_endless (pipeline);
      append_lines (pipeline, &script);
      gp_pipeline_set_stdout (pipeline, sink);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
      gp_test_assert_message (error, "lines: full");
    }
}

static void
test_caller_streams (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (memory);
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("a\nb\n", 4, NULL);
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  append_lines (pipeline, &script);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, buffered);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (memory)),
                   g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory)),
                   "a\nb\n", 4);
}

static void
test_needs_main_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  append_lines (pipeline, &script);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  gp_test_assert_contains (error->message, "lines");
}

static void
test_other_context (void)
{
  g_autoptr (GMainContext) other = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP, .home = other };
  GpPipeline *pipeline = gp_test_pipeline_new ();

  g_main_context_push_thread_default (other);
  gp_test_add_child (pipeline, "echo", "a", NULL);
  append_lines (pipeline, &script);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (other, TRUE);
  g_assert_true (gp_pipeline_run_finish (pipeline, result, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (script.seen->str, ==, "a|");
  g_clear_object (&result);
  g_object_unref (pipeline);
  while (g_main_context_iteration (other, FALSE))
    continue;
  g_main_context_pop_thread_default (other);
}

/* Inside of another pipeline, and of a decorator around that */
static void
test_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autofree char *output = NULL;

  gp_test_add_child (inner, "cat", NULL);
  append_lines (inner, &script);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_memory_watch_stage_new (GP_STAGE (inner), 0)));
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, "a\nb");
  g_assert_cmpstr (output, ==, "a\nb");
  g_assert_cmpstr (script.seen->str, ==, "a|b|");
}

static GpSplitResult
never_split (GBytes    *data,
             gboolean   at_end,
             gsize     *length,
             gsize     *consumed,
             gpointer   user_data,
             GError   **error)
{
  g_assert_not_reached ();
  return GP_SPLIT_RESULT_MORE;
}

/* It would be called in a thread, where JavaScript must never be. */
static void
test_split_is_refused (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_line_stage_set_split_function (append_lines (pipeline, &script), never_split, NULL, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_assert_cmpuint (script.n_calls, ==, 0);
}

/* Not started, because another one could not be */
static void
test_never_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Script) script = { .action = GP_LINE_ACTION_KEEP };
  g_auto (Script) late_script = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  append_lines (pipeline, &script);
  gp_pipeline_append_command (pipeline, "/nonexistent", NULL);
  append_lines (pipeline, &late_script);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  g_assert_cmpuint (late_script.n_calls, ==, 0);
}

/* The last reference on everything goes while lines are handled. */
static void
test_dropped (void)
{
  g_auto (Script) script = { .action = GP_LINE_ACTION_DROP, .last = 100000,
                             .last_action = GP_LINE_ACTION_FINISH };
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  append_endless (pipeline);
  append_lines (pipeline, &script);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (pipeline);
  while (script.n_lines < script.last)
    g_main_context_iteration (NULL, TRUE);
}

static GpLineAction
steal_output_func (const char * const  *lines,
                   GDataOutputStream   *output,
                   gpointer             user_data,
                   GError             **error)
{
  GDataOutputStream **stolen = user_data;

  g_set_object (stolen, output);
  g_assert_true (g_data_output_stream_put_string (output, lines[0], NULL, NULL));
  g_assert_true (g_output_stream_flush (G_OUTPUT_STREAM (output), NULL, NULL));
  return GP_LINE_ACTION_DROP;
}

static void
test_output_is_kept (void)
{
  g_autoptr (GDataOutputStream) stolen = NULL;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new_in_context ("thief", steal_output_func,
                                                                        &stolen, NULL)));
  output = output_of (pipeline, "a\nb\n", -1, &error);
  g_assert_no_error (error);
  assert_bytes (output, "ab", -1);
  g_assert_false (g_data_output_stream_put_string (stolen, "late", NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static gboolean
numbers_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  guint n = *(guint *) user_data;
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 1; i <= n; i++)
    {
      g_string_append_printf (text, "%u\n", i);
      if (text->len < 50000 && i < n)
        continue;
      if (!g_output_stream_write_all (output, text->str, text->len, NULL, NULL, error))
        return FALSE;
      g_string_truncate (text, 0);
    }
  return TRUE;
}

static GpLineAction
count_func (const char * const  *lines,
            GDataOutputStream   *output,
            gpointer             user_data,
            GError             **error)
{
  guint *count = user_data;

  for (; *lines != NULL; lines++)
    g_assert_cmpuint (g_ascii_strtoull (*lines, NULL, 10), ==, ++*count);
  return GP_LINE_ACTION_KEEP;
}

static void
test_many (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  gboolean slow = g_getenv ("GP_TEST_VALGRIND") != NULL;
  guint expected = gp_test_is_thorough () && !slow ? 5000000 : slow ? 20000 : 500000;
  guint counts[2] = { 0, 0 };
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("numbers", numbers_func, &expected, NULL)));
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_line_stage_new_in_context ("1", count_func, &counts[0], NULL)));
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_line_stage_new_in_context ("2", count_func, &counts[1], NULL)));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (counts[0], ==, expected);
  g_assert_cmpuint (counts[1], ==, expected);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/line-context/keep", test_keep);
  gp_test_add ("/line-context/lines-seen", test_lines_seen);
  gp_test_add ("/line-context/actions", test_actions);
  gp_test_add ("/line-context/function-error", test_function_error);
  gp_test_add ("/line-context/bad-lines", test_bad_lines);
  gp_test_add ("/line-context/finish-early", test_finish_early);
  gp_test_add ("/line-context/main-loop-goes-on", test_main_loop_goes_on);
  gp_test_add ("/line-context/batches-grow", test_batches_grow);
  gp_test_add ("/line-context/back-pressure", test_back_pressure);
  gp_test_add ("/line-context/nothing-waits", test_nothing_waits);
  gp_test_add ("/line-context/without-streams", test_without_streams);
  gp_test_add ("/line-context/cancel/reading", test_cancel_reading);
  gp_test_add ("/line-context/cancel/running", test_cancel_running);
  gp_test_add ("/line-context/reader-leaves", test_reader_leaves);
  gp_test_add ("/line-context/sink-fails", test_sink_fails);
  gp_test_add ("/line-context/caller-streams", test_caller_streams);
  gp_test_add ("/line-context/needs-main-context", test_needs_main_context);
  gp_test_add ("/line-context/other-context", test_other_context);
  gp_test_add ("/line-context/nested", test_nested);
  gp_test_add ("/line-context/split-is-refused", test_split_is_refused);
  gp_test_add ("/line-context/never-started", test_never_started);
  gp_test_add ("/line-context/dropped", test_dropped);
  gp_test_add ("/line-context/output-is-kept", test_output_is_kept);
  gp_test_add ("/line-context/many", test_many);
  return gp_test_run ();
}
