/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-status-core-private.h"

#include "gp-enums.h"
#include "gp-error-private.h"
#include "gp-stage.h"

/**
 * GpStageStatus:
 *
 * How one stage fares in the run of its pipeline.
 *
 * A status exists from the moment its stage is appended, can be read at any time and from any
 * thread, and stays readable after the end. Its properties change while the stage runs; they
 * notify in the main context in which the pipeline was started.
 *
 * Every stage's own outcome is here, whichever error the pipeline reports.
 *
 * Since: 0.1
 */

G_STATIC_ASSERT (N_PROPS <= 32); /* GP_STAGE_STATUS_BIT */

GParamSpec *gp_stage_status_props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpStageStatus, gp_stage_status, G_TYPE_OBJECT)

static void
notify_cb (gpointer data)
{
  g_autoptr (GpStageStatus) self = data;
  guint changed;

  g_mutex_lock (&self->lock);
  changed = self->changed;
  self->changed = 0;
  g_mutex_unlock (&self->lock);

  g_object_freeze_notify (G_OBJECT (self));
  for (guint i = PROP_0 + 1; i < N_PROPS; i++)
    if (changed & GP_STAGE_STATUS_BIT (i))
      g_object_notify_by_pspec (G_OBJECT (self), gp_stage_status_props[i]);
  g_object_thaw_notify (G_OBJECT (self));
}

void
gp_stage_status_queue_notify (GpStageStatus *self,
                              guint          props)
{
  if (self->queue == NULL || !gp_callback_queue_is_heard (self->queue, self))
    return;

  if (self->changed == 0)
    gp_callback_queue_push (self->queue, notify_cb, g_object_ref (self));

  self->changed |= props;
}

/* With the lock held */
static char *
describe_end (GpStageStatus *self)
{
  if (self->term_signal != 0)
    {
      g_autofree char *name = gp_signal_dup_name (self->term_signal);

      return g_strdup_printf ("killed by %s", name);
    }

  if (self->exit_status > 0)
    return g_strdup_printf ("exit status %d", self->exit_status);

  return g_strdup (self->error != NULL ? self->error->message : "failed");
}

/* With the lock held */
static char *
describe_stop (GpStageStatus *self)
{
  g_autofree char *name = gp_signal_dup_name (self->stop_signal);

  return g_strdup_printf ("stopped by %s", name);
}

/* With the lock held */
static char *
describe (GpStageStatus *self)
{
  switch (self->state)
    {
    case GP_STAGE_STATE_WAITING:
      return g_strdup ("waiting");
    case GP_STAGE_STATE_STARTING:
      return g_strdup ("starting");
    case GP_STAGE_STATE_RUNNING:
      return g_strdup ("running");
    case GP_STAGE_STATE_STOPPED:
      return describe_stop (self);
    case GP_STAGE_STATE_SUCCEEDED:
      return g_strdup ("succeeded");
    case GP_STAGE_STATE_FINISHED_EARLY:
      return g_strdup ("finished early");
    case GP_STAGE_STATE_NOT_STARTED:
      return g_strdup ("not started");
    default:
      return describe_end (self);
    }
}

static gint64
get_number (GpStageStatus *self,
            guint          prop_id)
{
  switch (prop_id)
    {
    case PROP_STARTED_AT:
      return gp_stage_status_get_started_at (self);
    case PROP_ENDED_AT:
      return gp_stage_status_get_ended_at (self);
    case PROP_WALL_TIME:
      return gp_stage_status_get_wall_time (self);
    case PROP_USER_TIME:
      return gp_stage_status_get_user_time (self);
    case PROP_SYSTEM_TIME:
      return gp_stage_status_get_system_time (self);
    case PROP_PEAK_MEMORY:
      return gp_stage_status_get_peak_memory (self);
    default:
      return gp_stage_status_get_tree_memory_peak (self);
    }
}

