/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_STAGE (gp_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_INTERFACE (GpStage, gp_stage, GP, STAGE, GObject)

struct _GpStageInterface
{
  GTypeInterface g_iface;

  char     *(*get_name)           (GpStage              *self);
  void      (*preferences)        (GpStage              *self,
                                   GpIOPreference       *stdin_preference,
                                   GpIOPreference       *stdout_preference);
  gboolean  (*needs_main_context) (GpStage              *self);
  void      (*start_async)        (GpStage              *self,
                                   GpStageContext       *context,
                                   GCancellable         *cancellable,
                                   GAsyncReadyCallback   callback,
                                   gpointer              user_data);
  gboolean  (*start_finish)       (GpStage              *self,
                                   GAsyncResult         *result,
                                   GError              **error);
  gboolean  (*run)                (GpStage              *self,
                                   GpStageContext       *context,
                                   GError              **error);

  /*< private >*/
  gpointer padding[8];
};

GP_AVAILABLE_IN_ALL
char     *gp_stage_get_name           (GpStage              *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
void      gp_stage_preferences        (GpStage              *self,
                                       GpIOPreference       *stdin_preference,
                                       GpIOPreference       *stdout_preference);
GP_AVAILABLE_IN_ALL
gboolean  gp_stage_needs_main_context (GpStage              *self);
GP_AVAILABLE_IN_ALL
void      gp_stage_start_async        (GpStage              *self,
                                       GpStageContext       *context,
                                       GCancellable         *cancellable,
                                       GAsyncReadyCallback   callback,
                                       gpointer              user_data);
GP_AVAILABLE_IN_ALL
gboolean  gp_stage_start_finish       (GpStage              *self,
                                       GAsyncResult         *result,
                                       GError              **error);

G_END_DECLS
