/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include "gp-environment-private.h"
#include "gp-error.h"

/* Any changes to any inherited environment. Names that cannot be one are an error, whose text is valid;
 * otherwise each variable has the value that the changes say one after the other, and what was
 * inherited and never named is still there as it was. */

#define MAX_CHANGES 12

typedef struct
{
  GpEnvironment *environment;
  GHashTable    *values;     /* of variables by name, as far as they were changed; NULL: unset */
  gboolean       is_bad;
  gboolean       is_fresh;   /* nothing inherited is left */
  gboolean       has_base;
} Case;

static gboolean
is_name (const char *text)
{
  return *text != '\0' && strchr (text, '=') == NULL;
}

/* What the inherited environment says, unless it was changed since */
static const char *
get_value (const Case  *self,
           char       **inherited,
           const char  *name)
{
  gpointer value;

  if (g_hash_table_lookup_extended (self->values, name, NULL, &value))
    return value;

  return self->is_fresh ? NULL : g_environ_getenv (inherited, name);
}

static void
note (Case       *self,
      const char *name,
      const char *value)
{
  g_hash_table_insert (self->values, g_strdup (name), g_strdup (value));
}

static void
forget_all (Case *self)
{
  g_hash_table_remove_all (self->values);
  self->is_fresh = TRUE;
}

static void
note_entry (Case       *self,
            const char *entry)
{
  const char *equals = strchr (entry, '=');
  g_autofree char *name = equals != NULL ? g_strndup (entry, equals - entry) : g_strdup ("");

  self->is_bad |= *name == '\0';
  if (equals != NULL)
    note (self, name, equals + 1);
}

static void
change (Case       *self,
        FuzzInput  *input,
        char      **inherited)
{
  guint kind = fuzz_choose (input, 5);
  g_autofree char *name = fuzz_take_text (input);
  g_autofree char *value = fuzz_take_text (input);
  const char *entries[] = { name, value, NULL };

  switch (kind)
    {
    case 0:
    case 1:
      gp_environment_set (self->environment, name, value, kind == 0);
      self->is_bad |= !is_name (name);
      if (is_name (name) && (kind == 0 || get_value (self, inherited, name) == NULL))
        note (self, name, value);
      break;
    case 2:
      gp_environment_unset (self->environment, name);
      self->is_bad |= !is_name (name);
      note (self, name, NULL);
      break;
    case 3:
      gp_environment_clear (self->environment);
      forget_all (self);
      break;
    default:
      gp_environment_add (self->environment, entries);
      note_entry (self, name);
      note_entry (self, value);
      break;
    }
}

/* What is inherited, but as somebody has set it: then each entry must be good. What is truly inherited
 * goes. */
static void
set_base (Case  *self,
          char **entries)
{
  gp_environment_set_base (self->environment, (const char * const *) entries);
  for (guint i = 0; entries[i] != NULL; i++)
    self->is_bad |= strchr (entries[i], '=') == NULL || entries[i][0] == '=';
  self->has_base = TRUE;
}

static guint
count_entries (char       **entries,
               const char  *entry)
{
  guint n = 0;

  for (guint i = 0; entries[i] != NULL; i++)
    n += g_str_equal (entries[i], entry) ? 1 : 0;

  return n;
}

static void
check_result (Case  *self,
              char **result,
              char **inherited)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, self->values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_assert_cmpstr (g_environ_getenv (result, name), ==, value);

  /* Those that no change has named, whatever they look like */
  for (guint i = 0; inherited[i] != NULL; i++)
    {
      g_autofree char *own = g_strndup (inherited[i], strcspn (inherited[i], "="));

      if (!self->is_fresh && !g_hash_table_contains (self->values, own))
        g_assert_cmpuint (count_entries (result, inherited[i]), ==,
                          count_entries (inherited, inherited[i]));
    }

  /* And no others */
  for (guint i = 0; result[i] != NULL; i++)
    {
      g_autofree char *own = g_strndup (result[i], strcspn (result[i], "="));

      g_assert_true (g_hash_table_contains (self->values, own) ||
                     (!self->is_fresh && count_entries (inherited, result[i]) > 0));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GpEnvironment) environment = gp_environment_new ();
  g_autoptr (GHashTable) values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) inherited = NULL;
  g_auto (GStrv) result = NULL;
  Case self = { .environment = environment, .values = values };
  guint n_changes = fuzz_choose (&input, MAX_CHANGES);
  const guint n_inherited = fuzz_choose (&input, 12);

  inherited = fuzz_take_texts (&input, n_inherited % 6);
  if (n_inherited >= 6)
    set_base (&self, inherited);
  for (guint i = 0; i < n_changes; i++)
    change (&self, &input, inherited);

  gp_environment_evaluate (environment);
  g_assert_true (gp_environment_check (environment, &error) != self.is_bad);
  if (self.is_bad)
    {
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }

  result = gp_environment_apply (environment, self.has_base ? g_strsplit ("GONE=1", " ", -1)
                                                            : g_strdupv (inherited));
  if (!self.is_bad)
    check_result (&self, result, inherited);

  return 0;
}
