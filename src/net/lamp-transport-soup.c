/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-transport-soup.h"

#include "lamp-error.h"

#include <glib/gi18n-lib.h>
#include <libsoup/soup.h>
#include <string.h>

#define SEND_TIMEOUT_S 10
#define PROBE_TIMEOUT_S 2

/* No answer to a batch of a hundred events comes near; more is not for us (section 6). */
#define BODY_MAX (4 * 1024 * 1024)
#define CHUNK (64 * 1024)

/* Smaller bodies gain nothing. The fastest level: the point is the wire, not the last percent. */
#define COMPRESS_MIN 1024
#define COMPRESS_LEVEL 1

struct _LampTransportSoup
{
  GObject parent_instance;

  SoupSession *session; /* (owned) */
  char *server;         /* (owned) (nullable) without a slash at its end */
  char *origin;         /* (owned) (nullable) */
  char *token;          /* (owned) (nullable) */
  gboolean compress;
  gboolean takes_gzip; /* the server has said so */
};

/* A request and its answer. Owned by its task. */
typedef struct
{
  SoupMessage *message;      /* (owned) */
  LampBatch *batch;          /* (owned) (nullable) NULL for a probe */
  GCancellable *cancellable; /* (owned) ours: the caller's, or the time that is up */
  GCancellable *outer;       /* (owned) (nullable) the caller's */
  gulong outer_id;
  GSource *timeout; /* (owned) (nullable) */
  guint seconds;
  gboolean timed_out;
  GInputStream *stream; /* (owned) (nullable) */
  GByteArray *body;     /* (owned) */
  LampLimits limits;
} Request;

static void lamp_transport_soup_iface_init (LampTransportInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (LampTransportSoup,
                               lamp_transport_soup,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TRANSPORT,
                                                      lamp_transport_soup_iface_init))

static void
request_free (Request *request)
{
  if (request->outer_id != 0)
    g_cancellable_disconnect (request->outer, request->outer_id);
  if (request->timeout != NULL)
    g_source_destroy (request->timeout);

  g_clear_pointer (&request->timeout, g_source_unref);
  g_clear_object (&request->message);
  g_clear_pointer (&request->batch, lamp_batch_unref);
  g_clear_object (&request->cancellable);
  g_clear_object (&request->outer);
  g_clear_object (&request->stream);
  g_byte_array_unref (request->body);
  g_free (request);
}

static char *
dup_url (Request *request)
{
  return g_uri_to_string_partial (soup_message_get_uri (request->message), G_URI_HIDE_PASSWORD);
}

/* --- outcomes ----------------------------------------------------------- */

static LampOutcome *
outcome_new (Request        *request,
             LampOutcomeKind kind,
             char           *message)
{
  guint size = request->batch != NULL ? lamp_batch_get_size (request->batch) : 0;
  LampOutcome *outcome = lamp_outcome_new (kind, size);

  g_free (outcome->message);
  outcome->message = message;

  return outcome;
}

static LampOutcome *
outcome_for_error (Request      *request,
                   const GError *error)
{
  g_autofree char *url = dup_url (request);

  if (request->timed_out)
    return outcome_new (request, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (ngettext ("%s did not answer within %u second",
                                                   "%s did not answer within %u seconds",
                                                   request->seconds),
                                         url, request->seconds));

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return outcome_new (request, LAMP_OUTCOME_CANCELLED, g_strdup (_("Cancelled")));

  if (error->domain == G_TLS_ERROR)
    return outcome_new (request, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_("The identity of %s can’t be trusted: %s"), url,
                                         error->message));

  return outcome_new (request, LAMP_OUTCOME_NO_ANSWER,
                      g_strdup_printf (_("%s can’t be reached: %s"), url, error->message));
}

static gboolean
same_origin (GUri *a,
             GUri *b)
{
  return g_strcmp0 (g_uri_get_scheme (a), g_uri_get_scheme (b)) == 0 &&
         g_ascii_strcasecmp (g_uri_get_host (a), g_uri_get_host (b)) == 0 &&
         g_uri_get_port (a) == g_uri_get_port (b);
}

