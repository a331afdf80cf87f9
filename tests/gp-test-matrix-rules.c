/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"
#include "gp-test-streams.h"

#include <signal.h>
#include <string.h>

/* What has happened is compared with what should, and with the rules that hold for every pipeline:
 * how the errors of the stages make that of the pipeline, and in which order events come. */

#define MAX_STAGES 3

/* What is known of one pipeline after its end */
typedef struct
{
  GpPipeline *pipeline;
  Recorder   *events;
  guint       n_stages;
  guint       outs[MAX_STAGES];
  guint       reason;      /* why it was stopped from outside, or 0 */
  gboolean    reader_left; /* the application has closed the output */
  GError     *error;       /* (owned): of the pipeline, or NULL */
  guint       outcome;
  int         culprit;     /* the stage whose error it is, or -1 */
} Result;

static void
result_clear (Result *self)
{
  g_clear_error (&self->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

static guint
classify_error (const GError *error)
{
  if (error == NULL)
    return OUT_SUCCESS;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return OUT_CANCELLED;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return OUT_TIMED_OUT;
  if (g_error_matches (error, GP_SIGNAL_ERROR, SIGKILL))
    return OUT_KILLED;
  if (g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST))
    return OUT_LOST;
  return gp_error_matches_pipe (error) ? OUT_PIPE : OUT_OTHER;
}

static guint
classify (GpStageStatus *status)
{
  g_autoptr (GError) error = gp_stage_status_dup_error (status);

  switch (gp_stage_status_get_state (status))
    {
    case GP_STAGE_STATE_NOT_STARTED:
      return OUT_NOT_STARTED;
    case GP_STAGE_STATE_SUCCEEDED:
      return error == NULL ? OUT_SUCCESS : OUT_OTHER;
    case GP_STAGE_STATE_FINISHED_EARLY:
      return OUT_EARLY;
    case GP_STAGE_STATE_FAILED:
      return error != NULL ? classify_error (error) : OUT_OTHER;
    default:
      return OUT_OTHER;
    }
}

/* --- Which error ---------------------------------------------------------------------------- */

static gboolean
is_excused (const Result *self,
            guint         index)
{
  if (index + 1 < self->n_stages)
    return self->outs[index + 1] == OUT_EARLY;
  return self->reader_left;
}

/* The three rules of "Errors and cancellation", and the one of cancelling */
static guint
derive_outcome (const Result *self,
                int          *culprit)
{
  const guint none = OUT_NOT_STARTED | OUT_SUCCESS | OUT_EARLY | OUT_PIPE;

  *culprit = -1;
  for (guint i = 0; i < self->n_stages; i++)
    if ((self->outs[i] & (none | self->reason)) == 0)
      {
        *culprit = i;
        return self->outs[i];
      }

  if (self->reason != 0)
    return self->reason;

  for (int i = self->n_stages - 1; i >= 0; i--)
    if (self->outs[i] == OUT_PIPE && !is_excused (self, i))
      {
        *culprit = i;
        return OUT_PIPE;
      }
  return OUT_SUCCESS;
}

static void
check_error (Result *self)
{
  g_autofree char *name = NULL;

  g_assert_cmphex (derive_outcome (self, &self->culprit), ==, self->outcome);
  g_assert_cmpint (gp_pipeline_get_state (self->pipeline), ==,
                   self->error == NULL ? GP_PIPELINE_STATE_SUCCEEDED : GP_PIPELINE_STATE_FAILED);
  if (self->culprit < 0)
    return;

  /* The message names the stage; that of a nested pipeline, the one within, if it is of one. */
  name = gp_stage_status_dup_name (gp_pipeline_get_status (self->pipeline, self->culprit));
  g_assert_true (g_str_has_prefix (self->error->message, name) ||
                 (strcmp (name, "nested") == 0 &&
                  g_str_has_prefix (self->error->message, "core: ")));
}

/* --- The order of events -------------------------------------------------------------------- */

/* How often each kind has come for one stage, and where the last of them was, or -1 */
typedef struct
{
  guint n[GP_EVENT_KIND_PIPELINE_FAILED + 1];
  int   at[GP_EVENT_KIND_PIPELINE_FAILED + 1];
} Counts;

static void
count_events (const Result *self,
              const char   *name,
              Counts       *counts)
{
  *counts = (Counts) { 0, };
  for (guint kind = 0; kind < G_N_ELEMENTS (counts->at); kind++)
    counts->at[kind] = -1;

  for (guint i = 0; i < self->events->events->len; i++)
    {
      GpEvent *event = get_event (self->events, i);
      GpEventKind kind = gp_event_get_kind (event);

      if (kind != GP_EVENT_KIND_PIPELINE_FAILED &&
          g_strcmp0 (gp_event_get_stage_name (event), name) == 0)
        {
          counts->n[kind]++;
          counts->at[kind] = i;
        }
    }
}

/* Started before all else, and nothing after the end; a stage whose start has failed has no other
 * event; and the error is that of the status. */
static void
check_stage_events (const Result *self,
                    guint         index)
{
  GpStageStatus *status = gp_pipeline_get_status (self->pipeline, index);
  g_autofree char *name = gp_stage_status_dup_name (status);
  g_autoptr (GError) error = NULL;
  Counts counts;
  guint n_started, n_finished, n_failed, n_start_failed;
  int begin, end;

  count_events (self, name, &counts);
  n_started = counts.n[GP_EVENT_KIND_STAGE_STARTED];
  n_finished = counts.n[GP_EVENT_KIND_STAGE_FINISHED];
  n_failed = counts.n[GP_EVENT_KIND_STAGE_FAILED];
  n_start_failed = counts.n[GP_EVENT_KIND_START_FAILED];
  g_assert_cmpuint (n_started + n_start_failed, ==, self->outs[index] == OUT_NOT_STARTED ? 0 : 1);
  g_assert_cmpuint (n_finished + n_failed, ==, n_started);
  g_assert_cmpuint (n_finished, ==, (self->outs[index] & (OUT_SUCCESS | OUT_EARLY)) != 0 ? 1 : 0);

  begin = counts.at[GP_EVENT_KIND_STAGE_STARTED];
  end = MAX (counts.at[GP_EVENT_KIND_STAGE_FINISHED], counts.at[GP_EVENT_KIND_STAGE_FAILED]);
  g_assert_true (n_started == 0 || begin < end);
  for (guint kind = 0; kind < G_N_ELEMENTS (counts.at); kind++)
    g_assert_true (counts.at[kind] < 0 || counts.at[kind] == begin || n_start_failed == 1 ||
                   (counts.at[kind] > begin && counts.at[kind] <= end));
  if (n_failed + n_start_failed == 0)
    return;

  if (n_start_failed == 1)
    end = counts.at[GP_EVENT_KIND_START_FAILED];
  error = gp_event_dup_error (get_event (self->events, end));
  g_assert_cmphex (classify_error (error), ==, self->outs[index]);
}

/* One stage is started after the other. */
static void
check_start_order (const Result *self)
{
  int last = -1;

  for (guint i = 0; i < self->n_stages; i++)
    {
      GpStageStatus *status = gp_pipeline_get_status (self->pipeline, i);
      g_autofree char *name = gp_stage_status_dup_name (status);
      Counts counts;
      int at;

      if (i > 0 && self->outs[i - 1] == OUT_NOT_STARTED)
        g_assert_cmphex (self->outs[i], ==, OUT_NOT_STARTED);
      count_events (self, name, &counts);
      at = MAX (counts.at[GP_EVENT_KIND_STAGE_STARTED], counts.at[GP_EVENT_KIND_START_FAILED]);
      g_assert_true (at < 0 || at > last);
      last = MAX (at, last);
    }
}

/* "Exactly one for a pipeline that fails, after all other events." */
static void
check_pipeline_failed (const Result *self)
{
  guint n = count_kind (self->events, GP_EVENT_KIND_PIPELINE_FAILED);
  g_autoptr (GError) error = NULL;
  GpEvent *last;

  g_assert_cmpuint (n, ==, self->error != NULL ? 1 : 0);
  if (n == 0)
    return;

  last = get_event (self->events, self->events->events->len - 1);
  g_assert_cmpint (gp_event_get_kind (last), ==, GP_EVENT_KIND_PIPELINE_FAILED);
  error = gp_event_dup_error (last);
  g_assert_cmpstr (error->message, ==, self->error->message);
  if (self->culprit < 0)
    g_assert_null (gp_event_get_stage (last));
  else
    g_assert_true (gp_event_get_stage (last) ==
                   gp_stage_status_get_stage (gp_pipeline_get_status (self->pipeline,
                                                                      self->culprit)));
}

/* Nobody is stopped before there is a reason. */
static void
check_stopped_after (const Result *self,
                     guint         marker)
{
  for (guint i = 0; i < marker && self->reason != 0; i++)
    {
      g_autoptr (GError) error = gp_event_dup_error (get_event (self->events, i));

      g_assert_true (error == NULL || classify_error (error) != self->reason);
    }
}

static void
check_events (Result *self)
{
  for (guint i = 0; i < self->n_stages; i++)
    check_stage_events (self, i);
  check_start_order (self);
  check_pipeline_failed (self);
  g_assert_cmpuint (self->events->n_elsewhere, ==, 0);
}

/* What happens in a nested pipeline is told there first and then outside, but that it failed. */
static void
check_inner_events (MatrixRun *run)
{
  guint at = 0;

  for (guint i = 0; i < run->inner_events.events->len; i++)
    {
      GpEvent *event = get_event (&run->inner_events, i);

      if (gp_event_get_kind (event) == GP_EVENT_KIND_PIPELINE_FAILED)
        continue;
      while (at < run->events.events->len && get_event (&run->events, at) != event)
        at++;
      g_assert_cmpuint (at, <, run->events.events->len);
    }
}

/* --- All of it ------------------------------------------------------------------------------ */

/* The run is over; @reason counts only if nothing ended before it came. */
static void
result_init (Result     *self,
             GpPipeline *pipeline,
             Recorder   *events,
             guint       reason)
{
  *self = (Result) { .pipeline = pipeline, .events = events };
  self->n_stages = gp_pipeline_get_n_stages (pipeline);
  for (guint i = 0; i < self->n_stages; i++)
    self->outs[i] = classify (gp_pipeline_get_status (pipeline, i));
  gp_test_wait (pipeline, &self->error);
  self->outcome = classify_error (self->error);
  self->reason = self->outcome == reason ? reason : 0;
}

static void
check_out (const char *what,
           guint       out,
           guint       expected)
{
  if ((out & expected) == 0)
    g_error ("%s came out as 0x%x, and not as 0x%x", what, out, expected);
}

static void
check_stages (MatrixRun            *run,
              const Result         *result,
              const MatrixExpected *expected)
{
  const guint by_index[MAX_STAGES] = { expected->before, expected->subject, expected->after };
  guint first = matrix_has_before (run->cell) ? 0 : 1;

  for (guint i = 0; i < result->n_stages; i++)
    {
      g_autofree char *name =
        gp_stage_status_dup_name (gp_pipeline_get_status (run->pipeline, i));

      check_out (name, result->outs[i], by_index[first + i]);
    }
  check_out ("the pipeline", result->outcome, expected->outcome);
}

static void
check_inner (MatrixRun            *run,
             const MatrixExpected *expected)
{
  g_auto (Result) result = { NULL, };

  if (run->inner == NULL)
    return;

  result_init (&result, run->inner, &run->inner_events,
               run->cell->ending == ENDING_NESTED_CANCEL ? OUT_CANCELLED : expected->reason);
  check_out ("the nested stage", result.outs[0], expected->core);
  check_error (&result);
  check_events (&result);
  check_inner_events (run);
}

/* What a signal has done to the command, where that is not left to chance */
static void
check_signal (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;
  int signum = 0;

  if (run->shifted || cell->moment != MOMENT_RUNNING || run->process == NULL)
    return;

  if (cell->ending == ENDING_KILLED || cell->ending == ENDING_IGNORES_TERM)
    signum = SIGKILL;
  else if (matrix_stops (cell) && cell->ending != ENDING_TIME_LIMIT)
    signum = SIGTERM;
  if (signum != 0)
    g_assert_cmpint (gp_stage_status_get_term_signal (run->process), ==, signum);
}

/* "Closes it exactly once, whether it succeeds, fails, is cancelled, or could not be started." And
 * what is not whole is not kept. */
static void
check_streams (MatrixRun *run)
{
  gboolean failed = classify (run->status) != OUT_SUCCESS;

  if (run->source != NULL)
    g_assert_cmpuint (gp_test_source_get_n_closes (run->source), ==, 1);
  if (run->sink == NULL)
    return;

  g_assert_cmpuint (gp_test_sink_get_n_closes (run->sink), ==, 1);
  /* It may be cancelled while it is being closed. */
  if (failed || !run->shifted)
    g_assert_cmpint (gp_test_sink_was_discarded (run->sink), ==, failed);
}

/* What happened to the whole of it is not taken for something of the outer one. */
static void
check_nested_name (MatrixRun    *run,
                   const Result *result)
{
  if (run->cell->ending == ENDING_NESTED_CANCEL && result->error != NULL)
    g_assert_cmpstr (result->error->message, ==, "nested: the pipeline was cancelled");
}

static void
check_stop_event (MatrixRun *run)
{
  guint n = count_kind (&run->events, GP_EVENT_KIND_STAGE_STOPPED);

  if (run->cell->ending != ENDING_STOPPED || run->cell->mode != MODE_SUPERVISED)
    g_assert_cmpuint (n, ==, 0);
  else
    g_assert_cmpuint (n, ==, run->shifted && n == 0 ? 0 : 1);
}

void
matrix_check (MatrixRun *run,
              gboolean   reached)
{
  const MatrixCell *cell = run->cell;
  g_auto (Result) result = { NULL, };
  MatrixExpected expected;

  matrix_expect (cell, run->shifted, &expected);
  if (!reached && expected.reason != 0)
    expected.before = expected.subject = expected.core = expected.after =
      expected.reason | OUT_NOT_STARTED | OUT_SUCCESS | OUT_EARLY;

  /* Nothing comes after the end. */
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpuint (run->events.events->len, ==, run->n_at_end);

  result_init (&result, run->pipeline, &run->events, expected.reason);
  result.reader_left = cell->ending == ENDING_OUTPUT_CLOSED;
  check_stages (run, &result, &expected);
  check_error (&result);
  check_events (&result);
  if (cell->ending != ENDING_TIME_LIMIT)
    check_stopped_after (&result, run->marker);
  check_inner (run, &expected);
  check_signal (run);
  check_streams (run);
  check_stop_event (run);
  check_nested_name (run, &result);
}
