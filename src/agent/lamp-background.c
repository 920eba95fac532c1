/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-background.h"

#include "lamp-status-text.h"
#include "lamp-sandbox.h"

#include <glib/gi18n.h>

/* libportal would do the same calls, but is one more library in the process that runs all day. */
#define PORTAL "org.freedesktop.portal.Desktop"
#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define PORTAL_INTERFACE "org.freedesktop.portal.Background"
#define REQUEST_INTERFACE "org.freedesktop.portal.Request"

#define KEY "autostart"

/* Portals refuse messages of 96 characters and more. */
#define MESSAGE_MAX 95

#define STATUS_INTERVAL (10 * G_TIME_SPAN_SECOND)

/* From its name on the bus until a window can be expected to be on the screen and in the focus. */
#define WINDOW_DELAY (2 * G_TIME_SPAN_SECOND)

/* What a request ends with. */
enum
{
  RESPONSE_SUCCESS = 0,
  RESPONSE_CANCELLED = 1,
};

struct _LampBackground
{
  GObject parent_instance;

  GDBusConnection *connection; /* (owned) */
  GSettings *settings;         /* (owned) */
  LampTimer *timer;            /* (owned) */
  GCancellable *cancel;        /* (owned) cancelled in dispose */
  guint portal_watch;
  guint window_watch;

  /* starting at login */
  char *problem;        /* (owned) (nullable) */
  guint response_id;    /* subscription, 0 while nothing is asked */
  guint window_alarm;   /* 0 if no window is about to show */
  guint n_requests;     /* each has a token of its own */
  gboolean has_window;  /* one that a desktop may ask through */
  gboolean due;         /* the setting is to be asked for */
  gboolean asked;       /* what is asked for now, or was last */
  gboolean granted;     /* what was answered last */
  gboolean was_granted; /* whether there was an answer */

  /* what the agent is about */
  char *message;       /* (owned) (nullable) what is to be told */
  char *told;          /* (owned) (nullable) what was told */
  gint64 told_at;      /* as of the timer, 0 for never */
  guint status_alarm;  /* 0 if nothing more is to be told */
  gboolean has_portal; /* somebody listens */
  gboolean mute;       /* but shows no status */
};

G_DEFINE_FINAL_TYPE (LampBackground, lamp_background, G_TYPE_OBJECT)

enum
{
  CHANGED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

gboolean
lamp_background_is_needed (void)
{
  return lamp_sandbox_is_around ();
}

/* --- starting at login -------------------------------------------------- */

static void review (LampBackground *self);

static void
set_problem (LampBackground *self,
             const char     *problem)
{
  if (g_strcmp0 (self->problem, problem) == 0)
    return;

  g_free (self->problem);
  self->problem = g_strdup (problem);
  if (problem != NULL)
    g_message ("%s", problem);
  g_signal_emit (self, signals[CHANGED], 0);
}

static void
stop_listening (LampBackground *self)
{
  if (self->response_id != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->response_id);
  self->response_id = 0;
}

/* @problem is why, if it isn't started at login though that was asked for. */
static void
take_answer (LampBackground *self,
             gboolean        granted,
             const char     *problem)
{
  stop_listening (self);
  self->granted = granted;
  self->was_granted = TRUE;
  g_debug ("background: asked to be started at login: %d, granted: %d", self->asked, granted);

  /* Somebody has changed it meanwhile. */
  if (self->due)
    {
      review (self);
      return;
    }

  set_problem (self, self->asked && !granted ? problem : NULL);
  g_settings_set_boolean (self->settings, KEY, granted);
}

static void
response_cb (GDBusConnection *connection,
             const char      *sender,
             const char      *path,
             const char      *interface,
             const char      *signal,
             GVariant        *parameters,
             gpointer         user_data)
{
  LampBackground *self = user_data;
  g_autoptr (GVariant) results = NULL;
  gboolean granted = FALSE;
  guint response;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(ua{sv})")))
    return;

  g_variant_get (parameters, "(u@a{sv})", &response, &results);
  if (response == RESPONSE_SUCCESS)
    g_variant_lookup (results, KEY, "b", &granted);

  /* Who has just said no needs not be told. */
  if (response == RESPONSE_CANCELLED)
    {
      take_answer (self, FALSE, NULL);
      return;
    }

  take_answer (self, granted,
               _("The desktop doesn’t allow Lamppost to start at login; allow it in the desktop’s "
                 "settings for applications, then switch it on again"));
}

static void
requested_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  LampBackground *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  /* It is gone if it was cancelled. */
  if (reply != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  g_debug ("background: the portal refuses: %s", error->message);
  take_answer (self, FALSE,
               _("This desktop can’t start Lamppost at login: it has no Background portal; add "
                 "Lamppost to the desktop’s own list of programs to start"));
}

static GVariant *
options_new (LampBackground *self,
             const char     *token)
{
  static const char *const command_line[] = { "lamppost-agent", NULL };
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&options, "handle_token", "s", token);
  g_variant_dict_insert (&options, "reason", "s",
                         _("Lamppost brings events to the team server as soon as that can be "
                           "reached"));
  g_variant_dict_insert (&options, KEY, "b", self->asked);
  g_variant_dict_insert (&options, "commandline", "^as", command_line);

