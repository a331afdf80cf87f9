/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-leash.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Commands of programs that lose what GLib needs to know, and of programs that die. With "--host"
 * this is such a program: it ends with status 0, or with another one that tells the line of what
 * went wrong. */

#define N_RUNS 50

/* What a host has to do with its children */
typedef enum
{
  HOST_THIEF,          /* waits for any child in another thread */
  HOST_IGNORES,        /* ignores SIGCHLD */
  HOST_WANTS_NO_NEWS,  /* sets SA_NOCLDWAIT */
  HOST_LATE = 1 << 4,  /* not before the command runs */
  HOST_OLD  = 1 << 5,  /* where GLib needs SIGCHLD, since there are no descriptors of processes */
} HostKind;

static char *self_path;

#define host_check(expression) \
  G_STMT_START \
  { \
    if (!(expression)) \
      _exit (__LINE__ % 255 + 1); \
  } \
  G_STMT_END

/* --- The host whose children's ends are lost ---------------------------------------------- */

static gpointer
steal_children (gpointer data)
{
  for (;;)
    {
      if (waitpid (-1, NULL, 0) < 0)
        sched_yield ();
    }

  return NULL;
}

static void
lose_children (HostKind kind)
{
  struct sigaction action = { .sa_handler = SIG_DFL };

  switch (kind & 0xf)
    {
    case HOST_IGNORES:
      action.sa_handler = SIG_IGN;
      host_check (sigaction (SIGCHLD, &action, NULL) == 0);
      break;

    case HOST_WANTS_NO_NEWS:
      action.sa_flags = SA_NOCLDWAIT;
      host_check (sigaction (SIGCHLD, &action, NULL) == 0);
      break;

    default:
      break;
    }
}

static void
refuse_process_descriptors (void)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  host_check (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  host_check (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* What a run may come to: what has happened, or, if it is not supervised, that nobody knows */
static void
check_outcome (GpPipeline   *pipeline,
               const GError *error,
               int           exit_status,
               gboolean      supervised)
{
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);

  if (!supervised && g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST))
    {
      host_check (gp_stage_status_get_exit_status (status) == -1);
      return;
    }

  if (exit_status == 0)
    host_check (error == NULL);
  else
    host_check (g_error_matches (error, G_SPAWN_EXIT_ERROR, exit_status));
  host_check (gp_stage_status_get_exit_status (status) == exit_status);
}

static void
lose_one (HostKind kind,
          gboolean supervised,
          int      exit_status)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autofree char *text = g_strdup_printf ("%d", exit_status);
  GpCommandStage *command = gp_test_add_child (pipeline, "exit-later", text, NULL);
  g_autoptr (GOutputStream) input = gp_pipeline_open_input (pipeline, NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_supervised (command, supervised);
  if ((kind & HOST_LATE) == 0)
    lose_children (kind);
  gp_pipeline_start (pipeline, NULL, &error);
  host_check (error == NULL);

  if ((kind & HOST_LATE) != 0)
    lose_children (kind);
  host_check (g_output_stream_close (input, NULL, NULL));
  gp_pipeline_wait (pipeline, NULL, &error);
  check_outcome (pipeline, error, exit_status, supervised);

  if ((kind & HOST_LATE) != 0)
    signal (SIGCHLD, SIG_DFL);
}

static int
lose_main (char **argv)
{
  HostKind kind = atoi (argv[3]);
  gboolean supervised = atoi (argv[4]);

  if ((kind & HOST_OLD) != 0)
    refuse_process_descriptors ();
  if ((kind & 0xf) == HOST_THIEF)
    g_thread_unref (g_thread_new ("thief", steal_children, NULL));

  for (int i = 0; i < N_RUNS; i++)
    {
      lose_one (kind, supervised, 0);
      lose_one (kind, supervised, 1);
    }

  /* Not through exit, for the thief does not end */
  _exit (0);
}

/* --- The host that dies ------------------------------------------------------------------- */

typedef struct
{
  const char *how;              /* of "leave" */
  const char *end;
  gboolean    die_with_parent;
  guint       kill_delay;
  GpPipeline *pipeline;         /* (out) */
} Dying;

