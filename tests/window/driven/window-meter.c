/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-application.h"
#include "lamp-event-row.h"
#include "lamp-events-page.h"
#include "lamp-loop-meter.h"
#include "lamp-test-util.h"
#include "lamp-window.h"

#include <malloc.h>
#include <stdio.h>

/* The real window in this process, against the agent on the bus, so that the time it takes, what it
 * holds the main loop for and what it grows by can be told. Prints a figure a line. */

#define OPENINGS 7
#define SCROLL_STEPS 60

static LampApplication *application;

static void
print_figure (const char *name,
              double      value)
{
  printf ("%s %.2f\n", name, value);
  fflush (stdout);
}

static double
get_resident_kb (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) words = NULL;

  malloc_trim (0);
  g_assert_true (g_file_get_contents ("/proc/self/status", &text, NULL, NULL));
  words = g_strsplit (strstr (text, "RssAnon:"), "kB", 2);

  return g_ascii_strtod (words[0] + strlen ("RssAnon:"), NULL);
}

/* --- what is shown ------------------------------------------------------ */

static GtkWidget *
get_window (void)
{
  GList *windows = gtk_application_get_windows (GTK_APPLICATION (application));

  return windows != NULL ? windows->data : NULL;
}

/* The first widget of a type that is shown, for rows one that isn't blank. */
static GtkWidget *
find_shown (GtkWidget *widget,
            GType      type)
{
  if (!gtk_widget_get_mapped (widget))
    return NULL;

  if (g_type_is_a (G_OBJECT_TYPE (widget), type))
    {
      LampEventItem *item;

      if (type != LAMP_TYPE_EVENT_ROW)
        return widget;

      item = lamp_event_row_get_item (LAMP_EVENT_ROW (widget));

      return item != NULL && !lamp_event_item_is_blank (item) ? widget : NULL;
    }

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_shown (child, type);

      if (found != NULL)
        return found;
    }

  return NULL;
}

static gboolean
shows (GType type)
{
  GtkWidget *window = get_window ();

  return window != NULL && find_shown (window, type) != NULL;
}

static GtkAdjustment *
get_adjustment (void)
{
  GtkWidget *list = find_shown (get_window (), GTK_TYPE_LIST_VIEW);

  g_assert_nonnull (list);

  return gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (list));
}

static void
painted_cb (GdkFrameClock *clock,
            gboolean      *painted)
{
  *painted = TRUE;
}

/* Not in the model: on the screen. */
static void
wait_for_frame (void)
{
  GdkFrameClock *clock = gtk_widget_get_frame_clock (get_window ());
  gboolean painted = FALSE;
  gulong id = g_signal_connect (clock, "after-paint", G_CALLBACK (painted_cb), &painted);

  gtk_widget_queue_draw (get_window ());
  lamp_test_wait_until (painted);
  g_signal_handler_disconnect (clock, id);
}

/* --- opening and closing ------------------------------------------------ */

static double
open_window (void)
{
  gint64 start = g_get_monotonic_time ();

  g_application_activate (G_APPLICATION (application));
  lamp_test_wait_until (shows (LAMP_TYPE_EVENT_ROW));
  wait_for_frame ();

  return (double) (g_get_monotonic_time () - start) / 1e3;
}

static void
close_window (void)
{
  gtk_window_close (GTK_WINDOW (get_window ()));
  lamp_test_wait_until (get_window () == NULL);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  double difference = *(const double *) a - *(const double *) b;

  return difference < 0 ? -1 : difference > 0;
}

static void
measure_opening (void)
{
  double times[OPENINGS];

  open_window ();
  for (guint i = 0; i < OPENINGS; i++)
    {
      close_window ();
      times[i] = open_window ();
    }
  qsort (times, OPENINGS, sizeof *times, compare_doubles);
  print_figure ("opening-ms", times[OPENINGS / 2]);
  print_figure ("resident-kb", get_resident_kb ());
}

static void
measure_reopening (guint count)
{
  double before;

  /* The first ones fill caches. */
  for (guint i = 0; i < 20; i++)
    {
      close_window ();
      open_window ();
    }
  before = get_resident_kb ();
  for (guint i = 0; i < count; i++)
    {
      close_window ();
      open_window ();
    }
  print_figure ("reopening-growth-kb", get_resident_kb () - before);
}

/* --- scrolling and searching -------------------------------------------- */

static void
measure_scrolling (void)
{
  GtkAdjustment *adjustment = get_adjustment ();
  gint64 start = g_get_monotonic_time ();

  lamp_loop_meter_start ();
  for (guint i = 1; i <= SCROLL_STEPS; i++)
    {
      double end = gtk_adjustment_get_upper (adjustment) -
                   gtk_adjustment_get_page_size (adjustment);

      gtk_adjustment_set_value (adjustment, end * i / SCROLL_STEPS);
      wait_for_frame ();
    }
  lamp_test_wait_until (shows (LAMP_TYPE_EVENT_ROW));
  wait_for_frame ();
  print_figure ("scrolling-held-ms", (double) lamp_loop_meter_stop () / 1e3);
  print_figure ("scrolling-ms", (double) (g_get_monotonic_time () - start) / 1e3);
  print_figure ("scrolled-resident-kb", get_resident_kb ());
  gtk_adjustment_set_value (get_adjustment (), 0);
  lamp_test_wait_until (shows (LAMP_TYPE_EVENT_ROW));
}

static void
type_into (const char *name,
           const char *text)
{
  GObject *entry = gtk_widget_get_template_child (get_window (), LAMP_TYPE_WINDOW, name);

  gtk_editable_set_text (GTK_EDITABLE (entry), text);
}

static void
measure_search (const char *figure,
                const char *entry,
                const char *text,
                GType       found)
{
  g_autofree char *held = g_strconcat (figure, "-held-ms", NULL);
  g_autofree char *took = g_strconcat (figure, "-ms", NULL);
  gint64 start = g_get_monotonic_time ();

  lamp_loop_meter_start ();
  type_into (entry, text);
  lamp_test_wait_until (!shows (LAMP_TYPE_EVENT_ROW));
  lamp_test_wait_until (shows (found));
  wait_for_frame ();
  print_figure (held, (double) lamp_loop_meter_stop () / 1e3);
  print_figure (took, (double) (g_get_monotonic_time () - start) / 1e3);

  type_into (entry, "");
  lamp_test_wait_until (!shows (found) || found == LAMP_TYPE_EVENT_ROW);
  lamp_test_wait_until (shows (LAMP_TYPE_EVENT_ROW));
}

static void
measure_all (guint reopenings)
{
  measure_opening ();
  measure_scrolling ();
  measure_search ("search", "search_entry", "there is nothing like it", ADW_TYPE_STATUS_PAGE);
  measure_search ("filter", "type_entry", "MissionJoined", LAMP_TYPE_EVENT_ROW);
  print_figure ("searched-resident-kb", get_resident_kb ());
  if (reopenings > 0)
    measure_reopening (reopenings);
}

/* With a number the window is opened that often at last; without one it is opened only once. */
int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) error = NULL;

  application = lamp_application_new ();
  g_application_hold (G_APPLICATION (application));
  g_application_register (G_APPLICATION (application), NULL, &error);
  g_assert_no_error (error);

  if (argc > 1)
    measure_all ((guint) atoi (argv[1]));
  else
    print_figure ("first-opening-ms", open_window ());

  close_window ();
  g_application_release (G_APPLICATION (application));
  g_object_unref (application);

  return EXIT_SUCCESS;
}
