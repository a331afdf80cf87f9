/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-place.h"
#include "gp-test-streams.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* How processes are started, and what they inherit. Most test cases run in a program of their own,
 * into which the counting module is loaded. */

typedef int (*CountFunc) (void);

static int
count (const char *symbol)
{
  CountFunc func = (CountFunc) dlsym (RTLD_DEFAULT, symbol);

  if (func == NULL)
    g_error ("%s: not preloaded", symbol);
  return func ();
}

/* TRUE in the program of its own; else that program was run, and did well */
static gboolean
is_preloaded (void)
{
  const char *preload = g_getenv ("GP_TEST_PRELOAD");

  if (g_test_subprocess ())
    return TRUE;
  g_assert_nonnull (preload);
  g_setenv ("LD_PRELOAD", preload, TRUE);
  /* A sanitizer wants to be the first module, which it cannot know to be harmless here */
  g_setenv ("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_unsetenv ("LD_PRELOAD");
  g_unsetenv ("ASAN_OPTIONS");
  g_test_trap_assert_passed ();
  return FALSE;
}

static gboolean
is_without_helper (void)
{
  return g_strcmp0 (g_getenv ("GOPIPE_EXEC"), "/nonexistent") == 0;
}

static void
run_some_commands (void)
{
  g_autofree char *directory = g_get_current_dir ();

  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = gp_test_add_child (pipeline, "both", "out", "err", NULL);
      g_autofree char *output = NULL;

      if (i == 1)
        gp_command_stage_set_directory (stage, directory);
      if (i == 2)
        gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_MERGE);
      gp_pipeline_setenv (pipeline, "SOME", "value", TRUE);
      gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_output_of (pipeline, NULL);
      g_assert_true (g_str_has_prefix (output, "out"));
    }
}

static void
test_never_forks (void)
{
  int before;

  if (!is_preloaded ())
    return;
  before = count ("gp_test_preload_count_spawns");
  run_some_commands ();
  g_assert_cmpint (count ("gp_test_preload_count_forks"), ==, 0);
  g_assert_cmpint (count ("gp_test_preload_count_spawns") - before, ==, 6);
}

/* A spawn, and the wait for what it starts, may take long: whoever does not wait is not kept by it. */
static void
test_never_in_the_main_thread (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  int before, before_in_main;

  if (!is_preloaded ())
    return;
  before = count ("gp_test_preload_count_spawns");
  before_in_main = count ("gp_test_preload_count_main_spawns");
  run_some_commands ();
  pipeline = gp_test_pipeline_new ();
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpint (count ("gp_test_preload_count_spawns"), >, before);
  g_assert_cmpint (count ("gp_test_preload_count_main_spawns"), ==, before_in_main);
}

/* A stage that counts the processes which were started before it */
typedef struct
{
  GObject parent_instance;
  int     n_spawns;
} TestCounter;

typedef struct
{
  GObjectClass parent_class;
} TestCounterClass;

static GType test_counter_get_type (void);
static void test_counter_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestCounter, test_counter, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_counter_stage_init))

static gboolean
test_counter_needs_main_context (GpStage *stage)
{
  return FALSE;
}

static gboolean
test_counter_run (GpStage         *stage,
                  GpStageContext  *context,
                  GError         **error)
{
  ((TestCounter *) stage)->n_spawns = count ("gp_test_preload_count_spawns");
  gp_stage_context_return_success (context);
  return TRUE;
}

static void
test_counter_stage_init (GpStageInterface *iface)
{
  iface->needs_main_context = test_counter_needs_main_context;
  iface->run = test_counter_run;
}

static void
test_counter_class_init (TestCounterClass *klass)
{
}

static void
test_counter_init (TestCounter *self)
{
}

/* What a pipeline within another one needs for its start is not taken by the command behind it. */
static void
test_not_ahead_of_a_pipeline (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  GpPipeline *nested;
  TestCounter *counter;
  int before;

  if (!is_preloaded ())
    return;
  before = count ("gp_test_preload_count_spawns");
  pipeline = gp_test_pipeline_new ();
  nested = gp_test_pipeline_new ();
  counter = gp_test_watch (g_object_new (test_counter_get_type (), NULL));
  gp_pipeline_append (nested, GP_STAGE (counter));
  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (nested));
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpint (counter->n_spawns, ==, before + 1);
}

