/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-run-end-private.h"

#include "gp-edge-private.h"
#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-stage-context-private.h"
#include "gp-thread-pool-private.h"

/* How often it is tried to close a stream that has an operation pending */
#define CLOSE_AGAIN_MS 20

typedef enum
{
  END_OPEN,
  END_CLOSING, /* a job of the pool does it */
  END_CLOSED,  /* or never to be closed by us */
} EndState;

/* The run holds it, and so does the job that opens or closes the stream. The stream stays referenced
 * after it was closed: a stage that was given up may still hold it as well. A file is closed until
 * it has been opened, and @over keeps one that takes too long for that from being opened late. */
struct _GpRunEnd
{
  gatomicrefcount  ref_count;
  gpointer         stream;
  GpFileEnd       *file; /* or NULL */
  GpOwner          owner;
  gboolean         callers; /* it is the caller's, perhaps of an outer pipeline */
  GCancellable    *cancellable;

  GMutex           lock;
  EndState         state;
  GpStageContext  *outer;
  gboolean         over; /* the run ends */
  gboolean         complete;
  GError          *error;
  void           (*done) (gpointer data);
  gpointer         done_data;
  gboolean         finished;
};

GpRunEnd *
gp_run_end_new (gpointer        stream,
                GpOwner         owner,
                GpStageContext *outer,
                GCancellable   *cancellable)
{
  GpRunEnd *self = g_new0 (GpRunEnd, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->stream = stream != NULL ? g_object_ref (stream) : NULL;
  self->outer = outer != NULL ? g_object_ref (outer) : NULL;
  self->cancellable = g_object_ref (cancellable);
  self->owner = owner;
  self->callers = outer != NULL
                    ? gp_run_has_callers_stream (gp_stage_context_get_run (outer), stream)
                    : owner != GP_OWNER_EDGE;
  self->state = stream == NULL || owner == GP_OWNER_LENT ? END_CLOSED : END_OPEN;

  return self;
}

GpRunEnd *
gp_run_end_new_file (GpFileEnd    *file,
                     GCancellable *cancellable)
{
  GpRunEnd *self = gp_run_end_new (NULL, GP_OWNER_GIVEN, NULL, cancellable);

  self->file = file;

  return self;
}

static GpRunEnd *
end_ref (GpRunEnd *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_run_end_unref (GpRunEnd *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_object (&self->stream);
  g_clear_pointer (&self->file, gp_file_end_free);
  g_clear_object (&self->outer);
  g_clear_object (&self->cancellable);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
is_over (GpRunEnd *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->over;
}

/* FALSE: the run did not wait for it */
static gboolean
take_stream (GpRunEnd *self,
             gpointer  stream)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->over)
    return FALSE;

  self->stream = stream;
  self->state = END_OPEN;

  return TRUE;
}

gboolean
gp_run_end_open (GpRunEnd  *self,
                 GError   **error)
{
  gpointer stream;

  if (self->file == NULL)
    return TRUE;

  if (!is_over (self) && !g_cancellable_is_cancelled (self->cancellable))
    {
      stream = gp_file_end_open (self->file, self->cancellable, error);
      if (stream == NULL)
        return FALSE;
      if (take_stream (self, stream))
        return TRUE;

      gp_file_end_close (self->file, FALSE, NULL, NULL);
      g_object_unref (stream);
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "opening %s was given up",
               gp_file_end_get_title (self->file));

  return FALSE;
}

gboolean
gp_run_end_is_set (GpRunEnd *self)
{
  return self->stream != NULL || self->file != NULL;
}

gboolean
gp_run_end_is_file (GpRunEnd *self)
{
  return self->file != NULL;
}

gpointer
gp_run_end_get_stream (GpRunEnd *self)
{
  return self->stream;
}

gboolean
gp_run_end_is_lent (GpRunEnd *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->owner == GP_OWNER_OUTER && self->outer != NULL)
    return G_IS_INPUT_STREAM (self->stream) ? gp_stage_context_get_stdin_lent (self->outer)
                                            : gp_stage_context_get_stdout_lent (self->outer);

  return self->stream != NULL && self->owner == GP_OWNER_LENT;
}

