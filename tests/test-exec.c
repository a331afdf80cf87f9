/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-exec.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <glib/gstdio.h>

static int n_forks; /* atomic */

static int
count_fds_once (gboolean *watching)
{
  GDir *directory = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  int n_fds = 0;

  *watching = FALSE;
  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree char *target = g_file_read_link (path, NULL);

      n_fds++;
      if (target == NULL || strstr (target, "pidfd") != NULL)
        *watching = TRUE;
    }
  g_dir_close (directory);

  return n_fds;
}

/* GLib's worker closes its own descriptor of a process just after it has told of its end */
static int
count_fds (void)
{
  gboolean watching;
  int n_fds;

  while (n_fds = count_fds_once (&watching), watching)
    g_thread_yield ();

  return n_fds;
}

static char *
make_directory (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("gp-test-exec-XXXXXX", &error);

  g_assert_no_error (error);

  return path;
}

static void
remove_directory (const char *path)
{
  GDir *directory = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (g_file_test (file, G_FILE_TEST_IS_DIR) && !g_file_test (file, G_FILE_TEST_IS_SYMLINK))
        remove_directory (file);
      else
        g_unlink (file);
    }
  g_dir_close (directory);

  g_rmdir (path);
}

static void
write_file (const char *directory,
            const char *name,
            const char *text,
            int         mode)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_no_errno (chmod (path, mode));
}

/* Tests */

static void
test_streams (void)
{
  Options options = { .input = "one\ntwo\n" };
  g_autoptr (GError) error = NULL;
  g_autofree char *output = run (CHILD ("cat"), &options, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, "one\ntwo\n");
  g_assert_cmpstr (options.errors, ==, "err");
  g_free (options.errors);
}

/* Standard output and error are one description, and so is everything else that a child has */
static void
test_merged (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_auto (GStrv) environment = g_get_environ ();
  g_autofree char *output = NULL;
  GpSpawnRequest request = {
    .argv = CHILD ("echo", "a"),
    .environ = (const char * const *) environment,
  };
  int out[2];

  g_assert_true (gp_descriptor_open_pipe (out, NULL));
  request.stdin_fd = gp_descriptor_open_null (O_RDONLY, NULL);
  request.stdout_fd = request.stderr_fd = out[1];

  process = spawn (&request, NULL, NULL, &error);
  g_assert_no_error (error);
  gp_descriptor_clear (&out[1]);
  gp_descriptor_clear (&request.stdin_fd);

  output = read_to_end (out[0]);
  gp_descriptor_clear (&out[0]);
  g_assert_cmpstr (output, ==, "[a]err");
  g_assert_true (g_subprocess_wait_check (process, NULL, NULL));
}

static void
test_arguments (void)
{
  Options options = { 0 };

  assert_child_says (&options, "[][ a b ][\xff][*]", "echo", "", " a b ", "\xff", "*");
}

static void
test_pid (void)
{
  Options options = { 0 };
  g_autofree char *output = run (CHILD ("pid"), &options, NULL);

  g_assert_nonnull (output);
  g_assert_cmpint (options.pid, ==, atoi (output));
  g_free (options.errors);
}

static void
test_descriptors (void)
{
  int leaks[] = { dup (0), fcntl (0, F_DUPFD, 30), fcntl (0, F_DUPFD, 300) };
  Options options = { 0 };

  assert_child_says (&options, "0 1 2 ", "fds");

  for (gsize i = 0; i < G_N_ELEMENTS (leaks); i++)
    close (leaks[i]);
}

