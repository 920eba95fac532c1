/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-details.h"

#include "lamp-json-pretty.h"
#include "lamp-reason.h"
#include "lamp-words.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* Events move in crowds, and this one is only one of them. */
#define REFRESH_DELAY_MS 300

struct _LampEventDetails
{
  AdwBin parent_instance;

  GtkLabel *type;
  GtkLabel *state;
  GtkImage *state_icon;
  GtkWidget *failure;
  GtkLabel *reason_title;
  GtkLabel *reason_advice;
  GtkLabel *server_words;
  AdwActionRow *mission_row;
  AdwActionRow *event_row;
  AdwActionRow *aggregate_row;
  AdwActionRow *clock_row;
  AdwActionRow *emitted_row;
  AdwActionRow *queued_row;
  AdwActionRow *attempt_row;
  AdwActionRow *delivered_row;
  GtkTextBuffer *envelope;

  LampClient *client;   /* (owned) (nullable) */
  LampEventItem *item;  /* (owned) (nullable) */
  GCancellable *cancel; /* (owned) (nullable) of the call for the envelope */
  guint refresh_id;     /* 0 while nothing has changed */
};

G_DEFINE_FINAL_TYPE (LampEventDetails, lamp_event_details, ADW_TYPE_BIN)

static const struct
{
  const char *status;
  const char *icon;
  const char *words;
  const char *css_class;
} states[] = {
  { "pending", "document-open-recent-symbolic", NC_("event", "Waiting to be delivered"),
    "dim-label" },
  { "failed", "dialog-warning-symbolic", NC_("event", "Failed"), "error" },
  { "delivered", "emblem-ok-symbolic", NC_("event", "Delivered"), "success" },
};

/* --- the envelope ------------------------------------------------------- */

/* What is the same stays where it was scrolled to. */
static void
set_text (LampEventDetails *self,
          const char       *text)
{
  GtkTextIter start;
  GtkTextIter end;
  g_autofree char *shown = NULL;

  gtk_text_buffer_get_bounds (self->envelope, &start, &end);
  shown = gtk_text_buffer_get_text (self->envelope, &start, &end, FALSE);
  if (!g_str_equal (shown, text))
    gtk_text_buffer_set_text (self->envelope, text, -1);
}

static void
show_envelope (LampEventDetails *self,
               const char       *envelope)
{
  g_autoptr (GString) pretty = g_string_new (NULL);
  LampJson value;

  if (lamp_json_check (envelope, strlen (envelope), LAMP_JSON_MAX_DEPTH, &value, NULL))
    lamp_json_append_pretty (pretty, &value);
  else
    g_string_append (pretty, envelope);

  set_text (self, pretty->str);
}

static void
got_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  g_autoptr (LampEventDetails) self = LAMP_EVENT_DETAILS (user_data);
  g_autofree char *envelope = NULL;
  g_autoptr (GVariant) row = NULL;
  g_autoptr (GError) error = NULL;

  if (!lamp_bus_agent1_call_get_finish (LAMP_BUS_AGENT1 (source), &envelope, &row, result, &error))
    {
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        {
          g_dbus_error_strip_remote_error (error);
          set_text (self, error->message);
        }
      return;
    }

  show_envelope (self, envelope);
  if (self->item != NULL)
    lamp_event_item_set_row (self->item, row);
}

static void
load_envelope (LampEventDetails *self)
{
  g_cancellable_cancel (self->cancel);
  g_clear_object (&self->cancel);
  if (self->item == NULL)
    return;

  self->cancel = g_cancellable_new ();
  lamp_bus_agent1_call_get (lamp_client_get_proxy (self->client),
                            lamp_event_item_get_text (self->item, "event_id"), self->cancel, got_cb,
                            g_object_ref (self));
}

static gboolean
refresh_cb (gpointer user_data)
{
  LampEventDetails *self = LAMP_EVENT_DETAILS (user_data);

  self->refresh_id = 0;
  load_envelope (self);

  return G_SOURCE_REMOVE;
}

static void
refresh_soon (LampEventDetails *self)
{
  if (self->refresh_id == 0 && self->item != NULL && lamp_client_get_available (self->client))
    self->refresh_id = g_timeout_add (REFRESH_DELAY_MS, refresh_cb, self);
}

static void
copy_action (GtkWidget  *widget,
             const char *action_name,
             GVariant   *parameter)
{
  LampEventDetails *self = LAMP_EVENT_DETAILS (widget);
  GtkTextIter start;
  GtkTextIter end;
  g_autofree char *text = NULL;

  gtk_text_buffer_get_bounds (self->envelope, &start, &end);
  text = gtk_text_buffer_get_text (self->envelope, &start, &end, FALSE);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text);
  gtk_widget_activate_action (widget, "win.toast", "s", _("JSON copied"));
}

/* --- facts -------------------------------------------------------------- */

static void
set_fact (AdwActionRow *row,
          const char   *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, escaped);
  gtk_widget_set_visible (GTK_WIDGET (row), *text != '\0');
}

static void
set_time (LampEventDetails *self,
          AdwActionRow     *row,
          const char       *name)
{
  g_autofree char *text = lamp_words_dup_full_moment (
    lamp_event_item_get_number (self->item, name));

  set_fact (row, text);
}

/* The envelope has the time as text, and foreign ones may have any. */
static char *
dup_emitted (LampEventDetails *self)
{
  const char *timestamp = lamp_event_item_get_text (self->item, "timestamp");
  g_autoptr (GDateTime) emitted = g_date_time_new_from_iso8601 (timestamp, NULL);

  if (emitted == NULL)
    return g_strdup (timestamp);

  return lamp_words_dup_full_moment (g_date_time_to_unix (emitted) * G_USEC_PER_SEC);
}