GpInputState
gp_run_end_get_input_state (GpRunEnd *self)
{
  g_autoptr (GpStageContext) outer = NULL;

  g_mutex_lock (&self->lock);
  g_set_object (&outer, self->outer);
  g_mutex_unlock (&self->lock);

  return outer != NULL ? gp_stage_context_get_input_state (outer) : GP_INPUT_STATE_COMPLETE;
}

gboolean
gp_run_end_is_callers (GpRunEnd *self,
                       gpointer  stream)
{
  return self->stream == stream && self->callers;
}

void
gp_run_end_set_interrupt (GpRunEnd    *self,
                          GpInterrupt *interrupt)
{
  if (self->owner == GP_OWNER_OUTER && !self->callers)
    gp_edge_set_interrupt (self->stream, interrupt);
}

void
gp_run_end_interrupt (GpRunEnd *self)
{
  if (self->owner == GP_OWNER_OUTER && !self->callers)
    gp_edge_interrupt_end (self->stream);
}

GpEdgeKind
gp_run_end_choose_kind (GpRunEnd       *self,
                        GpIOPreference  preference)
{
  GObject *stream = self->stream;

  if (self->owner != GP_OWNER_EDGE)
    return gp_edge_choose_at_end (stream, preference);

  return gp_edge_choose_between (preference, GP_IO_ANY);
}

/* Whoever reads it may have been given up in the middle of that: then it fails, and is tried again. A
 * function of its own, for tests/tsan.supp. */
static gboolean
close_input (GInputStream  *stream,
             GCancellable  *cancellable,
             GError       **error)
{
  return g_input_stream_close (stream, cancellable, error);
}

static gboolean
close_stream (GpRunEnd  *self,
              gboolean   complete,
              GError   **error)
{
  g_autoptr (GCancellable) broken_off = NULL;
  GCancellable *cancellable = self->cancellable;

  if (self->file != NULL)
    return gp_file_end_close (self->file, complete, cancellable, error);

  if (!complete)
    {
      /* What came before the failure is worth keeping where nothing is replaced. */
      if (G_IS_OUTPUT_STREAM (self->stream))
        g_output_stream_flush (self->stream, self->cancellable, NULL);
      broken_off = g_cancellable_new ();
      g_cancellable_cancel (broken_off);
      cancellable = broken_off;
    }

  if (G_IS_INPUT_STREAM (self->stream))
    return close_input (self->stream, cancellable, error);

  return g_output_stream_close (self->stream, cancellable, error);
}

static void close_late_cb (gpointer data);

/* A stage that ended, or was given up, in the middle of an operation: until that is over the stream
 * cannot be closed, and must not be dropped either, for that would close it as if all were well. */
