/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-engine-private.h"

#include "gp-descriptor-private.h"

/* Made by the first pipeline and kept as long as the program lives: a thread that ended and came
 * back would have to be synchronised with everybody who is about to use it. */
static GMutex engine_lock;
static GMainContext *engine_context;

static gpointer
engine_thread (gpointer data)
{
  GMainContext *context = data;
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);

  g_main_context_push_thread_default (context);
  g_main_loop_run (loop);

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

GMainContext *
gp_engine_get_context (void)
{
  return g_atomic_pointer_get (&engine_context);
}

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
  g_source_attach (source, gp_engine_get_context ());
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

  return source;
}

void
gp_engine_clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}
