/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <setjmp.h>
#include <unistd.h>

/* Any arguments of the helper program. It runs only with those that the rules allow, and then its plan
 * says what they say; otherwise it reports, or it does not even know where to. */

int helper_main (int    argc,
                 char **argv);

#define main helper_main
#define write(fd, text, size) ((ssize_t) (size))
#include "gopipe-exec.c"
#undef main
#undef write

static char **words;
static guint n_words;
static jmp_buf left;

typedef enum
{
  LEFT_NOT,
  LEFT_RUNNING,
  LEFT_FAILED,
} Left;

static gboolean
matches (const char *word,
         const char *pattern)
{
  return g_regex_match_simple (pattern, word, G_REGEX_RAW | G_REGEX_DOLLAR_ENDONLY, 0);
}

static gboolean
is_number (const char *word,
           guint64     max,
           guint64    *number)
{
  return matches (word, "^[0-9]+$") && g_ascii_string_to_unsigned (word, 10, 0, max, number, NULL);
}

/* FALSE: it is none, or has more than @max elements. One comma may end it. */
static gboolean
read_list (const char *word,
           guint       max,
           guint64    *numbers,
           guint      *n_numbers)
{
  g_auto (GStrv) parts = g_strsplit (word, ",", -1);
  guint n_parts = g_strv_length (parts);

  if (n_parts > 1 && parts[n_parts - 1][0] == '\0')
    n_parts--;

  *n_numbers = 0;
  for (guint i = 0; i < n_parts; i++)
    if (*n_numbers == max || !is_number (parts[i], G_MAXUINT64, &numbers[(*n_numbers)++]))
      return FALSE;

  return TRUE;
}

static gboolean
is_for_us (void)
{
  guint64 number;

  return n_words >= 3 &&
         matches (words[1], "^0*2$") && GP_EXEC_PROTOCOL == 2 &&
         matches (words[2], "^(-0+|[0-9]+)$") &&
         is_number (words[2] + (words[2][0] == '-'), G_MAXINT, &number);
}

static gboolean
keeps_rules (guint64 *keep,
             guint   *n_keep,
             guint64 *limits,
             guint   *n_limits)
{
  guint64 number;

  if (n_words < 2 + GP_EXEC_N_ARGUMENTS ||
      !matches (words[3], "^[gtspk]*$") ||
      !read_list (words[4], GP_EXEC_MAX_KEEP, keep, n_keep) ||
      !read_list (words[5], 3 * GP_EXEC_MAX_LIMITS, limits, n_limits) || *n_limits % 3 != 0)
    return FALSE;

  for (guint i = 0; i < *n_keep; i++)
    if (keep[i] > G_MAXINT)
      return FALSE;
  for (guint i = 0; i < *n_limits; i += 3)
    if (limits[i] > G_MAXINT)
      return FALSE;

  return is_number (words[6] + (words[6][0] == '-'), G_MAXINT, &number) &&
         matches (words[7], "^(-0+|[0-9]+)$") &&
         is_number (words[7] + (words[7][0] == '-'), G_MAXINT, &number);
}

static void
check_plan (const GpExecPlan *plan)
{
  guint64 keep[GP_EXEC_MAX_KEEP];
  guint64 limits[3 * GP_EXEC_MAX_LIMITS];
  guint n_keep = 0, n_limits = 0;
  static const char letters[] = "gtspk";

  g_assert_true (is_for_us ());
  g_assert_true (keeps_rules (keep, &n_keep, limits, &n_limits));

  g_assert_cmpint (plan->control_fd, ==, atoi (words[2]));
  for (guint i = 0; letters[i] != '\0'; i++)
    g_assert_true ((strchr (words[3], letters[i]) != NULL) == ((plan->flags >> i & 1) != 0));
  g_assert_cmpuint (plan->flags, <, 1 << 5);
  g_assert_cmpuint (plan->n_keep_fds, ==, n_keep);
  for (guint i = 0; i < n_keep; i++)
    g_assert_cmpint (plan->keep_fds[i], ==, keep[i]);
  g_assert_cmpuint (plan->n_limits, ==, n_limits / 3);
  for (guint i = 0; i < n_limits / 3; i++)
    {
      g_assert_cmpint (plan->limits[i].resource, ==, limits[3 * i]);
      g_assert_cmpuint (plan->limits[i].soft, ==, limits[3 * i + 1]);
      g_assert_cmpuint (plan->limits[i].hard, ==, limits[3 * i + 2]);
    }
  g_assert_cmpint (plan->nice_increment, ==, atoi (words[6]));
  g_assert_cmpuint (plan->kill_delay, ==, atoi (words[7]));
  g_assert_cmpstr (plan->directory, ==, words[8][0] != '\0' ? words[8] : NULL);
  g_assert_true (plan->argv == words + 9 && plan->argv[0] != NULL);
  g_assert_false (plan->is_fork);
}

void
gp_exec_run (const GpExecPlan *plan)
{
  check_plan (plan);
  longjmp (left, LEFT_RUNNING);
}

void
gp_exec_fail (int           control_fd,
              GpExecFailure failure)
{
  g_assert_cmpint (control_fd, ==, atoi (words[2]));
  g_assert_cmpint (failure.step, ==, GP_EXEC_STEP_ARGUMENTS);
  longjmp (left, LEFT_FAILED);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  guint64 keep[GP_EXEC_MAX_KEEP];
  guint64 limits[3 * GP_EXEC_MAX_LIMITS];
  guint n_keep = 0, n_limits = 0;

  words = fuzz_take_texts (&input, 40);
  n_words = g_strv_length (words);

  switch (setjmp (left))
    {
    case LEFT_NOT:
      g_assert_cmpint (helper_main ((int) n_words, words), ==, 126);
      g_assert_false (is_for_us ());
      break;
    case LEFT_RUNNING:
      break;
    case LEFT_FAILED:
    default:
      g_assert_true (is_for_us ());
      g_assert_false (keeps_rules (keep, &n_keep, limits, &n_limits));
      break;
    }
  g_strfreev (words);

  return 0;
}
