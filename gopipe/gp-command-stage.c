/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

#include "gp-command-line-private.h"
#include "gp-command-run-private.h"
#include "gp-enums.h"
#include "gp-error.h"
#include "gp-stage-context-private.h"
#include "gp-stage-private.h"

#define DEFAULT_STDERR_LIMIT (64 * 1024)
#define DEFAULT_KILL_DELAY 2000

/**
 * GpCommandStage:
 *
 * A stage that is a command: a process.
 *
 * The program is looked up in the `PATH` of the environment that the command gets, as a shell
 * would, and started without a shell: its arguments arrive as they are. It gets the pipeline's
 * directory and environment, with the changes made here; exactly the descriptors 0, 1 and 2; and
 * default signal handling, whatever the program blocks or ignores.
 *
 * An exit status other than 0 is an error in the domain `G_SPAWN_EXIT_ERROR` whose code is the
 * status, and death by a signal is one of [error@SignalError]. The end of what the command
 * wrote to its standard error is part of the message.
 *
 * When the pipeline is cancelled, the command and what it has started get `SIGTERM`, and `SIGKILL`
 * after [property@CommandStage:kill-delay].
 *
 * Properties can be set until the pipeline is started.
 *
 * Since: 0.1
 */

GParamSpec *gp_command_stage_props[N_PROPS];

static void gp_command_stage_stage_init (GpStageInterface *iface);
static void gp_command_stage_thread_starter_init (GpThreadStarterInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpCommandStage, gp_command_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_command_stage_stage_init)
                               G_IMPLEMENT_INTERFACE (GP_TYPE_THREAD_STARTER,
                                                      gp_command_stage_thread_starter_init))

static char *
gp_command_stage_dup_name (GpStage *stage)
{
  return g_strdup (gp_command_stage_get_name (GP_COMMAND_STAGE (stage)));
}

static void
gp_command_stage_preferences (GpStage        *stage,
                              GpIOPreference *stdin_preference,
                              GpIOPreference *stdout_preference)
{
  *stdin_preference = GP_IO_FD;
  *stdout_preference = GP_IO_FD;
}

static void
gp_command_stage_stage_init (GpStageInterface *iface)
{
  iface->get_name = gp_command_stage_dup_name;
  iface->preferences = gp_command_stage_preferences;
}

static void
gp_command_stage_prepare (GpThreadStarter *starter,
                          GpCallbackQueue *queue)
{
  GP_COMMAND_STAGE (starter)->sealed = TRUE;
}

static gboolean
gp_command_stage_start (GpThreadStarter  *starter,
                        GpStageContext   *context,
                        GError          **error)
{
  GpCommandStage *self = GP_COMMAND_STAGE (starter);
  g_auto (GStrv) environ = NULL;
  GpCommandSettings settings;

  if (self->argv == NULL || self->argv[0] == NULL || self->argv[0][0] == '\0')
    {
      g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                           "the command is empty");
      return FALSE;
    }

  if (!gp_environment_check (self->environ, error))
    return FALSE;

  environ = gp_environment_apply (self->environ, gp_stage_context_dup_environ (context));
  settings = (GpCommandSettings) {
    .argv = (const char * const *) self->argv,
    .directory = self->directory,
    .environ = environ,
    .stderr_mode = self->stderr_mode,
    .stderr_stream = self->stderr_stream,
    .stderr_limit = self->stderr_limit,
    .process_group = self->process_group,
    .kill_delay = self->kill_delay,
  };

  return gp_command_run_start (&settings, context, error);
}

static void
gp_command_stage_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->prepare = gp_command_stage_prepare;
  iface->start = gp_command_stage_start;
  iface->is_bounded = TRUE;
}

