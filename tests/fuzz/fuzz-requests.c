/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gp-fuzz-world.h"

/* The supervisor at work, with any requests, any text in its list of children, and any turn that its
 * processes take. It signals nobody whom it may not, says things once and in their order, ends in
 * bounded time when it was told to, and has then left nobody.
 *
 * No process is real: the world is in gp-fuzz-world.h, with a clock of its own. */

/* After the input: to be killed again and again for as long as that is tried */
#define MAX_STEPS 1000

static jmp_buf left;
static gboolean has_left;
static gboolean has_given_up;
static gsize input_size;

#define kill(pid, signum)               world_kill (pid, signum)
#define getpgid(pid)                    world_getpgid (pid)
#define getpgrp()                       world.helper_group
#define getpid()                        HELPER
#define getppid()                       world.parent
#define setpgid(pid, group)             world_setpgid ()
#define waitid(type, id, info, options) world_waitid (type, id, info)
#define waitpid(pid, status, options)   world_waitpid (pid, status)
#define vfork()                         world_fork ()
#define _Fork()                         world_fork ()
#define fork()                          world_fork ()
#define pipe2(fds, flags)               world_pipe (fds)
#define open(path, flags)               world_open ()
#define read(fd, buffer, size)          world_read (fd, buffer, size)
#define write(fd, buffer, size)         ((ssize_t) (size))
#define close(fd)                       ((void) (fd))
#define chdir(path)                     0
#define prctl(...)                      world_prctl ()
#define sigprocmask(how, set, old)      0
#define sigaction(signum, action, old)  world_sigaction (action)
#define getrusage(who, usage)           world_getrusage (usage)
#define clock_gettime(clock, now)       world_gettime (now)
#define getsockopt(fd, l, name, to, n)  world_getsockopt (n)
#define syscall(number, ...)            PARENT_FD
#define recv(fd, buffer, size, flags)   world_recv (buffer, size, flags)
#define ppoll(fds, n, timeout, mask)    ppoll_cb (fds, n, timeout)
#define _exit(status)                   leave_cb ()

static int  ppoll_cb (struct pollfd         *fds,
                      nfds_t                 n_fds,
                      const struct timespec *timeout);
static void leave_cb (void) __attribute__ ((noreturn));

#include "gp-supervise.c"

/* --- What it says ------------------------------------------------------------------------- */

static GpExecStep last_step;

int
gp_exec_send (int                 control_fd,
              const GpExecReport *report)
{
  g_assert_cmpint (control_fd, ==, CONTROL_FD);

  switch (report->step)
    {
    case GP_EXEC_STEP_STARTED:
      g_assert_cmpint (last_step, ==, GP_EXEC_STEP_HELLO);
      g_assert_cmpint (report->value, ==, world.command);
      break;
    case GP_EXEC_STEP_STOPPED:
    case GP_EXEC_STEP_CONTINUED:
      g_assert_true (last_step >= GP_EXEC_STEP_STARTED && last_step < GP_EXEC_STEP_ENDED);
      break;
    case GP_EXEC_STEP_ENDED:
      g_assert_true (last_step >= GP_EXEC_STEP_STARTED && last_step < GP_EXEC_STEP_ENDED);
      g_assert_null (world_find (world.command));
      g_assert_cmpint (report->value, ==, world.command_status);
      g_assert_true ((report->flags & GP_EXEC_ENDED_DESCENDANTS) == 0 || world_has_children ());
      g_assert_true (((report->flags & GP_EXEC_ENDED_WAS_STOPPED) != 0) == world.command_was_stopped);
      break;
    case GP_EXEC_STEP_GONE:
      g_assert_cmpint (last_step, ==, GP_EXEC_STEP_ENDED);
      g_assert_true (!world_has_children () || (world.was_released && !world.was_told_to_stop));
      break;
    default:
      g_assert_not_reached ();
    }
  last_step = report->step;

  return 1;
}

void
gp_exec_leave (int control_fd,
               int status)
{
  /* Given up: somebody does not end, and the time for that is over */
  if (status != 0)
    g_assert_true (world.was_told_to_stop && world_has_children ());
  has_given_up = status != 0;
  leave_cb ();
}

