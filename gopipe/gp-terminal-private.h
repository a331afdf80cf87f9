/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A pseudo terminal: we are the user, and the command has the terminal. It does not echo, does not
 * change what is written to it, and takes lines. Of all keys only those for signals and the end
 * of input (Ctrl+C, Ctrl+\, Ctrl+Z and Ctrl+D) have a meaning, until the command changes that. */

/* *@child_fd is for the command alone, and to be closed when it has it. 0 columns or rows: the
 * default. */
gboolean       gp_terminal_open      (guint           columns,
                                      guint           rows,
                                      int            *our_fd,
                                      int            *child_fd,
                                      GError        **error);

/* Takes lines of any length, for a stream that writes to the terminal and is closed with it */
GOutputStream *gp_terminal_input_new (GOutputStream  *to_terminal);

/* As a user who presses Ctrl+D: what was typed so far is handed over, and then the end. Blocks as
 * long as nobody reads. */
void           gp_terminal_send_end  (GOutputStream  *to_terminal);

/* Nothing happens if @our_fd is -1 */
void           gp_terminal_resize    (int             our_fd,
                                      guint           columns,
                                      guint           rows);

G_END_DECLS
