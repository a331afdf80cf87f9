/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_ASYNC_STAGE (gp_async_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpAsyncStage, gp_async_stage, GP, ASYNC_STAGE, GObject)

/**
 * GpAsyncFunction:
 * @context: the context of this run of the stage
 * @user_data: (closure): the data given to [ctor@AsyncStage.new]
 * @error: return location for an error
 *
 * A stage as a function that must not block, called in the main context of the pipeline's
 * starter.
 *
 * It starts asynchronous work on the streams of @context and returns. When the work is done,
 * it reports so on @context, for example with [method@StageContext.return_success].
 *
 * Returns: `TRUE` if the end will be reported on @context, `FALSE` if the stage ends now with
 *   @error
 *
 * Since: 0.1
 */
typedef gboolean (*GpAsyncFunction) (GpStageContext  *context,
                                     gpointer         user_data,
                                     GError         **error);

GP_AVAILABLE_IN_ALL
GpAsyncStage *gp_async_stage_new (const char      *name,
                                  GpAsyncFunction  func,
                                  gpointer         user_data,
                                  GDestroyNotify   destroy) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
