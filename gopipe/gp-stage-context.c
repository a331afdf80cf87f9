/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-context-private.h"

#include "gp-decorator-stage-private.h"
#include "gp-descriptor-private.h"
#include "gp-edge-private.h"
#include "gp-error-private.h"

/**
 * GpStageContext:
 *
 * All that a stage is given for one run.
 *
 * A stage gets its standard input and output here, each of which may be absent, the directory and
 * the environment to work in, and the cancellable that ends the run. It reports its end here as
 * well: exactly once, from any thread, with [method@StageContext.return_success],
 * [method@StageContext.return_error] or [method@StageContext.return_fault].
 *
 * Streams are closed for the stage when it reports its end. A stage that needs one no longer
 * should close it earlier, through the context, which knows whether it was lent or given.
 *
 * All methods may be called from any thread.
 *
 * Since: 0.1
 */

/* The stage holds the context while it works, and the context holds the run. The run has no
 * reference on the context: one that is dropped without a report would otherwise never be
 * noticed. */
struct _GpStageContext
{
  GObject       parent_instance;

  GpRun        *run;
  guint         index;
  GCancellable *cancellable;
  int           reported; /* atomic */
  GError       *error;    /* how the stage ended, while its report goes on */

  GMutex        lock;
  GpStageEnd    stdin_end;
  GpStageEnd    stdout_end;
  gboolean      stdin_closed;  /* by the stage, which has no more use for it */
  gboolean      stdout_closed;
};

G_DEFINE_FINAL_TYPE (GpStageContext, gp_stage_context, G_TYPE_OBJECT)

static void
close_edge_input (GpStageContext *self)
{
  g_autoptr (GInputStream) stream = NULL;

  g_mutex_lock (&self->lock);
  if (self->stdin_end.is_edge)
    stream = g_steal_pointer (&self->stdin_end.stream);
  gp_descriptor_clear (&self->stdin_end.fd);
  g_mutex_unlock (&self->lock);

  if (stream != NULL)
    gp_edge_close_reader (stream);
}

static void
close_edge_output (GpStageContext *self)
{
  g_autoptr (GOutputStream) stream = NULL;

  g_mutex_lock (&self->lock);
  if (self->stdout_end.is_edge)
    stream = g_steal_pointer (&self->stdout_end.stream);
  gp_descriptor_clear (&self->stdout_end.fd);
  g_mutex_unlock (&self->lock);

  if (stream != NULL)
    gp_edge_close_writer (stream);
}

static gboolean
has_run_stream (GpStageContext   *self,
                const GpStageEnd *end)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return end->stream != NULL && !end->is_edge;
}

static void
release_stdin (GpStageContext *self)
{
  close_edge_input (self);
  if (has_run_stream (self, &self->stdin_end))
    gp_run_release_stdin (self->run);
}

static void
release_stdout (GpStageContext *self,
                gboolean        complete)
{
  close_edge_output (self);
  if (has_run_stream (self, &self->stdout_end))
    gp_run_release_stdout (self->run, complete);
}

/* Whether this is the first report */
static gboolean
claim_report (GpStageContext *self)
{
  if (g_atomic_int_compare_and_exchange (&self->reported, FALSE, TRUE))
    return TRUE;

  g_critical ("stage \"%s\" reported its end more than once", gp_stage_context_get_name (self));

  return FALSE;
}

/* For a report that was claimed */
static GError *
new_fault (GpStageContext *self,
           const char     *message)
{
  g_autoptr (GError) error = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT, message);

  gp_run_ask_about_fault (self->run, self->index, self, message);

  return gp_error_copy_prefixed (error, "%s: ", gp_stage_context_get_name (self));
}

/* Success although what was written last may never arrive. What is pending on a stream that was closed
 * already is the closing, and that fails by itself if anything was pending before. */
static gboolean
is_writing (GpStageContext *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return !self->stdout_closed && self->stdout_end.stream != NULL &&
         g_output_stream_has_pending (self->stdout_end.stream);
}

