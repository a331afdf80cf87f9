/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"

#include "gp-enums.h"

/* The command's properties; their accessors are in gp-command-settings.c, gp-command-process.c and
 * gp-command-limits.c */

GParamSpec *gp_command_stage_props[N_PROPS];

static void
get_process_property (GpCommandStage *self,
                      guint           prop_id,
                      GValue         *value,
                      GParamSpec     *pspec)
{
  switch (prop_id)
    {
    case PROP_PROCESS_GROUP:
      g_value_set_enum (value, self->process_group);
      break;
    case PROP_SUPERVISED:
      g_value_set_boolean (value, self->supervised);
      break;
    case PROP_DIE_WITH_PARENT:
      g_value_set_boolean (value, self->die_with_parent);
      break;
    case PROP_KILL_DESCENDANTS:
      g_value_set_boolean (value, self->kill_descendants);
      break;
    case PROP_TERMINAL:
      g_value_set_boolean (value, self->terminal);
      break;
    case PROP_KILL_DELAY:
      g_value_set_uint (value, self->kill_delay);
      break;
    case PROP_TIME_LIMIT:
      g_value_set_uint (value, self->time_limit);
      break;
    case PROP_MEMORY_LIMIT:
      g_value_set_uint64 (value, self->memory_limit);
      break;
    case PROP_MEMORY_INTERVAL:
      g_value_set_uint (value, self->memory_interval);
      break;
    case PROP_NICE:
      g_value_set_int (value, self->nice_increment);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (self, prop_id, pspec);
    }
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
    case PROP_STDIN:
      g_value_set_object (value, self->stdin_stream);
      break;
    case PROP_STDOUT:
      g_value_set_object (value, self->stdout_stream);
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
    default:
      get_process_property (self, prop_id, value, pspec);
    }
}

