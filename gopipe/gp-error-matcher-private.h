/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-error-matcher.h"

G_BEGIN_DECLS

/* What a matcher matches at a time. It never changes, and may be used in any thread but for the
 * functions of the application. */
typedef struct _GpErrorRules GpErrorRules;

/* (transfer full) */
GpErrorRules *gp_error_matcher_dup_rules    (GpErrorMatcher *self);

GpErrorRules *gp_error_rules_ref            (GpErrorRules   *self);
void          gp_error_rules_unref          (GpErrorRules   *self);
gboolean      gp_error_rules_has_functions  (GpErrorRules   *self);
gboolean      gp_error_rules_match          (GpErrorRules   *self,
                                             const GError   *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpErrorRules, gp_error_rules_unref)

G_END_DECLS
