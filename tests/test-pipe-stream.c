/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-descriptor-private.h"
#include "gopipe/gp-pipe-stream-private.h"
#include "gopipe/gp-terminal-private.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "gp-test-pipe-util.h"

static EndMode write_mode;
static EndMode read_mode;

typedef enum
{
  KIND_OWN,
  KIND_LENT_PIPE,
  KIND_LENT_SOCKET,
} Kind;

static Kind kind;

static void
open_fds (int fds[2])
{
  g_autoptr (GError) error = NULL;

  if (kind == KIND_LENT_SOCKET)
    {
      int pair[2];

      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
      fds[0] = pair[0];
      fds[1] = pair[1];
      return;
    }

  g_assert_true (gp_descriptor_open_pipe (fds, &error));
  g_assert_no_error (error);
}

static void
open_pipe (GpInterrupt    *interrupt,
           GInputStream  **reader,
           GOutputStream **writer)
{
  int fds[2];

  open_fds (fds);
  if (kind == KIND_OWN)
    {
      *reader = gp_pipe_input_stream_new (fds[0], interrupt);
      *writer = gp_pipe_output_stream_new (fds[1], interrupt);
    }
  else
    {
      g_autoptr (GInputStream) from = g_unix_input_stream_new (fds[0], TRUE);
      g_autoptr (GOutputStream) to = g_unix_output_stream_new (fds[1], TRUE);

      *reader = gp_pipe_input_stream_new_for_stream (from, interrupt);
      *writer = gp_pipe_output_stream_new_for_stream (to, interrupt);
      g_assert_false (gp_descriptor_is_nonblocking (fds[0]));
      g_assert_false (gp_descriptor_is_nonblocking (fds[1]));
    }
}

static void
copy (gsize   write_chunk,
      gsize   read_chunk,
      guint64 total)
{
  g_autoptr (GpInterrupt) interrupt = total % 2 != 0 ? gp_interrupt_new (NULL) : NULL;
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;

  open_pipe (interrupt, &reader, &writer);
  if (kind == KIND_LENT_PIPE)
    total /= 4; /* small pieces */
  transfer_all (writer, write_mode, write_chunk, reader, read_mode, read_chunk, total);
  g_assert_finalize_object (g_steal_pointer (&reader));
  g_assert_finalize_object (g_steal_pointer (&writer));
}

static void
copy_in_all_modes (Kind this_kind)
{
  kind = this_kind;
  for (write_mode = END_SYNC; write_mode <= END_NONBLOCKING; write_mode++)
    {
      for (read_mode = END_SYNC; read_mode <= END_NONBLOCKING; read_mode++)
        for_all_chunks (copy);
    }
  kind = KIND_OWN;
}

static void
test_copy_own (void)
{
  copy_in_all_modes (KIND_OWN);
}

static void
test_copy_lent_pipe (void)
{
  copy_in_all_modes (KIND_LENT_PIPE);
}

static void
test_copy_lent_socket (void)
{
  copy_in_all_modes (KIND_LENT_SOCKET);
}

