/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-service.h"

G_BEGIN_DECLS

#define LAMP_TYPE_RELAY (lamp_relay_get_type ())

/**
 * LampRelay:
 *
 * An agent that is replaced has no name any more while it finishes its batch in flight,
 * so nobody hears what became of it. The new agent says it in its place.
 */
G_DECLARE_FINAL_TYPE (LampRelay, lamp_relay, LAMP, RELAY, GObject)

/**
 * lamp_relay_new:
 * @predecessor: the unique name of the agent that is replaced
 * @service: who says what @predecessor says
 *
 * To be called before the name changes hands, so that nothing falls between the two.
 */
LampRelay *lamp_relay_new (GDBusConnection *connection,
                           const char      *predecessor,
                           LampService     *service);

G_END_DECLS
