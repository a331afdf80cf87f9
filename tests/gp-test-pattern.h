/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes that big-data tests send, and the checksum by which they are known again. Used by
 * the tests and by the child program, which has no GLib. */

/* A prime: no buffer size divides it, so a lost or doubled buffer never goes unseen */
#define GP_TEST_PATTERN_PERIOD 65521

#define GP_TEST_CHECKSUM_INIT 0xcbf29ce484222325u

static inline const uint8_t *
gp_test_pattern_block (void)
{
  static uint8_t block[GP_TEST_PATTERN_PERIOD];
  static int ready;

  if (!__atomic_load_n (&ready, __ATOMIC_ACQUIRE))
    {
      uint32_t x = 2463534242u;

      /* Two threads that come here at once write the same bytes */
      for (size_t i = 0; i < sizeof block; i++)
        {
          x ^= x << 13;
          x ^= x >> 17;
          x ^= x << 5;
          __atomic_store_n (&block[i], (uint8_t) x, __ATOMIC_RELAXED);
        }
      __atomic_store_n (&ready, 1, __ATOMIC_RELEASE);
    }
  return block;
}

/* The @size bytes of the pattern from @offset on */
static inline void
gp_test_pattern_fill (uint8_t  *buffer,
                      size_t    size,
                      uint64_t  offset)
{
  const uint8_t *block = gp_test_pattern_block ();

  while (size > 0)
    {
      size_t at = offset % GP_TEST_PATTERN_PERIOD;
      size_t n = GP_TEST_PATTERN_PERIOD - at;

      if (n > size)
        n = size;
      memcpy (buffer, block + at, n);
      buffer += n;
      size -= n;
      offset += n;
    }
}

/* FNV-1a, continued from @sum */
static inline uint64_t
gp_test_checksum (uint64_t       sum,
                  const uint8_t *buffer,
                  size_t         size)
{
  for (size_t i = 0; i < size; i++)
    sum = (sum ^ buffer[i]) * 0x100000001b3u;
  return sum;
}
