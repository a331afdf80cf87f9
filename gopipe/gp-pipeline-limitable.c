/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-limitable-private.h"

#include "gp-error-private.h"
#include "gp-pipeline-private.h"
#include "gp-thread-pool-private.h"

/* A pipeline as something whose memory can be measured: that of all its stages that have any of
 * their own. The stages do not change any more once it was started, which is before it is
 * measured, and so they can be read in any thread. */

/* A stage that has no process is no mistake as long as another has one. */
static gboolean
check_stage (GpStage   *stage,
             gboolean  *found,
             GError   **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!GP_IS_LIMITABLE (stage))
    return TRUE;

  if (gp_limitable_check (GP_LIMITABLE (stage), &local_error))
    *found = TRUE;
  else if (!g_error_matches (local_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }

  return TRUE;
}

static gboolean
gp_pipeline_limitable_check (GpLimitable  *limitable,
                             GError      **error)
{
  GpPipeline *self = GP_PIPELINE (limitable);
  gboolean found = FALSE;

  for (guint i = 0; i < self->stages->len; i++)
    {
      if (!check_stage (g_ptr_array_index (self->stages, i), &found, error))
        return FALSE;
    }

  if (!found)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                         "its memory cannot be watched: none of its stages has a process");

  return found;
}

static gboolean
gp_pipeline_limitable_measure (GpLimitable *limitable,
                               guint64     *memory,
                               guint64     *peak)
{
  GpPipeline *self = GP_PIPELINE (limitable);
  gboolean found = FALSE;

  for (guint i = 0; i < self->stages->len; i++)
    {
      GpStage *stage = g_ptr_array_index (self->stages, i);
      guint64 stage_memory, stage_peak;

      if (GP_IS_LIMITABLE (stage) &&
          gp_limitable_measure (GP_LIMITABLE (stage), &stage_memory, &stage_peak))
        {
          found = TRUE;
          *memory += stage_memory;
          *peak = MAX (*peak, stage_peak);
        }
    }

  return found;
}

typedef struct
{
  GpRun  *run;
  GError *reason;
} Kill;

/* Functions of the application may be connected to the run's cancellable: they must not hold up
 * whoever kills. */
static void
kill_job (gpointer data)
{
  Kill *job = data;

  gp_run_cancel (job->run, job->reason);
  gp_run_unref (job->run);
  g_error_free (job->reason);
  g_free (job);
}

static void
gp_pipeline_limitable_kill (GpLimitable  *limitable,
                            const GError *reason)
{
  GpPipeline *self = GP_PIPELINE (limitable);
  g_autofree char *name = NULL;
  Kill *job;

  if (self->run == NULL)
    return;

  name = gp_stage_get_name (GP_STAGE (self));
  job = g_new (Kill, 1);
  *job = (Kill) { gp_run_ref (self->run), gp_error_copy_prefixed (reason, "%s: ", name) };
  if (!gp_thread_pool_push ("kill", kill_job, job, NULL))
    kill_job (job);
}

void
gp_pipeline_limitable_init (GpLimitableInterface *iface)
{
  iface->check = gp_pipeline_limitable_check;
  iface->measure = gp_pipeline_limitable_measure;
  iface->kill = gp_pipeline_limitable_kill;
}

GPtrArray *
gp_pipeline_get_statuses (GpPipeline *self)
{
  return self->statuses;
}
