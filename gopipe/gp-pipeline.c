/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-pipeline-private.h"

#include "gp-command-line-private.h"
#include "gp-command-stage.h"
#include "gp-decorator-stage-private.h"
#include "gp-enums.h"
#include "gp-error-private.h"
#include "gp-event.h"
#include "gp-limitable-private.h"
#include "gp-stage-status-private.h"

#define DEFAULT_ABANDON_DELAY 2000

/**
 * GpPipeline:
 *
 * Stages, each of which reads what the one before it writes.
 *
 * Stages are commands, see [class@CommandStage], functions, see [class@FunctionStage] and
 * [class@AsyncStage], other pipelines, or anything that implements [iface@Stage].
 *
 * The shortest use:
 *
 * ```c
 * g_autoptr (GpPipeline) pipeline = gp_pipeline_new_from_string ("ls -1 /usr/bin | wc -l", &error);
 * g_autofree char *output = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);
 * ```
 *
 * A pipeline is built in one thread, started once, and can then be waited for, watched and
 * cancelled from any. The asynchronous calls never block. The synchronous ones block without
 * running a main context, and refuse pipelines with a stage that needs one.
 *
 * The error of a pipeline is that of the earliest stage that failed; only if none did, a stage
 * that wrote to a closed pipe counts. How each stage fared stays readable in
 * [method@Pipeline.get_status].
 *
 * A pipeline that was started runs to its end, even if nobody holds a reference on it.
 *
 * In a process that was forked from one which has used gopipe, and has not executed a program since,
 * every start is refused with `G_IO_ERROR_NOT_SUPPORTED`, as is waiting for what runs in the other
 * process; cancelling that, and sending signals, does nothing.
 *
 * Since: 0.1
 */

GParamSpec *gp_pipeline_props[N_PROPS];
guint gp_pipeline_event_signal;

G_DEFINE_FINAL_TYPE_WITH_CODE (GpPipeline, gp_pipeline, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_pipeline_stage_init)
                               G_IMPLEMENT_INTERFACE (GP_TYPE_THREAD_STARTER,
                                                      gp_pipeline_thread_starter_init)
                               G_IMPLEMENT_INTERFACE (GP_TYPE_LIMITABLE,
                                                      gp_pipeline_limitable_init))

/* Which pipeline a stage belongs to: data of the stage */
static G_DEFINE_QUARK (gp-pipeline-of-stage, pipeline_of_stage)

