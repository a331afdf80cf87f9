/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gopipe/gopipe.h>

G_BEGIN_DECLS

/* Pipelines of every kind. Each reads its input to the end unless something ends it before. */

typedef enum
{
  GP_TEST_KIND_COPIES,    /* what goes in comes out */
  GP_TEST_KIND_READS,     /* it reads its input, and nothing comes out; it may fail at the end */
  GP_TEST_KIND_WAITS,     /* until it is cancelled */
  GP_TEST_KIND_ENDS,      /* by itself */
} GpTestKindEnd;

typedef struct
{
  const char    *name;
  void         (*append) (GpPipeline *pipeline);
  GpTestKindEnd  end;
  gboolean       has_commands;
  gboolean       in_context; /* it cannot be run by a synchronous call */
  GQuark       (*domain) (void); /* of its error, or NULL for success */
  int            code;
} GpTestKind;

/* The last one has no name. */
extern const GpTestKind gp_test_kinds[];

guint     gp_test_count_kinds       (void);

/* The error is that of the kind. */
void      gp_test_kind_check        (const GpTestKind *self,
                                     const GError     *error);

/* Some lines, which is what the pipelines get */
GBytes   *gp_test_kind_get_text     (void);
/* What has come out, as far as all of it does: (nullable) if nothing can have */
void      gp_test_kind_check_output (const GpTestKind *self,
                                     GBytes           *output);
/* The same of a GMemoryOutputStream */
void      gp_test_kind_check_stream (const GpTestKind *self,
                                     GOutputStream    *stream);

/* A pipeline of a kind, from its making to its end. Its input is not ended before it goes on, so it
 * stays until then, unless it ends by itself. */
typedef struct
{
  const GpTestKind *kind;
  GpPipeline       *pipeline; /* owned */
  GOutputStream    *input;    /* owned: of open_input () */
  GAsyncResult     *result;   /* owned */
} GpTestLife;

void      gp_test_life_make         (GpTestLife       *self,
                                     const GpTestKind *kind);
/* Communicates */
void      gp_test_life_start        (GpTestLife       *self);
/* A condition: it was started, or could not be */
gboolean  gp_test_life_is_started   (gpointer          self);
/* Gives it all of its input */
void      gp_test_life_feed         (GpTestLife       *self);
/* Does what ends it, when it was started */
void      gp_test_life_go_on        (GpTestLife       *self);
/* Waits for the end, and checks everything */
void      gp_test_life_end          (GpTestLife       *self);
void      gp_test_life_clear        (GpTestLife       *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GpTestLife, gp_test_life_clear)

G_END_DECLS
