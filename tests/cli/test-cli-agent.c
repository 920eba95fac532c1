/* SPDX-License-Identifier: GPL-3.0-or-later */

#define _GNU_SOURCE /* posix_openpt() */

#include "config.h"

#include "lamp-bus-error.h"
#include "lamp-cli-run.h"
#include "lamp-client.h"
#include "lamp-test-util.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The command line with an agent on a private bus: first one that does as it is told, in this
 * process; then the real one. */

#define DONE 0
#define FAILED 1
#define USAGE 2
#define UNREACHABLE 3

#define TRAY_HOST "org.kde.StatusNotifierWatcher"
#define TOKEN "secret-token"

typedef struct
{
  char *home;
  GTestDBus *bus;
  GDBusConnection *connection;
  LampBusAgent1 *agent;
  guint name_id; /* 0 while the name isn't owned */
  gboolean owned;
  GString *calls;  /* what was asked, a line each */
  GError *refusal; /* (nullable) what methods answer */
  guint n_resent;  /* what Resend() and Discard() answer */
  guint left;      /* what ReplayFinished says */
  guint refused;
  const char *error;    /* the same */
  gboolean ends_before; /* another pass ends while ReplayNow() is answered */
  gboolean vanishes;    /* the agent goes in the middle of the pass */
} Fixture;

static void
own_cb (GDBusConnection *connection,
        const char      *name,
        gpointer         user_data)
{
  Fixture *fixture = user_data;

  fixture->owned = TRUE;
}

static void
appear (Fixture *fixture)
{
  fixture->owned = FALSE;
  fixture->name_id = g_bus_own_name_on_connection (fixture->connection, LAMP_AGENT_ID,
                                                   G_BUS_NAME_OWNER_FLAGS_NONE, own_cb, NULL,
                                                   fixture, NULL);
  lamp_test_wait_until (fixture->owned);
}

static void
vanish (Fixture *fixture)
{
  g_clear_handle_id (&fixture->name_id, g_bus_unown_name);
}

static gboolean
answer_refusal (Fixture               *fixture,
                GDBusMethodInvocation *invocation)
{
  if (fixture->refusal == NULL)
    return FALSE;

  g_dbus_method_invocation_return_gerror (invocation, fixture->refusal);

  return TRUE;
}

