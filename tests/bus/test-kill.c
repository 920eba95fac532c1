/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-generated.h"
#include "lamp-fake-server.h"
#include "lamp-json.h"
#include "lamp-test-util.h"

#include <signal.h>
#include <string.h>

/* The real agent, killed with SIGKILL again and again: what was answered is there, once and
 * whole. The seeds are fixed; the moments are random all the same, as the machine's are. */

#define INTERFACE "io.github.lamppost.Lamppost.Agent1"

#define N_ROUNDS 20
#define N_CALLERS 4
#define N_EMITS_EACH 250

/* A kill comes after so many answers at most, and after so many ms more. */
#define ANSWERS_MAX 400
#define DELAY_MAX_MS 4

/* One start in so many is killed before the agent has its name, within so many ms. */
#define STARTS_KILLED 4
#define START_DELAY_MAX_MS 30

/* Long enough for an envelope to fill more than one page of the file. */
#define TEXT_MAX 6000

#define N_FLIGHT_ROUNDS 12
#define N_FLIGHT_EVENTS 30

/* Batches of ten, so that there is time for kills between them. */
#define REPLAY_BATCH "10"
#define N_REPLAY_EVENTS 2000
#define N_REPLAY_PARTS 2
#define N_REPLAY_KILLS 12
#define REPLAY_KILLS_MIN 6
#define REPLAY_EVENTS_MAX 200

/* Everything at once: kills after so few answers that a hundred rounds take half a minute; imports
 * of three parts (a part is one transaction), which take longer than most rounds; a history so
 * small that it is pruned all the time. */
#define N_ALL_ROUNDS 100
#define ALL_ANSWERS_MAX 40
#define ALL_HISTORY 20
#define ALL_CHECK_EVERY 10
#define IMPORT_PART 500
#define IMPORT_EVENTS (3 * IMPORT_PART)
#define WRITER_MS "2500"

typedef struct
{
  char *payload;
  char *event_id; /* (nullable) NULL while, or because, there was no answer */
  gint64 clock;
  gboolean found;
} Emission;

typedef struct
{
  char *home;
  char *url; /* (nullable) the server that the agent is to use */
  GTestDBus *bus;
  GDBusConnection *connection;
  LampBusAgent1 *proxy;
  GSubprocess *agent; /* (nullable) */
  GRand *random;
  guint n_kills;
  guint n_delivered; /* as the signals tell */

  GHashTable *emissions; /* payload → Emission */
  guint kill_at;         /* answers in all */
  guint kill_id;
  guint n_answered;
  guint n_in_flight;
} Fixture;

typedef struct
{
  Fixture *fixture;
  GDBusConnection *connection;
  guint index;
  guint n_emits;
  Emission *emission; /* (nullable) the one in flight */
  guint n_emits_max;
} Caller;

/* --- the agent ---------------------------------------------------------- */

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);

  return connection;
}

static void
disconnect (GDBusConnection *connection)
{
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);
}

static gboolean
is_owned (Fixture *fixture)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (fixture->proxy));

  return owner != NULL;
}

static void
spawn_agent (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;

  g_assert_null (fixture->agent);
  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CONFIG_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "GSETTINGS_BACKEND", "keyfile", TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (fixture->bus), TRUE);
  g_subprocess_launcher_unsetenv (launcher, "SAAS_API_KEY");
  g_subprocess_launcher_setenv (launcher, "SAAS_API_URL", fixture->url != NULL ? fixture->url : "",
                                TRUE);
  fixture->agent = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_AGENT"),
                                                "--no-tray", NULL);
  g_assert_no_error (error);
}

static void
start_agent (Fixture *fixture)
{
  spawn_agent (fixture);
  lamp_test_wait_until (is_owned (fixture));
}

static void
kill_process (GSubprocess **process)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_force_exit (*process);
  g_subprocess_wait_async (*process, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_wait_finish (*process, result, &error);
  g_assert_no_error (error);

  /* It didn't end by itself before. */
  g_assert_true (g_subprocess_get_if_signaled (*process));
  g_assert_cmpint (g_subprocess_get_term_sig (*process), ==, SIGKILL);
  g_clear_object (process);
}

