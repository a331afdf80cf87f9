/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bytes-stage.h"

#include "gp-stage-context.h"

#include <string.h>

/**
 * GpBytesStage:
 *
 * A stage that writes bytes which are known beforehand.
 *
 * It reads nothing: a stage before it finds out at once that nobody wants its output, and fails
 * with a pipe error if it writes any.
 *
 * ```c
 * gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_line ("hello")));
 * ```
 *
 * Since: 0.1
 */
struct _GpBytesStage
{
  GpThreadStage  parent_instance;

  GBytes        *bytes;
};

enum
{
  PROP_0,
  PROP_BYTES,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpBytesStage, gp_bytes_stage, GP_TYPE_THREAD_STAGE)

static gboolean
gp_bytes_stage_process (GpThreadStage   *stage,
                        GpStageContext  *context,
                        GCancellable    *cancellable,
                        GError         **error)
{
  GpBytesStage *self = GP_BYTES_STAGE (stage);
  GOutputStream *output = gp_stage_context_get_stdout (context);
  gconstpointer data;
  gsize size;

  gp_stage_context_close_stdin (context);

  if (self->bytes == NULL || output == NULL)
    return TRUE;

  data = g_bytes_get_data (self->bytes, &size);

  return g_output_stream_write_all (output, data, size, NULL, cancellable, error) &&
         g_output_stream_flush (output, cancellable, error);
}

static void
gp_bytes_stage_get_property (GObject    *object,
                             guint       prop_id,
                             GValue     *value,
                             GParamSpec *pspec)
{
  GpBytesStage *self = GP_BYTES_STAGE (object);

  switch (prop_id)
    {
    case PROP_BYTES:
      g_value_set_boxed (value, self->bytes);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_bytes_stage_set_property (GObject      *object,
                             guint         prop_id,
                             const GValue *value,
                             GParamSpec   *pspec)
{
  GpBytesStage *self = GP_BYTES_STAGE (object);

  switch (prop_id)
    {
    case PROP_BYTES:
      self->bytes = g_value_dup_boxed (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_bytes_stage_finalize (GObject *object)
{
  GpBytesStage *self = GP_BYTES_STAGE (object);

  g_clear_pointer (&self->bytes, g_bytes_unref);

  G_OBJECT_CLASS (gp_bytes_stage_parent_class)->finalize (object);
}

static void
gp_bytes_stage_class_init (GpBytesStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GpThreadStageClass *thread_stage_class = GP_THREAD_STAGE_CLASS (klass);

  object_class->get_property = gp_bytes_stage_get_property;
  object_class->set_property = gp_bytes_stage_set_property;
  object_class->finalize = gp_bytes_stage_finalize;
  thread_stage_class->process = gp_bytes_stage_process;

  /**
   * GpBytesStage:bytes: (getter get_bytes)
   *
   * What the stage writes, or `NULL` for nothing.
   *
   * Since: 0.1
   */
  props[PROP_BYTES] = g_param_spec_boxed ("bytes", NULL, NULL, G_TYPE_BYTES,
                                          G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                          G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_bytes_stage_init (GpBytesStage *self)
{
}

/**
 * gp_bytes_stage_new:
 * @name: (nullable): the name for errors and pictures; `NULL` for "bytes"
 * @bytes: what the stage writes
 *
 * Makes a stage that writes bytes.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpBytesStage *
gp_bytes_stage_new (const char *name,
                    GBytes     *bytes)
{
  g_return_val_if_fail (bytes != NULL, NULL);

  return g_object_new (GP_TYPE_BYTES_STAGE,
                       "name", name != NULL ? name : "bytes",
                       "bytes", bytes,
                       NULL);
}

/* Takes @text */
static GpBytesStage *
new_print (char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (text, strlen (text));

  return gp_bytes_stage_new ("print", bytes);
}

/**
 * gp_bytes_stage_new_text:
 * @text: what the stage writes
 *
 * Makes a stage that writes text, called "print".
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpBytesStage *
gp_bytes_stage_new_text (const char *text)
{
  g_return_val_if_fail (text != NULL, NULL);

  return new_print (g_strdup (text));
}

/**
 * gp_bytes_stage_new_line:
 * @text: what the stage writes before the end of the line
 *
 * Makes a stage that writes text and the end of a line, called "print".
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpBytesStage *
gp_bytes_stage_new_line (const char *text)
{
  g_return_val_if_fail (text != NULL, NULL);

  return new_print (g_strconcat (text, "\n", NULL));
}

/**
 * gp_bytes_stage_new_printf: (skip)
 * @format: a format as for `printf ()`
 * @...: what is put into it
 *
 * Makes a stage that writes formatted text, called "print".
 *
 * Other languages format text by themselves and use [ctor@BytesStage.new_text].
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpBytesStage *
gp_bytes_stage_new_printf (const char *format,
                           ...)
{
  va_list args;
  char *text;

  g_return_val_if_fail (format != NULL, NULL);

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  return new_print (text);
}

/**
 * gp_bytes_stage_get_bytes: (get-property bytes)
 * @self: a stage
 *
 * Gets what the stage writes.
 *
 * Returns: (transfer none) (nullable): the bytes
 *
 * Since: 0.1
 */
GBytes *
gp_bytes_stage_get_bytes (GpBytesStage *self)
{
  g_return_val_if_fail (GP_IS_BYTES_STAGE (self), NULL);

  return self->bytes;
}