static gpointer
start_thread (gpointer data)
{
  Dying *self = data;
  GpCommandStage *command;

  self->pipeline = gp_pipeline_new ();
  command = gp_test_add_child (self->pipeline, "leave", self->how, self->end, NULL);
  gp_command_stage_take_fd (command, dup (STDOUT_FILENO), LEASH_OUT);
  gp_command_stage_take_fd (command, dup (STDIN_FILENO), LEASH_IN);
  gp_command_stage_set_die_with_parent (command, self->die_with_parent);
  gp_command_stage_set_kill_delay (command, self->kill_delay);
  host_check (gp_pipeline_start (self->pipeline, NULL, NULL));

  return NULL;
}

/* The thread that starts the command ends, and the program at SIGUSR1. */
static int
die_main (char **argv)
{
  Dying dying = { argv[3], argv[4], atoi (argv[5]), (guint) atoi (argv[6]), NULL };
  sigset_t signals;
  int signum;

  sigemptyset (&signals);
  sigaddset (&signals, SIGUSR1);
  host_check (pthread_sigmask (SIG_BLOCK, &signals, NULL) == 0);

  g_thread_join (g_thread_new ("starter", start_thread, &dying));
  host_check (write (STDOUT_FILENO, "!", 1) == 1);
  close (STDIN_FILENO);
  close (STDOUT_FILENO);

  host_check (sigwait (&signals, &signum) == 0);
  g_object_unref (dying.pipeline);

  return 0;
}

static int
host_main (int    argc,
           char **argv)
{
  const char *timeout = g_getenv ("GP_TEST_TIMEOUT");

  signal (SIGALRM, SIG_DFL);
  alarm (timeout != NULL ? (guint) atoi (timeout) : 50);

  if (argc == 5 && strcmp (argv[2], "lose") == 0)
    return lose_main (argv);
  if (argc == 7 && strcmp (argv[2], "die") == 0)
    return die_main (argv);

  return 255;
}

/* --- The tests: status -------------------------------------------------------------------- */

static char **
host_environment (void)
{
  return g_environ_unsetenv (g_get_environ (), "G_DEBUG");
}

typedef struct
{
  const char *name;
  HostKind    kind;
  gboolean    only_supervised;
} LosingHost;

/* Who waits for any child leaves no trace: of a command that is not supervised nobody can know. And
 * without the descriptor of a process or SIGCHLD GLib does not even see its end. */
static const LosingHost losing_hosts[] = {
  { "thief", HOST_THIEF, TRUE },
  { "thief-old", HOST_THIEF | HOST_OLD, TRUE },
  { "ignores", HOST_IGNORES, FALSE },
  { "ignores-old", HOST_IGNORES | HOST_OLD, TRUE },
  { "ignores-late", HOST_IGNORES | HOST_LATE, FALSE },
  { "ignores-late-old", HOST_IGNORES | HOST_LATE | HOST_OLD, TRUE },
  { "wants-no-news", HOST_WANTS_NO_NEWS, FALSE },
  { "wants-no-news-old", HOST_WANTS_NO_NEWS | HOST_OLD, TRUE },
  { "wants-no-news-late", HOST_WANTS_NO_NEWS | HOST_LATE, FALSE },
  { "wants-no-news-late-old", HOST_WANTS_NO_NEWS | HOST_LATE | HOST_OLD, TRUE },
};

static void
run_losing_host (const LosingHost *host,
                 gboolean          supervised)
{
  g_autofree char *kind = g_strdup_printf ("%d", host->kind);
  g_auto (GStrv) environment = host_environment ();
  char *argv[] = {
    self_path, (char *) "--host", (char *) "lose", kind, (char *) (supervised ? "1" : "0"), NULL
  };
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, environment, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

static void
test_status (gconstpointer data)
{
  run_losing_host (data, TRUE);
}

static void
test_status_unsupervised (gconstpointer data)
{
  run_losing_host (data, FALSE);
}

/* --- The tests: death --------------------------------------------------------------------- */

/* Commands of a host that dies become this program's children here. */
static void
adopt_orphans (gboolean adopt)
{
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, adopt, 0, 0, 0), ==, 0);
}

