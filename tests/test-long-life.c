/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-spawn-private.h"
#include "gp-thread-pool-private.h"

#include "gp-test-kinds.h"
#include "gp-test-util.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* A program that runs pipelines for a long time, or many at once, is as large afterwards as it was
 * before: what it has allocated, its resident memory, descriptors and threads. The heap is counted
 * exactly: the program starts itself once more with allocators that keep nothing for later, and
 * threads of the pool that idle are ended before each look. */

/* What the heap may be larger after any number of pipelines than after the first few: one after the
 * other it is the same to the byte, mostly; after many at once some lists of GLib's stay large. */
#define HEAP_TOLERANCE 1024
#define HEAP_TOLERANCE_AT_ONCE (32 * 1024)

/* The same for resident memory, of which a fragmented heap is a part. Sanitizers keep what is freed. */
#if defined (__SANITIZE_ADDRESS__) || defined (__SANITIZE_THREAD__)
#define RESIDENT_TOLERANCE G_MAXSIZE / 2
#else
#define RESIDENT_TOLERANCE (2 * 1024 * 1024)
#endif

/* As many may idle as one pipeline after the other has needed; those of GIO are among them. */
#define MAX_THREADS 40

#define N_AT_ONCE 500

/* --- What the program has ------------------------------------------------------------------- */

typedef struct
{
  gsize heap;      /* bytes, as are the next two */
  gsize resident;
  gsize tolerance; /* how much larger the heap may be later */
  guint n_fds;
  guint n_threads; /* with those that idle */
} Usage;

static gsize
get_heap (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

static gsize
get_resident (void)
{
  g_autofree char *text = NULL;
  unsigned long total, resident;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%lu %lu", &total, &resident), ==, 2);
  return resident * (gsize) sysconf (_SC_PAGESIZE);
}

static guint
count_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static gboolean
is_heap_as_before (gpointer data)
{
  const Usage *before = data;

  return get_heap () <= before->heap + before->tolerance;
}

static gboolean
are_fds_as_before (gpointer data)
{
  const Usage *before = data;

  return gp_test_count_fds () <= before->n_fds;
}

/* @before: an earlier look, or NULL. What other threads free and close as the last thing that they
 * do may take a moment. */
static Usage
look (const char *when,
      gsize       tolerance,
      Usage      *before)
{
  Usage now = { .tolerance = tolerance };

  gp_test_wait_all_gone ();
  now.n_threads = count_threads ();
  gp_thread_pool_drain ();
  g_test_message ("%s: %" G_GSIZE_FORMAT " bytes of heap", when, get_heap ());
  if (before != NULL)
    {
      gp_test_wait_until ("the heap to be as small as before", is_heap_as_before, before);
      gp_test_wait_until ("no more descriptors than before", are_fds_as_before, before);
    }
  malloc_trim (0);
  now.heap = get_heap ();
  now.resident = get_resident ();
  now.n_fds = gp_test_count_fds ();
  g_test_message ("%s: %" G_GSIZE_FORMAT " bytes of heap, %" G_GSIZE_FORMAT " KiB resident, "
                  "%u descriptors, %u threads",
                  when, now.heap, now.resident / 1024, now.n_fds, now.n_threads);
  return now;
}

/* Returns the number of threads */
static guint
look_again (Usage *before)
{
  Usage now = look ("later", before->tolerance, before);

  /* Valgrind has memory of its own. */
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    g_assert_cmpuint (now.resident, <=, before->resident + RESIDENT_TOLERANCE);
  before->heap = MIN (before->heap, now.heap);
  return now.n_threads;
}

/* --- Many at once --------------------------------------------------------------------------- */

/* What ends by itself would not be there when all are. */
static const GpTestKind *
choose_kind (gboolean with_commands)
{
  const GpTestKind *kind;

  do
    kind = &gp_test_kinds[g_test_rand_int_range (0, (gint32) gp_test_count_kinds ())];
  while (kind->end == GP_TEST_KIND_ENDS || kind->has_commands != with_commands);
  return kind;
}

static void
live_at_once (guint n,
              guint n_with_commands)
{
  g_autofree GpTestLife *lives = g_new (GpTestLife, n);

  for (guint i = 0; i < n; i++)
    gp_test_life_make (&lives[i], choose_kind (i < n_with_commands));
  for (guint i = 0; i < n; i++)
    gp_test_life_start (&lives[i]);
  for (guint i = 0; i < n; i++)
    gp_test_wait_until ("all pipelines to run", gp_test_life_is_started, &lives[i]);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (gp_pipeline_get_state (lives[i].pipeline), ==, GP_PIPELINE_STATE_RUNNING);
  for (guint i = 0; i < n; i++)
    gp_test_life_go_on (&lives[i]);
  for (guint i = 0; i < n; i++)
    gp_test_life_end (&lives[i]);
}

/* --- One after the other -------------------------------------------------------------------- */

static void
live_asynchronously (const GpTestKind *kind)
{
  GpTestLife life;

  gp_test_life_make (&life, kind);
  gp_test_life_start (&life);
  gp_test_life_go_on (&life);
  gp_test_life_end (&life);
}

static void
live_synchronously (const GpTestKind *kind)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  kind->append (pipeline);
  output = gp_pipeline_communicate (pipeline, gp_test_kind_get_text (), NULL, &error);
  gp_test_kind_check (kind, error);
  gp_test_kind_check_output (kind, output);
}

