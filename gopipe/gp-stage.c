/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-private.h"

#include "gp-decorator-stage-private.h"
#include "gp-descriptor-private.h"
#include "gp-error-private.h"
#include "gp-stage-context-private.h"
#include "gp-thread-pool-private.h"

#include <string.h>

/**
 * GpStage:
 *
 * One element of a pipeline.
 *
 * Implement it to add a kind of stage of your own. A stage tells what it prefers to read from and
 * write to, is handed a [class@StageContext] with its streams when it is started, and reports its
 * end on that context, exactly once and from any thread.
 *
 * An implementation overrides either `run`, the simple way, or `start_async` and `start_finish`.
 * For work that blocks, derive from [class@ThreadStage] instead, or use [class@FunctionStage].
 *
 * All methods are called in the main context in which the pipeline is started, unless the stage
 * says by `needs_main_context` that it does not need one.
 *
 * Since: 0.1
 */

/**
 * GpStageInterface:
 * @get_name: returns the name for errors and pictures; the default is the name of the class
 * @preferences: tells what the stage prefers to read and write; the default is any stream
 * @needs_main_context: tells whether the stage only works while the starter's main context runs;
 *   the default is `TRUE`. A stage that returns `FALSE` is started in any thread.
 * @start_async: starts the stage; the default calls @run
 * @start_finish: completes @start_async
 * @run: takes the stage's work: does it, or begins it, and reports the end on the context.
 *   Returning `FALSE` with an error ends the stage with that error.
 *
 * The virtual methods of a stage.
 *
 * Since: 0.1
 */

/**
 * GpStageInterface::run:
 * @self: a stage
 * @context: what the stage is given for this run
 * @error: return location for an error
 *
 * Takes the stage's work: does it, or begins it.
 *
 * The simple way to implement a stage. The end is reported on @context, before or after this
 * returns, from any thread. Called in the main context in which the pipeline was started, where it
 * must not block.
 *
 * Returns: `TRUE` if the work was taken, `FALSE` if the stage ends now with @error
 *
 * Since: 0.1
 */

G_DEFINE_INTERFACE (GpStage, gp_stage, G_TYPE_OBJECT)

G_DEFINE_INTERFACE (GpThreadStarter, gp_thread_starter, GP_TYPE_STAGE)

static void
gp_thread_starter_default_init (GpThreadStarterInterface *iface)
{
}

void
gp_thread_starter_prepare (GpThreadStarter *self,
                           GpCallbackQueue *queue)
{
  GpThreadStarterInterface *iface = GP_THREAD_STARTER_GET_IFACE (self);

  if (iface->prepare != NULL)
    iface->prepare (self, queue);
}

gboolean
gp_thread_starter_check_ends (GpThreadStarter  *self,
                              gboolean          has_stdin,
                              gboolean          has_stdout,
                              GError          **error)
{
  GpThreadStarterInterface *iface = GP_THREAD_STARTER_GET_IFACE (self);

  return iface->check_ends == NULL || iface->check_ends (self, has_stdin, has_stdout, error);
}

gboolean
gp_thread_starter_launch (GpThreadStarter *self,
                          GpStageContext  *context)
{
  GpThreadStarterInterface *iface = GP_THREAD_STARTER_GET_IFACE (self);

  return iface->launch != NULL && iface->launch (self, context);
}

gboolean
gp_thread_starter_start (GpThreadStarter  *self,
                         GpStageContext   *context,
                         GError          **error)
{
  return GP_THREAD_STARTER_GET_IFACE (self)->start (self, context, error);
}

void
gp_thread_starter_forget (GpThreadStarter *self,
                          const GError    *error)
{
  GpThreadStarterInterface *iface = GP_THREAD_STARTER_GET_IFACE (self);

  if (iface->forget != NULL)
    iface->forget (self, error);
}

gboolean
gp_thread_starter_is_bounded (GpStage *stage)
{
  stage = gp_stage_undecorate (stage);

  return GP_IS_THREAD_STARTER (stage) && GP_THREAD_STARTER_GET_IFACE (stage)->is_bounded;
}

