/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-core-private.h"

#include "gp-command-stage-private.h"
#include "gp-decorator-stage-private.h"
#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-fork-private.h"
#include "gp-line-stage.h"
#include "gp-pipeline.h"
#include "gp-stage-context-private.h"
#include "gp-stage-private.h"
#include "gp-thread-pool-private.h"
#include "gp-thread-stage.h"

/* How far ahead stages are prepared */
#define MAX_AHEAD 2

static void advance_job (gpointer data);

static void
set_stage_state (RunStage     *stage,
                 GpStageState  state)
{
  if (stage->status != NULL)
    gp_stage_status_set_state (stage->status, state);
}

/* What was prepared for these stages is of no use any more. */
static void
forget_stages (GpRun        *self,
               guint         first,
               const GError *error)
{
  for (guint i = first; i < self->n_stages; i++)
    {
      set_stage_state (&self->stages[i], GP_STAGE_STATE_NOT_STARTED);
      if (GP_IS_THREAD_STARTER (self->stages[i].stage))
        gp_thread_starter_forget (GP_THREAD_STARTER (self->stages[i].stage), error);
      if (self->stages[i].prepared != NULL)
        gp_stage_context_discard (self->stages[i].prepared);
      g_clear_object (&self->stages[i].prepared);
    }
}

/* All stages run, or @error (of the stage before self->next, if any) ended the start */
static void
finish_start (GpRun        *self,
              const GError *error)
{
  if (error != NULL)
    gp_run_cancel (self, error);

  g_mutex_lock (&self->lock);
  if (!self->starting || self->start_error != NULL)
    {
      g_mutex_unlock (&self->lock);
      return;
    }
  if (error != NULL)
    {
      self->start_error = g_error_copy (error);
      g_mutex_unlock (&self->lock);
      forget_stages (self, self->next, error);
      g_mutex_lock (&self->lock);
    }
  else
    {
      gp_run_set_state (self, GP_PIPELINE_STATE_RUNNING);
      gp_run_tell_started (self);
    }
  self->starting = FALSE;
  g_mutex_unlock (&self->lock);

  gp_run_settle (self);
}

/* Pushes the rest of the start to where it may block */
static void
continue_start (GpRun *self)
{
  g_autoptr (GError) error = NULL;

  if (!gp_thread_pool_push ("start", advance_job, gp_run_ref (self), &error))
    {
      gp_run_unref (self);
      finish_start (self, error);
    }
}

static GError *
describe_start_error (GpRun        *self,
                      guint         index,
                      const GError *error)
{
  if (gp_run_explains (self, error))
    return g_error_copy (gp_run_get_reason (self));

  return gp_error_copy_prefixed (error, "starting stage \"%s\": ", self->stages[index].name);
}

/* The start of the stage at @index is complete, well or not; once only for each stage */
void
gp_run_start_finished (GpRun        *self,
                       guint         index,
                       const GError *error)
{
  RunStage *stage = &self->stages[index];
  g_autoptr (GError) described = NULL;
  gboolean abandoning;

  g_mutex_lock (&self->lock);
  if (stage->started)
    {
      g_mutex_unlock (&self->lock);
      return;
    }
  stage->started = TRUE;
  stage->starting = FALSE;
  if (error != NULL)
    {
      described = describe_start_error (self, index, error);
      stage->start_failed = TRUE;
      stage->was_stopped = gp_run_explains (self, error);
    }
  else
    {
      set_stage_state (stage, GP_STAGE_STATE_RUNNING);
    }
  gp_run_tell_start (self, stage, described);
  abandoning = self->abandoning;
  g_mutex_unlock (&self->lock);

  if (described != NULL)
    finish_start (self, described);
  else if (abandoning)
    gp_run_abandon_stages (self);
}

/* A start that takes its way through the home context */
typedef struct
{
  GpRun          *run;
  GpStage        *stage;
  GpStageContext *context;
  guint           index;
} Start;

static void
start_free (Start *start)
{
  g_object_unref (start->context);
  g_object_unref (start->stage);
  gp_run_unref (start->run);
  g_free (start);
}

