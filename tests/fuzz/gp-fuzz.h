/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include <stdint.h>
#include <string.h>

/* What the targets share. Each is one function of bytes: it makes of them what a hostile file,
 * command, kernel or process could say, gives it to one parser of the library, and aborts if the
 * result is wrong. libFuzzer looks for such bytes; replay.c tries those that are in corpus/.
 *
 * A target whose parser is static, or needs a world of its own, includes the file of the library
 * and puts functions of its own in place of system calls. */

int LLVMFuzzerTestOneInput (const uint8_t *data,
                            size_t         size);

/* What is left of the bytes. Where there are none left, everything is zero and empty. */
typedef struct
{
  const guint8 *data;
  gsize         size;
} FuzzInput;

static inline guint8
fuzz_take_byte (FuzzInput *self)
{
  if (self->size == 0)
    return 0;

  self->size--;

  return *self->data++;
}

/* 0 to @n - 1 */
static inline guint
fuzz_choose (FuzzInput *self,
             guint      n)
{
  return fuzz_take_byte (self) % n;
}

static inline gboolean
fuzz_flip (FuzzInput *self)
{
  return fuzz_choose (self, 2) == 1;
}

/* Returns how many there were of them */
static inline gsize
fuzz_take (FuzzInput *self,
           gpointer   to,
           gsize      size)
{
  size = MIN (size, self->size);
  if (size > 0)
    memcpy (to, self->data, size);
  self->data += size;
  self->size -= size;

  return size;
}

/* (transfer full): up to the next zero byte, which is left out, or the end */
static inline char *
fuzz_take_text (FuzzInput *self)
{
  const guint8 *end = self->size > 0 ? memchr (self->data, 0, self->size) : NULL;
  gsize length = end != NULL ? (gsize) (end - self->data) : self->size;
  char *text = g_strndup (self->size > 0 ? (const char *) self->data : "", length);

  length += end != NULL ? 1 : 0;
  self->data += length;
  self->size -= length;

  return text;
}

/* (transfer full): all texts that are left, at most @max */
static inline char **
fuzz_take_texts (FuzzInput *self,
                 guint      max)
{
  GPtrArray *texts = g_ptr_array_new ();

  while (self->size > 0 && texts->len < max)
    g_ptr_array_add (texts, fuzz_take_text (self));
  g_ptr_array_add (texts, NULL);

  return (char **) g_ptr_array_free (texts, FALSE);
}
