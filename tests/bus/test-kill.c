/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-generated.h"
#include "lamp-fake-server.h"
#include "lamp-json.h"
#include "lamp-test-util.h"

#include <signal.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

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

/* A test that fails leaves nothing behind that holds its output open. */
static void
die_with_parent (gpointer user_data)
{
#ifdef __linux__
  prctl (PR_SET_PDEATHSIG, SIGKILL);
#endif
}

static GSubprocessLauncher *
new_launcher (GSubprocessFlags flags)
{
  GSubprocessLauncher *launcher = g_subprocess_launcher_new (flags);

  g_subprocess_launcher_set_child_setup (launcher, die_with_parent, NULL, NULL);

  return launcher;
}

static void
spawn_agent (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = new_launcher (G_SUBPROCESS_FLAGS_NONE);
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
  g_test_dbus_up (fixture->bus);
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

static void
assert_counters (LampTestDb *db)
{
  g_autofree char *integrity = lamp_test_db_text (db, "PRAGMA integrity_check");
  g_autofree char *counted = NULL;
  g_autofree char *truth = NULL;

  g_assert_cmpstr (integrity, ==, "ok\n");
  counted = lamp_test_db_text (db,
                               "SELECT pending, failed, settled, history, last_ulid "
                               "FROM lamppost_counter");
  truth = lamp_test_db_text (db,
                             "SELECT (SELECT count(*) FROM lamppost_state WHERE status = 2),"
                             "  (SELECT count(*) FROM lamppost_state WHERE status = 1),"
                             "  (SELECT count(*) FROM lamppost_state WHERE status = 0),"
                             "  (SELECT count(*) FROM lamppost_history),"
                             "  (SELECT max(event_id) FROM (SELECT event_id FROM queue"
                             "    UNION ALL SELECT event_id FROM lamppost_history))");
  g_assert_cmpstr (counted, ==, truth);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM queue WHERE id NOT IN "
                                     "(SELECT id FROM lamppost_state)"),
                   ==, 0);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM lamppost_state WHERE id NOT IN "
                                     "(SELECT id FROM queue)"),
                   ==, 0);
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
  if (caller->n_emits == N_EMITS_EACH)
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
    if (callers[i].n_emits < N_EMITS_EACH)
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
    callers[i] = (Caller){ fixture, connect_to (fixture->bus), i, 0, NULL };

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
  g_autoptr (GSubprocessLauncher) launcher = new_launcher (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
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
write_settings (Fixture *fixture)
{
  g_autofree char *folder = g_build_filename (fixture->home, "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir_with_parents (folder, 0700));
  g_file_set_contents (path, "[io/github/lamppost/Lamppost]\nbatch-size=uint32 " REPLAY_BATCH "\n",
                       -1, &error);
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

  write_settings (fixture);
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

  return g_test_run ();
}
