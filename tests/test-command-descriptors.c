/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Descriptors of a command beside the three, and streams of its own in place of these. What stands
 * in the way of such streams is in test-command-ends.c. */

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

/* Returns a descriptor at which @text can be read, and then the end */
static int
open_text (const char *text)
{
  int fds[2];

  gp_test_open_pipe (fds);
  g_assert_cmpint (write (fds[1], text, strlen (text)), ==, (gssize) strlen (text));
  close (fds[1]);
  return fds[0];
}

/* Blocks until the other end is closed by everybody */
static char *
read_all (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[64];
  gssize n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  g_assert_cmpint (n, ==, 0);
  close (fd);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* As high as or above what the test program itself has open */
static int
move_to (int fd,
         int number)
{
  g_assert_false (is_open (number));
  g_assert_cmpint (dup3 (fd, number, O_CLOEXEC), ==, number);
  close (fd);
  return number;
}

/* --- Numbers ------------------------------------------------------------------------------ */

static void
check_target (int      target,
              gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *number = g_strdup_printf ("%d", target);
  GpCommandStage *stage = gp_test_add_child (pipeline, "read-fds", number, NULL);
  g_autofree char *text = NULL;
  g_autofree char *expected = g_strdup_printf ("%d: hello\n", target);
  int fd = open_text ("hello");

  gp_command_stage_set_supervised (stage, supervised);
  gp_command_stage_take_fd (stage, fd, target);
  g_assert_true (is_open (fd));
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, expected);
}

/* 3, 4 and 9 are what the library and GLib like for themselves. */
static void
test_target (gconstpointer data)
{
  check_target (GPOINTER_TO_INT (data), TRUE);
  check_target (GPOINTER_TO_INT (data), FALSE);
}

static void
test_nothing_else (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "fds", NULL);
  g_autofree char *text = NULL;

  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  gp_command_stage_take_fd (stage, open_text (""), 12);
  gp_command_stage_take_fd (stage, open_text (""), 3);
  gp_command_stage_take_fd (stage, open_text (""), 63);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "0\n1\n2\n3\n12\n63\n");
}

/* Each source has the number of another one's target, and one its own. */
static void
test_crossing (gconstpointer data)
{
  const int numbers[] = { 40, 41, 42, 43 };
  const int targets[] = { 41, 42, 40, 43 };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "read-fds", "40", "41", "42", "43", NULL);
  g_autofree char *text = NULL;

  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autofree char *source = g_strdup_printf ("was %d", numbers[i]);

      gp_command_stage_take_fd (stage, move_to (open_text (source), numbers[i]), targets[i]);
    }
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "40: was 42\n41: was 40\n42: was 41\n43: was 43\n");
}

/* The descriptors that the library opens for the start lie where others go. */
static void
test_many (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autofree char *text = NULL;
  GpCommandStage *stage;

  g_ptr_array_add (argv, g_strdup (gp_test_child ()));
  g_ptr_array_add (argv, g_strdup ("read-fds"));
  for (int target = 3; target < 63; target++)
    {
      g_ptr_array_add (argv, g_strdup_printf ("%d", target));
      g_string_append_printf (expected, "%d: for %d\n", target, target);
    }
  g_ptr_array_add (argv, NULL);

  stage = gp_command_stage_newv ((const char * const *) argv->pdata);
  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  for (int target = 62; target >= 3; target--)
    {
      g_autofree char *source = g_strdup_printf ("for %d", target);

      gp_command_stage_take_fd (stage, open_text (source), target);
    }
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, expected->str);
}

/* --- How long they are open --------------------------------------------------------------- */

/* The command has closed it and goes on: so nobody else has it. */
static void
test_closed_after_start (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "write-fd", "7", "said", "stay", NULL);
  g_autoptr (GpStageStatus) status = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  gp_command_stage_take_fd (stage, fds[1], 7);
  g_assert_true (gp_test_start (pipeline, cancellable, &error));
  g_assert_false (is_open (fds[1]));
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "said");
  status = g_list_model_get_item (gp_pipeline_get_stages (pipeline), 0);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_RUNNING);
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* No other command of the pipeline has it, whichever was started first. */
static void
test_not_inherited (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GpCommandStage *stage;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_test_add_child (pipeline, "wait", NULL);
  stage = gp_test_add_child (pipeline, "write-fd", "7", "said", "stay", NULL);
  gp_test_add_child (pipeline, "wait", NULL);
  gp_command_stage_take_fd (stage, fds[1], 7);
  g_assert_true (gp_test_start (pipeline, cancellable, &error));
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "said");
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_closed_after_failed_start (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_command_stage_new ("/nonexistent/program", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
  gp_command_stage_take_fd (stage, fds[1], 7);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "");
}

