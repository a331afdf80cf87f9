/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-line-buffer-private.h"

#include "gp-copy-private.h"
#include "gp-error.h"

#include <string.h>

/* As much as the caches hold together with the same amount of output */
#define INITIAL_CAPACITY (128 * 1024)

/* What a function that splits is shown of a line at first */
#define MIN_WINDOW 256

/* What a caller's separator may take beyond the longest line */
#define SEPARATOR_ROOM 4096

/* The bytes between @start and @end are read and not yet told as lines. Of those, @scanned are known
 * to hold no separator. More than @capacity is there: for the byte after the last line, and in front,
 * so that what is read next is aligned (gp-copy-private.h).
 *
 * One thread at a time. */
struct _GpLineBuffer
{
  GpLineFormat  format;
  gsize         limit;   /* the longest line */

  char         *data;
  gsize         capacity;
  gsize         start;
  gsize         end;
  gsize         scanned;
  gboolean      at_end;  /* nothing more will be added */
  gboolean      plain;   /* all bytes are ASCII, so there is nothing to check in a line */

  guint64       n_lines;
  gsize         window;  /* what a function that splits is shown of a line */
};

static char *
data_new (gsize capacity)
{
  return g_aligned_alloc (1, GP_COPY_ALIGNMENT + capacity + 1, GP_COPY_ALIGNMENT);
}

GpLineBuffer *
gp_line_buffer_new (const GpLineFormat *format)
{
  GpLineBuffer *self = g_new0 (GpLineBuffer, 1);

  self->format = *format;
  self->limit = format->max_length;
  if (self->limit == 0 || format->max_length > G_MAXSSIZE / 4)
    self->limit = G_MAXSSIZE / 4;
  self->capacity = INITIAL_CAPACITY;
  self->data = data_new (self->capacity);
  self->plain = TRUE;
  self->window = MIN_WINDOW;

  return self;
}

void
gp_line_buffer_free (GpLineBuffer *self)
{
  g_aligned_free (self->data);
  g_free (self);
}

/* Eight bytes at a time: it is done for everything that is read. */
static gboolean
is_ascii (const char *data,
          gsize       size)
{
  guint64 all = 0;

  for (; size >= sizeof all; data += sizeof all, size -= sizeof all)
    {
      guint64 word;

      memcpy (&word, data, sizeof word);
      all |= word;
    }
  for (; size > 0; data++, size--)
    all |= (guint8) *data;

  return (all & G_GUINT64_CONSTANT (0x8080808080808080)) == 0;
}

static gboolean
is_plain (GpLineBuffer *self,
          const char   *data,
          gsize         size)
{
  gboolean may_have_nul = self->format.separator != GP_LINE_SEPARATOR_NUL || self->format.split != NULL;

  return is_ascii (data, size) && (!may_have_nul || memchr (data, 0, size) == NULL);
}

/* Moves what is left to where it ends at an aligned byte */
static void
move_rest (GpLineBuffer *self,
           char         *data,
           gsize         rest)
{
  gsize end = (rest + GP_COPY_ALIGNMENT - 1) & ~(gsize) (GP_COPY_ALIGNMENT - 1);

  memmove (data + end - rest, self->data + self->start, rest);
  self->start = end - rest;
  self->end = end;
}

gpointer
gp_line_buffer_reserve (GpLineBuffer *self,
                        gsize        *room)
{
  gsize rest = self->end - self->start;

  /* Else the beginning of a long line would be moved each time that some more of it is read. */
  if (self->start >= GP_COPY_ALIGNMENT)
    {
      move_rest (self, self->data, rest);
      self->plain = self->plain || is_plain (self, self->data + self->start, rest);
    }

  if (rest > self->capacity / 2)
    {
      char *data = data_new (2 * self->capacity);

      move_rest (self, data, rest);
      g_aligned_free (self->data);
      self->data = data;
      self->capacity *= 2;
    }
  *room = self->capacity - rest;

  return self->data + self->end;
}

void
gp_line_buffer_add (GpLineBuffer *self,
                    gsize         size)
{
  const char *added = self->data + self->end;

  g_assert (size <= self->capacity - (self->end - self->start));

  self->at_end = size == 0;
  self->end += size;
  self->plain = self->plain && self->format.is_text && is_plain (self, added, size);
}

static gboolean
is_space (char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
find_separator (GpLineBuffer *self,
                const char   *data,
                gsize         size)
{
  switch (self->format.separator)
    {
    case GP_LINE_SEPARATOR_NEWLINE:
      return memchr (data, '\n', size);
    case GP_LINE_SEPARATOR_NUL:
      return memchr (data, 0, size);
    case GP_LINE_SEPARATOR_WORDS:
      for (const char *p = data; p < data + size; p++)
        if (is_space (*p))
          return p;
      return NULL;
    default:
      g_return_val_if_reached (NULL);
    }
}

static GpLineStatus
fail_too_long (GpLineBuffer  *self,
               GError       **error)
{
  g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_LINE_TOO_LONG,
               "line %" G_GUINT64_FORMAT " is longer than %" G_GSIZE_FORMAT " bytes",
               self->n_lines + 1, self->limit);

  return GP_LINE_STATUS_FAILED;
}

