/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <string.h>

/* The memory of real processes. What test-memory.c knows about limits is not repeated here. */

#define MB 1000000
#define NEVER (1000 * 60 * 60)

/* The bytes in use according to an error, of a limit of @limit bytes */
static guint64
parse_used (const GError *error,
            const char   *name,
            guint64       limit)
{
  g_autofree char *start = NULL;
  const char *used;

  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
  start = g_strdup_printf ("%s: exceeded its memory limit of %" G_GUINT64_FORMAT " bytes: ", name, limit);
  gp_test_assert_contains (error->message, start);
  used = strstr (error->message, start);

  return g_ascii_strtoull (used + strlen (start), NULL, 10);
}

static void
assert_limit_error (GpPipeline   *pipeline,
                    const GError *error,
                    const char   *name,
                    guint64       limit,
                    guint64       below)
{
  guint64 used = parse_used (error, name, limit);

  g_assert_cmpuint (used, >, limit);
  g_assert_cmpuint (used, <, below);
  g_assert_cmpint (gp_stage_status_get_tree_memory_peak (gp_pipeline_get_status (pipeline, 0)), >=, used);
}

static gpointer
watch_new (gpointer stage,
           guint64  limit,
           guint    interval)
{
  GpMemoryWatchStage *self = gp_memory_watch_stage_new (stage, limit);

  gp_memory_watch_stage_set_interval (self, interval);

  return gp_test_watch (self);
}

/* What a command says when it has what it wants */
static void
read_ready (GInputStream *output)
{
  char text[6];

  g_assert_true (g_input_stream_read_all (output, text, sizeof text, NULL, NULL, NULL));
  g_assert_cmpmem (text, 6, "ready\n", 6);
}

static void
test_property (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "allocate", "80000000", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_memory_limit (command, 40 * MB);
  gp_command_stage_set_memory_interval (command, 1);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  assert_limit_error (pipeline, error, "allocate", 40 * MB, 90 * MB);
}

static void
test_decorator (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("allocate", "80000000", NULL);
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, watch_new (watch_new (command, 40 * MB, 1), 0, 1));
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  assert_limit_error (pipeline, error, "gp-test-child", 40 * MB, 90 * MB);
}

static void
test_enough (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("allocate-and-exit", "20000000", NULL);

  gp_command_stage_set_memory_limit (command, 100 * MB);
  gp_pipeline_append (pipeline, watch_new (command, 100 * MB, 1));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
}

/* Over before the first look that could have seen it; the kernel has kept it as long as the process
 * lives. */
static void
test_short_peak (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("allocate-and-free", "80000000", "ready", NULL);
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, watch_new (command, 40 * MB, 20));
  output = gp_pipeline_open_output (pipeline, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  g_assert_false (gp_test_wait (pipeline, &error));
  assert_limit_error (pipeline, error, "gp-test-child", 40 * MB, 90 * MB);
  g_input_stream_close (output, NULL, NULL);
}

/* It has ended before anybody looks, well or not. Only a supervisor is told what it had. */
static void
check_at_the_end (const char *status,
                  gboolean    property)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("allocate-and-exit", "80000000", status, NULL);
  GpStageStatus *stage_status;
  g_autoptr (GError) error = NULL;

  if (property)
    {
      gp_command_stage_set_memory_limit (command, 40 * MB);
      gp_command_stage_set_memory_interval (command, NEVER);
      gp_pipeline_append (pipeline, GP_STAGE (command));
    }
  else
    {
      gp_pipeline_append (pipeline, watch_new (command, 40 * MB, NEVER));
    }
  stage_status = gp_pipeline_get_status (pipeline, 0);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error) && strcmp (status, "0") != 0);

  if (gp_stage_status_get_peak_memory (stage_status) >= 0)
    {
      g_assert_cmpint (gp_stage_status_get_peak_memory (stage_status), >=, 80 * MB);
      assert_limit_error (pipeline, error, "gp-test-child", 40 * MB, 90 * MB);
    }
  g_assert_cmpint (gp_stage_status_get_exit_status (stage_status), ==, atoi (status));
}

static void
test_at_the_end (void)
{
  check_at_the_end ("0", TRUE);
  check_at_the_end ("0", FALSE);
  check_at_the_end ("3", TRUE);
  check_at_the_end ("3", FALSE);
}

