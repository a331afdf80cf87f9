/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-finishers.h"

#include <string.h>

#include "gp-test-stages.h"

#define TEXT GP_TEST_FINISHER_TEXT
#define LINE GP_TEST_FINISHER_LINE
#define N_LINES GP_TEST_FINISHER_N_LINES
#define N_BYTES GP_TEST_FINISHER_N_BYTES

/* Together more than all the pipes of a test case hold */
#define N_LINES_THERE (25 * N_LINES)

GBytes *
gp_test_finisher_input (void)
{
  static gsize bytes = 0;

  if (g_once_init_enter (&bytes))
    {
      GString *text = g_string_new (NULL);

      for (guint i = 0; i < N_LINES_THERE; i++)
        g_string_append (text, LINE);
      g_once_init_leave (&bytes, (gsize) g_string_free_to_bytes (text));
    }
  return (GBytes *) bytes;
}

gboolean
gp_test_finisher_had_enough (GError **error)
{
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "had enough");
  return FALSE;
}

/* --- Functions that block ------------------------------------------------------------------- */

static gboolean
take (GInputStream   *input,
      GOutputStream  *output,
      GError        **error)
{
  char buffer[1000];
  gsize left = N_BYTES;

  while (left > 0)
    {
      gssize n = g_input_stream_read (input, buffer, MIN (left, sizeof buffer), NULL, error);

      if (n <= 0 || !g_output_stream_write_all (output, buffer, n, NULL, NULL, error))
        return FALSE;
      left -= n;
    }
  return TRUE;
}

static gboolean
take_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return take (input, output, error) && gp_test_finisher_had_enough (error);
}

/* A fault */
static gboolean
take_and_say_nothing_func (GInputStream    *input,
                           GOutputStream   *output,
                           GpStageContext  *context,
                           gpointer         user_data,
                           GError         **error)
{
  return take (input, output, error) && FALSE;
}

static gboolean
endless_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  while (g_output_stream_write_all (output, LINE, strlen (LINE), NULL, NULL, error))
    continue;
  return FALSE;
}

static GpStage *
make_function (gconstpointer data)
{
  return GP_STAGE (gp_function_stage_new ("function", (GpFunction) data, NULL, NULL));
}

#define TEST_TYPE_TAKER (test_taker_get_type ())
G_DECLARE_FINAL_TYPE (TestTaker, test_taker, TEST, TAKER, GpThreadStage)

struct _TestTaker
{
  GpThreadStage parent_instance;
};

G_DEFINE_FINAL_TYPE (TestTaker, test_taker, GP_TYPE_THREAD_STAGE)

static gboolean
test_taker_process (GpThreadStage   *stage,
                    GpStageContext  *context,
                    GCancellable    *cancellable,
                    GError         **error)
{
  return take (gp_stage_context_get_stdin (context), gp_stage_context_get_stdout (context), error) &&
         gp_test_finisher_had_enough (error);
}

static void
test_taker_class_init (TestTakerClass *klass)
{
  GP_THREAD_STAGE_CLASS (klass)->process = test_taker_process;
}

static void
test_taker_init (TestTaker *self)
{
}

static GpStage *
make_thread_stage (gconstpointer data)
{
  return g_object_new (TEST_TYPE_TAKER, NULL);
}

/* --- What reports by itself ----------------------------------------------------------------- */

/* A class of the application, with a thread that is not the library's */
#define TEST_TYPE_REPORTER (test_reporter_get_type ())
G_DECLARE_FINAL_TYPE (TestReporter, test_reporter, TEST, REPORTER, GObject)

struct _TestReporter
{
  GObject parent_instance;
};

static void test_reporter_stage_init (GpStageInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestReporter, test_reporter, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_reporter_stage_init))

static gpointer
reporter_thread (gpointer data)
{
  g_autoptr (GpStageContext) context = data;
  g_autoptr (GError) error = NULL;

  if (take (gp_stage_context_get_stdin (context), gp_stage_context_get_stdout (context), &error))
    gp_test_finisher_had_enough (&error);
  gp_stage_context_return_error (context, error);
  return NULL;
}

