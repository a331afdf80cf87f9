/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-gates.h"
#include "gp-test-stages.h"
#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* With few descriptors left, a pipeline works or says that it cannot, but never ends the program
 * and never loses data in silence. All is done in programs of its own, as some of it ends GLib's. */

/* More than a pipeline of three stages ever needs at once */
#define N_DESCRIPTORS 60

static struct rlimit full_limit;

static void
set_limit (rlim_t n)
{
  struct rlimit limit = { n, full_limit.rlim_max };

  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
}

static void
reset_limit (void)
{
  set_limit (full_limit.rlim_cur);
}

/* From now on there is no descriptor below this one to be had */
static int
first_free_fd (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  return fd;
}

/* Runs the test case once more in a program of its own; TRUE: this is that program */
static gboolean
be_subprocess (void)
{
  if (g_test_subprocess ())
    {
      g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &full_limit), ==, 0);
      return TRUE;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
  return FALSE;
}

typedef struct
{
  const char *path;
  const char *kinds;
  gboolean    synchronous;
} Row;

static const Row rows[] = {
  { "commands", "cc", FALSE },
  { "commands-synchronous", "cc", TRUE },
  { "functions", "ff", FALSE },
  { "mixed", "cfc", FALSE },
  { "mixed-synchronous", "fcf", TRUE },
  { "nested", "cn", FALSE },
};

static gboolean
is_fd_free (gpointer data)
{
  return first_free_fd () <= *(int *) data;
}

static void
assert_too_many (const GError *error)
{
  g_assert_nonnull (error);
  gp_test_assert_contains (error->message, g_strerror (EMFILE));
}

/* Whether it has worked with a limit of @n more than what is in use */
static gboolean
run_with (const Row *row,
          int        base,
          int        n)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier (row->kinds);
  g_autoptr (GInputStream) input = gp_test_source_new (300000, FALSE);
  g_autoptr (GOutputStream) output = gp_test_sink_new (G_MAXUINT64, NULL);
  g_autoptr (GError) error = NULL;
  gboolean success;

  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  set_limit (base + n);
  success = row->synchronous ? gp_pipeline_run (pipeline, NULL, &error)
                             : gp_test_run_pipeline (pipeline, NULL, &error);
  reset_limit ();
  if (success)
    g_assert_cmpuint (gp_test_sink_get_n_bytes (output), ==, 300000);
  else
    assert_too_many (error);

  /* What this run had must be free for the next one */
  g_clear_object (&pipeline);
  gp_test_wait_busy_threads ();
  gp_test_wait_until ("the descriptors to be closed", is_fd_free, &base);
  return success;
}

static void
test_every_limit (gconstpointer data)
{
  const Row *row = data;
  int base;

  if (!be_subprocess ())
    return;

  /* It works only as long as something that was there before goes */
  do
    base = first_free_fd ();
  while (run_with (row, base, 0));
  for (int n = 1; n < N_DESCRIPTORS; n++)
    run_with (row, base, n);
  g_assert_true (run_with (row, base, N_DESCRIPTORS));
}

/* A stream that sees to it that there are no more descriptors while it is read or written, and
 * remembers by which thread */
typedef struct
{
  const char *name;      /* of the pump's thread, which may soon have other work and another one */
  int         thread_fd; /* atomic: where it says so; -1 until then */
  guint       n_spared;  /* calls before: while a command is started, others still close theirs */
  int         n_calls;   /* atomic */
} Robber;

