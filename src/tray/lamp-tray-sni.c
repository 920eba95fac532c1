/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-sni.h"

#include "lamp-menu-exporter.h"
#include "lamp-tray-desktop.h"
#include "lamp-tray-icons.h"
#include "lamp-tray-item.h"
#include "lamp-tray-watcher.h"

#include <glib/gi18n.h>

#define MENU_PATH LAMP_TRAY_ITEM_PATH "/Menu"

/* How often the bus is tried again. One that has ended seldom comes back at the same address. */
#define CONNECT_INTERVAL (60 * G_TIME_SPAN_SECOND)

struct _LampTraySni
{
  LampTray parent_instance;

  GDBusConnection *connection; /* (owned) (nullable) */
  GCancellable *cancel;        /* (owned) cancelled in dispose */
  LampTrayItem *item;          /* (owned) */
  LampMenuExporter *menu;      /* (owned) */
  LampTrayWatcher *watcher;    /* (owned) (nullable) */
  gulong closed_id;
  guint alarm_id; /* 0 while the bus is not to be tried again */
};

G_DEFINE_FINAL_TYPE (LampTraySni, lamp_tray_sni, LAMP_TYPE_TRAY)

static void connect_to_bus (LampTraySni *self);

gboolean
lamp_tray_sni_probe (GError **error)
{
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, NULL);

  if (address == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           _("There is no session bus, so no desktop to show an icon"));
      return FALSE;
    }

  return TRUE;
}

/* --- what becomes of it ------------------------------------------------- */

static char *
dup_where (LampTrayWatcher *watcher)
{
  const char *program = lamp_tray_watcher_get_program (watcher);
  gint64 since = lamp_tray_watcher_get_registered_at (watcher) / G_TIME_SPAN_SECOND;
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (since);
  g_autofree char *when = g_date_time_format (time, "%Y-%m-%d %H:%M:%S");

  /* TRANSLATORS: the name of a program, and a time */
  return g_strdup_printf (_("Shown by %s since %s"),
                          program != NULL ? program : lamp_tray_watcher_get_owner (watcher), when);
}

static char *
dup_status (LampTraySni *self)
{
  LampTrayWatcher *watcher = self->watcher;
  g_autofree char *where = NULL;

  if (lamp_tray_watcher_get_owner (watcher) == NULL)
    /* TRANSLATORS: a sentence that says what to do */
    return g_strdup_printf (_("No program shows tray icons now. %s"),
                            lamp_tray_desktop_get_advice ());

  if (lamp_tray_watcher_get_problem (watcher) != NULL)
    /* TRANSLATORS: the name of a program, and what it says */
    return g_strdup_printf (_("%s refuses the icon, and is asked again: %s"),
                            lamp_tray_watcher_get_program (watcher) != NULL
                              ? lamp_tray_watcher_get_program (watcher)
                              : lamp_tray_watcher_get_owner (watcher),
                            lamp_tray_watcher_get_problem (watcher));

  if (lamp_tray_watcher_get_registered_at (watcher) == 0)
    return g_strdup (_("Asking the desktop for a place"));

  if (!lamp_tray_watcher_get_has_host (watcher))
    /* TRANSLATORS: a sentence that says what to do */
    return g_strdup_printf (_("Registered, but no panel shows tray icons now. %s"),
                            lamp_tray_desktop_get_advice ());

  where = dup_where (watcher);

  /* TRANSLATORS: “Shown by … since …”, and a name on D-Bus in two parts, “:1.42” and “/Item” */
  return g_strdup_printf (_("%s, as %s%s"), where,
                          g_dbus_connection_get_unique_name (self->connection),
                          LAMP_TRAY_ITEM_PATH);
}

static void
update_status (LampTraySni *self)
{
  g_autofree char *status = dup_status (self);

  lamp_tray_set_available (LAMP_TRAY (self),
                           lamp_tray_watcher_get_registered_at (self->watcher) != 0 &&
                             lamp_tray_watcher_get_has_host (self->watcher),
                           status);
}

/* --- the bus ------------------------------------------------------------ */

static void
try_again_cb (gpointer user_data)
{
  LampTraySni *self = user_data;

  self->alarm_id = 0;
  connect_to_bus (self);
}

static void
try_again_later (LampTraySni *self)
{
  LampTimer *timer = lamp_tray_get_timer (LAMP_TRAY (self));

  lamp_tray_set_available (LAMP_TRAY (self), FALSE, _("The session bus can’t be reached"));
  self->alarm_id = lamp_timer_set_alarm (timer, lamp_timer_get_time (timer) + CONNECT_INTERVAL,
                                         try_again_cb, self);
}

static void
disconnect_from_bus (LampTraySni *self)
{
  g_clear_object (&self->watcher);
  lamp_tray_item_unexport (self->item);
  lamp_menu_exporter_unexport (self->menu);
  g_clear_signal_handler (&self->closed_id, self->connection);
  g_clear_object (&self->connection);
}

static void
closed_cb (LampTraySni *self)
{
  lamp_tray_log ("the bus has closed the connection");
  disconnect_from_bus (self);
  try_again_later (self);
}