/* A login page in front of the network answers for the server; it is as good as no answer. */
static gboolean
leads_elsewhere (Request *request)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (request->message);
  const char *location = soup_message_headers_get_one (headers, "Location");
  GUri *base = soup_message_get_uri (request->message);
  g_autoptr (GUri) target = NULL;

  if (!SOUP_STATUS_IS_REDIRECTION (soup_message_get_status (request->message)) || location == NULL)
    return FALSE;

  target = g_uri_parse_relative (base, location, SOUP_HTTP_URI_FLAGS, NULL);

  return target == NULL || g_uri_get_host (target) == NULL || !same_origin (base, target);
}

static LampOutcome *
outcome_for_probe (Request *request)
{
  g_autofree char *url = dup_url (request);
  SoupMessageHeaders *headers = soup_message_get_response_headers (request->message);
  const char *type = soup_message_headers_get_content_type (headers, NULL);
  guint status = soup_message_get_status (request->message);

  if (status != SOUP_STATUS_OK)
    return lamp_answer_read (NULL, url, status, 0, (const char *) request->body->data,
                             request->body->len);

  if (g_strcmp0 (type, "text/html") == 0)
    return outcome_new (request, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_(
                                          "%s answers with a web page; perhaps this network wants "
                                          "you to sign in first"),
                                         url));

  lamp_answer_read_health ((const char *) request->body->data, request->body->len,
                           &request->limits);

  return outcome_new (request, LAMP_OUTCOME_ANSWERED, g_strdup_printf (_("%s is well"), url));
}

static LampOutcome *
outcome_for_answer (Request *request)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (request->message);
  const char *retry_after = soup_message_headers_get_one (headers, "Retry-After");
  g_autofree char *url = dup_url (request);

  if (leads_elsewhere (request))
    return outcome_new (request, LAMP_OUTCOME_NO_ANSWER,
                        g_strdup_printf (_("%s sends us to another address; perhaps this network "
                                           "wants you to sign in first"),
                                         url));

  if (request->batch == NULL)
    return outcome_for_probe (request);

  return lamp_answer_read (request->batch, url, soup_message_get_status (request->message),
                           lamp_answer_read_retry_after (retry_after, g_get_real_time ()),
                           (const char *) request->body->data, request->body->len);
}

static void
blot (const char *token,
      char      **text)
{
  g_autoptr (GString) string = NULL;

  if (*text == NULL || strstr (*text, token) == NULL)
    return;

  string = g_string_new (*text);
  g_string_replace (string, token, "…", 0);
  g_free (*text);
  *text = g_string_free (g_steal_pointer (&string), FALSE);
}

/* A server's words may quote what it was sent. */
static void
blot_token (LampTransportSoup *self,
            LampOutcome       *outcome)
{
  if (self->token == NULL)
    return;

  blot (self->token, &outcome->message);
  for (guint i = 0; i < outcome->n_verdicts; i++)
    {
      blot (self->token, &outcome->verdicts[i].code);
      blot (self->token, &outcome->verdicts[i].message);
    }
}

static void
return_outcome (GTask       *task,
                LampOutcome *outcome)
{
  blot_token (g_task_get_source_object (task), outcome);
  g_task_return_pointer (task, outcome, (GDestroyNotify) lamp_outcome_free);
}

/* --- the exchange ------------------------------------------------------- */

static void
note_encodings (LampTransportSoup *self,
                Request           *request)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (request->message);
  const char *accepted = soup_message_headers_get_list (headers, "Accept-Encoding");

  if (accepted != NULL && soup_header_contains (accepted, "gzip"))
    self->takes_gzip = TRUE;
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
  Request *request = g_task_get_task_data (task);

  if (bytes == NULL)
    {
      return_outcome (task, outcome_for_error (request, error));
      return;
    }

  if (g_bytes_get_size (bytes) == 0)
    {
      return_outcome (task, outcome_for_answer (request));
      return;
    }

  if (request->body->len + g_bytes_get_size (bytes) > BODY_MAX)
    {
      g_autofree char *url = dup_url (request);

      return_outcome (task,
                      outcome_new (request, LAMP_OUTCOME_SERVER_ERROR,
                                   g_strdup_printf (_("%s answers with more than 4 MiB"), url)));
      return;
    }

  g_byte_array_append (request->body, g_bytes_get_data (bytes, NULL),
                       (guint) g_bytes_get_size (bytes));
  g_input_stream_read_bytes_async (request->stream, CHUNK, G_PRIORITY_DEFAULT, request->cancellable,
                                   read_cb, g_steal_pointer (&task));
}

