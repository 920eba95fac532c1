/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-fake-server.h"
#include "lamp-raw-server.h"
#include "lamp-test-util.h"
#include "lamp-transport-soup.h"

#include <string.h>

#define TOKEN "secret-token"
#define A "01ARZ3NDEKTSV4RRFFQ69G5FAA"
#define B "01ARZ3NDEKTSV4RRFFQ69G5FAB"

/* A stranger's spacing: what is stored is sent. */
#define ENVELOPE_A "{ \"event_id\":\"" A "\",\t\"event_type\":\"T\" }"
#define ENVELOPE_B "{\"event_id\":\"" B "\",\"event_type\":\"Ü\"}"
#define BODY "{\"events\":[" ENVELOPE_A "," ENVELOPE_B "]}"

#define MORE_THAN_READ (5 * 1024 * 1024)
#define PROBE_PATIENCE (2 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  LampFakeServer *server;
  LampTransportSoup *transport;
  LampBatch *batch;
} Fixture;

static void
add (LampBatch  *batch,
     gint64      id,
     const char *event_id,
     const char *envelope)
{
  g_assert_true (lamp_batch_add (batch, id, 0, event_id, envelope, strlen (envelope), 512 * 1024));
}

static void
use (Fixture    *fixture,
     const char *url)
{
  g_autoptr (GError) error = NULL;

  lamp_transport_soup_set_server (fixture->transport, url, FALSE, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->server = lamp_fake_server_new ();
  fixture->transport = lamp_transport_soup_new ();
  fixture->batch = lamp_batch_new ();
  add (fixture->batch, 1, A, ENVELOPE_A);
  add (fixture->batch, 2, B, ENVELOPE_B);
  use (fixture, lamp_fake_server_get_url (fixture->server));
  lamp_transport_soup_set_token (fixture->transport, TOKEN);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_finalize (fixture->transport);
  g_object_unref (fixture->server);
  lamp_batch_unref (fixture->batch);
}

static LampOutcome *
send_until (Fixture      *fixture,
            GCancellable *cancellable)
{
  LampTransport *transport = LAMP_TRANSPORT (fixture->transport);
  g_autoptr (GAsyncResult) result = NULL;

  lamp_transport_send_async (transport, fixture->batch, cancellable, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return lamp_transport_send_finish (transport, result);
}

static void
assert_send (Fixture        *fixture,
             LampOutcomeKind kind)
{
  g_autoptr (LampOutcome) outcome = send_until (fixture, NULL);

  g_test_message ("%s", outcome->message);
  g_assert_cmpint (outcome->kind, ==, kind);
  g_assert_cmpuint (outcome->n_verdicts, ==, 2);
  g_assert_cmpstr (outcome->message, !=, "");
  g_assert_null (strstr (outcome->message, TOKEN));
}

static LampOutcome *
probe (Fixture    *fixture,
       LampLimits *limits)
{
  LampTransport *transport = LAMP_TRANSPORT (fixture->transport);
  g_autoptr (GAsyncResult) result = NULL;

  lamp_transport_probe_async (transport, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return lamp_transport_probe_finish (transport, result, limits);
}

static void
assert_probe (Fixture        *fixture,
              LampOutcomeKind kind)
{
  LampLimits limits;
  g_autoptr (LampOutcome) outcome = probe (fixture, &limits);

  g_test_message ("%s", outcome->message);
  g_assert_cmpint (outcome->kind, ==, kind);
}

static const char *
get_header (const LampFakeRequest *request,
            const char            *name)
{
  return soup_message_headers_get_one (request->headers, name);
}

static void
test_request (Fixture      *fixture,
              gconstpointer data)
{
  const LampFakeRequest *request;

  assert_send (fixture, LAMP_OUTCOME_ANSWERED);
  request = lamp_fake_server_get_batch (fixture->server, 0);
  g_assert_cmpstr (request->method, ==, "POST");
  g_assert_cmpstr (request->path, ==, "/api/v1/events/batch/");
  g_assert_cmpmem (g_bytes_get_data (request->body, NULL), g_bytes_get_size (request->body), BODY,
                   strlen (BODY));
  g_assert_cmpstr (get_header (request, "Authorization"), ==, "Bearer " TOKEN);
  g_assert_cmpstr (get_header (request, "Content-Type"), ==, "application/json");
  g_assert_null (get_header (request, "Content-Encoding"));

  lamp_transport_soup_set_token (fixture->transport, NULL);
  assert_send (fixture, LAMP_OUTCOME_ANSWERED);
  g_assert_null (get_header (lamp_fake_server_get_batch (fixture->server, 1), "Authorization"));
}

static void
test_health (Fixture      *fixture,
             gconstpointer data)
{
  LampLimits limits;
  g_autoptr (LampOutcome) outcome = NULL;
  const LampFakeRequest *request;

  lamp_fake_server_set_health (fixture->server, 200,
                               "{\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":7}}}");
  outcome = probe (fixture, &limits);
  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
  g_assert_cmpuint (limits.max_events, ==, 7);
  request = lamp_fake_server_get_request (fixture->server, 0);
  g_assert_cmpstr (request->path, ==, "/health");
  g_assert_null (get_header (request, "Authorization"));

  lamp_fake_server_set_health (fixture->server, 503, "{}");
  assert_probe (fixture, LAMP_OUTCOME_SERVER_ERROR);
  lamp_fake_server_set_health (fixture->server, 404, "{}");
  assert_probe (fixture, LAMP_OUTCOME_MISCONFIGURED);
  lamp_fake_server_stop (fixture->server);
  assert_probe (fixture, LAMP_OUTCOME_NO_ANSWER);
}

static void
test_broken (Fixture      *fixture,
             gconstpointer data)
{
  static const struct
  {
    LampFakeBreak how;
    LampOutcomeKind kind;
  } cases[] = {
    { LAMP_FAKE_BREAK_CUT, LAMP_OUTCOME_SERVER_ERROR },
    { LAMP_FAKE_BREAK_HTML, LAMP_OUTCOME_SERVER_ERROR },
    { LAMP_FAKE_BREAK_LOST, LAMP_OUTCOME_NO_ANSWER },
    { LAMP_FAKE_BREAK_CLOSE, LAMP_OUTCOME_NO_ANSWER },
  };
  g_autofree char *huge = g_strnfill (MORE_THAN_READ, ' ');

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      /* A request on an old connection may be sent once more. */
      lamp_fake_answer_set_times (lamp_fake_server_push_broken (fixture->server, cases[i].how),
                                  cases[i].kind == LAMP_OUTCOME_NO_ANSWER ? 2 : 1);
      assert_send (fixture, cases[i].kind);
    }

  g_clear_object (&fixture->server);
  fixture->server = lamp_fake_server_new ();
  use (fixture, lamp_fake_server_get_url (fixture->server));
  lamp_fake_server_push_status (fixture->server, 200, huge);
  assert_send (fixture, LAMP_OUTCOME_SERVER_ERROR);
  lamp_fake_server_push_status (fixture->server, 200, "");
  assert_send (fixture, LAMP_OUTCOME_SERVER_ERROR);
  assert_send (fixture, LAMP_OUTCOME_ANSWERED);
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);

  return G_SOURCE_REMOVE;
}

