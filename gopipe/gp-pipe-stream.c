/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipe-stream-private.h"

#include "gp-descriptor-private.h"
#include "gp-pipe-channel-private.h"

#include <poll.h>

/* The two ends of pipes. GInputStream and GOutputStream close a stream at the latest when it is
 * disposed of. That is right for a descriptor of our own; the caller's stream may only be lent,
 * so it is let go before. */
struct _GpPipeInputStream
{
  GUnixInputStream parent_instance;
  GpPipeChannel    channel;
};

struct _GpPipeOutputStream
{
  GUnixOutputStream parent_instance;
  GpPipeChannel     channel;
};

/* The input stream */

static void gp_pipe_input_stream_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpPipeInputStream,
                               gp_pipe_input_stream,
                               G_TYPE_UNIX_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      gp_pipe_input_stream_pollable_init))

static gssize
gp_pipe_input_stream_read (GInputStream  *stream,
                           void          *buffer,
                           gsize          count,
                           GCancellable  *cancellable,
                           GError       **error)
{
  return gp_pipe_channel_read (&GP_PIPE_INPUT_STREAM (stream)->channel,
                               buffer, count, TRUE, cancellable, error);
}

static gboolean
gp_pipe_input_stream_close (GInputStream  *stream,
                            GCancellable  *cancellable,
                            GError       **error)
{
  GpPipeChannel *channel = &GP_PIPE_INPUT_STREAM (stream)->channel;

  gp_pipe_channel_close (channel);
  if (channel->base != NULL)
    return g_input_stream_close (G_INPUT_STREAM (channel->base), cancellable, error);

  return G_INPUT_STREAM_CLASS (gp_pipe_input_stream_parent_class)->close_fn (stream,
                                                                             cancellable,
                                                                             error);
}

static void
input_closed_cb (GObject      *base,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_input_stream_close_finish (G_INPUT_STREAM (base), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* Closing a pipe does not wait; the default would take a thread for it. */
static void
gp_pipe_input_stream_close_async (GInputStream        *stream,
                                  int                  io_priority,
                                  GCancellable        *cancellable,
                                  GAsyncReadyCallback  callback,
                                  gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);
  GpPipeChannel *channel = &GP_PIPE_INPUT_STREAM (stream)->channel;
  GError *error = NULL;

  g_task_set_source_tag (task, gp_pipe_input_stream_close_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, io_priority);

  if (channel->base != NULL)
    {
      gp_pipe_channel_close (channel);
      g_input_stream_close_async (G_INPUT_STREAM (channel->base), io_priority, cancellable,
                                  input_closed_cb, g_steal_pointer (&task));
    }
  else if (gp_pipe_input_stream_close (stream, cancellable, &error))
    {
      g_task_return_boolean (task, TRUE);
    }
  else
    {
      g_task_return_error (task, error);
    }
}

static gboolean
gp_pipe_input_stream_close_finish (GInputStream  *stream,
                                   GAsyncResult  *result,
                                   GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, stream), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipe_input_stream_close_async),
                        FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Unlike that of GUnixInputStream, which says no to regular files and to some devices */
static gboolean
gp_pipe_input_stream_can_poll (GPollableInputStream *stream)
{
  return TRUE;
}

static gboolean
gp_pipe_input_stream_is_readable (GPollableInputStream *stream)
{
  return gp_pipe_channel_is_ready (&GP_PIPE_INPUT_STREAM (stream)->channel, POLLIN);
}

static GSource *
gp_pipe_input_stream_create_source (GPollableInputStream *stream,
                                    GCancellable         *cancellable)
{
  return gp_pipe_channel_create_source (&GP_PIPE_INPUT_STREAM (stream)->channel,
                                        stream, G_IO_IN, cancellable);
}

static gssize
gp_pipe_input_stream_read_nonblocking (GPollableInputStream  *stream,
                                       void                  *buffer,
                                       gsize                  count,
                                       GError               **error)
{
  return gp_pipe_channel_read (&GP_PIPE_INPUT_STREAM (stream)->channel,
                               buffer, count, FALSE, NULL, error);
}

static void
gp_pipe_input_stream_dispose (GObject *object)
{
  GpPipeInputStream *self = GP_PIPE_INPUT_STREAM (object);

  g_clear_object (&self->channel.base);

  G_OBJECT_CLASS (gp_pipe_input_stream_parent_class)->dispose (object);
  gp_pipe_channel_close (&self->channel);
}

