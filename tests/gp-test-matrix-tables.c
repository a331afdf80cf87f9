/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"

/* What there is, what cannot be, and what should come of the rest: all of it from the documents,
 * which say what a user can rely upon. */

#define NO_PROCESS_YET "there is no process yet"
#define NO_READER_YET  "the stage after it does not run yet"

const MatrixEndingRow matrix_endings[N_ENDINGS] = {
  [ENDING_CANCEL] =
    { "cancel", MOMENT_STARTING, "before the start this does nothing", .stops = TRUE },
  [ENDING_CANCELLABLE] =
    { "cancellable", MOMENT_BEFORE_START, NULL, .stops = TRUE },
  [ENDING_TIME_LIMIT] =
    { "time-limit", MOMENT_STARTING, "the time runs from the start on", .stops = TRUE },
  [ENDING_NESTED_CANCEL] =
    { "nested-cancel", MOMENT_JUST_STARTED, "before the start this does nothing",
      .to_pipeline = TRUE },
  [ENDING_COMMAND_LIMIT] =
    { "command-limit", MOMENT_JUST_STARTED, "the time runs from the start on", .to_process = TRUE },
  [ENDING_KILLED] =
    { "killed", MOMENT_JUST_STARTED, NO_PROCESS_YET, .to_process = TRUE },
  [ENDING_HELPER_KILLED] =
    { "helper-killed", MOMENT_JUST_STARTED, NO_PROCESS_YET, .to_process = TRUE },
  [ENDING_READER_GONE] =
    { "reader-gone", MOMENT_RUNNING, NO_READER_YET, .to_writer = TRUE },
  [ENDING_READER_FINISHED] =
    { "reader-finished", MOMENT_RUNNING, NO_READER_YET, .to_writer = TRUE },
  [ENDING_OUTPUT_CLOSED] =
    { "output-closed", MOMENT_BEFORE_START, NULL, .to_writer = TRUE },
  [ENDING_WRITER_GONE] =
    { "writer-gone", MOMENT_JUST_STARTED, "the stage before it does not run yet",
      .to_reader = TRUE },
  [ENDING_INPUT_CLOSED] =
    { "input-closed", MOMENT_BEFORE_START, NULL, .to_reader = TRUE },
  [ENDING_STDIN_HELD] =
    { "stdin-held", MOMENT_JUST_STARTED, NO_PROCESS_YET },
  [ENDING_STDOUT_HELD] =
    { "stdout-held", MOMENT_JUST_STARTED, NO_PROCESS_YET },
  [ENDING_STDERR_HELD] =
    { "stderr-held", MOMENT_JUST_STARTED, NO_PROCESS_YET, .to_process = TRUE },
  [ENDING_IGNORES_TERM] =
    { "ignores-term", MOMENT_JUST_STARTED, NO_PROCESS_YET, .stops = TRUE, .to_process = TRUE },
  [ENDING_STOPPED] =
    { "stopped", MOMENT_JUST_STARTED, NO_PROCESS_YET, .stops = TRUE, .to_process = TRUE },
};

const MatrixSubject matrix_subjects[MATRIX_N_SUBJECTS] = {
  { "command", CORE_COMMAND },
  { "function-read", CORE_READ },
  { "function-write", CORE_WRITE },
  { "function-compute", CORE_COMPUTE },
  { "function-deaf", CORE_DEAF },
  { "async-silent", CORE_SILENT },
  { "lines-text", CORE_TEXT_LINES },
  { "lines-bytes", CORE_BYTES_LINES },
  { "lines-in-context", CORE_BATCH_LINES },
  { "pump-in", CORE_COMMAND, .pump = PUMP_IN },
  { "pump-out", CORE_COMMAND, .pump = PUMP_OUT },
  { "nested-command", CORE_COMMAND, .around = AROUND_PIPELINE },
  { "nested-function", CORE_READ, .around = AROUND_PIPELINE },
  { "filtered-command", CORE_COMMAND, .around = AROUND_FILTER },
  { "filtered-nested", CORE_COMMAND, .around = AROUND_FILTERED_PIPELINE },
  { "filtered-function", CORE_WRITE, .around = AROUND_FILTER },
  { "watched-command", CORE_COMMAND, .around = AROUND_WATCH },
  { "watched-pump-out", CORE_COMMAND, .around = AROUND_WATCH, .pump = PUMP_OUT },
};

