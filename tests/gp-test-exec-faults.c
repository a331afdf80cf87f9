/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gp-test-exec-faults.h"

#include <stdlib.h>
#include <sys/mman.h>

#undef close
#undef open

/* What the test has told, for as long as this program runs; NULL: nothing is to fail. The child
 * that becomes the command has it, too. */
static GpTestFaults *faults;

__attribute__ ((constructor))
static void
find_faults (void)
{
  const char *path = getenv (GP_TEST_FAULTS_VARIABLE);
  void *memory = MAP_FAILED;
  int fd = path != NULL ? open (path, O_RDWR | O_CLOEXEC) : -1;

  if (fd < 0)
    return;

  memory = mmap (NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory != MAP_FAILED)
    faults = memory;
  close (fd);
}

int
gp_test_exec_fails (GpTestCall call)
{
  if (faults == NULL || !faults->is_armed || faults->scope != GP_TEST_SCOPE_HELPERS ||
      call == GP_TEST_N_CALLS || !gp_test_faults_hit (faults, call))
    return 0;

  errno = faults->errsv;

  return errno;
}

GpTestCall
gp_test_exec_call_of (long number)
{
  switch (number)
    {
#ifdef SYS_close_range
    case SYS_close_range:
      return GP_TEST_CALL_CLOSE_RANGE;
#endif
#ifdef SYS_pidfd_open
    case SYS_pidfd_open:
      return GP_TEST_CALL_PIDFD_OPEN;
#endif
    case SYS_getdents64:
      return GP_TEST_CALL_GETDENTS;
    case SYS_rt_sigaction:
      return GP_TEST_CALL_SIGACTION;
    default:
      return GP_TEST_N_CALLS;
    }
}
