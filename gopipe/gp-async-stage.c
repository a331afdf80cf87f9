/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-async-stage.h"

#include "gp-error.h"
#include "gp-stage.h"
#include "gp-user-function-private.h"

/**
 * GpAsyncStage:
 *
 * A stage that is a function which does not block, in the main context of the pipeline's starter.
 *
 * The function begins asynchronous work on the streams of its context, and reports on the context
 * when that is done. See [callback@AsyncFunction].
 *
 * A pipeline with such a stage cannot be run by synchronous calls.
 *
 * Since: 0.1
 */
struct _GpAsyncStage
{
  GObject         parent_instance;

  char           *name;
  GpUserFunction  function;
};

enum
{
  PROP_0,
  PROP_NAME,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void gp_async_stage_stage_init (GpStageInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpAsyncStage, gp_async_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_async_stage_stage_init))

static char *
gp_async_stage_get_name (GpStage *stage)
{
  GpAsyncStage *self = GP_ASYNC_STAGE (stage);

  return g_strdup (self->name != NULL ? self->name : "function");
}

static gboolean
gp_async_stage_run (GpStage         *stage,
                    GpStageContext  *context,
                    GError         **error)
{
  GpAsyncStage *self = GP_ASYNC_STAGE (stage);

  if (self->function.func == NULL)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "it was not made by gp_async_stage_new () and has no function");
      return FALSE;
    }

  return ((GpAsyncFunction) self->function.func) (context, self->function.data, error);
}

static void
gp_async_stage_stage_init (GpStageInterface *iface)
{
  iface->get_name = gp_async_stage_get_name;
  iface->run = gp_async_stage_run;
}

static void
gp_async_stage_get_property (GObject    *object,
                             guint       prop_id,
                             GValue     *value,
                             GParamSpec *pspec)
{
  GpAsyncStage *self = GP_ASYNC_STAGE (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_async_stage_finalize (GObject *object)
{
  GpAsyncStage *self = GP_ASYNC_STAGE (object);

  gp_user_function_clear (&self->function);
  g_free (self->name);

  G_OBJECT_CLASS (gp_async_stage_parent_class)->finalize (object);
}

static void
gp_async_stage_class_init (GpAsyncStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = gp_async_stage_get_property;
  object_class->finalize = gp_async_stage_finalize;

  /**
   * GpAsyncStage:name:
   *
   * The name for errors and pictures.
   *
   * Since: 0.1
   */
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL,
                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_async_stage_init (GpAsyncStage *self)
{
}

/**
 * gp_async_stage_new:
 * @name: (nullable): the name for errors and pictures
 * @func: (scope notified) (closure user_data) (destroy destroy): the function, called in the main
 *   context in which the pipeline is started
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of a function that does not block.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpAsyncStage *
gp_async_stage_new (const char      *name,
                    GpAsyncFunction  func,
                    gpointer         user_data,
                    GDestroyNotify   destroy)
{
  GpAsyncStage *self;

  g_return_val_if_fail (func != NULL, NULL);

  self = g_object_new (GP_TYPE_ASYNC_STAGE, NULL);
  self->name = g_strdup (name != NULL ? name : "function");
  gp_user_function_init (&self->function, G_CALLBACK (func), user_data, destroy);

  return self;
}
