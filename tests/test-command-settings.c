/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* What can be set on a command, without what the settings do to a process */

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

static int
open_null (void)
{
  int fd = open ("/dev/null", O_RDWR);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

/* --- Properties ---------------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  GType     (*get_type) (void);
  guint64     initial; /* of whichever type */
  guint64     other;
} Property;

static GType
boolean_type (void)
{
  return G_TYPE_BOOLEAN;
}

static GType
uint_type (void)
{
  return G_TYPE_UINT;
}

static GType
uint64_type (void)
{
  return G_TYPE_UINT64;
}

static GType
int_type (void)
{
  return G_TYPE_INT;
}

static const Property properties[] = {
  { "supervised", boolean_type, TRUE, FALSE },
  { "die-with-parent", boolean_type, FALSE, TRUE },
  { "kill-descendants", boolean_type, FALSE, TRUE },
  { "terminal", boolean_type, FALSE, TRUE },
  { "process-group", gp_process_group_get_type, GP_PROCESS_GROUP_AUTO, GP_PROCESS_GROUP_OWN },
  { "kill-delay", uint_type, 2000, G_MAXUINT },
  { "time-limit", uint_type, 0, G_MAXUINT },
  { "memory-limit", uint64_type, 0, G_MAXUINT64 },
  { "memory-interval", uint_type, 100, 1 },
  { "nice", int_type, 0, 39 },
};

static void
init_value (GValue         *value,
            const Property *property,
            guint64         number)
{
  g_value_init (value, property->get_type ());
  if (G_VALUE_HOLDS_BOOLEAN (value))
    g_value_set_boolean (value, number != 0);
  else if (G_VALUE_HOLDS_UINT (value))
    g_value_set_uint (value, (guint) number);
  else if (G_VALUE_HOLDS_UINT64 (value))
    g_value_set_uint64 (value, number);
  else if (G_VALUE_HOLDS_INT (value))
    g_value_set_int (value, (int) number);
  else
    g_value_set_enum (value, (int) number);
}

static void
assert_property (GpCommandStage *stage,
                 const Property *property,
                 guint64         number)
{
  g_auto (GValue) expected = G_VALUE_INIT;
  g_auto (GValue) value = G_VALUE_INIT;
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (stage), property->name);

  g_assert_nonnull (pspec);
  init_value (&expected, property, number);
  g_object_get_property (G_OBJECT (stage), property->name, &value);
  g_assert_cmpint (g_param_values_cmp (pspec, &value, &expected), ==, 0);
}

static void
set_property (GpCommandStage *stage,
              const Property *property,
              guint64         number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  init_value (&value, property, number);
  g_object_set_property (G_OBJECT (stage), property->name, &value);
}

static void
count_cb (GObject    *object,
          GParamSpec *pspec,
          gpointer    data)
{
  ++*(guint *) data;
}

static void
test_property (gconstpointer data)
{
  const Property *property = data;
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  g_autofree char *detailed = g_strconcat ("notify::", property->name, NULL);
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (stage), property->name);
  g_auto (GValue) initial = G_VALUE_INIT;
  guint n_notified = 0;
  guint n_all = 0;

  init_value (&initial, property, property->initial);
  g_assert_cmpint (g_param_values_cmp (pspec, g_param_spec_get_default_value (pspec), &initial), ==, 0);
  assert_property (stage, property, property->initial);

  g_signal_connect (stage, detailed, G_CALLBACK (count_cb), &n_notified);
  g_signal_connect (stage, "notify", G_CALLBACK (count_cb), &n_all);
  set_property (stage, property, property->initial);
  g_assert_cmpuint (n_notified, ==, 0);
  set_property (stage, property, property->other);
  g_assert_cmpuint (n_notified, ==, 1);
  assert_property (stage, property, property->other);
  set_property (stage, property, property->other);
  g_assert_cmpuint (n_notified, ==, 1);
  set_property (stage, property, property->initial);
  g_assert_cmpuint (n_notified, ==, 2);
  assert_property (stage, property, property->initial);
  g_assert_cmpuint (n_all, ==, 2);
}

