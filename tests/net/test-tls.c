/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-server.h"
#include "lamp-raw-server.h"
#include "lamp-test-exchange.h"
#include "lamp-test-util.h"

#include <string.h>

#define POSTS 50

typedef struct
{
  LampFakeServer *server;
  LampTransportSoup *transport;
} Fixture;

static char *
dup_path (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "tests", "net", "tls", name, NULL);
}

/* A transport that trusts our authority, and a server that shows a certificate. */
static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  const char *name = data;
  g_autofree char *authority = dup_path ("ca.pem");
  g_autofree char *path = dup_path (name);
  g_autoptr (GTlsCertificate) certificate = NULL;
  g_autoptr (GTlsDatabase) database = NULL;
  g_autoptr (GError) error = NULL;

  certificate = g_tls_certificate_new_from_file (path, &error);
  g_assert_no_error (error);
  database = g_tls_file_database_new (authority, &error);
  g_assert_no_error (error);

  fixture->server = lamp_fake_server_new_tls (certificate);
  fixture->transport = g_object_new (LAMP_TYPE_TRANSPORT_SOUP, "tls-database", database, NULL);
  lamp_transport_soup_set_token (fixture->transport, LAMP_TEST_TOKEN);
  lamp_transport_soup_set_server (fixture->transport, lamp_fake_server_get_url (fixture->server),
                                  FALSE, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_finalize (fixture->transport);
  g_object_unref (fixture->server);
}

static void
assert_refused (Fixture    *fixture,
                const char *words)
{
  LampLimits limits;
  g_autoptr (LampOutcome) sent = lamp_test_send (fixture->transport);
  g_autoptr (LampOutcome) probed = lamp_test_probe (fixture->transport, &limits);

  g_assert_cmpint (sent->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpint (probed->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_nonnull (strstr (sent->message, words));
  /* A probe has two seconds, in which a sanitizer may not come to the handshake's end. */
  g_assert_true (LAMP_TEST_SANITIZED || strstr (probed->message, words) != NULL);
  g_assert_true (g_str_has_prefix (sent->message, lamp_fake_server_get_url (fixture->server)));

  /* Nothing was told to it, neither over TLS nor without. */
  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, 0);
}

static void
test_one_handshake (Fixture      *fixture,
                    gconstpointer data)
{
  LampLimits limits;
  g_autoptr (LampOutcome) probed = NULL;
  const LampFakeRequest *request;

  for (guint i = 0; i < POSTS; i++)
    {
      g_autoptr (LampOutcome) sent = lamp_test_send (fixture->transport);

      g_assert_cmpint (sent->kind, ==, LAMP_OUTCOME_ANSWERED);
    }

  probed = lamp_test_probe (fixture->transport, &limits);
  g_assert_cmpint (probed->kind, ==, LAMP_OUTCOME_ANSWERED);
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, POSTS);
  g_assert_cmpuint (lamp_fake_server_get_n_connections (fixture->server), ==, 1);

  request = lamp_fake_server_get_batch (fixture->server, 0);
  g_test_message ("HTTP/%s", request->version == SOUP_HTTP_2_0 ? "2" : "1.1");
  g_assert_cmpstr (soup_message_headers_get_one (request->headers, "Authorization"), ==,
                   "Bearer " LAMP_TEST_TOKEN);
}

