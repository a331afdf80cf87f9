/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-leash.h"
#include "gp-test-streams.h"

#include <string.h>

/* A command leaves behind a process that keeps one of its standard streams open, in its group or in
 * a session of its own. All combinations of where, what the command comes to, and who watches it.
 *
 * No time is measured: what would not end by itself is seen by the watchdog. A grandchild ends when
 * the test lets go of its leash, in most cases not before the pipeline has ended. */

#define DATA "written by the command\n"
#define LATE "late\n"

/* Long enough for the command to have started */
#define TIME_LIMIT_MSEC 200

typedef enum
{
  STREAM_STDOUT,      /* which the library copies */
  STREAM_STDOUT_NEXT, /* which the next command reads */
  STREAM_STDERR,
  STREAM_STDIN,       /* which the library copies */
  STREAM_STDIN_PREVIOUS, /* which the command before writes */
  N_STREAMS
} Stream;

typedef enum
{
  END_SUCCESS,
  END_FAILURE,
  END_CANCEL,
  END_TIME_LIMIT,
  END_CANCEL_LATE,     /* when the command itself has ended */
  END_TIME_LIMIT_LATE, /* the pipeline's */
  N_ENDS
} End;

static const char * const stream_names[] = {
  "stdout", "stdout-next", "stderr", "stdin", "stdin-previous",
};
static const char * const end_names[] = {
  "success", "failure", "cancel", "time-limit", "cancel-late", "time-limit-late",
};

typedef struct
{
  Stream   stream;
  End      end;
  gboolean escaped;    /* by setsid () */
  gboolean supervised;
} Case;

/* One run of a case */
typedef struct
{
  const Case     *what;
  GpPipeline     *pipeline;
  GpCommandStage *command;
  GpStageStatus  *status;  /* of the command */
  GOutputStream  *output;  /* of the pipeline, memory */
  GAsyncResult   *result;  /* of the run, or NULL */
  Leash           leash;
} Fixture;

static gboolean
is_stdout (const Case *what)
{
  return what->stream == STREAM_STDOUT || what->stream == STREAM_STDOUT_NEXT;
}

static gboolean
is_late (const Case *what)
{
  return what->end == END_CANCEL_LATE || what->end == END_TIME_LIMIT_LATE;
}

static gboolean
is_stopped (const Case *what)
{
  return what->end != END_SUCCESS && what->end != END_FAILURE;
}

/* Then it may end before it has even begun. */
static gboolean
has_time_limit (const Case *what)
{
  return what->end == END_TIME_LIMIT || what->end == END_TIME_LIMIT_LATE;
}

/* Whether the grandchild is in the way of the pipeline's end for as long as it lives, because what
 * it writes is wanted, or what it may read comes from another command. The time limit of a command
 * is that of its stage: it does not reach who has escaped, and the others are not stopped. */
static gboolean
is_awaited (const Case *what)
{
  if (!is_stdout (what) && what->stream != STREAM_STDIN_PREVIOUS)
    return FALSE;

  if (what->end == END_TIME_LIMIT)
    return what->stream != STREAM_STDOUT && what->escaped && !what->supervised;

  return what->end != END_CANCEL;
}

static const char *
get_how (const Case *what)
{
  static const char * const how[N_STREAMS][2] = {
    [STREAM_STDOUT] = { "1", "1s" },
    [STREAM_STDOUT_NEXT] = { "1", "1s" },
    [STREAM_STDERR] = { "2", "2s" },
    [STREAM_STDIN] = { "0", "0s" },
    [STREAM_STDIN_PREVIOUS] = { "0", "0s" },
  };

  return how[what->stream][what->escaped];
}

static const char *
get_command_end (const Case *what)
{
  switch (what->end)
    {
    case END_FAILURE:
      return "3";
    case END_CANCEL:
    case END_TIME_LIMIT:
      return "wait";
    default:
      return "0";
    }
}

