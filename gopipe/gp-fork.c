/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fork-private.h"

#include <gio/gio.h>
#include <pthread.h>

static int is_copy; /* (atomic) */

static void
become_copy (void)
{
  g_atomic_int_set (&is_copy, TRUE);
}

static void
watch_forks (void)
{
  pthread_atfork (NULL, NULL, become_copy);
}

/* Not GLib's way to do something once: a copy that was made in the middle would wait for ever. */
gboolean
gp_fork_check (GError **error)
{
  static pthread_once_t watching = PTHREAD_ONCE_INIT;

  pthread_once (&watching, watch_forks);
  if (!gp_fork_is_copy ())
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       "the program has forked after it used gopipe, whose threads are not in this "
                       "process; execute a program in it to use gopipe here");

  return FALSE;
}

gboolean
gp_fork_is_copy (void)
{
  return g_atomic_int_get (&is_copy);
}
