/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-memory-pipe-core-private.h"

#define GP_TYPE_MEMORY_PIPE_READER (gp_memory_pipe_reader_get_type ())
G_DECLARE_FINAL_TYPE (GpMemoryPipeReader, gp_memory_pipe_reader, GP, MEMORY_PIPE_READER,
                      GInputStream)

#define GP_TYPE_MEMORY_PIPE_WRITER (gp_memory_pipe_writer_get_type ())
G_DECLARE_FINAL_TYPE (GpMemoryPipeWriter, gp_memory_pipe_writer, GP, MEMORY_PIPE_WRITER,
                      GOutputStream)

/* The two ends of a pipe. Each holds a reference on the pipe, and closes its end at the latest
 * when it is disposed of: GInputStream and GOutputStream do that. */
struct _GpMemoryPipeReader
{
  GInputStream  parent_instance;
  GpMemoryPipe *pipe;
};

struct _GpMemoryPipeWriter
{
  GOutputStream  parent_instance;
  GpMemoryPipe  *pipe;
};

/* What a pipe wakes: the child of the pollable source that the user of a stream has. It enters
 * itself in the pipe's list when its context looks at it for the first time, and leaves the list
 * when it is destroyed: GLib does that to every attached source before it frees the context,
 * which setting a ready time needs. One that was never attached was never in the list. */
typedef struct
{
  GSource           base;
  GpMemoryPipe     *pipe;
  GpMemoryPipeSide  side;
} WakeSource;

static gboolean
wake_source_prepare (GSource *source,
                     int     *timeout)
{
  WakeSource *self = (WakeSource *) source;

  *timeout = -1;

  return gp_memory_pipe_prepare_source (self->pipe, self->side, source);
}

static gboolean
wake_source_dispatch (GSource     *source,
                      GSourceFunc  callback,
                      gpointer     user_data)
{
  gp_memory_pipe_rearm_source (((WakeSource *) source)->pipe, source);

  return G_SOURCE_CONTINUE;
}

static void
wake_source_finalize (GSource *source)
{
  g_clear_pointer (&((WakeSource *) source)->pipe, gp_memory_pipe_unref);
}

static GSourceFuncs wake_source_funcs = {
  .prepare = wake_source_prepare,
  .dispatch = wake_source_dispatch,
  .finalize = wake_source_finalize,
};

static gboolean
wake_source_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE; /* never called: the parent's callback is what matters */
}

/* Comes after the finalizer for a source that was never destroyed. */
static void
wake_source_destroyed_cb (gpointer user_data)
{
  WakeSource *self = user_data;

  if (self->pipe != NULL)
    gp_memory_pipe_remove_source (self->pipe, self->side, &self->base);
}

static GSource *
create_source (gpointer          stream,
               GpMemoryPipe     *pipe,
               GpMemoryPipeSide  side,
               GCancellable     *cancellable)
{
  GSource *source = g_pollable_source_new_full (stream, NULL, cancellable);
  g_autoptr (GSource) child = g_source_new (&wake_source_funcs, sizeof (WakeSource));
  WakeSource *wake = (WakeSource *) child;

  wake->pipe = gp_memory_pipe_ref (pipe);
  wake->side = side;
  g_source_set_static_name (child, "[gopipe] memory pipe");
  g_source_set_callback (child, wake_source_cb, child, wake_source_destroyed_cb);
  g_source_add_child_source (source, child);

  return source;
}

/* Closing neither waits nor fails, so it needs no thread, unlike the default. */
static void
close_async (gpointer             stream,
             gpointer             source_tag,
             GpMemoryPipe        *pipe,
             GpMemoryPipeSide     side,
             int                  io_priority,
             GCancellable        *cancellable,
             GAsyncReadyCallback  callback,
             gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_source_tag (task, source_tag);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_priority (task, io_priority);
  gp_memory_pipe_close (pipe, side);
  g_task_return_boolean (task, TRUE);
}

/* The reader */

static void gp_memory_pipe_reader_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpMemoryPipeReader, gp_memory_pipe_reader, G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      gp_memory_pipe_reader_pollable_init))

static gssize
gp_memory_pipe_reader_read (GInputStream  *stream,
                            void          *buffer,
                            gsize          count,
                            GCancellable  *cancellable,
                            GError       **error)
{
  return gp_memory_pipe_read (GP_MEMORY_PIPE_READER (stream)->pipe,
                              buffer, count, TRUE, cancellable, error);
}

