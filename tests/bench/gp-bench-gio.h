/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-bench.h"

G_BEGIN_DECLS

/* What those who use GIO's streams do with them, with gopipe and without. Where there is no place
 * for an error, it ends the program. */

gboolean     gio_produce          (GOutputStream       *output,
                                   guint64              size,
                                   GError             **error);
gboolean     gio_copy             (GInputStream        *input,
                                   GOutputStream       *output,
                                   GError             **error);
gboolean     gio_count            (GInputStream        *input,
                                   guint64             *total,
                                   GError             **error);
gboolean     gio_count_lines      (GInputStream        *input,
                                   guint64             *n_lines,
                                   GError             **error);

/* The same as stages, which use what they are given a pointer to. */
GpStage     *stage_produce        (const guint64       *size);
GpStage     *stage_copy           (void);
GpStage     *stage_count          (guint64             *total);
GpStage     *stage_count_lines    (guint64             *n_lines);
GpStage     *stage_count_by_line  (guint64             *n_lines);
void         run_pipeline         (GpPipeline          *pipeline);
void         start_pipeline       (GpPipeline          *pipeline,
                                   guint               *n_pending);
void         unsupervise_pipeline (GpPipeline          *pipeline);

/* A command with descriptors on both sides, and a thread between two commands */
GSubprocess *gio_spawn            (const char * const  *argv,
                                   int                  input,
                                   int                  output,
                                   GSubprocessFlags     flags);
void         gio_wait             (GSubprocess         *process);
void         gio_wait_async       (GSubprocess         *process,
                                   guint               *n_pending);
GThread     *gio_copy_start       (GInputStream        *input,
                                   GOutputStream       *output);
/* A stream for a descriptor, with nothing in between */
GOutputStream *gio_bare_output    (int                  fd);
void         gio_pipe             (GInputStream       **input,
                                   GOutputStream      **output);

G_END_DECLS