static void
test_signals (void)
{
  Options options = { 0 };
  sigset_t all, before;

  /* Without pidfds, as in valgrind, GLib itself needs SIGCHLD */
  sigfillset (&all);
  sigdelset (&all, SIGCHLD);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  signal (SIGHUP, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGRTMAX, SIG_IGN);

  assert_child_says (&options, "0 0 ", "signals");

  signal (SIGRTMAX, SIG_DFL);
  signal (SIGINT, SIG_DFL);
  signal (SIGHUP, SIG_DFL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
}

static void
test_sigpipe_of_program (void)
{
  struct sigaction action;
  int fds[2];

  g_assert_true (gp_descriptor_open_pipe (fds, NULL));
  gp_descriptor_clear (&fds[0]);
  g_assert_cmpint (write (fds[1], "", 1), ==, -1);
  g_assert_cmpint (errno, ==, EPIPE);
  gp_descriptor_clear (&fds[1]);

  g_assert_no_errno (sigaction (SIGPIPE, NULL, &action));
  g_assert_true (action.sa_handler == SIG_IGN);
}

static void
test_group (void)
{
  Options options = { .own_group = TRUE };

  assert_child_says (&options, "leader", "group");
  options.own_group = FALSE;
  assert_child_says (&options, "member", "group");
}

static void
test_environment (void)
{
  const char * const environment[] = { "A=1", "NOEQUALS", "A=2", "B=x=y", "C=\xff", NULL };
  const char * const empty[] = { NULL };
  Options options = { .environ = environment };

  /* The sanitizers of a dynamic child would say that they miss their own settings */
  assert_child_says (&options, "A=1\nNOEQUALS\nA=2\nB=x=y\nC=\xff\n", "environment");
  options.environ = empty;
  assert_child_says (&options, "", "environment");
}

static void
test_directory (void)
{
  g_autofree char *directory = make_directory ();
  g_autofree char *missing = g_build_filename (directory, "missing", NULL);
  g_autofree char *message = NULL;
  Options options = { .directory = directory };

  assert_child_says (&options, directory, "directory");

  options.directory = missing;
  message = g_strdup_printf ("cannot change to directory \"%s\": No such file or directory",
                             missing);
  assert_start_fails (CHILD ("directory"), &options, G_SPAWN_ERROR, G_SPAWN_ERROR_CHDIR, message);

  remove_directory (directory);
}

/* Makes D/a, D/b, D/c and an environment whose PATH is "D/a:D/b:TOO-LONG:D/c" */
static char *
make_path (GStrv *environment)
{
  char *directory = make_directory ();
  g_autofree char *too_long = g_strnfill (5000, 'x');
  g_autofree char *path = NULL;

  for (const char *name = "abc"; *name != '\0'; name++)
    {
      char text[2] = { *name, '\0' };
      g_autofree char *folder = g_build_filename (directory, text, NULL);

      g_assert_no_errno (g_mkdir (folder, 0700));
    }

  path = g_strdup_printf ("%s/a:%s/b:/%s:%s/none:%s:%s/c",
                          directory, directory, too_long, directory, self_path, directory);
  *environment = g_environ_setenv (g_get_environ (), "PATH", path, TRUE);

  return directory;
}

static void
test_path (void)
{
  g_auto (GStrv) environment = NULL;
  g_autofree char *directory = make_path (&environment);
  g_autofree char *link = g_build_filename (directory, "c", "gp-tool", NULL);
  const char * const argv[] = { "gp-tool", "--child", "echo", "x", NULL };
  const char * const relative[] = { "./gp-tool", "--child", "echo", "x", NULL };
  Options options = { .environ = (const char * const *) environment };
  g_autofree char *output = NULL;

  g_assert_no_errno (symlink (self_path, link));
  output = run (argv, &options, NULL);
  g_assert_cmpstr (output, ==, "[x]");
  g_clear_pointer (&options.errors, g_free);
  g_clear_pointer (&output, g_free);

  /* A name with a slash is taken as it is, from the new directory */
  assert_start_fails (relative, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                      "\"./gp-tool\": No such file or directory");
  g_free (link);
  link = g_build_filename (directory, "c", NULL);
  options.directory = link;
  output = run (relative, &options, NULL);
  g_assert_cmpstr (output, ==, "[x]");
  g_clear_pointer (&options.errors, g_free);
  g_clear_pointer (&output, g_free);

  /* An empty element is the current directory, which is the new one */
  environment = g_environ_setenv (environment, "PATH", "/nonexistent::/nonexistent", TRUE);
  options.environ = (const char * const *) environment;
  output = run (argv, &options, NULL);
  g_assert_cmpstr (output, ==, "[x]");
  g_clear_pointer (&options.errors, g_free);

  remove_directory (directory);
}

static void
test_path_default (void)
{
  const char * const environment[] = { "NOPATH=1", NULL };
  const char * const argv[] = { "true", NULL };
  Options options = { .environ = environment };
  g_autofree char *output = NULL;

  g_assert_true (g_file_test ("/bin/true", G_FILE_TEST_IS_EXECUTABLE));
  output = run (argv, &options, NULL);
  g_assert_cmpstr (output, ==, "");
  g_free (options.errors);
}

/* Valgrind cannot go back once it has asked the kernel to execute something. It is not in the
 * helper, but turns the posix_spawn () of one into a fork, too. */
static gboolean
skip_because_of_valgrind (void)
{
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    return FALSE;

  g_test_skip ("a failing exec cannot be tested within valgrind");

  return TRUE;
}

static void
test_path_errors (void)
{
  g_auto (GStrv) environment = NULL;
  g_autofree char *directory = make_path (&environment);
  g_autofree char *name = g_strnfill (300, 'y');
  const char * const none[] = { "gp-none", NULL };
  const char * const forbidden[] = { "gp-forbidden", NULL };
  const char * const text[] = { "gp-text", NULL };
  const char * const script[] = { "gp-script", NULL };
  const char * const long_name[] = { name, NULL };
  Options options = { .environ = (const char * const *) environment };

  if (!with_helper && skip_because_of_valgrind ())
    {
      remove_directory (directory);
      return;
    }

  write_file (directory, "a/gp-forbidden", "#!/bin/sh\n", 0600);
  write_file (directory, "b/gp-text", "echo this must not be run by a shell\n", 0700);
  write_file (directory, "b/gp-script", "#!/nonexistent/interpreter\n", 0700);

  assert_start_fails (none, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                      "program \"gp-none\" was not found in PATH");
  assert_start_fails (long_name, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT, NULL);
  assert_start_fails (forbidden, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES,
                      "\"gp-forbidden\": Permission denied");
  assert_start_fails (text, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOEXEC,
                      "\"gp-text\" is not a program: it has no \"#!\" line and is no binary "
                      "that this machine can run");
  assert_start_fails (script, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                      "\"gp-script\" is there, but not the interpreter that it needs");

  remove_directory (directory);
}

static void
test_name_errors (void)
{
  const char * const slash[] = { "/nonexistent/x\xff", NULL };
  const char * const directory[] = { "/", NULL };
  const char * const not_directory[] = { "/dev/null/x", NULL };
  Options options = { 0 };

  assert_start_fails (slash, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                      "\"/nonexistent/x\xef\xbf\xbd\": No such file or directory");
  assert_start_fails (directory, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_ACCES,
                      "\"/\": Permission denied");
  assert_start_fails (not_directory, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOTDIR,
                      "\"/dev/null/x\": Not a directory");
}

static void
test_too_big (void)
{
  g_autofree char *argument = g_strnfill (200 * 1024, 'x');
  g_autofree char *message = g_strdup_printf ("\"%s\": Argument list too long", self_path);
  Options options = { 0 };

  if (skip_because_of_valgrind ())
    return;

  assert_start_fails (CHILD ("echo", argument), &options,
                      G_SPAWN_ERROR, G_SPAWN_ERROR_TOO_BIG, message);
}

static void
test_bad_descriptor (void)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) environment = g_get_environ ();
  GpSpawnRequest request = {
    .argv = CHILD ("echo"),
    .environ = (const char * const *) environment,
    .stdin_fd = 0,
    .stdout_fd = 9999,
    .stderr_fd = 2,
  };

  g_assert_null (spawn (&request, NULL, NULL, &error));
  g_assert_true (error->domain == G_IO_ERROR);
}

