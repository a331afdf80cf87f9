/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-exec-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h> /* that of clang says nothing of paths where there is no C library */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of this may run in a forked child of a program with other threads, whose locks are held
 * by threads that do not exist here. So: system calls, and our own memory on the stack. */

#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"
#define FIRST_STRAY  (STDERR_FILENO + 1)
#define NO_FD        UINT_MAX

/* Without /proc every number must be tried, and limits can be absurdly high */
#define MAX_TRIED_FD (1 << 20)

/* Which descriptors are closed: from @first on all but those of @keep */
typedef struct
{
  unsigned   first;
  const int *keep;
  unsigned   n_keep;
} Closing;

/* What SYS_getdents64 writes */
typedef struct
{
  uint64_t       inode;
  int64_t        offset;
  unsigned short size;
  unsigned char  type;
  char           name[];
} DirectoryEntry;

int
gp_exec_send (int                 control_fd,
              const GpExecReport *report)
{
  ssize_t written;

  do
    written = send (control_fd, report, sizeof *report, MSG_NOSIGNAL);
  while (written < 0 && errno == EINTR);

  return written == sizeof *report;
}

static int
report (int        control_fd,
        GpExecStep step,
        int        value)
{
  GpExecReport record = { .step = step, .value = value };

  return gp_exec_send (control_fd, &record);
}

/* If something that was sent to us were left unread, the other side would find an error before it
 * finds what we have told it. */
void
gp_exec_leave (int control_fd,
               int status)
{
  char byte;

  if (control_fd >= 0 && shutdown (control_fd, SHUT_RD) == 0)
    {
      while (recv (control_fd, &byte, sizeof byte, MSG_DONTWAIT) > 0)
        ;
    }

  _exit (status);
}

void
gp_exec_fail (int           control_fd,
              GpExecFailure failure)
{
  (void) report (control_fd, failure.step, failure.errsv);
  gp_exec_leave (control_fd, 127);
}

/* The lowest descriptor at or above @from that is not to be closed, or NO_FD */
static unsigned
next_kept (const Closing *closing,
           unsigned       from)
{
  unsigned next = NO_FD;

  for (unsigned i = 0; i < closing->n_keep; i++)
    {
      unsigned fd = (unsigned) closing->keep[i];

      if (fd >= from && fd < next)
        next = fd;
    }

  return next;
}

static void
close_if_stray (const Closing *closing,
                unsigned       fd)
{
  if (fd >= closing->first && next_kept (closing, fd) != fd)
    close ((int) fd);
}

/* Returns 0 where the kernel is too old or a sandbox forbids it */
static int
close_ranges (const Closing *closing)
{
#ifdef SYS_close_range
  unsigned first = closing->first;

  for (;;)
    {
      unsigned kept = next_kept (closing, first);

      if (kept > first && syscall (SYS_close_range, first, kept - 1, 0) < 0)
        return 0;

      if (kept == NO_FD)
        return 1;

      first = kept + 1;
    }
#else
  (void) closing;
  return 0;
#endif
}

/* Returns NO_FD for "." and ".." */
static unsigned
parse_fd (const char *name)
{
  unsigned fd = 0;

  for (; *name != '\0'; name++)
    {
      if (*name < '0' || *name > '9')
        return NO_FD;
      fd = fd * 10 + (unsigned) (*name - '0');
    }

  return fd;
}

/* Returns 0 if /proc is not there, not readable, or not the true one: then it does not list the
 * descriptor that it is read by */
static int
close_listed (const Closing *closing)
{
#ifdef SYS_getdents64
  char buffer[2048] __attribute__ ((aligned (__alignof__ (DirectoryEntry))));
  long size;
  int is_complete = 0;
  int directory = open ("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (directory < 0)
    return 0;

  while ((size = syscall (SYS_getdents64, directory, buffer, sizeof buffer)) > 0)
    {
      const DirectoryEntry *entry;

      for (long at = 0; at < size; at += entry->size)
        {
          unsigned fd;

          entry = (const void *) (buffer + at);
          fd = parse_fd (entry->name);

          if (fd == (unsigned) directory)
            is_complete = 1;
          else if (fd != NO_FD)
            close_if_stray (closing, fd);
        }
    }

  /* It may have been opened on a number that is to be kept, if nothing was open there */
  close (directory);

  return size == 0 && is_complete;
#else
  (void) closing;
  return 0;
#endif
}

static void
close_all_numbers (const Closing *closing)
{
  struct rlimit limit;
  unsigned end = MAX_TRIED_FD;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < end)
    end = (unsigned) limit.rlim_max;

  for (unsigned fd = closing->first; fd < end; fd++)
    close_if_stray (closing, fd);
}

