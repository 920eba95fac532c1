/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-generated.h"
#include "lamp-fake-server.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

/* The real agent on a private bus, as its clients see it. */

#define INTERFACE "io.github.lamppost.Lamppost.Agent1"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define ULID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define TOKEN "secret-token"

#define ERROR_PREFIX "io.github.lamppost.Lamppost.Error."
#define ERROR_INVALID_ARGS "org.freedesktop.DBus.Error.InvalidArgs"

#define EXIT_UNREACHABLE 3

/* The bus allows 128 calls in flight. */
#define N_ROUNDS 5
#define N_EACH 100
#define N_MANY (N_ROUNDS * N_EACH)
#define TELL_INTERVAL (100 * (gint64) 1000)
#define NOTICE_WITHIN (2 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  char *home; /* (owned) */
  char *path; /* (owned) of the queue */
  LampFakeServer *server;
  GTestDBus *bus;
  GDBusConnection *connection;
  GSubprocess *agent; /* (nullable) */
  char *token;        /* (owned) (nullable) */
  char *settings;     /* (owned) (nullable) lines of the keyfile */
  gboolean no_server;
  guint watch_id;
  gboolean owned;
  GString *signals; /* a line each */
  GArray *told_at;  /* of gint64: when PropertiesChanged came */
  GVariantDict *told;
} Fixture;

/* --- the agent ---------------------------------------------------------- */

static void
appeared_cb (GDBusConnection *connection,
             const char      *name,
             const char      *owner,
             gpointer         user_data)
{
  ((Fixture *) user_data)->owned = TRUE;
}

static void
vanished_cb (GDBusConnection *connection,
             const char      *name,
             gpointer         user_data)
{
  ((Fixture *) user_data)->owned = FALSE;
}

static void
properties_changed (Fixture  *fixture,
                    GVariant *parameters)
{
  g_autoptr (GVariant) changed = g_variant_get_child_value (parameters, 1);
  gint64 now = g_get_monotonic_time ();
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_array_append_val (fixture->told_at, now);
  g_variant_iter_init (&iter, changed);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    g_variant_dict_insert_value (fixture->told, name, value);
}

static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal_name,
           GVariant        *parameters,
           gpointer         user_data)
{
  Fixture *fixture = user_data;
  g_autofree char *printed = g_variant_print (parameters, FALSE);

  if (g_str_equal (signal_name, "PropertiesChanged"))
    properties_changed (fixture, parameters);
  else
    g_string_append_printf (fixture->signals, "%s %s\n", signal_name, printed);
}

static void
write_settings (Fixture *fixture)
{
  g_autofree char *folder = g_build_filename (fixture->home, "glib-2.0", "settings", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (fixture->settings == NULL)
    return;

  text = g_strdup_printf ("[io/github/lamppost/Lamppost]\n%s", fixture->settings);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static GSubprocess *
spawn_agent (Fixture         *fixture,
             const char      *option,
             GSubprocessFlags flags)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (flags);
  g_autoptr (GError) error = NULL;
  GSubprocess *process;

  write_settings (fixture);
  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CONFIG_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "GSETTINGS_BACKEND", "keyfile", TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS",
                                g_test_dbus_get_bus_address (fixture->bus), TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_KEY",
                                fixture->token != NULL ? fixture->token : "", TRUE);
  g_subprocess_launcher_setenv (launcher, "SAAS_API_URL",
                                fixture->no_server ? ""
                                                   : lamp_fake_server_get_url (fixture->server),
                                TRUE);

  /* It warns where something is wrong, which is what some tests are about. */
  g_subprocess_launcher_setenv (launcher, "G_DEBUG", "fatal-criticals", TRUE);

  process = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_AGENT"), "--no-tray",
                                         option, NULL);
  g_assert_no_error (error);

  return process;
}

static void
start (Fixture *fixture)
{
  g_assert_null (fixture->agent);
  fixture->agent = spawn_agent (fixture, NULL, G_SUBPROCESS_FLAGS_NONE);
  lamp_test_wait_until (fixture->owned);
}

/* Returns the exit status. */
static int
wait_for (GSubprocess *process)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_wait_async (process, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_subprocess_wait_finish (process, result, &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (process));

  return g_subprocess_get_exit_status (process);
}

static void
end (Fixture *fixture)
{
  g_subprocess_send_signal (fixture->agent, SIGTERM);
  g_assert_cmpint (wait_for (fixture->agent), ==, 0);
  g_clear_object (&fixture->agent);
  lamp_test_wait_until (!fixture->owned);
}

static GVariant *
call_on (Fixture    *fixture,
         const char *interface,
         const char *method,
         GVariant   *parameters,
         GError    **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (fixture->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH, interface, method,
                          parameters, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL,
                          lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return g_dbus_connection_call_finish (fixture->connection, result, error);
}

static GVariant *
call (Fixture    *fixture,
      const char *method,
      GVariant   *parameters)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = call_on (fixture, INTERFACE, method, parameters, &error);

  g_assert_no_error (error);

  return reply;
}

static void
run (Fixture    *fixture,
     const char *method,
     GVariant   *parameters)
{
  g_variant_unref (call (fixture, method, parameters));
}

/* Returns the message. */
static char *
refuse_on (Fixture    *fixture,
           const char *interface,
           const char *method,
           GVariant   *parameters,
           const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (fixture, interface, method, parameters, &error);
  g_autofree char *remote = NULL;

  g_assert_null (reply);
  g_assert_nonnull (error);
  remote = g_dbus_error_get_remote_error (error);
  g_assert_cmpstr (remote, ==, name);
  g_dbus_error_strip_remote_error (error);
  g_assert_cmpstr (error->message, !=, "");

  return g_strdup (error->message);
}

static char *
refuse (Fixture    *fixture,
        const char *method,
        GVariant   *parameters,
        const char *name)
{
  return refuse_on (fixture, INTERFACE, method, parameters, name);
}

