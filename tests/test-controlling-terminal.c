/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Commands at the terminal that controls the program. For each case the test is the user: it has
 * one end of a pseudo terminal, and runs a copy of itself that has the other one, in a session of
 * its own, as the program in the foreground. What runs there begins with "inside_". */

/* The name of the case that the copy runs */
#define INSIDE "GP_TEST_INSIDE"

/* Long enough that a command has been stopped before, however busy the machine is */
#define LIMIT_MSEC 2000

static const char *program; /* argv[0] */

/* --- The user ----------------------------------------------------------------------------- */

/* States: running, with both descriptors open; then ended, and reaped. */
typedef struct
{
  GPid     pid;
  int      terminal_fd; /* the user's end */
  int      report_fd;   /* what the test program there says */
  GString *screen;      /* what was shown so far */
} Session;

/* In the new process, which keeps the descriptor: a terminal that nobody has open has nothing to
 * read for its user. */
static void
enter_session_cb (gpointer data)
{
  int fd;

  if (setsid () < 0 || (fd = open (data, O_RDWR)) < 0 || ioctl (fd, TIOCSCTTY, 0) < 0)
    _exit (98);
  alarm (60);
}

static void
session_start (Session    *self,
               const char *inside)
{
  const char *argv[] = { program, "--tap", NULL };
  g_auto (GStrv) environ = g_environ_setenv (g_get_environ (), INSIDE, inside, TRUE);
  g_autoptr (GError) error = NULL;

  self->screen = g_string_new (NULL);
  self->terminal_fd = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (self->terminal_fd, >=, 0);
  g_assert_cmpint (grantpt (self->terminal_fd), ==, 0);
  g_assert_cmpint (unlockpt (self->terminal_fd), ==, 0);
  g_spawn_async_with_pipes (NULL, (char **) argv, environ, G_SPAWN_DO_NOT_REAP_CHILD,
                            enter_session_cb, ptsname (self->terminal_fd), &self->pid,
                            NULL, &self->report_fd, NULL, &error);
  g_assert_no_error (error);
}

/* Blocks until @text is on the screen, or the session has ended without it */
static void
session_await (Session    *self,
               const char *text)
{
  char buffer[256];
  gssize n;

  while (strstr (self->screen->str, text) == NULL)
    {
      n = read (self->terminal_fd, buffer, sizeof buffer);
      if (n <= 0)
        break;
      g_string_append_len (self->screen, buffer, n);
    }
}

static void
session_type (Session    *self,
              const char *text)
{
  g_assert_cmpint (write (self->terminal_fd, text, strlen (text)), ==, (gssize) strlen (text));
}

