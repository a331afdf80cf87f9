/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-interrupt-private.h"

G_BEGIN_DECLS

/* Behind the end of a stream there may be more to know: whether whoever wrote it has done all its
 * work. As long as the gate is closed, the end is not told; when it is opened with an error, that
 * takes the place of the end. */

typedef struct _GpEndGate GpEndGate;

GpEndGate *gp_end_gate_new     (GError          **error);
GpEndGate *gp_end_gate_ref     (GpEndGate        *self);
void       gp_end_gate_unref   (GpEndGate        *self);

/* Any thread; only the first time counts. @error: NULL if all went well */
void       gp_end_gate_open    (GpEndGate        *self,
                                const GError     *error);
gboolean   gp_end_gate_is_open (GpEndGate        *self);

/* Readable as soon as it is open */
int        gp_end_gate_get_fd  (GpEndGate        *self);

/* Of an open one: FALSE and the error that it was opened with */
gboolean   gp_end_gate_pass    (GpEndGate        *self,
                                GError          **error);

/* (transfer full): what a reader is told because of @error, whose own code is about somebody else */
GError    *gp_end_gate_new_error (const GError   *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpEndGate, gp_end_gate_unref)

G_END_DECLS
