/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-limitable.h"
#include "gp-stage-context.h"

G_BEGIN_DECLS

/* Watches the memory of one stage while it runs, in a thread that all watches of the program
 * share and that only exists while there are any. All functions may be called from any thread. */

typedef struct _GpMemoryWatch GpMemoryWatch;

#define GP_MEMORY_WATCH_DEFAULT_INTERVAL 100 /* milliseconds */

/* Before the start of a stage: FALSE if it cannot be watched as it is asked. What has no process
 * never can; a machine that does not tell is only bad for a @limit (bytes; 0: none). */
gboolean       gp_memory_watch_check  (GpLimitable     *target,
                                       guint64          limit,
                                       GError         **error);

/* Looks every @interval milliseconds, at once for the first time. If @target ever has more than
 * @limit bytes (0: no limit), MEMORY_LIMIT is emitted on @context, and gp_limitable_kill () called,
 * once. @target need not run yet. The watch has a reference on it, but none on @context. */
GpMemoryWatch *gp_memory_watch_start  (GpLimitable     *target,
                                       GpStageContext  *context,
                                       guint64          limit,
                                       guint            interval);

/* At the end of the stage, before it is reported on @context: ends the watch and frees it, so that it
 * calls nothing any more, and tells what there is to tell: the peak to the status, MEMORY_LIMIT if
 * the limit was exceeded but nobody has noticed, and MEMORY_PEAK. Waits if the watch is just calling
 * gp_limitable_kill (), which must not wait for the caller in turn. @peak_memory: what the kernel
 * says of the highest process, or -1. FALSE and GP_PIPELINE_ERROR_MEMORY_LIMIT, which does not name
 * the stage, if the limit was exceeded. */
gboolean       gp_memory_watch_finish (GpMemoryWatch   *self,
                                       GpStageContext  *context,
                                       gint64           peak_memory,
                                       GError         **error);

G_END_DECLS
