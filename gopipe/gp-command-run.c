/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-run-core-private.h"

#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long standard error is awaited after its command has ended: what the command wrote is there
 * at once, the rest would come from somebody who has inherited it. */
#define STDERR_HOLD_MS 200

/* How long anything is awaited that should end at once when it is stopped */
#define STOP_GRACE_MS 500

/* How often a stopped process group is looked at whose leader has ended */
#define GROUP_CHECK_MS 10

/* How often, and how many times, it is seen whether output has been drained */
#define DRAIN_CHECK_MS 5
#define MAX_DRAIN_CHECKS 400

/* How much of standard error stands in an error */
#define STDERR_IN_MESSAGE 1024

GpCommandRun *
gp_command_run_ref (GpCommandRun *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
clear_timer (GSource **timer)
{
  if (*timer != NULL)
    g_source_destroy (*timer);
  g_clear_pointer (timer, g_source_unref);
}

void
gp_command_run_unref (GpCommandRun *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  gp_descriptor_clear (&self->stderr_fd);
  g_clear_pointer (&self->stdin_pump, gp_pump_unref);
  g_clear_pointer (&self->stdout_pump, gp_pump_unref);
  g_clear_pointer (&self->stderr_pump, gp_pump_unref);
  g_clear_error (&self->setup_error);
  g_clear_error (&self->stdin_error);
  g_clear_error (&self->stdout_error);
  g_clear_error (&self->stderr_error);
  g_clear_object (&self->process);
  g_clear_object (&self->stdin_pipe);
  g_clear_object (&self->stdout_pipe);
  g_clear_object (&self->stderr_pipe);
  g_clear_object (&self->stderr_stream);
  g_clear_object (&self->status);
  g_clear_object (&self->context);
  g_free (self);
}

/* --- The outcome -------------------------------------------------------------------------- */

/* What the command said last, for the end of a message: whole lines, if they fit */
static char *
dup_stderr_tail (GpCommandRun *self)
{
  g_autofree char *text = NULL;
  const char *tail;

  if (self->status == NULL)
    return g_strdup ("");

  text = g_strstrip (gp_stage_status_dup_stderr_text (self->status));
  if (strlen (text) <= STDERR_IN_MESSAGE)
    return g_steal_pointer (&text);

  tail = text + strlen (text) - STDERR_IN_MESSAGE;
  while ((*tail & 0xc0) == 0x80)
    tail++;
  if (strchr (tail, '\n') != NULL)
    tail = strchr (tail, '\n') + 1;

  return g_strconcat ("…", tail, NULL);
}

static GError *
new_exit_error (GpCommandRun *self,
                GQuark      domain,
                int         code,
                const char *what)
{
  g_autofree char *said = dup_stderr_tail (self);

  if (*said == '\0')
    return g_error_new_literal (domain, code, what);

  return g_error_new (domain, code, "%s: %s", what, said);
}

/* The kernel forgets how children end if the program wants it to; GLib takes that for success. */
static gboolean
is_status_lost (GpCommandRun *self)
{
  struct sigaction action;

  if (!g_subprocess_get_if_exited (self->process) && !g_subprocess_get_if_signaled (self->process))
    return TRUE;

  return g_subprocess_get_if_exited (self->process) &&
         g_subprocess_get_exit_status (self->process) == 0 &&
         sigaction (SIGCHLD, NULL, &action) == 0 &&
         (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0);
}

/* NULL: it ended well */
static GError *
describe_exit (GpCommandRun *self)
{
  g_autofree char *what = NULL;
  g_autofree char *name = NULL;
  int signum;

  if (is_status_lost (self))
    return g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST,
                                "nobody knows how it ended, because the program ignores SIGCHLD");

  if (g_subprocess_get_if_exited (self->process))
    {
      int exit_status = g_subprocess_get_exit_status (self->process);

      if (exit_status == 0)
        return NULL;

      what = g_strdup_printf ("exit status %d", exit_status);
      return new_exit_error (self, G_SPAWN_EXIT_ERROR, exit_status, what);
    }

  signum = g_subprocess_get_term_sig (self->process);
  name = gp_signal_dup_name (signum);
  if (signum == SIGPIPE)
    what = g_strdup ("killed by SIGPIPE, because nobody read its output any more "
                     "(if that is fine, set GpPipeline:ignore-pipe-errors)");
  else
    what = g_strdup_printf ("killed by %s", name);

  return new_exit_error (self, GP_SIGNAL_ERROR, signum, what);
}

