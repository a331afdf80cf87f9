/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-util.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel limits for a command, and its niceness */

#define KIB G_GINT64_CONSTANT (1024)
#define MIB (KIB * KIB)

/* Set where this program runs without a privilege */
#define UNPRIVILEGED "GP_TEST_UNPRIVILEGED"

static const char *program; /* argv[0] */

/* --- What the command sees ---------------------------------------------------------------- */

typedef struct
{
  GpResource  resource;
  int         number;
  const char *name; /* in what the child says */
  gint64      limit;
  gint64      hard; /* what becomes of it */
} Limit;

static const Limit limits[] = {
  { GP_RESOURCE_CPU_TIME, RLIMIT_CPU, "cpu", 77, 78 },
  { GP_RESOURCE_FILE_SIZE, RLIMIT_FSIZE, "fsize", 12345, 12345 },
  { GP_RESOURCE_OPEN_FILES, RLIMIT_NOFILE, "nofile", 33, 33 },
  { GP_RESOURCE_ADDRESS_SPACE, RLIMIT_AS, "as", 300 * MIB, 300 * MIB },
  { GP_RESOURCE_CORE_SIZE, RLIMIT_CORE, "core", 0, 0 },
};

static char *
format_limit (rlim_t value)
{
  return value == RLIM_INFINITY ? g_strdup ("none") : g_strdup_printf ("%ju", (uintmax_t) value);
}

/* The line of the child about @limit, whose values are the program's own unless they are set */
static char *
format_line (const Limit *limit,
             gboolean     set)
{
  g_autofree char *soft = NULL;
  g_autofree char *hard = NULL;
  struct rlimit own;

  g_assert_cmpint (getrlimit (limit->number, &own), ==, 0);
  soft = format_limit (set ? (rlim_t) limit->limit : own.rlim_cur);
  hard = format_limit (set ? (rlim_t) limit->hard : own.rlim_max);
  return g_strdup_printf ("%s %s %s\n", limit->name, soft, hard);
}

static GpCommandStage *
add_limited (GpPipeline  *pipeline,
             const Limit *limit)
{
  GpCommandStage *stage = gp_test_add_child (pipeline, "limits", NULL);

  gp_command_stage_set_resource_limit (stage, limit->resource, limit->limit);
  return stage;
}

static void
check_seen (const Limit *limit,
            gboolean     supervised)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = add_limited (pipeline, limit);
  g_autofree char *text = NULL;

  gp_command_stage_set_supervised (stage, supervised);
  text = gp_test_output_of (pipeline, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autofree char *line = format_line (&limits[i], &limits[i] == limit);

      gp_test_assert_contains (text, line);
    }
}

/* One is set, and all others are the program's. */
static void
test_seen (gconstpointer data)
{
  check_seen (data, TRUE);
  check_seen (data, FALSE);
}

static void
test_all (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "limits", NULL);
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autofree char *text = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autofree char *line = format_line (&limits[i], TRUE);

      gp_command_stage_set_resource_limit (stage, limits[i].resource, limits[i].limit);
      g_string_append (expected, line);
    }
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, expected->str);
}

/* Whether it has a privilege or not */
static void
test_above_hard_limit (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;
  Limit above = { GP_RESOURCE_CORE_SIZE, RLIMIT_CORE, "core", 5 * MIB, 5 * MIB };
  Limit cut = above;
  struct rlimit own;

  /* Whatever the user may have, even nothing */
  g_assert_cmpint (getrlimit (RLIMIT_CORE, &own), ==, 0);
  own.rlim_max = MIN (own.rlim_max, 3 * MIB);
  own.rlim_cur = MIN (own.rlim_max, MIB);
  cut.limit = own.rlim_max;
  cut.hard = own.rlim_max;

  g_assert_cmpint (setrlimit (RLIMIT_CORE, &own), ==, 0);
  add_limited (pipeline, &above);
  text = gp_test_output_of (pipeline, NULL);
  line = format_line (&cut, TRUE);
  gp_test_assert_contains (text, line);
}

/* --- What they do ------------------------------------------------------------------------- */

static void
assert_fails (GpPipeline *pipeline,
              GQuark      domain,
              int         code,
              const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  g_assert_error (error, domain, code);
  gp_test_assert_message (error, message);
}

static void
test_cpu_time (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "burn-on", NULL);

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CPU_TIME, 1);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CORE_SIZE, 0);
  assert_fails (pipeline, GP_SIGNAL_ERROR, SIGXCPU,
                "burn-on: killed by SIGXCPU, because it used more processor time than "
                "it may");
}

static void
run_write_file (gint64       size,
                const char  *path,
                const char  *message)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, size);
  GpCommandStage *stage = gp_test_add_child (pipeline, "write-file", path, text, NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_FILE_SIZE, 10000);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CORE_SIZE, 0);
  gp_test_run_pipeline (pipeline, NULL, &error);
  if (message == NULL)
    {
      g_assert_no_error (error);
      return;
    }
  g_assert_error (error, GP_SIGNAL_ERROR, SIGXFSZ);
  gp_test_assert_message (error, message);
}

static void
test_file_size (void)
{
  g_autofree char *directory = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "file", NULL);
  GStatBuf info;

  run_write_file (10000, path, NULL);
  run_write_file (10001, path,
                  "write-file: killed by SIGXFSZ, because it wrote a larger file than it "
                  "may");
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 10000);
  g_unlink (path);
  g_rmdir (directory);
}

