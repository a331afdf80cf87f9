/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <unistd.h>

/* Mistakes of users: each is an error that says what is wrong, and in which stage. */
typedef struct
{
  const char       *path;
  GpCommandStage *(*make)   (const char *directory);
  GQuark          (*domain) (void);
  int               code;
  const char       *part;   /* of the message, besides the name of the stage; (nullable) */
} Row;

static GpCommandStage *
make_empty_argv (const char *directory)
{
  static const char *const argv[] = { NULL };

  return gp_command_stage_newv (argv);
}

static GpCommandStage *
make_empty_name (const char *directory)
{
  return gp_command_stage_new ("", NULL);
}

static GpCommandStage *
make_missing (const char *directory)
{
  return gp_command_stage_new ("gp-test-no-such-program", NULL);
}

static GpCommandStage *
make_missing_path (const char *directory)
{
  return gp_command_stage_new ("/nonexistent/program", NULL);
}

static GpCommandStage *
make_file (const char *directory,
           const char *name,
           const char *contents,
           int         mode)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);

  g_assert_true (g_file_set_contents (path, contents, -1, NULL));
  g_assert_cmpint (g_chmod (path, mode), ==, 0);
  return gp_command_stage_new (path, NULL);
}

static GpCommandStage *
make_not_executable (const char *directory)
{
  return make_file (directory, "plain", "#!/bin/sh\n", 0644);
}

static GpCommandStage *
make_no_interpreter (const char *directory)
{
  return make_file (directory, "script", "exit 0\n", 0755);
}

static GpCommandStage *
make_directory_as_program (const char *directory)
{
  return gp_command_stage_new (directory, NULL);
}

static GpCommandStage *
make_missing_directory (const char *directory)
{
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);

  gp_command_stage_set_directory (stage, "/nonexistent/directory");
  return stage;
}

static GpCommandStage *
make_file_as_directory (const char *directory)
{
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);

  gp_command_stage_set_directory (stage, gp_test_child ());
  return stage;
}

static GpCommandStage *
make_too_big (const char *directory)
{
  g_autofree char *text = g_strnfill (3000000, 'x');

  return gp_test_child_new ("echo", text, NULL);
}

static GpCommandStage *
make_bad_environ (const char *directory)
{
  static const char *const environment[] = { "GOOD=1", "without-equals", NULL };
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);

  gp_command_stage_set_environ (stage, environment);
  return stage;
}

static GpCommandStage *
make_empty_variable (const char *directory)
{
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);

  gp_command_stage_setenv (stage, "", "value", TRUE);
  return stage;
}

static GpCommandStage *
make_equals_in_variable (const char *directory)
{
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);

  gp_command_stage_setenv (stage, "A=B", "value", TRUE);
  return stage;
}

static const Row rows[] = {
  { "empty-argv", make_empty_argv, gp_pipeline_error_quark, GP_PIPELINE_ERROR_INVALID, NULL },
  { "empty-name", make_empty_name, gp_pipeline_error_quark, GP_PIPELINE_ERROR_INVALID, NULL },
  { "missing", make_missing, g_spawn_error_quark, G_SPAWN_ERROR_NOENT, "gp-test-no-such-program" },
  { "missing-path", make_missing_path, g_spawn_error_quark, G_SPAWN_ERROR_NOENT, "No such file" },
  { "not-executable", make_not_executable, g_spawn_error_quark, G_SPAWN_ERROR_ACCES, "denied" },
  { "no-interpreter", make_no_interpreter, g_spawn_error_quark, G_SPAWN_ERROR_NOEXEC, "#!" },
  { "directory-as-program", make_directory_as_program, g_spawn_error_quark, G_SPAWN_ERROR_ACCES,
    NULL },
  { "missing-directory", make_missing_directory, g_spawn_error_quark, G_SPAWN_ERROR_CHDIR,
    "/nonexistent/directory" },
  { "file-as-directory", make_file_as_directory, g_spawn_error_quark, G_SPAWN_ERROR_CHDIR, NULL },
  { "too-big", make_too_big, g_spawn_error_quark, G_SPAWN_ERROR_TOO_BIG, NULL },
  { "bad-environ", make_bad_environ, gp_pipeline_error_quark, GP_PIPELINE_ERROR_INVALID,
    "without-equals" },
  { "empty-variable", make_empty_variable, gp_pipeline_error_quark, GP_PIPELINE_ERROR_INVALID,
    NULL },
  { "equals-in-variable", make_equals_in_variable, gp_pipeline_error_quark,
    GP_PIPELINE_ERROR_INVALID, "A=B" },
};

static void
assert_row (const Row    *row,
            const GError *error)
{
  g_assert_nonnull (error);
  if (error->domain != row->domain () || error->code != row->code)
    g_error ("%s: wrong error: %s (%s, %d)", row->path, error->message,
             g_quark_to_string (error->domain), error->code);
  g_assert_true (g_str_has_prefix (error->message, "starting stage \"the-one\": "));
  if (row->part != NULL)
    gp_test_assert_contains (error->message, row->part);
}

