/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-application.h"

#include "lamp-client.h"
#include "lamp-preferences.h"
#include "lamp-window.h"

#include <glib/gi18n.h>

/* The same in the development profile, whose application id has a suffix. */
#define RESOURCE_PATH "/io/github/lamppost/Lamppost"

struct _LampApplication
{
  AdwApplication parent_instance;

  GSettings *settings;     /* (owned) (nullable) until the start */
  LampClient *client;      /* (owned) (nullable) until there is one */
  GCancellable *cancel;    /* (owned) */
  char *problem;           /* (owned) (nullable) why there is no client */
  LampWindow *window;      /* (nullable) */
  GtkWindow *preferences;  /* (nullable) */
  gboolean ready;          /* the agent runs, or can't be started */
  gboolean wants_failed;   /* the window is to show the failed events */
  gboolean wants_settings; /* and the preferences, once there is a client */
};

G_DEFINE_FINAL_TYPE (LampApplication, lamp_application, ADW_TYPE_APPLICATION)

/* --- the agent ---------------------------------------------------------- */

static void
hand_over_client (LampApplication *self)
{
  self->ready = TRUE;
  if (self->window != NULL)
    lamp_window_set_client (self->window, self->client);
}

static void
started_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampApplication) self = LAMP_APPLICATION (user_data);
  g_autoptr (GError) error = NULL;

  /* The window has a button for another try. */
  if (!lamp_client_start_agent_finish (LAMP_CLIENT (source), result, &error))
    g_message ("The agent can’t be started: %s", error->message);

  hand_over_client (self);
}

static void show_preferences (LampApplication *self);

static void
client_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampApplication) self = LAMP_APPLICATION (user_data);
  g_autoptr (GError) error = NULL;

  self->client = lamp_client_new_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (self->client == NULL)
    {
      self->problem = g_strdup (error->message);
      if (self->window != NULL)
        lamp_window_show_problem (self->window, self->problem);
      return;
    }

  /* Whoever opens the window wants the agent to run. */
  if (!lamp_client_get_available (self->client))
    lamp_client_start_agent_async (self->client, self->cancel, started_cb, g_object_ref (self));
  else
    hand_over_client (self);

  if (self->wants_settings)
    show_preferences (self);
}

/* --- actions ------------------------------------------------------------ */

static void
show_preferences (LampApplication *self)
{
  self->wants_settings = FALSE;
  if (self->window == NULL || (self->client == NULL && self->problem == NULL))
    {
      self->wants_settings = TRUE;
      g_application_activate (G_APPLICATION (self));
      return;
    }

  gtk_window_present (GTK_WINDOW (self->window));
  if (self->preferences == NULL)
    {
      self->preferences = GTK_WINDOW (
        lamp_preferences_new (GTK_WINDOW (self->window), self->client, self->settings));
      g_object_add_weak_pointer (G_OBJECT (self->preferences), (gpointer *) &self->preferences);
    }

  gtk_window_present (self->preferences);
}

/* --- without the window, from the desktop's menu and from notifications -- */

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"
#define AGENT_INTERFACE "io.github.lamppost.Lamppost.Agent1"

static void
agent_called_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (LampApplication) self = LAMP_APPLICATION (user_data);
  g_autoptr (GNotification) notification = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);

  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (error);
      notification = g_notification_new (_("The agent can’t do that now"));
      g_notification_set_body (notification, error->message);
      g_application_send_notification (G_APPLICATION (self), "agent", notification);
    }

  g_application_release (G_APPLICATION (self));
}

/* The call starts the agent if it doesn't run. */
static void
call_agent (LampApplication *self,
            const char      *interface,
            const char      *method,
            GVariant        *parameters)
{
  g_application_hold (G_APPLICATION (self));
  g_dbus_connection_call (g_application_get_dbus_connection (G_APPLICATION (self)), LAMP_AGENT_ID,
                          LAMP_AGENT_PATH, interface, method, parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, agent_called_cb, g_object_ref (self));
}

static void
resend_action (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  call_agent (LAMP_APPLICATION (user_data), AGENT_INTERFACE, "ResendAll", NULL);
}

static void
replay_action (GSimpleAction *action,
               GVariant      *parameter,
               gpointer       user_data)
{
  call_agent (LAMP_APPLICATION (user_data), AGENT_INTERFACE, "ReplayNow", NULL);
}

static void
pause_action (GSimpleAction *action,
              GVariant      *parameter,
              gpointer       user_data)
{
  call_agent (LAMP_APPLICATION (user_data), PROPERTIES_INTERFACE, "Set",
              g_variant_new ("(ssv)", AGENT_INTERFACE, "Paused", g_variant_new_boolean (TRUE)));
}

/* --- in the window ------------------------------------------------------ */

static void
preferences_action (GSimpleAction *action,
                    GVariant      *parameter,
                    gpointer       user_data)
{
  show_preferences (LAMP_APPLICATION (user_data));
}

static void
show_action (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  g_application_activate (G_APPLICATION (user_data));
}

static void
show_failed_action (GSimpleAction *action,
                    GVariant      *parameter,
                    gpointer       user_data)
{
  LampApplication *self = LAMP_APPLICATION (user_data);

  self->wants_failed = TRUE;
  g_application_activate (G_APPLICATION (self));
}

