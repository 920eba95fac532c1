/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-debounce.h"
#include "lamp-fake-watcher.h"
#include "lamp-menu-exporter.h"
#include "lamp-menu-host.h"
#include "lamp-network-dummy.h"
#include "lamp-settings.h"
#include "lamp-status-text.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"
#include "lamp-transport-dummy.h"
#include "lamp-tray-host.h"
#include "lamp-tray-icons.h"
#include "lamp-tray-presenter.h"

#include <glib/gstdio.h>
#include <string.h>

/* The agent's snapshots, as hosts of all kinds show them. */

#define MILLISECOND G_TIME_SPAN_MILLISECOND
#define MENU_PATH "/StatusNotifierItem/Menu"

/* After that a picture is steady, and everybody was told. */
#define CALM (800 * MILLISECOND)

/* With 13 hosts that ask after each; LAMPPOST_TRAY_SNAPSHOTS sets another number. */
#define N_SNAPSHOTS (LAMP_TEST_SANITIZED ? 50 : 500)

#define WINDOW_PATH "/io/github/lamppost/Lamppost"

typedef struct
{
  char *folder; /* (owned) */
  LampTimerDummy *timer;
  LampTransportDummy *transport;
  LampNetwork *network;
  LampQueue *queue;
  LampReplay *replay;
  GSettings *settings;
  LampDebounce *debounce;
  GApplication *application;
  LampFakeWatcher *watcher;
  LampTrayPresenter *presenter;
  GString *events; /* what was asked for, a word each */
} Fixture;

/* One for all tests: an application has the process's own connection. */
static GTestDBus *bus;

static void
pause_cb (Fixture *fixture,
          gboolean paused)
{
  g_string_append (fixture->events, paused ? "pause " : "unpause ");
}

static void
quit_cb (Fixture *fixture)
{
  g_string_append (fixture->events, "quit ");
}

static void
finished_cb (Fixture *fixture)
{
  g_string_append (fixture->events, "replayed ");
}

static LampSnapshot *
snapshot_new (const char *state,
              const char *rest)
{
  g_autofree char *text = g_strdup_printf ("{'State': <'%s'>%s}", state, rest);
  g_autoptr (GVariant) properties = g_variant_ref_sink (g_variant_new_parsed (text));

  return lamp_snapshot_new_from_properties (properties, G_TIME_SPAN_DAY, g_get_real_time ());
}

/* Takes @snapshot, and waits until it is shown. */
static void
show (Fixture      *fixture,
      LampSnapshot *snapshot)
{
  lamp_debounce_push (fixture->debounce, snapshot);
  lamp_timer_dummy_advance (fixture->timer, CALM);
  lamp_snapshot_unref (snapshot);
}

static void
make_agent (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->folder, "queue.db", NULL);
  g_autoptr (GError) error = NULL;

  fixture->queue = lamp_queue_new (path, "test-node");
  lamp_queue_open (fixture->queue, &error);
  g_assert_no_error (error);
  fixture->timer = lamp_timer_dummy_new ();
  fixture->transport = lamp_transport_dummy_new ();
  fixture->network = lamp_network_dummy_new ();
  fixture->replay = lamp_replay_new (fixture->queue, LAMP_TRANSPORT (fixture->transport),
                                     LAMP_TIMER (fixture->timer), fixture->network);
  fixture->settings = lamp_settings_new ();
  fixture->debounce = lamp_debounce_new (LAMP_TIMER (fixture->timer));
  fixture->application = g_application_new (LAMP_AGENT_ID, G_APPLICATION_NON_UNIQUE);
  g_application_register (fixture->application, NULL, &error);
  g_assert_no_error (error);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->folder = lamp_test_folder_new ();
  fixture->events = g_string_new (NULL);
  fixture->watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (bus), FALSE);
  lamp_fake_watcher_up (fixture->watcher);
  make_agent (fixture);
  show (fixture, snapshot_new ("idle", ""));
  fixture->presenter = lamp_tray_presenter_new (fixture->application, fixture->queue,
                                                fixture->replay, fixture->settings,
                                                fixture->debounce, LAMP_TIMER (fixture->timer));
  g_signal_connect_swapped (fixture->presenter, "pause", G_CALLBACK (pause_cb), fixture);
  g_signal_connect_swapped (fixture->presenter, "quit", G_CALLBACK (quit_cb), fixture);
  g_signal_connect_swapped (fixture->replay, "finished", G_CALLBACK (finished_cb), fixture);
  lamp_test_wait_until (lamp_fake_watcher_get_item (fixture->watcher) != NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  lamp_test_finalize (g_steal_pointer (&fixture->presenter));
  lamp_test_wait_until (lamp_fake_watcher_get_item (fixture->watcher) == NULL);
  lamp_fake_watcher_free (fixture->watcher);
  g_object_unref (fixture->application);
  g_assert_finalize_object (fixture->debounce);
  g_object_run_dispose (G_OBJECT (fixture->replay));
  lamp_test_finalize (g_steal_pointer (&fixture->replay));
  lamp_test_finalize (g_steal_pointer (&fixture->timer));
  g_object_unref (fixture->transport);
  g_object_unref (fixture->network);
  g_object_unref (fixture->settings);
  lamp_test_finalize (g_steal_pointer (&fixture->queue));
  lamp_test_folder_free (fixture->folder);
  g_string_free (fixture->events, TRUE);
}

