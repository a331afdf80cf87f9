/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-world-host.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

/* Another /proc, another user, or less of what there usually is. Sandboxes are in
 * test-world-sandbox.c. */

/* --- Another /proc ------------------------------------------------------------------------ */

static void
write_text (const char *path,
            const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
  close (fd);
}

/* As root, or else where users may be anybody in a world of their own */
static void
enter_namespaces (int flags)
{
  g_autofree char *user = g_strdup_printf ("0 %d 1", (int) getuid ());
  g_autofree char *group = g_strdup_printf ("0 %d 1", (int) getgid ());

  if (unshare (flags) == 0)
    return;
  if (unshare (flags | CLONE_NEWUSER) != 0)
    _exit (EXIT_NOT_ALLOWED);
  write_text ("/proc/self/setgroups", "deny");
  write_text ("/proc/self/uid_map", user);
  write_text ("/proc/self/gid_map", group);
}

static void
mount_on_proc (const char *type)
{
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount ("none", "/proc", type, 0, NULL) != 0)
    _exit (EXIT_NOT_ALLOWED);
}

/* The command does not hold open what the program has. */
static void
check_descriptors (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GError) error = NULL;
  int fds[2];
  char byte;

  g_assert_no_errno (pipe (fds));
  world_append (pipeline, WORLD_CHILD ("wait"));
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);

  close (fds[1]);
  g_assert_cmpint (read (fds[0], &byte, 1), ==, 0);
  close (fds[0]);
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
}

/* There is nothing, or (1) folders of that name that are empty, where no shorter way is left. */
static void
host_without_proc (int kind)
{
  struct rlimit limit;

  enter_namespaces (CLONE_NEWNS);
  mount_on_proc ("tmpfs");
  g_assert_cmpint (access ("/proc/self", F_OK), <, 0);
  if (kind == 1)
    {
      getrlimit (RLIMIT_NOFILE, &limit);
      limit.rlim_cur = limit.rlim_max = MIN (limit.rlim_max, 1024);
      setrlimit (RLIMIT_NOFILE, &limit);
      g_assert_no_errno (g_mkdir_with_parents ("/proc/self/fd", 0755));
#ifdef SYS_close_range
      world_refuse (SYS_close_range, -1, ENOSYS);
#endif
    }
  check_descriptors ();
  check_all ();
}

/* Where no namespaces are allowed: no directory can be listed, so no descriptor and no child */
static void
host_without_listings (int kind)
{
#ifdef SYS_close_range
  world_refuse (SYS_close_range, -1, ENOSYS);
#endif
  world_refuse (SYS_getdents64, -1, ENOENT);
  check_all ();
}

/* Ends as the child does */
static void
end_like (pid_t child)
{
  int status = 0;

  while (waitpid (child, &status, 0) < 0 && errno == EINTR)
    continue;
  _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 99);
}

/* The numbers of processes in /proc are not those that we know them by, or are (1). */
static void
host_in_pid_namespace (int kind)
{
  pid_t child;

  enter_namespaces (CLONE_NEWPID | CLONE_NEWNS);

  /* The first process there is special, so the second one is the host. */
  for (int i = 0; i < 2; i++)
    {
      child = fork ();
      g_assert_cmpint (child, >=, 0);
      if (child > 0)
        end_like (child);
      prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    }

  alarm (WATCHDOG_SECONDS);
  if (kind == 1)
    mount_on_proc ("proc");
  check_all ();
}

/* --- Another user ------------------------------------------------------------------------- */

static char *
copy_program (const char *directory,
              const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  char *copy = g_build_filename (directory, name, NULL);
  g_autofree char *contents = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &contents, &size, NULL));
  g_assert_true (g_file_set_contents (copy, contents, size, NULL));
  g_assert_no_errno (chmod (copy, 0755));
  return copy;
}

/* Nobody of that number has any other process */
static void
drop_privileges (void)
{
  uid_t user = 100000 + (uid_t) getpid ();

  g_assert_no_errno (setgroups (0, NULL));
  g_assert_no_errno (setresgid (user, user, user));
  g_assert_no_errno (setresuid (user, user, user));
  g_assert_cmpint (setuid (0), <, 0);
}

/* Runs the rest as another user, who has copies of the programs where he may read them. Somebody who
 * is not root already has no capabilities. */
