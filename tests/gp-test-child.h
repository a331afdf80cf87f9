/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stddef.h>
#include <stdint.h>

/* What the files of the child program share */

/* Exit status of a child that could not do what it was asked */
#define EXIT_BROKEN 99

/* Both end the program where they fail. */
void     write_all       (int         fd,
                          const void *data,
                          size_t      size);
size_t   read_some       (void       *data,
                          size_t      size);
void     print           (int         fd,
                          const char *format,
                          ...) __attribute__ ((format (printf, 2, 3)));

/* Until killed. The alarm is for a child that its test has lost. */
int      wait_for_kill   (void);

/* An argument, or 0 */
uint64_t number          (int         argc,
                          char      **argv,
                          int         index);

typedef int (*Mode) (int argc, char **argv);

typedef struct
{
  const char *name;
  Mode        mode;
} NamedMode;

/* gp-test-child-leash.c: what has descendants on a leash. The last one has no name. */
extern const NamedMode leash_modes[];

/* gp-test-child-system.c: what has to do with limits, descriptors and terminals. The last one has
 * no name. */
extern const NamedMode system_modes[];
