/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-kinds.h"
#include "gp-test-util.h"

/* Pipelines that are forgotten while they run: nobody holds them any more, nobody runs the main
 * context in which they were started, or the thread that has started them has ended. Programs that
 * end are in test-exit.c. */

#define NEVER 100000000

typedef struct
{
  GpTestLife     life;
  GCancellable  *cancellable; /* owned: of the run */
  GOutputStream *output;      /* owned */
  GThread       *freed_in;    /* where the pipeline was freed, or NULL */
} Dropped;

static void
freed_cb (gpointer  data,
          GObject  *where_the_object_was)
{
  Dropped *self = data;

  g_atomic_pointer_set (&self->freed_in, g_thread_self ());
}

static void
make (Dropped          *self,
      const GpTestKind *kind)
{
  *self = (Dropped) { .cancellable = g_cancellable_new () };
  g_test_message ("%s", kind->name);
  gp_test_life_make (&self->life, kind);
  self->output = g_memory_output_stream_new_resizable ();
  gp_pipeline_set_stdout (self->life.pipeline, self->output);
  gp_pipeline_set_abandon_delay (self->life.pipeline, NEVER);
  g_object_weak_ref (G_OBJECT (self->life.pipeline), freed_cb, self);
}

static void
start (Dropped *self)
{
  gp_pipeline_start_async (self->life.pipeline, self->cancellable, NULL, NULL);
}

/* Without the pipeline itself */
static void
go_on (Dropped *self)
{
  if (self->life.kind->end == GP_TEST_KIND_WAITS)
    g_cancellable_cancel (self->cancellable);
  else if (self->life.kind->end != GP_TEST_KIND_ENDS)
    gp_test_life_feed (&self->life);
}

static gboolean
is_freed (gpointer data)
{
  Dropped *self = data;

  return g_atomic_pointer_get (&self->freed_in) != NULL;
}

static void
clear (Dropped *self)
{
  gp_test_life_clear (&self->life);
  g_clear_object (&self->output);
  g_clear_object (&self->cancellable);
}

/* --- The last reference --------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  gboolean    is_running; /* or is being started */
  gboolean    elsewhere;  /* in another thread */
} Reference;

static const Reference references[] = {
  { "starting", FALSE, FALSE },
  { "starting-elsewhere", FALSE, TRUE },
  { "running", TRUE, FALSE },
  { "running-elsewhere", TRUE, TRUE },
};

static gpointer
drop_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static void
drop (Dropped         *self,
      const Reference *reference)
{
  GpPipeline *pipeline = g_steal_pointer (&self->life.pipeline);

  if (reference->elsewhere)
    g_thread_join (g_thread_new ("drop", drop_thread, pipeline));
  else
    g_object_unref (pipeline);
}

static gboolean
has_ended (GpStageStatus *status)
{
  switch (gp_stage_status_get_state (status))
    {
    case GP_STAGE_STATE_SUCCEEDED:
    case GP_STAGE_STATE_FINISHED_EARLY:
    case GP_STAGE_STATE_FAILED:
    case GP_STAGE_STATE_NOT_STARTED:
      return TRUE;

    case GP_STAGE_STATE_WAITING:
    case GP_STAGE_STATE_STARTING:
    case GP_STAGE_STATE_RUNNING:
    case GP_STAGE_STATE_STOPPED:
    default:
      return FALSE;
    }
}

static void
drop_reference (const GpTestKind *kind,
                const Reference  *reference)
{
  g_autoptr (GpStageStatus) status = NULL;
  Dropped dropped;

  make (&dropped, kind);
  status = g_object_ref (gp_pipeline_get_status (dropped.life.pipeline, 0));
  start (&dropped);
  if (reference->is_running)
    gp_test_wait_until ("the pipeline to be started", gp_test_life_is_started, &dropped.life);
  drop (&dropped, reference);
  go_on (&dropped);
  gp_test_wait_until ("the pipeline to be freed", is_freed, &dropped);

  /* One that has ended is freed where it is dropped. */
  if (kind->end != GP_TEST_KIND_ENDS)
    g_assert_true (dropped.freed_in == g_thread_self ());
  g_assert_true (has_ended (status));
  gp_test_kind_check_stream (kind, dropped.output);
  clear (&dropped);
}

static void
test_reference (gconstpointer data)
{
  for (guint i = 0; i < gp_test_count_kinds (); i++)
    drop_reference (&gp_test_kinds[i], data);
}

static void
drop_cb (Dropped *self)
{
  g_clear_object (&self->life.pipeline);
}

