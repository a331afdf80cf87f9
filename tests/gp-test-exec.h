/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* What the tests of starting processes share. Such a test program is several things:
 *   - the tests, most of which are run with the helper program and by a fork;
 *   - with "--child", the command that they start, which tells what it finds itself in;
 *   - named as the helper, a bad helper: GP_TEST_BAD_HELPER in the environment says how. */

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gio.h>

#include "gp-descriptor-private.h"
#include "gp-exec-private.h"
#include "gp-interrupt-private.h"
#include "gp-spawn-private.h"

#define WATCHDOG_SECONDS 240

/* What the library chooses where the command uses no such number itself */
#define CONTROL_FD 3

static char *self_path;
static const char *helper_path;
static gboolean with_helper;

/* The child */

static inline int
compare_ints (const void *a,
              const void *b)
{
  return *(const int *) a - *(const int *) b;
}

static inline int
child_print_fds (void)
{
  DIR *directory = opendir ("/proc/self/fd");
  struct dirent *entry;
  int fds[1024];
  int n_fds = 0;

  while ((entry = readdir (directory)) != NULL)
    {
      if (entry->d_name[0] != '.' && atoi (entry->d_name) != dirfd (directory))
        fds[n_fds++] = atoi (entry->d_name);
    }
  closedir (directory);

  qsort (fds, n_fds, sizeof (int), compare_ints);
  for (int i = 0; i < n_fds; i++)
    printf ("%d ", fds[i]);

  return 0;
}

static inline int
child_print_signals (void)
{
  FILE *status = fopen ("/proc/self/status", "r");
  char line[256];

  while (fgets (line, sizeof line, status) != NULL)
    {
      if (strncmp (line, "SigBlk:", 7) == 0 || strncmp (line, "SigIgn:", 7) == 0)
        printf ("%llx ", strtoull (line + 7, NULL, 16));
    }
  fclose (status);

  return 0;
}

static inline int
child_main (int    argc,
            char **argv)
{
  const char *what = argv[2];
  char buffer[4096];

  if (strcmp (what, "fds") == 0)
    return child_print_fds ();

  if (strcmp (what, "signals") == 0)
    return child_print_signals ();

  if (strcmp (what, "group") == 0)
    printf ("%s", getpgrp () == getpid () ? "leader" : "member");
  else if (strcmp (what, "pid") == 0)
    printf ("%d", getpid ());
  else if (strcmp (what, "directory") == 0)
    printf ("%s", getcwd (buffer, sizeof buffer));
  else if (strcmp (what, "environment") == 0)
    for (char **entry = environ; *entry != NULL; entry++)
      printf ("%s\n", *entry);
  else if (strcmp (what, "echo") == 0)
    for (int i = 3; i < argc; i++)
      printf ("[%s]", argv[i]);
  else if (strcmp (what, "cat") == 0)
    while (fgets (buffer, sizeof buffer, stdin) != NULL)
      fputs (buffer, stdout);
  else
    return 100;

  return fflush (stdout) == 0 && fprintf (stderr, "err") > 0 ? 0 : 101;
}

/* A bad helper */

static inline void
greet (int protocol)
{
  GpExecReport hello = { .step = GP_EXEC_STEP_HELLO, .value = protocol };

  if (write (CONTROL_FD, &hello, sizeof hello) != sizeof hello)
    _exit (110);
}

static inline int
helper_main (const char *how)
{
  if (strcmp (how, "silent") == 0)
    return 0;

  if (strcmp (how, "protocol") == 0)
    {
      greet (GP_EXEC_PROTOCOL + 1);
      return 0;
    }

  if (strcmp (how, "hang") != 0)
    {
      greet (GP_EXEC_PROTOCOL);
      setpgid (0, 0);
      if (fork () == 0)
        {
          /* What it holds open shows whether the whole group was killed */
          for (;;)
            pause ();
        }
    }

  if (write (STDOUT_FILENO, "ready", 5) != 5)
    return 111;

  for (;;)
    pause ();
}

/* Starting a child, reading what it says, and its end */

static inline char *
read_to_end (int fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[4096];
  gssize size;

  while ((size = read (fd, buffer, sizeof buffer)) > 0 || (size < 0 && errno == EINTR))
    {
      if (size > 0)
        g_string_append_len (text, buffer, size);
    }

  return g_string_free (g_steal_pointer (&text), FALSE);
}

typedef struct
{
  const char * const *environ; /* NULL: this program's */
  const char         *directory;
  const char         *input;
  gboolean            own_group;
  GpInterrupt        *interrupt;
  char               *errors;  /* (out) */
  GPid                pid;     /* (out) */
} Options;

/* Not supervised: only the process counts */
static inline GSubprocess *
spawn (const GpSpawnRequest  *request,
       GpInterrupt           *interrupt,
       GPid                  *pid,
       GError               **error)
{
  g_autoptr (GpSpawn) self = gp_spawn_launch (request, interrupt, error);
  GpSpawned spawned;

  if (self == NULL)
    return NULL;

  gp_spawn_permit (self);
  if (!gp_spawn_await (self, &spawned, error))
    return NULL;

  if (pid != NULL)
    *pid = spawned.pid;

  return spawned.process;
}

