/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipe-channel-private.h"

#include "gp-descriptor-private.h"
#include "gp-fork-private.h"

#include <glib-unix.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_SIZE_MAX (1024 * 1024)

/* What we add to the pipes of a user, who has 64 MiB for all that are larger than two pages */
#define GROWTH_BUDGET_KIB (16 * 1024)

/* A terminal is reported writable when it takes this much without waiting. */
#define TERMINAL_PIECE 256

/* How often a writer finds the pipe full before it grows */
#define FULL_BEFORE_GROWTH 2

/* After a yield in vain, and the wait that follows it, so many come without one */
#define WAITS_BEFORE_YIELD 2

static int growth_kib; /* (atomic) */

void
gp_pipe_channel_init_own (GpPipeChannel *self,
                          int            fd,
                          GpInterrupt   *interrupt)
{
  self->fd = fd;
  self->interrupt = interrupt != NULL ? gp_interrupt_ref (interrupt) : NULL;
  self->piece = G_MAXSSIZE;
  self->pipe_size = fcntl (fd, F_GETPIPE_SZ);
  self->may_grow = self->pipe_size > 0;
  gp_descriptor_set_nonblocking (fd, TRUE, NULL);
}

void
gp_pipe_channel_init_for_stream (GpPipeChannel *self,
                                 gpointer       base,
                                 GpInterrupt   *interrupt)
{
  struct stat st;

  self->fd = gp_descriptor_of_stream (base);
  self->interrupt = interrupt != NULL ? gp_interrupt_ref (interrupt) : NULL;
  self->base = g_object_ref (base);
  self->polls_first = TRUE;
  self->piece = PIPE_BUF;

  if (fstat (self->fd, &st) == -1)
    return;

  self->is_socket = S_ISSOCK (st.st_mode);
  self->polls_first = !self->is_socket;
  if (self->is_socket || S_ISREG (st.st_mode))
    self->piece = G_MAXSSIZE;
  else if (S_ISCHR (st.st_mode) && isatty (self->fd))
    self->piece = TERMINAL_PIECE;
}

void
gp_pipe_channel_set_interrupt (GpPipeChannel *self,
                               GpInterrupt   *interrupt)
{
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
  self->interrupt = gp_interrupt_ref (interrupt);
}

static void
unref_closure_data (gpointer  data,
                    GClosure *closure)
{
  gp_interrupt_unref (data);
}

static void
cancelled_cb (GCancellable *cancellable,
              GpInterrupt  *wake_up)
{
  /* The event descriptor is that of the original as well, where nothing was cancelled. */
  if (!gp_fork_is_copy ())
    gp_interrupt_raise (wake_up);
}

/* Not g_cancellable_disconnect (), which waits for the handler: this may be called by another one. */
static void
unwatch_cancellable (GpPipeChannel *self)
{
  if (self->cancellable != NULL)
    g_signal_handler_disconnect (self->cancellable, self->handler);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->wake_up, gp_interrupt_unref);
}

/* The cancellable's own descriptor would be simpler, but GLib aborts the program where it
 * cannot make one. That it was cancelled before the poll is for the caller to see; if it was reset
 * afterwards, what has been raised stays so. */
static gboolean
watch_cancellable (GpPipeChannel  *self,
                   GCancellable   *cancellable,
                   GError        **error)
{
  if (cancellable == NULL ||
      (cancellable == self->cancellable && !gp_interrupt_is_raised (self->wake_up)))
    return TRUE;

  unwatch_cancellable (self);
  self->wake_up = gp_interrupt_new (error);
  if (self->wake_up == NULL)
    return FALSE;

  self->cancellable = g_object_ref (cancellable);
  self->handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                         gp_interrupt_ref (self->wake_up), unref_closure_data, 0);

  return TRUE;
}

void
gp_pipe_channel_close (GpPipeChannel *self)
{
  unwatch_cancellable (self);
  g_atomic_int_add (&growth_kib, -self->added_kib);
  self->added_kib = 0;
  self->may_grow = FALSE;
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
  g_clear_pointer (&self->gate, gp_end_gate_unref);
}

/* What tells that the next transfer can go on. At the gate the pipe itself is at its end, and would
 * be ready all the time. */
static int
get_poll_fd (GpPipeChannel *self)
{
  return self->at_gate && self->gate != NULL ? gp_end_gate_get_fd (self->gate) : self->fd;
}

