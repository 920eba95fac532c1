/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-watcher.h"

#include "lamp-tray.h"

#include <glib/gi18n.h>
#include <string.h>

#define WATCHER "org.kde.StatusNotifierWatcher"
#define WATCHER_PATH "/StatusNotifierWatcher"

/* A watcher that has forgotten the item is told no more often: it may have its reasons. */
#define HEAL_INTERVAL (5 * G_TIME_SPAN_SECOND)

/* How often in a row. One that still doesn't list the item may write its list in another way. */
#define HEAL_MAX 3

/* Seconds between tries to register; the last one again and again. */
static const guint delays[] = { 1, 2, 5, 10, 30, 60 };

/* Some watchers take one of them only: the sender's name, or a path there. */
typedef enum
{
  FORM_NAME,
  FORM_PATH,
} Form;

struct _LampTrayWatcher
{
  GObject parent_instance;

  GDBusConnection *connection; /* (owned) */
  LampTimer *timer;            /* (owned) */
  GCancellable *cancel;        /* (owned) (nullable) of what the present owner is asked */
  char *owner;                 /* (owned) (nullable) */
  char *program;               /* (owned) (nullable) */
  char *problem;               /* (owned) (nullable) */
  gint64 registered_at;        /* Unix µs, 0 while the item isn't */
  gint64 tried_at;             /* as of the timer */
  guint n_failures;            /* since the owner appeared */
  guint n_heals;               /* since the item was listed */
  guint watch_id;
  guint signals_id;
  guint properties_id;
  gint64 due;         /* of the alarm */
  guint alarm_id;     /* 0 while nothing is due */
  gboolean asking;    /* a call is under way */
  gboolean ask_again; /* the watcher has said something meanwhile */
  gboolean has_host;
};

G_DEFINE_FINAL_TYPE (LampTrayWatcher, lamp_tray_watcher, G_TYPE_OBJECT)

enum
{
  CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void register_item (LampTrayWatcher *self, Form form);
static void look (LampTrayWatcher *self);

static void
changed (LampTrayWatcher *self)
{
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
call_watcher (LampTrayWatcher    *self,
              const char         *interface,
              const char         *method,
              GVariant           *parameters,
              GAsyncReadyCallback callback)
{
  self->asking = TRUE;
  self->ask_again = FALSE;
  g_dbus_connection_call (self->connection, WATCHER, WATCHER_PATH, interface, method, parameters,
                          NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, self->cancel, callback,
                          g_object_ref (self));
}

/* --- is the item still there? ------------------------------------------- */

/* Watchers write an item as ":1.42/StatusNotifierItem" or as ":1.42@/StatusNotifierItem", and
 * ":1.4" is another one. */
static gboolean
is_listed (LampTrayWatcher *self,
           GVariant        *items)
{
  const char *name = g_dbus_connection_get_unique_name (self->connection);
  gsize length = strlen (name);
  GVariantIter iter;
  const char *item;

  g_variant_iter_init (&iter, items);
  while (g_variant_iter_next (&iter, "&s", &item))
    if (strncmp (item, name, length) == 0 && strchr ("/@", item[length]) != NULL)
      return TRUE;

  return FALSE;
}

static void
alarm_cb (gpointer user_data)
{
  LampTrayWatcher *self = user_data;

  self->alarm_id = 0;
  if (self->asking)
    self->ask_again = TRUE;
  else if (self->registered_at != 0)
    look (self);
  else
    register_item (self, FORM_NAME);
}

static void
set_alarm (LampTrayWatcher *self,
           gint64           due)
{
  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  self->due = due;
  self->alarm_id = lamp_timer_set_alarm (self->timer, due, alarm_cb, self);
}

/* Right after it was registered a watcher may not list an item yet. */
static void
heal (LampTrayWatcher *self)
{
  gint64 due = self->tried_at + HEAL_INTERVAL;

  if (self->n_heals == HEAL_MAX)
    return;

  if (lamp_timer_get_time (self->timer) < due)
    {
      set_alarm (self, due);
      return;
    }

  lamp_tray_log ("the watcher has forgotten the item");
  self->n_heals++;
  register_item (self, FORM_NAME);
}

static void
take_facts (LampTrayWatcher *self,
            GVariant        *facts)
{
  g_autoptr (GVariant) items = g_variant_lookup_value (facts, "RegisteredStatusNotifierItems",
                                                       G_VARIANT_TYPE_STRING_ARRAY);
  gboolean has_host = TRUE;

  g_variant_lookup (facts, "IsStatusNotifierHostRegistered", "b", &has_host);
  if (has_host != self->has_host)
    {
      self->has_host = has_host;
      changed (self);
    }

  if (items == NULL)
    return;

  if (is_listed (self, items))
    self->n_heals = 0;
  else
    heal (self);
}

static void
looked_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampTrayWatcher) self = LAMP_TRAY_WATCHER (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  g_autoptr (GVariant) facts = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  self->asking = FALSE;
  if (self->ask_again)
    {
      look (self);
    }
  else if (reply != NULL && g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a{sv})")))
    {
      facts = g_variant_get_child_value (reply, 0);
      take_facts (self, facts);
    }
}

static void
look (LampTrayWatcher *self)
{
  call_watcher (self, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new ("(s)", WATCHER),
                looked_cb);
}

/* The watcher lives and has changed something: the item may be gone, or welcome at last. */
static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal_name,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampTrayWatcher *self = user_data;

