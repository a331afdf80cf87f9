/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-events.h"

#include <signal.h>
#include <stdio.h>

/* How often what depends on the order of threads is tried */
#define N_ROUNDS 100

static const char *program; /* argv[0] */

/* --- Order -------------------------------------------------------------------------------- */

static void
test_order (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;
  GpTestProbe *first = gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD);
  GpTestProbe *second = gp_test_add_probe (pipeline, "b", GP_TEST_END_HOLD);
  g_autoptr (GError) error = NULL;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, &error));
  g_assert_cmpstr (recorder.text->str, ==, "stage-started a\nstage-started b\n");
  gp_test_probe_end (second, GP_TEST_END_SUCCESS);
  gp_test_probe_end (first, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, &error));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-started b\nstage-finished b\nstage-finished a\n");
  g_assert_true (gp_event_get_stage (get_event (&recorder, 2)) == GP_STAGE (second));
}

/* A function may well have ended before it is noted that it runs. */
static void
test_order_of_fast_stages (void)
{
  for (int round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Recorder) recorder;
      char *position;

      recorder_init (&recorder);
      append_function (pipeline, "a", nothing_func);
      append_function (pipeline, "b", nothing_func);
      record (&recorder, pipeline);
      g_assert_true (round % 2 == 0 ? gp_pipeline_run (pipeline, NULL, NULL)
                                    : gp_test_run_pipeline (pipeline, NULL, NULL));
      g_assert_cmpuint (recorder.events->len, ==, 4);
      position = strstr (recorder.text->str, "stage-started a");
      g_assert_nonnull (strstr (position, "stage-finished a"));
      position = strstr (position, "stage-started b");
      g_assert_nonnull (strstr (position, "stage-finished b"));
    }
}

/* A start does not tell of the end, also if the command ends before it is noted that it runs. */
static void
test_start_of_fast_commands (void)
{
  for (int round = 0; round < N_ROUNDS / 10; round++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (Recorder) recorder;

      recorder_init (&recorder);
      for (int i = 0; i < 5; i++)
        append_child (pipeline, "a", "exit", "0");
      record (&recorder, pipeline);
      g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
      for (guint i = 0; i < recorder.events->len; i++)
        {
          GpEvent *event = get_event (&recorder, i);
          gboolean started = gp_event_get_kind (event) == GP_EVENT_KIND_STAGE_STARTED;

          g_assert_cmpint (get_int_detail (event, "pid"), >, 0);
          g_assert_cmpint (get_int_detail (event, "exit-status"), ==, started ? -1 : 0);
        }
    }
}

/* It reports its end in the middle of its start. */
static void
test_early_end (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  gp_pipeline_append (pipeline, GP_STAGE (gp_test_starter_new ("a", GP_TEST_END_ERROR)));
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed a\n");
}

/* All that is noted is notified before the event comes. */
static void
status_cb (GpStageStatus *status,
           GParamSpec    *pspec,
           gpointer       data)
{
  Recorder *recorder = data;

  g_string_append_printf (recorder->text, "status %d\n", gp_stage_status_get_state (status));
}

static void
test_after_status (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "a", GP_TEST_END_HOLD);
  g_autofree char *expected = NULL;
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_string_truncate (recorder.text, 0);
  g_signal_connect (gp_pipeline_get_status (pipeline, 0), "notify::state",
                    G_CALLBACK (status_cb), &recorder);
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
  expected = g_strdup_printf ("status %d\nstage-finished a\n", GP_STAGE_STATE_SUCCEEDED);
  g_assert_cmpstr (recorder.text->str, ==, expected);
  g_signal_handlers_disconnect_by_data (gp_pipeline_get_status (pipeline, 0), &recorder);
}

/* --- What is in them ---------------------------------------------------------------------- */