/* A refusal is final: the user has too many already. */
static void
channel_grow (GpPipeChannel *self)
{
  int kib = self->pipe_size / 1024;

  self->may_grow = FALSE;
  self->full_bytes = 0;
  self->n_full = 0;
  if (self->pipe_size >= PIPE_SIZE_MAX)
    return;

  if (g_atomic_int_add (&growth_kib, kib) + kib > GROWTH_BUDGET_KIB ||
      fcntl (self->fd, F_SETPIPE_SZ, 2 * self->pipe_size) == -1)
    {
      g_atomic_int_add (&growth_kib, -kib);
      return;
    }

  self->added_kib += kib;
  self->pipe_size *= 2;
  self->may_grow = TRUE;
}

gboolean
gp_pipe_channel_is_ready (GpPipeChannel *self,
                          short          events)
{
  struct pollfd poll_fd = { get_poll_fd (self), events, 0 };
  int n;

  if (self->interrupt != NULL && gp_interrupt_is_raised (self->interrupt))
    return TRUE;

  do
    n = poll (&poll_fd, 1, 0);
  while (n == -1 && errno == EINTR);

  /* If that is not known, the next wait tells why: to read or write would block. */
  return n > 0;
}

static gboolean
channel_poll (GpPipeChannel  *self,
              short           events,
              GpInterrupt    *wake_up,
              GError        **error)
{
  struct pollfd fds[] = {
    { get_poll_fd (self), events, 0 },
    { self->interrupt != NULL ? gp_interrupt_get_fd (self->interrupt) : -1, POLLIN, 0 },
    { wake_up != NULL ? gp_interrupt_get_fd (wake_up) : -1, POLLIN, 0 },
  };

  while (poll (fds, G_N_ELEMENTS (fds), -1) == -1)
    {
      if (errno != EINTR)
        {
          gp_set_error_from_errno (error, errno, "cannot wait for a descriptor");
          return FALSE;
        }
    }

  return !gp_interrupt_set_error_if_raised (self->interrupt, error);
}

static gboolean
channel_wait (GpPipeChannel  *self,
              short           events,
              GCancellable   *cancellable,
              GError        **error)
{
  if (!watch_cancellable (self, cancellable, error) ||
      g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  return channel_poll (self, events, cancellable != NULL ? self->wake_up : NULL, error) &&
         !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gboolean
channel_set_error_if_over (GpPipeChannel  *self,
                           GError        **error)
{
  if (self->base != NULL &&
      (G_IS_INPUT_STREAM (self->base)
       ? g_input_stream_is_closed (G_INPUT_STREAM (self->base))
       : g_output_stream_is_closed (G_OUTPUT_STREAM (self->base))))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "Stream is already closed");
      return TRUE;
    }

  return gp_interrupt_set_error_if_raised (self->interrupt, error);
}

/* Where small pieces pass many stages, waiting for each one costs two switches between threads. When
 * others go first there often is a piece without waiting, and a larger one. Who waits for something
 * that is slow yields in vain, and less often. */
static gboolean
yield_or_wait (GpPipeChannel  *self,
               short           events,
               GCancellable   *cancellable,
               GError        **error)
{
  if (self->has_yielded)
    {
      self->waits_before_yield = WAITS_BEFORE_YIELD;
    }
  else if (self->waits_before_yield > 0)
    {
      self->waits_before_yield--;
    }
  else if (self->base == NULL)
    {
      self->has_yielded = TRUE;
      sched_yield ();
      return !g_cancellable_set_error_if_cancelled (cancellable, error);
    }

  return channel_wait (self, events, cancellable, error);
}

typedef gssize (* TransferFunc) (GpPipeChannel *self, gpointer buffer, gsize count);

