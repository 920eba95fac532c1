/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * LampTrayHostStyle:
 * @LAMP_TRAY_HOST_PLASMA: reads everything after each signal
 * @LAMP_TRAY_HOST_XFCE: likewise, and draws no attention icon
 * @LAMP_TRAY_HOST_WAYBAR: likewise, and believes no signal's argument
 * @LAMP_TRAY_HOST_LXQT: reads what a signal names
 * @LAMP_TRAY_HOST_GNOME: likewise; knows labels and no tooltips
 * @LAMP_TRAY_HOST_MATE: likewise; knows no attention icon
 * @LAMP_TRAY_HOST_SWAY: likewise; knows no tooltips
 *
 * Whose way of asking a scripted host has.
 */
typedef enum
{
  LAMP_TRAY_HOST_PLASMA,
  LAMP_TRAY_HOST_XFCE,
  LAMP_TRAY_HOST_WAYBAR,
  LAMP_TRAY_HOST_LXQT,
  LAMP_TRAY_HOST_GNOME,
  LAMP_TRAY_HOST_MATE,
  LAMP_TRAY_HOST_SWAY,
  LAMP_TRAY_HOST_N_STYLES,
} LampTrayHostStyle;

/**
 * LampTrayHost:
 *
 * A tray host's side of an icon (org.kde.StatusNotifierItem): it asks for what a real one asks,
 * when that does, and shows what it knows then.
 */
typedef struct _LampTrayHost LampTrayHost;

/**
 * lamp_tray_host_new:
 * @connection: the host's own connection
 * @bus_name: the item's
 *
 * Does what the host does when it sees a new item.
 */
LampTrayHost *lamp_tray_host_new           (LampTrayHostStyle  style,
                                            GDBusConnection   *connection,
                                            const char        *bus_name);

void          lamp_tray_host_free          (LampTrayHost      *self);

const char   *lamp_tray_host_style_name    (LampTrayHostStyle  style);

/**
 * lamp_tray_host_settle:
 *
 * Deals with all signals, until there are none left.
 */
void          lamp_tray_host_settle        (LampTrayHost      *self);

/**
 * lamp_tray_host_show:
 *
 * Returns: (transfer full): what a person sees: "ICON", then what the style knows of
 *   "|STATUS|TITLE|TEXT|LABEL"
 */
char         *lamp_tray_host_show          (LampTrayHost      *self);

/**
 * lamp_tray_host_expect:
 *
 * Returns: (transfer full): what lamp_tray_host_show() is to return for an item that shows this
 */
char         *lamp_tray_host_expect        (LampTrayHostStyle  style,
                                            const char        *icon,
                                            const char        *status,
                                            const char        *title,
                                            const char        *text,
                                            const char        *label);

/**
 * lamp_tray_host_get_n_signals:
 *
 * Returns: how many signals have come
 */
guint         lamp_tray_host_get_n_signals (LampTrayHost      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampTrayHost, lamp_tray_host_free)

G_END_DECLS
