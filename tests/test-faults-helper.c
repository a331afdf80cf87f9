/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-table.h"

/* Every call of the helper gopipe-exec fails once, or from then on: each n that there is, of all
 * helpers that a pipeline has, in a program of its own. What is run instead of the helper is its
 * twin, whose calls are compiled to fail when they are told to. */

int
main (int    argc,
      char **argv)
{
  const char *helper = g_getenv ("GP_TEST_EXEC_FAULTS");

  if (helper == NULL)
    g_error ("GP_TEST_EXEC_FAULTS is not set");
  g_setenv ("GOPIPE_EXEC", helper, TRUE);
  gp_test_fault_init (&argc, &argv);
  gp_test_scenes_init ();
  gp_test_faults_add ("faults-helper", GP_TEST_SCOPE_HELPERS, FALSE,
                      gp_test_helper_faults, gp_test_count_helper_faults ());

  return gp_test_faults_run_all ();
}
