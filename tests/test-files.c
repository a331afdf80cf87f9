/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-place.h"
#include "gp-test-stages.h"

#include <fcntl.h>
#include <gio/gfiledescriptorbased.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean
close_and_fail_func (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  return write_func (input, output, context, NULL, error) &&
         g_output_stream_close (output, NULL, error) &&
         write_func (input, output, context, NULL, error);
}

static gboolean
run (GpPipeline  *pipeline,
     gboolean     synchronously,
     GError     **error)
{
  return synchronously ? gp_pipeline_run (pipeline, NULL, error)
                       : gp_test_run_pipeline (pipeline, NULL, error);
}

/* --- Reading ------------------------------------------------------------------------------ */

static void
test_read (void)
{
  static const struct { const char *stages; GpEdgeKind kind; } rows[] = {
    { "c", GP_EDGE_KIND_DESCRIPTOR },
    { "f", GP_EDGE_KIND_STREAM },
    { "cf", GP_EDGE_KIND_DESCRIPTOR },
    { "fc", GP_EDGE_KIND_STREAM },
    { "", GP_EDGE_KIND_STREAM },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *output = NULL;
      g_auto (Place) place;

      place_init (&place, NULL);
      gp_pipeline_set_stdin_file (pipeline, place.in);
      g_assert_true (gp_pipeline_get_stdin_file (pipeline) == place.in);
      for (const char *p = rows[i].stages; *p != '\0'; p++)
        if (*p == 'c')
          gp_test_add_child (pipeline, "cat", NULL);
        else
          gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
      output = gp_test_output_of (pipeline, NULL);
      g_assert_cmpstr (output, ==, "some words\n");
      g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 0), ==, rows[i].kind);
      assert_out (&place, NULL);
    }
}

static gboolean
descriptor_func (GInputStream    *input,
                 GOutputStream   *output,
                 GpStageContext  *context,
                 gpointer         user_data,
                 GError         **error)
{
  int *fds = user_data;

  fds[0] = g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (input));
  fds[1] = g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (output));
  return (fcntl (fds[0], F_GETFD) & FD_CLOEXEC) != 0 && (fcntl (fds[1], F_GETFD) & FD_CLOEXEC) != 0;
}

/* Nobody may take them for the standard streams of the program. */
static void
test_low_descriptors (void)
{
  for (GpFileMode mode = GP_FILE_MODE_REPLACE; mode <= GP_FILE_MODE_APPEND; mode++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      int fds[2] = { -1, -1 };
      g_auto (Place) place;
      int saved;

      place_init (&place, "old");
      gp_pipeline_set_stdin_file (pipeline, place.in);
      gp_pipeline_set_stdout_file (pipeline, place.out, mode);
      gp_test_add_function (pipeline, "descriptor", descriptor_func, fds);
      saved = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
      close (STDIN_FILENO);
      assert_runs (pipeline);
      dup2 (saved, STDIN_FILENO);
      close (saved);
      g_assert_cmpint (fds[0], >, STDERR_FILENO);
      g_assert_cmpint (fds[1], >, STDERR_FILENO);
    }
}

/* --- Writing ------------------------------------------------------------------------------ */

typedef struct
{
  GpFileMode  mode;
  const char *old;
  const char *after_success;
  const char *after_failure;
} ModeRow;

static const ModeRow mode_rows[] = {
  { GP_FILE_MODE_REPLACE, NULL, "new", NULL },
  { GP_FILE_MODE_REPLACE, "old contents", "new", "old contents" },
  { GP_FILE_MODE_TRUNCATE, NULL, "new", "new" },
  { GP_FILE_MODE_TRUNCATE, "old contents", "new", "new" },
  { GP_FILE_MODE_APPEND, NULL, "new", "new" },
  { GP_FILE_MODE_APPEND, "old", "oldnew", "oldnew" },
};

static void
run_mode (const ModeRow *row,
          gboolean       to_command,
          gboolean       fails,
          gboolean       synchronously)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;

  place_init (&place, row->old);
  gp_pipeline_set_stdout_file (pipeline, place.out, row->mode);
  g_assert_true (gp_pipeline_get_stdout_file (pipeline) == place.out);
  g_assert_cmpint (gp_pipeline_get_stdout_file_mode (pipeline), ==, row->mode);
  gp_test_add_function (pipeline, "write", write_func, GINT_TO_POINTER (fails));
  if (to_command)
    gp_test_add_child (pipeline, "cat", NULL);
  g_assert_cmpint (run (pipeline, synchronously, &error), ==, !fails);
  if (fails)
    gp_test_assert_message (error, "write: broken");
  assert_out (&place, fails ? row->after_failure : row->after_success);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, to_command ? 2 : 1), ==,
                   to_command ? GP_EDGE_KIND_DESCRIPTOR : GP_EDGE_KIND_STREAM);
}

