/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench-libpipeline.h"

#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <string.h>
#include <unistd.h>

#define N_CATS 5
#define N_COPIES 4
#define LINE "line of 18 bytes.\n"

/* Data from commands, to another one and to functions, in large and in small pieces. */

static const char * const cat_argv[] = { "/bin/cat", NULL };

/* The arguments of `head` for so many zeros; the text must be freed. */
static char *
head_argv (guint64      size,
           const char **argv)
{
  char *count = g_strdup_printf ("%" G_GUINT64_FORMAT, size);

  argv[0] = "/usr/bin/head";
  argv[1] = "-c";
  argv[2] = count;
  argv[3] = "/dev/zero";
  argv[4] = NULL;

  return count;
}

static int
open_null (void)
{
  return open ("/dev/null", O_WRONLY | O_CLOEXEC);
}

static double
bare_cmd_to_cmd (guint64 size)
{
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);
  int input, output;
  pid_t head, cat;

  bare_pipe (&input, &output);
  head = bare_spawn (argv, -1, output);
  cat = bare_spawn (cat_argv, input, open_null ());
  bare_wait (head);
  bare_wait (cat);

  return BENCH_WHOLE;
}

static double
gopipe_cmd_to_cmd (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GOutputStream) null = g_unix_output_stream_new (open_null (), TRUE);
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);

  gp_pipeline_append_commandv (pipeline, argv);
  gp_pipeline_append_commandv (pipeline, cat_argv);
  gp_pipeline_set_stdout (pipeline, null);
  run_pipeline (pipeline);
  bench_check (gp_pipeline_get_edge_kind (pipeline, 2) == GP_EDGE_KIND_DESCRIPTOR, "descriptor");

  return BENCH_WHOLE;
}

static double
gio_cmd_to_cmd (guint64 size)
{
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);
  g_autoptr (GSubprocess) head = NULL;
  g_autoptr (GSubprocess) cat = NULL;
  int input, output;

  bare_pipe (&input, &output);
  head = gio_spawn (argv, -1, output, G_SUBPROCESS_FLAGS_NONE);
  cat = gio_spawn (cat_argv, input, -1, G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  gio_wait (head);
  gio_wait (cat);

  return BENCH_WHOLE;
}

static double
bare_cmd_to_mem (guint64 size)
{
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);
  int input, output;
  pid_t pid;

  bare_pipe (&input, &output);
  pid = bare_spawn (argv, -1, output);
  bench_check (bare_count (input) == size, "size");
  bare_wait (pid);

  return BENCH_WHOLE;
}

static double
gopipe_cmd_to_mem (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);
  guint64 total = 0;

  gp_pipeline_append_commandv (pipeline, argv);
  gp_pipeline_append (pipeline, stage_count (&total));
  run_pipeline (pipeline);
  bench_check (total == size, "size");

  return BENCH_WHOLE;
}

