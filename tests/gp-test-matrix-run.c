/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"
#include "gp-test-streams.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* One run of a cell: the pipeline comes to the moment, and is ended; then everybody who is not to
 * blame for the end may go on. */

/* --- The moment --------------------------------------------------------------------------- */

/* What stands behind the name: the state and the number of the parent. FALSE: it is not there */
static gboolean
look_at_process (MatrixRun *run,
                 char      *state,
                 int       *parent)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", gp_stage_status_get_pid (run->process));
  g_autofree char *text = NULL;
  const char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  end = strrchr (text, ')');
  return end != NULL && sscanf (end + 1, " %c %d", state, parent) == 2;
}

/* Without supervision only the kernel knows. */
static gboolean
process_is_stopped (MatrixRun *run)
{
  char state;
  int parent;

  if (run->cell->mode == MODE_SUPERVISED)
    return gp_stage_status_get_state (run->process) == GP_STAGE_STATE_STOPPED;
  return look_at_process (run, &state, &parent) && state == 'T';
}

static gboolean
has_exited (gpointer data)
{
  return gp_stage_status_get_exit_status (data) >= 0 || gp_stage_status_get_term_signal (data) != 0;
}

static gboolean
has_ended (gpointer data)
{
  return gp_stage_status_get_state (data) >= GP_STAGE_STATE_SUCCEEDED;
}

/* What the command says on its leash, if it has said anything */
static char
peek_leash (MatrixRun *run)
{
  struct pollfd poll_fd = { .fd = run->leash.from, .events = POLLIN };

  return poll (&poll_fd, 1, 0) > 0 ? leash_read (&run->leash) : '\0';
}

static void
tell_command (MatrixRun *run,
              char       byte)
{
  gboolean has_limit = run->cell->ending == ENDING_TIME_LIMIT ||
                       run->cell->ending == ENDING_COMMAND_LIMIT;

  /* Nobody may be there any more. */
  g_assert_true (write (run->leash.to, &byte, 1) == 1 || has_limit);
}

/* The command is where it should be: set up, or about to end */
static gboolean
is_command_prepared (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;
  gboolean with_bytes = cell->moment == MOMENT_ENDING && cell->subject->pump == PUMP_OUT;

  if (run->prepared)
    return TRUE;
  if (with_bytes && run->told_to_close)
    return run->prepared = has_exited (run->process) && gp_test_sink_is_blocked (run->sink);
  if (peek_leash (run) != '!')
    return FALSE;

  if (cell->moment != MOMENT_ENDING || run->told_to_close || (with_bytes && matrix_is_held (cell)))
    {
      run->prepared = TRUE;
    }
  else
    {
      run->told_to_close = TRUE;
      if (with_bytes)
        leash_release (&run->leash);
      else
        tell_command (run, 'c');
    }
  return run->prepared;
}

static gboolean
is_core_busy (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (run->has_leash && !is_command_prepared (run))
    return FALSE;
  if (run->sink != NULL && matrix_sink_is_full (cell) && !gp_test_sink_is_blocked (run->sink))
    return FALSE;
  if (run->source != NULL && cell->moment == MOMENT_RUNNING)
    return gp_test_source_is_blocked (run->source);
  if (matrix_is_command (cell->subject))
    return TRUE;

  if (g_atomic_int_get (&run->n_seen) == 0)
    return FALSE;
  return cell->subject->core == CORE_COMPUTE || cell->subject->core == CORE_SILENT ||
         cell->subject->core == CORE_BATCH_LINES || gp_test_thread_sleeps (&run->tid);
}

