/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-event-private.h"

#include "gp-enums.h"
#include "gp-error-private.h"
#include "gp-stage.h"

/**
 * GpEvent:
 *
 * Something that has happened in a pipeline.
 *
 * Handlers of [signal@Pipeline::event] get events. An event never changes, may be kept as long as
 * one likes, and may be read in any thread.
 *
 * Since: 0.1
 */

/* Whoever makes it adds details, and then hands it over; from there on it never changes. A queued
 * call holds it until it was emitted, and whoever has kept it. It holds the stage: so the last
 * reference should be dropped in the home context, as it is with the queue's. */
struct _GpEvent
{
  gatomicrefcount  ref_count;

  GpEventKind      kind;
  GpStage         *stage;      /* or NULL, and then so is the name */
  char            *stage_name;
  GError          *error;      /* or NULL */
  char            *message;
  GVariant        *details;    /* a{sv} */
};

G_DEFINE_BOXED_TYPE (GpEvent, gp_event, gp_event_ref, gp_event_unref)

/* The nicks as quarks; the class of the enumeration is never unloaded. */
static const GQuark *
get_quarks (void)
{
  static GQuark quarks[GP_EVENT_KIND_PIPELINE_FAILED + 1];
  static gsize done;

  if (g_once_init_enter (&done))
    {
      GEnumClass *klass = g_type_class_ref (GP_TYPE_EVENT_KIND);

      g_assert (klass->n_values == G_N_ELEMENTS (quarks));
      for (guint i = 0; i < klass->n_values; i++)
        quarks[klass->values[i].value] = g_quark_from_static_string (klass->values[i].value_nick);
      g_once_init_leave (&done, 1);
    }

  return quarks;
}

GQuark
gp_event_kind_to_quark (GpEventKind kind)
{
  return get_quarks ()[kind];
}

static const char *
describe_kind (GpEventKind kind)
{
  switch (kind)
    {
    case GP_EVENT_KIND_STAGE_STARTED:
      return "started";
    case GP_EVENT_KIND_START_FAILED:
      return "could not be started";
    case GP_EVENT_KIND_STAGE_FINISHED:
      return "finished";
    case GP_EVENT_KIND_STAGE_STOPPED:
      return "stopped by a signal";
    case GP_EVENT_KIND_STAGE_CONTINUED:
      return "continued";
    case GP_EVENT_KIND_MEMORY_LIMIT:
      return "memory limit exceeded";
    case GP_EVENT_KIND_MEMORY_PEAK:
      return "peak memory use is known";
    case GP_EVENT_KIND_STAGE_FAILED:
    case GP_EVENT_KIND_PIPELINE_FAILED:
    default:
      return "failed";
    }
}

GpEvent *
gp_event_new (GpEventKind   kind,
              GpStage      *stage,
              const char   *stage_name,
              const GError *error,
              const char   *message)
{
  GpEvent *self = g_new0 (GpEvent, 1);
  const char *name = stage_name != NULL ? stage_name : "pipeline";

  g_atomic_ref_count_init (&self->ref_count);
  self->kind = kind;
  self->stage = stage != NULL ? g_object_ref (stage) : NULL;
  self->stage_name = g_strdup (stage_name);
  self->error = error != NULL ? g_error_copy (error) : NULL;
  self->details = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  /* Errors of stages begin with the name already. */
  if (message == NULL && error != NULL)
    self->message = g_strdup (error->message);
  else
    self->message = g_strdup_printf ("%s: %s", name,
                                     message != NULL ? message : describe_kind (kind));

  return self;
}

void
gp_event_set_detail (GpEvent    *self,
                     const char *key,
                     GVariant   *value)
{
  g_autoptr (GVariant) before = self->details;
  g_auto (GVariantDict) dict;

  g_variant_dict_init (&dict, before);
  g_variant_dict_insert_value (&dict, key, value);
  self->details = g_variant_ref_sink (g_variant_dict_end (&dict));
}

gboolean
gp_event_is_logged (void)
{
  return !g_log_writer_default_would_drop (G_LOG_LEVEL_DEBUG, G_LOG_DOMAIN);
}

/* What a command has said before it ended is left out: it may well repeat its arguments or its
 * environment, and neither belongs into a log. */
