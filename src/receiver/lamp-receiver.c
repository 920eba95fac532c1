/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-receiver.h"

#include "lamp-json.h"
#include "lamp-receiver-event.h"

#include <errno.h>
#include <gio/gio.h>
#include <libsoup/soup.h>
#include <string.h>
#include <sys/socket.h>

/* Section 6 of the specification; /health tells them to the senders. */
#define MAX_EVENTS 100
#define MAX_BYTES (512 * 1024)
#define RETRY_AFTER_MIN 1
#define RETRY_AFTER_MAX 3600

/* Gzip may lengthen what can't be compressed, by a few bytes for each 64 KiB. */
#define MAX_WIRE_BYTES (MAX_BYTES + 4 * 1024)

/* An answer is read by most clients only when they have sent everything, so what is
 * too much is read and dropped; but not for ever. */
#define MAX_DRAINED_BYTES (16 * 1024 * 1024)

/* The request's object, the list in it, the envelope, and the payload below that. */
#define BODY_DEPTH (3 + LAMP_JSON_MAX_DEPTH)

#define INFLATE_STEP (64 * 1024)

#define LIST_LIMIT_DEFAULT 100
#define LIST_LIMIT_MAX 1000

#define RECEIVED_KEY "lamp-receiver-received"

struct _LampReceiver
{
  GObject parent_instance;

  SoupServer *server;       /* (owned) */
  LampReceiverStore *store; /* (owned) */
  char *address;            /* (owned) */
  char *token;              /* (owned) (nullable) NULL: everybody may */
  char **reject_types;      /* (owned) (nullable) */
  guint port;               /* 0: any that is free */
};

G_DEFINE_FINAL_TYPE (LampReceiver, lamp_receiver, G_TYPE_OBJECT)

enum
{
  PROP_ADDRESS = 1,
  PROP_PORT,
  PROP_TOKEN,
  PROP_STORE,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

typedef void (*Handler) (LampReceiver *self, SoupServerMessage *message, GHashTable *query);

typedef struct
{
  const char *path; /* without the slash at the end, which may be there or not */
  const char *method;
  const char *allow;
  gboolean needs_token;
  Handler handler;
} Route;

static void
answer (SoupServerMessage *message,
        guint              status,
        GString           *json)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  gsize length = json->len;

  /* Tells the senders that they may compress (RFC 7694). */
  soup_message_headers_replace (headers, "Accept-Encoding", "gzip");
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE,
                                    g_string_free (json, FALSE), length);
}

static GString *
error_json (const char *error,
            const char *text)
{
  GString *json = g_string_new ("{\"error\":");

  lamp_json_append_string (json, error);
  g_string_append (json, ",\"message\":");
  lamp_json_append_string (json, text);

  return json;
}

static void
answer_error (SoupServerMessage *message,
              guint              status,
              const char        *error,
              const char        *text)
{
  GString *json = error_json (error, text);

  g_string_append_c (json, '}');
  answer (message, status, json);
}

static void
answer_store_error (SoupServerMessage *message,
                    const GError      *error)
{
  g_message ("%s", error->message);
  answer_error (message, SOUP_STATUS_SERVICE_UNAVAILABLE, "storage",
                "The server can't read or write its store now; nothing was taken");
}

static void
answer_too_large (SoupServerMessage *message)
{
  g_autofree char *text = NULL;

  text = g_strdup_printf ("A request may hold %d events and %d bytes (uncompressed)", MAX_EVENTS,
                          MAX_BYTES);
  answer_error (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE, "too_large", text);
}

static void
handle_health (LampReceiver      *self,
               SoupServerMessage *message,
               GHashTable        *query)
{
  GString *json = g_string_new ("{\"status\":\"ok\",\"version\":");

  lamp_json_append_string (json, LAMP_VERSION);
  g_string_append_printf (json,
                          ",\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":%d,"
                          "\"max_decompressed_bytes_per_batch\":%d,"
                          "\"retry_after_min_seconds\":%d,\"retry_after_max_seconds\":%d}}}",
                          MAX_EVENTS, MAX_BYTES, RETRY_AFTER_MIN, RETRY_AFTER_MAX);
  answer (message, SOUP_STATUS_OK, json);
}

