/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* What the module exports, for a program without GLib. All return 0 if it has worked. */

/* A GpFunction */
typedef int (*GpTestCallback) (void  *input,
                               void  *output,
                               void  *context,
                               void  *user_data,
                               void **error);

/* Runs a pipeline of commands and a function of the module */
int gp_test_plugin_run   (const char     *child);
/* Starts one of a function, which may stay longer than the module, and a command, and forgets it */
int gp_test_plugin_start (const char     *child,
                          GpTestCallback  func);
