/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-file-end-private.h"

#include "gp-descriptor-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many symbolic links the kernel follows */
#define MAX_LINKS 40

/* Files of the system are opened here and not by GIO. A function can then be cancelled that reads a
 * named pipe or a terminal, as it can for any other. And GIO replaces a file only if that is there,
 * is no symbolic link, and has no second name: otherwise it writes directly, and what a failure
 * leaves is half a file.
 *
 *   new → open → closed
 *
 * The end of the run that this is part of holds it, and so has the stream, which is also held by
 * the stage. The stream of a file that is written does not own @fd: a function that closes its
 * output would otherwise leave nothing to be synchronized. */
struct _GpFileEnd
{
  GFile      *file;
  gboolean    is_input;
  GpFileMode  mode;
  char       *title;

  gpointer    stream;
  int         fd;        /* -1: the stream owns it, or has none */
  char       *target;    /* what is to be replaced, or NULL */
  char       *temporary; /* what replaces it; NULL when that is done, or given up */
  gboolean    exists;    /* there is something to be replaced */
};

/* The stream of a regular file, whose errors say which file it is. A command gets the descriptor, and
 * what is no regular file gets another stream around it where a function writes it. */
#define GP_TYPE_FILE_OUTPUT (gp_file_output_get_type ())
G_DECLARE_FINAL_TYPE (GpFileOutput, gp_file_output, GP, FILE_OUTPUT, GUnixOutputStream)

struct _GpFileOutput
{
  GUnixOutputStream  parent_instance;

  char              *title;
};

G_DEFINE_FINAL_TYPE (GpFileOutput, gp_file_output, G_TYPE_UNIX_OUTPUT_STREAM)

static gssize
gp_file_output_write (GOutputStream  *stream,
                      const void     *buffer,
                      gsize           count,
                      GCancellable   *cancellable,
                      GError        **error)
{
  GOutputStreamClass *parent_class = G_OUTPUT_STREAM_CLASS (gp_file_output_parent_class);
  gssize n = parent_class->write_fn (stream, buffer, count, cancellable, error);

  if (n < 0)
    g_prefix_error (error, "writing %s: ", GP_FILE_OUTPUT (stream)->title);

  return n;
}

static gboolean
gp_file_output_writev (GOutputStream        *stream,
                       const GOutputVector  *vectors,
                       gsize                 n_vectors,
                       gsize                *n_written,
                       GCancellable         *cancellable,
                       GError              **error)
{
  GOutputStreamClass *parent_class = G_OUTPUT_STREAM_CLASS (gp_file_output_parent_class);
  gboolean written = parent_class->writev_fn (stream, vectors, n_vectors, n_written, cancellable, error);

  if (!written)
    {
      /* GIO has left -1 there, and would warn of it. */
      *n_written = 0;
      g_prefix_error (error, "writing %s: ", GP_FILE_OUTPUT (stream)->title);
    }

  return written;
}

static void
gp_file_output_finalize (GObject *object)
{
  g_free (GP_FILE_OUTPUT (object)->title);

  G_OBJECT_CLASS (gp_file_output_parent_class)->finalize (object);
}

static void
gp_file_output_class_init (GpFileOutputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gp_file_output_finalize;
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = gp_file_output_write;
  G_OUTPUT_STREAM_CLASS (klass)->writev_fn = gp_file_output_writev;
}

static void
gp_file_output_init (GpFileOutput *self)
{
}

static GOutputStream *
file_output_new (int         fd,
                 const char *title)
{
  GpFileOutput *self = g_object_new (GP_TYPE_FILE_OUTPUT, "fd", fd, "close-fd", FALSE, NULL);

  self->title = g_strdup (title);

  return G_OUTPUT_STREAM (self);
}

static GpFileEnd *
file_end_new (GFile      *file,
              gboolean    is_input,
              GpFileMode  mode)
{
  GpFileEnd *self = g_new0 (GpFileEnd, 1);
  g_autofree char *name = g_file_get_parse_name (file);

  self->file = g_object_ref (file);
  self->is_input = is_input;
  self->mode = mode;
  self->title = g_strdup_printf ("standard %s \"%s\"", is_input ? "input" : "output", name);
  self->fd = -1;

  return self;
}

GpFileEnd *
gp_file_end_new_input (GFile *file)
{
  return file_end_new (file, TRUE, GP_FILE_MODE_APPEND);
}

GpFileEnd *
gp_file_end_new_output (GFile      *file,
                        GpFileMode  mode)
{
  return file_end_new (file, FALSE, mode);
}

static void
remove_temporary (GpFileEnd *self)
{
  if (self->temporary != NULL)
    g_unlink (self->temporary);
  g_clear_pointer (&self->temporary, g_free);
}

