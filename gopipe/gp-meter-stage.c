/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-meter-stage.h"

#include "gp-collector-private.h"
#include "gp-engine-private.h"
#include "gp-stage-context-private.h"

#include <string.h>

#define BUFFER_SIZE (256 * 1024)
#define INTERVAL_MS 100
#define N_SAMPLES 11 /* of the last second */

/**
 * GpMeterStage:
 *
 * A stage that passes its input on as it is, and counts it.
 *
 * Bind [property@MeterStage:fraction] to a progress bar, or watch [property@MeterStage:bytes] and
 * [property@MeterStage:rate]. They are notified in the main context in which the pipeline was
 * started: at most ten times a second, and once more when all has been passed on, before anybody
 * can see that the stage has ended. Their values can be read in any thread.
 *
 * Since: 0.1
 */

typedef struct
{
  gint64  time; /* microseconds, monotonic */
  guint64 bytes;
} Sample;

/* What a stage has counted.
 *
 *   idle ⇄ ticking → over
 *
 * It ticks while data come, and until nothing did for a second: the first data after that start a
 * new timer. So nothing wakes up for a stage that waits.
 *
 * The stage holds it, and so does the timer, which must not hold the stage: the last reference on
 * that is not for the engine's thread to drop. Its own thread holds the stage, and says so by
 * @stage while it copies. */
typedef struct
{
  gatomicrefcount  ref_count;

  GMutex           lock;
  guint64          bytes;
  guint64          rate;
  guint64          total;

  GpMeterStage    *stage; /* not owned; NULL before and after the copy */
  GpRun           *run;   /* owned; the same */
  GSource         *timer; /* NULL: idle */
  Sample           samples[N_SAMPLES];
  guint            n_samples;
  gboolean         notifying; /* a call is queued */

  /* What was notified last */
  guint64          told_bytes;
  guint64          told_rate;
  double           told_fraction;
} Meter;

struct _GpMeterStage
{
  GpThreadStage  parent_instance;

  Meter         *meter;
};

enum
{
  PROP_0,
  PROP_BYTES,
  PROP_RATE,
  PROP_TOTAL,
  PROP_FRACTION,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (GpMeterStage, gp_meter_stage, GP_TYPE_THREAD_STAGE)

static Meter *
meter_new (void)
{
  Meter *self = g_new0 (Meter, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);

  return self;
}

static Meter *
meter_ref (Meter *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

static void
meter_unref (gpointer data)
{
  Meter *self = data;

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_mutex_clear (&self->lock);
  g_free (self);
}

/* With the lock held */
static double
get_fraction (Meter *self)
{
  return self->total > 0 ? MIN ((double) self->bytes / self->total, 1.0) : 0.0;
}

/* In the home context */
static void
notify_cb (gpointer data)
{
  g_autoptr (GpMeterStage) stage = data;
  Meter *self = stage->meter;
  gboolean bytes, rate, fraction;

  g_mutex_lock (&self->lock);
  bytes = self->told_bytes != self->bytes;
  rate = self->told_rate != self->rate;
  fraction = self->told_fraction != get_fraction (self);
  self->told_bytes = self->bytes;
  self->told_rate = self->rate;
  self->told_fraction = get_fraction (self);
  self->notifying = FALSE;
  g_mutex_unlock (&self->lock);

  if (bytes)
    g_object_notify_by_pspec (G_OBJECT (stage), props[PROP_BYTES]);
  if (rate)
    g_object_notify_by_pspec (G_OBJECT (stage), props[PROP_RATE]);
  if (fraction)
    g_object_notify_by_pspec (G_OBJECT (stage), props[PROP_FRACTION]);
}

/* With the lock held, while the stage copies. A home that is busy gets one call and no more, and one
 * that has given the stage up none. */
static void
queue_notify (Meter *self)
{
  if (self->notifying || gp_run_is_ended (self->run))
    return;

  self->notifying = TRUE;
  gp_callback_queue_push (gp_run_get_queue (self->run), notify_cb, g_object_ref (self->stage));
}

/* With the lock held */
static void
add_sample (Meter *self)
{
  if (self->n_samples == N_SAMPLES)
    memmove (self->samples, self->samples + 1, --self->n_samples * sizeof (Sample));

  self->samples[self->n_samples++] = (Sample) { g_get_monotonic_time (), self->bytes };
}

/* With the lock held */
static void
measure (Meter *self)
{
  const Sample *first = self->samples;
  const Sample *last;
  gint64 elapsed;

  add_sample (self);
  last = &self->samples[self->n_samples - 1];
  elapsed = MAX (last->time - first->time, 1);
  self->rate = (double) (last->bytes - first->bytes) * G_TIME_SPAN_SECOND / elapsed;
}

static void tick_cb (gpointer data);

/* With the lock held */
static void
set_timer (Meter *self)
{
  self->timer = gp_engine_add_timeout (INTERVAL_MS, tick_cb, meter_ref (self), meter_unref);
}

static void
tick_cb (gpointer data)
{
  Meter *self = data;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->stage == NULL)
    return;

  g_clear_pointer (&self->timer, g_source_unref);
  measure (self);
  queue_notify (self);
  if (self->rate > 0)
    set_timer (self);
}

static void
meter_begin (Meter          *self,
             GpMeterStage   *stage,
             GpStageContext *context)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->stage = stage;
  self->run = gp_run_ref (gp_stage_context_get_run (context));
}

