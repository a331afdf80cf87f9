/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include "gp-test-errors.h"

#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A test case; all of them live until the last has run */
typedef struct
{
  GTestFunc     func;
  GTestDataFunc data_func;
  gconstpointer data;
} Case;

static GPtrArray *cases; /* owned */

/* What there was before the test case */
typedef struct
{
  guint n_fds;
  int   n_objects;
  int   n_errors;
} Before;

static Before *current; /* of the test case that runs */

/* What the watchdog prints; only plain memory, since it runs in a signal handler */
static const char *volatile waiting_for = NULL;
static char current_test[256];

static int n_watched; /* atomic */

static GMutex criticals_lock;
static GString *criticals; /* owned; non-NULL between begin and end */
static guint n_criticals;

static gboolean ignores_leaks;

/* The sanitizer asks this when the program ends. */
int __lsan_is_turned_off (void);

int
__lsan_is_turned_off (void)
{
  return ignores_leaks;
}

void
gp_test_ignore_leaks (void)
{
  ignores_leaks = TRUE;
}

gboolean
gp_test_is_thorough (void)
{
  return g_test_slow () || g_getenv ("GP_TEST_THOROUGH") != NULL;
}

static guint
timeout_seconds (void)
{
  const char *value = g_getenv ("GP_TEST_TIMEOUT");

  if (value != NULL)
    return (guint) atoi (value);
  return gp_test_is_thorough () || g_getenv ("GP_TEST_VALGRIND") != NULL ? 600 : 60;
}

static void
write_text (const char *text)
{
  /* Nothing better can be done where even this fails */
  if (write (fileno (stderr), text, strlen (text)) < 0)
    return;
}

static void
watchdog_handler (int signum)
{
  const char *what = waiting_for;

  (void) signum;
  write_text ("\nwatchdog: ");
  write_text (current_test);
  write_text (" hangs");
  if (what != NULL)
    {
      write_text (", waiting for ");
      write_text (what);
    }
  write_text ("\n");
  abort ();
}

/* Expected messages are taken here: structured ones pass g_test_expect_message () by */
static GLogWriterOutput
log_writer (GLogLevelFlags   level,
            const GLogField *fields,
            gsize            n_fields,
            gpointer         user_data)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&criticals_lock);

  if (criticals != NULL && (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0)
    {
      n_criticals++;
      for (gsize i = 0; i < n_fields; i++)
        if (strcmp (fields[i].key, "MESSAGE") == 0)
          g_string_append_printf (criticals, "%s\n", (const char *) fields[i].value);
      return G_LOG_WRITER_HANDLED;
    }
  g_clear_pointer (&locker, g_mutex_locker_free);
  return g_log_writer_default (level, fields, n_fields, user_data);
}

static GLogLevelFlags fatal_before;
static GLogFunc handler_before;

/* What is logged the old way does not always come to a writer in test programs: it depends on the
 * version of GLib. */
static void
collect_critical (const char     *domain,
                  GLogLevelFlags  level,
                  const char     *message,
                  gpointer        user_data)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&criticals_lock);

  if (criticals == NULL || (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) == 0)
    return;

  n_criticals++;
  g_string_append_printf (criticals, "%s\n", message);
}

void
gp_test_begin_criticals (void)
{
  g_mutex_lock (&criticals_lock);
  g_assert_null (criticals);
  criticals = g_string_new (NULL);
  n_criticals = 0;
  g_mutex_unlock (&criticals_lock);
  fatal_before = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  handler_before = g_log_set_default_handler (collect_critical, NULL);
}

guint
gp_test_end_criticals (char **text)
{
  guint n;

  g_log_set_default_handler (handler_before, NULL);
  g_log_set_always_fatal (fatal_before);
  g_mutex_lock (&criticals_lock);
  n = n_criticals;
  if (text != NULL)
    *text = g_strdup (criticals->str);
  g_string_free (g_steal_pointer (&criticals), TRUE);
  g_mutex_unlock (&criticals_lock);
  return n;
}

