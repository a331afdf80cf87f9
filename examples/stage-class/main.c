/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A class of stages of one's own, between two commands. */

#include <gopipe/gopipe.h>

#define EXAMPLE_TYPE_PREFIX_STAGE (example_prefix_stage_get_type ())
G_DECLARE_FINAL_TYPE (ExamplePrefixStage, example_prefix_stage, EXAMPLE, PREFIX_STAGE,
                      GpThreadStage)

/* Puts a prefix before each line */
struct _ExamplePrefixStage
{
  GpThreadStage  parent_instance;
  const char    *prefix;
};

G_DEFINE_FINAL_TYPE (ExamplePrefixStage, example_prefix_stage, GP_TYPE_THREAD_STAGE)

/* It runs in a thread, so it may block; the cancellable ends the blocking. */
static gboolean
example_prefix_stage_process (GpThreadStage   *stage,
                              GpStageContext  *context,
                              GCancellable    *cancellable,
                              GError         **error)
{
  ExamplePrefixStage *self = EXAMPLE_PREFIX_STAGE (stage);
  GOutputStream *output = gp_stage_context_get_stdout (context);
  g_autoptr (GDataInputStream) input = NULL;

  input = g_data_input_stream_new (gp_stage_context_get_stdin (context));
  for (;;)
    {
      g_autoptr (GError) local_error = NULL;
      g_autofree char *line = NULL;

      line = g_data_input_stream_read_line (input, NULL, cancellable, &local_error);
      if (local_error != NULL)
        g_propagate_error (error, g_steal_pointer (&local_error));
      else if (line == NULL)
        return TRUE;
      else if (g_output_stream_printf (output, NULL, cancellable, error, "%s%s\n",
                                       self->prefix, line))
        continue;

      return FALSE;
    }
}

static void
example_prefix_stage_class_init (ExamplePrefixStageClass *klass)
{
  GP_THREAD_STAGE_CLASS (klass)->process = example_prefix_stage_process;
}

static void
example_prefix_stage_init (ExamplePrefixStage *self)
{
  self->prefix = "";
}

int
main (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  ExamplePrefixStage *stage = g_object_new (EXAMPLE_TYPE_PREFIX_STAGE, NULL);

  stage->prefix = "a ";
  gp_pipeline_append_command (pipeline, "printf", "pear\\nfig\\n", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  gp_pipeline_append_command (pipeline, "sort", NULL);

  output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
  if (output == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_print ("%s", output);

  return 0;
}
