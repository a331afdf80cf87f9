/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-gio.h"

#include <stdio.h>
#include <string.h>

/* The memory of a supervisor, of its own and altogether. It is the parent of the command. */

static guint64
find_number (const char *text,
             const char *key)
{
  text = strstr (text, key);

  return text != NULL ? g_ascii_strtoull (text + strlen (key), NULL, 10) : 0;
}

static void
read_proc (guint64      pid,
           const char  *name,
           char       **text)
{
  g_autofree char *path = g_strdup_printf ("/proc/%" G_GUINT64_FORMAT "/%s", pid, name);
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, text, NULL, &error);
  bench_check_error (error);
}

void
bench_measure_supervisor (guint64 *rss_kib,
                          guint64 *private_kib)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autofree char *status = NULL;
  g_autofree char *memory = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append_command (pipeline, "/bin/cat", NULL);
  input = gp_pipeline_open_input (pipeline, &error);
  bench_check_error (error);
  gp_pipeline_start (pipeline, NULL, &error);
  bench_check_error (error);

  read_proc (gp_stage_status_get_pid (gp_pipeline_get_status (pipeline, 0)), "status", &status);
  read_proc (find_number (status, "\nPPid:"), "smaps_rollup", &memory);
  *rss_kib = find_number (memory, "\nRss:");
  *private_kib = find_number (memory, "\nPrivate_Dirty:");

  g_output_stream_close (input, NULL, &error);
  bench_check_error (error);
  gp_pipeline_wait (pipeline, NULL, &error);
  bench_check_error (error);
}
