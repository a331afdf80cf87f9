/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench.h"

#include <stdio.h>
#include <string.h>

/* What was measured, as a table for people and as JSON for programs. */

static const char * const columns[] = { "floor", "gsubprocess", "libpipeline", "bash", "python" };

static const double default_targets[] = { 0, 0.8, 1.0, 1.0, 0.8 };

static int
find_contestant (const BenchWorkload *workload,
                 const char          *name)
{
  for (int i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    if (g_strcmp0 (workload->contestants[i].name, name) == 0)
      return i;

  return -1;
}

/* Returns 0 if either was not measured. */
static double
get_ratio (const BenchResult *result,
           const char        *name,
           const char        *against)
{
  int a = find_contestant (result->workload, name);
  int b = find_contestant (result->workload, against);

  if (a < 0 || b < 0 || result->figures[a].times->len == 0 || result->figures[b].times->len == 0)
    return 0;

  return bench_get_median (result->figures[a].times) / bench_get_median (result->figures[b].times);
}

static gboolean
is_gopipe (const char *name)
{
  return g_str_has_prefix (name, "gopipe");
}

static gboolean
has_row (const BenchContestant *contestant)
{
  return contestant->name != NULL && bench_is_ours (contestant->name);
}

static double
get_target (const BenchWorkload *workload,
            const char          *name,
            guint                column)
{
  if (!is_gopipe (name))
    return 0;

  for (guint i = 0; i < BENCH_MAX_TARGETS; i++)
    {
      const BenchTarget *target = &workload->targets[i];

      if (g_strcmp0 (target->name, name) == 0 && g_str_equal (target->against, columns[column]))
        return target->at_most;
    }

  return default_targets[column];
}

static char *
format_time (double seconds)
{
  if (seconds < 1e-3)
    return g_strdup_printf ("%.1f us", seconds * 1e6);
  if (seconds < 1)
    return g_strdup_printf ("%.2f ms", seconds * 1e3);

  return g_strdup_printf ("%.2f s", seconds);
}

/* A ratio, and what it should be at most if that is known; with a mark if it is more */
static char *
format_ratio (double ratio,
              double target)
{
  if (ratio <= 0)
    return g_strdup ("-");
  if (target <= 0)
    return g_strdup_printf ("%.2f", ratio);

  return g_strdup_printf ("%.2f%s/%g", ratio, ratio > target ? "!" : "", target);
}

static void
print_row (const BenchResult *result,
           guint              index)
{
  const BenchWorkload *workload = result->workload;
  const char *name = workload->contestants[index].name;
  const char *variant = is_gopipe (name) ? name + strlen ("gopipe") : name;
  const BenchFigures *figures = &result->figures[index];
  g_autofree char *title = g_strconcat (workload->name, *variant != '\0' ? " " : "",
                                        variant + (*variant == '-'), NULL);
  g_autofree char *seconds = NULL;

  if (figures->times->len == 0)
    return;
  seconds = format_time (bench_get_median (figures->times));
  g_print ("%-21s %10s %7.1f", title, seconds, (double) figures->peak_kib / 1024);
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      g_autofree char *cell = format_ratio (get_ratio (result, name, columns[i]),
                                            get_target (workload, name, i));

      g_print (" %12s", cell);
    }
  g_print ("\n");
}

void
bench_report_print_head (void)
{
  g_print ("Ratios of a row's time to that of the others; '/' what is aimed at, '!' if missed.\n"
           "MiB is the peak of the process itself, less what was touched before.\n\n");
  g_print ("%-21s %10s %7s", "gopipe", "median", "MiB");
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    g_print (" %12s", columns[i]);
  g_print ("\n");
}

void
bench_report_print (const BenchResult *result)
{
  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    if (has_row (&result->workload->contestants[i]))
      print_row (result, i);
}

/* The text is one of ours, and needs no escaping. */
static void
append_contestant (GString             *json,
                   const char          *name,
                   const BenchFigures  *figures)
{
  g_string_append_printf (json,
                          "        {\"name\": \"%s\", \"median\": %.9f, \"low\": %.9f, "
                          "\"high\": %.9f, \"peak_kib\": %" G_GUINT64_FORMAT ", \"times\": %u}",
                          name,
                          bench_get_median (figures->times),
                          bench_get_quantile (figures->times, 0.25),
                          bench_get_quantile (figures->times, 0.75),
                          figures->peak_kib,
                          figures->times->len);
}

static void
append_contestants (GString           *json,
                    const BenchResult *result)
{
  const char *separator = "\n";

  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    if (result->figures[i].times->len > 0)
      {
        g_string_append (json, separator);
        append_contestant (json, result->workload->contestants[i].name, &result->figures[i]);
        separator = ",\n";
      }
}

static void
append_ratios (GString           *json,
               const BenchResult *result)
{
  const char *separator = "\n";

  for (guint i = 0; i < BENCH_MAX_CONTESTANTS; i++)
    for (guint j = 0; j < G_N_ELEMENTS (columns); j++)
      {
        const char *name = result->workload->contestants[i].name;
        double ratio, target;

        if (!has_row (&result->workload->contestants[i]))
          continue;
        ratio = get_ratio (result, name, columns[j]);
        target = get_target (result->workload, name, j);
        if (ratio <= 0)
          continue;
        g_string_append_printf (json, "%s        {\"name\": \"%s\", \"against\": \"%s\", "
                                "\"ratio\": %.4f", separator, name, columns[j], ratio);
        if (target > 0)
          g_string_append_printf (json, ", \"at_most\": %g, \"met\": %s",
                                  target, ratio <= target ? "true" : "false");
        g_string_append_c (json, '}');
        separator = ",\n";
      }
}

/* See the head of draw.py for what is in it. */
char *
bench_report_to_json (GPtrArray *results,
                      int        n_rounds,
                      gboolean   quick)
{
  GString *json = g_string_new (NULL);
  guint64 rss_kib, private_kib;

  bench_measure_supervisor (&rss_kib, &private_kib);
  g_string_append_printf (json,
                          "{\n  \"format\": 1,\n  \"rounds\": %d,\n  \"quick\": %s,\n"
                          "  \"supervisor\": {\"rss_kib\": %" G_GUINT64_FORMAT
                          ", \"private_kib\": %" G_GUINT64_FORMAT "},\n  \"workloads\": [",
                          n_rounds, quick ? "true" : "false", rss_kib, private_kib);
  for (guint i = 0; i < results->len; i++)
    {
      const BenchResult *result = results->pdata[i];
      const BenchWorkload *workload = result->workload;

      g_string_append_printf (json,
                              "%s\n    {\n      \"name\": \"%s\",\n      \"description\": \"%s\",\n"
                              "      \"size\": %" G_GUINT64_FORMAT ",\n      \"touched\": %"
                              G_GUINT64_FORMAT ",\n      \"contestants\": [",
                              i > 0 ? "," : "", workload->name, workload->description,
                              workload->size, workload->touched);
      append_contestants (json, result);
      g_string_append (json, "\n      ],\n      \"ratios\": [");
      append_ratios (json, result);
      g_string_append (json, "\n      ]\n    }");
    }
  g_string_append (json, "\n  ]\n}\n");

  return g_string_free (json, FALSE);
}