/* The one loop for both directions */
static gssize
channel_transfer (GpPipeChannel  *self,
                  short           events,
                  TransferFunc    transfer,
                  gpointer        buffer,
                  gsize           count,
                  gboolean        blocking,
                  GCancellable   *cancellable,
                  GError        **error)
{
  gboolean ready = !self->polls_first || gp_pipe_channel_is_ready (self, events);

  self->has_yielded = FALSE;
  while (!channel_set_error_if_over (self, error))
    {
      gssize n = -1;

      errno = EAGAIN;
      if (ready)
        n = transfer (self, buffer, count);
      /* That the other side has gone may be because of that, too. */
      if (((n == 0 && count > 0) || (n < 0 && errno == EPIPE)) &&
          gp_interrupt_set_error_if_raised (self->interrupt, error))
        return -1;
      if (n == 0 && count > 0 && self->gate != NULL && events == POLLIN)
        return gp_end_gate_pass (self->gate, error) ? 0 : -1;
      if (n >= 0)
        return n;

      if (errno == EINTR)
        {
          ready = !self->polls_first;
          continue;
        }

      if (errno != EAGAIN)
        {
          gp_set_error_from_errno (error, errno,
                                   events == POLLIN ? "cannot read" : "cannot write");
          return -1;
        }

      if (!blocking)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, g_strerror (EAGAIN));
          return -1;
        }

      if (!yield_or_wait (self, events, cancellable, error))
        return -1;
      ready = TRUE;
    }

  return -1;
}

/* A larger pipe helps when the writer is ahead: as much as the pipe holds was read without ever
 * getting less than there was room for. */
static gssize
read_some (GpPipeChannel *self,
           gpointer       buffer,
           gsize          count)
{
  gssize n = self->is_socket ? recv (self->fd, buffer, count, MSG_DONTWAIT)
                             : read (self->fd, buffer, count);

  /* How our end of a terminal tells that nobody has the other one any more */
  if (n < 0 && errno == EIO && self->base == NULL)
    {
      if (isatty (self->fd))
        return 0;
      errno = EIO;
    }

  if (n == 0 && count > 0 && self->gate != NULL && !gp_end_gate_is_open (self->gate))
    {
      self->at_gate = TRUE;
      errno = EAGAIN;
      return -1;
    }

  if (n > 0 && self->may_grow)
    {
      gboolean full = (gsize) n == count || n >= self->pipe_size;

      self->full_bytes = full ? self->full_bytes + n : 0;
      if (self->full_bytes >= (gsize) self->pipe_size)
        channel_grow (self);
    }

  return n;
}

static gssize
write_some (GpPipeChannel *self,
            gpointer       buffer,
            gsize          count)
{
  gsize size = MIN (count, self->piece);
  gssize n = self->is_socket ? send (self->fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                             : write (self->fd, buffer, size);

  /* Tried again after a yield, it is still the same time. */
  if (n == -1 && errno == EAGAIN && self->may_grow && !self->has_yielded &&
      ++self->n_full >= FULL_BEFORE_GROWTH)
    {
      channel_grow (self);
      errno = EAGAIN;
    }

  return n;
}

gssize
gp_pipe_channel_read (GpPipeChannel  *self,
                      void           *buffer,
                      gsize           count,
                      gboolean        blocking,
                      GCancellable   *cancellable,
                      GError        **error)
{
  return channel_transfer (self, POLLIN, read_some, buffer, count, blocking, cancellable, error);
}

gssize
gp_pipe_channel_write (GpPipeChannel  *self,
                       const void     *buffer,
                       gsize           count,
                       gboolean        blocking,
                       GCancellable   *cancellable,
                       GError        **error)
{
  return channel_transfer (self, POLLOUT, write_some, (gpointer) buffer, count, blocking,
                           cancellable, error);
}

static gboolean
interrupted_cb (int          fd,
                GIOCondition condition,
                gpointer     user_data)
{
  return G_SOURCE_CONTINUE; /* the parent is dispatched, too, and that is all */
}

/* GIO's own source, which knows nothing of the interrupt, and one child more. The child holds
 * the interrupt: the stream may be closed before its sources are destroyed. */
GSource *
gp_pipe_channel_create_source (GpPipeChannel *self,
                               gpointer       stream,
                               GIOCondition   condition,
                               GCancellable  *cancellable)
{
  g_autoptr (GSource) child = g_unix_fd_source_new (get_poll_fd (self), condition);
  GSource *source = g_pollable_source_new_full (stream, child, cancellable);

  if (self->interrupt != NULL)
    {
      g_autoptr (GSource) interrupted =
        g_unix_fd_source_new (gp_interrupt_get_fd (self->interrupt), G_IO_IN);

      g_source_set_callback (interrupted, G_SOURCE_FUNC (interrupted_cb),
                             gp_interrupt_ref (self->interrupt),
                             (GDestroyNotify) gp_interrupt_unref);
      g_source_add_child_source (source, interrupted);
    }

  return source;
}
