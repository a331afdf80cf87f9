/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"
#include "gp-test-filter.h"
#include "gp-test-lines.h"
#include "gp-test-streams.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the reference system, a library of this kind in another language, does badly or cannot do at all;
 * one test for each. A comment tells what that is, and the test fails if it were so here, too. For
 * what it waits for in vain there is test-weak-points-waiting.c. */

#define NEVER 100000000
#define MB 1000000

/* Long enough, mostly, for a function to block */
#define TIME_LIMIT_MSEC 50

static void
run (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* --- What crashes ----------------------------------------------------------------------------- */

/* The reference system crashes when it runs a pipeline without stages. */
static void
test_empty_pipeline (void)
{
  for (int bits = 0; bits < 8; bits++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data ("text", 4, NULL);
      g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (pipeline, (bits & 1) != 0 ? input : NULL);
      gp_pipeline_set_stdout (pipeline, (bits & 2) != 0 ? output : NULL);
      if ((bits & 4) != 0)
        gp_pipeline_run (pipeline, NULL, &error);
      else
        gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (output)),
                       g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (output)),
                       "text", (bits & 3) == 3 ? 4 : 0);
    }
}

/* The reference system crashes when the last stage is a function and there is no output. */
static void
test_last_function_without_stdout (void)
{
  g_autofree char *text = g_strnfill (300000, '\n');

  for (int kind = 0; kind < 5; kind++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GInputStream) input = g_memory_input_stream_new_from_data (text, strlen (text), NULL);
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };

      gp_pipeline_set_stdin (pipeline, input);
      if (kind == 0)
        gp_test_add_function (pipeline, "function", gp_test_copy_func, NULL);
      else if (kind == 1)
        gp_test_append_lines (pipeline, GP_TEST_TEXT_LINES, &lines);
      else if (kind == 2)
        gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
      else if (kind == 3)
        gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text (text)));
      else
        gp_pipeline_append (pipeline, GP_STAGE (gp_meter_stage_new ("meter", 0)));
      run (pipeline);
    }
}

/* --- Memory ------------------------------------------------------------------------------------- */

/* The most bytes that this program ever had in memory */
static gsize
get_own_peak (void)
{
  g_autofree char *text = NULL;
  const char *figure;

  g_assert_true (g_file_get_contents ("/proc/self/status", &text, NULL, NULL));
  figure = strstr (text, "VmHWM:");
  g_assert_nonnull (figure);
  return (gsize) strtoul (figure + strlen ("VmHWM:"), NULL, 10) * 1024;
}

/* The reference system needs 1.1 GB of memory for 300 MB of standard error. */
static void
test_much_stderr (void)
{
  const gsize size = 300 * MB;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) tail = NULL;
  g_autofree guint8 *expected = NULL;
  gsize before, tail_size;

  gp_test_add_child (pipeline, "spew-stderr", "300000000", NULL);
  before = get_own_peak ();
  run (pipeline);
  /* Valgrind has memory of its own. */
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    g_assert_cmpuint (get_own_peak () - before, <, 16 * MB);

  tail = gp_stage_status_dup_stderr_bytes (gp_pipeline_get_status (pipeline, 0));
  tail_size = g_bytes_get_size (tail);
  g_assert_cmpuint (tail_size, ==, 64 * 1024);
  g_assert_cmpuint (gp_stage_status_get_stderr_dropped (gp_pipeline_get_status (pipeline, 0)), ==,
                    size - tail_size);
  expected = g_malloc (tail_size);
  gp_test_pattern_fill (expected, tail_size, size - tail_size);
  g_assert_cmpmem (g_bytes_get_data (tail, NULL), tail_size, expected, tail_size);
}

static GpStage *
ignoring (gpointer stage)
{
  return GP_STAGE (gp_error_filter_stage_new_ignoring (stage, gp_error_matcher_new_pipe ()));
}

static GpStage *
watched (gpointer stage,
         guint64  limit)
{
  GpMemoryWatchStage *watch = gp_memory_watch_stage_new (stage, limit);

  gp_memory_watch_stage_set_interval (watch, 1);
  return GP_STAGE (watch);
}

/* The reference system does not see the limit of a stage that has an error filter around it, or in it,
 * and says nothing about that. */
static void
test_memory_limit_in_decorators (void)
{
  for (int stack = 0; stack < 5; stack++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;
      GpCommandStage *command = gp_test_child_new ("allocate", "80000000", NULL);
      GpStage *stage = GP_STAGE (command);

      if (stack == 0)
        stage = watched (ignoring (stage), 40 * MB);
      else if (stack == 1)
        stage = ignoring (watched (stage, 40 * MB));
      else if (stack == 2)
        stage = ignoring (watched (ignoring (ignoring (stage)), 40 * MB));
      else if (stack == 3)
        stage = watched (ignoring (watched (ignoring (stage), 40 * MB)), 0);
      else
        stage = ignoring (stage);
      if (stack == 4)
        gp_command_stage_set_memory_limit (command, 40 * MB);
      gp_pipeline_append (pipeline, stage);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
    }
}

