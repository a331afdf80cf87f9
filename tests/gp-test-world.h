/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stdlib.h>

#include "gp-spawn-private.h"
#include "gp-test-util.h"

/* What the tests of odd machines share: each is run with the helper and by a fork, with a supervisor
 * and without. */

#define WORLD_N_WAYS 4

/* The way of the test case that runs */
static gboolean with_helper;
static gboolean supervised;

typedef struct
{
  void     (*run) (void);
  gboolean with_helper;
  gboolean supervised;
} WorldCase;

static inline void
world_set_way (gboolean is_with_helper,
               gboolean is_supervised)
{
  with_helper = is_with_helper;
  supervised = is_supervised;
  gp_spawn_set_helper (with_helper ? g_getenv ("GOPIPE_EXEC") : NULL);
}

static inline void
world_run_case (gconstpointer data)
{
  const WorldCase *self = data;

  world_set_way (self->with_helper, self->supervised);
  self->run ();
}

static inline void
world_add (const char *name,
           void       (*test) (void))
{
  static WorldCase cases[128];
  static gsize n_cases;

  for (int way = 0; way < WORLD_N_WAYS; way++)
    {
      WorldCase *one = &cases[n_cases++];
      g_autofree char *path = NULL;

      g_assert_cmpuint (n_cases, <=, G_N_ELEMENTS (cases));
      *one = (WorldCase) { test, (way & 1) == 0, (way & 2) == 0 };
      path = g_strdup_printf ("/world/%s/%s/%s",
                              name,
                              one->with_helper ? "helper" : "fork",
                              one->supervised ? "supervised" : "alone");
      gp_test_add_data (path, one, world_run_case);
    }
}

/* A command in the way of the test case */
static inline GpCommandStage *
world_append (GpPipeline         *pipeline,
              const char * const *argv)
{
  GpCommandStage *stage = gp_command_stage_newv (argv);

  gp_command_stage_set_name (stage, "child");
  gp_command_stage_set_supervised (stage, supervised);
  gp_pipeline_append (pipeline, GP_STAGE (stage));
  return stage;
}

#define WORLD_CHILD(...) ((const char * const []) { gp_test_child (), __VA_ARGS__, NULL })

/* It names the stage and tells why */
static inline void
world_assert_start_error (const GError *error)
{
  const char *start = "starting stage \"child\": ";

  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  if ((error->domain != G_SPAWN_ERROR && error->domain != G_IO_ERROR) ||
      !g_str_has_prefix (error->message, start) || strlen (error->message) < strlen (start) + 8)
    g_error ("no clear error of a start: \"%s\"", error->message);
}