static void
test_exit_status (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = append_child (pipeline, "a", "exit", "3");
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed a\n");
  for (guint i = 0; i < 3; i++)
    {
      GpEvent *event = get_event (&recorder, i);
      g_autoptr (GError) error = gp_event_dup_error (event);

      g_assert_true (gp_event_get_stage (event) == GP_STAGE (command));
      g_assert_cmpint (get_int_detail (event, "pid"), ==, gp_stage_status_get_pid (status));
      g_assert_cmpint (get_int_detail (event, "signal"), ==, -1);
      if (i == 0)
        {
          g_assert_no_error (error);
          g_assert_cmpstr (gp_event_get_message (event), ==, "a: started");
          continue;
        }
      g_assert_true (gp_error_matches_exit_status (error, 3));
      g_assert_cmpint (get_int_detail (event, "exit-status"), ==, 3);
      gp_test_assert_message (error, "a: exit status 3");
      g_assert_cmpstr (gp_event_get_message (event), ==, "a: exit status 3");
    }
}

static void
test_killed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *number = g_strdup_printf ("%d", SIGUSR1);
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  append_child (pipeline, "a", "kill-self", number);
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==,
                   "stage-started a\nstage-failed a\npipeline-failed a\n");
  g_assert_cmpint (get_int_detail (get_event (&recorder, 1), "signal"), ==, SIGUSR1);
  g_assert_cmpint (get_int_detail (get_event (&recorder, 1), "exit-status"), ==, -1);
}

static void
test_finished (gconstpointer data)
{
  GpTestEnd end = GPOINTER_TO_INT (data);
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Recorder) recorder;
  gboolean early = FALSE;
  GpEvent *event;

  recorder_init (&recorder);
  gp_test_add_probe (pipeline, "a", end);
  record (&recorder, pipeline);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==, "stage-started a\nstage-finished a\n");
  event = get_event (&recorder, 1);
  error = gp_event_dup_error (event);
  g_assert_no_error (error);
  g_assert_cmpstr (gp_event_get_message (event), ==, "a: finished");
  g_assert_true (g_variant_is_of_type (gp_event_get_details (event), G_VARIANT_TYPE_VARDICT));
  g_variant_lookup (gp_event_get_details (event), "finished-early", "b", &early);
  g_assert_cmpint (early, ==, end == GP_TEST_END_FINISH_EARLY);
}

static void
test_kept (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "a", GP_TEST_END_ERROR);
  g_autoptr (GpEvent) event = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  record (&recorder, pipeline);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_finalize_object (pipeline);
  event = g_boxed_copy (GP_TYPE_EVENT, get_event (&recorder, 1));
  g_ptr_array_set_size (recorder.events, 0);
  error = gp_event_dup_error (event);
  gp_test_assert_message (error, "a: broken");
  g_assert_true (gp_event_get_stage (event) == GP_STAGE (probe));
  g_assert_cmpint (gp_event_get_kind (event), ==, GP_EVENT_KIND_STAGE_FAILED);
  g_assert_cmpuint (g_variant_n_children (gp_event_get_details (event)), ==, 0);
}

/* --- Who is told -------------------------------------------------------------------------- */

static void
test_detailed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) failures;
  g_auto (Recorder) starts;
  g_auto (Recorder) blocked;
  gulong handler;

  recorder_init (&failures);
  recorder_init (&starts);
  recorder_init (&blocked);
  gp_test_add_probe (pipeline, "a", GP_TEST_END_SUCCESS);
  gp_test_add_probe (pipeline, "b", GP_TEST_END_ERROR);
  g_signal_connect (pipeline, "event::stage-failed", G_CALLBACK (event_cb), &failures);
  g_signal_connect (pipeline, "event::stage-started", G_CALLBACK (event_cb), &starts);
  handler = g_signal_connect (pipeline, "event", G_CALLBACK (event_cb), &blocked);
  g_signal_handler_block (pipeline, handler);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpstr (failures.text->str, ==, "stage-failed b\n");
  g_assert_cmpstr (starts.text->str, ==, "stage-started a\nstage-started b\n");
  g_assert_cmpstr (blocked.text->str, ==, "");
}

/* The handler itself drops the pipeline, which nobody else holds. */
static void
drop_cb (GpPipeline *pipeline,
         GpEvent    *event,
         gpointer    data)
{
  GpPipeline **held = data;

  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_FAILED);
  g_clear_object (held);
}

static gboolean
is_null (gpointer data)
{
  return *(gpointer *) data == NULL;
}

