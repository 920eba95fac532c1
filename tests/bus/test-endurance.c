/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-process.h"
#include "lamp-test-util.h"

/* Many events on their way to a server that dies and comes back. */

#define DEFAULT_EVENTS (LAMP_TEST_SANITIZED ? 10000 : 100000)
#define DEFAULT_KILLS 10

/* A batch of 100 events of 512 KiB is in memory a few times over; a hundred thousand events would
 * be ten times this. */
#define GROWTH_MAX_KIB (30 * 1024)

static guint
read_size (const char *variable,
           guint       otherwise)
{
  const char *text = g_getenv (variable);

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : otherwise;
}

static gboolean
is_at_rest (LampAgentProcess *run)
{
  const char *state = lamp_bus_agent1_get_state (run->proxy);

  return state != NULL && !g_str_equal (state, "replaying");
}

/* In the server's set is what was in the queue, each once and in the order of the clock. */
static void
check_receiver (LampAgentProcess *run,
                guint             n_events)
{
  g_autofree char *path = g_build_filename (run->home, "receiver.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (path);

  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(*) FROM events"), ==, n_events);
  g_assert_cmpint (lamp_test_db_int (db, "SELECT count(DISTINCT event_id) FROM events"), ==,
                   n_events);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM"
                                     "  (SELECT lamport_clock - lag(lamport_clock, 1, 0)"
                                     "     OVER (ORDER BY seq) AS step FROM events)"
                                     "  WHERE step <= 0"),
                   ==, 0);
}

static void
check_queue (LampAgentProcess *run)
{
  g_autofree char *path = g_build_filename (run->home, "queue.db", NULL);
  g_autoptr (LampTestDb) db = lamp_test_db_open (path);

  lamp_test_db_assert_sound (db);
  g_assert_cmpint (lamp_test_db_int (db,
                                     "SELECT count(*) FROM lamppost_state WHERE status IN (1, 2)"),
                   ==, 0);
}

/* Kills the server at the given number of events left, and brings it back. */
static void
kill_server (LampAgentProcess *run,
             GSubprocess     **receiver,
             char            **url,
             guint             left)
{
  lamp_test_wait_until (lamp_bus_agent1_get_pending (run->proxy) <= left);
  g_assert_cmpuint (lamp_bus_agent1_get_pending (run->proxy), >, 0);
  lamp_agent_process_kill_process (receiver);
  lamp_test_wait_until (lamp_bus_agent1_get_last_error (run->proxy)[0] != '\0' || is_at_rest (run));
  *receiver = lamp_agent_process_start_receiver (run, url);
  lamp_agent_process_replay_now (run);
}

static void
test_server_dies (void)
{
  g_autoptr (LampAgentProcess) run = lamp_agent_process_new ();
  guint n_events = read_size ("LAMP_ENDURANCE_EVENTS", DEFAULT_EVENTS);
  guint n_kills = read_size ("LAMP_ENDURANCE_KILLS", DEFAULT_KILLS);
  g_autofree char *url = NULL;
  GSubprocess *receiver = lamp_agent_process_start_receiver (run, &url);
  gint64 start = g_get_monotonic_time ();
  guint rest;
  guint peak;

  lamp_agent_process_fill (run, n_events);
  g_test_message ("%u events stored after %.1f s", n_events,
                  (g_get_monotonic_time () - start) / 1e6);
  lamp_agent_process_kill_process (&receiver);
  lamp_agent_process_start (run, url);
  lamp_test_wait_until (lamp_bus_agent1_get_last_error (run->proxy)[0] != '\0');
  rest = lamp_agent_process_get_memory (run, "VmHWM");

  receiver = lamp_agent_process_start_receiver (run, &url);
  lamp_agent_process_replay_now (run);
  for (guint i = 1; i <= n_kills; i++)
    kill_server (run, &receiver, &url, n_events - n_events / (n_kills + 1) * i);
  lamp_test_wait_until (lamp_bus_agent1_get_pending (run->proxy) == 0);
  g_assert_cmpuint (lamp_bus_agent1_get_failed (run->proxy), ==, 0);

  peak = lamp_agent_process_get_memory (run, "VmHWM");
  g_test_message (
    "%u events after %u deaths and %.1f s; at rest %u KiB, at most %u KiB, now %u KiB "
    "of its own",
    n_events, n_kills, (g_get_monotonic_time () - start) / 1e6, rest, peak,
    lamp_agent_process_get_memory (run, "RssAnon"));
  if (!LAMP_TEST_SANITIZED)
    g_assert_cmpuint (peak, <=, rest + GROWTH_MAX_KIB);

  lamp_agent_process_kill_process (&receiver);
  lamp_agent_process_kill_process (&run->agent);
  check_receiver (run, n_events);
  check_queue (run);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/endurance/server-dies", test_server_dies);

  return g_test_run ();
}
