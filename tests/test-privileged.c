/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <glib/gstdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Which helper program a program executes that has more privileges than its caller. The library is
 * linked into a copy of this program, beside which lies a "helper" as in a build tree, and another one
 * is named by the environment. Each of them leaves a mark when it is executed. */

static const char *program; /* argv[0] */

/* What the copy does */
static int
run_command (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "/bin/true", NULL);
  if (!gp_pipeline_run (pipeline, NULL, &error))
    g_error ("%s", error->message);

  g_print ("%s\n", getauxval (AT_SECURE) ? "privileged" : "ordinary");
  return 0;
}

/* Beside the program, for nothing is privileged in many a /tmp */
static char *
make_directory (void)
{
  g_autofree char *place = g_path_get_dirname (program);
  char *directory = g_build_filename (place, "privileged-XXXXXX", NULL);

  g_assert_nonnull (g_mkdtemp (directory));

  return directory;
}

/* An executable that is no helper at all, and creates @mark */
static char *
write_helper (const char *directory,
              const char *name,
              const char *mark)
{
  g_autofree char *text = g_strdup_printf ("#!/bin/sh\n: >'%s/%s'\n", directory, mark);
  char *path = g_build_filename (directory, name, NULL);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);

  return path;
}

static char *
copy_program (const char *directory)
{
  char *path = g_build_filename (directory, "program", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_file_get_contents ("/proc/self/exe", &text, &size, &error);
  g_assert_no_error (error);
  g_file_set_contents (path, text, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (path, 0755), ==, 0);

  return path;
}

static gboolean
take_mark (const char *directory,
           const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  return g_unlink (path) == 0;
}

static void
run_copy (const char *copy,
          const char *override,
          const char *expected)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;

  if (override != NULL)
    g_subprocess_launcher_setenv (launcher, "GOPIPE_EXEC", override, TRUE);
  else
    g_subprocess_launcher_unsetenv (launcher, "GOPIPE_EXEC");
  process = g_subprocess_launcher_spawn (launcher, &error, copy, "--copy", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &output, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_successful (process));
  g_assert_cmpstr (output, ==, expected);
}

static void
test_helper (gconstpointer data)
{
  gboolean privileged = GPOINTER_TO_INT (data);
  const char *expected = privileged ? "privileged\n" : "ordinary\n";
  g_autofree char *directory = make_directory ();
  g_autofree char *beside = write_helper (directory, "gopipe-exec", "mark-beside");
  g_autofree char *other = write_helper (directory, "other", "mark-other");
  g_autofree char *copy = copy_program (directory);

  /* A group that the caller does not have */
  if (privileged)
    {
      g_assert_cmpint (chown (copy, (uid_t) -1, getegid () + 1), ==, 0);
      g_assert_cmpint (g_chmod (copy, 02755), ==, 0);
    }

  run_copy (copy, NULL, expected);
  g_assert_cmpint (take_mark (directory, "mark-beside"), ==, !privileged);
  run_copy (copy, other, expected);
  g_assert_cmpint (take_mark (directory, "mark-other"), ==, !privileged);
  g_assert_false (take_mark (directory, "mark-beside"));

  g_assert_cmpint (g_unlink (beside), ==, 0);
  g_assert_cmpint (g_unlink (other), ==, 0);
  g_assert_cmpint (g_unlink (copy), ==, 0);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* Only root may give a file away, and the kernel must not have been told to ignore that. What tells the
 * loader of a GLib that ThreadSanitizer knows is not believed either. */
static gboolean
can_be_privileged (void)
{
#ifdef __SANITIZE_THREAD__
  return FALSE;
#endif
  g_autofree char *directory = g_path_get_dirname (program);
  struct statvfs place;

  return geteuid () == 0 && prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 &&
         statvfs (directory, &place) == 0 && (place.f_flag & ST_NOSUID) == 0;
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  if (argc > 1 && g_str_equal (argv[1], "--copy"))
    return run_command ();

  gp_test_init (&argc, &argv);
  gp_test_add_data ("/privileged/ordinary", GINT_TO_POINTER (FALSE), test_helper);
  if (can_be_privileged ())
    gp_test_add_data ("/privileged/privileged", GINT_TO_POINTER (TRUE), test_helper);
  return gp_test_run ();
}
