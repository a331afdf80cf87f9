/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A program that neither gopipe nor GLib is linked to. It loads a module that uses gopipe, and unloads
 * it while a pipeline runs: the module goes, but the library must stay, for its threads execute it
 * and its types are known to GLib. It prints TAP by itself. */

#define _GNU_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gp-test-plugin.h"

#define N_ROUNDS 3

static int is_called;
static int may_return;

static void
check (int         holds,
       const char *what)
{
  if (holds)
    return;
  printf ("Bail out! %s: %s\n", what, dlerror ());
  exit (1);
}

static int
wait_func (void  *input,
           void  *output,
           void  *context,
           void  *user_data,
           void **error)
{
  (void) input;
  (void) output;
  (void) context;
  (void) user_data;
  (void) error;
  __atomic_store_n (&is_called, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n (&may_return, __ATOMIC_SEQ_CST))
    sched_yield ();
  return 1;
}

static int
is_loaded (const char *path)
{
  void *module = dlopen (path, RTLD_LAZY | RTLD_NOLOAD);

  if (module != NULL)
    dlclose (module);
  return module != NULL;
}

/* Threads that execute something of the library: those that idle do so too, but wait. */
static int
has_busy_threads (void)
{
  DIR *dir = opendir ("/proc/self/task");
  struct dirent *entry;
  int n_busy = 0;

  while ((entry = readdir (dir)) != NULL)
    {
      char path[300];
      char name[4] = "";
      FILE *file;

      snprintf (path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
      file = fopen (path, "re");
      if (file != NULL && fgets (name, sizeof name, file) != NULL && strcmp (name, "gp:") == 0)
        n_busy++;
      if (file != NULL)
        fclose (file);
    }
  closedir (dir);
  return n_busy > 0;
}

/* Returns where the library is, which the caller frees */
static char *
use_plugin (void *plugin)
{
  int (*run) (const char *) = dlsym (plugin, "gp_test_plugin_run");
  int (*start) (const char *, GpTestCallback) = dlsym (plugin, "gp_test_plugin_start");
  void *library_function = dlsym (plugin, "gp_pipeline_new");
  Dl_info info;

  check (run != NULL && start != NULL && library_function != NULL, "what is in the module");
  check (run (getenv ("GP_TEST_CHILD")) == 0, "a pipeline in the module");
  check (start (getenv ("GP_TEST_CHILD"), wait_func) == 0, "a start in the module");
  while (!__atomic_load_n (&is_called, __ATOMIC_SEQ_CST))
    sched_yield ();

  check (dladdr (library_function, &info) != 0, "where the library is");
  return strdup (info.dli_fname);
}

static void
run_round (const char *path)
{
  void *plugin;
  char *library;

  __atomic_store_n (&is_called, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n (&may_return, 0, __ATOMIC_SEQ_CST);
  plugin = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  check (plugin != NULL, "loading the module");
  library = use_plugin (plugin);

  check (dlclose (plugin) == 0, "unloading the module");
  check (!is_loaded (path), "the module is unloaded");
  check (is_loaded (library), "the library stays");
  free (library);

  __atomic_store_n (&may_return, 1, __ATOMIC_SEQ_CST);
  while (has_busy_threads ())
    sched_yield ();
}

int
main (int    argc,
      char **argv)
{
  if (argc < 2)
    return 1;

  alarm (60);
  printf ("1..%d\n", N_ROUNDS);
  for (int i = 1; i <= N_ROUNDS; i++)
    {
      run_round (argv[1]);
      printf ("ok %d /unloaded/round-%d\n", i, i);
    }
  return 0;
}