static void
gp_pipe_input_stream_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->can_poll = gp_pipe_input_stream_can_poll;
  iface->is_readable = gp_pipe_input_stream_is_readable;
  iface->create_source = gp_pipe_input_stream_create_source;
  iface->read_nonblocking = gp_pipe_input_stream_read_nonblocking;
}

static void
gp_pipe_input_stream_class_init (GpPipeInputStreamClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  object_class->dispose = gp_pipe_input_stream_dispose;

  stream_class->read_fn = gp_pipe_input_stream_read;
  stream_class->close_fn = gp_pipe_input_stream_close;
  stream_class->close_async = gp_pipe_input_stream_close_async;
  stream_class->close_finish = gp_pipe_input_stream_close_finish;
}

static void
gp_pipe_input_stream_init (GpPipeInputStream *self)
{
}

/* The output stream */

static void gp_pipe_output_stream_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpPipeOutputStream,
                               gp_pipe_output_stream,
                               G_TYPE_UNIX_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      gp_pipe_output_stream_pollable_init))

static gssize
gp_pipe_output_stream_write (GOutputStream  *stream,
                             const void     *buffer,
                             gsize           count,
                             GCancellable   *cancellable,
                             GError        **error)
{
  return gp_pipe_channel_write (&GP_PIPE_OUTPUT_STREAM (stream)->channel,
                                buffer, count, TRUE, cancellable, error);
}

static gboolean
gp_pipe_output_stream_close (GOutputStream  *stream,
                             GCancellable   *cancellable,
                             GError        **error)
{
  GpPipeChannel *channel = &GP_PIPE_OUTPUT_STREAM (stream)->channel;

  gp_pipe_channel_close (channel);
  if (channel->base != NULL)
    return g_output_stream_close (G_OUTPUT_STREAM (channel->base), cancellable, error);

  return G_OUTPUT_STREAM_CLASS (gp_pipe_output_stream_parent_class)->close_fn (stream,
                                                                               cancellable,
                                                                               error);
}

