/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-command-run-private.h"
#include "gp-memory-watch-private.h"
#include "gp-process-private.h"
#include "gp-pump-private.h"
#include "gp-run-private.h"

G_BEGIN_DECLS

/* The inside of a command's run, for the files that are its implementation:
 * gp-command-start.c sets it up, gp-command-run.c watches it until it has ended, and
 * gp-command-outcome.c tells how. */

/* One run of a command:
 *
 *   starting → running → exited → reported (→ lingering)
 *
 * It is reported when the process has ended, and so has what was to end with it, and everything that
 * moves its data: the pumps, and the reading of standard error. A pump that cannot be stopped is
 * given up. If the command has left descendants that may stay, it lingers until the pipeline has
 * ended, for they are stopped with it.
 *
 * While it starts, it belongs to the thread that starts it; from then on all its fields belong to
 * the engine's thread, so there is no lock, except for the signals that others want to send. One
 * reference is the run's own, until it is done with; each call into the engine, each pump that runs,
 * the handler of the cancellable and the stage have their own. */
struct _GpCommandRun
{
  gatomicrefcount  ref_count;

  GpCommandStage  *stage;
  GpStageContext  *context;
  GpStageStatus   *status;
  guint            hold_timeout;
  guint            time_limit;
  guint64          memory_limit;
  guint            memory_interval;
  gboolean         kill_descendants;
  GArray          *accepted;     /* of int: exit statuses that are success, too */

  GpProcess       *process;
  GCancellable    *cancellable;
  gulong           cancelled_id;
  GpMemoryWatch   *memory_watch;
  GMutex           signals_lock;
  GArray          *signals;      /* of int: to be sent, in this order; of any thread */

  GInputStream    *stdin_stream;  /* what the command reads and writes: its own, or the stage's */
  GOutputStream   *stdout_stream;
  GOutputStream   *stdin_pipe;    /* our ends of what pumps fill and empty */
  GInputStream    *stdout_pipe;
  GInputStream    *stderr_pipe;
  GOutputStream   *stderr_stream;
  GpPump          *stdin_pump;
  GpPump          *stdout_pump;
  GpPump          *stderr_pump;
  GError          *setup_error; /* why not all of them could be started */
  GError          *stdin_error;
  GError          *stdout_error;
  GError          *stderr_error;

  int              terminal_fd; /* our end of its terminal, or -1 */
  int              stderr_fd;   /* of standard error that is captured */
  GSource         *stderr_source;

  gboolean         exited;
  gboolean         stopping;     /* we have asked it to end */
  gboolean         stop_asked;
  GError          *stop_reason;  /* NULL: it was cancelled */
  GError          *memory_error; /* it had more than it may */
  gboolean         reported;
  gboolean         was_drained;  /* when the hold timer last looked */
  guint            n_drain_checks;
  gboolean         output_cut;   /* we have not waited for the end of its output */
  gboolean         giving_up;    /* pumps that do not stop are given up */
  GSource         *limit_timer;
  GSource         *reader_timer; /* nobody reads its terminal any more */
  GSource         *stderr_timer;
  GSource         *hold_timer;
  GSource         *grace_timer;
};

/* In the engine's thread: takes over @data, a run whose process runs */
void    gp_command_run_watch        (gpointer      data);

/* gp-command-outcome.c: (transfer full): how it ended in the end; NULL: well */
GError *gp_command_run_choose_error (GpCommandRun *self);

/* What is known of the process that has ended, and of what it used, into the status */
void    gp_command_run_record_exit  (GpCommandRun *self);
void    gp_command_run_record_usage (GpCommandRun *self);

G_END_DECLS
