/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-bench-bare.h"
#include "gp-bench-gio.h"
#include "gp-bench-helper.h"
#include "gp-bench-libpipeline.h"

#include <string.h>
#include <unistd.h>

#define N_STAGES 10
#define RING_SIZE (1024 * 1024)
#define RING_SIZE_OF_LITTLE (64 * 1024)

/* Functions among themselves, and in turn with commands. */

static const char * const echo_argv[] = { "/bin/echo", "hello", NULL };
static const char * const cat_argv[] = { "/bin/cat", NULL };

/* Ten hand-offs: from here to the first of nine threads, and so on, and back. */
static double
bare_funcs10 (guint64 size)
{
  static BareHand *hands;
  char text[8];

  if (hands == NULL)
    hands = bare_hands_new (N_STAGES);
  bare_hand_over (&hands[0], "hello\n\0");
  bare_hand_take (&hands[N_STAGES - 1], text);
  bench_check (g_str_equal (text, "hello\n"), "output");

  return BENCH_WHOLE;
}

/* A thread that copies from ring to ring each time it is told to */
typedef struct
{
  BareHand job;
  BareRing *input; /* NULL: it writes the text */
  BareRing *output;
} Copier;

static void *
copier_thread (void *data)
{
  Copier *self = data;
  char text[8];

  for (;;)
    {
      gsize size = strlen ("hello\n");

      bare_hand_take (&self->job, text);
      if (self->input == NULL)
        bare_ring_write (self->output, text, size);
      else
        while ((size = bare_ring_read (self->input, text, sizeof text)) > 0)
          bare_ring_write (self->output, text, size);
      bare_ring_close (self->output);
    }

  return NULL;
}

static Copier *
copiers_new (void)
{
  Copier *self = g_new0 (Copier, N_STAGES);

  for (guint i = 0; i < N_STAGES; i++)
    {
      bare_hand_init (&self[i].job);
      pthread_detach (bare_start_thread (copier_thread, &self[i]));
    }

  return self;
}

/* Beside the stage: its status, its context and two streams */
#define N_OTHER_OBJECTS 4

/* A pipeline after all: ten functions are told to begin, in threads that exist, have rings between them
 * that were made for them, and end one after the other. For each there are as many objects as one can
 * get hold of, though they do nothing. */
static double
threads_funcs10 (guint64 size)
{
  static Copier *copiers;
  g_autoptr (GPtrArray) objects = g_ptr_array_new_with_free_func (g_object_unref);
  char text[8] = "";
  gsize length = 0;
  gsize n_read;

  if (copiers == NULL)
    copiers = copiers_new ();
  for (guint i = 0; i < N_STAGES; i++)
    {
      g_ptr_array_add (objects, stage_copy ());
      for (guint j = 0; j < N_OTHER_OBJECTS; j++)
        g_ptr_array_add (objects, g_object_new (G_TYPE_OBJECT, NULL));
      copiers[i].input = i > 0 ? copiers[i - 1].output : NULL;
      copiers[i].output = bare_ring_new (RING_SIZE_OF_LITTLE);
      bare_hand_over (&copiers[i].job, "hello\n\0");
    }
  while ((n_read = bare_ring_read (copiers[N_STAGES - 1].output, text + length, sizeof text - length)) > 0)
    length += n_read;
  bench_check (g_str_equal (text, "hello\n"), "output");
  for (guint i = 0; i < N_STAGES; i++)
    bare_ring_free (copiers[i].output);

  return BENCH_WHOLE;
}

static void
run_and_check (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = gp_pipeline_communicate_utf8 (pipeline, NULL, NULL, &error);

  bench_check_error (error);
  bench_check (g_str_equal (text, "hello\n"), "output");
}

static double
gopipe_funcs10 (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (gp_bytes_stage_new_text ("hello\n")));
  for (guint i = 1; i < N_STAGES; i++)
    gp_pipeline_append (pipeline, stage_copy ());
  run_and_check (pipeline);

  return BENCH_WHOLE;
}

/* The last copy goes to memory. */
static double
bare_mixed10 (guint64 size)
{
  BareCopy copies[N_STAGES / 2 - 1];
  pid_t pids[N_STAGES / 2];
  int input = -1;

  for (guint i = 0; i < N_STAGES - 1; i++)
    {
      int next, output;

      bare_pipe (&next, &output);
      if (i % 2 == 0)
        pids[i / 2] = bare_spawn (i == 0 ? echo_argv : cat_argv, input, output);
      else
        bare_copy_start (&copies[i / 2], input, output);
      input = next;
    }
  bare_check_hello (input);

  for (guint i = 0; i < G_N_ELEMENTS (copies); i++)
    bare_copy_join (&copies[i]);
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    bare_wait (pids[i]);

  return BENCH_WHOLE;
}

/* The command at @index, which reads *@input, and what it is copied to leaves there; the copy is still to
 * be started. */
