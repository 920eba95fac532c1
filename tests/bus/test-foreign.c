/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-generated.h"
#include "lamp-fake-server.h"
#include "lamp-json.h"
#include "lamp-test-util.h"

#include <string.h>

/* The real agent beside the other tool: both write the queue's file at once. */

#define INTERFACE "io.github.lamppost.Lamppost.Agent1"

/* How long the other tool works; LAMP_FOREIGN_SECONDS makes it shorter. */
#define WORK_SECONDS 20
#define N_WRITERS 2

/* So that rows change while a batch is in flight, also for long. */
#define DELAY_MAX_MS 60
#define DELAY_INTERVAL_MS 150
#define REPLAY_INTERVAL_MS 330

/* A caller with something else to do between two events. */
#define EMIT_PAUSE_MAX_MS 15

/* What others write is noticed in under two seconds. */
#define NOTICE_MAX_US (2 * G_USEC_PER_SEC)

typedef struct
{
  char *home;             /* (owned) */
  char *queue_path;       /* (owned) */
  LampFakeServer *server; /* (owned) */
  GTestDBus *bus;         /* (owned) */
  GDBusConnection *connection;
  LampBusAgent1 *proxy;
  GSubprocess *agent; /* (owned) (nullable) */
  GRand *random;

  GHashTable *emitted; /* (owned) ids that were answered */
  gint64 last_clock;
  guint emit_id;
  guint n_emitting;
  guint n_passes;
} Fixture;

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

static gboolean
is_owned (Fixture *fixture)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (fixture->proxy));

  return owner != NULL;
}

static void
start_agent (Fixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CONFIG_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "GSETTINGS_BACKEND", "keyfile", TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (fixture->bus), TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_KEY", "token", TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_URL",
                                lamp_fake_server_get_url (fixture->server), TRUE);
  fixture->agent = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_AGENT"),
                                                "--no-tray", NULL);
  g_assert_no_error (error);
  lamp_test_wait_until (is_owned (fixture));
}

static void
stop_agent (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  if (fixture->agent == NULL)
    return;

  g_assert_true (lamp_bus_agent1_call_quit_sync (fixture->proxy, NULL, NULL));
  g_subprocess_wait_check_async (fixture->agent, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_wait_check_finish (fixture->agent, result, &error);
  g_assert_no_error (error);
  g_clear_object (&fixture->agent);
}

/* The history is to hold everything, so that it can be compared. */
static void
write_settings (Fixture *fixture)
{
  g_autofree char *folder = g_build_filename (fixture->home, "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (g_mkdir_with_parents (folder, 0700));
  g_file_set_contents (path, "[io/github/lamppost/Lamppost]\nhistory-events=uint32 1000000\n", -1,
                       &error);
  g_assert_no_error (error);
}

/* Nothing goes wrong, neither for a moment nor with a word. */
static void
properties_changed_cb (LampBusAgent1 *proxy,
                       GVariant      *changed,
                       char         **invalidated,
                       Fixture       *fixture)
{
  g_assert_cmpstr (lamp_bus_agent1_get_last_error (proxy), ==, "");
  g_assert_cmpuint (lamp_bus_agent1_get_failed (proxy), ==, 0);
}

static void
replay_finished_cb (LampBusAgent1 *proxy,
                    guint          delivered,
                    guint          failed,
                    guint          left,
                    const char    *error,
                    Fixture       *fixture)
{
  g_assert_cmpuint (failed, ==, 0);
  g_assert_cmpstr (error, ==, "");
  fixture->n_passes++;
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->home = lamp_test_folder_new ();
  fixture->queue_path = g_build_filename (fixture->home, "queue.db", NULL);
  fixture->server = lamp_fake_server_new ();
  fixture->random = g_rand_new_with_seed (1);
  fixture->emitted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->connection = connect_to (fixture->bus);
  fixture->proxy = lamp_bus_agent1_proxy_new_sync (fixture->connection,
                                                   G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                                                   LAMP_AGENT_ID, LAMP_AGENT_PATH, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (fixture->proxy, "g-properties-changed", G_CALLBACK (properties_changed_cb),
                    fixture);
  g_signal_connect (fixture->proxy, "replay-finished", G_CALLBACK (replay_finished_cb), fixture);
  write_settings (fixture);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->proxy, fixture);
  stop_agent (fixture);
  g_clear_object (&fixture->proxy);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_object_unref (fixture->connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_assert_finalize_object (fixture->server);
  g_hash_table_unref (fixture->emitted);
  g_rand_free (fixture->random);
  g_free (fixture->queue_path);
  lamp_test_folder_free (fixture->home);
}

/* --- our own events ----------------------------------------------------- */

static void
emitted_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  char *event_id = NULL;
  gint64 clock = 0;

  lamp_bus_agent1_call_emit_finish (fixture->proxy, &event_id, &clock, result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (clock, >, fixture->last_clock);
  fixture->last_clock = clock;
  g_assert_true (g_hash_table_add (fixture->emitted, event_id));
  fixture->n_emitting--;
}

static void
emit (Fixture *fixture)
{
  fixture->n_emitting++;
  lamp_bus_agent1_call_emit (fixture->proxy, "mission", "Own", "{\"own\": true}",
                             g_variant_new ("a{sv}", NULL), NULL, emitted_cb, fixture);
}

static gboolean
emit_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  if (fixture->n_emitting == 0)
    emit (fixture);
  fixture->emit_id = g_timeout_add ((guint) g_rand_int_range (fixture->random, 0,
                                                              EMIT_PAUSE_MAX_MS),
                                    emit_cb, fixture);

  return G_SOURCE_REMOVE;
}

static void
replayed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  lamp_bus_agent1_call_replay_now_finish (LAMP_BUS_AGENT1 (source), result, &error);
  g_assert_no_error (error);
}

static gboolean
replay_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  lamp_bus_agent1_call_replay_now (fixture->proxy, NULL, replayed_cb, NULL);

  return G_SOURCE_CONTINUE;
}

