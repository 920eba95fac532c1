/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-server.h"
#include "lamp-fake-watcher.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>

/* Nothing tells of a bus that comes, so it is looked for. */
#define LOOK_INTERVAL_MS 20

typedef struct
{
  guint look_id;
  char *home;             /* (owned) */
  char *socket;           /* (owned) of the bus, the same one after its death */
  char *address;          /* (owned) */
  LampFakeServer *server; /* (owned) */
  GSubprocess *bus;       /* (owned) (nullable) */
  GSubprocess *agent;     /* (owned) */
} Fixture;

static GSubprocess *
spawn (Fixture           *fixture,
       const char *const *arguments)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;
  GSubprocess *process = NULL;

  g_subprocess_launcher_setenv (launcher, "HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "SPEC_KITTY_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_CONFIG_HOME", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "XDG_RUNTIME_DIR", fixture->home, TRUE);
  g_subprocess_launcher_setenv (launcher, "DBUS_SESSION_BUS_ADDRESS", fixture->address, TRUE);
  g_subprocess_launcher_unsetenv (launcher, "G_DEBUG");
  process = g_subprocess_launcher_spawnv (launcher, arguments, &error);
  g_assert_no_error (error);

  return process;
}

/* NULL while nobody listens there. */
static GDBusConnection *
connect_to_bus (Fixture *fixture)
{
  return g_dbus_connection_new_for_address_sync (fixture->address,
                                                 G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                                 NULL, NULL, NULL);
}

static void
start_bus (Fixture *fixture)
{
  g_autofree char *option = g_strconcat ("--address=", fixture->address, NULL);
  const char *arguments[] = { "dbus-daemon", "--session", "--nofork", option, NULL };
  GDBusConnection *connection = NULL;

  fixture->bus = spawn (fixture, arguments);
  lamp_test_wait_until ((connection = connect_to_bus (fixture)) != NULL);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);
}

static void
kill_bus (Fixture *fixture)
{
  g_subprocess_force_exit (fixture->bus);
  g_subprocess_wait (fixture->bus, NULL, NULL);
  g_clear_object (&fixture->bus);
  g_remove (fixture->socket);
}

static void
start_agent (Fixture *fixture)
{
  const char *arguments[] = { g_getenv ("LAMP_AGENT"), "--server",
                              lamp_fake_server_get_url (fixture->server), NULL };

  fixture->agent = spawn (fixture, arguments);
}

static guint
get_owner_process (Fixture *fixture)
{
  GDBusConnection *connection = connect_to_bus (fixture);
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                                 g_variant_new ("(s)", LAMP_AGENT_ID), G_VARIANT_TYPE ("(u)"),
                                 G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, NULL);
  guint process = 0;

  if (reply != NULL)
    g_variant_get (reply, "(u)", &process);
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);

  return process;
}

/* As a program that has no bus either. */
static void
emit_into_file (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  LampQueue *queue = lamp_queue_new (path, "elsewhere");
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  g_autoptr (GError) error = NULL;

  g_ptr_array_add (events, lamp_test_event ("mission", "Emitted", NULL));
  receipts = lamp_queue_append (queue, events, &error);
  g_assert_no_error (error);
  lamp_test_finalize (queue);
}

static LampFakeWatcher *
make_watcher (Fixture *fixture)
{
  LampFakeWatcher *watcher = lamp_fake_watcher_new (fixture->address, FALSE);

  lamp_fake_watcher_up (watcher);

  return watcher;
}

static gboolean
look_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->home = lamp_test_folder_new ();
  fixture->socket = g_build_filename (fixture->home, "bus", NULL);
  fixture->address = g_strconcat ("unix:path=", fixture->socket, NULL);
  fixture->server = lamp_fake_server_new ();
  fixture->look_id = g_timeout_add (LOOK_INTERVAL_MS, look_cb, NULL);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  g_source_remove (fixture->look_id);
  g_subprocess_send_signal (fixture->agent, SIGTERM);
  g_subprocess_wait (fixture->agent, NULL, NULL);
  g_assert_cmpint (g_subprocess_get_exit_status (fixture->agent), ==, 0);
  g_clear_object (&fixture->agent);
  if (fixture->bus != NULL)
    kill_bus (fixture);
  lamp_test_finalize (fixture->server);
  lamp_test_folder_free (fixture->home);
  g_free (fixture->address);
  g_free (fixture->socket);
}

static void
test_bus_dies (Fixture      *fixture,
               gconstpointer data)
{
  LampFakeWatcher *watcher = NULL;
  guint process = 0;

  start_bus (fixture);
  watcher = make_watcher (fixture);
  start_agent (fixture);
  lamp_test_wait_until ((process = get_owner_process (fixture)) != 0);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);

  lamp_fake_watcher_free (watcher);
  kill_bus (fixture);
  emit_into_file (fixture);
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == 1);

  /* The same process, and not one that was activated. */
  start_bus (fixture);
  watcher = make_watcher (fixture);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);
  lamp_test_wait_until (get_owner_process (fixture) == process);
  lamp_fake_watcher_free (watcher);
  emit_into_file (fixture);
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == 2);
}

static void
test_no_bus (Fixture      *fixture,
             gconstpointer data)
{
  emit_into_file (fixture);
  start_agent (fixture);
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->server) == 1);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/bus-death/agent-lives-on", Fixture, NULL, set_up, test_bus_dies, tear_down);
  g_test_add ("/bus-death/no-bus-at-all", Fixture, NULL, set_up, test_no_bus, tear_down);

  return g_test_run ();
}
