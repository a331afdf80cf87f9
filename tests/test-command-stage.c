/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

/* Everything about commands. It is run three times: with the helper program, without it, and with
 * 0, 1 and 2 closed; so nothing in here may depend on these. */

static void
test_argv (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_test_add_child (pipeline, "argv", "", "two words", "-x", "caf\xc3\xa9", "'\"$(x)`y`\\", "a\nb",
                     NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "\ntwo words\n-x\ncaf\xc3\xa9\n'\"$(x)`y`\\\na\nb\n");
}

static void
test_name (void)
{
  g_autoptr (GpCommandStage) stage = gp_command_stage_new ("/usr/bin/some-program", "x", NULL);
  const char *const *argv = gp_command_stage_get_argv (stage);
  g_autofree char *name = gp_stage_get_name (GP_STAGE (stage));

  g_assert_cmpstr (name, ==, "some-program");
  g_assert_cmpstr (gp_command_stage_get_name (stage), ==, "some-program");
  g_assert_cmpstr (argv[1], ==, "x");
  g_assert_null (argv[2]);
  gp_command_stage_set_name (stage, "mine");
  g_assert_cmpstr (gp_command_stage_get_name (stage), ==, "mine");
}

static void
test_from_string (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GpCommandStage) stage =
    gp_command_stage_new_from_string ("prog 'two words' \"a b\" c\\ d", &error);
  const char *const *argv;

  g_assert_no_error (error);
  argv = gp_command_stage_get_argv (stage);
  g_assert_cmpuint (g_strv_length ((char **) argv), ==, 4);
  g_assert_cmpstr (argv[1], ==, "two words");
  g_assert_cmpstr (argv[2], ==, "a b");
  g_assert_cmpstr (argv[3], ==, "c d");
}

static void
test_chain (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  for (int i = 0; i < 10; i++)
    gp_test_add_child (pipeline, i % 3 == 0 ? "slow-cat" : "cat", NULL);
  output = gp_test_output_of (pipeline, "through ten commands\n");
  g_assert_cmpstr (output, ==, "through ten commands\n");
}

static void
test_synchronous (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) failing = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_pipeline_communicate_utf8 (pipeline, "hello", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, "hello");
  gp_test_add_child (failing, "exit", "1", NULL);
  g_assert_false (gp_pipeline_run (failing, NULL, &error));
  gp_test_assert_message (error, "exit: exit status 1");
}

static void
test_exit_status (void)
{
  static const int statuses[] = { 1, 2, 126, 127, 255 };

  for (gsize i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *status = g_strdup_printf ("%d", statuses[i]);
      g_autofree char *message = g_strdup_printf ("exit: exit status %d", statuses[i]);
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "exit", status, NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_EXIT_ERROR, statuses[i]);
      gp_test_assert_message (error, message);
    }
}

static void
test_failure_before_success (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_name (gp_test_add_child (pipeline, "exit", "1", NULL), "false");
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "false: exit status 1");
}

static void
test_stderr_in_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "stderr", "cannot read: x\n", "2", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "stderr: exit status 2: cannot read: x");
}

static void
assert_said (const char *text,
             const char *expected)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *message = g_strconcat ("stderr: exit status 2: \xe2\x80\xa6", expected, NULL);
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "stderr", text, "2", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, message);
}

/* Of much only the end, which begins with a line, or else with a character. */
static void
test_long_stderr_in_error (void)
{
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GString) line = g_string_new (NULL);

  for (int i = 0; i < 200; i++)
    g_string_append_printf (lines, "line %04d\n", i);
  for (int i = 0; i < 600; i++)
    g_string_append (line, "\xc3\xa9");
  g_string_append_c (line, '.');
  g_string_truncate (lines, lines->len - 1);
  assert_said (lines->str, strstr (lines->str, "line 0098"));
  assert_said (line->str, line->str + line->len - 1023);
}