static void
test_refuses (Fixture      *fixture,
              gconstpointer data)
{
  static const struct
  {
    const char *name;
    const char *words;
  } cases[] = {
    { "wrong-host.pem", "is for team.example.org, www.example.org, not for 127.0.0.1" },
    { "expired.pem", "ended on 2021-01-01 00:00 UTC" },
    { "not-yet.pem", "begins only on 2119-01-01 00:00 UTC" },
    { "self-signed.pem", "signed by nobody but itself" },
    { "unknown.pem", "was signed by “CN=Nobody knows me”" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (g_str_equal (data, cases[i].name))
      assert_refused (fixture, cases[i].words);
}

/* What the system trusts is what counts without a word of ours. */
static void
test_system_does_not_know_us (Fixture      *fixture,
                              gconstpointer data)
{
  LampTransportSoup *plain = lamp_test_transport_new (lamp_fake_server_get_url (fixture->server));
  g_autoptr (LampOutcome) outcome = lamp_test_send (plain);

  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_nonnull (strstr (outcome->message, "Lamppost test authority"));
  lamp_test_finalize (plain);
  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, 0);
}

/* A certificate that turns bad is noticed with the next connection; events are not lost to the
 * one who shows it. */
static void
test_certificate_turns_bad (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *path = dup_path ("unknown.pem");
  g_autoptr (GTlsCertificate) certificate = g_tls_certificate_new_from_file (path, NULL);
  g_autoptr (LampOutcome) before = lamp_test_send (fixture->transport);
  g_autoptr (LampOutcome) after = NULL;

  g_assert_cmpint (before->kind, ==, LAMP_OUTCOME_ANSWERED);

  lamp_fake_server_stop (fixture->server);
  lamp_fake_server_set_certificate (fixture->server, certificate);
  lamp_fake_server_start (fixture->server);
  after = lamp_test_send (fixture->transport);
  g_assert_cmpint (after->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_nonnull (strstr (after->message, "Nobody knows me"));
  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, 1);
}

/* https:// to something that speaks no TLS. */
static void
test_plain_server (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (LampRawServer) plain = lamp_raw_server_new ();
  g_autofree char *url = g_strconcat ("https", lamp_raw_server_get_url (plain) + strlen ("http"),
                                      NULL);
  g_autoptr (LampOutcome) outcome = NULL;

  lamp_raw_server_push_text (plain, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
                             LAMP_RAW_HANG);
  g_assert_true (lamp_transport_soup_set_server (fixture->transport, url, FALSE, NULL));
  outcome = lamp_test_send (fixture->transport);
  g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_true (g_str_has_prefix (outcome->message, "There is no secure connection to https://"));
  g_assert_cmpuint (lamp_raw_server_get_n_connections (plain), ==, 1);
  g_assert_cmpuint (lamp_raw_server_get_n_requests (plain), ==, 0);
}

static LampOutcome *
send_to (LampTransportSoup *transport,
         const char        *url,
         gboolean           allow_insecure)
{
  g_autoptr (GError) error = NULL;

  lamp_transport_soup_set_server (transport, url, allow_insecure, &error);
  g_assert_no_error (error);

  return lamp_test_send (transport);
}

/* A proxy learns where we go, and nothing else. What it says, the server has not said. */
static void
test_proxy_sees_no_token (Fixture      *fixture,
                          gconstpointer data)
{
  static const guint statuses[] = { 407, 403, 401, 200 };
  g_autoptr (LampRawServer) proxy = lamp_raw_server_new ();
  g_autoptr (GProxyResolver) resolver =
    g_simple_proxy_resolver_new (lamp_raw_server_get_url (proxy), NULL);
  LampTransportSoup *transport = g_object_new (LAMP_TYPE_TRANSPORT_SOUP, "proxy-resolver", resolver,
                                               NULL);
  g_autoptr (LampOutcome) loopback = NULL;
  g_autoptr (LampOutcome) insecure = NULL;

  lamp_transport_soup_set_token (transport, LAMP_TEST_TOKEN);

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    {
      g_autoptr (LampOutcome) outcome = NULL;
      g_autofree char *answer = g_strdup_printf (
        "HTTP/1.1 %u Well\r\nContent-Length: 0\r\n"
        "Proxy-Authenticate: Basic realm=\"p\"\r\n\r\n",
        statuses[i]);
      g_autofree char *head = NULL;

      lamp_raw_server_push_text (proxy, answer, LAMP_RAW_CLOSE);
      outcome = send_to (transport, "https://team.example.org", FALSE);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_NO_ANSWER);
      g_assert_true (statuses[i] == 200 ||
                     strstr (outcome->message, "this network’s proxy") != NULL);
      head = lamp_raw_server_dup_head (proxy, i);
      g_assert_true (g_str_has_prefix (head, "CONNECT team.example.org:443 "));
      g_assert_null (strstr (head, LAMP_TEST_TOKEN));
      g_assert_null (strstr (head, "Authorization"));
    }

  /* Without TLS it would see all, and this machine needs none. */
  loopback = send_to (transport, lamp_fake_server_get_url (fixture->server), FALSE);
  g_assert_cmpint (loopback->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  insecure = send_to (transport, "http://team.example.invalid", TRUE);
  g_assert_cmpint (insecure->kind, ==, LAMP_OUTCOME_NO_ANSWER);
  g_assert_cmpuint (lamp_raw_server_get_n_connections (proxy), ==, G_N_ELEMENTS (statuses));
  lamp_test_finalize (transport);
}

int
main (int    argc,
      char **argv)
{
  static const struct
  {
    const char *path;
    const char *certificate;
    void (*test) (Fixture *fixture, gconstpointer data);
  } cases[] = {
    { "one-handshake", "valid.pem", test_one_handshake },
    { "refuses-wrong-host", "wrong-host.pem", test_refuses },
    { "refuses-expired", "expired.pem", test_refuses },
    { "refuses-not-yet-valid", "not-yet.pem", test_refuses },
    { "refuses-self-signed", "self-signed.pem", test_refuses },
    { "refuses-unknown-authority", "unknown.pem", test_refuses },
    { "system-does-not-know-us", "valid.pem", test_system_does_not_know_us },
    { "certificate-turns-bad", "valid.pem", test_certificate_turns_bad },
    { "plain-server", "valid.pem", test_plain_server },
    { "proxy-sees-no-token", "valid.pem", test_proxy_sees_no_token },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/tls/", cases[i].path, NULL);

      g_test_add (path, Fixture, cases[i].certificate, set_up, cases[i].test, tear_down);
    }

  return g_test_run ();
}