static void
test_vectors (void)
{
  for (kind = KIND_OWN; kind <= KIND_LENT_SOCKET; kind++)
    {
      g_autoptr (GInputStream) reader = NULL;
      g_autoptr (GOutputStream) writer = NULL;
      g_autofree guint8 *big = g_malloc0 (2000000);
      g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;
      GOutputVector vectors[] = { { "abc", 3 }, { "", 0 }, { "defg", 4 } };
      GOutputVector big_vectors[] = { { big, 1000000 }, { big, 1000000 } };
      char buffer[16] = "";
      gsize n;

      open_pipe (interrupt, &reader, &writer);
      g_assert_true (g_output_stream_writev_all (writer, vectors, 3, &n, NULL, NULL));
      g_assert_true (g_input_stream_read_all (reader, buffer, 7, &n, NULL, NULL));
      g_assert_cmpstr (buffer, ==, "abcdefg");

      /* More than fits, without a reader: must end by the interrupt */
      g_output_stream_writev_all_async (writer, big_vectors, 2, 0, NULL, result_cb, &result);
      g_main_context_iteration (NULL, FALSE);
      g_assert_null (result);
      gp_interrupt_raise (interrupt);
      await (&result);
      g_assert_false (g_output_stream_writev_all_finish (writer, result, &n, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  kind = KIND_OWN;
}

static void
test_no_threads (void)
{
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  GAsyncResult *results[4] = { NULL, NULL, NULL, NULL };
  guint n_threads = count_threads ();
  guint n_fds = count_fds ();
  char data[9000] = "";

  open_pipe (NULL, &reader, &writer);
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
  g_assert_cmpuint (count_fds (), ==, n_fds);
  for (guint i = 0; i < 4; i++)
    g_clear_object (&results[i]);
}

/* In a process of its own, where nothing else has ignored SIGPIPE yet */
static void
test_broken (void)
{
  signal (SIGPIPE, SIG_DFL); /* as in a program that starts nothing */
  for (kind = KIND_OWN; kind <= KIND_LENT_SOCKET; kind++)
    {
      g_autoptr (GInputStream) reader = NULL;
      g_autoptr (GOutputStream) writer = NULL;
      g_autoptr (GError) error = NULL;

      open_pipe (NULL, &reader, &writer);
      g_assert_true (g_input_stream_close (reader, NULL, NULL));
      g_assert_cmpint (g_output_stream_write (writer, "x", 1, NULL, &error), ==, -1);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
    }
  kind = KIND_OWN;
}

static void
test_broken_first (void)
{
  g_test_trap_subprocess ("/pipe-stream/broken/subprocess", 0, 0);
  g_test_trap_assert_passed ();
}

static volatile sig_atomic_t n_handled;

static void
handle_signal (int signum)
{
  n_handled++;
}

/* A program that wants to know keeps its handler. */
static void
test_handled (void)
{
  struct sigaction action;
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GError) error = NULL;

  signal (SIGPIPE, handle_signal);
  open_pipe (NULL, &reader, &writer);
  g_assert_cmpint (sigaction (SIGPIPE, NULL, &action), ==, 0);
  g_assert_true (action.sa_handler == handle_signal);
  g_assert_true (g_input_stream_close (reader, NULL, NULL));
  g_assert_cmpint (g_output_stream_write (writer, "x", 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  g_assert_cmpint (n_handled, ==, 1);
}

static void
test_handled_first (void)
{
  g_test_trap_subprocess ("/pipe-stream/handled/subprocess", 0, 0);
  g_test_trap_assert_passed ();
}

typedef enum
{
  STOP_CANCEL,
  STOP_INTERRUPT,
  STOP_CLOSE,
  STOP_INTERRUPT_AND_CLOSE, /* never taken for a close alone */
} Stop;

static void
stop_blocked (gboolean reads,
              EndMode  mode,
              Stop     how)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  End end = { NULL, cancellable, mode, 65536, G_MAXUINT64, 0, FALSE, FALSE, NULL,
              mode != END_SYNC ? g_main_context_new () : NULL };
  GThread *thread;

  open_pipe (interrupt, &reader, &writer);
  end.stream = reads ? (gpointer) reader : (gpointer) writer;
  thread = g_thread_new ("end", end_thread, &end);

  for (int i = g_random_int_range (0, 40); i > 0; i--)
    g_thread_yield ();

  if (how == STOP_CANCEL)
    end_cancel (&end);
  if (how == STOP_INTERRUPT || how == STOP_INTERRUPT_AND_CLOSE)
    gp_interrupt_raise (interrupt);
  if ((how == STOP_CLOSE || how == STOP_INTERRUPT_AND_CLOSE) && reads)
    g_assert_true (g_output_stream_close (writer, NULL, NULL));
  else if (how == STOP_CLOSE || how == STOP_INTERRUPT_AND_CLOSE)
    g_assert_true (g_input_stream_close (reader, NULL, NULL));
  end_join (&end, thread);

  if (how != STOP_CLOSE)
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
      kind = (i / 6) % 3;
      for (Stop how = STOP_CANCEL; how <= STOP_INTERRUPT_AND_CLOSE; how++)
        stop_blocked (i & 1, (i / 2) % 3, how);
    }
  kind = KIND_OWN;
}

static void
test_interrupt_lasts (void)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  char c = 'x';

  open_pipe (interrupt, &reader, &writer);
  g_assert_false (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (reader)));
  g_assert_true (g_pollable_output_stream_is_writable (G_POLLABLE_OUTPUT_STREAM (writer)));
  g_assert_cmpint (g_output_stream_write (writer, &c, 1, NULL, NULL), ==, 1);
  gp_interrupt_raise (interrupt);
  g_assert_true (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (reader)));
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

