/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-helper.h"

#include "gopipe/gp-exec-private.h"
#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELPER     BENCH_BUILD "/gopipe/gopipe-exec"
#define CONTROL_FD 3
#define MAX_ARGS   8

extern char **environ;

static void
make_arguments (const char * const *argv,
                gboolean            supervised,
                const char         *arguments[1 + GP_EXEC_N_ARGUMENTS + MAX_ARGS + 1])
{
  const char *own[1 + GP_EXEC_N_ARGUMENTS] = {
    HELPER, G_STRINGIFY (GP_EXEC_PROTOCOL), G_STRINGIFY (CONTROL_FD), supervised ? "gs" : "g",
    "", "", "0", "5000", "",
  };
  guint n_args = g_strv_length ((char **) argv);

  bench_check (n_args <= MAX_ARGS, "arguments");
  memcpy (arguments, own, sizeof own);
  memcpy (arguments + G_N_ELEMENTS (own), argv, (n_args + 1) * sizeof *argv);
}

/* To the control descriptor of the child, and above all others of it */
static int
dup_for_gio (int fd)
{
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 10);

  bench_check (copy >= 0, "descriptor");

  return copy;
}

static void
launch_by_posix_spawn (HelperChild       *self,
                       const char * const arguments[],
                       int                input,
                       int                output,
                       int                control_fd)
{
  posix_spawn_file_actions_t actions;

  posix_spawn_file_actions_init (&actions);
  if (input >= 0)
    posix_spawn_file_actions_adddup2 (&actions, input, STDIN_FILENO);
  if (output >= 0)
    posix_spawn_file_actions_adddup2 (&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, control_fd, CONTROL_FD);
  if (posix_spawn (&self->pid, HELPER, &actions, NULL, (char **) arguments, environ) != 0)
    bench_fail ("posix_spawn");
  posix_spawn_file_actions_destroy (&actions);
}

static void
launch_by_gio (HelperChild       *self,
               const char * const arguments[],
               int                input,
               int                output,
               int                control_fd)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_INHERIT_FDS);
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_take_stdin_fd (launcher, dup_for_gio (input >= 0 ? input : STDIN_FILENO));
  g_subprocess_launcher_take_stdout_fd (launcher, dup_for_gio (output >= 0 ? output : STDOUT_FILENO));
  g_subprocess_launcher_take_fd (launcher, dup_for_gio (control_fd), CONTROL_FD);
  self->process = g_subprocess_launcher_spawnv (launcher, arguments, &error);
  bench_check_error (error);
}

/* As with bare_spawn (), the descriptors belong to the command, and -1 is inherited. */
HelperChild
helper_launch (const char * const *argv,
               int                 input,
               int                 output,
               HelperFlags         flags)
{
  const char *arguments[1 + GP_EXEC_N_ARGUMENTS + MAX_ARGS + 1];
  HelperChild self = { .supervised = (flags & HELPER_SUPERVISED) != 0 };
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    bench_fail ("socketpair");
  make_arguments (argv, self.supervised, arguments);

  if ((flags & HELPER_BY_GIO) != 0)
    launch_by_gio (&self, arguments, input, output, fds[1]);
  else
    launch_by_posix_spawn (&self, arguments, input, output, fds[1]);

  close (fds[1]);
  if (input >= 0)
    close (input);
  if (output >= 0)
    close (output);
  self.control_fd = fds[0];

  return self;
}

void
helper_permit (HelperChild *self)
{
  bench_check (send (self->control_fd, "", 1, MSG_NOSIGNAL) == 1, "permission");
}

/* Returns FALSE at the end. */
static gboolean
read_report (HelperChild  *self,
             GpExecReport *report)
{
  gssize size = recv (self->control_fd, report, sizeof *report, 0);

  bench_check (size == 0 || size == sizeof *report, "report");

  return size > 0;
}

/* Until the command is executed. Without a supervisor only the end tells that. */
void
helper_await (HelperChild *self)
{
  struct pollfd poll_fd = { .fd = self->control_fd };
  GpExecReport report;

  if (!self->supervised)
    bench_check (poll (&poll_fd, 1, -1) == 1, "end");
  bench_check (read_report (self, &report) && report.step == GP_EXEC_STEP_HELLO &&
               report.value == GP_EXEC_PROTOCOL, "greeting");
  if (self->supervised)
    bench_check (read_report (self, &report) && report.step == GP_EXEC_STEP_STARTED, "start");
  else
    bench_check (!read_report (self, &report), "end");
}

static void
wait_by_gio (HelperChild *self)
{
  guint n_pending = 0;

  gio_wait_async (self->process, &n_pending);
  while (n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  g_clear_object (&self->process);
}

void
helper_wait (HelperChild *self)
{
  GpExecReport report;
  gboolean has_ended = !self->supervised;

  while (self->supervised && read_report (self, &report))
    has_ended |= report.step == GP_EXEC_STEP_ENDED && report.value == 0;
  bench_check (has_ended, "a command has failed");
  if (self->process != NULL)
    wait_by_gio (self);
  else
    bare_wait (self->pid);
  close (self->control_fd);
}
