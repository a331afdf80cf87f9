/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pump-private.h"

#include "gp-copy-private.h"
#include "gp-thread-pool-private.h"

#define BUFFER_SIZE (256 * 1024)
#define N_SPARE_BUFFERS 4

/* A copy that runs in a thread of the pool.
 *
 * References: one for whoever started it, so that it can be stopped, and one for the thread,
 * until done has returned. It holds both streams, which the thread drops before done is called:
 * the last reference on one of them may close it. */
struct _GpPump
{
  gatomicrefcount  ref_count;

  GInputStream    *from;
  GOutputStream   *to;
  GCancellable    *cancellable;
  GpPumpDone       done;
  gpointer         user_data;
  int              waiting; /* (atomic): in a read */
};

static GMutex spare_mutex;
static gpointer spare_buffers[N_SPARE_BUFFERS];

static gpointer
buffer_get (void)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&spare_mutex);

  for (guint i = 0; i < N_SPARE_BUFFERS; i++)
    {
      if (spare_buffers[i] != NULL)
        return g_steal_pointer (&spare_buffers[i]);
    }

  return g_aligned_alloc (1, BUFFER_SIZE, GP_COPY_ALIGNMENT);
}

static void
buffer_put (gpointer buffer)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&spare_mutex);

  for (guint i = 0; i < N_SPARE_BUFFERS; i++)
    {
      if (spare_buffers[i] == NULL)
        {
          spare_buffers[i] = buffer;
          return;
        }
    }

  g_aligned_free (buffer);
}

static gboolean
copy_with_buffer (GInputStream  *from,
                  GOutputStream *to,
                  gpointer       buffer,
                  GCancellable  *cancellable,
                  int           *waiting,
                  GpPumpResult  *result)
{
  for (;;)
    {
      gsize written = 0;
      gboolean ok;
      gssize n;

      g_atomic_int_set (waiting, TRUE);
      n = g_input_stream_read (from, buffer, BUFFER_SIZE, cancellable, &result->read_error);
      g_atomic_int_set (waiting, FALSE);

      if (n <= 0)
        return n == 0 && g_output_stream_flush (to, cancellable, &result->write_error);

      ok = g_output_stream_write_all (to, buffer, n, &written, cancellable,
                                      &result->write_error);
      result->bytes += written;
      if (!ok)
        return FALSE;
    }
}

static gboolean
copy (GInputStream  *from,
      GOutputStream *to,
      GCancellable  *cancellable,
      int           *waiting,
      GpPumpResult  *result)
{
  gpointer buffer = buffer_get ();
  gboolean ok;

  *result = (GpPumpResult) { 0, NULL, NULL };
  ok = copy_with_buffer (from, to, buffer, cancellable, waiting, result);
  buffer_put (buffer);

  return ok;
}

static void
pump_thread (gpointer user_data)
{
  g_autoptr (GpPump) self = user_data;
  GpPumpResult result;

  copy (self->from, self->to, self->cancellable, &self->waiting, &result);
  g_clear_object (&self->from);
  g_clear_object (&self->to);
  self->done (self, &result, self->user_data);
  gp_pump_result_clear (&result);
}

GpPump *
gp_pump_start (const char     *name,
               GInputStream   *from,
               GOutputStream  *to,
               GpPumpDone      done,
               gpointer        user_data,
               GError        **error)
{
  g_autoptr (GpPump) self = g_new0 (GpPump, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->from = g_object_ref (from);
  self->to = g_object_ref (to);
  self->cancellable = g_cancellable_new ();
  self->done = done;
  self->user_data = user_data;

  if (!gp_thread_pool_push (name, pump_thread, gp_pump_ref (self), error))
    {
      gp_pump_unref (self);
      return NULL;
    }

  return g_steal_pointer (&self);
}

GpPump *
gp_pump_ref (GpPump *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_pump_unref (GpPump *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_object (&self->from);
  g_clear_object (&self->to);
  g_clear_object (&self->cancellable);
  g_free (self);
}

void
gp_pump_stop (GpPump *self)
{
  g_cancellable_cancel (self->cancellable);
}

gboolean
gp_pump_is_waiting (GpPump *self)
{
  return g_atomic_int_get (&self->waiting);
}

gboolean
gp_pump_copy (GInputStream  *from,
              GOutputStream *to,
              GCancellable  *cancellable,
              GpPumpResult  *result)
{
  int waiting = FALSE;

  return copy (from, to, cancellable, &waiting, result);
}

void
gp_pump_result_clear (GpPumpResult *result)
{
  g_clear_error (&result->read_error);
  g_clear_error (&result->write_error);
}
