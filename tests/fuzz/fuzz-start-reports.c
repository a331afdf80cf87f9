/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <sys/socket.h>

/* What a new process may say on its control descriptor before the command runs: any datagrams, and the
 * end. The start succeeds only after what the protocol asks for, with a process id that means one
 * process; otherwise there is an error, which text is valid; and nothing is waited for that cannot
 * come. */

#define GP_LIBEXECDIR "/nonexistent"
#include "gp-spawn.c"

#define MAX_DATAGRAMS 6

typedef struct
{
  GpExecReport reports[MAX_DATAGRAMS];
  gsize        sizes[MAX_DATAGRAMS];
  guint        n;
} Said;

/* Well-formed, or not at all. Of errnos few, since GLib keeps the text of each. */
static void
say_something (FuzzInput *input,
               Said      *said,
               int        fd)
{
  guint8 bytes[sizeof (GpExecReport) + 8] = { 0 };
  GpExecReport *report = &said->reports[said->n];
  gsize size = sizeof *report;

  if (fuzz_choose (input, 8) == 7)
    size = 1 + fuzz_choose (input, sizeof bytes);
  report->step = fuzz_choose (input, 24);
  report->value = (int) fuzz_take_byte (input) - 8;
  if (report->step == GP_EXEC_STEP_HELLO)
    report->value = fuzz_flip (input) ? GP_EXEC_PROTOCOL : report->value;
  if (report->step == 23)
    fuzz_take (input, &report->step, sizeof report->step);

  memcpy (bytes, report, sizeof *report);
  g_assert_cmpint (send (fd, bytes, size, MSG_NOSIGNAL), ==, size);
  said->sizes[said->n++] = size;
}

static gboolean
says (const Said *said,
      guint       i,
      GpExecStep  step)
{
  return i < said->n && said->sizes[i] == sizeof (GpExecReport) && said->reports[i].step == step;
}

static gboolean
should_succeed (const Said *said,
                gboolean    supervised)
{
  if (!says (said, 0, GP_EXEC_STEP_HELLO) || said->reports[0].value != GP_EXEC_PROTOCOL)
    return FALSE;

  if (supervised)
    return says (said, 1, GP_EXEC_STEP_STARTED) && said->reports[1].value > 1;

  return said->n == 1;
}

static void
check_error (const GError *error,
             const Said   *said)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == G_SPAWN_ERROR || error->domain == G_IO_ERROR);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpstr (error->message, !=, "");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  guint how = fuzz_take_byte (&input);
  const char *argv[] = { (how & 1) != 0 ? "caf\xe9" : "/bin/\xff/true", NULL };
  GpSpawnRequest request = {
    .argv = argv,
    .directory = (how & 2) != 0 ? "/nowhere/\xff" : NULL,
    .flags = (how & 4) != 0 ? GP_EXEC_SUPERVISE : 0,
  };
  GpSpawn spawn = { .request = &request, .helper = (how & 8) != 0 ? "helper" : NULL, .pid = 4711 };
  g_autoptr (GError) error = NULL;
  Said said = { .n = 0 };
  gboolean supervised = request.flags != 0;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
  while (input.size > 0 && said.n < MAX_DATAGRAMS)
    say_something (&input, &said, fds[1]);
  close (fds[1]);

  spawn.control_fd = fds[0];
  if (await_execution (&spawn, &error))
    {
      g_assert_no_error (error);
      g_assert_true (should_succeed (&said, supervised));
      g_assert_cmpint (spawn.pid, ==, supervised ? said.reports[1].value : 4711);
    }
  else
    {
      check_error (error, &said);
      g_assert_false (should_succeed (&said, supervised));
    }

  /* What is still there is read to its end, which is there as well. */
  ask_to_end_all (&spawn);
  close (fds[0]);

  return 0;
}
