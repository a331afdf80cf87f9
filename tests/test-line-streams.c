/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-lines.h"
#include "gp-test-streams.h"

#include <stdio.h>
#include <unistd.h>

/* A sanitizer keeps what was freed for a while, so memory grows with what was allocated. */
#if defined (__SANITIZE_ADDRESS__) || defined (__SANITIZE_THREAD__)
#define MEMORY_IS_KEPT TRUE
#else
#define MEMORY_IS_KEPT FALSE
#endif

static GpLineStage *
append (GpPipeline    *pipeline,
        gconstpointer  kind,
        GpTestLines   *lines)
{
  return gp_test_append_lines (pipeline, GPOINTER_TO_UINT (kind), lines);
}

static gboolean
write_pieces (GDataOutputStream  *output,
              guint64            *offset,
              gboolean            flush,
              GError            **error)
{
  static const gsize sizes[] = { 1, 65535, 1, 65536, 70000, 300000, 7, 65529, 2 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *data = g_malloc (sizes[i]);

      gp_test_pattern_fill (data, sizes[i], *offset);
      if (!g_output_stream_write_all (G_OUTPUT_STREAM (output), data, sizes[i], NULL, NULL, error))
        return FALSE;
      *offset += sizes[i];
      if (flush && i % 3 == 0 && !g_output_stream_flush (G_OUTPUT_STREAM (output), NULL, error))
        return FALSE;
    }
  return TRUE;
}

static GpLineAction
big_writes_func (GBytes             *line,
                 GDataOutputStream  *output,
                 gpointer            user_data,
                 GError            **error)
{
  return write_pieces (output, user_data, g_bytes_get_size (line) > 0, error)
           ? GP_LINE_ACTION_DROP : GP_LINE_ACTION_FAULT;
}

static GpLineAction
big_batch_writes_func (const char * const  *lines,
                       GDataOutputStream   *output,
                       gpointer             user_data,
                       GError             **error)
{
  return write_pieces (output, user_data, *lines[0] != '\0', error)
           ? GP_LINE_ACTION_DROP : GP_LINE_ACTION_FAULT;
}

/* Around the size of the buffer no byte is lost, doubled or out of order. */
static void
test_big_writes (gconstpointer kind)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      guint64 offset = 0;
      GpLineStage *stage;
      g_autoptr (GBytes) output = NULL;
      g_autofree guint8 *expected = NULL;
      g_autoptr (GError) error = NULL;

      if (GPOINTER_TO_UINT (kind) == GP_TEST_BATCH_LINES)
        stage = gp_line_stage_new_in_context ("big", big_batch_writes_func, &offset, NULL);
      else
        stage = gp_line_stage_new_bytes ("big", big_writes_func, &offset, NULL);
      gp_pipeline_append (pipeline, GP_STAGE (stage));
      if (i == 1)
        gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_lines_output (pipeline, "\n\nflush\nflush\n", -1, &error);
      g_assert_no_error (error);
      expected = g_malloc (offset);
      gp_test_pattern_fill (expected, offset, 0);
      gp_test_assert_bytes (output, (const char *) expected, offset);
    }
}

/* What the function wrote does not wait for more input. */
static void
test_nothing_waits (gconstpointer kind)
{
  static const char *const rows[] = { "l", "cl", "lc" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
      g_autoptr (GOutputStream) input = NULL;
      g_autoptr (GInputStream) output = NULL;
      g_autoptr (GError) error = NULL;

      for (const char *p = rows[i]; *p != '\0'; p++)
        {
          if (*p == 'l')
            append (pipeline, kind, &lines);
          else
            gp_test_add_child (pipeline, "cat", NULL);
        }
      input = gp_pipeline_open_input (pipeline, &error);
      output = gp_pipeline_open_output (pipeline, &error);
      g_assert_no_error (error);
      gp_test_start (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_output_stream_write_all (input, "a\nb\nc", 5, NULL, NULL, NULL);
      gp_test_assert_comes (output, "a\nb\n");
      g_output_stream_write_all (input, "d\n", 2, NULL, NULL, NULL);
      gp_test_assert_comes (output, "cd\n");
      g_output_stream_close (input, NULL, NULL);
      gp_test_wait (pipeline, &error);
      g_assert_no_error (error);
    }
}

static void
test_without_streams (gconstpointer kind)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP, .write = "+" };
      guint n_lines = 100000;
      g_autoptr (GError) error = NULL;

      if (i == 1)
        gp_test_append_numbers (pipeline, &n_lines);
      append (pipeline, kind, &lines);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (lines.n_lines, ==, i == 0 ? 0 : n_lines);
    }
}

