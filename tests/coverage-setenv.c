/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

/* Linked with everything that counts for `./dev check coverage`, with --wrap=setenv: what counts
 * leaves a note to itself in the environment of its process, which commands would inherit. */

#define HIDDEN __attribute__ ((visibility ("hidden")))

int __real_setenv (const char *name, const char *value, int overwrite);
HIDDEN int __wrap_setenv (const char *name, const char *value, int overwrite);

int
__wrap_setenv (const char *name,
               const char *value,
               int         overwrite)
{
  return strncmp (name, "__LLVM_", 7) == 0 ? 0 : __real_setenv (name, value, overwrite);
}
