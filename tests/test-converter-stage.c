/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* --- A converter that does as it is told -------------------------------------------------- */

typedef enum
{
  KIND_COPY_SLOWLY,  /* a byte at a time, and asks for more room and more input first */
  KIND_HAVE_ENOUGH,  /* after three bytes */
  KIND_DO_NOTHING,   /* without an error */
  KIND_FAIL,
} Kind;

#define TEST_TYPE_CONVERTER (test_converter_get_type ())
G_DECLARE_FINAL_TYPE (TestConverter, test_converter, TEST, CONVERTER, GObject)

struct _TestConverter
{
  GObject parent_instance;
  Kind    kind;
  gsize   n_read;
  guint   n_resets;
};

static void test_converter_converter_init (GConverterIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestConverter, test_converter, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_CONVERTER, test_converter_converter_init))

static GConverterResult
fail (int      code,
      GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, code, "told so");
  return G_CONVERTER_ERROR;
}

static GConverterResult
test_converter_convert (GConverter      *converter,
                        const void      *inbuf,
                        gsize            inbuf_size,
                        void            *outbuf,
                        gsize            outbuf_size,
                        GConverterFlags  flags,
                        gsize           *bytes_read,
                        gsize           *bytes_written,
                        GError         **error)
{
  TestConverter *self = TEST_CONVERTER (converter);
  gboolean at_end = (flags & G_CONVERTER_INPUT_AT_END) != 0;

  if (self->kind == KIND_FAIL)
    return fail (G_IO_ERROR_INVALID_DATA, error);
  if (self->kind == KIND_DO_NOTHING)
    return G_CONVERTER_CONVERTED;
  if (outbuf_size < 200000)
    return fail (G_IO_ERROR_NO_SPACE, error);
  if (inbuf_size < 200000 && !at_end && self->kind == KIND_COPY_SLOWLY)
    return fail (G_IO_ERROR_PARTIAL_INPUT, error);
  if (inbuf_size == 0)
    return at_end ? G_CONVERTER_FINISHED : fail (G_IO_ERROR_PARTIAL_INPUT, error);

  *(char *) outbuf = *(const char *) inbuf;
  *bytes_read = *bytes_written = 1;
  self->n_read++;
  return self->kind == KIND_HAVE_ENOUGH && self->n_read == 3 ? G_CONVERTER_FINISHED
                                                             : G_CONVERTER_CONVERTED;
}

static void
test_converter_reset (GConverter *converter)
{
  TestConverter *self = TEST_CONVERTER (converter);

  self->n_resets++;
  self->n_read = 0;
}

static void
test_converter_converter_init (GConverterIface *iface)
{
  iface->convert = test_converter_convert;
  iface->reset = test_converter_reset;
}

static void
test_converter_class_init (TestConverterClass *klass)
{
}

static void
test_converter_init (TestConverter *self)
{
}

static TestConverter *
test_converter_new (Kind kind)
{
  TestConverter *self = g_object_new (TEST_TYPE_CONVERTER, NULL);

  self->kind = kind;
  return gp_test_watch (self);
}

/* --- Helpers ------------------------------------------------------------------------------ */

/* Takes @converter */
static void
append (GpPipeline *pipeline,
        const char *name,
        gpointer    converter)
{
  GpConverterStage *stage = gp_converter_stage_new (name, converter);

  g_assert_true (gp_converter_stage_get_converter (stage) == converter);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
  g_object_unref (converter);
}

static gpointer
new_compressor (GZlibCompressorFormat format)
{
  return g_zlib_compressor_new (format, -1);
}

static gpointer
new_decompressor (GZlibCompressorFormat format)
{
  return g_zlib_decompressor_new (format);
}

/* Takes @converter */
static GBytes *
convert (gpointer   converter,
         GBytes    *input,
         GError   **error)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  append (pipeline, NULL, converter);
  return gp_test_communicate (pipeline, input, NULL, error);
}

static GBytes *
compress (const char            *text,
          GZlibCompressorFormat  format)
{
  g_autoptr (GBytes) input = g_bytes_new (text, strlen (text));
  GBytes *output = convert (new_compressor (format), input, NULL);

  g_assert_nonnull (output);
  return output;
}

static GBytes *
join (GBytes     *first,
      gsize       length,
      const char *second,
      gsize       second_length)
{
  GByteArray *array = g_byte_array_new ();

  g_byte_array_append (array, g_bytes_get_data (first, NULL), length);
  g_byte_array_append (array, (const guint8 *) second, second_length);
  return g_byte_array_free_to_bytes (array);
}

static void
assert_text (GBytes     *bytes,
             const char *text)
{
  g_assert_nonnull (bytes);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), text, strlen (text));
}

/* --- Tests -------------------------------------------------------------------------------- */

static const GZlibCompressorFormat formats[] = {
  G_ZLIB_COMPRESSOR_FORMAT_ZLIB,
  G_ZLIB_COMPRESSOR_FORMAT_GZIP,
  G_ZLIB_COMPRESSOR_FORMAT_RAW,
};

