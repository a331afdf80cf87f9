/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include "gp-test-events.h"
#include "gp-test-gates.h"
#include "gp-test-leash.h"
#include "gp-test-util.h"

G_BEGIN_DECLS

/* The matrix: whatever can end a pipeline, for every kind of stage, at every moment.
 * gp-test-matrix-tables.c has the tables and what should come out, and does not know how that is
 * brought about; gp-test-matrix-stages.c has what runs, gp-test-matrix-make.c makes a pipeline of
 * it, gp-test-matrix-run.c runs that, and gp-test-matrix-rules.c compares what has happened with
 * what should. */

/* Far beyond the watchdog: what ends only because of such a delay does not pass */
#define MATRIX_NEVER 100000000

/* In milliseconds, for what cannot end otherwise */
#define MATRIX_SHORT 5

typedef enum
{
  ENDING_CANCEL,
  ENDING_CANCELLABLE,
  ENDING_TIME_LIMIT,
  ENDING_NESTED_CANCEL,
  ENDING_COMMAND_LIMIT,
  ENDING_KILLED,
  ENDING_HELPER_KILLED,
  ENDING_READER_GONE,
  ENDING_READER_FINISHED,
  ENDING_OUTPUT_CLOSED,
  ENDING_WRITER_GONE,
  ENDING_INPUT_CLOSED,
  ENDING_STDIN_HELD,
  ENDING_STDOUT_HELD,
  ENDING_STDERR_HELD,
  ENDING_IGNORES_TERM,
  ENDING_STOPPED,
  N_ENDINGS
} MatrixEnding;

typedef enum
{
  MOMENT_BEFORE_START,
  MOMENT_STARTING,
  MOMENT_JUST_STARTED,
  MOMENT_RUNNING,
  MOMENT_ENDING,
  N_MOMENTS
} MatrixMoment;

/* What does the work of the subject */
typedef enum
{
  CORE_COMMAND,
  CORE_READ,
  CORE_WRITE,
  CORE_COMPUTE,
  CORE_DEAF,
  CORE_SILENT,
  CORE_TEXT_LINES,
  CORE_BYTES_LINES,
  CORE_BATCH_LINES,
} MatrixCore;

typedef enum
{
  AROUND_NOTHING,
  AROUND_PIPELINE,
  AROUND_FILTERED_PIPELINE,
  AROUND_FILTER,
  AROUND_WATCH,
} MatrixAround;

typedef enum
{
  PUMP_NONE,
  PUMP_IN,
  PUMP_OUT,
} MatrixPump;

/* How commands are started; or what lies between the stages, where there is none */
typedef enum
{
  MODE_SUPERVISED,
  MODE_UNSUPERVISED,
  MODE_MEMORY,
  MODE_PIPE,
  N_MODES
} MatrixMode;

typedef struct
{
  const char   *name;
  MatrixMoment  first;       /* where it can happen at all */
  const char   *why_first;   /* and why not before that */
  gboolean      stops;       /* the whole pipeline, from outside */
  gboolean      to_pipeline; /* it happens to a nested pipeline */
  gboolean      to_process;  /* it happens to a process */
  gboolean      to_reader;   /* it happens to who reads */
  gboolean      to_writer;
} MatrixEndingRow;

typedef struct
{
  const char   *name;
  MatrixCore    core;
  MatrixAround  around;
  MatrixPump    pump;
} MatrixSubject;

typedef struct
{
  MatrixEnding         ending;
  const MatrixSubject *subject;
  MatrixMoment         moment;
  MatrixMode           mode;
} MatrixCell;

#define MATRIX_N_SUBJECTS 18

extern const MatrixEndingRow matrix_endings[N_ENDINGS];
extern const MatrixSubject   matrix_subjects[MATRIX_N_SUBJECTS];
extern const char * const    matrix_moments[N_MOMENTS];
extern const char * const    matrix_modes[N_MODES];

/* NULL: this can be; else why it cannot */
const char *matrix_why_not        (MatrixEnding         ending,
                                   const MatrixSubject *subject,
                                   MatrixMoment         moment);
gboolean    matrix_has_mode       (const MatrixCell    *cell);

gboolean    matrix_is_command     (const MatrixSubject *subject);
gboolean    matrix_is_lines       (const MatrixSubject *subject);
gboolean    matrix_is_held        (const MatrixCell    *cell);
gboolean    matrix_stops          (const MatrixCell    *cell);
/* The subject, if not all */
gboolean    matrix_stops_subject  (const MatrixCell    *cell);
/* A command beside the subject leaves a process behind that holds the pipe between the two. */
gboolean    matrix_neighbour_held (const MatrixCell    *cell);
gboolean    matrix_has_command    (const MatrixCell    *cell);
/* Which streams are the application's and not a neighbour's */
gboolean    matrix_has_before     (const MatrixCell    *cell);
gboolean    matrix_has_after      (const MatrixCell    *cell);
/* What the command or function is busy with when it is to end */
gboolean    matrix_is_reading     (const MatrixCell    *cell);
gboolean    matrix_is_writing     (const MatrixCell    *cell);
/* Until the test lets go of the process that holds the stream */
gboolean    matrix_is_awaited     (const MatrixCell    *cell);
gboolean    matrix_sink_is_full   (const MatrixCell    *cell);

