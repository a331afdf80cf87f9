/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gp-test-leash.h"
#include "gp-test-world.h"

/* Commands of programs for which the world is not as usual. With "--host" a test is such a program:
 * it gets itself into a situation, and aborts if a command does not work there, or does not fail
 * with a clear error where it cannot work. */

#define WATCHDOG_SECONDS 120

/* The status of a host that is not allowed to get into its situation */
#define EXIT_NOT_ALLOWED 77

typedef struct
{
  const char *name;
  void      (*run) (int kind);
} WorldHost;

static char *self_path;

/* --- In any situation --------------------------------------------------------------------- */

static inline void
assert_nothing_left (void)
{
  siginfo_t info;

  while (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    sched_yield ();
}

/* NULL if it cannot be started */
static inline char *
try_echo (GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  g_autoptr (GBytes) input = g_bytes_new_static ("text", 4);
  g_autoptr (GBytes) output = NULL;

  world_append (pipeline, WORLD_CHILD ("cat"));
  output = gp_test_communicate (pipeline, input, NULL, error);
  if (output == NULL || *error != NULL)
    return NULL;
  return g_strndup (g_bytes_get_data (output, NULL), g_bytes_get_size (output));
}

static inline void
check_echo (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = try_echo (&error);

  g_assert_no_error (error);
  g_assert_cmpstr (output, ==, "text");
}

static inline void
try_failure (GError **error)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  world_append (pipeline, WORLD_CHILD ("exit", "3"));
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, error));
}

/* A descendant that has left the group and the session ends as well, if there is a supervisor. */
static inline void
check_stop (void)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  GpCommandStage *stage = world_append (pipeline, WORLD_CHILD ("leave", "sdi", "wait"));
  g_auto (Leash) leash;
  g_autoptr (GError) error = NULL;

  leash_attach (&leash, stage);
  gp_command_stage_set_kill_delay (stage, 1);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  leash_await_ready (&leash);

  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (!supervised)
    leash_release (&leash);
  leash_await_end (&leash);
}

static inline void
check_all (void)
{
  g_autoptr (GError) error = NULL;

  check_echo ();
  try_failure (&error);
  g_assert_error (error, G_SPAWN_EXIT_ERROR, 3);
  check_stop ();
  assert_nothing_left ();
}

/* A system call with that first argument (-1: any) fails from now on, in all threads and in all
 * programs that these start. */
static inline void
world_refuse (int      number,
              int      first_argument,
              unsigned errsv)
{
  const gboolean any = first_argument < 0;
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) number, 0, 4),
    BPF_JUMP (BPF_JMP | BPF_JA | BPF_K, any ? 2 : 0, 0, 0),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args[0])),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) first_argument, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errsv),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
    _exit (EXIT_NOT_ALLOWED);
}

/* --- Hosts -------------------------------------------------------------------------------- */

/* --host NAME KIND WITH-HELPER SUPERVISED */
static inline int
world_host_main (char            **argv,
                 const WorldHost  *hosts,
                 gsize             n_hosts)
{
  alarm (WATCHDOG_SECONDS);
  world_set_way (atoi (argv[4]), atoi (argv[5]));
  for (gsize i = 0; i < n_hosts; i++)
    {
      if (strcmp (argv[2], hosts[i].name) == 0)
        {
          hosts[i].run (atoi (argv[3]));
          fflush (stdout);
          /* Not through exit: a leak checker needs what was taken away here */
          _exit (0);
        }
    }
  return 98;
}

static inline char **
new_host_arguments (const char *name,
                    int         kind)
{
  g_autofree char *number = g_strdup_printf ("%d", kind);
  const char *argv[] = {
    self_path, "--host", name, number, with_helper ? "1" : "0", supervised ? "1" : "0", NULL
  };

  return g_strdupv ((char **) argv);
}

/* FALSE: it was not allowed to get into its situation */
static inline gboolean
run_host (const char *name,
          int         kind)
{
  g_auto (GStrv) argv = new_host_arguments (name, kind);
  g_auto (GStrv) environment = g_environ_unsetenv (g_get_environ (), "G_DEBUG");
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, environment, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL,
                &output, &errors, &status, &error);
  g_assert_no_error (error);
  g_test_message ("%s %d: status %d %s%s", name, kind, status, output, errors);
  if (WIFEXITED (status) && WEXITSTATUS (status) == EXIT_NOT_ALLOWED)
    return FALSE;
  g_assert_cmpint (status, ==, 0);
  return TRUE;
}
