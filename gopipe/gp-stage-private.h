/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-callback-queue-private.h"
#include "gp-stage.h"

G_BEGIN_DECLS

/* What the library's own stages can do beyond the contract of GpStage: be started in a thread of
 * the pool, so that a pipeline starts without a detour through the main context for each. */

#define GP_TYPE_THREAD_STARTER (gp_thread_starter_get_type ())
G_DECLARE_INTERFACE (GpThreadStarter, gp_thread_starter, GP, THREAD_STARTER, GpStage)

struct _GpThreadStarterInterface
{
  GTypeInterface g_iface;

  /* In the starter's context, before anything is started: the last moment to call code of the
   * application, and the first after which settings must not change. May be NULL. */
  void     (*prepare) (GpThreadStarter *self,
                       GpCallbackQueue *queue);

  /* After prepare, before anything is started: whether the stage can work where it stands, with or
   * without an input and a reader. The error names the stage. May be NULL: it can. */
  gboolean (*check_ends) (GpThreadStarter *self,
                          gboolean         has_stdin,
                          gboolean         has_stdout,
                          GError         **error);

  /* Before start, in the same thread: does what takes long and can be done while the stage before is
   * still being started. If it fails, start does it. FALSE: there is no such thing. May be NULL. */
  gboolean (*launch)  (GpThreadStarter *self,
                       GpStageContext  *context);

  /* In a thread of the pool, or one that waits. FALSE: the stage could not be started. */
  gboolean (*start)   (GpThreadStarter *self,
                       GpStageContext  *context,
                       GError         **error);

  /* Instead of start, in any thread: the run that @prepare was for has failed. What was launched must
   * be gone afterwards. May be NULL. */
  void     (*forget)  (GpThreadStarter *self,
                       const GError    *error);

  /* Whether a cancelled stage always ends by itself in bounded time */
  gboolean is_bounded;
};

void     gp_thread_starter_prepare    (GpThreadStarter  *self,
                                       GpCallbackQueue  *queue);
gboolean gp_thread_starter_check_ends (GpThreadStarter  *self,
                                       gboolean          has_stdin,
                                       gboolean          has_stdout,
                                       GError          **error);
gboolean gp_thread_starter_launch     (GpThreadStarter  *self,
                                       GpStageContext   *context);
gboolean gp_thread_starter_start      (GpThreadStarter  *self,
                                       GpStageContext   *context,
                                       GError          **error);
void     gp_thread_starter_forget     (GpThreadStarter  *self,
                                       const GError     *error);
gboolean gp_thread_starter_is_bounded (GpStage          *stage);

/* A stage without a claim on the main context that is no GpThreadStarter: blocks until it is
 * started. */
gboolean gp_stage_start_blocking      (GpStage          *self,
                                       GpStageContext   *context,
                                       GCancellable     *cancellable,
                                       GError          **error);

G_END_DECLS
