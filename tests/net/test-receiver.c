/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-test-util.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>

/* The real program runs as another process, so what is asked of it may block here. */

#define BATCH_PATH "/api/v1/events/batch/"
#define LIST_PATH "/api/v1/events"
#define TOKEN_VARIABLE "LAMPPOST_RECEIVER_TOKEN"

/* What the specification allows a request to be, and what the server reads of one that is more. */
#define MAX_EVENTS 100
#define MAX_BYTES (512 * 1024)
#define MAX_DRAINED_BYTES (16 * 1024 * 1024)

#define EXIT_USAGE 2

typedef struct
{
  char *folder;
  char *store;
  GSubprocess *process; /* (nullable) */
  char *url;            /* (nullable) */
  SoupSession *session;
  char *token;          /* (nullable) sent with each request */
  SoupMessage *message; /* (nullable) the last one */
  guint status;         /* 0: no answer */
  JsonNode *answer;     /* (nullable) */
  GString *events;      /* the batch that is being written */
} Fixture;

typedef struct
{
  const char *member;
  const char *value; /* (nullable) NULL: leave it out */
} Change;

static char *
find_program (void)
{
  return g_test_build_filename (G_TEST_BUILT, "src", "receiver", "lamppost-receiver", NULL);
}

static GSubprocess *
spawn (const char *const *arguments,
       const char        *variable)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GStrvBuilder) argv = g_strv_builder_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *program = find_program ();
  g_auto (GStrv) words = NULL;
  GSubprocess *process;

  g_strv_builder_add (argv, program);
  g_strv_builder_addv (argv, (const char **) arguments);
  words = g_strv_builder_end (argv);

  launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                     G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_unsetenv (launcher, TOKEN_VARIABLE);
  if (variable != NULL)
    g_subprocess_launcher_setenv (launcher, TOKEN_VARIABLE, variable, TRUE);

  process = g_subprocess_launcher_spawnv (launcher, (const char *const *) words, &error);
  g_assert_no_error (error);

  return process;
}

/* Whatever @extra says comes last, so it may override the port and the store. */
static void
start_with (Fixture           *fixture,
            const char *const *extra,
            const char        *variable)
{
  const char *const first[] = { "--port", "0", "--store", fixture->store, NULL };
  g_autoptr (GStrvBuilder) arguments = g_strv_builder_new ();
  g_autoptr (GDataInputStream) lines = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *line = NULL;
  g_auto (GStrv) words = NULL;

  g_strv_builder_addv (arguments, (const char **) first);
  g_strv_builder_addv (arguments, (const char **) extra);
  words = g_strv_builder_end (arguments);

  fixture->process = spawn ((const char *const *) words, variable);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (fixture->process));
  line = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  g_assert_true (g_str_has_prefix (line, "Listening on http://"));

  g_free (fixture->url);
  fixture->url = g_strdup (line + strlen ("Listening on "));
}

static void
start (Fixture *fixture)
{
  const char *const nothing[] = { NULL };

  start_with (fixture, nothing, NULL);
}

static void
stop_with (Fixture *fixture,
           int      number)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_send_signal (fixture->process, number);
  g_subprocess_wait (fixture->process, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (fixture->process));
  g_assert_cmpint (g_subprocess_get_exit_status (fixture->process), ==, 0);
  g_clear_object (&fixture->process);
}

static void
set_up_stopped (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->folder = g_dir_make_tmp ("lamppost-receiver-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->store = g_build_filename (fixture->folder, "data", "events.db", NULL);
  fixture->session = soup_session_new_with_options ("proxy-resolver", NULL, NULL);
  fixture->events = g_string_new (NULL);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  set_up_stopped (fixture, data);
  start (fixture);
}

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_folder (child);
    }

  g_assert_cmpint (g_remove (path), ==, 0);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->process != NULL)
    stop_with (fixture, SIGTERM);

  remove_folder (fixture->folder);
  g_clear_object (&fixture->message);
  g_clear_pointer (&fixture->answer, json_node_unref);
  g_string_free (fixture->events, TRUE);
  g_assert_finalize_object (fixture->session);
  g_free (fixture->token);
  g_free (fixture->url);
  g_free (fixture->store);
  g_free (fixture->folder);
}

static void
new_message (Fixture    *fixture,
             const char *method,
             const char *path)
{
  g_autofree char *url = g_strconcat (fixture->url, path, NULL);
  g_autofree char *header = NULL;

  g_clear_object (&fixture->message);
  fixture->message = soup_message_new (method, url);
  soup_message_add_flags (fixture->message, SOUP_MESSAGE_IDEMPOTENT);

  if (fixture->token == NULL)
    return;

  header = g_strconcat ("Bearer ", fixture->token, NULL);
  soup_message_headers_append (soup_message_get_request_headers (fixture->message), "Authorization",
                               header);
}

static void
read_answer (Fixture *fixture,
             GBytes  *bytes)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;

  if (g_bytes_get_size (bytes) == 0)
    return;

  g_assert_cmpstr (soup_message_headers_get_content_type (soup_message_get_response_headers (
                                                            fixture->message),
                                                          NULL),
                   ==, "application/json");
  json_parser_load_from_data (parser, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                              &error);
  g_assert_no_error (error);
  fixture->answer = json_parser_steal_root (parser);
}

