/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench.h"

#include "gp-bench-bare.h"
#include "gp-bench-growth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Measures gopipe side by side with what would be used instead.
 *
 * Each contestant of a workload is run in a process of its own, once in every round, and the rounds
 * of all contestants alternate, every other one in the opposite order. That process first warms up:
 * what is made only once is there then. Then it does the work several times and tells the time of
 * each. So neither the start of the process nor the first use is in the figures, and its peak of
 * memory is its own.
 *
 * What such a process says on its standard output are lines of two words: "time" with the seconds
 * of one iteration, and "peak" with the KiB of memory that it had at most. */

static const BenchWorkload * const all_workloads[] = {
  bench_spawn_workloads,
  bench_function_workloads,
  bench_data_workloads,
  bench_growth_workloads,
  bench_language_workloads,
  bench_latency_workloads,
  bench_pump_workloads,
};

#define SMALL_TOUCHED (4 * BENCH_MIB)
#define QUICK_TOUCHED (256 * BENCH_MIB)

/* Heap, threads and caches settle during the first times; the scripts do the same. */
#define MIN_WARM_UP 8

static int n_rounds = 0;
static gboolean quick = FALSE;
static gboolean check = FALSE;
static gboolean growth = FALSE;
static gboolean run_one = FALSE;
static gboolean list = FALSE;
static char *json_file = NULL;
static char *svg_folder = NULL;
static char **words = NULL;
static guint64 touched_size = 0;

static const GOptionEntry options[] = {
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "How many rounds", "N" },
  { "quick", 0, 0, G_OPTION_ARG_NONE, &quick, "Less data, few rounds, no large processes", NULL },
  { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Only whether each one does its work", NULL },
  { "growth", 0, 0, G_OPTION_ARG_NONE, &growth, "How the cost grows, instead", NULL },
  { "json", 0, 0, G_OPTION_ARG_FILENAME, &json_file, "Write the figures to a file", "FILE" },
  { "svg", 0, 0, G_OPTION_ARG_FILENAME, &svg_folder, "Draw the figures of --json", "FOLDER" },
  { "list", 0, 0, G_OPTION_ARG_NONE, &list, "Name the workloads", NULL },
  { "run", 0, 0, G_OPTION_ARG_NONE, &run_one,
    "Run one: WORKLOAD CONTESTANT SIZE ITERATIONS TOUCHED, a size of 0 being the usual one", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, "[WORKLOAD...]" },
  { NULL }
};

void
bench_fail (const char *format,
            ...)
{
  va_list args;

  va_start (args, format);
  fputs ("gopipe-bench: ", stderr);
  vfprintf (stderr, format, args);
  fputc ('\n', stderr);
  va_end (args);
  _exit (1);
}

void
bench_check (gboolean    condition,
             const char *what)
{
  if (!condition)
    bench_fail ("wrong result: %s", what);
}

void
bench_check_error (GError *error)
{
  if (error != NULL)
    bench_fail ("%s", error->message);
}

double
bench_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return now.tv_sec + now.tv_nsec / 1e9;
}

static int
compare_doubles (const void *a,
                 const void *b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Sorts the times. */
double
bench_get_quantile (GArray *times,
                    double  part)
{
  double *values = (double *) (void *) times->data;
  double place = part * (times->len - 1);
  guint below = (guint) place;

  qsort (values, times->len, sizeof *values, compare_doubles);
  if (below + 1 >= times->len)
    return values[below];

  return values[below] + (place - below) * (values[below + 1] - values[below]);
}

double
bench_get_median (GArray *times)
{
  return bench_get_quantile (times, 0.5);
}

static const BenchWorkload *
find_workload (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (all_workloads); i++)
    for (const BenchWorkload *workload = all_workloads[i]; workload->name != NULL; workload++)
      if (g_str_equal (workload->name, name))
        return workload;

  bench_fail ("no workload '%s'", name);
}

