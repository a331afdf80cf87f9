/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef void (*GpThreadPoolFunc) (gpointer data);

/* Runs @func in a thread of our pool, at once: the pool has no upper limit. @name (copied, cut
 * to what the kernel holds) is the thread's name while it is busy: "gp:" and @name; an idle
 * thread is called "gp-idle". FALSE: no thread could be had, and @func will not be called. */
gboolean gp_thread_pool_push  (const char        *name,
                               GpThreadPoolFunc   func,
                               gpointer           data,
                               GError           **error);

/* Whether GLib can start its own threads, and a process before them: GLib ends the program where it
 * cannot. Somebody else may still take what was there. */
gboolean gp_thread_pool_check_spare (GError **error);

/* Waits until no thread is busy, and ends the idle ones. For tests; not in a thread of the pool. */
void     gp_thread_pool_drain (void);

G_END_DECLS
