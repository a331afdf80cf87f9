/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-fault-table.h"

/* If not everything is tried: that many calls in each scene */
#define N_TRIED 2

typedef struct
{
  const GpTestFault *fault;
  const GpTestMode  *mode;
  GpTestScope        scope;
  gboolean           is_sparse;
  guint              number; /* of the test case */
} Row;

static GPtrArray *rows; /* owned; live until the last has run */
static gboolean verbose;
static guint n_runs;
static guint n_ends[GP_TEST_END_WRONG + 1];

static void
note (const GpTestSceneKind *kind,
      guint                  n,
      gint64                 usec,
      const GpTestOutcome   *outcome)
{
  n_runs++;
  n_ends[outcome->end]++;

  if (outcome->end == GP_TEST_END_WRONG)
    {
      g_test_message ("%s, call %u: %s", kind->name, n, outcome->problem);
      g_test_fail ();
    }
  else if (verbose)
    {
      g_test_message ("%s, call %u, %d ms: %s", kind->name, n, (int) (usec / 1000),
                      outcome->end == GP_TEST_END_SUCCESS ? "success"
                      : outcome->end == GP_TEST_END_GLIB ? outcome->glib
                                                         : outcome->report.message);
    }
}

/* With @n 0 nothing fails. Returns how many calls there were */
static guint
run_once (const Row             *row,
          const GpTestSceneKind *kind,
          guint                  n)
{
  GpTestFaults *shared = gp_test_fault_get ();
  const GpTestScene scene = { row->mode, row->fault->may_not_fail || n == 0 };
  g_auto (GpTestOutcome) outcome = { 0, };
  gint64 before = g_get_monotonic_time ();

  shared->calls = row->fault->calls;
  shared->errsv = row->fault->errsv;
  shared->scope = row->scope;
  shared->first = n;
  shared->last = n > 0 && row->fault->lasts ? G_MAXUINT : n;
  gp_test_fault_run (kind->func, &scene, &outcome);
  note (kind, n, g_get_monotonic_time () - before, &outcome);

  return shared->n_calls;
}

/* Returns how many calls there were */
static guint
test_scene (const Row             *row,
            const GpTestSceneKind *kind)
{
  guint n_calls = run_once (row, kind, 0);
  guint step = gp_test_is_thorough () ? 1 : MAX (n_calls / N_TRIED, 1);

  for (guint n = 1 + row->number % step; n <= n_calls; n += step)
    run_once (row, kind, n);
  g_test_message ("%s: %u calls", kind->name, n_calls);

  return n_calls;
}

static void
test_fault (gconstpointer data)
{
  const Row *row = data;
  guint n_wanted = gp_test_is_thorough () ? GP_TEST_N_SCENES : row->is_sparse ? 1 : 2;

  for (guint i = 0; i < GP_TEST_N_SCENES && n_wanted > 0; i++)
    {
      if (test_scene (row, &gp_test_scenes[(row->number + i) % GP_TEST_N_SCENES]) > 0)
        n_wanted--;
    }
}

void
gp_test_faults_add (const char        *prefix,
                    GpTestScope        scope,
                    gboolean           is_sparse,
                    const GpTestFault *faults,
                    guint              n_faults)
{
  if (rows == NULL)
    rows = g_ptr_array_new_with_free_func (g_free);

  for (guint mode = 0; mode < G_N_ELEMENTS (gp_test_modes); mode++)
    for (guint i = 0; i < n_faults; i++)
      {
        g_autofree char *path = g_strdup_printf ("/%s/%s/%s/%s", prefix, gp_test_modes[mode].name,
                                                 faults[i].call, faults[i].error);
        Row *row = g_new (Row, 1);

        *row = (Row) { &faults[i], &gp_test_modes[mode], scope, is_sparse, rows->len };
        g_ptr_array_add (rows, row);
        gp_test_add_data (path, row, test_fault);
      }
}

int
gp_test_faults_run_all (void)
{
  int status;

  verbose = g_getenv ("GP_TEST_VERBOSE") != NULL;
  status = gp_test_run ();
  g_clear_pointer (&rows, g_ptr_array_unref);
  g_print ("# %u runs: %u successes, %u errors, %u ended by GLib, %u wrong\n",
           n_runs, n_ends[GP_TEST_END_SUCCESS], n_ends[GP_TEST_END_ERROR],
           n_ends[GP_TEST_END_GLIB], n_ends[GP_TEST_END_WRONG]);

  return status;
}