static void
exchange (Fixture *fixture)
{
  g_autoptr (GBytes) bytes = NULL;

  g_clear_pointer (&fixture->answer, json_node_unref);
  fixture->status = 0;

  bytes = soup_session_send_and_read (fixture->session, fixture->message, NULL, NULL);
  if (bytes == NULL)
    return;

  fixture->status = soup_message_get_status (fixture->message);
  read_answer (fixture, bytes);
}

static void
request (Fixture    *fixture,
         const char *method,
         const char *path)
{
  new_message (fixture, method, path);
  exchange (fixture);
}

static void
post_bytes (Fixture    *fixture,
            GBytes     *body,
            const char *content_type,
            const char *encoding)
{
  new_message (fixture, "POST", BATCH_PATH);
  soup_message_set_request_body_from_bytes (fixture->message, content_type, body);
  if (encoding != NULL)
    soup_message_headers_append (soup_message_get_request_headers (fixture->message),
                                 "Content-Encoding", encoding);
  exchange (fixture);
}

static void
post (Fixture    *fixture,
      const char *body)
{
  g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));

  post_bytes (fixture, bytes, "application/json", NULL);
}

static char *
make_id (guint number)
{
  return g_strdup_printf ("01JD0000000000000000%06u", number);
}

/* An envelope as our own program writes it, with one member changed. */
static char *
make_event (guint         number,
            const char   *mission,
            const Change *change)
{
  g_autofree char *id = make_id (number);
  g_autofree char *quoted_id = g_strdup_printf ("\"%s\"", id);
  g_autofree char *aggregate = g_strdup_printf ("\"mission/%s\"", mission);
  g_autofree char *clock = g_strdup_printf ("%u", number);
  const Change members[] = {
    { "event_id", quoted_id },
    { "event_type", "\"CommentPosted\"" },
    { "aggregate_id", aggregate },
    { "payload", "{\"text\":\"Hello\"}" },
    { "timestamp", "\"2026-11-22T11:00:00.000001Z\"" },
    { "node_id", "\"0123456789ab\"" },
    { "lamport_clock", clock },
    { "causation_id", "null" },
    { "project_uuid", "\"550e8400-e29b-41d4-a716-446655440000\"" },
    { "project_slug", "null" },
    { "correlation_id", "\"00000000000000000000000000\"" },
    { "schema_version", "\"1.0.0\"" },
    { "data_tier", "0" },
  };
  GString *json = g_string_new ("{");

  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    {
      const char *value = members[i].value;

      if (change != NULL && g_str_equal (members[i].member, change->member))
        value = change->value;
      if (value != NULL)
        g_string_append_printf (json, "%s\"%s\":%s", json->len > 1 ? "," : "", members[i].member,
                                value);
    }

  g_string_append_c (json, '}');

  return g_string_free (json, FALSE);
}

static void
add_text (Fixture    *fixture,
          const char *event)
{
  if (fixture->events->len > 0)
    g_string_append_c (fixture->events, ',');
  g_string_append (fixture->events, event);
}

static void
add (Fixture    *fixture,
     guint       number,
     const char *mission)
{
  g_autofree char *event = make_event (number, mission, NULL);

  add_text (fixture, event);
}

static char *
finish_body (Fixture *fixture)
{
  char *body = g_strdup_printf ("{\"events\":[%s]}", fixture->events->str);

  g_string_truncate (fixture->events, 0);

  return body;
}

static void
post_added (Fixture *fixture)
{
  g_autofree char *body = finish_body (fixture);

  post (fixture, body);
}

static JsonArray *
get_list (Fixture    *fixture,
          const char *name)
{
  g_assert_nonnull (fixture->answer);

  return json_object_get_array_member (json_node_get_object (fixture->answer), name);
}

static void
assert_counts (Fixture *fixture,
               guint    status,
               guint    n_accepted,
               guint    n_rejected)
{
  g_assert_cmpuint (fixture->status, ==, status);
  g_assert_cmpuint (json_array_get_length (get_list (fixture, "accepted_event_ids")), ==,
                    n_accepted);
  g_assert_cmpuint (json_array_get_length (get_list (fixture, "rejected_events")), ==, n_rejected);
}

static void
assert_refused (Fixture *fixture,
                guint    status)
{
  JsonObject *answer;

  g_assert_cmpuint (fixture->status, ==, status);
  g_assert_nonnull (fixture->answer);
  answer = json_node_get_object (fixture->answer);
  g_assert_cmpstr (json_object_get_string_member (answer, "error"), !=, "");
  g_assert_cmpstr (json_object_get_string_member (answer, "message"), !=, "");
}

static JsonObject *
get_rejected (Fixture *fixture,
              guint    index)
{
  return json_array_get_object_element (get_list (fixture, "rejected_events"), index);
}

static void
assert_rejected (Fixture    *fixture,
                 guint       index,
                 const char *event_id,
                 const char *code)
{
  JsonObject *rejected = get_rejected (fixture, index);

  g_assert_cmpstr (json_object_get_string_member_with_default (rejected, "event_id", NULL), ==,
                   event_id);
  g_assert_cmpstr (json_object_get_string_member (rejected, "code"), ==, code);
}

static void
assert_header (Fixture    *fixture,
               const char *name,
               const char *value)
{
  SoupMessageHeaders *headers = soup_message_get_response_headers (fixture->message);

  g_assert_cmpstr (soup_message_headers_get_one (headers, name), ==, value);
}

