/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-spawn-private.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gp-descriptor-private.h"
#include "gp-exec-private.h"

#define HELPER_NAME "gopipe-exec"

/* More than GLib opens at any moment while it starts a process */
#define N_DESCRIPTORS_OF_GLIB 6

/* A killed process ends at once unless it hangs in the kernel, where nothing helps */
#define REAP_TIMEOUT_MSEC 1000

/* One try to start a process, with the helper or, if @helper is NULL, by a fork.
 *
 * States: without @process until it is launched; then launched, while the control descriptor
 * tells how far it has come; and in the end either @process is stolen for the caller, or it is
 * killed and given back to GLib, which holds a reference of its own until it has reaped it.
 *
 * @helper_failed is set if it was not the command's or the caller's fault. */
typedef struct
{
  const GpSpawnRequest *request;
  const char           *helper;
  GSubprocess          *process;
  GPid                  pid;
  int                   control_fd; /* our end; the other one is the launcher's */
  gboolean              helper_failed;
} Attempt;

static const char *the_helper;
static gsize the_helper_is_known;

static char *
find_own_directory (void)
{
  Dl_info info;
  char *path;
  char *directory;

  if (dladdr (&the_helper, &info) == 0 || info.dli_fname == NULL)
    return NULL;

  path = realpath (info.dli_fname, NULL);
  if (path == NULL)
    return NULL;

  directory = g_path_get_dirname (path);
  free (path);

  return directory;
}

/* A helper beside the library means that this is a build tree. Only there may the environment
 * name another one: an installed library must not execute what a variable says. */