static void
close_late_job (gpointer data)
{
  g_autoptr (GpRunEnd) self = data;
  g_autoptr (GError) error = NULL;

  if (!close_stream (self, FALSE, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    g_source_unref (gp_engine_add_timeout (CLOSE_AGAIN_MS, close_late_cb, end_ref (self),
                                           (GDestroyNotify) gp_run_end_unref));
}

static void
close_late_cb (gpointer data)
{
  if (!gp_thread_pool_push ("close", close_late_job, end_ref (data), NULL))
    gp_run_end_unref (data);
}

/* Tells once, when the run has asked for it and all is closed */
static void
tell_finished (GpRunEnd *self)
{
  void (*done) (gpointer) = NULL;
  gpointer data;

  g_mutex_lock (&self->lock);
  if (self->state == END_CLOSED && self->done != NULL)
    {
      done = g_steal_pointer (&self->done);
      data = self->done_data;
      self->finished = TRUE;
    }
  g_mutex_unlock (&self->lock);

  if (done != NULL)
    done (data);
}

/* For errors */
static const char *
get_title (GpRunEnd *self)
{
  if (self->file != NULL)
    return gp_file_end_get_title (self->file);

  return G_IS_INPUT_STREAM (self->stream) ? "standard input" : "standard output";
}

static void
close_job (gpointer data)
{
  GpRunEnd *self = data;
  g_autoptr (GError) error = NULL;

  if (!close_stream (self, self->complete, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    {
      close_late_job (end_ref (self));
      if (G_IS_INPUT_STREAM (self->stream))
        g_clear_error (&error); /* nothing is lost by that */
    }

  g_mutex_lock (&self->lock);
  if (error != NULL && self->complete && self->state == END_CLOSING)
    self->error = gp_error_copy_prefixed (error, "closing %s: ", get_title (self));
  self->state = END_CLOSED;
  g_mutex_unlock (&self->lock);

  tell_finished (self);
  gp_run_end_unref (self);
}

static void
close_in_pool (GpRunEnd *self)
{
  if (!gp_thread_pool_push ("close", close_job, end_ref (self), NULL))
    close_job (self);
}

/* Closes what is quick to close; TRUE if it is the caller's stream that was given */
static void
close_end (GpRunEnd *self,
           gboolean  complete)
{
  g_autoptr (GpStageContext) outer = NULL;

  g_mutex_lock (&self->lock);
  if (self->state != END_OPEN)
    {
      g_mutex_unlock (&self->lock);
      return;
    }
  outer = g_steal_pointer (&self->outer);
  self->complete = complete;
  self->state = self->owner == GP_OWNER_GIVEN ? END_CLOSING : END_CLOSED;
  g_mutex_unlock (&self->lock);

  if (self->owner == GP_OWNER_GIVEN)
    close_in_pool (self);
  else if (self->owner == GP_OWNER_EDGE && G_IS_INPUT_STREAM (self->stream))
    gp_edge_close_reader (self->stream);
  else if (self->owner == GP_OWNER_EDGE)
    gp_edge_close_writer (self->stream);
  else if (G_IS_INPUT_STREAM (self->stream))
    gp_stage_context_close_stdin (outer);
  else
    gp_stage_context_end_stdout (outer, complete);
}

/* Whether closing it may be what replaces a file: it is a file's stream, or a filter over one */
static gboolean
may_replace (GpRunEnd *self)
{
  gpointer stream = self->stream;

  if (self->file != NULL)
    return gp_file_end_is_replaced (self->file);

  while (G_IS_FILTER_OUTPUT_STREAM (stream))
    stream = g_filter_output_stream_get_base_stream (stream);

  return G_IS_FILE_OUTPUT_STREAM (stream);
}

void
gp_run_end_release (GpRunEnd *self,
                    gboolean  complete)
{
  /* Whether a file may be replaced is only known when the whole run has ended. */
  if (self->owner == GP_OWNER_GIVEN && may_replace (self))
    return;

  close_end (self, complete);
}

void
gp_run_end_hand_over (GpRunEnd *self)
{
  g_autoptr (GpStageContext) outer = NULL;

  if (self->owner == GP_OWNER_EDGE)
    close_end (self, TRUE);

  if (self->owner != GP_OWNER_OUTER)
    return;

  g_mutex_lock (&self->lock);
  outer = self->outer != NULL ? g_object_ref (self->outer) : NULL;
  g_mutex_unlock (&self->lock);

  if (outer == NULL)
    return;

  if (G_IS_INPUT_STREAM (self->stream))
    gp_stage_context_hand_over_stdin (outer);
  else
    gp_stage_context_hand_over_stdout (outer);
}

void
gp_run_end_finish (GpRunEnd *self,
                   gboolean  complete,
                   void    (*done) (gpointer data),
                   gpointer  data)
{
  g_mutex_lock (&self->lock);
  self->over = TRUE;
  self->done = done;
  self->done_data = data;
  g_mutex_unlock (&self->lock);

  /* What belongs to the outer pipeline is closed when its stage reports its end: it knows
   * whether that was a success. */
  if (self->owner == GP_OWNER_OUTER)
    {
      g_mutex_lock (&self->lock);
      self->state = END_CLOSED;
      g_clear_object (&self->outer);
      g_mutex_unlock (&self->lock);
    }
  else
    {
      close_end (self, complete);
    }

  tell_finished (self);
}

void
gp_run_end_give_up (GpRunEnd *self)
{
  g_mutex_lock (&self->lock);
  if (self->state == END_CLOSING)
    {
      self->state = END_CLOSED;
      self->error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "closing %s was given up",
                                 get_title (self));
    }
  g_mutex_unlock (&self->lock);

  tell_finished (self);
}

gboolean
gp_run_end_is_finished (GpRunEnd *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->finished;
}

const GError *
gp_run_end_get_error (GpRunEnd *self)
{
  return self->error;
}