/* In the connection's own thread. */
static GDBusMessage *
log_filter (GDBusConnection *connection,
            GDBusMessage    *message,
            gboolean         incoming,
            gpointer         user_data)
{
  const char *interface = g_dbus_message_get_interface (message);

  if (incoming && g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    lamp_tray_log ("%s calls %s (%s)", g_dbus_message_get_sender (message),
                   g_dbus_message_get_member (message), interface != NULL ? interface : "any");

  return message;
}

/* The menu is complete and the item answers before any host hears of them. */
static gboolean
show (LampTraySni *self,
      GError     **error)
{
  if (!lamp_menu_exporter_export (self->menu, self->connection, MENU_PATH, error) ||
      !lamp_tray_item_export (self->item, self->connection, LAMP_TRAY_ITEM_PATH, error))
    return FALSE;

  self->watcher = lamp_tray_watcher_new (self->connection, lamp_tray_get_timer (LAMP_TRAY (self)));
  g_signal_connect_object (self->watcher, "changed", G_CALLBACK (update_status), self,
                           G_CONNECT_SWAPPED);

  return TRUE;
}

static void
connected_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (LampTraySni) self = LAMP_TRAY_SNI (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_for_address_finish (result,
                                                                                     &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (connection != NULL)
    {
      self->connection = g_steal_pointer (&connection);
      g_dbus_connection_add_filter (self->connection, log_filter, NULL, NULL);
      self->closed_id = g_signal_connect_swapped (self->connection, "closed",
                                                  G_CALLBACK (closed_cb), self);
      if (show (self, &error))
        return;

      disconnect_from_bus (self);
    }

  lamp_tray_log ("no connection: %s", error->message);
  try_again_later (self);
}

static void
connect_to_bus (LampTraySni *self)
{
  g_autofree char *address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SESSION, NULL, NULL);

  if (address == NULL)
    {
      try_again_later (self);
      return;
    }

  g_dbus_connection_new_for_address (address,
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                       G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, self->cancel, connected_cb, g_object_ref (self));
}

/* --- the object --------------------------------------------------------- */

static void
lamp_tray_sni_start (LampTray *tray)
{
  lamp_tray_set_available (tray, FALSE, _("Connecting to the desktop"));
  connect_to_bus (LAMP_TRAY_SNI (tray));
}

static void
lamp_tray_sni_set_state (LampTray            *tray,
                         const LampTrayState *state)
{
  LampTraySni *self = LAMP_TRAY_SNI (tray);

  lamp_tray_item_set_state (self->item, state);
  lamp_menu_exporter_set_status (self->menu, state->notice ? "notice" : "normal");
}

static char *
lamp_tray_sni_take_token (LampTray *tray)
{
  return lamp_tray_item_take_token (LAMP_TRAY_SNI (tray)->item);
}

static void
lamp_tray_sni_dispose (GObject *object)
{
  LampTraySni *self = LAMP_TRAY_SNI (object);

  g_cancellable_cancel (self->cancel);
  if (lamp_tray_get_timer (LAMP_TRAY (self)) != NULL)
    lamp_timer_clear_alarm (lamp_tray_get_timer (LAMP_TRAY (self)), &self->alarm_id);

  if (self->connection != NULL)
    {
      g_autoptr (GDBusConnection) connection = g_object_ref (self->connection);

      disconnect_from_bus (self);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
    }

  g_clear_object (&self->cancel);
  g_clear_object (&self->item);
  g_clear_object (&self->menu);

  G_OBJECT_CLASS (lamp_tray_sni_parent_class)->dispose (object);
}

static void
lamp_tray_sni_constructed (GObject *object)
{
  LampTraySni *self = LAMP_TRAY_SNI (object);
  LampTray *tray = LAMP_TRAY (object);

  G_OBJECT_CLASS (lamp_tray_sni_parent_class)->constructed (object);

  self->item = lamp_tray_item_new (MENU_PATH, !lamp_tray_icons_are_installed (),
                                   lamp_tray_get_timer (tray));
  self->menu = lamp_menu_exporter_new (lamp_tray_get_menu (tray), lamp_tray_get_actions (tray));
  g_signal_connect_object (self->item, "activate", G_CALLBACK (lamp_tray_activate), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->item, "secondary-activate",
                           G_CALLBACK (lamp_tray_secondary_activate), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->menu, "opened", G_CALLBACK (lamp_tray_opened), self,
                           G_CONNECT_SWAPPED);
}

static void
lamp_tray_sni_class_init (LampTraySniClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  LampTrayClass *tray_class = LAMP_TRAY_CLASS (klass);

  object_class->constructed = lamp_tray_sni_constructed;
  object_class->dispose = lamp_tray_sni_dispose;
  tray_class->start = lamp_tray_sni_start;
  tray_class->set_state = lamp_tray_sni_set_state;
  tray_class->take_token = lamp_tray_sni_take_token;
}

static void
lamp_tray_sni_init (LampTraySni *self)
{
  self->cancel = g_cancellable_new ();
}
