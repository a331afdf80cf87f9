/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-exec-private.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The helper program: libgopipe starts it by posix_spawn (), and it becomes the command. Its
 * arguments are described in gp-exec-private.h. */

#define MAX_KEEP_FDS 64

extern char **environ;

/* Reads a number up to @end_mark, and returns what follows it, or NULL */
static const char *
parse_number (const char *text,
              char        end_mark,
              int        *number)
{
  long value = 0;
  const char *at = text;

  for (; *at >= '0' && *at <= '9'; at++)
    {
      value = value * 10 + (*at - '0');
      if (value > INT_MAX)
        return NULL;
    }

  if (at == text || (*at != end_mark && *at != '\0'))
    return NULL;

  *number = (int) value;

  return *at == '\0' ? at : at + 1;
}

static unsigned
parse_keep_fds (const char *list,
                int         fds[MAX_KEEP_FDS])
{
  unsigned n_fds = 0;

  while (*list != '\0')
    {
      if (n_fds == MAX_KEEP_FDS)
        gp_exec_fail (GP_EXEC_STEP_ARGUMENTS, E2BIG);

      list = parse_number (list, ',', &fds[n_fds++]);
      if (list == NULL)
        gp_exec_fail (GP_EXEC_STEP_ARGUMENTS, EINVAL);
    }

  return n_fds;
}

static int
parse_group (const char *group)
{
  if (strcmp (group, "own") == 0)
    return 1;

  if (strcmp (group, "same") != 0)
    gp_exec_fail (GP_EXEC_STEP_ARGUMENTS, EINVAL);

  return 0;
}

int
main (int    argc,
      char **argv)
{
  static const char usage[] = "gopipe-exec is started by libgopipe, and is of no use otherwise.\n";
  int keep_fds[MAX_KEEP_FDS];
  int protocol;
  GpExecPlan plan = { .environ = environ, .keep_fds = keep_fds };

  /* Whoever this is speaks another language, so it may not know the control descriptor either.
   * That nothing is said there tells enough. */
  if (argc < 2 ||
      parse_number (argv[1], '\0', &protocol) == NULL ||
      protocol != GP_EXEC_PROTOCOL)
    {
      (void) !write (STDERR_FILENO, usage, sizeof usage - 1);
      return 126;
    }

  if (argc < 2 + GP_EXEC_N_ARGUMENTS || strcmp (argv[2], "exec") != 0)
    gp_exec_fail (GP_EXEC_STEP_ARGUMENTS, EINVAL);

  plan.own_group = parse_group (argv[3]);
  plan.n_keep_fds = parse_keep_fds (argv[4], keep_fds);
  plan.directory = argv[5][0] != '\0' ? argv[5] : NULL;
  plan.argv = argv + 1 + GP_EXEC_N_ARGUMENTS;

  gp_exec_run (&plan);
}
