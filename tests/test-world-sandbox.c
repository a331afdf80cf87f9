/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-world-host.h"

/* Commands of programs that are in a sandbox, and so are the helper and the commands: one system call
 * is refused at a time. */

/* Who cannot do without a system call */
typedef enum
{
  NOBODY,
  SUPERVISOR, /* which says so */
  SOMEBODY,   /* that it works is not promised, but that it is told */
  GLIB,       /* which never sees an end then, or takes it for a success; a supervisor says so */
} Need;

typedef struct
{
  const char *name;
  int         number;
  int         first_argument; /* -1: any */
  Need        need;
} Refused;

/* GLib needs a part of them, too, and libc for threads. */
static const Refused refused[] = {
#ifdef SYS_vfork
  { "vfork", SYS_vfork, -1, NOBODY },
#endif
#ifdef SYS_close_range
  { "close_range", SYS_close_range, -1, NOBODY },
#endif
#ifdef SYS_pidfd_open
  { "pidfd_open", SYS_pidfd_open, -1, NOBODY },
#endif
#ifdef SYS_pidfd_send_signal
  { "pidfd_send_signal", SYS_pidfd_send_signal, -1, NOBODY },
#endif
#ifdef SYS_clone3
  /* Forbidden, not unknown, it leaves libc without threads. */
  { "clone3", SYS_clone3, -1, NOBODY },
#endif
  { "signalfd4", SYS_signalfd4, -1, NOBODY },
  { "getdents64", SYS_getdents64, -1, NOBODY },
  { "getpgid", SYS_getpgid, -1, NOBODY },
  { "shutdown", SYS_shutdown, -1, NOBODY },
  { "prctl (PR_SET_CHILD_SUBREAPER)", SYS_prctl, PR_SET_CHILD_SUBREAPER, SUPERVISOR },
  { "prctl (PR_SET_PDEATHSIG)", SYS_prctl, PR_SET_PDEATHSIG, SUPERVISOR },
#ifdef SYS_poll
  /* Elsewhere it is all that GLib has, too. */
  { "ppoll", SYS_ppoll, -1, SUPERVISOR },
#endif
  { "waitid", SYS_waitid, -1, GLIB },
  { "wait4", SYS_wait4, -1, GLIB },
  { "pipe2", SYS_pipe2, -1, SOMEBODY },
  { "socketpair", SYS_socketpair, -1, SOMEBODY },
  { "setpgid", SYS_setpgid, -1, SOMEBODY },
  { "fcntl", SYS_fcntl, -1, SOMEBODY },
  { "rt_sigprocmask", SYS_rt_sigprocmask, -1, SOMEBODY },
  { "sendto", SYS_sendto, -1, SOMEBODY },
  { "recvfrom", SYS_recvfrom, -1, SOMEBODY },
};

/* What is right, or that it cannot be started, or that nobody knows: never a false end */
static void
check_sandboxed (Need need)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) failure = NULL;
  g_autofree char *output = try_echo (&error);

  if (error != NULL && !g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST))
    world_assert_start_error (error);
  else if (error == NULL)
    g_assert_cmpstr (output, ==, "text");

  try_failure (&failure);
  if (error == NULL)
    g_assert_error (failure, G_SPAWN_EXIT_ERROR, 3);

  if (need != SOMEBODY)
    g_assert_true ((error == NULL) == (need == NOBODY || !supervised));
  if (error == NULL)
    check_stop ();
  printf ("# %s\n", error != NULL ? error->message : "works");
}

static void
host_sandbox (int kind)
{
  const Refused *what = &refused[kind / 2];
  unsigned errsv = kind % 2 == 0 ? EPERM : ENOSYS;

#ifdef SYS_clone3
  if (what->number == SYS_clone3 && errsv != ENOSYS)
    return;
#endif
  if (what->need == GLIB && !supervised)
    return;
  /* Newer versions of GLib wait with it as well, and with nothing else. */
  if (what->number == SYS_ppoll && glib_check_version (2, 76, 0) == NULL)
    return;

  /* All threads that it needs are there before: that they can be made is not our matter. */
  check_all ();
  world_refuse (what->number, what->first_argument, errsv);
  check_sandboxed (what->need);
}

static const WorldHost hosts[] = {
  { "sandbox", host_sandbox },
};

/* --- Tests -------------------------------------------------------------------------------- */

static void
test_sandbox (void)
{
  for (gsize i = 0; i < 2 * G_N_ELEMENTS (refused); i++)
    {
      g_test_message ("%s is refused", refused[i / 2].name);
      if (!run_host ("sandbox", (int) i))
        {
          g_test_skip ("the kernel knows no such sandbox");
          return;
        }
    }
}

int
main (int    argc,
      char **argv)
{
  if (argc > 5 && strcmp (argv[1], "--host") == 0)
    return world_host_main (argv, hosts, G_N_ELEMENTS (hosts));

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);

  world_add ("sandbox", test_sandbox);

  return gp_test_run ();
}
