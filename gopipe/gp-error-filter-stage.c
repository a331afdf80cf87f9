/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-error-filter-stage.h"

#include "gp-decorator-stage-private.h"
#include "gp-error-matcher-private.h"
#include "gp-error-private.h"
#include "gp-stage-context-private.h"
#include "gp-user-function-private.h"

/**
 * GpErrorFilterStage:
 *
 * A stage that wraps another and decides which of its errors are errors.
 *
 * It knows those that are none by a [class@ErrorMatcher], or asks a function, see
 * [callback@ErrorFilterFunction], which can put another error in its place as well. An error that
 * is forgiven has never happened: the stage has succeeded, for the error of the pipeline, for its
 * events and in its status. The exit status of a command stays readable there. The shortest way to
 * such a stage is [method@Pipeline.append_ignoring].
 *
 * What the stage has written is not touched by this, and its neighbours are not held up: its
 * streams are closed before anybody is asked.
 *
 * A stage that could not be started is not asked about, and neither is one that ended because the
 * pipeline was cancelled: the reason of that is the error. Finishing early is no error.
 *
 * While nobody runs the main context in which the pipeline was started, the end of a stage waits
 * for its function. When the pipeline is cancelled meanwhile it does so for
 * [property@Pipeline:abandon-delay], and then the error stays as it is. A matcher without a
 * function waits for nobody.
 *
 * For all else, this is the stage that it wraps: its name, what it prefers to read and write, and
 * its status.
 *
 * Since: 0.1
 */

/* The base holds the stage that is wrapped. Each run has its own references on what it asks, in the
 * data of the end function on its context. */
struct _GpErrorFilterStage
{
  GpDecoratorStage  parent_instance;

  GpErrorMatcher   *matcher;  /* or NULL */
  GpUserFunction   *function; /* or NULL */
};

enum
{
  PROP_0,
  PROP_STAGE,
  PROP_MATCHER,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpErrorFilterStage, gp_error_filter_stage, GP_TYPE_DECORATOR_STAGE)

static GError *
ask_function_cb (GpStageContext *context,
                 GError         *error,
                 gpointer        data)
{
  GpUserFunction *function = data;
  g_autoptr (GError) replacement = NULL;
  GpErrorAction action;

  action = ((GpErrorFilterFunction) function->func) (error, function->data, &replacement);

  return gp_error_act (error, action, replacement, gp_stage_context_get_name (context));
}

static GError *
match_cb (GpStageContext *context,
          GError         *error,
          gpointer        data)
{
  if (error == NULL || gp_error_is_finish_early (error) || !gp_error_rules_match (data, error))
    return error;

  g_error_free (error);

  return NULL;
}

static gboolean
gp_error_filter_stage_begin (GpDecoratorStage  *decorator,
                             GpStageContext    *context,
                             GError           **error)
{
  GpErrorFilterStage *self = GP_ERROR_FILTER_STAGE (decorator);

  if (self->function != NULL)
    {
      gp_stage_context_add_home_end_func (context, ask_function_cb,
                                          gp_user_function_ref (self->function),
                                          (GDestroyNotify) gp_user_function_unref);
    }
  else if (self->matcher != NULL)
    {
      GpErrorRules *rules = gp_error_matcher_dup_rules (self->matcher);

      if (gp_error_rules_has_functions (rules))
        gp_stage_context_add_home_end_func (context, match_cb, rules,
                                            (GDestroyNotify) gp_error_rules_unref);
      else
        gp_stage_context_add_end_func (context, match_cb, rules,
                                       (GDestroyNotify) gp_error_rules_unref);
    }
  else
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "its errors are filtered, "
                           "but there is neither a function nor a matcher");
      return FALSE;
    }

  return TRUE;
}

static const GpDecoratorHooks hooks = {
  .begin = gp_error_filter_stage_begin,
};

