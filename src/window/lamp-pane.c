/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-pane.h"

struct _LampPane
{
  AdwBin parent_instance;
};

G_DEFINE_FINAL_TYPE (LampPane, lamp_pane, ADW_TYPE_BIN)

static GtkSizeRequestMode
lamp_pane_get_request_mode (GtkWidget *widget)
{
  return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static void
lamp_pane_measure (GtkWidget     *widget,
                   GtkOrientation orientation,
                   int            for_size,
                   int           *minimum,
                   int           *natural,
                   int           *minimum_baseline,
                   int           *natural_baseline)
{
  GtkWidget *scrolled = adw_bin_get_child (ADW_BIN (widget));

  gtk_widget_measure (scrolled, orientation, for_size, minimum, natural, NULL, NULL);

  if (orientation == GTK_ORIENTATION_VERTICAL)
    {
      GtkWidget *content = gtk_scrolled_window_get_child (GTK_SCROLLED_WINDOW (scrolled));
      int height;

      gtk_widget_measure (content, orientation, for_size, NULL, &height, NULL, NULL);
      *natural = MAX (*minimum, height);
    }
}

static void
lamp_pane_size_allocate (GtkWidget *widget,
                         int        width,
                         int        height,
                         int        baseline)
{
  gtk_widget_allocate (adw_bin_get_child (ADW_BIN (widget)), width, height, baseline, NULL);
}

static void
lamp_pane_class_init (LampPaneClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->get_request_mode = lamp_pane_get_request_mode;
  widget_class->measure = lamp_pane_measure;
  widget_class->size_allocate = lamp_pane_size_allocate;
}

static void
lamp_pane_init (LampPane *self)
{
  /* The bin's would measure in place of this class. */
  gtk_widget_set_layout_manager (GTK_WIDGET (self), NULL);
}
