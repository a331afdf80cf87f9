/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define GOPIPE_INSIDE

#include <gopipe/gp-types.h>
#include <gopipe/gp-enums.h>
#include <gopipe/gp-version.h>
#include <gopipe/gp-visibility.h>

#include <gopipe/gp-error.h>
#include <gopipe/gp-error-matcher.h>
#include <gopipe/gp-event.h>
#include <gopipe/gp-stage.h>
#include <gopipe/gp-stage-context.h>
#include <gopipe/gp-stage-status.h>
#include <gopipe/gp-limitable.h>

#include <gopipe/gp-command-stage.h>
#include <gopipe/gp-thread-stage.h>
#include <gopipe/gp-function-stage.h>
#include <gopipe/gp-async-stage.h>
#include <gopipe/gp-bytes-stage.h>
#include <gopipe/gp-converter-stage.h>
#include <gopipe/gp-meter-stage.h>
#include <gopipe/gp-memory-watch-stage.h>
#include <gopipe/gp-line-stage.h>
#include <gopipe/gp-error-filter-stage.h>

#include <gopipe/gp-pipeline.h>

#undef GOPIPE_INSIDE
