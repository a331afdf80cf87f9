/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-libpipeline.h"

#include "gp-bench-bare.h"
#include "gp-bench.h"

#include <fcntl.h>
#include <pipeline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_COMMANDS 10
#define LINE "line of 18 bytes.\n"

/* The same with libpipeline. Its functions run in processes of their own, from standard input to
 * standard output. */

static void
add_command (pipeline   *p,
             const char *program,
             const char *argument)
{
  pipeline_command_args (p, program, argument, NULL);
}

static void
add_function (pipeline              *p,
              pipecmd_function_type *func,
              void                  *data)
{
  pipeline_command (p, pipecmd_new_function ("function", func, NULL, data));
}

static void
copy_func (void *data)
{
  char buffer[BENCH_BLOCK_SIZE];
  gsize n_read;

  while ((n_read = bare_read (STDIN_FILENO, buffer, sizeof buffer)) > 0)
    bare_write (STDOUT_FILENO, buffer, n_read);
}

static void
produce_func (void *data)
{
  static const char block[BENCH_BLOCK_SIZE];

  for (guint64 left = *(const guint64 *) data; left > 0; left -= MIN (left, sizeof block))
    bare_write (STDOUT_FILENO, block, MIN (left, sizeof block));
}

static void
hello_func (void *data)
{
  bare_write (STDOUT_FILENO, "hello\n", 6);
}

static void
finish (pipeline *p)
{
  bench_check (pipeline_wait (p) == 0, "status");
  pipeline_free (p);
}

static void
start_for_reading (pipeline *p)
{
  pipeline_want_out (p, -1);
  pipeline_start (p);
}

static void
check_hello (pipeline *p)
{
  const char *line;

  start_for_reading (p);
  line = pipeline_readline (p);
  bench_check (line != NULL && g_str_equal (line, "hello\n"), "output");
  bench_check (pipeline_readline (p) == NULL, "end");
  finish (p);
}

static void
check_size (pipeline *p,
            guint64   size)
{
  guint64 total = 0;

  start_for_reading (p);
  for (;;)
    {
      gsize n_read = BENCH_BLOCK_SIZE;

      if (pipeline_read (p, &n_read) == NULL || n_read == 0)
        break;
      total += n_read;
    }
  bench_check (total == size, "size");
  finish (p);
}

double
libpipeline_spawn1 (guint64 size)
{
  pipeline *p = pipeline_new ();

  add_command (p, "/bin/true", NULL);
  bench_check (pipeline_run (p) == 0, "status");

  return BENCH_WHOLE;
}

static pipeline *
make_cmds10 (void)
{
  pipeline *p = pipeline_new ();

  add_command (p, "/bin/echo", "hello");
  for (guint i = 1; i < N_COMMANDS; i++)
    add_command (p, "/bin/cat", NULL);

  return p;
}

double
libpipeline_cmds10 (guint64 size)
{
  check_hello (make_cmds10 ());

  return BENCH_WHOLE;
}

/* It knows no main loop: one would be kept by the start, if the waiting were left to others. */
double
libpipeline_stall (guint64 size)
{
  pipeline *p = make_cmds10 ();
  double begin = bench_now ();
  double seconds;

  start_for_reading (p);
  seconds = bench_now () - begin;
  bench_check (pipeline_readline (p) != NULL, "output");
  finish (p);

  return seconds;
}

double
libpipeline_funcs10 (guint64 size)
{
  pipeline *p = pipeline_new ();

  add_function (p, hello_func, NULL);
  for (guint i = 1; i < N_COMMANDS; i++)
    add_function (p, copy_func, NULL);
  check_hello (p);

  return BENCH_WHOLE;
}

double
libpipeline_mixed10 (guint64 size)
{
  pipeline *p = pipeline_new ();

  for (guint i = 0; i < N_COMMANDS; i += 2)
    {
      if (i == 0)
        add_command (p, "/bin/echo", "hello");
      else
        add_command (p, "/bin/cat", NULL);
      add_function (p, copy_func, NULL);
    }
  check_hello (p);

  return BENCH_WHOLE;
}

double
libpipeline_func_to_func (guint64 size)
{
  pipeline *p = pipeline_new ();

  add_function (p, produce_func, &size);
  add_function (p, copy_func, NULL);
  check_size (p, size);

  return BENCH_WHOLE;
}

