/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-server.h"

#include "lamp-json.h"

#include <gio/gio.h>

#define BATCH_PATH "/api/v1/events/batch/"
#define HEALTH_PATH "/health"

/* Longer than anything a test waits for, shorter than the patience of Meson. */
#define PATIENCE_SECONDS 20

/* The request's object, the list in it, the envelope, and the payload below that. */
#define BODY_DEPTH (3 + LAMP_JSON_MAX_DEPTH)

#define NO_BREAK (-1)

#define VERDICT_ACCEPTED "accepted"
#define VERDICT_REJECTED "rejected"

typedef struct
{
  const char *verdict; /* (nullable) NULL: the event is not named */
  const char *code;    /* (nullable) */
  const char *text;    /* (nullable) */
} Verdict;

typedef struct
{
  char *code;
  char *text;
} Reason;

struct _LampFakeAnswer
{
  guint status; /* 0: 200, or 207 where the dialect knows it */
  char *body;   /* (owned) (nullable) NULL: a verdict for each event */
  const char *content_type;
  SoupMessageHeaders *headers; /* (owned) added to the answer */
  LampFakeDialect dialect;     /* 0: the server's */
  gboolean judges;             /* the four below hold for event_ids, the rest is accepted */
  char **event_ids;            /* (owned) (nullable) NULL: all */
  char *verdict;               /* (owned) (nullable) NULL: not named */
  char *code;                  /* (owned) (nullable) */
  char *text;                  /* (owned) (nullable) */
  int how;                     /* a LampFakeBreak, or NO_BREAK */
  guint delay_ms;
  guint times; /* how many batches it still answers */
};

/* An answer that waits for its moment. */
typedef struct
{
  LampFakeServer *server;         /* borrowed: the server ends what waits */
  SoupServerMessage *message;     /* (owned) */
  LampFakeAnswer *answer;         /* (owned) */
  const LampFakeRequest *request; /* borrowed from the server */
  GSource *source;                /* (owned) */
} Delayed;

struct _LampFakeServer
{
  GObject parent_instance;

  SoupServer *server;           /* (owned) (nullable) NULL while it is down */
  GTlsCertificate *certificate; /* (owned) (nullable) NULL for plain HTTP */
  char *url;                    /* (owned) */
  guint port;
  LampFakeDialect dialect;
  char *token;      /* (owned) (nullable) */
  guint max_events; /* 0: no limit */
  gsize max_bytes;  /* 0: no limit */
  char *culprit;    /* (owned) (nullable) */
  guint culprit_status;
  guint delay_ms;
  GHashTable *rejected; /* (owned) event id → Reason */
  guint health_status;  /* 0: the connection is closed */
  char *health_body;    /* (owned) (nullable) */
  gboolean gzip;
  GQueue script;         /* (owned) LampFakeAnswer */
  GPtrArray *requests;   /* (owned) LampFakeRequest */
  GPtrArray *batches;    /* (owned) LampFakeRequest, borrowed from requests */
  GPtrArray *taken;      /* (owned) ids in the order in which they were first taken */
  GHashTable *taken_set; /* (owned) the same; borrows the strings */
  guint n_doubles;
  GPtrArray *delayed; /* (owned) Delayed */
};

G_DEFINE_FINAL_TYPE (LampFakeServer, lamp_fake_server, G_TYPE_OBJECT)

static void
reason_free (gpointer data)
{
  Reason *self = data;

  g_free (self->code);
  g_free (self->text);
  g_free (self);
}

static void
request_free (gpointer data)
{
  LampFakeRequest *self = data;

  g_free (self->method);
  g_free (self->path);
  soup_message_headers_unref (self->headers);
  g_bytes_unref (self->body);
  g_strfreev (self->event_ids);
  g_free (self);
}

static LampFakeAnswer *
answer_new (guint status)
{
  LampFakeAnswer *self = g_rc_box_new0 (LampFakeAnswer);

  self->status = status;
  self->content_type = "application/json";
  self->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_RESPONSE);
  self->how = NO_BREAK;
  self->times = 1;

  return self;
}

static void
answer_clear (gpointer data)
{
  LampFakeAnswer *self = data;

  g_free (self->body);
  soup_message_headers_unref (self->headers);
  g_strfreev (self->event_ids);
  g_free (self->verdict);
  g_free (self->code);
  g_free (self->text);
}

