/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-exec-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where there is no C library, clang does not know this by itself. Then what the child keeps on the
 * stack could lie where the parent has something of its own, for both have the same. */
extern __typeof__ (vfork) vfork __attribute__ ((returns_twice));

/* The helper as the parent of the command. It is the reaper of everything below it: whatever
 * loses its parent becomes its child, also what has left the group or the session. So to end all
 * it kills its children until there are none. Before it signals a number it asks the kernel whether
 * that is a child, which nobody but itself can reap: no signal goes astray, whatever /proc says.
 *
 * Like gp-exec.c this may run in a forked child of a program with other threads. */

/* What is still there this long after it was killed hangs in the kernel, or is not ours to kill */
#define MAX_KILLING_MSEC 5000

/* A child may arrive without a signal: its parent is reaped by another process below us. */
#define KILL_AGAIN_MSEC 20

/* The kernel's own limit for the numbers of processes */
#define MAX_PID (4 * 1024 * 1024)

/* Those that are asked to end are remembered. Of more some may be asked again. */
#define MAX_ASKED 64

/* States, each a step further:
 *
 *   running → ended (of the command) → gone (of its descendants)
 *
 * and apart from these: left alone → stopping (asked to end) → killing */
typedef struct
{
  const GpExecPlan *plan;
  int               control_fd; /* -1: there is nobody to talk to any more */
  int               parent_fd;  /* ready when the program has ended; -1: nobody asks, or can know */
  pid_t             command;
  pid_t             group;      /* what a signal for the command reaches; 0: itself alone */
  int               ended;
  int               released;   /* its descendants may stay */
  int               stopping;
  int               killing;
  int64_t           deadline;   /* of the present step, in milliseconds, while stopping */
  int               group_asked; /* to end; and so were these */
  pid_t             asked[MAX_ASKED];
  unsigned          n_asked;
} Supervisor;