static GPid
start_dying_host (Leash      *leash,
                  const char *how,
                  const char *end,
                  gboolean    die_with_parent)
{
  const char *kill_delay = strchr (how, 'i') != NULL ? "1" : "600000";
  g_auto (GStrv) environment = host_environment ();
  const char *argv[] = {
    self_path, "--host", "die", how, end, die_with_parent ? "1" : "0", kill_delay, NULL
  };
  g_autoptr (GError) error = NULL;
  int fds[2];
  GPid pid;

  leash_open (leash, fds);
  g_spawn_async_with_fds (NULL, (char **) argv, environment, G_SPAWN_DO_NOT_REAP_CHILD,
                          NULL, NULL, &pid, fds[0], fds[1], -1, &error);
  g_assert_no_error (error);
  close (fds[0]);
  close (fds[1]);

  /* The command is there, and the thread that has started it is gone. */
  leash_await_ready (leash);
  leash_await_ready (leash);
  if (strchr (how, 'z') == NULL)
    leash_assert_alive (leash);

  return pid;
}

static void
end_host (GPid pid,
          int  signum)
{
  int status;

  kill (pid, signum);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (signum == SIGKILL)
    g_assert_true (WIFSIGNALED (status));
  else
    g_assert_cmpint (status, ==, 0);
}

/* Nothing is left at all, supervisors included. */
static void
await_orphans (void)
{
  while (waitpid (-1, NULL, 0) > 0 || errno == EINTR)
    continue;
  g_assert_cmpint (errno, ==, ECHILD);
}

static const int deaths[] = { SIGKILL, SIGUSR1 };

static void
test_die_with_parent (gconstpointer data)
{
  const char *how = data;

  adopt_orphans (TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (deaths); i++)
    {
      g_auto (Leash) leash;
      /* The command itself is not willing either where its descendant is not. */
      const char *end = strchr (how, 'i') != NULL ? "terms" : "wait";
      GPid host = start_dying_host (&leash, how, end, TRUE);

      end_host (host, deaths[i]);
      leash_await_end (&leash);
      await_orphans ();
    }
  adopt_orphans (FALSE);
}

static void
test_outlive_parent (gconstpointer data)
{
  const char *how = data;

  adopt_orphans (TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (deaths); i++)
    {
      g_auto (Leash) leash;
      GPid host = start_dying_host (&leash, how, "release", FALSE);

      end_host (host, deaths[i]);
      leash_assert_alive (&leash);
      leash_release (&leash);
      leash_await_end (&leash);
      await_orphans ();
    }
  adopt_orphans (FALSE);
}

static void
add_status_tests (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (losing_hosts); i++)
    {
      const LosingHost *host = &losing_hosts[i];
      g_autofree char *path = g_strdup_printf ("/supervise-host/status/%s", host->name);
      g_autofree char *other = g_strdup_printf ("%s/unsupervised", path);

      gp_test_add_data (path, host, test_status);
      if (!host->only_supervised)
        gp_test_add_data (other, host, test_status_unsupervised);
    }
}

int
main (int    argc,
      char **argv)
{
  static const char * const kinds[] = {
    "", "d", "i", "z", "di", "dz", "s", "sd", "si", "sz", "sdi", "sdz",
  };
  int status;

  if (argc > 2 && strcmp (argv[1], "--host") == 0)
    return host_main (argc, argv);

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);
  add_status_tests ();
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const char *name = *kinds[i] != '\0' ? kinds[i] : "plain";
      g_autofree char *path = g_strdup_printf ("/supervise-host/die-with-parent/%s", name);
      g_autofree char *other = g_strdup_printf ("/supervise-host/outlive-parent/%s", name);

      gp_test_add_data (path, kinds[i], test_die_with_parent);
      if (strchr (kinds[i], 'z') == NULL)
        gp_test_add_data (other, kinds[i], test_outlive_parent);
    }
  status = gp_test_run ();
  g_free (self_path);

  return status;
}
