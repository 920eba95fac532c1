/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-snapshot.h"
#include "lamp-timer.h"

G_BEGIN_DECLS

#define LAMP_TYPE_DEBOUNCE (lamp_debounce_get_type ())

/**
 * LampDebounce:
 *
 * What is shown to an eye, made calm: a picture (state, attention, paused) that
 * lasts less than 500 ms is never shown, and numbers change at most 4 times a
 * second. The last snapshot is always shown in the end. Nothing is decided by
 * it; whatever decides takes the snapshots as they come. No alarm is set while
 * nothing changes.
 *
 * Signal "snapshot" (LampSnapshot *steady): show this.
 */
G_DECLARE_FINAL_TYPE (LampDebounce, lamp_debounce, LAMP, DEBOUNCE, GObject)

LampDebounce *lamp_debounce_new  (LampTimer    *timer);

/**
 * lamp_debounce_push:
 *
 * Takes the agent's state of this moment. The first one is shown at once.
 */
void          lamp_debounce_push (LampDebounce *self,
                                  LampSnapshot *snapshot);

/**
 * lamp_debounce_get:
 *
 * Returns: (transfer none) (nullable): what is shown now; %NULL before the first one
 */
LampSnapshot *lamp_debounce_get  (LampDebounce *self);

G_END_DECLS
