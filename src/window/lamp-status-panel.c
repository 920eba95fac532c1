/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-status-panel.h"

#include "lamp-status-text.h"
#include "lamp-words.h"

#include <glib/gi18n.h>
#include <inttypes.h>

struct _LampStatusPanel
{
  AdwBin parent_instance;

  GtkBox *box;
  GtkImage *icon;
  GtkLabel *title;
  GtkLabel *body;
  GtkLabel *problem;
  GtkStack *actions;
  GtkWidget *replay_button;
  GtkProgressBar *progress;

  LampClient *client;  /* (owned) (nullable) until it is set */
  GSettings *settings; /* (owned) (nullable) until they are set */
  guint update_id;     /* 0 while nothing has changed */
  guint tick_id;       /* 0 while no time is counted down */
  gboolean narrow;
};

G_DEFINE_FINAL_TYPE (LampStatusPanel, lamp_status_panel, ADW_TYPE_BIN)

enum
{
  PROP_NARROW = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void update (LampStatusPanel *self);

static gboolean
tick_cb (gpointer user_data)
{
  LampStatusPanel *self = LAMP_STATUS_PANEL (user_data);

  self->tick_id = 0;
  update (self);

  return G_SOURCE_REMOVE;
}

/* The next second is waited for only while one is shown. */
static void
plan_tick (LampStatusPanel    *self,
           const LampSnapshot *snapshot,
           gint64              now)
{
  g_clear_handle_id (&self->tick_id, g_source_remove);
  if (snapshot->next_retry > now && gtk_widget_get_mapped (GTK_WIDGET (self)))
    self->tick_id = g_timeout_add_seconds (1, tick_cb, self);
}

static void
update_progress (LampStatusPanel    *self,
                 const LampSnapshot *snapshot)
{
  g_autofree char *words = NULL;

  if (snapshot->replay_total == 0)
    {
      gtk_progress_bar_set_fraction (self->progress, 0);
      gtk_progress_bar_set_text (self->progress, _("Sending…"));
      return;
    }

  /* TRANSLATORS: events of a pass that are settled, and all of them */
  words = g_strdup_printf (_("%" PRIu64 " of %" PRIu64), snapshot->replay_done,
                           snapshot->replay_total);
  gtk_progress_bar_set_text (self->progress, words);
  gtk_progress_bar_set_fraction (self->progress, MIN (1, (double) snapshot->replay_done /
                                                           (double) snapshot->replay_total));
}

static const char *
get_css_class (const LampSnapshot *snapshot,
               const char         *icon)
{
  if (g_str_equal (icon, "attention"))
    return "warning";

  if (snapshot->tally.pending == 0 && snapshot->online)
    return "success";

  return g_str_equal (icon, "sending") ? "accent" : "dim-label";
}

static void
update_icon (LampStatusPanel    *self,
             const LampSnapshot *snapshot)
{
  const char *icon = lamp_status_text_get_icon (snapshot);
  const char *classes[] = { get_css_class (snapshot, icon), NULL };
  g_autofree char *name = g_strdup_printf ("lamp-%s-symbolic", icon);

  gtk_image_set_from_icon_name (self->icon, name);
  gtk_widget_set_css_classes (GTK_WIDGET (self->icon), classes);
}

/* Why nothing gets through; where a person must act the banner says it. */
static void
update_problem (LampStatusPanel    *self,
                const LampSnapshot *snapshot)
{
  gboolean mends_itself = snapshot->state == LAMP_STATE_OFFLINE ||
                          snapshot->state == LAMP_STATE_WAITING ||
                          snapshot->state == LAMP_STATE_THROTTLED;
  gboolean shown = mends_itself && !snapshot->online && *snapshot->last_error != '\0';

  gtk_label_set_label (self->problem, snapshot->last_error);
  gtk_widget_set_visible (GTK_WIDGET (self->problem), shown);
}

/* It stands out only while something waits. Otherwise it tries the server once more. */
static void
update_replay_button (LampStatusPanel    *self,
                      const LampSnapshot *snapshot)
{
  if (snapshot->tally.pending > 0)
    gtk_widget_add_css_class (self->replay_button, "suggested-action");
  else
    gtk_widget_remove_css_class (self->replay_button, "suggested-action");
}

static void
show_snapshot (LampStatusPanel    *self,
               const LampSnapshot *snapshot,
               gint64              now)
{
  g_autofree char *title = lamp_words_dup_title (snapshot);
  g_autofree char *body = lamp_words_dup_body (snapshot, now);
  const char *action = "replay";

  if (snapshot->state == LAMP_STATE_REPLAYING)
    action = "progress";
  else if (snapshot->state == LAMP_STATE_PAUSED)
    action = "resume";

  gtk_label_set_label (self->title, title);
  gtk_label_set_label (self->body, body);
  gtk_stack_set_visible_child_name (self->actions, action);
  update_replay_button (self, snapshot);
  update_progress (self, snapshot);
  update_icon (self, snapshot);
  update_problem (self, snapshot);
  plan_tick (self, snapshot, now);
}

static void
update (LampStatusPanel *self)
{
  gint64 now = g_get_real_time ();
  g_autoptr (GVariant) properties = NULL;
  g_autoptr (LampSnapshot) snapshot = NULL;
  gint64 stalled_after;

  if (self->client == NULL || !lamp_client_get_available (self->client))
    return;

  stalled_after = g_settings_get_uint (self->settings, "stalled-after-hours") * G_TIME_SPAN_HOUR;
  properties = lamp_client_dup_properties (self->client);
  snapshot = lamp_snapshot_new_from_properties (properties, stalled_after, now);
  if (snapshot != NULL)
    show_snapshot (self, snapshot, now);
}

static gboolean
update_cb (gpointer user_data)
{
  LampStatusPanel *self = LAMP_STATUS_PANEL (user_data);

  self->update_id = 0;
  update (self);

  return G_SOURCE_REMOVE;
}

static void
update_soon (LampStatusPanel *self)
{
  if (self->update_id == 0)
    self->update_id = g_idle_add (update_cb, self);
}

/* Where there is little room the button stands below the words. */
static void
set_narrow (LampStatusPanel *self,
            gboolean         narrow)
{
  if (self->narrow == narrow)
    return;

  self->narrow = narrow;
  gtk_orientable_set_orientation (GTK_ORIENTABLE (self->box),
                                  narrow ? GTK_ORIENTATION_VERTICAL : GTK_ORIENTATION_HORIZONTAL);
  gtk_widget_set_hexpand (GTK_WIDGET (self->actions), narrow);
  gtk_widget_set_halign (GTK_WIDGET (self->actions), narrow ? GTK_ALIGN_FILL : GTK_ALIGN_END);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NARROW]);
}

