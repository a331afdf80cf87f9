/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-line-stage.h"

#include "gp-enums.h"
#include "gp-error.h"
#include "gp-line-stage-private.h"
#include "gp-stage-private.h"
#include "gp-user-function-private.h"

#define DEFAULT_MAX_LENGTH (1024 * 1024)

/**
 * GpLineStage:
 *
 * A stage that is a function which sees its input line by line.
 *
 * There are three kinds. [ctor@LineStage.new] takes a function for a line of text, and
 * [ctor@LineStage.new_bytes] one for a line of any bytes; both are called in a thread of their own
 * and may block. [ctor@LineStage.new_in_context] takes a function for several lines at a time, which
 * is called in the main context of the pipeline's starter and must not block: it is the one for
 * JavaScript, and for functions that use what belongs to that context.
 *
 * The function tells of each line whether it is passed on, and may write to its output as well.
 * That is buffered, and written when the buffer is full, whenever the stage has to wait for more
 * input, and at the end, also if the function fails or wants no more lines.
 *
 * A line ends with a line feed, which is no part of it, and the last one may lack it. Other
 * separators can be set by [property@LineStage:separator], or found by a function of your own, see
 * [method@LineStage.set_split_function]. A line that is longer than
 * [property@LineStage:max-length], or text that is not UTF-8, ends the stage with an error that
 * names the line's number, after the lines before it were handled.
 *
 * Since: 0.1
 */

typedef enum
{
  KIND_NONE, /* made without a constructor */
  KIND_TEXT,
  KIND_BYTES,
  KIND_BATCH,
} Kind;

/* The settings are those of the object until a run has it (@sealed), which reads them in threads of
 * its own. @queue is there from then until the start, for a function in the main context. */
struct _GpLineStage
{
  GObject          parent_instance;

  char            *name;
  Kind             kind;
  GpUserFunction   function;
  GpUserFunction   split;
  GpLineSeparator  separator;
  guint64          max_length;

  gboolean         sealed;
  GpCallbackQueue *queue;
};

enum
{
  PROP_0,
  PROP_NAME,
  PROP_SEPARATOR,
  PROP_MAX_LENGTH,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void gp_line_stage_stage_init          (GpStageInterface         *iface);
static void gp_line_stage_thread_starter_init (GpThreadStarterInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpLineStage, gp_line_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_line_stage_stage_init)
                               G_IMPLEMENT_INTERFACE (GP_TYPE_THREAD_STARTER,
                                                      gp_line_stage_thread_starter_init))

static char *
gp_line_stage_get_name (GpStage *stage)
{
  GpLineStage *self = GP_LINE_STAGE (stage);

  return g_strdup (self->name != NULL ? self->name : "lines");
}

static gboolean
gp_line_stage_needs_main_context (GpStage *stage)
{
  return GP_LINE_STAGE (stage)->kind == KIND_BATCH;
}

static void
gp_line_stage_stage_init (GpStageInterface *iface)
{
  iface->get_name = gp_line_stage_get_name;
  iface->needs_main_context = gp_line_stage_needs_main_context;
}

static void
gp_line_stage_prepare (GpThreadStarter *starter,
                       GpCallbackQueue *queue)
{
  GpLineStage *self = GP_LINE_STAGE (starter);

  self->sealed = TRUE;
  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  if (self->kind == KIND_BATCH)
    self->queue = gp_callback_queue_ref (queue);
}

static void
gp_line_stage_forget (GpThreadStarter *starter,
                      const GError    *error)
{
  g_clear_pointer (&GP_LINE_STAGE (starter)->queue, gp_callback_queue_unref);
}

static gboolean
check_settings (GpLineStage  *self,
                GError      **error)
{
  const char *mistake = NULL;

  if (self->kind == KIND_NONE)
    mistake = "it was not made by gp_line_stage_new () or its like and has no function";
  else if (self->kind == KIND_BATCH && self->split.func != NULL)
    mistake = "a function that splits runs in a thread, and not in the main context";

  if (mistake != NULL)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, mistake);

  return mistake == NULL;
}

static gboolean
gp_line_stage_start (GpThreadStarter  *starter,
                     GpStageContext   *context,
                     GError          **error)
{
  GpLineStage *self = GP_LINE_STAGE (starter);
  g_autoptr (GpCallbackQueue) queue = g_steal_pointer (&self->queue);
  GpLineFormat format = {
    .separator = self->separator,
    .max_length = self->max_length,
    .is_text = self->kind != KIND_BYTES,
    .split = (GpSplitFunction) self->split.func,
    .split_data = self->split.data,
  };

  if (!check_settings (self, error))
    return FALSE;

  if (self->kind != KIND_BATCH)
    return gp_line_thread_start (self, &format, self->function.func, self->function.data,
                                 context, error);

  gp_line_batch_start (self, &format, (GpLinesFunction) self->function.func, self->function.data,
                       context, queue);

  return TRUE;
}

