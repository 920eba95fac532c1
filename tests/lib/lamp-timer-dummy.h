/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TIMER_DUMMY (lamp_timer_dummy_get_type ())

/**
 * LampTimerDummy:
 *
 * Time that stands still until a test moves it. Alarms are called in the order in
 * which they are due, each at its own time.
 */
G_DECLARE_FINAL_TYPE (LampTimerDummy, lamp_timer_dummy, LAMP, TIMER_DUMMY, GObject)

LampTimerDummy *lamp_timer_dummy_new          (void);

/**
 * lamp_timer_dummy_advance:
 * @delay: µs
 */
void            lamp_timer_dummy_advance      (LampTimerDummy *self,
                                               gint64          delay);

/**
 * lamp_timer_dummy_sleep:
 * @delay: µs
 *
 * The machine sleeps: no alarm is called while time goes on; what was due meanwhile is
 * called when it wakes.
 */
void            lamp_timer_dummy_sleep        (LampTimerDummy *self,
                                               gint64          delay);

/**
 * lamp_timer_dummy_next_alarm:
 *
 * Moves to the next alarm and calls it; there must be one.
 */
void            lamp_timer_dummy_next_alarm   (LampTimerDummy *self);

/**
 * lamp_timer_dummy_get_delay:
 *
 * Returns: µs until the next alarm, -1 if there is none
 */
gint64          lamp_timer_dummy_get_delay    (LampTimerDummy *self);

guint           lamp_timer_dummy_get_n_alarms (LampTimerDummy *self);

G_END_DECLS
