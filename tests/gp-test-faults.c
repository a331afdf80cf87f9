/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a test: makes system calls fail that the program, the library and GLib make. What
 * the C library calls inside itself passes this by. No call fails in a way that it cannot: see
 * is_possible (). */

#define _GNU_SOURCE

/* With these, several names of a function would be one. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include "gp-test-faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* A message of this size or less is moved in one piece, or not at all. */
#define WHOLE_MESSAGE 64

static _Atomic (GpTestFaults *) the_faults;

EXPORT void gp_test_faults_use (GpTestFaults *faults);

void
gp_test_faults_use (GpTestFaults *faults)
{
  the_faults = faults;
}

static int
hit (GpTestCall call)
{
  GpTestFaults *faults = the_faults;

  if (faults == NULL || !faults->is_armed)
    return 0;

  switch (faults->scope)
    {
    case GP_TEST_SCOPE_PROGRAM:
      return getpid () == faults->program && gp_test_faults_hit (faults, call);
    case GP_TEST_SCOPE_FORKS:
      return getpid () != faults->program && gp_test_faults_hit (faults, call);
    case GP_TEST_SCOPE_HELPERS:
    default:
      return 0;
    }
}

static int
fail (GpTestCall call)
{
  if (!hit (call))
    return 0;

  errno = the_faults->errsv;
  return 1;
}

/* Whether the kernel could give that error for this descriptor. Counters, by which threads are
 * woken, can only be interrupted: they have no device and need no memory. A terminal says EIO at
 * its end. Reading a pipe never fails; data are taken for what comes from elsewhere, but not the few
 * bytes by which a child tells GLib of a failure, for which it waits for ever then. */
static int
is_possible (int    fd,
             size_t size)
{
  GpTestFaults *faults = the_faults;
  int before = errno;
  struct stat status;
  int possible;

  if (faults == NULL || !faults->is_armed)
    return 0;

  if (syscall (SYS_fstat, fd, &status) != 0 || (status.st_mode & S_IFMT) == 0)
    possible = faults->errsv == EINTR;
  else if (faults->errsv == GP_TEST_SHORT)
    possible = size > WHOLE_MESSAGE;
  else if (faults->errsv == EAGAIN)
    possible = (syscall (SYS_fcntl, fd, F_GETFL) & O_NONBLOCK) != 0;
  else if (faults->errsv == ENOSPC)
    possible = S_ISREG (status.st_mode);
  else if (faults->errsv == EIO)
    possible = !S_ISCHR (status.st_mode) &&
               !(S_ISFIFO (status.st_mode) && size <= WHOLE_MESSAGE);
  else
    possible = 1;
  errno = before;

  return possible;
}

