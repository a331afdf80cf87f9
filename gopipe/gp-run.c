/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-core-private.h"

#include "gp-decorator-stage-private.h"
#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-fork-private.h"
#include "gp-outcome-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-private.h"

static void start_abandon_timer (GpRun *self);

/* --- Making and freeing ------------------------------------------------------------------- */

static void
init_stage (RunStage      *stage,
            GpStage       *object,
            GpStageStatus *status)
{
  g_queue_init (&stage->early_events);
  stage->stage = g_object_ref (object);
  stage->status = status != NULL ? g_object_ref (status) : NULL;
  stage->name = gp_stage_get_name (object);
  stage->needs_main_context = gp_stage_needs_main_context (object);
  gp_stage_preferences (object, &stage->stdin_preference, &stage->stdout_preference);
}

GpRun *
gp_run_new (const GpRunConfig *config)
{
  GpRun *self = g_new0 (GpRun, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->owner = g_object_ref (config->owner);
  self->queue = gp_callback_queue_ref (config->queue);
  self->interrupt = config->interrupt != NULL ? gp_interrupt_ref (config->interrupt) : NULL;
  self->fault_handler = config->fault_handler != NULL
                          ? gp_user_function_ref (config->fault_handler) : NULL;
  self->directory = g_strdup (config->directory);
  self->environ = config->environ;
  self->time_limit = config->time_limit;
  self->pipe_hold_timeout = config->pipe_hold_timeout;
  self->abandon_delay = config->abandon_delay;
  self->ignore_pipe_errors = config->ignore_pipe_errors;
  self->partial_input_is_error = config->partial_input_is_error;
  self->reader_may_leave = config->reader_may_leave;
  self->cancellable = g_cancellable_new ();
  self->home_cancellable = g_cancellable_new ();
  self->started_waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  self->ended_waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  self->stdin_end = gp_run_end_new (NULL, GP_OWNER_LENT, NULL, self->cancellable);
  self->stdout_end = gp_run_end_new (NULL, GP_OWNER_LENT, NULL, self->cancellable);
  self->starting = TRUE;
  self->mistake = config->mistake != NULL ? g_error_copy (config->mistake) : NULL;

  self->n_stages = config->stages->len;
  self->stages = g_new0 (RunStage, self->n_stages);
  self->edges = g_new0 (GpEdge, self->n_stages + 1);
  for (guint i = 0; i <= self->n_stages; i++)
    self->edges[i] = (GpEdge) GP_EDGE_INIT;
  if (config->input_memory != NULL)
    self->edges[0].memory = gp_memory_pipe_ref (config->input_memory);
  if (config->output_memory != NULL && self->n_stages > 0)
    self->edges[self->n_stages].memory = gp_memory_pipe_ref (config->output_memory);
  if (config->output_gate != NULL && self->n_stages > 0)
    self->edges[self->n_stages].gate = gp_end_gate_ref (config->output_gate);

  for (guint i = 0; i < self->n_stages; i++)
    {
      GpStage *stage = g_ptr_array_index (config->stages, i);
      GpStageStatus *status = i < config->statuses->len ? g_ptr_array_index (config->statuses, i) : NULL;

      init_stage (&self->stages[i], stage, status);
      if (status != NULL)
        {
          gp_stage_status_set_queue (status, self->queue);
          gp_stage_status_set_name (status, self->stages[i].name);
        }
      if (GP_IS_THREAD_STARTER (stage))
        gp_thread_starter_prepare (GP_THREAD_STARTER (stage), self->queue);
    }

  return self;
}

GpRun *
gp_run_ref (GpRun *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_run_unref (GpRun *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < self->n_stages; i++)
    {
      g_clear_object (&self->stages[i].stage);
      g_clear_object (&self->stages[i].status);
      g_clear_error (&self->stages[i].error);
      g_queue_clear_full (&self->stages[i].early_events, (GDestroyNotify) gp_event_unref);
      g_free (self->stages[i].name);
    }
  for (guint i = 0; i <= self->n_stages; i++)
    gp_edge_clear (&self->edges[i]);
  g_free (self->stages);
  g_free (self->edges);

  gp_run_end_unref (self->stdin_end);
  gp_run_end_unref (self->stdout_end);
  g_clear_object (&self->owner);
  g_clear_pointer (&self->outer, gp_run_unref);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->home_cancellable);
  g_clear_object (&self->caller_cancellable);
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  g_clear_pointer (&self->fault_handler, gp_user_function_unref);
  g_clear_pointer (&self->limit_timer, g_source_unref);
  g_clear_pointer (&self->abandon_timer, g_source_unref);
  g_clear_error (&self->mistake);
  g_clear_error (&self->reason);
  g_clear_error (&self->close_reason);
  g_clear_error (&self->start_error);
  g_clear_error (&self->outcome);
  g_array_unref (self->started_waiters);
  g_array_unref (self->ended_waiters);
  g_strfreev (self->environ);
  g_free (self->directory);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* --- Waiters ------------------------------------------------------------------------------ */

static void
add_waiter (GpRun      *self,
            GArray    **waiters,
            int        *done,
            GpRunFunc   func,
            gpointer    user_data)
{
  Waiter waiter = { func, user_data };
  gboolean late;

  g_mutex_lock (&self->lock);
  late = g_atomic_int_get (done);
  if (!late)
    g_array_append_val (*waiters, waiter);
  g_mutex_unlock (&self->lock);

  if (late)
    func (self, user_data);
}

void
gp_run_when_started (GpRun     *self,
                     GpRunFunc  func,
                     gpointer   user_data)
{
  add_waiter (self, &self->started_waiters, &self->started, func, user_data);
}

void
gp_run_when_ended (GpRun     *self,
                   GpRunFunc  func,
                   gpointer   user_data)
{
  add_waiter (self, &self->ended_waiters, &self->ended, func, user_data);
}

/* With the lock held; releases it while the waiters are called */
static void
tell_waiters (GpRun   *self,
              GArray **waiters,
              int     *done)
{
  GArray *called = *waiters;

  *waiters = g_array_new (FALSE, FALSE, sizeof (Waiter));
  g_atomic_int_set (done, TRUE);
  g_mutex_unlock (&self->lock);

  for (guint i = 0; i < called->len; i++)
    {
      const Waiter *waiter = &g_array_index (called, Waiter, i);

      waiter->func (self, waiter->user_data);
    }
  g_array_unref (called);
  gp_callback_queue_wake (self->queue);

  g_mutex_lock (&self->lock);
}

typedef struct
{
  GMutex   lock;
  GCond    cond;
  gboolean done;
} Signal;

static void
signal_cb (GpRun    *run,
           gpointer  user_data)
{
  Signal *signal = user_data;

  g_mutex_lock (&signal->lock);
  signal->done = TRUE;
  g_cond_signal (&signal->cond);
  g_mutex_unlock (&signal->lock);
}

void
gp_run_wait_started (GpRun *self)
{
  Signal signal = { 0, };

  g_mutex_init (&signal.lock);
  g_cond_init (&signal.cond);
  gp_run_when_started (self, signal_cb, &signal);

  g_mutex_lock (&signal.lock);
  while (!signal.done)
    g_cond_wait (&signal.cond, &signal.lock);
  g_mutex_unlock (&signal.lock);

  g_cond_clear (&signal.cond);
  g_mutex_clear (&signal.lock);
}

void
gp_run_tell_started (GpRun *self)
{
  tell_waiters (self, &self->started_waiters, &self->started);
}

/* --- State -------------------------------------------------------------------------------- */

static void
notify_state_cb (gpointer data)
{
  g_autoptr (GObject) owner = data;

  g_object_notify (owner, "state");
}

/* With the lock held */
void
gp_run_set_state (GpRun           *self,
                  GpPipelineState  state)
{
  self->state = state;
  if (self->owner != NULL && gp_callback_queue_is_heard (self->queue, self->owner))
    gp_callback_queue_push (self->queue, notify_state_cb, g_object_ref (self->owner));
}

/* --- Ending ------------------------------------------------------------------------------- */

/* With the lock held. @culprit: the stage whose error it is, or NULL */
static GError *
choose_outcome (GpRun     *self,
                RunStage **culprit)
{
  g_autofree const GError **errors = g_new0 (const GError *, self->n_stages);
  const GError *chosen;

  *culprit = NULL;
  if (self->start_error != NULL)
    {
      for (guint i = 0; i < self->n_stages && *culprit == NULL; i++)
        if (self->stages[i].start_failed && !self->stages[i].was_stopped)
          *culprit = &self->stages[i];
      return g_error_copy (self->start_error);
    }

  for (guint i = 0; i < self->n_stages; i++)
    errors[i] = self->stages[i].was_stopped ? gp_run_get_reason (self) : self->stages[i].error;

  self->had_enough = self->reader_may_leave;
  chosen = gp_outcome_choose (errors, self->n_stages, &self->had_enough, self->ignore_pipe_errors);

  /* Whoever was running when the end came from outside has not done all its work, whatever it
   * said. */
  if (gp_run_get_reason (self) != NULL && (chosen == NULL || gp_error_matches_pipe (chosen)))
    chosen = gp_run_get_reason (self);

  for (guint i = 0; i < self->n_stages; i++)
    if (chosen != NULL && chosen == self->stages[i].error)
      *culprit = &self->stages[i];

  return chosen != NULL ? g_error_copy (chosen) : NULL;
}

typedef struct
{
  GObject   *owner;
  GPtrArray *stages;
} Leftovers;

static void
drop_leftovers_cb (gpointer data)
{
  Leftovers *leftovers = data;

  g_clear_object (&leftovers->owner);
  g_ptr_array_unref (leftovers->stages);
  g_free (leftovers);
}

/* With the lock held: lets go of what the application may hear about when it is freed */
static void
queue_leftovers (GpRun *self)
{
  Leftovers *leftovers = g_new0 (Leftovers, 1);

  leftovers->owner = g_steal_pointer (&self->owner);
  leftovers->stages = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < self->n_stages; i++)
    g_ptr_array_add (leftovers->stages, g_steal_pointer (&self->stages[i].stage));

  gp_callback_queue_push_before_wake (self->queue, drop_leftovers_cb, leftovers);
}

