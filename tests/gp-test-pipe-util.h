/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gp-test-pattern.h"

/* What the tests of streams and threads need that know nothing of pipelines: a watchdog, a count
 * of descriptors and of threads, and two ends that send and check the pattern. */

typedef enum
{
  END_SYNC,
  END_ASYNC,
  END_NONBLOCKING,
} EndMode;

/* One end of a transfer, run by a thread with a main context of its own. The test owns it. */
typedef struct
{
  gpointer      stream; /* (transfer none) */
  GCancellable *cancellable;
  EndMode       mode;
  gsize         chunk;
  guint64       total;  /* to write, or at most to read */
  guint64       done;
  gboolean      ended;  /* the reader met the end of file */
  gboolean      close;
  GError       *error;
  GMainContext *context;
} End;

static inline guint
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static inline guint
count_fds (void)
{
  return count_entries ("/proc/self/fd");
}

static inline guint
count_threads (void)
{
  return count_entries ("/proc/self/task");
}

static inline gboolean
test_is_slow (void)
{
  return g_getenv ("GP_TEST_VALGRIND") != NULL;
}

/* Rounds of a race, fewer where each takes long */
static inline guint
n_rounds (void)
{
  return test_is_slow () ? 50 : 1000;
}

static inline guint
timeout_seconds (void)
{
  const char *value = g_getenv ("GP_TEST_TIMEOUT");

  if (value != NULL)
    return (guint) atoi (value);
  return test_is_slow () ? 900 : 60;
}

static inline void
case_run (guint         *fds_before,
          gconstpointer  func)
{
  *fds_before = count_fds ();
  alarm (timeout_seconds ());
  ((GTestFunc) func) ();
  alarm (0);
  g_assert_cmpuint (count_fds (), ==, *fds_before);
}

/* What GLib opens and starts once must not be counted. */
static inline void
test_init (int    *argc,
           char ***argv)
{
  g_autoptr (GTask) task = NULL;

  alarm (timeout_seconds ());
  g_test_init (argc, argv, NULL);
  task = g_task_new (NULL, NULL, NULL, NULL);
  g_main_context_iteration (NULL, FALSE);
  gp_test_pattern_block ();
}

static inline void
add_case (const char *path,
          GTestFunc   func)
{
  g_test_add_vtable (path, sizeof (guint), func, NULL, (GTestFixtureFunc) case_run, NULL);
}

static inline void
result_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static inline void
await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

static inline gboolean
ready_cb (GObject  *stream,
          gpointer  user_data)
{
  g_assert_true (G_IS_OBJECT (stream));
  *(gboolean *) user_data = TRUE;

  return G_SOURCE_REMOVE;
}

static inline void
await_source (GSource *source)
{
  gboolean ready = FALSE;

  g_source_set_callback (source, G_SOURCE_FUNC (ready_cb), &ready, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  while (!ready)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

static inline gssize
end_read_once (End       *self,
               void      *buffer,
               gsize      count,
               GError   **error)
{
  if (self->mode == END_SYNC)
    return g_input_stream_read (self->stream, buffer, count, self->cancellable, error);

  if (self->mode == END_ASYNC)
    {
      g_autoptr (GAsyncResult) result = NULL;

      g_input_stream_read_async (self->stream, buffer, count, 0, self->cancellable,
                                 result_cb, &result);
      await (&result);
      return g_input_stream_read_finish (self->stream, result, error);
    }

  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      g_autoptr (GSource) source = NULL;
      gssize n = g_pollable_input_stream_read_nonblocking (self->stream, buffer, count,
                                                           self->cancellable, &local_error);

      if (!g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          if (local_error != NULL)
            g_propagate_error (error, g_steal_pointer (&local_error));
          return n;
        }
      source = g_pollable_input_stream_create_source (self->stream, self->cancellable);
      await_source (source);
      g_source_destroy (source);
    }
}

static inline gssize
end_write_once (End         *self,
                const void  *buffer,
                gsize        count,
                GError     **error)
{
  if (self->mode == END_SYNC)
    return g_output_stream_write (self->stream, buffer, count, self->cancellable, error);

  if (self->mode == END_ASYNC)
    {
      g_autoptr (GAsyncResult) result = NULL;

      g_output_stream_write_async (self->stream, buffer, count, 0, self->cancellable,
                                   result_cb, &result);
      await (&result);
      return g_output_stream_write_finish (self->stream, result, error);
    }

  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      g_autoptr (GSource) source = NULL;
      gssize n = g_pollable_output_stream_write_nonblocking (self->stream, buffer, count,
                                                             self->cancellable, &local_error);

      if (!g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          if (local_error != NULL)
            g_propagate_error (error, g_steal_pointer (&local_error));
          return n;
        }
      source = g_pollable_output_stream_create_source (self->stream, self->cancellable);
      await_source (source);
      g_source_destroy (source);
    }
}

