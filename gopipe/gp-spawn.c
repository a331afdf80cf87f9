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
#include "gp-engine-private.h"
#include "gp-environment-private.h"
#include "gp-exec-private.h"
#include "gp-thread-pool-private.h"

#define HELPER_NAME "gopipe-exec"

/* More than GLib opens at any moment while it starts a process */
#define N_DESCRIPTORS_OF_GLIB 6

/* A killed process ends at once unless it hangs in the kernel, where nothing helps */
#define REAP_TIMEOUT_MSEC 1000

/* How long a command usually needs at most until it is executed */
#define USUAL_MSEC 10

/* How long a helper is given to end what it has started, before it is killed itself */
#define ASK_TIMEOUT_MSEC 300

/* A process that is being started, with the helper or, if @helper is NULL, by a fork.
 *
 * States: without @process until it is launched; then launched, and waiting for the permission to go
 * on; then permitted, while the control descriptor tells how far it has come; and in the end either
 * @process is stolen for the caller, or it is killed and given back to GLib, which holds a reference
 * of its own until it has reaped it. If @helper_failed, which is neither the command's nor the
 * caller's fault, all begins anew by a fork. */
struct _GpSpawn
{
  const GpSpawnRequest *request;
  GpInterrupt          *interrupt;    /* borrowed */
  const char           *helper;
  GSubprocess          *process;
  GPid                  process_pid;
  GPid                  pid;          /* of the command */
  int                   control_fd;   /* our end; the other one is the launcher's */
  int                   child_control_fd; /* its number in the child */
  int                   fd_min;       /* above all numbers that the child uses */
  gboolean              helper_failed;
  gboolean              permitted;    /* it may have started something */
  GError               *permit_error;
};

/* (atomic): GLib has started its own thread, as it does with the first process. Where it cannot, it
 * ends the program. */
static int glib_has_worker;

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
 * name another one: an installed library must not execute what a variable says. A program with more
 * privileges than its caller believes nothing that the caller could have arranged, and where a
 * program lies into which the library is linked, only its arguments tell. */