static void
test_round_trip (gconstpointer data)
{
  const char *places = data; /* "c": a command that copies; "+": compresses, "-": decompresses */
  const guint64 size = gp_test_is_thorough () ? 300000001 : 3000001;

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) source = gp_test_source_new (size, FALSE);
      g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GOutputStream) plain_sink = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GInputStream) same_source = gp_test_source_new (size, FALSE);
      g_autoptr (GError) error = NULL;

      for (const char *p = places; *p != '\0'; p++)
        if (*p == 'c')
          gp_test_add_child (pipeline, "cat", NULL);
        else if (*p == '+')
          append (pipeline, "compress", new_compressor (formats[i]));
        else
          append (pipeline, "decompress", new_decompressor (formats[i]));
      gp_pipeline_set_stdin (pipeline, source);
      gp_pipeline_set_stdout (pipeline, sink);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, size);
      g_output_stream_splice (plain_sink, same_source, G_OUTPUT_STREAM_SPLICE_NONE, NULL, NULL);
      g_assert_cmpuint (gp_test_sink_get_checksum (sink), ==,
                        gp_test_sink_get_checksum (plain_sink));
    }
}

static void
test_no_ends (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  append (pipeline, NULL, new_compressor (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  gp_pipeline_run (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* What is written into a buffer arrives, although nobody closes that. */
static void
test_flush (void)
{
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (sink);
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("words", 5, NULL);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  append (pipeline, NULL, test_converter_new (KIND_COPY_SLOWLY));
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, buffered);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 5);
}

static void
test_no_converter (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, g_object_new (GP_TYPE_CONVERTER_STAGE, "name", "none", NULL));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, "none: it has no converter");
}

