/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-run-core-private.h"

#include "gp-command-stage-private.h"
#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-pipe-stream-private.h"
#include "gp-spawn-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-terminal-private.h"

#include <fcntl.h>
#include <gio/gunixoutputstream.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>

/* Its own streams come first: if there are others as well, the start has failed before. */
static void
choose_streams (GpCommandRun            *self,
                const GpCommandSettings *settings)
{
  g_set_object (&self->stdin_stream, settings->stdin_stream);
  if (self->stdin_stream == NULL)
    g_set_object (&self->stdin_stream, gp_stage_context_get_stdin (self->context));

  g_set_object (&self->stdout_stream, settings->stdout_stream);
  if (self->stdout_stream == NULL)
    g_set_object (&self->stdout_stream, gp_stage_context_get_stdout (self->context));
}

static GpCommandRun *
gp_command_run_new (const GpCommandSettings *settings,
                    GpStageContext          *context)
{
  GpCommandRun *self = g_new0 (GpCommandRun, 1);
  GpRun *run = gp_stage_context_get_run (context);

  g_atomic_ref_count_init (&self->ref_count);
  self->stage = g_object_ref (settings->stage);
  self->context = g_object_ref (context);
  self->cancellable = g_object_ref (gp_stage_context_get_cancellable (context));
  g_set_object (&self->status, gp_stage_context_get_status (context));
  self->hold_timeout = gp_run_get_pipe_hold_timeout (run);
  self->time_limit = settings->time_limit;
  self->memory_limit = settings->memory_limit;
  self->memory_interval = settings->memory_interval;
  self->kill_descendants = settings->kill_descendants;
  g_mutex_init (&self->signals_lock);
  self->signals = g_array_new (FALSE, FALSE, sizeof (int));
  self->accepted = g_array_new (FALSE, FALSE, sizeof (int));
  g_array_append_vals (self->accepted, settings->accepted, settings->n_accepted);
  self->terminal_fd = -1;
  self->stderr_fd = -1;
  choose_streams (self, settings);

  return self;
}

/* The three descriptors for the process. What is opened for it is closed when it has them, what
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

  if (!gp_descriptor_open_pipe (fds, error))
    return -1;

  descriptors->fds[index] = descriptors->opened[index] = fds[child_end];

  return fds[1 - child_end];
}

/* The same for one of which our end becomes a stream: GIO opens one more for a moment with each, and
 * ends the program where it cannot. Other threads of the same pipeline may be about to take some, too. */
static int
use_pipe_with_stream (Descriptors *descriptors,
                      int          index,
                      GError     **error)
{
  return gp_descriptor_check_spare (8, 0, error) ? use_pipe (descriptors, index, error) : -1;
}

/* Whether the process gets what the context has for it, without a stream of ours */
static gboolean
use_bare (Descriptors *descriptors,
          int          index,
          int          fd)
{
  descriptors->fds[index] = fd;

  return fd >= 0;
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
  GInputStream *stream = self->stdin_stream;
  int fd;

  if (use_bare (descriptors, 0, gp_stage_context_get_stdin_fd (self->context)))
    return TRUE;

  if (stream == NULL)
    return use_null (descriptors, 0, error);

  if (use_stream (descriptors, 0, stream))
    return TRUE;

  fd = use_pipe_with_stream (descriptors, 0, error);
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
  int fd = use_pipe_with_stream (descriptors, index, error);

  return fd >= 0 ? gp_pipe_input_stream_new (fd, interrupt) : NULL;
}

static gboolean
set_up_stdout (GpCommandRun   *self,
               Descriptors  *descriptors,
               GpInterrupt  *interrupt,
               GError      **error)
{
  GOutputStream *stream = self->stdout_stream;

  if (use_bare (descriptors, 1, gp_stage_context_get_stdout_fd (self->context)))
    return TRUE;

  if (stream == NULL)
    return use_null (descriptors, 1, error);

  if (use_stream (descriptors, 1, stream))
    return TRUE;

  self->stdout_pipe = open_output_pipe (descriptors, 1, interrupt, error);

  return self->stdout_pipe != NULL;
}

/* (transfer full): our end of its terminal, for one direction */
static int
dup_terminal (GpCommandRun  *self,
              GError       **error)
{
  return gp_descriptor_dup_for_child (self->terminal_fd, error);
}

