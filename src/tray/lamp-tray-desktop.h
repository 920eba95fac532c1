/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * lamp_tray_desktop_get_advice:
 *
 * Returns: (transfer none): what a person can do on this desktop (XDG_CURRENT_DESKTOP) so that
 *   tray icons are shown
 */
const char *lamp_tray_desktop_get_advice (void);

G_END_DECLS