static void
remove_directory (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      g_unlink (file);
    }
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

/* Alone, first, in the middle, and last; what was started before is stopped */
static void
test_start_error (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);

  for (guint before = 0; before < 3; before++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = row->make (directory);
      GpTestProbe *later;
      g_autoptr (GError) error = NULL;

      for (guint i = 0; i < before; i++)
        gp_test_add_child (pipeline, "wait", NULL);
      gp_command_stage_set_name (stage, "the-one");
      gp_pipeline_append (pipeline, GP_STAGE (stage));
      later = gp_test_add_probe (pipeline, "later", GP_TEST_END_SUCCESS);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      assert_row (row, error);
      g_assert_null (gp_test_probe_get_seen (later));
      g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, before)), ==,
                       GP_STAGE_STATE_FAILED);
    }
  remove_directory (directory);
}

static void
test_start_error_sync (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = row->make (directory);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_name (stage, "the-one");
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  assert_row (row, error);
  remove_directory (directory);
}

/* The same mistakes where nobody gave the stage a name */
static void
test_empty_argv_unnamed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (make_empty_argv (NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "starting stage \"");
}

static void
test_pipeline_environ (void)
{
  static const char *const environment[] = { "without-equals", NULL };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_environ (pipeline, environment);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "without-equals");
}

static void
test_pipeline_directory (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_directory (pipeline, "/nonexistent/directory");
  gp_test_add_child (pipeline, "exit", "0", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_CHDIR);
  gp_test_assert_contains (error->message, "\"exit\"");
}

static void
test_added_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_child_new ("cat", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_name (stage, "the-one");
  gp_pipeline_append (pipeline, g_object_ref (GP_STAGE (stage)));
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "the-one");
}

static void
test_added_to_two (void)
{
  g_autoptr (GpPipeline) first = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) second = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_child_new ("cat", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_name (stage, "the-one");
  gp_pipeline_append (first, g_object_ref (GP_STAGE (stage)));
  gp_pipeline_append (second, GP_STAGE (stage));
  g_assert_true (gp_test_run_pipeline (first, NULL, NULL));
  g_assert_false (gp_test_run_pipeline (second, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_contains (error->message, "the-one");
}

static void
test_pipeline_that_ran (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  /* An inner pipeline runs once, as every pipeline */
  gp_pipeline_set_name (inner, "inner");
  gp_test_add_child (inner, "exit", "0", NULL);
  g_assert_true (gp_test_run_pipeline (inner, NULL, NULL));
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  gp_test_assert_contains (error->message, "inner");
}

static void
test_closed_streams (void)
{
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = NULL;
      g_autoptr (GError) error = NULL;
      int fds[2];

      gp_test_open_pipe (fds);
      close (fds[1]);
      input = i == 0 ? gp_test_source_new (10, FALSE) : g_unix_input_stream_new (fds[0], TRUE);
      if (i == 0)
        close (fds[0]);
      g_input_stream_close (input, NULL, NULL);
      gp_pipeline_set_stdin (pipeline, input);
      gp_test_add_child (pipeline, "cat", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
      gp_test_assert_contains (error->message, "cat");
    }
}

static void
test_failing_stdout (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output =
    gp_test_sink_new (100000, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "disk full"));
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdout (pipeline, output);
  gp_test_add_child (pipeline, "spew", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gp_test_assert_contains (error->message, "disk full");
  gp_test_assert_contains (error->message, "spew");
}

/* Nothing piles up: what is counted after the test case would show it */
static void
test_many_failed_starts (void)
{
  for (int i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = gp_test_source_new (10, TRUE);
      g_autoptr (GOutputStream) output = gp_test_sink_new (10, NULL);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_set_close_stdout (pipeline, TRUE);
      gp_test_add_child (pipeline, "wait", NULL);
      gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/bad-input/start/%s", rows[i].path);
      g_autofree char *sync_path = g_strdup_printf ("/bad-input/start-sync/%s", rows[i].path);

      /* Valgrind finds out too late that this cannot be executed. */
      if (rows[i].code == G_SPAWN_ERROR_TOO_BIG && g_getenv ("GP_TEST_VALGRIND") != NULL)
        continue;

      gp_test_add_data (path, &rows[i], test_start_error);
      gp_test_add_data (sync_path, &rows[i], test_start_error_sync);
    }
  gp_test_add ("/bad-input/empty-argv-unnamed", test_empty_argv_unnamed);
  gp_test_add ("/bad-input/pipeline-environ", test_pipeline_environ);
  gp_test_add ("/bad-input/pipeline-directory", test_pipeline_directory);
  gp_test_add ("/bad-input/added-twice", test_added_twice);
  gp_test_add ("/bad-input/added-to-two", test_added_to_two);
  gp_test_add ("/bad-input/pipeline-that-ran", test_pipeline_that_ran);
  gp_test_add ("/bad-input/closed-streams", test_closed_streams);
  gp_test_add ("/bad-input/failing-stdout", test_failing_stdout);
  gp_test_add ("/bad-input/many-failed-starts", test_many_failed_starts);
  return gp_test_run ();
}