/* Ends what a failed start leaves, then says so. NULL: the stage does not tell why. */
static void
fail_stage (GpRun          *self,
            guint           index,
            GpStageContext *context,
            const GError   *error)
{
  g_autoptr (GError) fault = NULL;
  g_autoptr (GError) described = NULL;

  if (error == NULL)
    error = fault = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT,
                                         "start_finish () returned FALSE without an error");
  if (gp_error_is_cancelled (error))
    gp_run_follow_outer (self);
  described = describe_start_error (self, index, error);
  gp_run_start_finished (self, index, error);
  gp_stage_context_start_failed (context, described);
}

static void
stage_started_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  Start *start = data;
  GpRun *self = start->run;
  g_autoptr (GError) error = NULL;

  if (gp_stage_start_finish (GP_STAGE (source), result, &error))
    {
      gp_run_start_finished (self, start->index, NULL);
      continue_start (self);
    }
  else
    {
      fail_stage (self, start->index, start->context, error);
    }

  start_free (start);
}

static void
start_in_home_cb (gpointer data)
{
  Start *start = data;
  const GError *reason = gp_run_get_reason (start->run);

  /* The application's code is not bothered with what is over already. */
  if (reason != NULL)
    {
      fail_stage (start->run, start->index, start->context, reason);
      start_free (start);
      return;
    }

  gp_stage_start_async (start->stage, start->context, start->run->home_cancellable,
                        stage_started_cb, start);
}

/* TRUE: the next stage may be started now */
static gboolean
start_stage (GpRun          *self,
             guint           index,
             GpStageContext *context)
{
  RunStage *run_stage = &self->stages[index];
  g_autoptr (GpStage) stage = g_object_ref (run_stage->stage);
  g_autoptr (GError) error = NULL;
  gboolean success, abandoning;

  if (GP_IS_THREAD_STARTER (gp_stage_undecorate (stage)))
    {
      g_atomic_pointer_set (&self->starter, g_thread_self ());
      success = gp_thread_starter_start (GP_THREAD_STARTER (stage), context, &error);
      g_atomic_pointer_set (&self->starter, NULL);
    }
  else
    {
      /* Code of the application, which may take for ever */
      g_mutex_lock (&self->lock);
      run_stage->starting = TRUE;
      abandoning = self->abandoning;
      g_mutex_unlock (&self->lock);

      /* Nobody comes by a second time to give it up. */
      if (abandoning)
        {
          fail_stage (self, index, context, gp_run_get_reason (self));
          return FALSE;
        }

      if (run_stage->needs_main_context)
        {
          Start *start = g_new (Start, 1);

          *start = (Start) { gp_run_ref (self), g_steal_pointer (&stage), g_object_ref (context), index };
          gp_callback_queue_push (self->queue, start_in_home_cb, start);
          return FALSE;
        }

      success = gp_stage_start_blocking (stage, context, self->cancellable, &error);
    }

  if (success)
    gp_run_start_finished (self, index, NULL);
  else
    fail_stage (self, index, context, error);

  return success;
}

static gpointer
steal_stream (gpointer *stream)
{
  return g_steal_pointer (stream);
}

static GpStageEnd
make_stdin_end (GpRun       *self,
                guint        index,
                GpInterrupt *interrupt)
{
  GpIOPreference preference = self->stages[index].stdin_preference;

  if (index > 0)
    return (GpStageEnd) {
      .stream = steal_stream ((gpointer *) &self->edges[index].reader),
      .fd = gp_descriptor_steal (&self->edges[index].reader_fd),
      .is_edge = TRUE,
    };

  gp_run_end_set_interrupt (self->stdin_end, interrupt);
  return (GpStageEnd) {
    .stream = gp_edge_adapt_stdin (gp_run_end_get_stream (self->stdin_end), preference, interrupt),
    .fd = -1,
    .lent = gp_run_end_is_lent (self->stdin_end),
  };
}

