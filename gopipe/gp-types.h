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
typedef struct _GpLimitable    GpLimitable;
typedef struct _GpMemoryWatchStage GpMemoryWatchStage;
typedef struct _GpLineStage    GpLineStage;
typedef struct _GpBytesStage   GpBytesStage;
typedef struct _GpConverterStage GpConverterStage;
typedef struct _GpMeterStage   GpMeterStage;
typedef struct _GpErrorMatcher GpErrorMatcher;
typedef struct _GpErrorFilterStage GpErrorFilterStage;

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
 * GpFileMode:
 * @GP_FILE_MODE_REPLACE: the file gets its new contents when the whole pipeline has succeeded; until
 *   then, and if it fails, everything stays as it was
 * @GP_FILE_MODE_TRUNCATE: the file is emptied when the pipeline is started, and written directly
 * @GP_FILE_MODE_APPEND: what is written comes after what the file has
 *
 * How a pipeline writes a file. In all modes, a file that does not exist is created.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_FILE_MODE_REPLACE,
  GP_FILE_MODE_TRUNCATE,
  GP_FILE_MODE_APPEND,
} GpFileMode;

/**
 * GpInputState:
 * @GP_INPUT_STATE_UNKNOWN: a stage before has not ended yet
 * @GP_INPUT_STATE_COMPLETE: all stages before have ended well, or there are none
 * @GP_INPUT_STATE_PARTIAL: a stage before has failed, so something may be missing
 *
 * Whether what a stage reads is all that there should be.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_INPUT_STATE_UNKNOWN,
  GP_INPUT_STATE_COMPLETE,
  GP_INPUT_STATE_PARTIAL,
} GpInputState;

/**
 * GpStageState:
 * @GP_STAGE_STATE_WAITING: not started yet
 * @GP_STAGE_STATE_STARTING: is being started
 * @GP_STAGE_STATE_RUNNING: runs
 * @GP_STAGE_STATE_STOPPED: its process was stopped by a signal, and may be continued by another
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
  GP_STAGE_STATE_STOPPED,
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
 *   controlling terminal, or the command is supervised and the program itself is in the
 *   foreground of its controlling terminal
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

/**
 * GpResource:
 * @GP_RESOURCE_CPU_TIME: processor time, in seconds
 * @GP_RESOURCE_FILE_SIZE: size of a file that is written, in bytes
 * @GP_RESOURCE_OPEN_FILES: how many descriptors are open
 * @GP_RESOURCE_ADDRESS_SPACE: virtual memory, in bytes
 * @GP_RESOURCE_CORE_SIZE: size of a core file, in bytes; 0: none is written
 *
 * What the system limits for each process of a command by itself.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_RESOURCE_CPU_TIME,
  GP_RESOURCE_FILE_SIZE,
  GP_RESOURCE_OPEN_FILES,
  GP_RESOURCE_ADDRESS_SPACE,
  GP_RESOURCE_CORE_SIZE,
} GpResource;

/**
 * GpEventKind:
 * @GP_EVENT_KIND_STAGE_STARTED: a stage runs
 * @GP_EVENT_KIND_START_FAILED: a stage could not be started; it has no other event
 * @GP_EVENT_KIND_STAGE_FINISHED: a stage ended with success, perhaps early
 * @GP_EVENT_KIND_STAGE_FAILED: a stage that ran ended with an error of its own, whichever error
 *   the pipeline will report
 * @GP_EVENT_KIND_STAGE_STOPPED: the process of a stage was stopped by a signal, and waits
 * @GP_EVENT_KIND_STAGE_CONTINUED: the process of a stage runs on after it was stopped
 * @GP_EVENT_KIND_MEMORY_LIMIT: a stage uses more memory than it may, and is ended for it
 * @GP_EVENT_KIND_MEMORY_PEAK: the most memory that a watched stage has used, told at its end
 * @GP_EVENT_KIND_PIPELINE_FAILED: the pipeline has ended with an error; told once, after
 *   everything else
 *
 * What has happened in a pipeline.
 *
 * Their nicks, such as "stage-failed", are the details of [signal@Pipeline::event].
 *
 * Since: 0.1
 */
