/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

/* The accessors of the pipeline's properties */

/**
 * gp_pipeline_get_name: (get-property name)
 * @self: a pipeline
 *
 * Gets the name as a stage of another pipeline.
 *
 * Returns: (transfer none) (nullable): the name
 *
 * Since: 0.1
 */
const char *
gp_pipeline_get_name (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->name;
}

/**
 * gp_pipeline_set_name: (set-property name)
 * @self: a pipeline
 * @name: (nullable): the name
 *
 * Sets the name as a stage of another pipeline.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_name (GpPipeline *self,
                      const char *name)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (g_strcmp0 (self->name, name) == 0)
    return;

  g_free (self->name);
  self->name = g_strdup (name);
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_NAME]);
}

/**
 * gp_pipeline_get_stdin: (get-property stdin)
 * @self: a pipeline
 *
 * Gets what the first stage reads.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GInputStream *
gp_pipeline_get_stdin (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->stdin_stream;
}

/**
 * gp_pipeline_set_stdin: (set-property stdin)
 * @self: a pipeline
 * @stream: (nullable): the stream
 *
 * Sets what the first stage reads.
 *
 * A stream with a descriptor that blocks goes straight to a command, without a copy.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_stdin (GpPipeline   *self,
                       GInputStream *stream)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (stream == NULL || G_IS_INPUT_STREAM (stream));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (g_set_object (&self->stdin_stream, stream))
    g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_STDIN]);
}

/**
 * gp_pipeline_get_close_stdin: (get-property close-stdin)
 * @self: a pipeline
 *
 * Tells whether the pipeline closes the stream that its first stage reads.
 *
 * Returns: whether it is given
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_get_close_stdin (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);

  return self->close_stdin;
}

/**
 * gp_pipeline_set_close_stdin: (set-property close-stdin)
 * @self: a pipeline
 * @close_stdin: whether it is given
 *
 * Sets whether the pipeline closes the stream that its first stage reads.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_close_stdin (GpPipeline *self,
                             gboolean    close_stdin)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->close_stdin == close_stdin)
    return;

  self->close_stdin = close_stdin;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_CLOSE_STDIN]);
}

/**
 * gp_pipeline_get_stdout: (get-property stdout)
 * @self: a pipeline
 *
 * Gets where the last stage writes.
 *
 * Returns: (transfer none) (nullable): the stream
 *
 * Since: 0.1
 */
GOutputStream *
gp_pipeline_get_stdout (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->stdout_stream;
}

/**
 * gp_pipeline_set_stdout: (set-property stdout)
 * @self: a pipeline
 * @stream: (nullable): the stream
 *
 * Sets where the last stage writes.
 *
 * A stream with a descriptor that blocks goes straight to a command, without a copy.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_stdout (GpPipeline    *self,
                        GOutputStream *stream)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (stream == NULL || G_IS_OUTPUT_STREAM (stream));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (g_set_object (&self->stdout_stream, stream))
    g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_STDOUT]);
}

/**
 * gp_pipeline_get_close_stdout: (get-property close-stdout)
 * @self: a pipeline
 *
 * Tells whether the pipeline closes the stream that its last stage writes.
 *
 * Returns: whether it is given
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_get_close_stdout (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);

  return self->close_stdout;
}

/**
 * gp_pipeline_set_close_stdout: (set-property close-stdout)
 * @self: a pipeline
 * @close_stdout: whether it is given
 *
 * Sets whether the pipeline closes the stream that its last stage writes.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_close_stdout (GpPipeline *self,
                              gboolean    close_stdout)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->close_stdout == close_stdout)
    return;

  self->close_stdout = close_stdout;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_CLOSE_STDOUT]);
}

/**
 * gp_pipeline_get_directory: (get-property directory)
 * @self: a pipeline
 *
 * Gets the directory that commands run in.
 *
 * Returns: (transfer none) (type filename) (nullable): the directory
 *
 * Since: 0.1
 */
const char *
gp_pipeline_get_directory (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->directory;
}