static void
answer_unref (gpointer data)
{
  g_rc_box_release_full (data, answer_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampFakeAnswer, answer_unref)

static LampFakeAnswer *
answer_new_with_body (guint       status,
                      const char *body)
{
  LampFakeAnswer *self = answer_new (status);

  self->body = g_strdup (body != NULL ? body : "");

  return self;
}

static LampFakeAnswer *
answer_new_broken (LampFakeBreak how)
{
  LampFakeAnswer *self = answer_new (0);

  self->how = (int) how;

  return self;
}

static void
delayed_free (gpointer data)
{
  Delayed *self = data;

  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_object_unref (self->message);
  answer_unref (self->answer);
  g_free (self);
}

static LampFakeAnswer *
push (LampFakeServer *self,
      LampFakeAnswer *answer)
{
  g_queue_push_tail (&self->script, answer);

  return answer;
}

static GBytes *
dup_plain_body (const LampFakeRequest *request)
{
  g_autoptr (GConverter) gunzip = NULL;
  g_autoptr (GInputStream) packed = NULL;
  g_autoptr (GInputStream) plain = NULL;
  g_autoptr (GOutputStream) memory = NULL;

  if (!soup_message_headers_header_equals (request->headers, "Content-Encoding", "gzip"))
    return g_bytes_ref (request->body);

  gunzip = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  packed = g_memory_input_stream_new_from_bytes (request->body);
  plain = g_converter_input_stream_new (packed, gunzip);
  memory = g_memory_output_stream_new_resizable ();

  if (g_output_stream_splice (memory, plain, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, NULL) < 0)
    return g_bytes_new (NULL, 0);

  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory));
}

static char **
read_event_ids (GBytes *body)
{
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();
  LampJson root = { LAMP_JSON_NONE };
  LampJson list = { LAMP_JSON_NONE };
  LampJson event, id;
  LampJsonIter iter;
  gsize length;
  const char *text = g_bytes_get_data (body, &length);

  if (length > 0 && lamp_json_check (text, length, BODY_DEPTH, &root, NULL) &&
      root.type == LAMP_JSON_OBJECT && lamp_json_find (&root, "events", &list))
    {
      lamp_json_iter_init (&iter, &list);
      while (lamp_json_iter_next (&iter, NULL, &event))
        {
          g_autofree char *event_id = NULL;

          if (event.type == LAMP_JSON_OBJECT && lamp_json_find (&event, "event_id", &id))
            event_id = lamp_json_dup_string (&id);
          if (event_id != NULL)
            g_strv_builder_add (ids, event_id);
        }
    }

  return g_strv_builder_end (ids);
}

static void
copy_header (const char *name,
             const char *value,
             gpointer    user_data)
{
  soup_message_headers_append (user_data, name, value);
}

static const LampFakeRequest *
record (LampFakeServer    *self,
        SoupServerMessage *message,
        gboolean           is_batch)
{
  LampFakeRequest *request = g_new0 (LampFakeRequest, 1);
  GUri *uri = soup_server_message_get_uri (message);
  g_autoptr (GBytes) plain = NULL;

  request->method = g_strdup (soup_server_message_get_method (message));
  request->path = g_strdup (g_uri_get_path (uri));
  if (g_uri_get_query (uri) != NULL)
    {
      g_free (request->path);
      request->path = g_strconcat (g_uri_get_path (uri), "?", g_uri_get_query (uri), NULL);
    }

  request->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_REQUEST);
  soup_message_headers_foreach (soup_server_message_get_request_headers (message), copy_header,
                                request->headers);
  request->body = soup_message_body_flatten (soup_server_message_get_request_body (message));
  request->is_batch = is_batch;
  request->version = soup_server_message_get_http_version (message);
  request->port = g_inet_socket_address_get_port (
    G_INET_SOCKET_ADDRESS (soup_server_message_get_remote_address (message)));
  request->time = g_get_monotonic_time ();

  plain = dup_plain_body (request);
  request->event_ids = read_event_ids (plain);

  g_ptr_array_add (self->requests, request);
  if (is_batch)
    g_ptr_array_add (self->batches, request);

  return request;
}

static gboolean
is_taken (const Verdict *verdict)
{
  static const char *const words[] = { VERDICT_ACCEPTED, "success", "warning", "duplicate", NULL };

  return verdict->verdict != NULL && g_strv_contains (words, verdict->verdict);
}

static Verdict
judge (LampFakeServer       *self,
       const LampFakeAnswer *answer,
       const char           *event_id)
{
  Verdict verdict = { VERDICT_ACCEPTED, NULL, NULL };
  const Reason *reason = g_hash_table_lookup (self->rejected, event_id);

  if (answer->judges && (answer->event_ids == NULL ||
                         g_strv_contains ((const char *const *) answer->event_ids, event_id)))
    {
      verdict.verdict = answer->verdict;
      verdict.code = answer->code;
      verdict.text = answer->text;
    }
  else if (reason != NULL)
    {
      verdict.verdict = VERDICT_REJECTED;
      verdict.code = reason->code;
      verdict.text = reason->text;
    }

  return verdict;
}

