/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * LampMenuHostStyle:
 * @LAMP_MENU_HOST_PLASMA: reads one level at a time, submenus when they are opened
 * @LAMP_MENU_HOST_LXQT: reads one level at a time, all of them, and makes everything anew
 * @LAMP_MENU_HOST_GNOME: reads layout and properties apart, and only while the menu is open
 * @LAMP_MENU_HOST_GTK: libdbusmenu-gtk, in XFCE, Waybar and Cinnamon: calls for groups
 * @LAMP_MENU_HOST_MATE: reads everything, and waits for every answer
 * @LAMP_MENU_HOST_SWAY: reads everything, each time that the menu is opened
 *
 * Whose way of asking a scripted host has.
 */
typedef enum
{
  LAMP_MENU_HOST_PLASMA,
  LAMP_MENU_HOST_LXQT,
  LAMP_MENU_HOST_GNOME,
  LAMP_MENU_HOST_GTK,
  LAMP_MENU_HOST_MATE,
  LAMP_MENU_HOST_SWAY,
  LAMP_MENU_HOST_N_STYLES,
} LampMenuHostStyle;

/**
 * LampMenuHost:
 *
 * A tray host's side of a menu (com.canonical.dbusmenu): it asks for what a real one asks, when
 * that does, and keeps what it was told in the way that the real one does, with its weaknesses.
 * Signals wait until lamp_menu_host_settle() or the next thing that the host does. All functions
 * iterate the main context until the answers are there, so the menu may be in the same process.
 */
typedef struct _LampMenuHost LampMenuHost;

/**
 * lamp_menu_host_new:
 * @connection: the host's own connection
 * @bus_name: who has the menu
 * @object_path: where it is
 *
 * Does what the host does when it sees a new menu.
 *
 * Returns: (transfer full): a host
 */
LampMenuHost *lamp_menu_host_new         (LampMenuHostStyle  style,
                                          GDBusConnection   *connection,
                                          const char        *bus_name,
                                          const char        *object_path);

void          lamp_menu_host_free        (LampMenuHost      *self);

/* Returns: what tests call such a host */
const char   *lamp_menu_host_style_name  (LampMenuHostStyle  style);

/**
 * lamp_menu_host_settle:
 *
 * Deals with all signals, until there are none left.
 */
void          lamp_menu_host_settle      (LampMenuHost      *self);

/**
 * lamp_menu_host_open:
 * @id: a submenu, or 0 for the menu
 *
 * Does what the host does when a person opens a menu.
 */
void          lamp_menu_host_open        (LampMenuHost      *self,
                                          gint32             id);

/**
 * lamp_menu_host_open_all:
 *
 * Opens the menu and every submenu that a person can open.
 */
void          lamp_menu_host_open_all    (LampMenuHost      *self);

/**
 * lamp_menu_host_close:
 * @id: a submenu, or 0 for the menu
 */
void          lamp_menu_host_close       (LampMenuHost      *self,
                                          gint32             id);

/**
 * lamp_menu_host_click:
 * @id: any number, even if there is no such item
 * @error: set if the menu answers so
 *
 * Returns: whether the menu took it
 */
gboolean      lamp_menu_host_click       (LampMenuHost      *self,
                                          gint32             id,
                                          GError           **error);

/**
 * lamp_menu_host_find:
 * @label: a label without mnemonics
 *
 * Returns: the id of the first item with that label that a person could see, or -1
 */
gint32        lamp_menu_host_find        (LampMenuHost      *self,
                                          const char        *label);

/**
 * lamp_menu_host_has:
 *
 * Returns: whether the host knows an item with this id
 */
gboolean      lamp_menu_host_has         (LampMenuHost      *self,
                                          gint32             id);

/**
 * lamp_menu_host_show:
 *
 * What a person sees, a row a line, two spaces before those of a submenu:
 *
 * |[
 * Offline, 12 waiting (off)
 * ---
 * [x] Pause {media-pause}
 * ( ) Every hour
 * Failed >
 *   CommentPosted
 * ]|
 *
 * Rows of a submenu that can't be opened are not seen. Labels are as on the bus.
 *
 * Returns: (transfer full): the menu as text
 */
char         *lamp_menu_host_show        (LampMenuHost      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampMenuHost, lamp_menu_host_free)

G_END_DECLS