static void
test_dropped_by_handler (void)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_test_add_probe (pipeline, "a", GP_TEST_END_ERROR);
  g_signal_connect (pipeline, "event::pipeline-failed", G_CALLBACK (drop_cb), &pipeline);
  gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
  gp_test_wait_until ("the pipeline to be dropped", is_null, &pipeline);
}

/* --- Threads ------------------------------------------------------------------------------ */

static void
test_synchronous (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  append_child (pipeline, "a", "exit", "0");
  append_child (pipeline, "b", "exit", "1");
  record (&recorder, pipeline);
  g_assert_false (gp_pipeline_run (pipeline, NULL, NULL));
  /* All have come during the call. */
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_STARTED), ==, 2);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_FINISHED), ==, 1);
  g_assert_cmpuint (count_kind (&recorder, GP_EVENT_KIND_STAGE_FAILED), ==, 1);
  g_assert_true (g_str_has_suffix (recorder.text->str, "\npipeline-failed b\n"));
  g_assert_true (recorder.thread == g_thread_self ());
  g_assert_cmpuint (recorder.n_elsewhere, ==, 0);
}

static void
test_start_and_wait (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (Recorder) recorder;

  recorder_init (&recorder);
  append_child (pipeline, "a", "cat", NULL);
  record (&recorder, pipeline);
  g_assert_true (gp_pipeline_start (pipeline, NULL, NULL));
  g_assert_true (g_str_has_prefix (recorder.text->str, "stage-started a\n"));
  g_assert_true (gp_pipeline_wait (pipeline, NULL, NULL));
  g_assert_cmpstr (recorder.text->str, ==, "stage-started a\nstage-finished a\n");
  g_assert_true (recorder.thread == g_thread_self ());
  g_assert_cmpuint (recorder.n_elsewhere, ==, 0);
}

typedef struct
{
  GpPipeline *pipeline;
  gboolean    has_context;
} Home;

static gboolean
has_ended (GpPipeline *pipeline)
{
  return gp_pipeline_get_state (pipeline) >= GP_PIPELINE_STATE_SUCCEEDED;
}

static gpointer
home_thread (gpointer data)
{
  Home *home = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  if (!home->has_context)
    {
      g_assert_true (gp_pipeline_run (home->pipeline, NULL, NULL));
      return g_thread_self ();
    }
  g_main_context_push_thread_default (context);
  gp_pipeline_start_async (home->pipeline, NULL, NULL, NULL);
  while (!has_ended (home->pipeline))
    g_main_context_iteration (context, TRUE);
  while (g_main_context_iteration (context, FALSE))
    continue;
  g_main_context_pop_thread_default (context);
  return g_thread_self ();
}

static void
test_thread (gconstpointer data)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Home home = { pipeline, GPOINTER_TO_INT (data) };
  g_auto (Recorder) recorder;
  GThread *thread;

  recorder_init (&recorder);
  append_child (pipeline, "a", "cat", NULL);
  append_function (pipeline, "b", nothing_func);
  record (&recorder, pipeline);
  thread = g_thread_new ("home", home_thread, &home);
  g_assert_true (g_thread_join (thread) == recorder.thread);
  g_assert_cmpuint (recorder.events->len, ==, 4);
  g_assert_cmpuint (recorder.n_elsewhere, ==, 0);
}

/* --- Log ---------------------------------------------------------------------------------- */

/* In the program that the test runs: all fields of ours in the log, a line for each message */
static GLogWriterOutput
print_fields (GLogLevelFlags   level,
              const GLogField *fields,
              gsize            n_fields,
              gpointer         user_data)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_has_prefix (fields[i].key, "GP_") || g_str_equal (fields[i].key, "MESSAGE") ||
        g_str_equal (fields[i].key, "GLIB_DOMAIN"))
      g_string_append_printf (line, "%s=%s|", fields[i].key, (const char *) fields[i].value);
  puts (line->str);
  return G_LOG_WRITER_HANDLED;
}

