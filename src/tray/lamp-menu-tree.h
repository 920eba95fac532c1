/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-menu-item.h"

G_BEGIN_DECLS

/**
 * LampMenuTree:
 * @root: (owned): the menu itself
 * @items: (owned): its items by their ids, @root included; empty until they have some
 * @models: (owned): the models that it was read from, a set
 *
 * A menu as it was at one moment.
 */
typedef struct
{
  LampMenuItem *root;
  GHashTable *items;
  GHashTable *models;
} LampMenuTree;

/**
 * LampMenuChange:
 * @layout: whether items came, went or moved
 * @properties: (owned) (nullable): an a(ia{sv}) of those properties that have another value,
 *   %NULL if there are none
 *
 * What is to be told of one tree to somebody who knows the one before.
 */
typedef struct
{
  gboolean layout;
  GVariant *properties;
} LampMenuChange;

/**
 * lamp_menu_tree_new:
 *
 * Reads a menu. Its items have no ids yet.
 *
 * Returns: (transfer full): the menu as it is now
 */
LampMenuTree  *lamp_menu_tree_new          (GMenuModel     *menu,
                                            GActionGroup   *actions);

/**
 * lamp_menu_tree_follow:
 * @before: (nullable): the menu as it was before
 * @last_id: (inout): the last id that was given to an item
 * @revision: the layout's revision if it has changed
 *
 * Gives the items their ids: those that were there before keep theirs.
 *
 * Returns: (transfer full): what has changed
 */
LampMenuChange *lamp_menu_tree_follow      (LampMenuTree   *self,
                                            LampMenuTree   *before,
                                            gint32         *last_id,
                                            guint32         revision);

/**
 * lamp_menu_tree_lookup:
 *
 * Returns: (transfer none) (nullable): the item with an id
 */
LampMenuItem  *lamp_menu_tree_lookup       (LampMenuTree   *self,
                                            gint32          id);

void           lamp_menu_tree_free         (LampMenuTree   *self);

void           lamp_menu_change_free       (LampMenuChange *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuTree, lamp_menu_tree_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuChange, lamp_menu_change_free)

G_END_DECLS
