/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-server.h"

#include <libsoup/soup.h>

typedef struct
{
  LampFakeServer *server;
  SoupSession *session;
  SoupMessage *message; /* (nullable) the last one */
  char *body;           /* (nullable) its answer, NULL where none came */
  gboolean done;
} Fixture;

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->server = lamp_fake_server_new ();
  fixture->session = soup_session_new_with_options ("proxy-resolver", NULL, NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  soup_session_abort (fixture->session);
  g_clear_object (&fixture->message);
  g_free (fixture->body);
  g_assert_finalize_object (fixture->session);
  g_assert_finalize_object (fixture->server);
}

static void
sent_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  bytes = soup_session_send_and_read_finish (SOUP_SESSION (source), result, &error);
  if (bytes != NULL)
    fixture->body = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  fixture->done = TRUE;
}

static void
start_sending (Fixture    *fixture,
               const char *path,
               const char *body)
{
  g_autofree char *url = g_strconcat (lamp_fake_server_get_url (fixture->server), path, NULL);
  g_autoptr (GBytes) bytes = g_bytes_new (body, body != NULL ? strlen (body) : 0);

  g_clear_object (&fixture->message);
  g_clear_pointer (&fixture->body, g_free);
  fixture->done = FALSE;

  fixture->message = soup_message_new (body != NULL ? "POST" : "GET", url);
  soup_message_add_flags (fixture->message, SOUP_MESSAGE_NO_REDIRECT);
  if (body != NULL)
    soup_message_set_request_body_from_bytes (fixture->message, "application/json", bytes);

  soup_session_send_and_read_async (fixture->session, fixture->message, G_PRIORITY_DEFAULT, NULL,
                                    sent_cb, fixture);
}

static void
wait_until_done (Fixture *fixture)
{
  while (!fixture->done)
    g_main_context_iteration (NULL, TRUE);
}

static void
send_batch (Fixture    *fixture,
            const char *body)
{
  start_sending (fixture, "/api/v1/events/batch/", body);
  wait_until_done (fixture);
}

static void
assert_taken (Fixture    *fixture,
              const char *ids)
{
  g_auto (GStrv) taken = lamp_fake_server_dup_ids (fixture->server);
  g_autofree char *joined = g_strjoinv (" ", taken);

  g_assert_cmpstr (joined, ==, ids);
}

#define BATCH_AB "{\"events\":[{\"event_id\":\"A\"},{\"event_id\":\"B\"}]}"
#define BATCH_B "{\"events\":[{\"event_id\":\"B\"}]}"

static void
test_fake_server_accepts (Fixture      *fixture,
                          gconstpointer data)
{
  const LampFakeRequest *request;

  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 200);
  g_assert_cmpstr (fixture->body, ==,
                   "{\"accepted_event_ids\":[\"A\",\"B\"],\"rejected_events\":[]}");

  lamp_fake_server_set_dialect (fixture->server, LAMP_FAKE_DIALECT_LISTS);
  send_batch (fixture, BATCH_B);
  g_assert_cmpstr (fixture->body, ==, "{\"accepted\":[\"B\"],\"rejected\":[]}");

  lamp_fake_server_set_dialect (fixture->server, LAMP_FAKE_DIALECT_RESULTS);
  send_batch (fixture, BATCH_B);
  g_assert_cmpstr (fixture->body, ==,
                   "{\"results\":[{\"event_id\":\"B\",\"status\":\"success\"}]}");

  assert_taken (fixture, "A B");
  g_assert_cmpuint (lamp_fake_server_get_n_doubles (fixture->server), ==, 2);
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 3);

  request = lamp_fake_server_get_batch (fixture->server, 0);
  g_assert_cmpstr (request->method, ==, "POST");
  g_assert_cmpstr (request->path, ==, "/api/v1/events/batch/");
  g_assert_cmpmem (g_bytes_get_data (request->body, NULL), g_bytes_get_size (request->body),
                   BATCH_AB, strlen (BATCH_AB));
}

static void
test_fake_server_follows_script (Fixture      *fixture,
                                 gconstpointer data)
{
  const char *const first[] = { "A", NULL };

  lamp_fake_server_push_reject (fixture->server, first, "bad", "No \"A\"");
  lamp_fake_answer_set_times (lamp_fake_server_push_status (fixture->server, 500, NULL), 2);
  lamp_fake_server_push_throttled (fixture->server, 429, "7");
  lamp_fake_server_push_redirect (fixture->server, "/login");
  lamp_fake_server_push_ignore (fixture->server, first);
  lamp_fake_server_push_results (fixture->server, "queued");

  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 207);
  g_assert_cmpstr (fixture->body, ==,
                   "{\"accepted_event_ids\":[\"B\"],\"rejected_events\":[{\"event_id\":\"A\","
                   "\"error\":\"No \\\"A\\\"\",\"message\":\"No \\\"A\\\"\",\"code\":\"bad\"}]}");

  for (guint i = 0; i < 2; i++)
    {
      send_batch (fixture, BATCH_AB);
      g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 500);
    }

  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 429);
  g_assert_cmpstr (soup_message_headers_get_one (soup_message_get_response_headers (
                                                   fixture->message),
                                                 "Retry-After"),
                   ==, "7");

  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 302);
  assert_taken (fixture, "B");

  send_batch (fixture, BATCH_AB);
  g_assert_cmpstr (fixture->body, ==, "{\"accepted_event_ids\":[\"B\"],\"rejected_events\":[]}");

  send_batch (fixture, BATCH_B);
  g_assert_cmpstr (fixture->body, ==, "{\"results\":[{\"event_id\":\"B\",\"status\":\"queued\"}]}");

  send_batch (fixture, BATCH_AB);
  assert_taken (fixture, "B A");
}

