/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-watcher.h"
#include "lamp-menu-host.h"
#include "lamp-test-util.h"
#include "lamp-timer-dummy.h"
#include "lamp-tray-host.h"
#include "lamp-tray-icons.h"
#include "lamp-tray-item.h"
#include "lamp-tray.h"

#include <glib/gstdio.h>
#include <string.h>

/* The icon on a private bus, with a watcher that does as it is told and hosts that ask as the real
 * ones do. */

#define ITEM "org.kde.StatusNotifierItem"
#define ITEM_PATH "/StatusNotifierItem"
#define PROPERTIES "org.freedesktop.DBus.Properties"

#define SECOND G_TIME_SPAN_SECOND
#define MILLISECOND G_TIME_SPAN_MILLISECOND

static const LampTrayState calm = { "online",           FALSE,           FALSE,
                                    "Lamppost: online", "Nothing waits", "",
                                    "Lamppost: online" };
static const LampTrayState dark = {
  "offline", FALSE, FALSE, "Lamppost: offline", "12 waiting", "12", "Lamppost: offline, 12 waiting"
};
static const LampTrayState alert = {
  "attention", TRUE, FALSE, "Lamppost: offline", "12 waiting", "12", "Lamppost: offline, 12 waiting"
};

typedef struct
{
  GTestDBus *bus;
  LampFakeWatcher *watcher;
  LampTimerDummy *timer;
  GMenu *menu;
  GSimpleActionGroup *actions;
  LampTray *tray;
  GString *events; /* what the tray has told, a word each */
} Fixture;

static void
activate_cb (Fixture    *fixture,
             const char *token)
{
  g_string_append_printf (fixture->events, "activate(%s) ", token != NULL ? token : "");
}

static void
secondary_activate_cb (Fixture *fixture)
{
  g_string_append (fixture->events, "secondary ");
}

static void
make_tray (Fixture *fixture)
{
  fixture->tray = lamp_tray_new (G_MENU_MODEL (fixture->menu), G_ACTION_GROUP (fixture->actions),
                                 LAMP_TIMER (fixture->timer));
  g_signal_connect_swapped (fixture->tray, "activate", G_CALLBACK (activate_cb), fixture);
  g_signal_connect_swapped (fixture->tray, "secondary-activate", G_CALLBACK (secondary_activate_cb),
                            fixture);
  lamp_tray_set_state (fixture->tray, &calm);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (fixture->bus), FALSE);
  fixture->timer = lamp_timer_dummy_new ();
  fixture->menu = g_menu_new ();
  fixture->actions = g_simple_action_group_new ();
  fixture->events = g_string_new (NULL);
  g_menu_append (fixture->menu, "Offline, 12 waiting", NULL);
  make_tray (fixture);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_signal_handlers_disconnect_by_data (fixture->tray, fixture);
  lamp_test_finalize (fixture->tray);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  g_clear_pointer (&fixture->watcher, lamp_fake_watcher_free);
  lamp_test_finalize (g_steal_pointer (&fixture->timer));
  g_object_unref (fixture->menu);
  g_object_unref (fixture->actions);
  g_string_free (fixture->events, TRUE);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
}

static void
wait_for_icon (Fixture *fixture)
{
  lamp_test_wait_until (lamp_tray_get_available (fixture->tray) &&
                        lamp_fake_watcher_get_item (fixture->watcher) != NULL);
}

static void
start (Fixture *fixture)
{
  lamp_fake_watcher_up (fixture->watcher);
  lamp_tray_start (fixture->tray);
  wait_for_icon (fixture);
}

static GVariant *
call (Fixture    *fixture,
      const char *interface,
      const char *method,
      GVariant   *parameters)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *reply;

  g_dbus_connection_call (lamp_fake_watcher_get_connection (fixture->watcher),
                          lamp_fake_watcher_get_item (fixture->watcher), ITEM_PATH, interface,
                          method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  reply = g_dbus_connection_call_finish (lamp_fake_watcher_get_connection (fixture->watcher),
                                         result, &error);
  g_assert_no_error (error);

  return reply;
}

