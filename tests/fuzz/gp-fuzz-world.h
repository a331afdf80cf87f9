/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-fuzz.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "gp-exec-private.h"

/* A small kernel for a supervisor: processes below it that come, go, stop and change their groups as
 * the input says, a program that sends it requests, and a clock. It aborts when the supervisor signals
 * a number that is not surely a child of its own, or the group of one. */

#define PROGRAM 50
#define CALLER_GROUP 60
#define HELPER 100

#define CONTROL_FD 3
#define PARENT_FD 4
#define FAILURE_FD 5
#define LIST_FD 6

#define MAX_PROCESSES 24
#define MAX_REQUESTS 8
#define MAX_REQUEST_SIZE 16
#define MAX_TEXT 256
#define MAX_BAD_LIST 32

typedef struct
{
  int      pid;       /* 0: there is none */
  int      parent;
  int      group;
  int      status;
  gboolean is_zombie;
  gboolean is_stopped;
  gboolean has_stopped;   /* what its parent was not told yet */
  gboolean has_continued;
  gboolean is_asked;      /* while it was stopped */
  gboolean is_deaf;       /* to all but SIGKILL */
  gboolean is_immortal;   /* nothing can end it but itself */
  gboolean is_told;       /* that it should end */
  gboolean is_silent;     /* it became the supervisor's without a word */
} WorldProcess;

/* What does not work, a bit each */
typedef enum
{
  WORLD_NO_PRCTL = 1 << 0,
  WORLD_NO_PPOLL = 1 << 1,
  WORLD_NO_PROCESS = 1 << 2,
  WORLD_NO_PIPE = 1 << 3,
  WORLD_NO_EXEC = 1 << 4,
  WORLD_NO_LIST = 1 << 5,
  WORLD_BAD_LIST = 1 << 6,
  WORLD_NO_GROUP = 1 << 7,
} WorldFailures;

typedef struct
{
  guint8 bytes[MAX_REQUEST_SIZE];
  gsize  size;
} WorldRequest;

static struct
{
  FuzzInput    input;
  guint        failures;
  WorldProcess processes[MAX_PROCESSES];
  int          last_pid;
  int          command;
  int          command_status;
  int          parent;
  int          helper_group;
  gboolean     has_news;         /* SIGCHLD is pending */
  WorldRequest requests[MAX_REQUESTS];
  guint        n_requests;
  gboolean     has_reset;
  gboolean     parent_closed;
  gboolean     parent_died;
  char         bad_list[MAX_BAD_LIST];
  gsize        bad_list_size;
  char         text[MAX_TEXT];   /* what is left of the list of children */
  gsize        text_size;
  gint64       now_msec;
  guint        n_steps;
  gboolean     is_over;          /* nothing happens any more but what the supervisor does */
  gint64       over_msec;

  /* What was asked for */
  gboolean     dies_with_parent;
  gboolean     kills_descendants;
  gboolean     command_leads;

  /* What the supervisor knows by now */
  gboolean     was_released;
  gboolean     was_told_to_stop;
  gboolean     command_was_stopped; /* before it has ended */
  gint64       stop_msec;           /* -1: not told to */
  gboolean     has_immortal;        /* so not all can be ended */
} world;

static inline void
world_init (FuzzInput input)
{
  memset (&world, 0, sizeof world);
  world.input = input;
  world.last_pid = HELPER;
  world.parent = PROGRAM;
  world.helper_group = CALLER_GROUP;
  world.now_msec = 1000;
  world.stop_msec = -1;
  world.failures = fuzz_take_byte (&world.input);
  if ((world.failures & WORLD_BAD_LIST) != 0)
    world.bad_list_size = fuzz_take (&world.input, world.bad_list,
                                     fuzz_choose (&world.input, MAX_BAD_LIST));
}

static inline WorldProcess *
world_find (int pid)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (pid != 0 && world.processes[i].pid == pid)
      return &world.processes[i];

  return NULL;
}

static inline gboolean
world_has_any (void)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world.processes[i].pid != 0)
      return TRUE;

  return FALSE;
}

static inline gboolean
world_is_child (const WorldProcess *process)
{
  return process != NULL && process->pid != 0 && process->parent == HELPER;
}

/* While the supervisor stops everything, each child that it can know of has been told. Who has come
 * into the command's group after that was told has the rest of the time. */
static inline void
world_check_told (void)
{
  if (!world.was_told_to_stop || world.has_news || (world.failures & WORLD_BAD_LIST) != 0)
    return;

  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      const WorldProcess *process = &world.processes[i];

      if (world_is_child (process) && !process->is_zombie && !process->is_silent &&
          !(world.command_leads && process->group == world.command))
        g_assert_true (process->is_told);
    }
}

