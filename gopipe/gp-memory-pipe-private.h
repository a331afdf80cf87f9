/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-interrupt-private.h"

G_BEGIN_DECLS

#define GP_MEMORY_PIPE_MAX (2 * 1024 * 1024)

/* A pipe within the program: two streams, and no descriptor. Both are pollable and cancellable,
 * and work synchronously and asynchronously. */

typedef struct _GpMemoryPipe GpMemoryPipe;

GpMemoryPipe  *gp_memory_pipe_new        (void);
GpMemoryPipe  *gp_memory_pipe_ref        (GpMemoryPipe *self);
void           gp_memory_pipe_unref      (GpMemoryPipe *self);

/* Each once only (transfer full) */
GInputStream  *gp_memory_pipe_new_reader (GpMemoryPipe *self);
GOutputStream *gp_memory_pipe_new_writer (GpMemoryPipe *self);

/* Before an end is used: as soon as @interrupt is raised it fails like one that is interrupted, but
 * who waits is woken only by the functions below. Nothing happens if @stream is no end of a memory
 * pipe. */
void           gp_memory_pipe_set_interrupt (gpointer     stream,
                                             GpInterrupt *interrupt);

/* From any thread, for ever: every read and write that waits or comes fails with
 * G_IO_ERROR_CANCELLED */
void           gp_memory_pipe_interrupt  (GpMemoryPipe *self);

/* The same for the end that @stream is; the other one does not notice. Nothing happens if @stream is no
 * end of a memory pipe. */
void           gp_memory_pipe_interrupt_end (gpointer   stream);

/* Before it is used: the end is told to the reader only after gp_memory_pipe_tell_end () */
void           gp_memory_pipe_hold_end   (GpMemoryPipe *self);

/* From any thread; only the first time counts. With @error, G_IO_ERROR_PARTIAL_INPUT takes the place
 * of the end. */
void           gp_memory_pipe_tell_end   (GpMemoryPipe *self,
                                          const GError *error);

/* Closes the end that @stream is although an operation is pending on it, which fails then with
 * G_IO_ERROR_CLOSED. FALSE: @stream is no end of a memory pipe. */
gboolean       gp_memory_pipe_hang_up    (gpointer      stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpMemoryPipe, gp_memory_pipe_unref)

G_END_DECLS