static gboolean
test_reporter_needs_main_context (GpStage *stage)
{
  return FALSE;
}

static gboolean
test_reporter_run (GpStage         *stage,
                   GpStageContext  *context,
                   GError         **error)
{
  g_thread_unref (g_thread_new ("reporter", reporter_thread, g_object_ref (context)));
  return TRUE;
}

static void
test_reporter_stage_init (GpStageInterface *iface)
{
  iface->needs_main_context = test_reporter_needs_main_context;
  iface->run = test_reporter_run;
}

static void
test_reporter_class_init (TestReporterClass *klass)
{
}

static void
test_reporter_init (TestReporter *self)
{
}

static GpStage *
make_reporter (gconstpointer data)
{
  return g_object_new (TEST_TYPE_REPORTER, NULL);
}

/* Its run () or start_async () reports at once, or run () returns the error */
static GpStage *
make_probe (gconstpointer data)
{
  GpTestProbe *probe = gp_test_probe_new ("probe", GPOINTER_TO_INT (data));
  GError *error = NULL;

  gp_test_finisher_had_enough (&error);
  gp_test_probe_set_error (probe, error);
  return GP_STAGE (probe);
}

static GpStage *
make_starter (gconstpointer data)
{
  return GP_STAGE (gp_test_starter_new ("starter", GP_TEST_END_FINISH_EARLY));
}

/* --- Asynchronous functions ----------------------------------------------------------------- */

typedef struct
{
  GpStageContext *context;
  char           *buffer;
} Taking;

static void
taking_report (Taking *self,
               GError *error)
{
  if (error == NULL)
    gp_test_finisher_had_enough (&error);
  gp_stage_context_return_error (self->context, error);
  g_error_free (error);
  g_object_unref (self->context);
  g_free (self->buffer);
  g_free (self);
}

static void
taking_written_cb (GObject      *source,
                   GAsyncResult *result,
                   gpointer      data)
{
  GError *error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  taking_report (data, error);
}

static void
taking_read_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      data)
{
  Taking *self = data;
  GError *error = NULL;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, NULL, &error))
    {
      taking_report (self, error);
      return;
    }
  g_output_stream_write_all_async (gp_stage_context_get_stdout (self->context),
                                   self->buffer, N_BYTES, 0, NULL, taking_written_cb, self);
}

static gboolean
take_async_func (GpStageContext  *context,
                 gpointer         user_data,
                 GError         **error)
{
  Taking *self = g_new (Taking, 1);

  *self = (Taking) { g_object_ref (context), g_malloc (N_BYTES) };
  g_input_stream_read_all_async (gp_stage_context_get_stdin (context), self->buffer, N_BYTES, 0, NULL,
                                 taking_read_cb, self);
  return TRUE;
}

static gboolean
at_once_async_func (GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  return gp_test_finisher_had_enough (error);
}

static void
endless_written_cb (GObject      *source,
                    GAsyncResult *result,
                    gpointer      data)
{
  g_autoptr (GpStageContext) context = data;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  gp_stage_context_return_error (context, error);
}

static gboolean
endless_async_func (GpStageContext  *context,
                    gpointer         user_data,
                    GError         **error)
{
  GBytes *bytes = gp_test_finisher_input ();

  g_output_stream_write_all_async (gp_stage_context_get_stdout (context),
                                   g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), 0, NULL,
                                   endless_written_cb, g_object_ref (context));
  return TRUE;
}

static GpStage *
make_async (gconstpointer data)
{
  return GP_STAGE (gp_async_stage_new ("async", (GpAsyncFunction) data, NULL, NULL));
}

/* --- Lines ---------------------------------------------------------------------------------- */

typedef enum
{
  BY_ACTION,
  BY_ERROR,
  BY_SPLIT_ERROR,
  NEVER, /* passes on what comes */
} How;

/* For one run */
typedef struct
{
  How   how;
  guint n_lines;
} Lines;

