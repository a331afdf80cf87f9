/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-error-private.h"

G_DEFINE_QUARK (gp-pipeline-error-quark, gp_pipeline_error)
G_DEFINE_QUARK (gp-signal-error-quark, gp_signal_error)

typedef struct
{
  int         number;
  const char *name;
} SignalName;

static const SignalName signal_names[] = {
  { SIGHUP, "SIGHUP" },   { SIGINT, "SIGINT" },   { SIGQUIT, "SIGQUIT" }, { SIGILL, "SIGILL" },
  { SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
  { SIGKILL, "SIGKILL" }, { SIGUSR1, "SIGUSR1" }, { SIGSEGV, "SIGSEGV" }, { SIGUSR2, "SIGUSR2" },
  { SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" }, { SIGXCPU, "SIGXCPU" },
  { SIGXFSZ, "SIGXFSZ" }, { SIGSYS, "SIGSYS" },   { SIGSTOP, "SIGSTOP" }, { SIGTSTP, "SIGTSTP" },
  { SIGTTIN, "SIGTTIN" }, { SIGTTOU, "SIGTTOU" }, { SIGCONT, "SIGCONT" }, { SIGCHLD, "SIGCHLD" },
  { SIGURG, "SIGURG" },   { SIGVTALRM, "SIGVTALRM" },                     { SIGPROF, "SIGPROF" },
  { SIGWINCH, "SIGWINCH" }, { SIGIO, "SIGIO" },
};

char *
gp_signal_dup_name (int signum)
{
  for (gsize i = 0; i < G_N_ELEMENTS (signal_names); i++)
    if (signal_names[i].number == signum)
      return g_strdup (signal_names[i].name);

  return g_strdup_printf ("signal %d", signum);
}

gboolean
gp_error_is_finish_early (const GError *error)
{
  return g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY);
}

gboolean
gp_error_is_cancelled (const GError *error)
{
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

void
gp_error_set_invalid (GError     **error,
                      const char  *format,
                      ...)
{
  g_autofree char *text = NULL;
  g_autofree char *valid = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  valid = g_utf8_make_valid (text, -1);
  g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, valid);
}

GError *
gp_error_copy_prefixed (const GError *error,
                        const char   *format,
                        ...)
{
  g_autofree char *prefix = NULL;
  g_autofree char *text = NULL;
  g_autofree char *valid = NULL;
  va_list args;

  va_start (args, format);
  prefix = g_strdup_vprintf (format, args);
  va_end (args);

  text = g_strconcat (prefix, error->message, NULL);
  valid = g_utf8_make_valid (text, -1);

  return g_error_new_literal (error->domain, error->code, valid);
}

GError *
gp_error_act (GError        *error,
              GpErrorAction  action,
              const GError  *replacement,
              const char    *name)
{
  g_autoptr (GError) own_error = error;
  g_autofree char *prefix = g_strconcat (name, ": ", NULL);

  if (replacement != NULL && g_str_has_prefix (replacement->message, prefix))
    return gp_error_copy_prefixed (replacement, "%s", "");

  if (replacement != NULL)
    return gp_error_copy_prefixed (replacement, "%s", prefix);

  return action == GP_ERROR_ACTION_FORGIVE ? NULL : g_steal_pointer (&own_error);
}

/**
 * gp_error_matches_exit_status:
 * @error: (nullable): an error
 * @exit_status: an exit status, 1 to 255
 *
 * Tells whether an error says that a command ended with an exit status.
 *
 * It is the same as a comparison with the domain `G_SPAWN_EXIT_ERROR`, which not every language
 * can name.
 *
 * Returns: `TRUE` if @error stands for @exit_status
 *
 * Since: 0.1
 */
gboolean
gp_error_matches_exit_status (const GError *error,
                              int           exit_status)
{
  return g_error_matches (error, G_SPAWN_EXIT_ERROR, exit_status);
}

/**
 * gp_error_matches_pipe:
 * @error: (nullable): an error
 *
 * Tells whether an error says that a stage wrote to a pipe that nobody read any more.
 *
 * Commands end by `SIGPIPE` then, and functions with `G_IO_ERROR_BROKEN_PIPE`.
 *
 * Returns: `TRUE` if @error is a pipe error
 *
 * Since: 0.1
 */
gboolean
gp_error_matches_pipe (const GError *error)
{
  return g_error_matches (error, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
}

void
gp_error_note_mistake (GError     **mistake,
                       const char  *format,
                       ...)
{
  va_list args;

  if (*mistake != NULL)
    return;

  va_start (args, format);
  *mistake = g_error_new_valist (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, format, args);
  va_end (args);
}
