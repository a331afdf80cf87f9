/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-converter-stage.h"

#include "gp-collector-private.h"
#include "gp-error.h"
#include "gp-stage-context.h"

#include <string.h>

#define BUFFER_SIZE (64 * 1024)

/**
 * GpConverterStage:
 *
 * A stage that converts its input with a [iface@Gio.Converter].
 *
 * Compressing, for example:
 *
 * ```c
 * g_autoptr (GZlibCompressor) gzip = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
 *
 * gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("gzip", G_CONVERTER (gzip))));
 * ```
 *
 * The converter belongs to the stage while the pipeline runs. It is reset before its first use, and
 * called in a thread; so it must not be one that was written in JavaScript, which knows only one.
 *
 * Input that ends in the middle of something is an error. A converter that has finished although
 * there is more input ends the stage early, like any that has had enough; only what was compressed
 * with gzip may consist of several parts, as with `gunzip`, and all of them are decompressed.
 *
 * Since: 0.1
 */
struct _GpConverterStage
{
  GpThreadStage  parent_instance;

  GConverter    *converter;
};

enum
{
  PROP_0,
  PROP_CONVERTER,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpConverterStage, gp_converter_stage, GP_TYPE_THREAD_STAGE)

/* Bytes from @start to @end wait to be converted. */
typedef struct
{
  guint8 *data;
  gsize   size;
  gsize   start;
  gsize   end;
} Buffer;

/* One conversion, in the stage's thread, which owns it */
typedef struct
{
  GConverter    *converter;
  GInputStream  *input;
  GOutputStream *output;
  GCancellable  *cancellable;
  Buffer         in;
  Buffer         out; /* start stays 0: what is converted is written at once */
  gboolean       at_end;
} Conversion;

static void
buffer_init (Buffer *self)
{
  *self = (Buffer) { g_malloc (BUFFER_SIZE), BUFFER_SIZE, 0, 0 };
}

static void
buffer_grow (Buffer *self)
{
  self->size *= 2;
  self->data = g_realloc (self->data, self->size);
}

static void
conversion_init (Conversion       *self,
                 GpConverterStage *stage,
                 GpStageContext   *context)
{
  GInputStream *input = gp_stage_context_get_stdin (context);
  GOutputStream *output = gp_stage_context_get_stdout (context);

  self->converter = stage->converter;
  self->input = input != NULL ? g_object_ref (input) : g_memory_input_stream_new ();
  self->output = output != NULL ? g_object_ref (output) : gp_collector_new_sink ();
  self->cancellable = gp_stage_context_get_cancellable (context);
  self->at_end = FALSE;
  buffer_init (&self->in);
  buffer_init (&self->out);
}

static void
conversion_clear (Conversion *self)
{
  g_free (self->in.data);
  g_free (self->out.data);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Conversion, conversion_clear)

/* Reads more behind what is left, or finds out that there is no more */
static gboolean
read_more (Conversion  *self,
           GError     **error)
{
  Buffer *in = &self->in;
  gssize n;

  if (in->start > 0)
    {
      memmove (in->data, in->data + in->start, in->end - in->start);
      in->end -= in->start;
      in->start = 0;
    }
  if (in->end == in->size)
    buffer_grow (in);

  n = g_input_stream_read (self->input, in->data + in->end, in->size - in->end,
                           self->cancellable, error);
  if (n < 0)
    return FALSE;

  in->end += n;
  self->at_end = n == 0;

  return TRUE;
}

static gboolean
write_out (Conversion  *self,
           GError     **error)
{
  gsize n = self->out.end;

  self->out.end = 0;

  return g_output_stream_write_all (self->output, self->out.data, n, NULL, self->cancellable, error);
}

/* What the converter asks for by an error that is none; FALSE: it was one */
static gboolean
serve_converter (Conversion  *self,
                 GError     **error)
{
  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_NO_SPACE))
    {
      g_clear_error (error);
      buffer_grow (&self->out);
      return TRUE;
    }

  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) && !self->at_end)
    {
      g_clear_error (error);
      return read_more (self, error);
    }

  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
    g_prefix_error (error, "the input ends too early: ");

  return FALSE;
}

static GConverterResult
convert_once (Conversion  *self,
              GError     **error)
{
  GConverterFlags flags = self->at_end ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS;
  Buffer *in = &self->in;
  gsize n_read = 0, n_written = 0;
  GConverterResult result;

  result = g_converter_convert (self->converter, in->data + in->start, in->end - in->start,
                                self->out.data, self->out.size, flags,
                                &n_read, &n_written, error);
  if (result == G_CONVERTER_ERROR)
    return result;

  in->start += n_read;
  self->out.end = n_written;
  if (result != G_CONVERTER_FINISHED && n_read == 0 && n_written == 0)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT,
                   "the converter %s neither read nor wrote anything",
                   G_OBJECT_TYPE_NAME (self->converter));
      return G_CONVERTER_ERROR;
    }

  return result;
}