/* A function that overlooks that nobody reads any more cannot go on for ever. */
static void
test_reader_leaves (gconstpointer kind)
{
  static const char *const rows[] = { "head", "exit" };

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = {
        .action = i % 2 == 0 ? GP_LINE_ACTION_KEEP : GP_LINE_ACTION_DROP,
        .write = "+",
        .ignores_errors = TRUE,
      };
      g_autoptr (GError) error = NULL;

      gp_test_append_endless (pipeline);
      append (pipeline, kind, &lines);
      gp_test_add_child (pipeline, rows[i / 2], "0", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_true (gp_error_matches_pipe (error));
      gp_test_assert_contains (error->message, "lines: ");
    }
}

static void
test_cancel_reading (gconstpointer kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "wait", NULL);
  append (pipeline, kind, &lines);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_cancel_writing (gconstpointer kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_watch (gp_test_sink_new (1000, NULL));
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) stage_error = NULL;

  gp_test_append_endless (pipeline);
  append (pipeline, kind, &lines);
  gp_pipeline_set_stdout (pipeline, sink);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the writer to block", gp_test_sink_is_blocked, sink);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  stage_error = gp_stage_status_dup_error (gp_pipeline_get_status (pipeline, 1));
  g_assert_error (stage_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* With many lines still in the buffer: none of them comes any more. */
static void
test_cancel_between_lines (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestGate) gate = { 0, };
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP, .gate = &gate };
  g_autoptr (GError) error = NULL;

  gp_test_gate_init (&gate);
  gp_test_append_endless (pipeline);
  gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the first line", gp_test_gate_is_waited_at, &gate);
  gp_pipeline_cancel (pipeline);
  gp_test_gate_open (&gate);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (lines.n_lines, ==, 1);
}

static gboolean
has_many_lines (gpointer data)
{
  return ((GpTestLines *) data)->n_lines > 1000;
}

static void
test_cancel_between_batches (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GError) error = NULL;

  gp_test_append_endless (pipeline);
  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("lines", has_many_lines, &lines);
  gp_pipeline_cancel (pipeline);
  lines.n_lines = 0;
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (lines.n_lines, ==, 0);
}

/* Keeps a reference on its output, and closes it if it was told to */
static gboolean
steal_output (const char         *line,
              GDataOutputStream  *output,
              GDataOutputStream **stolen)
{
  g_set_object (stolen, output);
  g_assert_true (g_data_output_stream_put_string (output, line, NULL, NULL));
  if (strcmp (line, "close") == 0)
    {
      g_assert_true (g_output_stream_close (G_OUTPUT_STREAM (output), NULL, NULL));
      g_assert_false (g_data_output_stream_put_string (output, "lost", NULL, NULL));
    }
  return TRUE;
}

static GpLineAction
steal_output_func (const char         *line,
                   GDataOutputStream  *output,
                   gpointer            user_data,
                   GError            **error)
{
  steal_output (line, output, user_data);
  return GP_LINE_ACTION_DROP;
}

static GpLineAction
steal_batch_output_func (const char * const  *lines,
                         GDataOutputStream   *output,
                         gpointer             user_data,
                         GError             **error)
{
  for (; *lines != NULL; lines++)
    steal_output (*lines, output, user_data);
  return GP_LINE_ACTION_DROP;
}