void
gp_stage_context_go_on (GpStageContext *self,
                        GpEndFuncs      which)
{
  if (!gp_stage_context_call_end_funcs (self, which, &self->error))
    {
      /* The neighbours need not wait for the answer. */
      gp_stage_context_hand_over_stdin (self);
      gp_stage_context_hand_over_stdout (self);
      if (gp_run_ask (self->run, self->index, self, self->error))
        return;

      gp_stage_context_call_end_funcs (self, GP_END_FUNCS_NOT_HOME, &self->error);
    }

  /* The pipe's writer must find out that nobody reads any more, and its reader that all has been
   * written, before anybody can see that the pipeline has ended. */
  release_stdin (self);
  release_stdout (self, self->error == NULL || gp_error_is_finish_early (self->error));

  gp_run_stage_ended (self->run, self->index, g_steal_pointer (&self->error));
}

/* For a report that was claimed: @error (transfer full) is NULL for success */
static void
report (GpStageContext *self,
        GError         *error)
{
  if (error == NULL && is_writing (self))
    error = new_fault (self, "the stage reported success while it was still writing");

  /* Before its neighbours see that it has gone */
  if (gp_error_is_cancelled (error))
    gp_run_follow_outer (self->run);
  self->error = error;
  gp_stage_context_go_on (self, GP_END_FUNCS_ANYWHERE);
}

static void
gp_stage_context_dispose (GObject *object)
{
  GpStageContext *self = GP_STAGE_CONTEXT (object);

  /* The run may take a reference now, and drop it later. */
  if (g_atomic_int_compare_and_exchange (&self->reported, FALSE, TRUE))
    report (self, new_fault (self, "the stage dropped its context without reporting its end"));

  G_OBJECT_CLASS (gp_stage_context_parent_class)->dispose (object);
}

static void
gp_stage_context_finalize (GObject *object)
{
  GpStageContext *self = GP_STAGE_CONTEXT (object);

  g_clear_object (&self->stdin_end.stream);
  g_clear_object (&self->stdout_end.stream);
  gp_descriptor_clear (&self->stdin_end.fd);
  gp_descriptor_clear (&self->stdout_end.fd);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->run, gp_run_unref);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gp_stage_context_parent_class)->finalize (object);
}

static void
gp_stage_context_class_init (GpStageContextClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = gp_stage_context_dispose;
  object_class->finalize = gp_stage_context_finalize;
}

static void
gp_stage_context_init (GpStageContext *self)
{
  g_mutex_init (&self->lock);
}

GpStageContext *
gp_stage_context_new (GpRun        *run,
                      guint         index,
                      GCancellable *cancellable,
                      GpStageEnd    stdin_end,
                      GpStageEnd    stdout_end)
{
  GpStageContext *self = g_object_new (GP_TYPE_STAGE_CONTEXT, NULL);

  self->run = gp_run_ref (run);
  self->index = index;
  self->cancellable = g_object_ref (cancellable);
  self->stdin_end = stdin_end;
  self->stdout_end = stdout_end;

  return self;
}

static int
get_fd (GpStageContext   *self,
        const GpStageEnd *end)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return end->fd;
}

int
gp_stage_context_get_stdin_fd (GpStageContext *self)
{
  return get_fd (self, &self->stdin_end);
}

int
gp_stage_context_get_stdout_fd (GpStageContext *self)
{
  return get_fd (self, &self->stdout_end);
}

void
gp_stage_context_hand_over_stdin (GpStageContext *self)
{
  close_edge_input (self);
  if (has_run_stream (self, &self->stdin_end))
    gp_run_hand_over_stdin (self->run);
}

void
gp_stage_context_hand_over_stdout (GpStageContext *self)
{
  close_edge_output (self);
  if (has_run_stream (self, &self->stdout_end))
    gp_run_hand_over_stdout (self->run);
}

void
gp_stage_context_end_stdout (GpStageContext *self,
                             gboolean        complete)
{
  g_mutex_lock (&self->lock);
  self->stdout_closed = TRUE;
  g_mutex_unlock (&self->lock);

  release_stdout (self, complete);
}