#define assert_contains(text, part)                                                                \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (strstr ((text), (part)) == NULL)                                                           \
      g_error ("“%s” is not in “%s”", (part), (text));                                             \
  }                                                                                                \
  G_STMT_END

static void
assert_refused (Fixture    *fixture,
                const char *method,
                const char *parameters,
                const char *name,
                const char *words)
{
  g_autofree char *message = refuse (fixture, method, g_variant_new_parsed (parameters), name);

  assert_contains (message, words);
}

static GVariant *
get_property (Fixture    *fixture,
              const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (fixture, PROPERTIES, "Get",
                                        g_variant_new ("(ss)", INTERFACE, name), &error);
  GVariant *value = NULL;

  g_assert_no_error (error);
  g_variant_get (reply, "(v)", &value);

  return value;
}

static guint64
get_number (Fixture    *fixture,
            const char *name)
{
  g_autoptr (GVariant) value = get_property (fixture, name);

  return g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64)
           ? g_variant_get_uint64 (value)
           : (guint64) g_variant_get_int64 (value);
}

static gboolean
get_flag (Fixture    *fixture,
          const char *name)
{
  g_autoptr (GVariant) value = get_property (fixture, name);

  return g_variant_get_boolean (value);
}

static char *
dup_text (Fixture    *fixture,
          const char *name)
{
  g_autoptr (GVariant) value = get_property (fixture, name);

  return g_variant_dup_string (value, NULL);
}

static gboolean
is_state (Fixture    *fixture,
          const char *state)
{
  g_autofree char *text = dup_text (fixture, "State");

  return g_str_equal (text, state);
}

static void
set_paused (Fixture *fixture,
            gboolean paused)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  reply = call_on (fixture, PROPERTIES, "Set",
                   g_variant_new ("(ssv)", INTERFACE, "Paused", g_variant_new_boolean (paused)),
                   &error);
  g_assert_no_error (error);
}

static char *
emit_as (Fixture    *fixture,
         const char *mission_id,
         const char *event_type,
         const char *payload)
{
  g_autoptr (GVariant) reply = call (fixture, "Emit",
                                     g_variant_new ("(sss@a{sv})", mission_id, event_type, payload,
                                                    g_variant_new_parsed ("@a{sv} {}")));
  char *id = NULL;

  g_variant_get (reply, "(sx)", &id, NULL);

  return id;
}

static char *
emit (Fixture *fixture)
{
  return emit_as (fixture, "m", "T", "{}");
}

static void
wait_for_signal (Fixture    *fixture,
                 const char *part)
{
  lamp_test_wait_until (strstr (fixture->signals->str, part) != NULL);
}

/* --- before and after --------------------------------------------------- */

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->home = lamp_test_folder_new ();
  fixture->path = g_build_filename (fixture->home, "queue.db", NULL);
  fixture->signals = g_string_new (NULL);
  fixture->told_at = g_array_new (FALSE, FALSE, sizeof (gint64));
  fixture->told = g_variant_dict_new (NULL);

  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);

  /* After the bus, which leaves a process behind that keeps open what is open now. */
  fixture->server = lamp_fake_server_new ();
  fixture->connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_signal_subscribe (fixture->connection, NULL, NULL, NULL, LAMP_AGENT_PATH, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, signal_cb, fixture, NULL);
  fixture->watch_id = g_bus_watch_name_on_connection (fixture->connection, LAMP_AGENT_ID,
                                                      G_BUS_NAME_WATCHER_FLAGS_NONE, appeared_cb,
                                                      vanished_cb, fixture, NULL);
}

static void
set_up_started (Fixture      *fixture,
                gconstpointer data)
{
  set_up (fixture, data);
  start (fixture);
}

static void
set_up_paused (Fixture      *fixture,
               gconstpointer data)
{
  set_up_started (fixture, data);
  set_paused (fixture, TRUE);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->agent != NULL)
    end (fixture);

  g_bus_unwatch_name (fixture->watch_id);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_object_unref (fixture->connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_object_unref (fixture->server);
  g_variant_dict_unref (fixture->told);
  g_array_unref (fixture->told_at);
  g_string_free (fixture->signals, TRUE);
  lamp_test_folder_free (fixture->home);
  g_free (fixture->path);
  g_free (fixture->token);
  g_free (fixture->settings);
}

/* --- the contract ------------------------------------------------------- */

static void
test_interface (Fixture      *fixture,
                gconstpointer data)
{
  static const char *const methods[] = {
    "Emit", "EmitBatch", "Observe",    "ReplayNow", "Resend",  "ResendAll",  "Discard", "List",
    "Get",  "SetToken",  "ClearToken", "Import",    "History", "ShowWindow", "Quit",
  };
  static const char *const signals[] = { "EventQueued", "EventsDelivered", "EventsFailed",
                                         "ReplayFinished" };
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (fixture, "org.freedesktop.DBus.Introspectable",
                                        "Introspect", NULL, &error);
  g_autoptr (GDBusNodeInfo) node = NULL;
  GDBusInterfaceInfo *info;
  const char *xml;

  g_assert_no_error (error);
  g_variant_get (reply, "(&s)", &xml);
  node = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  info = g_dbus_node_info_lookup_interface (node, INTERFACE);
  g_assert_nonnull (info);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++)
    g_assert_nonnull (g_dbus_interface_info_lookup_method (info, methods[i]));
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_assert_nonnull (g_dbus_interface_info_lookup_signal (info, signals[i]));
}