static GpLineAction
end_lines (Lines   *self,
           GError **error)
{
  if (self->how == BY_ACTION)
    return GP_LINE_ACTION_FINISH;
  gp_test_finisher_had_enough (error);
  return GP_LINE_ACTION_FAULT;
}

static GpLineAction
handle_line (Lines   *self,
             GError **error)
{
  if (self->how == NEVER || self->n_lines++ < N_LINES)
    return GP_LINE_ACTION_KEEP;
  return end_lines (self, error);
}

static GpLineAction
text_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return handle_line (user_data, error);
}

static GpLineAction
bytes_func (GBytes             *line,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  return handle_line (user_data, error);
}

/* The last lines are some of those that it was given, so it writes them by itself. */
static GpLineAction
batch_func (const char * const *lines,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  Lines *self = user_data;
  guint n = g_strv_length ((char **) lines);

  if (self->how == NEVER || self->n_lines + n <= N_LINES)
    {
      self->n_lines += n;
      return GP_LINE_ACTION_KEEP;
    }
  for (; self->n_lines < N_LINES; self->n_lines++)
    g_assert_true (g_data_output_stream_put_string (output, LINE, NULL, NULL));
  return end_lines (self, error);
}

static GpSplitResult
split_func (GBytes    *data,
            gboolean   at_end,
            gsize     *length,
            gsize     *consumed,
            gpointer   user_data,
            GError   **error)
{
  Lines *self = user_data;

  if (g_bytes_get_size (data) < strlen (LINE))
    return GP_SPLIT_RESULT_MORE;
  if (self->how == BY_SPLIT_ERROR && self->n_lines == N_LINES)
    {
      gp_test_finisher_had_enough (error);
      return GP_SPLIT_RESULT_FAULT;
    }
  *length = strlen (TEXT);
  *consumed = strlen (LINE);
  return GP_SPLIT_RESULT_LINE;
}

static GpStage *
make_text_lines (gconstpointer data)
{
  Lines *lines = g_new0 (Lines, 1);

  lines->how = GPOINTER_TO_INT (data);
  return GP_STAGE (gp_line_stage_new ("lines", text_func, lines, g_free));
}

static GpStage *
make_bytes_lines (gconstpointer data)
{
  Lines *lines = g_new0 (Lines, 1);

  lines->how = GPOINTER_TO_INT (data);
  return GP_STAGE (gp_line_stage_new_bytes ("lines", bytes_func, lines, g_free));
}

static GpStage *
make_split_lines (gconstpointer data)
{
  Lines *lines = g_new0 (Lines, 1);
  GpLineStage *stage = gp_line_stage_new_bytes ("lines", bytes_func, lines, g_free);

  lines->how = GPOINTER_TO_INT (data);
  gp_line_stage_set_split_function (stage, split_func, lines, NULL);
  return GP_STAGE (stage);
}

static GpStage *
make_batch_lines (gconstpointer data)
{
  Lines *lines = g_new0 (Lines, 1);

  lines->how = GPOINTER_TO_INT (data);
  return GP_STAGE (gp_line_stage_new_in_context ("lines", batch_func, lines, g_free));
}

/* --- Converters ----------------------------------------------------------------------------- */

#define TEST_TYPE_CONVERTER (test_converter_get_type ())
G_DECLARE_FINAL_TYPE (TestConverter, test_converter, TEST, CONVERTER, GObject)

struct _TestConverter
{
  GObject parent_instance;

  How     how;
  gsize   left;
};

static void test_converter_converter_init (GConverterIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestConverter, test_converter, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_CONVERTER, test_converter_converter_init))