static gboolean
handle_emit (LampBusAgent1         *agent,
             GDBusMethodInvocation *invocation,
             const char            *mission_id,
             const char            *event_type,
             const char            *payload,
             GVariant              *options,
             Fixture               *fixture)
{
  g_autofree char *printed = g_variant_print (options, FALSE);

  g_string_append_printf (fixture->calls, "Emit %s %s %s %s\n", mission_id, event_type, payload,
                          printed);
  if (!answer_refusal (fixture, invocation))
    lamp_bus_agent1_complete_emit (agent, invocation, "ID-1", 1);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_emit_batch (LampBusAgent1         *agent,
                   GDBusMethodInvocation *invocation,
                   GVariant              *events,
                   Fixture               *fixture)
{
  gsize n_events = g_variant_n_children (events);
  GVariantBuilder receipts;

  g_string_append_printf (fixture->calls, "EmitBatch %" G_GSIZE_FORMAT "\n", n_events);
  if (answer_refusal (fixture, invocation))
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  g_variant_builder_init (&receipts, G_VARIANT_TYPE ("a(sx)"));
  for (gsize i = 0; i < n_events; i++)
    g_variant_builder_add (&receipts, "(sx)", "ID", (gint64) i);
  lamp_bus_agent1_complete_emit_batch (agent, invocation, g_variant_builder_end (&receipts));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_list (LampBusAgent1         *agent,
             GDBusMethodInvocation *invocation,
             GVariant              *filter,
             gint64                 cursor,
             guint                  limit,
             Fixture               *fixture)
{
  g_autofree char *printed = g_variant_print (filter, FALSE);
  const char *text;

  g_string_append_printf (fixture->calls, "List %s %d %u\n", printed, (int) cursor, limit);
  if (answer_refusal (fixture, invocation))
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  text = cursor == 0 ? "[{'event_id': <'new'>}, {'event_id': <'gone'>}]"
                     : "[{'event_id': <'old'>}]";
  lamp_bus_agent1_complete_list (agent, invocation, g_variant_new_parsed (text),
                                 cursor == 0 ? 5 : 0);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_get (LampBusAgent1         *agent,
            GDBusMethodInvocation *invocation,
            const char            *event_id,
            Fixture               *fixture)
{
  g_autofree char *envelope = g_strdup_printf ("{\"event_id\":\n\"%s\"}", event_id);

  if (g_str_equal (event_id, "gone"))
    g_dbus_method_invocation_return_error (invocation, LAMP_ERROR, LAMP_ERROR_NOT_FOUND,
                                           "There is no event “%s”", event_id);
  else
    lamp_bus_agent1_complete_get (agent, invocation, envelope,
                                  g_variant_new_parsed ("{'event_id': <%s>}", event_id));

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_resend (LampBusAgent1         *agent,
               GDBusMethodInvocation *invocation,
               const char *const     *ids,
               Fixture               *fixture)
{
  g_string_append_printf (fixture->calls, "Resend %s\n", ids[0]);
  lamp_bus_agent1_complete_resend (agent, invocation, fixture->n_resent);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_resend_all (LampBusAgent1         *agent,
                   GDBusMethodInvocation *invocation,
                   Fixture               *fixture)
{
  g_string_append (fixture->calls, "ResendAll\n");
  lamp_bus_agent1_complete_resend_all (agent, invocation, fixture->n_resent);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_discard (LampBusAgent1         *agent,
                GDBusMethodInvocation *invocation,
                const char *const     *ids,
                Fixture               *fixture)
{
  g_string_append_printf (fixture->calls, "Discard %s\n", ids[0]);
  lamp_bus_agent1_complete_discard (agent, invocation, fixture->n_resent);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_set_token (LampBusAgent1         *agent,
                  GDBusMethodInvocation *invocation,
                  const char            *token,
                  Fixture               *fixture)
{
  g_string_append_printf (fixture->calls, "SetToken %s\n", token);
  if (!answer_refusal (fixture, invocation))
    lamp_bus_agent1_complete_set_token (agent, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_clear_token (LampBusAgent1         *agent,
                    GDBusMethodInvocation *invocation,
                    Fixture               *fixture)
{
  g_string_append (fixture->calls, "ClearToken\n");
  lamp_bus_agent1_complete_clear_token (agent, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_show_window (LampBusAgent1         *agent,
                    GDBusMethodInvocation *invocation,
                    Fixture               *fixture)
{
  g_string_append (fixture->calls, "ShowWindow\n");
  lamp_bus_agent1_complete_show_window (agent, invocation);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean
handle_replay_now (LampBusAgent1         *agent,
                   GDBusMethodInvocation *invocation,
                   Fixture               *fixture)
{
  if (answer_refusal (fixture, invocation))
    return G_DBUS_METHOD_INVOCATION_HANDLED;

  if (fixture->ends_before)
    lamp_bus_agent1_emit_replay_finished (agent, 1, 0, 99, "an earlier pass");

  lamp_bus_agent1_complete_replay_now (agent, invocation);
  if (fixture->vanishes)
    vanish (fixture);
  else
    lamp_bus_agent1_emit_replay_finished (agent, 3, fixture->refused, fixture->left,
                                          fixture->error);

  return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static const struct
{
  const char *signal;
  GCallback callback;
} handlers[] = {
  { "handle-emit", G_CALLBACK (handle_emit) },
  { "handle-emit-batch", G_CALLBACK (handle_emit_batch) },
  { "handle-list", G_CALLBACK (handle_list) },
  { "handle-get", G_CALLBACK (handle_get) },
  { "handle-resend", G_CALLBACK (handle_resend) },
  { "handle-resend-all", G_CALLBACK (handle_resend_all) },
  { "handle-discard", G_CALLBACK (handle_discard) },
  { "handle-set-token", G_CALLBACK (handle_set_token) },
  { "handle-clear-token", G_CALLBACK (handle_clear_token) },
  { "handle-show-window", G_CALLBACK (handle_show_window) },
  { "handle-replay-now", G_CALLBACK (handle_replay_now) },
};

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection;

  connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);

  return connection;
}

static LampBusAgent1 *
new_agent (Fixture *fixture)
{
  g_autofree char *queue_path = g_build_filename (fixture->home, "queue.db", NULL);
  LampBusAgent1 *agent = lamp_bus_agent1_skeleton_new ();
  g_autoptr (GError) error = NULL;

  g_object_set (agent, "state", "idle", "online", TRUE, "capacity", (guint64) 100000, "queue-path",
                queue_path, "node-id", "node", "server-url", "https://example.org", "last-error",
                "", "tray-status", "Shown by a dummy", "version", LAMP_VERSION, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (handlers); i++)
    g_signal_connect (agent, handlers[i].signal, handlers[i].callback, fixture);
  g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (agent), fixture->connection,
                                    LAMP_AGENT_PATH, &error);
  g_assert_no_error (error);

  return agent;
}

static void
setup_bus (Fixture      *fixture,
           gconstpointer data)
{
  lamp_bus_error_register ();
  fixture->home = lamp_test_folder_new ();
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->connection = connect_to (fixture->bus);
  fixture->agent = new_agent (fixture);
  fixture->calls = g_string_new (NULL);
  fixture->error = "";
}

static void
setup (Fixture      *fixture,
       gconstpointer data)
{
  setup_bus (fixture, data);
  appear (fixture);
}

static void
teardown (Fixture      *fixture,
          gconstpointer data)
{
  vanish (fixture);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (fixture->agent));
  g_assert_finalize_object (fixture->agent);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_object_unref (fixture->connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_clear_error (&fixture->refusal);
  g_string_free (fixture->calls, TRUE);
  lamp_test_folder_free (fixture->home);
}

static LampCliRun *
run_with (Fixture    *fixture,
          const char *input,
          const char *line)
{
  return lamp_cli_run (fixture->home, g_test_dbus_get_bus_address (fixture->bus), input, line);
}

static LampCliRun *
run (Fixture    *fixture,
     const char *line)
{
  return run_with (fixture, NULL, line);
}

static char *
run_ok (Fixture    *fixture,
        const char *line)
{
  g_autoptr (LampCliRun) ran = run (fixture, line);

  lamp_cli_run_assert (ran, DONE);

  return g_steal_pointer (&ran->out);
}

static void
refuse (Fixture    *fixture,
        LampError   code,
        const char *message)
{
  g_autoptr (GError) error = g_error_new_literal (LAMP_ERROR, code, message);

  g_clear_error (&fixture->refusal);
  fixture->refusal = lamp_bus_error_to_dbus (error);
}

static void
test_bus_errors (void)
{
  static const struct
  {
    LampError code;
    const char *name;
  } names[] = {
    { LAMP_ERROR_INVALID_EVENT, "io.github.lamppost.Lamppost.Error.InvalidEvent" },
    { LAMP_ERROR_QUEUE_FULL, "io.github.lamppost.Lamppost.Error.QueueFull" },
    { LAMP_ERROR_STORAGE, "io.github.lamppost.Lamppost.Error.Storage" },
    { LAMP_ERROR_NOT_FOUND, "io.github.lamppost.Lamppost.Error.NotFound" },
    { LAMP_ERROR_UNCONFIGURED, "io.github.lamppost.Lamppost.Error.Unconfigured" },
    { LAMP_ERROR_PAUSED, "io.github.lamppost.Lamppost.Error.Paused" },
    { LAMP_ERROR_INVALID_ARGS, "org.freedesktop.DBus.Error.InvalidArgs" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = g_error_new_literal (LAMP_ERROR, names[i].code, "words");
      g_autoptr (GError) sent = lamp_bus_error_to_dbus (error);
      g_autofree char *name = g_dbus_error_encode_gerror (sent);
      g_autoptr (GError) received = g_dbus_error_new_for_dbus_error (name, "words");

      g_assert_cmpstr (name, ==, names[i].name);
      g_assert_error (received, sent->domain, sent->code);
      lamp_bus_error_strip (received);
      g_assert_cmpstr (received->message, ==, "words");
    }
}

static void
test_client_reconnects (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GDBusConnection) connection = connect_to (fixture->bus);
  g_autoptr (GError) error = NULL;
  LampClient *client = lamp_client_new_sync (connection, NULL, &error);

  g_assert_no_error (error);
  g_assert_false (lamp_client_get_available (client));

  for (guint i = 0; i < 2; i++)
    {
      appear (fixture);
      lamp_test_wait_until (lamp_client_get_available (client));
      g_assert_cmpstr (lamp_bus_agent1_get_state (lamp_client_get_proxy (client)), ==, "idle");

      vanish (fixture);
      lamp_test_wait_until (!lamp_client_get_available (client));
    }

  appear (fixture);
  lamp_test_wait_until (lamp_client_get_available (client));
  g_dbus_connection_close_sync (connection, NULL, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (!lamp_client_get_available (client));
  g_assert_finalize_object (client);
}

static void
test_no_agent (Fixture      *fixture,
               gconstpointer data)
{
  static const char *const lines[] = {
    "status", "emit -m m -t T", "list", "show x", "replay --wait", "watch", "login", "open",
  };
  g_autoptr (LampCliRun) doctor = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autoptr (LampCliRun) ran = run (fixture, lines[i]);

      lamp_cli_run_assert (ran, UNREACHABLE);
      g_assert_cmpstr (ran->err, ==,
                       "lamppost: The agent can’t be reached. Start it with “lamppost-agent”.\n");
    }

  doctor = run (fixture, "doctor");
  lamp_cli_run_assert (doctor, FAILED);
  lamp_cli_assert_contains (doctor->out, "✗ The agent doesn’t run");
}

static void
test_emit (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *out = run_ok (fixture, "emit -m m -t T -p '{\"a\": 1}' --option data_tier=2");

  g_assert_cmpstr (out, ==, "ID-1\n");
  g_assert_cmpstr (fixture->calls->str, ==, "Emit m T {\"a\": 1} {'data_tier': <2>}\n");
}

static void
test_emit_lines (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GString) input = g_string_new (NULL);
  g_autoptr (LampCliRun) ran = NULL;

  for (guint i = 0; i < 1002; i++)
    g_string_append (input, "{}\n");

  ran = run_with (fixture, input->str, "emit --lines -m m -t T");
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpstr (fixture->calls->str, ==, "EmitBatch 1000\nEmitBatch 2\n");
  g_assert_cmpuint (strlen (ran->out), ==, 1002 * strlen ("ID\n"));
}

/* Seventy events of 250 KB are more than 16 MiB. */
static void
test_emit_large_lines (Fixture      *fixture,
                       gconstpointer data)
{
  g_autofree char *filler = g_strnfill (250 * 1000, 'x');
  g_autoptr (GString) input = g_string_new (NULL);
  g_autoptr (LampCliRun) ran = NULL;

  for (guint i = 0; i < 70; i++)
    g_string_append_printf (input, "{\"x\":\"%s\"}\n", filler);

  ran = run_with (fixture, input->str, "emit --lines -m m -t T");
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpstr (fixture->calls->str, ==, "EmitBatch 67\nEmitBatch 3\n");
}

static void
test_refusals (Fixture      *fixture,
               gconstpointer data)
{
  static const struct
  {
    LampError code;
    int expected;
  } cases[] = {
    { LAMP_ERROR_INVALID_EVENT, FAILED },
    { LAMP_ERROR_QUEUE_FULL, FAILED },
    { LAMP_ERROR_STORAGE, FAILED },
    { LAMP_ERROR_INVALID_ARGS, USAGE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampCliRun) ran = NULL;

      refuse (fixture, cases[i].code, "What went wrong.");
      ran = run (fixture, "emit -m m -t T");
      lamp_cli_run_assert (ran, cases[i].expected);
      g_assert_true (g_str_has_prefix (ran->err, "lamppost: What went wrong.\n"));
      g_assert_cmpstr (ran->out, ==, "");
    }
}

static void
test_lines_refused (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (LampCliRun) ran = NULL;

  refuse (fixture, LAMP_ERROR_QUEUE_FULL, "The queue is full.");
  ran = run_with (fixture, "\n{}\n{}\n", "emit --lines -m m -t T");
  lamp_cli_run_assert (ran, FAILED);
  g_assert_cmpstr (ran->err, ==,
                   "lamppost: Line 2 and on: The queue is full.\n"
                   "0 events were stored before that.\n");
}

static void
test_status (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *idle = NULL;
  g_autofree char *offline = NULL;
  g_autofree char *json = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *status;

  idle = run_ok (fixture, "status");
  g_assert_true (g_str_has_prefix (idle, "Online, everything is delivered\n"));

  g_object_set (fixture->agent, "state", "offline", "pending", (guint64) 12, "failed", (guint64) 2,
                "next-retry", g_get_real_time () + G_TIME_SPAN_HOUR + G_TIME_SPAN_MINUTE,
                "last-error", "No route", NULL);
  offline = run_ok (fixture, "status");
  g_assert_true (g_str_has_prefix (offline, "Offline, 12 waiting, 2 failed, next try in 1 h\n"));
  lamp_cli_assert_contains (offline, "\nserver          https://example.org\n");
  lamp_cli_assert_contains (offline, "\nlast error      No route\n");

  json = run_ok (fixture, "status --json");
  node = json_from_string (json, NULL);
  status = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (status, "state"), ==, "offline");
  g_assert_cmpint (json_object_get_int_member (status, "pending"), ==, 12);
  g_assert_true (json_object_get_boolean_member (status, "agent"));
  g_assert_true (json_object_get_boolean_member (status, "online"));
}

static void
test_list (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *json = run_ok (fixture, "list --json --limit 0 --status all --mission m");
  g_autoptr (JsonNode) node = json_from_string (json, NULL);

  g_assert_cmpuint (json_array_get_length (json_node_get_array (node)), ==, 3);
  g_assert_true (g_str_has_prefix (fixture->calls->str, "List {"));
  lamp_cli_assert_contains (fixture->calls->str, "'status': <'all'>");
  lamp_cli_assert_contains (fixture->calls->str, "'mission_id': <'m'>");
  lamp_cli_assert_contains (fixture->calls->str, " 5 1000\n");
}

static void
test_show (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *raw = run_ok (fixture, "show --raw new");
  g_autoptr (LampCliRun) gone = run (fixture, "show gone");

  g_assert_cmpstr (raw, ==, "{\"event_id\":\n\"new\"}");
  lamp_cli_run_assert (gone, FAILED);
  g_assert_cmpstr (gone->err, ==, "lamppost: There is no event “gone”\n");
}

/* An event that goes while the others are read is left out. */
static void
test_export (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *out = run_ok (fixture, "export");

  g_assert_cmpstr (out, ==, "{\"event_id\": \"old\"}\n{\"event_id\": \"new\"}\n");
}

static void
test_resend (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *all = NULL;
  g_autofree char *one = NULL;
  g_autofree char *discard = NULL;
  g_autoptr (LampCliRun) none = NULL;

  all = run_ok (fixture, "resend --all");
  fixture->n_resent = 2;
  one = run_ok (fixture, "resend a b");
  discard = run_ok (fixture, "discard c");
  fixture->n_resent = 0;
  none = run (fixture, "discard d");

  lamp_cli_run_assert (none, FAILED);
  g_assert_cmpstr (one, ==, "2 events are pending again.\n");
  g_assert_cmpstr (discard, ==, "2 events were discarded.\n");
  g_assert_cmpstr (fixture->calls->str, ==, "ResendAll\nResend a\nDiscard c\nDiscard d\n");
}

static void
test_replay (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *started = run_ok (fixture, "replay");
  g_autofree char *waited = run_ok (fixture, "replay --wait");

  g_assert_cmpstr (started, ==, "Replay has started.\n");
  g_assert_cmpstr (waited, ==, "3 events were delivered.\n");
}

static void
test_replay_incomplete (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (LampCliRun) left = NULL;
  g_autoptr (LampCliRun) refused = NULL;
  g_autoptr (LampCliRun) error = NULL;
  g_autoptr (LampCliRun) paused = NULL;

  fixture->left = 2;
  left = run (fixture, "replay --wait");
  lamp_cli_run_assert (left, FAILED);
  lamp_cli_assert_contains (left->out, "2 are still waiting.\n");

  fixture->left = 0;
  fixture->refused = 2;
  refused = run (fixture, "replay --wait");
  lamp_cli_run_assert (refused, FAILED);
  lamp_cli_assert_contains (refused->out, "2 were refused; ");

  fixture->refused = 0;
  fixture->error = "The server went away.";
  error = run (fixture, "replay --wait");
  lamp_cli_run_assert (error, FAILED);
  g_assert_cmpstr (error->err, ==, "lamppost: The server went away.\n");

  refuse (fixture, LAMP_ERROR_PAUSED, "Replay is paused.");
  paused = run (fixture, "replay --wait");
  lamp_cli_run_assert (paused, FAILED);
  g_assert_cmpstr (paused->err, ==, "lamppost: Replay is paused.\n");
}

static void
test_replay_ignores_earlier_pass (Fixture      *fixture,
                                  gconstpointer data)
{
  g_autofree char *out = NULL;

  fixture->ends_before = TRUE;
  out = run_ok (fixture, "replay --wait");
  g_assert_cmpstr (out, ==, "3 events were delivered.\n");
}

static void
test_replay_agent_gone (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (LampCliRun) ran = NULL;

  fixture->vanishes = TRUE;
  ran = run (fixture, "replay --wait");
  lamp_cli_run_assert (ran, UNREACHABLE);
  lamp_cli_assert_contains (ran->err, "The agent is gone.");
}

static char *
read_line (GDataInputStream *stream)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  char *line;

  g_data_input_stream_read_line_async (stream, G_PRIORITY_DEFAULT, NULL, lamp_test_result_cb,
                                       &result);
  lamp_test_wait_until (result != NULL);
  line = g_data_input_stream_read_line_finish (stream, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (line);

  return line;
}

static void
assert_line (GDataInputStream *stream,
             const char       *part)
{
  g_autofree char *line = read_line (stream);

  lamp_cli_assert_contains (line, part);
}

static GSubprocess *
start_watch (Fixture           *fixture,
             GDataInputStream **output)
{
  static const char *const arguments[] = { "watch", NULL };
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  GSubprocess *process;

  launcher = lamp_cli_run_launcher (fixture->home, g_test_dbus_get_bus_address (fixture->bus),
                                    G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                      G_SUBPROCESS_FLAGS_STDERR_PIPE);
  process = lamp_cli_run_start (launcher, arguments);
  *output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (process));
  g_filter_input_stream_set_close_base_stream (G_FILTER_INPUT_STREAM (*output), FALSE);
  assert_line (*output, "now             Online");

  return process;
}

static void
test_watch (Fixture      *fixture,
            gconstpointer data)
{
  static const char *const delivered[] = { "ID-1", NULL };
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (LampCliRun) ran = NULL;
  GSubprocess *process = start_watch (fixture, &output);

  lamp_bus_agent1_emit_event_queued (fixture->agent, "ID-1", "T\033[31m", "m", 1);
  assert_line (output, "queued          ID-1  m  T [31m");
  lamp_bus_agent1_emit_events_delivered (fixture->agent, delivered);
  assert_line (output, "delivered       ID-1");
  lamp_bus_agent1_emit_events_failed (fixture->agent,
                                      g_variant_new_parsed ("[('ID-2', 'code', 'words')]"));
  assert_line (output, "failed          ID-2  code: words");
  lamp_bus_agent1_emit_replay_finished (fixture->agent, 1, 1, 0, "");
  assert_line (output, "replay finished 1 delivered, 1 failed, 0 left");
  lamp_bus_agent1_set_pending (fixture->agent, 44);
  assert_line (output, "pending         44");

  g_subprocess_send_signal (process, SIGINT);
  ran = lamp_cli_run_end (process, NULL);
  lamp_cli_run_assert (ran, DONE);
}

static void
test_watch_agent_gone (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GDataInputStream) output = NULL;
  g_autoptr (LampCliRun) ran = NULL;
  GSubprocess *process = start_watch (fixture, &output);

  vanish (fixture);
  ran = lamp_cli_run_end (process, NULL);
  lamp_cli_run_assert (ran, UNREACHABLE);
  lamp_cli_assert_contains (ran->err, "The agent is gone.");
}

static void
test_login (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (LampCliRun) ran = run_with (fixture, TOKEN "\n", "login");
  g_autoptr (LampCliRun) empty = run_with (fixture, "\n", "login");
  g_autoptr (LampCliRun) strange = run_with (fixture, "to ken\n", "login");
  g_autoptr (LampCliRun) refused = NULL;

  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpstr (fixture->calls->str, ==, "SetToken " TOKEN "\n");
  g_assert_null (strstr (ran->out, TOKEN));
  g_assert_cmpstr (ran->err, ==, "");
  lamp_cli_run_assert (empty, FAILED);
  lamp_cli_run_assert (strange, FAILED);

  refuse (fixture, LAMP_ERROR_STORAGE, "The keyring is locked.");
  refused = run_with (fixture, TOKEN "\n", "login");
  lamp_cli_run_assert (refused, FAILED);
  g_assert_cmpstr (refused->err, ==, "lamppost: The keyring is locked.\n");
}

static char *
drain (int fd)
{
  char buffer[256];
  gssize n_read;

  g_unix_set_fd_nonblocking (fd, TRUE, NULL);
  n_read = read (fd, buffer, sizeof buffer);

  return g_strndup (buffer, MAX (n_read, 0));
}

static void
test_login_at_terminal (Fixture      *fixture,
                        gconstpointer data)
{
  static const char *const arguments[] = { "login", NULL };
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (LampCliRun) ran = NULL;
  g_autofree char *shown = NULL;
  GInputStream *prompt;
  GSubprocess *process;
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  int other_end;
  char letter;

  g_assert_cmpint (grantpt (terminal) | unlockpt (terminal), ==, 0);
  other_end = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (other_end, >=, 0);

  launcher = lamp_cli_run_launcher (fixture->home, g_test_dbus_get_bus_address (fixture->bus),
                                    G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                      G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_take_stdin_fd (launcher, dup (other_end));
  process = lamp_cli_run_start (launcher, arguments);

  /* The prompt comes when typing is hidden. */
  prompt = g_subprocess_get_stderr_pipe (process);
  g_input_stream_read_async (prompt, &letter, 1, G_PRIORITY_DEFAULT, NULL, lamp_test_result_cb,
                             &result);
  lamp_test_wait_until (result != NULL);
  g_assert_cmpint (g_input_stream_read_finish (prompt, result, &error), ==, 1);
  g_assert_cmpint (write (terminal, TOKEN "\n", strlen (TOKEN) + 1), ==, strlen (TOKEN) + 1);

  ran = lamp_cli_run_end (process, NULL);
  lamp_cli_run_assert (ran, DONE);
  g_assert_cmpstr (fixture->calls->str, ==, "SetToken " TOKEN "\n");
  shown = drain (terminal);
  g_assert_null (strstr (shown, TOKEN));
  close (other_end);
  close (terminal);
}

static void
test_commands (Fixture      *fixture,
               gconstpointer data)
{
  static const struct
  {
    const char *line;
    const char *printed;
    gboolean paused;
  } cases[] = {
    { "logout", "The token is forgotten.\n", FALSE },
    { "open", "", FALSE },
    { "pause", "Replay is paused. Events are stored all the same.\n", TRUE },
    { "unpause", "Replay goes on.\n", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *out = run_ok (fixture, cases[i].line);

      g_assert_cmpstr (out, ==, cases[i].printed);
      g_assert_cmpint (lamp_bus_agent1_get_paused (fixture->agent), ==, cases[i].paused);
    }

  g_assert_cmpstr (fixture->calls->str, ==, "ClearToken\nShowWindow\n");
}

static void
test_doctor (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *path = g_build_filename (fixture->home, "queue.db", NULL);
  g_autoptr (LampCliRun) ill = NULL;
  g_autofree char *well = NULL;
  g_autoptr (GError) error = NULL;
  guint tray_id;

  g_file_set_contents_full (path, "", 0, G_FILE_SET_CONTENTS_NONE, 0600, &error);
  g_assert_no_error (error);
  fixture->owned = FALSE;
  tray_id = g_bus_own_name_on_connection (fixture->connection, TRAY_HOST,
                                          G_BUS_NAME_OWNER_FLAGS_NONE, own_cb, NULL, fixture, NULL);
  lamp_test_wait_until (fixture->owned);
  well = run_ok (fixture, "doctor");
  g_assert_null (strstr (well, "✗"));
  lamp_cli_assert_contains (well, "✓ Tray: Shown by a dummy\n");
  g_bus_unown_name (tray_id);

  g_object_set (fixture->agent, "state", "unauthorized", "failed", (guint64) 2, "version", "0.0.1",
                "pending", (guint64) 90000, "oldest-pending", (gint64) 1, "last-error", "Words.",
                NULL);
  ill = run (fixture, "doctor");
  lamp_cli_run_assert (ill, FAILED);
  lamp_cli_assert_contains (ill->out, "! Tray: ");
  lamp_cli_assert_contains (ill->out, "✗ The server doesn’t take the token.\n  → ");
  lamp_cli_assert_contains (ill->out, "✗ 2 events have failed.\n  → ");
  lamp_cli_assert_contains (ill->out, "! The agent runs, version 0.0.1.\n  → ");
  lamp_cli_assert_contains (ill->out, "! The queue holds 90002 of 100000 events.\n  → ");
  lamp_cli_assert_contains (ill->out, "✗ The oldest event has waited for ");
  lamp_cli_assert_contains (ill->out, "✗ Words.\n  → ");
}

/* The real agent, started by the bus, and the reference server. */
typedef struct
{
  char *home;
  char *services;
  GTestDBus *bus;
  GSubprocess *receiver;
} RealFixture;

static void
write_service (RealFixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->services, "agent.service", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  text = g_strdup_printf ("[D-BUS Service]\nName=" LAMP_AGENT_ID "\nExec=%s\n",
                          g_getenv ("LAMP_AGENT"));
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* The receiver prints its URL first; the agent takes it from the environment. */
static void
start_receiver (RealFixture *fixture)
{
  g_autoptr (GSubprocessLauncher) launcher = lamp_test_launcher_new (
    G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GDataInputStream) output = NULL;
  g_autofree char *line = NULL;
  g_autoptr (GError) error = NULL;
  char *url;

  fixture->receiver = g_subprocess_launcher_spawn (launcher, &error, g_getenv ("LAMP_RECEIVER"),
                                                   "--port", "0", "--store", ":memory:", NULL);
  g_assert_no_error (error);
  output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (fixture->receiver));
  line = read_line (output);
  url = strstr (line, "http://");
  g_assert_nonnull (url);
  g_setenv ("SAAS_API_URL", url, TRUE);
}

static void
setup_real (RealFixture  *fixture,
            gconstpointer data)
{
  fixture->home = lamp_test_folder_new ();
  fixture->services = lamp_test_folder_new ();
  write_service (fixture);
  start_receiver (fixture);
  g_setenv ("SPEC_KITTY_HOME", fixture->home, TRUE);
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_add_service_dir (fixture->bus, fixture->services);
  lamp_test_bus_up (fixture->bus);
}

static void
quit_agent (RealFixture *fixture)
{
  g_autoptr (GDBusConnection) connection = connect_to (fixture->bus);
  g_autoptr (GVariant) result = NULL;
  g_autoptr (GError) error = NULL;

  result = g_dbus_connection_call_sync (connection, LAMP_AGENT_ID, LAMP_AGENT_PATH,
                                        "io.github.lamppost.Lamppost.Agent1", "Quit", NULL, NULL,
                                        G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, &error);
  g_assert_no_error (error);
  g_dbus_connection_close_sync (connection, NULL, NULL);
}

static void
teardown_real (RealFixture  *fixture,
               gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  quit_agent (fixture);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  g_subprocess_force_exit (fixture->receiver);
  g_subprocess_wait (fixture->receiver, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (fixture->receiver);
  g_unsetenv ("SPEC_KITTY_HOME");
  g_unsetenv ("SAAS_API_URL");
  lamp_test_folder_free (fixture->services);
  lamp_test_folder_free (fixture->home);
}

static char *
run_real (RealFixture *fixture,
          const char  *input,
          const char  *line)
{
  g_autoptr (LampCliRun) ran = NULL;

  ran = lamp_cli_run (fixture->home, g_test_dbus_get_bus_address (fixture->bus), input, line);
  lamp_cli_run_assert (ran, DONE);

  return g_steal_pointer (&ran->out);
}

static guint
count_real (RealFixture *fixture,
            const char  *line)
{
  g_autofree char *out = run_real (fixture, NULL, line);
  g_autoptr (JsonNode) node = json_from_string (out, NULL);

  return json_array_get_length (json_node_get_array (node));
}

/* Runs a command of which it only matters that it goes well. */
static void
do_real (RealFixture *fixture,
         const char  *input,
         const char  *line)
{
  g_free (run_real (fixture, input, line));
}

static void
test_real_delivers (RealFixture  *fixture,
                    gconstpointer data)
{
  g_autofree char *id = NULL;
  g_autofree char *export = NULL;
  g_autofree char *status = NULL;

  do_real (fixture, NULL, "pause");
  id = run_real (fixture, NULL, "emit -m m -t T -p '{\"a\": 1}'");
  do_real (fixture, "{}\n{}\n", "emit --lines -m m -t T");
  g_assert_cmpuint (count_real (fixture, "list --json --status pending"), ==, 3);
  export = run_real (fixture, NULL, "export");
  lamp_cli_assert_contains (export, g_strchomp (id));
  lamp_cli_assert_contains (export, "\"payload\":{\"a\": 1}");

  do_real (fixture, NULL, "unpause");
  do_real (fixture, NULL, "replay --wait");
  g_assert_cmpuint (count_real (fixture, "list --json --status delivered"), ==, 3);
  status = run_real (fixture, NULL, "status");
  lamp_cli_assert_contains (status, "\ndelivered       3\n");

  /* Nothing is left: it ends all the same. */
  do_real (fixture, NULL, "replay --wait");
}

static void
test_real_refuses (RealFixture  *fixture,
                   gconstpointer data)
{
  static const struct
  {
    const char *line;
    int code;
  } cases[] = {
    { "emit -m m -t T -p x", FAILED },
    { "emit -m '' -t T", FAILED },
    { "list --status foo", USAGE },
    { "show 01ARZ3NDEKTSV4RRFFQ69G5FAV", FAILED },
    { "emit -m m -t T --option foo=x", FAILED },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (LampCliRun) ran = NULL;

      ran = lamp_cli_run (fixture->home, g_test_dbus_get_bus_address (fixture->bus), NULL,
                          cases[i].line);
      lamp_cli_run_assert (ran, cases[i].code);
      g_assert_null (strstr (ran->err, "GDBus"));
    }
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, setup, func, teardown)
#define ADD_WITHOUT_AGENT(path, func) g_test_add (path, Fixture, NULL, setup_bus, func, teardown)
#define ADD_REAL(path, func) g_test_add (path, RealFixture, NULL, setup_real, func, teardown_real)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_dbus_unset ();

  g_test_add_func ("/bus/errors", test_bus_errors);
  ADD_WITHOUT_AGENT ("/client/reconnects", test_client_reconnects);
  ADD_WITHOUT_AGENT ("/cli-agent/no-agent", test_no_agent);
  ADD ("/cli-agent/emit", test_emit);
  ADD ("/cli-agent/emit/lines", test_emit_lines);
  ADD ("/cli-agent/emit/large-lines", test_emit_large_lines);
  ADD ("/cli-agent/refusals", test_refusals);
  ADD ("/cli-agent/refusals/lines", test_lines_refused);
  ADD ("/cli-agent/status", test_status);
  ADD ("/cli-agent/list", test_list);
  ADD ("/cli-agent/show", test_show);
  ADD ("/cli-agent/export", test_export);
  ADD ("/cli-agent/resend", test_resend);
  ADD ("/cli-agent/replay", test_replay);
  ADD ("/cli-agent/replay/incomplete", test_replay_incomplete);
  ADD ("/cli-agent/replay/ignores-earlier-pass", test_replay_ignores_earlier_pass);
  ADD ("/cli-agent/replay/agent-gone", test_replay_agent_gone);
  ADD ("/cli-agent/watch", test_watch);
  ADD ("/cli-agent/watch/agent-gone", test_watch_agent_gone);
  ADD ("/cli-agent/login", test_login);
  ADD ("/cli-agent/login/at-terminal", test_login_at_terminal);
  ADD ("/cli-agent/commands", test_commands);
  ADD ("/cli-agent/doctor", test_doctor);

  ADD_REAL ("/cli-agent/real/delivers", test_real_delivers);
  ADD_REAL ("/cli-agent/real/refuses", test_real_refuses);

  return g_test_run ();
}