static void
test_failed_start_never_forks (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;

  if (!is_preloaded ())
    return;
  pipeline = gp_test_pipeline_new ();
  gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpint (count ("gp_test_preload_count_forks"), ==, 0);
}

/* Descriptors that the program opened carelessly, at low and high numbers, before and between */
static void
test_leaked_descriptors (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autofree char *output = NULL;
  int leaked[100];

  if (!is_preloaded ())
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (leaked); i++)
    leaked[i] = i % 10 == 9 ? fcntl (leaked[0], F_DUPFD, 1000 - (int) i) : open ("/dev/null", O_RDWR);
  pipeline = gp_test_pipeline_new ();
  gp_test_add_child (pipeline, "fds", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  output = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (output, ==, "0\n1\n2\n");
  for (gsize i = 0; i < G_N_ELEMENTS (leaked); i++)
    close (leaked[i]);
}

/* Pipelines that run at the same time do not inherit each other's pipes */
static void
test_no_crossed_pipes (void)
{
  g_autoptr (GpPipeline) reader = NULL;
  g_autoptr (GpPipeline) keeper = NULL;
  g_autoptr (GOutputStream) input = NULL;
  g_autofree char *output = NULL;
  g_autoptr (GInputStream) stream = NULL;
  char buffer[10];
  gsize n;

  if (!is_preloaded ())
    return;
  reader = gp_test_pipeline_new ();
  gp_test_add_child (reader, "cat", NULL);
  input = gp_pipeline_open_input (reader, NULL);
  stream = gp_pipeline_open_output (reader, NULL);
  g_assert_true (gp_test_start (reader, NULL, NULL));
  keeper = gp_test_pipeline_new ();
  gp_test_add_child (keeper, "wait", NULL);
  g_assert_true (gp_test_start (keeper, NULL, NULL));
  g_assert_true (g_output_stream_write_all (input, "x", 1, NULL, NULL, NULL));
  /* Were it held by the other child as well, the end would never come */
  g_assert_true (g_output_stream_close (input, NULL, NULL));
  g_assert_true (g_input_stream_read_all (stream, buffer, sizeof buffer, &n, NULL, NULL));
  g_assert_cmpuint (n, ==, 1);
  g_assert_true (gp_test_wait (reader, NULL));
  gp_pipeline_cancel (keeper);
  g_assert_false (gp_test_wait (keeper, NULL));
}

/* A command whose input and output are copied, a function behind it that waits at the end, a
 * command with a terminal, and one with files */
static void
start_all_kinds (GpPipeline *pipelines[3],
                 Place      *place)
{
  g_autoptr (GInputStream) source = gp_test_source_new (1, TRUE);
  g_autoptr (GInputStream) typed = gp_test_source_new (1, TRUE);

  for (guint i = 0; i < 3; i++)
    pipelines[i] = gp_test_pipeline_new ();
  gp_pipeline_set_partial_input_is_error (pipelines[0], TRUE);
  gp_pipeline_set_stdin (pipelines[0], source);
  gp_test_add_child (pipelines[0], "cat", NULL);
  gp_test_add_function (pipelines[0], "copy", gp_test_copy_func, NULL);
  gp_test_add_child (pipelines[0], "cat", NULL);
  gp_command_stage_set_terminal (gp_test_add_child (pipelines[1], "wait", NULL), TRUE);
  gp_pipeline_set_stdin (pipelines[1], typed);
  gp_pipeline_set_stdin_file (pipelines[2], place->in);
  gp_pipeline_set_stdout_file (pipelines[2], place->out, GP_FILE_MODE_REPLACE);
  gp_test_add_child (pipelines[2], "wait", NULL);
}