static void
test_properties (Fixture      *fixture,
                 gconstpointer data)
{
  static const struct
  {
    const char *name;
    const char *type;
    const char *value; /* (nullable) */
  } properties[] = {
    { "State", "s", NULL },
    { "Online", "b", NULL },
    { "Paused", "b", "false" },
    { "Pending", "t", "0" },
    { "Failed", "t", "0" },
    { "Delivered", "t", "0" },
    { "Capacity", "t", "100000" },
    { "ReplayDone", "t", "0" },
    { "ReplayTotal", "t", "0" },
    { "NextRetry", "x", "0" },
    { "OfflineSince", "x", NULL },
    { "LastDelivery", "x", "0" },
    { "OldestPending", "x", "0" },
    { "LamportClock", "x", "0" },
    { "NodeId", "s", NULL },
    { "ServerUrl", "s", NULL },
    { "QueuePath", "s", NULL },
    { "LastError", "s", "''" },
    { "TrayStatus", "s", "''" },
    { "Version", "s", "'" LAMP_VERSION "'" },
  };
  g_autofree char *node = dup_text (fixture, "NodeId");
  g_autofree char *url = dup_text (fixture, "ServerUrl");
  g_autofree char *path = dup_text (fixture, "QueuePath");
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call_on (fixture, PROPERTIES, "GetAll",
                                        g_variant_new ("(s)", INTERFACE), &error);
  g_autoptr (GVariant) all = NULL;

  g_assert_no_error (error);
  all = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (all), ==, G_N_ELEMENTS (properties));
  for (guint i = 0; i < G_N_ELEMENTS (properties); i++)
    {
      g_autoptr (GVariant) value = get_property (fixture, properties[i].name);
      g_autofree char *printed = g_variant_print (value, FALSE);

      g_assert_cmpstr (g_variant_get_type_string (value), ==, properties[i].type);
      if (properties[i].value != NULL)
        g_assert_cmpstr (printed, ==, properties[i].value);
    }

  g_assert_cmpuint (strlen (node), ==, 12);
  g_assert_cmpstr (url, ==, lamp_fake_server_get_url (fixture->server));
  g_assert_cmpstr (path, ==, fixture->path);
  lamp_test_wait_until (is_state (fixture, "idle"));
  g_assert_true (get_flag (fixture, "Online"));
}

/* Whoever sees the name sees true numbers. */
static void
test_true_from_the_first (Fixture      *fixture,
                          gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  lamp_fake_server_stop (fixture->server);
  start (fixture);
  first = emit (fixture);
  second = emit (fixture);
  end (fixture);

  start (fixture);
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 2);
  g_assert_cmpuint (get_number (fixture, "LamportClock"), ==, 2);
  g_assert_cmpuint (get_number (fixture, "OldestPending"), >, 0);
}

static void
test_properties_are_read_only (Fixture      *fixture,
                               gconstpointer data)
{
  g_free (refuse_on (fixture, PROPERTIES, "Set",
                     g_variant_new ("(ssv)", INTERFACE, "Pending", g_variant_new_uint64 (7)),
                     ERROR_INVALID_ARGS));
  g_free (refuse_on (fixture, PROPERTIES, "Get", g_variant_new ("(ss)", INTERFACE, "Colour"),
                     ERROR_INVALID_ARGS));
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 0);
}

/* --- emit --------------------------------------------------------------- */

static void
test_emit (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (GVariant) reply =
    call (fixture, "Emit",
          g_variant_new_parsed ("('mission', 'CommentPosted', '{\"a\": 1}', @a{sv} {})"));
  g_autofree char *sql = NULL;
  g_autofree char *line = NULL;
  g_autofree char *envelope = NULL;
  g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->path);
  const char *id;
  gint64 clock;

  /* It is in the file when it is answered. */
  g_variant_get (reply, "(&sx)", &id, &clock);
  sql = g_strdup_printf ("SELECT data FROM queue WHERE event_id = '%s'", id);
  envelope = lamp_test_db_text (db, sql);
  assert_contains (envelope, "\"payload\":{\"a\": 1}");
  assert_contains (envelope, id);
  g_assert_cmpint (clock, ==, 1);

  line = g_strdup_printf ("EventQueued ('%s', 'CommentPosted', 'mission', 1)\n", id);
  wait_for_signal (fixture, line);
  g_assert_cmpuint (get_number (fixture, "LamportClock"), ==, 1);
}

static void
test_emit_options (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GVariant) reply =
    call (fixture, "Emit",
          g_variant_new_parsed (
            "('m', 'T', '{}', {'causation_id': <'" ULID "'>, 'correlation_id': <'" ULID "'>,"
            " 'project_uuid': <'12345678-1234-1234-1234-123456789abc'>, 'project_slug': <'slug'>,"
            " 'schema_version': <'2.0.0'>, 'aggregate_id': <'thing/1'>,"
            " 'timestamp': <'2026-01-02T03:04:05.000006Z'>, 'data_tier': <3>,"
            " 'extra': <'{\"more\": true}'>})"));
  g_autoptr (GVariant) got = NULL;
  const char *id;
  const char *envelope;

  g_variant_get (reply, "(&sx)", &id, NULL);
  got = call (fixture, "Get", g_variant_new ("(s)", id));
  g_variant_get (got, "(&s@a{sv})", &envelope, NULL);
  assert_contains (envelope, "\"causation_id\":\"" ULID "\"");
  assert_contains (envelope, "\"correlation_id\":\"" ULID "\"");
  assert_contains (envelope, "\"project_uuid\":\"12345678-1234-1234-1234-123456789abc\"");
  assert_contains (envelope, "\"project_slug\":\"slug\"");
  assert_contains (envelope, "\"schema_version\":\"2.0.0\"");
  assert_contains (envelope, "\"aggregate_id\":\"thing/1\"");
  assert_contains (envelope, "\"timestamp\":\"2026-01-02T03:04:05.000006Z\"");
  assert_contains (envelope, "\"data_tier\":3");
  assert_contains (envelope, "\"more\":");
}

