/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-status-private.h"

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

/* The pipeline's list holds the status, and so does the run while it lasts. What changes is
 * guarded by the lock, for it changes in whatever thread learns of it; the notifications of a
 * burst of changes are queued together. */
struct _GpStageStatus
{
  GObject          parent_instance;

  GpStage         *stage;
  char            *name;
  GListModel      *children;

  GMutex           lock;
  GpCallbackQueue *queue;
  guint            changed; /* bits: properties that are to be notified */

  GpStageState     state;
  GError          *error;
  int              pid;
  int              exit_status;
  int              term_signal;
  gint64           started_at;
  gint64           ended_at;

  GByteArray      *stderr_tail; /* at most twice stderr_limit, so that it is cut rarely */
  guint64          stderr_limit;
  guint64          stderr_total;
};

enum
{
  PROP_0,
  PROP_STAGE,
  PROP_NAME,
  PROP_STATE,
  PROP_SUMMARY,
  PROP_ERROR,
  PROP_EXIT_STATUS,
  PROP_TERM_SIGNAL,
  PROP_PID,
  PROP_STDERR_BYTES,
  PROP_STDERR_TEXT,
  PROP_STDERR_DROPPED,
  PROP_STARTED_AT,
  PROP_ENDED_AT,
  PROP_CHILDREN,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

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
    if (changed & (1u << i))
      g_object_notify_by_pspec (G_OBJECT (self), props[i]);
  g_object_thaw_notify (G_OBJECT (self));
}

