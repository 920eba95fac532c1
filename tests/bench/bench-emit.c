/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bench-floor.h"
#include "lamp-bench.h"

#include <signal.h>
#include <unistd.h>

/* Emits over a private bus against calls that do nothing. Sequential calls want to be run on one
 * core: taskset -c 0 bench-emit. */

#define INTERFACE "io.github.lamppost.Lamppost.Agent1"
#define PEER "org.freedesktop.DBus.Peer"

#define N_SEQUENTIAL 400
#define N_IN_FLIGHT 64
#define N_MANY 4800
#define N_BATCHES 50
#define BATCH 100

typedef struct
{
  GDBusConnection *connection;
  const char *interface;
  const char *method;
  GVariant *arguments; /* (nullable) */
  guint n_calls;
  guint n_started;
  guint n_answered;
  GArray *times;  /* (nullable) */
  double started; /* of the call, where they are sequential */
} Calls;

static void called_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
start_call (Calls *calls)
{
  if (calls->n_started == calls->n_calls)
    return;

  calls->n_started++;
  calls->started = lamp_bench_now ();
  g_dbus_connection_call (calls->connection, LAMP_AGENT_ID, LAMP_AGENT_PATH, calls->interface,
                          calls->method, calls->arguments, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          called_cb, calls);
}

static void
called_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Calls *calls = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant)
    reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  double took = lamp_bench_now () - calls->started;

  g_assert_no_error (error);
  g_assert_nonnull (reply);
  calls->n_answered++;
  if (calls->times != NULL)
    g_array_append_val (calls->times, took);
  start_call (calls);
}

/* Returns calls a second. */
static double
call_many (GDBusConnection *connection,
           const char      *interface,
           const char      *method,
           GVariant        *arguments,
           guint            n_calls,
           guint            in_flight,
           GArray          *times)
{
  Calls calls = { connection, interface, method, arguments, n_calls, 0, 0, times, 0 };
  double start = lamp_bench_now ();

  for (guint i = 0; i < in_flight; i++)
    start_call (&calls);
  while (calls.n_answered < n_calls)
    g_main_context_iteration (NULL, TRUE);

  return n_calls / (lamp_bench_now () - start);
}

static GVariant *
emit_arguments (void)
{
  g_autofree char *payload = lamp_bench_dup_payload ();

  return g_variant_ref_sink (
    g_variant_new ("(sssa{sv})", "mission-42", "CommentPosted", payload, NULL));
}

static GVariant *
batch_arguments (void)
{
  g_autofree char *payload = lamp_bench_dup_payload ();
  GVariantBuilder events;

  g_variant_builder_init (&events, G_VARIANT_TYPE ("a(sssa{sv})"));
  for (guint i = 0; i < BATCH; i++)
    g_variant_builder_add (&events, "(sssa{sv})", "mission-42", "CommentPosted", payload, NULL);

  return g_variant_ref_sink (g_variant_new ("(a(sssa{sv}))", &events));
}

