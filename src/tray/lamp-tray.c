/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray.h"

#include "lamp-tray-null.h"
#include "lamp-tray-sni.h"

#include <glib/gi18n.h>

typedef struct
{
  GMenuModel *menu;      /* (owned) */
  GActionGroup *actions; /* (owned) */
  LampTimer *timer;      /* (owned) */
  LampTrayState *state;  /* (owned) (nullable) */
  char *status;          /* (owned) */
  gboolean available;
} LampTrayPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (LampTray, lamp_tray, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_MENU,
  PROP_ACTIONS,
  PROP_TIMER,
  PROP_AVAILABLE,
  PROP_STATUS,
  N_PROPS,
};

static GParamSpec *props[N_PROPS];

enum
{
  ACTIVATE,
  SECONDARY_ACTIVATE,
  OPENED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

#define PRIVATE(self) ((LampTrayPrivate *) lamp_tray_get_instance_private (self))

/* --- back ends ---------------------------------------------------------- */

/* Best first. A probe says in words why its tray does not fit this session. */
static const struct
{
  const char *name;
  GType (*get_type) (void);
  gboolean (*probe) (GError **error);
} backends[] = {
  { "sni", lamp_tray_sni_get_type, lamp_tray_sni_probe },
  { "null", lamp_tray_null_get_type, lamp_tray_null_probe },
};

static gboolean
is_wanted (const char *wanted,
           const char *name)
{
  return wanted == NULL || *wanted == '\0' || g_str_equal (name, "null") ||
         g_str_equal (name, wanted);
}

LampTray *
lamp_tray_new (GMenuModel   *menu,
               GActionGroup *actions,
               LampTimer    *timer)
{
  const char *wanted = g_getenv ("LAMPPOST_TRAY");
  g_autofree char *reason = g_strdup (_("Switched off by the environment variable LAMPPOST_TRAY"));

  g_return_val_if_fail (G_IS_MENU_MODEL (menu), NULL);
  g_return_val_if_fail (G_IS_ACTION_GROUP (actions), NULL);
  g_return_val_if_fail (LAMP_IS_TIMER (timer), NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (backends); i++)
    {
      g_autoptr (GError) error = NULL;

      if (!is_wanted (wanted, backends[i].name))
        continue;

      if (backends[i].probe (&error))
        {
          lamp_tray_log ("back end “%s”", backends[i].name);
          return g_object_new (backends[i].get_type (), "menu", menu, "actions", actions, "timer",
                               timer, "status", reason, NULL);
        }

      lamp_tray_log ("back end “%s” doesn’t fit: %s", backends[i].name, error->message);
      g_free (reason);
      reason = g_strdup (error->message);
    }

  g_assert_not_reached ();
}

void
lamp_tray_log (const char *format,
               ...)
{
  const char *wanted = g_getenv ("LAMPPOST_TRAY_DEBUG");
  gboolean shown = wanted != NULL && g_str_equal (wanted, "1");
  g_autofree char *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);

  if (shown)
    g_message ("tray: %s", message);
  else
    g_debug ("tray: %s", message);
}

/* --- the object --------------------------------------------------------- */

