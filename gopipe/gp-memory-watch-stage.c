/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-memory-watch-stage.h"

#include "gp-decorator-stage-private.h"
#include "gp-error-private.h"
#include "gp-memory-watch-private.h"
#include "gp-stage-context-private.h"
#include "gp-stage-status-private.h"

/**
 * GpMemoryWatchStage:
 *
 * A stage that wraps another and watches the memory of its processes.
 *
 * It looks at the processes of a command and all their descendants from time to time, and adds up
 * their resident sets. Above [property@MemoryWatchStage:limit] it emits an event of kind
 * `GP_EVENT_KIND_MEMORY_LIMIT` and ends the stage, which fails with
 * `GP_PIPELINE_ERROR_MEMORY_LIMIT`. When the stage has ended, however it did, the most that was
 * seen is told by an event of kind `GP_EVENT_KIND_MEMORY_PEAK`, and by
 * [property@StageStatus:tree-memory-peak]. Both events have details: `limit`, if there is one, and
 * `used`, in bytes and of type `t`. Without a limit, the stage is only observed.
 *
 * A peak between two looks is not missed if it was that of a single process, because the kernel
 * keeps those: a command that was ever above the limit by itself fails, even if it has ended before
 * anybody looked, and whatever its exit status. Memory that processes share counts once for each of them, and
 * what the system hides from this program does not count.
 *
 * A pipeline as a stage can be watched, too: its memory is that of all its commands together, and
 * its functions do not count, since they have no processes. Whatever else wraps the stage, inside
 * or outside of this one, makes no difference. A stage without any process fails to start, with
 * `GP_PIPELINE_ERROR_INVALID`.
 *
 * For all else, this is the stage that it wraps: its name, what it prefers to read and write, and
 * its status.
 *
 * A command has a limit of its own as well, [property@CommandStage:memory-limit].
 *
 * Since: 0.1
 */

/* The base holds the stage that is wrapped; the watch of a run belongs to the run's context.
 * @sealed: a run has it, and reads the settings in its own threads. */
struct _GpMemoryWatchStage
{
  GpDecoratorStage parent_instance;

  guint64          limit;
  guint            interval;
  gboolean         sealed;
};

enum
{
  PROP_0,
  PROP_STAGE,
  PROP_LIMIT,
  PROP_INTERVAL,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpMemoryWatchStage, gp_memory_watch_stage, GP_TYPE_DECORATOR_STAGE)

static void
gp_memory_watch_stage_seal (GpDecoratorStage *decorator)
{
  GP_MEMORY_WATCH_STAGE (decorator)->sealed = TRUE;
}

/* Whether the stage ended well, or as a process may that has had too much memory. Anything else was
 * done to it, and stays its error. */
static gboolean
is_own_end (const GError *error)
{
  return error == NULL || gp_error_is_finish_early (error) ||
         error->domain == G_SPAWN_EXIT_ERROR || error->domain == GP_SIGNAL_ERROR;
}

static GError *
stage_ended_cb (GpStageContext *context,
                GError         *error,
                gpointer        data)
{
  GpMemoryWatch *watch = data;
  GpStageStatus *status = gp_stage_context_get_status (context);
  g_autoptr (GError) limit_error = NULL;

  gp_stage_status_sum_children (status);
  if (gp_memory_watch_finish (watch, context, gp_stage_status_get_peak_memory (status), &limit_error) ||
      !is_own_end (error))
    return error;

  g_clear_error (&error);

  return gp_error_copy_prefixed (limit_error, "%s: ", gp_stage_context_get_name (context));
}

static gboolean
gp_memory_watch_stage_begin (GpDecoratorStage  *decorator,
                             GpStageContext    *context,
                             GError           **error)
{
  GpMemoryWatchStage *self = GP_MEMORY_WATCH_STAGE (decorator);
  GpMemoryWatch *watch;

  if (!gp_memory_watch_check (GP_LIMITABLE (self), self->limit, error))
    return FALSE;

  watch = gp_memory_watch_start (GP_LIMITABLE (self), context, self->limit, self->interval);
  gp_stage_context_add_end_func (context, stage_ended_cb, watch, NULL);

  return TRUE;
}

static const GpDecoratorHooks hooks = {
  .seal = gp_memory_watch_stage_seal,
  .begin = gp_memory_watch_stage_begin,
};