  return g_variant_dict_end (&options);
}

/* The answer comes as a signal, perhaps before the call returns, so it is listened to before. */
static void
ask (LampBackground *self)
{
  g_autofree char *token = g_strdup_printf ("lamppost%u", ++self->n_requests);
  g_autofree char *sender = g_strdup (g_dbus_connection_get_unique_name (self->connection) + 1);
  g_autofree char *path = g_strconcat (PORTAL_PATH "/request/", g_strdelimit (sender, ".", '_'),
                                       "/", token, NULL);

  self->due = FALSE;
  self->asked = g_settings_get_boolean (self->settings, KEY);
  self->response_id = g_dbus_connection_signal_subscribe (self->connection, PORTAL,
                                                          REQUEST_INTERFACE, "Response", path, NULL,
                                                          G_DBUS_SIGNAL_FLAGS_NONE, response_cb,
                                                          self, NULL);
  g_dbus_connection_call (self->connection, PORTAL, PORTAL_PATH, PORTAL_INTERFACE,
                          "RequestBackground",
                          g_variant_new ("(s@a{sv})", "", options_new (self, token)),
                          G_VARIANT_TYPE ("(o)"), G_DBUS_CALL_FLAGS_NONE, -1, self->cancel,
                          requested_cb, self);
}

/* Giving it up needs no leave. */
static void
review (LampBackground *self)
{
  if (!self->due || self->response_id != 0)
    return;

  if (self->has_window || !g_settings_get_boolean (self->settings, KEY))
    ask (self);
  else
    g_debug ("background: starting at login is asked for once there is a window");
}

static void
setting_cb (LampBackground *self)
{
  self->due = self->response_id != 0 || !self->was_granted ||
              g_settings_get_boolean (self->settings, KEY) != self->granted;
  review (self);
}

static void
window_alarm_cb (gpointer user_data)
{
  LampBackground *self = user_data;

  self->window_alarm = 0;
  self->has_window = TRUE;
  review (self);
}

static void
window_appeared_cb (GDBusConnection *connection,
                    const char      *name,
                    const char      *owner,
                    gpointer         user_data)
{
  LampBackground *self = user_data;

  self->window_alarm = lamp_timer_set_alarm (self->timer,
                                             lamp_timer_get_time (self->timer) + WINDOW_DELAY,
                                             window_alarm_cb, self);
}

static void
window_vanished_cb (GDBusConnection *connection,
                    const char      *name,
                    gpointer         user_data)
{
  LampBackground *self = user_data;

  lamp_timer_clear_alarm (self->timer, &self->window_alarm);
  self->has_window = FALSE;

  /* Whoever wanted it has seen it there. */
  set_problem (self, NULL);
}

/* --- what the agent is about -------------------------------------------- */

static void
status_told_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  LampBackground *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  if (reply != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  /* An old portal can't show it, and won't learn to before it is replaced. */
  g_debug ("background: the portal shows no status: %s", error->message);
  self->mute = TRUE;
}

static char *
dup_cut (const char *message)
{
  g_autofree char *start = NULL;

  if (g_utf8_strlen (message, -1) <= MESSAGE_MAX)
    return g_strdup (message);

  start = g_utf8_substring (message, 0, MESSAGE_MAX - 1);

  return g_strconcat (start, "…", NULL);
}

static void
tell (LampBackground *self)
{
  g_autofree char *cut = dup_cut (self->message);
  g_auto (GVariantDict) options = G_VARIANT_DICT_INIT (NULL);

  g_free (self->told);
  self->told = g_strdup (self->message);
  self->told_at = lamp_timer_get_time (self->timer);
  g_variant_dict_insert (&options, "message", "s", cut);
  g_dbus_connection_call (self->connection, PORTAL, PORTAL_PATH, PORTAL_INTERFACE, "SetStatus",
                          g_variant_new ("(@a{sv})", g_variant_dict_end (&options)), NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, self->cancel, status_told_cb, self);
}

static void tell_in_time (LampBackground *self);