/* Without that of the listing */
guint
gp_test_count_fds (void)
{
  guint n_fds = 0;
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%s", name);
      g_autofree char *target = g_file_read_link (path, NULL);

      if (target != NULL && !(g_str_has_prefix (target, "/proc/") && g_str_has_suffix (target, "/fd")))
        n_fds++;
    }
  return n_fds;
}

static gboolean
has_no_new_fds (gpointer data)
{
  return gp_test_count_fds () <= *(guint *) data;
}

static gboolean
has_no_children (gpointer data)
{
  siginfo_t info;

  return waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0;
}

guint
gp_test_count_busy_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/comm", name);
      g_autofree char *comm = NULL;

      if (g_file_get_contents (path, &comm, NULL, NULL))
        n += g_str_has_prefix (comm, "gp:");
    }
  return n;
}

static gboolean
has_no_busy_threads (gpointer data)
{
  return gp_test_count_busy_threads () == 0;
}

static gboolean
has_no_new_objects (gpointer data)
{
  return g_atomic_int_get (&n_watched) <= *(int *) data;
}

static gboolean
has_no_new_errors (gpointer data)
{
  return gp_test_count_errors () <= *(int *) data;
}

static gboolean
has_no_pending_source (gpointer data)
{
  return !g_main_context_pending (NULL);
}

void
gp_test_wait_until (const char      *what,
                    GpTestCondition  condition,
                    gpointer         data)
{
  waiting_for = what;
  while (!condition (data))
    {
      /* The condition may depend on another thread or process, which cannot wake us */
      if (!g_main_context_iteration (NULL, FALSE))
        sched_yield ();
    }
  waiting_for = NULL;
}

void
gp_test_wait_flag (const char *what,
                   gboolean   *flag)
{
  waiting_for = what;
  while (!*flag)
    g_main_context_iteration (NULL, TRUE);
  waiting_for = NULL;
}

void
gp_test_wait_busy_threads (void)
{
  gp_test_wait_until ("busy threads to end", has_no_busy_threads, NULL);
}

static void
watched_gone_cb (gpointer  data,
                 GObject  *where_the_object_was)
{
  g_atomic_int_add (&n_watched, -1);
}

gpointer
gp_test_watch (gpointer object)
{
  g_atomic_int_inc (&n_watched);
  g_object_weak_ref (object, watched_gone_cb, NULL);
  return object;
}

static void
case_set_up (Before        *before,
             gconstpointer  data)
{
  g_strlcpy (current_test, g_test_get_path (), sizeof current_test);
  alarm (timeout_seconds ());
  before->n_fds = gp_test_count_fds ();
  before->n_objects = g_atomic_int_get (&n_watched);
  before->n_errors = gp_test_count_errors ();
  current = before;
}

static void
case_run (Before        *before,
          gconstpointer  data)
{
  const Case *self = data;

  if (self->func != NULL)
    self->func ();
  else
    self->data_func (self->data);
}

static void
wait_all_gone (Before *before)
{
  gp_test_wait_busy_threads ();
  gp_test_wait_until ("objects to be freed", has_no_new_objects, &before->n_objects);
  gp_test_wait_until ("children to be reaped", has_no_children, NULL);
  gp_test_wait_until ("descriptors to be closed", has_no_new_fds, &before->n_fds);
  gp_test_wait_until ("sources to go", has_no_pending_source, NULL);
  gp_test_wait_until ("errors to be freed", has_no_new_errors, &before->n_errors);
}

void
gp_test_wait_all_gone (void)
{
  wait_all_gone (current);
}

void
gp_test_wait_all_gone_but (guint n_fds)
{
  Before before = *current;

  before.n_fds = n_fds;
  wait_all_gone (&before);
}

static void
case_tear_down (Before        *before,
                gconstpointer  data)
{
  wait_all_gone (before);
  current = NULL;
  alarm (0);
}

