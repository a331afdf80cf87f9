/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Included before everything else in a twin of gopipe-exec, in which each system call asks first
 * whether it shall fail. A macro is not expanded in itself, so the name in it is the real one. And
 * unlike a wrapper it can have a call that returns twice. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gp-test-faults.h"

/* Returns 0, or an errno that is set as well */
int gp_test_exec_fails         (GpTestCall call);

/* The one that syscall () makes; GP_TEST_N_CALLS if it is none of these */
GpTestCall gp_test_exec_call_of (long       number);

#define GP_TEST_FAILS(call) gp_test_exec_fails (GP_TEST_CALL_##call)
#define GP_TEST_ASK(call, real) (GP_TEST_FAILS (call) ? -1 : (real))

#define access(...) GP_TEST_ASK (ACCESS, access (__VA_ARGS__))
#define chdir(...) GP_TEST_ASK (CHDIR, chdir (__VA_ARGS__))
/* The descriptor is closed whatever close () says. */
#define close(...) (close (__VA_ARGS__) < 0 ? -1 : GP_TEST_FAILS (CLOSE) ? -1 : 0)
#define execve(...) GP_TEST_ASK (EXECVE, execve (__VA_ARGS__))
#define fcntl(...) GP_TEST_ASK (FCNTL, fcntl (__VA_ARGS__))
#define fork(...) GP_TEST_ASK (FORK, fork (__VA_ARGS__))
#define _Fork(...) GP_TEST_ASK (FORK, _Fork (__VA_ARGS__))
#define getpgid(...) GP_TEST_ASK (GETPGID, getpgid (__VA_ARGS__))
#define getpriority(...) GP_TEST_ASK (GETRLIMIT, getpriority (__VA_ARGS__))
#define getrlimit(...) GP_TEST_ASK (GETRLIMIT, getrlimit (__VA_ARGS__))
#define getrusage(...) GP_TEST_ASK (GETRUSAGE, getrusage (__VA_ARGS__))
#define getsockopt(...) GP_TEST_ASK (GETSOCKOPT, getsockopt (__VA_ARGS__))
#define ioctl(...) GP_TEST_ASK (IOCTL, ioctl (__VA_ARGS__))
#define kill(...) GP_TEST_ASK (KILL, kill (__VA_ARGS__))
#define open(...) GP_TEST_ASK (OPEN, open (__VA_ARGS__))
#define pipe2(...) GP_TEST_ASK (PIPE, pipe2 (__VA_ARGS__))
#define ppoll(...) GP_TEST_ASK (POLL, ppoll (__VA_ARGS__))
#define prctl(...) GP_TEST_ASK (PRCTL, prctl (__VA_ARGS__))
#define read(...) GP_TEST_ASK (READ, read (__VA_ARGS__))
#define recv(...) GP_TEST_ASK (RECV, recv (__VA_ARGS__))
#define send(...) GP_TEST_ASK (SEND, send (__VA_ARGS__))
#define setpgid(...) GP_TEST_ASK (SETPGID, setpgid (__VA_ARGS__))
#define setpriority(...) GP_TEST_ASK (SETRLIMIT, setpriority (__VA_ARGS__))
#define setrlimit(...) GP_TEST_ASK (SETRLIMIT, setrlimit (__VA_ARGS__))
#define setsid(...) GP_TEST_ASK (SETPGID, setsid (__VA_ARGS__))
#define shutdown(...) GP_TEST_ASK (SHUTDOWN, shutdown (__VA_ARGS__))
#define sigprocmask(...) GP_TEST_ASK (SIGPROCMASK, sigprocmask (__VA_ARGS__))
#define vfork(...) GP_TEST_ASK (VFORK, vfork (__VA_ARGS__))
#define waitid(...) GP_TEST_ASK (WAITID, waitid (__VA_ARGS__))
/* Who does not wait cannot be interrupted. */
#define waitpid(pid, status, options) \
  ((options) & WNOHANG ? waitpid (pid, status, options) \
                       : GP_TEST_ASK (WAITPID, waitpid (pid, status, options)))
#define write(...) GP_TEST_ASK (WRITE, write (__VA_ARGS__))

/* Also the name of a structure */
#define sigaction(...) GP_TEST_ASK (SIGACTION, sigaction (__VA_ARGS__))

#define syscall(number, ...) \
  (gp_test_exec_fails (gp_test_exec_call_of (number)) ? -1 : syscall (number, __VA_ARGS__))