static void
test_accessors (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));

  gp_command_stage_set_supervised (stage, FALSE);
  g_assert_false (gp_command_stage_get_supervised (stage));
  gp_command_stage_set_die_with_parent (stage, TRUE);
  g_assert_true (gp_command_stage_get_die_with_parent (stage));
  gp_command_stage_set_kill_descendants (stage, TRUE);
  g_assert_true (gp_command_stage_get_kill_descendants (stage));
  gp_command_stage_set_terminal (stage, TRUE);
  g_assert_true (gp_command_stage_get_terminal (stage));
  gp_command_stage_set_time_limit (stage, 1);
  g_assert_cmpuint (gp_command_stage_get_time_limit (stage), ==, 1);
  gp_command_stage_set_memory_limit (stage, 2);
  g_assert_cmpuint (gp_command_stage_get_memory_limit (stage), ==, 2);
  gp_command_stage_set_memory_interval (stage, 3);
  g_assert_cmpuint (gp_command_stage_get_memory_interval (stage), ==, 3);
  gp_command_stage_set_nice (stage, -39);
  g_assert_cmpint (gp_command_stage_get_nice (stage), ==, -39);
}

static void
test_ranges (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  guint columns, rows;

  gp_test_begin_criticals ();
  gp_command_stage_set_memory_interval (stage, 0);
  gp_command_stage_set_nice (stage, 40);
  gp_command_stage_set_nice (stage, -40);
  gp_command_stage_set_resource_limit (stage, (GpResource) -1, 1);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CORE_SIZE + 1, 1);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CPU_TIME, -2);
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_CORE_SIZE + 1), ==, -1);
  gp_command_stage_set_terminal_size (stage, 0, 1);
  gp_command_stage_set_terminal_size (stage, 1, 0);
  gp_command_stage_set_terminal_size (stage, 65536, 1);
  gp_command_stage_set_terminal_size (stage, 1, 65536);
  g_assert_false (gp_command_stage_send_signal (stage, 0));
  g_assert_false (gp_command_stage_send_signal (stage, -1));
  g_assert_false (gp_command_stage_send_signal (stage, NSIG));
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, 14);

  g_assert_cmpuint (gp_command_stage_get_memory_interval (stage), ==, 100);
  g_assert_cmpint (gp_command_stage_get_nice (stage), ==, 0);
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_CPU_TIME), ==, -1);
  gp_command_stage_get_terminal_size (stage, &columns, &rows);
  g_assert_cmpuint (columns, ==, 80);
  g_assert_cmpuint (rows, ==, 24);
}

static void
test_streams (void)
{
  GpCommandStage *stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  g_autoptr (GInputStream) input = gp_test_watch (gp_test_source_new (0, FALSE));
  g_autoptr (GOutputStream) output = gp_test_watch (gp_test_sink_new (0, NULL));
  g_autoptr (GInputStream) got_input = NULL;
  g_autoptr (GOutputStream) got_output = NULL;
  guint n_stdin = 0;
  guint n_stdout = 0;

  g_assert_null (gp_command_stage_get_stdin (stage));
  g_assert_null (gp_command_stage_get_stdout (stage));
  g_signal_connect (stage, "notify::stdin", G_CALLBACK (count_cb), &n_stdin);
  g_signal_connect (stage, "notify::stdout", G_CALLBACK (count_cb), &n_stdout);
  g_object_set (stage, "stdin", input, "stdout", output, NULL);
  g_object_set (stage, "stdin", input, "stdout", output, NULL);
  g_object_get (stage, "stdin", &got_input, "stdout", &got_output, NULL);
  g_assert_true (got_input == input);
  g_assert_true (got_output == output);
  g_assert_true (gp_command_stage_get_stdin (stage) == input);
  g_assert_true (gp_command_stage_get_stdout (stage) == output);
  g_assert_cmpuint (n_stdin, ==, 1);
  g_assert_cmpuint (n_stdout, ==, 1);

  gp_command_stage_set_stdin (stage, NULL);
  g_assert_null (gp_command_stage_get_stdin (stage));
  g_assert_cmpuint (n_stdin, ==, 2);
  gp_command_stage_set_stdin (stage, input);

  /* They are lent. */
  g_object_unref (stage);
  g_assert_cmpuint (gp_test_source_get_n_closes (input), ==, 0);
  g_assert_cmpuint (gp_test_sink_get_n_closes (output), ==, 0);
}