static void
gp_pipeline_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  GpPipeline *self = GP_PIPELINE (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_STDIN:
      g_value_set_object (value, self->stdin_stream);
      break;
    case PROP_CLOSE_STDIN:
      g_value_set_boolean (value, self->close_stdin);
      break;
    case PROP_STDOUT:
      g_value_set_object (value, self->stdout_stream);
      break;
    case PROP_CLOSE_STDOUT:
      g_value_set_boolean (value, self->close_stdout);
      break;
    case PROP_DIRECTORY:
      g_value_set_string (value, self->directory);
      break;
    case PROP_ENVIRON:
      g_value_set_boxed (value, gp_environment_get_base (self->environ));
      break;
    case PROP_TIME_LIMIT:
      g_value_set_uint (value, self->time_limit);
      break;
    case PROP_PIPE_HOLD_TIMEOUT:
      g_value_set_uint (value, self->pipe_hold_timeout);
      break;
    case PROP_ABANDON_DELAY:
      g_value_set_uint (value, self->abandon_delay);
      break;
    case PROP_IGNORE_PIPE_ERRORS:
      g_value_set_boolean (value, self->ignore_pipe_errors);
      break;

    case PROP_PARTIAL_INPUT_IS_ERROR:
      g_value_set_boolean (value, self->partial_input_is_error);
      break;
    case PROP_STATE:
      g_value_set_enum (value, gp_pipeline_get_state (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_pipeline_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  GpPipeline *self = GP_PIPELINE (object);

  switch (prop_id)
    {
    case PROP_NAME:
      gp_pipeline_set_name (self, g_value_get_string (value));
      break;
    case PROP_STDIN:
      gp_pipeline_set_stdin (self, g_value_get_object (value));
      break;
    case PROP_CLOSE_STDIN:
      gp_pipeline_set_close_stdin (self, g_value_get_boolean (value));
      break;
    case PROP_STDOUT:
      gp_pipeline_set_stdout (self, g_value_get_object (value));
      break;
    case PROP_CLOSE_STDOUT:
      gp_pipeline_set_close_stdout (self, g_value_get_boolean (value));
      break;
    case PROP_DIRECTORY:
      gp_pipeline_set_directory (self, g_value_get_string (value));
      break;
    case PROP_ENVIRON:
      gp_pipeline_set_environ (self, g_value_get_boxed (value));
      break;
    case PROP_TIME_LIMIT:
      gp_pipeline_set_time_limit (self, g_value_get_uint (value));
      break;
    case PROP_PIPE_HOLD_TIMEOUT:
      gp_pipeline_set_pipe_hold_timeout (self, g_value_get_uint (value));
      break;
    case PROP_ABANDON_DELAY:
      gp_pipeline_set_abandon_delay (self, g_value_get_uint (value));
      break;
    case PROP_IGNORE_PIPE_ERRORS:
      gp_pipeline_set_ignore_pipe_errors (self, g_value_get_boolean (value));
      break;

    case PROP_PARTIAL_INPUT_IS_ERROR:
      gp_pipeline_set_partial_input_is_error (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_pipeline_finalize (GObject *object)
{
  GpPipeline *self = GP_PIPELINE (object);

  g_clear_pointer (&self->run, gp_run_unref);
  g_ptr_array_unref (self->stages);
  g_ptr_array_unref (self->statuses);
  g_clear_object (&self->list);
  g_clear_error (&self->mistake);
  g_clear_pointer (&self->fault_handler, gp_user_function_unref);
  g_clear_object (&self->stdin_stream);
  g_clear_object (&self->stdout_stream);
  g_clear_object (&self->stdin_file);
  g_clear_object (&self->stdout_file);
  g_clear_object (&self->collector);
  gp_edge_clear (&self->input);
  gp_edge_clear (&self->output);
  g_clear_pointer (&self->interrupt, gp_interrupt_unref);
  gp_environment_free (self->environ);
  g_free (self->directory);
  g_free (self->name);

  G_OBJECT_CLASS (gp_pipeline_parent_class)->finalize (object);
}

static void
gp_pipeline_class_init (GpPipelineClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = gp_pipeline_get_property;
  object_class->set_property = gp_pipeline_set_property;
  object_class->finalize = gp_pipeline_finalize;

  /**
   * GpPipeline:name: (getter get_name) (setter set_name)
   *
   * The name as a stage of another pipeline, or `NULL`.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * GpPipeline:stdin: (getter get_stdin) (setter set_stdin)
   *
   * What the first stage reads, or `NULL`. Lent unless [property@Pipeline:close-stdin] is set.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_STDIN] = g_param_spec_object ("stdin", NULL, NULL, G_TYPE_INPUT_STREAM, flags);

  /**
   * GpPipeline:close-stdin: (getter get_close_stdin) (setter set_close_stdin)
   *
   * Whether [property@Pipeline:stdin] is given to the pipeline, which closes it.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_CLOSE_STDIN] = g_param_spec_boolean ("close-stdin", NULL, NULL, FALSE, flags);

  /**
   * GpPipeline:stdout: (getter get_stdout) (setter set_stdout)
   *
   * Where the last stage writes, or `NULL`. Lent unless [property@Pipeline:close-stdout] is
   * set.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_STDOUT] = g_param_spec_object ("stdout", NULL, NULL, G_TYPE_OUTPUT_STREAM, flags);

  /**
   * GpPipeline:close-stdout: (getter get_close_stdout) (setter set_close_stdout)
   *
   * Whether [property@Pipeline:stdout] is given to the pipeline, which closes it.
   *
   * If the pipeline fails, a stream that replaces a file is closed so that the old file stays.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_CLOSE_STDOUT] = g_param_spec_boolean ("close-stdout", NULL, NULL, FALSE, flags);

  /**
   * GpPipeline:directory: (getter get_directory) (setter set_directory)
   *
   * The directory that commands run in, or `NULL` for the program's own.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_DIRECTORY] = g_param_spec_string ("directory", NULL, NULL, NULL, flags);

  /**
   * GpPipeline:environ: (getter get_environ) (setter set_environ)
   *
   * The whole environment instead of the program's own, or `NULL`.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_ENVIRON] = g_param_spec_boxed ("environ", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * GpPipeline:time-limit: (getter get_time_limit) (setter set_time_limit)
   *
   * After how many milliseconds the pipeline is ended with `G_IO_ERROR_TIMED_OUT`; 0 for
   * never.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_TIME_LIMIT] = g_param_spec_uint ("time-limit", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * GpPipeline:pipe-hold-timeout: (getter get_pipe_hold_timeout) (setter set_pipe_hold_timeout)
   *
   * How many milliseconds to wait for the output of a command that has ended while another
   * process keeps it open; 0 for as long as it takes.
   *
   * This holds for output that gopipe copies, as it does for a stream without a descriptor.
   * Output that is cut off by this is an error, `G_IO_ERROR_TIMED_OUT`.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_PIPE_HOLD_TIMEOUT] = g_param_spec_uint ("pipe-hold-timeout", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * GpPipeline:abandon-delay: (getter get_abandon_delay) (setter set_abandon_delay)
   *
   * How many milliseconds after it was cancelled the pipeline gives up a function that does
   * not end.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_ABANDON_DELAY] = g_param_spec_uint ("abandon-delay", NULL, NULL, 0, G_MAXUINT, DEFAULT_ABANDON_DELAY, flags);

  /**
   * GpPipeline:ignore-pipe-errors: (getter get_ignore_pipe_errors) (setter set_ignore_pipe_errors)
   *
   * Whether it is fine for every stage that the stage after reads no more, as in `yes | head`.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_IGNORE_PIPE_ERRORS] = g_param_spec_boolean ("ignore-pipe-errors", NULL, NULL, FALSE, flags);

  /**
   * GpPipeline:partial-input-is-error: (getter get_partial_input_is_error) (setter set_partial_input_is_error)
   *
   * Whether the end of what a failed stage has written is an error for who reads it.
   *
   * Normally a stage that fails ends its output like any other, and the stage after takes half a
   * result for a whole one before the pipeline as a whole fails. With this, whoever reads
   * through a stream of ours gets `G_IO_ERROR_PARTIAL_INPUT` in place of the end, unless everything
   * before has ended well; the end waits until that is known. A command cannot be told: it sees
   * an end.
   *
   * Set it before [method@Pipeline.open_output], for its stream to do the same.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_PARTIAL_INPUT_IS_ERROR] = g_param_spec_boolean ("partial-input-is-error", NULL, NULL, FALSE, flags);

  /**
   * GpPipeline:state: (getter get_state)
   *
   * How far the pipeline has come.
   *
   * Since: 0.1
   */
  gp_pipeline_props[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, GP_TYPE_PIPELINE_STATE,
                                         GP_PIPELINE_STATE_BUILDING,
                                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPS, gp_pipeline_props);

  /**
   * GpPipeline::event:
   * @self: the pipeline
   * @event: what has happened
   *
   * Emitted when something has happened to the pipeline or one of its stages.
   *
   * The detail is the nick of the event's [enum@EventKind]: connect to `event::stage-failed` for
   * failures only. Connect before the pipeline is started: what happens while nobody listens is
   * not kept.
   *
   * Handlers are called in the main context in which the pipeline was started, or by the synchronous
   * call that blocks there, one after the other in the order in which things happened. The start
   * of a stage always comes before its end. Events of a nested pipeline are emitted there and then
   * on each outer pipeline, but for `GP_EVENT_KIND_PIPELINE_FAILED`, which the outer one is told
   * as a failure of its stage.
   *
   * Since: 0.1
   */
  gp_pipeline_event_signal = g_signal_new ("event", GP_TYPE_PIPELINE,
                                           G_SIGNAL_RUN_LAST | G_SIGNAL_DETAILED,
                                           0, NULL, NULL, NULL,
                                           G_TYPE_NONE, 1, GP_TYPE_EVENT);
}

static void
gp_pipeline_init (GpPipeline *self)
{
  self->stages = g_ptr_array_new_with_free_func (g_object_unref);
  self->statuses = g_ptr_array_new_with_free_func (g_object_unref);
  self->environ = gp_environment_new ();
  self->input = self->output = (GpEdge) GP_EDGE_INIT;
  self->abandon_delay = DEFAULT_ABANDON_DELAY;
}

/**
 * gp_pipeline_new:
 *
 * Makes an empty pipeline.
 *
 * Without any stage it copies its input to its output.
 *
 * Returns: (transfer full): a new pipeline
 *
 * Since: 0.1
 */
GpPipeline *
gp_pipeline_new (void)
{
  return g_object_new (GP_TYPE_PIPELINE, NULL);
}

/**
 * gp_pipeline_new_from_string:
 * @text: (type filename): commands joined by `|`
 * @error: return location for an error
 *
 * Makes a pipeline of commands that are written as in a shell, but run without one.
 *
 * Words, quotes and backslashes are as in [func@GLib.shell_parse_argv]. An operator that only a shell
 * knows, such as for redirection or variables, is an error unless it is quoted. Patterns of file names
 * and `~` stay as they are.
 *
 * Returns: (transfer full): a new pipeline, or `NULL` with `GP_PIPELINE_ERROR_INVALID`
 *
 * Since: 0.1
 */
GpPipeline *
gp_pipeline_new_from_string (const char  *text,
                             GError     **error)
{
  g_autoptr (GPtrArray) commands = NULL;
  GpPipeline *self;

  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  commands = gp_command_line_parse_pipeline (text, error);
  if (commands == NULL)
    return NULL;

  self = gp_pipeline_new ();
  for (guint i = 0; i < commands->len; i++)
    gp_pipeline_append_commandv (self, g_ptr_array_index (commands, i));

  return self;
}

/* Whether @pipeline is @stage or somewhere within it */
static gboolean
contains (GpStage    *stage,
          GpPipeline *pipeline)
{
  GpStage *inner = gp_stage_undecorate (stage);
  GpPipeline *outer = GP_IS_PIPELINE (inner) ? GP_PIPELINE (inner) : NULL;

  if (outer == pipeline)
    return TRUE;

  for (guint i = 0; outer != NULL && i < outer->stages->len; i++)
    if (contains (g_ptr_array_index (outer->stages, i), pipeline))
      return TRUE;

  return FALSE;
}

/* Whether nobody has claimed @stage, or what it wraps, before: @pipeline does so now */
static gboolean
claim (GpStage    *stage,
       GpPipeline *pipeline)
{
  while (stage != NULL)
    {
      if (g_object_get_qdata (G_OBJECT (stage), pipeline_of_stage_quark ()) != NULL)
        return FALSE;

      g_object_set_qdata (G_OBJECT (stage), pipeline_of_stage_quark (), pipeline);
      stage = GP_IS_DECORATOR_STAGE (stage)
                ? gp_decorator_stage_get_inner (GP_DECORATOR_STAGE (stage)) : NULL;
    }

  return TRUE;
}

/**
 * gp_pipeline_append:
 * @self: a pipeline
 * @stage: (transfer full): a stage that belongs to no pipeline yet
 *
 * Appends a stage: it reads what the last one before writes.
 *
 * A stage that was appended before, here or elsewhere, makes the start fail with
 * `GP_PIPELINE_ERROR_INVALID`. Appending after the start is a programming error.
 *
 * Since: 0.1
 */
void
gp_pipeline_append (GpPipeline *self,
                    GpStage    *stage)
{
  g_autoptr (GpStage) owned = NULL;
  g_autoptr (GpStageStatus) status = NULL;
  g_autofree char *name = NULL;

  g_return_if_fail (GP_IS_PIPELINE (self));
  g_return_if_fail (GP_IS_STAGE (stage));

  owned = stage;
  GP_PIPELINE_RETURN_IF_STARTED (self);

  name = gp_stage_get_name (stage);
  if (contains (stage, self))
    {
      gp_error_note_mistake (&self->mistake,
                             "pipeline \"%s\" cannot be a stage of itself", name);
      return;
    }
  if (!claim (stage, self))
    {
      gp_error_note_mistake (&self->mistake,
                             "stage \"%s\" was added twice; a stage belongs to one pipeline, once", name);
      return;
    }
  if (self->output.memory != NULL || self->output.writer != NULL)
    gp_error_note_mistake (&self->mistake,
                           "stage \"%s\" was added after open_output ()", name);
  if ((self->input.memory != NULL || self->input.reader != NULL) && self->stages->len == 0)
    gp_error_note_mistake (&self->mistake,
                           "stage \"%s\" was added after open_input ()", name);

  status = gp_stage_status_new (stage, name,
                                GP_IS_PIPELINE (stage) ? gp_pipeline_get_stages (GP_PIPELINE (stage)) : NULL);
  g_ptr_array_add (self->stages, g_steal_pointer (&owned));
  g_ptr_array_add (self->statuses, g_object_ref (status));
  if (self->list != NULL)
    g_list_store_append (self->list, status);
}

/**
 * gp_pipeline_append_command: (skip)
 * @self: a pipeline
 * @argv0: the program
 * @...: its arguments, and `NULL`
 *
 * Appends a command.
 *
 * Returns: (transfer none): the new stage, to set options on; it belongs to the pipeline
 *
 * Since: 0.1
 */
GpCommandStage *
gp_pipeline_append_command (GpPipeline *self,
                            const char *argv0,
                            ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  va_list args;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (argv0 != NULL, NULL);

  va_start (args, argv0);
  for (const char *arg = argv0; arg != NULL; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (char *) arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);

  return gp_pipeline_append_commandv (self, (const char * const *) argv->pdata);
}

/**
 * gp_pipeline_append_commandv: (rename-to gp_pipeline_append_command)
 * @self: a pipeline
 * @argv: (array zero-terminated=1) (element-type filename): the program and its arguments
 *
 * Appends a command.
 *
 * Returns: (transfer none): the new stage, to set options on; it belongs to the pipeline
 *
 * Since: 0.1
 */
GpCommandStage *
gp_pipeline_append_commandv (GpPipeline         *self,
                             const char * const *argv)
{
  GpCommandStage *stage;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (argv != NULL, NULL);

  if (self->starting)
    {
      g_critical ("%s: the pipeline was already started", G_STRFUNC);
      return NULL;
    }

  stage = gp_command_stage_newv (argv);
  gp_pipeline_append (self, GP_STAGE (stage));

  return stage;
}

static gboolean
check_can_open (GpPipeline  *self,
                const char  *what,
                gboolean     is_set,
                GError     **error)
{
  if (!gp_pipeline_check_not_started (self, error))
    return FALSE;

  if (is_set)
    {
      g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                   "the pipeline has a standard %s already", what);
      return FALSE;
    }

  if (self->interrupt == NULL)
    self->interrupt = gp_interrupt_new (error);

  return self->interrupt != NULL;
}

/**
 * gp_pipeline_open_input:
 * @self: a pipeline
 * @error: return location for an error
 *
 * Opens a stream for the application to write what the first stage reads.
 *
 * Call it after the first stage was appended and before the start, and close the stream for the
 * first stage to see the end. When that stage has ended, writing gives `G_IO_ERROR_BROKEN_PIPE`,
 * and when the pipeline was cancelled `G_IO_ERROR_CANCELLED`.
 *
 * Returns: (transfer full): the stream, or `NULL` with an error if another input was set
 *
 * Since: 0.1
 */
GOutputStream *
gp_pipeline_open_input (GpPipeline  *self,
                        GError     **error)
{
  GpIOPreference preference = GP_IO_ANY, ignored;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_can_open (self, "input",
                       self->stdin_stream != NULL || self->stdin_file != NULL ||
                       self->input.reader != NULL, error))
    return NULL;

  gp_stage_preferences (GP_STAGE (self), &preference, &ignored);
  if (!gp_edge_open (&self->input, GP_IO_ANY, preference, GP_EDGE_BARE_NONE, self->interrupt, error))
    return NULL;

  return g_steal_pointer (&self->input.writer);
}

/**
 * gp_pipeline_open_output:
 * @self: a pipeline
 * @error: return location for an error
 *
 * Opens a stream for the application to read what the last stage writes.
 *
 * Call it after the last stage was appended and before the start. Closing the stream before its
 * end means "I have enough": that the last stage can write no more is no error then. When the
 * pipeline was cancelled, reading gives `G_IO_ERROR_CANCELLED`.
 *
 * Returns: (transfer full): the stream, or `NULL` with an error if another output was set
 *
 * Since: 0.1
 */
GInputStream *
gp_pipeline_open_output (GpPipeline  *self,
                         GError     **error)
{
  GpIOPreference preference = GP_IO_ANY, ignored;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!check_can_open (self, "output",
                       self->stdout_stream != NULL || self->stdout_file != NULL ||
                       self->output.writer != NULL, error))
    return NULL;

  gp_stage_preferences (GP_STAGE (self), &ignored, &preference);
  if (!gp_edge_open (&self->output, preference, GP_IO_ANY, GP_EDGE_BARE_NONE, self->interrupt, error))
    return NULL;
  if (self->partial_input_is_error && !gp_edge_hold_end (&self->output, error))
    {
      gp_edge_clear (&self->output);
      return NULL;
    }

  return g_steal_pointer (&self->output.reader);
}

/**
 * gp_pipeline_get_state: (get-property state)
 * @self: a pipeline
 *
 * Gets how far the pipeline has come.
 *
 * Returns: the state
 *
 * Since: 0.1
 */
GpPipelineState
gp_pipeline_get_state (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), GP_PIPELINE_STATE_BUILDING);

  return self->run != NULL ? gp_run_get_state (self->run) : GP_PIPELINE_STATE_BUILDING;
}

