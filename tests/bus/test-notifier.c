/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-test-util.h"

#include <glib/gstdio.h>

/* The agent's notifications, as the desktop gets them: by a stand-in for the notification server
 * of freedesktop.org, and one for GNOME's own. */

#define SERVER "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define GNOME_SERVER "org.gtk.Notifications"
#define GNOME_SERVER_PATH "/org/gtk/Notifications"

static const char interfaces[] =
  "<node>"
  "  <interface name='org.freedesktop.Notifications'>"
  "    <method name='Notify'>"
  "      <arg type='s' direction='in'/><arg type='u' direction='in'/>"
  "      <arg type='s' direction='in'/><arg type='s' direction='in'/>"
  "      <arg type='s' direction='in'/><arg type='as' direction='in'/>"
  "      <arg type='a{sv}' direction='in'/><arg type='i' direction='in'/>"
  "      <arg type='u' direction='out'/>"
  "    </method>"
  "    <method name='CloseNotification'><arg type='u' direction='in'/></method>"
  "  </interface>"
  "  <interface name='org.gtk.Notifications'>"
  "    <method name='AddNotification'>"
  "      <arg type='s' direction='in'/><arg type='s' direction='in'/>"
  "      <arg type='a{sv}' direction='in'/>"
  "    </method>"
  "    <method name='RemoveNotification'>"
  "      <arg type='s' direction='in'/><arg type='s' direction='in'/>"
  "    </method>"
  "  </interface>"
  "</node>";

typedef struct
{
  LampAgentRun *run;
  GDBusConnection *desktop;
  GString *notices; /* "title | body\n" of each, "-\n" where one was closed */
  guint n_notices;
  guint32 last_id;
  char *buttons; /* (nullable) of the last one: "action=label " each */
} Fixture;

static guint
count_notices (Fixture    *fixture,
               const char *part)
{
  g_auto (GStrv) parts = g_strsplit (fixture->notices->str, part, -1);

  return g_strv_length (parts) - 1;
}

static gboolean
has_notice (Fixture    *fixture,
            const char *part)
{
  return strstr (fixture->notices->str, part) != NULL;
}

static void
take_buttons (Fixture  *fixture,
              GVariant *actions)
{
  g_autofree const char **words = g_variant_get_strv (actions, NULL);

  g_free (fixture->buttons);
  fixture->buttons = g_strjoinv ("=", (char **) words);
}

static guint32
take_notice (Fixture  *fixture,
             GVariant *parameters)
{
  guint32 replaces;
  const char *name;
  const char *title;
  const char *body;
  const char *entry = NULL;
  g_autoptr (GVariant) actions = NULL;
  g_autoptr (GVariant) hints = NULL;

  g_variant_get (parameters, "(&su&s&s&s@as@a{sv}i)", &name, &replaces, NULL, &title, &body,
                 &actions, &hints, NULL);
  g_assert_cmpstr (name, ==, "Lamppost");

  /* What a desktop finds its name, icon and settings by. */
  g_assert_true (g_variant_lookup (hints, "desktop-entry", "&s", &entry));
  g_assert_cmpstr (entry, ==, LAMP_AGENT_ID);
  take_buttons (fixture, actions);
  g_string_append_printf (fixture->notices, "%s | %s\n", title, body);
  fixture->n_notices++;

  return replaces != 0 ? replaces : ++fixture->last_id;
}

static void
method_call_cb (GDBusConnection       *connection,
                const char            *sender,
                const char            *path,
                const char            *interface,
                const char            *method,
                GVariant              *parameters,
                GDBusMethodInvocation *invocation,
                gpointer               user_data)
{
  Fixture *fixture = user_data;
  GVariant *answer = NULL;

  if (g_str_equal (method, "Notify"))
    {
      answer = g_variant_new ("(u)", take_notice (fixture, parameters));
    }
  else if (g_str_equal (method, "AddNotification"))
    {
      g_autofree char *printed = g_variant_print (parameters, FALSE);

      g_string_append_printf (fixture->notices, "%s\n", printed);
      fixture->n_notices++;
    }
  else
    {
      g_string_append (fixture->notices, "-\n");
    }

  g_dbus_method_invocation_return_value (invocation, answer);
}

