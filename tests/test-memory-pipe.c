/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-memory-pipe-private.h"

#include "gp-test-pipe-util.h"

static EndMode write_mode;
static EndMode read_mode;

static void
open_pipe (GInputStream  **reader,
           GOutputStream **writer)
{
  g_autoptr (GpMemoryPipe) pipe = gp_memory_pipe_new ();

  *reader = gp_memory_pipe_new_reader (pipe);
  *writer = gp_memory_pipe_new_writer (pipe);
}

static void
copy (gsize   write_chunk,
      gsize   read_chunk,
      guint64 total)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;

  open_pipe (&reader, &writer);
  transfer_all (writer, write_mode, write_chunk, reader, read_mode, read_chunk, total);
  g_assert_finalize_object (g_steal_pointer (&reader));
  g_assert_finalize_object (g_steal_pointer (&writer));
}

static void
test_copy (void)
{
  for (write_mode = END_SYNC; write_mode <= END_NONBLOCKING; write_mode++)
    {
      for (read_mode = END_SYNC; read_mode <= END_NONBLOCKING; read_mode++)
        for_all_chunks (copy);
    }
}

static void
test_copy_one_context (void)
{
  const gsize size = 5 * 1024 * 1024 + 3;
  g_autofree guint8 *data = g_malloc (size);
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GOutputStream) target = g_memory_output_stream_new_resizable ();
  g_autoptr (GAsyncResult) written = NULL;
  g_autoptr (GAsyncResult) closed = NULL;
  g_autoptr (GAsyncResult) spliced = NULL;
  g_autoptr (GError) error = NULL;
  guint n_threads = count_threads ();
  gsize n = 0;

  open_pipe (&reader, &writer);
  gp_test_pattern_fill (data, size, 0);
  g_output_stream_write_all_async (writer, data, size, 0, NULL, result_cb, &written);
  g_output_stream_splice_async (target, reader, G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE,
                                0, NULL, result_cb, &spliced);
  await (&written);
  g_assert_true (g_output_stream_write_all_finish (writer, written, &n, &error));
  g_assert_cmpuint (n, ==, size);
  g_output_stream_close_async (writer, 0, NULL, result_cb, &closed);
  await (&closed);
  g_assert_true (g_output_stream_close_finish (writer, closed, &error));
  await (&spliced);
  g_assert_cmpint (g_output_stream_splice_finish (target, spliced, &error), ==, size);
  g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (target)),
                   g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (target)),
                   data, size);
  /* Only writing to the target may have taken a thread of GIO's pool, and it writes in one. */
  g_assert_cmpuint (count_threads (), <=, n_threads + 1);
}

static void
test_no_threads (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  GAsyncResult *results[4] = { NULL, NULL, NULL, NULL };
  guint n_threads = count_threads ();
  char data[9000] = "";

  open_pipe (&reader, &writer);
  g_assert_cmpint (g_output_stream_write (writer, data, sizeof data, NULL, NULL), ==, 9000);
  g_output_stream_flush_async (writer, 0, NULL, result_cb, &results[0]);
  await (&results[0]);
  g_assert_true (g_output_stream_flush_finish (writer, results[0], NULL));
  g_output_stream_close_async (writer, 0, NULL, result_cb, &results[1]);
  await (&results[1]);
  g_assert_true (g_output_stream_close_finish (writer, results[1], NULL));
  g_input_stream_skip_async (reader, 10000, 0, NULL, result_cb, &results[2]);
  await (&results[2]);
  g_assert_cmpint (g_input_stream_skip_finish (reader, results[2], NULL), ==, 9000);
  g_input_stream_close_async (reader, 0, NULL, result_cb, &results[3]);
  await (&results[3]);
  g_assert_true (g_input_stream_close_finish (reader, results[3], NULL));
  g_assert_cmpuint (count_threads (), ==, n_threads);
  for (guint i = 0; i < 4; i++)
    g_clear_object (&results[i]);
}

static void
test_vectors (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  GOutputVector vectors[] = { { "abc", 3 }, { "", 0 }, { "defg", 4 } };
  char buffer[16] = "";
  gsize n;

  open_pipe (&reader, &writer);
  g_assert_true (g_output_stream_writev_all (writer, vectors, 3, &n, NULL, NULL));
  g_assert_cmpuint (n, ==, 7);
  g_assert_cmpint (g_output_stream_write (writer, buffer, 0, NULL, NULL), ==, 0);
  g_assert_cmpint (g_input_stream_read (reader, buffer, 0, NULL, NULL), ==, 0);
  g_assert_cmpint (g_input_stream_read (reader, buffer, sizeof buffer, NULL, NULL), ==, 7);
  g_assert_cmpstr (buffer, ==, "abcdefg");
}