static void
fixture_init (Fixture    *self,
              const Case *what)
{
  g_autoptr (GInputStream) input = NULL;
  guint index = 0;

  *self = (Fixture) { .what = what, .pipeline = gp_test_pipeline_new () };
  self->output = gp_test_watch (g_memory_output_stream_new_resizable ());

  if (what->stream == STREAM_STDIN_PREVIOUS)
    {
      gp_test_add_child (self->pipeline, "spew", NULL);
      gp_pipeline_set_ignore_pipe_errors (self->pipeline, TRUE);
      index = 1;
    }
  self->command = gp_test_add_child (self->pipeline, "leave", get_how (what),
                                     get_command_end (what), DATA, NULL);
  gp_command_stage_set_supervised (self->command, what->supervised);
  leash_attach (&self->leash, self->command);
  if (what->stream == STREAM_STDOUT_NEXT)
    gp_test_add_child (self->pipeline, "cat", NULL);

  if (what->stream == STREAM_STDIN)
    {
      /* More than is read, and then it blocks. */
      input = gp_test_watch (gp_test_source_new (1000, TRUE));
      gp_pipeline_set_stdin (self->pipeline, input);
    }
  gp_pipeline_set_stdout (self->pipeline, self->output);
  if (what->end == END_TIME_LIMIT)
    gp_command_stage_set_time_limit (self->command, TIME_LIMIT_MSEC);
  if (what->end == END_TIME_LIMIT_LATE)
    gp_pipeline_set_time_limit (self->pipeline, TIME_LIMIT_MSEC);
  self->status = gp_pipeline_get_status (self->pipeline, index);
}

static void
fixture_clear (Fixture *self)
{
  leash_clear (&self->leash);
  g_clear_object (&self->result);
  g_clear_object (&self->output);
  g_clear_object (&self->pipeline);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static gboolean
has_exited (gpointer data)
{
  return gp_stage_status_get_exit_status (data) >= 0;
}

static gboolean
has_failed (gpointer data)
{
  return gp_stage_status_get_state (data) == GP_STAGE_STATE_FAILED;
}

/* The command has come to what it should, and the pipeline is stopped if it should be. */
static void
let_it_end (Fixture *self)
{
  const Case *what = self->what;

  if (!has_time_limit (what))
    leash_await_ready (&self->leash);
  if (what->end == END_TIME_LIMIT && is_awaited (what))
    gp_test_wait_until ("the time limit", has_failed, self->status);
  if (what->end == END_SUCCESS || what->end == END_FAILURE || what->end == END_CANCEL_LATE)
    gp_test_wait_until ("the command's exit", has_exited, self->status);

  if (is_awaited (what))
    {
      /* It cannot have ended, but for the time limit. */
      if (what->end != END_TIME_LIMIT_LATE)
        g_assert_null (self->result);
      if (what->end != END_CANCEL_LATE && what->end != END_TIME_LIMIT_LATE)
        leash_release (&self->leash);
    }
  if (what->end == END_CANCEL || what->end == END_CANCEL_LATE)
    gp_pipeline_cancel (self->pipeline);
}

static void
assert_outcome (Fixture      *self,
                const GError *error)
{
  const Case *what = self->what;

  /* Nothing was in its way for long: it may have ended first. */
  if (error == NULL && is_late (what) && !is_awaited (what))
    return;

  if (what->end == END_SUCCESS)
    g_assert_no_error (error);
  else if (what->end == END_FAILURE)
    g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);
  else if (what->end == END_CANCEL || what->end == END_CANCEL_LATE)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  if (what->end == END_TIME_LIMIT)
    gp_test_assert_contains (error->message, "leave: it took longer than its time limit of 200 ms");
}

/* What the command wrote is there; and what the grandchild wrote if that was waited for. */
static void
assert_data (Fixture *self)
{
  const Case *what = self->what;
  GMemoryOutputStream *stream = G_MEMORY_OUTPUT_STREAM (self->output);
  g_autofree char *text = g_strndup (g_memory_output_stream_get_data (stream),
                                     g_memory_output_stream_get_data_size (stream));
  const char *at = text;

  if (is_stopped (what))
    return;

  if (what->stream == STREAM_STDIN || what->stream == STREAM_STDIN_PREVIOUS)
    {
      guint8 expected[5];

      gp_test_pattern_fill (expected, 5, 0);
      g_assert_cmpuint (strlen (text), >=, 5);
      g_assert_cmpmem (text, 5, expected, 5);
      at += 5;
    }
  g_assert_cmpstr (at, ==, is_stdout (what) ? DATA LATE : DATA);
}

