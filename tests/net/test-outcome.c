/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-server.h"
#include "lamp-test-exchange.h"
#include "lamp-test-util.h"

#include <string.h>

/* The table in section 6 of the specification, row by row, against a real server. */

#define A LAMP_TEST_A
#define B LAMP_TEST_B
#define SECOND ((gint64) G_USEC_PER_SEC)

typedef struct
{
  LampFakeServer *server;
  LampFakeServer *other;
  LampTransportSoup *transport;
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->server = lamp_fake_server_new ();
  fixture->other = lamp_fake_server_new ();
  fixture->transport = lamp_test_transport_new (lamp_fake_server_get_url (fixture->server));
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  /* Whatever is answered, nobody else is asked. */
  g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->other), ==, 0);

  lamp_test_finalize (fixture->transport);
  g_object_unref (fixture->server);
  g_object_unref (fixture->other);
}

static LampOutcome *
send_answered (Fixture    *fixture,
               guint       status,
               const char *body)
{
  LampOutcome *outcome;

  lamp_fake_server_push_status (fixture->server, status, body);
  outcome = lamp_test_send (fixture->transport);
  g_assert_cmpuint (outcome->status, ==, status);

  return outcome;
}

static void
assert_answer (Fixture        *fixture,
               guint           status,
               const char     *body,
               LampOutcomeKind kind,
               const char     *expected)
{
  g_autoptr (LampOutcome) outcome = send_answered (fixture, status, body);
  g_autofree char *verdicts = lamp_test_dup_verdicts (outcome);

  g_assert_cmpint (outcome->kind, ==, kind);
  g_assert_cmpstr (verdicts, ==, expected);
}

