/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-watch.h"

/* An icon is to be back within 5 seconds. */
#define KNOCK_INTERVAL_S 3

struct _LampBusWatch
{
  GObject parent_instance;

  GCancellable *cancel; /* (owned) cancelled in dispose */
  guint knock_id;       /* 0 while the bus lives, and while it is being tried */
};

G_DEFINE_FINAL_TYPE (LampBusWatch, lamp_bus_watch, G_TYPE_OBJECT)

enum
{
  BACK,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static gboolean knock_cb (gpointer user_data);

static void
connected_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  LampBusWatch *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_for_address_finish (result,
                                                                                     &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (connection != NULL)
    g_signal_emit (self, signals[BACK], 0);
  else
    self->knock_id = g_timeout_add_seconds (KNOCK_INTERVAL_S, knock_cb, self);
}

static gboolean
knock_cb (gpointer user_data)
{
  LampBusWatch *self = LAMP_BUS_WATCH (user_data);
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, NULL);

  if (address == NULL)
    return G_SOURCE_CONTINUE;

  self->knock_id = 0;
  g_dbus_connection_new_for_address (address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                       G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, self->cancel, connected_cb, self);

  return G_SOURCE_REMOVE;
}

static void
closed_cb (LampBusWatch *self)
{
  g_message ("The session bus is gone; events are kept and sent all the same");
  self->knock_id = g_timeout_add_seconds (KNOCK_INTERVAL_S, knock_cb, self);
}

static void
lamp_bus_watch_dispose (GObject *object)
{
  LampBusWatch *self = LAMP_BUS_WATCH (object);

  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->knock_id, g_source_remove);

  G_OBJECT_CLASS (lamp_bus_watch_parent_class)->dispose (object);
}

static void
lamp_bus_watch_finalize (GObject *object)
{
  LampBusWatch *self = LAMP_BUS_WATCH (object);

  g_object_unref (self->cancel);

  G_OBJECT_CLASS (lamp_bus_watch_parent_class)->finalize (object);
}

static void
lamp_bus_watch_class_init (LampBusWatchClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_bus_watch_dispose;
  object_class->finalize = lamp_bus_watch_finalize;

  signals[BACK] = g_signal_new ("back", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                NULL, G_TYPE_NONE, 0);
}

static void
lamp_bus_watch_init (LampBusWatch *self)
{
  self->cancel = g_cancellable_new ();
}

LampBusWatch *
lamp_bus_watch_new (GDBusConnection *connection)
{
  LampBusWatch *self = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);

  self = g_object_new (LAMP_TYPE_BUS_WATCH, NULL);
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  g_signal_connect_object (connection, "closed", G_CALLBACK (closed_cb), self, G_CONNECT_SWAPPED);

  return self;
}
