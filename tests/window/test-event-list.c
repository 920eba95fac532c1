/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-list.h"
#include "lamp-fake-agent.h"
#include "lamp-test-util.h"

#include <stdlib.h>

/* The list that the window shows, over an agent that holds only rows. */

#define N_MANY (LAMP_TEST_SANITIZED ? 4000 : 100000)
#define N_SCREEN 30
#define N_ROUNDS (LAMP_TEST_SANITIZED ? 10 : 40)

typedef struct
{
  GTestDBus *bus;
  GDBusConnection *agent_connection;
  GDBusConnection *connection;
  LampFakeAgent *agent;
  LampClient *client;
  LampEventList *list;
  GPtrArray *view; /* the items that are looked at */
  guint top;       /* and the position of the first one */
} Fixture;

/* --- a person who looks ------------------------------------------------- */

static void
look (Fixture *fixture)
{
  GListModel *model = G_LIST_MODEL (fixture->list);
  guint n_items = g_list_model_get_n_items (model);
  g_autoptr (GPtrArray) view = g_ptr_array_new_with_free_func (g_object_unref);

  if (fixture->top + N_SCREEN > n_items)
    fixture->top = n_items > N_SCREEN ? n_items - N_SCREEN : 0;

  for (guint i = fixture->top; i < n_items && i < fixture->top + N_SCREEN; i++)
    {
      LampEventItem *item = g_list_model_get_item (model, i);

      g_assert_nonnull (item);
      g_ptr_array_add (view, item);
    }

  g_clear_pointer (&fixture->view, g_ptr_array_unref);
  fixture->view = g_steal_pointer (&view);
}

/* As a GtkListView does: what is in view stays there. */
static void
items_changed_cb (Fixture *fixture,
                  guint    position,
                  guint    removed,
                  guint    added)
{
  if (position + removed <= fixture->top && fixture->top > 0)
    fixture->top += added - removed;
  else if (position < fixture->top)
    fixture->top = position;

  look (fixture);
}

static void
scroll_to (Fixture *fixture,
           guint    top)
{
  fixture->top = top;
  look (fixture);
}

static guint
count_rows (Fixture    *fixture,
            const char *status)
{
  GArray *rows = lamp_fake_agent_get_rows (fixture->agent);
  guint count = 0;

  for (guint i = 0; i < rows->len; i++)
    count += g_str_equal (g_array_index (rows, LampFakeRow, i).status, status);

  return count;
}

static gboolean
is_settled (Fixture *fixture)
{
  for (guint i = 0; i < fixture->view->len; i++)
    if (lamp_event_item_is_blank (g_ptr_array_index (fixture->view, i)))
      return FALSE;

  return TRUE;
}

/* The id of the row at a position, which must have come. */
static gint64
get_id (Fixture *fixture,
        guint    position)
{
  g_autoptr (LampEventItem) item = g_list_model_get_item (G_LIST_MODEL (fixture->list), position);

  return lamp_event_item_get_number (item, "queued_at");
}

/* Returns the id of the next older row of a status, 0 if there is none. */
static gint64
get_older (Fixture    *fixture,
           const char *status,
           gint64      id)
{
  GArray *rows = lamp_fake_agent_get_rows (fixture->agent);

  for (guint i = rows->len; i > 0; i--)
    {
      const LampFakeRow *row = &g_array_index (rows, LampFakeRow, i - 1);

      if (row->id < id && g_str_equal (row->status, status))
        return row->id;
    }

  return 0;
}

/* What is in view are rows that follow each other, and at the ends of the list the first and the
 * last ones. */
static gboolean
is_right (Fixture    *fixture,
          const char *status)
{
  guint n_items = g_list_model_get_n_items (G_LIST_MODEL (fixture->list));
  guint end = fixture->top + fixture->view->len;
  gint64 previous = fixture->top == 0 ? G_MAXINT64 : get_id (fixture, fixture->top);

  if (!is_settled (fixture) || n_items != count_rows (fixture, status))
    return FALSE;

  for (guint i = fixture->top == 0 ? 0 : fixture->top + 1; i < end; i++)
    {
      gint64 id = get_id (fixture, i);

      if (id == 0 || id != get_older (fixture, status, previous))
        return FALSE;
      previous = id;
    }

  return end < n_items || get_older (fixture, status, previous) == 0;
}

static void
assert_right (Fixture    *fixture,
              const char *status)
{
  lamp_test_wait_until (is_right (fixture, status));
}

/* --- the fixture -------------------------------------------------------- */

static GDBusConnection *
connect_to (GTestDBus *bus)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);

  return connection;
}

static void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  fixture->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (fixture->bus);
  fixture->agent_connection = connect_to (fixture->bus);
  fixture->connection = connect_to (fixture->bus);
  fixture->agent = lamp_fake_agent_new (fixture->agent_connection);

  lamp_client_new_async (fixture->connection, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);
  fixture->client = lamp_client_new_finish (result, &error);
  g_assert_no_error (error);
  lamp_test_wait_until (lamp_client_get_available (fixture->client));
}