static GConverterResult
test_converter_convert (GConverter       *converter,
                        const void       *in,
                        gsize             in_size,
                        void             *out,
                        gsize             out_size,
                        GConverterFlags   flags,
                        gsize            *n_read,
                        gsize            *n_written,
                        GError          **error)
{
  TestConverter *self = TEST_CONVERTER (converter);
  gsize n = MIN (MIN (in_size, out_size), self->left);

  if (self->left == 0)
    {
      gp_test_finisher_had_enough (error);
      return G_CONVERTER_ERROR;
    }
  memcpy (out, in, n);
  *n_read = *n_written = n;
  if (self->how != NEVER)
    self->left -= n;
  return self->left == 0 && self->how == BY_ACTION ? G_CONVERTER_FINISHED : G_CONVERTER_CONVERTED;
}

static void
test_converter_converter_init (GConverterIface *iface)
{
  iface->convert = test_converter_convert;
}

static void
test_converter_class_init (TestConverterClass *klass)
{
}

static void
test_converter_init (TestConverter *self)
{
  self->left = N_BYTES;
}

static GpStage *
make_converter (gconstpointer data)
{
  g_autoptr (TestConverter) converter = g_object_new (TEST_TYPE_CONVERTER, NULL);

  converter->how = GPOINTER_TO_INT (data);
  return GP_STAGE (gp_converter_stage_new ("converter", G_CONVERTER (converter)));
}

/* --- The table ------------------------------------------------------------------------------ */

static GpStage *
make_bytes (gconstpointer data)
{
  return GP_STAGE (gp_bytes_stage_new ("bytes", gp_test_finisher_input ()));
}

static GpStage *
make_meter (gconstpointer data)
{
  return GP_STAGE (gp_meter_stage_new ("meter", 0));
}

#define INT(value) GINT_TO_POINTER (value)

const GpTestFinisher gp_test_finishers[] = {
  { "function", make_function, take_func },
  { "function-fault", make_function, take_and_say_nothing_func, .is_fault = TRUE },
  { "thread-stage", make_thread_stage },
  { "own-class", make_reporter },
  { "own-class-reports-in-run", make_probe, INT (GP_TEST_END_FINISH_EARLY), .takes_nothing = TRUE },
  { "own-class-run-returns-it", make_probe, INT (GP_TEST_END_RUN_ERROR), .takes_nothing = TRUE },
  { "own-class-start-async", make_starter, .takes_nothing = TRUE },
  { "async", make_async, take_async_func },
  { "async-at-once", make_async, at_once_async_func, .takes_nothing = TRUE },
  { "lines-text", make_text_lines, INT (BY_ACTION) },
  { "lines-text-error", make_text_lines, INT (BY_ERROR) },
  { "lines-bytes", make_bytes_lines, INT (BY_ACTION) },
  { "lines-bytes-error", make_bytes_lines, INT (BY_ERROR) },
  { "lines-split", make_split_lines, INT (BY_ACTION) },
  { "lines-split-error", make_split_lines, INT (BY_SPLIT_ERROR) },
  { "lines-batch", make_batch_lines, INT (BY_ACTION) },
  { "lines-batch-error", make_batch_lines, INT (BY_ERROR) },
  { "converter", make_converter, INT (BY_ACTION) },
  { "converter-error", make_converter, INT (BY_ERROR) },

  { "after-function", make_function, endless_func, .is_endless = TRUE },
  { "after-async", make_async, endless_async_func, .is_endless = TRUE },
  { "after-bytes", make_bytes, .is_endless = TRUE },
  { "after-lines-text", make_text_lines, INT (NEVER), .is_endless = TRUE },
  { "after-lines-bytes", make_bytes_lines, INT (NEVER), .is_endless = TRUE },
  { "after-lines-split", make_split_lines, INT (NEVER), .is_endless = TRUE },
  { "after-lines-batch", make_batch_lines, INT (NEVER), .is_endless = TRUE },
  { "after-converter", make_converter, INT (NEVER), .is_endless = TRUE },
  { "after-meter", make_meter, .is_endless = TRUE },
  { NULL, NULL },
};

GpStage *
gp_test_finisher_new (const char *name)
{
  for (const GpTestFinisher *self = gp_test_finishers; self->name != NULL; self++)
    if (strcmp (self->name, name) == 0)
      return self->make (self->data);
  g_assert_not_reached ();
}
