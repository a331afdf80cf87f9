/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "gp-end-gate-private.h"
#include "gp-interrupt-private.h"

G_BEGIN_DECLS

/* What the two kinds of pipe streams have in common: a descriptor that is either our own end of
 * a pipe and does not block, or the caller's and may block whenever it was not polled first. A
 * socket of the caller's is a third case: each call can say that it must not block.
 *
 * It holds the interrupt until the stream is closed, and the caller's stream, which has the
 * descriptor then, until ours is gone. It stays connected to the cancellable that it has waited with
 * until it is closed, since most wait with the same one again. One operation at a time uses it, as is so
 * with streams. */
typedef struct
{
  int          fd;
  GpInterrupt *interrupt;   /* (nullable) */
  GCancellable *cancellable; /* (nullable): of the last wait */
  GpInterrupt *wake_up;     /* raised by that */
  gulong       handler;
  GObject     *base;        /* (nullable): the caller's stream */
  GpEndGate   *gate;        /* (nullable): which the end waits for */
  gboolean     at_gate;     /* all was read, but it is closed */
  gboolean     is_socket;
  gboolean     polls_first;
  gsize        piece;       /* at most this much is written at once */

  /* Of our own pipes */
  gboolean     may_grow;
  int          pipe_size;
  gsize        full_bytes;  /* read by reads that got all they had asked for */
  guint        n_full;      /* writes that found the pipe full */
  int          added_kib;
  gboolean     has_yielded; /* in this transfer */
  guint        waits_before_yield;
} GpPipeChannel;

/* In a struct full of zeros */
void      gp_pipe_channel_init_own        (GpPipeChannel  *self,
                                           int             fd,
                                           GpInterrupt    *interrupt);
void      gp_pipe_channel_init_for_stream (GpPipeChannel  *self,
                                           gpointer        base,
                                           GpInterrupt    *interrupt);
/* Before it is used */
void      gp_pipe_channel_set_interrupt   (GpPipeChannel  *self,
                                           GpInterrupt    *interrupt);
/* All but the descriptor and the caller's stream */
void      gp_pipe_channel_close           (GpPipeChannel  *self);

gboolean  gp_pipe_channel_is_ready        (GpPipeChannel  *self,
                                           short           events);
gssize    gp_pipe_channel_read            (GpPipeChannel  *self,
                                           void           *buffer,
                                           gsize           count,
                                           gboolean        blocking,
                                           GCancellable   *cancellable,
                                           GError        **error);
gssize    gp_pipe_channel_write           (GpPipeChannel  *self,
                                           const void     *buffer,
                                           gsize           count,
                                           gboolean        blocking,
                                           GCancellable   *cancellable,
                                           GError        **error);
GSource  *gp_pipe_channel_create_source   (GpPipeChannel  *self,
                                           gpointer        stream,
                                           GIOCondition    condition,
                                           GCancellable   *cancellable);

G_END_DECLS
