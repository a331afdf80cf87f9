/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A function of the application with its data. The data are freed in the main context in which
 * they were handed to us, as long as somebody runs it: they may belong to a language that has one
 * thread only. */
typedef struct
{
  GCallback       func;
  gpointer        data;
  GDestroyNotify  destroy;
  GMainContext   *context;
  GThread        *thread;
} GpUserFunction;

void gp_user_function_init  (GpUserFunction *self,
                             GCallback       func,
                             gpointer        data,
                             GDestroyNotify  destroy);
void gp_user_function_clear (GpUserFunction *self);

/* The same on the heap, with a count of references, for what is shared */
GpUserFunction *gp_user_function_new   (GCallback       func,
                                        gpointer        data,
                                        GDestroyNotify  destroy);
GpUserFunction *gp_user_function_ref   (GpUserFunction *self);
void            gp_user_function_unref (GpUserFunction *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpUserFunction, gp_user_function_unref)

G_END_DECLS
