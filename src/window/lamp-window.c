/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-window.h"

#include "lamp-activity.h"
#include "lamp-connection.h"
#include "lamp-event-details.h"
#include "lamp-events-page.h"
#include "lamp-pane.h"
#include "lamp-report.h"
#include "lamp-sign-in.h"
#include "lamp-status-panel.h"
#include "lamp-words.h"

#include <glib/gi18n.h>

/* A person types a word, not a letter. */
#define SEARCH_DELAY_MS 250

/* An agent that was started has to read its queue before it is there. */
#define START_PATIENCE_MS 2000

struct _LampWindow
{
  AdwApplicationWindow parent_instance;

  AdwToastOverlay *toasts;
  GtkStack *stack;
  AdwStatusPage *gone;
  GtkWidget *start_button;
  LampConnection *welcome;
  GtkButton *welcome_done;
  AdwLeaflet *leaflet;
  AdwViewSwitcherTitle *switcher;
  AdwViewSwitcherBar *switcher_bar;
  GtkRevealer *banner;
  GtkLabel *banner_label;
  GtkButton *banner_button;
  GtkToggleButton *search_button;
  GtkSearchBar *search_bar;
  GtkEditable *search_entry;
  GtkEditable *mission_entry;
  GtkEditable *type_entry;
  GtkWidget *filter_box;
  GtkWidget *mission_chip;
  GtkLabel *mission_chip_label;
  GtkWidget *type_chip;
  GtkLabel *type_chip_label;
  LampStatusPanel *status;
  LampActivity *activity;
  AdwViewStack *pages;
  AdwViewStackPage *pending_page;
  AdwViewStackPage *failed_page;
  AdwViewStackPage *delivered_page;
  LampEventsPage *pending;
  LampEventsPage *failed;
  LampEventsPage *delivered;
  GtkWidget *details_separator;
  GtkWidget *details_box;
  GtkWidget *back_button;
  LampEventDetails *details;

  GSettings *settings;  /* (owned) */
  LampClient *client;   /* (owned) (nullable) until there is one */
  GCancellable *cancel; /* (owned) */
  guint update_id;      /* 0 while nothing has changed */
  guint reveal_id;      /* 0 unless the window has just become narrow or wide */
  guint search_id;      /* 0 while nobody types */
  guint patience_id;    /* 0 unless the agent has just been started */
  gboolean welcoming;   /* the first-run page stays until it is closed */
  gboolean welcomed;    /* and doesn't come back by itself */
};

G_DEFINE_FINAL_TYPE (LampWindow, lamp_window, ADW_TYPE_APPLICATION_WINDOW)

static LampBusAgent1 *
get_agent (LampWindow *self)
{
  return lamp_client_get_proxy (self->client);
}

static gboolean
is_state (LampWindow *self,
          const char *state)
{
  return g_strcmp0 (lamp_bus_agent1_get_state (get_agent (self)), state) == 0;
}

/* --- messages ----------------------------------------------------------- */

static void
toast (LampWindow *self,
       const char *words)
{
  g_autofree char *escaped = g_markup_escape_text (words, -1);

  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (escaped));
}

