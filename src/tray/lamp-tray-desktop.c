/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-tray-desktop.h"

#include <glib/gi18n.h>

static const struct
{
  const char *desktop;
  const char *advice;
} desktops[] = {
  /* TRANSLATORS: behind “No program shows tray icons now. ”, as what follows */
  { "GNOME", N_("Install the extension “AppIndicator and KStatusNotifierItem Support” and "
                "switch it on.") },
  { "KDE", N_("Add the widget “System Tray” to the panel.") },
  { "XFCE", N_("Add “Status Tray Plugin” to the panel.") },
  { "MATE", N_("Add “Notification Area” to the panel.") },
  { "X-Cinnamon", N_("Add the applet “XApp Status Applet” to the panel.") },
  { "LXQt", N_("Add “Status Notifier Plugin” to the panel.") },
  { "COSMIC", N_("Add the applet “Notification Tray” to the panel.") },
  { "sway", N_("Start a bar with a tray, such as Waybar with its module “tray”.") },
  { "Hyprland", N_("Start a bar with a tray, such as Waybar with its module “tray”.") },
};

const char *
lamp_tray_desktop_get_advice (void)
{
  const char *current = g_getenv ("XDG_CURRENT_DESKTOP");
  g_auto (GStrv) names = g_strsplit (current != NULL ? current : "", ":", -1);

  /* The most specific name comes first, as in "ubuntu:GNOME". */
  for (gsize i = 0; names[i] != NULL; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (desktops); j++)
      if (g_ascii_strcasecmp (names[i], desktops[j].desktop) == 0)
        return _(desktops[j].advice);

  return _("Start a panel with a tray (“StatusNotifier” or “AppIndicator”).");
}
