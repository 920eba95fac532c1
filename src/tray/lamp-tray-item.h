/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-timer.h"
#include "lamp-tray-state.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRAY_ITEM (lamp_tray_item_get_type ())

/**
 * LampTrayItem:
 *
 * An org.kde.StatusNotifierItem on the bus. It answers from memory, tells hosts
 * of what has really changed, and of that at most 4 times a second.
 *
 * Signals:
 *   "activate" (char *token): a host wants the window; @token is %NULL if it has sent none.
 *   "secondary-activate" (): the middle button.
 */
G_DECLARE_FINAL_TYPE (LampTrayItem, lamp_tray_item, LAMP, TRAY_ITEM, GObject)

/**
 * lamp_tray_item_new:
 * @menu_path: where the menu is exported on the same connection
 * @pixmaps: whether to send pictures instead of names of icons: for good, since hosts mix up
 *   the two
 */
LampTrayItem *lamp_tray_item_new       (const char          *menu_path,
                                        gboolean             pixmaps,
                                        LampTimer           *timer);

/**
 * lamp_tray_item_export:
 * @error: set if the path is taken
 *
 * Puts the item on the bus, with the state that was set last. An item that is exported already is
 * unexported first.
 */
gboolean      lamp_tray_item_export    (LampTrayItem        *self,
                                        GDBusConnection     *connection,
                                        const char          *object_path,
                                        GError             **error);

void          lamp_tray_item_unexport  (LampTrayItem        *self);

/**
 * lamp_tray_item_take_token:
 *
 * Returns: (transfer full) (nullable): the activation token that came with the click or the choice
 *   of this moment, for one use; %NULL if there is none
 */
char         *lamp_tray_item_take_token (LampTrayItem       *self);

void          lamp_tray_item_set_state (LampTrayItem        *self,
                                        const LampTrayState *state);

G_END_DECLS