static void
measure_round (LampBench       *bench,
               GDBusConnection *connection,
               LampTestDb      *plain,
               int              fd)
{
  g_autoptr (GVariant) emit = emit_arguments ();
  g_autoptr (GVariant) batch = batch_arguments ();
  g_autoptr (GArray) syncs = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) pings = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) emits = g_array_new (FALSE, FALSE, sizeof (double));
  double sync_p50;
  double ping_p50;

  lamp_bench_append_to_file (fd, N_SEQUENTIAL, 1, syncs);
  lamp_bench_add (bench, "Ping, 1 in flight", "calls/s",
                  call_many (connection, PEER, "Ping", NULL, N_SEQUENTIAL, 1, pings));
  lamp_bench_add (bench, "Emit, 1 in flight", "events/s",
                  call_many (connection, INTERFACE, "Emit", emit, N_SEQUENTIAL, 1, emits));
  sync_p50 = lamp_bench_percentile (syncs, 0.5) * 1e6;
  ping_p50 = lamp_bench_percentile (pings, 0.5) * 1e6;
  lamp_bench_add (bench, "fdatasync p50", "us", sync_p50);
  lamp_bench_add (bench, "Ping p50", "us", ping_p50);
  lamp_bench_add (bench, "Ping p50 + fdatasync p50", "us", sync_p50 + ping_p50);
  lamp_bench_add (bench, "Emit p50", "us", lamp_bench_percentile (emits, 0.5) * 1e6);
  lamp_bench_add (bench, "Ping, 64 in flight", "calls/s",
                  call_many (connection, PEER, "Ping", NULL, N_MANY, N_IN_FLIGHT, NULL));
  lamp_bench_add (bench, "Emit, 64 in flight", "events/s",
                  call_many (connection, INTERFACE, "Emit", emit, N_MANY, N_IN_FLIGHT, NULL));
  lamp_bench_add (bench, "plain SQLite, commits of 100", "rows/s",
                  lamp_bench_append_to_plain (plain, N_BATCHES, BATCH));
  lamp_bench_add (bench, "EmitBatch of 100, 1 in flight", "events/s",
                  BATCH *
                    call_many (connection, INTERFACE, "EmitBatch", batch, N_BATCHES, 1, NULL));
  lamp_bench_add (bench, "EmitBatch of 100, 4 in flight", "events/s",
                  BATCH *
                    call_many (connection, INTERFACE, "EmitBatch", batch, N_BATCHES, 4, NULL));
}

static void
measure (const char      *folder,
         GDBusConnection *connection)
{
  g_autoptr (LampBench) bench = lamp_bench_new ("Emits over D-Bus, 431 bytes");
  g_autoptr (LampTestDb) plain = lamp_bench_open_plain (folder);
  int fd = lamp_bench_open_file (folder);

  for (guint i = 0; i < lamp_bench_rounds (); i++)
    measure_round (bench, connection, plain, fd);

  lamp_bench_relate (bench, "Emit p50", "Ping p50 + fdatasync p50", "must 1.25 at most");
  lamp_bench_relate (bench, "Emit, 64 in flight", "Ping, 64 in flight", "must 0.85, stretch 0.95");
  lamp_bench_relate (bench, "EmitBatch of 100, 1 in flight", "plain SQLite, commits of 100",
                     "must 0.60, stretch 0.80");
  lamp_bench_relate (bench, "EmitBatch of 100, 4 in flight", "plain SQLite, commits of 100",
                     "for the note");
  lamp_bench_print (bench);
  close (fd);
}

static void
owned_cb (GDBusConnection *connection,
          const char      *name,
          const char      *owner,
          gpointer         user_data)
{
  gboolean *owned = user_data;

  *owned = TRUE;
}

int
main (void)
{
  char *folder = lamp_test_folder_new ();
  g_autoptr (GTestDBus) bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_autoptr (GSubprocess) agent = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  gboolean owned = FALSE;
  guint watch;

  g_test_dbus_up (bus);
  g_setenv ("SPEC_KITTY_HOME", folder, TRUE);
  g_unsetenv ("SAAS_API_URL");
  connection = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  watch = g_bus_watch_name_on_connection (connection, LAMP_AGENT_ID, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                          owned_cb, NULL, &owned, NULL);
  agent = g_subprocess_new (G_SUBPROCESS_FLAGS_NONE, &error, g_getenv ("LAMP_AGENT"), "--no-tray",
                            NULL);
  g_assert_no_error (error);
  lamp_test_wait_until (owned);

  measure (folder, connection);

  g_bus_unwatch_name (watch);
  g_subprocess_send_signal (agent, SIGTERM);
  g_subprocess_wait (agent, NULL, NULL);
  g_test_dbus_stop (bus);
  lamp_test_folder_free (folder);

  return 0;
}