static void
call_item (Fixture    *fixture,
           const char *method,
           const char *parameters)
{
  g_autoptr (GVariant) reply = call (fixture, ITEM, method, g_variant_new_parsed (parameters));

  g_assert_true (g_variant_is_of_type (reply, G_VARIANT_TYPE_UNIT));
}

static void
assert_events (Fixture    *fixture,
               const char *events)
{
  g_assert_cmpstr (fixture->events->str, ==, events);
  g_string_truncate (fixture->events, 0);
}

static void
assert_status (Fixture    *fixture,
               const char *pattern)
{
  if (!g_pattern_match_simple (pattern, lamp_tray_get_status (fixture->tray)))
    g_error ("“%s” is not like “%s”", lamp_tray_get_status (fixture->tray), pattern);
}

/* --- the interface ------------------------------------------------------ */

static void
append_arguments (GString       *text,
                  GDBusArgInfo **arguments)
{
  for (gsize i = 0; arguments != NULL && arguments[i] != NULL; i++)
    g_string_append (text, arguments[i]->signature);
  g_string_append_c (text, ' ');
}

static char *
describe (GDBusInterfaceInfo *info)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      g_assert_cmpint (info->properties[i]->flags, ==, G_DBUS_PROPERTY_INFO_FLAGS_READABLE);
      g_string_append_printf (text, "%s:%s ", info->properties[i]->name,
                              info->properties[i]->signature);
    }

  for (gsize i = 0; info->methods[i] != NULL; i++)
    {
      g_string_append_printf (text, "%s/", info->methods[i]->name);
      append_arguments (text, info->methods[i]->in_args);
      g_assert_true (info->methods[i]->out_args == NULL || info->methods[i]->out_args[0] == NULL);
    }

  for (gsize i = 0; info->signals[i] != NULL; i++)
    {
      g_string_append_printf (text, "%s!", info->signals[i]->name);
      append_arguments (text, info->signals[i]->args);
    }

  return g_string_free (text, FALSE);
}

static void
test_introspection (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GDBusNodeInfo) info = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  const char *xml;

  start (fixture);
  reply = call (fixture, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
  g_variant_get (reply, "(&s)", &xml);
  info = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  text = describe (g_dbus_node_info_lookup_interface (info, ITEM));

  g_assert_cmpstr (
    text, ==,
    "Category:s Id:s Title:s Status:s WindowId:i IconName:s IconPixmap:a(iiay) IconThemePath:s "
    "OverlayIconName:s OverlayIconPixmap:a(iiay) AttentionIconName:s AttentionIconPixmap:a(iiay) "
    "AttentionMovieName:s IconAccessibleDesc:s AttentionAccessibleDesc:s ToolTip:(sa(iiay)ss) "
    "ItemIsMenu:b Menu:o XAyatanaLabel:s XAyatanaLabelGuide:s XAyatanaOrderingIndex:u "
    "Activate/ii SecondaryActivate/ii ContextMenu/ii Scroll/is ProvideXdgActivationToken/s "
    "XAyatanaSecondaryActivate/u "
    "NewTitle! NewIcon! NewAttentionIcon! NewOverlayIcon! NewToolTip! NewStatus!s NewMenu! "
    "NewIconThemePath!s XAyatanaNewLabel!ss ");
}

