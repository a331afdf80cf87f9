/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-test-world.h"

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

/* What a command is given, however much and whatever it is, and helpers that are none. Programs in
 * odd situations are in test-world-host.c. With GP_TEST_BAD_HELPER in the environment this is a
 * helper that does what that says. */

#define KIBIBYTE 1024
#define MEBIBYTE (1024 * KIBIBYTE)

/* The kernel takes no longer string, with its NUL, wherever pages have 4 KiB. */
#define MAX_STRING (32 * (gsize) sysconf (_SC_PAGESIZE))

static char *self_path;

/* --- The command -------------------------------------------------------------------------- */

/* Runs a command for its output, and has nothing left if it did not start */
static GBytes *
run (const char * const  *argv,
     const char * const  *environment,
     GError             **error)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = world_append (pipeline, argv);
  g_autoptr (GError) local_error = NULL;
  GBytes *output;
  siginfo_t info;

  if (environment != NULL)
    gp_command_stage_set_environ (stage, environment);

  output = gp_test_communicate (pipeline, NULL, NULL, &local_error);
  if (local_error != NULL)
    {
      g_assert_cmpint (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);
      g_clear_pointer (&output, g_bytes_unref);
      g_propagate_error (error, g_steal_pointer (&local_error));
    }

  return output;
}

/* All of @strings, each with its NUL, is what the child has told. */
static void
assert_dump (GBytes             *output,
             const char * const *strings)
{
  gsize size;
  const char *data = g_bytes_get_data (output, &size);
  const char *end = data + size;

  for (; *strings != NULL; strings++)
    {
      gsize length = strlen (*strings) + 1;

      g_assert_cmpuint (end - data, >=, length);
      g_assert_cmpmem (data, length, *strings, length);
      data += length;
    }
  g_assert_true (data == end);
}

/* Adds the path and the mode of the child before the arguments */
static GPtrArray *
new_arguments (void)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, g_strdup (gp_test_child ()));
  g_ptr_array_add (argv, g_strdup ("dump"));
  return argv;
}

static GBytes *
run_arguments (GPtrArray  *argv,
               GError    **error)
{
  g_ptr_array_add (argv, NULL);
  return run ((const char * const *) argv->pdata, NULL, error);
}

static void
assert_arguments_arrive (GPtrArray *argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) output = run_arguments (argv, &error);

  g_assert_no_error (error);
  assert_dump (output, (const char * const *) argv->pdata + 2);
}

static void
assert_too_big (const GError *error)
{
  g_autofree char *message = NULL;

  message = g_strdup_printf ("starting stage \"child\": \"%s\": Argument list too long",
                             gp_test_child ());
  g_assert_error (error, G_SPAWN_ERROR, G_SPAWN_ERROR_TOO_BIG);
  gp_test_assert_message (error, message);
}

/* --- How much ----------------------------------------------------------------------------- */

/* A quarter of it is what the kernel allows for arguments and environment. */
static struct rlimit
limit_stack (gsize size)
{
  struct rlimit before, limit;

  g_assert_no_errno (getrlimit (RLIMIT_STACK, &before));
  limit = before;
  limit.rlim_cur = MIN (size, limit.rlim_max);
  g_assert_no_errno (setrlimit (RLIMIT_STACK, &limit));
  return before;
}

static void
add_strings (GPtrArray  *strings,
             const char *prefix,
             gsize       total)
{
  for (gsize done = 0; done < total; done += 64 * KIBIBYTE)
    {
      g_autofree char *filling = g_strnfill (MIN (total - done, 64 * KIBIBYTE) - 1, 'x');

      g_ptr_array_add (strings, g_strconcat (prefix, filling, NULL));
    }
}

static void
test_mebibyte_of_arguments (void)
{
  g_autoptr (GPtrArray) many = new_arguments ();
  g_autoptr (GPtrArray) few = new_arguments ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit before = limit_stack (8 * MEBIBYTE);

  add_strings (many, "", MEBIBYTE);
  /* Unless the machine forbids so big a stack to all */
  if (sysconf (_SC_ARG_MAX) > MEBIBYTE + 512 * KIBIBYTE)
    {
      assert_arguments_arrive (many);
      g_ptr_array_remove_index (many, many->len - 1);
    }

  limit_stack (MEBIBYTE);
  output = run_arguments (many, &error);
  g_assert_null (output);
  assert_too_big (error);

  add_strings (few, "", 64 * KIBIBYTE);
  assert_arguments_arrive (few);
  setrlimit (RLIMIT_STACK, &before);
}

