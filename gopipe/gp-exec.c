/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-exec-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of this may run in a forked child of a program with other threads, whose locks are held
 * by threads that do not exist here. So: system calls, and our own memory on the stack. */

#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"
#define FIRST_STRAY  (STDERR_FILENO + 1)
#define NO_FD        UINT_MAX

/* Without /proc every number must be tried, and limits can be absurdly high */
#define MAX_TRIED_FD (1 << 20)

typedef struct
{
  GpExecStep step;
  int        errsv;
} Failure;

/* What SYS_getdents64 writes */
typedef struct
{
  uint64_t       inode;
  int64_t        offset;
  unsigned short size;
  unsigned char  type;
  char           name[];
} DirectoryEntry;

static int
report (GpExecStep step,
        int        value)
{
  GpExecReport record = { step, value };
  ssize_t written;

  do
    written = write (GP_EXEC_CONTROL_FD, &record, sizeof record);
  while (written < 0 && errno == EINTR);

  return written == sizeof record;
}

void
gp_exec_fail (GpExecStep step,
              int        errsv)
{
  (void) report (step, errsv);
  _exit (127);
}

/* The lowest descriptor at or above @from that is not to be closed, or NO_FD */
static unsigned
next_kept (const GpExecPlan *plan,
           unsigned          from)
{
  unsigned next = from <= GP_EXEC_CONTROL_FD ? GP_EXEC_CONTROL_FD : NO_FD;

  for (unsigned i = 0; i < plan->n_keep_fds; i++)
    {
      unsigned fd = plan->keep_fds[i];

      if (fd >= from && fd < next)
        next = fd;
    }

  return next;
}

static void
close_if_stray (const GpExecPlan *plan,
                unsigned          fd)
{
  if (fd >= FIRST_STRAY && next_kept (plan, fd) != fd)
    close (fd);
}

/* Returns 0 where the kernel is too old or a sandbox forbids it */
static int
close_ranges (const GpExecPlan *plan)
{
#ifdef SYS_close_range
  unsigned first = FIRST_STRAY;

  for (;;)
    {
      unsigned kept = next_kept (plan, first);

      if (kept > first && syscall (SYS_close_range, first, kept - 1, 0) < 0)
        return 0;

      if (kept == NO_FD)
        return 1;

      first = kept + 1;
    }
#else
  (void) plan;
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

/* Returns 0 if /proc is not there or not readable */
static int
close_listed (const GpExecPlan *plan)
{
#ifdef SYS_getdents64
  char buffer[2048] __attribute__ ((aligned (__alignof__ (DirectoryEntry))));
  long size;
  int directory = open ("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (directory < 0)
    return 0;

  while ((size = syscall (SYS_getdents64, directory, buffer, sizeof buffer)) > 0)
    {
      for (long at = 0; at < size; at += ((DirectoryEntry *) (buffer + at))->size)
        {
          unsigned fd = parse_fd (((DirectoryEntry *) (buffer + at))->name);

          if (fd != NO_FD && fd != (unsigned) directory)
            close_if_stray (plan, fd);
        }
    }

  /* It may have been opened on a number that is to be kept, if nothing was open there */
  close (directory);

  return size == 0;
#else
  (void) plan;
  return 0;
#endif
}

static void
close_all_numbers (const GpExecPlan *plan)
{
  struct rlimit limit;
  unsigned end = MAX_TRIED_FD;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < end)
    end = (unsigned) limit.rlim_max;

  for (unsigned fd = FIRST_STRAY; fd < end; fd++)
    close_if_stray (plan, fd);
}

/* In a forked child this also closes the pipe on which GLib waits for the exec, so that its
 * waiting ends here, and ours on the control descriptor begins. */
static void
set_up_descriptors (const GpExecPlan *plan)
{
  if (!close_ranges (plan) && !close_listed (plan))
    close_all_numbers (plan);

  if (fcntl (GP_EXEC_CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0)
    gp_exec_fail (GP_EXEC_STEP_DESCRIPTORS, errno);

  /* In a program that was started without some of these, GLib's own pipe can have had such a
   * number before, and GLib then marks what is the command's stream now. */
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    {
      if (fcntl (fd, F_SETFD, 0) < 0)
        gp_exec_fail (GP_EXEC_STEP_DESCRIPTORS, errno);
    }
}

/* What was in the way of the parent's own waiting is closed by now */
static void
await_permission (void)
{
  char byte;
  ssize_t size;

  do
    size = read (GP_EXEC_CONTROL_FD, &byte, sizeof byte);
  while (size < 0 && errno == EINTR);

  /* Nobody is there any more: the start was given up */
  if (size <= 0)
    _exit (127);
}

/* A fresh program expects the defaults, whatever this one ignores or blocks for its own sake:
 * without SIGPIPE "yes | head" would not end, and with SIGINT or SIGHUP ignored a command could
 * not be stopped from the keyboard. So all are reset, with no exception. Not by sigaction (),
 * which refuses the two that libc keeps for its threads: posix_spawn () leaves these ignored. */
static void
reset_signals (void)
{
  /* What the kernel takes for a handler; nothing but zeros means SIG_DFL */
  const unsigned long action[16] = { 0 };
  sigset_t none;

  /* Refused for SIGKILL and SIGSTOP */
  for (int number = 1; number < NSIG; number++)
    (void) syscall (SYS_rt_sigaction, number, action, NULL, NSIG / 8);

  sigemptyset (&none);
  if (sigprocmask (SIG_SETMASK, &none, NULL) < 0)
    gp_exec_fail (GP_EXEC_STEP_SIGNALS, errno);
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

  if (size < PATH_MAX - 1)
    path[size++] = '/';

  for (; *name != '\0' && size < PATH_MAX - 1; name++)
    path[size++] = *name;

  path[size] = '\0';

  return directory >= directory_end && *name == '\0' && size < PATH_MAX - 1;
}

static Failure
execute (const GpExecPlan *plan,
         const char       *path)
{
  Failure failure = { GP_EXEC_STEP_EXEC, 0 };

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

/* Like execvp (), but a file that is no program is never handed to a shell. What is reported if
 * there is none that works: the first that must not be executed, else the last that lacks its
 * interpreter, else that there is none. */
static Failure
execute_from_path (const GpExecPlan *plan)
{
  Failure worst = { GP_EXEC_STEP_EXEC, ENOENT };
  const char *place = get_path (plan->environ);

  for (;;)
    {
      char path[PATH_MAX];
      const char *end = place;

      while (*end != '\0' && *end != ':')
        end++;

      if (build_path (path, place, end, plan->argv[0]))
        {
          Failure failure = execute (plan, path);

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

void
gp_exec_run (const GpExecPlan *plan)
{
  Failure failure;

  if (!report (GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL))
    _exit (127);

  set_up_descriptors (plan);
  await_permission ();
  reset_signals ();

  if (plan->own_group && setpgid (0, 0) < 0)
    gp_exec_fail (GP_EXEC_STEP_GROUP, errno);

  if (plan->directory != NULL && chdir (plan->directory) < 0)
    gp_exec_fail (GP_EXEC_STEP_DIRECTORY, errno);

  if (has_slash (plan->argv[0]))
    failure = execute (plan, plan->argv[0]);
  else
    failure = execute_from_path (plan);

  gp_exec_fail (failure.step, failure.errsv);
}
