/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the platforms do differently about time: one file for each. */

/**
 * lamp_boot_clock_get_time:
 *
 * Returns: µs since the machine started, its sleep included where the platform can tell
 */
gint64   lamp_boot_clock_get_time   (void);

/**
 * lamp_boot_clock_source_new:
 * @due: when, as of lamp_boot_clock_get_time()
 *
 * Returns: (transfer full): a source that is ready once @due has come
 */
GSource *lamp_boot_clock_source_new (gint64 due);

G_END_DECLS
