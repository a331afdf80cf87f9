/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-gio.h"

#include "gp-bench-bare.h"

#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <unistd.h>

gboolean
gio_produce (GOutputStream  *output,
             guint64         size,
             GError        **error)
{
  static const char block[BENCH_BLOCK_SIZE];

  while (size > 0)
    {
      gsize n = MIN (size, sizeof block);

      if (!g_output_stream_write_all (output, block, n, NULL, NULL, error))
        return FALSE;
      size -= n;
    }

  return TRUE;
}

gboolean
gio_copy (GInputStream   *input,
          GOutputStream  *output,
          GError        **error)
{
  char buffer[BENCH_BLOCK_SIZE];
  gssize n_read;

  while ((n_read = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    if (!g_output_stream_write_all (output, buffer, n_read, NULL, NULL, error))
      return FALSE;

  return n_read == 0;
}

gboolean
gio_count (GInputStream  *input,
           guint64       *total,
           GError       **error)
{
  char buffer[BENCH_BLOCK_SIZE];
  gssize n_read;

  while ((n_read = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    *total += n_read;

  return n_read == 0;
}

gboolean
gio_count_lines (GInputStream  *input,
                 guint64       *n_lines,
                 GError       **error)
{
  char buffer[BENCH_BLOCK_SIZE];
  gssize n_read;

  while ((n_read = g_input_stream_read (input, buffer, sizeof buffer, NULL, error)) > 0)
    {
      const char *at = buffer;
      const char *end = buffer + n_read;

      while ((at = memchr (at, '\n', end - at)) != NULL)
        {
          ++*n_lines;
          at++;
        }
    }

  return n_read == 0;
}

static gboolean
produce_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  return gio_produce (output, *(const guint64 *) user_data, error);
}

static gboolean
copy_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  return gio_copy (input, output, error);
}

static gboolean
count_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  return gio_count (input, user_data, error);
}

static gboolean
count_lines_func (GInputStream    *input,
                  GOutputStream   *output,
                  GpStageContext  *context,
                  gpointer         user_data,
                  GError         **error)
{
  return gio_count_lines (input, user_data, error);
}

static GpLineAction
count_line_func (const char         *line,
                 GDataOutputStream  *output,
                 gpointer            user_data,
                 GError            **error)
{
  ++*(guint64 *) user_data;

  return GP_LINE_ACTION_DROP;
}

GpStage *
stage_produce (const guint64 *size)
{
  return GP_STAGE (gp_function_stage_new ("produce", produce_func, (gpointer) size, NULL));
}

GpStage *
stage_copy (void)
{
  return GP_STAGE (gp_function_stage_new ("copy", copy_func, NULL, NULL));
}

GpStage *
stage_count (guint64 *total)
{
  return GP_STAGE (gp_function_stage_new ("count", count_func, total, NULL));
}

GpStage *
stage_count_lines (guint64 *n_lines)
{
  return GP_STAGE (gp_function_stage_new ("count-lines", count_lines_func, n_lines, NULL));
}

GpStage *
stage_count_by_line (guint64 *n_lines)
{
  return GP_STAGE (gp_line_stage_new ("count-lines", count_line_func, n_lines, NULL));
}

void
run_pipeline (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_pipeline_run (pipeline, NULL, &error);
  bench_check_error (error);
}

static void
run_done_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  guint *n_pending = user_data;
  g_autoptr (GError) error = NULL;

  gp_pipeline_run_finish (GP_PIPELINE (object), result, &error);
  bench_check_error (error);
  (*n_pending)--;
}

/* @n_pending is one less again when it has ended. */
void
start_pipeline (GpPipeline *pipeline,
                guint      *n_pending)
{
  (*n_pending)++;
  gp_pipeline_run_async (pipeline, NULL, run_done_cb, n_pending);
}

/* All commands */
void
unsupervise_pipeline (GpPipeline *pipeline)
{
  for (guint i = 0; i < gp_pipeline_get_n_stages (pipeline); i++)
    {
      GpStage *stage = gp_stage_status_get_stage (gp_pipeline_get_status (pipeline, i));

      if (GP_IS_COMMAND_STAGE (stage))
        gp_command_stage_set_supervised (GP_COMMAND_STAGE (stage), FALSE);
    }
}

/* Takes the descriptors; -1 is none. */
GSubprocess *
gio_spawn (const char * const *argv,
           int                 input,
           int                 output,
           GSubprocessFlags    flags)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  if (input >= 0)
    g_subprocess_launcher_take_stdin_fd (launcher, input);
  if (output >= 0)
    g_subprocess_launcher_take_stdout_fd (launcher, output);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  bench_check_error (error);

  return process;
}

void
gio_wait (GSubprocess *process)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_check (process, NULL, &error);
  bench_check_error (error);
}

static void
wait_done_cb (GObject      *object,
              GAsyncResult *result,
              gpointer      user_data)
{
  guint *n_pending = user_data;
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_check_finish (G_SUBPROCESS (object), result, &error);
  bench_check_error (error);
  (*n_pending)--;
}

/* @n_pending is one less again when it has ended. */
void
gio_wait_async (GSubprocess *process,
                guint       *n_pending)
{
  (*n_pending)++;
  g_subprocess_wait_check_async (process, NULL, wait_done_cb, n_pending);
}

typedef struct
{
  GInputStream *input;
  GOutputStream *output;
} Copy;

static gpointer
copy_thread (gpointer data)
{
  g_autofree Copy *copy = data;
  g_autoptr (GError) error = NULL;

  if (!gio_copy (copy->input, copy->output, &error) ||
      !g_input_stream_close (copy->input, NULL, &error))
    bench_check_error (error);
  g_output_stream_close (copy->output, NULL, &error);
  bench_check_error (error);
  g_object_unref (copy->input);
  g_object_unref (copy->output);

  return NULL;
}

GThread *
gio_copy_start (GInputStream  *input,
                GOutputStream *output)
{
  Copy *copy = g_new (Copy, 1);

  copy->input = g_object_ref (input);
  copy->output = g_object_ref (output);

  return g_thread_new ("copy", copy_thread, copy);
}

void
gio_pipe (GInputStream  **input,
          GOutputStream **output)
{
  int read_end, write_end;

  bare_pipe (&read_end, &write_end);
  *input = g_unix_input_stream_new (read_end, TRUE);
  *output = g_unix_output_stream_new (write_end, TRUE);
}

/* --- A stream of nothing but write () ----------------------------------------------------- */

typedef struct
{
  GOutputStream parent_instance;
  int fd;
} BareOutput;

typedef GOutputStreamClass BareOutputClass;

static GType bare_output_get_type (void);

G_DEFINE_TYPE (BareOutput, bare_output, G_TYPE_OUTPUT_STREAM)

static gssize
bare_output_write (GOutputStream  *stream,
                   const void     *buffer,
                   gsize           count,
                   GCancellable   *cancellable,
                   GError        **error)
{
  bare_write (((BareOutput *) stream)->fd, buffer, count);

  return count;
}

static gboolean
bare_output_close (GOutputStream  *stream,
                   GCancellable   *cancellable,
                   GError        **error)
{
  close (((BareOutput *) stream)->fd);

  return TRUE;
}

static void
bare_output_class_init (BareOutputClass *klass)
{
  klass->write_fn = bare_output_write;
  klass->close_fn = bare_output_close;
}

static void
bare_output_init (BareOutput *self)
{
}

/* Takes the descriptor. */
GOutputStream *
gio_bare_output (int fd)
{
  BareOutput *self = g_object_new (bare_output_get_type (), NULL);

  self->fd = fd;

  return G_OUTPUT_STREAM (self);
}
