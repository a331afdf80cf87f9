/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-place.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum
{
  END_CANCEL,
  END_TIME_LIMIT,
  END_CANCELLED_BEFORE,
} End;

static void
assert_ended (const GError *error,
              End           end)
{
  const int code = end == END_TIME_LIMIT ? G_IO_ERROR_TIMED_OUT : G_IO_ERROR_CANCELLED;

  g_assert_error (error, G_IO_ERROR, code);
}

static gboolean
write_and_wait_func (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);
  GPollFD fd;

  if (!write_func (input, output, context, NULL, error))
    return FALSE;
  gp_test_gate_open (user_data);
  if (g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_poll (&fd, 1, -1);
      g_cancellable_release_fd (cancellable);
    }
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
is_open (gpointer data)
{
  GpTestGate *gate = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&gate->lock);

  return gate->is_open;
}

static void
run_cancelled (End        end,
               GpFileMode mode,
               const char *expected)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_test_gate_init (&gate);
  gp_pipeline_set_stdout_file (pipeline, place.out, mode);
  gp_pipeline_set_time_limit (pipeline, end == END_TIME_LIMIT ? 100 : 0);
  gp_test_add_function (pipeline, "wait", write_and_wait_func, &gate);
  if (end == END_CANCELLED_BEFORE)
    g_cancellable_cancel (cancellable);
  gp_pipeline_run_async (pipeline, cancellable, gp_test_result_cb, &result);
  if (end == END_CANCEL)
    {
      gp_test_wait_until ("the function to write", is_open, &gate);
      g_cancellable_cancel (cancellable);
    }
  gp_test_await ("the end", &result);
  g_assert_false (gp_pipeline_run_finish (pipeline, result, &error));
  assert_ended (error, end);
  if (end == END_CANCELLED_BEFORE)
    gp_test_assert_message (error, "the pipeline was cancelled");
  assert_out (&place, expected);
}

static void
test_cancel (void)
{
  run_cancelled (END_CANCEL, GP_FILE_MODE_REPLACE, "old");
  run_cancelled (END_CANCEL, GP_FILE_MODE_TRUNCATE, "new");
  run_cancelled (END_CANCEL, GP_FILE_MODE_APPEND, "oldnew");
  run_cancelled (END_TIME_LIMIT, GP_FILE_MODE_REPLACE, "old");
  for (GpFileMode mode = GP_FILE_MODE_REPLACE; mode <= GP_FILE_MODE_APPEND; mode++)
    run_cancelled (END_CANCELLED_BEFORE, mode, "old");
}

static gboolean
deaf_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return g_output_stream_write_all (output, "half", 4, NULL, NULL, error) &&
         g_output_stream_splice (output, user_data, G_OUTPUT_STREAM_SPLICE_NONE, NULL, error) >= 0;
}

static gboolean
is_alone (gpointer data)
{
  return count_files (data) == 2;
}

/* A function that is given up in the middle of an operation; so may be the closing after that. */
static void
test_abandoned (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) source = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_test_gate_init (&gate);
  source = gp_test_gated_input_new (&gate, " and more");
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_test_add_function (pipeline, "deaf", deaf_func, source);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_wait_until ("the function to block", gp_test_gate_is_waited_at, &gate);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_wait_until ("the temporary file to go", is_alone, &place);
  assert_out (&place, "old");
  g_clear_object (&pipeline);
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
  assert_out (&place, "old");
}

/* --- Named pipes -------------------------------------------------------------------------- */

static void
make_fifo (Place *place)
{
  g_unlink (place->in_path);
  g_assert_cmpint (mkfifo (place->in_path, 0600), ==, 0);
}

