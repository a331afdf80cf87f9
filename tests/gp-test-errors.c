/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-errors.h"

#include <gopipe/gopipe.h>

static int n_errors; /* atomic */

static void
init_error (GError *error)
{
  g_atomic_int_inc (&n_errors);
}

/* A copy is initialized as well. */
static void
copy_error (const GError *source,
            GError       *copy)
{
}

static void
clear_error (GError *error)
{
  g_atomic_int_add (&n_errors, -1);
}

/* GLib tells of each error of a domain that is said to have data of its own. */
void
gp_test_watch_errors (void)
{
  const GQuark domains[] = {
    GP_PIPELINE_ERROR, GP_SIGNAL_ERROR, G_SPAWN_ERROR, G_SPAWN_EXIT_ERROR,
    G_IO_ERROR, G_FILE_ERROR, G_CONVERT_ERROR, G_SHELL_ERROR,
  };

  for (gsize i = 0; i < G_N_ELEMENTS (domains); i++)
    g_error_domain_register_static (g_quark_to_string (domains[i]), 1,
                                    init_error, copy_error, clear_error);
}

int
gp_test_count_errors (void)
{
  return g_atomic_int_get (&n_errors);
}
