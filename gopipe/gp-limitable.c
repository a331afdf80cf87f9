/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-limitable-private.h"

#include "gp-error.h"

/**
 * GpLimitable:
 *
 * A stage whose memory can be measured and that can be ended from outside: one with a process.
 *
 * Commands are limitable, and so is a pipeline as a stage: its memory is that of all its commands
 * together. Whatever is limitable can be watched by a [class@MemoryWatchStage]. A stage that wraps
 * another is limitable if that one is: ask [method@Limitable.check].
 *
 * All methods may be called from any thread. The methods of an implementation *are* called in a
 * thread of the library, which looks at all watched stages of the program: they must be quick and
 * must not block. JavaScript cannot do that, so the interface can only be implemented in C and in
 * languages that are compiled to it.
 *
 * Since: 0.1
 */

/**
 * GpLimitableInterface:
 * @check: tells whether the stage can be measured, before it is started; the default is `TRUE`
 * @measure: measures the memory; the default is that nothing is known
 * @kill: ends the stage, which then fails with the error that is given; the default does nothing
 *
 * The virtual methods of a stage whose memory can be measured.
 *
 * Since: 0.1
 */

/**
 * GpLimitableInterface::check: (skip)
 * @self: a stage
 * @error: return location for an error
 *
 * Tells whether the stage can be measured.
 *
 * Returns: `TRUE` if it can
 *
 * Since: 0.1
 */

/**
 * GpLimitableInterface::measure: (skip)
 * @self: a stage
 * @memory: (out): what it has now, in bytes
 * @peak: (out): what one of its processes has had, in bytes
 *
 * Measures the memory of the stage. Called in a thread of the library.
 *
 * Returns: `FALSE` if nothing runs
 *
 * Since: 0.1
 */

/**
 * GpLimitableInterface::kill: (skip)
 * @self: a stage
 * @reason: the error that the stage is to end with
 *
 * Ends the stage. Called in a thread of the library.
 *
 * Since: 0.1
 */

G_DEFINE_INTERFACE (GpLimitable, gp_limitable, GP_TYPE_STAGE)

static gboolean
gp_limitable_real_check (GpLimitable  *self,
                         GError      **error)
{
  return TRUE;
}

static gboolean
gp_limitable_real_measure (GpLimitable *self,
                           guint64     *memory,
                           guint64     *peak)
{
  return FALSE;
}

static void
gp_limitable_real_kill (GpLimitable  *self,
                        const GError *reason)
{
}

static void
gp_limitable_default_init (GpLimitableInterface *iface)
{
  iface->check = gp_limitable_real_check;
  iface->measure = gp_limitable_real_measure;
  iface->kill = gp_limitable_real_kill;
}

/**
 * gp_limitable_check:
 * @self: a stage
 * @error: return location for an error
 *
 * Tells whether the memory of the stage can be measured, before or while it runs.
 *
 * The error is `GP_PIPELINE_ERROR_INVALID` if the stage has no process, as when it wraps one
 * that has none, and `G_IO_ERROR_NOT_SUPPORTED` if this machine does not tell, for example because
 * `/proc` is not mounted.
 *
 * May be called from any thread.
 *
 * Returns: `TRUE` if it can be measured
 *
 * Since: 0.1
 */
gboolean
gp_limitable_check (GpLimitable  *self,
                    GError      **error)
{
  g_return_val_if_fail (GP_IS_LIMITABLE (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return GP_LIMITABLE_GET_IFACE (self)->check (self, error);
}

/**
 * gp_limitable_measure:
 * @self: a stage
 * @memory: (out) (optional): bytes that its processes have now, together
 * @peak: (out) (optional): bytes that one of its processes has had at a time, of those that run now
 *
 * Measures the memory of the stage while it runs.
 *
 * What counts is the resident set of every process: memory that several processes share counts
 * once for each. Processes that the system hides from this program do not count.
 *
 * May be called from any thread. It takes well below a millisecond for a few processes.
 *
 * Returns: `TRUE` if it was measured, `FALSE` if no process runs (yet, or any more)
 *
 * Since: 0.1
 */
gboolean
gp_limitable_measure (GpLimitable *self,
                      guint64     *memory,
                      guint64     *peak)
{
  guint64 memory_now = 0, peak_so_far = 0;
  gboolean measured;

  g_return_val_if_fail (GP_IS_LIMITABLE (self), FALSE);

  measured = GP_LIMITABLE_GET_IFACE (self)->measure (self, &memory_now, &peak_so_far);
  if (memory != NULL)
    *memory = measured ? memory_now : 0;
  if (peak != NULL)
    *peak = measured ? peak_so_far : 0;

  return measured;
}

/**
 * gp_limitable_kill:
 * @self: a stage
 * @reason: why it is ended
 *
 * Ends the stage and all its processes, as when it is cancelled: it fails with @reason.
 *
 * Nothing happens if it does not run. May be called from any thread; does not wait for the end.
 *
 * Since: 0.1
 */
void
gp_limitable_kill (GpLimitable  *self,
                   const GError *reason)
{
  g_return_if_fail (GP_IS_LIMITABLE (self));
  g_return_if_fail (reason != NULL);

  GP_LIMITABLE_GET_IFACE (self)->kill (self, reason);
}
