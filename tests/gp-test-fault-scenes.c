/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-scenes.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than a pipe holds */
#define N_LINES 8000

/* Milliseconds, so that nobody is given up */
#define LONGER_THAN_A_RUN 600000

/* More than the highest number that a limit leaves */
#define ASIDE 500

/* Of GLib's worker, of the library's engine, that of synchronous calls, and the default one */
#define N_CONTEXTS 4

const GpTestMode gp_test_modes[2] = {
  { "supervised", TRUE },
  { "exec", FALSE },
};

static char *folder;
static char *in_path;
static char *out_path;
static GString *lines;

static const char old_text[] = "what was there before\n";
static const char said_text[] = "all is copied\n";

/* Names of stages, and beginnings of messages */
static const char * const named[] = {
  "feed", "turn", "pass", "pick", "inner", "last", "stubborn", "family", "watch",
  "gp-test-missing", "cat", "copy",
  "cannot ", "standard input", "standard output", "standard error",
  NULL,
};

static void
remove_files (void)
{
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_unlink (path);
    }
}

static void
remove_folder (void)
{
  remove_files ();
  g_rmdir (folder);
}

void
gp_test_scenes_init (void)
{
  folder = g_dir_make_tmp ("gp-test-scenes-XXXXXX", NULL);
  g_assert_nonnull (folder);
  /* Some runs are those of another user. */
  g_assert_cmpint (g_chmod (folder, 0777), ==, 0);
  in_path = g_build_filename (folder, "in", NULL);
  out_path = g_build_filename (folder, "out", NULL);
  atexit (remove_folder);
  /* Where anybody may look for a program */
  g_setenv ("PATH", "/usr/bin:/bin", TRUE);

  lines = g_string_new (NULL);
  for (guint i = 0; i < N_LINES; i++)
    g_string_append_printf (lines, "line %06u\n", i);
}

const char *
gp_test_scenes_get_folder (void)
{
  return folder;
}

/* --- Stages ------------------------------------------------------------------------------- */

static GpLineAction
keep_line (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static void
append_lines (GpPipeline *pipeline,
              const char *name)
{
  GpLineStage *stage = gp_line_stage_new (name, keep_line, NULL, NULL);

  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
}

static GpCommandStage *
append_command (GpPipeline        *pipeline,
                const GpTestScene *scene,
                const char        *name,
                const char        *mode,
                const char        *text)
{
  GpCommandStage *stage = gp_test_add_child (pipeline, mode, text, NULL);

  gp_command_stage_set_name (stage, name);
  gp_command_stage_set_supervised (stage, scene->mode->supervised);
  gp_command_stage_set_die_with_parent (stage, scene->mode->supervised);

  return stage;
}

static GpPipeline *
new_inner (const GpTestScene *scene)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_pipeline_set_name (pipeline, "inner");
  append_command (pipeline, scene, "last", "cat", NULL);
  gp_test_add_function (pipeline, "watch", gp_test_copy_func, NULL);

  return pipeline;
}

/* --- How a run has ended ------------------------------------------------------------------ */

static gboolean
is_clear (const char *message)
{
  for (guint i = 0; named[i] != NULL; i++)
    {
      if (strstr (message, named[i]) != NULL)
        return TRUE;
    }

  return FALSE;
}

void
gp_test_scene_judge (GpTestReport  *report,
                     gboolean       success,
                     GError       **error)
{
  const char *message = *error != NULL ? (*error)->message : NULL;

  report->success = success;
  if (success != (message == NULL))
    gp_test_report_problem (report, "success is %d, but the error %s", success,
                            message != NULL ? message : "is missing");
  if (message == NULL)
    return;

  g_strlcpy (report->message, message, sizeof report->message);
  if (!is_clear (message))
    gp_test_report_problem (report, "an error that does not tell where: %s", message);
  g_clear_error (error);
}

static void
expect_bytes (GpTestReport *report,
              const char   *what,
              const char   *data,
              gsize         size,
              const char   *expected,
              gsize         expected_size)
{
  gsize at = 0;

  while (at < size && at < expected_size && data[at] == expected[at])
    at++;
  if (at < size || (report->success && at < expected_size))
    gp_test_report_problem (report, "%s: %" G_GSIZE_FORMAT " bytes of %" G_GSIZE_FORMAT
                            ", different from byte %" G_GSIZE_FORMAT " on",
                            what, size, expected_size, at);
}

/* As after a fault that is over */
static void
run_another (GpTestReport *report)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("fc");
  g_autoptr (GError) error = NULL;
  g_autofree char *text = gp_pipeline_communicate_utf8 (pipeline, "text", NULL, &error);

  if (error != NULL)
    gp_test_report_problem (report, "the next pipeline failed: %s", error->message);
  else if (g_strcmp0 (text, "text") != 0)
    gp_test_report_problem (report, "the next pipeline gave \"%s\"", text);
}

