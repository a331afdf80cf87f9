/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-error-private.h"

#include <string.h>

/* Communicating is running with a stream over the input before the first stage, and a collector
 * after the last. */

static gboolean
prepare (GpPipeline  *self,
         GBytes      *input,
         GError     **error)
{
  if (!gp_pipeline_check_not_started (self, error))
    return FALSE;

  if (self->stdout_stream != NULL || self->stdout_file != NULL || self->output.writer != NULL)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "communicate () collects the output, but a standard output was set");
      return FALSE;
    }

  if (input != NULL &&
      (self->stdin_stream != NULL || self->stdin_file != NULL || self->input.reader != NULL))
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "communicate () was given input, but a standard input was set");
      return FALSE;
    }

  g_clear_object (&self->collector);
  self->collector = GP_COLLECTOR (gp_collector_new ());
  if (input != NULL)
    self->stdin_stream = g_memory_input_stream_new_from_bytes (input);

  return TRUE;
}

static void
undo_prepare (GpPipeline *self,
              GBytes     *input)
{
  g_clear_object (&self->collector);
  if (input != NULL)
    g_clear_object (&self->stdin_stream);
}

static GBytes *
take_output (GpPipeline *self)
{
  gp_collector_seal (self->collector);

  return gp_collector_dup_bytes (self->collector);
}

static char *
to_utf8 (GBytes  *bytes,
         GError **error)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  const char *end = data;

  if (length == 0)
    return g_strdup ("");

  if (g_utf8_validate_len (data, length, &end))
    return g_strndup (data, length);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "the output is not valid UTF-8 at byte %" G_GSIZE_FORMAT, (gsize) (end - data));

  return NULL;
}

static GBytes *
new_input (const char *text)
{
  return text != NULL ? g_bytes_new (text, strlen (text)) : NULL;
}

/**
 * gp_pipeline_communicate:
 * @self: a pipeline
 * @stdin_bytes: (nullable): what the first stage reads
 * @cancellable: (nullable): cancels the whole run
 * @error: return location for an error
 *
 * Runs a pipeline, and collects what it writes.
 *
 * Blocks without running any main context. What was written before an error is kept for
 * [method@Pipeline.dup_output].
 *
 * Returns: (transfer full): the output, or `NULL` with the error that [method@Pipeline.run] would
 *   give, or with `GP_PIPELINE_ERROR_INVALID` if another output or input was set
 *
 * Since: 0.1
 */
GBytes *
gp_pipeline_communicate (GpPipeline    *self,
                         GBytes        *stdin_bytes,
                         GCancellable  *cancellable,
                         GError       **error)
{
  gboolean success;
  g_autoptr (GBytes) output = NULL;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!prepare (self, stdin_bytes, error))
    return NULL;

  success = gp_pipeline_run (self, cancellable, error);
  if (self->run == NULL)
    {
      /* It was not even started: the next attempt may be an asynchronous one. */
      undo_prepare (self, stdin_bytes);
      return NULL;
    }

  output = take_output (self);

  return success ? g_steal_pointer (&output) : NULL;
}

/**
 * gp_pipeline_communicate_utf8:
 * @self: a pipeline
 * @stdin_text: (nullable): what the first stage reads
 * @cancellable: (nullable): cancels the whole run
 * @error: return location for an error
 *
 * Runs a pipeline, and collects what it writes as text.
 *
 * Blocks without running any main context. What was written before an error is kept for
 * [method@Pipeline.dup_output].
 *
 * Returns: (transfer full): the output, or `NULL` with the error that
 *   [method@Pipeline.communicate] would give, or with `G_IO_ERROR_INVALID_DATA` if the output is
 *   not valid UTF-8
 *
 * Since: 0.1
 */
char *
gp_pipeline_communicate_utf8 (GpPipeline    *self,
                              const char    *stdin_text,
                              GCancellable  *cancellable,
                              GError       **error)
{
  g_autoptr (GBytes) input = new_input (stdin_text);
  g_autoptr (GBytes) output = gp_pipeline_communicate (self, input, cancellable, error);

  return output != NULL ? to_utf8 (output, error) : NULL;
}