static char *
find_helper_of_build (void)
{
  g_autofree char *directory = getauxval (AT_SECURE) ? NULL : find_own_directory ();
  g_autofree char *path = NULL;
  const char *other;

  if (directory == NULL)
    return NULL;

  path = g_build_filename (directory, HELPER_NAME, NULL);
  if (!g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    return NULL;

  other = g_getenv ("GOPIPE_EXEC");
  return other != NULL ? g_canonicalize_filename (other, NULL) : g_steal_pointer (&path);
}

static char *
find_helper (void)
{
  g_autofree char *path = find_helper_of_build ();

  if (path == NULL)
    path = g_build_filename (GP_LIBEXECDIR, HELPER_NAME, NULL);

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

/* The control descriptor gets the lowest number that the command does not use itself. All that
 * is given to the launcher lies above what the child uses: with anything else the posix_spawn
 * path of GLib mixes up or loses streams. */
static void
choose_numbers (GpSpawn *self)
{
  const GpSpawnRequest *request = self->request;
  gboolean taken;

  self->child_control_fd = STDERR_FILENO;
  do
    {
      taken = FALSE;
      self->child_control_fd++;
      for (guint i = 0; i < request->n_fds; i++)
        taken |= request->target_fds[i] == self->child_control_fd;
    }
  while (taken);

  self->fd_min = MAX (self->child_control_fd + 1, GP_CHILD_FD_MIN);
  for (guint i = 0; i < request->n_fds; i++)
    self->fd_min = MAX (self->fd_min, request->target_fds[i] + 1);
}

static gboolean
give_descriptors (GpSpawn              *self,
                  GSubprocessLauncher  *launcher,
                  GError              **error)
{
  const GpSpawnRequest *request = self->request;
  const struct
  {
    int    fd;
    void (*take) (GSubprocessLauncher *launcher, int fd);
  } standard[] = {
    { request->stdin_fd, g_subprocess_launcher_take_stdin_fd },
    { request->stdout_fd, g_subprocess_launcher_take_stdout_fd },
    { request->stderr_fd, g_subprocess_launcher_take_stderr_fd },
  };

  for (guint i = 0; i < G_N_ELEMENTS (standard); i++)
    {
      int fd = gp_descriptor_dup_above (standard[i].fd, self->fd_min, error);

      if (fd < 0)
        return FALSE;
      standard[i].take (launcher, fd);
    }

  for (guint i = 0; i < request->n_fds; i++)
    {
      int fd = gp_descriptor_dup_above (request->source_fds[i], self->fd_min, error);

      if (fd < 0)
        return FALSE;
      g_subprocess_launcher_take_fd (launcher, fd, request->target_fds[i]);
    }

  return TRUE;
}

static gboolean
give_control_descriptor (GpSpawn              *self,
                         GSubprocessLauncher  *launcher,
                         GError              **error)
{
  int fds[2];
  int fd;

  if (!gp_descriptor_open_socket_pair (fds, error))
    return FALSE;

  self->control_fd = fds[0];
  fd = gp_descriptor_dup_above (fds[1], self->fd_min, error);
  close (fds[1]);

  if (fd < 0)
    return FALSE;
  g_subprocess_launcher_take_fd (launcher, fd, self->child_control_fd);

  /* Where descriptors run out in the middle of a start, GLib aborts the program. Some of its own
   * lie above all numbers that the child uses, like these. */
  return gp_descriptor_check_spare (N_DESCRIPTORS_OF_GLIB + self->request->n_fds, self->fd_min,
                                    error);
}

static void
add_number (GPtrArray *argv,
            gint64     number)
{
  g_ptr_array_add (argv, g_strdup_printf ("%" G_GINT64_FORMAT, number));
}

static void
add_flags (GPtrArray *argv,
           unsigned   flags)
{
  GString *letters = g_string_new (NULL);

  if ((flags & GP_EXEC_OWN_GROUP) != 0)
    g_string_append_c (letters, 'g');
  if ((flags & GP_EXEC_TERMINAL) != 0)
    g_string_append_c (letters, 't');
  if ((flags & GP_EXEC_SUPERVISE) != 0)
    g_string_append_c (letters, 's');
  if ((flags & GP_EXEC_DIE_WITH_PARENT) != 0)
    g_string_append_c (letters, 'p');
  if ((flags & GP_EXEC_KILL_DESCENDANTS) != 0)
    g_string_append_c (letters, 'k');

  g_ptr_array_add (argv, g_string_free (letters, FALSE));
}

static void
add_keep_fds (GPtrArray            *argv,
              const GpSpawnRequest *request)
{
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < request->n_fds; i++)
    g_string_append_printf (list, "%s%d", i > 0 ? "," : "", request->target_fds[i]);

  g_ptr_array_add (argv, g_string_free (list, FALSE));
}

static void
add_limits (GPtrArray            *argv,
            const GpSpawnRequest *request)
{
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < request->n_limits; i++)
    {
      const GpExecLimit *limit = &request->limits[i];

      g_string_append_printf (list, "%s%d,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT,
                              i > 0 ? "," : "", limit->resource, limit->soft, limit->hard);
    }

  g_ptr_array_add (argv, g_string_free (list, FALSE));
}

