/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <sys/socket.h>
#include <unistd.h>

/* The choice of pipes. ANY and FD are what a stage prefers on both sides; a stage sees its
 * streams as "F" with a descriptor, "o" without, "nil" none, "!" lent. The kinds are those of the
 * edges before each stage and after the last. */
typedef enum
{
  STREAM_NONE,
  STREAM_FILE,
  STREAM_MEMORY,
} StreamKind;

typedef struct
{
  GpIOPreference in;
  GpIOPreference out;
} Preference;

#define FUNC { GP_IO_ANY, GP_IO_ANY }
#define CMD { GP_IO_FD, GP_IO_FD }

typedef struct
{
  const char *path;
  StreamKind  in;
  gboolean    close_in;
  StreamKind  out;
  gboolean    close_out;
  guint       n_stages;
  Preference  stages[3];
  const char *seen[3];
  GpEdgeKind  kinds[4];
} Row;

#define NONE GP_EDGE_KIND_NONE
#define DESCRIPTOR GP_EDGE_KIND_DESCRIPTOR
#define MEMORY GP_EDGE_KIND_MEMORY
#define PIPE GP_EDGE_KIND_PIPE
#define PUMP GP_EDGE_KIND_PUMP
#define STREAM GP_EDGE_KIND_STREAM

static const Row rows[] = {
  { "01", STREAM_NONE, FALSE, STREAM_NONE, FALSE, 1, { FUNC }, { "nil→nil" }, { NONE, NONE } },
  { "02", STREAM_FILE, FALSE, STREAM_NONE, FALSE, 1, { FUNC }, { "F!→nil" }, { STREAM, NONE } },
  { "03", STREAM_NONE, FALSE, STREAM_FILE, FALSE, 1, { FUNC }, { "nil→F!" }, { NONE, STREAM } },
  { "04", STREAM_NONE, FALSE, STREAM_FILE, TRUE, 1, { FUNC }, { "nil→F" }, { NONE, STREAM } },
  { "05", STREAM_MEMORY, FALSE, STREAM_MEMORY, TRUE, 1, { FUNC }, { "o!→o" }, { STREAM, STREAM } },
  { "06", STREAM_NONE, FALSE, STREAM_NONE, FALSE, 1, { CMD }, { "nil→nil" }, { NONE, NONE } },
  { "07", STREAM_FILE, FALSE, STREAM_NONE, FALSE, 1, { CMD }, { "F!→nil" }, { DESCRIPTOR, NONE } },
  { "08", STREAM_NONE, FALSE, STREAM_FILE, FALSE, 1, { CMD }, { "nil→F!" }, { NONE, DESCRIPTOR } },
  { "09", STREAM_NONE, FALSE, STREAM_FILE, TRUE, 1, { CMD }, { "nil→F" }, { NONE, DESCRIPTOR } },
  { "10", STREAM_MEMORY, FALSE, STREAM_MEMORY, TRUE, 1, { CMD }, { "o!→o" }, { PUMP, PUMP } },
  { "11", STREAM_FILE, FALSE, STREAM_MEMORY, TRUE, 2, { FUNC, FUNC }, { "F!→o", "o→o" },
    { STREAM, MEMORY, STREAM } },
  { "12", STREAM_NONE, FALSE, STREAM_FILE, FALSE, 2, { FUNC, CMD }, { "nil→F", "F→F!" },
    { NONE, PIPE, DESCRIPTOR } },
  { "13", STREAM_MEMORY, FALSE, STREAM_NONE, FALSE, 2, { CMD, FUNC }, { "o!→F", "F→nil" },
    { PUMP, PIPE, NONE } },
  { "14", STREAM_NONE, FALSE, STREAM_NONE, FALSE, 2, { CMD, CMD }, { "nil→F", "F→nil" },
    { NONE, PIPE, NONE } },
  { "15", STREAM_NONE, FALSE, STREAM_NONE, FALSE, 3,
    { FUNC, { GP_IO_ANY, GP_IO_FD }, FUNC }, { "nil→o", "o→F", "F→nil" },
    { NONE, MEMORY, PIPE, NONE } },
  { "16", STREAM_NONE, FALSE, STREAM_NONE, FALSE, 3,
    { FUNC, { GP_IO_FD, GP_IO_ANY }, FUNC }, { "nil→F", "F→o", "o→nil" },
    { NONE, PIPE, MEMORY, NONE } },
};