/* A terminal that nobody reads would stop the command. */
static gboolean
discard_output (GpCommandRun  *self,
                GError       **error)
{
  int fd = gp_descriptor_open_null (O_WRONLY, error);

  if (fd >= 0)
    self->stdout_stream = g_unix_output_stream_new (fd, TRUE);

  return fd >= 0;
}

/* Its standard input and output are a terminal, of which we have the other end: what comes from
 * there or goes there is always copied. */
static gboolean
set_up_terminal (GpCommandRun             *self,
                 Descriptors              *descriptors,
                 const GpCommandSettings  *settings,
                 GpInterrupt              *interrupt,
                 GError                  **error)
{
  g_autoptr (GOutputStream) to_terminal = NULL;
  int fd;

  if (!gp_descriptor_check_spare (8, 0, error) ||
      !gp_terminal_open (settings->columns, settings->rows,
                         &self->terminal_fd, &descriptors->opened[0], error) ||
      (self->stdout_stream == NULL && !discard_output (self, error)))
    return FALSE;

  descriptors->fds[0] = descriptors->fds[1] = descriptors->opened[0];

  if ((fd = dup_terminal (self, error)) < 0)
    return FALSE;
  self->stdout_pipe = gp_pipe_input_stream_new (fd, interrupt);

  if ((fd = dup_terminal (self, error)) < 0)
    return FALSE;
  to_terminal = gp_pipe_output_stream_new (fd, interrupt);
  self->stdin_pipe = gp_terminal_input_new (to_terminal);

  if (self->stdin_stream == NULL)
    {
      gp_terminal_send_end (self->stdin_pipe);
      g_clear_object (&self->stdin_pipe);
    }

  return TRUE;
}

