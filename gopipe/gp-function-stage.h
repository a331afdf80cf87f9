/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-thread-stage.h>

G_BEGIN_DECLS

#define GP_TYPE_FUNCTION_STAGE (gp_function_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpFunctionStage, gp_function_stage, GP, FUNCTION_STAGE, GpThreadStage)

/**
 * GpFunction:
 * @input: what the stage before writes; at its end at once if there is nothing to read
 * @output: where the stage after reads; discards what is written if nobody reads
 * @context: the context of this run of the stage
 * @user_data: (closure): the data given to [ctor@FunctionStage.new]
 * @error: return location for an error
 *
 * A stage as a function, called in a thread of its own.
 *
 * The function may block. It returns when it has done its work; both streams are closed for
 * it then. To end with success before all input is read, it may just return `TRUE`, or return
 * `FALSE` with `GP_PIPELINE_ERROR_FINISH_EARLY` so that the stage before is forgiven for writing
 * to a closed pipe.
 *
 * Returns: `TRUE` for success, `FALSE` if @error is set
 *
 * Since: 0.1
 */
typedef gboolean (*GpFunction) (GInputStream    *input,
                                GOutputStream   *output,
                                GpStageContext  *context,
                                gpointer         user_data,
                                GError         **error);

GP_AVAILABLE_IN_ALL
GpFunctionStage *gp_function_stage_new (const char     *name,
                                        GpFunction      func,
                                        gpointer        user_data,
                                        GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