static char *
gp_stage_real_get_name (GpStage *self)
{
  const char *name = G_OBJECT_TYPE_NAME (self);

  /* What bindings put before the name of the class as the programmer knows it */
  if (g_str_has_prefix (name, "Gjs_"))
    name += strlen ("Gjs_");
  else if (g_str_has_prefix (name, "__main__+"))
    name += strlen ("__main__+");

  return g_strdup (name);
}

static void
gp_stage_real_preferences (GpStage        *self,
                           GpIOPreference *stdin_preference,
                           GpIOPreference *stdout_preference)
{
  *stdin_preference = GP_IO_ANY;
  *stdout_preference = GP_IO_ANY;
}

static gboolean
gp_stage_real_needs_main_context (GpStage *self)
{
  return !GP_IS_THREAD_STARTER (self);
}

static void
call_run (GpStage        *self,
          GpStageContext *context)
{
  g_autoptr (GError) error = NULL;
  gboolean taken = GP_STAGE_GET_IFACE (self)->run (self, context, &error);

  if (taken && error != NULL)
    gp_stage_context_return_fault (context, "run () returned TRUE and set an error");
  else if (!taken && error != NULL)
    gp_stage_context_return_error (context, error);
  else if (!taken)
    gp_stage_context_return_fault (context, "run () returned FALSE without an error");
}