double
libpipeline_func_to_cmd_to_func (guint64 size)
{
  pipeline *p = pipeline_new ();

  add_function (p, produce_func, &size);
  add_command (p, "/bin/cat", NULL);
  check_size (p, size);

  return BENCH_WHOLE;
}

static pipeline *
make_head (guint64 size)
{
  g_autofree char *count = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  pipeline *p = pipeline_new ();

  pipeline_command_args (p, "/usr/bin/head", "-c", count, "/dev/zero", NULL);

  return p;
}

double
libpipeline_cmd_to_cmd (guint64 size)
{
  pipeline *p = make_head (size);

  add_command (p, "/bin/cat", NULL);
  pipeline_want_outfile (p, "/dev/null");
  bench_check (pipeline_run (p) == 0, "status");

  return BENCH_WHOLE;
}

double
libpipeline_cmd_to_mem (guint64 size)
{
  check_size (make_head (size), size);

  return BENCH_WHOLE;
}

static void
write_func (void *data)
{
  for (guint64 i = 0; i < *(const guint64 *) data; i++)
    bare_write (STDOUT_FILENO, LINE, strlen (LINE));
}

static void
write_buffered_func (void *data)
{
  for (guint64 i = 0; i < *(const guint64 *) data; i++)
    fputs (LINE, stdout);
  fflush (stdout);
}

static void
check_lines (pipeline *p,
             guint64   n_lines)
{
  guint64 n_read = 0;

  start_for_reading (p);
  while (pipeline_readline (p) != NULL)
    n_read++;
  bench_check (n_read == n_lines, "lines");
  finish (p);
}

static void
run_data (guint64                n_lines,
          pipecmd_function_type *func)
{
  pipeline *p = pipeline_new ();

  add_function (p, func, &n_lines);
  for (guint i = 0; i < 9; i++)
    if (i % 2 == 0)
      add_command (p, "/bin/cat", NULL);
    else
      add_function (p, copy_func, NULL);
  check_lines (p, n_lines);
}

double
libpipeline_data_unbuffered (guint64 size)
{
  run_data (size, write_func);

  return BENCH_WHOLE;
}

double
libpipeline_data_buffered (guint64 size)
{
  run_data (size, write_buffered_func);

  return BENCH_WHOLE;
}

double
libpipeline_lines (guint64 size)
{
  g_autofree char *count = g_strdup_printf ("%" G_GUINT64_FORMAT, size);
  pipeline *p = pipeline_new ();

  add_command (p, "/usr/bin/seq", count);
  check_lines (p, size);

  return BENCH_WHOLE;
}

/* One byte after the other, each when the one before has arrived */
static double
run_latency (pipeline *p,
             guint64   size)
{
  double begin, seconds;
  FILE *input;

  pipeline_want_in (p, -1);
  start_for_reading (p);
  input = pipeline_get_infile (p);
  begin = bench_now ();
  for (guint64 i = 0; i < size; i++)
    {
      bench_check (fputc ('\n', input) == '\n' && fflush (input) == 0, "write");
      bench_check (pipeline_readline (p) != NULL, "byte");
    }
  seconds = (bench_now () - begin) / size;
  finish (p);

  return seconds;
}

double
libpipeline_latency_cmds (guint64 size)
{
  pipeline *p = pipeline_new ();

  for (guint i = 0; i < N_COMMANDS; i++)
    add_command (p, "/bin/cat", NULL);

  return run_latency (p, size);
}

double
libpipeline_latency_funcs (guint64 size)
{
  pipeline *p = pipeline_new ();

  for (guint i = 0; i < N_COMMANDS; i++)
    add_function (p, copy_func, NULL);

  return run_latency (p, size);
}

double
libpipeline_latency_mixed (guint64 size)
{
  pipeline *p = pipeline_new ();

  for (guint i = 0; i < N_COMMANDS; i += 2)
    {
      add_command (p, "/bin/cat", NULL);
      add_function (p, copy_func, NULL);
    }

  return run_latency (p, size);
}

double
libpipeline_pump_file (guint64 size)
{
  g_autofree char *name = g_strdup_printf ("%s/gopipe-bench-%d", g_get_tmp_dir (), getpid ());
  pipeline *p = make_head (size);
  double begin = bench_now ();
  double seconds;

  pipeline_want_outfile (p, name);
  bench_check (pipeline_run (p) == 0, "status");
  seconds = bench_now () - begin;
  unlink (name);

  return seconds;
}
