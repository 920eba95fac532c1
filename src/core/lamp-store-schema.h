/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-store.h"

G_BEGIN_DECLS

/**
 * LAMP_STORE_SCHEMA_VERSION:
 *
 * The version this program writes (PRAGMA user_version); a file with a higher one is refused.
 */
#define LAMP_STORE_SCHEMA_VERSION 3

/**
 * lamp_store_schema_prepare:
 * @error: return location for a %LAMP_ERROR_STORAGE
 *
 * Makes the tables in a new file, and brings an older one forward, in one
 * transaction. Reads one number when there is nothing to do. On the store's thread.
 *
 * Returns: %FALSE with @error set if the file stays as it was
 */
gboolean lamp_store_schema_prepare (LampStore *store,
                                    GError   **error);

G_END_DECLS