/* In the middle of an emission */
static void
test_reference_in_handler (gconstpointer signal_name)
{
  for (guint i = 0; i < gp_test_count_kinds (); i++)
    {
      const GpTestKind *kind = &gp_test_kinds[i];
      Dropped dropped;

      make (&dropped, kind);
      g_signal_connect_swapped (dropped.life.pipeline, signal_name, G_CALLBACK (drop_cb), &dropped);
      start (&dropped);
      go_on (&dropped);
      gp_test_wait_until ("the pipeline to be freed", is_freed, &dropped);
      gp_test_kind_check_stream (kind, dropped.output);
      clear (&dropped);
    }
}

/* --- The main context ----------------------------------------------------------------------- */

/* A thread with a main context of its own, which it runs until the pipeline was started */
static gpointer
context_thread (gpointer data)
{
  GMainContext *context = g_main_context_new ();
  Dropped *self = data;

  g_main_context_push_thread_default (context);
  start (self);
  while (!gp_test_life_is_started (&self->life))
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  return context;
}

static gboolean
asks_home (const GpTestKind *kind)
{
  return kind->in_context || g_str_equal (kind->name, "function-filtered");
}

/* Nobody will ever call the application's functions: only who cancels it ends such a pipeline. */
static void
end_by_giving_up (Dropped *self)
{
  g_autoptr (GError) error = NULL;

  if (self->life.kind->in_context)
    {
      g_assert_false (gp_pipeline_wait (self->life.pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
      g_clear_error (&error);
    }
  g_assert_cmpint (gp_pipeline_get_state (self->life.pipeline), ==, GP_PIPELINE_STATE_RUNNING);
  gp_pipeline_cancel (self->life.pipeline);
  g_assert_false (gp_test_wait (self->life.pipeline, &error));
}

static void
end_normally (Dropped *self)
{
  g_autoptr (GError) error = NULL;

  gp_pipeline_wait (self->life.pipeline, NULL, &error);
  gp_test_kind_check (self->life.kind, error);
  gp_test_kind_check_stream (self->life.kind, self->output);
}

/* What was queued for the context is kept until somebody runs it, as GLib does. Something need not have
 * been queued. */
static void
free_context (Dropped      *self,
              GMainContext *context)
{
  g_clear_object (&self->life.pipeline);
  while (g_main_context_iteration (context, FALSE))
    continue;
  g_main_context_unref (context);
}

static void
test_context (void)
{
  for (guint i = 0; i < gp_test_count_kinds (); i++)
    {
      const GpTestKind *kind = &gp_test_kinds[i];
      GMainContext *context;
      Dropped dropped;

      make (&dropped, kind);
      if (asks_home (kind))
        gp_pipeline_set_abandon_delay (dropped.life.pipeline, 1);
      context = g_thread_join (g_thread_new ("context", context_thread, &dropped));
      if (kind->end != GP_TEST_KIND_WAITS || !asks_home (kind))
        go_on (&dropped);
      if (asks_home (kind))
        end_by_giving_up (&dropped);
      else
        end_normally (&dropped);
      free_context (&dropped, context);
      gp_test_wait_until ("the pipeline to be freed", is_freed, &dropped);
      clear (&dropped);
    }
}

/* --- The thread ----------------------------------------------------------------------------- */

/* It has no main context. Whoever starts a pipeline there must be able to forget it. */
static gpointer
synchronous_thread (gpointer data)
{
  Dropped *self = data;

  gp_pipeline_start (self->life.pipeline, self->cancellable, NULL);
  return NULL;
}

static void
test_thread (gconstpointer data)
{
  gboolean drops = GPOINTER_TO_INT (data);

  for (guint i = 0; i < gp_test_count_kinds (); i++)
    {
      const GpTestKind *kind = &gp_test_kinds[i];
      Dropped dropped;

      if (kind->in_context)
        continue;
      make (&dropped, kind);
      g_thread_join (g_thread_new ("synchronous", synchronous_thread, &dropped));
      if (drops)
        g_clear_object (&dropped.life.pipeline);
      go_on (&dropped);
      if (!drops)
        end_normally (&dropped);
      g_clear_object (&dropped.life.pipeline);
      gp_test_wait_until ("the pipeline to be freed", is_freed, &dropped);
      gp_test_kind_check_stream (kind, dropped.output);
      clear (&dropped);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (references); i++)
    {
      g_autofree char *path = g_strdup_printf ("/dropped/reference/%s", references[i].name);

      gp_test_add_data (path, &references[i], test_reference);
    }
  gp_test_add_data ("/dropped/reference/in-event", "event", test_reference_in_handler);
  gp_test_add_data ("/dropped/reference/in-notify", "notify::state", test_reference_in_handler);
  gp_test_add ("/dropped/context", test_context);
  gp_test_add_data ("/dropped/thread/held", GINT_TO_POINTER (FALSE), test_thread);
  gp_test_add_data ("/dropped/thread/dropped", GINT_TO_POINTER (TRUE), test_thread);
  return gp_test_run ();
}
