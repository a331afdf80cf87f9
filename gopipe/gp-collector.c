/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-collector-private.h"

#include "gp-copy-private.h"

/* Two states: growing (@array) and sealed (@bytes). A sink stays without an array. */
struct _GpCollector
{
  GOutputStream  parent_instance;

  GMutex         lock;
  GByteArray    *array;
  GBytes        *bytes;
};

static void gp_collector_pollable_init (GPollableOutputStreamInterface *iface);

/* Pollable and always writable, so that asynchronous writes need no thread */
G_DEFINE_FINAL_TYPE_WITH_CODE (GpCollector, gp_collector, G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      gp_collector_pollable_init))

static gssize
gp_collector_write (GOutputStream  *stream,
                    const void     *buffer,
                    gsize           count,
                    GCancellable   *cancellable,
                    GError        **error)
{
  GpCollector *self = GP_COLLECTOR (stream);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint length;

  if (self->bytes != NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "the pipeline has ended");
      return -1;
    }

  if (self->array == NULL)
    return count;

  if (count > G_MAXUINT / 2 - self->array->len)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           "more than 2 GiB of output cannot be collected");
      return -1;
    }

  length = self->array->len;
  g_byte_array_set_size (self->array, length + count);
  gp_copy (self->array->data + length, buffer, count);

  return count;
}

static gboolean
gp_collector_is_writable (GPollableOutputStream *stream)
{
  return TRUE;
}

static GSource *
gp_collector_create_source (GPollableOutputStream *stream,
                            GCancellable          *cancellable)
{
  g_autoptr (GSource) ready = g_timeout_source_new (0);

  return g_pollable_source_new_full (stream, ready, cancellable);
}

static void
gp_collector_finalize (GObject *object)
{
  GpCollector *self = GP_COLLECTOR (object);

  g_clear_pointer (&self->array, g_byte_array_unref);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gp_collector_parent_class)->finalize (object);
}

static void
gp_collector_class_init (GpCollectorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);

  object_class->finalize = gp_collector_finalize;
  stream_class->write_fn = gp_collector_write;
}

static void
gp_collector_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = gp_collector_is_writable;
  iface->create_source = gp_collector_create_source;
}

static void
gp_collector_init (GpCollector *self)
{
  g_mutex_init (&self->lock);
}

GOutputStream *
gp_collector_new (void)
{
  GpCollector *self = g_object_new (GP_TYPE_COLLECTOR, NULL);

  self->array = g_byte_array_new ();

  return G_OUTPUT_STREAM (self);
}

GOutputStream *
gp_collector_new_sink (void)
{
  return g_object_new (GP_TYPE_COLLECTOR, NULL);
}

void
gp_collector_seal (GpCollector *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->array != NULL)
    self->bytes = g_byte_array_free_to_bytes (g_steal_pointer (&self->array));
}

GBytes *
gp_collector_dup_bytes (GpCollector *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->bytes != NULL)
    return g_bytes_ref (self->bytes);

  return g_bytes_new (self->array->data, self->array->len);
}