static gboolean
delay_cb (gpointer user_data)
{
  Fixture *fixture = user_data;

  lamp_fake_server_set_delay (fixture->server,
                              (guint) g_rand_int_range (fixture->random, 0, DELAY_MAX_MS));

  return G_SOURCE_CONTINUE;
}

/* --- the other tool ----------------------------------------------------- */

static GSubprocess *
start_writer (Fixture    *fixture,
              guint       seed,
              const char *output)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "tests", "lib",
                                                    "lamp-foreign-writer", NULL);
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  const char *wanted = g_getenv ("LAMP_FOREIGN_SECONDS");
  guint64 seconds = wanted != NULL ? g_ascii_strtoull (wanted, NULL, 10) : WORK_SECONDS;
  g_autofree char *seed_text = g_strdup_printf ("%u", seed);
  g_autofree char *milliseconds = g_strdup_printf ("%" G_GUINT64_FORMAT, seconds * 1000);
  g_autoptr (GError) error = NULL;
  GSubprocess *writer;

  g_subprocess_launcher_set_stdout_file_path (launcher, output);
  writer = g_subprocess_launcher_spawn (launcher, &error, program, fixture->queue_path, seed_text,
                                        milliseconds, NULL);
  g_assert_no_error (error);

  return writer;
}

/* What became of an event at last: id → serial number of its bytes, 0 if it was taken back. */
static void
read_writer (const char *output,
             GHashTable *events)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;

  g_file_get_contents (output, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (gsize i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (lines[i], " ", -1);
      guint64 serial = words[2] != NULL ? g_ascii_strtoull (words[2], NULL, 10) : 0;

      g_hash_table_insert (events, g_strdup (words[1]), GUINT_TO_POINTER ((guint) serial));
    }
}