static gint64
get_number (Fixture    *fixture,
            const char *name)
{
  return json_object_get_int_member (json_node_get_object (fixture->answer), name);
}

static void
assert_total (Fixture *fixture,
              gint64   total)
{
  request (fixture, "GET", LIST_PATH);
  g_assert_cmpuint (fixture->status, ==, 200);
  g_assert_cmpint (get_number (fixture, "total"), ==, total);
}

static void
test_receiver_tells_its_health (Fixture      *fixture,
                                gconstpointer data)
{
  JsonObject *answer, *limits;

  request (fixture, "GET", "/health");
  g_assert_cmpuint (fixture->status, ==, 200);
  assert_header (fixture, "Accept-Encoding", "gzip");

  answer = json_node_get_object (fixture->answer);
  g_assert_cmpstr (json_object_get_string_member (answer, "status"), ==, "ok");
  g_assert_cmpstr (json_object_get_string_member (answer, "version"), ==, LAMP_VERSION);

  limits = json_object_get_object_member (answer, "sync_ingress");
  limits = json_object_get_object_member (limits, "limits");
  g_assert_cmpint (json_object_get_int_member (limits, "max_events_per_batch"), ==, MAX_EVENTS);
  g_assert_cmpint (json_object_get_int_member (limits, "max_decompressed_bytes_per_batch"), ==,
                   MAX_BYTES);
  g_assert_cmpint (json_object_get_int_member (limits, "retry_after_min_seconds"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (limits, "retry_after_max_seconds"), ==, 3600);
}

static void
test_receiver_accepts_a_batch (Fixture      *fixture,
                               gconstpointer data)
{
  g_autofree char *id = make_id (2);

  add (fixture, 1, "m");
  add (fixture, 2, "m");
  post_added (fixture);
  assert_counts (fixture, 200, 2, 0);
  g_assert_cmpstr (json_array_get_string_element (get_list (fixture, "accepted_event_ids"), 1), ==,
                   id);

  post (fixture, "{\"events\":[]}");
  assert_counts (fixture, 200, 0, 0);
  assert_total (fixture, 2);
}

static void
test_receiver_takes_the_path_without_a_slash (Fixture      *fixture,
                                              gconstpointer data)
{
  g_autoptr (GBytes) body = g_bytes_new_static ("{\"events\":[]}", strlen ("{\"events\":[]}"));

  new_message (fixture, "POST", "/api/v1/events/batch");
  soup_message_set_request_body_from_bytes (fixture->message, "application/json; charset=utf-8",
                                            body);
  exchange (fixture);
  assert_counts (fixture, 200, 0, 0);
}

static void
test_receiver_keeps_a_double_once (Fixture      *fixture,
                                   gconstpointer data)
{
  for (guint i = 0; i < 2; i++)
    {
      add (fixture, 1, "m");
      post_added (fixture);
      assert_counts (fixture, 200, 1, 0);
    }

  add (fixture, 2, "m");
  add (fixture, 2, "m");
  post_added (fixture);
  g_assert_cmpuint (fixture->status, ==, 200);
  assert_total (fixture, 2);
}

static void
test_receiver_rejects_other_bytes (Fixture      *fixture,
                                   gconstpointer data)
{
  g_autofree char *id = make_id (1);

  add (fixture, 1, "m");
  post_added (fixture);

  add (fixture, 1, "other");
  add (fixture, 2, "m");
  post_added (fixture);
  assert_counts (fixture, 207, 1, 1);
  assert_rejected (fixture, 0, id, "conflict");

  request (fixture, "GET", LIST_PATH "?mission=other");
  g_assert_cmpint (get_number (fixture, "total"), ==, 0);
}

#define LETTERS_32 "abcdefghijklmnopqrstuvwxyzabcdef"
#define LETTERS_128 LETTERS_32 LETTERS_32 LETTERS_32 LETTERS_32

static const Change bad_changes[] = {
  { "event_id", "\"nonsense\"" },
  { "event_id", "\"81JD0000000000000000000001\"" },
  { "event_id", "\"01JD000000000000000000000U\"" },
  { "event_id", "\"01JD00000000000000000000001\"" },
  { "event_type", NULL },
  { "event_type", "\"\"" },
  { "event_type", "7" },
  { "event_type", "\"a\\nb\"" },
  { "event_type", "\"a\\u0000b\"" },
  { "event_type", "\"a\\u0085b\"" },
  { "event_type", "\"" LETTERS_128 "x\"" },
  { "aggregate_id", NULL },
  { "aggregate_id", "null" },
  { "payload", NULL },
  { "payload", "[]" },
  { "payload", "\"{}\"" },
  { "timestamp", NULL },
  { "timestamp", "1700000000" },
  { "timestamp", "\"yesterday\"" },
  { "node_id", NULL },
  { "node_id", "1" },
  { "lamport_clock", NULL },
  { "lamport_clock", "-1" },
  { "lamport_clock", "1.5" },
  { "lamport_clock", "\"1\"" },
  { "lamport_clock", "99999999999999999999" },
  { "causation_id", "\"nonsense\"" },
  { "causation_id", "1" },
  { "project_uuid", NULL },
  { "project_uuid", "null" },
  { "project_slug", "1" },
  { "correlation_id", "\"short\"" },
  { "correlation_id", "null" },
  { "schema_version", "1" },
  { "data_tier", "-1" },
  { "data_tier", "\"0\"" },
};

static void
test_receiver_names_member_and_rule (Fixture      *fixture,
                                     gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_changes); i++)
    {
      g_autofree char *event = make_event (i + 1, "m", &bad_changes[i]);
      const char *message;

      add_text (fixture, event);
      post_added (fixture);
      assert_counts (fixture, 207, 0, 1);
      g_assert_cmpstr (json_object_get_string_member (get_rejected (fixture, 0), "code"), ==,
                       "invalid_event");

      message = json_object_get_string_member (get_rejected (fixture, 0), "message");
      g_assert_true (g_str_has_prefix (message, bad_changes[i].member));
      g_assert_nonnull (strstr (message, " must be "));
    }

  assert_total (fixture, 0);
}