static void
test_emit_refused (Fixture      *fixture,
                   gconstpointer data)
{
  static const struct
  {
    const char *parameters;
    const char *words;
  } cases[] = {
    { "('', 'T', '{}', @a{sv} {})", "mission_id" },
    { "('m', '', '{}', @a{sv} {})", "event_type" },
    { "('m', 'T', '[]', @a{sv} {})", "payload" },
    { "('m', 'T', '{', @a{sv} {})", "payload" },
    { "('m', 'T', '{}', {'colour': <'red'>})", "colour" },
    { "('m', 'T', '{}', {'data_tier': <'3'>})", "data_tier" },
    { "('m', 'T', '{}', {'data_tier': <-1>})", "data_tier" },
    { "('m', 'T', '{}', {'causation_id': <'x'>})", "causation_id" },
    { "('m', 'T', '{}', {'timestamp': <'noon'>})", "timestamp" },
    { "('m', 'T', '{}', {'extra': <'{\"payload\": 1}'>})", "payload" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (fixture, "Emit", cases[i].parameters, ERROR_PREFIX "InvalidEvent",
                    cases[i].words);

  assert_refused (fixture, "Emit", "('m', 'T')", ERROR_INVALID_ARGS, "");
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 0);
  g_assert_cmpuint (get_number (fixture, "LamportClock"), ==, 0);
}

static void
test_emit_batch (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GVariant) reply =
    call (fixture, "EmitBatch",
          g_variant_new_parsed ("([('m', 'A', '{}', @a{sv} {}), ('m', 'B', '{}', {})],)"));
  g_autoptr (GVariant) receipts = g_variant_get_child_value (reply, 0);
  gint64 clocks[2];

  run (fixture, "EmitBatch", g_variant_new_parsed ("(@a(sssa{sv}) [],)"));
  g_assert_cmpuint (g_variant_n_children (receipts), ==, 2);
  g_variant_get_child (receipts, 0, "(sx)", NULL, &clocks[0]);
  g_variant_get_child (receipts, 1, "(sx)", NULL, &clocks[1]);
  g_assert_cmpint (clocks[1], ==, clocks[0] + 1);
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 2);

  /* All or none. */
  assert_refused (fixture, "EmitBatch", "([('m', 'A', '{}', @a{sv} {}), ('m', 'B', 'no', {})],)",
                  ERROR_PREFIX "InvalidEvent", "event 2 of 2: payload");
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 2);
}

static GVariant *
batch_of (guint       count,
          const char *payload)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sssa{sv})"));
  for (guint i = 0; i < count; i++)
    g_variant_builder_add (&builder, "(sss@a{sv})", "m", "T", payload,
                           g_variant_new_parsed ("@a{sv} {}"));

  return g_variant_new ("(a(sssa{sv}))", &builder);
}

static void
test_emit_batch_limits (Fixture      *fixture,
                        gconstpointer data)
{
  g_autofree char *filling = g_strnfill (250 * 1024, 'x');
  g_autofree char *payload = g_strdup_printf ("{\"x\":\"%s\"}", filling);
  g_autofree char *many = NULL;
  g_autofree char *large = NULL;

  many = refuse (fixture, "EmitBatch", batch_of (1001, "{}"), ERROR_PREFIX "InvalidEvent");
  assert_contains (many, "1000");
  large = refuse (fixture, "EmitBatch", batch_of (68, payload), ERROR_PREFIX "InvalidEvent");
  assert_contains (large, "16777216");
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 0);

  run (fixture, "EmitBatch", batch_of (1000, "{}"));
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 1000);
}

static void
test_queue_full (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *id = NULL;

  fixture->settings = g_strdup ("capacity=uint32 1\npaused=true\n");
  start (fixture);
  g_assert_cmpuint (get_number (fixture, "Capacity"), ==, 1);
  g_assert_true (get_flag (fixture, "Paused"));
  id = emit (fixture);
  assert_refused (fixture, "Emit", "('m', 'T', '{}', @a{sv} {})", ERROR_PREFIX "QueueFull", "1");
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 1);
}

static void
test_observe (Fixture      *fixture,
              gconstpointer data)
{
  static const struct
  {
    gint64 received;
    gint64 clock;
  } cases[] = { { 41, 42 }, { 5, 43 }, { 0, 44 }, { G_GINT64_CONSTANT (9007199254740992), 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) reply = call (fixture, "Observe",
                                         g_variant_new ("(x)", cases[i].received));
      gint64 clock;

      g_variant_get (reply, "(x)", &clock);
      g_assert_cmpint (clock, ==, cases[i].clock != 0 ? cases[i].clock : cases[i].received + 1);
      g_assert_cmpuint (get_number (fixture, "LamportClock"), ==, clock);
    }

  assert_refused (fixture, "Observe", "(int64 -1,)", ERROR_PREFIX "InvalidEvent", "-1");
  assert_refused (fixture, "Observe", "(int64 9007199254740993,)", ERROR_PREFIX "InvalidEvent",
                  "9007199254740993");
}

/* --- list and get ------------------------------------------------------- */

/* Returns the types that a list shows, a letter each. */
static char *
list (Fixture    *fixture,
      const char *filter,
      gint64     *cursor,
      guint       limit)
{
  g_autoptr (GVariant) reply = call (fixture, "List",
                                     g_variant_new ("(@a{sv}xu)", g_variant_new_parsed (filter),
                                                    *cursor, limit));
  g_autoptr (GVariant) rows = NULL;
  GString *types = g_string_new (NULL);

  g_variant_get (reply, "(@aa{sv}x)", &rows, cursor);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char *type;

      g_assert_true (g_variant_lookup (row, "event_type", "&s", &type));
      g_string_append (types, type);
    }

  return g_string_free (types, FALSE);
}

static void
assert_list (Fixture    *fixture,
             const char *filter,
             const char *types)
{
  gint64 cursor = 0;
  g_autofree char *listed = list (fixture, filter, &cursor, 1000);

  g_assert_cmpstr (listed, ==, types);
  g_assert_cmpint (cursor, ==, 0);
}