static void
gp_command_stage_get_property (GObject    *object,
                               guint       prop_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  GpCommandStage *self = GP_COMMAND_STAGE (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      g_value_set_boxed (value, self->argv);
      break;
    case PROP_NAME:
      g_value_set_string (value, gp_command_stage_get_name (self));
      break;
    case PROP_DIRECTORY:
      g_value_set_string (value, self->directory);
      break;
    case PROP_ENVIRON:
      g_value_set_boxed (value, gp_environment_get_base (self->environ));
      break;
    case PROP_STDERR_MODE:
      g_value_set_enum (value, self->stderr_mode);
      break;
    case PROP_STDERR_STREAM:
      g_value_set_object (value, self->stderr_stream);
      break;
    case PROP_STDERR_LIMIT:
      g_value_set_uint64 (value, self->stderr_limit);
      break;
    case PROP_PROCESS_GROUP:
      g_value_set_enum (value, self->process_group);
      break;
    case PROP_KILL_DELAY:
      g_value_set_uint (value, self->kill_delay);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_command_stage_set_property (GObject      *object,
                               guint         prop_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  GpCommandStage *self = GP_COMMAND_STAGE (object);

  switch (prop_id)
    {
    case PROP_ARGV:
      self->argv = g_value_dup_boxed (value);
      break;
    case PROP_NAME:
      gp_command_stage_set_name (self, g_value_get_string (value));
      break;
    case PROP_DIRECTORY:
      gp_command_stage_set_directory (self, g_value_get_string (value));
      break;
    case PROP_ENVIRON:
      gp_command_stage_set_environ (self, g_value_get_boxed (value));
      break;
    case PROP_STDERR_MODE:
      gp_command_stage_set_stderr_mode (self, g_value_get_enum (value));
      break;
    case PROP_STDERR_STREAM:
      gp_command_stage_set_stderr_stream (self, g_value_get_object (value));
      break;
    case PROP_STDERR_LIMIT:
      gp_command_stage_set_stderr_limit (self, g_value_get_uint64 (value));
      break;
    case PROP_PROCESS_GROUP:
      gp_command_stage_set_process_group (self, g_value_get_enum (value));
      break;
    case PROP_KILL_DELAY:
      gp_command_stage_set_kill_delay (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_command_stage_finalize (GObject *object)
{
  GpCommandStage *self = GP_COMMAND_STAGE (object);

  g_strfreev (self->argv);
  g_free (self->name);
  g_free (self->directory);
  gp_environment_free (self->environ);
  g_clear_object (&self->stderr_stream);

  G_OBJECT_CLASS (gp_command_stage_parent_class)->finalize (object);
}

static void
gp_command_stage_class_init (GpCommandStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = gp_command_stage_get_property;
  object_class->set_property = gp_command_stage_set_property;
  object_class->finalize = gp_command_stage_finalize;

  /**
   * GpCommandStage:argv: (getter get_argv)
   *
   * The program and its arguments.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_ARGV] = g_param_spec_boxed ("argv", NULL, NULL, G_TYPE_STRV,
                                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                         G_PARAM_STATIC_STRINGS);

  /**
   * GpCommandStage:name: (getter get_name) (setter set_name)
   *
   * The name for errors and pictures: the program's, unless it was set.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * GpCommandStage:directory: (getter get_directory) (setter set_directory)
   *
   * The directory to run in, or `NULL` for the pipeline's.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_DIRECTORY] = g_param_spec_string ("directory", NULL, NULL, NULL, flags);

  /**
   * GpCommandStage:environ: (getter get_environ) (setter set_environ)
   *
   * The whole environment instead of the pipeline's, or `NULL`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_ENVIRON] = g_param_spec_boxed ("environ", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * GpCommandStage:stderr-mode: (getter get_stderr_mode) (setter set_stderr_mode)
   *
   * Where standard error goes.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_MODE] = g_param_spec_enum ("stderr-mode", NULL, NULL, GP_TYPE_STDERR_MODE,
                                               GP_STDERR_MODE_CAPTURE, flags);

  /**
   * GpCommandStage:stderr-stream: (getter get_stderr_stream) (setter set_stderr_stream)
   *
   * Where standard error goes in the mode `GP_STDERR_MODE_STREAM`. The stream is not closed.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_STREAM] = g_param_spec_object ("stderr-stream", NULL, NULL,
                                                   G_TYPE_OUTPUT_STREAM, flags);

  /**
   * GpCommandStage:stderr-limit: (getter get_stderr_limit) (setter set_stderr_limit)
   *
   * How many bytes of standard error are kept when it is captured: the last ones.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_LIMIT] = g_param_spec_uint64 ("stderr-limit", NULL, NULL,
                                                  0, G_MAXUINT64, DEFAULT_STDERR_LIMIT, flags);

  /**
   * GpCommandStage:process-group: (getter get_process_group) (setter set_process_group)
   *
   * Which process group the command runs in.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_PROCESS_GROUP] = g_param_spec_enum ("process-group", NULL, NULL, GP_TYPE_PROCESS_GROUP,
                                                 GP_PROCESS_GROUP_AUTO, flags);

  /**
   * GpCommandStage:kill-delay: (getter get_kill_delay) (setter set_kill_delay)
   *
   * How many milliseconds a cancelled command has between `SIGTERM` and `SIGKILL`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_KILL_DELAY] = g_param_spec_uint ("kill-delay", NULL, NULL,
                                              0, G_MAXUINT, DEFAULT_KILL_DELAY, flags);

  g_object_class_install_properties (object_class, N_PROPS, gp_command_stage_props);
}

static void
gp_command_stage_init (GpCommandStage *self)
{
  self->environ = gp_environment_new ();
  self->stderr_limit = DEFAULT_STDERR_LIMIT;
  self->kill_delay = DEFAULT_KILL_DELAY;
}

/**
 * gp_command_stage_new: (skip)
 * @argv0: the program
 * @...: its arguments, and `NULL`
 *
 * Makes a command of a program and its arguments.
 *
 * Nothing can fail here: what is wrong with the program is told when the pipeline is started.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpCommandStage *
gp_command_stage_new (const char *argv0,
                      ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  va_list args;

  g_return_val_if_fail (argv0 != NULL, NULL);

  va_start (args, argv0);
  for (const char *arg = argv0; arg != NULL; arg = va_arg (args, const char *))
    g_ptr_array_add (argv, (char *) arg);
  va_end (args);
  g_ptr_array_add (argv, NULL);

  return gp_command_stage_newv ((const char * const *) argv->pdata);
}

/**
 * gp_command_stage_newv: (rename-to gp_command_stage_new)
 * @argv: (array zero-terminated=1) (element-type filename): the program and its arguments
 *
 * Makes a command of a program and its arguments.
 *
 * Nothing can fail here: what is wrong with the program is told when the pipeline is started.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpCommandStage *
gp_command_stage_newv (const char * const *argv)
{
  g_return_val_if_fail (argv != NULL, NULL);

  return g_object_new (GP_TYPE_COMMAND_STAGE, "argv", argv, NULL);
}

/**
 * gp_command_stage_new_from_string:
 * @command_line: (type filename): a program and its arguments, as in a shell
 * @error: return location for an error
 *
 * Makes a command of a command line, without a shell.
 *
 * Words, quotes and backslashes are as in [func@GLib.shell_parse_argv]. What only a shell could do,
 * such as redirection or variables, is an error unless it is quoted.
 *
 * Returns: (transfer full): a new stage, or `NULL` with `GP_PIPELINE_ERROR_INVALID`
 *
 * Since: 0.1
 */
GpCommandStage *
gp_command_stage_new_from_string (const char  *command_line,
                                  GError     **error)
{
  g_auto (GStrv) argv = NULL;

  g_return_val_if_fail (command_line != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  argv = gp_command_line_parse (command_line, error);
  if (argv == NULL)
    return NULL;

  return gp_command_stage_newv ((const char * const *) argv);
}