static void
add_case (const char    *path,
          GTestFunc      func,
          GTestDataFunc  data_func,
          gconstpointer  data)
{
  Case *self = g_new0 (Case, 1);

  self->func = func;
  self->data_func = data_func;
  self->data = data;
  g_ptr_array_add (cases, self);
  g_test_add_vtable (path,
                     sizeof (Before),
                     self,
                     (GTestFixtureFunc) case_set_up,
                     (GTestFixtureFunc) case_run,
                     (GTestFixtureFunc) case_tear_down);
}

void
gp_test_add (const char *path,
             GTestFunc   func)
{
  add_case (path, func, NULL, NULL);
}

void
gp_test_add_data (const char    *path,
                  gconstpointer  data,
                  GTestDataFunc  func)
{
  add_case (path, NULL, func, data);
}

/* A program whose standard streams are closed on purpose talks through this descriptor */
static void
use_log_fd (void)
{
  const char *value = getenv ("GP_TEST_LOG_FD");
  int fd;

  if (value == NULL)
    return;
  fd = atoi (value);
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  stdout = stderr = fdopen (fd, "w");
  setvbuf (stdout, NULL, _IONBF, 0);
}

/* GLib and the library open some descriptors once and keep them */
static void
warm_up (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_test_add_child (pipeline, "exit", "0", NULL);
      gp_test_add_child (pipeline, "exit", "0", NULL);
      if (i == 0)
        gp_test_run_pipeline (pipeline, NULL, &error);
      else
        gp_pipeline_run (pipeline, NULL, &error);
      g_assert_no_error (error);
    }
  gp_test_wait_until ("the first children to be reaped", has_no_children, NULL);
  gp_test_wait_until ("the first threads to end", has_no_busy_threads, NULL);
}

void
gp_test_restart_watchdog (void)
{
  alarm (timeout_seconds ());
}

void
gp_test_init_single (int    *argc,
                     char ***argv)
{
  use_log_fd ();
  gp_test_watch_errors ();
  cases = g_ptr_array_new_with_free_func (g_free);
  /* No other service shall open descriptors behind our back */
  g_setenv ("GIO_USE_VFS", "local", TRUE);
  g_setenv ("GSETTINGS_BACKEND", "memory", TRUE);
  g_log_set_writer_func (log_writer, NULL, NULL);
  g_test_init (argc, argv, NULL);
  signal (SIGALRM, watchdog_handler);
}

void
gp_test_init (int    *argc,
              char ***argv)
{
  gp_test_init_single (argc, argv);
  g_strlcpy (current_test, "warming up", sizeof current_test);
  alarm (timeout_seconds ());
  warm_up ();
  alarm (0);
}

int
gp_test_run (void)
{
  int status = g_test_run ();

  g_clear_pointer (&cases, g_ptr_array_unref);
  return status;
}

void
gp_test_result_cb (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  GAsyncResult **where = user_data;

  g_assert_null (*where);
  *where = g_object_ref (result);
}

void
gp_test_await (const char    *what,
               GAsyncResult **result)
{
  waiting_for = what;
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  waiting_for = NULL;
}

gboolean
gp_test_start (GpPipeline    *pipeline,
               GCancellable  *cancellable,
               GError       **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gp_pipeline_start_async (pipeline, cancellable, gp_test_result_cb, &result);
  g_assert_null (result);
  gp_test_await ("gp_pipeline_start_async", &result);
  return gp_pipeline_start_finish (pipeline, result, error);
}

gboolean
gp_test_wait (GpPipeline  *pipeline,
              GError     **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gp_pipeline_wait_async (pipeline, NULL, gp_test_result_cb, &result);
  g_assert_null (result);
  gp_test_await ("gp_pipeline_wait_async", &result);
  return gp_pipeline_wait_finish (pipeline, result, error);
}

