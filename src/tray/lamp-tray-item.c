/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-item.h"

#include "lamp-tray-icons.h"
#include "lamp-tray-item-info.h"

#include <glib/gi18n.h>
#include <string.h>

#define INTERFACE "org.kde.StatusNotifierItem"

/* Hosts ask for everything after each signal, and nobody reads faster. */
#define UPDATE_INTERVAL (250 * G_TIME_SPAN_MILLISECOND)

/* A token is for the click that it came with. */
#define TOKEN_LIFETIME (5 * G_TIME_SPAN_SECOND)

/* No host shows more of a tooltip, and some try. */
#define TOOLTIP_MAX 300

/* The widest that the label gets. */
#define LABEL_GUIDE "99+"

/* Those that change; the others are what they are. */
typedef enum
{
  VALUE_ICON_NAME,
  VALUE_ICON_PIXMAP,
  VALUE_TOOL_TIP,
  VALUE_LABEL,
  VALUE_ACCESSIBLE,
  VALUE_STATUS,
  N_VALUES,
} Value;

struct _LampTrayItem
{
  GObject parent_instance;

  LampTimer *timer;           /* (owned) */
  LampTrayState *state;       /* (owned) (nullable) what is to be shown */
  GVariant *values[N_VALUES]; /* (owned) what is shown */
  GVariant *attention_pixmap; /* (owned) */
  char *menu_path;            /* (owned) */
  char *token;                /* (owned) (nullable) */
  gint64 token_at;            /* as of the timer, as is the next one */
  gint64 updated_at;
  GDBusConnection *connection; /* (owned) (nullable) NULL while it isn't exported */
  char *object_path;           /* (owned) (nullable) */
  guint registration_id;
  guint alarm_id; /* 0 while all is shown */
  gboolean pixmaps;
};

G_DEFINE_FINAL_TYPE (LampTrayItem, lamp_tray_item, G_TYPE_OBJECT)