static const Change good_changes[] = {
  { "event_type", "\"" LETTERS_128 "\"" },
  { "event_type", "\"Gr\\u00fc\\u00dfe 🏮\"" },
  { "aggregate_id", "\"connector/x\"" },
  { "payload", "{}" },
  { "timestamp", "\"2026-02-27T12:00:00Z\"" },
  { "timestamp", "\"2026-05-17T14:00:00.000000+00:00\"" },
  { "lamport_clock", "0" },
  { "causation_id", "\"01JMRP0000000000000000EVT1\"" },
  { "causation_id", NULL },
  { "project_slug", "\"lamp\"" },
  { "project_slug", NULL },
  { "correlation_id", NULL },
  { "schema_version", NULL },
  { "data_tier", NULL },
  { "data_tier", "2" },
};

static void
test_receiver_takes_what_the_rules_allow (Fixture      *fixture,
                                          gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (good_changes); i++)
    {
      g_autofree char *event = make_event (i + 1, "m", &good_changes[i]);

      add_text (fixture, event);
    }

  post_added (fixture);
  assert_counts (fixture, 200, G_N_ELEMENTS (good_changes), 0);
}

static void
test_receiver_rejects_among_accepted (Fixture      *fixture,
                                      gconstpointer data)
{
  const Change nameless = { "event_id", NULL };
  const Change clockless = { "lamport_clock", NULL };
  g_autofree char *first = make_event (1, "m", &nameless);
  g_autofree char *second = make_event (2, "m", &clockless);
  g_autofree char *id = make_id (2);

  add_text (fixture, first);
  add_text (fixture, second);
  add_text (fixture, "17");
  add (fixture, 3, "m");
  post_added (fixture);

  assert_counts (fixture, 207, 1, 3);
  assert_rejected (fixture, 0, NULL, "invalid_event");
  assert_rejected (fixture, 1, id, "invalid_event");
  assert_rejected (fixture, 2, NULL, "invalid_event");
  assert_total (fixture, 1);
}

static void
test_receiver_refuses_nameless_events (Fixture      *fixture,
                                       gconstpointer data)
{
  post (fixture, "{\"events\":[{},{\"event_id\":7},{\"event_id\":\"\"}]}");
  assert_refused (fixture, 400);
  g_assert_cmpuint (json_array_get_length (get_list (fixture, "details")), ==, 3);
}

static void
test_receiver_refuses_what_is_no_batch (Fixture      *fixture,
                                        gconstpointer data)
{
  const char *const bodies[] = {
    "",
    "[]",
    "null",
    "{}",
    "{\"events\":{}}",
    "{\"events\":[],}",
    "{\"events\":[]} // why not",
    "{'events':[]}",
    "{\"events\":[]",
    "{\"events\":[\"\xff\"]}",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      post (fixture, bodies[i]);
      assert_refused (fixture, 400);
    }
}

static char *
make_deep_event (guint number,
                 guint depth)
{
  g_autoptr (GString) payload = g_string_new ("{\"a\":");
  Change change = { "payload", NULL };

  for (guint i = 1; i < depth; i++)
    g_string_append_c (payload, '[');
  for (guint i = 1; i < depth; i++)
    g_string_append_c (payload, ']');
  g_string_append_c (payload, '}');
  change.value = payload->str;

  return make_event (number, "m", &change);
}

static void
test_receiver_limits_depth (Fixture      *fixture,
                            gconstpointer data)
{
  g_autofree char *good = make_deep_event (1, 64);
  g_autofree char *bad = make_deep_event (2, 65);

  add_text (fixture, good);
  post_added (fixture);
  assert_counts (fixture, 200, 1, 0);

  add_text (fixture, bad);
  post_added (fixture);
  assert_refused (fixture, 400);
}

static void
test_receiver_wants_json_in_a_known_wrapping (Fixture      *fixture,
                                              gconstpointer data)
{
  g_autoptr (GBytes) body = g_bytes_new_static ("{\"events\":[]}", strlen ("{\"events\":[]}"));

  post_bytes (fixture, body, "text/plain", NULL);
  assert_refused (fixture, 415);
  post_bytes (fixture, body, NULL, NULL);
  assert_refused (fixture, 415);
  post_bytes (fixture, body, "application/json", "br");
  assert_refused (fixture, 415);
  post_bytes (fixture, body, "application/json", "gzip, gzip");
  assert_refused (fixture, 415);
  post_bytes (fixture, body, "application/json", "gzip");
  assert_refused (fixture, 400);
  post_bytes (fixture, body, "application/json", "identity");
  assert_counts (fixture, 200, 0, 0);
}

