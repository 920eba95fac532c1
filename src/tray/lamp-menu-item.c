/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-item.h"

/* What a property is that an item doesn't have, as text. */
static const struct
{
  const char *name;
  const char *value;
} defaults[] = {
  { "type", "'standard'" },      { "label", "''" },
  { "enabled", "true" },         { "visible", "true" },
  { "icon-name", "''" },         { "icon-data", "@ay []" },
  { "shortcut", "@aas []" },     { "toggle-type", "''" },
  { "toggle-state", "-1" },      { "children-display", "''" },
  { "disposition", "'normal'" }, { "accessible-desc", "''" },
};

LampMenuItem *
lamp_menu_item_new (LampMenuItemKind kind)
{
  LampMenuItem *self = g_new0 (LampMenuItem, 1);

  self->id = -1;
  self->kind = kind;
  self->children = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_menu_item_free);

  return self;
}

void
lamp_menu_item_free (LampMenuItem *self)
{
  g_free (self->key);
  g_free (self->action);
  g_clear_pointer (&self->target, g_variant_unref);
  g_free (self->label);
  g_free (self->icon);
  g_clear_pointer (&self->properties, g_variant_unref);
  g_ptr_array_unref (self->children);
  g_free (self);
}

/* A label as it is read aloud: without the marks of mnemonics. */
static char *
speak (const char *label)
{
  g_autoptr (GString) words = g_string_new (NULL);

  for (const char *next = label; *next != '\0'; next++)
    {
      if (*next == '_' && *++next == '\0')
        break;
      g_string_append_c (words, *next);
    }

  return g_string_free (g_steal_pointer (&words), FALSE);
}

static void
add (GVariantBuilder *builder,
     const char      *name,
     GVariant        *value)
{
  g_variant_builder_add (builder, "{sv}", name, value);
}

/* Hosts take what stands here over into what they have, and don't know what is missing: so an item
 * has the same names for ever, also for values that are the default. */
void
lamp_menu_item_seal (LampMenuItem *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  add (&builder, "visible", g_variant_new_boolean (self->visible));
  if (self->kind == LAMP_MENU_ITEM_SEPARATOR)
    add (&builder, "type", g_variant_new_string ("separator"));
  else
    {
      const char *label = self->label != NULL ? self->label : "";
      g_autofree char *spoken = speak (label);

      add (&builder, "enabled", g_variant_new_boolean (self->enabled));
      add (&builder, "label", g_variant_new_string (label));
      /* A screen reader goes on reading the first label that it saw unless this changes too. */
      add (&builder, "accessible-desc", g_variant_new_string (spoken));
    }
  if (self->kind == LAMP_MENU_ITEM_SUBMENU)
    add (&builder, "children-display", g_variant_new_string ("submenu"));
  if (self->icon != NULL)
    add (&builder, "icon-name", g_variant_new_string (self->icon));
  if (self->toggle != LAMP_MENU_TOGGLE_NONE)
    {
      gboolean radio = self->toggle == LAMP_MENU_TOGGLE_RADIO;

      add (&builder, "toggle-type", g_variant_new_string (radio ? "radio" : "checkmark"));
      add (&builder, "toggle-state", g_variant_new_int32 (self->on ? 1 : 0));
    }

  g_clear_pointer (&self->properties, g_variant_unref);
  self->properties = g_variant_ref_sink (g_variant_builder_end (&builder));
}

GVariant *
lamp_menu_item_filter (LampMenuItem      *self,
                       const char *const *names)
{
  GVariantBuilder builder;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  if (names[0] == NULL)
    return g_variant_ref (self->properties);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, self->properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      if (g_strv_contains (names, name))
        g_variant_builder_add (&builder, "{sv}", name, value);
    }

  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

GVariant *
lamp_menu_item_layout (LampMenuItem      *self,
                       int                depth,
                       const char *const *names)
{
  g_autoptr (GVariant) properties = lamp_menu_item_filter (self, names);
  GVariantBuilder children;

  g_variant_builder_init (&children, G_VARIANT_TYPE ("av"));
  for (guint i = 0; depth != 0 && i < self->children->len; i++)
    g_variant_builder_add (&children, "v",
                           lamp_menu_item_layout (self->children->pdata[i],
                                                  depth > 0 ? depth - 1 : depth, names));

  return g_variant_new ("(i@a{sv}av)", self->id, properties, &children);
}

GVariant *
lamp_menu_item_property (LampMenuItem *self,
                         const char   *name)
{
  GVariant *value = g_variant_lookup_value (self->properties, name, NULL);

  for (guint i = 0; value == NULL && i < G_N_ELEMENTS (defaults); i++)
    {
      if (g_str_equal (defaults[i].name, name))
        value = g_variant_parse (NULL, defaults[i].value, NULL, NULL, NULL);
    }

  return value;
}