/* The stages before it cannot be started. */
static void
test_closed_without_a_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GpCommandStage *stage;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_pipeline_append (pipeline, GP_STAGE (gp_command_stage_new ("/nonexistent/program", NULL)));
  stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_command_stage_take_fd (stage, fds[1], 7);
  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "");
}

/* Nor was the pipeline. */
static void
test_closed_with_the_stage (void)
{
  GpCommandStage *stage = gp_test_watch (gp_test_child_new ("exit", "0", NULL));
  g_autofree char *text = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  fcntl (fds[1], F_SETFD, 0);
  gp_command_stage_take_fd (stage, fds[1], 7);
  g_assert_true (is_open (fds[1]));
  /* What the program starts by itself does not get it. */
  g_assert_cmpint (fcntl (fds[1], F_GETFD), ==, FD_CLOEXEC);
  g_object_unref (stage);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "");
}

/* Cancelled before it begins */
static void
test_closed_after_cancel (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_command_stage_take_fd (stage, fds[1], 7);
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_run_pipeline (pipeline, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "");
}

/* --- What cannot work --------------------------------------------------------------------- */

static void
assert_invalid (GpPipeline *pipeline,
                const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_start (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, message);
}

static void
test_target_twice (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autofree char *first_text = NULL;
  g_autofree char *second_text = NULL;
  int first[2], second[2];

  gp_test_open_pipe (first);
  gp_test_open_pipe (second);
  gp_command_stage_take_fd (stage, first[1], 7);
  gp_command_stage_take_fd (stage, second[1], 7);
  assert_invalid (pipeline, "starting stage \"exit\": descriptor 7 was set twice");
  first_text = read_all (first[0]);
  second_text = read_all (second[0]);
}

static void
test_too_many (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);

  for (int target = 3; target < 3 + 65; target++)
    gp_command_stage_take_fd (stage, open_text (""), target);
  assert_invalid (pipeline, "starting stage \"exit\": descriptor 67: more than 64 are too many");
}

static rlim_t
get_limit (void)
{
  struct rlimit limit;

  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  return limit.rlim_cur;
}

static void
test_target_above_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  int limit = (int) get_limit ();
  g_autofree char *message = NULL;
  g_autofree char *text = NULL;
  int fds[2];

  gp_test_open_pipe (fds);
  gp_command_stage_take_fd (stage, fds[1], limit);
  message = g_strdup_printf ("starting stage \"exit\": descriptor %d is above the limit of open "
                             "files, %d",
                             limit, limit);
  assert_invalid (pipeline, message);
  text = read_all (fds[0]);
}

/* The last numbers may be too few for what the start itself needs above; it says so then. */
static void
test_target_at_limit (gconstpointer data)
{
  int limit = (int) get_limit ();

  for (int target = limit - 1; target > limit - 24; target--)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autofree char *number = g_strdup_printf ("%d", target);
      g_autofree char *expected = g_strdup_printf ("%d: hello\n", target);
      GpCommandStage *stage = gp_test_add_child (pipeline, "read-fds", number, NULL);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_supervised (stage, GPOINTER_TO_INT (data));
      gp_command_stage_take_fd (stage, open_text ("hello"), target);
      output = gp_test_communicate (pipeline, NULL, NULL, &error);
      if (error != NULL)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES);
          g_assert_cmpint (target, >, limit - 20);
          continue;
        }
      g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output),
                       expected, strlen (expected));
    }
}

/* --- Streams of its own ------------------------------------------------------------------- */

static void
test_stdin_descriptor (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "cat", NULL);
  g_autoptr (GInputStream) input = g_unix_input_stream_new (open_text ("its own"), TRUE);
  g_autofree char *text = NULL;

  gp_command_stage_set_stdin (stage, input);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "its own");
  /* It was lent. */
  g_assert_false (g_input_stream_is_closed (input));
}