/* With the lock held */
static void
end_run (GpRun *self)
{
  const GError *close_error = gp_run_end_get_error (self->stdout_end);
  RunStage *culprit;

  self->ending = TRUE;
  if (close_error == NULL)
    close_error = gp_run_end_get_error (self->stdin_end);
  if (self->close_reason != NULL && gp_error_is_cancelled (close_error))
    close_error = self->close_reason;

  self->outcome = choose_outcome (self, &culprit);
  if (close_error != NULL && (self->outcome == NULL || gp_error_matches_pipe (self->outcome)))
    {
      g_clear_error (&self->outcome);
      self->outcome = g_error_copy (close_error);
      culprit = NULL;
    }

  self->is_stages = culprit != NULL;

  /* Streams that outlive the run have their own references. */
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
  gp_engine_clear_source (&self->limit_timer);
  gp_engine_clear_source (&self->abandon_timer);

  /* Not g_cancellable_disconnect (), which waits for the very handler that may have brought us
   * here. */
  if (self->caller_cancellable != NULL)
    g_signal_handler_disconnect (self->caller_cancellable, self->caller_cancelled_id);

  gp_run_set_state (self, self->outcome == NULL ? GP_PIPELINE_STATE_SUCCEEDED : GP_PIPELINE_STATE_FAILED);
  gp_run_tell_outcome (self, culprit);
  g_clear_pointer (&self->outer, gp_run_unref);
  for (guint i = 0; i < self->n_stages; i++)
    if (self->stages[i].status != NULL)
      gp_stage_status_set_queue (self->stages[i].status, NULL);
  queue_leftovers (self);

  if (!self->started)
    gp_run_tell_started (self);
  tell_waiters (self, &self->ended_waiters, &self->ended);
}

