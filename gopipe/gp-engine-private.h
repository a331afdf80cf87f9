/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <glib-unix.h>

G_BEGIN_DECLS

/* The library's own main loop, one for the whole program. Processes are waited for, their standard
 * error is read and timers run here, so that pipelines go on while the application's main loop is
 * busy, and synchronous calls need none. It runs in a thread of its own, or in one that waits for a
 * pipeline. Nothing in it may block, and no code of the application runs in it. */

typedef void (*GpEngineFunc) (gpointer data);

/* FALSE: the thread could not be started. Everything below needs one success before. */
gboolean      gp_engine_ensure      (GError       **error);

/* As long as it is held, it runs. For what is waited for without a source of the engine */
void          gp_engine_hold        (void);
void          gp_engine_release     (void);

/* For a thread that waits: if it gets the lead (TRUE) it is the one that runs the engine, with its
 * context as the default, until it leaves. Whatever it waits for is to call gp_engine_wake (). */
gboolean      gp_engine_lead        (void);
void          gp_engine_iterate     (void);
void          gp_engine_leave       (void);
void          gp_engine_wake        (void);

/* Whether the engine has called what runs now in this thread */
gboolean      gp_engine_is_here     (void);

/* For a thread that is about to wait, and will probably lead: until it loses patience, what it calls does
 * not wake the engine's own thread. It does by a timer, by a call that comes some milliseconds after the
 * first, and in what may take longer than to start a process with the helper. */
void          gp_engine_be_patient    (void);
void          gp_engine_lose_patience (void);

/* Calls @func in the thread that runs the engine, never before this returns; in the order of the calls */
void          gp_engine_invoke      (GpEngineFunc   func,
                                     gpointer       data);

/* (transfer full); @func is called once, unless the source is destroyed before */
GSource      *gp_engine_add_timeout (guint          milliseconds,
                                     GpEngineFunc   func,
                                     gpointer       data,
                                     GDestroyNotify destroy);

/* (transfer full); @func is called whenever there is something to read, or the end */
GSource      *gp_engine_add_fd      (int               fd,
                                     GUnixFDSourceFunc func,
                                     gpointer          data);

/* Destroys *@source unless it is NULL, and makes it that */
void          gp_engine_clear_source (GSource     **source);

G_END_DECLS