static void
test_killed (void)
{
  static const struct
  {
    int         signum;
    const char *name;
  } rows[] = {
    { SIGKILL, "SIGKILL" }, { SIGTERM, "SIGTERM" }, { SIGHUP, "SIGHUP" }, { SIGUSR1, "SIGUSR1" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *number = g_strdup_printf ("%d", rows[i].signum);
      g_autofree char *message = g_strdup_printf ("kill-self: killed by %s", rows[i].name);
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "kill-self", number, NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_SIGNAL_ERROR, rows[i].signum);
      gp_test_assert_message (error, message);
    }
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_assert_cmpint (g_remove (file), ==, 0);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

/* That its memory was written to a file, where the system does that, is told together with the
 * signal, but is no part of it. */
static void
test_core_dump (void)
{
  for (int supervised = 0; supervised < 2; supervised++)
    {
      g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
      g_autofree char *number = g_strdup_printf ("%d", SIGABRT);
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "kill-self", number, NULL);
      GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_supervised (command, supervised);
      gp_command_stage_set_directory (command, directory);
      gp_command_stage_set_resource_limit (command, GP_RESOURCE_CORE_SIZE, G_MAXINT64);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_SIGNAL_ERROR, SIGABRT);
      gp_test_assert_message (error, "kill-self: killed by SIGABRT");
      g_assert_cmpint (gp_stage_status_get_term_signal (status), ==, SIGABRT);
      g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, -1);
      remove_directory (directory);
    }
}

static void
test_sigpipe (void)
{
  for (int ignore = 0; ignore < 2; ignore++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_ignore_pipe_errors (pipeline, ignore);
      gp_test_add_child (pipeline, "spew", NULL);
      gp_test_add_child (pipeline, "head", "10", NULL);
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, ignore);
      if (ignore)
        continue;
      g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE);
      g_assert_true (g_str_has_prefix (error->message, "spew: killed by SIGPIPE"));
      gp_test_assert_contains (error->message, "ignore-pipe-errors");
    }
}

static void
test_closed_stdin (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  /* No standard input is an empty one */
  gp_test_add_child (pipeline, "checksum", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_true (g_str_has_prefix (output, "0 "));
}

static void
test_stdout_discarded (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "spew", "1000000", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_descriptors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;
  int leaked = open ("/dev/null", O_RDONLY);
  int high = fcntl (leaked, F_DUPFD, 700);

  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_child (pipeline, "fds", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "0\n1\n2\n");
  close (leaked);
  close (high);
}

static void
test_signals (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;
  struct sigaction ignored = { .sa_handler = SIG_IGN };
  struct sigaction saved[2];
  sigset_t blocked;
  sigset_t before;

  sigaction (SIGPIPE, &ignored, &saved[0]);
  sigaction (SIGUSR2, &ignored, &saved[1]);
  sigfillset (&blocked);
  pthread_sigmask (SIG_SETMASK, &blocked, &before);
  gp_test_add_child (pipeline, "signals", NULL);
  output = gp_test_output_of (pipeline, NULL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  sigaction (SIGPIPE, &saved[0], NULL);
  sigaction (SIGUSR2, &saved[1], NULL);
  gp_test_assert_contains (output, "SigBlk:\t0000000000000000");
  gp_test_assert_contains (output, "SigIgn:\t0000000000000000");
  gp_test_assert_contains (output, "SigCgt:\t0000000000000000");
}

static char *
real_path (const char *path)
{
  char *resolved = realpath (path, NULL);
  char *copy = g_strdup (resolved);

  free (resolved);
  return copy;
}

static void
test_directory (void)
{
  g_autofree char *made = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_autofree char *path = real_path (made);

  /* 0: of the pipeline, 1: of the stage, which wins, 2: of neither */
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = gp_test_add_child (pipeline, "cwd", NULL);
      g_autofree char *here = g_get_current_dir ();
      g_autofree char *output = NULL;

      if (i < 2)
        gp_pipeline_set_directory (pipeline, i == 0 ? path : "/");
      if (i == 1)
        gp_command_stage_set_directory (stage, path);
      output = gp_test_output_of (pipeline, NULL);
      g_strchomp (output);
      g_assert_cmpstr (output, ==, i == 2 ? here : path);
    }
  g_rmdir (made);
}

static void
test_environment (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  static const char *const base[] = { "BASE=1", "EQUALS=a=b", "GONE=x", "EMPTY=", NULL };
  GpCommandStage *stage = gp_test_add_child (pipeline, "environ", NULL);
  g_autofree char *output = NULL;
  g_auto (GStrv) lines = NULL;

  gp_pipeline_set_environ (pipeline, base);
  gp_pipeline_setenv (pipeline, "PIPELINE", "2", TRUE);
  gp_pipeline_setenv (pipeline, "BOTH", "pipeline", TRUE);
  gp_pipeline_setenv (pipeline, "BASE", "not this", FALSE);
  gp_command_stage_setenv (stage, "BOTH", "stage", TRUE);
  gp_command_stage_setenv (stage, "PIPELINE", "not this", FALSE);
  gp_command_stage_unsetenv (stage, "GONE");
  output = gp_test_output_of (pipeline, NULL);
  lines = g_strsplit (output, "\n", -1);
  g_assert_true (g_strv_contains ((const char *const *) lines, "BASE=1"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "EQUALS=a=b"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "EMPTY="));
  g_assert_true (g_strv_contains ((const char *const *) lines, "PIPELINE=2"));
  g_assert_true (g_strv_contains ((const char *const *) lines, "BOTH=stage"));
  g_assert_null (strstr (output, "GONE"));
  /* Five variables and the end: nothing else, such as from a helper */
  g_assert_cmpuint (g_strv_length (lines), ==, 6);
}

static void
test_stage_environ (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  static const char *const base[] = { "ONLY=1", NULL };
  GpCommandStage *stage = gp_test_add_child (pipeline, "environ", NULL);
  g_autofree char *output = NULL;

  gp_command_stage_set_environ (stage, base);
  g_assert_cmpstr (gp_command_stage_get_environ (stage)[0], ==, "ONLY=1");
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "ONLY=1\n");
}