static void
test_dialects (Fixture      *fixture,
               gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *body;
    const char *verdicts;
  } cases[] = {
    { 200, "{\"accepted\":[\"" A "\"],\"rejected\":[\"" B "\"]}", "dr" },
    { 207, "{\"accepted\":[\"" A "\"],\"rejected\":[\"" B "\"]}", "dr" },
    { 200, "{\"accepted\":[],\"rejected\":[{\"event_id\":\"" B "\",\"error\":\"no\"}]}", ".r" },
    { 200, "{\"accepted_event_ids\":[\"" A "\",\"" B "\"],\"rejected_events\":[]}", "dd" },
    { 207,
      "{\"accepted_event_ids\":[\"" A "\"],\"rejected_events\":[{\"event_id\":\"" B
      "\",\"error\":\"e\",\"message\":\"m\",\"code\":\"c\"}]}",
      "dr" },
    { 200, "{\"accepted_event_ids\":[],\"rejected_events\":[\"" A "\"]}", "r." },
    { 200, "{\"accepted_event_ids\":[\"" B "\"]}", ".d" },
    { 207,
      "{\"results\":[{\"event_id\":\"" A "\",\"status\":\"success\"},{\"event_id\":\"" B
      "\",\"status\":\"rejected\",\"error_message\":\"m\"}]}",
      "dr" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_answer (fixture, cases[i].status, cases[i].body, LAMP_OUTCOME_ANSWERED,
                   cases[i].verdicts);
}

static void
test_status_words (Fixture      *fixture,
                   gconstpointer data)
{
  static const struct
  {
    const char *word;
    const char *verdicts;
  } cases[] = {
    { "success", "dd" },   { "accepted", "dd" }, { "warning", "dd" },  { "duplicate", "dd" },
    { "Duplicate", "dd" }, { "queued", "qq" },   { "pending", "qq" },  { "PENDING", "qq" },
    { "rejected", "rr" },  { "error", "rr" },    { "exploded", "rr" }, { "", "rr" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampOutcome) outcome = NULL;
      g_autofree char *verdicts = NULL;

      lamp_fake_server_push_results (fixture->server, cases[i].word);
      outcome = lamp_test_send (fixture->transport);
      verdicts = lamp_test_dup_verdicts (outcome);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
      g_assert_cmpstr (verdicts, ==, cases[i].verdicts);
    }
}

static void
test_refusals (Fixture      *fixture,
               gconstpointer data)
{
  static const struct
  {
    const char *body;
    const char *verdicts;
    const char *words; /* (nullable) */
  } cases[] = {
    { "{\"error\":\"e\",\"details\":{\"event_id\":\"" B "\",\"message\":\"m\"}}", ".r", "m" },
    { "{\"error\":\"e\",\"details\":{\"event_id\":\"" B "\"}}", ".r", "e" },
    { "{\"details\":[{\"event_id\":\"" A "\"},{\"event_id\":\"" B "\",\"error\":\"m\"}]}", "rr",
      "m" },
    { "{\"error\":{\"message\":\"e\",\"details\":[{\"event_id\":\"" B "\"}]}}", ".r", "e" },
    { "{\"details\":{\"event_id\":\"X\"}}", "..", NULL },
    { "{\"details\":{\"field\":\"payload\"}}", "..", NULL },
    { "{\"details\":\"" B "\"}", "..", NULL },
    { "{\"error\":\"bad batch\"}", "..", NULL },
    { "{}", "..", NULL },
    { "", "..", NULL },
    { "Bad request", "..", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint status = 400; status <= 422; status += 22)
      {
        g_autoptr (LampOutcome) outcome = send_answered (fixture, status, cases[i].body);
        g_autofree char *verdicts = lamp_test_dup_verdicts (outcome);

        g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_REFUSED);
        g_assert_cmpstr (verdicts, ==, cases[i].verdicts);
        g_assert_cmpstr (outcome->verdicts[1].message, ==, cases[i].words);
      }
}

/* With a body that would be a fine answer under another status. */
static void
test_statuses (Fixture      *fixture,
               gconstpointer data)
{
  static const struct
  {
    guint status;
    LampOutcomeKind kind;
  } cases[] = {
    { 201, LAMP_OUTCOME_SERVER_ERROR },  { 202, LAMP_OUTCOME_SERVER_ERROR },
    { 206, LAMP_OUTCOME_SERVER_ERROR },  { 208, LAMP_OUTCOME_SERVER_ERROR },
    { 401, LAMP_OUTCOME_UNAUTHORIZED },  { 403, LAMP_OUTCOME_UNAUTHORIZED },
    { 402, LAMP_OUTCOME_MISCONFIGURED }, { 404, LAMP_OUTCOME_MISCONFIGURED },
    { 405, LAMP_OUTCOME_MISCONFIGURED }, { 409, LAMP_OUTCOME_MISCONFIGURED },
    { 410, LAMP_OUTCOME_MISCONFIGURED }, { 412, LAMP_OUTCOME_MISCONFIGURED },
    { 415, LAMP_OUTCOME_MISCONFIGURED }, { 418, LAMP_OUTCOME_MISCONFIGURED },
    { 426, LAMP_OUTCOME_MISCONFIGURED }, { 451, LAMP_OUTCOME_MISCONFIGURED },
    { 408, LAMP_OUTCOME_SERVER_ERROR },  { 425, LAMP_OUTCOME_SERVER_ERROR },
    { 413, LAMP_OUTCOME_TOO_LARGE },     { 429, LAMP_OUTCOME_THROTTLED },
    { 500, LAMP_OUTCOME_SERVER_ERROR },  { 501, LAMP_OUTCOME_SERVER_ERROR },
    { 502, LAMP_OUTCOME_SERVER_ERROR },  { 503, LAMP_OUTCOME_SERVER_ERROR },
    { 504, LAMP_OUTCOME_SERVER_ERROR },  { 507, LAMP_OUTCOME_SERVER_ERROR },
    { 599, LAMP_OUTCOME_SERVER_ERROR },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *number = g_strdup_printf ("%u", cases[i].status);
      g_autoptr (LampOutcome) outcome = send_answered (fixture, cases[i].status,
                                                       "{\"accepted\":[\"" A "\",\"" B "\"]}");
      g_autofree char *verdicts = lamp_test_dup_verdicts (outcome);

      g_assert_cmpint (outcome->kind, ==, cases[i].kind);
      g_assert_cmpstr (verdicts, ==, "..");

      /* Which address, and which status. */
      g_assert_true (
        g_str_has_prefix (outcome->message, lamp_fake_server_get_url (fixture->server)));
      g_assert_nonnull (strstr (outcome->message, number));
    }

  assert_answer (fixture, 204, NULL, LAMP_OUTCOME_SERVER_ERROR, "..");
}

static char *
dup_http_date (gint64 seconds_from_now)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) then = g_date_time_add_seconds (now, seconds_from_now);

  return g_date_time_format (then, "%a, %d %b %Y %H:%M:%S GMT");
}

