/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-leash.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <stdlib.h>

/* As test-reference-features.c: the rows about commands */

/* --- command ---------------------------------------------------------------------------------- */

#define ODD_ARGUMENTS "a b", "", "$HOME", "'", "*", "-x"

/* Each argument is a line of the output. */
static void
test_arguments (void)
{
  const char *argv[] = { gp_test_child (), "argv", ODD_ARGUMENTS, NULL };
  GpCommandStage *stages[] = {
    gp_command_stage_new (gp_test_child (), "argv", ODD_ARGUMENTS, NULL),
    gp_command_stage_newv (argv),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (stages); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      gp_pipeline_append (pipeline, GP_STAGE (stages[i]));
      output = gp_test_output_of (pipeline, NULL);
      g_assert_cmpstr (output, ==, "a b\n\n$HOME\n'\n*\n-x\n");
    }
}

static void
test_string (void)
{
  g_autofree char *text = g_strconcat (gp_test_child (), " argv 'a b' \"c  d\" e\\ f '$HOME | *' ''",
                                       NULL);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GpCommandStage) refused = NULL;
  GpCommandStage *command;
  g_autofree char *output = NULL;

  command = gp_command_stage_new_from_string (text, &error);
  g_assert_no_error (error);
  gp_pipeline_append (pipeline, GP_STAGE (command));
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "a b\nc  d\ne f\n$HOME | *\n\n");

  /* There is no shell to do this. */
  refused = gp_command_stage_new_from_string ("echo a > b", &error);
  g_assert_null (refused);
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
}

static void
assert_written (GOutputStream *stream,
                const char    *expected)
{
  GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM (stream);

  g_assert_cmpmem (g_memory_output_stream_get_data (memory),
                   g_memory_output_stream_get_data_size (memory),
                   expected, strlen (expected));
}

/* A command that brings all of its own: nothing of it is the pipeline's. */
static void
test_prepared (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("input\n", 6, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) messages = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;

  gp_pipeline_set_directory (pipeline, "/nonexistent");
  gp_pipeline_setenv (pipeline, "V_ONE", "pipeline", TRUE);
  command = gp_pipeline_append_command (pipeline, "sh", "-c",
                                        "cat; pwd -P; echo $V_ONE; echo message >&2", NULL);
  gp_command_stage_set_name (command, "prepared");
  gp_command_stage_set_directory (command, "/");
  gp_command_stage_setenv (command, "V_ONE", "stage", TRUE);
  gp_command_stage_set_stdin (command, input);
  gp_command_stage_set_stdout (command, output);
  gp_command_stage_set_stderr_mode (command, GP_STDERR_MODE_STREAM);
  gp_command_stage_set_stderr_stream (command, messages);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  assert_written (output, "input\n/\nstage\n");
  assert_written (messages, "message\n");
}

/* --- preset-streams --------------------------------------------------------------------------- */

/* At an end of the pipeline that has no stream */
static void
test_preset_honoured (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("preset", 6, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  GpCommandStage *first = gp_test_add_child (pipeline, "cat", NULL);
  GpCommandStage *last = gp_test_add_child (pipeline, "cat", NULL);

  gp_command_stage_set_stdin (first, input);
  gp_command_stage_set_stdout (last, output);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  assert_written (output, "preset");
}

/* 0: with the stage before, 1: the stage after, 2 and 3: the streams of the pipeline */
static void
check_conflict (int which)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *preset;

  if (which == 0)
    gp_test_add_child (pipeline, "echo", "not started", NULL);
  preset = gp_test_add_child (pipeline, "cat", NULL);
  if (which == 1)
    gp_test_add_child (pipeline, "cat", NULL);
  if (which % 2 == 0)
    gp_command_stage_set_stdin (preset, input);
  else
    gp_command_stage_set_stdout (preset, output);
  if (which == 2)
    gp_pipeline_set_stdin (pipeline, input);
  if (which == 3)
    gp_pipeline_set_stdout (pipeline, output);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "stage \"cat\": it has a standard");
  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, i)), ==,
                     GP_STAGE_STATE_NOT_STARTED);
}

static void
test_preset_conflict (void)
{
  for (int which = 0; which < 4; which++)
    check_conflict (which);
}

/* --- empty-command-name ----------------------------------------------------------------------- */

