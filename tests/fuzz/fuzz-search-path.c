/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Any PATH, any name, and any answer of the kernel to each try. The places that are tried are those of
 * the rules, in their order, none too long, and the failure that is told is the one that the rules
 * name. */

static int world_execve (const char *path);
static int world_access (const char *path);

#define execve(path, argv, environ) world_execve (path)
#define access(path, mode)          world_access (path)
#include "gp-exec.c"
#undef execve
#undef access

/* So often stands such a letter in what is given, so that some places are too long. */
#define LONG_LETTER 'L'
#define N_LETTERS 500

#define MAX_TRIES 4096

static FuzzInput input;
static char *tries[MAX_TRIES];
static int errors[MAX_TRIES];
static gboolean exists[MAX_TRIES];
static guint n_tries;

static int
world_execve (const char *path)
{
  static const int some_errors[] = {
    ENOENT, EACCES, ENOTDIR, ENAMETOOLONG, ENODEV, ESTALE, ETIMEDOUT, ENOEXEC, E2BIG, EIO, ENOMEM,
  };

  g_assert_cmpuint (n_tries, <, MAX_TRIES);
  tries[n_tries] = g_strdup (path);
  exists[n_tries] = FALSE;
  errno = errors[n_tries] = some_errors[fuzz_choose (&input, G_N_ELEMENTS (some_errors))];
  n_tries++;

  return -1;
}

static int
world_access (const char *path)
{
  g_assert_cmpuint (n_tries, >, 0);
  g_assert_cmpstr (path, ==, tries[n_tries - 1]);
  exists[n_tries - 1] = fuzz_flip (&input);

  return exists[n_tries - 1] ? 0 : -1;
}

void
gp_supervise_run (const GpExecPlan *plan)
{
  g_assert_not_reached ();
}

static char *
take_long_text (void)
{
  g_autofree char *text = fuzz_take_text (&input);
  GString *result = g_string_new (NULL);

  for (const char *at = text; *at != '\0'; at++)
    for (guint i = 0; i < (*at == LONG_LETTER ? N_LETTERS : 1); i++)
      g_string_append_c (result, *at);

  return g_string_free (result, FALSE);
}

/* Of two failures, the one to tell */
static GpExecFailure
choose (GpExecFailure worst,
        guint         i)
{
  GpExecFailure failure = { GP_EXEC_STEP_EXEC, errors[i] };

  if (errors[i] == ENOENT && exists[i])
    failure.step = GP_EXEC_STEP_INTERPRETER;
  if (worst.errsv != EACCES && (failure.errsv == EACCES || failure.step == GP_EXEC_STEP_INTERPRETER))
    return failure;

  return worst;
}

static gboolean
ends_search (int error)
{
  return error == ENOEXEC || error == E2BIG || error == EIO || error == ENOMEM;
}

static const char *
find_path (char **environ)
{
  for (guint i = 0; environ[i] != NULL; i++)
    if (g_str_has_prefix (environ[i], "PATH="))
      return environ[i] + strlen ("PATH=");

  return "/usr/local/bin:/bin:/usr/bin";
}

static void
check (const char    *path,
       const char    *name,
       GpExecFailure  told)
{
  /* Not g_strsplit (), which makes nothing of nothing */
  g_autofree char *text = g_strconcat (path, ":", NULL);
  GpExecFailure expected = { GP_EXEC_STEP_EXEC, ENOENT };
  guint i = 0;

  for (const char *at = text, *end; i == 0 || !ends_search (errors[i - 1]); at = end + 1)
    {
      g_autofree char *place = NULL;
      g_autofree char *file = NULL;

      end = strchr (at, ':');
      if (end == NULL)
        break;
      place = g_strndup (at, end - at);
      file = g_strconcat (*place != '\0' ? place : ".", "/", name, NULL);
      if (strlen (file) >= PATH_MAX)
        continue;

      g_assert_cmpuint (i, <, n_tries);
      g_assert_cmpstr (tries[i], ==, file);
      expected = ends_search (errors[i]) ? (GpExecFailure) { GP_EXEC_STEP_EXEC, errors[i] }
                                         : choose (expected, i);
      i++;
    }

  g_assert_cmpuint (i, ==, n_tries);
  g_assert_cmpint (told.step, ==, expected.step);
  g_assert_cmpint (told.errsv, ==, expected.errsv);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autofree char *name = NULL;
  g_autoptr (GPtrArray) environ = g_ptr_array_new_with_free_func (g_free);
  guint n_entries;
  GpExecPlan plan = { 0 };
  GpExecFailure told;

  input = (FuzzInput) { data, size };
  n_tries = 0;

  n_entries = fuzz_choose (&input, 4);
  name = take_long_text ();
  for (guint i = 0; i < n_entries; i++)
    g_ptr_array_add (environ, take_long_text ());
  g_ptr_array_add (environ, NULL);

  plan.argv = (char *[]) { name, NULL };
  plan.environ = (char **) environ->pdata;
  if (*name != '\0')
    {
      told = execute_from_path (&plan);
      check (find_path (plan.environ), name, told);
    }

  for (guint i = 0; i < n_tries; i++)
    g_free (tries[i]);

  return 0;
}
