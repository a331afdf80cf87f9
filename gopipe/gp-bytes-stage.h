/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-thread-stage.h>

G_BEGIN_DECLS

#define GP_TYPE_BYTES_STAGE (gp_bytes_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpBytesStage, gp_bytes_stage, GP, BYTES_STAGE, GpThreadStage)

GP_AVAILABLE_IN_ALL
GpBytesStage *gp_bytes_stage_new        (const char   *name,
                                         GBytes       *bytes) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpBytesStage *gp_bytes_stage_new_text   (const char   *text) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpBytesStage *gp_bytes_stage_new_line   (const char   *text) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpBytesStage *gp_bytes_stage_new_printf (const char   *format,
                                         ...) G_GNUC_PRINTF (1, 2) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
GBytes       *gp_bytes_stage_get_bytes  (GpBytesStage *self);

G_END_DECLS
