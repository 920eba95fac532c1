/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What an item of a menu is ticked with, if at all. */
typedef enum
{
  LAMP_MENU_TOGGLE_NONE,
  LAMP_MENU_TOGGLE_CHECK,
  LAMP_MENU_TOGGLE_RADIO,
} LampMenuToggle;

/**
 * LampMenuAction:
 * @name: (nullable): what the group calls the action; %NULL if it has none that takes the target
 * @enabled: whether it can be activated
 * @toggle: what the action's state makes of an item
 * @on: whether that is ticked
 *
 * How an item's action stands at one moment.
 */
typedef struct
{
  const char *name;
  gboolean enabled;
  LampMenuToggle toggle;
  gboolean on;
} LampMenuAction;

/**
 * lamp_menu_action_query:
 * @group: the actions
 * @name: (nullable): the action as a menu names it, with or without a prefix
 * @target: (nullable): what it is activated with
 *
 * Looks an action up under its full name, and then under what follows the first dot.
 *
 * Returns: how it stands; its name points into @name
 */
LampMenuAction lamp_menu_action_query (GActionGroup *group,
                                       const char   *name,
                                       GVariant     *target);

G_END_DECLS