/* The cause rather than its consequences: whoever stopped it, then its input, itself, its output */
static GError *
choose_error (GpCommandRun *self)
{
  g_autoptr (GError) exit_error = NULL;

  if (self->setup_error != NULL)
    return g_error_copy (self->setup_error);

  if (self->stopping)
    return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was stopped");

  exit_error = describe_exit (self);
  if (self->stdin_error != NULL)
    return gp_error_copy_prefixed (self->stdin_error, "reading standard input: ");

  if (self->stdout_error != NULL && (exit_error == NULL || gp_error_matches_pipe (exit_error)))
    return gp_error_copy_prefixed (self->stdout_error, "writing standard output: ");

  if (exit_error != NULL)
    return g_steal_pointer (&exit_error);

  if (self->stderr_error != NULL)
    return gp_error_copy_prefixed (self->stderr_error, "writing standard error: ");

  if (self->output_cut)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                        "another process kept its standard output open for more than %u ms",
                        self->hold_timeout);

  return NULL;
}

static void
set_exit_status (GpCommandRun *self)
{
  if (self->status == NULL || is_status_lost (self))
    return;

  if (g_subprocess_get_if_exited (self->process))
    gp_stage_status_set_exit (self->status, g_subprocess_get_exit_status (self->process), 0);
  else if (g_subprocess_get_if_signaled (self->process))
    gp_stage_status_set_exit (self->status, -1, g_subprocess_get_term_sig (self->process));
}

static void
report (GpCommandRun *self)
{
  g_autoptr (GpStageContext) context = g_steal_pointer (&self->context);
  g_autoptr (GError) error = choose_error (self);

  self->reported = TRUE;
  clear_timer (&self->kill_timer);
  clear_timer (&self->group_timer);
  clear_timer (&self->stderr_timer);
  clear_timer (&self->hold_timer);
  clear_timer (&self->grace_timer);
  /* Not g_cancellable_disconnect (), which waits for a handler that may be running. */
  g_signal_handler_disconnect (gp_stage_context_get_cancellable (context), self->cancelled_id);

  if (error == NULL)
    gp_stage_context_return_success (context);
  else
    gp_stage_context_return_error (context, error);

  gp_command_run_unref (self);
}

static void
report_if_done (GpCommandRun *self)
{
  if (!self->reported && (self->exited || self->unkillable) && !self->group_lives && self->stderr_source == NULL &&
      self->stdin_pump == NULL && self->stdout_pump == NULL && self->stderr_pump == NULL)
    report (self);
}

/* --- Standard error ----------------------------------------------------------------------- */

static void
close_stderr (GpCommandRun *self)
{
  if (self->stderr_source == NULL)
    return;

  g_source_destroy (self->stderr_source);
  g_clear_pointer (&self->stderr_source, g_source_unref);
  gp_descriptor_clear (&self->stderr_fd);
  report_if_done (self);
}

/* Takes what is there; FALSE at the end */
static gboolean
drain_stderr (GpCommandRun *self)
{
  char buffer[16 * 1024];
  gssize n_read;
  guint n_rounds = 64; /* more than a pipe holds: who writes for ever must not keep the engine */

  do
    {
      n_read = read (self->stderr_fd, buffer, sizeof buffer);
      if (n_read > 0 && self->status != NULL)
        gp_stage_status_append_stderr (self->status, buffer, n_read);
    }
  while (n_rounds-- > 0 && (n_read == sizeof buffer || (n_read < 0 && errno == EINTR)));

  return n_read > 0 || (n_read < 0 && (errno == EAGAIN || errno == EINTR));
}

