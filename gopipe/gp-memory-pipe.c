/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-memory-pipe-core-private.h"

#include "gp-copy-private.h"
#include "gp-end-gate-private.h"

#include <string.h>

/* Powers of two: positions are masked. */
#define RING_MIN (64 * 1024)
#define RING_MAX GP_MEMORY_PIPE_MAX

/* What the rings of all pipes may hold before none of them grows any more */
#define RINGS_BUDGET_KIB (64 * 1024)

static int rings_kib; /* (atomic) */

/* One end of the pipe, as the other end sees it */
typedef struct
{
  GCond    cond;
  gboolean waiting; /* in cond, and not to be signalled yet */
  gboolean woken;   /* to be signalled as soon as the lock is released */
  gboolean copying; /* to or from the ring, without the lock */
  gboolean closed;
  gboolean interrupted;
  GpInterrupt *interrupt; /* owned, or NULL: raised, this end is as good as interrupted */
  GCancellable *cancellable; /* owned, or NULL: of the last wait, to which @handler is connected */
  gulong   handler;
  GSList  *sources; /* (element-type GSource) */
} PipeEnd;

/* A ring between one reader and one writer.
 *
 * Either end is open, then closed, and may be interrupted at any time, for ever. The ring
 * comes with the first write, doubles whenever the writer finds it full, and goes when the
 * reader has closed.
 *
 * Bytes are copied without the lock, or the two ends would wait for each other's copies: the
 * writer touches only what is free, the reader only what is filled. While an end copies, the
 * ring must neither move nor go: whoever wanted that leaves it to the end that copies, which
 * does it as soon as it has the lock again.
 *
 * References: each stream holds one on the pipe, and so does whoever may interrupt it; the pipe
 * knows no stream. An end stays connected to the cancellable that it has waited with, since most wait
 * with the same one again: until it is closed, both hold each other. The pipe holds one on each
 * source that waits, for another thread must not set the ready time of a source whose last reference
 * has just gone; the source leaves when destroyed.
 *
 * Locks: the pipe's comes before that of a GMainContext. GLib calls nothing of ours with the
 * latter held. No cancellable is connected or disconnected with the pipe's lock held. */
struct _GpMemoryPipe
{
  gatomicrefcount ref_count;

  GMutex    mutex; /* protects all below */
  guint8   *data;
  gsize     capacity;
  gsize     start;
  gsize     fill;
  gboolean  grow_wanted; /* the writer found the ring full while the reader was copying */
  gboolean  end_held;    /* it is not known yet whether the end is a good one */
  GError   *end_error;   /* it is not */
  PipeEnd   reader;
  PipeEnd   writer;
};

static gboolean
claim_memory (gsize    bytes,
              gboolean always)
{
  int kib = bytes / 1024;

  if (g_atomic_int_add (&rings_kib, kib) + kib <= RINGS_BUDGET_KIB || always)
    return TRUE;

  g_atomic_int_add (&rings_kib, -kib);

  return FALSE;
}

static void
ring_free (GpMemoryPipe *self)
{
  if (self->reader.copying || self->writer.copying)
    return;

  g_atomic_int_add (&rings_kib, -(int) (self->capacity / 1024));
  g_clear_pointer (&self->data, g_free);
  self->capacity = self->start = self->fill = 0;
}

static gboolean
ring_grow (GpMemoryPipe *self)
{
  gboolean first = self->capacity == 0;
  gsize added = first ? RING_MIN : self->capacity;
  guint8 *data;

  self->grow_wanted = self->reader.copying || self->writer.copying;
  if (self->grow_wanted ||
      self->capacity + added > RING_MAX ||
      !claim_memory (added, first))
    return FALSE;

  data = first ? g_malloc (added) : g_try_realloc (self->data, self->capacity + added);
  if (data == NULL)
    {
      g_atomic_int_add (&rings_kib, -(int) (added / 1024));
      return FALSE;
    }

  /* What had wrapped around continues where the old ring ended. */
  if (self->start + self->fill > self->capacity)
    memcpy (data + self->capacity, data, self->start + self->fill - self->capacity);

  self->data = data;
  self->capacity += added;

  return TRUE;
}

static void
wake (PipeEnd *end)
{
  if (end->waiting)
    {
      end->waiting = FALSE;
      end->woken = TRUE;
    }

  for (GSList *l = end->sources; l != NULL; l = l->next)
    g_source_set_ready_time (l->data, 0);
}

