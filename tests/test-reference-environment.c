/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

/* As test-reference-features.c: the row about the environment, as a command really sees it */

extern char **environ;

/* What the command at the end of the pipeline really has, with what appears twice there twice */
static char **
get_environ (GpPipeline *pipeline)
{
  g_autofree char *output = gp_test_output_of (pipeline, NULL);

  return g_strsplit (output, "\n", -1);
}

static GpPipeline *
new_environ (GpCommandStage **command)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  *command = gp_test_add_child (pipeline, "environ", NULL);
  return pipeline;
}

static guint
count_prefix (char       **strings,
              const char  *prefix)
{
  guint n = 0;

  for (char **string = strings; *string != NULL; string++)
    n += g_str_has_prefix (*string, prefix);
  return n;
}

static void
test_one_variable (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;

  gp_pipeline_setenv (pipeline, "V_ONE", "1", TRUE);
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "1");
}

static void
test_several_variables (void)
{
  static const char * const entries[] = { "V_ONE=1", "V_TWO=2", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;

  gp_pipeline_add_environ (pipeline, entries);
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "1");
  g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "2");
}

static char **
counting_func (gpointer   user_data,
               GError   **error)
{
  int *n_calls = user_data;
  g_autofree char *value = g_strdup_printf ("%d", ++*n_calls);

  return g_environ_setenv (NULL, "V_COUNT", value, TRUE);
}

static char **
several_func (gpointer   user_data,
              GError   **error)
{
  static const char * const entries[] = { "V_ONE=1", "V_TWO=2", NULL };

  return g_strdupv ((char **) entries);
}

/* Called at the start, not before, and once for all that is started */
static void
test_variables_of_function (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;
  int n_calls = 0;

  gp_pipeline_add_environ_function (pipeline, counting_func, &n_calls, NULL);
  gp_test_add_child (pipeline, "cat", NULL);
  g_assert_cmpint (n_calls, ==, 0);
  n_calls = 41;
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_COUNT"), ==, "42");
  g_assert_cmpint (n_calls, ==, 42);
}

static void
test_several_variables_of_function (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;

  gp_pipeline_add_environ_function (pipeline, several_func, NULL, NULL);
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "1");
  g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "2");
}

/* Whichever way they came; and no variable is there twice. */
static void
test_later_wins (void)
{
  static const char * const entries[] = { "V_TWO=later", "V_THREE=early", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;

  gp_pipeline_setenv (pipeline, "V_ONE", "early", TRUE);
  gp_pipeline_setenv (pipeline, "PATH", "/later", TRUE);
  gp_pipeline_add_environ_function (pipeline, several_func, NULL, NULL);
  gp_pipeline_add_environ (pipeline, entries);
  gp_pipeline_setenv (pipeline, "V_THREE", "later", TRUE);
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "1");
  g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "later");
  g_assert_cmpstr (g_environ_getenv (seen, "V_THREE"), ==, "later");
  g_assert_cmpstr (g_environ_getenv (seen, "PATH"), ==, "/later");
  g_assert_cmpuint (count_prefix (seen, "V_"), ==, 3);
  g_assert_cmpuint (count_prefix (seen, "PATH="), ==, 1);
}

static void
test_without_equals_sign (void)
{
  char *own[] = { (char *) "NO-EQUALS-SIGN", (char *) "V_ONE=1", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;
  char **before = environ;

  gp_pipeline_setenv (pipeline, "V_TWO", "2", TRUE);
  environ = own;
  seen = get_environ (pipeline);
  environ = before;
  g_assert_true (g_strv_contains ((const char * const *) seen, "NO-EQUALS-SIGN"));
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "1");
  g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "2");
}

static void
test_value_with_equals_sign (void)
{
  static const char * const entries[] = { "V_TWO=d=e=", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_environ (&command);
  g_auto (GStrv) seen = NULL;

  gp_pipeline_setenv (pipeline, "V_ONE", "a=b=c", TRUE);
  gp_pipeline_add_environ (pipeline, entries);
  seen = get_environ (pipeline);
  g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, "a=b=c");
  g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "d=e=");
}

static void
test_unset_and_clear (void)
{
  for (int clear = 0; clear < 2; clear++)
    {
      GpCommandStage *command;
      g_autoptr (GpPipeline) pipeline = new_environ (&command);
      g_auto (GStrv) seen = NULL;

      gp_pipeline_setenv (pipeline, "V_ONE", "1", TRUE);
      if (clear)
        gp_pipeline_clearenv (pipeline);
      else
        gp_pipeline_unsetenv (pipeline, "V_ONE");
      gp_pipeline_setenv (pipeline, "V_TWO", "2", TRUE);
      seen = get_environ (pipeline);
      g_assert_null (g_environ_getenv (seen, "V_ONE"));
      g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, "2");
      g_assert_cmpint (g_environ_getenv (seen, "PATH") == NULL, ==, clear);
    }
}

/* Each kind of change, and of this command alone */
static void
test_environment_of_stage (void)
{
  static const char * const entries[] = { "V_TWO=stage", NULL };

  for (int other = 0; other < 2; other++)
    {
      GpCommandStage *command;
      g_autoptr (GpPipeline) pipeline = new_environ (&command);
      GpCommandStage *changed = command;
      g_auto (GStrv) seen = NULL;
      int n_calls = 0;

      if (other)
        changed = gp_test_add_child (pipeline, "cat", NULL);
      gp_pipeline_setenv (pipeline, "V_ONE", "pipeline", TRUE);
      gp_pipeline_setenv (pipeline, "V_GONE", "pipeline", TRUE);
      gp_command_stage_setenv (changed, "V_ONE", "stage", TRUE);
      gp_command_stage_add_environ (changed, entries);
      gp_command_stage_add_environ_function (changed, counting_func, &n_calls, NULL);
      gp_command_stage_unsetenv (changed, "V_GONE");
      seen = get_environ (pipeline);
      g_assert_cmpstr (g_environ_getenv (seen, "V_ONE"), ==, other ? "pipeline" : "stage");
      g_assert_cmpstr (g_environ_getenv (seen, "V_GONE"), ==, other ? "pipeline" : NULL);
      g_assert_cmpstr (g_environ_getenv (seen, "V_TWO"), ==, other ? NULL : "stage");
      g_assert_cmpstr (g_environ_getenv (seen, "V_COUNT"), ==, other ? NULL : "1");
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/reference/features/environment/one", test_one_variable);
  gp_test_add ("/reference/features/environment/several", test_several_variables);
  gp_test_add ("/reference/features/environment/function", test_variables_of_function);
  gp_test_add ("/reference/features/environment/function-with-several",
               test_several_variables_of_function);
  gp_test_add ("/reference/features/environment/later-wins", test_later_wins);
  gp_test_add ("/reference/features/environment/without-equals-sign", test_without_equals_sign);
  gp_test_add ("/reference/features/environment/value-with-equals-sign",
               test_value_with_equals_sign);
  gp_test_add ("/reference/features/environment/unset-and-clear", test_unset_and_clear);
  gp_test_add ("/reference/features/environment/of-a-stage", test_environment_of_stage);
  return gp_test_run ();
}
