/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-core-private.h"

#include "gp-error-private.h"
#include "gp-event-private.h"
#include "gp-pipeline-private.h"

/* Events of a run, and how they come to the pipelines that have handlers for them. They are queued
 * with the run's lock held, as the state changes that they tell of are noted, so that they come in
 * the same order. An event of a nested pipeline comes to the outer ones as well. These share one
 * queue. Locks are taken from the inside to the outside. */

/* The queued call holds it. */
typedef struct
{
  GpEvent *event;
  GSList  *listeners; /* of GpPipeline, owned, from the inside to the outside */
} Emission;

static gboolean
is_heard (GObject     *pipeline,
          GpEventKind  kind)
{
  return g_signal_has_handler_pending (pipeline, gp_pipeline_event_signal, 0, TRUE) ||
         g_signal_has_handler_pending (pipeline, gp_pipeline_event_signal,
                                       gp_event_kind_to_quark (kind), TRUE);
}

/* That a nested pipeline failed is told outside as the failure of a stage. */
static GpRun *
get_outer (GpRun       *self,
           GpEventKind  kind)
{
  return kind != GP_EVENT_KIND_PIPELINE_FAILED ? self->outer : NULL;
}

/* With the lock held */
static gboolean
has_listener (GpRun       *self,
              GpEventKind  kind)
{
  GpRun *outer = get_outer (self, kind);
  gboolean result;

  if (self->owner != NULL && is_heard (self->owner, kind))
    return TRUE;
  if (outer == NULL)
    return FALSE;

  g_mutex_lock (&outer->lock);
  result = has_listener (outer, kind);
  g_mutex_unlock (&outer->lock);

  return result;
}

/* With the lock held */
static GSList *
collect_listeners (GpRun       *self,
                   GpEventKind  kind)
{
  GpRun *outer = get_outer (self, kind);
  GSList *listeners = NULL;

  if (outer != NULL)
    {
      g_mutex_lock (&outer->lock);
      listeners = collect_listeners (outer, kind);
      g_mutex_unlock (&outer->lock);
    }
  if (self->owner != NULL && is_heard (self->owner, kind))
    listeners = g_slist_prepend (listeners, g_object_ref (self->owner));

  return listeners;
}

/* With the lock held. Nothing is made of what nobody wants. After the end nobody may look into the
 * queue. */
static gboolean
is_wanted (GpRun       *self,
           GpEventKind  kind)
{
  return self->owner != NULL && (has_listener (self, kind) || gp_event_is_logged ());
}

static void
emit_cb (gpointer data)
{
  Emission *emission = data;
  GpEvent *event = emission->event;
  GQuark detail = gp_event_kind_to_quark (gp_event_get_kind (event));

  gp_event_log (event);
  for (GSList *item = emission->listeners; item != NULL; item = item->next)
    g_signal_emit (item->data, gp_pipeline_event_signal, detail, event);

  g_slist_free_full (emission->listeners, g_object_unref);
  gp_event_unref (event);
  g_free (emission);
}

/* With the lock held */
static void
push_event (GpRun   *self,
            GpEvent *event)
{
  Emission *emission;

  if (!is_wanted (self, gp_event_get_kind (event)))
    return;

  emission = g_new (Emission, 1);
  emission->event = gp_event_ref (event);
  emission->listeners = collect_listeners (self, gp_event_get_kind (event));
  gp_callback_queue_push (self->queue, emit_cb, emission);
}

static void
add_pid (GpEvent  *event,
         RunStage *stage)
{
  int pid = gp_stage_status_get_pid (stage->status);

  if (pid != 0)
    gp_event_set_detail (event, "pid", g_variant_new_int32 (pid));
}

static void
add_end (GpEvent  *event,
         RunStage *stage)
{
  int exit_status = gp_stage_status_get_exit_status (stage->status);
  int term_signal = gp_stage_status_get_term_signal (stage->status);

  if (exit_status >= 0)
    gp_event_set_detail (event, "exit-status", g_variant_new_int32 (exit_status));
  if (term_signal != 0)
    gp_event_set_detail (event, "signal", g_variant_new_int32 (term_signal));
}

