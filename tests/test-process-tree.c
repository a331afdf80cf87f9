/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-process-tree-private.h"
#include "gp-test-util.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB 1024

/* --- A /proc of our own --------------------------------------------------------------------- */

static char *fake;

static void
write_fake (const char *text,
            const char *format,
            ...) G_GNUC_PRINTF (2, 3);

static void
write_fake (const char *text,
            const char *format,
            ...)
{
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  g_autofree char *dir = NULL;
  g_autoptr (GError) error = NULL;
  va_list args;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  path = g_build_filename (fake, name, NULL);
  dir = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
remove_fake (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);

      if (g_file_test (inner, G_FILE_TEST_IS_DIR) && !g_file_test (inner, G_FILE_TEST_IS_SYMLINK))
        remove_fake (inner);
      else
        g_assert_cmpint (unlink (inner), ==, 0);
    }
  g_assert_cmpint (rmdir (path), ==, 0);
}

static void
begin_fake (void)
{
  fake = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_assert_nonnull (fake);
  gp_process_tree_set_proc (fake);
}

static void
end_fake (void)
{
  gp_process_tree_set_proc (NULL);
  remove_fake (fake);
  g_clear_pointer (&fake, g_free);
}

static void
add_status (int pid,
            int rss,
            int peak)
{
  g_autofree char *text = NULL;

  text = g_strdup_printf ("Name:\tVmRSS: 7\\n\nUmask:\t0022\nState:\tS (sleeping)\n"
                          "VmPeak:\t 9999999 kB\nVmSize:\t 9999999 kB\nVmLck:\t       0 kB\n"
                          "VmHWM:\t%8d kB\nVmRSS:\t%8d kB\nRssAnon:\t       1 kB\n",
                          peak, rss);
  write_fake (text, "%d/status", pid);
}

/* Of a kernel that does not list children */
static void
add_process (int         pid,
             int         parent,
             const char *name,
             int         rss,
             int         peak)
{
  g_autofree char *text = g_strdup_printf ("%d (%s) S %d 1 1 0 -1 4194304 1 0 0\n", pid, name, parent);

  write_fake (text, "%d/stat", pid);
  add_status (pid, rss, peak);
}

static void
assert_use (int      root,
            gboolean with_root,
            guint    n_processes,
            guint64  resident,
            guint64  peak)
{
  GpProcessUse use;

  g_assert_cmpint (gp_process_tree_measure (root, with_root, &use), ==, n_processes > 0);
  g_assert_cmpuint (use.n_processes, ==, n_processes);
  g_assert_cmpuint (use.resident, ==, resident * KIB);
  g_assert_cmpuint (use.peak, ==, peak * KIB);
}

static void
test_names (void)
{
  begin_fake ();
  add_process (10, 1, "plain", 100, 150);
  add_process (11, 10, "with space", 10, 20);
  add_process (12, 11, ") S 99 (", 1, 2);
  add_process (13, 12, "a) (b) S 1 1", 1000, 2000);
  add_process (14, 13, "two\nlines", 10000, 10000);
  add_process (99, 1, "another", 7, 7);
  /* Not of a process */
  write_fake ("1 (x) S 10 1\n", "self.txt");
  write_fake ("x", "15/stat");
  write_fake ("", "16/stat");
  write_fake ("17 (", "17/stat");
  write_fake ("18 (x", "18/stat");
  write_fake ("1 (x) S 10 1\n", "acpi/stat");

  assert_use (10, TRUE, 5, 11111, 10000);
  assert_use (10, FALSE, 4, 11011, 10000);
  assert_use (12, TRUE, 3, 11001, 10000);
  assert_use (14, TRUE, 1, 10000, 10000);
  assert_use (14, FALSE, 0, 0, 0);
  assert_use (99, TRUE, 1, 7, 7);
  assert_use (1000, TRUE, 0, 0, 0);
  end_fake ();
}