static void
take (LampFakeServer        *self,
      const LampFakeAnswer  *answer,
      const LampFakeRequest *request)
{
  for (gsize i = 0; request->event_ids[i] != NULL; i++)
    {
      Verdict verdict = judge (self, answer, request->event_ids[i]);
      char *id;

      if (!is_taken (&verdict))
        continue;

      if (g_hash_table_contains (self->taken_set, request->event_ids[i]))
        {
          self->n_doubles++;
          continue;
        }

      id = g_strdup (request->event_ids[i]);
      g_ptr_array_add (self->taken, id);
      g_hash_table_add (self->taken_set, id);
    }
}

static void
append_member (GString    *json,
               const char *name,
               const char *value)
{
  if (value == NULL)
    return;

  if (json->str[json->len - 1] != '{')
    g_string_append_c (json, ',');
  g_string_append_printf (json, "\"%s\":", name);
  lamp_json_append_string (json, value);
}

static void
append_entry (GString        *list,
              LampFakeDialect dialect,
              const char     *event_id,
              const Verdict  *verdict)
{
  gboolean taken = is_taken (verdict);

  if (list->len > 0)
    g_string_append_c (list, ',');

  if (dialect == LAMP_FAKE_DIALECT_LISTS || (dialect == LAMP_FAKE_DIALECT_EVENT_IDS && taken))
    {
      lamp_json_append_string (list, event_id);
      return;
    }

  g_string_append_c (list, '{');
  append_member (list, "event_id", event_id);

  if (dialect == LAMP_FAKE_DIALECT_RESULTS)
    {
      append_member (list, "status",
                     g_str_equal (verdict->verdict, VERDICT_ACCEPTED) ? "success"
                                                                      : verdict->verdict);
      append_member (list, "error_message", verdict->text);
    }
  else
    {
      append_member (list, "error", verdict->text);
      append_member (list, "message", verdict->text);
      append_member (list, "code", verdict->code);
    }

  g_string_append_c (list, '}');
}

static char *
write_verdicts (LampFakeServer        *self,
                const LampFakeAnswer  *answer,
                const LampFakeRequest *request,
                guint                 *status)
{
  LampFakeDialect dialect = answer->dialect != 0 ? answer->dialect : self->dialect;
  g_autoptr (GString) accepted = g_string_new (NULL);
  g_autoptr (GString) rejected = g_string_new (NULL);

  for (gsize i = 0; request->event_ids[i] != NULL; i++)
    {
      Verdict verdict = judge (self, answer, request->event_ids[i]);
      gboolean first = dialect == LAMP_FAKE_DIALECT_RESULTS || is_taken (&verdict);

      if (verdict.verdict != NULL)
        append_entry (first ? accepted : rejected, dialect, request->event_ids[i], &verdict);
    }

  *status = SOUP_STATUS_OK;
  if (dialect == LAMP_FAKE_DIALECT_RESULTS)
    return g_strdup_printf ("{\"results\":[%s]}", accepted->str);

  if (dialect == LAMP_FAKE_DIALECT_LISTS)
    return g_strdup_printf ("{\"accepted\":[%s],\"rejected\":[%s]}", accepted->str, rejected->str);

  if (rejected->len > 0)
    *status = SOUP_STATUS_MULTI_STATUS;

  return g_strdup_printf ("{\"accepted_event_ids\":[%s],\"rejected_events\":[%s]}", accepted->str,
                          rejected->str);
}

static void
respond (LampFakeServer    *self,
         SoupServerMessage *message,
         guint              status,
         const char        *content_type,
         const char        *body)
{
  if (self->gzip)
    soup_message_headers_append (soup_server_message_get_response_headers (message),
                                 "Accept-Encoding", "gzip");

  soup_server_message_set_status (message, status, NULL);
  if (*body != '\0')
    soup_server_message_set_response (message, content_type, SOUP_MEMORY_COPY, body, strlen (body));
}

/* The client sees the end of the stream; the answer that is set for libsoup goes nowhere. */
static void
close_connection (SoupServerMessage *message)
{
  soup_server_message_set_status (message, SOUP_STATUS_SERVICE_UNAVAILABLE, NULL);
  g_socket_shutdown (soup_server_message_get_socket (message), TRUE, TRUE, NULL);
}

static void
give_verdicts (LampFakeServer        *self,
               SoupServerMessage     *message,
               const LampFakeAnswer  *answer,
               const LampFakeRequest *request)
{
  guint status;
  g_autofree char *json = write_verdicts (self, answer, request, &status);

  take (self, answer, request);

  if (answer->how == LAMP_FAKE_BREAK_CUT)
    json[strlen (json) / 2] = '\0';

  respond (self, message, answer->status != 0 ? answer->status : status, answer->content_type,
           json);
}

