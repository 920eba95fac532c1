/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-agent-process.h"
#include "lamp-fake-watcher.h"
#include "lamp-test-util.h"

#include <unistd.h>

/* The icon of an agent that has its hands full: LAMP_TRAY_BUSY_EVENTS are replayed, while a host
 * asks for what panels ask for and wait for. */

#define DEFAULT_EVENTS (LAMP_TEST_SANITIZED ? 10000 : 100000)

#define ITEM_PATH "/StatusNotifierItem"
#define MENU_PATH "/StatusNotifierItem/Menu"

/* Between two calls, so that asking isn't all that the agent does. */
#define CALL_INTERVAL_US 2000

/* So long may a panel stand still; as far as anybody could run, for other programs' use of the
 * machine isn't the agent's. One answer in a hundred may be late: the clocks of the machine's
 * tasks are not read at the very moment. */
#define ANSWER_MAX_US (LAMP_TEST_SANITIZED ? 100000 : 5000)

#define UPDATES_A_SECOND 4

typedef struct
{
  GDBusConnection *connection; /* (owned) */
  const char *item;            /* its unique name */
  const char *agent_pid;
  GArray *times;   /* (owned) of answers, µs */
  int ending;      /* atomic */
  gint64 most_all; /* µs, with what others used */
} Host;

static const struct
{
  const char *path;
  const char *interface;
  const char *method;
  const char *parameters;
} questions[] = {
  { ITEM_PATH, "org.freedesktop.DBus.Properties", "GetAll", "('org.kde.StatusNotifierItem',)" },
  { MENU_PATH, "com.canonical.dbusmenu", "GetLayout", "(0, -1, @as [])" },
  { MENU_PATH, "com.canonical.dbusmenu", "GetGroupProperties", "(@ai [], @as [])" },
  { MENU_PATH, "com.canonical.dbusmenu", "AboutToShow", "(0,)" },
  { ITEM_PATH, "org.freedesktop.DBus.Properties", "Get",
    "('org.kde.StatusNotifierItem', 'ToolTip')" },
};

static gint64
read_delay (Host *host)
{
  g_autofree char *own_pid = g_strdup_printf ("%d", (int) getpid ());

  return lamp_agent_process_get_delay (host->agent_pid) + lamp_agent_process_get_delay (own_pid);
}

static void
ask (Host *host,
     guint question)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  gint64 delay = read_delay (host);
  gint64 start = g_get_monotonic_time ();
  gint64 took;

  reply = g_dbus_connection_call_sync (host->connection, host->item, questions[question].path,
                                       questions[question].interface, questions[question].method,
                                       g_variant_new_parsed (questions[question].parameters), NULL,
                                       G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  took = g_get_monotonic_time () - start;
  g_assert_no_error (error);

  host->most_all = MAX (host->most_all, took);
  took -= read_delay (host) - delay;
  g_array_append_val (host->times, took);
}

static gpointer
ask_thread (gpointer data)
{
  Host *host = data;

  for (guint i = 0; !g_atomic_int_get (&host->ending); i++)
    {
      ask (host, i % G_N_ELEMENTS (questions));
      g_usleep (CALL_INTERVAL_US);
    }

  return NULL;
}

static int
compare_times (gconstpointer a,
               gconstpointer b)
{
  const gint64 *first = a;
  const gint64 *second = b;

  return (*first > *second) - (*first < *second);
}

static void
count_cb (GDBusConnection *connection,
          const char      *sender,
          const char      *path,
          const char      *interface,
          const char      *signal_name,
          GVariant        *parameters,
          gpointer         user_data)
{
  GHashTable *counts = user_data;
  guint count = GPOINTER_TO_UINT (g_hash_table_lookup (counts, signal_name));

  g_hash_table_replace (counts, g_strdup (signal_name), GUINT_TO_POINTER (count + 1));
}

static void
check_counts (GHashTable *counts,
              gint64      took)
{
  GHashTableIter iter;
  gpointer name;
  gpointer count;

  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &name, &count))
    {
      g_test_message ("%s: %u in %.1f s", (const char *) name, GPOINTER_TO_UINT (count),
                      took / 1e6);
      if (!g_str_equal (name, "EventsDelivered") && !g_str_equal (name, "PropertiesChanged"))
        g_assert_cmpfloat (GPOINTER_TO_UINT (count), <=, UPDATES_A_SECOND * (took / 1e6 + 1));
    }

  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (counts, "NewToolTip")), >, 0);
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (counts, "ItemsPropertiesUpdated")), >,
                    0);
}