static char *
find_helper (void)
{
  g_autofree char *directory = find_own_directory ();
  g_autofree char *path = NULL;

  if (directory != NULL)
    path = g_build_filename (directory, HELPER_NAME, NULL);

  if (path != NULL && g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    {
      const char *other = getauxval (AT_SECURE) ? NULL : g_getenv ("GOPIPE_EXEC");

      if (other != NULL)
        {
          g_free (path);
          path = g_canonicalize_filename (other, NULL);
        }
    }
  else
    {
      g_free (path);
      path = g_build_filename (GP_LIBEXECDIR, HELPER_NAME, NULL);
    }

  if (!g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    {
      g_debug ("No helper program %s: commands are started by fork", path);
      return NULL;
    }

  return g_steal_pointer (&path);
}

static const char *
get_helper (void)
{
  if (g_once_init_enter (&the_helper_is_known))
    {
      the_helper = find_helper ();
      g_once_init_leave (&the_helper_is_known, TRUE);
    }

  return the_helper;
}

void
gp_spawn_set_helper (const char *helper)
{
  if (g_once_init_enter (&the_helper_is_known))
    g_once_init_leave (&the_helper_is_known, TRUE);

  the_helper = g_intern_string (helper);
}

/* The same codes as GLib's for the same causes */
static int
get_spawn_error_code (int errsv)
{
  switch (errsv)
    {
    case EACCES:
      return G_SPAWN_ERROR_ACCES;
    case EPERM:
      return G_SPAWN_ERROR_PERM;
    case E2BIG:
      return G_SPAWN_ERROR_TOO_BIG;
    case ENOEXEC:
      return G_SPAWN_ERROR_NOEXEC;
    case ENAMETOOLONG:
      return G_SPAWN_ERROR_NAMETOOLONG;
    case ENOENT:
      return G_SPAWN_ERROR_NOENT;
    case ENOMEM:
      return G_SPAWN_ERROR_NOMEM;
    case ENOTDIR:
      return G_SPAWN_ERROR_NOTDIR;
    case ELOOP:
      return G_SPAWN_ERROR_LOOP;
    case ETXTBSY:
      return G_SPAWN_ERROR_TXTBUSY;
    case EIO:
      return G_SPAWN_ERROR_IO;
    case EINVAL:
      return G_SPAWN_ERROR_INVAL;
    case EISDIR:
      return G_SPAWN_ERROR_ISDIR;
#ifdef ELIBBAD
    case ELIBBAD:
      return G_SPAWN_ERROR_LIBBAD;
#endif
    default:
      return G_SPAWN_ERROR_FAILED;
    }
}

static void
set_exec_error (const char          *program,
                const GpExecReport  *report,
                GError             **error)
{
  g_autofree char *name = g_filename_display_name (program);
  g_autofree char *message = NULL;

  if (report->value == EMFILE || report->value == ENFILE)
    {
      g_autofree char *what = g_strdup_printf ("\"%s\"", name);

      gp_set_error_from_errno (error, report->value, what);
      return;
    }

  if (report->step == GP_EXEC_STEP_INTERPRETER)
    message = g_strdup_printf ("\"%s\" is there, but not the interpreter that it needs", name);
  else if (report->value == ENOENT && strchr (program, '/') == NULL)
    message = g_strdup_printf ("program \"%s\" was not found in PATH", name);
  else if (report->value == ENOEXEC)
    message = g_strdup_printf ("\"%s\" is not a program: it has no \"#!\" line and is no binary "
                               "that this machine can run",
                               name);
  else
    message = g_strdup_printf ("\"%s\": %s", name, g_strerror (report->value));

  g_set_error_literal (error, G_SPAWN_ERROR, get_spawn_error_code (report->value), message);
}

static void
set_error_from_report (const GpSpawnRequest  *request,
                       const GpExecReport    *report,
                       GError               **error)
{
  switch (report->step)
    {
    case GP_EXEC_STEP_EXEC:
    case GP_EXEC_STEP_INTERPRETER:
      set_exec_error (request->argv[0], report, error);
      break;

    case GP_EXEC_STEP_DIRECTORY:
      {
        g_autofree char *name = g_filename_display_name (request->directory);

        g_set_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_CHDIR,
                     "cannot change to directory \"%s\": %s",
                     name, g_strerror (report->value));
      }
      break;

    case GP_EXEC_STEP_GROUP:
      gp_set_error_from_errno (error, report->value, "cannot make a process group");
      break;

    default:
      gp_set_error_from_errno (error, report->value, "cannot set up a process");
      break;
    }
}

/* Where descriptors run out in the middle of a start, GLib aborts the program. So see first that
 * there are enough. Another thread can still take them in between, but then it takes the last
 * ones of the program, which will hardly outlive that anyway. */
static gboolean
check_descriptors_of_glib (int      fd,
                           GError **error)
{
  int copies[N_DESCRIPTORS_OF_GLIB];
  int n_copies = 0;
  gboolean enough = TRUE;

  while (enough && n_copies < N_DESCRIPTORS_OF_GLIB)
    {
      int copy = gp_descriptor_dup_for_child (fd, error);

      if (copy >= 0)
        copies[n_copies++] = copy;
      else
        enough = FALSE;
    }

  while (n_copies > 0)
    close (copies[--n_copies]);

  return enough;
}

/* The standard descriptors are always three of our own, all different, and away from the low
 * numbers: with anything else the posix_spawn path of GLib mixes up or loses streams. */
static gboolean
give_standard_descriptors (GSubprocessLauncher   *launcher,
                           const GpSpawnRequest  *request,
                           GError               **error)
{
  int fd = gp_descriptor_dup_for_child (request->stdin_fd, error);

  if (fd < 0)
    return FALSE;
  g_subprocess_launcher_take_stdin_fd (launcher, fd);

  fd = gp_descriptor_dup_for_child (request->stdout_fd, error);
  if (fd < 0)
    return FALSE;
  g_subprocess_launcher_take_stdout_fd (launcher, fd);

  fd = gp_descriptor_dup_for_child (request->stderr_fd, error);
  if (fd < 0)
    return FALSE;
  g_subprocess_launcher_take_stderr_fd (launcher, fd);

  return TRUE;
}

static gboolean
give_control_descriptor (GSubprocessLauncher  *launcher,
                         Attempt              *self,
                         GError              **error)
{
  int fds[2];
  int fd;

  if (!gp_descriptor_open_socket_pair (fds, error))
    return FALSE;

  self->control_fd = fds[0];
  fd = gp_descriptor_dup_for_child (fds[1], error);
  close (fds[1]);

  if (fd < 0)
    return FALSE;
  g_subprocess_launcher_take_fd (launcher, fd, GP_EXEC_CONTROL_FD);

  return check_descriptors_of_glib (fd, error);
}

static GSubprocess *
launch_helper (const Attempt        *self,
               GSubprocessLauncher  *launcher,
               GError              **error)
{
  const GpSpawnRequest *request = self->request;
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();

  g_ptr_array_add (argv, (gpointer) self->helper);
  g_ptr_array_add (argv, (gpointer) G_STRINGIFY (GP_EXEC_PROTOCOL));
  g_ptr_array_add (argv, (gpointer) "exec");
  g_ptr_array_add (argv, (gpointer) (request->own_group ? "own" : "same"));
  g_ptr_array_add (argv, (gpointer) "");
  g_ptr_array_add (argv, (gpointer) (request->directory != NULL ? request->directory : ""));

  for (guint i = 0; request->argv[i] != NULL; i++)
    g_ptr_array_add (argv, (gpointer) request->argv[i]);
  g_ptr_array_add (argv, NULL);

  return g_subprocess_launcher_spawnv (launcher, (const char * const *) argv->pdata, error);
}

static void
run_plan_cb (gpointer plan)
{
  gp_exec_run (plan);
}

static GSubprocess *
launch_by_fork (const Attempt        *self,
                GSubprocessLauncher  *launcher,
                GError              **error)
{
  const GpSpawnRequest *request = self->request;
  gboolean has_directory = request->directory != NULL && request->directory[0] != '\0';
  GpExecPlan plan = {
    .directory = has_directory ? request->directory : NULL,
    .argv = (char **) request->argv,
    .environ = (char **) request->environ,
    .own_group = request->own_group,
  };
  GSubprocess *process;
  sigset_t all, before;

  g_subprocess_launcher_set_child_setup (launcher, run_plan_cb, &plan, NULL);

  /* A handler of the program must not run in the child, where it would for instance write to
   * the program's own wake-up pipe. The child allows signals again when it has none left. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  process = g_subprocess_launcher_spawnv (launcher, request->argv, error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);

  return process;
}

/* No working directory, no child setup and inherited descriptors: what GLib asks for if it is to
 * use posix_spawn (). By a fork they are inherited as well, since gp_exec_run () closes them. */
static gboolean
launch (Attempt  *self,
        GError  **error)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_INHERIT_FDS);
  g_subprocess_launcher_set_environ (launcher, (char **) self->request->environ);

  if (!give_standard_descriptors (launcher, self->request, error) ||
      !give_control_descriptor (launcher, self, error))
    return FALSE;

  if (self->helper != NULL)
    {
      self->process = launch_helper (self, launcher, error);
      self->helper_failed = self->process == NULL;
    }
  else
    {
      self->process = launch_by_fork (self, launcher, error);
    }

  /* What it holds open would hide that the child has closed its end, and the end of streams */
  g_subprocess_launcher_close (launcher);

  return self->process != NULL;
}

