/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-scenes.h"
#include "gp-test-streams.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* A system that really has no more: descriptors, processes, space on a disk, buffers of pipes. Each
 * run is a program of its own, which lives wherever GLib lives, and ends with all that it should
 * give or with an error. */

/* The first of those who have nothing else running; each program that runs these tests takes another. */
#define NOBODY_ELSE 61234

/* More than these scenes ever need at once */
#define MANY_DESCRIPTORS 90
#define MANY_PROCESSES   40

static uid_t
get_nobody_else (void)
{
  return NOBODY_ELSE + getpid () % 4096;
}

static guint
get_step (guint step)
{
  return gp_test_is_thorough () ? 1 : step;
}

static void
run_scene (const GpTestSceneKind *kind,
           const GpTestMode      *mode,
           GpTestOutcome         *outcome)
{
  const GpTestScene scene = { mode, FALSE };

  *gp_test_fault_get () = (GpTestFaults) { 0, };
  gp_test_fault_run (kind->func, &scene, outcome);
}

/* --- Descriptors -------------------------------------------------------------------------- */

/* What a program does that only uses GLib. The wait goes through the context even if the process has
 * ended already; a blocking one would make a context of its own, but only if it has not. */
static void
run_bare (gconstpointer  data,
          GpTestReport  *report)
{
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  gp_test_fault_arm ();
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  process = g_subprocess_new (G_SUBPROCESS_FLAGS_INHERIT_FDS, NULL,
                              gp_test_child (), "exit", "0", NULL);
  if (process != NULL)
    {
      g_subprocess_wait_async (process, NULL, gp_test_result_cb, &result);
      while (result == NULL)
        g_main_context_iteration (context, TRUE);
      report->success = g_subprocess_wait_finish (process, result, NULL);
    }
  g_main_context_pop_thread_default (context);
  gp_test_fault_disarm ();
}

/* The least limit with which it works */
static guint
find_least (guint *limit)
{
  for (guint n = 1;; n++)
    {
      g_auto (GpTestOutcome) outcome = { 0, };

      *limit = n;
      gp_test_fault_run (run_bare, NULL, &outcome);
      if (outcome.end == GP_TEST_END_SUCCESS)
        return n;
    }
}

/* With each limit from @least on; with @most it must succeed. */
static void
test_limits (const GpTestMode *mode,
             guint            *limit,
             guint             least,
             guint             most)
{
  for (guint i = 0; i < GP_TEST_N_SCENES; i++)
    {
      const GpTestSceneKind *kind = &gp_test_scenes[i];
      guint n_errors = 0;
      GpTestEnd end = GP_TEST_END_WRONG;

      for (guint n = least; n <= most; n += get_step (5))
        {
          g_auto (GpTestOutcome) outcome = { 0, };

          *limit = n;
          run_scene (kind, mode, &outcome);
          end = outcome.end;
          n_errors += end == GP_TEST_END_ERROR;
          if (end == GP_TEST_END_SUCCESS || end == GP_TEST_END_ERROR)
            continue;

          g_test_message ("%s, %u: %s", kind->name, n,
                          end == GP_TEST_END_GLIB ? outcome.glib : outcome.problem);
          g_test_fail ();
        }
      g_assert_cmpint (end, ==, GP_TEST_END_SUCCESS);
      g_test_message ("%s: %u errors", kind->name, n_errors);
    }
  *limit = 0;
}

static void
test_descriptors (gconstpointer data)
{
  guint *limit = &gp_test_fault_get_means ()->n_descriptors;
  guint least = find_least (limit);

  g_test_message ("GLib itself needs %u", least);
  test_limits (data, limit, least, least + MANY_DESCRIPTORS);
}

/* --- Processes and threads ---------------------------------------------------------------- */

/* All threads of that user that there are now */
static guint
count_threads (uid_t user)
{
  g_autoptr (GDir) directory = g_dir_open ("/proc", 0, NULL);
  guint n_threads = 0;
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/%s/task", name);
      g_autoptr (GDir) tasks = g_ascii_isdigit (name[0]) ? g_dir_open (path, 0, NULL) : NULL;
      GStatBuf status;

      if (tasks == NULL || g_stat (path, &status) != 0 || status.st_uid != user)
        continue;
      while (g_dir_read_name (tasks) != NULL)
        n_threads++;
    }

  return n_threads;
}

