/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-snapshot.h"
#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_NOTIFIER (lamp_notifier_get_type ())

/**
 * LampNotifier:
 *
 * Tells a person what only a person can mend (section 12 of the specification):
 * events failed, sign-in needed, queue stalled, disk full. Never a success, and
 * nothing at all while the setting “notify” is off. What is over is withdrawn.
 *
 * Its buttons are the application's actions "resend", "replay" and "show", so that they
 * work when nothing but the bus is there to start the agent.
 *
 * Signals: "resend" (), "replay" (), "show" (): a button was pressed.
 */
G_DECLARE_FINAL_TYPE (LampNotifier, lamp_notifier, LAMP, NOTIFIER, GObject)

/**
 * lamp_notifier_new:
 * @application: (not nullable): who notifies; it outlives the notifier and gets the actions
 */
LampNotifier *lamp_notifier_new                 (GApplication *application,
                                                 GSettings    *settings,
                                                 LampTimer    *timer);

/**
 * lamp_notifier_take_snapshot:
 * @snapshot: what is shown to an eye: one of #LampDebounce
 *
 * The first one is where it starts from: failures of before are no news. To be called
 * when @application is registered.
 */
void          lamp_notifier_take_snapshot       (LampNotifier *self,
                                                 LampSnapshot *snapshot);

/**
 * lamp_notifier_set_storage_problem:
 * @problem: (nullable): why no event can be stored, for a person; %NULL if they can
 */
void          lamp_notifier_set_storage_problem (LampNotifier *self,
                                                 const char   *problem);

G_END_DECLS