static HelperChild
launch_with_copy (guint        index,
                  int         *input,
                  BareCopy    *copy,
                  HelperFlags  flags)
{
  HelperChild child;
  int output;

  bare_pipe (&copy->input, &output);
  child = helper_launch (index == 0 ? echo_argv : cat_argv, *input, output, flags);
  bare_pipe (input, &copy->output);

  return child;
}

/* Each command is launched while the one before is executed. */
static double
run_mixed10_by_helper (HelperFlags flags)
{
  HelperChild children[N_STAGES / 2];
  BareCopy copies[N_STAGES / 2];
  int input = -1;

  children[0] = launch_with_copy (0, &input, &copies[0], flags);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    {
      helper_permit (&children[i]);
      if (i + 1 < G_N_ELEMENTS (children))
        children[i + 1] = launch_with_copy (i + 1, &input, &copies[i + 1], flags);
      helper_await (&children[i]);
      bare_copy_start (&copies[i], copies[i].input, copies[i].output);
    }
  bare_check_hello (input);

  for (guint i = 0; i < G_N_ELEMENTS (copies); i++)
    bare_copy_join (&copies[i]);
  for (guint i = 0; i < G_N_ELEMENTS (children); i++)
    helper_wait (&children[i]);

  return BENCH_WHOLE;
}

static double
gio_helper_mixed10 (guint64 size)
{
  return run_mixed10_by_helper (HELPER_SUPERVISED | HELPER_BY_GIO);
}

static double
gio_helper_mixed10_exec (guint64 size)
{
  return run_mixed10_by_helper (HELPER_BY_GIO);
}

static void
run_mixed10 (gboolean supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();

  for (guint i = 0; i < N_STAGES; i += 2)
    {
      gp_pipeline_append_commandv (pipeline, i == 0 ? echo_argv : cat_argv);
      gp_pipeline_append (pipeline, stage_copy ());
    }
  if (!supervised)
    unsupervise_pipeline (pipeline);
  run_and_check (pipeline);
}

static double
gopipe_mixed10 (guint64 size)
{
  run_mixed10 (TRUE);

  return BENCH_WHOLE;
}

static double
gopipe_mixed10_exec (guint64 size)
{
  run_mixed10 (FALSE);

  return BENCH_WHOLE;
}

/* All with pipes to the program, and a thread between each two. */
static double
gio_mixed10 (guint64 size)
{
  g_autoptr (GPtrArray) processes = g_ptr_array_new_with_free_func (g_object_unref);
  GThread *threads[N_STAGES / 2 - 1];
  g_autoptr (GError) error = NULL;
  GInputStream *input = NULL;
  char text[16];
  gsize n_read;

  for (guint i = 0; i < N_STAGES / 2; i++)
    {
      GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_PIPE;
      GSubprocess *process;

      process = gio_spawn (i == 0 ? echo_argv : cat_argv, -1, -1,
                           i == 0 ? flags : flags | G_SUBPROCESS_FLAGS_STDIN_PIPE);
      g_ptr_array_add (processes, process);
      if (i > 0)
        threads[i - 1] = gio_copy_start (input, g_subprocess_get_stdin_pipe (process));
      input = g_subprocess_get_stdout_pipe (process);
    }
  g_input_stream_read_all (input, text, sizeof text, &n_read, NULL, &error);
  bench_check_error (error);
  bench_check (n_read == 6 && memcmp (text, "hello\n", 6) == 0, "output");

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < processes->len; i++)
    gio_wait (processes->pdata[i]);

  return BENCH_WHOLE;
}

typedef struct
{
  BareRing *input;
  BareRing *output;
  guint64 size;
} RingThread;

static void *
ring_produce_thread (void *data)
{
  static const char block[BENCH_BLOCK_SIZE];
  RingThread *self = data;

  for (guint64 left = self->size; left > 0; left -= MIN (left, sizeof block))
    bare_ring_write (self->output, block, MIN (left, sizeof block));
  bare_ring_close (self->output);

  return NULL;
}

static void *
ring_copy_thread (void *data)
{
  RingThread *self = data;
  char buffer[BENCH_BLOCK_SIZE];
  gsize n_read;

  while ((n_read = bare_ring_read (self->input, buffer, sizeof buffer)) > 0)
    bare_ring_write (self->output, buffer, n_read);
  bare_ring_close (self->output);

  return NULL;
}

static double
bare_func_to_func (guint64 size)
{
  BareRing *first = bare_ring_new (RING_SIZE);
  BareRing *second = bare_ring_new (RING_SIZE);
  RingThread produce = { NULL, first, size };
  RingThread copy = { first, second, 0 };
  pthread_t produce_thread = bare_start_thread (ring_produce_thread, &produce);
  pthread_t copy_thread = bare_start_thread (ring_copy_thread, &copy);
  char buffer[BENCH_BLOCK_SIZE];
  guint64 total = 0;
  gsize n_read;

  while ((n_read = bare_ring_read (second, buffer, sizeof buffer)) > 0)
    total += n_read;
  bench_check (total == size, "size");
  pthread_join (produce_thread, NULL);
  pthread_join (copy_thread, NULL);
  bare_ring_free (first);
  bare_ring_free (second);

  return BENCH_WHOLE;
}