static void
run_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      data)
{
  GpPipeline *self = GP_PIPELINE (source);
  g_autoptr (GTask) task = data;
  g_autoptr (GError) error = NULL;
  gboolean success = gp_pipeline_run_finish (self, result, &error);
  g_autoptr (GBytes) output = take_output (self);

  if (success)
    g_task_return_pointer (task, g_steal_pointer (&output), (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
communicate_async (GpPipeline *self,
                   GBytes     *input,
                   GTask      *task)
{
  g_autoptr (GError) error = NULL;

  g_task_set_check_cancellable (task, FALSE);

  if (prepare (self, input, &error))
    {
      gp_pipeline_run_async (self, g_task_get_cancellable (task), run_cb, task);
      return;
    }

  g_task_return_error (task, g_steal_pointer (&error));
  g_object_unref (task);
}

/**
 * gp_pipeline_communicate_async:
 * @self: a pipeline
 * @stdin_bytes: (nullable): what the first stage reads
 * @cancellable: (nullable): cancels the whole run
 * @callback: (nullable) (scope async) (closure user_data): called when the pipeline has ended
 * @user_data: data for @callback
 *
 * Runs a pipeline, and collects what it writes.
 *
 * Never blocks. See [method@Pipeline.start_async] for where things are called.
 *
 * Since: 0.1
 */
void
gp_pipeline_communicate_async (GpPipeline          *self,
                               GBytes              *stdin_bytes,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  GTask *task;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, gp_pipeline_communicate_async);
  communicate_async (self, stdin_bytes, task);
}

/**
 * gp_pipeline_communicate_finish:
 * @self: a pipeline
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Pipeline.communicate_async].
 *
 * Returns: (transfer full): the output, or `NULL` with an error
 *
 * Since: 0.1
 */
GBytes *
gp_pipeline_communicate_finish (GpPipeline    *self,
                                GAsyncResult  *result,
                                GError       **error)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipeline_communicate_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gp_pipeline_communicate_utf8_async:
 * @self: a pipeline
 * @stdin_text: (nullable): what the first stage reads
 * @cancellable: (nullable): cancels the whole run
 * @callback: (nullable) (scope async) (closure user_data): called when the pipeline has ended
 * @user_data: data for @callback
 *
 * Runs a pipeline, and collects what it writes as text.
 *
 * Never blocks. See [method@Pipeline.start_async] for where things are called.
 *
 * Since: 0.1
 */
void
gp_pipeline_communicate_utf8_async (GpPipeline          *self,
                                    const char          *stdin_text,
                                    GCancellable        *cancellable,
                                    GAsyncReadyCallback  callback,
                                    gpointer             user_data)
{
  g_autoptr (GBytes) input = NULL;
  GTask *task;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  input = new_input (stdin_text);
  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, gp_pipeline_communicate_utf8_async);
  communicate_async (self, input, task);
}

/**
 * gp_pipeline_communicate_utf8_finish:
 * @self: a pipeline
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Pipeline.communicate_utf8_async].
 *
 * Returns: (transfer full): the output, or `NULL` with an error
 *
 * Since: 0.1
 */
char *
gp_pipeline_communicate_utf8_finish (GpPipeline    *self,
                                     GAsyncResult  *result,
                                     GError       **error)
{
  g_autoptr (GBytes) output = NULL;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipeline_communicate_utf8_async), NULL);

  output = g_task_propagate_pointer (G_TASK (result), error);

  return output != NULL ? to_utf8 (output, error) : NULL;
}

/**
 * gp_pipeline_dup_output:
 * @self: a pipeline
 *
 * Gets what [method@Pipeline.communicate] and its variants have collected so far.
 *
 * That also works while the pipeline runs, after an error, and if the output is not valid UTF-8.
 *
 * Returns: (transfer full) (nullable): the output, or `NULL` if none is collected
 *
 * Since: 0.1
 */
GBytes *
gp_pipeline_dup_output (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->collector != NULL ? gp_collector_dup_bytes (self->collector) : NULL;
}