/* A child that could have been ended */
static inline gboolean
world_has_mortal_children (void)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world_is_child (&world.processes[i]) && !world.processes[i].is_immortal)
      return TRUE;

  return FALSE;
}

static inline gboolean
world_has_children (void)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world_is_child (&world.processes[i]))
      return TRUE;

  return FALSE;
}

static inline void
world_tell_to_stop (void)
{
  if (!world.was_told_to_stop)
    world.stop_msec = world.now_msec;
  world.was_told_to_stop = TRUE;
}

/* NULL: there is no room */
static inline WorldProcess *
world_add (int parent,
           int group)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world.processes[i].pid == 0)
      {
        world.processes[i] = (WorldProcess) {
          .pid = ++world.last_pid,
          .parent = parent,
          .group = group,
        };
        return &world.processes[i];
      }

  return NULL;
}

/* Whoever loses its parent is the supervisor's. A dead one whose parent lives stays for that. */
static inline void
world_end (WorldProcess *process,
           int           status)
{
  process->is_zombie = TRUE;
  process->is_stopped = process->has_stopped = process->has_continued = FALSE;
  process->status = status;
  world.has_news |= process->parent == HELPER;

  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world.processes[i].pid != 0 && world.processes[i].parent == process->pid)
      {
        world.processes[i].parent = HELPER;
        world.processes[i].is_silent = process->parent != HELPER;
        world.has_news |= world.processes[i].is_zombie;
      }
}

static inline void
world_stop (WorldProcess *process,
            int           signum)
{
  if (process->is_stopped)
    return;
  process->is_stopped = process->has_stopped = TRUE;
  process->has_continued = FALSE;
  process->status = signum;
  world.has_news |= process->parent == HELPER;
}

static inline void
world_continue (WorldProcess *process)
{
  if (!process->is_stopped)
    return;
  process->is_stopped = process->has_stopped = FALSE;
  process->has_continued = TRUE;
  world.has_news |= process->parent == HELPER;
  if (process->is_asked && !process->is_deaf)
    world_end (process, SIGTERM);
}

static inline void
world_get_signal (WorldProcess *process,
                  int           signum)
{
  process->is_told |= signum == SIGKILL || signum == SIGTERM;
  if (process->is_zombie || process->is_immortal)
    return;

  if (signum == SIGKILL)
    world_end (process, SIGKILL);
  else if (signum == SIGSTOP)
    world_stop (process, signum);
  else if (signum == SIGCONT)
    world_continue (process);
  else if (signum == SIGTERM && process->is_stopped)
    process->is_asked = TRUE;
  else if ((signum == SIGTERM || signum == SIGINT || signum == SIGHUP) && !process->is_deaf)
    world_end (process, signum);
}

static inline void
world_check_target (int pid)
{
  gboolean is_good = world_is_child (world_find (ABS (pid)));

  g_assert_true (pid > 1 || pid < -1);
  for (guint i = 0; i < MAX_PROCESSES && pid < 0; i++)
    is_good |= world_is_child (&world.processes[i]) && world.processes[i].group == -pid;
  g_assert_true (is_good);
}

static inline int
world_kill (int pid,
            int signum)
{
  world_check_target (pid);
  if (signum < 0 || signum > 64)
    {
      errno = EINVAL;
      return -1;
    }

  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world.processes[i].pid != 0 &&
        (world.processes[i].pid == pid || world.processes[i].group == -pid))
      world_get_signal (&world.processes[i], signum);

  return 0;
}

static inline int
world_getpgid (int pid)
{
  const WorldProcess *process = world_find (pid);

  return process != NULL ? process->group : -1;
}

static inline int
world_setpgid (void)
{
  errno = EPERM;
  if ((world.failures & WORLD_NO_GROUP) != 0)
    return -1;
  world.helper_group = HELPER;

  return 0;
}

static inline int
world_waitid (idtype_t   type,
              id_t       id,
              siginfo_t *info)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      const WorldProcess *process = &world.processes[i];

      if (world_is_child (process) &&
          (type == P_ALL ||
           (type == P_PID && process->pid == (int) id) ||
           (type == P_PGID && process->group == (int) id)))
        return 0;
    }
  errno = ECHILD;

  return -1;
}

static inline int
world_reap (WorldProcess *process)
{
  int pid = process->pid;

  if (pid == world.command)
    {
      world.command_status = process->status;
      world.command_was_stopped = world.was_told_to_stop;
      if (world.kills_descendants)
        world_tell_to_stop ();
    }
  process->pid = 0;

  return pid;
}

