/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-run-core-private.h"

#include "gp-command-stage-private.h"
#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-error-private.h"
#include "gp-event-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-terminal-private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <gio/gfiledescriptorbased.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long standard error is awaited after its command has ended: what the command wrote is there
 * at once, the rest would come from somebody who has inherited it. */
#define STDERR_HOLD_MS 200

/* How long anything is awaited that should end at once when it is stopped */
#define STOP_GRACE_MS 500

/* How often, and how many times, it is seen whether output has been drained */
#define DRAIN_CHECK_MS 5
#define MAX_DRAIN_CHECKS 400

GpCommandRun *
gp_command_run_ref (GpCommandRun *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_command_run_unref (GpCommandRun *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  gp_descriptor_clear (&self->stderr_fd);
  gp_descriptor_clear (&self->terminal_fd);
  g_clear_pointer (&self->stdin_pump, gp_pump_unref);
  g_clear_pointer (&self->stdout_pump, gp_pump_unref);
  g_clear_pointer (&self->stderr_pump, gp_pump_unref);
  g_clear_error (&self->setup_error);
  g_clear_error (&self->stdin_error);
  g_clear_error (&self->stdout_error);
  g_clear_error (&self->stderr_error);
  g_clear_error (&self->stop_reason);
  g_clear_error (&self->memory_error);
  g_clear_pointer (&self->process, gp_process_unref);
  g_clear_pointer (&self->accepted, g_array_unref);
  g_array_unref (self->signals);
  g_mutex_clear (&self->signals_lock);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->stdin_stream);
  g_clear_object (&self->stdout_stream);
  g_clear_object (&self->stdin_pipe);
  g_clear_object (&self->stdout_pipe);
  g_clear_object (&self->stderr_pipe);
  g_clear_object (&self->stderr_stream);
  g_clear_object (&self->status);
  g_clear_object (&self->context);
  g_clear_object (&self->stage);
  g_free (self);
}

/* --- The report --------------------------------------------------------------------------- */

static void
disconnect (GpCommandRun *self)
{
  /* Not g_cancellable_disconnect (), which waits for a handler that may be running. */
  g_signal_handler_disconnect (self->cancellable, self->cancelled_id);
  gp_process_release (self->process);
  gp_command_run_unref (self);
}

static void
disconnect_cb (gpointer data)
{
  disconnect (data);
}

static void
stop_and_disconnect_cb (gpointer data)
{
  GpCommandRun *self = data;

  gp_process_stop (self->process, TRUE);
  disconnect (self);
}

/* If it was cancelled, the pumps may have found out first, so that the news comes here too late. Not
 * by the interrupt, which has gone with the end: a new one would stay as long as the pipeline. */
static void
run_ended_cb (GpRun    *run,
              gpointer  data)
{
  gboolean was_cancelled = gp_run_get_reason (run) != NULL;

  gp_engine_invoke (was_cancelled ? stop_and_disconnect_cb : disconnect_cb, data);
}

static void
report (GpCommandRun *self)
{
  g_autoptr (GpStageContext) context = g_object_ref (self->context);
  g_autoptr (GpRun) run = gp_run_ref (gp_stage_context_get_run (context));
  g_autoptr (GError) error = NULL;

  self->reported = TRUE;
  gp_engine_clear_source (&self->limit_timer);
  gp_engine_clear_source (&self->reader_timer);
  gp_engine_clear_source (&self->stderr_timer);
  gp_engine_clear_source (&self->hold_timer);
  gp_engine_clear_source (&self->grace_timer);

  gp_command_run_record_usage (self);
  error = gp_command_run_choose_error (self);
  gp_command_stage_set_run (self->stage, NULL);
  g_clear_object (&self->context);

  if (error == NULL)
    gp_stage_context_return_success (context);
  else
    gp_stage_context_return_error (context, error);

  if (gp_process_has_left_others (self->process))
    gp_run_when_ended (run, run_ended_cb, self);
  else
    disconnect (self);
}

/* Descendants that may stay are nothing to wait for. */
static gboolean
is_process_done (GpCommandRun *self)
{
  if (gp_process_is_gone (self->process))
    return TRUE;

  return self->exited && !self->stopping && !self->kill_descendants &&
         gp_process_get_end (self->process)->has_descendants;
}