/* Stops at the first byte too many: a few kilobytes may unfold to gigabytes. */
static GBytes *
inflate (GBytes  *body,
         GError **error)
{
  g_autoptr (GConverter) gunzip = NULL;
  g_autoptr (GByteArray) plain = g_byte_array_new ();
  const guint8 *data;
  gsize left, used = 0;
  GConverterResult result;

  gunzip = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  data = g_bytes_get_data (body, &left);

  do
    {
      gsize bytes_read, bytes_written;

      g_byte_array_set_size (plain, used + INFLATE_STEP);
      result = g_converter_convert (gunzip, data, left, plain->data + used, INFLATE_STEP,
                                    G_CONVERTER_INPUT_AT_END, &bytes_read, &bytes_written, error);
      if (result == G_CONVERTER_ERROR)
        return NULL;

      data += bytes_read;
      left -= bytes_read;
      used += bytes_written;
    }
  while (result != G_CONVERTER_FINISHED && used <= MAX_BYTES);

  g_byte_array_set_size (plain, used);

  return g_byte_array_free_to_bytes (g_steal_pointer (&plain));
}

/* The body as it was before it was compressed, or NULL and the answer is given. */
static GBytes *
read_body (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  g_autoptr (GBytes) body = NULL;
  g_autoptr (GError) error = NULL;

  body = soup_message_body_flatten (soup_server_message_get_request_body (message));

  if (soup_message_headers_header_equals (headers, "Content-Encoding", "gzip"))
    {
      g_autoptr (GBytes) packed = g_steal_pointer (&body);

      body = inflate (packed, &error);
      if (body == NULL)
        {
          answer_error (message, SOUP_STATUS_BAD_REQUEST, "bad_gzip",
                        "The body is not what gzip writes");
          return NULL;
        }
    }

  if (g_bytes_get_size (body) > MAX_BYTES)
    {
      answer_too_large (message);
      return NULL;
    }

  return g_steal_pointer (&body);
}

/* Finds the list of events, or answers. */
static gboolean
find_events (SoupServerMessage *message,
             GBytes            *body,
             LampJson          *list)
{
  g_autofree char *text = NULL;
  LampJsonProblem problem = { 0 };
  LampJson root = { LAMP_JSON_NONE };
  gsize length;
  const char *data = g_bytes_get_data (body, &length);

  if (!lamp_json_check (data != NULL ? data : "", length, BODY_DEPTH, &root, &problem))
    {
      text = g_strdup_printf ("The body is not JSON: %s (byte %" G_GSIZE_FORMAT ")",
                              problem.rule != NULL ? problem.rule : "it is broken", problem.offset);
      answer_error (message, SOUP_STATUS_BAD_REQUEST, "bad_json", text);
      return FALSE;
    }

  if (root.type != LAMP_JSON_OBJECT || !lamp_json_find (&root, "events", list) ||
      list->type != LAMP_JSON_ARRAY)
    {
      answer_error (message, SOUP_STATUS_BAD_REQUEST, "bad_request",
                    "The body must be an object with a list \"events\"");
      return FALSE;
    }

  return TRUE;
}

/* The events of the list with what is to be said of each; NULL where there are too many. */
static GPtrArray *
read_events (LampReceiver   *self,
             const LampJson *list)
{
  g_autoptr (GPtrArray) events = NULL;
  LampJsonIter iter;
  LampJson element;

  events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_receiver_event_free);

  lamp_json_iter_init (&iter, list);
  while (lamp_json_iter_next (&iter, NULL, &element))
    {
      LampReceiverEvent *event;

      if (events->len == MAX_EVENTS)
        return NULL;

      event = lamp_receiver_event_new (&element);
      g_ptr_array_add (events, event);

      if (!lamp_receiver_event_is_rejected (event) && self->reject_types != NULL &&
          g_strv_contains ((const char *const *) self->reject_types, event->event_type))
        lamp_receiver_event_reject (event, "rejected_type",
                                    g_strdup_printf ("event_type %s is not taken here",
                                                     event->event_type));
    }

  return g_steal_pointer (&events);
}