static void
test_list (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  gint64 cursor = 0;

  g_free (emit_as (fixture, "one", "A", "{\"text\": \"Zebra\"}"));
  g_free (emit_as (fixture, "two", "B", "{}"));
  g_free (emit_as (fixture, "one", "C", "{}"));
  assert_list (fixture, "@a{sv} {}", "CBA");
  assert_list (fixture, "{'status': <'all'>}", "CBA");
  assert_list (fixture, "{'status': <'pending'>}", "CBA");
  assert_list (fixture, "{'status': <'failed'>}", "");
  assert_list (fixture, "{'mission_id': <'one'>}", "CA");
  assert_list (fixture, "{'event_type': <'B'>}", "B");
  assert_list (fixture, "{'text': <'zebra'>}", "A");
  assert_list (fixture, "{'mission_id': <'one'>, 'event_type': <'B'>}", "");

  first = list (fixture, "@a{sv} {}", &cursor, 2);
  g_assert_cmpstr (first, ==, "CB");
  g_assert_cmpint (cursor, !=, 0);
  second = list (fixture, "@a{sv} {}", &cursor, 2);
  g_assert_cmpstr (second, ==, "A");
  g_assert_cmpint (cursor, ==, 0);

  assert_refused (fixture, "List", "({'status': <'lost'>}, int64 0, uint32 1)", ERROR_INVALID_ARGS,
                  "status");
  assert_refused (fixture, "List", "({'colour': <'red'>}, int64 0, uint32 1)", ERROR_INVALID_ARGS,
                  "colour");
  assert_refused (fixture, "List", "({'text': <7>}, int64 0, uint32 1)", ERROR_INVALID_ARGS,
                  "text");
  assert_refused (fixture, "List", "(@a{sv} {}, int64 -1, uint32 1)", ERROR_INVALID_ARGS, "cursor");
  assert_refused (fixture, "List", "(@a{sv} {}, int64 0, uint32 0)", ERROR_INVALID_ARGS, "limit");
  assert_refused (fixture, "List", "(@a{sv} {}, int64 0, uint32 1001)", ERROR_INVALID_ARGS,
                  "limit");
}

static void
test_get (Fixture      *fixture,
          gconstpointer data)
{
  static const struct
  {
    const char *key;
    const char *type;
  } keys[] = {
    { "event_id", "s" },     { "event_type", "s" },    { "mission_id", "s" },
    { "aggregate_id", "s" }, { "status", "s" },        { "timestamp", "s" },
    { "error_code", "s" },   { "error_message", "s" }, { "lamport_clock", "x" },
    { "queued_at", "x" },    { "last_retry_at", "x" }, { "delivered_at", "x" },
    { "retry_count", "u" },
  };
  g_autofree char *id = emit (fixture);
  g_autoptr (GVariant) reply = call (fixture, "Get", g_variant_new ("(s)", id));
  g_autoptr (GVariant) row = NULL;
  const char *envelope;

  g_variant_get (reply, "(&s@a{sv})", &envelope, &row);
  g_assert_true (g_str_has_prefix (envelope, "{\"event_id\":\""));
  g_assert_cmpuint (g_variant_n_children (row), ==, G_N_ELEMENTS (keys));
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GVariant) value = g_variant_lookup_value (row, keys[i].key, NULL);

      g_assert_nonnull (value);
      g_assert_cmpstr (g_variant_get_type_string (value), ==, keys[i].type);
    }

  assert_refused (fixture, "Get", "('" ULID "',)", ERROR_PREFIX "NotFound", ULID);
}

/* --- replay ------------------------------------------------------------- */

static void
test_delivers (Fixture      *fixture,
               gconstpointer data)
{
  g_autofree char *id = emit (fixture);
  g_autofree char *line = g_strdup_printf ("EventsDelivered (['%s'],)\n", id);

  wait_for_signal (fixture, line);
  wait_for_signal (fixture, "ReplayFinished (1, 0, 0, '')\n");
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 0);
  g_assert_cmpuint (get_number (fixture, "Delivered"), ==, 1);
  g_assert_cmpuint (get_number (fixture, "LastDelivery"), >, 0);
  g_assert_cmpuint (get_number (fixture, "OldestPending"), ==, 0);
  g_assert_true (is_state (fixture, "idle"));
  assert_list (fixture, "{'status': <'delivered'>}", "T");
}

static void
test_failed (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  g_autofree char *line = NULL;
  g_autofree char *gone = NULL;
  const char *ids[] = { NULL, ULID, NULL };
  guint count;

  set_paused (fixture, TRUE);
  a = emit (fixture);
  b = emit (fixture);
  ids[0] = a;
  lamp_fake_server_reject_id (fixture->server, a, "bad", "words");
  lamp_fake_server_reject_id (fixture->server, b, "bad", "words");
  set_paused (fixture, FALSE);
  line = g_strdup_printf ("EventsFailed ([('%s', 'bad', 'words'), ('%s', 'bad', 'words')],)\n", a,
                          b);
  wait_for_signal (fixture, line);
  wait_for_signal (fixture, "ReplayFinished (0, 2, 0, '')\n");
  g_assert_cmpuint (get_number (fixture, "Failed"), ==, 2);

  {
    g_autoptr (GVariant) reply = call (fixture, "Resend", g_variant_new ("(^as)", ids));

    g_variant_get (reply, "(u)", &count);
    g_assert_cmpuint (count, ==, 1);
  }
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == 2);
  lamp_test_wait_until (get_number (fixture, "Failed") == 2);
  {
    g_autoptr (GVariant) reply = call (fixture, "ResendAll", NULL);

    g_variant_get (reply, "(u)", &count);
    g_assert_cmpuint (count, ==, 2);
  }
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == 3);
  lamp_test_wait_until (get_number (fixture, "Failed") == 2);
  {
    g_autoptr (GVariant) reply = call (fixture, "Discard", g_variant_new ("(^as)", ids));

    g_variant_get (reply, "(u)", &count);
    g_assert_cmpuint (count, ==, 1);
  }
  g_assert_cmpuint (get_number (fixture, "Failed"), ==, 1);
  gone = refuse (fixture, "Get", g_variant_new ("(s)", a), ERROR_PREFIX "NotFound");
}

