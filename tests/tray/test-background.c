/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-background.h"
#include "lamp-settings.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"

#include <string.h>

/* The Background portal of a desktop, as a sandbox sees it. */

#define KEY "autostart"
#define PORTAL "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define SECOND G_TIME_SPAN_SECOND

/* More than the window needs to be on the screen. */
#define SHOWN (5 * SECOND)

static const char xml[] =
  "<node><interface name='org.freedesktop.portal.Background'>"
  "<method name='RequestBackground'><arg type='s' direction='in'/>"
  "<arg type='a{sv}' direction='in'/><arg type='o' direction='out'/></method>"
  "<method name='SetStatus'><arg type='a{sv}' direction='in'/></method>"
  "</interface></node>";

/* The same before it could show a status. */
static const char xml_old[] =
  "<node><interface name='org.freedesktop.portal.Background'>"
  "<method name='RequestBackground'><arg type='s' direction='in'/>"
  "<arg type='a{sv}' direction='in'/><arg type='o' direction='out'/></method>"
  "</interface></node>";

typedef struct
{
  GTestDBus *bus;
  GDBusConnection *connection; /* of the agent */
  GDBusConnection *desktop;    /* of portal and window */
  GDBusNodeInfo *info;         /* (nullable) */
  guint registration;
  LampTimerDummy *timer;
  LampDebounce *debounce;
  GSettings *settings;
  LampBackground *background;
  GString *requests; /* what was asked for */
  char *handle;      /* (nullable) of the last request */
  char *sender;      /* (nullable) whose it is */
  GString *statuses; /* what was told, a line each */
} Fixture;

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

static char *
dup_handle (const char *sender,
            const char *token)
{
  g_autofree char *name = g_strdelimit (g_strdup (sender + 1), ".", '_');

  return g_strconcat (PORTAL_PATH "/request/", name, "/", token, NULL);
}

static void
take_request (Fixture    *fixture,
              const char *sender,
              GVariant   *options)
{
  const char *token;
  const char *reason;
  gboolean autostart;
  g_autofree const char **command_line = NULL;

  g_assert_true (g_variant_lookup (options, "handle_token", "&s", &token));
  g_assert_true (g_variant_lookup (options, "reason", "&s", &reason));
  g_assert_true (g_variant_lookup (options, KEY, "b", &autostart));
  g_assert_true (g_variant_lookup (options, "commandline", "^a&s", &command_line));
  g_assert_cmpstr (command_line[0], ==, "lamppost-agent");
  g_assert_null (command_line[1]);
  g_assert_cmpuint (strlen (reason), >, 0);

  g_free (fixture->handle);
  g_free (fixture->sender);
  fixture->handle = dup_handle (sender, token);
  fixture->sender = g_strdup (sender);
  g_string_append (fixture->requests, autostart ? "on " : "off ");
}

static void
method_call (GDBusConnection       *connection,
             const char            *sender,
             const char            *object_path,
             const char            *interface,
             const char            *method,
             GVariant              *parameters,
             GDBusMethodInvocation *invocation,
             gpointer               user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GVariant) options = NULL;
  const char *message;

  if (g_str_equal (method, "RequestBackground"))
    {
      g_variant_get (parameters, "(&s@a{sv})", NULL, &options);
      take_request (fixture, sender, options);
      g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", fixture->handle));
      return;
    }

  g_variant_get (parameters, "(@a{sv})", &options);
  g_assert_true (g_variant_lookup (options, "message", "&s", &message));
  g_assert_cmpint (g_utf8_strlen (message, -1), <, 96);
  g_string_append_printf (fixture->statuses, "%s\n", message);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/* The person's choice. */
static void
answer (Fixture *fixture,
        guint    response,
        gboolean granted)
{
  g_auto (GVariantDict) results = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&results, "background", "b", TRUE);
  g_variant_dict_insert (&results, KEY, "b", granted);
  g_dbus_connection_emit_signal (fixture->desktop, fixture->sender, fixture->handle,
                                 "org.freedesktop.portal.Request", "Response",
                                 g_variant_new ("(u@a{sv})", response,
                                                g_variant_dict_end (&results)),
                                 NULL);
  g_clear_pointer (&fixture->handle, g_free);
}