static void
give_answer (LampFakeServer        *self,
             SoupServerMessage     *message,
             const LampFakeAnswer  *answer,
             const LampFakeRequest *request)
{
  soup_message_headers_foreach (answer->headers, copy_header,
                                soup_server_message_get_response_headers (message));

  switch (answer->how)
    {
    case LAMP_FAKE_BREAK_LOST:
      take (self, answer, request);
      close_connection (message);
      break;
    case LAMP_FAKE_BREAK_CLOSE:
      close_connection (message);
      break;
    case LAMP_FAKE_BREAK_SILENCE:
      soup_server_message_pause (message);
      break;
    default:
      if (answer->body != NULL)
        respond (self, message, answer->status, answer->content_type, answer->body);
      else
        give_verdicts (self, message, answer, request);
    }
}

static gboolean
delay_over_cb (gpointer user_data)
{
  Delayed *delayed = user_data;

  soup_server_message_unpause (delayed->message);
  give_answer (delayed->server, delayed->message, delayed->answer, delayed->request);
  g_ptr_array_remove_fast (delayed->server->delayed, delayed);

  return G_SOURCE_REMOVE;
}

static void
delay_answer (LampFakeServer        *self,
              SoupServerMessage     *message,
              LampFakeAnswer        *answer,
              const LampFakeRequest *request,
              guint                  delay_ms)
{
  Delayed *delayed = g_new0 (Delayed, 1);

  delayed->server = self;
  delayed->message = g_object_ref (message);
  delayed->answer = g_rc_box_acquire (answer);
  delayed->request = request;
  delayed->source = g_timeout_source_new (delay_ms);
  g_source_set_callback (delayed->source, delay_over_cb, delayed, NULL);
  g_source_attach (delayed->source, g_main_context_get_thread_default ());
  g_ptr_array_add (self->delayed, delayed);

  soup_server_message_pause (message);
}

static gboolean
is_too_large (LampFakeServer        *self,
              const LampFakeRequest *request)
{
  g_autoptr (GBytes) plain = dup_plain_body (request);

  return (self->max_events > 0 && g_strv_length (request->event_ids) > self->max_events) ||
         (self->max_bytes > 0 && g_bytes_get_size (plain) > self->max_bytes);
}

static gboolean
is_authorized (LampFakeServer        *self,
               const LampFakeRequest *request)
{
  const char *given = soup_message_headers_get_one (request->headers, "Authorization");

  return self->token == NULL || (given != NULL && g_str_has_prefix (given, "Bearer ") &&
                                 g_str_equal (given + strlen ("Bearer "), self->token));
}

static LampFakeAnswer *
answer_by_rules (LampFakeServer        *self,
                 const LampFakeRequest *request)
{
  LampFakeAnswer *answer;

  if (!is_authorized (self, request))
    answer = answer_new_with_body (SOUP_STATUS_UNAUTHORIZED, "{\"error\":\"unauthorized\"}");
  else if (is_too_large (self, request))
    answer = answer_new_with_body (SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
                                   "{\"error\":\"too_large\"}");
  else if (self->culprit == NULL ||
           !g_strv_contains ((const char *const *) request->event_ids, self->culprit))
    answer = answer_new (0);
  else if (self->culprit_status == 0)
    answer = answer_new_broken (LAMP_FAKE_BREAK_CLOSE);
  else
    answer = answer_new_with_body (self->culprit_status, "{\"error\":\"culprit\"}");

  answer->delay_ms = self->delay_ms;

  return answer;
}

static LampFakeAnswer *
next_answer (LampFakeServer        *self,
             const LampFakeRequest *request)
{
  LampFakeAnswer *answer = g_queue_peek_head (&self->script);

  if (answer == NULL)
    return answer_by_rules (self, request);

  if (--answer->times == 0)
    return g_queue_pop_head (&self->script);

  return g_rc_box_acquire (answer);
}

static void
handle_batch (LampFakeServer        *self,
              SoupServerMessage     *message,
              const LampFakeRequest *request)
{
  g_autoptr (LampFakeAnswer) answer = next_answer (self, request);

  if (answer->delay_ms > 0)
    delay_answer (self, message, answer, request, answer->delay_ms);
  else
    give_answer (self, message, answer, request);
}

static char *
write_health (LampFakeServer *self)
{
  g_autoptr (GString) limits = g_string_new (NULL);

  if (self->health_body != NULL)
    return g_strdup (self->health_body);

  if (self->max_events > 0)
    g_string_append_printf (limits, "\"max_events_per_batch\":%u", self->max_events);
  if (self->max_bytes > 0)
    g_string_append_printf (limits, "%s\"max_decompressed_bytes_per_batch\":%" G_GSIZE_FORMAT,
                            limits->len > 0 ? "," : "", self->max_bytes);

  return g_strdup_printf ("{\"status\":\"ok\",\"sync_ingress\":{\"limits\":{%s}}}", limits->str);
}