void
gp_file_end_free (GpFileEnd *self)
{
  remove_temporary (self);
  gp_descriptor_clear (&self->fd);
  g_clear_object (&self->stream);
  g_object_unref (self->file);
  g_free (self->target);
  g_free (self->title);
  g_free (self);
}

const char *
gp_file_end_get_title (GpFileEnd *self)
{
  return self->title;
}

gboolean
gp_file_end_is_replaced (GpFileEnd *self)
{
  return !self->is_input && self->mode == GP_FILE_MODE_REPLACE;
}

static void
set_error_from_errno (GError **error,
                      int      errsv)
{
  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (errsv), g_strerror (errsv));
}

/* --- Opening ------------------------------------------------------------------------------ */

/* A named pipe makes this wait until its other side is opened. */
static int
open_path (const char  *path,
           int          flags,
           GError     **error)
{
  int fd = gp_descriptor_open (path, flags, 0666);

  if (fd < 0)
    {
      set_error_from_errno (error, errno);
      return -1;
    }

  return gp_descriptor_lift (fd, "cannot duplicate a descriptor", error);
}

static gpointer
open_input (GpFileEnd   *self,
            const char  *path,
            GError     **error)
{
  int fd = open_path (path, O_RDONLY, error);
  struct stat status;

  if (fd < 0)
    return NULL;

  if (fstat (fd, &status) == 0 && S_ISDIR (status.st_mode))
    {
      gp_descriptor_clear (&fd);
      set_error_from_errno (error, EISDIR);
      return NULL;
    }

  return g_unix_input_stream_new (fd, TRUE);
}

/* What a path with symbolic links at its end stands for; it need not exist. */
static char *
follow_links (const char  *path,
              GError     **error)
{
  g_autofree char *target = g_strdup (path);

  for (guint i = 0; i < MAX_LINKS; i++)
    {
      g_autofree char *link = g_file_read_link (target, NULL);
      g_autofree char *directory = NULL;

      if (link == NULL)
        return g_steal_pointer (&target);

      directory = g_path_get_dirname (target);
      g_free (target);
      target = g_path_is_absolute (link) ? g_steal_pointer (&link)
                                         : g_build_filename (directory, link, NULL);
    }

  set_error_from_errno (error, ELOOP);

  return NULL;
}

/* Whether what is there can be replaced. A file that we must not write is not replaced either,
 * although the directory would allow it. */
static gboolean
check_target (GpFileEnd    *self,
              struct stat  *status,
              GError      **error)
{
  self->exists = stat (self->target, status) == 0;

  if (!self->exists && errno == ENOENT)
    return TRUE;

  if (self->exists && S_ISDIR (status->st_mode))
    {
      set_error_from_errno (error, EISDIR);
      return FALSE;
    }

  if (self->exists && !S_ISREG (status->st_mode))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                           "it is no regular file, so it cannot be replaced");
      return FALSE;
    }

  if (self->exists && faccessat (AT_FDCWD, self->target, W_OK, AT_EACCESS) == 0)
    return TRUE;

  set_error_from_errno (error, errno);

  return FALSE;
}

/* Nobody gets at the new file who could not get at the old one. */
static void
copy_mode (int                fd,
           const struct stat *status)
{
  mode_t mode = status->st_mode & 07777;

  if (fchown (fd, status->st_uid, status->st_gid) != 0)
    {
      mode &= 0777;
      if (fchown (fd, -1, status->st_gid) != 0)
        mode &= 0707;
    }
  if (fchmod (fd, mode) != 0)
    g_debug ("cannot keep the mode of a file: %s", g_strerror (errno));
}

static gboolean
open_temporary (GpFileEnd   *self,
                const char  *path,
                GError     **error)
{
  g_autofree char *directory = NULL;
  g_autofree char *temporary = NULL;
  struct stat status;
  int fd;

  self->target = follow_links (path, error);
  if (self->target == NULL || !check_target (self, &status, error))
    return FALSE;

  directory = g_path_get_dirname (self->target);
  do
    {
      g_free (temporary);
      temporary = g_build_filename (directory, ".gopipe-XXXXXX", NULL);
      fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC,
                           self->exists ? status.st_mode & 0700 : 0666);
    }
  while (fd < 0 && errno == EINTR);

  if (fd < 0)
    {
      set_error_from_errno (error, errno);
      return FALSE;
    }

  self->temporary = g_steal_pointer (&temporary);
  self->fd = gp_descriptor_lift (fd, "cannot duplicate a descriptor", error);
  if (self->fd < 0)
    {
      remove_temporary (self);
      return FALSE;
    }

  if (self->exists)
    copy_mode (self->fd, &status);

  return TRUE;
}

