/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <sys/socket.h>
#include <unistd.h>

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

static void
start (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
read_line (int         fd,
           const char *expected)
{
  char buffer[100];
  gsize n = 0;

  while (n < sizeof buffer && read (fd, buffer + n, 1) == 1 && buffer[n] != '\n')
    n++;
  g_assert_cmpmem (buffer, n, expected, strlen (expected));
}

static void
test_already_cancelled (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) sync = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) sync_error = NULL;

  g_cancellable_cancel (cancellable);
  gp_test_add_child (pipeline, "wait", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  gp_test_add_child (sync, "wait", NULL);
  g_assert_false (gp_pipeline_run (sync, cancellable, &sync_error));
  g_assert_error (sync_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_before_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_pipeline_cancel (pipeline);
  gp_pipeline_cancel (pipeline);
}

static void
test_after_end (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_test_add_child (pipeline, "exit", "0", NULL);
  start (pipeline);
  g_assert_true (gp_test_wait (pipeline, NULL));
  gp_pipeline_cancel (pipeline);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_SUCCEEDED);
}

static void
test_term (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_command_stage_set_kill_delay (gp_test_add_child (pipeline, "wait", NULL), NEVER);
  start (pipeline);
  gp_pipeline_cancel (pipeline);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGTERM);
}

static void
test_kill (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);
  GpCommandStage *stage = gp_test_add_child (pipeline, "ignore-term-and-wait", "ready", NULL);

  gp_command_stage_set_kill_delay (stage, 1);
  start (pipeline);
  read_line (fd, "ready");
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), ==,
                   SIGKILL);
  close (fd);
}

static void
test_whole_group (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);
  char byte;

  gp_test_add_child (pipeline, "grandchild-wait", "ready", NULL);
  start (pipeline);
  read_line (fd, "ready");
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  /* Blocks until the child's own child has gone */
  g_assert_cmpint (read (fd, &byte, 1), ==, 0);
  close (fd);
}

/* What a process says when it is asked to end does not matter for the pipeline */
static void
test_own_answer_to_term (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);

  gp_command_stage_set_kill_delay (gp_test_add_child (pipeline, "term-exit", "3", "ready", NULL),
                                   NEVER);
  start (pipeline);
  read_line (fd, "ready");
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpint (gp_stage_status_get_exit_status (gp_pipeline_get_status (pipeline, 0)), ==, 3);
  close (fd);
}

static gboolean
has_ended (gpointer data)
{
  return gp_stage_status_get_state (data) >= GP_STAGE_STATE_SUCCEEDED;
}

static void
test_own_failure_is_kept (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpStageStatus *status;

  gp_test_add_child (pipeline, "exit", "3", NULL);
  gp_test_add_child (pipeline, "wait", NULL);
  start (pipeline);
  status = gp_pipeline_get_status (pipeline, 0);
  gp_test_wait_until ("the first command to end", has_ended, status);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
  error = gp_stage_status_dup_error (status);
  g_assert_true (gp_error_matches_exit_status (error, 3));
}

/* Who was running has not done all its work, whatever it says: that nobody reads any more may come
 * of the cancel. Only a real error stays. */
static void
test_last_words (void)
{
  static const GpTestEnd ends[] = { GP_TEST_END_SUCCESS, GP_TEST_END_FINISH_EARLY, GP_TEST_END_PIPE,
                                    GP_TEST_END_ERROR };

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_abandon_delay (pipeline, NEVER);
      start (pipeline);
      gp_pipeline_cancel (pipeline);
      gp_test_probe_end (probe, ends[i]);
      g_assert_false (gp_test_wait (pipeline, &error));
      if (ends[i] == GP_TEST_END_ERROR)
        gp_test_assert_message (error, "probe: broken");
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

/* A function that blocks, and tells the id of its thread so that the test can see it block */
typedef struct
{
  gboolean uses_cancellable;
  int      tid;     /* atomic */
  gint     n_bytes; /* atomic */
} Blocking;

static gboolean
reading_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  Blocking *blocking = user_data;
  GCancellable *cancellable =
    blocking->uses_cancellable ? gp_stage_context_get_cancellable (context) : NULL;
  char buffer[1000];
  gssize n;

  gp_test_announce_thread (&blocking->tid);
  while ((n = g_input_stream_read (input, buffer, sizeof buffer, cancellable, error)) > 0)
    continue;
  return n == 0;
}