/* Once only */
static void
rob (Robber *self)
{
  int fd;

  g_atomic_int_inc (&self->n_calls);
  if (g_atomic_int_get (&self->thread_fd) >= 0 || self->n_spared-- > 0)
    return;

  fd = open ("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  set_limit (first_free_fd ());
  g_atomic_int_set (&self->thread_fd, fd);
}

/* Whether the pump has ended */
static gboolean
has_given_up (gpointer data)
{
  Robber *self = data;
  int fd = g_atomic_int_get (&self->thread_fd);
  char name[32] = "";

  if (fd < 0)
    return FALSE;
  g_assert_cmpint (pread (fd, name, sizeof name - 1, 0), >, 0);
  return !g_str_equal (name, self->name);
}

#define TEST_TYPE_ROBBING_INPUT (robbing_input_get_type ())
G_DECLARE_FINAL_TYPE (RobbingInput, robbing_input, TEST, ROBBING_INPUT, GFilterInputStream)

struct _RobbingInput
{
  GFilterInputStream parent_instance;

  Robber *robber; /* the test's */
};

G_DEFINE_FINAL_TYPE (RobbingInput, robbing_input, G_TYPE_FILTER_INPUT_STREAM)

static gssize
robbing_input_read (GInputStream  *stream,
                    void          *buffer,
                    gsize          count,
                    GCancellable  *cancellable,
                    GError       **error)
{
  /* Of what is spared there is so little that writing it needs no wait: the first one takes what all need. */
  if (TEST_ROBBING_INPUT (stream)->robber->n_spared > 0)
    count = 1;
  rob (TEST_ROBBING_INPUT (stream)->robber);
  return G_INPUT_STREAM_CLASS (robbing_input_parent_class)
    ->read_fn (stream, buffer, count, cancellable, error);
}

static void
robbing_input_class_init (RobbingInputClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = robbing_input_read;
}

static void
robbing_input_init (RobbingInput *self)
{
}

static GInputStream *
robbing_input_new (GInputStream *base,
                   Robber       *robber)
{
  RobbingInput *self =
    gp_test_watch (g_object_new (TEST_TYPE_ROBBING_INPUT, "base-stream", base, NULL));

  self->robber = robber;
  return G_INPUT_STREAM (self);
}

#define TEST_TYPE_ROBBING_OUTPUT (robbing_output_get_type ())
G_DECLARE_FINAL_TYPE (RobbingOutput, robbing_output, TEST, ROBBING_OUTPUT, GFilterOutputStream)

struct _RobbingOutput
{
  GFilterOutputStream parent_instance;

  Robber *robber; /* the test's */
};

G_DEFINE_FINAL_TYPE (RobbingOutput, robbing_output, G_TYPE_FILTER_OUTPUT_STREAM)

static gssize
robbing_output_write (GOutputStream  *stream,
                      const void     *buffer,
                      gsize           count,
                      GCancellable   *cancellable,
                      GError        **error)
{
  rob (TEST_ROBBING_OUTPUT (stream)->robber);
  return G_OUTPUT_STREAM_CLASS (robbing_output_parent_class)
    ->write_fn (stream, buffer, count, cancellable, error);
}

static void
robbing_output_class_init (RobbingOutputClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = robbing_output_write;
}

static void
robbing_output_init (RobbingOutput *self)
{
}

static GOutputStream *
robbing_output_new (GOutputStream *base,
                    Robber        *robber)
{
  RobbingOutput *self =
    gp_test_watch (g_object_new (TEST_TYPE_ROBBING_OUTPUT, "base-stream", base, NULL));

  self->robber = robber;
  return G_OUTPUT_STREAM (self);
}

/* The command takes little for a while, so that the pump that feeds it must wait, and cannot. What
 * the command makes of the beginning of its input looks like success. */
static void
run_pump_in (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("c");
  g_autoptr (GInputStream) source = gp_test_source_new (100 * 1024 * 1024, FALSE);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  Robber robber = { "gp:stdin\n", -1, 1, 0 };
  g_autoptr (GInputStream) input = robbing_input_new (source, &robber);
  g_autoptr (GOutputStream) output = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GpTestGate) gate;

  gp_test_gate_init (&gate);
  output = gp_test_gated_output_new (sink, &gate, NULL);
  gp_pipeline_set_stdin (pipeline, input);
  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  gp_test_wait_until ("the pump to give up", has_given_up, &robber);
  reset_limit ();
  close (robber.thread_fd);
  gp_test_gate_open (&gate);
  gp_test_await ("the run", &result);
  g_assert_false (gp_pipeline_run_finish (pipeline, result, &error));
  assert_too_many (error);
  g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), <, 100 * 1024 * 1024);
}

static gboolean
is_decided (gpointer data)
{
  Robber *self = data;

  return g_atomic_int_get (&self->n_calls) == 2 || has_given_up (self);
}

static gboolean
was_robbed (gpointer data)
{
  return g_atomic_int_get (&((Robber *) data)->thread_fd) >= 0;
}

/* Fed by the test, so that the pump at the other end of the command must wait for more. It can if it
 * has waited before, which nobody knows. */
static void
run_pump_out (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_new_copier ("c");
  g_autoptr (GOutputStream) feed = gp_pipeline_open_input (pipeline, NULL);
  g_autoptr (GOutputStream) sink = gp_test_sink_new (G_MAXUINT64, NULL);
  Robber robber = { "gp:stdout\n", -1, 0, 0 };
  g_autoptr (GOutputStream) output = robbing_output_new (sink, &robber);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_set_stdout (pipeline, output);
  gp_pipeline_run_async (pipeline, NULL, gp_test_result_cb, &result);
  g_assert_true (g_output_stream_write_all (feed, "x", 1, NULL, NULL, NULL));
  gp_test_wait_until ("the robbery", was_robbed, &robber);
  g_assert_true (g_output_stream_write_all (feed, "y", 1, NULL, NULL, NULL));
  gp_test_wait_until ("the pump to give up or go on", is_decided, &robber);
  reset_limit ();
  close (robber.thread_fd);
  g_assert_true (g_output_stream_close (feed, NULL, NULL));
  gp_test_await ("the run", &result);
  if (gp_pipeline_run_finish (pipeline, result, &error))
    g_assert_cmpuint (gp_test_sink_get_n_bytes (sink), ==, 2);
  else
    assert_too_many (error);
}

static void
test_pump_in (void)
{
  if (be_subprocess ())
    run_pump_in ();
}

static void
test_pump_out (void)
{
  if (be_subprocess ())
    run_pump_out ();
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/scarcity/every-limit/%s", rows[i].path);

      gp_test_add_data (path, &rows[i], test_every_limit);
    }
  gp_test_add ("/scarcity/pump-in", test_pump_in);
  gp_test_add ("/scarcity/pump-out", test_pump_out);
  return gp_test_run ();
}
