/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

/* Classes of stages as somebody may write them: some start another stage in their place, and some
 * lack what the interface asks for. Each alone and in a decorator, started in the main context and
 * in a thread. */

typedef struct
{
  GObject  parent_instance;
  GpStage *inner; /* owned, (nullable) */
  gboolean fit;   /* for a thread */
} TestStage;

typedef struct
{
  GObjectClass parent_class;
} TestStageClass;

typedef struct
{
  TestStage parent_instance;
} TestProxy;

typedef struct
{
  TestStageClass parent_class;
} TestProxyClass;

typedef TestStage TestSilent;
typedef TestStageClass TestSilentClass;
typedef GpThreadStage TestIdle;
typedef GpThreadStageClass TestIdleClass;

/* --- One that implements nothing ---------------------------------------------------------- */

static GType test_stage_get_type (void);
static void test_stage_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestStage, test_stage, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_stage_stage_init))

static gboolean
test_stage_needs_main_context (GpStage *stage)
{
  return !((TestStage *) stage)->fit;
}

static void
test_stage_stage_init (GpStageInterface *iface)
{
  iface->needs_main_context = test_stage_needs_main_context;
}

static void
test_stage_finalize (GObject *object)
{
  g_clear_object (&((TestStage *) object)->inner);

  G_OBJECT_CLASS (test_stage_parent_class)->finalize (object);
}

static void
test_stage_class_init (TestStageClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = test_stage_finalize;
}

static void
test_stage_init (TestStage *self)
{
}

/* --- One that starts another -------------------------------------------------------------- */

static GType test_proxy_get_type (void);
static void test_proxy_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestProxy, test_proxy, test_stage_get_type (),
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_proxy_stage_init))

static void
test_proxy_start_async (GpStage             *stage,
                        GpStageContext      *context,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  gp_stage_start_async (((TestStage *) stage)->inner, context, cancellable, callback, user_data);
}

static gboolean
test_proxy_start_finish (GpStage       *stage,
                         GAsyncResult  *result,
                         GError       **error)
{
  return gp_stage_start_finish (((TestStage *) stage)->inner, result, error);
}

static void
test_proxy_stage_init (GpStageInterface *iface)
{
  iface->start_async = test_proxy_start_async;
  iface->start_finish = test_proxy_start_finish;
}

static void
test_proxy_class_init (TestProxyClass *klass)
{
}

static void
test_proxy_init (TestProxy *self)
{
}

/* --- One that starts another when it says to have been started already --------------------- */

typedef TestProxy TestEarly;
typedef TestProxyClass TestEarlyClass;

static GType test_early_get_type (void);
static void test_early_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestEarly, test_early, test_stage_get_type (),
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_early_stage_init))

static void
test_early_start_async (GpStage             *stage,
                        GpStageContext      *context,
                        GCancellable        *cancellable,
                        GAsyncReadyCallback  callback,
                        gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stage, NULL, callback, user_data);

  g_task_return_boolean (task, TRUE);
  gp_stage_start_async (((TestStage *) stage)->inner, context, cancellable, NULL, NULL);
}

