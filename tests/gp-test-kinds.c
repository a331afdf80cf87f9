/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-kinds.h"

#include "gp-test-util.h"

#define ENOUGH_MEMORY (G_GUINT64_CONSTANT (1) << 40)
#define N_LINES 200

/* --- Functions ------------------------------------------------------------------------------ */

static void
spliced_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GpStageContext) context = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_success (context);
}

static gboolean
copy_async_func (GpStageContext  *context,
                 gpointer         user_data,
                 GError         **error)
{
  g_output_stream_splice_async (gp_stage_context_get_stdout (context),
                                gp_stage_context_get_stdin (context),
                                G_OUTPUT_STREAM_SPLICE_NONE,
                                G_PRIORITY_DEFAULT,
                                gp_stage_context_get_cancellable (context),
                                spliced_cb,
                                g_object_ref (context));
  return TRUE;
}

static GpLineAction
keep_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static GpLineAction
keep_all_func (const char * const *lines,
               GDataOutputStream  *output,
               gpointer            user_data,
               GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static gboolean
read_all (GInputStream    *input,
          GpStageContext  *context,
          GError         **error)
{
  gssize size;

  do
    size = g_input_stream_skip (input, 100000, gp_stage_context_get_cancellable (context), error);
  while (size > 0);
  return size == 0;
}

static gboolean
fail_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  if (read_all (input, context, error))
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "there is no more room");
  return FALSE;
}

static gboolean
fault_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  read_all (input, context, NULL);
  return FALSE;
}

static gboolean
finish_func (GInputStream    *input,
             GOutputStream   *output,
             GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  if (g_input_stream_skip (input, 1, gp_stage_context_get_cancellable (context), error) >= 0)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "enough");
  return FALSE;
}

static GpErrorAction
replace_func (const GError  *error,
              gpointer       user_data,
              GError       **replacement)
{
  g_set_error_literal (replacement, G_FILE_ERROR, G_FILE_ERROR_IO, "replaced");
  return GP_ERROR_ACTION_KEEP;
}

/* --- What is appended ----------------------------------------------------------------------- */

static void
append_commands (GpPipeline *pipeline)
{
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
}

static void
append_unsupervised (GpPipeline *pipeline)
{
  gp_command_stage_set_supervised (gp_test_add_child (pipeline, "cat", NULL), FALSE);
  gp_command_stage_set_supervised (gp_test_add_child (pipeline, "cat", NULL), FALSE);
}

static void
append_terminal (GpPipeline *pipeline)
{
  gp_command_stage_set_terminal (gp_test_add_child (pipeline, "cat", NULL), TRUE);
}

static void
append_watched (GpPipeline *pipeline)
{
  gp_command_stage_set_memory_limit (gp_test_add_child (pipeline, "cat", NULL), ENOUGH_MEMORY);
}

static void
append_functions (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
}

static void
append_mixed (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
}

static void
append_async (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_async_stage_new ("async", copy_async_func, NULL, NULL)));
}

static void
append_lines (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new ("lines", keep_func, NULL, NULL)));
}

static void
append_lines_in_context (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_line_stage_new_in_context ("lines", keep_all_func, NULL, NULL)));
}

static void
append_converters (GpPipeline *pipeline)
{
  g_autoptr (GZlibCompressor) there = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW, 1);
  g_autoptr (GZlibDecompressor) back = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);

  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("deflate", G_CONVERTER (there))));
  gp_pipeline_append (pipeline, GP_STAGE (gp_meter_stage_new ("meter", 0)));
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("inflate", G_CONVERTER (back))));
}

static void
append_nested (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_new_copier ("ff")));
}

static void
append_nested_commands (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_new_copier ("cf")));
}

static void
append_early (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  gp_test_add_function (pipeline, "finish", finish_func, NULL);
}

static void
append_failing_command (GpPipeline *pipeline)
{
  gp_test_add_child (pipeline, "exit-later", "3", NULL);
}