/* GLib watches the process by now. Before that it may not end, nor could its number be known. */
static void
permit (Attempt *self)
{
  const char *identifier = g_subprocess_get_identifier (self->process);
  gssize size;

  if (identifier != NULL)
    self->pid = atoi (identifier);

  /* If this fails the process has ended, which shows when its report is read */
  do
    size = send (self->control_fd, "", 1, MSG_NOSIGNAL);
  while (size < 0 && errno == EINTR);
}

/* Waits for the control descriptor, or fails because of @interrupt */
static gboolean
wait_for_report (const Attempt  *self,
                 GpInterrupt    *interrupt,
                 GError        **error)
{
  struct pollfd fds[2] = {
    { .fd = self->control_fd, .events = POLLIN },
    { .fd = interrupt != NULL ? gp_interrupt_get_fd (interrupt) : -1, .events = POLLIN },
  };

  while (poll (fds, G_N_ELEMENTS (fds), -1) < 0)
    {
      if (errno != EINTR)
        {
          gp_set_error_from_errno (error, errno, "cannot wait for a process");
          return FALSE;
        }
    }

  return !gp_interrupt_set_error_if_raised (interrupt, error);
}

/* Reports are written in one piece and far smaller than a buffer, so they are read in one piece */
static gssize
read_report (const Attempt *self,
             GpExecReport  *report)
{
  gssize size;

  do
    size = read (self->control_fd, report, sizeof *report);
  while (size < 0 && errno == EINTR);

  return size;
}

