/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-place.h"
#include "gp-test-stages.h"

/* A file that only GIO can reach, as those of a remote machine: it is in memory, and has neither a
 * path nor a descriptor. Its contents change when its stream is closed with success. */
#define TEST_TYPE_FILE (test_file_get_type ())
G_DECLARE_FINAL_TYPE (TestFile, test_file, TEST, FILE, GObject)

struct _TestFile
{
  GObject     parent_instance;

  GMutex      lock;
  char       *contents;  /* owned, or NULL: there is no such file */
  guint       n_discarded;
  GThread    *opened_by; /* only compared */
  gboolean    fails;
  gboolean    close_fails;
  GpTestGate *gate;       /* or NULL: to be passed before it is open */
  GpTestGate *close_gate; /* or NULL: to be passed before what is read is closed */
};

static void test_file_file_init (GFileIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (TestFile, test_file, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_FILE, test_file_file_init))

#define TEST_TYPE_FILE_OUTPUT (test_file_output_get_type ())
G_DECLARE_FINAL_TYPE (TestFileOutput, test_file_output, TEST, FILE_OUTPUT, GFileOutputStream)

struct _TestFileOutput
{
  GFileOutputStream parent_instance;

  TestFile         *file;
  GString          *text;
};

G_DEFINE_FINAL_TYPE (TestFileOutput, test_file_output, G_TYPE_FILE_OUTPUT_STREAM)

static gssize
test_file_output_write (GOutputStream  *stream,
                        const void     *buffer,
                        gsize           count,
                        GCancellable   *cancellable,
                        GError        **error)
{
  g_string_append_len (TEST_FILE_OUTPUT (stream)->text, buffer, count);
  return count;
}

static gboolean
test_file_output_close (GOutputStream  *stream,
                        GCancellable   *cancellable,
                        GError        **error)
{
  TestFileOutput *self = TEST_FILE_OUTPUT (stream);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->file->lock);

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    {
      self->file->n_discarded++;
      return FALSE;
    }
  if (self->file->close_fails)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "no space there");
      return FALSE;
    }
  g_free (self->file->contents);
  self->file->contents = g_strdup (self->text->str);
  return TRUE;
}

static void
test_file_output_finalize (GObject *object)
{
  TestFileOutput *self = TEST_FILE_OUTPUT (object);

  g_string_free (self->text, TRUE);
  g_object_unref (self->file);
  G_OBJECT_CLASS (test_file_output_parent_class)->finalize (object);
}

static void
test_file_output_class_init (TestFileOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_file_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = test_file_output_write;
  G_OUTPUT_STREAM_CLASS (klass)->close_fn = test_file_output_close;
}

static void
test_file_output_init (TestFileOutput *self)
{
}

/* A file's input stream has to be a GFileInputStream. */
#define TEST_TYPE_FILE_INPUT (test_file_input_get_type ())
G_DECLARE_FINAL_TYPE (TestFileInput, test_file_input, TEST, FILE_INPUT, GFileInputStream)

struct _TestFileInput
{
  GFileInputStream parent_instance;

  GInputStream    *base;
  TestFile        *file;
};

G_DEFINE_FINAL_TYPE (TestFileInput, test_file_input, G_TYPE_FILE_INPUT_STREAM)

static gssize
test_file_input_read (GInputStream  *stream,
                      void          *buffer,
                      gsize          count,
                      GCancellable  *cancellable,
                      GError       **error)
{
  return g_input_stream_read (TEST_FILE_INPUT (stream)->base, buffer, count, cancellable, error);
}

static gboolean
test_file_input_close (GInputStream  *stream,
                       GCancellable  *cancellable,
                       GError       **error)
{
  TestFile *file = TEST_FILE_INPUT (stream)->file;

  if (file->close_gate != NULL)
    gp_test_gate_pass (file->close_gate);
  if (!file->close_fails)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the checksum is wrong");
  return FALSE;
}

static void
test_file_input_finalize (GObject *object)
{
  g_object_unref (TEST_FILE_INPUT (object)->base);
  g_object_unref (TEST_FILE_INPUT (object)->file);
  G_OBJECT_CLASS (test_file_input_parent_class)->finalize (object);
}

static void
test_file_input_class_init (TestFileInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_file_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = test_file_input_read;
  G_INPUT_STREAM_CLASS (klass)->close_fn = test_file_input_close;
}

static void
test_file_input_init (TestFileInput *self)
{
}

static gboolean
begin_open (TestFile  *self,
            gboolean   must_exist,
            GError   **error)
{
  self->opened_by = g_thread_self ();
  if (self->gate != NULL)
    gp_test_gate_pass (self->gate);
  if (!self->fails && (self->contents != NULL || !must_exist))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "nothing there");
  return FALSE;
}

static GFileInputStream *
test_file_read (GFile         *file,
                GCancellable  *cancellable,
                GError       **error)
{
  TestFile *self = TEST_FILE (file);
  TestFileInput *stream;

  if (!begin_open (self, TRUE, error))
    return NULL;
  stream = g_object_new (TEST_TYPE_FILE_INPUT, NULL);
  stream->file = g_object_ref (self);
  stream->base = g_memory_input_stream_new_from_data (self->contents, -1, NULL);
  return gp_test_watch (stream);
}

