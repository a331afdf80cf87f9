/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-gates.h"

G_BEGIN_DECLS

/* Streams without a descriptor, which record what is done to them. Both count how often they
 * were closed, and may be used in any thread. */

/* Gives @size bytes of the pattern, and then the end of file, or blocks until it is cancelled */
#define GP_TYPE_TEST_SOURCE (gp_test_source_get_type ())
G_DECLARE_FINAL_TYPE (GpTestSource, gp_test_source, GP, TEST_SOURCE, GInputStream)

GInputStream  *gp_test_source_new          (guint64        size,
                                            gboolean       endless);
/* An endless one ends when the gate is open, rather than only when it is cancelled. */
void           gp_test_source_set_gate     (GpTestSource  *self,
                                            GpTestGate    *gate);
guint          gp_test_source_get_n_closes (gpointer       self);
/* A read waits now for being cancelled */
gboolean       gp_test_source_is_blocked   (gpointer       self);
guint64        gp_test_source_get_n_bytes  (gpointer       self);

/* Takes @limit bytes, counting and summing, and then blocks until it is cancelled, or fails if
 * an error was given */
#define GP_TYPE_TEST_SINK (gp_test_sink_get_type ())
G_DECLARE_FINAL_TYPE (GpTestSink, gp_test_sink, GP, TEST_SINK, GOutputStream)

GOutputStream *gp_test_sink_new            (guint64        limit,
                                            GError        *error);
/* Whoever blocks goes on when the gate is open: everything is taken then, or @error comes, which
 * the sink owns. */
void           gp_test_sink_set_gate       (GpTestSink    *self,
                                            GpTestGate    *gate,
                                            GError        *error);
guint          gp_test_sink_get_n_closes   (gpointer       self);
/* TRUE: the close came with a raised cancellable, as for content that must not be kept */
gboolean       gp_test_sink_was_discarded  (gpointer       self);
gboolean       gp_test_sink_is_blocked     (gpointer       self);
guint64        gp_test_sink_get_n_bytes    (gpointer       self);
guint64        gp_test_sink_get_checksum   (gpointer       self);

G_END_DECLS