/* Hears of everything that was sent before. */
static void
settle (Fixture *fixture)
{
  g_dbus_connection_flush_sync (fixture->desktop, NULL, NULL);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GVariant) reply = NULL;

      g_dbus_connection_call (fixture->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                              -1, NULL, lamp_test_result_cb, &result);
      lamp_test_wait_until (result != NULL);
      reply = g_dbus_connection_call_finish (fixture->connection, result, NULL);
      g_clear_object (&result);
      g_clear_pointer (&reply, g_variant_unref);
      g_dbus_connection_call (fixture->desktop, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "GetId", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                              -1, NULL, lamp_test_result_cb, &result);
      lamp_test_wait_until (result != NULL);
      reply = g_dbus_connection_call_finish (fixture->desktop, result, NULL);
    }
}

static void
change_name (Fixture    *fixture,
             const char *method,
             const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;
  GVariant *parameters = g_str_equal (method, "RequestName") ? g_variant_new ("(su)", name, 4)
                                                             : g_variant_new ("(s)", name);

  reply = g_dbus_connection_call_sync (fixture->desktop, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus", method,
                                       parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
  settle (fixture);
}

static void
show_portal (Fixture    *fixture,
             const char *interfaces)
{
  static const GDBusInterfaceVTable vtable = { method_call, NULL, NULL, { NULL } };
  g_autoptr (GError) error = NULL;

  fixture->info = g_dbus_node_info_new_for_xml (interfaces, &error);
  g_assert_no_error (error);
  fixture->registration = g_dbus_connection_register_object (fixture->desktop, PORTAL_PATH,
                                                             fixture->info->interfaces[0], &vtable,
                                                             fixture, NULL, &error);
  g_assert_no_error (error);
  change_name (fixture, "RequestName", PORTAL);
}

static void
show_window (Fixture *fixture)
{
  change_name (fixture, "RequestName", LAMP_APPLICATION_ID);
  lamp_timer_dummy_advance (fixture->timer, SHOWN);
  settle (fixture);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->connection = connect_to (fixture->bus);
  fixture->desktop = connect_to (fixture->bus);
  fixture->timer = lamp_timer_dummy_new ();
  fixture->debounce = lamp_debounce_new (LAMP_TIMER (fixture->timer));
  fixture->settings = lamp_settings_new ();
  g_settings_reset (fixture->settings, KEY);
  fixture->requests = g_string_new (NULL);
  fixture->statuses = g_string_new (NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_assert_finalize_object (fixture->background);
  g_settings_reset (fixture->settings, KEY);
  g_object_unref (fixture->settings);
  g_object_unref (fixture->debounce);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  lamp_test_finalize (g_steal_pointer (&fixture->timer));
  if (fixture->registration != 0)
    g_dbus_connection_unregister_object (fixture->desktop, fixture->registration);
  g_clear_pointer (&fixture->info, g_dbus_node_info_unref);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_dbus_connection_close_sync (fixture->desktop, NULL, NULL);
  g_object_unref (fixture->connection);
  g_object_unref (fixture->desktop);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_string_free (fixture->requests, TRUE);
  g_string_free (fixture->statuses, TRUE);
  g_free (fixture->handle);
  g_free (fixture->sender);
}

/* Takes what the agent knows, and lets it get calm. */
static void
push (Fixture *fixture,
      guint64  pending,
      gint64   time)
{
  g_autofree char *text =
    g_strdup_printf ("{'State': <'offline'>, 'Pending': <uint64 %" G_GUINT64_FORMAT ">}", pending);
  g_autoptr (GVariant) properties = g_variant_ref_sink (g_variant_new_parsed (text));
  g_autoptr (LampSnapshot) snapshot = lamp_snapshot_new_from_properties (properties,
                                                                         G_TIME_SPAN_DAY, 0);

  lamp_debounce_push (fixture->debounce, snapshot);
  lamp_timer_dummy_advance (fixture->timer, time);
}

static void
start (Fixture *fixture)
{
  push (fixture, 12, SECOND);
  fixture->background = lamp_background_new (fixture->connection, fixture->settings,
                                             fixture->debounce, LAMP_TIMER (fixture->timer));
  settle (fixture);
}

static gboolean
is_on (Fixture *fixture)
{
  return g_settings_get_boolean (fixture->settings, KEY);
}

static void
assert_requests (Fixture    *fixture,
                 const char *expected)
{
  settle (fixture);
  g_assert_cmpstr (fixture->requests->str, ==, expected);
}

static const char *
get_problem (Fixture *fixture)
{
  const char *problem;

  settle (fixture);
  problem = lamp_background_get_problem (fixture->background);

  return problem != NULL ? problem : "";
}

#define assert_problem(fixture, pattern)                                                           \
  g_assert_true (g_pattern_match_simple (pattern, get_problem (fixture)))

/* --- starting at login -------------------------------------------------- */

/* Some desktops remember a no that nobody has said. */
static void
test_waits_for_the_window (Fixture      *fixture,
                           gconstpointer data)
{
  show_portal (fixture, xml);
  start (fixture);
  lamp_timer_dummy_advance (fixture->timer, 60 * SECOND);
  assert_requests (fixture, "");
  assert_problem (fixture, "");

  show_window (fixture);
  assert_requests (fixture, "on ");
  answer (fixture, 0, TRUE);
  assert_problem (fixture, "");
  g_assert_true (is_on (fixture));

  /* Once is enough. */
  change_name (fixture, "ReleaseName", LAMP_APPLICATION_ID);
  show_window (fixture);
  assert_requests (fixture, "on ");
}

static void
test_a_window_that_flashes_by (Fixture      *fixture,
                               gconstpointer data)
{
  show_portal (fixture, xml);
  start (fixture);
  change_name (fixture, "RequestName", LAMP_APPLICATION_ID);
  change_name (fixture, "ReleaseName", LAMP_APPLICATION_ID);
  lamp_timer_dummy_advance (fixture->timer, SHOWN);
  assert_requests (fixture, "");
}

static void
test_follows_the_setting (Fixture      *fixture,
                          gconstpointer data)
{
  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  show_portal (fixture, xml);
  start (fixture);
  show_window (fixture);
  assert_requests (fixture, "");

  g_settings_set_boolean (fixture->settings, KEY, TRUE);
  assert_requests (fixture, "on ");
  answer (fixture, 0, TRUE);
  assert_problem (fixture, "");

  /* Also without a window. */
  change_name (fixture, "ReleaseName", LAMP_APPLICATION_ID);
  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  assert_requests (fixture, "on off ");
  answer (fixture, 0, FALSE);
  assert_problem (fixture, "");
  g_assert_false (is_on (fixture));
}

static void
test_refused (Fixture      *fixture,
              gconstpointer data)
{
  const guint responses[] = { 0, 1, 2 };

  show_portal (fixture, xml);
  start (fixture);
  show_window (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (responses); i++)
    {
      lamp_test_wait_until (fixture->handle != NULL);
      answer (fixture, responses[i], FALSE);
      lamp_test_wait_until (!is_on (fixture));
      assert_problem (fixture, responses[i] == 1 ? "" : "The desktop doesn’t allow *");

      /* The person tries again. */
      g_settings_set_boolean (fixture->settings, KEY, TRUE);
    }

  lamp_test_wait_until (fixture->handle != NULL);
  answer (fixture, 0, TRUE);
  assert_problem (fixture, "");
  g_assert_true (is_on (fixture));
  assert_requests (fixture, "on on on on ");
}

static void
test_last_change_counts (Fixture      *fixture,
                         gconstpointer data)
{
  show_portal (fixture, xml);
  start (fixture);
  show_window (fixture);
  assert_requests (fixture, "on ");
  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  g_settings_set_boolean (fixture->settings, KEY, TRUE);
  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  assert_requests (fixture, "on ");

  answer (fixture, 0, TRUE);
  assert_requests (fixture, "on off ");
  answer (fixture, 0, FALSE);
  assert_problem (fixture, "");
  g_assert_false (is_on (fixture));
}

static void
test_no_portal (Fixture      *fixture,
                gconstpointer data)
{
  start (fixture);
  show_window (fixture);
  lamp_test_wait_until (!is_on (fixture));
  assert_problem (fixture, "This desktop can’t *");

  /* It needs none to stay as it is. */
  g_settings_set_boolean (fixture->settings, KEY, FALSE);
  assert_problem (fixture, "This desktop can’t *");

  change_name (fixture, "ReleaseName", LAMP_APPLICATION_ID);
  assert_problem (fixture, "");
}

static void
test_portal_restarts (Fixture      *fixture,
                      gconstpointer data)
{
  show_portal (fixture, xml);
  start (fixture);
  show_window (fixture);
  assert_requests (fixture, "on ");

  change_name (fixture, "ReleaseName", PORTAL);
  change_name (fixture, "RequestName", PORTAL);
  assert_requests (fixture, "on on ");
  answer (fixture, 0, TRUE);
  assert_problem (fixture, "");
  g_assert_true (is_on (fixture));
}

/* --- what the agent is about -------------------------------------------- */

static void
assert_statuses (Fixture    *fixture,
                 const char *expected)
{
  settle (fixture);
  g_assert_cmpstr (fixture->statuses->str, ==, expected);
}

static void
test_status (Fixture      *fixture,
             gconstpointer data)
{
  show_portal (fixture, xml);
  start (fixture);
  assert_statuses (fixture, "12 waiting, offline\n");

  for (guint i = 13; i <= 20; i++)
    push (fixture, i, SECOND);
  assert_statuses (fixture, "12 waiting, offline\n");
  lamp_timer_dummy_advance (fixture->timer, 2 * SECOND);
  assert_statuses (fixture, "12 waiting, offline\n20 waiting, offline\n");

  /* Nothing new. */
  lamp_timer_dummy_advance (fixture->timer, 60 * SECOND);
  assert_statuses (fixture, "12 waiting, offline\n20 waiting, offline\n");

  push (fixture, 21, SECOND);
  assert_statuses (fixture, "12 waiting, offline\n20 waiting, offline\n21 waiting, offline\n");
}

static void
test_status_for_a_new_portal (Fixture      *fixture,
                              gconstpointer data)
{
  start (fixture);
  assert_statuses (fixture, "");
  show_portal (fixture, xml);
  assert_statuses (fixture, "12 waiting, offline\n");

  change_name (fixture, "ReleaseName", PORTAL);
  push (fixture, 13, 20 * SECOND);
  push (fixture, 12, 20 * SECOND);
  change_name (fixture, "RequestName", PORTAL);
  assert_statuses (fixture, "12 waiting, offline\n12 waiting, offline\n");
}

/* It is asked once. */
static void
test_status_of_an_old_portal (Fixture      *fixture,
                              gconstpointer data)
{
  show_portal (fixture, xml_old);
  start (fixture);
  for (guint i = 0; i < 5; i++)
    {
      push (fixture, i, 20 * SECOND);
      settle (fixture);
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, -1);
    }

  show_window (fixture);
  assert_requests (fixture, "on ");
}

static void
test_not_needed_here (void)
{
  g_assert_cmpint (lamp_background_is_needed (), ==,
                   g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS));
}

#define ADD(path, function)                                                                        \
  g_test_add ("/background/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("waits-for-the-window", test_waits_for_the_window);
  ADD ("a-window-that-flashes-by", test_a_window_that_flashes_by);
  ADD ("follows-the-setting", test_follows_the_setting);
  ADD ("refused", test_refused);
  ADD ("last-change-counts", test_last_change_counts);
  ADD ("no-portal", test_no_portal);
  ADD ("portal-restarts", test_portal_restarts);
  ADD ("status", test_status);
  ADD ("status-for-a-new-portal", test_status_for_a_new_portal);
  ADD ("status-of-an-old-portal", test_status_of_an_old_portal);
  g_test_add_func ("/background/not-needed-here", test_not_needed_here);

  return g_test_run ();
}