static void
test_values (Fixture      *fixture,
             gconstpointer data)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) values = NULL;
  g_autoptr (GVariant) expected = NULL;

  lamp_tray_set_state (fixture->tray, &alert);
  lamp_timer_dummy_advance (fixture->timer, SECOND);
  start (fixture);
  reply = call (fixture, PROPERTIES, "GetAll", g_variant_new ("(s)", ITEM));
  values = g_variant_get_child_value (reply, 0);
  expected = g_variant_ref_sink (g_variant_new_parsed (
    "{'Category': <'ApplicationStatus'>, 'Id': <%s>, 'Title': <'Lamppost'>,"
    " 'Status': <'NeedsAttention'>, 'WindowId': <0>, 'IconName': <%s>,"
    " 'IconPixmap': <@a(iiay) []>, 'IconThemePath': <''>, 'OverlayIconName': <''>,"
    " 'OverlayIconPixmap': <@a(iiay) []>, 'AttentionIconName': <%s>,"
    " 'AttentionIconPixmap': <@a(iiay) []>, 'AttentionMovieName': <''>,"
    " 'IconAccessibleDesc': <'Lamppost: offline, 12 waiting'>,"
    " 'AttentionAccessibleDesc': <'Lamppost: offline, 12 waiting'>,"
    " 'ToolTip': <('', @a(iiay) [], 'Lamppost: offline', '12 waiting')>, 'ItemIsMenu': <false>,"
    " 'Menu': <objectpath '/StatusNotifierItem/Menu'>, 'XAyatanaLabel': <'12'>,"
    " 'XAyatanaLabelGuide': <'99+'>, 'XAyatanaOrderingIndex': <uint32 0>}",
    LAMP_APPLICATION_ID, LAMP_APPLICATION_ID "-attention-symbolic",
    LAMP_APPLICATION_ID "-attention-symbolic"));
  g_assert_cmpvariant (values, expected);
}

static void
test_menu (Fixture      *fixture,
           gconstpointer data)
{
  g_autoptr (LampMenuHost) host = NULL;
  g_autofree char *menu = NULL;

  start (fixture);
  host = lamp_menu_host_new (LAMP_MENU_HOST_GTK,
                             lamp_fake_watcher_get_connection (fixture->watcher),
                             lamp_fake_watcher_get_item (fixture->watcher), ITEM_PATH "/Menu");
  menu = lamp_menu_host_show (host);
  g_assert_cmpstr (menu, ==, "Offline, 12 waiting (off)\n");
}

static void
test_calls (Fixture      *fixture,
            gconstpointer data)
{
  start (fixture);

  call_item (fixture, "Activate", "(1, 2)");
  assert_events (fixture, "activate() ");
  call_item (fixture, "ContextMenu", "(-1, 2147483647)");
  assert_events (fixture, "activate() ");
  call_item (fixture, "SecondaryActivate", "(0, 0)");
  call_item (fixture, "XAyatanaSecondaryActivate", "(uint32 5,)");
  assert_events (fixture, "secondary secondary ");
  call_item (fixture, "Scroll", "(120, 'Vertical')");
  call_item (fixture, "Scroll", "(-1, 'horizontal')");
  call_item (fixture, "Scroll", "(0, '')");
  assert_events (fixture, "");
}

static void
test_token (Fixture      *fixture,
            gconstpointer data)
{
  start (fixture);

  call_item (fixture, "ProvideXdgActivationToken", "('token',)");
  assert_events (fixture, "");
  call_item (fixture, "Activate", "(0, 0)");
  assert_events (fixture, "activate(token) ");

  /* It is for one click, and not for long. */
  call_item (fixture, "Activate", "(0, 0)");
  assert_events (fixture, "activate() ");
  call_item (fixture, "ProvideXdgActivationToken", "('old',)");
  lamp_timer_dummy_advance (fixture->timer, 6 * SECOND);
  call_item (fixture, "Activate", "(0, 0)");
  assert_events (fixture, "activate() ");

  /* Plasma sends an empty one on X11. */
  call_item (fixture, "ProvideXdgActivationToken", "('',)");
  call_item (fixture, "Activate", "(0, 0)");
  assert_events (fixture, "activate() ");
}

