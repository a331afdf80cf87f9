/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "gp-test-leash.h"

G_BEGIN_DECLS

/* What the tests of supervised commands share */

/* Longer than any test */
#define LONG_DELAY (600 * 1000)

static inline gboolean
may_escape (const char *how)
{
  return strchr (how, 's') != NULL;
}

/* A pipeline of one command that leaves a descendant behind */
static inline GpPipeline *
new_leaving (const char      *how,
             const char      *end,
             Leash           *leash,
             GpCommandStage **command)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  *command = gp_test_add_child (pipeline, "leave", how, end, NULL);
  leash_attach (leash, *command);
  /* Who ignores SIGTERM is killed soon; all others have to be reached by it. */
  gp_command_stage_set_kill_delay (*command, strchr (how, 'i') != NULL ? 1 : LONG_DELAY);
  return pipeline;
}

static inline void
start (GpPipeline *pipeline,
       Leash      *leash)
{
  g_autoptr (GError) error = NULL;

  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);
  leash_await_ready (leash);
}

static inline pid_t
get_parent (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *text = NULL;
  int parent = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpint (sscanf (strrchr (text, ')'), ") %*c %d", &parent), ==, 1);
  return parent;
}

static inline pid_t
get_supervisor (GpPipeline *pipeline)
{
  GpStageStatus *status = gp_pipeline_get_status (pipeline, 0);
  pid_t pid = get_parent (gp_stage_status_get_pid (status));

  g_assert_cmpint (pid, !=, getpid ());
  g_assert_cmpint (get_parent (pid), ==, getpid ());
  return pid;
}

static inline void
add_both (const char    *path,
          GTestDataFunc  func)
{
  g_autofree char *supervised = g_strconcat (path, "/supervised", NULL);
  g_autofree char *unsupervised = g_strconcat (path, "/unsupervised", NULL);

  gp_test_add_data (supervised, GINT_TO_POINTER (TRUE), func);
  gp_test_add_data (unsupervised, GINT_TO_POINTER (FALSE), func);
}

G_END_DECLS
