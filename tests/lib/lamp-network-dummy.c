/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-network-dummy.h"

struct _LampNetworkDummy
{
  GObject parent_instance;
};

static void
lamp_network_dummy_iface_init (LampNetworkInterface *iface)
{
}

G_DEFINE_FINAL_TYPE_WITH_CODE (LampNetworkDummy,
                               lamp_network_dummy,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LAMP_TYPE_NETWORK,
                                                      lamp_network_dummy_iface_init))

static void
lamp_network_dummy_class_init (LampNetworkDummyClass *klass)
{
}

static void
lamp_network_dummy_init (LampNetworkDummy *self)
{
}

LampNetwork *
lamp_network_dummy_new (void)
{
  return g_object_new (LAMP_TYPE_NETWORK_DUMMY, NULL);
}
