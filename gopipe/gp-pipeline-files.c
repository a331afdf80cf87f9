/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-error.h"

/* Files at the ends of a pipeline: only noted here, and opened by the run */

gboolean
gp_pipeline_check_files (GpPipeline  *self,
                         GError     **error)
{
  const char *what = NULL;

  if (self->stdin_file != NULL && (self->stdin_stream != NULL || self->input.reader != NULL))
    what = "input";
  else if (self->stdout_file != NULL && (self->stdout_stream != NULL || self->output.writer != NULL))
    what = "output";

  if (what == NULL)
    return TRUE;

  g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
               "both a file and a stream were set as standard %s", what);

  return FALSE;
}

/**
 * gp_pipeline_get_stdin_file:
 * @self: a pipeline
 *
 * Gets the file that the first stage reads.
 *
 * Returns: (transfer none) (nullable): the file, or `NULL` if none was set
 *
 * Since: 0.1
 */
GFile *
gp_pipeline_get_stdin_file (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->stdin_file;
}

/**
 * gp_pipeline_set_stdin_file:
 * @self: a pipeline that was not started yet
 * @file: (nullable): the file
 *
 * Sets a file that the first stage reads.
 *
 * It is opened when the pipeline is started, in a thread, and closed when it is not needed any more.
 * If it cannot be opened, the start fails with an error that names the file, and no stage is
 * started. A command gets the descriptor of a file that the system has, without a copy.
 *
 * Where a stream was set as well, with [method@Pipeline.set_stdin] or [method@Pipeline.open_input],
 * the start fails with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_stdin_file (GpPipeline *self,
                            GFile      *file)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (file == NULL || G_IS_FILE (file));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  g_set_object (&self->stdin_file, file);
}

/**
 * gp_pipeline_get_stdout_file:
 * @self: a pipeline
 *
 * Gets the file that the last stage writes.
 *
 * Returns: (transfer none) (nullable): the file, or `NULL` if none was set
 *
 * Since: 0.1
 */
GFile *
gp_pipeline_get_stdout_file (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return self->stdout_file;
}

/**
 * gp_pipeline_get_stdout_file_mode:
 * @self: a pipeline
 *
 * Gets how the file that was set with [method@Pipeline.set_stdout_file] is written.
 *
 * Returns: the mode
 *
 * Since: 0.1
 */
GpFileMode
gp_pipeline_get_stdout_file_mode (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), GP_FILE_MODE_REPLACE);

  return self->stdout_file_mode;
}

/**
 * gp_pipeline_set_stdout_file:
 * @self: a pipeline that was not started yet
 * @file: (nullable): the file
 * @mode: how it is written
 *
 * Sets a file that the last stage writes.
 *
 * It is opened when the pipeline is started, in a thread, after the input. If it cannot be opened,
 * the start fails with an error that names the file, and no stage is started. A command gets the
 * descriptor of a file that the system has, without a copy.
 *
 * With `GP_FILE_MODE_REPLACE` nobody ever sees half a file, and the same file may be the input, too.
 * What is written goes to a temporary file in the same directory; it takes the place of the file
 * when all stages have succeeded and all else is closed, and is removed otherwise. The file keeps
 * its mode, and its owner as far as that is allowed; a symbolic link stays, and what it points to
 * is replaced; other hard links keep the old contents. Only a regular file that this program may
 * write can be replaced. A file that only GIO can reach is replaced as well as its
 * [method@Gio.File.replace] can, and with `GP_FILE_MODE_TRUNCATE` in the same way.
 *
 * As a stage of another pipeline, this one replaces its file when it has succeeded itself.
 *
 * Where a stream was set as well, with [method@Pipeline.set_stdout] or
 * [method@Pipeline.open_output], the start fails with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_stdout_file (GpPipeline *self,
                             GFile      *file,
                             GpFileMode  mode)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (file == NULL || G_IS_FILE (file));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  g_set_object (&self->stdout_file, file);
  self->stdout_file_mode = mode;
}
