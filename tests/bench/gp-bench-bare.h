/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <pthread.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* What the floors are made of: the system calls, and nothing else. Every failure ends the program.
 * */

/* A thread that copies from one descriptor to another. */
typedef struct
{
  pthread_t thread;
  int input;
  int output;
} BareCopy;

/* One place of a chain of threads: what it is handed it hands on. */
typedef struct
{
  pthread_mutex_t lock;
  pthread_cond_t changed;
  gboolean full;
  char text[8];
} BareHand;

typedef struct _BareRing BareRing;

void      bare_pipe         (int                *read_end,
                             int                *write_end);
pid_t     bare_spawn        (const char * const *argv,
                             int                 input,
                             int                 output);
gboolean  bare_reap         (pid_t               pid);
void      bare_wait         (pid_t               pid);
pthread_t bare_start_thread (void             *(*func) (void *),
                             void               *data);
/* What reads or writes it here polls from now on, it and another one, where it would wait in the kernel. */
void      bare_make_cancellable (int             fd);
void      bare_write        (int                 fd,
                             const void         *data,
                             gsize               size);
gsize     bare_read         (int                 fd,
                             void               *buffer,
                             gsize               size);
void      bare_check_hello  (int                 fd);
guint64   bare_count        (int                 fd);
guint64   bare_count_lines  (int                 fd);
void      bare_copy_start   (BareCopy           *copy,
                             int                 input,
                             int                 output);
void      bare_copy_join    (BareCopy           *copy);

void      bare_hand_init    (BareHand           *hand);
BareHand *bare_hands_new    (guint               n_hands);
void      bare_hand_over    (BareHand           *hand,
                             const char         *text);
void      bare_hand_take    (BareHand           *hand,
                             char               *text);

BareRing *bare_ring_new     (gsize               size);
void      bare_ring_free    (BareRing           *self);
void      bare_ring_write   (BareRing           *self,
                             const void         *data,
                             gsize               size);
void      bare_ring_close   (BareRing           *self);
gsize     bare_ring_read    (BareRing           *self,
                             void               *buffer,
                             gsize               size);

G_END_DECLS
