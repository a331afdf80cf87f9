/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function that decides which errors of a stage are errors. */

#include <gopipe/gopipe.h>

#define FRUITS "pear\nfig\nred fig\n"

static GpErrorAction
explain_func (const GError  *error,
              gpointer       user_data,
              GError       **replacement)
{
  /* It has found nothing. Where nothing else shall be decided, gp_pipeline_append_ignoring () needs
   * no function for that. */
  if (gp_error_matches_exit_status (error, 1))
    return GP_ERROR_ACTION_FORGIVE;

  if (gp_error_matches_exit_status (error, 2))
    g_set_error_literal (replacement, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "this is no pattern");

  return GP_ERROR_ACTION_KEEP;
}

static void
print_count (const char *pattern)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  GpCommandStage *grep = gp_command_stage_new ("grep", "-c", pattern, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text (FRUITS)));
  gp_pipeline_append (pipeline, GP_STAGE (gp_error_filter_stage_new (GP_STAGE (grep), explain_func,
                                                                     NULL, NULL)));

  output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  if (output != NULL)
    g_print ("%s: %s", pattern, output);
  else
    g_print ("%s: %s\n", pattern, error->message);
}

int
main (void)
{
  print_count ("fig");
  print_count ("kiwi");
  print_count ("[");

  return 0;
}