static void
gp_stage_status_get_property (GObject    *object,
                              guint       prop_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  GpStageStatus *self = GP_STAGE_STATUS (object);

  switch (prop_id)
    {
    case PROP_STAGE:
      g_value_set_object (value, self->stage);
      break;
    case PROP_NAME:
      g_value_take_string (value, gp_stage_status_dup_name (self));
      break;
    case PROP_STATE:
      g_value_set_enum (value, gp_stage_status_get_state (self));
      break;
    case PROP_SUMMARY:
      g_value_take_string (value, gp_stage_status_dup_summary (self));
      break;
    case PROP_ERROR:
      g_value_take_boxed (value, gp_stage_status_dup_error (self));
      break;
    case PROP_EXIT_STATUS:
      g_value_set_int (value, gp_stage_status_get_exit_status (self));
      break;
    case PROP_TERM_SIGNAL:
      g_value_set_int (value, gp_stage_status_get_term_signal (self));
      break;
    case PROP_PID:
      g_value_set_int (value, gp_stage_status_get_pid (self));
      break;
    case PROP_STDERR_BYTES:
      g_value_take_boxed (value, gp_stage_status_dup_stderr_bytes (self));
      break;
    case PROP_STDERR_TEXT:
      g_value_take_string (value, gp_stage_status_dup_stderr_text (self));
      break;
    case PROP_STDERR_DROPPED:
      g_value_set_uint64 (value, gp_stage_status_get_stderr_dropped (self));
      break;
    case PROP_STARTED_AT:
    case PROP_ENDED_AT:
    case PROP_WALL_TIME:
    case PROP_USER_TIME:
    case PROP_SYSTEM_TIME:
    case PROP_PEAK_MEMORY:
    case PROP_TREE_MEMORY_PEAK:
      g_value_set_int64 (value, get_number (self, prop_id));
      break;
    case PROP_CHILDREN:
      g_value_set_object (value, self->children);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_stage_status_finalize (GObject *object)
{
  GpStageStatus *self = GP_STAGE_STATUS (object);

  g_clear_object (&self->stage);
  g_clear_object (&self->children);
  g_clear_pointer (&self->child_statuses, g_ptr_array_unref);
  g_clear_pointer (&self->name, g_free);
  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->stderr_tail, g_byte_array_unref);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gp_stage_status_parent_class)->finalize (object);
}

static void
gp_stage_status_class_init (GpStageStatusClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = gp_stage_status_get_property;
  object_class->finalize = gp_stage_status_finalize;

  /**
   * GpStageStatus:stage: (getter get_stage)
   *
   * The stage.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STAGE] = g_param_spec_object ("stage", NULL, NULL, GP_TYPE_STAGE, flags);

  /**
   * GpStageStatus:name:
   *
   * The stage's name, as it stands in errors.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:state: (getter get_state)
   *
   * How far the stage has come.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, GP_TYPE_STAGE_STATE,
                                         GP_STAGE_STATE_WAITING, flags);

  /**
   * GpStageStatus:summary:
   *
   * The state in words for people, such as "running" or "exit status 2".
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_SUMMARY] = g_param_spec_string ("summary", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:error:
   *
   * Why the stage failed, or `NULL`.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);

  /**
   * GpStageStatus:exit-status: (getter get_exit_status)
   *
   * The exit status of a command, or -1 if it did not exit (yet).
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, NULL, -1, G_MAXINT, -1, flags);

  /**
   * GpStageStatus:term-signal: (getter get_term_signal)
   *
   * The number of the signal that killed a command, or 0.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_TERM_SIGNAL] = g_param_spec_int ("term-signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * GpStageStatus:pid: (getter get_pid)
   *
   * The process id of a command, also after its end, or 0.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * GpStageStatus:stderr-bytes:
   *
   * The last bytes that a command wrote to its standard error, if that is captured.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STDERR_BYTES] = g_param_spec_boxed ("stderr-bytes", NULL, NULL, G_TYPE_BYTES, flags);

  /**
   * GpStageStatus:stderr-text:
   *
   * The same as text: what is not valid UTF-8 is replaced.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STDERR_TEXT] = g_param_spec_string ("stderr-text", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:stderr-dropped: (getter get_stderr_dropped)
   *
   * How many bytes of standard error came before those that were kept.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STDERR_DROPPED] = g_param_spec_uint64 ("stderr-dropped", NULL, NULL,
                                                    0, G_MAXUINT64, 0, flags);

  /**
   * GpStageStatus:started-at: (getter get_started_at)
   *
   * When the stage began to be started, in microseconds of monotonic time, or 0.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_STARTED_AT] = g_param_spec_int64 ("started-at", NULL, NULL, 0, G_MAXINT64, 0, flags);

  /**
   * GpStageStatus:ended-at: (getter get_ended_at)
   *
   * When the stage ended, in microseconds of monotonic time, or 0.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_ENDED_AT] = g_param_spec_int64 ("ended-at", NULL, NULL, 0, G_MAXINT64, 0, flags);

  /**
   * GpStageStatus:wall-time: (getter get_wall_time)
   *
   * How long the stage ran, in microseconds, or -1 before its end.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_WALL_TIME] = g_param_spec_int64 ("wall-time", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * GpStageStatus:user-time: (getter get_user_time)
   *
   * The processor time that a command spent in its own code, in microseconds, or -1 if that is
   * not known.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_USER_TIME] = g_param_spec_int64 ("user-time", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * GpStageStatus:system-time: (getter get_system_time)
   *
   * The processor time that the system spent for a command, in microseconds, or -1 if that is not
   * known.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_SYSTEM_TIME] = g_param_spec_int64 ("system-time", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * GpStageStatus:peak-memory: (getter get_peak_memory)
   *
   * The most memory that any one process of a command had at a time, in bytes, or -1 if that is
   * not known.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_PEAK_MEMORY] = g_param_spec_int64 ("peak-memory", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * GpStageStatus:tree-memory-peak: (getter get_tree_memory_peak)
   *
   * The most memory that a command and its descendants were seen to have together, in bytes, or -1
   * if nobody watched.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_TREE_MEMORY_PEAK] = g_param_spec_int64 ("tree-memory-peak", NULL, NULL, -1, G_MAXINT64, -1, flags);

  /**
   * GpStageStatus:children: (getter get_children)
   *
   * The statuses of the stages of a nested pipeline, or `NULL`.
   *
   * Since: 0.1
   */
  gp_stage_status_props[PROP_CHILDREN] = g_param_spec_object ("children", NULL, NULL, G_TYPE_LIST_MODEL, flags);

  g_object_class_install_properties (object_class, N_PROPS, gp_stage_status_props);
}

