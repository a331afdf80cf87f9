/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Command lines as in a shell, but without one: words and quotes as g_shell_parse_argv () knows
 * them, and "|" between commands. An operator that only a shell knows is an error
 * (GP_PIPELINE_ERROR_INVALID) rather than an argument that the command gets literally. */

/* (transfer full): one command */
char     **gp_command_line_parse          (const char  *text,
                                           GError     **error);

/* (transfer full) (element-type GStrv): commands joined by "|" */
GPtrArray *gp_command_line_parse_pipeline (const char  *text,
                                           GError     **error);

G_END_DECLS
