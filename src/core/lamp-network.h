/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_NETWORK (lamp_network_get_type ())

/**
 * LampNetwork:
 *
 * Tells when it may be worth trying again: the network has changed, or the
 * machine woke up. Only a hint; whether the server is there is decided by an
 * exchange with it (section 6 of the specification).
 *
 * Signal "changed" (): try now.
 */
G_DECLARE_INTERFACE (LampNetwork, lamp_network, LAMP, NETWORK, GObject)

struct _LampNetworkInterface
{
  GTypeInterface parent_interface;
};

/**
 * lamp_network_changed:
 *
 * For implementations: emits "changed".
 */
void         lamp_network_changed     (LampNetwork *self);

#define LAMP_TYPE_NETWORK_MONITOR (lamp_network_monitor_get_type ())

/**
 * LampNetworkMonitor:
 *
 * The network as #GNetworkMonitor sees it.
 */
G_DECLARE_FINAL_TYPE (LampNetworkMonitor, lamp_network_monitor, LAMP, NETWORK_MONITOR, GObject)

LampNetwork *lamp_network_monitor_new (void);

G_END_DECLS