static void
set_process_property (GpCommandStage *self,
                      guint           prop_id,
                      const GValue   *value,
                      GParamSpec     *pspec)
{
  switch (prop_id)
    {
    case PROP_PROCESS_GROUP:
      gp_command_stage_set_process_group (self, g_value_get_enum (value));
      break;
    case PROP_SUPERVISED:
      gp_command_stage_set_supervised (self, g_value_get_boolean (value));
      break;
    case PROP_DIE_WITH_PARENT:
      gp_command_stage_set_die_with_parent (self, g_value_get_boolean (value));
      break;
    case PROP_KILL_DESCENDANTS:
      gp_command_stage_set_kill_descendants (self, g_value_get_boolean (value));
      break;
    case PROP_TERMINAL:
      gp_command_stage_set_terminal (self, g_value_get_boolean (value));
      break;
    case PROP_KILL_DELAY:
      gp_command_stage_set_kill_delay (self, g_value_get_uint (value));
      break;
    case PROP_TIME_LIMIT:
      gp_command_stage_set_time_limit (self, g_value_get_uint (value));
      break;
    case PROP_MEMORY_LIMIT:
      gp_command_stage_set_memory_limit (self, g_value_get_uint64 (value));
      break;
    case PROP_MEMORY_INTERVAL:
      gp_command_stage_set_memory_interval (self, g_value_get_uint (value));
      break;
    case PROP_NICE:
      gp_command_stage_set_nice (self, g_value_get_int (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (self, prop_id, pspec);
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
    case PROP_STDIN:
      gp_command_stage_set_stdin (self, g_value_get_object (value));
      break;
    case PROP_STDOUT:
      gp_command_stage_set_stdout (self, g_value_get_object (value));
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
    default:
      set_process_property (self, prop_id, value, pspec);
    }
}

void
gp_command_stage_properties_class_init (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = gp_command_stage_get_property;
  object_class->set_property = gp_command_stage_set_property;

  /**
   * GpCommandStage:argv: (getter get_argv)
   *
   * The program and its arguments.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_ARGV] =
    g_param_spec_boxed ("argv", NULL, NULL, G_TYPE_STRV,
                        G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * GpCommandStage:name: (getter get_name) (setter set_name)
   *
   * The name for errors and pictures: the program's, unless it was set.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * GpCommandStage:directory: (getter get_directory) (setter set_directory)
   *
   * The directory to run in, or `NULL` for the pipeline's.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_DIRECTORY] =
    g_param_spec_string ("directory", NULL, NULL, NULL, flags);

  /**
   * GpCommandStage:environ: (getter get_environ) (setter set_environ)
   *
   * The whole environment instead of the pipeline's, or `NULL`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_ENVIRON] =
    g_param_spec_boxed ("environ", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * GpCommandStage:stdin: (getter get_stdin) (setter set_stdin)
   *
   * A standard input of the command's own, or `NULL`. It is lent: nobody closes it.
   *
   * A command that also gets one from the stage before it, or from the pipeline, cannot be started.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDIN] =
    g_param_spec_object ("stdin", NULL, NULL, G_TYPE_INPUT_STREAM, flags);

  /**
   * GpCommandStage:stdout: (getter get_stdout) (setter set_stdout)
   *
   * A standard output of the command's own, or `NULL`. It is lent: nobody closes it.
   *
   * A command whose output the stage after it, or the pipeline, wants as well cannot be started.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDOUT] =
    g_param_spec_object ("stdout", NULL, NULL, G_TYPE_OUTPUT_STREAM, flags);

  /**
   * GpCommandStage:stderr-mode: (getter get_stderr_mode) (setter set_stderr_mode)
   *
   * Where standard error goes.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_MODE] =
    g_param_spec_enum ("stderr-mode", NULL, NULL,
                       GP_TYPE_STDERR_MODE, GP_STDERR_MODE_CAPTURE, flags);

  /**
   * GpCommandStage:stderr-stream: (getter get_stderr_stream) (setter set_stderr_stream)
   *
   * Where standard error goes in the mode `GP_STDERR_MODE_STREAM`. The stream is not closed.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_STREAM] =
    g_param_spec_object ("stderr-stream", NULL, NULL, G_TYPE_OUTPUT_STREAM, flags);

  /**
   * GpCommandStage:stderr-limit: (getter get_stderr_limit) (setter set_stderr_limit)
   *
   * How many bytes of standard error are kept when it is captured: the last ones.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_STDERR_LIMIT] =
    g_param_spec_uint64 ("stderr-limit", NULL, NULL,
                         0, G_MAXUINT64, GP_COMMAND_DEFAULT_STDERR_LIMIT, flags);

  /**
   * GpCommandStage:process-group: (getter get_process_group) (setter set_process_group)
   *
   * Which process group the command runs in.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_PROCESS_GROUP] =
    g_param_spec_enum ("process-group", NULL, NULL,
                       GP_TYPE_PROCESS_GROUP, GP_PROCESS_GROUP_AUTO, flags);

  /**
   * GpCommandStage:kill-delay: (getter get_kill_delay) (setter set_kill_delay)
   *
   * How many milliseconds a cancelled command has between `SIGTERM` and `SIGKILL`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_KILL_DELAY] =
    g_param_spec_uint ("kill-delay", NULL, NULL,
                       0, G_MAXUINT, GP_COMMAND_DEFAULT_KILL_DELAY, flags);

  /**
   * GpCommandStage:supervised: (getter get_supervised) (setter set_supervised)
   *
   * Whether the helper program stays with the command, as its parent.
   *
   * Only then is it known what the command used, is it told when it was stopped and continued, and
   * can everything that it has started be ended, whatever group or session that is in. Without,
   * the command is a child of the program.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_SUPERVISED] =
    g_param_spec_boolean ("supervised", NULL, NULL, TRUE, flags);

  /**
   * GpCommandStage:die-with-parent: (getter get_die_with_parent) (setter set_die_with_parent)
   *
   * Whether the command ends when the program does, however that ends.
   *
   * Needs [property@CommandStage:supervised].
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_DIE_WITH_PARENT] =
    g_param_spec_boolean ("die-with-parent", NULL, NULL, FALSE, flags);

  /**
   * GpCommandStage:kill-descendants: (getter get_kill_descendants) (setter set_kill_descendants)
   *
   * Whether what the command leaves running when it ends is ended, too.
   *
   * Needs [property@CommandStage:supervised].
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_KILL_DESCENDANTS] =
    g_param_spec_boolean ("kill-descendants", NULL, NULL, FALSE, flags);

  /**
   * GpCommandStage:terminal: (getter get_terminal) (setter set_terminal)
   *
   * Whether the command runs on a terminal of its own: a pseudo terminal.
   *
   * Its size is set with [method@CommandStage.set_terminal_size].
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_TERMINAL] =
    g_param_spec_boolean ("terminal", NULL, NULL, FALSE, flags);

  /**
   * GpCommandStage:time-limit: (getter get_time_limit) (setter set_time_limit)
   *
   * How many milliseconds the command may run, or 0 for as long as it wants.
   *
   * After that it is ended as if it were cancelled, and its error is `G_IO_ERROR_TIMED_OUT`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_TIME_LIMIT] =
    g_param_spec_uint ("time-limit", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * GpCommandStage:memory-limit: (getter get_memory_limit) (setter set_memory_limit)
   *
   * How many bytes of memory the command and all that it has started may use together, or 0 for
   * any number.
   *
   * Looked at every [property@CommandStage:memory-interval]. A command that uses more is ended as
   * if it were cancelled, and its error is `GP_PIPELINE_ERROR_MEMORY_LIMIT`.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_MEMORY_LIMIT] =
    g_param_spec_uint64 ("memory-limit", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * GpCommandStage:memory-interval: (getter get_memory_interval) (setter set_memory_interval)
   *
   * How many milliseconds lie between two looks at the memory of a command that has a limit.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_MEMORY_INTERVAL] =
    g_param_spec_uint ("memory-interval", NULL, NULL,
                       1, G_MAXUINT, GP_COMMAND_DEFAULT_MEMORY_INTERVAL, flags);

  /**
   * GpCommandStage:nice: (getter get_nice) (setter set_nice)
   *
   * What is added to the nice value of the program to be the command's: more is slower.
   *
   * Less than 0 needs a privilege; without it, the command cannot be started.
   *
   * Since: 0.1
   */
  gp_command_stage_props[PROP_NICE] =
    g_param_spec_int ("nice", NULL, NULL,
                      -GP_COMMAND_MAX_NICE, GP_COMMAND_MAX_NICE, 0, flags);

  g_object_class_install_properties (object_class, N_PROPS, gp_command_stage_props);
}