const char * const matrix_moments[N_MOMENTS] = {
  "before-start", "starting", "just-started", "running", "ending",
};

const char * const matrix_modes[N_MODES] = { "supervised", "unsupervised", "memory", "pipe" };

/* --- What a cell is ----------------------------------------------------------------------- */

gboolean
matrix_is_command (const MatrixSubject *subject)
{
  return subject->core == CORE_COMMAND;
}

gboolean
matrix_is_lines (const MatrixSubject *subject)
{
  return subject->core == CORE_TEXT_LINES || subject->core == CORE_BYTES_LINES ||
         subject->core == CORE_BATCH_LINES;
}

static gboolean
is_nested (const MatrixSubject *subject)
{
  return subject->around == AROUND_PIPELINE || subject->around == AROUND_FILTERED_PIPELINE;
}

static gboolean
can_read (const MatrixSubject *subject)
{
  return subject->core == CORE_COMMAND || subject->core == CORE_READ || matrix_is_lines (subject);
}

static gboolean
can_write (const MatrixSubject *subject)
{
  return subject->core == CORE_COMMAND || subject->core == CORE_WRITE || matrix_is_lines (subject);
}

gboolean
matrix_stops (const MatrixCell *cell)
{
  return matrix_endings[cell->ending].stops;
}

gboolean
matrix_stops_subject (const MatrixCell *cell)
{
  return matrix_stops (cell) || cell->ending == ENDING_NESTED_CANCEL;
}

gboolean
matrix_is_held (const MatrixCell *cell)
{
  return cell->ending == ENDING_STDIN_HELD || cell->ending == ENDING_STDOUT_HELD ||
         cell->ending == ENDING_STDERR_HELD;
}

gboolean
matrix_neighbour_held (const MatrixCell *cell)
{
  return matrix_is_held (cell) && !matrix_is_command (cell->subject);
}

gboolean
matrix_has_command (const MatrixCell *cell)
{
  return matrix_is_command (cell->subject) || matrix_neighbour_held (cell);
}

gboolean
matrix_has_before (const MatrixCell *cell)
{
  return (can_read (cell->subject) || can_write (cell->subject)) &&
         cell->subject->pump != PUMP_IN && cell->ending != ENDING_INPUT_CLOSED;
}

gboolean
matrix_has_after (const MatrixCell *cell)
{
  return cell->subject->pump != PUMP_OUT && cell->ending != ENDING_OUTPUT_CLOSED;
}

gboolean
matrix_sink_is_full (const MatrixCell *cell)
{
  return cell->subject->pump == PUMP_OUT &&
         (cell->moment == MOMENT_ENDING || !(matrix_is_held (cell) || matrix_is_reading (cell)));
}

gboolean
matrix_is_reading (const MatrixCell *cell)
{
  return cell->moment != MOMENT_ENDING &&
         (cell->ending == ENDING_WRITER_GONE || cell->ending == ENDING_INPUT_CLOSED);
}

gboolean
matrix_is_writing (const MatrixCell *cell)
{
  return cell->moment != MOMENT_ENDING &&
         (cell->ending == ENDING_READER_GONE || cell->ending == ENDING_READER_FINISHED ||
          cell->ending == ENDING_OUTPUT_CLOSED || matrix_sink_is_full (cell) ||
          (matrix_neighbour_held (cell) && cell->ending == ENDING_STDIN_HELD));
}

/* Data may come, or be taken, as long as somebody has the stream. What a pump would wait for is
 * bounded. */
