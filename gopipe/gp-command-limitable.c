/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-limitable-private.h"

#include "gp-command-run-private.h"
#include "gp-command-stage-private.h"
#include "gp-process-tree-private.h"

/* A command as something whose memory can be measured: its process and all below it */

static gboolean
gp_command_stage_limitable_check (GpLimitable  *limitable,
                                  GError      **error)
{
  return gp_process_tree_check (error);
}

static gboolean
gp_command_stage_limitable_measure (GpLimitable *limitable,
                                    guint64     *memory,
                                    guint64     *peak)
{
  g_autoptr (GpCommandRun) run = gp_command_stage_dup_run (GP_COMMAND_STAGE (limitable));
  gboolean is_supervisor = FALSE;
  GpProcessUse use;
  GPid root;

  root = run != NULL ? gp_command_run_get_root (run, &is_supervisor) : 0;
  if (root == 0 || !gp_process_tree_measure (root, !is_supervisor, &use))
    return FALSE;

  *memory = use.resident;
  *peak = use.peak;

  return TRUE;
}

static void
gp_command_stage_limitable_kill (GpLimitable  *limitable,
                                 const GError *reason)
{
  g_autoptr (GpCommandRun) run = gp_command_stage_dup_run (GP_COMMAND_STAGE (limitable));

  if (run != NULL)
    gp_command_run_stop (run, reason);
}

void
gp_command_stage_limitable_init (GpLimitableInterface *iface)
{
  iface->check = gp_command_stage_limitable_check;
  iface->measure = gp_command_stage_limitable_measure;
  iface->kill = gp_command_stage_limitable_kill;
}
