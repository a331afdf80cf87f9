/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gio/gio.h>

#include <gopipe/gp-visibility.h>

G_BEGIN_DECLS

typedef struct _GpStage        GpStage;
typedef struct _GpStageContext GpStageContext;
typedef struct _GpStageStatus  GpStageStatus;
typedef struct _GpCommandStage GpCommandStage;
typedef struct _GpThreadStage  GpThreadStage;
typedef struct _GpFunctionStage GpFunctionStage;
typedef struct _GpAsyncStage   GpAsyncStage;
typedef struct _GpPipeline     GpPipeline;

/**
 * GpIOPreference:
 * @GP_IO_ANY: any stream will do; an in-memory pipe is the cheapest
 * @GP_IO_FD: a stream with a file descriptor, as a process needs it
 *
 * What a stage prefers to read from, or to write to.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_IO_ANY,
  GP_IO_FD,
} GpIOPreference;

/**
 * GpEdgeKind:
 * @GP_EDGE_KIND_NONE: nothing: no stream was given, or the edge is not made yet
 * @GP_EDGE_KIND_DESCRIPTOR: the descriptor of the caller's stream went straight to a process
 * @GP_EDGE_KIND_MEMORY: an in-memory pipe, without descriptors
 * @GP_EDGE_KIND_PIPE: an operating system pipe
 * @GP_EDGE_KIND_PUMP: an operating system pipe, and a thread that copies between it and
 *   the caller's stream
 * @GP_EDGE_KIND_STREAM: the caller's own stream, used by the stage itself
 *
 * What lies between two stages, or between a stage and the pipeline's end.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_EDGE_KIND_NONE,
  GP_EDGE_KIND_DESCRIPTOR,
  GP_EDGE_KIND_MEMORY,
  GP_EDGE_KIND_PIPE,
  GP_EDGE_KIND_PUMP,
  GP_EDGE_KIND_STREAM,
} GpEdgeKind;

/**
 * GpStageState:
 * @GP_STAGE_STATE_WAITING: not started yet
 * @GP_STAGE_STATE_STARTING: is being started
 * @GP_STAGE_STATE_RUNNING: runs
 * @GP_STAGE_STATE_SUCCEEDED: ended with success
 * @GP_STAGE_STATE_FINISHED_EARLY: ended with success, and wanted no more input
 * @GP_STAGE_STATE_FAILED: ended with an error, or could not be started
 * @GP_STAGE_STATE_NOT_STARTED: was never started, because the run ended before its turn
 *
 * How far a stage has come in its run.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_STAGE_STATE_WAITING,
  GP_STAGE_STATE_STARTING,
  GP_STAGE_STATE_RUNNING,
  GP_STAGE_STATE_SUCCEEDED,
  GP_STAGE_STATE_FINISHED_EARLY,
  GP_STAGE_STATE_FAILED,
  GP_STAGE_STATE_NOT_STARTED,
} GpStageState;

/**
 * GpPipelineState:
 * @GP_PIPELINE_STATE_BUILDING: not started yet; stages can be appended
 * @GP_PIPELINE_STATE_STARTING: its stages are being started
 * @GP_PIPELINE_STATE_RUNNING: all stages were started
 * @GP_PIPELINE_STATE_SUCCEEDED: ended with success
 * @GP_PIPELINE_STATE_FAILED: ended with an error
 *
 * How far a pipeline has come.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_PIPELINE_STATE_BUILDING,
  GP_PIPELINE_STATE_STARTING,
  GP_PIPELINE_STATE_RUNNING,
  GP_PIPELINE_STATE_SUCCEEDED,
  GP_PIPELINE_STATE_FAILED,
} GpPipelineState;

/**
 * GpStderrMode:
 * @GP_STDERR_MODE_CAPTURE: the last bytes are kept for the status and the error
 * @GP_STDERR_MODE_INHERIT: the program's own standard error
 * @GP_STDERR_MODE_DISCARD: thrown away
 * @GP_STDERR_MODE_MERGE: the same place as the command's standard output
 * @GP_STDERR_MODE_STREAM: the stream set with [method@CommandStage.set_stderr_stream]
 *
 * Where the standard error of a command goes.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_STDERR_MODE_CAPTURE,
  GP_STDERR_MODE_INHERIT,
  GP_STDERR_MODE_DISCARD,
  GP_STDERR_MODE_MERGE,
  GP_STDERR_MODE_STREAM,
} GpStderrMode;

/**
 * GpProcessGroup:
 * @GP_PROCESS_GROUP_AUTO: a group of its own, unless one of its standard streams is the
 *   controlling terminal
 * @GP_PROCESS_GROUP_OWN: a group of its own, so that stopping it reaches its children
 * @GP_PROCESS_GROUP_CALLER: the group of the program
 *
 * Which process group a command runs in.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_PROCESS_GROUP_AUTO,
  GP_PROCESS_GROUP_OWN,
  GP_PROCESS_GROUP_CALLER,
} GpProcessGroup;

G_END_DECLS
