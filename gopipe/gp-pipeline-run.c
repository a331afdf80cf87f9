/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-fork-private.h"
#include "gp-function-stage.h"
#include "gp-pump-private.h"
#include "gp-stage-context.h"

#include <unistd.h>

/* --- Making the run ----------------------------------------------------------------------- */

/* What a pipeline without stages does */
static gboolean
copy_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  GpPumpResult result = { 0, };

  gp_pump_copy (input, output, gp_stage_context_get_cancellable (context), &result);
  if (result.read_error != NULL)
    g_propagate_error (error, g_steal_pointer (&result.read_error));
  else if (result.write_error != NULL)
    g_propagate_error (error, g_steal_pointer (&result.write_error));
  else
    return TRUE;

  gp_pump_result_clear (&result);

  return FALSE;
}

static GPtrArray *
dup_stages (GpPipeline *self,
            gboolean    copies_when_empty)
{
  GPtrArray *stages = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < self->stages->len; i++)
    g_ptr_array_add (stages, g_object_ref (g_ptr_array_index (self->stages, i)));

  if (stages->len == 0 && copies_when_empty)
    g_ptr_array_add (stages, gp_function_stage_new ("copy", copy_func, NULL, NULL));

  return stages;
}

static void
set_ends (GpPipeline *self)
{
  if (self->input.reader != NULL)
    gp_run_set_stdin (self->run, self->input.reader, GP_OWNER_EDGE, NULL);
  else if (self->stdin_stream != NULL)
    gp_run_set_stdin (self->run, self->stdin_stream,
                      self->close_stdin ? GP_OWNER_GIVEN : GP_OWNER_LENT, NULL);
  else if (self->stdin_file != NULL)
    gp_run_set_stdin_file (self->run, self->stdin_file);

  if (self->output.writer != NULL)
    gp_run_set_stdout (self->run, self->output.writer, GP_OWNER_EDGE, NULL);
  else if (self->stdout_stream != NULL)
    gp_run_set_stdout (self->run, self->stdout_stream,
                       self->close_stdout ? GP_OWNER_GIVEN : GP_OWNER_LENT, NULL);
  else if (self->stdout_file != NULL)
    gp_run_set_stdout_file (self->run, self->stdout_file, self->stdout_file_mode);
  else if (self->collector != NULL)
    gp_run_set_stdout (self->run, G_OUTPUT_STREAM (self->collector), GP_OWNER_LENT, NULL);

  /* The run has them now: kept here, they would never be closed by dropping them. */
  g_clear_object (&self->input.reader);
  g_clear_object (&self->output.writer);
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
}

static GError *
find_mistake (GpPipeline *self)
{
  g_autoptr (GError) error = NULL;

  if (self->mistake != NULL)
    return g_error_copy (self->mistake);

  gp_environment_evaluate (self->environ);
  if (gp_pipeline_check_files (self, &error) && gp_environment_check (self->environ, &error))
    return NULL;

  return gp_error_copy_prefixed (error, "%s: ", self->name != NULL ? self->name : "pipeline");
}

void
gp_pipeline_make_run (GpPipeline      *self,
                      GpCallbackQueue *queue,
                      gboolean         is_stage)
{
  gboolean has_output = self->stdout_stream != NULL || self->stdout_file != NULL ||
                        self->output.writer != NULL || self->collector != NULL;
  g_autoptr (GPtrArray) stages = dup_stages (self, is_stage || has_output);
  g_autoptr (GError) mistake = NULL;
  GpRunConfig config;

  /* What the application's functions might want to change now would come too late. */
  self->starting = TRUE;
  mistake = find_mistake (self);
  config = (GpRunConfig) {
    .owner = G_OBJECT (self),
    .stages = stages,
    .statuses = self->statuses,
    .queue = queue,
    .mistake = mistake,
    .fault_handler = self->fault_handler,
    .interrupt = self->interrupt,
    .input_memory = self->input.memory,
    .output_memory = self->output.memory,
    .output_gate = self->output.gate,
    .directory = self->directory,
    .environ = gp_environment_apply (self->environ, g_get_environ ()),
    .time_limit = self->time_limit,
    .pipe_hold_timeout = self->pipe_hold_timeout,
    .abandon_delay = self->abandon_delay,
    .ignore_pipe_errors = self->ignore_pipe_errors,
    .partial_input_is_error = self->partial_input_is_error,
    .reader_may_leave = self->output.writer != NULL,
  };

  self->run = gp_run_new (&config);
  set_ends (self);
}

/* --- What starting needs ------------------------------------------------------------------ */

