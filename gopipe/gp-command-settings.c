/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

/* The accessors of the command's properties */

/**
 * gp_command_stage_get_argv: (get-property argv)
 * @self: a command
 *
 * Gets the program and its arguments.
 *
 * Returns: (transfer none) (array zero-terminated=1) (element-type filename) (nullable): the arguments
 *
 * Since: 0.1
 */
const char * const *
gp_command_stage_get_argv (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return (const char * const *) self->argv;
}

/**
 * gp_command_stage_get_name: (get-property name)
 * @self: a command
 *
 * Gets the name for errors and pictures.
 *
 * Returns: (transfer none): the name
 *
 * Since: 0.1
 */
const char *
gp_command_stage_get_name (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  /* Made when it is asked for first, in the thread that sets up or starts the pipeline */
  if (self->name == NULL && self->argv != NULL && self->argv[0] != NULL && self->argv[0][0] != '\0')
    {
      g_autofree char *basename = g_path_get_basename (self->argv[0]);

      self->name = g_utf8_make_valid (basename, -1);
    }

  return self->name != NULL ? self->name : "command";
}

/**
 * gp_command_stage_set_name: (set-property name)
 * @self: a command
 * @name: (nullable): the name, or `NULL` for the program's
 *
 * Sets the name for errors and pictures.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_name (GpCommandStage *self,
                           const char     *name)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (g_strcmp0 (self->name, name) == 0)
    return;

  g_free (self->name);
  self->name = g_strdup (name);
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_NAME]);
}

/**
 * gp_command_stage_get_directory: (get-property directory)
 * @self: a command
 *
 * Gets the directory to run in.
 *
 * Returns: (transfer none) (type filename) (nullable): the directory, or `NULL` for the pipeline's
 *
 * Since: 0.1
 */
const char *
gp_command_stage_get_directory (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return self->directory;
}

/**
 * gp_command_stage_set_directory: (set-property directory)
 * @self: a command
 * @directory: (type filename) (nullable): the directory, or `NULL` for the pipeline's
 *
 * Sets the directory to run in. A program given by a relative path is looked up from there.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_directory (GpCommandStage *self,
                                const char     *directory)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (g_strcmp0 (self->directory, directory) == 0)
    return;

  g_free (self->directory);
  self->directory = g_strdup (directory);
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_DIRECTORY]);
}

/**
 * gp_command_stage_get_environ: (get-property environ)
 * @self: a command
 *
 * Gets the whole environment that was set instead of the pipeline's.
 *
 * Returns: (transfer none) (array zero-terminated=1) (element-type filename) (nullable): entries
 *   of the form `NAME=VALUE`, or `NULL`
 *
 * Since: 0.1
 */
const char * const *
gp_command_stage_get_environ (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return gp_environment_get_base (self->environ);
}

/**
 * gp_command_stage_set_environ: (set-property environ)
 * @self: a command
 * @environ: (array zero-terminated=1) (element-type filename) (nullable): entries of the form
 *   `NAME=VALUE`, or `NULL` for the pipeline's environment
 *
 * Sets the whole environment, to which single variables are added afterwards.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_environ (GpCommandStage     *self,
                              const char * const *environ)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_set_base (self->environ, environ);
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_ENVIRON]);
}

/**
 * gp_command_stage_setenv:
 * @self: a command
 * @variable: (type filename): a variable's name
 * @value: (type filename): its value
 * @overwrite: whether a value that it has already is replaced
 *
 * Sets an environment variable for this command.
 *
 * A name that cannot be one makes the start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_setenv (GpCommandStage *self,
                         const char     *variable,
                         const char     *value,
                         gboolean        overwrite)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (variable != NULL && value != NULL);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_set (self->environ, variable, value, overwrite);
}

/**
 * gp_command_stage_unsetenv:
 * @self: a command
 * @variable: (type filename): a variable's name
 *
 * Removes an environment variable for this command.
 *
 * Since: 0.1
 */
void
gp_command_stage_unsetenv (GpCommandStage *self,
                           const char     *variable)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (variable != NULL);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_unset (self->environ, variable);
}

/**
 * gp_command_stage_get_stderr_mode: (get-property stderr-mode)
 * @self: a command
 *
 * Gets where standard error goes.
 *
 * Returns: the mode
 *
 * Since: 0.1
 */
GpStderrMode
gp_command_stage_get_stderr_mode (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), GP_STDERR_MODE_CAPTURE);

  return self->stderr_mode;
}

/**
 * gp_command_stage_set_stderr_mode: (set-property stderr-mode)
 * @self: a command
 * @mode: the mode
 *
 * Sets where standard error goes.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_stderr_mode (GpCommandStage *self,
                                  GpStderrMode    mode)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->stderr_mode == mode)
    return;

  self->stderr_mode = mode;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_STDERR_MODE]);
}

/**
 * gp_command_stage_get_stderr_stream: (get-property stderr-stream)
 * @self: a command
 *
 * Gets the stream that standard error goes to.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GOutputStream *
gp_command_stage_get_stderr_stream (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return self->stderr_stream;
}

/**
 * gp_command_stage_set_stderr_stream: (set-property stderr-stream)
 * @self: a command
 * @stream: (nullable): the stream; it is lent and never closed
 *
 * Sends standard error to a stream, and sets the mode `GP_STDERR_MODE_STREAM`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_stderr_stream (GpCommandStage *self,
                                    GOutputStream  *stream)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (stream == NULL || G_IS_OUTPUT_STREAM (stream));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (g_set_object (&self->stderr_stream, stream))
    g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_STDERR_STREAM]);
  if (stream != NULL)
    gp_command_stage_set_stderr_mode (self, GP_STDERR_MODE_STREAM);
}

/**
 * gp_command_stage_get_stderr_limit: (get-property stderr-limit)
 * @self: a command
 *
 * Gets how much of captured standard error is kept.
 *
 * Returns: a number of bytes
 *
 * Since: 0.1
 */
guint64
gp_command_stage_get_stderr_limit (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), 0);

  return self->stderr_limit;
}

/**
 * gp_command_stage_set_stderr_limit: (set-property stderr-limit)
 * @self: a command
 * @limit: a number of bytes
 *
 * Sets how much of captured standard error is kept: the last bytes of it.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_stderr_limit (GpCommandStage *self,
                                   guint64         limit)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (self->stderr_limit == limit)
    return;

  self->stderr_limit = limit;
  g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_STDERR_LIMIT]);
}

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
