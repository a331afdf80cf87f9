/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-stage-status-private.h"

G_BEGIN_DECLS

/* The inside of a status, for the files that are its implementation: gp-stage-status.c is the
 * type with its simple getters, gp-stage-status-change.c has what happens to a stage,
 * gp-stage-status-stderr.c what it wrote to standard error, and gp-stage-status-usage.c what it
 * used. */

/* The pipeline's list holds the status, and so does the run while it lasts. What changes is
 * guarded by the lock, for it changes in whatever thread learns of it; the notifications of a
 * burst of changes are queued together. */
struct _GpStageStatus
{
  GObject          parent_instance;

  GpStage         *stage;
  char            *name;
  GListModel      *children;
  GPtrArray       *child_statuses; /* the same, to be read in any thread once the stage has ended */

  GMutex           lock;
  GpCallbackQueue *queue;
  guint            changed; /* bits: properties that are to be notified */

  GpStageState     state;
  GError          *error;
  int              pid;
  int              exit_status;
  int              term_signal;
  int              stop_signal; /* of a process that is stopped; 0: it is not */
  gint64           started_at;
  gint64           ended_at;

  gint64           user_time; /* this and the next: -1 while nobody knows */
  gint64           system_time;
  gint64           peak_memory;
  gint64           tree_memory_peak;

  GByteArray      *stderr_tail; /* at most twice stderr_limit, so that it is cut rarely */
  guint64          stderr_limit;
  guint64          stderr_total;
};

/* The properties, for the notifications: gp-stage-status.c */
enum
{
  PROP_0,
  PROP_STAGE,
  PROP_NAME,
  PROP_STATE,
  PROP_SUMMARY,
  PROP_ERROR,
  PROP_EXIT_STATUS,
  PROP_TERM_SIGNAL,
  PROP_PID,
  PROP_STDERR_BYTES,
  PROP_STDERR_TEXT,
  PROP_STDERR_DROPPED,
  PROP_STARTED_AT,
  PROP_ENDED_AT,
  PROP_WALL_TIME,
  PROP_USER_TIME,
  PROP_SYSTEM_TIME,
  PROP_PEAK_MEMORY,
  PROP_TREE_MEMORY_PEAK,
  PROP_CHILDREN,
  N_PROPS
};

extern GParamSpec *gp_stage_status_props[N_PROPS];

#define GP_STAGE_STATUS_RETURN_LOCKED(self, expression, type) \
  G_STMT_START { \
    type locked_value; \
    g_mutex_lock (&(self)->lock); \
    locked_value = (expression); \
    g_mutex_unlock (&(self)->lock); \
    return locked_value; \
  } G_STMT_END

#define GP_STAGE_STATUS_BIT(prop_id) (1u << (prop_id))

/* With the lock held, after the change; @props has the bits of all that have changed */
void gp_stage_status_queue_notify (GpStageStatus *self,
                                   guint          props);

G_END_DECLS
