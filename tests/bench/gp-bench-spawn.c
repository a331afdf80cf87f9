/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench-helper.h"
#include "gp-bench-libpipeline.h"

#define N_COMMANDS 10

/* What it costs to start commands, in processes of different sizes, and for how long the main loop
 * is kept while they are started. */

static const char * const true_argv[] = { "/bin/true", NULL };
static const char * const echo_argv[] = { "/bin/echo", "hello", NULL };
static const char * const cat_argv[] = { "/bin/cat", NULL };

static double
bare_spawn1 (guint64 size)
{
  bare_wait (bare_spawn (true_argv, -1, -1));

  return BENCH_WHOLE;
}

static void
run_spawn1 (gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  gp_command_stage_set_supervised (gp_pipeline_append_commandv (pipeline, true_argv), supervised);
  run_pipeline (pipeline);
}

static double
gopipe_spawn1 (guint64 size)
{
  run_spawn1 (TRUE);

  return BENCH_WHOLE;
}

static double
gopipe_spawn1_exec (guint64 size)
{
  run_spawn1 (FALSE);

  return BENCH_WHOLE;
}

static double
run_spawn1_by_helper (HelperFlags flags)
{
  HelperChild child = helper_launch (true_argv, -1, -1, flags);

  helper_permit (&child);
  helper_await (&child);
  helper_wait (&child);

  return BENCH_WHOLE;
}

static double
helper_spawn1 (guint64 size)
{
  return run_spawn1_by_helper (HELPER_SUPERVISED);
}

static double
helper_spawn1_exec (guint64 size)
{
  return run_spawn1_by_helper (0);
}

static double
gio_helper_spawn1 (guint64 size)
{
  return run_spawn1_by_helper (HELPER_SUPERVISED | HELPER_BY_GIO);
}

static double
gio_helper_spawn1_exec (guint64 size)
{
  return run_spawn1_by_helper (HELPER_BY_GIO);
}

static double
gio_spawn1 (guint64 size)
{
  g_autoptr (GSubprocess) process = gio_spawn (true_argv, -1, -1, G_SUBPROCESS_FLAGS_NONE);

  gio_wait (process);

  return BENCH_WHOLE;
}

static double
bare_cmds10 (guint64 size)
{
  pid_t pids[N_COMMANDS];
  int input = -1;

  for (guint i = 0; i < N_COMMANDS; i++)
    {
      int next, output;

      bare_pipe (&next, &output);
      pids[i] = bare_spawn (i == 0 ? echo_argv : cat_argv, input, output);
      input = next;
    }
  bare_check_hello (input);
  for (guint i = 0; i < N_COMMANDS; i++)
    bare_wait (pids[i]);

  return BENCH_WHOLE;
}

/* Takes *@input, and leaves there what the command writes to */
static HelperChild
launch_next (guint     index,
             int      *input,
             HelperFlags flags)
{
  HelperChild child;
  int next, output;

  bare_pipe (&next, &output);
  child = helper_launch (index == 0 ? echo_argv : cat_argv, *input, output, flags);
  *input = next;

  return child;
}

/* Each is launched while the one before is executed. */
static double
run_cmds10_by_helper (HelperFlags flags)
{
  HelperChild children[N_COMMANDS];
  int input = -1;

  children[0] = launch_next (0, &input, flags);
  for (guint i = 0; i < N_COMMANDS; i++)
    {
      helper_permit (&children[i]);
      if (i + 1 < N_COMMANDS)
        children[i + 1] = launch_next (i + 1, &input, flags);
      helper_await (&children[i]);
    }
  bare_check_hello (input);
  for (guint i = 0; i < N_COMMANDS; i++)
    helper_wait (&children[i]);

  return BENCH_WHOLE;
}

static double
helper_cmds10 (guint64 size)
{
  return run_cmds10_by_helper (HELPER_SUPERVISED);
}

static double
helper_cmds10_exec (guint64 size)
{
  return run_cmds10_by_helper (0);
}

static double
gio_helper_cmds10 (guint64 size)
{
  return run_cmds10_by_helper (HELPER_SUPERVISED | HELPER_BY_GIO);
}

