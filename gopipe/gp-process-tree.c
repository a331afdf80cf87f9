/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-process-tree-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Processes come and go while this reads: whatever has vanished does not count, and nothing that
 * is missing is an error. The kernel may lack the file that lists a process's children (it needs
 * CONFIG_PROC_CHILDREN); then all processes are asked for their parents. */

static const char *proc_path = "/proc";

/* One line of the list of all processes */
typedef struct
{
  int parent;
  int pid;
} Link;

/* What one look has found out, of one thread:
 *
 *   new → listed, if somebody needs the list
 *
 * It lasts from its begin to its end, or for one measurement. */
typedef struct
{
  GArray   *links;          /* of Link, sorted by parent; NULL: not listed */
  gboolean  kernel_lists;   /* the kernel lists children: one that does not exist has ended */
  GString  *buffer;         /* what was read last */
} Look;

static GPrivate current_look;

static Look *
look_new (void)
{
  Look *self = g_new0 (Look, 1);

  self->buffer = g_string_sized_new (4096);

  return self;
}

static void
look_free (Look *self)
{
  g_clear_pointer (&self->links, g_array_unref);
  g_string_free (self->buffer, TRUE);
  g_free (self);
}

/* Reads all of a file into the buffer, whatever size the kernel says it has */
static gboolean
read_file (Look       *self,
           const char *format,
           ...) G_GNUC_PRINTF (2, 3);

