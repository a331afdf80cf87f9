/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-thread-pool-private.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define IDLE_SECONDS 10

/* GLib's own, the one that newer versions start with the first task, and the process, which counts as
 * much */
#define N_SPARE_THREADS 3

/* What the kernel holds of a thread's name, with its end */
#define NAME_SIZE 16

/* A thread of the pool.
 *
 * Busy (func is set) -> idle (on the list of idle ones) -> busy ... -> ended, after a while
 * without work or by a drain.
 *
 * Owned by its own thread until its end, unless a drain took it off the list: then by the drain,
 * which joins the thread. Whoever takes an idle one off the list gives it its work, or tells it to
 * end, under the same lock: nothing gets lost. It is woken without the lock, or it would at once wait
 * for that; so whoever does that has a reference, too. */
typedef struct _Worker Worker;
struct _Worker
{
  gatomicrefcount   ref_count;
  GThread          *thread;
  GCond             cond;
  GpThreadPoolFunc  func;
  gpointer          data;
  char              name[NAME_SIZE];
  gboolean          draining;
  Worker           *next_idle;
};

static GMutex pool_mutex;
static GCond all_idle;
static Worker *idle_workers; /* the last one to become idle comes first: it is still warm */
static guint n_busy;

static void
worker_unref (Worker *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_cond_clear (&self->cond);
  g_thread_unref (self->thread);
  g_free (self);
}

static void
set_work (Worker           *self,
          const char       *name,
          GpThreadPoolFunc  func,
          gpointer          data)
{
  gsize length;

  self->func = func;
  self->data = data;
  length = g_snprintf (self->name, sizeof self->name, "gp:%s", name);

  /* What did not fit is cut between two characters. */
  if (length >= sizeof self->name)
    {
      const char *end;

      if (!g_utf8_validate (self->name, -1, &end))
        self->name[end - self->name] = '\0';
    }
}

static void
remove_idle (Worker *self)
{
  Worker **link = &idle_workers;

  while (*link != self)
    link = &(*link)->next_idle;
  *link = self->next_idle;
}

/* Called with the lock held. FALSE: the thread shall end. */
static gboolean
wait_for_work (Worker *self)
{
  gint64 end_time = g_get_monotonic_time () + IDLE_SECONDS * G_TIME_SPAN_SECOND;

  self->next_idle = idle_workers;
  idle_workers = self;
  if (--n_busy == 0)
    g_cond_broadcast (&all_idle);

  while (self->func == NULL && !self->draining)
    {
      if (!g_cond_wait_until (&self->cond, &pool_mutex, end_time) &&
          self->func == NULL && !self->draining)
        {
          remove_idle (self);
          return FALSE;
        }
    }

  return !self->draining;
}

static gpointer
worker_thread (gpointer user_data)
{
  Worker *self = user_data;
  gboolean draining;

  self->thread = g_thread_ref (g_thread_self ());

  g_mutex_lock (&pool_mutex);
  do
    {
      GpThreadPoolFunc func = self->func;

      g_mutex_unlock (&pool_mutex);
      pthread_setname_np (pthread_self (), self->name);
      func (self->data);
      pthread_setname_np (pthread_self (), "gp-idle");
      g_mutex_lock (&pool_mutex);
      self->func = NULL;
      self->data = NULL;
    }
  while (wait_for_work (self));
  draining = self->draining;
  g_mutex_unlock (&pool_mutex);

  if (!draining)
    worker_unref (self);

  return NULL;
}

static gboolean
push_to_idle (const char       *name,
              GpThreadPoolFunc  func,
              gpointer          data)
{
  Worker *worker;

  g_mutex_lock (&pool_mutex);
  worker = idle_workers;
  if (worker != NULL)
    {
      idle_workers = worker->next_idle;
      n_busy++;
      set_work (worker, name, func, data);
      g_atomic_ref_count_inc (&worker->ref_count);
    }
  g_mutex_unlock (&pool_mutex);

  if (worker == NULL)
    return FALSE;

  g_cond_signal (&worker->cond);
  worker_unref (worker);

  return TRUE;
}