/* Nobody holds it while it runs. */
static void
live_dropped (const GpTestKind *kind)
{
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  GpTestLife life;

  gp_test_life_make (&life, kind);
  gp_pipeline_set_stdout (life.pipeline, output);
  gp_pipeline_start_async (life.pipeline, NULL, NULL, NULL);
  g_clear_object (&life.pipeline);
  gp_test_life_feed (&life);
  gp_test_life_clear (&life);
  gp_test_wait_all_gone ();
  gp_test_kind_check_stream (kind, output);
}

static void
live (const GpTestKind *kind)
{
  gboolean is_fed = kind->end == GP_TEST_KIND_COPIES || kind->end == GP_TEST_KIND_READS;

  switch (is_fed ? g_test_rand_int_range (0, 4) : 0)
    {
    case 0:
    case 1:
    default:
      live_asynchronously (kind);
      break;
    case 2:
      live_dropped (kind);
      break;
    case 3:
      if (kind->in_context)
        live_asynchronously (kind);
      else
        live_synchronously (kind);
      break;
    }
}

/* All kinds equally often, in any order */
static void
live_through (guint n_of_each)
{
  guint n = gp_test_count_kinds () * n_of_each;
  g_autofree guint *order = g_new (guint, n);

  for (guint i = 0; i < n; i++)
    {
      guint other = (guint) g_test_rand_int_range (0, (gint32) i + 1);

      order[i] = order[other];
      order[other] = i % gp_test_count_kinds ();
    }
  for (guint i = 0; i < n; i++)
    live (&gp_test_kinds[order[i]]);
}

/* --- The tests ------------------------------------------------------------------------------ */

/* More than there are buffers that the library keeps for later */
#define N_WARM_UP 10

static void
test_one_after_the_other (void)
{
  guint n_rounds = gp_test_is_thorough () ? 16 : 3;
  guint n_of_each = gp_test_is_thorough () ? 25 : 4;
  Usage before;

  live_at_once (N_WARM_UP, N_WARM_UP);
  live_through (n_of_each);
  before = look ("after the first round", HEAP_TOLERANCE, NULL);
  for (guint i = 0; i < n_rounds; i++)
    {
      live_through (n_of_each);
      g_assert_cmpuint (look_again (&before), <=, MAX_THREADS);
    }
}

static gboolean
is_at_most (gpointer data)
{
  return count_threads () <= *(guint *) data;
}

static void
test_at_once (void)
{
  guint n_with_commands = gp_test_is_thorough () ? N_AT_ONCE / 2 : 50;
  guint n_rounds = gp_test_is_thorough () ? 6 : 2;
  guint n_threads;
  Usage before;

  gp_thread_pool_drain ();
  n_threads = count_threads ();
  live_at_once (N_AT_ONCE, n_with_commands);
  /* After some seconds */
  if (gp_test_is_thorough ())
    gp_test_wait_until ("idle threads to end", is_at_most, &n_threads);
  before = look ("after the first round", HEAP_TOLERANCE_AT_ONCE, NULL);
  for (guint i = 1; i < n_rounds; i++)
    {
      live_at_once (N_AT_ONCE, n_with_commands);
      look_again (&before);
    }
}

/* --- The program ---------------------------------------------------------------------------- */

static void
allow_descriptors (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  limit.rlim_cur = limit.rlim_max;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

/* Valgrind has an allocator of its own, and would lose the program. */
static void
use_exact_allocators (char **argv)
{
  if (g_getenv ("GLIBC_TUNABLES") != NULL || g_getenv ("GP_TEST_VALGRIND") != NULL)
    return;

  g_setenv ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1", TRUE);
  g_setenv ("G_SLICE", "always-malloc", TRUE);
  execv ("/proc/self/exe", argv);
  g_error ("cannot execute itself");
}

int
main (int    argc,
      char **argv)
{
  use_exact_allocators (argv);
  allow_descriptors ();
  gp_spawn_set_helper (g_getenv ("GOPIPE_EXEC"));
  gp_test_init (&argc, &argv);
  gp_test_add ("/long-life/one-after-the-other", test_one_after_the_other);
  gp_test_add ("/long-life/at-once", test_at_once);
  return gp_test_run ();
}