/* Whatever an error or a translation says, a tooltip is no markup. */
static void
test_texts (Fixture      *fixture,
            gconstpointer data)
{
  g_autofree char *endless = g_strnfill (10000, 'x');
  g_autoptr (LampTrayHost) host = NULL;
  g_autofree char *shown = NULL;
  LampTrayState state = dark;

  start (fixture);
  host = lamp_tray_host_new (LAMP_TRAY_HOST_XFCE,
                             lamp_fake_watcher_get_connection (fixture->watcher),
                             lamp_fake_watcher_get_item (fixture->watcher));
  state.title = "a_b & <c>\001\xff\t\xd7\xa9\xd7\x9c";
  state.text = "one\ntwo";
  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_set_state (fixture->tray, &state);
  lamp_tray_host_settle (host);
  shown = lamp_tray_host_show (host);
  g_assert_true (g_str_has_suffix (shown, "|a_b + ‹c› \xef\xbf\xbd \xd7\xa9\xd7\x9c|one\ntwo"));

  state.text = endless;
  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_set_state (fixture->tray, &state);
  lamp_tray_host_settle (host);
  g_free (shown);
  shown = lamp_tray_host_show (host);
  g_assert_cmpuint (strlen (shown), <, 500);
  g_assert_true (g_str_has_suffix (shown, "x…"));
}

/* --- changes ------------------------------------------------------------ */

static LampTrayHost *
make_host (Fixture          *fixture,
           LampTrayHostStyle style)
{
  return lamp_tray_host_new (style, lamp_fake_watcher_get_connection (fixture->watcher),
                             lamp_fake_watcher_get_item (fixture->watcher));
}

static void
assert_shown (LampTrayHost        *host,
              LampTrayHostStyle    style,
              const LampTrayState *state)
{
  g_autofree char *icon = lamp_tray_icons_dup_name (state->icon);
  g_autofree char *shown = lamp_tray_host_show (host);
  g_autofree char *expected = NULL;

  expected = lamp_tray_host_expect (style, icon, state->attention ? "NeedsAttention" : "Active",
                                    state->title, state->text, state->label);
  g_assert_cmpstr (shown, ==, expected);
}

static void
test_hosts_follow (Fixture      *fixture,
                   gconstpointer data)
{
  static const LampTrayState *const states[] = { &dark, &alert, &calm, &alert, &dark, &calm };
  LampTrayHost *hosts[LAMP_TRAY_HOST_N_STYLES];

  start (fixture);
  for (guint i = 0; i < LAMP_TRAY_HOST_N_STYLES; i++)
    {
      hosts[i] = make_host (fixture, i);
      assert_shown (hosts[i], i, &calm);
    }

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    {
      lamp_timer_dummy_advance (fixture->timer, SECOND);
      lamp_tray_set_state (fixture->tray, states[i]);
      for (guint j = 0; j < LAMP_TRAY_HOST_N_STYLES; j++)
        {
          lamp_tray_host_settle (hosts[j]);
          assert_shown (hosts[j], j, states[i]);
        }
    }

  for (guint i = 0; i < LAMP_TRAY_HOST_N_STYLES; i++)
    lamp_tray_host_free (hosts[i]);
}

static void
test_no_signal_without_change (Fixture      *fixture,
                               gconstpointer data)
{
  g_autoptr (LampTrayHost) host = NULL;
  LampTrayState same = dark;

  start (fixture);
  host = make_host (fixture, LAMP_TRAY_HOST_PLASMA);
  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_set_state (fixture->tray, &dark);
  lamp_tray_host_settle (host);

  /* Icon, tooltip and label; no status. */
  g_assert_cmpuint (lamp_tray_host_get_n_signals (host), ==, 3);

  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_set_state (fixture->tray, &same);
  lamp_timer_dummy_advance (fixture->timer, SECOND);

  /* There and back again before anybody was told. */
  same.label = "13";
  lamp_tray_set_state (fixture->tray, &same);
  lamp_tray_set_state (fixture->tray, &calm);
  lamp_tray_set_state (fixture->tray, &same);
  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_host_settle (host);
  g_assert_cmpuint (lamp_tray_host_get_n_signals (host), ==, 4);
}

