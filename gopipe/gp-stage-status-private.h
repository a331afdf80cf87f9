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

/* The stage's own outcome; NULL: success */
void           gp_stage_status_end              (GpStageStatus   *self,
                                                 const GError    *error);

G_END_DECLS
