/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-command-run-private.h"
#include "gp-pump-private.h"
#include "gp-run-private.h"

G_BEGIN_DECLS

/* The inside of a command's run, for the two files that are its implementation:
 * gp-command-start.c sets it up, gp-command-run.c watches it until it has ended. */

/* One run of a command:
 *
 *   starting → running → exited → reported
 *
 * It is reported when the process has ended and so has everything that moves its data: the
 * pumps, and the reading of standard error. A pump that cannot be stopped is given up.
 *
 * While it starts, it belongs to the thread that starts it; from then on all its fields belong to
 * the engine's thread, so there is no lock. One reference is the run's own, until the report;
 * each call into the engine, each pump that runs, the wait for the process and the handler of the
 * cancellable have their own. */
typedef struct
{
  gatomicrefcount  ref_count;

  GpStageContext  *context;
  GpStageStatus   *status;
  guint            kill_delay;
  guint            hold_timeout;

  GSubprocess     *process;
  GPid             pid;
  gboolean         own_group;
  gulong           cancelled_id;

  GOutputStream   *stdin_pipe;  /* our ends of what pumps fill and empty */
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

  int              stderr_fd; /* of standard error that is captured */
  GSource         *stderr_source;

  gboolean         exited;
  gboolean         stopping; /* we have asked it to end */
  gboolean         reported;
  gboolean         was_drained; /* when the hold timer last looked */
  guint            n_drain_checks;
  gboolean         output_cut; /* we have not waited for the end of its output */
  gboolean         giving_up;  /* pumps that do not stop are given up */
  gboolean         unkillable; /* it has not ended, but we wait no longer */
  gboolean         group_lives; /* we wait for what else was in its group */
  GSource         *kill_timer;
  GSource         *group_timer;
  GSource         *stderr_timer;
  GSource         *hold_timer;
  GSource         *grace_timer;
} GpCommandRun;

GpCommandRun *gp_command_run_ref   (GpCommandRun *self);
void          gp_command_run_unref (GpCommandRun *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpCommandRun, gp_command_run_unref)

/* In the engine's thread: takes over @data, a run whose process runs */
void          gp_command_run_watch (gpointer      data);

G_END_DECLS