/* FALSE: nothing has happened to it that can be told */
static inline gboolean
world_tell_change (WorldProcess *process,
                   int          *status)
{
  if (process->is_zombie)
    *status = process->status;
  else if (process->has_stopped)
    *status = process->status << 8 | 0x7f;
  else if (process->has_continued)
    *status = 0xffff;
  else
    return FALSE;

  process->has_stopped = process->has_continued = FALSE;

  return TRUE;
}

/* Of one that is waited for without patience, or for which one waits until it has ended */
static inline int
world_waitpid (int  pid,
               int *status)
{
  int unused;

  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      WorldProcess *process = &world.processes[i];

      if (!world_is_child (process) || (pid != -1 && pid != process->pid))
        continue;
      if (pid != -1)
        process->is_zombie = TRUE;
      if (!world_tell_change (process, status != NULL ? status : &unused))
        continue;

      return process->is_zombie ? world_reap (process) : process->pid;
    }
  errno = ECHILD;

  return world_has_children () ? 0 : -1;
}

/* The first is the command; the supervisor makes others only to know their numbers. */
static inline int
world_fork (void)
{
  WorldProcess *process;

  if (world.command == 0 && (world.failures & WORLD_NO_PROCESS) != 0)
    return -1;

  process = world_add (HELPER, HELPER);
  if (process == NULL)
    return -1;

  if (world.command == 0)
    {
      world.command = process->pid;
      process->group = world.command_leads ? process->pid : CALLER_GROUP;
    }
  else
    {
      process->is_zombie = TRUE;
    }

  return process->pid;
}

static inline int
world_pipe (int fds[2])
{
  fds[0] = fds[1] = FAILURE_FD;
  errno = EMFILE;

  return (world.failures & WORLD_NO_PIPE) != 0 ? -1 : 0;
}

static inline int
world_prctl (void)
{
  errno = EPERM;

  return (world.failures & WORLD_NO_PRCTL) != 0 ? -1 : 0;
}

static inline gboolean
world_flip_failure (void)
{
  errno = EPERM;

  return (world.failures & WORLD_NO_PPOLL) != 0;
}

static inline int
world_sigaction (const struct sigaction *action)
{
  g_assert_nonnull (action->sa_handler);

  return 0;
}

/* It does not know who has made the socket. */
static inline int
world_getsockopt (const socklen_t *size)
{
  g_assert_cmpuint (*size, ==, sizeof (struct ucred));

  return -1;
}

static inline int
world_getrusage (struct rusage *usage)
{
  memset (usage, 0, sizeof *usage);

  return 0;
}

static inline int
world_gettime (struct timespec *now)
{
  *now = (struct timespec) { world.now_msec / 1000, world.now_msec % 1000 * 1000000 };

  return 0;
}

/* --- The list of children ----------------------------------------------------------------- */

static inline void
world_list_children (void)
{
  world.text_size = 0;
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world_is_child (&world.processes[i]))
      world.text_size += g_snprintf (world.text + world.text_size, MAX_TEXT - world.text_size,
                                     "%d ", world.processes[i].pid);
}

static inline int
world_open (void)
{
  errno = ENOENT;
  if ((world.failures & WORLD_NO_LIST) != 0)
    return -1;

  if ((world.failures & WORLD_BAD_LIST) != 0)
    {
      world.text_size = world.bad_list_size;
      memcpy (world.text, world.bad_list, world.text_size);
    }
  else
    {
      world_list_children ();
    }

  return LIST_FD;
}

static inline gssize
world_read (int    fd,
            void  *buffer,
            gsize  size)
{
  if (fd == LIST_FD)
    {
      size = MIN (size, world.text_size);
      memcpy (buffer, world.text, size);
      memmove (world.text, world.text + size, world.text_size - size);
      world.text_size -= size;
      return size;
    }

  g_assert_cmpint (fd, ==, FAILURE_FD);
  g_assert_cmpuint (size, ==, sizeof (GpExecFailure));
  if ((world.failures & WORLD_NO_EXEC) == 0)
    return 0;
  *(GpExecFailure *) buffer = (GpExecFailure) { GP_EXEC_STEP_EXEC, ENOENT };

  return sizeof (GpExecFailure);
}

/* --- The program -------------------------------------------------------------------------- */

static inline void
world_lose_program (void)
{
  if (world.dies_with_parent)
    world_tell_to_stop ();
  else
    world.was_released = TRUE;
}

