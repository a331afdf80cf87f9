/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-stage-context.h"
#include "gp-stage.h"

G_BEGIN_DECLS

/* The base of the stages that wrap another and change one thing about it. All else that a stage
 * can be asked is forwarded here, so that no decorator can forget any of it: a new interface or
 * method of the library's stages needs a line in gp-decorator-stage.c, and nowhere else.
 *
 * The wrapped stage is started with the very same context, under whose name and status it runs. */

#define GP_TYPE_DECORATOR_STAGE (gp_decorator_stage_get_type ())
G_DECLARE_DERIVABLE_TYPE (GpDecoratorStage, gp_decorator_stage, GP, DECORATOR_STAGE, GObject)

/* Nothing but the parent: derived classes are declared to users as if they derived from GObject */
struct _GpDecoratorStageClass
{
  GObjectClass parent_class;
};

/* What a decorator adds; each may be NULL */
typedef struct
{
  /* Settings must not change any more */
  void     (*seal)  (GpDecoratorStage *self);

  /* Just before the wrapped stage is started, where that is done. FALSE: it cannot be. */
  gboolean (*begin) (GpDecoratorStage  *self,
                     GpStageContext    *context,
                     GError           **error);
} GpDecoratorHooks;

/* In init: @hooks are static. In construction: @inner (nullable) */
void      gp_decorator_stage_set_hooks        (GpDecoratorStage       *self,
                                               const GpDecoratorHooks *hooks);
void      gp_decorator_stage_set_inner        (GpDecoratorStage       *self,
                                               GpStage                *inner);

/* (transfer none) (nullable) */
GpStage  *gp_decorator_stage_get_inner        (GpDecoratorStage       *self);

/* @stage without all its decorations: (transfer none) (nullable), for a decorator of nothing */
GpStage  *gp_stage_undecorate                 (GpStage                *stage);

/* Changes the report of a stage's end, in whatever thread that is made, before it has any effect:
 * @error (transfer full, NULL for success) is what is reported, the result (transfer full) what
 * will be instead. The one added last is called first. Add it before the stage is started; it is
 * called once, and @data dropped then, or with the context. */
typedef GError *(*GpStageEndFunc) (GpStageContext *context,
                                   GError         *error,
                                   gpointer        data);

void      gp_stage_context_add_end_func       (GpStageContext         *context,
                                               GpStageEndFunc          func,
                                               gpointer                data,
                                               GDestroyNotify          destroy);

/* The same for one that calls code of the application. It is called in the home context, and only
 * for what is an error. It is left out if the stage could not be started, or if nobody was there to
 * call it when the stage was given up. */
void      gp_stage_context_add_home_end_func  (GpStageContext         *context,
                                               GpStageEndFunc          func,
                                               gpointer                data,
                                               GDestroyNotify          destroy);

typedef enum
{
  GP_END_FUNCS_ANYWHERE, /* stop before one that belongs home */
  GP_END_FUNCS_AT_HOME,  /* this is the home context: call all */
  GP_END_FUNCS_NOT_HOME, /* leave out those that belong home */
} GpEndFuncs;

/* For the context, at the report: calls what was not called before. FALSE: the next one has to be
 * called in the home context. @error: (transfer full) both ways */
gboolean  gp_stage_context_call_end_funcs     (GpStageContext         *context,
                                               GpEndFuncs              which,
                                               GError                **error);

G_END_DECLS