static void
toast_action (GtkWidget  *widget,
              const char *action_name,
              GVariant   *parameter)
{
  toast (LAMP_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

/* What the agent refuses is told in its own words. */
static void
toast_error (LampWindow *self,
             GError     *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  g_dbus_error_strip_remote_error (error);
  toast (self, error->message);
}

/* --- the banner --------------------------------------------------------- */

static void
show_banner (LampWindow *self,
             const char *words,
             const char *label,
             const char *action)
{
  if (words == NULL)
    {
      gtk_revealer_set_reveal_child (self->banner, FALSE);
      return;
    }

  gtk_label_set_label (self->banner_label, words);
  gtk_widget_set_visible (GTK_WIDGET (self->banner_button), label != NULL);
  if (label != NULL)
    {
      gtk_button_set_label (self->banner_button, label);
      gtk_actionable_set_action_name (GTK_ACTIONABLE (self->banner_button), action);
    }
  gtk_revealer_set_reveal_child (self->banner, TRUE);
}

/* What only a person can mend. That a server doesn't answer mends itself. */
static void
update_banner (LampWindow *self)
{
  const char *problem = lamp_bus_agent1_get_last_error (get_agent (self));

  if (problem == NULL || *problem == '\0')
    problem = NULL;

  if (is_state (self, "unauthorized"))
    show_banner (self, _("The server does not take the token. Events are kept until you sign in."),
                 _("Sign In…"), "win.sign-in");
  else if (is_state (self, "unconfigured"))
    show_banner (self,
                 problem != NULL ? problem
                                 : _("No server is set. Events are kept until there is one."),
                 _("Set Up…"), "win.sign-in");
  else if (is_state (self, "misconfigured"))
    show_banner (self,
                 problem != NULL ? problem
                                 : _("What answers at the server’s address takes no events."),
                 _("Preferences"), "app.preferences");
  /* Of a person's own pause there is nothing more to tell: it is the server that has changed. */
  else if (is_state (self, "paused"))
    show_banner (self, problem, _("Resume"), "win.resume");
  else if (lamp_bus_agent1_get_online (get_agent (self)))
    show_banner (self, problem, NULL, NULL);
  else
    show_banner (self, NULL, NULL, NULL);
}

/* --- what is shown ------------------------------------------------------ */

static void
set_page_title (AdwViewStackPage *page,
                const char       *title,
                guint64           count)
{
  g_autofree char *words = lamp_words_dup_count (count);
  g_autofree char *label = NULL;

  if (count == 0)
    {
      adw_view_stack_page_set_title (page, title);
      return;
    }

  /* TRANSLATORS: a page and how many events are on it */
  label = g_strdup_printf (_("%s (%s)"), title, words);
  adw_view_stack_page_set_title (page, label);
}

static void
update_counts (LampWindow *self)
{
  LampBusAgent1 *agent = get_agent (self);
  guint64 failed = lamp_bus_agent1_get_failed (agent);

  set_page_title (self->pending_page, C_("page", "Pending"), lamp_bus_agent1_get_pending (agent));
  set_page_title (self->failed_page, C_("page", "Failed"), failed);
  set_page_title (self->delivered_page, C_("page", "Delivered"),
                  lamp_bus_agent1_get_delivered (agent));
  adw_view_stack_page_set_needs_attention (self->failed_page, failed > 0);
}

static const char *
choose_view (LampWindow *self)
{
  if (!lamp_client_get_available (self->client))
    return self->patience_id != 0 ? "starting" : "gone";

  /* The first run is over once there is a server; that it is missing later, if only while the
   * settings' file is replaced, is for the banner. */
  if (is_state (self, "unconfigured") && !self->welcomed)
    self->welcoming = TRUE;
  else if (!self->welcoming)
    self->welcomed = TRUE;

  return self->welcoming ? "welcome" : "main";
}

static void
update_actions (LampWindow *self)
{
  static const char *const names[] = { "win.replay",          "win.pause",
                                       "win.resume",          "win.resend-selected",
                                       "win.resend-current",  "win.discard-selected",
                                       "win.discard-current", "win.sign-in",
                                       "win.end-welcome" };
  gboolean available = self->client != NULL && lamp_client_get_available (self->client);
  gboolean failed = available && lamp_bus_agent1_get_failed (get_agent (self)) > 0;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    gtk_widget_action_set_enabled (GTK_WIDGET (self), names[i], available);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.resend-all", failed);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.save-report", failed);
  gtk_widget_action_set_enabled (GTK_WIDGET (self), "win.start-agent", self->client != NULL);
}

static void
update (LampWindow *self)
{
  gboolean available = lamp_client_get_available (self->client);
  const char *view = choose_view (self);

  if (available)
    {
      update_banner (self);
      update_counts (self);
      gtk_button_set_label (self->welcome_done, is_state (self, "unconfigured")
                                                  ? _("Set Up Later")
                                                  : _("Show Events"));
    }

  update_actions (self);
  if (g_strcmp0 (gtk_stack_get_visible_child_name (self->stack), view) == 0)
    return;

  gtk_stack_set_visible_child_name (self->stack, view);
  if (g_str_equal (view, "welcome"))
    lamp_connection_grab_entry (self->welcome);
}

static gboolean
update_cb (gpointer user_data)
{
  LampWindow *self = LAMP_WINDOW (user_data);

  self->update_id = 0;
  update (self);

  return G_SOURCE_REMOVE;
}

/* Properties come several at a time. */
static void
update_soon (LampWindow *self)
{
  if (self->update_id == 0)
    self->update_id = g_idle_add (update_cb, self);
}

static LampEventsPage *
get_visible_page (LampWindow *self)
{
  return LAMP_EVENTS_PAGE (adw_view_stack_get_visible_child (self->pages));
}

/* --- details ------------------------------------------------------------ */

static void
show_details (LampWindow    *self,
              LampEventItem *item)
{
  const char *event_id = item != NULL ? lamp_event_item_get_text (item, "event_id") : NULL;

  lamp_events_page_set_current (self->pending, event_id);
  lamp_events_page_set_current (self->failed, event_id);
  lamp_events_page_set_current (self->delivered, event_id);
  lamp_event_details_set_item (self->details, self->client, item);
  gtk_widget_set_visible (self->details_separator, item != NULL);
  gtk_widget_set_visible (self->details_box, item != NULL);
  if (item == NULL)
    return;

  adw_leaflet_set_visible_child (self->leaflet, self->details_box);
  if (adw_leaflet_get_folded (self->leaflet))
    gtk_widget_grab_focus (self->back_button);
}

static void
event_activated_cb (LampWindow    *self,
                    LampEventItem *item)
{
  show_details (self, item);
}

static void
close_details_action (GtkWidget  *widget,
                      const char *action_name,
                      GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  adw_leaflet_navigate (self->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
  if (self->client != NULL)
    show_details (self, NULL);
}

/* Beside open details the window's buttons are above those. */
static gboolean
shows_end_buttons (GObject *object,
                   gboolean folded,
                   gboolean details)
{
  return folded || !details;
}

/* A swipe back closes the details, too. */
static void
visible_child_cb (LampWindow *self)
{
  if (self->client != NULL && adw_leaflet_get_folded (self->leaflet) &&
      !adw_leaflet_get_child_transition_running (self->leaflet) &&
      adw_leaflet_get_visible_child (self->leaflet) != self->details_box &&
      lamp_event_details_get_item (self->details) != NULL)
    show_details (self, NULL);
}

static gboolean
reveal_cb (gpointer user_data)
{
  LampWindow *self = LAMP_WINDOW (user_data);

  self->reveal_id = 0;
  adw_view_switcher_bar_set_reveal (self->switcher_bar,
                                    adw_view_switcher_title_get_title_visible (self->switcher));

  return G_SOURCE_REMOVE;
}

/* It changes while places are given out, and then there is none for the bar any more. */
static void
title_visible_cb (LampWindow *self)
{
  if (self->reveal_id == 0)
    self->reveal_id = g_idle_add (reveal_cb, self);
}

/* --- search and filters ------------------------------------------------- */

static void
update_chip (GtkWidget  *chip,
             GtkLabel   *label,
             const char *format,
             const char *value)
{
  g_autofree char *words = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  words = g_strdup_printf (format, value);
#pragma GCC diagnostic pop
  gtk_label_set_label (label, words);
  gtk_widget_set_visible (chip, *value != '\0');
}

static void
apply_filter (LampWindow *self)
{
  const char *mission = gtk_editable_get_text (self->mission_entry);
  const char *type = gtk_editable_get_text (self->type_entry);

  if (self->client == NULL)
    return;

  lamp_events_page_set_filter (get_visible_page (self), mission, type,
                               gtk_editable_get_text (self->search_entry));
  update_chip (self->mission_chip, self->mission_chip_label, _("Mission: %s"), mission);
  update_chip (self->type_chip, self->type_chip_label, _("Type: %s"), type);
  gtk_widget_set_visible (self->filter_box, *mission != '\0' || *type != '\0');
}

static gboolean
search_cb (gpointer user_data)
{
  LampWindow *self = LAMP_WINDOW (user_data);

  self->search_id = 0;
  apply_filter (self);

  return G_SOURCE_REMOVE;
}

static void
filter_changed_cb (LampWindow *self)
{
  g_clear_handle_id (&self->search_id, g_source_remove);
  self->search_id = g_timeout_add (SEARCH_DELAY_MS, search_cb, self);
}

/* Without the bar there is no search. */
static void
search_mode_cb (LampWindow *self)
{
  if (gtk_search_bar_get_search_mode (self->search_bar))
    return;

  gtk_editable_set_text (self->search_entry, "");
  gtk_editable_set_text (self->mission_entry, "");
  gtk_editable_set_text (self->type_entry, "");
  filter_changed_cb (self);
}

static void
page_changed_cb (LampWindow *self)
{
  apply_filter (self);
}

static void
search_action (GtkWidget  *widget,
               const char *action_name,
               GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

static void
clear_filter_action (GtkWidget  *widget,
                     const char *action_name,
                     GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  if (g_str_equal (g_variant_get_string (parameter, NULL), "mission"))
    gtk_editable_set_text (self->mission_entry, "");
  else
    gtk_editable_set_text (self->type_entry, "");
}

static void
filter_mission_action (GtkWidget  *widget,
                       const char *action_name,
                       GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);
  LampEventItem *item = lamp_event_details_get_item (self->details);

  if (item == NULL)
    return;

  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_editable_set_text (self->mission_entry, lamp_event_item_get_text (item, "mission_id"));
  if (adw_leaflet_get_folded (self->leaflet))
    close_details_action (widget, NULL, NULL);
}

/* --- replay ------------------------------------------------------------- */

static void
replayed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;

  if (!lamp_bus_agent1_call_replay_now_finish (LAMP_BUS_AGENT1 (source), result, &error))
    toast_error (self, error);
}

static void
replay_action (GtkWidget  *widget,
               const char *action_name,
               GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  lamp_bus_agent1_call_replay_now (get_agent (self), self->cancel, replayed_cb,
                                   g_object_ref (self));
}

static void
paused_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    toast_error (self, error);
}

