/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include <string.h>

#include "gp-test-util.h"

G_BEGIN_DECLS

/* A stage with as much memory as the test wants, and what the tests of memory share */

typedef struct
{
  GObject         parent_instance;

  const char     *name;
  gboolean        fit;        /* needs no main context */
  gboolean        quiet;      /* kill () is only noted */
  gboolean        end_in_kill; /* kill () reports the end itself */
  gboolean        drop;       /* run () drops its context */
  GError         *check_error;
  GError         *run_error;

  GMutex          lock;
  GpStageContext *context;
  guint64         memory;
  guint64         peak;
  guint           n_looks;
  guint           spike_at;   /* the number of the look that sees a thousand more */
  guint           n_kills;
  GError         *reason;
  GThread        *looker;     /* atomic */
  GMutex         *gate;       /* looks must pass it */
  gboolean        at_gate;
} TestHog;

typedef struct
{
  GObjectClass parent_class;
} TestHogClass;

static GType test_hog_get_type (void);
#define TEST_HOG(object) ((TestHog *) (object))

static inline char *
test_hog_get_name (GpStage *stage)
{
  return g_strdup (TEST_HOG (stage)->name);
}

static inline gboolean
test_hog_needs_main_context (GpStage *stage)
{
  return !TEST_HOG (stage)->fit;
}

static inline gboolean
test_hog_run (GpStage         *stage,
              GpStageContext  *context,
              GError         **error)
{
  TestHog *self = TEST_HOG (stage);

  if (self->run_error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->run_error));
      return FALSE;
    }
  if (self->drop)
    return TRUE;

  g_mutex_lock (&self->lock);
  self->context = g_object_ref (context);
  g_mutex_unlock (&self->lock);

  return TRUE;
}

static inline gboolean
test_hog_check (GpLimitable  *limitable,
                GError      **error)
{
  TestHog *self = TEST_HOG (limitable);

  if (self->check_error != NULL)
    g_propagate_error (error, g_error_copy (self->check_error));

  return self->check_error == NULL;
}

static inline gboolean
test_hog_measure (GpLimitable *limitable,
                  guint64     *memory,
                  guint64     *peak)
{
  TestHog *self = TEST_HOG (limitable);
  GMutex *gate;
  gboolean runs;

  g_mutex_lock (&self->lock);
  self->n_looks++;
  g_atomic_pointer_set (&self->looker, g_thread_self ());
  *memory = self->memory + (self->n_looks == self->spike_at ? 1000 : 0);
  *peak = self->peak;
  runs = self->context != NULL;
  gate = self->gate;
  self->at_gate = gate != NULL;
  g_mutex_unlock (&self->lock);

  if (gate != NULL)
    {
      g_mutex_lock (gate);
      g_mutex_unlock (gate);
    }

  return runs;
}

static inline void
end_hog (TestHog      *self,
         const GError *error)
{
  g_autoptr (GpStageContext) context = NULL;

  g_mutex_lock (&self->lock);
  context = g_steal_pointer (&self->context);
  g_mutex_unlock (&self->lock);

  if (context == NULL)
    return;
  if (error != NULL)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_success (context);
}

static inline gboolean
end_killed_cb (gpointer data)
{
  end_hog (data, TEST_HOG (data)->reason);

  return G_SOURCE_REMOVE;
}

static inline void
test_hog_kill (GpLimitable  *limitable,
               const GError *reason)
{
  TestHog *self = TEST_HOG (limitable);

  g_mutex_lock (&self->lock);
  if (self->n_kills++ == 0)
    self->reason = g_error_copy (reason);
  g_mutex_unlock (&self->lock);

  if (self->end_in_kill)
    end_hog (self, reason);
  else if (!self->quiet)
    g_idle_add_full (G_PRIORITY_DEFAULT, end_killed_cb, g_object_ref (self), g_object_unref);
}

static inline void
test_hog_stage_init (GpStageInterface *iface)
{
  iface->get_name = test_hog_get_name;
  iface->needs_main_context = test_hog_needs_main_context;
  iface->run = test_hog_run;
}

