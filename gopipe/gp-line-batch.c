/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-line-stage-private.h"

#include "gp-error-private.h"
#include "gp-line-output-private.h"

/* How long a call of the function should take, in microseconds: the next batch is sized after it.
 * Half or double of that is as good. */
#define TARGET_TIME 2000

#define MAX_LINES 16384

/* Below everything that an application does for its user, such as drawing */
#define PRIORITY G_PRIORITY_DEFAULT_IDLE

/* One run of a line stage in the main context. It goes round: lines are found in the buffer, the
 * function is called, what it wrote is written, and only then more is found, or read. Each step
 * starts the next one, of which there is never more than one: a read, a write, a flush or an idle
 * source, which owns the batch. Between two calls of the function lies a turn of the main loop.
 *
 * All of it happens in the home context, without a lock. The batch holds the stage, to whom the
 * function belongs, and the context, until it has reported its end. */
typedef struct
{
  GpLineStage     *stage;
  GpStageContext  *context;
  GCancellable    *cancellable;
  GInputStream    *input;  /* or NULL */
  GOutputStream   *target; /* or NULL */
  GpLinesFunction  func;
  gpointer         func_data;

  GpLineBuffer    *buffer;
  GpLineOutput    *output;
  GpLine          *lines;     /* (array length=n_lines) */
  char            *saved;     /* (array length=n_lines): the byte after each, overwritten by zero */
  char           **pointers;  /* (array zero-terminated=1): the same lines for the function */
  guint            n_lines;
  guint            max_lines; /* in one call; the arrays have room for them */
  GByteArray      *writing;   /* or NULL */

  gboolean         ending;   /* with @error; only writing is left */
  GError          *error;
} Batch;

static void batch_continue (Batch *self);

static void
batch_free (Batch *self)
{
  g_object_unref (self->stage);
  g_object_unref (self->context);
  g_object_unref (self->cancellable);
  g_clear_object (&self->input);
  g_clear_object (&self->target);
  gp_line_buffer_free (self->buffer);
  g_object_unref (self->output);
  g_free (self->lines);
  g_free (self->saved);
  g_free (self->pointers);
  g_clear_pointer (&self->writing, g_byte_array_unref);
  g_clear_error (&self->error);
  g_free (self);
}

static void
batch_report (Batch *self)
{
  gp_line_output_end (self->output, NULL);
  gp_line_stage_report (self->context, self->error);
  batch_free (self);
}

static void
batch_fail (Batch  *self,
            GError *error)
{
  gp_line_stage_add_end_error (&self->error, error);
  batch_report (self);
}

static void
flushed_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Batch *self = data;
  GError *error = NULL;

  if (g_output_stream_flush_finish (G_OUTPUT_STREAM (source), result, &error))
    batch_report (self);
  else
    batch_fail (self, error);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  Batch *self = data;
  GError *error = NULL;
  gssize size = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (size < 0)
    {
      batch_fail (self, error);
      return;
    }

  gp_line_buffer_add (self->buffer, size);
  batch_continue (self);
}

static void
batch_read (Batch *self)
{
  gsize room;
  gpointer where = gp_line_buffer_reserve (self->buffer, &room);

  g_input_stream_read_async (self->input, where, room, PRIORITY, self->cancellable, read_cb, self);
}

static gboolean
idle_cb (gpointer data)
{
  batch_continue (data);

  return G_SOURCE_REMOVE;
}

static void
batch_yield (Batch *self)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (GMainContext) home = g_main_context_ref_thread_default ();

  g_source_set_priority (source, PRIORITY);
  g_source_set_static_name (source, "[gopipe] lines");
  g_source_set_callback (source, idle_cb, self, NULL);
  g_source_attach (source, home);
}

/* All is written: what comes next? */
static void
batch_written (Batch *self)
{
  if (!self->ending)
    batch_yield (self);
  else if (self->target != NULL)
    g_output_stream_flush_async (self->target, PRIORITY, self->cancellable, flushed_cb, self);
  else
    batch_report (self);
}

static void
written_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Batch *self = data;
  GError *error = NULL;

  g_clear_pointer (&self->writing, g_byte_array_unref);
  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    batch_fail (self, error);
  else if (self->ending)
    batch_written (self);
  else
    batch_continue (self);
}

static void
batch_write (Batch *self)
{
  GError *error = NULL;

  self->writing = gp_line_output_take (self->output, &error);
  if (self->writing == NULL)
    {
      batch_fail (self, error);
      return;
    }

  if (self->target == NULL || self->writing->len == 0)
    {
      g_clear_pointer (&self->writing, g_byte_array_unref);
      batch_written (self);
      return;
    }

  g_output_stream_write_all_async (self->target, self->writing->data, self->writing->len, PRIORITY,
                                   self->cancellable, written_cb, self);
}

