/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-status-core-private.h"

/* What a stage used: time and memory. Whatever nobody can know is -1. */

/* With the lock held */
static void
set_number (GpStageStatus *self,
            gint64        *field,
            gint64         value,
            guint          prop_id)
{
  value = MAX (value, -1);
  if (*field == value)
    return;

  *field = value;
  gp_stage_status_queue_notify (self, GP_STAGE_STATUS_BIT (prop_id));
}

void
gp_stage_status_set_usage (GpStageStatus *self,
                           gint64         user_usec,
                           gint64         system_usec,
                           gint64         peak_bytes)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  set_number (self, &self->user_time, user_usec, PROP_USER_TIME);
  set_number (self, &self->system_time, system_usec, PROP_SYSTEM_TIME);
  set_number (self, &self->peak_memory, peak_bytes, PROP_PEAK_MEMORY);
}

void
gp_stage_status_set_tree_peak (GpStageStatus *self,
                               gint64         bytes)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  /* Several may watch the same stage. */
  set_number (self, &self->tree_memory_peak, MAX (bytes, self->tree_memory_peak),
              PROP_TREE_MEMORY_PEAK);
}

/* A sum of which a part is not known is not known. */
static gint64
add_known (gint64 sum,
           gint64 value)
{
  return sum < 0 || value < 0 ? -1 : sum + value;
}

void
gp_stage_status_sum_children (GpStageStatus *self)
{
  gint64 user_time = 0, system_time = 0, peak_memory = -1;

  if (self->child_statuses == NULL)
    return;

  for (guint i = 0; i < self->child_statuses->len; i++)
    {
      GpStageStatus *child = g_ptr_array_index (self->child_statuses, i);

      user_time = add_known (user_time, gp_stage_status_get_user_time (child));
      system_time = add_known (system_time, gp_stage_status_get_system_time (child));
      peak_memory = MAX (peak_memory, gp_stage_status_get_peak_memory (child));
    }

  gp_stage_status_set_usage (self, user_time, system_time, peak_memory);
}

/**
 * gp_stage_status_get_started_at: (get-property started-at)
 * @self: a status
 *
 * Gets when the stage began to be started.
 *
 * Returns: microseconds of [func@GLib.get_monotonic_time], or 0
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_started_at (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), 0);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->started_at, gint64);
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

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->ended_at, gint64);
}

/* With the lock held */
static gint64
count_wall_time (GpStageStatus *self)
{
  return self->ended_at != 0 ? self->ended_at - self->started_at : -1;
}

/**
 * gp_stage_status_get_wall_time: (get-property wall-time)
 * @self: a status
 *
 * Gets how long the stage ran, from its start to its end.
 *
 * Returns: microseconds, or -1 if it has not ended or was never started
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_wall_time (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, count_wall_time (self), gint64);
}

/**
 * gp_stage_status_get_user_time: (get-property user-time)
 * @self: a status
 *
 * Gets the processor time that a command spent in its own code, as the system counted it.
 *
 * Included are those of its descendants that had ended and been waited for. It is known when the
 * command has ended, if the command was supervised. That of a nested pipeline is the sum over its
 * stages, and only known if all of theirs are.
 *
 * Returns: microseconds, or -1 if that is not known (yet) or the stage has no process
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_user_time (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->user_time, gint64);
}

/**
 * gp_stage_status_get_system_time: (get-property system-time)
 * @self: a status
 *
 * Gets the processor time that the system spent for a command, as it was counted there.
 *
 * It is known when, and covers what, [method@StageStatus.get_user_time] says.
 *
 * Returns: microseconds, or -1 if that is not known (yet) or the stage has no process
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_system_time (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->system_time, gint64);
}

/**
 * gp_stage_status_get_peak_memory: (get-property peak-memory)
 * @self: a status
 *
 * Gets the most memory that any one process of a command had at a time: its highest resident set,
 * as the system kept it.
 *
 * Looked at are the command and those of its descendants that had ended and been waited for. It
 * is known when the command has ended, if the command was supervised. That of a nested pipeline is
 * the highest of those that are known of its stages.
 *
 * Returns: bytes, or -1 if that is not known (yet) or the stage has no process
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_peak_memory (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->peak_memory, gint64);
}

/**
 * gp_stage_status_get_tree_memory_peak: (get-property tree-memory-peak)
 * @self: a status
 *
 * Gets the most memory that a command and its descendants were seen to have together.
 *
 * Somebody must have watched: a [class@MemoryWatchStage], or the command because of its memory
 * limit. It is known when the stage has ended.
 *
 * Returns: bytes, or -1 if nobody watched, or nothing was seen (yet)
 *
 * Since: 0.1
 */
gint64
gp_stage_status_get_tree_memory_peak (GpStageStatus *self)
{
  g_return_val_if_fail (GP_IS_STAGE_STATUS (self), -1);

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->tree_memory_peak, gint64);
}
