/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-memory-pipe-private.h"

G_BEGIN_DECLS

/* What the two streams need of the pipe between them. */

typedef enum
{
  GP_MEMORY_PIPE_READ,
  GP_MEMORY_PIPE_WRITE,
} GpMemoryPipeSide;

gssize   gp_memory_pipe_read          (GpMemoryPipe     *self,
                                       void             *buffer,
                                       gsize             count,
                                       gboolean          blocking,
                                       GCancellable     *cancellable,
                                       GError          **error);
gssize   gp_memory_pipe_write         (GpMemoryPipe     *self,
                                       const void       *buffer,
                                       gsize             count,
                                       gboolean          blocking,
                                       GCancellable     *cancellable,
                                       GError          **error);
void     gp_memory_pipe_close         (GpMemoryPipe     *self,
                                       GpMemoryPipeSide  side);

void     gp_memory_pipe_set_side_interrupt (GpMemoryPipe     *self,
                                            GpMemoryPipeSide  side,
                                            GpInterrupt      *interrupt);
void     gp_memory_pipe_interrupt_side (GpMemoryPipe    *self,
                                        GpMemoryPipeSide side);

/* TRUE: there is something to read or to report, or enough room to be worth waking a writer */
gboolean gp_memory_pipe_is_ready      (GpMemoryPipe     *self,
                                       GpMemoryPipeSide  side);

/* FALSE: @side is not ready, and the ready time of @source becomes 0 when it may have become so.
 * The pipe holds a reference until the source is removed, and takes no destroyed source. */
gboolean gp_memory_pipe_prepare_source (GpMemoryPipe     *self,
                                        GpMemoryPipeSide  side,
                                        GSource          *source);
void     gp_memory_pipe_rearm_source   (GpMemoryPipe     *self,
                                        GSource          *source);
void     gp_memory_pipe_remove_source  (GpMemoryPipe     *self,
                                        GpMemoryPipeSide  side,
                                        GSource          *source);

G_END_DECLS