static GFileOutputStream *
open_output (TestFile    *self,
             const char  *old,
             GError     **error)
{
  TestFileOutput *stream;

  if (!begin_open (self, FALSE, error))
    return NULL;
  stream = g_object_new (TEST_TYPE_FILE_OUTPUT, NULL);
  stream->file = g_object_ref (self);
  stream->text = g_string_new (old);
  return gp_test_watch (stream);
}

static GFileOutputStream *
test_file_append_to (GFile             *file,
                     GFileCreateFlags   flags,
                     GCancellable      *cancellable,
                     GError           **error)
{
  return open_output (TEST_FILE (file), TEST_FILE (file)->contents, error);
}

static GFileOutputStream *
test_file_replace (GFile             *file,
                   const char        *etag,
                   gboolean           make_backup,
                   GFileCreateFlags   flags,
                   GCancellable      *cancellable,
                   GError           **error)
{
  return open_output (TEST_FILE (file), NULL, error);
}

static char *
test_file_get_parse_name (GFile *file)
{
  return g_strdup ("test://host/file");
}

static char *
test_file_get_path (GFile *file)
{
  return NULL;
}

static gboolean
test_file_is_native (GFile *file)
{
  return FALSE;
}

static void
test_file_file_init (GFileIface *iface)
{
  iface->is_native = test_file_is_native;
  iface->get_path = test_file_get_path;
  iface->get_parse_name = test_file_get_parse_name;
  iface->read_fn = test_file_read;
  iface->append_to = test_file_append_to;
  iface->replace = test_file_replace;
}

static void
test_file_finalize (GObject *object)
{
  TestFile *self = TEST_FILE (object);

  g_free (self->contents);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (test_file_parent_class)->finalize (object);
}

static void
test_file_class_init (TestFileClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_file_finalize;
}

static void
test_file_init (TestFile *self)
{
  g_mutex_init (&self->lock);
}

static TestFile *
test_file_new (const char *contents)
{
  TestFile *self = g_object_new (TEST_TYPE_FILE, NULL);

  self->contents = g_strdup (contents);
  return gp_test_watch (self);
}

/* --- Tests -------------------------------------------------------------------------------- */

static void
append_stage (GpPipeline *pipeline,
              gboolean    is_command)
{
  if (is_command)
    gp_test_add_child (pipeline, "cat", NULL);
  else
    gp_test_add_function (pipeline, "copy", gp_test_copy_func, NULL);
}

typedef struct
{
  GpFileMode  mode;
  const char *old;
  const char *after_success;
  const char *after_failure;
} ModeRow;

static const ModeRow mode_rows[] = {
  { GP_FILE_MODE_REPLACE, NULL, "words", NULL },
  { GP_FILE_MODE_REPLACE, "old", "words", "old" },
  { GP_FILE_MODE_TRUNCATE, NULL, "words", "words" },
  { GP_FILE_MODE_TRUNCATE, "old", "words", "words" },
  { GP_FILE_MODE_APPEND, "old", "oldwords", "oldwords" },
};

static void
run_mode (const ModeRow *row,
          gboolean       is_command)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (TestFile) in = test_file_new ("words");
  g_autoptr (TestFile) out = test_file_new (row->old);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
  gp_pipeline_set_stdout_file (pipeline, G_FILE (out), row->mode);
  append_stage (pipeline, is_command);
  append_stage (pipeline, is_command);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out->contents, ==, row->after_success);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 0), ==,
                   is_command ? GP_EDGE_KIND_PUMP : GP_EDGE_KIND_STREAM);
  g_assert_true (in->opened_by != g_thread_self () && in->opened_by != NULL);
  g_assert_true (out->opened_by != g_thread_self () && out->opened_by != NULL);
}

static gboolean
write_and_fail_func (GInputStream    *input,
                     GOutputStream   *output,
                     GpStageContext  *context,
                     gpointer         user_data,
                     GError         **error)
{
  if (gp_test_copy_func (input, output, context, NULL, error))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  return FALSE;
}

static void
run_failing_mode (const ModeRow *row,
                  gboolean       is_command)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (TestFile) in = test_file_new ("words");
  g_autoptr (TestFile) out = test_file_new (row->old);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
  gp_pipeline_set_stdout_file (pipeline, G_FILE (out), row->mode);
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("fail", write_and_fail_func, NULL,
                                                                 NULL)));
  append_stage (pipeline, is_command);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "fail: broken");
  g_assert_cmpstr (out->contents, ==, row->after_failure);
  g_assert_cmpuint (out->n_discarded, ==, row->mode == GP_FILE_MODE_REPLACE ? 1 : 0);
}

static void
test_modes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (mode_rows); i++)
    for (gboolean is_command = FALSE; is_command <= TRUE; is_command++)
      {
        run_mode (&mode_rows[i], is_command);
        run_failing_mode (&mode_rows[i], is_command);
      }
}