/* The generated setter doesn't tell whether it worked. */
static void
set_paused (LampWindow *self,
            gboolean    paused)
{
  GDBusProxy *proxy = G_DBUS_PROXY (get_agent (self));

  g_dbus_proxy_call (proxy, "org.freedesktop.DBus.Properties.Set",
                     g_variant_new ("(ssv)", g_dbus_proxy_get_interface_name (proxy), "Paused",
                                    g_variant_new_boolean (paused)),
                     G_DBUS_CALL_FLAGS_NONE, -1, self->cancel, paused_cb, g_object_ref (self));
}

static void
pause_action (GtkWidget  *widget,
              const char *action_name,
              GVariant   *parameter)
{
  set_paused (LAMP_WINDOW (widget), TRUE);
}

static void
resume_action (GtkWidget  *widget,
               const char *action_name,
               GVariant   *parameter)
{
  set_paused (LAMP_WINDOW (widget), FALSE);
}

/* --- failed events ------------------------------------------------------ */

static void
toast_resent (LampWindow *self,
              guint       count)
{
  g_autofree char *words =
    g_strdup_printf (ngettext ("%u event is sent again", "%u events are sent again", count), count);

  toast (self, words);
}

static void
resent_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;
  guint count;

  if (lamp_bus_agent1_call_resend_finish (LAMP_BUS_AGENT1 (source), &count, result, &error))
    toast_resent (self, count);
  else
    toast_error (self, error);
}

