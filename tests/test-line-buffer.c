/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-error.h"
#include "gp-line-buffer-private.h"
#include "gp-test-pipe-util.h"

#define SEPARATORS 3

/* The lines that came, each with its length and all its bytes, and how it ended */
typedef struct
{
  GString *text;
  GString *kept;  /* all bytes of all lines */
  GError  *error;
} Seen;

static void
seen_clear (Seen *seen)
{
  g_string_free (g_steal_pointer (&seen->text), TRUE);
  g_string_free (g_steal_pointer (&seen->kept), TRUE);
  g_clear_error (&seen->error);
}

static void
seen_add (Seen       *seen,
          const char *data,
          gsize       length,
          gsize       size)
{
  g_string_append_printf (seen->text, "%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT ":", length, size);
  g_string_append_len (seen->text, data, length);
  g_string_append_c (seen->text, '|');
  g_string_append_len (seen->kept, data, size);
}

/* Gives @size bytes in pieces of @chunk, as a stream would */
static Seen
split (const GpLineFormat *format,
       const char         *data,
       gsize               size,
       gsize               chunk)
{
  g_autoptr (GpLineBuffer) buffer = gp_line_buffer_new (format);
  Seen seen = { g_string_new (NULL), g_string_new (NULL), NULL };

  for (;;)
    {
      GpLine line;
      gpointer where;
      gsize room, n;

      switch (gp_line_buffer_next (buffer, &line, &seen.error))
        {
        case GP_LINE_STATUS_LINE:
          g_assert_cmpuint (line.length, <=, line.size);
          line.data[line.length] = line.data[line.length]; /* is ours to change for a moment */
          seen_add (&seen, line.data, line.length, line.size);
          break;
        case GP_LINE_STATUS_MORE:
          where = gp_line_buffer_reserve (buffer, &room);
          n = MIN (MIN (room, chunk), size);
          memcpy (where, data, n);
          gp_line_buffer_add (buffer, n);
          data += n;
          size -= n;
          break;
        case GP_LINE_STATUS_END:
          g_assert_cmpuint (size, ==, 0);
          g_assert_no_error (seen.error);
          return seen;
        case GP_LINE_STATUS_FAILED:
          g_assert_nonnull (seen.error);
          return seen;
        default:
          g_assert_not_reached ();
        }
    }
}

/* The same in the simplest way */
static gboolean
is_separator (GpLineSeparator separator,
              char            c)
{
  if (separator == GP_LINE_SEPARATOR_NEWLINE)
    return c == '\n';

  if (separator == GP_LINE_SEPARATOR_NUL)
    return c == '\0';

  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

static void
assert_like_reference (const Seen         *seen,
                       const GpLineFormat *format,
                       const char         *data,
                       gsize               size)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  gsize begin = 0;

  for (gsize i = 0; i <= size; i++)
    {
      gboolean ends = i < size && is_separator (format->separator, data[i]);
      gsize length = i - begin;

      if (!ends && (i < size || length == 0))
        continue;
      if (length > 0 || format->separator != GP_LINE_SEPARATOR_WORDS)
        {
          g_string_append_printf (expected, "%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT ":",
                                  length, length + ends);
          g_string_append_len (expected, data + begin, length);
          g_string_append_c (expected, '|');
        }
      begin = i + 1;
    }

  g_assert_no_error (seen->error);
  g_assert_cmpmem (seen->text->str, seen->text->len, expected->str, expected->len);
  if (format->separator != GP_LINE_SEPARATOR_WORDS)
    g_assert_cmpmem (seen->kept->str, seen->kept->len, data, size);
}

static const gsize chunks[] = { 1, 2, 3, 7, 64, 4096, 65536, G_MAXUINT };

static void
check (const char *data,
       gsize       size)
{
  for (guint separator = 0; separator < SEPARATORS; separator++)
    {
      for (gsize i = 0; i < G_N_ELEMENTS (chunks); i++)
        {
          GpLineFormat format = { .separator = separator };
          Seen seen;

          if (size / chunks[i] > 100000)
            continue;
          seen = split (&format, data, size, chunks[i]);
          assert_like_reference (&seen, &format, data, size);
          seen_clear (&seen);
        }
    }
}

static void
test_small (void)
{
  static const char *const texts[] = {
    "", "\n", "a", "a\n", "a\nb", "a\nb\n", "\n\n", "a\n\nb", "a\r\nb\r\n", "\r", " a  b\t\n c ",
    "   ", "\v\f", "a\n ",
  };
  static const char nul[] = "a\0b c\0\0d\ne";

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    check (texts[i], strlen (texts[i]));
  check (nul, sizeof nul);
  check (nul, sizeof nul - 1);
}

/* Few different bytes, so that every order of separators comes; and lines that outgrow the buffer */
static void
test_random (void)
{
  static const char bytes[] = "\n \0ab\xc3\xa9\t\r";
  gsize size = test_is_slow () ? 2000 : 300000;
  g_autofree char *data = g_malloc (size);

  for (guint density = 1; density <= 100000; density *= 100)
    {
      for (gsize i = 0; i < size; i++)
        data[i] = g_test_rand_int_range (0, density) == 0
                    ? bytes[g_test_rand_int_range (0, sizeof bytes - 1)] : 'x';
      check (data, size);
    }
}

static void
test_limit (void)
{
  static const char *const good[] = { "12345", "12345\n", "1\n12345\n12345", "\n\n12345\n" };
  static const char *const bad[] = { "123456", "123456\n", "12345\n12345\n123456", "\n\n1234567\n1" };
  static const guint bad_number[] = { 1, 1, 3, 3 };
  GpLineFormat format = { .max_length = 5 };

  for (gsize c = 0; c < G_N_ELEMENTS (chunks); c++)
    {
      for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
        {
          Seen seen = split (&format, good[i], strlen (good[i]), chunks[c]);

          assert_like_reference (&seen, &format, good[i], strlen (good[i]));
          seen_clear (&seen);
        }
      for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
        {
          Seen seen = split (&format, bad[i], strlen (bad[i]), chunks[c]);
          g_autofree char *message = g_strdup_printf ("line %u is longer than 5 bytes", bad_number[i]);

          g_assert_error (seen.error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG);
          g_assert_cmpstr (seen.error->message, ==, message);
          /* All lines before it came. */
          g_assert_cmpuint (seen.kept->len, ==, strstr (bad[i], "123456") - bad[i]);
          seen_clear (&seen);
        }
    }
}

static void
test_no_limit (void)
{
  gsize size = 20 * 1024 * 1024;
  g_autofree char *data = g_malloc (size);
  static const guint64 limits[] = { 0, G_MAXUINT64, 20 * 1024 * 1024 };

  if (test_is_slow ())
    size /= 16;
  memset (data, 'x', size);
  data[size - 1] = '\n';
  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      GpLineFormat format = { .max_length = limits[i], .is_text = TRUE };
      Seen seen = split (&format, data, size, 65536);

      g_assert_no_error (seen.error);
      g_assert_cmpmem (seen.kept->str, seen.kept->len, data, size);
      seen_clear (&seen);
    }
}