/* How a stage or a pipeline may come out: several, if that is left to chance */
typedef enum
{
  OUT_NOT_STARTED = 1 << 0,
  OUT_SUCCESS     = 1 << 1,
  OUT_EARLY       = 1 << 2,
  OUT_CANCELLED   = 1 << 3,
  OUT_TIMED_OUT   = 1 << 4,
  OUT_KILLED      = 1 << 5,
  OUT_LOST        = 1 << 6,
  OUT_PIPE        = 1 << 7,
  OUT_OTHER       = 1 << 8, /* never right */
} MatrixOut;

typedef struct
{
  guint before;
  guint subject;
  guint core;     /* of a nested pipeline: the stage in it */
  guint after;
  guint outcome;  /* of the pipeline */
  guint reason;   /* why the whole pipeline was stopped, or 0 */
} MatrixExpected;

void        matrix_expect         (const MatrixCell    *cell,
                                   gboolean             shifted,
                                   MatrixExpected      *expected);

/* A stage beside the subject, in the main context. It does nothing until it is told to end, unless it
 * reads all that there is. That it is cancelled it only notes, and says so at its end: nobody else
 * ends because it does. */
#define MATRIX_TYPE_NEIGHBOUR (matrix_neighbour_get_type ())
G_DECLARE_FINAL_TYPE (MatrixNeighbour, matrix_neighbour, MATRIX, NEIGHBOUR, GObject)

MatrixNeighbour *matrix_neighbour_new         (const char      *name,
                                               GpIOPreference   preference,
                                               const char      *gives);
void             matrix_neighbour_set_reads   (MatrixNeighbour *self);
/* While it runs; a text that any pipe can hold */
void             matrix_neighbour_give        (MatrixNeighbour *self,
                                               const char      *text);
/* Its start is begun, but not completed before it is let go. */
void             matrix_neighbour_hold_start  (MatrixNeighbour *self);
gboolean         matrix_neighbour_is_starting (MatrixNeighbour *self);
void             matrix_neighbour_let_start   (MatrixNeighbour *self);
gboolean         matrix_neighbour_is_running   (MatrixNeighbour *self);
gboolean         matrix_neighbour_is_cancelled (MatrixNeighbour *self);
/* Before its start, it ends as soon as it is started. */
void             matrix_neighbour_end         (MatrixNeighbour *self,
                                               gboolean         early);

/* One run of a cell. The test has it, and everything in it, until nobody else looks at it. */
typedef struct
{
  const MatrixCell *cell;
  gboolean          shifted;      /* it ends by itself a little before, or after */
  guint             limit;        /* the time limit, in milliseconds */

  GpPipeline       *pipeline;
  GpPipeline       *inner;        /* of a nested pipeline, or NULL */
  MatrixNeighbour  *before;       /* or NULL */
  MatrixNeighbour  *after;        /* or NULL */
  GpStageStatus    *status;       /* of the subject */
  GpStageStatus    *process;      /* of the command that it is all about, or NULL */
  GInputStream     *source;       /* of a pump, or NULL */
  GOutputStream    *sink;
  GOutputStream    *app_input;    /* the application's, or NULL */
  GInputStream     *app_output;
  GCancellable     *cancellable;

  Leash             leash;        /* of the command */
  gboolean          has_leash;
  GpTestGate        gate;         /* before the subject's end */
  GpTestGate        stream_gate;  /* in the application's streams */
  GpStageContext   *silent;       /* of a stage that never reports */
  int               tid;          /* atomic: of the subject's thread */
  int               n_seen;       /* atomic: how often a function was called */
  gboolean          told_to_close;
  gboolean          prepared;     /* the command is where it should be */
  gboolean          triggered;

  Recorder          events;
  Recorder          inner_events;
  guint             marker;       /* how many events there were when it began to end */
  guint             n_at_end;     /* and when it had ended */
  GAsyncResult     *started;
  GAsyncResult     *ended;
} MatrixRun;

void            matrix_run_init    (MatrixRun          *run,
                                    const MatrixCell   *cell,
                                    gboolean            shifted,
                                    guint               limit);
/* When all threads have let go of it */
void            matrix_run_clear   (MatrixRun          *run);
/* The one line that it gets, or NULL; and whether not before all stages run */
const char     *matrix_get_given   (const MatrixCell   *cell);
gboolean        matrix_is_given_later (const MatrixCell *cell);

/* What does the work, and the command that it is all about, if that is a neighbour */
GpStage        *matrix_new_core    (MatrixRun          *run);
GpCommandStage *matrix_new_command (MatrixRun          *run);
/* A function in the main context that is about to end has to do this itself. */
void        matrix_run_trigger    (MatrixRun           *run);

/* Runs the cell once and checks everything. FALSE: the time limit came before the moment */
gboolean    matrix_run_cell       (const MatrixCell    *cell,
                                   gboolean             shifted,
                                   guint                limit);

void        matrix_check          (MatrixRun           *run,
                                   gboolean             reached);

G_END_DECLS