static void
about_action (GSimpleAction *action,
              GVariant      *parameter,
              gpointer       user_data)
{
  LampApplication *self = LAMP_APPLICATION (user_data);

  adw_show_about_window (GTK_WINDOW (self->window), "application-name", _("Lamppost"),
                         "application-icon", LAMP_APPLICATION_ID, "developer-name",
                         _("The Lamppost developers"), "version", LAMP_VERSION, "comments",
                         _("Keeps events and brings them to the team server."), "license-type",
                         GTK_LICENSE_GPL_3_0,
                         /* TRANSLATORS: put your names here, a line each */
                         "translator-credits", _("translator-credits"), NULL);
}

static void
quit_action (GSimpleAction *action,
             GVariant      *parameter,
             gpointer       user_data)
{
  LampApplication *self = LAMP_APPLICATION (user_data);

  if (self->window != NULL)
    gtk_window_close (GTK_WINDOW (self->window));
  else
    g_application_quit (G_APPLICATION (self));
}

/* In a sandbox the agent's notifications are this application's, because its name is that of the
 * sandbox: so their actions come here, where they are called as in the agent. */
static const GActionEntry actions[] = {
  { .name = "show", .activate = show_action },
  { .name = "resend", .activate = resend_action },
  { .name = "replay", .activate = replay_action },
  { .name = "pause", .activate = pause_action },
  { .name = "preferences", .activate = preferences_action },
  { .name = "show-failed", .activate = show_failed_action },
  { .name = "about", .activate = about_action },
  { .name = "quit", .activate = quit_action },
};

static const struct
{
  const char *action;
  const char *keys[3];
} shortcuts[] = {
  { "app.quit", { "<Control>q" } },         { "app.preferences", { "<Control>comma" } },
  { "window.close", { "<Control>w" } },     { "win.show-help-overlay", { "<Control>question" } },
  { "win.search", { "<Control>f" } },       { "win.replay", { "<Control>r", "F5" } },
  { "win.sign-in", { "<Control>l" } },      { "win.page::pending", { "<Alt>1" } },
  { "win.page::failed", { "<Alt>2" } },     { "win.page::delivered", { "<Alt>3" } },
  { "win.close-details", { "<Alt>Left" } }, { "win.resend-all", { "<Control><Shift>r" } },
  { "win.save-report", { "<Control>s" } },
};

/* --- the application ---------------------------------------------------- */

static void
lamp_application_startup (GApplication *application)
{
  LampApplication *self = LAMP_APPLICATION (application);

  G_APPLICATION_CLASS (lamp_application_parent_class)->startup (application);

  /* Opening an event would otherwise select the server's words in it. */
  g_object_set (gtk_settings_get_default (), "gtk-label-select-on-focus", FALSE, NULL);
  gtk_window_set_default_icon_name (LAMP_APPLICATION_ID);
  self->settings = g_settings_new (LAMP_SCHEMA_ID);
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  for (gsize i = 0; i < G_N_ELEMENTS (shortcuts); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (self), shortcuts[i].action,
                                           (const char *const *) shortcuts[i].keys);

  lamp_client_new_async (g_application_get_dbus_connection (application), self->cancel, client_cb,
                         g_object_ref (self));
}

static void
open_window (LampApplication *self)
{
  self->window = lamp_window_new (GTK_APPLICATION (self), self->settings);
  g_object_add_weak_pointer (G_OBJECT (self->window), (gpointer *) &self->window);
  if (self->problem != NULL)
    lamp_window_show_problem (self->window, self->problem);
  else if (self->ready)
    lamp_window_set_client (self->window, self->client);
}

static void
lamp_application_activate (GApplication *application)
{
  LampApplication *self = LAMP_APPLICATION (application);

  if (self->window == NULL)
    open_window (self);
  if (self->wants_failed)
    lamp_window_show_page (self->window, "failed");
  self->wants_failed = FALSE;

  gtk_window_present (GTK_WINDOW (self->window));
}

static void
lamp_application_dispose (GObject *object)
{
  LampApplication *self = LAMP_APPLICATION (object);

  g_cancellable_cancel (self->cancel);
  g_clear_weak_pointer (&self->preferences);
  g_clear_weak_pointer (&self->window);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (lamp_application_parent_class)->dispose (object);
}

static void
lamp_application_finalize (GObject *object)
{
  LampApplication *self = LAMP_APPLICATION (object);

  g_clear_object (&self->cancel);
  g_free (self->problem);

  G_OBJECT_CLASS (lamp_application_parent_class)->finalize (object);
}

static void
lamp_application_class_init (LampApplicationClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  object_class->dispose = lamp_application_dispose;
  object_class->finalize = lamp_application_finalize;
  application_class->startup = lamp_application_startup;
  application_class->activate = lamp_application_activate;
}

static void
lamp_application_init (LampApplication *self)
{
  self->cancel = g_cancellable_new ();
}

LampApplication *
lamp_application_new (void)
{
  return g_object_new (LAMP_TYPE_APPLICATION, "application-id", LAMP_APPLICATION_ID,
                       "resource-base-path", RESOURCE_PATH, NULL);
}
