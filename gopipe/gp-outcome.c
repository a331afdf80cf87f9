/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-outcome-private.h"

const GError *
gp_outcome_choose (const GError * const *errors,
                   guint                 n_errors,
                   gboolean             *had_enough,
                   gboolean              ignore_pipe_errors)
{
  const GError *chosen = NULL;

  for (guint i = n_errors; i-- > 0;)
    {
      const GError *error = errors[i];

      if (error == NULL)
        {
          *had_enough = FALSE;
        }
      else if (gp_error_is_finish_early (error))
        {
          *had_enough = TRUE;
        }
      else if (gp_error_matches_pipe (error))
        {
          if (chosen == NULL && !*had_enough && !ignore_pipe_errors)
            chosen = error;
        }
      else
        {
          chosen = error;
          *had_enough = FALSE;
        }
    }

  return chosen;
}
