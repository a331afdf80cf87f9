/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-callback-queue-private.h"

#include "gp-descriptor-private.h"

typedef struct
{
  GpCallback func;
  gpointer   data;
} Item;

/* The run holds a reference, and so does the source while there is one: it exists from the first
 * item of a burst until all were called, so that an idle run leaves nothing in the context. */
struct _GpCallbackQueue
{
  gatomicrefcount  ref_count;
  GMainContext    *context;
  GThread         *thread;

  GMutex           lock;
  GCond            changed;
  GQueue           items;
  GSource         *source;
};

static GpCallbackQueue *
queue_new (GMainContext *context)
{
  GpCallbackQueue *self = g_new0 (GpCallbackQueue, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->context = g_main_context_ref (context);
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

  return queue_new (context);
}

/* What nobody has waited for is called when the thread ends. */
static void
free_private_context (gpointer data)
{
  GMainContext *context = data;

  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_unref (context);
}

static GPrivate private_context = G_PRIVATE_INIT (free_private_context);

GpCallbackQueue *
gp_callback_queue_new_private (GError **error)
{
  GMainContext *context = g_private_get (&private_context);

  if (context == NULL)
    {
      /* GLib ends the program where it cannot make one. */
      if (!gp_descriptor_check_spare (2, error))
        return NULL;

      context = g_main_context_new ();
      g_private_set (&private_context, context);
    }

  return queue_new (context);
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

void
gp_callback_queue_push (GpCallbackQueue *self,
                        GpCallback       func,
                        gpointer         data)
{
  Item *item = g_new (Item, 1);

  *item = (Item) { func, data };

  g_mutex_lock (&self->lock);
  g_queue_push_tail (&self->items, item);
  if (self->source == NULL)
    {
      self->source = g_idle_source_new ();
      g_source_set_priority (self->source, G_PRIORITY_DEFAULT);
      g_source_set_static_name (self->source, "[gopipe] callbacks");
      g_source_set_callback (self->source, dispatch_cb, gp_callback_queue_ref (self),
                             (GDestroyNotify) gp_callback_queue_unref);
      g_source_attach (self->source, self->context);
    }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
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

void
gp_callback_queue_wait (GpCallbackQueue *self,
                        GpCondition      condition,
                        gpointer         data)
{
  gboolean may_call = self->thread == g_thread_self () && g_main_context_acquire (self->context);

  if (may_call)
    g_main_context_push_thread_default (self->context);

  g_mutex_lock (&self->lock);
  while (TRUE)
    {
      if (may_call && !g_queue_is_empty (&self->items))
        {
          g_mutex_unlock (&self->lock);
          call_items (self);
          g_mutex_lock (&self->lock);
        }
      else if (condition (data))
        {
          break;
        }
      else
        {
          g_cond_wait (&self->changed, &self->lock);
        }
    }
  g_mutex_unlock (&self->lock);

  if (may_call)
    {
      drop_idle_source (self);
      g_main_context_pop_thread_default (self->context);
      g_main_context_release (self->context);
    }
}

void
gp_callback_queue_wake (GpCallbackQueue *self)
{
  g_mutex_lock (&self->lock);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}
