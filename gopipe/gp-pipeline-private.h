/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-collector-private.h"
#include "gp-edge-private.h"
#include "gp-environment-private.h"
#include "gp-pipeline.h"
#include "gp-run-private.h"
#include "gp-stage-private.h"

G_BEGIN_DECLS

/* Two states: being built, and started (@starting), when the run knows everything else and no
 * setting changes any more. In between, while @run is still NULL, functions of the application may
 * be called.
 *
 * The application holds the pipeline; so does its run while it lasts, so that dropping a pipeline
 * that runs changes nothing. The pipeline holds its stages and statuses for good, and the run for
 * its outcome. */
struct _GpPipeline
{
  GObject         parent_instance;

  char           *name;
  GPtrArray      *stages;   /* of GpStage */
  GPtrArray      *statuses; /* of GpStageStatus */
  GListStore     *list;     /* (atomic): the statuses, for those who like models; NULL until asked for */
  GError         *mistake;  /* the first one made in building, told at the start */
  GpUserFunction *fault_handler; /* or NULL */

  GInputStream   *stdin_stream;
  GOutputStream  *stdout_stream;
  gboolean        close_stdin;
  gboolean        close_stdout;
  GFile          *stdin_file;  /* or NULL, as the streams */
  GFile          *stdout_file;
  GpFileMode      stdout_file_mode;
  GpEdge          input;    /* of open_input () */
  GpEdge          output;   /* of open_output () */
  GpInterrupt    *interrupt;

  char           *directory;
  GpEnvironment  *environ;
  guint           time_limit;
  guint           pipe_hold_timeout;
  guint           abandon_delay;
  gboolean        ignore_pipe_errors;
  gboolean        partial_input_is_error;

  gboolean        starting;  /* the run is being made, or was */
  GpRun          *run;
  GpCollector    *collector; /* of communicate () */
};

/* The properties, for the setters' notifications: gp-pipeline.c */
enum
{
  PROP_0,
  PROP_NAME,
  PROP_STDIN,
  PROP_CLOSE_STDIN,
  PROP_STDOUT,
  PROP_CLOSE_STDOUT,
  PROP_DIRECTORY,
  PROP_ENVIRON,
  PROP_TIME_LIMIT,
  PROP_PIPE_HOLD_TIMEOUT,
  PROP_ABANDON_DELAY,
  PROP_IGNORE_PIPE_ERRORS,
  PROP_PARTIAL_INPUT_IS_ERROR,
  PROP_STATE,
  N_PROPS
};

extern GParamSpec *gp_pipeline_props[N_PROPS];

/* The id of GpPipeline::event, for the runs: gp-pipeline.c */
extern guint gp_pipeline_event_signal;

/* The run has copied or uses what was set. */
#define GP_PIPELINE_RETURN_IF_STARTED(self) \
  G_STMT_START { \
    if ((self)->starting) \
      { \
        g_critical ("%s: the pipeline was already started", G_STRFUNC); \
        return; \
      } \
  } G_STMT_END

/* The interfaces that make a pipeline a stage: gp-pipeline-stage.c */
void   gp_pipeline_stage_init          (GpStageInterface         *iface);
void   gp_pipeline_thread_starter_init (GpThreadStarterInterface *iface);

/* Makes self->run, whose mistakes are told when it is started; gp-pipeline-run.c */
void   gp_pipeline_make_run            (GpPipeline               *self,
                                        GpCallbackQueue          *queue,
                                        gboolean                  is_stage);

/* FALSE and GP_PIPELINE_ERROR_INVALID: there are a file and a stream; gp-pipeline-files.c */
gboolean gp_pipeline_check_files       (GpPipeline               *self,
                                        GError                  **error);

/* FALSE and GP_PIPELINE_ERROR_ALREADY_STARTED, for all that only works before; gp-pipeline-run.c */
gboolean gp_pipeline_check_not_started (GpPipeline               *self,
                                        GError                  **error);

G_END_DECLS
