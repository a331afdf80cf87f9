/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include "gp-test-stages.h"
#include "gp-test-util.h"

G_BEGIN_DECLS

/* What the tests of filters share */

/* A filter's function: what it answers, and what it has seen */
typedef struct
{
  GpErrorAction  action;
  GError        *replacement; /* or NULL */
  GError        *seen;
  guint          n_calls;
  guint          n_destroyed;
  GThread       *thread;
} Filter;

static inline gboolean
is_destroyed (gpointer data)
{
  return ((Filter *) data)->n_destroyed > 0;
}

/* The pipeline was dropped, but whoever has run a stage may hold it a little longer. */
static inline void
filter_clear (Filter *self)
{
  gp_test_wait_until ("the data to be freed", is_destroyed, self);
  g_assert_cmpuint (self->n_destroyed, ==, 1);
  g_clear_error (&self->replacement);
  g_clear_error (&self->seen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Filter, filter_clear)

static inline GpErrorAction
filter_func (const GError  *error,
             gpointer       user_data,
             GError       **replacement)
{
  Filter *self = user_data;

  self->n_calls++;
  self->thread = g_thread_self ();
  g_clear_error (&self->seen);
  self->seen = g_error_copy (error);
  if (self->replacement != NULL)
    g_propagate_error (replacement, g_error_copy (self->replacement));
  return self->action;
}

static inline void
destroy_func (gpointer user_data)
{
  ((Filter *) user_data)->n_destroyed++;
}

static inline GpStage *
filtered (gpointer  stage,
          Filter   *filter)
{
  return gp_test_watch (gp_error_filter_stage_new (stage, filter_func, filter, destroy_func));
}

static inline GpStage *
child (const char *name,
       const char *mode,
       const char *argument)
{
  GpCommandStage *command = gp_test_child_new (mode, argument, NULL);

  gp_command_stage_set_name (command, name);
  return GP_STAGE (command);
}

static inline void
assert_state (GpPipeline   *pipeline,
              guint         index,
              GpStageState  state)
{
  g_assert_cmpint (gp_stage_status_get_state (gp_pipeline_get_status (pipeline, index)), ==, state);
}

static inline gboolean
write_seven_lines_func (GInputStream    *input,
                        GOutputStream   *output,
                        GpStageContext  *context,
                        gpointer         user_data,
                        GError         **error)
{
  for (int i = 1; i <= 7; i++)
    if (!g_output_stream_printf (output, NULL, NULL, error, "%d\n", i))
      return FALSE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "after seven");
  return FALSE;
}

static inline gboolean
fail_func (GInputStream    *input,
           GOutputStream   *output,
           GpStageContext  *context,
           gpointer         user_data,
           GError         **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "at once");
  return FALSE;
}

G_END_DECLS