static void
gp_stage_status_init (GpStageStatus *self)
{
  g_mutex_init (&self->lock);
  self->stderr_tail = g_byte_array_new ();
  self->exit_status = -1;
  self->user_time = -1;
  self->system_time = -1;
  self->peak_memory = -1;
  self->tree_memory_peak = -1;
}

/**
 * gp_stage_status_get_stage: (get-property stage)
 * @self: a status
 *
 * Gets the stage that this is the status of.
 *
 * Returns: (transfer none): the stage
 *
 * Since: 0.1
 */
GpStage *
gp_stage_status_get_stage (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  return self->stage;
}

/**
 * gp_stage_status_dup_name: (get-property name)
 * @self: a status
 *
 * Gets the name of the stage.
 *
 * Returns: (transfer full): the name
 *
 * Since: 0.1
 */
char *
gp_stage_status_dup_name (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  GP_STAGE_STATUS_RETURN_LOCKED (self, g_strdup (self->name), char *);
}

/**
 * gp_stage_status_get_state: (get-property state)
 * @self: a status
 *
 * Gets how far the stage has come.
 *
 * Returns: the state
 *
 * Since: 0.1
 */
GpStageState
gp_stage_status_get_state (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), GP_STAGE_STATE_WAITING);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->state, GpStageState);
}

/**
 * gp_stage_status_dup_summary: (get-property summary)
 * @self: a status
 *
 * Gets the state in words for people, such as "running" or "exit status 2".
 *
 * Returns: (transfer full): a short text without the stage's name
 *
 * Since: 0.1
 */
char *
gp_stage_status_dup_summary (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  GP_STAGE_STATUS_RETURN_LOCKED (self, describe (self), char *);
}

/**
 * gp_stage_status_dup_error: (skip)
 * @self: a status
 *
 * Gets why the stage failed. Language bindings read [property@StageStatus:error].
 *
 * Returns: (transfer full) (nullable): the error, which starts with the stage's name, or `NULL`
 *
 * Since: 0.1
 */
GError *
gp_stage_status_dup_error (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->error != NULL ? g_error_copy (self->error) : NULL, GError *);
}

/**
 * gp_stage_status_get_exit_status: (get-property exit-status)
 * @self: a status
 *
 * Gets the exit status of a command.
 *
 * Returns: 0 to 255, or -1 if it did not exit (yet) or is no command
 *
 * Since: 0.1
 */
int
gp_stage_status_get_exit_status (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->exit_status, int);
}

/**
 * gp_stage_status_get_term_signal: (get-property term-signal)
 * @self: a status
 *
 * Gets the signal that killed a command.
 *
 * Returns: the signal's number, or 0
 *
 * Since: 0.1
 */
int
gp_stage_status_get_term_signal (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->term_signal, int);
}

/**
 * gp_stage_status_get_pid: (get-property pid)
 * @self: a status
 *
 * Gets the process id of a command. It stays known after the end, when the system may have given
 * it to another process.
 *
 * Returns: the process id, or 0
 *
 * Since: 0.1
 */
int
gp_stage_status_get_pid (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->pid, int);
}

/**
 * gp_stage_status_get_children: (get-property children)
 * @self: a status
 *
 * Gets the statuses of the stages of a nested pipeline.
 *
 * Returns: (transfer none) (nullable): a list of [class@StageStatus], or `NULL` if the stage is
 *   no pipeline
 *
 * Since: 0.1
 */
GListModel *
gp_stage_status_get_children (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  return self->children;
}
