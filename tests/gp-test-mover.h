/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include "gp-test-pattern.h"

G_BEGIN_DECLS

/* Somebody who writes, reads or copies the pattern, in pieces of random sizes between a byte and a
 * megabyte, sometimes slowly. He has a random generator of his own, so that what he does depends on
 * his seed only. In one thread at a time. */

typedef struct _GpTestMover GpTestMover;

GpTestMover *gp_test_mover_new                   (guint32          seed,
                                                  guint64          amount);
void         gp_test_mover_free                  (GpTestMover     *self);

gsize        gp_test_mover_get_next_size         (GpTestMover     *self);

gboolean     gp_test_mover_write                 (GpTestMover     *self,
                                                  GOutputStream   *output,
                                                  GCancellable    *cancellable,
                                                  GError         **error);
gboolean     gp_test_mover_read                  (GpTestMover     *self,
                                                  GInputStream    *input,
                                                  GCancellable    *cancellable,
                                                  GError         **error);
gboolean     gp_test_mover_copy                  (GpTestMover     *self,
                                                  GInputStream    *input,
                                                  GOutputStream   *output,
                                                  GCancellable    *cancellable,
                                                  GError         **error);

/* The same in the default context, with asynchronous operations; they close the stream at the end. Any
 * error is that of the test. */
void         gp_test_mover_write_in_context      (GpTestMover     *self,
                                                  GOutputStream   *output);
void         gp_test_mover_read_in_context       (GpTestMover     *self,
                                                  GInputStream    *input);
void         gp_test_mover_wait                  (GpTestMover     *self);
/* A GpAsyncFunction */
gboolean     gp_test_mover_copy_in_context       (GpStageContext  *context,
                                                  gpointer         self,
                                                  GError         **error);

/* All of it was read, and it was the pattern */
void         gp_test_mover_check                 (GpTestMover     *self);
guint64      gp_test_mover_get_expected_checksum (guint64          amount);

G_END_DECLS
