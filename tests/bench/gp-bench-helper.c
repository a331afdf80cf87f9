/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-helper.h"

#include "gopipe/gp-exec-private.h"
#include "gp-bench-bare.h"
#include "gp-bench.h"

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

/* As with bare_spawn (), the descriptors belong to the command, and -1 is inherited. */
HelperChild
helper_launch (const char * const *argv,
               int                 input,
               int                 output,
               gboolean            supervised)
{
  const char *arguments[1 + GP_EXEC_N_ARGUMENTS + MAX_ARGS + 1];
  HelperChild self = { .supervised = supervised };
  posix_spawn_file_actions_t actions;
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    bench_fail ("socketpair");
  make_arguments (argv, supervised, arguments);

  posix_spawn_file_actions_init (&actions);
  if (input >= 0)
    posix_spawn_file_actions_adddup2 (&actions, input, STDIN_FILENO);
  if (output >= 0)
    posix_spawn_file_actions_adddup2 (&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, fds[1], CONTROL_FD);
  if (posix_spawn (&self.pid, HELPER, &actions, NULL, (char **) arguments, environ) != 0)
    bench_fail ("posix_spawn");
  posix_spawn_file_actions_destroy (&actions);

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

void
helper_wait (HelperChild *self)
{
  GpExecReport report;
  gboolean has_ended = !self->supervised;

  while (self->supervised && read_report (self, &report))
    has_ended |= report.step == GP_EXEC_STEP_ENDED && report.value == 0;
  bench_check (has_ended, "a command has failed");
  bare_wait (self->pid);
  close (self->control_fd);
}
