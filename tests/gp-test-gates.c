/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"

#include <string.h>
#include <unistd.h>

#include "gp-test-util.h"

void
gp_test_gate_init (GpTestGate *self)
{
  *self = (GpTestGate) { 0, };
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
}

void
gp_test_gate_clear (GpTestGate *self)
{
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
}

void
gp_test_gate_open (GpTestGate *self)
{
  g_mutex_lock (&self->lock);
  self->is_open = TRUE;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
gp_test_gate_pass (GpTestGate *self)
{
  g_mutex_lock (&self->lock);
  self->n_waiting++;
  while (!self->is_open)
    g_cond_wait (&self->changed, &self->lock);
  self->n_waiting--;
  g_mutex_unlock (&self->lock);
}

static void
gate_cancelled_cb (GCancellable *cancellable,
                   gpointer      data)
{
  GpTestGate *self = data;

  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

gboolean
gp_test_gate_pass_unless_cancelled (GpTestGate   *self,
                                    GCancellable *cancellable)
{
  gulong handler = g_cancellable_connect (cancellable, G_CALLBACK (gate_cancelled_cb), self, NULL);
  gboolean passed;

  g_mutex_lock (&self->lock);
  self->n_waiting++;
  while (!self->is_open && !g_cancellable_is_cancelled (cancellable))
    g_cond_wait (&self->changed, &self->lock);
  self->n_waiting--;
  passed = self->is_open;
  g_mutex_unlock (&self->lock);

  g_cancellable_disconnect (cancellable, handler);
  return passed;
}

gboolean
gp_test_gate_is_waited_at (gpointer data)
{
  GpTestGate *self = data;
  gboolean waited_at;

  g_mutex_lock (&self->lock);
  waited_at = self->n_waiting > 0;
  g_mutex_unlock (&self->lock);
  return waited_at;
}

void
gp_test_announce_thread (int *where)
{
  g_atomic_int_set (where, gettid ());
}

gboolean
gp_test_thread_sleeps (gpointer where)
{
  int tid = g_atomic_int_get ((int *) where);
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat", tid);
  g_autofree char *text = NULL;
  const char *end;

  if (tid == 0 || !g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  end = strrchr (text, ')');
  return end != NULL && end[2] == 'S';
}

struct _GpTestGatedInput
{
  GInputStream parent_instance;

  GpTestGate *gate;     /* the test's */
  const char *text;     /* what is left of it */
  int         n_closes; /* atomic */
};

G_DEFINE_FINAL_TYPE (GpTestGatedInput, gp_test_gated_input, G_TYPE_INPUT_STREAM)

static gssize
gp_test_gated_input_read (GInputStream  *stream,
                          void          *buffer,
                          gsize          count,
                          GCancellable  *cancellable,
                          GError       **error)
{
  GpTestGatedInput *self = GP_TEST_GATED_INPUT (stream);
  gsize n;

  gp_test_gate_pass (self->gate);
  n = MIN (count, strlen (self->text));
  memcpy (buffer, self->text, n);
  self->text += n;
  return (gssize) n;
}

static gboolean
gp_test_gated_input_close (GInputStream  *stream,
                           GCancellable  *cancellable,
                           GError       **error)
{
  g_atomic_int_inc (&GP_TEST_GATED_INPUT (stream)->n_closes);
  return TRUE;
}

static void
gp_test_gated_input_class_init (GpTestGatedInputClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = gp_test_gated_input_read;
  G_INPUT_STREAM_CLASS (klass)->close_fn = gp_test_gated_input_close;
}

static void
gp_test_gated_input_init (GpTestGatedInput *self)
{
}

GInputStream *
gp_test_gated_input_new (GpTestGate *gate,
                         const char *text)
{
  GpTestGatedInput *self = gp_test_watch (g_object_new (GP_TYPE_TEST_GATED_INPUT, NULL));

  self->gate = gate;
  self->text = text;
  return G_INPUT_STREAM (self);
}

guint
gp_test_gated_input_get_n_closes (gpointer self)
{
  return (guint) g_atomic_int_get (&GP_TEST_GATED_INPUT (self)->n_closes);
}

struct _GpTestGatedOutput
{
  GFilterOutputStream parent_instance;

  GpTestGate *write_gate; /* the test's, (nullable) */
  GpTestGate *close_gate; /* the test's, (nullable) */
};

G_DEFINE_FINAL_TYPE (GpTestGatedOutput, gp_test_gated_output, G_TYPE_FILTER_OUTPUT_STREAM)

static gssize
gp_test_gated_output_write (GOutputStream  *stream,
                            const void     *buffer,
                            gsize           count,
                            GCancellable   *cancellable,
                            GError        **error)
{
  GpTestGatedOutput *self = GP_TEST_GATED_OUTPUT (stream);

  if (self->write_gate != NULL)
    gp_test_gate_pass (self->write_gate);
  return G_OUTPUT_STREAM_CLASS (gp_test_gated_output_parent_class)
    ->write_fn (stream, buffer, count, NULL, error);
}

static gboolean
gp_test_gated_output_close (GOutputStream  *stream,
                            GCancellable   *cancellable,
                            GError        **error)
{
  GpTestGatedOutput *self = GP_TEST_GATED_OUTPUT (stream);

  if (self->close_gate != NULL)
    gp_test_gate_pass (self->close_gate);
  return G_OUTPUT_STREAM_CLASS (gp_test_gated_output_parent_class)
    ->close_fn (stream, cancellable, error);
}

static void
gp_test_gated_output_class_init (GpTestGatedOutputClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = gp_test_gated_output_write;
  G_OUTPUT_STREAM_CLASS (klass)->close_fn = gp_test_gated_output_close;
}

static void
gp_test_gated_output_init (GpTestGatedOutput *self)
{
}

GOutputStream *
gp_test_gated_output_new (GOutputStream *base,
                          GpTestGate    *write_gate,
                          GpTestGate    *close_gate)
{
  GpTestGatedOutput *self =
    gp_test_watch (g_object_new (GP_TYPE_TEST_GATED_OUTPUT, "base-stream", base, NULL));

  self->write_gate = write_gate;
  self->close_gate = close_gate;
  return G_OUTPUT_STREAM (self);
}
