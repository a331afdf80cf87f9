/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

/* What was notified, and where */
typedef struct
{
  GThread *thread;
  guint    n_elsewhere;
  guint    n_bytes;
  guint    n_rate;
  guint    n_total;
  guint    n_fraction;
  guint64  last_bytes;
  guint64  last_rate;
  double   last_fraction;
  gboolean went_back;
} Watch;

static void
notify_cb (GObject    *object,
           GParamSpec *pspec,
           gpointer    data)
{
  GpMeterStage *meter = GP_METER_STAGE (object);
  Watch *watch = data;

  if (watch->thread != g_thread_self ())
    watch->n_elsewhere++;
  if (g_str_equal (pspec->name, "bytes"))
    {
      watch->n_bytes++;
      watch->went_back |= gp_meter_stage_get_bytes (meter) < watch->last_bytes;
      watch->last_bytes = gp_meter_stage_get_bytes (meter);
    }
  else if (g_str_equal (pspec->name, "rate"))
    {
      watch->n_rate++;
      watch->last_rate = gp_meter_stage_get_rate (meter);
    }
  else if (g_str_equal (pspec->name, "total"))
    watch->n_total++;
  else
    {
      watch->n_fraction++;
      watch->last_fraction = gp_meter_stage_get_fraction (meter);
    }
}

/* (transfer none): belongs to the pipeline */
static GpMeterStage *
append_meter (GpPipeline *pipeline,
              guint64     total,
              Watch      *watch)
{
  GpMeterStage *meter = gp_test_watch (gp_meter_stage_new (NULL, total));

  *watch = (Watch) { .thread = g_thread_self () };
  g_signal_connect (meter, "notify", G_CALLBACK (notify_cb), watch);
  gp_pipeline_append (pipeline, GP_STAGE (meter));
  return meter;
}

static void
run_copy (const char *places,
          guint64     size,
          gboolean    synchronously)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) source = gp_test_source_new (size, FALSE);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;
  GpMeterStage *meter = NULL;
  gint64 time;
  Watch watch;

  for (const char *p = places; *p != '\0'; p++)
    if (*p == 'c')
      gp_test_add_child (pipeline, "cat", NULL);
    else
      meter = append_meter (pipeline, size, &watch);
  gp_pipeline_set_stdin (pipeline, source);
  gp_pipeline_set_stdout (pipeline, sink);
  time = g_get_monotonic_time ();
  if (synchronously)
    gp_pipeline_run (pipeline, NULL, &error);
  else
    gp_test_run_pipeline (pipeline, NULL, &error);
  time = g_get_monotonic_time () - time;
  g_assert_no_error (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, size);
  g_assert_cmpuint (gp_meter_stage_get_bytes (meter), ==, size);
  /* All was told before the end. */
  g_assert_cmpuint (watch.last_bytes, ==, size);
  g_assert_cmpfloat (watch.last_fraction, ==, size > 0 ? 1.0 : 0.0);
  g_assert_cmpuint (watch.last_rate, ==, gp_meter_stage_get_rate (meter));
  g_assert_true (size == 0 || watch.last_rate > 0);
  g_assert_cmpuint (watch.n_bytes, >=, size > 0 ? 1 : 0);
  g_assert_cmpuint (watch.n_bytes, <=, time / (100 * G_TIME_SPAN_MILLISECOND) + 1);
  g_assert_cmpuint (watch.n_elsewhere, ==, 0);
  g_assert_false (watch.went_back);
}

static void
test_copy (gconstpointer data)
{
  run_copy (data, gp_test_is_thorough () ? 1000000001 : 10000001, FALSE);
  run_copy (data, 10000001, TRUE);
  run_copy (data, 0, FALSE);
}

/* A flow that a test opens and closes */
typedef struct
{
  GpPipeline    *pipeline;
  GOutputStream *input;
  GpMeterStage  *meter;
  Watch          watch;
} Flow;

static void
flow_init (Flow    *self,
           guint64  total)
{
  self->pipeline = gp_test_pipeline_new ();
  self->meter = append_meter (self->pipeline, total, &self->watch);
  self->input = gp_pipeline_open_input (self->pipeline, NULL);
  g_assert_true (gp_test_start (self->pipeline, NULL, NULL));
}