static void
test_failures_leave_nothing (void)
{
  const char * const argv[] = { "/nonexistent/x", NULL };
  Options options = { .own_group = TRUE };
  int n_fds;

  assert_start_fails (argv, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT, NULL);
  n_fds = count_fds ();

  for (int i = 0; i < 50; i++)
    assert_start_fails (argv, &options, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT, NULL);

  g_assert_cmpint (count_fds (), ==, n_fds);
}

static gpointer
spawn_thread (gpointer unused)
{
  Options options = { .own_group = TRUE };
  const char * const none[] = { "/nonexistent/x", NULL };

  for (int i = 0; i < 15; i++)
    {
      g_autoptr (GError) error = NULL;

      assert_child_says (&options, "0 1 2 ", "fds");
      g_assert_null (run (none, &options, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
    }

  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[6];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new (NULL, spawn_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

static void
test_fork_is_avoided (void)
{
  Options options = { .directory = "/", .own_group = TRUE };
  int before = n_forks;

  assert_child_says (&options, "/", "directory");
  g_assert_cmpint (n_forks, ==, before);

  gp_spawn_set_helper (NULL);
  assert_child_says (&options, "/", "directory");
  g_assert_cmpint (n_forks, ==, before + 1);
}

/* A helper that is missing, says nothing, or speaks another protocol is done without */
static void
test_bad_helper (void)
{
  const char *bad[] = { "silent", "protocol" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "GP_TEST_BAD_HELPER", bad[i], TRUE);
      Options options = { .environ = (const char * const *) environment };

      gp_spawn_set_helper (self_path);
      assert_child_says (&options, "[x]", "echo", "x");
    }

  Options options = { 0 };

  gp_spawn_set_helper ("/nonexistent/helper");
  assert_child_says (&options, "[x]", "echo", "x");
  gp_spawn_set_helper ("/");
  assert_child_says (&options, "[x]", "echo", "x");
}

static void
test_helper_arguments (void)
{
#define GOOD "", "", "0", "0", ""
  const char * const cases[][12] = {
    { helper_path, NULL },
    { helper_path, "0", "3", "g", GOOD, "/bin/true", NULL },
    { helper_path, "99999999999999999999", "3", "g", GOOD, "/bin/true", NULL },
    { helper_path, "2", NULL },
    { helper_path, "2", "x", "g", GOOD, "/bin/true", NULL },
    { helper_path, "2", "-3", "g", GOOD, "/bin/true", NULL },
    { helper_path, "2", "3", NULL },
    { helper_path, "2", "3", "g", GOOD, NULL },
    { helper_path, "2", "3", "x", GOOD, "/bin/true", NULL },
    { helper_path, "2", "3", "g", "3,x", "", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "5;6", "", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "4294967296", "", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "1,2", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "1,2,", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "1,2,18446744073709551616", "0", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "", "", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "", "1,", "0", "", "/bin/true", NULL },
    { helper_path, "2", "3", "g", "", "", "0", "-1", "", "/bin/true", NULL },
    { helper_path, "2", "3", "gs", "", "", "0", "2147483648", "", "/bin/true", NULL },
  };
#undef GOOD
  const gsize n_foreign = 6;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GSubprocessLauncher) launcher = NULL;
      g_autoptr (GSubprocess) process = NULL;
      GpExecReport report;
      int fds[2];

      launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_SILENCE);
      g_assert_true (gp_descriptor_open_socket_pair (fds, NULL));
      g_subprocess_launcher_take_fd (launcher, fds[1], CONTROL_FD);
      process = g_subprocess_launcher_spawnv (launcher, cases[i], NULL);
      g_subprocess_launcher_close (launcher);
      g_assert_nonnull (process);

      if (i < n_foreign)
        {
          g_assert_cmpint (read (fds[0], &report, sizeof report), ==, 0);
        }
      else
        {
          g_assert_cmpint (read (fds[0], &report, sizeof report), ==, sizeof report);
          g_assert_cmpint (report.step, ==, GP_EXEC_STEP_ARGUMENTS);
        }
      gp_descriptor_clear (&fds[0]);

      g_subprocess_wait (process, NULL, NULL);
      g_assert_cmpint (g_subprocess_get_exit_status (process), ==, i < n_foreign ? 126 : 127);
    }
}