static gboolean
is_size_allowed (gsize size)
{
  g_autoptr (GPtrArray) argv = new_arguments ();
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;

  add_strings (argv, "", size);
  output = run_arguments (argv, &error);
  if (output == NULL)
    {
      assert_too_big (error);
      return FALSE;
    }

  assert_dump (output, (const char * const *) argv->pdata + 2);
  return TRUE;
}

/* What the helper adds to the arguments takes nothing from those of a command. */
static void
test_limit_is_the_kernels (void)
{
  static gsize limit_of_all;
  struct rlimit before = limit_stack (MEBIBYTE);
  gsize allowed = 64 * KIBIBYTE;
  gsize forbidden = MEBIBYTE;

  while (forbidden - allowed > 1)
    {
      gsize middle = allowed + (forbidden - allowed) / 2;

      if (is_size_allowed (middle))
        allowed = middle;
      else
        forbidden = middle;
    }
  setrlimit (RLIMIT_STACK, &before);

  if (limit_of_all == 0)
    limit_of_all = allowed;
  g_assert_cmpuint (allowed, ==, limit_of_all);
}

static void
test_long_argument (void)
{
  for (gsize i = 0; i < 2; i++)
    {
      g_autoptr (GPtrArray) argv = new_arguments ();
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;
      struct rlimit before = limit_stack (8 * MEBIBYTE);

      g_ptr_array_add (argv, g_strnfill (MAX_STRING - 1 + i, 'x'));
      if (i == 0)
        {
          assert_arguments_arrive (argv);
        }
      else
        {
          output = run_arguments (argv, &error);
          g_assert_null (output);
          assert_too_big (error);
        }
      setrlimit (RLIMIT_STACK, &before);
    }
}

static void
test_huge_environment (void)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit before = limit_stack (8 * MEBIBYTE);

  add_strings (entries, "VARIABLE=", MEBIBYTE);
  g_ptr_array_add (entries, NULL);
  if (sysconf (_SC_ARG_MAX) > MEBIBYTE + 512 * KIBIBYTE)
    {
      output = run (WORLD_CHILD ("dump-environ"), (const char * const *) entries->pdata, &error);
      g_assert_no_error (error);
      assert_dump (output, (const char * const *) entries->pdata);
      g_clear_pointer (&output, g_bytes_unref);
    }

  limit_stack (MEBIBYTE);
  output = run (WORLD_CHILD ("dump-environ"), (const char * const *) entries->pdata, &error);
  g_assert_null (output);
  assert_too_big (error);
  setrlimit (RLIMIT_STACK, &before);
}

static void
test_long_variable (void)
{
  g_autofree char *value = g_strnfill (MAX_STRING, 'x');
  g_autofree char *entry = g_strconcat ("VARIABLE=", value, NULL);
  const char * const environment[] = { entry, NULL };
  g_autoptr (GBytes) output = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit before = limit_stack (8 * MEBIBYTE);

  output = run (WORLD_CHILD ("dump-environ"), environment, &error);
  g_assert_null (output);
  assert_too_big (error);
  setrlimit (RLIMIT_STACK, &before);
}

/* --- Any bytes ---------------------------------------------------------------------------- */

static char *
all_bytes (const char *without)
{
  GString *text = g_string_new (NULL);

  for (int byte = 1; byte < 256; byte++)
    {
      if (strchr (without, byte) == NULL)
        g_string_append_c (text, (char) byte);
    }
  return g_string_free (text, FALSE);
}

static void
test_any_arguments (void)
{
  g_autoptr (GPtrArray) argv = new_arguments ();

  g_ptr_array_add (argv, g_strdup (""));
  g_ptr_array_add (argv, all_bytes (""));
  for (int byte = 1; byte < 256; byte++)
    g_ptr_array_add (argv, g_strdup_printf ("%c", byte));
  g_ptr_array_add (argv, g_strdup ("caf\xe9 \xc3\x28 \xed\xa0\x80 \xf4\x90\x80\x80"));
  g_ptr_array_add (argv, g_strdup ("-"));
  g_ptr_array_add (argv, g_strdup ("--"));
  g_ptr_array_add (argv, g_strdup ("s"));
  g_ptr_array_add (argv, g_strdup (""));
  g_ptr_array_add (argv, g_strdup (""));

  assert_arguments_arrive (argv);
}

