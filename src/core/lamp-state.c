/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-state.h"

const char *
lamp_state_to_string (LampState state)
{
  static const char *const names[LAMP_N_STATES] = {
    [LAMP_STATE_UNCONFIGURED] = "unconfigured",
    [LAMP_STATE_PAUSED] = "paused",
    [LAMP_STATE_UNAUTHORIZED] = "unauthorized",
    [LAMP_STATE_MISCONFIGURED] = "misconfigured",
    [LAMP_STATE_THROTTLED] = "throttled",
    [LAMP_STATE_REPLAYING] = "replaying",
    [LAMP_STATE_OFFLINE] = "offline",
    [LAMP_STATE_WAITING] = "waiting",
    [LAMP_STATE_IDLE] = "idle",
  };

  g_return_val_if_fail (state < LAMP_N_STATES, NULL);

  return names[state];
}