static void
become_another_user (void)
{
  g_autofree char *directory = NULL;
  g_autofree char *helper = NULL;
  g_autofree char *child = NULL;
  pid_t pid;
  int status = -1;

  if (getuid () != 0)
    return;

  directory = g_dir_make_tmp ("gp-test-world-XXXXXX", NULL);
  g_assert_no_errno (chmod (directory, 0755));
  helper = copy_program (directory, g_getenv ("GOPIPE_EXEC"));
  child = copy_program (directory, gp_test_child ());
  g_setenv ("GOPIPE_EXEC", helper, TRUE);
  g_setenv ("GP_TEST_CHILD", child, TRUE);
  world_set_way (with_helper, supervised);

  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (WATCHDOG_SECONDS);
      drop_privileges ();
      return;
    }

  while (waitpid (pid, &status, 0) < 0 && errno == EINTR)
    continue;
  g_unlink (helper);
  g_unlink (child);
  g_rmdir (directory);
  _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 99);
}

static void
host_of_another_user (int kind)
{
  become_another_user ();
  check_all ();
}

/* --- No more processes -------------------------------------------------------------------- */

static gboolean
works_with_processes (rlim_t max)
{
  struct rlimit limit;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;

  getrlimit (RLIMIT_NPROC, &limit);
  limit.rlim_cur = MIN (max, limit.rlim_max);
  g_assert_no_errno (setrlimit (RLIMIT_NPROC, &limit));

  output = try_echo (&error);
  assert_nothing_left ();
  if (output != NULL)
    {
      g_assert_cmpstr (output, ==, "text");
      return TRUE;
    }

  /* Threads are processes, too, and the limit may come just before one of ours. */
  g_assert_nonnull (error);
  if (strstr (error->message, "cannot start a thread: ") == NULL)
    world_assert_start_error (error);
  return FALSE;
}

/* At some numbers there is a process for the helper, but none for the command. */
static void
host_without_processes (int kind)
{
  rlim_t too_few = 0;
  rlim_t enough = 1 << 22;

  become_another_user ();
  check_all ();
  g_assert_false (works_with_processes (too_few));
  g_assert_true (works_with_processes (enough));

  while (enough - too_few > 1)
    {
      rlim_t middle = too_few + (enough - too_few) / 2;

      if (works_with_processes (middle))
        enough = middle;
      else
        too_few = middle;
    }
  for (rlim_t max = too_few > 4 ? too_few - 4 : 0; max < enough + 4; max++)
    works_with_processes (max);
}

/* --- What a program may lack --------------------------------------------------------------- */

static void
host_without_directory (int kind)
{
  g_autofree char *directory = g_dir_make_tmp ("gp-test-world-XXXXXX", NULL);

  g_assert_no_errno (chdir (directory));
  g_assert_no_errno (g_rmdir (directory));
  check_all ();
}

static void
host_with_closed_streams (int mask)
{
  for (int fd = 0; fd < 3; fd++)
    if ((mask & (1 << fd)) != 0)
      close (fd);
  check_all ();
}

/* --- Busy threads ------------------------------------------------------------------------- */

static pthread_mutex_t atfork_lock = PTHREAD_MUTEX_INITIALIZER;
static int threads_stop;

static void
lock_cb (void)
{
  pthread_mutex_lock (&atfork_lock);
}

static void
unlock_cb (void)
{
  pthread_mutex_unlock (&atfork_lock);
}

/* As libraries do that take all their locks for a fork */
static gpointer
keep_busy (gpointer data)
{
  while (!g_atomic_int_get (&threads_stop))
    {
      g_autofree char *text = NULL;

      pthread_mutex_lock (&atfork_lock);
      text = g_strdup_printf ("%d%s", 1, "text");
      pthread_mutex_unlock (&atfork_lock);
      fflush (stdout);
    }
  return NULL;
}

/* With a fork in the forked child as well (1): nothing may wait there for a thread that is not there */
static void
host_with_busy_threads (int kind)
{
  GThread *threads[4];

  pthread_atfork (lock_cb, unlock_cb, unlock_cb);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("busy", keep_busy, NULL);
  check_all ();
#ifdef SYS_vfork
  if (kind == 1)
    world_refuse (SYS_vfork, -1, EPERM);
#endif

  for (int i = 0; i < 30; i++)
    check_echo ();
  check_stop ();

  g_atomic_int_set (&threads_stop, 1);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* --- Signals that come too late ------------------------------------------------------------ */

/* What has not been read when it ends hides nothing of what it has told. */
static void
host_sends_signals (int kind)
{
  for (int i = 0; i < 100; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
      GpCommandStage *stage = world_append (pipeline, WORLD_CHILD ("exit", "3"));
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      gp_test_start (pipeline, NULL, &error);
      g_assert_no_error (error);
      gp_pipeline_wait_async (pipeline, NULL, gp_test_result_cb, &result);
      while (result == NULL)
        {
          gp_command_stage_send_signal (stage, SIGURG);
          g_main_context_iteration (NULL, FALSE);
        }
      g_assert_false (gp_pipeline_wait_finish (pipeline, result, &error));
      g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);
    }
}