/* Whatever else the program starts meanwhile, by means of its own, inherits none of ours. */
static void
test_close_on_exec (void)
{
  g_auto (Place) place = { 0, };
  GpPipeline *pipelines[3];
  g_autoptr (GInputStream) output = NULL;
  gboolean was_open[1024];
  char byte;

  place_init (&place, NULL);
  for (int fd = 0; fd < (int) G_N_ELEMENTS (was_open); fd++)
    was_open[fd] = fcntl (fd, F_GETFD) >= 0;
  start_all_kinds (pipelines, &place);
  output = gp_pipeline_open_output (pipelines[0], NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pipelines); i++)
    g_assert_true (gp_test_start (pipelines[i], NULL, NULL));
  g_assert_cmpint (g_input_stream_read (output, &byte, 1, NULL, NULL), ==, 1);

  for (int fd = 0; fd < (int) G_N_ELEMENTS (was_open); fd++)
    {
      int flags = fcntl (fd, F_GETFD);

      if (flags >= 0 && !was_open[fd] && (flags & FD_CLOEXEC) == 0)
        {
          g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
          g_autofree char *target = g_file_read_link (path, NULL);

          g_error ("descriptor %d (%s) stays open in who is executed", fd, target);
        }
    }

  for (guint i = 0; i < G_N_ELEMENTS (pipelines); i++)
    {
      gp_pipeline_cancel (pipelines[i]);
      gp_test_assert_cancelled (pipelines[i]);
      g_object_unref (pipelines[i]);
    }
}

/* Where the program ignores SIGCHLD, the kernel forgets how children end: that is no success */
static void
test_lost_status (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;

  if (!is_preloaded ())
    return;
  signal (SIGCHLD, SIG_IGN);
  pipeline = gp_test_pipeline_new ();
  gp_test_add_child (pipeline, "exit", "3", NULL);
  gp_test_begin_criticals ();
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_end_criticals (NULL);
  if (!gp_error_matches_exit_status (error, 3))
    g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST);
}

static void
test_ignored_and_blocked_signals (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autofree char *output = NULL;
  sigset_t all;

  if (!is_preloaded ())
    return;
  for (int signum = 1; signum < 32; signum++)
    if (signum != SIGKILL && signum != SIGSTOP && signum != SIGCHLD && signum != SIGALRM)
      signal (signum, SIG_IGN);
  /* The watchdog's own */
  sigfillset (&all);
  sigdelset (&all, SIGALRM);
  pthread_sigmask (SIG_BLOCK, &all, NULL);
  pipeline = gp_test_pipeline_new ();
  gp_test_add_child (pipeline, "signals", NULL);
  output = gp_test_output_of (pipeline, NULL);
  gp_test_assert_contains (output, "SigBlk:\t0000000000000000");
  gp_test_assert_contains (output, "SigIgn:\t0000000000000000");
  gp_test_assert_contains (output, "SigCgt:\t0000000000000000");
}

/* The program's own signals and descriptors stay as they were */
static void
test_program_is_untouched (void)
{
  struct sigaction before;
  struct sigaction after;
  sigset_t mask_before;
  sigset_t mask_after;

  if (!is_preloaded ())
    return;
  run_some_commands ();
  pthread_sigmask (SIG_BLOCK, NULL, &mask_before);
  sigaction (SIGTERM, NULL, &before);
  run_some_commands ();
  pthread_sigmask (SIG_BLOCK, NULL, &mask_after);
  sigaction (SIGTERM, NULL, &after);
  g_assert_true (before.sa_handler == after.sa_handler);
  for (int signum = 1; signum < 32; signum++)
    g_assert_cmpint (sigismember (&mask_before, signum), ==, sigismember (&mask_after, signum));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  /* Without the helper program there must be a fork. */
  if (!is_without_helper ())
    {
      gp_test_add ("/spawn-hygiene/never-forks", test_never_forks);
      gp_test_add ("/spawn-hygiene/never-in-the-main-thread", test_never_in_the_main_thread);
      gp_test_add ("/spawn-hygiene/not-ahead-of-a-pipeline", test_not_ahead_of_a_pipeline);
      gp_test_add ("/spawn-hygiene/failed-start-never-forks", test_failed_start_never_forks);
    }
  gp_test_add ("/spawn-hygiene/leaked-descriptors", test_leaked_descriptors);
  gp_test_add ("/spawn-hygiene/no-crossed-pipes", test_no_crossed_pipes);
  gp_test_add ("/spawn-hygiene/close-on-exec", test_close_on_exec);
  gp_test_add ("/spawn-hygiene/lost-status", test_lost_status);
  gp_test_add ("/spawn-hygiene/ignored-and-blocked-signals", test_ignored_and_blocked_signals);
  gp_test_add ("/spawn-hygiene/program-is-untouched", test_program_is_untouched);
  return gp_test_run ();
}