static int64_t
now_msec (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
to_usec (struct timeval time)
{
  return (int64_t) time.tv_sec * 1000000 + time.tv_usec;
}

static void
add_usage (const Supervisor *self,
           GpExecReport     *report)
{
  struct rusage usage;

  if (getrusage (RUSAGE_CHILDREN, &usage) < 0)
    return;

  report->has_usage = 1;
  report->user_usec = to_usec (usage.ru_utime);
  report->system_usec = to_usec (usage.ru_stime);
  /* The kernel counts what the process was before it was executed, too. */
  report->peak_bytes = self->plan->is_fork ? -1 : (int64_t) usage.ru_maxrss * 1024;
}

/* Returns 0 if it could not be said; that nobody is there any more is no failure */
static int
tell (Supervisor *self,
      GpExecStep  step,
      int         value,
      unsigned    flags)
{
  GpExecReport report = { .step = step, .value = value, .flags = flags };

  if (self->control_fd < 0)
    return 1;

  if (step == GP_EXEC_STEP_ENDED || step == GP_EXEC_STEP_GONE)
    add_usage (self, &report);

  return gp_exec_send (self->control_fd, &report) || errno == EPIPE || errno == ECONNRESET;
}

/* --- The processes below ------------------------------------------------------------------ */

static int
has_children (void)
{
  siginfo_t info;

  return waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* A child that has ended is one until it is reaped, and until then its number is not given away. */
static int
is_our_child (pid_t pid)
{
  siginfo_t info;

  return waitid (P_PID, (id_t) pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* As long as a child of ours is in it, the group is the one that it was. */
static int
group_is_ours (const Supervisor *self)
{
  siginfo_t info;

  return self->group > 0 &&
         waitid (P_PGID, (id_t) self->group, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* What a signal sent by the program is for. The command may have moved to another group. */
static void
signal_command (const Supervisor *self,
                int               signum)
{
  if (self->ended)
    return;

  if (self->group > 0)
    kill (-self->group, signum);
  if (self->group == 0 || getpgid (self->command) != self->group)
    kill (self->command, signum);
}

/* Returns 0 if it was there already. Asked twice, some programs end without tidying up. */
static int
remember (Supervisor *self,
          pid_t       child)
{
  for (unsigned i = 0; i < self->n_asked; i++)
    {
      if (self->asked[i] == child)
        return 0;
    }

  if (self->n_asked < MAX_ASKED)
    self->asked[self->n_asked++] = child;

  return 1;
}

static void
forget (Supervisor *self,
        pid_t       child)
{
  for (unsigned i = 0; i < self->n_asked; i++)
    {
      if (self->asked[i] == child)
        {
          self->asked[i] = self->asked[--self->n_asked];
          return;
        }
    }
}

/* Who is stopped would not notice that it is asked. */
static void
ask (pid_t target)
{
  kill (target, SIGTERM);
  kill (target, SIGCONT);
}

/* Returns 0 if @pid is no child of ours */
static int
end_child (Supervisor *self,
           pid_t       pid)
{
  if (!is_our_child (pid))
    return 0;

  if (self->killing)
    kill (pid, SIGKILL);
  else if (!(self->group_asked && getpgid (pid) == self->group) && remember (self, pid))
    ask (pid);

  return 1;
}

/* Returns how many there were. None where /proc is not there, tells no children, or is that of
 * another PID namespace. */
static unsigned
end_listed_children (Supervisor *self)
{
  char text[1024];
  unsigned n_children = 0;
  pid_t pid = 0;
  ssize_t size;
  int fd = open ("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return 0;

  /* Numbers with a space after each */
  while ((size = read (fd, text, sizeof text)) > 0)
    {
      for (ssize_t at = 0; at < size; at++)
        {
          if (text[at] >= '0' && text[at] <= '9' && pid <= MAX_PID)
            {
              pid = pid * 10 + (text[at] - '0');
            }
          else if (pid > 0)
            {
              n_children += end_child (self, pid) ? 1 : 0;
              pid = 0;
            }
        }
    }
  close (fd);

  return n_children;
}

/* No function of the program runs in it: those of pthread_atfork () are made for a program whose
 * threads are all there. */
static pid_t
fork_quietly (void)
{
#if defined (__GLIBC__) && __GLIBC_PREREQ (2, 34)
  return _Fork ();
#else
  return fork ();
#endif
}

static pid_t
make_child (void)
{
  pid_t child = vfork ();

  if (child < 0)
    child = fork_quietly ();
  if (child == 0)
    _exit (0);

  return child;
}

/* Numbers are given in turn: all that is below us has one between ours and that of a new child. */
static void
end_numbered_children (Supervisor *self)
{
  pid_t newest = make_child ();
  pid_t pid = getpid ();

  if (newest > 0)
    (void) waitpid (newest, NULL, 0);
  else
    newest = pid;

  do
    {
      pid = pid < MAX_PID ? pid + 1 : 1;
      (void) end_child (self, pid);
    }
  while (pid != newest);
}

/* The command and all that is known to be below it: its group, and who is our own child. What has
 * another parent becomes our child when that one ends. */
static void
end_all (Supervisor *self)
{
  if (self->killing && group_is_ours (self))
    {
      kill (-self->group, SIGKILL);
    }
  else if (!self->group_asked && group_is_ours (self))
    {
      ask (-self->group);
      self->group_asked = 1;
    }

  if (!self->ended)
    (void) end_child (self, self->command);
  if (has_children () && end_listed_children (self) == 0)
    end_numbered_children (self);
}

/* --- Ending ------------------------------------------------------------------------------- */

static void
start_killing (Supervisor *self)
{
  if (self->killing)
    return;

  self->stopping = self->killing = 1;
  self->deadline = now_msec () + MAX_KILLING_MSEC;
  end_all (self);
}

static void
start_stopping (Supervisor *self)
{
  if (self->stopping)
    return;

  self->stopping = 1;
  self->deadline = now_msec () + self->plan->kill_delay;
  end_all (self);
}

static void
command_ended (Supervisor *self,
               int         status)
{
  unsigned flags = 0;

  if (has_children ())
    flags |= GP_EXEC_ENDED_DESCENDANTS;
  if (self->stopping)
    flags |= GP_EXEC_ENDED_WAS_STOPPED;
  (void) tell (self, GP_EXEC_STEP_ENDED, status, flags);

  if ((self->plan->flags & GP_EXEC_KILL_DESCENDANTS) != 0)
    start_stopping (self);
}

/* Reaps what has ended. Returns 0 when there are no children left */
static int
reap (Supervisor *self)
{
  int had_ended = self->ended;
  int command_status = 0;
  int something_ended = 0;
  int status;
  pid_t pid;

  while ((pid = waitpid (-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
    {
      int is_command = pid == self->command && !self->ended;

      if (WIFSTOPPED (status))
        {
          if (is_command)
            (void) tell (self, GP_EXEC_STEP_STOPPED, WSTOPSIG (status), 0);
        }
      else if (WIFCONTINUED (status))
        {
          if (is_command)
            (void) tell (self, GP_EXEC_STEP_CONTINUED, 0, 0);
        }
      else
        {
          something_ended = 1;
          forget (self, pid);
          if (is_command)
            {
              self->ended = 1;
              command_status = status;
            }
        }
    }

  /* Who has ended as well is no descendant that is left, and what it used is known. */
  if (self->ended && !had_ended)
    command_ended (self, command_status);

  /* Those who were below what has ended are our children now. */
  if (something_ended && self->stopping)
    end_all (self);

  return has_children ();
}

/* --- The program -------------------------------------------------------------------------- */

/* It has ended, or has closed its end: nobody listens any more */
static void
lose_parent (Supervisor *self)
{
  close (self->control_fd);
  self->control_fd = -1;
  if (self->parent_fd >= 0)
    close (self->parent_fd);
  self->parent_fd = -1;

  if ((self->plan->flags & GP_EXEC_DIE_WITH_PARENT) != 0)
    start_stopping (self);
  else
    self->released = 1;
}

static void
serve (Supervisor *self)
{
  GpExecRequest request;
  ssize_t size;

  do
    size = recv (self->control_fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
  /* A reset means that it has left some of ours unread. What it said before comes after that. */
  while (size < 0 && (errno == EINTR || errno == ECONNRESET));

  if (size < 0 && errno == EAGAIN)
    return;

  if (size != sizeof request)
    {
      lose_parent (self);
      return;
    }

  switch (request.kind)
    {
    case GP_EXEC_REQUEST_SIGNAL:
      signal_command (self, request.value);
      break;

    case GP_EXEC_REQUEST_STOP:
      start_stopping (self);
      break;

    case GP_EXEC_REQUEST_KILL:
      start_killing (self);
      break;

    case GP_EXEC_REQUEST_RELEASE:
      self->released = 1;
      break;

    default:
      break;
    }
}

/* --- Starting ----------------------------------------------------------------------------- */

static void
ignore_cb (int signum)
{
  (void) signum;
}

/* All signals are blocked but SIGCHLD, which only comes while we poll: it ends that, and has no
 * other effect. What the terminal or somebody else sends is meant for the command. */
static int
set_up_signals (sigset_t *while_polling)
{
  struct sigaction action = { .sa_handler = ignore_cb };

  sigfillset (while_polling);
  if (sigprocmask (SIG_SETMASK, while_polling, NULL) < 0 ||
      sigaction (SIGCHLD, &action, NULL) < 0)
    return 0;

  sigdelset (while_polling, SIGCHLD);

  return 1;
}

/* In the child: becomes the command, or tells why not */
__attribute__ ((noreturn))
static void
run_child (const GpExecPlan *plan,
           pid_t             supervisor,
           pid_t             caller_group,
           int               failure_fd)
{
  GpExecFailure failure;
  sigset_t none;

  sigemptyset (&none);
  (void) sigprocmask (SIG_SETMASK, &none, NULL);

  /* Whoever kills the supervisor does not set the command free. */
  if (prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
    failure = (GpExecFailure) { GP_EXEC_STEP_PROCESS, errno };
  else if (getppid () != supervisor)
    _exit (127);
  else
    failure = gp_exec_become (plan, caller_group);

  (void) !write (failure_fd, &failure, sizeof failure);
  _exit (127);
}

/* A child that shares our memory until it is executed costs least; some sandboxes forbid it. */
static pid_t
start_child (const GpExecPlan *plan,
             pid_t             caller_group,
             int               failure_fd)
{
  pid_t supervisor = getpid ();
  pid_t child = vfork ();

  if (child < 0)
    child = fork_quietly ();
  if (child == 0)
    run_child (plan, supervisor, caller_group, failure_fd);

  return child;
}

/* Starts the command, or reports why not and exits */
static void
start_command (Supervisor *self,
               pid_t       caller_group)
{
  int control_fd = self->control_fd;
  GpExecFailure failure;
  int fds[2];
  ssize_t size;

  if (pipe2 (fds, O_CLOEXEC) < 0)
    gp_exec_fail (control_fd, (GpExecFailure) { GP_EXEC_STEP_DESCRIPTORS, errno });

  self->command = start_child (self->plan, caller_group, fds[1]);
  if (self->command < 0)
    gp_exec_fail (control_fd, (GpExecFailure) { GP_EXEC_STEP_PROCESS, errno });

  /* It is closed when the program is executed. */
  close (fds[1]);
  do
    size = read (fds[0], &failure, sizeof failure);
  while (size < 0 && errno == EINTR);
  if (size == sizeof failure)
    {
      while (waitpid (self->command, NULL, 0) < 0 && errno == EINTR)
        ;
      gp_exec_fail (control_fd, failure);
    }

  if ((self->plan->flags & (GP_EXEC_OWN_GROUP | GP_EXEC_TERMINAL)) != 0)
    self->group = self->command;

  /* The ends of its streams are the command's alone, and no directory is kept busy. */
  gp_exec_close_all (0, &control_fd, 1);
  (void) !chdir ("/");
}

/* The end of file does not come as long as a process that the program has forked holds the other
 * end, too. So the program itself is watched, where the kernel can. */
static void
watch_parent (Supervisor *self)
{
  struct ucred program;
  socklen_t size = sizeof program;
  pid_t parent = getppid ();

#ifdef SYS_pidfd_open
  self->parent_fd = (int) syscall (SYS_pidfd_open, parent, 0);
#endif

  /* It may have ended before we asked who it is, but it has made the control descriptor. */
  if (getppid () != parent ||
      (getsockopt (self->control_fd, SOL_SOCKET, SO_PEERCRED, &program, &size) == 0 &&
       program.pid != parent))
    lose_parent (self);
}

/* How long to poll, in milliseconds; -1: without end */
static int
get_patience (const Supervisor *self)
{
  int64_t left;

  if (!self->stopping)
    return -1;

  left = self->deadline - now_msec ();
  if (self->killing && left > KILL_AGAIN_MSEC)
    return KILL_AGAIN_MSEC;
  if (left > INT_MAX)
    return INT_MAX;

  return left > 0 ? (int) left : 0;
}

static void
wait_for_something (Supervisor     *self,
                    const sigset_t *while_polling)
{
  struct pollfd fds[2] = {
    { .fd = self->control_fd, .events = POLLIN },
    { .fd = self->parent_fd, .events = POLLIN },
  };
  int msec = get_patience (self);
  struct timespec timeout = { msec / 1000, (msec % 1000) * 1000000L };
  int n_ready = ppoll (fds, 2, msec >= 0 ? &timeout : NULL, while_polling);

  if (n_ready > 0 && fds[0].revents != 0)
    serve (self);
  else if (n_ready > 0)
    lose_parent (self);
  else if (n_ready == 0 && self->killing)
    end_all (self);

  if (!self->stopping || now_msec () < self->deadline)
    return;

  if (self->killing)
    gp_exec_leave (self->control_fd, 1);
  start_killing (self);
}

/* That there are no children is an answer, too. */
static int
is_forbidden (int result)
{
  return result < 0 && errno != ECHILD && errno != EINTR;
}

/* A sandbox may forbid what this cannot do without. Returns 0 or an errno */
static int
check_kernel (void)
{
  const struct timespec no_time = { 0, 0 };
  siginfo_t info;

  if (is_forbidden (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) ||
      is_forbidden (ppoll (NULL, 0, &no_time, NULL)) ||
      is_forbidden (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT)) ||
      is_forbidden (waitpid (-1, NULL, WNOHANG)))
    return errno;

  return 0;
}

void
gp_supervise_run (const GpExecPlan *plan)
{
  Supervisor self = { .plan = plan, .control_fd = plan->control_fd, .parent_fd = -1 };
  pid_t caller_group = getpgrp ();
  int errsv = check_kernel ();
  sigset_t while_polling;

  if (errsv != 0)
    gp_exec_fail (self.control_fd, (GpExecFailure) { GP_EXEC_STEP_PROCESS, errsv });

  /* Apart from the command's group and from the caller's, whose signals are not for us. Before the
   * command is there: as long as its parent is in its group, the kernel may take that for orphaned,
   * and then nothing can stop it. From a group of another PID namespace there is no way back. */
  if (caller_group != 0 && setpgid (0, 0) < 0)
    gp_exec_fail (self.control_fd, (GpExecFailure) { GP_EXEC_STEP_GROUP, errno });
  if (!set_up_signals (&while_polling))
    gp_exec_fail (self.control_fd, (GpExecFailure) { GP_EXEC_STEP_SIGNALS, errno });

  start_command (&self, caller_group);
  /* Without that the program would wait for as long as the command runs. */
  if (!tell (&self, GP_EXEC_STEP_STARTED, self.command, 0))
    start_killing (&self);
  if ((plan->flags & GP_EXEC_DIE_WITH_PARENT) != 0)
    watch_parent (&self);

  while (reap (&self) && !(self.ended && self.released && !self.stopping))
    wait_for_something (&self, &while_polling);

  (void) tell (&self, GP_EXEC_STEP_GONE, 0, 0);
  gp_exec_leave (self.control_fd, 0);
}