/* Of a kernel that does, and lists every thread's */
static void
test_children_files (void)
{
  begin_fake ();
  add_status (20, 1, 1);
  write_fake ("21 22 ", "20/task/20/children");
  write_fake ("23 ", "20/task/25/children");
  add_status (21, 10, 10);
  write_fake ("24 ", "21/task/21/children");
  add_status (22, 100, 100);
  write_fake ("", "22/task/22/children");
  add_status (23, 1000, 1000);
  write_fake ("", "23/task/23/children");
  /* One has ended meanwhile, and one ends between two reads: that is no reason to ask everybody
   * for his parent. */
  add_status (24, 10000, 10000);
  write_fake ("26 ", "22/task/22/children");
  add_process (30, 24, "decoy", 5, 5);

  assert_use (20, TRUE, 5, 11111, 10000);
  assert_use (20, FALSE, 4, 11110, 10000);
  end_fake ();
}

static void
test_vanished (void)
{
  begin_fake ();
  add_process (10, 1, "a", 1, 1);
  /* Ended between the two reads: the one has no stat, the other no status */
  add_status (11, 10, 10);
  write_fake ("12 (b) S 10 1 1\n", "12/stat");
  /* Ended, but not waited for */
  write_fake ("13 (c) Z 10 1 1\n", "13/stat");
  write_fake ("Name:\tc\nState:\tZ (zombie)\nThreads:\t1\n", "13/status");

  assert_use (10, TRUE, 1, 1, 1);
  assert_use (13, TRUE, 0, 0, 0);
  end_fake ();
}

/* Ids that were given away again while the list was made */
static void
test_circle (void)
{
  begin_fake ();
  add_process (10, 12, "a", 1, 1);
  add_process (11, 10, "b", 10, 10);
  add_process (12, 11, "c", 100, 100);
  add_process (13, 13, "d", 1000, 1000);

  assert_use (10, TRUE, 3, 111, 100);
  assert_use (10, FALSE, 2, 110, 100);
  assert_use (13, TRUE, 1, 1000, 1000);
  end_fake ();
}

/* A big file of many groups, before the lines that matter */
static void
test_long_status (void)
{
  g_autoptr (GString) text = g_string_new ("Name:\tx\nGroups:\t");

  for (int i = 0; i < 20000; i++)
    g_string_append_printf (text, "%d ", 100000 + i);
  g_string_append (text, "\nVmPeak:\t9 kB\nVmSize:\t9 kB\nVmHWM:\t8 kB\nVmRSS:\t7 kB\n");

  begin_fake ();
  write_fake ("10 (x) S 1 1\n", "10/stat");
  write_fake (text->str, "10/status");
  assert_use (10, TRUE, 1, 7, 8);
  end_fake ();
}

static void
test_one_look (void)
{
  begin_fake ();
  add_process (10, 1, "a", 1, 1);
  add_process (11, 10, "b", 10, 10);

  gp_process_tree_begin_look ();
  assert_use (10, TRUE, 2, 11, 10);
  add_process (12, 10, "c", 100, 100);
  assert_use (10, TRUE, 2, 11, 10);
  gp_process_tree_end_look ();

  assert_use (10, TRUE, 3, 111, 100);
  end_fake ();
}

