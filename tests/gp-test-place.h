/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-util.h"

#include <glib/gstdio.h>

G_BEGIN_DECLS

/* What the tests of files share */

/* A directory of which a test knows every file: "in" is there, and "out" if the test wants that */
typedef struct
{
  char  *path;
  char  *in_path;
  char  *out_path;
  GFile *in;
  GFile *out;
} Place;

static inline char *
path_in (Place      *self,
         const char *name)
{
  return g_build_filename (self->path, name, NULL);
}

static inline void
put (const char *path,
     const char *contents)
{
  g_assert_true (g_file_set_contents (path, contents, -1, NULL));
}

static inline void
place_init (Place      *self,
            const char *old)
{
  self->path = g_dir_make_tmp ("gp-test-XXXXXX", NULL);
  self->in_path = path_in (self, "in");
  self->out_path = path_in (self, "out");
  self->in = g_file_new_for_path (self->in_path);
  self->out = g_file_new_for_path (self->out_path);
  put (self->in_path, "some words\n");
  if (old != NULL)
    put (self->out_path, old);
}

/* Removes what the test knows of; anything else fails the test */
static inline void
place_clear (Place *self)
{
  static const char *const names[] = { "in", "out", "link", "other" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = path_in (self, names[i]);

      g_remove (path);
    }
  g_assert_cmpint (g_rmdir (self->path), ==, 0);
  g_object_unref (self->in);
  g_object_unref (self->out);
  g_free (self->in_path);
  g_free (self->out_path);
  g_free (self->path);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, place_clear)

static inline guint
count_files (Place *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* @contents: of the file, or NULL: there is none */
static inline void
assert_file (const char *path,
             const char *contents)
{
  g_autofree char *found = NULL;

  g_file_get_contents (path, &found, NULL, NULL);
  g_assert_cmpstr (found, ==, contents);
}

/* "out", and nothing but "in" beside it */
static inline void
assert_out (Place      *self,
            const char *contents)
{
  assert_file (self->out_path, contents);
  g_assert_cmpuint (count_files (self), ==, contents != NULL ? 2 : 1);
}

/* Writes "new", and fails if it is told so */
static inline gboolean
write_func (GInputStream    *input,
            GOutputStream   *output,
            GpStageContext  *context,
            gpointer         user_data,
            GError         **error)
{
  if (!g_output_stream_write_all (output, "new", 3, NULL, NULL, error))
    return FALSE;
  if (user_data == NULL)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "broken");
  return FALSE;
}

static inline void
assert_runs (GpPipeline *pipeline)
{
  g_autoptr (GError) error = NULL;

  gp_test_run_pipeline (pipeline, NULL, &error);
  g_assert_no_error (error);
}

G_END_DECLS