static void
test_open_errors (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (TestFile) in = test_file_new (i == 0 ? NULL : "words");
      g_autoptr (TestFile) out = test_file_new ("old");
      g_autoptr (GError) error = NULL;

      out->fails = TRUE;
      gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
      gp_pipeline_set_stdout_file (pipeline, G_FILE (out), GP_FILE_MODE_REPLACE);
      append_stage (pipeline, TRUE);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
      gp_test_assert_message (error,
                              i == 0 ? "opening standard input \"test://host/file\": nothing there"
                                     : "opening standard output \"test://host/file\": nothing there");
      g_assert_true ((out->opened_by != NULL) == (i == 1));
      g_assert_cmpstr (out->contents, ==, "old");
    }
}

/* The file is the last thing that can fail: it is not replaced if the input cannot be closed. */
static void
test_close_errors (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (TestFile) in = test_file_new ("words");
      g_autoptr (TestFile) out = test_file_new ("old");
      g_autoptr (GError) error = NULL;

      in->close_fails = i == 0;
      out->close_fails = i == 1;
      gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
      gp_pipeline_set_stdout_file (pipeline, G_FILE (out), GP_FILE_MODE_REPLACE);
      append_stage (pipeline, FALSE);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      gp_test_assert_message (error,
                              i == 0 ? "closing standard input \"test://host/file\": "
                                       "the checksum is wrong"
                                     : "closing standard output \"test://host/file\": "
                                       "no space there");
      g_assert_cmpstr (out->contents, ==, "old");
      g_assert_cmpuint (out->n_discarded, ==, i == 0 ? 1 : 0);
    }
}

/* What could not be closed explains more than that nobody reads any more, but no more than a real
 * error. */
static void
test_close_error_and_others (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (TestFile) in = test_file_new ("words");
      g_autoptr (GError) error = NULL;

      in->close_fails = TRUE;
      gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
      gp_test_add_probe (pipeline, "probe", i == 0 ? GP_TEST_END_PIPE : GP_TEST_END_ERROR);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      gp_test_assert_message (error,
                              i == 0 ? "closing standard input \"test://host/file\": "
                                       "the checksum is wrong"
                                     : "probe: broken");
    }
}

static gboolean
is_discarded (gpointer data)
{
  TestFile *self = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->n_discarded == 1;
}

/* What is open only after the pipeline was given up is closed again, and changes nothing. */
static void
test_opens_late (void)
{
  for (guint synchronously = 0; synchronously < 2; synchronously++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (TestFile) out = test_file_new ("old");
      g_autoptr (GError) error = NULL;
      g_auto (GpTestGate) gate;

      gp_test_gate_init (&gate);
      out->gate = &gate;
      gp_pipeline_set_stdout_file (pipeline, G_FILE (out), GP_FILE_MODE_REPLACE);
      gp_pipeline_set_abandon_delay (pipeline, 1);
      append_stage (pipeline, TRUE);
      if (synchronously)
        {
          gp_pipeline_set_time_limit (pipeline, 50);
          g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
        }
      else
        {
          gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
          gp_test_wait_until ("the open to block", gp_test_gate_is_waited_at, &gate);
          gp_pipeline_cancel (pipeline);
          g_assert_false (gp_test_wait (pipeline, &error));
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        }
      g_assert_true (gp_test_gate_is_waited_at (&gate));
      g_clear_object (&pipeline);
      gp_test_gate_open (&gate);
      gp_test_wait_until ("the stream to be discarded", is_discarded, out);
      gp_test_wait_busy_threads ();
      g_assert_cmpstr (out->contents, ==, "old");
    }
}

/* All stages have succeeded, but the file is not replaced yet. */
static void
test_cancel_while_closing (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (TestFile) in = test_file_new ("words");
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;
  g_auto (Place) place;

  place_init (&place, "old");
  gp_test_gate_init (&gate);
  in->close_gate = &gate;
  gp_pipeline_set_stdin_file (pipeline, G_FILE (in));
  gp_pipeline_set_stdout_file (pipeline, place.out, GP_FILE_MODE_REPLACE);
  gp_pipeline_set_abandon_delay (pipeline, G_MAXUINT);
  append_stage (pipeline, FALSE);
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  gp_test_wait_until ("the close to block", gp_test_gate_is_waited_at, &gate);
  while (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)) != GP_STAGE_STATE_SUCCEEDED)
    g_main_context_iteration (NULL, TRUE);
  assert_file (place.out_path, "old");
  gp_pipeline_cancel (pipeline);
  gp_test_gate_open (&gate);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_out (&place, "old");
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/foreign-files/modes", test_modes);
  gp_test_add ("/foreign-files/open-errors", test_open_errors);
  gp_test_add ("/foreign-files/close-errors", test_close_errors);
  gp_test_add ("/foreign-files/close-error-and-others", test_close_error_and_others);
  gp_test_add ("/foreign-files/opens-late", test_opens_late);
  gp_test_add ("/foreign-files/cancel-while-closing", test_cancel_while_closing);

  return gp_test_run ();
}