/* Blocks until it has ended with success */
static void
session_end (Session *self)
{
  g_autoptr (GString) report = g_string_new (NULL);
  char buffer[256];
  int wait_status = -1;
  gssize n;

  while ((n = read (self->report_fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (report, buffer, n);
  waitpid (self->pid, &wait_status, 0);
  if (!WIFEXITED (wait_status) || WEXITSTATUS (wait_status) != 0 ||
      strstr (report->str, "ok 1 ") == NULL || strstr (report->str, "not ok") != NULL)
    g_error ("status %d: %s\nscreen: %s", wait_status, report->str, self->screen->str);
  close (self->report_fd);
  close (self->terminal_fd);
  g_string_free (self->screen, TRUE);
}

/* --- A password --------------------------------------------------------------------------- */

/* All of its streams go elsewhere, as those of ssh do. */
static void
inside_password (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;

  gp_test_add_child (pipeline, "password", "Password: ", NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  text = gp_test_output_of (pipeline, "not the password\n");
  g_assert_cmpstr (text, ==, "open sesame\n");
}

static void
test_password (void)
{
  Session session;

  session_start (&session, "password");
  session_await (&session, "Password: ");
  session_type (&session, "open sesame\n");
  session_end (&session);
}

static void
check_group (GpProcessGroup group,
             gboolean       supervised,
             gboolean       expect_own)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "pgid", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  gp_command_stage_set_process_group (stage, group);
  gp_command_stage_set_supervised (stage, supervised);
  text = gp_test_output_of (pipeline, NULL);
  words = g_strsplit (text, " ", 2);
  if (expect_own)
    g_assert_cmpint (atoi (words[1]), ==, atoi (words[0]));
  else
    g_assert_cmpint (atoi (words[1]), ==, getpgrp ());
}

/* Without a supervisor, what a command has started is only found by its group. */
static void
inside_groups (void)
{
  check_group (GP_PROCESS_GROUP_AUTO, TRUE, FALSE);
  check_group (GP_PROCESS_GROUP_AUTO, FALSE, TRUE);
  check_group (GP_PROCESS_GROUP_OWN, TRUE, TRUE);
  check_group (GP_PROCESS_GROUP_OWN, FALSE, TRUE);
  check_group (GP_PROCESS_GROUP_CALLER, TRUE, FALSE);
  check_group (GP_PROCESS_GROUP_CALLER, FALSE, FALSE);
}

static void
test_groups (void)
{
  Session session;

  session_start (&session, "groups");
  session_end (&session);
}

/* --- A pager ------------------------------------------------------------------------------ */

static void
check_pager (gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fd = open ("/dev/tty", O_WRONLY | O_CLOEXEC);
  g_autoptr (GOutputStream) terminal = g_unix_output_stream_new (fd, TRUE);
  g_autoptr (GError) error = NULL;
  GpCommandStage *stage;

  gp_test_add_child (pipeline, "echo", supervised ? "first page" : "second page", NULL);
  stage = gp_test_add_child (pipeline, "pager", supervised ? "(1)" : "(2)", NULL);
  gp_command_stage_set_supervised (stage, supervised);
  gp_pipeline_set_stdout (pipeline, terminal);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* Standard output is the terminal, standard input is not. */
static void
inside_pager (void)
{
  check_pager (TRUE);
  check_pager (FALSE);
}

static void
test_pager (void)
{
  Session session;

  session_start (&session, "pager");
  session_await (&session, "first page\r\n(1)");
  session_type (&session, "q\n");
  session_await (&session, "second page\r\n(2)");
  session_type (&session, "q\n");
  session_end (&session);
}

/* --- The keyboard ------------------------------------------------------------------------- */

static void
inside_interrupt (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  /* It is for this program as well, but it shall tell. */
  signal (SIGINT, SIG_IGN);
  gp_test_add_child (pipeline, "terminal-wait", "ready", NULL);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, SIGINT);
  gp_test_assert_message (error, "terminal-wait: killed by SIGINT");
}

static void
test_interrupt (void)
{
  Session session;

  session_start (&session, "interrupt");
  session_await (&session, "ready");
  session_type (&session, "\003");
  session_end (&session);
}

/* The program does not mind Ctrl+Z, but the command does, and may be continued. */
static void
inside_suspend (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "terminal-wait", "ready", NULL);
  g_auto (Recorder) recorder;
  g_autoptr (GError) error = NULL;

  signal (SIGTSTP, SIG_IGN);
  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, &error));
  while (count_kind (&recorder, GP_EVENT_KIND_STAGE_STOPPED) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (get_int_detail (get_event (&recorder, 1), "signal"), ==, SIGTSTP);
  g_assert_true (gp_command_stage_send_signal (stage, SIGCONT));
  while (count_kind (&recorder, GP_EVENT_KIND_STAGE_CONTINUED) == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (gp_command_stage_send_signal (stage, SIGTERM));
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, GP_SIGNAL_ERROR, SIGTERM);
}

static void
test_suspend (void)
{
  Session session;

  session_start (&session, "suspend");
  session_await (&session, "ready");
  session_type (&session, "\032");
  session_end (&session);
}

/* --- A command that must not read --------------------------------------------------------- */

/* What a command is stopped by that is not in the foreground */
static void
check_stopped (GpPipeline *pipeline,
               Recorder   *recorder,
               int         signum,
               const char *summary)
{
  g_autoptr (GpStageStatus) status = NULL;
  g_autofree char *text = NULL;
  GpEvent *event;

  while (count_kind (recorder, GP_EVENT_KIND_STAGE_STOPPED) == 0)
    g_main_context_iteration (NULL, TRUE);
  event = get_event (recorder, recorder->events->len - 1);
  g_assert_cmpint (gp_event_get_kind (event), ==, GP_EVENT_KIND_STAGE_STOPPED);
  g_assert_cmpint (get_int_detail (event, "signal"), ==, signum);

  status = g_list_model_get_item (gp_pipeline_get_stages (pipeline), 0);
  g_assert_cmpint (gp_stage_status_get_state (status), ==, GP_STAGE_STATE_STOPPED);
  text = gp_stage_status_dup_summary (status);
  gp_test_assert_contains (text, summary);
}

static void
run_stopped (const char *mode,
             int         signum,
             const char *summary)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, mode, "prompt", NULL);
  g_autofree char *message = NULL;
  g_auto (Recorder) recorder;
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_process_group (stage, GP_PROCESS_GROUP_OWN);
  gp_command_stage_set_time_limit (stage, LIMIT_MSEC);
  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, &error));
  check_stopped (pipeline, &recorder, signum, summary);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  message = g_strdup_printf ("%s: it took longer than its time limit of %d ms", mode, LIMIT_MSEC);
  gp_test_assert_message (error, message);
}