static void
append_separated (GString    *json,
                  const char *text)
{
  if (json->len > 0)
    g_string_append_c (json, ',');

  g_string_append (json, text);
}

static void
append_rejected (GString                 *json,
                 const LampReceiverEvent *event)
{
  append_separated (json, "{\"event_id\":");
  if (event->event_id != NULL)
    lamp_json_append_string (json, event->event_id);
  else
    g_string_append (json, "null");

  g_string_append (json, ",\"error\":");
  lamp_json_append_string (json, event->message);
  g_string_append (json, ",\"message\":");
  lamp_json_append_string (json, event->message);
  g_string_append (json, ",\"code\":");
  lamp_json_append_string (json, event->code);
  g_string_append_c (json, '}');
}

static void
answer_verdicts (SoupServerMessage *message,
                 GPtrArray         *events)
{
  g_autoptr (GString) accepted = g_string_new (NULL);
  g_autoptr (GString) rejected = g_string_new (NULL);
  GString *json = g_string_new (NULL);

  for (guint i = 0; i < events->len; i++)
    {
      const LampReceiverEvent *event = g_ptr_array_index (events, i);

      if (lamp_receiver_event_is_rejected (event))
        {
          append_rejected (rejected, event);
        }
      else
        {
          append_separated (accepted, "");
          lamp_json_append_string (accepted, event->event_id);
        }
    }

  g_string_printf (json, "{\"accepted_event_ids\":[%s],\"rejected_events\":[%s]}", accepted->str,
                   rejected->str);
  answer (message, rejected->len == 0 ? SOUP_STATUS_OK : SOUP_STATUS_MULTI_STATUS, json);
}

/* A request in which nothing has a name can't be answered event by event. */
static void
answer_nameless (SoupServerMessage *message,
                 GPtrArray         *events)
{
  GString *json = error_json ("invalid_events", "No event has an event_id");

  g_string_append (json, ",\"details\":[");
  for (guint i = 0; i < events->len; i++)
    {
      const LampReceiverEvent *event = g_ptr_array_index (events, i);

      g_string_append_printf (json, "%s{\"index\":%u,\"message\":", i > 0 ? "," : "", i);
      lamp_json_append_string (json, event->message);
      g_string_append_c (json, '}');
    }
  g_string_append (json, "]}");

  answer (message, SOUP_STATUS_BAD_REQUEST, json);
}

static gboolean
all_nameless (GPtrArray *events)
{
  for (guint i = 0; i < events->len; i++)
    {
      const LampReceiverEvent *event = g_ptr_array_index (events, i);

      if (event->event_id != NULL)
        return FALSE;
    }

  return events->len > 0;
}

static void
handle_batch (LampReceiver      *self,
              SoupServerMessage *message,
              GHashTable        *query)
{
  g_autoptr (GBytes) body = read_body (message);
  g_autoptr (GPtrArray) events = NULL;
  g_autoptr (GError) error = NULL;
  LampJson list = { LAMP_JSON_NONE };

  if (body == NULL || !find_events (message, body, &list))
    return;

  events = read_events (self, &list);

  if (events == NULL)
    answer_too_large (message);
  else if (all_nameless (events))
    answer_nameless (message, events);
  else if (!lamp_receiver_store_add (self->store, events, &error))
    answer_store_error (message, error);
  else
    answer_verdicts (message, events);
}

/* A parameter without a value is one that was not given. */
static const char *
get_parameter (GHashTable *query,
               const char *name)
{
  const char *value = query != NULL ? g_hash_table_lookup (query, name) : NULL;

  return value != NULL && *value != '\0' ? value : NULL;
}