/* With the lock held */
static void
queue_notify (GpStageStatus *self,
              guint          prop_id)
{
  if (self->changed == 0 && self->queue != NULL)
    gp_callback_queue_push (self->queue, notify_cb, g_object_ref (self));

  self->changed |= 1u << prop_id;
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

/* What of the tail is older than the limit allows. With the lock held */
static gsize
get_tail_excess (GpStageStatus *self)
{
  return self->stderr_tail->len > self->stderr_limit ? self->stderr_tail->len - self->stderr_limit : 0;
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
      g_value_set_int64 (value, gp_stage_status_get_started_at (self));
      break;
    case PROP_ENDED_AT:
      g_value_set_int64 (value, gp_stage_status_get_ended_at (self));
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
  props[PROP_STAGE] = g_param_spec_object ("stage", NULL, NULL, GP_TYPE_STAGE, flags);

  /**
   * GpStageStatus:name:
   *
   * The stage's name, as it stands in errors.
   *
   * Since: 0.1
   */
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:state: (getter get_state)
   *
   * How far the stage has come.
   *
   * Since: 0.1
   */
  props[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, GP_TYPE_STAGE_STATE,
                                         GP_STAGE_STATE_WAITING, flags);

  /**
   * GpStageStatus:summary:
   *
   * The state in words for people, such as "running" or "exit status 2".
   *
   * Since: 0.1
   */
  props[PROP_SUMMARY] = g_param_spec_string ("summary", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:error:
   *
   * Why the stage failed, or `NULL`.
   *
   * Since: 0.1
   */
  props[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);

  /**
   * GpStageStatus:exit-status: (getter get_exit_status)
   *
   * The exit status of a command, or -1 if it did not exit (yet).
   *
   * Since: 0.1
   */
  props[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, NULL, -1, G_MAXINT, -1, flags);

  /**
   * GpStageStatus:term-signal: (getter get_term_signal)
   *
   * The number of the signal that killed a command, or 0.
   *
   * Since: 0.1
   */
  props[PROP_TERM_SIGNAL] = g_param_spec_int ("term-signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * GpStageStatus:pid: (getter get_pid)
   *
   * The process id of a command, also after its end, or 0.
   *
   * Since: 0.1
   */
  props[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * GpStageStatus:stderr-bytes:
   *
   * The last bytes that a command wrote to its standard error, if that is captured.
   *
   * Since: 0.1
   */
  props[PROP_STDERR_BYTES] = g_param_spec_boxed ("stderr-bytes", NULL, NULL, G_TYPE_BYTES, flags);

  /**
   * GpStageStatus:stderr-text:
   *
   * The same as text: what is not valid UTF-8 is replaced.
   *
   * Since: 0.1
   */
  props[PROP_STDERR_TEXT] = g_param_spec_string ("stderr-text", NULL, NULL, NULL, flags);

  /**
   * GpStageStatus:stderr-dropped: (getter get_stderr_dropped)
   *
   * How many bytes of standard error came before those that were kept.
   *
   * Since: 0.1
   */
  props[PROP_STDERR_DROPPED] = g_param_spec_uint64 ("stderr-dropped", NULL, NULL,
                                                    0, G_MAXUINT64, 0, flags);

  /**
   * GpStageStatus:started-at: (getter get_started_at)
   *
   * When the stage began to run, in microseconds of monotonic time, or 0.
   *
   * Since: 0.1
   */
  props[PROP_STARTED_AT] = g_param_spec_int64 ("started-at", NULL, NULL, 0, G_MAXINT64, 0, flags);

  /**
   * GpStageStatus:ended-at: (getter get_ended_at)
   *
   * When the stage ended, in microseconds of monotonic time, or 0.
   *
   * Since: 0.1
   */
  props[PROP_ENDED_AT] = g_param_spec_int64 ("ended-at", NULL, NULL, 0, G_MAXINT64, 0, flags);

  /**
   * GpStageStatus:children: (getter get_children)
   *
   * The statuses of the stages of a nested pipeline, or `NULL`.
   *
   * Since: 0.1
   */
  props[PROP_CHILDREN] = g_param_spec_object ("children", NULL, NULL, G_TYPE_LIST_MODEL, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_stage_status_init (GpStageStatus *self)
{
  g_mutex_init (&self->lock);
  self->stderr_tail = g_byte_array_new ();
  self->exit_status = -1;
}

GpStageStatus *
gp_stage_status_new (GpStage    *stage,
                     const char *name,
                     GListModel *children)
{
  GpStageStatus *self = g_object_new (GP_TYPE_STAGE_STATUS, NULL);

  g_set_object (&self->stage, stage);
  g_set_object (&self->children, children);
  self->name = g_strdup (name);

  return self;
}

void
gp_stage_status_set_queue (GpStageStatus   *self,
                           GpCallbackQueue *queue)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_clear_pointer (&self->queue, gp_callback_queue_unref);
  self->queue = queue != NULL ? gp_callback_queue_ref (queue) : NULL;
}

void
gp_stage_status_set_name (GpStageStatus *self,
                          const char    *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (g_strcmp0 (self->name, name) == 0)
    return;

  g_free (self->name);
  self->name = g_strdup (name);
  queue_notify (self, PROP_NAME);
}

/* With the lock held */
static void
change_state (GpStageStatus *self,
              GpStageState   state)
{
  self->state = state;
  queue_notify (self, PROP_STATE);
  queue_notify (self, PROP_SUMMARY);
}

void
gp_stage_status_set_state (GpStageStatus *self,
                           GpStageState   state)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  /* A stage may report its end before its start has been noted. */
  if (state <= self->state)
    return;

  if (state == GP_STAGE_STATE_RUNNING)
    {
      self->started_at = g_get_monotonic_time ();
      queue_notify (self, PROP_STARTED_AT);
    }

  change_state (self, state);
}

void
gp_stage_status_set_pid (GpStageStatus *self,
                         int            pid)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->pid = pid;
  queue_notify (self, PROP_PID);
}

void
gp_stage_status_set_stderr_limit (GpStageStatus *self,
                                  guint64        limit)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->stderr_limit = MIN (limit, G_MAXUINT / 4);
}

void
gp_stage_status_append_stderr (GpStageStatus *self,
                               const char    *data,
                               gsize          length)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->stderr_total += length;
  if (length > self->stderr_limit)
    {
      data += length - self->stderr_limit;
      length = self->stderr_limit;
    }

  if (self->stderr_tail->len + length > 2 * self->stderr_limit)
    g_byte_array_remove_range (self->stderr_tail, 0, get_tail_excess (self));
  g_byte_array_append (self->stderr_tail, (const guint8 *) data, length);

  queue_notify (self, PROP_STDERR_BYTES);
  queue_notify (self, PROP_STDERR_TEXT);
  queue_notify (self, PROP_STDERR_DROPPED);
}

void
gp_stage_status_set_exit (GpStageStatus *self,
                          int            exit_status,
                          int            term_signal)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->exit_status = exit_status;
  self->term_signal = term_signal;
  queue_notify (self, PROP_EXIT_STATUS);
  queue_notify (self, PROP_TERM_SIGNAL);
}