static void
output_closed_cb (GObject      *base,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_output_stream_close_finish (G_OUTPUT_STREAM (base), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
gp_pipe_output_stream_close_async (GOutputStream       *stream,
                                   int                  io_priority,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);
  GpPipeChannel *channel = &GP_PIPE_OUTPUT_STREAM (stream)->channel;
  GError *error = NULL;

  g_task_set_source_tag (task, gp_pipe_output_stream_close_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, io_priority);

  if (channel->base != NULL)
    {
      gp_pipe_channel_close (channel);
      g_output_stream_close_async (G_OUTPUT_STREAM (channel->base), io_priority, cancellable,
                                   output_closed_cb, g_steal_pointer (&task));
    }
  else if (gp_pipe_output_stream_close (stream, cancellable, &error))
    {
      g_task_return_boolean (task, TRUE);
    }
  else
    {
      g_task_return_error (task, error);
    }
}

static gboolean
gp_pipe_output_stream_close_finish (GOutputStream  *stream,
                                    GAsyncResult   *result,
                                    GError        **error)
{
  g_return_val_if_fail (g_task_is_valid (result, stream), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_pipe_output_stream_close_async),
                        FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
gp_pipe_output_stream_can_poll (GPollableOutputStream *stream)
{
  return TRUE;
}

static gboolean
gp_pipe_output_stream_is_writable (GPollableOutputStream *stream)
{
  return gp_pipe_channel_is_ready (&GP_PIPE_OUTPUT_STREAM (stream)->channel, POLLOUT);
}

static GSource *
gp_pipe_output_stream_create_source (GPollableOutputStream *stream,
                                     GCancellable          *cancellable)
{
  return gp_pipe_channel_create_source (&GP_PIPE_OUTPUT_STREAM (stream)->channel,
                                        stream, G_IO_OUT, cancellable);
}

static gssize
gp_pipe_output_stream_write_nonblocking (GPollableOutputStream  *stream,
                                         const void             *buffer,
                                         gsize                   count,
                                         GError                **error)
{
  return gp_pipe_channel_write (&GP_PIPE_OUTPUT_STREAM (stream)->channel,
                                buffer, count, FALSE, NULL, error);
}

static void
gp_pipe_output_stream_dispose (GObject *object)
{
  GpPipeOutputStream *self = GP_PIPE_OUTPUT_STREAM (object);

  g_clear_object (&self->channel.base);

  G_OBJECT_CLASS (gp_pipe_output_stream_parent_class)->dispose (object);
  gp_pipe_channel_close (&self->channel);
}

static void
gp_pipe_output_stream_pollable_init (GPollableOutputStreamInterface *iface)
{
  GPollableOutputStreamInterface *defaults =
    g_type_default_interface_peek (G_TYPE_POLLABLE_OUTPUT_STREAM);

  iface->can_poll = gp_pipe_output_stream_can_poll;
  iface->is_writable = gp_pipe_output_stream_is_writable;
  iface->create_source = gp_pipe_output_stream_create_source;
  iface->write_nonblocking = gp_pipe_output_stream_write_nonblocking;
  iface->writev_nonblocking = defaults->writev_nonblocking; /* calls the above */
}

static void
gp_pipe_output_stream_class_init (GpPipeOutputStreamClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);
  GOutputStreamClass *defaults = g_type_class_peek (G_TYPE_OUTPUT_STREAM);

  object_class->dispose = gp_pipe_output_stream_dispose;

  stream_class->write_fn = gp_pipe_output_stream_write;
  stream_class->close_fn = gp_pipe_output_stream_close;
  stream_class->close_async = gp_pipe_output_stream_close_async;
  stream_class->close_finish = gp_pipe_output_stream_close_finish;
  stream_class->writev_fn = defaults->writev_fn; /* calls the above, unlike the parent's */
  stream_class->flush_async = NULL;              /* nothing to flush, and no thread for it */
}

static void
gp_pipe_output_stream_init (GpPipeOutputStream *self)
{
}

GInputStream *
gp_pipe_input_stream_new (int          fd,
                          GpInterrupt *interrupt)
{
  GpPipeInputStream *self = g_object_new (GP_TYPE_PIPE_INPUT_STREAM, "fd", fd, NULL);

  gp_pipe_channel_init_own (&self->channel, fd, interrupt);

  return G_INPUT_STREAM (self);
}

void
gp_pipe_input_stream_set_gate (GInputStream *stream,
                               GpEndGate    *gate)
{
  GP_PIPE_INPUT_STREAM (stream)->channel.gate = gp_end_gate_ref (gate);
}

void
gp_pipe_stream_set_interrupt (gpointer     stream,
                              GpInterrupt *interrupt)
{
  if (GP_IS_PIPE_INPUT_STREAM (stream))
    gp_pipe_channel_set_interrupt (&GP_PIPE_INPUT_STREAM (stream)->channel, interrupt);
  else if (GP_IS_PIPE_OUTPUT_STREAM (stream))
    gp_pipe_channel_set_interrupt (&GP_PIPE_OUTPUT_STREAM (stream)->channel, interrupt);
}

GInputStream *
gp_pipe_input_stream_new_for_stream (GInputStream *base,
                                     GpInterrupt  *interrupt)
{
  GpPipeInputStream *self = g_object_new (GP_TYPE_PIPE_INPUT_STREAM,
                                          "fd", gp_descriptor_of_stream (base),
                                          "close-fd", FALSE,
                                          NULL);

  gp_pipe_channel_init_for_stream (&self->channel, base, interrupt);

  return G_INPUT_STREAM (self);
}

GOutputStream *
gp_pipe_output_stream_new (int          fd,
                           GpInterrupt *interrupt)
{
  GpPipeOutputStream *self = g_object_new (GP_TYPE_PIPE_OUTPUT_STREAM, "fd", fd, NULL);

  gp_ignore_sigpipe ();
  gp_pipe_channel_init_own (&self->channel, fd, interrupt);

  return G_OUTPUT_STREAM (self);
}

GOutputStream *
gp_pipe_output_stream_new_for_stream (GOutputStream *base,
                                      GpInterrupt   *interrupt)
{
  GpPipeOutputStream *self = g_object_new (GP_TYPE_PIPE_OUTPUT_STREAM,
                                           "fd", gp_descriptor_of_stream (base),
                                           "close-fd", FALSE,
                                           NULL);

  gp_ignore_sigpipe ();
  gp_pipe_channel_init_for_stream (&self->channel, base, interrupt);

  return G_OUTPUT_STREAM (self);
}