static char *
describe_for_log (const GpEvent *self)
{
  const char *name = self->stage_name != NULL ? self->stage_name : "pipeline";

  if (self->error != NULL && self->error->domain == G_SPAWN_EXIT_ERROR)
    return g_strdup_printf ("%s: exit status %d", name, self->error->code);

  if (self->error != NULL && self->error->domain == GP_SIGNAL_ERROR)
    {
      g_autofree char *signal_name = gp_signal_dup_name (self->error->code);

      return g_strdup_printf ("%s: killed by %s", name, signal_name);
    }

  return g_strdup (self->message);
}

void
gp_event_log (const GpEvent *self)
{
  const char *nick = g_quark_to_string (gp_event_kind_to_quark (self->kind));
  g_autofree char *text = NULL;
  g_autofree char *details = NULL;

  if (!gp_event_is_logged ())
    return;

  text = describe_for_log (self);
  details = g_variant_print (self->details, FALSE);
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG,
                    "GP_EVENT", nick,
                    "GP_STAGE", self->stage_name != NULL ? self->stage_name : "",
                    "GP_DETAILS", details,
                    "MESSAGE", "%s: %s", nick, text);
}

/**
 * gp_event_ref:
 * @self: an event
 *
 * Takes a reference on an event, in any thread.
 *
 * Returns: (transfer full): the same event
 *
 * Since: 0.1
 */
GpEvent *
gp_event_ref (GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

/**
 * gp_event_unref:
 * @self: (transfer full): an event
 *
 * Drops a reference on an event, in any thread. The last one drops the event's reference on the
 * stage.
 *
 * Since: 0.1
 */
void
gp_event_unref (GpEvent *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_object (&self->stage);
  g_clear_error (&self->error);
  g_variant_unref (self->details);
  g_free (self->stage_name);
  g_free (self->message);
  g_free (self);
}

/**
 * gp_event_get_kind:
 * @self: an event
 *
 * Gets what has happened.
 *
 * Returns: the kind
 *
 * Since: 0.1
 */
GpEventKind
gp_event_get_kind (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, GP_EVENT_KIND_STAGE_STARTED);

  return self->kind;
}

/**
 * gp_event_get_stage:
 * @self: an event
 *
 * Gets the stage to which it has happened: for an event of a nested pipeline the stage in there.
 *
 * For `GP_EVENT_KIND_PIPELINE_FAILED` it is the stage whose error the pipeline reports.
 *
 * Returns: (transfer none) (nullable): the stage, or `NULL` if a pipeline's failure is not that of
 *   a stage, because it was cancelled, took too long, was set up wrongly, or could not close a
 *   stream
 *
 * Since: 0.1
 */
GpStage *
gp_event_get_stage (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->stage;
}

/**
 * gp_event_get_stage_name:
 * @self: an event
 *
 * Gets the name that the stage had when it was started, as it stands in errors.
 *
 * Returns: (transfer none) (nullable): the name, or `NULL` if there is no stage
 *
 * Since: 0.1
 */
const char *
gp_event_get_stage_name (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->stage_name;
}

/**
 * gp_event_dup_error:
 * @self: an event
 *
 * Gets the error, if the event tells of a failure.
 *
 * Returns: (transfer full) (nullable): a copy of the error, or `NULL`
 *
 * Since: 0.1
 */
GError *
gp_event_dup_error (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->error != NULL ? g_error_copy (self->error) : NULL;
}

/**
 * gp_event_get_message:
 * @self: an event
 *
 * Gets a line for people: the stage's name and what has happened to it.
 *
 * Returns: (transfer none): the text
 *
 * Since: 0.1
 */
const char *
gp_event_get_message (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->message;
}

/**
 * gp_event_get_details:
 * @self: an event
 *
 * Gets what else is known, by name; a name is there only if its value is known.
 *
 * - "pid" (`i`): the process id of a command
 * - "exit-status" (`i`): how it exited
 * - "signal" (`i`): the number of the signal that killed or stopped it
 * - "finished-early" (`b`): true if a stage that finished wanted no more input
 * - "limit" and "used" (`t`): bytes of memory
 *
 * More names may be added.
 *
 * Returns: (transfer none): a dictionary of type `a{sv}`, perhaps empty
 *
 * Since: 0.1
 */
GVariant *
gp_event_get_details (const GpEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->details;
}
