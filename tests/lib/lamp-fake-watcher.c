/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-fake-watcher.h"

#define WATCHER "org.kde.StatusNotifierWatcher"
#define WATCHER_PATH "/StatusNotifierWatcher"
#define ITEM_PATH "/StatusNotifierItem"

/* What RequestName does without a queue, and what it answers. */
#define DO_NOT_QUEUE 4
#define PRIMARY_OWNER 1

static const char xml[] =
  "<node><interface name='org.kde.StatusNotifierWatcher'>"
  "<method name='RegisterStatusNotifierItem'><arg type='s' direction='in'/></method>"
  "<method name='RegisterStatusNotifierHost'><arg type='s' direction='in'/></method>"
  "<property name='RegisteredStatusNotifierItems' type='as' access='read'/>"
  "<property name='IsStatusNotifierHostRegistered' type='b' access='read'/>"
  "<property name='ProtocolVersion' type='i' access='read'/>"
  "<signal name='StatusNotifierItemRegistered'><arg type='s'/></signal>"
  "<signal name='StatusNotifierItemUnregistered'><arg type='s'/></signal>"
  "<signal name='StatusNotifierHostRegistered'/>"
  "<signal name='StatusNotifierHostUnregistered'/>"
  "</interface></node>";

struct _LampFakeWatcher
{
  GDBusConnection *connection; /* (owned) */
  GDBusNodeInfo *info;         /* (owned) */
  char *item;                  /* (owned) (nullable) */
  guint item_watch;
  guint registration;
  guint n_calls;
  guint n_reads;
  LampFakeWatcherMood mood;
  gboolean at;
  gboolean has_host;
};

static void
emit (LampFakeWatcher *self,
      const char      *name,
      GVariant        *parameters)
{
  g_dbus_connection_emit_signal (self->connection, NULL, WATCHER_PATH, WATCHER, name, parameters,
                                 NULL);
}

static char *
dup_listed (LampFakeWatcher *self)
{
  const char *more = self->at ? "@" : "";

  /* Somebody else, whose name begins like the item's. */
  if (self->mood == LAMP_FAKE_WATCHER_SECRETIVE)
    more = "7";

  return g_strconcat (self->item, more, ITEM_PATH, NULL);
}

void
lamp_fake_watcher_drop (LampFakeWatcher *self)
{
  g_autofree char *listed = NULL;

  g_clear_handle_id (&self->item_watch, g_bus_unwatch_name);
  if (self->item == NULL)
    return;

  listed = dup_listed (self);
  g_clear_pointer (&self->item, g_free);
  emit (self, "StatusNotifierItemUnregistered", g_variant_new ("(s)", listed));
}

static void
item_vanished_cb (GDBusConnection *connection,
                  const char      *name,
                  gpointer         user_data)
{
  lamp_fake_watcher_drop (user_data);
}

static void
take_item (LampFakeWatcher *self,
           const char      *sender)
{
  g_autofree char *listed = NULL;

  g_clear_handle_id (&self->item_watch, g_bus_unwatch_name);
  g_free (self->item);
  self->item = g_strdup (sender);
  self->item_watch = g_bus_watch_name_on_connection (self->connection, sender,
                                                     G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                                     item_vanished_cb, self, NULL);
  listed = dup_listed (self);
  emit (self, "StatusNotifierItemRegistered", g_variant_new ("(s)", listed));
}

static void
method_call (GDBusConnection       *connection,
             const char            *sender,
             const char            *object_path,
             const char            *interface,
             const char            *method,
             GVariant              *parameters,
             GDBusMethodInvocation *invocation,
             gpointer               user_data)
{
  LampFakeWatcher *self = user_data;
  const char *service;

  g_variant_get (parameters, "(&s)", &service);
  self->n_calls++;

  if (self->mood == LAMP_FAKE_WATCHER_ILL ||
      (self->mood == LAMP_FAKE_WATCHER_PATHS_ONLY && *service != '/'))
    {
      g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_FAILED,
                                             "Not today");
      return;
    }

  /* A path there, or a name of the sender's: both mean the sender. */
  g_assert_true (g_str_equal (service, ITEM_PATH) || g_str_equal (service, sender));
  take_item (self, sender);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static GVariant *