static double
gopipe_func_to_func (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  guint64 total = 0;

  gp_pipeline_append (pipeline, stage_produce (&size));
  gp_pipeline_append (pipeline, stage_copy ());
  gp_pipeline_append (pipeline, stage_count (&total));
  run_pipeline (pipeline);
  bench_check (total == size, "size");

  return BENCH_WHOLE;
}

typedef struct
{
  int output;
  guint64 size;
} PipeProducer;

static void *
pipe_produce_thread (void *data)
{
  static const char block[BENCH_BLOCK_SIZE];
  PipeProducer *self = data;

  for (guint64 left = self->size; left > 0; left -= MIN (left, sizeof block))
    bare_write (self->output, block, MIN (left, sizeof block));
  close (self->output);

  return NULL;
}

static double
bare_func_to_cmd_to_func (guint64 size)
{
  PipeProducer producer = { -1, size };
  int cat_input, cat_output, input;
  pthread_t thread;
  pid_t pid;

  bare_pipe (&cat_input, &producer.output);
  bare_pipe (&input, &cat_output);
  pid = bare_spawn (cat_argv, cat_input, cat_output);
  thread = bare_start_thread (pipe_produce_thread, &producer);
  bench_check (bare_count (input) == size, "size");
  pthread_join (thread, NULL);
  bare_wait (pid);

  return BENCH_WHOLE;
}

static double
gopipe_func_to_cmd_to_func (guint64 size)
{
  g_autoptr (GpPipeline) pipeline = gp_pipeline_new ();
  guint64 total = 0;

  gp_pipeline_append (pipeline, stage_produce (&size));
  gp_pipeline_append_commandv (pipeline, cat_argv);
  gp_pipeline_append (pipeline, stage_count (&total));
  run_pipeline (pipeline);
  bench_check (total == size, "size");

  return BENCH_WHOLE;
}

typedef struct
{
  GOutputStream *output;
  guint64 size;
} GioProducer;

static gpointer
gio_produce_thread (gpointer data)
{
  GioProducer *self = data;
  g_autoptr (GError) error = NULL;

  if (gio_produce (self->output, self->size, &error))
    g_output_stream_close (self->output, NULL, &error);
  bench_check_error (error);

  return NULL;
}

static double
gio_func_to_cmd_to_func (guint64 size)
{
  g_autoptr (GSubprocess) process = gio_spawn (cat_argv, -1, -1,
                                               G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                               G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  GioProducer producer = { g_subprocess_get_stdin_pipe (process), size };
  GThread *thread = g_thread_new ("produce", gio_produce_thread, &producer);
  g_autoptr (GError) error = NULL;
  guint64 total = 0;

  gio_count (g_subprocess_get_stdout_pipe (process), &total, &error);
  bench_check_error (error);
  bench_check (total == size, "size");
  g_thread_join (thread);
  gio_wait (process);

  return BENCH_WHOLE;
}

const BenchWorkload bench_function_workloads[] = {
  {
    "funcs10", "print and nine copying functions", 1, 1, 0, 500,
    {
      { "floor", bare_funcs10 },
      { "bound-threads", threads_funcs10 },
      { "gopipe", gopipe_funcs10 },
      LIBPIPELINE (funcs10),
      BASH,
    },
    { { "gopipe", "floor", 1.5 } },
  },
  {
    "mixed10", "command and function in turn", 1, 1, 0, 20,
    {
      { "floor", bare_mixed10 },
      { "gopipe", gopipe_mixed10 },
      { "gopipe-exec", gopipe_mixed10_exec },
      { "bound-gio", gio_helper_mixed10 },
      { "bound-gio-exec", gio_helper_mixed10_exec },
      { "gsubprocess", gio_mixed10 },
      LIBPIPELINE (mixed10),
      BASH,
      PYTHON,
    },
    { { "gopipe", "floor", 1.4 }, { "gopipe-exec", "floor", 1.4 } },
  },
  {
    "func_to_func", "1 GiB, function to copy to count", BENCH_GIB, BENCH_MIB, 0, 1,
    {
      { "floor", bare_func_to_func },
      { "gopipe", gopipe_func_to_func },
      LIBPIPELINE (func_to_func),
    },
    { { "gopipe", "floor", 1.2 } },
  },
  {
    "func_to_cmd_to_func", "1 GiB, function to cat to count", BENCH_GIB, BENCH_MIB, 0, 1,
    {
      { "floor", bare_func_to_cmd_to_func },
      { "gopipe", gopipe_func_to_cmd_to_func },
      { "gsubprocess", gio_func_to_cmd_to_func },
      LIBPIPELINE (func_to_cmd_to_func),
      PYTHON,
    },
    { { "gopipe", "floor", 0.4 } },
  },
  { NULL }
};
