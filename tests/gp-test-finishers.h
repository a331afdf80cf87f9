/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

G_BEGIN_DECLS

/* Stages that take the first lines of their input, pass them on, and want no more; and others that
 * write as many lines as they are let, or pass on as many. */

#define GP_TEST_FINISHER_TEXT "an endless line"
#define GP_TEST_FINISHER_LINE GP_TEST_FINISHER_TEXT "\n"

/* What is taken: more than a pipe holds */
#define GP_TEST_FINISHER_N_LINES 20000
#define GP_TEST_FINISHER_N_BYTES (GP_TEST_FINISHER_N_LINES * strlen (GP_TEST_FINISHER_LINE))

typedef struct
{
  const char     *name;
  GpStage      *(*make) (gconstpointer data);
  gconstpointer   data;
  const char     *children;      /* how those fare that are in it, in letters, or NULL */
  gboolean        takes_nothing;
  gboolean        is_fault;      /* it is for the fault handler to say that it had enough */
  gboolean        is_endless;    /* writes, or passes on, what it can */
} GpTestFinisher;

/* All but commands, and what is around other stages. The last one has no name. */
extern const GpTestFinisher gp_test_finishers[];

GpStage *gp_test_finisher_new         (const char  *name);

/* Far more lines than are taken; it stays */
GBytes  *gp_test_finisher_input       (void);

/* Sets the error that a stage ends with; returns FALSE */
gboolean gp_test_finisher_had_enough  (GError     **error);

G_END_DECLS