static void
assert_stderr (Fixture      *self,
               const GError *error)
{
  g_autofree char *text = gp_stage_status_dup_stderr_text (self->status);

  if (self->what->stream != STREAM_STDERR || has_time_limit (self->what))
    return;

  g_assert_cmpstr (text, ==, "err\n");
  if (self->what->end == END_FAILURE)
    gp_test_assert_message (error, "leave: exit status 3: err");
}

static gboolean
is_reached (const Case *what)
{
  return what->supervised || !what->escaped;
}

/* A command that was not stopped may leave what it likes; what was stopped is gone as a whole, if
 * it could be reached. */
static void
assert_left (Fixture      *self,
             const GError *error)
{
  const Case *what = self->what;

  if (is_stopped (what) && error != NULL && is_reached (what))
    {
      leash_await_end (&self->leash);
      return;
    }

  if (!is_stopped (what) && !is_awaited (what))
    leash_assert_alive (&self->leash);
  leash_release (&self->leash);
  leash_await_end (&self->leash);
}

static void
test_case (gconstpointer data)
{
  g_auto (Fixture) fixture;
  g_autoptr (GError) error = NULL;

  fixture_init (&fixture, data);
  if (!gp_test_start (fixture.pipeline, NULL, &error))
    {
      /* Where all is slow, even the start may take longer. */
      g_assert_cmpint (fixture.what->end, ==, END_TIME_LIMIT_LATE);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      if (!is_reached (fixture.what))
        leash_release (&fixture.leash);
      leash_await_end (&fixture.leash);
      return;
    }

  gp_pipeline_wait_async (fixture.pipeline, NULL, gp_test_result_cb, &fixture.result);
  let_it_end (&fixture);
  gp_test_await ("the end of the pipeline", &fixture.result);
  gp_pipeline_wait_finish (fixture.pipeline, fixture.result, &error);
  assert_outcome (&fixture, error);
  assert_data (&fixture);
  assert_stderr (&fixture, error);
  assert_left (&fixture, error);
}

static gboolean
are_fds_closed (gpointer data)
{
  return gp_test_count_fds () <= *(guint *) data;
}

/* A pipeline that is kept after its end costs no descriptor, whoever is left of it. */
static void
test_end_keeps_nothing (void)
{
  guint n_fds = gp_test_count_fds () + 2;
  g_auto (Leash) leash;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  leash_attach (&leash, gp_test_add_child (pipeline, "leave", "", NULL));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_wait_until ("all but the leash to be closed", are_fds_closed, &n_fds);
  leash_await_ready (&leash);
  leash_assert_alive (&leash);
  leash_release (&leash);
  leash_await_end (&leash);
}

int
main (int    argc,
      char **argv)
{
  static Case cases[N_STREAMS * N_ENDS * 4];
  guint n_cases = 0;
  int status;

  gp_test_init (&argc, &argv);
  for (guint stream = 0; stream < N_STREAMS; stream++)
    for (guint end = 0; end < N_ENDS; end++)
      for (guint bits = 0; bits < 4; bits++)
        {
          Case *what = &cases[n_cases++];
          g_autofree char *path = NULL;

          *what = (Case) { stream, end, (bits & 1) != 0, (bits & 2) == 0 };
          path = g_strdup_printf ("/grandchildren/%s/%s/%s/%s",
                                  stream_names[stream], end_names[end],
                                  what->escaped ? "setsid" : "group",
                                  what->supervised ? "supervised" : "unsupervised");
          gp_test_add_data (path, what, test_case);
        }
  gp_test_add ("/grandchildren/end-keeps-nothing", test_end_keeps_nothing);
  status = gp_test_run ();

  return status;
}
