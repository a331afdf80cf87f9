/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-decorator-stage-private.h"
#include "gp-interrupt-private.h"
#include "gp-event-private.h"
#include "gp-run-private.h"
#include "gp-stage-context.h"
#include "gp-stage-status.h"

G_BEGIN_DECLS

/* One end of a stage: @stream (transfer full, or NULL), or @fd for a stage that takes the descriptor
 * itself (or -1). Edges are the context's to close; the streams at the pipeline's ends belong to the
 * run, which knows who lent or gave them. */
typedef struct
{
  gpointer stream;
  int      fd;
  gboolean is_edge;
  gboolean lent;
} GpStageEnd;

GpStageContext  *gp_stage_context_new               (GpRun          *run,
                                                     guint           index,
                                                     GCancellable   *cancellable,
                                                     GpStageEnd      stdin_end,
                                                     GpStageEnd      stdout_end);

/* The descriptors that such a stage is given, or -1; they remain the context's */
int              gp_stage_context_get_stdin_fd      (GpStageContext *self);
int              gp_stage_context_get_stdout_fd     (GpStageContext *self);

/* The descriptor of the stream is a process's now: closes our own end of an edge, so that only
 * the process holds it. The caller's stream stays open until the stage has ended. */
void             gp_stage_context_hand_over_stdin   (GpStageContext *self);
void             gp_stage_context_hand_over_stdout  (GpStageContext *self);

/* gp_stage_context_close_stdout () for a nested pipeline, which knows whether what it has written
 * is all */
void             gp_stage_context_end_stdout        (GpStageContext *self,
                                                     gboolean        complete);

/* Instead of a report, for a stage that could not be started: closes what it was given */
void             gp_stage_context_start_failed      (GpStageContext *self,
                                                     const GError   *error);

/* The same for one that was never begun: nobody reports anything */
void             gp_stage_context_discard           (GpStageContext *self);

/* As gp_stage_context_dup_environ (), but the run's own */
char * const    *gp_stage_context_get_environ       (GpStageContext *self);

/* For the run: goes on with a report that was held back */
void             gp_stage_context_go_on             (GpStageContext *self,
                                                     GpEndFuncs      which);

/* Like gp_stage_context_return_error (), without the stage's name before the message */
void             gp_stage_context_return_raw_error  (GpStageContext *self,
                                                     const GError   *error);

/* Something has happened to the stage: @event (transfer full), made with gp_event_new (). It comes
 * to the handlers in the home context, after the start and in the order of these calls. From any
 * thread, with no lock held. Ask whether it is
 * wanted before making one. */
gboolean         gp_stage_context_wants_event       (GpStageContext *self,
                                                     GpEventKind     kind);
void             gp_stage_context_emit_event        (GpStageContext *self,
                                                     GpEvent        *event);

GpRun           *gp_stage_context_get_run           (GpStageContext *self);
GpStageStatus   *gp_stage_context_get_status        (GpStageContext *self);
const char      *gp_stage_context_get_name          (GpStageContext *self);

G_END_DECLS