static gboolean
steal_woken (PipeEnd *end)
{
  gboolean woken = end->woken;

  end->woken = FALSE;

  return woken;
}

/* Whoever was woken wants the lock first of all. The caller's stream or edge holds the pipe. */
static void
unlock (GpMemoryPipe *self)
{
  gboolean reader_woken = steal_woken (&self->reader);
  gboolean writer_woken = steal_woken (&self->writer);

  g_mutex_unlock (&self->mutex);
  if (reader_woken)
    g_cond_broadcast (&self->reader.cond);
  if (writer_woken)
    g_cond_broadcast (&self->writer.cond);
}

static PipeEnd *
get_end (GpMemoryPipe     *self,
         GpMemoryPipeSide  side)
{
  return side == GP_MEMORY_PIPE_READ ? &self->reader : &self->writer;
}

/* What has interrupted the other end, so that it was closed, is seen here as well: its interrupt is
 * raised before anybody is woken. */
static gboolean
is_interrupted (const PipeEnd *end)
{
  return end->interrupted || (end->interrupt != NULL && gp_interrupt_is_raised (end->interrupt));
}

/* A writer is not woken for each little room, but for half of the ring. */
static gboolean
is_ready (GpMemoryPipe     *self,
          GpMemoryPipeSide  side)
{
  const PipeEnd *end = get_end (self, side);

  if (is_interrupted (end) || end->closed)
    return TRUE;

  if (side == GP_MEMORY_PIPE_READ)
    return self->fill > 0 || (self->writer.closed && !self->end_held);

  return self->reader.closed || self->fill <= self->capacity / 2;
}

/* A writer that comes anyway takes what room there is, or makes some. */
static gboolean
may_proceed (GpMemoryPipe     *self,
             GpMemoryPipeSide  side)
{
  if (side == GP_MEMORY_PIPE_READ || is_interrupted (&self->writer) ||
      self->reader.closed || self->writer.closed)
    return is_ready (self, side);

  return self->fill < self->capacity || ring_grow (self);
}

static void
unref_closure_data (gpointer  data,
                    GClosure *closure)
{
  gp_memory_pipe_unref (data);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  GpMemoryPipe *self = user_data;

  g_mutex_lock (&self->mutex);
  g_cond_broadcast (&self->reader.cond);
  g_cond_broadcast (&self->writer.cond);
  g_mutex_unlock (&self->mutex);
}

/* Without the lock, since the last reference on either may go. Not g_cancellable_disconnect (), which
 * waits for the handler: this may be called by another one. */
static void
disconnect (GCancellable *cancellable,
            gulong        handler)
{
  if (cancellable == NULL)
    return;

  g_signal_handler_disconnect (cancellable, handler);
  g_object_unref (cancellable);
}

/* Called with the lock held, which is dropped in between. That it was cancelled before is seen by
 * whoever waits. A language may hear of each reference on an object of its own, and wait then. */
static void
watch_cancellable (GpMemoryPipe *self,
                   PipeEnd      *end,
                   GCancellable *cancellable)
{
  GCancellable *old = g_steal_pointer (&end->cancellable);
  gulong handler = end->handler;

  g_mutex_unlock (&self->mutex);
  disconnect (old, handler);
  handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                   gp_memory_pipe_ref (self), unref_closure_data, 0);
  g_object_ref (cancellable);
  g_mutex_lock (&self->mutex);

  /* Hung up meanwhile, nobody would disconnect it. */
  if (end->closed)
    {
      g_mutex_unlock (&self->mutex);
      disconnect (cancellable, handler);
      g_mutex_lock (&self->mutex);
      return;
    }

  end->cancellable = cancellable;
  end->handler = handler;
}

/* Called with the lock held, which is dropped in between */
static gboolean
wait_until_ready (GpMemoryPipe      *self,
                  GpMemoryPipeSide   side,
                  GCancellable      *cancellable,
                  GError           **error)
{
  PipeEnd *end = get_end (self, side);

  if (cancellable != NULL && cancellable != end->cancellable)
    watch_cancellable (self, end, cancellable);

  while (!is_ready (self, side) && !g_cancellable_is_cancelled (cancellable))
    {
      end->waiting = TRUE;
      g_cond_wait (&end->cond, &self->mutex);
    }
  end->waiting = FALSE;

  return is_ready (self, side) || !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
set_error_if_closed (GpMemoryPipe      *self,
                     GpMemoryPipeSide   side,
                     GError           **error)
{
  if (get_end (self, side)->closed)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "Stream is already closed");

  return get_end (self, side)->closed;
}

