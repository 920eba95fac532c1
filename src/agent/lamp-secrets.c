/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-secrets.h"

#include "lamp-error.h"
#include "lamp-settings.h"

#include <glib/gi18n.h>
#include <libsecret/secret.h>

/* A secret service may keep silent for ever: a portal that answers before libsecret listens is not
 * heard. Then it is asked again, some times. */
#define SEARCH_PATIENCE_MS 2000
#define SEARCHES_MAX 3

struct _LampSecrets
{
  GObject parent_instance;

  GCancellable *cancel; /* (owned) cancelled in dispose */
  SecretValue *token;   /* (owned) (nullable) wiped when it is freed */
  char *problem;        /* (owned) (nullable) */
  guint n_loading;
  guint n_taken; /* tokens that were handed in: what was looked up before them is old */
};

G_DEFINE_FINAL_TYPE (LampSecrets, lamp_secrets, G_TYPE_OBJECT)

enum
{
  CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static const SecretSchema schema = {
  .name = "io.github.lamppost.Lamppost.Token",
  /* gnome-keyring forgets the schema of an item that is locked. */
  .flags = SECRET_SCHEMA_DONT_MATCH_NAME,
  .attributes = { { "application", SECRET_SCHEMA_ATTRIBUTE_STRING }, { NULL, 0 } },
};

#define ATTRIBUTES "application", LAMP_APPLICATION_ID, NULL

static void
set_problem (LampSecrets *self,
             const char  *problem)
{
  g_free (self->problem);
  self->problem = g_strdup (problem);
}

gboolean
lamp_secrets_is_token (const char *token)
{
  g_return_val_if_fail (token != NULL, FALSE);

  for (const char *at = token; *at != '\0'; at++)
    if (!g_ascii_isgraph (*at))
      return FALSE;

  return *token != '\0';
}

/* Without a word to whoever listens. */
static void
keep_token (LampSecrets *self,
            const char  *token)
{
  g_clear_pointer (&self->token, secret_value_unref);
  if (token != NULL && *token != '\0' && !lamp_secrets_is_token (token))
    /* TRANSLATORS: a program looks for SAAS_API_KEY: keep it */
    set_problem (self, _("The token can’t be used: it holds spaces, line breaks or other than "
                         "ASCII characters; sign in again with “lamppost login”, or correct "
                         "SAAS_API_KEY"));
  else if (token != NULL && *token != '\0')
    self->token = secret_value_new (token, -1, "text/plain");
}

static gboolean
is_same (SecretValue *a,
         SecretValue *b)
{
  return a == b || (a != NULL && b != NULL &&
                    g_str_equal (secret_value_get_text (a), secret_value_get_text (b)));
}

/* Shared by the searches of one lookup, of which the first that is answered counts. None is
 * cancelled: libsecret 0.20 hangs if that comes while it waits for a portal. */
typedef struct
{
  guint n_taken;     /* as of the start */
  guint patience_id; /* 0 if no further search is to be started */
  guint n_searches;
  gboolean answered;
} Lookup;

static void
lookup_free (gpointer data)
{
  Lookup *lookup = data;

  g_clear_handle_id (&lookup->patience_id, g_source_remove);
  g_free (lookup);
}

/* What was looked up: news only if it is another. @token may be none; one that was refused is
 * better than that. */
static void
take_loaded (GTask      *task,
             const char *problem,
             const char *token)
{
  LampSecrets *self = g_task_get_source_object (task);
  const Lookup *lookup = g_task_get_task_data (task);
  g_autofree char *old_problem = NULL;
  g_autoptr (SecretValue) old_token = NULL;

  self->n_loading--;
  if (lookup->n_taken != self->n_taken || (token == NULL && self->token != NULL))
    return;

  old_problem = g_steal_pointer (&self->problem);
  old_token = g_steal_pointer (&self->token);
  set_problem (self, problem);
  keep_token (self, token);
  if (g_strcmp0 (old_problem, self->problem) != 0 || !is_same (old_token, self->token))
    g_signal_emit (self, signals[CHANGED], 0);
}

static void
retrieved_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (SecretValue) value =
    secret_retrievable_retrieve_secret_finish (SECRET_RETRIEVABLE (source), result, &error);

  /* A locked item has no value without a prompt, and nobody has asked for one. */
  if (value == NULL)
    take_loaded (task,
                 _("The token is locked away; unlock your keyring, or sign in again with "
                   "“lamppost login”"),
                 NULL);
  else
    take_loaded (task, NULL, secret_value_get_text (value));
  g_task_return_boolean (task, TRUE);
}

static void
searched_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  LampSecrets *self = g_task_get_source_object (task);
  Lookup *lookup = g_task_get_task_data (task);
  GList *items = secret_password_search_finish (result, &error);

  if (lookup->answered)
    {
      g_list_free_full (items, g_object_unref);
      return;
    }

  lookup->answered = TRUE;
  g_clear_handle_id (&lookup->patience_id, g_source_remove);
  if (items == NULL)
    {
      if (error != NULL)
        g_debug ("secrets: no secret service: %s", error->message);
      take_loaded (task, NULL, NULL);
      g_task_return_boolean (task, TRUE);
      return;
    }

  secret_retrievable_retrieve_secret (SECRET_RETRIEVABLE (items->data), self->cancel, retrieved_cb,
                                      g_steal_pointer (&task));
  g_list_free_full (items, g_object_unref);
}

static void search (GTask *task);