void
gp_stage_context_start_failed (GpStageContext *self,
                               const GError   *error)
{
  if (!claim_report (self))
    return;

  self->error = g_error_copy (error);
  gp_stage_context_go_on (self, GP_END_FUNCS_NOT_HOME);
}

void
gp_stage_context_discard (GpStageContext *self)
{
  g_atomic_int_set (&self->reported, TRUE);
  close_edge_input (self);
  close_edge_output (self);
}

void
gp_stage_context_return_raw_error (GpStageContext *self,
                                   const GError   *error)
{
  if (claim_report (self))
    report (self, g_error_copy (error));
}

gboolean
gp_stage_context_wants_event (GpStageContext *self,
                              GpEventKind     kind)
{
  return gp_run_wants_event (self->run, kind);
}

char * const *
gp_stage_context_get_environ (GpStageContext *self)
{
  return gp_run_get_environ (self->run);
}

void
gp_stage_context_emit_event (GpStageContext *self,
                             GpEvent        *event)
{
  gp_run_emit_event (self->run, self->index, event);
}

GpRun *
gp_stage_context_get_run (GpStageContext *self)
{
  return self->run;
}

GpStageStatus *
gp_stage_context_get_status (GpStageContext *self)
{
  return gp_run_get_stage_status (self->run, self->index);
}

const char *
gp_stage_context_get_name (GpStageContext *self)
{
  return gp_run_get_stage_name (self->run, self->index);
}

/**
 * gp_stage_context_get_stdin:
 * @self: a context
 *
 * Gets the stream that the stage reads.
 *
 * Returns: (transfer none) (nullable): the stream, or `NULL` if there is nothing to read or it
 *   was closed
 *
 * Since: 0.1
 */
GInputStream *
gp_stage_context_get_stdin (GpStageContext *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), NULL);

  locker = g_mutex_locker_new (&self->lock);

  return self->stdin_closed ? NULL : self->stdin_end.stream;
}

/**
 * gp_stage_context_get_stdout:
 * @self: a context
 *
 * Gets the stream that the stage writes.
 *
 * Returns: (transfer none) (nullable): the stream, or `NULL` if nobody reads what the stage
 *   writes or it was closed
 *
 * Since: 0.1
 */
GOutputStream *
gp_stage_context_get_stdout (GpStageContext *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), NULL);

  locker = g_mutex_locker_new (&self->lock);

  return self->stdout_closed ? NULL : self->stdout_end.stream;
}

/**
 * gp_stage_context_get_stdin_lent:
 * @self: a context
 *
 * Tells whether the stream that the stage reads is only lent: it will not be closed.
 *
 * Returns: `TRUE` if it belongs to somebody else
 *
 * Since: 0.1
 */
gboolean
gp_stage_context_get_stdin_lent (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), FALSE);

  return self->stdin_end.lent;
}

/**
 * gp_stage_context_get_stdout_lent:
 * @self: a context
 *
 * Tells whether the stream that the stage writes is only lent: it will not be closed.
 *
 * Returns: `TRUE` if it belongs to somebody else
 *
 * Since: 0.1
 */
gboolean
gp_stage_context_get_stdout_lent (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), FALSE);

  return self->stdout_end.lent;
}

/**
 * gp_stage_context_get_input_state:
 * @self: a context
 *
 * Tells whether what the stage reads is all that there should be.
 *
 * A stage that fails ends its output like any other. Ask this at the end of the input before you take
 * it for a whole result. The end of what a command has written can be there before it is known
 * how the command has ended: set [property@Pipeline:partial-input-is-error] if you cannot live with
 * `GP_INPUT_STATE_UNKNOWN`, and the end will wait. May be called from any thread.
 *
 * Returns: the state, as of now
 *
 * Since: 0.1
 */
GpInputState
gp_stage_context_get_input_state (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), GP_INPUT_STATE_UNKNOWN);

  return gp_run_get_input_state (self->run, self->index);
}

/**
 * gp_stage_context_close_stdin:
 * @self: a context
 *
 * Closes the stream that the stage reads, unless it is lent.
 *
 * The stage before learns that nobody reads any more. Closing twice is harmless.
 *
 * Since: 0.1
 */
