/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-fixture.h"

#include "lamp-test-util.h"

static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *name,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampMenuFixture *self = user_data;
  g_autofree char *text = g_variant_print (parameters, FALSE);

  g_ptr_array_add (self->signals, g_strconcat (name, " ", text, NULL));
}

static void
opened_cb (LampMenuFixture *self)
{
  self->opened++;
}

GDBusConnection *
lamp_menu_fixture_connect (LampMenuFixture *self)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection =
    g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (self->bus),
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);

  return connection;
}

void
lamp_menu_fixture_up (LampMenuFixture *self,
                      gconstpointer    data)
{
  self->bus = g_test_dbus_new (G_TEST_DBUS_NONE);
  lamp_test_bus_up (self->bus);
  self->server = lamp_menu_fixture_connect (self);
  self->client = lamp_menu_fixture_connect (self);
  self->signals = g_ptr_array_new_with_free_func (g_free);
  self->subscription =
    g_dbus_connection_signal_subscribe (self->client,
                                        g_dbus_connection_get_unique_name (self->server), NULL,
                                        NULL, LAMP_MENU_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                        signal_cb, self, NULL);

  self->menu = g_menu_new ();
  self->actions = g_simple_action_group_new ();
  self->exporter = lamp_menu_exporter_new (G_MENU_MODEL (self->menu),
                                           G_ACTION_GROUP (self->actions));
  g_signal_connect_swapped (self->exporter, "opened", G_CALLBACK (opened_cb), self);
}

static void
disconnect (GDBusConnection *connection)
{
  if (!g_dbus_connection_is_closed (connection))
    g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);
}

void
lamp_menu_fixture_down (LampMenuFixture *self,
                        gconstpointer    data)
{
  g_dbus_connection_signal_unsubscribe (self->client, self->subscription);
  if (self->exporter != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->exporter, self);
      g_assert_finalize_object (self->exporter);
    }
  g_assert_finalize_object (self->menu);
  g_assert_finalize_object (self->actions);
  g_ptr_array_unref (self->signals);
  disconnect (self->client);
  disconnect (self->server);
  g_test_dbus_down (self->bus);
  g_object_unref (self->bus);
}

void
lamp_menu_fixture_export (LampMenuFixture *self)
{
  g_autoptr (GError) error = NULL;

  lamp_menu_exporter_export (self->exporter, self->server, LAMP_MENU_PATH, &error);
  g_assert_no_error (error);
}

LampMenuHost *
lamp_menu_fixture_host_new (LampMenuFixture  *self,
                            LampMenuHostStyle style)
{
  g_autoptr (GDBusConnection) connection = lamp_menu_fixture_connect (self);

  return lamp_menu_host_new (style, connection, g_dbus_connection_get_unique_name (self->server),
                             LAMP_MENU_PATH);
}

static GVariant *
call (LampMenuFixture *self,
      const char      *interface,
      const char      *method,
      GVariant        *parameters,
      GError         **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (self->client, g_dbus_connection_get_unique_name (self->server),
                          LAMP_MENU_PATH, interface, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, lamp_test_result_cb, &result);
  lamp_test_wait_until (result != NULL);

  return g_dbus_connection_call_finish (self->client, result, error);
}

GVariant *
lamp_menu_fixture_call (LampMenuFixture *self,
                        const char      *method,
                        GVariant        *parameters,
                        GError         **error)
{
  return call (self, LAMP_MENU_INTERFACE, method, parameters, error);
}

char *
lamp_menu_fixture_listen (LampMenuFixture *self)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GVariant) version = NULL;
  g_autoptr (GError) error = NULL;

  while (g_main_context_iteration (NULL, FALSE))
    ;
  version = call (self, "org.freedesktop.DBus.Properties", "Get",
                  g_variant_new ("(ss)", LAMP_MENU_INTERFACE, "Version"), &error);
  g_assert_no_error (error);

  for (guint i = 0; i < self->signals->len; i++)
    g_string_append_printf (text, "%s\n", (char *) self->signals->pdata[i]);
  g_ptr_array_set_size (self->signals, 0);

  return g_string_free (text, FALSE);
}

void
lamp_menu_fixture_settle (LampMenuFixture *self)
{
  g_free (lamp_menu_fixture_listen (self));
}

void
lamp_menu_fixture_add (LampMenuFixture *self,
                       GAction         *action)
{
  g_action_map_add_action (G_ACTION_MAP (self->actions), action);
  g_object_unref (action);
}