static gboolean
test_early_start_finish (GpStage       *stage,
                         GAsyncResult  *result,
                         GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
test_early_stage_init (GpStageInterface *iface)
{
  iface->start_async = test_early_start_async;
  iface->start_finish = test_early_start_finish;
}

static void
test_early_class_init (TestEarlyClass *klass)
{
}

static void
test_early_init (TestEarly *self)
{
}

/* --- One that does not tell why it was not started ---------------------------------------- */

static GType test_silent_get_type (void);
static void test_silent_stage_init (GpStageInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestSilent, test_silent, test_stage_get_type (),
                         G_IMPLEMENT_INTERFACE (GP_TYPE_STAGE, test_silent_stage_init))

static void
test_silent_start_async (GpStage             *stage,
                         GpStageContext      *context,
                         GCancellable        *cancellable,
                         GAsyncReadyCallback  callback,
                         gpointer             user_data)
{
  g_autoptr (GTask) task = g_task_new (stage, NULL, callback, user_data);

  g_task_return_boolean (task, FALSE);
}

static gboolean
test_silent_start_finish (GpStage       *stage,
                          GAsyncResult  *result,
                          GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
test_silent_stage_init (GpStageInterface *iface)
{
  iface->start_async = test_silent_start_async;
  iface->start_finish = test_silent_start_finish;
}

static void
test_silent_class_init (TestSilentClass *klass)
{
}

static void
test_silent_init (TestSilent *self)
{
}

/* --- A thread stage without a method ------------------------------------------------------ */

static GType test_idle_get_type (void);

G_DEFINE_TYPE (TestIdle, test_idle, GP_TYPE_THREAD_STAGE)

static void
test_idle_class_init (TestIdleClass *klass)
{
}

static void
test_idle_init (TestIdle *self)
{
}

/* --- One whose memory nobody can tell ----------------------------------------------------- */

static GType test_limitable_get_type (void);

typedef TestStage TestLimitable;
typedef TestStageClass TestLimitableClass;

static void test_limitable_limitable_init (GpLimitableInterface *iface);

G_DEFINE_TYPE_WITH_CODE (TestLimitable, test_limitable, test_stage_get_type (),
                         G_IMPLEMENT_INTERFACE (GP_TYPE_LIMITABLE, test_limitable_limitable_init))

static void
test_limitable_limitable_init (GpLimitableInterface *iface)
{
}

static void
test_limitable_class_init (TestLimitableClass *klass)
{
}

static void
test_limitable_init (TestLimitable *self)
{
}

/* --- Tests -------------------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  GType     (*get_type) (void);
  gboolean    is_proxy;
  int         code;    /* of GP_PIPELINE_ERROR, or -1: none */
  const char *message;
} Kind;

static const Kind kinds[] = {
  { "proxy", test_proxy_get_type, TRUE, -1, NULL },
  { "proxy-no-process", test_proxy_get_type, TRUE, GP_PIPELINE_ERROR_INVALID,
    "does not implement process ()" },
  { "nothing", test_stage_get_type, FALSE, GP_PIPELINE_ERROR_INVALID,
    "implements neither run () nor start_async ()" },
  { "silent", test_silent_get_type, FALSE, GP_PIPELINE_ERROR_FAULT,
    "start_finish () returned FALSE without an error" },
  { "no-process", test_idle_get_type, FALSE, GP_PIPELINE_ERROR_INVALID,
    "does not implement process ()" },
};

static GpStage *
make_stage (const Kind *kind,
            gboolean    fit,
            gboolean    decorated)
{
  GObject *stage = gp_test_watch (g_object_new (kind->get_type (), NULL));

  if (g_type_is_a (G_OBJECT_TYPE (stage), test_stage_get_type ()))
    ((TestStage *) stage)->fit = fit;
  if (kind->is_proxy)
    ((TestStage *) stage)->inner =
      gp_test_watch (kind->code < 0 ? (gpointer) gp_function_stage_new ("inner", gp_test_copy_func,
                                                                        NULL, NULL)
                                    : g_object_new (test_idle_get_type (), NULL));

  return decorated ? GP_STAGE (gp_error_filter_stage_new_ignoring (GP_STAGE (stage),
                                                                   gp_error_matcher_new_pipe ()))
                   : GP_STAGE (stage);
}

static void
check_kind (const Kind *kind,
            gboolean    fit,
            gboolean    decorated)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autoptr (GBytes) input = g_bytes_new_static ("text", 4);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  gp_pipeline_append (pipeline, make_stage (kind, fit, decorated));
  output = gp_test_communicate (pipeline, input, NULL, &error);
  if (kind->code < 0)
    {
      g_assert_no_error (error);
      g_assert_true (g_bytes_equal (output, input));
      return;
    }

  g_assert_error (error, GP_PIPELINE_ERROR, kind->code);
  gp_test_assert_contains (error->message, kind->message);
  gp_test_assert_contains (error->message, "starting stage \"");
}

static void
test_kind (gconstpointer data)
{
  for (int fit = 0; fit < 2; fit++)
    for (int decorated = 0; decorated < 2; decorated++)
      check_kind (data, fit, decorated);
}

/* A command is started by its wrapper while the run starts the next one: both must not do the same. */
static void
test_early (void)
{
  for (int i = 0; i < 10; i++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      TestStage *stage = gp_test_watch (g_object_new (test_early_get_type (), NULL));
      g_autofree char *output = NULL;

      stage->inner = gp_test_watch (gp_test_child_new ("cat", NULL));
      gp_pipeline_append (pipeline, GP_STAGE (stage));
      gp_test_add_child (pipeline, "cat", NULL);
      gp_test_add_child (pipeline, "cat", NULL);
      output = gp_test_output_of (pipeline, "text");
      g_assert_cmpstr (output, ==, "text");
    }
}

/* As those who write in other languages know it */
static void
test_names (void)
{
  static const char * const names[] = { "Gjs_GpTestThing", "__main__+GpTestThing", "GpTestThing" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      GType type = g_type_register_static_simple (test_stage_get_type (), names[i],
                                                  sizeof (TestStageClass), NULL,
                                                  sizeof (TestStage), NULL, 0);
      g_autoptr (GpStage) stage = g_object_new (type, NULL);
      g_autofree char *name = gp_stage_get_name (stage);

      g_assert_cmpstr (name, ==, "GpTestThing");
    }
}

static void
test_limitable (void)
{
  g_autoptr (GpLimitable) stage = g_object_new (test_limitable_get_type (), NULL);
  guint64 memory, peak;
  g_autoptr (GError) error = NULL;

  g_assert_true (gp_limitable_check (stage, &error));
  g_assert_no_error (error);
  g_assert_false (gp_limitable_measure (stage, &memory, &peak));
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_strconcat ("/stage-classes/", kinds[i].name, NULL);

      gp_test_add_data (path, &kinds[i], test_kind);
    }
  gp_test_add ("/stage-classes/early", test_early);
  gp_test_add ("/stage-classes/names", test_names);
  gp_test_add ("/stage-classes/limitable", test_limitable);

  return gp_test_run ();
}