/* The same converter again: it has to be reset */
static void
test_used_again (void)
{
  g_autoptr (GZlibCompressor) compressor = new_compressor (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  g_autoptr (GBytes) input = g_bytes_new_static ("words", 5);
  g_autoptr (GBytes) first = convert (g_object_ref (compressor), input, NULL);
  g_autoptr (GBytes) second = convert (g_object_ref (compressor), input, NULL);

  g_assert_nonnull (first);
  g_assert_true (g_bytes_equal (first, second));
}

/* What gzip has compressed may have parts, however they are cut. */
static void
test_gzip_parts (void)
{
  g_autoptr (GBytes) one = compress ("one ", G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GBytes) empty = compress ("", G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GBytes) two = compress ("two", G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  GBytes *parts[] = { one, empty, two };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_autoptr (GBytes) input = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_byte_array_append (all, g_bytes_get_data (parts[i], NULL), g_bytes_get_size (parts[i]));
  input = g_bytes_new (all->data, all->len);
  output = convert (new_decompressor (G_ZLIB_COMPRESSOR_FORMAT_GZIP), input, &error);
  g_assert_no_error (error);
  assert_text (output, "one two");
  g_clear_pointer (&output, g_bytes_unref);

  gp_test_add_child (pipeline, "slow-cat", NULL);
  append (pipeline, NULL, new_decompressor (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  assert_text (output, "one two");
}

/* Of other formats nobody wants what comes after the end. */
static void
test_finishes_early (void)
{
  g_autoptr (GBytes) compressed = compress ("words", G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  g_autoptr (GBytes) input = join (compressed, g_bytes_get_size (compressed), "rest", 4);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) endless = gp_test_pipeline_new ();
  TestConverter *enough = test_converter_new (KIND_HAVE_ENOUGH);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  append (pipeline, NULL, new_decompressor (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  output = gp_test_communicate (pipeline, input, NULL, &error);
  g_assert_no_error (error);
  assert_text (output, "words");
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)), ==,
                   GP_STAGE_STATE_FINISHED_EARLY);
  g_clear_pointer (&output, g_bytes_unref);

  gp_test_add_child (endless, "spew", "100000000", NULL);
  append (endless, "enough", enough);
  output = gp_test_communicate (endless, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (output), ==, 3);
}

static void
test_bad_input (void)
{
  g_autoptr (GBytes) compressed = compress ("some words", G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  gsize size = g_bytes_get_size (compressed);
  g_autoptr (GBytes) half = g_bytes_new_from_bytes (compressed, 0, size - 1);
  g_autoptr (GBytes) garbage = g_bytes_new_static ("no zip", 6);
  g_autoptr (GBytes) trailing = join (compressed, size, "garbage", 7);
  g_autoptr (GBytes) none = g_bytes_new (NULL, 0);
  const struct { GBytes *input; int code; } rows[] = {
    { half, G_IO_ERROR_PARTIAL_INPUT },
    { none, G_IO_ERROR_PARTIAL_INPUT },
    { garbage, G_IO_ERROR_INVALID_DATA },
    { trailing, G_IO_ERROR_INVALID_DATA },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (convert (new_decompressor (G_ZLIB_COMPRESSOR_FORMAT_GZIP), rows[i].input,
                              &error));
      g_assert_error (error, G_IO_ERROR, rows[i].code);
      g_assert_true (g_str_has_prefix (error->message, "converter: "));
      if (rows[i].code == G_IO_ERROR_PARTIAL_INPUT)
        gp_test_assert_contains (error->message, "the input ends too early");
    }
}

static void
test_charset (void)
{
  g_autoptr (GBytes) latin = g_bytes_new_static ("caf\351", 4);
  g_autoptr (GBytes) utf8 = g_bytes_new_static ("caf\303\251", 5);
  g_autoptr (GBytes) cut = g_bytes_new_from_bytes (utf8, 0, 4);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  output = convert (g_charset_converter_new ("UTF-8", "ISO-8859-1", NULL), latin, &error);
  g_assert_no_error (error);
  assert_text (output, "caf\303\251");
  g_clear_pointer (&output, g_bytes_unref);

  /* A byte at a time */
  gp_test_add_child (pipeline, "slow-cat", NULL);
  append (pipeline, NULL, g_charset_converter_new ("ISO-8859-1", "UTF-8", NULL));
  output = gp_test_communicate (pipeline, utf8, NULL, &error);
  g_assert_no_error (error);
  assert_text (output, "caf\351");

  g_assert_null (convert (g_charset_converter_new ("ISO-8859-1", "UTF-8", NULL), cut, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT);
}

static void
test_demanding_converter (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestConverter *converter = test_converter_new (KIND_COPY_SLOWLY);
  g_autoptr (GInputStream) source = gp_test_source_new (300001, FALSE);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;

  append (pipeline, NULL, g_object_ref (converter));
  gp_pipeline_set_stdin (pipeline, source);
  gp_pipeline_set_stdout (pipeline, sink);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 300001);
  g_assert_cmpuint (converter->n_resets, ==, 1);
  g_object_unref (converter);
}

static void
test_bad_converter (void)
{
  g_autoptr (GBytes) input = g_bytes_new_static ("words", 5);
  g_autoptr (GError) error = NULL;

  g_assert_null (convert (test_converter_new (KIND_FAIL), input, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  gp_test_assert_message (error, "converter: told so");
  g_clear_error (&error);
  g_assert_null (convert (test_converter_new (KIND_DO_NOTHING), input, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
}

/* What has arrived is passed on, even if no more comes for a while. */
static void
test_waits (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[10];

  append (pipeline, NULL, g_charset_converter_new ("ISO-8859-1", "UTF-8", NULL));
  input = gp_pipeline_open_input (pipeline, NULL);
  output = gp_pipeline_open_output (pipeline, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_assert_true (g_output_stream_write_all (input, "abc", 3, NULL, NULL, NULL));
  g_assert_true (g_input_stream_read_all (output, buffer, 3, NULL, NULL, NULL));
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static gboolean
compress_and_fail_func (GInputStream    *input,
                        GOutputStream   *output,
                        GpStageContext  *context,
                        gpointer         user_data,
                        GError         **error)
{
  g_autoptr (GConverter) converter =
    G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  g_autoptr (GOutputStream) compressed = g_converter_output_stream_new (output, converter);

  g_filter_output_stream_set_close_base_stream (G_FILTER_OUTPUT_STREAM (compressed), FALSE);
  if (g_output_stream_write_all (compressed, "text", 4, NULL, NULL, error) &&
      g_output_stream_close (compressed, NULL, error))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no more");

  return FALSE;
}

/* Where one part has ended, and it is to be seen whether there is another */
static void
test_fails_after_part (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GConverter) converter =
    G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
  gp_test_add_function (pipeline, "compress", compress_and_fail_func, NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("decompress", converter)));
  output = gp_test_communicate (pipeline, NULL, NULL, &error);
  g_assert_null (output);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

static void
test_cannot_flush (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GConverter) converter =
    G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  g_autoptr (GOutputStream) sink =
    gp_test_sink_new (1, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  g_autoptr (GOutputStream) output = g_buffered_output_stream_new (sink);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("compress", converter)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add_data ("/converter-stage/round-trip/alone", "+-", test_round_trip);
  gp_test_add_data ("/converter-stage/round-trip/commands", "c+c-c", test_round_trip);
  gp_test_add ("/converter-stage/no-ends", test_no_ends);
  gp_test_add ("/converter-stage/flush", test_flush);
  gp_test_add ("/converter-stage/no-converter", test_no_converter);
  gp_test_add ("/converter-stage/used-again", test_used_again);
  gp_test_add ("/converter-stage/gzip-parts", test_gzip_parts);
  gp_test_add ("/converter-stage/finishes-early", test_finishes_early);
  gp_test_add ("/converter-stage/bad-input", test_bad_input);
  gp_test_add ("/converter-stage/charset", test_charset);
  gp_test_add ("/converter-stage/demanding-converter", test_demanding_converter);
  gp_test_add ("/converter-stage/bad-converter", test_bad_converter);
  gp_test_add ("/converter-stage/waits", test_waits);
  gp_test_add ("/converter-stage/fails-after-part", test_fails_after_part);
  gp_test_add ("/converter-stage/cannot-flush", test_cannot_flush);

  return gp_test_run ();
}
