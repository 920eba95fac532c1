/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench.h"
#include "lamp-queue.h"
#include "lamp-test-util.h"

#include <signal.h>
#include <string.h>

/* From exec to the name, and the memory at rest, against a service that does nothing. */

#define BARE_ID "io.github.lamppost.BareService"
#define N_EVENTS 100000
#define FILL_STEP 1000

/* Memory is looked at after so long. */
#define REST_MS 1000

static void
fill (const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "queue.db", NULL);
  g_autoptr (LampQueue) queue = lamp_queue_new (path, LAMP_BENCH_NODE);
  g_autoptr (GPtrArray) events = lamp_bench_events (FILL_STEP);

  for (guint i = 0; i < N_EVENTS / FILL_STEP; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) receipts = lamp_queue_append (queue, events, &error);

      g_assert_no_error (error);
      g_assert_nonnull (receipts);
    }
}

static void
owned_cb (GDBusConnection *connection,
          const char      *name,
          const char      *owner,
          gpointer         user_data)
{
  double *at = user_data;

  *at = lamp_bench_now ();
}

static double
read_status (const char *pid,
             const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/status", pid);
  g_autofree char *text = NULL;
  const char *line;

  g_file_get_contents (path, &text, NULL, NULL);
  line = text != NULL ? strstr (text, name) : NULL;

  return line != NULL ? g_ascii_strtoll (line + strlen (name) + 1, NULL, 10) / 1024.0 : 0;
}

static gboolean
set_true (gpointer user_data)
{
  gboolean *value = user_data;

  *value = TRUE;

  return G_SOURCE_REMOVE;
}

typedef struct
{
  const char *start;
  const char *resident;
  const char *anonymous;
} Names;

static void
measure (LampBench         *bench,
         GDBusConnection   *connection,
         const Names       *names,
         const char        *id,
         const char *const *argv)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  double owned = 0;
  double start;
  gboolean rested = FALSE;
  guint watch = g_bus_watch_name_on_connection (connection, id, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                owned_cb, NULL, &owned, NULL);

  /* The watch has asked once before. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  start = lamp_bench_now ();
  process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (owned > 0);
  lamp_bench_add (bench, names->start, "ms", (owned - start) * 1e3);

  g_timeout_add (REST_MS, set_true, &rested);
  lamp_test_wait_until (rested);
  lamp_bench_add (bench, names->resident, "MB",
                  read_status (g_subprocess_get_identifier (process), "VmRSS"));
  lamp_bench_add (bench, names->anonymous, "MB",
                  read_status (g_subprocess_get_identifier (process), "RssAnon"));

  g_bus_unwatch_name (watch);
  g_subprocess_send_signal (process, SIGTERM);
  g_subprocess_wait (process, NULL, NULL);
}

static void
run (GDBusConnection *connection,
     const char      *empty,
     const char      *full)
{
  static const Names bare_names = { "bare service: start", "bare service: VmRSS",
                                    "bare service: RssAnon" };
  static const Names empty_names = { "agent, empty: start", "agent, empty: VmRSS",
                                     "agent, empty: RssAnon" };
  static const Names full_names = { "agent, 100 000: start", "agent, 100 000: VmRSS",
                                    "agent, 100 000: RssAnon" };
  g_autoptr (LampBench) bench = lamp_bench_new ("Start and rest");
  g_autofree char *empty_queue = g_build_filename (empty, "queue.db", NULL);
  g_autofree char *full_queue = g_build_filename (full, "queue.db", NULL);
  g_autofree char *bare_queue = g_build_filename (empty, "bare.db", NULL);
  const char *bare[] = { g_getenv ("LAMP_BENCH_BARE"), bare_queue, NULL };
  const char *agent_empty[] = { g_getenv ("LAMP_AGENT"), "--no-tray", "--queue", empty_queue,
                                NULL };
  const char *agent_full[] = { g_getenv ("LAMP_AGENT"), "--no-tray", "--queue", full_queue, NULL };

  for (guint i = 0; i < lamp_bench_rounds (); i++)
    {
      measure (bench, connection, &bare_names, BARE_ID, bare);
      measure (bench, connection, &empty_names, LAMP_AGENT_ID, agent_empty);
      measure (bench, connection, &full_names, LAMP_AGENT_ID, agent_full);
    }

  lamp_bench_relate (bench, empty_names.start, bare_names.start, "must 1.25 at most");
  lamp_bench_relate (bench, full_names.start, empty_names.start, "must 1.05 at most");
  lamp_bench_relate (bench, empty_names.resident, bare_names.resident, "must 1.15 at most");
  lamp_bench_relate (bench, full_names.resident, empty_names.resident, "the same");
  lamp_bench_relate (bench, empty_names.anonymous, bare_names.anonymous, "for the note");
  lamp_bench_print (bench);
}

int
main (void)
{
  char *empty = lamp_test_folder_new ();
  char *full = lamp_test_folder_new ();
  g_autoptr (GTestDBus) bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  fill (full);
  g_test_dbus_up (bus);
  g_unsetenv ("SAAS_API_URL");
  connection = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_set_exit_on_close (connection, FALSE);

  run (connection, empty, full);

  g_test_dbus_stop (bus);
  lamp_test_folder_free (empty);
  lamp_test_folder_free (full);

  return 0;
}
