/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

typedef struct _GpEvent GpEvent;

#define GP_TYPE_EVENT (gp_event_get_type ())

GP_AVAILABLE_IN_ALL
GType        gp_event_get_type       (void) G_GNUC_CONST;

GP_AVAILABLE_IN_ALL
GpEvent     *gp_event_ref            (GpEvent       *self);
GP_AVAILABLE_IN_ALL
void         gp_event_unref          (GpEvent       *self);

GP_AVAILABLE_IN_ALL
GpEventKind  gp_event_get_kind       (const GpEvent *self);
GP_AVAILABLE_IN_ALL
GpStage     *gp_event_get_stage      (const GpEvent *self);
GP_AVAILABLE_IN_ALL
const char  *gp_event_get_stage_name (const GpEvent *self);
GP_AVAILABLE_IN_ALL
GError      *gp_event_dup_error      (const GpEvent *self) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
const char  *gp_event_get_message    (const GpEvent *self);
GP_AVAILABLE_IN_ALL
GVariant    *gp_event_get_details    (const GpEvent *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpEvent, gp_event_unref)

G_END_DECLS
