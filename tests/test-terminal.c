/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-leash.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <signal.h>
#include <string.h>

/* A command on a terminal of its own. What it does at that of the program is in
 * test-controlling-terminal.c. */

#define KIB 1024

static GpCommandStage *
on_terminal (GpCommandStage *stage)
{
  gp_command_stage_set_terminal (stage, TRUE);
  return stage;
}

/* --- What it is --------------------------------------------------------------------------- */

static void
check_terminal (gboolean      supervised,
                GpStderrMode  mode,
                const char   *terminals)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "terminal", NULL));
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;

  gp_command_stage_set_supervised (stage, supervised);
  gp_command_stage_set_stderr_mode (stage, mode);
  text = gp_test_output_of (pipeline, NULL);
  expected = g_strdup_printf ("terminals: %s\n"
                              "same terminal: 1\n"
                              "controlling terminal: 1\n"
                              "it is standard input: 1\n"
                              "session leader: 1\n"
                              "foreground: 1\n",
                              terminals);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_kind (void)
{
  check_terminal (TRUE, GP_STDERR_MODE_CAPTURE, "1 1 0");
  check_terminal (FALSE, GP_STDERR_MODE_CAPTURE, "1 1 0");
  check_terminal (TRUE, GP_STDERR_MODE_MERGE, "1 1 1");
  check_terminal (TRUE, GP_STDERR_MODE_DISCARD, "1 1 0");
}

static void
assert_line (GInputStream *stream,
             const char   *expected)
{
  g_autofree char *line = NULL;
  g_autoptr (GError) error = NULL;

  line = g_data_input_stream_read_line (G_DATA_INPUT_STREAM (stream), NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (line, ==, expected);
}

/* (transfer full) */
static GInputStream *
open_lines (GpPipeline *pipeline)
{
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;

  output = gp_pipeline_open_output (pipeline, &error);
  g_assert_no_error (error);
  return G_INPUT_STREAM (g_data_input_stream_new (output));
}

static void
test_size (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "terminal-size", "77", NULL));
  g_autoptr (GInputStream) lines = open_lines (pipeline);
  g_autoptr (GError) error = NULL;

  g_assert_true (gp_test_start (pipeline, NULL, &error));
  assert_line (lines, "80x24");
  gp_command_stage_set_terminal_size (stage, 120, 40);
  assert_line (lines, "120x40");
  gp_command_stage_set_terminal_size (stage, 77, 7);
  assert_line (lines, "77x7");
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
  /* Nobody is there to see it. */
  gp_command_stage_set_terminal_size (stage, 100, 50);
}

static void
test_initial_size (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "terminal-size", "132", NULL));
  g_autofree char *text = NULL;

  gp_command_stage_set_terminal_size (stage, 132, 65535);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "132x65535\n");
}

/* --- Data --------------------------------------------------------------------------------- */

static void
check_cat (const char *text,
           gsize       size,
           gboolean    supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "cat", NULL));
  g_autoptr (GBytes) input = g_bytes_new (text, size);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_supervised (stage, supervised);
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), text, size);
}

static void
test_text (gconstpointer data)
{
  check_cat (data, strlen (data), TRUE);
  check_cat (data, strlen (data), FALSE);
}

/* All that neither is a signal nor an end */
static void
test_all_bytes (void)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (int byte = 0; byte < 256; byte++)
    if (strchr ("\003\004\032\034", byte) == NULL || byte == 0)
      g_string_append_printf (text, "before%c%cafter\n", byte, byte);
  check_cat (text->str, text->len, TRUE);
}

static GString *
new_lines (gsize size,
           gsize longest)
{
  GString *text = g_string_sized_new (size);

  for (gsize i = 0; text->len < size; i++)
    {
      gsize length = (i + 1) * 7919 % longest;

      while (length-- > 0)
        g_string_append_c (text, (char) ('a' + (i + length) % 26));
      g_string_append_c (text, '\n');
    }
  g_string_truncate (text, size);
  return text;
}

/* Also such as no terminal takes at once, which is up to 4095 bytes */
static void
test_lines (gconstpointer data)
{
  g_autoptr (GString) text = new_lines (100 * KIB, GPOINTER_TO_SIZE (data));

  check_cat (text->str, text->len, TRUE);
  check_cat (text->str, text->len, FALSE);
}

/* Around the length at which a line is handed over in pieces */
static void
test_line_lengths (void)
{
  for (gsize length = 1022; length <= 1026; length++)
    {
      g_autofree char *line = g_strnfill (length, 'x');
      g_autofree char *text = g_strdup_printf ("%s\n%s%s", line, line, line);

      check_cat (text, strlen (text), TRUE);
    }
}