static gboolean
stderr_readable_cb (int          fd,
                    GIOCondition condition,
                    gpointer     data)
{
  GpCommandRun *self = data;

  if (!drain_stderr (self))
    close_stderr (self);

  return G_SOURCE_CONTINUE;
}

static void
stderr_timeout_cb (gpointer data)
{
  close_stderr (data);
}

static void
watch_stderr (GpCommandRun *self)
{
  if (self->stderr_fd < 0)
    return;

  self->stderr_source = g_unix_fd_source_new (self->stderr_fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (self->stderr_source, G_SOURCE_FUNC (stderr_readable_cb), self, NULL);
  g_source_attach (self->stderr_source, gp_engine_get_context ());
}

/* --- Pumps -------------------------------------------------------------------------------- */

/* What a pump tells from its thread. Which one it is, is told by @slot and @error. */
typedef struct
{
  GpCommandRun *run;
  GpPump    **slot;
  GError    **error;
  GError     *result; /* what becomes *error in the engine's thread */
  GObject    *pipe;   /* our end, to be closed after the pump */
} PumpEnd;

static PumpEnd *
pump_end_new (GpCommandRun *self,
              GpPump    **slot,
              GError    **error,
              gpointer    pipe)
{
  PumpEnd *end = g_new (PumpEnd, 1);

  *end = (PumpEnd) { gp_command_run_ref (self), slot, error, NULL, g_object_ref (pipe) };

  return end;
}

static void
pump_end_free (PumpEnd *end)
{
  g_object_unref (end->pipe);
  g_clear_error (&end->result);
  gp_command_run_unref (end->run);
  g_free (end);
}

static void
pump_ended_cb (gpointer data)
{
  PumpEnd *end = data;

  *end->error = g_steal_pointer (&end->result);
  g_clear_pointer (end->slot, gp_pump_unref);
  report_if_done (end->run);
  pump_end_free (end);
}

/* That the pipe's other side has gone is the command's own doing, and seen in how it ends. */
static gboolean
is_of_no_concern (const GError *error,
                  gboolean      on_pipe)
{
  return error == NULL || gp_error_is_cancelled (error) ||
         (on_pipe && (gp_error_matches_pipe (error) ||
                      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED)));
}

static void
pump_done (GpPump             *pump,
           const GpPumpResult *result,
           gpointer            user_data)
{
  PumpEnd *end = user_data;
  gboolean to_command = G_IS_OUTPUT_STREAM (end->pipe);

  /* Closed here and not in the engine, so that the command finds out at once. */
  if (to_command)
    g_output_stream_close (G_OUTPUT_STREAM (end->pipe), NULL, NULL);
  else
    g_input_stream_close (G_INPUT_STREAM (end->pipe), NULL, NULL);

  if (!is_of_no_concern (result->read_error, !to_command))
    end->result = g_error_copy (result->read_error);
  else if (!is_of_no_concern (result->write_error, to_command))
    end->result = g_error_copy (result->write_error);

  gp_engine_invoke (pump_ended_cb, end);
}

static gboolean
start_pump (GpCommandRun    *self,
            const char    *name,
            GInputStream  *from,
            GOutputStream *to,
            gpointer       pipe,
            GpPump       **slot,
            GError       **pump_error,
            GError       **error)
{
  PumpEnd *end = pump_end_new (self, slot, pump_error, pipe);

  *slot = gp_pump_start (name, from, to, pump_done, end, error);
  if (*slot == NULL)
    pump_end_free (end);

  return *slot != NULL;
}

static void
stop_pump (GpPump *pump)
{
  if (pump != NULL)
    gp_pump_stop (pump);
}

/* Only now that the command runs, so that nothing of the caller's input is taken for one that cannot
 * be started; and here, where their ends are noticed, so that none ends before it is known. */