static GInputStream *
open_input (StreamKind kind)
{
  int fds[2];

  if (kind == STREAM_NONE)
    return NULL;
  if (kind == STREAM_MEMORY)
    return gp_test_source_new (10, FALSE);
  gp_test_open_pipe (fds);
  close (fds[1]);
  return g_unix_input_stream_new (fds[0], TRUE);
}

static GOutputStream *
open_output (StreamKind kind)
{
  int fds[2];

  if (kind == STREAM_NONE)
    return NULL;
  if (kind == STREAM_MEMORY)
    return gp_test_sink_new (G_MAXUINT64, NULL);
  gp_test_open_pipe (fds);
  close (fds[0]);
  return g_unix_output_stream_new (fds[1], TRUE);
}

static void
assert_edges (GpPipeline *pipeline,
              const Row  *row)
{
  for (guint i = 0; i <= row->n_stages; i++)
    g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, i), ==, row->kinds[i]);
}

static void
run_row (const Row *row,
         gboolean   close_by_stage)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = open_input (row->in);
  g_autoptr (GOutputStream) output = open_output (row->out);
  g_autoptr (GError) error = NULL;
  GpTestProbe *probes[3];

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_close_stdin (pipeline, row->close_in);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdout (pipeline, row->close_out);
  for (guint i = 0; i < row->n_stages; i++)
    {
      probes[i] = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);
      gp_test_probe_set_preference (probes[i], row->stages[i].in, row->stages[i].out);
      gp_test_probe_set_close (probes[i], close_by_stage);
    }
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < row->n_stages; i++)
    g_assert_cmpstr (gp_test_probe_get_seen (probes[i]), ==, row->seen[i]);
  assert_edges (pipeline, row);
  if (input != NULL)
    g_assert_cmpint (g_input_stream_is_closed (input), ==, row->close_in);
  if (output != NULL)
    g_assert_cmpint (g_output_stream_is_closed (output), ==, row->close_out);
}

static void
test_row (gconstpointer data)
{
  run_row (data, TRUE);
  /* A stage that forgets its streams is no different */
  run_row (data, FALSE);
}

static void
test_real_stages (void)
{
  static const struct
  {
    const char *stages;
    GpEdgeKind  kinds[4];
  } real[] = {
    { "c", { PUMP, PUMP } },
    { "f", { STREAM, STREAM } },
    { "cc", { PUMP, PIPE, PUMP } },
    { "cf", { PUMP, PIPE, STREAM } },
    { "fc", { STREAM, PIPE, PUMP } },
    { "ff", { STREAM, MEMORY, STREAM } },
    { "fcf", { STREAM, PIPE, PIPE, STREAM } },
    { "ffc", { STREAM, MEMORY, PIPE, PUMP } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (real); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_new_copier (real[i].stages);
      g_autoptr (GInputStream) input = gp_test_source_new (100000, FALSE);
      g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_stdout (pipeline, output);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      for (guint k = 0; k <= strlen (real[i].stages); k++)
        g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, k), ==, real[i].kinds[k]);
      g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 100000);
      g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 0);
      g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 0);
    }
}

/* What a function was given */
typedef struct
{
  gpointer input;
  gpointer output;
} Given;

static gboolean
compare_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  *(Given *) user_data = (Given) { input, output };
  return TRUE;
}

/* A function gets the caller's own streams, but for those in which it could not be cancelled. */
static void
test_streams_of_functions (void)
{
  for (int is_file = 0; is_file < 2; is_file++)
    {
      g_autofree char *path = g_build_filename (g_get_tmp_dir (), "gp-test-XXXXXX", NULL);
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = NULL;
      g_autoptr (GOutputStream) output = NULL;
      Given given = { NULL, NULL };
      int fds[2];

      if (is_file)
        {
          fds[1] = g_mkstemp (path);
          fds[0] = open (path, O_RDONLY | O_CLOEXEC);
          g_assert_cmpint (unlink (path), ==, 0);
        }
      else
        gp_test_open_pipe (fds);
      input = g_unix_input_stream_new (fds[0], TRUE);
      output = g_unix_output_stream_new (fds[1], TRUE);
      gp_test_add_function (pipeline, "compare", compare_func, &given);
      gp_pipeline_set_stdin (pipeline, input);
      gp_pipeline_set_stdout (pipeline, output);
      g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_true ((given.input == input) == is_file);
      g_assert_true ((given.output == output) == is_file);
    }
}

