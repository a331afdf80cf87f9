/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-util.h"

/* The environment, as a command really sees it: what is set for the pipeline, then for the command,
 * and of these the later ones win. */

extern char **environ;

/* A variable of the program's own that every case may count on */
#define INHERITED "GP_TEST_INHERITED"

static int
compare (gconstpointer a,
         gconstpointer b)
{
  return strcmp (*(char * const *) a, *(char * const *) b);
}

/* The variables whose names start with "V_", and the inherited one, in alphabetical order */
static char *
filter (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();

  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "V_") || g_str_has_prefix (*line, INHERITED))
      g_ptr_array_add (found, *line);
  g_ptr_array_sort (found, compare);
  g_ptr_array_add (found, NULL);
  return g_strjoinv (" ", (char **) found->pdata);
}

/* Of a pipeline whose command prints its environment */
static void
assert_environ (GpPipeline *pipeline,
                const char *expected)
{
  g_autofree char *text = gp_test_output_of (pipeline, NULL);
  g_autofree char *seen = filter (text);

  g_assert_cmpstr (seen, ==, expected);
}

static GpPipeline *
new_pipeline (GpCommandStage **command)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  *command = gp_test_add_child (pipeline, "environ", NULL);
  return pipeline;
}

typedef struct
{
  const char *entries[4];
  GError     *error;
  guint       n_calls;
  guint       n_destroyed;
  GThread    *thread;
  GpPipeline *pipeline;
} Func;

static char **
environ_func (gpointer   user_data,
              GError   **error)
{
  Func *func = user_data;

  func->n_calls++;
  func->thread = g_thread_self ();
  if (func->pipeline != NULL)
    {
      g_assert_cmpint (gp_pipeline_get_state (func->pipeline), ==, GP_PIPELINE_STATE_BUILDING);
      for (guint i = 0; i < gp_pipeline_get_n_stages (func->pipeline); i++)
        g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (func->pipeline, i)),
                         ==, GP_STAGE_STATE_WAITING);
    }
  if (func->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&func->error));
      return NULL;
    }
  return g_strdupv ((char **) func->entries);
}

static void
destroy_func (gpointer user_data)
{
  ((Func *) user_data)->n_destroyed++;
}

static gboolean
is_destroyed (gpointer data)
{
  return ((Func *) data)->n_destroyed > 0;
}

/* Once, and perhaps a moment later: whoever has run a stage may hold it a little longer. */
static void
assert_destroyed (Func *func)
{
  gp_test_wait_until ("the data to be freed", is_destroyed, func);
  g_assert_cmpuint (func->n_destroyed, ==, 1);
}

/* --- What is set ------------------------------------------------------------------------------ */

static void
test_inherited (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  assert_environ (pipeline, INHERITED "=yes");
}

static void
test_set (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  gp_pipeline_setenv (pipeline, "V_A", "pipeline", TRUE);
  gp_pipeline_setenv (pipeline, "V_B", "pipeline", TRUE);
  gp_pipeline_setenv (pipeline, "V_B", "kept", FALSE);
  gp_command_stage_setenv (command, "V_A", "command", TRUE);
  gp_command_stage_setenv (command, "V_B", "kept as well", FALSE);
  gp_command_stage_setenv (command, "V_C", "a=b=c", TRUE);
  gp_command_stage_setenv (command, "V_D", "", TRUE);
  assert_environ (pipeline,
                  INHERITED "=yes V_A=command V_B=pipeline V_C=a=b=c V_D=");
}

static void
test_unset (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  gp_pipeline_unsetenv (pipeline, INHERITED);
  gp_pipeline_setenv (pipeline, "V_A", "1", TRUE);
  gp_pipeline_setenv (pipeline, "V_B", "1", TRUE);
  gp_pipeline_unsetenv (pipeline, "V_A");
  gp_command_stage_unsetenv (command, "V_B");
  gp_command_stage_unsetenv (command, "V_NEVER_SET");
  gp_command_stage_setenv (command, "V_C", "1", TRUE);
  assert_environ (pipeline, "V_C=1");
}

