/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-finishers.h"
#include "gp-test-util.h"

#include <string.h>

/* A stage of each kind takes the first lines of its input, passes them on, and wants no more; or it
 * stands before one that does so. Everywhere in a pipeline, and run by either kind of call, that is
 * a success: what was passed on arrives whole, and whoever wrote more is excused. */

/* --- Commands, and what is around other stages ---------------------------------------------- */

static GpStage *
make_yes (gconstpointer data)
{
  return GP_STAGE (gp_test_child_new ("yes", GP_TEST_FINISHER_TEXT, NULL));
}

/* t takes, c is a command that copies, y one that writes for ever, m a meter, n another pipeline */
static GpStage *
make_nested (gconstpointer data)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  for (const char *p = data; *p != '\0'; p++)
    {
      GpStage *stage;

      if (*p == 't')
        stage = gp_test_finisher_new ("function");
      else if (*p == 'm')
        stage = gp_test_finisher_new ("after-meter");
      else if (*p == 'n')
        stage = make_nested ("ct");
      else if (*p == 'y')
        stage = make_yes (NULL);
      else
        stage = GP_STAGE (gp_test_child_new ("cat", NULL));
      gp_pipeline_append (pipeline, stage);
    }
  return GP_STAGE (pipeline);
}

static GpErrorAction
enough_func (const GError  *error,
             gpointer       user_data,
             GError       **replacement)
{
  gp_test_finisher_had_enough (replacement);
  return GP_ERROR_ACTION_KEEP;
}

static GpErrorAction
fault_func (GpStage     *stage,
            const char  *message,
            gpointer     user_data,
            GError     **error)
{
  gp_test_finisher_had_enough (error);
  return GP_ERROR_ACTION_KEEP;
}

static GpErrorAction
keep_func (const GError  *error,
           gpointer       user_data,
           GError       **replacement)
{
  return GP_ERROR_ACTION_KEEP;
}

static GpStage *
filtered (GpStage               *stage,
          GpErrorFilterFunction  func)
{
  return GP_STAGE (gp_error_filter_stage_new (stage, func, NULL, NULL));
}

static GpStage *
watched (GpStage *stage)
{
  return GP_STAGE (gp_memory_watch_stage_new (stage, G_MAXUINT32));
}

/* A command cannot say that it had enough, but a filter can for it. */
static GpStage *
make_head (void)
{
  g_autofree char *size = g_strdup_printf ("%zu", GP_TEST_FINISHER_N_BYTES);

  return GP_STAGE (gp_test_child_new ("head", size, "3", NULL));
}

static GpStage *
make_filtered (gconstpointer data)
{
  return filtered (gp_test_finisher_new ("function"), keep_func);
}

static GpStage *
make_filtered_fault (gconstpointer data)
{
  return filtered (gp_test_finisher_new ("function-fault"), enough_func);
}

static GpStage *
make_filtered_head (gconstpointer data)
{
  return filtered (make_head (), enough_func);
}

static GpStage *
make_filtered_watched_head (gconstpointer data)
{
  return filtered (watched (make_head ()), enough_func);
}

static GpStage *
make_watched_filtered_head (gconstpointer data)
{
  return watched (filtered (make_head (), enough_func));
}

static GpStage *
make_watched (gconstpointer data)
{
  return watched (make_nested (data));
}

static GpStage *
make_filtered_yes (gconstpointer data)
{
  return filtered (make_yes (NULL), keep_func);
}

static GpStage *
make_watched_yes (gconstpointer data)
{
  return watched (make_yes (NULL));
}

static const GpTestFinisher wrapped[] = {
  { "filter", make_filtered },
  { "filter-replaces", make_filtered_fault },
  { "filter-command", make_filtered_head },
  { "filter-watch-command", make_filtered_watched_head },
  { "watch-filter-command", make_watched_filtered_head },
  { "watch-nested", make_watched, "tc", "F-" },
  { "watch-nested-last", make_watched, "ct", "PF" },

  { "nested-alone", make_nested, "t", "F" },
  { "nested-first", make_nested, "tc", "F-" },
  { "nested-middle", make_nested, "ctc", "PF-" },
  { "nested-last", make_nested, "ct", "PF" },
  { "nested-twice", make_nested, "n", "F" },
  { "nested-twice-middle", make_nested, "cnc", "PF-" },
  { "meter", make_nested, "mtm", "PF-" },

  { "after-command", make_yes, .is_endless = TRUE },
  { "after-filter", make_filtered_yes, .is_endless = TRUE },
  { "after-watch", make_watched_yes, .is_endless = TRUE },
  { "after-nested", make_nested, "yc", "PP", .is_endless = TRUE },
  { NULL, NULL },
};

/* --- Where they stand ----------------------------------------------------------------------- */

typedef enum
{
  ALONE,
  FIRST,
  MIDDLE,
  LAST,
  N_POSITIONS
} Position;

typedef struct
{
  const GpTestFinisher *kind;
  Position              position;
} Case;

