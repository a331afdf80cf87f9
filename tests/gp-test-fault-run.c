/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-run.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long what a run has started may outlive it */
#define LEFT_SECONDS 10

/* How long a run may take */
#define RUN_SECONDS 25

/* Each is shown by /faults/glib, and doc/reliability.md tells what is done about it. */
static const char * const glib_ends[] = {
  "epoll_create1 () failed",
  "Creating pipes for GWakeup",
  "creating thread 'gmain'",
  "assertion failed: (success == (",
  NULL,
};

/* The same of newer versions only */
static const char * const newer_glib_ends[] = {
  "assertion failed: (task_pool != NULL)",
  NULL,
};

/* What GLib may say while it goes on */
static const char * const glib_warnings[] = {
  "poll(2) failed due to",
  "See documentation of g_child_watch_source_new() for possible causes",
};

static GpTestFaults *faults;
static GpTestMeans means;
static GpTestReport *shared_report;

void
gp_test_outcome_clear (GpTestOutcome *self)
{
  g_clear_pointer (&self->problem, g_free);
}

const char *
gp_test_glib_end (guint index)
{
  return glib_ends[index];
}

void
gp_test_report_problem (GpTestReport *report,
                        const char   *format,
                        ...)
{
  va_list args;

  if (report->problem[0] != '\0')
    return;

  va_start (args, format);
  g_vsnprintf (report->problem, sizeof report->problem, format, args);
  va_end (args);
}

static void
preload (char **argv)
{
  const char *module = g_getenv ("GP_TEST_FAULTS");

  if (module == NULL)
    g_error ("GP_TEST_FAULTS is not set");
  g_setenv ("LD_PRELOAD", module, TRUE);
  /* A sanitizer wants to be the first module, which it cannot know to be harmless here */
  g_setenv ("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", TRUE);
  execv ("/proc/self/exe", argv);
  g_error ("the program cannot be executed once more: %s", g_strerror (errno));
}

/* In a file, so that helpers find it, too */
static GpTestFaults *
map_faults (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  int fd = g_file_open_tmp ("gp-test-faults-XXXXXX", &path, &error);
  void *memory;

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, sizeof *faults), ==, 0);
  memory = mmap (NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert_true (memory != MAP_FAILED);
  close (fd);
  g_setenv (GP_TEST_FAULTS_VARIABLE, path, TRUE);

  return memory;
}

static void
remove_file (void)
{
  unlink (g_getenv (GP_TEST_FAULTS_VARIABLE));
}

void
gp_test_fault_init (int    *argc,
                    char ***argv)
{
  void (*use) (GpTestFaults *faults) =
    (void (*) (GpTestFaults *)) dlsym (RTLD_DEFAULT, "gp_test_faults_use");

  if (use == NULL)
    preload (*argv);
  g_unsetenv ("LD_PRELOAD");

  gp_test_init_single (argc, argv);
  faults = map_faults ();
  atexit (remove_file);
  use (faults);
  shared_report = mmap (NULL, sizeof *shared_report, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (shared_report != MAP_FAILED);
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
}

GpTestFaults *
gp_test_fault_get (void)
{
  return faults;
}

GpTestMeans *
gp_test_fault_get_means (void)
{
  return &means;
}

static void
limit (int   resource,
       guint soft)
{
  struct rlimit limits;

  g_assert_cmpint (getrlimit (resource, &limits), ==, 0);
  limits.rlim_cur = MIN (soft, limits.rlim_max);
  g_assert_cmpint (setrlimit (resource, &limits), ==, 0);
}

void
gp_test_fault_arm (void)
{
  if (means.n_descriptors > 0)
    limit (RLIMIT_NOFILE, means.n_descriptors);
  if (means.n_processes > 0)
    limit (RLIMIT_NPROC, means.n_processes);
  faults->program = getpid ();
  atomic_store (&faults->is_armed, TRUE);
}

void
gp_test_fault_disarm (void)
{
  atomic_store (&faults->is_armed, FALSE);
  if (means.n_descriptors > 0)
    limit (RLIMIT_NOFILE, G_MAXUINT);
  if (means.n_processes > 0)
    limit (RLIMIT_NPROC, G_MAXUINT);
}

/* --- In the process of a run -------------------------------------------------------------- */

/* Whose /proc is still its own */
static void
become (uid_t user)
{
  g_assert_cmpint (setgroups (0, NULL), ==, 0);
  g_assert_cmpint (setresgid (user, user, user), ==, 0);
  g_assert_cmpint (setresuid (user, user, user), ==, 0);
  g_assert_cmpint (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_PDEATHSIG, SIGKILL), ==, 0);
}