static void
test_several (void)
{
  static const char * const first[] = { "V_A=1", "V_B=1=1", "V_A=2", NULL };
  static const char * const second[] = { "V_B=", "V_C=3", NULL };
  static const char * const none[] = { NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  gp_pipeline_add_environ (pipeline, first);
  gp_pipeline_add_environ (pipeline, none);
  gp_pipeline_setenv (pipeline, "V_D", "4", TRUE);
  gp_command_stage_add_environ (command, second);
  gp_command_stage_add_environ (command, none);
  assert_environ (pipeline, INHERITED "=yes V_A=2 V_B= V_C=3 V_D=4");
}

static void
test_clear (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  g_autofree char *text = NULL;

  gp_pipeline_setenv (pipeline, "V_A", "1", TRUE);
  gp_pipeline_clearenv (pipeline);
  gp_pipeline_setenv (pipeline, "V_B", "1", TRUE);
  text = gp_test_output_of (pipeline, NULL);
  /* Really nothing else */
  g_assert_cmpstr (text, ==, "V_B=1\n");
}

static void
test_clear_command (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  GpCommandStage *other = gp_command_stage_new (gp_test_child (), "cat", NULL);
  g_autofree char *text = NULL;

  gp_pipeline_append (pipeline, GP_STAGE (other));
  gp_pipeline_setenv (pipeline, "V_A", "1", TRUE);
  gp_command_stage_setenv (command, "V_B", "1", TRUE);
  gp_command_stage_clearenv (command);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "");
}

static void
test_clear_then_base (void)
{
  static const char * const base[] = { "V_BASE=1", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  g_autofree char *text = NULL;

  /* The base is what there is before all changes, whenever it was set. */
  gp_command_stage_setenv (command, "V_A", "1", TRUE);
  gp_command_stage_set_environ (command, base);
  gp_command_stage_setenv (command, "V_B", "1", TRUE);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "V_BASE=1\nV_A=1\nV_B=1\n");
}

/* An entry that has no "=" is none of our business if it is inherited. */
static void
test_odd_entries_survive (void)
{
  char *own[] = { (char *) "WITHOUT-EQUALS", (char *) INHERITED "=yes", NULL };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  char **before = environ;
  g_autofree char *text = NULL;

  gp_pipeline_setenv (pipeline, "V_A", "1", TRUE);
  gp_command_stage_setenv (command, "V_B", "1", TRUE);
  environ = own;
  text = gp_test_output_of (pipeline, NULL);
  environ = before;
  g_assert_cmpstr (text, ==, "WITHOUT-EQUALS\n" INHERITED "=yes\nV_A=1\nV_B=1\n");
}

static void
change_variable (void)
{
  g_setenv (INHERITED, "changed", TRUE);
}

static void
add_variable (void)
{
  g_setenv ("V_LATE", "1", TRUE);
}

static void
remove_variable (void)
{
  g_unsetenv (INHERITED);
}

static void
change_nothing (void)
{
}

/* What the program changes after the start has no effect any more. */
static void
test_fixed_at_start (gconstpointer change)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) output = NULL;
  g_autofree char *text = NULL;
  g_autofree char *seen = NULL;

  gp_pipeline_communicate_async (pipeline, NULL, NULL, gp_test_result_cb, &result);
  ((void (*) (void)) change) ();
  gp_test_await ("the output", &result);
  g_setenv (INHERITED, "yes", TRUE);
  g_unsetenv ("V_LATE");
  output = gp_pipeline_communicate_finish (pipeline, result, NULL);
  text = g_strndup (g_bytes_get_data (output, NULL), g_bytes_get_size (output));
  seen = filter (text);
  g_assert_cmpstr (seen, ==, INHERITED "=yes");
}

/* --- Functions -------------------------------------------------------------------------------- */

static void
test_function_order (void)
{
  Func one = { .entries = { "V_A=one", "V_B=one", "V_C=one=x" } };
  Func two = { .entries = { "V_B=two", "V_D=two" } };
  Func three = { .entries = { "V_D=three", "V_E=three" } };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  gp_pipeline_setenv (pipeline, "V_A", "before", TRUE);
  gp_pipeline_add_environ_function (pipeline, environ_func, &one, destroy_func);
  gp_pipeline_setenv (pipeline, "V_C", "after", TRUE);
  gp_pipeline_add_environ_function (pipeline, environ_func, &two, destroy_func);
  gp_command_stage_setenv (command, "V_D", "before", TRUE);
  gp_command_stage_add_environ_function (command, environ_func, &three, destroy_func);
  gp_command_stage_setenv (command, "V_E", "after", TRUE);
  assert_environ (pipeline,
                  INHERITED "=yes V_A=one V_B=two V_C=after V_D=three V_E=after");
  g_assert_cmpuint (one.n_calls, ==, 1);
  g_assert_cmpuint (two.n_calls, ==, 1);
  g_assert_cmpuint (three.n_calls, ==, 1);
  g_clear_object (&pipeline);
  assert_destroyed (&one);
  assert_destroyed (&two);
  assert_destroyed (&three);
}

