/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-transport-soup.h"

#include "lamp-blot.h"
#include "lamp-boot-clock.h"
#include "lamp-request.h"
#include "lamp-url.h"

#include <glib/gi18n-lib.h>
#include <libsoup/soup.h>
#include <string.h>

#define SCHEME "Bearer "

#define SEND_TIMEOUT_S 10
#define PROBE_TIMEOUT_S 2

/* Four batches in flight and a probe must not wait for each other; libsoup's own limit is two. */
#define CONNECTIONS_MAX 6

/* No server closes a connection that has been idle for less. */
#define STALE_AFTER G_USEC_PER_SEC

/* Smaller bodies gain nothing. The fastest level: the point is the wire, not the last percent. */
#define COMPRESS_MIN 1024
#define COMPRESS_LEVEL 1

struct _LampTransportSoup
{
  GObject parent_instance;

  SoupSession *session;       /* (owned) */
  GTlsDatabase *tls_database; /* (owned) (nullable) NULL for the system's */
  GProxyResolver *proxy;      /* (owned) (nullable) NULL for the system's */
  char *server;               /* (owned) (nullable) without a slash at its end */
  char *origin;               /* (owned) (nullable) */
  char *token;                /* (owned) (nullable) */
  gboolean compress;
  gboolean takes_gzip;   /* the server has said so */
  gboolean batch_lost;   /* the last one had no answer */
  gint64 last_answer;    /* of any kind, boot clock, µs */
  gboolean gzip_refused; /* it has refused it all the same, or what stands before it has */
};

static void lamp_transport_soup_iface_init (LampTransportInterface *iface);

enum
{
  PROP_TLS_DATABASE = 1,
  PROP_PROXY_RESOLVER,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE_WITH_CODE (LampTransportSoup,
                               lamp_transport_soup,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_TRANSPORT,
                                                      lamp_transport_soup_iface_init))

/* --- the answer --------------------------------------------------------- */

static gboolean
offers_gzip (const char *accepted)
{
  GSList *encodings = soup_header_parse_quality_list (accepted, NULL);
  gboolean found = g_slist_find_custom (encodings, "gzip", (GCompareFunc) g_ascii_strcasecmp) !=
                   NULL;

  soup_header_free_list (encodings);

  return found;
}

static gboolean
is_for_us (LampTransportSoup *self,
           SoupMessage       *message)
{
  g_autofree char *origin = lamp_url_dup_origin (soup_message_get_uri (message));

  return g_strcmp0 (origin, self->origin) == 0;
}

static void
note_answer (LampTransportSoup *self,
             SoupMessage       *message,
             const LampOutcome *outcome)
{
  if (outcome->kind == LAMP_OUTCOME_CANCELLED)
    return;

  if (outcome->kind != LAMP_OUTCOME_NO_ANSWER)
    self->last_answer = lamp_boot_clock_get_time ();
  if (soup_message_get_method (message) == SOUP_METHOD_POST)
    self->batch_lost = outcome->kind == LAMP_OUTCOME_NO_ANSWER;
}

/* A connection may be gone without a sign if nothing was heard on it for a while, or this machine
 * has slept. One that breaks at once was broken by the server, because of what was sent. */
static gboolean
may_be_stale (LampTransportSoup *self)
{
  return !self->batch_lost && lamp_boot_clock_get_time () - self->last_answer >= STALE_AFTER;
}

/* What the server that is ours now takes (RFC 7694). */
static void
note_encodings (LampTransportSoup *self,
                SoupMessage       *message)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (message);
  const char *accepted = soup_message_headers_get_list (headers, "Accept-Encoding");

  if (accepted != NULL && is_for_us (self, message))
    self->takes_gzip = offers_gzip (accepted);
}

/* A proxy may offer on /health what the server behind it refuses, and would offer it again after
 * each refusal. */
static gboolean
is_gzip_refused (LampTransportSoup *self,
                 SoupMessage       *message,
                 const LampOutcome *outcome)
{
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  return outcome->status == SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE && is_for_us (self, message) &&
         soup_message_headers_get_one (headers, "Content-Encoding") != NULL;
}

