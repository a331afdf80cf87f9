/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gp-fuzz.h"

#include <stdio.h>

/* Instead of libFuzzer: gives all files of a folder to a target, and prints TAP. The name of a file is
 * printed before it is tried, for the one that aborts.
 *
 * usage: replay-TARGET FOLDER */

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static GPtrArray *
list_names (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);

  return names;
}

/* A copy without room around it, so that a tool sees who reads beyond */
static void
try_bytes (const char *contents,
           gsize       size)
{
  g_autofree guint8 *data = g_memdup2 (contents, size);

  LLVMFuzzerTestOneInput (data, size);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GPtrArray) names = list_names (argc > 1 ? argv[1] : "");

  try_bytes (NULL, 0);
  printf ("ok 1 - nothing\n");

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *path = g_build_filename (argv[1], name, NULL);
      g_autofree char *contents = NULL;
      gsize size;

      printf ("# %s\n", name);
      fflush (stdout);
      if (!g_file_get_contents (path, &contents, &size, NULL))
        return 1;
      try_bytes (contents, size);
      printf ("ok %u - %s\n", i + 2, name);
    }
  printf ("1..%u\n", names->len + 1);

  return names->len > 0 ? 0 : 1;
}
