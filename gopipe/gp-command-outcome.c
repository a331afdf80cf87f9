/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-run-core-private.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "gp-error-private.h"
#include "gp-stage-status-private.h"

/* How a command has ended, for its error and its status */

/* How much of standard error stands in an error */
#define STDERR_IN_MESSAGE 1024

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
                GQuark        domain,
                int           code,
                const char   *what)
{
  g_autofree char *said = dup_stderr_tail (self);

  if (*said == '\0')
    return g_error_new_literal (domain, code, what);

  return g_error_new (domain, code, "%s: %s", what, said);
}

static gboolean
is_accepted (GpCommandRun *self,
             int           exit_status)
{
  for (guint i = 0; i < self->accepted->len; i++)
    {
      if (g_array_index (self->accepted, int, i) == exit_status)
        return TRUE;
    }

  return exit_status == 0;
}

static GError *
describe_signal (GpCommandRun *self,
                 int           signum)
{
  g_autofree char *name = gp_signal_dup_name (signum);
  g_autofree char *what = NULL;

  switch (signum)
    {
    case SIGPIPE:
      what = g_strdup ("killed by SIGPIPE, because nobody read its output any more "
                       "(if that is fine, set GpPipeline:ignore-pipe-errors)");
      break;
    case SIGXCPU:
      what = g_strdup ("killed by SIGXCPU, because it used more processor time than it may");
      break;
    case SIGXFSZ:
      what = g_strdup ("killed by SIGXFSZ, because it wrote a larger file than it may");
      break;
    default:
      what = g_strdup_printf ("killed by %s", name);
      break;
    }

  return new_exit_error (self, GP_SIGNAL_ERROR, signum, what);
}

/* NULL: it ended well */
static GError *
describe_exit (GpCommandRun       *self,
               const GpProcessEnd *end)
{
  g_autofree char *what = NULL;
  int exit_status;

  if (end->lost != NULL)
    return g_error_new (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST,
                        "nobody knows how it ended, %s", end->lost);

  if (WIFSIGNALED (end->wait_status))
    return describe_signal (self, WTERMSIG (end->wait_status));

  exit_status = WEXITSTATUS (end->wait_status);
  if (is_accepted (self, exit_status))
    return NULL;

  what = g_strdup_printf ("exit status %d", exit_status);

  return new_exit_error (self, G_SPAWN_EXIT_ERROR, exit_status, what);
}

/* Whether its end, or that of its output, is our doing */
static gboolean
was_stopped (GpCommandRun       *self,
             const GpProcessEnd *end)
{
  return self->stopping && (end->was_stopped || self->stdout_pipe != NULL || self->output_cut);
}

/* The cause rather than its consequences: whoever stopped it, then its input, itself, its output */
GError *
gp_command_run_choose_error (GpCommandRun *self)
{
  const GpProcessEnd *end = gp_process_get_end (self->process);
  g_autoptr (GError) exit_error = NULL;

  if (self->setup_error != NULL)
    return g_error_copy (self->setup_error);

  if (was_stopped (self, end))
    return self->stop_reason != NULL
           ? g_error_copy (self->stop_reason)
           : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "it was stopped");

  if (self->memory_error != NULL)
    return g_error_copy (self->memory_error);

  exit_error = describe_exit (self, end);
  if (self->stdin_error != NULL)
    return gp_error_copy_prefixed (self->stdin_error, "reading standard input: ");

  if (self->stdout_error != NULL && (exit_error == NULL || gp_error_matches_pipe (exit_error)))
    return gp_error_copy_prefixed (self->stdout_error, "writing standard output: ");

  if (exit_error != NULL)
    return g_steal_pointer (&exit_error);

  if (self->stderr_error != NULL)
    return gp_error_copy_prefixed (self->stderr_error, "%s standard error: ",
                                   self->stderr_stream != NULL ? "writing" : "reading");

  if (self->output_cut)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                        "another process kept its standard output open for more than %u ms",
                        self->hold_timeout);

  return NULL;
}

void
gp_command_run_record_exit (GpCommandRun *self)
{
  const GpProcessEnd *end = gp_process_get_end (self->process);

  if (self->status == NULL || end->lost != NULL)
    return;

  if (WIFSIGNALED (end->wait_status))
    gp_stage_status_set_exit (self->status, -1, WTERMSIG (end->wait_status));
  else
    gp_stage_status_set_exit (self->status, WEXITSTATUS (end->wait_status), 0);
}

void
gp_command_run_record_usage (GpCommandRun *self)
{
  const GpProcessEnd *end = gp_process_get_end (self->process);

  if (self->memory_watch != NULL)
    gp_memory_watch_finish (g_steal_pointer (&self->memory_watch), self->context,
                            end->has_usage ? end->peak_bytes : -1, &self->memory_error);

  if (self->status != NULL && end->has_usage)
    gp_stage_status_set_usage (self->status, end->user_usec, end->system_usec, end->peak_bytes);
}