static gboolean
writing_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  Blocking *blocking = user_data;
  GCancellable *cancellable =
    blocking->uses_cancellable ? gp_stage_context_get_cancellable (context) : NULL;
  static const char buffer[10000];

  gp_test_announce_thread (&blocking->tid);
  while (g_output_stream_write_all (output, buffer, sizeof buffer, NULL, cancellable, error))
    g_atomic_int_add (&blocking->n_bytes, sizeof buffer);
  return FALSE;
}

/* Neither reads nor writes, until it is cancelled */
static gboolean
idle_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  GPollFD pollfd;

  if (g_cancellable_make_pollfd (gp_stage_context_get_cancellable (context), &pollfd))
    g_poll (&pollfd, 1, -1);
  g_cancellable_release_fd (gp_stage_context_get_cancellable (context));
  return TRUE;
}

/* Cancels when the function blocks */
static void
cancel_blocked (GpPipeline *pipeline,
                Blocking   *blocking)
{
  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  start (pipeline);
  gp_test_wait_until ("the function to block", gp_test_thread_sleeps, &blocking->tid);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

typedef enum
{
  EDGE_PIPE,
  EDGE_MEMORY,
  EDGE_CALLER_PIPE,
  EDGE_CALLER_SOCKET,
  EDGE_CALLER_STREAM,
} Edge;

typedef struct
{
  const char *path;
  Edge        edge;
  gboolean    uses_cancellable;
} BlockedRow;

static const BlockedRow blocked_rows[] = {
  { "pipe/cancellable", EDGE_PIPE, TRUE },
  { "pipe/none", EDGE_PIPE, FALSE },
  { "memory/cancellable", EDGE_MEMORY, TRUE },
  { "memory/none", EDGE_MEMORY, FALSE },
  { "caller-pipe/cancellable", EDGE_CALLER_PIPE, TRUE },
  { "caller-pipe/none", EDGE_CALLER_PIPE, FALSE },
  { "caller-socket/cancellable", EDGE_CALLER_SOCKET, TRUE },
  /* A stream of the caller's own making knows only of its cancellable */
  { "caller-stream/cancellable", EDGE_CALLER_STREAM, TRUE },
};

static void
open_pair (Edge edge,
           int  fds[2])
{
  if (edge == EDGE_CALLER_SOCKET)
    g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  else
    gp_test_open_pipe (fds);
}

static void
test_blocked_read (gconstpointer data)
{
  const BlockedRow *row = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = NULL;
  Blocking blocking = { row->uses_cancellable, };
  int fds[2] = { -1, -1 };

  if (row->edge == EDGE_PIPE)
    gp_test_add_child (pipeline, "wait", NULL);
  else if (row->edge == EDGE_MEMORY)
    gp_test_add_function (pipeline, "idle", idle_func, NULL);
  else if (row->edge == EDGE_CALLER_STREAM)
    input = gp_test_source_new (10, TRUE);
  else
    {
      open_pair (row->edge, fds);
      input = g_unix_input_stream_new (fds[0], TRUE);
    }
  gp_pipeline_set_stdin (pipeline, input);
  gp_test_add_function (pipeline, "reading", reading_func, &blocking);
  cancel_blocked (pipeline, &blocking);
  if (fds[1] >= 0)
    close (fds[1]);
}

static void
test_blocked_write (gconstpointer data)
{
  const BlockedRow *row = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = NULL;
  Blocking blocking = { row->uses_cancellable, };
  int fds[2] = { -1, -1 };

  gp_test_add_function (pipeline, "writing", writing_func, &blocking);
  if (row->edge == EDGE_PIPE)
    gp_test_add_child (pipeline, "wait", NULL);
  else if (row->edge == EDGE_MEMORY)
    gp_test_add_function (pipeline, "idle", idle_func, NULL);
  else if (row->edge == EDGE_CALLER_STREAM)
    output = gp_test_sink_new (10, NULL);
  else
    {
      open_pair (row->edge, fds);
      output = g_unix_output_stream_new (fds[1], TRUE);
    }
  gp_pipeline_set_stdout (pipeline, output);
  cancel_blocked (pipeline, &blocking);
  /* What lies between two stages is bounded */
  g_assert_cmpint (g_atomic_int_get (&blocking.n_bytes), <=, 2 * 1024 * 1024);
  if (fds[0] >= 0)
    close (fds[0]);
}

static void
test_endless_stdin (gconstpointer data)
{
  Edge edge = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2] = { -1, -1 };

  if (edge == EDGE_CALLER_STREAM)
    input = gp_test_source_new (10, TRUE);
  else
    {
      open_pair (edge, fds);
      input = g_unix_input_stream_new (fds[0], TRUE);
    }
  gp_pipeline_set_stdin (pipeline, input);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  if (fds[1] >= 0)
    close (fds[1]);
}

