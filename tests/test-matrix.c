/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"

#include <string.h>

/* Whatever can end a pipeline, for every kind of stage, at every moment: see gp-test-matrix.h. A
 * thorough test runs each cell many times, and shifts what ends it a little. */

#define N_ROUNDS 30

/* Under valgrind only every so many cells are run */
#define VALGRIND_STEP 4

/* In milliseconds. A limit that comes before the moment is doubled, and the cell is run again. */
#define FIRST_LIMIT 20
#define LAST_LIMIT  20000

static MatrixCell cells[N_ENDINGS * MATRIX_N_SUBJECTS * N_MOMENTS * N_MODES];
static guint n_cells;
static guint n_combinations; /* of ending, subject and moment, whatever the mode */

static void
run_to_the_moment (const MatrixCell *cell,
                   gboolean          shifted)
{
  guint limit = cell->moment == MOMENT_STARTING ? 1 : FIRST_LIMIT;

  while (!matrix_run_cell (cell, shifted, limit))
    {
      limit *= 2;
      g_assert_cmpuint (limit, <, LAST_LIMIT);
    }
}

static void
test_cell (gconstpointer data)
{
  run_to_the_moment (data, FALSE);
  for (guint i = 0; gp_test_is_thorough () && i < N_ROUNDS; i++)
    run_to_the_moment (data, TRUE);
}

static void
add_modes (MatrixEnding         ending,
           const MatrixSubject *subject,
           MatrixMoment         moment)
{
  for (guint mode = 0; mode < N_MODES; mode++)
    {
      MatrixCell *cell = &cells[n_cells];
      g_autofree char *path = NULL;

      *cell = (MatrixCell) { ending, subject, moment, mode };
      if (!matrix_has_mode (cell))
        continue;

      if (n_cells++ % VALGRIND_STEP != 0 && g_getenv ("GP_TEST_VALGRIND") != NULL)
        continue;

      path = g_strdup_printf ("/matrix/%s/%s/%s/%s", matrix_endings[ending].name, subject->name,
                              matrix_moments[moment], matrix_modes[mode]);
      gp_test_add_data (path, cell, test_cell);
    }
}

static void
count_reason (GHashTable *reasons,
              const char *why)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (reasons, why));

  g_hash_table_insert (reasons, (char *) why, GUINT_TO_POINTER (n + 1));
}

static int
compare_reasons (gconstpointer a,
                 gconstpointer b,
                 gpointer      reasons)
{
  guint n_a = GPOINTER_TO_UINT (g_hash_table_lookup (reasons, a));
  guint n_b = GPOINTER_TO_UINT (g_hash_table_lookup (reasons, b));

  return n_a != n_b ? (n_a < n_b ? 1 : -1) : strcmp (a, b);
}

/* As the document has it */
static char *
describe_figures (void)
{
  g_autoptr (GHashTable) reasons = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GList) list = NULL;
  GString *text = g_string_new (NULL);

  for (guint ending = 0; ending < N_ENDINGS; ending++)
    for (guint subject = 0; subject < MATRIX_N_SUBJECTS; subject++)
      for (guint moment = 0; moment < N_MOMENTS; moment++)
        {
          const char *reason = matrix_why_not (ending, &matrix_subjects[subject], moment);

          if (reason != NULL)
            count_reason (reasons, reason);
        }

  g_string_append_printf (text, "| %u endings × %u subjects × %u moments | %u |\n", N_ENDINGS,
                          MATRIX_N_SUBJECTS, N_MOMENTS, N_ENDINGS * MATRIX_N_SUBJECTS * N_MOMENTS);
  list = g_list_sort_with_data (g_hash_table_get_keys (reasons), compare_reasons, reasons);
  for (GList *item = list; item != NULL; item = item->next)
    g_string_append_printf (text, "| left out: %s | %u |\n", (char *) item->data,
                            GPOINTER_TO_UINT (g_hash_table_lookup (reasons, item->data)));
  g_string_append_printf (text, "| what is left | %u |\n", n_combinations);
  g_string_append_printf (text, "| cells, as most of these are run in two modes | %u |\n", n_cells);
  return g_string_free (text, FALSE);
}

/* What stands in the document is what is tested. */
static void
test_figures (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "doc", "reliability.md", NULL);
  g_autofree char *figures = describe_figures ();
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  if (strstr (text, figures) == NULL)
    g_error ("in doc/reliability.md should stand:\n%s", figures);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (guint ending = 0; ending < N_ENDINGS; ending++)
    for (guint subject = 0; subject < MATRIX_N_SUBJECTS; subject++)
      for (guint moment = 0; moment < N_MOMENTS; moment++)
        if (matrix_why_not (ending, &matrix_subjects[subject], moment) == NULL)
          {
            n_combinations++;
            add_modes (ending, &matrix_subjects[subject], moment);
          }
  gp_test_add ("/matrix-figures", test_figures);
  return gp_test_run ();
}
