/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-connection.h"

#include <glib/gi18n.h>

/* What comes at once is not seen to have come. */
#define TEST_PATIENCE_MS 1000

/* A person may have to unlock the keyring first. */
#define TOKEN_TIMEOUT_MS (10 * 60 * 1000)

typedef enum
{
  CHECK_RUNNING,
  CHECK_GOOD,
  CHECK_BAD,
  CHECK_UNKNOWN,
} Check;

struct _LampConnection
{
  AdwBin parent_instance;

  AdwEntryRow *url_row;
  AdwEntryRow *token_row;
  GtkRevealer *results;
  AdwActionRow *address_check;
  GtkImage *address_icon;
  AdwActionRow *server_check;
  GtkImage *server_icon;
  AdwActionRow *token_check;
  GtkImage *token_icon;

  LampClient *client;   /* (owned) (nullable) until it is set */
  GSettings *settings;  /* (owned) (nullable) until they are set */
  GCancellable *cancel; /* (owned) */
  char *token_problem;  /* (owned) (nullable) why the token could not be kept */
  gboolean asking;      /* the test goes on */
  gboolean asked;       /* the agent asks the server because of it */
  gboolean taken;       /* and the server has taken what it was sent */
  gint64 tested_at;     /* Unix µs, 0 before the first test */
  guint patience_id;    /* 0 unless a test has just begun */
};

G_DEFINE_FINAL_TYPE (LampConnection, lamp_connection, ADW_TYPE_BIN)

static const struct
{
  const char *icon;
  const char *name; /* for a screen reader */
  const char *css_class;
} marks[] = {
  [CHECK_RUNNING] = { "content-loading-symbolic", N_("Being tested"), "dim-label" },
  [CHECK_GOOD] = { "emblem-ok-symbolic", N_("Works"), "success" },
  [CHECK_BAD] = { "dialog-warning-symbolic", N_("Does not work"), "error" },
  [CHECK_UNKNOWN] = { "content-loading-symbolic", N_("Not known yet"), "dim-label" },
};

/* --- results ------------------------------------------------------------ */

static void
show (AdwActionRow *row,
      GtkImage     *icon,
      Check         check,
      const char   *words)
{
  const char *classes[] = { marks[check].css_class, NULL };
  g_autofree char *escaped = g_markup_escape_text (words, -1);

  gtk_image_set_from_icon_name (icon, marks[check].icon);
  gtk_widget_set_css_classes (GTK_WIDGET (icon), classes);
  gtk_accessible_update_property (GTK_ACCESSIBLE (icon), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _(marks[check].name), -1);
  adw_action_row_set_subtitle (row, escaped);
}

static gboolean
is_state (LampConnection *self,
          const char     *state)
{
  return g_strcmp0 (lamp_bus_agent1_get_state (lamp_client_get_proxy (self->client)), state) == 0;
}

static const char *
get_problem (LampConnection *self,
             const char     *fallback)
{
  const char *problem = lamp_bus_agent1_get_last_error (lamp_client_get_proxy (self->client));

  return problem != NULL && *problem != '\0' ? problem : fallback;
}

static gboolean
show_address (LampConnection *self)
{
  const char *wanted = gtk_editable_get_text (GTK_EDITABLE (self->url_row));
  const char *url = lamp_bus_agent1_get_server_url (lamp_client_get_proxy (self->client));
  g_autofree char *words = NULL;

  if (is_state (self, "unconfigured"))
    {
      show (self->address_check, self->address_icon, CHECK_BAD,
            get_problem (self, _("Type the address of your team’s server.")));
      return FALSE;
    }

  if (g_strcmp0 (url, wanted) == 0)
    {
      show (self->address_check, self->address_icon, CHECK_GOOD, url);
      return TRUE;
    }

  /* TRANSLATORS: the placeholder is a server's address */
  words =
    g_strdup_printf (_("The agent was started with another address, %s, which takes precedence."),
                     url);
  show (self->address_check, self->address_icon, CHECK_UNKNOWN, words);

  return TRUE;
}