static const GDBusInterfaceVTable vtable = { .method_call = method_call_cb };

static void
own_cb (GDBusConnection *connection,
        const char      *name,
        gpointer         user_data)
{
  *(gboolean *) user_data = TRUE;
}

static void
serve (Fixture    *fixture,
       const char *name,
       const char *path)
{
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;
  gboolean owned = FALSE;

  node = g_dbus_node_info_new_for_xml (interfaces, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (fixture->desktop, path,
                                     g_dbus_node_info_lookup_interface (node, name), &vtable,
                                     fixture, NULL, &error);
  g_assert_no_error (error);
  g_bus_own_name_on_connection (fixture->desktop, name, G_BUS_NAME_OWNER_FLAGS_NONE, own_cb, NULL,
                                &owned, NULL);
  lamp_test_wait_until (owned);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->run = lamp_agent_run_new ();
  fixture->notices = g_string_new (NULL);
  fixture->desktop =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->run->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
set_up_served (Fixture      *fixture,
               gconstpointer data)
{
  set_up (fixture, data);
  serve (fixture, SERVER, SERVER_PATH);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->run->agent != NULL)
    lamp_agent_run_end (fixture->run);

  g_dbus_connection_close_sync (fixture->desktop, NULL, NULL);
  g_object_unref (fixture->desktop);
  lamp_agent_run_free (fixture->run);
  g_string_free (fixture->notices, TRUE);
  g_free (fixture->buttons);
}

static void
press (Fixture    *fixture,
       const char *action)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_emit_signal (fixture->desktop, NULL, SERVER_PATH, SERVER, "ActionInvoked",
                                 g_variant_new ("(us)", fixture->last_id, action), &error);
  g_assert_no_error (error);
}

/* Emits while paused, so that the server refuses all at once. */
static void
fail_events (Fixture *fixture,
             guint    count)
{
  guint64 failed = lamp_agent_run_get_count (fixture->run, "Failed");

  lamp_agent_run_set_paused (fixture->run, TRUE);
  for (guint i = 0; i < count; i++)
    {
      g_autofree char *id = lamp_agent_run_emit (fixture->run);

      lamp_fake_server_reject_id (fixture->run->server, id, "nope", "Not like this");
    }

  lamp_agent_run_set_paused (fixture->run, FALSE);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Failed") == failed + count);
}

/* --- failed ------------------------------------------------------------- */

static void
test_failures_are_one_notice (Fixture      *fixture,
                              gconstpointer data)
{
  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 30);
  lamp_test_wait_until (has_notice (fixture, "30 events were not taken"));
  g_assert_nonnull (strstr (fixture->buttons, "Resend"));
  g_assert_nonnull (strstr (fixture->buttons, "Show"));

  /* More of them, soon after, are told of later. */
  fail_events (fixture, 1);
  fail_events (fixture, 1);
  lamp_test_wait_until (has_notice (fixture, "32 events were not taken"));
  g_assert_cmpuint (fixture->n_notices, ==, 2);
  g_assert_cmpuint (fixture->last_id, ==, 1);
  g_assert_false (has_notice (fixture, "-\n"));

  /* It is over, so it goes. */
  lamp_fake_server_push_results (fixture->run->server, "success");
  lamp_agent_run_call (fixture->run, "ResendAll", NULL);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
}

static void
test_button_resends (Fixture      *fixture,
                     gconstpointer data)
{
  g_auto (GStrv) buttons = NULL;

  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 3);
  lamp_test_wait_until (has_notice (fixture, "3 events were not taken"));

  /* Now the server takes them. */
  lamp_fake_server_push_results (fixture->run->server, "success");
  buttons = g_strsplit (fixture->buttons, "=", -1);
  for (gsize i = 0; buttons[i] != NULL && buttons[i + 1] != NULL; i++)
    if (g_str_equal (buttons[i + 1], "Resend"))
      press (fixture, buttons[i]);

  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 3);
}

