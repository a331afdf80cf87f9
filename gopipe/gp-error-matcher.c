/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "gp-error-matcher-private.h"

#include "gp-error.h"
#include "gp-user-function-private.h"

/**
 * GpErrorMatcher:
 *
 * Knows some errors when it sees them.
 *
 * A matcher is made for one error, exit status or signal, for the errors of broken pipes, or of a
 * function, and others can be added to it: it matches what any of them matches. It says which
 * errors of a stage are none, see [method@Pipeline.append_ignoring] and
 * [class@ErrorFilterStage].
 *
 * ```c
 * // grep has found nothing
 * gp_pipeline_append_ignoring (pipeline, GP_STAGE (gp_command_stage_new ("grep", "-c", "x", NULL)),
 *                              gp_error_matcher_new_exit_status (1));
 * ```
 *
 * A matcher may be used for any number of stages and in any thread. What is added to it when a
 * stage with it was started has no effect on that stage.
 *
 * Since: 0.1
 */

/* One kind of error: of a function, pipe errors, or those of a domain with a code */
typedef struct
{
  GpUserFunction *function; /* or NULL */
  gboolean        pipe;
  GQuark          domain;
  int             code;
} Rule;

/* Each rule holds a reference on its function, and so the data of that live as long as anybody can
 * call it. */
struct _GpErrorRules
{
  gatomicrefcount  ref_count;
  GArray          *rules; /* of Rule */
};

/* The rules are replaced as a whole, so that whoever uses them needs no lock. A stage that runs
 * holds those that it was started with. */
struct _GpErrorMatcher
{
  GObject       parent_instance;

  GMutex        lock;
  GpErrorRules *rules;
};

G_DEFINE_FINAL_TYPE (GpErrorMatcher, gp_error_matcher, G_TYPE_OBJECT)

static void
clear_rule (gpointer data)
{
  Rule *rule = data;

  g_clear_pointer (&rule->function, gp_user_function_unref);
}

static GpErrorRules *
rules_new (void)
{
  GpErrorRules *self = g_new0 (GpErrorRules, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->rules = g_array_new (FALSE, FALSE, sizeof (Rule));
  g_array_set_clear_func (self->rules, clear_rule);

  return self;
}

GpErrorRules *
gp_error_rules_ref (GpErrorRules *self)
{
  g_atomic_ref_count_inc (&self->ref_count);

  return self;
}

void
gp_error_rules_unref (GpErrorRules *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_array_unref (self->rules);
  g_free (self);
}

static void
add_rule (GpErrorRules *self,
          Rule          rule)
{
  if (rule.function != NULL)
    gp_user_function_ref (rule.function);
  g_array_append_val (self->rules, rule);
}

static void
add_rules (GpErrorRules *self,
           GpErrorRules *other)
{
  for (guint i = 0; i < other->rules->len; i++)
    add_rule (self, g_array_index (other->rules, Rule, i));
}

static gboolean
rule_matches (const Rule   *rule,
              const GError *error)
{
  if (rule->function != NULL)
    return ((GpErrorMatchFunction) rule->function->func) (error, rule->function->data) ==
           GP_ERROR_MATCH_YES;

  if (rule->pipe)
    return gp_error_matches_pipe (error);

  return g_error_matches (error, rule->domain, rule->code);
}

gboolean
gp_error_rules_has_functions (GpErrorRules *self)
{
  for (guint i = 0; i < self->rules->len; i++)
    if (g_array_index (self->rules, Rule, i).function != NULL)
      return TRUE;

  return FALSE;
}

gboolean
gp_error_rules_match (GpErrorRules *self,
                      const GError *error)
{
  for (guint i = 0; i < self->rules->len; i++)
    if (rule_matches (&g_array_index (self->rules, Rule, i), error))
      return TRUE;

  return FALSE;
}

GpErrorRules *
gp_error_matcher_dup_rules (GpErrorMatcher *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return gp_error_rules_ref (self->rules);
}

static void
gp_error_matcher_finalize (GObject *object)
{
  GpErrorMatcher *self = GP_ERROR_MATCHER (object);

  gp_error_rules_unref (self->rules);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gp_error_matcher_parent_class)->finalize (object);
}

static void
gp_error_matcher_class_init (GpErrorMatcherClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gp_error_matcher_finalize;
}

static void
gp_error_matcher_init (GpErrorMatcher *self)
{
  g_mutex_init (&self->lock);
  self->rules = rules_new ();
}

static GpErrorMatcher *
matcher_new (Rule rule)
{
  GpErrorMatcher *self = g_object_new (GP_TYPE_ERROR_MATCHER, NULL);

  add_rule (self->rules, rule);

  return self;
}