/* No more lines, well or not. The stage before learns at once that nobody reads any more. */
static void
batch_end (Batch  *self,
           GError *error)
{
  self->ending = TRUE;
  self->error = error;
  if (error != NULL)
    gp_stage_context_close_stdin (self->context);
}

static void
set_max_lines (Batch *self,
               guint  max_lines)
{
  self->max_lines = max_lines;
  self->lines = g_renew (GpLine, self->lines, max_lines);
  self->saved = g_renew (char, self->saved, max_lines);
  self->pointers = g_renew (char *, self->pointers, max_lines + 1);
}

static void
adapt_max_lines (Batch  *self,
                 gint64  elapsed)
{
  guint n_lines = self->n_lines;

  if (elapsed > 2 * TARGET_TIME)
    set_max_lines (self, MAX (1, n_lines * TARGET_TIME / elapsed));
  else if (elapsed < TARGET_TIME / 2 && n_lines == self->max_lines && n_lines < MAX_LINES)
    set_max_lines (self, MIN (2 * n_lines, MAX_LINES));
}

static gboolean
keep_lines (Batch   *self,
            GError **error)
{
  for (guint i = 0; i < self->n_lines; i++)
    {
      GpLine *line = &self->lines[i];

      line->data[line->length] = self->saved[i];
      if (!gp_line_output_keep (self->output, line->data, line->size, error))
        return FALSE;
    }

  return TRUE;
}

/* FALSE: with an error, also when the function wants no more */
static gboolean
handle_lines (Batch   *self,
              GError **error)
{
  gint64 begin = g_get_monotonic_time ();
  GError *function_error = NULL;
  GpLineAction action;
  gboolean ok;

  self->pointers[self->n_lines] = NULL;
  action = self->func ((const char * const *) self->pointers, G_DATA_OUTPUT_STREAM (self->output),
                       self->func_data, &function_error);

  ok = gp_line_stage_check_action (action, function_error, error) &&
       (action == GP_LINE_ACTION_DROP || keep_lines (self, error));
  adapt_max_lines (self, g_get_monotonic_time () - begin);

  return ok;
}

/* The lines are terminated where they are. An error waits until the lines before it were handled. */
static GpLineStatus
find_lines (Batch *self)
{
  GpLineStatus status = self->error != NULL ? GP_LINE_STATUS_FAILED : GP_LINE_STATUS_LINE;

  self->n_lines = 0;
  while (status == GP_LINE_STATUS_LINE && self->n_lines < self->max_lines)
    {
      GpLine *line = &self->lines[self->n_lines];

      status = gp_line_buffer_next (self->buffer, line, &self->error);
      if (status == GP_LINE_STATUS_LINE)
        {
          self->saved[self->n_lines] = line->data[line->length];
          line->data[line->length] = '\0';
          self->pointers[self->n_lines++] = line->data;
        }
    }

  return self->n_lines > 0 ? GP_LINE_STATUS_LINE : status;
}

static void
batch_continue (Batch *self)
{
  GError *error = NULL;

  if (g_cancellable_set_error_if_cancelled (self->cancellable, &error))
    {
      batch_fail (self, error);
      return;
    }

  switch (find_lines (self))
    {
    case GP_LINE_STATUS_LINE:
      if (!handle_lines (self, &error))
        {
          g_clear_error (&self->error);
          batch_end (self, error);
        }
      batch_write (self);
      break;
    case GP_LINE_STATUS_MORE:
      batch_read (self);
      break;
    case GP_LINE_STATUS_END:
    case GP_LINE_STATUS_FAILED:
    default:
      batch_end (self, self->error);
      batch_write (self);
      break;
    }
}

static void
begin_cb (gpointer data)
{
  Batch *self = data;

  if (self->input == NULL)
    gp_line_buffer_add (self->buffer, 0);
  batch_continue (self);
}

void
gp_line_batch_start (GpLineStage        *stage,
                     const GpLineFormat *format,
                     GpLinesFunction     func,
                     gpointer            func_data,
                     GpStageContext     *context,
                     GpCallbackQueue    *queue)
{
  Batch *self = g_new0 (Batch, 1);

  self->stage = g_object_ref (stage);
  self->context = g_object_ref (context);
  self->cancellable = g_object_ref (gp_stage_context_get_cancellable (context));
  g_set_object (&self->input, gp_stage_context_get_stdin (context));
  g_set_object (&self->target, gp_stage_context_get_stdout (context));
  self->func = func;
  self->func_data = func_data;

  self->buffer = gp_line_buffer_new (format);
  self->output = gp_line_output_new_held ();
  set_max_lines (self, 1);

  gp_callback_queue_push (queue, begin_cb, self);
}