void
gp_stage_status_end (GpStageStatus *self,
                     const GError  *error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->ended_at = g_get_monotonic_time ();
  if (self->started_at == 0)
    self->started_at = self->ended_at;
  queue_notify (self, PROP_ENDED_AT);

  if (error == NULL)
    {
      change_state (self, GP_STAGE_STATE_SUCCEEDED);
    }
  else if (gp_error_is_finish_early (error))
    {
      change_state (self, GP_STAGE_STATE_FINISHED_EARLY);
    }
  else
    {
      self->error = g_error_copy (error);
      queue_notify (self, PROP_ERROR);
      change_state (self, GP_STAGE_STATE_FAILED);
    }
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

#define RETURN_LOCKED(self, expression, type) \
  G_STMT_START { \
    type locked_value; \
    g_mutex_lock (&(self)->lock); \
    locked_value = (expression); \
    g_mutex_unlock (&(self)->lock); \
    return locked_value; \
  } G_STMT_END

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

  RETURN_LOCKED (self, g_strdup (self->name), char *);
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

  RETURN_LOCKED (self, self->state, GpStageState);
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

  RETURN_LOCKED (self, describe (self), char *);
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

  RETURN_LOCKED (self, self->error != NULL ? g_error_copy (self->error) : NULL, GError *);
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

  RETURN_LOCKED (self, self->exit_status, int);
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

  RETURN_LOCKED (self, self->term_signal, int);
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

  RETURN_LOCKED (self, self->pid, int);
}

/* With the lock held */
static GBytes *
copy_stderr (GpStageStatus *self)
{
  gsize excess = get_tail_excess (self);

  return g_bytes_new (self->stderr_tail->data + excess, self->stderr_tail->len - excess);
}

/**
 * gp_stage_status_dup_stderr_bytes: (get-property stderr-bytes)
 * @self: a status
 *
 * Gets the last bytes that a command wrote to its standard error.
 *
 * Returns: (transfer full): the bytes, empty if nothing was captured
 *
 * Since: 0.1
 */
GBytes *
gp_stage_status_dup_stderr_bytes (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  RETURN_LOCKED (self, copy_stderr (self), GBytes *);
}

/**
 * gp_stage_status_dup_stderr_text: (get-property stderr-text)
 * @self: a status
 *
 * Gets the last bytes that a command wrote to its standard error as text: what is not valid UTF-8
 * is replaced.
 *
 * Returns: (transfer full): the text, empty if nothing was captured
 *
 * Since: 0.1
 */
char *
gp_stage_status_dup_stderr_text (GpStageStatus *self)
{
  g_autoptr (GBytes) bytes = NULL;

  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), NULL);

  bytes = gp_stage_status_dup_stderr_bytes (self);
  if (g_bytes_get_size (bytes) == 0)
    return g_strdup ("");

  return g_utf8_make_valid (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/**
 * gp_stage_status_get_stderr_dropped: (get-property stderr-dropped)
 * @self: a status
 *
 * Gets how many bytes of standard error came before those that were kept.
 *
 * Returns: a number of bytes
 *
 * Since: 0.1
 */
guint64
gp_stage_status_get_stderr_dropped (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  RETURN_LOCKED (self, self->stderr_total - (self->stderr_tail->len - get_tail_excess (self)), guint64);
}

/**
 * gp_stage_status_get_started_at: (get-property started-at)
 * @self: a status
 *
 * Gets when the stage began to run.
 *
 * Returns: microseconds of [func@GLib.get_monotonic_time], or 0
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_started_at (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  RETURN_LOCKED (self, self->started_at, gint64);
}

/**
 * gp_stage_status_get_ended_at: (get-property ended-at)
 * @self: a status
 *
 * Gets when the stage ended.
 *
 * Returns: microseconds of [func@GLib.get_monotonic_time], or 0
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_ended_at (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  RETURN_LOCKED (self, self->ended_at, gint64);
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
