/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include "gp-test-child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static char block[4096];

/* --- Limits ------------------------------------------------------------------------------- */

static void
print_limit (const char *name,
             rlim_t      value)
{
  if (value == RLIM_INFINITY)
    print (1, "%snone", name);
  else
    print (1, "%s%ju", name, (uintmax_t) value);
}

/* "cpu SOFT HARD" and so on, a line each */
static int
mode_limits (int    argc,
             char **argv)
{
  static const struct
  {
    const char *name;
    int         resource;
  } resources[] = {
    { "cpu ", RLIMIT_CPU },
    { "fsize ", RLIMIT_FSIZE },
    { "nofile ", RLIMIT_NOFILE },
    { "as ", RLIMIT_AS },
    { "core ", RLIMIT_CORE },
  };

  (void) argc;
  (void) argv;
  for (size_t i = 0; i < sizeof resources / sizeof *resources; i++)
    {
      struct rlimit limit;

      if (getrlimit (resources[i].resource, &limit) < 0)
        return EXIT_BROKEN;
      print_limit (resources[i].name, limit.rlim_cur);
      print_limit (" ", limit.rlim_max);
      print (1, "\n");
    }
  return 0;
}

/* Uses the processor until it is killed */
static int
mode_burn_on (int    argc,
              char **argv)
{
  volatile uint64_t counter = 0;

  (void) argc;
  (void) argv;
  alarm (600);
  while (++counter > 0)
    continue;
  return EXIT_BROKEN;
}

