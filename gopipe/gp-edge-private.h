/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-end-gate-private.h"
#include "gp-interrupt-private.h"
#include "gp-memory-pipe-private.h"
#include "gp-types.h"

G_BEGIN_DECLS

/* What lies between two neighbours: all decisions about it, and nothing else, are in this file. */
typedef struct
{
  GpEdgeKind     kind;
  GpMemoryPipe  *memory; /* of kind MEMORY */
  GpEndGate     *gate;   /* of kind PIPE: which the end for the reader waits for, or NULL */
  GInputStream  *reader; /* until they are given to the neighbours */
  GOutputStream *writer;
  int            reader_fd; /* instead, or -1 */
  int            writer_fd;
} GpEdge;

#define GP_EDGE_INIT { .reader_fd = -1, .writer_fd = -1 }

/* Ends of a pipe whose neighbour takes the descriptor itself, and needs no stream */
typedef enum
{
  GP_EDGE_BARE_NONE   = 0,
  GP_EDGE_BARE_READER = 1 << 0,
  GP_EDGE_BARE_WRITER = 1 << 1,
} GpEdgeBare;

/* Between two stages; the application that reads or writes an end of the pipeline itself counts
 * as a neighbour that takes any stream. */
GpEdgeKind     gp_edge_choose_between (GpIOPreference   left_stdout,
                                       GpIOPreference   right_stdin);

/* Between a stage and the caller's stream (which may be NULL) */
GpEdgeKind     gp_edge_choose_at_end  (gpointer         stream,
                                       GpIOPreference   preference);

/* Makes the pipe. Ends for a stage that takes any stream are woken by @interrupt; the others
 * have a descriptor fit for a process. */
gboolean       gp_edge_open           (GpEdge          *self,
                                       GpIOPreference   left_stdout,
                                       GpIOPreference   right_stdin,
                                       GpEdgeBare       bare,
                                       GpInterrupt     *interrupt,
                                       GError         **error);
void           gp_edge_interrupt      (GpEdge          *self);

/* Of one end alone, which becomes that of a pipeline within: it is woken by @interrupt from now on, or
 * by the second function, and its neighbour does not notice. */
void           gp_edge_set_interrupt  (gpointer         stream,
                                       GpInterrupt     *interrupt);
void           gp_edge_interrupt_end  (gpointer         stream);

/* After it was opened: a right neighbour that takes any stream is told the end only when it is
 * known whether all before it went well, by gp_edge_tell_end (). With an error it is told that
 * instead. */
gboolean       gp_edge_hold_end       (GpEdge          *self,
                                       GError         **error);
void           gp_edge_tell_end       (GpEdge          *self,
                                       const GError    *error);

/* Closes what was not given away */
void           gp_edge_clear          (GpEdge          *self);

/* Closes our end of an edge. If an operation is still pending on it, the other side finds out
 * all the same. */
void           gp_edge_close_reader    (GInputStream    *reader);
void           gp_edge_close_writer    (GOutputStream   *writer);

/* (transfer full): the caller's stream as the stage gets it: itself, unless a function would
 * block in it beyond the reach of @interrupt */
GInputStream  *gp_edge_adapt_stdin    (GInputStream    *stream,
                                       GpIOPreference   preference,
                                       GpInterrupt     *interrupt);
GOutputStream *gp_edge_adapt_stdout   (GOutputStream   *stream,
                                       GpIOPreference   preference,
                                       GpInterrupt     *interrupt);

G_END_DECLS
