/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * lamp_guard_check:
 * @path: the queue's file, which need not exist
 * @error: return location for a %LAMP_ERROR_STORAGE that says what to do
 *
 * Whether nobody else can put another file in the queue's place: the file must
 * not be a symbolic link that somebody else made, and its folder must not be
 * open to others for writing (section 4 of the specification). A folder with the
 * sticky bit, like the one for temporary files, is closed enough. What the
 * platform can't tell passes.
 *
 * Returns: %FALSE with @error set if the file must not be used
 */
gboolean lamp_guard_check      (const char *path,
                                GError    **error);

/**
 * lamp_guard_dup_target:
 * @path: the queue's file, which need not exist
 *
 * What SQLite keeps beside a database lies beside the file itself, not beside a link
 * to it; so does what is to be watched and guarded.
 *
 * Returns: (transfer full): where the person's own symbolic link leads, else @path
 */
char    *lamp_guard_dup_target (const char *path);

G_END_DECLS