typedef enum
{
  START_ASYNC,
  START_BLOCKING,
  RUN_BLOCKING,
  START_IN_THREAD,
} HowToStart;

static gpointer
run_thread (gpointer data)
{
  g_assert_true (gp_pipeline_run (data, NULL, NULL));
  return g_thread_self ();
}

/* In the thread that starts it, and before anything is started */
static void
test_function_where (gconstpointer data)
{
  HowToStart how = GPOINTER_TO_INT (data);
  Func outer = { .entries = { "V_A=1" } };
  Func inner = { .entries = { "V_B=1" } };
  Func own = { .entries = { "V_C=1" } };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = new_pipeline (&command);
  gpointer expected = g_thread_self ();

  gp_pipeline_append_command (pipeline, gp_test_child (), "cat", NULL);
  gp_pipeline_append (pipeline, GP_STAGE (nested));
  outer.pipeline = pipeline;
  inner.pipeline = pipeline;
  own.pipeline = nested;
  gp_pipeline_add_environ_function (pipeline, environ_func, &outer, NULL);
  gp_pipeline_add_environ_function (nested, environ_func, &inner, NULL);
  gp_command_stage_add_environ_function (command, environ_func, &own, NULL);
  if (how == START_ASYNC)
    {
      gp_pipeline_start_async (pipeline, NULL, NULL, NULL);
      g_assert_cmpuint (own.n_calls, ==, 1);
      g_assert_true (gp_test_wait (pipeline, NULL));
    }
  else if (how == START_BLOCKING)
    {
      g_assert_true (gp_pipeline_start (pipeline, NULL, NULL));
      g_assert_true (gp_test_wait (pipeline, NULL));
    }
  else if (how == RUN_BLOCKING)
    {
      g_assert_true (gp_pipeline_run (pipeline, NULL, NULL));
    }
  else
    {
      expected = g_thread_join (g_thread_new ("run", run_thread, pipeline));
    }

  g_assert_cmpuint (outer.n_calls, ==, 1);
  g_assert_cmpuint (inner.n_calls, ==, 1);
  g_assert_cmpuint (own.n_calls, ==, 1);
  g_assert_true (outer.thread == expected);
  g_assert_true (inner.thread == expected);
  g_assert_true (own.thread == expected);
}

static void
test_nested (void)
{
  Func outer = { .entries = { "V_A=outer", "V_B=outer", "V_C=outer" } };
  Func inner = { .entries = { "V_B=inner", "V_C=inner" } };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpPipeline *nested = new_pipeline (&command);

  gp_pipeline_append (pipeline, GP_STAGE (nested));
  gp_pipeline_add_environ_function (pipeline, environ_func, &outer, NULL);
  gp_pipeline_add_environ_function (nested, environ_func, &inner, NULL);
  gp_command_stage_setenv (command, "V_C", "command", TRUE);
  assert_environ (pipeline, INHERITED "=yes V_A=outer V_B=inner V_C=command");
  g_assert_cmpuint (outer.n_calls, ==, 1);
  g_assert_cmpuint (inner.n_calls, ==, 1);
}

/* Functions of the application get it from their context. */
static void
test_context_has_it (void)
{
  Func func = { .entries = { "V_A=1" } };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_HOLD);
  g_auto (GStrv) entries = NULL;

  gp_pipeline_clearenv (pipeline);
  gp_pipeline_add_environ_function (pipeline, environ_func, &func, NULL);
  g_assert_true (gp_test_start (pipeline, NULL, NULL));
  entries = gp_stage_context_dup_environ (gp_test_probe_get_context (probe));
  g_assert_cmpuint (g_strv_length (entries), ==, 1);
  g_assert_cmpstr (entries[0], ==, "V_A=1");
  gp_test_probe_end (probe, GP_TEST_END_SUCCESS);
  g_assert_true (gp_test_wait (pipeline, NULL));
}

/* --- What cannot be --------------------------------------------------------------------------- */

static void
assert_start_fails (GpPipeline *pipeline,
                    GQuark      domain,
                    int         code,
                    const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, domain, code);
  gp_test_assert_message (error, message);
}