static void
all_resent_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;
  guint count;

  if (lamp_bus_agent1_call_resend_all_finish (LAMP_BUS_AGENT1 (source), &count, result, &error))
    toast_resent (self, count);
  else
    toast_error (self, error);
}

static void
discarded_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;
  g_autofree char *words = NULL;
  guint count;

  if (!lamp_bus_agent1_call_discard_finish (LAMP_BUS_AGENT1 (source), &count, result, &error))
    {
      toast_error (self, error);
      return;
    }

  words = g_strdup_printf (ngettext ("%u event was discarded", "%u events were discarded", count),
                           count);
  toast (self, words);
  show_details (self, NULL);
}

/* The events that an action is about: the one whose details are shown, or those selected. */
static char **
dup_chosen (LampWindow *self,
            const char *action_name)
{
  LampEventItem *item = lamp_event_details_get_item (self->details);
  const char *ids[] = { NULL, NULL };

  if (!g_str_has_suffix (action_name, "-current"))
    return lamp_events_page_dup_selected (self->failed);

  if (item != NULL)
    ids[0] = lamp_event_item_get_text (item, "event_id");

  return g_strdupv ((char **) ids);
}

static void
resend_action (GtkWidget  *widget,
               const char *action_name,
               GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);
  g_auto (GStrv) ids = dup_chosen (self, action_name);

  lamp_bus_agent1_call_resend (get_agent (self), (const char *const *) ids, self->cancel, resent_cb,
                               g_object_ref (self));
  lamp_events_page_unselect_all (self->failed);
}

