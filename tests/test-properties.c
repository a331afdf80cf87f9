/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-streams.h"
#include "gp-test-util.h"

#include <dlfcn.h>
#include <string.h>

/* Every property of every public type: it can be read, the getter says the same, and what can be
 * set is told once, and not if it was the same before. */

typedef struct
{
  const char *name;
  gpointer  (*make) (void);
} Type;

static gpointer
make_pipeline (void)
{
  return gp_pipeline_new ();
}

static gpointer
make_command (void)
{
  return gp_command_stage_new ("program", NULL);
}

static gpointer
make_function (void)
{
  return gp_function_stage_new ("function", gp_test_copy_func, NULL, NULL);
}

static gboolean
async_func (GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  gp_stage_context_return_success (context);

  return TRUE;
}

static gpointer
make_async (void)
{
  return gp_async_stage_new ("async", async_func, NULL, NULL);
}

static gpointer
make_bytes (void)
{
  return gp_bytes_stage_new_text ("text");
}

static gpointer
make_converter (void)
{
  g_autoptr (GConverter) converter =
    G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));

  return gp_converter_stage_new ("converter", converter);
}

static gpointer
make_meter (void)
{
  return gp_meter_stage_new ("meter", 100);
}

static GpLineAction
line_func (const char         *line,
           GDataOutputStream  *output,
           gpointer            user_data,
           GError            **error)
{
  return GP_LINE_ACTION_KEEP;
}

static gpointer
make_lines (void)
{
  return gp_line_stage_new ("lines", line_func, NULL, NULL);
}

static gpointer
make_watch (void)
{
  return gp_memory_watch_stage_new (make_command (), 0);
}

static gpointer
make_filter (void)
{
  return gp_error_filter_stage_new_ignoring (make_command (), gp_error_matcher_new_pipe ());
}

static gpointer
make_status (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();

  gp_pipeline_append (pipeline, GP_STAGE (gp_test_pipeline_new ()));
  g_assert_true (gp_test_run_pipeline (pipeline, NULL, NULL));

  return g_object_ref (gp_pipeline_get_status (pipeline, 0));
}

static const Type types[] = {
  { "pipeline", make_pipeline },
  { "command", make_command },
  { "function", make_function },
  { "async", make_async },
  { "bytes", make_bytes },
  { "converter", make_converter },
  { "meter", make_meter },
  { "lines", make_lines },
  { "memory-watch", make_watch },
  { "error-filter", make_filter },
  { "status", make_status },
};

/* --- Values ------------------------------------------------------------------------------- */

/* Another value of the same property, of any type that properties here have */
static void
make_other (GParamSpec   *pspec,
            const GValue *value,
            GValue       *other)
{
  static const char * const entries[] = { "A=1", NULL };
  GType type = pspec->value_type;

  g_value_init (other, type);
  if (type == G_TYPE_BOOLEAN)
    g_value_set_boolean (other, !g_value_get_boolean (value));
  else if (type == G_TYPE_INT)
    g_value_set_int (other, g_value_get_int (value) + 1);
  else if (type == G_TYPE_UINT)
    g_value_set_uint (other, g_value_get_uint (value) + 1);
  else if (type == G_TYPE_UINT64)
    g_value_set_uint64 (other, g_value_get_uint64 (value) + 1);
  else if (type == G_TYPE_STRING)
    g_value_set_static_string (other, "/other");
  else if (type == G_TYPE_STRV)
    g_value_set_static_boxed (other, entries);
  else if (type == G_TYPE_INPUT_STREAM)
    g_value_take_object (other, gp_test_source_new (0, FALSE));
  else if (type == G_TYPE_OUTPUT_STREAM)
    g_value_take_object (other, gp_test_sink_new (0, NULL));
  else if (G_TYPE_IS_ENUM (type))
    g_value_set_enum (other, g_value_get_enum (value) + 1);
  else
    g_error ("%s is of a new type, %s", pspec->name, g_type_name (type));
}

static gboolean
is_same_strv (const char * const *a,
              const char * const *b)
{
  return a == b || (a != NULL && b != NULL && g_strv_equal (a, b));
}

static gboolean
is_same (GParamSpec   *pspec,
         const GValue *a,
         const GValue *b)
{
  if (pspec->value_type == G_TYPE_STRV)
    return is_same_strv (g_value_get_boxed (a), g_value_get_boxed (b));

  return g_param_values_cmp (pspec, a, b) == 0;
}

