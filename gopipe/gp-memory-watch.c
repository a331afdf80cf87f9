/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-memory-watch-private.h"

#include "gp-error.h"
#include "gp-event-private.h"
#include "gp-process-tree-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"
#include "gp-thread-pool-private.h"

#define CONFIRM_DELAY (10 * 1000) /* microseconds */

/* One watch:
 *
 *   idle ⇄ looking → stopped
 *
 * One reference is that of whoever started it, given back by the stop; one is the list's, until
 * the watcher finds it stopped; one is the watcher's, from choosing whose time has come to the
 * last look of that round. The target is held until the stop, and dropped by whoever stops: the
 * watcher must not be the last to hold it, for a finalizer of the application may run then. That
 * is why the stop waits for a look at this target. The context is not held: that a stage has
 * dropped its context would go unnoticed. */
struct _GpMemoryWatch
{
  gatomicrefcount  ref_count;

  GpLimitable     *target;
  GWeakRef         context;
  guint64          limit;
  gint64           interval; /* microseconds */

  /* With the lock held */
  gint64           due;
  gboolean         confirming; /* the next look is an extra one */
  gint64           last;     /* bytes: what the last look has seen */
  gint64           peak;     /* bytes, -1: nothing was seen */
  gboolean         exceeded;
  gboolean         stopped;
  GThread         *looking;  /* the thread that does, and emits and kills if need be */
};

static GMutex lock;
static GCond changed; /* the list, or a watch */
static GPtrArray *watches; /* with references; NULL: there is no watcher */

static GpMemoryWatch *
watch_ref (GpMemoryWatch *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
watch_unref (GpMemoryWatch *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_weak_ref_clear (&self->context);
  g_free (self);
}

static GError *
new_limit_error (guint64 limit,
                 guint64 used)
{
  return g_error_new (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT,
                      "exceeded its memory limit of %" G_GUINT64_FORMAT " bytes: "
                      "%" G_GUINT64_FORMAT " bytes in use",
                      limit, used);
}

static void
emit (GpMemoryWatch  *self,
      GpStageContext *context,
      GpEventKind     kind,
      gint64          used,
      const GError   *error)
{
  GpStageStatus *status = gp_stage_context_get_status (context);
  g_autofree char *message = NULL;
  GpEvent *event;

  if (status == NULL || !gp_stage_context_wants_event (context, kind))
    return;

  if (error == NULL)
    message = g_strdup_printf ("used up to %" G_GINT64_FORMAT " bytes of memory", used);
  event = gp_event_new (kind, gp_stage_status_get_stage (status),
                        gp_stage_context_get_name (context), error, message);
  if (self->limit != 0)
    gp_event_set_detail (event, "limit", g_variant_new_uint64 (self->limit));
  gp_event_set_detail (event, "used", g_variant_new_uint64 ((guint64) used));
  gp_stage_context_emit_event (context, event);
}

static void
kill_target (GpMemoryWatch *self,
             gint64         used)
{
  g_autoptr (GError) error = new_limit_error (self->limit, (guint64) used);
  g_autoptr (GpStageContext) context = g_weak_ref_get (&self->context);

  if (context != NULL)
    emit (self, context, GP_EVENT_KIND_MEMORY_LIMIT, used, error);
  gp_limitable_kill (self->target, error);
}

/* Whether it has not been stopped */
static gboolean
begin_look (GpMemoryWatch *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  if (!self->stopped)
    self->looking = g_thread_self ();

  return self->looking != NULL;
}

static void
end_look (GpMemoryWatch *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  self->looking = NULL;
  g_cond_broadcast (&changed);
}

/* What was seen now and the last time is what counts: a program that starts another seems to be
 * there twice for a moment, since the new process has, or shares, all its memory until it executes
 * something else. Something new is looked at again soon. With the lock held */
static gint64
confirm (GpMemoryWatch *self,
         gint64         memory)
{
  gint64 confirmed = MIN (memory, self->last);

  self->last = memory;
  self->confirming = !self->confirming && memory > self->peak && memory > confirmed;
  if (self->confirming)
    self->due = MIN (self->due, g_get_monotonic_time () + CONFIRM_DELAY);

  return confirmed;
}

/* Whether the limit is exceeded for the first time, and by what */
static gboolean
note (GpMemoryWatch *self,
      gint64         memory,
      gint64         process_peak,
      gint64        *used)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  gint64 confirmed = confirm (self, memory);

  /* What one process has had by itself, all of them have had at least. */
  *used = MAX (confirmed, process_peak);
  self->peak = MAX (self->peak, *used);
  if (self->exceeded || self->limit == 0 || (guint64) *used <= self->limit)
    return FALSE;

  self->exceeded = TRUE;

  return TRUE;
}

static void
look_at (GpMemoryWatch *self)
{
  guint64 memory, process_peak;
  gint64 used;

  if (!begin_look (self))
    return;

  if (gp_limitable_measure (self->target, &memory, &process_peak) &&
      note (self, (gint64) MIN (memory, G_MAXINT64), (gint64) MIN (process_peak, G_MAXINT64), &used))
    kill_target (self, used);

  end_look (self);
}