/* Nobody writes it yet, so opening it blocks. */
static void
test_open_blocks (gconstpointer data)
{
  End end = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;
  int fd;

  place_init (&place, "old");
  make_fifo (&place);
  gp_pipeline_set_stdin_file (pipeline, place.in);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_TRUNCATE);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_pipeline_set_time_limit (pipeline, end == END_TIME_LIMIT ? 50 : 0);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  if (end == END_CANCEL)
    gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  assert_ended (error, end);
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)), ==,
                   GP_STAGE_STATE_NOT_STARTED);
  /* Lets the thread go on, which may also have been kept from opening it. What it finds then must
   * not be used any more. */
  fd = open (place.in_path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  gp_test_wait_busy_threads ();
  close (fd);
  assert_out (&place, "old");
}

/* A function that reads what nobody writes can be cancelled. */
static void
test_read_blocks (gconstpointer data)
{
  gboolean in_command = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;
  int fd;

  place_init (&place, "old");
  make_fifo (&place);
  fd = open (place.in_path, O_RDWR | O_CLOEXEC);
  gp_pipeline_set_stdin_file (pipeline, place.in);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_pipeline_set_abandon_delay (pipeline, G_MAXUINT);
  if (in_command)
    gp_test_add_child (pipeline, "cat", NULL);
  else
    gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  close (fd);
  assert_out (&place, "old");
}

/* What is written to a pipe arrives, and its end is seen while the pipeline still runs. */
static void
test_write_fifo (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_auto (Place) place;
  char buffer[10];
  int fd, flags;

  place_init (&place, NULL);
  make_fifo (&place);
  fd = open (place.in_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  gp_pipeline_set_stdout_file (pipeline, place.in, GP_FILE_MODE_TRUNCATE);
  gp_test_add_function (pipeline, "write", write_func, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  flags = fcntl (fd, F_GETFL);
  fcntl (fd, F_SETFL, flags & ~O_NONBLOCK);
  g_assert_cmpint (read (fd, buffer, sizeof buffer), ==, 3);
  g_assert_cmpint (read (fd, buffer, sizeof buffer), ==, 0);
  close (fd);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* --- Conflicts ---------------------------------------------------------------------------- */

static void
assert_invalid (GpPipeline *pipeline,
                const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, message);
}

static void
test_file_and_stream (void)
{
  g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_auto (Place) place;

  place_init (&place, "old");
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

      gp_pipeline_set_stdin (pipeline, i == 0 ? input : NULL);
      gp_pipeline_set_stdout (pipeline, i == 1 ? output : NULL);
      gp_pipeline_set_close_stdin (pipeline, TRUE);
      gp_pipeline_set_close_stdout (pipeline, TRUE);
      gp_pipeline_set_stdin_file (pipeline, i == 0 ? place.in : NULL);
      gp_pipeline_set_stdout_file (pipeline, i == 1 ? place.out : NULL, GP_FILE_MODE_TRUNCATE);
      gp_test_add_child (pipeline, "cat", NULL);
      assert_invalid (pipeline, i == 0 ? "pipeline: both a file and a stream were set as standard input"
                                       : "pipeline: both a file and a stream were set as standard output");
    }
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  assert_out (&place, "old");
}

static void
test_file_and_open_end (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) other = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_set_stdin_file (pipeline, place.in);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_TRUNCATE);
  g_assert_null (gp_pipeline_open_input (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (gp_pipeline_open_output (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (gp_test_communicate (pipeline, NULL, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_clear_error (&error);
  gp_test_add_child (other, "cat", NULL);
  input = gp_pipeline_open_input (other, NULL);
  gp_pipeline_set_stdin_file (other, place.in);
  assert_invalid (other, "pipeline: both a file and a stream were set as standard input");
  assert_out (&place, "old");
}

static void
test_set_after_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Place) place;

  place_init (&place, "old");
  assert_runs (pipeline);
  gp_test_begin_criticals ();
  gp_pipeline_set_stdin_file (pipeline, place.in);
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_TRUNCATE);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 2);
  g_assert_null (gp_pipeline_get_stdin_file (pipeline));
}

/* --- Nested ------------------------------------------------------------------------------- */

static void
test_nested (void)
{
  for (gsize fails = 0; fails < 2; fails++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpPipeline *inner = gp_test_pipeline_new ();
      g_auto (Place) place;

      place_init (&place, "old");
      gp_pipeline_set_stdin_file (pipeline, place.in);
      gp_pipeline_set_stdout_file (inner, place.out, GP_FILE_MODE_REPLACE);
      gp_test_add_child (pipeline, "cat", NULL);
      gp_test_add_function (inner, "copy", gp_test_copy_func, NULL);
      if (fails)
        gp_test_add_function (inner, "write", write_func, inner);
      gp_pipeline_append (pipeline, GP_STAGE (inner));
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, NULL), ==, !fails);
      assert_out (&place, fails ? "old" : "some words\n");
    }
}