/* Root has no limit. Any other user has some already. */
static void
test_processes (gconstpointer data)
{
  GpTestMeans *means = gp_test_fault_get_means ();
  guint n_before;
  guint least;

  means->user = getuid () == 0 ? get_nobody_else () : 0;
  n_before = count_threads (means->user != 0 ? means->user : getuid ());
  means->n_processes = n_before;
  least = find_least (&means->n_processes);
  g_test_message ("GLib itself needs %u", least - n_before);
  test_limits (data, &means->n_processes, least, least + MANY_PROCESSES);
  means->user = 0;
}

/* --- Space on a disk ---------------------------------------------------------------------- */

/* Less than is written */
#define DISK_SIZE "64k"

typedef struct
{
  const char *name;
  const char *options;    /* of the disk */
  GpFileMode  file_mode;
  gboolean    by_command; /* which has the descriptor */
} DiskRow;

static const DiskRow disk_rows[] = {
  { "replace", "size=" DISK_SIZE, GP_FILE_MODE_REPLACE, FALSE },
  { "replace-by-command", "size=" DISK_SIZE, GP_FILE_MODE_REPLACE, TRUE },
  { "truncate", "size=" DISK_SIZE, GP_FILE_MODE_TRUNCATE, FALSE },
  { "truncate-by-command", "size=" DISK_SIZE, GP_FILE_MODE_TRUNCATE, TRUE },
  { "append", "size=" DISK_SIZE, GP_FILE_MODE_APPEND, FALSE },
  /* Only that of the folder itself and of one file */
  { "no-inode", "nr_inodes=2", GP_FILE_MODE_REPLACE, FALSE },
};

static const char old_text[] = "what was there before\n";

static gboolean
write_text (const char *path,
            const char *text)
{
  g_autofree char *content = g_strdup (text);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  gboolean written = fd >= 0 && write (fd, content, strlen (content)) == (gssize) strlen (content);

  if (fd >= 0)
    close (fd);

  return written;
}

/* Root here is who we are outside. */
static gboolean
become_root_of_a_namespace (void)
{
  g_autofree char *users = g_strdup_printf ("0 %u 1", getuid ());
  g_autofree char *groups = g_strdup_printf ("0 %u 1", getgid ());

  return unshare (CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         write_text ("/proc/self/uid_map", users) &&
         write_text ("/proc/self/setgroups", "deny") &&
         write_text ("/proc/self/gid_map", groups);
}

/* A small disk that only this run sees */
static gboolean
mount_disk (const char *path,
            const char *options)
{
  return (unshare (CLONE_NEWNS) == 0 || become_root_of_a_namespace ()) &&
         mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount ("disk", path, "tmpfs", 0, options) == 0;
}

static void
check_disk (const DiskRow *row,
            const char    *folder,
            GpTestReport  *report)
{
  g_autofree char *path = g_build_filename (folder, "out", NULL);
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  g_autofree char *text = NULL;
  guint n_files = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  if (row->file_mode == GP_FILE_MODE_REPLACE && strcmp (text, old_text) != 0)
    gp_test_report_problem (report, "the old file has changed");
  if (row->file_mode == GP_FILE_MODE_APPEND && !g_str_has_prefix (text, old_text))
    gp_test_report_problem (report, "what was there is gone");

  while (g_dir_read_name (directory) != NULL)
    n_files++;
  if (n_files != 1)
    gp_test_report_problem (report, "there are %u files", n_files);
}

static GpPipeline *
new_writer (const DiskRow *row,
            const char    *path)
{
  GpPipeline *pipeline = gp_test_new_copier (row->by_command ? "fc" : "cf");
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GInputStream) input = gp_test_source_new (300000, FALSE);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout_file (pipeline, file, row->file_mode);

  return pipeline;
}