static double
gio_cmd_to_mem (guint64 size)
{
  const char *argv[5];
  g_autofree char *count = head_argv (size, argv);
  g_autoptr (GSubprocess) process = gio_spawn (argv, -1, -1, G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  guint64 total = 0;

  gio_count (g_subprocess_get_stdout_pipe (process), &total, &error);
  bench_check_error (error);
  bench_check (total == size, "size");
  gio_wait (process);

  return BENCH_WHOLE;
}

/* Writes lines, one call for each, or collected in a buffer. */
typedef struct
{
  guint64 n_lines;
  gboolean buffered;
  int output;
  GOutputStream *stream;
} Writer;

/* Returns whether it is time to write. */
static gboolean
add_line (const Writer *self,
          char          buffer[BENCH_BLOCK_SIZE],
          gsize        *length)
{
  memcpy (buffer + *length, LINE, strlen (LINE));
  *length += strlen (LINE);

  return !self->buffered || *length + strlen (LINE) > BENCH_BLOCK_SIZE;
}

static void *
bare_write_lines (void *data)
{
  Writer *self = data;
  char buffer[BENCH_BLOCK_SIZE];
  gsize length = 0;

  for (guint64 i = 0; i < self->n_lines; i++)
    {
      if (add_line (self, buffer, &length))
        {
          bare_write (self->output, buffer, length);
          length = 0;
        }
    }
  bare_write (self->output, buffer, length);
  close (self->output);

  return NULL;
}

static gboolean
gio_write_lines (GOutputStream  *output,
                 const Writer   *self,
                 GError        **error)
{
  char buffer[BENCH_BLOCK_SIZE];
  gsize length = 0;

  for (guint64 i = 0; i < self->n_lines; i++)
    {
      if (add_line (self, buffer, &length))
        {
          if (!g_output_stream_write_all (output, buffer, length, NULL, NULL, error))
            return FALSE;
          length = 0;
        }
    }

  return g_output_stream_write_all (output, buffer, length, NULL, NULL, error);
}

static void *
write_lines_to_stream (void *data)
{
  Writer *self = data;
  g_autoptr (GOutputStream) stream = gio_bare_output (self->output);
  g_autoptr (GError) error = NULL;

  if (gio_write_lines (stream, self, &error))
    g_output_stream_close (stream, NULL, &error);
  bench_check_error (error);

  return NULL;
}

/* @like_stages: what waits can be ended, and what writes is given a stream. */
static double
run_bare_data (guint64  n_lines,
               gboolean buffered,
               gboolean like_stages)
{
  Writer writer = { n_lines, buffered };
  BareCopy copies[N_COPIES];
  pid_t pids[N_CATS];
  pthread_t thread;
  int input;

  bare_pipe (&input, &writer.output);
  if (like_stages)
    bare_make_cancellable (writer.output);
  thread = bare_start_thread (like_stages ? write_lines_to_stream : bare_write_lines, &writer);
  for (guint i = 0; i < N_CATS + N_COPIES; i++)
    {
      int next, output;

      bare_pipe (&next, &output);
      if (like_stages)
        bare_make_cancellable (i % 2 == 0 ? next : output);
      if (i % 2 == 0)
        pids[i / 2] = bare_spawn (cat_argv, input, output);
      else
        bare_copy_start (&copies[i / 2], input, output);
      input = next;
    }
  bench_check (bare_count_lines (input) == n_lines, "lines");

  pthread_join (thread, NULL);
  for (guint i = 0; i < N_COPIES; i++)
    bare_copy_join (&copies[i]);
  for (guint i = 0; i < N_CATS; i++)
    bare_wait (pids[i]);

  return BENCH_WHOLE;
}

static double
bare_data_unbuffered (guint64 size)
{
  return run_bare_data (size, FALSE, FALSE);
}

static double
bare_data_buffered (guint64 size)
{
  return run_bare_data (size, TRUE, FALSE);
}

static double
poll_data_unbuffered (guint64 size)
{
  return run_bare_data (size, FALSE, TRUE);
}

static double
poll_data_buffered (guint64 size)
{
  return run_bare_data (size, TRUE, TRUE);
}

static gboolean
write_lines_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  return gio_write_lines (output, user_data, error);
}

static void
run_gopipe_data (guint64  n_lines,
                 gboolean buffered)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  Writer writer = { n_lines, buffered };
  guint64 n_counted = 0;

  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("write", write_lines_func, &writer, NULL)));
  for (guint i = 0; i < N_CATS + N_COPIES; i++)
    if (i % 2 == 0)
      gp_pipeline_append_commandv (pipeline, cat_argv);
    else
      gp_pipeline_append (pipeline, stage_copy ());
  gp_pipeline_append (pipeline, stage_count_lines (&n_counted));
  run_pipeline (pipeline);
  bench_check (n_counted == n_lines, "lines");
}

static double
gopipe_data_unbuffered (guint64 size)
{
  run_gopipe_data (size, FALSE);

  return BENCH_WHOLE;
}

static double
gopipe_data_buffered (guint64 size)
{
  run_gopipe_data (size, TRUE);

  return BENCH_WHOLE;
}

static gpointer
gio_write_thread (gpointer data)
{
  Writer *self = data;
  g_autoptr (GError) error = NULL;

  if (gio_write_lines (self->stream, self, &error))
    g_output_stream_close (self->stream, NULL, &error);
  bench_check_error (error);

  return NULL;
}

static void
run_gio_data (guint64  n_lines,
              gboolean buffered)
{
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE;
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);
  Writer writer = { n_lines, buffered };
  GThread *threads[N_CATS];
  g_autoptr (GError) error = NULL;
  GInputStream *input = NULL;
  guint64 n_counted = 0;

  for (guint i = 0; i < N_CATS; i++)
    {
      GSubprocess *process = gio_spawn (cat_argv, -1, -1, flags);
      GOutputStream *output = g_subprocess_get_stdin_pipe (process);

      g_ptr_array_add (processes, process);
      if (i == 0)
        {
          writer.stream = output;
          threads[i] = g_thread_new ("write", gio_write_thread, &writer);
        }
      else
        threads[i] = gio_copy_start (input, output);
      input = g_subprocess_get_stdout_pipe (process);
    }
  gio_count_lines (input, &n_counted, &error);
  bench_check_error (error);
  bench_check (n_counted == n_lines, "lines");

  for (guint i = 0; i < N_CATS; i++)
    {
      g_thread_join (threads[i]);
      gio_wait (processes->pdata[i]);
    }
}

