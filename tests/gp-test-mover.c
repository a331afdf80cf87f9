/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-mover.h"

#include "gp-test-util.h"

#include <sched.h>

#define MAX_BITS 20

/* How small the pieces are is drawn once for all of them, so that there are those who always work
 * byte by byte. */
struct _GpTestMover
{
  GRand          *rand;     /* owned */
  int             max_bits; /* of the size of a piece */
  guint64         amount;   /* to write */
  guint64         n_bytes;  /* written or read */
  guint64         checksum; /* of what was read */
  guint8         *buffer;   /* owned, for the largest piece */
  gboolean        is_done;
  GInputStream   *input;    /* owned while it moves in the context */
  GOutputStream  *output;   /* owned while it moves in the context */
  GpStageContext *context;  /* owned while it copies in the context */
};

GpTestMover *
gp_test_mover_new (guint32 seed,
                   guint64 amount)
{
  GpTestMover *self = g_new0 (GpTestMover, 1);
  int min_bits = 0;

  /* Not millions of system calls for one round */
  while (min_bits < MAX_BITS && amount >> min_bits > 10000)
    min_bits++;

  self->rand = g_rand_new_with_seed (seed);
  self->max_bits = g_rand_int_range (self->rand, min_bits, MAX_BITS + 1);
  self->amount = amount;
  self->checksum = GP_TEST_CHECKSUM_INIT;
  self->buffer = g_malloc (1 << MAX_BITS);

  return self;
}

void
gp_test_mover_free (GpTestMover *self)
{
  g_assert_null (self->input);
  g_assert_null (self->output);
  g_rand_free (self->rand);
  g_free (self->buffer);
  g_free (self);
}

gsize
gp_test_mover_get_next_size (GpTestMover *self)
{
  gint32 bits = g_rand_int_range (self->rand, self->max_bits / 2, self->max_bits + 1);

  return (gsize) g_rand_int_range (self->rand, 1, (1 << bits) + 1);
}

/* Lets others go first, now and then for long */
static void
rest (GpTestMover *self)
{
  gint32 n = g_rand_int_range (self->rand, 0, 16) == 0 ? g_rand_int_range (self->rand, 0, 50) : 0;

  for (gint32 i = 0; i < n; i++)
    sched_yield ();
}

static gsize
prepare_piece (GpTestMover *self)
{
  gsize wanted = gp_test_mover_get_next_size (self);
  gsize size = MIN (wanted, self->amount - self->n_bytes);

  gp_test_pattern_fill (self->buffer, size, self->n_bytes);

  return size;
}

static void
take_piece (GpTestMover *self,
            gsize        size)
{
  self->checksum = gp_test_checksum (self->checksum, self->buffer, size);
  self->n_bytes += size;
}

/* --- In a thread -------------------------------------------------------------------------- */

/* Either way may write less than it was given: the next piece goes on from there. */
static gssize
write_piece (GpTestMover    *self,
             GOutputStream  *output,
             gsize           size,
             GCancellable   *cancellable,
             GError        **error)
{
  gsize n = 0;

  if (g_rand_boolean (self->rand))
    return g_output_stream_write (output, self->buffer, size, cancellable, error);
  if (!g_output_stream_write_all (output, self->buffer, size, &n, cancellable, error))
    return -1;

  return (gssize) n;
}

gboolean
gp_test_mover_write (GpTestMover    *self,
                     GOutputStream  *output,
                     GCancellable   *cancellable,
                     GError        **error)
{
  while (self->n_bytes < self->amount)
    {
      gssize n = write_piece (self, output, prepare_piece (self), cancellable, error);

      if (n < 0)
        return FALSE;
      self->n_bytes += (guint64) n;
      rest (self);
    }

  return TRUE;
}

gboolean
gp_test_mover_read (GpTestMover   *self,
                    GInputStream  *input,
                    GCancellable  *cancellable,
                    GError       **error)
{
  gssize n;

  while ((n = g_input_stream_read (input, self->buffer, gp_test_mover_get_next_size (self),
                                   cancellable, error)) > 0)
    {
      take_piece (self, (gsize) n);
      rest (self);
    }

  return n == 0;
}

gboolean
gp_test_mover_copy (GpTestMover    *self,
                    GInputStream   *input,
                    GOutputStream  *output,
                    GCancellable   *cancellable,
                    GError        **error)
{
  gssize n;

  while ((n = g_input_stream_read (input, self->buffer, gp_test_mover_get_next_size (self),
                                   cancellable, error)) > 0)
    {
      rest (self);
      if (!g_output_stream_write_all (output, self->buffer, (gsize) n, NULL, cancellable, error))
        return FALSE;
    }

  return n == 0;
}