gboolean
gp_test_run_pipeline (GpPipeline    *pipeline,
                      GCancellable  *cancellable,
                      GError       **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gp_pipeline_run_async (pipeline, cancellable, gp_test_result_cb, &result);
  g_assert_null (result);
  gp_test_await ("gp_pipeline_run_async", &result);
  return gp_pipeline_run_finish (pipeline, result, error);
}

GBytes *
gp_test_communicate (GpPipeline    *pipeline,
                     GBytes        *stdin_bytes,
                     GCancellable  *cancellable,
                     GError       **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gp_pipeline_communicate_async (pipeline, stdin_bytes, cancellable, gp_test_result_cb, &result);
  g_assert_null (result);
  gp_test_await ("gp_pipeline_communicate_async", &result);
  return gp_pipeline_communicate_finish (pipeline, result, error);
}

char *
gp_test_output_of (GpPipeline *pipeline,
                   const char *stdin_text)
{
  g_autoptr (GBytes) input = NULL;
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  gconstpointer data;
  gsize size;

  if (stdin_text != NULL)
    input = g_bytes_new (stdin_text, strlen (stdin_text));
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (output);
  data = g_bytes_get_data (output, &size);
  return g_strndup (size > 0 ? data : "", size);
}

GpPipeline *
gp_test_pipeline_new (void)
{
  return gp_test_watch (gp_pipeline_new ());
}

const char *
gp_test_child (void)
{
  const char *path = g_getenv ("GP_TEST_CHILD");

  if (path == NULL)
    g_error ("GP_TEST_CHILD is not set");
  return path;
}

static GpCommandStage *
child_new_valist (const char *mode,
                  va_list     args)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();

  g_ptr_array_add (argv, (char *) gp_test_child ());
  for (const char *arg = mode; arg != NULL; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (char *) arg);
  g_ptr_array_add (argv, NULL);
  return gp_command_stage_newv ((const char * const *) argv->pdata);
}

GpCommandStage *
gp_test_child_new (const char *mode,
                   ...)
{
  GpCommandStage *stage;
  va_list args;

  va_start (args, mode);
  stage = child_new_valist (mode, args);
  va_end (args);
  return stage;
}

GpCommandStage *
gp_test_add_child (GpPipeline *pipeline,
                   const char *mode,
                   ...)
{
  GpCommandStage *stage;
  va_list args;

  va_start (args, mode);
  stage = child_new_valist (mode, args);
  va_end (args);
  /* Messages then begin with the mode, which tells the stages of a pipeline apart */
  gp_command_stage_set_name (stage, mode);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  return stage;
}

void
gp_test_add_function (GpPipeline *pipeline,
                      const char *name,
                      GpFunction  func,
                      gpointer    user_data)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_test_watch (gp_function_stage_new (name, func, user_data, NULL))));
}

gboolean
gp_test_copy_func (GInputStream    *input,
                   GOutputStream   *output,
                   GpStageContext  *context,
                   gpointer         user_data,
                   GError         **error)
{
  return g_output_stream_splice (output, input, G_OUTPUT_STREAM_SPLICE_NONE,
                                 gp_stage_context_get_cancellable (context), error) >= 0;
}

GpPipeline *
gp_test_new_copier (const char *kinds)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  for (const char *p = kinds; *p != '\0'; p++)
    {
      if (*p == 'c')
        gp_test_add_child (pipeline, "cat", NULL);
      else if (*p == 'n')
        gp_pipeline_append (pipeline, GP_STAGE (gp_test_new_copier ("cc")));
      else
        gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
    }

  return pipeline;
}

void
gp_test_open_pipe (int fds[2])
{
  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
}

void
gp_test_assert_cancelled (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
gp_test_connect_output (GpPipeline *pipeline)
{
  g_autoptr (GOutputStream) stream = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  stream = g_unix_output_stream_new (fds[1], TRUE);
  gp_pipeline_set_stdout (pipeline, stream);
  gp_pipeline_set_close_stdout (pipeline, TRUE);

  return fds[0];
}
