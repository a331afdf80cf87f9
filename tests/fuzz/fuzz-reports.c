/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "gp-engine-private.h"
#include "gp-process-private.h"

/* The library's side of a process that runs, with any reports of its supervisor, in any order with the
 * end of that, the timers, and what is asked for. The end is told once, and once that all is gone, and
 * neither after a release; what is asked for reaches the supervisor, all and in order; nobody else is
 * signalled; a stop comes to an end; and nothing stays behind. */

#define SUPERVISOR_PID 200
#define COMMAND_PID 300
#define MAX_TIMERS 8
#define MAX_ASKED 64
#define MAX_STATUSES 64

/* A little of an engine: timers that fire when the input says so */
typedef struct
{
  GSource      *source;
  GpEngineFunc  func;
  gpointer      data;
  guint         msec;
} Timer;

/* Of the process: whoever asks for it is called back when it is reaped. */
static struct
{
  FuzzInput           input;
  Timer               timers[MAX_TIMERS];
  GAsyncReadyCallback reaped;
  gpointer            reaped_data;
  gboolean            is_supervised;
  gboolean            is_released;
  guint               n_ended;
  GpProcessEnd        end;          /* when it was told */
  guint               n_gone;
  int                 peer_fd;      /* the supervisor's end */
  int                 statuses[MAX_STATUSES]; /* that it has said, in good reports */
  guint               n_statuses;
  GpExecRequest       asked[MAX_ASKED];
  guint               n_asked;
  guint               n_heard;      /* of these, by the supervisor */
} world;

static int  world_kill   (int                  pid,
                          int                  signum);
static int  world_waitid (int                  pid,
                          siginfo_t           *info);
static void world_wait   (GAsyncReadyCallback  callback,
                          gpointer             data);

#define kill(pid, signum)                              world_kill (pid, signum)
#define waitid(type, id, info, options)                world_waitid (id, info)
#define g_subprocess_wait_async(process, c, cb, data)  world_wait (cb, data)
#define g_subprocess_wait_finish(process, result, err) ((void) (result))
#define g_subprocess_send_signal(process, signum)      ((void) (signum))
#define g_subprocess_force_exit(process)               ((void) (process))
#define g_subprocess_get_status(process)               0
#define g_subprocess_get_if_exited(process)            fuzz_flip (&world.input)
#define g_subprocess_get_if_signaled(process)          fuzz_flip (&world.input)
#include "gp-process.c"
#undef kill
#undef waitid

/* --- The engine --------------------------------------------------------------------------- */

static GMainContext *
get_context (void)
{
  static GMainContext *context;

  if (context == NULL)
    context = g_main_context_new ();

  return context;
}

void
gp_engine_hold (void)
{
}

void
gp_engine_release (void)
{
}

GSource *
gp_engine_add_fd (int               fd,
                  GUnixFDSourceFunc func,
                  gpointer          data)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);

  g_source_set_callback (source, G_SOURCE_FUNC (func), data, NULL);
  g_source_attach (source, get_context ());

  return source;
}

GSource *
gp_engine_add_timeout (guint          milliseconds,
                       GpEngineFunc   func,
                       gpointer       data,
                       GDestroyNotify destroy)
{
  for (guint i = 0; i < MAX_TIMERS; i++)
    if (world.timers[i].source == NULL)
      {
        world.timers[i] = (Timer) { g_timeout_source_new (milliseconds), func, data, milliseconds };
        return world.timers[i].source;
      }

  g_assert_not_reached ();
}