void
gp_exec_close_all (int        first,
                   const int *keep,
                   unsigned   n_keep)
{
  const Closing closing = { (unsigned) first, keep, n_keep };

  if (!close_ranges (&closing) && !close_listed (&closing))
    close_all_numbers (&closing);
}

/* In a forked child this also closes the pipe on which GLib waits for the exec, so that its
 * waiting ends here, and ours on the control descriptor begins. */
static void
set_up_descriptors (const GpExecPlan *plan)
{
  int keep[GP_EXEC_MAX_KEEP + 1];
  unsigned n_keep = 0;

  keep[n_keep++] = plan->control_fd;
  for (unsigned i = 0; i < plan->n_keep_fds; i++)
    keep[n_keep++] = plan->keep_fds[i];
  gp_exec_close_all (FIRST_STRAY, keep, n_keep);

  if (fcntl (plan->control_fd, F_SETFD, FD_CLOEXEC) < 0)
    gp_exec_fail (plan->control_fd, (GpExecFailure) { GP_EXEC_STEP_DESCRIPTORS, errno });

  /* In a program that was started without some of these, GLib's own pipe can have had such a
   * number before, and GLib then marks what is the command's stream now. */
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    {
      if (fcntl (fd, F_SETFD, 0) < 0)
        gp_exec_fail (plan->control_fd, (GpExecFailure) { GP_EXEC_STEP_DESCRIPTORS, errno });
    }
}

/* What was in the way of the parent's own waiting is closed by now */
static void
await_permission (int control_fd)
{
  char byte;
  ssize_t size;

  do
    size = read (control_fd, &byte, sizeof byte);
  while (size < 0 && errno == EINTR);

  if (size < 0)
    gp_exec_fail (control_fd, (GpExecFailure) { GP_EXEC_STEP_DESCRIPTORS, errno });

  /* Nobody is there any more: the start was given up */
  if (size == 0)
    _exit (127);
}

/* A fresh program expects the defaults, whatever this one ignores or blocks for its own sake:
 * without SIGPIPE "yes | head" would not end, and with SIGINT or SIGHUP ignored a command could
 * not be stopped from the keyboard. So all are reset, with no exception. Not by sigaction (),
 * which refuses the two that libc keeps for its threads: posix_spawn () leaves these ignored. */
static void
reset_signals (int control_fd)
{
  /* What the kernel takes for a handler; nothing but zeros means SIG_DFL */
  const unsigned long action[16] = { 0 };
  sigset_t none;

  /* Refused for SIGKILL and SIGSTOP */
  for (int number = 1; number < NSIG; number++)
    (void) syscall (SYS_rt_sigaction, number, action, NULL, NSIG / 8);

  sigemptyset (&none);
  if (sigprocmask (SIG_SETMASK, &none, NULL) < 0)
    gp_exec_fail (control_fd, (GpExecFailure) { GP_EXEC_STEP_SIGNALS, errno });
}

static const char *
get_path (char **environment)
{
  for (; *environment != NULL; environment++)
    {
      const char *name = "PATH=";
      const char *text = *environment;

      while (*name != '\0' && *name == *text)
        name++, text++;

      if (*name == '\0')
        return text;
    }

  return DEFAULT_PATH;
}

static int
has_slash (const char *name)
{
  while (*name != '\0' && *name != '/')
    name++;

  return *name == '/';
}

/* Returns 0 if @path is too small for it */
static int
build_path (char        path[PATH_MAX],
            const char *directory,
            const char *directory_end,
            const char *name)
{
  unsigned size = 0;

  if (directory == directory_end)
    path[size++] = '.';

  for (; directory < directory_end && size < PATH_MAX - 1; directory++)
    path[size++] = *directory;

  if (size == PATH_MAX - 1)
    return 0;
  path[size++] = '/';

  for (; *name != '\0' && size < PATH_MAX - 1; name++)
    path[size++] = *name;

  path[size] = '\0';

  return *name == '\0';
}

static GpExecFailure
execute (const GpExecPlan *plan,
         const char       *path)
{
  GpExecFailure failure = { GP_EXEC_STEP_EXEC, 0 };

  execve (path, plan->argv, plan->environ);
  failure.errsv = errno;

  if (failure.errsv == ENOENT && access (path, F_OK) == 0)
    failure.step = GP_EXEC_STEP_INTERPRETER;

  return failure;
}

/* Whether a program that could not be executed in one place is looked for in the next one */
static int
may_be_elsewhere (int errsv)
{
  switch (errsv)
    {
    case EACCES:
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ENODEV:
    case ESTALE:
    case ETIMEDOUT:
      return 1;

    default:
      return 0;
    }
}

