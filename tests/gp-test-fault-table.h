/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-fault-scenes.h"

G_BEGIN_DECLS

/* Makes a test case of each kind of fault in each mode. In it, all scenes are run: once to count
 * the calls, and then so that each of them fails in turn. In a quick test only some are tried, and
 * others for each kind of fault. */

typedef struct
{
  const char *call;
  const char *error;
  uint64_t    calls;        /* which fail: GP_TEST_CALL_BIT () */
  int         errsv;
  gboolean    may_not_fail; /* what was interrupted is done once more, and the like */
  gboolean    lasts;        /* all calls that come after it fail as well */
} GpTestFault;

#define GP_TEST_FAULT(name, text, errsv) \
  { text, #errsv, GP_TEST_CALL_BIT (name), errsv, FALSE, FALSE }
#define GP_TEST_HARMLESS(name, text, errsv) \
  { text, #errsv, GP_TEST_CALL_BIT (name), errsv, TRUE, FALSE }
#define GP_TEST_LASTING(text, calls, errsv) \
  { text, #errsv, calls, errsv, FALSE, TRUE }

/* Those of gopipe-exec, or of what does the same in a forked child */
extern const GpTestFault gp_test_helper_faults[];
guint gp_test_count_helper_faults (void);

/* /@prefix/MODE/CALL/ERROR. @faults must stay. If it is sparse, a quick test tries each kind of fault
 * in one scene, and otherwise in two. */
void gp_test_faults_add     (const char        *prefix,
                             GpTestScope        scope,
                             gboolean           is_sparse,
                             const GpTestFault *faults,
                             guint              n_faults);

/* Runs the test cases, and tells how many runs there were */
int  gp_test_faults_run_all (void);

G_END_DECLS
