/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How each stage fared, after a failure: what PIPESTATUS is in a shell. */

#include <gopipe/gopipe.h>

static void
append_script (GpPipeline *pipeline,
               const char *name,
               const char *script)
{
  GpCommandStage *stage = gp_command_stage_new ("sh", "-c", script, NULL);

  /* Otherwise every one of them would be called "sh". */
  gp_command_stage_set_name (stage, name);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
}

static void
print_status (GpStageStatus *status)
{
  g_autofree char *name = gp_stage_status_dup_name (status);
  g_autofree char *summary = gp_stage_status_dup_summary (status);
  int exit_status = gp_stage_status_get_exit_status (status);
  int code;

  /* A command that was killed has no exit status; a shell makes one of the signal. */
  code = exit_status >= 0 ? exit_status : 128 + gp_stage_status_get_term_signal (status);
  g_print ("%s: %d (%s)\n", name, code, summary);
}

int
main (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;

  append_script (pipeline, "fetch", "echo fig; echo 'no pears' >&2; exit 3");
  append_script (pipeline, "store", "cat >/dev/null; kill -KILL $$");
  append_script (pipeline, "report", "cat");

  /* Several failed. The first is reported: it mostly is why the others did. */
  if (!gp_pipeline_run (pipeline, NULL, &error))
    g_print ("error: %s\n", error->message);

  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    print_status (gp_pipeline_get_status (pipeline, i));

  return 0;
}
