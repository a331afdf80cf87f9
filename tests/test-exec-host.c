/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-exec.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Starting commands from programs in odd situations. With "--host" this is such a program, which
 * ends with status 0, or with another one that tells the line of what went wrong. */

#define host_check(expression) \
  G_STMT_START \
  { \
    if (!(expression)) \
      _exit (__LINE__ % 255 + 1); \
  } \
  G_STMT_END

static void
host_check_child (void)
{
  Options options = { .input = "through\n" };
  char *output = run (CHILD ("fds"), &options, NULL);

  host_check (g_strcmp0 (output, "0 1 2 ") == 0);
  g_free (output);

  output = run (CHILD ("cat"), &options, NULL);
  host_check (g_strcmp0 (output, "through\n") == 0);
  host_check (g_strcmp0 (options.errors, "err") == 0);
  g_free (output);
  g_free (options.errors);
}

static void
host_with_closed_streams (int mask)
{
  int fd;

  for (fd = 0; fd < 3; fd++)
    {
      if (mask & (1 << fd))
        close (fd);
    }

  fd = gp_descriptor_open_null (O_RDWR, NULL);
  host_check (fd > 2);
  host_check_child ();
  host_check_child ();
}

/* A SIGCHLD that is ignored loses the status, but neither the start nor the news of the end */
static void
host_with_ignored_signals (void)
{
  Options options = { 0 };

  for (int number = 1; number < NSIG; number++)
    {
      if (number != SIGALRM)
        signal (number, SIG_IGN);
    }

  for (int i = 0; i < 20; i++)
    {
      char *output = run (CHILD ("signals"), &options, NULL);

      host_check (g_strcmp0 (output, "0 0 ") == 0);
      host_check (run ((const char * const []) { "gp-none", NULL }, &options, NULL) == NULL);
      g_free (output);
    }
}

#define MAX_FDS 64

/* However few descriptors are left, there is a result or an error, and never an abort */
static void
host_with_few_descriptors (void)
{
  const struct rlimit limit = { MAX_FDS, MAX_FDS };
  char *environment[] = { NULL };
  GpSpawnRequest request = {
    .argv = CHILD ("fds"),
    .environ = (const char * const *) environment,
    .stderr_fd = 2,
  };
  int out[2];
  gboolean started = FALSE;

  host_check (gp_descriptor_open_pipe (out, NULL));
  request.stdout_fd = out[1];
  setrlimit (RLIMIT_NOFILE, &limit);

  for (int n_free = 0; n_free < 25; n_free++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSubprocess) process = NULL;
      int fds[MAX_FDS];
      int n_fds = 0;
      char text[6];

      while ((fds[n_fds] = fcntl (0, F_DUPFD_CLOEXEC, 0)) >= 0)
        n_fds++;
      for (int i = 0; i < n_free; i++)
        close (fds[--n_fds]);

      process = spawn (&request, NULL, NULL, &error);
      started = process != NULL;
      host_check (started || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES));

      while (n_fds > 0)
        close (fds[--n_fds]);

      if (process != NULL)
        {
          host_check (read (out[0], text, sizeof text) == sizeof text);
          host_check (memcmp (text, "0 1 2 ", sizeof text) == 0);
          host_check (g_subprocess_wait_check (process, NULL, NULL));
        }
    }

  host_check (started);
}

/* System calls are refused from here on, in this program and in those that it starts */
static void
refuse_system_calls (int       first,
                     int       second,
                     unsigned  errsv)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errsv),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    _exit (0);
}

/* Without close_range (), and in the last case without a readable /proc/self/fd as well */
static void
host_in_sandbox (int kind)
{
#ifdef SYS_close_range
  GpSpawnRequest request = {
    .argv = CHILD ("cat"),
    .environ = (const char * const *) environ,
    .stderr_fd = 2,
  };
  GSubprocess *process;
  struct rlimit limit;
  int in[2], leaked[2];
  char byte;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max = MIN (limit.rlim_max, 4096);
  setrlimit (RLIMIT_NOFILE, &limit);

  /* The list of descriptors is longer than what is read at a time */
  for (int i = 0; i < 400; i++)
    host_check (dup (0) >= 0);

  refuse_system_calls (SYS_close_range,
                       kind == 2 ? SYS_getdents64 : SYS_close_range,
                       kind == 0 ? ENOSYS : EPERM);

  if (kind < 2)
    {
      host_check_child ();
      return;
    }

  /* Nor can the child list them: see whether it holds the end of a pipe open while it runs */
  host_check (pipe (leaked) == 0);
  host_check (gp_descriptor_open_pipe (in, NULL));
  request.stdin_fd = in[0];
  request.stdout_fd = in[1];
  process = spawn (&request, NULL, NULL, NULL);
  host_check (process != NULL);

  close (leaked[1]);
  host_check (read (leaked[0], &byte, 1) == 0);
  g_subprocess_force_exit (process);
  g_subprocess_wait (process, NULL, NULL);
#endif
}

static int
host_main (char **argv)
{
  int number = atoi (argv[4]);

  gp_spawn_set_helper (argv[3][0] != '\0' ? argv[3] : NULL);

  if (strcmp (argv[2], "closed") == 0)
    host_with_closed_streams (number);
  else if (strcmp (argv[2], "ignored") == 0)
    host_with_ignored_signals ();
  else if (strcmp (argv[2], "few") == 0)
    host_with_few_descriptors ();
  else if (strcmp (argv[2], "sandbox") == 0)
    host_in_sandbox (number);
  else
    return 1;

  /* Not through exit: a leak checker needs what was taken away here */
  _exit (0);
}

static void
run_host (const char *kind,
          int         number)
{
  g_autofree char *text = g_strdup_printf ("%d", number);
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "G_DEBUG");
  char *argv[] = {
    self_path, (char *) "--host", (char *) kind, (char *) (with_helper ? helper_path : ""), text,
    NULL
  };
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, environment, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL,
                NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

static void
test_host_closed (void)
{
  for (int mask = 0; mask < 8; mask++)
    run_host ("closed", mask);
}

static void
test_host_ignored (void)
{
  run_host ("ignored", 0);
}

static void
test_host_few (void)
{
  run_host ("few", 0);
}

static void
test_host_sandbox (void)
{
  for (int kind = 0; kind < 3; kind++)
    run_host ("sandbox", kind);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (!begin (argc, argv, &status))
    return status;

  if (argc > 4 && strcmp (argv[1], "--host") == 0)
    return host_main (argv);

  g_test_init (&argc, &argv, NULL);

  add_both ("closed-streams", test_host_closed);
  add_both ("ignored-signals", test_host_ignored);
  add_both ("few-descriptors", test_host_few);
  add_both ("sandbox", test_host_sandbox);

  status = g_test_run ();
  g_free (self_path);

  return status;
}
