/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-stage-private.h"
#include "gp-limitable-private.h"

#include "gp-command-line-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-private.h"

/**
 * GpCommandStage:
 *
 * A stage that is a command: a process.
 *
 * The program is looked up in the `PATH` of the environment that the command gets, as a shell
 * would, and started without a shell: its arguments arrive as they are. It gets the pipeline's
 * directory and environment, with the changes made here; exactly the descriptors 0, 1 and 2, and
 * those of [method@CommandStage.take_fd]; and default signal handling, whatever the program blocks
 * or ignores.
 *
 * An exit status other than 0 is an error in the domain `G_SPAWN_EXIT_ERROR` whose code is the
 * status, unless it was accepted by [method@CommandStage.accept_exit_status], and death by a signal
 * is one of [error@SignalError]. The end of what the command wrote to its standard error is part of
 * the message.
 *
 * When the pipeline is cancelled, the command and what it has started get `SIGTERM`, and `SIGKILL`
 * after [property@CommandStage:kill-delay].
 *
 * Everything is set in one thread, before the pipeline is started. Settings that cannot work make
 * the start fail with `GP_PIPELINE_ERROR_INVALID`. Only [method@CommandStage.send_signal] and
 * [method@CommandStage.set_terminal_size] are for a command that runs, in any thread.
 *
 * Since: 0.1
 */

static void gp_command_stage_stage_init (GpStageInterface *iface);
static void gp_command_stage_thread_starter_init (GpThreadStarterInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpCommandStage, gp_command_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, gp_command_stage_stage_init)
                               G_IMPLEMENT_INTERFACE (GP_TYPE_LIMITABLE,
                                                      gp_command_stage_limitable_init)
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
  GpCommandStage *self = GP_COMMAND_STAGE (starter);

  self->sealed = TRUE;
  gp_environment_evaluate (self->environ);
}

gboolean
gp_command_stage_takes_descriptors (GpStage *stage)
{
  return GP_IS_COMMAND_STAGE (stage) && !GP_COMMAND_STAGE (stage)->terminal;
}

/* The size may still change at any time. */
static void
get_size (GpCommandStage    *self,
          GpCommandSettings *settings)
{
  g_mutex_lock (&self->run_lock);
  settings->columns = self->columns;
  settings->rows = self->rows;
  g_mutex_unlock (&self->run_lock);
}

static GpCommandLaunch *
launch_command (GpCommandStage  *self,
                GpStageContext  *context,
                GError         **error)
{
  GpCommandSettings settings;
  char **own_environ = NULL;

  if (!gp_command_stage_check (self, error))
    return NULL;

  if (gp_environment_has_effect (self->environ))
    own_environ = gp_environment_apply (self->environ, gp_stage_context_dup_environ (context));
  settings = (GpCommandSettings) {
    .stage = self,
    .argv = (const char * const *) self->argv,
    .directory = self->directory,
    .environ = (const char * const *) (own_environ != NULL ? own_environ
                                                            : gp_stage_context_get_environ (context)),
    .own_environ = own_environ,
    .stdin_stream = self->stdin_stream,
    .stdout_stream = self->stdout_stream,
    .stderr_mode = self->stderr_mode,
    .stderr_stream = self->stderr_stream,
    .stderr_limit = self->stderr_limit,
    .source_fds = (gconstpointer) self->source_fds->data,
    .target_fds = (gconstpointer) self->target_fds->data,
    .n_fds = self->target_fds->len,
    .terminal = self->terminal,
    .process_group = self->process_group,
    .supervised = self->supervised,
    .die_with_parent = self->die_with_parent,
    .kill_descendants = self->kill_descendants,
    .kill_delay = self->kill_delay,
    .time_limit = self->time_limit,
    .memory_limit = self->memory_limit,
    .memory_interval = self->memory_interval,
    .nice_increment = self->nice_increment,
    .resource_limits = self->resource_limits,
    .accepted = (gconstpointer) self->accepted->data,
    .n_accepted = self->accepted->len,
  };
  get_size (self, &settings);

  return gp_command_launch_new (&settings, context, error);
}