static void
kill_agent (Fixture *fixture)
{
  kill_process (&fixture->agent);
  fixture->n_kills++;
  lamp_test_wait_until (!is_owned (fixture));
}

static void
set_true (gpointer user_data)
{
  gboolean *value = user_data;

  *value = TRUE;
}

/* What the agent does before it has its name must bear it too. */
static void
kill_some_starts (Fixture *fixture)
{
  while (g_rand_int_range (fixture->random, 0, STARTS_KILLED) == 0)
    {
      gboolean over = FALSE;

      spawn_agent (fixture);
      g_timeout_add_once (g_rand_int_range (fixture->random, 0, START_DELAY_MAX_MS), set_true,
                          &over);
      lamp_test_wait_until (over);
      kill_agent (fixture);
    }
}

static void
delivered_cb (LampBusAgent1     *proxy,
              const char *const *event_ids,
              Fixture           *fixture)
{
  fixture->n_delivered += g_strv_length ((char **) event_ids);
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->home = lamp_test_folder_new ();
  fixture->random = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->connection = connect_to (fixture->bus);
  fixture->proxy = lamp_bus_agent1_proxy_new_sync (fixture->connection,
                                                   G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                                   LAMP_AGENT_ID, LAMP_AGENT_PATH, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->proxy, "events-delivered", G_CALLBACK (delivered_cb), fixture);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  if (fixture->agent != NULL)
    kill_agent (fixture);
  g_clear_object (&fixture->proxy);
  disconnect (fixture->connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_rand_free (fixture->random);
  g_free (fixture->url);
  lamp_test_folder_free (fixture->home);
}

static LampTestDb *
open_queue (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);

  return lamp_test_db_open (path);
}

/* --- what is in the file ------------------------------------------------ */

/* For files in which every id was given out by us. */
static void
assert_counters (LampTestDb *db)
{
  lamp_test_db_assert_sound (db);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT last_ulid = (SELECT max(event_id) FROM"
                                     "  (SELECT event_id FROM queue"
                                     "   UNION ALL SELECT event_id FROM lamppost_history))"
                                     "  FROM lamppost_counter"),
                   ==, 1);
}

/* All members of an envelope, and nothing else. */
static void
read_envelope (const char *text,
               LampJson   *envelope)
{
  static const char *const members[] = {
    "event_id",       "event_type",     "aggregate_id", "payload",      "timestamp",
    "node_id",        "lamport_clock",  "causation_id", "project_uuid", "project_slug",
    "correlation_id", "schema_version", "data_tier",
  };
  LampJsonProblem problem;
  LampJsonIter iter;
  LampJson name;
  gsize n_members = 0;

  if (!lamp_json_check (text, strlen (text), LAMP_JSON_MAX_DEPTH + 1, envelope, &problem))
    g_error ("“%s”: %s", text, problem.rule);

  lamp_json_iter_init (&iter, envelope);
  while (lamp_json_iter_next (&iter, &name, NULL))
    {
      g_assert_cmpuint (n_members, <, G_N_ELEMENTS (members));
      g_assert_true (lamp_json_string_equals (&name, members[n_members]));
      n_members++;
    }
  g_assert_cmpuint (n_members, ==, G_N_ELEMENTS (members));
}

/* Finds the call that made a row; no call makes two. Returns the row's clock. */
static gint64
check_row (Fixture    *fixture,
           const char *event_id,
           const char *event_type,
           const char *text)
{
  g_autofree char *payload = NULL;
  Emission *emission;
  LampJson envelope;
  LampJson value;
  gint64 clock;

  read_envelope (text, &envelope);
  lamp_json_find (&envelope, "event_id", &value);
  g_assert_true (lamp_json_string_equals (&value, event_id));
  lamp_json_find (&envelope, "event_type", &value);
  g_assert_true (lamp_json_string_equals (&value, event_type));
  lamp_json_find (&envelope, "lamport_clock", &value);
  g_assert_true (lamp_json_get_int (&value, &clock));

  lamp_json_find (&envelope, "payload", &value);
  payload = g_strndup (value.text, value.length);
  emission = g_hash_table_lookup (fixture->emissions, payload);
  g_assert_nonnull (emission);
  g_assert_false (emission->found);
  emission->found = TRUE;

  if (emission->event_id != NULL)
    {
      g_assert_cmpstr (emission->event_id, ==, event_id);
      g_assert_cmpint (emission->clock, ==, clock);
    }

  return clock;
}

