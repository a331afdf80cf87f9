/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include "gp-error.h"
#include "gp-line-buffer-private.h"

/* A function that splits, of every kind, good and bad: the first byte of a record says what the
 * function does with it. What comes out is what the records say, whatever the pieces that they come
 * in; a mistake of the function is an error; and it is not shown the same bytes again and again. */

/* How much a record may follow that is too long for any limit */
#define TAIL_SIZE 8192

/* What a separator may take beyond the longest line, and what is shown at first */
#define SEPARATOR_ROOM 4096
#define MIN_WINDOW 256

typedef struct
{
  GpSplitResult result;
  gsize         needed;    /* bytes that must be there; G_MAXSIZE: all */
  gsize         length;
  gsize         consumed;  /* G_MAXSIZE: one more than there is */
  gboolean      sets_error;
  gboolean      is_good;
  gboolean      is_greedy; /* wants to see everything for one byte of it */
} Record;

typedef struct
{
  GpLineFormat  format;
  gsize         chunk;
  const char   *data;
  gsize         size;
  gsize         given;
  gsize         at;        /* where the next record begins */
  guint64       n_lines;
  guint64       n_records;
  guint64       n_shown;   /* bytes, together */
  guint64       n_used;    /* by records */
  gboolean      has_greedy;
} Case;

static Record
get_mistake (guint which)
{
  static const Record mistakes[] = {
    { .result = GP_SPLIT_RESULT_LINE, .needed = 1 },
    { .result = GP_SPLIT_RESULT_SKIP, .needed = 1 },
    { .result = GP_SPLIT_RESULT_LINE, .needed = 1, .consumed = G_MAXSIZE },
    { .result = GP_SPLIT_RESULT_SKIP, .needed = 1, .consumed = G_MAXSIZE },
    { .result = GP_SPLIT_RESULT_LINE, .needed = 1, .length = 2, .consumed = 1 },
    { .result = 77, .needed = 1, .length = 1, .consumed = 1 },
    { .result = GP_SPLIT_RESULT_FAULT, .needed = 1, .length = 1, .consumed = 1 },
    { .result = GP_SPLIT_RESULT_LINE, .needed = 1, .length = 1, .consumed = 1, .sets_error = TRUE },
  };

  return mistakes[which % G_N_ELEMENTS (mistakes)];
}

/* @left: bytes from the record on */
static Record
read_record (guint8 head,
             gsize  left)
{
  gsize number = head >> 3;

  switch (head & 7)
    {
    case 0:
      return (Record) { GP_SPLIT_RESULT_LINE, number + 1, number, number + 1, FALSE, TRUE, FALSE };
    case 1:
      number *= 64;
      return (Record) { GP_SPLIT_RESULT_LINE, number + 1, number + 1, number + 1, FALSE, TRUE, FALSE };
    case 2:
      return (Record) { GP_SPLIT_RESULT_SKIP, number + 1, 0, number + 1, FALSE, TRUE, FALSE };
    case 3:
      return (Record) { GP_SPLIT_RESULT_SKIP, number * 64 + 1, 0, 1, FALSE, TRUE, FALSE };
    case 4:
      return (Record) { GP_SPLIT_RESULT_LINE, G_MAXSIZE, left, left, FALSE, TRUE, FALSE };
    case 5:
      return (Record) { GP_SPLIT_RESULT_LINE, G_MAXSIZE, 1, 1, FALSE, TRUE, TRUE };
    case 6:
      return (Record) { GP_SPLIT_RESULT_FAULT, number + 1, 0, 0, TRUE, FALSE, FALSE };
    default:
      return get_mistake (number);
    }
}

static GpSplitResult
split_cb (GBytes    *bytes,
          gboolean   at_end,
          gsize     *length,
          gsize     *consumed,
          gpointer   user_data,
          GError   **error)
{
  Case *self = user_data;
  gsize size;
  const char *shown = g_bytes_get_data (bytes, &size);
  gsize left = self->size - self->at;
  Record record;

  g_assert_cmpuint (size, >, 0);
  g_assert_cmpuint (size, <=, self->given - self->at);
  g_assert_cmpmem (shown, size, self->data + self->at, size);
  g_assert_true (!at_end || size == left);
  self->n_shown += size;

  record = read_record (*shown, left);
  self->has_greedy |= record.is_greedy;
  if (record.needed == G_MAXSIZE ? !at_end : size < record.needed)
    return GP_SPLIT_RESULT_MORE;

  if (record.sets_error)
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "what the function says");
  if (record.result == GP_SPLIT_RESULT_SKIP && record.is_good)
    {
      self->at += record.consumed;
      self->n_records++;
      self->n_used += record.needed;
    }
  *length = record.length;
  *consumed = record.consumed == G_MAXSIZE ? size + 1 : record.consumed;

  return record.result;
}