/* In the middle of whatever: before the head, in it, in the body, in what is compressed. */
static void
test_cancel (Fixture      *fixture,
             gconstpointer data)
{
  static const char *const answers[] = {
    "",
    "HTTP/1.1 200 OK\r\nContent-",
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"accepted\":",
    "HTTP/1.1 401 No\r\nContent-Length: 1000\r\n\r\n{",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{",
  };
  g_autoptr (LampRawServer) raw = lamp_raw_server_new ();

  use (fixture, lamp_raw_server_get_url (raw));

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (LampOutcome) late = NULL;
      g_autoptr (LampOutcome) at_once = NULL;

      lamp_raw_server_push_text (raw, answers[i], LAMP_RAW_HANG);
      g_timeout_add (30, cancel_cb, cancellable);
      late = send_until (fixture, cancellable);
      g_assert_cmpint (late->kind, ==, LAMP_OUTCOME_CANCELLED);
      at_once = send_until (fixture, cancellable);
      g_assert_cmpint (at_once->kind, ==, LAMP_OUTCOME_CANCELLED);

      /* The connection is of no more use, and is not kept. */
      lamp_test_wait_until (lamp_raw_server_get_n_open (raw) == 0);
    }

  g_assert_cmpuint (lamp_raw_server_get_n_requests (raw), ==, G_N_ELEMENTS (answers));
}

