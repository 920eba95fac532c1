/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-row.h"

#include "lamp-reason.h"
#include "lamp-words.h"

#include <glib/gi18n.h>

struct _LampEventRow
{
  GtkBox parent_instance;

  GtkBox *words;
  GtkLabel *type;
  GtkLabel *time;
  GtkLabel *mission;
  GtkCheckButton *check; /* (nullable) unless it can be selected */
  GtkLabel *reason;      /* (nullable) likewise */

  LampEventItem *item; /* (owned) (nullable) */
  gboolean updating;   /* the check button isn't changed by a person */
};

G_DEFINE_FINAL_TYPE (LampEventRow, lamp_event_row, GTK_TYPE_BOX)

enum
{
  TOGGLED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* The time that matters: when it was delivered, when it failed, since when it waits. */
static gint64
get_time (LampEventItem *item)
{
  gint64 time = lamp_event_item_get_number (item, "delivered_at");

  if (time == 0 && g_str_equal (lamp_event_item_get_text (item, "status"), "failed"))
    time = lamp_event_item_get_number (item, "last_retry_at");

  return time != 0 ? time : lamp_event_item_get_number (item, "queued_at");
}

static char *
dup_reason (LampEventItem *item)
{
  const char *message = lamp_event_item_get_text (item, "error_message");
  g_autofree char *isolated = NULL;
  LampReason reason;

  if (!g_str_equal (lamp_event_item_get_text (item, "status"), "failed"))
    return NULL;

  reason = lamp_reason_for_code (lamp_event_item_get_text (item, "error_code"));
  if (*message == '\0')
    return g_strdup (reason.title);

  /* Isolated: the server's words have a direction of their own. */
  isolated = g_strconcat ("\u2068", message, "\u2069", NULL);
  /* TRANSLATORS: why an event failed: in our words, and in the server’s */
  return g_strdup_printf (_("%s: %s"), reason.title, isolated);
}

static void
update_failed (LampEventRow *self,
               const char   *type)
{
  g_autofree char *reason = dup_reason (self->item);
  g_autofree char *label = NULL;

  gtk_label_set_label (self->reason, reason != NULL ? reason : "");
  gtk_widget_set_visible (GTK_WIDGET (self->reason), reason != NULL);

  /* TRANSLATORS: a check button in front of an event; the placeholder is the event’s type */
  label = g_strdup_printf (_("Select %s"), type);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->check), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  label, -1);
}

static void
update (LampEventRow *self)
{
  g_autofree char *time = NULL;
  const char *type;
  const char *mission;

  if (self->item == NULL)
    return;

  type = lamp_event_item_get_text (self->item, "event_type");
  mission = lamp_event_item_get_text (self->item, "mission_id");
  time = lamp_words_dup_moment (get_time (self->item), g_get_real_time ());

  gtk_label_set_label (self->type, lamp_event_item_is_blank (self->item) ? "…" : type);
  gtk_label_set_label (self->time, time);
  gtk_label_set_label (self->mission, *mission != '\0' || lamp_event_item_is_blank (self->item)
                                        ? mission
                                        : _("No mission"));
  if (self->check != NULL)
    update_failed (self, type);
}

static void
toggled_cb (LampEventRow *self)
{
  if (!self->updating && self->item != NULL)
    g_signal_emit (self, signals[TOGGLED], 0, gtk_check_button_get_active (self->check));
}

static void
lamp_event_row_dispose (GObject *object)
{
  LampEventRow *self = LAMP_EVENT_ROW (object);

  lamp_event_row_set_item (self, NULL);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_EVENT_ROW);

  G_OBJECT_CLASS (lamp_event_row_parent_class)->dispose (object);
}