static void
test_inherited_environment (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  g_setenv ("GP_TEST_INHERITED", "from the program", TRUE);
  gp_test_add_child (pipeline, "env", "GP_TEST_INHERITED", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_unsetenv ("GP_TEST_INHERITED");
  g_assert_cmpstr (output, ==, "from the program\n");
}

static void
test_path (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *directory = g_path_get_dirname (gp_test_child ());
  g_autofree char *name = g_path_get_basename (gp_test_child ());
  g_autofree char *output = NULL;

  gp_pipeline_setenv (pipeline, "PATH", directory, TRUE);
  gp_pipeline_append_command (pipeline, name, "echo", "found", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "found\n");
}

static void
test_stderr_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "spew-stderr", "300000", NULL);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  g_autoptr (GBytes) bytes = NULL;
  guint8 expected[1000];

  gp_command_stage_set_stderr_limit (stage, sizeof expected);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  bytes = gp_stage_status_dup_stderr_bytes (status);
  gp_test_pattern_fill (expected, sizeof expected, 300000 - sizeof expected);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, sizeof expected);
  g_assert_cmpuint (gp_stage_status_get_stderr_dropped (status), ==, 300000 - sizeof expected);
}

static void
test_stderr_of_all_is_drained (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 4; i++)
    gp_test_add_child (pipeline, "spew-stderr", "1000000", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_stderr_merge (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "both", "out ", "err\n", NULL);
  g_autofree char *output = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_MERGE);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "out err\n");
}

static void
test_stderr_merge_of_last (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "both", "out ", "err\n", NULL);
  g_autofree char *output = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_MERGE);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "out err\n");
}

static void
test_stderr_discard (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "stderr", "unheard", "1", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_DISCARD);
  g_assert_cmpint (gp_command_stage_get_stderr_mode (stage), ==, GP_STDERR_MODE_DISCARD);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "stderr: exit status 1");
}

static void
test_stderr_stream (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "spew-stderr", "200000", NULL);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_STREAM);
  gp_command_stage_set_stderr_stream (stage, sink);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 200000);
}

static void
test_stderr_inherit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "stderr", "to our own", "0", NULL);
  g_autofree char *path = NULL;
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;
  int fd;
  int saved;

  fd = g_file_open_tmp ("gp-test-XXXXXX", &path, NULL);
  saved = fcntl (2, F_DUPFD_CLOEXEC, 10);
  dup2 (fd, 2);
  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_INHERIT);
  gp_test_run_pipeline (pipeline, NULL, &error);
  dup2 (saved, 2);
  close (saved);
  close (fd);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, "to our own");
  g_unlink (path);
}