static void
flow_write (Flow  *self,
            gsize  n)
{
  g_autofree char *data = g_malloc0 (n);

  g_assert_true (g_output_stream_write_all (self->input, data, n, NULL, NULL, NULL));
}

static void
flow_clear (Flow *self)
{
  g_output_stream_close (self->input, NULL, NULL);
  g_assert_true (gp_test_wait (self->pipeline, NULL));
  g_object_unref (self->input);
  g_object_unref (self->pipeline);
}

static gboolean
has_told_bytes (gpointer data)
{
  Flow *self = data;

  return self->watch.last_bytes == 1000;
}

static gboolean
has_told_stop (gpointer data)
{
  Flow *self = data;

  return self->watch.n_rate > 1 && self->watch.last_rate == 0;
}

/* What was passed on is told while more is awaited, and that nothing comes any more, too. */
static void
test_stall (void)
{
  double elapsed;
  gint64 start;
  Flow flow;

  flow_init (&flow, 4000);
  g_assert_cmpfloat (gp_meter_stage_get_fraction (flow.meter), ==, 0.0);
  flow_write (&flow, 1000);
  gp_test_wait_until ("the bytes to be told", has_told_bytes, &flow);
  g_assert_cmpfloat (flow.watch.last_fraction, ==, 0.25);
  g_assert_cmpuint (flow.watch.last_rate, >, 0);
  gp_test_wait_until ("the rate to fall to nothing", has_told_stop, &flow);
  g_assert_cmpuint (flow.watch.n_bytes, ==, 1);
  g_assert_cmpuint (flow.watch.n_fraction, ==, 1);

  /* It goes on, and its first rate is not that of the pause. */
  start = g_get_monotonic_time ();
  flow_write (&flow, 1000000);
  while (flow.watch.last_bytes < 1001000)
    g_main_context_iteration (NULL, TRUE);
  elapsed = (double) (g_get_monotonic_time () - start) / G_TIME_SPAN_SECOND;
  g_assert_cmpfloat (gp_meter_stage_get_rate (flow.meter) * elapsed, >, 900000);
  flow_clear (&flow);
  g_assert_cmpuint (flow.watch.last_bytes, ==, 1001000);
  g_assert_cmpfloat (flow.watch.last_fraction, ==, 1.0);
}

static void
test_total (void)
{
  Flow flow;

  flow_init (&flow, 0);
  g_assert_cmpuint (gp_meter_stage_get_total (flow.meter), ==, 0);
  flow_write (&flow, 1000);
  gp_test_wait_until ("the bytes to be told", has_told_bytes, &flow);
  g_assert_cmpuint (flow.watch.n_fraction, ==, 0);
  gp_meter_stage_set_total (flow.meter, 2000);
  g_assert_cmpuint (flow.watch.n_total, ==, 1);
  g_assert_cmpuint (flow.watch.n_fraction, ==, 1);
  g_assert_cmpfloat (flow.watch.last_fraction, ==, 0.5);
  gp_meter_stage_set_total (flow.meter, 2000);
  g_assert_cmpuint (flow.watch.n_total, ==, 1);
  g_object_set (flow.meter, "total", G_GUINT64_CONSTANT (500), NULL);
  g_assert_cmpfloat (flow.watch.last_fraction, ==, 1.0);
  g_assert_cmpuint (flow.watch.n_fraction, ==, 2);
  flow_clear (&flow);
}

/* A home that is busy is told once, and not for each tenth of a second. */
static void
test_busy_home (void)
{
  gint64 until = g_get_monotonic_time () + 500 * G_TIME_SPAN_MILLISECOND;
  Flow flow;

  flow_init (&flow, 0);
  while (g_get_monotonic_time () < until)
    flow_write (&flow, 1000);
  g_assert_cmpuint (flow.watch.n_bytes, ==, 0);
  flow_clear (&flow);
  g_assert_cmpuint (flow.watch.n_bytes, >=, 1);
  g_assert_cmpuint (flow.watch.n_bytes, <=, 3);
  g_assert_cmpuint (flow.watch.n_elsewhere, ==, 0);
}

