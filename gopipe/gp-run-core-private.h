/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-edge-private.h"
#include "gp-run-end-private.h"
#include "gp-run-private.h"
#include "gp-stage-status-private.h"

G_BEGIN_DECLS

/* The inside of a run, for the two files that are its implementation: gp-run.c has its state and
 * its end, gp-run-start.c how it starts. */

/* One stage of the run:
 *
 *   waiting → starting → running → ended
 *
 * A stage may report its end before its start is known to be complete: @started and @ended are
 * independent. @error is its own outcome, which only changes by that report. */
typedef struct
{
  GpStage        *stage;
  GpStageStatus  *status; /* or NULL: a stage of ours that nobody appended */
  char           *name;
  GpIOPreference  stdin_preference;
  GpIOPreference  stdout_preference;
  gboolean        needs_main_context;

  gboolean        starting; /* its start_async () is under way in the home context */
  gboolean        started;
  gboolean        ended;
  gboolean        was_stopped; /* its error is the run's reason */
  GError         *error;
} RunStage;

typedef struct
{
  GpRunFunc func;
  gpointer  user_data;
} Waiter;

/* States of a run, each a step further, none skipped but by a failed start:
 *
 *   new → starting → running → closing → ended
 *
 * "Closing" begins when the last stage has ended; the caller's streams are closed then where they
 * were given. The outcome is known and all waiters are told when that is done.
 *
 * The pipeline holds the run, and so does the context of every stage that has not ended, every
 * job and timer that is under way, and the queue's items. While it lasts the run holds the
 * pipeline and the stages in turn; it drops them in the home context at the end, where code of
 * the application may run. No function of anybody else is called with the lock held. */
struct _GpRun
{
  gatomicrefcount  ref_count;

  GObject         *owner;
  GpCallbackQueue *queue;
  char            *directory;
  char           **environ;
  guint            time_limit;
  guint            pipe_hold_timeout;
  guint            abandon_delay;
  gboolean         ignore_pipe_errors;
  gboolean         reader_may_leave;

  RunStage        *stages;
  guint            n_stages;
  GpEdge          *edges; /* n_stages + 1: before each stage, and after the last */
  GpRunEnd        *stdin_end;
  GpRunEnd        *stdout_end;

  /* Cancelled at once; for what knows about threads */
  GCancellable    *cancellable;
  /* Cancelled in the home context; for what does not */
  GCancellable    *home_cancellable;
  GCancellable    *caller_cancellable;
  gulong           caller_cancelled_id;

  GMutex           lock;
  GpInterrupt     *interrupt;
  GpPipelineState  state;
  gboolean         starting;
  gboolean         closing;
  gboolean         ending;
  gboolean         abandoning; /* what has not ended by now is given up */
  guint            n_running;
  guint            next;        /* index of the stage to be started next */
  GError          *mistake;     /* why it cannot be started at all */
  GError          *reason;      /* why it was ended from outside */
  GError          *start_error;
  GError          *outcome;
  int              started;     /* atomic */
  int              ended;       /* atomic */
  GArray          *started_waiters;
  GArray          *ended_waiters;
  GSource         *limit_timer;
  GSource         *abandon_timer;
};

/* gp-run.c */

/* With the lock held */
void gp_run_set_state      (GpRun           *self,
                            GpPipelineState  state);
/* With the lock held, which is released while the waiters are called */
void gp_run_tell_started   (GpRun           *self);
/* Gives up the stages that cannot be relied upon to end */
void gp_run_abandon_stages (GpRun           *self);
/* Called after each change that may be the last one */
void gp_run_settle         (GpRun           *self);

/* gp-run-start.c */

/* The start of a stage is complete, well or with @error; later calls for it are ignored. A failed
 * one ends the start of the run. */
void gp_run_start_finished (GpRun           *self,
                            guint            index,
                            const GError    *error);

G_END_DECLS
