/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_CONNECTION (lamp_connection_get_type ())

/**
 * LampConnection:
 *
 * Server and token, and a test that tells what works with them and what doesn't. It asks
 * the agent for everything: the window itself talks to no server.
 */
G_DECLARE_FINAL_TYPE (LampConnection, lamp_connection, LAMP, CONNECTION, AdwBin)

/**
 * lamp_connection_set_client:
 * @settings: where the server's address is kept
 *
 * To be called once.
 */
void lamp_connection_set_client  (LampConnection *self,
                                  LampClient     *client,
                                  GSettings      *settings);

/**
 * lamp_connection_grab_entry:
 *
 * Moves the keyboard focus to what has to be filled in first.
 */
void lamp_connection_grab_entry  (LampConnection *self);

G_END_DECLS