static void
lamp_status_panel_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (lamp_status_panel_parent_class)->map (widget);

  update (LAMP_STATUS_PANEL (widget));
}

static void
lamp_status_panel_unmap (GtkWidget *widget)
{
  g_clear_handle_id (&LAMP_STATUS_PANEL (widget)->tick_id, g_source_remove);

  GTK_WIDGET_CLASS (lamp_status_panel_parent_class)->unmap (widget);
}

static void
lamp_status_panel_dispose (GObject *object)
{
  LampStatusPanel *self = LAMP_STATUS_PANEL (object);

  g_clear_handle_id (&self->update_id, g_source_remove);
  g_clear_handle_id (&self->tick_id, g_source_remove);
  g_clear_object (&self->client);
  g_clear_object (&self->settings);
  /* The bin would drop its child once more. */
  adw_bin_set_child (ADW_BIN (self), NULL);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_STATUS_PANEL);

  G_OBJECT_CLASS (lamp_status_panel_parent_class)->dispose (object);
}

static void
lamp_status_panel_get_property (GObject    *object,
                                guint       prop_id,
                                GValue     *value,
                                GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_NARROW:
      g_value_set_boolean (value, LAMP_STATUS_PANEL (object)->narrow);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_status_panel_set_property (GObject      *object,
                                guint         prop_id,
                                const GValue *value,
                                GParamSpec   *pspec)
{
  switch (prop_id)
    {
    case PROP_NARROW:
      set_narrow (LAMP_STATUS_PANEL (object), g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_status_panel_class_init (LampStatusPanelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = lamp_status_panel_dispose;
  object_class->get_property = lamp_status_panel_get_property;
  object_class->set_property = lamp_status_panel_set_property;
  widget_class->map = lamp_status_panel_map;
  widget_class->unmap = lamp_status_panel_unmap;

  /**
   * LampStatusPanel:narrow:
   *
   * Whether there is little room.
   */
  props[PROP_NARROW] = g_param_spec_boolean ("narrow", NULL, NULL, FALSE,
                                             G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY |
                                               G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);

  gtk_widget_class_set_template_from_resource (
    widget_class, "/io/github/lamppost/Lamppost/ui/lamp-status-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, box);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, icon);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, title);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, body);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, problem);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, actions);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, replay_button);
  gtk_widget_class_bind_template_child (widget_class, LampStatusPanel, progress);
}

static void
lamp_status_panel_init (LampStatusPanel *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
lamp_status_panel_set_client (LampStatusPanel *self,
                              LampClient      *client,
                              GSettings       *settings)
{
  g_return_if_fail (LAMP_IS_STATUS_PANEL (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (self->client == NULL);

  self->client = g_object_ref (client);
  self->settings = g_object_ref (settings);
  g_signal_connect_object (lamp_client_get_proxy (client), "g-properties-changed",
                           G_CALLBACK (update_soon), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::available", G_CALLBACK (update_soon), self,
                           G_CONNECT_SWAPPED);
  update (self);
}
