/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-application.h"
#include "lamp-json.h"
#include "lamp-locale.h"
#include "lamp-window.h"

#include <gio/gunixinputstream.h>
#include <unistd.h>

/* The real window in this process, against the agent on the bus. Does what the lines on standard
 * input say, and tells every text that is on the screen, whether it is cut off, and where it is:
 * what a screen reader isn't told.
 *
 *   action NAME [TEXT]   what a button or a key does
 *   size WIDTH HEIGHT    of the main window
 *   activate N           a row of the list
 *   view N               a page of what is on top
 *   menu                 opens the main menu
 *   close                what is on top of the main window
 *   read                 answers with a JSON object a line, and an empty line
 */

static LampApplication *application;

static GtkWindow *
get_main_window (void)
{
  GList *windows = gtk_application_get_windows (GTK_APPLICATION (application));

  for (; windows != NULL; windows = windows->next)
    if (LAMP_IS_WINDOW (windows->data))
      return windows->data;

  return NULL;
}

/* Another window than the main one, if there is one. */
static GtkWindow *
get_top_window (void)
{
  GListModel *windows = gtk_window_get_toplevels ();

  for (guint i = 0; i < g_list_model_get_n_items (windows); i++)
    {
      g_autoptr (GtkWindow) window = g_list_model_get_item (windows, i);

      if (!LAMP_IS_WINDOW (window) && gtk_widget_get_mapped (GTK_WIDGET (window)))
        return window;
    }

  return get_main_window ();
}

static GtkWidget *
find_shown (GtkWidget *widget,
            GType      type)
{
  if (!gtk_widget_get_mapped (widget))
    return NULL;

  if (g_type_is_a (G_OBJECT_TYPE (widget), type))
    return widget;

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_shown (child, type);

      if (found != NULL)
        return found;
    }

  return NULL;
}

/* --- what is to be read ------------------------------------------------- */

static void
append_string (GString    *json,
               const char *name,
               const char *text)
{
  g_string_append_printf (json, ", \"%s\": ", name);
  lamp_json_append_string (json, text != NULL ? text : "");
}

/* The type of ours, or else of libadwaita, that a widget is in. */
static const char *
get_part (GtkWidget *widget)
{
  for (; widget != NULL; widget = gtk_widget_get_parent (widget))
    if (g_str_has_prefix (G_OBJECT_TYPE_NAME (widget), "Lamp") ||
        g_str_has_prefix (G_OBJECT_TYPE_NAME (widget), "Adw"))
      return G_OBJECT_TYPE_NAME (widget);

  return "";
}

static void
print_text (GtkWidget  *top,
            GtkWidget  *widget,
            const char *kind,
            const char *text,
            gboolean    cut)
{
  g_autoptr (GString) json = g_string_new (NULL);
  GtkNative *native = gtk_widget_get_native (widget);
  GtkWidget *frame = GTK_WIDGET (native);
  graphene_rect_t bounds;

  if (text == NULL || *text == '\0' || !gtk_widget_compute_bounds (widget, frame, &bounds))
    return;

  g_string_append_printf (json, "{\"left\": %d, \"right\": %d, \"width\": %d, \"cut\": %s",
                          (int) bounds.origin.x, (int) (bounds.origin.x + bounds.size.width),
                          gtk_widget_get_width (frame), cut ? "true" : "false");
  append_string (json, "kind", kind);
  append_string (json, "text", text);
  append_string (json, "in", get_part (widget));
  append_string (json, "window", G_OBJECT_TYPE_NAME (top));
  printf ("%s}\n", json->str);
}

static void
print_texts (GtkWidget *top,
             GtkWidget *widget)
{
  if (!gtk_widget_get_mapped (widget) || GTK_IS_TEXT_VIEW (widget))
    return;

  if (GTK_IS_LABEL (widget))
    {
      GtkLabel *label = GTK_LABEL (widget);

      print_text (top, widget, "label", gtk_label_get_text (label),
                  pango_layout_is_ellipsized (gtk_label_get_layout (label)));
    }
  print_text (top, widget, "tooltip", gtk_widget_get_tooltip_text (widget), FALSE);

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child != NULL;
       child = gtk_widget_get_next_sibling (child))
    print_texts (top, child);
}

