/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-callback-queue-private.h"

#include "gp-descriptor-private.h"
#include "gp-engine-private.h"
#include "gp-thread-pool-private.h"

typedef struct
{
  GpCallback func;
  gpointer   data;
} Item;

/* The context of a thread that has none of its own. Nobody but that thread runs it: in synchronous
 * calls of ours, and when it ends. Afterwards nobody can, so nothing may be attached any more.
 *
 * The thread holds a reference until it ends, and so does each queue that was made for it. */
typedef struct
{
  gatomicrefcount  ref_count;
  GMainContext    *context;
  GMutex           lock;
  gboolean         has_ended; /* the thread */
} PrivateHome;

/* The run holds a reference, and so does whoever is going to make the calls: the source, which
 * exists from the first item of a burst until all were called, so that an idle run leaves nothing in
 * the context; or where the home has ended, a thread of the pool, as long as there are any. */
struct _GpCallbackQueue
{
  gatomicrefcount  ref_count;
  GMainContext    *context;
  PrivateHome     *home;       /* or NULL: the context is the application's */
  GThread         *thread;

  GMutex           lock;
  GCond            changed;
  GQueue           items;
  GSource         *source;
  gboolean         is_in_pool; /* instead of the source */
  gboolean         is_awaited; /* instead of both: the home thread blocks in a call of ours */
  gboolean         is_led;     /* whoever waits runs the engine meanwhile */
};

/* --- Private homes ------------------------------------------------------------------------ */

