/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-kinds.h"
#include "gp-test-util.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Programs that fork and execute nothing. What they had they have twice then, but for the threads. */

#define CHILD_TIMEOUT 50

static char *self_path;

/* --- The child ------------------------------------------------------------------------------ */

typedef void (*ChildFunc) (gpointer data);

static gboolean
do_others_sleep (gpointer data)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      int id = atoi (name);

      if (id != gettid () && !gp_test_thread_sleeps (&id))
        return FALSE;
    }
  return TRUE;
}

/* Runs @func in a forked child, which ends as @how says. Who runs at that moment might hold a lock of
 * GLib's, and nobody would ever release that in the child. */
static pid_t
fork_child (ChildFunc  func,
            gpointer   data,
            void     (*how) (int status))
{
  pid_t pid;

  gp_test_wait_until ("all others to sleep", do_others_sleep, NULL);
  /* Or both write it */
  fflush (NULL);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid > 0)
    return pid;

  alarm (CHILD_TIMEOUT);
  gp_test_ignore_leaks ();
  func (data);
  how (0);
  abort ();
}

static void
await_child (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
assert_refused (gboolean   result,
                GError   **error)
{
  g_assert_false (result);
  g_assert_error (*error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  gp_test_assert_contains ((*error)->message, "forked");
  g_clear_error (error);
}

/* --- Every call ----------------------------------------------------------------------------- */

static GpPipeline *
new_function (void)
{
  GpPipeline *pipeline = gp_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new ("copy", gp_test_copy_func, NULL,
                                                                 NULL)));
  return pipeline;
}

static GAsyncResult *
await_result (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
  return *result;
}

static void
call_synchronously (void)
{
  g_autoptr (GpPipeline) pipeline = new_function ();
  g_autoptr (GError) error = NULL;

  g_assert_null (gp_pipeline_communicate (pipeline, NULL, NULL, &error));
  assert_refused (FALSE, &error);
  g_assert_null (gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error));
  assert_refused (FALSE, &error);
  assert_refused (gp_pipeline_run (pipeline, NULL, &error), &error);
  assert_refused (gp_pipeline_start (pipeline, NULL, &error), &error);
  g_assert_cmpint (gp_pipeline_get_state (pipeline), ==, GP_PIPELINE_STATE_BUILDING);
}

static void
call_asynchronously (void)
{
  g_autoptr (GpPipeline) pipeline = new_function ();
  g_autoptr (GAsyncResult) start = NULL;
  g_autoptr (GAsyncResult) run = NULL;
  g_autoptr (GAsyncResult) communicate = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_start_async (pipeline, NULL, gp_test_result_cb, &start);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &run);
  gp_pipeline_communicate_async (pipeline, NULL, NULL, gp_test_result_cb, &communicate);
  assert_refused (gp_pipeline_start_finish (pipeline, await_result (&start), &error), &error);
  assert_refused (gp_pipeline_run_finish (pipeline, await_result (&run), &error), &error);
  g_assert_null (gp_pipeline_communicate_finish (pipeline, await_result (&communicate), &error));
  assert_refused (FALSE, &error);
}

/* The context that was inherited wakes the original as well. */
static void
call_all (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  call_synchronously ();
  call_asynchronously ();
  g_main_context_pop_thread_default (context);
}

static void
test_refused (gconstpointer how)
{
  await_child (fork_child (call_all, NULL, how));
}

/* A child of the child is no better. */
static void
fork_again (gpointer data)
{
  await_child (fork_child (call_all, NULL, _exit));
}

static void
test_refused_twice (void)
{
  await_child (fork_child (fork_again, NULL, _exit));
}

static gboolean
fork_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  await_child (fork_child (call_all, NULL, _exit));
  return TRUE;
}

/* Its only thread is one of ours. */
static void
test_refused_in_function (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;

  gp_test_add_function (pipeline, "fork", fork_func, NULL);
  gp_pipeline_run (pipeline, NULL, &error);
  g_assert_no_error (error);
}

/* --- What runs in the original -------------------------------------------------------------- */

typedef struct
{
  GpTestLife *lives; /* owned */
  guint       n_lives;
} Lives;

/* All that stay */
static void
init_lives (Lives *self)
{
  *self = (Lives) { .lives = g_new (GpTestLife, gp_test_count_kinds ()) };
  for (const GpTestKind *kind = gp_test_kinds; kind->name != NULL; kind++)
    {
      GpTestLife *life = &self->lives[self->n_lives];

      if (kind->end == GP_TEST_KIND_ENDS)
        continue;
      gp_test_life_make (life, kind);
      gp_test_life_start (life);
      self->n_lives++;
    }
  for (guint i = 0; i < self->n_lives; i++)
    gp_test_wait_until ("the pipelines to be started", gp_test_life_is_started, &self->lives[i]);
}

static void
end_lives (Lives *self)
{
  for (guint i = 0; i < self->n_lives; i++)
    gp_test_life_go_on (&self->lives[i]);
  for (guint i = 0; i < self->n_lives; i++)
    gp_test_life_end (&self->lives[i]);
  g_free (self->lives);
}

static void
kill_commands (GpPipeline *pipeline)
{
  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    {
      GpStage *stage = gp_stage_status_get_stage (gp_pipeline_get_status (pipeline, i));

      if (GP_IS_COMMAND_STAGE (stage))
        g_assert_false (gp_command_stage_send_signal (GP_COMMAND_STAGE (stage), SIGKILL));
    }
}