/* Failures of before are no news. */
static void
test_old_failures_are_no_news (Fixture      *fixture,
                               gconstpointer data)
{
  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 2);
  lamp_test_wait_until (has_notice (fixture, "2 events were not taken"));
  lamp_agent_run_end (fixture->run);

  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 1);
  lamp_test_wait_until (has_notice (fixture, "3 events were not taken"));
  g_assert_cmpuint (count_notices (fixture, "not taken"), ==, 2);
}

static void
test_success_is_no_news (Fixture      *fixture,
                         gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_agent_run_start (fixture->run);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
  fail_events (fixture, 1);
  lamp_test_wait_until (fixture->n_notices > 0);
  g_assert_cmpuint (fixture->n_notices, ==, 1);
  g_assert_true (has_notice (fixture, "1 event was not taken"));
}

static void
test_quiet_if_wished (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *id = NULL;

  fixture->run->settings = g_strdup ("notify=false\n");
  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 2);
  id = lamp_agent_run_emit (fixture->run);
  lamp_fake_server_set_token (fixture->run->server, "another");
  lamp_agent_run_age_pending (fixture->run, 30);
  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1 ||
                        lamp_agent_run_is_state (fixture->run, "unauthorized"));
  lamp_agent_run_end (fixture->run);

  g_assert_cmpuint (fixture->n_notices, ==, 0);
}

/* --- sign-in ------------------------------------------------------------ */

static void
test_sign_in (Fixture      *fixture,
              gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_fake_server_set_token (fixture->run->server, "another");
  lamp_agent_run_start (fixture->run);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (has_notice (fixture, "Signing in is needed"));

  /* A try with the old token changes nothing, one that goes through does. */
  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->run->server) >= 2 &&
                        lamp_agent_run_is_state (fixture->run, "unauthorized"));
  g_assert_cmpuint (fixture->n_notices, ==, 1);
  g_assert_false (has_notice (fixture, "-\n"));

  lamp_fake_server_set_token (fixture->run->server, NULL);
  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
  g_assert_cmpuint (fixture->n_notices, ==, 1);
}

/* --- stalled ------------------------------------------------------------ */

static void
emit_unsent (Fixture *fixture)
{
  g_autofree char *id = NULL;

  lamp_fake_server_stop (fixture->run->server);
  id = lamp_agent_run_emit (fixture->run);
}

static void
test_stalled_once_a_day (Fixture      *fixture,
                         gconstpointer data)
{
  lamp_agent_run_start (fixture->run);
  emit_unsent (fixture);
  lamp_agent_run_age_pending (fixture->run, 25);
  lamp_test_wait_until (has_notice (fixture,
                                    "1 event is still waiting | The oldest has waited for "
                                    "more than 24 hours to be sent."));

  /* A restart is no news. */
  lamp_agent_run_end (fixture->run);
  lamp_agent_run_start (fixture->run);
  lamp_test_wait_until (lamp_agent_run_is_state (fixture->run, "offline") &&
                        lamp_agent_run_get_count (fixture->run, "NextRetry") > 0);
  lamp_agent_run_end (fixture->run);
  g_assert_cmpuint (fixture->n_notices, ==, 1);

  /* The next day is. */
  fixture->run->settings = g_strdup_printf ("stalled-notified=int64 %" G_GINT64_FORMAT "\n",
                                            g_get_real_time () / G_USEC_PER_SEC - 24 * 3600);
  lamp_agent_run_start (fixture->run);
  lamp_test_wait_until (fixture->n_notices == 2);

  /* Then it is sent. */
  lamp_fake_server_start (fixture->run->server);
  lamp_agent_run_call (fixture->run, "ReplayNow", NULL);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
}