/* A stage of the library, started by somebody who only knows the public interface */
static void
start_in_pool_cb (gpointer data)
{
  g_autoptr (GTask) task = data;
  g_autoptr (GError) error = NULL;

  if (gp_thread_starter_start (g_task_get_source_object (task), g_task_get_task_data (task), &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
gp_stage_real_start_async (GpStage             *self,
                           GpStageContext      *context,
                           GCancellable        *cancellable,
                           GAsyncReadyCallback  callback,
                           gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);
  g_autoptr (GError) error = NULL;

  g_task_set_source_tag (task, gp_stage_real_start_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, g_object_ref (context), g_object_unref);

  if (GP_IS_THREAD_STARTER (self))
    {
      g_autoptr (GpCallbackQueue) queue = gp_callback_queue_new ();

      gp_thread_starter_prepare (GP_THREAD_STARTER (self), queue);
      if (gp_thread_pool_push ("start", start_in_pool_cb, g_object_ref (task), &error))
        return;

      g_object_unref (task);
      g_task_return_error (task, g_steal_pointer (&error));
    }
  else if (GP_STAGE_GET_IFACE (self)->run == NULL)
    {
      g_task_return_new_error (task, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                               "class %s implements neither run () nor start_async ()",
                               G_OBJECT_TYPE_NAME (self));
    }
  else
    {
      call_run (self, context);
      g_task_return_boolean (task, TRUE);
    }
}

static gboolean
gp_stage_real_start_finish (GpStage       *self,
                            GAsyncResult  *result,
                            GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
gp_stage_default_init (GpStageInterface *iface)
{
  iface->get_name = gp_stage_real_get_name;
  iface->preferences = gp_stage_real_preferences;
  iface->needs_main_context = gp_stage_real_needs_main_context;
  iface->start_async = gp_stage_real_start_async;
  iface->start_finish = gp_stage_real_start_finish;
}

static void
store_result_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      data)
{
  GAsyncResult **stored = data;

  *stored = g_object_ref (result);
}

gboolean
gp_stage_start_blocking (GpStage         *self,
                         GpStageContext  *context,
                         GCancellable    *cancellable,
                         GError         **error)
{
  g_autoptr (GMainContext) loop_context = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  if (GP_STAGE_GET_IFACE (self)->start_async == gp_stage_real_start_async &&
      GP_STAGE_GET_IFACE (self)->run != NULL)
    {
      call_run (self, context);
      return TRUE;
    }

  loop_context = gp_descriptor_new_main_context (error);
  if (loop_context == NULL)
    return FALSE;

  g_main_context_push_thread_default (loop_context);
  gp_stage_start_async (self, context, cancellable, store_result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (loop_context, TRUE);
  g_main_context_pop_thread_default (loop_context);

  return gp_stage_start_finish (self, result, error);
}

/**
 * gp_stage_get_name: (virtual get_name)
 * @self: a stage
 *
 * Gets the name of a stage, as it stands in errors: for a command the program's name.
 *
 * Returns: (transfer full): the name
 *
 * Since: 0.1
 */
char *
gp_stage_get_name (GpStage *self)
{
  char *name;

  g_return_val_if_fail (GP_IS_STAGE (self), NULL);

  name = GP_STAGE_GET_IFACE (self)->get_name (self);

  return name != NULL ? name : gp_stage_real_get_name (self);
}

/**
 * gp_stage_preferences: (virtual preferences)
 * @self: a stage
 * @stdin_preference: (out): what it prefers to read
 * @stdout_preference: (out): what it prefers to write
 *
 * Asks a stage what streams it prefers.
 *
 * Between two stages that take any stream there is an in-memory pipe; where either prefers a
 * descriptor there is an operating system pipe. At the ends of a pipeline a stage gets the
 * caller's stream, whatever it prefers.
 *
 * Since: 0.1
 */
void
gp_stage_preferences (GpStage        *self,
                      GpIOPreference *stdin_preference,
                      GpIOPreference *stdout_preference)
{
  g_return_if_fail (GP_IS_STAGE (self));
  g_return_if_fail (stdin_preference != NULL && stdout_preference != NULL);

  *stdin_preference = GP_IO_ANY;
  *stdout_preference = GP_IO_ANY;
  GP_STAGE_GET_IFACE (self)->preferences (self, stdin_preference, stdout_preference);
}

/**
 * gp_stage_needs_main_context: (virtual needs_main_context)
 * @self: a stage
 *
 * Tells whether the stage can only work while the main context of its starter runs.
 *
 * Such a pipeline cannot be run by synchronous calls, which would keep that context from running.
 *
 * Returns: `TRUE` if it needs the main context
 *
 * Since: 0.1
 */
gboolean
gp_stage_needs_main_context (GpStage *self)
{
  g_return_val_if_fail (GP_IS_STAGE (self), TRUE);

  return GP_STAGE_GET_IFACE (self)->needs_main_context (self);
}

/**
 * gp_stage_start_async: (virtual start_async)
 * @self: a stage
 * @context: what the stage is given for this run
 * @cancellable: (nullable): cancels the whole run
 * @callback: (nullable) (scope async) (closure user_data): called when the stage runs, or could not be started
 * @user_data: data for @callback
 *
 * Starts a stage. Pipelines call this; only a stage that wraps another needs to.
 *
 * It completes as soon as the stage runs. How the stage ends is reported on @context.
 *
 * Since: 0.1
 */
void
gp_stage_start_async (GpStage             *self,
                      GpStageContext      *context,
                      GCancellable        *cancellable,
                      GAsyncReadyCallback  callback,
                      gpointer             user_data)
{
  g_return_if_fail (GP_IS_STAGE (self));
  g_return_if_fail (GP_IS_STAGE_CONTEXT (context));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  GP_STAGE_GET_IFACE (self)->start_async (self, context, cancellable, callback, user_data);
}

/**
 * gp_stage_start_finish: (virtual start_finish)
 * @self: a stage
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Stage.start_async].
 *
 * Returns: `TRUE` if the stage runs, `FALSE` with @error if it could not be started and has
 *   closed the streams that it was handed
 *
 * Since: 0.1
 */
gboolean
gp_stage_start_finish (GpStage       *self,
                       GAsyncResult  *result,
                       GError       **error)
{
  g_return_val_if_fail (GP_IS_STAGE (self), FALSE);
  g_return_val_if_fail (G_IS_ASYNC_RESULT (result), FALSE);

  return GP_STAGE_GET_IFACE (self)->start_finish (self, result, error);
}
