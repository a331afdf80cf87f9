/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-hog.h"
#include "gp-test-stages.h"

/* As test-reference-features.c: the row about memory, and what the reference's own tests say of it.
 * All by real processes; what a watch does in every detail is in test-memory.c. */

#define MB G_GUINT64_CONSTANT (1000000)

static GpStage *
allocate (const char *bytes)
{
  return GP_STAGE (gp_test_child_new ("allocate", bytes, NULL));
}

/* The bytes that the last event of this kind has told; 0: there was none */
static guint64
parse_event (GString    *events,
             const char *kind)
{
  g_autofree char *start = g_strconcat (kind, "(", NULL);
  const char *found = g_strrstr (events->str, start);

  return found != NULL ? g_ascii_strtoull (strchr (found, ' '), NULL, 10) : 0;
}

/* Without a limit, the end of @events tells what was seen. */
static GpPipeline *
new_watched (GpStage  *stage,
             guint64   limit,
             GString **events)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (stage, limit)));
  *events = record_events (pipeline);
  return pipeline;
}

/* The peak in the event, the status, and what is expected */
static void
assert_peak (GpPipeline *pipeline,
             GString    *events,
             guint64     from,
             guint64     below)
{
  guint64 peak = parse_event (events, "peak");

  g_assert_cmpuint (peak, >=, from);
  g_assert_cmpuint (peak, <, below);
  g_assert_cmpint (get_tree_peak (pipeline), ==, peak);
}

/* Until the watcher has looked at all that it watches each millisecond */
static void
await_look (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestHog *hog = hog_new (1, 1);

  gp_pipeline_append (pipeline, GP_STAGE (watch_new (hog, 0)));
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hog, 3);
  end_hog (hog, NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* What has not been read by then */
#define IN_PIPE (2 * MB)

/* Runs a pipeline of a command that keeps all it is fed with, and has it when it is looked at */
static gboolean
feed (GpPipeline  *pipeline,
      guint64      size,
      GError     **error)
{
  g_autoptr (GOutputStream) input = gp_pipeline_open_input (pipeline, NULL);
  g_autofree guint8 *block = g_malloc0 (1 * MB);

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  /* It may be stopped before it has all. */
  for (guint64 i = 0; i < size / MB; i++)
    if (!g_output_stream_write_all (input, block, 1 * MB, NULL, NULL, NULL))
      break;
  await_look ();
  g_output_stream_close (input, NULL, NULL);
  return gp_test_wait (pipeline, error);
}

/* --- features --------------------------------------------------------------------------------- */

static void
test_limit (void)
{
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = new_watched (allocate ("80000000"), 40 * MB, &events);
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  gp_test_assert_contains (error->message, "exceeded its memory limit of 40000000 bytes");
  g_assert_cmpuint (parse_event (events, "limit"), >, 40 * MB);
  gp_test_assert_contains (events->str, "/40000000) ");
}

static void
check_peak_after_exit (int status)
{
  g_autofree char *script = g_strdup_printf ("\"$0\" slurp; exit %d", status);
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;

  pipeline = new_watched (GP_STAGE (gp_command_stage_new ("sh", "-c", script, gp_test_child (), NULL)),
                          0, &events);
  g_assert_cmpint (feed (pipeline, 50 * MB, &error), ==, status == 0);
  if (status != 0)
    g_assert_true (gp_error_matches_exit_status (error, status));
  assert_peak (pipeline, events, 50 * MB - IN_PIPE, 70 * MB);
  g_assert_cmpuint (parse_event (events, "limit"), ==, 0);
}

static void
test_observer (void)
{
  check_peak_after_exit (0);
}

/* One watch does both: it ends what is over the limit, and tells the peak. */
static void
test_one_watcher (void)
{
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = new_watched (allocate ("80000000"), 40 * MB, &events);

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (parse_event (events, "limit"), >, 40 * MB);
  assert_peak (pipeline, events, 40 * MB, 90 * MB);
}

/* None of the five has as much as the limit is. */
static void
test_tree (void)
{
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GError) error = NULL;

  pipeline = new_watched (GP_STAGE (gp_test_child_new ("descend", "5", "20000000", NULL)), 70 * MB,
                          &events);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  assert_peak (pipeline, events, 70 * MB, 120 * MB);
}