/* Whoever starts processes is that large. It takes seconds, so it is done once for a workload, and
 * what is forked from here is as large as this. */
static void
touch_memory (guint64 size)
{
  static void *memory;

  if (size == touched_size)
    return;
  if (touched_size > 0)
    munmap (memory, touched_size);
  touched_size = size;
  if (size == 0)
    return;
  /* The kernel writes to each page. */
  memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                 -1, 0);
  if (memory == MAP_FAILED)
    bench_fail ("no memory");
}

static guint64
get_peak_kib (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL) ||
      (line = strstr (text, "VmHWM:")) == NULL)
    bench_fail ("no /proc");

  return g_ascii_strtoull (line + strlen ("VmHWM:"), NULL, 10);
}

/* In the process of one contestant. Nothing stays in a buffer that a fork would copy. */
static int
run_contestant (const char *workload_name,
                const char *contestant_name,
                guint64     size,
                guint       iterations,
                guint64     touched)
{
  const BenchWorkload *workload = find_workload (workload_name);
  BenchFunc func = NULL;
  struct rlimit limit;

  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    if (g_strcmp0 (workload->contestants[i].name, contestant_name) == 0)
      func = workload->contestants[i].func;
  if (func == NULL)
    bench_fail ("no contestant '%s'", contestant_name);

  /* A thousand pipelines at once have more than it is by default. */
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
  touch_memory (touched);
  for (guint i = 0; i < MIN_WARM_UP + iterations / 10; i++)
    func (workload->small_size);
  for (guint i = 0; i < iterations; i++)
    {
      double begin = bench_now ();
      double seconds = func (size > 0 ? size : workload->size);

      dprintf (STDOUT_FILENO, "time %.9f\n", seconds > 0 ? seconds : bench_now () - begin);
    }
  dprintf (STDOUT_FILENO, "peak %" G_GUINT64_FORMAT "\n", get_peak_kib () - touched / BENCH_KIB);

  return 0;
}

/* Only where gopipe is used in another language: a path for libraries slows down every start. */
static void
add_environment (GPtrArray *argv)
{
  g_ptr_array_add (argv, g_strdup ("/usr/bin/env"));
  g_ptr_array_add (argv, g_strdup ("LD_LIBRARY_PATH=" BENCH_BUILD "/gopipe"));
  g_ptr_array_add (argv, g_strdup ("GI_TYPELIB_PATH=" BENCH_BUILD "/introspection"));
  g_ptr_array_add (argv, g_strdup ("GJS_PATH=" BENCH_SOURCE "/introspection/gjs"));
  g_ptr_array_add (argv, g_strdup ("PYTHONPATH=" BENCH_SOURCE "/introspection/python"));
  g_ptr_array_add (argv, g_strdup ("PYTHONDONTWRITEBYTECODE=1"));
}

static void
add_script (GPtrArray  *argv,
            const char *script)
{
  if (g_str_has_prefix (script, "gp-bench-lines"))
    add_environment (argv);
  if (g_str_has_suffix (script, ".js"))
    {
      g_ptr_array_add (argv, g_strdup ("/usr/bin/gjs"));
      g_ptr_array_add (argv, g_strdup ("-m"));
    }
  else if (g_str_has_suffix (script, ".py"))
    g_ptr_array_add (argv, g_strdup ("/usr/bin/python3"));
  else
    g_ptr_array_add (argv, g_strdup ("/bin/bash"));
  g_ptr_array_add (argv, g_build_filename (BENCH_SOURCE, "tests", "bench", script, NULL));
}

