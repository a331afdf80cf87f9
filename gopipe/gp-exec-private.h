/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* What a new process does before it becomes the command, or the parent of the command. Compiled
 * into the helper program gopipe-exec, which is started by posix_spawn () so that starting does
 * not depend on the size of the program, and into the library, which runs it in a forked child
 * where the helper is missing. Hence nothing here uses GLib, allocates, or locks. */

#include <stdint.h>
#include <sys/types.h>

/* Raised with each change of the arguments or of the messages: the helper and the library are
 * two files, and one may be older than the other. */
#define GP_EXEC_PROTOCOL 2

/* The arguments of gopipe-exec, in this order, and then those of the command. Numbers are
 * decimal, lists have commas between their elements, and may be empty.
 *   the protocol
 *   the control descriptor
 *   what to do: letters of GpExecFlags
 *   descriptors to keep
 *   resource limits: resource, soft limit, hard limit, resource, …
 *   what is added to the nice value
 *   milliseconds between asking descendants to end and killing them
 *   the directory to change to, or ""
 * The environment is the command's. */
#define GP_EXEC_N_ARGUMENTS 8

#define GP_EXEC_MAX_KEEP   64
#define GP_EXEC_MAX_LIMITS 16

/* The control descriptor is, in the child, one end of a pair of sockets that keep messages apart.
 * It reports there, and before it goes on after the first report it reads one byte, whatever that
 * is. If the process could end before GLib watches it, then in a program that ignores SIGCHLD or
 * waits for any child GLib would wait for ever. */
typedef enum
{
  GP_EXEC_STEP_HELLO,        /* no failure: the first report of a child; value is the protocol */
  GP_EXEC_STEP_ARGUMENTS,    /* the helper does not understand its arguments */
  GP_EXEC_STEP_DESCRIPTORS,  /* putting descriptors in order */
  GP_EXEC_STEP_SIGNALS,      /* resetting signals */
  GP_EXEC_STEP_PROCESS,      /* making the process of the command */
  GP_EXEC_STEP_GROUP,        /* its process group or session */
  GP_EXEC_STEP_TERMINAL,     /* its controlling terminal */
  GP_EXEC_STEP_DIRECTORY,    /* chdir () */
  GP_EXEC_STEP_NICE,         /* its niceness */
  GP_EXEC_STEP_LIMIT,        /* a resource limit */
  GP_EXEC_STEP_EXEC,         /* finding and executing the program */
  GP_EXEC_STEP_INTERPRETER,  /* the program is there, but not the interpreter that it names */

  /* From here on only where the helper stays */
  GP_EXEC_STEP_STARTED,      /* the command was executed; value is its process id */
  GP_EXEC_STEP_STOPPED,      /* value is the signal */
  GP_EXEC_STEP_CONTINUED,
  GP_EXEC_STEP_ENDED,        /* the command has ended; value is what wait () has told */
  GP_EXEC_STEP_GONE,         /* and so has everything that it has left; the helper ends */
} GpExecStep;

typedef enum
{
  GP_EXEC_OWN_GROUP        = 1 << 0, /* 'g': a process group of its own */
  GP_EXEC_TERMINAL         = 1 << 1, /* 't': a session of its own on the terminal that is stdout */
  GP_EXEC_SUPERVISE        = 1 << 2, /* 's': the helper stays as the parent of the command */
  GP_EXEC_DIE_WITH_PARENT  = 1 << 3, /* 'p': all ends when the control descriptor's other end does */
  GP_EXEC_KILL_DESCENDANTS = 1 << 4, /* 'k': what the command has left is ended */
} GpExecFlags;

/* Of GP_EXEC_STEP_ENDED */
typedef enum
{
  GP_EXEC_ENDED_DESCENDANTS = 1 << 0, /* some are left */
  GP_EXEC_ENDED_WAS_STOPPED = 1 << 1, /* we were asked before to end it */
} GpExecEndedFlags;

/* What the child writes. The end of file after a HELLO means that the command was executed, unless
 * the helper stays, which says so. */
typedef struct
{
  uint32_t step;
  int32_t  value;       /* errno, unless the step says otherwise */
  uint32_t flags;
  uint32_t has_usage;   /* the rest is known: of the command and of descendants that have ended */
  int64_t  user_usec;
  int64_t  system_usec;
  int64_t  peak_bytes;  /* the largest of their processes; -1: not known */
} GpExecReport;

/* What the library tells a helper that stays. When it closes its end without a word, the program
 * has died. */
typedef enum
{
  GP_EXEC_REQUEST_SIGNAL,  /* value is a signal for the command's group */
  GP_EXEC_REQUEST_STOP,    /* end everything: ask, wait, kill */
  GP_EXEC_REQUEST_KILL,    /* end everything now */
  GP_EXEC_REQUEST_RELEASE, /* when the command has ended, leave its descendants to themselves */
} GpExecRequestKind;

typedef struct
{
  uint32_t kind;
  int32_t  value;
} GpExecRequest;

typedef struct
{
  int      resource; /* RLIMIT_… */
  uint64_t soft;     /* UINT64_MAX: none; what the hard limit forbids is cut */
  uint64_t hard;
} GpExecLimit;

typedef struct
{
  const char        *directory;  /* NULL: stay */
  char             **argv;
  char             **environ;
  unsigned           flags;      /* GpExecFlags */
  int                control_fd;
  const int         *keep_fds;   /* descriptors besides 0, 1, 2 and the control descriptor */
  unsigned           n_keep_fds;
  const GpExecLimit *limits;
  unsigned           n_limits;
  int                nice_increment;
  unsigned           kill_delay; /* milliseconds */
  int                is_fork;    /* of the program: what it has used tells nothing of the command */
} GpExecPlan;

typedef struct
{
  GpExecStep step;
  int        errsv;
} GpExecFailure;

/* Does not return: executes the command or supervises it, or reports and exits. */
void          gp_exec_run       (const GpExecPlan   *plan) __attribute__ ((noreturn));

/* Reports, and exits */
void          gp_exec_fail      (int                 control_fd,
                                 GpExecFailure       failure) __attribute__ ((noreturn));

/* Exits, after all that it was told */
void          gp_exec_leave     (int                 control_fd,
                                 int                 status) __attribute__ ((noreturn));

/* The last steps, in the process that becomes the command; returns only if one fails. @caller_group
 * is the one to be in without GP_EXEC_OWN_GROUP. */
GpExecFailure gp_exec_become    (const GpExecPlan   *plan,
                                 pid_t               caller_group);

/* Returns 0 if it could not be sent */
int           gp_exec_send      (int                 control_fd,
                                 const GpExecReport *report);

/* Closes all descriptors but those of @keep, which has no particular order */
void          gp_exec_close_all (int                 first,
                                 const int          *keep,
                                 unsigned            n_keep);

/* gp-supervise.c: starts the command and stays as its parent */
void          gp_supervise_run  (const GpExecPlan   *plan) __attribute__ ((noreturn));
