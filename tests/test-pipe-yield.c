/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-descriptor-private.h"
#include "gopipe/gp-pipe-stream-private.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "gp-test-pipe-util.h"

/* When an end of a pipe lets others go first, and what may happen meanwhile */

/* GLib's own thread polls as well. */
static _Thread_local guint n_yields;
static _Thread_local void (*on_yield) (void);
static _Thread_local void (*on_poll) (void);
static int fds[2];
static GCancellable *cancellable;

static void
call_once (void (**func) (void))
{
  void (*this_func) (void) = g_steal_pointer (func);

  if (this_func != NULL)
    this_func ();
}

/* In place of those of the C library */
int
sched_yield (void)
{
  n_yields++;
  call_once (&on_yield);

  return 0;
}

int
poll (struct pollfd *poll_fds,
      nfds_t         n_fds,
      int            timeout)
{
  const struct timespec time = { timeout / 1000, timeout % 1000 * 1000000L };

  call_once (&on_poll);

  return ppoll (poll_fds, n_fds, timeout >= 0 ? &time : NULL, NULL);
}

static void
write_byte (void)
{
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
}

static void
write_byte_next_time (void)
{
  on_poll = write_byte;
}

static void
cancel (void)
{
  g_cancellable_cancel (cancellable);
}

static void
cancel_and_close (void)
{
  cancel ();
  gp_descriptor_clear (&fds[1]);
}

static GInputStream *
open_reader (void)
{
  n_yields = 0;
  g_assert_true (gp_descriptor_open_pipe (fds, NULL));

  return gp_pipe_input_stream_new (fds[0], NULL);
}

static void
assert_read (GInputStream *reader,
             guint         expected_yields)
{
  g_autoptr (GError) error = NULL;
  char buffer[8];

  g_assert_cmpint (g_input_stream_read (reader, buffer, sizeof buffer, NULL, &error), ==, 1);
  g_assert_no_error (error);
  g_assert_cmpuint (n_yields, ==, expected_yields);
}

static void
test_useful (void)
{
  g_autoptr (GInputStream) reader = open_reader ();

  for (guint i = 1; i <= 5; i++)
    {
      on_yield = write_byte;
      assert_read (reader, i);
    }
  gp_descriptor_clear (&fds[1]);
}

static void
test_in_vain (void)
{
  static const guint expected_yields[] = { 1, 1, 1, 2, 2, 2, 3 };
  g_autoptr (GInputStream) reader = open_reader ();

  for (guint i = 0; i < G_N_ELEMENTS (expected_yields); i++)
    {
      on_poll = write_byte;
      assert_read (reader, expected_yields[i]);
    }
  gp_descriptor_clear (&fds[1]);
}

/* What comes first is told, although the end is there as well. */
static void
test_cancelled (void)
{
  g_autoptr (GInputStream) reader = open_reader ();
  g_autoptr (GError) error = NULL;
  char buffer[8];

  cancellable = g_cancellable_new ();
  on_yield = cancel_and_close;
  g_assert_cmpint (g_input_stream_read (reader, buffer, sizeof buffer, cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&cancellable);
}

/* Whether that would block is not ours to try twice. */
static void
test_lent (void)
{
  g_autoptr (GInputStream) base = NULL;
  g_autoptr (GInputStream) reader = NULL;

  n_yields = 0;
  g_assert_true (gp_descriptor_open_pipe (fds, NULL));
  base = g_unix_input_stream_new (fds[0], TRUE);
  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  on_poll = write_byte_next_time;
  assert_read (reader, 0);
  gp_descriptor_clear (&fds[1]);
}

/* Found full before and after a yield, it is not full twice, which would make it larger. */
static void
test_writer (void)
{
  g_autoptr (GOutputStream) writer = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  int size;

  n_yields = 0;
  g_assert_true (gp_descriptor_open_pipe (fds, NULL));
  writer = gp_pipe_output_stream_new (fds[1], NULL);
  size = fcntl (fds[1], F_GETPIPE_SZ);
  text = g_strnfill (size, 'x');
  g_assert_true (g_output_stream_write_all (writer, text, size, NULL, NULL, &error));
  g_assert_no_error (error);

  cancellable = g_cancellable_new ();
  on_poll = cancel;
  g_assert_cmpint (g_output_stream_write (writer, "x", 1, cancellable, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (n_yields, ==, 1);
  g_assert_cmpint (fcntl (fds[1], F_GETPIPE_SZ), ==, size);
  g_clear_object (&cancellable);
  gp_descriptor_clear (&fds[0]);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_case ("/pipe-yield/useful", test_useful);
  add_case ("/pipe-yield/in-vain", test_in_vain);
  add_case ("/pipe-yield/cancelled", test_cancelled);
  add_case ("/pipe-yield/lent", test_lent);
  add_case ("/pipe-yield/writer", test_writer);

  return g_test_run ();
}
