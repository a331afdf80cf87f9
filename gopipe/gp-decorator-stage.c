/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-decorator-stage-private.h"

#include "gp-error-private.h"
#include "gp-limitable.h"
#include "gp-stage-private.h"

/* The decorator holds the stage that it wraps, from its construction to its own end. It has no
 * state of a run: what belongs to one is data of the end functions on the run's context. */
typedef struct
{
  GpStage                *inner; /* or NULL: the start fails */
  const GpDecoratorHooks *hooks;
  gboolean                prepared; /* and so is the wrapped stage, which is started or told */
} GpDecoratorStagePrivate;

typedef struct
{
  GpStageEndFunc  func;
  gpointer        data;
  GDestroyNotify  destroy;
  gboolean        at_home;
} EndFunc;

static void gp_decorator_stage_stage_init          (GpStageInterface         *iface);
static void gp_decorator_stage_thread_starter_init (GpThreadStarterInterface *iface);
static void gp_decorator_stage_limitable_init      (GpLimitableInterface     *iface);

G_DEFINE_ABSTRACT_TYPE_WITH_CODE (GpDecoratorStage, gp_decorator_stage, G_TYPE_OBJECT,
                                  G_ADD_PRIVATE (GpDecoratorStage)
                                  G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE,
                                                         gp_decorator_stage_stage_init)
                                  G_IMPLEMENT_INTERFACE (GP_TYPE_THREAD_STARTER,
                                                         gp_decorator_stage_thread_starter_init)
                                  G_IMPLEMENT_INTERFACE (GP_TYPE_LIMITABLE,
                                                         gp_decorator_stage_limitable_init))

static GQuark end_funcs_quark (void);
G_DEFINE_QUARK (gp-stage-context-end-funcs, end_funcs)

static GpDecoratorStagePrivate *
get_private (gpointer self)
{
  return gp_decorator_stage_get_instance_private (GP_DECORATOR_STAGE (self));
}

static GpStage *
get_inner (gpointer self)
{
  return get_private (self)->inner;
}

/* --- GpStage ------------------------------------------------------------------------------- */

static char *
gp_decorator_stage_get_name (GpStage *stage)
{
  GpStage *inner = get_inner (stage);

  return inner != NULL ? gp_stage_get_name (inner) : NULL;
}

static void
gp_decorator_stage_preferences (GpStage        *stage,
                                GpIOPreference *stdin_preference,
                                GpIOPreference *stdout_preference)
{
  GpStage *inner = get_inner (stage);

  if (inner != NULL)
    gp_stage_preferences (inner, stdin_preference, stdout_preference);
}

static gboolean
gp_decorator_stage_needs_main_context (GpStage *stage)
{
  GpStage *inner = get_inner (stage);

  return inner != NULL && gp_stage_needs_main_context (inner);
}

static void
seal (GpDecoratorStage *self)
{
  const GpDecoratorHooks *hooks = get_private (self)->hooks;

  if (hooks != NULL && hooks->seal != NULL)
    hooks->seal (self);
}

static gboolean
call_begin (GpDecoratorStage  *self,
            GpStageContext    *context,
            GError           **error)
{
  const GpDecoratorHooks *hooks = get_private (self)->hooks;

  if (get_inner (self) == NULL)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                   "a stage of class %s needs another one that it wraps", G_OBJECT_TYPE_NAME (self));
      return FALSE;
    }

  return hooks == NULL || hooks->begin == NULL || hooks->begin (self, context, error);
}