static void
lamp_event_row_class_init (LampEventRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = lamp_event_row_dispose;

  signals[TOGGLED] = g_signal_new ("toggled", LAMP_TYPE_EVENT_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 1, G_TYPE_BOOLEAN);

  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/lamppost/Lamppost/ui/lamp-event-row.ui");
  gtk_widget_class_bind_template_child (widget_class, LampEventRow, words);
  gtk_widget_class_bind_template_child (widget_class, LampEventRow, type);
  gtk_widget_class_bind_template_child (widget_class, LampEventRow, time);
  gtk_widget_class_bind_template_child (widget_class, LampEventRow, mission);
}

/* The row is what can be activated; the list has made a widget around it for that. */
static gboolean
open_cb (GtkWidget *widget,
         GVariant  *args,
         gpointer   user_data)
{
  return gtk_widget_activate (gtk_widget_get_parent (widget));
}

/* A row with something in it that takes the keyboard never has the keyboard itself, so that Return
 * would only ever toggle the check button, as Space does. */
static void
open_with_return (LampEventRow *self)
{
  GtkEventController *controller = gtk_shortcut_controller_new ();

  gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_CAPTURE);
  gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller),
                                        gtk_shortcut_new (gtk_shortcut_trigger_parse_string (
                                                            "Return|KP_Enter"),
                                                          gtk_callback_action_new (open_cb, NULL,
                                                                                   NULL)));
  gtk_widget_add_controller (GTK_WIDGET (self), controller);
}

static void
lamp_event_row_init (LampEventRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  open_with_return (self);
}

/* A list has 200 rows, and each widget in them takes its time when they come and when they go: so
 * those that need no more have no more. */
static void
add_failed_parts (LampEventRow *self)
{
  self->check = GTK_CHECK_BUTTON (gtk_check_button_new ());
  gtk_widget_set_valign (GTK_WIDGET (self->check), GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (GTK_WIDGET (self->check), "selection-mode");
  g_signal_connect_object (self->check, "toggled", G_CALLBACK (toggled_cb), self,
                           G_CONNECT_SWAPPED);
  gtk_box_prepend (GTK_BOX (self), GTK_WIDGET (self->check));

  self->reason = GTK_LABEL (gtk_label_new (NULL));
  gtk_label_set_xalign (self->reason, 0);
  gtk_label_set_ellipsize (self->reason, PANGO_ELLIPSIZE_END);
  gtk_widget_add_css_class (GTK_WIDGET (self->reason), "caption");
  gtk_widget_add_css_class (GTK_WIDGET (self->reason), "error");
  gtk_box_append (self->words, GTK_WIDGET (self->reason));
}

GtkWidget *
lamp_event_row_new (gboolean selectable)
{
  LampEventRow *self = g_object_new (LAMP_TYPE_EVENT_ROW, NULL);

  if (selectable)
    add_failed_parts (self);

  return GTK_WIDGET (self);
}

void
lamp_event_row_set_item (LampEventRow  *self,
                         LampEventItem *item)
{
  g_return_if_fail (LAMP_IS_EVENT_ROW (self));
  g_return_if_fail (item == NULL || LAMP_IS_EVENT_ITEM (item));

  if (self->item != NULL)
    g_signal_handlers_disconnect_by_func (self->item, update, self);

  if (!g_set_object (&self->item, item) && item == NULL)
    return;

  if (item != NULL)
    {
      g_signal_connect_object (item, "notify::row", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
      update (self);
    }
}

LampEventItem *
lamp_event_row_get_item (LampEventRow *self)
{
  g_return_val_if_fail (LAMP_IS_EVENT_ROW (self), NULL);

  return self->item;
}

void
lamp_event_row_set_state (LampEventRow *self,
                          gboolean      selected,
                          gboolean      current)
{
  g_return_if_fail (LAMP_IS_EVENT_ROW (self));

  if (self->check != NULL)
    {
      self->updating = TRUE;
      gtk_check_button_set_active (self->check, selected);
      self->updating = FALSE;
    }

  if (current)
    gtk_widget_add_css_class (GTK_WIDGET (self), "current");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "current");
}