static void
test_check (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *link = NULL;
  g_autofree char *self = g_strdup_printf ("%d", (int) getpid ());

  g_assert_true (gp_process_tree_check (&error));
  g_assert_no_error (error);

  begin_fake ();
  g_assert_false (gp_process_tree_check (&error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  gp_test_assert_contains (error->message, "memory cannot be measured");
  gp_test_assert_contains (error->message, "is not mounted");
  g_clear_error (&error);

  link = g_build_filename (fake, "self", NULL);
  g_assert_cmpint (symlink ("999999999", link), ==, 0);
  g_assert_false (gp_process_tree_check (&error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  gp_test_assert_contains (error->message, "another process namespace");
  g_assert_cmpint (unlink (link), ==, 0);

  g_assert_cmpint (symlink (self, link), ==, 0);
  g_assert_true (gp_process_tree_check (NULL));
  end_fake ();
}

/* --- The real one --------------------------------------------------------------------------- */

/* Starts the child program in a group of its own, and reads the line that it says */
static pid_t
spawn (const char *mode,
       ...) G_GNUC_NULL_TERMINATED;

static pid_t
spawn (const char *mode,
       ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  const char *arg;
  va_list args;
  int fds[2];
  pid_t pid;
  char byte = 0;

  g_ptr_array_add (argv, (char *) gp_test_child ());
  va_start (args, mode);
  for (arg = mode; arg != NULL; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (char *) arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);

  gp_test_open_pipe (fds);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      setpgid (0, 0);
      dup2 (fds[1], 1);
      execv (gp_test_child (), (char **) argv->pdata);
      _exit (127);
    }
  setpgid (pid, pid);
  close (fds[1]);
  while (byte != '\n')
    g_assert_cmpint (read (fds[0], &byte, 1), ==, 1);
  close (fds[0]);

  return pid;
}

static void
end_group (pid_t pid)
{
  int status;

  g_assert_cmpint (kill (-pid, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
}

static void
test_real_child (void)
{
  pid_t pid = spawn ("allocate", "50000000", "ready", NULL);
  GpProcessUse use, of_all;

  g_assert_true (gp_process_tree_measure (pid, TRUE, &use));
  g_assert_cmpuint (use.n_processes, ==, 1);
  g_assert_cmpuint (use.resident, >=, 50000000);
  g_assert_cmpuint (use.resident, <, 60000000);
  g_assert_cmpuint (use.peak, >=, 50000000);
  g_assert_cmpuint (use.peak, <, 60000000);
  g_assert_false (gp_process_tree_measure (pid, FALSE, &of_all));

  /* It is found from above, too. */
  g_assert_true (gp_process_tree_measure (getpid (), FALSE, &of_all));
  g_assert_cmpuint (of_all.resident, >=, 50000000);

  end_group (pid);
  g_assert_false (gp_process_tree_measure (pid, TRUE, &use));
}

static void
test_real_peak (void)
{
  pid_t pid = spawn ("allocate-and-free", "50000000", "ready", NULL);
  GpProcessUse use;

  g_assert_true (gp_process_tree_measure (pid, TRUE, &use));
  g_assert_cmpuint (use.resident, <, 10000000);
  g_assert_cmpuint (use.peak, >=, 50000000);
  end_group (pid);
}

static void
test_real_levels (void)
{
  pid_t pid = spawn ("descend", "6", "10000000", "ready", NULL);
  GpProcessUse use;

  g_assert_true (gp_process_tree_measure (pid, TRUE, &use));
  g_assert_cmpuint (use.n_processes, ==, 6);
  g_assert_cmpuint (use.resident, >=, 60000000);
  g_assert_cmpuint (use.resident, <, 80000000);
  g_assert_cmpuint (use.peak, <, 20000000);

  g_assert_true (gp_process_tree_measure (pid, FALSE, &use));
  g_assert_cmpuint (use.n_processes, ==, 5);
  g_assert_cmpuint (use.resident, >=, 50000000);
  g_assert_cmpuint (use.resident, <, 70000000);
  end_group (pid);
}

/* Processes come and go as fast as they can while we look. */
static void
test_real_churn (void)
{
  pid_t pid = fork ();
  guint n_looks = gp_test_is_thorough () ? 5000 : 300;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      setpgid (0, 0);
      for (;;)
        {
          pid_t child = fork ();

          if (child == 0)
            _exit (0);
          waitpid (child, NULL, 0);
        }
    }
  setpgid (pid, pid);

  for (guint i = 0; i < n_looks; i++)
    {
      GpProcessUse use;

      g_assert_true (gp_process_tree_measure (pid, TRUE, &use));
      g_assert_cmpuint (use.n_processes, >=, 1);
      g_assert_cmpuint (use.n_processes, <=, 3);
    }
  end_group (pid);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/process-tree/names", test_names);
  gp_test_add ("/process-tree/children-files", test_children_files);
  gp_test_add ("/process-tree/vanished", test_vanished);
  gp_test_add ("/process-tree/circle", test_circle);
  gp_test_add ("/process-tree/long-status", test_long_status);
  gp_test_add ("/process-tree/one-look", test_one_look);
  gp_test_add ("/process-tree/check", test_check);
  gp_test_add ("/process-tree/real/child", test_real_child);
  gp_test_add ("/process-tree/real/peak", test_real_peak);
  gp_test_add ("/process-tree/real/levels", test_real_levels);
  gp_test_add ("/process-tree/real/churn", test_real_churn);

  return gp_test_run ();
}
