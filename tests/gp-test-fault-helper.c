/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-table.h"

#include <errno.h>

#define NEW_PROCESSES (GP_TEST_CALL_BIT (VFORK) | GP_TEST_CALL_BIT (FORK))

const GpTestFault gp_test_helper_faults[] = {
  GP_TEST_FAULT (ACCESS, "access", EACCES),
  GP_TEST_FAULT (CHDIR, "chdir", EIO),
  GP_TEST_HARMLESS (CLOSE, "close", EIO),
  GP_TEST_HARMLESS (CLOSE_RANGE, "close_range", ENOSYS),
  GP_TEST_FAULT (EXECVE, "execve", EIO),
  GP_TEST_FAULT (EXECVE, "execve", ENOMEM),
  GP_TEST_FAULT (EXECVE, "execve", ETXTBSY),
  GP_TEST_FAULT (FCNTL, "fcntl", EACCES),
  GP_TEST_FAULT (GETDENTS, "getdents64", EIO),
  GP_TEST_FAULT (GETPGID, "getpgid", ESRCH),
  GP_TEST_FAULT (GETRLIMIT, "getrlimit", EPERM),
  GP_TEST_HARMLESS (GETRUSAGE, "getrusage", EPERM),
  GP_TEST_HARMLESS (GETSOCKOPT, "getsockopt", ENOMEM),
  GP_TEST_FAULT (IOCTL, "ioctl", EPERM),
  GP_TEST_FAULT (KILL, "kill", EPERM),
  GP_TEST_HARMLESS (OPEN, "open", EMFILE),
  GP_TEST_HARMLESS (OPEN, "open", ENOENT),
  GP_TEST_HARMLESS (PIDFD_OPEN, "pidfd_open", EMFILE),
  GP_TEST_HARMLESS (PIDFD_OPEN, "pidfd_open", ENOSYS),
  GP_TEST_FAULT (PIPE, "pipe2", EMFILE),
  GP_TEST_HARMLESS (POLL, "ppoll", EINTR),
  GP_TEST_FAULT (POLL, "ppoll", ENOMEM),
  GP_TEST_FAULT (PRCTL, "prctl", EPERM),
  GP_TEST_HARMLESS (READ, "read", EINTR),
  GP_TEST_FAULT (READ, "read", EIO),
  GP_TEST_HARMLESS (RECV, "recv", EINTR),
  GP_TEST_FAULT (RECV, "recv", ENOMEM),
  GP_TEST_HARMLESS (SEND, "send", EINTR),
  GP_TEST_FAULT (SEND, "send", ENOBUFS),
  GP_TEST_FAULT (SETPGID, "setpgid", EPERM),
  GP_TEST_FAULT (SETRLIMIT, "setrlimit", EPERM),
  GP_TEST_HARMLESS (SHUTDOWN, "shutdown", EIO),
  GP_TEST_FAULT (SIGACTION, "sigaction", EINVAL),
  GP_TEST_FAULT (SIGPROCMASK, "sigprocmask", EINVAL),
  GP_TEST_HARMLESS (VFORK, "vfork", EAGAIN),
  GP_TEST_HARMLESS (VFORK, "vfork", EPERM),
  GP_TEST_HARMLESS (WAITPID, "waitpid", EINTR),
  GP_TEST_FAULT (WRITE, "write", EIO),
  GP_TEST_LASTING ("getdents64-close_range",
                   GP_TEST_CALL_BIT (GETDENTS) | GP_TEST_CALL_BIT (CLOSE_RANGE), EPERM),
  GP_TEST_LASTING ("open-always", GP_TEST_CALL_BIT (OPEN), ENOENT),
  GP_TEST_LASTING ("prctl-always", GP_TEST_CALL_BIT (PRCTL), ENOSYS),
  GP_TEST_LASTING ("processes", NEW_PROCESSES, EAGAIN),
  GP_TEST_LASTING ("send-always", GP_TEST_CALL_BIT (SEND), ENOBUFS),
  GP_TEST_LASTING ("waitid", GP_TEST_CALL_BIT (WAITID), ENOSYS),
  /* Takes long, since nobody can be killed: the last, so that it is easily left out */
  GP_TEST_LASTING ("kill-always", GP_TEST_CALL_BIT (KILL), EPERM),
};

guint
gp_test_count_helper_faults (void)
{
  return G_N_ELEMENTS (gp_test_helper_faults) - (gp_test_is_thorough () ? 0 : 1);
}