static void
test_no_ends (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpMeterStage *meter;
  g_autofree char *name = NULL;
  guint64 bytes, rate, total;
  double fraction;
  Watch watch;

  meter = append_meter (pipeline, 10, &watch);
  name = gp_stage_get_name (GP_STAGE (meter));
  g_assert_cmpstr (name, ==, "meter");
  g_assert_true (gp_pipeline_run (pipeline, NULL, NULL));
  g_object_get (meter, "bytes", &bytes, "rate", &rate, "total", &total, "fraction", &fraction, NULL);
  g_assert_cmpuint (bytes, ==, 0);
  g_assert_cmpuint (rate, ==, 0);
  g_assert_cmpuint (total, ==, 10);
  g_assert_cmpfloat (fraction, ==, 0.0);
}

/* What is written into a buffer arrives, although nobody closes that. */
static void
test_flush (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) source = gp_test_source_new (5, FALSE);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new (sink);
  Watch watch;

  append_meter (pipeline, 0, &watch);
  gp_pipeline_set_stdin (pipeline, source);
  gp_pipeline_set_stdout (pipeline, buffered);
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 5);
}

/* Its output fails after some bytes: it has counted what was passed on. */
static void
test_output_fails (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GInputStream) source = gp_test_source_new (1000000, FALSE);
  g_autoptr (GOutputStream) sink = NULL;
  g_autoptr (GError) error = NULL;
  GpMeterStage *meter;
  Watch watch;

  sink = gp_test_sink_new (400000, g_error_new (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "full"));
  meter = append_meter (pipeline, 0, &watch);
  gp_pipeline_set_stdin (pipeline, source);
  gp_pipeline_set_stdout (pipeline, sink);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_cmpuint (gp_meter_stage_get_bytes (meter), ==, gp_test_sink_get_n_bytes (sink));
  g_assert_cmpuint (watch.last_bytes, ==, 400000);
}

static void
test_pipe_error (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GError) error = NULL;
  Watch watch;

  gp_test_add_child (pipeline, "spew", "100000000", NULL);
  append_meter (pipeline, 0, &watch);
  gp_test_add_probe (pipeline, "early", GP_TEST_END_FINISH_EARLY);
  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

static void
test_cancel (void)
{
  g_autoptr (GError) error = NULL;
  Flow flow;

  flow_init (&flow, 0);
  flow_write (&flow, 1000);
  gp_pipeline_cancel (flow.pipeline);
  g_assert_false (gp_test_wait (flow.pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_object_unref (flow.input);
  g_object_unref (flow.pipeline);
}

/* The last reference is dropped while the timer may tick: many times, to meet it */
static void
test_many (void)
{
  guint n = gp_test_is_thorough () ? 2000 : 100;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      Watch watch;

      gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text ("text")));
      append_meter (pipeline, 4, &watch);
      append_meter (pipeline, 4, &watch);
      g_assert_true (gp_pipeline_run (pipeline, NULL, NULL));
      g_assert_cmpuint (watch.last_bytes, ==, 4);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);

  gp_test_add_data ("/meter-stage/copy/alone", "m", test_copy);
  gp_test_add_data ("/meter-stage/copy/between-commands", "cmc", test_copy);
  gp_test_add_data ("/meter-stage/copy/last", "cm", test_copy);
  gp_test_add ("/meter-stage/stall", test_stall);
  gp_test_add ("/meter-stage/total", test_total);
  gp_test_add ("/meter-stage/busy-home", test_busy_home);
  gp_test_add ("/meter-stage/no-ends", test_no_ends);
  gp_test_add ("/meter-stage/flush", test_flush);
  gp_test_add ("/meter-stage/output-fails", test_output_fails);
  gp_test_add ("/meter-stage/pipe-error", test_pipe_error);
  gp_test_add ("/meter-stage/cancel", test_cancel);
  gp_test_add ("/meter-stage/many", test_many);

  return gp_test_run ();
}
