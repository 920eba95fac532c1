/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-store.h"

G_BEGIN_DECLS

/* The queue's file itself (section 4 of the specification). On the store's thread. */

/**
 * lamp_store_file_open:
 * @error: return location for a %LAMP_ERROR_STORAGE that names the file and the
 *   cause
 *
 * Makes the folder (0700) and the file (0600) where they are missing, refuses what
 * others could replace, opens the database, in WAL mode where the file system can,
 * and brings its tables forward.
 *
 * Returns: %FALSE with @error set if there is no database now
 */
gboolean lamp_store_file_open (LampStore *store,
                               GError   **error);

/**
 * lamp_store_file_mend:
 * @error: return location for a %LAMP_ERROR_STORAGE
 *
 * To be called when SQLite says that the database is damaged. If that is so, a new
 * one takes its place with all that can still be read; the damaged one is moved
 * aside and never deleted, and lamp_store_dup_notice() tells of it. Safe to be
 * stopped anywhere. No database is open afterwards.
 *
 * Returns: %FALSE if the file can't be replaced, with @error set where more is to
 *   be said
 */
gboolean lamp_store_file_mend (LampStore *store,
                               GError   **error);

G_END_DECLS
