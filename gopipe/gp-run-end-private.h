/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-file-end-private.h"
#include "gp-run-private.h"

G_BEGIN_DECLS

/* The caller's stream at one end of the pipeline: knows whose it is, and closes it once if that
 * is the run's to do. Any thread may call anything. */

typedef struct _GpRunEnd GpRunEnd;

/* @stream: (nullable); @outer: of GP_OWNER_OUTER */
GpRunEnd     *gp_run_end_new         (gpointer         stream,
                                      GpOwner          owner,
                                      GpStageContext  *outer,
                                      GCancellable    *cancellable);
/* One that is a file, @file (transfer full): it has a stream once it was opened */
GpRunEnd     *gp_run_end_new_file    (GpFileEnd       *file,
                                      GCancellable    *cancellable);
void          gp_run_end_unref       (GpRunEnd        *self);

/* Before the first stage is started: opens the file, if it is one. May block. */
gboolean      gp_run_end_open        (GpRunEnd        *self,
                                      GError         **error);

/* Whether there is something to read or to write, opened or not */
gboolean      gp_run_end_is_set      (GpRunEnd        *self);

/* Whether it is to be opened first */
gboolean      gp_run_end_is_file     (GpRunEnd        *self);

gpointer      gp_run_end_get_stream  (GpRunEnd        *self);
gboolean      gp_run_end_is_lent     (GpRunEnd        *self);

/* Of what an outer pipeline has before this one; anybody else's stream counts as complete */
GpInputState  gp_run_end_get_input_state (GpRunEnd    *self);
GpEdgeKind    gp_run_end_choose_kind (GpRunEnd        *self,
                                      GpIOPreference   preference);

/* Whether @stream is what is at this end, and belongs to the caller */
gboolean      gp_run_end_is_callers  (GpRunEnd        *self,
                                      gpointer         stream);

/* A stream that an outer pipeline has made fails when @interrupt is raised and the end is told, and
 * nobody out there notices. The first one is for before the stream is used. */
void          gp_run_end_set_interrupt (GpRunEnd      *self,
                                        GpInterrupt   *interrupt);
void          gp_run_end_interrupt   (GpRunEnd        *self);

/* The stage needs the stream no more. What is given is closed in a thread of the pool, for that
 * may block. Unless @complete, it is closed like something broken off: a file that was to be
 * replaced stays as it was. */
void          gp_run_end_release     (GpRunEnd        *self,
                                      gboolean         complete);

/* A process has the descriptor now */
void          gp_run_end_hand_over   (GpRunEnd        *self);

/* The run ends: releases what is left. Calls @done when the stream is closed or will never be. */
void          gp_run_end_finish      (GpRunEnd        *self,
                                      gboolean         complete,
                                      void           (*done) (gpointer data),
                                      gpointer         data);

/* Waits no longer for a stream that does not close */
void          gp_run_end_give_up     (GpRunEnd        *self);
gboolean      gp_run_end_is_finished (GpRunEnd        *self);

/* (transfer none) (nullable): why it could not be closed; after the finish */
const GError *gp_run_end_get_error   (GpRunEnd        *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpRunEnd, gp_run_end_unref)

G_END_DECLS