static void
handle_health (LampFakeServer    *self,
               SoupServerMessage *message)
{
  g_autofree char *body = write_health (self);

  if (self->health_status == 0)
    close_connection (message);
  else
    respond (self, message, self->health_status, "application/json", body);
}

static void
request_cb (SoupServer        *server,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  LampFakeServer *self = LAMP_FAKE_SERVER (user_data);
  gboolean is_batch = g_str_equal (path, BATCH_PATH);
  const LampFakeRequest *request = record (self, message, is_batch);

  if (is_batch && g_str_equal (request->method, "POST"))
    handle_batch (self, message, request);
  else if (g_str_equal (path, HEALTH_PATH) && g_str_equal (request->method, "GET"))
    handle_health (self, message);
  else
    respond (self, message, SOUP_STATUS_NOT_FOUND, "application/json", "{\"error\":\"not_found\"}");
}

static guint
read_port (SoupServer *server)
{
  GSList *uris = soup_server_get_uris (server);
  guint port = g_uri_get_port (uris->data);

  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);

  return port;
}

static void
lamp_fake_server_dispose (GObject *object)
{
  lamp_fake_server_stop (LAMP_FAKE_SERVER (object));

  G_OBJECT_CLASS (lamp_fake_server_parent_class)->dispose (object);
}

static void
lamp_fake_server_finalize (GObject *object)
{
  LampFakeServer *self = LAMP_FAKE_SERVER (object);

  g_queue_clear_full (&self->script, answer_unref);
  g_ptr_array_unref (self->delayed);
  g_ptr_array_unref (self->batches);
  g_ptr_array_unref (self->requests);
  g_hash_table_unref (self->taken_set);
  g_ptr_array_unref (self->taken);
  g_hash_table_unref (self->rejected);
  g_free (self->health_body);
  g_free (self->culprit);
  g_free (self->token);
  g_free (self->url);
  g_clear_object (&self->certificate);

  G_OBJECT_CLASS (lamp_fake_server_parent_class)->finalize (object);
}

static void
lamp_fake_server_class_init (LampFakeServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_fake_server_dispose;
  object_class->finalize = lamp_fake_server_finalize;
}

static void
lamp_fake_server_init (LampFakeServer *self)
{
  self->dialect = LAMP_FAKE_DIALECT_EVENT_IDS;
  self->health_status = SOUP_STATUS_OK;
  self->rejected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, reason_free);
  self->requests = g_ptr_array_new_with_free_func (request_free);
  self->batches = g_ptr_array_new ();
  self->taken = g_ptr_array_new_with_free_func (g_free);
  self->taken_set = g_hash_table_new (g_str_hash, g_str_equal);
  self->delayed = g_ptr_array_new_with_free_func (delayed_free);
}

/**
 * lamp_fake_server_new:
 *
 * Makes a server that listens already, on a port of its own.
 *
 * Returns: (transfer full): the server
 */
LampFakeServer *
lamp_fake_server_new (void)
{
  LampFakeServer *self = g_object_new (LAMP_TYPE_FAKE_SERVER, NULL);

  lamp_fake_server_start (self);

  return self;
}

/**
 * lamp_fake_server_new_tls:
 * @certificate: what it shows, with its key
 *
 * Makes one that listens for https://.
 *
 * Returns: (transfer full): the server
 */
LampFakeServer *
lamp_fake_server_new_tls (GTlsCertificate *certificate)
{
  LampFakeServer *self = g_object_new (LAMP_TYPE_FAKE_SERVER, NULL);

  self->certificate = g_object_ref (certificate);
  lamp_fake_server_start (self);

  return self;
}

/**
 * lamp_fake_server_get_url:
 * @self: a server
 *
 * Where it is, or was before it went down; without a slash at the end.
 *
 * Returns: (transfer none): the URL
 */
const char *
lamp_fake_server_get_url (LampFakeServer *self)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  return self->url;
}

/**
 * lamp_fake_server_start:
 * @self: a server
 *
 * Brings it up again, on the port that it had.
 */
void
lamp_fake_server_start (LampFakeServer *self)
{
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));
  g_return_if_fail (self->server == NULL);

  address = g_inet_socket_address_new_from_string ("127.0.0.1", self->port);
  self->server = soup_server_new (NULL, NULL);
  soup_server_add_handler (self->server, NULL, request_cb, self, NULL);
  if (self->certificate != NULL)
    soup_server_set_tls_certificate (self->server, self->certificate);
  soup_server_listen (self->server, address,
                      self->certificate != NULL ? SOUP_SERVER_LISTEN_HTTPS : 0, &error);
  g_assert_no_error (error);

  self->port = read_port (self->server);
  g_free (self->url);
  self->url = g_strdup_printf ("%s://127.0.0.1:%u", self->certificate != NULL ? "https" : "http",
                               self->port);
}

