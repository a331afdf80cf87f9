/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-callback-queue-private.h"
#include "gp-event.h"
#include "gp-end-gate-private.h"
#include "gp-interrupt-private.h"
#include "gp-memory-pipe-private.h"
#include "gp-types.h"
#include "gp-user-function-private.h"

G_BEGIN_DECLS

/* One run of a pipeline: starts the stages, watches their ends, and knows the outcome */

typedef struct _GpRun GpRun;

typedef void (*GpRunFunc) (GpRun *run, gpointer user_data);

/* To whom a stream at the pipeline's end belongs */
typedef enum
{
  GP_OWNER_LENT,  /* the caller, who closes it */
  GP_OWNER_GIVEN, /* the run, which closes it */
  GP_OWNER_OUTER, /* the pipeline that this one is a stage of: closed through its context */
  GP_OWNER_EDGE,  /* ours: the other end was opened by the application */
} GpOwner;

/* What a run is made from. All is copied or referenced by gp_run_new (). */
typedef struct
{
  GObject         *owner;    /* the pipeline: kept alive while the run lasts */
  GPtrArray       *stages;   /* of GpStage */
  GPtrArray       *statuses; /* of GpStageStatus; shorter than stages by hidden ones */
  GpCallbackQueue *queue;
  const GError    *mistake;  /* or NULL: why it cannot be started */
  GpUserFunction  *fault_handler; /* or NULL */
  GpInterrupt     *interrupt; /* or NULL: made when it is needed */
  GpMemoryPipe    *input_memory;  /* or NULL: what the application has opened at the ends */
  GpMemoryPipe    *output_memory;
  GpEndGate       *output_gate;

  const char      *directory;
  char           **environ;           /* (transfer full) */
  guint            time_limit;        /* milliseconds, 0 = none */
  guint            pipe_hold_timeout;
  guint            abandon_delay;
  gboolean         ignore_pipe_errors;
  gboolean         partial_input_is_error;
  gboolean         reader_may_leave;  /* the application reads, and may have had enough */
} GpRunConfig;

GpRun           *gp_run_new                (const GpRunConfig *config);
GpRun           *gp_run_ref                (GpRun             *self);
void             gp_run_unref              (GpRun             *self);

/* Before the start; @outer belongs to GP_OWNER_OUTER */
void             gp_run_set_stdin          (GpRun             *self,
                                            GInputStream      *stream,
                                            GpOwner            owner,
                                            GpStageContext    *outer);
void             gp_run_set_stdout         (GpRun             *self,
                                            GOutputStream     *stream,
                                            GpOwner            owner,
                                            GpStageContext    *outer);

/* Before the start: events are passed on to the pipeline that @outer is the run of, whose handler
 * of faults is taken over if there is none */
void             gp_run_set_outer          (GpRun             *self,
                                            GpRun             *outer);

/* The same with files, which the start opens */
void             gp_run_set_stdin_file     (GpRun             *self,
                                            GFile             *file);
void             gp_run_set_stdout_file    (GpRun             *self,
                                            GFile             *file,
                                            GpFileMode         mode);

gboolean         gp_run_has_stdin          (GpRun             *self);
gboolean         gp_run_has_stdout         (GpRun             *self);
void             gp_run_set_surroundings   (GpRun             *self,
                                            const char        *directory,
                                            char             **environ);

/* Before the start: whether each stage can work where it stands. @outer_stdin and @outer_stdout: a
 * pipeline that this one is a stage of will give it these. */
gboolean         gp_run_check_ends         (GpRun             *self,
                                            gboolean           outer_stdin,
                                            gboolean           outer_stdout,
                                            GError           **error);

/* Never blocks. @cancellable (nullable) governs the whole run. @is_awaited: the caller is going to wait
 * for the run, and so may as well start what is started without blocking. */
void             gp_run_start              (GpRun             *self,
                                            gboolean           is_awaited,
                                            GCancellable      *cancellable);

/* Instead of the start: ends the run with @error */
void             gp_run_fail               (GpRun             *self,
                                            const GError      *error);

/* From any thread: ends the run with @reason, unless it has ended */
void             gp_run_cancel             (GpRun             *self,
                                            const GError      *reason);
/* The same, if an outer run was ended and this one has not heard of it yet */
void             gp_run_follow_outer       (GpRun             *self);