static GBytes *
compress (const char *text,
          gsize       length)
{
  g_autoptr (GConverter) gzip = NULL;
  g_autoptr (GInputStream) plain = g_memory_input_stream_new_from_data (text, length, NULL);
  g_autoptr (GInputStream) packed = NULL;
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;

  gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, -1));
  packed = g_converter_input_stream_new (plain, gzip);
  g_output_stream_splice (memory, packed, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);

  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory));
}

static void
test_receiver_unpacks_gzip (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GBytes) cut = NULL;
  g_autofree char *body = NULL;

  for (guint i = 1; i <= MAX_EVENTS; i++)
    add (fixture, i, "m");
  body = finish_body (fixture);
  packed = compress (body, strlen (body));
  cut = g_bytes_new_from_bytes (packed, 0, g_bytes_get_size (packed) / 2);

  post_bytes (fixture, cut, "application/json", "gzip");
  assert_refused (fixture, 400);
  post_bytes (fixture, packed, "application/json", "gzip");
  assert_counts (fixture, 200, MAX_EVENTS, 0);
  assert_header (fixture, "Accept-Encoding", "gzip");
}

/* A batch of exactly so many bytes, by white space. */
static GBytes *
make_long_body (gsize length)
{
  char *body = g_malloc (length);

  memset (body, ' ', length);
  memcpy (body, "{\"events\":[", strlen ("{\"events\":["));
  memcpy (body + length - 2, "]}", 2);

  return g_bytes_new_take (body, length);
}

static void
test_receiver_limits_size (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GBytes) good = make_long_body (MAX_BYTES);
  g_autoptr (GBytes) bad = make_long_body (MAX_BYTES + 1);
  g_autoptr (GBytes) large = make_long_body (4 * MAX_BYTES);
  g_autoptr (GBytes) packed = compress (g_bytes_get_data (good, NULL), MAX_BYTES);
  g_autoptr (GBytes) bomb = compress (g_bytes_get_data (large, NULL), 4 * MAX_BYTES);

  post_bytes (fixture, good, "application/json", NULL);
  assert_counts (fixture, 200, 0, 0);
  post_bytes (fixture, packed, "application/json", "gzip");
  assert_counts (fixture, 200, 0, 0);

  post_bytes (fixture, bad, "application/json", NULL);
  assert_refused (fixture, 413);
  post_bytes (fixture, large, "application/json", NULL);
  assert_refused (fixture, 413);
  post_bytes (fixture, bomb, "application/json", "gzip");
  assert_refused (fixture, 413);
}

static void
test_receiver_limits_events (Fixture      *fixture,
                             gconstpointer data)
{
  for (guint i = 1; i <= MAX_EVENTS + 1; i++)
    add (fixture, i, "m");
  post_added (fixture);
  assert_refused (fixture, 413);
  assert_total (fixture, 0);
}

static void
post_chunked (Fixture *fixture,
              gsize    length)
{
  g_autoptr (GBytes) body = make_long_body (length);
  g_autoptr (GInputStream) stream = g_memory_input_stream_new_from_bytes (body);

  new_message (fixture, "POST", BATCH_PATH);
  soup_message_set_request_body (fixture->message, "application/json", stream, -1);
  exchange (fixture);
}

static void
test_receiver_ends_endless_bodies (Fixture      *fixture,
                                   gconstpointer data)
{
  post_chunked (fixture, MAX_BYTES);
  assert_counts (fixture, 200, 0, 0);
  post_chunked (fixture, 2 * MAX_BYTES);
  assert_refused (fixture, 413);

  post_chunked (fixture, 2 * MAX_DRAINED_BYTES);
  g_assert_cmpuint (fixture->status, ==, 0);

  request (fixture, "GET", "/health");
  g_assert_cmpuint (fixture->status, ==, 200);
}

static void
test_receiver_rejects_an_oversized_event (Fixture      *fixture,
                                          gconstpointer data)
{
  g_autofree char *text = g_strnfill (256 * 1024, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"text\":\"%s\"}", text);
  g_autofree char *id = make_id (1);
  const Change change = { "payload", payload };
  g_autofree char *event = make_event (1, "m", &change);

  add_text (fixture, event);
  add (fixture, 2, "m");
  post_added (fixture);
  assert_counts (fixture, 207, 1, 1);
  assert_rejected (fixture, 0, id, "oversized");
}

static void
assert_needs_token (Fixture    *fixture,
                    const char *token)
{
  const char *const wrong[] = { NULL, "", "Secret", "secret!", "secre" };

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      fixture->token = g_strdup (wrong[i]);
      post (fixture, "{\"events\":[]}");
      assert_refused (fixture, 401);
      assert_header (fixture, "WWW-Authenticate", "Bearer");
      request (fixture, "GET", LIST_PATH);
      assert_refused (fixture, 401);
      request (fixture, "GET", "/health");
      g_assert_cmpuint (fixture->status, ==, 200);
      g_clear_pointer (&fixture->token, g_free);
    }

  fixture->token = g_strdup (token);
  post (fixture, "{\"events\":[]}");
  assert_counts (fixture, 200, 0, 0);
  assert_total (fixture, 0);
  g_clear_pointer (&fixture->token, g_free);
}

static void
test_receiver_needs_the_token (Fixture      *fixture,
                               gconstpointer data)
{
  const char *const arguments[] = { "--token", "secret", NULL };

  start_with (fixture, arguments, NULL);
  assert_needs_token (fixture, "secret");
}