static LampMenuHost *
menu_host_new (Fixture          *fixture,
               LampMenuHostStyle style)
{
  return lamp_menu_host_new (style, lamp_fake_watcher_get_connection (fixture->watcher),
                             lamp_fake_watcher_get_item (fixture->watcher), MENU_PATH);
}

static char *
dup_menu (LampMenuHost *host)
{
  char *menu;

  lamp_menu_host_settle (host);
  lamp_menu_host_open_all (host);
  menu = lamp_menu_host_show (host);
  lamp_menu_host_close (host, 0);

  return menu;
}

/* --- whatever the snapshots --------------------------------------------- */

static LampSnapshot *
random_snapshot (void)
{
  static const guint64 counts[] = { 0, 0, 1, 2, 12, 99, 100, 123456 };
  static const gint64 hours[] = { 0, 1, 5, 30, 100 };
  LampState state = g_test_rand_int_range (0, LAMP_N_STATES);
  guint64 pending = counts[g_test_rand_int_range (0, G_N_ELEMENTS (counts))];
  guint64 failed = counts[g_test_rand_int_range (0, G_N_ELEMENTS (counts))];
  gint64 until = hours[g_test_rand_int_range (0, G_N_ELEMENTS (hours))];
  gint64 oldest = hours[g_test_rand_int_range (0, G_N_ELEMENTS (hours))];
  gint64 now = g_get_real_time ();

  /* Half past, so that the words stay the same for the time of a test. */
  const gint64 half = G_TIME_SPAN_HOUR / 2;
  g_autofree char *rest = g_strdup_printf (", 'Paused': <%s>, 'Pending': <uint64 %" G_GUINT64_FORMAT
                                           ">"
                                           ", 'Failed': <uint64 %" G_GUINT64_FORMAT
                                           ">, 'NextRetry': <int64 %" G_GINT64_FORMAT
                                           ">"
                                           ", 'OldestPending': <int64 %" G_GINT64_FORMAT ">",
                                           state == LAMP_STATE_PAUSED ? "true" : "false", pending,
                                           failed / 2,
                                           until > 0 ? now + until * G_TIME_SPAN_HOUR + half : 0,
                                           oldest > 0 ? now - oldest * G_TIME_SPAN_HOUR - half : 0);

  return snapshot_new (lamp_state_to_string (state), rest);
}

static void
append_row (GString    *menu,
            const char *row,
            gboolean    enabled)
{
  g_string_append_printf (menu, "%s%s\n", row, enabled ? "" : " (off)");
}

