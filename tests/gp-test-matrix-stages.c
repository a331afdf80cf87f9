/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-matrix.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

/* --- Neighbours --------------------------------------------------------------------------- */

/* All in the main thread. States: new → starting (if its start is held) → running, with a context →
 * ended. The context is held while it runs, even if the stage is given up meanwhile. */
struct _MatrixNeighbour
{
  GObject         parent_instance;

  char           *name;
  GpIOPreference  preference;
  const char     *gives;
  gboolean        reads;
  gboolean        start_held;
  gboolean        to_end;
  gboolean        early;
  gboolean        was_cancelled;

  GTask          *start;     /* owned: while its start is held */
  GpStageContext *context;   /* owned */
  GSource        *cancelled; /* owned: of its start, or of its run */
  guint8          buffer[4096];
};

static void neighbour_stage_init (GpStageInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (MatrixNeighbour, matrix_neighbour, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, neighbour_stage_init))

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
when_cancelled (GCancellable     *cancellable,
                GSourceFunc       func,
                MatrixNeighbour  *self)
{
  GSource *source = g_cancellable_source_new (cancellable);

  g_source_set_callback (source, func, g_object_ref (self), g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

/* @error: NULL for success */
static void
neighbour_report (MatrixNeighbour *self,
                  const GError    *error)
{
  g_autoptr (GpStageContext) context = g_steal_pointer (&self->context);

  clear_source (&self->cancelled);
  if (error != NULL)
    gp_stage_context_return_error (context, error);
  else
    gp_stage_context_return_success (context);
}

static void
neighbour_finish (MatrixNeighbour *self)
{
  g_autoptr (GError) error = NULL;

  if (self->was_cancelled)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  else if (self->early)
    error = g_error_new_literal (GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY, "enough");
  neighbour_report (self, error);
}

static gboolean
run_cancelled_cb (GCancellable *cancellable,
                  gpointer      data)
{
  MATRIX_NEIGHBOUR (data)->was_cancelled = TRUE;
  return G_SOURCE_REMOVE;
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  g_autoptr (MatrixNeighbour) self = data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), self->buffer, sizeof self->buffer, 0,
                               gp_stage_context_get_cancellable (self->context), read_cb,
                               g_object_ref (self));
  else
    neighbour_report (self, error);
}

static void
neighbour_begin (MatrixNeighbour *self,
                 GpStageContext  *context)
{
  GCancellable *cancellable = gp_stage_context_get_cancellable (context);

  self->context = g_object_ref (context);
  if (self->gives != NULL)
    matrix_neighbour_give (self, self->gives);
  if (self->reads)
    g_input_stream_read_async (gp_stage_context_get_stdin (context), self->buffer,
                               sizeof self->buffer, 0, cancellable, read_cb, g_object_ref (self));
  else if (self->to_end)
    neighbour_finish (self);
  else
    self->cancelled = when_cancelled (cancellable, G_SOURCE_FUNC (run_cancelled_cb), self);
}

static gboolean
start_cancelled_cb (GCancellable *cancellable,
                    gpointer      data)
{
  MatrixNeighbour *self = data;
  g_autoptr (GTask) task = g_steal_pointer (&self->start);

  g_clear_pointer (&self->cancelled, g_source_unref);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return G_SOURCE_REMOVE;
}

static void
neighbour_start_async (GpStage             *stage,
                       GpStageContext      *context,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  MatrixNeighbour *self = MATRIX_NEIGHBOUR (stage);
  g_autoptr (GTask) task = g_task_new (stage, cancellable, callback, user_data);

  g_task_set_source_tag (task, neighbour_start_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, g_object_ref (context), g_object_unref);
  self->start = g_steal_pointer (&task);
  if (self->start_held)
    self->cancelled = when_cancelled (cancellable, G_SOURCE_FUNC (start_cancelled_cb), self);
  else
    matrix_neighbour_let_start (self);
}

