/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-preferences.h"

#include "lamp-sign-in.h"

#include <glib/gi18n.h>

#define KIBIBYTE 1024

struct _LampPreferences
{
  AdwPreferencesWindow parent_instance;

  AdwEntryRow *server_url;
  AdwEntryRow *node_id;
  AdwActionRow *server_in_use;
  AdwActionRow *node_in_use;
  AdwActionRow *tray_status;
  AdwActionRow *queue_path;
  AdwActionRow *version;
  GtkSwitch *allow_insecure_http;
  GtkSwitch *autostart;
  GtkSwitch *notify;
  GtkSwitch *show_count;
  GtkSwitch *compress;
  AdwComboRow *on_exhausted;
  GtkSpinButton *batch_size;
  GtkSpinButton *max_batch_bytes;
  GtkSpinButton *max_retries;
  GtkSpinButton *in_flight;
  GtkSpinButton *capacity;
  GtkSpinButton *history_days;
  GtkSpinButton *history_events;
  GtkSpinButton *stalled_after_hours;
  GtkSwitch *replay;

  LampClient *client;   /* (owned) (nullable) */
  GSettings *settings;  /* (owned) */
  GCancellable *cancel; /* (owned) */
};

G_DEFINE_FINAL_TYPE (LampPreferences, lamp_preferences, ADW_TYPE_PREFERENCES_WINDOW)

/* --- what the agent makes of it ----------------------------------------- */

static void
set_fact (AdwActionRow *row,
          const char   *text,
          const char   *fallback)
{
  g_autofree char *escaped = g_markup_escape_text (text != NULL && *text != '\0' ? text : fallback,
                                                   -1);

  adw_action_row_set_subtitle (row, escaped);
}

static void
update (LampPreferences *self)
{
  LampBusAgent1 *agent = lamp_client_get_proxy (self->client);

  if (!lamp_client_get_available (self->client))
    {
      set_fact (self->server_in_use, NULL, _("The agent is not running"));
      set_fact (self->node_in_use, NULL, _("The agent is not running"));
      set_fact (self->tray_status, NULL, _("The agent is not running"));
      set_fact (self->queue_path, NULL, _("The agent is not running"));
      set_fact (self->version, NULL, _("The agent is not running"));
      return;
    }

  set_fact (self->server_in_use, lamp_bus_agent1_get_server_url (agent), C_("server", "None"));
  set_fact (self->node_in_use, lamp_bus_agent1_get_node_id (agent), C_("node", "None"));
  set_fact (self->tray_status, lamp_bus_agent1_get_tray_status (agent),
            _("No tray icon is shown"));
  set_fact (self->queue_path, lamp_bus_agent1_get_queue_path (agent), C_("queue file", "None"));
  set_fact (self->version, lamp_bus_agent1_get_version (agent), _("Not known"));
}

/* --- actions ------------------------------------------------------------ */

static void
sign_in_action (GtkWidget  *widget,
                const char *action_name,
                GVariant   *parameter)
{
  LampPreferences *self = LAMP_PREFERENCES (widget);

  gtk_window_present (
    GTK_WINDOW (lamp_sign_in_new (GTK_WINDOW (self), self->client, self->settings)));
}

static void
cleared_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampPreferences) self = LAMP_PREFERENCES (user_data);
  g_autoptr (GError) error = NULL;
  g_autofree char *escaped = NULL;

  if (lamp_bus_agent1_call_clear_token_finish (LAMP_BUS_AGENT1 (source), result, &error))
    {
      adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self),
                                        adw_toast_new (_("The token is forgotten")));
      return;
    }

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  g_dbus_error_strip_remote_error (error);
  escaped = g_markup_escape_text (error->message, -1);
  adw_preferences_window_add_toast (ADW_PREFERENCES_WINDOW (self), adw_toast_new (escaped));
}

static void
sign_out_action (GtkWidget  *widget,
                 const char *action_name,
                 GVariant   *parameter)
{
  LampPreferences *self = LAMP_PREFERENCES (widget);

  lamp_bus_agent1_call_clear_token (lamp_client_get_proxy (self->client), self->cancel, cleared_cb,
                                    g_object_ref (self));
}

/* --- settings ----------------------------------------------------------- */

static gboolean
bytes_to_kibibytes (GValue   *value,
                    GVariant *variant,
                    gpointer  user_data)
{
  g_value_set_double (value, (double) g_variant_get_uint32 (variant) / KIBIBYTE);

  return TRUE;
}

static GVariant *
kibibytes_to_bytes (const GValue       *value,
                    const GVariantType *type,
                    gpointer            user_data)
{
  return g_variant_new_uint32 ((guint32) (g_value_get_double (value) * KIBIBYTE));
}

/* The enumeration's values are the places in the list. */
static gboolean
exhausted_to_place (GValue   *value,
                    GVariant *variant,
                    gpointer  user_data)
{
  g_value_set_uint (value, g_str_equal (g_variant_get_string (variant, NULL), "fail") ? 1 : 0);

  return TRUE;
}

