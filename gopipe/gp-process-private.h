/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-spawn-private.h"

G_BEGIN_DECLS

/* The process of a command while it runs, supervised or not. All of this is for the engine's
 * thread, and so are the calls that it makes. */

typedef struct _GpProcess GpProcess;

typedef struct
{
  /* It was stopped by @signum; 0: it goes on */
  void (*stopped) (gpointer user_data,
                   int      signum);
  /* The command has ended; called once */
  void (*ended)   (gpointer user_data);
  /* And so has all that was to end with it; called once, after ended. Not before the next
   * gp_process_stop () or gp_process_release () if it has left descendants that may stay. */
  void (*gone)    (gpointer user_data);
} GpProcessEvents;

/* How the command has ended */
typedef struct
{
  const char *lost;            /* why nobody knows how; NULL: it is known */
  int         wait_status;     /* as waitpid () tells it */
  gboolean    was_stopped;     /* not before it was told to by gp_process_stop () */
  gboolean    has_descendants; /* some of which are left to themselves unless it is stopped */
  gboolean    has_usage;       /* the rest is known */
  gint64      user_usec;
  gint64      system_usec;
  gint64      peak_bytes;      /* -1: not known */
} GpProcessEnd;

/* Takes over what is in @spawned. @group: a signal is for the whole group of the command.
 * @kill_delay: milliseconds between asking it to end and killing it */
GpProcess          *gp_process_new         (GpSpawned             *spawned,
                                            gboolean               group,
                                            guint                  kill_delay);
GpProcess          *gp_process_ref         (GpProcess             *self);
void                gp_process_unref       (GpProcess             *self);

void                gp_process_watch       (GpProcess             *self,
                                            const GpProcessEvents *events,
                                            gpointer               user_data);

const GpProcessEnd *gp_process_get_end     (GpProcess             *self);
gboolean            gp_process_is_gone     (GpProcess             *self);

/* The command has ended, and something that it has started can still be stopped */
gboolean            gp_process_has_left_others (GpProcess         *self);

/* Any thread: the process whose descendants are the command's. @is_supervisor: it is no part of
 * them itself. */
GPid                gp_process_get_root    (GpProcess             *self,
                                            gboolean              *is_supervisor);

void                gp_process_send_signal (GpProcess             *self,
                                            int                    signum);

/* Asks it to end, and kills it after the delay; with @now it is killed at once. What it has started
 * ends as well, as far as that can be reached. */
void                gp_process_stop        (GpProcess             *self,
                                            gboolean               now);

/* Nothing is called any more. What the command has left is on its own. */
void                gp_process_release     (GpProcess             *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpProcess, gp_process_unref)

G_END_DECLS
