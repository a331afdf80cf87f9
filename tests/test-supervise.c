/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-supervise.h"

/* What the parent of a command does for it: see how it ends and what it uses, and reach all that it
 * starts. What it is for programs in odd situations is in test-supervise-host.c, and what signals do
 * in test-supervise-signals.c. */

#define MEBIBYTE (G_GINT64_CONSTANT (1024) * 1024)

/* Letters for the mode "leave" of gp-test-child: where a descendant is, and what it does to stay */
static const char * const kinds_of_descendants[] = {
  "", "d", "i", "z", "di", "dz", "s", "sd", "si", "sz", "sdi", "sdz",
};

static gboolean
has_helper (void)
{
  const char *path = g_getenv ("GOPIPE_EXEC");

  return path == NULL || g_file_test (path, G_FILE_TEST_IS_EXECUTABLE);
}

/* When it is told that all has ended, it has. */
static void
assert_nothing_left (Leash *leash)
{
  g_assert_true (leash_is_loose (leash));
}

/* --- Cancelling --------------------------------------------------------------------------- */

static void
test_cancel (gconstpointer data)
{
  const char *how = data;
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving (how, "wait", &leash, &command);

  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  assert_nothing_left (&leash);
}

static void
test_cancel_unsupervised (gconstpointer data)
{
  const char *how = data;
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving (how, "wait", &leash, &command);

  gp_command_stage_set_supervised (command, FALSE);
  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  leash_await_end (&leash);
}

/* The command itself does not want to end either. */
static void
test_cancel_unwilling (void)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("sdi", "terms", &leash, &command);

  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  assert_nothing_left (&leash);
}

static guint
count_asked (Leash *leash)
{
  guint n_asked = 0;
  char byte;

  while ((byte = leash_read (leash)) == 'T')
    n_asked++;
  g_assert_cmpint (byte, ==, '\0');
  return n_asked;
}

/* Who takes its time to end is asked once: to many programs twice means at once. */
static void
test_cancel_once (gconstpointer data)
{
  gboolean asks_descendant = GPOINTER_TO_INT (data);
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving (asks_descendant ? "sdt" : "sd",
                                                 asks_descendant ? "wait" : "terms",
                                                 &leash, &command);

  gp_command_stage_set_kill_delay (command, 300);
  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpuint (count_asked (&leash), ==, 1);
}

/* Also where it has been asked already when the pipeline is cancelled: it writes to a terminal that
 * nobody reads any more, and does not mind. */
static void
test_cancel_once_more (gconstpointer supervised)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("", "spew", &leash, &command);

  gp_command_stage_set_supervised (command, GPOINTER_TO_INT (supervised));
  gp_command_stage_set_terminal (command, TRUE);
  gp_command_stage_set_kill_delay (command, 300);
  gp_test_add_child (pipeline, "exit", "0", NULL);
  start (pipeline, &leash);
  g_assert_cmpint (leash_read (&leash), ==, 'T');
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpuint (count_asked (&leash), ==, 0);
}

static gboolean
was_killed (gpointer status)
{
  return gp_stage_status_get_term_signal (status) != 0;
}

/* Who is left of a command that ends when it is asked has as much time for that as the command. */
static void
test_cancel_patiently (gconstpointer supervised)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("i", "wait", &leash, &command);
  g_autoptr (GpPipeline) other = gp_test_pipeline_new ();

  gp_command_stage_set_supervised (command, GPOINTER_TO_INT (supervised));
  gp_command_stage_set_kill_delay (command, LONG_DELAY);
  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_wait_until ("the command to end", was_killed, gp_pipeline_get_status (pipeline, 0));
  /* What follows of the end has been done when another command has been taken care of. */
  gp_test_add_child (other, "exit", "0", NULL);
  gp_test_run_pipeline (other, NULL, NULL);
  leash_assert_alive (&leash);
  leash_release (&leash);
  gp_test_assert_cancelled (pipeline);
  assert_nothing_left (&leash);
}

/* It does not answer any more. */
static void
test_cancel_stopped_supervisor (void)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("i", "wait", &leash, &command);

  start (pipeline, &leash);
  kill (get_supervisor (pipeline), SIGSTOP);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  leash_await_end (&leash);
}