static void
run_writers (Fixture    *fixture,
             GHashTable *events)
{
  GSubprocess *writers[N_WRITERS];
  g_autoptr (GPtrArray) outputs = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < N_WRITERS; i++)
    {
      g_ptr_array_add (outputs, g_strdup_printf ("%s/writer-%u", fixture->home, i));
      writers[i] = start_writer (fixture, i + 1, g_ptr_array_index (outputs, i));
    }

  for (guint i = 0; i < N_WRITERS; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      g_subprocess_wait_check_async (writers[i], NULL, lamp_test_result_cb, &result);
      lamp_test_wait_until (result != NULL);
      g_subprocess_wait_check_finish (writers[i], result, &error);
      g_assert_no_error (error);
      g_object_unref (writers[i]);
      read_writer (g_ptr_array_index (outputs, i), events);
    }
}

/* --- what came of it ---------------------------------------------------- */

static void
assert_properties (Fixture    *fixture,
                   LampTestDb *db)
{
  lamp_test_wait_until (lamp_bus_agent1_get_pending (fixture->proxy) == 0);
  lamp_test_wait_until (lamp_bus_agent1_get_delivered (fixture->proxy) ==
                        (guint64) lamp_test_db_int (db, "SELECT count(*) FROM lamppost_history"));
  g_assert_cmpuint (lamp_bus_agent1_get_failed (fixture->proxy), ==, 0);
  g_assert_cmpint (lamp_bus_agent1_get_oldest_pending (fixture->proxy), ==, 0);
  g_assert_cmpint (lamp_bus_agent1_get_lamport_clock (fixture->proxy), ==,
                   lamp_test_db_int (db, "SELECT max (value) FROM lamppost_clock"));
  g_assert_cmpint (lamp_bus_agent1_get_last_delivery (fixture->proxy), ==,
                   lamp_test_db_int (db, "SELECT last_delivery FROM lamppost_counter"));
}

/* The serial number of the bytes, 0 for our own events. */
static guint
read_serial (const LampJson *envelope)
{
  LampJson payload;
  LampJson serial;
  gint64 value;

  g_assert_true (lamp_json_find (envelope, "payload", &payload));
  if (!lamp_json_find (&payload, "serial", &serial))
    return 0;

  g_assert_true (lamp_json_get_int (&serial, &value));

  return (guint) value;
}

static void
read_batch (const LampFakeRequest *batch,
            GHashTable            *received)
{
  LampJson body;
  LampJson list;
  LampJson envelope;
  LampJsonIter iter;

  g_assert_true (lamp_json_check (g_bytes_get_data (batch->body, NULL),
                                  g_bytes_get_size (batch->body), LAMP_JSON_MAX_DEPTH, &body,
                                  NULL));
  g_assert_true (lamp_json_find (&body, "events", &list));
  lamp_json_iter_init (&iter, &list);
  while (lamp_json_iter_next (&iter, NULL, &envelope))
    {
      LampJson event_id;

      g_assert_true (lamp_json_find (&envelope, "event_id", &event_id));
      g_hash_table_insert (received, lamp_json_dup_string (&event_id),
                           GUINT_TO_POINTER (read_serial (&envelope)));
    }
}

/* What the server was sent: id → serial number of the newest bytes. */
static GHashTable *
read_server (LampFakeServer *server)
{
  GHashTable *received = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < lamp_fake_server_get_n_batches (server); i++)
    read_batch (lamp_fake_server_get_batch (server, i), received);

  return received;
}

/* Each event that the other tool left is there, with the bytes that it left; returns how many. */
static guint
assert_received (GHashTable *events,
                 GHashTable *received)
{
  GHashTableIter iter;
  gpointer event_id;
  gpointer serial;
  guint n_left = 0;

  g_hash_table_iter_init (&iter, events);
  while (g_hash_table_iter_next (&iter, &event_id, &serial))
    {
      gpointer got = NULL;
      gboolean found = g_hash_table_lookup_extended (received, event_id, NULL, &got);

      if (serial == NULL)
        continue;

      if (!found || got != serial)
        g_error ("“%s”: the server has %u, not %u", (char *) event_id, GPOINTER_TO_UINT (got),
                 GPOINTER_TO_UINT (serial));
      n_left++;
    }

  return n_left;
}