static void
test_receiver_hides_the_token (Fixture      *fixture,
                               gconstpointer data)
{
  const char *const arguments[] = { "--token", "first-secret", "--token=second-secret", NULL };
  g_autofree char *path = NULL;
  g_autofree char *line = NULL;
  gsize length = 0;

  start_with (fixture, arguments, NULL);
  path = g_strdup_printf ("/proc/%s/cmdline", g_subprocess_get_identifier (fixture->process));
  if (!g_file_get_contents (path, &line, &length, NULL))
    {
      g_test_skip ("This system does not show arguments in /proc");
      return;
    }

  for (gsize i = 0; i + strlen ("secret") <= length; i++)
    g_assert_cmpint (memcmp (line + i, "secret", strlen ("secret")), !=, 0);
}

static void
test_receiver_reads_the_token_from_a_file (Fixture      *fixture,
                                           gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->folder, "token", NULL);
  const char *const arguments[] = { "--token-file", path, NULL };
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, "secret\n", -1, &error);
  g_assert_no_error (error);
  start_with (fixture, arguments, "not this one");
  assert_needs_token (fixture, "secret");
}

static void
test_receiver_reads_the_token_from_the_environment (Fixture      *fixture,
                                                    gconstpointer data)
{
  const char *const nothing[] = { NULL };

  start_with (fixture, nothing, "secret");
  assert_needs_token (fixture, "secret");
}

static void
test_receiver_rejects_a_type_on_demand (Fixture      *fixture,
                                        gconstpointer data)
{
  const char *const arguments[] = { "--reject", "Other", "--reject", "CommentPosted", NULL };
  const Change change = { "event_type", "\"Fine\"" };
  g_autofree char *fine = make_event (2, "m", &change);
  g_autofree char *id = make_id (1);

  start_with (fixture, arguments, NULL);
  add (fixture, 1, "m");
  add_text (fixture, fine);
  post_added (fixture);
  assert_counts (fixture, 207, 1, 1);
  assert_rejected (fixture, 0, id, "rejected_type");
}

static void
test_receiver_knows_its_paths_and_methods (Fixture      *fixture,
                                           gconstpointer data)
{
  request (fixture, "GET", "/");
  assert_refused (fixture, 404);
  request (fixture, "GET", "/api/v1/events/batch/more");
  assert_refused (fixture, 404);
  request (fixture, "POST", "/healthy");
  assert_refused (fixture, 404);

  request (fixture, "GET", BATCH_PATH);
  assert_refused (fixture, 405);
  assert_header (fixture, "Allow", "POST");
  request (fixture, "DELETE", LIST_PATH);
  assert_refused (fixture, 405);
  assert_header (fixture, "Allow", "GET, HEAD");
  request (fixture, "POST", "/health");
  assert_refused (fixture, 405);
  request (fixture, "HEAD", "/health");
  g_assert_cmpuint (fixture->status, ==, 200);
}

static void
test_receiver_lists_by_pages (Fixture      *fixture,
                              gconstpointer data)
{
  g_autofree char *id = make_id (1);
  JsonObject *event;
  guint n_pages = 0;
  guint n_events = 0;
  gint64 next = 0;

  for (guint i = 1; i <= 10; i++)
    add (fixture, i, i % 2 == 1 ? "odd one" : "even");
  post_added (fixture);

  do
    {
      g_autofree char *path =
        g_strdup_printf (LIST_PATH "?mission=odd%%20one&limit=2&after=%" G_GINT64_FORMAT, next);

      request (fixture, "GET", path);
      g_assert_cmpuint (fixture->status, ==, 200);
      g_assert_cmpint (get_number (fixture, "total"), ==, 5);
      g_assert_cmpint (get_number (fixture, "next"), >=, next);
      next = get_number (fixture, "next");
      n_events += json_array_get_length (get_list (fixture, "events"));
      n_pages++;
    }
  while (json_array_get_length (get_list (fixture, "events")) > 0);

  g_assert_cmpuint (n_events, ==, 5);
  g_assert_cmpuint (n_pages, ==, 4);
  g_assert_cmpint (next, ==, 9);

  request (fixture, "GET", LIST_PATH "/?mission=&after=&limit=");
  g_assert_cmpuint (json_array_get_length (get_list (fixture, "events")), ==, 10);
  event = json_array_get_object_element (get_list (fixture, "events"), 0);
  g_assert_cmpstr (json_object_get_string_member (event, "event_id"), ==, id);
}

static void
test_receiver_lists_verbatim (Fixture      *fixture,
                              gconstpointer data)
{
  const Change change = { "payload", "{ \"b\" : 1.0e+0,\"a\":\"\\u00e4\\/\",\"b\":\t2 }" };
  g_autofree char *event = make_event (1, "m", &change);
  g_autofree char *expected = g_strdup_printf ("{\"events\":[%s],\"next\":1,\"total\":1}", event);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  add_text (fixture, event);
  post_added (fixture);
  assert_counts (fixture, 200, 1, 0);

  new_message (fixture, "GET", LIST_PATH);
  bytes = soup_session_send_and_read (fixture->session, fixture->message, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected,
                   strlen (expected));
}