static gboolean
get_number (SoupServerMessage *message,
            GHashTable        *query,
            const char        *name,
            gint64             min,
            gint64             max,
            gint64            *number)
{
  const char *value = get_parameter (query, name);
  g_autofree char *text = NULL;

  if (value == NULL || g_ascii_string_to_signed (value, 10, min, max, number, NULL))
    return TRUE;

  text = g_strdup_printf ("%s must be a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                          name, min, max);
  answer_error (message, SOUP_STATUS_BAD_REQUEST, "bad_request", text);

  return FALSE;
}

static void
handle_list (LampReceiver      *self,
             SoupServerMessage *message,
             GHashTable        *query)
{
  const char *mission = get_parameter (query, "mission");
  g_autoptr (GString) json = g_string_new ("{\"events\":[");
  g_autoptr (GError) error = NULL;
  gint64 after = 0, limit = LIST_LIMIT_DEFAULT, next = 0, total = 0;

  if (!get_number (message, query, "after", 0, G_MAXINT64, &after) ||
      !get_number (message, query, "limit", 1, LIST_LIMIT_MAX, &limit))
    return;

  if (!lamp_receiver_store_list (self->store, mission, after, limit, json, &next, &error) ||
      !lamp_receiver_store_count (self->store, mission, &total, &error))
    {
      answer_store_error (message, error);
      return;
    }

  g_string_append_printf (json, "],\"next\":%" G_GINT64_FORMAT ",\"total\":%" G_GINT64_FORMAT "}",
                          next, total);
  answer (message, SOUP_STATUS_OK, g_steal_pointer (&json));
}

static const Route routes[] = {
  { "/health", "GET", "GET, HEAD", FALSE, handle_health },
  { "/api/v1/events", "GET", "GET, HEAD", TRUE, handle_list },
  { "/api/v1/events/batch", "POST", "POST", TRUE, handle_batch },
};

static const Route *
find_route (const char *path)
{
  gsize length = strlen (path);

  if (length > 1 && path[length - 1] == '/')
    length--;

  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++)
    {
      if (strlen (routes[i].path) == length && strncmp (routes[i].path, path, length) == 0)
        return &routes[i];
    }

  return NULL;
}

static gboolean
is_allowed (const Route *route,
            const char  *method)
{
  return g_str_equal (method, route->method) ||
         (g_str_equal (method, "HEAD") && g_str_equal (route->method, "GET"));
}

/* Compares digests, all of them to the end, so that the time says nothing about the token. */
static gboolean
is_token (LampReceiver *self,
          const char   *given)
{
  g_autofree char *ours = g_compute_checksum_for_string (G_CHECKSUM_SHA256, self->token, -1);
  g_autofree char *theirs = g_compute_checksum_for_string (G_CHECKSUM_SHA256, given, -1);
  guint difference = 0;

  for (gsize i = 0; ours[i] != '\0'; i++)
    difference |= (guint) (ours[i] ^ theirs[i]);

  return difference == 0;
}

static gboolean
is_authorized (LampReceiver       *self,
               SoupMessageHeaders *headers)
{
  static const char scheme[] = "Bearer ";
  const char *given = soup_message_headers_get_one (headers, "Authorization");

  if (self->token == NULL)
    return TRUE;

  return given != NULL && g_ascii_strncasecmp (given, scheme, strlen (scheme)) == 0 &&
         is_token (self, given + strlen (scheme));
}

static gboolean
is_readable (SoupMessageHeaders *headers)
{
  const char *encoding = soup_message_headers_get_list (headers, "Content-Encoding");

  return encoding == NULL || g_ascii_strcasecmp (encoding, "identity") == 0 ||
         g_ascii_strcasecmp (encoding, "gzip") == 0;
}

static gboolean
is_json (SoupMessageHeaders *headers)
{
  const char *type = soup_message_headers_get_content_type (headers, NULL);

  return type != NULL && g_ascii_strcasecmp (type, "application/json") == 0;
}

static void
check_post (SoupServerMessage  *message,
            SoupMessageHeaders *headers)
{
  if (!is_json (headers))
    answer_error (message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                  "Content-Type must be application/json");
  else if (!is_readable (headers))
    answer_error (message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding",
                  "Content-Encoding must be gzip or identity");
  else if (soup_message_headers_get_content_length (headers) > MAX_WIRE_BYTES)
    answer_too_large (message);
}

