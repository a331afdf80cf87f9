/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-growth.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

/* How the cost grows with the number of stages, of pipelines and of bytes. The size of these
 * workloads is that number, and each is measured with several. */

static const char * const true_argv[] = { "/bin/true", NULL };
static const char * const cat_argv[] = { "/bin/cat", NULL };

static double
gopipe_functions (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  for (guint64 i = 0; i < size; i++)
    gp_pipeline_append (pipeline, stage_copy ());
  run_pipeline (pipeline);

  return BENCH_WHOLE;
}

static double
bare_functions (guint64 size)
{
  static BareHand *hands;
  static guint64 n_hands;
  char text[8] = "";

  if (n_hands != size)
    hands = bare_hands_new (size);
  n_hands = size;
  bare_hand_over (&hands[0], text);
  bare_hand_take (&hands[size - 1], text);

  return BENCH_WHOLE;
}

static double
gopipe_commands (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  for (guint64 i = 0; i < size; i++)
    gp_pipeline_append_commandv (pipeline, cat_argv);
  run_pipeline (pipeline);

  return BENCH_WHOLE;
}

static double
bare_commands (guint64 size)
{
  g_autofree pid_t *pids = g_new (pid_t, size);
  int input = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  for (guint64 i = 0; i < size; i++)
    {
      int next, output;

      bare_pipe (&next, &output);
      pids[i] = bare_spawn (cat_argv, input, output);
      input = next;
    }
  bench_check (bare_count (input) == 0, "size");
  for (guint64 i = 0; i < size; i++)
    bare_wait (pids[i]);

  return BENCH_WHOLE;
}

static guint n_pending;

static void
await_pipelines (void)
{
  while (n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
}

static double
gopipe_command_pipelines (guint64 size)
{
  for (guint64 i = 0; i < size; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

      gp_pipeline_append_commandv (pipeline, true_argv);
      start_pipeline (pipeline, &n_pending);
    }
  await_pipelines ();

  return BENCH_WHOLE;
}

static double
bare_command_pipelines (guint64 size)
{
  g_autofree pid_t *pids = g_new (pid_t, size);

  for (guint64 i = 0; i < size; i++)
    pids[i] = bare_spawn (true_argv, -1, -1);
  for (guint64 i = 0; i < size; i++)
    bare_wait (pids[i]);

  return BENCH_WHOLE;
}

static double
gopipe_function_pipelines (guint64 size)
{
  for (guint64 i = 0; i < size; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

      gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text ("hello\n")));
      gp_pipeline_append (pipeline, stage_copy ());
      start_pipeline (pipeline, &n_pending);
    }
  await_pipelines ();

  return BENCH_WHOLE;
}

static double
run_bytes (guint64  size,
           gboolean with_command)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  guint64 total = 0;

  gp_pipeline_append (pipeline, stage_produce (&size));
  if (with_command)
    gp_pipeline_append_commandv (pipeline, cat_argv);
  gp_pipeline_append (pipeline, stage_count (&total));
  run_pipeline (pipeline);
  bench_check (total == size, "size");

  return BENCH_WHOLE;
}

static double
gopipe_bytes_functions (guint64 size)
{
  return run_bytes (size, FALSE);
}

static double
gopipe_bytes_command (guint64 size)
{
  return run_bytes (size, TRUE);
}

/* What all pipes are allowed to hold of which this process has an end. That is what the kernel
 * counts for a user. */
static guint64
sum_pipes (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint64 total = 0;
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      int fd = (int) g_ascii_strtoll (name, NULL, 10);
      int size = fcntl (fd, F_GETPIPE_SZ);
      struct stat status;

      if (size > 0 && fstat (fd, &status) == 0 &&
          g_hash_table_add (seen, GSIZE_TO_POINTER ((gsize) status.st_ino)))
        total += size;
    }

  return total;
}

/* Functions around a command, all at once, with more data than the pipes hold. Each of them looks
 * when half of its data has come. */
typedef struct
{
  GMutex lock;
  guint64 n_pipelines;
  guint64 n_looked;
  guint64 highest;
} Look;

static const guint64 look_bytes = 4 * BENCH_MIB;

static void
look_at_pipes (Look *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  /* Not more than ten times: it takes a while. */
  if (self->n_looked++ % (self->n_pipelines / 10 + 1) == 0)
    self->highest = MAX (self->highest, sum_pipes ());
}

static gboolean
look_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  char buffer[BENCH_BLOCK_SIZE];
  guint64 total = 0;

  while (total < look_bytes / 2)
    {
      gssize n_read = g_input_stream_read (input, buffer, sizeof buffer, NULL, error);

      if (n_read <= 0)
        return FALSE;
      total += n_read;
    }
  look_at_pipes (user_data);

  return gio_count (input, &total, error);
}

/* The kernel has no such limit for root. */
static void
become_nobody (void)
{
  if (geteuid () == 0 &&
      (setgroups (0, NULL) != 0 || setgid (NOBODY) != 0 || setuid (NOBODY) != 0))
    bench_fail ("setuid: %s", g_strerror (errno));
}

/* The result is bytes. */
static double
gopipe_pipes (guint64 size)
{
  Look look = { .n_pipelines = size };

  become_nobody ();
  for (guint64 i = 0; i < size; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

      gp_pipeline_append (pipeline, stage_produce (&look_bytes));
      gp_pipeline_append_commandv (pipeline, cat_argv);
      gp_pipeline_append (pipeline,
                          GP_STAGE (gp_function_stage_new ("look", look_func, &look, NULL)));
      start_pipeline (pipeline, &n_pending);
    }
  await_pipelines ();

  return (double) look.highest;
}

