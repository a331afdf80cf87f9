/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

G_BEGIN_DECLS

#define BENCH_BLOCK_SIZE (64 * 1024)
#define BENCH_MAX_CONTESTANTS 11
#define BENCH_MAX_TARGETS 4

#define BENCH_KIB G_GUINT64_CONSTANT (1024)
#define BENCH_MIB (1024 * BENCH_KIB)
#define BENCH_GIB (1024 * BENCH_MIB)

/* What a contestant returns if the time of the whole call is what counts. */
#define BENCH_WHOLE 0.0

/* Does the work of a workload once, checks the result, and returns the seconds that count. The size
 * is in the unit of the workload: bytes, lines or rounds. */
typedef double (*BenchFunc) (guint64 size);

/* One way to do the work of a workload. Either a function of this program, or a script that is
 * called with the name of the workload, its own name, the size, the iterations and the touched
 * memory. With neither, the contestant was not built, and is left out. */
typedef struct
{
  const char *name;
  BenchFunc func;
  const char *script;
} BenchContestant;

/* What a contestant's time may be at most, as a multiple of another's. */
typedef struct
{
  const char *name;
  const char *against;
  double at_most;
} BenchTarget;

typedef struct
{
  const char *name;
  const char *description;
  guint64 size;
  /* For the warm-up, and where only the result matters */
  guint64 small_size;
  /* Memory of the process that was written to before */
  guint64 touched;
  /* Of the work in one process */
  guint iterations;
  BenchContestant contestants[BENCH_MAX_CONTESTANTS];
  BenchTarget targets[BENCH_MAX_TARGETS];
} BenchWorkload;

/* What was measured of a contestant in all rounds. */
typedef struct
{
  GArray *times;
  guint64 peak_kib;
  gboolean failed;
} BenchFigures;

/* A workload with the figures of its contestants, by the same index. */
typedef struct
{
  const BenchWorkload *workload;
  BenchFigures figures[BENCH_MAX_CONTESTANTS];
} BenchResult;

/* What is run. Each list ends with an entry without a name. */
extern const BenchWorkload bench_spawn_workloads[];
extern const BenchWorkload bench_function_workloads[];
extern const BenchWorkload bench_data_workloads[];
extern const BenchWorkload bench_language_workloads[];
extern const BenchWorkload bench_latency_workloads[];
extern const BenchWorkload bench_pump_workloads[];

/* How it is measured */

/* Whether it is gopipe, or a bound: what gopipe can at best be with some part of what it does */
gboolean     bench_is_ours            (const char          *contestant_name);
double       bench_now                (void);
double       bench_get_median         (GArray              *times);
double       bench_get_quantile       (GArray              *times,
                                       double               part);
void         bench_measure            (const BenchWorkload *workload,
                                       guint                index,
                                       guint64              size,
                                       guint                iterations,
                                       guint64              touched,
                                       BenchFigures        *figures);
void         bench_measure_supervisor (guint64             *rss_kib,
                                       guint64             *private_kib);

/* What becomes of it */
void         bench_report_print_head  (void);
void         bench_report_print       (const BenchResult   *result);
char        *bench_report_to_json     (GPtrArray           *results,
                                       int                  n_rounds,
                                       gboolean             quick);

/* Ends the program. */
void         bench_fail               (const char          *format,
                                       ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;
void         bench_check              (gboolean             condition,
                                       const char          *what);
void         bench_check_error        (GError              *error);

G_END_DECLS