static GVariant *
place_to_exhausted (const GValue       *value,
                    const GVariantType *type,
                    gpointer            user_data)
{
  return g_variant_new_string (g_value_get_uint (value) == 1 ? "fail" : "hold");
}

static void
apply_entry_cb (LampPreferences *self,
                AdwEntryRow     *row)
{
  const char *key = row == self->server_url ? "server-url" : "node-id";
  g_autofree char *text = g_strdup (gtk_editable_get_text (GTK_EDITABLE (row)));

  g_settings_set_string (self->settings, key, g_strstrip (text));
}

static void
fill_entry (LampPreferences *self,
            AdwEntryRow     *row,
            const char      *key)
{
  g_autofree char *text = g_settings_get_string (self->settings, key);

  adw_entry_row_set_show_apply_button (row, FALSE);
  gtk_editable_set_text (GTK_EDITABLE (row), text);
  adw_entry_row_set_show_apply_button (row, TRUE);
}

static void
bind_settings (LampPreferences *self)
{
  const struct
  {
    const char *key;
    gpointer object;
    const char *property;
  } bindings[] = {
    { "allow-insecure-http", self->allow_insecure_http, "active" },
    { "autostart", self->autostart, "active" },
    { "notify", self->notify, "active" },
    { "show-count", self->show_count, "active" },
    { "compress", self->compress, "active" },
    { "batch-size", self->batch_size, "value" },
    { "max-retries", self->max_retries, "value" },
    { "in-flight", self->in_flight, "value" },
    { "capacity", self->capacity, "value" },
    { "history-days", self->history_days, "value" },
    { "history-events", self->history_events, "value" },
    { "stalled-after-hours", self->stalled_after_hours, "value" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bindings); i++)
    g_settings_bind (self->settings, bindings[i].key, bindings[i].object, bindings[i].property,
                     G_SETTINGS_BIND_DEFAULT);

  g_settings_bind (self->settings, "paused", self->replay, "active",
                   G_SETTINGS_BIND_DEFAULT | G_SETTINGS_BIND_INVERT_BOOLEAN);
  g_settings_bind_with_mapping (self->settings, "max-batch-bytes", self->max_batch_bytes, "value",
                                G_SETTINGS_BIND_DEFAULT, bytes_to_kibibytes, kibibytes_to_bytes,
                                NULL, NULL);
  g_settings_bind_with_mapping (self->settings, "on-exhausted", self->on_exhausted, "selected",
                                G_SETTINGS_BIND_DEFAULT, exhausted_to_place, place_to_exhausted,
                                NULL, NULL);
  fill_entry (self, self->server_url, "server-url");
  fill_entry (self, self->node_id, "node-id");
}

/* --- the object --------------------------------------------------------- */

static void
lamp_preferences_dispose (GObject *object)
{
  LampPreferences *self = LAMP_PREFERENCES (object);

  g_cancellable_cancel (self->cancel);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_PREFERENCES);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (lamp_preferences_parent_class)->dispose (object);
}

static void
lamp_preferences_finalize (GObject *object)
{
  g_clear_object (&LAMP_PREFERENCES (object)->cancel);

  G_OBJECT_CLASS (lamp_preferences_parent_class)->finalize (object);
}

static void
lamp_preferences_class_init (LampPreferencesClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = lamp_preferences_dispose;
  G_OBJECT_CLASS (klass)->finalize = lamp_preferences_finalize;

  gtk_widget_class_set_template_from_resource (
    widget_class, "/io/github/lamppost/Lamppost/ui/lamp-preferences.ui");
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, server_url);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, node_id);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, server_in_use);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, node_in_use);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, tray_status);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, queue_path);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, version);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, allow_insecure_http);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, autostart);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, notify);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, show_count);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, compress);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, on_exhausted);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, batch_size);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, max_batch_bytes);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, max_retries);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, in_flight);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, capacity);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, history_days);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, history_events);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, stalled_after_hours);
  gtk_widget_class_bind_template_child (widget_class, LampPreferences, replay);
  gtk_widget_class_bind_template_callback (widget_class, apply_entry_cb);
  gtk_widget_class_install_action (widget_class, "preferences.sign-in", NULL, sign_in_action);
  gtk_widget_class_install_action (widget_class, "preferences.sign-out", NULL, sign_out_action);
}

static void
lamp_preferences_init (LampPreferences *self)
{
  self->cancel = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
lamp_preferences_new (GtkWindow  *parent,
                      LampClient *client,
                      GSettings  *settings)
{
  LampPreferences *self = g_object_new (LAMP_TYPE_PREFERENCES, "transient-for", parent,
                                        "destroy-with-parent", TRUE, NULL);

  self->settings = g_object_ref (settings);
  bind_settings (self);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "preferences.sign-in", client != NULL);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "preferences.sign-out", client != NULL);
  if (client != NULL)
    {
      self->client = g_object_ref (client);
      g_signal_connect_object (lamp_client_get_proxy (client), "g-properties-changed",
                               G_CALLBACK (update), self, G_CONNECT_SWAPPED);
      g_signal_connect_object (client, "notify::available", G_CALLBACK (update), self,
                               G_CONNECT_SWAPPED);
      update (self);
    }

  return GTK_WIDGET (self);
}
