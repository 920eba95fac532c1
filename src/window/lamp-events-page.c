/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-events-page.h"

#include "lamp-event-row.h"

#include <glib/gi18n.h>

/* A list view makes 200 rows at once, which takes as long as all else when the window opens. So the
 * first screen is shown with a few, and the others come some at a time, between two frames. */
#define FIRST_ROWS 12
#define MORE_ROWS 16
#define ALL_ROWS 208
#define MORE_INTERVAL_MS 30

struct _LampEventsPage
{
  AdwBin parent_instance;

  GtkStack *stack;
  AdwStatusPage *empty;
  GtkListView *view;
  GtkActionBar *bar;
  GtkLabel *selected_label;
  GtkWidget *all_box;
  GtkWidget *selected_box;

  char *status;             /* (owned) */
  LampEventList *list;      /* (owned) (nullable) until there is a client */
  GtkSliceListModel *shown; /* (owned) (nullable) as many rows of @list as there are widgets for */
  guint more_id;            /* 0 unless more rows are to be shown */
  GHashTable *rows;         /* (owned) of LampEventRow that are bound (not owned) */
  GHashTable *selected;     /* (owned) of event ids (owned) */
  char *current;            /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (LampEventsPage, lamp_events_page, ADW_TYPE_BIN)

enum
{
  PROP_STATUS = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

enum
{
  EVENT_ACTIVATED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

/* What will appear on a page that is empty. */
static const struct
{
  const char *status;
  const char *icon;
  const char *title;
  const char *description;
} empty_pages[] = {
  { "pending", "emblem-ok-symbolic", N_("Nothing Is Waiting"),
    N_("Events that are not delivered yet appear here. They are kept on this computer until the "
       "server has taken them.") },
  { "failed", "emblem-ok-symbolic", N_("Nothing Has Failed"),
    N_("Events that the server refuses appear here, with the reason, to be sent again or "
       "discarded.") },
  { "delivered", "mail-send-symbolic", N_("Nothing Delivered Yet"),
    N_("Events that the server has taken appear here, and stay as long as the preferences say.") },
};

static gboolean
is_selectable (LampEventsPage *self)
{
  return g_str_equal (self->status, "failed");
}

/* --- rows --------------------------------------------------------------- */

static void
update_row (LampEventsPage *self,
            LampEventRow   *row)
{
  LampEventItem *item = lamp_event_row_get_item (row);
  const char *event_id = item != NULL ? lamp_event_item_get_text (item, "event_id") : "";

  lamp_event_row_set_state (row, g_hash_table_contains (self->selected, event_id),
                            *event_id != '\0' && g_strcmp0 (event_id, self->current) == 0);
}

static void
update_rows (LampEventsPage *self)
{
  GHashTableIter iter;
  gpointer row;

  g_hash_table_iter_init (&iter, self->rows);
  while (g_hash_table_iter_next (&iter, &row, NULL))
    update_row (self, row);
}

static void
update_selection (LampEventsPage *self)
{
  guint count = g_hash_table_size (self->selected);
  g_autofree char *label = NULL;

  /* TRANSLATORS: of events */
  label = g_strdup_printf (ngettext ("%u selected", "%u selected", count), count);
  gtk_label_set_label (self->selected_label, label);
  gtk_widget_set_visible (self->all_box, count == 0);
  gtk_widget_set_visible (self->selected_box, count > 0);
}

static void
row_toggled_cb (LampEventsPage *self,
                gboolean        active,
                LampEventRow   *row)
{
  LampEventItem *item = lamp_event_row_get_item (row);
  const char *event_id = lamp_event_item_get_text (item, "event_id");

  if (active && *event_id != '\0')
    g_hash_table_add (self->selected, g_strdup (event_id));
  else
    g_hash_table_remove (self->selected, event_id);

  update_selection (self);
}

static void
item_changed_cb (LampEventsPage *self)
{
  update_rows (self);
}

static void
row_setup_cb (LampEventsPage *self,
              GtkListItem    *list_item)
{
  GtkWidget *row = lamp_event_row_new (is_selectable (self));

  g_signal_connect_object (row, "toggled", G_CALLBACK (row_toggled_cb), self, G_CONNECT_SWAPPED);
  gtk_list_item_set_child (list_item, row);
}

static void
row_bind_cb (LampEventsPage *self,
             GtkListItem    *list_item)
{
  LampEventRow *row = LAMP_EVENT_ROW (gtk_list_item_get_child (list_item));
  LampEventItem *item = gtk_list_item_get_item (list_item);

  lamp_event_row_set_item (row, item);
  if (lamp_event_item_is_blank (item))
    g_signal_connect_object (item, "notify::row", G_CALLBACK (item_changed_cb), self,
                             G_CONNECT_SWAPPED);
  g_hash_table_add (self->rows, row);
  update_row (self, row);
}

static void
row_unbind_cb (LampEventsPage *self,
               GtkListItem    *list_item)
{
  LampEventRow *row = LAMP_EVENT_ROW (gtk_list_item_get_child (list_item));

  g_signal_handlers_disconnect_by_func (gtk_list_item_get_item (list_item), item_changed_cb, self);
  g_hash_table_remove (self->rows, row);
  lamp_event_row_set_item (row, NULL);
}

static void
activate_cb (LampEventsPage *self,
             guint           position)
{
  g_autoptr (LampEventItem) item = g_list_model_get_item (G_LIST_MODEL (self->list), position);

  if (item != NULL && !lamp_event_item_is_blank (item))
    g_signal_emit (self, signals[EVENT_ACTIVATED], 0, item);
}

/* --- the page ----------------------------------------------------------- */

static void
update_empty_page (LampEventsPage *self)
{
  if (lamp_event_list_is_filtered (self->list))
    {
      adw_status_page_set_icon_name (self->empty, "edit-find-symbolic");
      adw_status_page_set_title (self->empty, _("No Results Found"));
      adw_status_page_set_description (self->empty, _("Try a different search or filter."));
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (empty_pages); i++)
    if (g_str_equal (self->status, empty_pages[i].status))
      {
        adw_status_page_set_icon_name (self->empty, empty_pages[i].icon);
        adw_status_page_set_title (self->empty, _(empty_pages[i].title));
        adw_status_page_set_description (self->empty, _(empty_pages[i].description));
      }
}

static gboolean
more_cb (gpointer user_data)
{
  LampEventsPage *self = LAMP_EVENTS_PAGE (user_data);
  guint size = gtk_slice_list_model_get_size (self->shown) + MORE_ROWS;

  if (size < ALL_ROWS)
    {
      gtk_slice_list_model_set_size (self->shown, size);
      return G_SOURCE_CONTINUE;
    }

  gtk_slice_list_model_set_size (self->shown, G_MAXUINT);
  self->more_id = 0;

  return G_SOURCE_REMOVE;
}

/* Other rows come, with another filter or another agent. */
static void
show_less (LampEventsPage *self)
{
  g_clear_handle_id (&self->more_id, g_source_remove);
  gtk_slice_list_model_set_size (self->shown, FIRST_ROWS);
}

/* Before there are rows it would be of no use. */
static void
show_more (LampEventsPage *self)
{
  if (self->more_id == 0 && gtk_slice_list_model_get_size (self->shown) < G_MAXUINT)
    self->more_id = g_timeout_add_full (G_PRIORITY_LOW, MORE_INTERVAL_MS, more_cb, self, NULL);
}

static void
update (LampEventsPage *self)
{
  gboolean ready = lamp_event_list_is_ready (self->list);
  gboolean empty = g_list_model_get_n_items (G_LIST_MODEL (self->list)) == 0;

  if (empty && ready)
    update_empty_page (self);
  if (empty)
    {
      lamp_events_page_unselect_all (self);
      show_less (self);
    }
  else if (ready)
    {
      show_more (self);
    }

  gtk_stack_set_visible_child_name (self->stack, !empty ? "list" : ready ? "empty" : "loading");
  gtk_action_bar_set_revealed (self->bar, !empty && is_selectable (self));
}

static void
lamp_events_page_dispose (GObject *object)
{
  LampEventsPage *self = LAMP_EVENTS_PAGE (object);

  if (self->view != NULL)
    gtk_list_view_set_model (self->view, NULL);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_EVENTS_PAGE);
  g_clear_handle_id (&self->more_id, g_source_remove);
  g_clear_object (&self->shown);
  g_clear_object (&self->list);