/**
 * gp_pipeline_set_directory: (set-property directory)
 * @self: a pipeline
 * @directory: (type filename) (nullable): the directory
 *
 * Sets the directory that commands run in.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_directory (GpPipeline *self,
                           const char *directory)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (g_strcmp0 (self->directory, directory) == 0)
    return;

  g_free (self->directory);
  self->directory = g_strdup (directory);
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_DIRECTORY]);
}

/**
 * gp_pipeline_get_time_limit: (get-property time-limit)
 * @self: a pipeline
 *
 * Gets after how long the pipeline is ended.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_pipeline_get_time_limit (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), 0);

  return self->time_limit;
}

/**
 * gp_pipeline_set_time_limit: (set-property time-limit)
 * @self: a pipeline
 * @milliseconds: milliseconds
 *
 * Sets after how long the pipeline is ended.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_time_limit (GpPipeline *self,
                            guint       milliseconds)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->time_limit == milliseconds)
    return;

  self->time_limit = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_TIME_LIMIT]);
}

/**
 * gp_pipeline_get_pipe_hold_timeout: (get-property pipe-hold-timeout)
 * @self: a pipeline
 *
 * Gets how long to wait for output that a process keeps open after its command has ended.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_pipeline_get_pipe_hold_timeout (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), 0);

  return self->pipe_hold_timeout;
}

/**
 * gp_pipeline_set_pipe_hold_timeout: (set-property pipe-hold-timeout)
 * @self: a pipeline
 * @milliseconds: milliseconds
 *
 * Sets how long to wait for output that a process keeps open after its command has ended.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_pipe_hold_timeout (GpPipeline *self,
                                   guint       milliseconds)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->pipe_hold_timeout == milliseconds)
    return;

  self->pipe_hold_timeout = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_PIPE_HOLD_TIMEOUT]);
}

/**
 * gp_pipeline_get_abandon_delay: (get-property abandon-delay)
 * @self: a pipeline
 *
 * Gets when a function that does not end is given up after the pipeline was cancelled.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_pipeline_get_abandon_delay (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), 0);

  return self->abandon_delay;
}

/**
 * gp_pipeline_set_abandon_delay: (set-property abandon-delay)
 * @self: a pipeline
 * @milliseconds: milliseconds
 *
 * Sets when a function that does not end is given up after the pipeline was cancelled.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_abandon_delay (GpPipeline *self,
                               guint       milliseconds)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->abandon_delay == milliseconds)
    return;

  self->abandon_delay = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_ABANDON_DELAY]);
}

/**
 * gp_pipeline_get_ignore_pipe_errors: (get-property ignore-pipe-errors)
 * @self: a pipeline
 *
 * Tells whether it is fine for every stage that the stage after reads no more.
 *
 * Returns: whether they are ignored
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_get_ignore_pipe_errors (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);

  return self->ignore_pipe_errors;
}

/**
 * gp_pipeline_set_ignore_pipe_errors: (set-property ignore-pipe-errors)
 * @self: a pipeline
 * @ignore: whether they are ignored
 *
 * Sets whether it is fine for every stage that the stage after reads no more.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_ignore_pipe_errors (GpPipeline *self,
                                    gboolean    ignore)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->ignore_pipe_errors == ignore)
    return;

  self->ignore_pipe_errors = ignore;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_IGNORE_PIPE_ERRORS]);
}

/**
 * gp_pipeline_get_partial_input_is_error: (get-property partial-input-is-error)
 * @self: a pipeline
 *
 * Tells whether the end of what a failed stage has written is an error for who reads it.
 *
 * Returns: whether it is one
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_get_partial_input_is_error (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);

  return self->partial_input_is_error;
}

/**
 * gp_pipeline_set_partial_input_is_error: (set-property partial-input-is-error)
 * @self: a pipeline
 * @is_error: whether it is one
 *
 * Sets whether the end of what a failed stage has written is an error for who reads it.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_partial_input_is_error (GpPipeline *self,
                                        gboolean    is_error)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  if (self->partial_input_is_error == is_error)
    return;

  self->partial_input_is_error = is_error;
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_PARTIAL_INPUT_IS_ERROR]);
}