void
gp_exec_fail (int           control_fd,
              GpExecFailure failure)
{
  g_assert_cmpint (last_step, ==, GP_EXEC_STEP_HELLO);
  g_assert_true (failure.step < GP_EXEC_STEP_STARTED && failure.step > GP_EXEC_STEP_HELLO);
  leave_cb ();
}

GpExecFailure
gp_exec_become (const GpExecPlan *plan,
                pid_t             caller_group)
{
  g_assert_not_reached ();
}

void
gp_exec_close_all (int        first,
                   const int *keep,
                   unsigned   n_keep)
{
  g_assert_cmpint (n_keep, ==, 1);
  g_assert_cmpint (keep[0], ==, CONTROL_FD);
}

/* --- Its life ----------------------------------------------------------------------------- */

static void
leave_cb (void)
{
  has_left = TRUE;
  longjmp (left, 1);
}

/* When the input is at its end, the program dies as well, and so do those who do as they like. */
static int
ppoll_cb (struct pollfd         *fds,
          nfds_t                 n_fds,
          const struct timespec *timeout)
{
  if (n_fds == 0)
    return world_flip_failure () ? -1 : 0;

  g_assert_cmpuint (++world.n_steps, <, input_size + MAX_STEPS);
  fds[0].revents = fds[1].revents = 0;
  world_check_told ();

  if (world.input.size == 0 && !world.is_over)
    world_end_all ();
  else if (!world.is_over)
    world_step (fds[0].fd >= 0);

  if (world.has_news)
    {
      world.has_news = FALSE;
      errno = EINTR;
      return -1;
    }

  fds[0].revents = fds[0].fd >= 0 && (world.n_requests > 0 || world.parent_closed) ? POLLIN : 0;
  fds[1].revents = fds[1].fd >= 0 && world.parent_died ? POLLIN : 0;
  if (fds[0].revents == 0 && fds[1].revents != 0)
    world_lose_program ();
  if (fds[0].revents != 0 || fds[1].revents != 0)
    return (fds[0].revents != 0) + (fds[1].revents != 0);

  if (timeout == NULL)
    {
      g_assert_false (world.is_over);
      errno = EINTR;
      return -1;
    }
  world.now_msec += timeout->tv_sec * 1000 + timeout->tv_nsec / 1000000;

  return 0;
}

static void
check_end (const GpExecPlan *plan)
{
  g_assert_true (has_left);
  if (world.stop_msec >= 0)
    g_assert_cmpint (world.now_msec - world.stop_msec, <=,
                     plan->kill_delay + MAX_KILLING_MSEC + 2 * KILL_AGAIN_MSEC);

  /* All that can be killed was, unless it went on making processes until the time was over. */
  if (last_step >= GP_EXEC_STEP_STARTED && world.was_told_to_stop && !has_given_up)
    g_assert_false (world_has_any ());
  if (has_given_up && world.is_over && world.now_msec - world.over_msec > MAX_KILLING_MSEC / 2)
    g_assert_true (world.has_immortal &&
                   ((world.failures & WORLD_BAD_LIST) != 0 || !world_has_mortal_children ()));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  GpExecPlan plan = { .control_fd = CONTROL_FD, .flags = GP_EXEC_SUPERVISE };

  world_init ((FuzzInput) { data, size });
  last_step = GP_EXEC_STEP_HELLO;
  has_left = has_given_up = FALSE;
  input_size = size;

  plan.flags |= fuzz_choose (&world.input, 1 << 5);
  plan.kill_delay = 10 * fuzz_take_byte (&world.input);
  world.dies_with_parent = (plan.flags & GP_EXEC_DIE_WITH_PARENT) != 0;
  world.kills_descendants = (plan.flags & GP_EXEC_KILL_DESCENDANTS) != 0;
  world.command_leads = (plan.flags & (GP_EXEC_OWN_GROUP | GP_EXEC_TERMINAL)) != 0;

  if (setjmp (left) == 0)
    gp_supervise_run (&plan);
  check_end (&plan);

  return 0;
}
