/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-stage-context.h"

G_BEGIN_DECLS

/* What a command is started with; all of it belongs to the stage, which does not change any more, or to
 * the run. */
typedef struct
{
  GpCommandStage     *stage;
  const char * const *argv;
  const char         *directory; /* NULL: the pipeline's */
  const char * const *environ;
  char              **own_environ; /* the same, or NULL: it is the run's */
  GInputStream       *stdin_stream;  /* the command's own, lent; NULL: the stage's */
  GOutputStream      *stdout_stream;
  GpStderrMode        stderr_mode;
  GOutputStream      *stderr_stream;
  guint64             stderr_limit;
  const int          *source_fds;    /* for the command, in the order of target_fds */
  const int          *target_fds;    /* each at least 3, no two alike */
  guint               n_fds;

  gboolean            terminal;
  guint               columns;       /* 0: the default */
  guint               rows;

  GpProcessGroup      process_group;
  gboolean            supervised;
  gboolean            die_with_parent;
  gboolean            kill_descendants;
  guint               kill_delay;      /* milliseconds */
  guint               time_limit;      /* milliseconds, 0: none */
  guint64             memory_limit;    /* bytes, 0: none */
  guint               memory_interval; /* milliseconds */
  int                 nice_increment;
  const guint64      *resource_limits; /* by GpResource; G_MAXUINT64: as the program */
  const int          *accepted;        /* exit statuses that are success besides 0 */
  guint               n_accepted;
} GpCommandSettings;

/* A command whose process is there, but waits. It is executed once, by the thread that has launched it,
 * or ended when this is freed. Holds a reference to what becomes the run, and so to the context. */
typedef struct _GpCommandLaunch GpCommandLaunch;

/* Takes @own_environ of @settings, also when it fails. */
GpCommandLaunch *gp_command_launch_new     (const GpCommandSettings  *settings,
                                            GpStageContext           *context,
                                            GError                  **error);
void             gp_command_launch_free    (GpCommandLaunch          *self);

/* Blocks until the program was executed, and begins to watch it until it reports its end on the
 * context. Meanwhile the run may launch the next command. */
gboolean         gp_command_launch_execute (GpCommandLaunch          *self,
                                            GError                  **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpCommandLaunch, gp_command_launch_free)

/* One run of a command. All functions may be called from any thread. */
typedef struct _GpCommandRun GpCommandRun;

GpCommandRun *gp_command_run_ref         (GpCommandRun *self);
void          gp_command_run_unref       (GpCommandRun *self);

/* Ends it, and what it has started: its outcome is @reason, or NULL: cancelled */
void          gp_command_run_stop        (GpCommandRun             *self,
                                          const GError             *reason);

/* To the command and its group; nothing happens when it has ended */
void          gp_command_run_send_signal (GpCommandRun             *self,
                                          int                       signum);

/* The size of its terminal, if it has one */
void          gp_command_run_resize      (GpCommandRun             *self,
                                          guint                     columns,
                                          guint                     rows);

/* The process whose descendants it is, 0 when it has ended. @is_supervisor: this is our helper,
 * which does not count itself; otherwise it is the command. */
GPid          gp_command_run_get_root    (GpCommandRun             *self,
                                          gboolean                 *is_supervisor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpCommandRun, gp_command_run_unref)

G_END_DECLS
