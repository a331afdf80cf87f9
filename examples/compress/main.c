/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is compressed into another one, which is read again: without a process for that. */

#include <gopipe/gopipe.h>

#define SIZE 400000

/* The pipeline opens the files when it starts. The new one is there when all has succeeded, and
 * never half of it. */
static gboolean
pack (GFile   *source,
      GFile   *target,
      GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GZlibCompressor) compressor =
    g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1);
  /* It knows how much will come, so its fraction can be bound to a progress bar. */
  GpMeterStage *meter = gp_meter_stage_new ("progress", SIZE);

  gp_pipeline_set_stdin_file (pipeline, source);
  gp_pipeline_append (pipeline, GP_STAGE (meter));
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("gzip",
                                                                  G_CONVERTER (compressor))));
  gp_pipeline_set_stdout_file (pipeline, target, GP_FILE_MODE_REPLACE);
  if (!gp_pipeline_run (pipeline, NULL, error))
    return FALSE;

  g_print ("read %" G_GUINT64_FORMAT " bytes, %.0f %%\n", gp_meter_stage_get_bytes (meter),
           gp_meter_stage_get_fraction (meter) * 100);

  return TRUE;
}

/* What a converter writes can be read by a command as well. */
static char *
count_lines (GFile   *packed,
             GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GZlibDecompressor) decompressor =
    g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);

  gp_pipeline_set_stdin_file (pipeline, packed);
  gp_pipeline_append (pipeline, GP_STAGE (gp_converter_stage_new ("gunzip",
                                                                  G_CONVERTER (decompressor))));
  gp_pipeline_append_command (pipeline, "wc", "-l", NULL);

  return gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, error);
}

static gboolean
pack_and_unpack (GFile   *source,
                 GFile   *target,
                 GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GFileInfo) info = NULL;
  g_autofree char *n_lines = NULL;

  while (text->len < SIZE)
    g_string_append (text, "fig\n");
  if (!g_file_replace_contents (source, text->str, text->len, NULL, FALSE, G_FILE_CREATE_NONE,
                                NULL, NULL, error) ||
      !pack (source, target, error))
    return FALSE;

  info = g_file_query_info (target, G_FILE_ATTRIBUTE_STANDARD_SIZE, G_FILE_QUERY_INFO_NONE, NULL,
                            error);
  if (info == NULL)
    return FALSE;
  if (g_file_info_get_size (info) < SIZE)
    g_print ("the new file is smaller\n");

  n_lines = count_lines (target, error);
  if (n_lines == NULL)
    return FALSE;
  g_print ("%s lines came back\n", g_strstrip (n_lines));

  return TRUE;
}

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_dir_make_tmp ("compress-XXXXXX", &error);
  g_autoptr (GFile) folder = NULL;
  g_autoptr (GFile) source = NULL;
  g_autoptr (GFile) target = NULL;

  if (path != NULL)
    {
      folder = g_file_new_for_path (path);
      source = g_file_get_child (folder, "fruits");
      target = g_file_get_child (folder, "fruits.gz");
      pack_and_unpack (source, target, &error);
      g_file_delete (source, NULL, NULL);
      g_file_delete (target, NULL, NULL);
      g_file_delete (folder, NULL, NULL);
    }

  if (error != NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  return 0;
}
