/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

#include <signal.h>

G_BEGIN_DECLS

#define GP_PIPELINE_ERROR (gp_pipeline_error_quark ())
#define GP_SIGNAL_ERROR (gp_signal_error_quark ())

/**
 * GpPipelineError:
 * @GP_PIPELINE_ERROR_FAILED: something failed for which there is no better code
 * @GP_PIPELINE_ERROR_FINISH_EARLY: no failure: a stage that ends with this error had enough
 *   input and counts as successful
 * @GP_PIPELINE_ERROR_FAULT: a stage broke the rules of its interface: a programming mistake
 * @GP_PIPELINE_ERROR_STATUS_LOST: nobody knows how a process ended
 * @GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT: a synchronous call on a pipeline with a stage that
 *   can only run while the caller's main context runs
 * @GP_PIPELINE_ERROR_ALREADY_STARTED: the pipeline was started before
 * @GP_PIPELINE_ERROR_NOT_STARTED: the pipeline was not started yet
 * @GP_PIPELINE_ERROR_INVALID: the pipeline or a stage was set up in a way that cannot work
 * @GP_PIPELINE_ERROR_MEMORY_LIMIT: a stage was ended because its processes had more memory than
 *   they were allowed
 * @GP_PIPELINE_ERROR_LINE_TOO_LONG: a line is longer than a line stage may hold
 *
 * Errors of pipelines and stages.
 *
 * System errors stay in the domain of [error@Gio.IOErrorEnum], errors of starting a program
 * in that of [error@GLib.SpawnError], and the exit status of a command is an error of the
 * domain `G_SPAWN_EXIT_ERROR` whose code is the exit status.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_PIPELINE_ERROR_FAILED,
  GP_PIPELINE_ERROR_FINISH_EARLY,
  GP_PIPELINE_ERROR_FAULT,
  GP_PIPELINE_ERROR_STATUS_LOST,
  GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT,
  GP_PIPELINE_ERROR_ALREADY_STARTED,
  GP_PIPELINE_ERROR_NOT_STARTED,
  GP_PIPELINE_ERROR_INVALID,
  GP_PIPELINE_ERROR_MEMORY_LIMIT,
  GP_PIPELINE_ERROR_LINE_TOO_LONG,
} GpPipelineError;

/**
 * GpSignalError:
 * @GP_SIGNAL_ERROR_HUP: the terminal or its owner has gone
 * @GP_SIGNAL_ERROR_INT: interrupted from the keyboard
 * @GP_SIGNAL_ERROR_QUIT: quit from the keyboard
 * @GP_SIGNAL_ERROR_ILL: illegal instruction
 * @GP_SIGNAL_ERROR_TRAP: trace or breakpoint trap
 * @GP_SIGNAL_ERROR_ABRT: aborted itself
 * @GP_SIGNAL_ERROR_BUS: bad memory access
 * @GP_SIGNAL_ERROR_FPE: bad arithmetic operation
 * @GP_SIGNAL_ERROR_KILL: killed
 * @GP_SIGNAL_ERROR_USR1: first user signal
 * @GP_SIGNAL_ERROR_SEGV: invalid memory reference
 * @GP_SIGNAL_ERROR_USR2: second user signal
 * @GP_SIGNAL_ERROR_PIPE: wrote to a pipe that nobody reads any more
 * @GP_SIGNAL_ERROR_ALRM: alarm clock
 * @GP_SIGNAL_ERROR_TERM: asked to terminate
 * @GP_SIGNAL_ERROR_XCPU: processor time limit
 * @GP_SIGNAL_ERROR_XFSZ: file size limit
 * @GP_SIGNAL_ERROR_SYS: bad system call
 *
 * The signal that killed a command: the code is the signal's number.
 *
 * A signal that is not listed here gives an error of this domain with its own number.
 *
 * Since: 0.1
 */
typedef enum
{
  GP_SIGNAL_ERROR_HUP = SIGHUP,
  GP_SIGNAL_ERROR_INT = SIGINT,
  GP_SIGNAL_ERROR_QUIT = SIGQUIT,
  GP_SIGNAL_ERROR_ILL = SIGILL,
  GP_SIGNAL_ERROR_TRAP = SIGTRAP,
  GP_SIGNAL_ERROR_ABRT = SIGABRT,
  GP_SIGNAL_ERROR_BUS = SIGBUS,
  GP_SIGNAL_ERROR_FPE = SIGFPE,
  GP_SIGNAL_ERROR_KILL = SIGKILL,
  GP_SIGNAL_ERROR_USR1 = SIGUSR1,
  GP_SIGNAL_ERROR_SEGV = SIGSEGV,
  GP_SIGNAL_ERROR_USR2 = SIGUSR2,
  GP_SIGNAL_ERROR_PIPE = SIGPIPE,
  GP_SIGNAL_ERROR_ALRM = SIGALRM,
  GP_SIGNAL_ERROR_TERM = SIGTERM,
  GP_SIGNAL_ERROR_XCPU = SIGXCPU,
  GP_SIGNAL_ERROR_XFSZ = SIGXFSZ,
  GP_SIGNAL_ERROR_SYS = SIGSYS,
} GpSignalError;

GP_AVAILABLE_IN_ALL
GQuark   gp_pipeline_error_quark         (void);
GP_AVAILABLE_IN_ALL
GQuark   gp_signal_error_quark           (void);

GP_AVAILABLE_IN_ALL
gboolean gp_error_matches_exit_status    (const GError *error,
                                          int           exit_status);
GP_AVAILABLE_IN_ALL
gboolean gp_error_matches_pipe           (const GError *error);

G_END_DECLS
