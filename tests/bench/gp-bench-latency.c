/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench-libpipeline.h"

#include <unistd.h>

#define N_STAGES 10

/* How long one byte is on its way through ten stages that wait for it. The size is the number of
 * bytes, each of which is sent when the one before has arrived. The time is that of one. */

static const char * const cat_argv[] = { "/bin/cat", NULL };

static double
send_bare (guint64 size,
           int     first,
           int     last)
{
  double begin = bench_now ();

  for (guint64 i = 0; i < size; i++)
    {
      char byte = '\n';

      bare_write (first, &byte, 1);
      bench_check (bare_read (last, &byte, 1) == 1 && byte == '\n', "byte");
    }

  return (bench_now () - begin) / size;
}

/* Commands, and in their places copying threads where the mask has a bit */
static double
run_bare (guint64 size,
          guint   threads)
{
  BareCopy copies[N_STAGES];
  pid_t pids[N_STAGES];
  int input, first;
  double seconds;

  bare_pipe (&input, &first);
  for (guint i = 0; i < N_STAGES; i++)
    {
      int next, output;

      bare_pipe (&next, &output);
      if ((threads & 1u << i) != 0)
        bare_copy_start (&copies[i], input, output);
      else
        pids[i] = bare_spawn (cat_argv, input, output);
      input = next;
    }
  seconds = send_bare (size, first, input);
  close (first);
  for (guint i = 0; i < N_STAGES; i++)
    if ((threads & 1u << i) != 0)
      bare_copy_join (&copies[i]);
    else
      bare_wait (pids[i]);
  close (input);

  return seconds;
}

static double
bare_latency_cmds (guint64 size)
{
  return run_bare (size, 0);
}

static double
bare_latency_mixed (guint64 size)
{
  return run_bare (size, 0x2aa);
}

/* Eleven hand-offs: to the first of ten threads, and from the last one back */
static double
bare_latency_funcs (guint64 size)
{
  static BareHand *hands;
  char text[8] = "\n";
  double begin;

  if (hands == NULL)
    hands = bare_hands_new (N_STAGES + 1);
  begin = bench_now ();
  for (guint64 i = 0; i < size; i++)
    {
      bare_hand_over (&hands[0], text);
      bare_hand_take (&hands[N_STAGES], text);
    }

  return (bench_now () - begin) / size;
}

static double
send_gio (guint64        size,
          GOutputStream *first,
          GInputStream  *last)
{
  g_autoptr (GError) error = NULL;
  double begin = bench_now ();

  for (guint64 i = 0; i < size; i++)
    {
      char byte = '\n';

      g_output_stream_write (first, &byte, 1, NULL, &error);
      bench_check_error (error);
      bench_check (g_input_stream_read (last, &byte, 1, NULL, &error) == 1 && byte == '\n', "byte");
      bench_check_error (error);
    }

  return (bench_now () - begin) / size;
}

static GpLineAction
keep_line (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

/* Takes the pipeline. */
static double
run_gopipe (guint64     size,
            GpPipeline *pipeline)
{
  g_autoptr (GOutputStream) first = NULL;
  g_autoptr (GInputStream) last = NULL;
  g_autoptr (GError) error = NULL;
  double seconds;

  first = gp_pipeline_open_input (pipeline, &error);
  bench_check_error (error);
  last = gp_pipeline_open_output (pipeline, &error);
  bench_check_error (error);
  gp_pipeline_start (pipeline, NULL, &error);
  bench_check_error (error);
  seconds = send_gio (size, first, last);
  g_output_stream_close (first, NULL, &error);
  bench_check_error (error);
  gp_pipeline_wait (pipeline, NULL, &error);
  bench_check_error (error);
  g_object_unref (pipeline);

  return seconds;
}

static double
gopipe_latency_cmds (guint64 size)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  for (guint i = 0; i < N_STAGES; i++)
    gp_pipeline_append_commandv (pipeline, cat_argv);

  return run_gopipe (size, pipeline);
}

static double
gopipe_latency_funcs (guint64 size)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  for (guint i = 0; i < N_STAGES; i++)
    gp_pipeline_append (pipeline, stage_copy ());

  return run_gopipe (size, pipeline);
}