static void
lamp_tray_get_property (GObject    *object,
                        guint       property_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  LampTrayPrivate *priv = PRIVATE (LAMP_TRAY (object));

  switch (property_id)
    {
    case PROP_AVAILABLE:
      g_value_set_boolean (value, priv->available);
      break;
    case PROP_STATUS:
      g_value_set_string (value, priv->status);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
lamp_tray_set_property (GObject      *object,
                        guint         property_id,
                        const GValue *value,
                        GParamSpec   *pspec)
{
  LampTrayPrivate *priv = PRIVATE (LAMP_TRAY (object));

  switch (property_id)
    {
    case PROP_MENU:
      priv->menu = g_value_dup_object (value);
      break;
    case PROP_ACTIONS:
      priv->actions = g_value_dup_object (value);
      break;
    case PROP_TIMER:
      priv->timer = g_value_dup_object (value);
      break;
    case PROP_STATUS:
      priv->status = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
lamp_tray_dispose (GObject *object)
{
  LampTrayPrivate *priv = PRIVATE (LAMP_TRAY (object));

  g_clear_object (&priv->menu);
  g_clear_object (&priv->actions);
  g_clear_object (&priv->timer);

  G_OBJECT_CLASS (lamp_tray_parent_class)->dispose (object);
}

static void
lamp_tray_finalize (GObject *object)
{
  LampTrayPrivate *priv = PRIVATE (LAMP_TRAY (object));

  g_clear_pointer (&priv->state, lamp_tray_state_free);
  g_free (priv->status);

  G_OBJECT_CLASS (lamp_tray_parent_class)->finalize (object);
}

static void
lamp_tray_class_init (LampTrayClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);
  GParamFlags given = G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  GParamFlags told = G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = lamp_tray_get_property;
  object_class->set_property = lamp_tray_set_property;
  object_class->dispose = lamp_tray_dispose;
  object_class->finalize = lamp_tray_finalize;

  props[PROP_MENU] = g_param_spec_object ("menu", NULL, NULL, G_TYPE_MENU_MODEL, given);
  props[PROP_ACTIONS] = g_param_spec_object ("actions", NULL, NULL, G_TYPE_ACTION_GROUP, given);
  props[PROP_TIMER] = g_param_spec_object ("timer", NULL, NULL, LAMP_TYPE_TIMER, given);
  props[PROP_AVAILABLE] = g_param_spec_boolean ("available", NULL, NULL, FALSE,
                                                G_PARAM_READABLE | told);
  props[PROP_STATUS] = g_param_spec_string ("status", NULL, NULL, "",
                                            G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | told);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[ACTIVATE] = g_signal_new ("activate", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                    G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SECONDARY_ACTIVATE] = g_signal_new ("secondary-activate", type, G_SIGNAL_RUN_LAST, 0,
                                              NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[OPENED] = g_signal_new ("opened", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 0);
}

static void
lamp_tray_init (LampTray *self)
{
}

/* --- for the program ---------------------------------------------------- */

void
lamp_tray_start (LampTray *self)
{
  g_return_if_fail (LAMP_IS_TRAY (self));
  g_return_if_fail (lamp_tray_get_state (self) != NULL);

  LAMP_TRAY_GET_CLASS (self)->start (self);
}

void
lamp_tray_set_state (LampTray            *self,
                     const LampTrayState *state)
{
  LampTrayPrivate *priv = PRIVATE (self);

  g_return_if_fail (LAMP_IS_TRAY (self));
  g_return_if_fail (state != NULL);

  if (priv->state != NULL && lamp_tray_state_equal (priv->state, state))
    return;

  g_clear_pointer (&priv->state, lamp_tray_state_free);
  priv->state = lamp_tray_state_copy (state);
  LAMP_TRAY_GET_CLASS (self)->set_state (self, priv->state);
}

char *
lamp_tray_take_token (LampTray *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY (self), NULL);

  if (LAMP_TRAY_GET_CLASS (self)->take_token == NULL)
    return NULL;

  return LAMP_TRAY_GET_CLASS (self)->take_token (self);
}

gboolean
lamp_tray_get_available (LampTray *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY (self), FALSE);

  return PRIVATE (self)->available;
}

const char *
lamp_tray_get_status (LampTray *self)
{
  g_return_val_if_fail (LAMP_IS_TRAY (self), NULL);

  return PRIVATE (self)->status;
}

/* --- for back ends ------------------------------------------------------ */

GMenuModel *
lamp_tray_get_menu (LampTray *self)
{
  return PRIVATE (self)->menu;
}

GActionGroup *
lamp_tray_get_actions (LampTray *self)
{
  return PRIVATE (self)->actions;
}

LampTimer *
lamp_tray_get_timer (LampTray *self)
{
  return PRIVATE (self)->timer;
}

const LampTrayState *
lamp_tray_get_state (LampTray *self)
{
  return PRIVATE (self)->state;
}

void
lamp_tray_set_available (LampTray   *self,
                         gboolean    available,
                         const char *status)
{
  LampTrayPrivate *priv = PRIVATE (self);

  g_object_freeze_notify (G_OBJECT (self));

  if (available != priv->available)
    {
      priv->available = available;
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_AVAILABLE]);
    }

  if (status != NULL && !g_str_equal (status, priv->status))
    {
      g_free (priv->status);
      priv->status = g_strdup (status);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATUS]);
    }

  g_object_thaw_notify (G_OBJECT (self));
}

void
lamp_tray_activate (LampTray   *self,
                    const char *token)
{
  g_signal_emit (self, signals[ACTIVATE], 0, token);
}

void
lamp_tray_secondary_activate (LampTray *self)
{
  g_signal_emit (self, signals[SECONDARY_ACTIVATE], 0);
}

void
lamp_tray_opened (LampTray *self)
{
  g_signal_emit (self, signals[OPENED], 0);
}
