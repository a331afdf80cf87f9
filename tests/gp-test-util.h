/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

#include "gp-test-pattern.h"

G_BEGIN_DECLS

/* The frame of every test program.
 *
 * Around each test case it counts what must not be left behind: descriptors, children, busy
 * threads of the library, objects that the test watches, errors, and pending sources of the default
 * context. Nothing sleeps: what needs time is waited for, and a watchdog ends a test that hangs
 * and says which one it was and what it waited for. */

typedef gboolean (*GpTestCondition) (gpointer data);

void        gp_test_init            (int             *argc,
                                     char          ***argv);
/* The same, but nothing is run and no thread is started before the first test case */
void        gp_test_init_single     (int             *argc,
                                     char          ***argv);
void        gp_test_add             (const char      *path,
                                     GTestFunc        func);
void        gp_test_add_data        (const char      *path,
                                     gconstpointer    data,
                                     GTestDataFunc    func);
int         gp_test_run             (void);

/* For a program that ends in the middle of everything, or a copy without the threads of the original:
 * nobody looks for leaks then. */
void        gp_test_ignore_leaks    (void);

/* More and bigger, as it is done rarely */
gboolean    gp_test_is_thorough     (void);

/* Runs the default context until @condition holds; @what is told when that takes too long */
void        gp_test_wait_until      (const char      *what,
                                     GpTestCondition  condition,
                                     gpointer         data);
/* Blocks in the default context until *@flag */
void        gp_test_wait_flag       (const char      *what,
                                     gboolean        *flag);

void        gp_test_wait_busy_threads (void);
guint       gp_test_count_busy_threads (void);
/* For all that is counted at the end of a test case, in the middle of one */
void        gp_test_wait_all_gone   (void);

/* The same as gp_test_wait_all_gone (), but that so many descriptors may be there */
void        gp_test_wait_all_gone_but (guint          n_fds);

/* For a test case that does many things, each of which may take as long as a test case */
void        gp_test_restart_watchdog (void);

/* The object must be gone at the end of the test case. Returns @object. */
gpointer    gp_test_watch           (gpointer         object);

/* All criticals and warnings between the two are counted, not fatal. The texts are joined. */
void        gp_test_begin_criticals (void);
guint       gp_test_end_criticals   (char           **text);

/* Asynchronous calls, waited for in the default context */
void        gp_test_result_cb       (GObject         *source,
                                     GAsyncResult    *result,
                                     gpointer         user_data);
void        gp_test_await           (const char      *what,
                                     GAsyncResult   **result);
gboolean    gp_test_start           (GpPipeline      *pipeline,
                                     GCancellable    *cancellable,
                                     GError         **error);
gboolean    gp_test_wait            (GpPipeline      *pipeline,
                                     GError         **error);
gboolean    gp_test_run_pipeline    (GpPipeline      *pipeline,
                                     GCancellable    *cancellable,
                                     GError         **error);
/* Waits, and it was cancelled */
void        gp_test_assert_cancelled (GpPipeline     *pipeline);
GBytes     *gp_test_communicate     (GpPipeline      *pipeline,
                                     GBytes          *stdin_bytes,
                                     GCancellable    *cancellable,
                                     GError         **error);

/* Runs it and returns its output as text, without an error */
char       *gp_test_output_of       (GpPipeline      *pipeline,
                                     const char      *stdin_text);

/* A watched pipeline */
GpPipeline *gp_test_pipeline_new    (void);

/* The path of the child program, and a stage that runs it in a mode */
const char     *gp_test_child       (void);
GpCommandStage *gp_test_child_new   (const char      *mode,
                                     ...) G_GNUC_NULL_TERMINATED;
/* Appends it, and returns it (transfer none) */
GpCommandStage *gp_test_add_child   (GpPipeline      *pipeline,
                                     const char      *mode,
                                     ...) G_GNUC_NULL_TERMINATED;

/* Appends a function stage, which must be gone at the end of the test case */
void            gp_test_add_function (GpPipeline     *pipeline,
                                      const char     *name,
                                      GpFunction      func,
                                      gpointer        user_data);

/* Copies all of its input */
gboolean        gp_test_copy_func   (GInputStream    *input,
                                     GOutputStream   *output,
                                     GpStageContext  *context,
                                     gpointer         user_data,
                                     GError         **error);

/* Stages that copy, a letter for each: c is a command, f a function, n a pipeline of two commands */
GpPipeline     *gp_test_new_copier  (const char      *kinds);

/* A pipe of the test's own, as streams that block */
void        gp_test_open_pipe       (int              fds[2]);
guint       gp_test_count_fds       (void);

/* The pipeline's standard output as a pipe: the descriptor goes to a command at its end, and the end
 * of the pipe is seen when nobody holds it any more. Returns the other end. */
int         gp_test_connect_output  (GpPipeline      *pipeline);

/* Exactly: no more, no less */
#define gp_test_assert_message(error, text) \
  G_STMT_START { \
    g_assert_nonnull (error); \
    g_assert_cmpstr ((error)->message, ==, (text)); \
  } G_STMT_END

#define gp_test_assert_contains(text, part) \
  G_STMT_START { \
    const char *gp_text = (text); \
    if (gp_text == NULL || strstr (gp_text, (part)) == NULL) \
      g_error ("%s: \"%s\" is not in \"%s\"", G_STRLOC, (part), gp_text ? gp_text : "(null)"); \
  } G_STMT_END

G_END_DECLS