/* Valid or not, wherever the pieces are cut, and after what is plain or not */
static void
test_utf8 (void)
{
  static const struct
  {
    const char      *data;
    gsize            size;
    GpLineSeparator  separator;
    guint            bad; /* line, or 0 */
  } rows[] = {
    { "abc\nde\n", 7, GP_LINE_SEPARATOR_NEWLINE, 0 },
    { "\xc3\xa4\xf0\x9f\x98\x80\nx\n", 9, GP_LINE_SEPARATOR_NEWLINE, 0 },
    { "abc\n\xff\nx", 7, GP_LINE_SEPARATOR_NEWLINE, 2 },
    { "\xc3\xa4\nx\nab\xc3\nx\n", 11, GP_LINE_SEPARATOR_NEWLINE, 3 },
    { "x\n\xc3\xa4\nx\nab\xc3", 10, GP_LINE_SEPARATOR_NEWLINE, 4 },
    { "x\n\xc3\n\xa4\n", 6, GP_LINE_SEPARATOR_NEWLINE, 2 },
    { "a\nb\0c\n", 6, GP_LINE_SEPARATOR_NEWLINE, 2 },
    { "a\0\xc3\xa4\0b", 6, GP_LINE_SEPARATOR_NUL, 0 },
    { "a\0\xc3\0\xa4", 5, GP_LINE_SEPARATOR_NUL, 2 },
    { "a \xc3\xa4\n", 5, GP_LINE_SEPARATOR_WORDS, 0 },
    { "a  \xc3 b", 6, GP_LINE_SEPARATOR_WORDS, 2 },
    { "a b\0c d", 7, GP_LINE_SEPARATOR_WORDS, 2 },
    { "a\n\xed\xa0\x80\n", 6, GP_LINE_SEPARATOR_NEWLINE, 2 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      for (gsize chunk = 1; chunk <= rows[i].size; chunk++)
        {
          GpLineFormat format = { .separator = rows[i].separator, .is_text = TRUE };
          Seen seen = split (&format, rows[i].data, rows[i].size, chunk);

          if (rows[i].bad > 0)
            {
              g_autofree char *message = g_strdup_printf ("line %u is not valid UTF-8", rows[i].bad);

              g_assert_error (seen.error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
              g_assert_cmpstr (seen.error->message, ==, message);
            }
          else
            {
              assert_like_reference (&seen, &format, rows[i].data, rows[i].size);
            }
          seen_clear (&seen);

          format.is_text = FALSE;
          seen = split (&format, rows[i].data, rows[i].size, chunk);
          assert_like_reference (&seen, &format, rows[i].data, rows[i].size);
          seen_clear (&seen);
        }
    }
}

typedef struct
{
  guint64 n_bytes; /* shown to the function, together */
  gsize   n_left;  /* from where it stands */
} Shown;

static GpSplitResult
newline_split (GBytes    *data,
               gboolean   at_end,
               gsize     *length,
               gsize     *consumed,
               gpointer   user_data,
               GError   **error)
{
  Shown *shown = user_data;
  gsize size;
  const char *begin = g_bytes_get_data (data, &size);
  const char *end = memchr (begin, '\n', size);

  g_assert_cmpuint (size, >, 0);
  g_assert_cmpuint (size, <=, shown->n_left);
  g_assert_true (!at_end || size == shown->n_left);
  shown->n_bytes += size;
  if (end == NULL)
    return GP_SPLIT_RESULT_MORE;
  *length = end - begin;
  *consumed = *length + 1;
  shown->n_left -= *consumed;
  return GP_SPLIT_RESULT_LINE;
}

/* A function finds the same as the separator that it looks for, and is not shown the same again and
 * again. */
static void
test_function (void)
{
  gsize size = test_is_slow () ? 10000 : 200000;
  g_autofree char *data = g_malloc (size);

  for (guint length = 1; length <= 100000; length *= 10)
    {
      for (gsize i = 0; i < size; i++)
        data[i] = g_test_rand_int_range (0, length) == 0 ? '\n' : 'x';
      for (gsize c = 4; c < G_N_ELEMENTS (chunks); c++)
        {
          Shown shown = { 0, size };
          GpLineFormat format = { .split = newline_split, .split_data = &shown, .is_text = TRUE };
          Seen seen = split (&format, data, size, chunks[c]);

          assert_like_reference (&seen, &format, data, size);
          if (chunks[c] == G_MAXUINT && length > 1000)
            g_assert_cmpuint (shown.n_bytes, <, 8 * size);
          seen_clear (&seen);
        }
    }
}

/* Wants to see all that is left, and takes one byte of it */
static GpSplitResult
greedy_split (GBytes    *data,
              gboolean   at_end,
              gsize     *length,
              gsize     *consumed,
              gpointer   user_data,
              GError   **error)
{
  gsize *n_left = user_data;

  g_assert_true (!at_end || g_bytes_get_size (data) == *n_left);
  if (!at_end)
    return GP_SPLIT_RESULT_MORE;
  *length = *consumed = 1;
  (*n_left)--;
  return GP_SPLIT_RESULT_LINE;
}

static void
test_function_at_end (void)
{
  gsize size = 1000;
  g_autofree char *data = g_strnfill (size, 'x');
  gsize n_left = size;
  GpLineFormat format = { .split = greedy_split, .split_data = &n_left };
  Seen seen = split (&format, data, size, 100);

  g_assert_no_error (seen.error);
  g_assert_cmpuint (n_left, ==, 0);
  seen_clear (&seen);
}

int
main (int    argc,
      char **argv)
{
  test_init (&argc, &argv);
  add_case ("/line-buffer/small", test_small);
  add_case ("/line-buffer/random", test_random);
  add_case ("/line-buffer/limit", test_limit);
  add_case ("/line-buffer/no-limit", test_no_limit);
  add_case ("/line-buffer/utf8", test_utf8);
  add_case ("/line-buffer/function", test_function);
  add_case ("/line-buffer/function-at-end", test_function_at_end);
  return g_test_run ();
}