static void
uncount_busy (void)
{
  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&pool_mutex);

  if (--n_busy == 0)
    g_cond_broadcast (&all_idle);
}

/* A new thread has the signal mask of whoever starts it, as any thread of the program has.
 * Blocking all signals would be tidier, but what a function starts by means of its own (a
 * process of Python's, say) would inherit that, and could not be terminated. */
gboolean
gp_thread_pool_push (const char        *name,
                     GpThreadPoolFunc   func,
                     gpointer           data,
                     GError           **error)
{
  g_autoptr (GError) local_error = NULL;
  GThread *thread;
  Worker *worker;

  if (push_to_idle (name, func, data))
    return TRUE;

  worker = g_new0 (Worker, 1);
  g_atomic_ref_count_init (&worker->ref_count);
  g_cond_init (&worker->cond);
  set_work (worker, name, func, data);

  /* The thread, and we: GLib lets nobody wait for the end of one that is still being started. */
  g_mutex_lock (&pool_mutex);
  n_busy += 2;
  g_mutex_unlock (&pool_mutex);

  thread = g_thread_try_new (worker->name, worker_thread, worker, &local_error);
  uncount_busy ();
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return TRUE;
    }

  uncount_busy ();
  g_cond_clear (&worker->cond);
  g_free (worker);

  /* One may have become idle meanwhile. */
  if (push_to_idle (name, func, data))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "cannot start a thread: %s", local_error->message);

  return FALSE;
}

typedef struct
{
  GThread *thread;
  GMutex  *gate; /* borrowed */
  pid_t    id;   /* set before it is joined */
} SpareThread;

static gpointer
spare_thread (gpointer user_data)
{
  SpareThread *self = user_data;

  self->id = gettid ();
  g_mutex_lock (self->gate);
  g_mutex_unlock (self->gate);

  return NULL;
}

/* Who joins a thread is told a little before the kernel stops counting it. It is given some time,
 * not for ever: a debugger may hold what has ended. */
static void
spare_thread_end (SpareThread *self)
{
  g_thread_join (self->thread);
  for (guint i = 0; i < 1000 && tgkill (getpid (), self->id, 0) == 0; i++)
    g_usleep (10);
}

gboolean
gp_thread_pool_check_spare (GError **error)
{
  SpareThread spares[N_SPARE_THREADS];
  g_autoptr (GError) local_error = NULL;
  guint n_threads = 0;
  GMutex gate;

  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  for (; n_threads < N_SPARE_THREADS; n_threads++)
    {
      SpareThread *spare = &spares[n_threads];

      spare->gate = &gate;
      spare->thread = g_thread_try_new ("gp-spare", spare_thread, spare, &local_error);
      if (spare->thread == NULL)
        break;
    }
  g_mutex_unlock (&gate);

  while (n_threads > 0)
    spare_thread_end (&spares[--n_threads]);
  g_mutex_clear (&gate);

  if (local_error == NULL)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "cannot start a thread: %s", local_error->message);

  return FALSE;
}

void
gp_thread_pool_drain (void)
{
  Worker *workers;

  g_mutex_lock (&pool_mutex);
  while (n_busy > 0)
    g_cond_wait (&all_idle, &pool_mutex);
  workers = g_steal_pointer (&idle_workers);
  for (Worker *w = workers; w != NULL; w = w->next_idle)
    {
      w->draining = TRUE;
      g_cond_signal (&w->cond);
    }
  g_mutex_unlock (&pool_mutex);

  while (workers != NULL)
    {
      Worker *worker = workers;

      workers = worker->next_idle;
      g_thread_join (g_thread_ref (worker->thread));
      worker_unref (worker);
    }
}