static void
resend_all_action (GtkWidget  *widget,
                   const char *action_name,
                   GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  lamp_bus_agent1_call_resend_all (get_agent (self), self->cancel, all_resent_cb,
                                   g_object_ref (self));
}

static void
discard_response_cb (LampWindow *self,
                     const char *response,
                     GObject    *dialog)
{
  char **ids = g_object_get_data (dialog, "event-ids");

  if (!g_str_equal (response, "discard"))
    return;

  lamp_bus_agent1_call_discard (get_agent (self), (const char *const *) ids, self->cancel,
                                discarded_cb, g_object_ref (self));
  lamp_events_page_unselect_all (self->failed);
}

static void
discard_action (GtkWidget  *widget,
                const char *action_name,
                GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);
  g_auto (GStrv) ids = dup_chosen (self, action_name);
  guint count = g_strv_length (ids);
  g_autofree char *heading = NULL;
  GtkWidget *dialog = NULL;

  if (count == 0)
    return;

  heading = g_strdup_printf (ngettext ("Discard %u Event?", "Discard %u Events?", count), count);
  dialog =
    adw_message_dialog_new (GTK_WINDOW (self), heading,
                            ngettext ("The server will never receive it. This can’t be undone.",
                                      "The server will never receive them. This can’t be undone.",
                                      count));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _("Cancel"), "discard",
                                    _("Discard"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "discard",
                                              ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_object_set_data_full (G_OBJECT (dialog), "event-ids", g_steal_pointer (&ids),
                          (GDestroyNotify) g_strfreev);
  g_signal_connect_object (dialog, "response", G_CALLBACK (discard_response_cb), self,
                           G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* --- the report --------------------------------------------------------- */

static void
report_saved_cb (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;

  if (lamp_report_save_finish (result, &error))
    toast (self, _("Report saved"));
  else
    toast_error (self, error);
}

static void
report_response_cb (LampWindow     *self,
                    int             response,
                    GtkFileChooser *chooser)
{
  g_autoptr (GFile) file = NULL;

  if (response == GTK_RESPONSE_ACCEPT)
    {
      file = gtk_file_chooser_get_file (chooser);
      lamp_report_save_async (self->client, file, self->cancel, report_saved_cb,
                              g_object_ref (self));
    }

  g_object_unref (chooser);
}

static void
save_report_action (GtkWidget  *widget,
                    const char *action_name,
                    GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (_("Save Report"), GTK_WINDOW (self),
                                                               GTK_FILE_CHOOSER_ACTION_SAVE,
                                                               _("_Save"), NULL);

  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser),
                                     /* TRANSLATORS: a file’s name */
                                     _("Failed events.txt"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  g_signal_connect_object (chooser, "response", G_CALLBACK (report_response_cb), self,
                           G_CONNECT_SWAPPED);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}

/* --- the agent ---------------------------------------------------------- */

static void
started_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampWindow) self = LAMP_WINDOW (user_data);
  g_autoptr (GError) error = NULL;

  gtk_widget_set_sensitive (self->start_button, TRUE);
  if (!lamp_client_start_agent_finish (LAMP_CLIENT (source), result, &error))
    toast_error (self, error);
}

static void
start_agent_action (GtkWidget  *widget,
                    const char *action_name,
                    GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  gtk_widget_set_sensitive (self->start_button, FALSE);
  lamp_client_start_agent_async (self->client, self->cancel, started_cb, g_object_ref (self));
}

static gboolean
patience_cb (gpointer user_data)
{
  LampWindow *self = LAMP_WINDOW (user_data);

  self->patience_id = 0;
  update (self);

  return G_SOURCE_REMOVE;
}

