/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-thread-pool-private.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include "gp-test-pipe-util.h"

/* What the jobs share with the test */
static GMutex mutex;
static GCond cond;
static int n_started;
static int n_ended;
static gboolean go_on;
static char last_name[32];

static char *
get_thread_name (pid_t tid)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/comm", (int) tid);
  char *name = NULL;

  if (g_file_get_contents (path, &name, NULL, NULL))
    g_strchomp (name);

  return name;
}

static void
job_cb (gpointer data)
{
  g_autofree char *name = get_thread_name (syscall (SYS_gettid));

  g_mutex_lock (&mutex);
  g_strlcpy (last_name, name, sizeof last_name);
  n_started++;
  g_cond_broadcast (&cond);
  while (data != NULL && !go_on)
    g_cond_wait (&cond, &mutex);
  n_ended++;
  g_cond_broadcast (&cond);
  g_mutex_unlock (&mutex);
}

static void
wait_for (int *number,
          int  value)
{
  g_mutex_lock (&mutex);
  while (*number < value)
    g_cond_wait (&cond, &mutex);
  g_mutex_unlock (&mutex);
}

static void
let_go (void)
{
  g_mutex_lock (&mutex);
  go_on = TRUE;
  g_cond_broadcast (&cond);
  g_mutex_unlock (&mutex);
}

static void
reset (void)
{
  gp_thread_pool_drain ();
  n_started = n_ended = 0;
  go_on = FALSE;
}

static void
push (const char *name,
      gboolean    waits)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gp_thread_pool_push (name, job_cb, GINT_TO_POINTER (waits), &error));
  g_assert_no_error (error);
}

/* All run at once, or none would end */
static void
test_unlimited (void)
{
  const int n = test_is_slow () ? 20 : 200;
  guint n_threads = count_threads ();

  reset ();
  for (int i = 0; i < n; i++)
    push ("many", TRUE);
  wait_for (&n_started, n);
  g_assert_cmpuint (count_threads (), ==, n_threads + n);
  let_go ();
  gp_thread_pool_drain ();
  g_assert_cmpint (n_ended, ==, n);
  g_assert_cmpuint (count_threads (), ==, n_threads);
}

static guint
count_named (const char *prefix)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *entry;
  guint n = 0;

  while ((entry = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *name = get_thread_name (atoi (entry));

      if (name != NULL && g_str_has_prefix (name, prefix))
        n++;
    }

  return n;
}

static void
test_names (void)
{
  reset ();
  push ("sort", TRUE);
  wait_for (&n_started, 1);
  g_assert_cmpstr (last_name, ==, "gp:sort");
  g_assert_cmpuint (count_named ("gp:"), ==, 1);
  let_go ();
  wait_for (&n_ended, 1);
  while (count_named ("gp:") > 0)
    g_thread_yield ();
  g_assert_cmpuint (count_named ("gp-idle"), ==, 1);

  push ("a-very-long-name", FALSE);
  wait_for (&n_ended, 2);
  g_assert_cmpstr (last_name, ==, "gp:a-very-long-");
  push ("12345678901\xc3\xa4\xc3\xa4", FALSE); /* cut between two bytes of one character */
  wait_for (&n_ended, 3);
  g_assert_cmpstr (last_name, ==, "gp:12345678901");
  gp_thread_pool_drain ();
  while (count_named ("gp-idle") > 0)
    g_thread_yield ();
}

/* One after the other, each once its predecessor is idle: one thread does them all. */
static void
test_reuse (void)
{
  guint n_threads = count_threads ();

  reset ();
  for (int i = 0; i < 200; i++)
    {
      push ("again", FALSE);
      wait_for (&n_ended, i + 1);
      while (count_named ("gp:") > 0)
        g_thread_yield ();
    }
  g_assert_cmpuint (count_threads (), <=, n_threads + 2);
  gp_thread_pool_drain ();
}

static gpointer
push_thread (gpointer user_data)
{
  for (int i = 0; i < 200; i++)
    push ("race", FALSE);

  return NULL;
}

static gpointer
drain_thread (gpointer user_data)
{
  for (int i = 0; i < 100; i++)
    gp_thread_pool_drain ();

  return NULL;
}

static void
test_races (void)
{
  GThread *threads[5];

  reset ();
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("push", push_thread, NULL);
  threads[4] = g_thread_new ("drain", drain_thread, NULL);
  for (guint i = 0; i < 5; i++)
    g_thread_join (threads[i]);
  gp_thread_pool_drain ();
  g_assert_cmpint (n_ended, ==, 800);
}

/* In a process of its own: the limit cannot be taken back where others share the user. */
static void
refusal_subprocess (void)
{
  struct rlimit limit = { 0, 0 };
  g_autoptr (GError) error = NULL;

  reset ();
  push ("first", TRUE);
  wait_for (&n_started, 1);

  /* No memory for another stack */
  g_assert_cmpint (setrlimit (RLIMIT_AS, &limit), ==, 0);
  g_assert_false (gp_thread_pool_push ("second", job_cb, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_true (g_str_has_prefix (error->message, "cannot start a thread: "));

  let_go ();
  wait_for (&n_ended, 1);
  while (!gp_thread_pool_push ("third", job_cb, NULL, NULL))
    g_thread_yield (); /* until the first is idle */
  wait_for (&n_ended, 2);
  gp_thread_pool_drain ();
  g_assert_cmpint (n_ended, ==, 2);
  _exit (0);
}

static void
test_refusal (void)
{
#if defined (__SANITIZE_ADDRESS__) || defined (__SANITIZE_THREAD__)
  g_test_skip ("no limit of memory with a sanitizer");
  return;
#endif

  if (test_is_slow ())
    {
      g_test_skip ("no limit of memory with valgrind");
      return;
    }

  g_test_trap_subprocess ("/thread-pool/refusal/subprocess", 0, 0);
  g_test_trap_assert_passed ();
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_case ("/thread-pool/unlimited", test_unlimited);
  add_case ("/thread-pool/names", test_names);
  add_case ("/thread-pool/reuse", test_reuse);
  add_case ("/thread-pool/races", test_races);
  add_case ("/thread-pool/refusal", test_refusal);
  add_case ("/thread-pool/refusal/subprocess", refusal_subprocess);

  return g_test_run ();
}
