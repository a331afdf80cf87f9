/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include <string.h>

G_BEGIN_DECLS

/* Few enough to be copied by registers */
#define GP_COPY_PIECE 64

/* For buffers that are read into: at the beginning of a page, or this far from it, the kernel does not
 * run into what is said below either. */
#define GP_COPY_ALIGNMENT 64

/* memcpy () that never uses `rep movs`, as the C library does for more than 2 KiB. On some processors
 * that instruction is fifteen times slower if the target lies a few bytes behind the source within a
 * page. It does for the first byte of a page and a buffer from malloc (), which begins 16 bytes later.
 * Elsewhere both are equally fast. */
static inline void
gp_copy (gpointer      to,
         gconstpointer from,
         gsize         size)
{
  guint8 *target = to;
  const guint8 *source = from;

  for (; size >= GP_COPY_PIECE; size -= GP_COPY_PIECE)
    {
      memcpy (target, source, GP_COPY_PIECE);
      target += GP_COPY_PIECE;
      source += GP_COPY_PIECE;
    }
  memcpy (target, source, size);
}

G_END_DECLS