static void
send_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  Request *request = g_task_get_task_data (task);

  request->stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (request->stream == NULL)
    {
      return_outcome (task, outcome_for_error (request, error));
      return;
    }

  note_encodings (g_task_get_source_object (task), request);
  g_input_stream_read_bytes_async (request->stream, CHUNK, G_PRIORITY_DEFAULT, request->cancellable,
                                   read_cb, g_steal_pointer (&task));
}

static gboolean
timeout_cb (gpointer user_data)
{
  Request *request = user_data;

  request->timed_out = TRUE;
  g_cancellable_cancel (request->cancellable);

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
limit_time (Request      *request,
            guint         seconds,
            GCancellable *outer)
{
  request->seconds = seconds;
  request->timeout = g_timeout_source_new_seconds (seconds);
  g_source_set_callback (request->timeout, timeout_cb, request, NULL);
  g_source_attach (request->timeout, g_main_context_get_thread_default ());

  if (outer != NULL)
    {
      request->outer = g_object_ref (outer);
      request->outer_id = g_cancellable_connect (outer, G_CALLBACK (outer_cancelled_cb),
                                                 g_object_ref (request->cancellable),
                                                 g_object_unref);
    }
}

static Request *
request_new (SoupMessage *message,
             LampBatch   *batch)
{
  Request *request = g_new0 (Request, 1);

  request->message = message;
  request->batch = batch != NULL ? lamp_batch_ref (batch) : NULL;
  request->cancellable = g_cancellable_new ();
  request->body = g_byte_array_new ();
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);

  return request;
}

static void
exchange (LampTransportSoup *self,
          GTask             *task)
{
  Request *request = g_task_get_task_data (task);

  soup_session_send_async (self->session, request->message, G_PRIORITY_DEFAULT,
                           request->cancellable, send_cb, task);
}

static SoupMessage *
message_new (LampTransportSoup *self,
             const char        *method,
             const char        *path)
{
  g_autofree char *url = g_strconcat (self->server, path, NULL);
  SoupMessage *message = soup_message_new (method, url);

  soup_message_headers_append (soup_message_get_request_headers (message), "Accept",
                               "application/json");

  return message;
}

/* --- bodies ------------------------------------------------------------- */

static void
compress_in_thread (GTask        *task,
                    gpointer      source,
                    gpointer      data,
                    GCancellable *cancellable)
{
  GBytes *plain = data;
  g_autoptr (GZlibCompressor) gzip = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP,
                                                            COMPRESS_LEVEL);
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) stream = g_converter_output_stream_new (memory, G_CONVERTER (gzip));
  g_autoptr (GError) error = NULL;

  if (!g_output_stream_write_all (stream, g_bytes_get_data (plain, NULL), g_bytes_get_size (plain),
                                  NULL, NULL, &error) ||
      !g_output_stream_close (stream, NULL, &error))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_pointer (task,
                           g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory)),
                           (GDestroyNotify) g_bytes_unref);
}

static void
compressed_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = g_task_propagate_pointer (G_TASK (result), &error);
  Request *request = g_task_get_task_data (task);

  if (body == NULL)
    {
      return_outcome (task, outcome_for_error (request, error));
      return;
    }

  soup_message_headers_append (soup_message_get_request_headers (request->message),
                               "Content-Encoding", "gzip");
  soup_message_set_request_body_from_bytes (request->message, "application/json", body);
  exchange (LAMP_TRANSPORT_SOUP (source), g_steal_pointer (&task));
}

static void
compress_and_exchange (LampTransportSoup *self,
                       GBytes            *body,
                       GTask             *task)
{
  g_autoptr (GTask) work = g_task_new (self, NULL, compressed_cb, task);

  g_task_set_task_data (work, g_bytes_ref (body), (GDestroyNotify) g_bytes_unref);
  g_task_run_in_thread (work, compress_in_thread);
}

