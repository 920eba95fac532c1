/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * LampMenuChaos:
 * @rand: (owned): all chance comes from it
 * @menu: what is changed
 * @actions: what is changed
 * @n_items: how many items there were ever
 *
 * Somebody who changes a menu and its actions by chance, and knows what a person should see.
 */
typedef struct
{
  GRand *rand;
  GMenu *menu;
  GSimpleActionGroup *actions;
  guint n_items;
} LampMenuChaos;

/**
 * lamp_menu_chaos_new:
 * @seed: the same seed does the same changes
 *
 * Returns: (transfer full): somebody who changes @menu and @actions
 */
LampMenuChaos *lamp_menu_chaos_new    (guint32             seed,
                                       GMenu              *menu,
                                       GSimpleActionGroup *actions);

void           lamp_menu_chaos_free   (LampMenuChaos      *self);

/* Changes one thing. */
void           lamp_menu_chaos_change (LampMenuChaos      *self);

/* Returns: (transfer full): what lamp_menu_host_show() should return */
char          *lamp_menu_chaos_expect (LampMenuChaos      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuChaos, lamp_menu_chaos_free)

G_END_DECLS
