/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-stage-status-core-private.h"

/* What a stage wrote to standard error */

/* What of the tail is older than the limit allows. With the lock held */
static gsize
get_tail_excess (GpStageStatus *self)
{
  return self->stderr_tail->len > self->stderr_limit ? self->stderr_tail->len - self->stderr_limit : 0;
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

  gp_stage_status_queue_notify (self, GP_STAGE_STATUS_BIT (PROP_STDERR_BYTES) |
                                      GP_STAGE_STATUS_BIT (PROP_STDERR_TEXT) |
                                      GP_STAGE_STATUS_BIT (PROP_STDERR_DROPPED));
}

/* With the lock held */
static GBytes *
copy_stderr (GpStageStatus *self)
{
  gsize excess = get_tail_excess (self);

  if (self->stderr_tail->len == 0)
    return g_bytes_new (NULL, 0);

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

  GP_STAGE_STATUS_RETURN_LOCKED (self, copy_stderr (self), GBytes *);
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

  GP_STAGE_STATUS_RETURN_LOCKED (self, self->stderr_total - (self->stderr_tail->len - get_tail_excess (self)), guint64);
}
