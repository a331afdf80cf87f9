/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

#include "gp-error.h"

static const char *
find_contradiction (GpCommandStage *self)
{
  if (self->argv == NULL || self->argv[0] == NULL || self->argv[0][0] == '\0')
    return "the command is empty";

  if (self->die_with_parent && !self->supervised)
    return "die-with-parent is set, but the command is not supervised";

  if (self->kill_descendants && !self->supervised)
    return "kill-descendants is set, but the command is not supervised";

  if (self->terminal && self->process_group == GP_PROCESS_GROUP_CALLER)
    return "it has a terminal of its own, but is in the process group of the program";

  return NULL;
}

gboolean
gp_command_stage_check (GpCommandStage  *self,
                        GError         **error)
{
  const char *contradiction = find_contradiction (self);

  if (contradiction != NULL)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, contradiction);
      return FALSE;
    }

  if (self->mistake != NULL)
    {
      g_propagate_error (error, g_error_copy (self->mistake));
      return FALSE;
    }

  return gp_environment_check (self->environ, error) && gp_command_stage_check_fds (self, error);
}

gboolean
gp_command_stage_check_ends (GpCommandStage  *self,
                             gboolean         has_stdin,
                             gboolean         has_stdout,
                             GError         **error)
{
  if (has_stdin && self->stdin_stream != NULL)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                   "stage \"%s\": it has a standard input of its own, "
                   "but the stage before it or the pipeline gives it another one",
                   gp_command_stage_get_name (self));
      return FALSE;
    }

  if (has_stdout && self->stdout_stream != NULL)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                   "stage \"%s\": it has a standard output of its own, "
                   "but the stage after it or the pipeline wants its output",
                   gp_command_stage_get_name (self));
      return FALSE;
    }

  return TRUE;
}
