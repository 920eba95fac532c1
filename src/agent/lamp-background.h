/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-debounce.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_BACKGROUND (lamp_background_get_type ())

/**
 * LampBackground:
 *
 * Being in the background by leave of the desktop, through org.freedesktop.portal.Background: the
 * setting “autostart” is asked for there, and becomes what was granted; what the agent is about is
 * told there in one line, at most once in 10 s.
 *
 * Asking to be started at login waits for the window (its name on the bus): some desktops refuse
 * for ever what no window asks for.
 *
 * Signal "changed" (): lamp_background_get_problem() tells something else.
 */
G_DECLARE_FINAL_TYPE (LampBackground, lamp_background, LAMP, BACKGROUND, GObject)

/**
 * lamp_background_is_needed:
 *
 * Returns: whether this program runs in a sandbox, which has no other way
 */
gboolean        lamp_background_is_needed   (void);

/**
 * lamp_background_new:
 * @connection: to the session bus
 * @debounce: where the snapshots come from; it has one already
 *
 * Returns: (transfer full): follows setting and snapshots as long as it lives
 */
LampBackground *lamp_background_new         (GDBusConnection *connection,
                                             GSettings       *settings,
                                             LampDebounce    *debounce,
                                             LampTimer       *timer);

/**
 * lamp_background_get_problem:
 *
 * Returns: (transfer none) (nullable): why it isn't started at login though that was wanted, for
 *   a person; as long as there is a window
 */
const char     *lamp_background_get_problem (LampBackground  *self);

G_END_DECLS
