/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The tests of commands once more, as a program that was started with some of 0, 1 and 2 closed.
 * What it opens first is then given these numbers. */

#define LOG_FD 50
#define STATUS_SKIPPED 77

static char *
path_of_command_tests (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = g_path_get_dirname (self);

  return g_build_filename (directory, "test-command-stage", NULL);
}

static char **
environment_of_tests (void)
{
  char **environment = g_get_environ ();
  g_autofree char *log_fd = g_strdup_printf ("%d", LOG_FD);

  return g_environ_setenv (environment, "GP_TEST_LOG_FD", log_fd, TRUE);
}

/* Only what may be called between fork () and exec () */
static void G_GNUC_NORETURN
become_tests (const char  *path,
              char       **environment,
              int          log,
              guint        closed)
{
  char *argv[] = { (char *) path, (char *) "-q", NULL };

  dup2 (log, LOG_FD);
  for (int fd = 0; fd < 3; fd++)
    if (closed & (1u << fd))
      close (fd);
  execve (path, argv, environment);
  _exit (127);
}

static void
test_combination (gconstpointer data)
{
  guint closed = GPOINTER_TO_UINT (data);
  g_autofree char *path = path_of_command_tests ();
  g_auto (GStrv) environment = environment_of_tests ();
  g_autofree char *log_path = NULL;
  g_autofree char *text = NULL;
  int log = g_file_open_tmp ("gp-test-XXXXXX", &log_path, NULL);
  int status = 0;
  pid_t pid;

  g_assert_cmpint (log, >=, 0);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    become_tests (path, environment, log, closed);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (g_file_get_contents (log_path, &text, NULL, NULL));
  if (!WIFEXITED (status) || (WEXITSTATUS (status) != 0 && WEXITSTATUS (status) != STATUS_SKIPPED))
    g_error ("status %d:\n%s", status, text);
  close (log);
  g_unlink (log_path);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (guint closed = 0; closed < 8; closed++)
    {
      g_autofree char *path =
        g_strdup_printf ("/closed-descriptors/%s%s%s%s",
                         closed & 1 ? "0" : "", closed & 2 ? "1" : "", closed & 4 ? "2" : "",
                         closed == 0 ? "none" : "");

      gp_test_add_data (path, GUINT_TO_POINTER (closed), test_combination);
    }
  return gp_test_run ();
}
