/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* The last steps of a new process before it becomes the command. Compiled into the helper
 * program gopipe-exec, which is started by posix_spawn () so that starting does not depend on
 * the size of the program, and into the library, which runs them in a forked child where the
 * helper is missing. Hence nothing here uses GLib, allocates, or locks. */

#include <stdint.h>

/* Raised with each change of the arguments or of the reports: the helper and the library are
 * two files, and one may be older than the other. */
#define GP_EXEC_PROTOCOL 1

/* The arguments of gopipe-exec, in this order, and then those of the command:
 *   the protocol, in decimal
 *   the mode: "exec"
 *   the process group: "own" or "same"
 *   descriptors to keep, in decimal, with commas between them, or ""
 *   the directory to change to, or ""
 * The environment is the command's. */
#define GP_EXEC_N_ARGUMENTS 5

/* In the child, one end of a pair of sockets. It reports there, and before it goes on after the
 * first report it reads one byte, whatever that is. If the process could end before GLib watches
 * it, then in a program that ignores SIGCHLD or waits for any child GLib would wait for ever. */
#define GP_EXEC_CONTROL_FD 3

typedef enum
{
  GP_EXEC_STEP_HELLO,        /* no failure: the first report of a child; value is the protocol */
  GP_EXEC_STEP_ARGUMENTS,    /* the helper does not understand its arguments */
  GP_EXEC_STEP_DESCRIPTORS,  /* putting 0, 1, 2 and the control descriptor in order */
  GP_EXEC_STEP_SIGNALS,      /* resetting signals */
  GP_EXEC_STEP_GROUP,        /* setpgid () */
  GP_EXEC_STEP_DIRECTORY,    /* chdir () */
  GP_EXEC_STEP_EXEC,         /* finding and executing the program */
  GP_EXEC_STEP_INTERPRETER,  /* the program is there, but not the interpreter that it names */
} GpExecStep;

/* What the child writes. The end of file after a HELLO means success. */
typedef struct
{
  uint32_t step;
  int32_t  value; /* errno, or the protocol */
} GpExecReport;

typedef struct
{
  const char  *directory;  /* NULL: stay */
  char       **argv;
  char       **environ;
  int          own_group;
  const int   *keep_fds;   /* descriptors besides 0, 1, 2 and the control descriptor */
  unsigned     n_keep_fds;
} GpExecPlan;

/* Does not return: executes the command, or reports and exits. */
void gp_exec_run  (const GpExecPlan *plan) __attribute__ ((noreturn));

/* Reports, and exits */
void gp_exec_fail (GpExecStep step, int errsv) __attribute__ ((noreturn));