/**
 * lamp_fake_server_stop:
 * @self: a server
 *
 * Takes it down: open connections are closed, new ones refused. What was
 * recorded and scripted stays.
 */
void
lamp_fake_server_stop (LampFakeServer *self)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  g_ptr_array_set_size (self->delayed, 0);

  if (self->server != NULL)
    soup_server_disconnect (self->server);
  g_clear_object (&self->server);
}

/**
 * lamp_fake_server_set_certificate:
 * @self: a server that is down
 * @certificate: what it shows from now on, with its key
 *
 * Makes somebody else of it.
 */
void
lamp_fake_server_set_certificate (LampFakeServer  *self,
                                  GTlsCertificate *certificate)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));
  g_return_if_fail (self->server == NULL);

  g_set_object (&self->certificate, certificate);
}

/**
 * lamp_fake_server_push_accept:
 * @self: a server
 *
 * Scripts an answer that accepts every event.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_accept (LampFakeServer *self)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  return push (self, answer_new (0));
}

/**
 * lamp_fake_server_push_reject:
 * @self: a server
 * @event_ids: (nullable): the events to reject, or %NULL for all
 * @code: (nullable): short name of the reason
 * @text: (nullable): the reason
 *
 * Scripts an answer that rejects some events and accepts the rest.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_reject (LampFakeServer    *self,
                              const char *const *event_ids,
                              const char        *code,
                              const char        *text)
{
  LampFakeAnswer *answer;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  answer = push (self, answer_new (0));
  answer->judges = TRUE;
  answer->event_ids = g_strdupv ((char **) event_ids);
  answer->verdict = g_strdup (VERDICT_REJECTED);
  answer->code = g_strdup (code);
  answer->text = g_strdup (text);

  return answer;
}

/**
 * lamp_fake_server_push_ignore:
 * @self: a server
 * @event_ids: (nullable): the events to leave out, or %NULL for all
 *
 * Scripts an answer that does not name some events and accepts the rest.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_ignore (LampFakeServer    *self,
                              const char *const *event_ids)
{
  LampFakeAnswer *answer;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  answer = push (self, answer_new (0));
  answer->judges = TRUE;
  answer->event_ids = g_strdupv ((char **) event_ids);

  return answer;
}

/**
 * lamp_fake_server_push_results:
 * @self: a server
 * @verdict: a status as the third dialect has them: "queued", "warning", …
 *
 * Scripts an answer in the third dialect that says the same of every event.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_results (LampFakeServer *self,
                               const char     *verdict)
{
  LampFakeAnswer *answer;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);
  g_return_val_if_fail (verdict != NULL, NULL);

  answer = push (self, answer_new (0));
  answer->judges = TRUE;
  answer->verdict = g_strdup (verdict);
  answer->dialect = LAMP_FAKE_DIALECT_RESULTS;

  return answer;
}

/**
 * lamp_fake_server_push_status:
 * @self: a server
 * @status: the status
 * @body: (nullable): the body, called JSON, or %NULL for none
 *
 * Scripts an answer word by word. It takes no event.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_status (LampFakeServer *self,
                              guint           status,
                              const char     *body)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  return push (self, answer_new_with_body (status, body));
}

/**
 * lamp_fake_server_push_redirect:
 * @self: a server
 * @location: where to
 *
 * Scripts a 302.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_redirect (LampFakeServer *self,
                                const char     *location)
{
  LampFakeAnswer *answer = lamp_fake_server_push_status (self, SOUP_STATUS_FOUND, NULL);

  lamp_fake_answer_set_header (answer, "Location", location);

  return answer;
}

/**
 * lamp_fake_server_push_throttled:
 * @self: a server
 * @status: 429 or 503
 * @retry_after: (nullable): seconds or a date, or %NULL to say nothing
 *
 * Scripts an answer that asks to come back later.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_throttled (LampFakeServer *self,
                                 guint           status,
                                 const char     *retry_after)
{
  LampFakeAnswer *answer = lamp_fake_server_push_status (self, status, "{\"error\":\"throttled\"}");

  if (retry_after != NULL)
    lamp_fake_answer_set_header (answer, "Retry-After", retry_after);

  return answer;
}

/**
 * lamp_fake_server_push_broken:
 * @self: a server
 * @how: what goes wrong
 *
 * Scripts a mishap. Where a connection is closed that had carried a request
 * before, the transport sends a batch once more, which uses the next line of
 * the script.
 *
 * Returns: (transfer none): the line of the script
 */
