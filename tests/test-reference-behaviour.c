/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-filter.h"
#include "gp-test-lines.h"
#include "gp-test-streams.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib-unix.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the reference's own tests expect of it, statement by statement, with the same programs: see
 * doc/reference-parity.md. What they say of memory is in test-reference-memory.c. */

/* --- Exit statuses ---------------------------------------------------------------------------- */

static void
test_false_then_true (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "false", NULL);
  gp_pipeline_append_command (pipeline, "true", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_exit_status (error, 1));
  gp_test_assert_message (error, "false: exit status 1");
}

static void
test_ls_of_nothing (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "ls", "doesnotexist", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_contains (error->message, "ls: exit status 2");
  gp_test_assert_contains (error->message, "doesnotexist");
}

/* --- SIGPIPE ---------------------------------------------------------------------------------- */

static void
append (GpPipeline     *pipeline,
        GpCommandStage *stage,
        gboolean        ignoring)
{
  if (ignoring)
    gp_pipeline_append_ignoring (pipeline, GP_STAGE (stage), gp_error_matcher_new_signal (SIGPIPE));
  else
    gp_pipeline_append (pipeline, GP_STAGE (stage));
}

/* Killed, which is an error unless that is ignored */
static void
assert_sigpipe (GpPipeline *pipeline,
                const char *name,
                gboolean    ignoring)
{
  g_autofree char *start = g_strconcat (name, ": killed by SIGPIPE", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (gp_test_wait (pipeline, &error), ==, ignoring);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGPIPE);
  if (ignoring)
    return;
  g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE);
  g_assert_true (gp_error_matches_pipe (error));
  g_assert_true (g_str_has_prefix (error->message, start));
}

static gboolean
has_second_succeeded (gpointer data)
{
  GpStageStatus *status = gp_pipeline_get_status (data, 1);

  return gp_stage_status_get_state (status) == GP_STAGE_STATE_SUCCEEDED;
}

/* It writes when nobody can read any more: not a second later, but when the test says so. */
static void
test_late_writer (gconstpointer data)
{
  gboolean ignoring = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;

  append (pipeline, gp_command_stage_new ("sh", "-c", "read x; echo foo", NULL), ignoring);
  gp_pipeline_append_command (pipeline, "true", NULL);
  input = gp_pipeline_open_input (pipeline, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the second stage to end", has_second_succeeded, pipeline);
  g_assert_true (g_output_stream_write_all (input, "\n", 1, NULL, NULL, NULL));
  assert_sigpipe (pipeline, "sh", ignoring);
  g_output_stream_close (input, NULL, NULL);
}

static void
test_big_writer (gconstpointer data)
{
  gboolean ignoring = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  append (pipeline, gp_command_stage_new ("seq", "100000", NULL), ignoring);
  gp_pipeline_append_command (pipeline, "true", NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  assert_sigpipe (pipeline, "seq", ignoring);
}

/* --- The ends of the pipeline ----------------------------------------------------------------- */

/* More than a pipe holds */
#define SLOWLY_READ 100000

/* The ends of a pipe, or of a socket, which a command writes to through a pump */
static void
open_slow (gboolean is_socket,
           int      fds[2])
{
  if (!is_socket)
    {
      gp_test_open_pipe (fds);
      return;
    }
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  g_assert_true (g_unix_set_fd_nonblocking (fds[1], TRUE, NULL));
}

/* Byte by byte: each is the right one, and then comes the end. */
static void
test_slow_reader (gconstpointer data)
{
  const char *kinds = data;
  gboolean is_socket = g_str_has_suffix (kinds, "p");
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = NULL;
  g_autofree char *size = g_strdup_printf ("%d", SLOWLY_READ);
  g_autofree guint8 *pattern = g_malloc (SLOWLY_READ);
  guint8 byte;
  int fds[2];

  open_slow (is_socket, fds);
  output = g_unix_output_stream_new (fds[1], TRUE);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_child (pipeline, "spew", size, NULL);
  if (g_str_has_prefix (kinds, "f"))
    gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));

  gp_test_pattern_fill (pattern, SLOWLY_READ, 0);
  for (int i = 0; i < SLOWLY_READ; i++)
    {
      g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
      g_assert_cmpint (byte, ==, pattern[i]);
    }
  g_assert_cmpint (read (fds[0], &byte, 1), ==, 0);
  close (fds[0]);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_true (g_output_stream_is_closed (output));
}

/* Neither read by the command, nor ever closed */
static void
test_idle_stdin (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = NULL;
  g_autofree char *output = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  input = g_unix_input_stream_new (fds[0], TRUE);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_append_command (pipeline, "echo", "text", NULL);
  gp_pipeline_append_command (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "text\n");
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
  close (fds[1]);
}