static void
test_open_files (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "open-files", NULL);
  g_autofree char *text = NULL;

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_OPEN_FILES, 9);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, "9 EMFILE\n");
}

static void
check_map (const char *size,
           const char *expected)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "map", size, NULL);
  g_autofree char *text = NULL;

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_ADDRESS_SPACE, 128 * MIB);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_address_space (void)
{
  check_map ("67108864", "mapped\n");
  check_map ("134217728", "ENOMEM\n");
}

/* Whether the system calls it a failed start or kills the new program is up to its version. */
static void
test_too_little_to_start (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
  g_autoptr (GError) error = NULL;

  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_ADDRESS_SPACE, 4096);
  gp_command_stage_set_resource_limit (stage, GP_RESOURCE_CORE_SIZE, 0);
  g_assert_false (gp_test_run_pipeline (pipeline, NULL, &error));
  gp_test_assert_contains (error->message, "exit");
}

/* --- Niceness ----------------------------------------------------------------------------- */

static int
get_niceness (void)
{
  errno = 0;
  return getpriority (PRIO_PROCESS, 0);
}

static void
check_niceness (int      increment,
                gboolean supervised,
                int      expected)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = gp_test_add_child (pipeline, "niceness", NULL);
  g_autofree char *text = NULL;

  gp_command_stage_set_nice (stage, increment);
  gp_command_stage_set_supervised (stage, supervised);
  text = gp_test_output_of (pipeline, NULL);
  g_assert_cmpint (atoi (text), ==, expected);
}

static void
test_nice (gconstpointer data)
{
  gboolean supervised = GPOINTER_TO_INT (data);
  int own = get_niceness ();

  check_niceness (0, supervised, own);
  check_niceness (1, supervised, MIN (own + 1, 19));
  check_niceness (7, supervised, MIN (own + 7, 19));
  check_niceness (39, supervised, 19);
  g_assert_cmpint (get_niceness (), ==, own);
}

/* Runs in a program without the privilege. */
static void
test_unprivileged_nice (void)
{
  for (int supervised = 0; supervised < 2; supervised++)
    {
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = gp_test_add_child (pipeline, "exit", "0", NULL);
      g_autoptr (GError) error = NULL;

      gp_command_stage_set_nice (stage, -1);
      gp_command_stage_set_supervised (stage, supervised);
      g_assert_false (gp_test_start (pipeline, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
      gp_test_assert_message (error,
                              "starting stage \"exit\": cannot change its niceness: "
                              "Permission denied");
    }
}

/* Between fork () and exec (). A normal user never had the privilege; root has it whenever a
 * program is executed, unless it is taken away for good. And nobody may become nicer than the
 * program because of a limit. */
static void
drop_privilege_cb (gpointer data)
{
  const struct rlimit none = { 0, 0 };

  if (setrlimit (RLIMIT_NICE, &none) < 0)
    _exit (98);
  if (prctl (PR_CAPBSET_READ, CAP_SYS_NICE, 0, 0, 0) == 1)
    (void) prctl (PR_CAPBSET_DROP, CAP_SYS_NICE, 0, 0, 0);

  /* Where the privilege could not be taken, it belongs to root alone. */
  if (geteuid () == 0 && prctl (PR_CAPBSET_READ, CAP_SYS_NICE, 0, 0, 0) == 1 &&
      setuid (65534) < 0)
    _exit (98);
}

static void
test_negative_nice (void)
{
  const char *argv[] = { program, "--tap", NULL };
  g_auto (GStrv) environ = g_environ_setenv (g_get_environ (), UNPRIVILEGED, "1", TRUE);
  g_autofree char *output = NULL;
  g_autoptr (GError) error = NULL;
  int wait_status;

  g_spawn_sync (NULL, (char **) argv, environ, G_SPAWN_DEFAULT, drop_privilege_cb, NULL,
                &output, NULL, &wait_status, &error);
  g_assert_no_error (error);
  if (!WIFEXITED (wait_status) || WEXITSTATUS (wait_status) != 0)
    g_error ("status %d: %s", wait_status, output);
  gp_test_assert_contains (output, "ok 1 /command-limits/unprivileged-nice");
}

static void
add_limit_tests (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autofree char *path = g_strdup_printf ("/command-limits/seen/%s", limits[i].name);

      gp_test_add_data (path, &limits[i], test_seen);
    }
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  gp_test_init (&argc, &argv);

  if (g_getenv (UNPRIVILEGED) != NULL)
    {
      gp_test_add ("/command-limits/unprivileged-nice", test_unprivileged_nice);
      return gp_test_run ();
    }

  add_limit_tests ();
  gp_test_add ("/command-limits/all", test_all);
  gp_test_add ("/command-limits/cpu-time", test_cpu_time);
  gp_test_add ("/command-limits/file-size", test_file_size);
  gp_test_add ("/command-limits/open-files", test_open_files);
  gp_test_add ("/command-limits/address-space", test_address_space);
  gp_test_add ("/command-limits/too-little-to-start", test_too_little_to_start);
  gp_test_add_data ("/command-limits/nice/supervised", GINT_TO_POINTER (TRUE), test_nice);
  gp_test_add_data ("/command-limits/nice/alone", GINT_TO_POINTER (FALSE), test_nice);
  gp_test_add ("/command-limits/negative-nice", test_negative_nice);
  /* The last one: the program cannot raise its limit again. */
  gp_test_add ("/command-limits/above-hard-limit", test_above_hard_limit);
  return gp_test_run ();
}