static void
test_fake_server_breaks (Fixture      *fixture,
                         gconstpointer data)
{
  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_HTML);
  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_CLOSE);
  send_batch (fixture, BATCH_AB);
  g_assert_true (g_str_has_prefix (fixture->body, "<!doctype html>"));
  send_batch (fixture, BATCH_AB);
  g_assert_null (fixture->body);
  assert_taken (fixture, "");

  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_LOST);
  send_batch (fixture, BATCH_B);
  g_assert_null (fixture->body);
  assert_taken (fixture, "B");

  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_CUT);
  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 200);
  g_assert_false (g_str_has_suffix (fixture->body, "}"));
  assert_taken (fixture, "B A");
}

static void
test_fake_server_keeps_silent_until_stopped (Fixture      *fixture,
                                             gconstpointer data)
{
  lamp_fake_server_push_broken (fixture->server, LAMP_FAKE_BREAK_SILENCE);
  lamp_fake_answer_set_delay (lamp_fake_server_push_accept (fixture->server), 1000 * 1000);

  for (guint i = 1; i <= 2; i++)
    {
      start_sending (fixture, "/api/v1/events/batch/", BATCH_AB);
      g_assert_true (lamp_fake_server_wait_batches (fixture->server, i));
      g_assert_false (fixture->done);

      lamp_fake_server_stop (fixture->server);
      wait_until_done (fixture);
      g_assert_null (fixture->body);
      lamp_fake_server_start (fixture->server);
    }

  assert_taken (fixture, "");
}

static void
test_fake_server_goes_down_and_up (Fixture      *fixture,
                                   gconstpointer data)
{
  g_autofree char *url = g_strdup (lamp_fake_server_get_url (fixture->server));

  send_batch (fixture, BATCH_B);
  lamp_fake_server_stop (fixture->server);
  send_batch (fixture, BATCH_AB);
  g_assert_null (fixture->body);

  lamp_fake_server_start (fixture->server);
  g_assert_cmpstr (lamp_fake_server_get_url (fixture->server), ==, url);
  send_batch (fixture, BATCH_AB);
  assert_taken (fixture, "B A");
}

static void
test_fake_server_follows_rules (Fixture      *fixture,
                                gconstpointer data)
{
  lamp_fake_server_reject_id (fixture->server, "B", "bad", "No");
  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 207);

  lamp_fake_server_set_culprit (fixture->server, "A", 400);
  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 400);
  send_batch (fixture, BATCH_B);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 207);

  lamp_fake_server_set_limits (fixture->server, 1, 1000);
  send_batch (fixture, BATCH_AB);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 413);

  lamp_fake_server_set_token (fixture->server, "secret");
  send_batch (fixture, BATCH_B);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 401);
  assert_taken (fixture, "A");
}

static void
test_fake_server_waits_before_it_answers (Fixture      *fixture,
                                          gconstpointer data)
{
  gint64 start = g_get_monotonic_time ();

  lamp_fake_server_set_delay (fixture->server, 50);
  send_batch (fixture, BATCH_B);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 49 * 1000);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 200);
  assert_taken (fixture, "B");
}

static void
test_fake_server_tells_its_health (Fixture      *fixture,
                                   gconstpointer data)
{
  SoupMessageHeaders *headers;

  lamp_fake_server_set_limits (fixture->server, 10, 2000);
  lamp_fake_server_set_gzip (fixture->server, TRUE);
  start_sending (fixture, "/health", NULL);
  wait_until_done (fixture);
  g_assert_cmpstr (fixture->body, ==,
                   "{\"status\":\"ok\",\"sync_ingress\":{\"limits\":{\"max_events_per_batch\":10,"
                   "\"max_decompressed_bytes_per_batch\":2000}}}");
  headers = soup_message_get_response_headers (fixture->message);
  g_assert_cmpstr (soup_message_headers_get_one (headers, "Accept-Encoding"), ==, "gzip");

  lamp_fake_server_set_health (fixture->server, 500, "no");
  start_sending (fixture, "/health", NULL);
  wait_until_done (fixture);
  g_assert_cmpuint (soup_message_get_status (fixture->message), ==, 500);

  lamp_fake_server_set_health (fixture->server, 0, NULL);
  start_sending (fixture, "/health", NULL);
  wait_until_done (fixture);
  g_assert_null (fixture->body);
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add ("/fake-server/" path, Fixture, NULL, set_up, test_fake_server_##function, tear_down)

  ADD ("accepts", accepts);
  ADD ("follows-script", follows_script);
  ADD ("breaks", breaks);
  ADD ("keeps-silent-until-stopped", keeps_silent_until_stopped);
  ADD ("goes-down-and-up", goes_down_and_up);
  ADD ("follows-rules", follows_rules);
  ADD ("waits-before-it-answers", waits_before_it_answers);
  ADD ("tells-its-health", tells_its_health);

  return g_test_run ();
}