static void
test_one_line (void)
{
  g_autofree char *text = g_strnfill (100 * KIB, 'x');

  check_cat (text, strlen (text), TRUE);
}

static gboolean
produce (GInputStream    *input,
         GOutputStream   *output,
         GpStageContext  *context,
         gpointer         user_data,
         GError         **error)
{
  GString *text = user_data;

  return g_output_stream_write_all (output, text->str, text->len, NULL, NULL, error);
}

static gboolean
consume (GInputStream    *input,
         GOutputStream   *output,
         GpStageContext  *context,
         gpointer         user_data,
         GError         **error)
{
  GString *text = user_data;
  char buffer[4 * KIB];
  gssize n;

  while ((n = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    g_string_append_len (text, buffer, n);
  return n == 0;
}

static void
append_function (GpPipeline *pipeline,
                 GpFunction  func,
                 gpointer    user_data)
{
  GpFunctionStage *stage = gp_function_stage_new ("function", func, user_data, NULL);

  gp_pipeline_append (pipeline, GP_STAGE (stage));
}

static void
test_functions (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GString) before = new_lines (100 * KIB, 200);
  g_autoptr (GString) after = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  append_function (pipeline, produce, before);
  on_terminal (gp_test_add_child (pipeline, "cat", NULL));
  append_function (pipeline, consume, after);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (after->str, ==, before->str);
}

/* Bytes that a terminal for people would change */
static void
test_output (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree guint8 *expected = g_malloc (100 * KIB);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_pattern_fill (expected, 100 * KIB, 0);
  on_terminal (gp_test_add_child (pipeline, "spew", "102400", NULL));
  output = gp_test_communicate (pipeline, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), expected, 100 * KIB);
}

/* A terminal whose output nobody wants would stop its command. */
static void
test_unwanted_output (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  on_terminal (gp_test_add_child (pipeline, "spew", "102400", NULL));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_no_input (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "cat", NULL));
  g_autofree char *text = NULL;

  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "");
}

static char *
dup_stderr (GpPipeline *pipeline)
{
  g_autoptr (GpStageStatus) status = NULL;

  status = g_list_model_get_item (gp_pipeline_get_stages (pipeline), 0);
  return gp_stage_status_dup_stderr_text (status);
}

static void
check_stderr (GpStderrMode  mode,
              const char   *expected_output,
              const char   *expected_stderr)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "both", "out\n", "err\n", NULL);
  g_autofree char *text = NULL;
  g_autofree char *stderr_text = NULL;

  on_terminal (stage);
  gp_command_stage_set_stderr_mode (stage, mode);
  text = gp_test_output_of (pipeline, NULL);
  stderr_text = dup_stderr (pipeline);
  g_assert_cmpstr (text, ==, expected_output);
  g_assert_cmpstr (stderr_text, ==, expected_stderr);
}

static void
test_stderr (void)
{
  check_stderr (GP_STDERR_MODE_CAPTURE, "out\n", "err\n");
  check_stderr (GP_STDERR_MODE_MERGE, "out\nerr\n", "");
  check_stderr (GP_STDERR_MODE_DISCARD, "out\n", "");
}

/* --- How it ends -------------------------------------------------------------------------- */

static void
test_exit_status (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  on_terminal (gp_test_add_child (pipeline, "both", "out\n", "err\n", "7", NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_EXIT_ERROR, 7);
  gp_test_assert_message (error, "both: exit status 7: err");
}

/* The end of the terminal is none of the command's: its user goes away when it has ended. */
static void
test_unread_input (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GString) text = new_lines (100 * KIB, 200);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_ignore_pipe_errors (pipeline, TRUE);
  append_function (pipeline, produce, text);
  on_terminal (gp_test_add_child (pipeline, "exit", "0", NULL));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static gboolean
produce_without_end (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  while (g_output_stream_write_all (output, "again\n", 6, NULL, NULL, error))
    continue;
  return FALSE;
}

/* Whether its user types nothing, waits for more to type, or cannot type any more */
static void
test_cancel (gconstpointer data)
{
  const char *input = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GInputStream) source = NULL;
  g_autoptr (GInputStream) lines = NULL;
  g_autoptr (GError) error = NULL;

  if (strcmp (input, "endless") == 0)
    append_function (pipeline, produce_without_end, NULL);
  else if (strcmp (input, "blocked") == 0)
    {
      source = gp_test_watch (gp_test_source_new (0, TRUE));
      gp_pipeline_set_stdin (pipeline, source);
    }
  on_terminal (gp_test_add_child (pipeline, "wait", "ready", NULL));
  lines = open_lines (pipeline);
  g_assert_true (gp_test_start (pipeline, cancellable, &error));
  assert_line (lines, "ready");
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_time_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = on_terminal (gp_test_add_child (pipeline, "wait", NULL));
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_time_limit (stage, 50);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  gp_test_assert_message (error, "wait: it took longer than its time limit of 50 ms");
}