/* --- the interface ------------------------------------------------------ */

static const char *
lamp_transport_soup_get_origin (LampTransport *transport)
{
  return LAMP_TRANSPORT_SOUP (transport)->origin;
}

static void
authorize (LampTransportSoup *self,
           SoupMessage       *message)
{
  g_autofree char *value = NULL;

  if (self->token == NULL)
    return;

  value = g_strconcat ("Bearer ", self->token, NULL);
  soup_message_headers_append (soup_message_get_request_headers (message), "Authorization", value);
}

static void
lamp_transport_soup_send_async (LampTransport      *transport,
                                LampBatch          *batch,
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (transport);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  g_autoptr (GBytes) body = lamp_batch_dup_body (batch);
  SoupMessage *message = message_new (self, SOUP_METHOD_POST, "/api/v1/events/batch/");
  Request *request = request_new (message, batch);

  g_task_set_source_tag (task, lamp_transport_soup_send_async);
  g_task_set_task_data (task, request, (GDestroyNotify) request_free);

  /* True, for the server knows an event by its id; without it every POST is a new connection. */
  soup_message_add_flags (message, SOUP_MESSAGE_IDEMPOTENT);
  authorize (self, message);
  limit_time (request, SEND_TIMEOUT_S, cancellable);

  if ((self->compress || self->takes_gzip) && g_bytes_get_size (body) >= COMPRESS_MIN)
    {
      compress_and_exchange (self, body, g_steal_pointer (&task));
    }
  else
    {
      soup_message_set_request_body_from_bytes (message, "application/json", body);
      exchange (self, g_steal_pointer (&task));
    }
}

static LampOutcome *
lamp_transport_soup_send_finish (LampTransport *transport,
                                 GAsyncResult  *result)
{
  return g_task_propagate_pointer (G_TASK (result), NULL);
}

static void
lamp_transport_soup_probe_async (LampTransport      *transport,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (transport);
  g_autoptr (GTask) task = g_task_new (self, NULL, callback, user_data);
  Request *request = request_new (message_new (self, SOUP_METHOD_GET, "/health"), NULL);

  g_task_set_source_tag (task, lamp_transport_soup_probe_async);
  g_task_set_task_data (task, request, (GDestroyNotify) request_free);
  limit_time (request, PROBE_TIMEOUT_S, cancellable);
  exchange (self, g_steal_pointer (&task));
}

static LampOutcome *
lamp_transport_soup_probe_finish (LampTransport *transport,
                                  GAsyncResult  *result,
                                  LampLimits    *limits)
{
  Request *request = g_task_get_task_data (G_TASK (result));

  *limits = request->limits;

  return g_task_propagate_pointer (G_TASK (result), NULL);
}

static void
lamp_transport_soup_iface_init (LampTransportInterface *iface)
{
  iface->get_origin = lamp_transport_soup_get_origin;
  iface->send_async = lamp_transport_soup_send_async;
  iface->send_finish = lamp_transport_soup_send_finish;
  iface->probe_async = lamp_transport_soup_probe_async;
  iface->probe_finish = lamp_transport_soup_probe_finish;
}

/* --- the object --------------------------------------------------------- */

static void
clear_token (LampTransportSoup *self)
{
  if (self->token != NULL)
    memset (self->token, 0, strlen (self->token));
  g_clear_pointer (&self->token, g_free);
}

static void
lamp_transport_soup_dispose (GObject *object)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (object);

  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->session);

  G_OBJECT_CLASS (lamp_transport_soup_parent_class)->dispose (object);
}

static void
lamp_transport_soup_finalize (GObject *object)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (object);

  g_free (self->server);
  g_free (self->origin);
  clear_token (self);

  G_OBJECT_CLASS (lamp_transport_soup_parent_class)->finalize (object);
}

static void
lamp_transport_soup_class_init (LampTransportSoupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_transport_soup_dispose;
  object_class->finalize = lamp_transport_soup_finalize;
}

static void
lamp_transport_soup_init (LampTransportSoup *self)
{
  self->session = soup_session_new_with_options ("user-agent", "Lamppost/" LAMP_VERSION, NULL);
}

