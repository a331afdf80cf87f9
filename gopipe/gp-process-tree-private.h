/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What /proc tells of the memory of a process and its descendants */

typedef struct
{
  guint   n_processes; /* that have memory: one that has ended has none, even before it was waited for */
  guint64 resident;    /* bytes: the sum of their resident sets */
  guint64 peak;        /* bytes: the highest resident set that one of them has ever had */
} GpProcessUse;

/* FALSE: memory cannot be measured on this machine */
gboolean gp_process_tree_check      (GError       **error);

/* Any thread. @with_root: @root itself counts. FALSE: none of them is there (any more). */
gboolean gp_process_tree_measure    (GPid           root,
                                     gboolean       with_root,
                                     GpProcessUse  *use);

/* Between the two, this thread looks only once who is whose child, for all its measurements. */
void     gp_process_tree_begin_look (void);
void     gp_process_tree_end_look   (void);

/* For tests: another directory than /proc; NULL: that again */
void     gp_process_tree_set_proc   (const char    *path);

G_END_DECLS
