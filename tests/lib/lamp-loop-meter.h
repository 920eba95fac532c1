/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Measures for how long the main loop is held: the time from one poll's end to the next one's
 * beginning, in which nobody else is served. What servers of the same loop do counts too. */

/**
 * lamp_loop_meter_start:
 *
 * Begins to measure the default main context. Once at a time.
 */
void   lamp_loop_meter_start (void);

/**
 * lamp_loop_meter_stop:
 *
 * Returns: the longest it was held since the start, µs
 */
gint64 lamp_loop_meter_stop  (void);

G_END_DECLS
