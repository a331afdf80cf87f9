/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-environment-private.h"
#include "gp-error-private.h"

#include <string.h>

typedef struct
{
  char     *variable;
  char     *value; /* NULL: unset */
  gboolean  overwrite;
} Change;

struct _GpEnvironment
{
  char   **base;
  GArray  *changes;
};

static void
clear_change (gpointer data)
{
  Change *change = data;

  g_free (change->variable);
  g_free (change->value);
}

GpEnvironment *
gp_environment_new (void)
{
  GpEnvironment *self = g_new0 (GpEnvironment, 1);

  self->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (self->changes, clear_change);

  return self;
}

void
gp_environment_free (GpEnvironment *self)
{
  g_strfreev (self->base);
  g_array_unref (self->changes);
  g_free (self);
}

void
gp_environment_set_base (GpEnvironment      *self,
                         const char * const *base)
{
  char **copy = g_strdupv ((char **) base);

  g_strfreev (self->base);
  self->base = copy;
}

const char * const *
gp_environment_get_base (GpEnvironment *self)
{
  return (const char * const *) self->base;
}

void
gp_environment_set (GpEnvironment *self,
                    const char    *variable,
                    const char    *value,
                    gboolean       overwrite)
{
  Change change = { g_strdup (variable), g_strdup (value), overwrite };

  g_array_append_val (self->changes, change);
}

void
gp_environment_unset (GpEnvironment *self,
                      const char    *variable)
{
  gp_environment_set (self, variable, NULL, TRUE);
}

gboolean
gp_environment_check (GpEnvironment  *self,
                      GError        **error)
{
  for (guint i = 0; self->base != NULL && self->base[i] != NULL; i++)
    {
      const char *equals = strchr (self->base[i], '=');

      if (equals == NULL || equals == self->base[i])
        {
          g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                       "environment entry \"%s\" is not of the form NAME=VALUE", self->base[i]);
          return FALSE;
        }
    }

  for (guint i = 0; i < self->changes->len; i++)
    {
      const Change *change = &g_array_index (self->changes, Change, i);

      if (change->variable[0] == '\0' || strchr (change->variable, '=') != NULL)
        {
          g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID,
                       "\"%s\" cannot be the name of an environment variable", change->variable);
          return FALSE;
        }
    }

  return TRUE;
}

char **
gp_environment_apply (GpEnvironment  *self,
                      char          **inherited)
{
  char **result = inherited;

  if (self->base != NULL)
    {
      g_strfreev (inherited);
      result = g_strdupv (self->base);
    }

  for (guint i = 0; i < self->changes->len; i++)
    {
      const Change *change = &g_array_index (self->changes, Change, i);

      if (change->value != NULL)
        result = g_environ_setenv (result, change->variable, change->value, change->overwrite);
      else
        result = g_environ_unsetenv (result, change->variable);
    }

  return result;
}
