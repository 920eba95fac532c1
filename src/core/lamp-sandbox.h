/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * lamp_sandbox_is_around:
 *
 * Returns: whether this program runs in a Flatpak sandbox
 */
gboolean lamp_sandbox_is_around (void);

G_END_DECLS
