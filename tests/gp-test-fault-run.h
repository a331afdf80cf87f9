/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "gp-test-faults.h"
#include "gp-test-util.h"

G_BEGIN_DECLS

/* Runs in processes of their own, of which a system call or more fail, or which lack something. The
 * test program itself has a single thread, so it can fork without executing anything: each run is
 * that of a fresh program. */

/* What a run tells about itself, in memory that the test shares with it */
typedef struct
{
  gboolean ended;          /* the pipeline did, and all was looked at */
  gboolean success;
  char     message[1024];  /* of the error */
  char     problem[1024];  /* what is wrong with how it has ended */
  gboolean not_allowed;    /* to get into its situation */
  gboolean may_outlive;    /* what it has started need not end with it */
} GpTestReport;

/* What a run has less of than the test; 0: as much */
typedef struct
{
  uid_t user;          /* who it is */
  guint n_descriptors; /* the limits, as long as it is armed */
  guint n_processes;   /* of all processes and threads of its user */
} GpTestMeans;

typedef void (*GpTestRunFunc) (gconstpointer  data,
                               GpTestReport  *report);

typedef enum
{
  GP_TEST_END_SUCCESS,
  GP_TEST_END_ERROR,
  GP_TEST_END_GLIB,  /* GLib has ended the program, in a way that is known */
  GP_TEST_END_WRONG, /* anything else: @problem tells what */
} GpTestEnd;

typedef struct
{
  GpTestEnd    end;
  GpTestReport report;
  const char  *glib;    /* which of the known ends */
  char        *problem; /* owned */
} GpTestOutcome;

void          gp_test_outcome_clear       (GpTestOutcome       *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GpTestOutcome, gp_test_outcome_clear)

/* Executes the program once more with the module preloaded, unless it is, and does what
 * gp_test_init () does, but starts no thread */
void          gp_test_fault_init          (int                 *argc,
                                           char              ***argv);

/* What the runs that come are to meet with; to be filled, and not armed */
GpTestFaults *gp_test_fault_get           (void);
GpTestMeans  *gp_test_fault_get_means     (void);

/* In a run, around what is meant to meet with it */
void          gp_test_fault_arm           (void);
void          gp_test_fault_disarm        (void);

/* Forks, calls the function there, and tells what became of it. Nothing that it has started may be
 * left. */
void          gp_test_fault_run           (GpTestRunFunc        func,
                                           gconstpointer        data,
                                           GpTestOutcome       *outcome);

/* Takes note of a problem, of which the first counts */
void          gp_test_report_problem      (GpTestReport        *report,
                                           const char          *format,
                                           ...) G_GNUC_PRINTF (2, 3);

/* How GLib is known to end a program: what it says then; NULL after the last */
const char   *gp_test_glib_end            (guint                index);

G_END_DECLS
