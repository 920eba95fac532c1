/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-network.h"

G_BEGIN_DECLS

#define LAMP_TYPE_SLEEP_WATCH (lamp_sleep_watch_get_type ())

/**
 * LampSleepWatch:
 *
 * Tells the network when the machine wakes up, as logind has it. Without a system
 * bus or logind it keeps quiet: a wake-up is a hint, and alarms ring all the same.
 */
G_DECLARE_FINAL_TYPE (LampSleepWatch, lamp_sleep_watch, LAMP, SLEEP_WATCH, GObject)

/**
 * lamp_sleep_watch_new:
 * @network: gets lamp_network_changed() after each wake-up
 *
 * Returns: (transfer full): a watch that begins when the system bus has answered
 */
LampSleepWatch *lamp_sleep_watch_new (LampNetwork *network);

G_END_DECLS