/* That of an outer pipeline does the same, except to wake */
static void
test_outer_interrupt (void)
{
  g_autoptr (GpInterrupt) outer = gp_interrupt_new (NULL);
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GError) error = NULL;
  char c = 'x';

  open_pipe (interrupt, &reader, &writer);
  gp_interrupt_set_outer (interrupt, outer);
  gp_interrupt_set_outer (interrupt, interrupt);
  g_assert_false (gp_interrupt_is_raised (interrupt));
  gp_interrupt_raise (outer);
  g_assert_true (gp_interrupt_is_raised (interrupt));
  g_assert_true (g_output_stream_close (writer, NULL, NULL));
  g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* The source holds the interrupt, whose descriptor must not be another's meanwhile. */
static void
test_source_outlives (void)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GSource) source = NULL;

  open_pipe (interrupt, &reader, &writer);
  source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (reader), NULL);
  g_input_stream_close (reader, NULL, NULL);
  gp_interrupt_raise (interrupt);
  g_clear_pointer (&interrupt, gp_interrupt_unref);
  await_source (source);
}

static void
test_growth (void)
{
  g_autofree guint8 *buffer = g_malloc0 (4 * 1024 * 1024);
  GInputStream *readers[24];
  GOutputStream *writers[24];
  const int budget = 16 * 1024 * 1024;
  int first_total = 0;

  for (guint round = 0; round < 2; round++)
    {
      int total = 0;

      for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
        {
          GPollableOutputStream *pollable;
          int size;
          int fd;

          open_pipe (NULL, &readers[i], &writers[i]);
          pollable = G_POLLABLE_OUTPUT_STREAM (writers[i]);
          fd = g_unix_output_stream_get_fd (G_UNIX_OUTPUT_STREAM (writers[i]));
          size = fcntl (fd, F_GETPIPE_SZ);
          for (guint n = 0; n < 40; n++)
            g_pollable_output_stream_write_nonblocking (pollable, buffer, 1000000, NULL, NULL);
          total += fcntl (fd, F_GETPIPE_SZ) - size;
        }
      g_assert_cmpint (total, <=, budget);
      if (round == 0)
        {
          g_test_message ("%d bytes were added to the pipes", total);
          first_total = total;
        }
      else if (first_total > budget / 2)
        {
          /* All was given back. */
          g_assert_cmpint (total, >, 0);
        }
      for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
        {
          g_assert_finalize_object (readers[i]);
          g_assert_finalize_object (writers[i]);
        }
    }
}

static void
test_growth_by_reader (void)
{
  g_autofree guint8 *buffer = g_malloc0 (65536);
  g_autoptr (GInputStream) reader = NULL;
  int fds[2];

  open_fds (fds);
  reader = gp_pipe_input_stream_new (fds[0], NULL);
  if (fcntl (fds[0], F_GETPIPE_SZ) != 65536)
    g_test_skip ("this user has too many pipes");
  else
    {
      /* Half of it, again and again: no need */
      for (guint n = 0; n < 10; n++)
        {
          g_assert_cmpint (write (fds[1], buffer, 32768), ==, 32768);
          g_assert_cmpint (g_input_stream_read (reader, buffer, 65536, NULL, NULL), ==, 32768);
        }
      g_assert_cmpint (fcntl (fds[0], F_GETPIPE_SZ), ==, 65536);

      g_assert_cmpint (write (fds[1], buffer, 65536), ==, 65536);
      g_assert_cmpint (g_input_stream_read (reader, buffer, 65536, NULL, NULL), ==, 65536);
      if (fcntl (fds[0], F_GETPIPE_SZ) == 65536)
        g_test_message ("refused");
      else
        g_assert_cmpint (fcntl (fds[0], F_GETPIPE_SZ), ==, 131072);
    }
  close (fds[1]);
}