static void
meddle_with (GpTestLife *life)
{
  g_autoptr (GAsyncResult) wait = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_cancel (life->pipeline);
  kill_commands (life->pipeline);
  g_assert_cmpint (gp_pipeline_get_state (life->pipeline), ==, GP_PIPELINE_STATE_RUNNING);
  assert_refused (gp_pipeline_wait (life->pipeline, NULL, &error), &error);
  gp_pipeline_wait_async (life->pipeline, NULL, gp_test_result_cb, &wait);
  assert_refused (gp_pipeline_wait_finish (life->pipeline, await_result (&wait), &error), &error);
  g_clear_object (&wait);
  g_object_unref (life->input);
  g_object_unref (life->pipeline);
}

static void
meddle (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  Lives *self = data;

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < self->n_lives; i++)
    meddle_with (&self->lives[i]);
  g_main_context_pop_thread_default (context);
}

/* What is cancelled, or called to a context, has an event descriptor that the child shares. Those of
 * contexts are reset when these run. */
static gboolean
are_events_quiet (gpointer data)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fdinfo", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fdinfo", name, NULL);
      g_autofree char *text = NULL;
      const char *count;

      if (!g_file_get_contents (path, &text, NULL, NULL))
        continue;
      count = strstr (text, "eventfd-count:");
      if (count != NULL && g_ascii_strtoull (count + strlen ("eventfd-count:"), NULL, 16) != 0)
        return FALSE;
    }
  return TRUE;
}

/* Whatever a child does with them, they go on as if there were none. */
static void
test_running (gconstpointer how)
{
  Lives lives;

  init_lives (&lives);
  await_child (fork_child (meddle, &lives, how));
  gp_test_wait_until ("no event to be left by the child", are_events_quiet, NULL);
  end_lives (&lives);
}

typedef struct
{
  GInputStream *output;
  GCancellable *cancellable;
  int           thread;
} Reader;

static gpointer
read_output_thread (gpointer data)
{
  Reader *self = data;
  char byte;

  gp_test_announce_thread (&self->thread);
  g_assert_cmpint (g_input_stream_read (self->output, &byte, 1, self->cancellable, NULL), ==, 1);

  return NULL;
}

static void
cancel_reader (gpointer data)
{
  g_cancellable_cancel (((Reader *) data)->cancellable);
}

/* Who waits with a cancellable goes on sleeping when a child cancels its own. */
static void
test_cancelled_in_child (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GOutputStream) input = NULL;
  g_autoptr (GInputStream) output = NULL;
  Reader reader = { .cancellable = cancellable };
  GThread *thread;

  gp_test_add_child (pipeline, "cat", NULL);
  input = gp_pipeline_open_input (pipeline, NULL);
  reader.output = output = gp_pipeline_open_output (pipeline, NULL);
  gp_test_start (pipeline, NULL, NULL);
  thread = g_thread_new ("reader", read_output_thread, &reader);
  gp_test_wait_until ("the reader to sleep", gp_test_thread_sleeps, &reader.thread);

  await_child (fork_child (cancel_reader, &reader, _exit));
  gp_test_wait_until ("no event to be left by the child", are_events_quiet, NULL);
  g_assert_true (g_output_stream_write_all (input, "x", 1, NULL, NULL, NULL));
  g_assert_true (g_output_stream_close (input, NULL, NULL));
  g_thread_join (thread);
  g_assert_true (g_input_stream_close (output, NULL, NULL));
  g_assert_true (gp_test_wait (pipeline, NULL));
}

static void
read_one (gpointer data)
{
  char byte;

  g_assert_cmpint (read (*(int *) data, &byte, 1), ==, 1);
}

/* What is started after the fork does not depend on the child. */
static void
test_child_stays (void)
{
  Lives lives;
  int fds[2];
  pid_t pid;

  gp_test_open_pipe (fds);
  pid = fork_child (read_one, &fds[0], _exit);
  init_lives (&lives);
  end_lives (&lives);
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
  await_child (pid);
  close (fds[0]);
  close (fds[1]);
}

/* --- Before the first use ------------------------------------------------------------------- */

static void
run_one_of_each (gpointer data)
{
  for (guint i = 0; i < gp_test_count_kinds (); i++)
    {
      GpTestLife life;

      gp_test_life_make (&life, &gp_test_kinds[i]);
      gp_test_life_start (&life);
      gp_test_life_go_on (&life);
      gp_test_life_end (&life);
    }
}

/* Parent and child have all they need, in any order. */
static int
host_main (void)
{
  pid_t pid;

  alarm (CHILD_TIMEOUT);
  pid = fork_child (run_one_of_each, NULL, exit);
  run_one_of_each (NULL);
  await_child (pid);
  return 0;
}

static void
test_before_use (void)
{
  char *argv[] = { self_path, (char *) "--host", NULL };
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL, &status,
                &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (argc == 2 && g_str_equal (argv[1], "--host"))
    return host_main ();

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);
  gp_test_add_data ("/forked/refused/_exit", _exit, test_refused);
  gp_test_add_data ("/forked/refused/exit", exit, test_refused);
  gp_test_add ("/forked/refused/twice", test_refused_twice);
  gp_test_add ("/forked/refused/in-function", test_refused_in_function);
  gp_test_add_data ("/forked/running/_exit", _exit, test_running);
  gp_test_add_data ("/forked/running/exit", exit, test_running);
  gp_test_add ("/forked/cancelled-in-child", test_cancelled_in_child);
  gp_test_add ("/forked/child-stays", test_child_stays);
  gp_test_add ("/forked/before-use", test_before_use);
  status = gp_test_run ();
  g_free (self_path);
  return status;
}