get_property (GDBusConnection *connection,
              const char      *sender,
              const char      *object_path,
              const char      *interface,
              const char      *name,
              GError         **error,
              gpointer         user_data)
{
  LampFakeWatcher *self = user_data;
  g_autofree char *listed = self->item != NULL ? dup_listed (self) : NULL;
  const char *const items[] = { listed, NULL };

  if (g_str_equal (name, "RegisteredStatusNotifierItems"))
    {
      self->n_reads++;
      return g_variant_new_strv (items, -1);
    }
  if (g_str_equal (name, "IsStatusNotifierHostRegistered"))
    return g_variant_new_boolean (self->has_host);

  return g_variant_new_int32 (0);
}

LampFakeWatcher *
lamp_fake_watcher_new (const char *bus_address,
                       gboolean    at)
{
  static const GDBusInterfaceVTable vtable = { method_call, get_property, NULL, { NULL } };
  LampFakeWatcher *self = g_new0 (LampFakeWatcher, 1);
  g_autoptr (GError) error = NULL;

  self->at = at;
  self->has_host = TRUE;
  self->connection =
    g_dbus_connection_new_for_address_sync (bus_address,
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);
  g_assert_no_error (error);
  self->info = g_dbus_node_info_new_for_xml (xml, &error);
  g_assert_no_error (error);
  self->registration = g_dbus_connection_register_object (self->connection, WATCHER_PATH,
                                                          self->info->interfaces[0], &vtable, self,
                                                          NULL, &error);
  g_assert_no_error (error);

  return self;
}

void
lamp_fake_watcher_free (LampFakeWatcher *self)
{
  g_clear_handle_id (&self->item_watch, g_bus_unwatch_name);
  g_dbus_connection_unregister_object (self->connection, self->registration);
  g_dbus_connection_close_sync (self->connection, NULL, NULL);
  g_object_unref (self->connection);
  g_dbus_node_info_unref (self->info);
  g_free (self->item);
  g_free (self);
}

static guint
call_bus (LampFakeWatcher *self,
          const char      *method,
          GVariant        *parameters)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_sync (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                 "org.freedesktop.DBus", method, parameters, G_VARIANT_TYPE ("(u)"),
                                 G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  guint answer;

  g_assert_no_error (error);
  g_variant_get (reply, "(u)", &answer);

  return answer;
}

void
lamp_fake_watcher_up (LampFakeWatcher *self)
{
  g_clear_handle_id (&self->item_watch, g_bus_unwatch_name);
  g_clear_pointer (&self->item, g_free);
  g_assert_cmpuint (call_bus (self, "RequestName", g_variant_new ("(su)", WATCHER, DO_NOT_QUEUE)),
                    ==, PRIMARY_OWNER);
}

void
lamp_fake_watcher_down (LampFakeWatcher *self)
{
  call_bus (self, "ReleaseName", g_variant_new ("(s)", WATCHER));
}

void
lamp_fake_watcher_set_mood (LampFakeWatcher    *self,
                            LampFakeWatcherMood mood)
{
  self->mood = mood;
}

void
lamp_fake_watcher_set_has_host (LampFakeWatcher *self,
                                gboolean         has_host)
{
  self->has_host = has_host;
  emit (self, has_host ? "StatusNotifierHostRegistered" : "StatusNotifierHostUnregistered", NULL);
}

const char *
lamp_fake_watcher_get_item (LampFakeWatcher *self)
{
  return self->item;
}

guint
lamp_fake_watcher_get_n_calls (LampFakeWatcher *self)
{
  return self->n_calls;
}

guint
lamp_fake_watcher_get_n_reads (LampFakeWatcher *self)
{
  return self->n_reads;
}

GDBusConnection *
lamp_fake_watcher_get_connection (LampFakeWatcher *self)
{
  return self->connection;
}
