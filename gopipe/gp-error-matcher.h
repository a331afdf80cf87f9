/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_ERROR_MATCHER (gp_error_matcher_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpErrorMatcher, gp_error_matcher, GP, ERROR_MATCHER, GObject)

/**
 * GpErrorMatchFunction:
 * @error: an error
 * @user_data: (closure): the data given to [ctor@ErrorMatcher.new]
 *
 * Tells whether an error is one of those that are looked for.
 *
 * Returns: the answer
 *
 * Since: 0.1
 */
typedef GpErrorMatch (*GpErrorMatchFunction) (const GError *error,
                                              gpointer      user_data);

/**
 * GpErrorPartsMatchFunction:
 * @domain: the domain of an error
 * @code: its code
 * @message: its message, in valid UTF-8
 * @user_data: (closure): the data given to [ctor@ErrorMatcher.new_with_parts]
 *
 * Tells whether an error is one of those that are looked for.
 *
 * Returns: the answer
 *
 * Since: 0.1
 */
typedef GpErrorMatch (*GpErrorPartsMatchFunction) (GQuark      domain,
                                                   int         code,
                                                   const char *message,
                                                   gpointer    user_data);

GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new             (GpErrorMatchFunction       func,
                                                  gpointer                   user_data,
                                                  GDestroyNotify             destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new_with_parts  (GpErrorPartsMatchFunction  func,
                                                  gpointer                   user_data,
                                                  GDestroyNotify             destroy) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new_error       (GQuark                     domain,
                                                  int                        code) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new_exit_status (int                        exit_status) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new_signal      (int                        signum) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpErrorMatcher *gp_error_matcher_new_pipe        (void) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
void            gp_error_matcher_add             (GpErrorMatcher            *self,
                                                  GpErrorMatcher            *other);
GP_AVAILABLE_IN_ALL
gboolean        gp_error_matcher_matches         (GpErrorMatcher            *self,
                                                  const GError              *error);

G_END_DECLS
