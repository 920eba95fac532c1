/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TIMER_BOOT (lamp_timer_boot_get_type ())

/**
 * LampTimerBoot:
 *
 * The machine's time since it started, its sleep included where the platform
 * can tell. Alarms come on the thread-default main context of the moment they
 * were set.
 */
G_DECLARE_FINAL_TYPE (LampTimerBoot, lamp_timer_boot, LAMP, TIMER_BOOT, GObject)

LampTimer *lamp_timer_boot_new (void);

G_END_DECLS