static void
available_cb (LampWindow *self)
{
  g_clear_handle_id (&self->patience_id, g_source_remove);
  if (!lamp_client_get_available (self->client))
    show_details (self, NULL);

  update (self);
}

static void
sign_in_action (GtkWidget  *widget,
                const char *action_name,
                GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  gtk_window_present (
    GTK_WINDOW (lamp_sign_in_new (GTK_WINDOW (self), self->client, self->settings)));
}

static void
end_welcome_action (GtkWidget  *widget,
                    const char *action_name,
                    GVariant   *parameter)
{
  LampWindow *self = LAMP_WINDOW (widget);

  self->welcoming = FALSE;
  self->welcomed = TRUE;
  update (self);
}

static void
page_action (GtkWidget  *widget,
             const char *action_name,
             GVariant   *parameter)
{
  lamp_window_show_page (LAMP_WINDOW (widget), g_variant_get_string (parameter, NULL));
}

/* --- the window --------------------------------------------------------- */

static void
lamp_window_dispose (GObject *object)
{
  LampWindow *self = LAMP_WINDOW (object);

  g_cancellable_cancel (self->cancel);
  g_clear_handle_id (&self->update_id, g_source_remove);
  g_clear_handle_id (&self->reveal_id, g_source_remove);
  g_clear_handle_id (&self->search_id, g_source_remove);
  g_clear_handle_id (&self->patience_id, g_source_remove);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_WINDOW);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);

  G_OBJECT_CLASS (lamp_window_parent_class)->dispose (object);
}

static void
lamp_window_finalize (GObject *object)
{
  g_clear_object (&LAMP_WINDOW (object)->cancel);

  G_OBJECT_CLASS (lamp_window_parent_class)->finalize (object);
}

static void
bind_children (GtkWidgetClass *widget_class)
{
  gtk_widget_class_bind_template_child (widget_class, LampWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, gone);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, start_button);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, welcome);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, welcome_done);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, switcher);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, switcher_bar);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, banner);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, banner_label);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, banner_button);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, search_button);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, search_bar);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, search_entry);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, mission_entry);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, type_entry);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, filter_box);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, mission_chip);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, mission_chip_label);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, type_chip);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, type_chip_label);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, status);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, activity);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, pages);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, pending_page);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, failed_page);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, delivered_page);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, pending);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, failed);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, delivered);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, details_separator);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, details_box);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, back_button);
  gtk_widget_class_bind_template_child (widget_class, LampWindow, details);
}

static void
install_actions (GtkWidgetClass *widget_class)
{
  gtk_widget_class_install_action (widget_class, "win.toast", "s", toast_action);
  gtk_widget_class_install_action (widget_class, "win.close-details", NULL, close_details_action);
  gtk_widget_class_install_action (widget_class, "win.search", NULL, search_action);
  gtk_widget_class_install_action (widget_class, "win.clear-filter", "s", clear_filter_action);
  gtk_widget_class_install_action (widget_class, "win.filter-mission", NULL, filter_mission_action);
  gtk_widget_class_install_action (widget_class, "win.replay", NULL, replay_action);
  gtk_widget_class_install_action (widget_class, "win.pause", NULL, pause_action);
  gtk_widget_class_install_action (widget_class, "win.resume", NULL, resume_action);
  gtk_widget_class_install_action (widget_class, "win.resend-all", NULL, resend_all_action);
  gtk_widget_class_install_action (widget_class, "win.resend-selected", NULL, resend_action);
  gtk_widget_class_install_action (widget_class, "win.resend-current", NULL, resend_action);
  gtk_widget_class_install_action (widget_class, "win.discard-selected", NULL, discard_action);
  gtk_widget_class_install_action (widget_class, "win.discard-current", NULL, discard_action);
  gtk_widget_class_install_action (widget_class, "win.save-report", NULL, save_report_action);
  gtk_widget_class_install_action (widget_class, "win.start-agent", NULL, start_agent_action);
  gtk_widget_class_install_action (widget_class, "win.sign-in", NULL, sign_in_action);
  gtk_widget_class_install_action (widget_class, "win.end-welcome", NULL, end_welcome_action);
  gtk_widget_class_install_action (widget_class, "win.page", "s", page_action);
}

