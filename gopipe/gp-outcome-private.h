/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-error-private.h"

G_BEGIN_DECLS

/* Which of the stages' errors (NULL = success), from first to last, is the pipeline's?
 *
 * The earliest real error wins, for what fails later mostly fails because of it. A pipe error is
 * a consequence of the stage after, so it counts only if there is nothing else, and then the
 * latest; not at all when that stage had simply read enough. @had_enough (inout) says so of
 * whoever reads the last stage, and then of whoever reads in front: the first stage finished early,
 * or only wrote to one that did. */
const GError *gp_outcome_choose (const GError * const *errors,
                                 guint                 n_errors,
                                 gboolean             *had_enough,
                                 gboolean              ignore_pipe_errors);

G_END_DECLS
