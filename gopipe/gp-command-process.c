/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

#include "gp-fork-private.h"

#include <signal.h>

/* How its process runs, and what can be done to it while it does */

/**
 * gp_command_stage_get_process_group: (get-property process-group)
 * @self: a command
 *
 * Gets which process group the command runs in.
 *
 * Returns: the choice
 *
 * Since: 0.1
 */
GpProcessGroup
gp_command_stage_get_process_group (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), GP_PROCESS_GROUP_AUTO);

  return self->process_group;
}

/**
 * gp_command_stage_set_process_group: (set-property process-group)
 * @self: a command
 * @group: the choice
 *
 * Sets which process group the command runs in.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_process_group (GpCommandStage *self,
                                    GpProcessGroup  group)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->process_group == group)
    return;

  self->process_group = group;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_PROCESS_GROUP]);
}

/**
 * gp_command_stage_get_supervised: (get-property supervised)
 * @self: a command
 *
 * Gets whether the helper program stays with the command.
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
gp_command_stage_get_supervised (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), FALSE);

  return self->supervised;
}

/**
 * gp_command_stage_set_supervised: (set-property supervised)
 * @self: a command
 * @supervised: whether it does
 *
 * Sets whether the helper program stays with the command, as its parent.
 *
 * Only then is it known what the command used, is it told when it was stopped and continued, and
 * can everything that it has started be ended, whatever group or session that is in.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_supervised (GpCommandStage *self,
                                 gboolean        supervised)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->supervised == supervised)
    return;

  self->supervised = supervised;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_SUPERVISED]);
}

/**
 * gp_command_stage_get_die_with_parent: (get-property die-with-parent)
 * @self: a command
 *
 * Gets whether the command ends when the program does.
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
gp_command_stage_get_die_with_parent (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), FALSE);

  return self->die_with_parent;
}

/**
 * gp_command_stage_set_die_with_parent: (set-property die-with-parent)
 * @self: a command
 * @die_with_parent: whether it does
 *
 * Sets whether the command ends when the program does, also when that is killed.
 *
 * Needs [property@CommandStage:supervised]: without it, the start fails with
 * `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_die_with_parent (GpCommandStage *self,
                                      gboolean        die_with_parent)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->die_with_parent == die_with_parent)
    return;

  self->die_with_parent = die_with_parent;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_DIE_WITH_PARENT]);
}

/**
 * gp_command_stage_get_kill_descendants: (get-property kill-descendants)
 * @self: a command
 *
 * Gets whether what the command leaves running is ended, too.
 *
 * Returns: whether it is
 *
 * Since: 0.1
 */
gboolean
gp_command_stage_get_kill_descendants (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), FALSE);

  return self->kill_descendants;
}

/**
 * gp_command_stage_set_kill_descendants: (set-property kill-descendants)
 * @self: a command
 * @kill_descendants: whether it is
 *
 * Sets whether what the command leaves running when it ends is ended, too.
 *
 * Needs [property@CommandStage:supervised]: without it, the start fails with
 * `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_kill_descendants (GpCommandStage *self,
                                       gboolean        kill_descendants)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->kill_descendants == kill_descendants)
    return;

  self->kill_descendants = kill_descendants;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_KILL_DESCENDANTS]);
}

/**
 * gp_command_stage_get_terminal: (get-property terminal)
 * @self: a command
 *
 * Gets whether the command runs on a terminal of its own.
 *
 * Returns: whether it does
 *
 * Since: 0.1
 */
gboolean
gp_command_stage_get_terminal (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), FALSE);

  return self->terminal;
}

/**
 * gp_command_stage_set_terminal: (set-property terminal)
 * @self: a command
 * @terminal: whether it does
 *
 * Sets whether the command runs on a terminal of its own: a pseudo terminal.
 *
 * It is in a process group of its own then. [method@CommandStage.set_terminal_size] sets the size.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_terminal (GpCommandStage *self,
                               gboolean        terminal)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->terminal == terminal)
    return;

  self->terminal = terminal;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_TERMINAL]);
}

/* --- While it runs ------------------------------------------------------------------------- */

