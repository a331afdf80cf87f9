/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-mover.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* Every way into a pipeline with every way out of it, and stages at random in between: what comes out
 * is what went in, whatever the pieces are in which it is written and read, and whoever is slow. */

typedef enum
{
  FROM_FUNCTION,
  FROM_COMMAND,
  FROM_STREAM,
  FROM_FILE,
  FROM_THREAD,  /* which writes to open_input () */
  FROM_CONTEXT, /* where open_input () is written to asynchronously */
  N_FROM,
} From;

typedef enum
{
  TO_FUNCTION,
  TO_COMMAND,
  TO_STREAM,
  TO_FILE,
  TO_THREAD,
  TO_CONTEXT,
  N_TO,
} To;

static const char *const ends[] = { "function", "command", "stream", "file", "thread", "context" };
G_STATIC_ASSERT (G_N_ELEMENTS (ends) == N_FROM && G_N_ELEMENTS (ends) == N_TO);

/* One round. It is built on the stack of its test, and outlives all threads and operations. */
typedef struct
{
  GRand         *rand;        /* owned */
  From           from;
  To             to;
  guint64        amount;
  GpPipeline    *pipeline;    /* owned */
  gboolean       in_context;  /* something needs the main context */
  GPtrArray     *movers;      /* owned, of owned GpTestMover: those in the middle */
  GpTestMover   *writer;      /* owned, (nullable): who begins */
  GpTestMover   *reader;      /* owned, (nullable): who ends */
  GInputStream  *input;       /* owned, (nullable): given to the pipeline */
  GOutputStream *output;      /* owned, (nullable): given to the pipeline */
  GOutputStream *to_write;    /* owned, (nullable): of open_input () */
  GInputStream  *to_read;     /* owned, (nullable): of open_output () */
  char          *directory;   /* owned */
  char          *input_path;  /* owned */
  char          *output_path; /* owned */
  GString       *what;        /* owned: for whoever reads the log */
} Round;

static GpTestMover *
new_mover (Round *self)
{
  return gp_test_mover_new (g_rand_int (self->rand), self->amount);
}

/* --- The middle --------------------------------------------------------------------------- */

static gboolean
copy_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return gp_test_mover_copy (user_data, input, output, gp_stage_context_get_cancellable (context),
                             error);
}

/* "Lines" of any length, none of which loses anything */
static GpSplitResult
split_func (GBytes    *data,
            gboolean   at_end,
            gsize     *length,
            gsize     *consumed,
            gpointer   user_data,
            GError   **error)
{
  gsize wanted = gp_test_mover_get_next_size (user_data);
  gsize size = g_bytes_get_size (data);

  if (size == 0)
    return GP_SPLIT_RESULT_MORE;
  *length = MIN (size, wanted);
  *consumed = *length;
  return GP_SPLIT_RESULT_LINE;
}

static GpLineAction
line_func (GBytes             *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  gsize size;
  const void *data = g_bytes_get_data (line, &size);

  if (size % 2 == 0)
    return GP_LINE_ACTION_KEEP;
  if (!g_output_stream_write_all (G_OUTPUT_STREAM (output), data, size, NULL, NULL, error))
    return GP_LINE_ACTION_FAULT;
  return GP_LINE_ACTION_DROP;
}

static GpStage *
new_line_stage (gpointer mover)
{
  GpLineStage *stage = gp_line_stage_new_bytes ("lines", line_func, NULL, NULL);

  gp_line_stage_set_split_function (stage, split_func, mover, NULL);
  return GP_STAGE (stage);
}

static void
append_converters (GpPipeline *pipeline)
{
  g_autoptr (GZlibCompressor) there = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW, 1);
  g_autoptr (GZlibDecompressor) back = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);

  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("deflate", G_CONVERTER (there))));
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("inflate", G_CONVERTER (back))));
}

static void
append_stage (Round *self,
              char   kind)
{
  GpTestMover *mover = new_mover (self);
  GpStage *stage = NULL;

  g_ptr_array_add (self->movers, mover);
  switch (kind)
    {
    case 'a':
      self->in_context = TRUE;
      stage = GP_STAGE (gp_async_stage_new ("async", gp_test_mover_copy_in_context, mover, NULL));
      break;
    case 'c':
      gp_test_add_child (self->pipeline, "cat", NULL);
      return;
    case 'u':
      gp_command_stage_set_supervised (gp_test_add_child (self->pipeline, "cat", NULL), FALSE);
      return;
    case 'f':
      stage = GP_STAGE (gp_function_stage_new ("function", copy_func, mover, NULL));
      break;
    case 'l':
      stage = new_line_stage (mover);
      break;
    case 'm':
      stage = GP_STAGE (gp_meter_stage_new ("meter", self->amount));
      break;
    case 'n':
      stage = GP_STAGE (gp_test_new_copier ("cfc"));
      break;
    case 'v':
    default:
      append_converters (self->pipeline);
      return;
    }
  gp_pipeline_append (self->pipeline, stage);
}

