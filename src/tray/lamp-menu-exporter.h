/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-menu-label.h"

G_BEGIN_DECLS

/**
 * LAMP_MENU_ATTRIBUTE_ID:
 *
 * An attribute (a string) of a menu's item: which entry it is, for as long as the menu lives. An
 * item whose label, action or place in its menu changes keeps its id on the bus if this stays the
 * same, so that a host whose menu is open goes on with it. Of the items of one menu, its sections
 * included, only one should have the same. On a section it is that of the section's heading.
 *
 * An item without it is known by its action and target, and by its place among those that have
 * the same. In any case it is a new entry for hosts if it becomes a submenu, a check or a radio
 * item, or gets an icon, or if it ceases to be one or have one: hosts take those once only.
 */
#define LAMP_MENU_ATTRIBUTE_ID "x-lamp-id"

#define LAMP_TYPE_MENU_EXPORTER (lamp_menu_exporter_get_type ())

G_DECLARE_FINAL_TYPE (LampMenuExporter, lamp_menu_exporter, LAMP, MENU_EXPORTER, GObject)

/**
 * LampMenuExporter:
 *
 * A #GMenuModel and its actions as com.canonical.dbusmenu, the menu that tray hosts show.
 * Answers come from memory and at once; what has changed is told in one batch in the next turn of
 * the main loop, however many changes there were. Whoever changes the menu all the time should
 * hold that back: each batch is work for the host. Everything happens in the default
 * main context.
 *
 * Signal "opened" (no arguments): a person is about to see the menu. Hosts have their answer
 * already when it comes, so what a handler changes reaches the open menu.
 */

/**
 * lamp_menu_exporter_new:
 * @menu: the menu. Its items know the attributes of #GMenuItem: `label` (with `_` before the
 *   mnemonic), `action` and `target`, `icon` (a themed one; `verb-icon` as well), `hidden-when`,
 *   the links section and submenu, and %LAMP_MENU_ATTRIBUTE_ID. Accelerators are not shown.
 * @actions: what the items' actions are looked up in. An item's action is looked for under its
 *   full name ("app.quit") and, if there is none, under what follows the first dot ("quit"), so
 *   that one menu serves here, with a plain group, and in a window.
 *
 * An action with a boolean state and no target makes its item a check, an action whose state has
 * the type of the item's target makes it a radio item. An item is insensitive if its action is
 * missing, disabled or takes another type of target, if it has no action (a line of text), or if
 * it is a submenu with nothing to see in it. A submenu may have an action, only to be insensitive
 * with it.
 *
 * Returns: (transfer full): a new exporter, not on a bus yet
 */
LampMenuExporter *lamp_menu_exporter_new        (GMenuModel        *menu,
                                                 GActionGroup      *actions);

/**
 * lamp_menu_exporter_export:
 * @connection: a connection to a bus
 * @object_path: where the menu goes
 * @error: set if the path is taken
 *
 * Puts the menu on the bus. It is complete when this returns. An exporter is at one place at a
 * time; one that is exported already is unexported first.
 *
 * Returns: whether it is there
 */
gboolean          lamp_menu_exporter_export     (LampMenuExporter  *self,
                                                 GDBusConnection   *connection,
                                                 const char        *object_path,
                                                 GError           **error);

/**
 * lamp_menu_exporter_unexport:
 *
 * Takes the menu off the bus, if it is there. Ids and revision go on where they were when it is
 * exported again.
 */
void              lamp_menu_exporter_unexport   (LampMenuExporter  *self);

/**
 * lamp_menu_exporter_set_status:
 * @status: "normal", or "notice" when the person should look at the menu
 */
void              lamp_menu_exporter_set_status (LampMenuExporter  *self,
                                                 const char        *status);

G_END_DECLS