static void
end_closed_cb (gpointer data)
{
  g_autoptr (GpRun) self = data;

  gp_run_settle (self);
}

/* With the lock held, which is released */
static void
close_stdin (GpRun *self)
{
  RunStage *culprit;
  g_autoptr (GError) error = choose_outcome (self, &culprit);

  self->closing = TRUE;
  self->complete = error == NULL;
  if (gp_run_get_reason (self) != NULL)
    {
      gp_engine_clear_source (&self->abandon_timer);
      start_abandon_timer (self);
    }
  g_mutex_unlock (&self->lock);

  for (guint i = 0; i <= self->n_stages; i++)
    gp_edge_clear (&self->edges[i]);
  gp_run_end_finish (self->stdin_end, TRUE, end_closed_cb, gp_run_ref (self));
}

/* With the lock held, which is released. This may replace a file: the last thing that can fail. */
static void
close_stdout (GpRun *self)
{
  gboolean complete = self->complete && gp_run_end_get_error (self->stdin_end) == NULL;

  self->closing_stdout = TRUE;
  g_mutex_unlock (&self->lock);

  gp_run_end_finish (self->stdout_end, complete, end_closed_cb, gp_run_ref (self));
}

void
gp_run_settle (GpRun *self)
{
  gboolean all_ended;

  g_mutex_lock (&self->lock);
  all_ended = !self->starting && self->n_running == 0;

  if (all_ended && !self->closing)
    {
      close_stdin (self);
      return;
    }

  if (all_ended && !self->closing_stdout && gp_run_end_is_finished (self->stdin_end))
    {
      close_stdout (self);
      return;
    }

  if (all_ended && !self->ending && gp_run_end_is_finished (self->stdout_end))
    end_run (self);
  g_mutex_unlock (&self->lock);
}