/* Nothing happens but that time passes. */
static void
test_stalls_by_itself (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *sql = NULL;

  lamp_agent_run_start (fixture->run);
  lamp_agent_run_set_paused (fixture->run, TRUE);
  emit_unsent (fixture);
  {
    g_autoptr (LampTestDb) db = lamp_test_db_open (fixture->run->queue_path);

    /* It becomes too old in three seconds; the agent has seen the change before. */
    sql = g_strdup_printf ("UPDATE lamppost_state SET queued_at = %" G_GINT64_FORMAT
                           " WHERE status = 2",
                           g_get_real_time () - 24 * G_TIME_SPAN_HOUR + 3 * G_TIME_SPAN_SECOND);
    lamp_test_db_run (db, sql);
  }

  lamp_test_wait_until (has_notice (fixture, "1 event is still waiting"));
}

/* --- storage ------------------------------------------------------------ */

static void
test_queue_not_opened (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *problem = NULL;

  /* A queue that can't be opened: its place is taken by a folder. */
  g_assert_cmpint (g_mkdir (fixture->run->queue_path, 0700), ==, 0);
  lamp_agent_run_start (fixture->run);
  lamp_test_wait_until (has_notice (fixture, "Events can’t be stored | "));
  problem = lamp_agent_run_dup_text (fixture->run, "LastError");
  g_assert_true (has_notice (fixture, problem));

  g_assert_cmpint (g_rmdir (fixture->run->queue_path), ==, 0);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
}

/* The lock stands for all that keeps an event from the disk: a full one, for example. */
static void
test_event_not_stored (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (LampTestDb) db = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = NULL;
  g_autofree char *problem = NULL;

  lamp_agent_run_start (fixture->run);
  db = lamp_test_db_open (fixture->run->queue_path);
  lamp_test_db_run (db, "BEGIN IMMEDIATE");
  reply = lamp_agent_run_try (fixture->run, "Emit",
                              g_variant_new_parsed ("('m', 'T', '{}', @a{sv} {})"), &error);
  g_assert_null (reply);
  lamp_test_wait_until (has_notice (fixture, "Events can’t be stored | "));
  problem = lamp_agent_run_dup_text (fixture->run, "LastError");
  g_assert_true (has_notice (fixture, problem));

  lamp_test_db_run (db, "ROLLBACK");
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
}

/* --- the desktops ------------------------------------------------------- */

static void
test_needs_no_server (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 1);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

/* GNOME knows its applications by their desktop files, and presses buttons through the bus. */
static void
test_gnome (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  serve (fixture, GNOME_SERVER, GNOME_SERVER_PATH);
  lamp_agent_run_start (fixture->run);
  fail_events (fixture, 2);
  lamp_test_wait_until (has_notice (fixture, "2 events were not taken"));
  g_assert_true (has_notice (fixture, "'" LAMP_AGENT_ID "', 'failed'"));
  g_assert_true (has_notice (fixture, "'app.resend'"));
  g_assert_true (has_notice (fixture, "'default-action': <'app.show'>"));

  lamp_fake_server_push_results (fixture->run->server, "success");
  g_dbus_connection_call (fixture->desktop, LAMP_AGENT_ID, LAMP_AGENT_PATH,
                          "org.freedesktop.Application", "ActivateAction",
                          g_variant_new_parsed ("('resend', @av [], @a{sv} {})"), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  reply = g_dbus_connection_call_finish (fixture->desktop, result, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 2);
  lamp_test_wait_until (has_notice (fixture, "-\n"));
}

#define ADD(path, func)                                                                            \
  g_test_add ("/notifier/" path, Fixture, NULL, set_up_served, func, tear_down)
#define ADD_BARE(path, func) g_test_add ("/notifier/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  ADD ("failed/one-notice", test_failures_are_one_notice);
  ADD ("failed/button-resends", test_button_resends);
  ADD ("failed/old-ones", test_old_failures_are_no_news);
  ADD ("never-success", test_success_is_no_news);
  ADD ("quiet-if-wished", test_quiet_if_wished);
  ADD ("sign-in", test_sign_in);
  ADD ("stalled/once-a-day", test_stalled_once_a_day);
  ADD ("stalled/by-itself", test_stalls_by_itself);
  ADD ("storage/not-opened", test_queue_not_opened);
  ADD ("storage/not-stored", test_event_not_stored);
  ADD_BARE ("no-server", test_needs_no_server);
  ADD_BARE ("gnome", test_gnome);

  return g_test_run ();
}
