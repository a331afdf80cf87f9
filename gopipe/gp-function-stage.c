/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-function-stage.h"

#include "gp-collector-private.h"
#include "gp-error.h"
#include "gp-stage-context.h"
#include "gp-user-function-private.h"

/**
 * GpFunctionStage:
 *
 * A stage that is a function over an input and an output stream.
 *
 * The function runs in a thread of its own and may block. See [callback@Function].
 *
 * Not for JavaScript, which knows only one thread: use [class@AsyncStage] there.
 *
 * Since: 0.1
 */
struct _GpFunctionStage
{
  GpThreadStage  parent_instance;

  GpUserFunction function;
};

G_DEFINE_FINAL_TYPE (GpFunctionStage, gp_function_stage, GP_TYPE_THREAD_STAGE)

static gboolean
gp_function_stage_process (GpThreadStage   *stage,
                           GpStageContext  *context,
                           GCancellable    *cancellable,
                           GError         **error)
{
  GpFunctionStage *self = GP_FUNCTION_STAGE (stage);
  GInputStream *context_input = gp_stage_context_get_stdin (context);
  GOutputStream *context_output = gp_stage_context_get_stdout (context);
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;

  if (self->function.func == NULL)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "it was not made by gp_function_stage_new () and has no function");
      return FALSE;
    }

  /* No function has to ask whether it is the first or the last. */
  input = context_input != NULL ? g_object_ref (context_input) : g_memory_input_stream_new ();
  output = context_output != NULL ? g_object_ref (context_output) : gp_collector_new_sink ();

  return ((GpFunction) self->function.func) (input, output, context, self->function.data, error);
}

static void
gp_function_stage_finalize (GObject *object)
{
  GpFunctionStage *self = GP_FUNCTION_STAGE (object);

  gp_user_function_clear (&self->function);

  G_OBJECT_CLASS (gp_function_stage_parent_class)->finalize (object);
}

static void
gp_function_stage_class_init (GpFunctionStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GpThreadStageClass *thread_stage_class = GP_THREAD_STAGE_CLASS (klass);

  object_class->finalize = gp_function_stage_finalize;
  thread_stage_class->process = gp_function_stage_process;
}

static void
gp_function_stage_init (GpFunctionStage *self)
{
}

/**
 * gp_function_stage_new:
 * @name: (nullable): the name for errors and pictures
 * @func: (scope notified) (closure user_data) (destroy destroy): the function, called in a thread
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of a function that may block.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpFunctionStage *
gp_function_stage_new (const char     *name,
                       GpFunction      func,
                       gpointer        user_data,
                       GDestroyNotify  destroy)
{
  GpFunctionStage *self;

  g_return_val_if_fail (func != NULL, NULL);

  self = g_object_new (GP_TYPE_FUNCTION_STAGE, "name", name != NULL ? name : "function", NULL);
  gp_user_function_init (&self->function, G_CALLBACK (func), user_data, destroy);

  return self;
}