  G_OBJECT_CLASS (lamp_events_page_parent_class)->dispose (object);
}

static void
lamp_events_page_finalize (GObject *object)
{
  LampEventsPage *self = LAMP_EVENTS_PAGE (object);

  g_hash_table_unref (self->rows);
  g_hash_table_unref (self->selected);
  g_free (self->status);
  g_free (self->current);

  G_OBJECT_CLASS (lamp_events_page_parent_class)->finalize (object);
}

static void
lamp_events_page_get_property (GObject    *object,
                               guint       prop_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  LampEventsPage *self = LAMP_EVENTS_PAGE (object);

  switch (prop_id)
    {
    case PROP_STATUS:
      g_value_set_string (value, self->status);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_events_page_set_property (GObject      *object,
                               guint         prop_id,
                               const GValue *value,
                               GParamSpec   *pspec)
{
  LampEventsPage *self = LAMP_EVENTS_PAGE (object);

  switch (prop_id)
    {
    case PROP_STATUS:
      g_free (self->status);
      self->status = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_events_page_class_init (LampEventsPageClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = lamp_events_page_dispose;
  object_class->finalize = lamp_events_page_finalize;
  object_class->get_property = lamp_events_page_get_property;
  object_class->set_property = lamp_events_page_set_property;

  /**
   * LampEventsPage:status:
   *
   * Which events: "pending", "failed" or "delivered".
   */
  props[PROP_STATUS] = g_param_spec_string ("status", NULL, NULL, "pending",
                                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                                              G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[EVENT_ACTIVATED] = g_signal_new ("event-activated", LAMP_TYPE_EVENTS_PAGE,
                                           G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                           LAMP_TYPE_EVENT_ITEM);

  gtk_widget_class_set_template_from_resource (
    widget_class, "/io/github/lamppost/Lamppost/ui/lamp-events-page.ui");
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, stack);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, empty);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, view);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, bar);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, selected_label);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, all_box);
  gtk_widget_class_bind_template_child (widget_class, LampEventsPage, selected_box);
  gtk_widget_class_bind_template_callback (widget_class, row_setup_cb);
  gtk_widget_class_bind_template_callback (widget_class, row_bind_cb);
  gtk_widget_class_bind_template_callback (widget_class, row_unbind_cb);
  gtk_widget_class_bind_template_callback (widget_class, activate_cb);
  gtk_widget_class_bind_template_callback (widget_class, lamp_events_page_unselect_all);
}

static void
lamp_events_page_init (LampEventsPage *self)
{
  self->rows = g_hash_table_new (NULL, NULL);
  self->selected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  gtk_widget_init_template (GTK_WIDGET (self));
  update_selection (self);
}

/* --- what the window does ----------------------------------------------- */

static const char *
get_list_label (LampEventsPage *self)
{
  if (g_str_equal (self->status, "pending"))
    return _("Pending events");

  return g_str_equal (self->status, "failed") ? _("Failed events") : _("Delivered events");
}

void
lamp_events_page_set_client (LampEventsPage *self,
                             LampClient     *client)
{
  GtkNoSelection *model = NULL;

  g_return_if_fail (LAMP_IS_EVENTS_PAGE (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (self->list == NULL);

  self->list = lamp_event_list_new (client, self->status);
  self->shown = gtk_slice_list_model_new (g_object_ref (G_LIST_MODEL (self->list)), 0, FIRST_ROWS);
  model = gtk_no_selection_new (g_object_ref (G_LIST_MODEL (self->shown)));
  gtk_list_view_set_model (self->view, GTK_SELECTION_MODEL (model));
  g_object_unref (model);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->view), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  get_list_label (self), -1);

  g_signal_connect_object (self->list, "notify::n-items", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->list, "notify::ready", G_CALLBACK (update), self,
                           G_CONNECT_SWAPPED);
  update (self);
}

void
lamp_events_page_set_filter (LampEventsPage *self,
                             const char     *mission_id,
                             const char     *event_type,
                             const char     *text)
{
  g_return_if_fail (LAMP_IS_EVENTS_PAGE (self));
  g_return_if_fail (self->list != NULL);

  lamp_event_list_set_filter (self->list, mission_id, event_type, text);
  update (self);
}

void
lamp_events_page_set_current (LampEventsPage *self,
                              const char     *event_id)
{
  g_return_if_fail (LAMP_IS_EVENTS_PAGE (self));

  if (g_strcmp0 (self->current, event_id) == 0)
    return;

  g_free (self->current);
  self->current = g_strdup (event_id);
  update_rows (self);
}

char **
lamp_events_page_dup_selected (LampEventsPage *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  GHashTableIter iter;
  gpointer event_id;

  g_return_val_if_fail (LAMP_IS_EVENTS_PAGE (self), NULL);

  g_hash_table_iter_init (&iter, self->selected);
  while (g_hash_table_iter_next (&iter, &event_id, NULL))
    g_strv_builder_add (builder, event_id);

  return g_strv_builder_end (builder);
}

void
lamp_events_page_unselect_all (LampEventsPage *self)
{
  g_return_if_fail (LAMP_IS_EVENTS_PAGE (self));

  g_hash_table_remove_all (self->selected);
  update_rows (self);
  update_selection (self);
}