/* Returns how many rows there are. */
static guint
check_rows (Fixture    *fixture,
            LampTestDb *db)
{
  sqlite3_stmt *statement = NULL;
  g_autofree char *last_id = g_strdup ("");
  gint64 last_clock = 0;
  guint n_rows = 0;

  g_assert_cmpint (sqlite3_prepare_v2 (db,
                                       "SELECT event_id, event_type, data FROM queue ORDER BY id",
                                       -1, &statement, NULL),
                   ==, SQLITE_OK);
  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      const char *event_id = (const char *) sqlite3_column_text (statement, 0);
      gint64 clock = check_row (fixture, event_id,
                                (const char *) sqlite3_column_text (statement, 1),
                                (const char *) sqlite3_column_text (statement, 2));

      g_assert_cmpstr (event_id, >, last_id);
      g_assert_cmpint (clock, >, last_clock);
      g_free (last_id);
      last_id = g_strdup (event_id);
      last_clock = clock;
      n_rows++;
    }
  g_assert_cmpint (sqlite3_finalize (statement), ==, SQLITE_OK);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT max(value) FROM lamppost_clock"), ==, last_clock);

  return n_rows;
}

static void
check_queue (Fixture *fixture)
{
  g_autoptr (LampTestDb) db = open_queue (fixture);
  guint n_rows = check_rows (fixture, db);
  GHashTableIter iter;
  Emission *emission;
  guint n_answered = 0;

  assert_counters (db);
  g_hash_table_iter_init (&iter, fixture->emissions);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &emission))
    {
      /* What was answered is there; what wasn't may be. */
      g_assert_true (emission->found || emission->event_id == NULL);
      n_answered += emission->event_id != NULL;
    }

  g_assert_cmpuint (n_answered, ==, fixture->n_answered);
  g_assert_cmpuint (n_rows, >=, n_answered);
  g_assert_cmpuint (n_rows - n_answered, <=, fixture->n_kills * N_CALLERS);
  g_test_message ("%u calls, %u answered, %u rows, %u kills",
                  g_hash_table_size (fixture->emissions), n_answered, n_rows, fixture->n_kills);
}

/* --- emits -------------------------------------------------------------- */

static void
emission_free (gpointer data)
{
  Emission *emission = data;

  g_free (emission->payload);
  g_free (emission->event_id);
  g_free (emission);
}

static Emission *
emission_new (Caller *caller)
{
  g_autofree char *text = g_strnfill (g_rand_int_range (caller->fixture->random, 0, TEXT_MAX), 'x');
  Emission *emission = g_new0 (Emission, 1);

  emission->payload = g_strdup_printf ("{\"caller\": %u, \"number\": %u, \"text\": \"%s\"}",
                                       caller->index, caller->n_emits, text);
  g_hash_table_insert (caller->fixture->emissions, emission->payload, emission);

  return emission;
}

static gboolean
kill_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->kill_id = 0;
  g_subprocess_force_exit (fixture->agent);

  return G_SOURCE_REMOVE;
}

static void
count_answer (Fixture *fixture)
{
  fixture->n_answered++;
  if (fixture->n_answered == fixture->kill_at)
    fixture->kill_id = g_timeout_add (g_rand_int_range (fixture->random, 0, DELAY_MAX_MS), kill_cb,
                                      fixture);
}

static void call (Caller *caller);

static void
emitted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Caller *caller = user_data;
  Emission *emission = g_steal_pointer (&caller->emission);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant)
    reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  caller->fixture->n_in_flight--;
  if (reply != NULL)
    {
      g_variant_get (reply, "(sx)", &emission->event_id, &emission->clock);
      count_answer (caller->fixture);
      call (caller);
      return;
    }

  /* The agent died over it: nothing else may go wrong. Goes on when it is back. */
  if (!g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) &&
      !g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    g_error ("%s", error->message);
}

