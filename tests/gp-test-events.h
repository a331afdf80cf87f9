/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include <string.h>

#include "gp-test-stages.h"
#include "gp-test-util.h"

G_BEGIN_DECLS

/* What the tests of events share */

/* What a handler has seen: a line for each event, such as "stage-started cat" */
typedef struct
{
  GString   *text;
  GPtrArray *events; /* of GpEvent, kept */
  GThread   *thread; /* where all came, or NULL */
  guint      n_elsewhere;
} Recorder;

static inline void
recorder_init (Recorder *self)
{
  *self = (Recorder) { g_string_new (NULL), NULL, NULL, 0 };
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) gp_event_unref);
}

static inline void
recorder_clear (Recorder *self)
{
  g_string_free (self->text, TRUE);
  g_ptr_array_unref (self->events);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Recorder, recorder_clear)

static inline const char *
nick_of (GpEvent *event)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (GP_TYPE_EVENT_KIND);

  return g_enum_get_value (klass, gp_event_get_kind (event))->value_nick;
}

static inline void
event_cb (GpPipeline *pipeline,
          GpEvent    *event,
          gpointer    data)
{
  Recorder *self = data;
  const char *name = gp_event_get_stage_name (event);

  g_string_append_printf (self->text, "%s %s\n", nick_of (event), name != NULL ? name : "-");
  g_ptr_array_add (self->events, gp_event_ref (event));
  if (self->thread == NULL)
    self->thread = g_thread_self ();
  else if (self->thread != g_thread_self ())
    self->n_elsewhere++;
}

static inline void
record (Recorder   *self,
        GpPipeline *pipeline)
{
  g_signal_connect (pipeline, "event", G_CALLBACK (event_cb), self);
}

static inline GpEvent *
get_event (Recorder *self,
           guint     index)
{
  g_assert_cmpuint (index, <, self->events->len);
  return g_ptr_array_index (self->events, index);
}

static inline guint
count_kind (Recorder    *self,
            GpEventKind  kind)
{
  guint n = 0;

  for (guint i = 0; i < self->events->len; i++)
    n += gp_event_get_kind (get_event (self, i)) == kind;
  return n;
}

static inline gint32
get_int_detail (GpEvent    *event,
                const char *key)
{
  gint32 value = -1;

  g_variant_lookup (gp_event_get_details (event), key, "i", &value);
  return value;
}

static inline gboolean
nothing_func (GInputStream    *input,
              GOutputStream   *output,
              GpStageContext  *context,
              gpointer         user_data,
              GError         **error)
{
  return TRUE;
}

static inline void
append_function (GpPipeline *pipeline,
                 const char *name,
                 GpFunction  func)
{
  gp_pipeline_append (pipeline, GP_STAGE (gp_function_stage_new (name, func, NULL, NULL)));
}

static inline GpCommandStage *
append_child (GpPipeline *pipeline,
              const char *name,
              const char *mode,
              const char *argument)
{
  GpCommandStage *command = gp_test_add_child (pipeline, mode, argument, NULL);

  gp_command_stage_set_name (command, name);
  return command;
}

G_END_DECLS