/* O_NONBLOCK is shared with a child, which would see EAGAIN */
static void
test_nonblocking_descriptors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("c");
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[16];
  int ins[2];
  int outs[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ins), ==, 0);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, outs), ==, 0);
  input = g_unix_input_stream_new (ins[0], TRUE);
  output = g_unix_output_stream_new (outs[0], TRUE);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 0), ==, PUMP);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==, PUMP);
  g_assert_cmpint (write (ins[1], "hello", 5), ==, 5);
  close (ins[1]);
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (outs[1], buffer, sizeof buffer), ==, 5);
  close (outs[1]);
}

static void
test_descriptors_of_files (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("c");
  g_autoptr (GFileIOStream) in = NULL;
  g_autoptr (GFileIOStream) out = NULL;
  g_autoptr (GFile) from = g_file_new_tmp ("gp-test-XXXXXX", &in, NULL);
  g_autoptr (GFile) to = g_file_new_tmp ("gp-test-XXXXXX", &out, NULL);
  g_autoptr (GFileInputStream) input = NULL;
  g_autoptr (GFileOutputStream) output = NULL;
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;

  g_file_replace_contents (from, "some text", 9, NULL, FALSE, 0, NULL, NULL, NULL);
  input = g_file_read (from, NULL, NULL);
  output = g_file_append_to (to, 0, NULL, NULL);
  gp_pipeline_set_stdin (pipeline, G_INPUT_STREAM (input));
  gp_pipeline_set_stdout (pipeline, G_OUTPUT_STREAM (output));
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 0), ==, DESCRIPTOR);
  g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, 1), ==, DESCRIPTOR);
  g_assert_true (g_output_stream_is_closed (G_OUTPUT_STREAM (output)));
  g_assert_false (g_input_stream_is_closed (G_INPUT_STREAM (input)));
  g_assert_true (g_file_load_contents (to, NULL, &contents, NULL, NULL, NULL));
  g_assert_cmpstr (contents, ==, "some text");
  g_file_delete (from, NULL, NULL);
  g_file_delete (to, NULL, NULL);
}

static void
test_kinds_before_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("fc");

  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (gp_pipeline_get_edge_kind (pipeline, i), ==, NONE);
}

/* Given streams are closed exactly once, however the run ends */
static void
run_given (const char *name,
           GpTestEnd   end,
           const char *missing)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdin (pipeline, TRUE);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_probe (pipeline, name, end);
  if (missing != NULL)
    gp_pipeline_append_command (pipeline, missing, NULL);
  gp_test_run_pipeline (pipeline, NULL, NULL);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
}

static void
test_given_once (void)
{
  run_given ("success", GP_TEST_END_SUCCESS, NULL);
  run_given ("error", GP_TEST_END_ERROR, NULL);
  run_given ("early", GP_TEST_END_FINISH_EARLY, NULL);
  run_given ("run-error", GP_TEST_END_RUN_ERROR, NULL);
  run_given ("dropped", GP_TEST_END_DROP, NULL);
  run_given ("not-started", GP_TEST_END_SUCCESS, "/nonexistent/program");
}

static void
test_given_to_command (gconstpointer data)
{
  const char *status = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) input = gp_test_source_new (10, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_set_close_stdin (pipeline, TRUE);
  gp_pipeline_set_close_stdout (pipeline, TRUE);
  gp_test_add_child (pipeline, "exit", status, NULL);
  gp_test_run_pipeline (pipeline, NULL, NULL);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
  /* What a failed command wrote must not replace a file */
  g_assert_cmpint (gp_test_sink_was_discarded (output), ==, g_str_equal (status, "3"));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/edges/table/%s", rows[i].path);

      gp_test_add_data (path, &rows[i], test_row);
    }
  gp_test_add ("/edges/real-stages", test_real_stages);
  gp_test_add ("/edges/streams-of-functions", test_streams_of_functions);
  gp_test_add ("/edges/nonblocking-descriptors", test_nonblocking_descriptors);
  gp_test_add ("/edges/descriptors-of-files", test_descriptors_of_files);
  gp_test_add ("/edges/kinds-before-start", test_kinds_before_start);
  gp_test_add ("/edges/given-once", test_given_once);
  gp_test_add_data ("/edges/given-to-command/success", "0", test_given_to_command);
  gp_test_add_data ("/edges/given-to-command/failure", "3", test_given_to_command);
  return gp_test_run ();
}
