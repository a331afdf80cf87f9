/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_PIPELINE (gp_pipeline_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpPipeline, gp_pipeline, GP, PIPELINE, GObject)

/**
 * GpFaultFunction:
 * @stage: the stage that broke a rule, as it was appended
 * @message: what went wrong, for the programmer
 * @user_data: (closure): the data given to [method@Pipeline.set_fault_handler]
 * @error: return location for an error
 *
 * Decides what becomes of a stage that broke the rules of its interface.
 *
 * It is called in the main context in which the pipeline was started, once for each fault, and must
 * not block.
 *
 * Returns: `GP_ERROR_ACTION_KEEP` if the stage fails with @error or, where that is not set, with
 *   `GP_PIPELINE_ERROR_FAULT` and @message, or `GP_ERROR_ACTION_FORGIVE` if it counts as successful
 *
 * Since: 0.1
 */
typedef GpErrorAction (*GpFaultFunction) (GpStage     *stage,
                                          const char  *message,
                                          gpointer     user_data,
                                          GError     **error);

GP_AVAILABLE_IN_ALL
GpPipeline         *gp_pipeline_new                     (void) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpPipeline         *gp_pipeline_new_from_string         (const char           *text,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
void                gp_pipeline_append                  (GpPipeline           *self,
                                                         GpStage              *stage);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_append_ignoring         (GpPipeline           *self,
                                                         GpStage              *stage,
                                                         GpErrorMatcher       *matcher);
GP_AVAILABLE_IN_ALL
GpCommandStage     *gp_pipeline_append_command          (GpPipeline           *self,
                                                         const char           *argv0,
                                                         ...) G_GNUC_NULL_TERMINATED;
GP_AVAILABLE_IN_ALL
GpCommandStage     *gp_pipeline_append_commandv         (GpPipeline           *self,
                                                         const char * const   *argv);

GP_AVAILABLE_IN_ALL
const char         *gp_pipeline_get_name                (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_name                (GpPipeline           *self,
                                                         const char           *name);
GP_AVAILABLE_IN_ALL
GInputStream       *gp_pipeline_get_stdin               (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_stdin               (GpPipeline           *self,
                                                         GInputStream         *stream);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_get_close_stdin         (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_close_stdin         (GpPipeline           *self,
                                                         gboolean              close_stdin);
GP_AVAILABLE_IN_ALL
GOutputStream      *gp_pipeline_get_stdout              (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_stdout              (GpPipeline           *self,
                                                         GOutputStream        *stream);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_get_close_stdout        (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_close_stdout        (GpPipeline           *self,
                                                         gboolean              close_stdout);
GP_AVAILABLE_IN_ALL
GFile              *gp_pipeline_get_stdin_file          (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_stdin_file          (GpPipeline           *self,
                                                         GFile                *file);
GP_AVAILABLE_IN_ALL
GFile              *gp_pipeline_get_stdout_file         (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
GpFileMode          gp_pipeline_get_stdout_file_mode    (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_stdout_file         (GpPipeline           *self,
                                                         GFile                *file,
                                                         GpFileMode            mode);
GP_AVAILABLE_IN_ALL
GOutputStream      *gp_pipeline_open_input              (GpPipeline           *self,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GInputStream       *gp_pipeline_open_output             (GpPipeline           *self,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
const char         *gp_pipeline_get_directory           (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_directory           (GpPipeline           *self,
                                                         const char           *directory);
GP_AVAILABLE_IN_ALL
const char * const *gp_pipeline_get_environ             (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_environ             (GpPipeline           *self,
                                                         const char * const   *environ);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_setenv                  (GpPipeline           *self,
                                                         const char           *variable,
                                                         const char           *value,
                                                         gboolean              overwrite);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_unsetenv                (GpPipeline           *self,
                                                         const char           *variable);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_clearenv                (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_add_environ             (GpPipeline           *self,
                                                         const char * const   *entries);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_add_environ_function    (GpPipeline           *self,
                                                         GpEnvironFunction     func,
                                                         gpointer              user_data,
                                                         GDestroyNotify        destroy);
GP_AVAILABLE_IN_ALL
guint               gp_pipeline_get_time_limit          (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_time_limit          (GpPipeline           *self,
                                                         guint                 milliseconds);
GP_AVAILABLE_IN_ALL
guint               gp_pipeline_get_pipe_hold_timeout   (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_pipe_hold_timeout   (GpPipeline           *self,
                                                         guint                 milliseconds);
GP_AVAILABLE_IN_ALL
guint               gp_pipeline_get_abandon_delay       (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_abandon_delay       (GpPipeline           *self,
                                                         guint                 milliseconds);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_get_ignore_pipe_errors  (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_ignore_pipe_errors  (GpPipeline           *self,
                                                         gboolean              ignore);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_get_partial_input_is_error (GpPipeline        *self);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_partial_input_is_error (GpPipeline        *self,
                                                            gboolean           is_error);

GP_AVAILABLE_IN_ALL
void                gp_pipeline_set_fault_handler       (GpPipeline           *self,
                                                         GpFaultFunction       func,
                                                         gpointer              user_data,
                                                         GDestroyNotify        destroy);

GP_AVAILABLE_IN_ALL
GpPipelineState     gp_pipeline_get_state               (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
GListModel         *gp_pipeline_get_stages              (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
guint               gp_pipeline_get_n_stages            (GpPipeline           *self);
GP_AVAILABLE_IN_ALL
GpStageStatus      *gp_pipeline_get_status              (GpPipeline           *self,
                                                         guint                 index);
GP_AVAILABLE_IN_ALL
GpEdgeKind          gp_pipeline_get_edge_kind           (GpPipeline           *self,
                                                         guint                 index);

GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_start                   (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_start_async             (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_start_finish            (GpPipeline           *self,
                                                         GAsyncResult         *result,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_wait                    (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_wait_async              (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_wait_finish             (GpPipeline           *self,
                                                         GAsyncResult         *result,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_run                     (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_run_async               (GpPipeline           *self,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
GP_AVAILABLE_IN_ALL
gboolean            gp_pipeline_run_finish              (GpPipeline           *self,
                                                         GAsyncResult         *result,
                                                         GError              **error);
GP_AVAILABLE_IN_ALL
void                gp_pipeline_cancel                  (GpPipeline           *self);

GP_AVAILABLE_IN_ALL
GBytes             *gp_pipeline_communicate             (GpPipeline           *self,
                                                         GBytes               *stdin_bytes,
                                                         GCancellable         *cancellable,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
void                gp_pipeline_communicate_async       (GpPipeline           *self,
                                                         GBytes               *stdin_bytes,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
GP_AVAILABLE_IN_ALL
GBytes             *gp_pipeline_communicate_finish      (GpPipeline           *self,
                                                         GAsyncResult         *result,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
char               *gp_pipeline_communicate_utf8        (GpPipeline           *self,
                                                         const char           *stdin_text,
                                                         GCancellable         *cancellable,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
void                gp_pipeline_communicate_utf8_async  (GpPipeline           *self,
                                                         const char           *stdin_text,
                                                         GCancellable         *cancellable,
                                                         GAsyncReadyCallback   callback,
                                                         gpointer              user_data);
GP_AVAILABLE_IN_ALL
char               *gp_pipeline_communicate_utf8_finish (GpPipeline           *self,
                                                         GAsyncResult         *result,
                                                         GError              **error) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GBytes             *gp_pipeline_dup_output              (GpPipeline           *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
