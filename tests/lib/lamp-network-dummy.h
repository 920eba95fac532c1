/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-network.h"

G_BEGIN_DECLS

#define LAMP_TYPE_NETWORK_DUMMY (lamp_network_dummy_get_type ())

/**
 * LampNetworkDummy:
 *
 * A network that changes when a test calls lamp_network_changed().
 */
G_DECLARE_FINAL_TYPE (LampNetworkDummy, lamp_network_dummy, LAMP, NETWORK_DUMMY, GObject)

LampNetwork *lamp_network_dummy_new (void);

G_END_DECLS