static void
test_four_updates_a_second (Fixture      *fixture,
                            gconstpointer data)
{
  const guint seconds = 5;
  const guint rate = 200;
  g_autoptr (LampTrayHost) host = NULL;

  start (fixture);
  host = make_host (fixture, LAMP_TRAY_HOST_PLASMA);
  for (guint i = 1; i <= seconds * rate; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u waiting", i);
      LampTrayState state = calm;

      state.text = text;
      lamp_tray_set_state (fixture->tray, &state);
      lamp_timer_dummy_advance (fixture->timer, SECOND / rate);
    }

  lamp_timer_dummy_advance (fixture->timer, SECOND);
  lamp_tray_host_settle (host);
  g_assert_cmpuint (lamp_tray_host_get_n_signals (host), <=, 4 * seconds + 2);
  g_assert_cmpuint (lamp_tray_host_get_n_signals (host), >=, 4 * seconds - 2);
  assert_shown (host, LAMP_TRAY_HOST_PLASMA,
                &(LampTrayState){ calm.icon, FALSE, FALSE, calm.title, "1000 waiting", "", "" });
}

/* --- watchers ----------------------------------------------------------- */

static void
test_watcher_late (Fixture      *fixture,
                   gconstpointer data)
{
  lamp_tray_start (fixture->tray);
  lamp_test_wait_until (g_pattern_match_simple ("No program shows tray icons now. ?*",
                                                lamp_tray_get_status (fixture->tray)));
  g_assert_false (lamp_tray_get_available (fixture->tray));

  lamp_fake_watcher_up (fixture->watcher);
  wait_for_icon (fixture);
  lamp_test_wait_until (
    g_pattern_match_simple ("Shown by * (process *) since *, as :*/StatusNotifierItem",
                            lamp_tray_get_status (fixture->tray)));

  lamp_fake_watcher_down (fixture->watcher);
  lamp_test_wait_until (!lamp_tray_get_available (fixture->tray));
  assert_status (fixture, "No program shows *");
}

static gboolean
set_flag_cb (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;

  return G_SOURCE_REMOVE;
}

static void
iterate_for (guint milliseconds)
{
  gboolean over = FALSE;

  g_timeout_add (milliseconds, set_flag_cb, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

/* Down at any moment of a registration. */
static void
test_watcher_restarted (Fixture      *fixture,
                        gconstpointer data)
{
  gint64 since;

  start (fixture);
  for (guint i = 0; i < 20; i++)
    {
      lamp_fake_watcher_down (fixture->watcher);
      iterate_for (g_test_rand_int_range (0, 50));
      lamp_fake_watcher_up (fixture->watcher);
      iterate_for (g_test_rand_int_range (0, 50));
    }

  since = g_get_monotonic_time ();
  wait_for_icon (fixture);
  g_assert_cmpint (g_get_monotonic_time () - since, <, 5 * SECOND);

  /* Once for each owner that was noticed. */
  g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), <=, 21);
}

static void
wait_for_alarm (Fixture *fixture)
{
  lamp_test_wait_until (lamp_timer_dummy_get_n_alarms (fixture->timer) > 0);
}

static void
test_watcher_ill (Fixture      *fixture,
                  gconstpointer data)
{
  static const guint delays[] = { 1, 2, 5, 10, 30, 60, 60 };

  lamp_fake_watcher_set_mood (fixture->watcher, LAMP_FAKE_WATCHER_ILL);
  lamp_fake_watcher_up (fixture->watcher);
  lamp_tray_start (fixture->tray);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++)
    {
      wait_for_alarm (fixture);
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, delays[i] * SECOND);
      assert_status (fixture, "*refuses the icon*Not today*");

      /* Both ways of naming the item. */
      g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, 2 * (i + 1));
      lamp_timer_dummy_next_alarm (fixture->timer);
    }

  /* Well again, which it shows by a signal: no wait of a minute. */
  wait_for_alarm (fixture);
  lamp_fake_watcher_set_mood (fixture->watcher, LAMP_FAKE_WATCHER_WELL);
  lamp_fake_watcher_set_has_host (fixture->watcher, TRUE);
  lamp_test_wait_until (lamp_timer_dummy_get_delay (fixture->timer) <= 5 * SECOND);
  lamp_timer_dummy_next_alarm (fixture->timer);
  wait_for_icon (fixture);
}