static void
test_retry_after (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char *soon = dup_http_date (60);
  g_autofree char *past = dup_http_date (-3600);
  const struct
  {
    const char *header;
    gint64 min;
    gint64 max;
    gboolean said; /* whether it counts as said: a 503 is an error where nothing is */
  } cases[] = {
    { "17", 17, 17, TRUE },
    { " 17 ", 17, 17, TRUE },
    { "0", 1, 1, TRUE },
    { "0.5", 1, 1, TRUE },
    { "2.5", 3, 3, TRUE },
    { "3600", 3600, 3600, TRUE },
    { "100000", 3600, 3600, TRUE },
    { "99999999999999999999999999", 3600, 3600, TRUE },
    { soon, 58, 60, TRUE },
    { past, 1, 1, TRUE },
    { "Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3600, TRUE },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 1, 1, TRUE },
    { "-5", 6, 6, FALSE },
    { "soon", 6, 6, FALSE },
    { "1e3", 6, 6, FALSE },
    { "Fri, 31 Feb 2025 23:59:59 GMT", 6, 6, FALSE },
    { "", 6, 6, FALSE },
    { NULL, 6, 6, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampOutcome) many = NULL;
      g_autoptr (LampOutcome) unavailable = NULL;

      g_test_message ("Retry-After: %s", cases[i].header);
      lamp_fake_server_push_throttled (fixture->server, 429, cases[i].header);
      many = lamp_test_send (fixture->transport);
      g_assert_cmpint (many->kind, ==, LAMP_OUTCOME_THROTTLED);
      g_assert_cmpint (many->retry_after, >=, cases[i].min * SECOND);
      g_assert_cmpint (many->retry_after, <=, cases[i].max * SECOND);

      lamp_fake_server_push_throttled (fixture->server, 503, cases[i].header);
      unavailable = lamp_test_send (fixture->transport);
      g_assert_cmpint (unavailable->kind, ==,
                       cases[i].said ? LAMP_OUTCOME_THROTTLED : LAMP_OUTCOME_SERVER_ERROR);
    }
}

static void
push_redirect (Fixture    *fixture,
               guint       status,
               const char *location)
{
  LampFakeAnswer *answer = lamp_fake_server_push_status (fixture->server, status, "{}");

  if (location != NULL)
    lamp_fake_answer_set_header (answer, "Location", location);
}

static void
test_redirects (Fixture      *fixture,
                gconstpointer data)
{
  static const guint statuses[] = { 301, 302, 303, 307, 308 };
  const char *own = lamp_fake_server_get_url (fixture->server);
  const char *other = lamp_fake_server_get_url (fixture->other);
  g_autofree char *same = g_strconcat (own, "/login", NULL);
  g_autofree char *shouted = g_strconcat ("HTTP", own + strlen ("http"), "/login", NULL);
  g_autofree char *other_port = g_strconcat (other, "/login?key=secret", NULL);
  g_autofree char *relative = g_strconcat (other + strlen ("http:"), "/login", NULL);
  g_autofree char *secure = g_strconcat ("https", own + strlen ("http"), "/", NULL);
  const struct
  {
    const char *location;
    LampOutcomeKind kind;
  } cases[] = {
    { NULL, LAMP_OUTCOME_MISCONFIGURED },
    { "", LAMP_OUTCOME_MISCONFIGURED },
    { "/login", LAMP_OUTCOME_MISCONFIGURED },
    { "login", LAMP_OUTCOME_MISCONFIGURED },
    { "?next=1", LAMP_OUTCOME_MISCONFIGURED },
    { same, LAMP_OUTCOME_MISCONFIGURED },
    { shouted, LAMP_OUTCOME_MISCONFIGURED },
    { other_port, LAMP_OUTCOME_NO_ANSWER },
    { relative, LAMP_OUTCOME_NO_ANSWER },
    { secure, LAMP_OUTCOME_NO_ANSWER },
    { "http://127.0.0.1/", LAMP_OUTCOME_NO_ANSWER },
    { "https://portal.example.org/?from=team", LAMP_OUTCOME_NO_ANSWER },
    { "http://user:password@portal.example.org/", LAMP_OUTCOME_NO_ANSWER },
    { "ftp://portal.example.org/", LAMP_OUTCOME_NO_ANSWER },
    { "about:blank", LAMP_OUTCOME_NO_ANSWER },
    { "http://[", LAMP_OUTCOME_NO_ANSWER },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint j = 0; j < G_N_ELEMENTS (statuses); j++)
      {
        guint before = lamp_fake_server_get_n_requests (fixture->server);
        g_autoptr (LampOutcome) outcome = NULL;

        push_redirect (fixture, statuses[j], cases[i].location);
        outcome = lamp_test_send (fixture->transport);
        g_assert_cmpint (outcome->kind, ==, cases[i].kind);
        g_assert_null (strstr (outcome->message, "password"));
        g_assert_null (strstr (outcome->message, "secret"));
        g_assert_cmpuint (lamp_fake_server_get_n_requests (fixture->server), ==, before + 1);
      }
}

/* Wherever a server may put what it was sent. */
static void
test_token_is_blotted (Fixture      *fixture,
                       gconstpointer data)
{
  static const char *const shapes[] = {
    "{\"error\":\"%s\"}",
    "{\"message\":\"Bearer %s is not known, %s is not\"}",
    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}",
    "{\"message\":{\"headers\":{\"authorization\":\"Bearer %s\"}}}",
    "{\"details\":{\"event_id\":\"" A "\",\"code\":\"%s\",\"message\":\"Bearer %s\"}}",
    "{\"accepted\":[],\"rejected\":[{\"event_id\":\"" A "\",\"error\":\"%s\"}]}",
    "{\"results\":[{\"event_id\":\"" A "\",\"status\":\"%s\"}]}",
  };
  static const guint statuses[] = { 200, 207, 400, 401, 404, 413, 422, 429, 500, 503 };
  g_auto (GStrv) slashes = g_strsplit (LAMP_TEST_TOKEN, "/", -1);
  g_autofree char *escaped = g_strjoinv ("\\/", slashes);
  const char *const tokens[] = { LAMP_TEST_TOKEN, escaped };

  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (guint j = 0; j < G_N_ELEMENTS (tokens); j++)
      for (guint k = 0; k < G_N_ELEMENTS (statuses); k++)
        {
          g_autoptr (GString) body = g_string_new (shapes[i]);
          g_autoptr (LampOutcome) outcome = NULL;

          g_string_replace (body, "%s", tokens[j], 0);
          lamp_fake_server_push_status (fixture->server, statuses[k], body->str);
          outcome = lamp_test_send (fixture->transport);
          g_assert_cmpuint (outcome->status, ==, statuses[k]);
        }

  /* Words are cut after a thousand characters; here it is within the token. */
  for (guint length = 950; length <= 1010; length++)
    {
      g_autofree char *filling = g_strnfill (length, '-');
      g_autofree char *body = g_strconcat ("{\"message\":\"", filling, LAMP_TEST_TOKEN "\"}", NULL);

      assert_answer (fixture, 500, body, LAMP_OUTCOME_SERVER_ERROR, "..");
    }
}