static void
test_stdin_pump (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "checksum", NULL);
  g_autoptr (GInputStream) input = gp_test_watch (gp_test_source_new (300000, FALSE));
  g_autofree char *text = NULL;
  g_autofree char *expected = NULL;
  g_autofree guint8 *data = g_malloc (300000);

  gp_test_pattern_fill (data, 300000, 0);
  expected = g_strdup_printf ("300000 %016" G_GINT64_MODIFIER "x\n",
                              gp_test_checksum (GP_TEST_CHECKSUM_INIT, data, 300000));
  gp_command_stage_set_stdin (stage, input);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 0);
}

/* In the middle of a pipeline there is a neighbour on one side only. */
static void
test_stdout_descriptor (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GpCommandStage *stage;
  int fds[2];

  gp_test_open_pipe (fds);
  output = g_unix_output_stream_new (fds[1], TRUE);
  gp_test_add_child (pipeline, "echo", "hello", NULL);
  stage = gp_test_add_child (pipeline, "cat", NULL);
  gp_command_stage_set_stdout (stage, output);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (g_output_stream_is_closed (output));
  g_output_stream_close (output, NULL, NULL);
  text = read_all (fds[0]);
  g_assert_cmpstr (text, ==, "hello\n");
}

static void
test_stdout_pump (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "spew", "300000", NULL);
  g_autoptr (GOutputStream) output = gp_test_watch (gp_test_sink_new (G_MAXUINT64, NULL));
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *data = g_malloc (300000);

  gp_test_pattern_fill (data, 300000, 0);
  gp_command_stage_set_stdout (stage, output);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 300000);
  g_assert_cmpuint (gp_test_sink_get_checksum (output), ==,
                    gp_test_checksum (GP_TEST_CHECKSUM_INIT, data, 300000));
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 0);
}

/* All three go elsewhere, and the pipeline has nothing to do with it. */
static void
test_all_of_its_own (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "cat", NULL);
  g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("in memory", 9, NULL);
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_stdin (stage, input);
  gp_command_stage_set_stdout (stage, output);
  gp_command_stage_set_stderr_mode (stage, GP_STDERR_MODE_DISCARD);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (output)),
                   g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (output)),
                   "in memory", 9);
}

static void
add_both (const char    *path,
          GTestDataFunc  func)
{
  g_autofree char *supervised = g_strconcat (path, "/supervised", NULL);
  g_autofree char *alone = g_strconcat (path, "/alone", NULL);

  gp_test_add_data (supervised, GINT_TO_POINTER (TRUE), func);
  gp_test_add_data (alone, GINT_TO_POINTER (FALSE), func);
}

static void
add_targets (void)
{
  static const int targets[] = { 3, 4, 5, 9, 10, 12, 63, 200 };

  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_autofree char *path = g_strdup_printf ("/command-descriptors/target/%d", targets[i]);

      gp_test_add_data (path, GINT_TO_POINTER (targets[i]), test_target);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_targets ();
  add_both ("/command-descriptors/nothing-else", test_nothing_else);
  add_both ("/command-descriptors/crossing", test_crossing);
  add_both ("/command-descriptors/many", test_many);
  add_both ("/command-descriptors/closed-after-start", test_closed_after_start);
  gp_test_add ("/command-descriptors/not-inherited", test_not_inherited);
  add_both ("/command-descriptors/closed-after-failed-start", test_closed_after_failed_start);
  gp_test_add ("/command-descriptors/closed-without-a-start", test_closed_without_a_start);
  gp_test_add ("/command-descriptors/closed-with-the-stage", test_closed_with_the_stage);
  gp_test_add ("/command-descriptors/closed-after-cancel", test_closed_after_cancel);
  gp_test_add ("/command-descriptors/target-twice", test_target_twice);
  gp_test_add ("/command-descriptors/too-many", test_too_many);
  gp_test_add ("/command-descriptors/target-above-limit", test_target_above_limit);
  add_both ("/command-descriptors/target-at-limit", test_target_at_limit);
  gp_test_add ("/command-descriptors/stdin/descriptor", test_stdin_descriptor);
  gp_test_add ("/command-descriptors/stdin/pump", test_stdin_pump);
  gp_test_add ("/command-descriptors/stdout/descriptor", test_stdout_descriptor);
  gp_test_add ("/command-descriptors/stdout/pump", test_stdout_pump);
  gp_test_add ("/command-descriptors/all-of-its-own", test_all_of_its_own);
  return gp_test_run ();
}
