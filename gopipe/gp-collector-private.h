/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A stream that keeps what is written to it. Unlike GMemoryOutputStream it can be looked at by
 * another thread while it is written to, and no writer that comes late can change what was
 * handed out. */

#define GP_TYPE_COLLECTOR (gp_collector_get_type ())
G_DECLARE_FINAL_TYPE (GpCollector, gp_collector, GP, COLLECTOR, GOutputStream)

GOutputStream *gp_collector_new       (void);

/* One that forgets at once: where output goes that nobody wants */
GOutputStream *gp_collector_new_sink  (void);

/* No more: later writes fail with G_IO_ERROR_CLOSED */
void           gp_collector_seal      (GpCollector *self);

/* All that was written so far; without a copy once it is sealed */
GBytes        *gp_collector_dup_bytes (GpCollector *self);

G_END_DECLS