/* One that has come meanwhile is not the one that was sent. */
static void
test_old_token_is_blotted (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (LampBatch) batch = lamp_test_batch_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (LampOutcome) outcome = NULL;

  lamp_fake_server_push_status (fixture->server, 500, "{\"error\":\"" LAMP_TEST_TOKEN "\"}");
  lamp_transport_send_async (LAMP_TRANSPORT (fixture->transport), batch, NULL, lamp_test_result_cb,
                             &result);
  lamp_transport_soup_set_token (fixture->transport, "another");
  lamp_test_wait_until (result != NULL);
  outcome = lamp_transport_send_finish (LAMP_TRANSPORT (fixture->transport), result);
  lamp_test_check_outcome (outcome, 2);
  g_assert_nonnull (strstr (outcome->message, "…"));
}

static void
test_health (Fixture      *fixture,
             gconstpointer data)
{
  static const struct
  {
    guint status;
    const char *body;
    LampOutcomeKind kind;
  } cases[] = {
    { 200, "", LAMP_OUTCOME_ANSWERED },
    { 200, "ok", LAMP_OUTCOME_ANSWERED },
    { 200, "{}", LAMP_OUTCOME_ANSWERED },
    { 200, "[1,2", LAMP_OUTCOME_ANSWERED },
    { 200, "<!doctype html><title>Welcome</title>", LAMP_OUTCOME_NO_ANSWER },
    { 200, " \r\n\t<HTML>", LAMP_OUTCOME_NO_ANSWER },
    { 204, "", LAMP_OUTCOME_SERVER_ERROR },
    { 401, "{}", LAMP_OUTCOME_UNAUTHORIZED },
    { 404, "<h1>Not found</h1>", LAMP_OUTCOME_MISCONFIGURED },
    { 429, "{}", LAMP_OUTCOME_THROTTLED },
    { 500, "{}", LAMP_OUTCOME_SERVER_ERROR },
    { 503, "{}", LAMP_OUTCOME_SERVER_ERROR },
    { 0, NULL, LAMP_OUTCOME_NO_ANSWER },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      LampLimits limits;
      g_autoptr (LampOutcome) outcome = NULL;

      lamp_fake_server_set_health (fixture->server, cases[i].status, cases[i].body);
      outcome = lamp_test_probe (fixture->transport, &limits);
      g_assert_cmpint (outcome->kind, ==, cases[i].kind);
      g_assert_cmpuint (limits.max_events, ==, 0);
    }
}

