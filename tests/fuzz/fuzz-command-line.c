/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <gopipe/gopipe.h>

#include "gp-command-line-private.h"

/* Any text as a command, and as a pipeline. What comes out is what a plain reader of the rules finds,
 * nothing that only a shell could do is ever taken for an argument, and what was parsed can be
 * quoted and parsed again. */

/* What the plain reader has found: commands, each a list of words */
typedef struct
{
  GPtrArray *commands;    /* of GStrv */
  gboolean   is_good;
  gboolean   may_be_refused; /* "#" after what is no blank for everybody */
} Reading;

/* One command being read; @word is NULL between words. */
typedef struct
{
  const char *at;
  GPtrArray  *words;
  GString    *word;
} Reader;

static void
add_char (Reader *self,
          char    c)
{
  if (self->word == NULL)
    self->word = g_string_new (NULL);
  g_string_append_c (self->word, c);
}

static void
end_word (Reader *self)
{
  if (self->word != NULL)
    g_ptr_array_add (self->words, g_string_free (self->word, FALSE));
  self->word = NULL;
}

/* At a quote; FALSE: it is never closed. A backslash protects less between double quotes, and as GLib
 * has it, a newline after it stays. */
static gboolean
read_quoted (Reader *self)
{
  char quote = *self->at++;

  if (self->word == NULL)
    self->word = g_string_new (NULL);
  for (; *self->at != quote; self->at++)
    {
      if (*self->at == '\0')
        return FALSE;
      if (quote == '"' && *self->at == '\\' && self->at[1] != '\0' &&
          strchr ("\"\\`$\n", self->at[1]) != NULL)
        self->at++;
      add_char (self, *self->at);
    }

  return TRUE;
}

/* At a backslash; FALSE: nothing comes after it */
static gboolean
read_escaped (Reader *self)
{
  self->at++;
  if (*self->at == '\0')
    return FALSE;
  if (*self->at != '\n')
    add_char (self, *self->at);

  return TRUE;
}

/* Up to a "|" or the end */
static gboolean
read_command (Reader  *self,
              Reading *reading)
{
  for (; *self->at != '\0' && *self->at != '|'; self->at++)
    {
      char c = *self->at;

      if (c == '\'' || c == '"' ? !read_quoted (self) : c == '\\' && !read_escaped (self))
        return FALSE;
      if (c == '\'' || c == '"' || c == '\\')
        continue;
      if (strchr ("&;<>()$`", c) != NULL || (c == '#' && self->word == NULL))
        return FALSE;

      reading->may_be_refused |= c == '#';
      if (c == ' ' || c == '\t' || c == '\n')
        end_word (self);
      else
        add_char (self, c);
    }

  return TRUE;
}

static void
reading_init (Reading    *self,
              const char *text)
{
  const char *at = text;

  self->commands = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  self->is_good = TRUE;
  self->may_be_refused = FALSE;

  for (;;)
    {
      Reader reader = { .at = at, .words = g_ptr_array_new () };

      self->is_good &= read_command (&reader, self);
      end_word (&reader);
      self->is_good &= reader.words->len > 0;
      g_ptr_array_add (reader.words, NULL);
      g_ptr_array_add (self->commands, g_ptr_array_free (reader.words, FALSE));

      if (!self->is_good || *reader.at == '\0')
        return;
      at = reader.at + 1;
    }
}

static void
assert_same_words (char **words,
                   char **expected)
{
  g_assert_cmpuint (g_strv_length (words), ==, g_strv_length (expected));
  for (guint i = 0; words[i] != NULL; i++)
    g_assert_cmpstr (words[i], ==, expected[i]);
}

static char *
quote_words (char **words)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *quoted = g_shell_quote (words[i]);

      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", quoted);
    }

  return g_string_free (text, FALSE);
}

static void
check_error (const GError *error)
{
  g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_INVALID);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
check_command (const char    *text,
               const Reading *reading)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GpCommandStage) stage = gp_command_stage_new_from_string (text, &error);
  g_auto (GStrv) words = NULL;
  g_auto (GStrv) again = NULL;
  g_autofree char *quoted = NULL;

  if (stage == NULL)
    {
      check_error (error);
      g_assert_true (!reading->is_good || reading->commands->len > 1 || reading->may_be_refused);
      return;
    }

  g_assert_no_error (error);
  g_assert_true (reading->is_good);
  g_assert_cmpuint (reading->commands->len, ==, 1);
  g_object_get (stage, "argv", &words, NULL);
  assert_same_words (words, reading->commands->pdata[0]);
  g_assert_true (g_utf8_validate (gp_command_stage_get_name (stage), -1, NULL));

  quoted = quote_words (words);
  again = gp_command_line_parse (quoted, &error);
  g_assert_no_error (error);
  assert_same_words (again, words);
}

static void
check_pipeline (const char    *text,
                const Reading *reading)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) commands = gp_command_line_parse_pipeline (text, &error);
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new_from_string (text, NULL);

  g_assert_true ((commands == NULL) == (pipeline == NULL));
  if (commands == NULL)
    {
      check_error (error);
      g_assert_true (!reading->is_good || reading->may_be_refused);
      return;
    }

  g_assert_no_error (error);
  g_assert_true (reading->is_good);
  g_assert_cmpuint (commands->len, ==, reading->commands->len);
  for (guint i = 0; i < commands->len; i++)
    assert_same_words (commands->pdata[i], reading->commands->pdata[i]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autofree char *text = fuzz_take_text (&input);
  Reading reading;

  reading_init (&reading, text);
  check_command (text, &reading);
  check_pipeline (text, &reading);
  g_ptr_array_unref (reading.commands);

  return 0;
}