/* What the request's head says is enough to turn most of the wrong ones away. */
static void
check_head (LampReceiver      *self,
            SoupServerMessage *message,
            const char        *path)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupMessageHeaders *response = soup_server_message_get_response_headers (message);
  const char *method = soup_server_message_get_method (message);
  const Route *route = find_route (path);

  if (route == NULL)
    {
      answer_error (message, SOUP_STATUS_NOT_FOUND, "not_found", "There is nothing at this path");
    }
  else if (!is_allowed (route, method))
    {
      soup_message_headers_replace (response, "Allow", route->allow);
      answer_error (message, SOUP_STATUS_METHOD_NOT_ALLOWED, "method_not_allowed",
                    "This path does not know the method");
    }
  else if (route->needs_token && !is_authorized (self, headers))
    {
      soup_message_headers_replace (response, "WWW-Authenticate", "Bearer");
      answer_error (message, SOUP_STATUS_UNAUTHORIZED, "unauthorized",
                    "This server wants its token: Authorization: Bearer …");
    }
  else if (g_str_equal (route->method, "POST"))
    {
      check_post (message, headers);
    }
}

/* A refused body is read to the end, because its sender listens only then, but not kept. */
static void
drop_body (SoupServerMessage *message)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);

  soup_message_body_set_accumulate (body, FALSE);
  soup_message_body_truncate (body);
}

/* libsoup sees the end of the stream and closes the connection, and that resets it. Closed in good
 * order it would stay half open, without room for what its sender waits to write, for a minute. */
static void
break_off (GSocket *socket)
{
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

  setsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  g_socket_shutdown (socket, TRUE, TRUE, NULL);
}

static void
got_chunk_cb (SoupServerMessage *message,
              GBytes            *chunk)
{
  GSocket *socket = soup_server_message_get_socket (message);
  gsize received = GPOINTER_TO_SIZE (g_object_get_data (G_OBJECT (message), RECEIVED_KEY));

  received += g_bytes_get_size (chunk);
  g_object_set_data (G_OBJECT (message), RECEIVED_KEY, GSIZE_TO_POINTER (received));

  if (received > MAX_WIRE_BYTES && soup_server_message_get_status (message) == 0)
    {
      answer_too_large (message);
      drop_body (message);
    }

  if (received > MAX_DRAINED_BYTES && socket != NULL)
    break_off (socket);
}

static void
early_cb (SoupServer        *server,
          SoupServerMessage *message,
          const char        *path,
          GHashTable        *query,
          gpointer           user_data)
{
  g_signal_connect (message, "got-chunk", G_CALLBACK (got_chunk_cb), NULL);

  check_head (LAMP_RECEIVER (user_data), message, path);
  if (soup_server_message_get_status (message) != 0)
    drop_body (message);
}

static void
request_cb (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  const Route *route = find_route (path);

  g_assert (route != NULL);
  route->handler (LAMP_RECEIVER (user_data), message, query);
}

static void
request_finished_cb (SoupServer        *server,
                     SoupServerMessage *message)
{
  GUri *uri = soup_server_message_get_uri (message);
  g_autofree char *path = g_strescape (uri != NULL ? g_uri_get_path (uri) : "", NULL);

  g_info ("%s %s from %s: %u", soup_server_message_get_method (message), path,
          soup_server_message_get_remote_host (message), soup_server_message_get_status (message));
}

static void
lamp_receiver_constructed (GObject *object)
{
  LampReceiver *self = LAMP_RECEIVER (object);

  G_OBJECT_CLASS (lamp_receiver_parent_class)->constructed (object);

  self->server = soup_server_new (NULL, NULL);
  soup_server_add_early_handler (self->server, NULL, early_cb, self, NULL);
  soup_server_add_handler (self->server, NULL, request_cb, self, NULL);
  g_signal_connect (self->server, "request-finished", G_CALLBACK (request_finished_cb), NULL);
}

static void
lamp_receiver_dispose (GObject *object)
{
  LampReceiver *self = LAMP_RECEIVER (object);

  if (self->server != NULL)
    {
      soup_server_disconnect (self->server);
      soup_server_remove_handler (self->server, NULL);
    }

  g_clear_object (&self->server);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (lamp_receiver_parent_class)->dispose (object);
}

static void
lamp_receiver_finalize (GObject *object)
{
  LampReceiver *self = LAMP_RECEIVER (object);

  g_free (self->address);
  g_free (self->token);
  g_strfreev (self->reject_types);

  G_OBJECT_CLASS (lamp_receiver_parent_class)->finalize (object);
}