static void
test_receiver_refuses_bad_queries (Fixture      *fixture,
                                   gconstpointer data)
{
  const char *const queries[] = {
    "after=-1", "after=x", "after=1.5", "limit=0", "limit=1001", "limit=ten", "limit=1%20",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (queries); i++)
    {
      g_autofree char *path = g_strconcat (LIST_PATH "?", queries[i], NULL);

      request (fixture, "GET", path);
      assert_refused (fixture, 400);
    }

  request (fixture, "GET", LIST_PATH "?limit=1000&after=9223372036854775807");
  g_assert_cmpuint (fixture->status, ==, 200);
}

static void
test_receiver_keeps_events_over_a_restart (Fixture      *fixture,
                                           gconstpointer data)
{
  add (fixture, 1, "m");
  post_added (fixture);
  assert_counts (fixture, 200, 1, 0);

  stop_with (fixture, SIGTERM);
  start (fixture);
  assert_total (fixture, 1);

  add (fixture, 1, "m");
  post_added (fixture);
  assert_counts (fixture, 200, 1, 0);
  assert_total (fixture, 1);
}

static void
assert_mode (const char *path,
             guint       mode)
{
  GStatBuf status;

  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, mode);
}

static void
test_receiver_keeps_others_out (Fixture      *fixture,
                                gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (fixture->store);
  g_autofree char *log = g_strconcat (fixture->store, "-wal", NULL);

  add (fixture, 1, "m");
  post_added (fixture);
  assert_mode (folder, 0700);
  assert_mode (fixture->store, 0600);
  assert_mode (log, 0600);
}