static void
meter_add (Meter *self,
           gsize  n)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->timer == NULL)
    {
      self->n_samples = 0;
      add_sample (self);
      set_timer (self);
    }
  self->bytes += n;
}

/* What is queued here comes before the end of the stage. */
static void
meter_end (Meter *self)
{
  g_autoptr (GpRun) run = NULL;

  g_mutex_lock (&self->lock);
  if (self->timer != NULL)
    {
      gp_engine_clear_source (&self->timer);
      measure (self);
      queue_notify (self);
    }
  self->stage = NULL;
  run = g_steal_pointer (&self->run);
  g_mutex_unlock (&self->lock);
}

static gboolean
copy (Meter          *meter,
      GInputStream   *input,
      GOutputStream  *output,
      GCancellable   *cancellable,
      GError        **error)
{
  g_autofree guint8 *buffer = g_malloc (BUFFER_SIZE);

  for (;;)
    {
      gsize n_written = 0;
      gboolean written;
      gssize n = g_input_stream_read (input, buffer, BUFFER_SIZE, cancellable, error);

      if (n < 0)
        return FALSE;
      if (n == 0)
        return g_output_stream_flush (output, cancellable, error);

      written = g_output_stream_write_all (output, buffer, n, &n_written, cancellable, error);
      if (n_written > 0)
        meter_add (meter, n_written);
      if (!written)
        return FALSE;
    }
}

static gboolean
gp_meter_stage_process (GpThreadStage   *stage,
                        GpStageContext  *context,
                        GCancellable    *cancellable,
                        GError         **error)
{
  GpMeterStage *self = GP_METER_STAGE (stage);
  GInputStream *context_input = gp_stage_context_get_stdin (context);
  GOutputStream *context_output = gp_stage_context_get_stdout (context);
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  gboolean success;

  input = context_input != NULL ? g_object_ref (context_input) : g_memory_input_stream_new ();
  output = context_output != NULL ? g_object_ref (context_output) : gp_collector_new_sink ();

  meter_begin (self->meter, self, context);
  success = copy (self->meter, input, output, cancellable, error);
  meter_end (self->meter);

  return success;
}

