/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

#define LAMP_TYPE_TIMER (lamp_timer_get_type ())

/**
 * LampTimer:
 *
 * Time with alarms. It never steps back, and it goes on while the machine
 * sleeps. Tests hand in one that they move by hand.
 */
G_DECLARE_INTERFACE (LampTimer, lamp_timer, LAMP, TIMER, GObject)

/**
 * LampTimerFunc:
 *
 * Called once, on the main context, when an alarm is due.
 */
typedef void (*LampTimerFunc) (gpointer user_data);

struct _LampTimerInterface
{
  GTypeInterface parent_interface;

  gint64 (*get_time)     (LampTimer     *self);
  guint  (*set_alarm)    (LampTimer     *self,
                          gint64         due,
                          LampTimerFunc  func,
                          gpointer       user_data);
  void   (*remove_alarm) (LampTimer     *self,
                          guint          id);
};

/**
 * lamp_timer_get_time:
 *
 * Returns: µs since some moment in the past
 */
gint64 lamp_timer_get_time     (LampTimer     *self);

/**
 * lamp_timer_set_alarm:
 * @due: when, as of lamp_timer_get_time()
 *
 * Returns: a number greater than 0 for lamp_timer_remove_alarm(); it is void once
 *   the alarm was called
 */
guint  lamp_timer_set_alarm    (LampTimer     *self,
                                gint64         due,
                                LampTimerFunc  func,
                                gpointer       user_data);

void   lamp_timer_remove_alarm (LampTimer     *self,
                                guint          id);

/**
 * lamp_timer_clear_alarm:
 * @id: (inout): an alarm that is still to come, or 0; 0 afterwards
 */
void   lamp_timer_clear_alarm  (LampTimer     *self,
                                guint         *id);

G_END_DECLS
