/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-stages.h"
#include "gp-test-util.h"

#include <gio/gfiledescriptorbased.h>

/* All in the main thread. The context is held between run () and gp_test_probe_end () only, so
 * that a probe never keeps a run alive by itself. */
typedef struct
{
  char           *name;
  GpIOPreference  stdin_preference;
  GpIOPreference  stdout_preference;
  GpTestEnd       end;
  GError         *error;       /* owned */
  gboolean        fit;
  gboolean        start_fails;
  gboolean        close_streams;
  char           *seen;
  guint           n_runs;
  GpStageContext *context;     /* owned, (nullable) */
} GpTestProbePrivate;

static void probe_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (GpTestProbe, gp_test_probe, G_TYPE_OBJECT,
                         G_ADD_PRIVATE (GpTestProbe)
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, probe_stage_init))

#define PRIVATE(self) ((GpTestProbePrivate *) gp_test_probe_get_instance_private (self))

/* What the table of edges calls it */
static char *
describe (gpointer stream,
          gboolean lent)
{
  if (stream == NULL)
    return g_strdup ("nil");
  return g_strconcat (G_IS_FILE_DESCRIPTOR_BASED (stream) ? "F" : "o", lent ? "!" : "", NULL);
}

static void
record (GpTestProbe    *self,
        GpStageContext *context)
{
  GpTestProbePrivate *priv = PRIVATE (self);
  g_autofree char *in = describe (gp_stage_context_get_stdin (context),
                                  gp_stage_context_get_stdin_lent (context));
  g_autofree char *out = describe (gp_stage_context_get_stdout (context),
                                   gp_stage_context_get_stdout_lent (context));

  priv->n_runs++;
  g_free (priv->seen);
  priv->seen = g_strconcat (in, "→", out, NULL);
}

static void
report_code (GpStageContext *context,
             GQuark          domain,
             int             code)
{
  g_autoptr (GError) error = g_error_new_literal (domain, code, "told by the test");

  gp_stage_context_return_error (context, error);
}

/* The ends that are reports on the context */
static void
report (GpTestProbe    *self,
        GpStageContext *context,
        GpTestEnd       end)
{
  GpTestProbePrivate *priv = PRIVATE (self);

  if (priv->close_streams)
    {
      gp_stage_context_close_stdin (context);
      gp_stage_context_close_stdout (context);
    }
  if (end == GP_TEST_END_SUCCESS || end == GP_TEST_END_TWICE)
    gp_stage_context_return_success (context);
  if (end == GP_TEST_END_ERROR || end == GP_TEST_END_TWICE)
    gp_stage_context_return_error (context, priv->error);
  if (end == GP_TEST_END_FINISH_EARLY)
    report_code (context, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_FINISH_EARLY);
  if (end == GP_TEST_END_PIPE)
    report_code (context, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
  if (end == GP_TEST_END_FAULT)
    gp_stage_context_return_fault (context, "told by the test");
}

static gboolean
begin (GpTestProbe     *self,
       GpStageContext  *context,
       GError         **error)
{
  GpTestProbePrivate *priv = PRIVATE (self);

  gp_test_watch (context);
  /* The run has it until nobody has the run. */
  gp_test_watch (gp_stage_context_get_cancellable (context));
  record (self, context);
  switch (priv->end)
    {
    case GP_TEST_END_HOLD:
      priv->context = g_object_ref (context);
      return TRUE;
    case GP_TEST_END_DROP:
      return TRUE;
    case GP_TEST_END_RUN_ERROR:
      g_propagate_error (error, g_error_copy (priv->error));
      return FALSE;
    case GP_TEST_END_RUN_NOTHING:
      return FALSE;
    case GP_TEST_END_RUN_BOTH:
      g_propagate_error (error, g_error_copy (priv->error));
      return TRUE;
    default:
      report (self, context, priv->end);
      return TRUE;
    }
}

static char *
probe_get_name (GpStage *stage)
{
  return g_strdup (PRIVATE (GP_TEST_PROBE (stage))->name);
}

static void
probe_preferences (GpStage        *stage,
                   GpIOPreference *stdin_preference,
                   GpIOPreference *stdout_preference)
{
  *stdin_preference = PRIVATE (GP_TEST_PROBE (stage))->stdin_preference;
  *stdout_preference = PRIVATE (GP_TEST_PROBE (stage))->stdout_preference;
}

static gboolean
probe_needs_main_context (GpStage *stage)
{
  return !PRIVATE (GP_TEST_PROBE (stage))->fit;
}

static gboolean
probe_run (GpStage         *stage,
           GpStageContext  *context,
           GError         **error)
{
  return begin (GP_TEST_PROBE (stage), context, error);
}

static void
probe_stage_init (GpStageInterface *iface)
{
  iface->get_name = probe_get_name;
  iface->preferences = probe_preferences;
  iface->needs_main_context = probe_needs_main_context;
  iface->run = probe_run;
}

static void
gp_test_probe_finalize (GObject *object)
{
  GpTestProbePrivate *priv = PRIVATE (GP_TEST_PROBE (object));

  g_free (priv->name);
  g_free (priv->seen);
  g_clear_error (&priv->error);
  g_clear_object (&priv->context);
  G_OBJECT_CLASS (gp_test_probe_parent_class)->finalize (object);
}

static void
gp_test_probe_class_init (GpTestProbeClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gp_test_probe_finalize;
}

static void
gp_test_probe_init (GpTestProbe *self)
{
  PRIVATE (self)->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
}

struct _GpTestStarter
{
  GpTestProbe parent_instance;
};

static void starter_stage_init (GpStageInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpTestStarter, gp_test_starter, GP_TYPE_TEST_PROBE,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, starter_stage_init))