static void
gp_meter_stage_get_property (GObject    *object,
                             guint       prop_id,
                             GValue     *value,
                             GParamSpec *pspec)
{
  GpMeterStage *self = GP_METER_STAGE (object);

  switch (prop_id)
    {
    case PROP_BYTES:
      g_value_set_uint64 (value, gp_meter_stage_get_bytes (self));
      break;
    case PROP_RATE:
      g_value_set_uint64 (value, gp_meter_stage_get_rate (self));
      break;
    case PROP_TOTAL:
      g_value_set_uint64 (value, gp_meter_stage_get_total (self));
      break;
    case PROP_FRACTION:
      g_value_set_double (value, gp_meter_stage_get_fraction (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_meter_stage_set_property (GObject      *object,
                             guint         prop_id,
                             const GValue *value,
                             GParamSpec   *pspec)
{
  GpMeterStage *self = GP_METER_STAGE (object);

  switch (prop_id)
    {
    case PROP_TOTAL:
      gp_meter_stage_set_total (self, g_value_get_uint64 (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
gp_meter_stage_finalize (GObject *object)
{
  GpMeterStage *self = GP_METER_STAGE (object);

  meter_unref (self->meter);

  G_OBJECT_CLASS (gp_meter_stage_parent_class)->finalize (object);
}

static void
gp_meter_stage_class_init (GpMeterStageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GpThreadStageClass *thread_stage_class = GP_THREAD_STAGE_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = gp_meter_stage_get_property;
  object_class->set_property = gp_meter_stage_set_property;
  object_class->finalize = gp_meter_stage_finalize;
  thread_stage_class->process = gp_meter_stage_process;

  /**
   * GpMeterStage:bytes: (getter get_bytes)
   *
   * How many bytes were passed on.
   *
   * Since: 0.1
   */
  props[PROP_BYTES] = g_param_spec_uint64 ("bytes", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * GpMeterStage:rate: (getter get_rate)
   *
   * How many bytes were passed on per second, over the last second; after the end, the last
   * one before it.
   *
   * Since: 0.1
   */
  props[PROP_RATE] = g_param_spec_uint64 ("rate", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * GpMeterStage:total: (getter get_total) (setter set_total)
   *
   * How many bytes are expected; 0: nobody knows.
   *
   * Since: 0.1
   */
  props[PROP_TOTAL] = g_param_spec_uint64 ("total", NULL, NULL, 0, G_MAXUINT64, 0,
                                           flags | G_PARAM_WRITABLE);

  /**
   * GpMeterStage:fraction: (getter get_fraction)
   *
   * Which part of the expected bytes was passed on, from 0 to 1; 0 if it is not known how many are
   * expected.
   *
   * Since: 0.1
   */
  props[PROP_FRACTION] = g_param_spec_double ("fraction", NULL, NULL, 0.0, 1.0, 0.0, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
gp_meter_stage_init (GpMeterStage *self)
{
  self->meter = meter_new ();
}

/**
 * gp_meter_stage_new:
 * @name: (nullable): the name for errors and pictures; `NULL` for "meter"
 * @total: how many bytes are expected; 0 if nobody knows
 *
 * Makes a stage that counts what it passes on.
 *
 * Returns: (transfer full): a new stage
 *
 * Since: 0.1
 */
GpMeterStage *
gp_meter_stage_new (const char *name,
                    guint64     total)
{
  return g_object_new (GP_TYPE_METER_STAGE,
                       "name", name != NULL ? name : "meter",
                       "total", total,
                       NULL);
}

/**
 * gp_meter_stage_get_bytes: (get-property bytes)
 * @self: a meter
 *
 * Gets how many bytes were passed on.
 *
 * Returns: bytes
 *
 * Since: 0.1
 */
guint64
gp_meter_stage_get_bytes (GpMeterStage *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_METER_STAGE (self), 0);

  locker = g_mutex_locker_new (&self->meter->lock);

  return self->meter->bytes;
}

/**
 * gp_meter_stage_get_rate: (get-property rate)
 * @self: a meter
 *
 * Gets how fast bytes were passed on in the last second.
 *
 * Returns: bytes per second
 *
 * Since: 0.1
 */
guint64
gp_meter_stage_get_rate (GpMeterStage *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_METER_STAGE (self), 0);

  locker = g_mutex_locker_new (&self->meter->lock);

  return self->meter->rate;
}

/**
 * gp_meter_stage_get_total: (get-property total)
 * @self: a meter
 *
 * Gets how many bytes are expected.
 *
 * Returns: bytes, or 0 if nobody knows
 *
 * Since: 0.1
 */
guint64
gp_meter_stage_get_total (GpMeterStage *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_METER_STAGE (self), 0);

  locker = g_mutex_locker_new (&self->meter->lock);

  return self->meter->total;
}

/**
 * gp_meter_stage_set_total: (set-property total)
 * @self: a meter
 * @total: bytes, or 0 if nobody knows
 *
 * Sets how many bytes are expected.
 *
 * That may become known at any time, so it may be set while the pipeline runs as well.
 *
 * Since: 0.1
 */
void
gp_meter_stage_set_total (GpMeterStage *self,
                          guint64       total)
{
  Meter *meter;
  gboolean changed, fraction_changed;

  g_return_if_fail (GP_IS_METER_STAGE (self));

  meter = self->meter;
  g_mutex_lock (&meter->lock);
  changed = meter->total != total;
  meter->total = total;
  fraction_changed = meter->told_fraction != get_fraction (meter);
  meter->told_fraction = get_fraction (meter);
  g_mutex_unlock (&meter->lock);

  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_TOTAL]);
  if (fraction_changed)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FRACTION]);
}

/**
 * gp_meter_stage_get_fraction: (get-property fraction)
 * @self: a meter
 *
 * Gets which part of the expected bytes was passed on.
 *
 * Returns: a number from 0 to 1; 0 if it is not known how many bytes are expected
 *
 * Since: 0.1
 */
double
gp_meter_stage_get_fraction (GpMeterStage *self)
{
  g_autoptr (GMutexLocker) locker = NULL;

  g_return_val_if_fail (GP_IS_METER_STAGE (self), 0);

  locker = g_mutex_locker_new (&self->meter->lock);

  return get_fraction (self->meter);
}