/**
 * gp_pipeline_get_stages:
 * @self: a pipeline
 *
 * Gets the statuses of all stages as a list model.
 *
 * Returns: (transfer none): a list of [class@StageStatus], first stage first
 *
 * Since: 0.1
 */
GListModel *
gp_pipeline_get_stages (GpPipeline *self)
{
  GListStore *list;

  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  list = g_atomic_pointer_get (&self->list);
  if (list == NULL)
    {
      list = g_list_store_new (GP_TYPE_STAGE_STATUS);
      g_list_store_splice (list, 0, 0, self->statuses->pdata, self->statuses->len);
      if (!g_atomic_pointer_compare_and_exchange (&self->list, NULL, list))
        {
          g_object_unref (list);
          list = g_atomic_pointer_get (&self->list);
        }
    }

  return G_LIST_MODEL (list);
}

/**
 * gp_pipeline_get_n_stages:
 * @self: a pipeline
 *
 * Gets how many stages were appended.
 *
 * Returns: the number of stages
 *
 * Since: 0.1
 */
guint
gp_pipeline_get_n_stages (GpPipeline *self)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), 0);

  return self->stages->len;
}

/**
 * gp_pipeline_get_status:
 * @self: a pipeline
 * @index: the number of a stage, from 0
 *
 * Gets the status of a stage: how it fares, and how it ended.
 *
 * Returns: (transfer none) (nullable): the status, or `NULL` if there is no such stage
 *
 * Since: 0.1
 */
GpStageStatus *
gp_pipeline_get_status (GpPipeline *self,
                        guint       index)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), NULL);

  return index < self->statuses->len ? g_ptr_array_index (self->statuses, index) : NULL;
}

/**
 * gp_pipeline_get_edge_kind:
 * @self: a pipeline
 * @index: the number of a gap: the one before the stage of that number, or after the last stage
 *
 * Gets what lies between two stages, or between a stage and an end of the pipeline.
 *
 * Returns: the kind; none before the start
 *
 * Since: 0.1
 */
GpEdgeKind
gp_pipeline_get_edge_kind (GpPipeline *self,
                           guint       index)
{
  g_return_val_if_fail (GP_IS_PIPELINE (self), GP_EDGE_KIND_NONE);

  return self->run != NULL ? gp_run_get_edge_kind (self->run, index) : GP_EDGE_KIND_NONE;
}
