/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-lines.h"

#define MAX_SEEN 10000

static GThread *main_thread;

void
gp_test_lines_clear (GpTestLines *self)
{
  if (self->seen != NULL)
    g_string_free (g_steal_pointer (&self->seen), TRUE);
  g_clear_error (&self->last_error);
}

static void
see (GpTestLines *self,
     const char  *line,
     gsize        length)
{
  self->n_lines++;
  if (self->seen->len >= MAX_SEEN)
    return;
  g_string_append_len (self->seen, line, length);
  g_string_append_c (self->seen, '|');
}

static void
be_busy (guint microseconds)
{
  gint64 end = g_get_monotonic_time () + microseconds;

  while (g_get_monotonic_time () < end)
    continue;
}

static GpLineAction
play (GpTestLines        *self,
      guint               n_lines,
      GDataOutputStream  *output,
      GError            **error)
{
  self->n_calls++;
  self->most_lines = MAX (self->most_lines, n_lines);
  if (self->gate != NULL)
    gp_test_gate_pass (self->gate);
  if (self->busy > 0)
    be_busy (n_lines * self->busy);
  if (self->write != NULL)
    {
      g_autoptr (GError) local_error = NULL;

      if (!g_data_output_stream_put_string (output, self->write, NULL, &local_error) &&
          !self->ignores_errors)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return GP_LINE_ACTION_FAULT;
        }
    }
  if (self->last == 0 || self->n_lines < self->last)
    return self->action;
  if (self->last_error != NULL)
    g_propagate_error (error, g_error_copy (self->last_error));
  return self->last_action;
}

static GpLineAction
text_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  g_assert_true (g_thread_self () != main_thread);
  g_assert_true (g_utf8_validate (line, -1, NULL));
  see (user_data, line, strlen (line));
  return play (user_data, 1, output, error);
}

static GpLineAction
bytes_func (GBytes             *line,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  gsize size;
  const char *data = g_bytes_get_data (line, &size);

  g_assert_true (g_thread_self () != main_thread);
  see (user_data, data != NULL ? data : "", size);
  return play (user_data, 1, output, error);
}

GpLineAction
gp_test_lines_batch_func (const char * const *batch,
                          GDataOutputStream  *output,
                          gpointer            lines,
                          GError            **error)
{
  guint n = g_strv_length ((char **) batch);

  g_assert_true (g_thread_self () == main_thread);
  g_assert_cmpuint (n, >, 0);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (g_utf8_validate (batch[i], -1, NULL));
      see (lines, batch[i], strlen (batch[i]));
    }
  return play (lines, n, output, error);
}

GpLineStage *
gp_test_append_lines (GpPipeline      *pipeline,
                      GpTestLinesKind  kind,
                      GpTestLines     *lines)
{
  GpLineStage *stage;

  main_thread = g_thread_self ();
  if (lines->seen == NULL)
    lines->seen = g_string_new (NULL);
  if (kind == GP_TEST_TEXT_LINES)
    stage = gp_line_stage_new ("lines", text_func, lines, NULL);
  else if (kind == GP_TEST_BYTES_LINES)
    stage = gp_line_stage_new_bytes ("lines", bytes_func, lines, NULL);
  else
    stage = gp_line_stage_new_in_context ("lines", gp_test_lines_batch_func, lines, NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_watch (stage)));
  return stage;
}

static gboolean
endless_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  while (g_output_stream_write_all (output, "an endless line\n", 16, NULL, NULL, error))
    continue;
  return FALSE;
}

void
gp_test_append_endless (GpPipeline *pipeline)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("endless", endless_func, NULL, NULL)));
}

static gboolean
numbers_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  guint n = *(guint *) user_data;
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 1; i <= n; i++)
    {
      g_string_append_printf (text, "%u\n", i);
      if (text->len < 50000 && i < n)
        continue;
      if (!g_output_stream_write_all (output, text->str, text->len, NULL, NULL, error))
        return FALSE;
      g_string_truncate (text, 0);
    }
  return TRUE;
}

void
gp_test_append_numbers (GpPipeline *pipeline,
                        guint      *n_lines)
{
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("numbers", numbers_func, n_lines, NULL)));
}

guint
gp_test_many_lines (void)
{
  if (g_getenv ("GP_TEST_VALGRIND") != NULL)
    return 20000;
  return gp_test_is_thorough () ? 5000000 : 500000;
}

GBytes *
gp_test_lines_output (GpPipeline  *pipeline,
                      const char  *input,
                      gssize       size,
                      GError     **error)
{
  gsize input_size = size < 0 ? strlen (input) : (gsize) size;
  g_autoptr (GBytes) input_bytes = g_bytes_new_static (input, input_size);
  GBytes *output = gp_test_communicate (pipeline, input_bytes, NULL, error);

  return output != NULL ? output : gp_pipeline_dup_output (pipeline);
}

void
gp_test_assert_bytes (GBytes     *bytes,
                      const char *data,
                      gssize      size)
{
  gsize expected_size = size >= 0 ? (gsize) size : strlen (data);

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), data, expected_size);
}

char *
gp_test_big_text (void)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; text->len < 3000000; i++)
    g_string_append_printf (text, "%u%*s\n", i, i % 1000 == 0 ? 300000 : (int) (i % 70), "");
  return g_string_free (text, FALSE);
}

void
gp_test_assert_comes (GInputStream *stream,
                      const char   *text)
{
  g_autofree char *buffer = g_malloc0 (strlen (text) + 1);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_input_stream_read_all_async (stream, buffer, strlen (text), G_PRIORITY_DEFAULT, NULL,
                                 gp_test_result_cb, &result);
  gp_test_await ("output", &result);
  g_input_stream_read_all_finish (stream, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (buffer, ==, text);
}
