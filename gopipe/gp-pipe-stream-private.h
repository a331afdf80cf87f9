/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>

#include "gp-end-gate-private.h"
#include "gp-interrupt-private.h"

G_BEGIN_DECLS

#define GP_TYPE_PIPE_INPUT_STREAM (gp_pipe_input_stream_get_type ())
G_DECLARE_FINAL_TYPE (GpPipeInputStream, gp_pipe_input_stream, GP, PIPE_INPUT_STREAM,
                      GUnixInputStream)

#define GP_TYPE_PIPE_OUTPUT_STREAM (gp_pipe_output_stream_get_type ())
G_DECLARE_FINAL_TYPE (GpPipeOutputStream, gp_pipe_output_stream, GP, PIPE_OUTPUT_STREAM,
                      GUnixOutputStream)

/* Making any of these takes one more descriptor for a moment, and GIO aborts the program where
 * there is none left: check that before. Once @interrupt is raised, whatever waits or comes
 * fails with G_IO_ERROR_CANCELLED. */

/* Our end of a pipe: owns @fd, which is (made) non-blocking. @interrupt may be NULL. */
GInputStream  *gp_pipe_input_stream_new   (int fd, GpInterrupt *interrupt);
GOutputStream *gp_pipe_output_stream_new  (int fd, GpInterrupt *interrupt);

/* Before it is used: its end waits for @gate */
void           gp_pipe_input_stream_set_gate (GInputStream *stream,
                                              GpEndGate    *gate);

/* Before it is used: another one from now on. Nothing happens if @stream is no stream of ours. */
void           gp_pipe_stream_set_interrupt  (gpointer      stream,
                                              GpInterrupt  *interrupt);

/* The caller's own stream @base, whose flags are not ours to change: it is polled before each
 * read, and written to in pieces that cannot block. Closing closes @base; going without having
 * been closed does not. */
GInputStream  *gp_pipe_input_stream_new_for_stream  (GInputStream *base, GpInterrupt *interrupt);
GOutputStream *gp_pipe_output_stream_new_for_stream (GOutputStream *base, GpInterrupt *interrupt);

G_END_DECLS
