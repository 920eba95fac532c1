/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-timer.h"

G_BEGIN_DECLS

/* What every watcher takes for granted when it is given no path. */
#define LAMP_TRAY_ITEM_PATH "/StatusNotifierItem"

#define LAMP_TYPE_TRAY_WATCHER (lamp_tray_watcher_get_type ())

/**
 * LampTrayWatcher:
 *
 * Keeps an item registered at org.kde.StatusNotifierWatcher, through which hosts
 * find it: watchers come late, are restarted, answer with errors and forget items.
 *
 * Signal "changed" (): something that the getters tell is another.
 */
G_DECLARE_FINAL_TYPE (LampTrayWatcher, lamp_tray_watcher, LAMP, TRAY_WATCHER, GObject)

/**
 * lamp_tray_watcher_new:
 * @connection: the connection that has the item, at %LAMP_TRAY_ITEM_PATH
 * @timer: the time
 *
 * Begins at once: the item must be there already.
 */
LampTrayWatcher *lamp_tray_watcher_new            (GDBusConnection *connection,
                                                   LampTimer       *timer);

/**
 * lamp_tray_watcher_get_owner:
 *
 * Returns: (transfer none) (nullable): the watcher's unique name, %NULL while there is none
 */
const char      *lamp_tray_watcher_get_owner      (LampTrayWatcher *self);

/**
 * lamp_tray_watcher_get_program:
 *
 * Returns: (transfer none) (nullable): the watcher's program and process, as far as known
 */
const char      *lamp_tray_watcher_get_program    (LampTrayWatcher *self);

/**
 * lamp_tray_watcher_get_registered_at:
 *
 * Returns: since when the item is registered, Unix µs; 0 while it isn't
 */
gint64           lamp_tray_watcher_get_registered_at (LampTrayWatcher *self);

/**
 * lamp_tray_watcher_get_has_host:
 *
 * Returns: %FALSE if the watcher says that nobody shows what is registered
 */
gboolean         lamp_tray_watcher_get_has_host   (LampTrayWatcher *self);

/**
 * lamp_tray_watcher_get_problem:
 *
 * Returns: (transfer none) (nullable): why the watcher has refused the item
 */
const char      *lamp_tray_watcher_get_problem    (LampTrayWatcher *self);

G_END_DECLS
