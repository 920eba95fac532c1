/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-relay.h"

struct _LampRelay
{
  GObject parent_instance;

  GDBusConnection *connection; /* (owned) */
  LampService *service;        /* (owned) */
  guint subscription;
};

G_DEFINE_FINAL_TYPE (LampRelay, lamp_relay, G_TYPE_OBJECT)

/* What is not told anew by the new agent's own queue. */
static const char *const relayed[] = { "EventsDelivered", "EventsFailed", "ReplayFinished" };

/* Before the name has changed hands the service is on no bus, and whatever the other one says is
 * heard from itself. */
static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampRelay *self = user_data;
  GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON (self->service);

  for (gsize i = 0; i < G_N_ELEMENTS (relayed); i++)
    if (g_str_equal (signal, relayed[i]) &&
        g_dbus_interface_skeleton_has_connection (skeleton, connection))
      g_dbus_connection_emit_signal (connection, NULL, path, interface, signal, parameters, NULL);
}

static void
lamp_relay_dispose (GObject *object)
{
  LampRelay *self = LAMP_RELAY (object);

  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  self->subscription = 0;
  g_clear_object (&self->connection);
  g_clear_object (&self->service);

  G_OBJECT_CLASS (lamp_relay_parent_class)->dispose (object);
}

static void
lamp_relay_class_init (LampRelayClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = lamp_relay_dispose;
}

static void
lamp_relay_init (LampRelay *self)
{
}

LampRelay *
lamp_relay_new (GDBusConnection *connection,
                const char      *predecessor,
                LampService     *service)
{
  LampRelay *self = NULL;
  GDBusInterfaceInfo *info = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (g_dbus_is_unique_name (predecessor), NULL);
  g_return_val_if_fail (LAMP_IS_SERVICE (service), NULL);

  self = g_object_new (LAMP_TYPE_RELAY, NULL);
  self->connection = g_object_ref (connection);
  self->service = g_object_ref (service);
  info = g_dbus_interface_skeleton_get_info (G_DBUS_INTERFACE_SKELETON (service));
  self->subscription = g_dbus_connection_signal_subscribe (connection, predecessor, info->name,
                                                           NULL, LAMP_AGENT_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE, signal_cb,
                                                           self, NULL);

  return self;
}
