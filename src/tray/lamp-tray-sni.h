/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-tray.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRAY_SNI (lamp_tray_sni_get_type ())

/**
 * LampTraySni:
 *
 * A tray icon by org.kde.StatusNotifierItem and com.canonical.dbusmenu, as most
 * desktops on Linux and BSD show it. It has a connection to the bus of its own:
 * closing that is the only way to take an icon away that all hosts understand.
 */
G_DECLARE_FINAL_TYPE (LampTraySni, lamp_tray_sni, LAMP, TRAY_SNI, LampTray)

/**
 * lamp_tray_sni_probe:
 * @error: says that there is no session bus
 */
gboolean lamp_tray_sni_probe (GError **error);

G_END_DECLS
