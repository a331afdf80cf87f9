/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_MEMORY_WATCH_STAGE (gp_memory_watch_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpMemoryWatchStage, gp_memory_watch_stage, GP, MEMORY_WATCH_STAGE, GObject)

GP_AVAILABLE_IN_ALL
GpMemoryWatchStage *gp_memory_watch_stage_new          (GpStage            *stage,
                                                        guint64             limit) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
GpStage            *gp_memory_watch_stage_get_stage    (GpMemoryWatchStage *self);
GP_AVAILABLE_IN_ALL
guint64             gp_memory_watch_stage_get_limit    (GpMemoryWatchStage *self);
GP_AVAILABLE_IN_ALL
void                gp_memory_watch_stage_set_limit    (GpMemoryWatchStage *self,
                                                        guint64             limit);
GP_AVAILABLE_IN_ALL
guint               gp_memory_watch_stage_get_interval (GpMemoryWatchStage *self);
GP_AVAILABLE_IN_ALL
void                gp_memory_watch_stage_set_interval (GpMemoryWatchStage *self,
                                                        guint               interval);

G_END_DECLS
