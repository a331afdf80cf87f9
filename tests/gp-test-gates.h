/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where code waits until the test lets it go on. It ignores its cancellable there, unless it says
 * otherwise. A gate must outlive all that waits at it. */
typedef struct
{
  GMutex   lock;
  GCond    changed;
  gboolean is_open;
  guint    n_waiting;
} GpTestGate;

void           gp_test_gate_init         (GpTestGate    *self);
void           gp_test_gate_clear        (GpTestGate    *self);
void           gp_test_gate_open         (GpTestGate    *self);
/* Blocks until the gate is open, in any thread */
void           gp_test_gate_pass         (GpTestGate    *self);
/* The same for code that can be stopped. FALSE: it was, before the gate was open */
gboolean       gp_test_gate_pass_unless_cancelled (GpTestGate   *self,
                                                   GCancellable *cancellable);
/* A condition: somebody waits */
gboolean       gp_test_gate_is_waited_at (gpointer       self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GpTestGate, gp_test_gate_clear)

/* A thread of whose sleep nothing else tells: it announces itself in an int, which is 0 before; the
 * other one is a condition. */
void           gp_test_announce_thread   (int           *where);
gboolean       gp_test_thread_sleeps     (gpointer       where);

/* Passes the gate with each read, gives @text once, and then the end of file */
#define GP_TYPE_TEST_GATED_INPUT (gp_test_gated_input_get_type ())
G_DECLARE_FINAL_TYPE (GpTestGatedInput, gp_test_gated_input, GP, TEST_GATED_INPUT, GInputStream)

GInputStream  *gp_test_gated_input_new          (GpTestGate    *gate,
                                                 const char    *text);
guint          gp_test_gated_input_get_n_closes (gpointer       self);

/* A filter that passes a gate before each write, or before it closes; both may be NULL */
#define GP_TYPE_TEST_GATED_OUTPUT (gp_test_gated_output_get_type ())
G_DECLARE_FINAL_TYPE (GpTestGatedOutput, gp_test_gated_output, GP, TEST_GATED_OUTPUT,
                      GFilterOutputStream)

GOutputStream *gp_test_gated_output_new  (GOutputStream *base,
                                          GpTestGate    *write_gate,
                                          GpTestGate    *close_gate);

G_END_DECLS