static gint64
time_at (Host *host,
         guint index)
{
  return g_array_index (host->times, gint64, index);
}

static void
check_answers (Host *host)
{
  guint n_times = host->times->len;
  gint64 late;

  g_array_sort (host->times, compare_times);
  g_assert_cmpuint (n_times, >, 100);
  late = time_at (host, n_times - 1 - n_times / 100);

  g_test_message (
    "%u answers: half within %.2f ms, all but a hundredth within %.2f ms, the last "
    "after %.2f ms as far as anybody could run, and after %.2f ms in all",
    n_times, time_at (host, n_times / 2) / 1e3, late / 1e3, time_at (host, n_times - 1) / 1e3,
    host->most_all / 1e3);
  g_assert_cmpint (late, <=, ANSWER_MAX_US);
}

/* What the icon says in the end. */
static gboolean
shows (Host       *host,
       const char *pattern)
{
  g_autoptr (GVariant) reply = NULL;
  g_autofree char *tool_tip = NULL;

  reply =
    g_dbus_connection_call_sync (host->connection, host->item, ITEM_PATH,
                                 "org.freedesktop.DBus.Properties", "Get",
                                 g_variant_new ("(ss)", "org.kde.StatusNotifierItem", "ToolTip"),
                                 G_VARIANT_TYPE ("(v)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
  g_assert_nonnull (reply);
  tool_tip = g_variant_print (reply, FALSE);

  return g_pattern_match_simple (pattern, tool_tip);
}

static guint
read_events (void)
{
  const char *text = g_getenv ("LAMP_TRAY_BUSY_EVENTS");

  return text != NULL ? (guint) g_ascii_strtoull (text, NULL, 10) : DEFAULT_EVENTS;
}

static void
test_replay (void)
{
  g_autoptr (LampAgentProcess) run = lamp_agent_process_new ();
  g_autoptr (LampFakeWatcher) watcher = NULL;
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *url = NULL;
  guint n_events = read_events ();
  Host host = { lamp_agent_process_connect (run) };
  GSubprocess *receiver;
  GThread *thread;
  gint64 start;
  guint signals_id;

  lamp_agent_process_fill (run, n_events);
  watcher = lamp_fake_watcher_new (g_test_dbus_get_bus_address (run->bus), FALSE);
  lamp_fake_watcher_up (watcher);
  receiver = lamp_agent_process_start_receiver (run, &url);
  lamp_agent_process_kill_process (&receiver);
  run->tray = TRUE;
  lamp_agent_process_start (run, url);
  lamp_test_wait_until (lamp_fake_watcher_get_item (watcher) != NULL);
  lamp_test_wait_until (lamp_bus_agent1_get_last_error (run->proxy)[0] != '\0');

  host.item = lamp_fake_watcher_get_item (watcher);
  host.agent_pid = g_subprocess_get_identifier (run->agent);
  host.times = g_array_new (FALSE, FALSE, sizeof (gint64));
  signals_id = g_dbus_connection_signal_subscribe (host.connection, NULL, NULL, NULL, NULL, NULL,
                                                   G_DBUS_SIGNAL_FLAGS_NONE, count_cb, counts,
                                                   NULL);
  thread = g_thread_new ("ask", ask_thread, &host);
  receiver = lamp_agent_process_start_receiver (run, &url);
  start = g_get_monotonic_time ();
  lamp_agent_process_replay_now (run);
  lamp_test_wait_until (lamp_bus_agent1_get_pending (run->proxy) == 0);

  g_atomic_int_set (&host.ending, TRUE);
  g_thread_join (thread);
  lamp_test_wait_until (shows (&host, "*Lamppost: online*Nothing waits*"));
  check_counts (counts, g_get_monotonic_time () - start);
  check_answers (&host);

  g_dbus_connection_signal_unsubscribe (host.connection, signals_id);
  lamp_agent_process_disconnect (host.connection);
  g_array_unref (host.times);
  lamp_agent_process_kill_process (&run->agent);
  lamp_agent_process_kill_process (&receiver);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/tray-busy/replay", test_replay);

  return g_test_run ();
}
