/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-table.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <unistd.h>

/* Every call of the program fails once, or from then on, in pipelines of all kinds: each n that
 * there is, in a program of its own. They end with all that they should give, or with an error;
 * nothing is left, and the next pipeline works. */

#define DESCRIPTORS \
  (GP_TEST_CALL_BIT (PIPE) | GP_TEST_CALL_BIT (EVENTFD) | GP_TEST_CALL_BIT (EPOLL_CREATE) | \
   GP_TEST_CALL_BIT (SOCKETPAIR) | GP_TEST_CALL_BIT (OPEN) | GP_TEST_CALL_BIT (DUP) | \
   GP_TEST_CALL_BIT (PIDFD_OPEN))
#define PROCESSES \
  (GP_TEST_CALL_BIT (THREAD) | GP_TEST_CALL_BIT (SPAWN) | GP_TEST_CALL_BIT (FORK))

static const GpTestFault faults[] = {
  GP_TEST_FAULT (PIPE, "pipe2", EMFILE),
  GP_TEST_FAULT (PIPE, "pipe2", ENFILE),
  GP_TEST_FAULT (SOCKETPAIR, "socketpair", EMFILE),
  GP_TEST_FAULT (SOCKETPAIR, "socketpair", ENOMEM),
  GP_TEST_FAULT (EVENTFD, "eventfd", EMFILE),
  GP_TEST_FAULT (EVENTFD, "eventfd", ENOMEM),
  GP_TEST_FAULT (EPOLL_CREATE, "epoll_create1", EMFILE),
  GP_TEST_HARMLESS (EPOLL_CTL, "epoll_ctl", ENOMEM),
  GP_TEST_HARMLESS (PIDFD_OPEN, "pidfd_open", EMFILE),
  GP_TEST_HARMLESS (PIDFD_OPEN, "pidfd_open", ENOSYS),
  GP_TEST_FAULT (OPEN, "open", EMFILE),
  GP_TEST_FAULT (OPEN, "open", ENOENT),
  GP_TEST_FAULT (OPEN, "open", EACCES),
  GP_TEST_HARMLESS (OPEN, "open", EINTR),
  GP_TEST_FAULT (DUP, "fcntl-dup", EMFILE),
  GP_TEST_FAULT (FCNTL, "fcntl", EPERM),
  GP_TEST_HARMLESS (SPAWN, "posix_spawn", EAGAIN),
  GP_TEST_HARMLESS (SPAWN, "posix_spawn", ENOMEM),
  GP_TEST_HARMLESS (SPAWN, "posix_spawn", E2BIG),
  GP_TEST_HARMLESS (SPAWN, "posix_spawn", ENOENT),
  GP_TEST_FAULT (FORK, "fork", EAGAIN),
  GP_TEST_FAULT (FORK, "fork", ENOMEM),
  GP_TEST_FAULT (THREAD, "pthread_create", EAGAIN),
  GP_TEST_HARMLESS (READ, "read", EINTR),
  GP_TEST_HARMLESS (READ, "read", EAGAIN),
  GP_TEST_FAULT (READ, "read", EIO),
  GP_TEST_HARMLESS (READ, "read", GP_TEST_SHORT),
  GP_TEST_HARMLESS (WRITE, "write", EINTR),
  GP_TEST_HARMLESS (WRITE, "write", EAGAIN),
  GP_TEST_FAULT (WRITE, "write", EIO),
  GP_TEST_FAULT (WRITE, "write", ENOMEM),
  GP_TEST_FAULT (WRITE, "write", ENOSPC),
  GP_TEST_HARMLESS (WRITE, "write", GP_TEST_SHORT),
  GP_TEST_FAULT (CLOSE, "close", EIO),
  GP_TEST_FAULT (CLOSE, "close", EINTR),
  GP_TEST_HARMLESS (SEND, "send", EINTR),
  GP_TEST_FAULT (SEND, "send", ENOBUFS),
  GP_TEST_HARMLESS (RECV, "recv", EINTR),
  GP_TEST_FAULT (RECV, "recv", ENOMEM),
  GP_TEST_FAULT (SPLICE, "splice", EINVAL),
  GP_TEST_HARMLESS (POLL, "poll", EINTR),
  GP_TEST_FAULT (POLL, "poll", ENOMEM),
  GP_TEST_FAULT (FSTAT, "fstat", ENOMEM),
  GP_TEST_FAULT (FSYNC, "fsync", EIO),
  GP_TEST_FAULT (FCHMOD, "fchmod", EPERM),
  GP_TEST_FAULT (FCHOWN, "fchown", EPERM),
  GP_TEST_FAULT (RENAME, "rename", ENOSPC),
  GP_TEST_FAULT (UNLINK, "unlink", EIO),
  GP_TEST_FAULT (IOCTL, "ioctl", EIO),
  GP_TEST_FAULT (WAITID, "waitid", ECHILD),
  GP_TEST_HARMLESS (WAITPID, "waitpid", EINTR),
  GP_TEST_FAULT (WAITPID, "waitpid", ECHILD),
  GP_TEST_FAULT (KILL, "kill", EPERM),
  GP_TEST_FAULT (SIGACTION, "sigaction", EINVAL),
  GP_TEST_LASTING ("fchown-all", GP_TEST_CALL_BIT (FCHOWN), EPERM),
  GP_TEST_LASTING ("descriptors", DESCRIPTORS, EMFILE),
  GP_TEST_LASTING ("processes", PROCESSES, EAGAIN),
};