static void
assert_once (Fixture    *fixture,
             GHashTable *events)
{
  g_auto (GStrv) taken = lamp_fake_server_dup_ids (fixture->server);
  g_autoptr (GHashTable) set = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer event_id;

  for (gsize i = 0; taken[i] != NULL; i++)
    {
      g_assert_true (g_hash_table_add (set, taken[i]));
      g_assert_true (g_hash_table_contains (events, taken[i]) ||
                     g_hash_table_contains (fixture->emitted, taken[i]));
    }

  g_hash_table_iter_init (&iter, fixture->emitted);
  while (g_hash_table_iter_next (&iter, &event_id, NULL))
    g_assert_true (g_hash_table_contains (set, event_id));
}

/* The history says the same, byte for byte as far as the serial number tells. */
static void
assert_history (LampTestDb *db,
                GHashTable *events)
{
  g_autofree char *text = lamp_test_db_text (db,
                                             "SELECT event_id, json_extract (data, "
                                             "'$.payload.serial') FROM lamppost_history "
                                             "WHERE event_id LIKE '01KF%'");
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  g_autoptr (GHashTable) kept = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; lines[i] != NULL; i++)
    {
      char *bar = strchr (lines[i], '|');

      g_assert_nonnull (bar);
      g_assert_true (
        g_hash_table_insert (kept, g_strndup (lines[i], (gsize) (bar - lines[i])),
                             GUINT_TO_POINTER ((guint) g_ascii_strtoull (bar + 1, NULL, 10))));
    }

  assert_received (events, kept);
}

static gboolean
is_drained (LampTestDb *db)
{
  return lamp_test_db_int (db, "SELECT count(*) FROM queue") == 0;
}

static gboolean
wake_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
wait_drained (LampTestDb *db)
{
  guint wake_id = g_timeout_add (20, wake_cb, NULL);

  lamp_test_wait_until (is_drained (db));
  g_source_remove (wake_id);
}

static void
test_at_work (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GHashTable) events = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) received = NULL;
  g_autoptr (LampTestDb) db = NULL;
  guint delay_id;
  guint replay_id;
  guint n_left;

  start_agent (fixture);
  emit_cb (fixture);
  delay_id = g_timeout_add (DELAY_INTERVAL_MS, delay_cb, fixture);
  replay_id = g_timeout_add (REPLAY_INTERVAL_MS, replay_cb, fixture);
  run_writers (fixture, events);

  g_source_remove (delay_id);
  g_source_remove (replay_id);
  g_source_remove (fixture->emit_id);
  emit (fixture);
  lamp_test_wait_until (fixture->n_emitting == 0);
  db = lamp_test_db_open (fixture->queue_path);
  wait_drained (db);

  received = read_server (fixture->server);
  n_left = assert_received (events, received);
  assert_once (fixture, events);
  assert_history (db, events);
  lamp_test_db_assert_sound (db);
  assert_properties (fixture, db);

  /* Our clock has followed theirs. */
  g_assert_cmpint (fixture->last_clock, >,
                   lamp_test_db_int (db,
                                     "SELECT max (json_extract (data, '$.lamport_clock')) "
                                     "FROM lamppost_history WHERE event_id LIKE '01KF%'"));
  g_assert_cmpuint (n_left, >, 0);
  g_assert_cmpuint (lamp_fake_server_get_n_doubles (fixture->server), >, 0);
  g_test_message (
    "%u events of the other tool, %u left and delivered; %u emitted; %u batches, "
    "%u passes, %u sent again with other bytes",
    g_hash_table_size (events), n_left, g_hash_table_size (fixture->emitted),
    lamp_fake_server_get_n_batches (fixture->server), fixture->n_passes,
    lamp_fake_server_get_n_doubles (fixture->server));
}

/* --- files of the other tool -------------------------------------------- */

#define BODIES "body_upload_queue"

static char *
dump_bodies (LampTestDb *db)
{
  if (lamp_test_db_int (db, "SELECT count(*) FROM sqlite_schema WHERE name = '" BODIES "'") == 0)
    return NULL;

  return lamp_test_db_text (db, "SELECT * FROM " BODIES " ORDER BY id");
}