static gboolean
await_greeting (Attempt      *self,
                GpInterrupt  *interrupt,
                GError      **error)
{
  GpExecReport report;

  if (!wait_for_report (self, interrupt, error))
    return FALSE;

  if (self->pid == 0 ||
      read_report (self, &report) != sizeof report ||
      report.step != GP_EXEC_STEP_HELLO ||
      report.value != GP_EXEC_PROTOCOL)
    {
      self->helper_failed = self->helper != NULL;
      g_set_error_literal (error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED,
                           "the new process ended before it could execute the program");
      return FALSE;
    }

  return TRUE;
}

static gboolean
await_execution (Attempt      *self,
                 GpInterrupt  *interrupt,
                 GError      **error)
{
  GpExecReport report;
  gssize size;

  if (!await_greeting (self, interrupt, error) ||
      !wait_for_report (self, interrupt, error))
    return FALSE;

  size = read_report (self, &report);
  if (size == 0)
    return TRUE;

  if (size == sizeof report)
    set_error_from_report (self->request, &report, error);
  else
    g_set_error_literal (error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED,
                         "the new process reported something incomprehensible");

  return FALSE;
}

/* Guard and tell about every flag of process_gone_cb () */
static GMutex gone_lock;
static GCond gone_cond;

static void
process_gone_cb (gpointer  data,
                 GObject  *where_the_process_was)
{
  gboolean *gone = data;

  g_mutex_lock (&gone_lock);
  *gone = TRUE;
  g_cond_broadcast (&gone_cond);
  g_mutex_unlock (&gone_lock);

  g_atomic_rc_box_release (gone);
}

/* Leaves nothing behind: the process is killed, and reaped by GLib's worker, which drops the last
 * reference when it has done so. That is waited for, but not for ever. */
static void
dismiss (Attempt *self)
{
  gboolean *gone = g_atomic_rc_box_new0 (gboolean);
  gint64 deadline;

  /* The command may have been executed already, and may have children. As long as GLib has not
   * reaped the process, its number cannot be somebody else's. */
  if (self->request->own_group &&
      self->pid != 0 &&
      g_subprocess_get_identifier (self->process) != NULL)
    kill (-self->pid, SIGKILL);
  g_subprocess_force_exit (self->process);

  g_object_weak_ref (G_OBJECT (self->process), process_gone_cb, g_atomic_rc_box_acquire (gone));
  g_clear_object (&self->process);

  deadline = g_get_monotonic_time () + REAP_TIMEOUT_MSEC * G_TIME_SPAN_MILLISECOND;
  g_mutex_lock (&gone_lock);
  while (!*gone && g_cond_wait_until (&gone_cond, &gone_lock, deadline))
    ;
  g_mutex_unlock (&gone_lock);

  g_atomic_rc_box_release (gone);
}

static GSubprocess *
attempt_run (Attempt      *self,
             GpInterrupt  *interrupt,
             GError      **error)
{
  gboolean executed = FALSE;

  self->control_fd = -1;

  if (!gp_interrupt_set_error_if_raised (interrupt, error) && launch (self, error))
    {
      permit (self);
      executed = await_execution (self, interrupt, error);
      if (!executed)
        dismiss (self);
    }

  gp_descriptor_clear (&self->control_fd);

  return executed ? g_steal_pointer (&self->process) : NULL;
}

GSubprocess *
gp_spawn (const GpSpawnRequest  *request,
          GpInterrupt           *interrupt,
          GPid                  *pid,
          GError               **error)
{
  Attempt attempt = { .request = request, .helper = get_helper () };
  g_autoptr(GError) local_error = NULL;
  GSubprocess *process;

  g_return_val_if_fail (request->argv != NULL && request->argv[0] != NULL, NULL);
  g_return_val_if_fail (request->argv[0][0] != '\0', NULL);
  g_return_val_if_fail (request->environ != NULL, NULL);

  gp_ignore_sigpipe ();

  process = attempt_run (&attempt, interrupt, &local_error);

  /* The helper was removed or replaced while this program runs, cannot be executed, or its own
   * arguments made the list too long. Without it a command either works, or fails for a reason
   * of its own, which is the one worth telling. */
  if (attempt.helper_failed)
    {
      g_debug ("%s is not usable: %s", attempt.helper, local_error->message);
      g_clear_error (&local_error);

      attempt = (Attempt) { .request = request };
      process = attempt_run (&attempt, interrupt, &local_error);
    }

  if (process == NULL)
    g_propagate_error (error, g_steal_pointer (&local_error));
  else if (pid != NULL)
    *pid = attempt.pid;

  return process;
}
