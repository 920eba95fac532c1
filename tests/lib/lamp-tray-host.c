/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-host.h"

#include "lamp-test-util.h"

#define INTERFACE "org.kde.StatusNotifierItem"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define ITEM_PATH "/StatusNotifierItem"

typedef struct
{
  const char *name;
  gboolean reads_all;       /* after each signal */
  gboolean reads_status;    /* instead of believing the signal */
  gboolean draws_attention; /* has the icon for it */
  gboolean has_tooltip;
  gboolean has_label;
} Style;

static const Style styles[LAMP_TRAY_HOST_N_STYLES] = {
  [LAMP_TRAY_HOST_PLASMA] = { "plasma", TRUE, FALSE, TRUE, TRUE, FALSE },
  [LAMP_TRAY_HOST_XFCE] = { "xfce", TRUE, FALSE, FALSE, TRUE, FALSE },
  [LAMP_TRAY_HOST_WAYBAR] = { "waybar", TRUE, TRUE, FALSE, TRUE, FALSE },
  [LAMP_TRAY_HOST_LXQT] = { "lxqt", FALSE, FALSE, TRUE, TRUE, FALSE },
  [LAMP_TRAY_HOST_GNOME] = { "gnome", FALSE, FALSE, TRUE, FALSE, TRUE },
  [LAMP_TRAY_HOST_MATE] = { "mate", FALSE, TRUE, FALSE, TRUE, FALSE },
  [LAMP_TRAY_HOST_SWAY] = { "sway", FALSE, FALSE, TRUE, FALSE, FALSE },
};

typedef struct
{
  char *name;
  GVariant *parameters;
} Signal;

struct _LampTrayHost
{
  const Style *style;
  GDBusConnection *connection; /* (owned) */
  char *bus_name;              /* (owned) */
  GHashTable *values;          /* (owned) name → GVariant */
  GQueue signals;              /* (owned) of Signal, not dealt with yet */
  guint subscription;
  guint n_signals;
};

static void
signal_free (gpointer data)
{
  Signal *signal = data;

  g_free (signal->name);
  g_variant_unref (signal->parameters);
  g_free (signal);
}

static GVariant *
call (LampTrayHost *self,
      const char   *interface,
      const char   *method,
      GVariant     *parameters)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  GVariant *reply;

  g_dbus_connection_call (self->connection, self->bus_name, ITEM_PATH, interface, method,
                          parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, lamp_test_result_cb,
                          &result);
  lamp_test_wait_until (result != NULL);
  reply = g_dbus_connection_call_finish (self->connection, result, &error);
  g_assert_no_error (error);

  return reply;
}

static void
read_all (LampTrayHost *self)
{
  g_autoptr (GVariant) reply = call (self, PROPERTIES, "GetAll", g_variant_new ("(s)", INTERFACE));
  g_autoptr (GVariantIter) iter = NULL;
  char *name;
  GVariant *value;

  g_variant_get (reply, "(a{sv})", &iter);
  while (g_variant_iter_next (iter, "{sv}", &name, &value))
    g_hash_table_replace (self->values, name, value);
}

static void
read_one (LampTrayHost *self,
          const char   *name)
{
  g_autoptr (GVariant) reply = call (self, PROPERTIES, "Get",
                                     g_variant_new ("(ss)", INTERFACE, name));
  GVariant *value;

  g_variant_get (reply, "(v)", &value);
  g_hash_table_replace (self->values, g_strdup (name), value);
}

