/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-test-util.h"

/* The machine wakes up, as logind tells on the system bus: events that wait for their next try,
 * which may be minutes away, go at once. */

#define SECOND ((gint64) G_USEC_PER_SEC)

/* From here on a try by itself can't be taken for one after a wake-up. */
#define LONG_WAIT (3 * SECOND)
#define AT_ONCE (2 * SECOND)

#define LOGIND "org.freedesktop.login1"

typedef struct
{
  LampAgentRun *run;
  GTestDBus *system_bus;
  GDBusConnection *logind; /* (nullable) without logind */
  guint name_id;
  gboolean owned;
} Fixture;

static void
own_cb (GDBusConnection *connection,
        const char      *name,
        gpointer         user_data)
{
  ((Fixture *) user_data)->owned = TRUE;
}

static void
start_logind (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->logind =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->system_bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  fixture->name_id = g_bus_own_name_on_connection (fixture->logind, LOGIND,
                                                   G_BUS_NAME_OWNER_FLAGS_NONE, own_cb, NULL,
                                                   fixture, NULL);
  lamp_test_wait_until (fixture->owned);
}

static void
stop_logind (Fixture *fixture)
{
  g_clear_handle_id (&fixture->name_id, g_bus_unown_name);
  if (fixture->logind != NULL)
    g_dbus_connection_close_sync (fixture->logind, NULL, NULL);
  g_clear_object (&fixture->logind);
}

static void
stop_system_bus (Fixture *fixture)
{
  stop_logind (fixture);
  if (fixture->system_bus != NULL)
    g_test_dbus_down (fixture->system_bus);
  g_clear_object (&fixture->system_bus);
}

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  fixture->run = lamp_agent_run_new ();
  fixture->system_bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->system_bus);
  lamp_agent_run_setenv (fixture->run, "DBUS_SYSTEM_BUS_ADDRESS",
                         g_test_dbus_get_bus_address (fixture->system_bus));
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  /* The agent first: it must outlive whatever the test has done to the bus. */
  lamp_agent_run_free (fixture->run);
  stop_system_bus (fixture);
}

static void
prepare_for_sleep (Fixture  *fixture,
                   GVariant *parameters)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_emit_signal (fixture->logind, NULL, "/org/freedesktop/login1",
                                 LOGIND ".Manager", "PrepareForSleep", parameters, &error);
  g_assert_no_error (error);
  g_dbus_connection_flush_sync (fixture->logind, NULL, &error);
  g_assert_no_error (error);
}

static gint64
get_wait (Fixture *fixture)
{
  gint64 next = (gint64) lamp_agent_run_get_count (fixture->run, "NextRetry");

  return next > 0 ? next - g_get_real_time () : 0;
}

/* An event that can't be sent, until the next try is far away. */
static void
wait_for_long_backoff (Fixture *fixture)
{
  g_autofree char *id = NULL;

  lamp_fake_server_stop (fixture->run->server);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (get_wait (fixture) > LONG_WAIT);
}

static void
test_sends_at_once (Fixture      *fixture,
                    gconstpointer data)
{
  gint64 begin;

  start_logind (fixture);
  lamp_agent_run_start (fixture->run);
  wait_for_long_backoff (fixture);
  lamp_fake_server_start (fixture->run->server);

  begin = g_get_monotonic_time ();
  prepare_for_sleep (fixture, g_variant_new ("(b)", FALSE));
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->run->server) > 0);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, AT_ONCE);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

static GVariant *
call_on_system_bus (Fixture    *fixture,
                    const char *name,
                    const char *interface,
                    const char *method)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *reply;

  g_dbus_connection_call (fixture->logind, name, "/org/freedesktop/DBus", interface, method, NULL,
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  reply = g_dbus_connection_call_finish (fixture->logind, result, &error);
  g_assert_no_error (error);

  return reply;
}