/* One reads, the other one wants to switch off the echo before. */
static void
inside_read (void)
{
  run_stopped ("pager", SIGTTIN, "stopped by SIGTTIN");
}

static void
inside_modes (void)
{
  run_stopped ("password", SIGTTOU, "stopped by SIGTTOU");
}

static void
test_stopped (gconstpointer data)
{
  Session session;

  session_start (&session, data);
  session_end (&session);
}

/* It tries again when it is continued, and can be cancelled then. */
static void
inside_continued (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "pager", "prompt", NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Recorder) recorder;
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_process_group (stage, GP_PROCESS_GROUP_OWN);
  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, cancellable, &error));
  check_stopped (pipeline, &recorder, SIGTTIN, "stopped by SIGTTIN");
  g_assert_true (gp_command_stage_send_signal (stage, SIGCONT));
  while (count_kind (&recorder, GP_EVENT_KIND_STAGE_STOPPED) < 2)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_CONTINUED), ==, 1);
  g_cancellable_cancel (cancellable);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_continued (void)
{
  Session session;

  session_start (&session, "continued");
  session_end (&session);
}

static const struct
{
  const char *name;
  GTestFunc   func;
} inside[] = {
  { "password", inside_password },
  { "groups", inside_groups },
  { "pager", inside_pager },
  { "interrupt", inside_interrupt },
  { "suspend", inside_suspend },
  { "read", inside_read },
  { "modes", inside_modes },
  { "continued", inside_continued },
};

static int
run_inside (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (inside); i++)
    if (strcmp (inside[i].name, name) == 0)
      gp_test_add ("/inside", inside[i].func);
  return gp_test_run ();
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  gp_test_init (&argc, &argv);
  if (g_getenv (INSIDE) != NULL)
    return run_inside (g_getenv (INSIDE));

  gp_test_add ("/controlling-terminal/password", test_password);
  gp_test_add ("/controlling-terminal/groups", test_groups);
  gp_test_add ("/controlling-terminal/pager", test_pager);
  gp_test_add ("/controlling-terminal/interrupt", test_interrupt);
  gp_test_add ("/controlling-terminal/suspend", test_suspend);
  gp_test_add_data ("/controlling-terminal/stopped/reading", "read", test_stopped);
  gp_test_add_data ("/controlling-terminal/stopped/setting-modes", "modes", test_stopped);
  gp_test_add ("/controlling-terminal/continued", test_continued);
  return gp_test_run ();
}
