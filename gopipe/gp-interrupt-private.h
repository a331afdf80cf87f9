/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A latch that wakes whatever blocks in poll (): once raised, its descriptor stays readable.
 * Any thread may raise it; raising twice is harmless. */

typedef struct _GpInterrupt GpInterrupt;

GpInterrupt *gp_interrupt_new       (GError      **error);
GpInterrupt *gp_interrupt_ref       (GpInterrupt  *self);
void         gp_interrupt_unref     (GpInterrupt  *self);
void         gp_interrupt_raise     (GpInterrupt  *self);

/* From now on it counts as raised when @outer is; but who polls is woken by its own only. The first
 * one counts. */
void         gp_interrupt_set_outer (GpInterrupt  *self,
                                     GpInterrupt  *outer);

gboolean     gp_interrupt_is_raised (GpInterrupt  *self);
int          gp_interrupt_get_fd    (GpInterrupt  *self);

/* TRUE, and G_IO_ERROR_CANCELLED in @error, if @self (which may be NULL) is raised */
gboolean     gp_interrupt_set_error_if_raised (GpInterrupt *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpInterrupt, gp_interrupt_unref)

G_END_DECLS