static GpLineStatus
take_line (GpLineBuffer  *self,
           gsize          length,
           gsize          size,
           GpLine        *line,
           GError       **error)
{
  *line = (GpLine) { self->data + self->start, length, size };

  if (length > self->limit)
    return fail_too_long (self, error);

  self->start += size;
  self->scanned = 0;
  self->n_lines++;

  if (self->format.is_text && !self->plain && !g_utf8_validate_len (line->data, length, NULL))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "line %" G_GUINT64_FORMAT " is not valid UTF-8", self->n_lines);
      return GP_LINE_STATUS_FAILED;
    }

  return GP_LINE_STATUS_LINE;
}

static GpLineStatus
next_by_separator (GpLineBuffer  *self,
                   GpLine        *line,
                   GError       **error)
{
  const char *begin, *found;
  gsize rest;

  if (self->format.separator == GP_LINE_SEPARATOR_WORDS && self->scanned == 0)
    while (self->start < self->end && is_space (self->data[self->start]))
      self->start++;

  begin = self->data + self->start;
  rest = self->end - self->start;
  found = find_separator (self, begin + self->scanned, rest - self->scanned);

  if (found != NULL)
    return take_line (self, found - begin, found - begin + 1, line, error);

  if (rest > self->limit)
    return fail_too_long (self, error);

  if (self->at_end)
    return rest > 0 ? take_line (self, rest, rest, line, error) : GP_LINE_STATUS_END;

  self->scanned = rest;

  return GP_LINE_STATUS_MORE;
}

/* FALSE: with an error of the function, or one about it */
static gboolean
check_split (GpSplitResult   result,
             gsize           size,
             gsize           length,
             gsize           consumed,
             GError         *split_error,
             GError        **error)
{
  const char *mistake = NULL;

  if (result == GP_SPLIT_RESULT_FAULT && split_error != NULL)
    {
      g_propagate_error (error, split_error);
      return FALSE;
    }

  if (result == GP_SPLIT_RESULT_FAULT)
    mistake = "returned FAULT without an error";
  else if (split_error != NULL)
    mistake = "set an error and did not return FAULT";
  else if (result > GP_SPLIT_RESULT_SKIP)
    mistake = "returned an unknown result";
  else if (result != GP_SPLIT_RESULT_MORE && consumed == 0)
    mistake = "consumed nothing";
  else if (result != GP_SPLIT_RESULT_MORE && consumed > size)
    mistake = "consumed more than there is";
  else if (result == GP_SPLIT_RESULT_LINE && length > consumed)
    mistake = "returned a line that is longer than what it consumed";

  g_clear_error (&split_error);
  if (mistake != NULL)
    g_set_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT, "the split function %s", mistake);

  return mistake == NULL;
}

/* The bytes are a copy, because the function may keep them. So it is shown as little as possible. */
static GpSplitResult
call_split (GpLineBuffer  *self,
            gsize          size,
            gboolean       at_end,
            gsize         *length,
            gsize         *consumed,
            GError       **error)
{
  g_autoptr (GBytes) data = g_bytes_new (self->data + self->start, size);
  GError *split_error = NULL;
  GpSplitResult result;

  *length = *consumed = 0;
  result = self->format.split (data, at_end, length, consumed, self->format.split_data, &split_error);

  if (!check_split (result, size, *length, *consumed, split_error, error))
    return GP_SPLIT_RESULT_FAULT;

  return result;
}

static GpLineStatus
next_by_function (GpLineBuffer  *self,
                  GpLine        *line,
                  GError       **error)
{
  while (self->start < self->end)
    {
      gsize rest = self->end - self->start;
      gsize size = MIN (rest, self->window);
      gsize length, consumed;

      switch (call_split (self, size, self->at_end && size == rest, &length, &consumed, error))
        {
        case GP_SPLIT_RESULT_LINE:
          self->window = MAX (MIN_WINDOW, 2 * consumed);
          return take_line (self, length, consumed, line, error);
        case GP_SPLIT_RESULT_SKIP:
          self->window = MAX (MIN_WINDOW, 2 * consumed);
          self->start += consumed;
          break;
        case GP_SPLIT_RESULT_MORE:
          if (size > self->limit + SEPARATOR_ROOM)
            return fail_too_long (self, error);
          self->window = MAX (self->window, 2 * size);
          if (size == rest && self->at_end)
            return take_line (self, rest, rest, line, error);
          if (size == rest)
            return GP_LINE_STATUS_MORE;
          break;
        default:
          return GP_LINE_STATUS_FAILED;
        }
    }

  return self->at_end ? GP_LINE_STATUS_END : GP_LINE_STATUS_MORE;
}

GpLineStatus
gp_line_buffer_next (GpLineBuffer  *self,
                     GpLine        *line,
                     GError       **error)
{
  if (self->format.split != NULL)
    return next_by_function (self, line, error);

  return next_by_separator (self, line, error);
}