/* With the lock held: an end is a good one when everything before it has ended well. */
static void
tell_ends (GpRun *self)
{
  g_autofree const GError **errors = NULL;

  if (!self->partial_input_is_error)
    return;

  errors = g_new0 (const GError *, self->n_stages);
  for (guint i = 0; i < self->n_stages && self->stages[i].ended; i++)
    {
      gboolean had_enough = FALSE;

      errors[i] = self->stages[i].error;
      if (i >= self->n_told)
        gp_edge_tell_end (&self->edges[++self->n_told],
                          gp_outcome_choose (errors, i + 1, &had_enough, self->ignore_pipe_errors));
    }
}

/* That it was cancelled; that its reader was, which might as well have come second; or the reason
 * itself, from a nested pipeline or because it was given up */
gboolean
gp_run_explains (GpRun        *self,
                 const GError *error)
{
  const GError *reason = gp_run_get_reason (self);

  if (reason == NULL || error == NULL)
    return FALSE;

  return gp_error_is_cancelled (error) || gp_error_matches_pipe (error) ||
         (g_error_matches (error, reason->domain, reason->code) &&
          g_str_equal (error->message, reason->message));
}

void
gp_run_stage_ended (GpRun  *self,
                    guint   index,
                    GError *error)
{
  RunStage *stage = &self->stages[index];
  g_autoptr (GError) own_error = error;

  g_mutex_lock (&self->lock);
  if (stage->ended)
    {
      g_mutex_unlock (&self->lock);
      return;
    }

  stage->ended = TRUE;
  /* A start that has failed may be the reason itself. */
  if (!stage->start_failed)
    stage->was_stopped = gp_run_explains (self, error);
  if (stage->was_stopped)
    stage->error = gp_error_copy_prefixed (gp_run_get_reason (self), "%s: ", stage->name);
  else
    stage->error = g_steal_pointer (&own_error);

  if (stage->status != NULL)
    gp_stage_status_end (stage->status, stage->error);
  tell_ends (self);
  gp_run_tell_end (self, stage);
  self->n_running--;
  g_mutex_unlock (&self->lock);

  gp_run_settle (self);
}

/* --- Cancelling --------------------------------------------------------------------------- */

static void
cancel_home_cb (gpointer data)
{
  g_autoptr (GpRun) self = data;

  g_cancellable_cancel (self->home_cancellable);
}

/* Stages that cannot be relied upon to end in time are given up: the pipeline ends, whatever they
 * do. */
