/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-line-stage-private.h"

#include "gp-error-private.h"
#include "gp-line-output-private.h"
#include "gp-stage-context-private.h"
#include "gp-thread-pool-private.h"

/* --- What both kinds of run have in common ------------------------------------------------ */

gboolean
gp_line_stage_check_action (GpLineAction   action,
                            GError        *function_error,
                            GError       **error)
{
  const char *mistake = NULL;

  if (action == GP_LINE_ACTION_FAULT && function_error != NULL)
    {
      g_propagate_error (error, function_error);
      return FALSE;
    }

  if (function_error != NULL)
    mistake = "the function set an error and did not return FAULT";
  else if (action == GP_LINE_ACTION_FAULT)
    mistake = "the function returned FAULT without an error";
  else if (action == GP_LINE_ACTION_FINISH)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY,
                         "no more lines are wanted");
  else if (action == GP_LINE_ACTION_KEEP || action == GP_LINE_ACTION_DROP)
    return TRUE;
  else
    mistake = "the function returned an unknown action";

  g_clear_error (&function_error);
  if (mistake != NULL)
    g_set_error_literal (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT, mistake);

  return FALSE;
}

void
gp_line_stage_add_end_error (GError **error,
                             GError  *end_error)
{
  if (*error == NULL || gp_error_is_finish_early (*error))
    {
      g_clear_error (error);
      *error = end_error;
    }
  else
    {
      g_clear_error (&end_error);
    }
}

void
gp_line_stage_report (GpStageContext *context,
                      const GError   *error)
{
  if (error == NULL)
    gp_stage_context_return_success (context);
  else if (g_error_matches (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FAULT))
    gp_stage_context_return_fault (context, error->message);
  else
    gp_stage_context_return_error (context, error);
}

/* --- In a thread -------------------------------------------------------------------------- */

/* One run in a thread. It holds the stage, to whom the function belongs, and the context until it
 * has reported its end. */
typedef struct
{
  GpLineStage       *stage;
  GpStageContext    *context;
  GCancellable      *cancellable; /* the context's */
  GCallback          func;
  gpointer           func_data;
  gboolean           is_text;
  GpLineBuffer      *buffer;
  GpLineOutput      *output;
  GDataOutputStream *data_output; /* the same, cast once for all lines */
} Job;

static GpLineAction
call_function (Job           *job,
               const GpLine  *line,
               GError       **error)
{
  GpLineAction action;

  if (!job->is_text)
    {
      /* A copy, because the function may keep it */
      g_autoptr (GBytes) bytes = g_bytes_new (line->data, line->length);

      action = ((GpBytesLineFunction) job->func) (bytes, job->data_output, job->func_data, error);
    }
  else
    {
      char saved = line->data[line->length];

      line->data[line->length] = '\0';
      action = ((GpLineFunction) job->func) (line->data, job->data_output, job->func_data, error);
      line->data[line->length] = saved;
    }

  return action;
}

static gboolean
handle_line (Job           *job,
             const GpLine  *line,
             GError       **error)
{
  GError *function_error = NULL;
  GpLineAction action;

  if (g_cancellable_is_cancelled (job->cancellable) &&
      g_cancellable_set_error_if_cancelled (job->cancellable, error))
    return FALSE;

  action = call_function (job, line, &function_error);
  if (function_error == NULL && action == GP_LINE_ACTION_DROP)
    return TRUE;

  return gp_line_stage_check_action (action, function_error, error) &&
         (action == GP_LINE_ACTION_DROP ||
          gp_line_output_keep (job->output, line->data, line->size, error));
}

/* Of a stream that does not know, one that is slow is assumed. */
static gboolean
may_wait (GInputStream *input)
{
  return !G_IS_POLLABLE_INPUT_STREAM (input) ||
         !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)) ||
         !g_pollable_input_stream_is_readable (G_POLLABLE_INPUT_STREAM (input));
}

static gboolean
read_more (Job           *job,
           GInputStream  *input,
           GError       **error)
{
  gpointer where;
  gsize room;
  gssize size = 0;

  /* What is kept still lies in the buffer. What was written would else wait with us. */
  if (!gp_line_output_settle (job->output, error) ||
      (input != NULL && may_wait (input) && !gp_line_output_write_out (job->output, error)))
    return FALSE;

  where = gp_line_buffer_reserve (job->buffer, &room);
  if (input != NULL)
    size = g_input_stream_read (input, where, room, job->cancellable, error);
  if (size < 0)
    return FALSE;

  gp_line_buffer_add (job->buffer, size);

  return TRUE;
}

static gboolean
handle_lines (Job     *job,
              GError **error)
{
  g_autoptr (GInputStream) input = NULL;

  g_set_object (&input, gp_stage_context_get_stdin (job->context));

  for (;;)
    {
      GpLine line;

      switch (gp_line_buffer_next (job->buffer, &line, error))
        {
        case GP_LINE_STATUS_LINE:
          if (!handle_line (job, &line, error))
            return FALSE;
          break;
        case GP_LINE_STATUS_MORE:
          if (!read_more (job, input, error))
            return FALSE;
          break;
        case GP_LINE_STATUS_END:
          return TRUE;
        case GP_LINE_STATUS_FAILED:
        default:
          return FALSE;
        }
    }
}

static void
job_free (Job *job)
{
  gp_line_buffer_free (job->buffer);
  g_object_unref (job->output);
  g_object_unref (job->context);
  g_object_unref (job->stage);
  g_free (job);
}

static void
run_job (gpointer data)
{
  Job *job = data;
  g_autoptr (GError) error = NULL;
  GError *end_error = NULL;

  /* On failure, the stage before learns at once that nobody reads any more. */
  if (!handle_lines (job, &error))
    gp_stage_context_close_stdin (job->context);
  if (!gp_line_output_end (job->output, &end_error))
    gp_line_stage_add_end_error (&error, end_error);

  gp_line_stage_report (job->context, error);
  job_free (job);
}

gboolean
gp_line_thread_start (GpLineStage         *stage,
                      const GpLineFormat  *format,
                      GCallback            func,
                      gpointer             func_data,
                      GpStageContext      *context,
                      GError             **error)
{
  Job *job = g_new0 (Job, 1);

  job->stage = g_object_ref (stage);
  job->context = g_object_ref (context);
  job->cancellable = gp_stage_context_get_cancellable (context);
  job->func = func;
  job->func_data = func_data;
  job->is_text = format->is_text;
  job->buffer = gp_line_buffer_new (format);
  job->output = gp_line_output_new (gp_stage_context_get_stdout (context), job->cancellable);
  job->data_output = G_DATA_OUTPUT_STREAM (job->output);

  if (gp_thread_pool_push (gp_stage_context_get_name (context), run_job, job, error))
    return TRUE;

  job_free (job);

  return FALSE;
}
