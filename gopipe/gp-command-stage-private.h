/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-command-run-private.h"
#include "gp-command-stage.h"
#include "gp-environment-private.h"

G_BEGIN_DECLS

#define GP_COMMAND_DEFAULT_STDERR_LIMIT    (64 * 1024)
#define GP_COMMAND_DEFAULT_KILL_DELAY      2000
#define GP_COMMAND_DEFAULT_MEMORY_INTERVAL 100
#define GP_COMMAND_DEFAULT_COLUMNS         80
#define GP_COMMAND_DEFAULT_ROWS            24

/* From the one end of the range to the other */
#define GP_COMMAND_MAX_NICE 39

#define GP_N_RESOURCES       (GP_RESOURCE_CORE_SIZE + 1)
#define GP_NO_RESOURCE_LIMIT G_MAXUINT64 /* as the program */

/* The pipeline holds the stage. @sealed: a run has it, and reads the settings in its own threads.
 *
 * Descriptors taken for the command are the stage's until it was started or will never be.
 *
 * While the command runs, the stage holds @run, and the run holds the stage's context, which holds
 * the stage: the run breaks that circle at its end. @run_lock guards it, and the size of the
 * terminal; it is never held while a function of the run is called. */
struct _GpCommandStage
{
  GObject         parent_instance;

  char          **argv;
  char           *name;
  char           *directory;
  GpEnvironment  *environ;
  GInputStream   *stdin_stream;
  GOutputStream  *stdout_stream;
  GpStderrMode    stderr_mode;
  GOutputStream  *stderr_stream;
  guint64         stderr_limit;
  GArray         *accepted;   /* of int: exit statuses */
  GArray         *source_fds; /* of int, the stage's own */
  GArray         *target_fds; /* of int, each at least 3, no two alike */

  GpProcessGroup  process_group;
  gboolean        supervised;
  gboolean        die_with_parent;
  gboolean        kill_descendants;
  gboolean        terminal;

  guint           kill_delay;
  guint           time_limit;
  guint64         memory_limit;
  guint           memory_interval;
  int             nice_increment;
  guint64         resource_limits[GP_N_RESOURCES];

  GError         *mistake; /* the first that cannot be seen in the settings any more */
  gboolean        sealed;

  GpCommandLaunch *launch; /* from a launch ahead until its start, or until it is forgotten */
  GMutex          run_lock;
  GpCommandRun   *run; /* NULL: it does not run */
  guint           columns;
  guint           rows;
};

/* The properties, for the setters' notifications: gp-command-properties.c */
enum
{
  PROP_0,
  PROP_ARGV,
  PROP_NAME,
  PROP_DIRECTORY,
  PROP_ENVIRON,
  PROP_STDIN,
  PROP_STDOUT,
  PROP_STDERR_MODE,
  PROP_STDERR_STREAM,
  PROP_STDERR_LIMIT,
  PROP_PROCESS_GROUP,
  PROP_SUPERVISED,
  PROP_DIE_WITH_PARENT,
  PROP_KILL_DESCENDANTS,
  PROP_TERMINAL,
  PROP_KILL_DELAY,
  PROP_TIME_LIMIT,
  PROP_MEMORY_LIMIT,
  PROP_MEMORY_INTERVAL,
  PROP_NICE,
  N_PROPS
};

extern GParamSpec *gp_command_stage_props[N_PROPS];

void          gp_command_stage_properties_class_init (GObjectClass    *object_class);

/* In any thread: the run of the command while its process runs. (transfer full) (nullable) */
GpCommandRun *gp_command_stage_dup_run               (GpCommandStage  *self);
void          gp_command_stage_set_run               (GpCommandStage  *self,
                                                      GpCommandRun    *run);

/* Whether @stage is a command that gets the ends of pipes themselves: one with a terminal has streams
 * copied to and from there. */
gboolean      gp_command_stage_takes_descriptors     (GpStage         *stage);

/* gp-command-check.c */

/* Whether the settings can work; otherwise GP_PIPELINE_ERROR_INVALID */
gboolean      gp_command_stage_check                 (GpCommandStage  *self,
                                                      GError         **error);

/* Whether no stream of its own is in the way of what a neighbour or the pipeline has for it;
 * otherwise GP_PIPELINE_ERROR_INVALID, naming the stage. Before anything is started. */
gboolean      gp_command_stage_check_ends            (GpCommandStage  *self,
                                                      gboolean         has_stdin,
                                                      gboolean         has_stdout,
                                                      GError         **error);

/* gp-command-descriptors.c */
gboolean      gp_command_stage_check_fds             (GpCommandStage  *self,
                                                      GError         **error);
void          gp_command_stage_close_fds             (GpCommandStage  *self);

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