static void
test_discard_spares_pending (Fixture      *fixture,
                             gconstpointer data)
{
  g_autofree char *id = emit (fixture);
  const char *ids[] = { id, NULL };
  g_autoptr (GVariant) reply = call (fixture, "Discard", g_variant_new ("(^as)", ids));
  guint count;

  g_variant_get (reply, "(u)", &count);
  g_assert_cmpuint (count, ==, 0);
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 1);
}

static void
test_paused (Fixture      *fixture,
             gconstpointer data)
{
  g_free (emit (fixture));
  g_assert_true (get_flag (fixture, "Paused"));
  g_assert_true (is_state (fixture, "paused"));
  assert_refused (fixture, "ReplayNow", "()", ERROR_PREFIX "Paused", "lamppost unpause");

  /* It outlives the agent. */
  end (fixture);
  start (fixture);
  g_assert_true (get_flag (fixture, "Paused"));
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 0);

  set_paused (fixture, FALSE);
  g_assert_false (get_flag (fixture, "Paused"));
  lamp_test_wait_until (get_number (fixture, "Delivered") == 1);
}

/* What waits was for another server: it is asked for, also by an agent that has just started. */
static void
test_asks_before_new_server (Fixture      *fixture,
                             gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  g_autofree char *path = NULL;
  g_autofree char *error = NULL;

  lamp_fake_server_stop (fixture->server);
  start (fixture);
  g_free (emit (fixture));
  path = dup_text (fixture, "QueuePath");
  end (fixture);
  db = lamp_test_db_open (path);
  lamp_test_db_run (db,
                    "INSERT INTO lamppost_server (id, origin) VALUES (7, 'https://old.test');"
                    "UPDATE lamppost_counter SET last_server = 7");

  lamp_fake_server_start (fixture->server);
  start (fixture);
  g_assert_true (get_flag (fixture, "Paused"));
  g_assert_true (is_state (fixture, "paused"));
  error = dup_text (fixture, "LastError");
  g_assert_nonnull (strstr (error, "https://old.test"));
  assert_refused (fixture, "ReplayNow", "()", ERROR_PREFIX "Paused", "lamppost unpause");
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 0);

  set_paused (fixture, FALSE);
  g_assert_false (get_flag (fixture, "Paused"));
  lamp_test_wait_until (get_number (fixture, "Delivered") == 1);
}

static void
test_unconfigured (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *id = NULL;

  fixture->no_server = TRUE;
  start (fixture);
  g_assert_true (is_state (fixture, "unconfigured"));
  assert_refused (fixture, "ReplayNow", "()", ERROR_PREFIX "Unconfigured", "SAAS_API_URL");
  id = emit (fixture);
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, 1);
  g_assert_cmpuint (get_number (fixture, "NextRetry"), ==, 0);
}

static void
test_replay_now (Fixture      *fixture,
                 gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_fake_server_stop (fixture->server);
  start (fixture);
  id = emit (fixture);
  wait_for_signal (fixture, "ReplayFinished (0, 0, 1, ");
  lamp_test_wait_until (is_state (fixture, "offline"));
  g_assert_false (get_flag (fixture, "Online"));
  g_assert_cmpuint (get_number (fixture, "NextRetry"), >, g_get_real_time () - G_USEC_PER_SEC);
  g_assert_cmpuint (get_number (fixture, "OfflineSince"), >, 0);
  g_assert_cmpuint (get_number (fixture, "OfflineSince"), <=, g_get_real_time ());

  lamp_fake_server_start (fixture->server);
  run (fixture, "ReplayNow", NULL);
  wait_for_signal (fixture, "ReplayFinished (1, 0, 0, '')\n");
  g_assert_cmpuint (get_number (fixture, "OfflineSince"), ==, 0);

  /* An empty pass tells of its end too. */
  g_string_truncate (fixture->signals, 0);
  run (fixture, "ReplayNow", NULL);
  wait_for_signal (fixture, "ReplayFinished (0, 0, 0, '')\n");
}

/* The server wants another token, and nobody repeats the one it was given. */
static void
test_unauthorized (Fixture      *fixture,
                   gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *problem = NULL;
  g_autofree char *solved = NULL;

  fixture->token = g_strdup (TOKEN);
  lamp_fake_server_set_token (fixture->server, "another");
  start (fixture);
  id = emit (fixture);
  lamp_test_wait_until (is_state (fixture, "unauthorized"));
  problem = dup_text (fixture, "LastError");
  assert_contains (problem, "401");
  g_assert_null (strstr (problem, TOKEN));

  lamp_fake_server_set_token (fixture->server, TOKEN);
  run (fixture, "ReplayNow", NULL);
  lamp_test_wait_until (get_number (fixture, "Delivered") == 1);
  lamp_test_wait_until (is_state (fixture, "idle"));
  solved = dup_text (fixture, "LastError");
  g_assert_cmpstr (solved, ==, "");
}

/* --- properties --------------------------------------------------------- */

static void
answered_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  guint *n_answered = user_data;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_assert_no_error (error);
  (*n_answered)++;
}

static guint64
get_told (Fixture    *fixture,
          const char *name)
{
  guint64 value = 0;

  g_variant_dict_lookup (fixture->told, name, "t", &value);

  return value;
}

/* At most ten a second, and the last one is right. */
static void
test_properties_changed (Fixture      *fixture,
                         gconstpointer data)
{
  guint n_answered = 0;
  gint64 begin;

  lamp_test_wait_until (fixture->told_at->len > 0);
  g_array_set_size (fixture->told_at, 0);
  begin = g_get_monotonic_time ();
  for (guint i = 1; i <= N_ROUNDS; i++)
    {
      for (guint j = 0; j < N_EACH; j++)
        g_dbus_connection_call (fixture->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH, INTERFACE,
                                "Emit", g_variant_new_parsed ("('m', 'T', '{}', @a{sv} {})"), NULL,
                                G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, answered_cb,
                                &n_answered);
      lamp_test_wait_until (n_answered == i * N_EACH);
    }
  lamp_test_wait_until (get_told (fixture, "Pending") == N_MANY);
  g_assert_cmpuint (fixture->told_at->len, <=,
                    (g_get_monotonic_time () - begin) / TELL_INTERVAL + 2);
  g_assert_cmpuint (get_number (fixture, "Pending"), ==, N_MANY);
}