static void
test_fork_bomb (void)
{
  const char *size = gp_test_is_thorough () ? "2000" : "200";

  for (guint i = 0; i < 5; i++)
    {
      g_auto (Leash) leash;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "fork-bomb", size, NULL);

      leash_attach (&leash, command);
      gp_command_stage_set_kill_delay (command, 1);
      start (pipeline, &leash);
      gp_pipeline_cancel (pipeline);
      gp_test_assert_cancelled (pipeline);
      assert_nothing_left (&leash);
    }
}

/* --- What a command leaves ---------------------------------------------------------------- */

static void
test_kill_descendants (gconstpointer data)
{
  static const char * const ends[] = { "0", "3" };
  const char *how = data;

  for (gsize i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_auto (Leash) leash;
      GpCommandStage *command;
      g_autoptr (GpPipeline) pipeline = new_leaving (how, ends[i], &leash, &command);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_kill_descendants (command, TRUE);
      gp_test_run_pipeline (pipeline, NULL, &error);
      if (i == 0)
        g_assert_no_error (error);
      else
        g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);
      assert_nothing_left (&leash);
    }
}

static void
test_leave_descendants (gconstpointer data)
{
  const char *how = data;

  for (int supervised = 0; supervised < 2; supervised++)
    {
      g_auto (Leash) leash;
      GpCommandStage *command;
      g_autoptr (GpPipeline) pipeline = new_leaving (how, "0", &leash, &command);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_supervised (command, supervised);
      gp_test_run_pipeline (pipeline, NULL, &error);
      g_assert_no_error (error);
      leash_await_ready (&leash);
      leash_assert_alive (&leash);
      leash_release (&leash);
      leash_await_end (&leash);
    }
}

/* --- A supervisor that is killed ---------------------------------------------------------- */

static void
test_supervisor_killed (void)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("i", "terms", &leash, &command);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  g_autoptr (GError) error = NULL;

  start (pipeline, &leash);
  kill (get_supervisor (pipeline), SIGKILL);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST);
  gp_test_assert_message (error,
                          "leave: nobody knows how it ended, "
                          "because the process that watched it was killed");
  g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_term_signal (status), ==, 0);
  g_assert_cmpint (gp_stage_status_get_user_time (status), ==, -1);
  leash_await_end (&leash);
}

/* Where the command has no group that could be signalled, its end is the kernel's doing. */
static void
test_supervisor_killed_in_our_group (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = gp_test_connect_output (pipeline);
  GpCommandStage *command = gp_test_add_child (pipeline, "ignore-term-and-wait", "!", NULL);
  g_autoptr (GError) error = NULL;
  char bytes[2];

  gp_command_stage_set_process_group (command, GP_PROCESS_GROUP_CALLER);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_assert_cmpint (read (fd, bytes, sizeof bytes), >, 0);
  kill (get_supervisor (pipeline), SIGKILL);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST);
  /* Blocks until the command has gone */
  while (read (fd, bytes, sizeof bytes) > 0)
    continue;
  close (fd);
}

/* --- Usage -------------------------------------------------------------------------------- */

/* Returns how long it took, in microseconds */
static gint64
run_child (const char     *mode,
           const char     *argument,
           const char     *second,
           gboolean        supervised,
           GpStageStatus **status)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, mode, argument, second, NULL);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();

  gp_command_stage_set_supervised (command, supervised);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  *status = g_object_ref (gp_pipeline_get_status (pipeline, 0));
  return g_get_monotonic_time () - start;
}

/* What the kernel counts by its ticks */
#define TICK_USEC 10000

static void
test_usage_time (void)
{
  for (int n = 1; n <= 2; n++)
    {
      g_autoptr (GpStageStatus) status = NULL;
      gint64 elapsed = n == 1
                       ? run_child ("burn", "50", NULL, TRUE, &status)
                       : run_child ("twice", "burn", "50", TRUE, &status);
      gint64 user_time = gp_stage_status_get_user_time (status);
      gint64 system_time = gp_stage_status_get_system_time (status);

      g_assert_cmpint (user_time, >=, 0);
      g_assert_cmpint (system_time, >=, 0);
      g_assert_cmpint (user_time + system_time, >=, n * 50000 - TICK_USEC);
      g_assert_cmpint (user_time + system_time, <=, elapsed + TICK_USEC);
      g_assert_cmpint (gp_stage_status_get_wall_time (status), <=, elapsed);
    }
}