static void
test_function_fails (void)
{
  Func never = { .entries = { "V_A=1" } };
  Func func = { .error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such secret") };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);

  gp_pipeline_add_environ_function (pipeline, environ_func, &func, destroy_func);
  gp_pipeline_add_environ_function (pipeline, environ_func, &never, destroy_func);
  assert_start_fails (pipeline, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                      "pipeline: finding out the environment: no such secret");
  g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 0);
  g_assert_cmpuint (never.n_calls, ==, 0);
  g_clear_object (&pipeline);
  assert_destroyed (&func);
  assert_destroyed (&never);
}

static void
test_command_function_fails (void)
{
  Func func = { .error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no \xff secret") };
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  GpTestProbe *probe = gp_test_add_probe (pipeline, "probe", GP_TEST_END_SUCCESS);

  gp_command_stage_set_name (command, "child");
  gp_command_stage_add_environ_function (command, environ_func, &func, NULL);
  assert_start_fails (pipeline, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                      "starting stage \"child\": finding out the environment: "
                      "no \xef\xbf\xbd secret");
  g_assert_cmpuint (gp_test_probe_get_n_runs (probe), ==, 0);
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 0)), ==,
                   GP_STAGE_STATE_FAILED);
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, 1)), ==,
                   GP_STAGE_STATE_NOT_STARTED);
}

static void
test_nested_function_fails (void)
{
  Func func = { .error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such secret") };
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *command;
  GpPipeline *nested = new_pipeline (&command);

  gp_pipeline_set_name (nested, "nested");
  gp_pipeline_add_environ_function (nested, environ_func, &func, NULL);
  gp_pipeline_append (pipeline, GP_STAGE (nested));
  assert_start_fails (pipeline, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                      "starting stage \"nested\": nested: finding out the environment: "
                      "no such secret");
}

static char **
nothing_func (gpointer   user_data,
              GError   **error)
{
  return NULL;
}

static char **
both_func (gpointer   user_data,
           GError   **error)
{
  static const char * const entries[] = { "V_A=1", NULL };

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "both");
  return g_strdupv ((char **) entries);
}

static char **
odd_func (gpointer   user_data,
          GError   **error)
{
  const char *entries[] = { "V_A=1", user_data, NULL };

  return g_strdupv ((char **) entries);
}

static void
test_function_faults (void)
{
  GpCommandStage *command;

  {
    g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

    gp_pipeline_add_environ_function (pipeline, nothing_func, NULL, NULL);
    assert_start_fails (pipeline, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT,
                        "pipeline: finding out the environment: "
                        "the function returned neither entries nor an error");
  }
  {
    g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

    gp_pipeline_add_environ_function (pipeline, both_func, NULL, NULL);
    assert_start_fails (pipeline, G_IO_ERROR, G_IO_ERROR_FAILED,
                        "pipeline: finding out the environment: both");
  }
}

static void
test_bad_entries (void)
{
  static const char * const bad[] = { "without-equals", "=without-name", "" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *entries[] = { "V_A=1", bad[i], NULL };
      g_autofree char *text =
        g_strdup_printf ("environment entry \"%s\" is not of the form NAME=VALUE", bad[i]);
      g_autofree char *for_pipeline = g_strconcat ("pipeline: ", text, NULL);
      g_autofree char *for_command = g_strconcat ("starting stage \"child\": ", text, NULL);

      for (int variant = 0; variant < 4; variant++)
        {
          GpCommandStage *command;
          g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

          gp_command_stage_set_name (command, "child");
          if (variant == 0)
            gp_pipeline_add_environ (pipeline, entries);
          else if (variant == 1)
            gp_pipeline_add_environ_function (pipeline, odd_func, (char *) bad[i], NULL);
          else if (variant == 2)
            gp_command_stage_add_environ (command, entries);
          else
            gp_command_stage_add_environ_function (command, odd_func, (char *) bad[i], NULL);
          assert_start_fails (pipeline, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                              variant < 2 ? for_pipeline : for_command);
        }
    }
}