static inline GSubprocess *
start (const char * const  *argv,
       Options             *options,
       int                 *stdout_fd,
       int                 *stderr_fd,
       GError             **error)
{
  g_auto (GStrv) environment = g_get_environ ();
  int in[2], out[2], err[2];
  GSubprocess *process;
  GpSpawnRequest request = {
    .argv = argv,
    .environ = options->environ != NULL ? options->environ : (const char * const *) environment,
    .directory = options->directory,
    .flags = options->own_group ? GP_EXEC_OWN_GROUP : 0,
  };

  if (!gp_descriptor_open_pipe (in, NULL) ||
      !gp_descriptor_open_pipe (out, NULL) ||
      !gp_descriptor_open_pipe (err, NULL))
    g_error ("no pipes");

  if (options->input != NULL &&
      write (in[1], options->input, strlen (options->input)) != (gssize) strlen (options->input))
    g_error ("no input");
  gp_descriptor_clear (&in[1]);

  request.stdin_fd = in[0];
  request.stdout_fd = out[1];
  request.stderr_fd = err[1];
  process = spawn (&request, options->interrupt, &options->pid, error);

  gp_descriptor_clear (&in[0]);
  gp_descriptor_clear (&out[1]);
  gp_descriptor_clear (&err[1]);

  *stdout_fd = out[0];
  *stderr_fd = err[0];

  return process;
}

/* Returns what the command wrote, or NULL and why it could not be started */
static inline char *
run (const char * const  *argv,
     Options             *options,
     GError             **error)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;
  int stdout_fd, stderr_fd;

  process = start (argv, options, &stdout_fd, &stderr_fd, error);

  /* If there is no process, nobody holds them, so this ends as well */
  output = read_to_end (stdout_fd);
  errors = read_to_end (stderr_fd);
  gp_descriptor_clear (&stdout_fd);
  gp_descriptor_clear (&stderr_fd);

  if (process == NULL)
    {
      g_assert_cmpstr (output, ==, "");
      return NULL;
    }

  g_assert_cmpint (options->pid, >, 1);
  g_subprocess_wait (process, NULL, NULL);
  options->errors = g_steal_pointer (&errors);

  return g_steal_pointer (&output);
}

#define CHILD(...) ((const char * const []) { self_path, "--child", __VA_ARGS__, NULL })

#define assert_child_says(options, expected, ...) \
  G_STMT_START \
  { \
    g_autoptr (GError) says_error = NULL; \
    g_autofree char *says = run (CHILD (__VA_ARGS__), options, &says_error); \
    \
    g_assert_no_error (says_error); \
    g_assert_cmpstr (says, ==, expected); \
    g_clear_pointer (&(options)->errors, g_free); \
  } \
  G_STMT_END

/* All of them, with the helper and without */

typedef struct
{
  void     (*run) (void);
  gboolean with_helper;
} Case;

static inline void
run_case (gconstpointer data)
{
  const Case *self = data;

  with_helper = self->with_helper;
  gp_spawn_set_helper (with_helper ? helper_path : NULL);
  self->run ();
}

static inline void
assert_start_fails (const char * const  *argv,
                    Options             *options,
                    GQuark               domain,
                    int                  code,
                    const char          *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *output = run (argv, options, &error);
  siginfo_t info;

  g_assert_null (output);
  g_assert_error (error, domain, code);
  if (message != NULL)
    g_assert_cmpstr (error->message, ==, message);

  /* Nothing is left behind, not even for a moment */
  g_assert_cmpint (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
}

static inline void
add_both (const char *name,
          void       (*test) (void))
{
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *path = g_strdup_printf ("/exec/%s/%s", i == 0 ? "helper" : "fork", name);
      Case *one = g_new (Case, 1);

      one->run = test;
      one->with_helper = i == 0;

      if (helper_path != NULL || i == 1)
        g_test_add_data_func_full (path, one, run_case, g_free);
      else
        g_free (one);
    }
}

static inline void
add_helper (const char *name,
            void       (*test) (void))
{
  g_autofree char *path = g_strdup_printf ("/exec/helper/%s", name);
  Case *one = g_new (Case, 1);

  one->run = test;
  one->with_helper = TRUE;
  g_test_add_data_func_full (path, one, run_case, g_free);
}

/* Returns whether the program is run for the tests; otherwise it was something else, with @status */
static inline gboolean
begin (int     argc,
       char  **argv,
       int    *status)
{
  alarm (WATCHDOG_SECONDS);

  if (argc > 2 && strcmp (argv[1], "--child") == 0)
    {
      *status = child_main (argc, argv);
      return FALSE;
    }

  if (getenv ("GP_TEST_BAD_HELPER") != NULL)
    {
      /* At once. A sanitizer would look for leaks in the end, and for that be the tracer of this
       * program. If it is killed meanwhile, GLib sees that it has ended, but cannot reap it. */
      _exit (helper_main (getenv ("GP_TEST_BAD_HELPER")));
    }

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  helper_path = g_getenv ("GOPIPE_EXEC");

  return TRUE;
}