static void
test_modes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (mode_rows); i++)
    for (guint variant = 0; variant < 8; variant++)
      run_mode (&mode_rows[i], (variant & 1) != 0, (variant & 2) != 0, (variant & 4) != 0);
}

/* The last stage has written all, and only then another one fails. */
static void
test_late_failure (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_autoptr (GError) error = NULL;
  GpStageContext *context;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  context = gp_test_probe_get_context (probe);
  g_assert_true (g_output_stream_write_all (gp_stage_context_get_stdout (context), "all", 3, NULL,
                                            NULL, NULL));
  gp_stage_context_close_stdout (context);
  while (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1)) != GP_STAGE_STATE_SUCCEEDED)
    g_main_context_iteration (NULL, TRUE);
  assert_file (place.out_path, "old");
  g_assert_cmpuint (count_files (&place), ==, 3);
  gp_test_probe_end (probe, GP_TEST_END_ERROR);
  g_assert_false (gp_test_wait (pipeline, &error));
  gp_test_assert_message (error, "probe: broken");
  assert_out (&place, "old");
}

/* A function that closes its output does not thereby replace the file. */
static void
test_function_closes (void)
{
  for (gsize fails = 0; fails < 2; fails++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Place) place;

      place_init (&place, "old");
      gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
      gp_test_add_function (pipeline, "close", fails ? close_and_fail_func : write_func, NULL);
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, !fails);
      assert_out (&place, fails ? "old" : "new");
    }
}

static void
test_start_fails (void)
{
  static const char *const after[] = { "old", "", "old" };

  for (GpFileMode mode = GP_FILE_MODE_REPLACE; mode <= GP_FILE_MODE_APPEND; mode++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_auto (Place) place;

      place_init (&place, "old");
      gp_pipeline_set_stdin_file (pipeline, place.in);
      gp_pipeline_set_stdout_file (pipeline, place.out, mode);
      gp_test_add_child (pipeline, "cat", NULL);
      gp_pipeline_append_command (pipeline, "/nonexistent/command", NULL);
      g_assert_false (run (pipeline, mode == GP_FILE_MODE_APPEND, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      assert_out (&place, after[mode]);
    }
}

/* Until it is started, a pipeline does nothing. */
static void
test_not_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Place) place;

  place_init (&place, "old");
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_TRUNCATE);
  gp_test_add_child (pipeline, "cat", NULL);
  g_clear_object (&pipeline);
  assert_out (&place, "old");
}

static void
test_same_file (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Place) place;

  place_init (&place, "old");
  gp_pipeline_set_stdin_file (pipeline, place.out);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  assert_runs (pipeline);
  assert_out (&place, "old");
}

static void
test_empty_pipeline (void)
{
  for (GpFileMode mode = GP_FILE_MODE_REPLACE; mode <= GP_FILE_MODE_APPEND; mode++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Place) place;

      place_init (&place, NULL);
      gp_pipeline_set_stdin_file (pipeline, place.in);
      gp_pipeline_set_stdout_file (pipeline, place.out, mode);
      assert_runs (pipeline);
      assert_out (&place, "some words\n");
    }
}

/* --- What is replaced --------------------------------------------------------------------- */

static GpPipeline *
new_replacing (GFile    *file,
               gboolean  fails)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_pipeline_set_stdout_file (pipeline, file, GP_FILE_MODE_REPLACE);
  gp_test_add_function (pipeline, "write", write_func, GINT_TO_POINTER (fails));
  return pipeline;
}

/* A link stays one, and may point to nothing. */
static void
test_symbolic_link (void)
{
  for (guint variant = 0; variant < 4; variant++)
    {
      const char *old = (variant & 1) != 0 ? "old" : NULL;
      gboolean fails = (variant & 2) != 0;
      g_autoptr (GpPipeline) pipeline = NULL;
      g_autofree char *link_path = NULL;
      g_autofree char *other_path = NULL;
      g_autoptr (GFile) link_file = NULL;
      g_auto (Place) place;

      place_init (&place, old);
      link_path = path_in (&place, "link");
      other_path = path_in (&place, "other");
      link_file = g_file_new_for_path (link_path);
      g_assert_cmpint (symlink ("other", link_path), ==, 0);
      g_assert_cmpint (symlink (place.out_path, other_path), ==, 0);
      pipeline = new_replacing (link_file, fails);
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, !fails);
      assert_file (place.out_path, fails ? old : "new");
      g_assert_true (g_file_test (link_path, G_FILE_TEST_IS_SYMLINK));
      g_assert_true (g_file_test (other_path, G_FILE_TEST_IS_SYMLINK));
      g_assert_cmpuint (count_files (&place), ==, fails && old == NULL ? 3 : 4);
    }
}

