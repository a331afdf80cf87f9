/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program that tests run as a command: gp-test-child MODE [ARGUMENT…]. It uses neither GLib
 * nor stdio buffers, so that what it does to its descriptors is all that is done to them. */

#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gp-test-child.h"
#include "gp-test-pattern.h"

static uint8_t buffer[65536];

void
write_all (int         fd,
           const void *data,
           size_t      size)
{
  const char *p = data;

  while (size > 0)
    {
      ssize_t n = write (fd, p, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        _exit (EXIT_BROKEN);
      p += n;
      size -= (size_t) n;
    }
}

size_t
read_some (void   *data,
           size_t  size)
{
  for (;;)
    {
      ssize_t n = read (0, data, size);

      if (n >= 0)
        return (size_t) n;
      if (errno != EINTR)
        _exit (EXIT_BROKEN);
    }
}

void
print (int         fd,
       const char *format,
       ...)
{
  va_list args;
  char *text;
  int size;

  va_start (args, format);
  size = vasprintf (&text, format, args);
  va_end (args);
  if (size < 0)
    _exit (EXIT_BROKEN);
  write_all (fd, text, (size_t) size);
  free (text);
}

/* Until killed. The alarm is for a child that its test has lost. */
int
wait_for_kill (void)
{
  alarm (600);
  while (pause () != 0)
    continue;
  return EXIT_BROKEN;
}

uint64_t
number (int    argc,
        char **argv,
        int    index)
{
  return index < argc ? strtoull (argv[index], NULL, 10) : 0;
}

static int
mode_echo (int    argc,
           char **argv)
{
  for (int i = 0; i < argc; i++)
    print (1, i > 0 ? " %s" : "%s", argv[i]);
  print (1, "\n");
  return 0;
}

static int
mode_argv (int    argc,
           char **argv)
{
  for (int i = 0; i < argc; i++)
    print (1, "%s\n", argv[i]);
  return 0;
}

static int
mode_cat (int    argc,
          char **argv)
{
  size_t n;

  (void) argc;
  (void) argv;
  while ((n = read_some (buffer, sizeof buffer)) > 0)
    write_all (1, buffer, n);
  return 0;
}

/* cat-and-say TEXT: on standard error, when all is copied */
static int
mode_cat_and_say (int    argc,
                  char **argv)
{
  mode_cat (argc, argv);
  if (argc > 0)
    print (2, "%s", argv[0]);
  return 0;
}

static int
mode_slow_cat (int    argc,
               char **argv)
{
  (void) argc;
  (void) argv;
  while (read_some (buffer, 1) > 0)
    write_all (1, buffer, 1);
  return 0;
}

/* head N [STATUS]: copies N bytes and leaves the rest unread */
static int
mode_head (int    argc,
           char **argv)
{
  uint64_t left = number (argc, argv, 0);
  size_t n;

  while (left > 0 && (n = read_some (buffer, left < sizeof buffer ? left : sizeof buffer)) > 0)
    {
      write_all (1, buffer, n);
      left -= n;
    }
  return (int) number (argc, argv, 1);
}

static int
mode_exit (int    argc,
           char **argv)
{
  return (int) number (argc, argv, 0);
}

static int
mode_kill_self (int    argc,
                char **argv)
{
  kill (getpid (), (int) number (argc, argv, 0));
  return wait_for_kill ();
}

/* close-stdin [TEXT]: no longer reads, says TEXT, and stays */
static int
mode_close_stdin (int    argc,
                  char **argv)
{
  close (0);
  if (argc > 0)
    print (1, "%s\n", argv[0]);
  return wait_for_kill ();
}

static int
spew (int      fd,
      uint64_t size)
{
  uint64_t done = 0;

  while (done < size)
    {
      size_t n = size - done < sizeof buffer ? size - done : sizeof buffer;

      gp_test_pattern_fill (buffer, n, done);
      write_all (fd, buffer, n);
      done += n;
    }
  return 0;
}

static int
mode_spew (int    argc,
           char **argv)
{
  return spew (1, argc > 0 ? number (argc, argv, 0) : UINT64_MAX);
}

/* yes LINE: for ever */
static int
mode_yes (int    argc,
          char **argv)
{
  size_t n = 0;

  while (argc > 0 && n < sizeof buffer - strlen (argv[0]) - 1)
    n += (size_t) sprintf ((char *) buffer + n, "%s\n", argv[0]);
  while (n > 0)
    write_all (1, buffer, n);
  return EXIT_BROKEN;
}

static int
mode_spew_stderr (int    argc,
                  char **argv)
{
  return spew (2, number (argc, argv, 0));
}

/* stderr TEXT [STATUS] */
static int
mode_stderr (int    argc,
             char **argv)
{
  if (argc > 0)
    print (2, "%s", argv[0]);
  return (int) number (argc, argv, 1);
}

/* both OUT ERR [STATUS] */
static int
mode_both (int    argc,
           char **argv)
{
  if (argc < 2)
    return EXIT_BROKEN;
  print (1, "%s", argv[0]);
  print (2, "%s", argv[1]);
  return (int) number (argc, argv, 2);
}

static int
mode_invalid_utf8 (int    argc,
                   char **argv)
{
  int fd = argc > 0 && strcmp (argv[0], "stderr") == 0 ? 2 : 1;

  write_all (fd, "caf\xe9\xff\n", 6);
  return (int) number (argc, argv, 1);
}

static int
mode_fds (int    argc,
          char **argv)
{
  DIR *dir = opendir ("/proc/self/fd");
  struct dirent *entry;
  int fds[1024];
  int n = 0;

  (void) argc;
  (void) argv;
  if (dir == NULL)
    return EXIT_BROKEN;
  while ((entry = readdir (dir)) != NULL && n < 1024)
    if (entry->d_name[0] != '.' && atoi (entry->d_name) != dirfd (dir))
      fds[n++] = atoi (entry->d_name);
  closedir (dir);
  for (int fd = 0; n > 0 && fd < 65536; fd++)
    for (int i = 0; i < n; i++)
      if (fds[i] == fd)
        print (1, "%d\n", fd);
  return 0;
}

static int
mode_signals (int    argc,
              char **argv)
{
  FILE *file = fopen ("/proc/self/status", "re");
  char line[256];

  (void) argc;
  (void) argv;
  if (file == NULL)
    return EXIT_BROKEN;
  while (fgets (line, sizeof line, file) != NULL)
    if (strncmp (line, "SigBlk", 6) == 0 || strncmp (line, "SigIgn", 6) == 0
        || strncmp (line, "SigCgt", 6) == 0)
      print (1, "%s", line);
  fclose (file);
  return 0;
}

static int
mode_env (int    argc,
          char **argv)
{
  const char *value = argc > 0 ? getenv (argv[0]) : NULL;

  if (value == NULL)
    return 1;
  print (1, "%s\n", value);
  return 0;
}

static int
mode_environ (int    argc,
              char **argv)
{
  (void) argc;
  (void) argv;
  for (char **entry = environ; *entry != NULL; entry++)
    print (1, "%s\n", *entry);
  return 0;
}

/* dump [ARGUMENT…], dump-environ: each with the NUL that ends it */
static int
mode_dump (int    argc,
           char **argv)
{
  for (int i = 0; i < argc; i++)
    write_all (1, argv[i], strlen (argv[i]) + 1);
  return 0;
}

static int
mode_dump_environ (int    argc,
                   char **argv)
{
  (void) argc;
  (void) argv;
  for (char **entry = environ; *entry != NULL; entry++)
    write_all (1, *entry, strlen (*entry) + 1);
  return 0;
}

static int
mode_cwd (int    argc,
          char **argv)
{
  char path[PATH_MAX];

  (void) argc;
  (void) argv;
  if (getcwd (path, sizeof path) == NULL)
    return EXIT_BROKEN;
  print (1, "%s\n", path);
  return 0;
}

static int
mode_pgid (int    argc,
           char **argv)
{
  (void) argc;
  (void) argv;
  print (1, "%d %d\n", (int) getpid (), (int) getpgrp ());
  return 0;
}

/* wait [TEXT]: never reads, says TEXT, and stays until killed */
static int
mode_wait (int    argc,
           char **argv)
{
  if (argc > 0)
    print (1, "%s\n", argv[0]);
  return wait_for_kill ();
}

static int
mode_ignore_term_and_wait (int    argc,
                           char **argv)
{
  signal (SIGTERM, SIG_IGN);
  return mode_wait (argc, argv);
}

/* term-exit STATUS [TEXT]: ends with STATUS when asked to terminate */
static int term_status;

static void
term_handler (int signum)
{
  (void) signum;
  _exit (term_status);
}

static int
mode_term_exit (int    argc,
                char **argv)
{
  term_status = (int) number (argc, argv, 0);
  signal (SIGTERM, term_handler);
  return mode_wait (argc - 1, argv + 1);
}

/* Gives up all of 0, 1 and 2 but the named stream */
static void
keep_only (const char *stream)
{
  int keep = strcmp (stream, "stderr") == 0 ? 2 : 1;

  for (int fd = 0; fd < 3; fd++)
    if (fd != keep)
      close (fd);
}

/* grandchild-hold stdout|stderr: leaves behind a process that holds the stream, and tells its id
 * on standard output */
static int
mode_grandchild_hold (int    argc,
                      char **argv)
{
  pid_t pid;

  if (argc < 1 || (pid = fork ()) < 0)
    return EXIT_BROKEN;
  if (pid == 0)
    {
      keep_only (argv[0]);
      return wait_for_kill ();
    }
  print (1, "%d\n", (int) pid);
  return 0;
}

/* grandchild-write stdout|stderr: leaves behind a process that writes when its parent has gone */
static int
mode_grandchild_write (int    argc,
                       char **argv)
{
  pid_t parent = getpid ();
  pid_t pid;

  if (argc < 1 || (pid = fork ()) < 0)
    return EXIT_BROKEN;
  if (pid == 0)
    {
      alarm (60);
      keep_only (argv[0]);
      while (getppid () == parent)
        sched_yield ();
      print (strcmp (argv[0], "stderr") == 0 ? 2 : 1, "late\n");
    }
  return 0;
}

/* grandchild-wait TEXT: waits for a process of its own group that waits to be killed */
static int
mode_grandchild_wait (int    argc,
                      char **argv)
{
  pid_t pid = fork ();

  if (pid < 0)
    return EXIT_BROKEN;
  return mode_wait (pid == 0 ? 0 : argc, argv);
}

/* A number of bytes that are really there */
static void *
allocate (uint64_t size)
{
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (memory == MAP_FAILED)
    _exit (EXIT_BROKEN);
  memset (memory, 1, size);
  return memory;
}

/* allocate BYTES [TEXT]: has so much memory, says TEXT, and stays until killed */
static int
mode_allocate (int    argc,
               char **argv)
{
  allocate (number (argc, argv, 0));
  return mode_wait (argc - 1, argv + 1);
}

/* allocate-and-free BYTES [TEXT]: had so much memory for a moment, says TEXT, and stays */
static int
mode_allocate_and_free (int    argc,
                        char **argv)
{
  uint64_t size = number (argc, argv, 0);

  munmap (allocate (size), size);
  return mode_wait (argc - 1, argv + 1);
}

/* allocate-and-exit BYTES [STATUS]: had so much memory, and ends */
static int
mode_allocate_and_exit (int    argc,
                        char **argv)
{
  allocate (number (argc, argv, 0));
  return (int) number (argc, argv, 1);
}

/* descend LEVELS BYTES [TEXT]: is the first of LEVELS processes, each the parent of the next and
 * with BYTES of its own; the first says TEXT when all have them, and all stay until killed */
static int
mode_descend (int    argc,
              char **argv)
{
  uint64_t levels = number (argc, argv, 0);
  int ready[2];
  char byte = 0;

  if (pipe (ready) != 0)
    return EXIT_BROKEN;
  for (uint64_t level = 1; level < levels; level++)
    {
      pid_t pid = fork ();

      if (pid < 0)
        return EXIT_BROKEN;
      if (pid > 0)
        {
          allocate (number (argc, argv, 1));
          if (level > 1)
            write_all (ready[1], &byte, 1);
          for (uint64_t i = 1; level == 1 && i < levels; i++)
            if (read (ready[0], &byte, 1) != 1)
              return EXIT_BROKEN;
          return level == 1 ? mode_wait (argc - 2, argv + 2) : wait_for_kill ();
        }
    }
  allocate (number (argc, argv, 1));
  if (levels <= 1)
    return mode_wait (argc - 2, argv + 2);
  write_all (ready[1], &byte, 1);
  return wait_for_kill ();
}

static int
mode_checksum (int    argc,
               char **argv)
{
  uint64_t sum = GP_TEST_CHECKSUM_INIT;
  uint64_t count = 0;
  size_t n;

  (void) argc;
  (void) argv;
  while ((n = read_some (buffer, sizeof buffer)) > 0)
    {
      sum = gp_test_checksum (sum, buffer, n);
      count += n;
    }
  print (1, "%" PRIu64 " %016" PRIx64 "\n", count, sum);
  return 0;
}

static int
mode_is_tty (int    argc,
             char **argv)
{
  (void) argc;
  (void) argv;
  print (1, "%d %d %d\n", isatty (0), isatty (1), isatty (2));
  return 0;
}

/* burn MSEC: uses so much processor time */
static int
mode_burn (int    argc,
           char **argv)
{
  uint64_t msec = number (argc, argv, 0);
  struct timespec used;

  do
    clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used);
  while ((uint64_t) used.tv_sec * 1000 + (uint64_t) used.tv_nsec / 1000000 < msec);
  return 0;
}