static double
gio_helper_cmds10_exec (guint64 size)
{
  return run_cmds10_by_helper (HELPER_BY_GIO);
}

static GpPipeline *
make_cmds10 (gboolean supervised)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  gp_pipeline_append_commandv (pipeline, echo_argv);
  for (guint i = 1; i < N_COMMANDS; i++)
    gp_pipeline_append_commandv (pipeline, cat_argv);
  if (!supervised)
    unsupervise_pipeline (pipeline);

  return pipeline;
}

static void
run_cmds10 (gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = make_cmds10 (supervised);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);

  bench_check_error (error);
  bench_check (g_str_equal (text, "hello\n"), "output");
}

static double
gopipe_cmds10 (guint64 size)
{
  run_cmds10 (TRUE);

  return BENCH_WHOLE;
}

static double
gopipe_cmds10_exec (guint64 size)
{
  run_cmds10 (FALSE);

  return BENCH_WHOLE;
}

/* The output of the last one is read through a pipe that GSubprocess makes. */
static void
gio_start_cmds10 (GPtrArray *processes)
{
  int input = -1;

  for (guint i = 0; i < N_COMMANDS; i++)
    {
      gboolean last = i + 1 == N_COMMANDS;
      int next = -1;
      int output = -1;

      if (!last)
        bare_pipe (&next, &output);
      g_ptr_array_add (processes,
                       gio_spawn (i == 0 ? echo_argv : cat_argv, input, output,
                                  last ? G_SUBPROCESS_FLAGS_STDOUT_PIPE : G_SUBPROCESS_FLAGS_NONE));
      input = next;
    }
}

static double
gio_cmds10 (guint64 size)
{
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  gio_start_cmds10 (processes);
  g_subprocess_communicate_utf8 (processes->pdata[N_COMMANDS - 1], NULL, NULL, &text, NULL, &error);
  bench_check_error (error);
  bench_check (g_str_equal (text, "hello\n"), "output");
  for (guint i = 0; i < N_COMMANDS; i++)
    gio_wait (processes->pdata[i]);

  return BENCH_WHOLE;
}

/* The longest time that the default main loop was not in poll (). Whatever is measured lies between
 * two calls of it. */
static double longest_stall;
static double left_poll_at;
static guint n_pending;

static int
watching_poll (GPollFD *fds,
               guint    n_fds,
               int      timeout)
{
  int n;

  longest_stall = MAX (longest_stall, bench_now () - left_poll_at);
  n = g_poll (fds, n_fds, timeout);
  left_poll_at = bench_now ();

  return n;
}

static double
measure_stall (GSourceFunc start)
{
  g_main_context_set_poll_func (NULL, watching_poll);
  n_pending = 1;
  g_idle_add (start, NULL);
  longest_stall = 0;
  left_poll_at = bench_now ();
  while (n_pending > 0)
    g_main_context_iteration (NULL, TRUE);

  return MAX (longest_stall, bench_now () - left_poll_at);
}

static gboolean
start_bare_cb (gpointer data)
{
  bare_cmds10 (0);
  n_pending = 0;

  return G_SOURCE_REMOVE;
}

/* A main loop is kept by all of it, having nobody to wait for its commands. */
static double
bare_stall (guint64 size)
{
  return measure_stall (start_bare_cb);
}

static gboolean
start_gopipe_cb (gpointer data)
{
  g_autoptr (GpPipeline) pipeline = make_cmds10 (TRUE);

  n_pending = 0;
  start_pipeline (pipeline, &n_pending);

  return G_SOURCE_REMOVE;
}

static double
gopipe_stall (guint64 size)
{
  return measure_stall (start_gopipe_cb);
}

static gboolean
start_gopipe_exec_cb (gpointer data)
{
  g_autoptr (GpPipeline) pipeline = make_cmds10 (FALSE);

  n_pending = 0;
  start_pipeline (pipeline, &n_pending);

  return G_SOURCE_REMOVE;
}

