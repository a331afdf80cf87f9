/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixoutputstream.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

static void
start (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* A file that is replaced when its stream is closed, and only then */
typedef struct
{
  char          *directory;
  char          *path;
  GOutputStream *stream; /* owned, until replaced_file_give () */
  gboolean       closed; /* atomic: what was given is gone */
} ReplacedFile;

static void
replaced_file_init (ReplacedFile *self)
{
  g_autoptr (GFile) file = NULL;
  g_autoptr (GError) error = NULL;

  self->closed = FALSE;
  self->directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  self->path = g_build_filename (self->directory, "file", NULL);
  g_assert_true (g_file_set_contents (self->path, "old", -1, NULL));
  file = g_file_new_for_path (self->path);
  self->stream = G_OUTPUT_STREAM (g_file_replace (file, NULL, FALSE, G_FILE_CREATE_NONE, NULL,
                                                  &error));
  g_assert_no_error (error);
}

/* Puts a filter around it */
static void
replaced_file_wrap (ReplacedFile  *self,
                    GOutputStream *filter)
{
  g_object_unref (self->stream);
  self->stream = filter;
}

static void
stream_gone_cb (gpointer  data,
                GObject  *where_the_stream_was)
{
  g_atomic_int_set ((gboolean *) data, TRUE);
}

static void
replaced_file_give (ReplacedFile *self,
                    GpPipeline   *pipeline)
{
  gp_pipeline_set_stdout (pipeline, self->stream);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  g_object_weak_ref (G_OBJECT (self->stream), stream_gone_cb, &self->closed);
  g_clear_object (&self->stream);
}

static void
replaced_file_assert (ReplacedFile *self,
                      const char   *expected)
{
  g_autofree char *contents = NULL;

  g_assert_true (g_file_get_contents (self->path, &contents, NULL, NULL));
  g_assert_cmpstr (contents, ==, expected);
}

static gboolean
is_gone (gpointer data)
{
  return g_atomic_int_get ((gboolean *) data);
}

static void
replaced_file_clear (ReplacedFile *self)
{
  gp_test_wait_until ("the file's stream to be dropped", is_gone, &self->closed);
  g_unlink (self->path);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->path);
  g_free (self->directory);
}

/* A filter of the kind that users put around files; it changes nothing */
static GOutputStream *
new_filter (const char    *kind,
            GOutputStream *base)
{
  g_autoptr (GConverter) converter = NULL;
  g_autoptr (GOutputStream) buffered = NULL;

  if (g_str_equal (kind, "plain"))
    return g_object_ref (base);

  buffered = g_buffered_output_stream_new (base);
  if (g_str_equal (kind, "buffered"))
    return g_steal_pointer (&buffered);

  converter = G_CONVERTER (g_charset_converter_new ("UTF-8", "UTF-8", NULL));
  return g_converter_output_stream_new (buffered, converter);
}

static gboolean
has_ended (gpointer data)
{
  return gp_stage_status_get_state (data) >= GP_STAGE_STATE_SUCCEEDED;
}

/* The last stage has written all that it got, and only then the first one says how it went. */
static void
run_filter (const char *kind,
            gboolean    in_function,
            gboolean    succeeds)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_autoptr (GError) error = NULL;
  GpStageContext *context;
  ReplacedFile file;

  replaced_file_init (&file);
  replaced_file_wrap (&file, new_filter (kind, file.stream));
  replaced_file_give (&file, pipeline);
  if (in_function)
    gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  else
    gp_test_add_child (pipeline, "cat", NULL);
  start (pipeline);
  context = gp_test_probe_get_context (probe);
  g_assert_true (g_output_stream_write_all (gp_stage_context_get_stdout (context), "half", 4,
                                            NULL, NULL, NULL));
  gp_stage_context_close_stdout (context);
  gp_test_wait_until ("the last stage to end", has_ended, gp_pipeline_get_status (pipeline, 1));
  gp_test_probe_end (probe, succeeds ? GP_TEST_END_SUCCESS : GP_TEST_END_ERROR);
  g_assert_cmpint (gp_test_wait (pipeline, &error), ==, succeeds);
  if (!succeeds)
    gp_test_assert_message (error, "probe: broken");
  replaced_file_assert (&file, succeeds ? "half" : "old");
  g_clear_object (&pipeline);
  replaced_file_assert (&file, succeeds ? "half" : "old");
  replaced_file_clear (&file);
}

static void
test_filter (gconstpointer data)
{
  for (int i = 0; i < 4; i++)
    run_filter (data, i % 2 != 0, i / 2 != 0);
}