static void
call (Caller *caller)
{
  if (caller->n_emits == caller->n_emits_max)
    return;

  caller->emission = emission_new (caller);
  caller->n_emits++;
  caller->fixture->n_in_flight++;
  g_dbus_connection_call (caller->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH, INTERFACE, "Emit",
                          g_variant_new ("(sssa{sv})", "mission", "Killed",
                                         caller->emission->payload, NULL),
                          G_VARIANT_TYPE ("(sx)"), G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL,
                          emitted_cb, caller);
}

static gboolean
have_all_called (const Caller *callers)
{
  for (guint i = 0; i < N_CALLERS; i++)
    if (callers[i].n_emits < callers[i].n_emits_max)
      return FALSE;

  return TRUE;
}

/* From one start of the agent to its end. */
static void
emit_until_killed (Fixture *fixture,
                   Caller  *callers)
{
  kill_some_starts (fixture);
  start_agent (fixture);
  fixture->kill_at = fixture->n_answered + g_rand_int_range (fixture->random, 1, ANSWERS_MAX);
  for (guint i = 0; i < N_CALLERS; i++)
    call (&callers[i]);

  lamp_test_wait_until (fixture->n_in_flight == 0);
  g_clear_handle_id (&fixture->kill_id, g_source_remove);
  kill_agent (fixture);
}

/* The numbers that the next agent tells are the file's. */
static void
assert_pending (Fixture *fixture)
{
  g_autoptr (LampTestDb) db = open_queue (fixture);

  start_agent (fixture);
  g_assert_cmpuint (lamp_bus_agent1_get_pending (fixture->proxy), ==,
                    lamp_test_db_int (db, "SELECT count(*) FROM queue"));
}

static void
test_emit (Fixture      *fixture,
           gconstpointer data)
{
  Caller callers[N_CALLERS];

  fixture->emissions = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, emission_free);
  for (guint i = 0; i < N_CALLERS; i++)
    callers[i] = (Caller){ fixture, connect_to (fixture->bus), i, 0, NULL, N_EMITS_EACH };

  while (!have_all_called (callers))
    emit_until_killed (fixture, callers);

  check_queue (fixture);
  assert_pending (fixture);
  for (guint i = 0; i < N_CALLERS; i++)
    disconnect (callers[i].connection);
  g_hash_table_unref (fixture->emissions);
}

/* --- replay ------------------------------------------------------------- */

static GVariant *
call_agent (Fixture    *fixture,
            const char *method,
            GVariant   *arguments)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_sync (fixture->connection, LAMP_AGENT_ID,
                                                 LAMP_AGENT_PATH, INTERFACE, method, arguments,
                                                 NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL,
                                                 &error);

  g_assert_no_error (error);

  return reply;
}

static void
emit_many (Fixture *fixture,
           guint    n_events)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) receipts = NULL;
  GVariantBuilder events;

  g_variant_builder_init (&events, G_VARIANT_TYPE ("a(sssa{sv})"));
  for (guint i = 0; i < n_events; i++)
    g_variant_builder_add (&events, "(sssa{sv})", "mission", "Killed", "{\"a\": 1}", NULL);
  reply = call_agent (fixture, "EmitBatch", g_variant_new ("(a(sssa{sv}))", &events));
  receipts = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (receipts), ==, n_events);
}

static void
replay_now (Fixture *fixture)
{
  g_variant_unref (call_agent (fixture, "ReplayNow", NULL));
}

static void
wait_delivered (Fixture *fixture,
                guint    n_events)
{
  lamp_test_wait_until (lamp_bus_agent1_get_delivered (fixture->proxy) == n_events);
  g_assert_cmpuint (lamp_bus_agent1_get_pending (fixture->proxy), ==, 0);
  g_assert_cmpuint (lamp_bus_agent1_get_failed (fixture->proxy), ==, 0);
}

/* Killed while the server thinks: before it has taken the batch, or after, or while its answer
 * is on the way. Returns how often the server was sent what it had. */