static void
read_texts (void)
{
  GtkWidget *top = GTK_WIDGET (get_top_window ());

  if (top != NULL)
    print_texts (top, top);
  printf ("\n");
  fflush (stdout);
}

/* --- what is to be done ------------------------------------------------- */

static void
activate_action (const char *name,
                 const char *text)
{
  GtkWidget *window = GTK_WIDGET (get_main_window ());

  if (text != NULL)
    gtk_widget_activate_action (window, name, "s", text);
  else
    gtk_widget_activate_action (window, name, NULL);
}

static void
show_view (guint number)
{
  GtkWidget *stack = find_shown (GTK_WIDGET (get_top_window ()), ADW_TYPE_VIEW_STACK);
  g_autoptr (GtkSelectionModel) pages = NULL;

  g_assert_nonnull (stack);
  pages = adw_view_stack_get_pages (ADW_VIEW_STACK (stack));
  gtk_selection_model_select_item (pages, number, TRUE);
}

static void
activate_row (guint number)
{
  GtkWidget *list = find_shown (GTK_WIDGET (get_main_window ()), GTK_TYPE_LIST_VIEW);

  g_assert_nonnull (list);
  gtk_widget_activate_action (list, "list.activate-item", "u", number);
}

static void
open_menu (void)
{
  GtkWidget *button = find_shown (GTK_WIDGET (get_main_window ()), GTK_TYPE_MENU_BUTTON);

  g_assert_nonnull (button);
  gtk_menu_button_popup (GTK_MENU_BUTTON (button));
}

static void
close_top (void)
{
  GtkWindow *top = get_top_window ();
  GtkWidget *popover = find_shown (GTK_WIDGET (top), GTK_TYPE_POPOVER);

  if (popover != NULL)
    gtk_popover_popdown (GTK_POPOVER (popover));
  else if (!LAMP_IS_WINDOW (top))
    gtk_window_close (top);
}

static void
obey (const char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  const char *first = words[0] != NULL ? words[1] : NULL;
  const char *second = first != NULL ? words[2] : NULL;

  if (g_str_equal (line, "read"))
    read_texts ();
  else if (g_str_equal (line, "menu"))
    open_menu ();
  else if (g_str_equal (line, "close"))
    close_top ();
  else if (g_str_equal (words[0], "action"))
    activate_action (first, second);
  else if (g_str_equal (words[0], "activate"))
    activate_row ((guint) atoi (first));
  else if (g_str_equal (words[0], "view"))
    show_view ((guint) atoi (first));
  else if (g_str_equal (words[0], "size"))
    gtk_window_set_default_size (get_main_window (), atoi (first), atoi (second));
  else
    g_error ("“%s” can't be done", line);
}

static void
line_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GDataInputStream *input = G_DATA_INPUT_STREAM (source);
  g_autofree char *line = g_data_input_stream_read_line_finish (input, result, NULL, NULL);

  if (line == NULL)
    {
      g_application_quit (G_APPLICATION (application));
      return;
    }

  obey (line);
  g_data_input_stream_read_line_async (input, G_PRIORITY_LOW, NULL, line_cb, NULL);
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GInputStream) standard_input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr (GDataInputStream) input = g_data_input_stream_new (standard_input);
  int status;

  lamp_locale_init ();
  g_set_application_name ("Lamppost");
  application = lamp_application_new ();
  g_data_input_stream_read_line_async (input, G_PRIORITY_LOW, NULL, line_cb, NULL);
  status = g_application_run (G_APPLICATION (application), argc, argv);
  g_object_unref (application);

  return status;
}