static void
test_resource_limits (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));

  for (int i = GP_RESOURCE_CPU_TIME; i <= GP_RESOURCE_CORE_SIZE; i++)
    {
      g_assert_cmpint (gp_command_stage_get_resource_limit (stage, i), ==, -1);
      gp_command_stage_set_resource_limit (stage, i, i * 1000);
    }
  for (int i = GP_RESOURCE_CPU_TIME; i <= GP_RESOURCE_CORE_SIZE; i++)
    g_assert_cmpint (gp_command_stage_get_resource_limit (stage, i), ==, i * 1000);

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_FILE_SIZE, G_MAXINT64);
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_FILE_SIZE), ==, G_MAXINT64);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_FILE_SIZE, -1);
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_FILE_SIZE), ==, -1);
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_OPEN_FILES), ==, 2000);
}

static void
test_terminal_size (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  guint columns = 0;
  guint rows = 0;

  gp_command_stage_set_terminal_size (stage, 65535, 1);
  gp_command_stage_get_terminal_size (stage, &columns, NULL);
  gp_command_stage_get_terminal_size (stage, NULL, &rows);
  g_assert_cmpuint (columns, ==, 65535);
  g_assert_cmpuint (rows, ==, 1);
}

/* --- After the start ----------------------------------------------------------------------- */

static void
call_all_setters (GpCommandStage *stage,
                  int             fd)
{
  g_autoptr (GInputStream) input = g_memory_input_stream_new ();
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();

  for (gsize i = 0; i < G_N_ELEMENTS (properties); i++)
    set_property (stage, &properties[i], properties[i].other);
  gp_command_stage_set_stdin (stage, input);
  gp_command_stage_set_stdout (stage, output);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CPU_TIME, 1);
  gp_command_stage_accept_exit_status (stage, 1);
  gp_command_stage_take_fd (stage, fd, 3);
}

static void
test_sealed (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  int fd = open_null ();
  guint columns;

  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);

  gp_test_begin_criticals ();
  call_all_setters (stage, fd);
  g_assert_cmpuint (gp_test_end_criticals (&text), ==, G_N_ELEMENTS (properties) + 5);
  gp_test_assert_contains (text, "the pipeline of command \"exit\" was already started");

  for (gsize i = 0; i < G_N_ELEMENTS (properties); i++)
    assert_property (stage, &properties[i], properties[i].initial);
  g_assert_null (gp_command_stage_get_stdin (stage));
  g_assert_null (gp_command_stage_get_stdout (stage));
  g_assert_cmpint (gp_command_stage_get_resource_limit (stage, GP_RESOURCE_CPU_TIME), ==, -1);

  /* A refused descriptor stays the caller's. */
  g_clear_object (&pipeline);
  g_assert_true (is_open (fd));
  close (fd);

  pipeline = gp_test_pipeline_new ();
  stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  gp_command_stage_set_terminal_size (stage, 100, 50);
  gp_command_stage_get_terminal_size (stage, &columns, NULL);
  g_assert_cmpuint (columns, ==, 100);
}

static void
test_no_process (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_command_stage_send_signal (stage, SIGTERM));
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (gp_command_stage_send_signal (stage, SIGKILL));
}

/* --- Mistakes ------------------------------------------------------------------------------ */

typedef struct
{
  const char *path;
  void      (*make) (GpCommandStage *stage);
  const char *message;
  guint       n_criticals;
} Mistake;

static void
accept_256 (GpCommandStage *stage)
{
  gp_command_stage_accept_exit_status (stage, 0);
  gp_command_stage_accept_exit_status (stage, 255);
  gp_command_stage_accept_exit_status (stage, 256);
}

static void
accept_negative (GpCommandStage *stage)
{
  gp_command_stage_accept_exit_status (stage, -1);
}

