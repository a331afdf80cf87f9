/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* System calls that are made to fail: the n-th of its kind, or all from the n-th on. Two programs
 * understand what stands here: gp-test-faults.so, which is preloaded into a test, and a twin of
 * gopipe-exec whose calls are compiled to ask first (gp-test-exec-faults.h). The test decides in
 * memory that it shares with them. */

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

/* Whose mapping is at the path in this variable, for the twin of the helper */
#define GP_TEST_FAULTS_VARIABLE "GP_TEST_FAULTS_FILE"

/* Instead of an errno: the call does less than it was asked to. */
#define GP_TEST_SHORT (-1)

#define GP_TEST_CALLS(call) \
  call (ACCESS, "access") \
  call (CHDIR, "chdir") \
  call (CLOSE, "close") \
  call (CLOSE_RANGE, "close_range") \
  call (DUP, "fcntl-dup") \
  call (EPOLL_CREATE, "epoll_create1") \
  call (EPOLL_CTL, "epoll_ctl") \
  call (EVENTFD, "eventfd") \
  call (EXECVE, "execve") \
  call (FCHMOD, "fchmod") \
  call (FCHOWN, "fchown") \
  call (FCNTL, "fcntl") \
  call (FORK, "fork") \
  call (FSTAT, "fstat") \
  call (FSYNC, "fsync") \
  call (GETDENTS, "getdents64") \
  call (GETPGID, "getpgid") \
  call (GETRLIMIT, "getrlimit") \
  call (GETRUSAGE, "getrusage") \
  call (GETSOCKOPT, "getsockopt") \
  call (IOCTL, "ioctl") \
  call (KILL, "kill") \
  call (OPEN, "open") \
  call (PIDFD_OPEN, "pidfd_open") \
  call (PIPE, "pipe2") \
  call (POLL, "poll") \
  call (PRCTL, "prctl") \
  call (READ, "read") \
  call (RECV, "recv") \
  call (RENAME, "rename") \
  call (SEND, "send") \
  call (SETPGID, "setpgid") \
  call (SETRLIMIT, "setrlimit") \
  call (SHUTDOWN, "shutdown") \
  call (SIGACTION, "sigaction") \
  call (SIGPROCMASK, "sigprocmask") \
  call (SOCKETPAIR, "socketpair") \
  call (SPAWN, "posix_spawn") \
  call (SPLICE, "splice") \
  call (THREAD, "pthread_create") \
  call (UNLINK, "unlink") \
  call (VFORK, "vfork") \
  call (WAITID, "waitid") \
  call (WAITPID, "waitpid") \
  call (WRITE, "write")

#define GP_TEST_CALL_ENUM(name, text) GP_TEST_CALL_##name,
#define GP_TEST_CALL_BIT(name) (UINT64_C (1) << GP_TEST_CALL_##name)

typedef enum
{
  GP_TEST_CALLS (GP_TEST_CALL_ENUM)
  GP_TEST_N_CALLS,
} GpTestCall;

/* Whose calls are meant */
typedef enum
{
  GP_TEST_SCOPE_PROGRAM, /* of the process that has armed it */
  GP_TEST_SCOPE_FORKS,   /* of the children that it has forked */
  GP_TEST_SCOPE_HELPERS, /* of all gopipe-exec */
} GpTestScope;

typedef struct
{
  uint64_t    calls;    /* GP_TEST_CALL_BIT () of those that are meant */
  int         errsv;    /* or GP_TEST_SHORT */
  GpTestScope scope;
  unsigned    first;    /* which of them fail, counted from 1; 0: none, they are only counted */
  unsigned    last;
  pid_t       program;

  atomic_int  is_armed;
  atomic_uint n_calls;
  atomic_uint n_faults;
} GpTestFaults;

/* Whether this call is to fail */
static inline int
gp_test_faults_hit (GpTestFaults *self,
                    GpTestCall    call)
{
  unsigned number;

  if ((self->calls & (UINT64_C (1) << call)) == 0)
    return 0;

  number = atomic_fetch_add (&self->n_calls, 1) + 1;
  if (number < self->first || number > self->last)
    return 0;

  atomic_fetch_add (&self->n_faults, 1);

  return 1;
}