static void
test_end_of_file (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  char c;

  open_pipe (&reader, &writer);
  g_assert_false (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (reader)));
  g_assert_cmpint (g_output_stream_write (writer, "x", 1, NULL, NULL), ==, 1);
  g_assert_finalize_object (g_steal_pointer (&writer)); /* closes it */
  g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, NULL), ==, 1);
  g_assert_cmpint (c, ==, 'x');
  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (reader)));
      g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, NULL), ==, 0);
    }
}

static void
test_broken (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GError) error = NULL;

  open_pipe (&reader, &writer);
  g_assert_cmpint (g_output_stream_write (writer, "x", 1, NULL, NULL), ==, 1);
  g_assert_finalize_object (g_steal_pointer (&reader));
  g_assert_true (g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (writer)));
  g_assert_cmpint (g_output_stream_write (writer, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_true (g_output_stream_close (writer, NULL, NULL));
}

/* Writes without waiting until nothing fits any more */
static gsize
fill (GOutputStream *writer)
{
  g_autofree guint8 *data = g_malloc0 (1000003);
  g_autoptr (GError) error = NULL;
  gsize total = 0;
  gssize n;

  while ((n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (writer),
                                                          data, 1000003, NULL, &error)) > 0)
    total += n;
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  g_assert_false (g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (writer)));

  return total;
}

static void
test_budget (void)
{
  GInputStream *readers[48];
  GOutputStream *writers[48];

  for (guint round = 0; round < 3; round++)
    {
      gsize total = 0;

      for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
        open_pipe (&readers[i], &writers[i]);
      g_assert_cmpuint (fill (writers[0]), ==, GP_MEMORY_PIPE_MAX);
      for (guint i = 1; i < G_N_ELEMENTS (readers); i++)
        total += fill (writers[i]);
      g_assert_cmpuint (total, >=, 50 * 1024 * 1024);
      g_assert_cmpuint (total, <=, 66 * 1024 * 1024);
      for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
        {
          g_assert_finalize_object (readers[i]);
          g_assert_finalize_object (writers[i]);
        }
    }
}

static void
test_writable_at_half (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autofree guint8 *buffer = g_malloc (GP_MEMORY_PIPE_MAX);
  GPollableOutputStream *pollable;

  open_pipe (&reader, &writer);
  pollable = G_POLLABLE_OUTPUT_STREAM (writer);
  g_assert_true (g_pollable_output_stream_is_writable (pollable));
  fill (writer);
  g_input_stream_read_all (reader, buffer, GP_MEMORY_PIPE_MAX / 2 - 1, NULL, NULL, NULL);
  g_assert_false (g_pollable_output_stream_is_writable (pollable));
  g_assert_cmpint (g_pollable_output_stream_write_nonblocking (pollable, "x", 1, NULL, NULL),
                   ==, 1);
  g_input_stream_read_all (reader, buffer, 2, NULL, NULL, NULL);
  g_assert_true (g_pollable_output_stream_is_writable (pollable));
}

typedef enum
{
  STOP_CANCEL,
  STOP_INTERRUPT,
  STOP_CLOSE,
  STOP_INTERRUPT_AND_CLOSE, /* never taken for a close alone */
  STOP_HANG_UP,
} Stop;

