/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The family of icons (section 11 of the specification): by name where it is installed, as
 * pictures where the program runs from its build tree. */

/**
 * lamp_tray_icons_are_installed:
 *
 * Returns: whether a host will find the icons by their names; a program that was built without
 *   pictures has nothing else
 */
gboolean  lamp_tray_icons_are_installed (void);

/**
 * lamp_tray_icons_dup_name:
 * @icon: for example "offline"
 *
 * Returns: (transfer full): its name in an icon theme
 */
char     *lamp_tray_icons_dup_name      (const char *icon);

/**
 * lamp_tray_icons_load_pixmap:
 *
 * Returns: (transfer floating): the icon in all sizes, an a(iiay) of width, height and
 *   pixels: 4 bytes each, alpha first, not premultiplied
 */
GVariant *lamp_tray_icons_load_pixmap   (const char *icon);

/**
 * lamp_tray_icons_no_pixmap:
 *
 * Returns: (transfer floating): an empty a(iiay)
 */
GVariant *lamp_tray_icons_no_pixmap     (void);

G_END_DECLS