/* The largest process, not all together */
static void
test_usage_memory (void)
{
  g_autofree char *size = g_strdup_printf ("%" G_GINT64_FORMAT, 64 * MEBIBYTE);

  for (int n = 1; n <= 2; n++)
    {
      g_autoptr (GpStageStatus) status = NULL;
      gint64 peak;

      if (n == 1)
        run_child ("allocate-and-exit", size, NULL, TRUE, &status);
      else
        run_child ("twice", "allocate-and-exit", size, TRUE, &status);
      peak = gp_stage_status_get_peak_memory (status);
      if (has_helper ())
        {
          g_assert_cmpint (peak, >=, 64 * MEBIBYTE);
          g_assert_cmpint (peak, <, 80 * MEBIBYTE);
        }
      else
        {
          /* What the fork has been before is in it. */
          g_assert_cmpint (peak, ==, -1);
        }
    }
}

/* However large the program is itself */
static void
test_usage_memory_small (void)
{
  g_autoptr (GpStageStatus) status = NULL;
  g_autofree char *memory = g_malloc (128 * MEBIBYTE);

  memset (memory, 1, 128 * MEBIBYTE);
  run_child ("exit", "0", NULL, TRUE, &status);
  g_assert_cmpint (gp_stage_status_get_peak_memory (status), <, 16 * MEBIBYTE);
  g_assert_cmpint (gp_stage_status_get_peak_memory (status), >=, has_helper () ? 1 : -1);
}

static void
test_usage_unknown (void)
{
  g_autoptr (GpStageStatus) status = NULL;

  run_child ("burn", "1", NULL, FALSE, &status);
  g_assert_cmpint (gp_stage_status_get_user_time (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_system_time (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_peak_memory (status), ==, -1);
  g_assert_cmpint (gp_stage_status_get_wall_time (status), >=, 0);
}

/* Also of a command that was killed */
static void
test_usage_killed (void)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("sdi", "wait", &leash, &command);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);

  start (pipeline, &leash);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
  g_assert_cmpint (gp_stage_status_get_user_time (status), >=, 0);
  g_assert_cmpint (gp_stage_status_get_system_time (status), >=, 0);
}

/* --- Ends --------------------------------------------------------------------------------- */

static void
test_accepted (void)
{
  static const struct
  {
    const char *exit_status;
    int         code; /* of the error, or 0 */
  } runs[] = {
    { "0", 0 }, { "1", 1 }, { "3", 0 }, { "4", 4 }, { "255", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (runs) * 2; i++)
    {
      gsize run = i / 2;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "exit", runs[run].exit_status, NULL);
      GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_supervised (command, i % 2 == 0);
      gp_command_stage_accept_exit_status (command, 3);
      gp_command_stage_accept_exit_status (command, 255);
      gp_test_run_pipeline (pipeline, NULL, &error);
      if (runs[run].code == 0)
        g_assert_no_error (error);
      else
        g_assert_error (error, G_SPAWN_EXIT_ERROR, runs[run].code);
      g_assert_cmpint (gp_stage_status_get_exit_status (status), ==, atoi (runs[run].exit_status));
    }
}