void
gp_test_scene_end (GpTestReport *report,
                   guint         n_fds_before,
                   guint         n_more)
{
  gp_test_fault_disarm ();
  gp_test_wait_all_gone_but (G_MAXUINT);
  run_another (report);
  gp_test_wait_all_gone_but (n_fds_before + N_CONTEXTS + n_more);
}

/* A context that was made without an event descriptor has a pipe instead. A process that could not
 * be killed may be there as long as it likes. */
static void
end_scene (const GpTestScene *scene,
           GpTestReport      *report,
           guint              n_fds_before)
{
  GpTestFaults *faults = gp_test_fault_get ();
  gboolean pipes = faults->calls == GP_TEST_CALL_BIT (EVENTFD);

  gp_test_fault_disarm ();
  if (scene->may_not_fail && !report->success)
    gp_test_report_problem (report, "it need not have failed: %s", report->message);

  report->may_outlive = faults->calls == GP_TEST_CALL_BIT (KILL) && faults->n_faults > 0;
  if (!report->may_outlive)
    gp_test_scene_end (report, n_fds_before, pipes ? faults->n_faults : 0);
}

/* --- What is collected -------------------------------------------------------------------- */

static void
check_collected (GpPipeline   *pipeline,
                 GBytes       *output,
                 GpTestReport *report)
{
  g_autoptr (GBytes) collected = output != NULL ? g_bytes_ref (output)
                                                : gp_pipeline_dup_output (pipeline);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 2);
  g_autofree char *said = gp_stage_status_dup_stderr_text (status);
  gsize size = 0;
  const char *data = collected != NULL ? g_bytes_get_data (collected, &size) : NULL;

  expect_bytes (report, "output", data, size, lines->str, lines->len);
  expect_bytes (report, "standard error", said, strlen (said), said_text, strlen (said_text));
}

/* Without a main context of the caller */
static void
collect (gconstpointer  data,
         GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  g_autoptr (GBytes) input = g_bytes_new_static (lines->str, lines->len);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_fault_arm ();
  pipeline = gp_test_pipeline_new ();
  append_command (pipeline, scene, "feed", "cat", NULL);
  gp_test_add_function (pipeline, "turn", gp_test_copy_func, NULL);
  append_command (pipeline, scene, "pass", "cat-and-say", said_text);
  append_lines (pipeline, "pick");
  gp_pipeline_append (pipeline, GP_STAGE (new_inner (scene)));
  output = gp_pipeline_communicate (pipeline, input, NULL, &error);

  gp_test_scene_judge (report, output != NULL, &error);
  check_collected (pipeline, output, report);
  g_clear_object (&pipeline);
  end_scene (scene, report, n_fds);
}

/* --- A file that is replaced -------------------------------------------------------------- */

static void
check_file (GpTestReport *report)
{
  const char *expected = report->success ? lines->str : old_text;
  g_autoptr (GDir) directory = g_dir_open (folder, 0, NULL);
  g_autofree char *text = NULL;
  const char *name;
  gsize size;

  g_assert_true (g_file_get_contents (out_path, &text, &size, NULL));
  if (size != strlen (expected) || memcmp (text, expected, size) != 0)
    gp_test_report_problem (report, "after a %s, the file has %" G_GSIZE_FORMAT " bytes",
                            report->success ? "success" : "failure", size);

  while ((name = g_dir_read_name (directory)) != NULL)
    {
      if (strcmp (name, "in") != 0 && strcmp (name, "out") != 0)
        gp_test_report_problem (report, "the file %s was left", name);
    }
}

/* In the default context */
static void
replace (gconstpointer  data,
         GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GFile) in = g_file_new_for_path (in_path);
  g_autoptr (GFile) out = g_file_new_for_path (out_path);
  g_autoptr (GError) error = NULL;
  gboolean success;

  remove_files ();
  g_assert_true (g_file_set_contents (in_path, lines->str, lines->len, NULL));
  g_assert_true (g_file_set_contents (out_path, old_text, -1, NULL));
  gp_test_fault_arm ();
  pipeline = gp_test_pipeline_new ();
  gp_pipeline_set_stdin_file (pipeline, in);
  gp_pipeline_set_stdout_file (pipeline, out, GP_FILE_MODE_REPLACE);
  gp_test_add_function (pipeline, "turn", gp_test_copy_func, NULL);
  append_command (pipeline, scene, "pass", "cat", NULL);
  gp_test_add_function (pipeline, "watch", gp_test_copy_func, NULL);
  success = gp_test_run_pipeline (pipeline, NULL, &error);

  gp_test_scene_judge (report, success, &error);
  g_clear_object (&pipeline);
  gp_test_fault_disarm ();
  check_file (report);
  end_scene (scene, report, n_fds);
}