/* From the same place in the loop in which the request ends. */
static void
test_cancel_and_end (Fixture      *fixture,
                     gconstpointer data)
{
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (LampOutcome) outcome = NULL;

      g_timeout_add_full (i % 2 == 0 ? G_PRIORITY_HIGH : G_PRIORITY_LOW, i / 20, cancel_cb,
                          g_object_ref (cancellable), g_object_unref);
      outcome = send_until (fixture, cancellable);
      g_assert_true (outcome->kind == LAMP_OUTCOME_CANCELLED ||
                     outcome->kind == LAMP_OUTCOME_ANSWERED);
    }
}

/* A place whose queue is full of others: a connection to it is never made. */
static GPtrArray *
fill_up (const char *url)
{
  g_autoptr (GSocketConnectable) place = g_network_address_parse_uri (url, 80, NULL);
  guint16 port = g_network_address_get_port (G_NETWORK_ADDRESS (place));
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", port);
  GPtrArray *crowd = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < 8; i++)
    {
      GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_TCP, NULL);

      g_socket_set_blocking (socket, FALSE);
      g_socket_connect (socket, address, NULL, NULL);
      g_ptr_array_add (crowd, socket);
    }

  return crowd;
}

/* Something listens and never says a word, or never so much as takes the connection. */
static void
test_timeout (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GPtrArray) crowd = NULL;
  g_autofree char *url = NULL;
  gint64 begin = g_get_monotonic_time ();

  g_socket_listener_set_backlog (listener, 1);
  url = g_strdup_printf ("http://127.0.0.1:%u",
                         g_socket_listener_add_any_inet_port (listener, NULL, NULL));
  use (fixture, url);
  assert_probe (fixture, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, PROBE_PATIENCE - G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 4 * PROBE_PATIENCE);

  crowd = fill_up (url);
  assert_probe (fixture, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 2 * PROBE_PATIENCE - G_USEC_PER_SEC);

  g_socket_listener_close (listener);
  assert_probe (fixture, LAMP_OUTCOME_NO_ANSWER);
}

static void
test_gzip (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *filling = g_strnfill (4000, 'x');
  g_autofree char *envelope = g_strdup_printf ("{\"event_id\":\"%s\",\"event_type\":\"%s\"}",
                                               "01ARZ3NDEKTSV4RRFFQ69G5FAC", filling);
  const LampFakeRequest *request;
  g_autoptr (LampOutcome) first = NULL;
  g_autoptr (LampOutcome) second = NULL;

  add (fixture->batch, 3, "01ARZ3NDEKTSV4RRFFQ69G5FAC", envelope);
  lamp_fake_server_set_gzip (fixture->server, TRUE);
  first = send_until (fixture, NULL);
  g_assert_null (get_header (lamp_fake_server_get_batch (fixture->server, 0), "Content-Encoding"));
  second = send_until (fixture, NULL);
  request = lamp_fake_server_get_batch (fixture->server, 1);
  g_assert_cmpstr (get_header (request, "Content-Encoding"), ==, "gzip");
  g_assert_cmpuint (g_bytes_get_size (request->body), <, 1000);
  g_assert_cmpuint (g_strv_length (request->event_ids), ==, 3);
  g_assert_cmpint (second->kind, ==, LAMP_OUTCOME_ANSWERED);
}

static void
add_long (Fixture *fixture)
{
  g_autofree char *filling = g_strnfill (4000, 'x');
  g_autofree char *envelope = g_strdup_printf ("{\"event_id\":\"%s\",\"event_type\":\"%s\"}",
                                               "01ARZ3NDEKTSV4RRFFQ69G5FAC", filling);

  add (fixture->batch, 3, "01ARZ3NDEKTSV4RRFFQ69G5FAC", envelope);
}

static void
assert_packed (Fixture    *fixture,
               guint       index,
               const char *encoding)
{
  const LampFakeRequest *request = lamp_fake_server_get_batch (fixture->server, index);

  g_assert_cmpstr (get_header (request, "Content-Encoding"), ==, encoding);
  g_assert_cmpuint (g_strv_length (request->event_ids), ==, 3);
}