/* --- Mixed pipelines -------------------------------------------------------------------------- */

static void
test_command_function_command (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_pipeline_append_command (pipeline, "echo", "hello world", NULL);
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  gp_pipeline_append_command (pipeline, "tr", "a-z", "A-Z", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "HELLO WORLD\n");
}

static void
test_function_line_scanner (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP, .write = "a line is " };
  g_auto (GpTestLines) words = { .action = GP_LINE_ACTION_KEEP };
  guint n_lines = 3;
  g_autofree char *output = NULL;

  gp_test_append_numbers (pipeline, &n_lines);
  gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
  gp_line_stage_set_separator (gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &words),
                               GP_LINE_SEPARATOR_WORDS);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (lines.seen->str, ==, "1|2|3|");
  g_assert_cmpstr (words.seen->str, ==, "a|line|is|1|a|line|is|2|a|line|is|3|");
  g_assert_cmpstr (output, ==, "a line is 1\na line is 2\na line is 3\n");
}

static void
test_output_before_ignored_error (void)
{
  GpErrorMatcher *matcher = gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_FAILED);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_pipeline_append_ignoring (pipeline,
                               GP_STAGE (gp_function_stage_new ("seven", write_seven_lines_func,
                                                                NULL, NULL)),
                               matcher);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpuint (strlen (output), ==, 14);
  g_assert_cmpstr (output, ==, "1\n2\n3\n4\n5\n6\n7\n");
}

/* --- Starts that fail ------------------------------------------------------------------------- */

static void
test_first_fails_to_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *second;

  gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  second = gp_test_add_probe (pipeline, "second", GP_TEST_END_ERROR);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  gp_test_assert_contains (error->message, "starting stage \"program\"");
  g_assert_cmpuint (gp_test_probe_get_n_runs (second), ==, 0);
  assert_state (pipeline, 1, GP_STAGE_STATE_NOT_STARTED);
}

/* Blocked in its stream as soon as that is full, or for want of anything to read */
static gboolean
blocked_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  static const char block[1000];
  gboolean success = TRUE;

  while (success)
    success = g_output_stream_write_all (output, block, sizeof block, NULL, NULL, error);
  g_atomic_int_inc ((int *) user_data);
  return FALSE;
}

/* A command and a function, each of which would write for ever */
static void
check_second_fails (gboolean is_function)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStageStatus *first;
  int n_ended = 0;

  gp_pipeline_set_abandon_delay (pipeline, 100000000);
  if (is_function)
    gp_test_add_function (pipeline, "blocked", blocked_func, &n_ended);
  else
    gp_test_add_child (pipeline, "spew", NULL);
  gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  gp_test_assert_contains (error->message, "starting stage \"program\"");
  first = gp_pipeline_get_status (pipeline, 0);
  g_assert_cmpint (gp_stage_status_get_started_at (first), >, 0);
  g_assert_cmpint (gp_stage_status_get_state (first), ==, GP_STAGE_STATE_FAILED);
  g_assert_cmpint (g_atomic_int_get (&n_ended), ==, is_function);
}

static void
test_second_fails_to_start (void)
{
  check_second_fails (FALSE);
  check_second_fails (TRUE);
}

static gboolean
has_no_more_fds (gpointer n_before)
{
  return gp_test_count_fds () <= GPOINTER_TO_UINT (n_before);
}

/* Nothing is left after any of them, not only after the last. */
static void
test_fifty_failed_starts (void)
{
  gpointer n_fds = GUINT_TO_POINTER (gp_test_count_fds ());

  for (int i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_append_command (pipeline, "cat", NULL);
      gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      g_clear_object (&pipeline);
      gp_test_wait_busy_threads ();
      gp_test_wait_until ("descriptors to be closed", has_no_more_fds, n_fds);
    }
}

/* --- Descendants ------------------------------------------------------------------------------ */

#define N_SHELLS 5

/* Each tells its id, starts the next one and waits for it; the last one reads. */
#define SHELL_SCRIPT \
  "echo $$; if [ $1 -gt 1 ]; then sh -c \"$0\" \"$0\" $(($1 - 1)); else read x; fi; :"

typedef struct
{
  GpPipeline     *pipeline; /* owned, as are the streams */
  GpCommandStage *command;
  GOutputStream  *input;
  GInputStream   *output;
  int             pids[N_SHELLS];
} Shells;

