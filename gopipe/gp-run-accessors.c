/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-core-private.h"

#include "gp-error-private.h"
#include "gp-outcome-private.h"

/* What the pipeline sets before the start and what it asks, and what the stages get through their
 * contexts */

void
gp_run_set_stdin (GpRun          *self,
                  GInputStream   *stream,
                  GpOwner         owner,
                  GpStageContext *outer)
{
  gp_run_end_unref (self->stdin_end);
  self->stdin_end = gp_run_end_new (stream, owner, outer, self->cancellable);
}

void
gp_run_set_stdout (GpRun          *self,
                   GOutputStream  *stream,
                   GpOwner         owner,
                   GpStageContext *outer)
{
  gp_run_end_unref (self->stdout_end);
  self->stdout_end = gp_run_end_new (stream, owner, outer, self->cancellable);
}

void
gp_run_set_stdin_file (GpRun *self,
                       GFile *file)
{
  gp_run_end_unref (self->stdin_end);
  self->stdin_end = gp_run_end_new_file (gp_file_end_new_input (file), self->cancellable);
}

void
gp_run_set_stdout_file (GpRun      *self,
                        GFile      *file,
                        GpFileMode  mode)
{
  gp_run_end_unref (self->stdout_end);
  self->stdout_end = gp_run_end_new_file (gp_file_end_new_output (file, mode), self->cancellable);
}

gboolean
gp_run_has_stdin (GpRun *self)
{
  return gp_run_end_is_set (self->stdin_end);
}

gboolean
gp_run_has_stdout (GpRun *self)
{
  return gp_run_end_is_set (self->stdout_end);
}

void
gp_run_set_surroundings (GpRun       *self,
                         const char  *directory,
                         char       **environ)
{
  g_free (self->directory);
  self->directory = g_strdup (directory);
  g_strfreev (self->environ);
  self->environ = g_strdupv (environ);
}

gboolean
gp_run_is_started (GpRun *self)
{
  return g_atomic_int_get (&self->started);
}

gboolean
gp_run_is_ended (GpRun *self)
{
  return g_atomic_int_get (&self->ended);
}

GpPipelineState
gp_run_get_state (GpRun *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->state;
}

GError *
gp_run_dup_start_error (GpRun *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->start_error != NULL ? g_error_copy (self->start_error) : NULL;
}

GError *
gp_run_dup_error (GpRun *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->outcome != NULL ? g_error_copy (self->outcome) : NULL;
}

GpEdgeKind
gp_run_get_edge_kind (GpRun *self,
                      guint  index)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return index <= self->n_stages ? self->edges[index].kind : GP_EDGE_KIND_NONE;
}

GpCallbackQueue *
gp_run_get_queue (GpRun *self)
{
  return self->queue;
}

gboolean
gp_run_has_callers_stream (GpRun    *self,
                           gpointer  stream)
{
  return gp_run_end_is_callers (self->stdin_end, stream) ||
         gp_run_end_is_callers (self->stdout_end, stream);
}

gboolean
gp_run_is_stages_error (GpRun *self)
{
  return self->is_stages;
}

gboolean
gp_run_had_enough (GpRun *self)
{
  return self->had_enough;
}

const char *
gp_run_get_stage_name (GpRun *self,
                       guint  index)
{
  return self->stages[index].name;
}

GpStageStatus *
gp_run_get_stage_status (GpRun *self,
                         guint  index)
{
  return self->stages[index].status;
}

/* Of a pipeline that is a stage itself, what comes before its first stage counts as well */
GpInputState
gp_run_get_input_state (GpRun *self,
                        guint  index)
{
  GpInputState state = gp_run_end_get_input_state (self->stdin_end);
  g_autofree const GError **errors = g_new0 (const GError *, index + 1);
  gboolean had_enough = FALSE;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < index; i++)
    {
      if (!self->stages[i].ended && state == GP_INPUT_STATE_COMPLETE)
        state = GP_INPUT_STATE_UNKNOWN;
      errors[i] = self->stages[i].error;
    }
  if (gp_outcome_choose (errors, index, &had_enough, self->ignore_pipe_errors) != NULL)
    state = GP_INPUT_STATE_PARTIAL;
  g_mutex_unlock (&self->lock);

  return state;
}

const char *
gp_run_get_directory (GpRun *self)
{
  return self->directory;
}

char * const *
gp_run_get_environ (GpRun *self)
{
  return self->environ;
}

guint
gp_run_get_pipe_hold_timeout (GpRun *self)
{
  return self->pipe_hold_timeout;
}

GpInterrupt *
gp_run_get_interrupt (GpRun   *self,
                      GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->interrupt == NULL)
    self->interrupt = gp_interrupt_new (error);
  if (self->interrupt != NULL && self->outer != NULL)
    {
      GpInterrupt *outer = gp_run_get_interrupt (self->outer, NULL);

      if (outer != NULL)
        gp_interrupt_set_outer (self->interrupt, outer);
    }
  if (self->interrupt != NULL && gp_run_get_reason (self) != NULL)
    gp_interrupt_raise (self->interrupt);

  return self->interrupt;
}

const GError *
gp_run_get_reason (GpRun *self)
{
  return g_atomic_pointer_get (&self->reason);
}

GCancellable *
gp_run_get_cancellable (GpRun *self)
{
  return self->cancellable;
}

void
gp_run_release_stdin (GpRun *self)
{
  gp_run_end_release (self->stdin_end, TRUE);
}

void
gp_run_release_stdout (GpRun    *self,
                       gboolean  complete)
{
  gboolean failed = FALSE;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < self->n_stages; i++)
    failed |= self->stages[i].error != NULL && !gp_error_is_finish_early (self->stages[i].error);
  failed |= gp_run_get_reason (self) != NULL;
  g_mutex_unlock (&self->lock);

  gp_run_end_release (self->stdout_end, complete && !failed);
}

void
gp_run_hand_over_stdin (GpRun *self)
{
  gp_run_end_hand_over (self->stdin_end);
}

void
gp_run_hand_over_stdout (GpRun *self)
{
  gp_run_end_hand_over (self->stdout_end);
}
