/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-network.h"

G_DEFINE_INTERFACE (LampNetwork, lamp_network, G_TYPE_OBJECT)

static guint changed_signal;

static void
lamp_network_default_init (LampNetworkInterface *iface)
{
  changed_signal = g_signal_new ("changed", LAMP_TYPE_NETWORK, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                 NULL, G_TYPE_NONE, 0);
}

void
lamp_network_changed (LampNetwork *self)
{
  g_return_if_fail (LAMP_IS_NETWORK (self));

  g_signal_emit (self, changed_signal, 0);
}

struct _LampNetworkMonitor
{
  GObject parent_instance;
};

static void
lamp_network_monitor_iface_init (LampNetworkInterface *iface)
{
}

G_DEFINE_FINAL_TYPE_WITH_CODE (LampNetworkMonitor,
                               lamp_network_monitor,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_NETWORK,
                                                      lamp_network_monitor_iface_init))

static void
lamp_network_monitor_class_init (LampNetworkMonitorClass *klass)
{
}

static void
lamp_network_monitor_init (LampNetworkMonitor *self)
{
  g_signal_connect_object (g_network_monitor_get_default (), "network-changed",
                           G_CALLBACK (lamp_network_changed), self, G_CONNECT_SWAPPED);
}

LampNetwork *
lamp_network_monitor_new (void)
{
  return g_object_new (LAMP_TYPE_NETWORK_MONITOR, NULL);
}
