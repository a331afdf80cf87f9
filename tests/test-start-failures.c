/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <glib/gstdio.h>

/* One stage of a mixed pipeline cannot be started: those before it are stopped and waited for,
 * those after it are never started, and nothing stays behind. */

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

#define N_STAGES 6

/* --- The stages, all of which copy, and would do so for ever ---------------------------------- */

/* How often each of them was begun */
static int n_begun[N_STAGES];
static int n_ended[N_STAGES];

static gboolean
copy_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  guint index = GPOINTER_TO_UINT (user_data);
  gboolean success;

  g_atomic_int_inc (&n_begun[index]);
  success = gp_test_copy_func (input, output, context, NULL, error);
  g_atomic_int_inc (&n_ended[index]);
  return success;
}

static void
spliced_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GpStageContext) context = user_data;
  g_autoptr (GError) error = NULL;

  /* The only one in the main context */
  g_atomic_int_inc (&n_ended[3]);
  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) >= 0)
    gp_stage_context_return_success (context);
  else
    gp_stage_context_return_error (context, error);
}

static gboolean
copy_async_func (GpStageContext  *context,
                 gpointer         user_data,
                 GError         **error)
{
  g_atomic_int_inc (&n_begun[3]);
  g_output_stream_splice_async (gp_stage_context_get_stdout (context),
                                gp_stage_context_get_stdin (context),
                                G_OUTPUT_STREAM_SPLICE_NONE, G_PRIORITY_DEFAULT,
                                gp_stage_context_get_cancellable (context),
                                spliced_cb, g_object_ref (context));
  return TRUE;
}

static GpStage *
copy_function (guint index)
{
  return GP_STAGE (gp_function_stage_new ("copy", copy_func, GUINT_TO_POINTER (index), NULL));
}

static GpStage *
cat (void)
{
  return GP_STAGE (gp_test_child_new ("cat", NULL));
}

static GpStage *
nested (guint index)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, cat ());
  gp_pipeline_append (pipeline, copy_function (index));
  return GP_STAGE (pipeline);
}

static GpStage *
decorated (GpStage *stage)
{
  stage = GP_STAGE (gp_memory_watch_stage_new (stage, 0));
  return GP_STAGE (gp_error_filter_stage_new_ignoring (stage, gp_error_matcher_new_pipe ()));
}

static GpStage *
make_stage (guint    index,
            gboolean synchronous)
{
  switch (index)
    {
    case 0:
      return copy_function (index);
    case 1:
      return cat ();
    case 2:
      return nested (index);
    case 3:
      return synchronous ? copy_function (index)
                         : GP_STAGE (gp_async_stage_new ("copy", copy_async_func, NULL, NULL));
    case 4:
      return decorated (cat ());
    default:
      return copy_function (index);
    }
}

/* --- Those that cannot be started ------------------------------------------------------------- */

typedef enum
{
  MISSING_PROGRAM,
  MISSING_DIRECTORY,
  EMPTY_COMMAND,
  WITHIN_DECORATORS,
  WITHIN_NESTED,
  WITHIN_NESTED_LAST,
  BAD_DECORATOR,
  OWN_CLASS,          /* of the application, in the main context */
  N_FAILURES,
} Failure;

static GpStage *
missing (void)
{
  GpCommandStage *command = gp_command_stage_new ("/nonexistent/program", NULL);

  gp_command_stage_set_name (command, "failing");
  return GP_STAGE (command);
}

static GpStage *
named_child (const char *directory)
{
  GpCommandStage *command = gp_test_child_new ("cat", NULL);

  gp_command_stage_set_name (command, "failing");
  gp_command_stage_set_directory (command, directory);
  return GP_STAGE (command);
}

static GpStage *
empty_command (void)
{
  static const char * const argv[] = { "", NULL };
  GpCommandStage *command = gp_command_stage_newv (argv);

  gp_command_stage_set_name (command, "failing");
  return GP_STAGE (command);
}

static GpStage *
failing_nested (gboolean is_last)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_pipeline_set_name (pipeline, "failing");
  if (is_last)
    gp_pipeline_append (pipeline, cat ());
  gp_pipeline_append (pipeline, missing ());
  if (!is_last)
    gp_pipeline_append (pipeline, cat ());
  return GP_STAGE (pipeline);
}

static GpStage *
make_failing (Failure failure)
{
  g_autoptr (GpStage) inner = NULL;
  GpTestProbe *starter;

  switch (failure)
    {
    case MISSING_PROGRAM:
      return missing ();
    case MISSING_DIRECTORY:
      return named_child ("/nonexistent/directory");
    case EMPTY_COMMAND:
      return empty_command ();
    case WITHIN_DECORATORS:
      return decorated (missing ());
    case WITHIN_NESTED:
      return failing_nested (FALSE);
    case WITHIN_NESTED_LAST:
      return failing_nested (TRUE);
    case BAD_DECORATOR:
      inner = named_child (NULL);
      return g_object_new (GP_TYPE_ERROR_FILTER_STAGE, "stage", inner, NULL);
    case OWN_CLASS:
    default:
      starter = gp_test_starter_new ("failing", GP_TEST_END_SUCCESS);
      gp_test_probe_set_start_fails (starter, TRUE);
      return GP_STAGE (starter);
    }
}

