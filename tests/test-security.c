/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* What must not get out: descriptors into children of others, and secrets into the log. */

#define N_ROUNDS 30

extern char **environ;

static const char *program; /* argv[0] */

/* --- Descriptors -------------------------------------------------------------------------- */

/* Somebody else in the program, who starts children in the plainest way there is */
typedef struct
{
  int     stop; /* atomic */
  guint   n_children;
  char   *surplus; /* what a child had that it should not have, or NULL */
} Other;

static char *
read_all (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[256];
  ssize_t n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    g_string_append_len (text, buffer, MAX (n, 0));

  return g_string_free (g_steal_pointer (&text), FALSE);
}

static char *
list_descriptors_of_child (void)
{
  char *argv[] = { (char *) gp_test_child (), (char *) "fds", NULL };
  posix_spawn_file_actions_t actions;
  int fds[2], status;
  char *list;
  pid_t pid;

  gp_test_open_pipe (fds);
  g_assert_cmpint (posix_spawn_file_actions_init (&actions), ==, 0);
  g_assert_cmpint (posix_spawn_file_actions_adddup2 (&actions, fds[1], 1), ==, 0);
  g_assert_cmpint (posix_spawn (&pid, argv[0], &actions, NULL, argv, environ), ==, 0);
  posix_spawn_file_actions_destroy (&actions);
  close (fds[1]);
  list = read_all (fds[0]);
  close (fds[0]);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);

  return list;
}

static gpointer
start_others (gpointer data)
{
  Other *other = data;
  /* What this program was given itself */
  g_autofree char *before = list_descriptors_of_child ();

  while (!g_atomic_int_get (&other->stop) && other->surplus == NULL)
    {
      g_autofree char *list = list_descriptors_of_child ();

      other->n_children++;
      if (!g_str_equal (list, before))
        other->surplus = g_steal_pointer (&list);
    }

  return NULL;
}

/* All kinds of edges, ends, and ways to start */
static void
run_mixed (const char *file)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("cfcn");
  g_autoptr (GpPipeline) terminal = gp_test_pipeline_new ();
  g_autoptr (GBytes) text = g_bytes_new_static ("text", 4);
  g_autoptr (GFile) place = g_file_new_for_path (file);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;

  output = gp_pipeline_communicate (pipeline, text, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (output, text));

  gp_test_add_child (terminal, "echo", "a", NULL);
  command = gp_test_add_child (terminal, "cat", NULL);
  gp_command_stage_set_supervised (command, FALSE);
  gp_pipeline_set_stdout_file (terminal, place, GP_FILE_MODE_REPLACE);
  g_assert_true (gp_pipeline_run (terminal, NULL, &error));
  g_assert_no_error (error);
}

static void
test_descriptors (void)
{
  g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (directory, "output", NULL);
  Other other = { 0, };
  GThread *thread;

  /* Whatever stays open is there from now on */
  run_mixed (file);
  thread = g_thread_new ("others", start_others, &other);
  for (guint i = 0; i < N_ROUNDS; i++)
    run_mixed (file);
  g_atomic_int_set (&other.stop, TRUE);
  g_thread_join (thread);

  g_assert_cmpstr (other.surplus, ==, NULL);
  g_assert_cmpuint (other.n_children, >, 0);
  g_assert_cmpint (unlink (file), ==, 0);
  g_assert_cmpint (rmdir (directory), ==, 0);
}

/* --- The log ------------------------------------------------------------------------------ */

typedef enum
{
  OUTCOME_SUCCESS,
  OUTCOME_EXIT,
  OUTCOME_SIGNAL,
  OUTCOME_TIME_LIMIT,
  OUTCOME_NOT_STARTED,
  N_OUTCOMES,
} Outcome;

static GpCommandStage *
append_with_secret (GpPipeline *pipeline,
                    Outcome     outcome)
{
  switch (outcome)
    {
    case OUTCOME_SUCCESS:
      return gp_test_add_child (pipeline, "echo", "secret", NULL);
    case OUTCOME_EXIT:
      return gp_test_add_child (pipeline, "stderr", "secret", "4", NULL);
    case OUTCOME_SIGNAL:
      return gp_test_add_child (pipeline, "kill-self", "9", "secret", NULL);
    case OUTCOME_TIME_LIMIT:
      return gp_test_add_child (pipeline, "wait", "secret", NULL);
    case OUTCOME_NOT_STARTED:
    case N_OUTCOMES:
    default:
      return gp_pipeline_append_command (pipeline, "/nonexistent/program", "secret", NULL);
    }
}

/* What the copy of this program does: prints each outcome, while everything is logged */
static int
run_logging (void)
{
  for (Outcome outcome = 0; outcome < N_OUTCOMES; outcome++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
      g_autoptr (GError) error = NULL;
      GpCommandStage *command = append_with_secret (pipeline, outcome);

      gp_pipeline_setenv (pipeline, "PASSWORD", "secret", TRUE);
      gp_command_stage_setenv (command, "TOKEN", "secret", TRUE);
      if (outcome == OUTCOME_TIME_LIMIT)
        gp_command_stage_set_time_limit (command, 1);
      gp_pipeline_run (pipeline, NULL, &error);
      g_printerr ("outcome %d: %d\n", outcome, error != NULL ? error->code : -1);
    }

  return 0;
}

static void
test_log (void)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_subprocess_launcher_setenv (launcher, "G_MESSAGES_DEBUG", "all", TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, program, "--log", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &text, NULL, &error));
  g_assert_true (g_subprocess_get_successful (process));

  for (Outcome outcome = 0; outcome < N_OUTCOMES; outcome++)
    {
      g_autofree char *line = g_strdup_printf ("outcome %d: ", outcome);

      gp_test_assert_contains (text, line);
    }
  gp_test_assert_contains (text, "Gp-DEBUG");
  g_assert_null (strstr (text, "secret"));
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  if (argc > 1 && g_str_equal (argv[1], "--log"))
    return run_logging ();

  gp_test_init (&argc, &argv);
  gp_test_add ("/security/descriptors", test_descriptors);
  gp_test_add ("/security/log", test_log);
  return gp_test_run ();
}