/* A thread waits, or is about to, and the other ends that */
static void
stop_blocked (gboolean reads,
              EndMode  mode,
              Stop     how)
{
  g_autoptr (GpMemoryPipe) pipe = gp_memory_pipe_new ();
  g_autoptr (GInputStream) reader = gp_memory_pipe_new_reader (pipe);
  g_autoptr (GOutputStream) writer = gp_memory_pipe_new_writer (pipe);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  End end = { reads ? (gpointer) reader : (gpointer) writer, cancellable, mode, 65536,
              G_MAXUINT64, 0, FALSE, FALSE, NULL,
              mode != END_SYNC ? g_main_context_new () : NULL };
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  GThread *thread;

  gp_memory_pipe_set_interrupt (end.stream, interrupt);
  thread = g_thread_new ("end", end_thread, &end);
  for (int i = g_random_int_range (0, 40); i > 0; i--)
    g_thread_yield ();

  if (how == STOP_CANCEL)
    end_cancel (&end);
  else if (how == STOP_INTERRUPT)
    gp_memory_pipe_interrupt (pipe);
  else if (how == STOP_HANG_UP)
    g_assert_true (gp_memory_pipe_hang_up (end.stream));
  if (how == STOP_INTERRUPT_AND_CLOSE)
    gp_interrupt_raise (interrupt);
  if ((how == STOP_CLOSE || how == STOP_INTERRUPT_AND_CLOSE) && reads)
    g_assert_true (g_output_stream_close (writer, NULL, NULL));
  else if (how == STOP_CLOSE || how == STOP_INTERRUPT_AND_CLOSE)
    g_assert_true (g_input_stream_close (reader, NULL, NULL));
  end_join (&end, thread);

  if (how == STOP_HANG_UP)
    g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  else if (how != STOP_CLOSE)
    g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else if (!reads)
    g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  else
    g_assert_no_error (end.error);
  g_clear_error (&end.error);
}

static void
test_stop_blocked (void)
{
  for (guint i = 0; i < n_rounds (); i++)
    {
      for (Stop how = STOP_CANCEL; how <= STOP_HANG_UP; how++)
        stop_blocked (i & 1, (i / 2) % 3, how);
    }
}

static void
test_interrupt_lasts (void)
{
  g_autoptr (GpMemoryPipe) pipe = gp_memory_pipe_new ();
  g_autoptr (GInputStream) reader = gp_memory_pipe_new_reader (pipe);
  g_autoptr (GOutputStream) writer = gp_memory_pipe_new_writer (pipe);
  char c = 'x';

  g_assert_cmpint (g_output_stream_write (writer, &c, 1, NULL, NULL), ==, 1);
  gp_memory_pipe_interrupt (pipe);
  gp_memory_pipe_interrupt (pipe);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) read_error = NULL;
      g_autoptr (GError) write_error = NULL;
      g_autoptr (GSource) source = NULL;

      g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, &read_error), ==, -1);
      g_assert_error (read_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (g_output_stream_write (writer, &c, 1, NULL, &write_error), ==, -1);
      g_assert_error (write_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), NULL);
      await_source (source);
    }
}

/* The interrupt comes first, and then one end after the other is woken: who is still asleep, or
 * busy, must not take the close of one that is awake for anything else. */
static void
test_interrupt_first (void)
{
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GpMemoryPipe) pipe = gp_memory_pipe_new ();
      g_autoptr (GInputStream) reader = gp_memory_pipe_new_reader (pipe);
      g_autoptr (GOutputStream) writer = gp_memory_pipe_new_writer (pipe);
      g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
      g_autoptr (GpInterrupt) outer = gp_interrupt_new (NULL);
      g_autoptr (GError) error = NULL;
      char c = 'x';

      gp_memory_pipe_set_interrupt (reader, interrupt);
      gp_memory_pipe_set_interrupt (writer, interrupt);
      gp_interrupt_set_outer (interrupt, outer);
      gp_interrupt_raise (i < 2 ? interrupt : outer);
      if (i % 2 == 0)
        {
          g_assert_true (g_output_stream_close (writer, NULL, NULL));
          g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, &error), ==, -1);
        }
      else
        {
          g_assert_true (g_input_stream_close (reader, NULL, NULL));
          g_assert_cmpint (g_output_stream_write (writer, &c, 1, NULL, &error), ==, -1);
        }
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

static void
toggled_cb (gpointer  writer,
            GObject  *object,
            gboolean  is_last_ref)
{
  g_assert_true (g_pollable_output_stream_is_writable (writer));
}

static gpointer
write_when_toggled_thread (gpointer user_data)
{
  End *end = user_data;

  /* Somebody else holds the cancellable as long as the other end waits with it. */
  while (g_atomic_int_get (&G_OBJECT (end->cancellable)->ref_count) == 1)
    g_thread_yield ();
  g_assert_cmpint (g_output_stream_write (end->stream, "x", 1, NULL, NULL), ==, 1);

  return NULL;
}

