/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What gopipe-exec has in place of the C library: the beginning of a program, and the few functions
 * that it calls, each of which is a system call. Each command begins with this program, and setting
 * up a C library takes longer than all that it does: in a virtual machine, where asking the
 * processor for its features is slow, as long as the start of the command itself.
 *
 * They are declared by the headers of the C library, and do what those say: for the arguments that
 * gopipe-exec gives them. Only where the structures are the kernel's own; see meson.build. */

/* The kernel's sigset_t has a bit for each signal. */
#define SIGNALS_SIZE 8

char **environ;

/* Of the only thread; the child of vfork () shares it */
static int last_error;

int *
__errno_location (void)
{
  return &last_error;
}

/* --- System calls ------------------------------------------------------------------------- */

/* What the kernel returns, as C has it. Also called from assembler */
long gp_bare_result (long value);

long
gp_bare_result (long value)
{
  if (value > -4096 && value < 0)
    {
      last_error = (int) -value;
      return -1;
    }

  return value;
}

#if defined (__x86_64__)

static long
call_kernel (long number,
             long a,
             long b,
             long c,
             long d,
             long e,
             long f)
{
  register long r10 __asm__ ("r10") = d;
  register long r8 __asm__ ("r8") = e;
  register long r9 __asm__ ("r9") = f;
  long value;

  __asm__ volatile ("syscall"
                    : "=a" (value)
                    : "a" (number), "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
                    : "rcx", "r11", "memory");

  return value;
}

/* The child of vfork () returns first, and what it calls then overwrites the return address: it is
 * kept in a register. A signal handler returns by a call of its own. */
__asm__ (".text\n"
         ".globl _start\n"
         ".type _start, @function\n"
         "_start:\n"
         "  xor %ebp, %ebp\n"
         "  mov %rsp, %rdi\n"
         "  and $-16, %rsp\n"
         "  call gp_bare_start\n"
         ".globl vfork\n"
         ".type vfork, @function\n"
         "vfork:\n"
         "  pop %rdx\n"
         "  mov $58, %eax\n"
         "  syscall\n"
         "  push %rdx\n"
         "  mov %rax, %rdi\n"
         "  jmp gp_bare_result\n"
         ".globl gp_bare_restore\n"
         ".type gp_bare_restore, @function\n"
         "gp_bare_restore:\n"
         "  mov $15, %eax\n"
         "  syscall\n");

void gp_bare_restore (void);

#define SA_RESTORER 0x04000000
#define restorer    gp_bare_restore

#elif defined (__aarch64__)

static long
call_kernel (long number,
             long a,
             long b,
             long c,
             long d,
             long e,
             long f)
{
  register long x8 __asm__ ("x8") = number;
  register long x0 __asm__ ("x0") = a;
  register long x1 __asm__ ("x1") = b;
  register long x2 __asm__ ("x2") = c;
  register long x3 __asm__ ("x3") = d;
  register long x4 __asm__ ("x4") = e;
  register long x5 __asm__ ("x5") = f;

  __asm__ volatile ("svc #0"
                    : "+r" (x0)
                    : "r" (x8), "r" (x1), "r" (x2), "r" (x3), "r" (x4), "r" (x5)
                    : "memory");

  return x0;
}

/* vfork () is clone () with CLONE_VM, CLONE_VFORK and SIGCHLD. The kernel knows how a handler
 * returns. */
__asm__ (".text\n"
         ".globl _start\n"
         ".type _start, %function\n"
         "_start:\n"
         "  mov x29, #0\n"
         "  mov x30, #0\n"
         "  mov x0, sp\n"
         "  and sp, x0, #-16\n"
         "  b gp_bare_start\n"
         ".globl vfork\n"
         ".type vfork, %function\n"
         "vfork:\n"
         "  mov x0, #0x4111\n"
         "  mov x1, #0\n"
         "  mov x2, #0\n"
         "  mov x3, #0\n"
         "  mov x4, #0\n"
         "  mov x8, #220\n"
         "  svc #0\n"
         "  b gp_bare_result\n");

#define SA_RESTORER 0
#define restorer    NULL

#else
#error "This processor needs the C library"
#endif

long
syscall (long number,
         ...)
{
  va_list arguments;
  long a, b, c, d, e, f;

  va_start (arguments, number);
  a = va_arg (arguments, long);
  b = va_arg (arguments, long);
  c = va_arg (arguments, long);
  d = va_arg (arguments, long);
  e = va_arg (arguments, long);
  f = va_arg (arguments, long);
  va_end (arguments);

  return gp_bare_result (call_kernel (number, a, b, c, d, e, f));
}

