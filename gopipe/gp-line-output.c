/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-line-output-private.h"

#include "gp-collector-private.h"

#define BUFFER_SIZE (64 * 1024)

/* Writing, to @target or into the buffer alone (@held), until it has ended. What it was given lies in
 * this order: first what was written to the target, then @buffer, then the @kept bytes, which are
 * still where they came from.
 *
 * Once the target has failed, everything fails with that error, so that no function can overlook it.
 *
 * It is a data stream over a stream of nothing, and not over its target: so a function cannot get at
 * the target past the buffer. The stage holds it, and so may a function, or a language that it is
 * written in; the target goes with gp_line_output_end (). */
struct _GpLineOutput
{
  GDataOutputStream  parent_instance;

  gboolean           held;
  GOutputStream     *target; /* or NULL: nobody reads */
  GCancellable      *cancellable;
  GByteArray        *buffer;
  const char        *kept;
  gsize              kept_size;
  GError            *failure;
};

G_DEFINE_FINAL_TYPE (GpLineOutput, gp_line_output, G_TYPE_DATA_OUTPUT_STREAM)

static gboolean
fail (GpLineOutput  *self,
      GError       **error)
{
  g_propagate_error (error, g_error_copy (self->failure));

  return FALSE;
}

static gboolean
write_to_target (GpLineOutput  *self,
                 const void    *data,
                 gsize          size,
                 GError       **error)
{
  return g_output_stream_write_all (self->target, data, size, NULL, self->cancellable,
                                    &self->failure) ||
         fail (self, error);
}

static gboolean
write_buffer (GpLineOutput  *self,
              GError       **error)
{
  if (self->failure != NULL)
    return fail (self, error);

  if (self->target == NULL || self->buffer->len == 0)
    return TRUE;

  if (!write_to_target (self, self->buffer->data, self->buffer->len, error))
    return FALSE;

  g_byte_array_set_size (self->buffer, 0);

  return TRUE;
}

static gboolean
append (GpLineOutput  *self,
        const void    *data,
        gsize          size,
        GError       **error)
{
  if (self->failure != NULL)
    return fail (self, error);

  if (size == 0 || (!self->held && self->target == NULL))
    return TRUE;

  if (self->held && size > G_MAXUINT / 2 - self->buffer->len)
    {
      g_set_error_literal (&self->failure, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                           "more than 2 GiB were written for a few lines");
      return fail (self, error);
    }

  if (!self->held && size > BUFFER_SIZE - self->buffer->len)
    {
      if (!write_buffer (self, error))
        return FALSE;
      if (size > BUFFER_SIZE)
        return write_to_target (self, data, size, error);
    }

  g_byte_array_append (self->buffer, data, size);

  return TRUE;
}

gboolean
gp_line_output_settle (GpLineOutput  *self,
                       GError       **error)
{
  gsize size = self->kept_size;

  self->kept_size = 0;

  return append (self, self->kept, size, error);
}

gboolean
gp_line_output_keep (GpLineOutput  *self,
                     const char    *data,
                     gsize          size,
                     GError       **error)
{
  if (self->kept_size > 0 && self->kept + self->kept_size == data)
    {
      self->kept_size += size;
      return TRUE;
    }

  if (!gp_line_output_settle (self, error))
    return FALSE;

  self->kept = data;
  self->kept_size = size;

  return TRUE;
}

static gssize
gp_line_output_write (GOutputStream  *stream,
                      const void     *data,
                      gsize           size,
                      GCancellable   *cancellable,
                      GError        **error)
{
  GpLineOutput *self = GP_LINE_OUTPUT (stream);

  if (!gp_line_output_settle (self, error) || !append (self, data, size, error))
    return -1;

  return size;
}

gboolean
gp_line_output_write_out (GpLineOutput  *self,
                          GError       **error)
{
  return gp_line_output_settle (self, error) && write_buffer (self, error);
}

static gboolean
gp_line_output_flush (GOutputStream  *stream,
                      GCancellable   *cancellable,
                      GError        **error)
{
  GpLineOutput *self = GP_LINE_OUTPUT (stream);

  return gp_line_output_write_out (self, error) &&
         (self->target == NULL || g_output_stream_flush (self->target, self->cancellable, error));
}

static gboolean
gp_line_output_close (GOutputStream  *stream,
                      GCancellable   *cancellable,
                      GError        **error)
{
  return TRUE;
}

static void
gp_line_output_finalize (GObject *object)
{
  GpLineOutput *self = GP_LINE_OUTPUT (object);

  g_clear_object (&self->target);
  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->buffer, g_byte_array_unref);
  g_clear_error (&self->failure);

  G_OBJECT_CLASS (gp_line_output_parent_class)->finalize (object);
}

static void
gp_line_output_class_init (GpLineOutputClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (klass);

  object_class->finalize = gp_line_output_finalize;

  stream_class->write_fn = gp_line_output_write;
  stream_class->flush = gp_line_output_flush;
  stream_class->close_fn = gp_line_output_close;
}

static void
gp_line_output_init (GpLineOutput *self)
{
}

static GpLineOutput *
line_output_new (void)
{
  g_autoptr (GOutputStream) nothing = gp_collector_new_sink ();

  return g_object_new (GP_TYPE_LINE_OUTPUT, "base-stream", nothing, NULL);
}

GpLineOutput *
gp_line_output_new (GOutputStream *target,
                    GCancellable  *cancellable)
{
  GpLineOutput *self = line_output_new ();

  g_set_object (&self->target, target);
  self->cancellable = g_object_ref (cancellable);
  self->buffer = g_byte_array_sized_new (BUFFER_SIZE);

  return self;
}

GpLineOutput *
gp_line_output_new_held (void)
{
  GpLineOutput *self = line_output_new ();

  self->held = TRUE;
  self->buffer = g_byte_array_new ();

  return self;
}

GByteArray *
gp_line_output_take (GpLineOutput  *self,
                     GError       **error)
{
  GByteArray *taken;

  if (!gp_line_output_settle (self, error))
    return NULL;

  taken = g_steal_pointer (&self->buffer);
  self->buffer = g_byte_array_new ();

  return taken;
}

gboolean
gp_line_output_end (GpLineOutput  *self,
                    GError       **error)
{
  gboolean ok = gp_line_output_flush (G_OUTPUT_STREAM (self), NULL, error);

  self->held = FALSE;
  g_clear_object (&self->target);
  g_output_stream_close (G_OUTPUT_STREAM (self), NULL, NULL);

  return ok;
}
