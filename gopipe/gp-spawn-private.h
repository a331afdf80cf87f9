/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "gp-interrupt-private.h"

G_BEGIN_DECLS

/* The one seam through which every process is started. */

typedef struct
{
  const char * const *argv;       /* argv[0] is looked up in the PATH of @environ */
  const char * const *environ;    /* the whole environment of the process */
  const char         *directory;  /* or NULL or "": the program's own */
  int                 stdin_fd;   /* the caller's: duplicated, not closed */
  int                 stdout_fd;
  int                 stderr_fd;
  gboolean            own_group;  /* a process group of its own */
} GpSpawnRequest;

/* Starts a process and waits until it has been executed: blocks, so never in the main thread.
 * Raising @interrupt (which may be NULL) ends the wait with G_IO_ERROR_CANCELLED, and kills what
 * was started.
 *
 * Errors: G_SPAWN_ERROR with the code of the cause for anything about the program or the
 * directory, G_IO_ERROR for anything about descriptors and the like. They name the program or
 * the directory where that is the cause; the caller adds the stage's name.
 *
 * *@pid is the process id, which stays known when GSubprocess has forgotten it. */
GSubprocess *gp_spawn (const GpSpawnRequest  *request,
                       GpInterrupt           *interrupt,
                       GPid                  *pid,
                       GError               **error);

/* For tests, while nothing is being started: uses @helper instead of gopipe-exec, or none (NULL) */
void         gp_spawn_set_helper (const char *helper);

G_END_DECLS