static GpStageEnd
make_stdout_end (GpRun       *self,
                 guint        index,
                 GpInterrupt *interrupt)
{
  GpIOPreference preference = self->stages[index].stdout_preference;

  if (index + 1 < self->n_stages)
    return (GpStageEnd) {
      .stream = steal_stream ((gpointer *) &self->edges[index + 1].writer),
      .fd = gp_descriptor_steal (&self->edges[index + 1].writer_fd),
      .is_edge = TRUE,
    };

  gp_run_end_set_interrupt (self->stdout_end, interrupt);
  return (GpStageEnd) {
    .stream = gp_edge_adapt_stdout (gp_run_end_get_stream (self->stdout_end), preference, interrupt),
    .fd = -1,
    .lent = gp_run_end_is_lent (self->stdout_end),
  };
}

static GpEdgeBare
choose_bare (const RunStage *left,
             const RunStage *right)
{
  return (gp_command_stage_takes_descriptors (left->stage) ? GP_EDGE_BARE_WRITER : 0) |
         (gp_command_stage_takes_descriptors (right->stage) ? GP_EDGE_BARE_READER : 0);
}

/* With the interrupt, whatever lies after the stage at @index, unless that is the end */
static gboolean
open_edge_after (GpRun        *self,
                 guint         index,
                 GpInterrupt  *interrupt,
                 GError      **error)
{
  const RunStage *stages = self->stages;
  GpEdge edge = GP_EDGE_INIT;
  gboolean cancelled;

  if (index + 1 == self->n_stages)
    return TRUE;

  if (!gp_edge_open (&edge, stages[index].stdout_preference, stages[index + 1].stdin_preference,
                     choose_bare (&stages[index], &stages[index + 1]), interrupt, error))
    return FALSE;

  if (self->partial_input_is_error && !gp_edge_hold_end (&edge, error))
    {
      gp_edge_clear (&edge);
      return FALSE;
    }

  g_mutex_lock (&self->lock);
  self->edges[index + 1] = edge;
  cancelled = gp_run_get_reason (self) != NULL;
  g_mutex_unlock (&self->lock);

  if (cancelled)
    gp_edge_interrupt (&edge);

  return TRUE;
}

static GpStageContext *
make_context (GpRun   *self,
              guint    index,
              GError **error)
{
  RunStage *stage = &self->stages[index];
  GpInterrupt *interrupt = gp_run_get_interrupt (self, error);

  if (interrupt == NULL || !open_edge_after (self, index, interrupt, error))
    return NULL;

  return gp_stage_context_new (self, index,
                               stage->needs_main_context ? self->home_cancellable : self->cancellable,
                               make_stdin_end (self, index, interrupt),
                               make_stdout_end (self, index, interrupt));
}

/* A pipeline takes as long to be started as what is in it, and needs the descriptors and processes
 * that a command behind it would have meanwhile. */
static gboolean
can_be_prepared (const RunStage *stage)
{
  GpStage *inner = gp_stage_undecorate (stage->stage);

  return !stage->needs_main_context && GP_IS_THREAD_STARTER (inner) && !GP_IS_PIPELINE (inner);
}

/* Commands take long to be started, most of it in processes of their own: while one is executed the next
 * one can be launched, across a function if need be. It then waits until it is its turn. A command that
 * a stage of the application starts in its own place comes here at any time, while another thread
 * may be starting the next stage, or may have ended the start: then nothing is launched. */
void
gp_run_launch_ahead (GpRun *self)
{
  if (g_atomic_pointer_get (&self->starter) != g_thread_self ())
    return;

  for (guint i = self->next; i < self->n_stages && i < self->next + MAX_AHEAD; i++)
    {
      RunStage *stage = &self->stages[i];

      if (!can_be_prepared (stage))
        return;

      if (stage->prepared == NULL)
        stage->prepared = make_context (self, i, NULL);
      if (stage->prepared == NULL ||
          gp_thread_starter_launch (GP_THREAD_STARTER (stage->stage), stage->prepared))
        return;
    }
}