static gboolean
start_pumps (GpCommandRun  *self,
             GError     **error)
{
  GInputStream *input = gp_stage_context_get_stdin (self->context);
  GOutputStream *output = gp_stage_context_get_stdout (self->context);

  return (self->stdin_pipe == NULL ||
          start_pump (self, "stdin", input, self->stdin_pipe, self->stdin_pipe,
                      &self->stdin_pump, &self->stdin_error, error)) &&
         (self->stdout_pipe == NULL ||
          start_pump (self, "stdout", self->stdout_pipe, output, self->stdout_pipe,
                      &self->stdout_pump, &self->stdout_error, error)) &&
         (self->stderr_pipe == NULL ||
          start_pump (self, "stderr", self->stderr_pipe, self->stderr_stream, self->stderr_pipe,
                      &self->stderr_pump, &self->stderr_error, error));
}

/* Whoever has not stopped by now never will: its thread goes on, but the command has ended. */
static void
give_up_pumps_cb (gpointer data)
{
  GpCommandRun *self = data;

  g_clear_pointer (&self->stdin_pump, gp_pump_unref);
  if (self->stopping || self->giving_up)
    {
      g_clear_pointer (&self->stdout_pump, gp_pump_unref);
      g_clear_pointer (&self->stderr_pump, gp_pump_unref);
    }
  report_if_done (self);
}

/* --- Stopping ----------------------------------------------------------------------------- */

static void
send_signal (GpCommandRun *self,
             int           signum)
{
  /* The group may live on after the command. As long as it does its number is not given away, so a
   * process that has that number now says that the group is somebody else's. */
  if (self->own_group && self->exited && !(kill (self->pid, 0) != 0 && errno == ESRCH))
    self->own_group = FALSE;

  /* The process itself is GSubprocess's to signal, which knows whether its id still means it. */
  if (self->own_group)
    kill (-self->pid, signum);
  else if (!self->exited)
    g_subprocess_send_signal (self->process, signum);
}

static void
stop_pumps_now (GpCommandRun *self)
{
  stop_pump (self->stdin_pump);
  stop_pump (self->stdout_pump);
  stop_pump (self->stderr_pump);
}

/* After the command has ended, everything that moves its data must end in time as well. */
static void
stop_pumps (GpCommandRun *self)
{
  stop_pumps_now (self);
  clear_timer (&self->grace_timer);
  self->grace_timer = gp_engine_add_timeout (STOP_GRACE_MS, give_up_pumps_cb, self, NULL);
}

/* It may not be ours to kill (it has become another user's), or hang in the kernel. */
static void
unkillable_cb (gpointer data)
{
  GpCommandRun *self = data;

  if (self->exited)
    return;

  self->unkillable = TRUE;
  close_stderr (self);
  if (!self->reported)
    stop_pumps (self);
  report_if_done (self);
}

static void
kill_timeout_cb (gpointer data)
{
  GpCommandRun *self = data;

  send_signal (self, SIGKILL);
  self->group_lives = FALSE;
  if (self->exited)
    {
      report_if_done (self);
    }
  else
    {
      clear_timer (&self->kill_timer);
      self->kill_timer = gp_engine_add_timeout (STOP_GRACE_MS, unkillable_cb, self, NULL);
    }
}

/* A stopped command may leave others in its group that need a moment to end: a shell is gone before
 * what it has started. They get the same time as the command itself. */
static void
check_group_cb (gpointer data)
{
  GpCommandRun *self = data;

  self->group_lives = self->own_group = kill (-self->pid, 0) == 0;
  clear_timer (&self->group_timer);
  if (self->group_lives)
    self->group_timer = gp_engine_add_timeout (GROUP_CHECK_MS, check_group_cb, self, NULL);
  else
    report_if_done (self);
}

static void
stop (gpointer data)
{
  g_autoptr (GpCommandRun) self = data;

  if (self->reported || self->stopping)
    return;

  /* What has ended already keeps its own outcome, but nobody waits for its output any more. */
  if (self->exited)
    {
      send_signal (self, SIGKILL);
      self->giving_up = TRUE;
      self->output_cut = self->stdout_pump != NULL;
      self->stopping = self->output_cut;
      close_stderr (self);
      if (!self->reported)
        stop_pumps (self);
      return;
    }

  self->stopping = TRUE;
  send_signal (self, SIGTERM);
  send_signal (self, SIGCONT);
  self->kill_timer = gp_engine_add_timeout (self->kill_delay, kill_timeout_cb, self, NULL);
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  gp_engine_invoke (stop, gp_command_run_ref (data));
}