static inline void
end_transfer (End *self)
{
  g_autofree guint8 *buffer = g_malloc (self->chunk);
  g_autofree guint8 *expected = g_malloc (self->chunk);
  gboolean reads = G_IS_INPUT_STREAM (self->stream);

  while (self->done < self->total)
    {
      gsize count = MIN (self->chunk, self->total - self->done);
      gssize n;

      gp_test_pattern_fill (expected, count, self->done);
      n = reads ? end_read_once (self, buffer, count, &self->error)
                : end_write_once (self, expected, count, &self->error);
      if (n <= 0)
        {
          g_assert_true (n == 0 ? reads && self->error == NULL : self->error != NULL);
          self->ended = n == 0;
          break;
        }
      if (reads && memcmp (buffer, expected, n) != 0)
        g_error ("wrong bytes after %" G_GUINT64_FORMAT, self->done);
      self->done += n;
    }
}

static inline gpointer
end_thread (gpointer user_data)
{
  End *self = user_data;

  if (self->mode != END_SYNC && self->context == NULL)
    self->context = g_main_context_new ();
  if (self->context != NULL)
    g_main_context_push_thread_default (self->context);

  end_transfer (self);
  if (self->close && G_IS_INPUT_STREAM (self->stream))
    g_assert_true (g_input_stream_close (self->stream, NULL, NULL));
  else if (self->close)
    g_assert_true (g_output_stream_close (self->stream, NULL, NULL));

  if (self->context != NULL)
    g_main_context_pop_thread_default (self->context);

  return NULL;
}

static inline gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);

  return G_SOURCE_REMOVE;
}

/* From this thread where the end is synchronous, else in the end's own context, which was made
 * before: GLib 2.74 leaks its source for a cancellable that is being cancelled elsewhere. */
static inline void
end_cancel (End *self)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  if (self->context == NULL)
    {
      g_cancellable_cancel (self->cancellable);
      return;
    }

  g_source_set_callback (source, cancel_cb, self->cancellable, NULL);
  g_source_attach (source, self->context);
}

/* The context must outlive the thread that cancels: GLib's sources for cancellables are woken
 * without regard to the end of their context. */
static inline void
end_join (End     *self,
          GThread *thread)
{
  if (thread != NULL)
    g_thread_join (thread);
  g_clear_pointer (&self->context, g_main_context_unref);
}

/* Both ends, each in a thread, until the end of file */
static inline void
transfer_all (GOutputStream *to,
              EndMode        write_mode,
              gsize          write_chunk,
              GInputStream  *from,
              EndMode        read_mode,
              gsize          read_chunk,
              guint64        total)
{
  End writer = { to, NULL, write_mode, write_chunk, total, 0, FALSE, TRUE, NULL, NULL };
  End reader = { from, NULL, read_mode, read_chunk, G_MAXUINT64, 0, FALSE, TRUE, NULL, NULL };
  GThread *thread = g_thread_new ("writer", end_thread, &writer);

  end_thread (&reader);
  end_join (&reader, NULL);
  end_join (&writer, thread);

  g_assert_no_error (writer.error);
  g_assert_no_error (reader.error);
  g_assert_true (reader.ended);
  g_assert_cmpuint (writer.done, ==, total);
  g_assert_cmpuint (reader.done, ==, total);
}

/* The chunk sizes of both ends, and how much is sent with them */
static inline void
for_all_chunks (void (* func) (gsize write_chunk, gsize read_chunk, guint64 total))
{
  static const gsize chunks[] = { 1, 7, 4096, 65536, 100003, 1024 * 1024 };

  for (guint w = 0; w < G_N_ELEMENTS (chunks); w++)
    {
      for (guint r = 0; r < G_N_ELEMENTS (chunks); r++)
        {
          gsize smallest = MIN (chunks[w], chunks[r]);
          guint64 total = smallest == 1 ? 5003 : smallest == 7 ? 30011 : 3 * 1024 * 1024 + 13;

          func (chunks[w], chunks[r], test_is_slow () ? total / 16 : total);
        }
    }
}