static void
test_any_environment (void)
{
  g_autofree char *name = all_bytes ("=");
  g_autofree char *value = all_bytes ("");
  g_autofree char *all = g_strconcat (name, "=", value, NULL);
  const char * const environment[] = {
    all, "A=", "A==", "A=twice", "caf\xe9=\xff\xfe", "PATH=\xff:\n", "\n=\n", "-=--",
    /* What libraries of the helper might listen to */
    "GLIBC_TUNABLES=glibc.malloc.check=x\xff", "LD_PRELOAD=", "MALLOC_CHECK_=9",
    NULL
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) output = run (WORLD_CHILD ("dump-environ"), environment, &error);

  g_assert_no_error (error);
  assert_dump (output, environment);
}

/* Whatever the program itself was given goes on to the command. */
static void
test_inherited_environment (void)
{
  static const char * const strange[] = {
    "=B", "=", "C", "", "A=1", "A=2", "\xff", "==", "D=\xed\xa0\x80", NULL
  };
  const char * const argv[] = { gp_test_child (), "dump-environ", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) output = NULL;
  char **before = environ;

  environ = (char **) strange;
  output = run (argv, NULL, &error);
  environ = before;
  g_assert_no_error (error);
  assert_dump (output, strange);
}

static void
test_empty_environment (void)
{
  const char * const environment[] = { NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) output = run (WORLD_CHILD ("dump-environ"), environment, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (output), ==, 0);
}

/* --- Files that are no helper ------------------------------------------------------------- */

static void
assert_works (const char *helper)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) output = NULL;

  gp_spawn_set_helper (helper);
  output = run (WORLD_CHILD ("dump", "x"), NULL, &error);
  g_assert_no_error (error);
  assert_dump (output, (const char * const []) { "x", NULL });
}

static void
test_helper_is_none (void)
{
  static const struct
  {
    const char *text;
    int         mode;
  } files[] = {
    { "", 0644 }, { "", 0755 }, { "\x7f" "ELF", 0644 }, { "\x7f" "ELF", 0755 },
    { "Not a program\n", 0755 }, { "#!/nonexistent/interpreter\n", 0755 },
    { "#!/bin/sh\nexit 0\n", 0755 }, { "#!/bin/sh\nkill -KILL $$\n", 0755 },
    { "#!/bin/sh\nexec cat <&3 >&3\n", 0755 },
  };
  g_autofree char *directory = g_dir_make_tmp ("gp-test-world-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "helper", NULL);
  g_autofree char *below = g_build_filename (path, "below", NULL);

  g_assert_nonnull (directory);
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_assert_true (g_file_set_contents (path, files[i].text, -1, NULL));
      g_assert_no_errno (chmod (path, files[i].mode));
      assert_works (path);
      g_unlink (path);
    }

  assert_works (path);
  assert_works (directory);
  assert_works (below);
  assert_works ("/dev/null");
  g_assert_no_errno (symlink ("helper", path));
  assert_works (path);
  g_unlink (path);
  g_rmdir (directory);
}

/* --- Bad helpers -------------------------------------------------------------------------- */

/* What a command of a bad helper may come to */
typedef enum
{
  BAD_WORKS,  /* without it */
  BAD_EITHER, /* that, or it fails: whether it has read our answer is chance */
  BAD_FAILS,  /* any error, and at once */
  BAD_LOST,   /* it may be running, so nobody tries again */
  BAD_ENDED,  /* its end was told */
  BAD_ANY,    /* nobody can say, but it comes to an end */
} Bad;

typedef struct
{
  const char *how;
  Bad         alone;
  Bad         supervised;
} BadHelper;