typedef enum
{
  GP_EVENT_KIND_STAGE_STARTED,
  GP_EVENT_KIND_START_FAILED,
  GP_EVENT_KIND_STAGE_FINISHED,
  GP_EVENT_KIND_STAGE_FAILED,
  GP_EVENT_KIND_STAGE_STOPPED,
  GP_EVENT_KIND_STAGE_CONTINUED,
  GP_EVENT_KIND_MEMORY_LIMIT,
  GP_EVENT_KIND_MEMORY_PEAK,
  GP_EVENT_KIND_PIPELINE_FAILED,
} GpEventKind;

/**
 * GpErrorMatch:
 * @GP_ERROR_MATCH_NO: it is another error
 * @GP_ERROR_MATCH_YES: it is one of those that are looked for
 *
 * What a [callback@ErrorMatchFunction] makes of an error.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_ERROR_MATCH_NO,
  GP_ERROR_MATCH_YES,
} GpErrorMatch;

/**
 * GpErrorAction:
 * @GP_ERROR_ACTION_KEEP: the error stays, unless the function sets another one, which replaces it
 * @GP_ERROR_ACTION_FORGIVE: the error is forgotten: the stage has succeeded
 *
 * What becomes of the error of a stage.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_ERROR_ACTION_KEEP,
  GP_ERROR_ACTION_FORGIVE,
} GpErrorAction;

/**
 * GpEnvironFunction:
 * @user_data: (closure): data of the function
 * @error: return location for an error
 *
 * Finds out, when a pipeline is started, which variables its environment gets.
 *
 * It is called in the thread that starts the pipeline, before anything is started, and should not
 * block. If it fails, so does the start.
 *
 * Returns: (transfer full) (array zero-terminated=1) (element-type filename) (nullable): entries of
 *   the form `NAME=VALUE`, perhaps none, or `NULL` with @error
 *
 * Since: 0.1
 */
typedef char **(*GpEnvironFunction) (gpointer   user_data,
                                     GError   **error);

/**
 * GpLineAction:
 * @GP_LINE_ACTION_FAULT: none: the function failed with an error
 * @GP_LINE_ACTION_KEEP: the line is passed on, with the separator that it had, after what the
 *   function wrote
 * @GP_LINE_ACTION_DROP: the line is not passed on
 * @GP_LINE_ACTION_FINISH: the line is not passed on, and no more lines are wanted: the stage has
 *   finished early
 *
 * What becomes of a line that a function has seen.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_LINE_ACTION_FAULT,
  GP_LINE_ACTION_KEEP,
  GP_LINE_ACTION_DROP,
  GP_LINE_ACTION_FINISH,
} GpLineAction;

/**
 * GpLineSeparator:
 * @GP_LINE_SEPARATOR_NEWLINE: each line ends with a line feed; a carriage return before it belongs
 *   to the line
 * @GP_LINE_SEPARATOR_NUL: each line ends with a zero byte, as with `find -print0`
 * @GP_LINE_SEPARATOR_WORDS: each "line" is a word that ends with white space, of which the first
 *   byte is its separator; white space is the six bytes that it is in ASCII
 *
 * What ends a line. The last one may lack it.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_LINE_SEPARATOR_NEWLINE,
  GP_LINE_SEPARATOR_NUL,
  GP_LINE_SEPARATOR_WORDS,
} GpLineSeparator;

/**
 * GpSplitResult:
 * @GP_SPLIT_RESULT_FAULT: none: the function failed with an error
 * @GP_SPLIT_RESULT_MORE: the end of the line is not in sight: more is needed
 * @GP_SPLIT_RESULT_LINE: there is a line
 * @GP_SPLIT_RESULT_SKIP: some bytes are no part of any line, and are left out
 *
 * What a function that splits has found.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_SPLIT_RESULT_FAULT,
  GP_SPLIT_RESULT_MORE,
  GP_SPLIT_RESULT_LINE,
  GP_SPLIT_RESULT_SKIP,
} GpSplitResult;

G_END_DECLS
