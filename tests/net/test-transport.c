/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"
#include "lamp-fake-server.h"
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
test_dialects (Fixture      *fixture,
               gconstpointer data)
{
  static const char *const rejected[] = { B, NULL };

  for (LampFakeDialect i = LAMP_FAKE_DIALECT_LISTS; i <= LAMP_FAKE_DIALECT_RESULTS; i++)
    {
      g_autoptr (LampOutcome) outcome = NULL;
      LampFakeAnswer *answer = lamp_fake_server_push_reject (fixture->server, rejected, "bad",
                                                             "you sent " TOKEN);

      lamp_fake_answer_set_dialect (answer, i);
      outcome = send_until (fixture, NULL);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
      g_assert_cmpint (outcome->verdicts[0].kind, ==, LAMP_VERDICT_DELIVERED);
      g_assert_cmpint (outcome->verdicts[1].kind, ==, LAMP_VERDICT_REJECTED);

      /* A server's words may quote what it was sent. */
      if (outcome->verdicts[1].message != NULL)
        g_assert_null (strstr (outcome->verdicts[1].message, TOKEN));
    }
}

static void
test_status (Fixture      *fixture,
             gconstpointer data)
{
  static const struct
  {
    guint status;
    LampOutcomeKind kind;
  } cases[] = {
    { 400, LAMP_OUTCOME_REFUSED },      { 401, LAMP_OUTCOME_UNAUTHORIZED },
    { 403, LAMP_OUTCOME_UNAUTHORIZED }, { 404, LAMP_OUTCOME_MISCONFIGURED },
    { 408, LAMP_OUTCOME_SERVER_ERROR }, { 413, LAMP_OUTCOME_TOO_LARGE },
    { 422, LAMP_OUTCOME_REFUSED },      { 426, LAMP_OUTCOME_MISCONFIGURED },
    { 500, LAMP_OUTCOME_SERVER_ERROR }, { 200, LAMP_OUTCOME_SERVER_ERROR },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      lamp_fake_server_push_status (fixture->server, cases[i].status, "{\"error\":\"" TOKEN "\"}");
      assert_send (fixture, cases[i].kind);
    }
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

static void
test_redirect (Fixture      *fixture,
               gconstpointer data)
{
  g_autoptr (LampFakeServer) other = lamp_fake_server_new ();
  g_autofree char *login = g_strconcat (lamp_fake_server_get_url (other), "/login", NULL);

  lamp_fake_server_push_redirect (fixture->server, "/login");
  assert_send (fixture, LAMP_OUTCOME_MISCONFIGURED);
  lamp_fake_server_push_redirect (fixture->server, login);
  assert_send (fixture, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpuint (lamp_fake_server_get_n_requests (other), ==, 0);
  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, 2);
}

static void
test_retry_after (Fixture      *fixture,
                  gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *header;
    gint64 seconds;
  } cases[] = { { 429, "17", 17 }, { 503, "9", 9 }, { 429, NULL, 6 }, { 429, "100000", 3600 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampOutcome) outcome = NULL;

      lamp_fake_server_push_throttled (fixture->server, cases[i].status, cases[i].header);
      outcome = send_until (fixture, NULL);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_THROTTLED);
      g_assert_cmpint (outcome->retry_after, ==, cases[i].seconds * G_USEC_PER_SEC);
    }
}

static gboolean
cancel_cb (gpointer user_data)
{
  g_cancellable_cancel (user_data);

  return G_SOURCE_REMOVE;
}

static void
test_cancel (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (LampOutcome) late = NULL;
  g_autoptr (LampOutcome) at_once = NULL;

  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_SILENCE);
  g_timeout_add (50, cancel_cb, cancellable);
  late = send_until (fixture, cancellable);
  g_assert_cmpint (late->kind, ==, LAMP_OUTCOME_CANCELLED);
  at_once = send_until (fixture, cancellable);
  g_assert_cmpint (at_once->kind, ==, LAMP_OUTCOME_CANCELLED);
}

/* Something listens and never says a word. */
static void
test_timeout (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16 port = g_socket_listener_add_any_inet_port (listener, NULL, NULL);
  g_autofree char *url = g_strdup_printf ("http://127.0.0.1:%u", port);
  gint64 begin = g_get_monotonic_time ();

  use (fixture, url);
  assert_probe (fixture, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, PROBE_PATIENCE - G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, 4 * PROBE_PATIENCE);
  g_socket_listener_close (listener);
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
test_urls (Fixture      *fixture,
           gconstpointer data)
{
  static const struct
  {
    const char *url;
    const char *origin; /* (nullable) NULL if it is refused */
  } cases[] = {
    { "https://example.org", "https://example.org" },
    { "https://example.org:443/", "https://example.org" },
    { "https://example.org:8443/team/", "https://example.org:8443" },
    { "http://127.0.0.1:8765", "http://127.0.0.1:8765" },
    { "http://localhost", "http://localhost" },
    { "http://[::1]:8765/", "http://[::1]:8765" },
    { "http://example.org", NULL },
    { "http://127.0.0.1.example.org", NULL },
    { "ftp://example.org", NULL },
    { "example.org", NULL },
    { "https://", NULL },
    { "https://user:" TOKEN "@example.org", NULL },
    { "https://example.org/?a=b", NULL },
    { "https://example.org/#a", NULL },
  };
  LampTransport *transport = LAMP_TRANSPORT (fixture->transport);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gboolean good = lamp_transport_soup_set_server (fixture->transport, cases[i].url, FALSE,
                                                      &error);

      g_assert_cmpint (good, ==, cases[i].origin != NULL);
      g_assert_cmpstr (lamp_transport_get_origin (transport), ==, cases[i].origin);
      if (!good)
        g_assert_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS);
    }

  g_assert_true (
    lamp_transport_soup_set_server (fixture->transport, "http://example.org", TRUE, NULL));
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
    { "dialects", test_dialects },
    { "status", test_status },
    { "broken-answers", test_broken },
    { "redirect-is-not-followed", test_redirect },
    { "retry-after", test_retry_after },
    { "cancel", test_cancel },
    { "timeout", test_timeout },
    { "gzip-once-offered", test_gzip },
    { "urls", test_urls },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/transport/", cases[i].path, NULL);

      g_test_add (path, Fixture, NULL, set_up, cases[i].test, tear_down);
    }

  return g_test_run ();
}
