/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-fault-run.h"

G_BEGIN_DECLS

/* What the runs do whose system calls fail: pipelines of all kinds of stages, from a program that
 * has not run any before. Each ends with everything as it should be, or with an error that tells
 * what failed. */

typedef struct
{
  const char *name;
  gboolean    supervised;
} GpTestMode;

extern const GpTestMode gp_test_modes[2];

typedef struct
{
  const GpTestMode *mode;
  gboolean          may_not_fail; /* the call can be made once more, or is not needed */
} GpTestScene;

/* The scenes are GpTestRunFunc, and their data are a GpTestScene */
typedef struct
{
  const char    *name;
  GpTestRunFunc  func;
} GpTestSceneKind;

/* What is fed through commands, functions, lines and a nested pipeline; a file that replaces
 * another one; commands that do not want to end, and are stopped; a command that is not there, for
 * which the right error is the success; one with a terminal, a directory and limits */
#define GP_TEST_N_SCENES 5
extern const GpTestSceneKind gp_test_scenes[GP_TEST_N_SCENES];

/* In a folder of its own, which is removed when the program ends */
void        gp_test_scenes_init       (void);
const char *gp_test_scenes_get_folder (void);

/* What of a run was armed is over: nothing is left, and the next pipeline works. What GLib and the
 * library keep for good are four contexts, with @n_more descriptors more than one for each. */
void gp_test_scene_end   (GpTestReport *report,
                          guint         n_fds_before,
                          guint         n_more);

/* Takes note of how it has ended, and frees the error */
void gp_test_scene_judge (GpTestReport  *report,
                          gboolean       success,
                          GError       **error);

G_END_DECLS