  if (self->owner == NULL || !g_str_equal (sender, self->owner))
    return;

  if (self->asking)
    self->ask_again = TRUE;
  else if (self->registered_at != 0)
    look (self);
  else if (self->alarm_id == 0 || self->due > self->tried_at + HEAL_INTERVAL)
    set_alarm (self, self->tried_at + HEAL_INTERVAL);
}

/* --- registering -------------------------------------------------------- */

static void
retry_later (LampTrayWatcher *self)
{
  guint delay = delays[MIN (self->n_failures, G_N_ELEMENTS (delays) - 1)];

  self->n_failures++;
  self->registered_at = 0;
  set_alarm (self, self->tried_at + delay * G_TIME_SPAN_SECOND);
}

static void
registered (LampTrayWatcher *self)
{
  lamp_tray_log ("registered as %s%s", g_dbus_connection_get_unique_name (self->connection),
                 LAMP_TRAY_ITEM_PATH);
  g_clear_pointer (&self->problem, g_free);
  self->n_failures = 0;
  if (self->registered_at == 0)
    self->registered_at = g_get_real_time ();
  changed (self);
  look (self);
}

static void
refused (LampTrayWatcher *self,
         GError          *error)
{
  g_dbus_error_strip_remote_error (error);
  lamp_tray_log ("not registered: %s", error->message);
  g_free (self->problem);
  self->problem = g_strdup (error->message);
  retry_later (self);
  changed (self);
}

static void
registered_cb (GObject      *source,
               GAsyncResult *result,
               Form          form,
               gpointer      user_data)
{
  g_autoptr (LampTrayWatcher) self = LAMP_TRAY_WATCHER (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  self->asking = FALSE;
  if (reply != NULL)
    registered (self);
  else if (form == FORM_NAME)
    register_item (self, FORM_PATH);
  else
    refused (self, error);
}

static void
name_registered_cb (GObject      *source,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  registered_cb (source, result, FORM_NAME, user_data);
}

static void
path_registered_cb (GObject      *source,
                    GAsyncResult *result,
                    gpointer      user_data)
{
  registered_cb (source, result, FORM_PATH, user_data);
}

static void
register_item (LampTrayWatcher *self,
               Form             form)
{
  const char *service = form == FORM_NAME ? g_dbus_connection_get_unique_name (self->connection)
                                          : LAMP_TRAY_ITEM_PATH;

  lamp_tray_log ("registering %s", service);
  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  self->tried_at = lamp_timer_get_time (self->timer);
  call_watcher (self, WATCHER, "RegisterStatusNotifierItem", g_variant_new ("(s)", service),
                form == FORM_NAME ? name_registered_cb : path_registered_cb);
}

/* --- who the watcher is ------------------------------------------------- */

/* In a sandbox the process is not to be seen, and its number is enough. */
static char *
dup_program (guint process_id)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/comm", process_id);
  g_autofree char *name = NULL;

  if (!g_file_get_contents (path, &name, NULL, NULL))
    return g_strdup_printf (_("process %u"), process_id);

  g_strchomp (name);

  /* TRANSLATORS: the name of a program */
  return g_strdup_printf (_("%s (process %u)"), name, process_id);
}

static void
process_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampTrayWatcher) self = LAMP_TRAY_WATCHER (user_data);
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              NULL);
  guint process_id;

  if (reply == NULL)
    return;

  g_variant_get (reply, "(u)", &process_id);
  g_free (self->program);
  self->program = dup_program (process_id);
  changed (self);
}

