/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-terminal-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "gp-command-stage-private.h"
#include "gp-descriptor-private.h"

/* How much of a line is written at a time. The kernel throws away what is in a line after 4095
 * bytes. */
#define MAX_LINE 1024

/* What a person would want to see changed on its way is not what a pipeline wants, nor are keys
 * that edit a line. */
static gboolean
set_modes (int fd)
{
  static const int editing[] = {
    VERASE, VKILL, VWERASE, VREPRINT, VLNEXT, VDISCARD, VEOL, VEOL2, VSTART, VSTOP,
  };
  struct termios modes;

  if (tcgetattr (fd, &modes) < 0)
    return FALSE;

  modes.c_oflag &= ~OPOST;
  modes.c_lflag &= ~(ECHO | ECHOE | ECHOK | ECHONL);
  modes.c_iflag &= ~(ICRNL | INLCR | IGNCR | ISTRIP | IXON | IXOFF);
  for (guint i = 0; i < G_N_ELEMENTS (editing); i++)
    modes.c_cc[editing[i]] = _POSIX_VDISABLE;

  return tcsetattr (fd, TCSANOW, &modes) == 0;
}

static gboolean
open_both (int *our_fd,
           int *child_fd)
{
  char name[128];
  int fd;

  *child_fd = -1;
  do
    fd = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  *our_fd = gp_descriptor_lift (fd, "", NULL);
  if (*our_fd < 0 ||
      grantpt (*our_fd) < 0 ||
      unlockpt (*our_fd) < 0)
    return FALSE;

  if ((errno = ptsname_r (*our_fd, name, sizeof name)) != 0)
    return FALSE;

  *child_fd = gp_descriptor_lift (gp_descriptor_open (name, O_RDWR, 0), "", NULL);

  return *child_fd >= 0;
}

gboolean
gp_terminal_open (guint    columns,
                  guint    rows,
                  int     *our_fd,
                  int     *child_fd,
                  GError **error)
{
  /* With the wrong modes, it would change what goes through it. */
  if (!open_both (our_fd, child_fd) || !set_modes (*child_fd))
    {
      gp_set_error_from_errno (error, errno, "cannot make a terminal");
      gp_descriptor_clear (our_fd);
      gp_descriptor_clear (child_fd);
      return FALSE;
    }

  gp_terminal_resize (*our_fd,
                      columns > 0 ? columns : GP_COMMAND_DEFAULT_COLUMNS,
                      rows > 0 ? rows : GP_COMMAND_DEFAULT_ROWS);

  return TRUE;
}

void
gp_terminal_resize (int   our_fd,
                    guint columns,
                    guint rows)
{
  struct winsize size = {
    .ws_col = (unsigned short) MIN (columns, G_MAXUSHORT),
    .ws_row = (unsigned short) MIN (rows, G_MAXUSHORT),
  };

  if (our_fd >= 0)
    ioctl (our_fd, TIOCSWINSZ, &size);
}

/* --- What the user types ------------------------------------------------------------------ */

/* Writes to our end of the terminal, and hands over the start of a line that is too long for the
 * kernel, as a user does who presses Ctrl+D in the middle of it: the command reads it in pieces,
 * but whole. */
#define GP_TYPE_TERMINAL_INPUT (gp_terminal_input_get_type ())
G_DECLARE_FINAL_TYPE (GpTerminalInput, gp_terminal_input, GP, TERMINAL_INPUT, GFilterOutputStream)

struct _GpTerminalInput
{
  GFilterOutputStream parent_instance;

  gsize               n_typed; /* bytes of a line that were not handed over yet */
};

G_DEFINE_FINAL_TYPE (GpTerminalInput, gp_terminal_input, G_TYPE_FILTER_OUTPUT_STREAM)

/* Returns 0 if the command does not take lines now: then it gets every key. */
static char
get_end_key (GOutputStream *base)
{
  struct termios modes;
  int fd = gp_descriptor_of_stream (base);

  if (fd < 0 || tcgetattr (fd, &modes) < 0 || (modes.c_lflag & ICANON) == 0)
    return 0;

  return (char) modes.c_cc[VEOF];
}

static gboolean
hand_over_line (GpTerminalInput  *self,
                GOutputStream    *base,
                GCancellable     *cancellable,
                GError          **error)
{
  char key = get_end_key (base);

  if (key != 0 && !g_output_stream_write_all (base, &key, 1, NULL, cancellable, error))
    return FALSE;

  self->n_typed = 0;

  return TRUE;
}

/* How much of @text goes before a line is too long, which is counted from @n_typed on */
static gsize
measure (const char *text,
         gsize       size,
         gsize      *n_typed)
{
  gsize n = 0;

  while (n < size && *n_typed < MAX_LINE)
    {
      gsize length = MIN (size - n, MAX_LINE - *n_typed);
      const char *newline = memchr (text + n, '\n', length);

      if (newline != NULL)
        length = (gsize) (newline - (text + n)) + 1;
      *n_typed = newline != NULL ? 0 : *n_typed + length;
      n += length;
    }

  return n;
}

static gssize
gp_terminal_input_write (GOutputStream  *stream,
                         const void     *buffer,
                         gsize           count,
                         GCancellable   *cancellable,
                         GError        **error)
{
  GpTerminalInput *self = GP_TERMINAL_INPUT (stream);
  GOutputStream *base = g_filter_output_stream_get_base_stream (G_FILTER_OUTPUT_STREAM (stream));
  gsize n_typed;
  gssize written;

  if (self->n_typed >= MAX_LINE && !hand_over_line (self, base, cancellable, error))
    return -1;

  n_typed = self->n_typed;
  written = g_output_stream_write (base, buffer, measure (buffer, count, &n_typed),
                                   cancellable, error);
  if (written > 0)
    measure (buffer, written, &self->n_typed);

  return written;
}

static void
gp_terminal_input_class_init (GpTerminalInputClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = gp_terminal_input_write;
}

static void
gp_terminal_input_init (GpTerminalInput *self)
{
}

GOutputStream *
gp_terminal_input_new (GOutputStream *to_terminal)
{
  return g_object_new (GP_TYPE_TERMINAL_INPUT, "base-stream", to_terminal, NULL);
}

void
gp_terminal_send_end (GOutputStream *to_terminal)
{
  /* If a line was begun, the first one ends it without a newline. */
  const char ends[2] = { CEOF, CEOF };

  g_output_stream_write_all (to_terminal, ends, sizeof ends, NULL, NULL, NULL);
}