static void
lamp_window_class_init (LampWindowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = lamp_window_dispose;
  object_class->finalize = lamp_window_finalize;

  g_type_ensure (LAMP_TYPE_ACTIVITY);
  g_type_ensure (LAMP_TYPE_CONNECTION);
  g_type_ensure (LAMP_TYPE_EVENT_DETAILS);
  g_type_ensure (LAMP_TYPE_EVENTS_PAGE);
  g_type_ensure (LAMP_TYPE_PANE);
  g_type_ensure (LAMP_TYPE_STATUS_PANEL);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/lamppost/Lamppost/ui/lamp-window.ui");
  bind_children (widget_class);
  gtk_widget_class_bind_template_callback (widget_class, event_activated_cb);
  gtk_widget_class_bind_template_callback (widget_class, shows_end_buttons);
  gtk_widget_class_bind_template_callback (widget_class, visible_child_cb);
  gtk_widget_class_bind_template_callback (widget_class, title_visible_cb);
  gtk_widget_class_bind_template_callback (widget_class, filter_changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, search_mode_cb);
  gtk_widget_class_bind_template_callback (widget_class, page_changed_cb);
  install_actions (widget_class);
}

static void
lamp_window_init (LampWindow *self)
{
  self->cancel = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
  update_actions (self);
  gtk_search_bar_connect_entry (self->search_bar, self->search_entry);
  gtk_search_bar_set_key_capture_widget (self->search_bar, GTK_WIDGET (self->pages));
  if (g_str_has_suffix (LAMP_APPLICATION_ID, ".Devel"))
    gtk_widget_add_css_class (GTK_WIDGET (self), "devel");
}

LampWindow *
lamp_window_new (GtkApplication *application,
                 GSettings      *settings)
{
  LampWindow *self = NULL;
  g_autofree char *page = NULL;

  g_return_val_if_fail (GTK_IS_APPLICATION (application), NULL);
  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);

  self = g_object_new (LAMP_TYPE_WINDOW, "application", application, NULL);
  self->settings = g_object_ref (settings);
  g_settings_bind (settings, "window-width", self, "default-width", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "window-height", self, "default-height", G_SETTINGS_BIND_DEFAULT);
  g_settings_bind (settings, "window-maximized", self, "maximized", G_SETTINGS_BIND_DEFAULT);
  page = g_settings_get_string (settings, "window-page");
  lamp_window_show_page (self, page);
  g_settings_bind (settings, "window-page", self->pages, "visible-child-name", G_SETTINGS_BIND_SET);

  return self;
}

void
lamp_window_set_client (LampWindow *self,
                        LampClient *client)
{
  g_return_if_fail (LAMP_IS_WINDOW (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (self->client == NULL);

  self->client = g_object_ref (client);
  if (!lamp_client_get_available (client))
    self->patience_id = g_timeout_add (START_PATIENCE_MS, patience_cb, self);
  lamp_events_page_set_client (self->pending, client);
  lamp_events_page_set_client (self->failed, client);
  lamp_events_page_set_client (self->delivered, client);
  lamp_status_panel_set_client (self->status, client, self->settings);
  lamp_activity_set_client (self->activity, client);
  lamp_connection_set_client (self->welcome, client, self->settings);
  g_signal_connect_object (client, "notify::available", G_CALLBACK (available_cb), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (get_agent (self), "g-properties-changed", G_CALLBACK (update_soon), self,
                           G_CONNECT_SWAPPED);
  update (self);
}

void
lamp_window_show_page (LampWindow *self,
                       const char *name)
{
  g_return_if_fail (LAMP_IS_WINDOW (self));
  g_return_if_fail (name != NULL);

  if (adw_view_stack_get_child_by_name (self->pages, name) != NULL)
    adw_view_stack_set_visible_child_name (self->pages, name);
}

void
lamp_window_show_problem (LampWindow *self,
                          const char *problem)
{
  g_autofree char *escaped = g_markup_escape_text (problem, -1);

  g_return_if_fail (LAMP_IS_WINDOW (self));

  adw_status_page_set_description (self->gone, escaped);
  gtk_widget_set_visible (self->start_button, FALSE);
  gtk_stack_set_visible_child_name (self->stack, "gone");
}