/* Section 11 of the specification. */
static char *
expect_menu (const LampSnapshot *snapshot)
{
  GString *menu = g_string_new (NULL);
  g_autofree char *summary = lamp_status_text_dup_summary (snapshot, g_get_real_time ());
  g_autofree char *label = lamp_menu_escape_label (summary);
  guint64 failed = snapshot->tally.failed;
  gboolean replay = snapshot->state != LAMP_STATE_PAUSED &&
                    snapshot->state != LAMP_STATE_UNCONFIGURED &&
                    snapshot->state != LAMP_STATE_REPLAYING;
  g_autofree char *resend = failed > 0 ? g_strdup_printf ("Resend _failed (%u)", (guint) failed)
                                       : g_strdup ("Resend _failed");

  append_row (menu, label, FALSE);
  append_row (menu, "_Open Lamppost", TRUE);
  append_row (menu, "---", TRUE);
  append_row (menu, "_Replay now", replay);
  append_row (menu, resend, failed > 0);
  g_string_append (menu,
                   failed > 0 ? "Failed _events >\n  Show _all…\n" : "Failed _events > (off)\n");
  append_row (menu, snapshot->paused ? "[x] _Pause replay" : "[ ] _Pause replay", TRUE);
  append_row (menu, "---", TRUE);
  append_row (menu, "[ ] Start at _login", FALSE);
  append_row (menu, "Preferen_ces…", TRUE);
  append_row (menu, "---", TRUE);
  append_row (menu, "_Quit", TRUE);

  return g_string_free (menu, FALSE);
}

static void
assert_icon (LampTrayHost       *host,
             LampTrayHostStyle   style,
             const LampSnapshot *snapshot)
{
  g_autofree char *icon = lamp_tray_icons_dup_name (lamp_status_text_get_icon (snapshot));
  g_autofree char *title = lamp_status_text_dup_title (snapshot);
  g_autofree char *text = lamp_status_text_dup_details (snapshot, g_get_real_time ());
  g_autofree char *label = lamp_status_text_dup_count (snapshot->tally.pending);
  g_autofree char *expected = NULL;
  g_autofree char *shown = NULL;

  expected = lamp_tray_host_expect (style, icon,
                                    lamp_snapshot_needs_attention (snapshot) ? "NeedsAttention"
                                                                             : "Active",
                                    title, text, label);
  lamp_tray_host_settle (host);
  shown = lamp_tray_host_show (host);
  if (!g_str_equal (shown, expected))
    g_error ("%s shows “%s” instead of “%s”", lamp_tray_host_style_name (style), shown, expected);
}

static void
assert_menu (LampMenuHost       *host,
             LampMenuHostStyle   style,
             const LampSnapshot *snapshot)
{
  g_autofree char *expected = expect_menu (snapshot);
  g_autofree char *shown = dup_menu (host);

  if (!g_str_equal (shown, expected))
    g_error ("%s shows\n%s\ninstead of\n%s", lamp_menu_host_style_name (style), shown, expected);
}

