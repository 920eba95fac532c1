/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-store.h"

G_BEGIN_DECLS

/* The trend in the queue's file. Only on the store's thread, inside a job. */

/* Appends each point since @since (Unix µs) to @points, an array of LampTrendPoint, the oldest first. */
gboolean lamp_store_read_trend  (LampStore  *store,
                                 gint64      since,
                                 GArray     *points,
                                 GError    **error);

/* Writes @points, an array of LampTrendPoint, over those of the same minutes, and forgets what is
 * older than @oldest (Unix µs). */
gboolean lamp_store_write_trend (LampStore  *store,
                                 GArray     *points,
                                 gint64      oldest,
                                 GError    **error);

G_END_DECLS