/* A script, or this program once more */
static GPtrArray *
make_argv (const BenchWorkload   *workload,
           const BenchContestant *contestant,
           guint64                size,
           guint                  iterations,
           guint64                touched)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  if (contestant->script != NULL)
    add_script (argv, contestant->script);
  else
    {
      g_ptr_array_add (argv, g_strdup ("/proc/self/exe"));
      g_ptr_array_add (argv, g_strdup ("--run"));
    }
  g_ptr_array_add (argv, g_strdup (workload->name));
  g_ptr_array_add (argv, g_strdup (contestant->name));
  g_ptr_array_add (argv, g_strdup_printf ("%" G_GUINT64_FORMAT, size));
  g_ptr_array_add (argv, g_strdup_printf ("%u", iterations));
  g_ptr_array_add (argv, g_strdup_printf ("%" G_GUINT64_FORMAT, touched));
  g_ptr_array_add (argv, NULL);

  return argv;
}

static gboolean
read_figures (FILE         *file,
              BenchFigures *figures)
{
  guint n_before = figures->times->len;
  char word[16];
  double value;

  while (fscanf (file, "%15s %lf", word, &value) == 2)
    if (g_str_equal (word, "time"))
      g_array_append_val (figures->times, value);
    else
      figures->peak_kib = MAX (figures->peak_kib, (guint64) value);

  return figures->times->len > n_before;
}

/* Gopipe was not used here yet, so a copy can use it. Takes the output. */
static pid_t
fork_contestant (const BenchWorkload *workload,
                 guint                index,
                 guint                iterations,
                 int                  output)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      dup2 (output, STDOUT_FILENO);
      _exit (run_contestant (workload->name, workload->contestants[index].name, workload->size,
                             iterations, touched_size));
    }
  close (output);

  return pid;
}

/* One round of one contestant */
void
bench_measure (const BenchWorkload *workload,
               guint                index,
               guint64              size,
               guint                iterations,
               guint64              touched,
               BenchFigures        *figures)
{
  g_autoptr (GPtrArray) argv = make_argv (workload, &workload->contestants[index], size, iterations,
                                          touched);
  int input, output;
  FILE *file;
  pid_t pid;

  bare_pipe (&input, &output);
  if (touched > 0 && touched == touched_size && workload->contestants[index].func != NULL)
    pid = fork_contestant (workload, index, iterations, output);
  else
    pid = bare_spawn ((const char * const *) argv->pdata, -1, output);
  file = fdopen (input, "r");
  if (!read_figures (file, figures))
    figures->failed = TRUE;
  fclose (file);
  if (!bare_reap (pid))
    figures->failed = TRUE;
  if (figures->failed)
    g_printerr ("%s: %s has failed\n", workload->name, workload->contestants[index].name);
}

static void
measure (const BenchWorkload *workload,
         guint                index,
         BenchFigures        *figures)
{
  guint64 size = workload->size;

  if (check)
    bench_measure (workload, index, workload->small_size, 1, MIN (workload->touched, SMALL_TOUCHED),
                   figures);
  else if (quick)
    bench_measure (workload, index, MAX (size / 8, MIN (size, workload->small_size)),
                   MAX (workload->iterations / 4, 1), workload->touched, figures);
  else
    bench_measure (workload, index, size, workload->iterations, workload->touched, figures);
}

gboolean
bench_is_ours (const char *contestant_name)
{
  return g_str_has_prefix (contestant_name, "gopipe") ||
         g_str_has_prefix (contestant_name, "bound");
}

/* The contestants of a check are those that need nothing else. */
static gboolean
takes_part (const BenchWorkload *workload,
            guint                index)
{
  const BenchContestant *contestant = &workload->contestants[index];

  return (contestant->func != NULL || (contestant->script != NULL && !check)) &&
         (!check || bench_is_ours (contestant->name));
}

static void
run_round (BenchResult *result,
           gboolean     backwards)
{
  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    {
      guint index = backwards ? BENCH_MAX_CONTESTANTS - 1 - i : i;

      if (takes_part (result->workload, index) && !result->figures[index].failed)
        measure (result->workload, index, &result->figures[index]);
    }
}

static void
result_free (gpointer data)
{
  BenchResult *result = data;

  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    g_array_unref (result->figures[i].times);
  g_free (result);
}