static void
lamp_receiver_set_property (GObject      *object,
                            guint         id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  LampReceiver *self = LAMP_RECEIVER (object);

  switch (id)
    {
    case PROP_ADDRESS:
      self->address = g_value_dup_string (value);
      break;
    case PROP_PORT:
      self->port = g_value_get_uint (value);
      break;
    case PROP_TOKEN:
      self->token = g_value_dup_string (value);
      break;
    case PROP_STORE:
      self->store = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lamp_receiver_class_init (LampReceiverClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->constructed = lamp_receiver_constructed;
  object_class->dispose = lamp_receiver_dispose;
  object_class->finalize = lamp_receiver_finalize;
  object_class->set_property = lamp_receiver_set_property;

  props[PROP_ADDRESS] = g_param_spec_string ("address", NULL, NULL, "127.0.0.1", flags);
  props[PROP_PORT] = g_param_spec_uint ("port", NULL, NULL, 0, G_MAXUINT16, 0, flags);
  props[PROP_TOKEN] = g_param_spec_string ("token", NULL, NULL, NULL, flags);
  props[PROP_STORE] = g_param_spec_object ("store", NULL, NULL, LAMP_TYPE_RECEIVER_STORE, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
lamp_receiver_init (LampReceiver *self)
{
}

/**
 * lamp_receiver_new:
 * @address: the numeric address to listen on
 * @port: the port, or 0 for any that is free
 * @token: (nullable): what senders must know, or %NULL to let everybody in
 * @store: where events are kept
 *
 * Makes the service. It does not listen yet.
 *
 * Returns: (transfer full): the service
 */
LampReceiver *
lamp_receiver_new (const char        *address,
                   guint              port,
                   const char        *token,
                   LampReceiverStore *store)
{
  g_return_val_if_fail (address != NULL, NULL);
  g_return_val_if_fail (port <= G_MAXUINT16, NULL);
  g_return_val_if_fail (LAMP_IS_RECEIVER_STORE (store), NULL);

  return g_object_new (LAMP_TYPE_RECEIVER, "address", address, "port", port, "token", token,
                       "store", store, NULL);
}

/**
 * lamp_receiver_set_reject_types:
 * @self: the service
 * @event_types: (nullable) (array zero-terminated=1): types of events
 *
 * Makes the service reject every event of these types, so that senders can be
 * tried out.
 */
void
lamp_receiver_set_reject_types (LampReceiver      *self,
                                const char *const *event_types)
{
  g_return_if_fail (LAMP_IS_RECEIVER (self));

  g_strfreev (self->reject_types);
  self->reject_types = g_strdupv ((char **) event_types);
}

/**
 * lamp_receiver_listen:
 * @self: the service
 * @error: return location for an error
 *
 * Begins to listen, in the thread's default main context.
 *
 * Returns: %TRUE, or %FALSE with @error set
 */
gboolean
lamp_receiver_listen (LampReceiver *self,
                      GError      **error)
{
  g_autoptr (GSocketAddress) address = NULL;

  g_return_val_if_fail (LAMP_IS_RECEIVER (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  address = g_inet_socket_address_new_from_string (self->address, self->port);
  if (address == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                           g_strerror (EADDRNOTAVAIL));
      return FALSE;
    }

  return soup_server_listen (self->server, address, 0, error);
}

/**
 * lamp_receiver_dup_url:
 * @self: a service that listens
 *
 * Where senders reach it.
 *
 * Returns: (transfer full) (nullable): the URL without a slash at its end, %NULL
 *   while the service does not listen
 */
char *
lamp_receiver_dup_url (LampReceiver *self)
{
  GSList *uris;
  char *url = NULL;

  g_return_val_if_fail (LAMP_IS_RECEIVER (self), NULL);

  uris = soup_server_get_uris (self->server);
  if (uris != NULL)
    url = g_strdup_printf (strchr (self->address, ':') != NULL ? "http://[%s]:%d" : "http://%s:%d",
                           self->address, g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);

  return url;
}