static gboolean
neighbour_start_finish (GpStage       *stage,
                        GAsyncResult  *result,
                        GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static char *
neighbour_get_name (GpStage *stage)
{
  return g_strdup (MATRIX_NEIGHBOUR (stage)->name);
}

static void
neighbour_preferences (GpStage        *stage,
                       GpIOPreference *stdin_preference,
                       GpIOPreference *stdout_preference)
{
  *stdin_preference = *stdout_preference = MATRIX_NEIGHBOUR (stage)->preference;
}

static void
neighbour_stage_init (GpStageInterface *iface)
{
  iface->get_name = neighbour_get_name;
  iface->preferences = neighbour_preferences;
  iface->start_async = neighbour_start_async;
  iface->start_finish = neighbour_start_finish;
}

static void
matrix_neighbour_finalize (GObject *object)
{
  MatrixNeighbour *self = MATRIX_NEIGHBOUR (object);

  g_assert (self->start == NULL && self->context == NULL);
  g_free (self->name);
  G_OBJECT_CLASS (matrix_neighbour_parent_class)->finalize (object);
}

static void
matrix_neighbour_class_init (MatrixNeighbourClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = matrix_neighbour_finalize;
}

static void
matrix_neighbour_init (MatrixNeighbour *self)
{
}

MatrixNeighbour *
matrix_neighbour_new (const char     *name,
                      GpIOPreference  preference,
                      const char     *gives)
{
  MatrixNeighbour *self = gp_test_watch (g_object_new (MATRIX_TYPE_NEIGHBOUR, NULL));

  self->name = g_strdup (name);
  self->preference = preference;
  self->gives = gives;
  return self;
}

void
matrix_neighbour_set_reads (MatrixNeighbour *self)
{
  self->reads = TRUE;
}

void
matrix_neighbour_give (MatrixNeighbour *self,
                       const char      *text)
{
  if (self->context != NULL)
    g_output_stream_write_all (gp_stage_context_get_stdout (self->context), text, strlen (text),
                               NULL, NULL, NULL);
}

void
matrix_neighbour_hold_start (MatrixNeighbour *self)
{
  self->start_held = TRUE;
}

gboolean
matrix_neighbour_is_starting (MatrixNeighbour *self)
{
  return self->start != NULL;
}

void
matrix_neighbour_let_start (MatrixNeighbour *self)
{
  g_autoptr (GTask) task = g_steal_pointer (&self->start);

  self->start_held = FALSE;
  if (task == NULL)
    return;

  clear_source (&self->cancelled);
  neighbour_begin (self, g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

gboolean
matrix_neighbour_is_running (MatrixNeighbour *self)
{
  return self->context != NULL;
}

gboolean
matrix_neighbour_is_cancelled (MatrixNeighbour *self)
{
  return self->was_cancelled;
}

void
matrix_neighbour_end (MatrixNeighbour *self,
                      gboolean         early)
{
  if (self->to_end)
    return;

  self->to_end = TRUE;
  self->early = early;
  if (self->context != NULL && !self->reads)
    neighbour_finish (self);
}

/* --- Functions ---------------------------------------------------------------------------- */

/* Neither is given the cancellable: it is not needed between stages. */
static gboolean
read_all (GInputStream  *input,
          GError       **error)
{
  char buffer[1000];
  gssize n;

  while ((n = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    continue;
  return n == 0;
}

static gboolean
write_all (GOutputStream  *output,
           GError        **error)
{
  static const char zeros[10000];

  while (g_output_stream_write_all (output, zeros, sizeof zeros, NULL, NULL, error))
    continue;
  return FALSE;
}

/* "Computes" in that it does nothing but look */
static gboolean
compute (GCancellable  *cancellable,
         GError       **error)
{
  while (!g_cancellable_set_error_if_cancelled (cancellable, error))
    sched_yield ();
  return FALSE;
}

/* All is written, and it is about to return. */
static gboolean
end_function (MatrixRun      *run,
              GpStageContext *context)
{
  gp_stage_context_close_stdin (context);
  gp_stage_context_close_stdout (context);
  gp_test_gate_pass_unless_cancelled (&run->gate, gp_stage_context_get_cancellable (context));
  return TRUE;
}

static gboolean
core_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  MatrixRun *run = user_data;

  gp_test_announce_thread (&run->tid);
  g_atomic_int_inc (&run->n_seen);
  if (run->cell->moment == MOMENT_ENDING)
    return end_function (run, context);

  switch (run->cell->subject->core)
    {
    case CORE_READ:
      return read_all (input, error);
    case CORE_WRITE:
      return write_all (output, error);
    case CORE_COMPUTE:
      return compute (gp_stage_context_get_cancellable (context), error);
    default:
      gp_test_gate_pass (&run->gate);
      return TRUE;
    }
}

/* It never reports, and keeps what it would report on. */
static gboolean
silent_func (GpStageContext  *context,
             gpointer         user_data,
             GError         **error)
{
  MatrixRun *run = user_data;

  run->silent = g_object_ref (context);
  if (run->cell->moment == MOMENT_ENDING)
    {
      gp_stage_context_close_stdin (context);
      gp_stage_context_close_stdout (context);
    }
  g_atomic_int_inc (&run->n_seen);
  return TRUE;
}

/* More than any pipe holds */
static gboolean
write_much (GDataOutputStream  *output,
            GError            **error)
{
  const gsize size = 4 * 1024 * 1024;
  g_autofree char *zeros = g_malloc0 (size);

  return g_output_stream_write_all (G_OUTPUT_STREAM (output), zeros, size, NULL, NULL, error);
}

static GpLineAction
line_seen (MatrixRun          *run,
           GDataOutputStream  *output,
           GError            **error)
{
  gp_test_announce_thread (&run->tid);
  g_atomic_int_inc (&run->n_seen);
  if (run->cell->moment == MOMENT_ENDING)
    {
      /* It is the last line. In a thread it waits for what is to happen; here, that happens now. */
      if (run->cell->subject->core == CORE_BATCH_LINES)
        matrix_run_trigger (run);
      else
        gp_test_gate_pass (&run->gate);
      return GP_LINE_ACTION_FINISH;
    }

  if (matrix_is_writing (run->cell) && !write_much (output, error))
    return GP_LINE_ACTION_FAULT;
  return GP_LINE_ACTION_KEEP;
}

static GpLineAction
text_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return line_seen (user_data, output, error);
}

static GpLineAction
bytes_func (GBytes             *line,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  return line_seen (user_data, output, error);
}

static GpLineAction
batch_func (const char * const *batch,
            GDataOutputStream  *output,
            gpointer            user_data,
            GError            **error)
{
  return line_seen (user_data, output, error);
}

/* --- Commands ----------------------------------------------------------------------------- */

/* See the mode "cell" of gp-test-child. */
static char *
dup_how (const MatrixCell *cell)
{
  GString *how = g_string_new (NULL);

  if (cell->ending == ENDING_IGNORES_TERM)
    g_string_append_c (how, 'i');
  if ((cell->moment == MOMENT_ENDING && cell->subject->pump == PUMP_OUT) ||
      (matrix_is_lines (cell->subject) && cell->ending == ENDING_STDOUT_HELD))
    g_string_append_c (how, 'b');
  if (matrix_is_reading (cell))
    g_string_append_c (how, 'r');
  else if (matrix_is_writing (cell) && !matrix_is_held (cell))
    g_string_append_c (how, 'w');
  if (matrix_is_held (cell))
    g_string_append_c (how, "012"[cell->ending - ENDING_STDIN_HELD]);
  return g_string_free (how, FALSE);
}

GpCommandStage *
matrix_new_command (MatrixRun *run)
{
  const MatrixCell *cell = run->cell;
  g_autofree char *how = dup_how (cell);
  GpCommandStage *command = gp_test_child_new ("cell", how, NULL);

  gp_command_stage_set_supervised (command, cell->mode == MODE_SUPERVISED);
  gp_command_stage_set_kill_delay (command, cell->ending == ENDING_IGNORES_TERM ? MATRIX_SHORT
                                                                              : MATRIX_NEVER);
  if (cell->ending == ENDING_COMMAND_LIMIT)
    gp_command_stage_set_time_limit (command, run->limit);
  leash_attach (&run->leash, command);
  run->has_leash = TRUE;
  return command;
}

GpStage *
matrix_new_core (MatrixRun *run)
{
  switch (run->cell->subject->core)
    {
    case CORE_COMMAND:
      {
        GpCommandStage *command = matrix_new_command (run);

        gp_command_stage_set_name (command, "core");
        return GP_STAGE (command);
      }
    case CORE_SILENT:
      return GP_STAGE (gp_async_stage_new ("core", silent_func, run, NULL));
    case CORE_TEXT_LINES:
      return GP_STAGE (gp_line_stage_new ("core", text_func, run, NULL));
    case CORE_BYTES_LINES:
      return GP_STAGE (gp_line_stage_new_bytes ("core", bytes_func, run, NULL));
    case CORE_BATCH_LINES:
      return GP_STAGE (gp_line_stage_new_in_context ("core", batch_func, run, NULL));
    default:
      return GP_STAGE (gp_function_stage_new ("core", core_func, run, NULL));
    }
}