static guint
kill_in_flight (Fixture *fixture)
{
  g_autoptr (LampFakeServer) server = lamp_fake_server_new ();
  g_auto (GStrv) taken = NULL;
  guint delay = g_rand_int_range (fixture->random, 0, 20);
  gboolean over = FALSE;

  g_free (fixture->url);
  fixture->url = g_strdup (lamp_fake_server_get_url (server));
  start_agent (fixture);
  lamp_fake_server_set_delay (server, delay);
  emit_many (fixture, N_FLIGHT_EVENTS);
  g_assert_true (lamp_fake_server_wait_batches (server, 1));
  g_timeout_add_once (g_rand_int_range (fixture->random, 0, delay + 2), set_true, &over);
  lamp_test_wait_until (over);
  kill_agent (fixture);

  start_agent (fixture);
  wait_delivered (fixture, N_FLIGHT_EVENTS);
  taken = lamp_fake_server_dup_ids (server);
  g_assert_cmpuint (g_strv_length (taken), ==, N_FLIGHT_EVENTS);
  kill_agent (fixture);

  return lamp_fake_server_get_n_doubles (server);
}

/* In the server's set is what was in the queue, each once. */
static void
assert_history (Fixture *fixture)
{
  g_autoptr (LampTestDb) db = open_queue (fixture);

  assert_counters (db);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(DISTINCT event_id) FROM"
                                     "  (SELECT event_id FROM lamppost_history UNION ALL"
                                     "   SELECT event_id FROM queue)"),
                   ==, N_FLIGHT_EVENTS);
}

static void
remove_queue (Fixture *fixture)
{
  lamp_test_folder_free (fixture->home);
  fixture->home = lamp_test_folder_new ();
}

static void
test_in_flight (Fixture      *fixture,
                gconstpointer data)
{
  guint n_doubles = 0;

  for (guint i = 0; i < N_FLIGHT_ROUNDS; i++)
    {
      n_doubles += kill_in_flight (fixture);
      assert_history (fixture);
      remove_queue (fixture);
    }

  /* At least one batch was there twice, or the kills came at no interesting moment. */
  g_assert_cmpuint (n_doubles, >, 0);
  g_test_message ("%u events were sent twice", n_doubles);
}

/* The server is killed and started again on its port and its file. */
static GSubprocess *
start_receiver (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autofree char *store = g_build_filename (fixture->home, "receiver.db", NULL);
  g_autofree char *port = NULL;
  g_autofree char *line = NULL;
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (GError) error = NULL;
  GSubprocess *receiver;

  port = g_strdup (fixture->url != NULL ? strrchr (fixture->url, ':') + 1 : "0");
  receiver = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_RECEIVER"), "--port",
                                          port, "--store", store, NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (receiver));
  line = g_data_input_stream_read_line (output, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);
  g_assert_nonnull (strstr (line, "http://"));
  if (fixture->url == NULL)
    fixture->url = g_strchomp (g_strdup (strstr (line, "http://")));

  return receiver;
}

