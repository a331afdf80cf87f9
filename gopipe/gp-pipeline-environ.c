/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

/* The environment of a pipeline */

/**
 * gp_pipeline_get_environ: (get-property environ)
 * @self: a pipeline
 *
 * Gets the whole environment that was set instead of the program's own.
 *
 * Returns: (transfer none) (array zero-terminated=1) (element-type filename) (nullable): entries of the form `NAME=VALUE`
 *
 * Since: 0.1
 */
const char * const *
gp_pipeline_get_environ (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return gp_environment_get_base (self->environ);
}

/**
 * gp_pipeline_set_environ: (set-property environ)
 * @self: a pipeline
 * @environ: (array zero-terminated=1) (element-type filename) (nullable): entries of the form `NAME=VALUE`
 *
 * Sets the whole environment instead of the program's own.
 *
 * Since: 0.1
 */
void
gp_pipeline_set_environ (GpPipeline         *self,
                         const char * const *environ)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_set_base (self->environ, environ);
  g_object_notify_by_pspec (G_OBJECT (self), gp_pipeline_props[PROP_ENVIRON]);
}

/**
 * gp_pipeline_setenv:
 * @self: a pipeline
 * @variable: (type filename): a variable's name
 * @value: (type filename): its value
 * @overwrite: whether a value that it has already is replaced
 *
 * Sets an environment variable for all stages.
 *
 * A name that cannot be one makes the start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_pipeline_setenv (GpPipeline *self,
                    const char *variable,
                    const char *value,
                    gboolean    overwrite)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (variable != NULL && value != NULL);
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_set (self->environ, variable, value, overwrite);
}

/**
 * gp_pipeline_unsetenv:
 * @self: a pipeline
 * @variable: (type filename): a variable's name
 *
 * Removes an environment variable for all stages.
 *
 * Since: 0.1
 */
void
gp_pipeline_unsetenv (GpPipeline *self,
                      const char *variable)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (variable != NULL);
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_unset (self->environ, variable);
}

/**
 * gp_pipeline_clearenv:
 * @self: a pipeline
 *
 * Removes all environment variables for all stages.
 *
 * Neither those that are inherited remain, nor those that were set before; what is set afterwards
 * does.
 *
 * Since: 0.1
 */
void
gp_pipeline_clearenv (GpPipeline *self)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_clear (self->environ);
}

/**
 * gp_pipeline_add_environ:
 * @self: a pipeline
 * @entries: (array zero-terminated=1) (element-type filename): entries of the form `NAME=VALUE`
 *
 * Sets several environment variables for all stages.
 *
 * It is the same as [method@Pipeline.setenv] for each of them. An entry of another form makes the
 * start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_pipeline_add_environ (GpPipeline         *self,
                         const char * const *entries)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (entries != NULL);
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_add (self->environ, entries);
}

/**
 * gp_pipeline_add_environ_function:
 * @self: a pipeline
 * @func: (scope notified) (closure user_data) (destroy destroy): returns the variables
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which this is called
 *
 * Sets environment variables for all stages, which a function finds out at the start.
 *
 * The function is called once, in the thread that starts the pipeline and before anything is
 * started, in the order in which such functions were added. The variables take the place that
 * it has among the other changes of the environment: later ones win. Its error makes the start
 * fail.
 *
 * Since: 0.1
 */
void
gp_pipeline_add_environ_function (GpPipeline         *self,
                                  GpEnvironFunction  func,
                                  gpointer           user_data,
                                  GDestroyNotify     destroy)
{
  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (func != NULL);
  GP_PIPELINE_RETURN_IF_STARTED (self);

  gp_environment_add_func (self->environ, func, user_data, destroy);
}