enum
{
  ACTIVATE,
  SECONDARY_ACTIVATE,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

/* --- what is shown ------------------------------------------------------ */

/* Some hosts take a tooltip for markup and some show entities as they are, so that only text
 * without any of these is the same everywhere. */
static char *
dup_plain (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *plain = g_string_new (NULL);
  guint length = 0;

  for (const char *c = valid; *c != '\0' && length < TOOLTIP_MAX;
       c = g_utf8_next_char (c), length++)
    {
      gunichar character = g_utf8_get_char (c);

      if (character == '&')
        g_string_append_c (plain, '+');
      else if (character == '<')
        g_string_append (plain, "‹");
      else if (character == '>')
        g_string_append (plain, "›");
      else if (character == '\n' || !g_unichar_iscntrl (character))
        g_string_append_unichar (plain, character);
      else
        g_string_append_c (plain, ' ');
    }

  if (length == TOOLTIP_MAX)
    g_string_append (plain, "…");

  return g_string_free (plain, FALSE);
}

static GVariant *
tool_tip_new (const LampTrayState *state)
{
  g_autofree char *title = dup_plain (state->title);
  g_autofree char *text = dup_plain (state->text);

  return g_variant_new ("(s@a(iiay)ss)", "", lamp_tray_icons_no_pixmap (), title, text);
}

static GVariant *
icon_name_new (LampTrayItem *self,
               const char   *icon)
{
  g_autofree char *name = NULL;

  if (self->pixmaps)
    return g_variant_new_string ("");

  name = lamp_tray_icons_dup_name (icon);

  return g_variant_new_string (name);
}

static GVariant *
value_new (LampTrayItem        *self,
           const LampTrayState *state,
           Value                value)
{
  switch (value)
    {
    case VALUE_ICON_NAME:
      return icon_name_new (self, state->icon);
    case VALUE_ICON_PIXMAP:
      return self->pixmaps ? lamp_tray_icons_load_pixmap (state->icon)
                           : lamp_tray_icons_no_pixmap ();
    case VALUE_TOOL_TIP:
      return tool_tip_new (state);
    case VALUE_LABEL:
      return g_variant_new_string (state->label);
    case VALUE_ACCESSIBLE:
      return g_variant_new_string (state->accessible);
    case VALUE_STATUS:
      return g_variant_new_string (state->attention ? "NeedsAttention" : "Active");
    case N_VALUES:
    default:
      g_assert_not_reached ();
    }
}

static void
emit_signal (LampTrayItem *self,
             const char   *name,
             GVariant     *parameters)
{
  if (self->connection != NULL)
    g_dbus_connection_emit_signal (self->connection, NULL, self->object_path, INTERFACE, name,
                                   parameters, NULL);
  else if (parameters != NULL)
    g_variant_unref (g_variant_ref_sink (parameters));
}

/* All values are in place by now, for some hosts ask before they have read the next signal. */
static void
tell (LampTrayItem *self,
      guint         changed)
{
  const guint icon = 1u << VALUE_ICON_NAME | 1u << VALUE_ICON_PIXMAP;

  if ((changed & icon) != 0)
    emit_signal (self, "NewIcon", NULL);

  /* The words for a screen reader have no signal of their own; they change with the tooltip. */
  if ((changed & (1u << VALUE_TOOL_TIP | 1u << VALUE_ACCESSIBLE)) != 0)
    emit_signal (self, "NewToolTip", NULL);

  if ((changed & 1u << VALUE_LABEL) != 0)
    emit_signal (self, "XAyatanaNewLabel",
                 g_variant_new ("(@ss)", self->values[VALUE_LABEL], LABEL_GUIDE));

  if ((changed & 1u << VALUE_STATUS) != 0)
    emit_signal (self, "NewStatus", g_variant_new ("(@s)", self->values[VALUE_STATUS]));
}

static void
update (LampTrayItem *self)
{
  guint changed = 0;

  self->updated_at = lamp_timer_get_time (self->timer);
  for (guint i = 0; i < N_VALUES; i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (value_new (self, self->state, i));

      if (self->values[i] != NULL && g_variant_equal (self->values[i], value))
        continue;

      g_clear_pointer (&self->values[i], g_variant_unref);
      self->values[i] = g_steal_pointer (&value);
      changed |= 1u << i;
    }

  tell (self, changed);
}

static void
update_cb (gpointer user_data)
{
  LampTrayItem *self = user_data;

  self->alarm_id = 0;
  update (self);
}

void
lamp_tray_item_set_state (LampTrayItem        *self,
                          const LampTrayState *state)
{
  gint64 due = self->updated_at + UPDATE_INTERVAL;

  g_return_if_fail (LAMP_IS_TRAY_ITEM (self));
  g_return_if_fail (state != NULL);

  if (self->state == NULL || lamp_timer_get_time (self->timer) >= due)
    due = 0;

  g_clear_pointer (&self->state, lamp_tray_state_free);
  self->state = lamp_tray_state_copy (state);
  if (due == 0)
    {
      lamp_timer_clear_alarm (self->timer, &self->alarm_id);
      update (self);
    }
  else if (self->alarm_id == 0)
    {
      self->alarm_id = lamp_timer_set_alarm (self->timer, due, update_cb, self);
    }
}

/* --- what hosts call ---------------------------------------------------- */

static void
take_token (LampTrayItem *self,
            GVariant     *parameters)
{
  g_free (self->token);
  g_variant_get (parameters, "(s)", &self->token);
  self->token_at = lamp_timer_get_time (self->timer);
}

char *
lamp_tray_item_take_token (LampTrayItem *self)
{
  g_autofree char *token = NULL;

  g_return_val_if_fail (LAMP_IS_TRAY_ITEM (self), NULL);

  token = g_steal_pointer (&self->token);
  if (token == NULL || *token == '\0' ||
      lamp_timer_get_time (self->timer) >= self->token_at + TOKEN_LIFETIME)
    return NULL;

  return g_steal_pointer (&token);
}

static void
activate (LampTrayItem *self)
{
  g_autofree char *token = lamp_tray_item_take_token (self);

  g_signal_emit (self, signals[ACTIVATE], 0, token);
}

/* The answer goes out first: some hosts wait for it, and the whole panel with them. */
static void
method_call (GDBusConnection       *connection,
             const char            *sender,
             const char            *object_path,
             const char            *interface,
             const char            *method,
             GVariant              *parameters,
             GDBusMethodInvocation *invocation,
             gpointer               user_data)
{
  LampTrayItem *self = user_data;

  if (g_str_equal (method, "ProvideXdgActivationToken"))
    take_token (self, parameters);
  g_dbus_method_invocation_return_value (invocation, NULL);

  /* A host without menus has no other way than ContextMenu; Scroll does nothing. */
  if (g_str_equal (method, "Activate") || g_str_equal (method, "ContextMenu"))
    activate (self);
  else if (g_str_equal (method, "SecondaryActivate") ||
           g_str_equal (method, "XAyatanaSecondaryActivate"))
    g_signal_emit (self, signals[SECONDARY_ACTIVATE], 0);
}

static GVariant *
get_changing (LampTrayItem *self,
              const char   *name)
{
  static const char *const names[N_VALUES] = {
    [VALUE_ICON_NAME] = "IconName",
    [VALUE_ICON_PIXMAP] = "IconPixmap",
    [VALUE_TOOL_TIP] = "ToolTip",
    [VALUE_LABEL] = "XAyatanaLabel",
    [VALUE_ACCESSIBLE] = "IconAccessibleDesc",
    [VALUE_STATUS] = "Status",
  };

  for (guint i = 0; i < N_VALUES; i++)
    if (g_str_equal (names[i], name))
      return g_variant_ref (self->values[i]);

  /* The attention icon is shown with the same words. */
  if (g_str_equal (name, "AttentionAccessibleDesc"))
    return g_variant_ref (self->values[VALUE_ACCESSIBLE]);

  return NULL;
}

static GVariant *
get_constant (LampTrayItem *self,
              const char   *name)
{
  if (g_str_equal (name, "Category"))
    return g_variant_new_string ("ApplicationStatus");
  if (g_str_equal (name, "Id"))
    return g_variant_new_string (LAMP_APPLICATION_ID);
  if (g_str_equal (name, "Title"))
    return g_variant_new_string (_("Lamppost"));
  if (g_str_equal (name, "WindowId"))
    return g_variant_new_int32 (0);
  if (g_str_equal (name, "AttentionIconName"))
    return icon_name_new (self, "attention");
  if (g_str_equal (name, "AttentionIconPixmap"))
    return g_variant_ref (self->attention_pixmap);
  if (g_str_equal (name, "OverlayIconPixmap"))
    return lamp_tray_icons_no_pixmap ();
  if (g_str_equal (name, "ItemIsMenu"))
    return g_variant_new_boolean (FALSE);
  if (g_str_equal (name, "Menu"))
    return g_variant_new_object_path (self->menu_path);
  if (g_str_equal (name, "XAyatanaLabelGuide"))
    return g_variant_new_string (LABEL_GUIDE);
  if (g_str_equal (name, "XAyatanaOrderingIndex"))
    return g_variant_new_uint32 (0);

  /* IconThemePath, OverlayIconName, AttentionMovieName: empty, which is no error. */
  return g_variant_new_string ("");
}

static GVariant *
get_property (GDBusConnection *connection,
              const char      *sender,
              const char      *object_path,
              const char      *interface,
              const char      *name,
              GError         **error,
              gpointer         user_data)
{
  GVariant *value = get_changing (user_data, name);

  return value != NULL ? value : get_constant (user_data, name);
}

/* --- on the bus --------------------------------------------------------- */

gboolean
lamp_tray_item_export (LampTrayItem    *self,
                       GDBusConnection *connection,
                       const char      *object_path,
                       GError         **error)
{
  static const GDBusInterfaceVTable vtable = { method_call, get_property, NULL, { NULL } };

  g_return_val_if_fail (LAMP_IS_TRAY_ITEM (self), FALSE);
  g_return_val_if_fail (self->state != NULL, FALSE);

  lamp_tray_item_unexport (self);
  self->registration_id =
    g_dbus_connection_register_object (connection, object_path,
                                       (GDBusInterfaceInfo
                                          *) &lamp_org_kde_status_notifier_item_interface,
                                       &vtable, self, NULL, error);
  if (self->registration_id == 0)
    return FALSE;

  self->connection = g_object_ref (connection);
  self->object_path = g_strdup (object_path);

  return TRUE;
}

void
lamp_tray_item_unexport (LampTrayItem *self)
{
  g_return_if_fail (LAMP_IS_TRAY_ITEM (self));

  if (self->connection == NULL)
    return;

  g_dbus_connection_unregister_object (self->connection, self->registration_id);
  self->registration_id = 0;
  g_clear_object (&self->connection);
  g_clear_pointer (&self->object_path, g_free);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_tray_item_dispose (GObject *object)
{
  LampTrayItem *self = LAMP_TRAY_ITEM (object);

  lamp_tray_item_unexport (self);
  if (self->timer != NULL)
    lamp_timer_clear_alarm (self->timer, &self->alarm_id);
  g_clear_object (&self->timer);

  G_OBJECT_CLASS (lamp_tray_item_parent_class)->dispose (object);
}

static void
lamp_tray_item_finalize (GObject *object)
{
  LampTrayItem *self = LAMP_TRAY_ITEM (object);

  g_clear_pointer (&self->state, lamp_tray_state_free);
  for (guint i = 0; i < N_VALUES; i++)
    g_clear_pointer (&self->values[i], g_variant_unref);
  g_clear_pointer (&self->attention_pixmap, g_variant_unref);
  g_free (self->menu_path);
  g_free (self->token);

  G_OBJECT_CLASS (lamp_tray_item_parent_class)->finalize (object);
}

static void
lamp_tray_item_class_init (LampTrayItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_tray_item_dispose;
  object_class->finalize = lamp_tray_item_finalize;

  signals[ACTIVATE] = g_signal_new ("activate", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SECONDARY_ACTIVATE] = g_signal_new ("secondary-activate", type, G_SIGNAL_RUN_LAST, 0,
                                              NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
lamp_tray_item_init (LampTrayItem *self)
{
}

LampTrayItem *
lamp_tray_item_new (const char *menu_path,
                    gboolean    pixmaps,
                    LampTimer  *timer)
{
  LampTrayItem *self = NULL;

  g_return_val_if_fail (g_variant_is_object_path (menu_path), NULL);
  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  self = g_object_new (LAMP_TYPE_TRAY_ITEM, NULL);
  self->menu_path = g_strdup (menu_path);
  self->pixmaps = pixmaps;
  self->timer = g_object_ref (timer);
  self->attention_pixmap = g_variant_ref_sink (pixmaps ? lamp_tray_icons_load_pixmap ("attention")
                                                       : lamp_tray_icons_no_pixmap ());

  return self;
}
