/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"

#include <poll.h>

#include "gp-test-util.h"

struct _GpTestSource
{
  GInputStream parent_instance;

  guint64 size;
  gboolean endless;
  GpTestGate *gate; /* the test's, (nullable) */
  guint64 offset;  /* atomic enough: read by a test when the pipeline has ended */
  int n_closes;    /* atomic */
  int n_blocked;   /* atomic */
};

G_DEFINE_FINAL_TYPE (GpTestSource, gp_test_source, G_TYPE_INPUT_STREAM)

/* Waits for @cancellable or @gate, or for ever. FALSE, with the error: it was cancelled */
static gboolean
block (GCancellable  *cancellable,
       GpTestGate    *gate,
       int           *n_blocked,
       GError       **error)
{
  GPollFD pollfd;

  g_atomic_int_inc (n_blocked);
  if (gate != NULL)
    gp_test_gate_pass_unless_cancelled (gate, cancellable);
  else if (g_cancellable_make_pollfd (cancellable, &pollfd))
    {
      while (!g_cancellable_is_cancelled (cancellable))
        g_poll (&pollfd, 1, -1);
      g_cancellable_release_fd (cancellable);
    }
  else
    poll (NULL, 0, -1);
  g_atomic_int_add (n_blocked, -1);
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

static gssize
gp_test_source_read (GInputStream  *stream,
                     void          *buffer,
                     gsize          count,
                     GCancellable  *cancellable,
                     GError       **error)
{
  GpTestSource *self = GP_TEST_SOURCE (stream);
  gsize n = MIN (count, self->size - self->offset);

  if (n == 0 && self->endless)
    return block (cancellable, self->gate, &self->n_blocked, error) ? 0 : -1;
  gp_test_pattern_fill (buffer, n, self->offset);
  self->offset += n;
  return (gssize) n;
}

static gboolean
gp_test_source_close (GInputStream  *stream,
                      GCancellable  *cancellable,
                      GError       **error)
{
  g_atomic_int_inc (&GP_TEST_SOURCE (stream)->n_closes);
  return TRUE;
}

static void
gp_test_source_class_init (GpTestSourceClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = gp_test_source_read;
  G_INPUT_STREAM_CLASS (klass)->close_fn = gp_test_source_close;
}

static void
gp_test_source_init (GpTestSource *self)
{
}

GInputStream *
gp_test_source_new (guint64  size,
                    gboolean endless)
{
  GpTestSource *self = gp_test_watch (g_object_new (GP_TYPE_TEST_SOURCE, NULL));

  self->size = size;
  self->endless = endless;
  return G_INPUT_STREAM (self);
}

void
gp_test_source_set_gate (GpTestSource *self,
                         GpTestGate   *gate)
{
  self->gate = gate;
}

guint
gp_test_source_get_n_closes (gpointer self)
{
  return (guint) g_atomic_int_get (&GP_TEST_SOURCE (self)->n_closes);
}

gboolean
gp_test_source_is_blocked (gpointer self)
{
  return g_atomic_int_get (&GP_TEST_SOURCE (self)->n_blocked) > 0;
}

guint64
gp_test_source_get_n_bytes (gpointer self)
{
  return GP_TEST_SOURCE (self)->offset;
}

struct _GpTestSink
{
  GOutputStream parent_instance;

  guint64 limit;
  GError *error;   /* owned, (nullable) */
  GpTestGate *gate; /* the test's, (nullable) */
  GError *late_error; /* owned, (nullable): behind the gate */
  guint64 n_bytes;
  guint64 checksum;
  int n_closes;    /* atomic */
  int n_blocked;   /* atomic */
  int discarded;   /* atomic */
};

G_DEFINE_FINAL_TYPE (GpTestSink, gp_test_sink, G_TYPE_OUTPUT_STREAM)

static gssize
gp_test_sink_write (GOutputStream  *stream,
                    const void     *buffer,
                    gsize           count,
                    GCancellable   *cancellable,
                    GError        **error)
{
  GpTestSink *self = GP_TEST_SINK (stream);
  gsize n = MIN (count, self->limit - self->n_bytes);

  if (n == 0 && count > 0 && self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return -1;
    }
  if (n == 0 && count > 0)
    {
      if (!block (cancellable, self->gate, &self->n_blocked, error))
        return -1;
      if (self->late_error != NULL)
        {
          g_propagate_error (error, g_error_copy (self->late_error));
          return -1;
        }
      self->limit = G_MAXUINT64;
      n = count;
    }
  self->checksum = gp_test_checksum (self->checksum, buffer, n);
  self->n_bytes += n;
  return (gssize) n;
}

static gboolean
gp_test_sink_close (GOutputStream  *stream,
                    GCancellable   *cancellable,
                    GError        **error)
{
  GpTestSink *self = GP_TEST_SINK (stream);

  g_atomic_int_inc (&self->n_closes);
  if (g_cancellable_is_cancelled (cancellable))
    g_atomic_int_set (&self->discarded, TRUE);
  return TRUE;
}

static void
gp_test_sink_finalize (GObject *object)
{
  g_clear_error (&GP_TEST_SINK (object)->error);
  g_clear_error (&GP_TEST_SINK (object)->late_error);
  G_OBJECT_CLASS (gp_test_sink_parent_class)->finalize (object);
}

static void
gp_test_sink_class_init (GpTestSinkClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gp_test_sink_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = gp_test_sink_write;
  G_OUTPUT_STREAM_CLASS (klass)->close_fn = gp_test_sink_close;
}

static void
gp_test_sink_init (GpTestSink *self)
{
  self->checksum = GP_TEST_CHECKSUM_INIT;
}

GOutputStream *
gp_test_sink_new (guint64  limit,
                  GError  *error)
{
  GpTestSink *self = gp_test_watch (g_object_new (GP_TYPE_TEST_SINK, NULL));

  self->limit = limit;
  self->error = error;
  return G_OUTPUT_STREAM (self);
}

void
gp_test_sink_set_gate (GpTestSink *self,
                       GpTestGate *gate,
                       GError     *error)
{
  self->gate = gate;
  self->late_error = error;
}

guint
gp_test_sink_get_n_closes (gpointer self)
{
  return (guint) g_atomic_int_get (&GP_TEST_SINK (self)->n_closes);
}

gboolean
gp_test_sink_was_discarded (gpointer self)
{
  return g_atomic_int_get (&GP_TEST_SINK (self)->discarded);
}

gboolean
gp_test_sink_is_blocked (gpointer self)
{
  return g_atomic_int_get (&GP_TEST_SINK (self)->n_blocked) > 0;
}

guint64
gp_test_sink_get_n_bytes (gpointer self)
{
  return GP_TEST_SINK (self)->n_bytes;
}

guint64
gp_test_sink_get_checksum (gpointer self)
{
  return GP_TEST_SINK (self)->checksum;
}
