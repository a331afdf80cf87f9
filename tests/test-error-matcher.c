/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

static gboolean
matches (GpErrorMatcher *matcher,
         GQuark          domain,
         int             code)
{
  g_autoptr (GError) error = g_error_new_literal (domain, code, "told by the test");

  return gp_error_matcher_matches (matcher, error);
}

static void
test_error (void)
{
  g_autoptr (GpErrorMatcher) matcher =
    gp_test_watch (gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_NOT_FOUND));

  g_assert_true (matches (matcher, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  g_assert_false (matches (matcher, G_IO_ERROR, G_IO_ERROR_EXISTS));
  g_assert_false (matches (matcher, G_FILE_ERROR, G_IO_ERROR_NOT_FOUND));
}

static void
test_exit_status (void)
{
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_exit_status (3);

  g_assert_true (matches (matcher, G_SPAWN_EXIT_ERROR, 3));
  g_assert_false (matches (matcher, G_SPAWN_EXIT_ERROR, 1));
  g_assert_false (matches (matcher, GP_SIGNAL_ERROR, 3));
  g_assert_false (matches (matcher, G_SPAWN_ERROR, 3));
}

static void
test_signal (void)
{
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_signal (SIGTERM);

  g_assert_true (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_TERM));
  g_assert_false (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_KILL));
  g_assert_false (matches (matcher, G_SPAWN_EXIT_ERROR, SIGTERM));
}

static void
test_sigpipe_only (void)
{
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_signal (SIGPIPE);

  g_assert_true (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE));
  g_assert_false (matches (matcher, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE));
}

static void
test_pipe (void)
{
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_pipe ();

  g_assert_true (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE));
  g_assert_true (matches (matcher, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE));
  g_assert_false (matches (matcher, G_IO_ERROR, G_IO_ERROR_FAILED));
  g_assert_false (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_TERM));
}

static void
test_nothing (void)
{
  g_autoptr (GpErrorMatcher) matcher = g_object_new (GP_TYPE_ERROR_MATCHER, NULL);

  g_assert_false (matches (matcher, G_IO_ERROR, G_IO_ERROR_FAILED));
  g_assert_false (matches (matcher, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE));
}

typedef struct
{
  int   code;
  guint n_calls;
  guint n_destroyed;
} Func;

static GpErrorMatch
match_func (const GError *error,
            gpointer      user_data)
{
  Func *func = user_data;

  g_assert_cmpstr (error->message, ==, "told by the test");
  func->n_calls++;
  return error->code == func->code ? GP_ERROR_MATCH_YES : GP_ERROR_MATCH_NO;
}

static void
destroy_func (gpointer user_data)
{
  ((Func *) user_data)->n_destroyed++;
}

static void
test_function (void)
{
  Func func = { 7, 0, 0 };
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new (match_func, &func, destroy_func);

  g_assert_true (matches (matcher, G_FILE_ERROR, 7));
  g_assert_false (matches (matcher, G_FILE_ERROR, 8));
  g_assert_cmpuint (func.n_calls, ==, 2);
  g_assert_cmpuint (func.n_destroyed, ==, 0);
  g_clear_object (&matcher);
  g_assert_cmpuint (func.n_destroyed, ==, 1);
}

static GpErrorMatch
match_parts_func (GQuark      domain,
                  int         code,
                  const char *message,
                  gpointer    user_data)
{
  Func *func = user_data;

  g_assert_true (g_utf8_validate (message, -1, NULL));
  func->n_calls++;
  return domain == G_FILE_ERROR && code == func->code && g_str_has_prefix (message, "told")
           ? GP_ERROR_MATCH_YES
           : GP_ERROR_MATCH_NO;
}

static void
test_parts (void)
{
  Func func = { 7, 0, 0 };
  g_autoptr (GpErrorMatcher) matcher =
    gp_error_matcher_new_with_parts (match_parts_func, &func, destroy_func);
  g_autoptr (GError) odd_error = g_error_new_literal (G_FILE_ERROR, 7, "told \xff");

  g_assert_true (matches (matcher, G_FILE_ERROR, 7));
  g_assert_false (matches (matcher, G_FILE_ERROR, 8));
  g_assert_false (matches (matcher, G_IO_ERROR, 7));
  g_assert_true (gp_error_matcher_matches (matcher, odd_error));
  g_assert_cmpuint (func.n_calls, ==, 4);
  g_assert_cmpuint (func.n_destroyed, ==, 0);
  g_clear_object (&matcher);
  g_assert_cmpuint (func.n_destroyed, ==, 1);
}