/* The menu has something to show only where events have failed, and not in any trouble. */
static void
assert_menu_status (Fixture    *fixture,
                    const char *expected)
{
  GDBusConnection *connection = lamp_fake_watcher_get_connection (fixture->watcher);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  g_dbus_connection_call (connection, lamp_fake_watcher_get_item (fixture->watcher), MENU_PATH,
                          "org.freedesktop.DBus.Properties", "Get",
                          g_variant_new ("(ss)", "com.canonical.dbusmenu", "Status"),
                          G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  answer = g_dbus_connection_call_finish (connection, result, &error);
  g_assert_no_error (error);
  g_variant_get (answer, "(v)", &value);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

static void
test_menu_status (Fixture      *fixture,
                  gconstpointer data)
{
  assert_menu_status (fixture, "normal");
  show (fixture, snapshot_new ("unauthorized", ", 'Failed': <uint64 0>"));
  assert_menu_status (fixture, "normal");
  show (fixture, snapshot_new ("idle", ", 'Failed': <uint64 1>"));
  assert_menu_status (fixture, "notice");
  show (fixture, snapshot_new ("idle", ", 'Failed': <uint64 0>"));
  assert_menu_status (fixture, "normal");
}

static guint
get_n_snapshots (void)
{
  const char *wanted = g_getenv ("LAMPPOST_TRAY_SNAPSHOTS");

  return wanted != NULL ? (guint) g_ascii_strtoull (wanted, NULL, 10) : N_SNAPSHOTS;
}

static void
test_any_snapshot (Fixture      *fixture,
                   gconstpointer data)
{
  const guint n_snapshots = get_n_snapshots ();
  LampTrayHost *icons[LAMP_TRAY_HOST_N_STYLES];
  LampMenuHost *menus[LAMP_MENU_HOST_N_STYLES];
  guint n_compared = 0;

  for (guint i = 0; i < LAMP_TRAY_HOST_N_STYLES; i++)
    icons[i] = lamp_tray_host_new (i, lamp_fake_watcher_get_connection (fixture->watcher),
                                   lamp_fake_watcher_get_item (fixture->watcher));
  for (guint i = 0; i < LAMP_MENU_HOST_N_STYLES; i++)
    menus[i] = menu_host_new (fixture, i);

  for (guint i = 0; i < n_snapshots; i++)
    {
      g_autoptr (LampSnapshot) snapshot = random_snapshot ();

      lamp_debounce_push (fixture->debounce, snapshot);
      lamp_timer_dummy_advance (fixture->timer, g_test_rand_int_range (0, 600) * MILLISECOND);
      if (g_test_rand_int_range (0, 4) > 0 && i < n_snapshots - 1)
        continue;

      lamp_timer_dummy_advance (fixture->timer, CALM);
      n_compared++;
      for (guint j = 0; j < LAMP_TRAY_HOST_N_STYLES; j++)
        assert_icon (icons[j], j, snapshot);
      for (guint j = 0; j < LAMP_MENU_HOST_N_STYLES; j++)
        assert_menu (menus[j], j, snapshot);
    }

  g_test_message ("compared %u times", n_compared);
  for (guint i = 0; i < LAMP_TRAY_HOST_N_STYLES; i++)
    lamp_tray_host_free (icons[i]);
  for (guint i = 0; i < LAMP_MENU_HOST_N_STYLES; i++)
    lamp_menu_host_free (menus[i]);
}

/* --- clicks ------------------------------------------------------------- */

static void
click (LampMenuHost *host,
       const char   *label)
{
  g_autoptr (GError) error = NULL;
  gint32 id;

  lamp_menu_host_settle (host);
  lamp_menu_host_open_all (host);
  id = lamp_menu_host_find (host, label);
  if (id < 0)
    g_error ("There is no “%s”", label);
  lamp_menu_host_click (host, id, &error);
  g_assert_no_error (error);
}

static void
test_clicks (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (LampMenuHost) host = menu_host_new (fixture, LAMP_MENU_HOST_GTK);

  lamp_replay_start (fixture->replay);
  click (host, "Pause replay");
  lamp_test_wait_until (g_str_equal (fixture->events->str, "pause "));
  show (fixture, snapshot_new ("paused", ", 'Paused': <true>"));
  click (host, "Pause replay");
  lamp_test_wait_until (g_str_equal (fixture->events->str, "pause unpause "));
  show (fixture, snapshot_new ("idle", ""));
  click (host, "Replay now");
  lamp_test_wait_until (g_str_has_suffix (fixture->events->str, " replayed "));
  click (host, "Quit");
  lamp_test_wait_until (g_str_has_suffix (fixture->events->str, " quit "));
}

static void
call_item (Fixture    *fixture,
           const char *method,
           const char *parameters)
{
  g_dbus_connection_call (lamp_fake_watcher_get_connection (fixture->watcher),
                          lamp_fake_watcher_get_item (fixture->watcher), "/StatusNotifierItem",
                          "org.kde.StatusNotifierItem", method, g_variant_new_parsed (parameters),
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static void
test_middle_click_replays (Fixture      *fixture,
                           gconstpointer data)
{
  lamp_replay_start (fixture->replay);
  call_item (fixture, "SecondaryActivate", "(0, 0)");
  lamp_test_wait_until (g_str_equal (fixture->events->str, "replayed "));
}

/* Two failed events, one with a bad name and the other with a long reason. */
static void
fail_events (Fixture *fixture)
{
  static const char *const types[] = { "a_b & <c>", "CommentPosted" };
  g_autofree char *endless = g_strnfill (10000, 'x');

  lamp_replay_start (fixture->replay);
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func (
        (GDestroyNotify) lamp_event_unref);
      g_autoptr (GPtrArray) receipts = NULL;
      g_autoptr (GError) error = NULL;

      lamp_transport_dummy_push_verdict (fixture->transport, LAMP_OUTCOME_ANSWERED, 0,
                                         LAMP_VERDICT_REJECTED, "bad", i == 0 ? "no" : endless);
      g_ptr_array_add (events, lamp_test_event ("m_1", types[i], NULL));
      receipts = lamp_queue_append (fixture->queue, events, &error);
      g_assert_no_error (error);
      lamp_replay_now (fixture->replay, NULL);
      lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->failed == i + 1);
    }
}

static gboolean
has_row (LampMenuHost *host,
         const char   *label)
{
  lamp_menu_host_settle (host);
  lamp_menu_host_open_all (host);

  return lamp_menu_host_find (host, label) >= 0;
}

static void
test_failed_events (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (LampMenuHost) host = menu_host_new (fixture, LAMP_MENU_HOST_GTK);
  g_autofree char *menu = NULL;

  fail_events (fixture);
  show (fixture, snapshot_new ("idle", ", 'Failed': <uint64 2>"));
  lamp_test_wait_until (has_row (host, "a_b & <c> · m_1: no"));
  menu = dup_menu (host);
  g_assert_nonnull (strstr (menu,
                            "Failed _events >\n"
                            "  CommentPosted · m__1: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\n"
                            "  a__b & <c> · m__1: no\n"
                            "  ---\n"
                            "  Show _all…\n"));

  click (host, "a_b & <c> · m_1: no");
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->failed == 1);
  show (fixture, snapshot_new ("idle", ", 'Failed': <uint64 1>"));
  lamp_test_wait_until (!has_row (host, "a_b & <c> · m_1: no"));

  click (host, "Resend failed (1)");
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->failed == 0);
  lamp_test_wait_until (lamp_queue_get_tally (fixture->queue)->pending == 0);
}

