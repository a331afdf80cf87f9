/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-command-line-private.h"
#include "gp-error-private.h"

#include <string.h>

/* Skips a quoted part or an escaped character at @text; returns its last byte, or the end of the
 * string if it has none. */
static const char *
skip_quoted (const char *text)
{
  char quote = *text;

  if (quote == '\\')
    return text[1] != '\0' ? text + 1 : text;

  for (text++; *text != '\0' && *text != quote; text++)
    if (quote == '"' && *text == '\\' && text[1] != '\0')
      text++;

  return *text != '\0' ? text : text - 1;
}

/* The first unquoted character of @text that is not part of a word, or NULL */
static const char *
find_operator (const char *text)
{
  gboolean in_word = FALSE;

  for (; *text != '\0'; text++)
    {
      if (strchr ("\\'\"", *text) != NULL)
        text = skip_quoted (text);
      else if (strchr ("|&;<>()$`", *text) != NULL || (*text == '#' && !in_word))
        return text;

      in_word = !g_ascii_isspace (*text);
    }

  return NULL;
}

static void
set_operator_error (GError     **error,
                    const char  *text,
                    const char  *operator)
{
  gp_error_set_invalid (error,
                        "\"%c\" in \"%s\" would need a shell; quote it if it is meant literally",
                        *operator, text);
}

static char **
parse_words (const char  *text,
             const char  *whole,
             GError     **error)
{
  g_autoptr (GError) local_error = NULL;
  char **argv = NULL;

  if (g_shell_parse_argv (text, NULL, &argv, &local_error))
    return argv;

  if (g_error_matches (local_error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
    gp_error_set_invalid (error, "a command is missing in \"%s\"", whole);
  else
    gp_error_set_invalid (error, "\"%s\" cannot be parsed: %s", whole, local_error->message);

  return NULL;
}

char **
gp_command_line_parse (const char  *text,
                       GError     **error)
{
  const char *operator = find_operator (text);

  if (operator != NULL)
    {
      set_operator_error (error, text, operator);
      return NULL;
    }

  return parse_words (text, text, error);
}

GPtrArray *
gp_command_line_parse_pipeline (const char  *text,
                                GError     **error)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  const char *rest = text;

  while (rest != NULL)
    {
      const char *operator = find_operator (rest);
      g_autofree char *command = NULL;
      char **argv;

      if (operator != NULL && (*operator != '|' || operator[1] == '|' || operator[1] == '&'))
        {
          set_operator_error (error, text, operator);
          return NULL;
        }

      command = operator != NULL ? g_strndup (rest, operator - rest) : g_strdup (rest);
      argv = parse_words (command, text, error);
      if (argv == NULL)
        return NULL;

      g_ptr_array_add (commands, argv);
      rest = operator != NULL ? operator + 1 : NULL;
    }

  return g_steal_pointer (&commands);
}
