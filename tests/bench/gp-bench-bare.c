/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"

#include "gp-bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void
bare_pipe (int *read_end,
           int *write_end)
{
  int fds[2];

  if (pipe2 (fds, O_CLOEXEC) != 0)
    bench_fail ("pipe2: %s", g_strerror (errno));
  *read_end = fds[0];
  *write_end = fds[1];
}

/* A descriptor of -1 is inherited, any other is closed here: it belongs to the command. */
pid_t
bare_spawn (const char * const *argv,
            int                 input,
            int                 output)
{
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int error;

  posix_spawn_file_actions_init (&actions);
  if (input >= 0)
    posix_spawn_file_actions_adddup2 (&actions, input, STDIN_FILENO);
  if (output >= 0)
    posix_spawn_file_actions_adddup2 (&actions, output, STDOUT_FILENO);
  error = posix_spawn (&pid, argv[0], &actions, NULL, (char **) argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  if (error != 0)
    bench_fail ("posix_spawn: %s", g_strerror (error));

  if (input >= 0)
    close (input);
  if (output >= 0)
    close (output);

  return pid;
}

/* Returns whether the command was successful. */
gboolean
bare_reap (pid_t pid)
{
  int status;

  return waitpid (pid, &status, 0) == pid && status == 0;
}

void
bare_wait (pid_t pid)
{
  if (!bare_reap (pid))
    bench_fail ("a command has failed");
}

pthread_t
bare_start_thread (void *(*func) (void *),
                   void   *data)
{
  pthread_t thread;

  if (pthread_create (&thread, NULL, func, data) != 0)
    bench_fail ("no thread");

  return thread;
}

/* Never ready: what would end a wait */
static int end_fd = -1;

/* What can be ended while it waits may not wait in read () or write (). */
void
bare_make_cancellable (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  if (end_fd < 0)
    end_fd = eventfd (0, EFD_CLOEXEC);
  if (flags < 0 || fcntl (fd, F_SETFL, flags | O_NONBLOCK) < 0)
    bench_fail ("fcntl: %s", g_strerror (errno));
}

/* Whether it is to be tried again */
static gboolean
wait_cancellably (int   fd,
                  short events)
{
  struct pollfd poll_fds[2] = {
    { .fd = fd, .events = events },
    { .fd = end_fd, .events = POLLIN },
  };

  if (errno != EAGAIN)
    return FALSE;

  bench_check (poll (poll_fds, 2, -1) == 1 && poll_fds[0].revents != 0, "poll");

  return TRUE;
}

void
bare_write (int         fd,
            const void *data,
            gsize       size)
{
  const char *at = data;

  while (size > 0)
    {
      gssize n_written;

      do
        n_written = write (fd, at, size);
      while (n_written < 0 && wait_cancellably (fd, POLLOUT));

      if (n_written < 0)
        bench_fail ("write: %s", g_strerror (errno));
      at += n_written;
      size -= n_written;
    }
}

gsize
bare_read (int    fd,
           void  *buffer,
           gsize  size)
{
  gssize n_read;

  do
    n_read = read (fd, buffer, size);
  while (n_read < 0 && wait_cancellably (fd, POLLIN));

  if (n_read < 0)
    bench_fail ("read: %s", g_strerror (errno));

  return n_read;
}

/* That "hello" comes, and then the end. Takes the descriptor. */
void
bare_check_hello (int fd)
{
  char text[16];

  bench_check (bare_read (fd, text, sizeof text) == 6 && memcmp (text, "hello\n", 6) == 0, "text");
  bench_check (bare_read (fd, text, sizeof text) == 0, "end");
  close (fd);
}

guint64
bare_count (int fd)
{
  char buffer[BENCH_BLOCK_SIZE];
  guint64 total = 0;
  gsize n_read;

  while ((n_read = bare_read (fd, buffer, sizeof buffer)) > 0)
    total += n_read;
  close (fd);

  return total;
}

guint64
bare_count_lines (int fd)
{
  char buffer[BENCH_BLOCK_SIZE];
  guint64 n_lines = 0;
  gsize n_read;

  while ((n_read = bare_read (fd, buffer, sizeof buffer)) > 0)
    {
      const char *at = buffer;
      const char *end = buffer + n_read;

      while ((at = memchr (at, '\n', end - at)) != NULL)
        {
          n_lines++;
          at++;
        }
    }
  close (fd);

  return n_lines;
}

static void *
copy_thread (void *data)
{
  BareCopy *copy = data;
  char buffer[BENCH_BLOCK_SIZE];
  gsize n_read;

  while ((n_read = bare_read (copy->input, buffer, sizeof buffer)) > 0)
    bare_write (copy->output, buffer, n_read);
  close (copy->input);
  close (copy->output);

  return NULL;
}

/* Takes both descriptors. */
void
bare_copy_start (BareCopy *copy,
                 int       input,
                 int       output)
{
  copy->input = input;
  copy->output = output;
  copy->thread = bare_start_thread (copy_thread, copy);
}

void
bare_copy_join (BareCopy *copy)
{
  pthread_join (copy->thread, NULL);
}

void
bare_hand_init (BareHand *hand)
{
  pthread_mutex_init (&hand->lock, NULL);
  pthread_cond_init (&hand->changed, NULL);
}

/* Eight bytes. */
void
bare_hand_over (BareHand   *hand,
                const char *text)
{
  pthread_mutex_lock (&hand->lock);
  memcpy (hand->text, text, sizeof hand->text);
  hand->full = TRUE;
  pthread_cond_signal (&hand->changed);
  pthread_mutex_unlock (&hand->lock);
}

void
bare_hand_take (BareHand *hand,
                char     *text)
{
  pthread_mutex_lock (&hand->lock);
  while (!hand->full)
    pthread_cond_wait (&hand->changed, &hand->lock);
  memcpy (text, hand->text, sizeof hand->text);
  hand->full = FALSE;
  pthread_mutex_unlock (&hand->lock);
}

static void *
hand_on_thread (void *data)
{
  BareHand *hand = data;
  char text[sizeof hand->text];

  for (;;)
    {
      bare_hand_take (hand, text);
      bare_hand_over (hand + 1, text);
    }

  return NULL;
}

/* The last one has no thread: what gets there is taken by the caller. They live as long as the
 * program. */
BareHand *
bare_hands_new (guint n_hands)
{
  BareHand *hands = g_new0 (BareHand, n_hands);

  for (guint i = 0; i < n_hands; i++)
    bare_hand_init (&hands[i]);
  for (guint i = 0; i + 1 < n_hands; i++)
    pthread_detach (bare_start_thread (hand_on_thread, &hands[i]));

  return hands;
}

/* One writer, one reader. The bytes are copied without the lock, since neither touches those of the
 * other. A writer that sleeps is only woken when half of the ring is free. */
struct _BareRing
{
  pthread_mutex_t lock;
  pthread_cond_t readable;
  pthread_cond_t writable;
  gboolean reader_sleeps;
  gboolean writer_sleeps;
  gboolean closed;
  gsize size;
  guint64 n_written;
  guint64 n_read;
  char *data;
};

BareRing *
bare_ring_new (gsize size)
{
  BareRing *self = g_new0 (BareRing, 1);

  pthread_mutex_init (&self->lock, NULL);
  pthread_cond_init (&self->readable, NULL);
  pthread_cond_init (&self->writable, NULL);
  self->size = size;
  self->data = g_malloc (size);

  return self;
}

void
bare_ring_free (BareRing *self)
{
  pthread_mutex_destroy (&self->lock);
  pthread_cond_destroy (&self->readable);
  pthread_cond_destroy (&self->writable);
  g_free (self->data);
  g_free (self);
}

static gsize
wait_for_space (BareRing *self)
{
  gsize space;

  pthread_mutex_lock (&self->lock);
  while ((space = self->size - (self->n_written - self->n_read)) == 0)
    {
      self->writer_sleeps = TRUE;
      pthread_cond_wait (&self->writable, &self->lock);
      self->writer_sleeps = FALSE;
    }
  pthread_mutex_unlock (&self->lock);

  return space;
}

void
bare_ring_write (BareRing   *self,
                 const void *data,
                 gsize       size)
{
  const char *at = data;

  while (size > 0)
    {
      gsize place = self->n_written % self->size;
      gsize n = MIN (MIN (wait_for_space (self), size), self->size - place);

      memcpy (self->data + place, at, n);
      pthread_mutex_lock (&self->lock);
      self->n_written += n;
      if (self->reader_sleeps)
        pthread_cond_signal (&self->readable);
      pthread_mutex_unlock (&self->lock);
      at += n;
      size -= n;
    }
}

void
bare_ring_close (BareRing *self)
{
  pthread_mutex_lock (&self->lock);
  self->closed = TRUE;
  pthread_cond_signal (&self->readable);
  pthread_mutex_unlock (&self->lock);
}

static gsize
wait_for_data (BareRing *self)
{
  gsize filled;

  pthread_mutex_lock (&self->lock);
  while ((filled = self->n_written - self->n_read) == 0 && !self->closed)
    {
      self->reader_sleeps = TRUE;
      pthread_cond_wait (&self->readable, &self->lock);
      self->reader_sleeps = FALSE;
    }
  pthread_mutex_unlock (&self->lock);

  return filled;
}

gsize
bare_ring_read (BareRing *self,
                void     *buffer,
                gsize     size)
{
  gsize place = self->n_read % self->size;
  gsize n = MIN (MIN (wait_for_data (self), size), self->size - place);

  memcpy (buffer, self->data + place, n);
  pthread_mutex_lock (&self->lock);
  self->n_read += n;
  if (self->writer_sleeps && self->n_written - self->n_read <= self->size / 2)
    pthread_cond_signal (&self->writable);
  pthread_mutex_unlock (&self->lock);

  return n;
}