static gboolean
set_up_streams (GpCommandRun             *self,
                Descriptors              *descriptors,
                const GpCommandSettings  *settings,
                GpInterrupt              *interrupt,
                GError                  **error)
{
  if (settings->terminal)
    return set_up_terminal (self, descriptors, settings, interrupt, error);

  return set_up_stdin (self, descriptors, interrupt, error) &&
         set_up_stdout (self, descriptors, interrupt, error);
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

/* Whether the program is what its user talks to: the keyboard's signals then reach its commands
 * too, which may ask for a password. */
static gboolean
is_in_foreground (void)
{
  int fd = open ("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  gboolean result;

  if (fd < 0)
    return FALSE;

  result = tcgetpgrp (fd) == getpgrp ();
  close (fd);

  return result;
}

/* A process in a group of its own may not read the controlling terminal: it would be stopped.
 * Whoever is supervised can be ended with all that it has started without a group. */
static gboolean
wants_own_group (const GpCommandSettings *settings,
                 const Descriptors       *descriptors)
{
  if (settings->process_group != GP_PROCESS_GROUP_AUTO)
    return settings->process_group == GP_PROCESS_GROUP_OWN;

  for (guint i = 0; i < 3; i++)
    if (isatty (descriptors->fds[i]) && tcgetsid (descriptors->fds[i]) == getsid (0))
      return FALSE;

  return !(settings->supervised && is_in_foreground ());
}

/* By GpResource. Who uses too much processor time gets a signal first, and is killed a second
 * later. */
static guint
get_limits (const GpCommandSettings *settings,
            GpExecLimit              limits[GP_N_RESOURCES])
{
  static const int resources[GP_N_RESOURCES] = {
    [GP_RESOURCE_CPU_TIME] = RLIMIT_CPU,
    [GP_RESOURCE_FILE_SIZE] = RLIMIT_FSIZE,
    [GP_RESOURCE_OPEN_FILES] = RLIMIT_NOFILE,
    [GP_RESOURCE_ADDRESS_SPACE] = RLIMIT_AS,
    [GP_RESOURCE_CORE_SIZE] = RLIMIT_CORE,
  };
  guint n_limits = 0;

  for (guint i = 0; i < GP_N_RESOURCES; i++)
    {
      guint64 limit = settings->resource_limits[i];

      if (limit != GP_NO_RESOURCE_LIMIT)
        limits[n_limits++] = (GpExecLimit) {
          .resource = resources[i],
          .soft = limit,
          .hard = i == GP_RESOURCE_CPU_TIME ? limit + 1 : limit,
        };
    }

  return n_limits;
}

static unsigned
get_flags (const GpCommandSettings *settings,
           gboolean                 own_group)
{
  return (own_group ? GP_EXEC_OWN_GROUP : 0) |
         (settings->terminal ? GP_EXEC_TERMINAL : 0) |
         (settings->supervised ? GP_EXEC_SUPERVISE : 0) |
         (settings->die_with_parent ? GP_EXEC_DIE_WITH_PARENT : 0) |
         (settings->kill_descendants ? GP_EXEC_KILL_DESCENDANTS : 0);
}

struct _GpCommandLaunch
{
  GpCommandRun      *run;
  GpCommandSettings  settings;
  Descriptors        descriptors; /* needed until it is executed: it may have to be launched anew */
  GpExecLimit        limits[GP_N_RESOURCES];
  gboolean           own_group;
  GpSpawnRequest     request;
  GpSpawn           *spawn;
};

static gboolean
launch (GpCommandLaunch  *self,
        GpInterrupt      *interrupt,
        GError          **error)
{
  const GpCommandSettings *settings = &self->settings;
  const Descriptors *descriptors = &self->descriptors;
  const char *directory = settings->directory;

  if (directory == NULL)
    directory = gp_stage_context_get_directory (self->run->context);

  self->own_group = settings->terminal || wants_own_group (settings, descriptors);
  self->request = (GpSpawnRequest) {
    .argv = settings->argv,
    .environ = settings->environ,
    .directory = directory,
    .stdin_fd = descriptors->fds[0],
    .stdout_fd = descriptors->fds[1],
    .stderr_fd = descriptors->fds[2],
    .source_fds = settings->source_fds,
    .target_fds = settings->target_fds,
    .n_fds = settings->n_fds,
    .flags = get_flags (settings, self->own_group),
    .kill_delay = settings->kill_delay,
    .nice_increment = settings->nice_increment,
    .limits = self->limits,
    .n_limits = get_limits (settings, self->limits),
  };
  self->spawn = gp_spawn_launch (&self->request, interrupt, error);

  return self->spawn != NULL;
}

GpCommandLaunch *
gp_command_launch_new (const GpCommandSettings  *settings,
                       GpStageContext           *context,
                       GError                  **error)
{
  g_autoptr (GpCommandLaunch) self = g_new0 (GpCommandLaunch, 1);
  GpInterrupt *interrupt = gp_run_get_interrupt (gp_stage_context_get_run (context), error);

  self->settings = *settings;
  self->descriptors = (Descriptors) { { -1, -1, -1 }, { -1, -1, -1 } };
  self->run = gp_command_run_new (settings, context);

  if (interrupt == NULL ||
      (settings->memory_limit > 0 &&
       !gp_memory_watch_check (GP_LIMITABLE (settings->stage), settings->memory_limit, error)) ||
      !set_up_streams (self->run, &self->descriptors, settings, interrupt, error) ||
      !set_up_stderr (self->run, &self->descriptors, settings, interrupt, error) ||
      !launch (self, interrupt, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
gp_command_launch_free (GpCommandLaunch *self)
{
  g_clear_pointer (&self->spawn, gp_spawn_free);
  descriptors_clear (&self->descriptors);
  g_strfreev (self->settings.own_environ);
  gp_command_run_unref (self->run);
  g_free (self);
}

/* A stream that is pumped is still ours to read or write. */
static void
hand_over_streams (GpCommandRun *self)
{
  if (self->stdin_pipe == NULL)
    gp_stage_context_hand_over_stdin (self->context);
  if (self->stdout_pipe == NULL)
    gp_stage_context_hand_over_stdout (self->context);
}

gboolean
gp_command_launch_execute (GpCommandLaunch  *self,
                           GError          **error)
{
  const GpCommandSettings *settings = &self->settings;
  GpCommandRun *run = self->run;
  g_auto (GpSpawned) spawned = { .control_fd = -1 };
  gboolean executed;

  if (run->status != NULL)
    gp_stage_status_set_stderr_limit (run->status, settings->stderr_limit);

  gp_spawn_permit (self->spawn);
  gp_run_launch_ahead (gp_stage_context_get_run (run->context));
  executed = gp_spawn_await (self->spawn, &spawned, error);
  descriptors_clear (&self->descriptors);
  if (!executed)
    return FALSE;

  if (run->status != NULL)
    gp_stage_status_set_pid (run->status, spawned.pid);
  run->process = gp_process_new (&spawned, self->own_group, settings->kill_delay);
  hand_over_streams (run);
  gp_command_stage_set_run (run->stage, run);
  gp_engine_invoke (gp_command_run_watch, gp_command_run_ref (run));
  /* Limits begin now. */
  if (settings->time_limit > 0 || settings->memory_limit > 0)
    gp_engine_lose_patience ();

  return TRUE;
}