static const BadHelper bad_helpers[] = {
  { "silent",            BAD_WORKS, BAD_WORKS },
  { "killed",            BAD_WORKS, BAD_WORKS },
  { "older",             BAD_WORKS, BAD_WORKS },
  { "newer",             BAD_WORKS, BAD_WORKS },
  { "hello-short",       BAD_WORKS, BAD_WORKS },
  { "hello-long",        BAD_WORKS, BAD_WORKS },
  { "hello-other",       BAD_WORKS, BAD_WORKS },

  { "after-hello",       BAD_EITHER, BAD_EITHER },
  { "after-permission",  BAD_FAILS, BAD_FAILS },
  { "step-unknown",      BAD_FAILS, BAD_FAILS },
  { "step-short",        BAD_FAILS, BAD_FAILS },
  { "step-twice",        BAD_FAILS, BAD_FAILS },

  { "started",           BAD_FAILS, BAD_LOST },
  { "started-closes",    BAD_FAILS, BAD_LOST },
  { "started-short",     BAD_FAILS, BAD_LOST },
  { "started-long",      BAD_FAILS, BAD_LOST },
  { "started-unknown",   BAD_FAILS, BAD_LOST },
  { "started-twice",     BAD_FAILS, BAD_LOST },
  { "started-failure",   BAD_FAILS, BAD_LOST },
  { "started-stopped",   BAD_FAILS, BAD_LOST },
  { "started-gone",      BAD_FAILS, BAD_LOST },
  { "started-flood",     BAD_FAILS, BAD_LOST },
  { "ended-strange",     BAD_FAILS, BAD_FAILS },
  { "ended-usage",       BAD_FAILS, BAD_ENDED },
  { "ended-not-gone",    BAD_FAILS, BAD_ENDED },
  { "ended-twice",       BAD_FAILS, BAD_ANY },
};

static void
say (int         fd,
     const void *data,
     gsize       size)
{
  if (write (fd, data, size) != (gssize) size)
    _exit (98);
}

static void
tell (int fd,
      int step,
      int value)
{
  GpExecReport report = { .step = (guint32) step, .value = value };

  say (fd, &report, sizeof report);
}

static void
await_permission (int fd)
{
  char byte;

  if (read (fd, &byte, 1) != 1)
    _exit (97);
}

static gboolean
is (const char *how,
    const char *what)
{
  return strcmp (how, what) == 0;
}

static void
greet_badly (int         fd,
             const char *how)
{
  static const char nothing[4096] = { 0 };

  if (is (how, "silent"))
    _exit (0);
  if (is (how, "killed"))
    raise (SIGKILL);
  else if (is (how, "older"))
    tell (fd, GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL - 1);
  else if (is (how, "newer"))
    tell (fd, GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL + 1);
  else if (is (how, "hello-short"))
    say (fd, nothing, 3);
  else if (is (how, "hello-long"))
    say (fd, nothing, sizeof nothing);
  else if (is (how, "hello-other"))
    tell (fd, GP_EXEC_STEP_ENDED, 0);
  else
    tell (fd, GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL);
}

static void
start_badly (int         fd,
             const char *how)
{
  if (is (how, "step-unknown"))
    tell (fd, 4711, 5);
  else if (is (how, "step-short"))
    say (fd, "ab", 2);
  else if (is (how, "step-twice"))
    tell (fd, GP_EXEC_STEP_HELLO, GP_EXEC_PROTOCOL);
  else
    {
      setpgid (0, 0);
      tell (fd, GP_EXEC_STEP_STARTED, getpid ());
      return;
    }
  raise (SIGKILL);
}

static void
go_on_badly (int         fd,
             const char *how)
{
  static const char nothing[4096] = { 0 };

  if (is (how, "started-short"))
    say (fd, nothing, 7);
  else if (is (how, "started-long"))
    say (fd, nothing, sizeof nothing);
  else if (is (how, "started-unknown"))
    tell (fd, -1, -1);
  else if (is (how, "started-twice"))
    tell (fd, GP_EXEC_STEP_STARTED, 1);
  else if (is (how, "started-failure"))
    tell (fd, GP_EXEC_STEP_EXEC, 2);
  else if (is (how, "started-gone"))
    tell (fd, GP_EXEC_STEP_GONE, 0);
  else if (is (how, "started-stopped"))
    for (int i = -1; i < 3; i++)
      tell (fd, GP_EXEC_STEP_STOPPED, i * 4711);
  else if (is (how, "started-flood"))
    for (int i = 0; i < 5000; i++)
      tell (fd, i % 12 + GP_EXEC_STEP_GONE + 1, i);
  else if (is (how, "started-closes") || is (how, "started-hangs"))
    {
      if (is (how, "started-closes"))
        close (fd);
      for (;;)
        pause ();
    }
}

static void
end_badly (int         fd,
           const char *how)
{
  GpExecReport report = { .step = GP_EXEC_STEP_ENDED };

  /* What wait () tells of a process that has stopped */
  if (is (how, "ended-strange"))
    report.value = 0x137f;
  if (is (how, "ended-usage"))
    {
      report.has_usage = 4711;
      report.user_usec = report.peak_bytes = G_MININT64;
      report.system_usec = G_MAXINT64;
    }

  say (fd, &report, sizeof report);
  if (is (how, "ended-twice"))
    {
      report.value = 0x100;
      say (fd, &report, sizeof report);
    }
}

