/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-command-stage.h"
#include "gp-environment-private.h"

G_BEGIN_DECLS

/* The pipeline holds the stage. @sealed: a run has it, and reads the settings in its own threads. */
struct _GpCommandStage
{
  GObject         parent_instance;

  char          **argv;
  char           *name;
  char           *directory;
  GpEnvironment  *environ;
  GpStderrMode    stderr_mode;
  GOutputStream  *stderr_stream;
  guint64         stderr_limit;
  GpProcessGroup  process_group;
  guint           kill_delay;
  gboolean        sealed;
};

/* The properties, for the setters' notifications: gp-command-stage.c */
enum
{
  PROP_0,
  PROP_ARGV,
  PROP_NAME,
  PROP_DIRECTORY,
  PROP_ENVIRON,
  PROP_STDERR_MODE,
  PROP_STDERR_STREAM,
  PROP_STDERR_LIMIT,
  PROP_PROCESS_GROUP,
  PROP_KILL_DELAY,
  N_PROPS
};

extern GParamSpec *gp_command_stage_props[N_PROPS];

/* Settings are read by other threads once the pipeline is started. */
#define GP_COMMAND_STAGE_RETURN_IF_SEALED(self) \
  G_STMT_START { \
    if ((self)->sealed) \
      { \
        g_critical ("%s: the pipeline of command \"%s\" was already started", \
                    G_STRFUNC, gp_command_stage_get_name (self)); \
        return; \
      } \
  } G_STMT_END

G_END_DECLS