static void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  g_clear_pointer (&fixture->view, g_ptr_array_unref);
  if (fixture->list != NULL)
    {
      g_signal_handlers_disconnect_by_data (fixture->list, fixture);
      lamp_test_finalize (fixture->list);
    }
  lamp_test_finalize (fixture->client);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (fixture->agent));
  lamp_test_finalize (fixture->agent);
  g_dbus_connection_close_sync (fixture->connection, NULL, NULL);
  g_dbus_connection_close_sync (fixture->agent_connection, NULL, NULL);
  g_object_unref (fixture->connection);
  g_object_unref (fixture->agent_connection);
  g_test_dbus_down (fixture->bus);
  g_object_unref (fixture->bus);
}

static void
add_rows (Fixture    *fixture,
          guint       count,
          const char *status)
{
  for (guint i = 0; i < count; i++)
    lamp_fake_agent_add (fixture->agent, 0, status);
  lamp_fake_agent_update (fixture->agent);
}

static void
open_list (Fixture    *fixture,
           const char *status)
{
  fixture->list = lamp_event_list_new (fixture->client, status);
  g_signal_connect_swapped (fixture->list, "items-changed", G_CALLBACK (items_changed_cb), fixture);
  look (fixture);
}

/* --- the tests ---------------------------------------------------------- */

static void
test_empty (Fixture      *fixture,
            gconstpointer data)
{
  open_list (fixture, "pending");
  g_assert_true (lamp_event_list_is_ready (fixture->list));
  assert_right (fixture, "pending");

  add_rows (fixture, 3, "pending");
  assert_right (fixture, "pending");
}

static void
test_follow (Fixture      *fixture,
             gconstpointer data)
{
  GArray *rows = lamp_fake_agent_get_rows (fixture->agent);

  add_rows (fixture, 250, "pending");
  open_list (fixture, "pending");
  assert_right (fixture, "pending");

  /* What is in view stays there, whatever comes above it. */
  scroll_to (fixture, 50);
  assert_right (fixture, "pending");
  add_rows (fixture, 7, "pending");
  assert_right (fixture, "pending");
  g_assert_cmpuint (fixture->top, ==, 57);

  /* The oldest ones are delivered, then one in view fails. */
  g_array_remove_range (rows, 0, 40);
  lamp_fake_agent_update (fixture->agent);
  assert_right (fixture, "pending");
  g_array_remove_index (rows, rows->len - 60);
  lamp_fake_agent_update (fixture->agent);
  assert_right (fixture, "pending");

  g_array_set_size (rows, 0);
  lamp_fake_agent_update (fixture->agent);
  assert_right (fixture, "pending");
}

static void
test_keep_items (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (LampEventItem) item = NULL;
  g_autoptr (LampEventItem) again = NULL;

  add_rows (fixture, 20, "failed");
  open_list (fixture, "failed");
  assert_right (fixture, "failed");

  item = g_list_model_get_item (G_LIST_MODEL (fixture->list), 4);
  add_rows (fixture, 2, "failed");
  assert_right (fixture, "failed");
  again = g_list_model_get_item (G_LIST_MODEL (fixture->list), 6);
  g_assert_true (item == again);
}

/* Dragging to the end and back costs a few calls, not one for each page. */
static void
test_jump (Fixture      *fixture,
           gconstpointer data)
{
  guint n_calls;

  add_rows (fixture, N_MANY, "pending");
  open_list (fixture, "pending");
  assert_right (fixture, "pending");

  n_calls = lamp_fake_agent_get_n_calls (fixture->agent);
  scroll_to (fixture, N_MANY);
  assert_right (fixture, "pending");
  g_assert_cmpuint (fixture->top, ==, N_MANY - N_SCREEN);
  g_assert_cmpuint (lamp_fake_agent_get_n_calls (fixture->agent) - n_calls, <=, 2);

  scroll_to (fixture, N_MANY / 2);
  assert_right (fixture, "pending");
  g_assert_cmpint (get_id (fixture, N_MANY / 2), ==, N_MANY / 2);
  scroll_to (fixture, N_MANY / 2 - 2 * N_SCREEN);
  assert_right (fixture, "pending");
  scroll_to (fixture, 0);
  assert_right (fixture, "pending");
  g_assert_cmpuint (lamp_fake_agent_get_n_calls (fixture->agent) - n_calls, <=, 8);
}

/* Between rows that are far apart positions are guesses, but the ends and what is in view are
 * right. */
static void
test_sparse (Fixture      *fixture,
             gconstpointer data)
{
  guint n_failed;

  for (guint i = 0; i < N_MANY; i++)
    lamp_fake_agent_add (fixture->agent, i % 1000 == 0 ? 5000 : 0,
                         i % 17 == 0 || i % 30000 < 500 ? "failed" : "pending");
  lamp_fake_agent_update (fixture->agent);
  n_failed = count_rows (fixture, "failed");
  open_list (fixture, "failed");

  for (guint i = 0; i <= 8; i++)
    {
      scroll_to (fixture, n_failed / 8 * i);
      assert_right (fixture, "failed");
    }

  /* Step by step from the middle up to the top: nothing is missing on the way. */
  scroll_to (fixture, n_failed / 2);
  while (fixture->top > 0)
    {
      scroll_to (fixture, fixture->top > N_SCREEN / 2 ? fixture->top - N_SCREEN / 2 : 0);
      lamp_test_wait_until (is_settled (fixture));
    }
  assert_right (fixture, "failed");
}

