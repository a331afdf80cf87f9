/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Any /proc, in memory: what files there are, and what stands in them. Looking at it takes a bounded
 * number of reads, leaves nothing open, counts no process twice, and finds the descendants that
 * their parents' numbers tell. */

/* What the library calls here instead of the system */
static int            world_open     (const char *path);
static ssize_t        world_read     (int         fd,
                                      void       *buffer,
                                      size_t      size);
static int            world_close    (int         fd);
static DIR           *world_opendir  (const char *path);
static struct dirent *world_readdir  (DIR        *dir);
static int            world_closedir (DIR        *dir);

#define open(path, flags)      world_open (path)
#define read(fd, buffer, size) world_read (fd, buffer, size)
#define close(fd)              world_close (fd)
#define opendir(path)          world_opendir (path)
#define readdir(dir)           world_readdir (dir)
#define closedir(dir)          world_closedir (dir)
#include "gp-process-tree.c"
#undef open
#undef read
#undef close
#undef opendir
#undef readdir
#undef closedir

#define PROC "/fuzz"
#define MAX_FILES 64
#define MAX_OPEN 4

typedef struct
{
  char *path;
  char *text;
} File;

typedef struct
{
  char *prefix;  /* of the paths in it */
  guint next;    /* of the files */
} Directory;

/* Files are given as path and text in turn. Beside them, the names of a directory may come twice. */
static struct
{
  File       files[MAX_FILES];
  guint      n_files;
  gsize      piece;             /* bytes that a read gives at most */
  guint      broken;            /* the read that fails; 0: none does */
  guint      n_reads;
  guint      n_opened;          /* files and directories, together */
  guint      n_interrupted;
  const File *open_files[MAX_OPEN];
  gsize      positions[MAX_OPEN];
  guint      n_open_dirs;
  struct dirent entry;
} world;

static const File *
find_file (const char *path)
{
  for (guint i = 0; i < world.n_files; i++)
    if (strcmp (world.files[i].path, path) == 0)
      return &world.files[i];

  return NULL;
}

static int
world_open (const char *path)
{
  const File *file;
  int fd = 0;

  world.n_opened++;
  g_assert_true (g_str_has_prefix (path, PROC "/"));
  file = find_file (path + strlen (PROC "/"));
  if (file == NULL)
    {
      errno = ENOENT;
      return -1;
    }

  while (world.open_files[fd] != NULL)
    g_assert_cmpint (++fd, <, MAX_OPEN);
  world.open_files[fd] = file;
  world.positions[fd] = 0;

  return fd;
}

static ssize_t
world_read (int     fd,
            void   *buffer,
            size_t  size)
{
  const File *file = world.open_files[fd];
  gsize left = strlen (file->text) - world.positions[fd];

  world.n_reads++;
  if (world.n_reads == world.broken)
    {
      errno = ESRCH;
      return -1;
    }
  if (world.n_reads % 5 == 0 && world.n_interrupted++ < 20)
    {
      errno = EINTR;
      return -1;
    }

  size = MIN (MIN (size, left), world.piece);
  memcpy (buffer, file->text + world.positions[fd], size);
  world.positions[fd] += size;

  return size;
}

static int
world_close (int fd)
{
  g_assert_nonnull (world.open_files[fd]);
  world.open_files[fd] = NULL;

  return 0;
}

static DIR *
world_opendir (const char *path)
{
  Directory *self;
  gboolean exists = FALSE;
  g_autofree char *prefix = NULL;

  world.n_opened++;
  g_assert_true (g_str_has_prefix (path, PROC));
  prefix = path[strlen (PROC)] == '/' ? g_strconcat (path + strlen (PROC "/"), "/", NULL)
                                      : g_strdup ("");
  for (guint i = 0; i < world.n_files; i++)
    exists |= g_str_has_prefix (world.files[i].path, prefix);
  if (!exists)
    return NULL;

  world.n_open_dirs++;
  self = g_new0 (Directory, 1);
  self->prefix = g_steal_pointer (&prefix);

  return (DIR *) self;
}

static struct dirent *
world_readdir (DIR *dir)
{
  Directory *self = (Directory *) dir;

  while (self->next < world.n_files)
    {
      const char *path = world.files[self->next++].path;
      const char *name = path + strlen (self->prefix);
      gsize length;

      if (!g_str_has_prefix (path, self->prefix))
        continue;
      length = MIN (strcspn (name, "/"), sizeof world.entry.d_name - 1);
      memcpy (world.entry.d_name, name, length);
      world.entry.d_name[length] = '\0';
      return &world.entry;
    }

  return NULL;
}

static int
world_closedir (DIR *dir)
{
  Directory *self = (Directory *) dir;

  world.n_open_dirs--;
  g_free (self->prefix);
  g_free (self);

  return 0;
}

static void
make_world (FuzzInput *input)
{
  memset (&world, 0, sizeof world);
  world.piece = 1 + fuzz_take_byte (input);
  world.broken = fuzz_take_byte (input);

  while (world.n_files < MAX_FILES && input->size > 0)
    {
      File *file = &world.files[world.n_files++];

      file->path = fuzz_take_text (input);
      file->text = fuzz_take_text (input);
    }
}