LampTransportSoup *
lamp_transport_soup_new (void)
{
  return g_object_new (LAMP_TYPE_TRANSPORT_SOUP, NULL);
}

static gboolean
is_loopback (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  if (address != NULL)
    return g_inet_address_get_is_loopback (address);

  return g_ascii_strcasecmp (host, "localhost") == 0;
}

static gboolean
refuse_url (const char *url,
            const char *why,
            GError    **error)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);
  g_autofree char *shown = uri != NULL ? g_uri_to_string_partial (uri, G_URI_HIDE_USERINFO)
                                       : g_strdup (url);

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
               _("The server’s address “%s” can’t be used: %s"), shown, why);

  return FALSE;
}

static gboolean
check_url (const char *url,
           GUri       *uri,
           gboolean    allow_insecure,
           const char *problem,
           GError    **error)
{
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : NULL;
  gboolean http = g_strcmp0 (scheme, "http") == 0;

  if (strstr (url, "://") == NULL)
    return refuse_url (url, _("it must begin with https:// (or http:// on this machine)"), error);

  if (uri == NULL)
    return refuse_url (url, problem, error);

  if (!http && g_strcmp0 (scheme, "https") != 0)
    return refuse_url (url, _("it must begin with https:// (or http:// on this machine)"), error);

  if (g_uri_get_host (uri) == NULL || *g_uri_get_host (uri) == '\0')
    return refuse_url (url, _("it names no host"), error);

  if (g_uri_get_user (uri) != NULL || g_uri_get_query (uri) != NULL ||
      g_uri_get_fragment (uri) != NULL)
    return refuse_url (url, _("it must hold no user name, no “?” and no “#”"), error);

  if (http && !allow_insecure && !is_loopback (g_uri_get_host (uri)))
    return refuse_url (
      url,
      _("http:// would send the token and the events unprotected; use https://, or "
        "turn on the setting “allow-insecure-http”"),
      error);

  return TRUE;
}

static char *
dup_origin (GUri *uri)
{
  const char *scheme = g_uri_get_scheme (uri);
  gboolean default_port = g_uri_get_port (uri) == (g_str_equal (scheme, "https") ? 443 : 80);

  return g_uri_join (G_URI_FLAGS_NONE, scheme, NULL, g_uri_get_host (uri),
                     default_port ? -1 : g_uri_get_port (uri), "", NULL, NULL);
}

static char *
dup_server (GUri *uri)
{
  char *server = g_uri_to_string (uri);
  gsize length = strlen (server);

  while (length > 0 && server[length - 1] == '/')
    server[--length] = '\0';

  return server;
}

gboolean
lamp_transport_soup_set_server (LampTransportSoup *self,
                                const char        *url,
                                gboolean           allow_insecure,
                                GError           **error)
{
  g_autoptr (GUri) uri = NULL;
  g_autoptr (GError) local_error = NULL;

  g_return_val_if_fail (LAMP_IS_TRANSPORT_SOUP (self), FALSE);

  g_clear_pointer (&self->server, g_free);
  g_clear_pointer (&self->origin, g_free);
  self->takes_gzip = FALSE;

  if (url == NULL || *url == '\0')
    return TRUE;

  uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, &local_error);
  if (!check_url (url, uri, allow_insecure, local_error != NULL ? local_error->message : NULL,
                  error))
    return FALSE;

  self->server = dup_server (uri);
  self->origin = dup_origin (uri);

  /* Inside a sandbox GIO asks a portal for the proxy, which may not be there; this machine needs
   * none to reach itself. */
  soup_session_set_proxy_resolver (self->session, is_loopback (g_uri_get_host (uri))
                                                    ? NULL
                                                    : g_proxy_resolver_get_default ());

  return TRUE;
}

void
lamp_transport_soup_set_token (LampTransportSoup *self,
                               const char        *token)
{
  g_return_if_fail (LAMP_IS_TRANSPORT_SOUP (self));

  clear_token (self);
  self->token = token != NULL && *token != '\0' ? g_strdup (token) : NULL;
}

void
lamp_transport_soup_set_compress (LampTransportSoup *self,
                                  gboolean           compress)
{
  g_return_if_fail (LAMP_IS_TRANSPORT_SOUP (self));

  self->compress = compress;
}