static void
shells_start (Shells *self)
{
  g_autoptr (GDataInputStream) lines = NULL;

  self->pipeline = gp_test_pipeline_new ();
  self->command = gp_pipeline_append_command (self->pipeline, "sh", "-c", SHELL_SCRIPT, SHELL_SCRIPT,
                                              G_STRINGIFY (N_SHELLS), NULL);
  self->input = gp_pipeline_open_input (self->pipeline, NULL);
  self->output = gp_pipeline_open_output (self->pipeline, NULL);
  g_assert_true (gp_test_start (self->pipeline, NULL, NULL));

  lines = g_data_input_stream_new (self->output);
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (lines), FALSE);
  for (int i = 0; i < N_SHELLS; i++)
    {
      g_autofree char *line = g_data_input_stream_read_line (lines, NULL, NULL, NULL);

      self->pids[i] = atoi (line);
    }
}

static void
shells_clear (Shells *self)
{
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_object (&self->pipeline);
}

/* Bytes; 0: it is no more */
static guint64
get_resident (int pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  line = strstr (text, "\nVmRSS:");
  return line != NULL ? g_ascii_strtoull (line + strlen ("\nVmRSS:"), NULL, 10) * 1024 : 0;
}

/* All wait, and their memory is just that of the five together: none is missing, and nobody else is
 * counted, such as the five that another command has. */
static gboolean
is_sum_of_five (gpointer data)
{
  Shells *self = data;
  guint64 memory, sum = 0;

  for (int i = 0; i < N_SHELLS; i++)
    {
      guint64 resident = get_resident (self->pids[i]);

      g_assert_cmpuint (resident, >, 0);
      sum += resident;
    }
  g_assert_true (gp_limitable_measure (GP_LIMITABLE (self->command), &memory, NULL));
  return memory == sum;
}

static gboolean
are_gone (gpointer data)
{
  Shells *self = data;
  gboolean gone = TRUE;

  for (int i = 0; i < N_SHELLS; i++)
    gone = gone && get_resident (self->pids[i]) == 0;
  return gone;
}

/* Found when they are measured, and when they are ended: these five, and no others */
static void
test_five_nested_shells (void)
{
  Shells shells = { 0, }, others = { 0, };

  shells_start (&shells);
  shells_start (&others);
  gp_test_wait_until ("the memory of five shells", is_sum_of_five, &shells);
  gp_test_wait_until ("the memory of the other five", is_sum_of_five, &others);

  gp_pipeline_cancel (shells.pipeline);
  gp_test_assert_cancelled (shells.pipeline);
  gp_test_wait_until ("five shells to end", are_gone, &shells);
  for (int i = 0; i < N_SHELLS; i++)
    g_assert_cmpuint (get_resident (others.pids[i]), >, 0);
  g_assert_true (g_output_stream_write_all (others.input, "\n", 1, NULL, NULL, NULL));
  g_assert_true (gp_test_wait (others.pipeline, NULL));
  shells_clear (&shells);
  shells_clear (&others);
}

int
main (int    argc,
      char **argv)
{
  gpointer ignoring = GINT_TO_POINTER (TRUE);

  gp_test_init (&argc, &argv);
  gp_test_add ("/reference/behaviour/false-then-true", test_false_then_true);
  gp_test_add ("/reference/behaviour/ls-of-nothing", test_ls_of_nothing);
  gp_test_add_data ("/reference/behaviour/late-writer/error", NULL, test_late_writer);
  gp_test_add_data ("/reference/behaviour/late-writer/ignored", ignoring, test_late_writer);
  gp_test_add_data ("/reference/behaviour/big-writer/error", NULL, test_big_writer);
  gp_test_add_data ("/reference/behaviour/big-writer/ignored", ignoring, test_big_writer);
  gp_test_add_data ("/reference/behaviour/slow-reader/of-command", "c", test_slow_reader);
  gp_test_add_data ("/reference/behaviour/slow-reader/of-function", "f", test_slow_reader);
  gp_test_add_data ("/reference/behaviour/slow-reader/of-pump", "cp", test_slow_reader);
  gp_test_add ("/reference/behaviour/idle-stdin", test_idle_stdin);
  gp_test_add ("/reference/behaviour/command-function-command", test_command_function_command);
  gp_test_add ("/reference/behaviour/function-line-scanner", test_function_line_scanner);
  gp_test_add ("/reference/behaviour/output-before-ignored-error",
               test_output_before_ignored_error);
  gp_test_add ("/reference/behaviour/first-fails-to-start", test_first_fails_to_start);
  gp_test_add ("/reference/behaviour/second-fails-to-start", test_second_fails_to_start);
  gp_test_add ("/reference/behaviour/fifty-failed-starts", test_fifty_failed_starts);
  gp_test_add ("/reference/behaviour/five-nested-sh", test_five_nested_shells);
  return gp_test_run ();
}