/**
 * gp_error_matcher_new:
 * @func: (scope notified) (closure user_data) (destroy destroy): tells which errors match
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the matcher was made
 *
 * Makes a matcher of a function.
 *
 * As part of a stage, the function is called in the main context in which the pipeline was started.
 * It should not block.
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new (GpErrorMatchFunction func,
                      gpointer             user_data,
                      GDestroyNotify       destroy)
{
  g_autoptr (GpUserFunction) function = NULL;

  g_return_val_if_fail (func != NULL, NULL);

  function = gp_user_function_new (G_CALLBACK (func), user_data, destroy);

  return matcher_new ((Rule) { .function = function });
}

/* The data are the function that wants the parts. */
static GpErrorMatch
match_parts_cb (const GError *error,
                gpointer      user_data)
{
  GpUserFunction *function = user_data;
  g_autofree char *message = g_utf8_make_valid (error->message, -1);

  return ((GpErrorPartsMatchFunction) function->func) (error->domain, error->code, message,
                                                       function->data);
}

/**
 * gp_error_matcher_new_with_parts:
 * @func: (scope notified) (closure user_data) (destroy destroy): tells which errors match
 * @user_data: data for @func
 * @destroy: (nullable): frees @user_data, in the main context in which the matcher was made
 *
 * Makes a matcher of a function that gets what an error is made of.
 *
 * This is for languages in which a callback cannot be given an error, such as JavaScript, whose
 * `Gp.ErrorMatcher.new ()` is made of it. Otherwise use [ctor@ErrorMatcher.new], which is the same in
 * all else.
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new_with_parts (GpErrorPartsMatchFunction func,
                                 gpointer                  user_data,
                                 GDestroyNotify            destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  return gp_error_matcher_new (match_parts_cb,
                               gp_user_function_new (G_CALLBACK (func), user_data, destroy),
                               (GDestroyNotify) gp_user_function_unref);
}

/**
 * gp_error_matcher_new_error:
 * @domain: an error domain
 * @code: a code of that domain
 *
 * Makes a matcher of one error.
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new_error (GQuark domain,
                            int    code)
{
  g_return_val_if_fail (domain != 0, NULL);

  return matcher_new ((Rule) { .domain = domain, .code = code });
}

/**
 * gp_error_matcher_new_exit_status:
 * @exit_status: an exit status, 1 to 255
 *
 * Makes a matcher of the error of a command that has ended with an exit status.
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new_exit_status (int exit_status)
{
  return matcher_new ((Rule) { .domain = G_SPAWN_EXIT_ERROR, .code = exit_status });
}

/**
 * gp_error_matcher_new_signal:
 * @signum: the number of a signal, such as `SIGTERM`
 *
 * Makes a matcher of the error of a command that was killed by a signal.
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new_signal (int signum)
{
  return matcher_new ((Rule) { .domain = GP_SIGNAL_ERROR, .code = signum });
}

/**
 * gp_error_matcher_new_pipe:
 *
 * Makes a matcher of all errors that say that a stage wrote to a pipe which nobody read any more.
 *
 * See [func@error_matches_pipe].
 *
 * Returns: (transfer full): a new matcher
 *
 * Since: 0.1
 */
GpErrorMatcher *
gp_error_matcher_new_pipe (void)
{
  return matcher_new ((Rule) { .pipe = TRUE });
}

/**
 * gp_error_matcher_add:
 * @self: a matcher
 * @other: (transfer full): another one
 *
 * Makes a matcher match everything that another one matches now, too.
 *
 * Since: 0.1
 */
void
gp_error_matcher_add (GpErrorMatcher *self,
                      GpErrorMatcher *other)
{
  g_autoptr (GpErrorMatcher) owned = NULL;
  g_autoptr (GpErrorRules) rules = NULL;
  g_autoptr (GpErrorRules) old_rules = NULL;
  g_autoptr (GpErrorRules) other_rules = NULL;

  g_return_if_fail (GP_IS_ERROR_MATCHER (self));
  g_return_if_fail (GP_IS_ERROR_MATCHER (other));

  owned = other;
  other_rules = gp_error_matcher_dup_rules (other);
  rules = rules_new ();

  g_mutex_lock (&self->lock);
  add_rules (rules, self->rules);
  add_rules (rules, other_rules);
  old_rules = g_steal_pointer (&self->rules);
  self->rules = g_steal_pointer (&rules);
  g_mutex_unlock (&self->lock);
}

/**
 * gp_error_matcher_matches:
 * @self: a matcher
 * @error: an error
 *
 * Tells whether a matcher matches an error.
 *
 * Its functions are called in the calling thread.
 *
 * Returns: `TRUE` if it does
 *
 * Since: 0.1
 */
gboolean
gp_error_matcher_matches (GpErrorMatcher *self,
                          const GError   *error)
{
  g_autoptr (GpErrorRules) rules = NULL;

  g_return_val_if_fail (GP_IS_ERROR_MATCHER (self), FALSE);
  g_return_val_if_fail (error != NULL, FALSE);

  rules = gp_error_matcher_dup_rules (self);

  return gp_error_rules_match (rules, error);
}
