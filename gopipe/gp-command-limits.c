/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

/* What the command may use: time, memory, and what else the system can limit */

/**
 * gp_command_stage_get_kill_delay: (get-property kill-delay)
 * @self: a command
 *
 * Gets how long a cancelled command has between `SIGTERM` and `SIGKILL`.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_command_stage_get_kill_delay (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->kill_delay;
}

/**
 * gp_command_stage_set_kill_delay: (set-property kill-delay)
 * @self: a command
 * @milliseconds: milliseconds
 *
 * Sets how long a cancelled command has between `SIGTERM` and `SIGKILL`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_kill_delay (GpCommandStage *self,
                                 guint           milliseconds)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->kill_delay == milliseconds)
    return;

  self->kill_delay = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_KILL_DELAY]);
}

/**
 * gp_command_stage_get_time_limit: (get-property time-limit)
 * @self: a command
 *
 * Gets how long the command may run.
 *
 * Returns: milliseconds, or 0 for as long as it wants
 *
 * Since: 0.1
 */
guint
gp_command_stage_get_time_limit (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->time_limit;
}

/**
 * gp_command_stage_set_time_limit: (set-property time-limit)
 * @self: a command
 * @milliseconds: milliseconds, or 0 for as long as it wants
 *
 * Sets how long the command may run.
 *
 * After that it is ended as if it were cancelled, and its error is `G_IO_ERROR_TIMED_OUT`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_time_limit (GpCommandStage *self,
                                 guint           milliseconds)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->time_limit == milliseconds)
    return;

  self->time_limit = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_TIME_LIMIT]);
}

/**
 * gp_command_stage_get_memory_limit: (get-property memory-limit)
 * @self: a command
 *
 * Gets how much memory the command may use.
 *
 * Returns: a number of bytes, or 0 for any
 *
 * Since: 0.1
 */
guint64
gp_command_stage_get_memory_limit (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->memory_limit;
}

/**
 * gp_command_stage_set_memory_limit: (set-property memory-limit)
 * @self: a command
 * @bytes: a number of bytes, or 0 for any
 *
 * Sets how much memory the command and all that it has started may use together.
 *
 * What is counted is the memory that is resident, as often as
 * [property@CommandStage:memory-interval] says. A command that uses more is ended as if it were
 * cancelled, and its error is `GP_PIPELINE_ERROR_MEMORY_LIMIT`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_memory_limit (GpCommandStage *self,
                                   guint64         bytes)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->memory_limit == bytes)
    return;

  self->memory_limit = bytes;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_MEMORY_LIMIT]);
}

/**
 * gp_command_stage_get_memory_interval: (get-property memory-interval)
 * @self: a command
 *
 * Gets how often the memory of a command that has a limit is looked at.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_command_stage_get_memory_interval (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->memory_interval;
}

/**
 * gp_command_stage_set_memory_interval: (set-property memory-interval)
 * @self: a command
 * @milliseconds: milliseconds, at least 1
 *
 * Sets how often the memory of a command that has a limit is looked at.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_memory_interval (GpCommandStage *self,
                                      guint           milliseconds)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (milliseconds > 0);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->memory_interval == milliseconds)
    return;

  self->memory_interval = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_MEMORY_INTERVAL]);
}

/**
 * gp_command_stage_get_nice: (get-property nice)
 * @self: a command
 *
 * Gets what is added to the nice value of the program.
 *
 * Returns: the difference
 *
 * Since: 0.1
 */
int
gp_command_stage_get_nice (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->nice_increment;
}

/**
 * gp_command_stage_set_nice: (set-property nice)
 * @self: a command
 * @increment: the difference, -39 to 39
 *
 * Sets what is added to the nice value of the program to be the command's: more is slower.
 *
 * The system keeps the sum between -20 and 19. Less than 0 needs a privilege; without it, the
 * command cannot be started.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_nice (GpCommandStage *self,
                           int             increment)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (ABS (increment) <= GP_COMMAND_MAX_NICE);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->nice_increment == increment)
    return;

  self->nice_increment = increment;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_NICE]);
}

/**
 * gp_command_stage_get_resource_limit:
 * @self: a command
 * @resource: what is limited
 *
 * Gets the limit of a resource.
 *
 * Returns: the limit in the unit of @resource, or -1 for that of the program
 *
 * Since: 0.1
 */
gint64
gp_command_stage_get_resource_limit (GpCommandStage *self,
                                     GpResource      resource)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), -1);
  g_return_val_if_fail ((guint) resource < GP_N_RESOURCES, -1);

  return (gint64) self->resource_limits[resource];
}

/**
 * gp_command_stage_set_resource_limit:
 * @self: a command
 * @resource: what is limited
 * @limit: the limit in the unit of @resource, or -1 for that of the program
 *
 * Sets the limit of a resource.
 *
 * The limit is the system's (`setrlimit ()`): each process of the command has it for itself, and
 * what happens at the limit is between the system and that process. A limit above the hard limit of
 * the program becomes that one.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_resource_limit (GpCommandStage *self,
                                     GpResource      resource,
                                     gint64          limit)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail ((guint) resource < GP_N_RESOURCES);
  g_return_if_fail (limit >= -1);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  self->resource_limits[resource] = (guint64) limit;
}
