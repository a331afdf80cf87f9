/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_STAGE_STATUS (gp_stage_status_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpStageStatus, gp_stage_status, GP, STAGE_STATUS, GObject)

GP_AVAILABLE_IN_ALL
GpStage      *gp_stage_status_get_stage          (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
char         *gp_stage_status_dup_name           (GpStageStatus *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpStageState  gp_stage_status_get_state          (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
char         *gp_stage_status_dup_summary        (GpStageStatus *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GError       *gp_stage_status_dup_error          (GpStageStatus *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
int           gp_stage_status_get_exit_status    (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
int           gp_stage_status_get_term_signal    (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
int           gp_stage_status_get_pid            (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
GBytes       *gp_stage_status_dup_stderr_bytes   (GpStageStatus *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
char         *gp_stage_status_dup_stderr_text    (GpStageStatus *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
guint64       gp_stage_status_get_stderr_dropped (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_started_at     (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_ended_at       (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_wall_time      (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_user_time      (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_system_time    (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_peak_memory    (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
gint64        gp_stage_status_get_tree_memory_peak (GpStageStatus *self);
GP_AVAILABLE_IN_ALL
GListModel   *gp_stage_status_get_children       (GpStageStatus *self);

G_END_DECLS