/* What it leaves in its group ends with the terminal: it is hung up. */
static void
test_descendant_in_group (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "leave", "1", "0", "left", NULL);
  g_auto (Leash) leash;
  g_autofree char *text = NULL;

  on_terminal (stage);
  leash_attach (&leash, stage);
  gp_pipeline_set_pipe_hold_timeout (pipeline, 0);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "left");
  leash_await_end (&leash);
}

/* But not what has left the session. */
static void
test_descendant_in_session (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "leave", "s1", "0", "left", NULL);
  g_auto (Leash) leash;
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  on_terminal (stage);
  leash_attach (&leash, stage);
  gp_pipeline_set_pipe_hold_timeout (pipeline, 50);
  output = gp_test_communicate (pipeline, NULL, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  gp_test_assert_message (error, "leave: another process kept its standard output open for more "
                                 "than 50 ms");
  leash_release (&leash);
  leash_await_end (&leash);
}

static void
test_killed_descendant (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "leave", "s1", "0", "left", NULL);
  g_auto (Leash) leash;
  g_autofree char *text = NULL;

  on_terminal (stage);
  leash_attach (&leash, stage);
  gp_pipeline_set_pipe_hold_timeout (pipeline, 0);
  gp_command_stage_set_kill_descendants (stage, TRUE);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "left");
  leash_await_end (&leash);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/terminal/kind", test_kind);
  gp_test_add ("/terminal/size", test_size);
  gp_test_add ("/terminal/initial-size", test_initial_size);
  gp_test_add_data ("/terminal/text/newline", "one\ntwo\n", test_text);
  gp_test_add_data ("/terminal/text/no-newline", "one\ntwo", test_text);
  gp_test_add_data ("/terminal/text/empty-lines", "\n\n\none\n\n", test_text);
  gp_test_add_data ("/terminal/text/empty", "", test_text);
  gp_test_add_data ("/terminal/text/carriage-returns", "one\r\ntwo\rthree\r\n\r", test_text);
  gp_test_add_data ("/terminal/text/utf8", "caf\xc3\xa9 \xe2\x82\xac\ttab\n", test_text);
  gp_test_add ("/terminal/all-bytes", test_all_bytes);
  gp_test_add_data ("/terminal/lines/short", GSIZE_TO_POINTER (200), test_lines);
  gp_test_add_data ("/terminal/lines/long", GSIZE_TO_POINTER (10000), test_lines);
  gp_test_add_data ("/terminal/lines/growing", GSIZE_TO_POINTER (G_MAXINT), test_lines);
  gp_test_add ("/terminal/line-lengths", test_line_lengths);
  gp_test_add ("/terminal/one-line", test_one_line);
  gp_test_add ("/terminal/functions", test_functions);
  gp_test_add ("/terminal/output", test_output);
  gp_test_add ("/terminal/unwanted-output", test_unwanted_output);
  gp_test_add_data ("/terminal/no-input/supervised", GINT_TO_POINTER (TRUE), test_no_input);
  gp_test_add_data ("/terminal/no-input/alone", GINT_TO_POINTER (FALSE), test_no_input);
  gp_test_add ("/terminal/stderr", test_stderr);
  gp_test_add ("/terminal/exit-status", test_exit_status);
  gp_test_add ("/terminal/unread-input", test_unread_input);
  gp_test_add_data ("/terminal/cancel/no-input", "none", test_cancel);
  gp_test_add_data ("/terminal/cancel/blocked-input", "blocked", test_cancel);
  gp_test_add_data ("/terminal/cancel/endless-input", "endless", test_cancel);
  gp_test_add ("/terminal/time-limit", test_time_limit);
  gp_test_add ("/terminal/descendant/in-group", test_descendant_in_group);
  gp_test_add ("/terminal/descendant/in-session", test_descendant_in_session);
  gp_test_add ("/terminal/descendant/killed", test_killed_descendant);
  return gp_test_run ();
}