/* A function that keeps its output, or closes it, does no harm. */
static void
test_output_is_kept (gconstpointer kind)
{
  static const char *const rows[] = { "a", "a\nclose" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GDataOutputStream) stolen = NULL;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpLineStage *stage;
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      if (GPOINTER_TO_UINT (kind) == GP_TEST_BATCH_LINES)
        stage = gp_line_stage_new_in_context ("thief", steal_batch_output_func, &stolen, NULL);
      else
        stage = gp_line_stage_new ("thief", steal_output_func, &stolen, NULL);
      gp_pipeline_append (pipeline, GP_STAGE (stage));
      output = gp_test_lines_output (pipeline, rows[i], -1, &error);
      g_assert_no_error (error);
      gp_test_assert_bytes (output, i == 0 ? "a" : "aclose", -1);
      g_assert_false (g_data_output_stream_put_string (stolen, "late", NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
    }
}

static void
run_with_caller_streams (gconstpointer  kind,
                         GpTestLines   *lines,
                         const char    *expected)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (memory);
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("a\nb\n", 4, NULL);
  g_autoptr (GError) error = NULL;

  append (pipeline, kind, lines);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, buffered);
  g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, lines->last_error == NULL);
  g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (memory)),
                   g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory)),
                   expected, strlen (expected));
  g_assert_false (g_output_stream_is_closed (buffered));
}

/* The caller's streams are used as they are, and what lies behind them is flushed at the end,
 * whatever that is. */
static void
test_caller_streams (gconstpointer kind)
{
  g_auto (GpTestLines) all = { .action = GP_LINE_ACTION_KEEP };
  g_auto (GpTestLines) enough = { .action = GP_LINE_ACTION_KEEP, .last = 2,
                                  .last_action = GP_LINE_ACTION_FINISH };
  g_auto (GpTestLines) bad = { .action = GP_LINE_ACTION_KEEP, .last = 2,
                               .last_action = GP_LINE_ACTION_FAULT };

  bad.last_error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_INVAL, "own");
  run_with_caller_streams (kind, &all, "a\nb\n");
  run_with_caller_streams (kind, &enough, "a\n");
  run_with_caller_streams (kind, &bad, "a\n");
}

/* What cannot be written is no success, also where the function wants no more, and least where it
 * cannot be written before the end. An error of the function's own goes first. */
static void
test_sink_fails (gconstpointer kind)
{
  static const GpLineAction actions[] = { GP_LINE_ACTION_KEEP, GP_LINE_ACTION_DROP,
                                          GP_LINE_ACTION_FINISH, GP_LINE_ACTION_FAULT };

  for (gsize i = 0; i < G_N_ELEMENTS (actions); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) sink =
        gp_test_watch (gp_test_sink_new (1, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full")));
      g_auto (GpTestLines) lines = { .action = actions[i], .write = "++", .last = 1,
                                     .last_action = actions[i] };
      g_autoptr (GError) error = NULL;

      if (actions[i] == GP_LINE_ACTION_FAULT)
        lines.last_error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_INVAL, "own");
      gp_test_append_endless (pipeline);
      append (pipeline, kind, &lines);
      gp_pipeline_set_stdout (pipeline, sink);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      gp_test_assert_message (error, actions[i] == GP_LINE_ACTION_FAULT ? "lines: own" : "lines: full");
    }
}

static gboolean
producer_has_failed (gpointer pipeline)
{
  return gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)) == GP_STAGE_STATE_FAILED;
}

/* The stage before learns at once that no more lines are wanted, although writing goes on. */
static void
test_finish_while_writing (gconstpointer kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_watch (gp_test_sink_new (1, NULL));
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_FINISH, .write = "++" };
  g_autoptr (GError) error = NULL;

  gp_test_append_endless (pipeline);
  append (pipeline, kind, &lines);
  gp_pipeline_set_stdout (pipeline, sink);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the writer to block", gp_test_sink_is_blocked, sink);
  gp_test_wait_until ("the stage before to end", producer_has_failed, pipeline);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
}

