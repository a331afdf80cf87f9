/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A program that forks without executing anything has a copy of all we have, but not of our threads,
 * nor of the one of GLib's that reaps processes. So a copy of a program that has used the library
 * before must do nothing that waits for them, or that the original would notice.
 *
 * To be called before the library does anything that needs threads. FALSE: this is such a copy. */
gboolean gp_fork_check   (GError **error);

/* The same in any thread, before and after anything */
gboolean gp_fork_is_copy (void);

G_END_DECLS