static void
test_watcher_wants_paths (Fixture      *fixture,
                          gconstpointer data)
{
  lamp_fake_watcher_set_mood (fixture->watcher, LAMP_FAKE_WATCHER_PATHS_ONLY);
  start (fixture);
  g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, 2);
}

static void
test_watcher_drops (Fixture      *fixture,
                    gconstpointer data)
{
  guint n_calls;
  guint n_reads;

  start (fixture);
  for (guint i = 0; i < 5; i++)
    {
      n_calls = lamp_fake_watcher_get_n_calls (fixture->watcher);
      lamp_fake_watcher_drop (fixture->watcher);
      wait_for_alarm (fixture);

      /* At most once in 5 seconds. */
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), <=, 5 * SECOND);
      g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, n_calls);
      n_reads = lamp_fake_watcher_get_n_reads (fixture->watcher);
      lamp_timer_dummy_next_alarm (fixture->timer);
      wait_for_icon (fixture);
      g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, n_calls + 1);

      /* Before, and to see that it has helped. */
      lamp_test_wait_until (lamp_fake_watcher_get_n_reads (fixture->watcher) == n_reads + 2);
    }

  /* Later at once. */
  lamp_timer_dummy_advance (fixture->timer, 6 * SECOND);
  n_calls = lamp_fake_watcher_get_n_calls (fixture->watcher);
  lamp_fake_watcher_drop (fixture->watcher);
  wait_for_icon (fixture);
  g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, n_calls + 1);
}

/* It may have its reasons, and is not told for ever. */
static void
test_watcher_secretive (Fixture      *fixture,
                        gconstpointer data)
{
  lamp_fake_watcher_set_mood (fixture->watcher, LAMP_FAKE_WATCHER_SECRETIVE);
  start (fixture);
  for (guint i = 1; i <= 3; i++)
    {
      wait_for_alarm (fixture);
      g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, 5 * SECOND);
      lamp_timer_dummy_next_alarm (fixture->timer);
      lamp_test_wait_until (lamp_fake_watcher_get_n_calls (fixture->watcher) == 1 + i);
    }

  iterate_for (50);
  g_assert_cmpuint (lamp_timer_dummy_get_n_alarms (fixture->timer), ==, 0);
  g_assert_true (lamp_tray_get_available (fixture->tray));
}

static void
test_watcher_without_host (Fixture      *fixture,
                           gconstpointer data)
{
  start (fixture);
  lamp_fake_watcher_set_has_host (fixture->watcher, FALSE);
  lamp_test_wait_until (!lamp_tray_get_available (fixture->tray));
  assert_status (fixture, "Registered, but no panel *");

  lamp_fake_watcher_set_has_host (fixture->watcher, TRUE);
  lamp_test_wait_until (lamp_tray_get_available (fixture->tray));
  g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, 1);
}

/* Its watcher writes names in another way. */
static void
test_watcher_of_gnome (Fixture      *fixture,
                       gconstpointer data)
{
  g_clear_pointer (&fixture->watcher, lamp_fake_watcher_free);
  fixture->watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (fixture->bus), TRUE);
  start (fixture);
  lamp_timer_dummy_advance (fixture->timer, 6 * SECOND);
  lamp_fake_watcher_set_has_host (fixture->watcher, FALSE);
  lamp_test_wait_until (!lamp_tray_get_available (fixture->tray));
  g_assert_cmpuint (lamp_fake_watcher_get_n_calls (fixture->watcher), ==, 1);
}

