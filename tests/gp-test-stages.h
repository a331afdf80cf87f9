/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

G_BEGIN_DECLS

/* Stages made for tests: they do as they are told, and record what they were given. */

typedef enum
{
  GP_TEST_END_SUCCESS,
  GP_TEST_END_ERROR,        /* with GpTestProbe.error */
  GP_TEST_END_FINISH_EARLY,
  GP_TEST_END_PIPE,
  GP_TEST_END_FAULT,
  GP_TEST_END_HOLD,         /* until gp_test_probe_end () */
  GP_TEST_END_DROP,         /* never, and forgets the context */
  GP_TEST_END_RUN_ERROR,    /* run () returns FALSE with an error */
  GP_TEST_END_RUN_NOTHING,  /* run () returns FALSE without one */
  GP_TEST_END_RUN_BOTH,     /* run () returns TRUE with one */
  GP_TEST_END_TWICE,        /* reports a success and then an error */
} GpTestEnd;

/* As in the table of outcomes: '-' is success, 'P' a pipe error, 'F' an early finish, and all else an
 * error */
GpTestEnd       gp_test_end_from_letter      (char            letter);

#define GP_TYPE_TEST_PROBE (gp_test_probe_get_type ())
G_DECLARE_DERIVABLE_TYPE (GpTestProbe, gp_test_probe, GP, TEST_PROBE, GObject)

struct _GpTestProbeClass
{
  GObjectClass parent_class;
};

/* The same stage, with start_async () and start_finish () in place of run () */
#define GP_TYPE_TEST_STARTER (gp_test_starter_get_type ())
G_DECLARE_FINAL_TYPE (GpTestStarter, gp_test_starter, GP, TEST_STARTER, GpTestProbe)

/* A stage that keeps every default of the interface but run (), and succeeds at once */
#define GP_TYPE_TEST_PLAIN_STAGE (gp_test_plain_stage_get_type ())
G_DECLARE_FINAL_TYPE (GpTestPlainStage, gp_test_plain_stage, GP, TEST_PLAIN_STAGE, GObject)

/* Both watch the new stage. */
GpTestProbe    *gp_test_probe_new            (const char     *name,
                                              GpTestEnd       end);
GpTestProbe    *gp_test_starter_new          (const char     *name,
                                              GpTestEnd       end);
GpTestProbe    *gp_test_add_probe            (GpPipeline     *pipeline,
                                              const char     *name,
                                              GpTestEnd       end);

void            gp_test_probe_set_preference (GpTestProbe    *self,
                                              GpIOPreference  stdin_preference,
                                              GpIOPreference  stdout_preference);
/* Owned by the probe; the default is G_IO_ERROR_FAILED with the message "broken" */
void            gp_test_probe_set_error      (GpTestProbe    *self,
                                              GError         *error);
/* A stage that does not need the main context may take part in synchronous calls */
void            gp_test_probe_set_fit        (GpTestProbe    *self,
                                              gboolean        fit);
/* Of a starter: start_finish () fails with the error */
void            gp_test_probe_set_start_fails (GpTestProbe   *self,
                                               gboolean       fails);
void            gp_test_probe_set_close      (GpTestProbe    *self,
                                              gboolean        close_streams);

/* Ends a probe that holds */
void            gp_test_probe_end            (GpTestProbe    *self,
                                              GpTestEnd       end);

/* What it saw: "F!→o" as in the table of edges; NULL if it was not started */
const char     *gp_test_probe_get_seen       (GpTestProbe    *self);
guint           gp_test_probe_get_n_runs     (GpTestProbe    *self);
/* Of a probe that holds (transfer none) */
GpStageContext *gp_test_probe_get_context    (GpTestProbe    *self);

G_END_DECLS