static gint64
ask_total (Fixture *fixture)
{
  g_autoptr (SoupSession) session = soup_session_new_with_options ("proxy-resolver", NULL, NULL);
  g_autofree char *url = g_strconcat (fixture->url, "/api/v1/events?limit=1", NULL);
  g_autoptr (SoupMessage) message = soup_message_new ("GET", url);
  g_autoptr (GBytes) body = NULL;
  g_autoptr (GError) error = NULL;
  LampJson answer;
  LampJson value;
  gint64 total;

  body = soup_session_send_and_read (session, message, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (lamp_json_check (g_bytes_get_data (body, NULL), g_bytes_get_size (body),
                                  LAMP_JSON_MAX_DEPTH, &answer, NULL));
  g_assert_true (lamp_json_find (&answer, "total", &value));
  g_assert_true (lamp_json_get_int (&value, &total));

  return total;
}

static void
write_settings (Fixture    *fixture,
                const char *setting)
{
  g_autofree char *text = g_strdup_printf ("[io/github/lamppost/Lamppost]\n%s\n", setting);
  g_autofree char *folder = g_build_filename (fixture->home, "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir_with_parents (folder, 0700));
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* Kills one of the two, or both, and brings it back. */
static void
kill_someone (Fixture      *fixture,
              GSubprocess **receiver)
{
  guint whom = g_rand_int_range (fixture->random, 1, 4);

  if ((whom & 1) != 0)
    kill_process (receiver);
  if ((whom & 2) != 0)
    kill_agent (fixture);
  if ((whom & 2) != 0)
    start_agent (fixture);
  if ((whom & 1) != 0)
    *receiver = start_receiver (fixture);
}

static void
test_replay (Fixture      *fixture,
             gconstpointer data)
{
  GSubprocess *receiver = start_receiver (fixture);
  guint n_kills = 0;

  write_settings (fixture, "batch-size=uint32 " REPLAY_BATCH);
  start_agent (fixture);
  kill_process (&receiver);
  for (guint i = 0; i < N_REPLAY_PARTS; i++)
    emit_many (fixture, N_REPLAY_EVENTS / N_REPLAY_PARTS);
  receiver = start_receiver (fixture);

  for (guint i = 0; i < N_REPLAY_KILLS; i++)
    {
      guint until = g_rand_int_range (fixture->random, 1, REPLAY_EVENTS_MAX);

      replay_now (fixture);
      fixture->n_delivered = 0;
      lamp_test_wait_until (fixture->n_delivered >= until ||
                            lamp_bus_agent1_get_delivered (fixture->proxy) == N_REPLAY_EVENTS);
      if (lamp_bus_agent1_get_delivered (fixture->proxy) < N_REPLAY_EVENTS)
        n_kills++;
      kill_someone (fixture, &receiver);
    }

  replay_now (fixture);
  wait_delivered (fixture, N_REPLAY_EVENTS);
  g_assert_cmpint (ask_total (fixture), ==, N_REPLAY_EVENTS);
  g_assert_cmpuint (n_kills, >=, REPLAY_KILLS_MIN);
  g_test_message ("%u kills during the replay", n_kills);
  kill_process (&receiver);
}

/* --- everything at once ------------------------------------------------- */

typedef struct
{
  Fixture *fixture;
  LampFakeServer *server; /* (owned) */
  Caller callers[N_CALLERS];
  GSubprocess *writer;         /* (owned) (nullable) the other tool */
  GAsyncResult *writer_result; /* (owned) (nullable) */
  GPtrArray *outputs;          /* (owned) what it printed */
  guint n_files;               /* imports that were answered */
  guint n_broken;              /* those that weren't */
  gboolean importing;
} All;

static char *
dup_path (All        *all,
          const char *name,
          guint       number)
{
  return g_strdup_printf ("%s/%s-%u", all->fixture->home, name, number);
}

/* The other tool goes on whatever happens to the agent. It must end by itself, and well. */
static void
check_writer (All *all)
{
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_check_finish (all->writer, all->writer_result, &error);
  g_assert_no_error (error);
  g_clear_object (&all->writer_result);
  g_clear_object (&all->writer);
}

static void
keep_writing (All *all)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "tests", "lib",
                                                    "lamp-foreign-writer", NULL);
  g_autofree char *path = g_build_filename (all->fixture->home, "queue.db", NULL);
  g_autofree char *seed = g_strdup_printf ("%u", all->outputs->len + 1);
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GError) error = NULL;

  if (all->writer_result != NULL)
    check_writer (all);

  if (all->writer != NULL)
    return;

  launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_ptr_array_add (all->outputs, dup_path (all, "writer", all->outputs->len));
  g_subprocess_launcher_set_stdout_file_path (launcher, g_ptr_array_index (all->outputs,
                                                                           all->outputs->len - 1));
  all->writer = g_subprocess_launcher_spawn (launcher, &error, program, path, seed, WRITER_MS,
                                             NULL);
  g_assert_no_error (error);
  g_subprocess_wait_check_async (all->writer, NULL, lamp_test_result_cb, &all->writer_result);
}

static char *
write_import (All *all)
{
  char *path = dup_path (all, "import", all->n_files);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < IMPORT_EVENTS; i++)
    g_string_append_printf (text, "{\"event_id\":\"I%u-%u\",\"event_type\":\"Imported\"}\n",
                            all->n_files, i);
  g_file_set_contents (path, text->str, (gssize) text->len, &error);
  g_assert_no_error (error);

  return path;
}