LampFakeAnswer *
lamp_fake_server_push_broken (LampFakeServer *self,
                              LampFakeBreak   how)
{
  LampFakeAnswer *answer;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  answer = push (self, answer_new_broken (how));
  if (how == LAMP_FAKE_BREAK_HTML)
    {
      answer->status = SOUP_STATUS_OK;
      answer->content_type = "text/html";
      answer->body = g_strdup ("<!doctype html><title>Welcome</title><p>Accept our terms.</p>\n");
    }

  return answer;
}

/**
 * lamp_fake_answer_set_dialect:
 * @answer: a line of the script
 * @dialect: in which words it names events
 *
 * Deviates from the server's dialect.
 */
void
lamp_fake_answer_set_dialect (LampFakeAnswer *answer,
                              LampFakeDialect dialect)
{
  g_return_if_fail (answer != NULL);

  answer->dialect = dialect;
}

/**
 * lamp_fake_answer_set_header:
 * @answer: a line of the script
 * @name: a header
 * @value: its value
 *
 * Adds a header to the answer.
 */
void
lamp_fake_answer_set_header (LampFakeAnswer *answer,
                             const char     *name,
                             const char     *value)
{
  g_return_if_fail (answer != NULL && name != NULL && value != NULL);

  soup_message_headers_replace (answer->headers, name, value);
}

/**
 * lamp_fake_answer_set_delay:
 * @answer: a line of the script
 * @delay_ms: how long to let the client wait
 *
 * Gives the answer later; until then nothing is taken.
 */
void
lamp_fake_answer_set_delay (LampFakeAnswer *answer,
                            guint           delay_ms)
{
  g_return_if_fail (answer != NULL);

  answer->delay_ms = delay_ms;
}

/**
 * lamp_fake_answer_set_times:
 * @answer: a line of the script
 * @times: for how many batches it stands
 *
 * Uses the line more than once; %G_MAXUINT is for ever.
 */
void
lamp_fake_answer_set_times (LampFakeAnswer *answer,
                            guint           times)
{
  g_return_if_fail (answer != NULL && times > 0);

  answer->times = times;
}

/**
 * lamp_fake_server_set_dialect:
 * @self: a server
 * @dialect: in which words it names events
 *
 * Chooses the age of the server; the second dialect by default.
 */
void
lamp_fake_server_set_dialect (LampFakeServer *self,
                              LampFakeDialect dialect)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  self->dialect = dialect;
}

/**
 * lamp_fake_server_set_token:
 * @self: a server
 * @token: (nullable): the token to ask for, or %NULL for none
 *
 * Answers 401 to whoever does not know the token.
 */
void
lamp_fake_server_set_token (LampFakeServer *self,
                            const char     *token)
{
  g_autofree char *old = NULL;

  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  old = g_steal_pointer (&self->token);
  self->token = g_strdup (token);
}

/**
 * lamp_fake_server_set_limits:
 * @self: a server
 * @max_events: events a batch, 0 for any number
 * @max_bytes: bytes a batch, uncompressed, 0 for any number
 *
 * Answers 413 to what exceeds the limits, and tells them in /health.
 */
void
lamp_fake_server_set_limits (LampFakeServer *self,
                             guint           max_events,
                             gsize           max_bytes)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  self->max_events = max_events;
  self->max_bytes = max_bytes;
}

/**
 * lamp_fake_server_set_culprit:
 * @self: a server
 * @event_id: (nullable): an event, or %NULL for none
 * @status: the status, or 0 to close the connection
 *
 * Answers every batch that holds the event with a failure of the whole batch.
 */
void
lamp_fake_server_set_culprit (LampFakeServer *self,
                              const char     *event_id,
                              guint           status)
{
  g_autofree char *old = NULL;

  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  old = g_steal_pointer (&self->culprit);
  self->culprit = g_strdup (event_id);
  self->culprit_status = status;
}

/**
 * lamp_fake_server_set_delay:
 * @self: a server
 * @delay_ms: how long a batch takes
 *
 * Makes the server slow.
 */
void
lamp_fake_server_set_delay (LampFakeServer *self,
                            guint           delay_ms)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  self->delay_ms = delay_ms;
}

/**
 * lamp_fake_server_reject_id:
 * @self: a server
 * @event_id: an event
 * @code: (nullable): short name of the reason
 * @text: (nullable): the reason
 *
 * Rejects the event in every batch from now on.
 */
void
lamp_fake_server_reject_id (LampFakeServer *self,
                            const char     *event_id,
                            const char     *code,
                            const char     *text)
{
  Reason *reason;

  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));
  g_return_if_fail (event_id != NULL);

  reason = g_new0 (Reason, 1);
  reason->code = g_strdup (code);
  reason->text = g_strdup (text);
  g_hash_table_replace (self->rejected, g_strdup (event_id), reason);
}