static gpointer
open_output (GpFileEnd   *self,
             const char  *path,
             GError     **error)
{
  const int flags = O_WRONLY | O_CREAT | (self->mode == GP_FILE_MODE_APPEND ? O_APPEND : O_TRUNC);
  struct stat status;

  /* It may be a pipe whose reader goes. */
  gp_ignore_sigpipe ();

  if (self->mode == GP_FILE_MODE_REPLACE)
    open_temporary (self, path, error);
  else
    self->fd = open_path (path, flags, error);

  if (self->fd < 0)
    return NULL;

  if (fstat (self->fd, &status) == 0 && S_ISREG (status.st_mode))
    return file_output_new (self->fd, self->title);

  return g_unix_output_stream_new (self->fd, FALSE);
}

/* A file that is somewhere else: GIO has no way to empty it but to replace it. */
static gpointer
open_by_gio (GpFileEnd     *self,
             GCancellable  *cancellable,
             GError       **error)
{
  if (self->is_input)
    return g_file_read (self->file, cancellable, error);

  if (self->mode == GP_FILE_MODE_APPEND)
    return g_file_append_to (self->file, G_FILE_CREATE_NONE, cancellable, error);

  return g_file_replace (self->file, NULL, FALSE, G_FILE_CREATE_NONE, cancellable, error);
}

gpointer
gp_file_end_open (GpFileEnd     *self,
                  GCancellable  *cancellable,
                  GError       **error)
{
  const char *path = g_file_is_native (self->file) ? g_file_peek_path (self->file) : NULL;

  /* GIO opens one for a moment with each stream, and ends the program where it cannot. */
  if (!gp_descriptor_check_spare (4, 0, error))
    self->stream = NULL;
  else if (path == NULL)
    self->stream = open_by_gio (self, cancellable, error);
  else if (self->is_input)
    self->stream = open_input (self, path, error);
  else
    self->stream = open_output (self, path, error);

  if (self->stream == NULL)
    {
      g_prefix_error (error, "opening %s: ", self->title);
      return NULL;
    }

  return g_object_ref (self->stream);
}

/* --- Closing ------------------------------------------------------------------------------ */

/* So that a crash of the system leaves the old contents or the new */
static gboolean
sync_and_close (GpFileEnd  *self,
                gboolean    sync,
                GError    **error)
{
  int fd = gp_descriptor_steal (&self->fd);

  if (sync && fsync (fd) != 0)
    {
      set_error_from_errno (error, errno);
      gp_descriptor_clear (&fd);
      return FALSE;
    }

  /* EINTR: it is closed nevertheless. */
  if (close (fd) == 0 || errno == EINTR)
    return TRUE;

  set_error_from_errno (error, errno);

  return FALSE;
}

static gboolean
replace_target (GpFileEnd     *self,
                GCancellable  *cancellable,
                GError       **error)
{
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (g_rename (self->temporary, self->target) != 0)
    {
      set_error_from_errno (error, errno);
      return FALSE;
    }

  g_clear_pointer (&self->temporary, g_free);

  return TRUE;
}

static gboolean
close_stream (GpFileEnd     *self,
              gboolean       complete,
              GCancellable  *cancellable,
              GError       **error)
{
  g_autoptr (GCancellable) broken_off = NULL;

  if (self->is_input)
    return g_input_stream_close (self->stream, cancellable, error);

  /* That is how GIO is told not to replace it. */
  if (!complete && self->mode == GP_FILE_MODE_REPLACE)
    {
      broken_off = g_cancellable_new ();
      g_cancellable_cancel (broken_off);
      cancellable = broken_off;
    }

  return g_output_stream_close (self->stream, cancellable, error);
}

gboolean
gp_file_end_close (GpFileEnd     *self,
                   gboolean       complete,
                   GCancellable  *cancellable,
                   GError       **error)
{
  g_autoptr (GError) close_error = NULL;
  const gboolean replaces = complete && self->temporary != NULL;
  gboolean success = close_stream (self, complete, cancellable, &close_error);

  /* Whoever is still writing needs the descriptor. What was written is not needed any more. */
  if (self->fd >= 0 && !g_error_matches (close_error, G_IO_ERROR, G_IO_ERROR_PENDING))
    success = sync_and_close (self, replaces && success && self->exists,
                              success ? &close_error : NULL) && success;
  if (success && replaces)
    success = replace_target (self, cancellable, &close_error);

  remove_temporary (self);
  if (!success)
    g_propagate_error (error, g_steal_pointer (&close_error));

  return success;
}