static void
append_middle (Round *self)
{
  static const char kinds[] = "acuflmnv";
  guint n = (guint) g_rand_int_range (self->rand, 0, 5);

  for (guint i = 0; i < n; i++)
    {
      char kind = kinds[g_rand_int_range (self->rand, 0, (gint32) strlen (kinds))];

      g_string_append_printf (self->what, " %c", kind);
      append_stage (self, kind);
    }
}

/* --- The ends ----------------------------------------------------------------------------- */

static gboolean
write_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  return gp_test_mover_write (user_data, output, gp_stage_context_get_cancellable (context), error);
}

static gboolean
read_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return gp_test_mover_read (user_data, input, gp_stage_context_get_cancellable (context), error);
}

static void
write_input_file (Round *self)
{
  g_autofree guint8 *data = g_malloc (self->amount + 1);
  g_autoptr (GFile) file = g_file_new_for_path (self->input_path);
  g_autoptr (GError) error = NULL;

  gp_test_pattern_fill (data, self->amount, 0);
  g_file_set_contents (self->input_path, (char *) data, (gssize) self->amount, &error);
  g_assert_no_error (error);
  gp_pipeline_set_stdin_file (self->pipeline, file);
}

static void
prepare_input (Round *self)
{
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, self->amount);

  switch (self->from)
    {
    case FROM_FUNCTION:
      gp_pipeline_append (self->pipeline,
                          GP_STAGE (gp_function_stage_new ("write", write_func, self->writer, NULL)));
      break;
    case FROM_COMMAND:
      gp_test_add_child (self->pipeline, "spew", size, NULL);
      break;
    case FROM_STREAM:
      self->input = gp_test_source_new (self->amount, FALSE);
      gp_pipeline_set_stdin (self->pipeline, self->input);
      break;
    case FROM_FILE:
      write_input_file (self);
      break;
    case FROM_THREAD:
    case FROM_CONTEXT:
    case N_FROM:
    default:
      break;
    }
}

static void
prepare_output (Round *self)
{
  GpFileMode mode = (GpFileMode) g_rand_int_range (self->rand, 0, GP_FILE_MODE_APPEND + 1);
  g_autoptr (GFile) file = g_file_new_for_path (self->output_path);

  switch (self->to)
    {
    case TO_FUNCTION:
      gp_pipeline_append (self->pipeline,
                          GP_STAGE (gp_function_stage_new ("read", read_func, self->reader, NULL)));
      break;
    case TO_STREAM:
      self->output = gp_test_sink_new (G_MAXUINT64, NULL);
      gp_pipeline_set_stdout (self->pipeline, self->output);
      break;
    case TO_COMMAND:
      gp_test_add_child (self->pipeline, "checksum", NULL);
      G_GNUC_FALLTHROUGH;
    case TO_FILE:
      gp_pipeline_set_stdout_file (self->pipeline, file, mode);
      break;
    case TO_THREAD:
    case TO_CONTEXT:
    case N_TO:
    default:
      break;
    }
}

/* When all stages are there */
static void
open_ends (Round *self)
{
  g_autoptr (GError) error = NULL;

  if (self->from == FROM_THREAD || self->from == FROM_CONTEXT)
    self->to_write = gp_pipeline_open_input (self->pipeline, &error);
  g_assert_no_error (error);
  if (self->to == TO_THREAD || self->to == TO_CONTEXT)
    self->to_read = gp_pipeline_open_output (self->pipeline, &error);
  g_assert_no_error (error);
  if (self->from == FROM_CONTEXT || self->to == TO_CONTEXT)
    self->in_context = TRUE;
}

