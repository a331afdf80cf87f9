/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <unistd.h>

/* Far beyond the watchdog: a test that ends only because a stage is given up must not pass */
#define NEVER 100000000

/* Adds it @depth times wrapped into another one */
static void
append_nested (GpPipeline *outer,
               GpPipeline *inner,
               guint       depth)
{
  GpPipeline *wrapped = g_object_ref (inner);

  for (guint i = 1; i < depth; i++)
    {
      GpPipeline *wrapper = gp_test_pipeline_new ();

      gp_pipeline_append (wrapper, GP_STAGE (wrapped));
      wrapped = wrapper;
    }
  gp_pipeline_append (outer, GP_STAGE (wrapped));
}

static void
append_missing (GpPipeline *pipeline)
{
  gp_pipeline_append_command (pipeline, "/nonexistent/command", NULL);
}

/* Perhaps later than the outer one: a stream that was given to it is closed in a thread. */
static void
assert_ends (GpPipeline *inner)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) sync_error = NULL;

  g_assert_false (gp_test_wait (inner, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (gp_pipeline_get_state (inner), ==, GP_PIPELINE_STATE_FAILED);
  g_assert_false (gp_pipeline_wait (inner, NULL, &sync_error));
  gp_test_assert_message (sync_error, error->message);
}

typedef struct
{
  const char *path;
  const char *kinds;
  guint       depth;
} Row;

static const Row rows[] = {
  { "command", "c", 1 },
  { "function", "f", 1 },
  { "both", "cf", 1 },
  { "empty", "", 1 },
  { "deeper", "fc", 3 },
};

static void
test_never_reached (gconstpointer data)
{
  const Row *row = data;

  for (int synchronous = 0; synchronous < 2; synchronous++)
    {
      g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
      g_autoptr (GpPipeline) inner = gp_test_new_copier (row->kinds);
      g_autoptr (GInputStream) input = gp_test_source_new (1000, FALSE);
      g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (inner, input);
      gp_pipeline_set_close_stdin (inner, TRUE);
      gp_pipeline_set_stdout (inner, output);
      gp_pipeline_set_close_stdout (inner, TRUE);
      append_missing (outer);
      append_nested (outer, inner, row->depth);
      g_assert_false (synchronous ? gp_pipeline_run (outer, NULL, &error)
                                  : gp_test_run_pipeline (outer, NULL, &error));
      g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
      assert_ends (inner);
      g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
      g_assert_cmpuint (gp_test_source_get_n_bytes (input), ==, 0);
      g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 1);
      g_assert_true (gp_test_sink_was_discarded (output));
    }
}

static void
test_open_ends (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_new_copier (row->kinds);
  g_autoptr (GOutputStream) input = gp_pipeline_open_input (inner, NULL);
  g_autoptr (GInputStream) output = gp_pipeline_open_output (inner, NULL);
  g_autoptr (GError) read_error = NULL;
  g_autoptr (GError) write_error = NULL;
  char byte;

  append_missing (outer);
  append_nested (outer, inner, row->depth);
  g_assert_false (gp_test_run_pipeline (outer, NULL, NULL));
  /* Both would block for ever if the inner pipeline still were to come. */
  g_assert_cmpint (g_input_stream_read (output, &byte, 1, NULL, &read_error), ==, -1);
  g_assert_error (read_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (g_output_stream_write (input, "x", 1, NULL, &write_error), ==, -1);
  g_assert_nonnull (write_error);
  assert_ends (inner);
}

/* Somebody waits for the inner one already when the outer one fails */
static void
test_waited_for (void)
{
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_new_copier ("c");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GpTestProbe *probe = gp_test_starter_new ("probe", GP_TEST_END_HOLD);

  gp_test_probe_set_start_fails (probe, TRUE);
  gp_pipeline_append (outer, GP_STAGE (probe));
  append_nested (outer, inner, 1);
  gp_pipeline_start_async (outer, NULL, NULL, NULL);
  gp_pipeline_wait_async (inner, NULL, gp_test_result_cb, &result);
  gp_test_await ("the pipeline that is never started", &result);
  g_assert_false (gp_pipeline_wait_finish (inner, result, &error));
  gp_test_assert_contains (error->message, "broken");
  g_assert_false (gp_test_wait (outer, NULL));
}

/* At every moment: each round lets the main context make one more step before it cancels */
static void
test_cancelled_before (void)
{
  for (int steps = 0; steps < 20; steps++)
    {
      g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
      g_autoptr (GpPipeline) inner = gp_test_new_copier ("c");
      g_autoptr (GInputStream) input = gp_test_source_new (0, TRUE);
      g_autoptr (GError) error = NULL;

      gp_pipeline_set_stdin (inner, input);
      gp_pipeline_set_close_stdin (inner, TRUE);
      gp_pipeline_append (outer, GP_STAGE (gp_test_starter_new ("probe", GP_TEST_END_SUCCESS)));
      gp_pipeline_append (outer, GP_STAGE (gp_test_starter_new ("probe", GP_TEST_END_SUCCESS)));
      append_nested (outer, inner, 2);
      gp_pipeline_start_async (outer, NULL, NULL, NULL);
      for (int i = 0; i < steps; i++)
        g_main_context_iteration (NULL, FALSE);
      gp_pipeline_cancel (outer);
      g_assert_false (gp_test_wait (outer, &error));
      g_assert_nonnull (error);
      assert_ends (inner);
      g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 1);
    }
}

