/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-tray.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRAY_NULL (lamp_tray_null_get_type ())

/**
 * LampTrayNull:
 *
 * No tray. Its status is why the others didn't fit.
 */
G_DECLARE_FINAL_TYPE (LampTrayNull, lamp_tray_null, LAMP, TRAY_NULL, LampTray)

/**
 * lamp_tray_null_probe:
 *
 * Returns: %TRUE
 */
gboolean lamp_tray_null_probe (GError **error);

G_END_DECLS
