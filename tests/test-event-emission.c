/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-event-private.h"
#include "gp-stage-context-private.h"
#include "gp-test-events.h"

#include <signal.h>

/* How often what depends on the order of threads is tried */
#define N_ROUNDS 100

/* Things may happen to a stage before it is noted that it runs, too. */
static gboolean
emitting_func (GInputStream    *input,
               GOutputStream   *output,
               GpStageContext  *context,
               gpointer         user_data,
               GError         **error)
{
  g_autoptr (GpEvent) event = gp_event_new (GP_EVENT_KIND_STAGE_STOPPED, NULL, "a", NULL, NULL);

  g_assert_true (gp_stage_context_wants_event (context, GP_EVENT_KIND_STAGE_STOPPED));
  gp_event_set_detail (event, "signal", g_variant_new_int32 (SIGSTOP));
  gp_stage_context_emit_event (context, g_steal_pointer (&event));
  gp_stage_context_emit_event (context, gp_event_new (GP_EVENT_KIND_STAGE_CONTINUED, NULL, "a",
                                                      NULL, "on it goes"));
  return TRUE;
}

static void
test_emitted_by_stage (void)
{
  for (int round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Recorder) recorder;

      recorder_init (&recorder);
      append_function (pipeline, "a", emitting_func);
      record (&recorder, pipeline);
      g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpstr (recorder.text->str, ==,
                       "stage-started a\nstage-stopped a\nstage-continued a\nstage-finished a\n");
      g_assert_cmpint (get_int_detail (get_event (&recorder, 1), "signal"), ==, SIGSTOP);
      g_assert_cmpstr (gp_event_get_message (get_event (&recorder, 1)), ==,
                       "a: stopped by a signal");
      g_assert_cmpstr (gp_event_get_message (get_event (&recorder, 2)), ==, "a: on it goes");
    }
}

/* Who emits late does no harm. */
static void
test_emitted_late (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GpStageContext) context = NULL;
  GpTestProbe *probe = gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  context = g_object_ref (gp_test_probe_get_context (probe));
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_false (gp_stage_context_wants_event (context, GP_EVENT_KIND_MEMORY_PEAK));
  gp_stage_context_emit_event (context, gp_event_new (GP_EVENT_KIND_MEMORY_PEAK, GP_STAGE (probe),
                                                      "a", NULL, NULL));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_assert_cmpstr (recorder.text->str, ==, "stage-started a\nstage-finished a\n");
}

/* What nobody wants is not made. */
static void
test_unwanted (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD);
  GpStageContext *context;
  gulong handler;
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  context = gp_test_probe_get_context (probe);
  g_assert_false (gp_stage_context_wants_event (context, GP_EVENT_KIND_STAGE_STOPPED));
  handler = g_signal_connect (pipeline, "event::stage-stopped", G_CALLBACK (event_cb), &recorder);
  g_assert_true (gp_stage_context_wants_event (context, GP_EVENT_KIND_STAGE_STOPPED));
  g_assert_false (gp_stage_context_wants_event (context, GP_EVENT_KIND_STAGE_CONTINUED));
  g_signal_handler_disconnect (pipeline, handler);
  g_assert_false (gp_stage_context_wants_event (context, GP_EVENT_KIND_STAGE_STOPPED));
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  g_assert_cmpstr (recorder.text->str, ==, "");
}

/* Each kind of event says what has happened, also if nobody has put it in words. */
static void
test_messages (void)
{
  static const char * const messages[] = {
    [GP_EVENT_KIND_STAGE_STARTED] = "a: started",
    [GP_EVENT_KIND_START_FAILED] = "a: could not be started",
    [GP_EVENT_KIND_STAGE_FINISHED] = "a: finished",
    [GP_EVENT_KIND_STAGE_STOPPED] = "a: stopped by a signal",
    [GP_EVENT_KIND_STAGE_CONTINUED] = "a: continued",
    [GP_EVENT_KIND_MEMORY_LIMIT] = "a: memory limit exceeded",
    [GP_EVENT_KIND_MEMORY_PEAK] = "a: peak memory use is known",
    [GP_EVENT_KIND_STAGE_FAILED] = "a: failed",
    [GP_EVENT_KIND_PIPELINE_FAILED] = "a: failed",
  };

  for (guint kind = 0; kind < G_N_ELEMENTS (messages); kind++)
    {
      g_autoptr (GpEvent) event = gp_event_new ((GpEventKind) kind, NULL, "a", NULL, NULL);

      g_assert_cmpstr (gp_event_get_message (event), ==, messages[kind]);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/event-emission/by-stage", test_emitted_by_stage);
  gp_test_add ("/event-emission/late", test_emitted_late);
  gp_test_add ("/event-emission/unwanted", test_unwanted);
  gp_test_add ("/event-emission/messages", test_messages);
  return gp_test_run ();
}
