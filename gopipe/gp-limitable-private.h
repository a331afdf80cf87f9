/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-limitable.h"

G_BEGIN_DECLS

/* The interface as the library's own stages have it: gp-command-limitable.c and
 * gp-pipeline-limitable.c */
void       gp_command_stage_limitable_init (GpLimitableInterface *iface);
void       gp_pipeline_limitable_init      (GpLimitableInterface *iface);

/* (transfer none): of GpStageStatus; it does not change any more once the pipeline was started */
GPtrArray *gp_pipeline_get_statuses        (GpPipeline           *self);

G_END_DECLS
