/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "gp-exec-private.h"
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
  const int          *source_fds; /* more descriptors for the process: duplicated, not closed */
  const int          *target_fds; /* their numbers there, each at least 3 and no two alike */
  guint               n_fds;
  unsigned            flags;      /* GpExecFlags */
  guint               kill_delay; /* milliseconds */
  int                 nice_increment;
  const GpExecLimit  *limits;
  guint               n_limits;
} GpSpawnRequest;

/* A process that was started.
 *
 * Without GP_EXEC_SUPERVISE, @process is the command. With it, it is the parent of the command,
 * and speaks on @control_fd, which belongs to whoever has this. */
typedef struct
{
  GSubprocess *process;
  GPid         process_pid;
  GPid         pid;        /* of the command, which stays known when GSubprocess has forgotten it */
  int          control_fd; /* -1: not supervised */
} GpSpawned;

void     gp_spawned_clear (GpSpawned *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GpSpawned, gp_spawned_clear)

/* A process that is being started. It is launched and waits; when it is permitted it executes the
 * command; and that is awaited. Whoever has it does all that in one thread, and may do something else
 * in between. What was launched and not awaited is killed. */
typedef struct _GpSpawn GpSpawn;

/* @request and @interrupt (which may be NULL) are needed until it is freed. Waiting blocks; raising
 * @interrupt ends that with G_IO_ERROR_CANCELLED, and kills what was started.
 *
 * Errors: G_SPAWN_ERROR with the code of the cause for anything about the program or the
 * directory, G_IO_ERROR for anything about descriptors and the like. They name the program or
 * the directory where that is the cause; the caller adds the stage's name. */
GpSpawn *gp_spawn_launch     (const GpSpawnRequest  *request,
                              GpInterrupt           *interrupt,
                              GError               **error);
void     gp_spawn_permit     (GpSpawn               *self);
gboolean gp_spawn_await      (GpSpawn               *self,
                              GpSpawned             *spawned,
                              GError               **error);
void     gp_spawn_free       (GpSpawn               *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpSpawn, gp_spawn_free)

/* gp-spawn-error.c: what @report, of a step that failed, means for @request */
void     gp_spawn_set_error  (const GpSpawnRequest  *request,
                              const GpExecReport    *report,
                              GError               **error);

/* For tests, while nothing is being started: uses @helper instead of gopipe-exec, or none (NULL) */
void     gp_spawn_set_helper (const char            *helper);

G_END_DECLS