static void
test_link_loop (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;

  place_init (&place, NULL);
  g_assert_cmpint (symlink ("out", place.out_path), ==, 0);
  pipeline = new_replacing (place.out, FALSE);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_LINKS);
}

static void
test_hard_link (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autofree char *other_path = NULL;
  g_auto (Place) place;

  place_init (&place, "old");
  other_path = path_in (&place, "other");
  g_assert_cmpint (link (place.out_path, other_path), ==, 0);
  pipeline = new_replacing (place.out, FALSE);
  assert_runs (pipeline);
  assert_file (place.out_path, "new");
  assert_file (other_path, "old");
}

static mode_t
mode_of (const char *path)
{
  struct stat status;

  g_assert_cmpint (stat (path, &status), ==, 0);
  return status.st_mode & 07777;
}

static void
test_permissions (void)
{
  static const mode_t old_modes[] = { 0, 0600, 0640, 0777 };
  const mode_t mask = umask (027);

  for (guint i = 0; i < G_N_ELEMENTS (old_modes); i++)
    for (GpFileMode mode = GP_FILE_MODE_REPLACE; mode <= GP_FILE_MODE_APPEND; mode++)
      {
        g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
        g_auto (Place) place;

        place_init (&place, old_modes[i] != 0 ? "old" : NULL);
        if (old_modes[i] != 0)
          g_assert_cmpint (chmod (place.out_path, old_modes[i]), ==, 0);
        gp_pipeline_set_stdout_file (pipeline, place.out, mode);
        gp_test_add_function (pipeline, "write", write_func, NULL);
        assert_runs (pipeline);
        g_assert_cmpuint (mode_of (place.out_path), ==, old_modes[i] != 0 ? old_modes[i] : 0640);
      }
  umask (mask);
}

#define NOBODY 65534

/* A directory would let us replace a file that we may not write. */
static void
test_read_only_file (void)
{
  const gboolean is_root = geteuid () == 0;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;

  place_init (&place, "old");
  g_assert_cmpint (chmod (place.out_path, 0400), ==, 0);
  if (is_root)
    {
      /* Who may write everything is somebody else for a while, to whom the place belongs. */
      g_assert_cmpint (chown (place.path, NOBODY, (gid_t) -1), ==, 0);
      g_assert_cmpint (chown (place.out_path, NOBODY, (gid_t) -1), ==, 0);
      g_assert_cmpint (seteuid (NOBODY), ==, 0);
    }
  pipeline = new_replacing (place.out, FALSE);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  if (is_root)
    g_assert_cmpint (seteuid (0), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  assert_out (&place, "old");
}

/* --- What cannot be opened ---------------------------------------------------------------- */

typedef struct
{
  const char *in;
  const char *out; /* "": the place itself */
  int         code;
  const char *what;
  const char *reason;
} OpenRow;

static const OpenRow open_rows[] = {
  { "missing", "out", G_IO_ERROR_NOT_FOUND, "opening standard input", "No such file or directory" },
  { "", "out", G_IO_ERROR_IS_DIRECTORY, "opening standard input", "Is a directory" },
  { "in", "", G_IO_ERROR_IS_DIRECTORY, "opening standard output", "Is a directory" },
  { "in", "missing/out", G_IO_ERROR_NOT_FOUND, "opening standard output",
    "No such file or directory" },
  { "in", "in/out", G_IO_ERROR_NOT_DIRECTORY, "opening standard output", "Not a directory" },
};

static void
run_open_error (const OpenRow *row,
                GpFileMode     mode,
                gboolean       synchronously)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GFile) directory = NULL;
  g_autoptr (GFile) in = NULL;
  g_autoptr (GFile) out = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;
  gboolean input_fails = g_str_has_suffix (row->what, "input");
  g_auto (Place) place;

  place_init (&place, "old");
  directory = g_file_new_for_path (place.path);
  in = g_file_resolve_relative_path (directory, row->in);
  out = g_file_resolve_relative_path (directory, row->out);
  gp_pipeline_set_stdin_file (pipeline, in);
  gp_pipeline_set_stdout_file (pipeline, out, mode);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  g_assert_false (run (pipeline, synchronously, &error));
  g_assert_error (error, G_IO_ERROR, row->code);
  message = g_strdup_printf ("%s \"%s\": %s", row->what, g_file_peek_path (input_fails ? in : out),
                             row->reason);
  gp_test_assert_message (error, message);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, i)), ==,
                     GP_STAGE_STATE_NOT_STARTED);
  /* If the input fails, the output is not touched. */
  assert_out (&place, "old");
}

