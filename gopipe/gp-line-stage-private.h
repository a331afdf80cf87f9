/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-callback-queue-private.h"
#include "gp-line-buffer-private.h"
#include "gp-line-stage.h"
#include "gp-stage-context.h"

G_BEGIN_DECLS

/* What both kinds of run have in common */

/* TRUE if the stage goes on, that is for KEEP and DROP. Else @error, also for FINISH. @function_error
 * (transfer full) (nullable) is what the function has set. */
gboolean gp_line_stage_check_action  (GpLineAction         action,
                                      GError              *function_error,
                                      GError             **error);

/* To @error, which may hold one: what went wrong in ending (transfer full) is told unless there is
 * a real error. */
void     gp_line_stage_add_end_error (GError             **error,
                                      GError              *end_error);

/* The end: @error (nullable) */
void     gp_line_stage_report        (GpStageContext      *context,
                                      const GError        *error);

/* Starts a run; @func belongs to @stage, which is kept until the end. A GpLineFunction, or a
 * GpBytesLineFunction if the format is no text: */
gboolean gp_line_thread_start        (GpLineStage         *stage,
                                      const GpLineFormat  *format,
                                      GCallback            func,
                                      gpointer             func_data,
                                      GpStageContext      *context,
                                      GError             **error);

/* Whatever it does, it does in the context of @queue. */
void     gp_line_batch_start         (GpLineStage         *stage,
                                      const GpLineFormat  *format,
                                      GpLinesFunction      func,
                                      gpointer             func_data,
                                      GpStageContext      *context,
                                      GpCallbackQueue     *queue);

G_END_DECLS
