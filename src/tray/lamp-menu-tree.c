/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-menu-tree.h"

#include "lamp-menu-reader.h"

/* What goes along while two trees are compared. */
typedef struct
{
  LampMenuTree *tree;
  LampMenuChange *change;
  GVariantBuilder properties;
  guint n_properties;
  gint32 *last_id;
  guint32 revision;
} Walk;

LampMenuTree *
lamp_menu_tree_new (GMenuModel   *menu,
                    GActionGroup *actions)
{
  LampMenuTree *self = g_new0 (LampMenuTree, 1);

  self->models = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->items = g_hash_table_new (NULL, NULL);
  self->root = lamp_menu_read (menu, actions, self->models);

  return self;
}

void
lamp_menu_tree_free (LampMenuTree *self)
{
  g_hash_table_unref (self->items);
  g_hash_table_unref (self->models);
  lamp_menu_item_free (self->root);
  g_free (self);
}

void
lamp_menu_change_free (LampMenuChange *self)
{
  g_clear_pointer (&self->properties, g_variant_unref);
  g_free (self);
}

LampMenuItem *
lamp_menu_tree_lookup (LampMenuTree *self,
                       gint32        id)
{
  return g_hash_table_lookup (self->items, GINT_TO_POINTER (id));
}

/* Both have the same names, since they have the same key. */
static void
compare_properties (Walk         *walk,
                    LampMenuItem *item,
                    LampMenuItem *before)
{
  GVariantBuilder changed;
  GVariantIter iter;
  const char *name;
  GVariant *value;
  guint count = 0;

  g_variant_builder_init (&changed, G_VARIANT_TYPE_VARDICT);
  g_variant_iter_init (&iter, item->properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    {
      g_autoptr (GVariant) old = g_variant_lookup_value (before->properties, name, NULL);

      if (old == NULL || !g_variant_equal (old, value))
        {
          g_variant_builder_add (&changed, "{sv}", name, value);
          count++;
        }
    }

  if (count == 0)
    {
      g_variant_builder_clear (&changed);
      return;
    }

  g_variant_builder_add (&walk->properties, "(ia{sv})", item->id, &changed);
  walk->n_properties++;
}

static GHashTable *
index_children (LampMenuItem *item)
{
  GHashTable *index = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; item != NULL && i < item->children->len; i++)
    {
      LampMenuItem *child = item->children->pdata[i];

      g_hash_table_insert (index, child->key, child);
    }

  return index;
}

static gboolean
same_children (LampMenuItem *item,
               LampMenuItem *before)
{
  if (before == NULL || item->children->len != before->children->len)
    return FALSE;

  for (guint i = 0; i < item->children->len; i++)
    {
      LampMenuItem *child = item->children->pdata[i];
      LampMenuItem *old = before->children->pdata[i];

      if (child->id != old->id)
        return FALSE;
    }

  return TRUE;
}

static void
compare (Walk         *walk,
         LampMenuItem *item,
         LampMenuItem *before)
{
  g_autoptr (GHashTable) index = index_children (before);

  g_hash_table_insert (walk->tree->items, GINT_TO_POINTER (item->id), item);

  for (guint i = 0; i < item->children->len; i++)
    {
      LampMenuItem *child = item->children->pdata[i];
      LampMenuItem *old = g_hash_table_lookup (index, child->key);

      if (old != NULL)
        {
          child->id = old->id;
          compare_properties (walk, child, old);
        }
      else
        child->id = ++*walk->last_id;
      compare (walk, child, old);
    }

  if (same_children (item, before))
    item->changed = before->changed;
  else
    {
      item->changed = walk->revision;
      walk->change->layout = TRUE;
    }
}

LampMenuChange *
lamp_menu_tree_follow (LampMenuTree *self,
                       LampMenuTree *before,
                       gint32       *last_id,
                       guint32       revision)
{
  g_autoptr (LampMenuChange) change = g_new0 (LampMenuChange, 1);
  Walk walk = { .tree = self, .change = change, .last_id = last_id, .revision = revision };

  g_variant_builder_init (&walk.properties, G_VARIANT_TYPE ("a(ia{sv})"));
  compare (&walk, self->root, before != NULL ? before->root : NULL);
  if (walk.n_properties > 0)
    change->properties = g_variant_ref_sink (g_variant_builder_end (&walk.properties));
  else
    g_variant_builder_clear (&walk.properties);

  return g_steal_pointer (&change);
}