/* write-file PATH SIZE */
static int
mode_write_file (int    argc,
                 char **argv)
{
  int fd = argc > 1 ? open (argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
  uint64_t left = number (argc, argv, 1);

  if (fd < 0)
    return EXIT_BROKEN;
  while (left > 0)
    {
      size_t n = left < sizeof block ? left : sizeof block;

      write_all (fd, block, n);
      left -= n;
    }
  return 0;
}

/* Opens as much as it may, and tells how much is open then, and why there is no more */
static int
mode_open_files (int    argc,
                 char **argv)
{
  int fd, last = -1;

  (void) argc;
  (void) argv;
  while ((fd = open ("/dev/null", O_RDONLY)) >= 0)
    last = fd;
  print (1, "%d %s\n", last + 1, strerrorname_np (errno));
  return 0;
}

/* map BYTES: tells whether there is so much address space */
static int
mode_map (int    argc,
          char **argv)
{
  void *memory = mmap (NULL, number (argc, argv, 0), PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  print (1, "%s\n", memory != MAP_FAILED ? "mapped" : strerrorname_np (errno));
  return 0;
}

/* slurp: keeps all of its input in memory, as a pager does, and tells how much that was */
static int
mode_slurp (int    argc,
            char **argv)
{
  size_t size = 65536, used = size, n;
  uint64_t count = 0;
  char *memory = NULL;

  (void) argc;
  (void) argv;
  do
    {
      if (used == size)
        {
          memory = malloc (size);
          used = 0;
        }
      if (memory == NULL)
        return EXIT_BROKEN;
      n = read_some (memory + used, size - used);
      used += n;
      count += n;
    }
  while (n > 0);
  print (1, "%" PRIu64 "\n", count);
  return 0;
}

static int
mode_niceness (int    argc,
               char **argv)
{
  (void) argc;
  (void) argv;
  print (1, "%d\n", getpriority (PRIO_PROCESS, 0));
  return 0;
}

/* --- Descriptors -------------------------------------------------------------------------- */

/* read-fds FD…: what comes from each of them, as "FD: TEXT", a line each */
static int
mode_read_fds (int    argc,
               char **argv)
{
  for (int i = 0; i < argc; i++)
    {
      ssize_t n;

      print (1, "%s: ", argv[i]);
      while ((n = read (atoi (argv[i]), block, sizeof block)) > 0)
        print (1, "%.*s", (int) n, block);
      if (n < 0)
        return EXIT_BROKEN;
      print (1, "\n");
    }
  return 0;
}

/* write-fd FD TEXT [stay]: writes TEXT there and closes it, and perhaps waits to be killed */
static int
mode_write_fd (int    argc,
               char **argv)
{
  int fd = argc > 1 ? atoi (argv[0]) : -1;

  print (fd, "%s", argc > 1 ? argv[1] : "");
  close (fd);
  return argc > 2 ? wait_for_kill () : 0;
}

/* --- Terminals ---------------------------------------------------------------------------- */

static int
is_same_file (int fd,
              int other)
{
  struct stat a, b;

  return fstat (fd, &a) == 0 && fstat (other, &b) == 0 && a.st_rdev == b.st_rdev;
}

/* What it knows of its terminal, a line for each */
static int
mode_terminal (int    argc,
               char **argv)
{
  int fd = open ("/dev/tty", O_RDWR);

  (void) argc;
  (void) argv;
  print (1, "terminals: %d %d %d\n", isatty (0), isatty (1), isatty (2));
  print (1, "same terminal: %d\n", is_same_file (0, 1));
  print (1, "controlling terminal: %d\n", fd >= 0);
  print (1, "it is standard input: %d\n", tcgetsid (0) == getsid (0));
  print (1, "session leader: %d\n", getsid (0) == getpid ());
  print (1, "foreground: %d\n", fd >= 0 && tcgetpgrp (fd) == getpgrp ());
  return 0;
}

/* Tells its size, and again with each SIGWINCH, until it has the number of columns */
static int
mode_terminal_size (int    argc,
                    char **argv)
{
  int last = (int) number (argc, argv, 0);
  struct winsize size;
  sigset_t set;
  int signum;

  alarm (600);
  sigemptyset (&set);
  sigaddset (&set, SIGWINCH);
  sigprocmask (SIG_BLOCK, &set, NULL);
  for (;;)
    {
      if (ioctl (1, TIOCGWINSZ, &size) < 0)
        return EXIT_BROKEN;
      print (1, "%dx%d\n", size.ws_col, size.ws_row);
      if (size.ws_col == last || sigwait (&set, &signum) != 0)
        return 0;
    }
}

/* Returns how much it has read up to the end of a line */
static ssize_t
read_line (int fd)
{
  ssize_t n;

  do
    n = read (fd, block, sizeof block);
  while (n < 0 && errno == EINTR);

  return n;
}

/* password PROMPT: as ssh asks for one: without an echo, at the controlling terminal, wherever its
 * streams go; tells it on standard output */
static int
mode_password (int    argc,
               char **argv)
{
  int fd = open ("/dev/tty", O_RDWR);
  struct termios modes;
  ssize_t n;

  if (fd < 0 || argc < 1 || tcgetattr (fd, &modes) < 0)
    return EXIT_BROKEN;
  modes.c_lflag &= ~(tcflag_t) ECHO;
  if (tcsetattr (fd, TCSAFLUSH, &modes) < 0)
    return EXIT_BROKEN;
  print (fd, "%s", argv[0]);
  n = read_line (fd);
  modes.c_lflag |= ECHO;
  tcsetattr (fd, TCSAFLUSH, &modes);
  print (1, "%.*s", (int) n, block);
  return n > 0 ? 0 : EXIT_BROKEN;
}

/* pager PROMPT: as less: shows standard input, then PROMPT, and ends when a line was typed */
static int
mode_pager (int    argc,
            char **argv)
{
  int fd = open ("/dev/tty", O_RDONLY);
  ssize_t n;

  if (fd < 0 || argc < 1)
    return EXIT_BROKEN;
  while ((n = read (0, block, sizeof block)) > 0)
    print (1, "%.*s", (int) n, block);
  print (1, "%s", argv[0]);
  return read_line (fd) > 0 ? 0 : EXIT_BROKEN;
}

/* terminal-wait TEXT: says TEXT on the controlling terminal, and stays until killed */
static int
mode_terminal_wait (int    argc,
                    char **argv)
{
  int fd = open ("/dev/tty", O_RDWR);

  if (fd < 0 || argc < 1)
    return EXIT_BROKEN;
  print (fd, "%s", argv[0]);
  return wait_for_kill ();
}

const NamedMode system_modes[] = {
  { "burn-on", mode_burn_on },
  { "limits", mode_limits },
  { "map", mode_map },
  { "niceness", mode_niceness },
  { "open-files", mode_open_files },
  { "pager", mode_pager },
  { "password", mode_password },
  { "read-fds", mode_read_fds },
  { "slurp", mode_slurp },
  { "terminal", mode_terminal },
  { "terminal-size", mode_terminal_size },
  { "terminal-wait", mode_terminal_wait },
  { "write-fd", mode_write_fd },
  { "write-file", mode_write_file },
  { NULL, NULL },
};
