/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-interrupt-private.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gp-descriptor-private.h"

/* Two states: quiet and, for ever after the first gp_interrupt_raise (), raised. The eventfd is
 * never read, which is what keeps it readable for everybody who polls it. @raised says the same
 * without a system call, and lets only the first raise write.
 *
 * That of a nested pipeline counts as raised as soon as an outer one is, although its descriptor
 * becomes readable a moment later: what ends in between does so because of the outer one.
 *
 * Everybody who polls the descriptor or may raise holds a reference: the descriptor's number
 * must not be taken by somebody else in between. */
struct _GpInterrupt
{
  gatomicrefcount ref_count;
  GpInterrupt    *outer;  /* atomic: owned, or NULL */
  int             raised; /* atomic */
  int             fd;
};

GpInterrupt *
gp_interrupt_new (GError **error)
{
  GpInterrupt *self;
  int fd = gp_descriptor_lift (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK),
                               "cannot make an event descriptor", error);

  if (fd < 0)
    return NULL;

  self = g_new0 (GpInterrupt, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->fd = fd;

  return self;
}

GpInterrupt *
gp_interrupt_ref (GpInterrupt *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
gp_interrupt_unref (GpInterrupt *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  gp_descriptor_clear (&self->fd);
  g_clear_pointer (&self->outer, gp_interrupt_unref);
  g_free (self);
}

void
gp_interrupt_set_outer (GpInterrupt *self,
                        GpInterrupt *outer)
{
  if (!g_atomic_pointer_compare_and_exchange (&self->outer, NULL, gp_interrupt_ref (outer)))
    gp_interrupt_unref (outer);
}

void
gp_interrupt_raise (GpInterrupt *self)
{
  const guint64 one = 1;

  if (!g_atomic_int_compare_and_exchange (&self->raised, FALSE, TRUE))
    return;

  while (write (self->fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

gboolean
gp_interrupt_is_raised (GpInterrupt *self)
{
  GpInterrupt *outer;

  if (g_atomic_int_get (&self->raised))
    return TRUE;

  outer = g_atomic_pointer_get (&self->outer);

  return outer != NULL && gp_interrupt_is_raised (outer);
}

int
gp_interrupt_get_fd (GpInterrupt *self)
{
  return self->fd;
}

gboolean
gp_interrupt_set_error_if_raised (GpInterrupt  *self,
                                  GError      **error)
{
  if (self == NULL || !gp_interrupt_is_raised (self))
    return FALSE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Operation was cancelled");

  return TRUE;
}
