/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench-libpipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The output of a command into a file and into a socket, and all of input and output in memory. */

static const char * const cat_argv[] = { "/bin/cat", NULL };

/* The arguments of `head` for so many zeros */
typedef struct
{
  char count[32];
  const char *argv[5];
} Head;

static void
head_init (Head    *head,
           guint64  size)
{
  g_snprintf (head->count, sizeof head->count, "%" G_GUINT64_FORMAT, size);
  head->argv[0] = "/usr/bin/head";
  head->argv[1] = "-c";
  head->argv[2] = head->count;
  head->argv[3] = "/dev/zero";
  head->argv[4] = NULL;
}

/* A name for a file that is not there yet, always the same in one process */
static char *
get_file_name (void)
{
  g_autofree char *name = g_strdup_printf ("gopipe-bench-%d", getpid ());

  return g_build_filename (g_get_tmp_dir (), name, NULL);
}

static int
open_file (const char *name)
{
  return open (name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

/* The file is removed outside of the time. */
static double
check_file (const char *name,
            guint64     size,
            double      begin)
{
  double seconds = bench_now () - begin;
  int fd = open (name, O_RDONLY | O_CLOEXEC);

  bench_check (fd >= 0 && (guint64) lseek (fd, 0, SEEK_END) == size, "size");
  close (fd);
  unlink (name);

  return seconds;
}

static double
bare_pump_file (guint64 size)
{
  g_autofree char *name = get_file_name ();
  double begin = bench_now ();
  Head head;

  head_init (&head, size);
  bare_wait (bare_spawn (head.argv, -1, open_file (name)));

  return check_file (name, size, begin);
}

static double
gopipe_pump_file (guint64 size)
{
  g_autofree char *name = get_file_name ();
  g_autoptr (GFile) file = g_file_new_for_path (name);
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  double begin = bench_now ();
  Head head;

  head_init (&head, size);
  gp_pipeline_append_commandv (pipeline, head.argv);
  gp_pipeline_set_stdout_file (pipeline, file, GP_FILE_MODE_TRUNCATE);
  run_pipeline (pipeline);

  return check_file (name, size, begin);
}

static double
gio_pump_file (guint64 size)
{
  g_autofree char *name = get_file_name ();
  g_autoptr (GSubprocess) process = NULL;
  double begin = bench_now ();
  Head head;

  head_init (&head, size);
  process = gio_spawn (head.argv, -1, open_file (name), G_SUBPROCESS_FLAGS_NONE);
  gio_wait (process);

  return check_file (name, size, begin);
}

/* A pair of sockets whose other end is read by a thread that counts. */
typedef struct
{
  pthread_t thread;
  int ours;
  int theirs;
  guint64 total;
} Drain;

static void *
drain_thread (void *data)
{
  Drain *self = data;

  self->total = bare_count (self->theirs);

  return NULL;
}

static void
drain_start (Drain *self)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    bench_fail ("socketpair: %s", g_strerror (errno));
  self->ours = fds[0];
  self->theirs = fds[1];
  self->total = 0;
  self->thread = bare_start_thread (drain_thread, self);
}

static void
drain_finish (Drain   *self,
              guint64  size)
{
  pthread_join (self->thread, NULL);
  bench_check (self->total == size, "size");
}

/* Takes our end. */
static GSocketConnection *
drain_get_connection (Drain *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (self->ours, &error);

  bench_check_error (error);

  return g_socket_connection_factory_create_connection (socket);
}

static double
bare_pump_socket (guint64 size)
{
  int input, output;
  BareCopy copy;
  Drain drain;
  Head head;
  pid_t pid;

  drain_start (&drain);
  head_init (&head, size);
  bare_pipe (&input, &output);
  pid = bare_spawn (head.argv, -1, output);
  bare_copy_start (&copy, input, drain.ours);
  bare_copy_join (&copy);
  bare_wait (pid);
  drain_finish (&drain, size);

  return BENCH_WHOLE;
}

static double
gopipe_pump_socket (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  Drain drain;
  Head head;

  drain_start (&drain);
  connection = drain_get_connection (&drain);
  head_init (&head, size);
  gp_pipeline_append_commandv (pipeline, head.argv);
  gp_pipeline_set_stdout (pipeline, g_io_stream_get_output_stream (G_IO_STREAM (connection)));
  run_pipeline (pipeline);
  g_io_stream_close (G_IO_STREAM (connection), NULL, &error);
  bench_check_error (error);
  drain_finish (&drain, size);

  return BENCH_WHOLE;
}

static double
gio_pump_socket (guint64 size)
{
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  Drain drain;
  Head head;

  drain_start (&drain);
  connection = drain_get_connection (&drain);
  head_init (&head, size);
  process = gio_spawn (head.argv, -1, -1, G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  gio_copy (g_subprocess_get_stdout_pipe (process),
            g_io_stream_get_output_stream (G_IO_STREAM (connection)), &error);
  bench_check_error (error);
  gio_wait (process);
  g_io_stream_close (G_IO_STREAM (connection), NULL, &error);
  bench_check_error (error);
  drain_finish (&drain, size);

  return BENCH_WHOLE;
}

typedef struct
{
  int output;
  const void *data;
  gsize size;
} Feed;

static void *
feed_thread (void *data)
{
  Feed *self = data;

  bare_write (self->output, self->data, self->size);
  close (self->output);

  return NULL;
}

/* All that there is, in memory that grows; it must be freed. */
static char *
read_all (int    fd,
          gsize *size)
{
  gsize allocated = BENCH_BLOCK_SIZE;
  char *data = g_malloc (allocated);
  gsize n_read;

  *size = 0;
  while ((n_read = bare_read (fd, data + *size, allocated - *size)) > 0)
    {
      *size += n_read;
      if (*size == allocated)
        data = g_realloc (data, allocated *= 2);
    }
  close (fd);

  return data;
}

/* Made outside of the time, and only once: it is what the program has. */
static GBytes *
get_input (guint64 size)
{
  static GBytes *bytes;

  if (bytes == NULL || g_bytes_get_size (bytes) != size)
    {
      g_clear_pointer (&bytes, g_bytes_unref);
      bytes = g_bytes_new_take (memset (g_malloc (size), 'x', size), size);
    }

  return bytes;
}

static double
bare_communicate (guint64 size)
{
  Feed feed = { -1, g_bytes_get_data (get_input (size), NULL), size };
  double begin = bench_now ();
  int cat_input, cat_output, input;
  g_autofree char *output = NULL;
  pthread_t thread;
  gsize n_read;
  pid_t pid;

  bare_pipe (&cat_input, &feed.output);
  bare_pipe (&input, &cat_output);
  pid = bare_spawn (cat_argv, cat_input, cat_output);
  thread = bare_start_thread (feed_thread, &feed);
  output = read_all (input, &n_read);
  bench_check (n_read == size && output[size - 1] == 'x', "size");
  pthread_join (thread, NULL);
  bare_wait (pid);

  return bench_now () - begin;
}

static double
gopipe_communicate (guint64 size)
{
  GBytes *bytes = get_input (size);
  double begin = bench_now ();
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_commandv (pipeline, cat_argv);
  output = gp_pipeline_communicate (pipeline, bytes, NULL, &error);
  bench_check_error (error);
  bench_check (g_bytes_get_size (output) == size, "size");

  return bench_now () - begin;
}

static double
gio_communicate (guint64 size)
{
  GBytes *bytes = get_input (size);
  double begin = bench_now ();
  g_autoptr (GSubprocess) process = gio_spawn (cat_argv, -1, -1,
                                               G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                               G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_communicate (process, bytes, NULL, &output, NULL, &error);
  bench_check_error (error);
  bench_check (g_bytes_get_size (output) == size, "size");
  gio_wait (process);

  return bench_now () - begin;
}

const BenchWorkload bench_pump_workloads[] = {
  {
    "pump_file", "256 MiB from a command into a file in memory", 256 * BENCH_MIB, BENCH_MIB, 0, 2,
    {
      { "floor", bare_pump_file },
      { "gopipe", gopipe_pump_file },
      { "gsubprocess", gio_pump_file },
      LIBPIPELINE (pump_file),
      BASH,
      PYTHON,
    },
  },
  {
    "pump_socket", "256 MiB from a command into a socket", 256 * BENCH_MIB, BENCH_MIB, 0, 2,
    {
      { "floor", bare_pump_socket },
      { "gopipe", gopipe_pump_socket },
      { "gsubprocess", gio_pump_socket },
      PYTHON,
    },
  },
  {
    "communicate", "64 MiB from memory through cat into memory", 64 * BENCH_MIB, BENCH_MIB, 0, 3,
    {
      { "floor", bare_communicate },
      { "gopipe", gopipe_communicate },
      { "gsubprocess", gio_communicate },
      PYTHON,
    },
  },
  { NULL }
};

/* Scripts only */
const BenchWorkload bench_language_workloads[] = {
  {
    "lines_js", "500,000 lines of seq, counted in JavaScript", 500000, 1000, 0, 1,
    {
      { "gopipe", NULL, "gp-bench-lines.js" },
      { "gsubprocess", NULL, "gp-bench-lines.js" },
    },
    { { "gopipe", "gsubprocess", 0.2 } },
  },
  {
    "lines_py", "500,000 lines of seq, counted in Python", 500000, 1000, 0, 1,
    {
      { "gopipe", NULL, "gp-bench-lines.py" },
      { "gsubprocess", NULL, "gp-bench-lines.py" },
    },
    { { "gopipe", "gsubprocess", 0.2 } },
  },
  { NULL }
};
