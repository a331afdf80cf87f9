/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* The contestants that are not written here, or only where there is the library that they need. One
 * without a function is left out. */

#define BASH { "bash", NULL, "gp-bench-bash.sh" }
#define PYTHON { "python", NULL, "gp-bench-python.py" }

#ifdef HAVE_LIBPIPELINE
#define LIBPIPELINE(workload) { "libpipeline", libpipeline_##workload }
#else
#define LIBPIPELINE(workload) { "libpipeline" }
#endif

double libpipeline_spawn1              (guint64 size);
double libpipeline_cmds10              (guint64 size);
double libpipeline_stall               (guint64 size);
double libpipeline_funcs10             (guint64 size);
double libpipeline_mixed10             (guint64 size);
double libpipeline_func_to_func        (guint64 size);
double libpipeline_func_to_cmd_to_func (guint64 size);
double libpipeline_cmd_to_cmd          (guint64 size);
double libpipeline_cmd_to_mem          (guint64 size);
double libpipeline_data_unbuffered     (guint64 size);
double libpipeline_data_buffered       (guint64 size);
double libpipeline_lines               (guint64 size);
double libpipeline_latency_cmds        (guint64 size);
double libpipeline_latency_funcs       (guint64 size);
double libpipeline_latency_mixed       (guint64 size);
double libpipeline_pump_file           (guint64 size);