/* None of them is over the limit, but all together are. */
static void
test_tree (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("descend", "5", "20000000", "ready", NULL);
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, watch_new (command, 70 * MB, 5));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  assert_limit_error (pipeline, error, "gp-test-child", 70 * MB, 120 * MB);
}

static void
test_nested (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *inner = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_name (inner, "inner");
  for (int i = 0; i < 3; i++)
    gp_test_add_child (inner, "allocate", "40000000", NULL);
  gp_pipeline_append (pipeline, watch_new (watch_new (inner, 0, 5), 100 * MB, 5));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  assert_limit_error (pipeline, error, "inner", 100 * MB, 140 * MB);
}

static gboolean
has_memory (gpointer data)
{
  guint64 memory;

  return gp_limitable_measure (data, &memory, NULL) && memory >= 50 * MB;
}

/* Without a watch, too; and what was seen is told after any end */
static void
test_measure (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_child_new ("allocate", "50000000", "ready", NULL);
  g_autoptr (GInputStream) output = NULL;
  GpLimitable *stages[2] = { GP_LIMITABLE (command) };
  guint64 memory = 1, peak = 1;

  stages[1] = watch_new (command, 0, 1);
  gp_pipeline_append (pipeline, GP_STAGE (stages[1]));
  output = gp_pipeline_open_output (pipeline, NULL);
  for (int i = 0; i < 2; i++)
    {
      g_assert_true (gp_limitable_check (stages[i], NULL));
      g_assert_false (gp_limitable_measure (stages[i], &memory, &peak));
      g_assert_cmpuint (memory, ==, 0);
      g_assert_cmpuint (peak, ==, 0);
    }

  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  read_ready (output);
  for (int i = 0; i < 2; i++)
    {
      gp_test_wait_until ("memory", has_memory, stages[i]);
      g_assert_true (gp_limitable_measure (stages[i], &memory, &peak));
      g_assert_cmpuint (memory, >=, 50 * MB);
      g_assert_cmpuint (memory, <, 60 * MB);
      g_assert_cmpuint (peak, >=, memory);
      g_assert_cmpuint (peak, <, 60 * MB);
    }

  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, NULL));
  g_assert_cmpint (gp_stage_status_get_tree_memory_peak (gp_pipeline_get_status (pipeline, 0)), <, 60 * MB);
  for (int i = 0; i < 2; i++)
    g_assert_false (gp_limitable_measure (stages[i], &memory, &peak));
  g_input_stream_close (output, NULL, NULL);
}

static void
test_kill (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command = gp_test_add_child (pipeline, "ignore-term-and-wait", NULL);
  g_autoptr (GError) reason = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "enough of it");
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_kill_delay (command, 10);
  gp_limitable_kill (GP_LIMITABLE (command), reason);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  gp_limitable_kill (GP_LIMITABLE (command), reason);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  gp_test_assert_contains (error->message, "ignore-term-and-wait: enough of it");
  gp_limitable_kill (GP_LIMITABLE (command), reason);
}

/* Ends of commands, looks and kills at the same time */
static void
test_race (void)
{
  guint n = gp_test_is_thorough () ? 500 : 40;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      g_autoptr (GError) error = NULL;

      for (int j = 0; j < 3; j++)
        {
          GpCommandStage *command = gp_test_child_new ("allocate-and-exit", "9000000", NULL);

          gp_pipeline_append (pipeline, watch_new (command, j == 1 ? 8 * MB : 0, 1));
        }
      if (!gp_test_run_pipeline (pipeline, NULL, &error))
        g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_MEMORY_LIMIT);
      else
        g_assert_cmpint (gp_stage_status_get_peak_memory (gp_pipeline_get_status (pipeline, 1)), ==, -1);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add ("/memory-commands/property", test_property);
  gp_test_add ("/memory-commands/decorator", test_decorator);
  gp_test_add ("/memory-commands/enough", test_enough);
  gp_test_add ("/memory-commands/short-peak", test_short_peak);
  gp_test_add ("/memory-commands/at-the-end", test_at_the_end);
  gp_test_add ("/memory-commands/tree", test_tree);
  gp_test_add ("/memory-commands/nested", test_nested);
  gp_test_add ("/memory-commands/measure", test_measure);
  gp_test_add ("/memory-commands/kill", test_kill);
  gp_test_add ("/memory-commands/race", test_race);

  return gp_test_run ();
}