static void
test_receiver_says_when_it_cannot_store (Fixture      *fixture,
                                         gconstpointer data)
{
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (fixture->store, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  add (fixture, 1, "m");
  post_added (fixture);
  assert_refused (fixture, 503);
  g_assert_cmpint (sqlite3_exec (db, "COMMIT", NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);

  assert_total (fixture, 0);
  add (fixture, 1, "m");
  post_added (fixture);
  assert_counts (fixture, 200, 1, 0);
}

static void
test_receiver_takes_all_or_none (Fixture      *fixture,
                                 gconstpointer data)
{
  sqlite3 *db = NULL;

  g_assert_cmpint (sqlite3_open (fixture->store, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db,
                                 "CREATE TRIGGER full BEFORE INSERT ON events"
                                 " WHEN new.lamport_clock = 3"
                                 " BEGIN SELECT raise (ABORT, 'full'); END",
                                 NULL, NULL, NULL),
                   ==, SQLITE_OK);

  for (guint i = 1; i <= 4; i++)
    add (fixture, i, "m");
  post_added (fixture);
  assert_refused (fixture, 503);
  assert_total (fixture, 0);

  g_assert_cmpint (sqlite3_exec (db, "DROP TRIGGER full", NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);
  for (guint i = 1; i <= 4; i++)
    add (fixture, i, "m");
  post_added (fixture);
  assert_counts (fixture, 200, 4, 0);
}

static void
assert_exit (const char *const *arguments,
             int                status,
             const char        *words)
{
  g_autoptr (GSubprocess) process = spawn (arguments, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  g_autofree char *errors = NULL;

  g_subprocess_communicate_utf8 (process, NULL, NULL, &output, &errors, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));
  g_assert_cmpint (g_subprocess_get_exit_status (process), ==, status);
  g_assert_nonnull (strstr (status == 0 ? output : errors, words));
}

static void
test_receiver_knows_wrong_usage (Fixture      *fixture,
                                 gconstpointer data)
{
  const char *const unknown[] = { "--nonsense", NULL };
  const char *const word[] = { "serve", NULL };
  const char *const port[] = { "--port", "65536", NULL };
  const char *const name[] = { "--address", "example.org", NULL };
  const char *const empty[] = { "--token", "", NULL };
  const char *const twice[] = { "--token", "a", "--token-file", "b", NULL };
  const char *const version[] = { "--version", NULL };

  assert_exit (unknown, EXIT_USAGE, "--nonsense");
  assert_exit (word, EXIT_USAGE, "serve");
  assert_exit (port, EXIT_USAGE, "65535");
  assert_exit (name, EXIT_USAGE, "127.0.0.1");
  assert_exit (empty, EXIT_USAGE, "empty");
  assert_exit (twice, EXIT_USAGE, "once");
  assert_exit (version, EXIT_SUCCESS, LAMP_VERSION);
}

static void
test_receiver_says_why_it_cannot_start (Fixture      *fixture,
                                        gconstpointer data)
{
  g_autofree char *missing = g_build_filename (fixture->folder, "nothing", NULL);
  g_autofree char *garbage = g_build_filename (fixture->folder, "garbage", NULL);
  const char *port = strrchr (fixture->url, ':') + 1;
  const char *const taken[] = { "--port", port, "--store", ":memory:", NULL };
  const char *const tokenless[] = { "--token-file", missing, "--store", ":memory:", NULL };
  const char *const damaged[] = { "--port", "0", "--store", garbage, NULL };

  g_assert_true (g_file_set_contents (garbage, "This is a letter, not a database.\n", -1, NULL));

  assert_exit (taken, EXIT_FAILURE, port);
  assert_exit (tokenless, EXIT_FAILURE, missing);
  assert_exit (damaged, EXIT_FAILURE, garbage);
}

static void
test_receiver_leaves_a_newer_store_alone (Fixture      *fixture,
                                          gconstpointer data)
{
  const char *const arguments[] = { "--port", "0", "--store", fixture->store, NULL };
  sqlite3 *db = NULL;

  stop_with (fixture, SIGTERM);
  g_assert_cmpint (sqlite3_open (fixture->store, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "PRAGMA user_version = 99", NULL, NULL, NULL), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_close (db), ==, SQLITE_OK);

  assert_exit (arguments, EXIT_FAILURE, "newer");
}

static void
test_receiver_listens_on_ipv6 (Fixture      *fixture,
                               gconstpointer data)
{
  const char *const arguments[] = { "--address", "::1", "--store", ":memory:", NULL };
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("::1", 0);

  socket = g_socket_new (G_SOCKET_FAMILY_IPV6, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  if (socket == NULL || !g_socket_bind (socket, address, TRUE, NULL))
    {
      g_test_skip ("This machine has no IPv6");
      return;
    }

  start_with (fixture, arguments, NULL);
  g_assert_true (g_str_has_prefix (fixture->url, "http://[::1]:"));
  request (fixture, "GET", "/health");
  g_assert_cmpuint (fixture->status, ==, 200);
}

static void
test_receiver_ends_on_signals (Fixture      *fixture,
                               gconstpointer data)
{
  request (fixture, "GET", "/health");
  stop_with (fixture, SIGTERM);
  start (fixture);
  request (fixture, "GET", "/health");
  stop_with (fixture, SIGINT);
}

static char *
find_real_events (void)
{
  const char *shared = g_getenv ("LAMPPOST_SHARED");
  const char *source = g_getenv ("G_TEST_SRCDIR");
  g_autofree char *beside = g_build_filename (source != NULL ? source : ".", "..", "shared", NULL);

  return g_build_filename (shared != NULL ? shared : beside, "data", "spec-kitty", "events.jsonl",
                           NULL);
}

static void
test_receiver_takes_real_events (Fixture      *fixture,
                                 gconstpointer data)
{
  g_autofree char *path = find_real_events ();
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    {
      g_test_skip ("The real events of the other tool are not here; LAMPPOST_SHARED says where");
      return;
    }

  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    add_text (fixture, lines[i]);

  post_added (fixture);
  assert_counts (fixture, 200, g_strv_length (lines), 0);
  assert_total (fixture, g_strv_length (lines));

  request (fixture, "GET", LIST_PATH "?mission=replay-mission");
  g_assert_cmpint (get_number (fixture, "total"), ==, 4);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, before, function)                                                                \
  g_test_add ("/receiver/" path, Fixture, NULL, before, test_receiver_##function, tear_down)

  ADD ("tells-its-health", set_up, tells_its_health);
  ADD ("accepts-a-batch", set_up, accepts_a_batch);
  ADD ("takes-the-path-without-a-slash", set_up, takes_the_path_without_a_slash);
  ADD ("keeps-a-double-once", set_up, keeps_a_double_once);
  ADD ("rejects-other-bytes", set_up, rejects_other_bytes);
  ADD ("names-member-and-rule", set_up, names_member_and_rule);
  ADD ("takes-what-the-rules-allow", set_up, takes_what_the_rules_allow);
  ADD ("rejects-among-accepted", set_up, rejects_among_accepted);
  ADD ("refuses-nameless-events", set_up, refuses_nameless_events);
  ADD ("refuses-what-is-no-batch", set_up, refuses_what_is_no_batch);
  ADD ("limits-depth", set_up, limits_depth);
  ADD ("wants-json-in-a-known-wrapping", set_up, wants_json_in_a_known_wrapping);
  ADD ("unpacks-gzip", set_up, unpacks_gzip);
  ADD ("limits-size", set_up, limits_size);
  ADD ("limits-events", set_up, limits_events);
  ADD ("ends-endless-bodies", set_up, ends_endless_bodies);
  ADD ("rejects-an-oversized-event", set_up, rejects_an_oversized_event);
  ADD ("needs-the-token", set_up_stopped, needs_the_token);
  ADD ("hides-the-token", set_up_stopped, hides_the_token);
  ADD ("reads-the-token-from-a-file", set_up_stopped, reads_the_token_from_a_file);
  ADD ("reads-the-token-from-the-environment", set_up_stopped,
       reads_the_token_from_the_environment);
  ADD ("rejects-a-type-on-demand", set_up_stopped, rejects_a_type_on_demand);
  ADD ("knows-its-paths-and-methods", set_up, knows_its_paths_and_methods);
  ADD ("lists-by-pages", set_up, lists_by_pages);
  ADD ("lists-verbatim", set_up, lists_verbatim);
  ADD ("refuses-bad-queries", set_up, refuses_bad_queries);
  ADD ("keeps-events-over-a-restart", set_up, keeps_events_over_a_restart);
  ADD ("keeps-others-out", set_up, keeps_others_out);
  ADD ("says-when-it-cannot-store", set_up, says_when_it_cannot_store);
  ADD ("takes-all-or-none", set_up, takes_all_or_none);
  ADD ("knows-wrong-usage", set_up_stopped, knows_wrong_usage);
  ADD ("says-why-it-cannot-start", set_up, says_why_it_cannot_start);
  ADD ("leaves-a-newer-store-alone", set_up, leaves_a_newer_store_alone);
  ADD ("listens-on-ipv6", set_up_stopped, listens_on_ipv6);
  ADD ("ends-on-signals", set_up, ends_on_signals);
  ADD ("takes-real-events", set_up, takes_real_events);

  return g_test_run ();
}