static void
test_show_count (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (LampTrayHost) host = NULL;
  g_autofree char *with = NULL;
  g_autofree char *without = NULL;

  show (fixture, snapshot_new ("offline", ", 'Pending': <uint64 12>"));
  host = lamp_tray_host_new (LAMP_TRAY_HOST_GNOME,
                             lamp_fake_watcher_get_connection (fixture->watcher),
                             lamp_fake_watcher_get_item (fixture->watcher));
  with = lamp_tray_host_show (host);
  g_assert_true (g_str_has_suffix (with, "|Active|12"));
  g_settings_set_boolean (fixture->settings, "show-count", FALSE);
  lamp_timer_dummy_advance (fixture->timer, CALM);
  lamp_tray_host_settle (host);
  without = lamp_tray_host_show (host);
  g_assert_true (g_str_has_suffix (without, "|Active|"));
  g_settings_reset (fixture->settings, "show-count");
}

/* --- the window --------------------------------------------------------- */

typedef struct
{
  GDBusConnection *connection;
  GDBusNodeInfo *info;
  GString *calls;
  guint registration;
} Window;

static void
window_called (GDBusConnection       *connection,
               const char            *sender,
               const char            *object_path,
               const char            *interface,
               const char            *method,
               GVariant              *parameters,
               GDBusMethodInvocation *invocation,
               gpointer               user_data)
{
  Window *window = user_data;
  g_autofree char *printed = g_variant_print (parameters, FALSE);

  g_string_append_printf (window->calls, "%s%s ", method, printed);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

/* A service of that name, at that path: the window, or what shows notifications. */
static void
serve (Window     *window,
       const char *name,
       const char *path,
       const char *xml)
{
  static const GDBusInterfaceVTable vtable = { window_called, NULL, NULL, { NULL } };
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  window->calls = g_string_new (NULL);
  window->connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  window->info = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  window->registration = g_dbus_connection_register_object (window->connection, path,
                                                            window->info->interfaces[0], &vtable,
                                                            window, NULL, &error);
  g_assert_no_error (error);
  reply = g_dbus_connection_call_sync (window->connection, "org.freedesktop.DBus",
                                       "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                       "RequestName", g_variant_new ("(su)", name, 4), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
window_clear (Window *window)
{
  /* The last answer is on its way. */
  g_dbus_connection_flush_sync (window->connection, NULL, NULL);
  g_dbus_connection_unregister_object (window->connection, window->registration);
  g_dbus_connection_close_sync (window->connection, NULL, NULL);
  g_object_unref (window->connection);
  g_dbus_node_info_unref (window->info);
  g_string_free (window->calls, TRUE);
}

static void
test_window (Fixture      *fixture,
             gconstpointer data)
{
  static const char xml[] =
    "<node><interface name='org.freedesktop.Application'>"
    "<method name='Activate'><arg type='a{sv}' direction='in'/></method>"
    "<method name='ActivateAction'><arg type='s' direction='in'/>"
    "<arg type='av' direction='in'/><arg type='a{sv}' direction='in'/>"
    "</method></interface></node>";
  g_autoptr (LampMenuHost) host = menu_host_new (fixture, LAMP_MENU_HOST_GNOME);
  Window window;

  serve (&window, LAMP_APPLICATION_ID, WINDOW_PATH, xml);
  call_item (fixture, "ProvideXdgActivationToken", "('token',)");
  call_item (fixture, "Activate", "(0, 0)");
  lamp_test_wait_until (window.calls->len > 0);
  g_assert_cmpstr (window.calls->str, ==,
                   "Activate({'desktop-startup-id': <'token'>, 'activation-token': <'token'>},) ");

  g_string_truncate (window.calls, 0);
  click (host, "Open Lamppost");
  lamp_test_wait_until (window.calls->len > 0);
  g_assert_cmpstr (window.calls->str, ==, "Activate({},) ");

  g_string_truncate (window.calls, 0);
  click (host, "Preferences…");
  lamp_test_wait_until (window.calls->len > 0);
  g_assert_cmpstr (window.calls->str, ==, "ActivateAction('preferences', [], {}) ");

  /* Some hosts send a token with a choice in the menu, too. It is good for one. */
  g_string_truncate (window.calls, 0);
  call_item (fixture, "ProvideXdgActivationToken", "('choice',)");
  click (host, "Open Lamppost");
  click (host, "Open Lamppost");
  lamp_test_wait_until (g_str_has_suffix (window.calls->str, "Activate({},) "));
  g_assert_cmpstr (window.calls->str, ==,
                   "Activate({'desktop-startup-id': <'choice'>, 'activation-token': <'choice'>},) "
                   "Activate({},) ");

  show (fixture, snapshot_new ("idle", ", 'Failed': <uint64 1>"));
  g_string_truncate (window.calls, 0);
  click (host, "Show all…");
  lamp_test_wait_until (window.calls->len > 0);
  g_assert_cmpstr (window.calls->str, ==, "ActivateAction('show-failed', [], {}) ");
  window_clear (&window);
}

/* Then a click is answered by what the window would show first. */
static void
test_no_window (Fixture      *fixture,
                gconstpointer data)
{
  static const char xml[] =
    "<node><interface name='org.gtk.Notifications'><method name='AddNotification'>"
    "<arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='a{sv}' direction='in'/></method></interface></node>";
  Window desktop;

  serve (&desktop, "org.gtk.Notifications", "/org/gtk/Notifications", xml);
  show (fixture, snapshot_new ("offline", ", 'Pending': <uint64 12>"));
  call_item (fixture, "Activate", "(0, 0)");
  lamp_test_wait_until (desktop.calls->len > 0);
  g_assert_nonnull (strstr (desktop.calls->str, "'Lamppost: offline'"));
  g_assert_nonnull (strstr (desktop.calls->str, "'Offline, 12 waiting'"));
  window_clear (&desktop);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

/* The hosts find the icons by their names. */
static void
install_icons (const char *data_home)
{
  g_autofree char *folder = g_build_filename (data_home, "icons", "hicolor", "symbolic", "apps",
                                              NULL);
  g_autofree char *path = g_build_filename (folder, LAMP_APPLICATION_ID "-online-symbolic.svg",
                                            NULL);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, "<svg/>", -1, NULL));
  g_setenv ("XDG_DATA_HOME", data_home, TRUE);
}

int
main (int    argc,
      char **argv)
{
  char *data_home = lamp_test_folder_new ();
  int status;

  install_icons (data_home);
  g_setenv ("GNOTIFICATION_BACKEND", "gtk", TRUE);
  g_test_init (&argc, &argv, NULL);
  bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (bus);

  ADD ("/tray-presenter/menu-status", test_menu_status);
  ADD ("/tray-presenter/any-snapshot", test_any_snapshot);
  ADD ("/tray-presenter/clicks", test_clicks);
  ADD ("/tray-presenter/middle-click-replays", test_middle_click_replays);
  ADD ("/tray-presenter/failed-events", test_failed_events);
  ADD ("/tray-presenter/show-count", test_show_count);
  ADD ("/tray-presenter/window", test_window);
  ADD ("/tray-presenter/no-window", test_no_window);

  status = g_test_run ();
  g_test_dbus_down (bus);
  g_object_unref (bus);
  lamp_test_folder_free (data_home);

  return status;
}