/* Both the outer and the inner pipeline have an idea of what the same stream is */
static void
test_conflict (gconstpointer data)
{
  gboolean is_input = g_str_has_prefix (data, "stdin");
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_new_copier ("c");
  g_autoptr (GInputStream) input = gp_test_source_new (1000, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdin (inner, is_input ? input : NULL);
  gp_pipeline_set_close_stdin (inner, TRUE);
  gp_pipeline_set_stdout (inner, is_input ? NULL : output);
  gp_pipeline_set_close_stdout (inner, TRUE);
  gp_test_add_child (is_input ? outer : inner, "wait", NULL);
  append_nested (outer, inner, 1);
  if (!is_input)
    gp_test_add_child (outer, "wait", NULL);
  g_assert_false (gp_test_run_pipeline (outer, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  assert_ends (inner);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, is_input ? 1 : 0);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, is_input ? 0 : 1);
}

static void
test_conflict_with_opened (gconstpointer data)
{
  gboolean is_input = g_str_has_prefix (data, "stdin");
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_new_copier ("c");
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) stream_error = NULL;
  g_autoptr (GObject) opened = NULL;
  char byte;

  if (is_input)
    opened = G_OBJECT (gp_pipeline_open_input (inner, NULL));
  else
    opened = G_OBJECT (gp_pipeline_open_output (inner, NULL));
  gp_test_add_child (outer, "wait", NULL);
  append_nested (outer, inner, 1);
  gp_test_add_child (outer, "wait", NULL);
  g_assert_false (gp_test_run_pipeline (outer, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  if (is_input)
    g_output_stream_write (G_OUTPUT_STREAM (opened), "x", 1, NULL, &stream_error);
  else
    g_input_stream_read (G_INPUT_STREAM (opened), &byte, 1, NULL, &stream_error);
  g_assert_nonnull (stream_error);
  assert_ends (inner);
}

/* --- A blocked function, when only the inner pipeline is cancelled -------------------------------- */

typedef enum
{
  EDGE_MEMORY,
  EDGE_PIPE,
  EDGE_CALLER, /* a pipe of the caller's own */
} Edge;

typedef struct
{
  const char *path;
  gboolean    is_input;
  Edge        edge;
  guint       depth;
} Blocked;

static const Blocked blocked[] = {
  { "read/memory", TRUE, EDGE_MEMORY, 1 },
  { "read/pipe", TRUE, EDGE_PIPE, 1 },
  { "read/caller", TRUE, EDGE_CALLER, 1 },
  { "read/memory-deeper", TRUE, EDGE_MEMORY, 3 },
  { "read/pipe-deeper", TRUE, EDGE_PIPE, 3 },
  { "read/caller-deeper", TRUE, EDGE_CALLER, 3 },
  { "write/memory", FALSE, EDGE_MEMORY, 1 },
  { "write/pipe", FALSE, EDGE_PIPE, 1 },
  { "write/caller", FALSE, EDGE_CALLER, 1 },
  { "write/memory-deeper", FALSE, EDGE_MEMORY, 3 },
  { "write/pipe-deeper", FALSE, EDGE_PIPE, 3 },
  { "write/caller-deeper", FALSE, EDGE_CALLER, 3 },
};

/* What the function tells */
typedef struct
{
  int thread;
  int n_bytes; /* atomic */
} Seen;

static gboolean
has_seen_four (gpointer seen)
{
  return g_atomic_int_get (&((Seen *) seen)->n_bytes) == 4;
}

/* Reads or writes until that fails, and does not look at its cancellable */
static gboolean
blocked_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  Seen *seen = user_data;
  char buffer[10000] = { 0, };
  gssize n = 0;

  gp_test_announce_thread (&seen->thread);
  do
    {
      g_atomic_int_add (&seen->n_bytes, n);
      if (gp_stage_context_get_stdin (context) != NULL)
        n = g_input_stream_read (input, buffer, sizeof buffer, NULL, error);
      else
        n = g_output_stream_write (output, buffer, sizeof buffer, NULL, error);
    }
  while (n > 0);
  return n == 0;
}

static void
test_blocked (gconstpointer data)
{
  const Blocked *row = data;
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_pipeline_new ();
  g_autoptr (GObject) opened = NULL;
  int fds[2] = { -1, -1 };
  Seen seen = { 0, };

  gp_pipeline_set_abandon_delay (inner, NEVER);
  gp_test_add_function (inner, "blocked", blocked_func, &seen);
  if (row->edge == EDGE_CALLER)
    gp_test_open_pipe (fds);
  if (row->edge == EDGE_CALLER && row->is_input)
    opened = G_OBJECT (g_unix_input_stream_new (fds[0], TRUE));
  if (row->edge == EDGE_CALLER && !row->is_input)
    opened = G_OBJECT (g_unix_output_stream_new (fds[1], TRUE));
  g_object_set (outer, row->is_input ? "stdin" : "stdout", opened, NULL);

  if (row->edge == EDGE_PIPE && row->is_input)
    gp_test_add_child (outer, "wait", NULL);
  append_nested (outer, inner, row->depth);
  if (row->edge == EDGE_PIPE && !row->is_input)
    gp_test_add_child (outer, "wait", NULL);
  if (row->edge == EDGE_MEMORY && row->is_input)
    opened = G_OBJECT (gp_pipeline_open_input (outer, NULL));
  if (row->edge == EDGE_MEMORY && !row->is_input)
    opened = G_OBJECT (gp_pipeline_open_output (outer, NULL));

  g_assert_true (gp_test_start (outer, NULL, NULL));
  gp_test_wait_until ("the function to block", gp_test_thread_sleeps, &seen.thread);
  gp_pipeline_cancel (inner);
  gp_test_assert_cancelled (inner);
  gp_pipeline_cancel (outer);
  g_assert_false (gp_test_wait (outer, NULL));
  if (row->edge == EDGE_CALLER)
    close (fds[row->is_input]);
}

/* What the caller has lent is not broken by that, even if it comes from another pipeline of ours. */
static void
test_blocked_lent (gconstpointer data)
{
  g_autoptr (GpPipeline) source = gp_test_new_copier (data);
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_pipeline_new ();
  g_autoptr (GOutputStream) input = gp_pipeline_open_input (source, NULL);
  g_autoptr (GInputStream) output = gp_pipeline_open_output (source, NULL);
  Seen seen = { 0, };

  gp_test_add_function (inner, "blocked", blocked_func, &seen);
  gp_pipeline_set_abandon_delay (inner, 1);
  append_nested (outer, inner, 2);
  gp_pipeline_set_stdin (outer, output);
  g_assert_true (gp_test_start (source, NULL, NULL));
  g_assert_true (gp_test_start (outer, NULL, NULL));
  gp_test_wait_until ("the function to block", gp_test_thread_sleeps, &seen.thread);
  gp_pipeline_cancel (inner);
  gp_test_assert_cancelled (inner);
  g_assert_false (gp_test_wait (outer, NULL));

  /* It was given up, and still reads. */
  g_assert_true (g_output_stream_write_all (input, "text", 4, NULL, NULL, NULL));
  gp_test_wait_until ("what was given up to read on", has_seen_four, &seen);
  gp_pipeline_cancel (source);
  gp_test_assert_cancelled (source);
  gp_test_wait_busy_threads ();
}

/* A thread that starts a pipeline in a main context of its own, and then runs that no more */
typedef struct
{
  GMainContext *context; /* owned */
  GpPipeline   *pipeline;
} Home;

static gpointer
start_thread (gpointer data)
{
  Home *home = data;

  g_main_context_push_thread_default (home->context);
  gp_pipeline_start_async (home->pipeline, NULL, NULL, NULL);
  while (gp_pipeline_get_state (home->pipeline) != GP_PIPELINE_STATE_RUNNING)
    g_main_context_iteration (home->context, TRUE);
  g_main_context_pop_thread_default (home->context);
  return NULL;
}

static gboolean
never_func (GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  GpStageContext **kept = user_data;

  *kept = g_object_ref (context);
  return TRUE;
}

static void
test_home_is_not_run (gconstpointer data)
{
  guint depth = GPOINTER_TO_UINT (data);
  g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();
  g_autoptr (GpPipeline) inner = gp_test_pipeline_new ();
  GpStageContext *kept = NULL;
  Home home = { g_main_context_new (), outer };
  g_autoptr (GError) error = NULL;
  GpCommandStage *command = gp_test_add_child (depth > 0 ? inner : outer, "wait", NULL);

  gp_command_stage_set_kill_delay (command, NEVER);
  gp_pipeline_set_abandon_delay (outer, 1);
  gp_pipeline_set_abandon_delay (inner, 1);
  gp_pipeline_append (depth > 0 ? inner : outer,
                      GP_STAGE (gp_async_stage_new ("never", never_func, &kept, NULL)));
  if (depth > 0)
    append_nested (outer, inner, depth);
  g_thread_join (g_thread_new ("starter", start_thread, &home));
  gp_pipeline_cancel (outer);
  g_assert_false (gp_test_wait (outer, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (g_cancellable_is_cancelled (gp_stage_context_get_cancellable (kept)));

  /* The news arrives when somebody runs it after all. */
  while (g_main_context_iteration (home.context, FALSE))
    continue;
  g_assert_true (g_cancellable_is_cancelled (gp_stage_context_get_cancellable (kept)));
  g_object_unref (kept);
  g_main_context_unref (home.context);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/nested/never-reached/%s", rows[i].path);
      g_autofree char *open_path = g_strdup_printf ("/nested/open-ends/%s", rows[i].path);

      gp_test_add_data (path, &rows[i], test_never_reached);
      if (*rows[i].kinds != '\0')
        gp_test_add_data (open_path, &rows[i], test_open_ends);
    }
  gp_test_add ("/nested/waited-for", test_waited_for);
  gp_test_add ("/nested/cancelled-before", test_cancelled_before);
  gp_test_add_data ("/nested/conflict/stdin", "stdin", test_conflict);
  gp_test_add_data ("/nested/conflict/stdout", "stdout", test_conflict);
  gp_test_add_data ("/nested/conflict/opened-stdin", "stdin", test_conflict_with_opened);
  gp_test_add_data ("/nested/conflict/opened-stdout", "stdout", test_conflict_with_opened);
  for (gsize i = 0; i < G_N_ELEMENTS (blocked); i++)
    {
      g_autofree char *path = g_strdup_printf ("/nested/blocked/%s", blocked[i].path);

      gp_test_add_data (path, &blocked[i], test_blocked);
    }
  gp_test_add_data ("/nested/blocked/lent-memory", "f", test_blocked_lent);
  gp_test_add_data ("/nested/blocked/lent-pipe", "c", test_blocked_lent);
  gp_test_add_data ("/nested/home-is-not-run/flat", GUINT_TO_POINTER (0), test_home_is_not_run);
  gp_test_add_data ("/nested/home-is-not-run/nested", GUINT_TO_POINTER (1), test_home_is_not_run);
  gp_test_add_data ("/nested/home-is-not-run/deeper", GUINT_TO_POINTER (2), test_home_is_not_run);
  return gp_test_run ();
}