static gboolean
check_ends (GpThreadStarter  *starter,
            gboolean          has_stdin,
            gboolean          has_stdout,
            GError          **error)
{
  return gp_command_stage_check_ends (GP_COMMAND_STAGE (starter), has_stdin, has_stdout, error);
}

/* If it fails it is tried again at its time, and the error told then. */
static gboolean
gp_command_stage_launch (GpThreadStarter *starter,
                         GpStageContext  *context)
{
  GpCommandStage *self = GP_COMMAND_STAGE (starter);

  self->launch = launch_command (self, context, NULL);

  return TRUE;
}

static gboolean
gp_command_stage_start (GpThreadStarter  *starter,
                        GpStageContext   *context,
                        GError          **error)
{
  GpCommandStage *self = GP_COMMAND_STAGE (starter);
  g_autoptr (GpCommandLaunch) launch = g_steal_pointer (&self->launch);
  gboolean success;

  if (launch == NULL)
    launch = launch_command (self, context, error);
  success = launch != NULL && gp_command_launch_execute (launch, error);

  /* The command has them now: whoever reads from the other end waits for it alone. */
  gp_command_stage_close_fds (self);

  return success;
}

static void
gp_command_stage_forget (GpThreadStarter *starter,
                         const GError    *error)
{
  GpCommandStage *self = GP_COMMAND_STAGE (starter);

  g_clear_pointer (&self->launch, gp_command_launch_free);
  gp_command_stage_close_fds (self);
}

static void
gp_command_stage_thread_starter_init (GpThreadStarterInterface *iface)
{
  iface->prepare = gp_command_stage_prepare;
  iface->check_ends = check_ends;
  iface->launch = gp_command_stage_launch;
  iface->start = gp_command_stage_start;
  iface->forget = gp_command_stage_forget;
  iface->is_bounded = TRUE;
}

static void
gp_command_stage_finalize (GObject *object)
{
  GpCommandStage *self = GP_COMMAND_STAGE (object);

  g_strfreev (self->argv);
  g_free (self->name);
  g_free (self->directory);
  gp_environment_free (self->environ);
  g_clear_object (&self->stdin_stream);
  g_clear_object (&self->stdout_stream);
  g_clear_object (&self->stderr_stream);
  g_array_unref (self->accepted);
  gp_command_stage_close_fds (self);
  g_array_unref (self->source_fds);
  g_array_unref (self->target_fds);
  g_clear_error (&self->mistake);
  g_clear_pointer (&self->launch, gp_command_launch_free);
  g_clear_pointer (&self->run, gp_command_run_unref);
  g_mutex_clear (&self->run_lock);

  G_OBJECT_CLASS (gp_command_stage_parent_class)->finalize (object);
}

static void
gp_command_stage_class_init (GpCommandStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = gp_command_stage_finalize;
  gp_command_stage_properties_class_init (object_class);
}

static void
gp_command_stage_init (GpCommandStage *self)
{
  g_mutex_init (&self->run_lock);
  self->environ = gp_environment_new ();
  self->stderr_limit = GP_COMMAND_DEFAULT_STDERR_LIMIT;
  self->supervised = TRUE;
  self->kill_delay = GP_COMMAND_DEFAULT_KILL_DELAY;
  self->memory_interval = GP_COMMAND_DEFAULT_MEMORY_INTERVAL;
  self->columns = GP_COMMAND_DEFAULT_COLUMNS;
  self->rows = GP_COMMAND_DEFAULT_ROWS;
  self->accepted = g_array_new (FALSE, FALSE, sizeof (int));
  self->source_fds = g_array_new (FALSE, FALSE, sizeof (int));
  self->target_fds = g_array_new (FALSE, FALSE, sizeof (int));
  for (guint i = 0; i < GP_N_RESOURCES; i++)
    self->resource_limits[i] = GP_NO_RESOURCE_LIMIT;
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
 * Words, quotes and backslashes are as in [func@GLib.shell_parse_argv]. An operator that only a shell
 * knows, such as for redirection or variables, is an error unless it is quoted. Patterns of file names
 * and `~` stay as they are.
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
