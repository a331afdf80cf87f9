/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gopipe/gp-callback-queue-private.h"

#include "gp-test-util.h"

/* What is called in the home context, one after the other */

typedef struct
{
  GpCallbackQueue *queue;
  guint            n_calls;
  guint            n_turns; /* of something else in the same context */
} Calls;

static gboolean
turn_cb (gpointer data)
{
  ((Calls *) data)->n_turns++;
  return G_SOURCE_CONTINUE;
}

static void
call_again_cb (gpointer data)
{
  Calls *calls = data;

  calls->n_calls++;
  if (calls->n_turns < 10)
    gp_callback_queue_push (calls->queue, call_again_cb, calls);
}

/* What a call queues in turn does not keep others from theirs, however long that goes on. */
static void
test_turns (void)
{
  Calls calls = { .queue = gp_callback_queue_new () };
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, turn_cb, &calls, NULL);
  g_source_attach (source, NULL);
  gp_callback_queue_push (calls.queue, call_again_cb, &calls);
  while (calls.n_turns < 20)
    g_main_context_iteration (NULL, TRUE);
  g_source_destroy (source);
  g_assert_cmpuint (calls.n_calls, >=, 10);
  g_assert_cmpuint (calls.n_calls, <=, 12);
  gp_callback_queue_unref (calls.queue);
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  gp_test_add ("/callback-queue/turns", test_turns);
  return gp_test_run ();
}