/* (transfer full) data: a task */
static gboolean
start_later_cb (gpointer data)
{
  g_autoptr (GTask) task = data;
  GpTestProbe *self = g_task_get_source_object (task);
  GError *error = NULL;

  if (begin (self, g_task_get_task_data (task), &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  return G_SOURCE_REMOVE;
}

static void
starter_start_async (GpStage             *stage,
                     GpStageContext      *context,
                     GCancellable        *cancellable,
                     GAsyncReadyCallback  callback,
                     gpointer             user_data)
{
  GpTestProbePrivate *priv = PRIVATE (GP_TEST_PROBE (stage));
  g_autoptr (GTask) task = g_task_new (stage, cancellable, callback, user_data);
  g_autoptr (GSource) source = g_idle_source_new ();

  g_task_set_source_tag (task, starter_start_async);
  g_task_set_check_cancellable (task, FALSE);
  if (priv->start_fails)
    {
      gp_stage_context_close_stdin (context);
      gp_stage_context_close_stdout (context);
      g_task_return_error (task, g_error_copy (priv->error));
      return;
    }
  g_task_set_task_data (task, g_object_ref (context), g_object_unref);
  g_source_set_callback (source, start_later_cb, g_object_ref (task), NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
}

static gboolean
starter_start_finish (GpStage       *stage,
                      GAsyncResult  *result,
                      GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
starter_stage_init (GpStageInterface *iface)
{
  iface->run = NULL;
  iface->start_async = starter_start_async;
  iface->start_finish = starter_start_finish;
}

static void
gp_test_starter_class_init (GpTestStarterClass *klass)
{
}

static void
gp_test_starter_init (GpTestStarter *self)
{
}

struct _GpTestPlainStage
{
  GObject parent_instance;
};

static void plain_stage_init (GpStageInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GpTestPlainStage, gp_test_plain_stage, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, plain_stage_init))

static gboolean
plain_run (GpStage         *stage,
           GpStageContext  *context,
           GError         **error)
{
  gp_stage_context_return_success (context);
  return TRUE;
}

static void
plain_stage_init (GpStageInterface *iface)
{
  iface->run = plain_run;
}

static void
gp_test_plain_stage_class_init (GpTestPlainStageClass *klass)
{
}

static void
gp_test_plain_stage_init (GpTestPlainStage *self)
{
}

static GpTestProbe *
probe_new (GType       type,
           const char *name,
           GpTestEnd   end)
{
  GpTestProbe *self = gp_test_watch (g_object_new (type, NULL));

  PRIVATE (self)->name = g_strdup (name);
  PRIVATE (self)->end = end;
  return self;
}

GpTestProbe *
gp_test_probe_new (const char *name,
                   GpTestEnd   end)
{
  return probe_new (GP_TYPE_TEST_PROBE, name, end);
}

GpTestProbe *
gp_test_starter_new (const char *name,
                     GpTestEnd   end)
{
  return probe_new (GP_TYPE_TEST_STARTER, name, end);
}

GpTestProbe *
gp_test_add_probe (GpPipeline *pipeline,
                   const char *name,
                   GpTestEnd   end)
{
  GpTestProbe *self = gp_test_probe_new (name, end);

  gp_pipeline_append (pipeline, GP_STAGE (self));
  return self;
}

void
gp_test_probe_set_preference (GpTestProbe    *self,
                              GpIOPreference  stdin_preference,
                              GpIOPreference  stdout_preference)
{
  PRIVATE (self)->stdin_preference = stdin_preference;
  PRIVATE (self)->stdout_preference = stdout_preference;
}

void
gp_test_probe_set_error (GpTestProbe *self,
                         GError      *error)
{
  g_clear_error (&PRIVATE (self)->error);
  PRIVATE (self)->error = error;
}

void
gp_test_probe_set_fit (GpTestProbe *self,
                       gboolean     fit)
{
  PRIVATE (self)->fit = fit;
}

void
gp_test_probe_set_start_fails (GpTestProbe *self,
                               gboolean     fails)
{
  PRIVATE (self)->start_fails = fails;
}

void
gp_test_probe_set_close (GpTestProbe *self,
                         gboolean     close_streams)
{
  PRIVATE (self)->close_streams = close_streams;
}

void
gp_test_probe_end (GpTestProbe *self,
                   GpTestEnd    end)
{
  g_autoptr (GpStageContext) context = g_steal_pointer (&PRIVATE (self)->context);

  g_assert_nonnull (context);
  report (self, context, end);
}

const char *
gp_test_probe_get_seen (GpTestProbe *self)
{
  return PRIVATE (self)->seen;
}

guint
gp_test_probe_get_n_runs (GpTestProbe *self)
{
  return PRIVATE (self)->n_runs;
}

GpStageContext *
gp_test_probe_get_context (GpTestProbe *self)
{
  return PRIVATE (self)->context;
}

GpTestEnd
gp_test_end_from_letter (char letter)
{
  switch (letter)
    {
    case '-':
      return GP_TEST_END_SUCCESS;
    case 'P':
      return GP_TEST_END_PIPE;
    case 'F':
      return GP_TEST_END_FINISH_EARLY;
    default:
      return GP_TEST_END_ERROR;
    }
}
