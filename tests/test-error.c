/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

static void
test_domains (void)
{
  /* Bindings know a domain by this string */
  g_assert_cmpstr (g_quark_to_string (GP_PIPELINE_ERROR), ==, "gp-pipeline-error-quark");
  g_assert_cmpstr (g_quark_to_string (GP_SIGNAL_ERROR), ==, "gp-signal-error-quark");
}

static void
test_codes (void)
{
  /* Codes are part of the ABI */
  g_assert_cmpint (GP_PIPELINE_ERROR_FAILED, ==, 0);
  g_assert_cmpint (GP_PIPELINE_ERROR_FINISH_EARLY, ==, 1);
  g_assert_cmpint (GP_PIPELINE_ERROR_FAULT, ==, 2);
  g_assert_cmpint (GP_SIGNAL_ERROR_PIPE, ==, SIGPIPE);
  g_assert_cmpint (GP_SIGNAL_ERROR_KILL, ==, SIGKILL);
}

static void
test_matches_exit_status (void)
{
  g_autoptr (GError) status = g_error_new_literal (G_SPAWN_EXIT_ERROR, 3, "exit status 3");
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, 3, "not an exit status");

  g_assert_true (gp_error_matches_exit_status (status, 3));
  g_assert_false (gp_error_matches_exit_status (status, 2));
  g_assert_false (gp_error_matches_exit_status (other, 3));
  g_assert_false (gp_error_matches_exit_status (NULL, 3));
}

static void
test_matches_pipe (void)
{
  static const struct
  {
    GQuark   (*domain) (void);
    int        code;
    gboolean   is_pipe;
  } rows[] = {
    { g_io_error_quark, G_IO_ERROR_BROKEN_PIPE, TRUE },
    { gp_signal_error_quark, GP_SIGNAL_ERROR_PIPE, TRUE },
    { gp_signal_error_quark, GP_SIGNAL_ERROR_TERM, FALSE },
    { g_io_error_quark, G_IO_ERROR_FAILED, FALSE },
    { g_spawn_exit_error_quark, SIGPIPE, FALSE },
    { gp_pipeline_error_quark, GP_PIPELINE_ERROR_FINISH_EARLY, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (rows[i].domain (), rows[i].code, "x");

      g_assert_cmpint (gp_error_matches_pipe (error), ==, rows[i].is_pipe);
    }
  g_assert_false (gp_error_matches_pipe (NULL));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/error/domains", test_domains);
  gp_test_add ("/error/codes", test_codes);
  gp_test_add ("/error/matches-exit-status", test_matches_exit_status);
  gp_test_add ("/error/matches-pipe", test_matches_pipe);
  return gp_test_run ();
}