static inline void
test_hog_limitable_init (GpLimitableInterface *iface)
{
  iface->check = test_hog_check;
  iface->measure = test_hog_measure;
  iface->kill = test_hog_kill;
}

G_DEFINE_TYPE_WITH_CODE (TestHog, test_hog, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_hog_stage_init)
                         G_IMPLEMENT_INTERFACE (GP_TYPE_LIMITABLE, test_hog_limitable_init))

static inline void
test_hog_finalize (GObject *object)
{
  TestHog *self = TEST_HOG (object);

  g_assert_null (self->context);
  g_clear_error (&self->check_error);
  g_clear_error (&self->run_error);
  g_clear_error (&self->reason);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (test_hog_parent_class)->finalize (object);
}

static inline void
test_hog_class_init (TestHogClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_hog_finalize;
}

static inline void
test_hog_init (TestHog *self)
{
  self->name = "hog";
  g_mutex_init (&self->lock);
}

static inline TestHog *
hog_new (guint64 memory,
         guint64 peak)
{
  TestHog *self = g_object_new (test_hog_get_type (), NULL);

  self->memory = memory;
  self->peak = peak;

  return gp_test_watch (self);
}

static inline void
hog_set (TestHog *self,
         guint64  memory,
         guint64  peak)
{
  g_mutex_lock (&self->lock);
  self->memory = memory;
  self->peak = peak;
  g_mutex_unlock (&self->lock);
}

static inline guint
hog_get_looks (TestHog *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->n_looks;
}

typedef struct
{
  TestHog *hog;
  guint    n;
} Looks;

static inline gboolean
has_looks (gpointer data)
{
  Looks *looks = data;

  return hog_get_looks (looks->hog) >= looks->n;
}

/* Until what is set now was seen for sure: the look that is under way may have read before */
static inline void
wait_for_looks (TestHog *self,
                guint    n)
{
  gp_test_wait_until ("looks", has_looks, &(Looks) { self, hog_get_looks (self) + n });
}

/* Watched every millisecond */
static inline GpMemoryWatchStage *
watch_new (gpointer stage,
           guint64  limit)
{
  GpMemoryWatchStage *self = gp_memory_watch_stage_new (stage, limit);

  gp_memory_watch_stage_set_interval (self, 1);

  return gp_test_watch (self);
}

static inline void
event_cb (GpPipeline *pipeline,
          GpEvent    *event,
          gpointer    data)
{
  GVariant *details = gp_event_get_details (event);
  guint64 limit, used;

  switch (gp_event_get_kind (event))
    {
    case GP_EVENT_KIND_MEMORY_LIMIT:
    case GP_EVENT_KIND_MEMORY_PEAK:
      g_string_append (data, gp_event_get_kind (event) == GP_EVENT_KIND_MEMORY_LIMIT ? "limit" : "peak");
      g_assert_true (g_variant_lookup (details, "used", "t", &used));
      g_string_append_printf (data, "(%s %" G_GUINT64_FORMAT, gp_event_get_stage_name (event), used);
      if (g_variant_lookup (details, "limit", "t", &limit))
        g_string_append_printf (data, "/%" G_GUINT64_FORMAT, limit);
      g_string_append (data, ") ");
      break;
    case GP_EVENT_KIND_STAGE_FAILED:
      g_string_append (data, "failed ");
      break;
    case GP_EVENT_KIND_STAGE_FINISHED:
      g_string_append (data, "finished ");
      break;
    case GP_EVENT_KIND_START_FAILED:
      g_string_append (data, "start-failed ");
      break;
    default:
      break;
    }
}

static inline GString *
record_events (GpPipeline *pipeline)
{
  GString *events = g_string_new ("");

  g_signal_connect (pipeline, "event", G_CALLBACK (event_cb), events);

  return events;
}

static inline void
assert_events (GString    *events,
               const char *expected)
{
  g_assert_cmpstr (events->str, ==, expected);
  g_string_free (events, TRUE);
}

static inline gint64
get_tree_peak (GpPipeline *pipeline)
{
  return gp_stage_status_get_tree_memory_peak (gp_pipeline_get_status (pipeline, 0));
}

G_END_DECLS