static void
test_time_limit (gconstpointer data)
{
  gboolean supervised = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *first = gp_test_add_child (pipeline, "ignore-term-and-wait", NULL);
  GpCommandStage *second = gp_test_add_child (pipeline, "cat", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_supervised (first, supervised);
  gp_command_stage_set_time_limit (first, 20);
  gp_command_stage_set_kill_delay (first, 1);
  gp_command_stage_set_time_limit (second, LONG_DELAY);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  gp_test_assert_message (error,
                          "ignore-term-and-wait: it took longer than its time limit of 20 ms");
}

/* Who ends within it is not touched by it. */
static void
test_time_limit_kept (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *command = gp_test_add_child (pipeline, "exit", "0", NULL);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_time_limit (command, i % 2 == 0 ? LONG_DELAY : 2);
      gp_test_run_pipeline (pipeline, NULL, &error);
      if (i % 2 == 0 || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
        g_assert_no_error (error);
    }
}

static gboolean
has_ended (gpointer status)
{
  return gp_stage_status_get_exit_status (status) >= 0 || was_killed (status);
}

/* FALSE: it has not ended in time */
static gboolean
leave_within_limit (guint    msec,
                    gboolean supervised)
{
  gint64 deadline = g_get_monotonic_time () + msec * G_TIME_SPAN_MILLISECOND;
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GpPipeline) other = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("1", "0", &leash, &command);
  gboolean in_time;

  gp_command_stage_set_supervised (command, supervised);
  gp_command_stage_set_time_limit (command, msec);
  gp_pipeline_set_stdout (pipeline, output);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait_until ("the command to end", has_ended, gp_pipeline_get_status (pipeline, 0));
  in_time = g_get_monotonic_time () < deadline;

  /* The time passes later for who was started later. */
  gp_command_stage_set_time_limit (gp_test_add_child (other, "wait", NULL), msec);
  g_assert_false (gp_test_run_pipeline (other, NULL, NULL));
  leash_release (&leash);
  gp_test_wait (pipeline, &error);
  if (in_time)
    g_assert_no_error (error);
  leash_await_end (&leash);
  return in_time;
}

/* Nor who leaves somebody that keeps its output for longer. */
static void
test_time_limit_of_output (gconstpointer supervised)
{
  for (guint msec = 200; !leave_within_limit (msec, GPOINTER_TO_INT (supervised)); msec *= 2)
    continue;
}

static void
add_kinds (const char    *path,
           gboolean       also_escaped,
           GTestDataFunc  func)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds_of_descendants); i++)
    {
      const char *how = kinds_of_descendants[i];
      g_autofree char *one = g_strconcat (path, "/", *how != '\0' ? how : "plain", NULL);

      if (also_escaped || !may_escape (how))
        gp_test_add_data (one, how, func);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_kinds ("/supervise/cancel", TRUE, test_cancel);
  add_kinds ("/supervise/cancel-unsupervised", FALSE, test_cancel_unsupervised);
  gp_test_add ("/supervise/cancel-unwilling", test_cancel_unwilling);
  gp_test_add_data ("/supervise/cancel-once/command", GINT_TO_POINTER (FALSE), test_cancel_once);
  gp_test_add_data ("/supervise/cancel-once/descendant", GINT_TO_POINTER (TRUE), test_cancel_once);
  add_both ("/supervise/cancel-once-more", test_cancel_once_more);
  add_both ("/supervise/cancel-patiently", test_cancel_patiently);
  gp_test_add ("/supervise/cancel-stopped-supervisor", test_cancel_stopped_supervisor);
  gp_test_add ("/supervise/fork-bomb", test_fork_bomb);
  add_kinds ("/supervise/kill-descendants", TRUE, test_kill_descendants);
  gp_test_add_data ("/supervise/leave-descendants/plain", "", test_leave_descendants);
  gp_test_add_data ("/supervise/leave-descendants/s", "s", test_leave_descendants);
  gp_test_add_data ("/supervise/leave-descendants/sd", "sd", test_leave_descendants);
  gp_test_add ("/supervise/supervisor-killed", test_supervisor_killed);
  gp_test_add ("/supervise/supervisor-killed-in-our-group", test_supervisor_killed_in_our_group);
  gp_test_add ("/supervise/usage/time", test_usage_time);
  gp_test_add ("/supervise/usage/memory", test_usage_memory);
  gp_test_add ("/supervise/usage/memory-small", test_usage_memory_small);
  gp_test_add ("/supervise/usage/unknown", test_usage_unknown);
  gp_test_add ("/supervise/usage/killed", test_usage_killed);
  gp_test_add ("/supervise/accepted", test_accepted);
  add_both ("/supervise/time-limit", test_time_limit);
  gp_test_add ("/supervise/time-limit-kept", test_time_limit_kept);
  add_both ("/supervise/time-limit-of-output", test_time_limit_of_output);
  return gp_test_run ();
}
