/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-spawn-private.h"

#include <errno.h>
#include <string.h>

#include "gp-descriptor-private.h"

/* The same codes as GLib's for the same causes */
static int
get_spawn_error_code (int errsv)
{
  switch (errsv)
    {
    case EACCES:
      return G_SPAWN_ERROR_ACCES;
    case EPERM:
      return G_SPAWN_ERROR_PERM;
    case E2BIG:
      return G_SPAWN_ERROR_TOO_BIG;
    case ENOEXEC:
      return G_SPAWN_ERROR_NOEXEC;
    case ENAMETOOLONG:
      return G_SPAWN_ERROR_NAMETOOLONG;
    case ENOENT:
      return G_SPAWN_ERROR_NOENT;
    case ENOMEM:
      return G_SPAWN_ERROR_NOMEM;
    case ENOTDIR:
      return G_SPAWN_ERROR_NOTDIR;
    case ELOOP:
      return G_SPAWN_ERROR_LOOP;
    case ETXTBSY:
      return G_SPAWN_ERROR_TXTBUSY;
    case EIO:
      return G_SPAWN_ERROR_IO;
    case EINVAL:
      return G_SPAWN_ERROR_INVAL;
    case EISDIR:
      return G_SPAWN_ERROR_ISDIR;
#ifdef ELIBBAD
    case ELIBBAD:
      return G_SPAWN_ERROR_LIBBAD;
#endif
    default:
      return G_SPAWN_ERROR_FAILED;
    }
}

static void
set_exec_error (const char          *program,
                const GpExecReport  *report,
                GError             **error)
{
  g_autofree char *name = g_filename_display_name (program);
  g_autofree char *message = NULL;

  if (report->value == EMFILE || report->value == ENFILE)
    {
      g_autofree char *what = g_strdup_printf ("\"%s\"", name);

      gp_set_error_from_errno (error, report->value, what);
      return;
    }

  if (report->step == GP_EXEC_STEP_INTERPRETER)
    message = g_strdup_printf ("\"%s\" is there, but not the interpreter that it needs", name);
  else if (report->value == ENOENT && strchr (program, '/') == NULL)
    message = g_strdup_printf ("program \"%s\" was not found in PATH", name);
  else if (report->value == ENOEXEC)
    message = g_strdup_printf ("\"%s\" is not a program: it has no \"#!\" line and is no binary "
                               "that this machine can run",
                               name);
  else
    message = g_strdup_printf ("\"%s\": %s", name, g_strerror (report->value));

  g_set_error_literal (error, G_SPAWN_ERROR, get_spawn_error_code (report->value), message);
}

void
gp_spawn_set_error (const GpSpawnRequest  *request,
                    const GpExecReport    *report,
                    GError               **error)
{
  switch (report->step)
    {
    case GP_EXEC_STEP_EXEC:
    case GP_EXEC_STEP_INTERPRETER:
      set_exec_error (request->argv[0], report, error);
      break;

    case GP_EXEC_STEP_DIRECTORY:
      {
        /* A helper that has gone mad may say so where there is none. */
        const char *directory = request->directory != NULL ? request->directory : "";
        g_autofree char *name = g_filename_display_name (directory);

        g_set_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_CHDIR,
                     "cannot change to directory \"%s\": %s",
                     name, g_strerror (report->value));
      }
      break;

    case GP_EXEC_STEP_GROUP:
      gp_set_error_from_errno (error, report->value, "cannot make a process group");
      break;

    case GP_EXEC_STEP_TERMINAL:
      gp_set_error_from_errno (error, report->value, "cannot give it a terminal");
      break;

    case GP_EXEC_STEP_NICE:
      gp_set_error_from_errno (error, report->value, "cannot change its niceness");
      break;

    case GP_EXEC_STEP_LIMIT:
      gp_set_error_from_errno (error, report->value, "cannot limit what it may use");
      break;

    default:
      gp_set_error_from_errno (error, report->value, "cannot set up a process");
      break;
    }
}