static gboolean
gp_memory_pipe_reader_close (GInputStream  *stream,
                             GCancellable  *cancellable,
                             GError       **error)
{
  gp_memory_pipe_close (GP_MEMORY_PIPE_READER (stream)->pipe, GP_MEMORY_PIPE_READ);

  return TRUE;
}

static void
gp_memory_pipe_reader_close_async (GInputStream        *stream,
                                   int                  io_priority,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data)
{
  close_async (stream, gp_memory_pipe_reader_close_async, GP_MEMORY_PIPE_READER (stream)->pipe,
               GP_MEMORY_PIPE_READ, io_priority, cancellable, callback, user_data);
}

static gboolean
gp_memory_pipe_reader_close_finish (GInputStream  *stream,
                                    GAsyncResult  *result,
                                    GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, stream), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_memory_pipe_reader_close_async),
                        FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
gp_memory_pipe_reader_is_readable (GPollableInputStream *stream)
{
  return gp_memory_pipe_is_ready (GP_MEMORY_PIPE_READER (stream)->pipe, GP_MEMORY_PIPE_READ);
}

static GSource *
gp_memory_pipe_reader_create_source (GPollableInputStream *stream,
                                     GCancellable         *cancellable)
{
  return create_source (stream, GP_MEMORY_PIPE_READER (stream)->pipe,
                        GP_MEMORY_PIPE_READ, cancellable);
}

static gssize
gp_memory_pipe_reader_read_nonblocking (GPollableInputStream  *stream,
                                        void                  *buffer,
                                        gsize                  count,
                                        GError               **error)
{
  return gp_memory_pipe_read (GP_MEMORY_PIPE_READER (stream)->pipe,
                              buffer, count, FALSE, NULL, error);
}

static void
gp_memory_pipe_reader_finalize (GObject *object)
{
  g_clear_pointer (&GP_MEMORY_PIPE_READER (object)->pipe, gp_memory_pipe_unref);

  G_OBJECT_CLASS (gp_memory_pipe_reader_parent_class)->finalize (object);
}

static void
gp_memory_pipe_reader_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = gp_memory_pipe_reader_is_readable;
  iface->create_source = gp_memory_pipe_reader_create_source;
  iface->read_nonblocking = gp_memory_pipe_reader_read_nonblocking;
}

static void
gp_memory_pipe_reader_class_init (GpMemoryPipeReaderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  object_class->finalize = gp_memory_pipe_reader_finalize;

  stream_class->read_fn = gp_memory_pipe_reader_read;
  stream_class->close_fn = gp_memory_pipe_reader_close;
  stream_class->close_async = gp_memory_pipe_reader_close_async;
  stream_class->close_finish = gp_memory_pipe_reader_close_finish;
}

static void
gp_memory_pipe_reader_init (GpMemoryPipeReader *self)
{
}

/* The writer */

static void gp_memory_pipe_writer_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpMemoryPipeWriter, gp_memory_pipe_writer, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      gp_memory_pipe_writer_pollable_init))

static gssize
gp_memory_pipe_writer_write (GOutputStream  *stream,
                             const void     *buffer,
                             gsize           count,
                             GCancellable   *cancellable,
                             GError        **error)
{
  return gp_memory_pipe_write (GP_MEMORY_PIPE_WRITER (stream)->pipe,
                               buffer, count, TRUE, cancellable, error);
}

static gboolean
gp_memory_pipe_writer_close (GOutputStream  *stream,
                             GCancellable   *cancellable,
                             GError        **error)
{
  gp_memory_pipe_close (GP_MEMORY_PIPE_WRITER (stream)->pipe, GP_MEMORY_PIPE_WRITE);

  return TRUE;
}

static void
gp_memory_pipe_writer_close_async (GOutputStream       *stream,
                                   int                  io_priority,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data)
{
  close_async (stream, gp_memory_pipe_writer_close_async, GP_MEMORY_PIPE_WRITER (stream)->pipe,
               GP_MEMORY_PIPE_WRITE, io_priority, cancellable, callback, user_data);
}