/* Closing ours closes the caller's; dropping ours does not. */
static void
test_lent (void)
{
  g_autoptr (GInputStream) base = NULL;
  g_autoptr (GOutputStream) target = NULL;
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];
  char c;

  open_fds (fds);
  base = g_unix_input_stream_new (fds[0], TRUE);
  target = g_unix_output_stream_new (fds[1], TRUE);
  for (guint i = 0; i < 2; i++)
    {
      reader = gp_pipe_input_stream_new_for_stream (base, NULL);
      g_assert_finalize_object (g_steal_pointer (&reader));
      g_assert_false (g_input_stream_is_closed (base));
      writer = gp_pipe_output_stream_new_for_stream (target, NULL);
      g_assert_finalize_object (g_steal_pointer (&writer));
      g_assert_false (g_output_stream_is_closed (target));
    }

  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  g_assert_cmpint (g_unix_input_stream_get_fd (G_UNIX_INPUT_STREAM (reader)), ==, fds[0]);
  g_assert_false (g_unix_input_stream_get_close_fd (G_UNIX_INPUT_STREAM (reader)));
  g_assert_true (g_input_stream_close (reader, NULL, NULL));
  g_assert_true (g_input_stream_is_closed (base));

  writer = gp_pipe_output_stream_new_for_stream (target, NULL);
  g_output_stream_close_async (writer, 0, NULL, result_cb, &result);
  await (&result);
  g_assert_true (g_output_stream_close_finish (writer, result, &error));
  g_assert_true (g_output_stream_is_closed (target));

  /* Closed behind our back: its descriptor may be another's by now. */
  g_clear_object (&reader);
  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  g_assert_cmpint (g_input_stream_read (reader, &c, 1, NULL, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

static void
test_close_error (void)
{
  g_autoptr (GOutputStream) target = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  open_fds (fds);
  close (fds[0]);
  target = g_unix_output_stream_new (fds[1], TRUE);
  writer = gp_pipe_output_stream_new_for_stream (target, NULL);
  close (fds[1]);
  g_output_stream_close_async (writer, 0, NULL, result_cb, &result);
  await (&result);
  g_assert_false (g_output_stream_close_finish (writer, result, &error));
  g_assert_nonnull (error);
}

static void
test_terminal (void)
{
  g_autoptr (GInputStream) base = NULL;
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GOutputStream) target = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GError) error = NULL;
  char buffer[5000];
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  int slave;
  gssize n;

  g_assert_cmpint (master, !=, -1);
  g_assert_cmpint (grantpt (master), ==, 0);
  g_assert_cmpint (unlockpt (master), ==, 0);
  slave = open (ptsname (master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (slave, !=, -1);

  memset (buffer, 'x', sizeof buffer);
  target = g_unix_output_stream_new (slave, TRUE);
  writer = gp_pipe_output_stream_new_for_stream (target, NULL);
  g_assert_cmpint (g_output_stream_write (writer, buffer, sizeof buffer, NULL, NULL), ==, 256);
  while ((n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (writer),
                                                          buffer, sizeof buffer, NULL,
                                                          &error)) > 0)
    g_assert_cmpint (n, <=, 256);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);

  base = g_unix_input_stream_new (slave, FALSE);
  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  g_assert_false (g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (reader)));
  g_assert_cmpint (write (master, "line\n", 5), ==, 5);
  g_assert_cmpint (g_input_stream_read (reader, buffer, sizeof buffer, NULL, NULL), ==, 5);
  close (master);
}

static void
test_file (void)
{
  g_autofree char *path = NULL;
  g_autofree guint8 *data = g_malloc (1000000);
  g_autoptr (GOutputStream) target = NULL;
  g_autoptr (GOutputStream) writer = NULL;
  g_autoptr (GInputStream) base = NULL;
  g_autoptr (GInputStream) reader = NULL;
  End end = { NULL, NULL, END_ASYNC, 100000, G_MAXUINT64, 0, FALSE, FALSE, NULL, NULL };
  int fd = g_file_open_tmp (NULL, &path, NULL);

  gp_test_pattern_fill (data, 1000000, 0);
  target = g_unix_output_stream_new (fd, TRUE);
  writer = gp_pipe_output_stream_new_for_stream (target, NULL);
  g_assert_cmpint (g_output_stream_write (writer, data, 1000000, NULL, NULL), ==, 1000000);
  g_assert_true (g_output_stream_close (writer, NULL, NULL));

  base = g_unix_input_stream_new (open (path, O_RDONLY | O_CLOEXEC), TRUE);
  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  end.stream = reader;
  end_thread (&end);
  end_join (&end, NULL);
  g_assert_cmpuint (end.done, ==, 1000000);
  g_assert_true (end.ended);
  unlink (path);
}