static void
gp_error_filter_stage_get_property (GObject    *object,
                                    guint       prop_id,
                                    GValue     *value,
                                    GParamSpec *pspec)
{
  GpErrorFilterStage *self = GP_ERROR_FILTER_STAGE (object);

  switch (prop_id)
    {
    case PROP_STAGE:
      g_value_set_object (value, gp_error_filter_stage_get_stage (self));
      break;
    case PROP_MATCHER:
      g_value_set_object (value, self->matcher);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_error_filter_stage_set_property (GObject      *object,
                                    guint         prop_id,
                                    const GValue *value,
                                    GParamSpec   *pspec)
{
  GpErrorFilterStage *self = GP_ERROR_FILTER_STAGE (object);

  switch (prop_id)
    {
    case PROP_STAGE:
      gp_decorator_stage_set_inner (GP_DECORATOR_STAGE (self), g_value_get_object (value));
      break;
    case PROP_MATCHER:
      self->matcher = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_error_filter_stage_finalize (GObject *object)
{
  GpErrorFilterStage *self = GP_ERROR_FILTER_STAGE (object);

  g_clear_object (&self->matcher);
  g_clear_pointer (&self->function, gp_user_function_unref);

  G_OBJECT_CLASS (gp_error_filter_stage_parent_class)->finalize (object);
}

static void
gp_error_filter_stage_class_init (GpErrorFilterStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = gp_error_filter_stage_get_property;
  object_class->set_property = gp_error_filter_stage_set_property;
  object_class->finalize = gp_error_filter_stage_finalize;

  /**
   * GpErrorFilterStage:stage: (getter get_stage)
   *
   * The stage whose errors are filtered.
   *
   * Since: 0.1
   */
  props[PROP_STAGE] = g_param_spec_object ("stage", NULL, NULL, GP_TYPE_STAGE, flags);

  /**
   * GpErrorFilterStage:matcher: (getter get_matcher)
   *
   * Matches the errors that are forgiven, or `NULL` if a function decides.
   *
   * Since: 0.1
   */
  props[PROP_MATCHER] = g_param_spec_object ("matcher", NULL, NULL, GP_TYPE_ERROR_MATCHER, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_error_filter_stage_init (GpErrorFilterStage *self)
{
  gp_decorator_stage_set_hooks (GP_DECORATOR_STAGE (self), &hooks);
}

/**
 * gp_error_filter_stage_new:
 * @stage: (transfer full): a stage that belongs to no pipeline yet
 * @func: (scope notified) (closure user_data) (destroy destroy): decides about errors
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of another one and a function that decides what becomes of its error.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpErrorFilterStage *
gp_error_filter_stage_new (GpStage               *stage,
                           GpErrorFilterFunction  func,
                           gpointer               user_data,
                           GDestroyNotify         destroy)
{
  g_autoptr (GpStage) owned = NULL;
  GpErrorFilterStage *self;

  g_return_val_if_fail (GP_IS_STAGE (stage), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  owned = stage;
  self = g_object_new (GP_TYPE_ERROR_FILTER_STAGE, "stage", owned, NULL);
  self->function = gp_user_function_new (G_CALLBACK (func), user_data, destroy);

  return self;
}

/* The data are the function that wants the parts. */
static GpErrorAction
decide_by_parts_cb (const GError  *error,
                    gpointer       user_data,
                    GError       **replacement)
{
  GpUserFunction *function = user_data;

  return ((GpErrorPartsFilterFunction) function->func) (error->domain, error->code, error->message,
                                                        function->data, replacement);
}

/**
 * gp_error_filter_stage_new_with_parts:
 * @stage: (transfer full): a stage that belongs to no pipeline yet
 * @func: (scope notified) (closure user_data) (destroy destroy): decides about errors
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of another one and a function that decides, and gets what an error is made of.
 *
 * This is for languages in which a callback cannot be given an error, such as JavaScript, whose
 * `Gp.ErrorFilterStage.new ()` is made of it. Otherwise use [ctor@ErrorFilterStage.new], which is the
 * same in all else.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpErrorFilterStage *
gp_error_filter_stage_new_with_parts (GpStage                    *stage,
                                      GpErrorPartsFilterFunction  func,
                                      gpointer                    user_data,
                                      GDestroyNotify              destroy)
{
  g_return_val_if_fail (GP_IS_STAGE (stage), NULL);
  g_return_val_if_fail (func != NULL, NULL);

  return gp_error_filter_stage_new (stage, decide_by_parts_cb,
                                    gp_user_function_new (G_CALLBACK (func), user_data, destroy),
                                    (GDestroyNotify) gp_user_function_unref);
}

/**
 * gp_error_filter_stage_new_ignoring:
 * @stage: (transfer full): a stage that belongs to no pipeline yet
 * @matcher: (transfer full): matches the errors that are forgiven
 *
 * Makes a stage of another one and the errors that are none.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpErrorFilterStage *
gp_error_filter_stage_new_ignoring (GpStage        *stage,
                                    GpErrorMatcher *matcher)
{
  g_autoptr (GpStage) owned = NULL;
  g_autoptr (GpErrorMatcher) owned_matcher = NULL;

  g_return_val_if_fail (GP_IS_STAGE (stage), NULL);
  g_return_val_if_fail (GP_IS_ERROR_MATCHER (matcher), NULL);

  owned = stage;
  owned_matcher = matcher;

  return g_object_new (GP_TYPE_ERROR_FILTER_STAGE, "stage", owned, "matcher", owned_matcher, NULL);
}

/**
 * gp_error_filter_stage_get_stage: (get-property stage)
 * @self: an error filter
 *
 * Gets the stage whose errors are filtered.
 *
 * Returns: (transfer none) (nullable): the stage, or `NULL` if none was given
 *
 * Since: 0.1
 */
GpStage *
gp_error_filter_stage_get_stage (GpErrorFilterStage *self)
{
  g_return_val_if_fail (GP_IS_ERROR_FILTER_STAGE (self), NULL);

  return gp_decorator_stage_get_inner (GP_DECORATOR_STAGE (self));
}

/**
 * gp_error_filter_stage_get_matcher: (get-property matcher)
 * @self: an error filter
 *
 * Gets what matches the errors that are forgiven.
 *
 * Returns: (transfer none) (nullable): the matcher, or `NULL` if a function decides
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_filter_stage_get_matcher (GpErrorFilterStage *self)
{
  g_return_val_if_fail (GP_IS_ERROR_FILTER_STAGE (self), NULL);

  return self->matcher;
}
