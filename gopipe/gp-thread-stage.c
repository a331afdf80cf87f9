/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-thread-stage.h"

#include "gp-error.h"
#include "gp-stage-context-private.h"
#include "gp-stage-private.h"
#include "gp-thread-pool-private.h"

/**
 * GpThreadStage:
 *
 * The base of stages that do their work in a thread of their own.
 *
 * Derive from it and override `process`, which may block: on the streams that the context has, on
 * files, or computing. When it returns, the stage has ended.
 *
 * Each stage that runs has a thread to itself, however many there are, from a pool of the library;
 * a stage that waits for another never keeps it from running.
 *
 * Not for JavaScript, which knows only one thread: use [class@AsyncStage] there.
 *
 * Since: 0.1
 */

/**
 * GpThreadStageClass:
 * @process: does the work in a thread: returns `TRUE` for success, or `FALSE` with an error
 *
 * The virtual methods of a stage in a thread.
 *
 * Since: 0.1
 */

/**
 * GpThreadStageClass::process:
 * @self: a stage
 * @context: what the stage is given for this run
 * @cancellable: ends the run: pass it to everything that may block
 * @error: return location for an error
 *
 * Does the work of the stage, in a thread of its own.
 *
 * It may block. When it returns, the stage has ended, and both its streams are closed.
 *
 * Returns: `TRUE` for success, `FALSE` with @error
 *
 * Since: 0.1
 */

typedef struct
{
  char *name;
} GpThreadStagePrivate;

enum
{
  PROP_0,
  PROP_NAME,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static GpStageInterface *parent_stage_iface;

static void gp_thread_stage_stage_init (GpStageInterface *iface);
static void gp_thread_stage_thread_starter_init (GpThreadStarterInterface *iface);

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (GpThreadStage, gp_thread_stage, G_TYPE_OBJECT,
                                  G_ADD_PRIVATE (GpThreadStage)
                                  G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_thread_stage_stage_init)
                                  G_IMPLEMENT_INTERFACE (GP_TYPE_THREAD_STARTER,
                                                         gp_thread_stage_thread_starter_init))

static char *
gp_thread_stage_get_name (GpStage *stage)
{
  GpThreadStagePrivate *priv = gp_thread_stage_get_instance_private (GP_THREAD_STAGE (stage));

  return priv->name != NULL ? g_strdup (priv->name) : parent_stage_iface->get_name (stage);
}

static void
gp_thread_stage_stage_init (GpStageInterface *iface)
{
  parent_stage_iface = g_type_default_interface_peek (GP_TYPE_STAGE);
  iface->get_name = gp_thread_stage_get_name;
}

typedef struct
{
  GpThreadStage  *stage;
  GpStageContext *context;
} Job;

static void
report (GpStageContext *context,
        gboolean        success,
        const GError   *error)
{
  if (success && error != NULL)
    gp_stage_context_return_fault (context, "the function returned TRUE and set an error");
  else if (success)
    gp_stage_context_return_success (context);
  else if (error != NULL)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_fault (context, "the function returned FALSE without an error");
}

static void
process_job (gpointer data)
{
  g_autofree Job *job = data;
  GpThreadStageClass *klass = GP_THREAD_STAGE_GET_CLASS (job->stage);
  g_autoptr (GError) error = NULL;
  gboolean success;

  success = klass->process (job->stage, job->context,
                            gp_stage_context_get_cancellable (job->context), &error);
  report (job->context, success, error);

  g_object_unref (job->context);
  g_object_unref (job->stage);
}

static gboolean
gp_thread_stage_start (GpThreadStarter  *starter,
                       GpStageContext   *context,
                       GError          **error)
{
  Job *job;

  if (GP_THREAD_STAGE_GET_CLASS (starter)->process == NULL)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                   "class %s does not implement process ()", G_OBJECT_TYPE_NAME (starter));
      return FALSE;
    }

  job = g_new (Job, 1);
  *job = (Job) { g_object_ref (GP_THREAD_STAGE (starter)), g_object_ref (context) };
  if (gp_thread_pool_push (gp_stage_context_get_name (context), process_job, job, error))
    return TRUE;

  g_object_unref (job->stage);
  g_object_unref (job->context);
  g_free (job);

  return FALSE;
}

static void
gp_thread_stage_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->start = gp_thread_stage_start;
}

static void
gp_thread_stage_get_property (GObject    *object,
                              guint       prop_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  GpThreadStagePrivate *priv = gp_thread_stage_get_instance_private (GP_THREAD_STAGE (object));

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, priv->name);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_thread_stage_set_property (GObject      *object,
                              guint         prop_id,
                              const GValue *value,
                              GParamSpec   *pspec)
{
  GpThreadStagePrivate *priv = gp_thread_stage_get_instance_private (GP_THREAD_STAGE (object));

  switch (prop_id)
    {
    case PROP_NAME:
      priv->name = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_thread_stage_finalize (GObject *object)
{
  GpThreadStagePrivate *priv = gp_thread_stage_get_instance_private (GP_THREAD_STAGE (object));

  g_free (priv->name);

  G_OBJECT_CLASS (gp_thread_stage_parent_class)->finalize (object);
}

static void
gp_thread_stage_class_init (GpThreadStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = gp_thread_stage_get_property;
  object_class->set_property = gp_thread_stage_set_property;
  object_class->finalize = gp_thread_stage_finalize;

  /**
   * GpThreadStage:name:
   *
   * The name for errors and pictures, or `NULL` for the name of the class.
   *
   * Since: 0.1
   */
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL,
                                          G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                          G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_thread_stage_init (GpThreadStage *self)
{
}