/* --- What is stopped ---------------------------------------------------------------------- */

static void
tell_main (int *came)
{
  g_atomic_int_set (came, TRUE);
  g_main_context_wakeup (NULL);
}

/* Tells that something has come, or will not come any more */
static gboolean
watch_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  char text[100];
  gssize size;

  while ((size = g_input_stream_read (input, text, sizeof text, cancellable, error)) > 0)
    tell_main (user_data);
  tell_main (user_data);

  return size == 0;
}

/* With numbers that no limit is about: the scene itself leaves as many as a bare program has. */
static void
open_pipe_aside (int fds[2])
{
  gp_test_open_pipe (fds);
  for (guint i = 0; i < 2; i++)
    {
      int near = fds[i];

      fds[i] = fcntl (near, F_DUPFD_CLOEXEC, ASIDE);
      g_assert_cmpint (fds[i], >=, ASIDE);
      close (near);
    }
}

/* A function waits for input that never comes, from a pipe that blocks. One command has a child, the
 * other one does not end when it is asked to. It comes after the first, which has been executed when
 * it writes. */
static void
stop (gconstpointer  data,
      GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int came = FALSE;
  int fds[2];

  open_pipe_aside (fds);
  input = g_unix_input_stream_new (fds[0], TRUE);
  report->may_outlive = !scene->mode->supervised;
  gp_test_fault_arm ();
  pipeline = gp_test_pipeline_new ();
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_abandon_delay (pipeline, LONGER_THAN_A_RUN);
  gp_test_add_function (pipeline, "feed", gp_test_copy_func, NULL);
  append_command (pipeline, scene, "family", "grandchild-wait", "text");
  gp_command_stage_set_kill_delay (append_command (pipeline, scene, "stubborn",
                                                   "ignore-term-and-wait", "text"), 20);
  gp_test_add_function (pipeline, "watch", watch_func, &came);
  gp_pipeline_run_async (pipeline, cancellable, gp_test_result_cb, &result);
  while (result == NULL && !g_atomic_int_get (&came))
    g_main_context_iteration (NULL, TRUE);
  g_cancellable_cancel (cancellable);
  gp_test_await ("the end of what was cancelled", &result);

  if (gp_pipeline_run_finish (pipeline, result, &error))
    gp_test_report_problem (report, "what was cancelled has succeeded");
  /* That is what was wanted. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_clear_error (&error);
  gp_test_scene_judge (report, error == NULL, &error);
  g_clear_object (&result);
  g_clear_object (&pipeline);
  g_clear_object (&input);
  close (fds[1]);
  end_scene (scene, report, n_fds);
}

/* --- What is not there -------------------------------------------------------------------- */

static void
miss (gconstpointer  data,
      GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  GpCommandStage *stage = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_fault_arm ();
  pipeline = gp_test_pipeline_new ();
  append_command (pipeline, scene, "pass", "cat", NULL);
  stage = gp_command_stage_new ("gp-test-missing", NULL);
  gp_command_stage_set_supervised (stage, scene->mode->supervised);
  gp_pipeline_append (pipeline, GP_STAGE (stage));

  if (gp_pipeline_run (pipeline, NULL, &error))
    gp_test_report_problem (report, "what is not there was run");
  /* That is what is right. */
  if (g_error_matches (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
    g_clear_error (&error);
  gp_test_scene_judge (report, error == NULL, &error);
  g_clear_object (&pipeline);
  end_scene (scene, report, n_fds);
}

/* --- What must be set up ------------------------------------------------------------------ */

/* On a terminal, in another directory, with limits: the command tells where it is. */
static void
set_up (gconstpointer  data,
        GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  g_autofree char *expected = g_strdup_printf ("%s\n", folder);
  g_autofree char *text = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  GpCommandStage *stage;

  gp_test_fault_arm ();
  pipeline = gp_test_pipeline_new ();
  gp_pipeline_set_directory (pipeline, folder);
  stage = append_command (pipeline, scene, "last", "cwd", NULL);
  gp_command_stage_set_terminal (stage, TRUE);
  gp_command_stage_set_nice (stage, 1);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CORE_SIZE, 0);
  text = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);

  gp_test_scene_judge (report, text != NULL, &error);
  if (text != NULL)
    expect_bytes (report, "output", text, strlen (text), expected, strlen (expected));
  g_clear_object (&pipeline);
  end_scene (scene, report, n_fds);
}

const GpTestSceneKind gp_test_scenes[GP_TEST_N_SCENES] = {
  { "collect", collect },
  { "replace", replace },
  { "stop", stop },
  { "miss", miss },
  { "set-up", set_up },
};
