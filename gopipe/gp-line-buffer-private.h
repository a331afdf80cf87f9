/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-line-stage.h"

G_BEGIN_DECLS

/* Finds lines in what is read, without copying them. It knows nothing of streams: whoever has one
 * reads into the room that the buffer makes, and says how much that was. */

typedef struct _GpLineBuffer GpLineBuffer;

typedef struct
{
  GpLineSeparator separator;
  guint64         max_length; /* 0: no limit */
  gboolean        is_text;    /* anything but UTF-8 is an error */
  GpSplitFunction split;      /* or NULL: instead of @separator */
  gpointer        split_data;
} GpLineFormat;

/* A line in the buffer, there until the next gp_line_buffer_reserve (). One byte after it may be
 * overwritten for a moment, also where the line has no separator. */
typedef struct
{
  char  *data;
  gsize  length; /* without the separator */
  gsize  size;   /* with it */
} GpLine;

typedef enum
{
  GP_LINE_STATUS_LINE,
  GP_LINE_STATUS_MORE, /* than is there must be read */
  GP_LINE_STATUS_END,
  GP_LINE_STATUS_FAILED,
} GpLineStatus;

GpLineBuffer *gp_line_buffer_new     (const GpLineFormat  *format);
void          gp_line_buffer_free    (GpLineBuffer        *self);

GpLineStatus  gp_line_buffer_next    (GpLineBuffer        *self,
                                      GpLine              *line,
                                      GError             **error);

/* After GP_LINE_STATUS_MORE: where to read, and how much at most. All lines are gone. */
gpointer      gp_line_buffer_reserve (GpLineBuffer        *self,
                                      gsize               *room);
/* What was read there; 0 at the end of the input */
void          gp_line_buffer_add     (GpLineBuffer        *self,
                                      gsize                size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpLineBuffer, gp_line_buffer_free)

G_END_DECLS