/* Building goes on, the start says what is wrong, and everything can be asked afterwards. */
static void
test_empty_name (void)
{
  static const char * const no_argv[] = { NULL };

  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (GError) wait_error = NULL;

      gp_test_add_child (pipeline, "echo", "text", NULL);
      if (i == 0)
        gp_pipeline_append_command (pipeline, "", NULL);
      else
        gp_pipeline_append_commandv (pipeline, no_argv);
      gp_test_add_child (pipeline, "cat", NULL);
      gp_pipeline_setenv (pipeline, "V_ONE", "1", TRUE);
      g_assert_false (gp_test_start (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      gp_test_assert_contains (error->message, "the command is empty");

      g_assert_false (gp_test_wait (pipeline, &wait_error));
      gp_test_assert_message (wait_error, error->message);
      g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_FAILED);
      g_assert_cmpuint (gp_pipeline_get_n_stages (pipeline), ==, 3);
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 2)), ==,
                       GP_STAGE_STATE_NOT_STARTED);
      gp_pipeline_cancel (pipeline);
    }
}

/* --- stderr ----------------------------------------------------------------------------------- */

static void
test_stderr_collected (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gp_test_add_child (pipeline, "stderr", "cannot open x\n", "2", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_true (gp_error_matches_exit_status (error, 2));
  gp_test_assert_message (error, "stderr: exit status 2: cannot open x");
  text = gp_stage_status_dup_stderr_text (gp_pipeline_get_status (pipeline, 0));
  g_assert_cmpstr (text, ==, "cannot open x\n");
}

static void
test_stderr_bounded (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStageStatus *status;
  g_autoptr (GBytes) kept = NULL;

  gp_pipeline_append_command (pipeline, "sh", "-c",
                              "\"$0\" spew-stderr 5000000; echo last words >&2; exit 2",
                              gp_test_child (), NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_contains (error->message, "last words");
  g_assert_cmpuint (strlen (error->message), <, 100000);
  status = gp_pipeline_get_status (pipeline, 0);
  kept = gp_stage_status_dup_stderr_bytes (status);
  g_assert_cmpuint (g_bytes_get_size (kept), ==, 65536);
  g_assert_cmpuint (gp_stage_status_get_stderr_dropped (status), ==, 5000000 + 11 - 65536);
}

/* --- process-group ---------------------------------------------------------------------------- */

static void
start (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_own_group (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "pgid", NULL);
  g_autofree char *expected = NULL;
  g_autofree char *output = NULL;
  int pid;

  /* The default as well, unless the test program is in the foreground of a terminal */
  gp_command_stage_set_process_group (command, GP_PROCESS_GROUP_OWN);
  output = gp_test_output_of (pipeline, NULL);
  pid = gp_stage_status_get_pid (gp_pipeline_get_status (pipeline, 0));
  expected = g_strdup_printf ("%d %d\n", pid, pid);
  g_assert_cmpstr (output, ==, expected);
  g_assert_cmpint (pid, !=, getpgrp ());
}

/* Asked to end, it does, with all of its group; what it dies of is not the error. */
static void
test_cancel_asks (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  int fd = gp_test_connect_output (pipeline);
  GpCommandStage *command = gp_test_add_child (pipeline, "grandchild-wait", "!", NULL);
  char text[2];

  gp_command_stage_set_kill_delay (command, 100000000);
  start (pipeline);
  g_assert_cmpint (read (fd, text, 2), ==, 2);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGTERM);
  /* Nobody of the group is left to write. */
  g_assert_cmpint (read (fd, text, 1), ==, 0);
  close (fd);
}

/* It was asked first, and killed no sooner than the delay says. */
static void
test_cancel_kills (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "leave", "i", "terms", NULL);
  g_auto (Leash) leash;
  gint64 begin;

  g_assert_cmpuint (gp_command_stage_get_kill_delay (command), ==, 2000);
  gp_command_stage_set_kill_delay (command, 100);
  leash_attach (&leash, command);
  start (pipeline);
  leash_await_ready (&leash);
  begin = g_get_monotonic_time ();
  gp_pipeline_cancel (pipeline);
  g_assert_cmpint (leash_read (&leash), ==, 'T');
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 100 * 1000);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGKILL);
  leash_await_end (&leash);
}

/* --- kill ------------------------------------------------------------------------------------- */

