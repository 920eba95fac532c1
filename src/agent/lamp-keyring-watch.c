/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-keyring-watch.h"

#define SERVICE "org.freedesktop.secrets"
#define SERVICE_PATH "/org/freedesktop/secrets"
#define SERVICE_INTERFACE "org.freedesktop.Secret.Service"
#define COLLECTION_INTERFACE "org.freedesktop.Secret.Collection"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct _LampKeyringWatch
{
  GObject parent_instance;

  GDBusConnection *connection; /* (owned) */
  LampSecrets *secrets;        /* (owned) */
  guint name_id;
  guint service_id;
  guint collection_id;
};

G_DEFINE_FINAL_TYPE (LampKeyringWatch, lamp_keyring_watch, G_TYPE_OBJECT)

static void
appeared_cb (GDBusConnection *connection,
             const char      *name,
             const char      *owner,
             gpointer         user_data)
{
  lamp_secrets_look_again (LAMP_KEYRING_WATCH (user_data)->secrets);
}

/* That a keyring was unlocked is told in one way or the other. */
static void
changed_cb (GDBusConnection *connection,
            const char      *sender,
            const char      *path,
            const char      *interface,
            const char      *signal,
            GVariant        *parameters,
            gpointer         user_data)
{
  lamp_secrets_look_again (LAMP_KEYRING_WATCH (user_data)->secrets);
}

static void
lamp_keyring_watch_dispose (GObject *object)
{
  LampKeyringWatch *self = LAMP_KEYRING_WATCH (object);

  g_clear_handle_id (&self->name_id, g_bus_unwatch_name);
  if (self->service_id != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->service_id);
  if (self->collection_id != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->collection_id);
  self->service_id = 0;
  self->collection_id = 0;
  g_clear_object (&self->connection);
  g_clear_object (&self->secrets);

  G_OBJECT_CLASS (lamp_keyring_watch_parent_class)->dispose (object);
}

static void
lamp_keyring_watch_class_init (LampKeyringWatchClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = lamp_keyring_watch_dispose;
}

static void
lamp_keyring_watch_init (LampKeyringWatch *self)
{
}

LampKeyringWatch *
lamp_keyring_watch_new (GDBusConnection *connection,
                        LampSecrets     *secrets)
{
  LampKeyringWatch *self = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (LAMP_IS_SECRETS (secrets), NULL);

  self = g_object_new (LAMP_TYPE_KEYRING_WATCH, NULL);
  self->connection = g_object_ref (connection);
  self->secrets = g_object_ref (secrets);
  self->name_id = g_bus_watch_name_on_connection (connection, SERVICE,
                                                  G_BUS_NAME_WATCHER_FLAGS_NONE, appeared_cb, NULL,
                                                  self, NULL);
  self->service_id = g_dbus_connection_signal_subscribe (connection, SERVICE, SERVICE_INTERFACE,
                                                         NULL, SERVICE_PATH, NULL,
                                                         G_DBUS_SIGNAL_FLAGS_NONE, changed_cb, self,
                                                         NULL);
  self->collection_id =
    g_dbus_connection_signal_subscribe (connection, SERVICE, PROPERTIES_INTERFACE,
                                        "PropertiesChanged", NULL, COLLECTION_INTERFACE,
                                        G_DBUS_SIGNAL_FLAGS_NONE, changed_cb, self, NULL);

  return self;
}
