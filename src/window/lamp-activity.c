/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-activity.h"

#include "lamp-chart.h"

#include <glib/gi18n.h>

/* An hour in minutes, a day in quarters of an hour: as many bars as a phone can show. */
#define HOUR_STEP 60
#define HOUR_SPAN (60 * 60)
#define DAY_STEP (15 * 60)
#define DAY_SPAN (24 * 60 * 60)

/* The chart moves on even if nothing happens. */
#define REFRESH_INTERVAL_S 15

/* What happens is drawn soon, but not each event by itself. */
#define REFRESH_SOON_MS 1000

struct _LampActivity
{
  AdwBin parent_instance;

  GtkRevealer *revealer;
  LampChart *chart;
  GtkToggleButton *day_button;

  LampClient *client;   /* (owned) (nullable) until it is set */
  GCancellable *cancel; /* (owned) */
  guint refresh_id;     /* 0 while nobody sees it */
  guint soon_id;        /* 0 while nothing has happened */
};

G_DEFINE_FINAL_TYPE (LampActivity, lamp_activity, ADW_TYPE_BIN)

char *
lamp_activity_dup_summary (GVariant *points,
                           gboolean  day)
{
  GVariantIter iter;
  guint pending = 0;
  guint failed = 0;
  guint delivered;
  guint largest = 0;
  guint all_delivered = 0;

  g_variant_iter_init (&iter, points);
  while (g_variant_iter_next (&iter, "(xuuu)", NULL, &pending, &delivered, &failed))
    {
      largest = MAX (largest, pending);
      all_delivered += delivered;
    }

  if (day)
    return g_strdup_printf (
      /* TRANSLATORS: what the chart shows, read aloud; numbers of events, each may be 0 or 1 */
      _("In the last day: %u delivered, at most %u waiting. Now: %u waiting, %u failed."),
      all_delivered, largest, pending, failed);

  return g_strdup_printf (
    /* TRANSLATORS: what the chart shows, read aloud; numbers of events, each may be 0 or 1 */
    _("In the last hour: %u delivered, at most %u waiting. Now: %u waiting, %u failed."),
    all_delivered, largest, pending, failed);
}

static void
history_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (LampActivity) self = LAMP_ACTIVITY (user_data);
  g_autoptr (GVariant) points = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *summary = NULL;

  if (!lamp_bus_agent1_call_history_finish (LAMP_BUS_AGENT1 (source), &points, result, &error))
    {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;

      g_debug ("no chart: %s", error->message);
      gtk_revealer_set_reveal_child (self->revealer, FALSE);
      return;
    }

  summary = lamp_activity_dup_summary (points, gtk_toggle_button_get_active (self->day_button));
  lamp_chart_set_points (self->chart, points, summary);
  gtk_revealer_set_reveal_child (self->revealer, TRUE);
}

static void
refresh (LampActivity *self)
{
  gboolean day = gtk_toggle_button_get_active (self->day_button);
  gint64 now = g_get_real_time ();

  if (self->client == NULL || !lamp_client_get_available (self->client))
    return;

  lamp_bus_agent1_call_history (lamp_client_get_proxy (self->client),
                                now - (day ? DAY_SPAN : HOUR_SPAN) * (gint64) G_USEC_PER_SEC,
                                day ? DAY_STEP : HOUR_STEP, self->cancel, history_cb,
                                g_object_ref (self));
}

static gboolean
refresh_cb (gpointer user_data)
{
  refresh (LAMP_ACTIVITY (user_data));

  return G_SOURCE_CONTINUE;
}

static gboolean
soon_cb (gpointer user_data)
{
  LampActivity *self = LAMP_ACTIVITY (user_data);

  self->soon_id = 0;
  refresh (self);

  return G_SOURCE_REMOVE;
}

static void
refresh_soon (LampActivity *self)
{
  if (self->soon_id == 0 && self->refresh_id != 0)
    self->soon_id = g_timeout_add (REFRESH_SOON_MS, soon_cb, self);
}

static void
lamp_activity_map (GtkWidget *widget)
{
  LampActivity *self = LAMP_ACTIVITY (widget);

  GTK_WIDGET_CLASS (lamp_activity_parent_class)->map (widget);

  self->refresh_id = g_timeout_add_seconds (REFRESH_INTERVAL_S, refresh_cb, self);
  refresh (self);
}

static void
lamp_activity_unmap (GtkWidget *widget)
{
  LampActivity *self = LAMP_ACTIVITY (widget);

  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->soon_id, g_source_remove);

  GTK_WIDGET_CLASS (lamp_activity_parent_class)->unmap (widget);
}

static void
lamp_activity_dispose (GObject *object)
{
  LampActivity *self = LAMP_ACTIVITY (object);

  g_cancellable_cancel (self->cancel);
  g_clear_object (&self->client);
  /* The bin would drop its child once more. */
  adw_bin_set_child (ADW_BIN (self), NULL);
  gtk_widget_dispose_template (GTK_WIDGET (self), LAMP_TYPE_ACTIVITY);

  G_OBJECT_CLASS (lamp_activity_parent_class)->dispose (object);
}

static void
lamp_activity_finalize (GObject *object)
{
  LampActivity *self = LAMP_ACTIVITY (object);

  g_clear_object (&self->cancel);

  G_OBJECT_CLASS (lamp_activity_parent_class)->finalize (object);
}

static void
lamp_activity_class_init (LampActivityClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->dispose = lamp_activity_dispose;
  object_class->finalize = lamp_activity_finalize;
  widget_class->map = lamp_activity_map;
  widget_class->unmap = lamp_activity_unmap;

  g_type_ensure (LAMP_TYPE_CHART);
  gtk_widget_class_set_template_from_resource (widget_class,
                                               "/io/github/lamppost/Lamppost/ui/lamp-activity.ui");
  gtk_widget_class_bind_template_child (widget_class, LampActivity, revealer);
  gtk_widget_class_bind_template_child (widget_class, LampActivity, chart);
  gtk_widget_class_bind_template_child (widget_class, LampActivity, day_button);
  gtk_widget_class_bind_template_callback (widget_class, refresh);
}

static void
lamp_activity_init (LampActivity *self)
{
  self->cancel = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}

void
lamp_activity_set_client (LampActivity *self,
                          LampClient   *client)
{
  LampBusAgent1 *agent;

  g_return_if_fail (LAMP_IS_ACTIVITY (self));
  g_return_if_fail (LAMP_IS_CLIENT (client));
  g_return_if_fail (self->client == NULL);

  self->client = g_object_ref (client);
  agent = lamp_client_get_proxy (client);
  g_signal_connect_object (agent, "notify::pending", G_CALLBACK (refresh_soon), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (agent, "notify::failed", G_CALLBACK (refresh_soon), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (agent, "notify::last-delivery", G_CALLBACK (refresh_soon), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (client, "notify::available", G_CALLBACK (refresh), self,
                           G_CONNECT_SWAPPED);
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    refresh (self);
}