static void
imported_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  All *all = user_data;
  g_autoptr (GError) error = NULL;
  guint imported;
  guint skipped;

  all->importing = FALSE;
  if (lamp_bus_agent1_call_import_finish (LAMP_BUS_AGENT1 (source), &imported, &skipped, result,
                                          &error))
    {
      g_assert_cmpuint (imported + skipped, ==, IMPORT_EVENTS);
      all->n_files++;
      return;
    }

  all->n_broken++;
  if (!g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) &&
      !g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    g_error ("%s", error->message);
}

/* A file that was broken off comes again in the next round. */
static void
start_import (All *all)
{
  g_autofree char *path = write_import (all);

  all->importing = TRUE;
  lamp_bus_agent1_call_import (all->fixture->proxy, path, NULL, imported_cb, all);
}

static void
run_round (All *all)
{
  Fixture *fixture = all->fixture;

  kill_some_starts (fixture);
  start_agent (fixture);
  keep_writing (all);
  start_import (all);
  fixture->kill_at = fixture->n_answered + g_rand_int_range (fixture->random, 1, ALL_ANSWERS_MAX);
  for (guint i = 0; i < N_CALLERS; i++)
    call (&all->callers[i]);

  lamp_test_wait_until (fixture->n_in_flight == 0 && !all->importing);
  g_clear_handle_id (&fixture->kill_id, g_source_remove);
  kill_agent (fixture);
}

/* What the server has; with what is in the file, that is all there is. */
static GHashTable *
read_server (All *all)
{
  GHashTable *ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char **taken = lamp_fake_server_dup_ids (all->server);

  /* What it was sent again is no second event. */
  for (gsize i = 0; taken[i] != NULL; i++)
    g_assert_true (g_hash_table_add (ids, taken[i]));

  return ids;
}

#define SQL_ALL_EVENTS                                                                             \
  "SELECT event_id, event_type, data FROM queue "                                                  \
  "UNION ALL SELECT event_id, event_type, data FROM lamppost_history"

/* Adds the ids in the file to @ids; each of our own rows is whole and the only one of its call. */
static void
add_rows (All        *all,
          LampTestDb *db,
          GHashTable *ids)
{
  sqlite3_stmt *statement = NULL;

  g_assert_cmpint (sqlite3_prepare_v2 (db, SQL_ALL_EVENTS, -1, &statement, NULL), ==, SQLITE_OK);
  while (sqlite3_step (statement) == SQLITE_ROW)
    {
      const char *event_id = (const char *) sqlite3_column_text (statement, 0);
      const char *event_type = (const char *) sqlite3_column_text (statement, 1);

      if (g_str_equal (event_type, "Killed"))
        check_row (all->fixture, event_id, event_type,
                   (const char *) sqlite3_column_text (statement, 2));
      g_hash_table_add (ids, g_strdup (event_id));
    }
  g_assert_cmpint (sqlite3_finalize (statement), ==, SQLITE_OK);
}

static void
check_emissions (All        *all,
                 GHashTable *ids)
{
  GHashTableIter iter;
  Emission *emission;

  g_hash_table_iter_init (&iter, all->fixture->emissions);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &emission))
    {
      g_assert_true (emission->event_id == NULL || g_hash_table_contains (ids, emission->event_id));
      emission->found = FALSE;
    }
}

/* A file is there as a whole once that was answered; else whole parts of it are. */
static void
check_imports (All        *all,
               GHashTable *ids)
{
  for (guint i = 0; i <= all->n_files; i++)
    {
      guint found = 0;

      for (guint j = 0; j < IMPORT_EVENTS; j++)
        {
          g_autofree char *event_id = g_strdup_printf ("I%u-%u", i, j);

          found += g_hash_table_contains (ids, event_id);
        }

      g_assert_cmpuint (found % IMPORT_PART, ==, 0);
      g_assert_true (i == all->n_files || found == IMPORT_EVENTS);
    }
}

/* The agent is dead; the other tool goes on. */
static void
check_all (All *all)
{
  g_autoptr (LampTestDb) db = open_queue (all->fixture);
  g_autoptr (GHashTable) ids = NULL;

  lamp_test_db_assert_sound (db);
  lamp_test_db_run (db, "BEGIN");
  ids = read_server (all);
  add_rows (all, db, ids);
  lamp_test_db_run (db, "COMMIT");
  check_emissions (all, ids);
  check_imports (all, ids);
}