static gboolean
patience_cb (gpointer user_data)
{
  GTask *task = G_TASK (user_data);
  Lookup *lookup = g_task_get_task_data (task);

  lookup->patience_id = 0;
  g_debug ("secrets: no answer yet, so the token is looked up once more");
  search (task);

  return G_SOURCE_REMOVE;
}

static void
search (GTask *task)
{
  LampSecrets *self = g_task_get_source_object (task);
  Lookup *lookup = g_task_get_task_data (task);

  lookup->n_searches++;
  if (lookup->n_searches < SEARCHES_MAX)
    lookup->patience_id = g_timeout_add (SEARCH_PATIENCE_MS, patience_cb, task);

  secret_password_search (&schema, SECRET_SEARCH_NONE, self->cancel, searched_cb,
                          g_object_ref (task), ATTRIBUTES);
}

void
lamp_secrets_load_async (LampSecrets        *self,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;
  Lookup *lookup = NULL;
  const char *override = lamp_settings_get_token_override ();

  g_return_if_fail (LAMP_IS_SECRETS (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, lamp_secrets_load_async);
  lookup = g_new0 (Lookup, 1);
  lookup->n_taken = self->n_taken;
  g_task_set_task_data (task, lookup, lookup_free);

  self->n_loading++;
  if (override != NULL)
    {
      take_loaded (task, NULL, override);
      g_task_return_boolean (task, TRUE);
      return;
    }

  search (task);
}

void
lamp_secrets_look_again (LampSecrets *self)
{
  g_return_if_fail (LAMP_IS_SECRETS (self));

  if (self->token == NULL && self->n_loading == 0)
    lamp_secrets_load_async (self, NULL, NULL);
}

const char *
lamp_secrets_get_token (LampSecrets *self)
{
  g_return_val_if_fail (LAMP_IS_SECRETS (self), NULL);

  return self->token != NULL ? secret_value_get_text (self->token) : NULL;
}

const char *
lamp_secrets_get_problem (LampSecrets *self)
{
  g_return_val_if_fail (LAMP_IS_SECRETS (self), NULL);

  return self->problem;
}

/* It answers, and has no collection to put the token into. */
static gboolean
is_without_collection (const GError *error)
{
  return g_error_matches (error, SECRET_ERROR, SECRET_ERROR_NO_SUCH_OBJECT) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT);
}

static void
return_storage_error (GTask        *task,
                      const GError *error)
{
  if (is_without_collection (error))
    {
      g_task_return_new_error (task, LAMP_ERROR, LAMP_ERROR_STORAGE,
                               _("The token can’t be kept: the secret service has no default "
                                 "keyring yet (%s). Make one with your keyring’s program, log in "
                                 "to the desktop anew, or set SAAS_API_KEY"),
                               error->message);
      return;
    }

  g_task_return_new_error (task, LAMP_ERROR, LAMP_ERROR_STORAGE,
                           _("The token can’t be kept: the secret service doesn’t answer (%s). "
                             "Start a keyring such as gnome-keyring, or set SAAS_API_KEY"),
                           error->message);
}

/* What is in force after a change: the environment, if it has a token. */
static void
take_token (LampSecrets *self,
            const char  *token)
{
  const char *override = lamp_settings_get_token_override ();

  self->n_taken++;
  set_problem (self, NULL);
  keep_token (self, override != NULL ? override : token);
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
stored_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;

  if (!secret_password_store_finish (result, &error))
    {
      return_storage_error (task, error);
      return;
    }

  take_token (g_task_get_source_object (task), g_task_get_task_data (task));
  g_task_return_boolean (task, TRUE);
}

static void
cleared_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;

  secret_password_clear_finish (result, &error);
  if (error != NULL)
    {
      return_storage_error (task, error);
      return;
    }

  take_token (g_task_get_source_object (task), NULL);
  g_task_return_boolean (task, TRUE);
}

void
lamp_secrets_store_async (LampSecrets        *self,
                          const char         *token,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (LAMP_IS_SECRETS (self));

  task = g_task_new (self, NULL, callback, user_data);
  g_task_set_source_tag (task, lamp_secrets_store_async);

  if (token == NULL)
    {
      secret_password_clear (&schema, self->cancel, cleared_cb, g_steal_pointer (&task),
                             ATTRIBUTES);
      return;
    }

  g_task_set_task_data (task, g_strdup (token), (GDestroyNotify) secret_password_free);
  /* TRANSLATORS: the name of the entry in the keyring */
  secret_password_store (&schema, SECRET_COLLECTION_DEFAULT, _("Lamppost: server token"), token,
                         self->cancel, stored_cb, g_steal_pointer (&task), ATTRIBUTES);
}

gboolean
lamp_secrets_store_finish (LampSecrets  *self,
                           GAsyncResult *result,
                           GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
lamp_secrets_dispose (GObject *object)
{
  LampSecrets *self = LAMP_SECRETS (object);

  g_cancellable_cancel (self->cancel);

  G_OBJECT_CLASS (lamp_secrets_parent_class)->dispose (object);
}

static void
lamp_secrets_finalize (GObject *object)
{
  LampSecrets *self = LAMP_SECRETS (object);

  g_clear_object (&self->cancel);
  g_clear_pointer (&self->token, secret_value_unref);
  g_free (self->problem);

  G_OBJECT_CLASS (lamp_secrets_parent_class)->finalize (object);
}

static void
lamp_secrets_class_init (LampSecretsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_secrets_dispose;
  object_class->finalize = lamp_secrets_finalize;

  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_secrets_init (LampSecrets *self)
{
  self->cancel = g_cancellable_new ();
}

LampSecrets *
lamp_secrets_new (void)
{
  return g_object_new (LAMP_TYPE_SECRETS, NULL);
}
