/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"
#include "gp-test-streams.h"

#include <string.h>

/* The pipeline of a cell: the subject, what is beside it, and what the application has at its
 * ends */

/* What a pump has to copy, and how much of it the other side takes before it blocks */
#define SOURCE_SIZE 10
#define SINK_SIZE   2

static GpErrorAction
forgive_func (const GError  *error,
              gpointer       user_data,
              GError       **replacement)
{
  return GP_ERROR_ACTION_FORGIVE;
}

static void
nest (MatrixRun *run,
      GpStage   *core)
{
  run->inner = gp_test_pipeline_new ();
  gp_pipeline_set_name (run->inner, "nested");
  gp_pipeline_set_abandon_delay (run->inner, MATRIX_NEVER);
  gp_pipeline_append (run->inner, core);
  record (&run->inner_events, run->inner);
}

static GpStage *
new_subject (MatrixRun *run)
{
  GpStage *core = gp_test_watch (matrix_new_core (run));

  switch (run->cell->subject->around)
    {
    case AROUND_PIPELINE:
      nest (run, core);
      return GP_STAGE (g_object_ref (run->inner));
    case AROUND_FILTERED_PIPELINE:
      nest (run, core);
      return gp_test_watch (gp_error_filter_stage_new (GP_STAGE (g_object_ref (run->inner)),
                                                       forgive_func, NULL, NULL));
    case AROUND_FILTER:
      return gp_test_watch (gp_error_filter_stage_new (core, forgive_func, NULL, NULL));
    case AROUND_WATCH:
      return gp_test_watch (gp_memory_watch_stage_new (core, (guint64) 1 << 40));
    default:
      return core;
    }
}

static GpIOPreference
get_preference (const MatrixCell *cell)
{
  return cell->mode == MODE_PIPE ? GP_IO_FD : GP_IO_ANY;
}

/* Without a stage before, the application writes the one line. A function in the main context that
 * is to end with it must not get it before all stages run. */
const char *
matrix_get_given (const MatrixCell *cell)
{
  return matrix_is_lines (cell->subject) ? "line\n" : NULL;
}

gboolean
matrix_is_given_later (const MatrixCell *cell)
{
  return cell->subject->core == CORE_BATCH_LINES && cell->moment == MOMENT_ENDING;
}

static void
append_before (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (matrix_neighbour_held (cell) && cell->ending == ENDING_STDOUT_HELD)
    {
      GpCommandStage *command = matrix_new_command (run);

      gp_command_stage_set_name (command, "before");
      gp_pipeline_append (run->pipeline, GP_STAGE (command));
    }
  else if (matrix_has_before (cell))
    {
      const char *given = matrix_is_given_later (cell) ? NULL : matrix_get_given (cell);

      run->before = matrix_neighbour_new ("before", get_preference (cell), given);
      gp_pipeline_append (run->pipeline, GP_STAGE (g_object_ref (run->before)));
    }
}

static void
append_after (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (matrix_neighbour_held (cell) && cell->ending == ENDING_STDIN_HELD)
    {
      GpCommandStage *command = matrix_new_command (run);

      gp_command_stage_set_name (command, "after");
      gp_pipeline_append (run->pipeline, GP_STAGE (command));
    }
  else if (matrix_has_after (cell))
    {
      run->after = matrix_neighbour_new ("after", get_preference (cell), NULL);
      if (cell->ending == ENDING_STDOUT_HELD)
        matrix_neighbour_set_reads (run->after);
      if (cell->moment == MOMENT_JUST_STARTED)
        matrix_neighbour_hold_start (run->after);
      gp_pipeline_append (run->pipeline, GP_STAGE (g_object_ref (run->after)));
    }
}

static void
open_ends (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;
  g_autoptr (GError) error = NULL;

  if (cell->ending == ENDING_INPUT_CLOSED)
    run->app_input = gp_pipeline_open_input (run->pipeline, &error);
  if (cell->ending == ENDING_OUTPUT_CLOSED)
    run->app_output = gp_pipeline_open_output (run->pipeline, &error);
  g_assert_no_error (error);
  if (run->app_input != NULL && matrix_get_given (cell) != NULL)
    g_assert_true (g_output_stream_write_all (run->app_input, matrix_get_given (cell),
                                              strlen (matrix_get_given (cell)), NULL, NULL, NULL));
}

