/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The library's own main loop, in one thread for the whole program. Processes are waited for,
 * their standard error is read and timers run here, so that pipelines go on while the
 * application's main loop is busy, and synchronous calls need none. Nothing in it may block, and
 * no code of the application runs in it. */

typedef void (*GpEngineFunc) (gpointer data);

/* FALSE: the thread could not be started. Everything below needs one success before. */
gboolean      gp_engine_ensure      (GError       **error);

GMainContext *gp_engine_get_context (void);

/* Calls @func in the engine's thread, never before this returns; in the order of the calls */
void          gp_engine_invoke      (GpEngineFunc   func,
                                     gpointer       data);

/* (transfer full); @func is called once, unless the source is destroyed before */
GSource      *gp_engine_add_timeout (guint          milliseconds,
                                     GpEngineFunc   func,
                                     gpointer       data,
                                     GDestroyNotify destroy);

/* Destroys *@source unless it is NULL, and makes it that */
void          gp_engine_clear_source (GSource     **source);

G_END_DECLS