static gboolean
gp_memory_pipe_writer_close_finish (GOutputStream  *stream,
                                    GAsyncResult   *result,
                                    GError        **error)
{
  g_return_val_if_fail (g_task_is_valid (result, stream), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, gp_memory_pipe_writer_close_async),
                        FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static gboolean
gp_memory_pipe_writer_is_writable (GPollableOutputStream *stream)
{
  return gp_memory_pipe_is_ready (GP_MEMORY_PIPE_WRITER (stream)->pipe, GP_MEMORY_PIPE_WRITE);
}

static GSource *
gp_memory_pipe_writer_create_source (GPollableOutputStream *stream,
                                     GCancellable          *cancellable)
{
  return create_source (stream, GP_MEMORY_PIPE_WRITER (stream)->pipe,
                        GP_MEMORY_PIPE_WRITE, cancellable);
}

static gssize
gp_memory_pipe_writer_write_nonblocking (GPollableOutputStream  *stream,
                                         const void             *buffer,
                                         gsize                   count,
                                         GError                **error)
{
  return gp_memory_pipe_write (GP_MEMORY_PIPE_WRITER (stream)->pipe,
                               buffer, count, FALSE, NULL, error);
}

static void
gp_memory_pipe_writer_finalize (GObject *object)
{
  g_clear_pointer (&GP_MEMORY_PIPE_WRITER (object)->pipe, gp_memory_pipe_unref);

  G_OBJECT_CLASS (gp_memory_pipe_writer_parent_class)->finalize (object);
}

static void
gp_memory_pipe_writer_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = gp_memory_pipe_writer_is_writable;
  iface->create_source = gp_memory_pipe_writer_create_source;
  iface->write_nonblocking = gp_memory_pipe_writer_write_nonblocking;
}

static void
gp_memory_pipe_writer_class_init (GpMemoryPipeWriterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);

  object_class->finalize = gp_memory_pipe_writer_finalize;

  stream_class->write_fn = gp_memory_pipe_writer_write;
  stream_class->close_fn = gp_memory_pipe_writer_close;
  stream_class->close_async = gp_memory_pipe_writer_close_async;
  stream_class->close_finish = gp_memory_pipe_writer_close_finish;
  stream_class->flush_async = NULL; /* nothing to flush: the default needs a thread for that */
}

static void
gp_memory_pipe_writer_init (GpMemoryPipeWriter *self)
{
}

GInputStream *
gp_memory_pipe_new_reader (GpMemoryPipe *self)
{
  GpMemoryPipeReader *reader = g_object_new (GP_TYPE_MEMORY_PIPE_READER, NULL);

  reader->pipe = gp_memory_pipe_ref (self);

  return G_INPUT_STREAM (reader);
}

GOutputStream *
gp_memory_pipe_new_writer (GpMemoryPipe *self)
{
  GpMemoryPipeWriter *writer = g_object_new (GP_TYPE_MEMORY_PIPE_WRITER, NULL);

  writer->pipe = gp_memory_pipe_ref (self);

  return G_OUTPUT_STREAM (writer);
}

void
gp_memory_pipe_set_interrupt (gpointer     stream,
                              GpInterrupt *interrupt)
{
  if (GP_IS_MEMORY_PIPE_READER (stream))
    gp_memory_pipe_set_side_interrupt (GP_MEMORY_PIPE_READER (stream)->pipe,
                                       GP_MEMORY_PIPE_READ, interrupt);
  else if (GP_IS_MEMORY_PIPE_WRITER (stream))
    gp_memory_pipe_set_side_interrupt (GP_MEMORY_PIPE_WRITER (stream)->pipe,
                                       GP_MEMORY_PIPE_WRITE, interrupt);
}

void
gp_memory_pipe_interrupt_end (gpointer stream)
{
  if (GP_IS_MEMORY_PIPE_READER (stream))
    gp_memory_pipe_interrupt_side (GP_MEMORY_PIPE_READER (stream)->pipe, GP_MEMORY_PIPE_READ);
  else if (GP_IS_MEMORY_PIPE_WRITER (stream))
    gp_memory_pipe_interrupt_side (GP_MEMORY_PIPE_WRITER (stream)->pipe, GP_MEMORY_PIPE_WRITE);
}

gboolean
gp_memory_pipe_hang_up (gpointer stream)
{
  if (GP_IS_MEMORY_PIPE_READER (stream))
    gp_memory_pipe_close (GP_MEMORY_PIPE_READER (stream)->pipe, GP_MEMORY_PIPE_READ);
  else if (GP_IS_MEMORY_PIPE_WRITER (stream))
    gp_memory_pipe_close (GP_MEMORY_PIPE_WRITER (stream)->pipe, GP_MEMORY_PIPE_WRITE);
  else
    return FALSE;

  return TRUE;
}