static void
test_process_group (void)
{
  static const GpProcessGroup groups[] = {
    GP_PROCESS_GROUP_AUTO, GP_PROCESS_GROUP_OWN, GP_PROCESS_GROUP_CALLER,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (groups); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = gp_test_add_child (pipeline, "pgid", NULL);
      g_autofree char *output = NULL;
      g_auto (GStrv) words = NULL;

      gp_command_stage_set_process_group (stage, groups[i]);
      output = gp_test_output_of (pipeline, NULL);
      words = g_strsplit (g_strchomp (output), " ", -1);
      g_assert_cmpint (atoi (words[0]), ==,
                       gp_stage_status_get_pid (gp_pipeline_get_status (pipeline, 0)));
      if (groups[i] == GP_PROCESS_GROUP_CALLER)
        g_assert_cmpint (atoi (words[1]), ==, getpgrp ());
      else
        g_assert_cmpstr (words[1], ==, words[0]);
    }
}

/* A process that the command left behind holds its standard error: nobody waits for it long */
static void
test_grandchild_holds_stderr (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *output = NULL;

  gp_test_add_child (pipeline, "grandchild-hold", "stderr", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpint (atoi (output), >, 1);
  g_assert_cmpint (kill (atoi (output), SIGKILL), ==, 0);
}

/* What it writes to standard output is not lost */
static void
test_grandchild_writes_stdout (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;

      gp_test_add_child (pipeline, "grandchild-write", "stdout", NULL);
      if (i == 1)
        gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_output_of (pipeline, NULL);
      g_assert_cmpstr (output, ==, "late\n");
    }
}

static void
test_pipe_hold_timeout (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GBytes) collected = NULL;
  g_autofree char *text = NULL;

  gp_pipeline_set_pipe_hold_timeout (pipeline, 1);
  gp_test_add_child (pipeline, "grandchild-hold", "stdout", NULL);
  output = gp_test_communicate (pipeline, NULL, NULL, NULL);
  collected = gp_pipeline_dup_output (pipeline);
  text = g_strndup (g_bytes_get_data (collected, NULL), g_bytes_get_size (collected));
  g_assert_cmpint (atoi (text), >, 1);
  g_assert_cmpint (kill (atoi (text), SIGKILL), ==, 0);
}

static void
test_many_at_once (void)
{
  GpPipeline *pipelines[20];
  GAsyncResult *results[20] = { NULL, };

  for (guint i = 0; i < G_N_ELEMENTS (pipelines); i++)
    {
      pipelines[i] = gp_test_pipeline_new ();
      gp_test_add_child (pipelines[i], "spew", "100000", NULL);
      gp_test_add_child (pipelines[i], "cat", NULL);
      gp_pipeline_communicate_async (pipelines[i], NULL, NULL, gp_test_result_cb, &results[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pipelines); i++)
    {
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_await ("one of many", &results[i]);
      output = gp_pipeline_communicate_finish (pipelines[i], results[i], &error);
      g_assert_no_error (error);
      g_assert_cmpuint (g_bytes_get_size (output), ==, 100000);
      g_object_unref (results[i]);
      g_object_unref (pipelines[i]);
    }
}

static void
test_properties (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_child_new ("cat", NULL);
  g_autofree char *directory = NULL;
  guint64 limit;
  guint delay;

  g_object_set (stage,
                "directory", "/tmp",
                "kill-delay", 5,
                "stderr-limit", (guint64) 77,
                NULL);
  g_object_get (stage,
                "directory", &directory,
                "kill-delay", &delay,
                "stderr-limit", &limit,
                NULL);
  g_assert_cmpstr (directory, ==, "/tmp");
  g_assert_cmpuint (delay, ==, 5);
  g_assert_cmpuint (limit, ==, 77);
  g_assert_cmpint (gp_command_stage_get_kill_delay (stage), ==, 5);
  g_assert_cmpint (gp_command_stage_get_process_group (stage), ==, GP_PROCESS_GROUP_AUTO);
}

/* Then it is as if it were discarded. */
static void
test_stderr_stream_missing (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "spew-stderr", "200000", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_STREAM);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_stderr_stream_broken (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "stderr", "more than it takes", "0", NULL);
  g_autoptr (GOutputStream) stream =
    gp_test_sink_new (10, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_STREAM);
  gp_command_stage_set_stderr_stream (stage, stream);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gp_test_assert_contains (error->message, "writing standard error: ");
}

static void
test_killed_by_nameless (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *number = g_strdup_printf ("%d", SIGRTMAX);
  g_autofree char *expected = g_strdup_printf ("signal %d", SIGRTMAX);
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "kill-self", number, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, SIGRTMAX);
  gp_test_assert_contains (error->message, expected);
}