/* The reference system looks once each second, and what is over by then has never been. Here the kernel
 * tells at the end, whether anybody has looked or not; and how often is a setting. */
static void
test_short_memory_peaks (void)
{
  for (int limited = 0; limited < 2; limited++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "allocate-and-exit", "80000000", NULL);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_memory_interval (command, NEVER);
      gp_command_stage_set_memory_limit (command, limited ? 40 * MB : 0);
      g_assert_cmpint (gp_test_run_pipeline (pipeline, NULL, &error), ==, !limited);
      if (limited)
        g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
      g_assert_cmpint (gp_stage_status_get_peak_memory (gp_pipeline_get_status (pipeline, 0)), >=, 80 * MB);
    }
}

/* And it tells whoever looks later, as long as the process lives. */
static void
test_short_memory_peaks_of_the_living (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command =
    gp_test_add_child (pipeline, "allocate-and-free", "80000000", "ready", NULL);
  g_autoptr (GInputStream) output = gp_pipeline_open_output (pipeline, NULL);
  guint64 memory, peak;

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_test_assert_comes (output, "ready\n");
  g_assert_true (gp_limitable_measure (GP_LIMITABLE (command), &memory, &peak));
  g_assert_cmpuint (memory, <, 40 * MB);
  g_assert_cmpuint (peak, >=, 80 * MB);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_input_stream_close (output, NULL, NULL);
}

/* --- Signals ------------------------------------------------------------------------------------ */

static int n_kills;       /* atomic: that this program sent */
static int n_wrong_kills; /* atomic: to what is not, or no more, a child that it must reap */