static void
test_filter (Fixture      *fixture,
             gconstpointer data)
{
  GListModel *model;

  add_rows (fixture, 700, "pending");
  open_list (fixture, "pending");
  model = G_LIST_MODEL (fixture->list);
  lamp_event_list_set_filter (fixture->list, "odd", NULL, NULL);
  lamp_test_wait_until (lamp_event_list_is_ready (fixture->list));
  look (fixture);

  /* It grows as its end is looked at. */
  while (g_list_model_get_n_items (model) != 350 || !is_settled (fixture))
    {
      scroll_to (fixture, g_list_model_get_n_items (model));
      g_main_context_iteration (NULL, TRUE);
    }
  for (guint i = 0; i < 350; i += 7)
    {
      scroll_to (fixture, i);
      lamp_test_wait_until (is_settled (fixture));
      g_assert_cmpint (get_id (fixture, fixture->top), ==, 699 - 2 * (int) fixture->top);
    }

  lamp_event_list_set_filter (fixture->list, "none", NULL, NULL);
  lamp_test_wait_until (lamp_event_list_is_ready (fixture->list));
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);

  lamp_event_list_set_filter (fixture->list, NULL, NULL, NULL);
  assert_right (fixture, "pending");
}

static void
change_rows (Fixture *fixture,
             GRand   *random)
{
  static const char *const statuses[] = { "pending", "pending", "failed", "delivered" };
  GArray *rows = lamp_fake_agent_get_rows (fixture->agent);
  guint count = (guint) g_rand_int_range (random, 1, 60);

  switch (g_rand_int_range (random, 0, 5))
    {
    case 0:
      for (guint i = 0; i < count; i++)
        lamp_fake_agent_add (fixture->agent, g_rand_int_range (random, 0, 3),
                             statuses[g_rand_int_range (random, 0, G_N_ELEMENTS (statuses))]);
      break;
    case 1:
      g_array_remove_range (rows, 0, MIN (count, rows->len));
      break;
    default:
      for (guint i = 0; i < count && rows->len > 0; i++)
        {
          guint index = (guint) g_rand_int_range (random, 0, (int) rows->len);

          g_array_index (rows, LampFakeRow, index).status =
            statuses[g_rand_int_range (random, 0, G_N_ELEMENTS (statuses))];
        }
    }

  lamp_fake_agent_update (fixture->agent);
}

/* Whatever happens to the rows and wherever somebody looks: what is in view becomes right. */
static void
test_at_random (Fixture      *fixture,
                gconstpointer data)
{
  guint32 seed = (guint32) g_test_rand_int ();
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);

  g_test_message ("seed %u", seed);
  for (guint i = 0; i < 2000; i++)
    lamp_fake_agent_add (fixture->agent, g_rand_int_range (random, 0, 4),
                         i % 3 == 0 ? "failed" : "pending");
  lamp_fake_agent_update (fixture->agent);
  open_list (fixture, "failed");

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      guint n_items = g_list_model_get_n_items (G_LIST_MODEL (fixture->list));

      if (g_rand_boolean (random))
        change_rows (fixture, random);
      scroll_to (fixture, (guint) g_rand_int_range (random, 0, (int) n_items + 1));
      if (g_rand_boolean (random))
        assert_right (fixture, "failed");
    }

  assert_right (fixture, "failed");
}

static void
test_agent_gone (Fixture      *fixture,
                 gconstpointer data)
{
  add_rows (fixture, 5, "pending");
  open_list (fixture, "pending");
  assert_right (fixture, "pending");

  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (fixture->agent));
  lamp_test_finalize (g_steal_pointer (&fixture->agent));
  lamp_test_wait_until (!lamp_client_get_available (fixture->client));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (fixture->list)), ==, 0);

  fixture->agent = lamp_fake_agent_new (fixture->agent_connection);
  add_rows (fixture, 9, "pending");
  assert_right (fixture, "pending");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, function)                                                                        \
  g_test_add (path, Fixture, NULL, fixture_set_up, function, fixture_tear_down)

  ADD ("/event-list/grows-from-nothing", test_empty);
  ADD ("/event-list/follows-what-happens", test_follow);
  ADD ("/event-list/keeps-an-item-for-an-event", test_keep_items);
  ADD ("/event-list/jumps-in-a-few-calls", test_jump);
  ADD ("/event-list/is-right-where-ids-are-sparse", test_sparse);
  ADD ("/event-list/filters", test_filter);
  ADD ("/event-list/is-right-whatever-happens", test_at_random);
  ADD ("/event-list/comes-back-with-the-agent", test_agent_gone);

#undef ADD

  return g_test_run ();
}
