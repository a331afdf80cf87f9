/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_ERROR_FILTER_STAGE (gp_error_filter_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpErrorFilterStage, gp_error_filter_stage, GP, ERROR_FILTER_STAGE, GObject)

/**
 * GpErrorFilterFunction:
 * @error: why the stage ended
 * @user_data: (closure): the data given to [ctor@ErrorFilterStage.new]
 * @replacement: return location for an error that takes the place of @error
 *
 * Decides what becomes of the error of a stage.
 *
 * It is called in the main context in which the pipeline was started, once, after the stage has
 * ended with an error, and must not block.
 *
 * Returns: `GP_ERROR_ACTION_FORGIVE` if the stage has succeeded all the same, or
 *   `GP_ERROR_ACTION_KEEP` if @error stays or, where it is set, is replaced by @replacement
 *
 * Since: 0.1
 */
typedef GpErrorAction (*GpErrorFilterFunction) (const GError  *error,
                                                gpointer       user_data,
                                                GError       **replacement);

/**
 * GpErrorPartsFilterFunction:
 * @domain: the domain of the error with which the stage ended
 * @code: its code
 * @message: its message
 * @user_data: (closure): the data given to [ctor@ErrorFilterStage.new_with_parts]
 * @replacement: return location for an error that takes its place
 *
 * Decides what becomes of the error of a stage, just like a [callback@ErrorFilterFunction].
 *
 * Returns: `GP_ERROR_ACTION_FORGIVE` if the stage has succeeded all the same, or
 *   `GP_ERROR_ACTION_KEEP` if the error stays or, where it is set, is replaced by @replacement
 *
 * Since: 0.1
 */
typedef GpErrorAction (*GpErrorPartsFilterFunction) (GQuark       domain,
                                                     int          code,
                                                     const char  *message,
                                                     gpointer     user_data,
                                                     GError     **replacement);

GP_AVAILABLE_IN_ALL
GpErrorFilterStage *gp_error_filter_stage_new            (GpStage                    *stage,
                                                          GpErrorFilterFunction       func,
                                                          gpointer                    user_data,
                                                          GDestroyNotify              destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorFilterStage *gp_error_filter_stage_new_with_parts (GpStage                    *stage,
                                                          GpErrorPartsFilterFunction  func,
                                                          gpointer                    user_data,
                                                          GDestroyNotify              destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorFilterStage *gp_error_filter_stage_new_ignoring   (GpStage                    *stage,
                                                          GpErrorMatcher             *matcher) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
GpStage            *gp_error_filter_stage_get_stage      (GpErrorFilterStage         *self);
GP_AVAILABLE_IN_ALL
GpErrorMatcher     *gp_error_filter_stage_get_matcher    (GpErrorFilterStage         *self);

G_END_DECLS
