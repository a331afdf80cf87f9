/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Preloaded into a test: counts how processes are started. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

static atomic_int n_forks;
static atomic_int n_spawns;
static atomic_int n_main_spawns;

EXPORT int gp_test_preload_count_forks (void);
EXPORT int gp_test_preload_count_spawns (void);
EXPORT int gp_test_preload_count_main_spawns (void);

int
gp_test_preload_count_forks (void)
{
  return n_forks;
}

int
gp_test_preload_count_spawns (void)
{
  return n_spawns;
}

int
gp_test_preload_count_main_spawns (void)
{
  return n_main_spawns;
}

static void
count_spawn (void)
{
  n_spawns++;
  if (gettid () == getpid ())
    n_main_spawns++;
}

static void *
real (const char *symbol)
{
  void *function = dlsym (RTLD_NEXT, symbol);

  if (function == NULL)
    abort ();
  return function;
}

EXPORT pid_t
fork (void)
{
  pid_t (*real_fork) (void) = real ("fork");

  n_forks++;
  return real_fork ();
}

/* A wrapper cannot return twice: fork () does the same for a caller that keeps to the rules */
EXPORT pid_t
vfork (void)
{
  return fork ();
}

EXPORT int
clone (int (*function) (void *),
       void *stack,
       int   flags,
       void *arg,
       ...)
{
  int (*real_clone) (int (*) (void *), void *, int, void *, ...) = real ("clone");
  va_list args;
  void *parent_tid;
  void *tls;
  void *child_tid;

  va_start (args, arg);
  parent_tid = va_arg (args, void *);
  tls = va_arg (args, void *);
  child_tid = va_arg (args, void *);
  va_end (args);
  n_forks++;
  return real_clone (function, stack, flags, arg, parent_tid, tls, child_tid);
}

EXPORT int
posix_spawn (pid_t                            *pid,
             const char                       *path,
             const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t          *attr,
             char *const                       argv[],
             char *const                       envp[])
{
  int (*real_spawn) (pid_t *, const char *, const posix_spawn_file_actions_t *,
                     const posix_spawnattr_t *, char *const[], char *const[]) =
    real ("posix_spawn");

  count_spawn ();
  return real_spawn (pid, path, actions, attr, argv, envp);
}

EXPORT int
posix_spawnp (pid_t                            *pid,
              const char                       *file,
              const posix_spawn_file_actions_t *actions,
              const posix_spawnattr_t          *attr,
              char *const                       argv[],
              char *const                       envp[])
{
  int (*real_spawn) (pid_t *, const char *, const posix_spawn_file_actions_t *,
                     const posix_spawnattr_t *, char *const[], char *const[]) =
    real ("posix_spawnp");

  count_spawn ();
  return real_spawn (pid, file, actions, attr, argv, envp);
}