static void
gp_memory_watch_stage_get_property (GObject    *object,
                                    guint       prop_id,
                                    GValue     *value,
                                    GParamSpec *pspec)
{
  GpMemoryWatchStage *self = GP_MEMORY_WATCH_STAGE (object);

  switch (prop_id)
    {
    case PROP_STAGE:
      g_value_set_object (value, gp_memory_watch_stage_get_stage (self));
      break;
    case PROP_LIMIT:
      g_value_set_uint64 (value, self->limit);
      break;
    case PROP_INTERVAL:
      g_value_set_uint (value, self->interval);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_memory_watch_stage_set_property (GObject      *object,
                                    guint         prop_id,
                                    const GValue *value,
                                    GParamSpec   *pspec)
{
  GpMemoryWatchStage *self = GP_MEMORY_WATCH_STAGE (object);

  switch (prop_id)
    {
    case PROP_STAGE:
      gp_decorator_stage_set_inner (GP_DECORATOR_STAGE (self), g_value_get_object (value));
      break;
    case PROP_LIMIT:
      gp_memory_watch_stage_set_limit (self, g_value_get_uint64 (value));
      break;
    case PROP_INTERVAL:
      gp_memory_watch_stage_set_interval (self, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_memory_watch_stage_class_init (GpMemoryWatchStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = gp_memory_watch_stage_get_property;
  object_class->set_property = gp_memory_watch_stage_set_property;

  /**
   * GpMemoryWatchStage:stage: (getter get_stage)
   *
   * The stage that is watched.
   *
   * Since: 0.1
   */
  props[PROP_STAGE] = g_param_spec_object ("stage", NULL, NULL, GP_TYPE_STAGE,
                                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                           G_PARAM_STATIC_STRINGS);

  /**
   * GpMemoryWatchStage:limit: (getter get_limit) (setter set_limit)
   *
   * How many bytes its processes may have together; 0: as many as they like, they are only
   * observed.
   *
   * Since: 0.1
   */
  props[PROP_LIMIT] = g_param_spec_uint64 ("limit", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * GpMemoryWatchStage:interval: (getter get_interval) (setter set_interval)
   *
   * The time from one look to the next, in milliseconds.
   *
   * Since: 0.1
   */
  props[PROP_INTERVAL] = g_param_spec_uint ("interval", NULL, NULL, 1, G_MAXUINT,
                                            GP_MEMORY_WATCH_DEFAULT_INTERVAL, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_memory_watch_stage_init (GpMemoryWatchStage *self)
{
  self->interval = GP_MEMORY_WATCH_DEFAULT_INTERVAL;
  gp_decorator_stage_set_hooks (GP_DECORATOR_STAGE (self), &hooks);
}

/**
 * gp_memory_watch_stage_new:
 * @stage: (transfer full): a stage that belongs to no pipeline yet: a command, a pipeline, or
 *   one of these with something around it
 * @limit: how many bytes its processes may have together; 0: only observe them
 *
 * Creates a stage that is @stage, and watches the memory of its processes.
 *
 * A stage that has no process is only noticed at the start, which then fails.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpMemoryWatchStage *
gp_memory_watch_stage_new (GpStage *stage,
                           guint64  limit)
{
  g_autoptr (GpStage) owned = NULL;

  g_return_val_if_fail (GP_IS_STAGE (stage), NULL);

  owned = stage;

  return g_object_new (GP_TYPE_MEMORY_WATCH_STAGE, "stage", owned, "limit", limit, NULL);
}

/**
 * gp_memory_watch_stage_get_stage: (get-property stage)
 * @self: a memory watch
 *
 * Gets the stage that is watched.
 *
 * Returns: (transfer none) (nullable): the stage, or `NULL` if none was given
 *
 * Since: 0.1
 */
GpStage *
gp_memory_watch_stage_get_stage (GpMemoryWatchStage *self)
{
  g_return_val_if_fail (GP_IS_MEMORY_WATCH_STAGE (self), NULL);

  return gp_decorator_stage_get_inner (GP_DECORATOR_STAGE (self));
}

/**
 * gp_memory_watch_stage_get_limit: (get-property limit)
 * @self: a memory watch
 *
 * Gets how much memory the processes may have together.
 *
 * Returns: bytes, or 0 if there is no limit
 *
 * Since: 0.1
 */
guint64
gp_memory_watch_stage_get_limit (GpMemoryWatchStage *self)
{
  g_return_val_if_fail (GP_IS_MEMORY_WATCH_STAGE (self), 0);

  return self->limit;
}

/**
 * gp_memory_watch_stage_set_limit: (set-property limit)
 * @self: a memory watch whose pipeline was not started yet
 * @limit: bytes, or 0 for no limit
 *
 * Sets how much memory the processes may have together.
 *
 * Since: 0.1
 */
void
gp_memory_watch_stage_set_limit (GpMemoryWatchStage *self,
                                 guint64             limit)
{
  g_return_if_fail (GP_IS_MEMORY_WATCH_STAGE (self));
  g_return_if_fail (!self->sealed);

  if (self->limit == limit)
    return;

  self->limit = limit;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LIMIT]);
}

/**
 * gp_memory_watch_stage_get_interval: (get-property interval)
 * @self: a memory watch
 *
 * Gets the time from one look to the next.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
gp_memory_watch_stage_get_interval (GpMemoryWatchStage *self)
{
  g_return_val_if_fail (GP_IS_MEMORY_WATCH_STAGE (self), 0);

  return self->interval;
}

/**
 * gp_memory_watch_stage_set_interval: (set-property interval)
 * @self: a memory watch whose pipeline was not started yet
 * @interval: milliseconds, at least 1
 *
 * Sets the time from one look to the next.
 *
 * Each look reads a few files for each process. The default is 100 milliseconds.
 *
 * Since: 0.1
 */
void
gp_memory_watch_stage_set_interval (GpMemoryWatchStage *self,
                                    guint               interval)
{
  g_return_if_fail (GP_IS_MEMORY_WATCH_STAGE (self));
  g_return_if_fail (interval > 0);
  g_return_if_fail (!self->sealed);

  if (self->interval == interval)
    return;

  self->interval = interval;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_INTERVAL]);
}