G_GNUC_NORETURN
static void
run_child (GpTestRunFunc  func,
           gconstpointer  data,
           int            log_fd,
           const sigset_t *mask)
{
  const struct rlimit no_core = { 0, 0 };

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setrlimit (RLIMIT_CORE, &no_core);
  sigprocmask (SIG_SETMASK, mask, NULL);
  dup2 (log_fd, STDERR_FILENO);
  dup2 (log_fd, STDOUT_FILENO);
  close (log_fd);
  alarm (RUN_SECONDS);
  if (means.user != 0)
    become (means.user);

  /* What is only a warning may be GLib's about the fault. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);

  func (data, shared_report);
  shared_report->ended = TRUE;
  _exit (0);
}

/* --- In the test's ------------------------------------------------------------------------ */

/* Who has lost its parent meanwhile becomes a child of ours, and is there until it is reaped. */
static int
wait_for (pid_t pid)
{
  int status;
  pid_t child;

  do
    child = waitpid (-1, &status, 0);
  while (child != pid && (child >= 0 || errno == EINTR));
  g_assert_cmpint (child, ==, pid);

  return status;
}

/* TRUE: all processes that a run has left have ended */
static gboolean
reap (guint seconds)
{
  gint64 deadline = g_get_monotonic_time () + seconds * G_TIME_SPAN_SECOND;
  sigset_t child_ends;

  sigemptyset (&child_ends);
  sigaddset (&child_ends, SIGCHLD);

  for (;;)
    {
      gint64 left = MAX (deadline - g_get_monotonic_time (), 0);
      const struct timespec patience = { left / G_TIME_SPAN_SECOND,
                                         left % G_TIME_SPAN_SECOND * 1000 };
      siginfo_t info = { 0, };

      if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG) < 0)
        return TRUE;
      if (info.si_pid == 0 && left == 0)
        return FALSE;
      if (info.si_pid == 0)
        sigtimedwait (&child_ends, NULL, &patience);
    }
}

/* What was killed is told at the end of @killed. */
static void
kill_children (GString *killed)
{
  g_autofree char *children = NULL;
  g_auto (GStrv) pids = NULL;

  g_assert_true (g_file_get_contents ("/proc/thread-self/children", &children, NULL, NULL));
  pids = g_strsplit (g_strchomp (children), " ", -1);
  for (guint i = 0; pids[i] != NULL; i++)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%s/stat", pids[i]);
      g_autofree char *stat = NULL;

      if (g_file_get_contents (path, &stat, NULL, NULL))
        g_string_append_printf (killed, "\n  %s", stat);
      kill (atoi (pids[i]), SIGKILL);
    }
}

/* NULL, or which processes were left and had to be killed */
static char *
kill_left (gboolean at_once)
{
  g_autoptr (GString) killed = g_string_new ("these were left:");
  gsize nothing = killed->len;

  while (!reap (at_once ? 0 : LEFT_SECONDS))
    kill_children (killed);

  return killed->len > nothing && !at_once ? g_strdup (killed->str) : NULL;
}

static char *
read_log (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  close (fd);

  return text;
}

static const char *
find_any (const char         *text,
          const char * const *parts)
{
  for (guint i = 0; parts[i] != NULL; i++)
    {
      if (strstr (text, parts[i]) != NULL)
        return parts[i];
    }

  return NULL;
}

static gboolean
is_known_warning (const char *line)
{
  for (guint i = 0; i < G_N_ELEMENTS (glib_warnings); i++)
    {
      if (strstr (line, glib_warnings[i]) != NULL)
        return TRUE;
    }

  return FALSE;
}

static char *
find_warning (const char *log)
{
  g_auto (GStrv) lines = g_strsplit (log, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (strstr (lines[i], "WARNING") != NULL && !is_known_warning (lines[i]))
        return g_strdup (lines[i]);
    }

  return NULL;
}

static void
judge (GpTestOutcome *outcome,
       int            status,
       const char    *log,
       const char    *left)
{
  g_autofree char *warning = find_warning (log);

  outcome->end = GP_TEST_END_WRONG;
  if (left != NULL)
    outcome->problem = g_strdup_printf ("%s\n%s", left, log);
  else if (WIFSIGNALED (status) && ((outcome->glib = find_any (log, glib_ends)) != NULL ||
                                    (outcome->glib = find_any (log, newer_glib_ends)) != NULL))
    outcome->end = GP_TEST_END_GLIB;
  else if (WIFSIGNALED (status))
    outcome->problem = g_strdup_printf ("killed by signal %d: %s", WTERMSIG (status), log);
  else if (!outcome->report.ended)
    outcome->problem = g_strdup_printf ("ended with status %d: %s", WEXITSTATUS (status), log);
  else if (outcome->report.problem[0] != '\0')
    outcome->problem = g_strdup (outcome->report.problem);
  else if (warning != NULL)
    outcome->problem = g_steal_pointer (&warning);
  else
    outcome->end = outcome->report.success ? GP_TEST_END_SUCCESS : GP_TEST_END_ERROR;
}

void
gp_test_fault_run (GpTestRunFunc  func,
                   gconstpointer  data,
                   GpTestOutcome *outcome)
{
  int log_fd = memfd_create ("log", MFD_CLOEXEC);
  g_autofree char *log = NULL;
  sigset_t child_ends, before;
  g_autofree char *left = NULL;
  int status;
  pid_t pid;

  g_assert_cmpint (log_fd, >=, 0);
  gp_test_restart_watchdog ();
  *shared_report = (GpTestReport) { 0, };
  atomic_store (&faults->is_armed, FALSE);
  atomic_store (&faults->n_calls, 0);
  atomic_store (&faults->n_faults, 0);
  sigemptyset (&child_ends);
  sigaddset (&child_ends, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child_ends, &before);
  fflush (NULL);

  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    run_child (func, data, log_fd, &before);

  status = wait_for (pid);
  atomic_store (&faults->is_armed, FALSE);
  left = kill_left (shared_report->may_outlive);
  sigprocmask (SIG_SETMASK, &before, NULL);

  log = read_log (log_fd);
  *outcome = (GpTestOutcome) { .report = *shared_report };
  judge (outcome, status, log, left);
}