GpCommandRun *
gp_command_stage_dup_run (GpCommandStage *self)
{
  GpCommandRun *run;

  g_mutex_lock (&self->run_lock);
  run = self->run != NULL ? gp_command_run_ref (self->run) : NULL;
  g_mutex_unlock (&self->run_lock);

  return run;
}

/* TRUE: the size is another than *@columns and *@rows, which become it */
static gboolean
take_size (GpCommandStage *self,
           guint          *columns,
           guint          *rows)
{
  gboolean changed;

  g_mutex_lock (&self->run_lock);
  changed = *columns != self->columns || *rows != self->rows;
  *columns = self->columns;
  *rows = self->rows;
  g_mutex_unlock (&self->run_lock);

  return changed;
}

/* Two threads may be in here, and the slower one tell the older size last: so each looks again. */
static void
update_size (GpCommandStage *self)
{
  g_autoptr (GpCommandRun) run = gp_command_stage_dup_run (self);
  guint columns = 0;
  guint rows = 0;

  while (run != NULL && take_size (self, &columns, &rows))
    gp_command_run_resize (run, columns, rows);
}

void
gp_command_stage_set_run (GpCommandStage *self,
                          GpCommandRun   *run)
{
  g_autoptr (GpCommandRun) previous = NULL;

  g_mutex_lock (&self->run_lock);
  previous = g_steal_pointer (&self->run);
  if (run != NULL)
    self->run = gp_command_run_ref (run);
  g_mutex_unlock (&self->run_lock);

  /* The size may have changed since the run was given one. */
  if (self->terminal)
    update_size (self);
}

/**
 * gp_command_stage_get_terminal_size:
 * @self: a command
 * @columns: (out) (optional): return location for the number of columns
 * @rows: (out) (optional): return location for the number of rows
 *
 * Gets the size of the command's terminal: 80 columns and 24 rows, if none was set.
 *
 * May be called in any thread.
 *
 * Since: 0.1
 */
void
gp_command_stage_get_terminal_size (GpCommandStage *self,
                                    guint          *columns,
                                    guint          *rows)
{
  guint size[2] = { 0, 0 };

  g_return_if_fail (GP_IS_COMMAND_STAGE (self));

  take_size (self, &size[0], &size[1]);
  if (columns != NULL)
    *columns = size[0];
  if (rows != NULL)
    *rows = size[1];
}

/**
 * gp_command_stage_set_terminal_size:
 * @self: a command
 * @columns: how many columns, 1 to 65535
 * @rows: how many rows, 1 to 65535
 *
 * Sets the size of the command's terminal, if [property@CommandStage:terminal] gives it one.
 *
 * May be called at any time and in any thread. A command that runs gets `SIGWINCH`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_terminal_size (GpCommandStage *self,
                                    guint           columns,
                                    guint           rows)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (columns > 0 && columns <= G_MAXUINT16);
  g_return_if_fail (rows > 0 && rows <= G_MAXUINT16);

  g_mutex_lock (&self->run_lock);
  self->columns = columns;
  self->rows = rows;
  g_mutex_unlock (&self->run_lock);

  if (self->terminal)
    update_size (self);
}

/**
 * gp_command_stage_send_signal:
 * @self: a command
 * @signum: the number of a signal
 *
 * Sends a signal to the command, and to what else is in its process group if that is its own.
 *
 * May be called in any thread. The command may end at the same moment; then nothing gets the
 * signal, and certainly no other process.
 *
 * Returns: whether the command runs; nothing is sent otherwise
 *
 * Since: 0.1
 */
gboolean
gp_command_stage_send_signal (GpCommandStage *self,
                              int             signum)
{
  g_autoptr (GpCommandRun) run = NULL;

  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), FALSE);
  g_return_val_if_fail (signum > 0 && signum < NSIG, FALSE);

  run = gp_command_stage_dup_run (self);
  if (run == NULL || gp_fork_is_copy ())
    return FALSE;

  gp_command_run_send_signal (run, signum);

  return TRUE;
}
