/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-core-private.h"

#include "gp-decorator-stage-private.h"
#include "gp-error-private.h"
#include "gp-pipeline.h"
#include "gp-stage-context-private.h"
#include "gp-user-function-private.h"

/* What the application is asked when a stage has ended: filters of errors, and the handler of
 * faults. Meanwhile the report of the stage is held back, by @asked, and whoever takes that goes on
 * with it: the queued call, or who gives the stage up because nobody answers. */

typedef struct
{
  GpRun *run;
  guint  index;
} Question;

static void
ask_cb (gpointer data)
{
  g_autofree Question *question = data;
  g_autoptr (GpRun) self = question->run;
  g_autoptr (GpStageContext) context = NULL;

  g_mutex_lock (&self->lock);
  context = g_steal_pointer (&self->stages[question->index].asked);
  g_mutex_unlock (&self->lock);

  if (context != NULL)
    gp_stage_context_go_on (context, GP_END_FUNCS_AT_HOME);
}

gboolean
gp_run_ask (GpRun          *self,
            guint           index,
            GpStageContext *context,
            const GError   *error)
{
  /* Without the lock: a language may hear of each reference on an object of its own, and wait then. */
  g_autoptr (GpStageContext) asked = g_object_ref (context);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  RunStage *stage = &self->stages[index];
  Question *question;

  /* Of what was given up nobody wants to hear, and after the end nobody may look into the queue. */
  if (stage->ended || self->abandoning)
    return FALSE;

  /* It will get the reason as its error. */
  if (gp_run_explains (self, error))
    return FALSE;

  g_assert (stage->asked == NULL);
  stage->asked = g_steal_pointer (&asked);
  question = g_new (Question, 1);
  *question = (Question) { gp_run_ref (self), index };
  gp_callback_queue_push (self->queue, ask_cb, question);

  return TRUE;
}

/* --- Faults ------------------------------------------------------------------------------- */

typedef struct
{
  GpUserFunction *handler;
  guint           index;
  char           *message;
} Fault;

static void
fault_free (gpointer data)
{
  Fault *fault = data;

  gp_user_function_unref (fault->handler);
  g_free (fault->message);
  g_free (fault);
}

static GError *
handle_fault_cb (GpStageContext *context,
                 GError         *error,
                 gpointer        data)
{
  Fault *fault = data;
  GpFaultFunction func = (GpFaultFunction) fault->handler->func;
  GpRun *self = gp_stage_context_get_run (context);
  g_autoptr (GpStage) stage = NULL;
  g_autoptr (GError) replacement = NULL;
  GpErrorAction action;

  g_mutex_lock (&self->lock);
  if (self->stages[fault->index].stage != NULL)
    stage = g_object_ref (self->stages[fault->index].stage);
  g_mutex_unlock (&self->lock);

  /* It was given up, and the run has ended. */
  if (stage == NULL)
    return error;

  action = func (stage, fault->message, fault->handler->data, &replacement);

  return gp_error_act (error, action, replacement, gp_stage_context_get_name (context));
}

void
gp_run_ask_about_fault (GpRun          *self,
                        guint           index,
                        GpStageContext *context,
                        const char     *message)
{
  Fault *fault;

  if (self->fault_handler == NULL)
    return;

  fault = g_new (Fault, 1);
  *fault = (Fault) {
    gp_user_function_ref (self->fault_handler),
    index,
    g_utf8_make_valid (message, -1),
  };
  gp_stage_context_add_home_end_func (context, handle_fault_cb, fault, fault_free);
}
