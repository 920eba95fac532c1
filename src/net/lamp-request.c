/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-request.h"

#include "lamp-tls-words.h"
#include "lamp-url.h"

#include <glib/gi18n-lib.h>

/* No answer to a batch of a hundred events comes near; more is not for us (section 6). */
#define BODY_MAX (4 * 1024 * 1024)
#define CHUNK (64 * 1024)

/* Understanding 4 MiB takes up to a quarter of a second, for which the main loop has no time; an
 * answer to a hundred events is shorter than this, and done before a thread would have begun. */
#define AT_ONCE_MAX (64 * 1024)

struct _LampRequest
{
  SoupMessage *message;      /* (owned) */
  char *url;                 /* (owned) */
  GBytes *payload;           /* (owned) (nullable) the body that is sent */
  LampBatch *batch;          /* (owned) (nullable) NULL for a probe */
  GCancellable *cancellable; /* (owned) ours: the caller's, or the time that is up */
  GCancellable *outer;       /* (owned) (nullable) the caller's */
  gulong outer_id;
  GSource *timeout; /* (owned) (nullable) */
  guint seconds;
  gboolean timed_out;
  gboolean repeatable;
  gboolean kept;        /* it uses a connection that was there */
  char *mistrust;       /* (owned) (nullable) why the server's certificate was refused */
  GInputStream *stream; /* (owned) (nullable) the answer, once its head has come */
  guint status;
  gboolean html;
  gint64 retry_after;
  GByteArray *body; /* (owned) */
  LampLimits limits;
};

/* --- outcomes ----------------------------------------------------------- */

static LampOutcome *
outcome_new (LampRequest    *self,
             LampOutcomeKind kind,
             char           *message)
{
  guint size = self->batch != NULL ? lamp_batch_get_size (self->batch) : 0;
  LampOutcome *outcome = lamp_outcome_new (kind, size);

  g_free (outcome->message);
  outcome->message = message;

  return outcome;
}

static LampOutcome *
outcome_for_timeout (LampRequest *self)
{
  return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                      g_strdup_printf (ngettext ("%s did not answer within %u second",
                                                 "%s did not answer within %u seconds",
                                                 self->seconds),
                                       self->url, self->seconds));
}

static LampOutcome *
outcome_for_error (LampRequest  *self,
                   const GError *error)
{
  if (self->timed_out)
    return outcome_for_timeout (self);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return outcome_new (self, LAMP_OUTCOME_CANCELLED, g_strdup (_("Cancelled")));

  if (self->mistrust != NULL)
    return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                        /* TRANSLATORS: an address and the reason */
                        g_strdup_printf (_("%s can’t be trusted: %s"), self->url, self->mistrust));

  if (error->domain == G_TLS_ERROR)
    return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_("There is no secure connection to %s, check the "
                                           "server’s address and port: %s"),
                                         self->url, error->message));

  if (self->stream != NULL)
    return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_("%s broke off its answer: %s"), self->url,
                                         error->message));

  return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                      /* TRANSLATORS: an address and the reason */
                      g_strdup_printf (_("%s can’t be reached: %s"), self->url, error->message));
}

/* A login page in front of the network answers for the server; it is as good as no answer.
 * Its address may hold what isn't for a log, so only the origin is told. */
static LampOutcome *
outcome_for_redirection (LampRequest *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);
  const char *location = soup_message_headers_get_one (headers, "Location");
  GUri *base = soup_message_get_uri (self->message);
  g_autoptr (GUri) target = NULL;
  g_autofree char *origin = NULL;

  if (!SOUP_STATUS_IS_REDIRECTION (self->status) || location == NULL)
    return NULL;

  target = g_uri_parse_relative (base, location, LAMP_URL_FLAGS, NULL);
  if (target != NULL && g_uri_get_host (target) != NULL && *g_uri_get_host (target) != '\0')
    {
      if (lamp_url_same_origin (base, target))
        return NULL;

      origin = lamp_url_dup_origin (target);
    }

  return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                      g_strdup_printf (_("%s sends us away, to %s. Perhaps this network wants you "
                                         "to sign in first, or the server has moved"),
                                       self->url,
                                       origin != NULL ? origin : _("an unreadable address")));
}

