/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-lines.h"

/* The first call gets one line, the second up to two, and then all that are left: so these batches
 * are known. */
static void
test_actions (void)
{
  static const struct
  {
    GpTestLines lines;
    const char *output;
    int         code; /* of the domain below, or -1 */
    const char *message;
  } rows[] = {
    { { .action = GP_LINE_ACTION_KEEP }, "a\nb\nc", -1, NULL },
    { { .action = GP_LINE_ACTION_DROP }, "", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 1, .last_action = GP_LINE_ACTION_FINISH, .write = "+" },
      "+", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FINISH, .write = "+" },
      "+a\n+", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_DROP }, "a\n", -1, NULL },
    { { .action = GP_LINE_ACTION_KEEP, .last = 2, .last_action = GP_LINE_ACTION_FAULT, .write = "+" },
      "+a\n+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned FAULT without an error" },
    { { .action = GP_LINE_ACTION_KEEP, .last = 1, .last_action = 17, .write = "+" },
      "+", GP_PIPELINE_ERROR_FAULT, "lines: the function returned an unknown action" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = rows[i].lines;
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
      output = gp_test_lines_output (pipeline, "a\nb\nc", -1, &error);
      gp_test_assert_bytes (output, rows[i].output, -1);
      if (rows[i].code < 0)
        {
          g_assert_no_error (error);
        }
      else
        {
          g_assert_error (error, GP_PIPELINE_ERROR, rows[i].code);
          gp_test_assert_message (error, rows[i].message);
        }
    }
}

/* The lines before a bad one in the same batch are handled; what the function says of them goes
 * first. */
static void
test_bad_line_in_batch (void)
{
  static const struct
  {
    const char *input;
    const char *message;
  } rows[] = {
    { "a\nb\nc\xff\nd\n", "lines: line 3 is not valid UTF-8" },
    { "a\nb\n123456\ne", "lines: line 3 is longer than 5 bytes" },
  };

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (rows); i++)
    {
      gboolean finishes = i % 2 == 1;
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP, .write = "+" };
      GpLineStage *stage = gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      lines.last = finishes ? 2 : 0;
      lines.last_action = GP_LINE_ACTION_FINISH;
      gp_line_stage_set_max_length (stage, 5);
      output = gp_test_lines_output (pipeline, rows[i / 2].input, -1, &error);
      gp_test_assert_bytes (output, finishes ? "+a\n+" : "+a\n+b\n", -1);
      if (finishes)
        g_assert_no_error (error);
      else
        gp_test_assert_message (error, rows[i / 2].message);
    }
}

/* A function that counts the turns of the main loop between its calls */
typedef struct
{
  GpTestLines lines;
  guint       n_turns;
  guint       last_turn;
} Turns;

static gboolean
turn_cb (gpointer data)
{
  ((Turns *) data)->n_turns++;
  return G_SOURCE_CONTINUE;
}

static GpLineAction
turns_func (const char * const  *batch,
            GDataOutputStream   *output,
            gpointer             user_data,
            GError             **error)
{
  Turns *turns = user_data;

  g_assert_true (turns->lines.n_calls == 0 || turns->n_turns > turns->last_turn);
  turns->last_turn = turns->n_turns;
  return gp_test_lines_batch_func (batch, output, &turns->lines, error);
}

/* Between two calls whatever is no more urgent has its turn, too, and no call takes long. */
static void
test_main_loop_goes_on (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  Turns turns = { { .action = GP_LINE_ACTION_KEEP, .busy = 200, .last = 1000,
                    .last_action = GP_LINE_ACTION_FINISH }, 0, 0 };
  guint id = g_idle_add (turn_cb, &turns);
  g_autoptr (GError) error = NULL;

  turns.lines.seen = g_string_new (NULL);
  gp_test_append_endless (pipeline);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_line_stage_new_in_context ("turns", turns_func, &turns, NULL)));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_source_remove (id);
  /* Four lines take less than a millisecond, so there may be eight, and those take more. */
  g_assert_cmpuint (turns.lines.most_lines, <=, 8);
  g_assert_cmpuint (turns.lines.n_calls, >=, 125);
  gp_test_lines_clear (&turns.lines);
}

static gboolean
finish_cb (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Whatever there is to read, what is more urgent, like drawing, comes first. */
static void
test_others_come_first (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GError) error = NULL;

  gp_test_append_endless (pipeline);
  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 100; i++)
    {
      gboolean finished = FALSE;
      guint n_calls = lines.n_calls;

      g_idle_add_full (G_PRIORITY_HIGH_IDLE + 20, finish_cb, &finished, NULL);
      while (!finished)
        g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (lines.n_calls, <=, n_calls);
      g_main_context_iteration (NULL, FALSE);
    }
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
}

/* What a call gets at most, whatever is there */
#define MAX_LINES 16384