/* In every way that there is */
static void
end_by_force (GpPipeline     *pipeline,
              GpCommandStage *command)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "killed");

  gp_pipeline_cancel (pipeline);
  gp_limitable_kill (GP_LIMITABLE (command), reason);
  g_assert_false (gp_command_stage_send_signal (command, SIGKILL));
}

static void
test_kill_before_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "echo", "unharmed", NULL);
  g_autofree char *output = NULL;

  end_by_force (pipeline, command);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "unharmed\n");
}

static void
test_kill_after_failed_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *before = gp_test_add_child (pipeline, "cat", NULL);
  GpCommandStage *missing = gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  GpCommandStage *after = gp_test_add_child (pipeline, "cat", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) wait_error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  end_by_force (pipeline, before);
  end_by_force (pipeline, missing);
  end_by_force (pipeline, after);
  g_assert_false (gp_test_wait (pipeline, &wait_error));
  g_assert_error (wait_error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  gp_test_assert_message (wait_error, error->message);
}

/* --- stdout-descriptor, stdout-stream --------------------------------------------------------- */

static int
open_file (const char *contents)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("gp-test-XXXXXX", &path, NULL);
  gssize size = strlen (contents);

  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (write (fd, contents, size), ==, size);
  g_assert_cmpint (lseek (fd, 0, SEEK_SET), ==, 0);
  return fd;
}

/* The very descriptor: where the command has read and written, we go on. */
static void
test_descriptors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("");
  int from = open_file ("some text");
  int to = open_file ("");
  g_autoptr (GInputStream) input = g_unix_input_stream_new (from, TRUE);
  g_autoptr (GOutputStream) output = g_unix_output_stream_new (to, TRUE);
  char text[4];

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_test_add_child (pipeline, "head", "4", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpint (lseek (from, 0, SEEK_CUR), ==, 4);
  g_assert_cmpint (lseek (to, 0, SEEK_CUR), ==, 4);
  g_assert_cmpint (pread (to, text, 4, 0), ==, 4);
  g_assert_cmpmem (text, 4, "some", 4);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, i), ==, GP_EDGE_KIND_DESCRIPTOR);
}

/* The command has pipes of its own, and all arrives whatever the streams are. */
static void
test_streams (void)
{
  const guint64 size = 5000000;
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("c");
  g_autoptr (GpPipeline) kinds = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (size, FALSE);
  g_autoptr (GInputStream) nothing = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) seen = g_memory_output_stream_new_resizable ();
  g_autofree guint8 *pattern = g_malloc (size);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_pattern_fill (pattern, size, 0);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, size);
  g_assert_cmpuint (gp_test_sink_get_checksum (output), ==,
                    gp_test_checksum (GP_TEST_CHECKSUM_INIT, pattern, size));
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, i), ==, GP_EDGE_KIND_PUMP);

  gp_pipeline_append_command (kinds, "sh", "-c",
                              "test -p /proc/self/fd/0 && test -p /proc/self/fd/1 && echo pipes",
                              NULL);
  gp_pipeline_set_stdin (kinds, nothing);
  gp_pipeline_set_stdout (kinds, seen);
  gp_test_run_pipeline (kinds, NULL, &error);
  g_assert_no_error (error);
  assert_written (seen, "pipes\n");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/reference/features/command/arguments", test_arguments);
  gp_test_add ("/reference/features/command/string", test_string);
  gp_test_add ("/reference/features/command/prepared", test_prepared);
  gp_test_add ("/reference/features/preset-streams/honoured", test_preset_honoured);
  gp_test_add ("/reference/features/preset-streams/conflict", test_preset_conflict);
  gp_test_add ("/reference/features/empty-command-name", test_empty_name);
  gp_test_add ("/reference/features/stderr/collected", test_stderr_collected);
  gp_test_add ("/reference/features/stderr/bounded", test_stderr_bounded);
  gp_test_add ("/reference/features/process-group/own", test_own_group);
  gp_test_add ("/reference/features/process-group/cancel-asks", test_cancel_asks);
  gp_test_add ("/reference/features/process-group/cancel-kills", test_cancel_kills);
  gp_test_add ("/reference/features/kill/before-start", test_kill_before_start);
  gp_test_add ("/reference/features/kill/after-failed-start", test_kill_after_failed_start);
  gp_test_add ("/reference/features/stdout-descriptor", test_descriptors);
  gp_test_add ("/reference/features/stdout-stream", test_streams);
  return gp_test_run ();
}