static void
update_attempt (LampEventDetails *self)
{
  gint64 time = lamp_event_item_get_number (self->item, "last_retry_at");
  guint count = (guint) lamp_event_item_get_number (self->item, "retry_count");
  g_autofree char *moment = lamp_words_dup_full_moment (time);
  g_autofree char *text = NULL;

  if (time == 0 || count == 0)
    {
      set_fact (self->attempt_row, moment);
      return;
    }

  /* TRANSLATORS: when an event was last refused, and how often */
  text = g_strdup_printf (ngettext ("%s, refused %u time", "%s, refused %u times", count), moment,
                          count);
  set_fact (self->attempt_row, text);
}

static void
update_state (LampEventDetails *self)
{
  const char *status = lamp_event_item_get_text (self->item, "status");

  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_str_equal (status, states[i].status))
      {
        const char *classes[] = { states[i].css_class, NULL };

        gtk_label_set_label (self->state, g_dpgettext2 (NULL, "event", states[i].words));
        gtk_image_set_from_icon_name (self->state_icon, states[i].icon);
        gtk_widget_set_css_classes (GTK_WIDGET (self->state), classes);
        gtk_widget_set_css_classes (GTK_WIDGET (self->state_icon), classes);
      }
}

static void
update_failure (LampEventDetails *self)
{
  gboolean failed = g_str_equal (lamp_event_item_get_text (self->item, "status"), "failed");
  const char *message = lamp_event_item_get_text (self->item, "error_message");
  const char *code = lamp_event_item_get_text (self->item, "error_code");
  LampReason reason = lamp_reason_for_code (code);
  g_autofree char *words = NULL;

  gtk_widget_set_visible (self->failure, failed);
  gtk_label_set_label (self->reason_title, reason.title);
  gtk_label_set_label (self->reason_advice, reason.advice);

  /* TRANSLATORS: what the server said, and its code for that; use your quotation marks */
  words = *message != '\0' ? g_strdup_printf (_("“%s” (%s)"), message, code) : g_strdup (code);
  gtk_label_set_label (self->server_words, words);
}

static void
update (LampEventDetails *self)
{
  g_autofree char *clock = NULL;
  g_autofree char *emitted = NULL;

  if (self->item == NULL || lamp_event_item_is_blank (self->item))
    return;

  clock = g_strdup_printf ("%" PRId64, lamp_event_item_get_number (self->item, "lamport_clock"));
  emitted = dup_emitted (self);
  gtk_label_set_label (self->type, lamp_event_item_get_text (self->item, "event_type"));
  set_fact (self->mission_row, lamp_event_item_get_text (self->item, "mission_id"));
  set_fact (self->event_row, lamp_event_item_get_text (self->item, "event_id"));
  set_fact (self->aggregate_row, lamp_event_item_get_text (self->item, "aggregate_id"));
  set_fact (self->clock_row, clock);
  set_fact (self->emitted_row, emitted);
  set_time (self, self->queued_row, "queued_at");
  update_attempt (self);
  set_time (self, self->delivered_row, "delivered_at");
  update_state (self);
  update_failure (self);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_event_details_dispose (GObject *object)
{
  LampEventDetails *self = LAMP_EVENT_DETAILS (object);

  g_cancellable_cancel (self->cancel);
  g_clear_object (&self->cancel);
  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_object (&self->item);
  g_clear_object (&self->client);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_EVENT_DETAILS);

  G_OBJECT_CLASS (lamp_event_details_parent_class)->dispose (object);
}

static void
lamp_event_details_class_init (LampEventDetailsClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = lamp_event_details_dispose;

  gtk_widget_class_set_template_from_resource (
    widget_class, "/io/github/lamppost/Lamppost/ui/lamp-event-details.ui");
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, type);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, state);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, state_icon);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, failure);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, reason_title);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, reason_advice);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, server_words);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, mission_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, event_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, aggregate_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, clock_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, emitted_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, queued_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, attempt_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, delivered_row);
  gtk_widget_class_bind_template_child (widget_class, LampEventDetails, envelope);
  gtk_widget_class_install_action (widget_class, "details.copy", NULL, copy_action);
}

static void
lamp_event_details_init (LampEventDetails *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
lamp_event_details_set_item (LampEventDetails *self,
                             LampClient       *client,
                             LampEventItem    *item)
{
  g_return_if_fail (LAMP_IS_EVENT_DETAILS (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (item == NULL || LAMP_IS_EVENT_ITEM (item));

  if (g_set_object (&self->client, client))
    g_signal_connect_object (lamp_client_get_proxy (client), "g-properties-changed",
                             G_CALLBACK (refresh_soon), self, G_CONNECT_SWAPPED);
  if (self->item == item)
    return;

  if (self->item != NULL)
    g_signal_handlers_disconnect_by_func (self->item, update, self);
  g_set_object (&self->item, item);
  if (item != NULL)
    g_signal_connect_object (item, "notify::row", G_CALLBACK (update), self, G_CONNECT_SWAPPED);

  gtk_text_buffer_set_text (self->envelope, "", 0);
  update (self);
  load_envelope (self);
}

LampEventItem *
lamp_event_details_get_item (LampEventDetails *self)
{
  g_return_val_if_fail (LAMP_IS_EVENT_DETAILS (self), NULL);

  return self->item;
}
