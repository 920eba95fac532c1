/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-client.h"

#include "lamp-bus-error.h"

struct _LampClient
{
  GObject parent_instance;

  LampBusAgent1 *proxy; /* (owned) */
  gboolean available;
};

G_DEFINE_FINAL_TYPE (LampClient, lamp_client, G_TYPE_OBJECT)

enum
{
  PROP_PROXY = 1,
  PROP_AVAILABLE,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

/* The state is a property that is never empty: without it the agent has not answered. */
static gboolean
is_available (LampClient *self)
{
  GDBusProxy *proxy = G_DBUS_PROXY (self->proxy);
  g_autofree char *owner = g_dbus_proxy_get_name_owner (proxy);

  return owner != NULL && lamp_bus_agent1_get_state (self->proxy) != NULL &&
         !g_dbus_connection_is_closed (g_dbus_proxy_get_connection (proxy));
}

static void
update_available (LampClient *self)
{
  gboolean available = is_available (self);

  if (available == self->available)
    return;

  g_debug ("the agent is %s", available ? "there" : "gone");
  self->available = available;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_AVAILABLE]);
}

static void
lamp_client_constructed (GObject *object)
{
  LampClient *self = LAMP_CLIENT (object);

  G_OBJECT_CLASS (lamp_client_parent_class)->constructed (object);

  g_assert (self->proxy != NULL);

  /* The proxy tells of a new owner only when it has read its properties. */
  g_signal_connect_object (self->proxy, "notify::g-name-owner", G_CALLBACK (update_available), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), "closed",
                           G_CALLBACK (update_available), self, G_CONNECT_SWAPPED);
  self->available = is_available (self);
}

static void
lamp_client_dispose (GObject *object)
{
  LampClient *self = LAMP_CLIENT (object);

  g_clear_object (&self->proxy);

  G_OBJECT_CLASS (lamp_client_parent_class)->dispose (object);
}

static void
lamp_client_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  LampClient *self = LAMP_CLIENT (object);

  switch (prop_id)
    {
    case PROP_PROXY:
      g_value_set_object (value, self->proxy);
      break;
    case PROP_AVAILABLE:
      g_value_set_boolean (value, self->available);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_client_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  LampClient *self = LAMP_CLIENT (object);

  switch (prop_id)
    {
    case PROP_PROXY:
      self->proxy = g_value_dup_object (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_client_class_init (LampClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = lamp_client_constructed;
  object_class->dispose = lamp_client_dispose;
  object_class->get_property = lamp_client_get_property;
  object_class->set_property = lamp_client_set_property;

  /**
   * LampClient:proxy:
   *
   * The agent's methods, properties and signals.
   */
  props[PROP_PROXY] = g_param_spec_object ("proxy", NULL, NULL, LAMP_BUS_TYPE_AGENT1,
                                           G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                             G_PARAM_STATIC_STRINGS);

  /**
   * LampClient:available:
   *
   * Whether an agent answers.
   */
  props[PROP_AVAILABLE] = g_param_spec_boolean ("available", NULL, NULL, FALSE,
                                                G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY |
                                                  G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
lamp_client_init (LampClient *self)
{
}

LampClient *
lamp_client_new_sync (GDBusConnection *connection,
                      GCancellable    *cancellable,
                      GError         **error)
{
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (LampBusAgent1) proxy = NULL;

  g_return_val_if_fail (connection == NULL || G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  lamp_bus_error_register ();

  if (connection != NULL)
    bus = g_object_ref (connection);
  else
    bus = g_bus_get_sync (G_BUS_TYPE_SESSION, cancellable, error);

  if (bus == NULL)
    return NULL;

  proxy = lamp_bus_agent1_proxy_new_sync (bus, G_DBUS_PROXY_FLAGS_NONE, LAMP_AGENT_ID,
                                          LAMP_AGENT_PATH, cancellable, error);
  if (proxy == NULL)
    return NULL;

  return g_object_new (LAMP_TYPE_CLIENT, "proxy", proxy, NULL);
}

LampBusAgent1 *
lamp_client_get_proxy (LampClient *self)
{
  g_return_val_if_fail (LAMP_IS_CLIENT (self), NULL);

  return self->proxy;
}

gboolean
lamp_client_get_available (LampClient *self)
{
  g_return_val_if_fail (LAMP_IS_CLIENT (self), FALSE);

  return self->available;
}