void
gp_engine_clear_source (GSource **source)
{
  for (guint i = 0; i < MAX_TIMERS; i++)
    if (*source != NULL && world.timers[i].source == *source)
      world.timers[i].source = NULL;

  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
gp_engine_invoke (GpEngineFunc func,
                  gpointer     data)
{
  g_assert_not_reached ();
}

gboolean
gp_engine_ensure (GError **error)
{
  g_assert_not_reached ();
}

static guint
count_timers (void)
{
  guint n_timers = 0;

  for (guint i = 0; i < MAX_TIMERS; i++)
    n_timers += world.timers[i].source != NULL ? 1 : 0;

  return n_timers;
}

/* The one that is due first, of those there are */
static void
fire_timer (void)
{
  Timer *first = NULL;

  for (guint i = 0; i < MAX_TIMERS; i++)
    if (world.timers[i].source != NULL && (first == NULL || world.timers[i].msec < first->msec))
      first = &world.timers[i];
  if (first == NULL)
    return;

  for (guint i = 0; i < MAX_TIMERS; i++)
    if (world.timers[i].source != NULL && &world.timers[i] != first)
      world.timers[i].msec -= MIN (world.timers[i].msec, first->msec);
  first->msec = 0;
  first->func (first->data);
}

/* --- The process -------------------------------------------------------------------------- */

/* The command, or its group. A supervised one is the supervisor's to signal, until that has gone. */
static int
world_kill (int pid,
            int signum)
{
  g_assert_true (pid == -COMMAND_PID || (pid == COMMAND_PID && signum == 0));
  g_assert_true (!world.is_supervised || signum == SIGKILL);
  errno = ESRCH;

  return fuzz_flip (&world.input) ? 0 : -1;
}

static int
world_waitid (int        pid,
              siginfo_t *info)
{
  g_assert_cmpint (pid, ==, SUPERVISOR_PID);
  memset (info, 0, sizeof *info);
  errno = fuzz_flip (&world.input) ? ECHILD : EINVAL;

  return -1;
}

static void
world_wait (GAsyncReadyCallback callback,
            gpointer            data)
{
  world.reaped = callback;
  world.reaped_data = data;
}

static void
reap (void)
{
  GAsyncReadyCallback reaped = world.reaped;

  world.reaped = NULL;
  if (reaped != NULL)
    reaped (NULL, NULL, world.reaped_data);
}

static void
stopped_cb (gpointer user_data,
            int      signum)
{
  g_assert_false (world.is_released);
  g_assert_cmpuint (world.n_ended, ==, 0);
}

/* What only a report can tell was told by one. */
static gboolean
is_known_from_report (const GpProcessEnd *end)
{
  for (guint i = 0; i < world.n_statuses; i++)
    if (world.statuses[i] == end->wait_status)
      return TRUE;

  return FALSE;
}

static void
ended_cb (gpointer user_data)
{
  g_assert_false (world.is_released);
  g_assert_cmpuint (++world.n_ended, ==, 1);
  g_assert_cmpuint (world.n_gone, ==, 0);
  world.end = *gp_process_get_end (user_data);
  g_assert_true (!world.is_supervised || world.end.lost != NULL || is_known_from_report (&world.end));
}

static void
gone_cb (gpointer user_data)
{
  g_assert_false (world.is_released);
  g_assert_cmpuint (world.n_ended, ==, 1);
  g_assert_cmpuint (++world.n_gone, ==, 1);
  g_assert_cmpuint (count_timers (), ==, 0);
}

/* What was used may still grow. */
static void
check_end_stays (GpProcess *process)
{
  const GpProcessEnd *end = gp_process_get_end (process);

  if (world.n_ended == 0)
    return;

  g_assert_cmpstr (end->lost, ==, world.end.lost);
  g_assert_cmpint (end->wait_status, ==, world.end.wait_status);
  g_assert_cmpint (end->was_stopped, ==, world.end.was_stopped);
  g_assert_cmpint (end->has_descendants, ==, world.end.has_descendants);
}

static const GpProcessEvents events = { stopped_cb, ended_cb, gone_cb };

/* --- The supervisor ----------------------------------------------------------------------- */

static void
send_report (void)
{
  guint8 bytes[sizeof (GpExecReport) + 8] = { 0 };
  GpExecReport *report = (GpExecReport *) bytes;
  gsize size = sizeof *report;

  if (fuzz_flip (&world.input))
    size = fuzz_choose (&world.input, sizeof bytes + 1);
  report->step = GP_EXEC_STEP_STARTED + fuzz_choose (&world.input, 7);
  if (report->step > GP_EXEC_STEP_GONE)
    fuzz_take (&world.input, bytes, size);
  else
    fuzz_take (&world.input, &report->value, fuzz_choose (&world.input, 32));

  if (size == sizeof *report && report->step == GP_EXEC_STEP_ENDED && world.n_statuses < MAX_STATUSES)
    world.statuses[world.n_statuses++] = report->value;
  if (world.n_statuses < MAX_STATUSES)
    (void) !send (world.peer_fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Nothing is lost on the way, and nothing overtakes. */
static void
hear_requests (guint max)
{
  GpExecRequest request;

  while (max-- > 0 && world.peer_fd >= 0 &&
         recv (world.peer_fd, &request, sizeof request, MSG_DONTWAIT) == sizeof request)
    {
      g_assert_cmpuint (world.n_heard, <, world.n_asked);
      g_assert_cmpuint (request.kind, ==, world.asked[world.n_heard].kind);
      g_assert_cmpint (request.value, ==, world.asked[world.n_heard].value);
      world.n_heard++;
    }
}

static void
note_asked (GpExecRequestKind kind,
            int               value)
{
  if (world.n_asked < MAX_ASKED)
    world.asked[world.n_asked++] = (GpExecRequest) { kind, value };
}

static void
read_reports (GpProcess *process)
{
  if (process->control_source != NULL)
    control_readable_cb (process->control_fd, G_IO_IN, process);
}

/* --- What happens ------------------------------------------------------------------------- */

static void
ask_to_stop (GpProcess *process)
{
  gboolean now = fuzz_flip (&world.input);

  if (world.is_supervised && !process->gone && !process->killing && (now || !process->stopping))
    note_asked (now ? GP_EXEC_REQUEST_KILL : GP_EXEC_REQUEST_STOP, 0);
  gp_process_stop (process, now);
}

static void
ask_for_signal (GpProcess *process)
{
  int signum = fuzz_take_byte (&world.input);

  if (world.is_supervised)
    note_asked (GP_EXEC_REQUEST_SIGNAL, signum);
  gp_process_send_signal (process, signum);
}

/* A stop that was not enough becomes a kill. */
static void
let_time_pass (GpProcess *process)
{
  gboolean was_killing = process->killing;
  guint n_asked = world.n_asked;

  fire_timer ();
  if (world.is_supervised && process->killing && !was_killing && n_asked == world.n_asked)
    note_asked (GP_EXEC_REQUEST_KILL, 0);
}

static void
step (GpProcess *process)
{
  switch (fuzz_choose (&world.input, 10))
    {
    case 0:
    case 1:
    case 2:
      if (world.peer_fd >= 0)
        send_report ();
      break;
    case 3:
    case 4:
      read_reports (process);
      break;
    case 5:
      let_time_pass (process);
      break;
    case 6:
      ask_to_stop (process);
      break;
    case 7:
      if (world.n_asked < MAX_ASKED / 2)
        ask_for_signal (process);
      break;
    case 8:
      hear_requests (fuzz_choose (&world.input, 4));
      break;
    default:
      if (fuzz_flip (&world.input))
        gp_descriptor_clear (&world.peer_fd);
      else
        reap ();
      break;
    }
}

/* Whatever the supervisor does or not, time alone ends it. */
static void
check_stop_ends (GpProcess *process)
{
  guint n_fired = 0;

  gp_process_stop (process, TRUE);
  while (world.n_gone == 0 && count_timers () > 0)
    {
      g_assert_cmpuint (++n_fired, <, 5000);
      fire_timer ();
    }
  g_assert_cmpuint (world.n_gone, ==, 1);
}

static GpProcess *
make_process (void)
{
  GpSpawned spawned = { .process_pid = SUPERVISOR_PID, .pid = COMMAND_PID, .control_fd = -1 };
  int size = 1;
  int fds[2];

  world.peer_fd = -1;
  spawned.process = g_object_new (G_TYPE_OBJECT, NULL);
  if (world.is_supervised)
    {
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
      g_assert_cmpint (setsockopt (fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), ==, 0);
      spawned.control_fd = fds[0];
      world.peer_fd = fds[1];
    }
  else
    {
      spawned.process_pid = COMMAND_PID;
    }

  return gp_process_new (&spawned, fuzz_flip (&world.input), fuzz_take_byte (&world.input));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  GpProcess *process;

  memset (&world, 0, sizeof world);
  world.input = (FuzzInput) { data, size };
  world.is_supervised = fuzz_choose (&world.input, 8) != 0;
  process = make_process ();
  gp_process_watch (process, &events, process);

  while (world.input.size > 0)
    {
      step (process);
      check_end_stays (process);
    }

  g_assert_cmpuint (world.n_ended, <=, 1);
  g_assert_cmpuint (world.n_gone, <=, world.n_ended);
  g_assert_true (gp_process_is_gone (process) == (world.n_gone == 1));
  if (!gp_process_is_gone (process) && size % 2 == 0)
    check_stop_ends (process);

  gp_process_release (process);
  world.is_released = TRUE;
  g_assert_cmpuint (count_timers (), ==, 0);
  reap ();
  gp_descriptor_clear (&world.peer_fd);
  g_assert_cmpint (g_atomic_int_get (&process->ref_count), ==, 1);
  gp_process_unref (process);

  return 0;
}