static double
gio_data_unbuffered (guint64 size)
{
  run_gio_data (size, FALSE);

  return BENCH_WHOLE;
}

static double
gio_data_buffered (guint64 size)
{
  run_gio_data (size, TRUE);

  return BENCH_WHOLE;
}

/* The arguments of `seq`; the text must be freed. */
static char *
seq_argv (guint64      n_lines,
          const char **argv)
{
  char *count = g_strdup_printf ("%" G_GUINT64_FORMAT, n_lines);

  argv[0] = "/usr/bin/seq";
  argv[1] = count;
  argv[2] = NULL;

  return count;
}

static double
bare_lines (guint64 size)
{
  const char *argv[3];
  g_autofree char *count = seq_argv (size, argv);
  int input, output;
  pid_t pid;

  bare_pipe (&input, &output);
  pid = bare_spawn (argv, -1, output);
  bench_check (bare_count_lines (input) == size, "lines");
  bare_wait (pid);

  return BENCH_WHOLE;
}

static double
gopipe_lines (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  const char *argv[3];
  g_autofree char *count = seq_argv (size, argv);
  guint64 n_lines = 0;

  gp_pipeline_append_commandv (pipeline, argv);
  gp_pipeline_append (pipeline, stage_count_by_line (&n_lines));
  run_pipeline (pipeline);
  bench_check (n_lines == size, "lines");

  return BENCH_WHOLE;
}

static double
gio_lines (guint64 size)
{
  const char *argv[3];
  g_autofree char *count = seq_argv (size, argv);
  g_autoptr (GSubprocess) process = gio_spawn (argv, -1, -1, G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GDataInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  guint64 n_lines = 0;
  char *line;

  input = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  g_buffered_input_stream_set_buffer_size (G_BUFFERED_INPUT_STREAM (input), BENCH_BLOCK_SIZE);
  while ((line = g_data_input_stream_read_line (input, NULL, NULL, &error)) != NULL)
    {
      n_lines++;
      g_free (line);
    }
  bench_check_error (error);
  bench_check (n_lines == size, "lines");
  gio_wait (process);

  return BENCH_WHOLE;
}

#define DATA(name, text, lines) \
  { \
    #name, text, lines, 1000, 0, 1, \
    { \
      { "floor", bare_##name }, \
      { "bound-poll", poll_##name }, \
      { "gopipe", gopipe_##name }, \
      { "gsubprocess", gio_##name }, \
      LIBPIPELINE (name), \
      PYTHON, \
    }, \
    { { "gopipe", "floor", 1.2 } } \
  }

const BenchWorkload bench_data_workloads[] = {
  {
    "cmd_to_cmd", "1 GiB, head to cat to /dev/null", BENCH_GIB, BENCH_MIB, 0, 1,
    {
      { "floor", bare_cmd_to_cmd },
      { "gopipe", gopipe_cmd_to_cmd },
      { "gsubprocess", gio_cmd_to_cmd },
      LIBPIPELINE (cmd_to_cmd),
      BASH,
      PYTHON,
    },
  },
  {
    "cmd_to_mem", "256 MiB from a command, counted here", 256 * BENCH_MIB, BENCH_MIB, 0, 2,
    {
      { "floor", bare_cmd_to_mem },
      { "gopipe", gopipe_cmd_to_mem },
      { "gsubprocess", gio_cmd_to_mem },
      LIBPIPELINE (cmd_to_mem),
      PYTHON,
    },
    { { "gopipe", "floor", 1.1 } },
  },
  DATA (data_unbuffered, "100,000 small writes through 5 cat and 4 copies", 100000),
  DATA (data_buffered, "1,000,000 lines, buffered, through 5 cat and 4 copies", 1000000),
  {
    "lines", "5,000,000 lines of seq, counted one by one", 5000000, 1000, 0, 1,
    {
      { "floor", bare_lines },
      { "gopipe", gopipe_lines },
      { "gsubprocess", gio_lines },
      LIBPIPELINE (lines),
      PYTHON,
    },
    { { "gopipe", "floor", 1.3 } },
  },
  { NULL }
};
