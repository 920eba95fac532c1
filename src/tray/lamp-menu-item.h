/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-menu-action.h"

G_BEGIN_DECLS

/* What an item is: it has the same properties as long as it lives, and only their values change. */
typedef enum
{
  LAMP_MENU_ITEM_PLAIN,
  LAMP_MENU_ITEM_SUBMENU,
  LAMP_MENU_ITEM_SEPARATOR,
} LampMenuItemKind;

typedef struct _LampMenuItem LampMenuItem;

/**
 * LampMenuItem:
 * @id: its name on the bus: 0 for the menu itself, -1 until it has one
 * @key: (owned) (nullable): which one of its parent's items it is
 * @action: (owned) (nullable): as the menu names it
 * @target: (owned) (nullable): what the action is activated with
 * @label: (owned) (nullable): with mnemonic
 * @icon: (owned) (nullable): a name of the icon theme
 * @properties: (owned) (nullable): all of them as an a{sv}, for the bus
 * @children: (owned): its items; empty for all but the menu itself and submenus
 * @changed: the revision at which @children became what they are
 *
 * An entry of the menu as hosts see it.
 */
struct _LampMenuItem
{
  gint32 id;
  LampMenuItemKind kind;
  char *key;
  char *action;
  GVariant *target;
  char *label;
  char *icon;
  gboolean enabled;
  gboolean visible;
  LampMenuToggle toggle;
  gboolean on;
  GVariant *properties;
  GPtrArray *children;
  guint32 changed;
};

LampMenuItem *lamp_menu_item_new      (LampMenuItemKind     kind);

void          lamp_menu_item_free     (LampMenuItem        *self);

/* Makes the properties of the other fields, once those are set. */
void          lamp_menu_item_seal     (LampMenuItem        *self);

/**
 * lamp_menu_item_filter:
 * @names: names of properties; none for all
 *
 * Returns: (transfer full): its properties, an a{sv}
 */
GVariant     *lamp_menu_item_filter   (LampMenuItem        *self,
                                       const char * const  *names);

/**
 * lamp_menu_item_layout:
 * @depth: how many levels below the item; all if negative
 * @names: names of properties; none for all
 *
 * Returns: (transfer floating): an (ia{sv}av)
 */
GVariant     *lamp_menu_item_layout   (LampMenuItem        *self,
                                       int                  depth,
                                       const char * const  *names);

/**
 * lamp_menu_item_property:
 *
 * Returns: (transfer full) (nullable): a property's value, that of the protocol if the item
 *   doesn't have it; %NULL if there is no such property
 */
GVariant     *lamp_menu_item_property (LampMenuItem        *self,
                                       const char          *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuItem, lamp_menu_item_free)

G_END_DECLS