static void
clear_world (void)
{
  for (guint i = 0; i < world.n_files; i++)
    {
      g_free (world.files[i].path);
      g_free (world.files[i].text);
    }
}

/* --- What must come out ------------------------------------------------------------------- */

static guint64
read_figure (const File *status,
             const char *name)
{
  const char *line = status != NULL ? strstr (status->text, name) : NULL;

  return line != NULL ? g_ascii_strtoull (line + strlen (name), NULL, 10) * 1024 : 0;
}

static const File *
find_process_file (int         pid,
                   const char *what)
{
  g_autofree char *path = g_strdup_printf ("%d/%s", pid, what);

  return find_file (path);
}

/* What comes after the last ")" is " S PARENT". */
static int
read_parent (int pid)
{
  const File *stat = find_process_file (pid, "stat");
  const char *end = stat != NULL ? strrchr (stat->text, ')') : NULL;
  gint64 parent;

  if (end == NULL || strlen (end) < 4 || end[1] != ' ' || end[3] != ' ')
    return 0;

  parent = g_ascii_strtoll (end + 4, NULL, 10);

  return parent > 0 && parent <= G_MAXINT ? (int) parent : 0;
}

static int
read_pid (const char *path)
{
  g_autofree char *name = g_strndup (path, strcspn (path, "/"));
  char *end;
  gint64 pid = g_ascii_strtoll (name, &end, 10);

  if (!g_ascii_isdigit (*name) || *end != '\0' || pid <= 0 || pid > G_MAXINT)
    return 0;

  return (int) pid;
}

/* Whether it counts, going up from it: who is not there has no children */
static gboolean
is_below (int pid,
          int root)
{
  guint steps;

  for (steps = 0; pid != root && steps <= MAX_FILES; steps++)
    {
      pid = find_process_file (pid, "stat") != NULL ? read_parent (pid) : 0;
      if (pid != root && (pid == 0 || find_process_file (pid, "status") == NULL))
        return FALSE;
    }

  return steps <= MAX_FILES;
}

/* Of a kernel that does not list children; @use of each process whose file stands in the world */
static GpProcessUse
count_below (int      root,
             gboolean with_root)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  GpProcessUse use = { 0 };

  for (guint i = 0; i < world.n_files; i++)
    {
      int pid = read_pid (world.files[i].path);
      const File *status = find_process_file (pid, "status");
      guint64 resident = read_figure (status, "\nVmRSS:");

      if (pid == 0 || !g_hash_table_add (seen, GINT_TO_POINTER (pid)) || resident == 0 ||
          (pid == root && !with_root) || !is_below (pid, root))
        continue;

      use.n_processes++;
      use.resident += resident;
      use.peak = MAX (use.peak, read_figure (status, "\nVmHWM:"));
    }

  return use;
}

/* Nobody can be more than all there is. */
static void
check_bounds (const GpProcessUse *use)
{
  guint64 peak = 0;
  guint n_statuses = 0;

  for (guint i = 0; i < world.n_files; i++)
    {
      n_statuses += g_str_has_suffix (world.files[i].path, "/status") ? 1 : 0;
      peak = MAX (peak, read_figure (&world.files[i], "\nVmHWM:"));
    }
  g_assert_cmpuint (use->n_processes, <=, n_statuses);
  g_assert_cmpuint (use->peak, <=, peak);
}

/* An absent root is no reason not to look below it, if it is not to count itself. */
static gboolean
has_known_tree (int      root,
                gboolean with_root)
{
  for (guint i = 0; i < world.n_files; i++)
    if (strstr (world.files[i].path, "/children") != NULL)
      return FALSE;

  return world.broken == 0 && (!with_root || find_process_file (root, "status") != NULL);
}

static void
check (int      root,
       gboolean with_root)
{
  GpProcessUse use, expected;
  gboolean found = gp_process_tree_measure (root, with_root, &use);

  g_assert_true (found == (use.n_processes > 0));
  check_bounds (&use);

  if (has_known_tree (root, with_root))
    {
      expected = count_below (root, with_root);
      g_assert_cmpuint (use.n_processes, ==, expected.n_processes);
      g_assert_cmpuint (use.resident, ==, expected.resident);
      g_assert_cmpuint (use.peak, ==, expected.peak);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  FuzzInput input = { data, size };
  int root = 1 + fuzz_choose (&input, 100);
  gboolean with_root = fuzz_flip (&input);
  gboolean looks_once = fuzz_flip (&input);

  make_world (&input);
  gp_process_tree_set_proc (PROC);
  if (looks_once)
    gp_process_tree_begin_look ();
  for (int i = 0; i < 2; i++)
    {
      guint before = world.n_opened;

      check (root + i, with_root);
      /* Each process that a number stands for: status, children, threads, and each of these */
      g_assert_cmpuint (world.n_opened - before, <=,
                        3 * (size + 2) + 3 * world.n_files * world.n_files);
      g_assert_cmpuint (world.n_open_dirs, ==, 0);
    }
  if (looks_once)
    gp_process_tree_end_look ();

  for (guint i = 0; i < MAX_OPEN; i++)
    g_assert_null (world.open_files[i]);
  clear_world ();

  return 0;
}
