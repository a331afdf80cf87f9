/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"
#include "gp-test-supervise.h"

/* Signals that a program or its user sends to commands, and commands that are stopped by them */

/* --- Stopped and continued ---------------------------------------------------------------- */

typedef struct
{
  GpStageStatus *status;
  GpStageState   state;
} AwaitedState;

static gboolean
is_in_state (gpointer data)
{
  AwaitedState *self = data;

  return gp_stage_status_get_state (self->status) == self->state;
}

static void
await_state (GpStageStatus *status,
             GpStageState   state,
             const char    *summary)
{
  AwaitedState awaited = { status, state };
  g_autofree char *text = NULL;

  gp_test_wait_until ("a state", is_in_state, &awaited);
  text = gp_stage_status_dup_summary (status);
  g_assert_cmpstr (text, ==, summary);
}

static void
test_stopped (void)
{
  g_auto (Leash) leash;
  g_auto (Recorder) recorder;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("", "wait", &leash, &command);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  g_autoptr (GError) error = NULL;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  start (pipeline, &leash);
  for (guint i = 0; i < 3; i++)
    {
      int signum = i == 0 ? SIGSTOP : SIGTSTP;

      g_assert_true (gp_command_stage_send_signal (command, signum));
      await_state (status, GP_STAGE_STATE_STOPPED,
                   i == 0 ? "stopped by SIGSTOP" : "stopped by SIGTSTP");
      g_assert_true (gp_command_stage_send_signal (command, SIGCONT));
      await_state (status, GP_STAGE_STATE_RUNNING, "running");
    }
  leash_assert_alive (&leash);
  g_assert_true (gp_command_stage_send_signal (command, SIGTERM));
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_TERM);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_STOPPED), ==, 3);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_CONTINUED), ==, 3);
  g_assert_cmpint (get_int_detail (get_event (&recorder, 1), "signal"), ==, SIGSTOP);
  g_assert_true (g_str_has_prefix (recorder.text->str,
                                   "stage-started leave\n"
                                   "stage-stopped leave\n"
                                   "stage-continued leave\n"
                                   "stage-stopped leave\n"));
  leash_await_end (&leash);
}

static gboolean
is_in_stop (gpointer pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", *(int *) pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strrchr (text, ')')[2] == 'T';
}

static gboolean
is_going_on (gpointer pid)
{
  return !is_in_stop (pid);
}

static gboolean
has_stopped_twice (gpointer recorder)
{
  return count_kind (recorder, GP_EVENT_KIND_STAGE_STOPPED) == 2;
}

/* Where nobody looks while it goes on and is stopped again, it has gone on nevertheless. */
static void
test_stopped_unseen (void)
{
  g_auto (Leash) leash;
  g_auto (Recorder) recorder;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("", "wait", &leash, &command);
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  int pid;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  start (pipeline, &leash);
  pid = gp_stage_status_get_pid (status);
  kill (pid, SIGSTOP);
  await_state (status, GP_STAGE_STATE_STOPPED, "stopped by SIGSTOP");
  kill (get_supervisor (pipeline), SIGSTOP);
  kill (pid, SIGCONT);
  gp_test_wait_until ("the command to go on", is_going_on, &pid);
  kill (pid, SIGTSTP);
  gp_test_wait_until ("the command to stop", is_in_stop, &pid);
  kill (get_supervisor (pipeline), SIGCONT);
  gp_test_wait_until ("the second stop", has_stopped_twice, &recorder);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_CONTINUED), ==, 1);
  gp_pipeline_cancel (pipeline);
  gp_test_assert_cancelled (pipeline);
}

/* Who is stopped cannot even be asked. */
static void
test_stopped_time_limit (gconstpointer data)
{
  gboolean supervised = GPOINTER_TO_INT (data);
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("", "wait", &leash, &command);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_supervised (command, supervised);
  gp_command_stage_set_time_limit (command, 300);
  start (pipeline, &leash);
  gp_command_stage_send_signal (command, SIGSTOP);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  leash_await_end (&leash);
}

/* --- Signals ------------------------------------------------------------------------------ */

/* Who is in the group gets it, and nobody else. */
static void
test_send_signal (gconstpointer data)
{
  const char *how = data;

  for (int supervised = 0; supervised < 2; supervised++)
    {
      g_auto (Leash) leash;
      GpCommandStage *command;
      g_autoptr (GpPipeline) pipeline = new_leaving (how, "wait", &leash, &command);
      g_autoptr (GError) error = NULL;

      g_assert_false (gp_command_stage_send_signal (command, SIGUSR1));
      gp_command_stage_set_supervised (command, supervised);
      start (pipeline, &leash);
      g_assert_true (gp_command_stage_send_signal (command, SIGUSR1));
      g_assert_false (gp_test_wait (pipeline, &error));
      g_assert_error (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_USR1);
      g_assert_false (gp_command_stage_send_signal (command, SIGUSR1));
      if (may_escape (how))
        leash_assert_alive (&leash);
      leash_release (&leash);
      leash_await_end (&leash);
    }
}

/* More than a supervisor that does not read now can be told: all the rest is told later, in order. */
static void
test_signals_wait (void)
{
  g_auto (Leash) leash;
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_leaving ("", "terms", &leash, &command);
  g_autoptr (GpPipeline) other = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  pid_t supervisor;

  start (pipeline, &leash);
  supervisor = get_supervisor (pipeline);
  kill (supervisor, SIGSTOP);
  for (int i = 0; i < 5000; i++)
    g_assert_true (gp_command_stage_send_signal (command, i % 2 == 0 ? SIGCONT : SIGURG));
  g_assert_true (gp_command_stage_send_signal (command, SIGKILL));
  /* They have been taken care of when another command has. */
  gp_test_add_child (other, "exit", "0", NULL);
  gp_test_run_pipeline (other, NULL, NULL);
  kill (supervisor, SIGCONT);

  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, SIGKILL);
  leash_await_end (&leash);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/supervise-signals/stopped", test_stopped);
  gp_test_add ("/supervise-signals/stopped-unseen", test_stopped_unseen);
  add_both ("/supervise-signals/stopped-time-limit", test_stopped_time_limit);
  gp_test_add_data ("/supervise-signals/send-signal/plain", "", test_send_signal);
  gp_test_add_data ("/supervise-signals/send-signal/d", "d", test_send_signal);
  gp_test_add_data ("/supervise-signals/send-signal/sd", "sd", test_send_signal);
  gp_test_add ("/supervise-signals/signals-wait", test_signals_wait);
  return gp_test_run ();
}