/* --- the request -------------------------------------------------------- */

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

static void
authorize (LampTransportSoup *self,
           SoupMessage       *message)
{
  g_autofree char *value = NULL;

  if (self->token == NULL)
    return;

  value = g_strconcat (SCHEME, self->token, NULL);
  soup_message_headers_append (soup_message_get_request_headers (message), "Authorization", value);
}

static SoupMessage *
batch_message_new (LampTransportSoup *self)
{
  SoupMessage *message = message_new (self, SOUP_METHOD_POST, "/api/v1/events/batch/");

  /* True, for the server knows an event by its id; without it every POST is a new connection. */
  soup_message_add_flags (message, SOUP_MESSAGE_IDEMPOTENT);
  authorize (self, message);

  return message;
}

static void sent_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
exchange (LampTransportSoup *self,
          GTask             *task)
{
  LampRequest *request = g_task_get_task_data (task);

  lamp_request_set_repeatable (request, may_be_stale (self));
  lamp_request_send_async (request, self->session, sent_cb, task);
}

/* It was no fault of the address or the events. Nobody needs to know. */
static void
exchange_plain (LampTransportSoup *self,
                GTask             *task)
{
  LampRequest *request = g_task_get_task_data (task);

  g_debug ("%s doesn't take gzip; from now on it gets none", self->server);
  self->gzip_refused = TRUE;
  lamp_request_set_message (request, batch_message_new (self));
  lamp_request_set_plain (request);
  exchange (self, task);
}

/* --- its end ------------------------------------------------------------ */

/* The token that was sent; by now another one may be in force. */
static const char *
get_sent_token (SoupMessage *message)
{
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);
  const char *value = soup_message_headers_get_one (headers, "Authorization");

  return value != NULL ? value + strlen (SCHEME) : NULL;
}

static void
sent_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  LampTransportSoup *self = g_task_get_source_object (task);
  LampRequest *request = g_task_get_task_data (task);
  SoupMessage *message = lamp_request_get_message (request);
  g_autoptr (LampOutcome) outcome = lamp_request_send_finish (request, result);
  const char *token;

  note_answer (self, message, outcome);
  note_encodings (self, message);
  if (is_gzip_refused (self, message, outcome))
    {
      exchange_plain (self, g_steal_pointer (&task));
      return;
    }

  token = get_sent_token (message);
  if (token != NULL)
    lamp_blot_outcome (outcome, token);

  g_task_return_pointer (task, g_steal_pointer (&outcome), (GDestroyNotify) lamp_outcome_free);
}

/* --- gzip --------------------------------------------------------------- */

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

  /* Memory is written to, and nobody can cancel: nothing here can fail. */
  g_output_stream_write_all (stream, g_bytes_get_data (plain, NULL), g_bytes_get_size (plain), NULL,
                             NULL, NULL);
  g_output_stream_close (stream, NULL, NULL);
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
  g_autoptr (GBytes) body = g_task_propagate_pointer (G_TASK (result), NULL);
  LampRequest *request = g_task_get_task_data (task);
  SoupMessage *message = lamp_request_get_message (request);

  soup_message_headers_append (soup_message_get_request_headers (message), "Content-Encoding",
                               "gzip");
  lamp_request_set_payload (request, body);
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