static void
test_any_of (void)
{
  Func func = { 7, 0, 0 };
  g_autoptr (GpErrorMatcher) matcher = gp_test_watch (gp_error_matcher_new_exit_status (1));

  gp_error_matcher_add (matcher, gp_test_watch (gp_error_matcher_new_pipe ()));
  gp_error_matcher_add (matcher, gp_error_matcher_new (match_func, &func, destroy_func));
  gp_error_matcher_add (matcher, gp_error_matcher_new_error (G_IO_ERROR, G_IO_ERROR_CLOSED));
  g_assert_true (matches (matcher, G_SPAWN_EXIT_ERROR, 1));
  g_assert_true (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_PIPE));
  /* The first that matches decides. */
  g_assert_cmpuint (func.n_calls, ==, 0);
  g_assert_true (matches (matcher, G_IO_ERROR, G_IO_ERROR_CLOSED));
  g_assert_cmpuint (func.n_calls, ==, 1);
  g_assert_true (matches (matcher, G_FILE_ERROR, 7));
  g_assert_false (matches (matcher, G_FILE_ERROR, 8));
  /* The other matcher has gone, its function is still needed */
  g_assert_cmpuint (func.n_destroyed, ==, 0);
  g_clear_object (&matcher);
  g_assert_cmpuint (func.n_destroyed, ==, 1);
}

static void
test_add_to_each_other (void)
{
  g_autoptr (GpErrorMatcher) one = gp_test_watch (gp_error_matcher_new_exit_status (1));
  g_autoptr (GpErrorMatcher) two = gp_test_watch (gp_error_matcher_new_exit_status (2));

  gp_error_matcher_add (one, g_object_ref (one));
  gp_error_matcher_add (one, g_object_ref (two));
  gp_error_matcher_add (two, g_object_ref (one));
  for (int code = 1; code <= 3; code++)
    {
      g_assert_cmpint (matches (one, G_SPAWN_EXIT_ERROR, code), ==, code <= 2);
      g_assert_cmpint (matches (two, G_SPAWN_EXIT_ERROR, code), ==, code <= 2);
    }
}

static void
test_what_it_matches_now (void)
{
  g_autoptr (GpErrorMatcher) one = gp_error_matcher_new_exit_status (1);
  g_autoptr (GpErrorMatcher) two = gp_error_matcher_new_exit_status (2);

  gp_error_matcher_add (one, g_object_ref (two));
  gp_error_matcher_add (two, gp_error_matcher_new_exit_status (3));
  g_assert_true (matches (one, G_SPAWN_EXIT_ERROR, 2));
  g_assert_false (matches (one, G_SPAWN_EXIT_ERROR, 3));
}

static gpointer
add_thread (gpointer data)
{
  for (int i = 0; i < 300; i++)
    gp_error_matcher_add (data, gp_error_matcher_new_exit_status (1 + i % 50));
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GpErrorMatcher) matcher = gp_error_matcher_new_signal (SIGTERM);
  GThread *threads[2];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("add", add_thread, matcher);
  for (int i = 0; i < 300; i++)
    g_assert_true (matches (matcher, GP_SIGNAL_ERROR, GP_SIGNAL_ERROR_TERM));
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (int i = 1; i <= 50; i++)
    g_assert_true (matches (matcher, G_SPAWN_EXIT_ERROR, i));
  g_assert_false (matches (matcher, G_SPAWN_EXIT_ERROR, 51));
}

static gpointer
drop_thread (gpointer data)
{
  g_object_unref (data);
  return NULL;
}

static gboolean
is_destroyed (gpointer data)
{
  return ((Func *) data)->n_destroyed > 0;
}

static void
destroy_in_main_thread (gpointer user_data)
{
  g_assert_true (g_main_context_is_owner (NULL));
  destroy_func (user_data);
}

/* Dropped in another thread, its data are still freed where they were made */
static void
test_data_go_home (void)
{
  Func func = { 7, 0, 0 };
  Func parts_func = { 7, 0, 0 };
  GpErrorMatcher *matcher = gp_error_matcher_new (match_func, &func, destroy_in_main_thread);

  gp_error_matcher_add (matcher, gp_error_matcher_new_with_parts (match_parts_func, &parts_func,
                                                                  destroy_in_main_thread));
  g_thread_join (g_thread_new ("drop", drop_thread, matcher));
  gp_test_wait_until ("the data to be freed", is_destroyed, &func);
  gp_test_wait_until ("the other data to be freed", is_destroyed, &parts_func);
  g_assert_cmpuint (func.n_destroyed, ==, 1);
  g_assert_cmpuint (parts_func.n_destroyed, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/error-matcher/error", test_error);
  gp_test_add ("/error-matcher/exit-status", test_exit_status);
  gp_test_add ("/error-matcher/signal", test_signal);
  gp_test_add ("/error-matcher/sigpipe-only", test_sigpipe_only);
  gp_test_add ("/error-matcher/pipe", test_pipe);
  gp_test_add ("/error-matcher/nothing", test_nothing);
  gp_test_add ("/error-matcher/function", test_function);
  gp_test_add ("/error-matcher/parts", test_parts);
  gp_test_add ("/error-matcher/any-of", test_any_of);
  gp_test_add ("/error-matcher/add-to-each-other", test_add_to_each_other);
  gp_test_add ("/error-matcher/what-it-matches-now", test_what_it_matches_now);
  gp_test_add ("/error-matcher/threads", test_threads);
  gp_test_add ("/error-matcher/data-go-home", test_data_go_home);
  return gp_test_run ();
}