/* --- the end ------------------------------------------------------------ */

static void
test_gone_when_ended (Fixture      *fixture,
                      gconstpointer data)
{
  start (fixture);
  lamp_test_finalize (g_steal_pointer (&fixture->tray));
  lamp_test_wait_until (lamp_fake_watcher_get_item (fixture->watcher) == NULL);

  make_tray (fixture);
  lamp_tray_start (fixture->tray);
  wait_for_icon (fixture);
}

static void
test_bus_dies (Fixture      *fixture,
               gconstpointer data)
{
  start (fixture);
  g_clear_pointer (&fixture->watcher, lamp_fake_watcher_free);
  g_test_dbus_down (fixture->bus);
  lamp_test_wait_until (!lamp_tray_get_available (fixture->tray));
  lamp_test_wait_until (
    g_str_equal (lamp_tray_get_status (fixture->tray), "The session bus can’t be reached"));

  /* States go on coming, and the bus is tried again. */
  lamp_tray_set_state (fixture->tray, &dark);
  g_assert_cmpint (lamp_timer_dummy_get_delay (fixture->timer), ==, 250 * MILLISECOND);
  lamp_timer_dummy_next_alarm (fixture->timer);
  lamp_timer_dummy_next_alarm (fixture->timer);
  lamp_test_wait_until (lamp_timer_dummy_get_n_alarms (fixture->timer) == 1);

  g_object_unref (fixture->bus);
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (fixture->bus), FALSE);
  lamp_fake_watcher_up (fixture->watcher);
  lamp_timer_dummy_next_alarm (fixture->timer);
  wait_for_icon (fixture);
}

/* --- without a tray ----------------------------------------------------- */

static char *
dup_status_without (const char *variable,
                    const char *value)
{
  g_autoptr (GMenu) menu = g_menu_new ();
  g_autoptr (GSimpleActionGroup) actions = g_simple_action_group_new ();
  g_autoptr (LampTimerDummy) timer = lamp_timer_dummy_new ();
  g_autoptr (LampTray) tray = NULL;
  char *status;

  g_setenv (variable, value, TRUE);
  tray = lamp_tray_new (G_MENU_MODEL (menu), G_ACTION_GROUP (actions), LAMP_TIMER (timer));
  lamp_tray_set_state (tray, &calm);
  lamp_tray_start (tray);
  lamp_tray_set_state (tray, &alert);
  g_assert_false (lamp_tray_get_available (tray));
  status = g_strdup (lamp_tray_get_status (tray));
  g_unsetenv (variable);

  return status;
}

static void
test_switched_off (void)
{
  static const char *const values[] = { "off", "null", "nonsense" };

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *status = dup_status_without ("LAMPPOST_TRAY", values[i]);

      g_assert_cmpstr (status, ==, "Switched off by the environment variable LAMPPOST_TRAY");
    }
}

static void
test_no_bus (void)
{
  g_autofree char *status = NULL;

  /* No address, no user's bus, and no display that could lend one. */
  g_unsetenv ("DBUS_SESSION_BUS_ADDRESS");
  g_unsetenv ("DISPLAY");
  status = dup_status_without ("LAMPPOST_TRAY", "sni");
  g_assert_cmpstr (status, ==, "There is no session bus, so no desktop to show an icon");
}

/* --- pictures ----------------------------------------------------------- */

