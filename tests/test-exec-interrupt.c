/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-exec.h"

#include <poll.h>

/* A start that is given up before the command may run */

static void
test_interrupted_before (void)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  Options options = { .interrupt = interrupt };

  gp_interrupt_raise (interrupt);
  gp_interrupt_raise (interrupt);
  assert_start_fails (CHILD ("echo"), &options, G_IO_ERROR, G_IO_ERROR_CANCELLED, NULL);
}

/* What was launched is not executed any more. */
static void
test_interrupted_before_permission (void)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  g_auto (GStrv) environment = g_get_environ ();
  g_auto (GpSpawned) spawned = { .control_fd = -1 };
  g_autoptr (GpSpawn) spawn = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  int out[2];
  GpSpawnRequest request = {
    .argv = CHILD ("echo", "x"),
    .environ = (const char * const *) environment,
    .stdin_fd = 0,
    .stderr_fd = 2,
  };

  g_assert_true (gp_descriptor_open_pipe (out, NULL));
  request.stdout_fd = out[1];
  spawn = gp_spawn_launch (&request, interrupt, &error);
  g_assert_no_error (error);
  gp_interrupt_raise (interrupt);
  gp_spawn_permit (spawn);
  gp_descriptor_clear (&out[1]);
  g_assert_cmpint (poll (&(struct pollfd) { .fd = out[0], .events = POLLIN }, 1, 50), ==, 0);
  g_assert_false (gp_spawn_await (spawn, &spawned, &error));
  output = read_to_end (out[0]);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpstr (output, ==, "");
  gp_descriptor_clear (&out[0]);
}

static void
test_not_interrupted (void)
{
  g_autoptr (GpInterrupt) interrupt = gp_interrupt_new (NULL);
  Options options = { .interrupt = interrupt };

  assert_child_says (&options, "[x]", "echo", "x");
  g_assert_false (gp_interrupt_is_raised (interrupt));
}

int
main (int    argc,
      char **argv)
{
  int status;

  if (!begin (argc, argv, &status))
    return status;

  g_test_init (&argc, &argv, NULL);

  add_both ("interrupted-before", test_interrupted_before);
  add_both ("interrupted-before-permission", test_interrupted_before_permission);
  add_both ("not-interrupted", test_not_interrupted);

  status = g_test_run ();
  g_free (self_path);

  return status;
}
