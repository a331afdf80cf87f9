/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gopipe/gopipe.h>

#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

/* What it costs to start a command, with and without a supervisor, next to posix_spawn (): rounds in
 * turn, medians, as ratios. And the memory of a supervisor. */

#define N_ROUNDS 300

extern char **environ;

static void
start_bare (guint n_commands)
{
  char *argv[] = { (char *) "/bin/true", NULL };

  for (guint i = 0; i < n_commands; i++)
    {
      int status;
      pid_t pid;

      if (posix_spawn (&pid, argv[0], NULL, NULL, argv, environ) != 0 ||
          waitpid (pid, &status, 0) != pid)
        g_error ("posix_spawn () has failed");
    }
}

static void
start_pipeline (guint    n_commands,
                gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_commands; i++)
    {
      const char *program = n_commands == 1 ? "/bin/true" : "/bin/cat";

      gp_command_stage_set_supervised (gp_pipeline_append_command (pipeline, program, NULL), supervised);
    }

  if (!gp_pipeline_run (pipeline, NULL, &error))
    g_error ("%s", error->message);
}

static int
compare_times (const void *a,
               const void *b)
{
  gint64 x = *(const gint64 *) a;
  gint64 y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static double
get_median (gint64 *times,
            guint   n_times)
{
  qsort (times, n_times, sizeof *times, compare_times);

  return (double) times[n_times / 2];
}

static void
measure (const char *name,
         guint       n_commands,
         guint       n_rounds)
{
  gint64 bare[N_ROUNDS], exec[N_ROUNDS], supervised[N_ROUNDS];
  double floor;

  for (guint i = 0; i < n_rounds; i++)
    {
      gint64 start = g_get_monotonic_time ();

      start_bare (n_commands);
      bare[i] = g_get_monotonic_time () - start;

      start = g_get_monotonic_time ();
      start_pipeline (n_commands, FALSE);
      exec[i] = g_get_monotonic_time () - start;

      start = g_get_monotonic_time ();
      start_pipeline (n_commands, TRUE);
      supervised[i] = g_get_monotonic_time () - start;
    }

  floor = get_median (bare, n_rounds);
  g_print ("%-8s  posix_spawn 1.00 (%.2f ms)  exec %.2f  supervised %.2f\n", name, floor / 1000,
           get_median (exec, n_rounds) / floor, get_median (supervised, n_rounds) / floor);
}

/* The supervisor is the parent of the command. */
static void
print_memory (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GpPipeline) look = gp_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GBytes) text = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *script = NULL;

  gp_pipeline_append_command (pipeline, "/bin/cat", NULL);
  input = gp_pipeline_open_input (pipeline, &error);
  if (input == NULL || !gp_pipeline_start (pipeline, NULL, &error))
    g_error ("%s", error->message);

  script = g_strdup_printf ("parent=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/%d/stat); "
                            "grep -E '^(Rss|Private_Dirty):' /proc/$parent/smaps_rollup",
                            gp_stage_status_get_pid (gp_pipeline_get_status (pipeline, 0)));
  gp_pipeline_append_command (look, "/bin/sh", "-c", script, NULL);
  text = gp_pipeline_communicate (look, NULL, NULL, &error);
  if (text == NULL)
    g_error ("%s", error->message);
  g_print ("supervisor:\n%.*s", (int) g_bytes_get_size (text),
           (const char *) g_bytes_get_data (text, NULL));

  g_output_stream_close (input, NULL, NULL);
  if (!gp_pipeline_wait (pipeline, NULL, &error))
    g_error ("%s", error->message);
}

int
main (void)
{
  /* What is made only once */
  start_pipeline (1, TRUE);

  measure ("spawn1", 1, N_ROUNDS);
  measure ("cmds10", 10, N_ROUNDS / 5);
  print_memory ();

  return 0;
}