static gboolean
splice_deaf_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  return g_output_stream_write_all (output, "half", 4, NULL, NULL, error) &&
         g_output_stream_splice (output, user_data, G_OUTPUT_STREAM_SPLICE_NONE, NULL, error) >= 0;
}

/* The function is given up in the middle of an operation that is over only much later. */
static void
test_abandoned_operation (gconstpointer kind)
{
  for (int keep_pipeline = 0; keep_pipeline < 2; keep_pipeline++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestGate) gate;
      g_autoptr (GInputStream) source = NULL;
      ReplacedFile file;

      gp_test_gate_init (&gate);
      source = gp_test_gated_input_new (&gate, " and more");
      replaced_file_init (&file);
      replaced_file_wrap (&file, new_filter (kind, file.stream));
      replaced_file_give (&file, pipeline);
      gp_pipeline_set_abandon_delay (pipeline, 1);
      gp_test_add_function (pipeline, "splice", splice_deaf_func, source);
      start (pipeline);
      gp_test_wait_until ("the function to block", gp_test_gate_is_waited_at, &gate);
      gp_pipeline_cancel (pipeline);
      gp_test_assert_cancelled (pipeline);
      replaced_file_assert (&file, "old");
      if (!keep_pipeline)
        g_clear_object (&pipeline);
      gp_test_gate_open (&gate);
      gp_test_wait_busy_threads ();
      g_clear_object (&pipeline);
      gp_test_wait_until ("the stream to be dropped", is_gone, &file.closed);
      replaced_file_assert (&file, "old");
      replaced_file_clear (&file);
    }
}

/* An asynchronous stage that writes until its gate opens, and says how it went before that */
typedef struct
{
  gboolean succeeds;
  gboolean written;
} Writing;

static void
written_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Writing *writing = user_data;

  g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL);
  writing->written = TRUE;
}

static gboolean
write_and_end_func (GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  Writing *writing = user_data;

  g_output_stream_write_async (gp_stage_context_get_stdout (context), "new", 3, G_PRIORITY_DEFAULT,
                               NULL, written_cb, writing);
  if (writing->succeeds)
    gp_stage_context_return_success (context);
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "real failure");
  return writing->succeeds;
}

