/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include "gp-error.h"
#include "gp-line-buffer-private.h"
#include "gp-line-output-private.h"

/* Any bytes, in pieces of any size, with each separator, as text or not, with a limit or none. The
 * lines, and the error with its number, are those that one loop over all the bytes finds; and what
 * becomes of kept lines and of what is written between them is in the output, all and in order. */

/* What begins with a byte above this has so many times as much before it, so that a line outgrows the
 * buffer. */
#define MAX_NO_PAD 0xfb
#define PAD_SIZE (40 * 1024)

typedef struct
{
  GpLineFormat  format;
  gsize         chunk;
  guint8        actions;   /* a bit for each line in turn: keep it */
  GByteArray   *bytes;
  gsize         given;     /* of these, to the buffer */
  gsize         at;        /* where the loop stands */
  guint64       n_lines;   /* that it has found */
  GByteArray   *expected;  /* in the output */
  GByteArray   *taken;     /* out of one that is held; NULL: it has a target */
} Case;

static gboolean
is_separator (const Case *self,
              char        c)
{
  switch (self->format.separator)
    {
    case GP_LINE_SEPARATOR_NEWLINE:
      return c == '\n';
    case GP_LINE_SEPARATOR_NUL:
      return c == '\0';
    case GP_LINE_SEPARATOR_WORDS:
    default:
      return c != '\0' && strchr (" \t\n\v\f\r", c) != NULL;
    }
}

/* The next line of the loop; FALSE: there is none */
static gboolean
find_line (Case   *self,
           GpLine *line)
{
  char *data = (char *) self->bytes->data;
  gsize begin, end;

  if (self->format.separator == GP_LINE_SEPARATOR_WORDS)
    while (self->at < self->bytes->len && is_separator (self, data[self->at]))
      self->at++;

  begin = end = self->at;
  if (begin == self->bytes->len)
    return FALSE;

  while (end < self->bytes->len && !is_separator (self, data[end]))
    end++;
  self->at = MIN (end + 1, self->bytes->len);
  self->n_lines++;
  *line = (GpLine) { data + begin, end - begin, self->at - begin };

  return TRUE;
}

static void
check_line (Case         *self,
            const GpLine *line)
{
  GpLine expected;
  gboolean is_there = find_line (self, &expected);

  g_assert_true (is_there);
  g_assert_cmpmem (line->data, line->size, expected.data, expected.size);
  g_assert_cmpuint (line->length, ==, expected.length);
  g_assert_true (self->format.max_length == 0 || line->length <= self->format.max_length);
  g_assert_true (!self->format.is_text || g_utf8_validate_len (line->data, line->length, NULL));
}

static void
check_error (Case         *self,
             const GError *error)
{
  GpLine line;
  gboolean is_there = find_line (self, &line);
  g_autofree char *message = NULL;

  g_assert_true (is_there);
  if (self->format.max_length > 0 && line.length > self->format.max_length)
    {
      message = g_strdup_printf ("line %" G_GUINT64_FORMAT " is longer than %" G_GUINT64_FORMAT
                                 " bytes",
                                 self->n_lines, self->format.max_length);
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG);
    }
  else
    {
      g_assert_true (self->format.is_text && !g_utf8_validate_len (line.data, line.length, NULL));
      message = g_strdup_printf ("line %" G_GUINT64_FORMAT " is not valid UTF-8", self->n_lines);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    }
  g_assert_cmpstr (error->message, ==, message);
}

/* As a stage does: text is ended where it lies, for as long as the function is called. */
static void
handle_line (Case         *self,
             const GpLine *line,
             GpLineOutput *output)
{
  char saved = line->data[line->length];

  line->data[line->length] = '\0';
  g_assert_cmpint (line->data[line->length], ==, 0);
  line->data[line->length] = saved;

  if ((self->actions >> (self->n_lines % 8) & 1) != 0)
    {
      g_assert_true (gp_line_output_keep (output, line->data, line->size, NULL));
      g_byte_array_append (self->expected, (const guint8 *) line->data, line->size);
    }
  else if (self->n_lines % 3 == 0)
    {
      g_assert_true (g_output_stream_write_all (G_OUTPUT_STREAM (output), "<>", 2, NULL, NULL, NULL));
      g_byte_array_append (self->expected, (const guint8 *) "<>", 2);
    }
}