/* Takes the next stage, unless the start has ended; or returns FALSE with the @error that ends it */
static gboolean
take_next (GpRun           *self,
           guint           *index,
           GpStageContext **context,
           GError         **error)
{
  const GError *reason;

  g_mutex_lock (&self->lock);
  *index = self->next;
  reason = gp_run_get_reason (self);
  if (reason != NULL)
    {
      g_set_error_literal (error, reason->domain, reason->code, reason->message);
      g_mutex_unlock (&self->lock);
      return FALSE;
    }
  self->next++;
  self->n_running++;
  g_mutex_unlock (&self->lock);

  set_stage_state (&self->stages[*index], GP_STAGE_STATE_STARTING);
  *context = g_steal_pointer (&self->stages[*index].prepared);
  if (*context == NULL)
    *context = make_context (self, *index, error);
  if (*context != NULL)
    return TRUE;

  gp_run_start_finished (self, *index, *error);
  gp_run_stage_ended (self, *index, describe_start_error (self, *index, *error));

  return FALSE;
}

/* Starts one stage after the other, until one has to be started in the home context: its
 * completion makes another job of this. */
static void
advance_job (gpointer data)
{
  g_autoptr (GpRun) self = data;

  while (self->next < self->n_stages)
    {
      g_autoptr (GpStageContext) context = NULL;
      g_autoptr (GError) error = NULL;
      guint index;

      if (!take_next (self, &index, &context, &error))
        {
          finish_start (self, error);
          return;
        }

      if (!start_stage (self, index, context))
        return;
    }

  finish_start (self, NULL);
}

static void
caller_cancelled_cb (GCancellable *cancellable,
                     gpointer      data)
{
  GpRun *self = data;
  g_autoptr (GError) reason = NULL;

  /* A thread that is not there may hold the lock. */
  if (gp_fork_is_copy ())
    return;

  /* Stages in a nested pipeline end for the same reason as those around it. */
  gp_run_follow_outer (self);
  reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the pipeline was cancelled");
  gp_run_cancel (self, reason);
}

static void
time_limit_job (gpointer data)
{
  g_autoptr (GpRun) self = data;
  g_autoptr (GError) reason = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                           "the pipeline exceeded its time limit of %u ms",
                                           self->time_limit);

  gp_run_cancel (self, reason);
}

/* Functions of the application may be connected to the cancellable: not in the engine's thread */
static void
time_limit_cb (gpointer data)
{
  if (!gp_thread_pool_push ("time-limit", time_limit_job, gp_run_ref (data), NULL))
    time_limit_job (data);
}

static void
unref_run_closure (gpointer  data,
                   GClosure *closure)
{
  gp_run_unref (data);
}

static void
watch_caller (GpRun        *self,
              GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  self->caller_cancellable = g_object_ref (cancellable);
  self->caller_cancelled_id = g_signal_connect_data (cancellable, "cancelled",
                                                     G_CALLBACK (caller_cancelled_cb),
                                                     gp_run_ref (self), unref_run_closure, 0);
  if (g_cancellable_is_cancelled (cancellable))
    caller_cancelled_cb (cancellable, self);
}

/* What a file is can only be told when it is open. */
static void
choose_end_kinds (GpRun *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint last = self->n_stages;

  if (last == 0)
    return;

  self->edges[0].kind = gp_run_end_choose_kind (self->stdin_end, self->stages[0].stdin_preference);
  self->edges[last].kind = gp_run_end_choose_kind (self->stdout_end,
                                                   self->stages[last - 1].stdout_preference);
}

