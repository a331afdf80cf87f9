/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-leash.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Programs that end while their pipelines run: at once, with their own status, and nobody is left
 * but who may stay. With "--host WAY WHAT" this is such a program, with a leash as its standard
 * input and output: WHAT runs when "!" was said there, and at SIGUSR1 it ends in that WAY. */

#define NEVER 100000000
#define EXIT_STATUS 7
#define N_STARTS 20

static char *self_path;
static GpPipeline *the_pipeline; /* never freed: the program ends before */
static GOutputStream *the_input;

/* --- What runs ------------------------------------------------------------------------------ */

static void
say_ready (void)
{
  if (write (STDOUT_FILENO, "!", 1) != 1)
    abort ();
}

static gboolean
block_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  say_ready ();
  while (pause () != 0)
    continue;
  return TRUE;
}

static gboolean
keep_func (GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  g_object_ref (context);
  say_ready ();
  return TRUE;
}

static void
start (void)
{
  if (!gp_pipeline_start (the_pipeline, NULL, NULL))
    abort ();
}

/* One that cannot be stopped, and one that waits for it */
static void
run_functions (void)
{
  gp_pipeline_append (the_pipeline,
                      GP_STAGE (gp_function_stage_new ("block", block_func, NULL, NULL)));
  gp_pipeline_append (the_pipeline,
                      GP_STAGE (gp_function_stage_new ("copy", gp_test_copy_func, NULL, NULL)));
  start ();
}

static void
run_async (void)
{
  gp_pipeline_append (the_pipeline, GP_STAGE (gp_async_stage_new ("keep", keep_func, NULL, NULL)));
  gp_pipeline_start_async (the_pipeline, NULL, NULL, NULL);
  while (gp_pipeline_get_state (the_pipeline) != GP_PIPELINE_STATE_RUNNING)
    g_main_context_iteration (NULL, TRUE);
}

static gpointer
communicate_thread (gpointer data)
{
  return gp_pipeline_communicate (the_pipeline, NULL, NULL, NULL);
}

/* It is collected what a function writes. Nothing is started any more when the program ends: where it
 * executes another one, the kernel refuses to make a thread, and GLib aborts when that is its first one. */
static void
run_communicate (void)
{
  gp_pipeline_append (the_pipeline,
                      GP_STAGE (gp_function_stage_new ("block", block_func, NULL, NULL)));
  gp_test_add_child (the_pipeline, "cat", NULL);
  g_thread_unref (g_thread_new ("communicate", communicate_thread, NULL));
  while (gp_pipeline_get_state (the_pipeline) < GP_PIPELINE_STATE_RUNNING)
    g_thread_yield ();
}

static GpCommandStage *
add_command (const char *mode,
             const char *argument,
             const char *second)
{
  GpCommandStage *command = gp_test_add_child (the_pipeline, mode, argument, second, NULL);

  gp_command_stage_take_fd (command, dup (STDOUT_FILENO), LEASH_OUT);
  gp_command_stage_take_fd (command, dup (STDIN_FILENO), LEASH_IN);
  return command;
}

/* They say themselves that they run. */
static void
run_dying (void)
{
  GpCommandStage *command = add_command ("leave", "s", "wait");

  gp_command_stage_set_die_with_parent (command, TRUE);
  start ();
}

static void
run_dying_watched (void)
{
  GpCommandStage *command = add_command ("leave", "d", "wait");

  gp_command_stage_set_die_with_parent (command, TRUE);
  gp_command_stage_set_memory_limit (command, G_GUINT64_CONSTANT (1) << 40);
  start ();
}

static void
run_staying (void)
{
  add_command ("leave", "s", "release");
  start ();
}

static void
run_staying_unsupervised (void)
{
  gp_command_stage_set_supervised (add_command ("leave", "s", "release"), FALSE);
  start ();
}

/* It ends when its input does. */
static void
run_reading (void)
{
  add_command ("exit-later", "0", NULL);
  the_input = gp_pipeline_open_input (the_pipeline, NULL);
  start ();
  say_ready ();
}

static void
run_reading_unsupervised (void)
{
  gp_command_stage_set_supervised (add_command ("exit-later", "0", NULL), FALSE);
  the_input = gp_pipeline_open_input (the_pipeline, NULL);
  start ();
  say_ready ();
}

/* The end comes at any moment of the start. */
static void
run_starting (void)
{
  gp_command_stage_set_die_with_parent (add_command ("wait", NULL, NULL), TRUE);
  gp_command_stage_set_die_with_parent (add_command ("wait", NULL, NULL), TRUE);
  gp_pipeline_start_async (the_pipeline, NULL, NULL, NULL);
  say_ready ();
}

static void
run_starting_reading (void)
{
  gp_command_stage_set_supervised (add_command ("exit-later", "0", NULL), FALSE);
  add_command ("exit-later", "0", NULL);
  the_input = gp_pipeline_open_input (the_pipeline, NULL);
  gp_pipeline_start_async (the_pipeline, NULL, NULL, NULL);
  say_ready ();
}

