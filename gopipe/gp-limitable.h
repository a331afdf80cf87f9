/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-stage.h>

G_BEGIN_DECLS

#define GP_TYPE_LIMITABLE (gp_limitable_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_INTERFACE (GpLimitable, gp_limitable, GP, LIMITABLE, GpStage)

struct _GpLimitableInterface
{
  GTypeInterface g_iface;

  gboolean (*check)   (GpLimitable   *self,
                       GError       **error);
  gboolean (*measure) (GpLimitable   *self,
                       guint64       *memory,
                       guint64       *peak);
  void     (*kill)    (GpLimitable   *self,
                       const GError  *reason);

  /*< private >*/
  gpointer padding[4];
};

GP_AVAILABLE_IN_ALL
gboolean gp_limitable_check   (GpLimitable   *self,
                               GError       **error);
GP_AVAILABLE_IN_ALL
gboolean gp_limitable_measure (GpLimitable   *self,
                               guint64       *memory,
                               guint64       *peak);
GP_AVAILABLE_IN_ALL
void     gp_limitable_kill    (GpLimitable   *self,
                               const GError  *reason);

G_END_DECLS
