/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (GOPIPE_INSIDE) && !defined (GOPIPE_COMPILATION)
#error "Only <gopipe/gopipe.h> can be included directly."
#endif

#include <gopipe/gp-types.h>

G_BEGIN_DECLS

#define GP_TYPE_COMMAND_STAGE (gp_command_stage_get_type ())

GP_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GpCommandStage, gp_command_stage, GP, COMMAND_STAGE, GObject)

GP_AVAILABLE_IN_ALL
GpCommandStage     *gp_command_stage_new                  (const char          *argv0,
                                                           ...) G_GNUC_NULL_TERMINATED G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpCommandStage     *gp_command_stage_newv                 (const char * const  *argv) G_GNUC_WARN_UNUSED_RESULT;
GP_AVAILABLE_IN_ALL
GpCommandStage     *gp_command_stage_new_from_string      (const char          *command_line,
                                                           GError             **error) G_GNUC_WARN_UNUSED_RESULT;

GP_AVAILABLE_IN_ALL
const char * const *gp_command_stage_get_argv             (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
const char         *gp_command_stage_get_name             (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_name             (GpCommandStage      *self,
                                                           const char          *name);
GP_AVAILABLE_IN_ALL
const char         *gp_command_stage_get_directory        (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_directory        (GpCommandStage      *self,
                                                           const char          *directory);
GP_AVAILABLE_IN_ALL
const char * const *gp_command_stage_get_environ          (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_environ          (GpCommandStage      *self,
                                                           const char * const  *environ);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_setenv               (GpCommandStage      *self,
                                                           const char          *variable,
                                                           const char          *value,
                                                           gboolean             overwrite);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_unsetenv             (GpCommandStage      *self,
                                                           const char          *variable);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_clearenv             (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_add_environ          (GpCommandStage      *self,
                                                           const char * const  *entries);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_add_environ_function (GpCommandStage      *self,
                                                           GpEnvironFunction    func,
                                                           gpointer             user_data,
                                                           GDestroyNotify       destroy);
GP_AVAILABLE_IN_ALL
GInputStream       *gp_command_stage_get_stdin            (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_stdin            (GpCommandStage      *self,
                                                           GInputStream        *stream);
GP_AVAILABLE_IN_ALL
GOutputStream      *gp_command_stage_get_stdout           (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_stdout           (GpCommandStage      *self,
                                                           GOutputStream       *stream);
GP_AVAILABLE_IN_ALL
GpStderrMode        gp_command_stage_get_stderr_mode      (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_stderr_mode      (GpCommandStage      *self,
                                                           GpStderrMode         mode);
GP_AVAILABLE_IN_ALL
GOutputStream      *gp_command_stage_get_stderr_stream    (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_stderr_stream    (GpCommandStage      *self,
                                                           GOutputStream       *stream);
GP_AVAILABLE_IN_ALL
guint64             gp_command_stage_get_stderr_limit     (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_stderr_limit     (GpCommandStage      *self,
                                                           guint64              limit);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_accept_exit_status   (GpCommandStage      *self,
                                                           int                  exit_status);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_take_fd              (GpCommandStage      *self,
                                                           int                  source_fd,
                                                           int                  target_fd);
GP_AVAILABLE_IN_ALL
GpProcessGroup      gp_command_stage_get_process_group    (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_process_group    (GpCommandStage      *self,
                                                           GpProcessGroup       group);
GP_AVAILABLE_IN_ALL
gboolean            gp_command_stage_get_supervised       (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_supervised       (GpCommandStage      *self,
                                                           gboolean             supervised);
GP_AVAILABLE_IN_ALL
gboolean            gp_command_stage_get_die_with_parent  (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_die_with_parent  (GpCommandStage      *self,
                                                           gboolean             die_with_parent);
GP_AVAILABLE_IN_ALL
gboolean            gp_command_stage_get_kill_descendants (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_kill_descendants (GpCommandStage      *self,
                                                           gboolean             kill_descendants);
GP_AVAILABLE_IN_ALL
gboolean            gp_command_stage_get_terminal         (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_terminal         (GpCommandStage      *self,
                                                           gboolean             terminal);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_get_terminal_size    (GpCommandStage      *self,
                                                           guint               *columns,
                                                           guint               *rows);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_terminal_size    (GpCommandStage      *self,
                                                           guint                columns,
                                                           guint                rows);
GP_AVAILABLE_IN_ALL
gboolean            gp_command_stage_send_signal          (GpCommandStage      *self,
                                                           int                  signum);
GP_AVAILABLE_IN_ALL
guint               gp_command_stage_get_kill_delay       (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_kill_delay       (GpCommandStage      *self,
                                                           guint                milliseconds);
GP_AVAILABLE_IN_ALL
guint               gp_command_stage_get_time_limit       (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_time_limit       (GpCommandStage      *self,
                                                           guint                milliseconds);
GP_AVAILABLE_IN_ALL
guint64             gp_command_stage_get_memory_limit     (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_memory_limit     (GpCommandStage      *self,
                                                           guint64              bytes);
GP_AVAILABLE_IN_ALL
guint               gp_command_stage_get_memory_interval  (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_memory_interval  (GpCommandStage      *self,
                                                           guint                milliseconds);
GP_AVAILABLE_IN_ALL
int                 gp_command_stage_get_nice             (GpCommandStage      *self);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_nice             (GpCommandStage      *self,
                                                           int                  increment);
GP_AVAILABLE_IN_ALL
gint64              gp_command_stage_get_resource_limit   (GpCommandStage      *self,
                                                           GpResource           resource);
GP_AVAILABLE_IN_ALL
void                gp_command_stage_set_resource_limit   (GpCommandStage      *self,
                                                           GpResource           resource,
                                                           gint64               limit);

G_END_DECLS
