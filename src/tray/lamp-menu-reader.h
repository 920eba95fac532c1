/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-menu-item.h"

G_BEGIN_DECLS

/**
 * lamp_menu_read:
 * @models: a set of #GMenuModel, to which all models are added that were read
 *
 * Reads a menu: sections become separators, submenus items with items below them. A menu that
 * is in itself ends there, and so does one that is deeper than the bus can tell.
 *
 * Returns: (transfer full): the menu itself, with everything in it
 */
LampMenuItem *lamp_menu_read (GMenuModel   *menu,
                              GActionGroup *actions,
                              GHashTable   *models);

G_END_DECLS