/* NULL if there is none, or it gives a reference */
static void *
find_getter (GObject    *object,
             GParamSpec *pspec)
{
  g_autoptr (GString) symbol = g_string_new (NULL);

  for (const char *at = G_OBJECT_TYPE_NAME (object); *at != '\0'; at++)
    {
      if (g_ascii_isupper (*at) && symbol->len > 0)
        g_string_append_c (symbol, '_');
      g_string_append_c (symbol, g_ascii_tolower (*at));
    }
  g_string_append_printf (symbol, "_get_%s", pspec->name);
  g_strdelimit (symbol->str, "-", '_');

  return dlsym (RTLD_DEFAULT, symbol->str);
}

/* What is bool, int, uint or an enumeration is returned in the same way. */
static void
check_getter (GObject      *object,
              GParamSpec   *pspec,
              const GValue *value)
{
  void *getter = find_getter (object, pspec);
  GType type = pspec->value_type;

  if (getter == NULL)
    return;

  if (type == G_TYPE_STRING)
    g_assert_cmpstr (((const char *(*) (GObject *)) getter) (object), ==, g_value_get_string (value));
  else if (type == G_TYPE_STRV)
    g_assert_true (is_same_strv (((const char * const *(*) (GObject *)) getter) (object),
                                 g_value_get_boxed (value)));
  else if (G_TYPE_IS_OBJECT (type) || G_TYPE_IS_INTERFACE (type))
    g_assert_true (((gpointer (*) (GObject *)) getter) (object) == g_value_get_object (value));
  else if (type == G_TYPE_UINT64)
    g_assert_cmpuint (((guint64 (*) (GObject *)) getter) (object), ==, g_value_get_uint64 (value));
  else if (type == G_TYPE_INT64)
    g_assert_cmpint (((gint64 (*) (GObject *)) getter) (object), ==, g_value_get_int64 (value));
  else if (type == G_TYPE_BOOLEAN)
    g_assert_cmpint (((gboolean (*) (GObject *)) getter) (object), ==, g_value_get_boolean (value));
  else if (type == G_TYPE_UINT)
    g_assert_cmpuint (((guint (*) (GObject *)) getter) (object), ==, g_value_get_uint (value));
  else if (type == G_TYPE_INT)
    g_assert_cmpint (((int (*) (GObject *)) getter) (object), ==, g_value_get_int (value));
  else if (G_TYPE_IS_ENUM (type))
    g_assert_cmpint (((int (*) (GObject *)) getter) (object), ==, g_value_get_enum (value));
}

/* --- Each property ------------------------------------------------------------------------ */

static void
count_cb (GObject    *object,
          GParamSpec *pspec,
          gpointer    data)
{
  ++*(guint *) data;
}

static void
check_set (GObject      *object,
           GParamSpec   *pspec,
           const GValue *before)
{
  g_autofree char *signal = g_strconcat ("notify::", pspec->name, NULL);
  g_auto (GValue) other = G_VALUE_INIT;
  g_auto (GValue) after = G_VALUE_INIT;
  guint n_notified = 0;
  gulong handler = g_signal_connect (object, signal, G_CALLBACK (count_cb), &n_notified);

  make_other (pspec, before, &other);
  g_object_set_property (object, pspec->name, &other);
  g_assert_cmpuint (n_notified, ==, 1);
  g_object_get_property (object, pspec->name, &after);
  g_assert_true (is_same (pspec, &after, &other));
  check_getter (object, pspec, &after);

  /* What is a copy cannot be told to be the same. */
  g_object_set_property (object, pspec->name, &after);
  if (pspec->value_type != G_TYPE_STRV)
    g_assert_cmpuint (n_notified, ==, 1);
  g_signal_handler_disconnect (object, handler);
}

static void
test_type (gconstpointer data)
{
  const Type *type = data;
  g_autoptr (GObject) object = gp_test_watch (type->make ());
  guint n_properties;
  g_autofree GParamSpec **properties =
    g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_properties);

  g_assert_cmpuint (n_properties, >, 0);
  for (guint i = 0; i < n_properties; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      g_assert_true ((properties[i]->flags & G_PARAM_READABLE) != 0);
      g_object_get_property (object, properties[i]->name, &value);
      check_getter (object, properties[i], &value);
      if ((properties[i]->flags & G_PARAM_WRITABLE) != 0 &&
          (properties[i]->flags & G_PARAM_CONSTRUCT_ONLY) == 0)
        check_set (object, properties[i], &value);
    }
}

int
main (int    argc,
      char **argv)
{
  gp_test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autofree char *path = g_strconcat ("/properties/", types[i].name, NULL);

      gp_test_add_data (path, &types[i], test_type);
    }

  return gp_test_run ();
}
