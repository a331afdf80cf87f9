/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <gopipe/gopipe.h>

/* Anything on a command's standard error, in any pieces, with any limit. The last bytes of it are kept,
 * the others are counted, and what gets into a text or an error is valid, not too long, and the end of
 * what was said. */

#include "gp-command-outcome.c"

#define LIMITS { 0, 1, 2, 7, 100, 1000, 3000, G_MAXUINT }

static void
check_tail (GpStageStatus *status,
            GByteArray    *said,
            gsize          limit)
{
  g_autoptr (GBytes) kept = gp_stage_status_dup_stderr_bytes (status);
  g_autofree char *text = gp_stage_status_dup_stderr_text (status);
  gsize size = MIN (limit, said->len);

  g_assert_cmpuint (g_bytes_get_size (kept), ==, size);
  g_assert_true (size == 0 ||
                 memcmp (g_bytes_get_data (kept, NULL), said->data + (said->len - size), size) == 0);
  g_assert_cmpuint (gp_stage_status_get_stderr_dropped (status), ==, said->len - size);
  g_assert_true (g_utf8_validate (text, -1, NULL));
}

static void
check_message (GpStageStatus *status)
{
  GpCommandRun run = { .status = status };
  g_autoptr (GError) error = new_exit_error (&run, G_SPAWN_EXIT_ERROR, 1, "exit status 1");
  g_autofree char *text = g_strstrip (gp_stage_status_dup_stderr_text (status));
  const char *said = strlen (error->message) > strlen ("exit status 1: ")
                     ? error->message + strlen ("exit status 1: ") : "";

  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_true (g_str_has_prefix (error->message, "exit status 1"));
  g_assert_true ((*said == '\0') == (*text == '\0'));
  g_assert_cmpuint (strlen (said), <=, STDERR_IN_MESSAGE + strlen ("…"));
  if (g_strcmp0 (said, text) != 0)
    {
      g_assert_true (g_str_has_prefix (said, "…"));
      g_assert_true (g_str_has_suffix (text, said + strlen ("…")));
      g_assert_cmpuint (strlen (text), >, STDERR_IN_MESSAGE);
      g_assert_cmpuint (strlen (said), >, strlen ("…"));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  static const guint64 limits[] = LIMITS;
  FuzzInput input = { data, size };
  gsize limit = limits[fuzz_choose (&input, G_N_ELEMENTS (limits))];
  g_autoptr (GpStage) stage = GP_STAGE (gp_command_stage_new ("command", NULL));
  g_autoptr (GpStageStatus) status = gp_stage_status_new (stage, "command", NULL);
  g_autoptr (GByteArray) said = g_byte_array_new ();

  gp_stage_status_set_stderr_limit (status, limit);
  while (input.size > 0)
    {
      gsize wanted = 1 + 8 * fuzz_take_byte (&input);
      gsize piece = MIN (wanted, input.size);

      gp_stage_status_append_stderr (status, (const char *) input.data, piece);
      if (piece > 0)
        g_byte_array_append (said, input.data, piece);
      input.data += piece;
      input.size -= piece;
      check_tail (status, said, limit);
    }
  check_tail (status, said, limit);
  check_message (status);

  return 0;
}
