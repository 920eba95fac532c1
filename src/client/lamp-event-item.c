/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-event-item.h"

struct _LampEventItem
{
  GObject parent_instance;

  GVariant *row; /* (owned) (nullable) a{sv} */
};

G_DEFINE_FINAL_TYPE (LampEventItem, lamp_event_item, G_TYPE_OBJECT)

enum
{
  PROP_ROW = 1,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void
lamp_event_item_finalize (GObject *object)
{
  LampEventItem *self = LAMP_EVENT_ITEM (object);

  g_clear_pointer (&self->row, g_variant_unref);

  G_OBJECT_CLASS (lamp_event_item_parent_class)->finalize (object);
}

static void
lamp_event_item_get_property (GObject    *object,
                              guint       prop_id,
                              GValue     *value,
                              GParamSpec *pspec)
{
  LampEventItem *self = LAMP_EVENT_ITEM (object);

  switch (prop_id)
    {
    case PROP_ROW:
      g_value_set_variant (value, self->row);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
lamp_event_item_class_init (LampEventItemClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lamp_event_item_finalize;
  object_class->get_property = lamp_event_item_get_property;

  /**
   * LampEventItem:row:
   *
   * What List() told of the event; %NULL while the item is blank.
   */
  props[PROP_ROW] = g_param_spec_variant ("row", NULL, NULL, G_VARIANT_TYPE_VARDICT, NULL,
                                          G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY |
                                            G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
lamp_event_item_init (LampEventItem *self)
{
}

LampEventItem *
lamp_event_item_new (GVariant *row)
{
  LampEventItem *self = g_object_new (LAMP_TYPE_EVENT_ITEM, NULL);

  if (row != NULL)
    self->row = g_variant_ref_sink (row);

  return self;
}

void
lamp_event_item_set_row (LampEventItem *self,
                         GVariant      *row)
{
  g_return_if_fail (LAMP_IS_EVENT_ITEM (self));
  g_return_if_fail (row != NULL);

  if (self->row != NULL && g_variant_equal (self->row, row))
    return;

  g_clear_pointer (&self->row, g_variant_unref);
  self->row = g_variant_ref_sink (row);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ROW]);
}

gboolean
lamp_event_item_is_blank (LampEventItem *self)
{
  g_return_val_if_fail (LAMP_IS_EVENT_ITEM (self), TRUE);

  return self->row == NULL;
}

const char *
lamp_event_item_get_text (LampEventItem *self,
                          const char    *name)
{
  const char *text = "";

  g_return_val_if_fail (LAMP_IS_EVENT_ITEM (self), "");
  g_return_val_if_fail (name != NULL, "");

  if (self->row != NULL)
    g_variant_lookup (self->row, name, "&s", &text);

  return text;
}

gint64
lamp_event_item_get_number (LampEventItem *self,
                            const char    *name)
{
  gint64 number = 0;
  guint32 small = 0;

  g_return_val_if_fail (LAMP_IS_EVENT_ITEM (self), 0);
  g_return_val_if_fail (name != NULL, 0);

  if (self->row == NULL || g_variant_lookup (self->row, name, "x", &number))
    return number;

  return g_variant_lookup (self->row, name, "u", &small) ? small : 0;
}