#define CALL_6(name, a, b, c, d, e, f) \
  gp_bare_result (call_kernel (SYS_##name, (long) (a), (long) (b), (long) (c), \
                               (long) (d), (long) (e), (long) (f)))
#define CALL_5(name, a, b, c, d, e) CALL_6 (name, a, b, c, d, e, 0)
#define CALL_4(name, a, b, c, d)    CALL_5 (name, a, b, c, d, 0)
#define CALL_3(name, a, b, c)       CALL_4 (name, a, b, c, 0)
#define CALL_2(name, a, b)          CALL_3 (name, a, b, 0)
#define CALL_1(name, a)             CALL_2 (name, a, 0)
#define CALL_0(name)                CALL_1 (name, 0)

/* --- The program -------------------------------------------------------------------------- */

int main (int    argc,
          char **argv);

/* The kernel puts there how many arguments there are, the arguments, and the environment. */
__attribute__ ((noreturn, used))
void gp_bare_start (long *stack);

void
gp_bare_start (long *stack)
{
  int argc = (int) stack[0];
  char **argv = (char **) (stack + 1);

  environ = argv + argc + 1;
  _exit (main (argc, argv));
}

/* The compiler calls these for what is more than a few words. */
void *
memcpy (void       *restrict target,
        const void *restrict source,
        size_t               size)
{
  char *to = target;
  const char *from = source;

  while (size-- > 0)
    {
      *to++ = *from++;
      /* Not to be made a call of this function */
      __asm__ volatile ("");
    }

  return target;
}

void *
memset (void   *target,
        int     byte,
        size_t  size)
{
  char *to = target;

  while (size-- > 0)
    {
      *to++ = (char) byte;
      __asm__ volatile ("");
    }

  return target;
}

/* --- Processes ---------------------------------------------------------------------------- */

void
_exit (int status)
{
  for (;;)
    (void) CALL_1 (exit_group, status);
}

pid_t
fork (void)
{
  return (pid_t) CALL_1 (clone, SIGCHLD);
}

pid_t
_Fork (void)
{
  return fork ();
}

int
execve (const char   *path,
        char * const *argv,
        char * const *environment)
{
  return (int) CALL_3 (execve, path, argv, environment);
}

pid_t
waitpid (pid_t  pid,
         int   *status,
         int    options)
{
  return (pid_t) CALL_3 (wait4, pid, status, options);
}

int
waitid (idtype_t   type,
        id_t       id,
        siginfo_t *info,
        int        options)
{
  return (int) CALL_4 (waitid, type, id, info, options);
}

pid_t
getpid (void)
{
  return (pid_t) CALL_0 (getpid);
}

pid_t
getppid (void)
{
  return (pid_t) CALL_0 (getppid);
}

pid_t
getpgid (pid_t pid)
{
  return (pid_t) CALL_1 (getpgid, pid);
}

pid_t
getpgrp (void)
{
  return getpgid (0);
}

int
setpgid (pid_t pid,
         pid_t group)
{
  return (int) CALL_2 (setpgid, pid, group);
}

pid_t
setsid (void)
{
  return (pid_t) CALL_0 (setsid);
}

int
chdir (const char *path)
{
  return (int) CALL_1 (chdir, path);
}

int
prctl (int option,
       ...)
{
  va_list arguments;
  unsigned long a, b, c, d;

  va_start (arguments, option);
  a = va_arg (arguments, unsigned long);
  b = va_arg (arguments, unsigned long);
  c = va_arg (arguments, unsigned long);
  d = va_arg (arguments, unsigned long);
  va_end (arguments);

  return (int) CALL_5 (prctl, option, a, b, c, d);
}

int
getrlimit (__rlimit_resource_t  resource,
           struct rlimit       *limit)
{
  return (int) CALL_4 (prlimit64, 0, resource, NULL, limit);
}

int
setrlimit (__rlimit_resource_t  resource,
           const struct rlimit *limit)
{
  return (int) CALL_4 (prlimit64, 0, resource, limit, NULL);
}

int
getrusage (__rusage_who_t  who,
           struct rusage  *usage)
{
  return (int) CALL_2 (getrusage, who, usage);
}