/* In the order that gp-exec-private.h tells */
static GSubprocess *
launch_helper (const GpSpawn        *self,
               GSubprocessLauncher  *launcher,
               GError              **error)
{
  const GpSpawnRequest *request = self->request;
  g_autoptr(GPtrArray) own = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GPtrArray) argv = g_ptr_array_new ();

  add_number (own, GP_EXEC_PROTOCOL);
  add_number (own, self->child_control_fd);
  add_flags (own, request->flags);
  add_keep_fds (own, request);
  add_limits (own, request);
  add_number (own, request->nice_increment);
  add_number (own, MIN (request->kill_delay, G_MAXINT));
  g_ptr_array_add (own, g_strdup (request->directory != NULL ? request->directory : ""));

  g_ptr_array_add (argv, (gpointer) self->helper);
  for (guint i = 0; i < own->len; i++)
    g_ptr_array_add (argv, own->pdata[i]);
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
launch_by_fork (const GpSpawn        *self,
                GSubprocessLauncher  *launcher,
                GError              **error)
{
  const GpSpawnRequest *request = self->request;
  gboolean has_directory = request->directory != NULL && request->directory[0] != '\0';
  GpExecPlan plan = {
    .directory = has_directory ? request->directory : NULL,
    .argv = (char **) request->argv,
    .environ = (char **) request->environ,
    .flags = request->flags,
    .control_fd = self->child_control_fd,
    .keep_fds = request->target_fds,
    .n_keep_fds = request->n_fds,
    .limits = request->limits,
    .n_limits = request->n_limits,
    .nice_increment = request->nice_increment,
    .kill_delay = request->kill_delay,
    .is_fork = TRUE,
  };
  GSubprocess *process;
  sigset_t all, before;

  /* A large program takes long for that. */
  gp_engine_lose_patience ();
  g_subprocess_launcher_set_child_setup (launcher, run_plan_cb, &plan, NULL);

  /* A handler of the program must not run in the child, where it would for instance write to
   * the program's own wake-up pipe. The child allows signals again when it has none left. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  process = g_subprocess_launcher_spawnv (launcher, request->argv, error);
  pthread_sigmask (SIG_SETMASK, &before, NULL);

  return process;
}

/* When descriptors are known to be there: the first task starts threads of GLib, and needs both. */
static gboolean
prepare_glib (GError **error)
{
  if (!g_atomic_int_get (&glib_has_worker) && !gp_thread_pool_check_spare (error))
    return FALSE;

  g_type_ensure (G_TYPE_TASK);

  return TRUE;
}

/* No working directory, no child setup and inherited descriptors: what GLib asks for if it is to
 * use posix_spawn (). By a fork they are inherited as well, since gp_exec_run () closes them. */
static gboolean
launch (GpSpawn  *self,
        GError  **error)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_INHERIT_FDS);
  /* It has a copy of the program's own. */
  if (!gp_environment_is_programs (self->request->environ))
    g_subprocess_launcher_set_environ (launcher, (char **) self->request->environ);

  choose_numbers (self);
  if (!give_descriptors (self, launcher, error) ||
      !give_control_descriptor (self, launcher, error) ||
      !prepare_glib (error))
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

  if (self->process != NULL)
    g_atomic_int_set (&glib_has_worker, TRUE);

  /* What it holds open would hide that the child has closed its end, and the end of streams */
  g_subprocess_launcher_close (launcher);

  return self->process != NULL;
}

/* GLib watches the process by now. Before that it may not end, nor could its number be known.
 * FALSE: it waits in vain. That it has ended is no error here, but shows when its report is read. */
static gboolean
permit (GpSpawn  *self,
        GError  **error)
{
  const char *identifier = g_subprocess_get_identifier (self->process);
  gssize size;

  if (identifier != NULL)
    self->process_pid = self->pid = atoi (identifier);

  do
    size = send (self->control_fd, "", 1, MSG_NOSIGNAL);
  while (size < 0 && errno == EINTR);

  self->permitted = size >= 0;
  if (size >= 0 || errno == EPIPE || errno == ECONNRESET)
    return TRUE;

  gp_set_error_from_errno (error, errno, "cannot talk to a new process");

  return FALSE;
}

/* FALSE: @error, or none of @events and no end within @timeout_msec, of which -1 means for ever */
static gboolean
poll_control (const GpSpawn  *self,
              short           events,
              int             timeout_msec,
              GError        **error)
{
  struct pollfd fds[2] = {
    { .fd = self->control_fd, .events = events },
    { .fd = self->interrupt != NULL ? gp_interrupt_get_fd (self->interrupt) : -1, .events = POLLIN },
  };
  int n_ready;

  while ((n_ready = poll (fds, G_N_ELEMENTS (fds), timeout_msec)) < 0)
    {
      if (errno != EINTR)
        {
          gp_set_error_from_errno (error, errno, "cannot wait for a process");
          return FALSE;
        }
    }

  return n_ready > 0 && !gp_interrupt_set_error_if_raised (self->interrupt, error);
}

/* Waits for the control descriptor, or fails because of @interrupt. Without a supervisor all that a
 * good helper says is soon followed by the end: to wake for each word would only take the processor
 * from the process that is waited for. If it takes longer, the engine must not wait for this thread. */