static gboolean
read_file (Look       *self,
           const char *format,
           ...)
{
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  va_list args;
  gssize n;
  int fd;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  path = g_build_filename (proc_path, name, NULL);

  do
    fd = open (path, O_RDONLY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    return FALSE;

  g_string_truncate (self->buffer, 0);
  do
    {
      gsize length = self->buffer->len;

      g_string_set_size (self->buffer, length + 4096);
      n = read (fd, self->buffer->str + length, 4096);
      g_string_truncate (self->buffer, length + MAX (n, 0));
    }
  while (n > 0 || (n < 0 && errno == EINTR));
  close (fd);

  return n == 0;
}

/* 0 if @name is no number */
static int
parse_pid (const char *name)
{
  guint64 pid;

  return g_ascii_string_to_unsigned (name, 10, 1, G_MAXINT, &pid, NULL) ? (int) pid : 0;
}

/* The fourth field of /proc/PID/stat. The second is the name of the program, in parentheses, and
 * may have anything in it, parentheses and spaces too; nothing after it has. */
static int
parse_parent (const char *stat)
{
  const char *p = strrchr (stat, ')');
  gint64 parent;

  if (p == NULL || p[1] != ' ' || p[2] == '\0' || p[3] != ' ')
    return 0;

  parent = g_ascii_strtoll (p + 4, NULL, 10);

  return parent > 0 && parent <= G_MAXINT ? (int) parent : 0;
}

static int
compare_links (gconstpointer a,
               gconstpointer b)
{
  const Link *left = a;
  const Link *right = b;

  return (left->parent > right->parent) - (left->parent < right->parent);
}

static void
list_all (Look *self)
{
  DIR *dir = opendir (proc_path);
  struct dirent *entry;

  self->links = g_array_new (FALSE, FALSE, sizeof (Link));
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    {
      Link link = { 0, parse_pid (entry->d_name) };

      if (link.pid != 0 && read_file (self, "%d/stat", link.pid))
        {
          link.parent = parse_parent (self->buffer->str);
          g_array_append_val (self->links, link);
        }
    }
  if (dir != NULL)
    closedir (dir);

  g_array_sort (self->links, compare_links);
}

/* The processes found so far, each once: an id that was given away again while we were reading
 * must not lead us around in circles. */
typedef struct
{
  GArray     *pids;
  GHashTable *seen;
} Tree;

static void
tree_add (Tree *self,
          int   pid)
{
  if (pid > 0 && g_hash_table_add (self->seen, GINT_TO_POINTER (pid)))
    g_array_append_val (self->pids, pid);
}

static void
add_listed_children (Look *self,
                     int   pid,
                     Tree *tree)
{
  guint i = 0, end;

  if (self->links == NULL)
    list_all (self);

  /* The first one of this parent */
  for (end = self->links->len; i < end;)
    {
      guint middle = i + (end - i) / 2;

      if (g_array_index (self->links, Link, middle).parent < pid)
        i = middle + 1;
      else
        end = middle;
    }

  for (; i < self->links->len && g_array_index (self->links, Link, i).parent == pid; i++)
    tree_add (tree, g_array_index (self->links, Link, i).pid);
}

static void
add_children_of_thread (Look *self,
                        Tree *tree)
{
  g_auto (GStrv) pids = g_strsplit (self->buffer->str, " ", -1);

  for (guint i = 0; pids[i] != NULL; i++)
    tree_add (tree, parse_pid (pids[i]));
}

/* A child belongs to the thread that made it, until that ends. */
static void
add_children (Look *self,
              int   pid,
              Tree *tree)
{
  g_autofree char *name = NULL;
  struct dirent *entry;
  DIR *dir;

  if (!read_file (self, "%d/task/%d/children", pid, pid))
    {
      if (!self->kernel_lists)
        add_listed_children (self, pid, tree);
      return;
    }
  self->kernel_lists = TRUE;
  add_children_of_thread (self, tree);

  name = g_strdup_printf ("%s/%d/task", proc_path, pid);
  dir = opendir (name);
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    {
      int thread = parse_pid (entry->d_name);

      if (thread != 0 && thread != pid && read_file (self, "%d/task/%d/children", pid, thread))
        add_children_of_thread (self, tree);
    }
  if (dir != NULL)
    closedir (dir);
}

/* In bytes; @name as it stands in the file, in which no other text can look like a line of it */
static guint64
find_figure (Look       *self,
             const char *name)
{
  const char *line = strstr (self->buffer->str, name);

  return line != NULL ? g_ascii_strtoull (line + strlen (name), NULL, 10) * 1024 : 0;
}

/* FALSE: it is not there. One without memory is, if it was not waited for yet. */
static gboolean
count_process (Look         *self,
               int           pid,
               GpProcessUse *use)
{
  guint64 resident;

  if (!read_file (self, "%d/status", pid))
    return FALSE;

  resident = find_figure (self, "\nVmRSS:");
  if (resident > 0)
    {
      use->n_processes++;
      use->resident += resident;
      use->peak = MAX (use->peak, find_figure (self, "\nVmHWM:"));
    }

  return TRUE;
}

static void
measure (Look         *self,
         GPid          root,
         gboolean      with_root,
         GpProcessUse *use)
{
  g_autoptr (GArray) pids = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  Tree tree = { pids, seen };

  tree_add (&tree, root);
  for (guint i = 0; i < pids->len; i++)
    {
      int pid = g_array_index (pids, int, i);

      if ((pid == root && !with_root) || count_process (self, pid, use))
        add_children (self, pid, &tree);
    }
}

gboolean
gp_process_tree_measure (GPid          root,
                         gboolean      with_root,
                         GpProcessUse *use)
{
  Look *look = g_private_get (&current_look);

  *use = (GpProcessUse) { 0, };
  if (look != NULL)
    {
      measure (look, root, with_root, use);
    }
  else
    {
      look = look_new ();
      measure (look, root, with_root, use);
      look_free (look);
    }

  return use->n_processes > 0;
}

void
gp_process_tree_begin_look (void)
{
  g_private_set (&current_look, look_new ());
}

void
gp_process_tree_end_look (void)
{
  Look *look = g_private_get (&current_look);

  g_private_set (&current_look, NULL);
  look_free (look);
}

/* A /proc of another process namespace has other ids than those that we know. */
gboolean
gp_process_tree_check (GError **error)
{
  g_autofree char *link = g_build_filename (proc_path, "self", NULL);
  g_autofree char *self = g_file_read_link (link, NULL);

  if (self == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "memory cannot be measured: %s is not mounted", proc_path);
  else if (parse_pid (self) != (int) getpid ())
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 "memory cannot be measured: %s belongs to another process namespace", proc_path);
  else
    return TRUE;

  return FALSE;
}

void
gp_process_tree_set_proc (const char *path)
{
  proc_path = path != NULL ? path : "/proc";
}
