/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-error.h"

G_BEGIN_DECLS

gboolean    gp_error_is_finish_early (const GError *error);
gboolean    gp_error_is_cancelled    (const GError *error);

/* "SIGTERM", or "signal 47" */
char       *gp_signal_dup_name       (int           signum);

/* What becomes of @error: (transfer full) both ways. @replacement (nullable) starts with @name in
 * the end. */
GError     *gp_error_act             (GError        *error,
                                      GpErrorAction  action,
                                      const GError  *replacement,
                                      const char    *name);

/* While something is set up nothing fails: why it cannot work is kept in *@mistake until it is
 * started. Only the first is: the others may be its consequences. */
void        gp_error_note_mistake    (GError      **mistake,
                                      const char   *format,
                                      ...) G_GNUC_PRINTF (2, 3);

/* GP_PIPELINE_ERROR_INVALID in valid UTF-8, whatever a caller's text is that stands in it */
void        gp_error_set_invalid     (GError      **error,
                                      const char   *format,
                                      ...) G_GNUC_PRINTF (2, 3);

/* A copy with valid UTF-8 whose message starts with @format, for example "sort: " */
GError     *gp_error_copy_prefixed   (const GError *error,
                                      const char   *format,
                                      ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