typedef struct
{
  const char *name;
  void      (*run) (void);
  gboolean    stays;
  guint       n_times;
} What;

static const What whats[] = {
  { "functions", run_functions, FALSE, 1 },
  { "async", run_async, FALSE, 1 },
  { "communicate", run_communicate, FALSE, 1 },
  { "dying", run_dying, FALSE, 1 },
  { "dying-watched", run_dying_watched, FALSE, 1 },
  { "staying", run_staying, TRUE, 1 },
  { "staying-unsupervised", run_staying_unsupervised, TRUE, 1 },
  { "reading", run_reading, FALSE, 1 },
  { "reading-unsupervised", run_reading_unsupervised, FALSE, 1 },
  { "starting", run_starting, FALSE, N_STARTS },
  { "starting-reading", run_starting_reading, FALSE, N_STARTS },
};

/* --- How the program ends ------------------------------------------------------------------- */

static void
end_by_return (void)
{
}

static void
end_by_exit (void)
{
  exit (EXIT_STATUS);
}

static void
end_by_fast_exit (void)
{
  _exit (EXIT_STATUS);
}

static gpointer
exit_thread (gpointer data)
{
  exit (EXIT_STATUS);
  return NULL;
}

static void
end_by_exit_elsewhere (void)
{
  g_thread_join (g_thread_new ("exit", exit_thread, NULL));
}

static void
end_by_exec (void)
{
  execl (gp_test_child (), gp_test_child (), "exit", G_STRINGIFY (EXIT_STATUS), NULL);
}

static void
end_by_kill (void)
{
  raise (SIGKILL);
}

typedef struct
{
  const char *name;
  void      (*end) (void);
  int         signum; /* or it ends with the status */
} Way;

static const Way ways[] = {
  { "return", end_by_return, 0 },
  { "exit", end_by_exit, 0 },
  { "_exit", end_by_fast_exit, 0 },
  { "exit-elsewhere", end_by_exit_elsewhere, 0 },
  { "exec", end_by_exec, 0 },
  { "abort", abort, SIGABRT },
  { "kill", end_by_kill, SIGKILL },
};

static int
host_main (const char *way,
           const char *what)
{
  const struct rlimit no_core = { 0, 0 };
  sigset_t signals;
  int signum;

  alarm (50);
  gp_test_ignore_leaks ();
  setrlimit (RLIMIT_CORE, &no_core);
  sigemptyset (&signals);
  sigaddset (&signals, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &signals, NULL);
  the_pipeline = gp_pipeline_new ();
  gp_pipeline_set_abandon_delay (the_pipeline, NEVER);
  for (gsize i = 0; i < G_N_ELEMENTS (whats); i++)
    if (g_str_equal (whats[i].name, what))
      whats[i].run ();

  sigwait (&signals, &signum);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    if (g_str_equal (ways[i].name, way))
      ways[i].end ();
  return EXIT_STATUS;
}

/* --- The tests ------------------------------------------------------------------------------ */

static GPid
start_host (Leash      *leash,
            const Way  *way,
            const What *what)
{
  const char *argv[] = { self_path, "--host", way->name, what->name, NULL };
  g_autoptr (GError) error = NULL;
  int fds[2];
  GPid pid;

  leash_open (leash, fds);
  g_spawn_async_with_fds (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                          fds[0], fds[1], -1, &error);
  g_assert_no_error (error);
  close (fds[0]);
  close (fds[1]);
  return pid;
}

/* Nobody is left at all, supervisors included: who has lost its parent is this program's child. */
static void
await_orphans (void)
{
  while (waitpid (-1, NULL, 0) > 0 || errno == EINTR)
    continue;
  g_assert_cmpint (errno, ==, ECHILD);
}

static void
check_end (const Way  *way,
           const What *what)
{
  g_auto (Leash) leash;
  GPid pid = start_host (&leash, way, what);
  int status;

  leash_await_ready (&leash);
  g_assert_cmpint (kill (pid, SIGUSR1), ==, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (way->signum != 0)
    g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == way->signum);
  else
    g_assert_cmpint (status, ==, EXIT_STATUS << 8);

  if (what->stays)
    {
      leash_assert_alive (&leash);
      leash_release (&leash);
    }
  leash_await_end (&leash);
  await_orphans ();
}

static void
test_end (gconstpointer data)
{
  const What *what = data;

  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_test_message ("%s", ways[i].name);
      for (guint j = 0; j < what->n_times; j++)
        check_end (&ways[i], what);
    }
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (argc == 4 && g_str_equal (argv[1], "--host"))
    return host_main (argv[2], argv[3]);

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (whats); i++)
    {
      g_autofree char *path = g_strdup_printf ("/exit/%s", whats[i].name);

      gp_test_add_data (path, &whats[i], test_end);
    }
  status = gp_test_run ();
  g_free (self_path);
  return status;
}
