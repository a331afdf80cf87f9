/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-event.h"

G_BEGIN_DECLS

/* @stage and @stage_name are NULL for what concerns no single stage. @message is without
 * the name, which is put before it; it defaults to that of @error, or to words for the kind. Ask
 * gp_stage_context_wants_event () first where events are many. */
GpEvent    *gp_event_new        (GpEventKind    kind,
                                 GpStage       *stage,
                                 const char    *stage_name,
                                 const GError  *error,
                                 const char    *message) G_GNUC_WARN_UNUSED_RESULT;

/* Only by whoever has made the event, and before anybody else has it; @value: floating is taken */
void        gp_event_set_detail (GpEvent       *self,
                                 const char    *key,
                                 GVariant      *value);

/* The detail of the signal */
GQuark      gp_event_kind_to_quark (GpEventKind kind);

/* Writes it to the log, if that shows debug messages */
void        gp_event_log        (const GpEvent *self);
gboolean    gp_event_is_logged  (void);

G_END_DECLS