static void
copy_file (const char *from,
           const char *to)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_file_get_contents (from, &bytes, &length, &error);
  g_assert_no_error (error);
  g_file_set_contents (to, bytes, (gssize) length, &error);
  g_assert_no_error (error);
}

static gboolean
has_taken (Fixture    *fixture,
           const char *event_id)
{
  g_auto (GStrv) taken = lamp_fake_server_dup_ids (fixture->server);

  return g_strv_contains ((const char *const *) taken, event_id);
}

/* Its statements, one after the other, each noticed. */
static void
run_statements (Fixture    *fixture,
                LampTestDb *db)
{
  static const struct
  {
    const char *sql;
    const char *event_id;
  } statements[] = {
    { "INSERT INTO queue (event_id, event_type, data, timestamp) "
      "VALUES ('A', 'T', '{\"event_id\": \"A\"}', 1)",
      "A" },
    { "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, coalesce_key) "
      "VALUES ('B', 'T', '{\"event_id\": \"B\"}', 1, 'key')",
      "B" },
    { "INSERT OR REPLACE INTO queue (event_id, event_type, data, timestamp, coalesce_key) "
      "VALUES ('D', 'T', '{\"event_id\": \"D\"}', 1, 'key-2');"
      "UPDATE queue SET event_id='C', data='{\"event_id\": \"C\"}', timestamp=2 "
      "WHERE id=(SELECT id FROM queue WHERE coalesce_key='key-2');"
      "UPDATE queue SET retry_count = retry_count + 1 WHERE event_id IN ('B', 'C')",
      "C" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (statements); i++)
    {
      gint64 start = g_get_monotonic_time ();

      lamp_test_db_run (db, statements[i].sql);
      lamp_test_wait_until (has_taken (fixture, statements[i].event_id));
      g_assert_cmpint (g_get_monotonic_time () - start, <, NOTICE_MAX_US);
    }

  lamp_test_db_run (db, "DELETE FROM queue WHERE event_id IN ('A', 'B', 'C')");
  wait_drained (db);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT COUNT(*) FROM queue"), ==, 0);
}

static void
test_real_file (Fixture      *fixture,
                gconstpointer data)
{
  g_autofree char *old = lamp_test_dup_shared_file (data);
  g_autoptr (LampTestDb) db = NULL;
  g_autofree char *rows = NULL;
  g_autofree char *rows_now = NULL;
  g_autofree char *bodies = NULL;
  g_autofree char *bodies_now = NULL;
  guint n_taken;

  if (old == NULL)
    return;

  copy_file (old, fixture->queue_path);
  db = lamp_test_db_open (fixture->queue_path);
  rows = lamp_test_db_text (db,
                            "SELECT id, event_id, event_type, data, retry_count FROM queue "
                            "ORDER BY id");
  bodies = dump_bodies (db);
  n_taken = (guint) lamp_test_db_int (db, "SELECT count(*) FROM queue");
  g_assert_cmpuint (n_taken, >, 40);

  start_agent (fixture);
  wait_drained (db);
  rows_now = lamp_test_db_text (db,
                                "SELECT id, event_id, event_type, data, retry_count "
                                "FROM lamppost_history ORDER BY id");
  g_assert_cmpstr (rows_now, ==, rows);
  lamp_test_wait_until (lamp_bus_agent1_get_delivered (fixture->proxy) == n_taken);
  lamp_test_db_assert_sound (db);
  assert_properties (fixture, db);

  run_statements (fixture, db);
  lamp_test_db_assert_sound (db);
  bodies_now = dump_bodies (db);
  g_assert_cmpstr (bodies_now, ==, bodies);
}

#define ADD_WITH(path, data, function)                                                             \
  g_test_add ("/foreign/" path, Fixture, data, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_WITH ("at-work", NULL, test_at_work);
  ADD_WITH ("real-file/2026-02", "queue-2026-02.db", test_real_file);
  ADD_WITH ("real-file/2026-03", "queue-2026-03.db", test_real_file);

  return g_test_run ();
}
