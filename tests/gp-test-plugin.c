/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A module of a program that knows neither gopipe nor GLib, see test-unloaded.c. */

#include "config.h"

#include <gopipe/gopipe.h>

#include "gp-test-plugin.h"

static gboolean
copy_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return g_output_stream_splice (output, input, G_OUTPUT_STREAM_SPLICE_NONE,
                                 gp_stage_context_get_cancellable (context), error) >= 0;
}

G_MODULE_EXPORT int
gp_test_plugin_run (const char *child)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  gp_pipeline_append_command (pipeline, child, "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("copy", copy_func, NULL, NULL)));
  gp_pipeline_append_command (pipeline, child, "cat", NULL);
  output = gp_pipeline_communicate_utf8 (pipeline, "text", NULL, &error);
  return g_strcmp0 (output, "text") == 0 ? 0 : 1;
}

G_MODULE_EXPORT int
gp_test_plugin_start (const char     *child,
                      GpTestCallback  func)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  gp_pipeline_append (pipeline,
                      GP_STAGE (gp_function_stage_new ("callback", (GpFunction) func, NULL, NULL)));
  gp_pipeline_append_command (pipeline, child, "cat", NULL);
  return gp_pipeline_start (pipeline, NULL, NULL) ? 0 : 1;
}