/* Searches like a shell, but a file that is no program is never handed to one. What is reported if
 * there is none that works: the first that must not be executed, else the last that lacks its
 * interpreter, else that there is none. */
static GpExecFailure
execute_from_path (const GpExecPlan *plan)
{
  GpExecFailure worst = { GP_EXEC_STEP_EXEC, ENOENT };
  const char *place = get_path (plan->environ);

  for (;;)
    {
      char path[PATH_MAX];
      const char *end = place;

      while (*end != '\0' && *end != ':')
        end++;

      if (build_path (path, place, end, plan->argv[0]))
        {
          GpExecFailure failure = execute (plan, path);

          if (!may_be_elsewhere (failure.errsv))
            return failure;

          if (worst.errsv != EACCES &&
              (failure.errsv == EACCES || failure.step == GP_EXEC_STEP_INTERPRETER))
            worst = failure;
        }

      if (*end == '\0')
        return worst;

      place = end + 1;
    }
}

/* A session of its own has the terminal that is its standard output; else 0 or an errno */
static int
take_terminal (void)
{
  if (ioctl (STDOUT_FILENO, TIOCSCTTY, 0) < 0)
    return errno;

  return 0;
}

static GpExecFailure
set_limits (const GpExecPlan *plan)
{
  for (unsigned i = 0; i < plan->n_limits; i++)
    {
      const GpExecLimit *wanted = &plan->limits[i];
      struct rlimit limit;

      if (getrlimit (wanted->resource, &limit) < 0)
        return (GpExecFailure) { GP_EXEC_STEP_LIMIT, errno };

      if (wanted->hard < limit.rlim_max)
        limit.rlim_max = wanted->hard;
      limit.rlim_cur = wanted->soft < limit.rlim_max ? wanted->soft : limit.rlim_max;

      if (setrlimit (wanted->resource, &limit) < 0)
        return (GpExecFailure) { GP_EXEC_STEP_LIMIT, errno };
    }

  return (GpExecFailure) { GP_EXEC_STEP_HELLO, 0 };
}

/* Not nice (), which has no result of its own for a failure */
static int
add_niceness (int increment)
{
  int before;

  errno = 0;
  before = getpriority (PRIO_PROCESS, 0);
  if (before == -1 && errno != 0)
    return errno;

  return setpriority (PRIO_PROCESS, 0, before + increment) < 0 ? errno : 0;
}

/* Its group or session, and its terminal */
static GpExecFailure
find_its_place (const GpExecPlan *plan,
                pid_t             caller_group)
{
  int errsv;

  if ((plan->flags & GP_EXEC_TERMINAL) != 0)
    {
      if (setsid () < 0)
        return (GpExecFailure) { GP_EXEC_STEP_GROUP, errno };

      errsv = take_terminal ();
      return (GpExecFailure) { GP_EXEC_STEP_TERMINAL, errsv };
    }

  if ((plan->flags & GP_EXEC_OWN_GROUP) != 0)
    errsv = setpgid (0, 0) < 0 ? errno : 0;
  else
    errsv = getpgrp () != caller_group && setpgid (0, caller_group) < 0 ? errno : 0;

  return (GpExecFailure) { GP_EXEC_STEP_GROUP, errsv };
}

GpExecFailure
gp_exec_become (const GpExecPlan *plan,
                pid_t             caller_group)
{
  GpExecFailure failure = find_its_place (plan, caller_group);

  if (failure.errsv != 0)
    return failure;

  if (plan->directory != NULL && chdir (plan->directory) < 0)
    return (GpExecFailure) { GP_EXEC_STEP_DIRECTORY, errno };

  if (plan->nice_increment != 0)
    {
      failure = (GpExecFailure) { GP_EXEC_STEP_NICE, add_niceness (plan->nice_increment) };
      if (failure.errsv != 0)
        return failure;
    }

  failure = set_limits (plan);
  if (failure.errsv != 0)
    return failure;

  if (has_slash (plan->argv[0]))
    return execute (plan, plan->argv[0]);

  return execute_from_path (plan);
}

void
gp_exec_run (const GpExecPlan *plan)
{
  if (!report (plan->control_fd, GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL))
    _exit (127);

  set_up_descriptors (plan);
  await_permission (plan->control_fd);
  reset_signals (plan->control_fd);

  if ((plan->flags & GP_EXEC_SUPERVISE) != 0)
    gp_supervise_run (plan);

  gp_exec_fail (plan->control_fd, gp_exec_become (plan, getpgrp ()));
}
