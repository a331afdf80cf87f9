/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_STAGE_CONTEXT (gp_stage_context_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpStageContext, gp_stage_context, GP, STAGE_CONTEXT, GObject)

GP_AVAILABLE_IN_ALL
GInputStream  *gp_stage_context_get_stdin       (GpStageContext *self);
GP_AVAILABLE_IN_ALL
GOutputStream *gp_stage_context_get_stdout      (GpStageContext *self);
GP_AVAILABLE_IN_ALL
gboolean       gp_stage_context_get_stdin_lent  (GpStageContext *self);
GP_AVAILABLE_IN_ALL
gboolean       gp_stage_context_get_stdout_lent (GpStageContext *self);
GP_AVAILABLE_IN_ALL
GpInputState   gp_stage_context_get_input_state (GpStageContext *self);
GP_AVAILABLE_IN_ALL
void           gp_stage_context_close_stdin     (GpStageContext *self);
GP_AVAILABLE_IN_ALL
void           gp_stage_context_close_stdout    (GpStageContext *self);
GP_AVAILABLE_IN_ALL
GCancellable  *gp_stage_context_get_cancellable (GpStageContext *self);
GP_AVAILABLE_IN_ALL
const char    *gp_stage_context_get_directory   (GpStageContext *self);
GP_AVAILABLE_IN_ALL
char         **gp_stage_context_dup_environ     (GpStageContext *self) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
void           gp_stage_context_return_success  (GpStageContext *self);
GP_AVAILABLE_IN_ALL
void           gp_stage_context_return_error    (GpStageContext *self,
                                                 const GError   *error);
GP_AVAILABLE_IN_ALL
void           gp_stage_context_return_fault    (GpStageContext *self,
                                                 const char     *message);

G_END_DECLS
