/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-client.h"

#include "lamp-bus-error.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

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

static void
proxy_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (LampBusAgent1) proxy = lamp_bus_agent1_proxy_new_finish (result, &error);

  if (proxy == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_pointer (task, g_object_new (LAMP_TYPE_CLIENT, "proxy", proxy, NULL),
                           g_object_unref);
}

static void
bus_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  if (bus == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  lamp_bus_agent1_proxy_new (bus, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, LAMP_AGENT_ID,
                             LAMP_AGENT_PATH, g_task_get_cancellable (task), proxy_cb,
                             g_object_ref (task));
}

void
lamp_client_new_async (GDBusConnection    *connection,
                       GCancellable       *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_return_if_fail (connection == NULL || G_IS_DBUS_CONNECTION (connection));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  g_task_set_source_tag (task, lamp_client_new_async);
  lamp_bus_error_register ();
  if (connection != NULL)
    lamp_bus_agent1_proxy_new (connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, LAMP_AGENT_ID,
                               LAMP_AGENT_PATH, cancellable, proxy_cb, g_steal_pointer (&task));
  else
    g_bus_get (G_BUS_TYPE_SESSION, cancellable, bus_cb, g_steal_pointer (&task));
}

LampClient *
lamp_client_new_finish (GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
started_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GTask) task = G_TASK (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  if (reply == NULL)
    g_task_return_error (task, g_steal_pointer (&error));
  else
    g_task_return_boolean (task, TRUE);
}

void
lamp_client_start_agent_async (LampClient         *self,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, user_data);

  g_return_if_fail (LAMP_IS_CLIENT (self));

  g_task_set_source_tag (task, lamp_client_start_agent_async);
  g_dbus_connection_call (g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy)), BUS_NAME,
                          BUS_PATH, BUS_NAME, "StartServiceByName",
                          g_variant_new ("(su)", LAMP_AGENT_ID, 0), G_VARIANT_TYPE ("(u)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, cancellable, started_cb,
                          g_steal_pointer (&task));
}

gboolean
lamp_client_start_agent_finish (LampClient   *self,
                                GAsyncResult *result,
                                GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
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

GVariant *
lamp_client_dup_properties (LampClient *self)
{
  GDBusProxy *proxy = NULL;
  g_auto (GStrv) names = NULL;
  g_auto (GVariantDict) properties = G_VARIANT_DICT_INIT (NULL);

  g_return_val_if_fail (LAMP_IS_CLIENT (self), NULL);

  proxy = G_DBUS_PROXY (self->proxy);
  names = g_dbus_proxy_get_cached_property_names (proxy);
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, names[i]);

      g_variant_dict_insert_value (&properties, names[i], value);
    }

  return g_variant_ref_sink (g_variant_dict_end (&properties));
}