/* In place of that of the C library, for the library that is tested, and GIO */
__attribute__ ((visibility ("default"))) int
kill (pid_t pid,
      int   signum)
{
  int (*real_kill) (pid_t, int) = dlsym (RTLD_NEXT, "kill");
  siginfo_t info;

  g_atomic_int_inc (&n_kills);
  if (waitid (P_PID, (id_t) abs (pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    g_atomic_int_inc (&n_wrong_kills);
  return real_kill (pid, signum);
}

static void
signal_in_each_way (GpPipeline     *pipeline,
                    GpCommandStage *command)
{
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "enough");

  gp_command_stage_send_signal (command, SIGTERM);
  gp_limitable_kill (GP_LIMITABLE (command), reason);
  gp_pipeline_cancel (pipeline);
}

/* In the reference system a process may be reaped right before it is killed, and another one have
 * its number. */
static void
test_kill_and_reap (void)
{
  guint n_rounds = gp_test_is_thorough () ? 1000 : 60;

  n_kills = n_wrong_kills = 0;
  for (guint round = 0; round < n_rounds; round++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "exit", "0", NULL);
      int n_before;

      g_assert_true (gp_test_start (pipeline, NULL, NULL));
      for (guint i = 0; i < round % 20; i++)
        g_main_context_iteration (NULL, FALSE);
      signal_in_each_way (pipeline, command);
      gp_test_wait (pipeline, NULL);
      n_before = g_atomic_int_get (&n_kills);
      signal_in_each_way (pipeline, command);
      g_assert_cmpint (g_atomic_int_get (&n_kills), ==, n_before);
    }
  g_assert_cmpint (n_kills, >, 0);
  g_assert_cmpint (n_wrong_kills, ==, 0);
}

/* --- Starts ------------------------------------------------------------------------------------- */

/* The reference system leaves a stream open that it was given, if the first stage cannot be started. */
static void
test_failed_start_closes_stdout (void)
{
  for (int failing = 0; failing < 3; failing++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GError) error = NULL;

      for (int i = 0; i < 3; i++)
        if (i == failing)
          gp_pipeline_append_command (pipeline, "/nonexistent/program", NULL);
        else
          gp_test_add_child (pipeline, "cat", NULL);
      gp_pipeline_set_stdout (pipeline, output);
      gp_pipeline_set_close_stdout (pipeline, TRUE);
      g_assert_false (gp_test_start (pipeline, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      g_assert_false (gp_test_wait (pipeline, NULL));
      g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
      g_assert_true (gp_test_sink_was_discarded (output));
    }
}

/* --- What is told ------------------------------------------------------------------------------- */

/* The reference system tells of failures only. */
static void
test_events_for_all (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  append_function (pipeline, "function", nothing_func);
  run (pipeline);
  g_assert_cmpuint (recorder.events->len, ==, 4);
  gp_test_assert_contains (recorder.text->str, "stage-started exit\n");
  gp_test_assert_contains (recorder.text->str, "stage-started function\n");
  gp_test_assert_contains (recorder.text->str, "stage-finished exit\n");
  gp_test_assert_contains (recorder.text->str, "stage-finished function\n");
}

/* The reference system has one error, and nothing else, for all stages together. */
static void
test_status_per_stage (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) own_error = NULL;
  g_autofree char *text = NULL;
  GpStageStatus *statuses[4];

  gp_test_add_child (pipeline, "stderr", "said by the first", "3", NULL);
  gp_test_add_child (pipeline, "kill-self", "15", NULL);
  append_function (pipeline, "function", fail_func);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  for (int i = 0; i < 4; i++)
    statuses[i] = gp_pipeline_get_status (pipeline, i);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_message (error, "stderr: exit status 3: said by the first");

  g_assert_cmpint (gp_stage_status_get_exit_status (statuses[0]), ==, 3);
  text = gp_stage_status_dup_stderr_text (statuses[0]);
  g_assert_cmpstr (text, ==, "said by the first");
  g_assert_cmpint (gp_stage_status_get_term_signal (statuses[1]), ==, SIGTERM);
  own_error = gp_stage_status_dup_error (statuses[2]);
  gp_test_assert_message (own_error, "function: at once");
  g_assert_cmpint (gp_stage_status_get_state (statuses[3]), ==, GP_STAGE_STATE_SUCCEEDED);
  for (int i = 0; i < 4; i++)
    g_assert_cmpint (gp_stage_status_get_wall_time (statuses[i]), >=, 0);
}

/* --- What can be built -------------------------------------------------------------------------- */

/* The reference system runs a pipeline once, and knows no pipeline in another. Here it is one run, too;
 * another start is an error, which leaves alone what the first has come to. */
static void
test_one_run (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_test_add_child (pipeline, "exit", "0", NULL);
  run (pipeline);
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (i == 0 ? gp_pipeline_run (pipeline, NULL, &error)
                             : gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
    }
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* But a program may have as many as it likes at a time, each with others in it. */
static void
test_many_runs_and_nesting (void)
{
  enum { N_PIPELINES = 20 };
  GpPipeline *pipelines[N_PIPELINES];
  g_autofree char *text = NULL;

  for (int i = 0; i < N_PIPELINES; i++)
    {
      GpPipeline *inner = gp_test_new_copier ("nfc");

      pipelines[i] = gp_test_new_copier ("fn");
      gp_pipeline_append (pipelines[i], GP_STAGE (inner));
      if (i > 0)
        gp_pipeline_start_async (pipelines[i], NULL, NULL, NULL);
    }
  text = gp_test_output_of (pipelines[0], "all the way");
  g_assert_cmpstr (text, ==, "all the way");
  for (int i = 0; i < N_PIPELINES; i++)
    {
      g_assert_true (gp_test_wait (pipelines[i], NULL));
      g_object_unref (pipelines[i]);
    }
}

/* The reference system can only cancel all at once. */
static void
test_time_limit_per_stage (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "wait", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_time_limit (command, TIME_LIMIT_MSEC);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  gp_test_assert_contains (error->message, "wait: it took longer than its time limit of 50 ms");
  assert_state (pipeline, 1, GP_STAGE_STATE_SUCCEEDED);
}

static gboolean
read_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  char byte;

  return g_input_stream_read (input, &byte, 1, NULL, error) >= 0;
}

/* A function has one if it is in a pipeline of its own, even if it does not care. */
static void
test_time_limit_of_a_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  GpPipeline *limited = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_time_limit (limited, TIME_LIMIT_MSEC);
  gp_pipeline_set_abandon_delay (limited, NEVER);
  gp_test_add_function (limited, "function", read_func, NULL);
  gp_pipeline_append (pipeline, GP_STAGE (limited));
  gp_test_add_child (pipeline, "cat", NULL);
  input = gp_pipeline_open_input (pipeline, NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_output_stream_close (input, NULL, NULL);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/weak-points/empty-pipeline", test_empty_pipeline);
  gp_test_add ("/weak-points/last-function-without-stdout", test_last_function_without_stdout);
  gp_test_add ("/weak-points/much-stderr", test_much_stderr);
  gp_test_add ("/weak-points/memory-limit-in-decorators", test_memory_limit_in_decorators);
  gp_test_add ("/weak-points/kill-and-reap", test_kill_and_reap);
  gp_test_add ("/weak-points/short-memory-peaks", test_short_memory_peaks);
  gp_test_add ("/weak-points/short-memory-peaks-of-the-living", test_short_memory_peaks_of_the_living);
  gp_test_add ("/weak-points/failed-start-closes-stdout", test_failed_start_closes_stdout);
  gp_test_add ("/weak-points/events-for-all", test_events_for_all);
  gp_test_add ("/weak-points/status-per-stage", test_status_per_stage);
  gp_test_add ("/weak-points/one-run", test_one_run);
  gp_test_add ("/weak-points/many-runs-and-nesting", test_many_runs_and_nesting);
  gp_test_add ("/weak-points/time-limit-per-stage", test_time_limit_per_stage);
  gp_test_add ("/weak-points/time-limit-of-a-function", test_time_limit_of_a_function);
  return gp_test_run ();
}
