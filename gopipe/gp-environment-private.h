/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-types.h"

G_BEGIN_DECLS

/* What a pipeline or a stage changes in the environment it inherits */

typedef struct _GpEnvironment GpEnvironment;

GpEnvironment      *gp_environment_new      (void);
void                gp_environment_free     (GpEnvironment       *self);

/* The whole environment instead of an inherited one; NULL: inherit */
void                gp_environment_set_base (GpEnvironment       *self,
                                             const char * const  *base);
const char * const *gp_environment_get_base (GpEnvironment       *self);

/* Later ones win */
void                gp_environment_set      (GpEnvironment       *self,
                                             const char          *variable,
                                             const char          *value,
                                             gboolean             overwrite);
void                gp_environment_unset    (GpEnvironment       *self,
                                             const char          *variable);
/* Everything that was there so far */
void                gp_environment_clear    (GpEnvironment       *self);
/* Entries of the form NAME=VALUE */
void                gp_environment_add      (GpEnvironment       *self,
                                             const char * const  *entries);
/* What @func returns, in the place that it has among the other changes */
void                gp_environment_add_func (GpEnvironment       *self,
                                             GpEnvironFunction    func,
                                             gpointer             user_data,
                                             GDestroyNotify       destroy);

/* Calls the functions, unless that was done: in the home context, before anything is started and
 * when nothing changes any more. An error is told by the check. */
void                gp_environment_evaluate (GpEnvironment       *self);

/* FALSE with the error of a function, or with GP_PIPELINE_ERROR_INVALID if a variable's name cannot
 * be one. Entries of an inherited environment are never touched, whatever they look like. */
/* FALSE: what is inherited stays as it is. */
gboolean            gp_environment_has_effect (GpEnvironment     *self);

gboolean            gp_environment_check    (GpEnvironment       *self,
                                             GError             **error);

/* (transfer full) both ways */
char              **gp_environment_apply    (GpEnvironment       *self,
                                             char               **inherited);

/* Whether the program itself has this environment now. To find out costs far less than a copy. */
gboolean            gp_environment_is_programs (const char * const *entries);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpEnvironment, gp_environment_free)

G_END_DECLS