/* With the lock held. A stage that nobody has appended is none of the application's business. */
static GpEvent *
new_stage_event (GpRun        *self,
                 RunStage     *stage,
                 GpEventKind   kind,
                 const GError *error)
{
  GpEvent *event;

  if (stage->status == NULL || !is_wanted (self, kind))
    return NULL;

  event = gp_event_new (kind, stage->stage, stage->name, error, NULL);
  add_pid (event, stage);
  /* A fast command has ended before it is noted that it runs. */
  if (kind != GP_EVENT_KIND_STAGE_STARTED)
    add_end (event, stage);

  return event;
}

void
gp_run_tell_start (GpRun        *self,
                   RunStage     *stage,
                   const GError *error)
{
  g_autoptr (GpEvent) event = NULL;

  event = new_stage_event (self, stage,
                           error == NULL ? GP_EVENT_KIND_STAGE_STARTED : GP_EVENT_KIND_START_FAILED,
                           error);
  if (event != NULL)
    push_event (self, event);

  while (!g_queue_is_empty (&stage->early_events))
    {
      g_autoptr (GpEvent) early = g_queue_pop_head (&stage->early_events);

      if (error == NULL)
        push_event (self, early);
    }
}

/* With the lock held */
static void
tell (GpRun    *self,
      RunStage *stage,
      GpEvent  *event)
{
  /* Nothing comes before the start, and nothing after a start that failed. */
  if (!stage->started)
    g_queue_push_tail (&stage->early_events, gp_event_ref (event));
  else if (!stage->start_failed)
    push_event (self, event);
}

void
gp_run_tell_end (GpRun    *self,
                 RunStage *stage)
{
  gboolean early = gp_error_is_finish_early (stage->error);
  gboolean failed = stage->error != NULL && !early;
  g_autoptr (GpEvent) event = NULL;

  event = new_stage_event (self, stage,
                           failed ? GP_EVENT_KIND_STAGE_FAILED : GP_EVENT_KIND_STAGE_FINISHED,
                           failed ? stage->error : NULL);
  if (event == NULL)
    return;

  if (early)
    gp_event_set_detail (event, "finished-early", g_variant_new_boolean (TRUE));
  tell (self, stage, event);
}

void
gp_run_tell_outcome (GpRun    *self,
                     RunStage *culprit)
{
  const GpEventKind kind = GP_EVENT_KIND_PIPELINE_FAILED;
  g_autoptr (GpEvent) event = NULL;

  if (self->outcome == NULL || !is_wanted (self, kind))
    return;

  if (culprit != NULL && culprit->status != NULL)
    {
      event = gp_event_new (kind, culprit->stage, culprit->name, self->outcome, NULL);
      add_pid (event, culprit);
      add_end (event, culprit);
    }
  else
    {
      event = gp_event_new (kind, NULL, NULL, self->outcome, NULL);
    }
  push_event (self, event);
}

void
gp_run_set_outer (GpRun *self,
                  GpRun *outer)
{
  g_assert (self->outer == NULL && self->queue == outer->queue);

  self->outer = gp_run_ref (outer);
  if (self->fault_handler == NULL && outer->fault_handler != NULL)
    self->fault_handler = gp_user_function_ref (outer->fault_handler);
}

gboolean
gp_run_wants_event (GpRun       *self,
                    GpEventKind  kind)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return is_wanted (self, kind);
}

void
gp_run_emit_event (GpRun   *self,
                   guint    index,
                   GpEvent *event)
{
  g_mutex_lock (&self->lock);
  if (is_wanted (self, gp_event_get_kind (event)))
    tell (self, &self->stages[index], event);
  g_mutex_unlock (&self->lock);

  /* Perhaps the last that holds the stage */
  gp_event_unref (event);
}