static void
test_bad_names (void)
{
  static const char * const bad[] = { "", "A=B", "=" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    for (int nested = 0; nested < 2; nested++)
      {
        g_autofree char *message =
          g_strdup_printf ("%spipeline: \"%s\" cannot be the name of an environment variable",
                           nested ? "starting stage \"pipeline\": " : "", bad[i]);
        GpCommandStage *command;
        g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

        if (i == 0)
          gp_pipeline_setenv (pipeline, bad[i], "value", TRUE);
        else
          gp_pipeline_unsetenv (pipeline, bad[i]);
        if (nested)
          {
            g_autoptr (GpPipeline) outer = gp_test_pipeline_new ();

            gp_pipeline_append (outer, GP_STAGE (g_steal_pointer (&pipeline)));
            assert_start_fails (outer, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, message);
          }
        else
          {
            assert_start_fails (pipeline, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID, message);
          }
      }
}

/* --- What a function must not do -------------------------------------------------------------- */

static char **
meddling_func (gpointer   user_data,
               GError   **error)
{
  GpPipeline *pipeline = user_data;
  g_autoptr (GError) own_error = NULL;
  static const char * const entries[] = { "V_A=1", NULL };

  g_assert_false (gp_pipeline_start (pipeline, NULL, &own_error));
  g_assert_error (own_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_clear_error (&own_error);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &own_error));
  g_assert_error (own_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  g_clear_error (&own_error);
  g_assert_null (gp_pipeline_open_output (pipeline, &own_error));
  g_assert_error (own_error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_ALREADY_STARTED);
  gp_pipeline_cancel (pipeline);

  gp_test_begin_criticals ();
  gp_pipeline_setenv (pipeline, "V_B", "1", TRUE);
  gp_pipeline_clearenv (pipeline);
  gp_pipeline_append (pipeline, GP_STAGE (gp_command_stage_new ("true", NULL)));
  g_assert_null (gp_pipeline_append_command (pipeline, "true", NULL));
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 4);
  return g_strdupv ((char **) entries);
}

static void
test_function_meddles (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);

  gp_pipeline_add_environ_function (pipeline, meddling_func, pipeline, NULL);
  assert_environ (pipeline, INHERITED "=yes V_A=1");
}

static void
test_sealed (void)
{
  GpCommandStage *command;
  g_autoptr (GpPipeline) pipeline = new_pipeline (&command);
  static const char * const entries[] = { "V_A=1", NULL };
  Func func = { .entries = { "V_A=1" } };

  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  gp_test_begin_criticals ();
  gp_pipeline_clearenv (pipeline);
  gp_pipeline_add_environ (pipeline, entries);
  gp_pipeline_add_environ_function (pipeline, environ_func, &func, NULL);
  gp_command_stage_clearenv (command);
  gp_command_stage_add_environ (command, entries);
  gp_command_stage_add_environ_function (command, environ_func, &func, NULL);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 6);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  g_setenv (INHERITED, "yes", TRUE);
  gp_test_add ("/environment/inherited", test_inherited);
  gp_test_add ("/environment/set", test_set);
  gp_test_add ("/environment/unset", test_unset);
  gp_test_add ("/environment/several", test_several);
  gp_test_add ("/environment/clear", test_clear);
  gp_test_add ("/environment/clear-command", test_clear_command);
  gp_test_add ("/environment/clear-then-base", test_clear_then_base);
  gp_test_add ("/environment/odd-entries-survive", test_odd_entries_survive);
  gp_test_add_data ("/environment/fixed-at-start/changed", change_variable, test_fixed_at_start);
  gp_test_add_data ("/environment/fixed-at-start/added", add_variable, test_fixed_at_start);
  gp_test_add_data ("/environment/fixed-at-start/removed", remove_variable, test_fixed_at_start);
  gp_test_add_data ("/environment/fixed-at-start/nothing", change_nothing, test_fixed_at_start);
  gp_test_add ("/environment/function/order", test_function_order);
  gp_test_add_data ("/environment/function/async", GINT_TO_POINTER (START_ASYNC),
                    test_function_where);
  gp_test_add_data ("/environment/function/blocking-start", GINT_TO_POINTER (START_BLOCKING),
                    test_function_where);
  gp_test_add_data ("/environment/function/blocking-run", GINT_TO_POINTER (RUN_BLOCKING),
                    test_function_where);
  gp_test_add_data ("/environment/function/in-thread", GINT_TO_POINTER (START_IN_THREAD),
                    test_function_where);
  gp_test_add ("/environment/function/fails", test_function_fails);
  gp_test_add ("/environment/function/of-command-fails", test_command_function_fails);
  gp_test_add ("/environment/function/of-nested-fails", test_nested_function_fails);
  gp_test_add ("/environment/function/faults", test_function_faults);
  gp_test_add ("/environment/function/meddles", test_function_meddles);
  gp_test_add ("/environment/nested", test_nested);
  gp_test_add ("/environment/context-has-it", test_context_has_it);
  gp_test_add ("/environment/bad-entries", test_bad_entries);
  gp_test_add ("/environment/bad-names", test_bad_names);
  gp_test_add ("/environment/sealed", test_sealed);
  return gp_test_run ();
}