static void
show_server (LampConnection *self)
{
  if (lamp_bus_agent1_get_online (lamp_client_get_proxy (self->client)))
    show (self->server_check, self->server_icon, CHECK_GOOD, _("It answers."));
  else if (is_state (self, "paused"))
    show (self->server_check, self->server_icon, CHECK_UNKNOWN,
          get_problem (self, _("Replay is paused. Resume it to test the connection.")));
  else if (self->asking)
    show (self->server_check, self->server_icon, CHECK_RUNNING, _("It is being asked."));
  else
    show (self->server_check, self->server_icon, CHECK_BAD,
          get_problem (self, _("It does not answer. Check the address and your network.")));
}

static void
show_token (LampConnection *self)
{
  LampBusAgent1 *agent = lamp_client_get_proxy (self->client);

  if (self->token_problem != NULL)
    show (self->token_check, self->token_icon, CHECK_BAD, self->token_problem);
  else if (is_state (self, "unauthorized"))
    show (self->token_check, self->token_icon, CHECK_BAD,
          _("The server does not take it. Ask for a new one and type it here."));
  else if (self->taken || lamp_bus_agent1_get_last_delivery (agent) >= self->tested_at)
    show (self->token_check, self->token_icon, CHECK_GOOD, _("The server takes it."));
  else if (self->asking)
    show (self->token_check, self->token_icon, CHECK_RUNNING, _("It is being asked."));
  else
    show (self->token_check, self->token_icon, CHECK_UNKNOWN,
          _("The next event that is sent will tell."));
}

static void
update (LampConnection *self)
{
  if (self->tested_at == 0 || !lamp_client_get_available (self->client))
    return;

  if (self->patience_id != 0)
    {
      show (self->address_check, self->address_icon, CHECK_RUNNING, _("Testing…"));
      show (self->server_check, self->server_icon, CHECK_RUNNING, _("Testing…"));
      show (self->token_check, self->token_icon, CHECK_RUNNING, _("Testing…"));
    }
  else if (show_address (self))
    {
      show_server (self);
      show_token (self);
    }
  else
    {
      show (self->server_check, self->server_icon, CHECK_UNKNOWN,
            _("There is no address to ask."));
      show (self->token_check, self->token_icon, CHECK_UNKNOWN, _("There is no address to ask."));
    }
}

/* --- the test ----------------------------------------------------------- */

static gboolean
patience_cb (gpointer user_data)
{
  LampConnection *self = user_data;

  self->patience_id = 0;
  update (self);

  return G_SOURCE_REMOVE;
}

static void
replayed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (LampConnection) self = LAMP_CONNECTION (user_data);
  g_autoptr (GError) error = NULL;

  /* What stands in the way is told by the state. */
  if (!lamp_bus_agent1_call_test_connection_finish (LAMP_BUS_AGENT1 (source), result, &error))
    g_debug ("test of the connection: %s", error->message);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  self->asked = error == NULL;
  self->asking = self->asked;
  update (self);
}

/* Such a pass sends something even if no event waits, so that its good end tells of the token. One
 * that ended before the agent has answered TestConnection() was another. */
static void
finished_cb (LampConnection *self,
             guint           delivered,
             guint           failed,
             guint           left,
             const char     *error)
{
  if (!self->asked)
    return;

  self->asking = FALSE;
  self->asked = FALSE;
  self->taken = *error == '\0';
  update (self);
}

/* The agent has come or gone: nobody asks any more. */
static void
available_cb (LampConnection *self)
{
  self->asking = FALSE;
  self->asked = FALSE;
  update (self);
}

static void
ask_server (LampConnection *self)
{
  lamp_bus_agent1_call_test_connection (lamp_client_get_proxy (self->client), self->cancel,
                                        replayed_cb, g_object_ref (self));
}

static void
token_kept_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (LampConnection) self = LAMP_CONNECTION (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (error);
      self->token_problem = g_strdup (error->message);
    }
  else
    {
      gtk_editable_set_text (GTK_EDITABLE (self->token_row), "");
    }

  ask_server (self);
  update (self);
}

static void
keep_token (LampConnection *self,
            const char     *token)
{
  g_dbus_proxy_call (G_DBUS_PROXY (lamp_client_get_proxy (self->client)), "SetToken",
                     g_variant_new ("(s)", token), G_DBUS_CALL_FLAGS_NONE, TOKEN_TIMEOUT_MS,
                     self->cancel, token_kept_cb, g_object_ref (self));
}