/* As often as it can be, and hardly ever */
static void
test_interval (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  TestHog *hogs[2] = { hog_new (10, 10), hog_new (10, 10) };

  for (int i = 0; i < 2; i++)
    {
      GpMemoryWatchStage *watch = gp_memory_watch_stage_new (GP_STAGE (hogs[i]), 0);

      g_assert_cmpuint (gp_memory_watch_stage_get_interval (watch), ==, 100);
      gp_memory_watch_stage_set_interval (watch, i == 0 ? 1 : 100000000);
      gp_pipeline_append (pipeline, GP_STAGE (watch));
    }
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  wait_for_looks (hogs[0], 50);
  g_assert_cmpuint (hog_get_looks (hogs[1]), <, 10);
  end_hog (hogs[0], NULL);
  end_hog (hogs[1], NULL);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

static void
test_peak_after_failure (void)
{
  check_peak_after_exit (3);
}

/* By the limit, by cancelling, and by somebody else */
static void
test_peak_after_kill (void)
{
  for (int how = 0; how < 3; how++)
    {
      g_autoptr (GString) events = NULL;
      GpCommandStage *command = gp_test_child_new ("allocate", "50000000", "ready", NULL);
      g_autoptr (GpPipeline) pipeline = NULL;
      g_autoptr (GInputStream) output = NULL;
      char text[6];

      pipeline = new_watched (GP_STAGE (command), how == 0 ? 20 * MB : 0, &events);
      output = gp_pipeline_open_output (pipeline, NULL);
      g_assert_true (gp_test_start (pipeline, NULL, NULL));
      if (how > 0)
        {
          g_assert_true (g_input_stream_read_all (output, text, sizeof text, NULL, NULL, NULL));
          await_look ();
        }
      if (how == 1)
        gp_pipeline_cancel (pipeline);
      if (how == 2)
        g_assert_true (gp_command_stage_send_signal (command, SIGKILL));
      g_assert_false (gp_test_wait (pipeline, NULL));
      assert_peak (pipeline, events, how == 0 ? 20 * MB : 50 * MB, 60 * MB);
      g_input_stream_close (output, NULL, NULL);
    }
}

static void
test_wrong_kind (void)
{
  g_autoptr (GString) events = NULL;
  GpFunctionStage *function = gp_function_stage_new ("function", gp_test_copy_func, NULL, NULL);
  g_autoptr (GpPipeline) pipeline = new_watched (GP_STAGE (function), 10 * MB, &events);
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  gp_test_assert_message (error, "starting stage \"function\": its memory cannot be watched: "
                                 "it has no process");
}

static GpStage *
filter_new (GpStage *stage)
{
  return gp_test_watch (gp_error_filter_stage_new_ignoring (stage, gp_error_matcher_new_pipe ()));
}

static void
test_decorators (void)
{
  GpStage *stages[] = {
    GP_STAGE (watch_new (filter_new (allocate ("80000000")), 40 * MB)),
    filter_new (GP_STAGE (watch_new (allocate ("80000000"), 40 * MB))),
    GP_STAGE (watch_new (filter_new (filter_new (GP_STAGE (watch_new (allocate ("80000000"), 0)))),
                         40 * MB)),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (stages); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      gp_pipeline_append (pipeline, stages[i]);
      g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
      g_assert_cmpint (get_tree_peak (pipeline), >, 40 * MB);
    }
}

/* --- behaviour -------------------------------------------------------------------------------- */

/* A program that keeps all that it is fed with, alone or behind a shell: a fourth of what the
 * reference uses, unless there is time. */
static GpStage *
slurp (gboolean under_shell)
{
  if (!under_shell)
    return GP_STAGE (gp_test_child_new ("slurp", NULL));
  return GP_STAGE (gp_command_stage_new ("sh", "-c", "\"$0\" slurp; :", gp_test_child (), NULL));
}

static guint64
get_fed (void)
{
  return (gp_test_is_thorough () ? 400 : 100) * MB;
}

static GpPipeline *
new_pager (gconstpointer   under_shell,
           guint64         limit,
           GString       **events)
{
  return new_watched (slurp (GPOINTER_TO_INT (under_shell)), limit, events);
}

static void
test_peak_of_pager (gconstpointer data)
{
  guint64 fed = get_fed ();
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = new_pager (data, 0, &events);
  g_autoptr (GError) error = NULL;

  feed (pipeline, fed, &error);
  g_assert_no_error (error);
  assert_peak (pipeline, events, fed - IN_PIPE, fed + 20 * MB);
}

static void
test_pager_over_limit (gconstpointer data)
{
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = new_pager (data, 10 * MB, &events);
  g_autoptr (GError) error = NULL;

  g_assert_false (feed (pipeline, get_fed (), &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  gp_test_assert_contains (error->message, "exceeded its memory limit of 10000000 bytes");
  g_assert_cmpint (gp_stage_status_get_term_signal (gp_pipeline_get_status (pipeline, 0)), >, 0);
  g_assert_cmpuint (parse_event (events, "limit"), >, 10 * MB);
}

static void
test_pager_under_limit (gconstpointer data)
{
  g_autoptr (GString) events = NULL;
  g_autoptr (GpPipeline) pipeline = new_pager (data, 50 * MB, &events);
  g_autoptr (GError) error = NULL;

  feed (pipeline, 5 * MB, &error);
  g_assert_no_error (error);
  assert_peak (pipeline, events, 5 * MB - IN_PIPE, 30 * MB);
  g_assert_cmpuint (parse_event (events, "limit"), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  gpointer under_shell = GINT_TO_POINTER (TRUE);

  gp_test_init (&argc, &argv);
  gp_test_add ("/reference/features/memory/limit", test_limit);
  gp_test_add ("/reference/features/memory/observer", test_observer);
  gp_test_add ("/reference/features/memory/one-watcher", test_one_watcher);
  gp_test_add ("/reference/features/memory/tree", test_tree);
  gp_test_add ("/reference/features/memory/interval", test_interval);
  gp_test_add ("/reference/features/memory/peak-after-failure", test_peak_after_failure);
  gp_test_add ("/reference/features/memory/peak-after-kill", test_peak_after_kill);
  gp_test_add ("/reference/features/memory/wrong-kind", test_wrong_kind);
  gp_test_add ("/reference/features/memory/decorators", test_decorators);
  gp_test_add_data ("/reference/behaviour/memory/peak", NULL, test_peak_of_pager);
  gp_test_add_data ("/reference/behaviour/memory/peak-under-sh", under_shell, test_peak_of_pager);
  gp_test_add_data ("/reference/behaviour/memory/over-limit", NULL, test_pager_over_limit);
  gp_test_add_data ("/reference/behaviour/memory/over-limit-under-sh", under_shell,
                    test_pager_over_limit);
  gp_test_add_data ("/reference/behaviour/memory/under-limit", NULL, test_pager_under_limit);
  gp_test_add_data ("/reference/behaviour/memory/under-limit-under-sh", under_shell,
                    test_pager_under_limit);
  return gp_test_run ();
}