/* A language that hears of the first and the last reference may use the pipe meanwhile. */
static void
test_toggle (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  GCancellable *cancellable = g_cancellable_new ();
  End end = { NULL, cancellable, };
  GThread *thread;
  char c;

  open_pipe (&reader, &writer);
  end.stream = writer;
  g_object_add_toggle_ref (G_OBJECT (cancellable), toggled_cb, writer);
  g_object_unref (cancellable);

  thread = g_thread_new ("writer", write_when_toggled_thread, &end);
  g_assert_cmpint (g_input_stream_read (reader, &c, 1, cancellable, NULL), ==, 1);
  g_thread_join (thread);
  g_assert_true (g_input_stream_close (reader, NULL, NULL));
  g_assert_cmpuint (g_atomic_int_get (&G_OBJECT (cancellable)->ref_count), ==, 1);
  g_object_remove_toggle_ref (G_OBJECT (cancellable), toggled_cb, writer);
}

/* Random ends: each side may stop early, and the pipe may be interrupted at any time. Nothing
 * must hang, and what arrives must be right. */
static void
test_races (void)
{
  for (guint i = 0; i < n_rounds (); i++)
    {
      g_autoptr (GpMemoryPipe) pipe = gp_memory_pipe_new ();
      g_autoptr (GInputStream) reader = gp_memory_pipe_new_reader (pipe);
      g_autoptr (GOutputStream) writer = gp_memory_pipe_new_writer (pipe);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      End w = { writer, NULL, g_random_int_range (0, 3), g_random_int_range (1, 200000),
                g_random_int_range (1, 1000000), 0, FALSE, TRUE, NULL, NULL };
      End r = { reader, NULL, g_random_int_range (0, 3), g_random_int_range (1, 200000),
                g_random_int_range (1, 1000000), 0, FALSE, TRUE, NULL, NULL };
      GThread *writes = NULL;
      GThread *reads = NULL;

      if (w.mode == END_SYNC)
        w.cancellable = cancellable;
      if (r.mode == END_SYNC && i % 2 == 0)
        r.cancellable = cancellable;
      w.total = MIN (w.total, w.chunk * 100);
      r.total = MIN (r.total, r.chunk * 100);
      writes = g_thread_new ("writer", end_thread, &w);
      reads = g_thread_new ("reader", end_thread, &r);
      for (int n = g_random_int_range (0, 100); n > 0; n--)
        g_thread_yield ();
      if (i % 4 == 0)
        gp_memory_pipe_interrupt (pipe);
      else if (i % 4 == 1)
        g_cancellable_cancel (cancellable);
      else if (i % 4 == 2)
        gp_memory_pipe_hang_up (i % 8 == 2 ? (gpointer) reader : (gpointer) writer);
      end_join (&w, writes);
      end_join (&r, reads);

      g_assert_cmpuint (r.done, <=, w.total);
      if (i % 8 == 2)
        g_assert_cmpuint (r.done, <=, w.done + w.chunk);
      if (i % 8 == 6)
        g_assert_cmpuint (r.done, <=, w.done);
      if (i % 4 == 3)
        g_assert_cmpuint (r.done, ==, MIN (r.total, w.total));
      g_clear_error (&w.error);
      g_clear_error (&r.error);
      g_assert_finalize_object (g_steal_pointer (&reader));
      g_assert_finalize_object (g_steal_pointer (&writer));
    }
}

static gpointer
write_bytes_thread (gpointer user_data)
{
  for (guint i = 0; i < 20; i++)
    g_assert_cmpint (g_output_stream_write (user_data, "x", 1, NULL, NULL), ==, 1);

  return NULL;
}

/* Sources that are dropped in all ways while they are being woken */
static void
test_source_races (void)
{
  for (guint i = 0; i < n_rounds (); i++)
    {
      g_autoptr (GMainContext) context = g_main_context_new ();
      g_autoptr (GInputStream) reader = NULL;
      g_autoptr (GOutputStream) writer = NULL;
      GThread *thread;
      gboolean ready = FALSE;

      open_pipe (&reader, &writer);
      thread = g_thread_new ("writer", write_bytes_thread, writer);
      for (guint n = 0; n < 10; n++)
        {
          g_autoptr (GSource) source =
            g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), NULL);

          g_source_set_callback (source, G_SOURCE_FUNC (ready_cb), &ready, NULL);
          if (n % 3 > 0)
            g_source_attach (source, context);
          if (n % 3 == 1)
            g_source_destroy (source);
          g_main_context_iteration (context, FALSE);
        }
      g_clear_pointer (&context, g_main_context_unref);
      g_thread_join (thread);
      g_assert_finalize_object (g_steal_pointer (&reader));
    }
}