/* --- What GLib does not survive ----------------------------------------------------------- */

/* Each of its ends, by GLib alone. If one does not occur any more, it is to be struck from the
 * list, and what the library does against it may go. */
typedef struct
{
  const char *name;
  const char *says;
  uint64_t    calls;
  int         errsv;
  void      (*func) (void);
} GlibEnd;

static void
make_stream (void)
{
  g_autoptr (GInputStream) stream = g_unix_input_stream_new (STDIN_FILENO, FALSE);

  g_assert_nonnull (stream);
}

static void
make_context (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_assert_nonnull (context);
}

static void
make_process (void)
{
  g_autoptr (GSubprocess) process = g_subprocess_new (G_SUBPROCESS_FLAGS_INHERIT_FDS, NULL,
                                                      gp_test_child (), "exit", "0", NULL);

  g_assert_nonnull (process);
}

static void
give_descriptor (void)
{
  g_autoptr (GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_INHERIT_FDS);
  g_autoptr (GSubprocess) process = NULL;

  g_subprocess_launcher_take_fd (launcher, open ("/dev/null", O_RDONLY | O_CLOEXEC), 3);
  process = g_subprocess_launcher_spawn (launcher, NULL, gp_test_child (), "exit", "0", NULL);
  g_assert_null (process);
}

static const GlibEnd glib_ends[] = {
  { "stream", "epoll_create1 () failed", GP_TEST_CALL_BIT (EPOLL_CREATE), EMFILE, make_stream },
  { "context", "Creating pipes for GWakeup", GP_TEST_CALL_BIT (EVENTFD) | GP_TEST_CALL_BIT (PIPE),
    EMFILE, make_context },
  { "worker", "creating thread 'gmain'", GP_TEST_CALL_BIT (THREAD), EAGAIN, make_process },
  { "descriptor", "assertion failed: (success == (", GP_TEST_CALL_BIT (DUP), EMFILE,
    give_descriptor },
};

static void
run_glib_end (gconstpointer  data,
              GpTestReport  *report)
{
  const GlibEnd *end = data;

  gp_test_fault_arm ();
  end->func ();
  gp_test_fault_disarm ();
}

static void
test_glib_end (gconstpointer data)
{
  const GlibEnd *end = data;
  GpTestFaults *shared = gp_test_fault_get ();
  g_auto (GpTestOutcome) outcome = { 0, };

  *shared = (GpTestFaults) { .calls = end->calls, .errsv = end->errsv,
                             .scope = GP_TEST_SCOPE_PROGRAM, .first = 1, .last = G_MAXUINT };
  gp_test_fault_run (run_glib_end, end, &outcome);
  g_assert_cmpint (outcome.end, ==, GP_TEST_END_GLIB);
  g_assert_cmpstr (outcome.glib, ==, end->says);
}

static void
add_glib_ends (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (glib_ends); i++)
    {
      g_autofree char *path = g_strdup_printf ("/faults/glib/%s", glib_ends[i].name);

      g_assert_cmpstr (gp_test_glib_end (i), ==, glib_ends[i].says);
      gp_test_add_data (path, &glib_ends[i], test_glib_end);
    }
  g_assert_null (gp_test_glib_end (G_N_ELEMENTS (glib_ends)));
}

/* --- Where each call counts --------------------------------------------------------------- */

