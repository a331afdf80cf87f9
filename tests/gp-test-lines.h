/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-gates.h"
#include "gp-test-util.h"

G_BEGIN_DECLS

/* What a function of lines is told to do, and what it saw; everything is 0 unless it is wanted. The
 * calls that see several lines count as one for what is written. */
typedef struct
{
  const char   *write;          /* before the line, or once for all of them */
  GpLineAction  action;
  guint         last;           /* with this line, counted from 1, the last action begins */
  GpLineAction  last_action;
  GError       *last_error;     /* (owned): set together with it */
  GpTestGate   *gate;           /* passed in each call */
  gboolean      ignores_errors; /* of writing */
  guint         busy;           /* microseconds for each line */

  GString      *seen;           /* the first of the lines, each with a bar behind it */
  guint         n_lines;
  guint         n_calls;
  guint         most_lines;     /* in one call */
} GpTestLines;

void          gp_test_lines_clear        (GpTestLines        *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GpTestLines, gp_test_lines_clear)

typedef enum
{
  GP_TEST_TEXT_LINES,
  GP_TEST_BYTES_LINES,
  GP_TEST_BATCH_LINES, /* in the main context */
  GP_TEST_N_LINES_KINDS,
} GpTestLinesKind;

/* A stage called "lines" that does so, appended (transfer none) and watched */
GpLineStage  *gp_test_append_lines       (GpPipeline         *pipeline,
                                          GpTestLinesKind     kind,
                                          GpTestLines        *lines);
/* What is called in the main context: for a function with more to check */
GpLineAction  gp_test_lines_batch_func   (const char * const *batch,
                                          GDataOutputStream  *output,
                                          gpointer            lines,
                                          GError            **error);

/* A function in a thread that writes lines until nobody reads any more, or the numbers from 1 to
 * @n_lines, each in a line; *@n_lines must stay */
void          gp_test_append_endless     (GpPipeline         *pipeline);
void          gp_test_append_numbers     (GpPipeline         *pipeline,
                                          guint              *n_lines);
/* As many as there is time for */
guint         gp_test_many_lines         (void);

/* Runs the pipeline and returns what came out, whatever the error; @size is -1 for a string */
GBytes       *gp_test_lines_output       (GpPipeline         *pipeline,
                                          const char         *input,
                                          gssize              size,
                                          GError            **error);
void          gp_test_assert_bytes       (GBytes             *bytes,
                                          const char         *data,
                                          gssize              size);
/* Short lines, long ones, and some that are longer than any buffer at first */
char         *gp_test_big_text           (void);

/* Waits for just that; the main context runs meanwhile */
void          gp_test_assert_comes       (GInputStream       *stream,
                                          const char         *text);

G_END_DECLS
