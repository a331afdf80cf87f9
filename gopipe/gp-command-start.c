/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-run-core-private.h"

#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-pipe-stream-private.h"
#include "gp-spawn-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

static GpCommandRun *
gp_command_run_new (const GpCommandSettings *settings,
                 GpStageContext          *context)
{
  GpCommandRun *self = g_new0 (GpCommandRun, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->context = g_object_ref (context);
  g_set_object (&self->status, gp_stage_context_get_status (context));
  self->kill_delay = settings->kill_delay;
  self->hold_timeout = gp_run_get_pipe_hold_timeout (gp_stage_context_get_run (context));
  self->stderr_fd = -1;

  return self;
}

/* The three descriptors for the process. What is opened for it is closed after the spawn, what
 * belongs to a stream is only borrowed. */
typedef struct
{
  int fds[3];
  int opened[3];
} Descriptors;

static void
descriptors_clear (Descriptors *descriptors)
{
  for (guint i = 0; i < 3; i++)
    gp_descriptor_clear (&descriptors->opened[i]);
}

static gboolean
use_null (Descriptors *descriptors,
          int          index,
          GError     **error)
{
  descriptors->opened[index] = gp_descriptor_open_null (index == 0 ? O_RDONLY : O_WRONLY, error);
  descriptors->fds[index] = descriptors->opened[index];

  return descriptors->fds[index] >= 0;
}

/* A pipe of which the process gets one end; the other is returned */
static int
use_pipe (Descriptors *descriptors,
          int          index,
          GError     **error)
{
  int fds[2];
  int child_end = index == 0 ? 0 : 1;

  /* GIO opens one for a moment with each stream, and ends the program where it cannot. Other
   * threads of the same pipeline may be about to take some as well. */
  if (!gp_descriptor_check_spare (8, error) || !gp_descriptor_open_pipe (fds, error))
    return -1;

  descriptors->fds[index] = descriptors->opened[index] = fds[child_end];

  return fds[1 - child_end];
}

/* Whether the process can have the descriptor itself: it shares O_NONBLOCK with us */
static gboolean
use_stream (Descriptors *descriptors,
            int          index,
            gpointer     stream)
{
  int fd = gp_descriptor_of_stream (stream);

  if (fd < 0 || gp_descriptor_is_nonblocking (fd))
    return FALSE;

  descriptors->fds[index] = fd;

  return TRUE;
}

static gboolean
set_up_stdin (GpCommandRun   *self,
              Descriptors  *descriptors,
              GpInterrupt  *interrupt,
              GError      **error)
{
  GInputStream *stream = gp_stage_context_get_stdin (self->context);
  int fd;

  if (stream == NULL)
    return use_null (descriptors, 0, error);

  if (use_stream (descriptors, 0, stream))
    return TRUE;

  fd = use_pipe (descriptors, 0, error);
  if (fd < 0)
    return FALSE;

  self->stdin_pipe = gp_pipe_output_stream_new (fd, interrupt);

  return TRUE;
}

/* (transfer full): our end of a pipe from the process */
static GInputStream *
open_output_pipe (Descriptors  *descriptors,
                  int           index,
                  GpInterrupt  *interrupt,
                  GError      **error)
{
  int fd = use_pipe (descriptors, index, error);

  return fd >= 0 ? gp_pipe_input_stream_new (fd, interrupt) : NULL;
}

static gboolean
set_up_stdout (GpCommandRun   *self,
               Descriptors  *descriptors,
               GpInterrupt  *interrupt,
               GError      **error)
{
  GOutputStream *stream = gp_stage_context_get_stdout (self->context);

  if (stream == NULL)
    return use_null (descriptors, 1, error);

  if (use_stream (descriptors, 1, stream))
    return TRUE;

  self->stdout_pipe = open_output_pipe (descriptors, 1, interrupt, error);

  return self->stdout_pipe != NULL;
}

static gboolean
set_up_stderr (GpCommandRun               *self,
               Descriptors              *descriptors,
               const GpCommandSettings  *settings,
               GpInterrupt              *interrupt,
               GError                  **error)
{
  switch (settings->stderr_mode)
    {
    case GP_STDERR_MODE_CAPTURE:
      self->stderr_fd = use_pipe (descriptors, 2, error);
      return self->stderr_fd >= 0 && gp_descriptor_set_nonblocking (self->stderr_fd, TRUE, error);

    case GP_STDERR_MODE_MERGE:
      descriptors->fds[2] = descriptors->fds[1];
      return TRUE;

    case GP_STDERR_MODE_STREAM:
      if (settings->stderr_stream == NULL)
        return use_null (descriptors, 2, error);
      if (use_stream (descriptors, 2, settings->stderr_stream))
        return TRUE;
      self->stderr_pipe = open_output_pipe (descriptors, 2, interrupt, error);
      g_set_object (&self->stderr_stream, settings->stderr_stream);
      return self->stderr_pipe != NULL;

    case GP_STDERR_MODE_INHERIT:
      /* The program itself may have been started without one. */
      if (fcntl (STDERR_FILENO, F_GETFD) >= 0)
        {
          descriptors->fds[2] = STDERR_FILENO;
          return TRUE;
        }
      return use_null (descriptors, 2, error);

    case GP_STDERR_MODE_DISCARD:
    default:
      return use_null (descriptors, 2, error);
    }
}

/* A process in a group of its own may not read the controlling terminal: it would be stopped. */
static gboolean
wants_own_group (GpProcessGroup     group,
                 const Descriptors *descriptors)
{
  if (group != GP_PROCESS_GROUP_AUTO)
    return group == GP_PROCESS_GROUP_OWN;

  for (guint i = 0; i < 3; i++)
    if (isatty (descriptors->fds[i]) && tcgetsid (descriptors->fds[i]) == getsid (0))
      return FALSE;

  return TRUE;
}

static gboolean
spawn (GpCommandRun               *self,
       const GpCommandSettings  *settings,
       Descriptors              *descriptors,
       GpInterrupt              *interrupt,
       GError                  **error)
{
  const char *directory = settings->directory;
  GpSpawnRequest request;

  if (directory == NULL)
    directory = gp_stage_context_get_directory (self->context);

  self->own_group = wants_own_group (settings->process_group, descriptors);
  request = (GpSpawnRequest) {
    .argv = settings->argv,
    .environ = (const char * const *) settings->environ,
    .directory = directory,
    .stdin_fd = descriptors->fds[0],
    .stdout_fd = descriptors->fds[1],
    .stderr_fd = descriptors->fds[2],
    .own_group = self->own_group,
  };
  self->process = gp_spawn (&request, interrupt, &self->pid, error);

  return self->process != NULL;
}

gboolean
gp_command_run_start (const GpCommandSettings  *settings,
                      GpStageContext           *context,
                      GError                  **error)
{
  g_autoptr (GpCommandRun) self = gp_command_run_new (settings, context);
  Descriptors descriptors = { { -1, -1, -1 }, { -1, -1, -1 } };
  GpInterrupt *interrupt = gp_run_get_interrupt (gp_stage_context_get_run (context), error);
  gboolean started;

  started = interrupt != NULL &&
            set_up_stdin (self, &descriptors, interrupt, error) &&
            set_up_stdout (self, &descriptors, interrupt, error) &&
            set_up_stderr (self, &descriptors, settings, interrupt, error) &&
            spawn (self, settings, &descriptors, interrupt, error);
  descriptors_clear (&descriptors);

  if (!started)
    return FALSE;

  /* A pumped stream is still ours to read or write. */
  if (self->stdin_pipe == NULL)
    gp_stage_context_hand_over_stdin (context);
  if (self->stdout_pipe == NULL)
    gp_stage_context_hand_over_stdout (context);

  if (self->status != NULL)
    {
      gp_stage_status_set_stderr_limit (self->status, settings->stderr_limit);
      gp_stage_status_set_pid (self->status, self->pid);
    }
  gp_engine_invoke (gp_command_run_watch, g_steal_pointer (&self));

  return TRUE;
}
