/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Code of the application (stages in JavaScript, signal handlers, completions) is called in the
 * main context of whoever started the pipeline, its home, wherever the reason arose. Calls are
 * made in the order in which they were queued: by a source in the home context, or, while the
 * thread that made the queue blocks in a synchronous call of ours, by that call. So a synchronous
 * call never has to iterate the application's context. */

typedef struct _GpCallbackQueue GpCallbackQueue;

typedef void     (*GpCallback)  (gpointer data);
typedef gboolean (*GpCondition) (gpointer data);

/* For the thread-default context of the calling thread */
GpCallbackQueue *gp_callback_queue_new         (void);

/* For a synchronous call: with a context of the thread's own that nobody else runs, so that the
 * call keeps no other thread from its work. What is still called when that thread has ended is
 * called in a thread of the pool. NULL and @error if there cannot be one. */
GpCallbackQueue *gp_callback_queue_new_private (GError         **error);
GpCallbackQueue *gp_callback_queue_ref         (GpCallbackQueue *self);
void             gp_callback_queue_unref       (GpCallbackQueue *self);

/* From any thread; @func is never called before this returns */
void             gp_callback_queue_push        (GpCallbackQueue *self,
                                                GpCallback       func,
                                                gpointer         data);

/* The same, but whoever waits is woken only by the gp_callback_queue_wake () that follows */
void             gp_callback_queue_push_before_wake (GpCallbackQueue *self,
                                                     GpCallback       func,
                                                     gpointer         data);

/* Whether anybody is connected to the properties of @object, whose class is final, or may connect
 * because of what they were before. Whoever looks and connects later sees what they are now: so if it
 * is asked after a change, with the lock that is taken to read them, a change that nobody hears of need
 * not be queued. The home context is woken nevertheless: whoever runs it may look at them each time. */
gboolean         gp_callback_queue_is_heard    (GpCallbackQueue *self,
                                                gpointer         object);

/* Queues what runs @task's callback: in the order of this queue if the home is the task's
 * context. @func calls g_task_return_* () and drops the task. */
void             gp_callback_queue_push_task   (GpCallbackQueue *self,
                                                GTask           *task,
                                                GpCallback       func,
                                                gpointer         data);

/* Would a thread that blocks here keep the calls from being made? */
gboolean         gp_callback_queue_is_blocked  (GpCallbackQueue *self);

/* Blocks until @condition holds; it is asked anew after each gp_callback_queue_wake (). */
void             gp_callback_queue_wait        (GpCallbackQueue *self,
                                                GpCondition      condition,
                                                gpointer         data);
void             gp_callback_queue_wake        (GpCallbackQueue *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpCallbackQueue, gp_callback_queue_unref)

G_END_DECLS