/* Returns when the agent has received what was sent on the system bus before. */
static void
ping_agent (Fixture *fixture)
{
  const char *own = g_dbus_connection_get_unique_name (fixture->logind);
  g_autoptr (GVariant) reply = NULL;
  g_autofree const char **names = NULL;
  guint n_pinged = 0;

  reply = call_on_system_bus (fixture, "org.freedesktop.DBus", "org.freedesktop.DBus", "ListNames");
  g_variant_get (reply, "(^a&s)", &names);
  for (gsize i = 0; names[i] != NULL; i++)
    if (*names[i] == ':' && !g_str_equal (names[i], own))
      {
        g_variant_unref (
          call_on_system_bus (fixture, names[i], "org.freedesktop.DBus.Peer", "Ping"));
        n_pinged++;
      }

  g_assert_cmpuint (n_pinged, ==, 1);
}

/* Before the sleep, and what logind never says: nothing is tried for it. */
static void
test_tries_nothing_before_sleep (Fixture      *fixture,
                                 gconstpointer data)
{
  gint64 next;

  start_logind (fixture);
  lamp_agent_run_start (fixture->run);
  wait_for_long_backoff (fixture);
  lamp_fake_server_start (fixture->run->server);
  next = (gint64) lamp_agent_run_get_count (fixture->run, "NextRetry");
  prepare_for_sleep (fixture, g_variant_new ("(b)", TRUE));
  prepare_for_sleep (fixture, g_variant_new ("(s)", "no"));
  prepare_for_sleep (fixture, g_variant_new ("()"));
  ping_agent (fixture);

  g_assert_cmpint (lamp_agent_run_get_count (fixture->run, "NextRetry"), ==, next);
  g_assert_false (lamp_agent_run_is_state (fixture->run, "replaying"));
  g_assert_cmpuint (lamp_fake_server_get_n_batches (fixture->run->server), ==, 0);
}

static void
test_needs_no_logind (Fixture      *fixture,
                      gconstpointer data)
{
  g_autofree char *id = NULL;

  lamp_agent_run_setenv (fixture->run, "G_DEBUG", "fatal-warnings");
  lamp_agent_run_start (fixture->run);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

/* It may be started later. */
static void
test_finds_logind_later (Fixture      *fixture,
                         gconstpointer data)
{
  gint64 begin;

  lamp_agent_run_start (fixture->run);
  wait_for_long_backoff (fixture);
  start_logind (fixture);
  lamp_fake_server_start (fixture->run->server);

  /* The agent hears of the new owner before it hears of him. */
  begin = g_get_monotonic_time ();
  prepare_for_sleep (fixture, g_variant_new ("(b)", FALSE));
  lamp_test_wait_until (lamp_fake_server_get_n_batches (fixture->run->server) > 0);
  g_assert_cmpint (g_get_monotonic_time () - begin, <, AT_ONCE);
}

static void
test_needs_no_system_bus (Fixture      *fixture,
                          gconstpointer data)
{
  g_autofree char *id = NULL;

  stop_system_bus (fixture);
  lamp_agent_run_setenv (fixture->run, "G_DEBUG", "fatal-warnings");
  lamp_agent_run_start (fixture->run);
  id = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
}

static void
test_outlives_the_system_bus (Fixture      *fixture,
                              gconstpointer data)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  start_logind (fixture);
  lamp_agent_run_setenv (fixture->run, "G_DEBUG", "fatal-warnings");
  lamp_agent_run_start (fixture->run);
  before = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 1);
  prepare_for_sleep (fixture, g_variant_new ("(b)", FALSE));

  stop_system_bus (fixture);
  after = lamp_agent_run_emit (fixture->run);
  lamp_test_wait_until (lamp_agent_run_get_count (fixture->run, "Delivered") == 2);
}

#define ADD(path, func) g_test_add ("/wake-up/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  ADD ("sends-at-once", test_sends_at_once);
  ADD ("tries-nothing-before-sleep", test_tries_nothing_before_sleep);
  ADD ("needs-no-logind", test_needs_no_logind);
  ADD ("finds-logind-later", test_finds_logind_later);
  ADD ("needs-no-system-bus", test_needs_no_system_bus);
  ADD ("outlives-the-system-bus", test_outlives_the_system_bus);

  return g_test_run ();
}
