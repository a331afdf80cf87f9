/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Copies one stream to another in a thread of the pool, until the end of @from, an error, or
 * gp_pump_stop (). It closes neither stream. */

typedef struct _GpPump GpPump;

typedef struct
{
  guint64 bytes;        /* written */
  GError *read_error;   /* of the source; (nullable) */
  GError *write_error;  /* of the target; (nullable) */
} GpPumpResult;

/* Called once, in the pump's thread, with no lock held. The errors stay the pump's. A stopped
 * pump reports G_IO_ERROR_CANCELLED as read_error or write_error, wherever it was. */
typedef void (*GpPumpDone) (GpPump *pump, const GpPumpResult *result, gpointer user_data);

/* (transfer full): one reference for the caller; the thread has its own until after @done. */
GpPump *gp_pump_start (const char     *name,
                       GInputStream   *from,
                       GOutputStream  *to,
                       GpPumpDone      done,
                       gpointer        user_data,
                       GError        **error);
GpPump *gp_pump_ref   (GpPump *self);
void    gp_pump_unref (GpPump *self);

/* From any thread, harmless twice and after the end: both sides are cancelled. */
void    gp_pump_stop  (GpPump *self);

/* Whether it waits for its source, and has nothing left to write */
gboolean gp_pump_is_waiting (GpPump *self);

/* The same copy in the calling thread. TRUE: the end of @from was reached, and all of it was
 * written and flushed. The bytes, and which side failed, are told in @result, which need not be
 * initialized, and which the caller clears. */
gboolean gp_pump_copy         (GInputStream  *from,
                               GOutputStream *to,
                               GCancellable  *cancellable,
                               GpPumpResult  *result);
void     gp_pump_result_clear (GpPumpResult  *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpPump, gp_pump_unref)

G_END_DECLS