/**
 * lamp_fake_server_set_health:
 * @self: a server
 * @status: the status, or 0 to close the connection
 * @body: (nullable): the body, or %NULL for one that tells the limits
 *
 * Says what /health answers.
 */
void
lamp_fake_server_set_health (LampFakeServer *self,
                             guint           status,
                             const char     *body)
{
  g_autofree char *old = NULL;

  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  old = g_steal_pointer (&self->health_body);
  self->health_body = g_strdup (body);
  self->health_status = status;
}

/**
 * lamp_fake_server_set_gzip:
 * @self: a server
 * @offered: whether answers say Accept-Encoding: gzip
 *
 * Offers to take compressed bodies. It takes them in any case.
 */
void
lamp_fake_server_set_gzip (LampFakeServer *self,
                           gboolean        offered)
{
  g_return_if_fail (LAMP_IS_FAKE_SERVER (self));

  self->gzip = offered;
}

/**
 * lamp_fake_server_get_n_requests:
 * @self: a server
 *
 * Returns: how many requests came, whatever they were for
 */
guint
lamp_fake_server_get_n_requests (LampFakeServer *self)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), 0);

  return self->requests->len;
}

/**
 * lamp_fake_server_get_request:
 * @self: a server
 * @index: the how-manieth, from 0
 *
 * Returns: (transfer none): the request
 */
const LampFakeRequest *
lamp_fake_server_get_request (LampFakeServer *self,
                              guint           index)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);
  g_return_val_if_fail (index < self->requests->len, NULL);

  return g_ptr_array_index (self->requests, index);
}

/**
 * lamp_fake_server_get_n_connections:
 * @self: a server
 *
 * Returns: over how many connections the requests came
 */
guint
lamp_fake_server_get_n_connections (LampFakeServer *self)
{
  g_autoptr (GHashTable) ports = g_hash_table_new (NULL, NULL);

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), 0);

  for (guint i = 0; i < self->requests->len; i++)
    g_hash_table_add (ports, GUINT_TO_POINTER (lamp_fake_server_get_request (self, i)->port));

  return g_hash_table_size (ports);
}

/**
 * lamp_fake_server_get_n_batches:
 * @self: a server
 *
 * Returns: how many requests came for the batch path
 */
guint
lamp_fake_server_get_n_batches (LampFakeServer *self)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), 0);

  return self->batches->len;
}

/**
 * lamp_fake_server_get_batch:
 * @self: a server
 * @index: the how-manieth batch, from 0
 *
 * Returns: (transfer none): the request that carried it
 */
const LampFakeRequest *
lamp_fake_server_get_batch (LampFakeServer *self,
                            guint           index)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);
  g_return_val_if_fail (index < self->batches->len, NULL);

  return g_ptr_array_index (self->batches, index);
}

/**
 * lamp_fake_server_get_n_doubles:
 * @self: a server
 *
 * Returns: how many times an event came again that had been taken
 */
guint
lamp_fake_server_get_n_doubles (LampFakeServer *self)
{
  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), 0);

  return self->n_doubles;
}

/**
 * lamp_fake_server_dup_ids:
 * @self: a server
 *
 * The events that were taken, in order, each once.
 *
 * Returns: (transfer full): their ids
 */
char **
lamp_fake_server_dup_ids (LampFakeServer *self)
{
  g_autoptr (GStrvBuilder) ids = NULL;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), NULL);

  ids = g_strv_builder_new ();
  for (guint i = 0; i < self->taken->len; i++)
    g_strv_builder_add (ids, g_ptr_array_index (self->taken, i));

  return g_strv_builder_end (ids);
}

static gboolean
deadline_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;

  return G_SOURCE_REMOVE;
}

/**
 * lamp_fake_server_wait_batches:
 * @self: a server
 * @n_batches: how many batches to wait for, in all
 *
 * Iterates the main context until so many batches have come, or patience ends.
 *
 * Returns: whether they came
 */
gboolean
lamp_fake_server_wait_batches (LampFakeServer *self,
                               guint           n_batches)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GSource) deadline = g_timeout_source_new_seconds (PATIENCE_SECONDS);
  gboolean over = FALSE;

  g_return_val_if_fail (LAMP_IS_FAKE_SERVER (self), FALSE);

  g_source_set_callback (deadline, deadline_cb, &over, NULL);
  g_source_attach (deadline, context);

  while (self->batches->len < n_batches && !over)
    g_main_context_iteration (context, TRUE);

  g_source_destroy (deadline);

  return self->batches->len >= n_batches;
}