static gboolean
set_error_if_interrupted (GpMemoryPipe      *self,
                          GpMemoryPipeSide   side,
                          GError           **error)
{
  if (!is_interrupted (get_end (self, side)))
    return FALSE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");

  return TRUE;
}

static gboolean
begin (GpMemoryPipe      *self,
       GpMemoryPipeSide   side,
       gboolean           blocking,
       GCancellable      *cancellable,
       GError           **error)
{
  while (!may_proceed (self, side))
    {
      if (!blocking)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                               side == GP_MEMORY_PIPE_READ ? "Nothing to read yet"
                                                             : "The pipe is full");
          return FALSE;
        }

      if (!wait_until_ready (self, side, cancellable, error))
        return FALSE;
    }

  return !set_error_if_interrupted (self, side, error) && !set_error_if_closed (self, side, error);
}

static gboolean
set_error_if_broken (GpMemoryPipe  *self,
                     GError       **error)
{
  if (!self->reader.closed)
    return FALSE;

  ring_free (self);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE, "Broken pipe");

  return TRUE;
}

/* Of nothing there is the end, or what takes its place */
static gssize
take (GpMemoryPipe  *self,
      guint8        *buffer,
      gsize          count,
      GError       **error)
{
  const guint8 *data = self->data;
  gsize start = self->start;
  gsize n = MIN (count, self->fill);
  gsize first = MIN (n, self->capacity - start);

  if (n == 0)
    {
      if (self->end_error == NULL || count == 0)
        return 0;

      g_propagate_error (error, g_error_copy (self->end_error));
      return -1;
    }

  self->reader.copying = TRUE;
  g_mutex_unlock (&self->mutex);
  gp_copy (buffer, data + start, first);
  gp_copy (buffer + first, data, n - first);
  g_mutex_lock (&self->mutex);
  self->reader.copying = FALSE;

  self->fill -= n;
  self->start = (start + n) & (self->capacity - 1);
  if (self->fill == 0 && !self->writer.copying)
    self->start = 0; /* the start of the ring is still in the cache */

  if (self->reader.closed)
    ring_free (self);
  else if (self->grow_wanted)
    ring_grow (self);
  if (is_ready (self, GP_MEMORY_PIPE_WRITE))
    wake (&self->writer);

  return n;
}

static gsize
put (GpMemoryPipe *self,
     const guint8 *buffer,
     gsize         count)
{
  guint8 *data = self->data;
  gsize end = (self->start + self->fill) & (self->capacity - 1);
  gsize n = MIN (count, self->capacity - self->fill);
  gsize first = MIN (n, self->capacity - end);

  self->writer.copying = TRUE;
  g_mutex_unlock (&self->mutex);
  gp_copy (data + end, buffer, first);
  gp_copy (data, buffer + first, n - first);
  g_mutex_lock (&self->mutex);
  self->writer.copying = FALSE;

  /* Hung up meanwhile: the reader may have seen the end already. */
  if (!self->writer.closed)
    self->fill += n;
  wake (&self->reader);

  return n;
}

gssize
gp_memory_pipe_read (GpMemoryPipe  *self,
                     void          *buffer,
                     gsize          count,
                     gboolean       blocking,
                     GCancellable  *cancellable,
                     GError       **error)
{
  gssize n = -1;

  g_mutex_lock (&self->mutex);
  if (begin (self, GP_MEMORY_PIPE_READ, blocking, cancellable, error))
    n = take (self, buffer, MIN (count, G_MAXSSIZE), error);
  unlock (self);

  return n;
}

gssize
gp_memory_pipe_write (GpMemoryPipe  *self,
                      const void    *buffer,
                      gsize          count,
                      gboolean       blocking,
                      GCancellable  *cancellable,
                      GError       **error)
{
  gssize n = -1;

  if (count == 0)
    return 0;

  g_mutex_lock (&self->mutex);
  if (begin (self, GP_MEMORY_PIPE_WRITE, blocking, cancellable, error) &&
      !set_error_if_broken (self, error))
    {
      n = put (self, buffer, count);
      if (set_error_if_interrupted (self, GP_MEMORY_PIPE_WRITE, error) ||
          set_error_if_closed (self, GP_MEMORY_PIPE_WRITE, error) ||
          set_error_if_broken (self, error))
        n = -1;
    }
  unlock (self);

  return n;
}