static void
append_ignored_command (GpPipeline *pipeline)
{
  gp_pipeline_append_ignoring (pipeline, GP_STAGE (gp_test_child_new ("exit-later", "3", NULL)),
                               gp_error_matcher_new_exit_status (3));
}

static void
append_failing_function (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "failing", fail_func, NULL);
}

static void
append_filtered_function (GpPipeline *pipeline)
{
  GpStage *stage = GP_STAGE (gp_function_stage_new ("failing", fail_func, NULL, NULL));

  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_error_filter_stage_new (stage, replace_func, NULL, NULL)));
}

static void
append_faulty_function (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "faulty", fault_func, NULL);
}

static void
append_not_to_be_started (GpPipeline *pipeline)
{
  gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_append_command (pipeline, "/nonexistent", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
}

static void
append_limited (GpPipeline *pipeline)
{
  append_functions (pipeline);
  gp_pipeline_set_time_limit (pipeline, 1);
}

/* --- The table ------------------------------------------------------------------------------ */

static GQuark
exit_error_quark (void)
{
  return G_SPAWN_EXIT_ERROR;
}

#define CANCELLED g_io_error_quark, G_IO_ERROR_CANCELLED

const GpTestKind gp_test_kinds[] = {
  { "commands", append_commands, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },
  { "unsupervised", append_unsupervised, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },
  { "terminal", append_terminal, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },
  { "watched", append_watched, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },
  { "functions", append_functions, GP_TEST_KIND_COPIES, FALSE, FALSE, NULL, 0 },
  { "mixed", append_mixed, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },
  { "async", append_async, GP_TEST_KIND_COPIES, FALSE, TRUE, NULL, 0 },
  { "lines", append_lines, GP_TEST_KIND_COPIES, FALSE, FALSE, NULL, 0 },
  { "lines-in-context", append_lines_in_context, GP_TEST_KIND_COPIES, FALSE, TRUE, NULL, 0 },
  { "converters", append_converters, GP_TEST_KIND_COPIES, FALSE, FALSE, NULL, 0 },
  { "nested", append_nested, GP_TEST_KIND_COPIES, FALSE, FALSE, NULL, 0 },
  { "nested-commands", append_nested_commands, GP_TEST_KIND_COPIES, TRUE, FALSE, NULL, 0 },

  { "early", append_early, GP_TEST_KIND_READS, FALSE, FALSE, NULL, 0 },
  { "command-fails", append_failing_command, GP_TEST_KIND_READS, TRUE, FALSE, exit_error_quark, 3 },
  { "command-ignored", append_ignored_command, GP_TEST_KIND_READS, TRUE, FALSE, NULL, 0 },
  { "function-fails", append_failing_function, GP_TEST_KIND_READS, FALSE, FALSE,
    g_file_error_quark, G_FILE_ERROR_NOSPC },
  { "function-filtered", append_filtered_function, GP_TEST_KIND_READS, FALSE, FALSE,
    g_file_error_quark, G_FILE_ERROR_IO },
  { "function-faulty", append_faulty_function, GP_TEST_KIND_READS, FALSE, FALSE,
    gp_pipeline_error_quark, GP_PIPELINE_ERROR_FAULT },

  { "commands-cancelled", append_commands, GP_TEST_KIND_WAITS, TRUE, FALSE, CANCELLED },
  { "unsupervised-cancelled", append_unsupervised, GP_TEST_KIND_WAITS, TRUE, FALSE, CANCELLED },
  { "functions-cancelled", append_functions, GP_TEST_KIND_WAITS, FALSE, FALSE, CANCELLED },
  { "async-cancelled", append_async, GP_TEST_KIND_WAITS, FALSE, TRUE, CANCELLED },
  { "nested-cancelled", append_nested_commands, GP_TEST_KIND_WAITS, TRUE, FALSE, CANCELLED },

  { "no-start", append_not_to_be_started, GP_TEST_KIND_ENDS, TRUE, FALSE,
    g_spawn_error_quark, G_SPAWN_ERROR_NOENT },
  { "time-limit", append_limited, GP_TEST_KIND_ENDS, FALSE, FALSE,
    g_io_error_quark, G_IO_ERROR_TIMED_OUT },
  { NULL, NULL, GP_TEST_KIND_ENDS, FALSE, FALSE, NULL, 0 },
};

guint
gp_test_count_kinds (void)
{
  return G_N_ELEMENTS (gp_test_kinds) - 1;
}

void
gp_test_kind_check (const GpTestKind *self,
                    const GError     *error)
{
  if (self->domain == NULL)
    g_assert_no_error (error);
  else
    g_assert_error (error, self->domain (), self->code);
}

GBytes *
gp_test_kind_get_text (void)
{
  static GBytes *text;

  if (g_once_init_enter (&text))
    {
      GString *lines = g_string_new (NULL);

      for (guint i = 0; i < N_LINES; i++)
        g_string_append_printf (lines, "this is line %u\n", i);
      g_once_init_leave (&text, g_string_free_to_bytes (lines));
    }
  return text;
}

void
gp_test_kind_check_output (const GpTestKind *self,
                           GBytes           *output)
{
  if (self->end == GP_TEST_KIND_COPIES)
    g_assert_true (output != NULL && g_bytes_equal (output, gp_test_kind_get_text ()));
}

void
gp_test_kind_check_stream (const GpTestKind *self,
                           GOutputStream    *stream)
{
  GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM (stream);
  g_autoptr (GBytes) output =
    g_bytes_new_static (g_memory_output_stream_get_data (memory),
                        g_memory_output_stream_get_data_size (memory));

  gp_test_kind_check_output (self, output);
}

/* --- A life --------------------------------------------------------------------------------- */

void
gp_test_life_make (GpTestLife       *self,
                   const GpTestKind *kind)
{
  g_autoptr (GError) error = NULL;

  *self = (GpTestLife) { .kind = kind, .pipeline = gp_test_pipeline_new () };
  kind->append (self->pipeline);
  self->input = gp_pipeline_open_input (self->pipeline, &error);
  g_assert_no_error (error);
}

void
gp_test_life_start (GpTestLife *self)
{
  gp_pipeline_communicate_async (self->pipeline, NULL, NULL, gp_test_result_cb, &self->result);
}

gboolean
gp_test_life_is_started (gpointer self)
{
  return gp_pipeline_get_state (((GpTestLife *) self)->pipeline) > GP_PIPELINE_STATE_STARTING;
}

/* Whoever does not read to the end breaks the pipe. */
void
gp_test_life_feed (GpTestLife *self)
{
  GBytes *text = gp_test_kind_get_text ();
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all (self->input, g_bytes_get_data (text, NULL), g_bytes_get_size (text),
                             NULL, NULL, &error);
  if (self->kind->end == GP_TEST_KIND_COPIES)
    g_assert_no_error (error);
  g_output_stream_close (self->input, NULL, NULL);
}

void
gp_test_life_go_on (GpTestLife *self)
{
  gp_test_wait_until ("the pipeline to be started", gp_test_life_is_started, self);
  if (self->kind->end == GP_TEST_KIND_WAITS)
    gp_pipeline_cancel (self->pipeline);
  else if (self->kind->end != GP_TEST_KIND_ENDS)
    gp_test_life_feed (self);
}

void
gp_test_life_end (GpTestLife *self)
{
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_test_await ("the end of the pipeline", &self->result);
  output = gp_pipeline_communicate_finish (self->pipeline, self->result, &error);
  gp_test_kind_check (self->kind, error);
  gp_test_kind_check_output (self->kind, output);
  gp_test_life_clear (self);
}

void
gp_test_life_clear (GpTestLife *self)
{
  g_clear_object (&self->input);
  g_clear_object (&self->result);
  g_clear_object (&self->pipeline);
}