static LampOutcomeKind
send_offered (Fixture    *fixture,
              guint       status,
              const char *offer)
{
  g_autoptr (LampOutcome) outcome = NULL;

  if (status != 200)
    {
      LampFakeAnswer *answer = lamp_fake_server_push_status (fixture->server, status, "{}");

      if (offer != NULL)
        lamp_fake_answer_set_header (answer, "Accept-Encoding", offer);
    }
  else
    {
      lamp_fake_answer_set_header (lamp_fake_server_push_accept (fixture->server),
                                   "Accept-Encoding", offer);
    }

  outcome = send_until (fixture, NULL);

  return outcome->kind;
}

/* What the server said last counts. */
static void
test_gzip_is_taken_back (Fixture      *fixture,
                         gconstpointer data)
{
  add_long (fixture);
  g_assert_cmpint (send_offered (fixture, 200, "identity, GZIP;q=0.5"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 0, NULL);
  g_assert_cmpint (send_offered (fixture, 200, "gzip;q=0, identity"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 1, "gzip");
  g_assert_cmpint (send_offered (fixture, 200, "gzip"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 2, NULL);
}

/* A proxy offers gzip all the time, and the server behind it refuses it. The same events go again
 * at once as they are, and so do all from then on. */
static void
test_gzip_is_refused (Fixture      *fixture,
                      gconstpointer data)
{
  add_long (fixture);
  lamp_fake_server_set_gzip (fixture->server, TRUE);
  assert_probe (fixture, LAMP_OUTCOME_ANSWERED);
  g_assert_cmpint (send_offered (fixture, 415, NULL), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 0, "gzip");
  assert_packed (fixture, 1, NULL);

  assert_probe (fixture, LAMP_OUTCOME_ANSWERED);
  lamp_transport_soup_set_compress (fixture->transport, TRUE);
  g_assert_cmpint (send_offered (fixture, 200, "gzip"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 2, NULL);
  g_assert_cmpint (send_offered (fixture, 415, "gzip"), ==, LAMP_OUTCOME_MISCONFIGURED);
  assert_packed (fixture, 3, NULL);

  use (fixture, lamp_fake_server_get_url (fixture->server));
  g_assert_cmpint (send_offered (fixture, 200, "gzip"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 4, "gzip");
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 5);
}

/* By the setting, and with an answer that nobody reads to its end. */
static void
test_gzip_by_setting (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *page = g_strnfill (MORE_THAN_READ, ' ');

  add_long (fixture);
  lamp_transport_soup_set_compress (fixture->transport, TRUE);
  g_assert_cmpint (send_offered (fixture, 200, "identity"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 0, "gzip");
  lamp_transport_soup_set_compress (fixture->transport, FALSE);
  g_assert_cmpint (send_offered (fixture, 200, "identity"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 1, NULL);

  lamp_transport_soup_set_compress (fixture->transport, TRUE);
  lamp_fake_server_push_status (fixture->server, 415, page);
  g_assert_cmpint (send_offered (fixture, 200, "identity"), ==, LAMP_OUTCOME_ANSWERED);
  assert_packed (fixture, 2, "gzip");
  assert_packed (fixture, 3, NULL);
}

/* Another server is asked what it takes, gets no cookie of the first, and does not learn who
 * that was. */
static void
test_server_changes (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (LampFakeServer) other = lamp_fake_server_new ();
  LampFakeAnswer *answer = lamp_fake_server_push_accept (fixture->server);
  g_autoptr (LampOutcome) first = NULL;
  g_autoptr (LampOutcome) second = NULL;
  const LampFakeRequest *request;

  add_long (fixture);
  lamp_fake_answer_set_header (answer, "Set-Cookie", "session=1; Path=/; Domain=127.0.0.1");
  lamp_fake_answer_set_header (answer, "Accept-Encoding", "gzip");
  first = send_until (fixture, NULL);
  g_assert_cmpint (first->kind, ==, LAMP_OUTCOME_ANSWERED);

  use (fixture, lamp_fake_server_get_url (other));
  lamp_transport_soup_set_token (fixture->transport, "another");
  second = send_until (fixture, NULL);
  g_assert_cmpint (second->kind, ==, LAMP_OUTCOME_ANSWERED);

  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, 1);
  request = lamp_fake_server_get_batch (other, 0);
  g_assert_cmpstr (get_header (request, "Authorization"), ==, "Bearer another");
  g_assert_null (get_header (request, "Content-Encoding"));
  g_assert_null (get_header (request, "Cookie"));
  g_assert_null (get_header (request, "Referer"));
}

/* Four batches that take long, and the probe is answered at once: none waits for another. */
static void
test_many_at_once (Fixture      *fixture,
                   gconstpointer data)
{
  LampTransport *transport = LAMP_TRANSPORT (fixture->transport);
  GAsyncResult *results[4] = { NULL };

  lamp_fake_server_set_delay (fixture->server, 300);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    lamp_transport_send_async (transport, fixture->batch, NULL, lamp_test_result_cb, &results[i]);

  assert_probe (fixture, LAMP_OUTCOME_ANSWERED);
  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    g_assert_null (results[i]);

  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == G_N_ELEMENTS (results));

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (LampOutcome) outcome = NULL;

      lamp_test_wait_until (results[i] != NULL);
      outcome = lamp_transport_send_finish (transport, results[i]);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
      g_clear_object (&results[i]);
    }
}

static void
test_one_connection (Fixture      *fixture,
                     gconstpointer data)
{
  for (guint i = 0; i < 100; i++)
    assert_send (fixture, LAMP_OUTCOME_ANSWERED);

  g_assert_cmpuint (lamp_fake_server_get_n_connections (fixture->server), ==, 1);
}

/* What a probe meets that a batch meets in its own way. */
static void
test_portals (Fixture      *fixture,
              gconstpointer data)
{
  static const struct
  {
    const char *answer;
    LampOutcomeKind kind;
  } cases[] = {
    { "HTTP/1.1 302 Go\r\nLocation: http://portal.example.org/\r\nContent-Length: 0\r\n\r\n",
      LAMP_OUTCOME_NO_ANSWER },
    { "HTTP/1.1 302 Go\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
      LAMP_OUTCOME_MISCONFIGURED },
    { "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
      LAMP_OUTCOME_NO_ANSWER },
    { "HTTP/1.1 200 OK\r\nContent-Type: application/xhtml+xml\r\nContent-Length: 0\r\n\r\n",
      LAMP_OUTCOME_NO_ANSWER },
    { "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n <html/>", LAMP_OUTCOME_NO_ANSWER },
    { "HTTP/1.1 511 Sign in\r\nContent-Length: 0\r\n\r\n", LAMP_OUTCOME_SERVER_ERROR },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", LAMP_OUTCOME_ANSWERED },
  };
  g_autoptr (LampRawServer) portal = lamp_raw_server_new ();

  use (fixture, lamp_raw_server_get_url (portal));

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      lamp_raw_server_push_text (portal, cases[i].answer, LAMP_RAW_CLOSE);
      assert_probe (fixture, cases[i].kind);
    }
}

/* What is refused leaves no server behind, not even the old one. */
static void
test_refused_server (Fixture      *fixture,
                     gconstpointer data)
{
  LampTransport *transport = LAMP_TRANSPORT (fixture->transport);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (lamp_transport_get_origin (transport), ==,
                   lamp_fake_server_get_url (fixture->server));
  g_assert_false (
    lamp_transport_soup_set_server (fixture->transport, "http://example.org", FALSE, &error));
  g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
  g_assert_null (lamp_transport_get_origin (transport));

  g_assert_true (
    lamp_transport_soup_set_server (fixture->transport, "http://Example.org/", TRUE, NULL));
  g_assert_cmpstr (lamp_transport_get_origin (transport), ==, "http://example.org");
  g_assert_true (lamp_transport_soup_set_server (fixture->transport, "", FALSE, NULL));
  g_assert_null (lamp_transport_get_origin (transport));
}

int
main (int    argc,
      char **argv)
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "request", test_request },
    { "health", test_health },
    { "broken-answers", test_broken },
    { "cancel", test_cancel },
    { "cancel-and-end", test_cancel_and_end },
    { "timeout", test_timeout },
    { "gzip-once-offered", test_gzip },
    { "gzip-is-taken-back", test_gzip_is_taken_back },
    { "gzip-is-refused", test_gzip_is_refused },
    { "gzip-by-setting", test_gzip_by_setting },
    { "server-changes", test_server_changes },
    { "many-at-once", test_many_at_once },
    { "one-connection", test_one_connection },
    { "portals", test_portals },
    { "refused-server", test_refused_server },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/transport/", cases[i].path, NULL);

      g_test_add (path, Fixture, NULL, set_up, cases[i].test, tear_down);
    }

  return g_test_run ();
}
