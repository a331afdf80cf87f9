/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-engine-private.h"

#include "gp-descriptor-private.h"

/* How long a thread that is about to wait keeps what it has for the engine to itself */
#define PATIENCE_USEC 10000

/* Who runs the context, one at a time:
 *
 *   nobody, as long as nothing holds the engine → whoever waits for a pipeline, or the thread of the
 *   engine → nobody
 *
 * Each source holds the engine, and so does each process that is waited for. A thread that waits for a
 * pipeline blocks anyway: if nobody else runs the context it does, and is told the end with one thread
 * less in between. It leaves as soon as it has something else to do, and the engine's own thread, which
 * sleeps until then, goes on for it if anything holds the engine still.
 *
 * Context and thread are made by the first pipeline and kept as long as the program lives: a thread that
 * ended and came back would have to be synchronised with everybody who is about to use it. The lock is
 * the last one: nothing of ours is called with it held. */
static GMutex engine_lock;
static GCond engine_wanted;
static GMainContext *engine_context; /* (atomic) */
static gboolean is_led;
static gboolean is_wanted;           /* the engine's thread is to lead */
static guint n_holds;
static gint64 patient_since;         /* 0: nothing waits for a thread that is patient */

/* Set in a thread that is about to wait */
static GPrivate is_patient;

static GMainContext *
get_context (void)
{
  return g_atomic_pointer_get (&engine_context);
}

/* With the lock held, which is released meanwhile */
static void
lead_while_held (GMainContext *context)
{
  g_mutex_unlock (&engine_lock);
  g_main_context_push_thread_default (context);
  g_mutex_lock (&engine_lock);

  while (n_holds > 0)
    {
      g_mutex_unlock (&engine_lock);
      g_main_context_iteration (context, TRUE);
      g_mutex_lock (&engine_lock);
    }

  /* Before anybody else may lead */
  g_main_context_pop_thread_default (context);
}

static gpointer
engine_thread (gpointer data)
{
  GMainContext *context = data;

  g_mutex_lock (&engine_lock);
  while (TRUE)
    {
      while (!is_wanted)
        g_cond_wait (&engine_wanted, &engine_lock);

      lead_while_held (context);
      is_led = is_wanted = FALSE;
    }

  return NULL;
}

gboolean
gp_engine_ensure (GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&engine_lock);
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GError) local_error = NULL;
  GThread *thread;

  if (engine_context != NULL)
    return TRUE;

  context = gp_descriptor_new_main_context (error);
  if (context == NULL)
    return FALSE;

  /* With the signal mask of the caller: threads of the pool inherit it, and what the application's
   * functions start in them. */
  thread = g_thread_try_new ("gp-engine", engine_thread, context, &local_error);

  if (thread == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "cannot start a thread: %s", local_error->message);
      return FALSE;
    }

  g_thread_unref (thread);
  g_atomic_pointer_set (&engine_context, g_steal_pointer (&context));

  return TRUE;
}

/* --- Who leads ---------------------------------------------------------------------------- */

/* With the lock held. TRUE: the engine's thread is to be woken without it, by unlock (). */
static gboolean
want_thread (void)
{
  if (is_led || n_holds == 0)
    return FALSE;

  patient_since = 0;
  is_led = is_wanted = TRUE;

  return TRUE;
}

/* With the lock held; the same */
static gboolean
is_thread_needed (void)
{
  gint64 now;

  if (is_led || g_private_get (&is_patient) == NULL)
    return want_thread ();

  now = g_get_monotonic_time ();
  if (patient_since == 0)
    patient_since = now;

  return now - patient_since > PATIENCE_USEC && want_thread ();
}

static void
unlock (gboolean thread_is_needed)
{
  g_mutex_unlock (&engine_lock);
  if (thread_is_needed)
    g_cond_signal (&engine_wanted);
}

void
gp_engine_hold (void)
{
  g_mutex_lock (&engine_lock);
  n_holds++;
  unlock (is_thread_needed ());
}

void
gp_engine_release (void)
{
  gboolean is_idle;

  g_mutex_lock (&engine_lock);
  n_holds--;
  if (n_holds == 0)
    patient_since = 0;
  is_idle = n_holds == 0 && is_wanted;
  g_mutex_unlock (&engine_lock);

  /* Or the engine's own thread would lead until a timer that is none any more. */
  if (is_idle)
    gp_engine_wake ();
}

void
gp_engine_be_patient (void)
{
  g_private_set (&is_patient, GINT_TO_POINTER (TRUE));
}

void
gp_engine_lose_patience (void)
{
  g_private_set (&is_patient, NULL);
  g_mutex_lock (&engine_lock);
  unlock (want_thread ());
}

gboolean
gp_engine_lead (void)
{
  GMainContext *context = get_context ();
  gboolean leads;

  g_mutex_lock (&engine_lock);
  leads = !is_led && n_holds > 0;
  if (leads)
    {
      is_led = TRUE;
      patient_since = 0;
    }
  g_mutex_unlock (&engine_lock);

  if (leads)
    {
      g_private_set (&is_patient, NULL);
      g_main_context_push_thread_default (context);
    }

  return leads;
}

void
gp_engine_iterate (void)
{
  g_main_context_iteration (get_context (), TRUE);
}

void
gp_engine_leave (void)
{
  g_main_context_pop_thread_default (get_context ());

  g_mutex_lock (&engine_lock);
  is_led = FALSE;
  unlock (want_thread ());
}

void
gp_engine_wake (void)
{
  /* Whoever leads looks by himself after each call. */
  if (!gp_engine_is_here ())
    g_main_context_wakeup (get_context ());
}

gboolean
gp_engine_is_here (void)
{
  GMainContext *context = get_context ();

  return context != NULL && g_main_context_is_owner (context);
}

/* --- What is led -------------------------------------------------------------------------- */

typedef struct
{
  GpEngineFunc   func;
  gpointer       data;
  GDestroyNotify destroy;
} Call;

static gboolean
call_cb (gpointer data)
{
  Call *call = data;

  call->func (call->data);

  return G_SOURCE_REMOVE;
}

static void
call_free (gpointer data)
{
  Call *call = data;

  if (call->destroy != NULL)
    call->destroy (call->data);
  g_free (call);
  gp_engine_release ();
}

static void
attach_call (GSource       *source,
             GpEngineFunc   func,
             gpointer       data,
             GDestroyNotify destroy)
{
  Call *call = g_new (Call, 1);

  *call = (Call) { func, data, destroy };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "[gopipe] engine call");
  g_source_set_callback (source, call_cb, call, call_free);
  gp_engine_hold ();
  g_source_attach (source, get_context ());
}

void
gp_engine_invoke (GpEngineFunc func,
                  gpointer     data)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  attach_call (source, func, data, NULL);
}

GSource *
gp_engine_add_timeout (guint          milliseconds,
                       GpEngineFunc   func,
                       gpointer       data,
                       GDestroyNotify destroy)
{
  GSource *source = g_timeout_source_new (milliseconds);

  attach_call (source, func, data, destroy);
  gp_engine_lose_patience ();

  return source;
}

static void
release_cb (gpointer data)
{
  gp_engine_release ();
}

GSource *
gp_engine_add_fd (int               fd,
                  GUnixFDSourceFunc func,
                  gpointer          data)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);

  g_source_set_callback (source, G_SOURCE_FUNC (func), data, release_cb);
  gp_engine_hold ();
  g_source_attach (source, get_context ());

  return source;
}

void
gp_engine_clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}