static void
test_health_limits (Fixture      *fixture,
                    gconstpointer data)
{
  static const struct
  {
    const char *value;
    guint max_events;
  } cases[] = {
    { "7", 7 },   { "2147483647", 2147483647 }, { "0", 0 },     { "-1", 0 },
    { "7.5", 0 }, { "9999999999999999999", 0 }, { "\"7\"", 0 }, { "null", 0 },
    { "[7]", 0 }, { "{\"a\":7}", 0 },           { "1e2", 0 },   { "true", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      LampLimits limits;
      g_autoptr (LampOutcome) outcome = NULL;
      g_autofree char *body = g_strdup_printf (
        "{\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":%s,"
        "\"max_decompressed_bytes_per_batch\":1000}}}",
        cases[i].value);

      lamp_fake_server_set_health (fixture->server, 200, body);
      outcome = lamp_test_probe (fixture->transport, &limits);
      g_assert_cmpint (outcome->kind, ==, LAMP_OUTCOME_ANSWERED);
      g_assert_cmpuint (limits.max_events, ==, cases[i].max_events);
      g_assert_cmpuint (limits.max_bytes, ==, 1000);
    }
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
    { "dialects", test_dialects },
    { "status-words", test_status_words },
    { "refusals", test_refusals },
    { "statuses", test_statuses },
    { "retry-after", test_retry_after },
    { "redirects", test_redirects },
    { "token-is-blotted", test_token_is_blotted },
    { "old-token-is-blotted", test_old_token_is_blotted },
    { "health", test_health },
    { "health-limits", test_health_limits },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/outcome/", cases[i].path, NULL);

      g_test_add (path, Fixture, NULL, set_up, cases[i].test, tear_down);
    }

  return g_test_run ();
}