static void
test_pending_write (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  Writing writing = { GPOINTER_TO_INT (data), FALSE };
  ReplacedFile file;

  gp_test_gate_init (&gate);
  replaced_file_init (&file);
  replaced_file_wrap (&file, gp_test_gated_output_new (file.stream, &gate, NULL));
  replaced_file_give (&file, pipeline);
  gp_pipeline_append (pipeline, GP_STAGE (gp_async_stage_new ("writing", write_and_end_func,
                                                              &writing, NULL)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  if (writing.succeeds)
    {
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      gp_test_assert_contains (error->message, "still writing");
    }
  else
    {
      gp_test_assert_contains (error->message, "real failure");
    }
  replaced_file_assert (&file, "old");
  g_clear_object (&pipeline);
  gp_test_gate_open (&gate);
  gp_test_wait_flag ("the late write", &writing.written);
  gp_test_wait_until ("the stream to be dropped", is_gone, &file.closed);
  replaced_file_assert (&file, "old");
  replaced_file_clear (&file);
}

/* A stage reports success while it still reads: nobody will ever read again, and the stage before
 * must find out. */
static void
test_pending_read (gconstpointer data)
{
  GpIOPreference preference = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *left = gp_test_add_probe (pipeline, "left", GP_TEST_END_HOLD);
  GpTestProbe *right = gp_test_add_probe (pipeline, "right", GP_TEST_END_HOLD);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  GOutputStream *output;
  char byte;

  gp_test_probe_set_preference (left, GP_IO_ANY, preference);
  start (pipeline);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==,
                   preference == GP_IO_FD ? GP_EDGE_KIND_PIPE : GP_EDGE_KIND_MEMORY);
  output = gp_stage_context_get_stdout (gp_test_probe_get_context (left));
  input = g_object_ref (gp_stage_context_get_stdin (gp_test_probe_get_context (right)));
  g_input_stream_read_async (input, &byte, 1, G_PRIORITY_DEFAULT, NULL, gp_test_result_cb,
                             &result);
  g_assert_true (g_input_stream_has_pending (input));
  gp_test_probe_end (right, GP_TEST_END_SUCCESS);
  g_assert_false (g_output_stream_write_all (output, "x", 1, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  gp_test_await ("the pending read", &result);
  g_assert_cmpint (g_input_stream_read_finish (input, result, NULL), <=, 0);
  gp_test_probe_end (left, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* The same with a command, which finds out by a signal */
static void
test_pending_read_from_command (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) feed = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe;
  char byte;

  gp_test_add_child (pipeline, "cat", NULL);
  feed = gp_pipeline_open_input (pipeline, NULL);
  probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  start (pipeline);
  input = g_object_ref (gp_stage_context_get_stdin (gp_test_probe_get_context (probe)));
  g_input_stream_read_async (input, &byte, 1, G_PRIORITY_DEFAULT, NULL, gp_test_result_cb,
                             &result);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (g_output_stream_write_all (feed, "x", 1, NULL, NULL, NULL));
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGPIPE);
  gp_test_await ("the pending read", &result);
  g_assert_cmpint (g_input_stream_read_finish (input, result, NULL), <=, 0);
}

static gboolean
is_closed (gpointer data)
{
  return gp_test_gated_input_get_n_closes (data) > 0;
}

/* What a command does not want to read is no reason to fail, even if it cannot be stopped */
static void
test_unread_stdin (gconstpointer data)
{
  gboolean given = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  g_autoptr (GInputStream) input = NULL;

  gp_test_gate_init (&gate);
  input = gp_test_gated_input_new (&gate, "late");
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, given);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (gp_test_gate_is_waited_at (&gate));
  g_clear_object (&pipeline);
  g_assert_false (is_closed (input));
  gp_test_gate_open (&gate);
  if (given)
    gp_test_wait_until ("the stream to be closed", is_closed, input);
  gp_test_wait_busy_threads ();
  g_assert_cmpuint (gp_test_gated_input_get_n_closes (input), ==, given ? 1 : 0);
}

static gboolean
end_at_gate_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  gp_test_gate_pass (user_data);
  return TRUE;
}

typedef enum
{
  CANCEL_WHILE_CLOSING,
  CANCEL_BEFORE,
  TIME_LIMIT,
} CloseBlockEnd;

/* A given stream whose close does not return */
static void
test_close_blocks (gconstpointer data)
{
  CloseBlockEnd end = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  g_auto (GpTestGate) func_gate;

  gp_test_gate_init (&gate);
  gp_test_gate_init (&func_gate);
  output = gp_test_gated_output_new (sink, NULL, &gate);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_pipeline_set_time_limit (pipeline, end == TIME_LIMIT ? 1 : 0);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_function (pipeline, "ending", end_at_gate_func, &func_gate);
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  if (end == CANCEL_BEFORE)
    gp_pipeline_cancel (pipeline);
  gp_test_gate_open (&func_gate);
  gp_test_wait_until ("the close to block", gp_test_gate_is_waited_at, &gate);
  if (end == CANCEL_WHILE_CLOSING)
    gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  if (end == TIME_LIMIT)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (gp_test_sink_get_n_closes (sink), ==, 0);
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
  g_assert_cmpuint (gp_test_sink_get_n_closes (sink), ==, 1);
}

#define HOST_TIMEOUT 50

static char *self_path;

/* A program whose first pipeline cannot be started, and has a stream whose closing blocks */
static int
host_main (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;

  alarm (HOST_TIMEOUT);
  gp_test_gate_init (&gate);
  output = gp_test_gated_output_new (sink, NULL, &gate);
  gp_pipeline_set_abandon_delay (pipeline, 1);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_pipeline_setenv (pipeline, "=", "no name", TRUE);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_gate_open (&gate);
  gp_test_wait_busy_threads ();
  return 0;
}

static void
test_close_blocks_at_first (void)
{
  char *argv[] = { self_path, (char *) "--host", NULL };
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

typedef enum
{
  END_SUCCESS,
  END_FAILURE,
  END_START_FAILURE,
  END_CANCEL,
} End;

static gboolean
fail_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  if (gp_test_copy_func (input, output, context, NULL, error))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "told by the test");
  return FALSE;
}

/* A letter for each stage: c is a command, f a function, n a pipeline with both */
static void
append_copiers (GpPipeline *pipeline,
                const char *kinds)
{
  for (const char *p = kinds; *p != '\0'; p++)
    {
      if (*p == 'c')
        gp_test_add_child (pipeline, "cat", NULL);
      if (*p == 'f')
        gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
      if (*p == 'n')
        {
          GpPipeline *inner = gp_test_pipeline_new ();

          append_copiers (inner, "cf");
          gp_pipeline_append (pipeline, GP_STAGE (inner));
        }
    }
}