/* The wake-up must not get lost between making a source and polling. */
static void
test_source_wakes (void)
{
  for (guint i = 0; i < n_rounds (); i++)
    {
      g_autoptr (GInputStream) reader = NULL;
      g_autoptr (GOutputStream) writer = NULL;
      g_autoptr (GSource) source = NULL;
      GThread *thread;

      open_pipe (&reader, &writer);
      source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), NULL);
      thread = g_thread_new ("writer", write_bytes_thread, writer);
      await_source (source);
      g_thread_join (thread);
    }
}

static gboolean
count_cb (GObject  *stream,
          gpointer  user_data)
{
  char c;

  if (g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (stream),
                                                &c, 1, NULL, NULL) == 1)
    ++*(guint *) user_data;

  return G_SOURCE_CONTINUE;
}

/* One source, read a byte at each call: it is called again for as long as there are more. */
static void
test_source_level (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GSource) source = NULL;
  GThread *thread;
  guint n = 0;

  open_pipe (&reader, &writer);
  source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), NULL);
  g_source_set_callback (source, G_SOURCE_FUNC (count_cb), &n, NULL);
  g_source_attach (source, NULL);
  thread = g_thread_new ("writer", write_bytes_thread, writer);
  while (n < 20)
    g_main_context_iteration (NULL, TRUE);
  g_thread_join (thread);
  g_assert_false (g_main_context_pending (NULL));
  g_source_destroy (source);
}

static gboolean
closure_cb (GObject  *stream,
            gpointer  user_data)
{
  ++*(guint *) user_data;

  return G_SOURCE_REMOVE;
}

static void
marshal_cb (GClosure     *closure,
            GValue       *result,
            guint         n_arguments,
            const GValue *arguments,
            gpointer      hint,
            gpointer      data)
{
  GCClosure *c = (GCClosure *) closure;

  g_assert_cmpuint (n_arguments, ==, 1);
  g_value_set_boolean (result, ((gboolean (*) (GObject *, gpointer)) c->callback)
                               (g_value_get_object (&arguments[0]), closure->data));
}

/* As bindings do it */
static void
test_source_closure (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GSource) source = NULL;
  guint n = 0;
  GClosure *closure = g_cclosure_new (G_CALLBACK (closure_cb), &n, NULL);

  open_pipe (&reader, &writer);
  g_closure_set_marshal (closure, marshal_cb);
  source = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (writer), NULL);
  g_source_set_closure (source, closure);
  g_source_attach (source, NULL);
  while (n == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_source_is_destroyed (source));
}

static void
test_cancelled_before (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) source = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char c;

  open_pipe (&reader, &writer);
  g_input_stream_read_async (reader, &c, 1, 0, cancellable, result_cb, &result);
  g_main_context_iteration (NULL, FALSE);
  g_assert_null (result);
  g_cancellable_cancel (cancellable);
  await (&result);
  g_assert_cmpint (g_input_stream_read_finish (reader, result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), cancellable);
  await_source (source);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_case ("/memory-pipe/no-threads", test_no_threads);
  add_case ("/memory-pipe/copy", test_copy);
  add_case ("/memory-pipe/copy/one-context", test_copy_one_context);
  add_case ("/memory-pipe/vectors", test_vectors);
  add_case ("/memory-pipe/end-of-file", test_end_of_file);
  add_case ("/memory-pipe/broken", test_broken);
  add_case ("/memory-pipe/budget", test_budget);
  add_case ("/memory-pipe/writable-at-half", test_writable_at_half);
  add_case ("/memory-pipe/stop/blocked", test_stop_blocked);
  add_case ("/memory-pipe/stop/interrupt-first", test_interrupt_first);
  add_case ("/memory-pipe/stop/interrupt-lasts", test_interrupt_lasts);
  add_case ("/memory-pipe/stop/cancelled-before", test_cancelled_before);
  add_case ("/memory-pipe/toggle", test_toggle);
  add_case ("/memory-pipe/races", test_races);
  add_case ("/memory-pipe/source/races", test_source_races);
  add_case ("/memory-pipe/source/wakes", test_source_wakes);
  add_case ("/memory-pipe/source/level", test_source_level);
  add_case ("/memory-pipe/source/closure", test_source_closure);

  return g_test_run ();
}
