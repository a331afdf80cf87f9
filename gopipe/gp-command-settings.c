/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"
#include "gp-error-private.h"

/* What the command is: its name and surroundings, its streams, and which end is a success */

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
 * gp_command_stage_clearenv:
 * @self: a command
 *
 * Removes all environment variables for this command.
 *
 * Neither those that are inherited remain, nor those that were set before; what is set afterwards
 * does.
 *
 * Since: 0.1
 */
void
gp_command_stage_clearenv (GpCommandStage *self)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_clear (self->environ);
}

/**
 * gp_command_stage_add_environ:
 * @self: a command
 * @entries: (array zero-terminated=1) (element-type filename): entries of the form `NAME=VALUE`
 *
 * Sets several environment variables for this command.
 *
 * It is the same as [method@CommandStage.setenv] for each of them. An entry of another form makes the
 * start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_add_environ (GpCommandStage     *self,
                              const char * const *entries)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (entries != NULL);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_add (self->environ, entries);
}

/**
 * gp_command_stage_add_environ_function:
 * @self: a command
 * @func: (scope notified) (closure user_data) (destroy destroy): returns the variables
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which this is called
 *
 * Sets environment variables for this command, which a function finds out at the start.
 *
 * The function is called once, in the thread that starts the pipeline and before anything is
 * started, in the order in which such functions were added. The variables take the place that
 * it has among the other changes of the environment: later ones win. Its error makes the start
 * fail, with an error that names the command.
 *
 * Since: 0.1
 */
void
gp_command_stage_add_environ_function (GpCommandStage     *self,
                                       GpEnvironFunction  func,
                                       gpointer           user_data,
                                       GDestroyNotify     destroy)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (func != NULL);
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  gp_environment_add_func (self->environ, func, user_data, destroy);
}

/**
 * gp_command_stage_get_stdin: (get-property stdin)
 * @self: a command
 *
 * Gets the standard input of the command's own.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GInputStream *
gp_command_stage_get_stdin (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return self->stdin_stream;
}

/**
 * gp_command_stage_set_stdin: (set-property stdin)
 * @self: a command
 * @stream: (nullable): the stream, or `NULL`; it is lent and never closed
 *
 * Gives the command a standard input of its own, instead of what its place in the pipeline gives it.
 *
 * A stream with a blocking descriptor goes straight to the command; any other is copied from. If the
 * stage before it or the pipeline has an input for it as well, nothing is started, and the error is
 * `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_stdin (GpCommandStage *self,
                            GInputStream   *stream)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (stream == NULL || G_IS_INPUT_STREAM (stream));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (g_set_object (&self->stdin_stream, stream))
    g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_STDIN]);
}

/**
 * gp_command_stage_get_stdout: (get-property stdout)
 * @self: a command
 *
 * Gets the standard output of the command's own.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GOutputStream *
gp_command_stage_get_stdout (GpCommandStage *self)
{
  g_return_val_if_fail (GP_IS_COMMAND_STAGE (self), NULL);

  return self->stdout_stream;
}

/**
 * gp_command_stage_set_stdout: (set-property stdout)
 * @self: a command
 * @stream: (nullable): the stream, or `NULL`; it is lent and never closed
 *
 * Gives the command a standard output of its own, instead of what its place in the pipeline gives it.
 *
 * A stream with a blocking descriptor goes straight to the command; any other is copied to. If the
 * stage after it or the pipeline wants its output as well, nothing is started, and the error is
 * `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_set_stdout (GpCommandStage *self,
                             GOutputStream  *stream)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  g_return_if_fail (stream == NULL || G_IS_OUTPUT_STREAM (stream));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (g_set_object (&self->stdout_stream, stream))
    g_object_notify_by_pspec (G_OBJECT (self), gp_command_stage_props[PROP_STDOUT]);
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
 * gp_command_stage_accept_exit_status:
 * @self: a command
 * @exit_status: an exit status, 1 to 255
 *
 * Makes an exit status count as success, as 0 does.
 *
 * May be called for several. The status of the stage still tells which it was. A number that no
 * command can end with makes the start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_accept_exit_status (GpCommandStage *self,
                                     int             exit_status)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (exit_status < 0 || exit_status > 255)
    gp_error_note_mistake (&self->mistake,
                           "%d is accepted, but no exit status: these are 0 to 255",
                           exit_status);
  else
    g_array_append_val (self->accepted, exit_status);
}