/* What comes before each start */
static gboolean
begin (GpDecoratorStage  *self,
       GpStageContext    *context,
       GError           **error)
{
  g_autoptr (GError) local_error = NULL;

  seal (self);
  if (call_begin (self, context, &local_error))
    return TRUE;

  if (get_private (self)->prepared)
    gp_thread_starter_forget (GP_THREAD_STARTER (self), local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}

static void
inner_started_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      data)
{
  g_autoptr (GTask) task = data;
  g_autoptr (GError) error = NULL;

  if (gp_stage_start_finish (GP_STAGE (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else if (error != NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_boolean (task, FALSE); /* a fault, which the pipeline knows how to name */
}

static void
gp_decorator_stage_start_async (GpStage             *stage,
                                GpStageContext      *context,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stage, cancellable, callback, user_data);
  g_autoptr (GError) error = NULL;

  g_task_set_source_tag (task, gp_decorator_stage_start_async);
  g_task_set_check_cancellable (task, FALSE);

  if (begin (GP_DECORATOR_STAGE (stage), context, &error))
    gp_stage_start_async (get_inner (stage), context, cancellable,
                          inner_started_cb, g_steal_pointer (&task));
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static gboolean
gp_decorator_stage_start_finish (GpStage       *stage,
                                 GAsyncResult  *result,
                                 GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, stage), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
gp_decorator_stage_stage_init (GpStageInterface *iface)
{
  iface->get_name = gp_decorator_stage_get_name;
  iface->preferences = gp_decorator_stage_preferences;
  iface->needs_main_context = gp_decorator_stage_needs_main_context;
  iface->start_async = gp_decorator_stage_start_async;
  iface->start_finish = gp_decorator_stage_start_finish;
}

/* --- GpThreadStarter ----------------------------------------------------------------------- */

static void
gp_decorator_stage_prepare (GpThreadStarter *starter,
                            GpCallbackQueue *queue)
{
  GpStage *inner = get_inner (starter);

  seal (GP_DECORATOR_STAGE (starter));
  get_private (starter)->prepared = TRUE;
  if (GP_IS_THREAD_STARTER (inner))
    gp_thread_starter_prepare (GP_THREAD_STARTER (inner), queue);
}

static gboolean
gp_decorator_stage_check_ends (GpThreadStarter  *starter,
                               gboolean          has_stdin,
                               gboolean          has_stdout,
                               GError          **error)
{
  GpStage *inner = get_inner (starter);

  return !GP_IS_THREAD_STARTER (inner) ||
         gp_thread_starter_check_ends (GP_THREAD_STARTER (inner), has_stdin, has_stdout, error);
}

/* These two are only called if what is wrapped can be started in a thread. */
static gboolean
gp_decorator_stage_launch (GpThreadStarter *starter,
                           GpStageContext  *context)
{
  return gp_thread_starter_launch (GP_THREAD_STARTER (get_inner (starter)), context);
}

static gboolean
gp_decorator_stage_start (GpThreadStarter  *starter,
                          GpStageContext   *context,
                          GError          **error)
{
  return begin (GP_DECORATOR_STAGE (starter), context, error) &&
         gp_thread_starter_start (GP_THREAD_STARTER (get_inner (starter)), context, error);
}

static void
gp_decorator_stage_forget (GpThreadStarter *starter,
                           const GError    *error)
{
  GpStage *inner = get_inner (starter);

  if (GP_IS_THREAD_STARTER (inner))
    gp_thread_starter_forget (GP_THREAD_STARTER (inner), error);
}

/* Whether a stage is started in a thread, and whether it is bounded, is asked of what is wrapped. */
static void
gp_decorator_stage_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->prepare = gp_decorator_stage_prepare;
  iface->check_ends = gp_decorator_stage_check_ends;
  iface->launch = gp_decorator_stage_launch;
  iface->start = gp_decorator_stage_start;
  iface->forget = gp_decorator_stage_forget;
  iface->is_bounded = TRUE;
}

/* --- GpLimitable --------------------------------------------------------------------------- */

static gboolean
gp_decorator_stage_check (GpLimitable  *limitable,
                          GError      **error)
{
  GpStage *inner = get_inner (limitable);

  if (GP_IS_LIMITABLE (inner))
    return gp_limitable_check (GP_LIMITABLE (inner), error);

  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                       "its memory cannot be watched: it has no process");

  return FALSE;
}

static gboolean
gp_decorator_stage_measure (GpLimitable *limitable,
                            guint64     *memory,
                            guint64     *peak)
{
  GpStage *inner = get_inner (limitable);

  return GP_IS_LIMITABLE (inner) && gp_limitable_measure (GP_LIMITABLE (inner), memory, peak);
}

static void
gp_decorator_stage_kill (GpLimitable  *limitable,
                         const GError *reason)
{
  GpStage *inner = get_inner (limitable);

  if (GP_IS_LIMITABLE (inner))
    gp_limitable_kill (GP_LIMITABLE (inner), reason);
}

static void
gp_decorator_stage_limitable_init (GpLimitableInterface *iface)
{
  iface->check = gp_decorator_stage_check;
  iface->measure = gp_decorator_stage_measure;
  iface->kill = gp_decorator_stage_kill;
}

/* --- The type ------------------------------------------------------------------------------ */

static void
gp_decorator_stage_dispose (GObject *object)
{
  g_clear_object (&get_private (object)->inner);

  G_OBJECT_CLASS (gp_decorator_stage_parent_class)->dispose (object);
}

static void
gp_decorator_stage_class_init (GpDecoratorStageClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = gp_decorator_stage_dispose;
}

static void
gp_decorator_stage_init (GpDecoratorStage *self)
{
}

void
gp_decorator_stage_set_hooks (GpDecoratorStage       *self,
                              const GpDecoratorHooks *hooks)
{
  get_private (self)->hooks = hooks;
}

void
gp_decorator_stage_set_inner (GpDecoratorStage *self,
                              GpStage          *inner)
{
  g_set_object (&get_private (self)->inner, inner);
}

GpStage *
gp_decorator_stage_get_inner (GpDecoratorStage *self)
{
  return get_inner (self);
}

GpStage *
gp_stage_undecorate (GpStage *stage)
{
  while (GP_IS_DECORATOR_STAGE (stage))
    stage = get_inner (stage);

  return stage;
}

/* --- The end ------------------------------------------------------------------------------- */

static void
end_func_clear (gpointer data)
{
  EndFunc *end_func = data;

  if (end_func->destroy != NULL)
    end_func->destroy (end_func->data);
}

static void
add_end_func (GpStageContext *context,
              EndFunc         end_func)
{
  GArray *end_funcs = g_object_get_qdata (G_OBJECT (context), end_funcs_quark ());

  if (end_funcs == NULL)
    {
      end_funcs = g_array_new (FALSE, FALSE, sizeof (EndFunc));
      g_array_set_clear_func (end_funcs, end_func_clear);
      g_object_set_qdata_full (G_OBJECT (context), end_funcs_quark (),
                               end_funcs, (GDestroyNotify) g_array_unref);
    }
  g_array_append_val (end_funcs, end_func);
}

void
gp_stage_context_add_end_func (GpStageContext *context,
                               GpStageEndFunc  func,
                               gpointer        data,
                               GDestroyNotify  destroy)
{
  add_end_func (context, (EndFunc) { func, data, destroy, FALSE });
}

void
gp_stage_context_add_home_end_func (GpStageContext *context,
                                    GpStageEndFunc  func,
                                    gpointer        data,
                                    GDestroyNotify  destroy)
{
  add_end_func (context, (EndFunc) { func, data, destroy, TRUE });
}

gboolean
gp_stage_context_call_end_funcs (GpStageContext  *context,
                                 GpEndFuncs       which,
                                 GError         **error)
{
  GArray *end_funcs = g_object_get_qdata (G_OBJECT (context), end_funcs_quark ());

  while (end_funcs != NULL && end_funcs->len > 0)
    {
      const EndFunc *end_func = &g_array_index (end_funcs, EndFunc, end_funcs->len - 1);
      gboolean is_error = *error != NULL && !gp_error_is_finish_early (*error);

      if (end_func->at_home && is_error && which == GP_END_FUNCS_ANYWHERE)
        return FALSE;

      if (!end_func->at_home || (is_error && which == GP_END_FUNCS_AT_HOME))
        *error = end_func->func (context, *error, end_func->data);
      g_array_set_size (end_funcs, end_funcs->len - 1);
    }

  return TRUE;
}
