/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_LINE_STAGE (gp_line_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpLineStage, gp_line_stage, GP, LINE_STAGE, GObject)

/**
 * GpLineFunction:
 * @line: a line without its separator, valid until the function returns
 * @output: buffers what is written to it, for the stage after
 * @user_data: (closure): the data given to [ctor@LineStage.new]
 * @error: return location for an error
 *
 * What is done with each line of text, in a thread of the stage's own.
 *
 * The function may block. It may write anything to @output, also nothing, or more than one line;
 * nobody waits for what the buffer holds, since it is written as soon as there is no line at hand.
 *
 * Returns: what becomes of the line, or `GP_LINE_ACTION_FAULT` if @error is set
 *
 * Since: 0.1
 */
typedef GpLineAction (*GpLineFunction) (const char         *line,
                                        GDataOutputStream  *output,
                                        gpointer            user_data,
                                        GError            **error);

/**
 * GpBytesLineFunction:
 * @line: a line without its separator
 * @output: buffers what is written to it, for the stage after
 * @user_data: (closure): the data given to [ctor@LineStage.new_bytes]
 * @error: return location for an error
 *
 * What is done with each line of any bytes, in a thread of the stage's own.
 *
 * Like [callback@LineFunction], for lines that need not be UTF-8.
 *
 * Returns: what becomes of the line, or `GP_LINE_ACTION_FAULT` if @error is set
 *
 * Since: 0.1
 */
typedef GpLineAction (*GpBytesLineFunction) (GBytes             *line,
                                             GDataOutputStream  *output,
                                             gpointer            user_data,
                                             GError            **error);

/**
 * GpLinesFunction:
 * @lines: (array zero-terminated=1): at least one line, without separators, valid until the
 *   function returns
 * @output: takes what is written to it without waiting, for the stage after
 * @user_data: (closure): the data given to [ctor@LineStage.new_in_context]
 * @error: return location for an error
 *
 * What is done with lines of text, several at a time, in the main context of the pipeline's
 * starter.
 *
 * The function must not block. The number of lines depends on how long it takes: the next call
 * gets as many as it can do in about two milliseconds, and at least one. What it has written is on
 * its way to the stage after before it is called again.
 *
 * Returns: what becomes of all these lines, or `GP_LINE_ACTION_FAULT` if @error is set
 *
 * Since: 0.1
 */
typedef GpLineAction (*GpLinesFunction) (const char * const  *lines,
                                         GDataOutputStream   *output,
                                         gpointer             user_data,
                                         GError             **error);

/**
 * GpSplitFunction:
 * @data: what comes next, at least one byte
 * @at_end: whether nothing will come after @data
 * @length: (out): with `GP_SPLIT_RESULT_LINE`, how many bytes of @data are the line
 * @consumed: (out): with `GP_SPLIT_RESULT_LINE`, how many bytes of @data the line takes together
 *   with its separator; with `GP_SPLIT_RESULT_SKIP`, how many bytes to leave out
 * @user_data: (closure): the data given to [method@LineStage.set_split_function]
 * @error: return location for an error
 *
 * Finds the end of a line, in the stage's thread.
 *
 * @data always begins where the last line ended. The first piece that the function gets may be
 * short although more has come; it asks for more as often as it wants. What is left at the end, if
 * it still asks for more then, is the last line.
 *
 * Returns: what it found, or `GP_SPLIT_RESULT_FAULT` if @error is set
 *
 * Since: 0.1
 */
typedef GpSplitResult (*GpSplitFunction) (GBytes    *data,
                                          gboolean   at_end,
                                          gsize     *length,
                                          gsize     *consumed,
                                          gpointer   user_data,
                                          GError   **error);

GP_AVAILABLE_IN_ALL
GpLineStage     *gp_line_stage_new                (const char           *name,
                                                   GpLineFunction        func,
                                                   gpointer              user_data,
                                                   GDestroyNotify        destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpLineStage     *gp_line_stage_new_bytes          (const char           *name,
                                                   GpBytesLineFunction   func,
                                                   gpointer              user_data,
                                                   GDestroyNotify        destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpLineStage     *gp_line_stage_new_in_context     (const char           *name,
                                                   GpLinesFunction       func,
                                                   gpointer              user_data,
                                                   GDestroyNotify        destroy) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
GpLineSeparator  gp_line_stage_get_separator      (GpLineStage          *self);
GP_AVAILABLE_IN_ALL
void             gp_line_stage_set_separator      (GpLineStage          *self,
                                                   GpLineSeparator       separator);
GP_AVAILABLE_IN_ALL
guint64          gp_line_stage_get_max_length     (GpLineStage          *self);
GP_AVAILABLE_IN_ALL
void             gp_line_stage_set_max_length     (GpLineStage          *self,
                                                   guint64               max_length);
GP_AVAILABLE_IN_ALL
void             gp_line_stage_set_split_function (GpLineStage          *self,
                                                   GpSplitFunction       func,
                                                   gpointer              user_data,
                                                   GDestroyNotify        destroy);

G_END_DECLS
