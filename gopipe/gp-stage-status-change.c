/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-status-core-private.h"

#include "gp-decorator-stage-private.h"
#include "gp-error-private.h"
#include "gp-limitable-private.h"
#include "gp-pipeline.h"

/* What happens to a stage, from its start to its end */

/* A pipeline has children, whatever is around it. */
static void
set_children (GpStageStatus *self,
              GListModel    *children)
{
  GpStage *inner = gp_stage_undecorate (self->stage);

  if (GP_IS_PIPELINE (inner))
    {
      if (children == NULL)
        children = gp_pipeline_get_stages (GP_PIPELINE (inner));
      self->child_statuses = g_ptr_array_ref (gp_pipeline_get_statuses (GP_PIPELINE (inner)));
    }
  g_set_object (&self->children, children);
}

GpStageStatus *
gp_stage_status_new (GpStage    *stage,
                     const char *name,
                     GListModel *children)
{
  GpStageStatus *self = g_object_new (GP_TYPE_STAGE_STATUS, NULL);

  g_set_object (&self->stage, stage);
  set_children (self, children);
  self->name = g_strdup (name);

  return self;
}

void
gp_stage_status_set_queue (GpStageStatus   *self,
                           GpCallbackQueue *queue)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  self->queue = queue != NULL ? gp_callback_queue_ref (queue) : NULL;
}

void
gp_stage_status_set_name (GpStageStatus *self,
                          const char    *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (g_strcmp0 (self->name, name) == 0)
    return;

  g_free (self->name);
  self->name = g_strdup (name);
  gp_stage_status_queue_notify (self, GP_STAGE_STATUS_BIT (PROP_NAME));
}

/* With the lock held; @props has what else has changed */
static void
change_state (GpStageStatus *self,
              GpStageState   state,
              guint          props)
{
  self->state = state;
  gp_stage_status_queue_notify (self, props | GP_STAGE_STATUS_BIT (PROP_STATE) |
                                      GP_STAGE_STATUS_BIT (PROP_SUMMARY));
}

void
gp_stage_status_set_state (GpStageStatus *self,
                           GpStageState   state)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint props = 0;

  /* A stage may report its end before its start has been noted. */
  if (state <= self->state)
    return;

  /* Not only when it is known to run: by then it may have ended. */
  if (self->started_at == 0 && state != GP_STAGE_STATE_NOT_STARTED)
    {
      self->started_at = g_get_monotonic_time ();
      props = GP_STAGE_STATUS_BIT (PROP_STARTED_AT);
    }

  /* A process may be stopped before its start has been noted. */
  if (state == GP_STAGE_STATE_RUNNING && self->stop_signal != 0)
    state = GP_STAGE_STATE_STOPPED;

  change_state (self, state, props);
}

void
gp_stage_status_set_stopped (GpStageStatus *self,
                             int            signum)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->stop_signal == signum)
    return;

  self->stop_signal = signum;
  if (self->state == GP_STAGE_STATE_RUNNING || self->state == GP_STAGE_STATE_STOPPED)
    change_state (self, signum != 0 ? GP_STAGE_STATE_STOPPED : GP_STAGE_STATE_RUNNING, 0);
}

void
gp_stage_status_set_pid (GpStageStatus *self,
                         int            pid)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->pid = pid;
  gp_stage_status_queue_notify (self, GP_STAGE_STATUS_BIT (PROP_PID));
}

void
gp_stage_status_set_exit (GpStageStatus *self,
                          int            exit_status,
                          int            term_signal)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->exit_status = exit_status;
  self->term_signal = term_signal;
  gp_stage_status_queue_notify (self, GP_STAGE_STATUS_BIT (PROP_EXIT_STATUS) |
                                      GP_STAGE_STATUS_BIT (PROP_TERM_SIGNAL));
}

void
gp_stage_status_end (GpStageStatus *self,
                     const GError  *error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  guint props = GP_STAGE_STATUS_BIT (PROP_ENDED_AT) | GP_STAGE_STATUS_BIT (PROP_WALL_TIME);

  gp_stage_status_sum_children (self);
  locker = g_mutex_locker_new (&self->lock);

  self->ended_at = g_get_monotonic_time ();
  if (self->started_at == 0)
    self->started_at = self->ended_at;

  if (error == NULL)
    {
      change_state (self, GP_STAGE_STATE_SUCCEEDED, props);
    }
  else if (gp_error_is_finish_early (error))
    {
      change_state (self, GP_STAGE_STATE_FINISHED_EARLY, props);
    }
  else
    {
      self->error = g_error_copy (error);
      change_state (self, GP_STAGE_STATE_FAILED, props | GP_STAGE_STATUS_BIT (PROP_ERROR));
    }
}