static gpointer
write_thread (gpointer data)
{
  Round *self = data;
  g_autoptr (GError) error = NULL;

  gp_test_mover_write (self->writer, self->to_write, NULL, &error);
  g_assert_no_error (error);
  g_output_stream_close (self->to_write, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

static gpointer
read_thread (gpointer data)
{
  Round *self = data;
  g_autoptr (GError) error = NULL;

  gp_test_mover_read (self->reader, self->to_read, NULL, &error);
  g_assert_no_error (error);
  g_input_stream_close (self->to_read, NULL, &error);
  g_assert_no_error (error);
  return NULL;
}

/* --- A round ------------------------------------------------------------------------------ */

static void
run_round (Round *self)
{
  GThread *writer = self->from == FROM_THREAD ? g_thread_new ("writer", write_thread, self) : NULL;
  GThread *reader = self->to == TO_THREAD ? g_thread_new ("reader", read_thread, self) : NULL;
  g_autoptr (GError) error = NULL;

  if (self->from == FROM_CONTEXT)
    gp_test_mover_write_in_context (self->writer, self->to_write);
  if (self->to == TO_CONTEXT)
    gp_test_mover_read_in_context (self->reader, self->to_read);

  if (self->in_context || g_rand_boolean (self->rand))
    gp_test_run_pipeline (self->pipeline, NULL, &error);
  else
    gp_pipeline_run (self->pipeline, NULL, &error);
  g_assert_no_error (error);

  if (self->from == FROM_CONTEXT)
    gp_test_mover_wait (self->writer);
  if (self->to == TO_CONTEXT)
    gp_test_mover_wait (self->reader);
  if (writer != NULL)
    g_thread_join (writer);
  if (reader != NULL)
    g_thread_join (reader);
}

static void
check_file (Round *self)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  guint64 checksum;
  gsize size;

  g_file_get_contents (self->output_path, &text, &size, &error);
  g_assert_no_error (error);
  if (self->to == TO_COMMAND)
    {
      g_auto (GStrv) words = g_strsplit (text, " ", 2);

      g_assert_cmpuint (g_ascii_strtoull (words[0], NULL, 10), ==, self->amount);
      checksum = g_ascii_strtoull (words[1], NULL, 16);
    }
  else
    {
      g_assert_cmpuint (size, ==, self->amount);
      checksum = gp_test_checksum (GP_TEST_CHECKSUM_INIT, (guint8 *) text, size);
    }
  g_assert_cmphex (checksum, ==, gp_test_mover_get_expected_checksum (self->amount));
  g_assert_cmpint (g_unlink (self->output_path), ==, 0);
}

static void
check_round (Round *self)
{
  if (self->to == TO_FILE || self->to == TO_COMMAND)
    {
      check_file (self);
      return;
    }

  if (self->to == TO_STREAM)
    {
      g_assert_cmpuint (gp_test_sink_get_n_bytes (self->output), ==, self->amount);
      g_assert_cmphex (gp_test_sink_get_checksum (self->output), ==,
                       gp_test_mover_get_expected_checksum (self->amount));
    }
  else
    {
      gp_test_mover_check (self->reader);
    }
}

/* From nothing to some megabytes, each size of a number as likely */
static guint64
choose_amount (GRand *rand)
{
  gint32 bits = g_rand_int_range (rand, 0, gp_test_is_thorough () ? 27 : 22);

  return g_rand_int_range (rand, 0, 1 << bits);
}

static void
clear_round (Round *self)
{
  g_clear_object (&self->pipeline);
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_object (&self->to_write);
  g_clear_object (&self->to_read);
  if (self->from == FROM_FILE)
    g_assert_cmpint (g_unlink (self->input_path), ==, 0);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_clear_pointer (&self->directory, g_free);
  g_clear_pointer (&self->input_path, g_free);
  g_clear_pointer (&self->output_path, g_free);
  g_ptr_array_unref (self->movers);
  gp_test_mover_free (self->writer);
  gp_test_mover_free (self->reader);
  g_string_free (self->what, TRUE);
  g_rand_free (self->rand);
}

static void
init_round (Round   *self,
            From     from,
            To       to,
            guint32  seed)
{
  *self = (Round) { .rand = g_rand_new_with_seed (seed), .from = from, .to = to };
  self->amount = choose_amount (self->rand);
  self->pipeline = gp_test_pipeline_new ();
  self->movers = g_ptr_array_new_with_free_func ((GDestroyNotify) gp_test_mover_free);
  self->writer = new_mover (self);
  self->reader = new_mover (self);
  self->directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  self->input_path = g_build_filename (self->directory, "input", NULL);
  self->output_path = g_build_filename (self->directory, "output", NULL);
  self->what = g_string_new (NULL);
  g_string_printf (self->what, "seed %u, %" G_GUINT64_FORMAT " bytes:", seed, self->amount);
}

static void
test_ends (gconstpointer data)
{
  guint both = GPOINTER_TO_UINT (data);
  guint n_rounds = gp_test_is_thorough () ? 40 : g_getenv ("GP_TEST_VALGRIND") != NULL ? 1 : 4;

  for (guint i = 0; i < n_rounds; i++)
    {
      Round round;

      init_round (&round, both / N_TO, both % N_TO, (guint32) g_test_rand_int ());
      prepare_input (&round);
      append_middle (&round);
      prepare_output (&round);
      open_ends (&round);
      g_test_message ("%s", round.what->str);
      run_round (&round);
      check_round (&round);
      clear_round (&round);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (guint both = 0; both < N_FROM * N_TO; both++)
    {
      g_autofree char *path = g_strdup_printf ("/whole-data/%s/%s", ends[both / N_TO], ends[both % N_TO]);

      gp_test_add_data (path, GUINT_TO_POINTER (both), test_ends);
    }
  return gp_test_run ();
}
