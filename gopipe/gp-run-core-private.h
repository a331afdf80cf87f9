/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-edge-private.h"
#include "gp-run-end-private.h"
#include "gp-run-private.h"
#include "gp-stage-status-private.h"

G_BEGIN_DECLS

/* The inside of a run, for the files that are its implementation: gp-run.c has its state and its
 * end, gp-run-start.c how it starts, and gp-run-events.c what it tells of that. */

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

  GpStageContext *prepared; /* made ahead of its start, by who starts the stages one after the other */
  gboolean        starting; /* its start_async () is under way in the home context */
  gboolean        started;
  gboolean        start_failed;
  gboolean        ended;
  gboolean        was_stopped; /* its error is the run's reason */
  GpStageContext *asked;       /* or NULL: its report waits for an answer of the application */
  GError         *error;
  GQueue          early_events; /* of GpEvent: told when the start is complete */
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
 * job and timer that is under way, the queue's items, and until it ends the run of each nested
 * pipeline. While it lasts the run holds the pipeline and the stages in turn; it drops them in the
 * home context at the end, where code of the application may run. No function of anybody else is
 * called with the lock held. */
struct _GpRun
{
  gatomicrefcount  ref_count;

  GObject         *owner;
  GpRun           *outer; /* or NULL: that of the pipeline which this one is a stage of */
  GpCallbackQueue *queue;
  GpUserFunction  *fault_handler; /* or NULL */
  char            *directory;
  char           **environ;
  guint            time_limit;
  guint            pipe_hold_timeout;
  guint            abandon_delay;
  gboolean         ignore_pipe_errors;
  gboolean         partial_input_is_error;
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
  gboolean         opening;     /* its files, before the first stage is started */
  gboolean         closing;     /* first the input */
  gboolean         closing_stdout;
  gboolean         complete;    /* nothing went wrong so far */
  gboolean         ending;
  gboolean         abandoning; /* what has not ended by now is given up */
  guint            n_running;
  guint            n_told;      /* edges whose end is known to be a good or a bad one */
  guint            next;        /* index of the stage to be started next */
  GThread         *starter;     /* atomic: who starts a stage of the library right now, or NULL */
  GError          *mistake;     /* why it cannot be started at all */
  GError          *reason;      /* atomic, set once: why it was ended from outside */
  GError          *close_reason; /* the same, when only the closing was left to be ended */
  GError          *start_error;
  GError          *outcome;
  gboolean         is_stages;   /* the outcome is the error of a stage */
  gboolean         had_enough;  /* whoever wrote to the first stage is excused; with the outcome */
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

/* Waits no longer for its files to be opened */
void gp_run_give_up_start  (GpRun           *self);

/* gp-run-events.c: all with the lock held */

/* The start of @stage is complete, well or with @error */
void gp_run_tell_start   (GpRun        *self,
                          RunStage     *stage,
                          const GError *error);
/* @stage has ended; its error is set */
void gp_run_tell_end     (GpRun        *self,
                          RunStage     *stage);
/* The outcome is known; @culprit (nullable) is the stage whose error it is */
void gp_run_tell_outcome (GpRun        *self,
                          RunStage     *culprit);

G_END_DECLS
