/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-memory-pipe-private.h"
#include "gopipe/gp-pump-private.h"
#include "gopipe/gp-thread-pool-private.h"

#include "gp-test-pipe-util.h"

/* What a pump told when it was done */
typedef struct
{
  GMutex  mutex;
  GCond   cond;
  guint   n_calls;
  guint64 bytes;
  GError *read_error;
  GError *write_error;
} Outcome;

static void
done_cb (GpPump             *pump,
         const GpPumpResult *result,
         gpointer            user_data)
{
  Outcome *self = user_data;

  g_mutex_lock (&self->mutex);
  self->n_calls++;
  self->bytes = result->bytes;
  self->read_error = result->read_error != NULL ? g_error_copy (result->read_error) : NULL;
  self->write_error = result->write_error != NULL ? g_error_copy (result->write_error) : NULL;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

static void
await_outcome (Outcome *self)
{
  g_mutex_lock (&self->mutex);
  while (self->n_calls == 0)
    g_cond_wait (&self->cond, &self->mutex);
  g_mutex_unlock (&self->mutex);
  gp_thread_pool_drain ();
  g_assert_cmpuint (self->n_calls, ==, 1);
}

static void
outcome_clear (Outcome *self)
{
  g_clear_error (&self->read_error);
  g_clear_error (&self->write_error);
}

static GpPump *
start (GInputStream  *from,
       GOutputStream *to,
       Outcome       *outcome)
{
  g_autoptr (GError) error = NULL;
  GpPump *pump = gp_pump_start ("test", from, to, done_cb, outcome, &error);

  g_assert_no_error (error);

  return pump;
}

static void
test_copy (void)
{
  const gsize sizes[] = { 0, 1, 256 * 1024, 256 * 1024 + 1, 5000011 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *data = g_malloc (sizes[i] + 1);
      g_autoptr (GInputStream) from = NULL;
      g_autoptr (GOutputStream) to = g_memory_output_stream_new_resizable ();
      Outcome outcome = { 0, };
      g_autoptr (GpPump) pump = NULL;

      gp_test_pattern_fill (data, sizes[i], 0);
      from = g_memory_input_stream_new_from_data (data, sizes[i], NULL);
      pump = start (from, to, &outcome);
      await_outcome (&outcome);
      g_assert_no_error (outcome.read_error);
      g_assert_no_error (outcome.write_error);
      g_assert_cmpuint (outcome.bytes, ==, sizes[i]);
      g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (to)),
                       g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (to)),
                       data, sizes[i]);
      g_assert_false (g_output_stream_is_closed (to));
      g_assert_finalize_object (g_steal_pointer (&from));
      gp_pump_stop (pump);
    }
}

static void
test_flush (void)
{
  g_autoptr (GInputStream) from = g_memory_input_stream_new_from_data ("abc", 3, NULL);
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (memory);
  g_autoptr (GInputStream) again = g_memory_input_stream_new_from_data ("abc", 3, NULL);
  g_autoptr (GOutputStream) small = g_memory_output_stream_new (g_malloc (2), 2, NULL, g_free);
  g_autoptr (GOutputStream) full = g_buffered_output_stream_new (small);
  GpPumpResult result;

  g_assert_true (gp_pump_copy (from, buffered, NULL, &result));
  g_assert_cmpuint (g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory)), ==, 3);
  gp_pump_result_clear (&result);

  g_assert_false (gp_pump_copy (again, full, NULL, &result));
  g_assert_no_error (result.read_error);
  g_assert_error (result.write_error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gp_pump_result_clear (&result);
}

static void
test_write_error (void)
{
  g_autoptr (GpMemoryPipe) source = gp_memory_pipe_new ();
  g_autoptr (GpMemoryPipe) target = gp_memory_pipe_new ();
  g_autoptr (GInputStream) from = gp_memory_pipe_new_reader (source);
  g_autoptr (GOutputStream) feed = gp_memory_pipe_new_writer (source);
  g_autoptr (GInputStream) drain = gp_memory_pipe_new_reader (target);
  g_autoptr (GOutputStream) to = gp_memory_pipe_new_writer (target);
  Outcome outcome = { 0, };
  g_autoptr (GpPump) pump = NULL;

  g_input_stream_close (drain, NULL, NULL);
  g_output_stream_write (feed, "x", 1, NULL, NULL);
  pump = start (from, to, &outcome);
  await_outcome (&outcome);
  g_assert_no_error (outcome.read_error);
  g_assert_error (outcome.write_error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_cmpuint (outcome.bytes, ==, 0);
  outcome_clear (&outcome);
}

static void
test_read_error (void)
{
  g_autoptr (GpMemoryPipe) source = gp_memory_pipe_new ();
  g_autoptr (GInputStream) from = gp_memory_pipe_new_reader (source);
  g_autoptr (GOutputStream) to = g_memory_output_stream_new_resizable ();
  Outcome outcome = { 0, };
  g_autoptr (GpPump) pump = NULL;

  gp_memory_pipe_interrupt (source);
  pump = start (from, to, &outcome);
  await_outcome (&outcome);
  g_assert_error (outcome.read_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_no_error (outcome.write_error);
  outcome_clear (&outcome);
}

/* Stopped while it starts, reads, writes, or is just done; the starter keeps its reference or
 * not. */
static void
test_stop (void)
{
  for (guint i = 0; i < n_rounds (); i++)
    {
      g_autoptr (GpMemoryPipe) source = gp_memory_pipe_new ();
      g_autoptr (GpMemoryPipe) target = gp_memory_pipe_new ();
      g_autoptr (GInputStream) from = gp_memory_pipe_new_reader (source);
      g_autoptr (GOutputStream) feed = gp_memory_pipe_new_writer (source);
      g_autoptr (GInputStream) drain = gp_memory_pipe_new_reader (target);
      g_autoptr (GOutputStream) to = gp_memory_pipe_new_writer (target);
      Outcome outcome = { 0, };
      g_autoptr (GpPump) pump = start (from, to, &outcome);
      End writer = { feed, NULL, END_SYNC, 65536, i % 2 ? 100000 : 5000000, 0, FALSE, i % 3 == 0,
                     NULL, NULL };
      GThread *thread = g_thread_new ("writer", end_thread, &writer);

      for (int n = g_random_int_range (0, 60); n > 0; n--)
        g_thread_yield ();
      gp_pump_stop (pump);
      gp_pump_stop (pump);
      if (i % 2 == 0)
        g_clear_pointer (&pump, gp_pump_unref);
      await_outcome (&outcome);
      gp_memory_pipe_interrupt (source);
      end_join (&writer, thread);

      if (outcome.read_error != NULL)
        g_assert_error (outcome.read_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      else if (outcome.write_error != NULL)
        g_assert_error (outcome.write_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      else
        g_assert_cmpuint (outcome.bytes, ==, writer.done);
      g_assert_true (outcome.read_error == NULL || outcome.write_error == NULL);
      outcome_clear (&outcome);
      g_clear_error (&writer.error);
    }
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_case ("/pump/copy", test_copy);
  add_case ("/pump/flush", test_flush);
  add_case ("/pump/write-error", test_write_error);
  add_case ("/pump/read-error", test_read_error);
  add_case ("/pump/stop", test_stop);

  return g_test_run ();
}
