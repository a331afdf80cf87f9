/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* All that opens or duplicates a descriptor. Each is CLOEXEC, and never 0, 1 or 2, not even in
 * a program that was started with these closed: somebody would take it for standard output. */

#define GP_CHILD_FD_MIN 10 /* descriptors for GSubprocess lie at or above this */

/* Sets @error from errno, with a message that starts with @what */
void     gp_set_error_from_errno  (GError **error, int errsv, const char *what);

/* A pipe whose reader has gone must be an error and not the end of the program. Hence SIGPIPE is
 * ignored program-wide, once and for ever, unless the program has made its own arrangements: as
 * GSocket always did, and as GSubprocess does since GLib 2.82. Commands get the default back.
 * This is the only place that does it; opening a pipe and starting a command call it, and so
 * must everybody who writes to a descriptor of somebody else's. */
void     gp_ignore_sigpipe        (void);

/* Moves @fd (which may be -1: error from errno) out of the way of 0, 1 and 2; owns it. */
int      gp_descriptor_lift       (int fd, const char *what, GError **error);

gboolean gp_descriptor_open_pipe  (int fds[2], GError **error);
gboolean gp_descriptor_open_socket_pair (int fds[2], GError **error); /* which keeps messages apart */

/* Goes on when it is interrupted; -1 with errno. No terminal becomes the program's. */
int      gp_descriptor_open       (const char *path, int open_flags, mode_t mode);

int      gp_descriptor_open_null  (int open_flags, GError **error);

/* A duplicate at or above GP_CHILD_FD_MIN */
int      gp_descriptor_dup_for_child (int fd, GError **error);
int      gp_descriptor_dup_above     (int fd, int minimum, GError **error);

/* Whether @n more can be opened now, with numbers from @minimum on, for calls of GLib that end the
 * program if they cannot. Another thread may still take them in between. */
gboolean gp_descriptor_check_spare (guint n, int minimum, GError **error);

/* (transfer full): GLib ends the program where it cannot make one, or the default one, which it
 * makes when another one is pushed. */
GMainContext *gp_descriptor_new_main_context (GError **error);

gboolean gp_descriptor_set_nonblocking (int fd, gboolean nonblocking, GError **error);
gboolean gp_descriptor_is_nonblocking  (int fd);

/* The descriptor of a GFileDescriptorBased stream, or -1 */
int      gp_descriptor_of_stream  (gpointer stream);

/* Closes *@fd unless it is -1, and makes it -1; keeps errno */
void     gp_descriptor_clear      (int *fd);

/* Makes it -1, and returns what it was */
int      gp_descriptor_steal      (int *fd);

G_END_DECLS
