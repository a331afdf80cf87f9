/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-thread-stage.h>

G_BEGIN_DECLS

#define GP_TYPE_METER_STAGE (gp_meter_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpMeterStage, gp_meter_stage, GP, METER_STAGE, GpThreadStage)

GP_AVAILABLE_IN_ALL
GpMeterStage *gp_meter_stage_new          (const char   *name,
                                           guint64       total) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
guint64       gp_meter_stage_get_bytes    (GpMeterStage *self);
GP_AVAILABLE_IN_ALL
guint64       gp_meter_stage_get_rate     (GpMeterStage *self);
GP_AVAILABLE_IN_ALL
guint64       gp_meter_stage_get_total    (GpMeterStage *self);
GP_AVAILABLE_IN_ALL
void          gp_meter_stage_set_total    (GpMeterStage *self,
                                           guint64       total);
GP_AVAILABLE_IN_ALL
double        gp_meter_stage_get_fraction (GpMeterStage *self);

G_END_DECLS
