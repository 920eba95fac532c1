/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_PANE (lamp_pane_get_type ())

/**
 * LampPane:
 *
 * As high as what is in its child, a GtkScrolledWindow, at the width that there is; where there is
 * less room, that scrolls. The scrolled window alone would ask for the height of unwrapped text.
 */
G_DECLARE_FINAL_TYPE (LampPane, lamp_pane, LAMP, PANE, AdwBin)

G_END_DECLS
