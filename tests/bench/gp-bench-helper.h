/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A command that bare C starts through gopipe's helper, in the same steps: what gopipe's time would be if
 * nothing but the helper cost any. Launched, it waits until it is permitted. Every failure ends the
 * program. */
typedef enum
{
  HELPER_SUPERVISED = 1 << 0,
  HELPER_BY_GIO     = 1 << 1, /* started and reaped by GSubprocess */
} HelperFlags;

typedef struct
{
  pid_t pid; /* of the helper, which may become the command */
  GSubprocess *process; /* instead */
  int control_fd;
  gboolean supervised;
} HelperChild;

HelperChild helper_launch (const char * const *argv,
                           int                 input,
                           int                 output,
                           HelperFlags         flags);
void        helper_permit (HelperChild        *self);
void        helper_await  (HelperChild        *self);
void        helper_wait   (HelperChild        *self);

G_END_DECLS