static void
take_output (Case         *self,
             GpLineOutput *output)
{
  g_autoptr (GByteArray) some = gp_line_output_take (output, NULL);

  if (some->len > 0)
    g_byte_array_append (self->taken, some->data, some->len);
}

static void
give_more (Case         *self,
           GpLineBuffer *buffer,
           GpLineOutput *output)
{
  gsize room, size;
  gpointer where;

  /* No more than the longest line is ever waited with. Words may have blanks before them. */
  if (self->format.max_length > 0 && self->format.separator != GP_LINE_SEPARATOR_WORDS)
    g_assert_cmpuint (self->given - self->at, <=, self->format.max_length);

  if (self->taken != NULL)
    take_output (self, output);
  g_assert_true (gp_line_output_settle (output, NULL));
  where = gp_line_buffer_reserve (buffer, &room);
  g_assert_cmpuint (room, >, 0);

  size = MIN (MIN (room, self->chunk), self->bytes->len - self->given);
  if (size > 0)
    memcpy (where, self->bytes->data + self->given, size);
  self->given += size;
  gp_line_buffer_add (buffer, size);
}

static void
handle_lines (Case         *self,
              GpLineBuffer *buffer,
              GpLineOutput *output)
{
  g_autoptr (GError) error = NULL;
  GpLine line;

  for (;;)
    {
      switch (gp_line_buffer_next (buffer, &line, &error))
        {
        case GP_LINE_STATUS_LINE:
          g_assert_no_error (error);
          check_line (self, &line);
          handle_line (self, &line, output);
          break;
        case GP_LINE_STATUS_MORE:
          g_assert_no_error (error);
          give_more (self, buffer, output);
          break;
        case GP_LINE_STATUS_END:
          g_assert_no_error (error);
          g_assert_cmpuint (self->given, ==, self->bytes->len);
          g_assert_false (find_line (self, &line));
          return;
        default:
          check_error (self, error);
          return;
        }
    }
}

/* What is kept still lies in the buffer. */
static void
run (Case         *self,
     GpLineOutput *output)
{
  g_autoptr (GpLineBuffer) buffer = gp_line_buffer_new (&self->format);

  handle_lines (self, buffer, output);
  if (self->taken != NULL)
    take_output (self, output);
  g_assert_true (gp_line_output_end (output, NULL));
}

static void
run_with_target (Case *self)
{
  g_autoptr (GOutputStream) target = g_memory_output_stream_new_resizable ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GpLineOutput) output = gp_line_output_new (target, cancellable);

  run (self, output);
  g_assert_cmpmem (g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (target)),
                   g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (target)),
                   self->expected->data, self->expected->len);
}

static void
run_held (Case *self)
{
  g_autoptr (GByteArray) taken = g_byte_array_new ();
  g_autoptr (GpLineOutput) output = gp_line_output_new_held ();

  self->taken = taken;
  run (self, output);
  g_assert_cmpmem (taken->data, taken->len, self->expected->data, self->expected->len);
}

/* The pad, and what is left of the input */
static void
fill (Case      *self,
      FuzzInput *input)
{
  guint pad = fuzz_take_byte (input);

  if (pad > MAX_NO_PAD)
    {
      g_byte_array_set_size (self->bytes, (pad - MAX_NO_PAD) * PAD_SIZE);
      memset (self->bytes->data, 'x', self->bytes->len);
      self->chunk *= 1024;
    }
  if (input->size > 0)
    g_byte_array_append (self->bytes, input->data, input->size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GByteArray) expected = g_byte_array_new ();
  Case self = { .bytes = bytes, .expected = expected };
  gboolean is_held;

  self.format.separator = fuzz_choose (&input, 3);
  self.format.is_text = fuzz_flip (&input);
  self.format.max_length = fuzz_take_byte (&input);
  self.chunk = fuzz_take_byte (&input);
  self.chunk = self.chunk == 0 ? G_MAXUINT : self.chunk;
  is_held = self.chunk % 4 == 1;
  self.actions = fuzz_take_byte (&input);
  fill (&self, &input);

  if (is_held)
    run_held (&self);
  else
    run_with_target (&self);

  return 0;
}