static void
store_result_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
await_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_close_async (void)
{
  for (kind = KIND_OWN; kind <= KIND_LENT_SOCKET; kind++)
    {
      g_autoptr (GInputStream) reader = NULL;
      g_autoptr (GOutputStream) writer = NULL;
      g_autoptr (GAsyncResult) in_result = NULL;
      g_autoptr (GAsyncResult) out_result = NULL;

      open_pipe (NULL, &reader, &writer);
      g_input_stream_close_async (reader, G_PRIORITY_DEFAULT, NULL, store_result_cb, &in_result);
      await_result (&in_result);
      g_assert_true (g_input_stream_close_finish (reader, in_result, NULL));
      g_output_stream_close_async (writer, G_PRIORITY_DEFAULT, NULL, store_result_cb, &out_result);
      await_result (&out_result);
      g_assert_true (g_output_stream_close_finish (writer, out_result, NULL));
    }
  kind = KIND_OWN;
}

static void
test_close_async_error (void)
{
  g_autoptr (GInputStream) base = NULL;
  g_autoptr (GInputStream) reader = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_true (gp_descriptor_open_pipe (fds, NULL));
  base = g_unix_input_stream_new (fds[0], TRUE);
  reader = gp_pipe_input_stream_new_for_stream (base, NULL);
  close (fds[0]);
  g_input_stream_close_async (reader, G_PRIORITY_DEFAULT, NULL, store_result_cb, &result);
  await_result (&result);
  g_assert_false (g_input_stream_close_finish (reader, result, &error));
  g_assert_nonnull (error);
  close (fds[1]);
}

/* What is typed to something that takes no lines, or is no terminal any more, comes as it is. */
static void
test_typed_elsewhere (void)
{
  g_autoptr (GOutputStream) base = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) typed = gp_terminal_input_new (base);
  g_autofree char *text = g_strnfill (3000, 'x');

  g_assert_true (g_output_stream_write_all (typed, text, 3000, NULL, NULL, NULL));
  g_assert_cmpuint (g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (base)), ==, 3000);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);

  add_case ("/pipe-stream/no-threads", test_no_threads);
  add_case ("/pipe-stream/copy/own", test_copy_own);
  add_case ("/pipe-stream/copy/lent-pipe", test_copy_lent_pipe);
  add_case ("/pipe-stream/copy/lent-socket", test_copy_lent_socket);
  add_case ("/pipe-stream/vectors", test_vectors);
  add_case ("/pipe-stream/broken", test_broken_first);
  add_case ("/pipe-stream/broken/subprocess", test_broken);
  add_case ("/pipe-stream/handled", test_handled_first);
  add_case ("/pipe-stream/handled/subprocess", test_handled);
  add_case ("/pipe-stream/stop/blocked", test_stop_blocked);
  add_case ("/pipe-stream/stop/interrupt-lasts", test_interrupt_lasts);
  add_case ("/pipe-stream/stop/outer-interrupt", test_outer_interrupt);
  add_case ("/pipe-stream/close-async", test_close_async);
  add_case ("/pipe-stream/close-async/error", test_close_async_error);
  add_case ("/pipe-stream/source-outlives", test_source_outlives);
  add_case ("/pipe-stream/growth", test_growth);
  add_case ("/pipe-stream/growth/by-reader", test_growth_by_reader);
  add_case ("/pipe-stream/lent", test_lent);
  add_case ("/pipe-stream/lent/close-error", test_close_error);
  add_case ("/pipe-stream/lent/terminal", test_terminal);
  add_case ("/pipe-stream/typed-elsewhere", test_typed_elsewhere);
  add_case ("/pipe-stream/lent/file", test_file);

  return g_test_run ();
}
