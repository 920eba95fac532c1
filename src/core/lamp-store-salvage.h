/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <sqlite3.h>

#include "lamp-store.h"

G_BEGIN_DECLS

/**
 * lamp_store_salvage:
 * @store: a store whose new, empty database is open, inside a write transaction
 * @damaged: the damaged database, which is only read
 * @error: return location for a %LAMP_ERROR_STORAGE of the new database
 *
 * Copies every row that can still be read, with its id, so that the order stays;
 * of the rest of the state what can be had. What can't be read is left out and
 * no error. On the store's thread.
 *
 * Returns: how many events were saved, -1 with @error set if the new database
 *   can't take them
 */
gint64 lamp_store_salvage (LampStore *store,
                           sqlite3   *damaged,
                           GError   **error);

G_END_DECLS