/* What is opened before the start, and what waits for a good end */
static void
run_gates (gconstpointer  data,
           GpTestReport  *report)
{
  const GpTestScene *scene = data;
  guint n_fds = gp_test_count_fds ();
  g_autoptr (GpPipeline) opened = NULL;
  g_autoptr (GpPipeline) pipeline = NULL;
  g_autoptr (GInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GpCommandStage *command;

  gp_test_fault_arm ();
  opened = gp_test_pipeline_new ();
  gp_pipeline_set_partial_input_is_error (opened, TRUE);
  gp_test_add_child (opened, "cat", NULL);
  output = gp_pipeline_open_output (opened, &error);
  if (output != NULL)
    {
      g_autoptr (GOutputStream) input = gp_pipeline_open_input (opened, &error);
    }
  if (error == NULL)
    {
      pipeline = gp_test_pipeline_new ();
      gp_pipeline_set_partial_input_is_error (pipeline, TRUE);
      command = gp_test_add_child (pipeline, "cat", NULL);
      gp_command_stage_set_supervised (command, scene->mode->supervised);
      gp_test_add_function (pipeline, "turn", gp_test_copy_func, NULL);
      if (gp_pipeline_start (pipeline, NULL, &error))
        gp_pipeline_wait (pipeline, NULL, &error);
    }

  gp_test_scene_judge (report, error == NULL, &error);
  g_clear_object (&output);
  g_clear_object (&opened);
  g_clear_object (&pipeline);
  gp_test_scene_end (report, n_fds, gp_test_fault_get ()->n_faults);
}

/* Few enough that a quick test fails all of them, one after the other */
typedef struct
{
  const char    *name;
  const char    *scene; /* NULL: the gates */
  uint64_t       calls;
  int            errsv;
} Each;

static const Each each[] = {
  { "gates-eventfd", NULL, GP_TEST_CALL_BIT (EVENTFD), EMFILE },
  { "gates-pipe2", NULL, GP_TEST_CALL_BIT (PIPE), EMFILE },
  { "terminal-ioctl", "set-up", GP_TEST_CALL_BIT (IOCTL), EIO },
  { "terminal-dup", "set-up", GP_TEST_CALL_BIT (DUP), EMFILE },
  { "terminal-open", "set-up", GP_TEST_CALL_BIT (OPEN), EMFILE },
};

static GpTestRunFunc
find_scene (const char *name)
{
  for (guint i = 0; i < GP_TEST_N_SCENES; i++)
    {
      if (g_strcmp0 (gp_test_scenes[i].name, name) == 0)
        return gp_test_scenes[i].func;
    }

  return run_gates;
}

static void
test_each (gconstpointer data)
{
  const Each *one = data;
  const GpTestScene scene = { &gp_test_modes[0], FALSE };
  GpTestFaults *shared = gp_test_fault_get ();
  guint n_calls = 1;

  for (guint n = 0; n <= n_calls; n++)
    {
      g_auto (GpTestOutcome) outcome = { 0, };

      *shared = (GpTestFaults) { .calls = one->calls, .errsv = one->errsv,
                                 .scope = GP_TEST_SCOPE_PROGRAM, .first = n, .last = n };
      gp_test_fault_run (find_scene (one->scene), &scene, &outcome);
      g_test_message ("call %u: %s", n, outcome.problem != NULL ? outcome.problem
                                                                : outcome.report.message);
      g_assert_cmpint (outcome.end, !=, GP_TEST_END_WRONG);
      if (n == 0)
        {
          g_assert_cmpint (outcome.end, ==, GP_TEST_END_SUCCESS);
          n_calls = shared->n_calls;
          g_assert_cmpuint (n_calls, >, 0);
        }
    }
}

static void
add_each (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (each); i++)
    {
      g_autofree char *path = g_strdup_printf ("/faults/each/%s", each[i].name);

      gp_test_add_data (path, &each[i], test_each);
    }
}

int
main (int    argc,
      char **argv)
{
  gboolean forks = g_strcmp0 (g_getenv ("GOPIPE_EXEC"), "/nonexistent") == 0;

  gp_test_fault_init (&argc, &argv);
  gp_test_scenes_init ();
  gp_test_faults_add ("faults", GP_TEST_SCOPE_PROGRAM, forks, faults, G_N_ELEMENTS (faults));
  if (forks)
    gp_test_faults_add ("faults-fork", GP_TEST_SCOPE_FORKS, TRUE,
                        gp_test_helper_faults, gp_test_count_helper_faults ());
  add_glib_ends ();
  add_each ();

  return gp_test_faults_run_all ();
}