/* What it has not taken back has been delivered. */
static void
check_output (const char *path,
              GHashTable *server)
{
  g_autoptr (GHashTable) gone = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "gone "))
      g_hash_table_add (gone, lines[i] + strlen ("gone "));

  for (gsize i = 0; lines[i] != NULL; i++)
    {
      char *event_id = lines[i] + strlen ("put ");

      if (!g_str_has_prefix (lines[i], "put "))
        continue;

      *strchr (event_id, ' ') = '\0';
      g_assert_true (g_hash_table_contains (gone, event_id) ||
                     g_hash_table_contains (server, event_id));
    }
}

static gboolean
is_tidied (All        *all,
           LampTestDb *db)
{
  return lamp_bus_agent1_get_pending (all->fixture->proxy) == 0 &&
         lamp_bus_agent1_get_delivered (all->fixture->proxy) == ALL_HISTORY &&
         lamp_test_db_int (db, "SELECT settled + pending FROM lamppost_counter") == 0;
}

/* One more life, which nobody ends: all that is left goes to the server. */
static void
deliver_all (All *all)
{
  g_autoptr (LampTestDb) db = open_queue (all->fixture);
  g_autoptr (GHashTable) server = NULL;

  lamp_test_wait_until (all->writer_result != NULL);
  check_writer (all);
  start_agent (all->fixture);
  start_import (all);
  lamp_test_wait_until (!all->importing);
  lamp_test_wait_until (is_tidied (all, db));
  g_assert_cmpuint (lamp_bus_agent1_get_failed (all->fixture->proxy), ==, 0);

  server = read_server (all);
  for (guint i = 0; i < all->outputs->len; i++)
    check_output (g_ptr_array_index (all->outputs, i), server);
  g_test_message (
    "%u answers, %u kills, %u imports and %u broken off, %u runs of the other tool, "
    "%u events delivered, %u sent again",
    all->fixture->n_answered, all->fixture->n_kills, all->n_files, all->n_broken, all->outputs->len,
    g_hash_table_size (server), lamp_fake_server_get_n_doubles (all->server));
}

static void
test_all_at_once (Fixture      *fixture,
                  gconstpointer data)
{
  All all = { .fixture = fixture, .server = lamp_fake_server_new () };

  fixture->url = g_strdup (lamp_fake_server_get_url (all.server));
  fixture->emissions = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, emission_free);
  all.outputs = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < N_CALLERS; i++)
    all.callers[i] = (Caller){ fixture, connect_to (fixture->bus), i, 0, NULL, G_MAXUINT };
  write_settings (fixture, "history-events=uint32 " G_STRINGIFY (ALL_HISTORY));

  for (guint i = 1; i <= N_ALL_ROUNDS; i++)
    {
      run_round (&all);
      if (i % ALL_CHECK_EVERY == 0)
        check_all (&all);
    }

  deliver_all (&all);
  kill_agent (fixture);
  check_all (&all);
  g_assert_cmpuint (all.n_broken, >, 0);
  g_assert_cmpuint (all.n_files, >, 1);

  for (guint i = 0; i < N_CALLERS; i++)
    disconnect (all.callers[i].connection);
  g_ptr_array_unref (all.outputs);
  g_hash_table_unref (fixture->emissions);
  g_object_unref (all.server);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_autofree char *path = g_strdup_printf ("/kill/emit/%u", i);

      g_test_add (path, Fixture, GUINT_TO_POINTER (i), setup, test_emit, teardown);
    }
  g_test_add ("/kill/batch-in-flight", Fixture, GUINT_TO_POINTER (N_ROUNDS), setup, test_in_flight,
              teardown);
  g_test_add ("/kill/replay", Fixture, GUINT_TO_POINTER (N_ROUNDS + 1), setup, test_replay,
              teardown);

  g_test_add ("/kill/all-at-once", Fixture, GUINT_TO_POINTER (N_ROUNDS + 2), setup,
              test_all_at_once, teardown);

  return g_test_run ();
}