static void
same_target (GpCommandStage *stage)
{
  gp_command_stage_take_fd (stage, open_null (), 7);
  gp_command_stage_take_fd (stage, open_null (), 8);
  gp_command_stage_take_fd (stage, open_null (), 7);
}

static void
same_source (GpCommandStage *stage)
{
  int fd = open_null ();

  g_assert_cmpint (dup2 (fd, 200), ==, 200);
  close (fd);
  gp_command_stage_take_fd (stage, 200, 3);
  gp_command_stage_take_fd (stage, 200, 4);
}

static void
not_open (GpCommandStage *stage)
{
  gp_command_stage_take_fd (stage, -1, 5);
}

static void
standard_target (GpCommandStage *stage)
{
  gp_command_stage_take_fd (stage, open_null (), 2);
}

static void
high_target (GpCommandStage *stage)
{
  gp_command_stage_take_fd (stage, open_null (), G_MAXINT);
}

static void
unsupervised_death (GpCommandStage *stage)
{
  gp_command_stage_set_supervised (stage, FALSE);
  gp_command_stage_set_die_with_parent (stage, TRUE);
}

static void
unsupervised_descendants (GpCommandStage *stage)
{
  gp_command_stage_set_kill_descendants (stage, TRUE);
  gp_command_stage_set_supervised (stage, FALSE);
}

static void
terminal_in_our_group (GpCommandStage *stage)
{
  gp_command_stage_set_terminal (stage, TRUE);
  gp_command_stage_set_process_group (stage, GP_PROCESS_GROUP_CALLER);
}

static void
two_mistakes (GpCommandStage *stage)
{
  gp_command_stage_take_fd (stage, -1, 3);
  accept_256 (stage);
}

static const Mistake mistakes[] = {
  { "/command-settings/mistakes/exit-status-256", accept_256,
    "256 is accepted, but no exit status: these are 0 to 255", 0 },
  { "/command-settings/mistakes/exit-status-negative", accept_negative,
    "-1 is accepted, but no exit status: these are 0 to 255", 0 },
  { "/command-settings/mistakes/same-target", same_target, "descriptor 7 was set twice", 0 },
  { "/command-settings/mistakes/same-source", same_source,
    "descriptor 4: 200 was taken already, as descriptor 3", 0 },
  { "/command-settings/mistakes/not-open", not_open, "descriptor 5: -1 is not open", 0 },
  { "/command-settings/mistakes/standard-target", standard_target,
    "descriptor 2 is not 3 or above", 1 },
  { "/command-settings/mistakes/high-target", high_target,
    "descriptor 2147483647 is above the limit of open files, ", 0 },
  { "/command-settings/mistakes/unsupervised-death", unsupervised_death,
    "die-with-parent is set, but the command is not supervised", 0 },
  { "/command-settings/mistakes/unsupervised-descendants", unsupervised_descendants,
    "kill-descendants is set, but the command is not supervised", 0 },
  { "/command-settings/mistakes/terminal-in-our-group", terminal_in_our_group,
    "it has a terminal of its own, but is in the process group of the program", 0 },
  { "/command-settings/mistakes/first-counts", two_mistakes, "descriptor 3: -1 is not open", 0 },
};

/* Told when the command is started, with its name; nothing of it is left open */
static void
test_mistake (gconstpointer data)
{
  const Mistake *mistake = data;
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_child_new ("exit", "0", NULL);
  g_autofree char *expected = g_strconcat ("starting stage \"mine\": ", mistake->message, NULL);
  g_autoptr (GError) error = NULL;
  guint n_fds = gp_test_count_fds ();

  gp_command_stage_set_name (stage, "mine");
  gp_test_begin_criticals ();
  mistake->make (stage);
  g_assert_cmpuint (gp_test_end_criticals (NULL), ==, mistake->n_criticals);
  gp_pipeline_append (pipeline, GP_STAGE (stage));

  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  if (g_str_has_suffix (expected, " "))
    g_assert_true (g_str_has_prefix (error->message, expected));
  else
    gp_test_assert_message (error, expected);

  /* While the stage is still there */
  g_assert_cmpuint (gp_test_count_fds (), <=, n_fds);
}

