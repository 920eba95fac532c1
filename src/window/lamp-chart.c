/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-chart.h"

#include "lamp-words.h"

#include <adwaita.h>

/* Enough to tell a hill from a plain, and little enough to leave room for the list. */
#define HEIGHT 84
#define WIDTH_MIN 120

/* Of the scale, from the top down. */
#define N_LINES 2

#define LINE_WIDTH 2.0
#define LABEL_GAP 6
#define SCALE_MIN 4

/* What happened is to be seen, however little it is. */
#define BAR_MIN 2

typedef struct
{
  guint pending;
  guint delivered;
  guint failed;
} Point;

struct _LampChart
{
  GtkWidget parent_instance;

  GArray *points; /* (owned) of Point */
  guint scale;    /* the value at the top; one for all, so that what is larger looks larger */
  gboolean has_failed;
};

G_DEFINE_FINAL_TYPE (LampChart, lamp_chart, GTK_TYPE_WIDGET)

guint
lamp_chart_get_scale (guint largest)
{
  static const guint steps[] = { 1, 2, 4, 6 };
  guint64 power = 1;

  for (guint i = 0;; i++)
    {
      guint64 scale = steps[i % G_N_ELEMENTS (steps)] * power;

      if (scale >= largest && scale >= SCALE_MIN)
        return (guint) MIN (scale, G_MAXUINT);

      if (i % G_N_ELEMENTS (steps) == G_N_ELEMENTS (steps) - 1)
        power *= 10;
    }
}

/* --- drawing ------------------------------------------------------------ */

static GdkRGBA
get_color (LampChart  *self,
           const char *name,
           double      alpha)
{
  GtkStyleContext *context = gtk_widget_get_style_context (GTK_WIDGET (self));
  GdkRGBA color;

  if (!gtk_style_context_lookup_color (context, name, &color))
    gtk_style_context_get_color (context, &color);
  color.alpha *= (float) alpha;

  return color;
}

static PangoLayout *
create_label (LampChart *self,
              guint      value)
{
  g_autofree char *text = lamp_words_dup_count (value);
  PangoLayout *layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), text);
  g_autoptr (PangoAttrList) attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_scale_new (PANGO_SCALE_SMALL));
  pango_layout_set_attributes (layout, attributes);

  return layout;
}

static void
draw_grid (LampChart   *self,
           GtkSnapshot *snapshot,
           float        left,
           float        width,
           float        height)
{
  gboolean rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  gboolean contrast = adw_style_manager_get_high_contrast (adw_style_manager_get_default ());
  GdkRGBA line = get_color (self, "view_fg_color", contrast ? 0.5 : 0.12);
  GdkRGBA ink = get_color (self, "view_fg_color", contrast ? 1 : 0.55);

  for (guint i = 0; i <= N_LINES; i++)
    {
      float y = height * (float) i / N_LINES;
      g_autoptr (PangoLayout) label = create_label (self, self->scale * (N_LINES - i) / N_LINES);
      int label_width;
      int label_height;
      float label_x;
      float label_y;

      gtk_snapshot_append_color (snapshot, &line,
                                 &GRAPHENE_RECT_INIT (left, MIN ((int) y, height - 1), width, 1));
      pango_layout_get_pixel_size (label, &label_width, &label_height);
      label_x = rtl ? left + width + LABEL_GAP : left - LABEL_GAP - (float) label_width;
      label_y = CLAMP (y - (float) label_height / 2, 0, height - (float) label_height);
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (label_x, label_y));
      gtk_snapshot_append_layout (snapshot, label, &ink);
      gtk_snapshot_restore (snapshot);
    }
}

static void
draw_bars (LampChart   *self,
           GtkSnapshot *snapshot,
           float        left,
           float        width,
           float        height)
{
  GdkRGBA color = get_color (self, "success_color", 0.55);
  float step = width / (float) self->points->len;
  float bar = MAX (step * 0.7f, 1);

  for (guint i = 0; i < self->points->len; i++)
    {
      guint delivered = g_array_index (self->points, Point, i).delivered;
      float x = left + step * (float) i + (step - bar) / 2;
      float length = height * (float) delivered / (float) self->scale;

      if (delivered > 0)
        length = MAX (length, BAR_MIN);
      gtk_snapshot_append_color (snapshot, &color,
                                 &GRAPHENE_RECT_INIT (x, height - length, bar, length));
    }
}

static guint
get_depth (const Point *point,
           gboolean     failed)
{
  return failed ? point->failed : point->pending;
}