/* A large process is slow in all that it does. */
static int
get_rounds (const BenchWorkload *workload)
{
  return workload->touched < BENCH_GIB ? n_rounds : MIN (n_rounds, 3);
}

static BenchResult *
run_workload (const BenchWorkload *workload)
{
  BenchResult *result = g_new0 (BenchResult, 1);

  result->workload = workload;
  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    result->figures[i].times = g_array_new (FALSE, FALSE, sizeof (double));
  if (!check)
    touch_memory (workload->touched);
  for (int i = 0; i < get_rounds (workload); i++)
    {
      if (isatty (STDERR_FILENO))
        g_printerr ("\r%s %d/%d\033[K", workload->name, i + 1, get_rounds (workload));
      run_round (result, i % 2 != 0);
    }
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K");

  return result;
}

static gboolean
is_wanted (const BenchWorkload *workload)
{
  if (words != NULL)
    return g_strv_contains ((const char * const *) words, workload->name);
  if (g_str_has_prefix (workload->name, "growth"))
    return check;

  /* Once here, and once in Python */
  if (workload->touched > 0 &&
      workload->touched / sysconf (_SC_PAGESIZE) > (guint64) sysconf (_SC_PHYS_PAGES) / 3)
    return FALSE;

  return !quick || workload->touched <= QUICK_TOUCHED;
}

static gboolean
has_failed (GPtrArray *results)
{
  for (guint i = 0; i < results->len; i++)
    for (guint j = 0; j < BENCH_MAX_CONTESTANTS; j++)
      if (((BenchResult *) results->pdata[i])->figures[j].failed)
        return TRUE;

  return FALSE;
}

static void
write_json (GPtrArray *results)
{
  g_autofree char *json = bench_report_to_json (results, n_rounds, quick);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (json_file, json, -1, &error);
  bench_check_error (error);
}

static void
list_workloads (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (all_workloads); i++)
    for (const BenchWorkload *workload = all_workloads[i]; workload->name != NULL; workload++)
      g_print ("%-25s %s\n", workload->name, workload->description);
}

/* Returns whether all were measured. */
static gboolean
run_all (void)
{
  g_autoptr (GPtrArray) results = g_ptr_array_new_with_free_func (result_free);

  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    find_workload (words[i]);
  if (!check)
    bench_report_print_head ();
  for (guint i = 0; i < G_N_ELEMENTS (all_workloads); i++)
    for (const BenchWorkload *workload = all_workloads[i]; workload->name != NULL; workload++)
      if (is_wanted (workload))
        {
          BenchResult *result = run_workload (workload);

          g_ptr_array_add (results, result);
          if (!check)
            bench_report_print (result);
        }
  touch_memory (0);
  if (json_file != NULL)
    write_json (results);

  return !has_failed (results);
}

static void
draw (void)
{
  const char *argv[] = {
    "/usr/bin/python3", BENCH_SOURCE "/tests/bench/draw.py", json_file, svg_folder, NULL,
  };

  bare_wait (bare_spawn (argv, -1, -1));
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gboolean good;

  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    bench_fail ("%s", error->message);
  if (run_one)
    {
      if (words == NULL || g_strv_length (words) != 5)
        bench_fail ("--run WORKLOAD CONTESTANT SIZE ITERATIONS TOUCHED");
      return run_contestant (words[0], words[1],
                             g_ascii_strtoull (words[2], NULL, 10),
                             (guint) g_ascii_strtoull (words[3], NULL, 10),
                             g_ascii_strtoull (words[4], NULL, 10));
    }
  if (list)
    {
      list_workloads ();
      return 0;
    }
  /* No disk is measured */
  if (g_file_test ("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
  if (n_rounds <= 0)
    n_rounds = check ? 1 : quick || growth ? 3 : 7;
  if (svg_folder != NULL && json_file == NULL)
    bench_fail ("--svg draws the figures of --json");
  good = growth ? bench_growth_run (n_rounds, json_file) : run_all ();
  if (svg_folder != NULL)
    draw ();

  return !good;
}
