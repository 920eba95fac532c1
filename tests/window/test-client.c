/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-list.h"
#include "lamp-fake-server.h"
#include "lamp-test-util.h"

/* The client and its lists, with the real agent on a private bus. */

#define N_EVENTS 250

typedef struct
{
  char *home; /* (owned) */
  LampFakeServer *server;
  GTestDBus *bus;
  GDBusConnection *connection;
  LampClient *client;
  LampEventList *pending;
  LampEventList *failed;
  LampEventList *delivered;
} Fixture;

/* --- the fixture -------------------------------------------------------- */

/* The bus starts the agent, as it does for a person. */
static void
write_service (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->home, "agent.service", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  text = g_strdup_printf (
    "[D-BUS Service]\nName=%s\n"
    "Exec=/usr/bin/env SPEC_KITTY_HOME=%s XDG_RUNTIME_DIR=%s SAAS_API_URL=%s SAAS_API_KEY= "
    "G_DEBUG=fatal-criticals %s --no-tray\n",
    LAMP_AGENT_ID, fixture->home, fixture->home, lamp_fake_server_get_url (fixture->server),
    g_getenv ("LAMP_AGENT"));
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
  g_test_dbus_add_service_dir (fixture->bus, fixture->home);
}

static void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  fixture->home = lamp_test_folder_new ();
  fixture->server = lamp_fake_server_new ();
  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  write_service (fixture);
  lamp_test_bus_up (fixture->bus);
  fixture->connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (fixture->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);

  lamp_client_new_async (fixture->connection, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  fixture->client = lamp_client_new_finish (result, &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  LampEventList *lists[] = { fixture->pending, fixture->failed, fixture->delivered };

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    if (lists[i] != NULL)
      lamp_test_finalize (lists[i]);

  if (lamp_client_get_available (fixture->client))
    {
      lamp_bus_agent1_call_quit_sync (lamp_client_get_proxy (fixture->client), NULL, NULL);
      lamp_test_wait_until (!lamp_client_get_available (fixture->client));
    }

  lamp_test_finalize (fixture->client);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_object_unref (fixture->connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
  lamp_test_finalize (fixture->server);
  lamp_test_folder_free (fixture->home);
}

static void
start_agent (Fixture *fixture)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  lamp_client_start_agent_async (fixture->client, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  lamp_client_start_agent_finish (fixture->client, result, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (lamp_client_get_available (fixture->client));
}

static void
open_lists (Fixture *fixture)
{
  fixture->pending = lamp_event_list_new (fixture->client, "pending");
  fixture->failed = lamp_event_list_new (fixture->client, "failed");
  fixture->delivered = lamp_event_list_new (fixture->client, "delivered");
}

/* Returns the id of the first event. */
static char *
emit (Fixture *fixture,
      guint    count)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(sssa{sv})"));
  g_autoptr (GVariant) receipts = NULL;
  g_autoptr (GError) error = NULL;
  char *event_id = NULL;

  for (guint i = 0; i < count; i++)
    g_variant_builder_add (&builder, "(sssa{sv})", i % 2 == 0 ? "even" : "odd", "TestHappened",
                           "{}", NULL);
  lamp_bus_agent1_call_emit_batch_sync (lamp_client_get_proxy (fixture->client),
                                        g_variant_builder_end (&builder), &receipts, NULL, &error);
  g_assert_no_error (error);
  g_variant_get_child (receipts, 0, "(sx)", &event_id, NULL);

  return event_id;
}

static gboolean
has_items (LampEventList *list,
           guint          count)
{
  return g_list_model_get_n_items (G_LIST_MODEL (list)) == count;
}

static LampEventItem *
get_loaded (LampEventList *list,
            guint          position)
{
  LampEventItem *item = g_list_model_get_item (G_LIST_MODEL (list), position);

  lamp_test_wait_until (!lamp_event_item_is_blank (item));

  return item;
}

/* --- the tests ---------------------------------------------------------- */

static void
test_start (Fixture      *fixture,
            gconstpointer data)
{
  g_autoptr (GVariant) properties = NULL;
  const char *state = NULL;

  g_assert_false (lamp_client_get_available (fixture->client));
  start_agent (fixture);

  properties = lamp_client_dup_properties (fixture->client);
  g_assert_true (g_variant_lookup (properties, "State", "&s", &state));
  g_assert_cmpstr (state, !=, "");
}

/* A call alone starts none: whoever has ended the agent wants it ended. */
static void
test_start_only_when_asked (Fixture      *fixture,
                            gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = NULL;

  /* A call that GDBus refuses by itself loses its parameters; this one has none. */
  reply = g_dbus_proxy_call_sync (G_DBUS_PROXY (lamp_client_get_proxy (fixture->client)),
                                  "ReplayNow", NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_null (reply);
  g_assert_nonnull (error);
  g_assert_false (lamp_client_get_available (fixture->client));
}

static void
test_move (Fixture      *fixture,
           gconstpointer data)
{
  g_autofree char *refused = NULL;
  g_autoptr (LampEventItem) newest = NULL;
  g_autoptr (LampEventItem) oldest = NULL;
  g_autoptr (LampEventItem) failed = NULL;

  lamp_fake_server_stop (fixture->server);
  start_agent (fixture);
  open_lists (fixture);
  refused = emit (fixture, N_EVENTS);
  lamp_test_wait_until (has_items (fixture->pending, N_EVENTS));

  newest = get_loaded (fixture->pending, 0);
  oldest = get_loaded (fixture->pending, N_EVENTS - 1);
  g_assert_cmpstr (lamp_event_item_get_text (oldest, "event_id"), ==, refused);
  g_assert_cmpstr (lamp_event_item_get_text (newest, "mission_id"), ==, "odd");

  lamp_fake_server_reject_id (fixture->server, refused, "bad", "words");
  lamp_fake_server_start (fixture->server);
  lamp_bus_agent1_call_replay_now_sync (lamp_client_get_proxy (fixture->client), NULL, NULL);
  lamp_test_wait_until (has_items (fixture->pending, 0) && has_items (fixture->failed, 1) &&
                        has_items (fixture->delivered, N_EVENTS - 1));

  failed = get_loaded (fixture->failed, 0);
  g_assert_cmpstr (lamp_event_item_get_text (failed, "event_id"), ==, refused);
  g_assert_cmpstr (lamp_event_item_get_text (failed, "error_message"), ==, "words");
}

static void
test_filter (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *event_id = NULL;

  lamp_fake_server_stop (fixture->server);
  start_agent (fixture);
  open_lists (fixture);
  event_id = emit (fixture, N_EVENTS);
  lamp_event_list_set_filter (fixture->pending, "even", NULL, NULL);

  /* Only its end makes it longer. */
  while (!has_items (fixture->pending, N_EVENTS / 2))
    {
      guint n_items = g_list_model_get_n_items (G_LIST_MODEL (fixture->pending));
      g_autoptr (LampEventItem) last = NULL;

      g_assert_cmpuint (n_items, <, N_EVENTS / 2 + 1);
      if (n_items > 0)
        last = get_loaded (fixture->pending, n_items - 1);
      g_main_context_iteration (NULL, TRUE);
    }
}

static void
test_return (Fixture      *fixture,
             gconstpointer data)
{
  g_autofree char *event_id = NULL;
  g_autoptr (LampEventItem) item = NULL;

  lamp_fake_server_stop (fixture->server);
  start_agent (fixture);
  open_lists (fixture);
  event_id = emit (fixture, 3);
  lamp_test_wait_until (has_items (fixture->pending, 3));

  lamp_bus_agent1_call_quit_sync (lamp_client_get_proxy (fixture->client), NULL, NULL);
  lamp_test_wait_until (!lamp_client_get_available (fixture->client));
  g_assert_true (has_items (fixture->pending, 0));

  start_agent (fixture);
  lamp_test_wait_until (has_items (fixture->pending, 3));
  item = get_loaded (fixture->pending, 2);
  g_assert_cmpstr (lamp_event_item_get_text (item, "event_id"), ==, event_id);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add (path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

  ADD ("/client/starts-the-agent", test_start);
  ADD ("/client/starts-none-by-itself", test_start_only_when_asked);
  ADD ("/client/lists-follow-a-pass", test_move);
  ADD ("/client/list-filters", test_filter);
  ADD ("/client/comes-back-with-the-agent", test_return);

#undef ADD

  return g_test_run ();
}
