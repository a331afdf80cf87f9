/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-types.h"

G_BEGIN_DECLS

/* A file at an end of a pipeline: opened when that is started, and closed when it has ended. Both
 * may block, and are done one after the other, by one thread at a time. */

typedef struct _GpFileEnd GpFileEnd;

GpFileEnd  *gp_file_end_new_input   (GFile         *file);
GpFileEnd  *gp_file_end_new_output  (GFile         *file,
                                     GpFileMode     mode);
void        gp_file_end_free        (GpFileEnd     *self);

/* For errors, as in: standard output "/tmp/file" */
const char *gp_file_end_get_title   (GpFileEnd     *self);

/* Whether the file changes only when it is closed */
gboolean    gp_file_end_is_replaced (GpFileEnd     *self);

/* (transfer full) (nullable): a stream to read or to write. If the system has the file, a process
 * can have its descriptor. The error names the file. */
gpointer    gp_file_end_open        (GpFileEnd     *self,
                                     GCancellable  *cancellable,
                                     GError       **error);

/* Closes the stream, unless it has an operation pending. Unless @complete, a file that was to be
 * replaced stays as it was. */
gboolean    gp_file_end_close       (GpFileEnd     *self,
                                     gboolean       complete,
                                     GCancellable  *cancellable,
                                     GError       **error);

G_END_DECLS