static void
test_get_is_never_older (Fixture      *fixture,
                         gconstpointer data)
{
  for (guint i = 1; i <= 100; i++)
    {
      g_free (emit (fixture));
      g_assert_cmpuint (get_number (fixture, "Pending"), ==, i);
      g_assert_cmpuint (get_number (fixture, "LamportClock"), ==, i);
    }
}

/* --- the rest ----------------------------------------------------------- */

static void
test_token_without_secret_service (Fixture      *fixture,
                                   gconstpointer data)
{
  g_autofree char *message = refuse (fixture, "SetToken", g_variant_new ("(s)", TOKEN),
                                     ERROR_PREFIX "Storage");
  g_autofree char *clear = refuse (fixture, "ClearToken", NULL, ERROR_PREFIX "Storage");

  assert_contains (message, "SAAS_API_KEY");
  assert_contains (clear, "SAAS_API_KEY");
  g_assert_null (strstr (message, TOKEN));
  assert_refused (fixture, "SetToken", "('',)", ERROR_INVALID_ARGS, "token");
  assert_refused (fixture, "SetToken", "('two\\nlines',)", ERROR_INVALID_ARGS, "token");
}

static void
test_history (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) points = NULL;
  gint64 time = 0;
  guint pending = 0;
  guint delivered = 0;
  guint failed = 0;

  g_free (emit (fixture));
  reply = call (fixture, "History",
                g_variant_new ("(xu)", g_get_real_time () - G_TIME_SPAN_HOUR, 60));
  points = g_variant_get_child_value (reply, 0);
  g_assert_cmpuint (g_variant_n_children (points), >=, 60);
  g_assert_cmpuint (g_variant_n_children (points), <=, 62);
  g_variant_get_child (points, g_variant_n_children (points) - 1, "(xuuu)", &time, &pending,
                       &delivered, &failed);
  g_assert_cmpint (ABS (g_get_real_time () - time), <, 2 * G_TIME_SPAN_MINUTE);
  g_assert_cmpuint (pending, ==, 1);
  g_assert_cmpuint (failed, ==, 0);

  assert_refused (fixture, "History", "(int64 0, uint32 0)", ERROR_INVALID_ARGS, "step_seconds");
  assert_refused (fixture, "History", "(int64 0, uint32 1)", ERROR_INVALID_ARGS, "step_seconds");
}

static void
test_not_yet (Fixture      *fixture,
              gconstpointer data)
{
  assert_refused (fixture, "ShowWindow", "()", ERROR_PREFIX "NotFound", "lamppost status");
}

static void
test_quit (Fixture      *fixture,
           gconstpointer data)
{
  run (fixture, "Quit", NULL);
  g_assert_cmpint (wait_for (fixture->agent), ==, 0);
  g_clear_object (&fixture->agent);
}

static void
test_signal_ends (Fixture      *fixture,
                  gconstpointer data)
{
  g_subprocess_send_signal (fixture->agent, GPOINTER_TO_INT (data));
  g_assert_cmpint (wait_for (fixture->agent), ==, 0);
  g_clear_object (&fixture->agent);
}

/* What is in flight when it ends is recorded. */
static void
test_quit_waits_for_batch (Fixture      *fixture,
                           gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_fake_server_set_delay (fixture->server, 500);
  id = emit (fixture);
  g_assert_true (lamp_fake_server_wait_batches (fixture->server, 1));
  run (fixture, "Quit", NULL);
  g_assert_cmpint (wait_for (fixture->agent), ==, 0);
  g_clear_object (&fixture->agent);
  wait_for_signal (fixture, "EventsDelivered");
}

static void
test_second_agent (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GSubprocess) second = spawn_agent (fixture, NULL, G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *words = NULL;

  g_subprocess_communicate_utf8_async (second, NULL, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  g_assert_true (g_subprocess_communicate_utf8_finish (second, result, NULL, &words, NULL));
  g_assert_cmpint (wait_for (second), ==, EXIT_UNREACHABLE);
  assert_contains (words, g_subprocess_get_identifier (fixture->agent));
  assert_contains (words, "--replace");
  g_assert_true (fixture->owned);
}

static void
test_replace (Fixture      *fixture,
              gconstpointer data)
{
  g_autoptr (GSubprocess) old = NULL;
  g_autofree char *in_flight = NULL;
  g_autofree char *later = NULL;

  lamp_fake_server_set_delay (fixture->server, 700);
  in_flight = emit (fixture);
  g_assert_true (lamp_fake_server_wait_batches (fixture->server, 1));

  old = g_steal_pointer (&fixture->agent);
  fixture->agent = spawn_agent (fixture, "--replace", G_SUBPROCESS_FLAGS_NONE);
  g_assert_cmpint (wait_for (old), ==, 0);
  lamp_test_wait_until (fixture->owned);
  lamp_test_wait_until (get_number (fixture, "Delivered") == 1);
  later = emit (fixture);
  lamp_test_wait_until (get_number (fixture, "Delivered") == 2);
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->server), ==, 2);
  g_assert_cmpuint (lamp_fake_server_get_n_doubles (fixture->server), ==, 0);
}

static void
assert_unusable (Fixture    *fixture,
                 const char *words)
{
  g_autofree char *problem = NULL;

  start (fixture);
  assert_refused (fixture, "Emit", "('m', 'T', '{}', @a{sv} {})", ERROR_PREFIX "Storage", words);
  assert_refused (fixture, "List", "(@a{sv} {}, int64 0, uint32 1)", ERROR_PREFIX "Storage", words);
  problem = dup_text (fixture, "LastError");
  assert_contains (problem, words);
  assert_contains (problem, fixture->path);
}