static gboolean
is_core_started (MatrixRun *run)
{
  for (guint i = 0; i < run->events.events->len; i++)
    {
      GpEvent *event = get_event (&run->events, i);

      if (gp_event_get_kind (event) == GP_EVENT_KIND_STAGE_STARTED &&
          gp_event_get_stage (event) == gp_stage_status_get_stage (run->status))
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_reached (MatrixRun *run)
{
  if (run->cell->moment == MOMENT_JUST_STARTED)
    return is_core_started (run) &&
           (run->after == NULL || matrix_neighbour_is_starting (run->after));
  /* By then the function itself has done what is to happen, and perhaps all is over. */
  if (matrix_is_given_later (run->cell))
    return run->triggered;
  return gp_pipeline_get_state (run->pipeline) == GP_PIPELINE_STATE_RUNNING && is_core_busy (run);
}

/* As far as a stage beside the subject can tell */
static gboolean
is_limit_over (gpointer data)
{
  MatrixRun *run = data;

  return run->ended != NULL ||
         (run->before != NULL && matrix_neighbour_is_cancelled (run->before)) ||
         (run->after != NULL && matrix_neighbour_is_cancelled (run->after));
}

/* A limit may come first, and then the subject may wait for the test. */
static gboolean
is_reached_or_ended (gpointer data)
{
  MatrixRun *run = data;

  return is_reached (run) || run->ended != NULL ||
         (run->cell->ending == ENDING_TIME_LIMIT && is_limit_over (run)) ||
         (run->cell->ending == ENDING_COMMAND_LIMIT && has_ended (run->status));
}

/* A moment, by chance */
static void
shift (MatrixRun *run)
{
  gint64 end = g_get_monotonic_time () + g_test_rand_int_range (0, 3000);

  while (run->shifted && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, FALSE);
}

/* --- The ending --------------------------------------------------------------------------- */

static gboolean
is_stopped_or_ended (gpointer data)
{
  MatrixRun *run = data;

  return process_is_stopped (run) || has_exited (run->process);
}

/* To the command, while it is there */
static void
signal_process (MatrixRun *run,
                int        signum)
{
  int pid = gp_stage_status_get_pid (run->process);

  g_assert_cmpint (pid, >, 0);
  if (!has_exited (run->process))
    kill (pid, signum);
}

/* Sends SIGSTOP, and waits until that is known */
static void
stop_process (MatrixRun *run)
{
  signal_process (run, SIGSTOP);
  gp_test_wait_until ("the command to stop", is_stopped_or_ended, run);
}

/* The process that watches the command is its parent. */
static void
kill_helper (MatrixRun *run)
{
  char state;
  int parent;

  if (!has_exited (run->process) && look_at_process (run, &state, &parent) && parent > 1 &&
      parent != getpid ())
    kill (parent, SIGKILL);
}

void
matrix_run_trigger (MatrixRun *run)
{
  MatrixEnding ending = run->cell->ending;

  run->triggered = TRUE;
  run->marker = run->events.events->len;
  if (ending == ENDING_STOPPED)
    stop_process (run);
  if (ending == ENDING_CANCEL || ending == ENDING_IGNORES_TERM || ending == ENDING_STOPPED)
    gp_pipeline_cancel (run->pipeline);
  else if (ending == ENDING_NESTED_CANCEL)
    gp_pipeline_cancel (run->inner);
  else if (ending == ENDING_CANCELLABLE)
    g_cancellable_cancel (run->cancellable);
  else if (ending == ENDING_KILLED)
    signal_process (run, SIGKILL);
  else if (ending == ENDING_HELPER_KILLED)
    kill_helper (run);
  else if (ending == ENDING_OUTPUT_CLOSED)
    g_assert_true (g_input_stream_close (run->app_output, NULL, NULL));
  else if (ending == ENDING_INPUT_CLOSED)
    g_assert_true (g_output_stream_close (run->app_input, NULL, NULL));
  else if (matrix_is_held (run->cell))
    tell_command (run, 'h');
  else if ((ending == ENDING_WRITER_GONE && run->source != NULL) ||
           (ending == ENDING_READER_GONE && run->sink != NULL))
    gp_test_gate_open (&run->stream_gate);

  if ((ending == ENDING_READER_GONE || ending == ENDING_READER_FINISHED) && run->after != NULL)
    matrix_neighbour_end (run->after, ending == ENDING_READER_FINISHED);
  if (ending == ENDING_WRITER_GONE && run->before != NULL)
    matrix_neighbour_end (run->before, FALSE);
}

/* Of who is about to end by itself */
static void
let_subject_go (MatrixRun *run)
{
  if (run->cell->moment != MOMENT_ENDING)
    return;

  gp_test_gate_open (&run->gate);
  if (run->has_leash && (!matrix_stops_subject (run->cell) || run->shifted) &&
      !matrix_is_held (run->cell))
    leash_release (&run->leash);
}

static void
let_neighbours_go (MatrixRun *run)
{
  if (run->before != NULL)
    matrix_neighbour_end (run->before, FALSE);
  if (run->after != NULL)
    {
      matrix_neighbour_let_start (run->after);
      matrix_neighbour_end (run->after, FALSE);
    }
}

static gboolean
is_subject_over (gpointer data)
{
  MatrixRun *run = data;

  return has_ended (run->status) || run->ended != NULL;
}

static gboolean
has_noticed (MatrixNeighbour *neighbour)
{
  return neighbour == NULL ||
         (!matrix_neighbour_is_starting (neighbour) &&
          (!matrix_neighbour_is_running (neighbour) || matrix_neighbour_is_cancelled (neighbour)));
}

/* All that should end, or know that they should */
static gboolean
is_all_stopped (gpointer data)
{
  MatrixRun *run = data;

  return run->ended != NULL ||
         (has_ended (run->status) && has_noticed (run->before) && has_noticed (run->after));
}

/* The process that holds the stream is there, and is let go if it is waited for. */
static void
await_held (MatrixRun *run)
{
  gp_test_wait_until ("the command's exit", has_exited, run->process);
  while (peek_leash (run) != '\0')
    continue;
  leash_assert_alive (&run->leash);
  if (!matrix_is_awaited (run->cell))
    return;

  g_assert_null (run->ended);
  leash_release (&run->leash);
}

/* Whoever is not to blame goes on, and the pipeline ends. */
static void
finish (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (cell->ending == ENDING_TIME_LIMIT && (run->before != NULL || run->after != NULL))
    gp_test_wait_until ("the time limit", is_limit_over, run);
  if (cell->ending == ENDING_COMMAND_LIMIT)
    gp_test_wait_until ("the command's time limit", has_exited, run->process);
  let_subject_go (run);
  if (!matrix_stops (cell) && run->after != NULL)
    matrix_neighbour_let_start (run->after);
  if (!matrix_stops (cell) && run->sink != NULL)
    gp_test_gate_open (&run->stream_gate);
  if (matrix_is_held (cell))
    await_held (run);
  gp_test_wait_until ("the subject to end", matrix_stops (cell) ? is_all_stopped : is_subject_over,
                      run);
  let_neighbours_go (run);
  gp_test_await ("the end of the pipeline", &run->ended);
  run->n_at_end = run->events.events->len;
}

static gboolean
is_one_busy (gpointer data)
{
  return gp_test_count_busy_threads () == 1;
}

/* Who never looks is given up, and still has its thread. */
static void
await_deaf (MatrixRun *run)
{
  if (run->cell->subject->core == CORE_DEAF && g_atomic_int_get (&run->n_seen) > 0)
    gp_test_wait_until ("all threads but the deaf one", is_one_busy, NULL);
}

/* --- A cell ------------------------------------------------------------------------------- */

static void
start (MatrixRun *run)
{
  gp_pipeline_start_async (run->pipeline, run->cancellable, gp_test_result_cb, &run->started);
  gp_pipeline_wait_async (run->pipeline, NULL, gp_test_result_cb, &run->ended);
}

/* FALSE: the time limit came first */
static gboolean
come_to_moment (MatrixRun *run)
{
  MatrixMoment moment = run->cell->moment;

  if (moment == MOMENT_BEFORE_START)
    matrix_run_trigger (run);
  start (run);
  if (moment == MOMENT_BEFORE_START || moment == MOMENT_STARTING)
    return TRUE;

  if (matrix_is_given_later (run->cell) && run->before != NULL)
    {
      gp_test_await ("the start", &run->started);
      matrix_neighbour_give (run->before, matrix_get_given (run->cell));
    }
  gp_test_wait_until ("the moment", is_reached_or_ended, run);
  return is_reached (run);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MatrixRun, matrix_run_clear)

gboolean
matrix_run_cell (const MatrixCell *cell,
                 gboolean          shifted,
                 guint             limit)
{
  g_auto (MatrixRun) run;
  gboolean reached;

  matrix_run_init (&run, cell, shifted, limit);
  reached = come_to_moment (&run);
  g_assert_true (reached || cell->ending == ENDING_TIME_LIMIT ||
                 cell->ending == ENDING_COMMAND_LIMIT);

  if (shifted && reached && cell->moment == MOMENT_ENDING)
    {
      let_subject_go (&run);
      if (matrix_stops (cell))
        let_neighbours_go (&run);
      if (matrix_stops (cell) && run.sink != NULL)
        gp_test_gate_open (&run.stream_gate);
    }
  shift (&run);
  if (!run.triggered)
    matrix_run_trigger (&run);
  finish (&run);
  await_deaf (&run);
  gp_test_gate_open (&run.gate);
  gp_test_gate_open (&run.stream_gate);
  gp_test_wait_busy_threads ();

  matrix_check (&run, reached);
  if (run.has_leash && !matrix_stops_subject (cell))
    {
      if (matrix_is_held (cell) && !matrix_is_awaited (cell))
        leash_assert_alive (&run.leash);
      leash_release (&run.leash);
    }
  return reached;
}