/* Nobody reads what the command writes; it is only that the pump cannot get rid of it */
static void
test_pump_out_blocked (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (10, NULL);

  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_pipeline_set_stdout (pipeline, output);
  gp_test_add_child (pipeline, "spew", NULL);
  start (pipeline);
  gp_test_wait_until ("the pump to block", gp_test_sink_is_blocked, output);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

static void
test_pump_in_blocked (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, TRUE);

  gp_pipeline_set_abandon_delay (pipeline, NEVER);
  gp_pipeline_set_stdin (pipeline, input);
  gp_test_add_child (pipeline, "wait", NULL);
  start (pipeline);
  gp_test_wait_until ("the pump to block", gp_test_source_is_blocked, input);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

/* A function that looks at nothing is given up, and may end later */
typedef struct
{
  GMutex   lock;
  GCond    cond;
  gboolean may_end;
  int      running; /* atomic */
} Deaf;

static gboolean
deaf_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  Deaf *deaf = user_data;

  g_atomic_int_set (&deaf->running, TRUE);
  g_mutex_lock (&deaf->lock);
  while (!deaf->may_end)
    g_cond_wait (&deaf->cond, &deaf->lock);
  g_mutex_unlock (&deaf->lock);
  /* Its streams still exist, but nobody listens any more */
  g_output_stream_write_all (output, "x", 1, NULL, NULL, NULL);
  return TRUE;
}

static gboolean
deaf_runs (gpointer data)
{
  return g_atomic_int_get (&((Deaf *) data)->running);
}

static void
deaf_let_end (Deaf *deaf)
{
  g_mutex_lock (&deaf->lock);
  deaf->may_end = TRUE;
  g_cond_signal (&deaf->cond);
  g_mutex_unlock (&deaf->lock);
}

static void
test_abandoned (void)
{
  for (int keep_pipeline = 0; keep_pipeline < 2; keep_pipeline++)
    {
      GpPipeline *pipeline = gp_test_pipeline_new ();
      Deaf deaf = { 0, };

      g_mutex_init (&deaf.lock);
      g_cond_init (&deaf.cond);
      gp_pipeline_set_abandon_delay (pipeline, 1);
      gp_test_add_child (pipeline, "cat", NULL);
      gp_test_add_function (pipeline, "deaf", deaf_func, &deaf);
      gp_test_add_child (pipeline, "cat", NULL);
      start (pipeline);
      gp_test_wait_until ("the function to run", deaf_runs, &deaf);
      gp_pipeline_cancel (pipeline);
      gp_test_assert_cancelled (pipeline);
      g_assert_false (deaf.may_end);
      if (!keep_pipeline)
        g_clear_object (&pipeline);
      deaf_let_end (&deaf);
      gp_test_wait_busy_threads ();
      g_clear_object (&pipeline);
      g_cond_clear (&deaf.cond);
      g_mutex_clear (&deaf.lock);
    }
}

