/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-run.h"
#include "lamp-fake-watcher.h"
#include "lamp-test-util.h"

#include <signal.h>

/* The real agent's icon, and what becomes of it when things end. */

static void
start (LampAgentRun *run)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_agent_run_launcher (run, G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GError) error = NULL;

  run->agent = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_AGENT"), NULL);
  g_assert_no_error (error);
}

static LampAgentRun *
make_run (void)
{
  LampAgentRun *run = lamp_agent_run_new ();

  lamp_agent_run_setenv (run, "DISPLAY", NULL);
  lamp_agent_run_setenv (run, "WAYLAND_DISPLAY", NULL);
  lamp_agent_run_setenv (run, "XDG_CURRENT_DESKTOP", NULL);
  lamp_agent_run_setenv (run, "LAMPPOST_TRAY", NULL);

  return run;
}

static LampFakeWatcher *
make_watcher (LampAgentRun *run)
{
  LampFakeWatcher *watcher = NULL;

  watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (run->bus), FALSE);
  lamp_fake_watcher_up (watcher);

  return watcher;
}

static gboolean
has_tray_status (LampAgentRun *run,
                 const char   *pattern)
{
  g_autofree char *status = lamp_agent_run_dup_text (run, "TrayStatus");

  return g_pattern_match_simple (pattern, status);
}

static void
test_icon (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  g_autoptr (LampFakeWatcher) watcher = make_watcher (run);

  start (run);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);
  lamp_test_wait_until (run->owned);
  lamp_test_wait_until (has_tray_status (run, "Shown by test-tray-agent (process *) since *"));

  lamp_agent_run_end (run);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) == NULL);
}

static void
test_killed (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  g_autoptr (LampFakeWatcher) watcher = make_watcher (run);

  start (run);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);
  g_subprocess_send_signal (run->agent, SIGKILL);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) == NULL);
  lamp_test_wait_until (!run->owned);
  g_clear_object (&run->agent);

  start (run);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);
  lamp_test_wait_until (run->owned);
}

static void
test_no_watcher (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  g_autofree char *event_id = NULL;

  lamp_agent_run_setenv (run, "XDG_CURRENT_DESKTOP", "ubuntu:GNOME");
  start (run);
  lamp_test_wait_until (run->owned);
  lamp_test_wait_until (has_tray_status (
    run, "No program shows tray icons now. *“AppIndicator and KStatusNotifierItem Support”*"));
  event_id = lamp_agent_run_emit (run);
  g_assert_nonnull (event_id);
}

static void
test_switched_off (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  g_autoptr (LampFakeWatcher) watcher = make_watcher (run);

  lamp_agent_run_setenv (run, "LAMPPOST_TRAY", "off");
  start (run);
  lamp_test_wait_until (run->owned);
  lamp_test_wait_until (has_tray_status (run, "Switched off by *"));
  g_assert_null (lamp_fake_watcher_get_item (watcher));
}

/* Ends an agent that has no name on the bus of @run, which must end cleanly. */
static void
end (LampAgentRun *run)
{
  g_subprocess_send_signal (run->agent, SIGTERM);
  g_assert_cmpint (lamp_agent_run_wait (run->agent), ==, 0);
  g_clear_object (&run->agent);
}

static gboolean
wake_up_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_no_bus (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  guint poll_id = g_timeout_add (20, wake_up_cb, NULL);

  lamp_agent_run_setenv (run, "DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
  start (run);
  lamp_test_wait_until (g_file_test (run->queue_path, G_FILE_TEST_EXISTS));
  g_source_remove (poll_id);
  end (run);
}

/* The agent lives on; test-bus-death shows that the icon returns with the bus. */
static void
test_bus_dies (void)
{
  g_autoptr (LampAgentRun) run = make_run ();
  g_autoptr (GTestDBus) session = g_test_dbus_new (G_TEST_DBUS_NONE);
  LampFakeWatcher *watcher = NULL;

  lamp_test_bus_up (session);
  watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (session), FALSE);
  lamp_fake_watcher_up (watcher);
  lamp_agent_run_setenv (run, "DBUS_SESSION_BUS_ADDRESS", g_test_dbus_get_bus_address (session));
  start (run);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);

  lamp_fake_watcher_free (watcher);
  g_test_dbus_down (session);
  end (run);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tray-agent/icon", test_icon);
  g_test_add_func ("/tray-agent/killed", test_killed);
  g_test_add_func ("/tray-agent/no-watcher", test_no_watcher);
  g_test_add_func ("/tray-agent/switched-off", test_switched_off);
  g_test_add_func ("/tray-agent/no-bus", test_no_bus);
  g_test_add_func ("/tray-agent/bus-dies", test_bus_dies);

  return g_test_run ();
}