static gboolean
wait_for_report (const GpSpawn  *self,
                 GError        **error)
{
  gboolean is_supervised = (self->request->flags & GP_EXEC_SUPERVISE) != 0;
  g_autoptr (GError) local_error = NULL;

  if (poll_control (self, is_supervised ? POLLIN : 0 /* and POLLHUP */, USUAL_MSEC, &local_error))
    return TRUE;

  if (local_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  gp_engine_lose_patience ();

  return poll_control (self, POLLIN, -1, error);
}

/* Reports are written in one piece and far smaller than a buffer, so they are read in one piece. The
 * size of a longer one is told as well, so it is none. */
static gssize
read_report (const GpSpawn *self,
             GpExecReport  *report)
{
  gssize size;

  do
    size = recv (self->control_fd, report, sizeof *report, MSG_TRUNC);
  while (size < 0 && errno == EINTR);

  return size;
}

static gboolean
await_greeting (GpSpawn  *self,
                GError  **error)
{
  GpExecReport report;
  gssize size;

  if (!wait_for_report (self, error))
    return FALSE;

  size = read_report (self, &report);
  if (size < 0 && errno != ECONNRESET)
    {
      gp_set_error_from_errno (error, errno, "cannot read what a new process tells");
      return FALSE;
    }

  /* It has ended, and has not even read that it may go on, or is none of ours. Only then the
   * command may be started once more: whatever was executed has used up input already. */
  if (self->pid == 0 ||
      size != sizeof report ||
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

/* The command runs when its control descriptor closes, or when its parent says so. */
static gboolean
await_execution (GpSpawn  *self,
                 GError  **error)
{
  gboolean supervised = (self->request->flags & GP_EXEC_SUPERVISE) != 0;
  GpExecReport report;
  gssize size;

  if (!await_greeting (self, error) ||
      !wait_for_report (self, error))
    return FALSE;

  size = read_report (self, &report);
  if (size == 0 && !supervised)
    return TRUE;

  /* Signals to 1 and less mean everybody. */
  if (size == sizeof report && report.step == GP_EXEC_STEP_STARTED && supervised && report.value > 1)
    {
      self->pid = report.value;
      return TRUE;
    }

  if (size == sizeof report && report.step < GP_EXEC_STEP_STARTED)
    gp_spawn_set_error (self->request, &report, error);
  else
    g_set_error_literal (error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED,
                         "the new process ended before it could execute the program");

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

/* A helper that has started the command already ends it, and what that has started. One that is
 * still about to start it may hang in the kernel together with it, and is killed. */
static void
ask_to_end_all (GpSpawn *self)
{
  GpExecRequest request = { .kind = GP_EXEC_REQUEST_KILL };
  struct pollfd poll_fd = { .fd = self->control_fd, .events = POLLIN };
  gint64 deadline = g_get_monotonic_time () + ASK_TIMEOUT_MSEC * G_TIME_SPAN_MILLISECOND;
  GpExecReport report;
  gint64 left;

  if (send (self->control_fd, &request, sizeof request, MSG_NOSIGNAL) != sizeof request)
    return;

  while ((left = deadline - g_get_monotonic_time ()) > 0)
    {
      int n_ready = poll (&poll_fd, 1, (int) (left / G_TIME_SPAN_MILLISECOND) + 1);

      if (n_ready == 0 || (n_ready > 0 && read_report (self, &report) != sizeof report))
        return;
    }
}

/* The command may have been executed already, and may have children. It is stopped first, or it
 * could make its group and a child right after nobody was found in the group. As long as GLib has
 * not reaped the process, its number cannot be somebody else's. */
static void
end_group (GpSpawn *self)
{
  if ((self->request->flags & GP_EXEC_OWN_GROUP) == 0 || self->pid == 0)
    return;

  g_subprocess_send_signal (self->process, SIGSTOP);
  if (g_subprocess_get_identifier (self->process) != NULL)
    kill (-self->pid, SIGKILL);
}

/* Leaves nothing behind: the process is killed, and reaped by GLib's worker, which drops the last
 * reference when it has done so. That is waited for, but not for ever. */
static void
dismiss (GpSpawn *self)
{
  gboolean *gone = g_atomic_rc_box_new0 (gboolean);
  gint64 deadline;

  gp_engine_lose_patience ();

  /* Who still waits for permission would take whatever comes for that. */
  if (self->permitted && (self->request->flags & GP_EXEC_SUPERVISE) != 0)
    ask_to_end_all (self);
  else
    end_group (self);
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

void
gp_spawned_clear (GpSpawned *self)
{
  g_clear_object (&self->process);
  gp_descriptor_clear (&self->control_fd);
}

/* FALSE: there is no process */
static gboolean
launch_with (GpSpawn     *self,
             const char  *helper,
             GError     **error)
{
  self->helper = helper;
  self->helper_failed = FALSE;
  self->pid = 0;

  if (!gp_interrupt_set_error_if_raised (self->interrupt, error) && launch (self, error))
    return TRUE;

  gp_descriptor_clear (&self->control_fd);

  return FALSE;
}

/* The helper was removed or replaced while this program runs, cannot be executed, or its own
 * arguments made the list too long. Without it a command either works, or fails for a reason
 * of its own, which is the one worth telling. */
static gboolean
launch_without_helper (GpSpawn  *self,
                       GError  **error)
{
  if (!self->helper_failed)
    return FALSE;

  g_debug ("%s is not usable: %s", self->helper, (*error)->message);
  g_clear_error (error);

  return launch_with (self, NULL, error);
}

/* How it went with the process that was permitted: it is the caller's, or nothing is left of it */
static gboolean
finish (GpSpawn    *self,
        GpSpawned  *spawned,
        GError    **error)
{
  gboolean executed = FALSE;

  if (self->permit_error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->permit_error));
  else
    executed = await_execution (self, error);

  if (executed)
    {
      spawned->process = g_steal_pointer (&self->process);
      spawned->process_pid = self->process_pid;
      spawned->pid = self->pid;
      if ((self->request->flags & GP_EXEC_SUPERVISE) != 0)
        spawned->control_fd = gp_descriptor_steal (&self->control_fd);
    }
  else
    {
      dismiss (self);
    }
  gp_descriptor_clear (&self->control_fd);

  return executed;
}

GpSpawn *
gp_spawn_launch (const GpSpawnRequest  *request,
                 GpInterrupt           *interrupt,
                 GError               **error)
{
  g_autoptr (GError) local_error = NULL;
  GpSpawn *self;

  g_return_val_if_fail (request->argv != NULL && request->argv[0] != NULL, NULL);
  g_return_val_if_fail (request->argv[0][0] != '\0', NULL);
  g_return_val_if_fail (request->environ != NULL, NULL);
  g_return_val_if_fail (request->n_fds <= GP_EXEC_MAX_KEEP, NULL);
  g_return_val_if_fail (request->n_limits <= GP_EXEC_MAX_LIMITS, NULL);

  gp_ignore_sigpipe ();

  self = g_new0 (GpSpawn, 1);
  self->request = request;
  self->interrupt = interrupt;
  self->control_fd = -1;

  if (launch_with (self, get_helper (), &local_error) ||
      launch_without_helper (self, &local_error))
    return self;

  g_propagate_error (error, g_steal_pointer (&local_error));
  gp_spawn_free (self);

  return NULL;
}

void
gp_spawn_permit (GpSpawn *self)
{
  /* It may have been launched long ago. */
  if (!gp_interrupt_set_error_if_raised (self->interrupt, &self->permit_error))
    permit (self, &self->permit_error);
}

gboolean
gp_spawn_await (GpSpawn    *self,
                GpSpawned  *spawned,
                GError    **error)
{
  g_autoptr (GError) local_error = NULL;

  *spawned = (GpSpawned) { .control_fd = -1 };

  if (finish (self, spawned, &local_error))
    return TRUE;

  if (launch_without_helper (self, &local_error))
    {
      gp_spawn_permit (self);
      if (finish (self, spawned, &local_error))
        return TRUE;
    }

  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}

void
gp_spawn_free (GpSpawn *self)
{
  if (self->process != NULL)
    dismiss (self);
  gp_descriptor_clear (&self->control_fd);
  g_clear_error (&self->permit_error);
  g_free (self);
}