/* --- The death of the program ------------------------------------------------------------- */

/* Starts a command that has the leash and is to die with this program, which waits for that. With 1,
 * a process that was forked later has all that this one had open, and outlives it. */
static void
host_dies (int kind)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  GpCommandStage *stage = world_append (pipeline, WORLD_CHILD ("leave", "sdi", "wait"));
  g_autoptr (GError) error = NULL;
  char byte;

  gp_command_stage_take_fd (stage, LEASH_OUT, LEASH_OUT);
  gp_command_stage_take_fd (stage, LEASH_IN, LEASH_IN);
  gp_command_stage_set_die_with_parent (stage, TRUE);
  gp_command_stage_set_kill_delay (stage, 1);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);

  if (kind == 1 && fork () == 0)
    {
      g_assert_cmpint (write (STDOUT_FILENO, "f", 1), ==, 1);
      (void) !read (STDIN_FILENO, &byte, 1);
      _exit (0);
    }
  for (;;)
    pause ();
}

/* --- Hosts -------------------------------------------------------------------------------- */

static const WorldHost hosts[] = {
  { "without-proc", host_without_proc },
  { "without-listings", host_without_listings },
  { "pid-namespace", host_in_pid_namespace },
  { "another-user", host_of_another_user },
  { "without-processes", host_without_processes },
  { "without-directory", host_without_directory },
  { "closed-streams", host_with_closed_streams },
  { "busy-threads", host_with_busy_threads },
  { "signals", host_sends_signals },
  { "dies", host_dies },
};

/* --- Tests -------------------------------------------------------------------------------- */

static void
test_without_proc (void)
{
  if (!run_host ("without-proc", 0) || !run_host ("without-proc", 1))
    g_test_message ("no namespaces are allowed here: only listings of directories are refused");
  run_host ("without-listings", 0);
}

static void
test_pid_namespace (void)
{
  for (int kind = 0; kind < 2; kind++)
    {
      if (!run_host ("pid-namespace", kind))
        g_test_skip ("no namespaces are allowed here");
    }
}

static void
test_another_user (void)
{
  run_host ("another-user", 0);
}

static void
test_without_processes (void)
{
  run_host ("without-processes", 0);
}

static void
test_without_directory (void)
{
  run_host ("without-directory", 0);
}

static void
test_closed_streams (void)
{
  for (int mask = 1; mask < 8; mask++)
    run_host ("closed-streams", mask);
}

static void
test_busy_threads (void)
{
  run_host ("busy-threads", 0);
  run_host ("busy-threads", 1);
}

static void
test_late_signals (void)
{
  run_host ("signals", 0);
}

static void
await_end_of_program (int kind)
{
  g_auto (GStrv) argv = new_host_arguments ("dies", kind);
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess) host = NULL;
  g_auto (Leash) leash;
  int fds[2];
  char byte;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                        G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  leash_open (&leash, fds);
  g_subprocess_launcher_take_fd (launcher, fds[1], LEASH_OUT);
  g_subprocess_launcher_take_fd (launcher, fds[0], LEASH_IN);
  host = g_subprocess_launcher_spawnv (launcher, (const char * const *) argv, NULL);
  g_subprocess_launcher_close (launcher);
  g_assert_nonnull (host);

  leash_await_ready (&leash);
  if (kind == 1)
    g_assert_cmpint (g_input_stream_read (g_subprocess_get_stdout_pipe (host), &byte, 1, NULL,
                                          NULL), ==, 1);
  g_subprocess_force_exit (host);
  g_subprocess_wait (host, NULL, NULL);
  leash_await_end (&leash);
}

static void
test_program_dies (void)
{
  int fd = -1;

  if (!supervised)
    return;

  await_end_of_program (0);
#ifdef SYS_pidfd_open
  fd = (int) syscall (SYS_pidfd_open, getpid (), 0);
#endif
  if (fd >= 0)
    await_end_of_program (1);
  else
    g_test_message ("without descriptors for processes a forked one hides the end of the program");
  if (fd >= 0)
    close (fd);
}

int
main (int    argc,
      char **argv)
{
  if (argc > 5 && strcmp (argv[1], "--host") == 0)
    return world_host_main (argv, hosts, G_N_ELEMENTS (hosts));

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);

  world_add ("without-proc", test_without_proc);
  world_add ("pid-namespace", test_pid_namespace);
  world_add ("another-user", test_another_user);
  world_add ("without-processes", test_without_processes);
  world_add ("without-directory", test_without_directory);
  world_add ("closed-streams", test_closed_streams);
  world_add ("busy-threads", test_busy_threads);
  world_add ("late-signals", test_late_signals);
  world_add ("program-dies", test_program_dies);

  return gp_test_run ();
}