static void
test_during_start (void)
{
  /* At every moment: each round lets the main context make one more step before it cancels */
  for (int steps = 0; steps < 40; steps++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      for (int i = 0; i < 3; i++)
        {
          gp_test_add_child (pipeline, "cat", NULL);
          gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
        }
      gp_test_add_child (pipeline, "wait", NULL);
      gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
      for (int i = 0; i < steps; i++)
        g_main_context_iteration (NULL, FALSE);
      gp_pipeline_cancel (pipeline);
      gp_test_await ("the cancelled run", &result);
      g_assert_false (gp_pipeline_run_finish (pipeline, result, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

typedef struct
{
  const char *path;
  void      (*begin)  (GpPipeline *, GCancellable *, GAsyncResult **);
  gboolean  (*finish) (GpPipeline *, GAsyncResult *, GError **);
} Call;

static void
begin_run (GpPipeline    *pipeline,
           GCancellable  *cancellable,
           GAsyncResult **result)
{
  gp_pipeline_run_async (pipeline, cancellable, gp_test_result_cb, result);
}

static void
begin_communicate (GpPipeline    *pipeline,
                   GCancellable  *cancellable,
                   GAsyncResult **result)
{
  gp_pipeline_communicate_async (pipeline, NULL, cancellable, gp_test_result_cb, result);
}

static gboolean
finish_communicate (GpPipeline    *pipeline,
                    GAsyncResult  *result,
                    GError       **error)
{
  return gp_pipeline_communicate_finish (pipeline, result, error) != NULL;
}

static const Call calls[] = {
  { "run", begin_run, gp_pipeline_run_finish },
  { "communicate", begin_communicate, finish_communicate },
};

static gboolean
is_running (gpointer data)
{
  return gp_pipeline_get_state (data) == GP_PIPELINE_STATE_RUNNING;
}

static void
test_cancellable_of (gconstpointer data)
{
  const Call *call = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_add_child (pipeline, "wait", NULL);
  call->begin (pipeline, cancellable, &result);
  gp_test_wait_until ("the pipeline to run", is_running, pipeline);
  g_cancellable_cancel (cancellable);
  gp_test_await (call->path, &result);
  g_assert_false (call->finish (pipeline, result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_cancellable_of_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  gp_test_add_child (pipeline, "wait", NULL);
  g_assert_true (gp_test_start (pipeline, cancellable, NULL));
  g_cancellable_cancel (cancellable);
  gp_test_assert_cancelled (pipeline);
}

/* What has ended does not listen any more to a cancellable that lives on. */
static void
test_cancellable_is_free (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint cancelled_id = g_signal_lookup ("cancelled", G_TYPE_CANCELLABLE);

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GAsyncResult) result = NULL;

      gp_test_add_child (pipeline, "cat", NULL);
      g_assert_true (i > 1 || gp_pipeline_start (pipeline, NULL, NULL));
      if (i == 0)
        g_assert_true (gp_pipeline_wait (pipeline, cancellable, NULL));
      else if (i == 1)
        gp_pipeline_wait_async (pipeline, cancellable, gp_test_result_cb, &result);
      else if (i == 2)
        g_assert_true (gp_pipeline_run (pipeline, cancellable, NULL));
      else
        gp_pipeline_run_async (pipeline, cancellable, gp_test_result_cb, &result);
      if (i % 2 == 1)
        gp_test_await ("the end", &result);
      g_assert_false (g_signal_has_handler_pending (cancellable, cancelled_id, 0, TRUE));
    }
}

typedef struct
{
  int           fd;
  GCancellable *cancellable;
} Canceller;

static gpointer
cancel_thread (gpointer data)
{
  Canceller *self = data;

  read_line (self->fd, "ready");
  g_cancellable_cancel (self->cancellable);
  return NULL;
}

static void
test_synchronous (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Canceller canceller = { gp_test_connect_output (pipeline), cancellable };
  GThread *thread;

  gp_test_add_child (pipeline, "wait", "ready", NULL);
  thread = g_thread_new ("canceller", cancel_thread, &canceller);
  g_assert_false (gp_pipeline_run (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  close (canceller.fd);
}

static void
test_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();

  gp_test_add_child (inner, "wait", NULL);
  gp_test_add_child (inner, "cat", NULL);
  gp_test_add_child (pipeline, "wait", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (inner));
  start (pipeline);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

static void
test_empty (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, TRUE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  start (pipeline);
  gp_test_wait_until ("the copy to block", gp_test_source_is_blocked, input);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

static void
test_given_stdout_is_discarded (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_child (pipeline, "wait", NULL);
  start (pipeline);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  g_assert_true (gp_test_sink_was_discarded (output));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/cancel/already-cancelled", test_already_cancelled);
  gp_test_add ("/cancel/before-start", test_before_start);
  gp_test_add ("/cancel/after-end", test_after_end);
  gp_test_add ("/cancel/term", test_term);
  gp_test_add ("/cancel/kill", test_kill);
  gp_test_add ("/cancel/whole-group", test_whole_group);
  gp_test_add ("/cancel/own-answer-to-term", test_own_answer_to_term);
  gp_test_add ("/cancel/own-failure-is-kept", test_own_failure_is_kept);
  gp_test_add ("/cancel/last-words", test_last_words);
  for (gsize i = 0; i < G_N_ELEMENTS (blocked_rows); i++)
    {
      g_autofree char *read_path = g_strdup_printf ("/cancel/read/%s", blocked_rows[i].path);
      g_autofree char *write_path = g_strdup_printf ("/cancel/write/%s", blocked_rows[i].path);

      gp_test_add_data (read_path, &blocked_rows[i], test_blocked_read);
      gp_test_add_data (write_path, &blocked_rows[i], test_blocked_write);
    }
  gp_test_add_data ("/cancel/endless-stdin/stream", GINT_TO_POINTER (EDGE_CALLER_STREAM),
                    test_endless_stdin);
  gp_test_add_data ("/cancel/endless-stdin/pipe", GINT_TO_POINTER (EDGE_CALLER_PIPE),
                    test_endless_stdin);
  gp_test_add_data ("/cancel/endless-stdin/socket", GINT_TO_POINTER (EDGE_CALLER_SOCKET),
                    test_endless_stdin);
  gp_test_add ("/cancel/pump-out-blocked", test_pump_out_blocked);
  gp_test_add ("/cancel/pump-in-blocked", test_pump_in_blocked);
  gp_test_add ("/cancel/abandoned", test_abandoned);
  gp_test_add ("/cancel/during-start", test_during_start);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    {
      g_autofree char *path = g_strdup_printf ("/cancel/cancellable-of/%s", calls[i].path);

      gp_test_add_data (path, &calls[i], test_cancellable_of);
    }
  gp_test_add ("/cancel/cancellable-of/start", test_cancellable_of_start);
  gp_test_add ("/cancel/cancellable-is-free", test_cancellable_is_free);
  gp_test_add ("/cancel/synchronous", test_synchronous);
  gp_test_add ("/cancel/nested", test_nested);
  gp_test_add ("/cancel/empty", test_empty);
  gp_test_add ("/cancel/given-stdout-is-discarded", test_given_stdout_is_discarded);
  return gp_test_run ();
}
