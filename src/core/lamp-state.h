/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampState:
 * @LAMP_STATE_UNCONFIGURED: there is no server
 * @LAMP_STATE_PAUSED: a person holds replay back
 * @LAMP_STATE_UNAUTHORIZED: the server wants another token
 * @LAMP_STATE_MISCONFIGURED: what answers at the server's address isn't the server
 * @LAMP_STATE_THROTTLED: the server asked us to wait
 * @LAMP_STATE_REPLAYING: a pass runs
 * @LAMP_STATE_OFFLINE: the last exchange or probe got no true answer
 * @LAMP_STATE_WAITING: online, and events wait for the next attempt
 * @LAMP_STATE_IDLE: online, nothing to do
 *
 * What the agent is about; the first that holds (section 7 of the specification).
 */
typedef enum
{
  LAMP_STATE_UNCONFIGURED,
  LAMP_STATE_PAUSED,
  LAMP_STATE_UNAUTHORIZED,
  LAMP_STATE_MISCONFIGURED,
  LAMP_STATE_THROTTLED,
  LAMP_STATE_REPLAYING,
  LAMP_STATE_OFFLINE,
  LAMP_STATE_WAITING,
  LAMP_STATE_IDLE,
  LAMP_N_STATES,
} LampState;

/**
 * lamp_state_to_string:
 *
 * Returns: (transfer none): the name on D-Bus, for example "idle"
 */
const char *lamp_state_to_string   (LampState   state);

/**
 * lamp_state_from_string:
 * @state: (out): the state of that name
 *
 * Returns: %FALSE if there is no such state
 */
gboolean    lamp_state_from_string (const char *name,
                                    LampState  *state);

G_END_DECLS