/* What is in the keep list stays open */
static void
test_keep (void)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *output = NULL;
  int control[2], out[2];

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_assert_true (gp_descriptor_open_socket_pair (control, NULL));
  g_assert_true (gp_descriptor_open_pipe (out, NULL));
  g_subprocess_launcher_take_fd (launcher, control[1], CONTROL_FD);
  g_subprocess_launcher_take_stdout_fd (launcher, out[1]);
  for (int target = 4; target <= 12; target++)
    g_subprocess_launcher_take_fd (launcher, gp_descriptor_open_null (O_RDONLY, NULL), target);

  process = g_subprocess_launcher_spawn (launcher, NULL, helper_path, "2", "3", "", "11,4,7",
                                         "", "0", "0", "", self_path, "--child", "fds", NULL);
  g_subprocess_launcher_close (launcher);
  g_assert_nonnull (process);
  g_assert_cmpint (write (control[0], "", 1), ==, 1);

  output = read_to_end (out[0]);
  g_assert_cmpstr (output, ==, "0 1 2 4 7 11 ");
  gp_descriptor_clear (&out[0]);
  gp_descriptor_clear (&control[0]);
  g_assert_true (g_subprocess_wait_check (process, NULL, NULL));
}

typedef struct
{
  GpInterrupt *interrupt;
  int          fd;
} Interrupter;

static gpointer
interrupt_when_ready (gpointer data)
{
  Interrupter *self = data;
  char ready[5];

  g_assert_cmpint (read (self->fd, ready, sizeof ready), ==, sizeof ready);
  gp_interrupt_raise (self->interrupt);

  return read_to_end (self->fd);
}