static inline void
world_note_request (const WorldRequest *request)
{
  GpExecRequest known;

  if (request->size != sizeof known)
    {
      world_lose_program ();
      return;
    }

  memcpy (&known, request->bytes, sizeof known);
  if (known.kind == GP_EXEC_REQUEST_STOP || known.kind == GP_EXEC_REQUEST_KILL)
    world_tell_to_stop ();
  else if (known.kind == GP_EXEC_REQUEST_RELEASE)
    world.was_released = TRUE;
}

static inline gssize
world_recv (void  *buffer,
            gsize  size,
            int    flags)
{
  WorldRequest request = { .size = 0 };

  if (world.has_reset)
    {
      world.has_reset = FALSE;
      errno = ECONNRESET;
      return -1;
    }
  if (world.n_requests == 0 && !world.parent_closed)
    {
      errno = EAGAIN;
      return -1;
    }

  if (world.n_requests > 0)
    {
      request = world.requests[0];
      memmove (world.requests, world.requests + 1, --world.n_requests * sizeof request);
    }
  world_note_request (&request);
  memcpy (buffer, request.bytes, MIN (size, request.size));

  return (flags & MSG_TRUNC) != 0 ? request.size : MIN (size, request.size);
}

/* A kind and a value, or any bytes */
static inline void
world_send_request (void)
{
  WorldRequest *request;
  GpExecRequest good;

  if (world.n_requests == MAX_REQUESTS || world.parent_closed)
    return;

  request = &world.requests[world.n_requests++];
  *request = (WorldRequest) { .size = fuzz_choose (&world.input, MAX_REQUEST_SIZE + 1) };
  if (request->size == sizeof good)
    {
      good = (GpExecRequest) { fuzz_choose (&world.input, 5), fuzz_choose (&world.input, 70) - 2 };
      memcpy (request->bytes, &good, sizeof good);
    }
  else
    {
      fuzz_take (&world.input, request->bytes, request->size);
    }
}

/* --- What happens ------------------------------------------------------------------------- */

static inline void
world_process_acts (WorldProcess *process,
                    guint         how)
{
  WorldProcess *child;

  switch (how)
    {
    case 0:
      world_end (process, fuzz_take_byte (&world.input) << 8);
      break;
    case 1:
      child = world_add (process->pid, process->group);
      if (child != NULL)
        child->is_deaf = process->is_deaf;
      break;
    case 2:
      process->group = process->pid;
      break;
    case 3:
      process->group = world.processes[fuzz_choose (&world.input, MAX_PROCESSES)].group;
      process->group = process->group != 0 ? process->group : process->pid;
      break;
    case 4:
      world_stop (process, SIGTSTP);
      break;
    case 5:
      world_continue (process);
      break;
    case 6:
      process->is_deaf = TRUE;
      break;
    default:
      process->is_immortal = world.has_immortal = TRUE;
      break;
    }
}

/* Its parent, which lives, waits for it */
static inline void
world_reap_elsewhere (void)
{
  for (guint i = 0; i < MAX_PROCESSES; i++)
    if (world.processes[i].is_zombie && world.processes[i].parent != HELPER)
      world.processes[i].pid = 0;
}

/* It closes its end, and has left something unread or not; or it dies, and somebody else may still hold
 * the end. */
static inline void
world_program_ends (guint how)
{
  world.parent_closed |= how >= 192 && how < 248;
  world.has_reset |= how >= 216 && how < 232;
  world.parent_died |= how >= 232;
  world.parent = world.parent_died ? 1 : world.parent;
}

static inline void
world_step (gboolean is_listening)
{
  guint what = fuzz_take_byte (&world.input);
  WorldProcess *process = &world.processes[(what >> 3) % MAX_PROCESSES];

  switch (what & 7)
    {
    case 0:
    case 1:
      if (is_listening)
        world_send_request ();
      break;
    case 2:
    case 3:
    case 4:
      if (process->pid != 0 && !process->is_zombie)
        world_process_acts (process, fuzz_choose (&world.input, 8));
      break;
    case 5:
      world_reap_elsewhere ();
      break;
    case 6:
      world_program_ends (what);
      break;
    default:
      break;
    }
}

/* All that does not have to be ended ends by itself: otherwise the supervisor would rightly wait. */
static inline void
world_end_all (void)
{
  gboolean will_stop = world.was_told_to_stop || world.dies_with_parent;

  world.is_over = world.parent_closed = TRUE;
  world.over_msec = world.now_msec;
  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      WorldProcess *process = &world.processes[i];
      gboolean is_command = process->pid == world.command;

      if (process->pid != 0 && !process->is_zombie &&
          !(will_stop || (world.kills_descendants && !is_command)))
        world_end (process, 0);
    }
}