/* Each function is called once, with no lock held, in any thread, and at once if it is too late */
void             gp_run_when_started       (GpRun             *self,
                                            GpRunFunc          func,
                                            gpointer           user_data);
void             gp_run_when_ended         (GpRun             *self,
                                            GpRunFunc          func,
                                            gpointer           user_data);

/* Blocks, without calling anything of the application */
void             gp_run_wait_started       (GpRun             *self);

/* Started: every stage runs, or the run has failed to start and ended */
gboolean         gp_run_is_started         (GpRun             *self);
gboolean         gp_run_is_ended           (GpRun             *self);
GpPipelineState  gp_run_get_state          (GpRun             *self);

/* (transfer full): why the start failed, and how the run ended; NULL: success */
GError          *gp_run_dup_start_error    (GpRun             *self);
GError          *gp_run_dup_error          (GpRun             *self);
GpEdgeKind       gp_run_get_edge_kind      (GpRun             *self,
                                            guint              index);

GpCallbackQueue *gp_run_get_queue          (GpRun             *self);
/* Whether @error (nullable) is what becomes of a stage because the run was ended from outside, and
 * so is not its own */
gboolean         gp_run_explains           (GpRun             *self,
                                            const GError      *error);
/* Why it was ended from outside, or NULL. In any thread, with and without the lock; it stays as long as
 * the run */
const GError    *gp_run_get_reason         (GpRun             *self);
/* When it has ended: its error is that of a stage, and not of the whole */
gboolean         gp_run_is_stages_error    (GpRun             *self);
/* When it has ended: whoever wrote to it is excused */
gboolean         gp_run_had_enough         (GpRun             *self);

/* Whether it is at an end, and somebody else's */
gboolean         gp_run_has_callers_stream (GpRun             *self,
                                            gpointer           stream);

/* For the stages, through their contexts */
const char      *gp_run_get_stage_name     (GpRun             *self,
                                            guint              index);
GpStageStatus   *gp_run_get_stage_status   (GpRun             *self,
                                            guint              index);
GpInputState     gp_run_get_input_state    (GpRun             *self,
                                            guint              index);
const char      *gp_run_get_directory      (GpRun             *self);
char * const    *gp_run_get_environ        (GpRun             *self);
guint            gp_run_get_pipe_hold_timeout (GpRun          *self);
/* By a stage that is being started, while it has to wait: makes use of that time, unless somebody else
 * than the run starts it */
void             gp_run_launch_ahead       (GpRun             *self);

GpInterrupt     *gp_run_get_interrupt      (GpRun             *self,
                                            GError           **error);
GCancellable    *gp_run_get_cancellable    (GpRun             *self);

/* The stage at @index has reported its end: @error (transfer full), NULL for success. Late and
 * double reports are ignored. */
void             gp_run_stage_ended        (GpRun             *self,
                                            guint              index,
                                            GError            *error);

/* Holds the report of the stage at @index back, until gp_stage_context_go_on () is called in the
 * home context. FALSE: nobody is to be asked about @error any more. */
gboolean         gp_run_ask                (GpRun             *self,
                                            guint              index,
                                            GpStageContext    *context,
                                            const GError      *error);
/* The handler of faults, if there is one, will be asked when the stage's report goes on */
void             gp_run_ask_about_fault    (GpRun             *self,
                                            guint              index,
                                            GpStageContext    *context,
                                            const char        *message);

/* Something has happened to the stage at @index: @event (transfer full). From any thread, with no
 * lock held; is dropped if nobody wants it, as it is after the end of the run. */
gboolean         gp_run_wants_event        (GpRun             *self,
                                            GpEventKind        kind);
void             gp_run_emit_event         (GpRun             *self,
                                            guint              index,
                                            GpEvent           *event);

/* The first (last) stage needs the caller's stream no more. The second only closes what is not
 * lent; it may block, so it is done elsewhere. @complete: nothing went wrong so far */
void             gp_run_release_stdin      (GpRun             *self);
void             gp_run_release_stdout     (GpRun             *self,
                                            gboolean           complete);
/* The same if the stream is an edge of an outer run, whose descriptor a process has now */
void             gp_run_hand_over_stdin    (GpRun             *self);
void             gp_run_hand_over_stdout   (GpRun             *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpRun, gp_run_unref)

G_END_DECLS