/* An answer without a certificate comes from the proxy, which won't let us through. */
static LampOutcome *
outcome_for_proxy (LampRequest *self)
{
  GUri *uri = soup_message_get_uri (self->message);

  if (!g_str_equal (g_uri_get_scheme (uri), "https") ||
      soup_message_get_tls_peer_certificate (self->message) != NULL)
    return NULL;

  if (self->status == SOUP_STATUS_PROXY_AUTHENTICATION_REQUIRED)
    return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_("%s can’t be reached: this network’s proxy wants you "
                                           "to sign in (%u)"),
                                         self->url, self->status));

  return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                      g_strdup_printf (_("%s can’t be reached: this network’s proxy answered %u"),
                                       self->url, self->status));
}

/* Whatever the page calls itself: a server of ours never begins its health with "<". */
static gboolean
is_web_page (LampRequest *self)
{
  const char *body = (const char *) self->body->data;
  guint i = 0;

  while (i < self->body->len && g_ascii_isspace (body[i]))
    i++;

  return self->html || (i < self->body->len && body[i] == '<');
}

static LampOutcome *
outcome_for_health (LampRequest *self)
{
  if (is_web_page (self))
    return outcome_new (self, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_(
                                          "%s answers with a web page; perhaps this network wants "
                                          "you to sign in first"),
                                         self->url));

  lamp_answer_read_health ((const char *) self->body->data, self->body->len, &self->limits);

  return outcome_new (self, LAMP_OUTCOME_ANSWERED, g_strdup_printf (_("%s is well"), self->url));
}

/* May run in a thread: it looks at nothing but what has come. */
static LampOutcome *
understand (LampRequest *self)
{
  if (self->batch == NULL && self->status == SOUP_STATUS_OK)
    return outcome_for_health (self);

  return lamp_answer_read (self->batch, self->url, self->status, self->retry_after,
                           (const char *) self->body->data, self->body->len);
}

/* --- the answer --------------------------------------------------------- */

static void
understand_in_thread (GTask        *task,
                      gpointer      source,
                      gpointer      data,
                      GCancellable *cancellable)
{
  g_task_return_pointer (task, understand (data), (GDestroyNotify) lamp_outcome_free);
}

static void
understood_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);

  g_task_return_pointer (task, g_task_propagate_pointer (G_TASK (result), NULL),
                         (GDestroyNotify) lamp_outcome_free);
}

static void
finish_exchange (GTask *task)
{
  g_autoptr (GTask) work = NULL;
  LampRequest *self = g_task_get_task_data (task);

  if (self->body->len <= AT_ONCE_MAX)
    {
      g_task_return_pointer (task, understand (self), (GDestroyNotify) lamp_outcome_free);
      return;
    }

  work = g_task_new (NULL, NULL, understood_cb, g_object_ref (task));
  g_task_set_task_data (work, self, NULL);
  g_task_run_in_thread (work, understand_in_thread);
}

/* The status of a refusal says enough. */
static void
finish_too_long (GTask *task)
{
  LampRequest *self = g_task_get_task_data (task);
  LampOutcome *outcome;

  g_byte_array_set_size (self->body, 0);
  outcome = understand (self);
  if (SOUP_STATUS_IS_SUCCESSFUL (self->status))
    {
      outcome->kind = LAMP_OUTCOME_SERVER_ERROR;
      g_free (outcome->message);
      outcome->message = g_strdup_printf (_("%s answers with more than 4 MiB"), self->url);
    }

  g_task_return_pointer (task, outcome, (GDestroyNotify) lamp_outcome_free);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result,
                                                               &error);
  LampRequest *self = g_task_get_task_data (task);

  if (bytes == NULL)
    {
      g_task_return_pointer (task, outcome_for_error (self, error),
                             (GDestroyNotify) lamp_outcome_free);
      return;
    }

  if (g_bytes_get_size (bytes) == 0)
    {
      finish_exchange (task);
      return;
    }

  if (self->body->len + g_bytes_get_size (bytes) > BODY_MAX)
    {
      finish_too_long (task);
      return;
    }

  g_byte_array_append (self->body, g_bytes_get_data (bytes, NULL),
                       (guint) g_bytes_get_size (bytes));
  g_input_stream_read_bytes_async (self->stream, CHUNK, G_PRIORITY_DEFAULT, self->cancellable,
                                   read_cb, g_steal_pointer (&task));
}

