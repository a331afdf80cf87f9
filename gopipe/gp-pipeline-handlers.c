/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-error-filter-stage.h"
#include "gp-error-matcher.h"

/* What the application has to say to errors of stages */

/**
 * gp_pipeline_append_ignoring:
 * @self: a pipeline
 * @stage: (transfer full): a stage that belongs to no pipeline yet
 * @matcher: (transfer full): matches the errors that are forgiven
 *
 * Appends a stage some of whose errors are none.
 *
 * It is the same as [method@Pipeline.append] with a [class@ErrorFilterStage].
 *
 * Since: 0.1
 */
void
gp_pipeline_append_ignoring (GpPipeline     *self,
                             GpStage        *stage,
                             GpErrorMatcher *matcher)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (GP_IS_STAGE (stage));
  g_return_if_fail (GP_IS_ERROR_MATCHER (matcher));

  gp_pipeline_append (self, GP_STAGE (gp_error_filter_stage_new_ignoring (stage, matcher)));
}

/**
 * gp_pipeline_set_fault_handler:
 * @self: a pipeline
 * @func: (nullable) (scope notified) (closure user_data) (destroy destroy): decides about faults,
 *   or `NULL` for what is done without a handler
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which this is called
 *
 * Sets what is done when a stage breaks the rules of its interface: a mistake in the program.
 *
 * Such are an exception in a stage's function, a stage that drops its context without a report, and
 * what is told by [method@StageContext.return_fault]. Without a handler the stage fails with
 * `GP_PIPELINE_ERROR_FAULT`. With one, that is what the handler makes of it; see
 * [callback@FaultFunction].
 *
 * It holds for all stages of the pipeline, whatever wraps them, and for the pipelines among them
 * that have no handler of their own. A handler that was set before is replaced.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_fault_handler (GpPipeline      *self,
                               GpFaultFunction  func,
                               gpointer         user_data,
                               GDestroyNotify   destroy)
{
  g_autoptr (GpUserFunction) old_handler = NULL;

  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  /* Its data may be freed by code that looks at the pipeline. */
  old_handler = g_steal_pointer (&self->fault_handler);
  if (func != NULL)
    self->fault_handler = gp_user_function_new (G_CALLBACK (func), user_data, destroy);
}