/* In the middle there is no place for a file, and what is never started touches none. */
static void
test_nested_not_started (void)
{
  for (guint in_the_middle = 0; in_the_middle < 2; in_the_middle++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpPipeline *inner = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_auto (Place) place;

      place_init (&place, "old");
      gp_pipeline_set_stdout_file (inner, place.out, GP_FILE_MODE_TRUNCATE);
      gp_test_add_child (inner, "cat", NULL);
      if (!in_the_middle)
        gp_pipeline_append_command (pipeline, "/nonexistent/command", NULL);
      gp_pipeline_append (pipeline, GP_STAGE (inner));
      if (in_the_middle)
        gp_test_add_child (pipeline, "cat", NULL);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      if (in_the_middle)
        g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      assert_out (&place, "old");
    }
}

static gboolean
write_vectors_func (GInputStream    *input,
                    GOutputStream   *output,
                    GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  GOutputVector vectors[] = { { "many", 4 }, { " ", 1 }, { "pieces", 6 } };

  return g_output_stream_writev_all (output, vectors, G_N_ELEMENTS (vectors), NULL, NULL, error);
}

/* An error of them says which file it is, too. */
static void
test_vectors (void)
{
  struct rlimit before;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  signal (SIGXFSZ, SIG_IGN);
  for (int i = 0; i < 2; i++)
    {
      const struct rlimit limit = { i == 0 ? before.rlim_cur : 4, before.rlim_max };
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      g_auto (Place) place;

      place_init (&place, "old");
      gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
      gp_test_add_function (pipeline, "vectors", write_vectors_func, NULL);
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
      if (i == 0)
        g_assert_no_error (error);
      else
        gp_test_assert_contains (error != NULL ? error->message : NULL, "vectors: writing ");
      assert_out (&place, i == 0 ? "many pieces" : "old");
    }
  signal (SIGXFSZ, SIG_DFL);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/file-ends/cancel", test_cancel);
  gp_test_add ("/file-ends/abandoned", test_abandoned);
  gp_test_add_data ("/file-ends/fifo/open-blocks/cancel", GINT_TO_POINTER (END_CANCEL), test_open_blocks);
  gp_test_add_data ("/file-ends/fifo/open-blocks/time-limit", GINT_TO_POINTER (END_TIME_LIMIT),
                    test_open_blocks);
  gp_test_add_data ("/file-ends/fifo/read-blocks/function", GINT_TO_POINTER (FALSE), test_read_blocks);
  gp_test_add_data ("/file-ends/fifo/read-blocks/command", GINT_TO_POINTER (TRUE), test_read_blocks);
  gp_test_add ("/file-ends/fifo/write", test_write_fifo);
  gp_test_add ("/file-ends/conflict/stream", test_file_and_stream);
  gp_test_add ("/file-ends/conflict/open-end", test_file_and_open_end);
  gp_test_add ("/file-ends/conflict/after-start", test_set_after_start);
  gp_test_add ("/file-ends/nested/runs", test_nested);
  gp_test_add ("/file-ends/nested/not-started", test_nested_not_started);
  gp_test_add ("/file-ends/vectors", test_vectors);

  return gp_test_run ();
}