#define BYTES_SIZES \
  { 1024, 32 * 1024, BENCH_MIB, 32 * BENCH_MIB, BENCH_GIB, 10 * BENCH_GIB }

const BenchWorkload bench_growth_workloads[] = {
  {
    "growth_functions", "functions in one pipeline", 1, 1, 0, 1,
    { { "gopipe", gopipe_functions }, { "floor", bare_functions } },
  },
  {
    "growth_commands", "commands in one pipeline", 1, 1, 0, 1,
    { { "gopipe", gopipe_commands }, { "floor", bare_commands } },
  },
  {
    "growth_command_pipelines", "pipelines at once, of one command", 1, 1, 0, 1,
    { { "gopipe", gopipe_command_pipelines }, { "floor", bare_command_pipelines } },
  },
  {
    "growth_function_pipelines", "pipelines at once, of two functions", 1, 1, 0, 1,
    { { "gopipe", gopipe_function_pipelines } },
  },
  {
    "growth_bytes_functions", "bytes from function to function", 1024, 1024, 0, 1,
    { { "gopipe", gopipe_bytes_functions } },
  },
  {
    "growth_bytes_command", "bytes from function to cat to function", 1024, 1024, 0, 1,
    { { "gopipe", gopipe_bytes_command } },
  },
  {
    "growth_pipes", "pipelines at once, of functions around cat", 1, 1, 0, 1,
    { { "gopipe", gopipe_pipes } },
  },
  { NULL }
};

/* By the same index: the numbers, and how many in all are measured at least with each of them. */
static const struct
{
  guint64 sizes[12];
  guint64 at_least;
} growths[] = {
  { { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 }, 1000 },
  { { 1, 2, 5, 10, 20, 50, 100, 200 }, 50 },
  { { 1, 3, 10, 30, 100, 300, 1000 }, 100 },
  { { 1, 3, 10, 30, 100, 300, 1000 }, 300 },
  { BYTES_SIZES, BENCH_MIB },
  { BYTES_SIZES, BENCH_MIB },
  { { 1, 3, 10, 30, 100, 300, 1000 }, 1 },
};

static void
append_point (GString            *json,
              guint64             size,
              const char         *contestant,
              const BenchFigures *figures)
{
  g_string_append_printf (json,
                          "        {\"size\": %" G_GUINT64_FORMAT ", \"name\": \"%s\", "
                          "\"median\": %.9f, \"peak_kib\": %" G_GUINT64_FORMAT "}",
                          size, contestant, bench_get_median (figures->times), figures->peak_kib);
}

/* One number of one workload: its line of the table, and its points */
static gboolean
measure_size (const BenchWorkload *workload,
              guint64              size,
              guint64              at_least,
              int                  n_rounds,
              GString             *json,
              const char          *separator)
{
  BenchFigures figures[2] = { { g_array_new (FALSE, FALSE, sizeof (double)) },
                              { g_array_new (FALSE, FALSE, sizeof (double)) } };
  guint n_contestants = workload->contestants[1].name != NULL ? 2 : 1;
  guint iterations = (guint) CLAMP (at_least / size, 1, 100);
  gboolean failed = FALSE;

  for (int i = 0; i < n_rounds; i++)
    for (guint j = 0; j < n_contestants; j++)
      bench_measure (workload, (j + i) % n_contestants, size, iterations, 0,
                     &figures[(j + i) % n_contestants]);
  g_print ("%-26s %12" G_GUINT64_FORMAT, workload->name, size);
  for (guint i = 0; i < n_contestants; i++)
    {
      failed |= figures[i].failed;
      if (!figures[i].failed)
        {
          double value = bench_get_median (figures[i].times);

          g_print ("  %6s %12.6g %12.4g each, %8.1f MiB", workload->contestants[i].name, value,
                   value / size, (double) figures[i].peak_kib / 1024);
          g_string_append (json, i > 0 ? ",\n" : separator);
          append_point (json, size, workload->contestants[i].name, &figures[i]);
        }
      g_array_unref (figures[i].times);
    }
  g_print ("\n");

  return !failed;
}

/* Writes the curves as JSON; see the head of draw.py for what is in it. Returns whether all was
 * measured. */
gboolean
bench_growth_run (int         n_rounds,
                  const char *json_file)
{
  g_autoptr (GString) json = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  gboolean good = TRUE;

  g_string_append_printf (json, "{\n  \"format\": 1,\n  \"rounds\": %d,\n  \"growth\": [",
                          n_rounds);
  for (guint i = 0; i < G_N_ELEMENTS (growths); i++)
    {
      const BenchWorkload *workload = &bench_growth_workloads[i];

      g_string_append_printf (json,
                              "%s\n    {\n      \"name\": \"%s\",\n      \"description\": \"%s\",\n"
                              "      \"points\": [",
                              i > 0 ? "," : "", workload->name, workload->description);
      for (guint j = 0; j < G_N_ELEMENTS (growths[i].sizes) && growths[i].sizes[j] > 0; j++)
        good &= measure_size (workload, growths[i].sizes[j], growths[i].at_least, n_rounds, json,
                              j > 0 ? ",\n" : "\n");
      g_string_append (json, "\n      ]\n    }");
    }
  g_string_append (json, "\n  ]\n}\n");
  if (json_file != NULL)
    g_file_set_contents (json_file, json->str, -1, &error);
  bench_check_error (error);

  return good;
}