static void
give_streams (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (cell->subject->pump == PUMP_IN)
    {
      run->source = gp_test_source_new (SOURCE_SIZE, TRUE);
      gp_test_source_set_gate (GP_TEST_SOURCE (run->source), &run->stream_gate);
      gp_pipeline_set_stdin (run->pipeline, run->source);
      gp_pipeline_set_close_stdin (run->pipeline, TRUE);
    }
  if (cell->subject->pump == PUMP_OUT)
    {
      GError *error = NULL;

      if (cell->ending == ENDING_READER_GONE)
        g_set_error_literal (&error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "nobody reads");
      run->sink = gp_test_sink_new (matrix_sink_is_full (cell) ? SINK_SIZE : G_MAXUINT64, NULL);
      gp_test_sink_set_gate (GP_TEST_SINK (run->sink), &run->stream_gate, error);
      gp_pipeline_set_stdout (run->pipeline, run->sink);
      gp_pipeline_set_close_stdout (run->pipeline, TRUE);
    }
}

static void
set_delays (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;
  MatrixCore core = cell->subject->core;

  gp_pipeline_set_abandon_delay (run->pipeline,
                                 core == CORE_DEAF || core == CORE_SILENT ? MATRIX_SHORT
                                                                          : MATRIX_NEVER);
  if (cell->ending == ENDING_TIME_LIMIT)
    gp_pipeline_set_time_limit (run->pipeline, run->limit);
  if (cell->ending == ENDING_STDOUT_HELD && cell->subject->pump == PUMP_OUT)
    gp_pipeline_set_pipe_hold_timeout (run->pipeline, MATRIX_SHORT);
}

/* Of the command with the leash, wherever that is */
static GpStageStatus *
find_process (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;

  if (!run->has_leash)
    return NULL;
  if (matrix_neighbour_held (cell))
    return gp_pipeline_get_status (run->pipeline, cell->ending == ENDING_STDOUT_HELD ? 0 : 2);
  if (run->inner != NULL)
    return gp_pipeline_get_status (run->inner, 0);
  return run->status;
}

void
matrix_run_init (MatrixRun        *run,
                 const MatrixCell *cell,
                 gboolean          shifted,
                 guint             limit)
{
  *run = (MatrixRun) { .cell = cell, .shifted = shifted, .limit = limit };
  gp_test_gate_init (&run->gate);
  gp_test_gate_init (&run->stream_gate);
  recorder_init (&run->events);
  recorder_init (&run->inner_events);
  run->cancellable = gp_test_watch (g_cancellable_new ());
  run->pipeline = gp_test_pipeline_new ();
  record (&run->events, run->pipeline);

  append_before (run);
  gp_pipeline_append (run->pipeline, new_subject (run));
  run->status = gp_pipeline_get_status (run->pipeline, matrix_has_before (cell) ? 1 : 0);
  append_after (run);
  run->process = find_process (run);
  set_delays (run);
  give_streams (run);
  open_ends (run);
}

void
matrix_run_clear (MatrixRun *run)
{
  g_clear_object (&run->started);
  g_clear_object (&run->ended);
  g_clear_object (&run->silent);
  g_clear_object (&run->before);
  g_clear_object (&run->after);
  g_clear_object (&run->source);
  g_clear_object (&run->sink);
  g_clear_object (&run->app_input);
  g_clear_object (&run->app_output);
  g_clear_object (&run->cancellable);
  g_clear_object (&run->pipeline);
  g_clear_object (&run->inner);
  if (run->has_leash)
    {
      leash_await_end (&run->leash);
      leash_clear (&run->leash);
    }
  recorder_clear (&run->events);
  recorder_clear (&run->inner_events);
  gp_test_gate_clear (&run->gate);
  gp_test_gate_clear (&run->stream_gate);
}