static void
read_first (LampTrayHost *self)
{
  static const char *const names[] = {
    "Title",
    "Menu",
    "Status",
    "IconThemePath",
    "ToolTip",
    "OverlayIconName",
    "IconName",
    "AttentionIconName",
    "OverlayIconPixmap",
    "IconPixmap",
    "AttentionIconPixmap",
    "ItemIsMenu",
    "XAyatanaLabel",
  };

  if (self->style->reads_all)
    {
      read_all (self);
      return;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    read_one (self, names[i]);
}

static void
read_named (LampTrayHost *self,
            const char   *signal)
{
  if (g_str_equal (signal, "NewIcon"))
    {
      read_one (self, "IconName");
      read_one (self, "IconPixmap");
    }
  else if (g_str_equal (signal, "NewAttentionIcon"))
    {
      read_one (self, "AttentionIconName");
    }
  else if (g_str_equal (signal, "NewToolTip"))
    {
      read_one (self, "ToolTip");
    }
}

static void
take_argument (LampTrayHost *self,
               const char   *name,
               Signal       *signal)
{
  g_hash_table_replace (self->values, g_strdup (name),
                        g_variant_get_child_value (signal->parameters, 0));
}

static void
deal_with (LampTrayHost *self,
           Signal       *signal)
{
  if (g_str_equal (signal->name, "NewStatus"))
    {
      g_assert_true (g_variant_is_of_type (signal->parameters, G_VARIANT_TYPE ("(s)")));
      if (self->style->reads_status)
        read_one (self, "Status");
      else
        take_argument (self, "Status", signal);
    }
  else if (g_str_equal (signal->name, "XAyatanaNewLabel"))
    {
      g_assert_true (g_variant_is_of_type (signal->parameters, G_VARIANT_TYPE ("(ss)")));
      take_argument (self, "XAyatanaLabel", signal);
    }
  else if (self->style->reads_all)
    {
      read_all (self);
    }
  else
    {
      read_named (self, signal->name);
    }
}

/* What was sent before the answer has come before it. */
static void
ping (LampTrayHost *self)
{
  g_autoptr (GVariant) reply = call (self, "org.freedesktop.DBus.Peer", "Ping", NULL);

  g_assert_nonnull (reply);
}

void
lamp_tray_host_settle (LampTrayHost *self)
{
  Signal *signal;

  ping (self);
  while ((signal = g_queue_pop_head (&self->signals)) != NULL)
    {
      deal_with (self, signal);
      signal_free (signal);
    }
}

static void
signal_cb (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *name,
           GVariant        *parameters,
           gpointer         user_data)
{
  LampTrayHost *self = user_data;
  Signal *signal = g_new (Signal, 1);

  signal->name = g_strdup (name);
  signal->parameters = g_variant_ref (parameters);
  g_queue_push_tail (&self->signals, signal);
  self->n_signals++;
}

LampTrayHost *
lamp_tray_host_new (LampTrayHostStyle style,
                    GDBusConnection  *connection,
                    const char       *bus_name)
{
  LampTrayHost *self = g_new0 (LampTrayHost, 1);

  self->style = &styles[style];
  self->connection = g_object_ref (connection);
  self->bus_name = g_strdup (bus_name);
  self->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                        (GDestroyNotify) g_variant_unref);
  g_queue_init (&self->signals);
  self->subscription = g_dbus_connection_signal_subscribe (connection, bus_name, INTERFACE, NULL,
                                                           ITEM_PATH, NULL,
                                                           G_DBUS_SIGNAL_FLAGS_NONE, signal_cb,
                                                           self, NULL);
  read_first (self);

  return self;
}

void
lamp_tray_host_free (LampTrayHost *self)
{
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_queue_clear_full (&self->signals, signal_free);
  g_hash_table_unref (self->values);
  g_object_unref (self->connection);
  g_free (self->bus_name);
  g_free (self);
}

const char *
lamp_tray_host_style_name (LampTrayHostStyle style)
{
  return styles[style].name;
}

static const char *
get_text (LampTrayHost *self,
          const char   *name)
{
  return g_variant_get_string (g_hash_table_lookup (self->values, name), NULL);
}

static char *
format (const Style *style,
        const char  *icon,
        const char  *status,
        const char  *title,
        const char  *text,
        const char  *label)
{
  GString *shown = g_string_new (icon);

  g_string_append_printf (shown, "|%s", status);
  if (style->has_tooltip)
    g_string_append_printf (shown, "|%s|%s", title, text);
  if (style->has_label)
    g_string_append_printf (shown, "|%s", label);

  return g_string_free (shown, FALSE);
}

char *
lamp_tray_host_show (LampTrayHost *self)
{
  const char *status = get_text (self, "Status");
  gboolean attention = g_str_equal (status, "NeedsAttention") && self->style->draws_attention;
  const char *title;
  const char *text;

  g_variant_get (g_hash_table_lookup (self->values, "ToolTip"), "(&sa(iiay)&s&s)", NULL, NULL,
                 &title, &text);

  return format (self->style, get_text (self, attention ? "AttentionIconName" : "IconName"), status,
                 title, text, get_text (self, "XAyatanaLabel"));
}

char *
lamp_tray_host_expect (LampTrayHostStyle style,
                       const char       *icon,
                       const char       *status,
                       const char       *title,
                       const char       *text,
                       const char       *label)
{
  return format (&styles[style], icon, status, title, text, label);
}

guint
lamp_tray_host_get_n_signals (LampTrayHost *self)
{
  return self->n_signals;
}