gboolean
matrix_is_awaited (const MatrixCell *cell)
{
  if (matrix_neighbour_held (cell))
    return cell->moment != MOMENT_ENDING;

  return cell->ending == ENDING_STDOUT_HELD && cell->subject->pump != PUMP_OUT;
}

/* --- What cannot be ----------------------------------------------------------------------- */

static const char *
why_not_held (MatrixEnding         ending,
              const MatrixSubject *subject,
              MatrixMoment         moment)
{
  if (matrix_is_command (subject))
    return NULL;

  if (ending == ENDING_STDIN_HELD && !can_write (subject))
    return "it writes to no process";
  if (ending == ENDING_STDOUT_HELD && !can_read (subject))
    return "it reads from no process";
  if (ending == ENDING_STDIN_HELD && moment < MOMENT_RUNNING)
    return NO_READER_YET;

  return NULL;
}

static const char *
why_not_pump (MatrixEnding         ending,
              const MatrixSubject *subject,
              MatrixMoment         moment)
{
  const MatrixEndingRow *row = &matrix_endings[ending];

  if ((subject->pump == PUMP_OUT && ending == ENDING_OUTPUT_CLOSED) ||
      (subject->pump == PUMP_IN && ending == ENDING_INPUT_CLOSED))
    return "there is no pump then";
  if (subject->pump == PUMP_OUT && ending == ENDING_READER_FINISHED)
    return "there is no stage after it";
  if (subject->pump == PUMP_OUT && moment == MOMENT_ENDING &&
      (row->to_reader || (row->to_process && ending != ENDING_STDERR_HELD)))
    return "its command has ended by then";

  return NULL;
}

const char *
matrix_why_not (MatrixEnding         ending,
                const MatrixSubject *subject,
                MatrixMoment         moment)
{
  const MatrixEndingRow *row = &matrix_endings[ending];
  const char *why = NULL;

  if (row->to_pipeline && !is_nested (subject))
    return "it is no pipeline";
  if (row->to_process && !matrix_is_command (subject))
    return "it has no process";
  if (row->to_reader && !can_read (subject))
    return "it does not read";
  if (row->to_writer && !can_write (subject))
    return "it does not write";
  if (moment < row->first)
    return row->why_first;
  if (subject->core == CORE_DEAF && moment == MOMENT_ENDING)
    return "it never ends by itself";

  if (ending == ENDING_STDIN_HELD || ending == ENDING_STDOUT_HELD)
    why = why_not_held (ending, subject, moment);

  return why != NULL ? why : why_not_pump (ending, subject, moment);
}

gboolean
matrix_has_mode (const MatrixCell *cell)
{
  if (cell->ending == ENDING_HELPER_KILLED && cell->mode == MODE_UNSUPERVISED)
    return FALSE;

  return matrix_has_command (cell) == (cell->mode == MODE_SUPERVISED ||
                                       cell->mode == MODE_UNSUPERVISED);
}

/* --- What should come of it --------------------------------------------------------------- */

static guint
get_reason (const MatrixCell *cell)
{
  if (!matrix_stops (cell))
    return 0;

  return cell->ending == ENDING_TIME_LIMIT ? OUT_TIMED_OUT : OUT_CANCELLED;
}

/* How it comes out if nothing is in its way */
static guint
get_good (const MatrixCell *cell)
{
  return matrix_is_lines (cell->subject) && cell->moment == MOMENT_ENDING ? OUT_EARLY : OUT_SUCCESS;
}

/* "The error is that of the cancelling, whatever the stopped stages say." */
static void
expect_stopped (const MatrixCell *cell,
                MatrixExpected   *expected)
{
  guint reason = expected->reason;
  gboolean is_lines = matrix_is_lines (cell->subject);
  guint each = reason;

  if (cell->moment == MOMENT_BEFORE_START)
    each = OUT_NOT_STARTED;
  else if (cell->moment == MOMENT_STARTING)
    each |= OUT_NOT_STARTED;
  expected->before = expected->subject = expected->core = expected->after = each;
  expected->outcome = reason;

  if (cell->moment != MOMENT_ENDING || matrix_is_command (cell->subject) ||
      cell->subject->core == CORE_SILENT)
    return;

  /* A function that has nothing left to do may well say that it has succeeded; a pipeline that
   * was cancelled never does. */
  expected->core = get_good (cell) | (is_lines ? reason : 0);
  if (!is_nested (cell->subject))
    expected->subject = expected->core;
}

