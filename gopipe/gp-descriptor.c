/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-descriptor-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gfiledescriptorbased.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Two contexts, and as much for others who make some in other threads */
#define N_DESCRIPTORS_OF_CONTEXTS 4

void
gp_set_error_from_errno (GError     **error,
                         int          errsv,
                         const char  *what)
{
  /* For a program it is the same whether its own table or the system's is full */
  int code = errsv == ENFILE ? G_IO_ERROR_TOO_MANY_OPEN_FILES : (int) g_io_error_from_errno (errsv);

  g_set_error (error, G_IO_ERROR, code, "%s: %s", what, g_strerror (errsv));
}

void
gp_ignore_sigpipe (void)
{
  static gsize done;

  if (g_once_init_enter (&done))
    {
      struct sigaction action;

      if (sigaction (SIGPIPE, NULL, &action) == 0 &&
          (action.sa_flags & SA_SIGINFO) == 0 &&
          action.sa_handler == SIG_DFL)
        {
          action.sa_handler = SIG_IGN;
          sigaction (SIGPIPE, &action, NULL);
        }

      g_once_init_leave (&done, 1);
    }
}

int
gp_descriptor_lift (int          fd,
                    const char  *what,
                    GError     **error)
{
  int lifted;

  if (fd > STDERR_FILENO)
    return fd;

  /* -1 is no descriptor, and errno says why */
  lifted = fd < 0 ? -1 : fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (lifted < 0)
    gp_set_error_from_errno (error, errno, what);

  gp_descriptor_clear (&fd);

  return lifted;
}

/* Owns @ends; what they are for is told by @what */
static gboolean
lift_both (int          ends[2],
           int          fds[2],
           const char  *what,
           GError     **error)
{
  int first = gp_descriptor_lift (ends[0], what, error);
  int second = -1;

  if (first >= 0)
    second = gp_descriptor_lift (ends[1], what, error);
  else
    gp_descriptor_clear (&ends[1]);

  if (second < 0)
    {
      gp_descriptor_clear (&first);
      return FALSE;
    }

  fds[0] = first;
  fds[1] = second;

  return TRUE;
}

gboolean
gp_descriptor_open_pipe (int      fds[2],
                         GError **error)
{
  int ends[2];

  gp_ignore_sigpipe ();

  if (pipe2 (ends, O_CLOEXEC) < 0)
    {
      gp_set_error_from_errno (error, errno, "cannot make a pipe");
      return FALSE;
    }

  return lift_both (ends, fds, "cannot make a pipe", error);
}

gboolean
gp_descriptor_open_socket_pair (int      fds[2],
                                GError **error)
{
  int ends[2];

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    {
      gp_set_error_from_errno (error, errno, "cannot make a pair of sockets");
      return FALSE;
    }

  return lift_both (ends, fds, "cannot make a pair of sockets", error);
}

int
gp_descriptor_open (const char *path,
                    int         open_flags,
                    mode_t      mode)
{
  int fd;

  do
    fd = open (path, open_flags | O_CLOEXEC | O_NOCTTY, mode);
  while (fd < 0 && errno == EINTR);

  return fd;
}

int
gp_descriptor_open_null (int      open_flags,
                         GError **error)
{
  return gp_descriptor_lift (gp_descriptor_open ("/dev/null", open_flags, 0),
                             "cannot open /dev/null", error);
}

int
gp_descriptor_dup_for_child (int      fd,
                             GError **error)
{
  return gp_descriptor_dup_above (fd, GP_CHILD_FD_MIN, error);
}

int
gp_descriptor_dup_above (int      fd,
                         int      minimum,
                         GError **error)
{
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, minimum);

  if (copy < 0)
    {
      /* EINVAL here means that the limit lies below the minimum */
      gp_set_error_from_errno (error, errno == EINVAL ? EMFILE : errno,
                               "cannot duplicate a descriptor");
      return -1;
    }

  return copy;
}

gboolean
gp_descriptor_set_nonblocking (int       fd,
                               gboolean  nonblocking,
                               GError  **error)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags >= 0)
    {
      int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;

      if (wanted == flags || fcntl (fd, F_SETFL, wanted) >= 0)
        return TRUE;
    }

  gp_set_error_from_errno (error, errno, "cannot change the mode of a descriptor");

  return FALSE;
}

gboolean
gp_descriptor_is_nonblocking (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

int
gp_descriptor_of_stream (gpointer stream)
{
  if (!G_IS_FILE_DESCRIPTOR_BASED (stream))
    return -1;

  /* A closed stream may still tell a number that is somebody else's by now */
  if ((G_IS_INPUT_STREAM (stream) && g_input_stream_is_closed (stream)) ||
      (G_IS_OUTPUT_STREAM (stream) && g_output_stream_is_closed (stream)))
    return -1;

  return g_file_descriptor_based_get_fd (stream);
}

/* Looked for from the upper end, where they are free unless nearly all are taken */
static gboolean
has_free_numbers (guint n,
                  int   minimum)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    return TRUE;

  for (int fd = (int) MIN (limit.rlim_cur, G_MAXINT) - 1; fd >= minimum && n > 0; fd--)
    {
      if (fcntl (fd, F_GETFD) < 0)
        n--;
    }

  return n == 0;
}

/* One is opened, since the whole system may have too many. Opening all of them would take away what
 * another thread has just found to be there. */
gboolean
gp_descriptor_check_spare (guint    n,
                           int      minimum,
                           GError **error)
{
  int fd = gp_descriptor_open_null (O_RDONLY, error);

  if (fd < 0)
    return FALSE;

  gp_descriptor_clear (&fd);
  if (has_free_numbers (n, minimum))
    return TRUE;

  gp_set_error_from_errno (error, EMFILE, "cannot open more files");

  return FALSE;
}

GMainContext *
gp_descriptor_new_main_context (GError **error)
{
  if (!gp_descriptor_check_spare (N_DESCRIPTORS_OF_CONTEXTS, 0, error))
    return NULL;

  (void) g_main_context_default ();

  return g_main_context_new ();
}

void
gp_descriptor_clear (int *fd)
{
  int errsv = errno;

  if (*fd >= 0)
    close (*fd);

  *fd = -1;
  errno = errsv;
}

int
gp_descriptor_steal (int *fd)
{
  int stolen = *fd;

  *fd = -1;

  return stolen;
}
