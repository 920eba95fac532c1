/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Failed events in the menu; the window shows the rest. */
#define LAMP_TRAY_MENU_FAILED 5

#define LAMP_TYPE_TRAY_MENU (lamp_tray_menu_get_type ())

/**
 * LampTrayMenu:
 *
 * The tray icon's menu (section 11 of the specification): rows that always stand there, and below
 * “Failed events” one for each of the last failed ones. What the rows do are actions of these
 * names: open, replay, resend-failed, failed, resend (an event's id), show-failed, paused,
 * autostart, preferences, quit. “failed” does nothing: it says whether there are failed events.
 */
G_DECLARE_FINAL_TYPE (LampTrayMenu, lamp_tray_menu, LAMP, TRAY_MENU, GObject)

LampTrayMenu *lamp_tray_menu_new              (void);

/**
 * lamp_tray_menu_get_model:
 *
 * Returns: (transfer none): the menu
 */
GMenuModel   *lamp_tray_menu_get_model        (LampTrayMenu *self);

/**
 * lamp_tray_menu_set_summary:
 * @summary: what is going on: the first row
 */
void          lamp_tray_menu_set_summary      (LampTrayMenu *self,
                                               const char   *summary);

/**
 * lamp_tray_menu_set_failed_count:
 * @count: how many failed events there are
 */
void          lamp_tray_menu_set_failed_count (LampTrayMenu *self,
                                               guint64       count);

/**
 * lamp_tray_menu_set_failed:
 * @rows: (element-type LampRow): the last failed events, newest first
 */
void          lamp_tray_menu_set_failed       (LampTrayMenu *self,
                                               GPtrArray    *rows);

G_END_DECLS
