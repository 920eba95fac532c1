/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-state.h"

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

const char *
lamp_state_to_string (LampState state)
{
  g_return_val_if_fail (state < LAMP_N_STATES, NULL);

  return names[state];
}

gboolean
lamp_state_from_string (const char *name,
                        LampState  *state)
{
  for (guint i = 0; i < LAMP_N_STATES; i++)
    if (g_str_equal (names[i], name))
      {
        *state = i;
        return TRUE;
      }

  return FALSE;
}