static double
gopipe_stall_exec (guint64 size)
{
  return measure_stall (start_gopipe_exec_cb);
}

static gboolean
start_gio_cb (gpointer data)
{
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);

  gio_start_cmds10 (processes);
  n_pending = 0;
  for (guint i = 0; i < N_COMMANDS; i++)
    gio_wait_async (processes->pdata[i], &n_pending);

  return G_SOURCE_REMOVE;
}

static double
gio_stall (guint64 size)
{
  return measure_stall (start_gio_cb);
}

#define HELPER(workload) \
  { "bound-helper", helper_##workload }, \
  { "bound-helper-exec", helper_##workload##_exec }, \
  { "bound-gio", gio_helper_##workload }, \
  { "bound-gio-exec", gio_helper_##workload##_exec }

#define SPAWN1(title, text, memory, count, ...) \
  { \
    title, text, 1, 1, memory, count, \
    { \
      { "floor", bare_spawn1 }, \
      { "gopipe", gopipe_spawn1 }, \
      { "gopipe-exec", gopipe_spawn1_exec }, \
      { "gsubprocess", gio_spawn1 }, \
      LIBPIPELINE (spawn1), \
      __VA_ARGS__ \
    }, \
    { \
      { "gopipe", "floor", 1.8 }, \
      { "gopipe-exec", "floor", 1.4 }, \
      { (memory) == 256 * BENCH_MIB ? "gopipe" : NULL, "gsubprocess", 0.1 }, \
    } \
  }

#define CMDS10(title, text, memory, count, ...) \
  { \
    title, text, 1, 1, memory, count, \
    { \
      { "floor", bare_cmds10 }, \
      { "gopipe", gopipe_cmds10 }, \
      { "gopipe-exec", gopipe_cmds10_exec }, \
      { "gsubprocess", gio_cmds10 }, \
      LIBPIPELINE (cmds10), \
      __VA_ARGS__ \
    }, \
    { \
      { "gopipe", "floor", 1.3 }, \
      { "gopipe-exec", "floor", 1.3 }, \
    } \
  }

#define STALL(title, text, memory, count) \
  { \
    title, text, 1, 1, memory, count, \
    { \
      { "floor", bare_stall }, \
      { "gopipe", gopipe_stall }, \
      { "gopipe-exec", gopipe_stall_exec }, \
      { "gsubprocess", gio_stall }, \
      LIBPIPELINE (stall), \
      PYTHON \
    }, \
    { \
      { (memory) == 256 * BENCH_MIB ? "gopipe" : NULL, "gsubprocess", 0.02 }, \
    } \
  }

const BenchWorkload bench_spawn_workloads[] = {
  SPAWN1 ("spawn1", "one true", 0, 100, BASH, PYTHON, HELPER (spawn1)),
  SPAWN1 ("spawn1_256m", "one true, 256 MiB touched", 256 * BENCH_MIB, 40, PYTHON),
  SPAWN1 ("spawn1_1g", "one true, 1 GiB touched", BENCH_GIB, 30, PYTHON),
  SPAWN1 ("spawn1_4g", "one true, 4 GiB touched", 4 * BENCH_GIB, 20, PYTHON),
  CMDS10 ("cmds10", "echo and nine cat", 0, 20, BASH, PYTHON, HELPER (cmds10)),
  CMDS10 ("cmds10_256m", "echo and nine cat, 256 MiB touched", 256 * BENCH_MIB, 10, PYTHON),
  CMDS10 ("cmds10_1g", "echo and nine cat, 1 GiB touched", BENCH_GIB, 6, PYTHON),
  CMDS10 ("cmds10_4g", "echo and nine cat, 4 GiB touched", 4 * BENCH_GIB, 2, PYTHON),
  STALL ("stall_256m", "the main loop kept by ten commands, 256 MiB touched", 256 * BENCH_MIB, 5),
  STALL ("stall_1g", "the main loop kept by ten commands, 1 GiB touched", BENCH_GIB, 3),
  STALL ("stall_4g", "the main loop kept by ten commands, 4 GiB touched", 4 * BENCH_GIB, 1),
  { NULL }
};