/* --- One case --------------------------------------------------------------------------------- */

typedef struct
{
  Failure  failure;
  guint    index;
  gboolean given;
  gboolean synchronous;
} Case;

static void
assert_statuses (GpPipeline *pipeline,
                 guint       failing)
{
  for (guint i = 0; i < N_STAGES; i++)
    {
      GpStageStatus *status = gp_pipeline_get_status (pipeline, i);
      GpStageState state = gp_stage_status_get_state (status);
      g_autoptr (GError) error = gp_stage_status_dup_error (status);

      if (i > failing)
        g_assert_cmpint (state, ==, GP_STAGE_STATE_NOT_STARTED);
      else if (i == failing)
        g_assert_cmpint (state, ==, GP_STAGE_STATE_FAILED);
      else /* stopped; it may have had its end of input before that */
        g_assert_true (state == GP_STAGE_STATE_FAILED || state == GP_STAGE_STATE_SUCCEEDED);
      g_assert_cmpint (error != NULL, ==, state == GP_STAGE_STATE_FAILED);
    }
}

/* What was begun has ended, and nothing behind the failure was begun. */
static void
assert_calls (guint failing)
{
  for (guint i = 0; i < N_STAGES; i++)
    {
      g_assert_cmpint (g_atomic_int_get (&n_begun[i]), ==, g_atomic_int_get (&n_ended[i]));
      g_assert_cmpint (g_atomic_int_get (&n_begun[i]), <=, i < failing ? 1 : 0);
      n_begun[i] = 0;
      n_ended[i] = 0;
    }
}

static void
run_case (const Case *self)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (1000, TRUE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) wait_error = NULL;

  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, self->given);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, self->given);
  for (guint i = 0; i < N_STAGES; i++)
    gp_pipeline_append (pipeline, i == self->index ? make_failing (self->failure)
                                                   : make_stage (i, self->synchronous));

  g_assert_false (self->synchronous ? gp_pipeline_start (pipeline, NULL, &error)
                                    : gp_test_start (pipeline, NULL, &error));
  g_assert_true (g_str_has_prefix (error->message, "starting stage \"failing\": "));
  g_assert_false (self->synchronous ? gp_pipeline_wait (pipeline, NULL, &wait_error)
                                    : gp_test_wait (pipeline, &wait_error));
  gp_test_assert_message (wait_error, error->message);
  g_assert_true (g_error_matches (wait_error, error->domain, error->code));

  assert_statuses (pipeline, self->index);
  assert_calls (self->index);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, self->given);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, self->given);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 0);
  /* But for a last stage that has closed it itself, before it failed */
  if (self->given && (self->failure != OWN_CLASS || self->index + 1 < N_STAGES))
    g_assert_true (gp_test_sink_was_discarded (output));
}

static void
test_case (gconstpointer data)
{
  Case self = *(const Case *) data;

  /* Where a start takes long, a part of it: given and lent, asynchronous and not */
  for (int i = 0; i < 4; i += g_getenv ("GP_TEST_VALGRIND") != NULL ? 3 : 1)
    {
      self.given = i & 1;
      self.synchronous = i & 2;
      /* That one cannot be part of a synchronous call. */
      if (!self.synchronous || self.failure != OWN_CLASS)
        run_case (&self);
    }
}

/* All of them in turn: the frame of the test counts what they leave. */
static void
test_fifty_in_a_row (void)
{
  for (guint i = 0; i < 50; i++)
    {
      Case self = { i % N_FAILURES, (i / 2) % N_STAGES, TRUE, FALSE };

      run_case (&self);
    }
}

/* The same, with the output in memory, and only ever the last stage */
static void
test_fifty_with_collected_output (void)
{
  guint n_fds = 0;

  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_append (pipeline, cat ());
      gp_pipeline_append (pipeline, missing ());
      g_assert_null (gp_pipeline_communicate (pipeline, NULL, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      gp_test_wait_busy_threads ();
      if (i == 5)
        n_fds = gp_test_count_fds ();
    }
  /* Not even something that would be taken away in the end */
  g_assert_cmpuint (gp_test_count_fds (), <=, n_fds + 2);
}

/* Streams that the application has opened end as well, whoever failed. */
static void
test_opened_ends (void)
{
  for (guint failing = 0; failing < N_STAGES; failing++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) input = NULL;
      g_autoptr (GInputStream) output = NULL;
      g_autoptr (GError) error = NULL;
      char byte;

      gp_pipeline_set_abandon_delay (pipeline, NEVER);
      for (guint i = 0; i < N_STAGES; i++)
        gp_pipeline_append (pipeline, i == failing ? missing () : make_stage (i, FALSE));
      input = gp_pipeline_open_input (pipeline, NULL);
      output = gp_pipeline_open_output (pipeline, NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      g_clear_error (&error);

      /* Nobody hangs here: an end of the stream or an error, but no data */
      g_assert_cmpint (g_input_stream_read (output, &byte, 1, NULL, NULL), <=, 0);
      g_assert_cmpint (g_output_stream_write (input, "x", 1, NULL, &error), <, 0);
      g_assert_nonnull (error);
      assert_calls (failing);
    }
}

/* The earlier stages are at work already: a first one that writes for ever is unblocked, */
static void
test_first_is_unblocked (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "spew", "100000000", NULL);
  gp_pipeline_append (pipeline, missing ());
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
}