/* The second command repeats its argument and fails. */
static int
run_logging (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;

  append_child (pipeline, "a", "exit", "0");
  command = gp_test_add_child (pipeline, "stderr", "secret", "4", NULL);

  gp_command_stage_set_name (command, "b");
  gp_pipeline_setenv (pipeline, "SECRET", "secret", TRUE);
  if (g_getenv ("GP_TEST_PRINT_FIELDS") != NULL)
    g_log_set_writer_func (print_fields, NULL, NULL);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  gp_test_assert_message (error, "b: exit status 4: secret");
  return 0;
}

static char *
log_of (const char *domains,
        gboolean    print)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  if (domains != NULL)
    g_subprocess_launcher_setenv (launcher, "G_MESSAGES_DEBUG", domains, TRUE);
  else
    g_subprocess_launcher_unsetenv (launcher, "G_MESSAGES_DEBUG");
  if (print)
    g_subprocess_launcher_setenv (launcher, "GP_TEST_PRINT_FIELDS", "1", TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, program, "--log", NULL);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_communicate_utf8 (process, NULL, NULL, &text, NULL, &error));
  g_assert_true (g_subprocess_get_successful (process));
  return text;
}

static guint
count_lines_with (const char *text,
                  const char *part)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += strstr (lines[i], part) != NULL;
  return n;
}

static void
test_log (void)
{
  g_autofree char *fields = log_of ("Gp", TRUE);
  g_autofree char *text = log_of ("all", FALSE);
  g_autofree char *other = log_of ("Other", TRUE);
  g_autofree char *none = log_of (NULL, FALSE);

  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT=stage-started|GP_STAGE=a|"), ==, 1);
  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT=stage-finished|GP_STAGE=a|"), ==, 1);
  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT=stage-started|GP_STAGE=b|"), ==, 1);
  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT=stage-failed|GP_STAGE=b|"), ==, 1);
  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT=pipeline-failed|GP_STAGE=b|"), ==, 1);
  g_assert_cmpuint (count_lines_with (fields, "GP_EVENT="), ==, 5);
  g_assert_cmpuint (count_lines_with (fields, "GLIB_DOMAIN=Gp|GP_EVENT="), ==, 5);
  gp_test_assert_contains (fields, "MESSAGE=stage-failed: b: exit status 4|");
  gp_test_assert_contains (fields, "'exit-status': <4>");
  g_assert_null (strstr (fields, "secret"));

  g_assert_cmpuint (count_lines_with (text, "Gp-DEBUG"), >=, 5);
  gp_test_assert_contains (text, "stage-failed: b: exit status 4\n");
  gp_test_assert_contains (text, "stage-started: b: started\n");
  g_assert_cmpuint (count_lines_with (other, "GP_EVENT="), ==, 0);
  g_assert_cmpstr (none, ==, "");
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  if (argc > 1 && strcmp (argv[1], "--log") == 0)
    return run_logging ();

  gp_test_init (&argc, &argv);
  gp_test_add ("/events/order", test_order);
  gp_test_add ("/events/order/fast-stages", test_order_of_fast_stages);
  gp_test_add ("/events/order/fast-commands", test_start_of_fast_commands);
  gp_test_add ("/events/order/early-end", test_early_end);
  gp_test_add ("/events/order/after-status", test_after_status);
  gp_test_add ("/events/exit-status", test_exit_status);
  gp_test_add ("/events/killed", test_killed);
  gp_test_add_data ("/events/finished/all", GINT_TO_POINTER (GP_TEST_END_SUCCESS), test_finished);
  gp_test_add_data ("/events/finished/early", GINT_TO_POINTER (GP_TEST_END_FINISH_EARLY),
                    test_finished);
  gp_test_add ("/events/kept", test_kept);
  gp_test_add ("/events/detailed", test_detailed);
  gp_test_add ("/events/dropped-by-handler", test_dropped_by_handler);
  gp_test_add ("/events/synchronous", test_synchronous);
  gp_test_add ("/events/start-and-wait", test_start_and_wait);
  gp_test_add_data ("/events/thread/with-context", GINT_TO_POINTER (TRUE), test_thread);
  gp_test_add_data ("/events/thread/synchronous", GINT_TO_POINTER (FALSE), test_thread);
  gp_test_add ("/events/log", test_log);
  return gp_test_run ();
}
