/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-bench.h"

G_BEGIN_DECLS

extern const BenchWorkload bench_growth_workloads[];

gboolean bench_growth_run (int         n_rounds,
                           const char *json_file);

G_END_DECLS