static void
test_pixmaps (void)
{
  static const char *const icons[] = { "attention", "offline", "online", "paused", "sending" };
  static const int sizes[] = { 16, 22, 24, 32, 48, 64 };
  g_autoptr (GVariant) any = g_variant_ref_sink (lamp_tray_icons_load_pixmap (icons[0]));

  if (g_variant_n_children (any) == 0)
    {
      g_test_skip ("built without pictures");
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (icons); i++)
    {
      g_autoptr (GVariant) pixmaps = g_variant_ref_sink (lamp_tray_icons_load_pixmap (icons[i]));

      g_assert_cmpuint (g_variant_n_children (pixmaps), ==, G_N_ELEMENTS (sizes));
      for (gsize j = 0; j < G_N_ELEMENTS (sizes); j++)
        {
          g_autoptr (GVariant) bytes = NULL;
          const guint8 *pixels;
          gsize length;
          int width;
          int height;
          guint n_drawn = 0;

          g_variant_get_child (pixmaps, j, "(ii@ay)", &width, &height, &bytes);
          pixels = g_variant_get_fixed_array (bytes, &length, 1);
          g_assert_cmpint (width, ==, sizes[j]);
          g_assert_cmpint (height, ==, sizes[j]);
          g_assert_cmpuint (length, ==, 4 * (gsize) (width * height));

          /* Alpha first, and not multiplied with the colour. */
          for (gsize k = 0; k < length; k += 4)
            {
              n_drawn += pixels[k] > 127;
              g_assert_cmpuint (pixels[k + 1], ==, 0x80);
            }
          g_assert_cmpuint (n_drawn, >, length / 4 / 20);
          g_assert_cmpuint (n_drawn, <, length / 4 / 2);
        }
    }
}

/* The hosts find the icons by their names: see lamp_tray_icons_are_installed(). */
static char *
install_icons (void)
{
  char *home = lamp_test_folder_new ();
  g_autofree char *folder = g_build_filename (home, "icons", "hicolor", "symbolic", "apps", NULL);
  g_autofree char *path = g_build_filename (folder, LAMP_APPLICATION_ID "-online-symbolic.svg",
                                            NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_set_contents (path, "<svg/>", -1, &error);
  g_assert_no_error (error);

  return home;
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_autofree char *data_home = lamp_test_folder_new ();
  g_autofree char *installed = NULL;
  int status;

  g_setenv ("XDG_DATA_DIRS", data_home, TRUE);
  g_setenv ("XDG_RUNTIME_DIR", data_home, TRUE);
  installed = install_icons ();
  g_setenv ("XDG_DATA_HOME", installed, TRUE);
  g_test_init (&argc, &argv, NULL);

  ADD ("/tray/introspection", test_introspection);
  ADD ("/tray/values", test_values);
  ADD ("/tray/menu", test_menu);
  ADD ("/tray/calls", test_calls);
  ADD ("/tray/token", test_token);
  ADD ("/tray/texts", test_texts);
  ADD ("/tray/hosts-follow", test_hosts_follow);
  ADD ("/tray/no-signal-without-change", test_no_signal_without_change);
  ADD ("/tray/four-updates-a-second", test_four_updates_a_second);
  ADD ("/tray/watcher/late", test_watcher_late);
  ADD ("/tray/watcher/restarted", test_watcher_restarted);
  ADD ("/tray/watcher/ill", test_watcher_ill);
  ADD ("/tray/watcher/wants-paths", test_watcher_wants_paths);
  ADD ("/tray/watcher/drops", test_watcher_drops);
  ADD ("/tray/watcher/secretive", test_watcher_secretive);
  ADD ("/tray/watcher/without-host", test_watcher_without_host);
  ADD ("/tray/watcher/of-gnome", test_watcher_of_gnome);
  ADD ("/tray/gone-when-ended", test_gone_when_ended);
  ADD ("/tray/bus-dies", test_bus_dies);
  g_test_add_func ("/tray/switched-off", test_switched_off);
  g_test_add_func ("/tray/no-bus", test_no_bus);
  g_test_add_func ("/tray/pixmaps", test_pixmaps);

  status = g_test_run ();
  lamp_test_folder_free (g_steal_pointer (&installed));
  lamp_test_folder_free (g_steal_pointer (&data_home));

  return status;
}
