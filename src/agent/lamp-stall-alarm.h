/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_STALL_ALARM (lamp_stall_alarm_get_type ())

/**
 * LampStallAlarm:
 *
 * A queue in which nothing happens stalls all the same, by getting old: this rings when
 * it does. Nothing is asked now and then.
 *
 * Signal "ring" (): the oldest pending event has become too old.
 */
G_DECLARE_FINAL_TYPE (LampStallAlarm, lamp_stall_alarm, LAMP, STALL_ALARM, GObject)

LampStallAlarm *lamp_stall_alarm_new (LampTimer      *timer);

/**
 * lamp_stall_alarm_set:
 * @stalls_at: when the oldest pending event becomes too old, Unix µs, 0 if none waits; it
 *   does not ring for what is past
 *
 * Cheap while @stalls_at stays the same.
 */
void            lamp_stall_alarm_set (LampStallAlarm *self,
                                      gint64          stalls_at);

G_END_DECLS