/* A fast function gets many lines at once. */
static void
test_batches_grow (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *input = g_strnfill (100000, '\n');

  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  output = gp_test_lines_output (pipeline, input, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (lines.n_lines, ==, 100000);
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    g_assert_cmpuint (lines.most_lines, >=, 64);
}

static GpLineAction
count_most_func (const char * const  *batch,
                 GDataOutputStream   *output,
                 gpointer             most,
                 GError             **error)
{
  guint before = *(guint *) most;
  guint n_lines = g_strv_length ((char **) batch);
  gint64 end = g_get_monotonic_time () + 25 * G_TIME_SPAN_MILLISECOND;

  *(guint *) most = MAX (before, n_lines);
  /* Slow for once, after which their number is any, and grows again from there */
  while (before < 128 && n_lines >= 128 && g_get_monotonic_time () < end)
    ;
  return GP_LINE_ACTION_DROP;
}

/* But not all that there are, however little it does. */
static void
test_batches_end (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *input = g_strnfill (200000, '\n');
  guint most_lines = 0;
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new_in_context ("count", count_most_func,
                                                                        &most_lines, NULL)));
  output = gp_test_lines_output (pipeline, input, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (most_lines, <=, MAX_LINES);
}

static GpLineAction
slower_func (const char * const  *batch,
             GDataOutputStream   *output,
             gpointer             user_data,
             GError             **error)
{
  GpTestLines *lines = user_data;
  gboolean was_slow = lines->busy > 0;

  if (g_strv_length ((char **) batch) >= 64)
    lines->busy = 500;
  if (was_slow)
    {
      g_assert_cmpuint (g_strv_length ((char **) batch), <=, 4);
      return GP_LINE_ACTION_FINISH;
    }
  return gp_test_lines_batch_func (batch, output, lines, error);
}

/* One that becomes slow gets few again. */
static void
test_batches_shrink (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP };
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *input = g_strnfill (10000, '\n');

  lines.seen = g_string_new (NULL);
  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_line_stage_new_in_context ("slower", slower_func, &lines, NULL)));
  output = gp_test_lines_output (pipeline, input, -1, &error);
  g_assert_no_error (error);
  if (g_getenv ("GP_TEST_VALGRIND") == NULL)
    g_assert_cmpuint (lines.busy, >, 0);
}

static void
test_needs_main_context (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
  gp_test_assert_contains (error->message, "lines");
  g_assert_cmpuint (lines.n_calls, ==, 0);
}

static GpLineAction
check_context_func (const char * const  *batch,
                    GDataOutputStream   *output,
                    gpointer             user_data,
                    GError             **error)
{
  g_assert_true (g_main_context_is_owner (user_data));
  g_assert_true (g_main_context_get_thread_default () == user_data);
  return GP_LINE_ACTION_KEEP;
}

static void
test_other_context (void)
{
  g_autoptr (GMainContext) other = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  guint n_lines = 10000;
  GpPipeline *pipeline = gp_test_pipeline_new ();

  g_main_context_push_thread_default (other);
  gp_test_append_numbers (pipeline, &n_lines);
  gp_pipeline_append (pipeline, GP_STAGE (gp_line_stage_new_in_context ("other", check_context_func,
                                                                        other, NULL)));
  gp_test_add_child (pipeline, "cat", NULL);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (other, TRUE);
  g_assert_true (gp_pipeline_run_finish (pipeline, result, &error));
  g_assert_no_error (error);
  g_clear_object (&result);
  g_object_unref (pipeline);
  while (g_main_context_iteration (other, FALSE))
    continue;
  g_main_context_pop_thread_default (other);
}

/* The function is not called when another stage could not be started. */
static void
test_never_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) early = { .action = GP_LINE_ACTION_KEEP };
  g_auto (GpTestLines) late = { .action = GP_LINE_ACTION_KEEP };
  g_autoptr (GError) error = NULL;

  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &early);
  gp_pipeline_append_command (pipeline, "/nonexistent", NULL);
  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &late);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
  g_assert_cmpuint (late.n_calls, ==, 0);
}

/* Prepared, and then forgotten: nothing stays behind. */
static void
test_decorator_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_KEEP };
  GpLineStage *stage = gp_line_stage_new_in_context ("lines", gp_test_lines_batch_func, &lines, NULL);
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_memory_watch_stage_new (gp_test_watch (stage), 0)));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_assert_cmpuint (lines.n_calls, ==, 0);
}

/* The last reference of the application goes while lines are handled. */
static void
test_dropped (void)
{
  g_auto (GpTestLines) lines = { .action = GP_LINE_ACTION_DROP, .last = 100000,
                                 .last_action = GP_LINE_ACTION_FINISH };
  GpPipeline *pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_append_endless (pipeline);
  gp_test_append_lines (pipeline, GP_TEST_BATCH_LINES, &lines);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (pipeline);
  while (lines.n_lines < lines.last)
    g_main_context_iteration (NULL, TRUE);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/line-context/actions", test_actions);
  gp_test_add ("/line-context/bad-line-in-batch", test_bad_line_in_batch);
  gp_test_add ("/line-context/main-loop-goes-on", test_main_loop_goes_on);
  gp_test_add ("/line-context/others-come-first", test_others_come_first);
  gp_test_add ("/line-context/batches-grow", test_batches_grow);
  gp_test_add ("/line-context/batches-end", test_batches_end);
  gp_test_add ("/line-context/batches-shrink", test_batches_shrink);
  gp_test_add ("/line-context/needs-main-context", test_needs_main_context);
  gp_test_add ("/line-context/other-context", test_other_context);
  gp_test_add ("/line-context/never-started", test_never_started);
  gp_test_add ("/line-context/decorator-fails", test_decorator_fails);
  gp_test_add ("/line-context/dropped", test_dropped);
  return gp_test_run ();
}