static void
trace_depth (LampChart *self,
             cairo_t   *cr,
             gboolean   failed,
             double     width,
             double     height)
{
  double step = width / self->points->len;

  for (guint i = 0; i < self->points->len; i++)
    {
      guint depth = get_depth (&g_array_index (self->points, Point, i), failed);
      double y = height - LINE_WIDTH / 2 - (height - LINE_WIDTH) * depth / self->scale;

      if (i == 0)
        cairo_move_to (cr, 0, y);
      cairo_line_to (cr, step * (i + 0.5), y);
      if (i == self->points->len - 1)
        cairo_line_to (cr, width, y);
    }
}

static void
draw_depth (LampChart   *self,
            GtkSnapshot *snapshot,
            gboolean     failed,
            float        left,
            float        width,
            float        height)
{
  const char *name = failed ? "error_color" : "accent_color";
  GdkRGBA line = get_color (self, name, 1);
  GdkRGBA area = get_color (self, name, 0.15);
  /* Where nothing is failed there is no line. */
  float visible = failed ? height - (float) LINE_WIDTH : height;
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (left, 0, width, visible));

  cairo_translate (cr, left, 0);
  trace_depth (self, cr, failed, width, height);
  gdk_cairo_set_source_rgba (cr, &line);
  cairo_set_line_width (cr, LINE_WIDTH);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_ROUND);
  cairo_stroke_preserve (cr);
  cairo_line_to (cr, width, height);
  cairo_line_to (cr, 0, height);
  cairo_close_path (cr);
  gdk_cairo_set_source_rgba (cr, &area);
  cairo_fill (cr);
  cairo_destroy (cr);
}

static void
lamp_chart_snapshot (GtkWidget   *widget,
                     GtkSnapshot *snapshot)
{
  LampChart *self = LAMP_CHART (widget);
  gboolean rtl = gtk_widget_get_direction (widget) == GTK_TEXT_DIR_RTL;
  g_autoptr (PangoLayout) widest = create_label (self, self->scale);
  float height = (float) gtk_widget_get_height (widget);
  int label_width;
  float left;
  float width;

  pango_layout_get_pixel_size (widest, &label_width, NULL);
  left = rtl ? 0 : (float) (label_width + LABEL_GAP);
  width = (float) (gtk_widget_get_width (widget) - label_width - LABEL_GAP);
  if (width < 1 || height < 1)
    return;

  draw_grid (self, snapshot, left, width, height);
  if (self->points->len == 0)
    return;

  gtk_snapshot_save (snapshot);
  if (rtl)
    {
      /* Time goes as reading does. */
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (width, 0));
      gtk_snapshot_scale (snapshot, -1, 1);
    }
  draw_bars (self, snapshot, left, width, height);
  if (self->has_failed)
    draw_depth (self, snapshot, TRUE, left, width, height);
  draw_depth (self, snapshot, FALSE, left, width, height);
  gtk_snapshot_restore (snapshot);
}

static void
lamp_chart_measure (GtkWidget     *widget,
                    GtkOrientation orientation,
                    int            for_size,
                    int           *minimum,
                    int           *natural,
                    int           *minimum_baseline,
                    int           *natural_baseline)
{
  *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? WIDTH_MIN : HEIGHT;
}

/* --- the object --------------------------------------------------------- */

static void
lamp_chart_finalize (GObject *object)
{
  LampChart *self = LAMP_CHART (object);

  g_array_unref (self->points);

  G_OBJECT_CLASS (lamp_chart_parent_class)->finalize (object);
}

static void
lamp_chart_class_init (LampChartClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lamp_chart_finalize;
  widget_class->snapshot = lamp_chart_snapshot;
  widget_class->measure = lamp_chart_measure;

  gtk_widget_class_set_css_name (widget_class, "chart");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
lamp_chart_init (LampChart *self)
{
  self->points = g_array_new (FALSE, FALSE, sizeof (Point));
  self->scale = SCALE_MIN;
  g_signal_connect_object (adw_style_manager_get_default (), "notify::high-contrast",
                           G_CALLBACK (gtk_widget_queue_draw), self, G_CONNECT_SWAPPED);
}

void
lamp_chart_set_points (LampChart  *self,
                       GVariant   *points,
                       const char *summary)
{
  GVariantIter iter;
  Point point;
  guint largest = 0;

  g_return_if_fail (LAMP_IS_CHART (self));
  g_return_if_fail (g_variant_is_of_type (points, G_VARIANT_TYPE ("a(xuuu)")));

  g_array_set_size (self->points, 0);
  self->has_failed = FALSE;
  g_variant_iter_init (&iter, points);
  while (
    g_variant_iter_next (&iter, "(xuuu)", NULL, &point.pending, &point.delivered, &point.failed))
    {
      largest = MAX (largest, MAX (point.pending, MAX (point.delivered, point.failed)));
      self->has_failed |= point.failed > 0;
      g_array_append_val (self->points, point);
    }

  self->scale = lamp_chart_get_scale (largest);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, summary,
                                  GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, summary, -1);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), summary);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}