/* The input comes first: if it cannot be opened, the output is not touched. */
static gboolean
open_ends (GpRun   *self,
           GError **error)
{
  g_autoptr (GError) open_error = NULL;
  g_autoptr (GMutexLocker) locker = NULL;
  const GError *reason;
  gboolean opened;

  g_mutex_lock (&self->lock);
  self->opening = TRUE;
  g_mutex_unlock (&self->lock);

  opened = gp_run_end_open (self->stdin_end, &open_error) &&
           gp_run_end_open (self->stdout_end, &open_error);
  if (opened)
    choose_end_kinds (self);

  locker = g_mutex_locker_new (&self->lock);
  self->opening = FALSE;
  if (opened)
    return TRUE;

  reason = gp_run_get_reason (self);
  if (reason != NULL && gp_error_is_cancelled (open_error))
    g_set_error_literal (error, reason->domain, reason->code, reason->message);
  else
    g_propagate_error (error, g_steal_pointer (&open_error));

  return FALSE;
}

void
gp_run_give_up_start (GpRun *self)
{
  finish_start (self, gp_run_get_reason (self));
}

static void
start_job (gpointer data)
{
  g_autoptr (GpRun) self = data;
  g_autoptr (GError) error = NULL;

  if (!gp_engine_ensure (&error))
    {
      finish_start (self, error);
      return;
    }

  if (self->time_limit > 0)
    {
      g_mutex_lock (&self->lock);
      self->limit_timer = gp_engine_add_timeout (self->time_limit, time_limit_cb, gp_run_ref (self),
                                                 (GDestroyNotify) gp_run_unref);
      g_mutex_unlock (&self->lock);
    }

  if (!open_ends (self, &error))
    {
      finish_start (self, error);
      return;
    }

  advance_job (g_steal_pointer (&self));
}

static void
choose_edge_kinds (GpRun *self)
{
  for (guint i = 1; i < self->n_stages; i++)
    self->edges[i].kind = gp_edge_choose_between (self->stages[i - 1].stdout_preference,
                                                  self->stages[i].stdin_preference);
  choose_end_kinds (self);
}

gboolean
gp_run_check_ends (GpRun     *self,
                   gboolean   outer_stdin,
                   gboolean   outer_stdout,
                   GError   **error)
{
  for (guint i = 0; i < self->n_stages; i++)
    {
      GpStage *stage = self->stages[i].stage;
      gboolean has_stdin = i > 0 || outer_stdin || gp_run_has_stdin (self);
      gboolean has_stdout = i + 1 < self->n_stages || outer_stdout || gp_run_has_stdout (self);

      if (GP_IS_THREAD_STARTER (stage) &&
          !gp_thread_starter_check_ends (GP_THREAD_STARTER (stage), has_stdin, has_stdout, error))
        return FALSE;
    }

  return TRUE;
}

void
gp_run_fail (GpRun        *self,
             const GError *error)
{
  finish_start (self, error);
}

/* Nothing of the application's has to be opened or called, so it takes no longer than in a thread of the
 * pool, and whatever ends the wait ends the start. */
static gboolean
starts_at_once (GpRun *self)
{
  if (gp_run_end_is_file (self->stdin_end) || gp_run_end_is_file (self->stdout_end))
    return FALSE;

  for (guint i = 0; i < self->n_stages; i++)
    {
      GpStage *stage = self->stages[i].stage;

      if (self->stages[i].needs_main_context ||
          !(GP_IS_THREAD_STAGE (stage) || GP_IS_LINE_STAGE (stage) || GP_IS_COMMAND_STAGE (stage)))
        return FALSE;
    }

  return TRUE;
}

void
gp_run_start (GpRun        *self,
              gboolean      is_awaited,
              GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  choose_edge_kinds (self);
  g_mutex_lock (&self->lock);
  gp_run_set_state (self, GP_PIPELINE_STATE_STARTING);
  g_mutex_unlock (&self->lock);

  if (self->mistake != NULL)
    {
      gp_run_fail (self, self->mistake);
      return;
    }

  if (!gp_run_check_ends (self, FALSE, FALSE, &error))
    {
      gp_run_fail (self, error);
      return;
    }

  watch_caller (self, cancellable);
  if (is_awaited && starts_at_once (self))
    {
      start_job (gp_run_ref (self));
      return;
    }

  if (!gp_thread_pool_push ("start", start_job, gp_run_ref (self), &error))
    {
      gp_run_unref (self);
      finish_start (self, error);
    }
}
