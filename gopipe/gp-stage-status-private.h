/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-callback-queue-private.h"
#include "gp-stage-status.h"

G_BEGIN_DECLS

/* All setters may be called from any thread: the getters tell the news at once, notifications
 * follow through the queue. */

GpStageStatus *gp_stage_status_new              (GpStage         *stage,
                                                 const char      *name,
                                                 GListModel      *children);
void           gp_stage_status_set_queue        (GpStageStatus   *self,
                                                 GpCallbackQueue *queue);

/* A stage may be given another name after it was appended. */
void           gp_stage_status_set_name         (GpStageStatus   *self,
                                                 const char      *name);
void           gp_stage_status_set_state        (GpStageStatus   *self,
                                                 GpStageState     state);
void           gp_stage_status_set_pid          (GpStageStatus   *self,
                                                 int              pid);
void           gp_stage_status_set_stderr_limit (GpStageStatus   *self,
                                                 guint64          limit);
void           gp_stage_status_append_stderr    (GpStageStatus   *self,
                                                 const char      *data,
                                                 gsize            length);
void           gp_stage_status_set_exit         (GpStageStatus   *self,
                                                 int              exit_status,
                                                 int              term_signal);

/* Its process was stopped by @signum, or continued: 0 */
void           gp_stage_status_set_stopped      (GpStageStatus   *self,
                                                 int              signum);

/* What the system has counted, before the end; -1 for what is not known */
void           gp_stage_status_set_usage        (GpStageStatus   *self,
                                                 gint64           user_usec,
                                                 gint64           system_usec,
                                                 gint64           peak_bytes);
/* What a watch has seen, before the end; the highest counts */
void           gp_stage_status_set_tree_peak    (GpStageStatus   *self,
                                                 gint64           bytes);

/* The usage of a pipeline whose stages have ended, from theirs; for any other stage nothing */
void           gp_stage_status_sum_children     (GpStageStatus   *self);

/* The stage's own outcome; NULL: success */
void           gp_stage_status_end              (GpStageStatus   *self,
                                                 const GError    *error);

G_END_DECLS