void
gp_stage_context_close_stdin (GpStageContext *self)
{
  g_return_if_fail (GP_IS_STAGE_CONTEXT (self));

  g_mutex_lock (&self->lock);
  self->stdin_closed = TRUE;
  g_mutex_unlock (&self->lock);

  release_stdin (self);
}

/**
 * gp_stage_context_close_stdout:
 * @self: a context
 *
 * Closes the stream that the stage writes, unless it is lent.
 *
 * The stage after reads the end of the stream. Closing twice is harmless.
 *
 * Since: 0.1
 */
void
gp_stage_context_close_stdout (GpStageContext *self)
{
  g_return_if_fail (GP_IS_STAGE_CONTEXT (self));

  gp_stage_context_end_stdout (self, TRUE);
}

/**
 * gp_stage_context_get_cancellable:
 * @self: a context
 *
 * Gets the cancellable that ends the run: by cancelling the pipeline, by its time limit, or because
 * another stage could not be started.
 *
 * Pass it to everything that may block. For a stage that needs the main context it is cancelled
 * there.
 *
 * Returns: (transfer none): the cancellable
 *
 * Since: 0.1
 */
GCancellable *
gp_stage_context_get_cancellable (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), NULL);

  return self->cancellable;
}

/**
 * gp_stage_context_get_directory:
 * @self: a context
 *
 * Gets the directory that the pipeline works in.
 *
 * Returns: (type filename) (nullable): the directory, or `NULL` for the program's own
 *
 * Since: 0.1
 */
const char *
gp_stage_context_get_directory (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), NULL);

  return gp_run_get_directory (self->run);
}

/**
 * gp_stage_context_dup_environ:
 * @self: a context
 *
 * Gets the environment that the pipeline works in, as it was when the pipeline was started.
 *
 * Returns: (transfer full) (array zero-terminated=1) (element-type filename): entries of the form
 *   `NAME=VALUE`
 *
 * Since: 0.1
 */
char **
gp_stage_context_dup_environ (GpStageContext *self)
{
  g_return_val_if_fail (GP_IS_STAGE_CONTEXT (self), NULL);

  return g_strdupv ((char **) gp_run_get_environ (self->run));
}

/**
 * gp_stage_context_return_success:
 * @self: a context
 *
 * Reports that the stage has done its work.
 *
 * Its streams are closed, as far as they are not lent.
 *
 * Since: 0.1
 */
void
gp_stage_context_return_success (GpStageContext *self)
{
  g_return_if_fail (GP_IS_STAGE_CONTEXT (self));

  if (claim_report (self))
    report (self, NULL);
}

/**
 * gp_stage_context_return_error:
 * @self: a context
 * @error: why the stage ends
 *
 * Reports that the stage has failed, or has finished early.
 *
 * The stage's name is put before the message. The error `GP_PIPELINE_ERROR_FINISH_EARLY` means
 * success: the stage had enough input, and the stage before is forgiven for writing to a closed
 * pipe.
 *
 * Since: 0.1
 */
void
gp_stage_context_return_error (GpStageContext *self,
                               const GError   *error)
{
  g_return_if_fail (GP_IS_STAGE_CONTEXT (self));

  if (!claim_report (self))
    return;

  if (error == NULL)
    report (self, new_fault (self, "return_error () was called without an error"));
  else if (g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT))
    report (self, new_fault (self, error->message));
  else
    report (self, gp_error_copy_prefixed (error, "%s: ", gp_stage_context_get_name (self)));
}

/**
 * gp_stage_context_return_fault:
 * @self: a context
 * @message: what went wrong, for the programmer
 *
 * Reports that the stage broke a rule: a mistake in the program, not in its data.
 *
 * The stage ends with `GP_PIPELINE_ERROR_FAULT`.
 *
 * Since: 0.1
 */
void
gp_stage_context_return_fault (GpStageContext *self,
                               const char     *message)
{
  g_return_if_fail (GP_IS_STAGE_CONTEXT (self));
  g_return_if_fail (message != NULL);

  if (claim_report (self))
    report (self, new_fault (self, message));
}
