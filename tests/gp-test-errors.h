/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Errors that were made and not freed yet, of all domains that pipelines report. To be watched
 * before there are any. */

void gp_test_watch_errors (void);
int  gp_test_count_errors (void);

G_END_DECLS