/* Who would have ended by itself at that moment may have done so. */
static void
expect_shifted (const MatrixCell *cell,
                MatrixExpected   *expected)
{
  if (cell->moment != MOMENT_ENDING || matrix_is_held (cell))
    return;

  expected->subject |= get_good (cell);
  expected->core |= get_good (cell);
  expected->outcome |= OUT_SUCCESS;
  if (!matrix_stops (cell))
    return;

  expected->subject |= expected->reason;
  expected->core |= expected->reason;
  expected->before |= OUT_SUCCESS;
  expected->after |= OUT_SUCCESS;
}

/* What the ending does to the subject itself, while it works or, at its end, has nothing left to
 * read or to write */
static guint
get_own_error (const MatrixCell *cell)
{
  gboolean at_end = cell->moment == MOMENT_ENDING;
  gboolean is_pump_out = cell->subject->pump == PUMP_OUT;

  switch (cell->ending)
    {
    case ENDING_NESTED_CANCEL:
      return OUT_CANCELLED;
    case ENDING_COMMAND_LIMIT:
      return OUT_TIMED_OUT;
    case ENDING_KILLED:
      return OUT_KILLED;
    case ENDING_HELPER_KILLED:
      return OUT_LOST;
    case ENDING_READER_GONE:
    case ENDING_READER_FINISHED:
    case ENDING_OUTPUT_CLOSED:
      return !at_end || is_pump_out ? OUT_PIPE : 0;
    case ENDING_STDIN_HELD:
      /* It was blocked as long as the pipe was held, and then nobody read. */
      return matrix_neighbour_held (cell) && !at_end ? OUT_PIPE : 0;
    case ENDING_STDOUT_HELD:
      return is_pump_out ? OUT_TIMED_OUT : 0;
    default:
      return 0;
    }
}

/* "A pipe error right before a stage that finished early is no error at all, nor is one of the last
 * stage when you have closed the stream of open_output ()." "What is forgiven has never
 * happened." */
static void
expect_own_end (const MatrixCell *cell,
                MatrixExpected   *expected)
{
  MatrixAround around = cell->subject->around;
  gboolean is_filtered = around == AROUND_FILTER || around == AROUND_FILTERED_PIPELINE;
  gboolean at_end = cell->moment == MOMENT_ENDING;
  guint error = get_own_error (cell);

  expected->before = OUT_SUCCESS;
  expected->after = cell->ending == ENDING_READER_FINISHED ? OUT_EARLY : OUT_SUCCESS;
  expected->core = error != 0 ? error : get_good (cell);
  if (around == AROUND_FILTER && error != 0)
    expected->core = OUT_SUCCESS;
  expected->subject = is_filtered && error != 0 ? OUT_SUCCESS : expected->core;
  if (cell->ending == ENDING_NESTED_CANCEL && at_end && !matrix_is_command (cell->subject))
    expected->core = OUT_SUCCESS;

  expected->outcome = OUT_SUCCESS;
  if (!is_filtered && error != 0 &&
      cell->ending != ENDING_READER_FINISHED && cell->ending != ENDING_OUTPUT_CLOSED)
    expected->outcome = error;
}

void
matrix_expect (const MatrixCell *cell,
               gboolean          shifted,
               MatrixExpected   *expected)
{
  *expected = (MatrixExpected) { .reason = get_reason (cell) };

  if (matrix_stops (cell))
    expect_stopped (cell, expected);
  else
    expect_own_end (cell, expected);
  if (shifted)
    expect_shifted (cell, expected);
}
