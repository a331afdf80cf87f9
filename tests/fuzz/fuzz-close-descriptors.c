/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Any descriptors open, any of them to be kept, with a kernel that closes ranges or does not, and any
 * names in /proc/self/fd. What is to be kept stays open, and so does what lies below; all others are
 * closed, except by a list that lies. */

static int  world_open      (void);
static int  world_close     (int                fd);
static long world_syscall   (long               number,
                             unsigned long      a,
                             unsigned long      b,
                             unsigned long      c);
static int  world_getrlimit (struct rlimit     *limit);

#define open(path, flags)       world_open ()
#define close(fd)               world_close (fd)
#define syscall(number, a, b, ...) \
  world_syscall (number, (unsigned long) (a), (unsigned long) (b), FIRST_OF (__VA_ARGS__, 0))
#define getrlimit(what, limit)  world_getrlimit (limit)
#define FIRST_OF(a, ...)        ((unsigned long) (a))
#include "gp-exec.c"
#undef open
#undef close
#undef syscall
#undef getrlimit

#define N_FDS 128
#define MAX_NAMES 64

typedef enum
{
  NO_RANGES = 1 << 0,
  RANGES_BREAK = 1 << 1, /* after the first one */
  NO_LIST = 1 << 2,
  LIST_BREAKS = 1 << 3,
  BAD_LIST = 1 << 4,
} Failures;

static struct
{
  guint    failures;
  gboolean is_open[N_FDS];
  char   **bad_names;
  guint    n_listed;   /* names, or numbers that were looked at */
} world;

void
gp_supervise_run (const GpExecPlan *plan)
{
  g_assert_not_reached ();
}

static int
world_open (void)
{
  int fd = 0;

  if ((world.failures & NO_LIST) != 0)
    return -1;

  while (world.is_open[fd])
    g_assert_cmpint (++fd, <, N_FDS);
  world.is_open[fd] = TRUE;

  return fd;
}

static int
world_close (int fd)
{
  if (fd >= 0 && fd < N_FDS)
    world.is_open[fd] = FALSE;

  return 0;
}

static int
world_getrlimit (struct rlimit *limit)
{
  *limit = (struct rlimit) { N_FDS, N_FDS };

  return 0;
}

static long
close_range_of (unsigned first,
                unsigned last)
{
  g_assert_cmpuint (first, <=, last);
  errno = ENOSYS;
  if ((world.failures & NO_RANGES) != 0)
    return -1;
  if ((world.failures & RANGES_BREAK) != 0)
    world.failures |= NO_RANGES;

  for (unsigned fd = first; fd <= last && fd < N_FDS; fd++)
    world.is_open[fd] = FALSE;

  return 0;
}

/* NULL: there are no more. @name has room for a number */
static const char *
next_name (char name[16])
{
  if ((world.failures & BAD_LIST) != 0)
    return world.bad_names[world.n_listed] != NULL ? world.bad_names[world.n_listed++] : NULL;

  while (world.n_listed < N_FDS && !world.is_open[world.n_listed])
    world.n_listed++;
  if (world.n_listed == N_FDS)
    return NULL;

  g_snprintf (name, 16, "%u", world.n_listed++);

  return name;
}

/* A few entries at a time, the first of which always fits */
static long
list_some (char *buffer,
           gsize room)
{
  long size = 0;

  errno = EIO;
  if ((world.failures & LIST_BREAKS) != 0 && world.n_listed > 2)
    return -1;

  for (guint i = 0; i < 5; i++)
    {
      char number[16];
      const char *name = next_name (number);
      gsize needed;

      if (name == NULL)
        break;
      needed = (sizeof (DirectoryEntry) + strlen (name) + 1 + 7) & ~(gsize) 7;
      g_assert_cmpuint (size + needed, <=, room);
      memset (buffer + size, 0, needed);
      ((DirectoryEntry *) (gpointer) (buffer + size))->size = needed;
      memcpy (buffer + size + offsetof (DirectoryEntry, name), name, strlen (name));
      size += needed;
    }

  return size;
}

static long
world_syscall (long          number,
               unsigned long a,
               unsigned long b,
               unsigned long c)
{
  if (number == SYS_close_range)
    return close_range_of (a, b);

  g_assert_cmpint (number, ==, SYS_getdents64);
  g_assert_true (world.is_open[a]);

  return list_some ((char *) b, c);
}

static gboolean
is_kept (const int *keep,
         unsigned   n_keep,
         int        fd)
{
  for (unsigned i = 0; i < n_keep; i++)
    if (keep[i] == fd)
      return TRUE;

  return FALSE;
}

static void
check (const gboolean *was_open,
       const int      *keep,
       unsigned        n_keep,
       int             first)
{
  gboolean may_lie = (world.failures & BAD_LIST) != 0;

  for (int fd = 0; fd < N_FDS; fd++)
    {
      if (fd < first || is_kept (keep, n_keep, fd))
        g_assert_true (world.is_open[fd] == was_open[fd]);
      else if (!may_lie)
        g_assert_false (world.is_open[fd]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  int keep[GP_EXEC_MAX_KEEP + 1];
  gboolean was_open[N_FDS];
  unsigned n_keep;
  int first;

  memset (&world, 0, sizeof world);
  world.failures = fuzz_take_byte (&input);
  first = fuzz_choose (&input, 8);
  n_keep = fuzz_choose (&input, G_N_ELEMENTS (keep) + 1);
  for (unsigned i = 0; i < n_keep; i++)
    keep[i] = fuzz_flip (&input) ? (int) fuzz_choose (&input, N_FDS)
                                 : INT_MAX - (int) fuzz_choose (&input, 3);

  /* Not the last, for the list itself */
  for (int fd = 0; fd < N_FDS - 1; fd += 8)
    {
      guint8 bits = fuzz_take_byte (&input);

      for (int i = 0; i < 8 && fd + i < N_FDS - 1; i++)
        world.is_open[fd + i] = (bits >> i & 1) != 0;
    }
  memcpy (was_open, world.is_open, sizeof was_open);
  world.bad_names = fuzz_take_texts (&input, MAX_NAMES);

  for (guint i = 0; world.bad_names[i] != NULL; i++)
    if (strlen (world.bad_names[i]) > NAME_MAX)
      world.bad_names[i][NAME_MAX] = '\0';

  gp_exec_close_all (first, keep, n_keep);
  check (was_open, keep, n_keep, first);
  g_strfreev (world.bad_names);

  return 0;
}