static void
ask_for_process (LampTrayWatcher *self)
{
  g_dbus_connection_call (self->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                          "org.freedesktop.DBus", "GetConnectionUnixProcessID",
                          g_variant_new ("(s)", self->owner), G_VARIANT_TYPE ("(u)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, self->cancel, process_cb,
                          g_object_ref (self));
}

static void
forget_owner (LampTrayWatcher *self)
{
  g_cancellable_cancel (self->cancel);
  g_clear_object (&self->cancel);
  g_clear_pointer (&self->owner, g_free);
  g_clear_pointer (&self->program, g_free);
  g_clear_pointer (&self->problem, g_free);
  lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  self->registered_at = 0;
  self->n_failures = 0;
  self->n_heals = 0;
  self->asking = FALSE;
  self->ask_again = FALSE;
  self->has_host = TRUE;
}

/* Also when one watcher follows the other without a gap. */
static void
appeared_cb (GDBusConnection *connection,
             const char      *name,
             const char      *owner,
             gpointer         user_data)
{
  LampTrayWatcher *self = user_data;

  lamp_tray_log ("watcher %s appeared", owner);
  forget_owner (self);
  self->cancel = g_cancellable_new ();
  self->owner = g_strdup (owner);
  changed (self);
  ask_for_process (self);
  register_item (self, FORM_NAME);
}

static void
vanished_cb (GDBusConnection *connection,
             const char      *name,
             gpointer         user_data)
{
  LampTrayWatcher *self = user_data;

  lamp_tray_log ("no watcher");
  forget_owner (self);
  changed (self);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_tray_watcher_dispose (GObject *object)
{
  LampTrayWatcher *self = LAMP_TRAY_WATCHER (object);

  g_clear_handle_id (&self->watch_id, g_bus_unwatch_name);
  if (self->connection != NULL)
    {
      g_dbus_connection_signal_unsubscribe (self->connection, self->signals_id);
      g_dbus_connection_signal_unsubscribe (self->connection, self->properties_id);
      forget_owner (self);
    }
  g_clear_object (&self->connection);
  g_clear_object (&self->timer);

  G_OBJECT_CLASS (lamp_tray_watcher_parent_class)->dispose (object);
}

static void
lamp_tray_watcher_class_init (LampTrayWatcherClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_tray_watcher_dispose;

  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_tray_watcher_init (LampTrayWatcher *self)
{
  self->has_host = TRUE;
}

/* One watcher sends its signals from several paths, so the path is asked for. */
static guint
subscribe (LampTrayWatcher *self,
           const char      *interface,
           const char      *member,
           const char      *first_argument)
{
  return g_dbus_connection_signal_subscribe (self->connection, WATCHER, interface, member,
                                             WATCHER_PATH, first_argument, G_DBUS_SIGNAL_FLAGS_NONE,
                                             signal_cb, self, NULL);
}

LampTrayWatcher *
lamp_tray_watcher_new (GDBusConnection *connection,
                       LampTimer       *timer)
{
  LampTrayWatcher *self = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  self = g_object_new (LAMP_TYPE_TRAY_WATCHER, NULL);
  self->connection = g_object_ref (connection);
  self->timer = g_object_ref (timer);
  self->signals_id = subscribe (self, WATCHER, NULL, NULL);
  self->properties_id = subscribe (self, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                   WATCHER);
  self->watch_id = g_bus_watch_name_on_connection (connection, WATCHER,
                                                   G_BUS_NAME_WATCHER_FLAGS_NONE, appeared_cb,
                                                   vanished_cb, self, NULL);

  return self;
}

const char *
lamp_tray_watcher_get_owner (LampTrayWatcher *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_WATCHER (self), NULL);

  return self->owner;
}

const char *
lamp_tray_watcher_get_program (LampTrayWatcher *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_WATCHER (self), NULL);

  return self->program;
}

gint64
lamp_tray_watcher_get_registered_at (LampTrayWatcher *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_WATCHER (self), 0);

  return self->registered_at;
}

gboolean
lamp_tray_watcher_get_has_host (LampTrayWatcher *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_WATCHER (self), FALSE);

  return self->has_host;
}

const char *
lamp_tray_watcher_get_problem (LampTrayWatcher *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY_WATCHER (self), NULL);

  return self->problem;
}