/* Owns @context */
static PrivateHome *
private_home_new (GMainContext *context)
{
  PrivateHome *self = g_new0 (PrivateHome, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->context = context;

  return self;
}

static PrivateHome *
private_home_ref (PrivateHome *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
private_home_unref (PrivateHome *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_main_context_unref (self->context);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* What nobody has waited for is called when the thread ends, and what comes later elsewhere. */
static void
private_home_end (gpointer data)
{
  PrivateHome *self = data;

  g_mutex_lock (&self->lock);
  self->has_ended = TRUE;
  g_mutex_unlock (&self->lock);

  while (g_main_context_iteration (self->context, FALSE))
    ;
  private_home_unref (self);
}

static GPrivate private_home = G_PRIVATE_INIT (private_home_end);

/* --- Queues ------------------------------------------------------------------------------- */

static GpCallbackQueue *
queue_new (GMainContext *context,
           PrivateHome  *home)
{
  GpCallbackQueue *self = g_new0 (GpCallbackQueue, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->context = g_main_context_ref (context);
  self->home = home != NULL ? private_home_ref (home) : NULL;
  self->thread = g_thread_ref (g_thread_self ());
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->items);

  return self;
}

GpCallbackQueue *
gp_callback_queue_new (void)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  return queue_new (context, NULL);
}

GpCallbackQueue *
gp_callback_queue_new_private (GError **error)
{
  PrivateHome *home = g_private_get (&private_home);

  if (home == NULL)
    {
      GMainContext *context = gp_descriptor_new_main_context (error);

      if (context == NULL)
        return NULL;

      home = private_home_new (context);
      g_private_set (&private_home, home);
    }

  return queue_new (home->context, home);
}

GpCallbackQueue *
gp_callback_queue_ref (GpCallbackQueue *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_callback_queue_unref (GpCallbackQueue *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_pointer (&self->source, g_source_unref);
  g_queue_clear_full (&self->items, g_free);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  g_thread_unref (self->thread);
  g_clear_pointer (&self->home, private_home_unref);
  g_main_context_unref (self->context);
  g_free (self);
}

/* Calls the items that are there now: what they queue in turn waits for the next round, so that
 * the application's other sources get theirs. */
static void
call_items (GpCallbackQueue *self)
{
  guint n_items;

  g_mutex_lock (&self->lock);
  n_items = g_queue_get_length (&self->items);

  while (n_items-- > 0)
    {
      g_autofree Item *item = g_queue_pop_head (&self->items);

      /* A callback may itself wait synchronously and so call the rest. */
      if (item == NULL)
        break;

      g_mutex_unlock (&self->lock);
      item->func (item->data);
      g_mutex_lock (&self->lock);
    }

  g_mutex_unlock (&self->lock);
}

static gboolean
dispatch_cb (gpointer data)
{
  GpCallbackQueue *self = data;
  gboolean more;

  call_items (self);

  g_mutex_lock (&self->lock);
  more = !g_queue_is_empty (&self->items);
  if (!more)
    g_clear_pointer (&self->source, g_source_unref);
  g_mutex_unlock (&self->lock);

  return more;
}

static void
call_in_pool_job (gpointer data)
{
  GpCallbackQueue *self = data;
  gboolean more;

  do
    {
      call_items (self);

      g_mutex_lock (&self->lock);
      more = self->is_in_pool = !g_queue_is_empty (&self->items);
      g_mutex_unlock (&self->lock);
    }
  while (more);

  gp_callback_queue_unref (self);
}

/* With the lock held, as the next two. Where there is no thread to be had, the next push tries. */
static void
call_in_pool (GpCallbackQueue *self)
{
  self->is_in_pool = gp_thread_pool_push ("callbacks", call_in_pool_job,
                                          gp_callback_queue_ref (self), NULL);
  if (!self->is_in_pool)
    g_atomic_ref_count_dec (&self->ref_count);
}

static void
attach_source (GpCallbackQueue *self)
{
  self->source = g_idle_source_new ();
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (self->source, "[gopipe] callbacks");
  g_source_set_callback (self->source, dispatch_cb, gp_callback_queue_ref (self),
                         (GDestroyNotify) gp_callback_queue_unref);
  g_source_attach (self->source, self->context);
}

static void
arrange_calls (GpCallbackQueue *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  if (self->source != NULL || self->is_in_pool || self->is_awaited)
    return;

  if (self->home != NULL)
    locker = g_mutex_locker_new (&self->home->lock);

  if (self->home != NULL && self->home->has_ended)
    call_in_pool (self);
  else
    attach_source (self);
}

/* Whoever has found before that nothing has changed waits when the lock is free. */
void
gp_callback_queue_wake (GpCallbackQueue *self)
{
  gboolean is_led;

  g_mutex_lock (&self->lock);
  is_led = self->is_led;
  g_mutex_unlock (&self->lock);

  g_cond_broadcast (&self->changed);
  if (is_led)
    gp_engine_wake ();
}

void
gp_callback_queue_push_before_wake (GpCallbackQueue *self,
                                    GpCallback       func,
                                    gpointer         data)
{
  Item *item = g_new (Item, 1);

  *item = (Item) { func, data };

  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->items, item);
  arrange_calls (self);
  g_mutex_unlock (&self->lock);
}

void
gp_callback_queue_push (GpCallbackQueue *self,
                        GpCallback       func,
                        gpointer         data)
{
  gp_callback_queue_push_before_wake (self, func, data);
  gp_callback_queue_wake (self);
}

static gboolean
has_notify_handler (gpointer object)
{
  static guint notify_signal; /* (atomic) */

  if (g_atomic_int_get (&notify_signal) == 0)
    g_atomic_int_set (&notify_signal, g_signal_lookup ("notify", G_TYPE_OBJECT));

  return g_signal_handler_find (object, G_SIGNAL_MATCH_ID, g_atomic_int_get (&notify_signal), 0,
                                NULL, NULL, NULL) != 0;
}

/* Nobody else can be in the home context. Any thread may run one of the application's, not only that
 * which started the pipeline. */
static gboolean
is_at_home (GpCallbackQueue *self)
{
  return self->home != NULL ? self->thread == g_thread_self ()
                            : g_main_context_is_owner (self->context);
}

gboolean
gp_callback_queue_is_heard (GpCallbackQueue *self,
                            gpointer         object)
{
  gboolean is_awaited;

  if (has_notify_handler (object))
    return TRUE;

  g_mutex_lock (&self->lock);
  is_awaited = self->is_awaited;
  g_mutex_unlock (&self->lock);
  if (is_awaited)
    return FALSE;

  /* Whoever is there may just have looked, and be about to connect. */
  if (!is_at_home (self))
    return TRUE;

  /* Nobody runs a private home. */
  if (self->home == NULL)
    g_main_context_wakeup (self->context);

  return FALSE;
}

static gboolean
call_item_cb (gpointer data)
{
  Item *item = data;

  item->func (item->data);

  return G_SOURCE_REMOVE;
}

void
gp_callback_queue_push_task (GpCallbackQueue *self,
                             GTask           *task,
                             GpCallback       func,
                             gpointer         data)
{
  GMainContext *context = g_task_get_context (task);
  g_autoptr (GSource) source = NULL;
  Item *item;

  if (context == self->context)
    {
      gp_callback_queue_push (self, func, data);
      return;
    }

  item = g_new (Item, 1);
  *item = (Item) { func, data };
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "[gopipe] completion");
  g_source_set_callback (source, call_item_cb, item, g_free);
  g_source_attach (source, context);
}

gboolean
gp_callback_queue_is_blocked (GpCallbackQueue *self)
{
  if (self->thread == g_thread_self ())
    return TRUE;

  /* Nobody runs it now: most likely because the one who would is here. */
  if (!g_main_context_acquire (self->context))
    return FALSE;

  g_main_context_release (self->context);

  return TRUE;
}

/* Takes the source away when a synchronous call has made it pointless */
static void
drop_idle_source (GpCallbackQueue *self)
{
  g_autoptr (GSource) source = NULL;

  g_mutex_lock (&self->lock);
  if (g_queue_is_empty (&self->items))
    source = g_steal_pointer (&self->source);
  g_mutex_unlock (&self->lock);

  if (source != NULL)
    g_source_destroy (source);
}

/* With the lock held. Whoever waits runs the engine meanwhile, unless somebody else does. */
static void
wait_or_lead (GpCallbackQueue *self,
              gboolean        *leads)
{
  *leads = *leads || gp_engine_lead ();
  if (!*leads)
    {
      g_cond_wait (&self->changed, &self->lock);
      return;
    }

  self->is_led = TRUE;
  g_mutex_unlock (&self->lock);
  gp_engine_iterate ();
  g_mutex_lock (&self->lock);
  self->is_led = FALSE;
}

/* With the lock held. The home thread makes the calls that come meanwhile. If there are several it needs
 * the source nevertheless: one of them may run a main loop, which is to make the others. */
static void
wait_for_change (GpCallbackQueue *self,
                 gboolean         may_call,
                 gboolean        *leads)
{
  if (!may_call)
    {
      wait_or_lead (self, leads);
      return;
    }

  self->is_awaited = TRUE;
  wait_or_lead (self, leads);
  self->is_awaited = FALSE;
  if (g_queue_get_length (&self->items) > 1)
    arrange_calls (self);
}

/* Somebody else runs the engine from now on. */
static void
stop_leading (gboolean *leads)
{
  if (*leads)
    gp_engine_leave ();
  else
    gp_engine_lose_patience ();
  *leads = FALSE;
}

void
gp_callback_queue_wait (GpCallbackQueue *self,
                        GpCondition      condition,
                        gpointer         data)
{
  gboolean may_call = self->thread == g_thread_self () && g_main_context_acquire (self->context);
  /* What is begun in a call belongs where the application can run it: nobody runs a private home. */
  gboolean calls_at_home = may_call && self->home == NULL;
  gboolean leads = FALSE;

  if (calls_at_home)
    g_main_context_push_thread_default (self->context);

  g_mutex_lock (&self->lock);
  while (TRUE)
    {
      if (may_call && !g_queue_is_empty (&self->items))
        {
          g_mutex_unlock (&self->lock);
          stop_leading (&leads);
          call_items (self);
          g_mutex_lock (&self->lock);
        }
      else if (condition (data))
        {
          break;
        }
      else
        {
          wait_for_change (self, may_call, &leads);
        }
    }
  g_mutex_unlock (&self->lock);
  stop_leading (&leads);

  if (calls_at_home)
    g_main_context_pop_thread_default (self->context);
  if (may_call)
    {
      drop_idle_source (self);
      g_main_context_release (self->context);
    }
}