/* and one that ignores being asked is killed. */
static void
test_first_is_killed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *command = gp_test_add_child (pipeline, "ignore-term-and-wait", NULL);

  gp_command_stage_set_kill_delay (command, 20);
  gp_pipeline_append (pipeline, missing ());
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  g_assert_true (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)) > 0);
}

/* The error of the start goes before what a stage had failed with by then. */
static void
test_goes_before_other_errors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpTestProbe *starter = gp_test_starter_new ("failing", GP_TEST_END_SUCCESS);

  gp_test_add_probe (pipeline, "probe", GP_TEST_END_ERROR);
  gp_test_probe_set_start_fails (starter, TRUE);
  gp_test_probe_set_error (starter, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy"));
  gp_pipeline_append (pipeline, GP_STAGE (starter));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "starting stage \"failing\": busy");
}

/* What stands between a stage that cannot be started and a command, which was launched meanwhile */
typedef enum
{
  NOTHING_BETWEEN,
  FUNCTION_BETWEEN,
  TWO_BETWEEN,
  NESTED_BETWEEN,
  N_BETWEEN,
} Between;

static void
append_between (GpPipeline *pipeline,
                Between     between)
{
  if (between == NESTED_BETWEEN)
    gp_pipeline_append (pipeline, nested (1));
  else if (between != NOTHING_BETWEEN)
    gp_pipeline_append (pipeline, copy_function (1));
  if (between == TWO_BETWEEN)
    gp_pipeline_append (pipeline, copy_function (2));
}

/* A command that was launched ahead is not executed before its time, and so never here; the stage that
 * comes before it neither. */
static void
test_launched_ahead (void)
{
  g_autofree char *directory = g_dir_make_tmp ("gp-test-ahead-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "written", NULL);

  for (guint i = 0; i < 4 * N_BETWEEN; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      GpStage *writer = GP_STAGE (gp_test_child_new ("write-file", path, "1", NULL));

      gp_pipeline_append (pipeline, missing ());
      append_between (pipeline, i / 4);
      gp_pipeline_append (pipeline, (i & 1) != 0 ? decorated (writer) : writer);
      g_assert_false ((i & 2) != 0 ? gp_pipeline_run (pipeline, NULL, &error)
                                   : gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      for (guint j = 1; j < gp_pipeline_get_n_stages (pipeline); j++)
        g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, j)), ==,
                         GP_STAGE_STATE_NOT_STARTED);
      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
      assert_calls (0);
    }

  g_assert_no_errno (g_rmdir (directory));
}

/* It may also be the one that cannot be started, which is told when it is its turn. */
static void
test_failed_ahead (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_append (pipeline, cat ());
      append_between (pipeline, i % 2);
      gp_pipeline_append (pipeline, i < 2 ? missing () : empty_command ());
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_true (g_str_has_prefix (error->message, "starting stage \"failing\": "));
      assert_calls (i % 2 == 0 ? 0 : 2);
    }
}

int
main (int    argc,
      char **argv)
{
  static const char * const names[N_FAILURES] = {
    "missing-program", "missing-directory", "empty-command", "within-decorators", "within-nested",
    "within-nested-last", "bad-decorator", "own-class",
  };
  static Case cases[N_FAILURES][N_STAGES];

  gp_test_init (&argc, &argv);
  for (guint failure = 0; failure < N_FAILURES; failure++)
    for (guint index = 0; index < N_STAGES; index++)
      {
        g_autofree char *path = g_strdup_printf ("/start-failures/%s/%u", names[failure], index);

        cases[failure][index] = (Case) { failure, index, FALSE, FALSE };
        gp_test_add_data (path, &cases[failure][index], test_case);
      }
  gp_test_add ("/start-failures/fifty-in-a-row", test_fifty_in_a_row);
  gp_test_add ("/start-failures/fifty-with-collected-output", test_fifty_with_collected_output);
  gp_test_add ("/start-failures/opened-ends", test_opened_ends);
  gp_test_add ("/start-failures/first-is-unblocked", test_first_is_unblocked);
  gp_test_add ("/start-failures/first-is-killed", test_first_is_killed);
  gp_test_add ("/start-failures/goes-before-other-errors", test_goes_before_other_errors);
  gp_test_add ("/start-failures/launched-ahead", test_launched_ahead);
  gp_test_add ("/start-failures/failed-ahead", test_failed_ahead);
  return gp_test_run ();
}
