/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  return gp_test_run ();
}