/* While the reader takes nothing, no more lines are read, and the main loop goes on. */
static void
test_back_pressure (gconstpointer kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_watch (gp_test_sink_new (100000, NULL));
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;
  guint n_lines;

  gp_test_append_endless (pipeline);
  append (pipeline, kind, &lines);
  gp_pipeline_set_stdout (pipeline, sink);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the writer to block", gp_test_sink_is_blocked, sink);
  n_lines = g_atomic_int_get (&lines.n_lines);
  g_assert_cmpuint (n_lines, <, (100000 + 1024 * 1024) / 16);
  for (int i = 0; i < 1000; i++)
    {
      g_main_context_iteration (NULL, FALSE);
      g_thread_yield ();
    }
  g_assert_cmpuint (g_atomic_int_get (&lines.n_lines), ==, n_lines);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- Many lines ---------------------------------------------------------------------------- */

typedef struct
{
  guint n_lines;
  long  first_kib;
  long  most_kib;
} Count;

static long
resident_kib (void)
{
  g_autofree char *text = NULL;
  long size, resident;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%ld %ld", &size, &resident), ==, 2);
  return resident * (sysconf (_SC_PAGESIZE) / 1024);
}

static void
count_line (Count      *count,
            const char *line)
{
  g_assert_cmpuint (g_ascii_strtoull (line, NULL, 10), ==, ++count->n_lines);
  if (count->n_lines % 50000 == 0)
    {
      long kib = resident_kib ();

      if (count->first_kib == 0)
        count->first_kib = kib;
      count->most_kib = MAX (count->most_kib, kib);
    }
}

static GpLineAction
count_func (const char         *line,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  count_line (user_data, line);
  return GP_LINE_ACTION_KEEP;
}

static GpLineAction
count_batch_func (const char * const  *lines,
                  GDataOutputStream   *output,
                  gpointer             user_data,
                  GError             **error)
{
  for (; *lines != NULL; lines++)
    count_line (user_data, *lines);
  return GP_LINE_ACTION_KEEP;
}

/* Millions of lines take no more memory than some. */
static void
test_many (gconstpointer kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  guint n_lines = gp_test_many_lines ();
  Count counts[2] = { 0, };
  g_autoptr (GError) error = NULL;

  gp_test_append_numbers (pipeline, &n_lines);
  for (int i = 0; i < 2; i++)
    {
      GpLineStage *stage;

      if (GPOINTER_TO_UINT (kind) == GP_TEST_BATCH_LINES)
        stage = gp_line_stage_new_in_context ("count", count_batch_func, &counts[i], NULL);
      else
        stage = gp_line_stage_new ("count", count_func, &counts[i], NULL);
      gp_pipeline_append (pipeline, GP_STAGE (stage));
      gp_test_add_child (pipeline, "cat", NULL);
    }
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 2; i++)
    {
      g_assert_cmpuint (counts[i].n_lines, ==, n_lines);
      if (!MEMORY_IS_KEPT)
        g_assert_cmpint (counts[i].most_kib - counts[i].first_kib, <, 8 * 1024);
    }
}

static void
add_for_both (const char    *name,
              GTestDataFunc  func)
{
  g_autofree char *thread_path = g_strconcat ("/line-streams/thread/", name, NULL);
  g_autofree char *context_path = g_strconcat ("/line-streams/context/", name, NULL);

  gp_test_add_data (thread_path, GUINT_TO_POINTER (GP_TEST_TEXT_LINES), func);
  gp_test_add_data (context_path, GUINT_TO_POINTER (GP_TEST_BATCH_LINES), func);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_for_both ("big-writes", test_big_writes);
  add_for_both ("nothing-waits", test_nothing_waits);
  add_for_both ("without-streams", test_without_streams);
  add_for_both ("reader-leaves", test_reader_leaves);
  add_for_both ("cancel-reading", test_cancel_reading);
  add_for_both ("cancel-writing", test_cancel_writing);
  gp_test_add ("/line-streams/thread/cancel-between-lines", test_cancel_between_lines);
  gp_test_add ("/line-streams/context/cancel-between-batches", test_cancel_between_batches);
  add_for_both ("output-is-kept", test_output_is_kept);
  add_for_both ("caller-streams", test_caller_streams);
  add_for_both ("sink-fails", test_sink_fails);
  add_for_both ("finish-while-writing", test_finish_while_writing);
  add_for_both ("back-pressure", test_back_pressure);
  add_for_both ("many", test_many);
  return gp_test_run ();
}