static void
test_open_errors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (open_rows); i++)
    for (guint variant = 0; variant < 6; variant++)
      run_open_error (&open_rows[i], variant % 3, variant / 3 != 0);
}

/* What is no regular file is never replaced; a pipe of the test's own, lest a mistake here replaces
 * the system's. */
static void
test_no_regular_file (void)
{
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  struct stat status;
  g_auto (Place) place;

  place_init (&place, NULL);
  g_assert_cmpint (mkfifo (place.out_path, 0600), ==, 0);
  pipeline = new_replacing (place.out, FALSE);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_assert_cmpint (stat (place.out_path, &status), ==, 0);
  g_assert_true (S_ISFIFO (status.st_mode));
}

static void
test_null_device (void)
{
  g_autoptr (GFile) null = g_file_new_for_path ("/dev/null");
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_pipeline_set_stdout_file (pipeline, null, GP_FILE_MODE_TRUNCATE);
  gp_test_add_function (pipeline, "write", write_func, NULL);
  assert_runs (pipeline);
}

/* --- What goes wrong later ---------------------------------------------------------------- */

static gboolean
spoil_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  const char *path = user_data;

  g_unlink (path);
  g_mkdir (path, 0700);
  return TRUE;
}

static void
test_commit_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *message = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_test_add_function (pipeline, "spoil", spoil_func, place.out_path);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
  message = g_strdup_printf ("closing standard output \"%s\": Is a directory", place.out_path);
  gp_test_assert_message (error, message);
  g_assert_cmpuint (count_files (&place), ==, 2);
}

static void
test_full_device (void)
{
  g_autoptr (GFile) full = g_file_new_for_path ("/dev/full");
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdout_file (pipeline, full, GP_FILE_MODE_TRUNCATE);
  gp_test_add_function (pipeline, "write", write_func, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
}

/* The kernel lets nobody write more: who cannot write tells where. */
static void
test_write_fails (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *start = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;
  struct rlimit before, none;

  place_init (&place, "old");
  gp_pipeline_set_stdout_file (pipeline, place.out, GPOINTER_TO_INT (data));
  gp_test_add_function (pipeline, "write", write_func, NULL);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  none = (struct rlimit) { 0, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &none), ==, 0);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  signal (SIGXFSZ, SIG_DFL);

  start = g_strdup_printf ("write: writing standard output \"%s\": ", place.out_path);
  g_assert_nonnull (error);
  gp_test_assert_contains (error->message, start);
  assert_out (&place, GPOINTER_TO_INT (data) == GP_FILE_MODE_TRUNCATE ? "" : "old");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/files/read", test_read);
  gp_test_add ("/files/low-descriptors", test_low_descriptors);
  gp_test_add ("/files/modes", test_modes);
  gp_test_add ("/files/late-failure", test_late_failure);
  gp_test_add ("/files/function-closes", test_function_closes);
  gp_test_add ("/files/start-fails", test_start_fails);
  gp_test_add ("/files/not-started", test_not_started);
  gp_test_add ("/files/same-file", test_same_file);
  gp_test_add ("/files/empty-pipeline", test_empty_pipeline);
  gp_test_add ("/files/replace/symbolic-link", test_symbolic_link);
  gp_test_add ("/files/replace/link-loop", test_link_loop);
  gp_test_add ("/files/replace/hard-link", test_hard_link);
  gp_test_add ("/files/replace/permissions", test_permissions);
  gp_test_add ("/files/replace/read-only-file", test_read_only_file);
  gp_test_add ("/files/open-errors", test_open_errors);
  gp_test_add ("/files/no-regular-file", test_no_regular_file);
  gp_test_add ("/files/null-device", test_null_device);
  gp_test_add ("/files/commit-fails", test_commit_fails);
  gp_test_add ("/files/full-device", test_full_device);
  gp_test_add_data ("/files/write-fails/replace", GINT_TO_POINTER (GP_FILE_MODE_REPLACE), test_write_fails);
  gp_test_add_data ("/files/write-fails/truncate", GINT_TO_POINTER (GP_FILE_MODE_TRUNCATE),
                    test_write_fails);
  gp_test_add_data ("/files/write-fails/append", GINT_TO_POINTER (GP_FILE_MODE_APPEND), test_write_fails);

  return gp_test_run ();
}