static void
gp_line_stage_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->prepare = gp_line_stage_prepare;
  iface->start = gp_line_stage_start;
  iface->forget = gp_line_stage_forget;
}

static void
gp_line_stage_get_property (GObject    *object,
                            guint       prop_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  GpLineStage *self = GP_LINE_STAGE (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_SEPARATOR:
      g_value_set_enum (value, self->separator);
      break;
    case PROP_MAX_LENGTH:
      g_value_set_uint64 (value, self->max_length);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_line_stage_set_property (GObject      *object,
                            guint         prop_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  GpLineStage *self = GP_LINE_STAGE (object);

  switch (prop_id)
    {
    case PROP_SEPARATOR:
      gp_line_stage_set_separator (self, g_value_get_enum (value));
      break;
    case PROP_MAX_LENGTH:
      gp_line_stage_set_max_length (self, g_value_get_uint64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_line_stage_finalize (GObject *object)
{
  GpLineStage *self = GP_LINE_STAGE (object);

  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  gp_user_function_clear (&self->function);
  gp_user_function_clear (&self->split);
  g_free (self->name);

  G_OBJECT_CLASS (gp_line_stage_parent_class)->finalize (object);
}

static void
gp_line_stage_class_init (GpLineStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = gp_line_stage_get_property;
  object_class->set_property = gp_line_stage_set_property;
  object_class->finalize = gp_line_stage_finalize;

  /**
   * GpLineStage:name:
   *
   * The name for errors and pictures.
   *
   * Since: 0.1
   */
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL,
                                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * GpLineStage:separator: (getter get_separator) (setter set_separator)
   *
   * What ends a line, unless a function was set that splits.
   *
   * To be set before the stage is started.
   *
   * Since: 0.1
   */
  props[PROP_SEPARATOR] = g_param_spec_enum ("separator", NULL, NULL,
                                             GP_TYPE_LINE_SEPARATOR, GP_LINE_SEPARATOR_NEWLINE,
                                             G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY |
                                             G_PARAM_STATIC_STRINGS);

  /**
   * GpLineStage:max-length: (getter get_max_length) (setter set_max_length)
   *
   * How many bytes a line may have, without its separator. 0 is no limit.
   *
   * A longer line ends the stage with `GP_PIPELINE_ERROR_LINE_TOO_LONG`. The default is 1 MiB. As
   * much memory is used as the longest line needs, up to four times the limit.
   *
   * To be set before the stage is started.
   *
   * Since: 0.1
   */
  props[PROP_MAX_LENGTH] = g_param_spec_uint64 ("max-length", NULL, NULL,
                                                0, G_MAXUINT64, DEFAULT_MAX_LENGTH,
                                                G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY |
                                                G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_line_stage_init (GpLineStage *self)
{
  self->max_length = DEFAULT_MAX_LENGTH;
}

/* --- Public functions --------------------------------------------------------------------- */

static GpLineStage *
line_stage_new (const char     *name,
                Kind            kind,
                GCallback       func,
                gpointer        user_data,
                GDestroyNotify  destroy)
{
  GpLineStage *self = g_object_new (GP_TYPE_LINE_STAGE, NULL);

  self->name = g_strdup (name != NULL ? name : "lines");
  self->kind = kind;
  gp_user_function_init (&self->function, func, user_data, destroy);

  return self;
}

/**
 * gp_line_stage_new:
 * @name: (nullable): the name for errors and pictures
 * @func: (scope notified) (closure user_data) (destroy destroy): the function for each line, called
 *   in a thread
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of a function that sees its input line by line, as text.
 *
 * The text is UTF-8. Anything else ends the stage with `G_IO_ERROR_INVALID_DATA`.
 *
 * Not for JavaScript, which knows only one thread: use [ctor@LineStage.new_in_context] there.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpLineStage *
gp_line_stage_new (const char     *name,
                   GpLineFunction  func,
                   gpointer        user_data,
                   GDestroyNotify  destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  return line_stage_new (name, KIND_TEXT, G_CALLBACK (func), user_data, destroy);
}

/**
 * gp_line_stage_new_bytes:
 * @name: (nullable): the name for errors and pictures
 * @func: (scope notified) (closure user_data) (destroy destroy): the function for each line, called
 *   in a thread
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of a function that sees its input line by line, whatever the bytes are.
 *
 * Not for JavaScript, which knows only one thread: use [ctor@LineStage.new_in_context] there.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpLineStage *
gp_line_stage_new_bytes (const char          *name,
                         GpBytesLineFunction  func,
                         gpointer             user_data,
                         GDestroyNotify       destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  return line_stage_new (name, KIND_BYTES, G_CALLBACK (func), user_data, destroy);
}

/**
 * gp_line_stage_new_in_context:
 * @name: (nullable): the name for errors and pictures
 * @func: (scope notified) (closure user_data) (destroy destroy): the function for several lines at a
 *   time, called in the main context in which the pipeline is started
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the stage was made
 *
 * Makes a stage of a function that sees its input as text, some lines at a time, and does not block.
 *
 * Lines come with a low priority, that of idle functions, so that they hold up nothing else in the
 * main context. The text is UTF-8. Anything else ends the stage with `G_IO_ERROR_INVALID_DATA`.
 *
 * A pipeline with such a stage cannot be run by synchronous calls.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpLineStage *
gp_line_stage_new_in_context (const char      *name,
                              GpLinesFunction  func,
                              gpointer         user_data,
                              GDestroyNotify   destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  return line_stage_new (name, KIND_BATCH, G_CALLBACK (func), user_data, destroy);
}

/**
 * gp_line_stage_get_separator: (get-property separator)
 * @self: a line stage
 *
 * Gets what ends a line.
 *
 * Returns: the separator
 *
 * Since: 0.1
 */
GpLineSeparator
gp_line_stage_get_separator (GpLineStage *self)
{
  g_return_val_if_fail (GP_IS_LINE_STAGE (self), GP_LINE_SEPARATOR_NEWLINE);

  return self->separator;
}

/**
 * gp_line_stage_set_separator: (set-property separator)
 * @self: a line stage
 * @separator: what ends a line
 *
 * Sets what ends a line, before the stage is started.
 *
 * Since: 0.1
 */
void
gp_line_stage_set_separator (GpLineStage     *self,
                             GpLineSeparator  separator)
{
  g_return_if_fail (GP_IS_LINE_STAGE (self));
  g_return_if_fail (separator <= GP_LINE_SEPARATOR_WORDS);
  g_return_if_fail (!self->sealed);

  if (self->separator == separator)
    return;

  self->separator = separator;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_SEPARATOR]);
}

/**
 * gp_line_stage_get_max_length: (get-property max-length)
 * @self: a line stage
 *
 * Gets how many bytes a line may have.
 *
 * Returns: the bytes without the separator, or 0 for any number
 *
 * Since: 0.1
 */
guint64
gp_line_stage_get_max_length (GpLineStage *self)
{
  g_return_val_if_fail (GP_IS_LINE_STAGE (self), 0);

  return self->max_length;
}

/**
 * gp_line_stage_set_max_length: (set-property max-length)
 * @self: a line stage
 * @max_length: the bytes without the separator, or 0 for any number
 *
 * Sets how many bytes a line may have, before the stage is started.
 *
 * Since: 0.1
 */
void
gp_line_stage_set_max_length (GpLineStage *self,
                              guint64      max_length)
{
  g_return_if_fail (GP_IS_LINE_STAGE (self));
  g_return_if_fail (!self->sealed);

  if (self->max_length == max_length)
    return;

  self->max_length = max_length;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MAX_LENGTH]);
}

/**
 * gp_line_stage_set_split_function:
 * @self: a line stage in a thread
 * @func: (scope notified) (closure user_data) (destroy destroy) (nullable): finds the end of each
 *   line, called in the stage's thread; `NULL`: the separator does
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which this was called
 *
 * Sets a function that finds the lines, in place of a separator, before the stage is started.
 *
 * It is not for a stage in the main context, which does not start with it, and so not for
 * JavaScript.
 *
 * Since: 0.1
 */
void
gp_line_stage_set_split_function (GpLineStage     *self,
                                  GpSplitFunction  func,
                                  gpointer         user_data,
                                  GDestroyNotify   destroy)
{
  g_return_if_fail (GP_IS_LINE_STAGE (self));
  g_return_if_fail (!self->sealed);

  gp_user_function_clear (&self->split);
  gp_user_function_init (&self->split, G_CALLBACK (func), user_data, destroy);
}