static void
test_action (GtkWidget  *widget,
             const char *action_name,
             GVariant   *parameter)
{
  LampConnection *self = LAMP_CONNECTION (widget);
  g_autofree char *url = g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->url_row)));
  const char *token = gtk_editable_get_text (GTK_EDITABLE (self->token_row));

  g_clear_pointer (&self->token_problem, g_free);
  self->asking = TRUE;
  self->asked = FALSE;
  self->taken = FALSE;
  self->tested_at = g_get_real_time ();
  g_clear_handle_id (&self->patience_id, g_source_remove);
  self->patience_id = g_timeout_add (TEST_PATIENCE_MS, patience_cb, self);

  g_strstrip (url);
  gtk_editable_set_text (GTK_EDITABLE (self->url_row), url);
  g_settings_set_string (self->settings, "server-url", url);
  gtk_revealer_set_reveal_child (self->results, TRUE);
  update (self);

  if (*token != '\0')
    keep_token (self, token);
  else
    ask_server (self);
}

static void
entry_activated_cb (LampConnection *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), "connection.test", NULL);
}

static void
url_changed_cb (LampConnection *self)
{
  const char *url = gtk_editable_get_text (GTK_EDITABLE (self->url_row));

  gtk_widget_action_set_enabled (GTK_WIDGET (self), "connection.test", *url != '\0');
}

/* --- the object --------------------------------------------------------- */

static void
lamp_connection_dispose (GObject *object)
{
  LampConnection *self = LAMP_CONNECTION (object);

  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->patience_id, g_source_remove);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_CONNECTION);

  G_OBJECT_CLASS (lamp_connection_parent_class)->dispose (object);
}

static void
lamp_connection_finalize (GObject *object)
{
  LampConnection *self = LAMP_CONNECTION (object);

  g_clear_object (&self->cancel);
  g_free (self->token_problem);

  G_OBJECT_CLASS (lamp_connection_parent_class)->finalize (object);
}

static void
lamp_connection_class_init (LampConnectionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = lamp_connection_dispose;
  object_class->finalize = lamp_connection_finalize;

  gtk_widget_class_set_template_from_resource (
    widget_class, "/io/github/lamppost/Lamppost/ui/lamp-connection.ui");
  gtk_widget_class_bind_template_child (widget_class, LampConnection, url_row);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, token_row);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, results);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, address_check);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, address_icon);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, server_check);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, server_icon);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, token_check);
  gtk_widget_class_bind_template_child (widget_class, LampConnection, token_icon);
  gtk_widget_class_bind_template_callback (widget_class, entry_activated_cb);
  gtk_widget_class_bind_template_callback (widget_class, url_changed_cb);
  gtk_widget_class_install_action (widget_class, "connection.test", NULL, test_action);
}

static void
lamp_connection_init (LampConnection *self)
{
  self->cancel = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  url_changed_cb (self);
}

void
lamp_connection_set_client (LampConnection *self,
                            LampClient     *client,
                            GSettings      *settings)
{
  const char *url = NULL;
  g_autofree char *set_url = NULL;

  g_return_if_fail (LAMP_IS_CONNECTION (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (self->client == NULL);

  self->client = g_object_ref (client);
  self->settings = g_object_ref (settings);
  url = lamp_bus_agent1_get_server_url (lamp_client_get_proxy (client));
  set_url = g_settings_get_string (settings, "server-url");
  gtk_editable_set_text (GTK_EDITABLE (self->url_row), url != NULL && *url != '\0' ? url : set_url);
  g_signal_connect_object (lamp_client_get_proxy (client), "g-properties-changed",
                           G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (lamp_client_get_proxy (client), "replay-finished",
                           G_CALLBACK (finished_cb), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::available", G_CALLBACK (available_cb), self,
                           G_CONNECT_SWAPPED);
}

void
lamp_connection_grab_entry (LampConnection *self)
{
  const char *url;

  g_return_if_fail (LAMP_IS_CONNECTION (self));

  url = gtk_editable_get_text (GTK_EDITABLE (self->url_row));
  gtk_widget_grab_focus (GTK_WIDGET (*url == '\0' ? self->url_row : self->token_row));
}