/* With the lock held: drops the watches that were stopped. Whose time has come, and when the next
 * one's will */
static GPtrArray *
collect_due (gint64 *next)
{
  GPtrArray *due = g_ptr_array_new_with_free_func ((GDestroyNotify) watch_unref);
  gint64 now = g_get_monotonic_time ();

  *next = G_MAXINT64;
  for (guint i = watches->len; i-- > 0;)
    {
      GpMemoryWatch *watch = g_ptr_array_index (watches, i);

      if (watch->stopped)
        {
          g_ptr_array_remove_index_fast (watches, i);
          continue;
        }

      if (watch->due <= now)
        {
          g_ptr_array_add (due, watch_ref (watch));
          /* All that have the same interval come at the same time, and share the list of
           * processes. */
          watch->due = (now / watch->interval + 1) * watch->interval;
        }
      *next = MIN (*next, watch->due);
    }

  return due;
}

/* The watcher: ends when nothing is watched any more */
static void
watcher_job (gpointer data)
{
  g_mutex_lock (&lock);
  for (;;)
    {
      gint64 next;
      g_autoptr (GPtrArray) due = collect_due (&next);

      if (watches->len == 0)
        break;
      if (due->len == 0)
        {
          g_cond_wait_until (&changed, &lock, next);
          continue;
        }

      g_mutex_unlock (&lock);
      gp_process_tree_begin_look ();
      for (guint i = 0; i < due->len; i++)
        look_at (g_ptr_array_index (due, i));
      gp_process_tree_end_look ();
      g_clear_pointer (&due, g_ptr_array_unref);
      g_mutex_lock (&lock);
    }
  g_clear_pointer (&watches, g_ptr_array_unref);
  g_mutex_unlock (&lock);
}

/* Whether the watcher has it, or had to be started and could not be */
static gboolean
add_watch (GpMemoryWatch  *self,
           GError        **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  if (watches == NULL)
    {
      if (!gp_thread_pool_push ("memory", watcher_job, NULL, error))
        return FALSE;
      watches = g_ptr_array_new_with_free_func ((GDestroyNotify) watch_unref);
    }

  g_ptr_array_add (watches, watch_ref (self));
  g_cond_broadcast (&changed);

  return TRUE;
}

gboolean
gp_memory_watch_check (GpLimitable  *target,
                       guint64       limit,
                       GError      **error)
{
  g_autoptr (GError) local_error = NULL;

  if (gp_limitable_check (target, &local_error))
    return TRUE;

  if (limit == 0 && g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}

GpMemoryWatch *
gp_memory_watch_start (GpLimitable    *target,
                       GpStageContext *context,
                       guint64         limit,
                       guint           interval)
{
  GpMemoryWatch *self = g_new0 (GpMemoryWatch, 1);
  g_autoptr (GError) error = NULL;

  g_atomic_ref_count_init (&self->ref_count);
  self->target = g_object_ref (target);
  g_weak_ref_init (&self->context, context);
  self->limit = limit;
  self->interval = (gint64) MAX (interval, 1) * 1000;
  self->peak = -1;

  /* A limit that nobody would watch is none. */
  if (!add_watch (self, &error) && limit != 0)
    {
      g_prefix_error_literal (&error, "its memory cannot be watched: ");
      gp_limitable_kill (target, error);
    }

  return self;
}

/* Whether it was seen over its limit */
static gboolean
stop (GpMemoryWatch *self,
      gint64        *peak)
{
  g_autoptr (GpLimitable) target = NULL;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  self->stopped = TRUE;
  /* The stage may end within the very call that kills it. */
  while (self->looking != NULL && self->looking != g_thread_self ())
    g_cond_wait (&changed, &lock);

  target = g_steal_pointer (&self->target);
  *peak = self->peak;
  /* The watcher may have nothing to do any more. */
  g_cond_broadcast (&changed);

  return self->exceeded;
}

gboolean
gp_memory_watch_finish (GpMemoryWatch   *self,
                        GpStageContext  *context,
                        gint64           peak_memory,
                        GError         **error)
{
  GpStageStatus *status = gp_stage_context_get_status (context);
  g_autoptr (GError) limit_error = NULL;
  gboolean exceeded;
  gint64 peak;

  exceeded = stop (self, &peak);
  peak = MAX (peak, peak_memory);

  if (peak >= 0 && self->limit != 0 && (guint64) peak > self->limit)
    limit_error = new_limit_error (self->limit, (guint64) peak);
  if (limit_error != NULL && !exceeded)
    emit (self, context, GP_EVENT_KIND_MEMORY_LIMIT, peak, limit_error);

  if (peak >= 0)
    {
      if (status != NULL)
        gp_stage_status_set_tree_peak (status, peak);
      emit (self, context, GP_EVENT_KIND_MEMORY_PEAK, peak, NULL);
    }

  watch_unref (self);
  if (limit_error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&limit_error));

  return FALSE;
}