gboolean
gp_pipeline_check_not_started (GpPipeline  *self,
                               GError     **error)
{
  if (self->starting)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED,
                           "the pipeline was already started; it runs only once");
      return FALSE;
    }

  return gp_fork_check (error);
}

static gboolean
check_started (GpPipeline  *self,
               GError     **error)
{
  /* What runs in another process never ends here. */
  if (self->run != NULL)
    return gp_run_is_ended (self->run) || gp_fork_check (error);

  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NOT_STARTED,
                       "the pipeline was not started yet");

  return FALSE;
}

/* A synchronous call would keep such a stage from ever running. */
static gboolean
check_synchronous (GpPipeline  *self,
                   GError     **error)
{
  for (guint i = 0; i < self->stages->len; i++)
    {
      GpStage *stage = g_ptr_array_index (self->stages, i);

      if (gp_stage_needs_main_context (stage))
        {
          g_autofree char *name = gp_stage_get_name (stage);

          g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT,
                       "stage \"%s\" needs the main context, which a synchronous call would "
                       "block; use the asynchronous one", name);
          return FALSE;
        }
    }

  return TRUE;
}

/* Starts it and waits; @condition is asked about the run. Only after the functions of the application that
 * are called for the run this thread does nothing but start it. */
static void
start_and_wait (GpPipeline      *self,
                GpCallbackQueue *queue,
                GpCondition      condition,
                GCancellable    *cancellable)
{
  gp_pipeline_make_run (self, queue, FALSE);
  gp_engine_be_patient ();
  gp_run_start (self->run, TRUE, cancellable);
  gp_callback_queue_wait (queue, condition, self->run);
}

static void
start_asynchronously (GpPipeline   *self,
                      GCancellable *cancellable)
{
  g_autoptr (GpCallbackQueue) queue = gp_callback_queue_new ();

  gp_pipeline_make_run (self, queue, FALSE);
  gp_run_start (self->run, FALSE, cancellable);
}

/* A thread without a main context of its own must not borrow the default one, which is the main
 * thread's. */
static GpCallbackQueue *
new_start_queue (GError **error)
{
  if (g_main_context_get_thread_default () == NULL && getpid () != gettid ())
    return gp_callback_queue_new_private (error);

  return gp_callback_queue_new ();
}

static gboolean
is_started (gpointer data)
{
  return gp_run_is_started (data);
}

static gboolean
is_ended (gpointer data)
{
  return gp_run_is_ended (data);
}

static gboolean
return_outcome (GpRun   *run,
                GError **error)
{
  g_autoptr (GError) outcome = gp_run_dup_error (run);

  if (outcome == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&outcome));

  return FALSE;
}

/* --- Tasks -------------------------------------------------------------------------------- */

static GTask *
new_task (GpPipeline          *self,
          GCancellable        *cancellable,
          GAsyncReadyCallback  callback,
          gpointer             user_data,
          gpointer             source_tag)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);

  /* Why a run ended is the run's to say: a task would only say "cancelled". */
  g_task_set_check_cancellable (task, FALSE);
  (g_task_set_source_tag) (task, source_tag);

  return task;
}