/* Converts until the converter has finished */
static gboolean
convert_part (Conversion  *self,
              GError     **error)
{
  for (;;)
    {
      GConverterResult result;

      if (self->in.start == self->in.end && !self->at_end && !read_more (self, error))
        return FALSE;

      result = convert_once (self, error);
      if (result == G_CONVERTER_ERROR && !serve_converter (self, error))
        return FALSE;

      if (result != G_CONVERTER_ERROR && !write_out (self, error))
        return FALSE;

      if (result == G_CONVERTER_FINISHED)
        return TRUE;
    }
}

/* Whether more input is the next part of the same: the format says so. */
static gboolean
may_have_parts (GConverter *converter)
{
  GZlibCompressorFormat format;

  if (!G_IS_ZLIB_DECOMPRESSOR (converter))
    return FALSE;

  g_object_get (converter, "format", &format, NULL);

  return format == G_ZLIB_COMPRESSOR_FORMAT_GZIP;
}

static gboolean
has_more_input (Conversion  *self,
                gboolean    *more,
                GError     **error)
{
  if (self->in.start == self->in.end && !self->at_end && !read_more (self, error))
    return FALSE;

  *more = self->in.start < self->in.end;

  return TRUE;
}

/* To a converter that has finished, more input is no concern of its own, unless it is another part
 * of the same. */
static gboolean
convert_all (Conversion  *self,
             GError     **error)
{
  gboolean more;

  do
    {
      more = FALSE;
      if (!convert_part (self, error))
        return FALSE;
      if (may_have_parts (self->converter) && !has_more_input (self, &more, error))
        return FALSE;
      if (more)
        g_converter_reset (self->converter);
    }
  while (more);

  if (!g_output_stream_flush (self->output, self->cancellable, error))
    return FALSE;

  if (self->at_end && self->in.start == self->in.end)
    return TRUE;

  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY,
                       "the converter has finished");

  return FALSE;
}

static gboolean
gp_converter_stage_process (GpThreadStage   *stage,
                            GpStageContext  *context,
                            GCancellable    *cancellable,
                            GError         **error)
{
  GpConverterStage *self = GP_CONVERTER_STAGE (stage);
  g_auto (Conversion) conversion = { 0, };

  if (self->converter == NULL)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, "it has no converter");
      return FALSE;
    }

  /* Somebody may have used it before. */
  if (G_CONVERTER_GET_IFACE (self->converter)->reset != NULL)
    g_converter_reset (self->converter);

  conversion_init (&conversion, self, context);

  return convert_all (&conversion, error);
}

static void
gp_converter_stage_get_property (GObject    *object,
                                 guint       prop_id,
                                 GValue     *value,
                                 GParamSpec *pspec)
{
  GpConverterStage *self = GP_CONVERTER_STAGE (object);

  switch (prop_id)
    {
    case PROP_CONVERTER:
      g_value_set_object (value, self->converter);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_converter_stage_set_property (GObject      *object,
                                 guint         prop_id,
                                 const GValue *value,
                                 GParamSpec   *pspec)
{
  GpConverterStage *self = GP_CONVERTER_STAGE (object);

  switch (prop_id)
    {
    case PROP_CONVERTER:
      self->converter = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_converter_stage_finalize (GObject *object)
{
  GpConverterStage *self = GP_CONVERTER_STAGE (object);

  g_clear_object (&self->converter);

  G_OBJECT_CLASS (gp_converter_stage_parent_class)->finalize (object);
}

static void
gp_converter_stage_class_init (GpConverterStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GpThreadStageClass *thread_stage_class = GP_THREAD_STAGE_CLASS (klass);

  object_class->get_property = gp_converter_stage_get_property;
  object_class->set_property = gp_converter_stage_set_property;
  object_class->finalize = gp_converter_stage_finalize;
  thread_stage_class->process = gp_converter_stage_process;

  /**
   * GpConverterStage:converter: (getter get_converter)
   *
   * What converts the input; without one, the stage fails.
   *
   * Since: 0.1
   */
  props[PROP_CONVERTER] = g_param_spec_object ("converter", NULL, NULL, G_TYPE_CONVERTER,
                                               G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                               G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_converter_stage_init (GpConverterStage *self)
{
}

/**
 * gp_converter_stage_new:
 * @name: (nullable): the name for errors and pictures; `NULL` for "converter"
 * @converter: what converts the input, for nobody else to use until the stage has ended
 *
 * Makes a stage that converts its input.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpConverterStage *
gp_converter_stage_new (const char *name,
                        GConverter *converter)
{
  g_return_val_if_fail (G_IS_CONVERTER (converter), NULL);

  return g_object_new (GP_TYPE_CONVERTER_STAGE,
                       "name", name != NULL ? name : "converter",
                       "converter", converter,
                       NULL);
}

/**
 * gp_converter_stage_get_converter: (get-property converter)
 * @self: a stage
 *
 * Gets what converts the input.
 *
 * Returns: (transfer none) (nullable): the converter, or `NULL` if none was given
 *
 * Since: 0.1
 */
GConverter *
gp_converter_stage_get_converter (GpConverterStage *self)
{
  g_return_val_if_fail (GP_IS_CONVERTER_STAGE (self), NULL);

  return self->converter;
}
