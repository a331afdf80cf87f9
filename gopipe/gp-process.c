/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-process-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "gp-descriptor-private.h"
#include "gp-engine-private.h"

/* How long anything may take that should be done at once */
#define GRACE_MSEC 500

/* The same for a supervisor, which gives up by itself before that what it cannot kill: if it ended
 * too early, what it has not killed yet would be free. */
#define SUPERVISOR_GRACE_MSEC 6000

/* How often a stopped process group is looked at whose leader has ended */
#define GROUP_CHECK_MSEC 10

/* When a supervisor that has too much to read already is tried again */
#define RESEND_MSEC 10

/* How often, and how many times, it is seen whether a supervisor that has ended is reaped */
#define REAP_CHECK_MSEC 5
#define MAX_REAP_CHECKS (GRACE_MSEC / REAP_CHECK_MSEC)

/* States, each a step further:
 *
 *   running → ended (of the command) → gone (of what was to end with it)
 *
 * A supervised command has ended when its parent says so on the control descriptor, and is gone
 * when that descriptor is at its end and the parent is reaped, by whomever. Otherwise GSubprocess
 * tells, and the group is looked at.
 *
 * Whoever watches has a reference. The wait of GSubprocess has one, so this lives until the process
 * is reaped. Timers and the source of the control descriptor have none: they are destroyed
 * before the last reference can go, that is when it is gone or released. */
struct _GpProcess
{
  gatomicrefcount        ref_count;

  GSubprocess           *subprocess;
  GPid                   subprocess_pid;
  GPid                   pid;
  gboolean               own_group;   /* which we may signal */
  gboolean               supervised;
  int                    control_fd;
  guint                  kill_delay;

  const GpProcessEvents *events;      /* NULL: not watched yet, or released */
  gpointer               user_data;

  gboolean               reaped;      /* by GSubprocess, or known to be by somebody else */
  gboolean               stopped;     /* by a signal */
  gboolean               ended;
  gboolean               gone;
  gboolean               stopping;
  gboolean               killing;
  GpProcessEnd           end;

  GArray                *unsent;      /* of GpExecRequest: what the supervisor could not take yet */
  GSource               *unsent_timer;

  GSource               *control_source;
  GSource               *timer;       /* of the stop */
  GSource               *group_timer;
  GSource               *reap_timer;
  guint                  n_reap_checks;
};

