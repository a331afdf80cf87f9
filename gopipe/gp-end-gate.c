/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-end-gate-private.h"

/* Closed, then open for ever. The run and the stream have a reference each. @error does not change
 * any more once the latch is raised, so it is read without a lock. */
struct _GpEndGate
{
  gatomicrefcount  ref_count;
  GpInterrupt     *latch;
  GMutex           lock; /* for who opens it */
  GError          *error;
};

GpEndGate *
gp_end_gate_new (GError **error)
{
  GpInterrupt *latch = gp_interrupt_new (error);
  GpEndGate *self;

  if (latch == NULL)
    return NULL;

  self = g_new0 (GpEndGate, 1);
  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->latch = latch;

  return self;
}

GpEndGate *
gp_end_gate_ref (GpEndGate *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_end_gate_unref (GpEndGate *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  gp_interrupt_unref (self->latch);
  g_clear_error (&self->error);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gp_end_gate_open (GpEndGate    *self,
                  const GError *error)
{
  g_mutex_lock (&self->lock);
  if (!gp_interrupt_is_raised (self->latch))
    {
      if (error != NULL)
        self->error = gp_end_gate_new_error (error);
      gp_interrupt_raise (self->latch);
    }
  g_mutex_unlock (&self->lock);
}

gboolean
gp_end_gate_is_open (GpEndGate *self)
{
  return gp_interrupt_is_raised (self->latch);
}

int
gp_end_gate_get_fd (GpEndGate *self)
{
  return gp_interrupt_get_fd (self->latch);
}

gboolean
gp_end_gate_pass (GpEndGate  *self,
                  GError    **error)
{
  if (self->error == NULL)
    return TRUE;

  g_propagate_error (error, g_error_copy (self->error));

  return FALSE;
}

GError *
gp_end_gate_new_error (const GError *error)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                      "the input is not complete: %s", error->message);
}