/* --- In the context ----------------------------------------------------------------------- */

static void
end_in_context (GpTestMover *self)
{
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  self->is_done = TRUE;
}

void
gp_test_mover_wait (GpTestMover *self)
{
  gp_test_wait_flag ("a mover", &self->is_done);
}

static void
output_closed_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;

  g_output_stream_close_finish (self->output, result, &error);
  g_assert_no_error (error);
  end_in_context (self);
}

static void write_next (GpTestMover *self);

static void
piece_written_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_output_stream_write_finish (self->output, result, &error);

  g_assert_no_error (error);
  self->n_bytes += (guint64) n;
  write_next (self);
}

static void
write_next (GpTestMover *self)
{
  if (self->n_bytes == self->amount)
    g_output_stream_close_async (self->output, G_PRIORITY_DEFAULT, NULL, output_closed_cb, self);
  else
    g_output_stream_write_async (self->output, self->buffer, prepare_piece (self), G_PRIORITY_DEFAULT,
                                 NULL, piece_written_cb, self);
}

void
gp_test_mover_write_in_context (GpTestMover   *self,
                                GOutputStream *output)
{
  self->output = g_object_ref (output);
  write_next (self);
}

static void
input_closed_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;

  g_input_stream_close_finish (self->input, result, &error);
  g_assert_no_error (error);
  end_in_context (self);
}

static void read_next (GpTestMover *self);

static void
piece_read_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (self->input, result, &error);

  g_assert_no_error (error);
  if (n == 0)
    {
      g_input_stream_close_async (self->input, G_PRIORITY_DEFAULT, NULL, input_closed_cb, self);
      return;
    }
  take_piece (self, (gsize) n);
  read_next (self);
}

static void
read_next (GpTestMover *self)
{
  g_input_stream_read_async (self->input, self->buffer, gp_test_mover_get_next_size (self),
                             G_PRIORITY_DEFAULT, NULL, piece_read_cb, self);
}

void
gp_test_mover_read_in_context (GpTestMover  *self,
                               GInputStream *input)
{
  self->input = g_object_ref (input);
  read_next (self);
}

static void copy_next (GpTestMover *self);

static void
end_copy (GpTestMover  *self,
          const GError *error)
{
  g_autoptr (GpStageContext) context = g_steal_pointer (&self->context);

  end_in_context (self);
  if (error != NULL)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_success (context);
}

static void
piece_copied_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_write_all_finish (self->output, result, NULL, &error))
    copy_next (self);
  else
    end_copy (self, error);
}

static void
piece_to_copy_cb (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  GpTestMover *self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (self->input, result, &error);

  if (n <= 0)
    end_copy (self, error);
  else
    g_output_stream_write_all_async (self->output, self->buffer, (gsize) n, G_PRIORITY_DEFAULT,
                                     gp_stage_context_get_cancellable (self->context),
                                     piece_copied_cb, self);
}

static void
copy_next (GpTestMover *self)
{
  g_input_stream_read_async (self->input, self->buffer, gp_test_mover_get_next_size (self),
                             G_PRIORITY_DEFAULT, gp_stage_context_get_cancellable (self->context),
                             piece_to_copy_cb, self);
}

gboolean
gp_test_mover_copy_in_context (GpStageContext  *context,
                               gpointer         user_data,
                               GError         **error)
{
  GpTestMover *self = user_data;

  self->context = g_object_ref (context);
  self->input = g_object_ref (gp_stage_context_get_stdin (context));
  self->output = g_object_ref (gp_stage_context_get_stdout (context));
  copy_next (self);

  return TRUE;
}

/* --- What came of it ---------------------------------------------------------------------- */

guint64
gp_test_mover_get_expected_checksum (guint64 amount)
{
  g_autofree guint8 *data = g_malloc (amount + 1);

  gp_test_pattern_fill (data, amount, 0);

  return gp_test_checksum (GP_TEST_CHECKSUM_INIT, data, amount);
}

void
gp_test_mover_check (GpTestMover *self)
{
  g_assert_cmpuint (self->n_bytes, ==, self->amount);
  g_assert_cmphex (self->checksum, ==, gp_test_mover_get_expected_checksum (self->amount));
}
