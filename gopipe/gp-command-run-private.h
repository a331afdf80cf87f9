/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-stage-context.h"

G_BEGIN_DECLS

/* What a command is started with; all of it belongs to the stage, which does not change any more */
typedef struct
{
  const char * const *argv;
  const char         *directory; /* NULL: the pipeline's */
  char              **environ;
  GpStderrMode        stderr_mode;
  GOutputStream      *stderr_stream;
  guint64             stderr_limit;
  GpProcessGroup      process_group;
  guint               kill_delay;
} GpCommandSettings;

/* Starts the command and watches it until it reports its end on @context. Blocks until the
 * program was executed: never in the main thread. */
gboolean gp_command_run_start (const GpCommandSettings  *settings,
                               GpStageContext           *context,
                               GError                  **error);

G_END_DECLS
