/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-sleep-watch.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER "org.freedesktop.login1.Manager"

struct _LampSleepWatch
{
  GObject parent_instance;

  LampNetwork *network; /* (owned) */
  GCancellable *cancel; /* (owned) cancelled in dispose */
  GDBusConnection *bus; /* (owned) (nullable) the system bus, once it has answered */
  guint subscription;   /* 0 without @bus */
};

G_DEFINE_FINAL_TYPE (LampSleepWatch, lamp_sleep_watch, G_TYPE_OBJECT)

/* Before the sleep there is nothing to do, so nothing delays it: events are on disk before they are
 * answered, and a batch in flight whose answer is lost goes again, which the server notices. */
static void
prepare_for_sleep_cb (GDBusConnection *connection,
                      const char      *sender,
                      const char      *path,
                      const char      *interface,
                      const char      *signal,
                      GVariant        *parameters,
                      gpointer         user_data)
{
  LampSleepWatch *self = user_data;
  gboolean starts;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(b)")))
    return;

  g_variant_get (parameters, "(b)", &starts);
  g_debug ("sleep: the machine %s", starts ? "goes to sleep" : "wakes up");
  if (!starts)
    lamp_network_changed (self->network);
}

static void
connected_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  LampSleepWatch *self = user_data;
  g_autoptr (GError) error = NULL;
  GDBusConnection *bus = g_bus_get_finish (result, &error);

  /* The watch is gone if it was cancelled. */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (bus == NULL)
    {
      g_debug ("sleep: wake-ups go unnoticed: %s", error->message);
      return;
    }

  /* The agent lives without it. */
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  self->bus = bus;
  self->subscription = g_dbus_connection_signal_subscribe (bus, LOGIND, LOGIND_MANAGER,
                                                           "PrepareForSleep", LOGIND_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE,
                                                           prepare_for_sleep_cb, self, NULL);
}

static void
lamp_sleep_watch_dispose (GObject *object)
{
  LampSleepWatch *self = LAMP_SLEEP_WATCH (object);

  g_cancellable_cancel (self->cancel);
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->bus, self->subscription);
  self->subscription = 0;
  g_clear_object (&self->bus);
  g_clear_object (&self->network);

  G_OBJECT_CLASS (lamp_sleep_watch_parent_class)->dispose (object);
}

static void
lamp_sleep_watch_finalize (GObject *object)
{
  g_object_unref (LAMP_SLEEP_WATCH (object)->cancel);

  G_OBJECT_CLASS (lamp_sleep_watch_parent_class)->finalize (object);
}

static void
lamp_sleep_watch_class_init (LampSleepWatchClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_sleep_watch_dispose;
  object_class->finalize = lamp_sleep_watch_finalize;
}

static void
lamp_sleep_watch_init (LampSleepWatch *self)
{
  self->cancel = g_cancellable_new ();
}

LampSleepWatch *
lamp_sleep_watch_new (LampNetwork *network)
{
  LampSleepWatch *self = NULL;

  g_return_val_if_fail (LAMP_IS_NETWORK (network), NULL);

  self = g_object_new (LAMP_TYPE_SLEEP_WATCH, NULL);
  self->network = g_object_ref (network);
  g_bus_get (G_BUS_TYPE_SYSTEM, self->cancel, connected_cb, self);

  return self;
}