/* --- Descriptors --------------------------------------------------------------------------- */

static void
test_fds_never_started (void)
{
  GpCommandStage *stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  int fds[] = { open_null (), open_null (), open_null () };

  gp_command_stage_take_fd (stage, fds[0], 3);
  gp_command_stage_take_fd (stage, fds[1], 900);
  g_assert_true (is_open (fds[0]));
  g_assert_true (is_open (fds[1]));

  /* Not one that was refused, of which nobody knows */
  gp_command_stage_take_fd (stage, fds[2], 3);
  g_assert_false (is_open (fds[2]));

  g_object_unref (stage);
  g_assert_false (is_open (fds[0]));
  g_assert_false (is_open (fds[1]));
}

static void
test_fds_not_inherited (void)
{
  g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));
  int fd = open_null ();

  g_assert_cmpint (fcntl (fd, F_GETFD), ==, 0);
  gp_command_stage_take_fd (stage, fd, 3);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
}

static void
test_fds_standard_target (void)
{
  for (int target = -1; target < 3; target++)
    {
      g_autoptr (GpCommandStage) stage = gp_test_watch (gp_command_stage_new ("program", NULL));
      g_autofree char *text = NULL;
      int fd = open_null ();

      gp_test_begin_criticals ();
      gp_command_stage_take_fd (stage, fd, target);
      g_assert_cmpuint (gp_test_end_criticals (&text), ==, 1);
      gp_test_assert_contains (text, "command \"program\"");
      g_assert_false (is_open (fd));
    }
}

static void
test_fds_started (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "cat", NULL);
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GError) error = NULL;
  int fd = open_null ();

  input = gp_pipeline_open_input (pipeline, &error);
  g_assert_no_error (error);
  gp_command_stage_take_fd (stage, fd, 3);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);

  /* It has its own now, and runs. */
  g_assert_false (is_open (fd));
  g_output_stream_close (input, NULL, &error);
  g_assert_no_error (error);
  gp_test_wait (pipeline, &error);
  g_assert_no_error (error);
}

static void
test_fds_failed_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  int fds[] = { open_null (), open_null (), open_null () };
  g_autoptr (GError) error = NULL;

  gp_command_stage_take_fd (gp_test_add_child (pipeline, "exit", "0", NULL), fds[0], 3);
  gp_command_stage_take_fd (gp_pipeline_append_command (pipeline, "/nonexistent", NULL), fds[1], 3);
  gp_command_stage_take_fd (gp_test_add_child (pipeline, "exit", "0", NULL), fds[2], 3);
  g_assert_false (gp_pipeline_run (pipeline, NULL, &error));
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);

  /* Of the stage before, of the one itself, and of the one that was never reached */
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    g_assert_false (is_open (fds[i]));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autofree char *path = g_strconcat ("/command-settings/property/", properties[i].name, NULL);

      gp_test_add_data (path, &properties[i], test_property);
    }
  gp_test_add ("/command-settings/accessors", test_accessors);
  gp_test_add ("/command-settings/ranges", test_ranges);
  gp_test_add ("/command-settings/streams", test_streams);
  gp_test_add ("/command-settings/resource-limits", test_resource_limits);
  gp_test_add ("/command-settings/terminal-size", test_terminal_size);
  gp_test_add ("/command-settings/sealed", test_sealed);
  gp_test_add ("/command-settings/no-process", test_no_process);
  for (gsize i = 0; i < G_N_ELEMENTS (mistakes); i++)
    gp_test_add_data (mistakes[i].path, &mistakes[i], test_mistake);
  gp_test_add ("/command-settings/fds/never-started", test_fds_never_started);
  gp_test_add ("/command-settings/fds/not-inherited", test_fds_not_inherited);
  gp_test_add ("/command-settings/fds/standard-target", test_fds_standard_target);
  gp_test_add ("/command-settings/fds/started", test_fds_started);
  gp_test_add ("/command-settings/fds/failed-start", test_fds_failed_start);
  return gp_test_run ();
}