/* Then the command gets that itself. */
static void
test_stderr_stream_descriptor (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "stderr", "said", "0", NULL);
  g_autoptr (GOutputStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  char text[10] = "";
  int fds[2];

  gp_test_open_pipe (fds);
  stream = g_unix_output_stream_new (fds[1], TRUE);
  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_STREAM);
  gp_command_stage_set_stderr_stream (stage, stream);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fds[0], text, sizeof text - 1), ==, 4);
  g_assert_cmpstr (text, ==, "said");
  close (fds[0]);
}

/* A program without standard error has none to give. */
static void
test_stderr_inherited_closed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "stderr", "unheard", "0", NULL);
  g_autoptr (GError) error = NULL;
  int saved;

  /* The test of closed descriptors: by now that number may be another's. */
  if (g_getenv ("GP_TEST_LOG_FD") != NULL)
    return;

  saved = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  g_assert_cmpint (saved, >=, 3);
  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_INHERIT);
  close (STDERR_FILENO);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_cmpint (dup2 (saved, STDERR_FILENO), ==, STDERR_FILENO);
  close (saved);
  g_assert_no_error (error);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/command-stage/argv", test_argv);
  gp_test_add ("/command-stage/name", test_name);
  gp_test_add ("/command-stage/from-string", test_from_string);
  gp_test_add ("/command-stage/chain", test_chain);
  gp_test_add ("/command-stage/synchronous", test_synchronous);
  gp_test_add ("/command-stage/exit-status", test_exit_status);
  gp_test_add ("/command-stage/failure-before-success", test_failure_before_success);
  gp_test_add ("/command-stage/stderr-in-error", test_stderr_in_error);
  gp_test_add ("/command-stage/long-stderr-in-error", test_long_stderr_in_error);
  gp_test_add ("/command-stage/killed", test_killed);
  gp_test_add ("/command-stage/core-dump", test_core_dump);
  gp_test_add ("/command-stage/sigpipe", test_sigpipe);
  gp_test_add ("/command-stage/closed-stdin", test_closed_stdin);
  gp_test_add ("/command-stage/stdout-discarded", test_stdout_discarded);
  gp_test_add ("/command-stage/descriptors", test_descriptors);
  gp_test_add ("/command-stage/signals", test_signals);
  gp_test_add ("/command-stage/directory", test_directory);
  gp_test_add ("/command-stage/environment", test_environment);
  gp_test_add ("/command-stage/stage-environ", test_stage_environ);
  gp_test_add ("/command-stage/inherited-environment", test_inherited_environment);
  gp_test_add ("/command-stage/path", test_path);
  gp_test_add ("/command-stage/stderr-limit", test_stderr_limit);
  gp_test_add ("/command-stage/stderr-of-all-is-drained", test_stderr_of_all_is_drained);
  gp_test_add ("/command-stage/stderr-merge", test_stderr_merge);
  gp_test_add ("/command-stage/stderr-merge-of-last", test_stderr_merge_of_last);
  gp_test_add ("/command-stage/stderr-discard", test_stderr_discard);
  gp_test_add ("/command-stage/stderr-stream", test_stderr_stream);
  /* Started without a standard error, GLib may have that number for something of its own. */
  if (g_getenv ("GP_TEST_LOG_FD") == NULL)
    gp_test_add ("/command-stage/stderr-inherit", test_stderr_inherit);
  gp_test_add ("/command-stage/process-group", test_process_group);
  gp_test_add ("/command-stage/grandchild-holds-stderr", test_grandchild_holds_stderr);
  gp_test_add ("/command-stage/grandchild-writes-stdout", test_grandchild_writes_stdout);
  gp_test_add ("/command-stage/pipe-hold-timeout", test_pipe_hold_timeout);
  gp_test_add ("/command-stage/many-at-once", test_many_at_once);
  gp_test_add ("/command-stage/properties", test_properties);
  gp_test_add ("/command-stage/stderr-stream-missing", test_stderr_stream_missing);
  gp_test_add ("/command-stage/stderr-stream-broken", test_stderr_stream_broken);
  gp_test_add ("/command-stage/killed-by-nameless", test_killed_by_nameless);
  gp_test_add ("/command-stage/stderr-stream-descriptor", test_stderr_stream_descriptor);
  gp_test_add ("/command-stage/stderr-inherited-closed", test_stderr_inherited_closed);
  return gp_test_run ();
}