static void
return_start_cb (gpointer data)
{
  g_autoptr (GTask) task = data;
  GpPipeline *self = g_task_get_source_object (task);
  g_autoptr (GError) error = gp_run_dup_start_error (self->run);

  if (error == NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
return_end_cb (gpointer data)
{
  g_autoptr (GTask) task = data;
  GpPipeline *self = g_task_get_source_object (task);
  g_autoptr (GError) error = NULL;

  if (return_outcome (self->run, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

static void
started_cb (GpRun    *run,
            gpointer  task)
{
  gp_callback_queue_push_task (gp_run_get_queue (run), task, return_start_cb, task);
}

static void
ended_cb (GpRun    *run,
          gpointer  task)
{
  gp_callback_queue_push_task (gp_run_get_queue (run), task, return_end_cb, task);
}

/**
 * gp_pipeline_start:
 * @self: a pipeline
 * @cancellable: (nullable): cancels the whole run, not only this call
 * @error: return location for an error
 *
 * Starts a pipeline and waits until all its stages run.
 *
 * Blocks without running any main context. The streams that were given are closed when it fails.
 *
 * Returns: `TRUE` if the pipeline runs, or `FALSE` with an error that names the stage which could
 *   not be started, with `GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT` if a stage needs the main context, or
 *   with `GP_PIPELINE_ERROR_ALREADY_STARTED`
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_start (GpPipeline    *self,
                   GCancellable  *cancellable,
                   GError       **error)
{
  g_autoptr (GpCallbackQueue) queue = NULL;
  g_autoptr (GError) start_error = NULL;

  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!gp_pipeline_check_not_started (self, error) || !check_synchronous (self, error))
    return FALSE;

  queue = new_start_queue (error);
  if (queue == NULL)
    return FALSE;

  start_and_wait (self, queue, is_started, cancellable);

  start_error = gp_run_dup_start_error (self->run);
  if (start_error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&start_error));

  return FALSE;
}

/**
 * gp_pipeline_start_async:
 * @self: a pipeline
 * @cancellable: (nullable): cancels the whole run, not only this call
 * @callback: (nullable) (scope async) (closure user_data): called when all stages run, or the start has failed
 * @user_data: data for @callback
 *
 * Starts a pipeline.
 *
 * Never blocks. The calling thread's default main context becomes the home of the run: all
 * callbacks, notifications and stages that need a main context are called there.
 *
 * Since: 0.1
 */
void
gp_pipeline_start_async (GpPipeline          *self,
                         GCancellable        *cancellable,
                         GAsyncReadyCallback  callback,
                         gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = new_task (self, cancellable, callback, user_data, gp_pipeline_start_async);
  if (!gp_pipeline_check_not_started (self, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  start_asynchronously (self, cancellable);
  gp_run_when_started (self->run, started_cb, g_steal_pointer (&task));
}

/**
 * gp_pipeline_start_finish:
 * @self: a pipeline
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Pipeline.start_async].
 *
 * Returns: `TRUE` if the pipeline runs, or `FALSE` with an error that names the stage which could
 *   not be started
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_start_finish (GpPipeline    *self,
                          GAsyncResult  *result,
                          GError       **error)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipeline_start_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

typedef struct
{
  GpRun        *run;
  GCancellable *cancellable;
} Wait;

static gboolean
is_wait_over (gpointer data)
{
  Wait *wait = data;

  return gp_run_is_ended (wait->run) || g_cancellable_is_cancelled (wait->cancellable);
}

static void
wake_cb (GCancellable *cancellable,
         gpointer      queue)
{
  gp_callback_queue_wake (queue);
}

/**
 * gp_pipeline_wait:
 * @self: a pipeline
 * @cancellable: (nullable): ends the waiting only; the pipeline runs on
 * @error: return location for an error
 *
 * Waits until a pipeline has ended.
 *
 * Any number of callers may wait, before and after the end; all get the same outcome. Blocks
 * without running any main context.
 *
 * Returns: `TRUE` if all went well, or `FALSE` with the pipeline's error, with
 *   `GP_PIPELINE_ERROR_NOT_STARTED`, or with `GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT` if waiting here
 *   would keep a stage from running
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_wait (GpPipeline    *self,
                  GCancellable  *cancellable,
                  GError       **error)
{
  GpCallbackQueue *queue;
  gulong handler = 0;
  Wait wait;

  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_started (self, error))
    return FALSE;

  queue = gp_run_get_queue (self->run);
  if (!gp_run_is_ended (self->run) && gp_callback_queue_is_blocked (queue) &&
      !check_synchronous (self, error))
    return FALSE;

  wait = (Wait) { self->run, cancellable };
  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (wake_cb),
                                     gp_callback_queue_ref (queue),
                                     (GDestroyNotify) gp_callback_queue_unref);
  gp_callback_queue_wait (queue, is_wait_over, &wait);
  g_cancellable_disconnect (cancellable, handler);

  if (!gp_run_is_ended (self->run) && g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  return return_outcome (self->run, error);
}

/* Who comes first, the end of the run or of the waiting, takes the task. */
typedef struct
{
  gatomicrefcount  ref_count;
  GTask           *task;
  int              taken; /* atomic */
  GSource         *cancelled_source;
} AsyncWait;

static void
async_wait_unref (gpointer data)
{
  AsyncWait *wait = data;

  if (!g_atomic_ref_count_dec (&wait->ref_count))
    return;

  g_clear_pointer (&wait->cancelled_source, g_source_unref);
  g_object_unref (wait->task);
  g_free (wait);
}

static void
return_wait_cb (gpointer data)
{
  AsyncWait *wait = data;

  if (wait->cancelled_source != NULL)
    g_source_destroy (wait->cancelled_source);
  if (g_atomic_int_compare_and_exchange (&wait->taken, FALSE, TRUE))
    return_end_cb (g_object_ref (wait->task));
  async_wait_unref (wait);
}

static void
wait_ended_cb (GpRun    *run,
               gpointer  data)
{
  AsyncWait *wait = data;

  gp_callback_queue_push_task (gp_run_get_queue (run), wait->task, return_wait_cb, wait);
}

static gboolean
wait_cancelled_cb (GCancellable *cancellable,
                   gpointer      data)
{
  AsyncWait *wait = data;

  if (g_atomic_int_compare_and_exchange (&wait->taken, FALSE, TRUE))
    g_task_return_new_error (wait->task, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                             "waiting for the pipeline was cancelled");

  return G_SOURCE_REMOVE;
}

/**
 * gp_pipeline_wait_async:
 * @self: a pipeline
 * @cancellable: (nullable): ends the waiting only; the pipeline runs on
 * @callback: (nullable) (scope async) (closure user_data): called when the pipeline has ended
 * @user_data: data for @callback
 *
 * Waits until a pipeline has ended.
 *
 * Any number of callers may wait, before and after the end; all get the same outcome.
 *
 * Since: 0.1
 */
void
gp_pipeline_wait_async (GpPipeline          *self,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;
  AsyncWait *wait;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = new_task (self, cancellable, callback, user_data, gp_pipeline_wait_async);
  if (!check_started (self, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  wait = g_new0 (AsyncWait, 1);
  g_atomic_ref_count_init (&wait->ref_count);
  wait->task = g_steal_pointer (&task);
  if (cancellable != NULL)
    {
      wait->cancelled_source = g_cancellable_source_new (cancellable);
      g_atomic_ref_count_inc (&wait->ref_count);
      g_source_set_callback (wait->cancelled_source, G_SOURCE_FUNC (wait_cancelled_cb),
                             wait, async_wait_unref);
      g_source_attach (wait->cancelled_source, g_task_get_context (wait->task));
    }

  gp_run_when_ended (self->run, wait_ended_cb, wait);
}

/**
 * gp_pipeline_wait_finish:
 * @self: a pipeline
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Pipeline.wait_async].
 *
 * Returns: `TRUE` if all went well, or `FALSE` with the pipeline's error or
 *   `GP_PIPELINE_ERROR_NOT_STARTED`
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_wait_finish (GpPipeline    *self,
                         GAsyncResult  *result,
                         GError       **error)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipeline_wait_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * gp_pipeline_run:
 * @self: a pipeline
 * @cancellable: (nullable): cancels the whole run
 * @error: return location for an error
 *
 * Starts a pipeline and waits until it has ended.
 *
 * Blocks without running any main context.
 *
 * Returns: `TRUE` if all went well, or `FALSE` with the pipeline's error: of the stage that failed,
 *   `G_IO_ERROR_CANCELLED`, `G_IO_ERROR_TIMED_OUT`, or what [method@Pipeline.start] says
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_run (GpPipeline    *self,
                 GCancellable  *cancellable,
                 GError       **error)
{
  g_autoptr (GpCallbackQueue) queue = NULL;

  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!gp_pipeline_check_not_started (self, error) || !check_synchronous (self, error))
    return FALSE;

  queue = gp_callback_queue_new_private (error);
  if (queue == NULL)
    return FALSE;

  start_and_wait (self, queue, is_ended, cancellable);

  return return_outcome (self->run, error);
}

/**
 * gp_pipeline_run_async:
 * @self: a pipeline
 * @cancellable: (nullable): cancels the whole run
 * @callback: (nullable) (scope async) (closure user_data): called when the pipeline has ended
 * @user_data: data for @callback
 *
 * Starts a pipeline and waits until it has ended.
 *
 * Never blocks. See [method@Pipeline.start_async] for where things are called.
 *
 * Since: 0.1
 */
void
gp_pipeline_run_async (GpPipeline          *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autoptr (GError) error = NULL;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = new_task (self, cancellable, callback, user_data, gp_pipeline_run_async);
  if (!gp_pipeline_check_not_started (self, &error))
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  start_asynchronously (self, cancellable);
  gp_run_when_ended (self->run, ended_cb, g_steal_pointer (&task));
}

/**
 * gp_pipeline_run_finish:
 * @self: a pipeline
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Completes [method@Pipeline.run_async].
 *
 * Returns: `TRUE` if all went well, or `FALSE` with the pipeline's error
 *
 * Since: 0.1
 */
gboolean
gp_pipeline_run_finish (GpPipeline    *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipeline_run_async), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * gp_pipeline_cancel:
 * @self: a pipeline
 *
 * Ends a pipeline that runs, with `G_IO_ERROR_CANCELLED`.
 *
 * Returns at once and may be called from any thread; wait for the pipeline to know that it has
 * ended. Does nothing before the start and after the end.
 *
 * Since: 0.1
 */
void
gp_pipeline_cancel (GpPipeline *self)
{
  g_autoptr (GError) reason = NULL;

  g_return_if_fail (GP_IS_PIPELINE (self));

  if (self->run == NULL)
    return;

  reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the pipeline was cancelled");
  gp_run_cancel (self->run, reason);
}
