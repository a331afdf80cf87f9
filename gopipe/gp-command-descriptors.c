/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

#include "gp-descriptor-private.h"
#include "gp-error-private.h"
#include "gp-exec-private.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The command's descriptors beside standard input, output and error */

static int
find_fd (GArray *fds,
         int     fd)
{
  for (guint i = 0; i < fds->len; i++)
    if (g_array_index (fds, int, i) == fd)
      return (int) i;

  return -1;
}

/* Whether @fd can become the stage's own */
static gboolean
check_source (GpCommandStage *self,
              int             fd,
              int             target_fd)
{
  int index = find_fd (self->source_fds, fd);

  if (index >= 0)
    {
      gp_error_note_mistake (&self->mistake,
                             "descriptor %d: %d was taken already, as descriptor %d",
                             target_fd, fd, g_array_index (self->target_fds, int, index));
      return FALSE;
    }

  if (fcntl (fd, F_GETFD) < 0)
    {
      gp_error_note_mistake (&self->mistake,
                             "descriptor %d: %d is not open", target_fd, fd);
      return FALSE;
    }

  return TRUE;
}

static gboolean
check_target (GpCommandStage *self,
              int             fd)
{
  if (fd < 3)
    {
      g_critical ("gp_command_stage_take_fd: command \"%s\": descriptor %d is not 3 or above",
                  gp_command_stage_get_name (self), fd);
      gp_error_note_mistake (&self->mistake, "descriptor %d is not 3 or above", fd);
      return FALSE;
    }

  if (find_fd (self->target_fds, fd) >= 0)
    {
      gp_error_note_mistake (&self->mistake, "descriptor %d was set twice", fd);
      return FALSE;
    }

  if (self->target_fds->len >= GP_EXEC_MAX_KEEP)
    {
      gp_error_note_mistake (&self->mistake, "descriptor %d: more than %d are too many",
                             fd, GP_EXEC_MAX_KEEP);
      return FALSE;
    }

  return TRUE;
}

/**
 * gp_command_stage_take_fd:
 * @self: a command
 * @source_fd: an open descriptor of the program; it belongs to the stage from now on
 * @target_fd: the number that it has in the command, 3 or above
 *
 * Gives the command one more descriptor.
 *
 * The stage closes @source_fd, which no other command inherits: when the command was started, or
 * will never be. Standard input, output and error are set with [property@CommandStage:stdin],
 * [property@CommandStage:stdout] and [property@CommandStage:stderr-stream].
 *
 * A number that was set before, a descriptor that is not open or was taken before, and more than 64
 * descriptors make the start fail with `GP_PIPELINE_ERROR_INVALID`.
 *
 * Since: 0.1
 */
void
gp_command_stage_take_fd (GpCommandStage *self,
                          int             source_fd,
                          int             target_fd)
{
  g_return_if_fail (GP_IS_COMMAND_STAGE (self));
  GP_COMMAND_STAGE_RETURN_IF_SEALED (self);

  if (!check_source (self, source_fd, target_fd))
    return;

  if (!check_target (self, target_fd))
    {
      gp_descriptor_clear (&source_fd);
      return;
    }

  fcntl (source_fd, F_SETFD, FD_CLOEXEC);
  g_array_append_val (self->source_fds, source_fd);
  g_array_append_val (self->target_fds, target_fd);
}

gboolean
gp_command_stage_check_fds (GpCommandStage  *self,
                            GError         **error)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return TRUE;

  for (guint i = 0; i < self->target_fds->len; i++)
    {
      int fd = g_array_index (self->target_fds, int, i);

      if ((rlim_t) fd >= limit.rlim_cur)
        {
          g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                       "descriptor %d is above the limit of open files, %" G_GUINT64_FORMAT,
                       fd, (guint64) limit.rlim_cur);
          return FALSE;
        }
    }

  return TRUE;
}

void
gp_command_stage_close_fds (GpCommandStage *self)
{
  for (guint i = 0; i < self->source_fds->len; i++)
    gp_descriptor_clear (&g_array_index (self->source_fds, int, i));

  g_array_set_size (self->source_fds, 0);
  g_array_set_size (self->target_fds, 0);
}
