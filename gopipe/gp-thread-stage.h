/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_THREAD_STAGE (gp_thread_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_DERIVABLE_TYPE (GpThreadStage, gp_thread_stage, GP, THREAD_STAGE, GObject)

struct _GpThreadStageClass
{
  GObjectClass parent_class;

  gboolean (*process) (GpThreadStage   *self,
                       GpStageContext  *context,
                       GCancellable    *cancellable,
                       GError         **error);

  /*< private >*/
  gpointer padding[8];
};

G_END_DECLS
