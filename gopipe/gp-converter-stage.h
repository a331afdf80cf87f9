/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-thread-stage.h>

G_BEGIN_DECLS

#define GP_TYPE_CONVERTER_STAGE (gp_converter_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpConverterStage, gp_converter_stage, GP, CONVERTER_STAGE, GpThreadStage)

GP_AVAILABLE_IN_ALL
GpConverterStage *gp_converter_stage_new           (const char       *name,
                                                    GConverter       *converter) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
GConverter       *gp_converter_stage_get_converter (GpConverterStage *self);

G_END_DECLS
