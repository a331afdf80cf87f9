/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-environment-private.h"

#include "gp-error-private.h"
#include "gp-user-function-private.h"

#include <string.h>
#include <unistd.h>

typedef enum
{
  CHANGE_SET,
  CHANGE_UNSET,
  CHANGE_CLEAR,
  CHANGE_ADD,
} ChangeKind;

/* @entries of a @function are those that it has returned: NULL until it is called */
typedef struct
{
  ChangeKind       kind;
  char            *variable;
  char            *value;
  gboolean         overwrite;
  char           **entries;
  GpUserFunction  *function;
} Change;

/* Two states: being set up, and evaluated, when all functions were called and nothing changes any
 * more. Its owner is the only one to change it, in one thread; afterwards it may be read in any. */
struct _GpEnvironment
{
  char    **base;
  GArray   *changes;
  gboolean  evaluated;
  GError   *error; /* of the first function that failed */
};

static void
clear_change (gpointer data)
{
  Change *change = data;

  g_free (change->variable);
  g_free (change->value);
  g_strfreev (change->entries);
  g_clear_pointer (&change->function, gp_user_function_unref);
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
  g_clear_error (&self->error);
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

static void
append_change (GpEnvironment *self,
               Change         change)
{
  g_array_append_val (self->changes, change);
}

void
gp_environment_set (GpEnvironment *self,
                    const char    *variable,
                    const char    *value,
                    gboolean       overwrite)
{
  append_change (self, (Change) {
    .kind = CHANGE_SET,
    .variable = g_strdup (variable),
    .value = g_strdup (value),
    .overwrite = overwrite,
  });
}

void
gp_environment_unset (GpEnvironment *self,
                      const char    *variable)
{
  append_change (self, (Change) { .kind = CHANGE_UNSET, .variable = g_strdup (variable) });
}

void
gp_environment_clear (GpEnvironment *self)
{
  append_change (self, (Change) { .kind = CHANGE_CLEAR });
}

void
gp_environment_add (GpEnvironment      *self,
                    const char * const *entries)
{
  append_change (self, (Change) { .kind = CHANGE_ADD, .entries = g_strdupv ((char **) entries) });
}

void
gp_environment_add_func (GpEnvironment     *self,
                         GpEnvironFunction  func,
                         gpointer           user_data,
                         GDestroyNotify     destroy)
{
  append_change (self, (Change) {
    .kind = CHANGE_ADD,
    .function = gp_user_function_new (G_CALLBACK (func), user_data, destroy),
  });
}

static char **
call_function (GpUserFunction  *function,
               GError         **error)
{
  g_autoptr (GError) own_error = NULL;
  g_auto (GStrv) entries = NULL;

  entries = ((GpEnvironFunction) function->func) (function->data, &own_error);
  if (own_error != NULL)
    g_propagate_error (error, g_steal_pointer (&own_error));
  else if (entries == NULL)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT,
                         "the function returned neither entries nor an error");
  else
    return g_steal_pointer (&entries);

  return NULL;
}

void
gp_environment_evaluate (GpEnvironment *self)
{
  if (self->evaluated)
    return;

  self->evaluated = TRUE;
  for (guint i = 0; self->error == NULL && i < self->changes->len; i++)
    {
      Change *change = &g_array_index (self->changes, Change, i);

      if (change->function != NULL)
        change->entries = call_function (change->function, &self->error);
    }
}

static gboolean
check_entries (char   **entries,
               GError **error)
{
  for (; entries != NULL && *entries != NULL; entries++)
    {
      const char *equals = strchr (*entries, '=');

      if (equals == NULL || equals == *entries)
        {
          gp_error_set_invalid (error, "environment entry \"%s\" is not of the form NAME=VALUE",
                                *entries);
          return FALSE;
        }
    }

  return TRUE;
}

static gboolean
check_change (const Change  *change,
              GError       **error)
{
  const char *variable = change->variable;

  if (variable == NULL || (variable[0] != '\0' && strchr (variable, '=') == NULL))
    return check_entries (change->entries, error);

  gp_error_set_invalid (error, "\"%s\" cannot be the name of an environment variable", variable);

  return FALSE;
}

gboolean
gp_environment_check (GpEnvironment  *self,
                      GError        **error)
{
  if (self->error != NULL)
    {
      g_propagate_error (error, gp_error_copy_prefixed (self->error,
                                                        "finding out the environment: "));
      return FALSE;
    }

  if (!check_entries (self->base, error))
    return FALSE;

  for (guint i = 0; i < self->changes->len; i++)
    if (!check_change (&g_array_index (self->changes, Change, i), error))
      return FALSE;

  return TRUE;
}

static char **
set_entries (char **environ,
             char **entries)
{
  for (; entries != NULL && *entries != NULL; entries++)
    {
      const char *equals = strchr (*entries, '=');
      g_autofree char *variable = g_strndup (*entries, equals - *entries);

      environ = g_environ_setenv (environ, variable, equals + 1, TRUE);
    }

  return environ;
}

static char **
apply_change (const Change  *change,
              char         **environ)
{
  switch (change->kind)
    {
    case CHANGE_SET:
      return g_environ_setenv (environ, change->variable, change->value, change->overwrite);
    case CHANGE_UNSET:
      return g_environ_unsetenv (environ, change->variable);
    case CHANGE_CLEAR:
      g_strfreev (environ);
      return g_new0 (char *, 1);
    case CHANGE_ADD:
      return set_entries (environ, change->entries);
    default:
      g_return_val_if_reached (environ);
    }
}

gboolean
gp_environment_has_effect (GpEnvironment *self)
{
  return self->base != NULL || self->changes->len > 0;
}

char **
gp_environment_apply (GpEnvironment  *self,
                      char          **inherited)
{
  char **result = inherited;

  /* The start fails anyway. */
  if (!gp_environment_check (self, NULL))
    return inherited;

  if (self->base != NULL)
    {
      g_strfreev (inherited);
      result = g_strdupv (self->base);
    }

  for (guint i = 0; i < self->changes->len; i++)
    result = apply_change (&g_array_index (self->changes, Change, i), result);

  return result;
}

gboolean
gp_environment_is_programs (const char * const *entries)
{
  char **own = environ;

  if (own == NULL)
    return *entries == NULL;

  for (; *own != NULL && *entries != NULL; own++, entries++)
    if (strcmp (*own, *entries) != 0)
      return FALSE;

  return *own == NULL && *entries == NULL;
}
