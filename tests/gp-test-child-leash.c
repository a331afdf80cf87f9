/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include "gp-test-child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The modes of the child program that a test lets live, with descendants, until it lets them go */

/* Two descriptors that tests give to a command, see gp-test-leash.h */
#define LEASH_OUT 3
#define LEASH_IN  4

/* Gives up its standard streams but for those that HOW names */
static void
close_others (const char *how)
{
  for (int fd = 0; fd < 3; fd++)
    if (strchr (how, '0' + fd) == NULL)
      close (fd);
}

static void
tell_signal (int signum)
{
  write_all (LEASH_OUT, signum == SIGTERM ? "T" : "R", 1);
}

/* What "leave" leaves behind */
static void
hold (const char *how,
      int         ready_fd)
{
  char byte = 0;

  alarm (600);
  if (strchr (how, 'i') != NULL)
    signal (SIGTERM, SIG_IGN);
  if (strchr (how, 't') != NULL)
    signal (SIGTERM, tell_signal);
  close_others (how);
  if (strchr (how, 'z') != NULL)
    raise (SIGSTOP);
  else
    write_all (ready_fd, &byte, 1);
  close (ready_fd);

  while (read (LEASH_IN, &byte, 1) == 1)
    write_all (LEASH_OUT, &byte, 1);
  for (int fd = 1; fd < 3; fd++)
    if (strchr (how, '0' + fd) != NULL)
      print (fd, "late\n");
  _exit (0);
}

/* Its parent tells for it that it has stopped. */
static void
fork_holder (const char *how,
             int         ready_fd)
{
  char byte = 0;
  pid_t pid = fork ();

  if (pid < 0)
    _exit (EXIT_BROKEN);
  if (pid == 0)
    {
      if (strchr (how, 's') != NULL && strchr (how, 'd') == NULL)
        setsid ();
      hold (how, ready_fd);
    }
  if (strchr (how, 'z') != NULL && waitpid (pid, NULL, WUNTRACED) == pid)
    write_all (ready_fd, &byte, 1);
}

static void
leave_behind (const char *how)
{
  int ready[2];
  char byte;

  if (pipe (ready) != 0)
    _exit (EXIT_BROKEN);
  /* Where a standard stream was closed, they would be taken for that. */
  for (int i = 0; i < 2; i++)
    {
      int low = ready[i];

      ready[i] = fcntl (low, F_DUPFD, 10);
      close (low);
    }
  if (strchr (how, 'd') != NULL)
    {
      pid_t pid = fork ();

      if (pid == 0)
        {
          if (strchr (how, 's') != NULL)
            setsid ();
          fork_holder (how, ready[1]);
          _exit (0);
        }
      if (pid < 0 || waitpid (pid, NULL, 0) != pid)
        _exit (EXIT_BROKEN);
    }
  else
    fork_holder (how, ready[1]);

  if (read (ready[0], &byte, 1) != 1)
    _exit (EXIT_BROKEN);
  close (ready[0]);
  close (ready[1]);
}

/* Until killed, whether anybody reads it or not */
static int
spew (void)
{
  signal (SIGPIPE, SIG_IGN);
  alarm (600);
  while (write (1, "more\n", 5) != 0)
    continue;
  return 0;
}

/* Until the test lets go */
static int
wait_for_release (void)
{
  struct pollfd poll_fd = { .fd = LEASH_IN, .events = 0 };

  alarm (600);
  while (poll (&poll_fd, 1, -1) < 0 && errno == EINTR)
    continue;
  return 0;
}

/* leave HOW END [TEXT]: leaves behind a process that answers on the leash, says TEXT and then "!"
 * on the leash, and ends. HOW, each letter:
 *   s      it makes a session of its own
 *   d      it has no parent any more, like a daemon
 *   i      it ignores SIGTERM
 *   t      it stays, and says "T" on the leash for each SIGTERM
 *   z      it stops itself
 *   0 1 2  it keeps that stream, and says "late" there when the test lets go of it; the command
 *          first copies five bytes (0), or says "err" (2)
 * END: an exit status; "wait" until killed; "release": when the test lets go; "terms": until
 * killed, with a "T" on the leash for each SIGTERM and an "R" for each SIGRTMIN; "spew": likewise,
 * and it writes all the time */