static gboolean
may_compress (LampTransportSoup *self)
{
  return (self->compress || self->takes_gzip) && !self->gzip_refused;
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
  LampRequest *request = lamp_request_new (batch_message_new (self), batch, SEND_TIMEOUT_S,
                                           cancellable);

  g_task_set_source_tag (task, lamp_transport_soup_send_async);
  g_task_set_task_data (task, request, (GDestroyNotify) lamp_request_free);

  if (may_compress (self) && g_bytes_get_size (body) >= COMPRESS_MIN)
    {
      compress_and_exchange (self, body, g_steal_pointer (&task));
    }
  else
    {
      lamp_request_set_plain (request);
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
  SoupMessage *message = message_new (self, SOUP_METHOD_GET, "/health");
  LampRequest *request = lamp_request_new (message, NULL, PROBE_TIMEOUT_S, cancellable);

  g_task_set_source_tag (task, lamp_transport_soup_probe_async);
  g_task_set_task_data (task, request, (GDestroyNotify) lamp_request_free);
  exchange (self, g_steal_pointer (&task));
}

static LampOutcome *
lamp_transport_soup_probe_finish (LampTransport *transport,
                                  GAsyncResult  *result,
                                  LampLimits    *limits)
{
  *limits = *lamp_request_get_limits (g_task_get_task_data (G_TASK (result)));

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
  g_clear_object (&self->tls_database);
  g_clear_object (&self->proxy);

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
lamp_transport_soup_constructed (GObject *object)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (object);

  G_OBJECT_CLASS (lamp_transport_soup_parent_class)->constructed (object);

  self->session = soup_session_new_with_options ("user-agent", "Lamppost/" LAMP_VERSION,
                                                 "max-conns-per-host", CONNECTIONS_MAX, NULL);
  if (self->tls_database != NULL)
    soup_session_set_tls_database (self->session, self->tls_database);
}

static void
lamp_transport_soup_set_property (GObject      *object,
                                  guint         prop_id,
                                  const GValue *value,
                                  GParamSpec   *pspec)
{
  LampTransportSoup *self = LAMP_TRANSPORT_SOUP (object);

  switch (prop_id)
    {
    case PROP_TLS_DATABASE:
      self->tls_database = g_value_dup_object (value);
      break;
    case PROP_PROXY_RESOLVER:
      self->proxy = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_transport_soup_class_init (LampTransportSoupClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->constructed = lamp_transport_soup_constructed;
  object_class->set_property = lamp_transport_soup_set_property;
  object_class->dispose = lamp_transport_soup_dispose;
  object_class->finalize = lamp_transport_soup_finalize;

  /* Whom to trust; NULL for whom the system trusts. */
  props[PROP_TLS_DATABASE] = g_param_spec_object ("tls-database", NULL, NULL, G_TYPE_TLS_DATABASE,
                                                  flags);
  /* How to get out of this network; NULL for what the system says. */
  props[PROP_PROXY_RESOLVER] = g_param_spec_object ("proxy-resolver", NULL, NULL,
                                                    G_TYPE_PROXY_RESOLVER, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
lamp_transport_soup_init (LampTransportSoup *self)
{
}

LampTransportSoup *
lamp_transport_soup_new (void)
{
  return g_object_new (LAMP_TYPE_TRANSPORT_SOUP, NULL);
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

/* This machine needs none to reach itself, and inside a sandbox GIO would ask a portal that may
 * not be there. Through https:// a proxy sees a host and a port; through http:// it would see
 * the token. The system's is asked for where it is needed only: GNOME's ends the program if its
 * settings are not installed. */
static void
choose_proxy (LampTransportSoup *self,
              GUri              *uri)
{
  GProxyResolver *proxy = NULL;

  if (!lamp_url_is_loopback (uri) && g_str_equal (g_uri_get_scheme (uri), "https"))
    proxy = self->proxy != NULL ? self->proxy : g_proxy_resolver_get_default ();

  soup_session_set_proxy_resolver (self->session, proxy);
}

gboolean
lamp_transport_soup_set_server (LampTransportSoup *self,
                                const char        *url,
                                gboolean           allow_insecure,
                                GError           **error)
{
  g_autoptr (GUri) uri = NULL;

  g_return_val_if_fail (LAMP_IS_TRANSPORT_SOUP (self), FALSE);

  g_clear_pointer (&self->server, g_free);
  g_clear_pointer (&self->origin, g_free);
  self->takes_gzip = FALSE;
  self->gzip_refused = FALSE;

  if (url == NULL || *url == '\0')
    return TRUE;

  uri = lamp_url_parse_server (url, allow_insecure, error);
  if (uri == NULL)
    return FALSE;

  self->server = dup_server (uri);
  self->origin = lamp_url_dup_origin (uri);
  choose_proxy (self, uri);

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
