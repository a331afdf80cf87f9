/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-exec-private.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* The helper program: libgopipe starts it by posix_spawn (), and it becomes the command, or the
 * parent of the command. Its arguments are described in gp-exec-private.h. */

extern char **environ;

/* Reads a number that ends with a comma or the text, and returns what follows it, or NULL */
static const char *
parse_number (const char *text,
              uint64_t   *number)
{
  uint64_t value = 0;
  const char *at = text;

  for (; *at >= '0' && *at <= '9'; at++)
    {
      unsigned digit = (unsigned) (*at - '0');

      if (value > (UINT64_MAX - digit) / 10)
        return NULL;
      value = value * 10 + digit;
    }

  if (at == text || (*at != ',' && *at != '\0'))
    return NULL;

  *number = value;

  return *at == '\0' ? at : at + 1;
}

/* Returns 0 unless @text is such a number, and nothing else */
static int
parse_int (const char *text,
           int        *number)
{
  int is_negative = *text == '-';
  uint64_t value;
  const char *end = parse_number (text + is_negative, &value);

  if (end == NULL || end == text + is_negative || end[0] != '\0' || end[-1] == ',' ||
      value > INT_MAX)
    return 0;

  *number = is_negative ? -(int) value : (int) value;

  return 1;
}

static int
parse_flags (const char *letters,
             unsigned   *flags)
{
  for (; *letters != '\0'; letters++)
    {
      switch (*letters)
        {
        case 'g':
          *flags |= GP_EXEC_OWN_GROUP;
          break;
        case 't':
          *flags |= GP_EXEC_TERMINAL;
          break;
        case 's':
          *flags |= GP_EXEC_SUPERVISE;
          break;
        case 'p':
          *flags |= GP_EXEC_DIE_WITH_PARENT;
          break;
        case 'k':
          *flags |= GP_EXEC_KILL_DESCENDANTS;
          break;
        default:
          return 0;
        }
    }

  return 1;
}

static int
parse_keep_fds (const char *list,
                int         fds[GP_EXEC_MAX_KEEP],
                unsigned   *n_fds)
{
  while (*list != '\0')
    {
      uint64_t fd;

      list = parse_number (list, &fd);
      if (list == NULL || fd > INT_MAX || *n_fds == GP_EXEC_MAX_KEEP)
        return 0;
      fds[(*n_fds)++] = (int) fd;
    }

  return 1;
}

static int
parse_limits (const char  *list,
              GpExecLimit  limits[GP_EXEC_MAX_LIMITS],
              unsigned    *n_limits)
{
  while (*list != '\0')
    {
      GpExecLimit *limit = &limits[*n_limits];
      uint64_t resource;

      if (*n_limits == GP_EXEC_MAX_LIMITS ||
          (list = parse_number (list, &resource)) == NULL || resource > INT_MAX ||
          (list = parse_number (list, &limit->soft)) == NULL ||
          (list = parse_number (list, &limit->hard)) == NULL)
        return 0;

      limit->resource = (int) resource;
      (*n_limits)++;
    }

  return 1;
}

int
main (int    argc,
      char **argv)
{
  static const char usage[] = "gopipe-exec is started by libgopipe, and is of no use otherwise.\n";
  int keep_fds[GP_EXEC_MAX_KEEP];
  GpExecLimit limits[GP_EXEC_MAX_LIMITS];
  int protocol, kill_delay;
  GpExecPlan plan = { .environ = environ, .keep_fds = keep_fds, .limits = limits };

  /* Whoever this is speaks another language, so it may not know the control descriptor either.
   * That nothing is said there tells enough. */
  if (argc < 3 ||
      !parse_int (argv[1], &protocol) ||
      protocol != GP_EXEC_PROTOCOL ||
      !parse_int (argv[2], &plan.control_fd) ||
      plan.control_fd < 0)
    {
      (void) !write (STDERR_FILENO, usage, sizeof usage - 1);
      return 126;
    }

  if (argc < 2 + GP_EXEC_N_ARGUMENTS ||
      !parse_flags (argv[3], &plan.flags) ||
      !parse_keep_fds (argv[4], keep_fds, &plan.n_keep_fds) ||
      !parse_limits (argv[5], limits, &plan.n_limits) ||
      !parse_int (argv[6], &plan.nice_increment) ||
      !parse_int (argv[7], &kill_delay) ||
      kill_delay < 0)
    gp_exec_fail (plan.control_fd, (GpExecFailure) { GP_EXEC_STEP_ARGUMENTS, EINVAL });

  plan.kill_delay = (unsigned) kill_delay;
  plan.directory = argv[8][0] != '\0' ? argv[8] : NULL;
  plan.argv = argv + 1 + GP_EXEC_N_ARGUMENTS;

  gp_exec_run (&plan);
}
