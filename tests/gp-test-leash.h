/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include <fcntl.h>
#include <unistd.h>

#include "gp-test-util.h"

G_BEGIN_DECLS

/* Two pipes that a command and all that it starts have as descriptors 3 and 4. On the one they talk
 * to the test, which sees its end when none of them is left; that the test closes the other one
 * tells those who are left that they may end. See the mode "leave" of gp-test-child. */
typedef struct
{
  int from;
  int to;
} Leash;

#define LEASH_OUT 3
#define LEASH_IN  4

/* The other ends belong to the caller, in @fds: 0 to read and 1 to write for the command. */
static inline void
leash_open (Leash *self,
            int    fds[2])
{
  int out[2], in[2];

  gp_test_open_pipe (out);
  gp_test_open_pipe (in);
  *self = (Leash) { out[0], in[1] };
  fds[0] = in[0];
  fds[1] = out[1];
}

static inline void
leash_attach (Leash          *self,
              GpCommandStage *stage)
{
  int fds[2];

  leash_open (self, fds);
  gp_command_stage_take_fd (stage, fds[1], LEASH_OUT);
  gp_command_stage_take_fd (stage, fds[0], LEASH_IN);
}

static inline char
leash_read (Leash *self)
{
  char byte;
  gssize size = read (self->from, &byte, 1);

  g_assert_cmpint (size, >=, 0);
  return size == 1 ? byte : '\0';
}

/* All are there */
static inline void
leash_await_ready (Leash *self)
{
  g_assert_cmpint (leash_read (self), ==, '!');
}

/* Somebody who answers is left */
static inline void
leash_assert_alive (Leash *self)
{
  g_assert_cmpint (write (self->to, "x", 1), ==, 1);
  g_assert_cmpint (leash_read (self), ==, 'x');
}

static inline void
leash_release (Leash *self)
{
  if (self->to >= 0)
    close (self->to);
  self->to = -1;
}

static inline gboolean
leash_is_loose (gpointer data)
{
  Leash *self = data;
  char byte;
  gssize size;

  fcntl (self->from, F_SETFL, O_NONBLOCK);
  while ((size = read (self->from, &byte, 1)) > 0)
    continue;
  return size == 0;
}

/* Nobody is left, which may take a moment */
static inline void
leash_await_end (Leash *self)
{
  gp_test_wait_until ("descendants to end", leash_is_loose, self);
}

static inline void
leash_clear (Leash *self)
{
  leash_release (self);
  close (self->from);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Leash, leash_clear)

G_END_DECLS