static void
note_head (LampRequest *self)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (self->message);
  const char *retry_after = soup_message_headers_get_one (headers, "Retry-After");
  const char *type = soup_message_headers_get_content_type (headers, NULL);

  self->status = soup_message_get_status (self->message);
  self->retry_after = lamp_answer_read_retry_after (retry_after, g_get_real_time ());
  self->html = g_strcmp0 (type, "text/html") == 0 || g_strcmp0 (type, "application/xhtml+xml") == 0;
}

static void send_cb (GObject *source, GAsyncResult *result, gpointer user_data);

/* A connection that was kept open may be gone without a sign: the server closes it just now, or
 * this machine has slept. That is no failure of the batch. */
static gboolean
may_send_again (LampRequest  *self,
                const GError *error)
{
  return self->repeatable && self->payload != NULL && self->kept && error->domain != G_TLS_ERROR &&
         !g_cancellable_is_cancelled (self->cancellable);
}

/* The server may have read the events all the same; it knows them by their ids. libsoup does so
 * by itself with a GET, but with no POST. */
static void
send_again (LampRequest *self,
            SoupSession *session,
            GTask       *task)
{
  g_debug ("%s: the connection was gone, sent again on a new one", self->url);
  soup_message_add_flags (self->message, SOUP_MESSAGE_NEW_CONNECTION);
  soup_message_set_request_body_from_bytes (self->message, "application/json", self->payload);
  self->kept = FALSE;
  soup_session_send_async (session, self->message, G_PRIORITY_DEFAULT, self->cancellable, send_cb,
                           task);
}

static void
send_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  LampRequest *self = g_task_get_task_data (task);
  LampOutcome *outcome;

  self->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (self->stream == NULL && may_send_again (self, error))
    {
      send_again (self, SOUP_SESSION (source), g_steal_pointer (&task));
      return;
    }

  if (self->stream == NULL)
    {
      g_task_return_pointer (task, outcome_for_error (self, error),
                             (GDestroyNotify) lamp_outcome_free);
      return;
    }

  note_head (self);
  outcome = outcome_for_proxy (self);
  if (outcome == NULL)
    outcome = outcome_for_redirection (self);
  if (outcome != NULL)
    {
      outcome->status = self->status;
      g_task_return_pointer (task, outcome, (GDestroyNotify) lamp_outcome_free);
      return;
    }

  g_input_stream_read_bytes_async (self->stream, CHUNK, G_PRIORITY_DEFAULT, self->cancellable,
                                   read_cb, g_steal_pointer (&task));
}

static gboolean
timeout_cb (gpointer user_data)
{
  LampRequest *self = user_data;

  self->timed_out = TRUE;
  g_cancellable_cancel (self->cancellable);

  return G_SOURCE_REMOVE;
}

static void
outer_cancelled_cb (GCancellable *outer,
                    gpointer      user_data)
{
  g_cancellable_cancel (G_CANCELLABLE (user_data));
}

/* libsoup's own time limit is one for each read, which a slow enough server never meets. */
static void
limit_time (LampRequest  *self,
            guint         seconds,
            GCancellable *outer)
{
  self->seconds = seconds;
  self->timeout = g_timeout_source_new (seconds * 1000);
  g_source_set_callback (self->timeout, timeout_cb, self, NULL);
  g_source_attach (self->timeout, g_main_context_get_thread_default ());

  if (outer != NULL)
    {
      self->outer = g_object_ref (outer);
      self->outer_id = g_cancellable_connect (outer, G_CALLBACK (outer_cancelled_cb),
                                              g_object_ref (self->cancellable), g_object_unref);
    }
}