GpProcess *
gp_process_new (GpSpawned *spawned,
                gboolean   group,
                guint      kill_delay)
{
  GpProcess *self = g_new0 (GpProcess, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->subprocess = g_steal_pointer (&spawned->process);
  self->subprocess_pid = spawned->process_pid;
  self->pid = spawned->pid;
  self->control_fd = gp_descriptor_steal (&spawned->control_fd);
  self->supervised = self->control_fd >= 0;
  self->own_group = group;
  self->kill_delay = kill_delay;
  self->unsent = g_array_new (FALSE, FALSE, sizeof (GpExecRequest));

  return self;
}

GpProcess *
gp_process_ref (GpProcess *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_process_unref (GpProcess *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  gp_descriptor_clear (&self->control_fd);
  g_array_unref (self->unsent);
  g_clear_object (&self->subprocess);
  g_free (self);
}

/* What was in the end is told before the end: nobody else may stop it in between. */
static void
become_gone (GpProcess *self)
{
  if (self->gone)
    return;

  self->gone = TRUE;
  gp_engine_clear_source (&self->timer);
  gp_engine_clear_source (&self->group_timer);
  gp_engine_clear_source (&self->reap_timer);
  gp_engine_clear_source (&self->unsent_timer);
  gp_engine_clear_source (&self->control_source);
  gp_descriptor_clear (&self->control_fd);

  if (self->events != NULL)
    self->events->gone (self->user_data);
}

static void
become_ended (GpProcess *self)
{
  if (self->ended)
    return;

  self->ended = TRUE;
  if (self->events != NULL)
    self->events->ended (self->user_data);
}

/* --- Without a supervisor ----------------------------------------------------------------- */

/* The kernel forgets how children end if the program wants it to; GLib takes that for success. */
static const char *
find_why_lost (GpProcess *self)
{
  struct sigaction action;

  if (!g_subprocess_get_if_exited (self->subprocess) &&
      !g_subprocess_get_if_signaled (self->subprocess))
    return "because something else in the program has waited for it";

  if (g_subprocess_get_status (self->subprocess) == 0 &&
      sigaction (SIGCHLD, NULL, &action) == 0 &&
      (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0))
    return "because the program ignores SIGCHLD";

  return NULL;
}

static void
send_to_process (GpProcess *self,
                 int        signum)
{
  /* The group may live on after the command. As long as it does its number is not given away, so a
   * process that has that number now says that the group is somebody else's. */
  if (self->own_group && self->ended && !(kill (self->pid, 0) != 0 && errno == ESRCH))
    self->own_group = FALSE;

  /* The process itself is GSubprocess's to signal, which knows whether its id still means it. */
  if (self->own_group)
    kill (-self->pid, signum);
  else if (!self->ended)
    g_subprocess_send_signal (self->subprocess, signum);
}

/* A stopped command may leave others in its group that need a moment to end: a shell is gone before
 * what it has started. They get the same time as the command itself. */
static void
check_group_cb (gpointer data)
{
  GpProcess *self = data;

  self->own_group = self->own_group && kill (-self->pid, 0) == 0;
  gp_engine_clear_source (&self->group_timer);
  if (self->stopping && self->own_group && !self->killing)
    self->group_timer = gp_engine_add_timeout (GROUP_CHECK_MSEC, check_group_cb, self, NULL);
  else
    become_gone (self);
}

static void
process_exited (GpProcess *self)
{
  /* Of one that was given up, what was told stays. */
  if (!self->ended)
    {
      self->end.lost = find_why_lost (self);
      if (self->end.lost == NULL)
        self->end.wait_status = g_subprocess_get_status (self->subprocess);
      self->end.was_stopped = self->stopping;
    }

  become_ended (self);
  check_group_cb (self);
}

/* --- With a supervisor -------------------------------------------------------------------- */

/* FALSE: the supervisor has not taken what was sent before, or there is no memory for it. Any other
 * failure means that it has ended, which is seen where its reports are read. */
static gboolean
try_to_send (GpProcess           *self,
             const GpExecRequest *request)
{
  gssize size;

  if (self->control_fd < 0)
    return TRUE;

  do
    size = send (self->control_fd, request, sizeof *request, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);

  return size >= 0 || (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM);
}

/* In order: what cannot be sent now is sent as soon as it can be. */
static void
send_unsent_cb (gpointer data)
{
  GpProcess *self = data;
  guint n_sent = 0;

  while (n_sent < self->unsent->len &&
         try_to_send (self, &g_array_index (self->unsent, GpExecRequest, n_sent)))
    n_sent++;
  g_array_remove_range (self->unsent, 0, n_sent);

  gp_engine_clear_source (&self->unsent_timer);
  if (self->unsent->len > 0)
    self->unsent_timer = gp_engine_add_timeout (RESEND_MSEC, send_unsent_cb, self, NULL);
}

static void
send_request (GpProcess         *self,
              GpExecRequestKind  kind,
              int                value)
{
  GpExecRequest request = { .kind = kind, .value = value };

  g_array_append_val (self->unsent, request);
  if (self->unsent_timer == NULL)
    send_unsent_cb (self);
}

/* The last one: without it, the end of the control descriptor would mean that the program died. */
static void
send_release (GpProcess *self)
{
  struct pollfd poll_fd = { .fd = self->control_fd, .events = POLLOUT };

  send_request (self, GP_EXEC_REQUEST_RELEASE, 0);
  if (self->unsent->len > 0 && poll (&poll_fd, 1, RESEND_MSEC) > 0)
    send_unsent_cb (self);
}

/* GLib may never find out: somebody else in the program may wait for any child, or may have taken
 * SIGCHLD away from it. */
static void
check_reaped_cb (gpointer data)
{
  GpProcess *self = data;
  siginfo_t info;

  self->reaped = self->reaped || ++self->n_reap_checks > MAX_REAP_CHECKS ||
                 (waitid (P_PID, self->subprocess_pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 &&
                  errno == ECHILD);
  gp_engine_clear_source (&self->reap_timer);
  if (self->reaped)
    become_gone (self);
  else
    self->reap_timer = gp_engine_add_timeout (REAP_CHECK_MSEC, check_reaped_cb, self, NULL);
}

static void
settle_supervised (GpProcess *self)
{
  if (self->ended && self->control_source == NULL && self->reap_timer == NULL && !self->gone)
    check_reaped_cb (self);
}

static void
read_end (GpProcess          *self,
          const GpExecReport *report)
{
  self->end.wait_status = report->value;
  self->end.was_stopped = (report->flags & GP_EXEC_ENDED_WAS_STOPPED) != 0;
  self->end.has_descendants = (report->flags & GP_EXEC_ENDED_DESCENDANTS) != 0;
}

static void
read_usage (GpProcess          *self,
            const GpExecReport *report)
{
  self->end.has_usage = report->has_usage != 0;
  self->end.user_usec = report->user_usec;
  self->end.system_usec = report->system_usec;
  self->end.peak_bytes = report->peak_bytes;
}

/* 0: it goes on */
static void
change_stopped (GpProcess *self,
                int        signum)
{
  self->stopped = signum != 0;
  if (self->events != NULL && !self->ended)
    self->events->stopped (self->user_data, signum);
}

static void control_ended (GpProcess *self);

static void
handle_report (GpProcess          *self,
               const GpExecReport *report)
{
  switch (report->step)
    {
    case GP_EXEC_STEP_STOPPED:
      /* The kernel keeps only the last change: in between it has gone on. */
      if (self->stopped)
        change_stopped (self, 0);
      change_stopped (self, report->value);
      break;

    case GP_EXEC_STEP_CONTINUED:
      change_stopped (self, 0);
      break;

    case GP_EXEC_STEP_ENDED:
      if (self->ended)
        break;
      read_end (self, report);
      read_usage (self, report);
      become_ended (self);
      break;

    case GP_EXEC_STEP_GONE:
      read_usage (self, report);
      /* Not its end of file, which a process that the program has forked can hold back */
      control_ended (self);
      break;

    default:
      break;
    }
}

/* The supervisor has ended. The command ends with it by the kernel's doing; others in its group
 * only by ours. */
static void
control_ended (GpProcess *self)
{
  gp_engine_clear_source (&self->control_source);
  gp_descriptor_clear (&self->control_fd);

  if (!self->ended)
    {
      self->end.lost = "because the process that watched it was killed";
      self->end.was_stopped = self->stopping;
      if (self->own_group)
        kill (-self->pid, SIGKILL);
      become_ended (self);
    }

  settle_supervised (self);
}

static gboolean
control_readable_cb (int          fd,
                     GIOCondition condition,
                     gpointer     data)
{
  g_autoptr (GpProcess) self = gp_process_ref (data);

  while (self->control_fd >= 0)
    {
      GpExecReport report;
      gssize size = recv (self->control_fd, &report, sizeof report, MSG_DONTWAIT | MSG_TRUNC);

      if (size == sizeof report)
        handle_report (self, &report);
      else if (size < 0 && errno == EAGAIN)
        break;
      else if (!(size < 0 && errno == EINTR))
        control_ended (self);
    }

  return G_SOURCE_CONTINUE;
}

/* --- Both --------------------------------------------------------------------------------- */

static void
reaped_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  g_autoptr (GpProcess) self = data;

  gp_engine_release ();
  g_subprocess_wait_finish (self->subprocess, result, NULL);
  self->reaped = TRUE;
  gp_engine_clear_source (&self->reap_timer);
  if (self->events == NULL)
    return;

  if (!self->supervised)
    {
      process_exited (self);
      return;
    }

  /* All that it has reported is there by now. */
  if (self->control_fd >= 0)
    control_readable_cb (self->control_fd, G_IO_IN, self);
  if (self->control_fd >= 0)
    control_ended (self);
  settle_supervised (self);
}

void
gp_process_watch (GpProcess             *self,
                  const GpProcessEvents *events,
                  gpointer               user_data)
{
  self->events = events;
  self->user_data = user_data;

  if (self->supervised)
    self->control_source = gp_engine_add_fd (self->control_fd, control_readable_cb, self);

  gp_engine_hold ();
  g_subprocess_wait_async (self->subprocess, NULL, reaped_cb, gp_process_ref (self));
}

const GpProcessEnd *
gp_process_get_end (GpProcess *self)
{
  return &self->end;
}

gboolean
gp_process_is_gone (GpProcess *self)
{
  return self->gone;
}

gboolean
gp_process_has_left_others (GpProcess *self)
{
  return self->ended && (self->supervised ? !self->gone : self->own_group);
}

GPid
gp_process_get_root (GpProcess *self,
                     gboolean  *is_supervisor)
{
  *is_supervisor = self->supervised;

  return self->supervised ? self->subprocess_pid : self->pid;
}

void
gp_process_send_signal (GpProcess *self,
                        int        signum)
{
  if (self->supervised)
    send_request (self, GP_EXEC_REQUEST_SIGNAL, signum);
  else
    send_to_process (self, signum);
}

/* It may not be ours to kill (it has become another user's), or hang in the kernel. */
static void
give_up_cb (gpointer data)
{
  g_autoptr (GpProcess) self = gp_process_ref (data);

  if (!self->ended)
    self->end.lost = "because it could not be killed";
  self->end.was_stopped = self->end.was_stopped || !self->ended;
  become_ended (self);
  become_gone (self);
}

/* The supervisor had its time: whatever is wrong with it, the command ends with it. */
static void
kill_supervisor_cb (gpointer data)
{
  GpProcess *self = data;

  if (!self->reaped)
    g_subprocess_force_exit (self->subprocess);
  gp_engine_clear_source (&self->timer);
  self->timer = gp_engine_add_timeout (GRACE_MSEC, give_up_cb, self, NULL);
}

/* Somebody may have stopped it together with others. */
static void
wake_supervisor (GpProcess *self)
{
  if (!self->reaped)
    g_subprocess_send_signal (self->subprocess, SIGCONT);
}

static void
kill_now (GpProcess *self)
{
  self->killing = TRUE;
  gp_engine_clear_source (&self->timer);

  if (self->supervised)
    {
      send_request (self, GP_EXEC_REQUEST_KILL, 0);
      wake_supervisor (self);
      self->timer = gp_engine_add_timeout (SUPERVISOR_GRACE_MSEC, kill_supervisor_cb, self, NULL);
    }
  else
    {
      send_to_process (self, SIGKILL);
      if (self->ended)
        become_gone (self);
      else
        self->timer = gp_engine_add_timeout (GRACE_MSEC, give_up_cb, self, NULL);
    }
}

static void
kill_timeout_cb (gpointer data)
{
  kill_now (data);
}

void
gp_process_stop (GpProcess *self,
                 gboolean   now)
{
  g_autoptr (GpProcess) kept = gp_process_ref (self);

  /* Without a supervisor nobody knows whether others of its group are left */
  if (self->gone && !self->supervised && self->own_group)
    send_to_process (self, SIGKILL);
  if (self->gone || self->killing)
    return;

  if (now)
    {
      self->stopping = TRUE;
      kill_now (self);
      return;
    }

  if (self->stopping)
    return;

  self->stopping = TRUE;
  if (self->supervised)
    {
      send_request (self, GP_EXEC_REQUEST_STOP, 0);
      wake_supervisor (self);
    }
  else
    {
      send_to_process (self, SIGTERM);
      send_to_process (self, SIGCONT);
    }

  /* A supervisor does this by itself; that it was told twice does no harm. */
  self->timer = gp_engine_add_timeout (self->kill_delay, kill_timeout_cb, self, NULL);
}

void
gp_process_release (GpProcess *self)
{
  self->events = NULL;
  gp_engine_clear_source (&self->timer);
  gp_engine_clear_source (&self->group_timer);
  gp_engine_clear_source (&self->reap_timer);
  gp_engine_clear_source (&self->control_source);

  if (!self->gone)
    send_release (self);
  gp_engine_clear_source (&self->unsent_timer);
  gp_descriptor_clear (&self->control_fd);
}
