/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-error-private.h"
#include "gp-stage-context-private.h"

/* A pipeline as a stage of another: its run is made when the outer one is started, shares the
 * outer one's home, and has the context's streams at its ends. */

static char *
gp_pipeline_stage_get_name (GpStage *stage)
{
  GpPipeline *self = GP_PIPELINE (stage);

  return g_strdup (self->name != NULL ? self->name : "pipeline");
}

static void
gp_pipeline_stage_preferences (GpStage        *stage,
                               GpIOPreference *stdin_preference,
                               GpIOPreference *stdout_preference)
{
  GpPipeline *self = GP_PIPELINE (stage);
  GpIOPreference ignored;

  if (self->stages->len == 0)
    return;

  gp_stage_preferences (g_ptr_array_index (self->stages, 0), stdin_preference, &ignored);
  gp_stage_preferences (g_ptr_array_index (self->stages, self->stages->len - 1),
                        &ignored, stdout_preference);
}

static gboolean
gp_pipeline_stage_needs_main_context (GpStage *stage)
{
  GpPipeline *self = GP_PIPELINE (stage);

  for (guint i = 0; i < self->stages->len; i++)
    if (gp_stage_needs_main_context (g_ptr_array_index (self->stages, i)))
      return TRUE;

  return FALSE;
}

void
gp_pipeline_stage_init (GpStageInterface *iface)
{
  iface->get_name = gp_pipeline_stage_get_name;
  iface->preferences = gp_pipeline_stage_preferences;
  iface->needs_main_context = gp_pipeline_stage_needs_main_context;
}

static void
gp_pipeline_stage_prepare (GpThreadStarter *starter,
                           GpCallbackQueue *queue)
{
  GpPipeline *self = GP_PIPELINE (starter);

  if (!self->starting)
    gp_pipeline_make_run (self, queue, TRUE);
}

static gboolean
gp_pipeline_stage_check_ends (GpThreadStarter  *starter,
                              gboolean          has_stdin,
                              gboolean          has_stdout,
                              GError          **error)
{
  GpPipeline *self = GP_PIPELINE (starter);

  /* One that was started by itself says so when it is started. */
  if (gp_run_get_state (self->run) != GP_PIPELINE_STATE_BUILDING)
    return TRUE;

  return gp_run_check_ends (self->run, has_stdin, has_stdout, error);
}

static void
gp_pipeline_stage_forget (GpThreadStarter *starter,
                          const GError    *error)
{
  GpPipeline *self = GP_PIPELINE (starter);

  /* Streams that were given to it are closed, and whoever waits for it is told. */
  if (gp_run_get_state (self->run) == GP_PIPELINE_STATE_BUILDING)
    gp_run_fail (self->run, error);
}

static gboolean
connect_stdin (GpPipeline      *self,
               GpStageContext  *context,
               GError         **error)
{
  GInputStream *stream = gp_stage_context_get_stdin (context);

  if (stream == NULL)
    return TRUE;

  if (gp_run_has_stdin (self->run))
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "its standard input is the output of the stage before, "
                           "but another one was set");
      return FALSE;
    }

  gp_run_set_stdin (self->run, stream, GP_OWNER_OUTER, context);

  return TRUE;
}

static gboolean
connect_stdout (GpPipeline      *self,
                GpStageContext  *context,
                GError         **error)
{
  GOutputStream *stream = gp_stage_context_get_stdout (context);

  if (stream == NULL)
    return TRUE;

  if (gp_run_has_stdout (self->run))
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "its standard output is the input of the stage after, "
                           "but another one was set");
      return FALSE;
    }

  gp_run_set_stdout (self->run, stream, GP_OWNER_OUTER, context);

  return TRUE;
}

/* A stage's error names that, and the reason why the outer pipeline was stopped names nobody. What
 * concerns this one as a whole would be taken for something of the outer one. */
static GError *
name_error (GpRun          *run,
            GpStageContext *context,
            GError         *error)
{
  g_autoptr (GError) own_error = error;
  g_autofree char *prefix = g_strconcat (gp_stage_context_get_name (context), ": ", NULL);

  if (gp_run_is_stages_error (run) || gp_run_explains (gp_stage_context_get_run (context), error) ||
      g_str_has_prefix (error->message, prefix))
    return g_steal_pointer (&own_error);

  return gp_error_copy_prefixed (error, "%s", prefix);
}

static void
report_cb (GpRun    *run,
           gpointer  data)
{
  g_autoptr (GpStageContext) context = data;
  g_autoptr (GError) error = gp_run_dup_error (run);

  /* Whoever wrote to a stage that had enough is forgiven, even if that was within a pipeline. */
  if (error == NULL && gp_run_had_enough (run))
    error = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY,
                                 "its stages wanted no more");

  if (error == NULL)
    {
      gp_stage_context_return_success (context);
      return;
    }

  if (!gp_error_is_finish_early (error))
    error = name_error (run, context, g_steal_pointer (&error));
  gp_stage_context_return_raw_error (context, error);
}

static gboolean
gp_pipeline_stage_start (GpThreadStarter  *starter,
                         GpStageContext   *context,
                         GError          **error)
{
  GpPipeline *self = GP_PIPELINE (starter);
  g_auto (GStrv) environ = NULL;
  g_autoptr (GError) start_error = NULL;

  if (gp_run_get_state (self->run) != GP_PIPELINE_STATE_BUILDING)
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED,
                           "the pipeline was already started by itself");
      return FALSE;
    }

  gp_run_set_outer (self->run, gp_stage_context_get_run (context));
  if (!connect_stdin (self, context, &start_error) || !connect_stdout (self, context, &start_error))
    {
      gp_run_fail (self->run, start_error);
      g_propagate_error (error, g_steal_pointer (&start_error));
      return FALSE;
    }

  environ = gp_environment_apply (self->environ, gp_stage_context_dup_environ (context));
  gp_run_set_surroundings (self->run,
                           self->directory != NULL ? self->directory
                                                   : gp_stage_context_get_directory (context),
                           environ);
  /* Not the context's cancellable, which may wait for a main context that nobody runs: the inner
   * run brings the news home by itself. */
  gp_run_start (self->run, TRUE, gp_run_get_cancellable (gp_stage_context_get_run (context)));
  gp_run_wait_started (self->run);

  start_error = gp_run_dup_start_error (self->run);
  if (start_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&start_error));
      return FALSE;
    }

  gp_run_when_ended (self->run, report_cb, g_object_ref (context));

  return TRUE;
}

void
gp_pipeline_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->prepare = gp_pipeline_stage_prepare;
  iface->check_ends = gp_pipeline_stage_check_ends;
  iface->start = gp_pipeline_stage_start;
  iface->forget = gp_pipeline_stage_forget;
  iface->is_bounded = TRUE;
}