static int
helper_main (char      **argv,
             const char *how)
{
  int fd = argv[1] != NULL && argv[2] != NULL ? atoi (argv[2]) : -1;

  alarm (60);
  greet_badly (fd, how);
  if (!is (how, "after-hello"))
    await_permission (fd);
  if (is (how, "after-hello") || is (how, "after-permission"))
    raise (SIGKILL);
  if (strchr (argv[3], 's') == NULL)
    raise (SIGKILL);

  start_badly (fd, how);
  go_on_badly (fd, how);
  if (g_str_has_prefix (how, "ended"))
    end_badly (fd, how);
  raise (SIGKILL);
  return 96;
}

static void
assert_bad_outcome (Bad           expected,
                    GBytes       *output,
                    const GError *error)
{
  switch (expected)
    {
    case BAD_EITHER:
      if (error != NULL)
        break;
      G_GNUC_FALLTHROUGH;

    case BAD_WORKS:
      g_assert_no_error (error);
      assert_dump (output, (const char * const []) { "x", NULL });
      break;

    case BAD_FAILS:
      g_assert_nonnull (error);
      break;

    case BAD_LOST:
      g_assert_error (error, GP_PIPELINE_ERROR, GP_PIPELINE_ERROR_STATUS_LOST);
      break;

    case BAD_ENDED:
      g_assert_no_error (error);
      g_assert_cmpuint (g_bytes_get_size (output), ==, 0);
      break;

    case BAD_ANY:
      break;
    }
}

static void
test_bad_helpers (void)
{
  if (!with_helper)
    return;

  gp_spawn_set_helper (self_path);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_helpers); i++)
    {
      const BadHelper *bad = &bad_helpers[i];
      g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
      GpCommandStage *stage = world_append (pipeline, WORLD_CHILD ("dump", "x"));
      g_autoptr (GBytes) output = NULL;
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", bad->how);
      gp_command_stage_setenv (stage, "GP_TEST_BAD_HELPER", bad->how, TRUE);
      output = gp_test_communicate (pipeline, NULL, NULL, &error);
      assert_bad_outcome (supervised ? bad->supervised : bad->alone, output, error);
    }
}

/* It neither reads what it is told nor ends. */
static void
test_hanging_helper (void)
{
  g_autoptr (GpPipeline) pipeline = gp_test_pipeline_new ();
  GpCommandStage *stage = world_append (pipeline, WORLD_CHILD ("dump"));
  g_autoptr (GError) error = NULL;

  if (!with_helper || !supervised)
    return;

  gp_spawn_set_helper (self_path);
  gp_command_stage_setenv (stage, "GP_TEST_BAD_HELPER", "started-hangs", TRUE);
  gp_command_stage_set_kill_delay (stage, 1);
  gp_test_start (pipeline, NULL, &error);
  g_assert_no_error (error);

  for (int i = 0; i < 2000; i++)
    g_assert_true (gp_command_stage_send_signal (stage, SIGURG));
  gp_pipeline_cancel (pipeline);
  g_assert_false (gp_test_wait (pipeline, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int    argc,
      char **argv)
{
  if (getenv ("GP_TEST_BAD_HELPER") != NULL)
    return helper_main (argv, getenv ("GP_TEST_BAD_HELPER"));

  self_path = g_file_read_link ("/proc/self/exe", NULL);
  gp_test_init (&argc, &argv);

  world_add ("arguments/mebibyte", test_mebibyte_of_arguments);
  world_add ("arguments/limit-is-the-kernels", test_limit_is_the_kernels);
  world_add ("arguments/long", test_long_argument);
  world_add ("arguments/any", test_any_arguments);
  world_add ("environment/huge", test_huge_environment);
  world_add ("environment/long", test_long_variable);
  world_add ("environment/any", test_any_environment);
  world_add ("environment/inherited", test_inherited_environment);
  world_add ("environment/empty", test_empty_environment);
  world_add ("helper/is-none", test_helper_is_none);
  world_add ("helper/bad", test_bad_helpers);
  world_add ("helper/hangs", test_hanging_helper);

  return gp_test_run ();
}