static void
status_alarm_cb (gpointer user_data)
{
  LampBackground *self = user_data;

  self->status_alarm = 0;
  tell_in_time (self);
}

static void
tell_in_time (LampBackground *self)
{
  gint64 due = self->told_at + STATUS_INTERVAL;

  if (!self->has_portal || self->mute || self->status_alarm != 0 ||
      g_strcmp0 (self->told, self->message) == 0)
    return;

  if (self->told_at == 0 || lamp_timer_get_time (self->timer) >= due)
    tell (self);
  else
    self->status_alarm = lamp_timer_set_alarm (self->timer, due, status_alarm_cb, self);
}

static void
snapshot_cb (LampBackground *self,
             LampSnapshot   *snapshot)
{
  g_free (self->message);
  self->message = lamp_status_text_dup_background (snapshot);
  tell_in_time (self);
}

/* --- the portal --------------------------------------------------------- */

/* One that has just come knows nothing. */
static void
portal_appeared_cb (GDBusConnection *connection,
                    const char      *name,
                    const char      *owner,
                    gpointer         user_data)
{
  LampBackground *self = user_data;

  self->has_portal = TRUE;
  self->mute = FALSE;
  g_clear_pointer (&self->told, g_free);
  tell_in_time (self);
  review (self);
}

/* It takes with it what it was asked; one that is only about to be started wasn't there before. */
static void
portal_vanished_cb (GDBusConnection *connection,
                    const char      *name,
                    gpointer         user_data)
{
  LampBackground *self = user_data;

  if (self->has_portal && self->response_id != 0)
    {
      stop_listening (self);
      self->due = TRUE;
    }

  self->has_portal = FALSE;
}

/* --- the object --------------------------------------------------------- */

const char *
lamp_background_get_problem (LampBackground *self)
{
  g_return_val_if_fail (LAMP_IS_BACKGROUND (self), NULL);

  return self->problem;
}

static void
lamp_background_dispose (GObject *object)
{
  LampBackground *self = LAMP_BACKGROUND (object);

  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->portal_watch, g_bus_unwatch_name);
  g_clear_handle_id (&self->window_watch, g_bus_unwatch_name);
  if (self->connection != NULL)
    stop_listening (self);
  if (self->timer != NULL)
    {
      lamp_timer_clear_alarm (self->timer, &self->window_alarm);
      lamp_timer_clear_alarm (self->timer, &self->status_alarm);
    }
  g_clear_object (&self->timer);
  g_clear_object (&self->settings);
  g_clear_object (&self->connection);

  G_OBJECT_CLASS (lamp_background_parent_class)->dispose (object);
}

static void
lamp_background_finalize (GObject *object)
{
  LampBackground *self = LAMP_BACKGROUND (object);

  g_object_unref (self->cancel);
  g_free (self->problem);
  g_free (self->message);
  g_free (self->told);

  G_OBJECT_CLASS (lamp_background_parent_class)->finalize (object);
}

static void
lamp_background_class_init (LampBackgroundClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = lamp_background_dispose;
  object_class->finalize = lamp_background_finalize;

  signals[CHANGED] = g_signal_new ("changed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                   NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_background_init (LampBackground *self)
{
  self->cancel = g_cancellable_new ();
}

LampBackground *
lamp_background_new (GDBusConnection *connection,
                     GSettings       *settings,
                     LampDebounce    *debounce,
                     LampTimer       *timer)
{
  LampBackground *self = NULL;

  g_return_val_if_fail (G_IS_DBUS_CONNECTION (connection), NULL);
  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);
  g_return_val_if_fail (lamp_debounce_get (debounce) != NULL, NULL);

  self = g_object_new (LAMP_TYPE_BACKGROUND, NULL);
  self->connection = g_object_ref (connection);
  self->settings = g_object_ref (settings);
  self->timer = g_object_ref (timer);
  self->due = g_settings_get_boolean (settings, KEY);
  self->message = lamp_status_text_dup_background (lamp_debounce_get (debounce));
  self->portal_watch = g_bus_watch_name_on_connection (connection, PORTAL,
                                                       G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                       portal_appeared_cb, portal_vanished_cb, self,
                                                       NULL);
  self->window_watch = g_bus_watch_name_on_connection (connection, LAMP_APPLICATION_ID,
                                                       G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                       window_appeared_cb, window_vanished_cb, self,
                                                       NULL);
  g_signal_connect_object (settings, "changed::" KEY, G_CALLBACK (setting_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (debounce, "snapshot", G_CALLBACK (snapshot_cb), self, G_CONNECT_SWAPPED);

  return self;
}
