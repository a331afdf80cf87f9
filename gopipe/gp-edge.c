/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-edge-private.h"

#include "gp-descriptor-private.h"
#include "gp-pipe-stream-private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

GpEdgeKind
gp_edge_choose_between (GpIOPreference left_stdout,
                        GpIOPreference right_stdin)
{
  if (left_stdout == GP_IO_FD || right_stdin == GP_IO_FD)
    return GP_EDGE_KIND_PIPE;

  return GP_EDGE_KIND_MEMORY;
}

GpEdgeKind
gp_edge_choose_at_end (gpointer       stream,
                       GpIOPreference preference)
{
  int fd;

  if (stream == NULL)
    return GP_EDGE_KIND_NONE;

  if (preference == GP_IO_ANY)
    return GP_EDGE_KIND_STREAM;

  /* A process shares O_NONBLOCK with us, and would see EAGAIN. */
  fd = gp_descriptor_of_stream (stream);
  if (fd >= 0 && !gp_descriptor_is_nonblocking (fd))
    return GP_EDGE_KIND_DESCRIPTOR;

  return GP_EDGE_KIND_PUMP;
}

static gboolean
open_pipe (GpEdge          *self,
           GpIOPreference   left_stdout,
           GpIOPreference   right_stdin,
           GpEdgeBare       bare,
           GpInterrupt     *interrupt,
           GError         **error)
{
  gboolean has_streams = bare != (GP_EDGE_BARE_READER | GP_EDGE_BARE_WRITER);
  int fds[2];

  /* GIO opens one for a moment with each stream, and ends the program where it cannot. Other
   * threads of the same pipeline may be about to take some as well. */
  if ((has_streams && !gp_descriptor_check_spare (8, 0, error)) ||
      !gp_descriptor_open_pipe (fds, error))
    return FALSE;

  if ((bare & GP_EDGE_BARE_READER) != 0)
    self->reader_fd = fds[0];
  else if (right_stdin == GP_IO_FD)
    self->reader = g_unix_input_stream_new (fds[0], TRUE);
  else
    self->reader = gp_pipe_input_stream_new (fds[0], interrupt);

  if ((bare & GP_EDGE_BARE_WRITER) != 0)
    self->writer_fd = fds[1];
  else if (left_stdout == GP_IO_FD)
    self->writer = g_unix_output_stream_new (fds[1], TRUE);
  else
    self->writer = gp_pipe_output_stream_new (fds[1], interrupt);

  return TRUE;
}

gboolean
gp_edge_open (GpEdge          *self,
              GpIOPreference   left_stdout,
              GpIOPreference   right_stdin,
              GpEdgeBare       bare,
              GpInterrupt     *interrupt,
              GError         **error)
{
  self->kind = gp_edge_choose_between (left_stdout, right_stdin);

  if (self->kind == GP_EDGE_KIND_PIPE)
    return open_pipe (self, left_stdout, right_stdin, bare, interrupt, error);

  self->memory = gp_memory_pipe_new ();
  self->reader = gp_memory_pipe_new_reader (self->memory);
  self->writer = gp_memory_pipe_new_writer (self->memory);
  gp_memory_pipe_set_interrupt (self->reader, interrupt);
  gp_memory_pipe_set_interrupt (self->writer, interrupt);

  return TRUE;
}

gboolean
gp_edge_hold_end (GpEdge  *self,
                  GError **error)
{
  if (self->memory != NULL)
    gp_memory_pipe_hold_end (self->memory);
  else if (GP_IS_PIPE_INPUT_STREAM (self->reader))
    {
      self->gate = gp_end_gate_new (error);
      if (self->gate == NULL)
        return FALSE;
      gp_pipe_input_stream_set_gate (self->reader, self->gate);
    }

  return TRUE;
}

void
gp_edge_tell_end (GpEdge       *self,
                  const GError *error)
{
  if (self->memory != NULL)
    gp_memory_pipe_tell_end (self->memory, error);
  if (self->gate != NULL)
    gp_end_gate_open (self->gate, error);
}

void
gp_edge_interrupt (GpEdge *self)
{
  if (self->memory != NULL)
    gp_memory_pipe_interrupt (self->memory);
}

void
gp_edge_set_interrupt (gpointer     stream,
                       GpInterrupt *interrupt)
{
  gp_pipe_stream_set_interrupt (stream, interrupt);
  gp_memory_pipe_set_interrupt (stream, interrupt);
}

/* Pipes of the system need nothing: the interrupt has been raised. */
void
gp_edge_interrupt_end (gpointer stream)
{
  gp_memory_pipe_interrupt_end (stream);
}

void
gp_edge_clear (GpEdge *self)
{
  g_clear_object (&self->reader);
  g_clear_object (&self->writer);
  gp_descriptor_clear (&self->reader_fd);
  gp_descriptor_clear (&self->writer_fd);
  g_clear_pointer (&self->memory, gp_memory_pipe_unref);
  g_clear_pointer (&self->gate, gp_end_gate_unref);
}

/* A stream with a pending operation cannot be closed, and its descriptor must not be freed: the
 * number could be somebody else's before the operation looks at it again. So it becomes one of
 * nothing. */
static void
hang_up (gpointer stream)
{
  int null;

  if (gp_memory_pipe_hang_up (stream))
    return;

  null = gp_descriptor_open_null (O_RDWR, NULL);
  if (null >= 0)
    dup3 (null, gp_descriptor_of_stream (stream), O_CLOEXEC);
  gp_descriptor_clear (&null);
}

void
gp_edge_close_reader (GInputStream *reader)
{
  g_autoptr (GError) error = NULL;

  if (!g_input_stream_close (reader, NULL, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    hang_up (reader);
}

void
gp_edge_close_writer (GOutputStream *writer)
{
  g_autoptr (GError) error = NULL;

  if (!g_output_stream_close (writer, NULL, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    hang_up (writer);
}

/* Streams that GIO would block in although they were cancelled: pipes, terminals and the like.
 * A subclass may do anything, and a regular file never blocks for long. */
static gboolean
needs_adapting (gpointer       stream,
                GType          plain_type,
                GpIOPreference preference)
{
  struct stat status;
  int fd;

  if (preference == GP_IO_FD || stream == NULL || G_OBJECT_TYPE (stream) != plain_type)
    return FALSE;

  fd = gp_descriptor_of_stream (stream);

  return fstat (fd, &status) == 0 && !S_ISREG (status.st_mode);
}

GInputStream *
gp_edge_adapt_stdin (GInputStream   *stream,
                     GpIOPreference  preference,
                     GpInterrupt    *interrupt)
{
  if (needs_adapting (stream, G_TYPE_UNIX_INPUT_STREAM, preference))
    return gp_pipe_input_stream_new_for_stream (stream, interrupt);

  return stream != NULL ? g_object_ref (stream) : NULL;
}

GOutputStream *
gp_edge_adapt_stdout (GOutputStream  *stream,
                      GpIOPreference  preference,
                      GpInterrupt    *interrupt)
{
  if (needs_adapting (stream, G_TYPE_UNIX_OUTPUT_STREAM, preference))
    return gp_pipe_output_stream_new_for_stream (stream, interrupt);

  return stream != NULL ? g_object_ref (stream) : NULL;
}