static void
run_on_disk (gconstpointer  data,
             GpTestReport  *report)
{
  const DiskRow *row = data;
  guint n_fds = gp_test_count_fds ();
  const char *folder = gp_test_scenes_get_folder ();
  g_autofree char *path = g_build_filename (folder, "out", NULL);
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  gboolean success;

  if (!mount_disk (folder, row->options))
    {
      report->not_allowed = TRUE;
      return;
    }

  g_assert_true (write_text (path, old_text));
  pipeline = new_writer (row, path);
  success = gp_pipeline_run (pipeline, NULL, &error);
  if (!row->by_command && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    gp_test_report_problem (report, "not an error of the disk: %s",
                            error != NULL ? error->message : "success");
  gp_test_scene_judge (report, success, &error);
  check_disk (row, folder, report);
  g_clear_object (&pipeline);
  gp_test_scene_end (report, n_fds, 0);
}

static void
test_disk (gconstpointer data)
{
  g_auto (GpTestOutcome) outcome = { 0, };

  *gp_test_fault_get () = (GpTestFaults) { 0, };
  gp_test_fault_run (run_on_disk, data, &outcome);
  if (outcome.report.not_allowed)
    {
      g_test_skip ("no disk can be mounted here");
      return;
    }

  g_test_message ("%s", outcome.problem != NULL ? outcome.problem : outcome.report.message);
  g_assert_cmpint (outcome.end, ==, GP_TEST_END_ERROR);
}

/* --- Buffers of pipes --------------------------------------------------------------------- */

/* What is had of each */
#define LARGE_PIPE (1024 * 1024)

/* A new pipe is small if its user has too much in others. */
static gboolean
is_new_pipe_small (void)
{
  int fds[2];
  int size;

  gp_test_open_pipe (fds);
  size = fcntl (fds[0], F_GETPIPE_SZ);
  close (fds[0]);
  close (fds[1]);

  return size < 65536;
}

typedef struct
{
  const GpTestSceneKind *kind;
  GpTestScene            scene;
} PipesRow;

static void
run_with_small_pipes (gconstpointer  data,
                      GpTestReport  *report)
{
  const PipesRow *row = data;

  while (!is_new_pipe_small ())
    {
      int fds[2];

      gp_test_open_pipe (fds);
      (void) fcntl (fds[0], F_SETPIPE_SZ, LARGE_PIPE);
    }

  row->kind->func (&row->scene, report);
}

static void
test_pipes (gconstpointer data)
{
  if (getuid () != 0)
    {
      g_test_skip ("only root can be a user who has nothing else");
      return;
    }

  gp_test_fault_get_means ()->user = get_nobody_else ();
  for (guint i = 0; i < GP_TEST_N_SCENES; i++)
    {
      const PipesRow row = { &gp_test_scenes[i], { data, TRUE } };
      g_auto (GpTestOutcome) outcome = { 0, };

      *gp_test_fault_get () = (GpTestFaults) { 0, };
      gp_test_fault_run (run_with_small_pipes, &row, &outcome);
      g_assert_cmpstr (outcome.problem, ==, NULL);
      g_assert_cmpint (outcome.end, ==, GP_TEST_END_SUCCESS);
    }
  gp_test_fault_get_means ()->user = 0;
}

/* --- All ---------------------------------------------------------------------------------- */

static char *child_copy;

static void
remove_child_copy (void)
{
  g_unlink (child_copy);
}

/* Others may have no access to the folder in which it was built. */
static void
copy_child (void)
{
  g_autofree char *content = NULL;
  gsize size;

  child_copy = g_build_filename (g_get_tmp_dir (), "gp-test-child-XXXXXX", NULL);
  close (g_mkstemp (child_copy));
  atexit (remove_child_copy);
  g_assert_true (g_file_get_contents (gp_test_child (), &content, &size, NULL));
  g_assert_true (g_file_set_contents_full (child_copy, content, size, G_FILE_SET_CONTENTS_NONE,
                                           0755, NULL));
  g_assert_cmpint (g_chmod (child_copy, 0755), ==, 0);
  g_setenv ("GP_TEST_CHILD", child_copy, TRUE);
}

static void
add (const char    *name,
     GTestDataFunc  func)
{
  for (guint i = 0; i < G_N_ELEMENTS (gp_test_modes); i++)
    {
      g_autofree char *path = g_strdup_printf ("/scarce-system/%s/%s", name,
                                               gp_test_modes[i].name);

      gp_test_add_data (path, &gp_test_modes[i], func);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_fault_init (&argc, &argv);
  gp_test_scenes_init ();
  if (getuid () == 0)
    copy_child ();
  add ("descriptors", test_descriptors);
  add ("processes", test_processes);
  add ("pipes", test_pipes);
  for (guint i = 0; i < G_N_ELEMENTS (disk_rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/scarce-system/disk/%s", disk_rows[i].name);

      gp_test_add_data (path, &disk_rows[i], test_disk);
    }

  return gp_test_run ();
}