/* The exec hangs, as on a file system that does not answer */
static void
test_interrupted_during (gconstpointer how)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "GP_TEST_BAD_HELPER", how, TRUE);
  g_autofree char *rest = NULL;
  GpSpawnRequest request = {
    .argv = CHILD ("echo"),
    .environ = (const char * const *) environment,
    .stdin_fd = 0,
    .stderr_fd = 2,
    .flags = GP_EXEC_OWN_GROUP,
  };
  Interrupter interrupter = { .interrupt = interrupt };
  GThread *thread;
  siginfo_t info;
  int out[2];

  gp_spawn_set_helper (self_path);
  g_assert_true (gp_descriptor_open_pipe (out, NULL));
  request.stdout_fd = out[1];
  interrupter.fd = out[0];
  thread = g_thread_new (NULL, interrupt_when_ready, &interrupter);

  g_assert_null (spawn (&request, interrupt, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);

  /* The end of its output comes only if the others of the group are gone as well */
  gp_descriptor_clear (&out[1]);
  rest = g_thread_join (thread);
  gp_descriptor_clear (&out[0]);
  g_assert_cmpstr (rest, ==, "");
}

static void
count_fork_cb (void)
{
  g_atomic_int_inc (&n_forks);
}

static void
add_tests (void)
{
  add_both ("streams", test_streams);
  add_both ("merged", test_merged);
  add_both ("arguments", test_arguments);
  add_both ("pid", test_pid);
  add_both ("descriptors", test_descriptors);
  add_both ("signals", test_signals);
  add_both ("sigpipe-of-program", test_sigpipe_of_program);
  add_both ("group", test_group);
  add_both ("environment", test_environment);
  add_both ("directory", test_directory);
  add_both ("path", test_path);
  add_both ("path-default", test_path_default);
  add_both ("path-errors", test_path_errors);
  add_both ("name-errors", test_name_errors);
  add_both ("too-big", test_too_big);
  add_both ("bad-descriptor", test_bad_descriptor);
  add_both ("failures-leave-nothing", test_failures_leave_nothing);
  add_both ("threads", test_threads);

  g_test_add_func ("/exec/bad-helper", test_bad_helper);
  g_test_add_data_func ("/exec/interrupted/helper-hangs", "hang", test_interrupted_during);
  g_test_add_data_func ("/exec/interrupted/exec-hangs", "hang-later", test_interrupted_during);

  if (helper_path != NULL)
    {
      add_helper ("fork-is-avoided", test_fork_is_avoided);
      add_helper ("refused-arguments", test_helper_arguments);
      add_helper ("keep", test_keep);
    }
}

/* The same codes as GLib's, which tells these only by starting such a program */
static void
test_error_codes (void)
{
  static const struct
  {
    int errsv;
    int code;
  } rows[] = {
    { EACCES, G_SPAWN_ERROR_ACCES },
    { EPERM, G_SPAWN_ERROR_PERM },
    { E2BIG, G_SPAWN_ERROR_TOO_BIG },
    { ENOEXEC, G_SPAWN_ERROR_NOEXEC },
    { ENAMETOOLONG, G_SPAWN_ERROR_NAMETOOLONG },
    { ENOENT, G_SPAWN_ERROR_NOENT },
    { ENOMEM, G_SPAWN_ERROR_NOMEM },
    { ENOTDIR, G_SPAWN_ERROR_NOTDIR },
    { ELOOP, G_SPAWN_ERROR_LOOP },
    { ETXTBSY, G_SPAWN_ERROR_TXTBUSY },
    { EIO, G_SPAWN_ERROR_IO },
    { EINVAL, G_SPAWN_ERROR_INVAL },
    { EISDIR, G_SPAWN_ERROR_ISDIR },
    { ELIBBAD, G_SPAWN_ERROR_LIBBAD },
    { ENODEV, G_SPAWN_ERROR_FAILED },
  };
  const GpSpawnRequest request = { .argv = (const char * const []) { "/program", NULL } };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const GpExecReport report = { .step = GP_EXEC_STEP_EXEC, .value = rows[i].errsv };
      g_autoptr (GError) error = NULL;

      gp_spawn_set_error (&request, &report, &error);
      g_assert_error (error, G_SPAWN_ERROR, rows[i].code);
      g_assert_true (strstr (error->message, "\"/program\"") != NULL);
    }
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (!begin (argc, argv, &status))
    return status;

  g_test_init (&argc, &argv, NULL);
  pthread_atfork (count_fork_cb, NULL, NULL);

  g_test_add_func ("/exec/error-codes", test_error_codes);
  add_tests ();
  status = g_test_run ();
  g_free (self_path);

  return status;
}