static int run_mode (int argc, char **argv);

/* twice MODE [ARGUMENT…]: in a child, waits for that, and then itself */
static int
mode_twice (int    argc,
            char **argv)
{
  pid_t pid = fork ();

  if (pid < 0)
    return EXIT_BROKEN;
  if (pid == 0)
    _exit (run_mode (argc, argv));
  if (waitpid (pid, NULL, 0) != pid)
    return EXIT_BROKEN;
  return run_mode (argc, argv);
}

static const NamedMode modes[] = {
  { "allocate", mode_allocate },
  { "allocate-and-exit", mode_allocate_and_exit },
  { "allocate-and-free", mode_allocate_and_free },
  { "argv", mode_argv },
  { "both", mode_both },
  { "burn", mode_burn },
  { "cat", mode_cat },
  { "cat-and-say", mode_cat_and_say },
  { "checksum", mode_checksum },
  { "close-stdin", mode_close_stdin },
  { "cwd", mode_cwd },
  { "descend", mode_descend },
  { "dump", mode_dump },
  { "dump-environ", mode_dump_environ },
  { "echo", mode_echo },
  { "env", mode_env },
  { "environ", mode_environ },
  { "exit", mode_exit },
  { "fds", mode_fds },
  { "grandchild-hold", mode_grandchild_hold },
  { "grandchild-wait", mode_grandchild_wait },
  { "grandchild-write", mode_grandchild_write },
  { "head", mode_head },
  { "ignore-term-and-wait", mode_ignore_term_and_wait },
  { "invalid-utf8", mode_invalid_utf8 },
  { "is-tty", mode_is_tty },
  { "kill-self", mode_kill_self },
  { "pgid", mode_pgid },
  { "signals", mode_signals },
  { "slow-cat", mode_slow_cat },
  { "spew", mode_spew },
  { "spew-stderr", mode_spew_stderr },
  { "stderr", mode_stderr },
  { "term-exit", mode_term_exit },
  { "twice", mode_twice },
  { "wait", mode_wait },
  { "yes", mode_yes },
  { NULL, NULL },
};

static int
run_mode (int    argc,
          char **argv)
{
  static const NamedMode *tables[] = { modes, leash_modes, system_modes };

  for (size_t i = 0; argc > 0 && i < sizeof tables / sizeof *tables; i++)
    for (const NamedMode *mode = tables[i]; mode->name != NULL; mode++)
      if (strcmp (argv[0], mode->name) == 0)
        return mode->mode (argc - 1, argv + 1);
  print (2, "gp-test-child: unknown mode\n");
  return EXIT_BROKEN;
}

int
main (int    argc,
      char **argv)
{
  return run_mode (argc - 1, argv + 1);
}