/* Nobody is asked whether to go on all the same; this is where the reason can be had. */
static gboolean
accept_certificate_cb (SoupMessage         *message,
                       GTlsCertificate     *certificate,
                       GTlsCertificateFlags errors,
                       gpointer             user_data)
{
  LampRequest *self = user_data;

  g_free (self->mistrust);
  self->mistrust = lamp_tls_words (g_uri_get_host (soup_message_get_uri (message)), certificate,
                                   errors);

  return FALSE;
}

/* Comes only where a connection is made. */
static void
network_event_cb (SoupMessage       *message,
                  GSocketClientEvent event,
                  GIOStream         *connection,
                  gpointer           user_data)
{
  LampRequest *self = user_data;

  self->kept = FALSE;
}

static void
use_message (LampRequest *self,
             SoupMessage *message)
{
  self->message = message;
  self->kept = TRUE;
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);

  /* It would read all of a 401 into memory, however long that is, to ask again with a password
   * that we don't have; the loop was held for seconds. */
  soup_message_disable_feature (message, SOUP_TYPE_AUTH_MANAGER);
  g_signal_connect (message, "accept-certificate", G_CALLBACK (accept_certificate_cb), self);
  g_signal_connect (message, "network-event", G_CALLBACK (network_event_cb), self);
}

static void
clear_message (LampRequest *self)
{
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_clear_object (&self->message);
}

LampRequest *
lamp_request_new (SoupMessage  *message,
                  LampBatch    *batch,
                  guint         seconds,
                  GCancellable *cancellable)
{
  LampRequest *self = g_new0 (LampRequest, 1);

  self->batch = batch != NULL ? lamp_batch_ref (batch) : NULL;
  self->cancellable = g_cancellable_new ();
  self->body = g_byte_array_new ();
  self->url = g_uri_to_string_partial (soup_message_get_uri (message),
                                       G_URI_HIDE_USERINFO | G_URI_HIDE_QUERY);
  use_message (self, message);
  limit_time (self, seconds, cancellable);

  return self;
}

void
lamp_request_free (LampRequest *self)
{
  if (self->outer_id != 0)
    g_cancellable_disconnect (self->outer, self->outer_id);
  if (self->timeout != NULL)
    g_source_destroy (self->timeout);

  g_clear_pointer (&self->timeout, g_source_unref);
  clear_message (self);
  g_clear_pointer (&self->payload, g_bytes_unref);
  g_free (self->url);
  g_free (self->mistrust);
  g_clear_pointer (&self->batch, lamp_batch_unref);
  g_clear_object (&self->cancellable);
  g_clear_object (&self->outer);
  g_clear_object (&self->stream);
  g_byte_array_unref (self->body);
  g_free (self);
}

SoupMessage *
lamp_request_get_message (LampRequest *self)
{
  return self->message;
}

void
lamp_request_set_message (LampRequest *self,
                          SoupMessage *message)
{
  clear_message (self);
  g_clear_object (&self->stream);
  g_byte_array_set_size (self->body, 0);
  use_message (self, message);
}

void
lamp_request_set_payload (LampRequest *self,
                          GBytes      *payload)
{
  g_clear_pointer (&self->payload, g_bytes_unref);
  self->payload = g_bytes_ref (payload);
  soup_message_set_request_body_from_bytes (self->message, "application/json", payload);
}

void
lamp_request_set_plain (LampRequest *self)
{
  g_autoptr (GBytes) body = lamp_batch_dup_body (self->batch);

  lamp_request_set_payload (self, body);
}

void
lamp_request_set_repeatable (LampRequest *self,
                             gboolean     repeatable)
{
  self->repeatable = repeatable;
}

void
lamp_request_send_async (LampRequest        *self,
                         SoupSession        *session,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);

  g_task_set_source_tag (task, lamp_request_send_async);
  g_task_set_task_data (task, self, NULL);
  soup_session_send_async (session, self->message, G_PRIORITY_DEFAULT, self->cancellable, send_cb,
                           task);
}

LampOutcome *
lamp_request_send_finish (LampRequest  *self,
                          GAsyncResult *result)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), NULL);
}

const LampLimits *
lamp_request_get_limits (LampRequest *self)
{
  return &self->limits;
}