void
gp_run_abandon_stages (GpRun *self)
{
  for (guint i = 0; i < self->n_stages; i++)
    {
      RunStage *stage = &self->stages[i];
      g_autoptr (GpStageContext) asked = NULL;
      gboolean give_up, give_up_start;

      g_mutex_lock (&self->lock);
      asked = g_steal_pointer (&stage->asked);
      /* One that has ended may still not have completed its start. */
      give_up = (stage->starting || (stage->started && !stage->ended)) &&
                !(stage->stage != NULL && gp_thread_starter_is_bounded (stage->stage));
      give_up_start = give_up && stage->starting;
      g_mutex_unlock (&self->lock);

      if (give_up_start)
        gp_run_start_finished (self, i, gp_run_get_reason (self));
      /* Its own error is better than the reason. */
      if (asked != NULL)
        gp_stage_context_go_on (asked, GP_END_FUNCS_NOT_HOME);
      if (give_up)
        gp_run_stage_ended (self, i, g_error_copy (gp_run_get_reason (self)));
    }
}

static void
abandon_cb (gpointer data)
{
  GpRun *self = data;
  gboolean opening, closing;

  g_mutex_lock (&self->lock);
  self->abandoning = TRUE;
  opening = self->opening;
  closing = self->closing;
  g_mutex_unlock (&self->lock);

  if (opening)
    {
      gp_run_give_up_start (self);
    }
  else if (closing)
    {
      gp_run_end_give_up (self->stdin_end);
      gp_run_end_give_up (self->stdout_end);
    }
  else
    {
      gp_run_abandon_stages (self);
    }
}

/* With the lock held. A run that is ending releases it once more, and clears no timer after that. The
 * first run of the program may be over before its start has made the engine, and have to wait. */
static void
start_abandon_timer (GpRun *self)
{
  if (self->abandon_timer == NULL && !self->ending && gp_engine_ensure (NULL))
    self->abandon_timer = gp_engine_add_timeout (self->abandon_delay, abandon_cb, gp_run_ref (self),
                                                 (GDestroyNotify) gp_run_unref);
}

void
gp_run_cancel (GpRun        *self,
               const GError *reason)
{
  /* The interrupt is that of the run in the original as well. */
  if (gp_fork_is_copy ())
    return;

  g_mutex_lock (&self->lock);
  if (gp_run_get_reason (self) != NULL || self->closing)
    {
      gboolean closing = self->closing;

      if (closing && self->close_reason == NULL)
        self->close_reason = g_error_copy (reason);
      if (closing)
        start_abandon_timer (self);
      g_mutex_unlock (&self->lock);
      /* All stages have ended: only the closing of a stream may still take its time. */
      if (closing)
        g_cancellable_cancel (self->cancellable);
      return;
    }

  g_atomic_pointer_set (&self->reason, g_error_copy (reason));
  if (self->interrupt != NULL)
    gp_interrupt_raise (self->interrupt);
  for (guint i = 0; i <= self->n_stages; i++)
    gp_edge_interrupt (&self->edges[i]);
  gp_run_end_interrupt (self->stdin_end);
  gp_run_end_interrupt (self->stdout_end);
  start_abandon_timer (self);
  /* Before the run can end: afterwards nobody may look into the queue. */
  gp_callback_queue_push (self->queue, cancel_home_cb, gp_run_ref (self));
  g_mutex_unlock (&self->lock);

  g_cancellable_cancel (self->cancellable);
}

/* The outer run wakes everybody first and then tells this one: a stage that was woken may be
 * faster. */
void
gp_run_follow_outer (GpRun *self)
{
  g_autoptr (GpRun) outer = NULL;

  g_mutex_lock (&self->lock);
  if (self->outer != NULL && gp_run_get_reason (self) == NULL)
    outer = gp_run_ref (self->outer);
  g_mutex_unlock (&self->lock);

  if (outer == NULL)
    return;

  gp_run_follow_outer (outer);
  if (gp_run_get_reason (outer) != NULL)
    gp_run_cancel (self, gp_run_get_reason (outer));
}