/* The kernel says 20 less the niceness, which is never negative. */
int
getpriority (__priority_which_t which,
             id_t               who)
{
  long priority = CALL_2 (getpriority, which, who);

  return priority < 0 ? -1 : (int) (20 - priority);
}

int
setpriority (__priority_which_t which,
             id_t               who,
             int                niceness)
{
  return (int) CALL_3 (setpriority, which, who, niceness);
}

int
clock_gettime (clockid_t        id,
               struct timespec *now)
{
  return (int) CALL_2 (clock_gettime, id, now);
}

/* --- Signals ------------------------------------------------------------------------------ */

int
kill (pid_t pid,
      int   signum)
{
  return (int) CALL_2 (kill, pid, signum);
}

int
sigemptyset (sigset_t *set)
{
  *set = (sigset_t) { { 0 } };

  return 0;
}

int
sigfillset (sigset_t *set)
{
  sigemptyset (set);
  set->__val[0] = ~0UL;

  return 0;
}

int
sigdelset (sigset_t *set,
           int       signum)
{
  set->__val[0] &= ~(1UL << (signum - 1));

  return 0;
}

int
sigprocmask (int                      how,
             const sigset_t *restrict set,
             sigset_t       *restrict before)
{
  return (int) CALL_4 (rt_sigprocmask, how, set, before, SIGNALS_SIZE);
}

int
sigaction (int                              signum,
           const struct sigaction *restrict action,
           struct sigaction       *restrict before)
{
  const struct
  {
    void        (*handler) (int);
    unsigned long flags;
    void        (*restore) (void);
    unsigned long mask;
  } wanted = {
    action->sa_handler,
    (unsigned long) action->sa_flags | SA_RESTORER,
    restorer,
    action->sa_mask.__val[0],
  };

  /* Its form is another one, and nobody asks for it. */
  (void) before;

  return (int) CALL_4 (rt_sigaction, signum, &wanted, NULL, SIGNALS_SIZE);
}

/* --- Descriptors -------------------------------------------------------------------------- */

int
open (const char *path,
      int         flags,
      ...)
{
  return (int) CALL_4 (openat, AT_FDCWD, path, flags, 0);
}

int
close (int fd)
{
  return (int) CALL_1 (close, fd);
}

ssize_t
read (int     fd,
      void   *data,
      size_t  size)
{
  return CALL_3 (read, fd, data, size);
}

ssize_t
write (int         fd,
       const void *data,
       size_t      size)
{
  return CALL_3 (write, fd, data, size);
}

int
access (const char *path,
        int         mode)
{
  return (int) CALL_3 (faccessat, AT_FDCWD, path, mode);
}

int
fcntl (int fd,
       int command,
       ...)
{
  va_list arguments;
  long argument;

  va_start (arguments, command);
  argument = va_arg (arguments, long);
  va_end (arguments);

  return (int) CALL_3 (fcntl, fd, command, argument);
}

int
ioctl (int           fd,
       unsigned long request,
       ...)
{
  va_list arguments;
  long argument;

  va_start (arguments, request);
  argument = va_arg (arguments, long);
  va_end (arguments);

  return (int) CALL_3 (ioctl, fd, request, argument);
}

int
pipe2 (int fds[2],
       int flags)
{
  return (int) CALL_2 (pipe2, fds, flags);
}

/* The kernel writes into the time what is left of it. */
int
ppoll (struct pollfd         *fds,
       nfds_t                 n_fds,
       const struct timespec *timeout,
       const sigset_t        *mask)
{
  struct timespec left = { 0, 0 };

  if (timeout != NULL)
    left = *timeout;

  return (int) CALL_5 (ppoll, fds, n_fds, timeout != NULL ? &left : NULL, mask, SIGNALS_SIZE);
}

ssize_t
send (int         fd,
      const void *data,
      size_t      size,
      int         flags)
{
  return CALL_6 (sendto, fd, data, size, flags, NULL, 0);
}

ssize_t
recv (int     fd,
      void   *data,
      size_t  size,
      int     flags)
{
  return CALL_6 (recvfrom, fd, data, size, flags, NULL, NULL);
}

int
getsockopt (int                 fd,
            int                 level,
            int                 name,
            void      *restrict value,
            socklen_t *restrict size)
{
  return (int) CALL_5 (getsockopt, fd, level, name, value, size);
}

int
shutdown (int fd,
          int how)
{
  return (int) CALL_2 (shutdown, fd, how);
}