#define REAL(result, name, ...) \
  static result (*real) (__VA_ARGS__); \
  if (real == NULL) \
    { \
      real = (result (*) (__VA_ARGS__)) dlsym (RTLD_NEXT, #name); \
      if (real == NULL) \
        abort (); \
    }

/* A function that fails with -1 and errno */
#define WRAP(call, result, name, declaration, types, arguments) \
  EXPORT result name declaration; \
  EXPORT result \
  name declaration \
  { \
    REAL (result, name, types) \
    return fail (GP_TEST_CALL_##call) ? -1 : real arguments; \
  }

#define TYPES(...) __VA_ARGS__

WRAP (PIPE, int, pipe, (int fds[2]), TYPES (int *), (fds))
WRAP (PIPE, int, pipe2, (int fds[2], int flags), TYPES (int *, int), (fds, flags))
WRAP (EVENTFD, int, eventfd, (unsigned count, int flags), TYPES (unsigned, int), (count, flags))
WRAP (EPOLL_CREATE, int, epoll_create1, (int flags), TYPES (int), (flags))
WRAP (EPOLL_CTL, int, epoll_ctl, (int epfd, int op, int fd, struct epoll_event *event),
      TYPES (int, int, int, struct epoll_event *), (epfd, op, fd, event))
WRAP (SOCKETPAIR, int, socketpair, (int domain, int type, int protocol, int fds[2]),
      TYPES (int, int, int, int *), (domain, type, protocol, fds))
WRAP (SPLICE, ssize_t, splice,
      (int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags),
      TYPES (int, off64_t *, int, off64_t *, size_t, unsigned),
      (in, in_at, out, out_at, size, flags))
WRAP (DUP, int, dup, (int fd), TYPES (int), (fd))
WRAP (DUP, int, dup2, (int fd, int to), TYPES (int, int), (fd, to))
WRAP (DUP, int, dup3, (int fd, int to, int flags), TYPES (int, int, int), (fd, to, flags))
WRAP (POLL, int, poll, (struct pollfd *fds, nfds_t n_fds, int timeout),
      TYPES (struct pollfd *, nfds_t, int), (fds, n_fds, timeout))
WRAP (POLL, int, __poll_chk, (struct pollfd *fds, nfds_t n_fds, int timeout, size_t size),
      TYPES (struct pollfd *, nfds_t, int, size_t), (fds, n_fds, timeout, size))
WRAP (POLL, int, ppoll,
      (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout, const sigset_t *mask),
      TYPES (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *),
      (fds, n_fds, timeout, mask))
WRAP (OPEN, int, posix_openpt, (int flags), TYPES (int), (flags))
WRAP (IOCTL, int, grantpt, (int fd), TYPES (int), (fd))
WRAP (IOCTL, int, unlockpt, (int fd), TYPES (int), (fd))
WRAP (IOCTL, int, tcgetattr, (int fd, struct termios *modes), TYPES (int, struct termios *),
      (fd, modes))
WRAP (FORK, pid_t, fork, (void), TYPES (void), ())
WRAP (FORK, pid_t, _Fork, (void), TYPES (void), ())
WRAP (FSTAT, int, fstat, (int fd, struct stat *status), TYPES (int, struct stat *), (fd, status))
WRAP (FSTAT, int, fstat64, (int fd, struct stat64 *status), TYPES (int, struct stat64 *),
      (fd, status))
WRAP (FSYNC, int, fsync, (int fd), TYPES (int), (fd))
WRAP (FCHMOD, int, fchmod, (int fd, mode_t mode), TYPES (int, mode_t), (fd, mode))
WRAP (FCHOWN, int, fchown, (int fd, uid_t user, gid_t group), TYPES (int, uid_t, gid_t),
      (fd, user, group))
WRAP (RENAME, int, rename, (const char *from, const char *to), TYPES (const char *, const char *),
      (from, to))
WRAP (UNLINK, int, unlink, (const char *path), TYPES (const char *), (path))
WRAP (KILL, int, kill, (pid_t pid, int signum), TYPES (pid_t, int), (pid, signum))
WRAP (SEND, ssize_t, send, (int fd, const void *data, size_t size, int flags),
      TYPES (int, const void *, size_t, int), (fd, data, size, flags))
WRAP (RECV, ssize_t, recv, (int fd, void *data, size_t size, int flags),
      TYPES (int, void *, size_t, int), (fd, data, size, flags))
WRAP (SHUTDOWN, int, shutdown, (int fd, int how), TYPES (int, int), (fd, how))
WRAP (SIGACTION, int, sigaction,
      (int number, const struct sigaction *action, struct sigaction *before),
      TYPES (int, const struct sigaction *, struct sigaction *), (number, action, before))
WRAP (SIGPROCMASK, int, sigprocmask, (int how, const sigset_t *mask, sigset_t *before),
      TYPES (int, const sigset_t *, sigset_t *), (how, mask, before))

WRAP (ACCESS, int, access, (const char *path, int mode), TYPES (const char *, int), (path, mode))
WRAP (CHDIR, int, chdir, (const char *path), TYPES (const char *), (path))
WRAP (EXECVE, int, execve, (const char *path, char *const argv[], char *const envp[]),
      TYPES (const char *, char *const *, char *const *), (path, argv, envp))
WRAP (GETPGID, pid_t, getpgid, (pid_t pid), TYPES (pid_t), (pid))
WRAP (GETRUSAGE, int, getrusage, (__rusage_who_t who, struct rusage *usage),
      TYPES (__rusage_who_t, struct rusage *), (who, usage))
WRAP (GETSOCKOPT, int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size),
      TYPES (int, int, int, void *, socklen_t *), (fd, level, name, value, size))
WRAP (SETPGID, int, setpgid, (pid_t pid, pid_t group), TYPES (pid_t, pid_t), (pid, group))
WRAP (SETPGID, pid_t, setsid, (void), TYPES (void), ())
WRAP (SETRLIMIT, int, setrlimit64, (__rlimit_resource_t resource, const struct rlimit64 *limit),
      TYPES (__rlimit_resource_t, const struct rlimit64 *), (resource, limit))
WRAP (GETRLIMIT, int, getrlimit64, (__rlimit_resource_t resource, struct rlimit64 *limit),
      TYPES (__rlimit_resource_t, struct rlimit64 *), (resource, limit))

/* That there is no such child can only be because somebody else has waited for it, which is what is
 * done here. */

EXPORT int
waitid (idtype_t   type,
        id_t       id,
        siginfo_t *info,
        int        options)
{
  REAL (int, waitid, idtype_t, id_t, siginfo_t *, int)
  siginfo_t own = { 0, };
  int result = real (type, id, &own, options);

  if (result == 0 && own.si_pid != 0 && (options & WNOWAIT) == 0 && fail (GP_TEST_CALL_WAITID))
    return -1;

  if (info != NULL && result == 0)
    *info = own;

  return result;
}

EXPORT pid_t
waitpid (pid_t  pid,
         int   *status,
         int    options)
{
  REAL (pid_t, waitpid, pid_t, int *, int)
  pid_t result;

  /* Who does not wait cannot be interrupted. */
  if (the_faults != NULL && the_faults->errsv == EINTR)
    return (options & WNOHANG) == 0 && fail (GP_TEST_CALL_WAITPID) ? -1
                                                                  : real (pid, status, options);

  result = real (pid, status, options);

  return result > 0 && fail (GP_TEST_CALL_WAITPID) ? -1 : result;
}

/* A wrapper cannot return twice: fork () does the same for a caller that keeps to the rules */
EXPORT pid_t
vfork (void)
{
  REAL (pid_t, fork, void)

  return fail (GP_TEST_CALL_VFORK) ? -1 : real ();
}

/* The descriptor is closed whatever close () says. */
EXPORT int
close (int fd)
{
  REAL (int, close, int)
  int fails = hit (GP_TEST_CALL_CLOSE);
  int result = real (fd);

  if (fails && result == 0)
    {
      errno = the_faults->errsv;
      return -1;
    }

  return result;
}

/* Returns 0 if it is to fail, with errno */
static size_t
choose_size (GpTestCall call,
             int        fd,
             size_t     size)
{
  if (!is_possible (fd, size) || !hit (call))
    return size;
  if (the_faults->errsv == GP_TEST_SHORT)
    return size / 2;

  errno = the_faults->errsv;
  return 0;
}

EXPORT ssize_t
read (int     fd,
      void   *data,
      size_t  size)
{
  REAL (ssize_t, read, int, void *, size_t)
  size_t chosen = choose_size (GP_TEST_CALL_READ, fd, size);

  return chosen == 0 && size > 0 ? -1 : real (fd, data, chosen);
}

EXPORT ssize_t __read_chk (int fd, void *data, size_t size, size_t data_size);

EXPORT ssize_t
__read_chk (int     fd,
            void   *data,
            size_t  size,
            size_t  data_size)
{
  REAL (ssize_t, __read_chk, int, void *, size_t, size_t)
  size_t chosen = choose_size (GP_TEST_CALL_READ, fd, size);

  return chosen == 0 && size > 0 ? -1 : real (fd, data, chosen, data_size);
}

EXPORT ssize_t
write (int         fd,
       const void *data,
       size_t      size)
{
  REAL (ssize_t, write, int, const void *, size_t)
  size_t chosen = choose_size (GP_TEST_CALL_WRITE, fd, size);

  return chosen == 0 && size > 0 ? -1 : real (fd, data, chosen);
}

/* Of open (), whatever it is called */
#define OPEN(name) \
  EXPORT int name (const char *path, int flags, ...); \
  EXPORT int \
  name (const char *path, \
        int         flags, \
        ...) \
  { \
    REAL (int, name, const char *, int, ...) \
    va_list args; \
    mode_t mode; \
    va_start (args, flags); \
    mode = va_arg (args, mode_t); \
    va_end (args); \
    return fail (GP_TEST_CALL_OPEN) ? -1 : real (path, flags, mode); \
  }

OPEN (open)
OPEN (open64)
OPEN (__open_2)
OPEN (__open64_2)

#define OPENAT(name) \
  EXPORT int name (int directory, const char *path, int flags, ...); \
  EXPORT int \
  name (int         directory, \
        const char *path, \
        int         flags, \
        ...) \
  { \
    REAL (int, name, int, const char *, int, ...) \
    va_list args; \
    mode_t mode; \
    va_start (args, flags); \
    mode = va_arg (args, mode_t); \
    va_end (args); \
    return fail (GP_TEST_CALL_OPEN) ? -1 : real (directory, path, flags, mode); \
  }

OPENAT (openat)
OPENAT (openat64)
OPENAT (__openat_2)
OPENAT (__openat64_2)

#define FCNTL(name) \
  EXPORT int name (int fd, int command, ...); \
  EXPORT int \
  name (int fd, \
        int command, \
        ...) \
  { \
    REAL (int, name, int, int, ...) \
    GpTestCall call = command == F_DUPFD || command == F_DUPFD_CLOEXEC ? GP_TEST_CALL_DUP \
                                                                       : GP_TEST_CALL_FCNTL; \
    va_list args; \
    void *argument; \
    va_start (args, command); \
    argument = va_arg (args, void *); \
    va_end (args); \
    return fail (call) ? -1 : real (fd, command, argument); \
  }

FCNTL (fcntl)
FCNTL (fcntl64)

EXPORT int
prctl (int option,
       ...)
{
  REAL (int, prctl, int, ...)
  unsigned long a[4];
  va_list args;

  va_start (args, option);
  for (int i = 0; i < 4; i++)
    a[i] = va_arg (args, unsigned long);
  va_end (args);

  return fail (GP_TEST_CALL_PRCTL) ? -1 : real (option, a[0], a[1], a[2], a[3]);
}

EXPORT int
ioctl (int           fd,
       unsigned long request,
       ...)
{
  REAL (int, ioctl, int, unsigned long, ...)
  va_list args;
  void *argument;

  va_start (args, request);
  argument = va_arg (args, void *);
  va_end (args);

  return fail (GP_TEST_CALL_IOCTL) ? -1 : real (fd, request, argument);
}

EXPORT long
syscall (long number,
         ...)
{
  REAL (long, syscall, long, ...)
  long a[6];
  va_list args;

  va_start (args, number);
  for (int i = 0; i < 6; i++)
    a[i] = va_arg (args, long);
  va_end (args);

#ifdef SYS_pidfd_open
  if (number == SYS_pidfd_open && fail (GP_TEST_CALL_PIDFD_OPEN))
    return -1;
#endif
#ifdef SYS_close_range
  if (number == SYS_close_range && fail (GP_TEST_CALL_CLOSE_RANGE))
    return -1;
#endif

  return real (number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* These return what others leave in errno. */

EXPORT int
ptsname_r (int     fd,
           char   *name,
           size_t  size)
{
  REAL (int, ptsname_r, int, char *, size_t)

  return fail (GP_TEST_CALL_IOCTL) ? errno : real (fd, name, size);
}

EXPORT int
posix_spawn (pid_t                            *pid,
             const char                       *path,
             const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t          *attr,
             char *const                       argv[],
             char *const                       envp[])
{
  REAL (int, posix_spawn, pid_t *, const char *, const posix_spawn_file_actions_t *,
        const posix_spawnattr_t *, char *const *, char *const *)

  return fail (GP_TEST_CALL_SPAWN) ? errno : real (pid, path, actions, attr, argv, envp);
}

EXPORT int
pthread_create (pthread_t            *thread,
                const pthread_attr_t *attr,
                void               *(*func) (void *),
                void                 *data)
{
  REAL (int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*) (void *), void *)

  return fail (GP_TEST_CALL_THREAD) ? errno : real (thread, attr, func, data);
}