/* The record at which it stands; one that the end cuts off is a line. */
static Record
get_record (const Case *self)
{
  gsize left = self->size - self->at;
  Record record = read_record (self->data[self->at], left);

  if (record.needed != G_MAXSIZE && record.needed > left)
    record = (Record) { GP_SPLIT_RESULT_LINE, record.needed, left, left, FALSE, TRUE, FALSE };

  return record;
}

static void
check_line (Case         *self,
            const GpLine *line)
{
  Record record;

  g_assert_cmpuint (self->at, <, self->size);
  record = get_record (self);
  g_assert_true (record.is_good);
  g_assert_cmpint (record.result, ==, GP_SPLIT_RESULT_LINE);
  g_assert_cmpmem (line->data, line->size, self->data + self->at, record.consumed);
  g_assert_cmpuint (line->length, ==, record.length);
  g_assert_true (self->format.max_length == 0 || line->length <= self->format.max_length);
  g_assert_true (!self->format.is_text || g_utf8_validate_len (line->data, line->length, NULL));

  self->at += line->size;
  self->n_lines++;
  self->n_records++;
  self->n_used += MIN (record.needed, line->size);
}

static void
check_too_long (const Case   *self,
                const Record *record,
                const GError *error)
{
  g_autofree char *message = NULL;

  message = g_strdup_printf ("line %" G_GUINT64_FORMAT " is longer than %" G_GUINT64_FORMAT
                             " bytes",
                             self->n_lines + 1, self->format.max_length);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_true (record->length > self->format.max_length ||
                 MIN (record->needed, self->size - self->at) > self->format.max_length + SEPARATOR_ROOM);
}

static void
check_error (Case         *self,
             const GError *error)
{
  Record record;

  g_assert_cmpuint (self->at, <, self->size);
  record = get_record (self);

  if (g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG))
    check_too_long (self, &record, error);
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA))
    g_assert_false (g_utf8_validate_len (self->data + self->at, record.length, NULL));
  else if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_INVAL))
    g_assert_true (record.result == GP_SPLIT_RESULT_FAULT && record.sets_error);
  else
    {
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT);
      g_assert_false (record.is_good);
    }
}

static void
give_more (Case         *self,
           GpLineBuffer *buffer)
{
  gsize room, size;
  gpointer where = gp_line_buffer_reserve (buffer, &room);

  size = MIN (MIN (room, self->chunk), self->size - self->given);
  if (size > 0)
    memcpy (where, self->data + self->given, size);
  self->given += size;
  gp_line_buffer_add (buffer, size);
}

static void
run (Case *self)
{
  g_autoptr (GpLineBuffer) buffer = gp_line_buffer_new (&self->format);
  g_autoptr (GError) error = NULL;
  GpLine line;

  for (;;)
    {
      switch (gp_line_buffer_next (buffer, &line, &error))
        {
        case GP_LINE_STATUS_LINE:
          check_line (self, &line);
          break;
        case GP_LINE_STATUS_MORE:
          g_assert_no_error (error);
          give_more (self, buffer);
          break;
        case GP_LINE_STATUS_END:
          g_assert_no_error (error);
          g_assert_cmpuint (self->given, ==, self->size);
          g_assert_cmpuint (self->at, ==, self->size);
          return;
        default:
          check_error (self, error);
          return;
        }
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Case self = { 0 };
  gboolean has_tail = fuzz_choose (&input, 8) == 7;

  self.format.split = split_cb;
  self.format.split_data = &self;
  self.format.is_text = fuzz_flip (&input);
  self.format.max_length = 8 * fuzz_take_byte (&input);
  self.chunk = fuzz_take_byte (&input);
  self.chunk = self.chunk == 0 ? G_MAXUINT : self.chunk;

  g_byte_array_set_size (bytes, input.size + (has_tail ? TAIL_SIZE : 0));
  if (bytes->len > 0)
    memset (bytes->data, 0, bytes->len);
  fuzz_take (&input, bytes->data, input.size);
  self.data = (const char *) bytes->data;
  self.size = bytes->len;

  run (&self);

  /* Shown all at once, each record may be shown twice as large as the last, and once more while it
   * grows. In small pieces, the function asks for more itself. */
  if (self.chunk == G_MAXUINT && !self.has_greedy)
    g_assert_cmpuint (self.n_shown, <=,
                      8 * (self.n_used + self.size) + (self.n_records + 2) * 2 * MIN_WINDOW);

  return 0;
}