static void
report_if_done (GpCommandRun *self)
{
  if (!self->reported && is_process_done (self) && self->stderr_source == NULL &&
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

  if (n_read > 0 || (n_read < 0 && (errno == EAGAIN || errno == EINTR)))
    return TRUE;

  if (n_read < 0)
    gp_set_error_from_errno (&self->stderr_error, errno, "cannot read");

  return FALSE;
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

  self->stderr_source = gp_engine_add_fd (self->stderr_fd, stderr_readable_cb, self);
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
  gboolean    reader_gone; /* nobody takes what the command writes any more */
} PumpEnd;

static PumpEnd *
pump_end_new (GpCommandRun *self,
              GpPump    **slot,
              GError    **error,
              gpointer    pipe)
{
  PumpEnd *end = g_new (PumpEnd, 1);

  *end = (PumpEnd) { gp_command_run_ref (self), slot, error, NULL, g_object_ref (pipe), FALSE };

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
reader_timeout_cb (gpointer data)
{
  GpCommandRun *self = data;

  if (!self->exited)
    gp_process_stop (self->process, FALSE);
}

static void
pump_ended_cb (gpointer data)
{
  PumpEnd *end = data;

  *end->error = g_steal_pointer (&end->result);
  g_clear_pointer (end->slot, gp_pump_unref);

  /* A terminal does not break when nobody reads it: who writes there would wait for ever. Who
   * does not mind the signal is stopped. */
  if (end->reader_gone && end->run->terminal_fd >= 0 && !end->run->exited)
    {
      gp_process_send_signal (end->run->process, SIGPIPE);
      gp_engine_clear_source (&end->run->reader_timer);
      end->run->reader_timer = gp_engine_add_timeout (STOP_GRACE_MS, reader_timeout_cb,
                                                      end->run, NULL);
    }

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

  /* A terminal does not end when we close it. */
  if (to_command && end->run->terminal_fd >= 0 && result->write_error == NULL &&
      (result->read_error == NULL || !gp_error_is_cancelled (result->read_error)))
    gp_terminal_send_end (G_OUTPUT_STREAM (end->pipe));

  end->reader_gone = !to_command && result->write_error != NULL &&
                     !gp_error_is_cancelled (result->write_error);

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

/* Only now that the command runs, so that nothing of the caller's input is taken for one that
 * cannot be started; and here, where their ends are noticed, so that none ends before it is known. */
static gboolean
start_pumps (GpCommandRun  *self,
             GError     **error)
{
  GInputStream *input = self->stdin_stream;
  GOutputStream *output = self->stdout_stream;

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
  gp_engine_clear_source (&self->grace_timer);
  self->grace_timer = gp_engine_add_timeout (STOP_GRACE_MS, give_up_pumps_cb, self, NULL);
}

/* What has ended already keeps its own outcome, but nobody waits for its output any more. */
static void
stop_leftovers (GpCommandRun *self)
{
  gp_process_stop (self->process, TRUE);
  if (self->reported)
    return;

  self->giving_up = TRUE;
  self->output_cut = self->stdout_pump != NULL;
  self->stopping = self->output_cut;
  close_stderr (self);
  if (!self->reported)
    stop_pumps (self);
}

/* @reason (transfer full), or NULL: it was cancelled. The first one counts. */
static void
stop (GpCommandRun *self,
      GError       *reason)
{
  if (self->stop_asked)
    {
      g_clear_error (&reason);
      return;
    }

  self->stop_asked = TRUE;
  if (!self->reported)
    self->stop_reason = reason;
  else
    g_clear_error (&reason);

  if (self->exited)
    {
      stop_leftovers (self);
    }
  else
    {
      self->stopping = TRUE;
      gp_process_stop (self->process, FALSE);
    }
}

/* A request from another thread to stop it */
typedef struct
{
  GpCommandRun *run;
  GError       *reason;
} StopRequest;

static void
stop_cb (gpointer data)
{
  StopRequest *request = data;

  stop (request->run, request->reason);
  gp_command_run_unref (request->run);
  g_free (request);
}

void
gp_command_run_stop (GpCommandRun *self,
                     const GError *reason)
{
  StopRequest *request = g_new (StopRequest, 1);

  request->run = gp_command_run_ref (self);
  request->reason = reason != NULL ? g_error_copy (reason) : NULL;
  gp_engine_invoke (stop_cb, request);
}

static void
send_signals_cb (gpointer data)
{
  g_autoptr (GpCommandRun) self = data;
  g_autoptr (GArray) signals = g_array_new (FALSE, FALSE, sizeof (int));

  g_mutex_lock (&self->signals_lock);
  g_array_append_vals (signals, self->signals->data, self->signals->len);
  g_array_set_size (self->signals, 0);
  g_mutex_unlock (&self->signals_lock);

  for (guint i = 0; i < signals->len && !self->exited; i++)
    gp_process_send_signal (self->process, g_array_index (signals, int, i));
}

/* Whoever sends one faster than it can be delivered gets what the kernel would do: one of them is
 * delivered. Only those of real time are queued. */
void
gp_command_run_send_signal (GpCommandRun *self,
                            int           signum)
{
  guint n_signals;

  g_mutex_lock (&self->signals_lock);
  n_signals = self->signals->len;
  if (n_signals == 0 || signum >= SIGRTMIN ||
      g_array_index (self->signals, int, n_signals - 1) != signum)
    g_array_append_val (self->signals, signum);
  g_mutex_unlock (&self->signals_lock);

  if (n_signals == 0)
    gp_engine_invoke (send_signals_cb, gp_command_run_ref (self));
}

void
gp_command_run_resize (GpCommandRun *self,
                       guint         columns,
                       guint         rows)
{
  gp_terminal_resize (self->terminal_fd, columns, rows);
}

GPid
gp_command_run_get_root (GpCommandRun *self,
                         gboolean     *is_supervisor)
{
  return gp_process_get_root (self->process, is_supervisor);
}

static void
time_limit_cb (gpointer data)
{
  GpCommandRun *self = data;

  stop (self, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                           "it took longer than its time limit of %u ms", self->time_limit));
}

static void
cancelled_cb (GCancellable *cancellable,
              gpointer      data)
{
  gp_command_run_stop (data, NULL);
}

static void
unref_closure (gpointer  data,
               GClosure *closure)
{
  gp_command_run_unref (data);
}

/* --- The end of the process --------------------------------------------------------------- */

/* Whether there is nothing in the pipe, or on its way through the pump. Nobody closes the pipe, so
 * the pump's thread need not be asked whether it is open. */
static gboolean
is_drained (GpPump       *pump,
            GInputStream *pipe)
{
  int fd = pipe != NULL ? g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (pipe)) : -1;
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
      gp_engine_clear_source (&self->hold_timer);
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
process_ended_cb (gpointer data)
{
  g_autoptr (GpCommandRun) self = gp_command_run_ref (data);

  self->exited = TRUE;
  gp_command_run_record_exit (self);
  gp_engine_clear_source (&self->limit_timer);
  if (self->stopping)
    stop_pumps (self);
  await_leftovers (self);
  report_if_done (self);
}

static void
process_gone_cb (gpointer data)
{
  g_autoptr (GpCommandRun) self = gp_command_run_ref (data);

  /* It may have been given up, and then nothing else of it ends either. */
  if (!self->reported && self->stopping)
    close_stderr (self);
  report_if_done (self);
}

static void
emit_stopped (GpCommandRun *self,
              int           signum)
{
  GpEventKind kind = signum != 0 ? GP_EVENT_KIND_STAGE_STOPPED : GP_EVENT_KIND_STAGE_CONTINUED;
  g_autofree char *message = NULL;
  GpEvent *event;

  if (!gp_stage_context_wants_event (self->context, kind))
    return;

  if (signum != 0)
    {
      g_autofree char *name = gp_signal_dup_name (signum);

      message = g_strdup_printf ("stopped by %s", name);
    }
  event = gp_event_new (kind, GP_STAGE (self->stage), gp_stage_context_get_name (self->context),
                        NULL, signum != 0 ? message : "continued");
  if (signum != 0)
    gp_event_set_detail (event, "signal", g_variant_new_int32 (signum));
  gp_stage_context_emit_event (self->context, event);
}

static void
process_stopped_cb (gpointer data,
                    int      signum)
{
  GpCommandRun *self = data;

  if (self->reported)
    return;

  if (self->status != NULL)
    gp_stage_status_set_stopped (self->status, signum);
  emit_stopped (self, signum);
}

static const GpProcessEvents process_events = {
  .stopped = process_stopped_cb,
  .ended = process_ended_cb,
  .gone = process_gone_cb,
};

/* --- Starting ----------------------------------------------------------------------------- */

static void
watch_limits (GpCommandRun *self)
{
  if (self->time_limit > 0)
    self->limit_timer = gp_engine_add_timeout (self->time_limit, time_limit_cb, self, NULL);

  if (self->memory_limit > 0)
    self->memory_watch = gp_memory_watch_start (GP_LIMITABLE (self->stage), self->context,
                                                self->memory_limit, self->memory_interval);
}

void
gp_command_run_watch (gpointer data)
{
  GpCommandRun *self = data;

  if (!start_pumps (self, &self->setup_error))
    {
      gp_process_stop (self->process, TRUE);
      stop_pumps_now (self);
      g_clear_object (&self->stdout_pipe);
      g_clear_object (&self->stderr_pipe);
    }
  /* The pump has it, or nobody does; the others can be asked what is in them. */
  g_clear_object (&self->stdin_pipe);

  watch_stderr (self);
  watch_limits (self);
  gp_process_watch (self->process, &process_events, self);
  self->cancelled_id = g_signal_connect_data (self->cancellable, "cancelled",
                                              G_CALLBACK (cancelled_cb), gp_command_run_ref (self),
                                              unref_closure, 0);
  if (g_cancellable_is_cancelled (self->cancellable))
    stop (self, NULL);
}