/* @letters: as in the table of outcomes */
static void
assert_statuses (GListModel *statuses,
                 const char *letters)
{
  g_assert_cmpuint (g_list_model_get_n_items (statuses), ==, strlen (letters));
  for (guint i = 0; letters[i] != '\0'; i++)
    {
      g_autoptr (GpStageStatus) status = g_list_model_get_item (statuses, i);
      g_autoptr (GError) error = gp_stage_status_dup_error (status);
      GpStageState state = gp_stage_status_get_state (status);

      if (letters[i] == 'F')
        g_assert_cmpint (state, ==, GP_STAGE_STATE_FINISHED_EARLY);
      else if (letters[i] == '-')
        g_assert_cmpint (state, ==, GP_STAGE_STATE_SUCCEEDED);
      else
        g_assert_true (state == GP_STAGE_STATE_FAILED && gp_error_matches_pipe (error));
    }
}

static gboolean
has_before (const Case *self)
{
  return self->position == MIDDLE || self->position == LAST;
}

static gboolean
has_after (const Case *self)
{
  return self->position == FIRST || self->position == MIDDLE;
}

static GpPipeline *
make_pipeline (const Case    *self,
               GOutputStream *output)
{
  GpPipeline *pipeline = gp_test_pipeline_new ();

  if (has_before (self))
    {
      gp_test_add_child (pipeline, "yes", GP_TEST_FINISHER_TEXT, NULL);
    }
  else
    {
      g_autoptr (GInputStream) input =
        g_memory_input_stream_new_from_bytes (gp_test_finisher_input ());

      gp_pipeline_set_stdin (pipeline, input);
    }
  gp_pipeline_append (pipeline, gp_test_watch (self->kind->make (self->kind->data)));
  if (self->kind->is_endless)
    gp_pipeline_append (pipeline, gp_test_finisher_new ("function"));
  if (has_after (self))
    gp_test_add_child (pipeline, "checksum", NULL);
  gp_pipeline_set_stdout (pipeline, output);
  if (self->kind->is_fault)
    gp_pipeline_set_fault_handler (pipeline, fault_func, NULL, NULL);
  return pipeline;
}

static void
assert_fared (const Case *self,
              GpPipeline *pipeline)
{
  guint index = has_before (self) ? 1 : 0;
  g_autofree char *letters = g_strconcat (has_before (self) ? "P" : "",
                                          self->kind->is_endless ? "PF" : "F",
                                          has_after (self) ? "-" : "", NULL);

  assert_statuses (gp_pipeline_get_stages (pipeline), letters);
  if (self->kind->children != NULL)
    assert_statuses (gp_stage_status_get_children (gp_pipeline_get_status (pipeline, index)),
                     self->kind->children);
}

/* The lines themselves, or what the command after has counted */
static void
assert_output (const Case    *self,
               GOutputStream *output)
{
  GMemoryOutputStream *memory = G_MEMORY_OUTPUT_STREAM (output);
  const char *expected = g_bytes_get_data (gp_test_finisher_input (), NULL);
  gsize size = self->kind->takes_nothing ? 0 : GP_TEST_FINISHER_N_BYTES;
  g_autofree char *counted = NULL;

  if (has_after (self))
    {
      guint64 sum = gp_test_checksum (GP_TEST_CHECKSUM_INIT, (const guint8 *) expected, size);

      counted = g_strdup_printf ("%zu %016" G_GINT64_MODIFIER "x\n", size, sum);
      expected = counted;
      size = strlen (counted);
    }
  g_assert_cmpmem (g_memory_output_stream_get_data (memory),
                   g_memory_output_stream_get_data_size (memory), expected, size);
}

static void
run_case (const Case *self,
          gboolean    synchronous)
{
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  g_autoptr (GpPipeline) pipeline = make_pipeline (self, output);
  g_autoptr (GError) error = NULL;

  if (!synchronous)
    {
      gp_test_run_pipeline (pipeline, NULL, &error);
    }
  else
    {
      gp_pipeline_run (pipeline, NULL, &error);
      if (gp_stage_needs_main_context (GP_STAGE (pipeline)))
        {
          g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_NEEDS_MAIN_CONTEXT);
          return;
        }
    }
  g_assert_no_error (error);
  assert_fared (self, pipeline);
  assert_output (self, output);
}

static void
test_case (gconstpointer data)
{
  run_case (data, FALSE);
  run_case (data, TRUE);
}

static void
add_cases (const GpTestFinisher *table)
{
  static const char * const positions[N_POSITIONS] = { "alone", "first", "middle", "last" };
  static Case cases[(G_N_ELEMENTS (wrapped) + 50) * N_POSITIONS];
  static guint n = 0;

  for (; table->name != NULL; table++)
    for (guint position = 0; position < N_POSITIONS; position++)
      {
        g_autofree char *path = g_strdup_printf ("/finish-early/%s/%s", table->name,
                                                 positions[position]);

        g_assert_cmpuint (n, <, G_N_ELEMENTS (cases));
        cases[n] = (Case) { table, position };
        gp_test_add_data (path, &cases[n++], test_case);
      }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  add_cases (gp_test_finishers);
  add_cases (wrapped);
  return gp_test_run ();
}