static double
gopipe_latency_lines (guint64 size)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  for (guint i = 0; i < N_STAGES; i++)
    gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new ("keep", keep_line, NULL, NULL)));

  return run_gopipe (size, pipeline);
}

static double
gopipe_latency_mixed (guint64 size)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  for (guint i = 0; i < N_STAGES; i += 2)
    {
      gp_pipeline_append_commandv (pipeline, cat_argv);
      gp_pipeline_append (pipeline, stage_copy ());
    }

  return run_gopipe (size, pipeline);
}

/* By hand: system pipes between the commands, GIO's at both ends. */
static double
gio_latency_cmds (guint64 size)
{
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  GOutputStream *first;
  int input = -1;
  double seconds;

  for (guint i = 0; i < N_STAGES; i++)
    {
      GSubprocessFlags flags = G_SUBPROCESS_FLAGS_NONE;
      int next = -1;
      int output = -1;

      if (i == 0)
        flags |= G_SUBPROCESS_FLAGS_STDIN_PIPE;
      if (i == N_STAGES - 1)
        flags |= G_SUBPROCESS_FLAGS_STDOUT_PIPE;
      else
        bare_pipe (&next, &output);
      g_ptr_array_add (processes, gio_spawn (cat_argv, input, output, flags));
      input = next;
    }
  first = g_subprocess_get_stdin_pipe (processes->pdata[0]);
  seconds = send_gio (size, first, g_subprocess_get_stdout_pipe (processes->pdata[N_STAGES - 1]));
  g_output_stream_close (first, NULL, &error);
  bench_check_error (error);
  for (guint i = 0; i < N_STAGES; i++)
    gio_wait (processes->pdata[i]);

  return seconds;
}

static double
gio_latency_mixed (guint64 size)
{
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE;
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);
  GThread *threads[N_STAGES / 2];
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  GOutputStream *first;
  double seconds;

  for (guint i = 0; i < N_STAGES / 2; i++)
    {
      GSubprocess *process = gio_spawn (cat_argv, -1, -1, flags);

      g_ptr_array_add (processes, process);
      if (i > 0)
        threads[i - 1] = gio_copy_start (g_subprocess_get_stdout_pipe (processes->pdata[i - 1]),
                                         g_subprocess_get_stdin_pipe (process));
    }
  gio_pipe (&input, &output);
  threads[N_STAGES / 2 - 1] =
    gio_copy_start (g_subprocess_get_stdout_pipe (processes->pdata[N_STAGES / 2 - 1]), output);
  first = g_subprocess_get_stdin_pipe (processes->pdata[0]);
  seconds = send_gio (size, first, input);
  g_output_stream_close (first, NULL, &error);
  bench_check_error (error);
  for (guint i = 0; i < N_STAGES / 2; i++)
    {
      g_thread_join (threads[i]);
      gio_wait (processes->pdata[i]);
    }

  return seconds;
}

const BenchWorkload bench_latency_workloads[] = {
  {
    "latency_cmds", "one byte through ten cat", 200, 10, 0, 1,
    {
      { "floor", bare_latency_cmds },
      { "gopipe", gopipe_latency_cmds },
      { "gsubprocess", gio_latency_cmds },
      LIBPIPELINE (latency_cmds),
      BASH,
      PYTHON,
    },
  },
  {
    "latency_funcs", "one byte through ten functions", 1000, 10, 0, 1,
    {
      { "floor", bare_latency_funcs },
      { "gopipe", gopipe_latency_funcs },
      LIBPIPELINE (latency_funcs),
    },
  },
  {
    "latency_lines", "one byte through ten functions of lines", 1000, 10, 0, 1,
    {
      { "floor", bare_latency_funcs },
      { "gopipe", gopipe_latency_lines },
    },
  },
  {
    "latency_mixed", "one byte through command and function in turn", 200, 10, 0, 1,
    {
      { "floor", bare_latency_mixed },
      { "gopipe", gopipe_latency_mixed },
      { "gsubprocess", gio_latency_mixed },
      LIBPIPELINE (latency_mixed),
    },
  },
  { NULL }
};