static void
run_once_closed (const char *kinds,
                 End         end,
                 gboolean    given)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (100000, end == END_CANCEL);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GAsyncResult) result = NULL;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, given);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, given);
  append_copiers (pipeline, kinds);
  if (end == END_FAILURE)
    gp_test_add_function (pipeline, "failing", fail_func, NULL);
  if (end == END_START_FAILURE)
    gp_pipeline_append_command (pipeline, "/nonexistent/command", NULL);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  if (end == END_CANCEL)
    {
      gp_test_wait_until ("the source to block", gp_test_source_is_blocked, input);
      gp_pipeline_cancel (pipeline);
    }
  gp_test_await (kinds, &result);
  g_assert_cmpint (gp_pipeline_run_finish (pipeline, result, NULL), ==, end == END_SUCCESS);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, given ? 1 : 0);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, given ? 1 : 0);
  g_assert_cmpint (gp_test_sink_was_discarded (output), ==, given && end != END_SUCCESS);
}

static void
test_closed_once (gconstpointer data)
{
  static const char *const rows[] = { "c", "f", "cf", "fc", "n", "nn" };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    for (int given = 0; given < 2; given++)
      run_once_closed (rows[i], GPOINTER_TO_INT (data), given);
}

static gboolean
write_and_fail_func (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  if (g_output_stream_write_all (output, "half", 4, NULL, NULL, error))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  return FALSE;
}

/* Where nothing is replaced, what was written before a failure does not stay in a buffer. */
static void
test_failure_is_flushed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GOutputStream) buffered = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[10];
  int fds[2];

  gp_test_open_pipe (fds);
  writer = g_unix_output_stream_new (fds[1], TRUE);
  buffered = g_buffered_output_stream_new (writer);
  gp_test_add_function (pipeline, "function", write_and_fail_func, NULL);
  gp_pipeline_set_stdout (pipeline, buffered);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "function: broken");
  g_assert_true (g_output_stream_is_closed (writer));
  g_assert_cmpint (read (fds[0], buffer, sizeof buffer), ==, 4);
  close (fds[0]);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (argc == 2 && g_str_equal (argv[1], "--host"))
    return host_main ();

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);
  gp_test_add_data ("/closing/filter/plain", "plain", test_filter);
  gp_test_add_data ("/closing/filter/buffered", "buffered", test_filter);
  gp_test_add_data ("/closing/filter/converter", "converter", test_filter);
  gp_test_add_data ("/closing/abandoned/plain", "plain", test_abandoned_operation);
  gp_test_add_data ("/closing/abandoned/buffered", "buffered", test_abandoned_operation);
  gp_test_add_data ("/closing/abandoned/converter", "converter", test_abandoned_operation);
  gp_test_add_data ("/closing/pending-write/failure", GINT_TO_POINTER (FALSE), test_pending_write);
  gp_test_add_data ("/closing/pending-write/success", GINT_TO_POINTER (TRUE), test_pending_write);
  gp_test_add_data ("/closing/pending-read/memory", GINT_TO_POINTER (GP_IO_ANY),
                    test_pending_read);
  gp_test_add_data ("/closing/pending-read/pipe", GINT_TO_POINTER (GP_IO_FD), test_pending_read);
  gp_test_add ("/closing/pending-read/command", test_pending_read_from_command);
  gp_test_add_data ("/closing/unread-stdin/given", GINT_TO_POINTER (TRUE), test_unread_stdin);
  gp_test_add_data ("/closing/unread-stdin/lent", GINT_TO_POINTER (FALSE), test_unread_stdin);
  gp_test_add_data ("/closing/close-blocks/cancel", GINT_TO_POINTER (CANCEL_WHILE_CLOSING),
                    test_close_blocks);
  gp_test_add_data ("/closing/close-blocks/cancel-before", GINT_TO_POINTER (CANCEL_BEFORE),
                    test_close_blocks);
  gp_test_add_data ("/closing/close-blocks/time-limit", GINT_TO_POINTER (TIME_LIMIT),
                    test_close_blocks);
  gp_test_add ("/closing/close-blocks/at-first", test_close_blocks_at_first);
  gp_test_add ("/closing/failure-is-flushed", test_failure_is_flushed);
  gp_test_add_data ("/closing/once/success", GINT_TO_POINTER (END_SUCCESS), test_closed_once);
  gp_test_add_data ("/closing/once/failure", GINT_TO_POINTER (END_FAILURE), test_closed_once);
  gp_test_add_data ("/closing/once/start-failure", GINT_TO_POINTER (END_START_FAILURE),
                    test_closed_once);
  gp_test_add_data ("/closing/once/cancel", GINT_TO_POINTER (END_CANCEL), test_closed_once);
  status = gp_test_run ();
  g_free (self_path);
  return status;
}