void
gp_memory_pipe_hold_end (GpMemoryPipe *self)
{
  self->end_held = TRUE;
}

void
gp_memory_pipe_tell_end (GpMemoryPipe *self,
                         const GError *error)
{
  g_mutex_lock (&self->mutex);
  if (self->end_held)
    {
      self->end_held = FALSE;
      self->end_error = error != NULL ? gp_end_gate_new_error (error) : NULL;
      wake (&self->reader);
    }
  unlock (self);
}

void
gp_memory_pipe_close (GpMemoryPipe     *self,
                      GpMemoryPipeSide  side)
{
  PipeEnd *end = get_end (self, side);
  GCancellable *cancellable;
  gulong handler;

  g_mutex_lock (&self->mutex);
  end->closed = TRUE;
  cancellable = g_steal_pointer (&end->cancellable);
  handler = end->handler;
  if (self->reader.closed)
    ring_free (self);
  wake (&self->reader);
  wake (&self->writer);
  unlock (self);

  disconnect (cancellable, handler);
}

gboolean
gp_memory_pipe_is_ready (GpMemoryPipe     *self,
                         GpMemoryPipeSide  side)
{
  gboolean ready;

  g_mutex_lock (&self->mutex);
  ready = is_ready (self, side);
  unlock (self);

  return ready;
}

gboolean
gp_memory_pipe_prepare_source (GpMemoryPipe     *self,
                               GpMemoryPipeSide  side,
                               GSource          *source)
{
  PipeEnd *end = get_end (self, side);
  gboolean ready;

  g_mutex_lock (&self->mutex);
  ready = is_ready (self, side);
  if (!ready && !g_source_is_destroyed (source) && g_slist_find (end->sources, source) == NULL)
    end->sources = g_slist_prepend (end->sources, g_source_ref (source));
  unlock (self);

  return ready;
}

void
gp_memory_pipe_rearm_source (GpMemoryPipe *self,
                             GSource      *source)
{
  g_mutex_lock (&self->mutex);
  g_source_set_ready_time (source, -1);
  unlock (self);
}

void
gp_memory_pipe_remove_source (GpMemoryPipe     *self,
                              GpMemoryPipeSide  side,
                              GSource          *source)
{
  PipeEnd *end = get_end (self, side);
  GSList *link;

  g_mutex_lock (&self->mutex);
  link = g_slist_find (end->sources, source);
  end->sources = g_slist_remove_link (end->sources, link);
  unlock (self);

  g_slist_free_full (link, (GDestroyNotify) g_source_unref);
}

GpMemoryPipe *
gp_memory_pipe_new (void)
{
  GpMemoryPipe *self = g_new0 (GpMemoryPipe, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->reader.cond);
  g_cond_init (&self->writer.cond);

  return self;
}

GpMemoryPipe *
gp_memory_pipe_ref (GpMemoryPipe *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_memory_pipe_unref (GpMemoryPipe *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert (self->reader.sources == NULL && self->writer.sources == NULL);
  ring_free (self);
  g_clear_error (&self->end_error);
  g_clear_pointer (&self->reader.interrupt, gp_interrupt_unref);
  g_clear_pointer (&self->writer.interrupt, gp_interrupt_unref);
  g_cond_clear (&self->reader.cond);
  g_cond_clear (&self->writer.cond);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

void
gp_memory_pipe_set_side_interrupt (GpMemoryPipe     *self,
                                   GpMemoryPipeSide  side,
                                   GpInterrupt      *interrupt)
{
  PipeEnd *end = get_end (self, side);

  g_mutex_lock (&self->mutex);
  g_clear_pointer (&end->interrupt, gp_interrupt_unref);
  end->interrupt = gp_interrupt_ref (interrupt);
  unlock (self);
}

void
gp_memory_pipe_interrupt_side (GpMemoryPipe     *self,
                               GpMemoryPipeSide  side)
{
  PipeEnd *end = get_end (self, side);

  g_mutex_lock (&self->mutex);
  end->interrupted = TRUE;
  wake (end);
  unlock (self);
}

void
gp_memory_pipe_interrupt (GpMemoryPipe *self)
{
  gp_memory_pipe_interrupt_side (self, GP_MEMORY_PIPE_READ);
  gp_memory_pipe_interrupt_side (self, GP_MEMORY_PIPE_WRITE);
}