static void
unref_closure (gpointer  data,
               GClosure *closure)
{
  gp_command_run_unref (data);
}

/* --- The end of the process --------------------------------------------------------------- */

/* Whether there is nothing in the pipe, or on its way through the pump */
static gboolean
is_drained (GpPump       *pump,
            GInputStream *pipe)
{
  int fd = pipe != NULL ? gp_descriptor_of_stream (pipe) : -1;
  int size = 0;

  return pump == NULL ||
         (gp_pump_is_waiting (pump) && fd >= 0 && ioctl (fd, FIONREAD, &size) == 0 && size == 0);
}

/* What the command itself has written is waited for: only then is it somebody else's output that
 * the time-out is about. Being drained must be seen twice, since a pump may be just about to tell
 * that it has read something. */
static void
hold_timeout_cb (gpointer data)
{
  GpCommandRun *self = data;
  gboolean drained = is_drained (self->stdout_pump, self->stdout_pipe) &&
                     is_drained (self->stderr_pump, self->stderr_pipe);

  if ((!drained || !self->was_drained) && self->n_drain_checks++ < MAX_DRAIN_CHECKS)
    {
      self->was_drained = drained;
      clear_timer (&self->hold_timer);
      self->hold_timer = gp_engine_add_timeout (DRAIN_CHECK_MS, hold_timeout_cb, self, NULL);
      return;
    }

  self->giving_up = TRUE;
  self->output_cut = self->stdout_pump != NULL;
  stop_pumps (self);
}

/* Others may still have the command's standard output and error: descendants that outlive it. */
static void
await_leftovers (GpCommandRun *self)
{
  if (self->stderr_source != NULL && !drain_stderr (self))
    close_stderr (self);
  if (self->stderr_source != NULL)
    self->stderr_timer = gp_engine_add_timeout (STDERR_HOLD_MS, stderr_timeout_cb, self, NULL);

  if (self->reported || self->stopping)
    return;

  if (self->stdin_pump != NULL)
    {
      gp_pump_stop (self->stdin_pump);
      self->grace_timer = gp_engine_add_timeout (STOP_GRACE_MS, give_up_pumps_cb, self, NULL);
    }
  if (self->hold_timeout > 0 && (self->stdout_pump != NULL || self->stderr_pump != NULL))
    self->hold_timer = gp_engine_add_timeout (self->hold_timeout, hold_timeout_cb, self, NULL);
}

static void
exited_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  g_autoptr (GpCommandRun) self = data;

  g_subprocess_wait_finish (self->process, result, NULL);
  self->exited = TRUE;
  if (self->reported)
    return;

  set_exit_status (self);
  /* Nobody is left in the group: its number may soon be somebody else's. */
  if (self->own_group && kill (-self->pid, 0) != 0)
    self->own_group = FALSE;

  if (self->stopping)
    stop_pumps (self);
  if (self->stopping && self->own_group)
    check_group_cb (self);
  else
    clear_timer (&self->kill_timer);

  await_leftovers (self);
  report_if_done (self);
}

/* --- Starting ----------------------------------------------------------------------------- */

void
gp_command_run_watch (gpointer data)
{
  GpCommandRun *self = data;
  GCancellable *cancellable = gp_stage_context_get_cancellable (self->context);

  if (!start_pumps (self, &self->setup_error))
    {
      send_signal (self, SIGKILL);
      stop_pumps_now (self);
      g_clear_object (&self->stdout_pipe);
      g_clear_object (&self->stderr_pipe);
    }
  /* The pump has it, or nobody does; the others can be asked what is in them. */
  g_clear_object (&self->stdin_pipe);

  watch_stderr (self);
  g_subprocess_wait_async (self->process, NULL, exited_cb, gp_command_run_ref (self));
  self->cancelled_id = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (cancelled_cb),
                                              gp_command_run_ref (self), unref_closure, 0);
  if (g_cancellable_is_cancelled (cancellable))
    stop (gp_command_run_ref (self));
}
