/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-user-function-private.h"

#include "gp-engine-private.h"

typedef struct
{
  gpointer       data;
  GDestroyNotify destroy;
} Leftover;

static gboolean
destroy_cb (gpointer data)
{
  return G_SOURCE_REMOVE;
}

static void
leftover_free (gpointer data)
{
  Leftover *leftover = data;

  leftover->destroy (leftover->data);
  g_free (leftover);
}

void
gp_user_function_init (GpUserFunction *self,
                       GCallback       func,
                       gpointer        data,
                       GDestroyNotify  destroy)
{
  self->func = func;
  self->data = data;
  self->destroy = destroy;
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_ref (g_thread_self ());
}

void
gp_user_function_clear (GpUserFunction *self)
{
  /* Whoever leads the engine is in a call of ours that runs no code of the application. */
  if (self->destroy != NULL && (self->thread != g_thread_self () || gp_engine_is_here ()))
    {
      g_autoptr (GSource) source = g_idle_source_new ();
      Leftover *leftover = g_new (Leftover, 1);

      /* The source frees its data also when its context goes without running it. */
      *leftover = (Leftover) { self->data, self->destroy };
      g_source_set_static_name (source, "[gopipe] free function data");
      g_source_set_callback (source, destroy_cb, leftover, leftover_free);
      g_source_attach (source, self->context);
    }
  else if (self->destroy != NULL)
    {
      self->destroy (self->data);
    }

  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_pointer (&self->thread, g_thread_unref);
}

GpUserFunction *
gp_user_function_new (GCallback      func,
                      gpointer       data,
                      GDestroyNotify destroy)
{
  GpUserFunction *self = g_atomic_rc_box_new (GpUserFunction);

  gp_user_function_init (self, func, data, destroy);

  return self;
}

GpUserFunction *
gp_user_function_ref (GpUserFunction *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
gp_user_function_unref (GpUserFunction *self)
{
  g_atomic_rc_box_release_full (self, (GDestroyNotify) gp_user_function_clear);
}