static void
test_queue_is_folder (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *problem = NULL;

  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  assert_unusable (fixture, "queue.db");

  /* It works as soon as the file can be used. */
  g_assert_cmpint (g_rmdir (fixture->path), ==, 0);
  id = emit (fixture);
  problem = dup_text (fixture, "LastError");
  g_assert_cmpstr (problem, ==, "");
  lamp_test_wait_until (get_number (fixture, "Delivered") == 1);
}

static void
test_queue_is_newer (Fixture      *fixture,
                     gconstpointer data)
{
  LampTestDb *db = lamp_test_db_open (fixture->path);

  lamp_test_db_run (db, "PRAGMA user_version = 9999");
  lamp_test_db_close (db);
  assert_unusable (fixture, "newer");
}

static void
test_no_gtk (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/maps",
                                           g_subprocess_get_identifier (fixture->agent));
  g_autofree char *maps = NULL;

  if (!g_file_get_contents (path, &maps, NULL, NULL))
    {
      g_test_skip ("there is no /proc");
      return;
    }

  assert_contains (maps, "libsoup");
  g_assert_null (strstr (maps, "libgtk"));
  g_assert_null (strstr (maps, "libadwaita"));
}

/* The other tool writes, and nobody tells the agent. */
static void
test_other_process (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  gint64 begin;

  lamp_test_wait_until (is_state (fixture, "idle"));
  db = lamp_test_db_open (fixture->path);
  for (guint i = 1; i <= 3; i++)
    {
      g_autofree char *sql = g_strdup_printf (
        "INSERT INTO queue (event_id, event_type, data, timestamp) VALUES "
        "('theirs-%u', 'T', '{\"event_id\":\"theirs-%u\",\"event_type\":\"T\"}', 1)",
        i, i);

      /* The commit itself may have to wait for the disk, or for the agent. */
      lamp_test_db_run (db, sql);
      begin = g_get_monotonic_time ();
      lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == i);
      g_assert_cmpint (g_get_monotonic_time () - begin, <, NOTICE_WITHIN);
      lamp_test_wait_until (get_number (fixture, "Delivered") == i);
    }
}

static void
test_version (Fixture      *fixture,
              gconstpointer data)
{
  static const struct
  {
    const char *option;
    int status;
  } cases[] = { { "--version", 0 }, { "--help", 0 }, { "--colour", 2 }, { "word", 2 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GSubprocess) process = spawn_agent (fixture, cases[i].option,
                                                     G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                                                       G_SUBPROCESS_FLAGS_STDERR_SILENCE);

      g_assert_cmpint (wait_for (process), ==, cases[i].status);
    }
}

int
main (int    argc,
      char **argv)
{
  typedef void (*Function) (Fixture * fixture, gconstpointer data);
  static const struct
  {
    const char *path;
    Function set_up;
    Function test;
    gconstpointer data;
  } cases[] = {
    { "interface", set_up_started, test_interface, NULL },
    { "properties", set_up_started, test_properties, NULL },
    { "true-from-the-first", set_up, test_true_from_the_first, NULL },
    { "properties-are-read-only", set_up_started, test_properties_are_read_only, NULL },
    { "emit", set_up_paused, test_emit, NULL },
    { "emit-options", set_up_paused, test_emit_options, NULL },
    { "emit-refused", set_up_paused, test_emit_refused, NULL },
    { "emit-batch", set_up_paused, test_emit_batch, NULL },
    { "emit-batch-limits", set_up_paused, test_emit_batch_limits, NULL },
    { "queue-full", set_up, test_queue_full, NULL },
    { "observe", set_up_started, test_observe, NULL },
    { "list", set_up_paused, test_list, NULL },
    { "get", set_up_paused, test_get, NULL },
    { "delivers", set_up_started, test_delivers, NULL },
    { "failed-resend-discard", set_up_started, test_failed, NULL },
    { "discard-spares-pending", set_up_paused, test_discard_spares_pending, NULL },
    { "paused", set_up_paused, test_paused, NULL },
    { "asks-before-new-server", set_up, test_asks_before_new_server, NULL },
    { "unconfigured", set_up, test_unconfigured, NULL },
    { "replay-now", set_up, test_replay_now, NULL },
    { "unauthorized", set_up, test_unauthorized, NULL },
    { "properties-changed", set_up_paused, test_properties_changed, NULL },
    { "get-is-never-older", set_up_paused, test_get_is_never_older, NULL },
    { "token-without-secret-service", set_up_started, test_token_without_secret_service, NULL },
    { "history", set_up_started, test_history, NULL },
    { "not-yet", set_up_started, test_not_yet, NULL },
    { "quit", set_up_started, test_quit, NULL },
    { "quit-waits-for-batch", set_up_started, test_quit_waits_for_batch, NULL },
    { "sigterm", set_up_started, test_signal_ends, GINT_TO_POINTER (SIGTERM) },
    { "sigint", set_up_started, test_signal_ends, GINT_TO_POINTER (SIGINT) },
    { "sighup", set_up_started, test_signal_ends, GINT_TO_POINTER (SIGHUP) },
    { "second-agent-yields", set_up_started, test_second_agent, NULL },
    { "replace", set_up_started, test_replace, NULL },
    { "queue-is-folder", set_up, test_queue_is_folder, NULL },
    { "queue-is-newer", set_up, test_queue_is_newer, NULL },
    { "no-gtk", set_up_started, test_no_gtk, NULL },
    { "other-process", set_up_started, test_other_process, NULL },
    { "options", set_up, test_version, NULL },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/service/", cases[i].path, NULL);

      g_test_add (path, Fixture, cases[i].data, cases[i].set_up, cases[i].test, tear_down);
    }

  return g_test_run ();
}