static int
mode_leave (int    argc,
            char **argv)
{
  const char *how = argc > 0 ? argv[0] : "";
  const char *end = argc > 1 ? argv[1] : "0";
  char byte;

  leave_behind (how);
  if (strcmp (end, "terms") == 0 || strcmp (end, "spew") == 0)
    {
      signal (SIGTERM, tell_signal);
      signal (SIGRTMIN, tell_signal);
    }
  if (strchr (how, '0') != NULL)
    for (int i = 0; i < 5 && read_some (&byte, 1) > 0; i++)
      write_all (1, &byte, 1);
  if (strchr (how, '2') != NULL)
    print (2, "err\n");
  if (argc > 2)
    print (1, "%s", argv[2]);
  write_all (LEASH_OUT, "!", 1);

  if (strcmp (end, "release") == 0)
    return wait_for_release ();
  if (strcmp (end, "spew") == 0)
    return spew ();
  if (strcmp (end, "wait") == 0 || strcmp (end, "terms") == 0)
    return wait_for_kill ();
  return (int) number (argc, argv, 1);
}

/* fork-bomb N: becomes as many processes as fast as it can, every third in a session of its own,
 * and all of them ignore SIGTERM. Says "!" on the leash when half of them are there. */
static int
mode_fork_bomb (int    argc,
                char **argv)
{
  uint64_t max = number (argc, argv, 0);
  uint64_t *count = mmap (NULL, sizeof *count, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  if (count == MAP_FAILED)
    return EXIT_BROKEN;
  signal (SIGTERM, SIG_IGN);
  for (;;)
    {
      uint64_t mine = __atomic_add_fetch (count, 1, __ATOMIC_SEQ_CST);

      if (mine == max / 2)
        write_all (LEASH_OUT, "!", 1);
      if (mine > max)
        return wait_for_kill ();
      if (fork () == 0 && mine % 3 == 0)
        setsid ();
    }
}

/* exit-later STATUS: when its input has ended */
static int
mode_exit_later (int    argc,
                 char **argv)
{
  char byte;

  while (read_some (&byte, 1) > 0)
    continue;
  return (int) number (argc, argv, 0);
}

/* until-unread [TEXT]: says TEXT, and ends well when nobody can read its output any more, of which it
 * writes nothing else */
static int
mode_until_unread (int    argc,
                   char **argv)
{
  struct pollfd poll_fd = { .fd = 1, .events = 0 };

  if (argc > 0)
    print (1, "%s\n", argv[0]);
  alarm (600);
  while (poll (&poll_fd, 1, -1) < 0 && errno == EINTR)
    continue;
  return (poll_fd.revents & POLLERR) != 0 ? 0 : EXIT_BROKEN;
}

/* cell HOW: says "!" on the leash when it is set up, and does what the letters of HOW say:
 *   i      it ignores SIGTERM
 *   b      it writes ten bytes before anything else
 *   r      it reads to the end of its input, and ends
 *   w      it writes until nobody reads any more
 *   0 1 2  the stream that is meant below
 * Without r and w it waits for the test, which lets go of it, or sends it:
 *   c      it closes all standard streams but the named one, and says "!" again
 *   h      it leaves behind a process that keeps the named stream, as "leave" does, and ends */
static int
mode_cell (int    argc,
           char **argv)
{
  static const char zeros[65536];
  const char *how = argc > 0 ? argv[0] : "";
  char byte;

  alarm (600);
  if (strchr (how, 'i') != NULL)
    signal (SIGTERM, SIG_IGN);
  if (strchr (how, 'b') != NULL)
    write_all (1, "012345678\n", 10);
  write_all (LEASH_OUT, "!", 1);

  while (strchr (how, 'w') != NULL)
    write_all (1, zeros, sizeof zeros);
  if (strchr (how, 'r') != NULL)
    {
      while (read_some (&byte, 1) > 0)
        continue;
      return 0;
    }

  while (read (LEASH_IN, &byte, 1) == 1)
    {
      if (byte == 'h')
        {
          leave_behind (how);
          return 0;
        }
      close_others (how);
      write_all (LEASH_OUT, "!", 1);
    }
  return 0;
}

const NamedMode leash_modes[] = {
  { "cell", mode_cell },
  { "exit-later", mode_exit_later },
  { "fork-bomb", mode_fork_bomb },
  { "leave", mode_leave },
  { "until-unread", mode_until_unread },
  { NULL, NULL },
};
