/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a line function writes to. Lines that are kept go the same way, without a call of the stream
 * for each: the output remembers where they lie, as long as they lie one after the other, and copies
 * them all together before anything else is written. */

#define GP_TYPE_LINE_OUTPUT (gp_line_output_get_type ())
G_DECLARE_FINAL_TYPE (GpLineOutput, gp_line_output, GP, LINE_OUTPUT, GDataOutputStream)

/* Writes to @target as it pleases */
GpLineOutput *gp_line_output_new      (GOutputStream  *target,
                                       GCancellable   *cancellable);
/* Never blocks: keeps everything until it is taken */
GpLineOutput *gp_line_output_new_held (void);

/* @data must stay as it is until the next gp_line_output_settle (). */
gboolean      gp_line_output_keep     (GpLineOutput   *self,
                                       const char     *data,
                                       gsize           size,
                                       GError        **error);
gboolean      gp_line_output_settle   (GpLineOutput   *self,
                                       GError        **error);

/* Everything, before something else is waited for; without flushing the target */
gboolean      gp_line_output_write_out (GpLineOutput  *self,
                                        GError       **error);

/* Of a held output: what was written and kept since the last time; empty or not */
GByteArray   *gp_line_output_take     (GpLineOutput   *self,
                                       GError        **error);

/* Writes what is left, and flushes the target. Whatever a function does with its output from now on
 * has no effect. */
gboolean      gp_line_output_end      (GpLineOutput   *self,
                                       GError        **error);

G_END_DECLS
