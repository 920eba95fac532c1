/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_AUTOSTART (lamp_autostart_get_type ())

/**
 * LampAutostart:
 *
 * Starts the agent at login if the setting “autostart” says so: by a file that desktops look for,
 * which is written and removed as the setting changes. Where one is installed for all persons (below
 * g_get_system_config_dirs()), a person's file only switches that off. A person who has switched the
 * file off with the desktop's own means has switched off the setting.
 */
G_DECLARE_FINAL_TYPE (LampAutostart, lamp_autostart, LAMP, AUTOSTART, GObject)

/**
 * lamp_autostart_is_supported:
 *
 * Returns: whether this program can start itself at login: not from a build tree, which may be
 *   gone by then, and not in a sandbox, where such a file reaches nobody
 */
gboolean       lamp_autostart_is_supported (void);

/**
 * lamp_autostart_new:
 * @folder: where such files are, as a rule autostart in the folder for settings
 * @program: the agent's path
 *
 * Returns: (transfer full): follows the setting as long as it lives
 */
LampAutostart *lamp_autostart_new          (GSettings  *settings,
                                            const char *folder,
                                            const char *program);

G_END_DECLS
